//! A package (ECMA-376 part 2): a ZIP archive whose parts have names and refer to each other.
//!
//! Names are compared case-insensitively, and backslashes, which some .NET programs write, count as slashes.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::formats::error::FormatError;
use crate::formats::utf8_part::Utf8Part;
use crate::formats::xml_part::{XmlPart, attribute};

/// An opened package.
pub(super) struct Package<R> {
    archive: ZipArchive<R>,
    /// The archive index of each part by its name.
    places: HashMap<String, usize>,
}

/// A part that is being read.
pub(super) type Part<'p, R> = BufReader<Utf8Part<ZipFile<'p, R>>>;

/// A reference from one part to another.
#[derive(Debug)]
pub(super) struct Relationship {
    /// Its id in the referring part.
    pub id: String,
    /// The last segment of its type, such as `worksheet`; transitional and strict files share it.
    pub kind: String,
    /// The name of the target part.
    pub target: String,
}

impl<R: Read + Seek> Package<R> {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// The archive is damaged.
    pub(super) fn open(source: R) -> Result<Self, FormatError> {
        let archive = ZipArchive::new(source).map_err(damaged)?;
        let names = archive.file_names_raw().enumerate();
        let places = names
            .map(|(place, name)| (normal(&String::from_utf8_lossy(name)), place))
            .collect();
        Ok(Package { archive, places })
    }

    /// Whether there is a part with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(&normal(name))
    }

    /// The name of the part at a place, as the archive has it.
    pub(super) fn name(&self, place: usize) -> String {
        let name = self.archive.file_names_raw().nth(place).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// The number of parts.
    pub(super) fn len(&self) -> usize {
        self.archive.len()
    }

    /// The part with this index.
    ///
    /// # Errors
    /// The part is damaged.
    pub(super) fn part_at(&mut self, place: usize) -> Result<Part<'_, R>, FormatError> {
        let file = self.archive.by_index(place).map_err(damaged)?;
        Ok(BufReader::with_capacity(32 * 1024, Utf8Part::new(file)))
    }

    /// The index of the part with this name, if there is one.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let place = self.places.get(&normal(name)).copied();
        // A blank may be written as `%20` in a reference.
        place.or_else(|| self.places.get(&normal(&decoded(name)?)).copied())
    }

    /// The part with this name, if there is one.
    ///
    /// # Errors
    /// The part is damaged.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Part<'_, R>>, FormatError> {
        let place = self.place(name);
        place.map(|place| self.part_at(place)).transpose()
    }

    /// The relationships of the part `name`, at most `max`; `""` is the package itself.
    ///
    /// # Errors
    /// The relationships part is damaged.
    pub(super) fn relationships(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Vec<Relationship>, FormatError> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let Some(part) = self.part(&format!("{folder}/_rels/{file}.rels"))? else {
            return Ok(Vec::new());
        };
        let mut xml = XmlPart::new(part);
        let mut found = Vec::new();
        while let Some(event) = xml.next()? {
            let Event::Start(start) = event else {
                continue;
            };
            if start.local_name().as_ref() != "Relationship" || found.len() >= max {
                continue;
            }
            let kind = attribute(&start, "Type").unwrap_or_default();
            let target = attribute(&start, "Target").unwrap_or_default();
            found.push(Relationship {
                id: attribute(&start, "Id").unwrap_or_default().into_owned(),
                kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                target: resolved(folder, &target),
            });
        }
        Ok(found)
    }
}

/// Normalizes a name for comparison.
pub(super) fn normal(name: &str) -> String {
    let name = name.replace('\\', "/").to_lowercase();
    name.trim_start_matches('/').to_owned()
}

/// Resolves `target` relative to `folder`.
fn resolved(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let base = match target.starts_with('/') {
        true => "",
        false => folder,
    };
    let mut steps: Vec<&str> = Vec::new();
    for step in base.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => _ = steps.pop(),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// Decodes `%XX` in a name; `None` if an escape is invalid.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut pieces = name.split('%');
    bytes.extend(pieces.next()?.as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The error for a damaged archive.
pub(super) fn damaged(error: ZipError) -> FormatError {
    FormatError::workbook(match error {
        ZipError::UnsupportedArchive(_) => {
            "its parts are compressed or encrypted in an unusual way"
        }
        _ => "it is damaged or cut off",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    #[test]
    fn names_and_references_are_normalized() {
        assert_eq!(normal("xl\\Workbook.xml"), "xl/workbook.xml");
        assert_eq!(normal("/xl/a.xml"), "xl/a.xml");
        for (folder, target, expected) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/a.xml", "xl/a.xml"),
            ("xl/worksheets", "..\\a.xml", "xl/a.xml"),
            ("", "xl\\workbook.xml", "xl/workbook.xml"),
            ("xl", "./../../../a.xml", "a.xml"),
        ] {
            assert_eq!(resolved(folder, target), expected, "{target}");
        }
        assert_eq!(decoded("my%20sheet.xml").as_deref(), Some("my sheet.xml"));
        assert_eq!(decoded("100%"), None);
    }

    #[test]
    fn parts_are_found_by_their_relationships() {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let form = zip::write::SimpleFileOptions::default();
        for (name, content) in [
            (
                "_rels\\.rels",
                "<R><Relationship Id='r1' Type='a/b/officeDocument' Target='xl\\book.xml'/></R>",
            ),
            ("xl\\Book.xml", "<book/>"),
            ("xl/my sheet.xml", "<sheet/>"),
        ] {
            writer.start_file(name, form).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        let mut package = Package::open(writer.finish().unwrap()).unwrap();
        let found = package.relationships("", 10).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].id.as_str(), found[0].kind.as_str()),
            ("r1", "officeDocument")
        );
        let mut read = |name: &str| {
            let mut text = String::new();
            let part = package.part(name).unwrap()?;
            { part }.read_to_string(&mut text).unwrap();
            Some(text)
        };
        assert_eq!(read(&found[0].target).as_deref(), Some("<book/>"));
        assert_eq!(read("xl/my%20sheet.xml").as_deref(), Some("<sheet/>"));
        assert_eq!(read("xl/other.xml"), None);
        assert!(package.relationships("xl/book.xml", 10).unwrap().is_empty());
    }
}

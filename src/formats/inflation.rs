//! What an xlsx workbook comes to when it is inflated, found out before it is read.
//!
//! The library that reads it believes what a part says of itself: it makes room for as many texts as
//! the part announces, and keeps texts and formats in memory. Room that cannot be made ends the whole
//! process. So every part is inflated once, counted and thrown away; the counts are of what was really
//! there, not of what the archive says, and the library reads the same bytes by the same reader.

use std::io::{BufReader, Read, Seek};

use memchr::memmem::find_iter;
use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::formats::error::FormatError;
use crate::formats::tags::Tags;

/// What a workbook may come to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all parts, inflated.
    pub inflated: u64,
    /// Bytes of memory for what is kept of it.
    pub memory: u64,
}

const TEXTS: &str = "sharedstrings.xml";
const STYLES: &str = "styles.xml";

/// Bytes of memory, counted generously, for each time that a word stands in a part whose name ends so.
const COSTS: [(&str, &[u8], u64); 8] = [
    (TEXTS, b"<si", 64),
    (TEXTS, b":si", 64),
    (STYLES, b"<", 256),
    ("theme1.xml", b"<", 256),
    (".rels", b"<", 256),
    // Any part may be the one that lists the sheets.
    ("", b"<sheet", 256),
    ("", b":sheet", 256),
    ("", b"definedName", 128),
];

/// One byte less than the longest of those words.
const OVERLAP: usize = 10;

/// Inflates every part of the workbook in `source` and checks what it comes to.
///
/// # Errors
/// It is no workbook of this kind, damaged, or too large.
pub fn check(source: impl Read + Seek, limits: Limits) -> Result<(), FormatError> {
    let mut archive = ZipArchive::new(source).map_err(damaged)?;
    recognise(&archive)?;
    let (mut inflated, mut memory) = (0, 0);
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        drop(part);
        if name.ends_with(TEXTS) {
            let part = archive.by_index(index).map_err(damaged)?;
            let texts = announced_texts(part).ok_or(FormatError::Workbook {
                what: "its table of texts is damaged",
                line: 0,
            })?;
            memory = texts.saturating_mul(24).saturating_add(memory);
        }
        let mut part = Part::new(&name, inflated, limits.inflated);
        part.read(archive.by_index(index).map_err(damaged)?)?;
        inflated = part.inflated;
        memory = part.cost().saturating_add(memory);
        if memory > limits.memory {
            return Err(FormatError::WorkbookTooLarge {
                what: "of texts and formats",
                limit: limits.memory,
                setting: "files.workbook_memory_bytes",
            });
        }
    }
    Ok(())
}

/// Tells what other archives are.
fn recognise<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<(), FormatError> {
    let has = |wanted: &str| {
        archive
            .file_names_raw()
            .any(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let found = if has("xl/workbook.bin") {
        "a binary Excel workbook (.xlsb)"
    } else if has("content.xml") {
        "an OpenDocument file (.ods)"
    } else if has("word/document.xml") {
        "a Word document"
    } else if !has("_rels/.rels") {
        "a ZIP archive and not a workbook"
    } else {
        return Ok(());
    };
    Err(FormatError::OtherWorkbook { found })
}

fn damaged(error: ZipError) -> FormatError {
    let what = match error {
        ZipError::UnsupportedArchive(_) => {
            "its parts are compressed or encrypted in an unusual way"
        }
        _ => "it is damaged or cut off",
    };
    FormatError::Workbook { what, line: 0 }
}

/// How many texts the part says it has: for so many the library makes room. None: it does not begin as
/// every program writes it.
fn announced_texts(part: impl Read) -> Option<u64> {
    let mut reader = quick_xml::Reader::from_reader(BufReader::new(part.take(64 * 1024)));
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).ok()? {
            Event::Start(start) | Event::Empty(start) if start.local_name().as_ref() == "sst" => {
                let tag: &str = &start;
                let told = tag.split("uniqueCount").skip(1).map(|rest| {
                    let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
                    let end = digits.find(|c: char| !c.is_ascii_digit());
                    let number = digits.get(..end.unwrap_or(digits.len()));
                    number.and_then(|number| number.parse().ok())
                });
                // A number that is too long to be one is the largest there is.
                let told = told.map(|count: Option<u64>| count.unwrap_or(u64::MAX));
                return Some(told.max().unwrap_or_default());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

struct Part<'n> {
    name: &'n str,
    inflated: u64,
    limit: u64,
    words: u64,
    formats: u64,
    tags: Tags,
}

impl<'n> Part<'n> {
    fn new(name: &'n str, inflated: u64, limit: u64) -> Self {
        Part {
            name,
            inflated,
            limit,
            words: 0,
            formats: 0,
            tags: Tags::new(),
        }
    }

    fn read(&mut self, mut source: impl Read) -> Result<(), FormatError> {
        let mut buffer = vec![0; 128 * 1024];
        let mut kept = 0;
        loop {
            let room = buffer.get_mut(kept..).unwrap_or_default();
            let count = source.read(room).map_err(|_| FormatError::Workbook {
                what: "one of its parts is damaged",
                line: 0,
            })?;
            if count == 0 {
                return Ok(());
            }
            self.inflated += count as u64;
            if self.inflated > self.limit {
                return Err(FormatError::WorkbookTooLarge {
                    what: "when it is inflated",
                    limit: self.limit,
                    setting: "files.workbook_inflated_bytes",
                });
            }
            self.count(buffer.get(..kept + count).unwrap_or_default(), kept);
            let end = kept + count;
            let start = end.saturating_sub(OVERLAP);
            buffer.copy_within(start..end, 0);
            kept = end - start;
        }
    }

    /// Counts the words that end behind the first `old` bytes, which were counted before.
    fn count(&mut self, text: &[u8], old: usize) {
        for (end, word, cost) in COSTS {
            if self.name.ends_with(end) {
                let new = text
                    .get(old.saturating_sub(word.len() - 1)..)
                    .unwrap_or_default();
                self.words += cost * find_iter(new, word).count() as u64;
            }
        }
        if self.name.ends_with(STYLES) {
            let with_start = text.get(old.saturating_sub(1)..).unwrap_or_default();
            self.formats += find_iter(with_start, b"xf").count() as u64;
        }
        self.tags.read(text.get(old..).unwrap_or_default());
    }

    /// Bytes of memory that the part takes at the most.
    fn cost(&self) -> u64 {
        let kept = match self.name.ends_with(TEXTS) {
            true => self.tags.bytes(),
            false => 0,
        };
        // Each format has copies of its font's name, its number format and so on.
        let formats = (self.formats * 4).saturating_mul(self.tags.longest_tag());
        // A cell is copied on its way out: from the XML, as text, as text without escapes, into the row.
        let on_its_way = 4 * self.tags.longest_item();
        [self.words, kept, formats, on_its_way]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn archive(parts: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn check_parts(parts: &[(&str, &[u8])]) -> String {
        let limits = Limits {
            inflated: 10_000_000,
            memory: 1_000_000,
        };
        match check(archive(parts), limits) {
            Ok(()) => "good".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn other_archives_are_named() {
        assert_eq!(check_parts(&[("_rels/.rels", b"<a/>")]), "good");
        assert!(check_parts(&[("a.txt", b"")]).contains("ZIP archive"));
        assert!(check_parts(&[("content.xml", b"")]).contains(".ods"));
        assert!(check_parts(&[("xl/workbook.bin", b"")]).contains(".xlsb"));
    }

    #[test]
    fn what_is_really_there_counts() {
        let zeros = vec![b' '; 10_000_000];
        let large = check_parts(&[("_rels/.rels", b""), ("xl/media/a.bin", &zeros[..200_000])]);
        assert_eq!(large, "good");
        let bomb = check_parts(&[("_rels/.rels", b"<a>"), ("xl/a.bin", &zeros)]);
        assert!(bomb.contains("files.workbook_inflated_bytes"), "{bomb}");
        let cells = b"<c></c>".repeat(800_000);
        let halves = check_parts(&[("_rels/.rels", b""), ("a", &cells), ("b", &cells)]);
        assert!(
            halves.contains("10000000 bytes when it is inflated"),
            "{halves}"
        );
        let cell = [b"<c>", &zeros[..300_000], b"</c>"].concat();
        let one_cell = check_parts(&[("_rels/.rels", b""), ("a", &cell)]);
        assert!(
            one_cell.contains("files.workbook_memory_bytes"),
            "{one_cell}"
        );
    }

    #[test]
    fn texts_and_formats_have_a_price() {
        let part = |name: &str, text: String| {
            check_parts(&[("_rels/.rels", b""), (name, text.as_bytes())])
        };
        let texts = |head: &str, count: usize| {
            let text = format!("{head}{}</sst>", "<si/>".repeat(count));
            part("xl/sharedStrings.xml", text)
        };
        let too_large = |answer: String| answer.contains("files.workbook_memory_bytes");
        assert_eq!(texts("<sst uniqueCount=\"8000\">", 8_000), "good");
        assert!(too_large(texts("<sst>", 20_000)));
        assert!(too_large(texts("<sst uniqueCount=\"999999999999\">", 1)));
        assert!(too_large(texts(
            "<x:sst uniqueCount=\"99999999999999999999999\">",
            1
        )));
        let late = part("xl/sharedStrings.xml", "<!-- -->".repeat(10_000));
        assert!(late.contains("table of texts"));
        let format = format!("<numFmt formatCode=\"{}\"/>", "0".repeat(10_000));
        let styles = |xfs: usize| part("xl/STYLES.xml", format!("{format}{}", "<xf/>".repeat(xfs)));
        assert_eq!(styles(10), "good");
        assert!(too_large(styles(100)));
        assert!(too_large(part("xl/any.xml", "<sheet/>".repeat(5_000))));
    }
}

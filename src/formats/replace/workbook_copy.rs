//! A workbook of Office Open XML with other texts and numbers in its cells.
//!
//! What an import reads is copied: the sheets of cells, the texts that they share, the formats of numbers, how
//! dates are counted, and whether the results of formulas can be relied on. Nothing else is: no properties but the
//! name of the program, no comments, links, names, pictures, macros, headers, footers, or rules for input. Formulas
//! stay formulas, without what they calculate. Texts with formats inside them become plain.

use std::collections::HashSet;
use std::io::{BufRead, Cursor, Read, Seek, Write};

use quick_xml::events::{BytesStart, Event};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::formats::error::FormatError;
use crate::formats::inflation::{self, Limits};
use crate::formats::memory::Memory;
use crate::formats::number_format::NumberFormat;
use crate::formats::package::{Package, damaged, normal};
use crate::formats::replace::text::Text;
use crate::formats::settings::Settings;
use crate::formats::styles;
use crate::formats::texts;
use crate::formats::workbook_part::WorkbookPart;
use crate::formats::xml_part::{XmlPart, attribute};

/// Says what stands in the place of a text; none: the text.
type Replacement<'r> = &'r mut dyn FnMut(Text<'_>) -> Option<String>;

/// Kinds of relationships to what is copied.
const KINDS: [&str; 7] = [
    "officeDocument",
    "extended-properties",
    "extendedProperties",
    "worksheet",
    "sharedStrings",
    "styles",
    "calcChain",
];

/// Elements of a sheet beside its cells that are copied.
const OF_SHEET: [&str; 5] = ["dimension", "sheetFormatPr", "cols", "col", "mergeCells"];

/// Elements of the formats that are not copied: names that users give, and what is not read.
const NOT_OF_STYLES: [&str; 5] = ["cellStyles", "dxfs", "tableStyles", "colors", "extLst"];

/// Attributes of rows that are copied.
const OF_ROW: [&str; 7] = [
    "r",
    "spans",
    "s",
    "customFormat",
    "ht",
    "customHeight",
    "hidden",
];

/// Bytes of the program's properties that are looked at.
const PROPERTIES: u64 = 64 * 1024;

/// The workbook `bytes` with other texts.
///
/// # Errors
/// It is damaged or too large.
pub(super) fn copy(
    bytes: &[u8],
    settings: &Settings,
    replacement: Replacement<'_>,
) -> Result<Vec<u8>, FormatError> {
    let mut package = Package::open(Cursor::new(bytes))?;
    let limits = Limits {
        inflated: settings.workbook_inflated_bytes,
        memory: settings.memory_of_one(),
    };
    inflation::check(&mut package, limits)?;
    let mut memory = Memory::new(limits.memory);
    let book = WorkbookPart::read(&mut package, &mut memory)?;
    let formats = match package.part(&book.styles)? {
        Some(part) => styles::read(part, &mut memory)?,
        None => Vec::new(),
    };
    let roles = roles(&mut package, &book)?;
    let written: HashSet<String> = roles.iter().map(|(_, name, _)| normal(name)).collect();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (place, name, role) in roles {
        archive
            .start_file(&name, SimpleFileOptions::default())
            .map_err(damaged)?;
        let part = package.part_at(place)?;
        let text = match role {
            Role::ContentTypes => content_types(part, &written)?,
            Role::Relationships => relationships(part)?,
            Role::Properties => properties(part),
            Role::Workbook => workbook(part)?,
            Role::Styles => whole(part, &NOT_OF_STYLES)?,
            Role::Chain => whole(part, &[])?,
            Role::Texts => shared_texts(part, replacement)?,
            Role::Sheet => sheet(part, &formats, replacement)?,
        };
        archive.write_all(text.as_bytes())?;
    }
    let written = archive.finish().map_err(damaged)?;
    Ok(written.into_inner())
}

/// What a part of the package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    ContentTypes,
    Relationships,
    Properties,
    Workbook,
    Styles,
    Chain,
    Texts,
    Sheet,
}

/// The parts that are copied, in their order: place, name, and what each is for.
fn roles<R: Read + Seek>(
    package: &mut Package<R>,
    book: &WorkbookPart,
) -> Result<Vec<(usize, String, Role)>, FormatError> {
    let of_package = package.relationships("", package_limit())?;
    let target = |kind: &str| {
        let found = of_package.iter().find(|one| one.kind == kind);
        found.map(|one| one.target.clone())
    };
    let main = target("officeDocument").unwrap_or_else(|| "xl/workbook.xml".into());
    let properties = target("extended-properties")
        .or_else(|| target("extendedProperties"))
        .unwrap_or_else(|| "docProps/app.xml".into());
    let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
    let of_book = package.relationships(&main, package_limit())?;
    let chain = of_book.iter().find(|one| one.kind == "calcChain");
    let chain = chain.map_or(format!("{folder}/calcChain.xml"), |one| one.target.clone());
    let named = [
        ("[Content_Types].xml".to_owned(), Role::ContentTypes),
        ("_rels/.rels".to_owned(), Role::Relationships),
        (format!("{folder}/_rels/{file}.rels"), Role::Relationships),
        (properties, Role::Properties),
        (main.clone(), Role::Workbook),
        (book.styles.clone(), Role::Styles),
        (chain, Role::Chain),
        (book.texts.clone(), Role::Texts),
    ];
    let sheets = book
        .sheets
        .iter()
        .map(|sheet| (sheet.part.clone(), Role::Sheet));
    let mut found = Vec::new();
    let mut places = HashSet::new();
    for (name, role) in named.into_iter().chain(sheets) {
        // A part that has two roles is read as the first one of them.
        if let Some(place) = package.place(&name).filter(|place| places.insert(*place)) {
            found.push((place, package.name(place), role));
        }
    }
    found.sort_by_key(|(place, _, _)| *place);
    Ok(found)
}

/// Relationships that are looked at.
fn package_limit() -> usize {
    10_000
}

/// Begins an XML part in UTF-8.
fn declaration() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n".to_owned()
}

/// Which parts are of which kind, without those that are not written.
fn content_types(part: impl BufRead, written: &HashSet<String>) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let mut text = declaration();
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) => {
                let is_gone = start.local_name().as_ref() == "Override"
                    && !attribute(&start, "PartName")
                        .is_some_and(|name| written.contains(&normal(&name)));
                match is_gone {
                    true => xml.skip()?,
                    false => open_whole(&mut text, &start),
                }
            }
            Event::End(end) => close(&mut text, end.name().as_ref()),
            _ => {}
        }
    }
    Ok(text)
}

/// What a part refers to, as far as it is copied.
fn relationships(part: impl BufRead) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let mut text = declaration();
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) => {
                let kind = attribute(&start, "Type").unwrap_or_default();
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                let is_gone = start.local_name().as_ref() == "Relationship"
                    && (!KINDS.contains(&kind.as_str())
                        || attribute(&start, "TargetMode").is_some_and(|mode| mode == "External"));
                match is_gone {
                    true => xml.skip()?,
                    false => open_whole(&mut text, &start),
                }
            }
            Event::End(end) => close(&mut text, end.name().as_ref()),
            _ => {}
        }
    }
    Ok(text)
}

/// The program's properties, of which only its name is copied: it says whether formulas were calculated. Those
/// that cannot be read say nothing, as when they are imported.
fn properties(part: impl Read) -> String {
    const SPACE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties";
    let mut text = String::new();
    if part.take(PROPERTIES).read_to_string(&mut text).is_err() {
        text.clear();
    }
    let program = text
        .split_once("Application>")
        .map_or("", |(_, behind)| behind);
    let end = program.find('<').unwrap_or(program.len());
    let is_name =
        |it: &char| it.is_ascii_alphanumeric() || matches!(it, ' ' | '.' | '-' | '/' | '_');
    let program = program.get(..end).unwrap_or_default();
    let program: String = program.chars().take_while(is_name).take(80).collect();
    format!(
        "{}<Properties xmlns=\"{SPACE}\"><Application>{program}</Application></Properties>",
        declaration()
    )
}

/// The names of the sheets, how dates are counted, and what is said of the results of formulas.
fn workbook(part: impl BufRead) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let (mut root, mut prefix) = (String::new(), String::new());
    let (mut settings, mut sheets, mut calculation) = (String::new(), String::new(), String::new());
    while let Some(event) = xml.next()? {
        let Event::Start(start) = event else {
            continue;
        };
        let own = match start.name().prefix() {
            Some(prefix) => format!("{}:", prefix.as_ref()),
            None => String::new(),
        };
        match start.local_name().as_ref() {
            "workbook" if root.is_empty() => {
                prefix = own;
                root = open_root(&start);
            }
            "workbookPr" => open(&mut settings, &start, &["date1904"], true),
            "sheet" => open(
                &mut sheets,
                &start,
                &["name", "sheetId", "state", "id"],
                true,
            ),
            "calcPr" => {
                let kept = ["calcId", "fullCalcOnLoad", "calcCompleted"];
                open(&mut calculation, &start, &kept, true);
            }
            _ => {}
        }
    }
    if root.is_empty() {
        root = "<workbook>".to_owned();
    }
    Ok(format!(
        "{}{root}{settings}<{prefix}sheets>{sheets}</{prefix}sheets>{calculation}</{prefix}workbook>",
        declaration()
    ))
}

/// A part as it is, without the elements that are `left_out`, without text, and without the words in formats of
/// numbers.
fn whole(part: impl BufRead, left_out: &[&str]) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let mut text = declaration();
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) if left_out.contains(&start.local_name().as_ref()) => xml.skip()?,
            Event::Start(start) if start.local_name().as_ref() == "numFmt" => {
                text.push('<');
                text.push_str(start.name().as_ref());
                for attribute in start.attributes().with_checks(false).flatten() {
                    let value = without_words(&attribute.value);
                    push_attribute(&mut text, attribute.key.as_ref(), &value);
                }
                text.push('>');
            }
            Event::Start(start) => open_whole(&mut text, &start),
            Event::End(end) => close(&mut text, end.name().as_ref()),
            _ => {}
        }
    }
    Ok(text)
}

/// A format of numbers with an `x` for each letter and digit that stands in quotation marks.
fn without_words(code: &str) -> String {
    let pieces = code
        .split("&quot;")
        .enumerate()
        .map(|(number, piece)| match number % 2 {
            0 => piece.to_owned(),
            _ => piece
                .chars()
                .map(|it| if it.is_alphanumeric() { 'x' } else { it })
                .collect(),
        });
    pieces.collect::<Vec<_>>().join("&quot;")
}

/// The texts that cells share.
fn shared_texts(part: impl BufRead, replacement: Replacement<'_>) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let mut text = declaration();
    let (mut scratch, mut item, mut root) = (String::new(), String::new(), String::new());
    while let Some(event) = xml.next()? {
        let Event::Start(start) = event else {
            continue;
        };
        if start.local_name().as_ref() != "si" {
            if root.is_empty() {
                root = start.name().as_ref().to_owned();
                text.push_str(&open_root(&start));
            }
            continue;
        }
        let name = start.name().as_ref().to_owned();
        item.clear();
        texts::item(&mut xml, &mut scratch, &mut item)?;
        let new = replacement(Text::Cell(&item));
        let prefix = name.strip_suffix("si").unwrap_or_default();
        text.push_str(&format!("<{name}>"));
        push_text(
            &mut text,
            &format!("{prefix}t"),
            new.as_deref().unwrap_or(&item),
        );
        close(&mut text, &name);
    }
    if !root.is_empty() {
        close(&mut text, &root);
    }
    Ok(text)
}

/// A sheet of cells.
fn sheet(
    part: impl BufRead,
    formats: &[NumberFormat],
    replacement: Replacement<'_>,
) -> Result<String, FormatError> {
    let mut xml = XmlPart::new(part);
    let mut text = declaration();
    let mut root = String::new();
    while let Some(event) = xml.next()? {
        let name = match &event {
            Event::Start(start) => start.name().as_ref().to_owned(),
            _ => continue,
        };
        let Event::Start(start) = event else {
            continue;
        };
        let local = start.local_name();
        match local.as_ref() {
            _ if root.is_empty() => {
                text.push_str(&open_root(&start));
                root = name;
            }
            "sheetData" => {
                open(&mut text, &start, &[], false);
                rows(&mut xml, &mut text, formats, replacement)?;
                close(&mut text, &name);
            }
            local if OF_SHEET.contains(&local) => {
                open_whole(&mut text, &start);
                inside(&mut xml, &mut text)?;
                close(&mut text, &name);
            }
            _ => xml.skip()?,
        }
    }
    close(&mut text, &root);
    Ok(text)
}

/// Copies the elements inside one, up to its end.
fn inside<R: BufRead>(xml: &mut XmlPart<R>, text: &mut String) -> Result<(), FormatError> {
    let mut depth = 0_usize;
    loop {
        match xml.inside()? {
            Event::Start(start) => {
                depth += 1;
                open_whole(text, &start);
            }
            Event::End(end) => match depth.checked_sub(1) {
                Some(less) => {
                    depth = less;
                    close(text, end.name().as_ref());
                }
                None => return Ok(()),
            },
            _ => {}
        }
    }
}

/// Copies the rows, up to their end.
fn rows<R: BufRead>(
    xml: &mut XmlPart<R>,
    text: &mut String,
    formats: &[NumberFormat],
    replacement: Replacement<'_>,
) -> Result<(), FormatError> {
    let mut depth = 0_usize;
    loop {
        let cell = match xml.inside()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "c" => Cell::begin(&start),
                local => {
                    depth += 1;
                    let kept: &[&str] = if local == "row" { &OF_ROW } else { &[] };
                    open(text, &start, kept, false);
                    continue;
                }
            },
            Event::End(end) => {
                match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return Ok(()),
                }
                close(text, end.name().as_ref());
                continue;
            }
            _ => continue,
        };
        cell.copy(xml, text, formats, replacement)?;
    }
}

/// A cell that was begun.
struct Cell {
    name: String,
    tag: String,
    style: usize,
    kind: String,
}

impl Cell {
    fn begin(start: &BytesStart<'_>) -> Self {
        let mut tag = String::new();
        open(&mut tag, start, &["r", "s", "t"], false);
        let style = attribute(start, "s").and_then(|style| style.parse().ok());
        Cell {
            name: start.name().as_ref().to_owned(),
            tag,
            style: style.unwrap_or_default(),
            kind: attribute(start, "t").unwrap_or_default().into_owned(),
        }
    }

    /// Copies what is in it, up to its end.
    fn copy<R: BufRead>(
        self,
        xml: &mut XmlPart<R>,
        text: &mut String,
        formats: &[NumberFormat],
        replacement: Replacement<'_>,
    ) -> Result<(), FormatError> {
        let prefix = self.name.strip_suffix('c').unwrap_or_default();
        let (mut formula, mut value, mut inline) = (None, None, None);
        let mut scratch = String::new();
        loop {
            enum Tag {
                Formula(String),
                Value,
                Inline,
                Other,
                End,
                None,
            }
            let tag = match xml.inside()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "f" => {
                        let mut tag = String::new();
                        open(&mut tag, &start, &["t", "ref", "si"], false);
                        Tag::Formula(tag)
                    }
                    "v" => Tag::Value,
                    "is" => Tag::Inline,
                    _ => Tag::Other,
                },
                Event::End(_) => Tag::End,
                _ => Tag::None,
            };
            match tag {
                Tag::Formula(tag) => {
                    formula = Some(tag);
                    xml.skip()?;
                }
                // Where both are there, they are the same.
                Tag::Value if value.is_some() || inline.is_some() => xml.skip()?,
                Tag::Value => {
                    let mut found = String::new();
                    xml.text(&mut found)?;
                    value = Some(found);
                }
                Tag::Inline => {
                    let mut found = String::new();
                    texts::item(xml, &mut scratch, &mut found)?;
                    inline = Some(found);
                }
                Tag::Other => xml.skip()?,
                Tag::End => break,
                Tag::None => {}
            }
        }
        text.push_str(&self.tag);
        if let Some(tag) = formula {
            text.push_str(&tag);
            text.push('0');
            close(text, &format!("{prefix}f"));
        }
        if let Some(old) = inline {
            let new = replacement(Text::Cell(&old)).unwrap_or(old);
            text.push_str(&format!("<{prefix}is>"));
            push_text(text, &format!("{prefix}t"), &new);
            close(text, &format!("{prefix}is"));
        } else if let Some(old) = value {
            let new = self.value(&old, formats, replacement);
            push_text(text, &format!("{prefix}v"), new.as_deref().unwrap_or(&old));
        }
        close(text, &self.name);
        Ok(())
    }

    /// What stands in the place of a value; none: the value.
    fn value(
        &self,
        old: &str,
        formats: &[NumberFormat],
        replacement: Replacement<'_>,
    ) -> Option<String> {
        let bare = old.trim();
        let is_number = || bare.bytes().all(|byte| byte.is_ascii_digit());
        let is_truth = || {
            ["0", "1", "true", "false"]
                .iter()
                .any(|it| bare.eq_ignore_ascii_case(it))
        };
        match self.kind.as_str() {
            // The number of a text that cells share.
            "s" if is_number() => None,
            "b" if is_truth() => None,
            "e" if bare.starts_with('#') && bare.len() <= 16 => None,
            "" | "n" if !bare.is_empty() => {
                let is_date = matches!(
                    formats.get(self.style),
                    Some(NumberFormat::Date | NumberFormat::Duration)
                );
                match bare.parse::<f64>() {
                    Err(_) => replacement(Text::Cell(old)),
                    Ok(_) if is_date => replacement(Text::Date(old)),
                    Ok(_) => replacement(Text::Number(old)),
                }
            }
            _ => {
                let mut plain = String::new();
                texts::push_unescaped(old, &mut plain);
                let new = replacement(Text::Cell(&plain));
                Some(new.unwrap_or(plain))
            }
        }
    }
}

/// Appends an element with a text in it.
fn push_text(text: &mut String, name: &str, content: &str) {
    text.push_str(&format!("<{name} xml:space=\"preserve\">"));
    push_escaped(text, content);
    close(text, name);
}

/// Appends a text as it stands in XML; what XML does not have, and what would be taken for an escape, as
/// `_x000D_` (ECMA-376 part 1 §22.9.2.19).
fn push_escaped(text: &mut String, content: &str) {
    let mut rest = content.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '_' if rest.peek() == Some(&'x') => text.push_str("_x005F_"),
            '\t' | '\n' => text.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                text.push_str(&format!("_x{:04X}_", u32::from(character)));
            }
            other => text.push(other),
        }
    }
}

/// Appends the start of an element with all its attributes, as they are written.
fn open_whole(text: &mut String, start: &BytesStart<'_>) {
    text.push('<');
    text.push_str(start.name().as_ref());
    for attribute in start.attributes().with_checks(false).flatten() {
        push_attribute(text, attribute.key.as_ref(), &attribute.value);
    }
    text.push('>');
}

/// Appends the start of an element with some of its attributes, told by their names without a prefix; with its end,
/// where it `is_empty`.
fn open(text: &mut String, start: &BytesStart<'_>, kept: &[&str], is_empty: bool) {
    text.push('<');
    text.push_str(start.name().as_ref());
    for attribute in start.attributes().with_checks(false).flatten() {
        if kept.contains(&attribute.key.local_name().as_ref()) {
            push_attribute(text, attribute.key.as_ref(), &attribute.value);
        }
    }
    text.push_str(if is_empty { "/>" } else { ">" });
}

/// The start of a root element with the namespaces that it declares.
fn open_root(start: &BytesStart<'_>) -> String {
    let mut text = format!("<{}", start.name().as_ref());
    for attribute in start.attributes().with_checks(false).flatten() {
        let name = attribute.key;
        if name.as_ref() == "xmlns" || name.as_ref().starts_with("xmlns:") {
            push_attribute(&mut text, name.as_ref(), &attribute.value);
        }
    }
    text.push('>');
    text
}

/// Appends an attribute whose value is escaped already.
fn push_attribute(text: &mut String, name: &str, value: &str) {
    text.push(' ');
    text.push_str(name);
    text.push_str("=\"");
    text.push_str(&value.replace('"', "&quot;").replace('<', "&lt;"));
    text.push('"');
}

fn close(text: &mut String, name: &str) {
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

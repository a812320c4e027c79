//! What stands before the sheets of an xlsx workbook: their names and parts, how its dates are counted,
//! and whether the results of its formulas can be relied on (ECMA-376 part 1 §18.2).

use std::io::{Read, Seek};

use quick_xml::events::Event;

use crate::formats::error::FormatError;
use crate::formats::memory::Memory;
use crate::formats::package::{Package, Relationship};
use crate::formats::xml_part::{XmlPart, attribute, is_set};

/// Bytes of memory for a sheet or a relationship, counted generously.
const COST: u64 = 256;
/// Relationships that are looked at.
const RELATIONSHIPS: usize = 10_000;

/// The workbook without its sheets.
#[derive(Debug)]
pub(super) struct WorkbookPart {
    /// Its sheets of cells, in their order.
    pub sheets: Vec<SheetEntry>,
    /// The part of the texts that cells share.
    pub texts: String,
    /// The part of the formats.
    pub styles: String,
    /// Whether days are counted from 1904.
    pub is_1904: bool,
    /// What stands for the results of formulas.
    pub results: Results,
}

/// A sheet of cells.
#[derive(Debug)]
pub(super) struct SheetEntry {
    pub name: String,
    pub part: String,
    pub is_shown: bool,
}

/// How far the stored results of formulas can be relied on.
///
/// Libraries that cannot calculate leave the result out, or write 0 for it. Those that write 0 mostly ask
/// for a calculation as soon as the workbook is opened (`fullCalcOnLoad`), which a spreadsheet program does
/// and forgets. A program that calculates also leaves the order in which it did (`calcChain.xml`), or is
/// known by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Results {
    /// They are those of a program that calculates.
    Calculated,
    /// There is no sign that they were calculated: a 0 may stand for any result.
    Unknown,
    /// The workbook says that they are not up to date: a 0 or an empty text may stand for any result.
    Outdated,
}

/// Programs that calculate and leave no calculation chain.
const CALCULATING: [&str; 12] = [
    "libreoffice",
    "openoffice",
    "collabora",
    "onlyoffice",
    "wps",
    "gnumeric",
    "google",
    "numbers",
    "apple",
    "softmaker",
    "planmaker",
    "quattro",
];
/// A namespace that Google Sheets declares, whose workbooks have no properties.
const GOOGLE: &str = "urn:schemas-microsoft-com:mac:vml";

impl WorkbookPart {
    /// Reads it.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn read<R: Read + Seek>(
        package: &mut Package<R>,
        memory: &mut Memory,
    ) -> Result<Self, FormatError> {
        let of_package = package.relationships("", RELATIONSHIPS)?;
        let named = |kind: &str, relationships: &[Relationship]| {
            let found = relationships.iter().find(|one| one.kind == kind);
            found.map(|one| one.target.clone())
        };
        let name = named("officeDocument", &of_package).unwrap_or_else(|| "xl/workbook.xml".into());
        let properties = named("extended-properties", &of_package)
            .or_else(|| named("extendedProperties", &of_package))
            .unwrap_or_else(|| "docProps/app.xml".into());
        let relationships = package.relationships(&name, RELATIONSHIPS)?;
        memory.take(relationships.len() as u64 * COST)?;
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = |file: &str| format!("{folder}/{file}");
        let or_beside = |kind: &str, file: &str, package: &Package<R>| {
            let found = named(kind, &relationships).filter(|part| package.has(part));
            found.unwrap_or_else(|| beside(file))
        };
        let texts = or_beside("sharedStrings", "sharedStrings.xml", package);
        let styles = or_beside("styles", "styles.xml", package);
        let has_chain = named("calcChain", &relationships).is_some_and(|part| package.has(&part))
            || package.has(&beside("calcChain.xml"));
        let is_calculating = has_chain || is_calculating(package, &properties)?;
        let part = package.part(&name)?;
        let part = part.ok_or(FormatError::workbook("one of its parts is missing"))?;
        let mut xml = XmlPart::new(part);
        let mut book = WorkbookPart {
            sheets: Vec::new(),
            texts,
            styles,
            is_1904: false,
            results: match is_calculating {
                true => Results::Calculated,
                false => Results::Unknown,
            },
        };
        while let Some(event) = xml.next()? {
            let Event::Start(start) = event else {
                continue;
            };
            match start.local_name().as_ref() {
                "workbook" if start.contains(GOOGLE) => book.results = Results::Calculated,
                "workbookPr" => {
                    book.is_1904 = is_set(&start, "date1904").unwrap_or(book.is_1904);
                }
                "sheet" => {
                    memory.take(COST)?;
                    let id = attribute(&start, "id").unwrap_or_default();
                    let found = relationships.iter().find(|one| one.id == id);
                    let Some(found) = found.filter(|one| one.kind == "worksheet") else {
                        continue;
                    };
                    let state = attribute(&start, "state");
                    book.sheets.push(SheetEntry {
                        name: attribute(&start, "name").unwrap_or_default().into_owned(),
                        part: found.target.clone(),
                        is_shown: state.is_none_or(|state| state == "visible"),
                    });
                }
                "calcPr" => {
                    let asked = is_set(&start, "fullCalcOnLoad") == Some(true);
                    let unfinished = is_set(&start, "calcCompleted") == Some(false);
                    if asked || unfinished {
                        book.results = Results::Outdated;
                    }
                }
                _ => {}
            }
        }
        Ok(book)
    }
}

/// Whether the program that wrote the workbook is known to calculate.
fn is_calculating<R: Read + Seek>(
    package: &mut Package<R>,
    properties: &str,
) -> Result<bool, FormatError> {
    let Some(part) = package.part(properties)? else {
        return Ok(false);
    };
    // They are small, and nothing depends on them that a damaged file should be refused for.
    let mut text = String::new();
    if part.take(64 * 1024).read_to_string(&mut text).is_err() {
        return Ok(false);
    }
    let program = text
        .split_once("Application>")
        .map_or("", |(_, behind)| behind);
    let program = program.trim_start().to_ascii_lowercase();
    Ok(CALCULATING.iter().any(|known| program.starts_with(known)))
}

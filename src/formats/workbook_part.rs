//! The workbook part of an xlsx workbook: the names and parts of its sheets, its date system, and whether the
//! results of its formulas are reliable (ECMA-376 part 1 §18.2).

use std::io::{Read, Seek};

use quick_xml::events::Event;

use crate::formats::error::FormatError;
use crate::formats::memory::Memory;
use crate::formats::package::{Package, Relationship};
use crate::formats::xml_part::{XmlPart, attribute, is_set};

/// The memory for a sheet or a relationship in bytes, estimated generously.
const COST: u64 = 256;
/// The maximum number of relationships that are read.
const RELATIONSHIPS: usize = 10_000;

/// The workbook without the content of its sheets.
#[derive(Debug)]
pub(super) struct WorkbookPart {
    /// The worksheets, in order.
    pub sheets: Vec<SheetEntry>,
    /// The name of the shared strings part.
    pub texts: String,
    /// The name of the styles part.
    pub styles: String,
    /// Whether dates count from 1904.
    pub is_1904: bool,
    /// Whether the results of formulas are reliable.
    pub results: Results,
}

/// A worksheet.
#[derive(Debug)]
pub(super) struct SheetEntry {
    pub name: String,
    pub part: String,
    pub is_shown: bool,
}

/// How reliable the stored results of formulas are.
///
/// Libraries that cannot calculate omit the result, or write 0. Those that write 0 usually request a calculation
/// when the workbook is opened (`fullCalcOnLoad`); a spreadsheet program then calculates and removes the request.
/// A program that calculates also writes the calculation order (`calcChain.xml`), or is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Results {
    /// The results come from a program that calculates.
    Calculated,
    /// There is no sign of a calculation: a 0 may be a placeholder.
    Unknown,
    /// The workbook declares them outdated: a 0 or an empty text may be a placeholder.
    Outdated,
}

/// Programs that calculate and write no calculation chain.
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
/// A namespace that Google Sheets declares; its workbooks have no properties.
const GOOGLE: &str = "urn:schemas-microsoft-com:mac:vml";

impl WorkbookPart {
    /// Reads the workbook part.
    ///
    /// # Errors
    /// The part is missing or damaged.
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
    // The properties are small, and damage in them is no reason to refuse a file.
    let mut text = String::new();
    if part.take(64 * 1024).read_to_string(&mut text).is_err() {
        return Ok(false);
    }
    let program = text.split_once("Application>").map_or("", |(_, rest)| rest);
    let program = program.trim_start().to_ascii_lowercase();
    Ok(CALCULATING.iter().any(|known| program.starts_with(known)))
}

//! Reads Office Open XML workbooks (ECMA-376), transitional and strict. Cells are read one at a time while they are
//! decompressed; shared strings and number formats are kept in memory.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::formats::error::FormatError;
use crate::formats::inflation::{self, Limits};
use crate::formats::memory::Memory;
use crate::formats::package::{Package, Part};
use crate::formats::row::Row;
use crate::formats::sheet_cells::{Context, SheetCells};
use crate::formats::sheet_choice::choose;
use crate::formats::sheet_row::SheetRow;
use crate::formats::styles;
use crate::formats::texts::Texts;
use crate::formats::workbook_memory::{Reserved, WorkbookMemory};
use crate::formats::workbook_part::WorkbookPart;
use crate::wire::spool::SpoolReader;

type Source = BufReader<SpoolReader>;

/// A workbook with its shared strings and formats in memory.
pub struct XlsxBook {
    package: Package<Source>,
    context: Context,
    sheet: String,
    /// The names of all sheets.
    sheets: Vec<String>,
    /// The name of the sheet's part.
    part: String,
    /// The memory reserved while the workbook is being read.
    _reserved: Reserved,
}

/// The memory for any workbook in bytes: buffers, and the names of its sheets.
const BASE: u64 = 2 * 1024 * 1024;
/// The memory for an entry of the archive's directory in bytes.
const ENTRY: u64 = 1024;
/// The maximum memory in bytes for each byte of the shared strings part and of the styles part, where an empty text
/// or format takes five bytes.
const TEXTS: u64 = 5;
const FORMATS: u64 = 13;

impl XlsxBook {
    /// Opens the workbook in `source`, which has `parts` entries, after measuring its decompressed size; reads the
    /// sheet with this name, or else the first visible one.
    ///
    /// # Errors
    /// The workbook is too large or damaged or has no such sheet, or other workbooks use the memory.
    pub fn open(
        source: SpoolReader,
        parts: usize,
        (limits, memory): (Limits, &WorkbookMemory),
        sheet: Option<&str>,
    ) -> Result<Self, FormatError> {
        guarded(|| {
            let base = BASE + ENTRY * parts as u64;
            let mut reserved = memory.reserve(base)?;
            let mut package = Package::open(BufReader::new(source))?;
            let sizes = inflation::check(&mut package, limits)?;
            let held = sizes.iter().map(|size| size.held()).max();
            reserved.replace(base + held.unwrap_or_default())?;
            let mut memory = Memory::new(limits.memory.min(BASE));
            let book = WorkbookPart::read(&mut package, &mut memory)?;
            let names = book
                .sheets
                .iter()
                .map(|sheet| (sheet.name.as_str(), sheet.is_shown));
            let chosen = choose(names, sheet)?;
            let size = |name: &str| {
                let size = package.place(name).and_then(|place| sizes.get(place));
                size.copied().unwrap_or_default()
            };
            let (texts, styles) = (size(&book.texts), size(&book.styles));
            let held = book
                .sheets
                .get(chosen)
                .map(|sheet| size(&sheet.part).held());
            let held = held.unwrap_or_default();
            let most = TEXTS * texts.bytes + FORMATS * styles.bytes;
            let most = most.min(limits.memory) + held.max(texts.held()).max(styles.held());
            reserved.replace(base + most)?;
            let mut memory = Memory::new(limits.memory);
            let texts = match package.part(&book.texts)? {
                Some(part) => Texts::read(part, &mut memory)?,
                None => Texts::default(),
            };
            let formats = match package.part(&book.styles)? {
                Some(part) => styles::read(part, &mut memory)?,
                None => Vec::new(),
            };
            reserved.shrink(base + held + memory.taken());
            let context = Context {
                texts,
                formats,
                is_1904: book.is_1904,
                results: book.results,
            };
            let sheets = book.sheets.iter().map(|sheet| sheet.name.clone()).collect();
            let sheet = book.sheets.into_iter().nth(chosen);
            let sheet = sheet.ok_or(FormatError::NoSheet)?;
            Ok(XlsxBook {
                package,
                context,
                sheet: sheet.name,
                sheets,
                part: sheet.part,
                _reserved: reserved,
            })
        })
    }

    /// The name of the sheet that is read.
    pub fn sheet(&self) -> &str {
        &self.sheet
    }

    /// The names of all sheets, in their order.
    pub fn sheets(&self) -> &[String] {
        &self.sheets
    }

    /// The rows of the sheet.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub fn rows(&mut self) -> Result<XlsxRows<'_>, FormatError> {
        let XlsxBook {
            package,
            context,
            sheet,
            part,
            ..
        } = self;
        let cells = guarded(|| {
            let part = package.part(part)?;
            let part = part.ok_or(FormatError::workbook("one of its parts is missing"))?;
            SheetCells::open(part)
        });
        Ok(XlsxRows {
            cells: cells.map_err(|error| error.at(sheet, 0))?,
            context,
            sheet,
            row: SheetRow::default(),
            line: 0,
            is_ahead: false,
        })
    }
}

/// Reads rows, one at a time.
pub struct XlsxRows<'b> {
    cells: SheetCells<Part<'b, Source>>,
    context: &'b Context,
    sheet: &'b str,
    row: SheetRow,
    line: u64,
    /// Whether the last cell read begins the next row.
    is_ahead: bool,
}

impl XlsxRows<'_> {
    /// Returns the next row that is not blank; `None` at the end. Its line is its number in the sheet.
    ///
    /// # Errors
    /// The sheet is damaged or a row exceeds a limit.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        match guarded(|| self.gather()) {
            Ok(found) => Ok(found.then(|| self.row.finish())),
            Err(error) => Err(error.at(self.sheet, self.line)),
        }
    }

    /// Collects the cells of the next row that is not blank.
    fn gather(&mut self) -> Result<bool, FormatError> {
        loop {
            if !std::mem::take(&mut self.is_ahead) && !self.cells.advance()? {
                // Another call also reports the end.
                return Ok(false);
            }
            let number = self.cells.row();
            self.line = u64::from(number) + 1;
            self.row.begin(self.line);
            loop {
                let value = self.cells.value(self.context);
                self.row.put(self.cells.column(), value)?;
                if !self.cells.advance()? {
                    break;
                }
                if self.cells.row() != number {
                    self.is_ahead = true;
                    break;
                }
            }
            if !self.row.is_blank() {
                return Ok(true);
            }
        }
    }
}

/// Runs third-party parsers on untrusted files: a panic there means a damaged workbook and must not end the thread of
/// the import.
fn guarded<T>(work: impl FnOnce() -> Result<T, FormatError>) -> Result<T, FormatError> {
    // Partially modified state is not used again: the error ends the reading.
    let damaged = || FormatError::workbook("it is damaged in an unusual way");
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged()))
}

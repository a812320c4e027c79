//! Workbooks of Office Open XML (ECMA-376), transitional and strict, cell by cell as they are inflated; the
//! texts that cells share and the formats of numbers are in memory.

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

/// A workbook whose texts and formats were read.
pub struct XlsxBook {
    package: Package<Source>,
    context: Context,
    sheet: String,
    /// The name of the sheet's part.
    part: String,
    /// The memory for all of it, as long as it is read.
    _reserved: Reserved,
}

/// Bytes of memory that a workbook takes whatever is in it: buffers, and the names of its sheets.
const BASE: u64 = 2 * 1024 * 1024;
/// Bytes of memory for an entry of the archive's directory.
const ENTRY: u64 = 1024;
/// Bytes of memory for one of the texts' part and one of the formats' part, at the most: an empty text or format
/// takes five bytes there.
const TEXTS: u64 = 5;
const FORMATS: u64 = 13;

impl XlsxBook {
    /// Opens the workbook in `source`, which has so many `parts`, after a look at what it comes to; the sheet of
    /// this name is read, or else the first one that can be seen.
    ///
    /// # Errors
    /// It is too large, damaged, or without such a sheet; others have the memory that it needs.
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
            let sheet = book.sheets.into_iter().nth(chosen);
            let sheet = sheet.ok_or(FormatError::NoSheet)?;
            Ok(XlsxBook {
                package,
                context,
                sheet: sheet.name,
                part: sheet.part,
                _reserved: reserved,
            })
        })
    }

    /// The name of the sheet that is read.
    pub fn sheet(&self) -> &str {
        &self.sheet
    }

    /// The rows of that sheet.
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
    /// Whether the cell that was read last begins the next row.
    is_ahead: bool,
}

impl XlsxRows<'_> {
    /// The next row that is not blank; none at the end. Its line is its number in the sheet.
    ///
    /// # Errors
    /// The sheet is damaged or a row breaks a limit.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        match guarded(|| self.gather()) {
            Ok(found) => Ok(found.then(|| self.row.finish())),
            Err(error) => Err(error.at(self.sheet, self.line)),
        }
    }

    /// Gathers the cells of a row that is not blank.
    fn gather(&mut self) -> Result<bool, FormatError> {
        loop {
            if !std::mem::take(&mut self.is_ahead) && !self.cells.advance()? {
                // Asked again, it is the end as well.
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

/// Runs libraries that were not written for files which are made to break them: a panic there is a broken
/// workbook and must not take the import's thread with it.
fn guarded<T>(work: impl FnOnce() -> Result<T, FormatError>) -> Result<T, FormatError> {
    // What was half done is not looked at again: the error ends the reading.
    let damaged = || FormatError::workbook("it is damaged in an unusual way");
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged()))
}

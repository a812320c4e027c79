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
}

impl XlsxBook {
    /// Opens the workbook in `source` after a look at what it comes to; the sheet of this name is read, or
    /// else the first one that can be seen.
    ///
    /// # Errors
    /// It is too large, damaged, or without such a sheet.
    pub fn open(
        source: SpoolReader,
        limits: Limits,
        sheet: Option<&str>,
    ) -> Result<Self, FormatError> {
        guarded(|| {
            let mut package = Package::open(BufReader::new(source))?;
            inflation::check(&mut package, limits)?;
            let mut memory = Memory::new(limits.memory);
            let book = WorkbookPart::read(&mut package, &mut memory)?;
            let names = book
                .sheets
                .iter()
                .map(|sheet| (sheet.name.as_str(), sheet.is_shown));
            let chosen = choose(names, sheet)?;
            let texts = match package.part(&book.texts)? {
                Some(part) => Texts::read(part, &mut memory)?,
                None => Texts::default(),
            };
            let formats = match package.part(&book.styles)? {
                Some(part) => styles::read(part, &mut memory)?,
                None => Vec::new(),
            };
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

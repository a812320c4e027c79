//! Workbooks of Office Open XML (ECMA-376), cell by cell as they are inflated; the texts that cells
//! share are in memory.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError};

use crate::formats::error::FormatError;
use crate::formats::inflation::{self, Limits};
use crate::formats::number_format::NumberFormat;
use crate::formats::row::Row;
use crate::formats::sheet_row::SheetRow;
use crate::wire::spool::SpoolReader;

type Source = BufReader<SpoolReader>;

/// A workbook whose texts and formats were read.
pub struct XlsxBook {
    workbook: Xlsx<Source>,
    sheet: String,
}

impl XlsxBook {
    /// Opens the workbook in `source` after a look at what it comes to.
    ///
    /// # Errors
    /// It is too large, damaged, protected with a password, or without a sheet.
    pub fn open(source: SpoolReader, limits: Limits) -> Result<Self, FormatError> {
        let mut source = BufReader::new(source);
        guarded(0, || inflation::check(&mut source, limits))?;
        let workbook = guarded(0, || Xlsx::new(source).map_err(|error| translate(error, 0)))?;
        let sheets = workbook.sheets_metadata();
        let mut of_cells = sheets
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet);
        let first = of_cells.clone().next();
        let shown = of_cells.find(|sheet| sheet.visible == SheetVisible::Visible);
        let sheet = shown.or(first).ok_or(FormatError::NoSheet)?.name.clone();
        Ok(XlsxBook { workbook, sheet })
    }

    /// The name of the first sheet that can be seen.
    pub fn sheet(&self) -> &str {
        &self.sheet
    }

    /// The rows of that sheet.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub fn rows(&mut self) -> Result<XlsxRows<'_>, FormatError> {
        let XlsxBook { workbook, sheet } = self;
        let cells = guarded(0, || {
            workbook
                .worksheet_cells_reader(sheet)
                .map_err(|error| translate(error, 0))
        })?;
        let width = |style: &calamine::Style| {
            let code = style
                .number_format
                .as_ref()
                .map(|format| &format.format_code);
            code.and_then(|code| NumberFormat::width(code))
                .unwrap_or_default()
        };
        let digits = cells.styles().iter().map(width).collect();
        Ok(XlsxRows {
            cells,
            digits,
            ahead: None,
            row: SheetRow::default(),
            line: 0,
            ended: false,
        })
    }
}

/// Reads rows, one at a time.
pub struct XlsxRows<'b> {
    cells: XlsxCellReader<'b, Source>,
    /// Digits that numbers of each style are filled up to.
    digits: Vec<usize>,
    /// The first cell of the next row.
    ahead: Option<Ahead<'b>>,
    row: SheetRow,
    line: u64,
    ended: bool,
}

struct Ahead<'b> {
    row: u32,
    column: u32,
    value: DataRef<'b>,
    digits: usize,
}

impl<'b> XlsxRows<'b> {
    /// The next row that is not blank; none at the end. Its line is its number in the sheet.
    ///
    /// # Errors
    /// The sheet is damaged or a row breaks a limit.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        let line = self.line;
        let found = guarded(line, || self.gather())?;
        Ok(found.then(|| self.row.finish()))
    }

    /// Gathers the cells of a row that is not blank.
    fn gather(&mut self) -> Result<bool, FormatError> {
        loop {
            let first = match self.ahead.take() {
                Some(first) => first,
                None => match self.next_cell()? {
                    Some(first) => first,
                    None => return Ok(false),
                },
            };
            let number = first.row;
            self.line = u64::from(number) + 1;
            self.row.begin(self.line);
            let mut cell = Some(first);
            while let Some(here) = cell {
                if here.row != number {
                    self.ahead = Some(here);
                    break;
                }
                self.row
                    .put(here.column as usize, &here.value, here.digits)?;
                cell = self.next_cell()?;
            }
            if !self.row.is_blank() {
                return Ok(true);
            }
        }
    }

    /// The next cell that is not empty.
    fn next_cell(&mut self) -> Result<Option<Ahead<'b>>, FormatError> {
        while !self.ended {
            let next = self.cells.next_cell_with_style_id();
            match next.map_err(|error| translate(error, self.line))? {
                None => self.ended = true,
                Some((cell, style)) => {
                    let (row, column) = cell.get_position();
                    if *cell.get_value() != DataRef::Empty {
                        let digits = self.digits.get(style).copied().unwrap_or_default();
                        let value = cell.get_value().clone();
                        return Ok(Some(Ahead {
                            row,
                            column,
                            value,
                            digits,
                        }));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Runs the library, which was not written for files that are made to break it: a panic there is a
/// broken workbook and must not take the import's thread with it.
fn guarded<T>(line: u64, work: impl FnOnce() -> Result<T, FormatError>) -> Result<T, FormatError> {
    // Whatever was half done is not looked at again: the error ends the reading.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(FormatError::Workbook {
        what: "it is damaged in a way that nobody foresaw",
        line,
    }))
}

/// The library's own sentences may repeat what stands in a cell; these do not.
fn translate(error: XlsxError, line: u64) -> FormatError {
    let what = match error {
        XlsxError::Password => return FormatError::Encrypted,
        XlsxError::Io(_) | XlsxError::Zip(_) => "it is damaged or cut off",
        XlsxError::Xml(_) | XlsxError::XmlAttr(_) | XlsxError::Encoding(_) => {
            "one of its parts is no well-formed XML"
        }
        XlsxError::XmlEof(_) => "one of its parts ends too early",
        XlsxError::FileNotFound(_)
        | XlsxError::RelationshipNotFound
        | XlsxError::WorksheetNotFound(_) => "one of its parts is missing",
        XlsxError::NotAWorksheet(_) => return FormatError::NoSheet,
        _ => "a cell there is not written as it should be",
    };
    FormatError::Workbook { what, line }
}

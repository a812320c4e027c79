//! Workbooks of Excel 97 to 2003 (MS-XLS, BIFF8), read here and not by the library that reads xlsx:
//! for such a file that one makes as much room as the file says it needs, up to what ends the process.
//!
//! The stream, its texts and the places of its cells are in memory: less than ten times the file.

use std::io::BufReader;

use calamine::{CellErrorType, DataRef, ExcelDateTime, ExcelDateTimeType};

use crate::formats::biff::{self, Reader};
use crate::formats::compound::{Compound, CompoundError, u16_at, u32_at};
use crate::formats::error::FormatError;
use crate::formats::number_format::NumberFormat;
use crate::formats::row::Row;
use crate::formats::sheet_row::SheetRow;
use crate::wire::spool::SpoolReader;

/// Bytes of memory for one of the file.
const COST: u64 = 10;

/// A workbook that was read.
pub struct XlsBook {
    stream: Vec<u8>,
    texts: Texts,
    formats: Vec<NumberFormat>,
    is_1904: bool,
    sheet: String,
    /// Where the sheet begins in the stream.
    start: usize,
}

/// The texts that cells share, one behind the other.
#[derive(Debug, Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }
}

impl XlsBook {
    /// Opens the workbook in `source`, which may take `memory` bytes of memory.
    ///
    /// # Errors
    /// It is too large, damaged, protected with a password, of another kind, or without a sheet.
    pub fn open(source: SpoolReader, memory: u64) -> Result<Self, FormatError> {
        let mut compound = Compound::open(BufReader::new(source)).map_err(translate)?;
        if compound.has("EncryptedPackage") {
            return Err(FormatError::Encrypted);
        }
        let limit = memory / COST;
        let Some(stream) = compound.read("Workbook").map_err(translate)? else {
            let found = match compound.has("Book") {
                true => "a workbook of Excel 95 or older",
                false => "a document of an old Office program and not a workbook",
            };
            return Err(FormatError::OtherWorkbook { found });
        };
        if stream.len() as u64 > limit {
            return Err(FormatError::WorkbookTooLarge {
                what: "in an .xls file",
                limit,
                setting: "files.workbook_memory_bytes",
            });
        }
        Self::read(stream)
    }

    /// Reads what stands before the sheets.
    fn read(stream: Vec<u8>) -> Result<Self, FormatError> {
        let damaged = || broken(0);
        let (mut texts, mut is_1904) = (Texts::default(), false);
        let (mut codes, mut used) = (Vec::new(), Vec::new());
        let mut sheets = Vec::new();
        let mut began = false;
        for record in biff::records(&stream) {
            let data = record.data;
            match record.kind {
                BOF if !began => {
                    began = true;
                    if u16_at(data, 0) != Some(BIFF8) {
                        let found = "a workbook of Excel 95 or older";
                        return Err(FormatError::OtherWorkbook { found });
                    }
                }
                EOF => break,
                FILE_PASS => return Err(FormatError::Encrypted),
                DATE_MODE => is_1904 = u16_at(data, 0) == Some(1),
                FORMAT => {
                    let mut reader = Reader::new(record);
                    let number = reader.u16().ok_or_else(damaged)?;
                    let mut code = String::new();
                    reader.string(&mut code).ok_or_else(damaged)?;
                    codes.push((number, NumberFormat::of_code(&code)));
                }
                XF => used.push(u16_at(data, 2).ok_or_else(damaged)?),
                BOUND_SHEET => sheets.push(Sheet::read(record).ok_or_else(damaged)?),
                SST => texts = read_texts(record).ok_or_else(damaged)?,
                _ => {}
            }
        }
        if !began {
            return Err(damaged());
        }
        let format = |number: &u16| {
            let own = codes.iter().find(|(of, _)| of == number);
            own.map_or_else(|| NumberFormat::builtin(*number), |(_, format)| *format)
        };
        let formats = used.iter().map(format).collect();
        let mut of_cells = sheets
            .into_iter()
            .filter(|sheet| sheet.has_cells)
            .peekable();
        let first = of_cells.peek().cloned();
        let shown = of_cells.find(|sheet| sheet.is_shown);
        let Sheet { start, name, .. } = shown.or(first).ok_or(FormatError::NoSheet)?;
        Ok(XlsBook {
            stream,
            texts,
            formats,
            is_1904,
            sheet: name,
            start,
        })
    }

    /// The name of the first sheet that can be seen.
    pub fn sheet(&self) -> &str {
        &self.sheet
    }

    /// The rows of that sheet.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub fn rows(&mut self) -> Result<XlsRows<'_>, FormatError> {
        let mut cells = self.cells()?;
        // Programs write them in order; the format does not ask for it.
        if !cells.is_sorted_by_key(Cell::place) {
            cells.sort_by_key(Cell::place);
        }
        Ok(XlsRows {
            book: self,
            cells,
            next: 0,
            row: SheetRow::default(),
        })
    }

    fn cells(&self) -> Result<Vec<Cell>, FormatError> {
        let sheet = self.stream.get(self.start..).unwrap_or_default();
        let mut cells: Vec<Cell> = Vec::new();
        let (mut line, mut depth) = (0, 0_usize);
        for record in biff::records(sheet) {
            // A chart in the sheet is a sheet in the sheet, with cells of its own.
            match record.kind {
                BOF => depth += 1,
                EOF => depth = depth.saturating_sub(1),
                _ if depth == 1 => {
                    let offset = self.stream.len() - record.rest.len() - record.data.len();
                    read_cells(record, offset, &mut cells).ok_or_else(|| broken(line))?;
                    line = cells.last().map_or(0, |cell| u64::from(cell.row) + 1);
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                return Ok(cells);
            }
        }
        Err(FormatError::Workbook {
            what: "its first sheet has no end",
            line,
        })
    }

    fn value(&self, cell: &Cell) -> Option<(DataRef<'_>, usize)> {
        let plain = |value| Some((value, 0));
        match cell.value {
            Value::Number(number) => match self.formats.get(usize::from(cell.format)) {
                Some(NumberFormat::Date) => plain(self.date(number, ExcelDateTimeType::DateTime)),
                Some(NumberFormat::Duration) => {
                    plain(self.date(number, ExcelDateTimeType::TimeDelta))
                }
                Some(NumberFormat::Digits(digits)) => Some((DataRef::Float(number), *digits)),
                Some(NumberFormat::Plain) | None => plain(DataRef::Float(number)),
            },
            Value::Shared(index) => plain(DataRef::SharedString(self.texts.get(index as usize)?)),
            Value::Text(at) => {
                let stream = self.stream.get(at as usize..)?;
                let mut text = String::new();
                let record = biff::Record {
                    kind: 0,
                    data: stream,
                    rest: &[],
                };
                Reader::new(record).string(&mut text)?;
                plain(DataRef::String(text))
            }
            Value::Bool(value) => plain(DataRef::Bool(value)),
            Value::Error(code) => plain(DataRef::Error(error(code)?)),
        }
    }

    fn date(&self, number: f64, kind: ExcelDateTimeType) -> DataRef<'static> {
        DataRef::DateTime(ExcelDateTime::new(number, kind, self.is_1904))
    }
}

/// Reads rows, one at a time.
pub struct XlsRows<'b> {
    book: &'b XlsBook,
    cells: Vec<Cell>,
    next: usize,
    row: SheetRow,
}

impl XlsRows<'_> {
    /// The next row that is not blank; none at the end. Its line is its number in the sheet.
    ///
    /// # Errors
    /// A cell is damaged or a row breaks a limit.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        while let Some(first) = self.cells.get(self.next) {
            let (number, line) = (first.row, u64::from(first.row) + 1);
            self.row.begin(line);
            while let Some(cell) = self.cells.get(self.next)
                && cell.row == number
            {
                let (value, digits) = self.book.value(cell).ok_or_else(|| broken(line))?;
                self.row.put(usize::from(cell.column), &value, digits)?;
                self.next += 1;
            }
            if !self.row.is_blank() {
                return Ok(Some(self.row.finish()));
            }
        }
        Ok(None)
    }
}

const BIFF8: u16 = 0x0600;
const FORMULA: u16 = 0x0006;
const EOF: u16 = 0x000a;
const DATE_MODE: u16 = 0x0022;
const FILE_PASS: u16 = 0x002f;
const BOUND_SHEET: u16 = 0x0085;
const MUL_RK: u16 = 0x00bd;
const RICH_STRING: u16 = 0x00d6;
const XF: u16 = 0x00e0;
const SST: u16 = 0x00fc;
const LABEL_SST: u16 = 0x00fd;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOL_ERR: u16 = 0x0205;
const STRING: u16 = 0x0207;
const RK: u16 = 0x027e;
const FORMAT: u16 = 0x041e;
const BOF: u16 = 0x0809;

#[derive(Debug, Clone)]
struct Sheet {
    start: usize,
    is_shown: bool,
    has_cells: bool,
    name: String,
}

impl Sheet {
    fn read(record: biff::Record<'_>) -> Option<Self> {
        let [shown, kind, ..] = *record.data.get(4..)? else {
            return None;
        };
        let mut reader = Reader::new(record);
        reader.skip(6)?;
        let mut name = String::new();
        reader.short_string(&mut name)?;
        Some(Sheet {
            start: u32_at(record.data, 0)? as usize,
            is_shown: shown & 0x03 == 0,
            has_cells: kind == 0,
            name,
        })
    }
}

fn read_texts(record: biff::Record<'_>) -> Option<Texts> {
    let mut reader = Reader::new(record);
    reader.skip(4)?;
    let count = reader.u32()?;
    let mut texts = Texts::default();
    for _ in 0..count {
        reader.string(&mut texts.text)?;
        texts.ends.push(texts.text.len());
    }
    Some(texts)
}

/// A cell and where its value is.
#[derive(Debug)]
struct Cell {
    row: u16,
    column: u16,
    format: u16,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Number(f64),
    /// A text that cells share, by its index.
    Shared(u32),
    /// A text in the stream, by its place.
    Text(u32),
    Bool(bool),
    Error(u8),
}

impl Cell {
    fn place(&self) -> (u16, u16) {
        (self.row, self.column)
    }
}

/// Takes the cells of a record that stands at `offset` in the stream; of other records nothing.
fn read_cells(record: biff::Record<'_>, offset: usize, cells: &mut Vec<Cell>) -> Option<()> {
    let data = record.data;
    let text_at = |place: usize| u32::try_from(offset + place).ok();
    let value = match record.kind {
        NUMBER => Value::Number(f64_at(data, 6)?),
        RK => Value::Number(biff::rk(data, 6)?),
        LABEL_SST => Value::Shared(u32_at(data, 6)?),
        LABEL | RICH_STRING => Value::Text(text_at(6)?),
        BOOL_ERR => bool_or_error(*data.get(6)?, *data.get(7)? != 0),
        FORMULA => match formula_value(data)? {
            Some(value) => value,
            None => return Some(()),
        },
        STRING => {
            // The text of the formula before it.
            let text = text_at(0)?;
            if let Some(cell) = cells.last_mut() {
                cell.value = Value::Text(text);
            }
            return Some(());
        }
        MUL_RK => {
            let column = u16_at(data, 2)?;
            let count = data.len().checked_sub(6)? / 6;
            for index in 0..count {
                cells.push(Cell {
                    row: u16_at(data, 0)?,
                    column: column.checked_add(u16::try_from(index).ok()?)?,
                    format: u16_at(data, 4 + index * 6)?,
                    value: Value::Number(biff::rk(data, 6 + index * 6)?),
                });
            }
            return Some(());
        }
        _ => return Some(()),
    };
    cells.push(Cell {
        row: u16_at(data, 0)?,
        column: u16_at(data, 2)?,
        format: u16_at(data, 4)?,
        value,
    });
    Some(())
}

/// What a formula came to when the workbook was saved (MS-XLS 2.5.133); a text comes in the next
/// record; none: it is empty.
fn formula_value(data: &[u8]) -> Option<Option<Value>> {
    if u16_at(data, 12)? != 0xffff {
        return Some(Some(Value::Number(f64_at(data, 6)?)));
    }
    let value = *data.get(8)?;
    Some(match data.get(6)? {
        0 => Some(Value::Text(u32::MAX)),
        1 => Some(bool_or_error(value, false)),
        2 => Some(bool_or_error(value, true)),
        _ => None,
    })
}

fn bool_or_error(value: u8, is_error: bool) -> Value {
    match is_error {
        true => Value::Error(value),
        false => Value::Bool(value != 0),
    }
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// MS-XLS 2.5.10.
fn error(code: u8) -> Option<CellErrorType> {
    Some(match code {
        0x00 => CellErrorType::Null,
        0x07 => CellErrorType::Div0,
        0x0f => CellErrorType::Value,
        0x17 => CellErrorType::Ref,
        0x1d => CellErrorType::Name,
        0x24 => CellErrorType::Num,
        0x2a => CellErrorType::NA,
        0x2b => CellErrorType::GettingData,
        _ => return None,
    })
}

fn translate(error: CompoundError) -> FormatError {
    match error {
        CompoundError::Damaged => FormatError::Workbook {
            what: "it is damaged or cut off",
            line: 0,
        },
        CompoundError::Io(error) => FormatError::Io(error),
    }
}

fn broken(line: u64) -> FormatError {
    FormatError::Workbook {
        what: "a part there is not written as it should be",
        line,
    }
}

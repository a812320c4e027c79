//! Reads Excel 97 to 2003 workbooks (MS-XLS, BIFF8). calamine is not used for them, because it allocates as much memory
//! as the file declares, which can abort the process.
//!
//! The stream, its texts and the positions of its cells are in memory: less than ten times the size of the file.

use std::collections::HashMap;
use std::io::BufReader;

use crate::formats::biff::{self, Reader};
use crate::formats::cell::{Value, error_name};
use crate::formats::compound::{Compound, CompoundError, u16_at, u32_at};
use crate::formats::error::FormatError;
use crate::formats::number_format::NumberFormat;
use crate::formats::row::{Flaw, Row};
use crate::formats::sheet_choice::choose;
use crate::formats::sheet_row::SheetRow;
use crate::formats::texts::Texts;
use crate::formats::workbook_memory::{Reserved, WorkbookMemory};
use crate::formats::xls_cells::{self, Cell, Stored, Writer};
use crate::formats::xls_encryption;
use crate::wire::spool::SpoolReader;

/// The memory in bytes for each byte of the file.
const COST: u64 = 10;

/// A workbook in memory.
pub struct XlsBook {
    stream: Vec<u8>,
    texts: Texts,
    formats: Vec<NumberFormat>,
    is_1904: bool,
    sheet: String,
    /// The names of all sheets.
    sheets: Vec<String>,
    /// The offset of the sheet in the stream.
    start: usize,
    /// What is known about the program that wrote the workbook.
    writer: Writer,
    /// The memory reserved while the workbook is being read.
    _reserved: Reserved,
}

impl XlsBook {
    /// Opens the workbook in `source`, which has `bytes` bytes and may use `limit` bytes of memory; reads the sheet
    /// with this name, or else the first visible one.
    ///
    /// # Errors
    /// The workbook is too large, damaged, password-protected, in another format, or without such a sheet, or other
    /// workbooks use the memory.
    pub fn open(
        source: SpoolReader,
        bytes: u64,
        (limit, memory): (u64, &WorkbookMemory),
        sheet: Option<&str>,
    ) -> Result<Self, FormatError> {
        let mut reserved = memory.reserve(bytes.saturating_mul(COST).min(limit))?;
        let mut compound = Compound::open(BufReader::new(source)).map_err(translate)?;
        if compound.has("EncryptedPackage") {
            return Err(FormatError::Encrypted);
        }
        let limit = limit / COST;
        let too_large = || FormatError::WorkbookTooLarge {
            what: "in an .xls file",
            limit,
            setting: "files.workbook_memory_bytes",
        };
        if compound.length("Workbook").is_some_and(|it| it > limit) {
            return Err(too_large());
        }
        let Some(stream) = compound.read("Workbook").map_err(translate)? else {
            let found = match compound.has("Book") {
                true => "a workbook of Excel 95 or older",
                false => "an old Office document that is not a workbook",
            };
            return Err(FormatError::OtherWorkbook { found });
        };
        if stream.len() as u64 > limit {
            return Err(too_large());
        }
        reserved.shrink(stream.len() as u64 * COST);
        let writer = Writer::of(&compound);
        Self::read(stream, writer, reserved, sheet)
    }

    /// Reads the globals before the sheets.
    fn read(
        mut stream: Vec<u8>,
        writer: Writer,
        reserved: Reserved,
        requested: Option<&str>,
    ) -> Result<Self, FormatError> {
        if xls_encryption::decrypt(&mut stream).is_none() {
            return Err(FormatError::Encrypted);
        }
        let (mut texts, mut is_1904) = (Texts::default(), false);
        let (mut codes, mut used) = (HashMap::new(), Vec::new());
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
                DATE_MODE => is_1904 = u16_at(data, 0) == Some(1),
                FORMAT => {
                    let mut reader = Reader::new(record);
                    let number = reader.u16().ok_or_else(broken)?;
                    let mut code = String::new();
                    reader.string(&mut code).ok_or_else(broken)?;
                    codes.insert(number, NumberFormat::of_code(&code));
                }
                XF => used.push(u16_at(data, 2).ok_or_else(broken)?),
                BOUND_SHEET => {
                    let sheet = Sheet::read(record).ok_or_else(broken)?;
                    if sheet.has_cells {
                        sheets.push(sheet);
                    }
                }
                SST => texts = read_texts(record),
                _ => {}
            }
        }
        if !began {
            return Err(broken());
        }
        let format = |number: &u16| {
            let own = codes.get(number).copied();
            own.unwrap_or_else(|| NumberFormat::builtin(*number))
        };
        let formats = used.iter().map(format).collect();
        let names = sheets
            .iter()
            .map(|sheet| (sheet.name.as_str(), sheet.is_shown));
        let chosen = choose(names, requested)?;
        let names = sheets.iter().map(|sheet| sheet.name.clone()).collect();
        let chosen = sheets.into_iter().nth(chosen).ok_or(FormatError::NoSheet)?;
        Ok(XlsBook {
            stream,
            texts,
            formats,
            is_1904,
            sheet: chosen.name,
            sheets: names,
            start: chosen.start,
            writer,
            _reserved: reserved,
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
    pub fn rows(&mut self) -> Result<XlsRows<'_>, FormatError> {
        let mut cells = self.cells().map_err(|error| error.at(&self.sheet, 0))?;
        // Programs write them in order; the format does not require it.
        if !cells.is_sorted_by_key(Cell::place) {
            cells.sort_by_key(Cell::place);
        }
        Ok(XlsRows {
            book: self,
            cells,
            next: 0,
            row: SheetRow::default(),
            text: String::new(),
        })
    }

    fn cells(&self) -> Result<Vec<Cell>, FormatError> {
        let sheet = self.stream.get(self.start..).unwrap_or_default();
        let mut cells: Vec<Cell> = Vec::new();
        let (mut line, mut depth) = (0, 0_usize);
        for record in biff::records(sheet) {
            // A chart in the sheet is a nested sheet with its own cells.
            match record.kind {
                BOF => depth += 1,
                EOF => depth = depth.saturating_sub(1),
                _ if depth == 1 => {
                    let offset = self.stream.len() - record.rest.len() - record.data.len();
                    let read = xls_cells::read(record, offset, self.writer, &mut cells);
                    read.ok_or_else(|| broken().at(&self.sheet, line))?;
                    line = cells.last().map_or(0, |cell| u64::from(cell.row) + 1);
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                return Ok(cells);
            }
        }
        Err(FormatError::workbook("the sheet has no end").at(&self.sheet, line))
    }

    fn value<'v>(&'v self, cell: &Cell, text: &'v mut String) -> Option<Value<'v>> {
        Some(match cell.value {
            Stored::Number(number) => {
                let format = self.formats.get(usize::from(cell.format)).copied();
                Value::Number {
                    number,
                    format: format.unwrap_or(NumberFormat::Plain),
                    is_1904: self.is_1904,
                }
            }
            Stored::Shared(index) => {
                let found = self.texts.get(index as usize);
                found.map_or(Value::Flawed(Flaw::NoSuchText), Value::Text)
            }
            Stored::Text { record, skip } => {
                let stream = self.stream.get(record as usize..)?;
                let mut reader = Reader::new(biff::records(stream).next()?);
                text.clear();
                reader.skip(usize::from(skip))?;
                reader.string(text)?;
                Value::Text(text)
            }
            Stored::Bool(value) => Value::Bool(value),
            Stored::Error(code) => Value::Flawed(Flaw::Error(error(code))),
            Stored::NoResult => Value::Flawed(Flaw::NoResult),
        })
    }
}

/// Reads rows, one at a time.
pub struct XlsRows<'b> {
    book: &'b XlsBook,
    cells: Vec<Cell>,
    next: usize,
    row: SheetRow,
    /// The text of a cell that is not a shared string.
    text: String,
}

impl XlsRows<'_> {
    /// Returns the next row that is not blank; `None` at the end. Its line is its number in the sheet.
    ///
    /// # Errors
    /// A cell is damaged or a row exceeds a limit.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        while let Some(first) = self.cells.get(self.next) {
            let (number, line) = (first.row, u64::from(first.row) + 1);
            self.row.begin(line);
            while let Some(cell) = self.cells.get(self.next)
                && cell.row == number
            {
                let value = self.book.value(cell, &mut self.text).ok_or_else(broken);
                let put = value.and_then(|value| self.row.put(usize::from(cell.column), value));
                put.map_err(|error| error.at(&self.book.sheet, line))?;
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
const EOF: u16 = 0x000a;
const DATE_MODE: u16 = 0x0022;
const BOUND_SHEET: u16 = 0x0085;
const XF: u16 = 0x00e0;
const SST: u16 = 0x00fc;
const FORMAT: u16 = 0x041e;
const BOF: u16 = 0x0809;

#[derive(Debug)]
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

/// Reads the existing texts, whatever number of them the record declares (MS-XLS 2.4.265).
fn read_texts(record: biff::Record<'_>) -> Texts {
    let mut reader = Reader::new(record);
    let mut texts = Texts::default();
    if reader.skip(8).is_none() {
        return texts;
    }
    while texts.push(|text| reader.string(text)).is_some() {}
    // The last text is incomplete.
    texts.pop();
    texts
}

/// MS-XLS 2.5.10.
fn error(code: u8) -> &'static str {
    match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0f => "#VALUE!",
        0x17 => "#REF!",
        0x1d => "#NAME?",
        0x24 => "#NUM!",
        0x2a => "#N/A",
        0x2b => "#GETTING_DATA",
        _ => error_name(""),
    }
}

fn translate(error: CompoundError) -> FormatError {
    match error {
        CompoundError::Damaged => FormatError::workbook("it is damaged or cut off"),
        CompoundError::Io(error) => FormatError::Io(error),
    }
}

fn broken() -> FormatError {
    FormatError::workbook("a record there has an invalid form")
}

//! Reads the cells of a sheet of an xlsx workbook one at a time while the part is decompressed (ECMA-376 part 1
//! §18.3.1.4, §18.3.1.73 and §18.3.1.80).
//!
//! Rows and cells without a reference follow those before them. A value is read as text, so that a number keeps its
//! digits.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};

use crate::formats::cell::{self, Value};
use crate::formats::error::FormatError;
use crate::formats::number_format::NumberFormat;
use crate::formats::row::Flaw;
use crate::formats::texts::{self, Texts};
use crate::formats::workbook_part::Results;
use crate::formats::xml_part::XmlPart;

/// The data that cell values refer to.
#[derive(Debug)]
pub(super) struct Context {
    /// The shared strings.
    pub texts: Texts,
    /// The number formats by style index.
    pub formats: Vec<NumberFormat>,
    /// Whether dates count from 1904.
    pub is_1904: bool,
    /// Whether the results of formulas are reliable.
    pub results: Results,
}

/// Reads cells.
pub(super) struct SheetCells<R> {
    xml: XmlPart<R>,
    /// The index of the next row without a number, from 0.
    next_row: u32,
    /// The position of the next cell without a reference.
    row: u32,
    column: usize,
    cell: Cell,
    scratch: String,
    ended: bool,
}

/// The last cell read.
#[derive(Debug, Default)]
struct Cell {
    row: u32,
    column: usize,
    style: usize,
    kind: Kind,
    /// The content of its value element.
    text: String,
    has_value: bool,
    is_formula: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Number,
    /// The index of a shared string.
    Shared,
    /// An inline text, the text result of a formula, or a date in ISO 8601.
    Text,
    Bool,
    Error,
}

impl<R: BufRead> SheetCells<R> {
    /// Moves to the first row.
    ///
    /// # Errors
    /// The part is not a worksheet, or is damaged.
    pub(super) fn open(part: R) -> Result<Self, FormatError> {
        let mut xml = XmlPart::new(part);
        loop {
            match xml.next()? {
                Some(Event::Start(start)) if start.local_name().as_ref() == "sheetData" => break,
                Some(_) => {}
                None => return Err(FormatError::NoSheet),
            }
        }
        Ok(SheetCells {
            xml,
            next_row: 0,
            row: 0,
            column: 0,
            cell: Cell::default(),
            scratch: String::new(),
            ended: false,
        })
    }

    /// Reads the next cell; returns false at the end.
    ///
    /// # Errors
    /// The sheet is damaged.
    pub(super) fn advance(&mut self) -> Result<bool, FormatError> {
        loop {
            if self.ended {
                return Ok(false);
            }
            match self.xml.inside()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "row" => {
                        self.row = row_number(&start)?.unwrap_or(self.next_row);
                        self.next_row = self.row.saturating_add(1);
                        self.column = 0;
                    }
                    "c" => {
                        let place = (self.row, self.column);
                        self.cell.begin(&start, place)?;
                        break;
                    }
                    _ => {}
                },
                Event::End(end) => self.ended = end.local_name().as_ref() == "sheetData",
                _ => {}
            }
        }
        self.row = self.cell.row;
        self.next_row = self.row.saturating_add(1);
        self.column = self.cell.column.saturating_add(1);
        self.read_cell()?;
        Ok(true)
    }

    /// Reads the content of the cell that has just begun.
    fn read_cell(&mut self) -> Result<(), FormatError> {
        enum Tag {
            Value,
            Formula,
            Inline,
            Other,
            End,
            None,
        }
        loop {
            let tag = match self.xml.inside()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "v" => Tag::Value,
                    "f" => Tag::Formula,
                    "is" => Tag::Inline,
                    _ => Tag::Other,
                },
                Event::End(_) => Tag::End,
                _ => Tag::None,
            };
            let cell = &mut self.cell;
            match tag {
                // If there are several values, they are the same.
                Tag::Value if cell.has_value => self.xml.skip()?,
                Tag::Value => {
                    cell.has_value = true;
                    self.xml.text(&mut cell.text)?;
                    cell.unescape(&mut self.scratch);
                }
                Tag::Inline => {
                    (cell.has_value, cell.kind) = (true, Kind::Text);
                    cell.text.clear();
                    texts::item(&mut self.xml, &mut self.scratch, &mut cell.text)?;
                }
                Tag::Formula => {
                    cell.is_formula = true;
                    self.xml.skip()?;
                }
                Tag::Other => self.xml.skip()?,
                Tag::End => return Ok(()),
                Tag::None => {}
            }
        }
    }

    /// The row of the cell, from 0.
    pub(super) fn row(&self) -> u32 {
        self.cell.row
    }

    /// The column of the cell, from 0.
    pub(super) fn column(&self) -> usize {
        self.cell.column
    }

    /// The value of the cell.
    pub(super) fn value<'v>(&'v self, context: &'v Context) -> Value<'v> {
        self.cell.value(context)
    }
}

impl Cell {
    fn begin(&mut self, start: &BytesStart<'_>, place: (u32, usize)) -> Result<(), FormatError> {
        (self.row, self.column) = place;
        (self.style, self.kind) = (0, Kind::Number);
        (self.has_value, self.is_formula) = (false, false);
        self.text.clear();
        let mut attributes = start.attributes();
        for attribute in attributes.with_checks(false).flatten() {
            let value = attribute.value.as_ref();
            match attribute.key.as_ref() {
                "r" => (self.row, self.column) = reference(value).ok_or_else(misplaced)?,
                "s" => self.style = value.parse().unwrap_or_default(),
                "t" => {
                    self.kind = match value {
                        "n" => Kind::Number,
                        "s" => Kind::Shared,
                        "str" | "inlineStr" | "is" | "d" => Kind::Text,
                        "b" => Kind::Bool,
                        "e" => Kind::Error,
                        _ => return Err(FormatError::workbook(UNUSUAL)),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Unescapes text; other values only lose surrounding blanks.
    fn unescape(&mut self, scratch: &mut String) {
        if self.kind != Kind::Text {
            let end = self.text.trim_ascii_end().len();
            self.text.truncate(end);
            let start = self.text.len() - self.text.trim_ascii_start().len();
            self.text.drain(..start);
        } else if self.text.contains("_x") {
            scratch.clear();
            texts::push_unescaped(&self.text, scratch);
            std::mem::swap(scratch, &mut self.text);
        }
    }

    fn value<'v>(&'v self, context: &'v Context) -> Value<'v> {
        let text = self.text.as_str();
        if self.is_formula && !self.has_result(context.results) {
            return Value::Flawed(Flaw::NoResult);
        }
        if text.is_empty() {
            return Value::Text("");
        }
        match self.kind {
            Kind::Text => Value::Text(text),
            Kind::Number => {
                let format = context.formats.get(self.style).copied();
                cell::numeric(text, format.unwrap_or(NumberFormat::Plain), context.is_1904)
            }
            Kind::Shared => {
                let found = text.parse().ok().and_then(|index| context.texts.get(index));
                found.map_or(Value::Flawed(Flaw::NoSuchText), Value::Text)
            }
            Kind::Bool => match text {
                "0" => Value::Bool(false),
                "1" => Value::Bool(true),
                _ if text.eq_ignore_ascii_case("false") => Value::Bool(false),
                _ if text.eq_ignore_ascii_case("true") => Value::Bool(true),
                _ => Value::Text(text),
            },
            Kind::Error => Value::Flawed(Flaw::Error(cell::error_name(text))),
        }
    }

    /// Whether the value is the result of the formula and not a placeholder.
    fn has_result(&self, results: Results) -> bool {
        match self.kind {
            Kind::Text if self.text.is_empty() => self.has_value && results != Results::Outdated,
            Kind::Number if self.text.starts_with(['0', '-']) => {
                // Spreadsheet programs write zero in one way only.
                let is_zero = self.text.parse() == Ok(0.0);
                !is_zero || (self.text == "0" && results == Results::Calculated)
            }
            _ => !self.text.is_empty(),
        }
    }
}

const UNUSUAL: &str = "a cell there has an invalid form";

fn misplaced() -> FormatError {
    FormatError::workbook(UNUSUAL)
}

/// The number of a row, from 0, if it has one.
fn row_number(start: &BytesStart<'_>) -> Result<Option<u32>, FormatError> {
    let mut attributes = start.attributes();
    let found = attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == "r");
    let Some(found) = found else {
        return Ok(None);
    };
    let number: u32 = found.value.trim().parse().map_err(|_| misplaced())?;
    number.checked_sub(1).map(Some).ok_or_else(misplaced)
}

/// Row and column of `C7`, from 0.
fn reference(text: &str) -> Option<(u32, usize)> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic);
    let (mut column, mut count) = (0_usize, 0);
    for letter in letters {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column = column.checked_mul(26)?.checked_add(digit)?;
        count += 1;
    }
    let digits = text.get(count..)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let row: u32 = digits.parse().ok()?;
    Some((row.checked_sub(1)?, column.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(results: Results) -> Context {
        let mut texts = Texts::default();
        texts.push(|text| text.push_str("shared"));
        Context {
            texts,
            formats: vec![
                NumberFormat::Plain,
                NumberFormat::Digits(5),
                NumberFormat::Date,
            ],
            is_1904: false,
            results,
        }
    }

    /// The row, column and text of each cell, or its flaw.
    fn read(rows: &str, results: Results) -> Vec<String> {
        let part = format!("<x:worksheet><x:sheetData>{rows}</x:sheetData></x:worksheet>");
        let mut cells = SheetCells::open(part.as_bytes()).unwrap();
        let (mut all, context) = (Vec::new(), context(results));
        while cells.advance().unwrap() {
            let mut text = Vec::new();
            let text = match cell::write(cells.value(&context), &mut text) {
                Ok(()) => String::from_utf8(text).unwrap(),
                Err(flaw) => format!("{flaw:?}"),
            };
            all.push(format!("{},{} {text}", cells.row(), cells.column()));
        }
        all
    }

    #[test]
    fn all_kinds_of_values_are_read_with_any_prefix() {
        let rows = "<x:row r='2'><x:c r='A2' t='s'><x:v> 0 </x:v></x:c><x:c r='B2'><x:v>12</x:v></x:c>\
            <x:c r='C2' s='1'><x:v>42</x:v></x:c><x:c r='D2' s='2'><x:v>46348</x:v></x:c>\
            <x:c r='E2' t='b'><x:v>1</x:v></x:c><x:c r='F2' t='e'><x:v>#N/A</x:v></x:c>\
            <x:c r='G2' t='inlineStr'><x:is><x:r><x:t>in</x:t></x:r><x:r><x:t>line</x:t></x:r></x:is></x:c>\
            <x:c r='H2' t='str'><x:v>a &lt; b_x000D_</x:v></x:c><x:c r='I2' t='d'><x:v>2026-11-22</x:v></x:c>\
            <x:c r='J2'/><x:c r='AA2' t='s'><x:v>7</x:v></x:c><x:c r='AB2'><x:v>110101199003070017</x:v>\
            <x:extLst><x:ext/></x:extLst></x:c></x:row>";
        let expected = [
            "1,0 shared",
            "1,1 12",
            "1,2 00042",
            "1,3 2026-11-22",
            "1,4 true",
            "1,5 Error(\"#N/A\")",
            "1,6 inline",
            "1,7 a < b\r",
            "1,8 2026-11-22",
            "1,9 ",
            "1,26 NoSuchText",
            "1,27 110101199003070017",
        ];
        assert_eq!(read(rows, Results::Unknown), expected);
    }

    #[test]
    fn rows_and_cells_without_a_reference_follow_those_before() {
        let rows = "<row><c><v>1</v></c><c><v>2</v></c></row><row/><row><c r='C3'><v>3</v></c>\
            <c><v>4</v></c></row><row r='9'><c><v>5</v></c></row><row><c><v>6</v></c></row>\
            <row><c r='B20'><v>7</v></c></row><row><c><v>8</v></c></row>";
        let expected = [
            "0,0 1", "0,1 2", "2,2 3", "2,3 4", "8,0 5", "9,0 6", "19,1 7", "20,0 8",
        ];
        assert_eq!(read(rows, Results::Unknown), expected);
    }

    #[test]
    fn formula_without_a_result_has_no_value() {
        let cell = |rest: &str, results| {
            let rows = format!("<row><c {rest}</c></row>");
            let all = read(&rows, results);
            all[0].trim_start_matches("0,0 ").to_owned()
        };
        use Results::{Calculated, Outdated, Unknown};
        for results in [Calculated, Unknown, Outdated] {
            for nothing in [
                "><f>A1</f>",
                "><f>A1</f><v/>",
                "><f>A1</f><v> </v>",
                "><f t='shared' si='0'/><v></v>",
                " t='str'><f>A1</f>",
                " t='s'><f>A1</f>",
                " t='e'><f>A1</f><v/>",
                " t='n'><f>A1</f><v>0.0</v>",
                "><f>A1</f><v>-0</v>",
            ] {
                assert_eq!(cell(nothing, results), "NoResult", "{nothing} {results:?}");
            }
            for (result, expected) in [
                ("><f>A1</f><v>7</v>", "7"),
                ("><f>A1</f><v>0.5</v>", "0.5"),
                (" t='str'><f>A1</f><v>0</v>", "0"),
                (" t='b'><f>A1</f><v>0</v>", "false"),
                (" t='str'><f>A1</f><v>kim</v>", "kim"),
                ("><v>0</v>", "0"),
                (" t='str'><v/>", ""),
                ("><v/>", ""),
            ] {
                assert_eq!(cell(result, results), expected, "{result} {results:?}");
            }
        }
        let zero = "><f>A1</f><v>0</v>";
        assert_eq!(cell(zero, Calculated), "0");
        assert_eq!(cell(zero, Unknown), "NoResult");
        assert_eq!(cell(zero, Outdated), "NoResult");
        let empty = " t='str'><f>A1</f><v></v>";
        assert_eq!(cell(empty, Calculated), "");
        assert_eq!(cell(empty, Unknown), "");
        assert_eq!(cell(empty, Outdated), "NoResult");
    }

    #[test]
    fn invalid_references_are_refused() {
        for (place, expected) in [
            ("C7", Some((6, 2))),
            ("xfd1", Some((0, 16_383))),
            ("C0", None),
            ("7", None),
            ("C", None),
            ("C+7", None),
            ("C$7", None),
            ("é7", None),
            ("ZZZZZZZZZZZZZZZZZZZZZZZ1", None),
        ] {
            assert_eq!(reference(place), expected, "{place}");
        }
    }
}

//! A text file as its cells and what stands around them: record by record, as `csv.rs` and `quotes.rs` read it,
//! with the place of every character in the file.

use crate::formats::quotes::{Convention, Verdict, judge, parse};
use crate::formats::replace::text_units::{Unit, Units};

/// Stands for bytes that are not a character.
const NO_CHARACTER: char = '\u{fffd}';

/// A cell, and where its characters stand.
pub(super) struct PlacedCell {
    /// Its text, without the marks around it.
    pub text: String,
    /// The unit of each of its characters.
    pub units: Vec<Unit>,
}

/// Goes through the cells of a text file.
pub(super) struct TextCells<'t> {
    bytes: &'t [u8],
    units: &'t Units,
    delimiter: Option<char>,
    /// Where the next record begins.
    at: usize,
    /// The record: a unit for each of its characters.
    record: Vec<Unit>,
    /// The same as text.
    text: String,
}

impl<'t> TextCells<'t> {
    /// The cells of the file from `start` on, behind a byte-order mark and a line `sep=`. Without a
    /// delimiter each line is a cell, marks and all.
    pub(super) fn new(
        bytes: &'t [u8],
        start: usize,
        units: &'t Units,
        delimiter: Option<u8>,
    ) -> Self {
        TextCells {
            bytes,
            units,
            delimiter: delimiter.map(char::from),
            at: start,
            record: Vec::new(),
            text: String::new(),
        }
    }

    /// The cells of the next record; none at the end. Empty lines have none.
    pub(super) fn next_record(&mut self) -> Option<Vec<PlacedCell>> {
        self.record.clear();
        self.text.clear();
        self.units.at(self.bytes, self.at)?;
        let ended = self.read_record();
        Some(match self.delimiter {
            None => vec![self.cell(0..self.record.len())],
            Some(delimiter) => self.cells(delimiter, ended),
        })
    }

    /// Reads to the line end that ends the record; answers whether every quoted field has its end.
    fn read_record(&mut self) -> bool {
        let mut state = State::FieldStart;
        while let Some(unit) = self.units.at(self.bytes, self.at) {
            self.at += unit.length;
            let character = unit.character.unwrap_or(NO_CHARACTER);
            let is_line_end = matches!(character, '\n' | '\r');
            if is_line_end && state != State::Quoted {
                if !self.record.is_empty() {
                    self.step_over_feed(character);
                }
                return true;
            }
            state = match (state, character) {
                _ if self.delimiter.is_none() => State::Plain,
                (State::FieldStart, '"') => State::Quoted,
                (State::Quoted, '"') => State::Mark,
                (State::Quoted, _) => State::Quoted,
                (State::Mark, '"') => State::Quoted,
                (_, other) if Some(other) == self.delimiter => State::FieldStart,
                _ => State::Plain,
            };
            self.record.push(unit);
            self.text.push(character);
        }
        state != State::Quoted
    }

    /// Steps over the line feed that belongs to a carriage return.
    fn step_over_feed(&mut self, end: char) {
        if end == '\r'
            && let Some(unit) = self.units.at(self.bytes, self.at)
            && unit.character == Some('\n')
        {
            self.at += unit.length;
        }
    }

    fn cells(&mut self, delimiter: char, ended: bool) -> Vec<PlacedCell> {
        if self.record.is_empty() {
            return Vec::new();
        }
        let Ok(sign) = u8::try_from(delimiter) else {
            return vec![self.cell(0..self.record.len())];
        };
        if !self.text.contains('"') {
            return self.split(delimiter);
        }
        let verdict = match ended {
            true => judge(self.text.as_bytes(), sign),
            false => match parse(self.text.as_bytes(), sign, Convention::Backslash) {
                Some(_) if self.text.contains("\\\"") => Verdict::Other(Convention::Backslash),
                _ => Verdict::Csv,
            },
        };
        match verdict {
            Verdict::Csv => self.quoted(delimiter, Marks::Doubled),
            Verdict::Unclear(_) => self.split(delimiter),
            Verdict::Other(convention) => {
                let parsed = parse(self.text.as_bytes(), sign, convention);
                if let Some(parsed) = parsed {
                    self.cut(parsed.length);
                }
                self.quoted(
                    delimiter,
                    match convention {
                        Convention::Backslash => Marks::Escaped,
                        Convention::Blanks => Marks::Led,
                    },
                )
            }
        }
    }

    /// Ends the record behind so many bytes of its text; what follows is read again.
    fn cut(&mut self, length: usize) {
        let count = self
            .text
            .get(..length)
            .map_or(0, |kept| kept.chars().count());
        if let Some(next) = self.record.get(count) {
            // The line end that the record ends with makes no row.
            self.at = next.start;
        }
        self.record.truncate(count);
        self.text.truncate(length);
    }

    /// The cells between the delimiters, marks and all.
    fn split(&self, delimiter: char) -> Vec<PlacedCell> {
        let is_delimiter = |unit: &Unit| unit.character == Some(delimiter);
        let mut start = 0;
        self.record
            .split(is_delimiter)
            .map(|units| {
                let place = start..start + units.len();
                start = place.end + 1;
                self.cell(place)
            })
            .collect()
    }

    fn cell(&self, place: std::ops::Range<usize>) -> PlacedCell {
        let units = self.record.get(place).unwrap_or_default().to_vec();
        let character = |unit: &Unit| unit.character.unwrap_or(NO_CHARACTER);
        PlacedCell {
            text: units.iter().map(character).collect(),
            units,
        }
    }

    /// The cells of a record with quotation marks.
    fn quoted(&self, delimiter: char, marks: Marks) -> Vec<PlacedCell> {
        let mut reader = FieldReader {
            record: &self.record,
            at: 0,
            delimiter,
            marks,
        };
        let mut cells = Vec::new();
        while reader.at <= self.record.len() {
            let places = reader.next_field();
            let units: Vec<Unit> = places
                .iter()
                .filter_map(|place| self.record.get(*place).copied())
                .collect();
            let character = |unit: &Unit| unit.character.unwrap_or(NO_CHARACTER);
            cells.push(PlacedCell {
                text: units.iter().map(character).collect(),
                units,
            });
        }
        cells
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a mark inside a quoted field: it ends it, or is the first of two.
    Mark,
}

/// How quotation marks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    /// RFC 4180: two stand for one.
    Doubled,
    /// Behind a backslash.
    Escaped,
    /// Two stand for one, and blanks may stand before the first one.
    Led,
}

struct FieldReader<'r> {
    record: &'r [Unit],
    at: usize,
    delimiter: char,
    marks: Marks,
}

impl FieldReader<'_> {
    fn character(&self, at: usize) -> Option<char> {
        let unit = self.record.get(at)?;
        Some(unit.character.unwrap_or(NO_CHARACTER))
    }

    /// The places of the characters that the next field has; steps over the delimiter behind it.
    fn next_field(&mut self) -> Vec<usize> {
        let mut places = Vec::new();
        let mut at = self.at;
        if self.marks != Marks::Doubled {
            let is_blank =
                |it: Option<char>| matches!(it, Some(' ' | '\t')) && it != Some(self.delimiter);
            while is_blank(self.character(at)) {
                at += 1;
            }
        }
        let is_quoted = self.character(at) == Some('"');
        match is_quoted {
            true => at = self.quoted_field(at + 1, &mut places),
            false => at = self.at,
        }
        // By RFC 4180's readers what follows a quoted text belongs to the field; by the other conventions only
        // blanks follow.
        let is_over = is_quoted && self.marks != Marks::Doubled;
        while let Some(character) = self.character(at) {
            at += 1;
            if character == self.delimiter {
                self.at = at;
                return places;
            }
            if !is_over {
                places.push(at - 1);
            }
        }
        self.at = self.record.len() + 1;
        places
    }

    /// Reads a quoted field from behind its opening mark; answers what is behind the closing one.
    fn quoted_field(&self, mut at: usize, places: &mut Vec<usize>) -> usize {
        while let Some(character) = self.character(at) {
            let next = self.character(at + 1);
            match (self.marks, character, next) {
                (Marks::Doubled | Marks::Led, '"', Some('"'))
                | (Marks::Escaped, '\\', Some('"' | '\\')) => {
                    places.push(at + 1);
                    at += 2;
                }
                (_, '"', _) => return at + 1,
                _ => {
                    places.push(at);
                    at += 1;
                }
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::charset::TextCharset;
    use crate::formats::csv::CsvRows;
    use crate::formats::delimiter::Delimiter;

    /// The records by this reader, and by the one of imports.
    fn both(text: &str, delimiter: Delimiter) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
        let units = Units::of(TextCharset::UTF_8).unwrap();
        let bytes = text.as_bytes();
        let mut cells = TextCells::new(bytes, 0, &units, Some(delimiter.byte()));
        let mut ours = Vec::new();
        while let Some(record) = cells.next_record() {
            for cell in &record {
                let read = cell.units.iter().map(|unit| {
                    std::str::from_utf8(&bytes[unit.start..unit.start + unit.length]).unwrap()
                });
                assert_eq!(read.collect::<String>(), cell.text);
            }
            if !record.is_empty() {
                ours.push(record.into_iter().map(|cell| cell.text).collect());
            }
        }
        let mut rows = CsvRows::new(bytes, Some(delimiter));
        let mut theirs = Vec::new();
        while let Ok(Some(row)) = rows.next_row() {
            let fields = row
                .fields()
                .map(|field| String::from_utf8(field.to_vec()).unwrap());
            theirs.push(fields.collect());
        }
        (ours, theirs)
    }

    #[test]
    fn cells_are_those_that_an_import_reads() {
        for text in [
            "a,b\nc,d\n",
            "a,b\r\nc,d\r\n\r\ne,f",
            "a,b\rc,d\r\re,f\r",
            "h,i\n\"a\nb\",\"x\"\"y\"\nc,\"1,2\"\r\n\"p\r\nq\",z\nlast,l\n",
            "a,b\nmira,\"Mira \\\"Mimi\\\" Falk\"\r\notto, \"Falk, Otto\"\nx,\"Mira\" Falk\ny,5\" pipe\n",
            "a,b,c\nmira,\"Mimi says \\\"\",x\notto,\"Otto\",y\nlee,Lee,z\nann,\"Ann \\\"\"",
            "a,b\nmira,\"Mira,x\notto,\"Otto\",y\nlee,z\n",
            "a,b\nkim,\"a \\\"b\\\" \\\\ c\",\n",
            "a,b\nkim,\"\",\nlee, \"\" ,x\n",
            "a,b\nkim,\"x\" \nlee,\"y\" z\n",
            ",,\n\"\",\"\"\n",
        ] {
            let (ours, theirs) = both(text, Delimiter::Comma);
            assert_eq!(ours, theirs, "{text:?}");
        }
        let (ours, theirs) = both("a;b\n\"1;2\";x,y\n", Delimiter::Semicolon);
        assert_eq!(ours, theirs);
        let (ours, theirs) = both("a\tb\n \"x\"\ty\n", Delimiter::Tab);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn without_a_delimiter_a_line_is_a_cell() {
        let units = Units::of(TextCharset::UTF_8).unwrap();
        let mut cells = TextCells::new(b"a,\"b\nc\"\n", 0, &units, None);
        let mut lines = Vec::new();
        while let Some(record) = cells.next_record() {
            lines.extend(record.into_iter().map(|cell| cell.text));
        }
        assert_eq!(lines, ["a,\"b", "c\""]);
    }
}

//! CSV (RFC 4180) by `csv-core`, with true line numbers and limits that hold while reading.
//!
//! Read tolerantly: CRLF, LF or CR; a byte-order mark; commas, semicolons, TABs or bars; Excel's line
//! `sep=;`; empty lines; a last line without an end. What is no CSV at all, or would silently swallow
//! the rest of the file, is an error of the file.

use std::io::Read;
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr_iter, memchr3};

use crate::formats::delimiter::{Delimiter, SepLine};
use crate::formats::error::FormatError;
use crate::formats::row::Row;

/// Bytes that one field may have.
pub const FIELD_LIMIT: usize = 64 * 1024;

/// Bytes that one row may have.
pub const ROW_LIMIT: usize = 1024 * 1024;

/// Fields that one row may have.
pub const FIELDS_LIMIT: usize = 1024;

/// Bytes of the buffer at first, and at the most: it grows with the file.
const FIRST_BUFFER: usize = 4 * 1024;
const BUFFER: usize = 64 * 1024;

/// Reads rows from `source`, one at a time, into memory that is used again.
pub struct CsvRows<R> {
    source: R,
    /// None: no row has needed it yet.
    parser: Option<Reader>,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    at_end: bool,
    /// The line that the next unread byte belongs to, from 1.
    line: u64,
    output: Vec<u8>,
    ends: Vec<usize>,
    /// None: the first line tells it.
    delimiter: Option<Delimiter>,
    looked: bool,
}

impl<R: Read> CsvRows<R> {
    /// A reader of `source`, whose first line tells the delimiter where none is given.
    pub fn new(source: R, delimiter: Option<Delimiter>) -> Self {
        CsvRows {
            source,
            delimiter,
            parser: None,
            buffer: vec![0; FIRST_BUFFER],
            start: 0,
            end: 0,
            at_end: false,
            line: 1,
            output: vec![0; 4 * 1024],
            ends: vec![0; 64],
            looked: false,
        }
    }

    /// What stands between the columns; none: the first line was not read yet.
    pub fn delimiter(&self) -> Option<Delimiter> {
        self.delimiter
    }

    /// What is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The next row that is not an empty line; none at the end.
    ///
    /// # Errors
    /// The file is no CSV, breaks a limit, ends inside a quoted field, or its source failed.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        if !self.looked {
            self.look_at_the_beginning()?;
        }
        self.skip_line_ends()?;
        if self.start == self.end && self.at_end {
            return Ok(None);
        }
        let line = self.line;
        if let Some((row, fields)) = self.pass_plain_line() {
            let bytes = self.buffer.get(row).unwrap_or_default();
            let ends = self.ends.get(..fields).unwrap_or_default();
            return Ok(Some(Row::delimited(line, bytes, ends)));
        }
        let (bytes, fields) = self.read_record(line)?;
        let output = self.output.get(..bytes).unwrap_or_default();
        let ends = self.ends.get(..fields).unwrap_or_default();
        Ok(Some(Row::new(line, output, ends)))
    }

    /// Passes a line without quotation marks that is whole in the buffer, as most are: its fields are
    /// what stands between the delimiters. Answers where it is and how many fields it has. None: it
    /// takes the parser, which also makes more room and names what is wrong with a row.
    fn pass_plain_line(&mut self) -> Option<(Range<usize>, usize)> {
        // What fits into the buffer keeps the limits on bytes.
        let unread = self.buffer.get(self.start..self.end)?;
        let length = memchr3(b'\n', b'\r', b'"', unread)?;
        let (line, end) = unread.split_at(length);
        let end_of_line = match end {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        let delimiter = self.delimiter?.byte();
        let mut fields = 0;
        for end in memchr_iter(delimiter, line).chain([length]) {
            *self.ends.get_mut(fields)? = end;
            fields += 1;
        }
        if fields > FIELDS_LIMIT {
            return None;
        }
        let row = self.start..self.start + length;
        self.start = row.end + end_of_line;
        self.line += 1;
        Some((row, fields))
    }

    fn read_record(&mut self, line: u64) -> Result<(usize, usize), FormatError> {
        let (mut bytes, mut fields) = (0, 0);
        loop {
            if self.start == self.end && !self.at_end {
                self.fill()?;
            }
            if self.start == self.end {
                return self.finish_last_record(line, bytes, fields);
            }
            let input = self.buffer.get(self.start..self.end).unwrap_or_default();
            let delimiter = self.delimiter;
            let parser = self.parser.get_or_insert_with(|| parser(delimiter));
            let lines_before = parser.line();
            let (result, read, written, ended) = parser.read_record(
                input,
                self.output.get_mut(bytes..).unwrap_or_default(),
                self.ends.get_mut(fields..).unwrap_or_default(),
            );
            let consumed = input.get(..read).unwrap_or_default();
            self.line += parser.line() - lines_before;
            let ended_in_cr = consumed.last() == Some(&b'\r');
            self.start += read;
            bytes += written;
            fields += ended;
            self.check_limits(line, bytes, fields)?;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    self.check_fields(line, bytes, fields)?;
                    if ended_in_cr {
                        self.end_of_line_after_cr()?;
                    }
                    return Ok((bytes, fields));
                }
            }
        }
    }

    /// Ends the row that the file's end cut. A line feed ends it unless a quoted field is open: there
    /// it is one more character of the field.
    fn finish_last_record(
        &mut self,
        line: u64,
        mut bytes: usize,
        mut fields: usize,
    ) -> Result<(usize, usize), FormatError> {
        let delimiter = self.delimiter;
        let parser = self.parser.get_or_insert_with(|| parser(delimiter));
        loop {
            let (result, _, written, ended) = parser.read_record(
                b"\n",
                self.output.get_mut(bytes..).unwrap_or_default(),
                self.ends.get_mut(fields..).unwrap_or_default(),
            );
            bytes += written;
            fields += ended;
            match result {
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => return Err(FormatError::UnclosedQuote { line }),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    self.check_fields(line, bytes, fields)?;
                    return Ok((bytes, fields));
                }
            }
        }
    }

    fn check_limits(&self, line: u64, bytes: usize, fields: usize) -> Result<(), FormatError> {
        let field_start = match fields.checked_sub(1) {
            Some(last) => self.ends.get(last).copied().unwrap_or_default(),
            None => 0,
        };
        if bytes - field_start.min(bytes) > FIELD_LIMIT {
            return Err(FormatError::FieldTooLong {
                line,
                limit: FIELD_LIMIT,
            });
        }
        if bytes > ROW_LIMIT {
            return Err(FormatError::RowTooLong {
                line,
                limit: ROW_LIMIT,
                what: "bytes",
            });
        }
        if fields > FIELDS_LIMIT {
            return Err(FormatError::RowTooLong {
                line,
                limit: FIELDS_LIMIT,
                what: "fields",
            });
        }
        Ok(())
    }

    /// The same for the fields of a whole row; only a long row can have a long one.
    fn check_fields(&self, line: u64, bytes: usize, fields: usize) -> Result<(), FormatError> {
        if bytes <= FIELD_LIMIT {
            return Ok(());
        }
        let mut start = 0;
        for end in self.ends.get(..fields).unwrap_or_default() {
            if end - start > FIELD_LIMIT {
                return Err(FormatError::FieldTooLong {
                    line,
                    limit: FIELD_LIMIT,
                });
            }
            start = *end;
        }
        Ok(())
    }

    /// Skips empty lines, so that the row's own first line is known.
    fn skip_line_ends(&mut self) -> Result<(), FormatError> {
        loop {
            if self.start == self.end {
                if self.at_end {
                    return Ok(());
                }
                self.fill()?;
                continue;
            }
            match self.buffer.get(self.start) {
                Some(b'\n') => {
                    self.start += 1;
                    self.line += 1;
                }
                Some(b'\r') => {
                    self.start += 1;
                    self.end_of_line_after_cr()?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// A CR has been read: with the LF behind it, or by itself, it ends one line.
    fn end_of_line_after_cr(&mut self) -> Result<(), FormatError> {
        if self.start == self.end && !self.at_end {
            self.fill()?;
        }
        if self.start < self.end && self.buffer.get(self.start) == Some(&b'\n') {
            self.start += 1;
        }
        self.line += 1;
        Ok(())
    }

    /// Moves what is unread to the front and reads more; sets `at_end` when there is no more.
    fn fill(&mut self) -> Result<(), FormatError> {
        if self.end == self.buffer.len() {
            // It was filled the last time.
            let larger = (self.buffer.len() * 2).min(BUFFER);
            self.buffer.resize(larger, 0);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.source.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.at_end = read == 0;
        Ok(())
    }

    /// Tells by the first lines what is no CSV and what stands between the columns, and steps over a
    /// UTF-8 byte-order mark and a line `sep=`.
    fn look_at_the_beginning(&mut self) -> Result<(), FormatError> {
        self.looked = true;
        while !self.at_end && self.end < BUFFER / 2 && !self.two_lines_are_here() {
            self.fill()?;
        }
        let beginning = self.buffer.get(..self.end).unwrap_or_default();
        let mut body = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        let sep = SepLine::read(body);
        if let Some(line) = sep {
            body = body.get(line.length..).unwrap_or_default();
        }
        self.start = beginning.len() - body.len();
        let first_line = body
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        if body.is_empty() || (first_line.is_empty() && self.at_end) {
            return Err(FormatError::Empty);
        }
        if first_line.trim_ascii_start().starts_with(b"<") {
            let found = "an XML or HTML document";
            return Err(FormatError::NotRows { found });
        }
        if first_line.contains(&0) {
            return Err(FormatError::Binary);
        }
        let delimiter = match (self.delimiter, sep) {
            (Some(set), _) => set,
            (None, Some(line)) => line.delimiter.ok_or(FormatError::SepLine)?,
            (None, None) => Delimiter::detect(body).ok_or(FormatError::Delimiter)?,
        };
        self.delimiter = Some(delimiter);
        Ok(())
    }

    /// Whether the beginning has two lines with text in them and their ends.
    fn two_lines_are_here(&self) -> bool {
        let beginning = self.buffer.get(..self.end).unwrap_or_default();
        let ends_of_lines = beginning
            .windows(2)
            .filter(|pair| matches!(pair, [text, b'\n' | b'\r'] if !matches!(text, b'\n' | b'\r')))
            .count();
        self.end >= 8 && ends_of_lines >= 3
    }
}

fn parser(delimiter: Option<Delimiter>) -> Reader {
    let delimiter = delimiter.map_or(b',', Delimiter::byte);
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    // It steps over a byte-order mark of its own accord at its first call: that is used up here.
    let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
    parser
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(self.1).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn read(file: &[u8]) -> Result<Vec<(u64, Vec<String>)>, FormatError> {
        let whole = read_by(file, usize::MAX);
        for step in [1, 3] {
            assert_eq!(
                format!("{whole:?}"),
                format!("{:?}", read_by(file, step)),
                "by {step}"
            );
        }
        whole
    }

    fn read_by(file: &[u8], step: usize) -> Result<Vec<(u64, Vec<String>)>, FormatError> {
        let mut rows = CsvRows::new(Drip(file, step), None);
        let mut all = Vec::new();
        while let Some(row) = rows.next_row()? {
            let text = row.text().unwrap();
            all.push((row.line(), text.iter().map(str::to_owned).collect()));
        }
        Ok(all)
    }

    fn lines(file: &[u8]) -> Vec<(u64, String)> {
        read(file)
            .unwrap()
            .into_iter()
            .map(|(line, row)| (line, row.join("|")))
            .collect()
    }

    fn row(line: u64, text: &str) -> (u64, String) {
        (line, text.to_owned())
    }

    #[test]
    fn every_line_end_and_no_last_one() {
        let expected = [row(1, "a|b"), row(2, "c|d"), row(4, "e|f")];
        assert_eq!(lines(b"a,b\nc,d\n\ne,f\n"), expected);
        assert_eq!(lines(b"a,b\r\nc,d\r\n\r\ne,f"), expected);
        assert_eq!(lines(b"a,b\rc,d\r\re,f\r"), expected);
        assert_eq!(lines(b"\n\na,b"), [row(3, "a|b")]);
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_breaks_and_lines_stay_true() {
        assert_eq!(
            lines(b"h,i\n\"a\nb\",\"x\"\"y\"\nc,\"1,2\"\r\n\"p\r\nq\",z\nlast,l\n"),
            [
                row(1, "h|i"),
                row(2, "a\nb|x\"y"),
                row(4, "c|1,2"),
                row(5, "p\r\nq|z"),
                row(7, "last|l"),
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        assert_eq!(
            lines(b"\xef\xbb\xbfa,b\nc,d"),
            [row(1, "a|b"), row(2, "c|d")]
        );
    }

    #[test]
    fn the_vendors_sample_has_three_rows_behind_its_header() {
        let sample = b"UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan";
        assert_eq!(lines(sample).len(), 4);
        assert_eq!(lines(sample)[3], row(4, "bulkUser3|Prasan"));
    }

    #[test]
    fn what_is_no_csv_is_named() {
        let message = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(message(b"").starts_with("The file is empty"));
        assert!(message(b"\xef\xbb\xbf").starts_with("The file is empty"));
        assert!(message(b"\n\r\n").starts_with("The file is empty"));
        assert!(message(b"\n <?xml version=\"1.0\"?><a/>").contains("XML"));
        assert!(message(b"a\0,b\nc,d\n").contains("binary"));
        assert!(message(b"a,b;c;d\nx\n").contains("files.delimiter"));
        assert!(message(b"sep=:\na:b\n").contains("sep="));
    }

    #[test]
    fn every_delimiter_and_the_line_that_names_it() {
        let expected = [row(1, "a|b"), row(2, "c, d|e;f")];
        assert_eq!(lines(b"a,b\n\"c, d\",e;f\n"), expected);
        assert_eq!(lines(b"a;b\nc, d;\"e;f\"\n"), expected);
        assert_eq!(lines(b"a\tb\nc, d\te;f\n"), expected);
        assert_eq!(lines(b"a|b\nc, d|e;f\n"), expected);
        let named = [row(2, "a,x|b"), row(4, "c|d")];
        assert_eq!(lines(b"sep=;\r\na,x;b\r\n\r\nc;d\r\n"), named);
        assert_eq!(lines(b"\xef\xbb\xbf\"sep=;\"\na,x;b\n\nc;d"), named);
        assert_eq!(lines(b"sep=,\n\n\na"), [row(4, "a")]);
        assert!(matches!(read(b"sep=;\n"), Err(FormatError::Empty)));
        let mut rows = CsvRows::new(&b"sep=;\na;b,c\n"[..], Some(Delimiter::Comma));
        assert_eq!(
            rows.next_row().unwrap().unwrap().len(),
            2,
            "what is set is obeyed"
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_and_not_one_long_name() {
        let mut file = b"h,i\n\"alice,x\n".to_vec();
        assert!(matches!(
            read(&file),
            Err(FormatError::UnclosedQuote { line: 2 })
        ));
        file.extend(b"bob,y\n".repeat(50_000));
        let error = read_by(&file, 1000).unwrap_err();
        assert!(
            matches!(error, FormatError::FieldTooLong { line: 2, .. }),
            "{error}"
        );
        assert!(matches!(
            read(b"a,\""),
            Err(FormatError::UnclosedQuote { line: 1 })
        ));
    }

    #[test]
    fn rows_have_limits() {
        let field = ["a,", &"x".repeat(FIELD_LIMIT + 1), ",b\n"].concat();
        let too_long = read_by(field.as_bytes(), usize::MAX);
        assert!(matches!(
            too_long,
            Err(FormatError::FieldTooLong { line: 1, .. })
        ));
        let wide = [b"a,".repeat(FIELDS_LIMIT + 1), b"\n".to_vec()].concat();
        assert!(matches!(
            read_by(&wide, 999),
            Err(FormatError::RowTooLong { what: "fields", .. })
        ));
        let long = ["x".repeat(FIELD_LIMIT), "\n".into()].concat();
        assert_eq!(read_by(long.as_bytes(), 999).unwrap().len(), 1);
    }
}

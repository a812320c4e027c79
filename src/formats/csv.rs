//! Reads CSV (RFC 4180) with `csv-core`, with exact line numbers and with limits that are enforced while reading.
//!
//! Accepts CRLF, LF or CR; a byte-order mark; commas, semicolons, TABs or bars; Excel's line `sep=;`; empty lines;
//! a last line without an end; the DOS end mark. Content that is not CSV, or that would silently swallow the rest
//! of the file, is an error of the file. A row whose quotation marks do not follow CSV (`quotes.rs`), or that
//! contains a NUL, is returned with a flaw.

use std::io::Read;
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr_iter, memchr2, memchr3, memmem, memrchr};

use crate::formats::delimiter::{Delimiter, SepLine, Unusual};
use crate::formats::error::FormatError;
use crate::formats::not_a_table::recognize;
use crate::formats::quotes::{Convention, Parsed, Verdict, judge, parse};
use crate::formats::row::{Flaw, FlawedField, Row};
use crate::wiped::Wiped;

/// The maximum size of a field in bytes.
pub const FIELD_LIMIT: usize = 64 * 1024;

/// The maximum size of a row in bytes.
pub const ROW_LIMIT: usize = 1024 * 1024;

/// The maximum number of fields in a row.
pub const FIELDS_LIMIT: usize = 1024;

/// The initial and the maximum size of the buffer in bytes: it grows with the file.
const FIRST_BUFFER: usize = 4 * 1024;
const BUFFER: usize = 64 * 1024;

/// The initial capacity for a record from the parser.
const FIRST_OUTPUT: usize = 4 * 1024;
const FIRST_FIELDS: usize = 64;

/// The DOS end mark, which old editors and copy programs append to a text or use to fill its last block.
const END_MARK: u8 = 0x1a;

/// Reads rows from `source`, one at a time, into a reused buffer.
pub struct CsvRows<R> {
    source: R,
    /// `None` until a row needs it.
    parser: Option<Reader>,
    buffer: Wiped,
    /// The unread part of the buffer is `buffer[start..end]`.
    start: usize,
    end: usize,
    at_end: bool,
    /// The line number of the next unread byte, from 1.
    line: u64,
    output: Wiped,
    ends: Vec<usize>,
    /// `None` until the first line shows it.
    delimiter: Option<Delimiter>,
    format_detected: bool,
    first_line_is_empty: bool,
    /// The current record of the parser, as in the file.
    raw: Wiped,
    /// A NUL or an end mark was read, so every row is searched for them.
    has_control: bool,
    conventions: Conventions,
}

/// Rows read by other conventions than CSV: the number of rows and the line of the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conventions {
    /// Quotation marks were escaped with backslashes.
    pub backslashes: (u64, u64),
    /// There were blanks before opening quotation marks.
    pub blanks: (u64, u64),
}

/// Splits a record at its delimiters into `output`, quotation marks included: a row whose quotation marks are
/// ambiguous is shown as it is in the file. `None` if there are too many fields.
fn raw_fields(
    record: &[u8],
    delimiter: u8,
    output: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Option<(usize, usize)> {
    let fields = memchr_iter(delimiter, record).count() + 1;
    if fields > FIELDS_LIMIT {
        return None;
    }
    output.clear();
    ends.clear();
    for field in record.split(|byte| *byte == delimiter) {
        output.extend_from_slice(field);
        ends.push(output.len());
    }
    let bytes = output.len();
    // The parser writes into the existing length of both.
    output.resize(bytes.max(FIRST_OUTPUT), 0);
    ends.resize(fields.max(FIRST_FIELDS), 0);
    Some((bytes, fields))
}

impl<R: Read> CsvRows<R> {
    /// A reader of `source`; the first line shows the delimiter if none is given.
    pub fn new(source: R, delimiter: Option<Delimiter>) -> Self {
        CsvRows {
            source,
            delimiter,
            parser: None,
            buffer: vec![0; FIRST_BUFFER].into(),
            start: 0,
            end: 0,
            at_end: false,
            line: 1,
            output: vec![0; FIRST_OUTPUT].into(),
            ends: vec![0; FIRST_FIELDS],
            format_detected: false,
            first_line_is_empty: false,
            raw: Wiped::default(),
            has_control: false,
            conventions: Conventions::default(),
        }
    }

    /// The delimiter; `None` until the first line has been read.
    pub fn delimiter(&self) -> Option<Delimiter> {
        self.delimiter
    }

    /// Whether the first line is empty, not counting a byte-order mark and a line `sep=` before it. Known once a
    /// row has been read. Empty lines are not rows, but this one may stand for a header.
    pub fn first_line_is_empty(&self) -> bool {
        self.first_line_is_empty
    }

    /// How many rows so far use other quoting conventions than RFC 4180.
    pub fn conventions(&self) -> Conventions {
        self.conventions
    }

    /// The source.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Returns the next row that is not an empty line; `None` at the end.
    ///
    /// # Errors
    /// The file is not CSV, exceeds a limit, ends inside a quoted field, or its source failed.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, FormatError> {
        if !self.format_detected {
            self.detect_format(&|_| false)?;
        }
        self.skip_line_ends()?;
        if self.start == self.end && self.at_end {
            return Ok(None);
        }
        let line = self.line;
        if let Some((row, fields)) = self.split_plain_line() {
            let bytes = self.buffer.get(row).unwrap_or_default();
            let ends = self.ends.get(..fields).unwrap_or_default();
            let row = Row::delimited(line, bytes, ends);
            return Ok(Some(match self.has_control {
                true => with_control(row),
                false => row,
            }));
        }
        let (bytes, fields, flawed) = self.read_quoted(line)?;
        let output = self.output.get(..bytes).unwrap_or_default();
        let ends = self.ends.get(..fields).unwrap_or_default();
        let row = Row::new(line, output, ends);
        Ok(Some(match flawed {
            None if self.has_control => with_control(row),
            _ => row.with_flaw(flawed),
        }))
    }

    /// Splits a line without quotation marks that is completely in the buffer, as most are, at its delimiters.
    /// Returns its range and the number of fields. `None` if the parser is needed, which can read more input and
    /// reports what is wrong with a row.
    fn split_plain_line(&mut self) -> Option<(Range<usize>, usize)> {
        // A line that fits into the buffer cannot exceed the limits in bytes.
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

    /// Reads a record with the parser, and again if its quotation marks do not follow CSV.
    fn read_quoted(
        &mut self,
        line: u64,
    ) -> Result<(usize, usize, Option<FlawedField>), FormatError> {
        let delimiter = self.delimiter.map_or(b',', Delimiter::byte);
        self.raw.clear();
        let read = self.read_record(line);
        if memrchr(b'"', &self.raw).is_none() {
            return read.map(|(bytes, fields)| (bytes, fields, None));
        }
        let (bytes, fields) = match read {
            Ok(read) => read,
            // The mark that seemed to open an endless field may be escaped with a backslash.
            Err(error @ (FormatError::UnclosedQuote { .. } | FormatError::FieldTooLong { .. })) => {
                let escaped = memmem::find(&self.raw, b"\\\"").is_some();
                let parsed = escaped
                    .then(|| parse(&self.raw, delimiter, Convention::Backslash))
                    .flatten();
                // At the end of the file the record is complete, so that nothing needs to follow it.
                let whole = matches!(error, FormatError::UnclosedQuote { .. });
                let most = self.raw.len() - usize::from(!whole).min(self.raw.len());
                let parsed = parsed.filter(|parsed| parsed.length <= most);
                let Some(parsed) = parsed else {
                    return Err(error);
                };
                let (bytes, fields) = self.read_again(line, parsed, Convention::Backslash)?;
                return Ok((bytes, fields, None));
            }
            Err(error) => return Err(error),
        };
        let record = without_last_line_end(&self.raw);
        match judge(record, delimiter) {
            Verdict::Csv => Ok((bytes, fields, None)),
            Verdict::Other(convention) => match parse(record, delimiter, convention) {
                Some(parsed) => {
                    let (bytes, fields) = self.read_again(line, parsed, convention)?;
                    Ok((bytes, fields, None))
                }
                None => Ok((bytes, fields, None)),
            },
            Verdict::Unclear(position) => {
                let lines = u32::try_from(self.line.saturating_sub(line)).unwrap_or(u32::MAX);
                let flaw = Flaw::Quotes(lines.max(1));
                let raw = raw_fields(record, delimiter, &mut self.output, &mut self.ends);
                let (bytes, fields) = raw.unwrap_or((bytes, fields));
                let position = position.min(fields.saturating_sub(1));
                Ok((bytes, fields, Some(FlawedField { position, flaw })))
            }
        }
    }

    /// Uses the fields of another convention, and puts back what follows the record in this convention.
    fn read_again(
        &mut self,
        line: u64,
        parsed: Parsed,
        convention: Convention,
    ) -> Result<(usize, usize), FormatError> {
        let (record, rest) = self.raw.split_at_checked(parsed.length).unwrap_or_default();
        let rest_of_record = without_line_end(rest);
        if !rest_of_record.is_empty() {
            match self.start.checked_sub(rest_of_record.len()) {
                Some(start) if self.buffer.get(start..self.start) == Some(rest_of_record) => {
                    self.start = start;
                }
                _ => {
                    self.end = self.end - self.start + rest_of_record.len();
                    self.buffer
                        .splice(..self.start, rest_of_record.iter().copied());
                    self.start = 0;
                }
            }
            self.line = line + line_ends(record) + 1;
            // The parser may be in the middle of a field.
            self.parser = None;
        }
        let (bytes, fields) = (parsed.output.len(), parsed.ends.len());
        // The parser writes into the existing length of both.
        self.output = parsed.output.into();
        self.output.set_len_zeroed(bytes.max(FIRST_OUTPUT));
        self.ends = parsed.ends;
        self.ends.resize(fields.max(FIRST_FIELDS), 0);
        self.check_limits(line, bytes, fields)?;
        self.check_fields(line, bytes, fields)?;
        let (count, first) = match convention {
            Convention::Backslash => &mut self.conventions.backslashes,
            Convention::Blanks => &mut self.conventions.blanks,
        };
        if *count == 0 {
            *first = line;
        }
        *count += 1;
        Ok((bytes, fields))
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
            self.raw.extend_from_slice(consumed);
            self.start += read;
            bytes += written;
            fields += ended;
            self.check_limits(line, bytes, fields)?;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.output.set_len_zeroed(self.output.len() * 2),
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

    /// Ends the last row at the end of the file. A line feed ends it unless a quoted field is open, where the line
    /// feed is one more character of the field.
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
                ReadRecordResult::OutputFull => self.output.set_len_zeroed(self.output.len() * 2),
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

    /// Checks the fields of a complete row; only a long row can have a long field.
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

    /// Skips empty lines, so that the line number of the next row is exact.
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

    /// Counts the line end after a CR that has been read, with or without an LF after it.
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

    /// Moves the unread bytes to the front and reads more; sets `at_end` at the end of the source.
    fn fill(&mut self) -> Result<(), FormatError> {
        if self.end == self.buffer.len() {
            // The last read filled the buffer.
            let larger = (self.buffer.len() * 2).min(BUFFER);
            self.buffer.set_len_zeroed(larger.max(self.buffer.len()));
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let before = self.end;
        self.read_more()?;
        let fresh = self.buffer.get(before..self.end).unwrap_or_default();
        if memchr2(0, END_MARK, fresh).is_some() {
            self.has_control = true;
            self.cut_at_end_mark(before)?;
        }
        Ok(())
    }

    /// Reads into the free space after the unread bytes.
    fn read_more(&mut self) -> Result<(), FormatError> {
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.source.read(space) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.at_end = read == 0;
        Ok(())
    }

    /// Examines the bytes read last, from `fresh` on: if only end marks, blanks, line ends and NULs follow an end
    /// mark up to the end of the source, the file ends at the mark.
    fn cut_at_end_mark(&mut self, fresh: usize) -> Result<(), FormatError> {
        loop {
            let read = self.buffer.get(fresh..self.end).unwrap_or_default();
            let padding = |byte: &&u8| matches!(**byte, 0 | END_MARK | b'\r' | b'\n' | b' ');
            let tail = read.iter().rev().take_while(padding).count();
            let tail = self.end - tail;
            let padding = self.buffer.get(tail..self.end).unwrap_or_default();
            let Some(mark) = memchr::memchr(END_MARK, padding) else {
                return Ok(());
            };
            if self.end == self.buffer.len() {
                if self.buffer.len() >= BUFFER {
                    return Ok(());
                }
                self.buffer.set_len_zeroed(self.buffer.len() * 2);
            }
            self.read_more()?;
            if self.at_end {
                self.end = tail + mark;
                return Ok(());
            }
        }
    }

    /// Detects by the first lines whether the file is CSV and which delimiter it uses, and skips a UTF-8
    /// byte-order mark and a line `sep=`; `known` recognizes column names. Reading the first row does the same
    /// without any known names.
    ///
    /// # Errors
    /// The file is not CSV, its delimiter cannot be determined, or its source failed.
    pub fn detect_format(&mut self, known: &dyn Fn(&str) -> bool) -> Result<(), FormatError> {
        self.format_detected = true;
        while !self.at_end && self.end < BUFFER / 2 && !self.has_two_lines() {
            self.fill()?;
        }
        let beginning = self.buffer.get(..self.end).unwrap_or_default();
        let mut body = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        let sep = SepLine::read(body);
        if let Some(line) = sep {
            body = body.get(line.length..).unwrap_or_default();
        }
        self.start = beginning.len() - body.len();
        let after_sep = match sep {
            Some(_) => without_line_end(body),
            None => body,
        };
        self.first_line_is_empty = matches!(after_sep, [b'\n' | b'\r', ..]);
        let first_line = body
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        if body.is_empty() || (first_line.is_empty() && self.at_end) {
            return Err(FormatError::Empty);
        }
        if let Some(found) = recognize(body) {
            return Err(FormatError::NotRows { found });
        }
        if first_line.contains(&0) {
            return Err(FormatError::Binary);
        }
        let delimiter = match (self.delimiter, sep) {
            (Some(set), _) => set,
            (None, Some(line)) => line.delimiter.ok_or(FormatError::SepLine)?,
            (None, None) => {
                let line = String::from_utf8_lossy(first_line);
                match Delimiter::unusual(&line, known) {
                    None => Delimiter::detect(body).ok_or(FormatError::Delimiter)?,
                    Some(Unusual::Read(delimiter)) => delimiter,
                    Some(Unusual::Set(sign)) => {
                        return Err(FormatError::UnusualDelimiter {
                            shown: sign.shown(),
                            word: sign.word(),
                        });
                    }
                    Some(Unusual::Refused(found)) => {
                        return Err(FormatError::NoDelimiter { found });
                    }
                }
            }
        };
        self.delimiter = Some(delimiter);
        Ok(())
    }

    /// Whether the buffer contains two complete lines with text.
    fn has_two_lines(&self) -> bool {
        let beginning = self.buffer.get(..self.end).unwrap_or_default();
        let ends_of_lines = beginning
            .windows(2)
            .filter(|pair| matches!(pair, [text, b'\n' | b'\r'] if !matches!(text, b'\n' | b'\r')))
            .count();
        self.end >= 8 && ends_of_lines >= 3
    }
}

/// Adds a flaw to the row if a field contains a NUL or an end mark.
fn with_control(row: Row<'_>) -> Row<'_> {
    if memchr2(0, END_MARK, row.bytes()).is_none() {
        return row;
    }
    let flawed = row.fields().enumerate().find_map(|(position, field)| {
        let place = memchr2(0, END_MARK, field)?;
        let flaw = match field.get(place) {
            Some(0) => Flaw::Nul,
            _ => Flaw::EndMark,
        };
        Some(FlawedField { position, flaw })
    });
    row.with_flaw(flawed)
}

/// The number of line ends in a text.
fn line_ends(text: &[u8]) -> u64 {
    let mut count = 0;
    let mut rest = text;
    while let Some(end) = memchr2(b'\n', b'\r', rest) {
        count += 1;
        rest = without_line_end(rest.get(end..).unwrap_or_default());
    }
    count
}

/// A record without the line end at its end.
fn without_last_line_end(record: &[u8]) -> &[u8] {
    match record {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\r' | b'\n'] => text,
        _ => record,
    }
}

/// The text after the line end at its start.
fn without_line_end(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => rest,
        _ => text,
    }
}

fn parser(delimiter: Option<Delimiter>) -> Reader {
    let delimiter = delimiter.map_or(b',', Delimiter::byte);
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    // The parser skips a byte-order mark in its first call; this call makes sure that it does not skip one later.
    let _ = parser.read_record(b"\n", &mut [0], &mut [0]);
    parser
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a few bytes per read.
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
    fn all_line_ends_and_a_missing_last_one_are_accepted() {
        let expected = [row(1, "a|b"), row(2, "c|d"), row(4, "e|f")];
        assert_eq!(lines(b"a,b\nc,d\n\ne,f\n"), expected);
        assert_eq!(lines(b"a,b\r\nc,d\r\n\r\ne,f"), expected);
        assert_eq!(lines(b"a,b\rc,d\r\re,f\r"), expected);
        assert_eq!(lines(b"\n\na,b"), [row(3, "a|b")]);
    }

    #[test]
    fn empty_first_line_is_not_a_row_but_is_reported() {
        for (file, is_empty) in [
            (&b"\na,b\n"[..], true),
            (b"\r\n\r\na,b\n", true),
            (b"\ra,b\r", true),
            (b"\xef\xbb\xbf\na,b\n", true),
            (b"sep=;\n\na;b\n", true),
            (b"\xef\xbb\xbfsep=;\r\n\r\na;b\n", true),
            (b"sep=;\r\na;b\r\n", false),
            (b"a,b\n\nc,d\n", false),
            (b"\xef\xbb\xbfa\n", false),
            (b" \na,b\n", false),
            (b"\"\"\na,b\n", false),
        ] {
            for step in [1, 3, usize::MAX] {
                let mut rows = CsvRows::new(Drip(file, step), None);
                assert!(!rows.first_line_is_empty());
                rows.next_row().unwrap();
                assert_eq!(rows.first_line_is_empty(), is_empty, "{file:?} by {step}");
            }
        }
    }

    #[test]
    fn quoted_fields_may_contain_line_breaks_and_line_numbers_stay_exact() {
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
    fn byte_order_mark_is_not_part_of_the_first_name() {
        assert_eq!(
            lines(b"\xef\xbb\xbfa,b\nc,d"),
            [row(1, "a|b"), row(2, "c|d")]
        );
    }

    #[test]
    fn vendor_sample_has_three_rows_after_its_header() {
        let sample = b"UserName,FirstName\nbulkUser1,Ruwan\nbulkUser2,Asitha\nbulkUser3,Prasan";
        assert_eq!(lines(sample).len(), 4);
        assert_eq!(lines(sample)[3], row(4, "bulkUser3|Prasan"));
    }

    #[test]
    fn other_formats_are_named_in_the_error() {
        let message = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(message(b"").starts_with("The file is empty"));
        assert!(message(b"\xef\xbb\xbf").starts_with("The file is empty"));
        assert!(message(b"\n\r\n").starts_with("The file is empty"));
        assert!(message(b"\n <?xml version=\"1.0\"?><a/>").contains("XML"));
        assert!(message(b"a\0,b\nc,d\n").contains("binary file"));
        assert!(message(b"a,b;c;d\nx\n").contains("files.delimiter"));
        assert!(message(b"sep=x\naxb\n").contains("sep="));
    }

    #[test]
    fn all_delimiters_and_the_sep_line_are_supported() {
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
            "the setting takes precedence"
        );
    }

    #[test]
    fn unclosed_quote_is_an_error() {
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

    /// The line and the fields of each row, or its flaw.
    fn with_flaws(file: &[u8]) -> Vec<(u64, String)> {
        let read = |step| {
            let mut rows = CsvRows::new(Drip(file, step), None);
            let mut all = Vec::new();
            while let Some(row) = rows.next_row().unwrap() {
                let text = match row.text() {
                    Ok(text) => text.iter().collect::<Vec<_>>().join("|"),
                    Err(field) => format!("{} {:?}", field.position, field.flaw),
                };
                all.push((row.line(), text));
            }
            all
        };
        let whole = read(usize::MAX);
        for step in [1, 3, 50] {
            assert_eq!(read(step), whole, "by {step}");
        }
        whole
    }

    #[test]
    fn other_quoting_is_read_or_flawed_and_the_next_row_is_intact() {
        assert_eq!(
            with_flaws(
                b"a,b\nmira,\"Mira \\\"Mimi\\\" Falk\"\r\notto, \"Falk, Otto\"\nx,\"Mira\" Falk\ny,5\" pipe\n"
            ),
            [
                row(1, "a|b"),
                row(2, "mira|Mira \"Mimi\" Falk"),
                row(3, "otto|Falk, Otto"),
                row(4, "1 Quotes(1)"),
                row(5, "y|5\" pipe"),
            ]
        );
        let mut rows = CsvRows::new(
            &b"a,b\nx,\"a \\\"b\\\" c\"\ny, \"d\"\nz,\"\\\"\"\n"[..],
            None,
        );
        while rows.next_row().unwrap().is_some() {}
        let conventions = Conventions {
            backslashes: (2, 2),
            blanks: (1, 3),
        };
        assert_eq!(rows.conventions(), conventions);
    }

    #[test]
    fn rows_after_an_escaped_mark_at_the_end_of_a_row_are_read() {
        for end in ["\n", "\r\n", "\r"] {
            let file = [
                "a,b,c",
                "mira,\"Mimi says \\\"\",x",
                "otto,\"Otto\",y",
                "lee,Lee,z",
                "ann,\"Ann \\\"\"",
            ];
            assert_eq!(
                with_flaws(file.join(end).as_bytes()),
                [
                    row(1, "a|b|c"),
                    row(2, "mira|Mimi says \"|x"),
                    row(3, "otto|Otto|y"),
                    row(4, "lee|Lee|z"),
                    row(5, "ann|Ann \""),
                ]
            );
        }
        // No mark follows up to the end, or within the length limit of a field.
        let file = ["a,b\nx,\"y \\\"\"\n", &"n,m\n".repeat(60_000)].concat();
        assert_eq!(with_flaws(file.as_bytes()).len(), 60_002);
        assert_eq!(with_flaws(b"a,b\nx,\"y \\\"\"\nn,m\n").len(), 3);
    }

    #[test]
    fn flawed_row_has_its_number_of_lines() {
        assert_eq!(
            with_flaws(b"a,b\nmira,\"Mira,x\notto,\"Otto\",y\nlee,z\n"),
            [row(1, "a|b"), row(2, "1 Quotes(2)"), row(4, "lee|z")]
        );
        let long = ["a,b\nx,\"", &"y\n".repeat(30_000), "\" z\nlee,z\n"].concat();
        assert_eq!(
            with_flaws(long.as_bytes()),
            [
                row(1, "a|b"),
                row(2, "1 Quotes(30001)"),
                row(30_003, "lee|z")
            ]
        );
    }

    #[test]
    fn nul_is_a_flaw_of_its_row_only() {
        assert_eq!(
            with_flaws(b"a,b\nmira,Mi\0ra\notto,\"Ot\0to\"\nlee,Lee\n"),
            [
                row(1, "a|b"),
                row(2, "1 Nul"),
                row(3, "1 Nul"),
                row(4, "lee|Lee")
            ]
        );
    }

    #[test]
    fn dos_end_mark_ends_the_file_and_is_a_flaw_elsewhere() {
        let whole = [row(1, "a|b"), row(2, "c|d")];
        for end in [
            "\n\x1a",
            "\x1a",
            "\n\x1a\x1a\x1a",
            "\r\n\x1a\r\n",
            "\n\x1a\0\0\0",
            "\n",
        ] {
            assert_eq!(
                with_flaws(["a,b\nc,d", end].concat().as_bytes()),
                whole,
                "{end:?}"
            );
        }
        assert_eq!(
            with_flaws(b"a,b\nc,d\n\x1a\ne\x1a,f\ng,h\n"),
            [
                row(1, "a|b"),
                row(2, "c|d"),
                row(3, "0 EndMark"),
                row(4, "0 EndMark"),
                row(5, "g|h")
            ]
        );
        let padded = [&b"a,b\nc,d\n"[..], &[END_MARK; 5000]].concat();
        assert_eq!(with_flaws(&padded), whole);
    }

    #[test]
    fn known_columns_in_the_header_reveal_the_delimiter() {
        let read = |file: &str| {
            let mut rows = CsvRows::new(file.as_bytes(), None);
            let known = |name: &str| ["username", "email"].contains(&name);
            rows.detect_format(&known)
                .map_err(|error| error.to_string())?;
            let mut fields = Vec::new();
            while let Some(row) = rows.next_row().map_err(|error| error.to_string())? {
                fields.push(row.len());
            }
            Ok::<_, String>((rows.delimiter().map(Delimiter::word), fields))
        };
        assert_eq!(
            read("username#email\nmira,x#m\n"),
            Ok((Some("hash"), vec![2, 2]))
        );
        assert_eq!(
            read("sep=~\nusername~email\n\"a~b\"~c\n"),
            Ok((Some("tilde"), vec![2, 2]))
        );
        assert!(
            read("username#colour\na#b\n")
                .unwrap_err()
                .contains("files.delimiter")
        );
        assert!(read("username;;email\na;;b\n").unwrap_err().contains(";;"));
        assert_eq!(read("username\nmira#x\n"), Ok((Some("comma"), vec![1, 1])));
    }

    #[test]
    fn row_limits_are_enforced() {
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

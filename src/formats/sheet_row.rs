//! One row of a sheet, assembled cell by cell in a reused buffer.

use crate::formats::cell::{self, Value};
use crate::formats::csv::{FIELD_LIMIT, FIELDS_LIMIT, ROW_LIMIT};
use crate::formats::error::FormatError;
use crate::formats::row::{FlawedField, NO_TEXT, Row};
use crate::wiped::Wiped;

/// The row being assembled.
#[derive(Debug, Default)]
pub(super) struct SheetRow {
    line: u64,
    bytes: Wiped,
    ends: Vec<usize>,
    flawed: Option<FlawedField>,
    /// The number of columns in the header, which is the minimum for every row.
    width: usize,
}

impl SheetRow {
    /// Begins the row with this number in the sheet, from 1.
    pub(super) fn begin(&mut self, line: u64) {
        self.line = line;
        self.bytes.clear();
        self.ends.clear();
        self.flawed = None;
    }

    /// Adds a cell in the column `column`, from 0; missing cells before it are empty.
    ///
    /// # Errors
    /// The cell or the row is too long, or the columns are not in order.
    pub(super) fn put(&mut self, column: usize, value: Value<'_>) -> Result<(), FormatError> {
        let line = self.line;
        let start = self.bytes.len();
        let written = cell::write(value, &mut self.bytes);
        if written.is_ok() && self.bytes.len() == start {
            return Ok(());
        }
        if column < self.ends.len() {
            let disorder = FormatError::workbook("the cells of a row are not in order");
            return Err(disorder);
        }
        if column >= FIELDS_LIMIT {
            return Err(FormatError::RowTooLong {
                line,
                limit: FIELDS_LIMIT,
                what: "fields",
            });
        }
        if self.bytes.len() - start > FIELD_LIMIT {
            return Err(FormatError::FieldTooLong {
                line,
                limit: FIELD_LIMIT,
            });
        }
        if self.bytes.len() > ROW_LIMIT {
            return Err(FormatError::RowTooLong {
                line,
                limit: ROW_LIMIT,
                what: "bytes",
            });
        }
        self.ends.resize(column, start);
        match (written, self.flawed) {
            (Err(flaw), None) => {
                self.flawed = Some(FlawedField {
                    position: column,
                    flaw,
                });
            }
            // The first one decides about the row, but if it is replaced, this one still has no text.
            (Err(_), Some(_)) => self.bytes.extend_from_slice(NO_TEXT),
            (Ok(()), _) => {}
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// Whether the row is empty or blank.
    pub(super) fn is_blank(&self) -> bool {
        self.flawed.is_none() && self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    /// Completes the row; the first one is the header, and the others have at least as many fields.
    pub(super) fn finish(&mut self) -> Row<'_> {
        if self.width == 0 {
            self.width = self.ends.len();
        }
        if self.ends.len() < self.width {
            self.ends.resize(self.width, self.bytes.len());
        }
        Row::new(self.line, &self.bytes, &self.ends).with_flaw(self.flawed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::row::Flaw;

    #[test]
    fn missing_cells_are_empty_and_rows_are_as_wide_as_the_header() {
        let mut row = SheetRow::default();
        let texts = |row: &mut SheetRow, cells: &[(usize, &str)]| {
            row.begin(7);
            for (column, text) in cells {
                row.put(*column, Value::Text(text)).unwrap();
            }
            let row = row.finish().text().unwrap();
            row.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            texts(&mut row, &[(0, "a"), (2, "c"), (9, "")]),
            ["a", "", "c"]
        );
        assert_eq!(texts(&mut row, &[(1, "b")]), ["", "b", ""]);
        assert_eq!(texts(&mut row, &[(0, "a"), (3, "d")]), ["a", "", "", "d"]);
    }

    #[test]
    fn flaws_are_kept_and_cells_out_of_order_are_refused() {
        let mut row = SheetRow::default();
        row.begin(1);
        row.put(0, Value::Bool(true)).unwrap();
        row.put(3, Value::Flawed(Flaw::Error("#REF!"))).unwrap();
        let flawed = row.finish().text().err().unwrap();
        assert_eq!((flawed.position, flawed.flaw), (3, Flaw::Error("#REF!")));
        assert!(row.put(2, Value::Bool(true)).is_err());
        row.begin(2);
        let long = "x".repeat(FIELD_LIMIT + 1);
        assert!(row.put(0, Value::Text(&long)).is_err());
        row.begin(3);
        assert!(row.put(FIELDS_LIMIT, Value::Bool(true)).is_err());
    }
}

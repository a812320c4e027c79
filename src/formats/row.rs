//! One row: its fields as text, and the line where it begins.

use std::borrow::Cow;

/// A row, borrowed from its reader.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    line: u64,
    bytes: &'b [u8],
    ends: &'b [usize],
    /// The number of bytes between two fields.
    gap: usize,
    flawed: Option<FlawedField>,
}

/// The bytes of a second cell of a workbook that has no text. The first one is the row's [`flaw`](Row::flaw).
pub const NO_TEXT: &[u8] = b"\xff";

/// The reason why a field has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Its bytes are invalid in the charset of the file.
    NotText,
    /// It is a cell with an error, such as `#N/A`.
    Error(&'static str),
    /// It is a formula whose result is not in the file.
    NoResult,
    /// It is a number with more digits than the file stores.
    LostDigits,
    /// It is a cell that refers to a text which does not exist.
    NoSuchText,
    /// Its quotation marks do not follow CSV; the row takes up this many lines.
    Quotes(u32),
    /// It contains a NUL.
    Nul,
    /// It contains the DOS end mark (U+001A).
    EndMark,
}

/// A field without text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlawedField {
    /// Its position, from 0.
    pub position: usize,
    /// The reason.
    pub flaw: Flaw,
}

impl<'b> Row<'b> {
    /// A row with fields that end at `ends` in `bytes`.
    pub fn new(line: u64, bytes: &'b [u8], ends: &'b [usize]) -> Self {
        Row {
            line,
            bytes,
            ends,
            gap: 0,
            flawed: None,
        }
    }

    /// A row with an ASCII delimiter between two fields, as in a line of a file.
    pub fn delimited(line: u64, bytes: &'b [u8], ends: &'b [usize]) -> Self {
        Row {
            gap: 1,
            ..Row::new(line, bytes, ends)
        }
    }

    /// Adds a field that is known to have no text.
    pub fn with_flaw(mut self, flawed: Option<FlawedField>) -> Self {
        self.flawed = flawed;
        self
    }

    /// The field that is known to have no text, if any.
    pub fn flaw(&self) -> Option<FlawedField> {
        self.flawed
    }

    /// The line of the file where the row begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The concatenated fields, including what is between them.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// The end of each field in these bytes.
    pub fn ends(&self) -> &'b [usize] {
        self.ends
    }

    /// The number of bytes between two fields.
    pub fn gap(&self) -> usize {
        self.gap
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the row has no fields.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The fields as bytes.
    pub fn fields(&self) -> impl Iterator<Item = &'b [u8]> {
        let row = *self;
        let mut start = 0;
        row.ends.iter().map(move |end| {
            let field = row.bytes.get(start..*end).unwrap_or_default();
            start = *end + row.gap;
            field
        })
    }

    /// The fields as text; what is not text is replaced, and a cell of a workbook without text is empty.
    pub fn lossy(&self) -> impl Iterator<Item = Cow<'b, str>> {
        let is_cell = self.flawed.is_some_and(|field| {
            matches!(
                field.flaw,
                Flaw::NotText
                    | Flaw::Error(_)
                    | Flaw::NoResult
                    | Flaw::LostDigits
                    | Flaw::NoSuchText
            )
        });
        self.fields().map(move |field| match field {
            NO_TEXT if is_cell => Cow::Borrowed(""),
            field => String::from_utf8_lossy(field),
        })
    }

    /// Whether the row is an empty line.
    pub fn is_empty_line(&self) -> bool {
        self.len() == 1 && self.is_blank()
    }

    /// Whether all fields are empty or blank.
    pub fn is_blank(&self) -> bool {
        self.flawed.is_none() && self.fields().all(|field| field.trim_ascii().is_empty())
    }

    /// The fields as text.
    ///
    /// # Errors
    /// The first field that is not text, and the reason.
    pub fn text(&self) -> Result<TextRow<'b>, FlawedField> {
        if let Some(flawed) = self.flawed {
            return Err(flawed);
        }
        let whole = std::str::from_utf8(self.bytes).ok();
        let row = whole.map(|text| TextRow {
            line: self.line,
            text,
            ends: self.ends,
            gap: self.gap,
        });
        // A character could straddle two fields, so each field must be valid.
        match row {
            Some(row) if self.ends.iter().all(|end| row.text.is_char_boundary(*end)) => Ok(row),
            _ => Err(FlawedField {
                position: self.first_bad_field(),
                flaw: Flaw::NotText,
            }),
        }
    }

    fn first_bad_field(&self) -> usize {
        let bad = |field: &[u8]| std::str::from_utf8(field).is_err();
        self.fields().position(bad).unwrap_or_default()
    }
}

/// A row whose fields are all text.
#[derive(Clone, Copy)]
pub struct TextRow<'b> {
    line: u64,
    text: &'b str,
    ends: &'b [usize],
    gap: usize,
}

impl<'b> TextRow<'b> {
    /// The line of the file where the row begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the row has no fields.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether the row was assembled field by field, so that a field may contain the delimiter. Otherwise it is a
    /// line of the file, split at its delimiters.
    pub fn is_packed(&self) -> bool {
        self.gap == 0
    }

    /// The concatenated fields, with or without the delimiters between them.
    pub fn text(&self) -> &'b str {
        self.text
    }

    /// The field at `position`, from 0.
    pub fn get(&self, position: usize) -> Option<&'b str> {
        let end = *self.ends.get(position)?;
        let start = match position.checked_sub(1) {
            Some(before) => *self.ends.get(before)? + self.gap,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        let row = *self;
        let mut start = 0;
        row.ends.iter().filter_map(move |end| {
            let field = row.text.get(start..*end);
            start = *end + row.gap;
            field
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_at_their_ends() {
        let row = Row::new(4, "aliceé1".as_bytes(), &[5, 5, 8])
            .text()
            .unwrap();
        assert_eq!(row.iter().collect::<Vec<_>>(), ["alice", "", "é1"]);
        assert_eq!((row.line(), row.get(3)), (4, None));
        let row = Row::delimited(4, "alice,,é1".as_bytes(), &[5, 6, 10]);
        let text = row.text().unwrap();
        assert_eq!(text.iter().collect::<Vec<_>>(), ["alice", "", "é1"]);
        assert_eq!(
            (text.get(0), text.get(2), text.get(3)),
            (Some("alice"), Some("é1"), None)
        );
        assert!(!row.is_blank() && Row::delimited(4, b" ,\t", &[1, 3]).is_blank());
        // A cell with an error is not blank, even alone in its row.
        let flaw = Flaw::Error("#N/A");
        let flawed = Row::new(4, b"", &[0]).with_flaw(Some(FlawedField { position: 0, flaw }));
        assert!(!flawed.is_blank() && !flawed.is_empty_line());
    }

    #[test]
    fn character_split_between_two_fields_is_not_text() {
        let flawed = |row: Row<'_>| row.text().err().map(|field| (field.position, field.flaw));
        let straddling = Row::new(1, b"a\xc3\xa9b", &[1, 2, 4]);
        assert_eq!(flawed(straddling), Some((1, Flaw::NotText)));
        assert_eq!(
            flawed(Row::new(1, b"ok\xff", &[2, 3])),
            Some((1, Flaw::NotText))
        );
        let between = Row::delimited(1, b"ok;\xc3;\xa9", &[2, 4, 6]);
        assert_eq!(flawed(between), Some((1, Flaw::NotText)));
    }
}

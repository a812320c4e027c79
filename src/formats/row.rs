//! One row: its fields as text, and the line it begins in.

/// A row, borrowed from the reader that read it.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    line: u64,
    bytes: &'b [u8],
    ends: &'b [usize],
    /// Bytes between two fields.
    gap: usize,
    flawed: Option<FlawedField>,
}

/// Why a field has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Its bytes are no text in the file's charset.
    NotText,
    /// It is a cell that holds an error, such as `#N/A`.
    Error(&'static str),
    /// It is a formula whose result is not in the file.
    NoResult,
    /// It is a number with more digits than the file has of it.
    LostDigits,
    /// It is a cell that refers to a text which is not in the file.
    NoSuchText,
    /// Its quotation marks are not those of CSV, and the row takes up so many lines.
    Quotes(u32),
    /// It has a NUL in it.
    Nul,
    /// It has the end mark of DOS (U+001A) in it.
    EndMark,
}

/// A field that has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlawedField {
    /// Its position, from 0.
    pub position: usize,
    /// Why it has none.
    pub flaw: Flaw,
}

impl<'b> Row<'b> {
    /// A row of the fields that end at `ends` in `bytes`.
    pub fn new(line: u64, bytes: &'b [u8], ends: &'b [usize]) -> Self {
        Row {
            line,
            bytes,
            ends,
            gap: 0,
            flawed: None,
        }
    }

    /// The same with an ASCII character between two fields, as a line of a file has it.
    pub fn delimited(line: u64, bytes: &'b [u8], ends: &'b [usize]) -> Self {
        Row {
            gap: 1,
            ..Row::new(line, bytes, ends)
        }
    }

    /// The row with a field that is known to have no text.
    pub fn with_flaw(mut self, flawed: Option<FlawedField>) -> Self {
        self.flawed = flawed;
        self
    }

    /// The field that is known to have no text.
    pub fn flaw(&self) -> Option<FlawedField> {
        self.flawed
    }

    /// Line of the file where the row begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Its fields, one behind the other.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Where each field ends in them.
    pub fn ends(&self) -> &'b [usize] {
        self.ends
    }

    /// Bytes between two fields.
    pub fn gap(&self) -> usize {
        self.gap
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no fields.
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

    /// Whether it is a line on which nothing stands.
    pub fn is_nothing(&self) -> bool {
        self.len() == 1 && self.is_blank()
    }

    /// Whether every field is empty or blank, so that it says nothing.
    pub fn is_blank(&self) -> bool {
        self.flawed.is_none() && self.fields().all(|field| field.trim_ascii().is_empty())
    }

    /// The fields as text.
    ///
    /// # Errors
    /// A field that is no text, and why.
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
        // A character may not straddle two fields, so that every field has to stand by itself.
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
    /// Line of the file where the row begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether it was put together field by field: a field may have the delimiter in it. Otherwise it is a line as
    /// the file has it, cut at its delimiters.
    pub fn is_packed(&self) -> bool {
        self.gap == 0
    }

    /// All fields, one behind the other; what is between two may be there or not.
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
    fn fields_are_cut_at_their_ends() {
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
        // A cell with an error is no blank, alone in its row or not.
        let flaw = Flaw::Error("#N/A");
        let flawed = Row::new(4, b"", &[0]).with_flaw(Some(FlawedField { position: 0, flaw }));
        assert!(!flawed.is_blank() && !flawed.is_nothing());
    }

    #[test]
    fn a_character_cut_in_two_fields_is_not_text() {
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

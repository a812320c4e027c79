//! A row some of whose cells have new values.

use crate::formats::row::{Flaw, FlawedField, NO_TEXT, Row};
use crate::wiped::Wiped;

/// A copy of a row with new values for some cells.
pub(super) struct EditedRow {
    line: u64,
    bytes: Wiped,
    ends: Vec<usize>,
    flawed: Option<FlawedField>,
}

impl EditedRow {
    /// The row with these cells, by position, from 0. Missing cells before them are empty.
    pub(super) fn of(row: &Row<'_>, cells: &[(usize, &str)]) -> Self {
        let value = |position: usize| {
            let mut cells = cells.iter();
            let cell = cells.find(|(edited, _)| *edited == position)?;
            Some(cell.1.as_bytes())
        };
        let added: usize = cells.iter().map(|(_, value)| value.len()).sum();
        let mut bytes = Wiped::with_capacity(row.bytes().len() + added);
        let mut ends = Vec::new();
        for (position, field) in row.fields().enumerate() {
            bytes.extend_from_slice(value(position).unwrap_or(field));
            ends.push(bytes.len());
        }
        let last = cells.iter().map(|(position, _)| position + 1).max();
        for position in row.len()..last.unwrap_or_default() {
            bytes.extend_from_slice(value(position).unwrap_or_default());
            ends.push(bytes.len());
        }
        let is_edited = |position: usize| value(position).is_some();
        EditedRow {
            line: row.line(),
            bytes,
            ends,
            flawed: row.flaw().and_then(|field| left(field, row, is_edited)),
        }
    }

    /// The row.
    pub(super) fn row(&self) -> Row<'_> {
        Row::new(self.line, &self.bytes, &self.ends).with_flaw(self.flawed)
    }

    /// How many cells differ from those of the original row.
    pub(super) fn changes(&self, original: &Row<'_>) -> u64 {
        let mut before = original.fields();
        let lost = original.flaw().filter(|_| original.flaw() != self.flawed);
        let mut changes = 0;
        for (position, now) in self.row().fields().enumerate() {
            let was_flawed = lost.is_some_and(|field| {
                field.position == position && !matches!(field.flaw, Flaw::Quotes(_))
            });
            changes += u64::from(before.next().unwrap_or_default() != now || was_flawed);
        }
        changes
    }
}

/// The flaw that is left in a row with edited cells.
fn left(
    field: FlawedField,
    row: &Row<'_>,
    is_edited: impl Fn(usize) -> bool,
) -> Option<FlawedField> {
    let first = |flaw_of: fn(&[u8], Flaw) -> Option<Flaw>| {
        let mut fields = row.fields().enumerate();
        fields.find_map(|(position, bytes)| {
            let flaw = flaw_of(bytes, field.flaw).filter(|_| !is_edited(position))?;
            Some(FlawedField { position, flaw })
        })
    };
    match field.flaw {
        // The marks of other cells are as unclear as before.
        Flaw::Quotes(_) => first(|bytes, flaw| bytes.contains(&b'"').then_some(flaw)),
        Flaw::Nul | Flaw::EndMark => first(|bytes, _| match bytes {
            bytes if bytes.contains(&0) => Some(Flaw::Nul),
            bytes if bytes.contains(&0x1a) => Some(Flaw::EndMark),
            _ => None,
        }),
        Flaw::NotText | Flaw::Error(_) | Flaw::NoResult | Flaw::LostDigits | Flaw::NoSuchText => {
            match is_edited(field.position) {
                false => Some(field),
                true => first(|bytes, _| (bytes == NO_TEXT).then_some(Flaw::NotText)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(edited: &EditedRow) -> Result<Vec<String>, FlawedField> {
        let row = edited.row();
        let text = row.text()?;
        Ok(text.iter().map(str::to_owned).collect())
    }

    #[test]
    fn cells_are_replaced_and_added() {
        let row = Row::delimited(7, b"kim,Lee,x", &[3, 7, 9]);
        let edited = EditedRow::of(&row, &[(1, "Mia"), (4, "y")]);
        assert_eq!(cells(&edited).unwrap(), ["kim", "Mia", "x", "", "y"]);
        assert_eq!((edited.row().line(), edited.changes(&row)), (7, 2));
        let same = EditedRow::of(&row, &[(0, "kim"), (3, "")]);
        assert_eq!(same.changes(&row), 0);
    }

    #[test]
    fn flaw_is_left_until_every_cell_that_has_it_is_edited() {
        let flawed = |bytes, ends, position, flaw| {
            let field = FlawedField { position, flaw };
            Row::new(2, bytes, ends).with_flaw(Some(field))
        };
        let quotes = flawed(b"a\"b\"c", &[1, 4, 5], 1, Flaw::Quotes(1));
        assert!(cells(&EditedRow::of(&quotes, &[(0, "x")])).is_err());
        let mended = EditedRow::of(&quotes, &[(1, "b")]);
        assert_eq!(cells(&mended).unwrap(), ["a", "b", "c"]);
        assert_eq!(mended.changes(&quotes), 1);
        let nul = flawed(b"a\0b\x1ac", &[2, 4, 5], 0, Flaw::Nul);
        let once = cells(&EditedRow::of(&nul, &[(0, "a")])).unwrap_err();
        assert_eq!((once.position, once.flaw), (1, Flaw::EndMark));
        let twice = EditedRow::of(&nul, &[(0, "a"), (1, "b")]);
        assert_eq!(cells(&twice).unwrap(), ["a", "b", "c"]);
        // An error of a workbook has no bytes, so that clearing it changes none.
        let error = flawed(b"a", &[1, 1], 1, Flaw::Error("#N/A"));
        assert!(cells(&EditedRow::of(&error, &[(0, "x")])).is_err());
        let cleared = EditedRow::of(&error, &[(1, "")]);
        assert_eq!(cells(&cleared).unwrap(), ["a", ""]);
        assert_eq!(cleared.changes(&error), 1);
        // A second cell without text stays one.
        let two = flawed(b"a\xff", &[1, 1, 2], 1, Flaw::Error("#N/A"));
        let left = cells(&EditedRow::of(&two, &[(1, "x")])).unwrap_err();
        assert_eq!((left.position, left.flaw), (2, Flaw::NotText));
    }
}

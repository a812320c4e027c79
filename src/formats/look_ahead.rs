//! Buffers the first rows of a file, so that they can be examined before they are processed.

use crate::formats::row::{FlawedField, Row};
use crate::wiped::Wiped;

/// Rows in one contiguous buffer.
#[derive(Debug, Default)]
pub(super) struct LookAhead {
    rows: Vec<BufferedRow>,
    bytes: Wiped,
    ends: Vec<usize>,
    /// The first row not taken yet.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct BufferedRow {
    line: u64,
    /// The start of its bytes and of its ends.
    bytes: usize,
    ends: usize,
    gap: usize,
    flawed: Option<FlawedField>,
}

impl LookAhead {
    /// Appends a row.
    pub(super) fn keep(&mut self, row: &Row<'_>) {
        self.rows.push(BufferedRow {
            line: row.line(),
            bytes: self.bytes.len(),
            ends: self.ends.len(),
            gap: row.gap(),
            flawed: row.flaw(),
        });
        self.bytes.extend_from_slice(row.bytes());
        self.ends.extend_from_slice(row.ends());
    }

    /// The size of all buffered rows in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The rows not taken yet.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (self.next..self.rows.len()).filter_map(|position| self.get(position))
    }

    /// Takes `count` rows.
    pub(super) fn take(&mut self, count: usize) {
        self.next = (self.next + count).min(self.rows.len());
    }

    /// Whether all rows have been taken.
    pub(super) fn is_over(&self) -> bool {
        self.next >= self.rows.len()
    }

    /// Takes the next row.
    pub(super) fn next(&mut self) -> Option<Row<'_>> {
        let position = self.next;
        self.take(1);
        self.get(position)
    }

    fn get(&self, position: usize) -> Option<Row<'_>> {
        let kept = self.rows.get(position)?;
        let following = self.rows.get(position + 1);
        let bytes_end = following.map_or(self.bytes.len(), |following| following.bytes);
        let ends_end = following.map_or(self.ends.len(), |following| following.ends);
        let bytes = self.bytes.get(kept.bytes..bytes_end)?;
        let ends = self.ends.get(kept.ends..ends_end)?;
        let row = match kept.gap {
            0 => Row::new(kept.line, bytes, ends),
            _ => Row::delimited(kept.line, bytes, ends),
        };
        Some(row.with_flaw(kept.flawed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffered_rows_are_returned_unchanged() {
        let mut ahead = LookAhead::default();
        ahead.keep(&Row::delimited(1, b"a,bc", &[1, 4]));
        ahead.keep(&Row::new(3, b"xyz", &[1, 3]));
        assert_eq!((ahead.len(), ahead.rows().count()), (7, 2));
        let text = |row: Row<'_>| {
            let fields: Vec<String> = row.text().unwrap().iter().map(str::to_owned).collect();
            (row.line(), fields.join("|"))
        };
        assert_eq!(ahead.next().map(text), Some((1, "a|bc".into())));
        assert_eq!(
            ahead.rows().map(text).collect::<Vec<_>>(),
            [(3, "x|yz".into())]
        );
        ahead.take(5);
        assert!(ahead.is_over() && ahead.next().is_none());
    }
}

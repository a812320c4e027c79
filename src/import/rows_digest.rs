//! SHA-256 of rows, which verifies that a resumed import continues with the same rows.

use ring::digest::{Context, SHA256};

use crate::formats::row::Row;
use crate::hex;

/// Digests rows: the number of fields, then for each field its length and its bytes.
pub(super) struct RowsDigest {
    context: Context,
    /// The digest of the rows of an earlier run.
    before: Option<String>,
}

impl RowsDigest {
    /// A digest of no rows; `before` is the digest of the rows that an earlier run processed.
    pub(super) fn new(before: Option<String>) -> Self {
        RowsDigest {
            context: Context::new(&SHA256),
            before,
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        self.context.update(&(row.len() as u64).to_le_bytes());
        for field in row.fields() {
            self.context.update(&(field.len() as u64).to_le_bytes());
            self.context.update(field);
        }
    }

    /// Whether the rows so far equal those of the earlier run.
    pub(super) fn matches_earlier_run(&self) -> bool {
        self.before
            .as_ref()
            .is_none_or(|before| *before == self.hex())
    }

    /// The digest so far, in hexadecimal.
    pub(super) fn hex(&self) -> String {
        hex::encode(self.context.clone().finish().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_depends_on_field_boundaries() {
        let digest = |bytes: &[u8], ends: &[usize]| {
            let mut digest = RowsDigest::new(None);
            digest.add(&Row::new(1, bytes, ends));
            digest.hex()
        };
        assert_ne!(digest(b"abc", &[1, 3]), digest(b"abc", &[2, 3]));
        assert_eq!(digest(b"abc", &[1, 3]), digest(b"abc", &[1, 3]));
    }
}

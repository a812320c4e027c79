//! Counts the bytes of memory that the content of a workbook uses.

use crate::formats::error::FormatError;

/// A memory limit and the number of bytes left.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    left: u64,
}

impl Memory {
    /// At most `limit` bytes may be used.
    pub(super) fn new(limit: u64) -> Self {
        Memory { limit, left: limit }
    }

    /// The number of bytes used.
    pub(super) fn taken(&self) -> u64 {
        self.limit - self.left
    }

    /// Reserves bytes.
    ///
    /// # Errors
    /// The limit is exceeded.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), FormatError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(FormatError::WorkbookTooLarge {
                what: "of texts and formats",
                limit: self.limit,
                setting: "files.workbook_memory_bytes",
            }),
        }
    }
}

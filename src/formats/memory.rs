//! Bytes of memory that may be kept of a workbook, counted as they are needed.

use crate::formats::error::FormatError;

/// What there is, and what is left of it.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    left: u64,
}

impl Memory {
    /// So many bytes may be kept.
    pub(super) fn new(limit: u64) -> Self {
        Memory { limit, left: limit }
    }

    /// How many bytes were counted.
    pub(super) fn taken(&self) -> u64 {
        self.limit - self.left
    }

    /// Counts bytes that will be kept.
    ///
    /// # Errors
    /// There are not so many left.
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

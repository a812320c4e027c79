//! The port for copying a store while it is used.

use std::path::Path;

use crate::users::store_error::StoreError;

/// A copy of everything that a store holds.
pub trait Backup: Send + Sync {
    /// Copies the store into the file at `to`, which is there and empty, as it was at one moment
    /// between two commits; checks that the copy is sound. Writers are not held up.
    ///
    /// # Errors
    /// This store cannot be copied, the copy could not be written, or it is not sound.
    fn back_up(&self, to: &Path) -> Result<(), StoreError>;
}

//! The port for copying a store while it is in use.

use std::path::Path;

use crate::users::store_error::StoreError;

/// Makes a consistent copy of a store.
pub trait Backup: Send + Sync {
    /// Copies the store into the existing, empty file at `to`, as of one moment between two
    /// commits, and checks the copy. Writers are not blocked.
    ///
    /// # Errors
    /// The store cannot be copied, the copy cannot be written, or the copy is corrupt.
    fn back_up(&self, to: &Path) -> Result<(), StoreError>;
}

//! Imports whose uploads are not files of rows.

use std::fs::File;

use crate::import::control::Control;
use crate::users::import_record::ImportRecord;
use crate::users::store_error::StoreError;

/// Runs imports whose uploads are not files of rows. The implementation knows how far an earlier run of an
/// import got.
pub trait Operations: Send + Sync {
    /// Continues a queued import to its end. Returns whether the upload is still needed because the import
    /// was interrupted.
    ///
    /// # Errors
    /// The store failed.
    fn requeue(
        &self,
        record: ImportRecord,
        upload: File,
        control: &Control,
    ) -> Result<bool, StoreError>;
}

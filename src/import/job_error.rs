//! Why a job could not do what was requested.

use crate::import::error::ImportFailure;
use crate::import::keys::KEY_LIMIT;
use crate::users::domains::UnknownDomain;
use crate::users::import_id::ImportId;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Why a job could not do what was requested.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The import began and ended early.
    #[error(transparent)]
    Import(#[from] ImportFailure),
    /// The limit of running or waiting imports is reached, or a call with the same key is in progress and has
    /// no record yet.
    #[error(
        "The limit of concurrent imports is reached, or the same import is being received; send the \
         file again in {seconds} s."
    )]
    Busy {
        /// Seconds to wait before the next try.
        seconds: u64,
    },
    /// The key belongs to an import with other content.
    #[error(
        "The key {key:?} belongs to import {import}, which had a different file or different options; \
         use another key for a new call."
    )]
    KeyReused {
        /// The key.
        key: String,
        /// The import with this key.
        import: ImportId,
    },
    /// The key is empty, too long or not visible text.
    #[error("A key has 1 to {KEY_LIMIT} bytes of visible text.")]
    Key,
    /// Generated passwords cannot be returned again to the same key.
    #[error(
        "Generated passwords are returned only once, so a call that requests them cannot have a key; omit one \
         of them."
    )]
    KeyAndPasswords,
    /// Changes to cells are not compared with those of an earlier call.
    #[error("A call with changes to the cells of its file cannot have a key; omit one of them.")]
    KeyAndEdits,
    /// The import cannot be queued.
    #[error("A queued import cannot {what}; omit that, or do not queue the import.")]
    NotQueued {
        /// The option that a queued import cannot have.
        what: &'static str,
    },
    /// There is no such import.
    #[error("There is no import {0}.")]
    NoSuchImport(ImportId),
    /// The import is still running.
    #[error("Import {0} is still running; cancel it first.")]
    StillRunning(ImportId),
    /// The import has already been undone.
    #[error("Import {0} has already been undone.")]
    AlreadyUndone(ImportId),
    /// The domain no longer exists.
    #[error(transparent)]
    Domain(#[from] UnknownDomain),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            JobError::Import(failure) => failure.error.code(),
            JobError::Busy { .. } => "IMP-BUSY",
            JobError::KeyReused { .. } => "IMP-KEY-REUSED",
            JobError::Key | JobError::KeyAndPasswords | JobError::KeyAndEdits => "IMP-KEY",
            JobError::NotQueued { .. } => "IMP-QUEUE",
            JobError::NoSuchImport(_) => "IMP-IMPORT-UNKNOWN",
            JobError::StillRunning(_) => "IMP-IMPORT-RUNNING",
            JobError::AlreadyUndone(_) => "IMP-IMPORT-UNDONE",
            JobError::Domain(_) => "IMP-DOMAIN",
            JobError::Store(_) => "IMP-STORE",
        }
    }
}

/// Why an upload could not be queued.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue is full.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The upload is incomplete or too large, or the disk is full.
    #[error(transparent)]
    Wire(#[from] WireError),
}

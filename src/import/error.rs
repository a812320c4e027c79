//! Errors that end an import. A bad row does not end it; it is a [`Problem`].

use std::io;

use crate::formats::error::FormatError;
use crate::import::header_error::HeaderError;
use crate::import::report::Report;
use crate::passwords::hashing::HashError;
use crate::users::import_record::ImportState;
use crate::users::problem::{Problem, Severity};
use crate::users::store_error::StoreError;
use crate::wire::error::{WireError, is_full};

/// Seconds after which a full disk may have free space again.
const FULL_RETRY: u64 = 60;

/// Why an import ended before the end of its file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes were not received correctly.
    #[error(transparent)]
    Wire(WireError),
    /// The content cannot be read as rows.
    #[error(transparent)]
    Format(FormatError),
    /// The header line is refused.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password hash function failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Passwords could not be generated or delivered.
    #[error(
        "The generated passwords could not be delivered: {0}. Users of this import that are not in \
         the password file have an unknown password; set a new one for them."
    )]
    GeneratedPasswords(String),
    /// The rows of a large file could not be spooled.
    #[error(
        "The rows could not be stored temporarily for sorting by user name: {0}. Free space in the folder of \
         temporary files and send the file again, or set import.sorted_rows to 0."
    )]
    Sorting(io::Error),
    /// The memory that it needs is in use.
    #[error("{message}")]
    MemoryBusy {
        /// Seconds to wait before the next try.
        seconds: u64,
        /// A sentence about the memory that it needs.
        message: String,
    },
    /// A caller cancelled it.
    #[error("The import was cancelled.")]
    Cancelled,
    /// The caller's limit of failed rows was reached.
    #[error("The import was stopped after {limit} rows with problems.")]
    TooManyProblems {
        /// The caller's limit.
        limit: u64,
    },
    /// A resumed import was sent other rows than it began with.
    #[error(
        "The rows are not those that the import began with; send the same file, or give the new one \
         another key."
    )]
    OtherContent,
    /// The file had to be written without failed rows or not at all.
    #[error(
        "{failed} rows have problems, and the import was requested to write only if there are none."
    )]
    NotClean {
        /// The number of failed rows.
        failed: u64,
    },
    /// Rows conflicted with changes made after the check of the file.
    #[error(
        "Another caller changed the store between the check and the import of the file, so the import was \
         undone; send the file again."
    )]
    Overtaken,
    /// The password column holds digests.
    #[error(
        "The passwords of the file are digests of one length without the name of a scheme, which cannot be \
         verified. Put the scheme in front of each (such as {{SSHA256}}), leave the column empty, or, if they \
         are passwords in the clear, set passwords.recognise_hashes to false."
    )]
    PasswordColumn,
    /// Single rows can only be checked.
    #[error("Single lines of a file can be checked by a dry run, but not imported.")]
    Selection,
    /// The server is stopping.
    #[error("The server is stopping; send the file again when it is back.")]
    Stopping,
}

impl From<FormatError> for ImportError {
    /// Restores a wire error that the reader passed on as an I/O error.
    fn from(error: FormatError) -> Self {
        let message = error.to_string();
        match error {
            FormatError::Io(io) => ImportError::Wire(WireError::from_io(io)),
            FormatError::MemoryBusy { seconds } => ImportError::MemoryBusy { seconds, message },
            other => ImportError::Format(other),
        }
    }
}

impl ImportError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            ImportError::Wire(error) => error.code(),
            ImportError::Format(error) => error.code(),
            ImportError::Header(_) => "IMP-CSV-HEADER",
            ImportError::Store(StoreError::Full) => "IMP-STORE-FULL",
            ImportError::Store(StoreError::Busy | StoreError::Recovering) => "IMP-STORE-BUSY",
            ImportError::Store(StoreError::Uncertain) => "IMP-STORE-UNCERTAIN",
            ImportError::Store(StoreError::TooManyScans { .. }) => "IMP-BUSY",
            ImportError::Store(StoreError::NoResources) => "IMP-RESOURCES",
            ImportError::Store(_) => "IMP-STORE",
            ImportError::Hash(_) => "IMP-HASH",
            ImportError::GeneratedPasswords(_) => "IMP-GENERATED-PASSWORDS",
            ImportError::Sorting(error) if is_full(error) => "IMP-STORE-FULL",
            ImportError::Sorting(_) => "IMP-SORTING",
            ImportError::MemoryBusy { .. } => "IMP-BUSY",
            ImportError::Cancelled => "IMP-CANCELLED",
            ImportError::TooManyProblems { .. } => "IMP-TOO-MANY-PROBLEMS",
            ImportError::OtherContent => "IMP-KEY-REUSED",
            ImportError::NotClean { .. } => "IMP-NOT-CLEAN",
            ImportError::Overtaken => "IMP-OVERTAKEN",
            ImportError::PasswordColumn => "IMP-PASSWORD-COLUMN",
            ImportError::Selection => "IMP-SELECTION",
            ImportError::Stopping => "IMP-STOPPING",
        }
    }

    /// Whether a disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            ImportError::Wire(WireError::DiskFull) | ImportError::Store(StoreError::Full) => true,
            ImportError::Sorting(error) => is_full(error),
            _ => false,
        }
    }

    /// Seconds after which the same file may be accepted; none if waiting does not help or the time is
    /// unknown.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            ImportError::Store(
                StoreError::Busy
                | StoreError::Closed
                | StoreError::Recovering
                | StoreError::Uncertain
                | StoreError::NoResources,
            )
            | ImportError::Hash(_)
            | ImportError::Stopping => Some(5),
            ImportError::Store(StoreError::TooManyScans { seconds })
            | ImportError::MemoryBusy { seconds, .. } => Some(*seconds),
            error if error.is_full() => Some(FULL_RETRY),
            _ => None,
        }
    }

    /// Whether sending the same complete file again would finish the import.
    pub fn is_interruption(&self) -> bool {
        match self {
            ImportError::Wire(WireError::DiskFull) => true,
            ImportError::Wire(error) => error.is_truncation(),
            ImportError::Stopping
            | ImportError::MemoryBusy { .. }
            | ImportError::Store(_)
            | ImportError::Hash(_)
            | ImportError::Sorting(_)
            | ImportError::GeneratedPasswords(_) => true,
            ImportError::Overtaken => true,
            ImportError::Format(_)
            | ImportError::Header(_)
            | ImportError::Cancelled
            | ImportError::TooManyProblems { .. }
            | ImportError::OtherContent
            | ImportError::PasswordColumn
            | ImportError::Selection
            | ImportError::NotClean { .. } => false,
        }
    }

    /// The finding that is added to the report, if it says more than the error itself.
    pub fn finding(&self) -> Option<Problem> {
        match self {
            ImportError::PasswordColumn => Some(Problem::new(
                Severity::Failed,
                0,
                None,
                "password-column-is-digests",
                self.to_string(),
            )),
            _ => None,
        }
    }
}

/// An import that ended early, and its progress.
#[derive(Debug)]
pub struct ImportFailure {
    /// Why.
    pub error: ImportError,
    /// Its report; the counters say exactly what is stored.
    pub report: Box<Report>,
}

impl ImportFailure {
    /// What is stored, and what to do next.
    pub fn progress(&self) -> String {
        let report = &self.report;
        let written = report.counters.created + report.counters.updated;
        if report.state == ImportState::Undone {
            return "Nothing from this import remains in the store.".into();
        }
        if matches!(self.error, ImportError::Store(StoreError::Uncertain)) {
            return format!(
                "{written} users of import {} are known to be stored; rows that are already stored are \
                 recognized when the complete file is sent again.",
                report.import
            );
        }
        match (written, self.error.is_interruption()) {
            (0, _) => "Nothing is stored.".into(),
            (rows, false) if matches!(self.error, ImportError::Cancelled) => format!(
                "{rows} users are stored; to remove them, undo import {}.",
                report.import
            ),
            (rows, true) => format!(
                "{rows} users are stored and import {} is interrupted; sending the complete file again \
                 completes it.",
                report.import
            ),
            (rows, false) => format!(
                "{rows} users from before that line are stored by import {}; correct the file and send \
                 it again.",
                report.import
            ),
        }
    }
}

impl std::fmt::Display for ImportFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.error, self.progress())
    }
}

impl std::error::Error for ImportFailure {}

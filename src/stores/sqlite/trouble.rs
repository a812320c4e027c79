//! Failures of the disk and of the locks, and what is known of a transaction that met one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ErrorCode;

use crate::stores::sqlite::connection::from_sqlite;
use crate::users::store_error::StoreError;

/// Why the database has to be closed and opened again, if it has.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    what: Mutex<Option<String>>,
    /// Whether a connection could not lock the database, and is better replaced.
    pub no_lock: AtomicBool,
}

impl Trouble {
    /// Notes a failure of the disk or of the locks; any other is passed over.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly,
            ) => {
                tracing::error!(%error, "the disk of the store failed");
                self.what().get_or_insert_with(|| error.to_string());
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                self.no_lock.store(true, Ordering::SeqCst);
            }
            _ => {}
        }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.what().is_some()
    }

    /// The failure that was noted first.
    pub(super) fn what(&self) -> MutexGuard<'_, Option<String>> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a transaction failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// Before it was to be committed: nothing of it is stored.
    Early(rusqlite::Error),
    /// While it was being committed.
    Commit(rusqlite::Error),
}

impl Failed {
    /// What SQLite said.
    pub(super) fn error(&self) -> &rusqlite::Error {
        match self {
            Failed::Early(error) | Failed::Commit(error) => error,
        }
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Commit(error)
                if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) =>
            {
                StoreError::Uncertain
            }
            Failed::Early(error) | Failed::Commit(error) => from_sqlite(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn only_a_commit_that_the_disk_did_not_confirm_is_uncertain() {
        let sync = || failure(ffi::SQLITE_IOERR_FSYNC);
        let full = || failure(ffi::SQLITE_FULL);
        assert_eq!(
            StoreError::from(Failed::Commit(sync())),
            StoreError::Uncertain
        );
        assert_eq!(StoreError::from(Failed::Commit(full())), StoreError::Full);
        let early = StoreError::from(Failed::Early(sync()));
        assert!(matches!(early, StoreError::Failed(_)), "{early:?}");
    }

    #[test]
    fn failures_of_disk_and_locks_are_noted_and_a_full_disk_is_none() {
        let trouble = Trouble::default();
        for passed_over in [ffi::SQLITE_FULL, ffi::SQLITE_CONSTRAINT] {
            trouble.note(&failure(passed_over));
            assert!(!trouble.is_there());
        }
        trouble.note(&failure(ffi::SQLITE_BUSY));
        assert!(trouble.no_lock.load(Ordering::SeqCst) && !trouble.is_there());
        trouble.note(&failure(ffi::SQLITE_IOERR_WRITE));
        assert!(trouble.is_there());
    }
}

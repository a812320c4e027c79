//! Failures of the disk and of locks, and the state of a transaction after one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ErrorCode;

use crate::stores::sqlite::connection::from_sqlite;
use crate::users::store_error::StoreError;

/// The reason why the database has to be reopened, if there is one.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    what: Mutex<Option<String>>,
    /// Whether a connection could not lock the database, and should be replaced.
    pub no_lock: AtomicBool,
}

impl Trouble {
    /// Records a failure of the disk or of locks; ignores all others.
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

    /// Whether a failure was recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.what().is_some()
    }

    /// The first recorded failure.
    pub(super) fn what(&self) -> MutexGuard<'_, Option<String>> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a transaction failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// Before the commit: nothing of it is stored.
    Early(rusqlite::Error),
    /// During the commit.
    Commit(rusqlite::Error),
}

impl Failed {
    /// SQLite's error.
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
    fn only_an_unconfirmed_commit_is_uncertain() {
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
    fn disk_and_lock_failures_are_recorded_but_not_a_full_disk() {
        let trouble = Trouble::default();
        for ignored in [ffi::SQLITE_FULL, ffi::SQLITE_CONSTRAINT] {
            trouble.note(&failure(ignored));
            assert!(!trouble.is_recorded());
        }
        trouble.note(&failure(ffi::SQLITE_BUSY));
        assert!(trouble.no_lock.load(Ordering::SeqCst) && !trouble.is_recorded());
        trouble.note(&failure(ffi::SQLITE_IOERR_WRITE));
        assert!(trouble.is_recorded());
    }
}

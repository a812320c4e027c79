//! Opening the database: pragmas, functions, and the mapping of SQLite's errors.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::caseless::caseless;
use crate::users::account_state::truth;
use crate::users::store_error::StoreError;

/// How long a connection waits for another process's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Log size, in pages, at which a connection without a checkpoint thread runs a checkpoint.
const AUTOCHECKPOINT_PAGES: u32 = 16_000;

/// Page cache of the writing connection, in KiB.
const WRITER_CACHE_KIB: i32 = 8 * 1024;

/// A connection that may write to the file, which [`file`](super::file) has created.
pub(super) fn open_writing(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(from_sqlite)?;
    // FULL: with NORMAL, a power loss loses acknowledged rows. The log is synced once per commit.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(from_sqlite)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(from_sqlite)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)
        .map_err(from_sqlite)?;
    connection
        .pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
        .map_err(from_sqlite)?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection).map_err(from_sqlite)?;
    Ok(connection)
}

/// A read-only connection.
pub(super) fn open_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(from_sqlite)?;
    connection.set_prepared_statement_cache_capacity(32);
    keep_plans(&connection).map_err(from_sqlite)?;
    add_functions(&connection).map_err(from_sqlite)?;
    Ok(connection)
}

/// Makes plans stable (SQLite's query planner stability guarantee). Otherwise, in a database with
/// statistics, a statement is replanned whenever a different value is bound, which costs many times
/// its execution.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// Adds SQL functions: `muster_caseless(text)`, the text for case-insensitive comparison (SQLite's
/// own `lower` supports ASCII only), and `muster_truth(text)`, the value of a boolean word. For
/// other arguments both return null.
pub(super) fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("muster_truth", 1, flags, |arguments| {
        Ok(match arguments.get_raw(0) {
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(truth),
            _ => None,
        })
    })?;
    connection.create_scalar_function("muster_caseless", 1, flags, |arguments| {
        Ok(match arguments.get_raw(0) {
            ValueRef::Text(text) => std::str::from_utf8(text)
                .ok()
                .map(|text| caseless(text).into_owned()),
            _ => None,
        })
    })
}

/// Maps an error of SQLite for the caller.
pub(super) fn from_sqlite(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::migrations::migrate;
    use rusqlite::StatementStatus;

    #[test]
    fn a_statement_is_planned_once_in_a_database_with_statistics() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plans.db");
        std::fs::File::create(&path).unwrap();
        let mut db = open_writing(&path).unwrap();
        migrate(&mut db).unwrap();
        db.execute_batch(
            "INSERT INTO spaces (organization, domain)
                 SELECT 'o' || value, 'PRIMARY' FROM json_each('[1,2,3,4,5,6,7,8,9]');
             ANALYZE",
        )
        .unwrap();
        // Statistics are read when a connection opens.
        drop(db);
        let db = open_writing(&path).unwrap();
        let planned_again = || {
            let mut statement = db
                .prepare("SELECT id FROM spaces WHERE organization >= ?1 ORDER BY organization")
                .unwrap();
            for number in 0..5 {
                assert!(statement.exists([format!("o{number}")]).unwrap());
            }
            statement.get_status(StatementStatus::RePrepare)
        };
        assert_eq!(planned_again(), 0);
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, false)
            .unwrap();
        assert!(planned_again() > 0, "the test cannot detect replanning");
    }
}

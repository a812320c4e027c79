//! Opening the database: pragmas, migrations, and what SQLite's errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::stores::sqlite::groups::add_built_in_roles;
use crate::users::DEFAULT_ORGANIZATION;
use crate::users::name::fold;
use crate::users::store_error::StoreError;

/// One file a version; a file that has been released never changes again.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// How long a connection waits for another process's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of the write-ahead log after which it is copied back: large, because batches are.
const AUTOCHECKPOINT_PAGES: u32 = 16_000;

/// KiB of page cache of the writing connection.
const WRITER_CACHE_KIB: i32 = 24 * 1024;

/// A connection that may write; the file is made when it does not exist.
pub(super) fn open_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(from_sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(from_sqlite)?;
    // FULL: at power loss NORMAL loses acknowledged rows. The log is synced once a commit.
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
    plan_once(&connection)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(from_sqlite)?;
    connection.set_prepared_statement_cache_capacity(32);
    plan_once(&connection)?;
    add_functions(&connection).map_err(from_sqlite)?;
    Ok(connection)
}

/// Has plans made for whatever is bound to a statement. Otherwise a statement that compares two parameters
/// is planned anew at each use, which takes longer than a short one itself.
fn plan_once(connection: &Connection) -> Result<(), StoreError> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
        .map_err(from_sqlite)
}

/// Gives SQL `muster_fold(text)`, the text as it is compared without case; of anything else it is null.
/// SQLite's own `lower` knows ASCII only.
pub(super) fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("muster_fold", 1, flags, |arguments| {
        Ok(match arguments.get_raw(0) {
            ValueRef::Text(text) => std::str::from_utf8(text)
                .ok()
                .map(|text| fold(text).into_owned()),
            _ => None,
        })
    })
}

/// Brings the schema up to date, each version in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    let known = MIGRATIONS.len();
    if found as usize > known {
        return Err(StoreError::NewerSchema {
            found,
            known: newest(),
        });
    }
    for (sql, version) in MIGRATIONS.iter().zip(1u32..).skip(found as usize) {
        let transaction = connection.transaction().map_err(from_sqlite)?;
        transaction.execute_batch(sql).map_err(from_sqlite)?;
        if version == 1 {
            add_built_in_roles(&transaction, DEFAULT_ORGANIZATION).map_err(from_sqlite)?;
        }
        transaction
            .pragma_update(None, "user_version", version)
            .map_err(from_sqlite)?;
        transaction.commit().map_err(from_sqlite)?;
        tracing::info!(version, "store schema brought up to date");
    }
    Ok(())
}

/// Whether the schema is exactly the one this version knows.
pub(super) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, newest());
    match found {
        _ if found == known => Ok(()),
        _ if found > known => Err(StoreError::NewerSchema { found, known }),
        _ => Err(StoreError::Failed(format!(
            "the store has schema version {found} and {known} is needed; start the server once to \
             bring it up to date"
        ))),
    }
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(from_sqlite)
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// What an error of SQLite means to the caller.
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

    #[test]
    fn a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        check_version(&connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(
            migrate(&mut connection),
            Err(StoreError::NewerSchema {
                found: 99,
                known: newest()
            })
        );
    }
}

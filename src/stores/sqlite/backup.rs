//! Backup of a database that may be in use.
//!
//! `VACUUM INTO` reads in one transaction, isolated from writers by the write-ahead log: the copy
//! is the state after one commit. It contains no free pages, and so no deleted data.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::migrations::check_version;
use crate::users::backup::Backup;
use crate::users::store_error::StoreError;

impl Backup for SqliteStore {
    fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let Some(name) = to.to_str() else {
            return Err(StoreError::Failed(
                "the name of a backup has to be UTF-8".into(),
            ));
        };
        self.read(|db| db.execute("VACUUM INTO ?1", [name]).map(drop))?;
        check(to)
    }
}

/// Reads the whole copy.
fn check(copy: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags).map_err(from_sqlite)?;
    check_version(&connection)?;
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    match found.as_str() {
        "ok" => Ok(()),
        found => Err(StoreError::Failed(format!("the copy is corrupt: {found}"))),
    }
}

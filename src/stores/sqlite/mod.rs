//! SQLite: WAL mode with `synchronous=FULL`, one writer thread, a bounded pool of reading
//! connections.

mod connection;
mod file;
mod migrations;
mod name_keys;
mod spaces;
mod step;
mod writing;
mod writer;
mod waiting;
mod turns;
mod trouble;
mod readers;
mod checkpoints;
mod users;
mod change;
mod resources;
mod rows;
mod search;
mod filter_fields;
mod filter;
#[cfg(test)]
mod filter_chance;
mod single;
mod groups;
mod members;
mod transaction;
mod rehearsal;
mod ledger;
mod rejects;
mod undo_steps;
mod undo;
mod audit;
mod operators;
mod tokens;
mod organizations;
mod column_maps;
mod backup;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use crate::stores::sqlite::connection::{open_reading, open_writing};
use crate::stores::sqlite::migrations::{check_version, migrate};
use crate::stores::sqlite::readers::{Readers, Scan};
use crate::stores::sqlite::writer::Writer;
use crate::stores::sqlite::writing::{Purpose, Writing};
use crate::users::store_error::StoreError;

pub use crate::stores::sqlite::readers::Bounds;

/// A database file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Option<Writer>,
    writing: Arc<Writing>,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the file at `path` for writing, creating it or migrating its schema if necessary. Only
    /// one process may do so at a time, which the lock on the data directory ensures.
    ///
    /// # Errors
    /// The file is not a store of this version or an earlier one, or cannot be opened.
    pub fn open(path: &Path, bounds: Bounds) -> Result<Self, StoreError> {
        file::prepare(path)?;
        migrate(&mut open_writing(path)?)?;
        let readers = Arc::new(Readers::new(path, bounds));
        let writing = Writing::open(path, Arc::clone(&readers))?;
        Ok(SqliteStore {
            path: path.into(),
            writer: Some(Writer::start(Arc::clone(&writing))?),
            writing,
            readers,
        })
    }

    /// Opens the file at `path` in addition to the process that writes imports: imports cannot be
    /// written, operators can.
    ///
    /// # Errors
    /// The file does not exist, cannot be opened, or has another schema.
    pub fn open_beside(path: &Path, bounds: Bounds) -> Result<Self, StoreError> {
        file::inspect(path)?;
        check_version(&open_reading(path)?)?;
        let readers = Arc::new(Readers::new(path, bounds));
        Ok(SqliteStore {
            path: path.into(),
            writer: None,
            writing: Writing::open_beside(path, Arc::clone(&readers)),
            readers,
        })
    }

    /// Whether there is a store at `path`; it is checked without being changed.
    ///
    /// # Errors
    /// The file is not a store that this version can use.
    pub fn inspect(path: &Path) -> Result<bool, StoreError> {
        file::inspect(path)
    }

    /// Runs `query` on a reading connection.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.readers.run(query)
    }

    /// The same for a query that reads many more users than it returns; their number is limited.
    fn scan<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let _scan = self.readers.scan()?;
        self.readers.run(query)
    }

    /// Permission to read many users, if it is needed.
    fn scan_unless(&self, is_lookup: bool) -> Result<Option<Scan<'_>>, StoreError> {
        (!is_lookup).then(|| self.readers.scan()).transpose()
    }

    /// Runs several queries on the same snapshot.
    fn read_together<T>(
        &self,
        queries: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.read(|db| {
            let snapshot = db.unchecked_transaction()?;
            let result = queries(&snapshot)?;
            snapshot.finish()?;
            Ok(result)
        })
    }

    /// Runs `change` in a short transaction, outside the writer thread.
    fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.writing.run(Purpose::Short, |connection| {
            Ok(self.writing.commit(connection, change)?)
        })
    }

    /// The same for work with another error type.
    fn in_transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.writing.run(Purpose::Short, |connection| {
            self.writing.commit_work(connection, work)
        })
    }
}

impl Drop for SqliteStore {
    /// A writing connection closes last: it runs a checkpoint and removes the write-ahead log,
    /// which a reading one cannot do.
    fn drop(&mut self) {
        drop(self.writer.take());
        self.readers.close();
        self.writing.close();
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

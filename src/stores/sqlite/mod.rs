//! SQLite: WAL with `synchronous=FULL`, one writer thread, a few reading connections.

mod connection;
mod step;
mod writer;
mod turns;
mod users;
mod change;
mod rehearsal;
mod ledger;
mod undo;
mod audit;
mod operators;
mod tokens;
mod organizations;
mod backup;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::stores::sqlite::connection::{check_version, from_sqlite, open_reading, open_writing};
use crate::stores::sqlite::turns::Turns;
use crate::stores::sqlite::writer::Writer;
use crate::users::store_error::StoreError;

/// A database file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Option<Writer>,
    turns: Arc<Turns>,
    readers: Mutex<Vec<Connection>>,
}

impl SqliteStore {
    /// Opens the file at `path` to write to it; makes it, and brings its schema up to date. Only one
    /// process may do so at a time; the lock on the data directory sees to that.
    ///
    /// # Errors
    /// The file cannot be opened, or its schema is newer than this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let turns = Arc::default();
        let writer = Writer::start(path, Arc::clone(&turns))?;
        Ok(SqliteStore {
            path: path.into(),
            writer: Some(writer),
            turns,
            readers: Mutex::default(),
        })
    }

    /// Opens the file at `path` beside the process that writes to it: imports cannot be written,
    /// operators can.
    ///
    /// # Errors
    /// The file does not exist, cannot be opened, or has another schema.
    pub fn open_beside(path: &Path) -> Result<Self, StoreError> {
        let reader = open_reading(path)?;
        check_version(&reader)?;
        Ok(SqliteStore {
            path: path.into(),
            writer: None,
            turns: Arc::default(),
            readers: Mutex::new(vec![reader]),
        })
    }

    /// Runs `query` on a reading connection of its own.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reading(&self.path)?,
        };
        let result = query(&connection).map_err(from_sqlite);
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        result
    }

    /// Runs `change` in a short transaction of its own, outside the writer thread.
    fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = open_writing(&self.path)?;
        let _turn = self.turns.wait();
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(from_sqlite)?;
        let result = change(&transaction).map_err(from_sqlite)?;
        transaction.commit().map_err(from_sqlite)?;
        Ok(result)
    }
}

impl Drop for SqliteStore {
    /// The writing connection closes last: it copies the write-ahead log back and removes it, which a
    /// reading one cannot do.
    fn drop(&mut self) {
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        drop(self.writer.take());
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

//! SQLite: WAL with `synchronous=FULL`, one writer thread, a few reading connections.

mod connection;
mod migrations;
mod name_keys;
mod spaces;
mod step;
mod writer;
mod waiting;
mod turns;
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
mod deeds;
mod undo;
mod audit;
mod operators;
mod tokens;
mod organizations;
mod backup;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::stores::sqlite::checkpoints::Checkpoints;
use crate::stores::sqlite::connection::{from_sqlite, open_reading, open_writing};
use crate::stores::sqlite::migrations::{check_version, migrate};
use crate::stores::sqlite::turns::Turns;
use crate::stores::sqlite::writer::Writer;
use crate::users::store_error::StoreError;

/// A database file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Option<Writer>,
    checkpoints: Option<Checkpoints>,
    turns: Arc<Turns>,
    readers: Mutex<Vec<Connection>>,
    /// The connection of short transactions, once there was one.
    idle: Mutex<Option<Connection>>,
}

impl SqliteStore {
    /// Opens the file at `path` to write to it; makes it, and brings its schema up to date. Only one
    /// process may do so at a time; the lock on the data directory sees to that.
    ///
    /// # Errors
    /// The file cannot be opened, or its schema is newer than this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let turns = Arc::default();
        let mut connection = open_writing(path)?;
        migrate(&mut connection)?;
        let checkpoints = Checkpoints::start(path)?;
        checkpoints.watch(&mut connection).map_err(from_sqlite)?;
        let writer = Writer::start(connection, Arc::clone(&turns))?;
        Ok(SqliteStore {
            path: path.into(),
            writer: Some(writer),
            checkpoints: Some(checkpoints),
            turns,
            readers: Mutex::default(),
            idle: Mutex::default(),
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
            checkpoints: None,
            turns: Arc::default(),
            readers: Mutex::new(vec![reader]),
            idle: Mutex::default(),
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

    /// Runs several queries on what one commit has left behind.
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

    /// Runs `change` in a short transaction of its own, outside the writer thread.
    fn change<T>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.in_transaction(|db| change(db).map_err(from_sqlite))
    }

    /// The same for work that can fail in other ways.
    fn in_transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let _turn = self.turns.wait();
        let kept = idle().take();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.open_short()?,
        };
        let result = commit(&mut connection, work);
        // One that is still inside its transaction is of no use to the next.
        *idle() = Some(connection).filter(Connection::is_autocommit);
        result
    }

    /// A connection for short transactions.
    fn open_short(&self) -> Result<Connection, StoreError> {
        let mut connection = open_writing(&self.path)?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.watch(&mut connection).map_err(from_sqlite)?;
        }
        Ok(connection)
    }
}

fn commit<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(from_sqlite)?;
    let result = work(&transaction)?;
    transaction.commit().map_err(from_sqlite)?;
    Ok(result)
}

impl Drop for SqliteStore {
    /// A writing connection closes last: it copies the write-ahead log back and removes it, which a
    /// reading one cannot do.
    fn drop(&mut self) {
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        drop(
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        drop(self.writer.take());
        if let Some(checkpoints) = self.checkpoints.take() {
            checkpoints.stop();
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

//! The writing connections, one transaction at a time; and their recovery after a failure with an
//! unknown result.
//!
//! After a failed `fsync` it is unknown how much of the write-ahead log is on the disk: Linux
//! reports such an error once and then treats the pages as written. So all connections are closed,
//! the next one reads the log as after a crash and copies all of it into the database with new
//! syncs, and only then does the next transaction begin. Callers that waited for the commit are
//! informed that its result is unknown.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::stores::sqlite::checkpoints::Checkpoints;
use crate::stores::sqlite::connection::{from_sqlite, open_writing};
use crate::stores::sqlite::migrations::check_version;
use crate::stores::sqlite::readers::Readers;
use crate::stores::sqlite::trouble::{Failed, Trouble};
use crate::stores::sqlite::turns::Turns;
use crate::users::store_error::StoreError;

/// How long running queries are waited for before the database is reopened in spite of them.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of attempts to reopen the database.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The writing connections.
pub(super) struct Writing {
    path: PathBuf,
    turns: Turns,
    readers: Arc<Readers>,
    connections: Mutex<Connections>,
    trouble: Arc<Trouble>,
    /// Whether this process is the one that writes imports and runs checkpoints.
    is_primary: bool,
}

/// Used by the holder of the right to write.
#[derive(Default)]
struct Connections {
    /// For the writer thread.
    batches: Option<Connection>,
    /// For short transactions.
    short: Option<Connection>,
    /// Signalled by the commits of both.
    checkpoints: Option<Checkpoints>,
    /// Whether the store is being closed.
    closed: bool,
}

/// Selects a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Steps of imports.
    Batches,
    /// Everything else.
    Short,
}

impl Writing {
    /// The connections to the database at `path`, whose schema has the newest version.
    ///
    /// # Errors
    /// It cannot be opened, or no thread can be started.
    pub(super) fn open(path: &Path, readers: Arc<Readers>) -> Result<Arc<Self>, StoreError> {
        let writing = Writing::new(path, readers, true);
        writing.open_all(&mut writing.connections())?;
        Ok(Arc::new(writing))
    }

    /// The same in addition to the process that writes imports: opened at the first write.
    pub(super) fn open_beside(path: &Path, readers: Arc<Readers>) -> Arc<Self> {
        Arc::new(Writing::new(path, readers, false))
    }

    fn new(path: &Path, readers: Arc<Readers>, is_primary: bool) -> Self {
        Writing {
            path: path.into(),
            turns: Turns::default(),
            readers,
            connections: Mutex::default(),
            trouble: Arc::default(),
            is_primary,
        }
    }

    /// Waits for the right to write and runs `work` in a transaction, which is committed if the
    /// work succeeds.
    ///
    /// # Errors
    /// Errors of the work; the database cannot be written to.
    pub(super) fn run<T, E: From<StoreError>>(
        self: &Arc<Self>,
        purpose: Purpose,
        work: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let turn = self.turns.wait();
        let mut connections = self.connections();
        if self.trouble.is_recorded() {
            self.recover(&mut connections)?;
        }
        let connection = self.connection(&mut connections, purpose)?;
        let result = work(connection);
        // A connection that is still inside its transaction, or cannot lock the database, cannot be
        // reused.
        if self.trouble.no_lock.swap(false, Ordering::SeqCst) || !connection.is_autocommit() {
            connections.discard(purpose);
        }
        drop(connections);
        drop(turn);
        if self.trouble.is_recorded() {
            self.recover_later();
        }
        result
    }

    /// Runs `work` in a transaction of this connection and commits it.
    ///
    /// # Errors
    /// How it failed.
    pub(super) fn commit<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failed> {
        let early = |error| {
            self.trouble.note(&error);
            Failed::Early(error)
        };
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(early)?;
        let result = work(&transaction).map_err(early)?;
        transaction.commit().map_err(|error| {
            self.trouble.note(&error);
            Failed::Commit(error)
        })?;
        Ok(result)
    }

    /// The same for work with another error type.
    ///
    /// # Errors
    /// Errors of the work; it could not be committed.
    pub(super) fn commit_work<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let early = |error| {
            self.trouble.note(&error);
            StoreError::from(Failed::Early(error))
        };
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(early)?;
        let result = work(&transaction)?;
        transaction.commit().map_err(|error| {
            self.trouble.note(&error);
            tracing::error!(%error, "a commit failed");
            StoreError::from(Failed::Commit(error))
        })?;
        Ok(result)
    }

    /// Whether the database has to be reopened before the next write.
    pub(super) fn needs_recovery(&self) -> bool {
        self.trouble.is_recorded()
    }

    /// Closes the writing connections; the last one to close runs a checkpoint and removes the log.
    pub(super) fn close(&self) {
        let mut connections = self.connections();
        connections.close();
        connections.closed = true;
    }

    fn connection<'c>(
        &self,
        connections: &'c mut Connections,
        purpose: Purpose,
    ) -> Result<&'c mut Connection, StoreError> {
        if connections.closed {
            return Err(StoreError::Closed);
        }
        let Connections {
            batches,
            short,
            checkpoints,
            ..
        } = connections;
        let place = match purpose {
            Purpose::Batches => batches,
            Purpose::Short => short,
        };
        match place {
            Some(connection) => Ok(connection),
            None => Ok(place.insert(self.open_one(checkpoints.as_ref())?)),
        }
    }

    fn open_one(&self, checkpoints: Option<&Checkpoints>) -> Result<Connection, StoreError> {
        let mut connection = open_writing(&self.path)?;
        if let Some(checkpoints) = checkpoints {
            checkpoints.watch(&mut connection).map_err(from_sqlite)?;
        }
        Ok(connection)
    }

    fn open_all(&self, connections: &mut Connections) -> Result<(), StoreError> {
        let checkpoints = Checkpoints::start(&self.path, &self.readers, &self.trouble)?;
        connections.batches = Some(self.open_one(Some(&checkpoints))?);
        connections.checkpoints = Some(checkpoints);
        Ok(())
    }

    /// Closes all connections and reopens the database.
    fn recover(&self, connections: &mut Connections) -> Result<(), StoreError> {
        if connections.closed {
            return Err(StoreError::Closed);
        }
        let why = self.trouble.what().clone().unwrap_or_default();
        tracing::warn!(why, "reopening the store");
        if !self.readers.pause(QUERY_TIMEOUT) {
            tracing::warn!("queries continue while the store is reopened");
        }
        connections.close();
        let opened = self.reopen(connections);
        self.readers.resume();
        match opened {
            Ok(()) => {
                *self.trouble.what() = None;
                tracing::info!("the store has been reopened");
                Ok(())
            }
            Err(error) => {
                connections.close();
                tracing::error!(%error, "the store could not be reopened");
                Err(StoreError::Recovering)
            }
        }
    }

    /// Opening reads the log as after a crash; its pages are then copied into the database and
    /// synced.
    fn reopen(&self, connections: &mut Connections) -> Result<(), StoreError> {
        let connection = open_writing(&self.path)?;
        check_version(&connection)?;
        let is_busy: bool = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(from_sqlite)?;
        if is_busy {
            return Err(StoreError::Busy);
        }
        drop(connection);
        match self.is_primary {
            true => self.open_all(connections),
            false => Ok(()),
        }
    }

    /// Reopens the database without waiting for the next write.
    fn recover_later(self: &Arc<Self>) {
        let writing = Arc::downgrade(self);
        let started = std::thread::Builder::new()
            .name("store-recovery".into())
            .spawn(move || recover_until_done(&writing));
        if let Err(error) = started {
            tracing::warn!(%error, "the store will be reopened at the next write");
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn recover_until_done(writing: &Weak<Writing>) {
    while let Some(writing) = writing.upgrade() {
        let turn = writing.turns.wait();
        let mut connections = writing.connections();
        if !writing.trouble.is_recorded() || connections.closed {
            return;
        }
        let recovered = writing.recover(&mut connections);
        drop(connections);
        drop(turn);
        if recovered.is_ok() {
            return;
        }
        drop(writing);
        std::thread::sleep(RETRY_INTERVAL);
    }
}

impl Connections {
    fn discard(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Batches => self.batches = None,
            Purpose::Short => self.short = None,
        }
    }

    fn close(&mut self) {
        self.batches = None;
        self.short = None;
        if let Some(checkpoints) = self.checkpoints.take() {
            checkpoints.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::file::prepare;
    use crate::stores::sqlite::migrations::migrate;
    use crate::stores::sqlite::readers::Bounds;
    use rusqlite::ffi;

    #[test]
    fn database_is_reopened_after_a_disk_failure_before_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writing.db");
        prepare(&path).unwrap();
        migrate(&mut open_writing(&path).unwrap()).unwrap();
        let readers = Arc::new(Readers::new(&path, Bounds::default()));
        let writing = Writing::open(&path, Arc::clone(&readers)).unwrap();
        let write = |sql: &'static str| {
            writing.run(Purpose::Short, |connection| {
                writing.commit_work(connection, |db| {
                    db.execute_batch(sql)
                        .map_err(|error| StoreError::Failed(error.to_string()))
                })
            })
        };
        write("CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (1)").unwrap();
        let sync = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        writing
            .trouble
            .note(&rusqlite::Error::SqliteFailure(sync, None));
        assert!(writing.needs_recovery());
        write("INSERT INTO t VALUES (2)").unwrap();
        assert!(!writing.needs_recovery());
        let count = |db: &Connection| db.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        assert_eq!(readers.run(count), Ok(2));
        writing.close();
        assert_eq!(write("INSERT INTO t VALUES (3)"), Err(StoreError::Closed));
    }
}

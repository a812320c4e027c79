//! Checkpointing: copies the write-ahead log into the database in its own thread (SQLite,
//! "Checkpointing"), so that commits rarely have to wait for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};

use crate::stores::sqlite::connection::open_writing;
use crate::stores::sqlite::readers::Readers;
use crate::stores::sqlite::trouble::Trouble;
use crate::users::store_error::StoreError;

/// Pages written to the log between two checkpoints. The number is high because batches are large
/// and write the same index pages again and again.
const CHECKPOINT_PAGES: i32 = 16_000;

/// The log size, in pages, at which the writer copies the rest itself so that the log can be reset.
/// That requires a complete checkpoint, which never happens while the writer is busy.
const MAX_LOG_PAGES: i32 = 64_000;

/// Interval of the search for idle reading connections.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The checkpoint thread, which also closes idle reading connections.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    trouble: Arc<Trouble>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread for the existing database at `path`.
    pub(super) fn start(
        path: &Path,
        readers: &Arc<Readers>,
        trouble: &Arc<Trouble>,
    ) -> Result<Self, StoreError> {
        let connection = open_writing(path)?;
        let (readers, noted) = (Arc::clone(readers), Arc::clone(trouble));
        // A signal during a checkpoint causes one more.
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&connection, &woken, &readers, &noted))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Checkpoints {
            wake,
            trouble: Arc::clone(trouble),
            thread,
        })
    }

    /// Signals the thread after commits on this connection.
    pub(super) fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (wake, trouble) = (self.wake.clone(), Arc::clone(&self.trouble));
        let mut signalled = 0;
        connection.wal_hook(Some(move |log: &mut Wal, pages: i32| {
            if pages < signalled {
                signalled = 0;
            }
            if pages >= MAX_LOG_PAGES {
                report(log.checkpoint(), &trouble);
            } else if pages - signalled >= CHECKPOINT_PAGES {
                signalled = pages;
                // The channel is full if the thread has already been signalled.
                let _ = wake.try_send(());
            }
            Ok(())
        }))
    }

    /// Waits for the thread; the connections that signal it must be closed.
    pub(super) fn stop(self) {
        let Checkpoints { wake, thread, .. } = self;
        drop(wake);
        // A panic has already been reported.
        let _ = thread.join();
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, readers: &Readers, trouble: &Trouble) {
    loop {
        match woken.recv_timeout(IDLE_CHECK_INTERVAL) {
            Ok(()) => {
                let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                report(copied, trouble);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        readers.close_idle();
    }
}

/// Pages not copied now are copied by the next checkpoint.
fn report(result: rusqlite::Result<()>, trouble: &Trouble) {
    match result {
        Ok(()) => {}
        // Another checkpoint is running.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        Err(error) => {
            tracing::error!(%error, "the write-ahead log could not be checkpointed");
            trouble.note(&error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::migrations::migrate;
    use crate::stores::sqlite::readers::Bounds;
    use std::time::{Duration, Instant};

    /// The number of pages in the log, and how many of them have been copied.
    fn log(connection: &Connection) -> (i64, i64) {
        connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            })
            .unwrap()
    }

    #[test]
    fn log_is_checkpointed_during_writes_and_reset_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        std::fs::File::create(&path).unwrap();
        let mut connection = open_writing(&path).unwrap();
        migrate(&mut connection).unwrap();
        let readers = Arc::new(Readers::new(&path, Bounds::default()));
        let checkpoints = Checkpoints::start(&path, &readers, &Arc::default()).unwrap();
        checkpoints.watch(&mut connection).unwrap();
        connection
            .execute_batch("CREATE TABLE filler (content BLOB)")
            .unwrap();
        let fill = |pages: i64| {
            connection
                .execute("INSERT INTO filler VALUES (zeroblob(?1 * 4096))", [pages])
                .unwrap();
            log(&connection).0
        };
        let pages = fill(i64::from(CHECKPOINT_PAGES));
        let deadline = Instant::now() + Duration::from_secs(60);
        while log(&connection).1 < pages {
            assert!(Instant::now() < deadline, "the log was not copied");
            std::thread::sleep(Duration::from_millis(10));
        }
        // At the next commit, all of the log has been copied, so it is reset.
        assert!(fill(1) < 100);
        let mut longest = 0;
        for _ in 0..12 {
            longest = fill(i64::from(CHECKPOINT_PAGES) / 2).max(longest);
        }
        assert!(longest < i64::from(MAX_LOG_PAGES) * 3 / 2, "{longest}");
        drop(connection);
        checkpoints.stop();
        assert!(!folder.path().join("log.db-wal").exists());
    }
}

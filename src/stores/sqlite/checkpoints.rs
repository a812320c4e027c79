//! Copying the write-ahead log back into the database (SQLite, "Checkpointing") beside the writer, so
//! that hardly a commit waits for it.

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

/// Pages that are written to the log between two times that it is copied: many, because batches are large
/// and write the same pages of an index again and again.
const EVERY_PAGES: i32 = 16_000;

/// Pages of the log at which the writer copies the rest itself, so that the log can begin anew: it can only
/// when all of it was copied, which beside a busy writer never happens.
const MOST_PAGES: i32 = 64_000;

/// How often idle reading connections are looked for.
const LOOK: Duration = Duration::from_secs(5);

/// The thread that copies, and closes reading connections that are not used.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    trouble: Arc<Trouble>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread for the database at `path`, which exists.
    pub(super) fn start(
        path: &Path,
        readers: &Arc<Readers>,
        trouble: &Arc<Trouble>,
    ) -> Result<Self, StoreError> {
        let connection = open_writing(path)?;
        let (readers, noted) = (Arc::clone(readers), Arc::clone(trouble));
        // One that is told while it copies looks once more.
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

    /// Has the log of this connection's commits copied.
    pub(super) fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (wake, trouble) = (self.wake.clone(), Arc::clone(&self.trouble));
        let mut told = 0;
        connection.wal_hook(Some(move |log: &mut Wal, pages: i32| {
            if pages < told {
                told = 0;
            }
            if pages >= MOST_PAGES {
                tell(log.checkpoint(), &trouble);
            } else if pages - told >= EVERY_PAGES {
                told = pages;
                // It is full when the thread has been told already.
                let _ = wake.try_send(());
            }
            Ok(())
        }))
    }

    /// Waits for the thread; by then the connections that it was told by are closed.
    pub(super) fn stop(self) {
        let Checkpoints { wake, thread, .. } = self;
        drop(wake);
        // A panic has been reported by then.
        let _ = thread.join();
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, readers: &Readers, trouble: &Trouble) {
    loop {
        match woken.recv_timeout(LOOK) {
            Ok(()) => {
                let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                tell(copied, trouble);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        readers.close_idle();
    }
}

/// What was not copied now is copied the next time.
fn tell(result: rusqlite::Result<()>, trouble: &Trouble) {
    match result {
        Ok(()) => {}
        // Somebody else is at it.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        Err(error) => {
            tracing::error!(%error, "the write-ahead log could not be copied back");
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

    /// Pages of the log, and how many of them are copied.
    fn log(connection: &Connection) -> (i64, i64) {
        connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            })
            .unwrap()
    }

    #[test]
    fn the_log_is_copied_beside_the_writer_and_begins_anew_at_its_bound() {
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
        let pages = fill(i64::from(EVERY_PAGES));
        let patience = Instant::now() + Duration::from_secs(60);
        while log(&connection).1 < pages {
            assert!(Instant::now() < patience, "nobody copies the log");
            std::thread::sleep(Duration::from_millis(10));
        }
        // The next commit finds all of it copied, and begins it anew.
        assert!(fill(1) < 100);
        let mut longest = 0;
        for _ in 0..12 {
            longest = fill(i64::from(EVERY_PAGES) / 2).max(longest);
        }
        assert!(longest < i64::from(MOST_PAGES) * 3 / 2, "{longest}");
        drop(connection);
        checkpoints.stop();
        assert!(!folder.path().join("log.db-wal").exists());
    }
}

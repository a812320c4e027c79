//! The pool of reading connections: bounded in number, with a bounded waiting time, closed when
//! idle. Each holds a page cache and prepared statements, about 2 MiB.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::stores::sqlite::connection::{from_sqlite, open_reading};
use crate::users::store_error::StoreError;

/// How long a query waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a query waits for the end of another scan.
const SCAN_TIMEOUT: Duration = Duration::from_secs(2);

/// Seconds after which a refused scan may be retried.
const SCAN_RETRY: u64 = 5;

/// Idle time after which a connection is closed.
const IDLE: Duration = Duration::from_secs(10);

/// Limits on concurrent queries.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections.
    pub connections: usize,
    /// Queries that read all users of an organization.
    pub scans: usize,
}

/// The pool.
pub(super) struct Readers {
    path: PathBuf,
    bounds: Bounds,
    state: Mutex<PoolState>,
    /// Signalled when a connection is returned or a scan ends.
    returned: Condvar,
}

#[derive(Default)]
struct PoolState {
    /// Idle connections, and since when; the most recently used one is last.
    idle: Vec<(Connection, Instant)>,
    /// The number of connections in use.
    used: usize,
    scans: usize,
    /// The number of waiting threads.
    waiting: usize,
    /// Whether no connections may be used at present.
    paused: bool,
}

/// Permission to use one connection, released when dropped.
struct Slot<'r>(&'r Readers);

/// Permission to run one scan.
pub(super) struct Scan<'r>(&'r Readers);

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            connections: 24,
            scans: 4,
        }
    }
}

impl Readers {
    /// A pool without connections for the database at `path`.
    pub(super) fn new(path: &Path, bounds: Bounds) -> Self {
        Readers {
            path: path.into(),
            bounds,
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// Runs `query` on a connection that no other query is using.
    ///
    /// # Errors
    /// No connection became available in time, none can be opened, or the query failed.
    pub(super) fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let (slot, idle) = self.take()?;
        let connection = match idle {
            Some(connection) => connection,
            None => open_reading(&self.path)?,
        };
        let result = query(&connection).map_err(from_sqlite);
        slot.put_back(connection);
        result
    }

    /// Waits until one more connection may be used; returns an open one if there is one.
    fn take(&self) -> Result<(Slot<'_>, Option<Connection>), StoreError> {
        let most = self.bounds.connections.max(1);
        let is_closed = |state: &PoolState| state.paused || state.used >= most;
        let mut state = self.state();
        if is_closed(&state) {
            state.waiting += 1;
            let (waited, result) = self
                .returned
                .wait_timeout_while(state, CONNECTION_TIMEOUT, |state| is_closed(state))
                .unwrap_or_else(PoisonError::into_inner);
            state = waited;
            state.waiting -= 1;
            if result.timed_out() {
                return Err(StoreError::Busy);
            }
        }
        state.used += 1;
        let idle = state.idle.pop();
        Ok((Slot(self), idle.map(|(connection, _)| connection)))
    }

    /// Waits briefly for permission to run a scan.
    ///
    /// # Errors
    /// The limit is still reached.
    pub(super) fn scan(&self) -> Result<Scan<'_>, StoreError> {
        let most = self.bounds.scans.max(1);
        let mut state = self.state();
        state.waiting += 1;
        let (mut state, result) = self
            .returned
            .wait_timeout_while(state, SCAN_TIMEOUT, |state| state.scans >= most)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        if result.timed_out() {
            return Err(StoreError::TooManyScans {
                seconds: SCAN_RETRY,
            });
        }
        state.scans += 1;
        Ok(Scan(self))
    }

    /// Closes idle connections after their timeout.
    pub(super) fn close_idle(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let is_old = |(_, since): &(Connection, Instant)| now.duration_since(*since) >= IDLE;
        let old = state.idle.iter().take_while(|idle| is_old(idle)).count();
        let closed: Vec<_> = state.idle.drain(..old).collect();
        // Closing takes a while; others need not wait for it.
        drop(state);
        drop(closed);
    }

    /// Closes all idle connections.
    pub(super) fn close(&self) {
        self.state().idle.clear();
    }

    /// Stops using connections and closes them, waiting at most this long for those in use; returns
    /// whether none is left.
    pub(super) fn pause(&self, timeout: Duration) -> bool {
        let mut state = self.state();
        state.paused = true;
        state.idle.clear();
        state.waiting += 1;
        let (mut state, _) = self
            .returned
            .wait_timeout_while(state, timeout, |state| state.used > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.used == 0
    }

    /// Allows connections again.
    pub(super) fn resume(&self) {
        let mut state = self.state();
        state.paused = false;
        self.wake(state);
    }

    /// Wakes waiting threads, if there are any.
    fn wake(&self, state: MutexGuard<'_, PoolState>) {
        let waiting = state.waiting;
        drop(state);
        if waiting > 0 {
            self.returned.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// Returns the connection to the pool.
    fn put_back(self, connection: Connection) {
        let mut state = self.0.state();
        // A connection that is still inside a transaction cannot be reused.
        if !state.paused && connection.is_autocommit() {
            state.idle.push((connection, Instant::now()));
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.used -= 1;
        self.0.wake(state);
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.scans -= 1;
        self.0.wake(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::connection::open_writing;
    use crate::stores::sqlite::file::prepare;

    fn pool(folder: &Path, connections: usize, scans: usize) -> Readers {
        let path = folder.join("readers.db");
        prepare(&path).unwrap();
        drop(open_writing(&path).unwrap());
        Readers::new(&path, Bounds { connections, scans })
    }

    #[test]
    fn connections_are_bounded_and_reused() {
        let folder = tempfile::tempdir().unwrap();
        let readers = pool(folder.path(), 2, 1);
        std::thread::scope(|threads| {
            for _ in 0..16 {
                threads.spawn(|| {
                    let read = readers.run(|db| {
                        assert!(readers.state().used <= 2);
                        std::thread::sleep(Duration::from_millis(5));
                        db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))
                    });
                    assert_eq!(read, Ok(1));
                });
            }
        });
        let state = readers.state();
        assert_eq!(state.used, 0);
        assert!(state.idle.len() <= 2);
    }

    #[test]
    fn idle_connections_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let readers = pool(folder.path(), 2, 1);
        readers.run(|_| Ok(())).unwrap();
        readers.close_idle();
        assert_eq!(readers.state().idle.len(), 1, "it was just used");
        for (_, since) in &mut readers.state().idle {
            *since = Instant::now().checked_sub(IDLE).unwrap();
        }
        readers.close_idle();
        assert_eq!(readers.state().idle.len(), 0);
    }

    #[test]
    fn scan_over_the_limit_is_refused_after_a_short_wait() {
        let folder = tempfile::tempdir().unwrap();
        let readers = pool(folder.path(), 2, 1);
        let running = readers.scan().unwrap();
        assert!(matches!(
            readers.scan().err(),
            Some(StoreError::TooManyScans { .. })
        ));
        drop(running);
        assert!(readers.scan().is_ok());
    }

    #[test]
    fn a_paused_pool_has_no_open_connection() {
        let folder = tempfile::tempdir().unwrap();
        let readers = pool(folder.path(), 2, 1);
        let in_use = readers.run(|_| Ok(readers.pause(Duration::from_millis(10))));
        assert_eq!(in_use, Ok(false));
        assert!(readers.pause(Duration::ZERO));
        assert_eq!(readers.state().idle.len(), 0);
        readers.resume();
        assert!(readers.run(|_| Ok(())).is_ok());
    }
}

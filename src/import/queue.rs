//! The imports that wait for a worker of this process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::import::registry::JobKey;
use crate::users::import_id::ImportId;

/// Interval at which a waiting worker looks for imports whose delay is over.
const POLL: Duration = Duration::from_secs(1);

/// Imports in the order in which they are run.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<JobKey>>,
    /// Imports with a temporary failure, and the time at which each is tried again.
    later: Mutex<Vec<(Instant, JobKey)>>,
    wake: Condvar,
    closed: AtomicBool,
}

impl Queue {
    /// Appends an import unless it is already waiting.
    pub(super) fn push(&self, key: JobKey) {
        let mut waiting = self.waiting();
        if !waiting.contains(&key) {
            waiting.push_back(key);
        }
        drop(waiting);
        // Wake all, because the heartbeat waits on the same condition.
        self.wake.notify_all();
    }

    /// Appends an import after this delay.
    pub(super) fn push_later(&self, key: JobKey, after: Duration) {
        self.later().push((Instant::now() + after, key));
    }

    /// Number of imports that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Removes an import.
    pub(super) fn remove(&self, key: &JobKey) {
        self.waiting().retain(|waiting| waiting != key);
    }

    /// Removes the import with this id, in whichever organization; none if it does not wait.
    pub(super) fn remove_id(&self, id: ImportId) -> Option<JobKey> {
        let mut waiting = self.waiting();
        let position = waiting.iter().position(|(_, waiting)| *waiting == id)?;
        waiting.remove(position)
    }

    /// The next import; blocks until there is one. None once the queue is closed or the process is `stopping`.
    pub(super) fn next(&self, stopping: &AtomicBool) -> Option<JobKey> {
        let mut waiting = self.waiting();
        loop {
            if stopping.load(Ordering::SeqCst) || self.is_closed() {
                return None;
            }
            let now = Instant::now();
            self.later().retain(|(moment, key)| {
                let is_due = *moment <= now;
                if is_due && !waiting.contains(key) {
                    waiting.push_back(key.clone());
                }
                !is_due
            });
            match waiting.pop_front() {
                Some(key) => return Some(key),
                None => {
                    waiting = self
                        .wake
                        .wait_timeout(waiting, POLL)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
    }

    /// Waits until the queue is closed, at most so long; returns whether it is.
    pub(super) fn wait_until_closed(&self, most: Duration) -> bool {
        let waiting = self.waiting();
        let (waiting, _) = self
            .wake
            .wait_timeout_while(waiting, most, |_| !self.is_closed())
            .unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        self.is_closed()
    }

    /// Ends all waits.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Taking the lock ensures that no thread is between its check and its wait.
        drop(self.waiting());
        self.wake.notify_all();
    }

    /// Whether the queue is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<JobKey>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later(&self) -> MutexGuard<'_, Vec<(Instant, JobKey)>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key(number: u128) -> JobKey {
        ("acme".to_owned(), ImportId(Uuid::from_u128(number)))
    }

    #[test]
    fn imports_wait_once_and_come_in_their_order() {
        let (queue, go) = (Queue::default(), AtomicBool::new(false));
        queue.push_later(key(3), Duration::ZERO);
        for number in [1, 2, 1] {
            queue.push(key(number));
        }
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.remove_id(key(2).1), Some(key(2)));
        assert_eq!(queue.remove_id(key(2).1), None);
        assert_eq!(queue.next(&go), Some(key(1)));
        assert_eq!(queue.next(&go), Some(key(3)));
        queue.push(key(4));
        queue.remove(&key(4));
        assert!(!queue.wait_until_closed(Duration::ZERO));
        queue.close();
        assert_eq!(queue.next(&go), None);
        assert!(queue.wait_until_closed(Duration::from_secs(60)));
    }

    #[test]
    fn a_process_that_stops_takes_nothing_from_the_queue() {
        let queue = Queue::default();
        queue.push(key(1));
        assert_eq!(queue.next(&AtomicBool::new(true)), None);
        assert_eq!(queue.len(), 1);
    }
}

//! The memory limit for all workbooks that are read at the same time. Each workbook reserves its maximum in advance,
//! and waits for memory in order of arrival.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::formats::error::FormatError;
use crate::formats::settings::Settings;

/// Seconds after which a workbook may be sent again if there was no memory in time.
const RETRY: u64 = 10;

/// The memory limit of the process; clones share it.
#[derive(Debug, Clone)]
pub struct WorkbookMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    wait: Duration,
    state: Mutex<MemoryQueue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct MemoryQueue {
    used: u64,
    /// The waiting workbooks, in order.
    queue: VecDeque<u64>,
    next: u64,
}

/// Memory reserved for one workbook; it is released on drop.
#[derive(Debug)]
pub(super) struct Reserved {
    shared: Arc<Shared>,
    bytes: u64,
}

impl WorkbookMemory {
    /// Creates the limit from the settings.
    pub fn new(settings: &Settings) -> Self {
        WorkbookMemory(Arc::new(Shared {
            limit: settings.workbooks_memory_bytes,
            wait: Duration::from_secs(settings.workbook_wait_seconds),
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Waits for this many bytes, or for the complete limit if that is less.
    ///
    /// # Errors
    /// The memory did not become free in time.
    pub(super) fn reserve(&self, bytes: u64) -> Result<Reserved, FormatError> {
        let mut reserved = Reserved {
            shared: Arc::clone(&self.0),
            bytes: 0,
        };
        reserved.replace(bytes)?;
        Ok(reserved)
    }
}

impl Reserved {
    /// Releases the current reservation and waits for this many bytes. A waiting workbook holds no memory, so that
    /// there is no deadlock.
    ///
    /// # Errors
    /// The memory did not become free in time.
    pub(super) fn replace(&mut self, bytes: u64) -> Result<(), FormatError> {
        self.shrink(0);
        let Shared {
            limit,
            wait,
            changed,
            ..
        } = self.shared.as_ref();
        let bytes = bytes.min(*limit);
        let mut state = self.shared.state();
        let mine = state.next;
        state.next += 1;
        state.queue.push_back(mine);
        let (mut state, waited) = changed
            .wait_timeout_while(state, *wait, |state| {
                state.queue.front() != Some(&mine) || state.used + bytes > *limit
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.queue.retain(|waiting| *waiting != mine);
        let is_there = !waited.timed_out();
        if is_there {
            state.used += bytes;
        }
        drop(state);
        // The next one in the queue may now be able to continue.
        changed.notify_all();
        if !is_there {
            return Err(FormatError::MemoryBusy { seconds: RETRY });
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Releases everything above this many bytes.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        if less > 0 {
            self.bytes -= less;
            self.shared.state().used -= less;
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, MemoryQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn budget(limit: u64, seconds: u64) -> WorkbookMemory {
        WorkbookMemory::new(&Settings {
            workbooks_memory_bytes: limit,
            workbook_wait_seconds: seconds,
            ..Settings::default()
        })
    }

    #[test]
    fn reservation_above_the_limit_gets_the_complete_limit() {
        let memory = budget(100, 0);
        let all = memory.reserve(1_000).unwrap();
        assert_eq!(all.bytes, 100);
        assert!(matches!(
            memory.reserve(1),
            Err(FormatError::MemoryBusy { .. })
        ));
        drop(all);
        assert_eq!(memory.reserve(1).unwrap().bytes, 1);
    }

    #[test]
    fn waiting_reservations_are_served_in_order_within_the_limit() {
        let memory = budget(100, 30);
        let mut first = memory.reserve(90).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = [80, 10, 20]
            .into_iter()
            .map(|bytes| {
                let (waiting, order) = (memory.clone(), Arc::clone(&order));
                let before = memory.0.state().queue.len();
                let thread = std::thread::spawn(move || {
                    let reserved = waiting.reserve(bytes).unwrap();
                    assert!(waiting.0.state().used <= 100);
                    order.lock().unwrap().push(bytes);
                    std::thread::sleep(Duration::from_millis(20));
                    drop(reserved);
                });
                let until = Instant::now() + Duration::from_secs(10);
                while memory.0.state().queue.len() == before {
                    assert!(Instant::now() < until, "the reservation does not wait");
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        first.shrink(5);
        for thread in threads {
            thread.join().unwrap();
        }
        // 80 and 10 fit together; 20 fits only once 80 has been given back.
        let order = order.lock().unwrap();
        let position = |bytes: u64| order.iter().position(|it| *it == bytes);
        assert!(position(80) < position(20), "{order:?}");
        drop(first);
        assert_eq!(memory.0.state().used, 0);
    }
}

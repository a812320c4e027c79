//! Progress and cancellation of a running import.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::users::actor::Actor;
use crate::users::import_record::Counters;

/// Shared by the task that runs an import and its observers.
#[derive(Debug)]
pub struct Control {
    cancelled: AtomicBool,
    cancelled_by: Mutex<Option<Actor>>,
    started: Instant,
    bytes: AtomicU64,
    /// Bytes of the file; 0 if unknown.
    size: AtomicU64,
    durable: Mutex<Counters>,
    /// Rows that an earlier run processed.
    before: AtomicU64,
}

/// The progress of an import.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The counters of the durable rows.
    #[serde(flatten)]
    pub counters: Counters,
    /// Rows per second since this run started.
    pub rows_per_second: u64,
    /// Estimated seconds left, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// Percentage of the file that was read, if its size is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

impl Control {
    /// The control of an import that starts now; `size` is the size of its file in bytes, if known.
    pub fn new(size: Option<u64>) -> Self {
        Control {
            cancelled: AtomicBool::new(false),
            cancelled_by: Mutex::default(),
            started: Instant::now(),
            bytes: AtomicU64::new(0),
            size: AtomicU64::new(size.unwrap_or(0)),
            durable: Mutex::default(),
            before: AtomicU64::new(0),
        }
    }

    /// Requests cancellation.
    pub fn cancel(&self, by: &Actor) {
        *self.canceller() = Some(by.clone());
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Ends the work without a request of a caller: its result is not wanted.
    pub fn stop(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Who requested cancellation.
    pub fn cancelled_by(&self) -> Option<Actor> {
        self.canceller().clone()
    }

    fn canceller(&self) -> MutexGuard<'_, Option<Actor>> {
        self.cancelled_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether cancellation was requested.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The current progress.
    pub fn progress(&self) -> Progress {
        self.progress_after(self.started.elapsed())
    }

    fn progress_after(&self, elapsed: Duration) -> Progress {
        let counters = *self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = counters
            .total
            .saturating_sub(self.before.load(Ordering::Relaxed));
        let milliseconds = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let (bytes, size) = (
            self.bytes.load(Ordering::Relaxed),
            self.size.load(Ordering::Relaxed),
        );
        let seconds_left = (size > 0 && bytes > 0).then(|| {
            let left = u128::from(size.saturating_sub(bytes));
            let estimate = left * u128::from(milliseconds) / u128::from(bytes) / 1000;
            u64::try_from(estimate).unwrap_or(u64::MAX)
        });
        Progress {
            counters,
            rows_per_second: rows.saturating_mul(1000) / milliseconds,
            seconds_left,
            percent: bytes
                .saturating_mul(100)
                .checked_div(size)
                .and_then(|percent| u8::try_from(percent.min(100)).ok()),
        }
    }

    /// Adds bytes of the file that were read.
    pub(super) fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that the file is read again from its beginning.
    pub(super) fn rewind(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Sets the counters of the durable rows.
    pub fn durable(&self, counters: Counters) {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    }

    /// Sets the counters of an earlier run.
    pub fn resume(&self, counters: Counters) {
        self.before.store(counters.total, Ordering::Relaxed);
        self.durable(counters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_computed_from_this_run() {
        let control = Control::new(Some(1_000));
        control.resume(Counters {
            total: 100,
            ..Counters::default()
        });
        control.read(250);
        control.durable(Counters {
            total: 350,
            ..Counters::default()
        });
        let progress = control.progress_after(Duration::from_secs(2));
        assert_eq!(
            (progress.rows_per_second, progress.seconds_left),
            (125, Some(6))
        );
        let unknown = Control::new(None).progress_after(Duration::from_secs(2));
        assert_eq!(unknown.seconds_left, None);
    }
}

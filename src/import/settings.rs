//! `[import]` of the settings.

use serde::{Deserialize, Serialize};

/// Bounds of one import.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Users in the first batch; later ones are larger, up to `batch_users`. A file that is cut off
    /// within its first batch stores nothing.
    pub first_batch_users: usize,
    /// Users in a batch at the most.
    pub batch_users: usize,
    /// Rows with a password of their own in a batch at the most: they are slow, and a batch is what
    /// is lost when the process is killed.
    pub batch_passwords: usize,
    /// Rows of a text file that are written in its order; those behind them are sorted by name.
    pub unsorted_rows: u64,
    /// Rows that are sorted together at the most; 0: none are.
    pub sorted_rows: u64,
    /// Findings kept with an import in the store; the others are counted.
    pub keep_findings: u64,
    /// Bytes of rejected rows, packed, that are kept with an import in the store; rows beyond them are counted.
    pub keep_rejects_bytes: u64,
    /// Requests with long bodies that work at the same time; a further one waits for its turn.
    pub slots: usize,
    /// Imports of the queue that run at the same time.
    pub workers: usize,
    /// Imports that may wait in the queue; a further one is told to come back.
    pub queue: usize,
    /// Hours after which an upload that was put aside is deleted, unless its import runs at the moment: one that
    /// still waits fails, and one that was interrupted goes on only when the file is sent again.
    pub upload_hours: u32,
    /// Days for which it is kept what users were before an import changed them, so that it can be
    /// undone.
    pub undo_days: u32,
    /// Bytes that the batches of all imports hold together: rows, rejected rows and findings. Batches are smaller
    /// while imports hold more than half of it.
    pub memory_bytes: u64,
    /// Findings in the report that the caller gets; the others are counted.
    pub report_findings: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            first_batch_users: 1_000,
            batch_users: 40_000,
            batch_passwords: 256,
            unsorted_rows: 250_000,
            sorted_rows: 1_000_000,
            keep_findings: 10_000,
            keep_rejects_bytes: 256 * 1024 * 1024,
            memory_bytes: 128 * 1024 * 1024,
            report_findings: 1_000,
            slots: 64,
            workers: 2,
            queue: 1_000,
            upload_hours: 24,
            undo_days: 30,
        }
    }
}

impl Settings {
    /// Whether the numbers can be used at all.
    ///
    /// # Errors
    /// A sentence that names the key and the range.
    pub fn check(&self) -> Result<(), String> {
        let batches = [
            ("first_batch_users", self.first_batch_users),
            ("batch_users", self.batch_users),
            ("batch_passwords", self.batch_passwords),
            ("slots", self.slots),
            ("queue", self.queue),
        ];
        for (key, value) in batches {
            if !(1..=1_000_000).contains(&value) {
                return Err(format!("import.{key} has to lie between 1 and 1000000"));
            }
        }
        if !(1..=8_784).contains(&self.upload_hours) {
            return Err("import.upload_hours has to lie between 1 and 8784".into());
        }
        if !(1..=64).contains(&self.workers) {
            return Err("import.workers has to lie between 1 and 64".into());
        }
        Ok(())
    }

    /// How long an upload may be kept aside, in microseconds.
    pub fn upload_microseconds(&self) -> i64 {
        i64::from(self.upload_hours) * 60 * 60 * 1_000_000
    }

    /// How long images are kept, in microseconds.
    pub fn undo_microseconds(&self) -> i64 {
        i64::from(self.undo_days) * 24 * 60 * 60 * 1_000_000
    }
}

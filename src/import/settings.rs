//! `[import]` of the settings.

use serde::{Deserialize, Serialize};

/// Limits of imports.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Users in the first batch; later batches are larger, up to `batch_users`. A file that is cut off within
    /// its first batch stores nothing.
    pub first_batch_users: usize,
    /// Maximum users in a batch.
    pub batch_users: usize,
    /// Maximum rows with their own password in a batch: they are slow, and a batch is the amount of work lost
    /// when the process is killed.
    pub batch_passwords: usize,
    /// Rows of a text file that are written in file order; later rows are sorted by name.
    pub unsorted_rows: u64,
    /// Maximum rows that are sorted together; 0 disables sorting.
    pub sorted_rows: u64,
    /// Findings stored with an import; others are only counted.
    pub keep_findings: u64,
    /// Bytes of packed rejected rows stored with an import; rows beyond them are only counted.
    pub keep_rejects_bytes: u64,
    /// Requests with long bodies that are processed at the same time; others wait for their turn.
    pub slots: usize,
    /// Queued imports that run at the same time.
    pub workers: usize,
    /// Imports that may wait in the queue; others are refused with a time to retry.
    pub queue: usize,
    /// Hours after which a stored upload is deleted, unless its import is running. An import that still waits
    /// then fails; an interrupted one continues only when the file is sent again.
    pub upload_hours: u32,
    /// Days for which the previous values of users changed by an import are kept, so that it can be undone.
    pub undo_days: u32,
    /// Bytes used by the batches of all imports: rows, rejected rows and findings. Batches are smaller while
    /// imports use more than half of it.
    pub memory_bytes: u64,
    /// Findings in the report for the caller; others are only counted.
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
    /// Checks that the numbers are in range.
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
                return Err(format!("import.{key} must be between 1 and 1000000"));
            }
        }
        if !(1..=8_784).contains(&self.upload_hours) {
            return Err("import.upload_hours must be between 1 and 8784".into());
        }
        if !(1..=64).contains(&self.workers) {
            return Err("import.workers must be between 1 and 64".into());
        }
        Ok(())
    }

    /// How long an upload is kept, in microseconds.
    pub fn upload_microseconds(&self) -> i64 {
        i64::from(self.upload_hours) * 60 * 60 * 1_000_000
    }

    /// How long previous values of users are kept, in microseconds.
    pub fn undo_microseconds(&self) -> i64 {
        i64::from(self.undo_days) * 24 * 60 * 60 * 1_000_000
    }
}

//! How long an import will take.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::passwords::secret::Secret;

/// Rows without a password of their own that are stored in a second, on a small machine.
const ROWS_PER_SECOND: u64 = 250_000;

/// How long a password hash takes on this machine, measured once.
#[derive(Debug, Default)]
pub struct HashTime(OnceLock<Duration>);

impl HashTime {
    /// The time of one hash.
    fn of_one(&self, app: &App) -> Duration {
        *self.0.get_or_init(|| {
            let begun = Instant::now();
            match app.pool.hash(Secret::from("How long does it take?")) {
                Ok(_) => begun.elapsed(),
                Err(error) => {
                    tracing::warn!(%error, "the time of a password hash could not be measured");
                    Duration::from_millis(50)
                }
            }
        })
    }

    /// The estimated time of an import of this many rows, of which so many need a hash.
    pub fn estimate(&self, app: &App, rows: u64, hashes: u64) -> Duration {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let one = match hashes {
            0 => Duration::ZERO,
            _ => self.of_one(app),
        };
        let rounds = u32::try_from(hashes.div_ceil(cores)).unwrap_or(u32::MAX);
        let stored = Duration::from_millis(rows.saturating_mul(1000) / ROWS_PER_SECOND);
        stored + one.saturating_mul(rounds)
    }
}

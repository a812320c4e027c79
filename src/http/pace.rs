//! The minimum pace of a request body.
//!
//! Only the time in which the server waits for the sender counts: an import that hashes a password for each row takes
//! minutes for a file that its sender could send in a second.

use std::time::Duration;

/// The required pace.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long to wait for the next piece.
    pub idle: Duration,
    /// Bytes that must arrive in each `window`; 0 disables the limit.
    pub bytes: u64,
    /// A period of waiting for the sender.
    pub window: Duration,
}

/// Measures the pace of one body.
#[derive(Debug, Clone, Copy)]
pub struct PaceMeter {
    pace: Pace,
    waited: Duration,
    bytes: u64,
}

impl PaceMeter {
    /// A meter for a new body.
    pub fn new(pace: Pace) -> Self {
        PaceMeter {
            pace,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// How long to wait for the next piece.
    pub fn idle(&self) -> Duration {
        self.pace.idle
    }

    /// Records a piece and the time spent waiting for it; returns whether the sender is fast enough.
    pub fn keeps_up(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.pace.window {
            return true;
        }
        let enough = self.bytes >= self.pace.bytes;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_of_waiting_needs_enough_bytes() {
        let second = Duration::from_secs(1);
        let meter = PaceMeter::new(Pace {
            idle: second,
            bytes: 100,
            window: 3 * second,
        });
        let run = |pieces: &[usize]| {
            let mut meter = meter;
            pieces.iter().all(|bytes| meter.keeps_up(second, *bytes))
        };
        assert!(run(&[10, 10]), "the window is not over");
        assert!(run(&[40, 40, 40, 50, 50, 0]));
        assert!(!run(&[40, 40, 10]));
        assert!(
            !run(&[1_000, 0, 0, 10, 10, 10]),
            "each window has its own count"
        );
        let mut fast = meter;
        assert!((0..1_000).all(|_| fast.keeps_up(Duration::ZERO, 0)));
    }
}

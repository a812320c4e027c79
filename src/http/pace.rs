//! The pace that a request body has to keep.
//!
//! Only the time counts in which the server waits for the sender: an import that hashes a password for each row takes
//! minutes for a file that its sender would have sent in a second.

use std::time::Duration;

/// The pace that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For how long the next piece is waited for.
    pub idle: Duration,
    /// Bytes that have to come in each `window`; 0: any pace will do.
    pub bytes: u64,
    /// Time spent waiting for the sender.
    pub window: Duration,
}

/// The pace of one body.
#[derive(Debug, Clone, Copy)]
pub struct PaceMeter {
    pace: Pace,
    waited: Duration,
    bytes: u64,
}

impl PaceMeter {
    /// For a body of which nothing has been waited for.
    pub fn new(pace: Pace) -> Self {
        PaceMeter {
            pace,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// For how long the next piece is waited for.
    pub fn idle(&self) -> Duration {
        self.pace.idle
    }

    /// Notes a piece that was waited for; answers whether the sender is fast enough.
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
    fn a_window_of_waiting_has_to_bring_enough() {
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

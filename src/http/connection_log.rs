//! Logs connections that ended with an error. Clients can cause such errors at any rate, so the number of lines per
//! second is limited.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use actix_http::error::DispatchError;

/// Maximum number of lines per second.
const LINES: u32 = 5;

/// Logs why connections ended.
#[derive(Debug, Default)]
pub struct ConnectionLog(Mutex<Second>);

/// The counters of the current second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl ConnectionLog {
    /// Logs that the connection of `peer` ended with this error.
    pub fn log(&self, peer: Option<SocketAddr>, error: &DispatchError) {
        let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        match error {
            DispatchError::Parse(error) => {
                if let Some(left_out) = self.allow_line(Instant::now()) {
                    tracing::debug!(peer, %error, left_out, "the head of a request is malformed");
                }
            }
            DispatchError::SlowRequestTimeout => {
                if let Some(left_out) = self.allow_line(Instant::now()) {
                    tracing::debug!(
                        peer,
                        left_out,
                        "the head of a request did not arrive in time"
                    );
                }
            }
            DispatchError::Body(error) => {
                tracing::error!(peer, %error, "an answer could not be sent completely");
            }
            DispatchError::InternalError => tracing::error!(peer, "a connection failed"),
            // The client disconnected, or is slow to disconnect.
            other => tracing::trace!(peer, error = %other, "a connection ended"),
        }
    }

    /// Whether a line may be written now, and how many were suppressed since the last one.
    fn allow_line(&self, now: Instant) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began: Instant| now.duration_since(began) >= Duration::from_secs(1);
        if second.began.is_none_or(is_over) {
            second.began = Some(now);
            second.written = 0;
        }
        if second.written == LINES {
            second.left_out += 1;
            return None;
        }
        second.written += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_the_limit_per_second_are_counted() {
        let (ended, start) = (ConnectionLog::default(), Instant::now());
        let written: Vec<_> = (0..8).map(|_| ended.allow_line(start)).collect();
        assert_eq!(written.iter().flatten().count(), LINES as usize);
        assert_eq!(ended.allow_line(start + Duration::from_secs(2)), Some(3));
        assert_eq!(ended.allow_line(start + Duration::from_secs(2)), Some(0));
    }
}

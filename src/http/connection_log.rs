//! What is logged of connections that ended badly. Anybody can cause that as often as they like, so there are no
//! more than some lines a second.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use actix_http::error::DispatchError;

/// Lines of one second.
const LINES: u32 = 5;

/// Says why connections ended.
#[derive(Debug, Default)]
pub struct ConnectionLog(Mutex<Second>);

/// What was said in the present second.
#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    said: u32,
    left_out: u64,
}

impl ConnectionLog {
    /// A connection of `peer` ended with this.
    pub fn log(&self, peer: Option<SocketAddr>, error: &DispatchError) {
        let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        match error {
            DispatchError::Parse(error) => {
                if let Some(left_out) = self.may_say(Instant::now()) {
                    tracing::debug!(peer, %error, left_out, "the head of a request is malformed");
                }
            }
            DispatchError::SlowRequestTimeout => {
                if let Some(left_out) = self.may_say(Instant::now()) {
                    tracing::debug!(
                        peer,
                        left_out,
                        "the head of a request did not arrive in time"
                    );
                }
            }
            DispatchError::Body(error) => {
                tracing::error!(peer, %error, "an answer could not be sent to its end");
            }
            DispatchError::InternalError => tracing::error!(peer, "a connection failed"),
            // The client is gone, or slow to go.
            other => tracing::trace!(peer, error = %other, "a connection ended"),
        }
    }

    /// Whether a line may be written at this moment, and how many were left out since the last one.
    fn may_say(&self, now: Instant) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began: Instant| now.duration_since(began) >= Duration::from_secs(1);
        if second.began.is_none_or(is_over) {
            second.began = Some(now);
            second.said = 0;
        }
        if second.said == LINES {
            second.left_out += 1;
            return None;
        }
        second.said += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_lines_a_second_are_written_and_the_others_counted() {
        let (ended, start) = (ConnectionLog::default(), Instant::now());
        let said: Vec<_> = (0..8).map(|_| ended.may_say(start)).collect();
        assert_eq!(said.iter().flatten().count(), LINES as usize);
        assert_eq!(ended.may_say(start + Duration::from_secs(2)), Some(3));
        assert_eq!(ended.may_say(start + Duration::from_secs(2)), Some(0));
    }
}

//! Time and fresh ids, handed in from above so that tests can hold them still.
//!
//! Nothing below `app` asks the machine for the time of day; durations are measured with
//! `std::time::Instant`, which a changed clock does not disturb.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

/// A moment, in microseconds since 1970-01-01T00:00:00Z: what the stores keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// The moment `hours` earlier.
    #[must_use]
    pub fn minus_hours(self, hours: u32) -> Moment {
        Moment(self.0.saturating_sub(i64::from(hours) * 3_600_000_000))
    }

    /// This moment, or the first one behind `previous` where the clock has not come that far.
    #[must_use]
    pub fn later_than(self, previous: Moment) -> Moment {
        self.max(Moment(previous.0.saturating_add(1)))
    }

    /// The moment as RFC 3339 text in UTC, or the bare number when it lies outside the calendar.
    pub fn to_rfc3339(self) -> String {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => format!("{timestamp:.3}"),
            Err(_) => self.0.to_string(),
        }
    }
}

impl serde::Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

/// The source of moments and ids.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Clock(Arc::new(|| Moment(Timestamp::now().as_microsecond())))
    }

    /// A clock that always shows `moment`.
    pub fn fixed(moment: Moment) -> Self {
        Clock(Arc::new(move || moment))
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        (self.0)()
    }

    /// A fresh UUID version 7 (RFC 9562 §5.7); ids of one process ascend.
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_rfc_3339() {
        assert_eq!(
            Moment(1_795_305_600_123_456).to_rfc3339(),
            "2026-11-22T00:00:00.123Z"
        );
        assert_eq!(Moment(5).later_than(Moment(3)), Moment(5));
        assert_eq!(Moment(5).later_than(Moment(5)), Moment(6));
        assert_eq!(Clock::fixed(Moment(5)).now(), Moment(5));
    }
}

//! Time and new ids. Both are passed in, so that tests can fix them.
//!
//! Code below `app` never reads the system clock. Durations are measured with `std::time::Instant`, which is
//! not affected when the clock is set.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z, as the stores keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// The time `hours` earlier.
    #[must_use]
    pub fn minus_hours(self, hours: u32) -> Moment {
        Moment(self.0.saturating_sub(i64::from(hours) * 3_600_000_000))
    }

    /// This time, or `previous` plus one microsecond if the clock has not advanced past it.
    #[must_use]
    pub fn later_than(self, previous: Moment) -> Moment {
        self.max(Moment(previous.0.saturating_add(1)))
    }

    /// The beginning of a day in UTC, such as `2026-11-30`; none if `text` is not a day.
    pub fn of_day(text: &str) -> Option<Moment> {
        let day: jiff::civil::Date = text.parse().ok()?;
        let begin = day.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Moment(begin.timestamp().as_microsecond()))
    }

    /// Parses RFC 3339 text, or a day, which means its beginning in UTC.
    pub fn parse(text: &str) -> Option<Moment> {
        // A time without an offset parses as a day too, and its time would be lost.
        match text.len() == 10 {
            true => Moment::of_day(text),
            false => {
                let time: Timestamp = text.parse().ok()?;
                Some(Moment(time.as_microsecond()))
            }
        }
    }

    /// The time as RFC 3339 text in UTC, or the bare number when it is outside the calendar.
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

/// The source of times and ids.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Clock(Arc::new(|| Moment(Timestamp::now().as_microsecond())))
    }

    /// A clock that always returns `moment`.
    pub fn fixed(moment: Moment) -> Self {
        Clock(Arc::new(move || moment))
    }

    /// The current time.
    pub fn now(&self) -> Moment {
        (self.0)()
    }

    /// A new UUID version 7 (RFC 9562 §5.7); the ids of one process ascend.
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
    fn moment_is_parsed_from_a_date_or_a_time_with_an_offset() {
        let parse = |text| Moment::parse(text).map(|moment| moment.to_rfc3339());
        let midnight = Some("2026-11-22T00:00:00.000Z".to_owned());
        assert_eq!(parse("2026-11-22"), midnight);
        assert_eq!(parse("2026-11-22T00:00:00Z"), midnight);
        assert_eq!(parse("2026-11-22T01:00:00+01:00"), midnight);
        for text in [
            "",
            "x",
            "2026",
            "2026-13-01",
            "2026-11-22T00:00:00",
            "1795305600",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn moment_is_formatted_as_rfc_3339() {
        assert_eq!(
            Moment(1_795_305_600_123_456).to_rfc3339(),
            "2026-11-22T00:00:00.123Z"
        );
        assert_eq!(
            Moment::of_day("2026-11-22"),
            Some(Moment(1_795_305_600_000_000))
        );
        for text in ["2026-11-31", "22.11.2026", ""] {
            assert_eq!(Moment::of_day(text), None);
        }
        assert_eq!(Moment(5).later_than(Moment(3)), Moment(5));
        assert_eq!(Moment(5).later_than(Moment(5)), Moment(6));
        assert_eq!(Clock::fixed(Moment(5)).now(), Moment(5));
    }
}

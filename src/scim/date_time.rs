//! Parses `xsd:dateTime` (XML Schema part 2 §3.2.7), the format of all times in SCIM (RFC 7643 §2.3.5).

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, tz::Offset};

use crate::clock::Moment;

/// Parses a time, with microsecond precision; without a time zone it is UTC.
pub fn parse(text: &str) -> Option<Moment> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (date, rest) = rest.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    if date.next().is_some() || year.len() != 4 {
        return None;
    }
    let year = i16::try_from(digits(year)?).ok()?;
    let year = if negative { -year } else { year };
    let date = Date::new(year, two(month)?, two(day)?).ok()?;

    let (time, offset) = zone(rest)?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, micros(fraction)?),
        None => (time, 0),
    };
    let mut time = time.split(':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    if time.next().is_some() {
        return None;
    }
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    // Midnight may be written as 24:00 of the previous day.
    let end_of_day = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    let hour = if end_of_day { 0 } else { hour };
    let time = Time::new(hour, minute, second, fraction * 1000).ok()?;
    let local = DateTime::from_parts(date, time);
    let moment: Timestamp = offset.to_timestamp(local).ok()?;
    let moment = if end_of_day {
        moment.checked_add(SignedDuration::from_hours(24)).ok()?
    } else {
        moment
    };
    Some(Moment(moment.as_microsecond()))
}

/// Splits into the time without its zone, and the zone.
fn zone(text: &str) -> Option<(&str, Offset)> {
    if let Some(time) = text.strip_suffix('Z') {
        return Some((time, Offset::UTC));
    }
    let Some(at) = text.find(['+', '-']) else {
        return Some((text, Offset::UTC));
    };
    let (time, zone) = text.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if minutes > 59 || hours > 14 || (hours == 14 && minutes > 0) {
        return None;
    }
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    let seconds = if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Some((time, Offset::from_seconds(seconds).ok()?))
}

/// The fraction of a second, in microseconds; further digits are truncated.
fn micros(fraction: &str) -> Option<i32> {
    let all_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let first: String = fraction.chars().chain("000000".chars()).take(6).collect();
    (all_digits && !fraction.is_empty())
        .then(|| first.parse().ok())
        .flatten()
}

fn two(text: &str) -> Option<i8> {
    (text.len() == 2)
        .then(|| digits(text))
        .flatten()
        .and_then(|number| i8::try_from(number).ok())
}

fn digits(text: &str) -> Option<u32> {
    // `parse` alone would accept a sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_fractions_and_zones() {
        let read = |text| parse(text).map(Moment::to_rfc3339);
        for (text, moment) in [
            ("2011-05-13T04:42:34Z", "2011-05-13T04:42:34.000Z"),
            ("2011-05-13T04:42:34", "2011-05-13T04:42:34.000Z"),
            ("2011-05-13T04:42:34.5+02:00", "2011-05-13T02:42:34.500Z"),
            (
                "2011-05-13T04:42:34.123456789-14:00",
                "2011-05-13T18:42:34.123Z",
            ),
            ("2011-12-31T24:00:00Z", "2012-01-01T00:00:00.000Z"),
            ("2012-02-29T00:00:00.0Z", "2012-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(moment), "{text}");
        }
        assert_eq!(
            parse("1970-01-01T00:00:00.000001Z"),
            Some(Moment(1)),
            "microseconds"
        );
    }

    #[test]
    fn invalid_time_is_refused() {
        for text in [
            "",
            "2011-05-13",
            "2011-05-13 04:42:34Z",
            "2011-05-13t04:42:34z",
            "2011-5-13T04:42:34Z",
            "2011-02-30T04:42:34Z",
            "2011-05-13T24:42:34Z",
            "2011-05-13T04:42Z",
            "2011-05-13T04:42:60Z",
            "2011-05-13T04:42:34.Z",
            "2011-05-13T04:42:34+15:00",
            "2011-05-13T04:42:34+1:00",
            "2011-05-13T04:42:34+\u{e9}1:00",
            "+2011-05-13T04:42:34Z",
            "2011-05-13T+4:42:34Z",
            "T",
            "-T",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

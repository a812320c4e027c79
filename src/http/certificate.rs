//! What a certificate says of itself (RFC 5280 §4.1): from when to when it is valid, and whether it is one that
//! Muster made. Nothing is verified here; that is the client's work.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;

use crate::clock::Moment;

/// Common names that self-made certificates have: today's, and that of earlier versions.
pub(super) const OUR_NAME: &str = "Muster, self-signed";
const EARLIER_NAME: &str = "rcgen self signed cert";

/// Days before its end from which on a certificate is reported.
pub(super) const SOON_DAYS: i64 = 30;

/// Microseconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000_000;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The part of a certificate that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certificate {
    /// It is valid from here on.
    pub not_before: Moment,
    /// It is valid up to here.
    pub not_after: Moment,
    /// Whether Muster made it: it is signed by itself and has our name.
    pub is_ours: bool,
}

impl Certificate {
    /// Reads it; none where it is no certificate.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (certificate, _) = element(der.as_ref(), SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest, VERSION)?.1;
        }
        let (_serial, rest) = any(rest)?;
        let (_algorithm, rest) = any(rest)?;
        let (issuer, rest) = any(rest)?;
        let (validity, rest) = element(rest, SEQUENCE)?;
        let (subject, _) = any(rest)?;
        let (not_before, behind) = time(validity)?;
        let (not_after, _) = time(behind)?;
        let has = |name: &str| {
            let name = name.as_bytes();
            subject.windows(name.len()).any(|part| part == name)
        };
        Some(Certificate {
            not_before,
            not_after,
            is_ours: issuer == subject && (has(OUR_NAME) || has(EARLIER_NAME)),
        })
    }

    /// What has to be reported of it at this moment: it is over, not valid yet, or over soon.
    pub(super) fn warning(&self, now: Moment) -> Option<String> {
        let days = |from: Moment, to: Moment| (to.0 - from.0) / DAY;
        let date = |moment: Moment| moment.to_rfc3339();
        if now > self.not_after {
            let since = days(self.not_after, now);
            return Some(format!(
                "expired on {} ({since} days ago); clients refuse it",
                date(self.not_after)
            ));
        }
        if now < self.not_before {
            return Some(format!(
                "is not valid before {}; clients refuse it until then",
                date(self.not_before)
            ));
        }
        let left = days(now, self.not_after);
        (left < SOON_DAYS).then(|| {
            format!(
                "expires on {} (in {left} days); replace it before then",
                date(self.not_after)
            )
        })
    }

    /// For how many days it is valid in all.
    pub(super) fn days(&self) -> i64 {
        (self.not_after.0 - self.not_before.0) / DAY
    }
}

/// The content of the element that `bytes` begin with, and what follows (X.690 §8.1); definite lengths only.
fn any(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |all, digit| all << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The same for an element with this tag.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    (bytes.first() == Some(&tag)).then(|| any(bytes))?
}

/// A time in UTC, and what follows (RFC 5280 §4.1.2.5).
fn time(bytes: &[u8]) -> Option<(Moment, &[u8])> {
    let tag = *bytes.first()?;
    let (content, rest) = any(bytes)?;
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, digits) = match tag {
        UTC_TIME => {
            let (year, digits) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits)
        }
        GENERALIZED_TIME => {
            let (year, digits) = digits.split_at_checked(4)?;
            (year.parse().ok()?, digits)
        }
        _ => return None,
    };
    let two = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
    let civil = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some((Moment(zoned.timestamp().as_microsecond()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(from: (i32, u8, u8), to: (i32, u8, u8)) -> Certificate {
        let mut params = CertificateParams::new(["example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Certificate::read(certificate.der()).unwrap()
    }

    fn at(text: &str) -> Moment {
        let timestamp: jiff::Timestamp = text.parse().unwrap();
        Moment(timestamp.as_microsecond())
    }

    #[test]
    fn both_forms_of_times_are_read() {
        let found = made((2026, 1, 31), (2051, 12, 1));
        assert_eq!(found.not_before, at("2026-01-31T00:00:00Z"));
        assert_eq!(found.not_after, at("2051-12-01T00:00:00Z"));
        let found = made((1999, 2, 28), (2000, 2, 29));
        assert_eq!(found.not_before, at("1999-02-28T00:00:00Z"));
        assert_eq!(found.days(), 366);
        assert!(
            found.is_ours,
            "the name that earlier versions left to rcgen"
        );
    }

    #[test]
    fn what_is_over_or_soon_is_reported() {
        let found = made((2026, 1, 1), (2026, 6, 30));
        let warned = |now: &str| found.warning(at(now)).unwrap_or_default();
        assert!(warned("2025-12-31T00:00:00Z").starts_with("is not valid before 2026-01-01"));
        assert_eq!(warned("2026-05-31T00:00:00Z"), "");
        assert!(warned("2026-06-01T00:00:00Z").contains("(in 29 days)"));
        assert!(warned("2026-07-03T00:00:00Z").starts_with("expired on 2026-06-30"));
        assert!(warned("2026-07-03T00:00:00Z").contains("(3 days ago)"));
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let long = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff];
        for bytes in [&b""[..], b"0", b"0\x80", b"0\x03abc", b"0\x020\x00", &long] {
            assert_eq!(Certificate::read(&CertificateDer::from(bytes)), None);
        }
    }
}

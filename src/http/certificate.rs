//! Reads two properties of a certificate (RFC 5280 §4.1): its validity period, and whether Muster created it. It
//! verifies nothing; that is the client's task.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;

use crate::clock::Moment;

/// Common names of self-signed certificates: the current one, and that of earlier versions.
pub(super) const OUR_NAME: &str = "Muster, self-signed";
const EARLIER_NAME: &str = "rcgen self signed cert";

/// Days before its expiry from which a certificate is reported.
pub(super) const SOON_DAYS: i64 = 30;

/// Microseconds per day.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000_000;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The relevant part of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The start of its validity.
    pub not_before: Moment,
    /// The end of its validity.
    pub not_after: Moment,
    /// Whether Muster created it: it is self-signed and has Muster's name.
    pub is_ours: bool,
}

impl Certificate {
    /// Parses a certificate; none if it is not one.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (certificate, _) = element(der.as_ref(), SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest, VERSION)?.1;
        }
        let (_serial, rest) = any_element(rest)?;
        let (_algorithm, rest) = any_element(rest)?;
        let (issuer, rest) = any_element(rest)?;
        let (validity, rest) = element(rest, SEQUENCE)?;
        let (subject, _) = any_element(rest)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
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

    /// A warning if it has expired, is not valid yet, or expires soon.
    pub(super) fn warning(&self, now: Moment) -> Option<String> {
        let days = |from: Moment, to: Moment| (to.0 - from.0) / DAY;
        let date = |moment: Moment| moment.to_rfc3339();
        if now > self.not_after {
            let since = days(self.not_after, now);
            return Some(format!(
                "expired on {} ({since} days ago); clients reject it",
                date(self.not_after)
            ));
        }
        if now < self.not_before {
            return Some(format!(
                "is not valid before {}; clients reject it until then",
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

    /// Its total validity in days.
    pub(super) fn days(&self) -> i64 {
        (self.not_after.0 - self.not_before.0) / DAY
    }
}

/// The content of the first element of `bytes`, and the remaining bytes (X.690 §8.1); definite lengths only.
fn any_element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
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
    (bytes.first() == Some(&tag)).then(|| any_element(bytes))?
}

/// A time in UTC, and the remaining bytes (RFC 5280 §4.1.2.5).
fn time(bytes: &[u8]) -> Option<(Moment, &[u8])> {
    let tag = *bytes.first()?;
    let (content, rest) = any_element(bytes)?;
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
    fn both_time_formats_are_read() {
        let found = made((2026, 1, 31), (2051, 12, 1));
        assert_eq!(found.not_before, at("2026-01-31T00:00:00Z"));
        assert_eq!(found.not_after, at("2051-12-01T00:00:00Z"));
        let found = made((1999, 2, 28), (2000, 2, 29));
        assert_eq!(found.not_before, at("1999-02-28T00:00:00Z"));
        assert_eq!(found.days(), 366);
        assert!(
            found.is_ours,
            "the default name of rcgen, which earlier versions used"
        );
    }

    #[test]
    fn expired_and_expiring_certificates_are_reported() {
        let found = made((2026, 1, 1), (2026, 6, 30));
        let warned = |now: &str| found.warning(at(now)).unwrap_or_default();
        assert!(warned("2025-12-31T00:00:00Z").starts_with("is not valid before 2026-01-01"));
        assert_eq!(warned("2026-05-31T00:00:00Z"), "");
        assert!(warned("2026-06-01T00:00:00Z").contains("(in 29 days)"));
        assert!(warned("2026-07-03T00:00:00Z").starts_with("expired on 2026-06-30"));
        assert!(warned("2026-07-03T00:00:00Z").contains("(3 days ago)"));
    }

    #[test]
    fn invalid_certificates_are_ignored() {
        let long = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff];
        for bytes in [&b""[..], b"0", b"0\x80", b"0\x03abc", b"0\x020\x00", &long] {
            assert_eq!(Certificate::read(&CertificateDer::from(bytes)), None);
        }
    }
}

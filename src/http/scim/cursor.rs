//! Cursors (RFC 9865): the start of the next page of a query. They are signed, so that they cannot be forged or
//! used with another query, organization or count.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::evaluate::SortValue;
use crate::users::resources::Keyset;

/// Creates and verifies cursors. The key is generated at start: a restart invalidates every cursor.
pub struct Cursors {
    key: hmac::Key,
    keep: Duration,
}

/// The query of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Organization, resource type, filter and order, as one text.
    pub text: String,
    /// Number of resources on a page.
    pub count: usize,
}

/// The start and the length of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The position after which it begins.
    pub after: Keyset,
    /// Number of resources on a page.
    pub count: usize,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Digest of the query.
    q: String,
    /// Number of resources on a page.
    c: usize,
    /// When it expires, in microseconds since 1970-01-01T00:00:00Z.
    e: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    i: Uuid,
}

impl Cursors {
    /// Cursors that are valid for the duration `keep`.
    ///
    /// # Errors
    /// The operating system's random number generator failed.
    pub fn new(keep: Duration) -> Result<Self, ring::error::Unspecified> {
        let random = ring::rand::SystemRandom::new();
        Ok(Cursors {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &random)?,
            keep,
        })
    }

    /// How long a cursor is valid.
    pub fn keep(&self) -> Duration {
        self.keep
    }

    /// Creates a cursor, which consists of unreserved characters (RFC 3986 §2.3).
    pub fn seal(&self, query: &Query, next: &Keyset, now: Moment) -> String {
        let keep = i64::try_from(self.keep.as_micros()).unwrap_or(i64::MAX);
        let mut sealed = Sealed {
            q: self.digest(&query.text),
            c: query.count,
            e: now.0.saturating_add(keep),
            b: None,
            n: None,
            t: None,
            i: next.id,
        };
        match &next.value {
            Some(SortValue::Boolean(value)) => sealed.b = Some(*value),
            Some(SortValue::Number(value)) => sealed.n = Some(*value),
            Some(SortValue::Text(value)) => sealed.t = Some(value.clone()),
            None => {}
        }
        let text = serde_json::to_vec(&sealed).unwrap_or_default();
        let seal = hmac::sign(&self.key, &text);
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&text),
            URL_SAFE_NO_PAD.encode(seal.as_ref())
        )
    }

    /// Verifies a cursor of the query `text` and returns its page; the count is that of the previous pages, which the
    /// caller need not repeat.
    ///
    /// # Errors
    /// `invalidCursor`, `expiredCursor` or `invalidCount`.
    pub fn open(
        &self,
        cursor: &str,
        text: &str,
        count: Option<usize>,
        now: Moment,
    ) -> Result<Opened, ScimError> {
        let unknown = || {
            ScimError::of(
                ErrorType::InvalidCursor,
                "The cursor belongs to another query; start again without one.",
            )
        };
        let opened = cursor.split_once('.').and_then(|(text, seal)| {
            let text = URL_SAFE_NO_PAD.decode(text).ok()?;
            let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
            hmac::verify(&self.key, &text, &seal).ok()?;
            serde_json::from_slice::<Sealed>(&text).ok()
        });
        let sealed = opened.ok_or_else(unknown)?;
        if sealed.q != self.digest(text) {
            return Err(unknown());
        }
        if now.0 > sealed.e {
            return Err(ScimError::of(
                ErrorType::ExpiredCursor,
                format!(
                    "The cursor has expired; it was valid for {} s. Start again without one.",
                    self.keep.as_secs()
                ),
            ));
        }
        if count.is_some_and(|count| count != sealed.c) {
            return Err(ScimError::of(
                ErrorType::InvalidCount,
                format!(
                    "The pages of this cursor have a count of {}; it cannot be changed.",
                    sealed.c
                ),
            ));
        }
        let value = match (sealed.b, sealed.n, sealed.t) {
            (Some(value), _, _) => Some(SortValue::Boolean(value)),
            (_, Some(value), _) => Some(SortValue::Number(value)),
            (_, _, Some(value)) => Some(SortValue::Text(value)),
            (None, None, None) => None,
        };
        Ok(Opened {
            after: Keyset {
                value,
                id: sealed.i,
            },
            count: sealed.c,
        })
    }

    fn digest(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, text.as_bytes()).as_ref())
    }
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_for_its_query_and_for_a_limited_time() {
        let cursors = Cursors::new(Duration::from_secs(1)).unwrap();
        let query = Query {
            text: "default User".into(),
            count: 2,
        };
        for value in [
            None,
            Some(SortValue::Text("kim".into())),
            Some(SortValue::Number(-1.5)),
            Some(SortValue::Boolean(false)),
        ] {
            let next = Keyset {
                value,
                id: Uuid::from_u128(7),
            };
            let cursor = cursors.seal(&query, &next, Moment(0));
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            assert!(cursor.chars().all(unreserved), "{cursor}");
            let opened = Opened {
                after: next,
                count: 2,
            };
            for count in [None, Some(2)] {
                let found = cursors.open(&cursor, &query.text, count, Moment(1));
                assert_eq!(found.as_ref(), Ok(&opened));
            }
            let kind = |text: &str, count, cursor: &str, now| {
                let opened = cursors.open(cursor, text, Some(count), Moment(now));
                opened.unwrap_err().scim_type
            };
            let (text, invalid) = (query.text.as_str(), Some(ErrorType::InvalidCursor));
            assert_eq!(kind("acme User", 2, &cursor, 1), invalid);
            assert_eq!(kind(text, 2, &format!("x{cursor}"), 1), invalid);
            assert_eq!(kind(text, 2, "", 1), invalid);
            let expired = Some(ErrorType::ExpiredCursor);
            assert_eq!(kind(text, 2, &cursor, 1_000_001), expired);
            assert_eq!(kind(text, 3, &cursor, 1), Some(ErrorType::InvalidCount));
            let other = Cursors::new(Duration::from_secs(1)).unwrap();
            assert!(other.open(&cursor, text, None, Moment(1)).is_err());
        }
    }
}

//! Every request has an id: the client's `X-Request-Id` if it is well-formed, else a new one.
//!
//! It is stored in the request's own fields, where every handler finds it, and appears in the answer, the log lines,
//! the faults and problem details, and the audit entries of the request.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::Clock;

/// The header field.
pub const FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of a client's id, in bytes.
const MAX_LENGTH: usize = 128;

/// Ensures that the request with these fields has exactly one id, and returns it.
pub fn ensure(headers: &mut HeaderMap, clock: &Clock) -> HeaderValue {
    let mut given = headers.get_all(&FIELD);
    let known = given.next().filter(|value| is_well_formed(value)).cloned();
    let known = known.filter(|_| given.next().is_none());
    let id = known.unwrap_or_else(|| {
        let made = clock.new_id().to_string();
        // A UUID is visible ASCII.
        HeaderValue::from_str(&made).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    });
    headers.insert(FIELD, id.clone());
    id
}

/// The id of the request with these fields, after [`ensure`].
pub fn of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(&FIELD)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Letters, digits and some punctuation: no character that is special in a log or a document.
fn is_well_formed(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(byte);
    (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(given: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(FIELD, HeaderValue::from_str(value).unwrap());
        }
        let id = ensure(&mut headers, &Clock::system());
        assert_eq!(headers.get_all(&FIELD).count(), 1);
        assert_eq!(of(&headers).as_deref(), id.to_str().ok());
        of(&headers).unwrap()
    }

    #[test]
    fn a_well_formed_id_is_kept_and_others_are_replaced() {
        let longest = "a".repeat(MAX_LENGTH);
        for good in ["4711", "01a2-b.c_d~e+f/g=:h@i", &longest] {
            assert_eq!(settled(&[good]), good);
        }
        let too_long = "a".repeat(MAX_LENGTH + 1);
        for bad in ["", "a b", "a\"b", "<a>", "a,b", "é", &too_long] {
            assert_ne!(settled(&[bad]), *bad);
            assert_eq!(settled(&[bad]).len(), 36);
        }
        assert_eq!(settled(&[]).len(), 36);
        assert_eq!(settled(&["a", "b"]).len(), 36, "two ids are replaced");
        assert_ne!(settled(&[]), settled(&[]));
    }
}

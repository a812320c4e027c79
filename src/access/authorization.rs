//! The `Authorization` field (RFC 9110 §11.6.2): the scheme and its credentials.

use crate::access::basic::{self, Credentials};
use crate::passwords::secret::Secret;

/// The content of an `Authorization` field.
#[derive(Debug)]
pub enum Authorization {
    /// Basic, with a name and a password.
    Basic(Credentials),
    /// Bearer (RFC 6750 §2.1), with the token as it was sent.
    Bearer(Secret),
    /// One of these, but incomplete or not decodable.
    Incomplete,
    /// Another scheme.
    OtherScheme,
}

/// Reads an `Authorization` field.
pub fn parse(field: &str) -> Authorization {
    let (scheme, rest) = field.trim().split_once(' ').unwrap_or((field.trim(), ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        return match basic::decode(rest) {
            Some(credentials) => Authorization::Basic(credentials),
            None => Authorization::Incomplete,
        };
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return match rest.is_empty() {
            true => Authorization::Incomplete,
            false => Authorization::Bearer(Secret::from(rest)),
        };
    }
    Authorization::OtherScheme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_case_insensitive() {
        for field in ["Basic YWRtaW46YWRtaW4=", "basic  YWRtaW46YWRtaW4="] {
            assert!(matches!(parse(field), Authorization::Basic(_)), "{field}");
        }
        for field in ["Basic", "Basic !", "Basic YWRtaW4=", "Bearer", "bearer  "] {
            assert!(matches!(parse(field), Authorization::Incomplete), "{field}");
        }
        for field in ["Digest x", "Negotiate", "", "Bearers abc"] {
            assert!(
                matches!(parse(field), Authorization::OtherScheme),
                "{field}"
            );
        }
        match parse("bearer  abc ") {
            Authorization::Bearer(token) => assert_eq!(token.expose(), "abc"),
            other => panic!("{other:?}"),
        }
    }
}

//! HTTP Basic credentials (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::users::secret::Secret;

/// A name and a password, as a caller gave them.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// What an `Authorization` field holds.
#[derive(Debug)]
pub enum Authorization {
    /// Basic, with a name and a password.
    Basic(Credentials),
    /// Basic, without one of them or not decodable.
    Incomplete,
    /// Another scheme.
    OtherScheme,
}

/// Reads an `Authorization` field.
pub fn parse(field: &str) -> Authorization {
    let (scheme, token) = field.trim().split_once(' ').unwrap_or((field.trim(), ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Authorization::OtherScheme;
    }
    match decode(token.trim()) {
        Some(credentials) => Authorization::Basic(credentials),
        None => Authorization::Incomplete,
    }
}

/// UTF-8, or ISO-8859-1 where the bytes are not (RFC 7617 §2.1 leaves the choice to the client).
fn decode(token: &str) -> Option<Credentials> {
    let bytes = STANDARD
        .decode(token)
        .or_else(|_| STANDARD_NO_PAD.decode(token))
        .ok()?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    };
    let (name, password) = text.split_once(':')?;
    if name.is_empty() || password.is_empty() {
        return None;
    }
    Some(Credentials {
        name: name.to_owned(),
        password: Secret::from(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_password(field: &str) -> Option<(String, String)> {
        match parse(field) {
            Authorization::Basic(c) => Some((c.name, c.password.expose().to_owned())),
            _ => None,
        }
    }

    #[test]
    fn names_and_passwords_are_read_in_both_charsets() {
        let expected = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(
            name_and_password("Basic YWRtaW46YWRtaW4="),
            expected("admin", "admin")
        );
        assert_eq!(
            name_and_password("basic  YWRtaW46YTpi"),
            expected("admin", "a:b")
        );
        assert_eq!(name_and_password("Basic YTrDqQ=="), expected("a", "é"));
        assert_eq!(name_and_password("Basic YTrp"), expected("a", "é"));
    }

    #[test]
    fn the_rest_is_told_apart() {
        for field in [
            "Basic",
            "Basic !",
            "Basic YWRtaW4=",
            "Basic YWRtaW46",
            "Basic OmFkbWlu",
        ] {
            assert!(matches!(parse(field), Authorization::Incomplete), "{field}");
        }
        assert!(matches!(parse("Bearer abc"), Authorization::OtherScheme));
    }
}

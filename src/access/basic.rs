//! HTTP Basic credentials (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::passwords::secret::Secret;

/// A name and a password as the caller sent them.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// Decodes the text after the scheme; none if the name or the password is missing or the text cannot be
/// decoded.
///
/// The charset is UTF-8, or ISO-8859-1 if the bytes are not UTF-8 (RFC 7617 §2.1 leaves the choice to the
/// client).
pub fn decode(token: &str) -> Option<Credentials> {
    let bytes = STANDARD
        .decode(token)
        .or_else(|_| STANDARD_NO_PAD.decode(token))
        .map(Zeroizing::new)
        .ok()?;
    let text = Zeroizing::new(match std::str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    });
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

    fn name_and_password(token: &str) -> Option<(String, String)> {
        decode(token).map(|found| (found.name, found.password.expose().to_owned()))
    }

    #[test]
    fn names_and_passwords_are_decoded_in_both_charsets() {
        let expected = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(
            name_and_password("YWRtaW46YWRtaW4="),
            expected("admin", "admin")
        );
        assert_eq!(name_and_password("YWRtaW46YTpi"), expected("admin", "a:b"));
        assert_eq!(name_and_password("YTrDqQ=="), expected("a", "é"));
        assert_eq!(name_and_password("YTrp"), expected("a", "é"));
    }

    #[test]
    fn incomplete_credentials_are_refused() {
        for token in ["", "!", "YWRtaW4=", "YWRtaW46", "OmFkbWlu"] {
            assert_eq!(name_and_password(token), None, "{token}");
        }
    }
}

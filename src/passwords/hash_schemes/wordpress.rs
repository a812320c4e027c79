//! WordPress since 6.8: `$wp$2y$…` is bcrypt of the base64 of the password's HMAC-SHA-384 with the key `wp-sha384`,
//! because bcrypt uses only 72 bytes. Blanks around the password are ignored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA384, Key, sign};
use zeroize::Zeroizing;

use crate::passwords::hash_schemes::bcrypt;

/// The characters that PHP's `trim` removes.
const BLANKS: &[u8] = b" \t\n\r\0\x0b";

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    let tag = sign(&Key::new(HMAC_SHA384, b"wp-sha384"), trimmed(password));
    bcrypt::matches(rest, Zeroizing::new(STANDARD.encode(tag)).as_bytes())
}

fn trimmed(mut password: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = password
        && BLANKS.contains(first)
    {
        password = rest;
    }
    while let [rest @ .., last] = password
        && BLANKS.contains(last)
    {
        password = rest;
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_password_are_ignored() {
        assert_eq!(trimmed(b" \0\x0b\tpass word\r\n "), b"pass word");
        assert_eq!(
            trimmed("\u{a0}x\u{a0}".as_bytes()),
            "\u{a0}x\u{a0}".as_bytes()
        );
        assert_eq!(trimmed(b" \n"), b"");
        let rest = "04$L0r9SuY.DFjCGIC6aTPBwePH34r07DfMDgB/qC5hkic8PAQAG0jVS";
        assert!(verify("", rest, " Grüße-von-4711\n".as_bytes()));
        assert!(!verify("", rest, "Grüße-von- 4711".as_bytes()));
    }
}

//! bcrypt (Provos and Mazières, 1999), as `$2b$cost$salt-and-digest`; `$2a$` and `$2y$` are the same.
//!
//! As in other implementations, only the first 72 bytes of a password are used.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::passwords::hash_schemes::form::{Bytes, FormError, within};

const SHAPE: FormError = FormError::Shape(
    "$2b$ (or $2a$, $2y$), two digits of cost, $, and 53 characters of ./A-Za-z0-9: 60 in all",
);

/// The prefixes of the hashes.
pub(super) const PREFIXES: &[&str] = &["$2a$", "$2b$", "$2y$"];

/// Binary logarithm of the rounds; 16 takes some seconds.
const COST: (u64, u64) = (4, 16);

/// Number of bytes of a password that are used.
const COUNTED: usize = 72;

/// Some programs leave unused bits set in the last character of a salt; they must be ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    matches(rest, password)
}

/// Whether `password` is the password of `rest`: cost, salt and digest.
pub(super) fn matches(rest: &str, password: &[u8]) -> bool {
    let Ok((cost, salt, digest)) = parse(rest) else {
        return false;
    };
    let counted = password.get(..COUNTED).unwrap_or(password);
    let mut key = Zeroizing::new(Vec::with_capacity(COUNTED + 1));
    key.extend_from_slice(counted);
    key.push(0);
    key.truncate(COUNTED);
    let made = ::bcrypt::bcrypt(cost, salt, &key);
    // The last of the 24 bytes is not part of the text.
    made.get(..digest.as_slice().len())
        .is_some_and(|made| made.ct_eq(digest.as_slice()).into())
}

fn parse(rest: &str) -> Result<(u32, [u8; 16], Bytes), FormError> {
    let (cost, text) = rest.split_once('$').ok_or(SHAPE)?;
    if cost.len() != 2 || !cost.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SHAPE);
    }
    let cost = cost.parse().map_err(|_| SHAPE)?;
    within(u64::from(cost), "cost", COST)?;
    if text.len() != 53 {
        return Err(SHAPE);
    }
    let (salt, digest) = text.split_at_checked(22).ok_or(SHAPE)?;
    let salt = Bytes::decode(salt, &BASE64, (16, 16)).ok_or(SHAPE)?;
    let salt = salt.as_slice().try_into().map_err(|_| SHAPE)?;
    let digest = Bytes::decode(digest, &BASE64, (23, 23)).ok_or(SHAPE)?;
    Ok((cost, salt, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_bits_in_a_salt_are_ignored() {
        // The 22nd character of a salt has four unused bits: O, P and Q are equal.
        let clean = "04$XUts5q2jRQ38fk4jb28a0O0qgRJJU7rJxfiF5Cs2vhLzuRh/S/nrK";
        let dirty = "04$XUts5q2jRQ38fk4jb28a0P0qgRJJU7rJxfiF5Cs2vhLzuRh/S/nrK";
        let password = "Grüße-von-4711".as_bytes();
        assert!(verify("", clean, password));
        assert!(verify("", dirty, password));
    }
}

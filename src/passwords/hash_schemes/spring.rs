//! Spring Security's `{pbkdf2@SpringSecurity_v5_8}` and `{pbkdf2}` (with the defaults of version 5.5), with salt and
//! digest in hexadecimal, and `{scrypt}` with `$parameters$salt$digest`. `{bcrypt}` and `{argon2…}` precede a hash
//! that is complete without them.
//!
//! The form of scrypt is also that of an older Java library, as `$s0$parameters$salt$digest`.

use base64::engine::general_purpose::STANDARD;

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Prf, Sha256};
use crate::passwords::hash_schemes::scrypt;

const V5_8_SHAPE: FormError = FormError::Shape(
    "{pbkdf2@SpringSecurity_v5_8} and 96 hexadecimal digits: a salt of 16 bytes and a digest of 32",
);

const V5_5_SHAPE: FormError = FormError::Shape(
    "{PBKDF2}rounds$salt$digest, {PBKDF2}$1$salt$rounds$digest, or {pbkdf2} and 80 hexadecimal \
     digits: a salt of 8 bytes and a digest of 32",
);

const SCRYPT_SHAPE: FormError = FormError::Shape(
    "{scrypt}$parameters$salt$digest (or $s0$), the parameters log2(N), r and p in hexadecimal, the \
     last two of two digits each, the salt of 8 to 64 bytes and the digest of 16 to 64 in base64",
);

/// The prefixes of scrypt hashes.
pub(super) const SCRYPT: &[&str] = &["{scrypt}", "{scrypt@SpringSecurity_v5_8}", "$s0$"];

/// Numbers of rounds, which are not part of the text.
const V5_8_ROUNDS: u64 = 310_000;
const V5_5_ROUNDS: u64 = 185_000;

pub(super) fn check_pbkdf2(rest: &str) -> Result<(), FormError> {
    parse_v5_8(rest).map(|_| ())
}

pub(super) fn verify_pbkdf2(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_v5_8(rest).is_ok_and(|hash| hash.matches::<Sha256>(password))
}

fn parse_v5_8(rest: &str) -> Result<Hash, FormError> {
    parse_hex(rest, 16, V5_8_ROUNDS).ok_or(V5_8_SHAPE)
}

/// Parses the text after `{pbkdf2}`. The pseudorandom function is HMAC-SHA-1.
pub(super) fn parse_v5_5(rest: &str) -> Result<Hash, FormError> {
    parse_hex(rest, 8, V5_5_ROUNDS).ok_or(V5_5_SHAPE)
}

fn parse_hex(rest: &str, salt: usize, rounds: u64) -> Option<Hash> {
    let (salt, digest) = rest.split_at_checked(2 * salt)?;
    Some(Hash {
        rounds,
        salt: Bytes::decode_hex(salt, (8, 16))?,
        digest: Bytes::decode_hex(digest, (Sha256::LENGTH, Sha256::LENGTH))?,
    })
}

pub(super) fn check_scrypt(rest: &str) -> Result<(), FormError> {
    parse_scrypt(rest).map(|_| ())
}

pub(super) fn verify_scrypt(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_scrypt(rest).is_ok_and(|(cost, salt, digest)| {
        scrypt::matches(&cost, salt.as_slice(), digest.as_slice(), password)
    })
}

fn parse_scrypt(rest: &str) -> Result<(::scrypt::Params, Bytes, Bytes), FormError> {
    const SHAPE: FormError = SCRYPT_SHAPE;
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let digits = parameters.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits || !(5..=6).contains(&parameters.len()) {
        return Err(SHAPE);
    }
    let parameters = u64::from_str_radix(parameters, 16).map_err(|_| SHAPE)?;
    let cost = scrypt::cost(parameters >> 16, parameters >> 8 & 0xff, parameters & 0xff)?;
    let salt = Bytes::decode(salt, &STANDARD, (8, 64)).ok_or(SHAPE)?;
    let digest = Bytes::decode(digest, &STANDARD, (16, 64)).ok_or(SHAPE)?;
    Ok((cost, salt, digest))
}

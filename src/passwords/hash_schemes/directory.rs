//! PBKDF2 in directory servers: `{PBKDF2-SHA256}rounds$salt$digest` (`-SHA1`, `-SHA512`) of OpenLDAP and 389
//! Directory Server, with `.` or `+` and with or without padding; the older `{PBKDF2_SHA256}` of 389, base64 of
//! rounds, salt and digest; and `{PBKDF2}`, which OpenLDAP, Dovecot and Spring Security each use for another
//! format, all with HMAC-SHA-1.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Prf, Sha1, Sha256, rounds, rounds_within};
use crate::passwords::hash_schemes::spring;

const SHAPE: FormError = FormError::Shape(
    "{PBKDF2-SHA256}rounds$salt$digest (or -SHA1, -SHA512), in base64, the salt of 8 to 64 bytes and \
     the whole digest",
);

const DOVECOT_SHAPE: FormError = FormError::Shape(
    "{PBKDF2}$1$salt$rounds$digest, the salt of 8 to 64 printable characters and the digest of 20 \
     bytes in hexadecimal",
);

const OLDER_SHAPE: FormError = FormError::Shape(
    "{PBKDF2_SHA256} and base64 of 324 bytes: four of rounds, 64 of salt and 256 of digest",
);

/// Size of a salt, in bytes.
const SALT: (usize, usize) = (8, 64);

/// Sizes of rounds, salt and digest after `{PBKDF2_SHA256}`, in bytes.
const OLDER: (usize, usize, usize) = (4, 64, 256);

pub(super) fn check<P: Prf>(rest: &str) -> Result<(), FormError> {
    parse::<P>(rest).map(|_| ())
}

pub(super) fn verify<P: Prf>(_: &str, rest: &str, password: &[u8]) -> bool {
    parse::<P>(rest).is_ok_and(|hash| hash.matches::<P>(password))
}

fn parse<P: Prf>(rest: &str) -> Result<Hash, FormError> {
    let (count, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    Ok(Hash {
        rounds: rounds(count, SHAPE)?,
        salt: decode(salt, SALT).ok_or(SHAPE)?,
        digest: decode(digest, (P::LENGTH, P::LENGTH)).ok_or(SHAPE)?,
    })
}

fn decode(text: &str, bounds: (usize, usize)) -> Option<Bytes> {
    let bare = text.strip_suffix("==").or_else(|| text.strip_suffix('='));
    if bare.is_some() && !text.len().is_multiple_of(4) {
        return None;
    }
    Bytes::decode_dotted(bare.unwrap_or(text), &STANDARD_NO_PAD, bounds)
}

pub(super) fn check_any(rest: &str) -> Result<(), FormError> {
    parse_any(rest).map(|_| ())
}

pub(super) fn verify_any(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_any(rest).is_ok_and(|hash| hash.matches::<Sha1>(password))
}

/// Parses the text after `{PBKDF2}`.
fn parse_any(rest: &str) -> Result<Hash, FormError> {
    match rest.strip_prefix("$1$") {
        Some(dovecot) => parse_dovecot(dovecot),
        None if rest.contains('$') => parse::<Sha1>(rest),
        None => spring::parse_v5_5(rest),
    }
}

fn parse_dovecot(rest: &str) -> Result<Hash, FormError> {
    const SHAPE: FormError = DOVECOT_SHAPE;
    let (salt, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (count, digest) = rest.split_once('$').ok_or(SHAPE)?;
    Ok(Hash {
        rounds: rounds(count, SHAPE)?,
        salt: Bytes::literal(salt, SALT).ok_or(SHAPE)?,
        digest: Bytes::decode_hex(digest, (Sha1::LENGTH, Sha1::LENGTH)).ok_or(SHAPE)?,
    })
}

pub(super) fn check_older(rest: &str) -> Result<(), FormError> {
    parse_older(rest).map(|_| ())
}

pub(super) fn verify_older(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_older(rest).is_ok_and(|hash| hash.matches::<Sha256>(password))
}

/// Only the first block of the digest is compared: the seven blocks after it are derived from the same password,
/// each with the same amount of work.
fn parse_older(rest: &str) -> Result<Hash, FormError> {
    const SHAPE: FormError = OLDER_SHAPE;
    let (counted, salt, digest) = OLDER;
    let all = counted + salt + digest;
    if rest.len() != all.div_ceil(3) * 4 {
        return Err(SHAPE);
    }
    let decoded = STANDARD.decode(rest).map_err(|_| SHAPE)?;
    let (count, decoded) = decoded.split_first_chunk::<4>().ok_or(SHAPE)?;
    let (salt, digest) = decoded.split_at_checked(salt).ok_or(SHAPE)?;
    Ok(Hash {
        rounds: rounds_within(u64::from(u32::from_be_bytes(*count)))?,
        salt: Bytes::of(salt).ok_or(SHAPE)?,
        digest: digest
            .get(..Sha256::LENGTH)
            .and_then(Bytes::of)
            .ok_or(SHAPE)?,
    })
}

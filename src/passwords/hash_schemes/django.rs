//! Hashes of Django other than PHC strings: `pbkdf2_sha256$rounds$salt$digest` (and `pbkdf2_sha1$`),
//! `scrypt$N$salt$r$p$digest`, and `bcrypt_sha256$`, which is bcrypt of the hexadecimal SHA-256 of the password.
//! Salts are used as they are written.

use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::hex;
use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Prf, rounds};
use crate::passwords::hash_schemes::{bcrypt, scrypt};

const PBKDF2_SHAPE: FormError = FormError::Shape(
    "pbkdf2_sha256$rounds$salt$digest (or pbkdf2_sha1$), the salt of 1 to 128 printable characters \
     and the digest of 32 (or 20) bytes in base64",
);

const SCRYPT_SHAPE: FormError = FormError::Shape(
    "scrypt$N$salt$r$p$digest, N a power of two, the salt of 1 to 128 printable characters and the \
     digest of 64 bytes in base64",
);

const BCRYPT_SHAPE: FormError =
    FormError::Shape("bcrypt_sha256$ and a bcrypt hash that begins with $2b$, $2a$ or $2y$");

/// Size of a salt, in bytes.
const SALT: (usize, usize) = (1, 128);

pub(super) fn check_pbkdf2<P: Prf>(rest: &str) -> Result<(), FormError> {
    parse_pbkdf2::<P>(rest).map(|_| ())
}

pub(super) fn verify_pbkdf2<P: Prf>(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_pbkdf2::<P>(rest).is_ok_and(|hash| hash.matches::<P>(password))
}

fn parse_pbkdf2<P: Prf>(rest: &str) -> Result<Hash, FormError> {
    const SHAPE: FormError = PBKDF2_SHAPE;
    let (count, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    Ok(Hash {
        rounds: rounds(count, SHAPE)?,
        salt: Bytes::literal(salt, SALT).ok_or(SHAPE)?,
        digest: Bytes::decode(digest, &STANDARD, (P::LENGTH, P::LENGTH)).ok_or(SHAPE)?,
    })
}

/// Whether `text`, which begins with `scrypt$`, also has the rest of a hash.
pub(super) fn is_like_scrypt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'$').count() >= 2
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
    let (n, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (r, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (p, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let cost = scrypt::cost_of(n, r, p, SHAPE)?;
    let salt = Bytes::literal(salt, SALT).ok_or(SHAPE)?;
    let digest = Bytes::decode(digest, &STANDARD, (64, 64)).ok_or(SHAPE)?;
    Ok((cost, salt, digest))
}

pub(super) fn check_bcrypt(rest: &str) -> Result<(), FormError> {
    bcrypt::check(inner_bcrypt(rest)?)
}

pub(super) fn verify_bcrypt(_: &str, rest: &str, password: &[u8]) -> bool {
    let first = digest(&SHA256, password);
    inner_bcrypt(rest)
        .is_ok_and(|inner| bcrypt::matches(inner, hex::encode(first.as_ref()).as_bytes()))
}

fn inner_bcrypt(rest: &str) -> Result<&str, FormError> {
    bcrypt::PREFIXES
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))
        .ok_or(BCRYPT_SHAPE)
}

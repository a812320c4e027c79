//! Hashes of WSO2's JDBC user stores, which keep digest and salt in two columns. The salt is the text in its column:
//! `{WSO2-SHA256}salt$digest` has one round, and `{WSO2-PBKDF2-SHA256}rounds$salt$digest` (`-SHA1`, `-SHA512`) is of
//! the PBKDF2 hash provider. The bcrypt provider stores base64 of the hash's text: `{WSO2-BCRYPT}`.

use base64::engine::general_purpose::STANDARD;
use ring::digest::SHA256;

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Prf, rounds};
use crate::passwords::hash_schemes::{bcrypt, salted_sha};

const SHA256_SHAPE: FormError = FormError::Shape(
    "{WSO2-SHA256}salt$digest, the salt as in UM_SALT_VALUE (1 to 64 printable characters) and \
     the digest of 32 bytes in base64",
);

const PBKDF2_SHAPE: FormError = FormError::Shape(
    "{WSO2-PBKDF2-SHA256}rounds$salt$digest (or -SHA1, -SHA512), the salt as in UM_SALT_VALUE (1 \
     to 64 printable characters) and the digest of 16 to 64 bytes in base64",
);

const BCRYPT_SHAPE: FormError = FormError::Shape(
    "{WSO2-BCRYPT} and base64 of a bcrypt hash that begins with $2b$, $2a$ or $2y$",
);

/// Size of a salt, in bytes.
const SALT: (usize, usize) = (1, 64);

pub(super) fn check_sha256(rest: &str) -> Result<(), FormError> {
    parse_sha256(rest).map(|_| ())
}

pub(super) fn verify_sha256(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_sha256(rest).is_ok_and(|(salt, kept)| {
        salted_sha::same(&SHA256, password, salt.as_slice(), kept.as_slice())
    })
}

fn parse_sha256(rest: &str) -> Result<(Bytes, Bytes), FormError> {
    const SHAPE: FormError = SHA256_SHAPE;
    let (salt, kept) = rest.split_once('$').ok_or(SHAPE)?;
    let salt = Bytes::literal(salt, SALT).ok_or(SHAPE)?;
    let kept = Bytes::decode(kept, &STANDARD, (32, 32)).ok_or(SHAPE)?;
    Ok((salt, kept))
}

pub(super) fn check_pbkdf2(rest: &str) -> Result<(), FormError> {
    parse_pbkdf2(rest).map(|_| ())
}

pub(super) fn verify_pbkdf2<P: Prf>(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_pbkdf2(rest).is_ok_and(|hash| hash.matches::<P>(password))
}

fn parse_pbkdf2(rest: &str) -> Result<Hash, FormError> {
    const SHAPE: FormError = PBKDF2_SHAPE;
    let (count, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    Ok(Hash {
        rounds: rounds(count, SHAPE)?,
        salt: Bytes::literal(salt, SALT).ok_or(SHAPE)?,
        digest: Bytes::decode(digest, &STANDARD, (16, 64)).ok_or(SHAPE)?,
    })
}

pub(super) fn check_bcrypt(rest: &str) -> Result<(), FormError> {
    bcrypt::check(inner(decode_bcrypt(rest)?.as_slice())?)
}

pub(super) fn verify_bcrypt(_: &str, rest: &str, password: &[u8]) -> bool {
    decode_bcrypt(rest)
        .is_ok_and(|text| inner(text.as_slice()).is_ok_and(|rest| bcrypt::matches(rest, password)))
}

fn decode_bcrypt(rest: &str) -> Result<Bytes, FormError> {
    Bytes::decode(rest, &STANDARD, (60, 60)).ok_or(BCRYPT_SHAPE)
}

fn inner(text: &[u8]) -> Result<&str, FormError> {
    let text = std::str::from_utf8(text).map_err(|_| BCRYPT_SHAPE)?;
    bcrypt::PREFIXES
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .ok_or(BCRYPT_SHAPE)
}

//! One round of SHA over password and salt, as in directory servers: `{SSHA}`, `{SSHA256}`, `{SSHA384}`,
//! `{SSHA512}` and base64 of the digest followed by the salt.

use base64::engine::general_purpose::STANDARD;
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use subtle::ConstantTimeEq;

use crate::passwords::hash_schemes::form::{Bytes, FormError};

const SHAPE: FormError = FormError::Shape(
    "{SSHA} (or {SSHA256}, {SSHA384}, {SSHA512}) and base64 of the digest and a salt of 4 to 64 bytes \
     after it",
);

/// Size of a salt, in bytes.
const SALT: (usize, usize) = (4, 64);

pub(super) fn check_ssha(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA1_FOR_LEGACY_USE_ONLY).map(|_| ())
}

pub(super) fn check_ssha256(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA256).map(|_| ())
}

pub(super) fn check_ssha384(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA384).map(|_| ())
}

pub(super) fn check_ssha512(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA512).map(|_| ())
}

pub(super) fn verify_ssha(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA1_FOR_LEGACY_USE_ONLY)
}

pub(super) fn verify_ssha256(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA256)
}

pub(super) fn verify_ssha384(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA384)
}

pub(super) fn verify_ssha512(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA512)
}

fn verify(rest: &str, password: &[u8], algorithm: &'static digest::Algorithm) -> bool {
    decode(rest, algorithm).is_ok_and(|bytes| {
        bytes
            .as_slice()
            .split_at_checked(algorithm.output_len())
            .is_some_and(|(kept, salt)| same(algorithm, password, salt, kept))
    })
}

/// Whether `kept` is the digest of `password` and `salt`.
pub(super) fn same(
    algorithm: &'static digest::Algorithm,
    password: &[u8],
    salt: &[u8],
    kept: &[u8],
) -> bool {
    let mut context = digest::Context::new(algorithm);
    context.update(password);
    context.update(salt);
    context.finish().as_ref().ct_eq(kept).into()
}

/// Decodes digest and salt together.
fn decode(rest: &str, algorithm: &digest::Algorithm) -> Result<Bytes, FormError> {
    let length = algorithm.output_len();
    Bytes::decode(rest, &STANDARD, (length + SALT.0, length + SALT.1)).ok_or(SHAPE)
}

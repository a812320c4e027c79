//! One round of SHA over password and salt, as directories and WSO2's JDBC user stores keep it.
//!
//! `{SSHA}`, `{SSHA256}`, `{SSHA512}`: base64 of the digest with the salt behind it. WSO2 keeps the
//! digest and the salt in two columns, and the salt goes into the digest as the text that stands in
//! its column: `{WSO2-SHA256}salt$digest`.

use base64::engine::general_purpose::STANDARD;
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use subtle::ConstantTimeEq;

use crate::users::hash_schemes::form::{Bytes, FormError};

const SSHA_SHAPE: FormError = FormError::Shape(
    "{SSHA} (or {SSHA256}, {SSHA512}) and base64 of the digest and a salt of 4 to 64 bytes behind it",
);

const WSO2_SHAPE: FormError = FormError::Shape(
    "{WSO2-SHA256}salt$digest, the salt as UM_SALT_VALUE has it (1 to 64 printable characters) and \
     the digest of 32 bytes in base64",
);

/// Bytes of a salt.
const SALT: (usize, usize) = (4, 64);

pub(super) fn check_ssha(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA1_FOR_LEGACY_USE_ONLY).map(|_| ())
}

pub(super) fn check_ssha256(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA256).map(|_| ())
}

pub(super) fn check_ssha512(rest: &str) -> Result<(), FormError> {
    decode(rest, &SHA512).map(|_| ())
}

pub(super) fn check_wso2(rest: &str) -> Result<(), FormError> {
    split_wso2(rest).map(|_| ())
}

pub(super) fn verify_ssha(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA1_FOR_LEGACY_USE_ONLY)
}

pub(super) fn verify_ssha256(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA256)
}

pub(super) fn verify_ssha512(_: &str, rest: &str, password: &[u8]) -> bool {
    verify(rest, password, &SHA512)
}

pub(super) fn verify_wso2(_: &str, rest: &str, password: &[u8]) -> bool {
    split_wso2(rest)
        .is_ok_and(|(salt, kept)| same(&SHA256, password, salt.as_bytes(), kept.as_slice()))
}

fn verify(rest: &str, password: &[u8], algorithm: &'static digest::Algorithm) -> bool {
    decode(rest, algorithm).is_ok_and(|bytes| {
        bytes
            .as_slice()
            .split_at_checked(algorithm.output_len())
            .is_some_and(|(kept, salt)| same(algorithm, password, salt, kept))
    })
}

fn same(algorithm: &'static digest::Algorithm, password: &[u8], salt: &[u8], kept: &[u8]) -> bool {
    let mut context = digest::Context::new(algorithm);
    context.update(password);
    context.update(salt);
    context.finish().as_ref().ct_eq(kept).into()
}

/// Digest and salt, in one.
fn decode(rest: &str, algorithm: &digest::Algorithm) -> Result<Bytes, FormError> {
    let length = algorithm.output_len();
    Bytes::decode(rest, &STANDARD, (length + SALT.0, length + SALT.1)).ok_or(SSHA_SHAPE)
}

fn split_wso2(rest: &str) -> Result<(&str, Bytes), FormError> {
    let (salt, kept) = rest.split_once('$').ok_or(WSO2_SHAPE)?;
    let printable = salt.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || !(1..=64).contains(&salt.len()) {
        return Err(WSO2_SHAPE);
    }
    let kept = Bytes::decode(kept, &STANDARD, (32, 32)).ok_or(WSO2_SHAPE)?;
    Ok((salt, kept))
}

//! Argon2id and Argon2i (RFC 9106), as `$argon2id$v=19$m=…,t=…,p=…$salt$digest`, by libsodium.
//!
//! Argon2d is not meant for passwords, and libsodium does not have it.

use libsodium_rs::crypto_pwhash::{argon2i, argon2id};

use crate::users::hash_schemes::form::{
    FormError, MEMORY_KIB, WORK_KIB, is_base64, number, within,
};

const SHAPE: FormError = FormError::Shape(
    "$argon2id$v=19$m=…,t=…,p=…$salt$digest, in base64 without padding, the salt of 8 to 64 bytes \
     and the digest of 16 to 64",
);

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// KiB.
    pub memory: u64,
    pub passes: u64,
}

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    let (cost, lanes, digests) = split(rest).ok_or(SHAPE)?;
    let lanes = number(lanes, "number of lanes (p)", (1, 64), SHAPE)?;
    let memory = number(cost.0, "memory in KiB (m)", (8 * lanes, MEMORY_KIB), SHAPE)?;
    let passes = number(cost.1, "number of passes (t)", (1, 1_000), SHAPE)?;
    within(memory * passes, "memory in KiB times passes", (8, WORK_KIB))?;
    let (salt, digest) = digests.split_once('$').ok_or(SHAPE)?;
    match is_base64(salt, (8, 64)) && is_base64(digest, (16, 64)) {
        true => Ok(()),
        false => Err(SHAPE),
    }
}

pub(super) fn verify_id(text: &str, _: &str, password: &[u8]) -> bool {
    argon2id::pwhash_str_verify(text, password)
}

pub(super) fn verify_i(text: &str, _: &str, password: &[u8]) -> bool {
    argon2i::pwhash_str_verify(text, password).unwrap_or(false)
}

/// What a well-formed hash costs.
pub(super) fn cost(rest: &str) -> Option<Cost> {
    let ((memory, passes), _, _) = split(rest)?;
    Some(Cost {
        memory: memory.parse().ok()?,
        passes: passes.parse().ok()?,
    })
}

/// Memory and passes, lanes, and what stands behind them.
fn split(rest: &str) -> Option<((&str, &str), &str, &str)> {
    let (parameters, digests) = rest.strip_prefix("v=19$")?.split_once('$')?;
    let (memory, parameters) = parameters.strip_prefix("m=")?.split_once(',')?;
    let (passes, lanes) = parameters.strip_prefix("t=")?.split_once(',')?;
    Some(((memory, passes), lanes.strip_prefix("p=")?, digests))
}

//! Argon2id and Argon2i (RFC 9106), as `$argon2id$v=19$m=…,t=…,p=…$salt$digest`, by libsodium.
//!
//! Argon2d is not intended for passwords, and libsodium does not support it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use libsodium_rs::SodiumError;
use libsodium_rs::crypto_pwhash::{argon2i, argon2id};
use subtle::ConstantTimeEq;

use crate::passwords::hash_schemes::form::{
    FormError, MEMORY_KIB, NoMemory, WORK_KIB, is_base64, number, within,
};

const SHAPE: FormError = FormError::Shape(
    "$argon2id$v=19$m=…,t=…,p=…$salt$digest, in base64 without padding, the salt of 8 to 64 bytes \
     and the digest of 16 to 64",
);

/// The cost of a hash.
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

pub(super) fn verify_id(text: &str, rest: &str, password: &[u8]) -> bool {
    try_verify_id(text, rest, password).unwrap_or(false)
}

/// Whether `password` is the password of the hash.
///
/// # Errors
/// Not enough memory. libsodium's verification does not distinguish this from a wrong password, so the digest is
/// computed again where libsodium supports such hashes (one lane, a salt of 16 bytes), which all of ours are.
pub(super) fn try_verify_id(text: &str, rest: &str, password: &[u8]) -> Result<bool, NoMemory> {
    let parsed = split(rest).and_then(|(_, lanes, digests)| {
        let (salt, digest) = digests.split_once('$')?;
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        let salt = decode(salt).filter(|salt| lanes == "1" && salt.len() == argon2id::SALTBYTES)?;
        Some((cost(rest)?, salt, decode(digest)?))
    });
    if let Some((cost, salt, digest)) = parsed {
        let memory = usize::try_from(cost.memory.saturating_mul(1024)).unwrap_or(usize::MAX);
        match argon2id::pwhash(digest.len(), password, &salt, cost.passes, memory) {
            Ok(made) => return Ok(made.ct_eq(&digest).into()),
            Err(SodiumError::OperationError(_)) => return Err(NoMemory),
            // libsodium does not support these parameters.
            Err(_) => {}
        }
    }
    let is_right = argon2id::pwhash_str_verify(text, password);
    right_or_no_memory(is_right, rest)
}

/// The same for Argon2i.
pub(super) fn try_verify_i(text: &str, rest: &str, password: &[u8]) -> Result<bool, NoMemory> {
    right_or_no_memory(verify_i(text, rest, password), rest)
}

/// Accepts the result "wrong password" only if there was enough memory for the verification.
fn right_or_no_memory(is_right: bool, rest: &str) -> Result<bool, NoMemory> {
    let memory = cost(rest).map_or(0, |cost| cost.memory.saturating_mul(1024));
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    match is_right || Vec::<u8>::new().try_reserve_exact(memory).is_ok() {
        true => Ok(is_right),
        false => Err(NoMemory),
    }
}

pub(super) fn verify_i(text: &str, _: &str, password: &[u8]) -> bool {
    argon2i::pwhash_str_verify(text, password).unwrap_or(false)
}

/// The cost of a well-formed hash.
pub(super) fn cost(rest: &str) -> Option<Cost> {
    let ((memory, passes), _, _) = split(rest)?;
    Some(Cost {
        memory: memory.parse().ok()?,
        passes: passes.parse().ok()?,
    })
}

/// Splits into memory and passes, lanes, and the rest.
fn split(rest: &str) -> Option<((&str, &str), &str, &str)> {
    let (parameters, digests) = rest.strip_prefix("v=19$")?.split_once('$')?;
    let (memory, parameters) = parameters.strip_prefix("m=")?.split_once(',')?;
    let (passes, lanes) = parameters.strip_prefix("t=")?.split_once(',')?;
    Some(((memory, passes), lanes.strip_prefix("p=")?, digests))
}

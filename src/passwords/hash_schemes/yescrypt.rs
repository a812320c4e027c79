//! yescrypt (Peslyak, 2015), in the format of `crypt(3)` in current Linux distributions:
//! `$y$parameters$salt$digest`. Only parameters that distributions use are supported: the default flavor, N and r,
//! and no others.

use ::yescrypt::{Params, PasswordVerifier, Yescrypt};

use crate::passwords::hash_schemes::form::{FormError, MEMORY_KIB, is_crypt64, within};

const SHAPE: FormError = FormError::Shape(
    "$y$jNr$salt$digest, N and r one character each, the salt 1 to 86 and the digest 43 of the \
     characters ./0-9A-Za-z",
);

/// The flavor that `crypt(3)` writes.
const FLAVOR: char = 'j';

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let sizes = parameters.strip_prefix(FLAVOR).ok_or(SHAPE)?;
    // A third character would mean lanes, more time, or a longer number.
    if sizes.len() != 2 {
        return Err(SHAPE);
    }
    let known = is_crypt64(salt) && is_crypt64(digest);
    if !known || !(1..=86).contains(&salt.len()) || digest.len() != 43 {
        return Err(SHAPE);
    }
    let parameters: Params = parameters.parse().map_err(|_| SHAPE)?;
    let memory = parameters
        .n()
        .saturating_mul(u64::from(parameters.r()))
        .div_ceil(8);
    within(memory, "memory in KiB (128 × r × N)", (1, MEMORY_KIB)).map(|_| ())
}

pub(super) fn verify(text: &str, _: &str, password: &[u8]) -> bool {
    // The crate compares in constant time.
    Yescrypt::default().verify_password(password, text).is_ok()
}

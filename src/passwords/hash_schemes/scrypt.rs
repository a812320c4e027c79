//! scrypt (RFC 7914), as `$scrypt$ln=…,r=…,p=…$salt$digest`, which is both the PHC form and passlib's.

use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::passwords::hash_schemes::form::{
    Bytes, FormError, MEMORY_KIB, WORK_KIB, number, within,
};

const SHAPE: FormError = FormError::Shape(
    "$scrypt$ln=…,r=…,p=…$salt$digest, in base64 without padding, the salt of 1 to 128 bytes and the \
     digest of 16 to 64",
);

/// Maximum size of a digest, in bytes.
const DIGEST: usize = 64;

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    parse(rest).is_ok_and(|(cost, salt, digest)| {
        matches(&cost, salt.as_slice(), digest.as_slice(), password)
    })
}

/// The parameters of a hash, if they are within bounds. N is two to the power of `log_n`.
pub(super) fn cost(log_n: u64, r: u64, p: u64) -> Result<::scrypt::Params, FormError> {
    within(log_n, "ln", (1, 24))?;
    within(r, "block size (r)", (1, 64))?;
    within(p, "number of lanes (p)", (1, 64))?;
    let memory = ((128 * r) << log_n).div_ceil(1024);
    within(memory, "memory in KiB (128 × r × N)", (1, MEMORY_KIB))?;
    within(memory * p, "memory in KiB times lanes", (1, WORK_KIB))?;
    let small = |number| u32::try_from(number).map_err(|_| SHAPE);
    let log_n = u8::try_from(log_n).map_err(|_| SHAPE)?;
    ::scrypt::Params::new(log_n, small(r)?, small(p)?).map_err(|_| SHAPE)
}

/// The same with N itself, which must be a power of two.
pub(super) fn cost_of(
    n: &str,
    r: &str,
    p: &str,
    shape: FormError,
) -> Result<::scrypt::Params, FormError> {
    let n = number(n, "cost (N)", (2, 1 << 24), shape)?;
    if !n.is_power_of_two() {
        return Err(shape);
    }
    let r = number(r, "block size (r)", (1, 64), shape)?;
    let p = number(p, "number of lanes (p)", (1, 64), shape)?;
    cost(u64::from(n.ilog2()), r, p)
}

/// Whether `password` with `salt` gives `digest`, which has at most 64 bytes.
pub(super) fn matches(
    cost: &::scrypt::Params,
    salt: &[u8],
    digest: &[u8],
    password: &[u8],
) -> bool {
    let mut made = Zeroizing::new([0; DIGEST]);
    let Some(made) = made.get_mut(..digest.len()) else {
        return false;
    };
    ::scrypt::scrypt(password, salt, cost, made).is_ok() && bool::from(made.ct_eq(digest))
}

fn parse(rest: &str) -> Result<(::scrypt::Params, Bytes, Bytes), FormError> {
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let parameters = parameters.strip_prefix("ln=").ok_or(SHAPE)?;
    let (log_n, parameters) = parameters.split_once(",r=").ok_or(SHAPE)?;
    let (r, p) = parameters.split_once(",p=").ok_or(SHAPE)?;
    let log_n = number(log_n, "ln", (1, 24), SHAPE)?;
    let r = number(r, "block size (r)", (1, 64), SHAPE)?;
    let p = number(p, "number of lanes (p)", (1, 64), SHAPE)?;
    let cost = cost(log_n, r, p)?;
    let salt = Bytes::decode(salt, &STANDARD_NO_PAD, (1, 128)).ok_or(SHAPE)?;
    let digest = Bytes::decode(digest, &STANDARD_NO_PAD, (16, DIGEST)).ok_or(SHAPE)?;
    Ok((cost, salt, digest))
}

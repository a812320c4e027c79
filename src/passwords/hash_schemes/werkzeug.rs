//! Hashes of Werkzeug (and Flask): `pbkdf2:sha256:rounds$salt$digest` and `scrypt:N:r:p$salt$digest`, with the salt
//! used as it is written and the digest in hexadecimal.

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Prf, rounds};
use crate::passwords::hash_schemes::scrypt;

const PBKDF2_SHAPE: FormError = FormError::Shape(
    "pbkdf2:sha256:rounds$salt$digest (or sha1, sha512), the salt of 1 to 128 printable characters \
     and the whole digest in hexadecimal",
);

const SCRYPT_SHAPE: FormError = FormError::Shape(
    "scrypt:N:r:p$salt$digest, N a power of two, the salt of 1 to 128 printable characters and the \
     digest of 64 bytes in hexadecimal",
);

/// Size of a salt, in bytes.
const SALT: (usize, usize) = (1, 128);

/// Whether `text`, which has one of the prefixes, also has the rest of a hash.
pub(super) fn is_like(text: &str) -> bool {
    text.contains('$')
}

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
        digest: Bytes::decode_hex(digest, (P::LENGTH, P::LENGTH)).ok_or(SHAPE)?,
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
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (n, parameters) = parameters.split_once(':').ok_or(SHAPE)?;
    let (r, p) = parameters.split_once(':').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let cost = scrypt::cost_of(n, r, p, SHAPE)?;
    let salt = Bytes::literal(salt, SALT).ok_or(SHAPE)?;
    let digest = Bytes::decode_hex(digest, (64, 64)).ok_or(SHAPE)?;
    Ok((cost, salt, digest))
}

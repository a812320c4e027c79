//! Hashes of ASP.NET Identity, which are bare base64 and recognised by their first bytes. Version 2: a zero, a salt
//! of 16 bytes and 32 bytes of PBKDF2 with HMAC-SHA-1 in 1,000 rounds. Version 3: a one, three numbers of four
//! bytes (the keyed digest, the rounds, the salt's length), salt and digest.

use base64::engine::general_purpose::STANDARD;

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Sha1, Sha256, Sha512, rounds_within};

const SHAPE: FormError = FormError::Shape(
    "base64 of a zero, a salt of 16 bytes and a digest of 32 (ASP.NET Identity 2), or of a one, the \
     keyed digest (0 to 2), the rounds, the salt's length, a salt of 16 to 64 bytes and a digest of \
     16 to 64 (ASP.NET Identity 3)",
);

/// Number of rounds in version 2.
const V2_ROUNDS: u64 = 1_000;

/// Length of version 2 in base64.
const V2_TEXT: usize = 68;

/// The beginning of version 3: a one, and three bytes of a number below three. The fourth byte decides the rest.
const V3_START: &str = "AQAAAA";

/// Minimum length in base64.
pub(super) const LEAST: usize = 60;

/// Whether `text` begins, and in version 2 ends, like these hashes.
pub(super) fn is_like(text: &str) -> bool {
    if text.len() < LEAST || !text.starts_with('A') {
        return false;
    }
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let v2 = text.len() == V2_TEXT
        && text
            .as_bytes()
            .get(1)
            .is_some_and(|second| (b'A'..=b'P').contains(second))
        && text.ends_with("==");
    (v2 || text.starts_with(V3_START)) && text.bytes().all(is_sign)
}

pub(super) fn check(text: &str) -> Result<(), FormError> {
    parse(text).map(|_| ())
}

pub(super) fn verify(text: &str, _: &str, password: &[u8]) -> bool {
    match parse(text) {
        Ok((0, hash)) => hash.matches::<Sha1>(password),
        Ok((1, hash)) => hash.matches::<Sha256>(password),
        Ok((_, hash)) => hash.matches::<Sha512>(password),
        Err(_) => false,
    }
}

/// The number of the keyed digest, and the hash.
fn parse(text: &str) -> Result<(u32, Hash), FormError> {
    let bytes = Bytes::decode(text, &STANDARD, (45, 141)).ok_or(SHAPE)?;
    let (version, rest) = bytes.as_slice().split_first().ok_or(SHAPE)?;
    match version {
        0 if rest.len() == 48 => Ok((0, hash(V2_ROUNDS, rest, 16)?)),
        1 => {
            let (prf, rest) = next(rest)?;
            let (rounds, rest) = next(rest)?;
            let (salt, rest) = next(rest)?;
            if prf > 2 || !(16..=64).contains(&salt) {
                return Err(SHAPE);
            }
            Ok((
                prf,
                hash(rounds_within(u64::from(rounds))?, rest, salt as usize)?,
            ))
        }
        _ => Err(SHAPE),
    }
}

fn next(bytes: &[u8]) -> Result<(u32, &[u8]), FormError> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or(SHAPE)?;
    Ok((u32::from_be_bytes(*number), rest))
}

fn hash(rounds: u64, bytes: &[u8], salt: usize) -> Result<Hash, FormError> {
    let (salt, digest) = bytes.split_at_checked(salt).ok_or(SHAPE)?;
    if !(16..=64).contains(&digest.len()) {
        return Err(SHAPE);
    }
    Ok(Hash {
        rounds,
        salt: Bytes::of(salt).ok_or(SHAPE)?,
        digest: Bytes::of(digest).ok_or(SHAPE)?,
    })
}

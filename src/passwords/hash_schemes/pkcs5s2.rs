//! Atlassian's `{PKCS5S2}` (Crowd, Jira, Confluence; also ApacheDS): base64 of a salt of 16 bytes and 32 bytes of
//! PBKDF2 with HMAC-SHA-1 in 10,000 rounds.

use base64::engine::general_purpose::STANDARD;

use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Sha1};

const SHAPE: FormError =
    FormError::Shape("{PKCS5S2} and base64 of 48 bytes: a salt of 16 and a digest of 32");

/// Number of rounds, which is not part of the text.
const ROUNDS: u64 = 10_000;

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    parse(rest).is_ok_and(|hash| hash.matches::<Sha1>(password))
}

fn parse(rest: &str) -> Result<Hash, FormError> {
    let bytes = Bytes::decode(rest, &STANDARD, (48, 48)).ok_or(SHAPE)?;
    let (salt, digest) = bytes.as_slice().split_at_checked(16).ok_or(SHAPE)?;
    Ok(Hash {
        rounds: ROUNDS,
        salt: Bytes::of(salt).ok_or(SHAPE)?,
        digest: Bytes::of(digest).ok_or(SHAPE)?,
    })
}

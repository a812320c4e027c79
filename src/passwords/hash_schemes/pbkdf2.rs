//! PBKDF2 (RFC 8018) with HMAC-SHA-1, HMAC-SHA-256 and HMAC-SHA-512, for which products have many formats. This file
//! has passlib's `$pbkdf2-sha256$rounds$salt$digest` with `.` for `+` (`$pbkdf2$` with SHA-1), and the PHC form
//! `$pbkdf2-sha256$i=rounds,l=length$salt$digest`.

use std::num::NonZeroU32;

use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use crate::passwords::hash_schemes::form::{Bytes, FormError, PBKDF2_ROUNDS, number, within};

const SHAPE: FormError = FormError::Shape(
    "$pbkdf2-sha256$rounds$salt$digest or $pbkdf2-sha256$i=…,l=…$salt$digest (or sha512, sha1), in \
     base64 without padding, the salt of 1 to 128 bytes and the digest of 16 to 64",
);

const ROUNDS: &str = "number of rounds";

/// The pseudorandom function.
pub(super) trait Prf {
    /// The algorithm in `ring`.
    fn algorithm() -> pbkdf2::Algorithm;
    /// Size of its digest, in bytes.
    const LENGTH: usize;
}

/// HMAC-SHA-1.
pub(super) struct Sha1;
/// HMAC-SHA-256.
pub(super) struct Sha256;
/// HMAC-SHA-512.
pub(super) struct Sha512;

impl Prf for Sha1 {
    fn algorithm() -> pbkdf2::Algorithm {
        PBKDF2_HMAC_SHA1
    }
    const LENGTH: usize = 20;
}

impl Prf for Sha256 {
    fn algorithm() -> pbkdf2::Algorithm {
        PBKDF2_HMAC_SHA256
    }
    const LENGTH: usize = 32;
}

impl Prf for Sha512 {
    fn algorithm() -> pbkdf2::Algorithm {
        PBKDF2_HMAC_SHA512
    }
    const LENGTH: usize = 64;
}

/// Parses the number of rounds, within bounds.
pub(super) fn rounds(text: &str, shape: FormError) -> Result<u64, FormError> {
    number(text, ROUNDS, (1, PBKDF2_ROUNDS), shape)
}

/// Checks that `rounds` is within bounds.
pub(super) fn rounds_within(rounds: u64) -> Result<u64, FormError> {
    within(rounds, ROUNDS, (1, PBKDF2_ROUNDS))
}

/// The parts of a hash, independent of its format.
pub(super) struct Hash {
    pub rounds: u64,
    pub salt: Bytes,
    pub digest: Bytes,
}

impl Hash {
    /// Whether `password` is its password. `ring` compares in constant time.
    pub(super) fn matches<P: Prf>(&self, password: &[u8]) -> bool {
        let rounds = u32::try_from(self.rounds).ok().and_then(NonZeroU32::new);
        rounds.is_some_and(|rounds| {
            let (salt, digest) = (self.salt.as_slice(), self.digest.as_slice());
            pbkdf2::verify(P::algorithm(), rounds, salt, password, digest).is_ok()
        })
    }
}

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify<P: Prf>(_: &str, rest: &str, password: &[u8]) -> bool {
    parse(rest).is_ok_and(|hash| hash.matches::<P>(password))
}

fn parse(rest: &str) -> Result<Hash, FormError> {
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let (count, length) = match parameters.strip_prefix("i=") {
        None => (parameters, None),
        Some(phc) => match phc.split_once(",l=") {
            None => (phc, None),
            Some((count, length)) => (count, Some(length)),
        },
    };
    let rounds = rounds(count, SHAPE)?;
    let salt = Bytes::decode_dotted(salt, &STANDARD_NO_PAD, (1, 128)).ok_or(SHAPE)?;
    let digest = Bytes::decode_dotted(digest, &STANDARD_NO_PAD, (16, 64)).ok_or(SHAPE)?;
    if let Some(length) = length {
        let actual = digest.as_slice().len() as u64;
        number(length, "length (l)", (actual, actual), SHAPE)?;
    }
    Ok(Hash {
        rounds,
        salt,
        digest,
    })
}

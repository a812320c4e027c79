//! PBKDF2 with HMAC-SHA-256 and HMAC-SHA-512 (RFC 8018), in three spellings: passlib's
//! `$pbkdf2-sha256$rounds$salt$digest` with `.` for `+`, the PHC form
//! `$pbkdf2-sha256$i=rounds,l=length$salt$digest`, and Django's `pbkdf2_sha256$rounds$salt$digest`.

use std::num::NonZeroU32;

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use crate::users::hash_schemes::form::{Bytes, FormError, PBKDF2_ROUNDS, number};

const SHAPE: FormError = FormError::Shape(
    "$pbkdf2-sha256$rounds$salt$digest or $pbkdf2-sha256$i=…,l=…$salt$digest (or sha512), in base64 \
     without padding, the salt of 1 to 128 bytes and the digest of 16 to 64",
);

const DJANGO_SHAPE: FormError = FormError::Shape(
    "pbkdf2_sha256$rounds$salt$digest, the salt of 1 to 128 printable characters and the digest of \
     32 bytes in base64",
);

const ROUNDS: &str = "number of rounds";

/// Salt and digest as they go into the function.
struct Parsed<'t> {
    rounds: u64,
    salt: Salt<'t>,
    digest: Bytes,
}

enum Salt<'t> {
    Decoded(Bytes),
    Literal(&'t str),
}

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn check_django(rest: &str) -> Result<(), FormError> {
    parse_django(rest).map(|_| ())
}

pub(super) fn verify_sha256(_: &str, rest: &str, password: &[u8]) -> bool {
    parse(rest).is_ok_and(|parsed| verify(PBKDF2_HMAC_SHA256, &parsed, password))
}

pub(super) fn verify_sha512(_: &str, rest: &str, password: &[u8]) -> bool {
    parse(rest).is_ok_and(|parsed| verify(PBKDF2_HMAC_SHA512, &parsed, password))
}

pub(super) fn verify_django(_: &str, rest: &str, password: &[u8]) -> bool {
    parse_django(rest).is_ok_and(|parsed| verify(PBKDF2_HMAC_SHA256, &parsed, password))
}

fn verify(algorithm: pbkdf2::Algorithm, parsed: &Parsed<'_>, password: &[u8]) -> bool {
    let rounds = u32::try_from(parsed.rounds).ok().and_then(NonZeroU32::new);
    let salt = match &parsed.salt {
        Salt::Decoded(bytes) => bytes.as_slice(),
        Salt::Literal(text) => text.as_bytes(),
    };
    // `ring` compares in constant time.
    rounds.is_some_and(|rounds| {
        pbkdf2::verify(algorithm, rounds, salt, password, parsed.digest.as_slice()).is_ok()
    })
}

fn parse(rest: &str) -> Result<Parsed<'_>, FormError> {
    let (parameters, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(SHAPE)?;
    let (rounds, length) = match parameters.strip_prefix("i=") {
        None => (parameters, None),
        Some(phc) => match phc.split_once(",l=") {
            None => (phc, None),
            Some((rounds, length)) => (rounds, Some(length)),
        },
    };
    let rounds = number(rounds, ROUNDS, (1, PBKDF2_ROUNDS), SHAPE)?;
    let salt = Bytes::decode_dotted(salt, &STANDARD_NO_PAD, (1, 128)).ok_or(SHAPE)?;
    let digest = Bytes::decode_dotted(digest, &STANDARD_NO_PAD, (16, 64)).ok_or(SHAPE)?;
    if let Some(length) = length {
        let actual = digest.as_slice().len() as u64;
        number(length, "length (l)", (actual, actual), SHAPE)?;
    }
    Ok(Parsed {
        rounds,
        salt: Salt::Decoded(salt),
        digest,
    })
}

fn parse_django(rest: &str) -> Result<Parsed<'_>, FormError> {
    let (rounds, rest) = rest.split_once('$').ok_or(DJANGO_SHAPE)?;
    let (salt, digest) = rest.split_once('$').ok_or(DJANGO_SHAPE)?;
    let rounds = number(rounds, ROUNDS, (1, PBKDF2_ROUNDS), DJANGO_SHAPE)?;
    let printable = salt.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || !(1..=128).contains(&salt.len()) {
        return Err(DJANGO_SHAPE);
    }
    let digest = Bytes::decode(digest, &STANDARD, (32, 32)).ok_or(DJANGO_SHAPE)?;
    Ok(Parsed {
        rounds,
        salt: Salt::Literal(salt),
        digest,
    })
}

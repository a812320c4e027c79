//! Apache Shiro's `$shiro1$SHA-256$rounds$salt$digest` (and SHA-512): the digest of salt and password, digested
//! repeatedly for the given number of rounds.

use base64::engine::general_purpose::STANDARD;
use ring::digest::{self, SHA256, SHA512};
use subtle::ConstantTimeEq;

use crate::passwords::hash_schemes::form::{Bytes, FormError, PBKDF2_ROUNDS, number};

const SHAPE: FormError = FormError::Shape(
    "$shiro1$SHA-256$rounds$salt$digest (or SHA-512), in base64, the salt of 1 to 64 bytes and the \
     whole digest",
);

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    let Ok((algorithm, rounds, salt, kept)) = parse(rest) else {
        return false;
    };
    let mut context = digest::Context::new(algorithm);
    context.update(salt.as_slice());
    context.update(password);
    let mut made = context.finish();
    for _ in 1..rounds {
        made = digest::digest(algorithm, made.as_ref());
    }
    made.as_ref().ct_eq(kept.as_slice()).into()
}

type Parsed = (&'static digest::Algorithm, u64, Bytes, Bytes);

fn parse(rest: &str) -> Result<Parsed, FormError> {
    let (name, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (rounds, rest) = rest.split_once('$').ok_or(SHAPE)?;
    let (salt, kept) = rest.split_once('$').ok_or(SHAPE)?;
    let algorithm = match name {
        "SHA-256" => &SHA256,
        "SHA-512" => &SHA512,
        _ => return Err(SHAPE),
    };
    let rounds = number(rounds, "number of rounds", (1, PBKDF2_ROUNDS), SHAPE)?;
    let salt = Bytes::decode(salt, &STANDARD, (1, 64)).ok_or(SHAPE)?;
    let length = algorithm.output_len();
    let kept = Bytes::decode(kept, &STANDARD, (length, length)).ok_or(SHAPE)?;
    Ok((algorithm, rounds, salt, kept))
}

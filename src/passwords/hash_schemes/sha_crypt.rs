//! SHA-crypt (Drepper, 2008), in the format of glibc's `crypt(3)`: `$5$…` with SHA-256 and `$6$…` with SHA-512, with
//! `rounds=` before the salt if there are not 5,000, the default.

use ::sha_crypt::{PasswordVerifier, ShaCrypt};

use crate::passwords::hash_schemes::form::{FormError, PASSWORD, is_crypt64, number};

const SHAPE_256: FormError = FormError::Shape(
    "$5$salt$digest or $5$rounds=…$salt$digest, of the characters ./0-9A-Za-z, the salt 1 to 16 and \
     the digest 43 of them",
);

const SHAPE_512: FormError = FormError::Shape(
    "$6$salt$digest or $6$rounds=…$salt$digest, of the characters ./0-9A-Za-z, the salt 1 to 16 and \
     the digest 86 of them",
);

/// Number of rounds: the minimum of the specification, and a maximum that takes some seconds.
const ROUNDS: (u64, u64) = (1_000, 1_000_000);

pub(super) fn check_256(rest: &str) -> Result<(), FormError> {
    check(rest, 43, SHAPE_256)
}

pub(super) fn check_512(rest: &str) -> Result<(), FormError> {
    check(rest, 86, SHAPE_512)
}

pub(super) fn verify(text: &str, _: &str, password: &[u8]) -> bool {
    password.len() <= PASSWORD && ShaCrypt::SHA512.verify_password(password, text).is_ok()
}

fn check(rest: &str, length: usize, shape: FormError) -> Result<(), FormError> {
    let rest = match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(shape)?;
            number(rounds, "number of rounds", ROUNDS, shape)?;
            rest
        }
        None => rest,
    };
    let (salt, digest) = rest.split_once('$').ok_or(shape)?;
    let known = is_crypt64(salt) && is_crypt64(digest);
    if known && (1..=16).contains(&salt.len()) && digest.len() == length {
        Ok(())
    } else {
        Err(shape)
    }
}

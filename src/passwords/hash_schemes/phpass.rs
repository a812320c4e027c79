//! phpass, the "portable" hashes of WordPress before 6.8, phpBB and others: `$P$` (phpBB: `$H$`), one character for
//! the rounds, eight of salt and 22 of iterated MD5. Drupal 7 uses the form with SHA-512, as `$S$`, cut to 55
//! characters; `U$S$` is the same over the hexadecimal MD5 of the password.

use md5::{Digest, Md5};
use ring::digest::{Context, SHA512};
use subtle::ConstantTimeEq;

use crate::hex;
use crate::passwords::hash_schemes::crypt64;
use crate::passwords::hash_schemes::form::{FormError, PASSWORD, is_crypt64, within};

const SHAPE: FormError = FormError::Shape(
    "$P$ (or $H$) and 31 of the characters ./0-9A-Za-z: one for the rounds, eight of salt, 22 of digest",
);

const DRUPAL_SHAPE: FormError = FormError::Shape(
    "$S$ (or U$S$) and 52 of the characters ./0-9A-Za-z: one for the rounds, eight of salt, 43 of digest",
);

/// Binary logarithm of the rounds; the maximum takes about a second.
const COST: (u64, u64) = (7, 22);
const DRUPAL_COST: (u64, u64) = (7, 20);

/// Length of the text after the prefix.
const LENGTH: usize = 31;
const DRUPAL_LENGTH: usize = 52;

/// Whether all of `text` looks like a hash: a password could begin with `$P$`, too.
pub(super) fn is_like(text: &str) -> bool {
    text.len() == 3 + LENGTH && text.get(3..).is_some_and(is_crypt64)
}

/// The same for Drupal.
pub(super) fn is_like_drupal(text: &str) -> bool {
    let text = text.strip_prefix('U').unwrap_or(text);
    text.len() == 3 + DRUPAL_LENGTH && text.get(3..).is_some_and(is_crypt64)
}

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest, LENGTH, COST, SHAPE).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    let Ok((rounds, salt, kept)) = parse(rest, LENGTH, COST, SHAPE) else {
        return false;
    };
    if password.len() > PASSWORD {
        return false;
    }
    let once = |first: &[u8]| {
        Md5::new()
            .chain_update(first)
            .chain_update(password)
            .finalize()
    };
    let mut made = once(salt.as_bytes());
    for _ in 0..rounds {
        made = once(&made);
    }
    crypt64::encode(&made).ct_eq(kept.as_bytes()).into()
}

pub(super) fn check_drupal(rest: &str) -> Result<(), FormError> {
    parse(rest, DRUPAL_LENGTH, DRUPAL_COST, DRUPAL_SHAPE).map(|_| ())
}

pub(super) fn verify_drupal(text: &str, rest: &str, password: &[u8]) -> bool {
    if password.len() > PASSWORD {
        return false;
    }
    match text.starts_with(['U', 'u']) {
        false => matches_drupal(rest, password),
        true => matches_drupal(rest, hex::encode(&Md5::digest(password)).as_bytes()),
    }
}

fn matches_drupal(rest: &str, password: &[u8]) -> bool {
    let Ok((rounds, salt, kept)) = parse(rest, DRUPAL_LENGTH, DRUPAL_COST, DRUPAL_SHAPE) else {
        return false;
    };
    let once = |first: &[u8]| {
        let mut context = Context::new(&SHA512);
        context.update(first);
        context.update(password);
        context.finish()
    };
    let mut made = once(salt.as_bytes());
    for _ in 0..rounds {
        made = once(made.as_ref());
    }
    let made = crypt64::encode(made.as_ref());
    made.get(..kept.len())
        .is_some_and(|made| made.ct_eq(kept.as_bytes()).into())
}

/// Parses rounds, salt and digest.
fn parse(
    rest: &str,
    length: usize,
    cost: (u64, u64),
    shape: FormError,
) -> Result<(u64, &str, &str), FormError> {
    if rest.len() != length || !is_crypt64(rest) {
        return Err(shape);
    }
    let first = rest.bytes().next().and_then(crypt64::value).ok_or(shape)?;
    let doublings = within(first, "cost (the doublings of its rounds)", cost)?;
    let (salt, kept) = rest.split_at_checked(9).ok_or(shape)?;
    Ok((1 << doublings, salt.get(1..).ok_or(shape)?, kept))
}

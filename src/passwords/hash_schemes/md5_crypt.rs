//! MD5-crypt (Kamp, 1994) with 1,000 rounds: `$1$salt$digest` in shadow files and `$apr1$salt$digest` in Apache,
//! which differs only in the word that is hashed.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::passwords::hash_schemes::crypt64;
use crate::passwords::hash_schemes::form::{FormError, PASSWORD, is_crypt64};

const SHAPE: FormError = FormError::Shape(
    "$1$salt$digest or $apr1$salt$digest, of the characters ./0-9A-Za-z, the salt 1 to 8 and the \
     digest 22 of them",
);

/// The positions of the digest's bytes in the text.
const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

pub(super) fn check(rest: &str) -> Result<(), FormError> {
    parse(rest).map(|_| ())
}

pub(super) fn verify(_: &str, rest: &str, password: &[u8]) -> bool {
    matches("$1$", rest, password)
}

pub(super) fn verify_apr1(_: &str, rest: &str, password: &[u8]) -> bool {
    matches("$apr1$", rest, password)
}

fn matches(word: &str, rest: &str, password: &[u8]) -> bool {
    let Ok((salt, kept)) = parse(rest) else {
        return false;
    };
    if password.len() > PASSWORD {
        return false;
    }
    let made = digest(word.as_bytes(), salt.as_bytes(), password);
    let ordered: Vec<u8> = ORDER
        .iter()
        .filter_map(|place| made.get(*place).copied())
        .collect();
    crypt64::encode(&ordered).ct_eq(kept.as_bytes()).into()
}

fn digest(word: &[u8], salt: &[u8], password: &[u8]) -> [u8; 16] {
    let of = |parts: &[&[u8]]| -> [u8; 16] {
        let mut context = Md5::new();
        for part in parts {
            context.update(part);
        }
        context.finalize().into()
    };
    let inner = of(&[password, salt, password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(word);
    first.update(salt);
    for block in password.chunks(inner.len()) {
        first.update(inner.get(..block.len()).unwrap_or(&inner));
    }
    // As in the original code, each set bit of the length adds a zero, each other bit the first byte.
    let mut bits = password.len();
    while bits > 0 {
        let odd: &[u8] = if bits & 1 == 1 {
            &[0]
        } else {
            password.get(..1).unwrap_or_default()
        };
        first.update(odd);
        bits >>= 1;
    }
    let mut made: [u8; 16] = first.finalize().into();
    for round in 0..1_000 {
        let odd = round % 2 == 1;
        let kept = made;
        let (before, after_prefix): (&[u8], &[u8]) = if odd {
            (password, &kept)
        } else {
            (&kept, password)
        };
        let salt = if round % 3 == 0 { &[] } else { salt };
        let again = if round % 7 == 0 { &[] } else { password };
        made = of(&[before, salt, again, after_prefix]);
    }
    made
}

/// Salt and digest.
fn parse(rest: &str) -> Result<(&str, &str), FormError> {
    let (salt, kept) = rest.split_once('$').ok_or(SHAPE)?;
    let known = is_crypt64(salt) && is_crypt64(kept);
    match known && (1..=8).contains(&salt.len()) && kept.len() == 22 {
        true => Ok((salt, kept)),
        false => Err(SHAPE),
    }
}

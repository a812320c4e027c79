//! Hashes and digests with other characters: the name of the scheme and its parameters stay, salts and digests are
//! replaced within their alphabets. Which part is which is not asked here: less and less is replaced until an import
//! takes the text for the same again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::import::anonymize::alphabet::{DIGITS, HEX_LETTERS};
use crate::import::anonymize::draws::Draws;

/// How much of a hash is replaced: parts of so many characters at the least, behind so many at the beginning of
/// each.
const WAYS: [(usize, usize); 22] = [
    (4, 0),
    (5, 0),
    (8, 0),
    (10, 0),
    (13, 0),
    (16, 0),
    (20, 0),
    (1, 0),
    (8, 2),
    (8, 4),
    (13, 4),
    (8, 7),
    (8, 8),
    (13, 8),
    (20, 8),
    (13, 12),
    (20, 16),
    (20, 20),
    (20, 24),
    (20, 32),
    (32, 48),
    (40, 64),
];

/// How often each way is tried: some characters have bits that have to be zero.
const TRIES: usize = 24;

/// Characters of a salt of bcrypt with its digest; the last character of the salt has bits that have to be zero.
const BCRYPT: (usize, usize) = (53, 21);

/// A hash like `text` for which `is_like` holds; none: no way leads to one.
pub(super) fn replaced(
    text: &str,
    draws: &mut Draws,
    is_like: &dyn Fn(&str) -> bool,
) -> Option<String> {
    for (least, front) in WAYS {
        for _ in 0..TRIES {
            let new = draw(text, least, front, draws);
            if new == text {
                break;
            }
            if is_like(&new) {
                return Some(new);
            }
        }
    }
    None
}

/// The text with other characters in all parts that are long enough.
pub(super) fn draw(text: &str, least: usize, front: usize, draws: &mut Draws) -> String {
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(|it| !is_of_part(it)).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(length);
        let (mark, part) = part.split_at(mark(&new, part));
        new.push_str(mark);
        let is_name = new.ends_with('{') && behind.starts_with('}');
        match part.len() < least.max(1) || is_name || is_parameter(part, least) || is_key(behind) {
            true => new.push_str(part),
            false => push_part(part, (least, front), draws, &mut new),
        }
        let sign = behind.chars().next();
        new.extend(sign);
        rest = behind
            .get(sign.map_or(0, char::len_utf8)..)
            .unwrap_or_default();
    }
    new
}

/// Bytes of a part that say how it is written: `0x`, the `x` of `\\x`, and the two digits behind a `%`.
fn mark(before: &str, part: &str) -> usize {
    let is_hex = |rest: &str| !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_hexdigit());
    let is_marked = |mark: &str| part.strip_prefix(mark).is_some_and(is_hex);
    if before.ends_with('%') {
        part.len().min(2)
    } else if before.is_empty() && (is_marked("0x") || is_marked("0X")) {
        2
    } else {
        usize::from(before.ends_with('\\') && is_marked("x"))
    }
}

/// Whether what follows says that a part is the name of a parameter: `"algorithm":`, `rounds=5000`.
fn is_key(behind: &str) -> bool {
    let is_of_json = || {
        let rest = behind.strip_prefix('"');
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let is_pair = || {
        let rest = behind.strip_prefix('=');
        rest.is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
    };
    is_of_json() || is_pair()
}

/// Reads and writes bytes as a text.
type Decode = fn(&str) -> Option<Vec<u8>>;
type Encode = fn(&str) -> String;

/// The text that a part is in base64 or hexadecimal, and how it is written again.
fn encoded(part: &str) -> Option<(String, Encode)> {
    const LEAST: usize = 12;
    let ways: [(Decode, Encode); 3] = [
        (
            |it| STANDARD_NO_PAD.decode(it).ok(),
            |it| STANDARD_NO_PAD.encode(it),
        ),
        (from_hex, |it| {
            it.bytes().map(|byte| format!("{byte:02x}")).collect()
        }),
        (from_hex, |it| {
            it.bytes().map(|byte| format!("{byte:02X}")).collect()
        }),
    ];
    ways.into_iter().find_map(|(decode, encode)| {
        let text = String::from_utf8(decode(part)?).ok()?;
        let is_text = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
        (is_text && part.len() >= LEAST && encode(&text) == part).then_some((text, encode))
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| {
        let digits = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    pairs.iter().map(byte).collect()
}

/// Whether a character belongs to a salt, a digest, or a word.
fn is_of_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '.' | '-' | '_')
}

/// Whether a part is the number of rounds or a length, or a name such as `pbkdf2-sha256`.
fn is_parameter(part: &str, least: usize) -> bool {
    let is_number = least > 1 && part.len() <= 10 && part.bytes().all(|it| it.is_ascii_digit());
    let lower = part.to_ascii_lowercase();
    let names = [
        "argon2", "bcrypt", "crypt", "pbkdf2", "sha1", "sha2", "sha3", "sha5", "sha-", "sha_",
        "ssha", "md5", "hmac", "digest", "hash", "wso2", "spring", "ntlm", "mysql", "salt",
        "saslname", "plain",
    ];
    is_number || part.len() < 32 && names.iter().any(|name| lower.contains(name))
}

fn push_part(part: &str, (least, front): (usize, usize), draws: &mut Draws, new: &mut String) {
    if let Some((text, encode)) = encoded(part) {
        new.push_str(&encode(&draw(&text, least.min(4), front, draws)));
        return;
    }
    // Its bytes may have a sign between them.
    let is_hex = part
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let last = part.len().saturating_sub(1);
    for (place, old) in part.chars().enumerate() {
        // The last character of base64 may have bits that have to be zero.
        let stays = place < front
            || !is_hex && part.len() > 8 && place == last
            || (part.len(), place) == BCRYPT;
        let drawn = match old {
            _ if stays => None,
            '0'..='9' => draws.one_of(&DIGITS),
            'a'..='f' if is_hex => draws.one_of(&HEX_LETTERS),
            'A'..='F' if is_hex => draws.one_of(&HEX_LETTERS).map(|it| it.to_ascii_uppercase()),
            'a'..='z' => Some(letter(draws)),
            'A'..='Z' => Some(letter(draws).to_ascii_uppercase()),
            _ => None,
        };
        new.push(drawn.unwrap_or(old));
    }
}

fn letter(draws: &mut Draws) -> char {
    let number = u8::try_from(draws.below(26)).unwrap_or_default();
    char::from(b'a' + number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::hash_schemes::{Recognised, recognise};

    /// What the text is taken for.
    fn seen(text: &str) -> String {
        match recognise(text) {
            None => "nothing".into(),
            Some(Recognised::Known(hash)) => {
                format!(
                    "{} {:?}",
                    hash.scheme(),
                    hash.check().map_err(|it| it.to_string())
                )
            }
            Some(Recognised::Foreign(name)) => name.into(),
            Some(Recognised::Unnamed) => "unnamed".into(),
            Some(Recognised::Locked) => "locked".into(),
            Some(Recognised::Unusable) => "unusable".into(),
        }
    }

    #[test]
    fn a_hash_stays_one_of_its_scheme_with_its_parameters() {
        let mut draws = Draws::new(&[3; 32]);
        for (hash, kept) in [
            (
                "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
                "$2b$10$",
            ),
            (
                "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfA",
                "$argon2id$v=19$m=65536,t=3,p=4$",
            ),
            ("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g7KsbVzqwmPA==", "{SSHA}"),
            (
                "$6$rounds=5000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1",
                "$6$rounds=5000$",
            ),
            ("{MD5}X03MO1qnZdYdgyfeuILPmQ==", "{MD5}"),
            (
                "pbkdf2_sha256$260000$abcdefghijkl$lpRvXTMRzQgv0WGW8YqDBMlxYHT2BLVBHDJDdPyGXMk=",
                "pbkdf2_sha256$260000$",
            ),
            (
                "sha1$a1b2c3$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
                "sha1$",
            ),
        ] {
            let is_like = |new: &str| seen(new) == seen(hash);
            let new = replaced(hash, &mut draws, &is_like).unwrap_or_else(|| panic!("{hash}"));
            assert!(new.starts_with(kept), "{new}");
            assert_eq!(new.len(), hash.len());
            let digest = &hash[hash.len() - 16..hash.len() - 3];
            assert!(!new.contains(digest), "{new}");
        }
    }
}

//! Hashes and digests with other characters: the name of the scheme and its parameters stay, salts and digests are
//! replaced within their alphabets. Which part is which is not asked here: less and less is replaced until an import
//! takes the text for the same again.

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
        let is_key = behind
            .strip_prefix('"')
            .is_some_and(|behind| behind.trim_start().starts_with(':'));
        let is_percent = new.ends_with('%');
        match part.len() < least.max(1) || is_parameter(part, least) || is_key || is_percent {
            true => new.push_str(part),
            false => push_part(part, front, draws, &mut new),
        }
        let sign = behind.chars().next();
        new.extend(sign);
        rest = behind
            .get(sign.map_or(0, char::len_utf8)..)
            .unwrap_or_default();
    }
    new
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

fn push_part(part: &str, front: usize, draws: &mut Draws, new: &mut String) {
    let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
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
    use crate::users::hash_schemes::{Recognised, recognise};

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

//! Detects text that looks like a password hash from another system, whatever its scheme: by its first word, by its
//! last part, or by a hash inside it. Whether the scheme is supported does not matter here.
//!
//! Most cells are decided by their length and a search for a `$`. The rest takes time proportional to the length of
//! the text, and allocates only for encoded hashes.

use base64::Engine;
use memchr::{memchr, memchr2_iter};

use crate::passwords::hash_schemes::digest_form;
use crate::passwords::hash_schemes::foreign_names::{self, Named, Place};

/// A hash or a marker, and its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appearance {
    /// Looks like a hash of this scheme.
    Like(&'static str),
    /// Looks like a hash of an unknown scheme.
    LikeAny,
    /// Looks like a hash with a lock before it (`!`, `*LK*`).
    Locked,
    /// Looks like the mark of an account without a usable password.
    Unusable,
}

/// Minimum length of a hash without a `$` and without leading punctuation.
const SHORTEST: usize = 28;

/// Minimum length of the last part of a hash.
const LAST_PART: usize = 20;

/// Minimum length of the text after a name that is also an English word.
const WEAK_BODY: usize = 13;

/// Number of characters before a digest in which the name of its scheme is searched.
const LONGEST_NAME: usize = 32;

/// Maximum length of base64 that is decoded to search for a hash.
const BASE64_TEXT: usize = 2048;

/// A fast check that `text` is not a hash, which is sufficient for most passwords.
pub(super) fn is_ordinary(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() < SHORTEST
        && memchr(b'$', bytes).is_none()
        && match bytes.first() {
            Some(b'{' | b'[' | b'*' | b'!' | b'(') => false,
            Some(b'0'..=b'9') => memchr(b'|', bytes).is_none(),
            _ => true,
        }
}

/// Classifies a `text` that is not [ordinary](is_ordinary); `None` for a plain password.
pub(super) fn appearance(text: &str) -> Option<Appearance> {
    if let Some(found) = marked(text) {
        return Some(found);
    }
    let named = begins(text)
        .or_else(|| after_version_number(text))
        .or_else(|| whole(text))
        .or_else(|| before_digest(text));
    if let Some(name) = named {
        return Some(Appearance::Like(name));
    }
    if is_json(text) || is_hex_dump(text) || ends_like_a_hash(text) || holds_digest(text) {
        return Some(Appearance::LikeAny);
    }
    embedded(text)
        .or_else(|| in_base64(text))
        .or_else(|| encoded(text))
        .map(Appearance::Like)
}

/// Unwraps a text that only surrounds another: quotation marks, Python's `b'…'`, a version number
/// (`3|$argon2id$…`) or a program's prefix for bcrypt. The result need not be a hash.
pub(super) fn unwrapped(text: &str) -> Option<&str> {
    let quoted = |text: &'_ str| {
        let inner = text.get(1..text.len().checked_sub(1)?)?;
        ['\'', '"']
            .iter()
            .any(|it| text.starts_with(*it) && text.ends_with(*it))
            .then_some(inner.len())
    };
    let bytes_literal = text.strip_prefix(['b', 'B']).unwrap_or(text);
    if quoted(bytes_literal).is_some() {
        return bytes_literal.get(1..bytes_literal.len() - 1);
    }
    if let Some((version, inner)) = text.split_once('|')
        && (1..=3).contains(&version.len())
        && version.bytes().all(|it| it.is_ascii_digit())
        && inner.starts_with('$')
    {
        return Some(inner);
    }
    text.strip_prefix("#jbcrypt:")
}

/// Detects a lock before a hash, or instead of one.
fn marked(text: &str) -> Option<Appearance> {
    if !text.starts_with(['!', '*']) {
        return None;
    }
    // MySQL's hashes begin with an asterisk.
    if let Some(digest) = text.strip_prefix('*')
        && digest.len() == 40
        && is_hex(digest)
    {
        return Some(Appearance::Like("mysql"));
    }
    // Django's mark: `!` and forty random letters and digits.
    if let Some(random) = text.strip_prefix('!')
        && random.len() == 40
        && random.bytes().all(|it| it.is_ascii_alphanumeric())
    {
        return Some(Appearance::Unusable);
    }
    const WORDS: [&str; 7] = [
        "LK*",
        "NP*",
        "LOCKED*",
        "LOCK*",
        "NOLOGIN*",
        "DISABLED*",
        "EXPIRED*",
    ];
    let mut rest = text;
    while let Some(shorter) = rest.strip_prefix(['!', '*']) {
        rest = shorter;
        for word in WORDS {
            let start = rest.get(..word.len());
            if start.is_some_and(|it| it.eq_ignore_ascii_case(word)) {
                rest = rest.get(word.len()..).unwrap_or_default();
            }
        }
    }
    match rest {
        // One repeated character is a mask, which is detected elsewhere.
        "" if text.len() <= 3 || text.bytes().any(|it| it.is_ascii_alphabetic()) => {
            Some(Appearance::Unusable)
        }
        "" => None,
        _ if begins(rest).or_else(|| whole(rest)).is_some()
            || is_json(rest)
            || ends_like_a_hash(rest) =>
        {
            Some(Appearance::Locked)
        }
        _ => None,
    }
}

/// The scheme whose name `text` begins with.
fn begins(text: &str) -> Option<&'static str> {
    // Drupal marks hashes that were computed from older ones.
    let text = text
        .strip_prefix('U')
        .filter(|it| it.starts_with('$'))
        .unwrap_or(text);
    let found = match text.as_bytes().first()? {
        b'$' => between_dollars(text)?,
        b'{' => in_braces(text)?,
        _ => return bare(text),
    };
    let (named, rest) = found;
    (named.sure || has_body(rest)).then_some(named.name)
}

/// The scheme of a hash after a version number: `3|$sha1$…`, `4|{SSHA}…`.
fn after_version_number(text: &str) -> Option<&'static str> {
    let (number, inner) = text.split_once('|')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
    begins(inner).filter(|_| is_number && inner.starts_with(['$', '{']))
}

/// The name at the beginning of a text that starts with `$`, and the text after it.
fn between_dollars(text: &str) -> Option<(Named, &str)> {
    let inner = text.strip_prefix('$')?;
    // MySQL's caching_sha2_password: `$A$`, thousands of rounds in three digits, then salt and digest with arbitrary
    // characters.
    let rounds = inner
        .get(..6)
        .and_then(|it| it.strip_prefix("A$")?.strip_suffix('$'));
    if rounds.is_some_and(|it| it.len() == 3 && is_hex(it)) {
        return Some((MYSQL, inner.get(6..)?));
    }
    let window = inner.as_bytes().iter().take(40);
    let end = window.clone().position(|it| matches!(it, b'$' | b','))?;
    // A shell may have added a backslash before each `$`.
    let word = inner.get(..end)?.trim_end_matches('\\');
    let named = foreign_names::find(word, Place::Dollars)?;
    Some((named, inner.get(end + 1..)?))
}

/// The same for a text that starts with `{`.
fn in_braces(text: &str) -> Option<(Named, &str)> {
    let inner = text.strip_prefix('{')?;
    let end = inner.bytes().take(64).position(|it| it == b'}')?;
    let named = foreign_names::find(inner.get(..end)?, Place::Braces)?;
    Some((named, inner.get(end + 1..)?))
}

const MYSQL: Named = Named {
    name: "mysql",
    sure: true,
};

/// The scheme of a name before a digest, with punctuation between: `sha256-47DEQ…=`, `md5 5f4d…`, `sha-512_…`.
fn before_digest(text: &str) -> Option<&'static str> {
    if text.len() < SHORTEST {
        return None;
    }
    let is_sign = |it: &(usize, char)| !it.1.is_ascii_alphanumeric();
    let mut signs = text.char_indices().take(LONGEST_NAME).filter(is_sign);
    signs.find_map(|(place, sign)| {
        let (word, rest) = text.split_at_checked(place)?;
        let named = foreign_names::find(word, Place::Bare)?;
        let digest = rest.get(sign.len_utf8()..)?.trim();
        let is_digest = digest_form::is_random(digest, LAST_PART)
            && !digest_form::DigestForms::of(digest).is_none();
        is_digest.then_some(named.name)
    })
}

/// The scheme of `word$…`, `word:…$…`, and of `word` and other punctuation if a digest follows.
fn bare(text: &str) -> Option<&'static str> {
    let is_word = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    let end = text.bytes().take(40).position(|it| !is_word(&it))?;
    let (word, rest) = text.split_at_checked(end)?;
    let sign = rest.as_bytes().first()?;
    if !matches!(sign, b'$' | b':' | b'|' | b'/' | b'(' | b'#' | b'}') {
        return None;
    }
    let named = foreign_names::find(word, Place::Bare)?;
    let rest = rest.get(1..).filter(|it| !it.is_empty())?;
    let enough = match sign {
        b'$' | b':' if rest.contains('$') => named.sure || has_body(rest),
        b'$' => has_body(rest),
        _ => digest_form::is_random(last_part(rest.trim_end_matches(')')), LAST_PART),
    };
    enough.then_some(named.name)
}

/// The scheme of a text that is identified by its length and first bytes.
fn whole(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    // PostgreSQL: `md5` and a digest.
    if bytes.len() == 35
        && let Some(digest) = text.strip_prefix("md5")
        && is_hex(digest)
    {
        return Some("md5 of PostgreSQL");
    }
    // Domino: `(G` or `(H` and base64 with its own alphabet.
    if matches!(bytes, [b'(', b'G' | b'H', .., b')'])
        && matches!(bytes.len(), 22 | 51)
        && text
            .get(1..text.len() - 1)
            .is_some_and(|inner| digest_form::is_random(inner, LAST_PART - 1))
    {
        return Some("domino");
    }
    if bytes.first() == Some(&b'A') && bytes.len() >= 48 {
        // ASP.NET Identity: a version byte; version 2 then has a salt of 16 bytes and a key of 32.
        if text.starts_with("AQAAAA") && is_base64(text) {
            return Some("aspnet-identity");
        }
        if bytes.len() == 68 && text.ends_with("==") && is_base64(text) {
            return Some("aspnet-identity");
        }
        // Liferay: bits and rounds, four bytes each.
        if text.starts_with("AAAAoAA") && is_base64(text) {
            return Some("pbkdf2-sha1");
        }
    }
    None
}

/// Whether `text` is a JSON object or list with the fields of a hash, as exported by Keycloak and others.
fn is_json(text: &str) -> bool {
    const FIELDS: [&str; 10] = [
        "\"algorithm",
        "\"salt",
        "\"hash",
        "hash\"",
        "\"secretdata",
        "\"credentialdata",
        "\"value",
        "\"digest",
        "\"iterations",
        "\"password",
    ];
    if !text.starts_with(['{', '[']) || memchr(b'"', text.as_bytes()).is_none() {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    lower.contains(':') && FIELDS.iter().any(|field| lower.contains(field))
}

/// Whether `text` is hexadecimal after `0x` (SQL Server) or `\x` (PostgreSQL).
fn is_hex_dump(text: &str) -> bool {
    let dump = ["0x", "0X", "\\x"]
        .iter()
        .find_map(|mark| text.strip_prefix(mark));
    dump.is_some_and(|digits| digits.len() >= 32 && is_hex(digits))
}

/// Whether the last part of `text`, after a `$`, `:` or `}`, looks like the random letters and digits of a digest,
/// or any part is a whole hexadecimal digest.
fn ends_like_a_hash(text: &str) -> bool {
    // A URL has a `:` before its path.
    if text.len() < SHORTEST || text.contains("://") {
        return false;
    }
    let is_between = |it: char| match it {
        '$' | ':' | '}' => true,
        // John the Ripper's separators for hashes of more than one part.
        '*' | '#' => text.starts_with('$'),
        _ => false,
    };
    let mut parts = text.rsplit(is_between);
    let last = parts.next().unwrap_or_default();
    if last.len() == text.len() {
        return false;
    }
    digest_form::is_random(last, LAST_PART)
        || std::iter::once(last)
            .chain(parts)
            .any(digest_form::is_whole_hex_digest)
}

/// Whether `text` contains a whole hexadecimal digest, or one in padded base64, next to other text (`md5-5f4d…`,
/// `5f4d…|salt`, `NTLM 8846…`, `X03MO1…== (md5)`), or a digest with punctuation between its bytes (`5f:4d:cc:…`).
fn holds_digest(text: &str) -> bool {
    if text.len() <= SHORTEST || text.contains("://") {
        return false;
    }
    let hexadecimal = |it: &str| it.len() < text.len() && digest_form::is_whole_hex_digest(it);
    let mut words = text.split(|it: char| !it.is_ascii_alphanumeric());
    if words.any(hexadecimal) {
        return true;
    }
    let is_between = |it: char| it.is_whitespace() || matches!(it, '|' | ',' | ';' | '(' | ')');
    let base64 =
        |it: &str| it.len() < text.len() && it.ends_with('=') && digest_form::is_bare_digest(it);
    text.split(is_between).any(base64) || is_in_bytes(text)
}

/// Whether `text` is a hexadecimal digest with one separator between its bytes, or between groups of bytes.
fn is_in_bytes(text: &str) -> bool {
    let Some(sign) = text.find(|it: char| !it.is_ascii_hexdigit()) else {
        return false;
    };
    let Some(between) = text.get(sign..).and_then(|rest| rest.chars().next()) else {
        return false;
    };
    let mut digest = String::with_capacity(text.len());
    sign >= 2
        && text.split(between).all(|group| {
            digest.push_str(group);
            group.len() == sign
        })
        && digest_form::is_whole_hex_digest(&digest)
}

/// The scheme of a hash that is completely percent-encoded or hexadecimal.
fn encoded(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let is_percent = || {
        let signs = ["%24", "%7b", "%7B"];
        memchr(b'%', bytes).is_some() && signs.iter().any(|sign| text.contains(sign))
    };
    let is_dump = || {
        // `$` and `{` in hexadecimal.
        matches!(bytes, [b'2', b'4', ..] | [b'7', b'b' | b'B', ..]) && is_hex(text)
    };
    let decoded = if text.len() < SHORTEST || text.len() > BASE64_TEXT {
        return None;
    } else if is_percent() {
        without_percent(text)?
    } else if is_dump() {
        let (pairs, _) = bytes.as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(|pair| hex_byte(pair)).collect();
        String::from_utf8(bytes?).ok()?
    } else {
        return None;
    };
    begins(&decoded).or_else(|| embedded(&decoded))
}

/// Decodes the percent-encoded bytes of `text`.
fn without_percent(text: &str) -> Option<String> {
    let mut parts = text.as_bytes().split(|it| *it == b'%');
    let mut decoded = parts.next()?.to_vec();
    for part in parts {
        match part
            .split_at_checked(2)
            .map(|(pair, rest)| (hex_byte(pair), rest))
        {
            Some((Some(byte), rest)) => {
                decoded.push(byte);
                decoded.extend_from_slice(rest);
            }
            _ => {
                decoded.push(b'%');
                decoded.extend_from_slice(part);
            }
        }
    }
    String::from_utf8(decoded).ok()
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// The scheme of a hash inside `text`.
fn embedded(text: &str) -> Option<&'static str> {
    memchr2_iter(b'$', b'{', text.as_bytes()).find_map(|start| {
        let rest = text.get(start..)?;
        let (named, body) = match rest.starts_with('$') {
            true => between_dollars(rest)?,
            false => in_braces(rest)?,
        };
        let sign = |it: u8| it.is_ascii_alphanumeric() || b"./+=,$_-\\".contains(&it);
        let end = body.bytes().position(|it| !sign(it)).unwrap_or(body.len());
        digest_form::is_random(last_part(body.get(..end)?), LAST_PART).then_some(named.name)
    })
}

/// The scheme of a hash that is encoded as base64, as in LDIF after `::`.
fn in_base64(text: &str) -> Option<&'static str> {
    // In base64, `{` begins with `e` and `$` with `J`.
    if !text.starts_with(['e', 'J']) || !(SHORTEST..=BASE64_TEXT).contains(&text.len()) {
        return None;
    }
    let unpadded = text.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(unpadded)
        .ok()?;
    begins(std::str::from_utf8(&bytes).ok()?)
}

/// Whether text like a salt or a digest follows a name.
fn has_body(rest: &str) -> bool {
    let last = last_part(rest);
    let last = last
        .trim_end_matches('*')
        .rsplit(['*', '#'])
        .next()
        .unwrap_or(last);
    let mut sort = (false, false);
    for byte in last.bytes() {
        match byte {
            b'0'..=b'9' => sort.0 = true,
            b'a'..=b'z' | b'A'..=b'Z' => sort.1 = true,
            b'.' | b'/' | b'+' | b'=' => {}
            _ => return false,
        }
    }
    last.len() >= WEAK_BODY && sort == (true, true)
}

/// The text after the last `$`, `:` or `}` that is not at the end.
fn last_part(text: &str) -> &str {
    let ends = ['$', ':', '}'];
    let trimmed = text.trim_end_matches(ends);
    trimmed.rsplit(ends).next().unwrap_or_default()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let sign = |it: u8| it.is_ascii_alphanumeric() || it == b'+' || it == b'/';
    text.len().is_multiple_of(4) && text.trim_end_matches('=').bytes().all(sign)
}

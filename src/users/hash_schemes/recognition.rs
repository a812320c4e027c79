//! Whether a text looks like a hash of a password that was made elsewhere, whatever its scheme: by the name
//! that it begins with, by its last part, or by a hash that stands inside it. What scheme we have for it is
//! not asked here.
//!
//! Most cells are decided by their length and one search for a `$`; the rest takes time in proportion to the
//! length of the text, and no memory but for base64 of a hash.

use base64::Engine;
use memchr::{memchr, memchr2_iter};

use crate::users::hash_schemes::digest_form;
use crate::users::hash_schemes::foreign_names::{self, Named, Place};

/// A hash, a lock or neither, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Like a hash of this scheme.
    Like(&'static str),
    /// Like a hash, of whatever scheme.
    LikeAny,
    /// Like a hash that a lock stands before (`!`, `*LK*`).
    Locked,
    /// Like the mark of an account without a usable password.
    Unusable,
}

/// The shortest text that is a hash without a `$` and without a sign in front.
const SHORTEST: usize = 28;

/// Characters of the last part of a hash at the least.
const LAST_PART: usize = 20;

/// What has to follow a name that is a word of English as well.
const WEAK_BODY: usize = 13;

/// Base64 that is decoded, to see whether it is a hash, is no longer.
const BASE64_TEXT: usize = 2048;

/// Whether `text` is no hash, seen from afar. Most passwords are not looked at any closer.
pub(super) fn is_ordinary(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() < SHORTEST
        && !matches!(bytes.first(), Some(b'{' | b'[' | b'*' | b'!'))
        && memchr(b'$', bytes).is_none()
}

/// What `text` looks like that is not [ordinary](is_ordinary); none for a password in the clear.
pub(super) fn looks(text: &str) -> Option<Looks> {
    if let Some(found) = marked(text) {
        return Some(found);
    }
    if let Some(name) = begins(text).or_else(|| whole(text)) {
        return Some(Looks::Like(name));
    }
    if is_json(text) || is_hex_dump(text) || ends_like_a_hash(text) {
        return Some(Looks::LikeAny);
    }
    embedded(text)
        .or_else(|| behind_base64(text))
        .map(Looks::Like)
}

/// What stands inside a text that only wraps it: quotation marks, Python's `b'…'`, the number of a version
/// (`3|$argon2id$…`) or a program's name for bcrypt. It is not said that this is a hash.
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

/// A lock in front of a hash, or instead of one.
fn marked(text: &str) -> Option<Looks> {
    if !text.starts_with(['!', '*']) {
        return None;
    }
    // MySQL's own hashes begin with a star.
    if let Some(digest) = text.strip_prefix('*')
        && digest.len() == 40
        && is_hex(digest)
    {
        return Some(Looks::Like("mysql"));
    }
    // Django's: `!` and forty random letters and digits.
    if let Some(random) = text.strip_prefix('!')
        && random.len() == 40
        && random.bytes().all(|it| it.is_ascii_alphanumeric())
    {
        return Some(Looks::Unusable);
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
        // Some of one sign are a mask, which is found elsewhere.
        "" if text.len() <= 3 || text.bytes().any(|it| it.is_ascii_alphabetic()) => {
            Some(Looks::Unusable)
        }
        "" => None,
        _ if begins(rest).or_else(|| whole(rest)).is_some()
            || is_json(rest)
            || ends_like_a_hash(rest) =>
        {
            Some(Looks::Locked)
        }
        _ => None,
    }
}

/// The scheme that `text` begins with the name of.
fn begins(text: &str) -> Option<&'static str> {
    // Drupal marks hashes that it made of older ones.
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

/// The name that a text begins with that begins with `$`, and what stands behind it.
fn between_dollars(text: &str) -> Option<(Named, &str)> {
    let inner = text.strip_prefix('$')?;
    let window = inner.as_bytes().iter().take(40);
    let end = window.clone().position(|it| matches!(it, b'$' | b','))?;
    // A shell may have put a backslash before each `$`.
    let word = inner.get(..end)?.trim_end_matches('\\');
    let named = foreign_names::find(word, Place::Dollars)?;
    Some((named, inner.get(end + 1..)?))
}

/// The same of a text that begins with `{`.
fn in_braces(text: &str) -> Option<(Named, &str)> {
    let inner = text.strip_prefix('{')?;
    let end = inner.bytes().take(64).position(|it| it == b'}')?;
    let named = foreign_names::find(inner.get(..end)?, Place::Braces)?;
    Some((named, inner.get(end + 1..)?))
}

/// The scheme of `word$…`, `word:…$…`, and of `word` and another sign when a digest follows.
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

/// The scheme of a text that is one by its length and its first bytes.
fn whole(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    // PostgreSQL: `md5` and the digest.
    if bytes.len() == 35
        && let Some(digest) = text.strip_prefix("md5")
        && is_hex(digest)
    {
        return Some("md5 of PostgreSQL");
    }
    if bytes.first() == Some(&b'A') && bytes.len() >= 48 {
        // ASP.NET Identity: a byte for the version; 2 has 16 bytes of salt and 32 of key behind it.
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

/// Whether `text` is a JSON object or list with a hash's fields, as Keycloak and others export them.
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

/// Whether `text` is bytes in hexadecimal behind `0x` (SQL Server) or `\x` (PostgreSQL).
fn is_hex_dump(text: &str) -> bool {
    let dump = ["0x", "0X", "\\x"]
        .iter()
        .find_map(|mark| text.strip_prefix(mark));
    dump.is_some_and(|digits| digits.len() >= 32 && is_hex(digits))
}

/// Whether the last part of `text`, behind a `$`, `:` or `}`, is random letters and digits as digests are
/// written, or any part a whole digest in hexadecimal.
fn ends_like_a_hash(text: &str) -> bool {
    // An address has a `:` before its path.
    if text.len() < SHORTEST || text.contains("://") {
        return false;
    }
    let mut parts = text.rsplit(['$', ':', '}']);
    let last = parts.next().unwrap_or_default();
    if last.len() == text.len() {
        return false;
    }
    digest_form::is_random(last, LAST_PART)
        || std::iter::once(last)
            .chain(parts)
            .any(digest_form::is_whole_hex_digest)
}

/// The scheme of a hash somewhere inside `text`.
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

/// The scheme of a hash that all of `text` is base64 of, as LDIF has it behind `::`.
fn behind_base64(text: &str) -> Option<&'static str> {
    // What begins with `{` or `$` begins so in base64.
    if !text.starts_with(['e', 'J']) || !(SHORTEST..=BASE64_TEXT).contains(&text.len()) {
        return None;
    }
    let unpadded = text.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(unpadded)
        .ok()?;
    begins(std::str::from_utf8(&bytes).ok()?)
}

/// Whether something like a salt or a digest follows a name.
fn has_body(rest: &str) -> bool {
    let last = last_part(rest);
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

/// What stands behind the last `$`, `:` or `}` that is not at the end.
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

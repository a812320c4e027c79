//! References such as `&amp;` and `&#233;`: XML 1.0 §4.1 and §4.6.
//!
//! Without a document type declaration there are five entities and no others can
//! be declared. Every reference stands for one character.

use super::chars;
use super::error::{XmlErrorKind, excerpt};

/// Maximum length of a reference's name or number, in bytes.
const LONGEST: usize = 255;

/// The result of looking for a reference at `&`.
pub(super) enum Found<'a> {
    /// A reference; contains the text between `&` and `;`.
    Complete(&'a str),
    /// Possibly a reference that continues after the end of the text.
    Unfinished,
    /// Not a reference, whatever follows.
    Invalid(XmlErrorKind),
}

/// Looks for a reference at the start of `text`.
pub(super) fn find(text: &str) -> Found<'_> {
    let name = text.strip_prefix('&').unwrap_or_default();
    let end = name.find(|c| !(chars::is_name_char(c) || c == '#'));
    if end.unwrap_or(name.len()) > LONGEST {
        return Found::Invalid(XmlErrorKind::Token(LONGEST));
    }
    match end.and_then(|end| name.split_at_checked(end)) {
        None => Found::Unfinished,
        Some((name, rest)) if rest.starts_with(';') => Found::Complete(name),
        Some(_) => Found::Invalid(not_a_reference()),
    }
}

/// The character of a reference, given the text between `&` and `;`.
pub(super) fn resolve(name: &str) -> Result<char, XmlErrorKind> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match name.strip_prefix('#') {
            Some(number) => by_number(number),
            None if chars::is_name(name) => Err(XmlErrorKind::Entity(excerpt(name))),
            None => Err(not_a_reference()),
        },
    }
}

pub(super) fn not_a_reference() -> XmlErrorKind {
    XmlErrorKind::malformed(
        "\"&\" must start a reference such as &amp; or &#233;; \
         write &amp; for the character itself",
    )
}

fn by_number(number: &str) -> Result<char, XmlErrorKind> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return Err(not_a_reference());
    }
    let mut value: u32 = 0;
    for c in digits.chars() {
        let digit = c.to_digit(radix).ok_or_else(not_a_reference)?;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    char::from_u32(value)
        .filter(|&c| chars::is_char(c))
        .ok_or(XmlErrorKind::Char(value))
}

/// The normalised value of an attribute: references replaced, and each tab and
/// line end a space (XML 1.0 §3.3.3, for values of no known type).
pub(super) fn normalize_value(raw: &str) -> Result<String, XmlErrorKind> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\r', '\n']) {
        let (before, special) = rest.split_at(at);
        value.push_str(before);
        rest = match special.as_bytes().first() {
            Some(b'&') => push_reference(special, &mut value)?,
            Some(b'<') => {
                return Err(XmlErrorKind::malformed(
                    "\"<\" is not allowed in an attribute's value; write &lt;",
                ));
            }
            _ => {
                value.push(' ');
                let line_end = special.strip_prefix("\r\n");
                line_end.or(special.get(1..)).unwrap_or_default()
            }
        };
    }
    value.push_str(rest);
    Ok(value)
}

/// Appends the character of the reference at the start of `text`; returns what follows it.
fn push_reference<'a>(text: &'a str, value: &mut String) -> Result<&'a str, XmlErrorKind> {
    let name = match find(text) {
        Found::Complete(name) => name,
        Found::Invalid(kind) => return Err(kind),
        Found::Unfinished => return Err(not_a_reference()),
    };
    value.push(resolve(name)?);
    Ok(text.get(name.len() + "&;".len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_and_by_number() {
        let all = [
            "lt", "gt", "amp", "apos", "quot", "#233", "#xE9", "#x00e9", "#x10FFFF",
        ];
        let meant = ['<', '>', '&', '\'', '"', 'é', 'é', 'é', '\u{10FFFF}'];
        for (name, meant) in all.into_iter().zip(meant) {
            assert_eq!(resolve(name).ok(), Some(meant), "{name}");
        }
    }

    #[test]
    fn x05_x06_others_are_refused() {
        let codes = [
            ("nbsp", "IMP-XML-ENTITY"),
            ("LT", "IMP-XML-ENTITY"),
            ("#0", "IMP-XML-CHAR"),
            ("#xB", "IMP-XML-CHAR"),
            ("#xFFFE", "IMP-XML-CHAR"),
            ("#xD800", "IMP-XML-CHAR"),
            ("#x110000", "IMP-XML-CHAR"),
            ("#99999999999999999999", "IMP-XML-CHAR"),
            ("#", "IMP-XML-MALFORMED"),
            ("#x", "IMP-XML-MALFORMED"),
            ("#X41", "IMP-XML-MALFORMED"),
            ("#+65", "IMP-XML-MALFORMED"),
            ("#6f", "IMP-XML-MALFORMED"),
            ("1lt", "IMP-XML-MALFORMED"),
        ];
        for (name, code) in codes {
            assert_eq!(
                resolve(name).map_err(|kind| kind.code()),
                Err(code),
                "{name}"
            );
        }
    }

    #[test]
    fn values_are_normalized() {
        let cases = [
            ("plain", "plain"),
            ("a\tb\nc\rd\r\ne  f", "a b c d e  f"),
            ("\r\r\n\n", "   "),
            ("a&#10;b&#x9;c&#13;&#10;d", "a\nb\tc\r\nd"),
            ("&lt;&amp;lt; é&quot;", "<&lt; é\""),
            ("]]> is fine here", "]]> is fine here"),
        ];
        for (raw, value) in cases {
            assert_eq!(normalize_value(raw).ok().as_deref(), Some(value), "{raw:?}");
        }
        for (raw, code) in [
            ("a<b", "IMP-XML-MALFORMED"),
            ("a & b", "IMP-XML-MALFORMED"),
            ("a&amp", "IMP-XML-MALFORMED"),
            ("&;", "IMP-XML-MALFORMED"),
            ("&own;", "IMP-XML-ENTITY"),
            ("&#0;", "IMP-XML-CHAR"),
        ] {
            let refused = normalize_value(raw).map_err(|kind| kind.code());
            assert_eq!(refused, Err(code), "{raw:?}");
        }
    }
}

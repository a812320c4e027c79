//! Percent-encoding (RFC 3986 §2.1).

use std::borrow::Cow;

use crate::wire::decoder::hex_pair;

/// Decodes the text once; a percent sign without two hexadecimal digits is kept.
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex_pair(*high, *low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(first));
        let used = if escaped.is_some() { 2 } else { 0 };
        rest = after.get(used..).unwrap_or_default();
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_escapes_are_kept() {
        for (text, bytes) in [
            ("plain", &b"plain"[..]),
            ("%41%c3%A9", "A\u{e9}".as_bytes()),
            ("%2541", b"%41"),
            ("100%", b"100%"),
            ("%4", b"%4"),
            ("%+1", b"%+1"),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }
}

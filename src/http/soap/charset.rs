//! The charset of an envelope: UTF-8, UTF-16 with its byte-order mark, or ISO-8859-1.
//!
//! XML 1.0 §4.3.3 and appendix F, RFC 7303 §3: a byte-order mark is believed first, then the XML
//! declaration, then the charset of the Content-Type. Clients that say one thing in the Content-Type
//! and another in the declaration are common, and the declaration is the one that is right.

use std::io::Read;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::http::soap::xml::DeclaredEncoding;
use crate::wire::error::WireError;
use crate::wire::peek::peek;
use crate::wire::transcode::Transcoded;

/// Names of the one-byte charsets that are taken; all decode as windows-1252 (WHATWG Encoding §4.2).
const LATIN_NAMES: &[&str] = &[
    "ISO-8859-1",
    "ISO_8859-1",
    "ISO8859-1",
    "LATIN1",
    "WINDOWS-1252",
];

/// So many bytes are looked at: an XML declaration fits into them.
const LOOK_AT: u64 = 256;

/// The envelope as UTF-8, and what its XML declaration may say.
///
/// # Errors
/// The first bytes could not be read.
pub fn to_utf8<'r>(
    source: impl Read + 'r,
    http_charset: Option<&str>,
) -> Result<(Box<dyn Read + 'r>, DeclaredEncoding), WireError> {
    let (start, source) = peek(source, LOOK_AT).map_err(WireError::from_io)?;
    let (encoding, declared): (Option<&'static Encoding>, _) = match start.as_slice() {
        [0xff, 0xfe, ..] => (Some(UTF_16LE), DeclaredEncoding::UTF_16),
        [0xfe, 0xff, ..] => (Some(UTF_16BE), DeclaredEncoding::UTF_16),
        [0xef, 0xbb, 0xbf, ..] => (None, DeclaredEncoding::UTF_8),
        _ => match declared_encoding(&start).as_deref().or(http_charset) {
            Some(name) if is_latin(name) => {
                (Some(WINDOWS_1252), DeclaredEncoding::OneOf(LATIN_NAMES))
            }
            _ => (None, DeclaredEncoding::UTF_8),
        },
    };
    Ok(match encoding {
        Some(encoding) => (Box::new(Transcoded::new(source, encoding)), declared),
        None => (Box::new(source), declared),
    })
}

fn is_latin(name: &str) -> bool {
    LATIN_NAMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// The encoding that an XML declaration in ASCII names. Only a look: the declaration is checked by the
/// XML reader.
fn declared_encoding(start: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(start);
    let declaration = text.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value.get(1..)?.split_once(quote)?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], http: Option<&str>) -> String {
        let mut text = String::new();
        to_utf8(bytes, http)
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn the_mark_then_the_declaration_then_the_content_type() {
        assert_eq!(
            decode(
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xeb</a>",
                None
            )
            .len(),
            52
        );
        assert_eq!(decode(b"<a>\xeb</a>", Some("iso-8859-1")), "<a>ë</a>");
        let conflict = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>ë</a>";
        assert_eq!(decode(conflict.as_bytes(), Some("ISO-8859-1")), conflict);
        let utf16: Vec<u8> = "\u{feff}<a>ë</a>"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(decode(&utf16, Some("utf-8")), "<a>ë</a>");
    }
}

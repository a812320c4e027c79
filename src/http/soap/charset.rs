//! Detects the charset of an envelope and converts the envelope to UTF-8.
//!
//! XML 1.0 §4.3.3 and appendix F, RFC 7303 §3: a byte-order mark decides first. UTF-16 without one is recognized
//! by its first bytes, and the XML declaration or the charset of the Content-Type must confirm it. For charsets
//! in which the declaration is readable as ASCII, the declaration takes precedence over the Content-Type: many
//! clients send a Content-Type that contradicts the declaration, and then the declaration is right. Names are
//! those of the WHATWG Encoding standard; bytes that are invalid in the charset are an error.

use std::io::Read;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use crate::http::soap::fault::Fault;
use crate::http::soap::xml::DeclaredEncoding;
use crate::wire::error::WireError;
use crate::wire::peek::peek;
use crate::wire::transcode::Transcoded;

/// Bytes that are inspected; an XML declaration fits into them, even in UTF-16.
const LOOK_AT: u64 = 512;

/// The envelope in UTF-8, and the encodings that its XML declaration may name.
///
/// # Errors
/// The first bytes could not be read, or the envelope is in UTF-16 and declares another encoding.
pub fn to_utf8<'r>(
    source: impl Read + 'r,
    http_charset: Option<&str>,
) -> Result<(Box<dyn Read + 'r>, DeclaredEncoding), Fault> {
    let (start, source) = peek(source, LOOK_AT).map_err(WireError::from_io)?;
    let (encoding, declared) = match start.as_slice() {
        [0xff, 0xfe, ..] => (UTF_16LE, DeclaredEncoding::UTF_16),
        [0xfe, 0xff, ..] => (UTF_16BE, DeclaredEncoding::UTF_16),
        [0xef, 0xbb, 0xbf, ..] => (UTF_8, DeclaredEncoding::UTF_8),
        // XML begins with a tag, or with white space and a tag.
        [b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, ..] => utf16(UTF_16LE, &start, http_charset)?,
        [0, b'<' | b' ' | b'\t' | b'\r' | b'\n', ..] => utf16(UTF_16BE, &start, http_charset)?,
        _ => {
            let declaration = declared_encoding(&String::from_utf8_lossy(&start));
            let name = declaration.as_deref().or(http_charset);
            match name.and_then(one_byte_start) {
                None => (UTF_8, DeclaredEncoding::UTF_8),
                Some(encoding) => (encoding, DeclaredEncoding::Any),
            }
        }
    };
    Ok(match encoding == UTF_8 {
        true => (Box::new(source), declared),
        false => (Box::new(Transcoded::new(source, encoding)), declared),
    })
}

/// UTF-16 without a byte-order mark: the declaration or the Content-Type must name it, and neither may contradict it.
fn utf16(
    encoding: &'static Encoding,
    start: &[u8],
    http_charset: Option<&str>,
) -> Result<(&'static Encoding, DeclaredEncoding), Fault> {
    const ADVICE: &str =
        "Name UTF-16 in both, begin the message with a byte-order mark, or send UTF-8.";
    let refuse = |message| Err(Fault::client("IMP-XML-ENCODING", message));
    // A character cut off at the end comes after the declaration.
    let (text, _) = encoding.decode_without_bom_handling(start);
    let declaration = declared_encoding(text.trim_start());
    for (place, name) in [
        ("XML declaration", declaration.as_deref()),
        ("Content-Type", http_charset),
    ] {
        if let Some(name) = name
            && !is_utf16(encoding, name)
        {
            let shown =
                Encoding::for_label(name.as_bytes()).map_or("something else", Encoding::name);
            return refuse(format!(
                "The first bytes of the message are in {}, but its {place} says {shown}. {ADVICE}",
                encoding.name()
            ));
        }
    }
    if declaration.is_none() && http_charset.is_none() {
        return refuse(format!(
            "The first bytes of the message are in {}, but it has no byte-order mark, and neither its \
             XML declaration nor its Content-Type names it. {ADVICE}",
            encoding.name()
        ));
    }
    Ok((encoding, DeclaredEncoding::UTF_16))
}

/// Whether `name` means this byte order or leaves the byte order open.
fn is_utf16(encoding: &'static Encoding, name: &str) -> bool {
    const OPEN: [&str; 5] = ["UTF-16", "UCS-2", "ISO-10646-UCS-2", "csUnicode", "unicode"];
    let name = name.trim();
    OPEN.iter().any(|open| name.eq_ignore_ascii_case(open))
        || Encoding::for_label(name.as_bytes()) == Some(encoding)
}

/// The charset with this name, if its documents can begin with ASCII bytes, as this one does, and it is not
/// UTF-8. Unknown names in a declaration are left to the XML reader.
fn one_byte_start(name: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(name.as_bytes())?;
    let others = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT, X_USER_DEFINED];
    // ASCII is a subset of UTF-8: other bytes are rejected instead of being read as Windows-1252.
    let is_ascii = ["us-ascii", "ascii"]
        .iter()
        .any(|it| name.trim().eq_ignore_ascii_case(it));
    (!is_ascii && !others.contains(&encoding)).then_some(encoding)
}

/// The encoding named in an XML declaration. The declaration itself is validated by the XML reader.
fn declared_encoding(text: &str) -> Option<String> {
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
    use crate::http::soap::xml::{XmlEvent, XmlLimits, XmlReader};

    /// The text of the root element, or the fault's code and message.
    fn read(bytes: &[u8], http: Option<&str>) -> Result<String, String> {
        let (source, declared) =
            to_utf8(bytes, http).map_err(|fault| format!("{} {}", fault.rule, fault.message))?;
        let mut xml = XmlReader::with_declared_encoding(source, XmlLimits::default(), declared);
        let mut text = String::new();
        loop {
            match xml.next().map_err(|error| match error.kind {
                crate::http::soap::xml::XmlErrorKind::Io(io) => {
                    WireError::from_io(io).code().to_owned()
                }
                kind => format!("{} {kind}", kind.code()),
            })? {
                XmlEvent::Text(piece) => text.push_str(piece),
                XmlEvent::Eof => return Ok(text),
                XmlEvent::Start(_) | XmlEvent::End => {}
            }
        }
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn declaring(name: &str, text: &str) -> String {
        format!("<?xml version='1.0' encoding='{name}'?><a>{text}</a>")
    }

    #[test]
    fn byte_order_mark_precedes_declaration_precedes_content_type() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xeb</a>";
        assert_eq!(read(latin, None).as_deref(), Ok("ë"));
        assert_eq!(read(b"<a>\xeb</a>", Some("iso-8859-1")).as_deref(), Ok("ë"));
        let conflict = declaring("UTF-8", "ë");
        assert_eq!(
            read(conflict.as_bytes(), Some("ISO-8859-1")).as_deref(),
            Ok("ë")
        );
        let marked = utf16("\u{feff}<a>ë</a>", u16::to_be_bytes);
        assert_eq!(read(&marked, Some("utf-8")).as_deref(), Ok("ë"));
    }

    #[test]
    fn every_charset_of_the_encoding_standard_is_read() {
        for (name, bytes, text) in [
            ("ISO-8859-2", &b"\xb3"[..], "ł"),
            ("iso-8859-5", b"\xd0", "а"),
            ("ISO-8859-15", b"\xa4", "€"),
            ("windows-1250", b"\x9a", "š"),
            ("windows-1251", b"\xe6", "ж"),
            ("windows-1252", b"\x80", "€"),
            ("windows-1253", b"\xe1", "α"),
            ("KOI8-R", b"\xc1", "а"),
            ("Shift_JIS", b"\x93\xfa", "日"),
            ("EUC-JP", b"\xc6\xfc", "日"),
            ("ISO-2022-JP", b"\x1b$BF|\x1b(B", "日"),
            ("GB18030", b"\xc8\xd5", "日"),
            ("Big5", b"\xa4\xe9", "日"),
            ("EUC-KR", b"\xc7\xd1", "한"),
            ("macintosh", b"\x8e", "é"),
        ] {
            let document = declaring(name, "@");
            let (before, after) = document.split_once('@').unwrap();
            let document = [before.as_bytes(), bytes, after.as_bytes()].concat();
            assert_eq!(read(&document, None).as_deref(), Ok(text), "{name}");
            let bare = [b"<a>", bytes, b"</a>"].concat();
            assert_eq!(read(&bare, Some(name)).as_deref(), Ok(text), "{name}");
        }
    }

    #[test]
    fn bytes_invalid_in_the_charset_are_an_error() {
        for (name, bytes) in [
            ("Shift_JIS", &b"\x81<"[..]),
            ("EUC-KR", b"\xff"),
            ("windows-1253", b"\xd2"),
            ("ISO-8859-7", b"\xff"),
        ] {
            let bare = [b"<a>", bytes, b"</a>"].concat();
            assert_eq!(read(&bare, Some(name)), Err("IMP-CHARSET".into()), "{name}");
        }
        let refused = read(b"<a>\xeb</a>", Some("us-ascii")).unwrap_err();
        assert!(refused.contains("not UTF-8"), "{refused}");
    }

    #[test]
    fn utf_16_without_a_byte_order_mark_must_be_declared() {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let declared = utf16(&declaring("UTF-16", "ë𝄞"), bytes);
            assert_eq!(read(&declared, None).as_deref(), Ok("ë𝄞"));
            assert_eq!(read(&declared, Some("utf-16")).as_deref(), Ok("ë𝄞"));
            let bare = utf16("<a>ë</a>", bytes);
            assert_eq!(read(&bare, Some("UTF-16")).as_deref(), Ok("ë"));
            let refused = read(&bare, None).unwrap_err();
            assert!(refused.contains("no byte-order mark"), "{refused}");
        }
        let little = utf16("<a>ë</a>", u16::to_le_bytes);
        assert_eq!(read(&little, Some("utf-16le")).as_deref(), Ok("ë"));
        assert_eq!(read(&little, Some("unicodefeff")).as_deref(), Ok("ë"));
        let big = utf16("<a>ë</a>", u16::to_be_bytes);
        assert_eq!(read(&big, Some("unicodeFFFE")).as_deref(), Ok("ë"));
        // Names that leave the byte order open.
        for name in ["ucs-2", "UCS-2", "iso-10646-ucs-2", "csUnicode", "unicode"] {
            for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let bare = utf16("<a>ë</a>", bytes);
                assert_eq!(read(&bare, Some(name)).as_deref(), Ok("ë"), "{name}");
                let declared = utf16(&declaring(name, "ë"), bytes);
                assert_eq!(read(&declared, None).as_deref(), Ok("ë"), "{name}");
                let marked = utf16(&format!("\u{feff}{}", declaring(name, "ë")), bytes);
                assert_eq!(read(&marked, None).as_deref(), Ok("ë"), "{name}");
            }
        }
    }

    #[test]
    fn utf_16_may_begin_with_white_space() {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            for space in [" ", "\n", "\r\n", "\t "] {
                let bare = utf16(&format!("{space}<a>ë</a>"), bytes);
                assert_eq!(read(&bare, Some("utf-16")).as_deref(), Ok("ë"), "{space:?}");
                let refused = read(&bare, None).unwrap_err();
                assert!(refused.contains("no byte-order mark"), "{refused}");
                let refused = read(&bare, Some("utf-8")).unwrap_err();
                assert!(refused.contains("Content-Type says UTF-8"), "{refused}");
                // A declaration must be the very first thing.
                let declared = utf16(&format!("{space}{}", declaring("utf-16", "ë")), bytes);
                let refused = read(&declared, None).unwrap_err();
                assert!(!refused.contains("U+0000"), "{refused}");
            }
        }
    }

    #[test]
    fn utf_16_that_declares_another_encoding_is_refused() {
        let bare = utf16("<a/>", u16::to_le_bytes);
        let says = |name: &str| utf16(&declaring(name, "x"), u16::to_le_bytes);
        for (document, http, place) in [
            (bare.clone(), Some("utf-8"), "Content-Type says UTF-8"),
            (bare, Some("utf-16be"), "Content-Type says UTF-16BE"),
            (says("UTF-8"), None, "XML declaration says UTF-8"),
            (says("UTF-8"), Some("utf-16"), "XML declaration says UTF-8"),
            (says("UTF-16"), Some("utf-8"), "Content-Type says UTF-8"),
            (says("UTF-16BE"), None, "XML declaration says UTF-16BE"),
        ] {
            let refused = read(&document, http).unwrap_err();
            assert!(refused.starts_with("IMP-XML-ENCODING"), "{refused}");
            assert!(refused.contains(place), "{refused}");
        }
        // The reverse: ASCII bytes that declare UTF-16 or an unknown encoding.
        for name in ["UTF-16", "UTF-7", "UTF-32", "IBM1047", "x-user-defined"] {
            let refused = read(declaring(name, "x").as_bytes(), None).unwrap_err();
            assert!(refused.starts_with("IMP-XML-ENCODING"), "{refused}");
        }
    }
}

//! The MIME header that some clients write into the body instead of the HTTP head.
//!
//! WCF's MTOM writer, designed for streams that are complete MIME messages, begins with
//! `MIME-Version` and `Content-Type`. Mono's writer gives the boundary only there: its HTTP head
//! contains just `multipart/related; type=application/xop+xml`.

use std::io::Read;

use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;
use crate::wire::part_header::HeaderLines;

/// The maximum size of the header in bytes, line ends included.
const MAX_BYTES: u64 = 4 * 1024;

/// The maximum number of fields in the header.
const MAX_FIELDS: usize = 20;

/// The byte-order mark that .NET's stream writers put before the first character.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the media type from the header at the start of the body, and leaves the body positioned after
/// the empty line that ends the header. `None` if the body does not begin with such a header.
///
/// # Errors
/// The body could not be read, or its media type could not be parsed.
pub fn media_type(body: &mut impl Read) -> Result<Option<MediaType>, WireError> {
    let mut lines = HeaderLines::default();
    let mut line = Vec::new();
    #[expect(
        clippy::unbuffered_bytes,
        reason = "bytes after the header must not be consumed"
    )]
    let bytes = body.take(MAX_BYTES).bytes();
    for (position, byte) in bytes.enumerate() {
        line.push(byte.map_err(WireError::from_io)?);
        if position + 1 == BYTE_ORDER_MARK.len() && line == BYTE_ORDER_MARK {
            line.clear();
        }
        let Some(whole) = line.strip_suffix(b"\n") else {
            continue;
        };
        let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
        if whole.is_empty() {
            let text = lines.once("content-type").unwrap_or_default();
            return match text {
                "" => Ok(None),
                text => MediaType::parse(text).map(Some),
            };
        }
        if lines.push(whole, MAX_FIELDS).is_err() {
            return Ok(None);
        }
        line.clear();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boundary or the error's code, and the rest of the body.
    fn read(body: &str) -> (Result<Option<String>, &'static str>, &str) {
        let mut rest = body.as_bytes();
        let found = media_type(&mut rest);
        let boundary = found.map(|found| found.map(|media| media.boundary().unwrap().to_owned()));
        let rest = &body[body.len() - rest.len()..];
        (boundary.map_err(|error| error.code()), rest)
    }

    fn boundary(body: &str) -> Option<String> {
        read(body).0.unwrap()
    }

    #[test]
    fn header_written_by_mono() {
        let fields = "MIME-Version: 1.0\r\nContent-Type: multipart/related;\
                      type=\"application/xop+xml\";boundary=\"u+id=1\";start=\"<http://x/0>\"\r\n";
        // One of its two writers puts a byte-order mark before the header and empty lines after it.
        for (before, after) in [("", "\r\n"), ("\u{feff}", "\r\n\r\n\r\n")] {
            let parts = "--u+id=1\r\nContent-ID: <http://x/0>\r\n\r\n";
            let body = format!("{before}{fields}{after}{parts}");
            let (found, rest) = read(&body);
            assert_eq!(found, Ok(Some("u+id=1".into())));
            assert_eq!(rest.trim_start(), parts, "{after:?}");
        }
    }

    #[test]
    fn line_feeds_folds_and_any_case_are_accepted() {
        let body = "content-TYPE: multipart/related;\n\tboundary=b\nMIME-Version: 1.0\n\nrest";
        assert_eq!(read(body), (Ok(Some("b".into())), "rest"));
    }

    #[test]
    fn other_bodies_have_no_media_type() {
        for body in [
            "",
            "\r\n--b\r\nContent-Type: multipart/related; boundary=b\r\n\r\n",
            "--b\r\nContent-Type: text/xml\r\n\r\n",
            "MIME-Version: 1.0\r\n\r\n",
            "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n",
            "Content-Type:\r\n\r\n",
            "Content-Type: a/b; boundary=b\r\nContent-Type: a/b; boundary=c\r\n\r\n",
            "\u{feff}\u{feff}Content-Type: a/b; boundary=b\r\n\r\n",
            "<Envelope xmlns=\"urn:x\">\r\n\r\n",
        ] {
            assert_eq!(boundary(body), None, "{body:?}");
        }
        let twice = "Content-Type: a/b; boundary=b; boundary=c\r\n\r\n";
        assert_eq!(read(twice).0, Err("IMP-MIME-BOUNDARY"));
    }

    #[test]
    fn header_limits_are_enforced() {
        let end = "Content-Type: a/b; boundary=b\r\n\r\n";
        let fields = |count: usize| "X: y\r\n".repeat(count) + end;
        assert_eq!(boundary(&fields(MAX_FIELDS - 1)).as_deref(), Some("b"));
        assert_eq!(boundary(&fields(MAX_FIELDS)), None);
        let long = |length: usize| format!("X:{}\r\n{end}", "y".repeat(length - 4 - end.len()));
        let most = MAX_BYTES as usize;
        assert_eq!(boundary(&long(most)).as_deref(), Some("b"));
        assert_eq!(boundary(&long(most + 1)), None);
        let mut endless = std::io::repeat(b'a');
        assert!(media_type(&mut endless).unwrap().is_none());
    }

    #[test]
    fn read_errors_are_passed_on() {
        struct Stalled;
        impl Read for Stalled {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(WireError::HttpStalled { received: 3 }.into())
            }
        }
        let mut body = (&b"MIM"[..]).chain(Stalled);
        let error = media_type(&mut body).unwrap_err();
        assert_eq!(error.code(), "IMP-HTTP-STALLED");
    }
}

//! A file that arrives as base64 text, or as a `data:` URL (RFC 2397), instead of its bytes: both the client and the
//! library below it have encoded it.
//!
//! It is decoded only if the content is certainly a table: one base64 text without line breaks that cannot be a
//! list of users and that contains a workbook or text with a header. Base64 in lines could be a list of names, so
//! it is refused, as is base64 of anything else.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::formats::delimiter::Delimiter;
use crate::formats::error::FormatError;
use crate::formats::kind::Content;
use crate::wire::base64::Base64Reader;

/// The minimum length of base64 text, to distinguish it from a name.
const LONG: usize = 40;

/// The maximum number of bytes before the text of a `data:` URL.
const URL_HEAD: usize = 200;

/// The bytes of a file, decoded if it was wrapped.
pub(super) enum Unwrapped<R> {
    /// The file is not wrapped.
    Plain(R),
    /// The file is base64.
    Base64(Box<Base64Reader<R>>),
}

impl<R: Read> Read for Unwrapped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unwrapped::Plain(source) => source.read(buffer),
            Unwrapped::Base64(source) => source.read(buffer),
        }
    }
}

/// The position where the base64 text begins; `None` if the file is not wrapped. `known` recognizes column
/// names.
///
/// # Errors
/// The file is base64, and its content is not, or not certainly, a table.
pub(super) fn wrapped(
    beginning: &[u8],
    known: &dyn Fn(&str) -> bool,
) -> Result<Option<usize>, FormatError> {
    let text = beginning
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(beginning)
        .trim_ascii_start();
    let url = url_payload(text);
    let refused = || match url {
        Some(_) => FormatError::DataUrl,
        None => FormatError::Base64,
    };
    let payload = match url {
        Some(Some(payload)) => payload,
        Some(None) => return Err(refused()),
        None => text,
    };
    let has_other = |byte: &u8| {
        !(byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'))
    };
    if payload.is_empty() || payload.iter().any(has_other) {
        return match url {
            Some(_) => Err(refused()),
            None => Ok(None),
        };
    }
    let line = payload.split(u8::is_ascii_whitespace).next();
    let line = line.unwrap_or_default();
    if known(&String::from_utf8_lossy(line)) {
        return Ok(None);
    }
    let is_one_line = line.len() == payload.trim_ascii_end().len();
    let inside = decode(payload);
    let is_table = inside.is_some_and(|inside| is_table(&inside, known));
    match (is_table, is_one_line) {
        (true, true) => Ok(Some(beginning.len() - payload.len())),
        (true, false) => Err(refused()),
        (false, _) if url.is_some() || looks_encoded(line) => Err(refused()),
        (false, _) => Ok(None),
    }
}

/// The text of a `data:` URL; the inner `None` means that it is not base64. A file with only the end of the head
/// (`;base64,…`, `text/csv;base64,…`) is a URL that was cut in the wrong place.
fn url_payload(text: &[u8]) -> Option<Option<&[u8]>> {
    let scheme = text.get(..5)?;
    if !scheme.eq_ignore_ascii_case(b"data:") {
        return partial_url_payload(text).map(Some);
    }
    let head = text.get(..URL_HEAD).unwrap_or(text);
    let comma = memchr::memchr2(b',', b'\n', head)?;
    let (head, payload) = text.split_at_checked(comma)?;
    let is_base64 = head.to_ascii_lowercase().ends_with(b";base64");
    // A header line `data:…,…` of a table does not have such a type.
    let is_url = is_base64 || head.len() == 5 || head.contains(&b'/') && !head.contains(&b' ');
    let payload = payload.strip_prefix(b",").filter(|_| is_base64);
    is_url.then_some(payload)
}

/// The base64 text after `base64,` and an optional media type, if there is nothing else in the file: a table may
/// have a column `base64`.
fn partial_url_payload(text: &[u8]) -> Option<&[u8]> {
    let head = text.get(..URL_HEAD).unwrap_or(text);
    let comma = memchr::memchr2(b',', b'\n', head)?;
    let (head, rest) = text.split_at_checked(comma)?;
    let payload = rest.strip_prefix(b",")?.trim_ascii_start();
    let head = head.trim_ascii().to_ascii_lowercase();
    let is_head = |byte: &u8| byte.is_ascii_alphanumeric() || b"/;=+.-:".contains(byte);
    let is_mark = head == b"base64" || head.ends_with(b";base64") || head.ends_with(b":base64");
    let is_base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-_".contains(byte)
    };
    let is_payload = !payload.is_empty() && payload.iter().all(is_base64);
    (is_mark && head.iter().all(is_head) && is_payload).then_some(payload)
}

/// Decodes the beginning of a base64 text.
fn decode(payload: &[u8]) -> Option<Vec<u8>> {
    let mut symbols: Vec<u8> = payload
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=')
        .copied()
        .collect();
    // Drop a group that is cut off or that its padding leaves incomplete.
    symbols.truncate(symbols.len() / 4 * 4);
    STANDARD_NO_PAD
        .decode(symbols)
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

/// Whether a line is longer than a name, and mixes characters as base64 does.
fn looks_encoded(line: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| line.iter().any(is);
    line.len() >= LONG
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
}

/// Whether the bytes are the beginning of a workbook, or of text with a header.
fn is_table(inside: &[u8], known: &dyn Fn(&str) -> bool) -> bool {
    match Content::of(inside) {
        Content::Zip {
            looks_like_workbook,
        } => return looks_like_workbook,
        Content::Compound => return true,
        Content::Text => {}
        Content::Empty | Content::Utf32 | Content::Savable(_) | Content::Other(_) => {
            return false;
        }
    }
    let is_wide = inside.starts_with(b"\xff\xfe") || inside.starts_with(b"\xfe\xff");
    let inside: Vec<u8> = match is_wide {
        true => inside
            .iter()
            .skip(2)
            .filter(|byte| **byte != 0)
            .copied()
            .collect(),
        false => inside.to_vec(),
    };
    let text = String::from_utf8_lossy(&inside);
    let text = text.trim_start_matches('\u{feff}');
    let strange = |char: char| char.is_control() && !matches!(char, '\t' | '\r' | '\n');
    if text.contains(strange) {
        return false;
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), second) = (lines.next(), lines.next()) else {
        return false;
    };
    let usual = Delimiter::ALL.map(|one| char::from(one.byte()));
    let bare = |cell: &str| cell.trim().trim_matches('"').trim().to_owned();
    let is_header = first.split(usual).any(|cell| known(&bare(cell)));
    let count = |line: &str, one: char| line.matches(one).count();
    let is_regular = || {
        second.is_some_and(|second| {
            usual
                .iter()
                .any(|one| count(first, *one) > 0 && count(first, *one) == count(second, *one))
        })
    };
    let has_claims = || second.is_some_and(|second| second.contains("://") && second.contains('='));
    is_header || first.is_ascii() && (is_regular() || has_claims())
}

/// Decodes `source` as base64 after skipping `start` bytes, if it is wrapped.
pub(super) fn unwrap<R: Read>(mut source: R, start: Option<usize>) -> io::Result<Unwrapped<R>> {
    let Some(start) = start else {
        return Ok(Unwrapped::Plain(source));
    };
    let mut before = source.by_ref().take(start as u64);
    io::copy(&mut before, &mut io::sink())?;
    Ok(Unwrapped::Base64(Box::new(Base64Reader::new(source))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    const TABLE: &str = "username,email\nmira,mira@example.com\notto,otto@example.com\n";

    fn known(name: &str) -> bool {
        ["username", "email"].contains(&name)
    }

    /// The content of the file, or the message with which it is refused.
    fn read(file: &[u8]) -> Result<Vec<u8>, String> {
        let beginning = file.get(..2048).unwrap_or(file);
        let start = wrapped(beginning, &known).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        unwrap(file, start)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        Ok(bytes)
    }

    fn in_lines(text: &str) -> String {
        let lines = text.as_bytes().chunks(76);
        let lines: Vec<&str> = lines
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        lines.join("\n")
    }

    #[test]
    fn base64_of_a_table_is_unwrapped() {
        let plain = |user: &str| format!("login,pwd\n{user},x\n");
        for inside in [
            TABLE.to_owned(),
            format!("\u{feff}{TABLE}"),
            TABLE.repeat(1000),
            "username\nmira\n".to_owned(),
            plain("mira"),
            "a\nmira,x,http://wso2.org/claims/country=FR\n".to_owned(),
        ] {
            let text = STANDARD.encode(&inside);
            for file in [
                text.clone(),
                format!("{text}\r\n"),
                format!("\u{feff}{text}"),
            ] {
                assert_eq!(read(file.as_bytes()).as_deref(), Ok(inside.as_bytes()));
            }
            for head in [
                "data:text/csv;charset=utf-8;base64,",
                ";base64,",
                "base64,",
                "Base64, ",
                "text/csv;base64,",
                "charset=utf-8;base64,",
                "application/vnd.ms-excel;base64,\r\n",
            ] {
                let url = format!("{head}{text}");
                assert_eq!(
                    read(url.as_bytes()).as_deref(),
                    Ok(inside.as_bytes()),
                    "{head}"
                );
            }
        }
        let wide: Vec<u8> = "\u{feff}username,email\nmira,x\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(STANDARD.encode(&wide).as_bytes()), Ok(wide));
        let workbook = [&b"PK\x03\x04......xl/workbook.xml"[..], &[7; 5000]].concat();
        assert_eq!(read(STANDARD.encode(&workbook).as_bytes()), Ok(workbook));
    }

    #[test]
    fn base64_of_other_content_is_refused() {
        let twice = STANDARD.encode(STANDARD.encode(TABLE));
        let noise: Vec<u8> = (0..600u32).map(|n| (n * 7919 % 251) as u8).collect();
        for file in [
            in_lines(&STANDARD.encode(TABLE)),
            in_lines(&STANDARD.encode(TABLE.repeat(100))),
            twice,
            STANDARD.encode(&noise),
            in_lines(&STANDARD.encode(&noise)),
        ] {
            assert!(
                read(file.as_bytes()).unwrap_err().contains("base64"),
                "{file}"
            );
        }
        for url in [
            "data:,username%2Cemail",
            "data:text/csv,username%0Amira",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:text/csv;base64,???",
            "base64,iVBORw0KGgo=",
            ";base64,AAECAwQFBgcICQ==",
        ] {
            assert!(read(url.as_bytes()).unwrap_err().contains("data:"), "{url}");
        }
    }

    #[test]
    fn list_of_names_is_not_taken_for_base64() {
        for file in [
            TABLE,
            "username\nmira\notto\n",
            "user\nmira\notto\nanna\nlena\n",
            "mira",
            "username",
            "averylongusernamewithoutanycapitalsordigits\nanother\n",
            "data:1,username\nx,mira\n",
            "base64,username\nx,mira\n",
            "username;base64,email\nmira;x,m@x.org\n",
            "",
        ] {
            assert_eq!(read(file.as_bytes()).as_deref(), Ok(file.as_bytes()));
        }
    }
}

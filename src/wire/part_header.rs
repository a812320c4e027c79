//! The header of one part of a multipart message.
//!
//! Contains [`PartHeader`] and the parsing of header lines: folding, names and repeated fields.
//! `mime` finds the lines; the front end interprets the fields.
//!
//! Follows RFC 5322 §2.2 (fields, folding; also the obsolete blank before the colon) and RFC 2045
//! §3 to §7 (the MIME fields).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::wire::cid::without_brackets;
use crate::wire::encoded_word;
use crate::wire::error::WireError;
use crate::wire::media_type::{MediaType, first, parameters};
use crate::wire::transfer::TransferEncoding;

/// The header of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartHeader {
    /// The Content-ID without its brackets. An empty one counts as missing.
    pub content_id: Option<String>,
    /// The Content-Type, if there is a readable one; nothing relies on it.
    pub content_type: Option<MediaType>,
    /// The transfer encoding of the content.
    pub transfer_encoding: TransferEncoding,
    fields: Vec<(String, String)>,
}

impl PartHeader {
    /// The value of the first header field with this name, which must be in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// The file name given by the sender: a label for people, never a path.
    pub fn file_name(&self) -> Option<String> {
        let disposition = self.header("content-disposition").unwrap_or_default();
        file_name(disposition).or_else(|| {
            let of_type = self.content_type.as_ref()?.param("name");
            of_type.map(encoded_word::decode)
        })
    }
}

/// The file name in a Content-Disposition field. `filename*` (RFC 8187) takes precedence over
/// `filename`; encoded words (RFC 2047), which some clients write, are decoded.
pub fn file_name(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once(';')?;
    let parameters = parameters(rest);
    value(&parameters, "filename*", "filename")
}

/// The name of a form field in a Content-Disposition field (RFC 7578 §4.2), in any of the encodings that
/// file names may have.
pub fn field_name(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once(';')?;
    value(&parameters(rest), "name*", "name")
}

/// A parameter in the form of RFC 8187, as encoded words, or percent-encoded: browsers write `"` and line
/// ends that way (WHATWG HTML, multipart/form-data), and RFC 7578 §2 allows it for all bytes.
fn value(parameters: &[(String, String)], starred: &str, plain: &str) -> Option<String> {
    let found = first(parameters, starred).and_then(extended);
    found.or_else(|| {
        let text = encoded_word::decode(first(parameters, plain)?);
        let bytes = Cow::from(percent_decode_str(&text)).into_owned();
        // If the result is not UTF-8, the percent signs were literal.
        Some(String::from_utf8(bytes).unwrap_or(text))
    })
}

/// Decodes `charset'language'text`, in which non-ASCII characters are percent-encoded.
fn extended(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let charset = encoding_rs::Encoding::for_label_no_replacement(charset.as_bytes())?;
    let bytes = Cow::from(percent_decode_str(text));
    let text = charset.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some(text.into_owned()).filter(|name| !name.is_empty())
}

/// Collects the header fields of a part line by line.
#[derive(Debug, Default)]
pub(crate) struct HeaderLines {
    fields: Vec<(String, String)>,
}

impl HeaderLines {
    /// Adds one line, without its line end; fails if it begins a field beyond the `max_fields` allowed.
    pub(crate) fn push(&mut self, line: &[u8], max_fields: usize) -> Result<(), &'static str> {
        if line
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err("a line contains a control character");
        }
        let line = text(line);
        if line.starts_with([' ', '\t']) {
            let Some((_, value)) = self.fields.last_mut() else {
                return Err("the first line begins with a blank");
            };
            let more = line.trim_matches(BLANKS);
            if !value.is_empty() && !more.is_empty() {
                value.push(' ');
            }
            value.push_str(more);
            return Ok(());
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err("a line has no colon");
        };
        let name = name.trim_end_matches(BLANKS);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a field name is empty or contains an invalid character");
        }
        if self.fields.len() >= max_fields {
            return Err("there are too many");
        }
        let value = value.trim_matches(BLANKS).to_owned();
        self.fields.push((name.to_ascii_lowercase(), value));
        Ok(())
    }

    /// The single value of the fields with this name; empty if there is none.
    pub(crate) fn once(&self, name: &str) -> Result<&str, &'static str> {
        let mut values = self.fields.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        // Two readers of the same message could each use a different line.
        if values.any(|(_, other)| Some(other.as_str()) != value) {
            return Err("a Content- field is given twice, with different values");
        }
        Ok(value.unwrap_or_default())
    }

    /// The complete header of part number `part`, after its last line.
    pub(crate) fn finish(&self, part: usize) -> Result<PartHeader, WireError> {
        let once = |name| {
            self.once(name)
                .map_err(|what| WireError::MimeHeader { part, what })
        };
        let content_type = once("content-type")?;
        if starts_with_ignoring_case(content_type, "multipart/") {
            return Err(WireError::MimeNested { part });
        }
        let content_id = without_brackets(once("content-id")?);
        Ok(PartHeader {
            content_id: (!content_id.is_empty()).then(|| content_id.to_owned()),
            content_type: MediaType::parse(content_type).ok(),
            transfer_encoding: TransferEncoding::parse(once("content-transfer-encoding")?)?,
            fields: self.fields.clone(),
        })
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Header text should be ASCII and is often UTF-8; anything else is read as Latin-1.
fn text(line: &[u8]) -> String {
    match str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => line.iter().copied().map(char::from).collect(),
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<PartHeader, &'static str> {
        let mut header = HeaderLines::default();
        for line in lines {
            header.push(line.as_bytes(), 100)?;
        }
        header.finish(1).map_err(|error| error.code())
    }

    #[test]
    fn header_of_a_real_client_is_read() {
        let header = read(&[
            "Content-Type: text/csv; charset=us-ascii; name=bulkUserImport.csv",
            "Content-Transfer-Encoding: 7bit",
            "Content-ID: <133299223356>",
            "Content-Disposition: attachment; name=\"x\"; filename=\"b.csv\"",
        ])
        .unwrap();
        assert_eq!(header.content_id.as_deref(), Some("133299223356"));
        assert_eq!(header.content_type.as_ref().unwrap().essence, "text/csv");
        assert_eq!(header.transfer_encoding, TransferEncoding::SevenBit);
        assert_eq!(header.file_name().as_deref(), Some("b.csv"));
        assert_eq!(header.header("content-transfer-encoding"), Some("7bit"));
        assert_eq!(header.header("x-none"), None);
    }

    #[test]
    fn file_names_are_decoded_in_every_form() {
        for (field, name) in [
            ("attachment; filename=a.csv", Some("a.csv")),
            (
                "form-data; name=file; filename=\"a b.csv\"",
                Some("a b.csv"),
            ),
            (
                "form-data; name=file; filename=\"=?utf-8?B?QmVuw7x0emVyLmNzdg==?=\"; \
                 filename*=utf-8''Ben%C3%BCtzer.csv",
                Some("Benützer.csv"),
            ),
            (
                "form-data; filename=\"=?utf-8?B?QmVuw7x0emVyLmNzdg==?=\"",
                Some("Benützer.csv"),
            ),
            (
                "form-data; filename*=utf-8'de'Ben%c3%bctzer.csv",
                Some("Benützer.csv"),
            ),
            (
                "form-data; filename*=iso-8859-1''Ben%fctzer.csv",
                Some("Benützer.csv"),
            ),
            (
                "form-data; filename*=utf-8''%ff; filename=a.csv",
                Some("a.csv"),
            ),
            ("form-data; filename*=a.csv; filename=b.csv", Some("b.csv")),
            ("form-data; name=file", None),
            ("attachment", None),
        ] {
            assert_eq!(file_name(field).as_deref(), name, "{field}");
        }
    }

    #[test]
    fn case_blanks_and_folds_do_not_matter() {
        let header = read(&[
            "CONTENT-id:<a@b>",
            "content-TYPE :",
            "\ttext/csv;",
            "  name=\"a b.csv\"",
            "   ",
            "X-Empty:",
        ])
        .unwrap();
        assert_eq!(header.content_id.as_deref(), Some("a@b"));
        assert_eq!(
            header.header("content-type"),
            Some("text/csv; name=\"a b.csv\"")
        );
        assert_eq!(header.file_name().as_deref(), Some("a b.csv"));
        assert_eq!(header.header("x-empty"), Some(""));
    }

    #[test]
    fn missing_header_means_binary() {
        let header = read(&[]).unwrap();
        assert_eq!(header, PartHeader::default());
        assert_eq!(header.transfer_encoding, TransferEncoding::Binary);
        assert_eq!(read(&["Content-ID:"]).unwrap().content_id, None);
        assert_eq!(read(&["Content-Type: CSV"]).unwrap().content_type, None);
    }

    #[test]
    fn repeated_fields_must_have_the_same_value() {
        let same = ["Content-ID: <a>", "Content-ID: <a>"];
        assert_eq!(read(&same).unwrap().content_id.as_deref(), Some("a"));
        let different = ["Content-ID: <a>", "Content-Id: <b>"];
        assert_eq!(read(&different), Err("IMP-MIME-HEADER"));
        let encodings = [
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: 7bit",
        ];
        assert_eq!(read(&encodings), Err("IMP-MIME-HEADER"));
        assert!(read(&["Received: a", "Received: b"]).is_ok());
    }

    #[test]
    fn malformed_lines_are_refused() {
        assert_eq!(read(&["no colon"]), Err("a line has no colon"));
        assert_eq!(
            read(&[": x"]),
            Err("a field name is empty or contains an invalid character")
        );
        assert_eq!(
            read(&["a b: x"]),
            Err("a field name is empty or contains an invalid character")
        );
        assert_eq!(
            read(&["m\u{fc}: x"]),
            Err("a field name is empty or contains an invalid character")
        );
        assert_eq!(
            read(&["a: x\0"]),
            Err("a line contains a control character")
        );
        assert_eq!(
            read(&["a: x\ry"]),
            Err("a line contains a control character")
        );
        assert_eq!(read(&[" a: x"]), Err("the first line begins with a blank"));
        assert_eq!(
            read(&["Content-Type: Multipart/mixed; boundary=c"]),
            Err("IMP-MIME-NESTED")
        );
        assert_eq!(
            read(&["Content-Transfer-Encoding: gzip"]),
            Err("IMP-MIME-ENCODING")
        );
    }

    #[test]
    fn values_are_read_as_utf_8_or_latin_1() {
        let utf8 = read(&["Content-ID: <m\u{fc}ller>"]).unwrap();
        assert_eq!(utf8.content_id.as_deref(), Some("m\u{fc}ller"));
        let mut latin1 = HeaderLines::default();
        latin1.push(b"Content-ID: <m\xFCller>", 100).unwrap();
        let latin1 = latin1.finish(1).unwrap();
        assert_eq!(latin1.content_id.as_deref(), Some("m\u{fc}ller"));
    }
}

//! Media types and their parameters, as real clients write them.
//!
//! Contains [`MediaType`], for the Content-Type of a request or a part, and the check of a multipart
//! boundary. The reader of the message interprets the parameters (`start`, `start-info`, `charset`).
//!
//! Follows RFC 2045 §5.1 and RFC 2046 §5.1.1, but accepts more, because old SOAP clients send more:
//! unquoted values with `=`, `/`, `<` or `@`, escaped quotes in `start-info`, blanks around `=`,
//! folded lines, a quote that is never closed. Only the boundary, which decides where parts begin,
//! is checked strictly.

use crate::wire::error::WireError;

/// A media type with its parameters, such as `multipart/related; boundary="b"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// Type and subtype in lower case, such as `text/xml`.
    pub essence: String,
    /// The parameters in order; names in lower case, values without quotes and escapes.
    pub params: Vec<(String, String)>,
}

impl MediaType {
    /// Parses the value of a Content-Type header.
    ///
    /// # Errors
    /// The value does not begin with `type/subtype`, or it has two boundary parameters.
    pub fn parse(text: &str) -> Result<MediaType, WireError> {
        let (essence, rest) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim_matches(is_blank);
        if !is_essence(essence) {
            return Err(WireError::MediaType {
                what: "it does not begin with a type, a slash and a subtype",
            });
        }
        let params = parameters(rest);
        let boundaries = params.iter().filter(|(name, _)| name == "boundary");
        if boundaries.count() > 1 {
            return Err(WireError::MimeBoundary {
                what: "the parameter is given twice",
            });
        }
        Ok(MediaType {
            essence: essence.to_ascii_lowercase(),
            params,
        })
    }

    /// The value of the first parameter with this name, which must be in lower case.
    pub fn param(&self, name: &str) -> Option<&str> {
        first(&self.params, name)
    }

    /// Whether this is any kind of multipart.
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// The boundary, checked against RFC 2046.
    ///
    /// # Errors
    /// The boundary is missing, empty, longer than 70 characters, or contains a forbidden character.
    pub fn boundary(&self) -> Result<&str, WireError> {
        let what = match self.param("boundary") {
            None => "there is no boundary parameter",
            Some("") => "it is empty",
            Some(boundary) if boundary.len() > 70 => "it is longer than 70 characters",
            Some(boundary) if !boundary.bytes().all(is_boundary_byte) => {
                "it has a character other than letters, digits, blanks and '()+_,-./:=?"
            }
            Some(boundary) if boundary.ends_with(' ') => "it ends with a blank",
            Some(boundary) => return Ok(boundary),
        };
        Err(WireError::MimeBoundary { what })
    }
}

/// The parameters of a structured header; `text` begins after the first semicolon.
pub(crate) fn parameters(text: &str) -> Vec<(String, String)> {
    let mut params = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c| is_blank(c) || c == ';');
        if rest.is_empty() {
            return params;
        }
        let (name, after) = rest.split_at(rest.find(['=', ';']).unwrap_or(rest.len()));
        let Some(after) = after.strip_prefix('=') else {
            // No parameter used here is a word without a value.
            rest = after;
            continue;
        };
        let (value, after) = value(after.trim_start_matches(is_blank));
        rest = after;
        let name = name.trim_matches(is_blank);
        if !name.is_empty() {
            params.push((name.to_ascii_lowercase(), value));
        }
    }
}

/// The value of the first parameter with this name.
pub(crate) fn first<'p>(params: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let found = params.iter().find(|(candidate, _)| candidate == name);
    found.map(|(_, value)| value.as_str())
}

/// The value at the start of the text, and the text after it.
fn value(text: &str) -> (String, &str) {
    match text.strip_prefix('"') {
        Some(quoted) => quoted_value(quoted),
        None => {
            let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
            (value.trim_matches(is_blank).to_owned(), rest)
        }
    }
}

/// Unescapes quotes and backslashes only: in a file name, `C:\users` is literal.
fn quoted_value(text: &str) -> (String, &str) {
    let plain = text.find(['"', '\\', '\r', '\n']).unwrap_or(text.len());
    let (plain, rest) = text.split_at(plain);
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let rest = chars.as_str();
                let (tail, rest) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
                // Unescaped quotes inside quotes are kept, so that such a boundary is refused.
                let tail = tail.trim_matches(is_blank);
                if !tail.is_empty() {
                    value.push('"');
                    value.push_str(tail);
                }
                return (value, rest);
            }
            '\\' if chars.as_str().starts_with(['"', '\\']) => value.extend(chars.next()),
            '\r' | '\n' => {}
            other => value.push(other),
        }
    }
    (value, "")
}

fn is_essence(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(c))
    };
    text.split_once('/')
        .is_some_and(|(kind, subtype)| is_word(kind) && is_word(subtype))
}

/// White space around names and values; line ends come from folded headers.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> MediaType {
        MediaType::parse(text).unwrap()
    }

    fn boundary(text: &str) -> Result<String, &'static str> {
        let parsed = MediaType::parse(text).and_then(|parsed| parsed.boundary().map(str::to_owned));
        parsed.map_err(|error| error.code())
    }

    #[test]
    fn types_and_parameters_are_parsed() {
        assert_eq!(parse("text/xml").essence, "text/xml");
        assert_eq!(parse(" Text/XML ; charset=UTF-8").essence, "text/xml");
        assert_eq!(
            parse("text/xml;charset=UTF-8").param("charset"),
            Some("UTF-8")
        );
        assert_eq!(parse("text/xml;").params, []);
        assert!(parse("Multipart/Related; boundary=b").is_multipart());
        assert!(!parse("text/multipart").is_multipart());
    }

    #[test]
    fn invalid_media_types_are_refused() {
        for text in [
            "",
            ";",
            "text",
            "/xml",
            "text/",
            "text/ xml",
            "a/b, c/d",
            "text/x\u{e9}",
        ] {
            assert_eq!(
                MediaType::parse(text).unwrap_err().code(),
                "IMP-MEDIA-TYPE",
                "{text}"
            );
        }
    }

    #[test]
    fn unquoted_values_may_contain_special_characters() {
        let axis = parse(
            "multipart/related; boundary=----=_Part_0_1.2; type=application/xop+xml; \
             start=<root@x>; start-info=text/xml; a=b:c*d",
        );
        assert_eq!(axis.param("boundary"), Some("----=_Part_0_1.2"));
        assert_eq!(axis.param("type"), Some("application/xop+xml"));
        assert_eq!(axis.param("start"), Some("<root@x>"));
        assert_eq!(axis.param("start-info"), Some("text/xml"));
        assert_eq!(axis.param("a"), Some("b:c*d"));
    }

    #[test]
    fn escaped_quotes_are_part_of_the_value() {
        let jaxws = parse(
            r#"multipart/related;start="<rootpart*u@x>";type="application/xop+xml";boundary="uuid:u";start-info="application/soap+xml;action=\"urn:b\"""#,
        );
        assert_eq!(
            jaxws.param("start-info"),
            Some(r#"application/soap+xml;action="urn:b""#)
        );
        assert_eq!(jaxws.param("start"), Some("<rootpart*u@x>"));
        assert_eq!(jaxws.boundary().unwrap(), "uuid:u");
        assert_eq!(
            parse(r#"a/b; name="C:\users\\x.csv""#).param("name"),
            Some(r"C:\users\x.csv")
        );
    }

    #[test]
    fn unescaped_quotes_do_not_hide_later_parameters() {
        let text = r#"multipart/related; start-info="a/b; action="urn:b""; boundary=b1"#;
        assert_eq!(boundary(text), Ok("b1".to_owned()));
    }

    #[test]
    fn blanks_tabs_and_folds_are_skipped() {
        let folded = parse("multipart/related;\r\n\tboundary = \"b 1\" ;\r\n start\t=\t<r> ;;");
        assert_eq!(
            folded.params,
            [
                ("boundary".to_owned(), "b 1".to_owned()),
                ("start".to_owned(), "<r>".to_owned()),
            ]
        );
        assert_eq!(parse("a/b; Name=\"x\r\n y\"").param("name"), Some("x y"));
    }

    #[test]
    fn unclosed_quote_ends_with_the_header() {
        assert_eq!(
            boundary("multipart/related; boundary=\"abc"),
            Ok("abc".to_owned())
        );
    }

    #[test]
    fn parameters_without_a_value_or_a_name_are_skipped() {
        assert_eq!(
            parse("a/b; flag; x=1; =z; y=").params,
            [
                ("x".to_owned(), "1".to_owned()),
                ("y".to_owned(), String::new()),
            ]
        );
    }

    #[test]
    fn boundaries_of_real_clients_are_accepted() {
        for good in [
            "uuid:0ca0e16e-feb1-426c-97d8-c4508ada5e82+id=1",
            "----=_Part_0_1167116739.1795288586333",
            "----------=_1795288055-26412-3",
            "==/+31RE6o2hkyL6jrAqWLNR4QQgNvR0ZBrAJhIsz7JS3aBEylLNgeSRihsfu3==",
            "=_d41d8cd98f00b204e9800998ecf8427e",
            "==odd boundary'()+_,-./:=?==",
            "MIMEBoundaryurn_uuid_3ABC57C2DE8FA19D731795288586337",
            "b",
        ] {
            let text = format!("multipart/related; boundary=\"{good}\"; type=\"text/xml\"");
            assert_eq!(boundary(&text), Ok(good.to_owned()));
            let text = format!("multipart/related; boundary={good}; type=\"text/xml\"");
            assert_eq!(boundary(&text), Ok(good.to_owned()));
        }
    }

    #[test]
    fn invalid_boundaries_are_refused() {
        let of_length = |length| format!("multipart/related; boundary={}", "b".repeat(length));
        assert!(boundary(&of_length(70)).is_ok());
        for bad in [
            &of_length(71),
            &of_length(0),
            "multipart/related",
            "multipart/related; boundary=\"\"",
            "multipart/related; boundary=a; boundary=a",
            "multipart/related; boundary=a; BOUNDARY = \"b\"",
            "multipart/related; boundary=\"a\\\"b\"",
            "multipart/related; boundary=\"a\"b",
            "multipart/related; boundary=\"a \"",
            "multipart/related; boundary=b\u{f6}se",
            "multipart/related; boundary=a\u{0}b",
            "multipart/related; boundary=a\r\nb",
        ] {
            assert_eq!(boundary(bad), Err("IMP-MIME-BOUNDARY"), "{bad}");
        }
    }
}

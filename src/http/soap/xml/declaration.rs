//! The XML declaration, `<?xml version="1.0" encoding="UTF-8"?>`: XML 1.0
//! §2.8, §2.9 (standalone) and §4.3.3 (encoding).

use super::error::{TagError, XmlErrorKind};
use super::tag;

/// The encodings that an XML declaration may name, if it names one.
///
/// The reader always gets UTF-8. If that was converted, the declaration still
/// names the original encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredEncoding {
    /// One of these names, in any letter case.
    OneOf(&'static [&'static str]),
    /// Any name: the document was decoded by other information.
    Any,
}

impl DeclaredEncoding {
    /// For a document received in UTF-8. ASCII is a subset of it, and some
    /// clients write UTF8.
    pub const UTF_8: Self = Self::OneOf(&["UTF-8", "UTF8", "US-ASCII"]);
    /// For a document received in UTF-16 and decoded by its byte order mark.
    pub const UTF_16: Self = Self::OneOf(&[
        "UTF-16",
        "UTF-16LE",
        "UTF-16BE",
        "ISO-10646-UCS-2",
        "UCS-2",
        "csUnicode",
        "unicode",
    ]);

    fn allows(self, name: &str) -> bool {
        match self {
            Self::OneOf(names) => names.iter().any(|known| known.eq_ignore_ascii_case(name)),
            Self::Any => true,
        }
    }
}

/// Whether the document starts with an XML declaration, valid or not.
pub(super) fn starts(text: &str) -> bool {
    let after = text.strip_prefix("<?xml");
    after.is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n', '?']))
}

/// Checks the declaration `<?xml …?>`.
pub(super) fn check(declaration: &str, allowed: DeclaredEncoding) -> Result<(), TagError> {
    let body = declaration.strip_prefix("<?");
    let body = body.and_then(|body| body.strip_suffix("?>"));
    let mut fields = Vec::new();
    for field in tag::split_attributes(body.unwrap_or_default(), "xml".len()) {
        let field = field.map_err(in_declaration)?;
        fields.push((field.name, field.value));
    }
    let mut fields = fields
        .iter()
        .map(|(name, value)| (*name, &**value))
        .peekable();

    let version = fields.next_if(|(name, _)| *name == "version");
    if !version.is_some_and(|(_, value)| is_version(value)) {
        return Err(malformed(
            "the XML declaration must begin with version=\"1.0\"",
        ));
    }
    if let Some((_, name)) = fields.next_if(|(name, _)| *name == "encoding")
        && !(is_encoding_name(name) && allowed.allows(name))
    {
        let shown = name.chars().filter(char::is_ascii_graphic).take(40);
        let kind = XmlErrorKind::Encoding(shown.collect());
        return Err(TagError { at: 0, kind });
    }
    if let Some((_, value)) = fields.next_if(|(name, _)| *name == "standalone")
        && !matches!(value, "yes" | "no")
    {
        return Err(malformed(
            "standalone in the XML declaration must be \"yes\" or \"no\"",
        ));
    }
    match fields.next() {
        None => Ok(()),
        Some(_) => Err(malformed(
            "an XML declaration has version, encoding and standalone, in this order, \
             and nothing else",
        )),
    }
}

/// `1.` and digits, as in the fifth edition: an XML 1.0 processor reads all such
/// documents by the rules of 1.0.
fn is_version(value: &str) -> bool {
    value
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_encoding_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(rest)
}

fn malformed(sentence: &str) -> TagError {
    TagError {
        at: 0,
        kind: XmlErrorKind::malformed(sentence),
    }
}

fn in_declaration(error: TagError) -> TagError {
    TagError {
        at: error.at + "<?".len(),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(declaration: &str, allowed: DeclaredEncoding) -> Option<&'static str> {
        assert!(starts(declaration), "{declaration}");
        let checked = check(declaration, allowed);
        checked.err().map(|error| error.kind.code())
    }

    #[test]
    fn good_declarations() {
        for good in [
            "<?xml version='1.0'?>",
            "<?xml version=\"1.0\" ?>",
            "<?xml version = '1.1' encoding='utf-8'?>",
            "<?xml\tversion='1.0'\n encoding='us-ascii'\r\nstandalone='no'?>",
            "<?xml version='1.0' standalone='yes'?>",
        ] {
            assert_eq!(code(good, DeclaredEncoding::UTF_8), None, "{good}");
        }
    }

    #[test]
    fn bad_declarations() {
        for bad in [
            "<?xml?>",
            "<?xml ?>",
            "<?xml encoding='UTF-8'?>",
            "<?xml version='2.0'?>",
            "<?xml version='1.'?>",
            "<?xml version='1.0 '?>",
            "<?xml version='&#49;.0'?>",
            "<?xml version=1.0?>",
            "<?xml version='1.0'encoding='UTF-8'?>",
            "<?xml version='1.0' standalone='yes' encoding='UTF-8'?>",
            "<?xml version='1.0' standalone='maybe'?>",
            "<?xml version='1.0' version='1.0'?>",
            "<?xml version='1.0' other='1'?>",
            "<?xml version='1.0' ? ?>",
            "<?xml Version='1.0'?>",
        ] {
            let code = code(bad, DeclaredEncoding::UTF_8);
            assert_eq!(code, Some("IMP-XML-MALFORMED"), "{bad}");
        }
    }

    #[test]
    fn x24_encodings_must_agree() {
        let declaring = |name| format!("<?xml version='1.0' encoding='{name}'?>");
        for wrong in ["ISO-8859-1", "UTF-16", "UTF-7", "UTF-32", "", " UTF-8", "8"] {
            let code = code(&declaring(wrong), DeclaredEncoding::UTF_8);
            assert_eq!(code, Some("IMP-XML-ENCODING"), "{wrong}");
        }
        let utf_16 = declaring("utf-16");
        assert_eq!(code(&utf_16, DeclaredEncoding::UTF_16), None);
        assert_eq!(code(&declaring("latin1"), DeclaredEncoding::Any), None);
        for no_name in ["", "8", "UTF/8"] {
            let code = code(&declaring(no_name), DeclaredEncoding::Any);
            assert_eq!(code, Some("IMP-XML-ENCODING"), "{no_name}");
        }
        let utf_8 = code(&declaring("UTF-8"), DeclaredEncoding::UTF_16);
        assert_eq!(utf_8, Some("IMP-XML-ENCODING"));
    }
}

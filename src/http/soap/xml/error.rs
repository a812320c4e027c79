//! Errors in a document and their positions.
//!
//! Each kind has a stable code for programs, and a message for people that
//! says what to do. `fault.rs` maps them to SOAP faults.

use std::io;

use crate::quoted;

/// A position in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, counted from 1; a line ends with a line feed.
    pub line: u64,
    /// Column, counted from 1, in characters.
    pub column: u64,
    /// Bytes before this position, as UTF-8.
    pub offset: u64,
}

impl Position {
    /// The start of a document.
    pub(super) const START: Self = Self {
        line: 1,
        column: 1,
        offset: 0,
    };

    /// The position after `text`, which starts here.
    pub(super) fn after(self, text: &str) -> Self {
        let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let (before, last_line) = match memchr::memrchr(b'\n', text.as_bytes()) {
            Some(end) => (1, text.get(end + 1..).unwrap_or_default()),
            None => (self.column, text),
        };
        Self {
            line: self.line + lines as u64,
            column: before + last_line.chars().count() as u64,
            offset: self.offset + text.len() as u64,
        }
    }
}

/// Why reading a document ended before its end.
///
/// The message is for the sender. It may name an element or attribute, shortened, but quotes no text, which may be
/// part of the file. Logs contain only the code and the position.
#[derive(Debug, thiserror::Error)]
#[error("line {}, column {}: {kind}", position.line, position.column)]
pub struct XmlError {
    /// What is wrong.
    pub kind: XmlErrorKind,
    /// Where it is.
    pub position: Position,
}

impl XmlError {
    /// The name of the broken rule, for programs: `IMP-XML-…`.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// What is wrong with a document.
#[derive(Debug, thiserror::Error)]
pub enum XmlErrorKind {
    /// A document type declaration, whatever it contains.
    #[error(
        "a document type declaration (<!DOCTYPE …>) is not accepted; \
         remove it and write out what its entities stand for"
    )]
    Doctype,
    /// A processing instruction.
    #[error("a processing instruction (<?…?>) is not accepted; remove it")]
    ProcessingInstruction,
    /// A reference to an entity that is not built into XML.
    #[error(
        "the entity {}is not defined; only &lt; &gt; &amp; &apos; &quot; \
         and numeric references such as &#233; can be used",
        entity(.0)
    )]
    Entity(String),
    /// A character that XML 1.0 does not allow, either literal or as a reference.
    #[error("the character U+{0:04X} is not allowed in XML; remove it")]
    Char(u32),
    /// Bytes that are not UTF-8.
    #[error("these bytes are not UTF-8; send the document in the encoding that it declares")]
    NotUtf8,
    /// An XML declaration that names an encoding other than that of the document.
    #[error(
        "the XML declaration says encoding \"{0}\", which is not the document's encoding or is \
         not supported; send the document in UTF-8 and declare that"
    )]
    Encoding(String),
    /// Too many nested elements.
    #[error("elements are nested more than {0} deep; send a flatter document")]
    Depth(usize),
    /// Too many attributes and namespace declarations on one tag.
    #[error("a tag has more than {0} attributes and namespace declarations; send fewer")]
    Attributes(usize),
    /// A tag, declaration or reference that exceeds the length limit.
    #[error(
        "this is longer than the {0} bytes allowed; \
         look for a missing quotation mark, \">\" or \";\", or make it shorter"
    )]
    Token(usize),
    /// The document ends inside an element, tag, comment or section.
    #[error("the document ends inside {0}; send the whole document")]
    Unclosed(String),
    /// Content after the root element.
    #[error("only white space and comments may follow the root element; remove the rest")]
    Roots,
    /// No element at all.
    #[error("the document is empty; send one with a root element")]
    Empty,
    /// A violation of Namespaces in XML.
    #[error("{0}")]
    Namespace(String),
    /// Any other violation of the grammar.
    #[error("{0}")]
    Malformed(String),
    /// The source could not be read; contains the source's own error.
    #[error("the document could not be read to its end: {0}")]
    Io(#[source] io::Error),
}

impl XmlErrorKind {
    /// The name of the broken rule, for programs: `IMP-XML-…`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Doctype => "IMP-XML-DTD",
            Self::ProcessingInstruction => "IMP-XML-PI",
            Self::Entity(_) => "IMP-XML-ENTITY",
            Self::Char(_) => "IMP-XML-CHAR",
            Self::NotUtf8 | Self::Encoding(_) => "IMP-XML-ENCODING",
            Self::Depth(_) => "IMP-XML-DEPTH",
            Self::Attributes(_) => "IMP-XML-ATTRIBUTES",
            Self::Token(_) => "IMP-XML-TOKEN",
            Self::Unclosed(_) => "IMP-XML-UNCLOSED",
            Self::Roots => "IMP-XML-ROOTS",
            Self::Empty => "IMP-XML-EMPTY",
            Self::Namespace(_) => "IMP-XML-NAMESPACE",
            Self::Malformed(_) => "IMP-XML-MALFORMED",
            Self::Io(_) => "IMP-XML-IO",
        }
    }

    /// A violation of the grammar, described by a message.
    pub(super) fn malformed(sentence: impl Into<String>) -> Self {
        Self::Malformed(sentence.into())
    }
}

/// An error in a tag, and its offset in bytes from the start of the tag.
#[derive(Debug)]
pub(super) struct TagError {
    pub(super) at: usize,
    pub(super) kind: XmlErrorKind,
}

/// A name in the document, for a message: shortened if it is long, without control characters, and omitted if it
/// looks like a password, because the text of a file that was not escaped may look like a tag.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let shown: Vec<String> = text.split(':').map(quoted::word).collect();
    let shown = shown.join(":");
    let mut excerpt: String = shown
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if shown.chars().nth(LONGEST).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// The entity if it is a common one of HTML; any other may be text of a file that was not escaped.
fn entity(name: &str) -> String {
    const KNOWN: &[&str] = &[
        "nbsp", "copy", "reg", "trade", "hellip", "ndash", "mdash", "euro", "pound", "szlig",
        "auml", "ouml", "uuml", "Auml", "Ouml", "Uuml", "eacute", "egrave", "ecirc", "agrave",
        "aacute", "acirc", "ccedil", "iacute", "ntilde", "oacute", "oslash", "aring", "aelig",
        "uacute", "laquo", "raquo", "lsquo", "rsquo", "ldquo", "rdquo",
    ];
    match KNOWN.contains(&name) {
        true => format!("&{name}; "),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_that_may_be_text_is_not_quoted() {
        let message = XmlErrorKind::Entity("secret".to_owned()).to_string();
        assert!(
            message.starts_with("the entity is not defined;"),
            "{message}"
        );
    }

    #[test]
    fn position_advances_with_the_text() {
        let place = Position::START.after("ab");
        assert_eq!((place.line, place.column, place.offset), (1, 3, 2));
        let place = place.after("é\n\nüx");
        assert_eq!((place.line, place.column, place.offset), (3, 3, 9));
        assert_eq!(place.after(""), place);
    }

    #[test]
    fn the_message_says_what_where_and_what_to_do() {
        let error = XmlError {
            kind: XmlErrorKind::Entity("nbsp".to_owned()),
            position: Position::START.after("\n<a>"),
        };
        assert_eq!(
            error.to_string(),
            "line 2, column 4: the entity &nbsp; is not defined; only &lt; &gt; &amp; &apos; \
             &quot; and numeric references such as &#233; can be used"
        );
        assert_eq!(error.code(), "IMP-XML-ENTITY");
    }

    #[test]
    fn an_excerpt_is_short_and_on_one_line() {
        assert_eq!(excerpt("ab\u{202E}"), "ab\\u{202e}");
        assert_eq!(excerpt("x:Meadow-Lark-7"), "x:…");
        assert_eq!(excerpt("name"), "name");
        assert_eq!(excerpt(&"é".repeat(41)), format!("{}…", "é".repeat(40)));
    }
}

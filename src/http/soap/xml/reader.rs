//! The reader: turns a document into a sequence of events.
//!
//! It checks the order of a document: the declaration first, one root, every
//! element closed, and which markup is allowed where (XML 1.0 §2.1, §2.8, §3);
//! and it enforces the limits. `tag.rs` parses tags, and `characters.rs` what
//! is between them.

use std::io::Read;

use quick_xml::parser::{ElementParser, Parser, PiParser};

use crate::wiped::WipedText;

use super::characters;
use super::chars::SPACE;
use super::declaration::{self, DeclaredEncoding};
use super::error::{Position, XmlError, XmlErrorKind, excerpt};
use super::namespaces::Namespaces;
use super::source::Source;
use super::tag::{self, Element};

const COMMENT: &str = "<!--";
const CDATA: &str = "<![CDATA[";
const DOCTYPE: &str = "<!DOCTYPE";

/// The limits of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlLimits {
    /// Nested elements.
    pub depth: usize,
    /// Attributes and namespace declarations on one tag.
    pub attributes: usize,
    /// Bytes of one tag, or of the XML declaration.
    pub token: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            depth: 100,
            attributes: 500,
            token: 64 * 1024,
        }
    }
}

/// What the reader reports.
#[derive(Debug, PartialEq, Eq)]
pub enum XmlEvent<'a> {
    /// An element starts. `<a/>` is reported as a start and an end.
    Start(Element),
    /// The next piece of text, at most 64 KiB and never empty. References are
    /// resolved, line ends are `\n`. The text of an element may come in any
    /// number of pieces, split also by comments and CDATA sections: join them
    /// before using the value.
    Text(&'a str),
    /// The innermost open element ends.
    End,
    /// The document is complete: its root is closed and nothing else followed.
    Eof,
}

/// A strict pull reader for one document.
///
/// Its memory is bounded by the limits and does not grow with the document.
/// After an error or [`XmlEvent::Eof`] it reads nothing more.
pub struct XmlReader<R> {
    source: Source<R>,
    limits: XmlLimits,
    declared: DeclaredEncoding,
    state: ReaderState,
    /// The text of the next event.
    piece: WipedText,
    /// The names of the open elements as written, the innermost last.
    open: Vec<String>,
    namespaces: Namespaces,
}

/// The reader's position in the grammar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    /// At the very start, where an XML declaration is allowed.
    Start,
    /// Before the root element.
    Prolog,
    /// Inside the root element.
    Content,
    /// Inside a CDATA section.
    CData,
    /// After `<a/>`, which has started and not yet ended.
    EmptyElement,
    /// After the root element.
    Epilog,
    /// After an error.
    Failed,
}

/// An event without its borrowed text.
enum Step {
    Start(Element),
    Text,
    End,
    Eof,
}

impl<R: Read> XmlReader<R> {
    /// A reader of a document in UTF-8.
    pub fn new(source: R, limits: XmlLimits) -> Self {
        Self::with_declared_encoding(source, limits, DeclaredEncoding::UTF_8)
    }

    /// A reader of a document whose bytes are UTF-8 now but may have been
    /// converted from the encoding that the XML declaration names.
    pub fn with_declared_encoding(
        source: R,
        limits: XmlLimits,
        declared: DeclaredEncoding,
    ) -> Self {
        Self {
            source: Source::new(source),
            limits,
            declared,
            state: ReaderState::Start,
            piece: WipedText::default(),
            open: Vec::new(),
            namespaces: Namespaces::default(),
        }
    }

    /// The next event.
    #[expect(
        clippy::should_implement_trait,
        reason = "events borrow from the reader, which an iterator's items cannot"
    )]
    pub fn next(&mut self) -> Result<XmlEvent<'_>, XmlError> {
        match self.step() {
            Ok(Step::Start(element)) => Ok(XmlEvent::Start(element)),
            Ok(Step::Text) => Ok(XmlEvent::Text(&self.piece)),
            Ok(Step::End) => Ok(XmlEvent::End),
            Ok(Step::Eof) => Ok(XmlEvent::Eof),
            Err(error) => {
                self.state = ReaderState::Failed;
                Err(error)
            }
        }
    }

    /// The position after the last event.
    pub fn position(&self) -> Position {
        self.source.position()
    }

    /// The number of bytes that it holds for text and tags.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.source.held() + self.piece.capacity()
    }

    fn step(&mut self) -> Result<Step, XmlError> {
        loop {
            let step = match self.state {
                ReaderState::Start => self.declaration()?,
                ReaderState::Prolog | ReaderState::Epilog => self.outside()?,
                ReaderState::Content => self.content()?,
                ReaderState::CData => self.cdata()?,
                ReaderState::EmptyElement => Some(self.close()),
                ReaderState::Failed => {
                    let sentence = "the document had an error before; it is not read any further";
                    return Err(self.source.error(XmlErrorKind::malformed(sentence)));
                }
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    fn declaration(&mut self) -> Result<Option<Step>, XmlError> {
        self.source.skip_byte_order_mark()?;
        if declaration::starts(self.source.ahead("<?xml ".len())?) {
            let length = self.token(PiParser(false), "the XML declaration")?;
            let checked = declaration::check(self.source.seen(length), self.declared);
            checked.map_err(|error| self.source.error_at(error.at, error.kind))?;
            self.source.consume(length);
        }
        self.state = ReaderState::Prolog;
        Ok(None)
    }

    /// Before and after the root element.
    fn outside(&mut self) -> Result<Option<Step>, XmlError> {
        self.skip_space()?;
        let next = self.source.ahead(1)?.chars().next();
        match (next, self.state) {
            (Some('<'), _) => self.markup(),
            (None, ReaderState::Epilog) => Ok(Some(Step::Eof)),
            (None, _) => Err(self.source.error(XmlErrorKind::Empty)),
            (Some(_), _) => Err(self.misplaced()),
        }
    }

    fn skip_space(&mut self) -> Result<(), XmlError> {
        loop {
            let ahead = self.source.ahead(1)?;
            let space = ahead.len() - ahead.trim_start_matches(SPACE).len();
            if space == 0 {
                return Ok(());
            }
            self.source.consume(space);
        }
    }

    /// Content outside the root element.
    fn misplaced(&self) -> XmlError {
        let sentence = "a document must begin with its root element; remove what precedes it";
        self.source.error(match self.state {
            ReaderState::Epilog => XmlErrorKind::Roots,
            _ => XmlErrorKind::malformed(sentence),
        })
    }

    fn content(&mut self) -> Result<Option<Step>, XmlError> {
        self.piece.clear();
        characters::read_text(&mut self.source, &mut self.piece)?;
        if self.piece.is_empty() {
            return self.markup();
        }
        Ok(Some(Step::Text))
    }

    fn cdata(&mut self) -> Result<Option<Step>, XmlError> {
        self.piece.clear();
        if characters::read_cdata(&mut self.source, &mut self.piece)? {
            self.state = ReaderState::Content;
        }
        Ok((!self.piece.is_empty()).then_some(Step::Text))
    }

    /// At a `<`, or at the end of the document.
    fn markup(&mut self) -> Result<Option<Step>, XmlError> {
        let ahead = self.source.ahead("<!".len())?.as_bytes();
        match ahead {
            [] => Err(self.unclosed_element()),
            [_, b'!', ..] => self.comment_or_cdata().map(|()| None),
            [_, b'?', ..] => Err(self.processing_instruction()),
            [_, b'/', ..] => self.end_tag().map(Some),
            _ => self.start_tag().map(Some),
        }
    }

    fn unclosed_element(&self) -> XmlError {
        let name = self.open.last().map(|name| excerpt(name));
        let element = format!("the element <{}>", name.unwrap_or_default());
        self.source.error(XmlErrorKind::Unclosed(element))
    }

    /// At `<!`: only comments and CDATA sections are accepted.
    fn comment_or_cdata(&mut self) -> Result<(), XmlError> {
        let ahead = self.source.ahead(DOCTYPE.len())?;
        if ahead.starts_with(COMMENT) {
            self.source.consume(COMMENT.len());
            return characters::skip_comment(&mut self.source);
        }
        if ahead.starts_with(CDATA) {
            if self.state != ReaderState::Content {
                return Err(self.misplaced());
            }
            self.source.consume(CDATA.len());
            self.state = ReaderState::CData;
            return Ok(());
        }
        let sentence = "\"<!\" starts a comment (<!--) or a CDATA section (<![CDATA[)";
        let kind = match ahead.get(..DOCTYPE.len()) {
            None => XmlErrorKind::Unclosed("a tag".to_owned()),
            Some(word) if word.eq_ignore_ascii_case(DOCTYPE) => XmlErrorKind::Doctype,
            Some(_) => XmlErrorKind::malformed(sentence),
        };
        Err(self.source.error(kind))
    }

    fn processing_instruction(&mut self) -> XmlError {
        let kind = match self.source.ahead("<?xml ".len()) {
            Err(error) => return error,
            Ok(ahead) if declaration::starts(ahead) => XmlErrorKind::malformed(
                "an XML declaration must be the very first thing in a document",
            ),
            Ok(_) => XmlErrorKind::ProcessingInstruction,
        };
        self.source.error(kind)
    }

    fn start_tag(&mut self) -> Result<Step, XmlError> {
        if self.state == ReaderState::Epilog {
            return Err(self.misplaced());
        }
        if self.open.len() >= self.limits.depth {
            return Err(self.source.error(XmlErrorKind::Depth(self.limits.depth)));
        }
        let length = self.token(ElementParser::default(), "a tag")?;
        let tag = self.source.seen(length);
        let tag = tag::start(tag, self.limits.attributes, &mut self.namespaces)
            .map_err(|error| self.source.error_at(error.at, error.kind))?;
        self.open.push(tag.name.to_owned());
        self.state = if tag.is_empty {
            ReaderState::EmptyElement
        } else {
            ReaderState::Content
        };
        let element = tag.element;
        self.source.consume(length);
        Ok(Step::Start(element))
    }

    fn end_tag(&mut self) -> Result<Step, XmlError> {
        let length = self.token(ElementParser::default(), "a tag")?;
        let name = tag::end(self.source.seen(length));
        let sentence = match self.open.last() {
            Some(open) if open == name => {
                self.source.consume(length);
                return Ok(self.close());
            }
            Some(open) => format!(
                "</{}> found where </{}> was expected",
                excerpt(name),
                excerpt(open)
            ),
            None => format!(
                "</{}> closes an element that was never opened",
                excerpt(name)
            ),
        };
        Err(self.source.error(XmlErrorKind::Malformed(sentence)))
    }

    fn close(&mut self) -> Step {
        self.open.pop();
        self.namespaces.close();
        self.state = if self.open.is_empty() {
            ReaderState::Epilog
        } else {
            ReaderState::Content
        };
        Step::End
    }

    /// The length of the token that starts here, once it is complete. Reads at
    /// most the limit and one more read.
    fn token(&mut self, mut parser: impl Parser, what: &str) -> Result<usize, XmlError> {
        let mut seen = 0;
        while seen <= self.limits.token {
            let ahead = self.source.ahead(seen + 1)?.as_bytes();
            let Some(new) = ahead.get(seen..).filter(|new| !new.is_empty()) else {
                return Err(self.source.error(XmlErrorKind::Unclosed(what.to_owned())));
            };
            match parser.feed(new) {
                Some(end) if seen + end < self.limits.token => return Ok(seen + end + 1),
                Some(_) => break,
                None => seen = ahead.len(),
            }
        }
        Err(self.source.error(XmlErrorKind::Token(self.limits.token)))
    }
}

//! Reads an XML part of a workbook as events, using quick-xml: prefixes are ignored, empty elements give a start and
//! an end event, and document types are skipped and never evaluated.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::formats::error::FormatError;

/// An XML part that is being read.
pub(super) struct XmlPart<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
}

impl<R: BufRead> XmlPart<R> {
    /// Starts at the beginning of the part.
    pub(super) fn new(source: R) -> Self {
        let mut reader = Reader::from_reader(source);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.expand_empty_elements = true;
        XmlPart {
            reader,
            buffer: Vec::with_capacity(1024),
        }
    }

    /// Returns the next event; `None` at the end.
    ///
    /// # Errors
    /// The part is not well-formed XML, or its source failed.
    pub(super) fn next(&mut self) -> Result<Option<Event<'_>>, FormatError> {
        self.buffer.clear();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Eof) => Ok(None),
            Ok(event) => Ok(Some(event)),
            Err(quick_xml::Error::Io(_)) => {
                Err(FormatError::workbook("one of its parts is damaged"))
            }
            Err(_) => Err(not_well_formed()),
        }
    }

    /// Returns the next event inside an element.
    ///
    /// # Errors
    /// As in [`next`](Self::next), or the part ends here.
    pub(super) fn inside(&mut self) -> Result<Event<'_>, FormatError> {
        let ended = || FormatError::workbook("one of its parts ends too early");
        self.next()?.ok_or_else(ended)
    }

    /// Appends the text up to the end of the element that has just begun, without the text of child elements.
    ///
    /// # Errors
    /// The part is not well-formed XML or ends too early.
    pub(super) fn text(&mut self, text: &mut String) -> Result<(), FormatError> {
        let mut depth = 0_usize;
        loop {
            match self.inside()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return Ok(()),
                },
                Event::Text(piece) if depth == 0 => text.push_str(&piece.xml10_content()),
                Event::CData(piece) if depth == 0 => text.push_str(&piece.xml10_content()),
                Event::GeneralRef(name) if depth == 0 => text.push(character(&name)?),
                _ => {}
            }
        }
    }

    /// Skips the rest of the element that has just begun.
    ///
    /// # Errors
    /// The part is not well-formed XML or ends too early.
    pub(super) fn skip(&mut self) -> Result<(), FormatError> {
        let mut depth = 0_usize;
        loop {
            match self.inside()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return Ok(()),
                },
                _ => {}
            }
        }
    }
}

/// The character of a reference.
fn character(name: &BytesRef<'_>) -> Result<char, FormatError> {
    let known = resolve_xml_entity(name).and_then(|text| text.chars().next());
    let character = match known {
        Some(character) => Some(character),
        None => name.resolve_char_ref().ok().flatten(),
    };
    character.ok_or_else(not_well_formed)
}

fn not_well_formed() -> FormatError {
    FormatError::workbook("one of its parts is not well-formed XML")
}

/// The value of the attribute with this local name.
pub(super) fn attribute<'e>(start: &'e BytesStart<'_>, name: &str) -> Option<Cow<'e, str>> {
    let mut attributes = start.attributes();
    let found = attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    match found.value.contains(['&', '\t', '\n', '\r']) {
        true => quick_xml::escape::unescape(&found.value)
            .ok()
            .map(|value| Cow::Owned(value.into_owned())),
        false => Some(found.value),
    }
}

/// The value of a boolean attribute (XML Schema `boolean`); `None` if it is missing.
pub(super) fn is_set(start: &BytesStart<'_>, name: &str) -> Option<bool> {
    let value = attribute(start, name)?;
    Some(matches!(value.trim(), "1" | "true" | "on"))
}

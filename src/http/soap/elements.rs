//! Walking through a document of which only elements and their text are expected: a step each.

use std::io::Read;

use crate::http::soap::fault::Fault;
use crate::http::soap::xml::{Element, XmlEvent, XmlReader};
use crate::quoted;

/// Bytes of text that a header field or a parameter may have.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// Room for a text at first.
const FIRST_TEXT: usize = 128;

/// The next child element, or none at the parent's end; between elements only white space is allowed.
///
/// # Errors
/// The document is not well-formed, or there is text.
pub fn next_child<R: Read>(xml: &mut XmlReader<R>, parent: &str) -> Result<Option<Element>, Fault> {
    loop {
        match xml.next()? {
            XmlEvent::Start(element) => return Ok(Some(element)),
            XmlEvent::End | XmlEvent::Eof => return Ok(None),
            XmlEvent::Text(text) if text.trim().is_empty() => {}
            XmlEvent::Text(_) => {
                return Err(Fault::client(
                    "IMP-SOAP-TEXT",
                    format!(
                        "There is text directly inside {}, where only elements are allowed.",
                        quoted::word(parent)
                    ),
                ));
            }
        }
    }
}

/// The text of the element that has just begun, up to its end; comments inside it do not cut it.
///
/// # Errors
/// The document is not well-formed, there is an element inside, or the text is too long.
pub fn read_text<R: Read>(xml: &mut XmlReader<R>, name: &str) -> Result<String, Fault> {
    // It may be a password, and room that is not moved leaves no copy of it.
    let mut text = String::with_capacity(FIRST_TEXT);
    loop {
        match xml.next()? {
            XmlEvent::Text(piece) if text.len() + piece.len() > TEXT_LIMIT => {
                return Err(Fault::client(
                    "IMP-SOAP-PARAMETER",
                    format!("{} is longer than {TEXT_LIMIT} bytes.", quoted::word(name)),
                ));
            }
            XmlEvent::Text(piece) => text.push_str(piece),
            XmlEvent::End | XmlEvent::Eof => return Ok(text),
            XmlEvent::Start(child) => {
                let (name, child) = (quoted::word(name), quoted::word(&child.local));
                return Err(Fault::client(
                    "IMP-SOAP-PARAMETER",
                    format!("{name} holds the element {child} where only text is allowed."),
                ));
            }
        }
    }
}

/// Steps over the element that has just begun.
///
/// # Errors
/// The document is not well-formed.
pub fn skip<R: Read>(xml: &mut XmlReader<R>) -> Result<(), Fault> {
    let mut depth = 1;
    while depth > 0 {
        match xml.next()? {
            XmlEvent::Start(_) => depth += 1,
            XmlEvent::End => depth -= 1,
            XmlEvent::Text(_) => {}
            XmlEvent::Eof => break,
        }
    }
    Ok(())
}

/// Whether `xsi:nil` stands for no value.
pub fn is_nil(element: &Element) -> bool {
    matches!(
        element.attribute(Some(XSI), "nil").map(str::trim),
        Some("true" | "1")
    )
}

/// Namespace of `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

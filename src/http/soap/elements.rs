//! Helpers for documents that contain only elements and text, one step at a time.

use std::io::Read;

use crate::http::soap::fault::Fault;
use crate::http::soap::xml::{Element, XmlEvent, XmlReader};
use crate::quoted;

/// Maximum length of the text of a header field or a parameter, in bytes.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// Initial capacity for a text, in bytes.
const FIRST_TEXT: usize = 128;

/// The next child element, or none at the parent's end. Only white space is allowed between elements.
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

/// The text of the element that has just begun, up to its end. Comments inside it are ignored.
///
/// # Errors
/// The document is not well-formed, the element has a child element, or the text is too long.
pub fn read_text<R: Read>(xml: &mut XmlReader<R>, name: &str) -> Result<String, Fault> {
    // It may be a password: a buffer that is not reallocated leaves no copy of it.
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
                    format!("{name} contains the element {child} where only text is allowed."),
                ));
            }
        }
    }
}

/// Skips the element that has just begun.
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

/// Whether `xsi:nil` says that there is no value.
pub fn is_nil(element: &Element) -> bool {
    matches!(
        element.attribute(Some(XSI), "nil").map(str::trim),
        Some("true" | "1")
    )
}

/// Namespace of `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

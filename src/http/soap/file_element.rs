//! An element that contains a file: its base64, or the `cid:` of an attachment of the same message.

use std::io::{Read, Write};

use crate::http::soap::elements::is_nil;
use crate::http::soap::elements::{next_child, skip};
use crate::http::soap::fault::Fault;
use crate::http::soap::plain_text::{begins_with_heading, is_plain_text};
use crate::http::soap::xml::{Element, XmlEvent, XmlReader};
use crate::quoted;
use crate::wiped::Wiped;
use crate::wire::base64::{BASE64URL_CHARACTER, Base64Push, PLAIN_TEXT_CHARACTER};
use crate::wire::decoder::Decoder;
use crate::wire::error::WireError;
use crate::wire::spool::{Spool, SpoolSettings};

/// Namespace of `xop:Include` (XML-binary Optimized Packaging, §2.1).
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// Maximum length of a reference to an attachment, in bytes.
const REFERENCE_LIMIT: usize = 4 * 1024;

/// URL schemes that a fault message may name.
const SCHEMES: &[&str] = &[
    "data", "http", "https", "file", "ftp", "urn", "mailto", "blob", "content", "jar",
];

/// Bytes of text that are enough to tell a reference from base64.
const LOOK_AT: usize = 32;

/// A parameter whose value is a file.
#[derive(Debug)]
pub struct FileElement {
    /// The parameter's name, for fault messages.
    pub name: &'static str,
    /// Its value.
    pub content: FileContent,
}

/// The value of a file parameter.
#[derive(Debug)]
pub enum FileContent {
    /// It was not sent.
    Absent,
    /// It has `xsi:nil`.
    Nil,
    /// The element is empty.
    Empty,
    /// The file itself, decoded into a spool because more parameters may follow.
    Inline(Spool),
    /// A `cid:` URL (RFC 2392) from `xop:Include`, an `href` or `ref` attribute, or plain text.
    Reference(String),
}

impl FileElement {
    /// A parameter that was not sent.
    pub fn absent(name: &'static str) -> Self {
        FileElement {
            name,
            content: FileContent::Absent,
        }
    }

    /// Reads the element that has just begun.
    ///
    /// # Errors
    /// It contains neither base64 nor a reference to an attachment.
    pub fn read<R: Read>(
        name: &'static str,
        element: &Element,
        xml: &mut XmlReader<R>,
        spool: &SpoolSettings,
    ) -> Result<Self, Fault> {
        let content = read_content(name, element, xml, spool)?;
        Ok(FileElement { name, content })
    }
}

fn read_content<R: Read>(
    name: &'static str,
    element: &Element,
    xml: &mut XmlReader<R>,
    spool: &SpoolSettings,
) -> Result<FileContent, Fault> {
    if is_nil(element) {
        skip(xml)?;
        return Ok(FileContent::Nil);
    }
    if let Some(href) = href(element) {
        let reference = reference(name, href)?;
        skip(xml)?;
        return Ok(reference);
    }
    let mut content = Content::new(name, spool);
    let mut include = None;
    loop {
        match xml.next()? {
            XmlEvent::Text(piece) => content.push(piece)?,
            XmlEvent::End | XmlEvent::Eof => break,
            XmlEvent::Start(child) if child.is(XOP, "Include") && include.is_none() => {
                include = Some(read_include(name, &child, xml)?);
            }
            XmlEvent::Start(child) => {
                return Err(Fault::client(
                    "IMP-XOP-INCLUDE",
                    format!(
                        "The {name} contains the element {}; it may contain one xop:Include of the \
                         namespace {XOP}, or text.",
                        quoted::word(&child.local)
                    ),
                ));
            }
        }
    }
    match (include, content.finish()?) {
        (None, content) => Ok(content),
        (Some(include), FileContent::Empty) => Ok(include),
        (Some(_), _) => Err(Fault::client(
            "IMP-XOP-INCLUDE",
            format!("The {name} contains both an xop:Include and text; send one of them."),
        )),
    }
}

/// The reference in the element's attributes. Axis 1.4 names it `ref` under SOAP 1.2, whose encoding has no
/// `href`, and also in `xop:Include`.
fn href(element: &Element) -> Option<&str> {
    element
        .attribute(None, "href")
        .or_else(|| element.attribute(None, "ref"))
}

fn read_include<R: Read>(
    name: &str,
    include: &Element,
    xml: &mut XmlReader<R>,
) -> Result<FileContent, Fault> {
    let Some(href) = href(include) else {
        return Err(Fault::client(
            "IMP-XOP-INCLUDE",
            "The xop:Include has no href attribute.",
        ));
    };
    let reference = reference(name, href)?;
    match next_child(xml, "xop:Include")? {
        None => Ok(reference),
        Some(child) => Err(Fault::client(
            "IMP-XOP-INCLUDE",
            format!(
                "The xop:Include contains the element {}; it must be empty.",
                quoted::word(&child.local)
            ),
        )),
    }
}

/// Accepts only references to parts of the same message: nothing is ever fetched.
fn reference(name: &str, href: &str) -> Result<FileContent, Fault> {
    let href = href.trim();
    if href
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
    {
        return Ok(FileContent::Reference(href.to_owned()));
    }
    Err(no_reference(name, href))
}

/// The fault for text that is not a `cid:` reference. The text after a scheme may be the file itself and is not quoted.
fn no_reference(name: &str, text: &str) -> Fault {
    let message = match scheme_of(text) {
        Some("data") => format!(
            "The {name} contains a data: URL; send only the base64 text after its comma, or a cid: reference to \
             an attachment of the same message."
        ),
        Some(scheme) => format!(
            "The {name} contains a {scheme}: URL; only cid: references to an attachment of the same message \
             are supported."
        ),
        None => format!(
            "The {name} refers to something without cid:; only cid: references to an attachment of the same \
             message are supported."
        ),
    };
    Fault::client("IMP-XOP-HREF", message)
}

/// The scheme that the text begins with, if a message may name it.
fn scheme_of(text: &str) -> Option<&'static str> {
    let (scheme, _) = text.trim_start().split_once(':')?;
    let mut known = SCHEMES.iter().copied();
    known.find(|known| scheme.eq_ignore_ascii_case(known))
}

/// Whether the text begins with a scheme (RFC 3986 §3.1) and has no white space.
fn is_url(text: &str) -> bool {
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(in_scheme))
        && !text.contains(char::is_whitespace)
}

/// The fault for text that is neither base64 nor a reference.
fn no_file(name: &str, text: &str) -> Fault {
    match scheme_of(text) {
        Some("data") => no_reference(name, text),
        _ => not_encoded(name),
    }
}

/// The fault for invalid base64. If it breaks at a character that occurs in CSV and not in base64, or if its
/// beginning looks like a file of users, the file itself was sent.
fn not_base64(name: &str, head: &str, error: WireError) -> Fault {
    match error {
        WireError::Base64 { what, .. } if what == PLAIN_TEXT_CHARACTER || is_plain_text(head) => {
            not_encoded(name)
        }
        WireError::Base64 { what, .. } if what == BASE64URL_CHARACTER => Fault::client(
            "IMP-BASE64",
            format!(
                "The {name} has - or _, which are not base64 characters. If it is base64url, encode the file with \
                 + and / instead (RFC 4648 §4); if it is the file itself, encode it as base64."
            ),
        ),
        other => other.into(),
    }
}

fn not_encoded(name: &str) -> Fault {
    Fault::client(
        "IMP-BASE64",
        format!(
            "The {name} contains text that is neither base64 nor a cid: reference. If it is the file \
             itself, encode it as base64."
        ),
    )
}

/// The element's text as it arrives: a reference, or base64 that is decoded piece by piece.
struct Content<'s> {
    name: &'static str,
    head: String,
    kind: Kind,
    settings: &'s SpoolSettings,
}

enum Kind {
    Unknown,
    Reference,
    Base64 {
        decoder: Base64Push,
        decoded: Wiped,
        spool: Spool,
    },
}

impl<'s> Content<'s> {
    fn new(name: &'static str, settings: &'s SpoolSettings) -> Self {
        Content {
            name,
            head: String::new(),
            kind: Kind::Unknown,
            settings,
        }
    }

    fn push(&mut self, piece: &str) -> Result<(), Fault> {
        match &mut self.kind {
            Kind::Base64 {
                decoder,
                decoded,
                spool,
            } => decode(decoder, decoded, spool, piece)
                .map_err(|error| not_base64(self.name, &self.head, error)),
            Kind::Reference => self.push_reference(piece),
            Kind::Unknown if self.head.is_empty() && piece.trim().is_empty() => Ok(()),
            Kind::Unknown => {
                self.head.push_str(piece);
                if self.head.contains(':') {
                    self.kind = Kind::Reference;
                    self.push_reference("")
                } else if self.head.trim_start().len() >= LOOK_AT {
                    self.start_base64()
                } else {
                    Ok(())
                }
            }
        }
    }

    fn push_reference(&mut self, piece: &str) -> Result<(), Fault> {
        if self.head.len() + piece.len() > REFERENCE_LIMIT {
            // Base64 has no colon, and a reference is short: this is the file's own text.
            return Err(no_file(self.name, &self.head));
        }
        self.head.push_str(piece);
        Ok(())
    }

    fn start_base64(&mut self) -> Result<(), Fault> {
        // A CSV heading can consist of base64 characters only.
        if begins_with_heading(&self.head) {
            return Err(not_encoded(self.name));
        }
        let mut decoder = Base64Push::default();
        let (mut decoded, mut spool) = (Wiped::default(), Spool::new(self.settings));
        decode(&mut decoder, &mut decoded, &mut spool, &self.head)
            .map_err(|error| not_base64(self.name, &self.head, error))?;
        self.kind = Kind::Base64 {
            decoder,
            decoded,
            spool,
        };
        Ok(())
    }

    fn finish(mut self) -> Result<FileContent, Fault> {
        if matches!(self.kind, Kind::Unknown) {
            if self.head.trim().is_empty() {
                return Ok(FileContent::Empty);
            }
            self.start_base64()?;
        }
        match self.kind {
            Kind::Base64 {
                mut decoder,
                mut decoded,
                mut spool,
            } => {
                let ended = decoder.finish(&mut decoded);
                ended.map_err(|error| not_base64(self.name, &self.head, error))?;
                spool.write_all(&decoded).map_err(WireError::from_io)?;
                Ok(if spool.is_empty() {
                    FileContent::Empty
                } else {
                    FileContent::Inline(spool)
                })
            }
            // The file's text is not quoted: it may contain passwords.
            Kind::Reference | Kind::Unknown if !is_url(self.head.trim()) => {
                Err(no_file(self.name, &self.head))
            }
            Kind::Reference | Kind::Unknown => reference(self.name, &self.head),
        }
    }
}

fn decode(
    decoder: &mut Base64Push,
    decoded: &mut Vec<u8>,
    spool: &mut Spool,
    text: &str,
) -> Result<(), WireError> {
    decoder.push(text.as_bytes(), decoded)?;
    spool.write_all(decoded).map_err(WireError::from_io)?;
    decoded.clear();
    Ok(())
}

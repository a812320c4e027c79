//! The import: `bulkImportUsers(userStoreDomain?, fileName, handler, defaultPassword?)`.
//!
//! Parameters come in any order and any namespace; each at most once. The original refuses names it
//! does not know, and so does this, with a sentence that lists the right ones.

use std::io::{Read, Write};

use crate::http::soap::elements::{next_child, skip};
use crate::http::soap::fault::Fault;
use crate::http::soap::operation::Entry;
use crate::http::soap::parameters::{is_nil, repeated_parameter, text, unknown_parameter};
use crate::http::soap::xml::{Element, XmlEvent, XmlReader};
use crate::users::secret::Secret;
use crate::wire::base64::Base64Push;
use crate::wire::decoder::Decoder;
use crate::wire::error::WireError;
use crate::wire::spool::{Spool, SpoolSettings};

/// Namespace of `xop:Include` (XML-binary Optimized Packaging, §2.1).
const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// Bytes that a reference to an attachment may have.
const REFERENCE_LIMIT: usize = 4 * 1024;

/// So much of the handler's text is looked at to tell a reference from base64.
const LOOK_AT: usize = 32;

/// A call as it was sent.
#[derive(Debug, Default)]
pub struct BulkImportUsers {
    /// The domain.
    pub user_store_domain: Option<String>,
    /// The file's name.
    pub file_name: Option<String>,
    /// The file, or where it is.
    pub handler: Handler,
    /// The default password.
    pub default_password: Option<Secret>,
}

/// What the `handler` element holds.
#[derive(Debug, Default)]
pub enum Handler {
    /// There is none.
    #[default]
    Absent,
    /// It has `xsi:nil`.
    Nil,
    /// There is nothing in it.
    Empty,
    /// The file itself, decoded and put aside, because parameters may follow.
    Inline(Spool),
    /// A `cid:` URL (RFC 2392), from `xop:Include`, a `href` attribute or plain text.
    Reference(String),
}

/// Reads the parameters of the operation that has just begun.
///
/// # Errors
/// A parameter is unknown, comes twice, or cannot be read.
pub fn read<R: Read>(
    entry: &Entry,
    xml: &mut XmlReader<R>,
    spool: &SpoolSettings,
) -> Result<BulkImportUsers, Fault> {
    let mut call = BulkImportUsers::default();
    let mut seen: Vec<String> = Vec::new();
    while let Some(parameter) = next_child(xml, entry.name)? {
        let name = parameter.local.clone();
        if seen.contains(&name) {
            return Err(repeated_parameter(&name));
        }
        let plain = |xml| Ok::<_, Fault>(text(&parameter, xml)?.map(|t| t.expose().to_owned()));
        match name.as_str() {
            "userStoreDomain" => call.user_store_domain = plain(xml)?,
            "fileName" => call.file_name = plain(xml)?,
            "handler" => call.handler = handler(&parameter, xml, spool)?,
            "defaultPassword" => call.default_password = text(&parameter, xml)?,
            _ => return Err(unknown_parameter(entry, &name)),
        }
        seen.push(name);
    }
    Ok(call)
}

fn handler<R: Read>(
    element: &Element,
    xml: &mut XmlReader<R>,
    spool: &SpoolSettings,
) -> Result<Handler, Fault> {
    if is_nil(element) {
        skip(xml)?;
        return Ok(Handler::Nil);
    }
    if let Some(href) = element.attribute(None, "href") {
        let reference = reference(href)?;
        skip(xml)?;
        return Ok(reference);
    }
    let mut content = Content::new(spool);
    let mut include = None;
    loop {
        match xml.next()? {
            XmlEvent::Text(piece) => content.push(piece)?,
            XmlEvent::End | XmlEvent::Eof => break,
            XmlEvent::Start(child) if child.is(XOP, "Include") && include.is_none() => {
                include = Some(read_include(&child, xml)?);
            }
            XmlEvent::Start(child) => {
                return Err(Fault::client(
                    "IMP-XOP-INCLUDE",
                    format!(
                        "The handler holds the element {}; it may hold one xop:Include of the \
                         namespace {XOP}, or text.",
                        child.local
                    ),
                ));
            }
        }
    }
    match (include, content.finish()?) {
        (None, content) => Ok(content),
        (Some(include), Handler::Empty) => Ok(include),
        (Some(_), _) => Err(Fault::client(
            "IMP-XOP-INCLUDE",
            "The handler holds both an xop:Include and text; send one of them.",
        )),
    }
}

fn read_include<R: Read>(include: &Element, xml: &mut XmlReader<R>) -> Result<Handler, Fault> {
    let Some(href) = include.attribute(None, "href") else {
        return Err(Fault::client(
            "IMP-XOP-INCLUDE",
            "The xop:Include has no href attribute.",
        ));
    };
    let reference = reference(href)?;
    match next_child(xml, "xop:Include")? {
        None => Ok(reference),
        Some(child) => Err(Fault::client(
            "IMP-XOP-INCLUDE",
            format!(
                "The xop:Include holds the element {}; it has to be empty.",
                child.local
            ),
        )),
    }
}

/// Only the parts of this very message can be meant: nothing is ever fetched.
fn reference(href: &str) -> Result<Handler, Fault> {
    let href = href.trim();
    if href
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
    {
        return Ok(Handler::Reference(href.to_owned()));
    }
    let shown: String = href.chars().take(80).collect();
    Err(Fault::client(
        "IMP-XOP-HREF",
        format!(
            "The handler refers to {shown:?}; only cid: references to an attachment of the same \
             message are followed."
        ),
    ))
}

/// Whether the text begins with a scheme (RFC 3986 §3.1) and goes on without white space.
fn is_url(text: &str) -> bool {
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(in_scheme))
        && !text.contains(char::is_whitespace)
}

fn not_encoded() -> Fault {
    Fault::client(
        "IMP-BASE64",
        "The handler holds text that is neither base64 nor a cid: reference. Some clients send the \
         file as it is: have it encoded as base64 first.",
    )
}

/// The handler's text while it arrives: a reference, or base64 that is decoded as it comes.
struct Content<'s> {
    head: String,
    kind: Kind,
    settings: &'s SpoolSettings,
}

enum Kind {
    Unknown,
    Reference,
    Base64 {
        decoder: Base64Push,
        decoded: Vec<u8>,
        spool: Spool,
    },
}

impl<'s> Content<'s> {
    fn new(settings: &'s SpoolSettings) -> Self {
        Content {
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
            } => Ok(decode(decoder, decoded, spool, piece)?),
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
            // A colon is no base64, and a reference is short: this is the file's own text.
            return Err(not_encoded());
        }
        self.head.push_str(piece);
        Ok(())
    }

    fn start_base64(&mut self) -> Result<(), Fault> {
        let mut decoder = Base64Push::default();
        let (mut decoded, mut spool) = (Vec::new(), Spool::new(self.settings));
        decode(&mut decoder, &mut decoded, &mut spool, &self.head)?;
        self.kind = Kind::Base64 {
            decoder,
            decoded,
            spool,
        };
        Ok(())
    }

    fn finish(mut self) -> Result<Handler, Fault> {
        if matches!(self.kind, Kind::Unknown) {
            if self.head.trim().is_empty() {
                return Ok(Handler::Empty);
            }
            self.start_base64()?;
        }
        match self.kind {
            Kind::Base64 {
                mut decoder,
                mut decoded,
                mut spool,
            } => {
                decoder.finish(&mut decoded)?;
                spool.write_all(&decoded).map_err(WireError::from_io)?;
                Ok(if spool.is_empty() {
                    Handler::Empty
                } else {
                    Handler::Inline(spool)
                })
            }
            // The file's own text is not repeated, for it may hold passwords.
            Kind::Reference | Kind::Unknown if !is_url(self.head.trim()) => Err(not_encoded()),
            Kind::Reference | Kind::Unknown => reference(&self.head),
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

//! A message as it was sent: a bare envelope, or multipart/related with the envelope as its root part
//! (RFC 2387, SOAP Messages with Attachments, MTOM/XOP).
//!
//! A file after the envelope is streamed. Parts before the envelope are spooled, because it is not yet
//! known what they are for.

use std::cell::RefCell;
use std::io::{self, Read};

use crate::formats::charset::TextCharset;
use crate::http::soap::fault::Fault;
use crate::http::soap::file_element::{FileContent, FileElement};
use crate::quoted;
use crate::wire::cid::{content_id_matches, start_matches};
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;
use crate::wire::mime::{MimeLimits, Multipart};
use crate::wire::part_header::PartHeader;
use crate::wire::preface;
use crate::wire::spool::{Spool, SpoolSettings};
use crate::wire::transfer::TransferReader;

/// A multipart/related message.
pub struct Related<R> {
    parts: RefCell<Multipart<R>>,
    start: Option<String>,
    early: Vec<(PartHeader, Spool)>,
}

impl<R: Read> Related<R> {
    /// Opens a message with the media type `related`. If that has no boundary, the boundary is taken from
    /// the beginning of the body.
    ///
    /// # Errors
    /// The media type has no usable boundary.
    pub fn new(related: &MediaType, mut body: R) -> Result<Self, Fault> {
        let preface = match related.param("boundary") {
            None => preface::media_type(&mut body)?,
            Some(_) => None,
        };
        let related = preface
            .as_ref()
            .filter(|preface| preface.essence == related.essence)
            .unwrap_or(related);
        let parts = Multipart::new(body, related.boundary()?, MimeLimits::default());
        let start = related
            .param("start")
            .map(str::to_owned)
            .filter(|start| !start.is_empty());
        Ok(Related {
            parts: RefCell::new(parts),
            start,
            early: Vec::new(),
        })
    }

    /// Reads up to the root part, which is the one named by `start`, or else the first, and returns it with
    /// its charset. Parts before it are spooled; `spool` is none for a sender who is not known yet, and then such
    /// a part is refused.
    ///
    /// # Errors
    /// There is no root part, or the message cannot be read.
    pub fn root(
        &mut self,
        spool: Option<&SpoolSettings>,
    ) -> Result<(impl Read, Option<String>), Fault> {
        let mut left = spool.map_or(0, |spool| spool.limit);
        loop {
            let Some(header) = self.parts.borrow_mut().next_part()? else {
                return Err(match &self.start {
                    Some(start) => Fault::client(
                        "IMP-MIME-ROOT",
                        format!(
                            "The message has no part with the Content-ID {} that its start \
                                 parameter names.",
                            quoted::content_id(start)
                        ),
                    ),
                    None => Fault::client("IMP-MIME-ROOT", "The multipart message has no parts."),
                });
            };
            let content = TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
            let is_root = match (&self.start, &header.content_id) {
                (None, _) => true,
                (Some(start), Some(id)) => start_matches(start, id),
                (Some(_), None) => false,
            };
            if is_root {
                let charset = header
                    .content_type
                    .as_ref()
                    .and_then(|media| media.param("charset"))
                    .map(str::to_owned);
                let content =
                    TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
                return Ok((content, charset));
            }
            let Some(spool) = spool else {
                return Err(Fault::no_credentials());
            };
            let settings = SpoolSettings {
                limit: left,
                folder: spool.folder.clone(),
            };
            let early = Spool::fill(&settings, content)?;
            left = left.saturating_sub(early.len());
            self.early.push((header, early));
        }
    }

    /// The file that `element` contains or refers to, and the charset of its part. It ends only after the
    /// closing delimiter and the end of the request: a reader that reaches its end has received the whole
    /// message.
    ///
    /// # Errors
    /// There is no such part, or the message cannot be read.
    pub fn file(
        &mut self,
        element: FileElement,
        take_unreferenced: bool,
    ) -> Result<Attached<'_>, Fault> {
        let name = element.name;
        match element.content {
            FileContent::Reference(reference) => self.referenced(name, &reference),
            FileContent::Absent if take_unreferenced => self.unreferenced(name),
            content => {
                self.drain()?;
                Ok((file_of_bare_envelope(FileElement { name, content })?, None))
            }
        }
    }

    fn referenced(&mut self, name: &str, reference: &str) -> Result<Attached<'_>, Fault> {
        let matches = |header: &PartHeader| {
            header
                .content_id
                .as_deref()
                .is_some_and(|id| content_id_matches(reference, id))
        };
        if let Some(position) = self.early.iter().position(|(header, _)| matches(header)) {
            self.drain()?;
            let (header, spool) = self.early.swap_remove(position);
            return Ok((Box::new(spool.into_reader()?), stated(&header)));
        }
        let mut seen: Vec<String> = self
            .early
            .iter()
            .filter_map(|(header, _)| header.content_id.clone())
            .collect();
        let mut without_id = false;
        loop {
            let Some(header) = self.parts.borrow_mut().next_part()? else {
                return Err(dangling(name, reference, &seen, without_id));
            };
            if matches(&header) {
                let content =
                    TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
                let content = Box::new(UntilMessageEnd {
                    content,
                    parts: &self.parts,
                    alone: false,
                    ended: false,
                });
                return Ok((content, stated(&header)));
            }
            match header.content_id {
                Some(id) => seen.push(id),
                None => without_id = true,
            }
        }
    }

    /// The only attachment of a message whose file element is absent.
    fn unreferenced(&mut self, name: &str) -> Result<Attached<'_>, Fault> {
        if let Some((header, spool)) = self.early.pop() {
            let more = self.parts.borrow_mut().next_part()?.is_some();
            return match more || !self.early.is_empty() {
                true => Err(several_attachments(name)),
                false => Ok((Box::new(spool.into_reader()?), stated(&header))),
            };
        }
        let Some(header) = self.parts.borrow_mut().next_part()? else {
            return Err(absent(name));
        };
        let content = TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
        let content = Box::new(UntilMessageEnd {
            content,
            parts: &self.parts,
            alone: true,
            ended: false,
        });
        Ok((content, stated(&header)))
    }

    /// Reads to the end of the message, so that a truncated one is noticed.
    ///
    /// # Errors
    /// The message cannot be read to its end.
    pub fn drain(&self) -> Result<(), WireError> {
        while self.parts.borrow_mut().next_part()?.is_some() {}
        Ok(())
    }
}

/// A file, and the charset of its part.
pub type Attached<'m> = (Box<dyn Read + 'm>, Option<TextCharset>);

fn stated(header: &PartHeader) -> Option<TextCharset> {
    TextCharset::stated(header.content_type.as_ref())
}

/// The file of a message that consists of an envelope only.
///
/// # Errors
/// The element contains none, or refers to an attachment, which such a message cannot have.
pub fn file_of_bare_envelope(element: FileElement) -> Result<Box<dyn Read>, Fault> {
    let name = element.name;
    match element.content {
        FileContent::Inline(spool) => Ok(Box::new(spool.into_reader()?)),
        FileContent::Reference(reference) => Err(dangling(name, &reference, &[], false)),
        FileContent::Absent => Err(absent(name)),
        FileContent::Nil => Err(Fault::operation(
            "IMP-HANDLER-NIL",
            format!(
                "Required data not provided. The parameter {name} is nil: it must contain the file."
            ),
        )),
        FileContent::Empty => Err(Fault::operation(
            "IMP-HANDLER-EMPTY",
            format!(
                "Required data not provided. The parameter {name} is empty: the client attached \
                 no file, or an empty one."
            ),
        )),
    }
}

fn absent(name: &str) -> Fault {
    Fault::operation(
        "IMP-HANDLER-ABSENT",
        format!(
            "Required data not provided. The parameter {name} is missing: it must contain the file, \
             or the cid: of its attachment."
        ),
    )
}

fn several_attachments(name: &str) -> Fault {
    Fault::operation(
        "IMP-HANDLER-ABSENT",
        format!(
            "Required data not provided. The parameter {name} is missing, and the message has more \
             than one attachment: refer to one with a cid: URL in {name}."
        ),
    )
}

fn dangling(name: &str, reference: &str, seen: &[String], without_id: bool) -> Fault {
    let shown = reference
        .get(4..)
        .map_or_else(String::new, quoted::content_id);
    let there = match (seen, without_id) {
        ([], false) => "the message has no attachment".to_owned(),
        ([], true) => "the message's attachment has no Content-ID".to_owned(),
        (ids, _) => {
            let some: Vec<String> = ids
                .iter()
                .map(|id| quoted::content_id(id))
                .take(5)
                .collect();
            format!("the message's attachments are {}", some.join(", "))
        }
    };
    Fault::operation(
        "IMP-MIME-CID",
        format!(
            "The {name} refers to cid:{shown}, and {there}. Attach the file and refer to its Content-ID \
             in {name}; in SoapUI, choose the attachment's Part."
        ),
    )
}

/// Reads the current part.
struct PartReader<'m, R>(&'m RefCell<Multipart<R>>);

impl<R: Read> Read for PartReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// A part that ends only when the whole message has ended correctly.
struct UntilMessageEnd<'m, R, C> {
    content: C,
    parts: &'m RefCell<Multipart<R>>,
    /// No other part may follow.
    alone: bool,
    ended: bool,
}

impl<R: Read, C: Read> Read for UntilMessageEnd<'_, R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        if count == 0 && !buffer.is_empty() && !self.ended {
            while self.parts.borrow_mut().next_part()?.is_some() {
                if self.alone {
                    return Err(WireError::MimeParts { limit: 2 }.into());
                }
            }
            self.ended = true;
        }
        Ok(count)
    }
}

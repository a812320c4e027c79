//! The message as it travels: a bare envelope, or multipart/related with the envelope as its root part
//! (RFC 2387, SOAP Messages with Attachments, MTOM/XOP).
//!
//! A file behind the envelope is streamed. What stands before the envelope is put aside, because
//! nobody knows yet what it is for.

use std::cell::RefCell;
use std::io::{self, Read};

use crate::http::soap::bulk_import_users::Handler;
use crate::http::soap::fault::Fault;
use crate::wire::cid::{content_id_matches, start_matches};
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;
use crate::wire::mime::{MimeLimits, Multipart};
use crate::wire::part::PartHeader;
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
    /// A message of the media type `related`, or, where that names no boundary, of the one that the
    /// body begins with.
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

    /// Goes to the root part, which is the one that `start` names, or else the first; what stands
    /// before it is put aside, and nothing is where `spool` is none: of a sender who is not known yet.
    /// With the part comes the charset that it names.
    ///
    /// # Errors
    /// There is no root part, or the message cannot be read.
    pub fn root(
        &mut self,
        spool: Option<&SpoolSettings>,
    ) -> Result<(impl Read, Option<String>), Fault> {
        let mut room = spool.map_or(0, |spool| spool.limit);
        loop {
            let Some(header) = self.parts.borrow_mut().next_part()? else {
                return Err(match &self.start {
                    Some(start) => Fault::client(
                        "IMP-MIME-ROOT",
                        format!(
                            "The message has no part with the Content-ID {start} that its start \
                                 parameter names."
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
                limit: room,
                folder: spool.folder.clone(),
            };
            let early = Spool::fill(&settings, content)?;
            room = room.saturating_sub(early.len());
            self.early.push((header, early));
        }
    }

    /// The file that `handler` holds or refers to. It ends only when the closing delimiter and the end
    /// of the request have been seen: a reader that gets to its end has the whole message behind it.
    ///
    /// # Errors
    /// There is no such part, or the message cannot be read.
    pub fn file(
        &mut self,
        handler: Handler,
        take_unreferenced: bool,
    ) -> Result<Box<dyn Read + '_>, Fault> {
        match handler {
            Handler::Reference(reference) => self.referenced(&reference),
            Handler::Absent if take_unreferenced => self.unreferenced(),
            other => {
                self.drain()?;
                file_of_bare_envelope(other)
            }
        }
    }

    fn referenced(&mut self, reference: &str) -> Result<Box<dyn Read + '_>, Fault> {
        let is_it = |header: &PartHeader| {
            header
                .content_id
                .as_deref()
                .is_some_and(|id| content_id_matches(reference, id))
        };
        if let Some(position) = self.early.iter().position(|(header, _)| is_it(header)) {
            self.drain()?;
            let (_, spool) = self.early.swap_remove(position);
            return Ok(Box::new(spool.into_reader()?));
        }
        let mut seen: Vec<String> = self
            .early
            .iter()
            .filter_map(|(header, _)| header.content_id.clone())
            .collect();
        let mut without_id = false;
        loop {
            let Some(header) = self.parts.borrow_mut().next_part()? else {
                return Err(dangling(reference, &seen, without_id));
            };
            if is_it(&header) {
                let content =
                    TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
                return Ok(Box::new(ToTheEnd {
                    content,
                    parts: &self.parts,
                    alone: false,
                    ended: false,
                }));
            }
            match header.content_id {
                Some(id) => seen.push(id),
                None => without_id = true,
            }
        }
    }

    /// The only attachment of a message whose handler is absent.
    fn unreferenced(&mut self) -> Result<Box<dyn Read + '_>, Fault> {
        if let Some((_, spool)) = self.early.pop() {
            let more = self.parts.borrow_mut().next_part()?.is_some();
            return match more || !self.early.is_empty() {
                true => Err(several_attachments()),
                false => Ok(Box::new(spool.into_reader()?)),
            };
        }
        let Some(header) = self.parts.borrow_mut().next_part()? else {
            return Err(absent());
        };
        let content = TransferReader::new(PartReader(&self.parts), header.transfer_encoding);
        Ok(Box::new(ToTheEnd {
            content,
            parts: &self.parts,
            alone: true,
            ended: false,
        }))
    }

    /// Reads to the end of the message, so that a cut one is noticed.
    ///
    /// # Errors
    /// The message cannot be read to its end.
    pub fn drain(&self) -> Result<(), WireError> {
        while self.parts.borrow_mut().next_part()?.is_some() {}
        Ok(())
    }
}

/// The file of a message that is nothing but an envelope.
///
/// # Errors
/// The handler holds none, or refers to an attachment that cannot be there.
pub fn file_of_bare_envelope(handler: Handler) -> Result<Box<dyn Read>, Fault> {
    match handler {
        Handler::Inline(spool) => Ok(Box::new(spool.into_reader()?)),
        Handler::Reference(reference) => Err(dangling(&reference, &[], false)),
        Handler::Absent => Err(absent()),
        Handler::Nil => Err(Fault::operation(
            "IMP-HANDLER-NIL",
            "Required data not provided. The parameter handler is nil: it has to hold the file.",
        )),
        Handler::Empty => Err(Fault::operation(
            "IMP-HANDLER-EMPTY",
            "Required data not provided. The parameter handler is empty: the client has attached no \
             file, or one without content.",
        )),
    }
}

fn absent() -> Fault {
    Fault::operation(
        "IMP-HANDLER-ABSENT",
        "Required data not provided. The parameter handler is missing: it has to hold the file, or \
         the cid: of its attachment.",
    )
}

fn several_attachments() -> Fault {
    Fault::operation(
        "IMP-HANDLER-ABSENT",
        "Required data not provided. The parameter handler is missing, and the message has more than \
         one attachment: let the handler name one by its cid:.",
    )
}

fn dangling(reference: &str, seen: &[String], without_id: bool) -> Fault {
    let shown: String = reference.chars().take(120).collect();
    let there = match (seen, without_id) {
        ([], false) => "the message has no attachment".to_owned(),
        ([], true) => "the message's attachment has no Content-ID".to_owned(),
        (ids, _) => {
            let some: Vec<&str> = ids.iter().map(String::as_str).take(5).collect();
            format!("the message's attachments are {}", some.join(", "))
        }
    };
    Fault::operation(
        "IMP-MIME-CID",
        format!(
            "The handler refers to {shown}, and {there}. Attach the file and let the handler name its \
             Content-ID; in SoapUI, choose the attachment's Part."
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

/// A part that ends only when the whole message has ended well.
struct ToTheEnd<'m, R, C> {
    content: C,
    parts: &'m RefCell<Multipart<R>>,
    /// No other part may follow.
    alone: bool,
    ended: bool,
}

impl<R: Read, C: Read> Read for ToTheEnd<'_, R, C> {
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

//! A file in an answer: as base64 in its element, or as an attachment that the element refers to
//! (XOP §3, MTOM's HTTP profile, RFC 2387).
//!
//! It is read from its spool while it is being sent, so memory does not depend on its size.

use std::io::{self, Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use uuid::Uuid;

use crate::http::blocking;
use crate::http::soap::file_element::XOP;
use crate::http::soap::version::SoapVersion;
use crate::wire::error::WireError;
use crate::wire::spool::Spool;

/// Bytes read at a time; a multiple of three, the size of a base64 group.
const PIECE: usize = 48 * 1024;

/// A file to be sent in an answer.
#[derive(Debug)]
pub struct AttachedFile {
    /// The file.
    pub file: Spool,
    /// Its media type.
    pub media_type: &'static str,
    /// Whether it is sent as an attachment instead of inside the envelope.
    pub attached: bool,
    /// Used in the boundary and the Content-IDs; cannot be predicted.
    pub id: Uuid,
    /// The rest of the response element's content, after the file.
    pub content_after: String,
}

/// An answer with a file in it, ready to be sent.
#[derive(Debug)]
pub struct WithFile {
    /// The media type of the complete body.
    pub content_type: String,
    before: String,
    file: Spool,
    encoded: bool,
    after: String,
}

impl AttachedFile {
    /// The answer whose envelope is `before`, the file, and `after`.
    pub fn frame(self, version: SoapVersion, before: &str, after: &str) -> WithFile {
        if !self.attached {
            return WithFile {
                content_type: version.content_type().to_owned(),
                before: before.to_owned(),
                file: self.file,
                encoded: true,
                after: after.to_owned(),
            };
        }
        let id = self.id;
        let Package {
            content_type,
            root,
            delimiter,
        } = Package::new(version, id);
        let before = format!(
            "{root}{before}<xop:Include xmlns:xop=\"{XOP}\" href=\"cid:file.{id}@muster\"/>{after}\
             {delimiter}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: <file.{id}@muster>\r\n\r\n",
            self.media_type
        );
        WithFile {
            content_type,
            before,
            file: self.file,
            encoded: false,
            after: format!("{delimiter}--\r\n"),
        }
    }
}

/// The parts of an XOP package around its contents (XOP §4.1).
struct Package {
    /// The media type of the complete package.
    content_type: String,
    /// What precedes the envelope.
    root: String,
    /// What separates two parts.
    delimiter: String,
}

impl Package {
    fn new(version: SoapVersion, id: Uuid) -> Self {
        let (boundary, envelope) = (format!("muster-{id}"), version.media_type());
        Package {
            content_type: format!(
                "multipart/related; boundary=\"{boundary}\"; type=\"application/xop+xml\"; \
                 start=\"<root.{id}@muster>\"; start-info=\"{envelope}\""
            ),
            root: format!(
                "--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"{envelope}\"\r\n\
                 Content-Transfer-Encoding: 8bit\r\nContent-ID: <root.{id}@muster>\r\n\r\n"
            ),
            delimiter: format!("\r\n--{boundary}"),
        }
    }
}

/// An envelope without a file, as an XOP package of one part: the media type and the body.
pub fn packaged(version: SoapVersion, id: Uuid, envelope: &str) -> (String, String) {
    let package = Package::new(version, id);
    let body = format!("{}{envelope}{}--\r\n", package.root, package.delimiter);
    (package.content_type, body)
}

impl WithFile {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        let file = match self.encoded {
            true => self.file.len().div_ceil(3) * 4,
            false => self.file.len(),
        };
        self.before.len() as u64 + file + self.after.len() as u64
    }

    /// Always false: there is an envelope.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A reader of its bytes.
    ///
    /// # Errors
    /// The file could not be read back.
    pub fn into_reader(self) -> Result<impl Read + Send + use<>, WireError> {
        let file = self.file.into_reader()?;
        let (before, after) = (Cursor::new(self.before), Cursor::new(self.after));
        let (plain, encoded) = match self.encoded {
            true => (None, Some(Encoding::new(file))),
            false => (Some(file), None),
        };
        let file = Either { plain, encoded };
        Ok(before.chain(file).chain(after))
    }

    /// Its bytes in pieces, each read after the one before it has been sent.
    ///
    /// # Errors
    /// The file could not be read back.
    pub fn into_stream(self) -> Result<impl Stream<Item = io::Result<Bytes>> + use<>, WireError> {
        let reader = self.into_reader()?;
        Ok(stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            let read = blocking::run(move || {
                let mut piece = vec![0; PIECE];
                let result = reader.read(&mut piece).map(|count| {
                    piece.truncate(count);
                    piece
                });
                (result, reader)
            });
            match read.await {
                Ok((Ok(piece), _)) if piece.is_empty() => None,
                Ok((Ok(piece), reader)) => Some((Ok(Bytes::from(piece)), Some(reader))),
                Ok((Err(error), _)) => Some((Err(error), None)),
                Err(error) => Some((Err(io::Error::other(error)), None)),
            }
        }))
    }
}

/// The file, either unchanged or in base64.
struct Either<R> {
    plain: Option<R>,
    encoded: Option<Encoding<R>>,
}

impl<R: Read> Read for Either<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&mut self.plain, &mut self.encoded) {
            (Some(plain), _) => plain.read(buffer),
            (None, Some(encoded)) => encoded.read(buffer),
            (None, None) => Ok(0),
        }
    }
}

/// Bytes in base64 (RFC 4648 §4).
struct Encoding<R> {
    source: R,
    text: Cursor<String>,
}

impl<R: Read> Encoding<R> {
    fn new(source: R) -> Self {
        Encoding {
            source,
            text: Cursor::default(),
        }
    }
}

impl<R: Read> Read for Encoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        // Reads whole groups of three, so that only the last piece can have padding.
        let mut piece = Vec::with_capacity(PIECE);
        self.source
            .by_ref()
            .take(PIECE as u64)
            .read_to_end(&mut piece)?;
        self.text = Cursor::new(STANDARD.encode(&piece));
        self.text.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::spool::SpoolSettings;

    fn sent(content: &[u8], attached: bool) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            folder: folder.path().into(),
            limit: 1024 * 1024,
        };
        let attachment = AttachedFile {
            file: Spool::fill(&settings, content).unwrap(),
            media_type: "text/csv",
            attached,
            id: Uuid::nil(),
            content_after: String::new(),
        };
        let framed = attachment.frame(SoapVersion::V12, "<a>", "</a>");
        let (length, content_type) = (framed.len(), framed.content_type.clone());
        let mut text = String::new();
        framed
            .into_reader()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(length, text.len() as u64);
        (content_type, text)
    }

    #[test]
    fn base64_of_any_length_is_as_long_as_announced() {
        for length in [0, 1, 2, 3, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2] {
            let content = b"0123456789".repeat(length / 10 + 1);
            let content = content.get(..length).unwrap();
            let (content_type, text) = sent(content, false);
            assert_eq!(content_type, "application/soap+xml; charset=utf-8");
            assert_eq!(text, format!("<a>{}</a>", STANDARD.encode(content)));
        }
    }

    #[test]
    fn an_attachment_follows_the_envelope_that_refers_to_it() {
        let (content_type, text) = sent(b"a,b\r\n", true);
        let id = Uuid::nil();
        assert!(content_type.contains(&format!("start=\"<root.{id}@muster>\"")));
        assert!(content_type.contains("start-info=\"application/soap+xml\""));
        assert!(text.contains(&format!(
            "href=\"cid:file.{id}@muster\"/></a>\r\n--muster-{id}\r\n"
        )));
        assert!(text.ends_with(&format!(
            "Content-ID: <file.{id}@muster>\r\n\r\na,b\r\n\r\n--muster-{id}--\r\n"
        )));
    }
}

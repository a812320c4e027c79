//! Errors between the socket and the content of one part.
//!
//! Contains [`WireError`], its stable codes and the messages for the caller. The front end turns it
//! into a fault, a status or an exit code.
//!
//! Decoders here are ordinary readers, so a `WireError` travels through [`std::io::Read`] inside an
//! [`io::Error`]; [`WireError::from_io`] extracts it again.

use std::io;

/// The reason why a request cannot be read to its end.
///
/// Parts of a message are counted from 1, offsets from 0.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection ended before the announced length or the last chunk.
    #[error(
        "The request body ended after {received} bytes, before its announced end. \
         The connection was probably cut: send the whole request again."
    )]
    HttpTruncated {
        /// Bytes of the body that did arrive.
        received: u64,
    },

    /// The sender was slower than the minimum rate.
    #[error(
        "The request body stopped arriving after {received} bytes, or arrived too slowly. \
         Check that Content-Length is not larger than the body, then send the whole request again."
    )]
    HttpStalled {
        /// Bytes of the body that did arrive.
        received: u64,
    },

    /// The body is chunked and breaks the grammar of RFC 9112 §7.1.
    #[error(
        "The chunks of the request body are malformed at offset {offset}: {what}. \
         Send the body with a Content-Length, or in chunks as defined by RFC 9112."
    )]
    HttpChunk {
        /// The offset in bytes from the start of the body, chunk framing included.
        offset: u64,
        /// What is wrong at that place.
        what: &'static str,
    },

    /// The body, decompressed if it was compressed, exceeds the limit.
    #[error(
        "The request body is larger than the {limit} bytes accepted here. \
         Split the file, or ask the administrator for a higher limit."
    )]
    HttpTooLarge {
        /// The limit in bytes.
        limit: u64,
    },

    /// A media type, usually that of the request, cannot be parsed.
    #[error(
        "The Content-Type cannot be read: {what}. \
         Send a type such as text/xml or multipart/related; boundary=\"…\"."
    )]
    MediaType {
        /// What is wrong with it.
        what: &'static str,
    },

    /// There is no usable boundary, or it does not occur in the body.
    #[error(
        "The multipart boundary is not usable: {what}. \
         Give exactly one boundary parameter of 1 to 70 characters in the Content-Type of the \
         request, the same as in the body."
    )]
    MimeBoundary {
        /// What is wrong with it.
        what: &'static str,
    },

    /// The body ended before the closing delimiter.
    #[error(
        "The multipart body ended {}, without the closing delimiter (\"--\", boundary, \"--\"). \
         The upload was cut off: send the whole request again.",
        place(*.part)
    )]
    MimeTruncated {
        /// The part that was being read; 0 before the first one.
        part: usize,
    },

    /// One reference could mean two parts.
    #[error(
        "Part {part} of the message repeats the Content-ID \"{id}\". \
         Give every part a Content-ID of its own."
    )]
    MimeDuplicateId {
        /// The later of the two parts.
        part: usize,
        /// The repeated identifier, shortened.
        id: String,
    },

    /// The message has more parts than are accepted.
    #[error(
        "The message has more than {limit} parts. \
         Send one import per request: the envelope and the file it refers to."
    )]
    MimeParts {
        /// The largest number accepted.
        limit: usize,
    },

    /// The header of a part, or a delimiter line, cannot be parsed.
    #[error(
        "The headers of part {part} cannot be read: {what}. \
         Each line is a name, a colon and a value, and an empty line ends them."
    )]
    MimeHeader {
        /// The number of the part.
        part: usize,
        /// What is wrong with it.
        what: &'static str,
    },

    /// A part is itself a multipart.
    #[error(
        "Part {part} of the message is itself a multipart. \
         Put the file directly into a part of the outer message."
    )]
    MimeNested {
        /// The number of the part.
        part: usize,
    },

    /// The Content-Transfer-Encoding is not one that MIME defines.
    #[error(
        "The Content-Transfer-Encoding \"{encoding}\" is not supported. \
         Use binary, 8bit, 7bit, base64 or quoted-printable."
    )]
    MimeEncoding {
        /// The requested encoding, shortened.
        encoding: String,
    },

    /// The text is not valid base64.
    #[error(
        "The base64 text is wrong at offset {offset}: {what}. \
         Encode the unchanged file once; white space between characters is allowed."
    )]
    Base64 {
        /// The offset in bytes from the start of the text, white space included.
        offset: u64,
        /// What is wrong at that place.
        what: &'static str,
    },

    /// The text is not valid quoted-printable.
    #[error(
        "The quoted-printable text is wrong at offset {offset}: {what}. \
         Write a literal equals sign as =3D, or send the part as binary."
    )]
    QuotedPrintable {
        /// The offset in bytes from the start of the text.
        offset: u64,
        /// What is wrong at that place.
        what: &'static str,
    },

    /// The Content-Encoding is not supported.
    #[error(
        "The Content-Encoding \"{}\" is not supported. Use gzip or deflate, or send the body \
         uncompressed.",
        excerpt(.0)
    )]
    ContentEncoding(String),

    /// The compressed body cannot be decompressed.
    #[error(
        "The compressed request body cannot be inflated ({0}). \
         Check that Content-Encoding names what was sent, or send the body uncompressed."
    )]
    Inflate(String),

    /// The text is not in its declared charset.
    #[error(
        "The text is not valid {charset}, its declared charset. \
         Send it in UTF-8, and declare UTF-8 in the text and in the Content-Type."
    )]
    Charset {
        /// The charset's name.
        charset: &'static str,
    },

    /// Content that must be stored temporarily exceeds the limit.
    #[error(
        "The attachment is larger than the {limit} bytes that can be stored temporarily. \
         Send it after the envelope, and the other parameters before the file, so that it can be \
         read as it arrives."
    )]
    SpoolFull {
        /// The limit in bytes.
        limit: u64,
    },

    /// The disk that holds temporary files is full.
    #[error(
        "The disk for temporary files is full. Send the request again when the administrator has \
         freed space."
    )]
    DiskFull,

    /// Reading or writing failed on the server.
    #[error("The request could not be read because of an input or output error. Send it again.")]
    Io(#[source] io::Error),
}

impl WireError {
    /// The stable code under which the error is documented.
    pub fn code(&self) -> &'static str {
        match self {
            WireError::HttpTruncated { .. } => "IMP-HTTP-TRUNCATED",
            WireError::HttpStalled { .. } => "IMP-HTTP-STALLED",
            WireError::HttpChunk { .. } => "IMP-HTTP-CHUNK",
            WireError::HttpTooLarge { .. } => "IMP-HTTP-TOO-LARGE",
            WireError::MediaType { .. } => "IMP-MEDIA-TYPE",
            WireError::MimeBoundary { .. } => "IMP-MIME-BOUNDARY",
            WireError::MimeTruncated { .. } => "IMP-MIME-TRUNCATED",
            WireError::MimeDuplicateId { .. } => "IMP-MIME-DUPCID",
            WireError::MimeParts { .. } => "IMP-MIME-PARTS",
            WireError::MimeHeader { .. } => "IMP-MIME-HEADER",
            WireError::MimeNested { .. } => "IMP-MIME-NESTED",
            WireError::MimeEncoding { .. } => "IMP-MIME-ENCODING",
            WireError::Base64 { .. } => "IMP-BASE64",
            WireError::QuotedPrintable { .. } => "IMP-QUOTED-PRINTABLE",
            WireError::ContentEncoding(_) => "IMP-HTTP-ENCODING",
            WireError::Inflate(_) => "IMP-INFLATE",
            WireError::Charset { .. } => "IMP-CHARSET",
            WireError::SpoolFull { .. } => "IMP-SPOOL-FULL",
            WireError::DiskFull => "IMP-STORE-FULL",
            WireError::Io(_) => "IMP-IO",
        }
    }

    /// Whether the upload was cut off, so that only its beginning was read.
    pub fn is_truncation(&self) -> bool {
        matches!(
            self,
            WireError::HttpTruncated { .. }
                | WireError::HttpStalled { .. }
                | WireError::HttpChunk { .. }
                | WireError::MimeTruncated { .. }
        )
    }

    /// Extracts the error that a reader of this module stored; any other becomes [`Self::DiskFull`]
    /// or [`Self::Io`].
    pub fn from_io(error: io::Error) -> WireError {
        match error.downcast() {
            Ok(wire) => wire,
            Err(error) if is_full(&error) => WireError::DiskFull,
            Err(error) => WireError::Io(error),
        }
    }
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> io::Error {
        let kind = match error {
            WireError::Io(inner) => return inner,
            WireError::DiskFull => io::ErrorKind::StorageFull,
            WireError::HttpTruncated { .. } | WireError::MimeTruncated { .. } => {
                io::ErrorKind::UnexpectedEof
            }
            WireError::HttpStalled { .. } => io::ErrorKind::TimedOut,
            WireError::HttpTooLarge { .. } | WireError::SpoolFull { .. } => {
                io::ErrorKind::FileTooLarge
            }
            WireError::HttpChunk { .. }
            | WireError::MediaType { .. }
            | WireError::MimeBoundary { .. }
            | WireError::MimeDuplicateId { .. }
            | WireError::MimeParts { .. }
            | WireError::MimeHeader { .. }
            | WireError::MimeNested { .. }
            | WireError::MimeEncoding { .. }
            | WireError::Base64 { .. }
            | WireError::QuotedPrintable { .. }
            | WireError::Charset { .. }
            | WireError::ContentEncoding(_)
            | WireError::Inflate(_) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// Whether the error means that the disk, or this user's quota, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The start of a word from the sender, short and printable enough to quote in a response.
pub(crate) fn excerpt(word: &str) -> String {
    const LONGEST: usize = 60;
    let printable = |c: char| if c.is_control() { '?' } else { c };
    let mut short: String = word.chars().take(LONGEST).map(printable).collect();
    if word.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

fn place(part: usize) -> String {
    match part {
        0 => "before its first part".to_owned(),
        part => format!("inside part {part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_survives_the_conversion_to_io_error() {
        let sent = WireError::Base64 {
            offset: 7,
            what: "a reason",
        };
        let through = io::Error::from(sent);
        assert_eq!(through.kind(), io::ErrorKind::InvalidData);
        let back = WireError::from_io(through);
        assert_eq!(back.code(), "IMP-BASE64");
        assert!(matches!(back, WireError::Base64 { offset: 7, .. }));
    }

    #[test]
    fn other_io_errors_keep_kind_and_text() {
        let foreign = || io::Error::new(io::ErrorKind::ConnectionReset, "gone");
        assert_eq!(WireError::from_io(foreign()).code(), "IMP-IO");
        let again = io::Error::from(WireError::from_io(foreign()));
        assert_eq!(again.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(again.to_string(), "gone");
    }

    #[test]
    fn full_disk_is_recognized_on_both_sides_of_a_reader() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(WireError::from_io(full()).code(), "IMP-STORE-FULL");
        let again = io::Error::from(WireError::from_io(full()));
        assert!(is_full(&again));
        assert!(matches!(WireError::from_io(again), WireError::DiskFull));
    }

    #[test]
    fn only_incomplete_uploads_are_truncations() {
        assert!(WireError::HttpTruncated { received: 1 }.is_truncation());
        assert!(WireError::HttpStalled { received: 1 }.is_truncation());
        assert!(WireError::MimeTruncated { part: 1 }.is_truncation());
        assert!(!WireError::MimeParts { limit: 50 }.is_truncation());
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(!WireError::from_io(eof).is_truncation());
    }

    #[test]
    fn message_says_what_where_and_what_to_do() {
        assert_eq!(
            WireError::MimeTruncated { part: 2 }.to_string(),
            "The multipart body ended inside part 2, without the closing delimiter (\"--\", \
             boundary, \"--\"). The upload was cut off: send the whole request again."
        );
        assert_eq!(
            WireError::HttpTooLarge { limit: 1024 }.to_string(),
            "The request body is larger than the 1024 bytes accepted here. Split the file, or ask \
             the administrator for a higher limit."
        );
    }

    #[test]
    fn words_from_the_sender_are_shortened_and_made_printable() {
        assert_eq!(excerpt("x-uuencode"), "x-uuencode");
        assert_eq!(excerpt("a\r\nb"), "a??b");
        let long = excerpt(&"é".repeat(4096));
        assert_eq!(long.chars().count(), 61);
        assert!(long.ends_with('…'));
    }
}

//! Reads a form with a file, multipart/form-data (RFC 7578), from a blocking source. multer parses it.
//!
//! multer reads as long as its source has data, and buffers headers of any length. Here it gets one chunk
//! at a time, and only a limited number of bytes until it returns something.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use multer::{Field, Multipart};
use zeroize::Zeroizing;

use crate::formats::kind::{Content, FileKind};
use crate::quoted;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;
use crate::wire::part_header;

/// Bytes passed to the parser at a time.
const CHUNK: usize = 16 * 1024;

/// Maximum bytes passed to the parser without a result: a preamble or a part's headers.
const MAX_WITHOUT_RESULT: usize = 16 * 1024;

/// Maximum size of a field other than the file, in bytes.
pub const FIELD_LIMIT: usize = 8 * 1024;

/// Why a form is refused.
#[derive(Debug)]
pub enum FormError {
    /// It is truncated or malformed, or its file cannot be stored.
    Wire(WireError),
    /// A field is invalid.
    Field {
        /// The stable code.
        code: &'static str,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl From<WireError> for FormError {
    fn from(error: WireError) -> Self {
        FormError::Wire(error)
    }
}

/// The next input of the parser.
#[derive(Clone, Default)]
struct Supply(Arc<Mutex<Next>>);

#[derive(Default)]
struct Next {
    chunk: Option<Bytes>,
    ended: bool,
}

impl Supply {
    fn with<T>(&self, update: impl FnOnce(&mut Next) -> T) -> T {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Stream for Supply {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.with(|next| match next.chunk.take() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None if next.ended => Poll::Ready(None),
            None => Poll::Pending,
        })
    }
}

/// Reads the fields of a form from a blocking source.
pub struct FormReader<R> {
    form: Multipart<'static>,
    supply: Supply,
    /// The body; what follows the form is left in it.
    pub body: R,
    /// The number of the current field, from 1.
    pub part: usize,
}

impl<R: Read> FormReader<R> {
    /// A form with this boundary, of which nothing has been read.
    pub fn new(boundary: &str, body: R) -> Self {
        let supply = Supply::default();
        FormReader {
            form: Multipart::new(supply.clone(), boundary),
            supply,
            body,
            part: 0,
        }
    }

    /// The next field; none at the end of the form.
    ///
    /// # Errors
    /// The form is truncated or malformed.
    pub fn next_field(&mut self) -> Result<Option<Field<'static>>, WireError> {
        let next = drive(&self.supply, &mut self.body, self.part, |context| {
            self.form.poll_next_field(context)
        })?;
        self.part += usize::from(next.is_some());
        Ok(next)
    }

    /// Calls `take` with each piece of a field.
    ///
    /// # Errors
    /// The form is truncated or malformed, or `take` failed.
    pub fn for_each_piece<E: From<WireError>>(
        &mut self,
        field: &mut Field<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let piece = drive(&self.supply, &mut self.body, self.part, |context| {
                Pin::new(&mut *field)
                    .poll_next(context)
                    .map(|piece| piece.transpose())
            })?;
            match piece {
                Some(piece) => take(&piece)?,
                None => return Ok(()),
            }
        }
    }

    /// The content of a field, to be read.
    pub fn content<'r>(&'r mut self, field: &'r mut Field<'static>) -> FieldContent<'r, R> {
        FieldContent {
            supply: &self.supply,
            body: &mut self.body,
            part: self.part,
            field,
            piece: Bytes::new(),
        }
    }

    /// The content of a text field.
    ///
    /// # Errors
    /// It is longer than [`FIELD_LIMIT`], or the form is truncated or malformed.
    pub fn text(
        &mut self,
        field: &mut Field<'_>,
        name: &str,
    ) -> Result<Zeroizing<Vec<u8>>, FormError> {
        // It may be a password: a buffer that is not reallocated leaves no copy of it.
        let mut value = Zeroizing::new(Vec::with_capacity(FIELD_LIMIT));
        self.for_each_piece(field, |piece| {
            if value.len() + piece.len() > FIELD_LIMIT {
                return Err(FormError::Field {
                    code: "IMP-FIELD",
                    detail: format!("The field {name} has more than {FIELD_LIMIT} bytes."),
                });
            }
            value.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(value)
    }
}

/// The content of one field.
pub struct FieldContent<'r, R> {
    supply: &'r Supply,
    body: &'r mut R,
    part: usize,
    field: &'r mut Field<'static>,
    /// What was received and not read yet.
    piece: Bytes,
}

impl<R: Read> Read for FieldContent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let field = &mut *self.field;
            let next = drive(self.supply, self.body, self.part, |context| {
                Pin::new(&mut *field)
                    .poll_next(context)
                    .map(|piece| piece.transpose())
            })?;
            match next {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        let taken = self.piece.split_to(count);
        if let Some(room) = buffer.get_mut(..count) {
            room.copy_from_slice(&taken);
        }
        Ok(count)
    }
}

/// Polls the parser until it has a result, and supplies a chunk whenever it needs one. `part` is the number of the
/// current field.
fn drive<T>(
    supply: &Supply,
    body: &mut impl Read,
    part: usize,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<multer::Result<T>>,
) -> Result<T, WireError> {
    let mut context = Context::from_waker(Waker::noop());
    let mut given = 0;
    loop {
        match poll(&mut context) {
            Poll::Ready(Ok(known)) => return Ok(known),
            Poll::Ready(Err(error)) => return Err(explain(supply, part, &error)),
            Poll::Pending if given <= MAX_WITHOUT_RESULT => {
                given += supply_next(supply, body, part)?;
            }
            Poll::Pending => {
                return Err(WireError::MimeHeader {
                    part: part + 1,
                    what: "they are too long, or the boundary before them is missing",
                });
            }
        }
    }
}

/// Reads a chunk; returns its length.
fn supply_next(supply: &Supply, body: &mut impl Read, part: usize) -> Result<usize, WireError> {
    if supply.with(|next| next.ended) {
        // The parser has seen the end and still waits for more.
        return Err(WireError::MimeTruncated { part });
    }
    let mut chunk = vec![0; CHUNK];
    let count = body.read(&mut chunk).map_err(WireError::from_io)?;
    chunk.truncate(count);
    supply.with(|next| match chunk.is_empty() {
        true => next.ended = true,
        false => next.chunk = Some(Bytes::from(chunk)),
    });
    Ok(count)
}

/// Translates an error of the parser.
fn explain(supply: &Supply, part: usize, error: &multer::Error) -> WireError {
    let truncated = supply.with(|next| next.ended);
    match error {
        multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. }
            if truncated =>
        {
            match part {
                0 => WireError::MimeBoundary {
                    what: "the body does not contain it, or ends there",
                },
                part => WireError::MimeTruncated { part },
            }
        }
        multer::Error::IncompleteStream => WireError::MimeBoundary {
            what: "it is a prefix of another line",
        },
        _ => WireError::MimeHeader {
            part: part + 1,
            what: "a line is malformed",
        },
    }
}

/// The field `Content-Disposition`; multer parses it, but neither `name*` nor encoded words.
fn disposition(field: &Field<'_>) -> Option<String> {
    let value = field.headers().get("content-disposition")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The file name in the field's `Content-Disposition`, if there is one.
pub fn file_name(field: &Field<'_>) -> Option<String> {
    let name = part_header::file_name(&disposition(field)?)?;
    (!name.trim().is_empty()).then_some(name)
}

/// The field's media type, if it can be parsed.
pub fn media_type(field: &Field<'_>) -> Option<MediaType> {
    let value = field.headers().get("content-type")?;
    MediaType::parse(&String::from_utf8_lossy(value.as_bytes())).ok()
}

/// The field's name.
///
/// # Errors
/// It has none.
pub fn name(field: &Field<'_>, part: usize) -> Result<String, WireError> {
    let name = disposition(field).and_then(|text| part_header::field_name(&text));
    name.filter(|name| !name.is_empty())
        .ok_or(WireError::MimeHeader {
            part,
            what: "the Content-Disposition has no name or is missing",
        })
}

/// The file's name, whose extension gives its type. Without a known extension (`blob`, the only name of a script's
/// Blob; `users.txt`; no name at all), the content decides, together with the part's media type, which alone is not
/// reliable: browsers send CSV files as Excel's.
///
/// # Errors
/// The extension is that of a format without rows.
pub fn label(
    name: Option<String>,
    media_type: Option<&MediaType>,
    beginning: &[u8],
) -> Result<String, FormError> {
    let given = name.as_deref().unwrap_or_default();
    if FileKind::called(given).is_some() || has_other_extension(given) {
        return parse_file_name(given);
    }
    let essence = media_type.map(|media_type| media_type.essence.as_str());
    let end = match Content::of(beginning) {
        Content::Zip { .. } => "xlsx",
        Content::Compound => "xls",
        _ if essence == Some("text/tab-separated-values") => "tsv",
        _ => "csv",
    };
    // The file name in a record has no folders.
    let bare = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let bare = if bare.is_empty() { "users" } else { bare };
    Ok(format!("{bare}.{end}"))
}

/// Whether the name has the extension of a document without rows.
fn has_other_extension(name: &str) -> bool {
    const EXTENSIONS: [&str; 24] = [
        "doc", "docx", "eml", "gif", "gz", "htm", "html", "jpeg", "jpg", "json", "ldif", "ods",
        "odt", "pdf", "png", "ppt", "pptx", "rar", "sql", "vcf", "xml", "yaml", "yml", "zip",
    ];
    let end = name.rsplit_once('.').map(|(_, end)| end.trim());
    end.is_some_and(|end| {
        EXTENSIONS
            .iter()
            .any(|known| end.eq_ignore_ascii_case(known))
    })
}

/// Refuses transfer encodings, which forms do not use (RFC 7578 §4.7).
///
/// # Errors
/// The field has one.
pub fn refuse_encoding(field: &Field<'_>) -> Result<(), FormError> {
    let Some(encoding) = field.headers().get("content-transfer-encoding") else {
        return Ok(());
    };
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).to_ascii_lowercase();
    match encoding.trim() {
        "binary" | "8bit" | "7bit" => Ok(()),
        other => Err(FormError::Field {
            code: "IMP-MIME-ENCODING",
            detail: format!(
                "A field has the transfer encoding {:?}; send it unencoded.",
                quoted::word(other)
            ),
        }),
    }
}

/// Checks a file's name, whose extension gives the file's type.
///
/// # Errors
/// The extension is unknown.
pub fn parse_file_name(text: &str) -> Result<String, FormError> {
    match FileKind::called(text) {
        Some(_) => Ok(text.trim().to_owned()),
        None => Err(FormError::Field {
            code: "IMP-FILE-FORMAT",
            detail: format!(
                "The file is called {:?}; its name must end in csv, tsv, xlsx or xls, and the file must \
                 have that format.",
                quoted::name(text)
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_when_the_file_name_has_no_known_extension() {
        let label = |name: Option<&str>, media_type: &str, beginning: &[u8]| {
            let media_type = MediaType::parse(media_type).ok();
            let label = label(name.map(str::to_owned), media_type.as_ref(), beginning);
            label.map_err(|error| match error {
                FormError::Field { code, .. } => code,
                FormError::Wire(error) => error.code(),
            })
        };
        let (text, xlsx, xls) = (
            b"UserName\nkim\n".as_slice(),
            b"PK\x03\x04xl/".as_slice(),
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(),
        );
        for (name, media_type, beginning, expected) in [
            (Some("a.csv"), "application/octet-stream", xlsx, "a.csv"),
            (Some("blob"), "text/csv", text, "blob.csv"),
            (Some("blob"), "text/tab-separated-values", text, "blob.tsv"),
            (Some("blob"), "application/vnd.ms-excel", text, "blob.csv"),
            (Some("blob"), "text/csv", xlsx, "blob.xlsx"),
            (Some("blob"), "", xls, "blob.xls"),
            (Some("users.txt"), "text/plain", text, "users.txt.csv"),
            (Some("C:\\export\\users"), "", text, "users.csv"),
            (None, "", text, "users.csv"),
            (None, "application/octet-stream", xlsx, "users.xlsx"),
            (None, "", b"", "users.csv"),
        ] {
            assert_eq!(
                label(name, media_type, beginning),
                Ok(expected.to_owned()),
                "{name:?}"
            );
        }
        assert_eq!(
            label(Some("a.docx"), "text/csv", text),
            Err("IMP-FILE-FORMAT")
        );
    }
}

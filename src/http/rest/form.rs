//! A form with a file: multipart/form-data (RFC 7578), parsed by multer.
//!
//! Its fields may come in any order, and one after the file, such as `dryRun`, may decide that nothing is
//! written. The file is therefore spooled to disk, up to a limit, until the form has ended; a truncated
//! form has no effect. A file that is the body itself is read as it arrives.
//!
//! multer reads as long as its source has data, and buffers headers of any length. Here it gets one chunk
//! at a time, and only a limited number of bytes until it returns something.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use futures_util::Stream;
use multer::{Field, Multipart};
use zeroize::Zeroizing;

use crate::formats::charset::TextCharset;
use crate::formats::kind::{BEGINNING, Content, FileKind};
use crate::http::rest::parameters::{Parameters, parse_file_name, repeated_name, unknown};
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::REPEATABLE;
use crate::passwords::secret::Secret;
use crate::quoted;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;
use crate::wire::part_header;
use crate::wire::spool::{Spool, SpoolSettings};

/// Bytes passed to the parser at a time.
const CHUNK: usize = 16 * 1024;

/// Maximum bytes passed to the parser without a result: a preamble or a part's headers.
const MAX_WITHOUT_RESULT: usize = 16 * 1024;

/// Maximum size of a field other than the file, in bytes.
const FIELD_LIMIT: usize = 8 * 1024;

/// Maximum number of fields, not counting repetitions.
const FIELDS: usize = 32;

/// Maximum number of repetitions of all fields, and maximum size of all fields except the file, in bytes.
const REPEATS: usize = 1_024;
const FIELDS_LIMIT: usize = 256 * 1024;

/// The name of the file's field.
const FILE: &str = "file";

/// The field that names the charset of the others (RFC 7578 §4.6); browsers fill it in.
const CHARSET: &str = "_charset_";

/// A complete form.
#[derive(Debug)]
pub struct Form {
    /// The values of the fields; the file's name is that of the field, or else that of the part.
    pub parameters: Parameters,
    /// The file.
    pub file: Spool,
}

/// Reads a form with these fields and the file.
///
/// # Errors
/// It is truncated or malformed, a field is unknown, repeated or invalid, or the file is missing.
pub fn read(
    boundary: &str,
    body: impl Read,
    spool: &SpoolSettings,
    fields: &[&str],
) -> Result<Form, ProblemDetails> {
    let supply = Supply::default();
    let mut form = Multipart::new(supply.clone(), boundary);
    let mut source = Source {
        supply,
        body,
        part: 0,
    };
    let mut parameters = Parameters::default();
    let (mut file, mut seen) = (None, Vec::new());
    let (mut texts, mut charset): (Vec<Text>, _) = (Vec::new(), None);
    let (mut repeated, mut bytes) = (0, 0);
    while let Some(mut field) = source.drive(|context| form.poll_next_field(context))? {
        source.part += 1;
        if source.part > FIELDS + repeated {
            return Err(WireError::MimeParts { limit: FIELDS }.into());
        }
        let name = name(&field, source.part)?;
        refuse_encoding(&field)?;
        let again = seen.contains(&name);
        if again && !(REPEATABLE.contains(&name.as_str()) && repeated < REPEATS) {
            return Err(repeated_name("field", &name));
        }
        repeated += usize::from(again);
        if name == FILE {
            let (part_name, part_type) =
                (disposition(&field).and_then(file_name), media_type(&field));
            let (mut spooled, mut beginning) = (Spool::new(spool), Vec::new());
            source.for_each_piece(&mut field, |piece| {
                let missing = (BEGINNING as usize).saturating_sub(beginning.len());
                beginning.extend(piece.iter().take(missing));
                spooled.write_all(piece).map_err(WireError::from_io)?;
                Ok(())
            })?;
            parameters.options.charset =
                TextCharset::stated(part_type.as_ref()).map(TextCharset::label);
            let part_name = part_name.filter(|name| !name.trim().is_empty());
            file = Some((spooled, label(part_name, part_type.as_ref(), &beginning)));
        } else if name == CHARSET || fields.contains(&name.as_str()) {
            let value = text(&mut source, &mut field, &name)?;
            bytes += value.len();
            if bytes > FIELDS_LIMIT {
                return Err(ProblemDetails::bad_request(
                    "IMP-FIELD",
                    format!("The fields have more than {FIELDS_LIMIT} bytes together."),
                ));
            }
            match name == CHARSET {
                // Forms leave it empty for browsers to fill in; other programs do not fill it in.
                true if value.trim_ascii().is_empty() => {}
                true => charset = Some(encoding(&value)?),
                false => {
                    let own = media_type(&field);
                    let own = own.as_ref().and_then(|it| it.param("charset"));
                    let own = own.map(|label| encoding(label.as_bytes())).transpose()?;
                    texts.push((name.clone(), value, own));
                }
            }
        } else {
            return Err(unknown("field", &name, &[fields, &[FILE]].concat()));
        }
        if !again {
            seen.push(name);
        }
    }
    // The epilogue is ignored, but reading it detects a truncated body.
    io::copy(&mut source.body, &mut io::sink()).map_err(WireError::from_io)?;
    for (name, value, own) in texts {
        let charset = own.or(charset).unwrap_or(UTF_8);
        let decoded = charset.decode_without_bom_handling_and_without_replacement(&value);
        let decoded = decoded.ok_or_else(|| {
            ProblemDetails::bad_request(
                "IMP-FIELD",
                format!("The field {name} is not {}.", charset.name()),
            )
        })?;
        parameters.set(&name, Secret::new(decoded.into_owned()))?;
    }
    let Some((file, part_name)) = file else {
        return Err(ProblemDetails::bad_request(
            "IMP-FILE-MISSING",
            "The form has no file; send it as the field `file`.",
        ));
    };
    if parameters.file_name.is_none() {
        parameters.file_name = Some(part_name?);
    }
    Ok(Form { parameters, file })
}

/// A text field: its name, its bytes, and the charset of its own media type.
type Text = (String, Zeroizing<Vec<u8>>, Option<&'static Encoding>);

/// The field `Content-Disposition`; multer parses it, but neither `name*` nor encoded words.
fn disposition(field: &Field<'_>) -> Option<String> {
    let value = field.headers().get("content-disposition")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn file_name(disposition: String) -> Option<String> {
    part_header::file_name(&disposition)
}

/// The field's media type, if it can be parsed.
fn media_type(field: &Field<'_>) -> Option<MediaType> {
    let value = field.headers().get("content-type")?;
    MediaType::parse(&String::from_utf8_lossy(value.as_bytes())).ok()
}

fn name(field: &Field<'_>, part: usize) -> Result<String, ProblemDetails> {
    let name = disposition(field).and_then(|text| part_header::field_name(&text));
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        WireError::MimeHeader {
            part,
            what: "the Content-Disposition has no name or is missing",
        }
        .into()
    })
}

/// The charset with this name (WHATWG Encoding §4.2).
fn encoding(label: &[u8]) -> Result<&'static Encoding, ProblemDetails> {
    Encoding::for_label(label).ok_or_else(|| {
        let label = String::from_utf8_lossy(label);
        ProblemDetails::bad_request(
            "IMP-FIELD",
            format!(
                "The charset {:?} is unknown; send the fields in UTF-8.",
                quoted::word(&label)
            ),
        )
    })
}

/// The file's name, whose extension gives its type. Without a known extension (`blob`, the only name of a script's
/// Blob; `users.txt`; no name at all), the content decides, together with the part's media type, which alone is not
/// reliable: browsers send CSV files as Excel's.
///
/// # Errors
/// The extension is that of a format without rows.
fn label(
    name: Option<String>,
    media_type: Option<&MediaType>,
    beginning: &[u8],
) -> Result<String, ProblemDetails> {
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
fn refuse_encoding(field: &Field<'_>) -> Result<(), ProblemDetails> {
    let Some(encoding) = field.headers().get("content-transfer-encoding") else {
        return Ok(());
    };
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).to_ascii_lowercase();
    match encoding.trim() {
        "binary" | "8bit" | "7bit" => Ok(()),
        other => Err(ProblemDetails::bad_request(
            "IMP-MIME-ENCODING",
            format!(
                "A field has the transfer encoding {:?}; send it unencoded.",
                quoted::word(other)
            ),
        )),
    }
}

fn text<R: Read>(
    source: &mut Source<R>,
    field: &mut Field<'_>,
    name: &str,
) -> Result<Zeroizing<Vec<u8>>, ProblemDetails> {
    // It may be a password: a buffer that is not reallocated leaves no copy of it.
    let mut value = Zeroizing::new(Vec::with_capacity(FIELD_LIMIT));
    source.for_each_piece(field, |piece| {
        if value.len() + piece.len() > FIELD_LIMIT {
            return Err(ProblemDetails::bad_request(
                "IMP-FIELD",
                format!("The field {name} has more than {FIELD_LIMIT} bytes."),
            ));
        }
        value.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(value)
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

/// The source of the parser's chunks.
struct Source<R> {
    supply: Supply,
    body: R,
    /// The number of the current field, from 1.
    part: usize,
}

impl<R: Read> Source<R> {
    /// Polls the parser until it has a result, and supplies a chunk whenever it needs one.
    fn drive<T>(
        &mut self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<multer::Result<T>>,
    ) -> Result<T, ProblemDetails> {
        let mut context = Context::from_waker(Waker::noop());
        let mut given = 0;
        loop {
            match poll(&mut context) {
                Poll::Ready(Ok(known)) => return Ok(known),
                Poll::Ready(Err(error)) => return Err(self.explain(&error).into()),
                Poll::Pending if given <= MAX_WITHOUT_RESULT => given += self.supply_next()?,
                Poll::Pending => {
                    return Err(WireError::MimeHeader {
                        part: self.part + 1,
                        what: "they are too long, or the boundary before them is missing",
                    }
                    .into());
                }
            }
        }
    }

    /// Reads a chunk; returns its length.
    fn supply_next(&mut self) -> Result<usize, WireError> {
        if self.supply.with(|next| next.ended) {
            // The parser has seen the end and still waits for more.
            return Err(WireError::MimeTruncated { part: self.part });
        }
        let mut chunk = vec![0; CHUNK];
        let count = self.body.read(&mut chunk).map_err(WireError::from_io)?;
        chunk.truncate(count);
        self.supply.with(|next| match chunk.is_empty() {
            true => next.ended = true,
            false => next.chunk = Some(Bytes::from(chunk)),
        });
        Ok(count)
    }

    /// Calls `take` with each piece of a field.
    fn for_each_piece(
        &mut self,
        field: &mut Field<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), ProblemDetails>,
    ) -> Result<(), ProblemDetails> {
        loop {
            let piece = self.drive(|context| {
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

    /// Translates an error of the parser.
    fn explain(&self, error: &multer::Error) -> WireError {
        let truncated = self.supply.with(|next| next.ended);
        match error {
            multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. }
                if truncated =>
            {
                match self.part {
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
                part: self.part + 1,
                what: "a line is malformed",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte per read.
    struct OneByOne<'b>(&'b [u8]);

    impl Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    fn parse(body: impl Read) -> Result<(Parameters, Vec<u8>), ProblemDetails> {
        let folder = tempfile::tempdir().unwrap();
        let spool = SpoolSettings {
            folder: folder.path().into(),
            limit: 1024 * 1024,
        };
        let form = read("b", body, &spool, &["domain", "defaultPassword", "map"])?;
        let mut file = Vec::new();
        form.file
            .into_reader()
            .unwrap()
            .read_to_end(&mut file)
            .unwrap();
        Ok((form.parameters, file))
    }

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
        Content-Type: text/csv\r\n\r\nUserName\r\nkim\r\n\r\n--b\r\nContent-Disposition: form-data; \
        name=\"domain\"\r\n\r\nSALES\r\n--b--\r\n";

    #[test]
    fn fields_come_in_any_order() {
        let (parameters, file) = parse(FORM.as_bytes()).unwrap();
        assert_eq!(file, b"UserName\r\nkim\r\n");
        assert_eq!(parameters.domain.as_deref(), Some("SALES"));
        assert_eq!(parameters.file_name.as_deref(), Some("a.csv"));
    }

    #[test]
    fn only_map_is_repeatable_and_only_up_to_the_limits() {
        let with = |fields: String| parse(format!("{fields}{FORM}").as_bytes());
        let field = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let map = |count: usize, width: usize| -> String {
            let entry = |at: usize| field("map", &format!("{at:0width$}=_"));
            (0..count).map(entry).collect()
        };
        let (parameters, _) = with(map(300, 4)).unwrap();
        assert_eq!(parameters.options.map.entries().count(), 300);
        assert_eq!(
            with(field("domain", "HR")).unwrap_err().code,
            "IMP-PARAMETER"
        );
        assert_eq!(with(map(1_100, 4)).unwrap_err().code, "IMP-PARAMETER");
        assert_eq!(with(map(50, 8_000)).unwrap_err().code, "IMP-FIELD");
    }

    #[test]
    fn reads_may_return_single_bytes() {
        let (parameters, file) = parse(OneByOne(FORM.as_bytes())).unwrap();
        assert_eq!(file, b"UserName\r\nkim\r\n");
        assert_eq!(parameters.domain.as_deref(), Some("SALES"));
    }

    #[test]
    fn encoded_file_names_are_decoded() {
        for name in [
            "filename=\"=?utf-8?B?QmVuw7x0emVyLmNzdg==?=\"; filename*=utf-8''Ben%C3%BCtzer.csv",
            "filename=\"=?utf-8?B?QmVuw7x0emVyLmNzdg==?=\"",
            "filename*=utf-8''Ben%C3%BCtzer.csv; filename=\"x.bin\"",
        ] {
            let form = FORM.replace("filename=\"a.csv\"", name);
            let (parameters, _) = parse(form.as_bytes()).unwrap();
            assert_eq!(
                parameters.file_name.as_deref(),
                Some("Benützer.csv"),
                "{name}"
            );
        }
    }

    #[test]
    fn encoded_field_names_are_decoded() {
        for name in [
            "name=file",
            "name=\"=?utf-8?B?ZmlsZQ==?=\"",
            "name=\"=?UTF-8?Q?file?=\"",
            "name*=utf-8''file",
            "name=\"f%69le\"",
        ] {
            let form = FORM.replace("name=\"file\"", name);
            let (parameters, file) = parse(form.as_bytes()).unwrap();
            assert_eq!(file, b"UserName\r\nkim\r\n", "{name}");
            assert_eq!(parameters.file_name.as_deref(), Some("a.csv"), "{name}");
        }
    }

    #[test]
    fn content_decides_when_the_file_name_has_no_known_extension() {
        let label = |name: Option<&str>, media_type: &str, beginning: &[u8]| {
            let media_type = MediaType::parse(media_type).ok();
            let label = label(name.map(str::to_owned), media_type.as_ref(), beginning);
            label.map_err(|problem| problem.code)
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

    #[test]
    fn escapes_in_names_are_decoded() {
        for (written, name) in [
            ("a%22b.csv", "a\"b.csv"),
            ("Ben%C3%BCtzer.csv", "Benützer.csv"),
            ("users%2Ecsv", "users.csv"),
            ("50%.csv", "50%.csv"),
            ("%FF.csv", "%FF.csv"),
        ] {
            let form = FORM.replace("a.csv", written);
            let (parameters, _) = parse(form.as_bytes()).unwrap();
            assert_eq!(parameters.file_name.as_deref(), Some(name), "{written}");
        }
    }

    #[test]
    fn fields_are_decoded_with_the_declared_charset() {
        let field = |head: &str, value: &[u8]| {
            [
                format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
                value,
                b"\r\n",
            ]
            .concat()
        };
        let latin = b"M\xfcller-Stra\xdfe-7";
        let password = |fields: &[Vec<u8>]| {
            let form = [fields.concat(), FORM.as_bytes().to_vec()].concat();
            let (parameters, _) = parse(form.as_slice())?;
            Ok::<_, ProblemDetails>(parameters.default_password.unwrap().expose().to_owned())
        };
        let charset = |label: &str| field("name=\"_charset_\"", label.as_bytes());
        let plain = field("name=\"defaultPassword\"", latin);
        let own = "name=\"defaultPassword\"\r\nContent-Type: text/plain; charset=windows-1252";
        let expected = "Müller-Straße-7";
        for fields in [
            vec![charset("iso-8859-1"), plain.clone()],
            // A browser may send it after other fields.
            vec![plain.clone(), charset("ISO-8859-1")],
            vec![field(own, latin)],
            vec![charset("utf-8"), field(own, latin)],
            vec![
                charset("UTF-8"),
                field("name=\"defaultPassword\"", expected.as_bytes()),
            ],
            vec![field("name=\"defaultPassword\"", expected.as_bytes())],
            // An empty one is ignored.
            vec![charset(""), field(own, latin)],
            vec![
                field("name=\"defaultPassword\"", expected.as_bytes()),
                charset(" \r\n"),
            ],
        ] {
            assert_eq!(password(&fields).unwrap(), expected);
        }
        for fields in [
            vec![plain.clone()],
            vec![charset("utf-8"), plain.clone()],
            vec![charset("no-such"), plain.clone()],
            vec![charset(""), plain],
        ] {
            assert_eq!(password(&fields).unwrap_err().code, "IMP-FIELD");
        }
    }

    #[test]
    fn truncation_at_any_byte_is_detected() {
        for end in 0..FORM.len() - 4 {
            let problem = parse(&FORM.as_bytes()[..end]).unwrap_err();
            let known = ["IMP-MIME-TRUNCATED", "IMP-MIME-BOUNDARY"].contains(&problem.code);
            assert!(known, "{end}: {problem:?}");
        }
    }

    #[test]
    fn memory_is_limited_whatever_is_sent() {
        let endless = || io::repeat(b'x').take(10 * 1024 * 1024);
        let problem = parse(endless()).unwrap_err();
        assert_eq!(problem.code, "IMP-MIME-HEADER");
        let header = "--b\r\nContent-Disposition: ".as_bytes();
        assert_eq!(
            parse(header.chain(endless())).unwrap_err().code,
            "IMP-MIME-HEADER"
        );
        let field = "--b\r\nContent-Disposition: form-data; name=\"domain\"\r\n\r\n".as_bytes();
        assert_eq!(parse(field.chain(endless())).unwrap_err().code, "IMP-FIELD");
        let file = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".as_bytes();
        assert_eq!(
            parse(file.chain(endless())).unwrap_err().code,
            "IMP-SPOOL-FULL"
        );
    }
}

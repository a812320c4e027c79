//! A form with a file: multipart/form-data (RFC 7578), parsed by multer.
//!
//! Its fields may come in any order, and one after the file, such as `dryRun`, may decide that nothing is
//! written. The file is therefore spooled to disk, up to a limit, until the form has ended; a truncated
//! form has no effect. A file that is the body itself is read as it arrives.

use std::io::{self, Read, Write};

use encoding_rs::{Encoding, UTF_8};
use zeroize::Zeroizing;

use crate::formats::charset::TextCharset;
use crate::formats::kind::BEGINNING;
use crate::http::form_reader::{self, FormReader, label, media_type, name, refuse_encoding};
use crate::http::rest::parameters::{Parameters, repeated_name, unknown};
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::REPEATABLE;
use crate::passwords::secret::Secret;
use crate::quoted;
use crate::wire::error::WireError;
use crate::wire::spool::{Spool, SpoolSettings};

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
    let mut source = FormReader::new(boundary, body);
    let mut parameters = Parameters::default();
    let (mut file, mut seen) = (None, Vec::new());
    let (mut texts, mut charset): (Vec<Text>, _) = (Vec::new(), None);
    let (mut repeated, mut bytes) = (0, 0);
    while let Some(mut field) = source.next_field()? {
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
            let (part_name, part_type) = (form_reader::file_name(&field), media_type(&field));
            let (mut spooled, mut beginning) = (Spool::new(spool), Vec::new());
            source.for_each_piece(&mut field, |piece| -> Result<(), WireError> {
                let missing = (BEGINNING as usize).saturating_sub(beginning.len());
                beginning.extend(piece.iter().take(missing));
                spooled.write_all(piece).map_err(WireError::from_io)
            })?;
            parameters.options.charset =
                TextCharset::stated(part_type.as_ref()).map(TextCharset::label);
            file = Some((spooled, label(part_name, part_type.as_ref(), &beginning)));
        } else if name == CHARSET || fields.contains(&name.as_str()) {
            let value = source.text(&mut field, &name)?;
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

//! The request: envelope, parts and media types for each way to send a file.
//!
//! SOAP 1.1 §6, SOAP 1.2 part 2 §7; MTOM and XOP §4; SOAP Messages with Attachments; multipart/related
//! (RFC 2387). The file is streamed and never held in memory.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::command::CliError;
use crate::cli::send::mode::Mode;
use crate::http::soap::namespace::AXIS2;
use crate::http::soap::version::SoapVersion;
use crate::passwords::secret::Secret;

/// The SOAP action of the operation.
pub(super) const ACTION: &str = "urn:bulkImportUsers";

/// Replaces a password in output.
const HIDDEN: &str = "***";

/// What to send, and how.
pub(super) struct Call {
    pub version: SoapVersion,
    pub mode: Mode,
    pub domain: Option<String>,
    pub file_name: String,
    /// Size of the file in bytes, if it is known.
    pub size: Option<u64>,
    pub default_password: Option<Secret>,
}

/// A complete request, except for its file.
pub(super) struct Message {
    /// The field `Content-Type`.
    pub content_type: String,
    /// The field `SOAPAction`, in SOAP 1.1.
    pub soap_action: Option<String>,
    /// The field `Content-Length`, if it is known.
    pub length: Option<u64>,
    /// The text before and after the file.
    around: (Zeroizing<String>, Zeroizing<String>),
    /// The same with passwords hidden, for output.
    shown: (String, String),
    mode: Mode,
    size: Option<u64>,
}

impl Message {
    /// Writes everything around the file.
    ///
    /// # Errors
    /// A value contains characters that XML does not allow.
    pub(super) fn new(call: &Call) -> Result<Self, CliError> {
        let id = Uuid::now_v7().simple().to_string();
        let password = call.default_password.as_ref().map(Secret::expose);
        let around = around(call, &id, password)?;
        let shown = around_shown(call, &id)?;
        let content_type = content_type(call, &id);
        let length = call.size.map(|size| {
            let carried = match call.mode {
                Mode::Inline => size.div_ceil(3) * 4,
                Mode::Mtom | Mode::Swa => size,
            };
            carried + around.0.len() as u64 + around.1.len() as u64
        });
        Ok(Message {
            content_type,
            soap_action: (call.version == SoapVersion::V11).then(|| format!("\"{ACTION}\"")),
            length,
            around: (Zeroizing::new(around.0), Zeroizing::new(around.1)),
            shown,
            mode: call.mode,
            size: call.size,
        })
    }

    /// The body, including the file.
    pub(super) fn body<'m>(&'m self, file: impl Read + 'm) -> impl Read + 'm {
        let file = Exactly {
            source: file,
            left: self.size,
        };
        let file: Box<dyn Read + 'm> = match self.mode {
            Mode::Inline => Box::new(Base64Reader::new(file)),
            Mode::Mtom | Mode::Swa => Box::new(file),
        };
        let (before, after) = &self.around;
        before.as_bytes().chain(file).chain(after.as_bytes())
    }

    /// The body for output: without passwords, and with a short description in place of the file.
    pub(super) fn shown(&self) -> String {
        let encoded = match self.mode {
            Mode::Inline => " as base64",
            Mode::Mtom | Mode::Swa => "",
        };
        let bytes = match self.size {
            Some(size) => format!("… {size} bytes{encoded}"),
            None => format!("… the file{encoded}"),
        };
        let (before, after) = &self.shown;
        format!("{before}{bytes}{after}")
    }
}

fn around_shown(call: &Call, id: &str) -> Result<(String, String), CliError> {
    around(call, id, call.default_password.as_ref().map(|_| HIDDEN))
}

/// The text before and after the file.
fn around(call: &Call, id: &str, password: Option<&str>) -> Result<(String, String), CliError> {
    let reference = format!("file-{id}@muster");
    let handler = match call.mode {
        Mode::Mtom => format!(
            "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:{reference}\"/>"
        ),
        Mode::Swa => format!("cid:{reference}"),
        Mode::Inline => String::new(),
    };
    let (opening, closing) = envelope(call, password)?;
    if call.mode == Mode::Inline {
        return Ok((opening, closing));
    }
    let boundary = boundary(id);
    let root = root_type(call);
    let file_type = file_type(&call.file_name);
    let before = format!(
        "--{boundary}\r\nContent-Type: {root}\r\nContent-Transfer-Encoding: 8bit\r\n\
         Content-ID: <{root_id}>\r\n\r\n{opening}{handler}{closing}\r\n--{boundary}\r\n\
         Content-Type: {file_type}\r\nContent-Transfer-Encoding: binary\r\n\
         Content-ID: <{reference}>\r\n\r\n",
        root_id = root_id(id)
    );
    Ok((before, format!("\r\n--{boundary}--\r\n")))
}

/// The envelope before and after the handler's content; the parameters have the original service's order.
fn envelope(call: &Call, password: Option<&str>) -> Result<(String, String), CliError> {
    let namespace = call.version.namespace();
    let mut opening = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope xmlns:soapenv=\"{namespace}\">\
         <soapenv:Body><xsd:bulkImportUsers xmlns:xsd=\"{AXIS2}\">"
    );
    if let Some(domain) = &call.domain {
        let domain = text("--domain", domain)?;
        opening.push_str(&format!(
            "<xsd:userStoreDomain>{domain}</xsd:userStoreDomain>"
        ));
    }
    let name = text("--file-name", &call.file_name)?;
    opening.push_str(&format!("<xsd:fileName>{name}</xsd:fileName><xsd:handler>"));
    let mut closing = "</xsd:handler>".to_owned();
    if let Some(password) = password {
        let password = Zeroizing::new(text("the default password", password)?);
        closing.push_str("<xsd:defaultPassword>");
        closing.push_str(&password);
        closing.push_str("</xsd:defaultPassword>");
    }
    closing.push_str("</xsd:bulkImportUsers></soapenv:Body></soapenv:Envelope>");
    Ok((opening, closing))
}

/// Escapes text for an element.
fn text(what: &str, value: &str) -> Result<String, CliError> {
    if value.chars().any(char::is_control) {
        return Err(CliError::Message(format!(
            "{what} contains a control character, which XML does not allow; remove it"
        )));
    }
    Ok(quick_xml::escape::escape(value).into_owned())
}

/// The media type of an envelope without attachments.
fn media_type(version: SoapVersion) -> &'static str {
    match version {
        SoapVersion::V11 => "text/xml",
        SoapVersion::V12 => "application/soap+xml",
    }
}

fn content_type(call: &Call, id: &str) -> String {
    let media = media_type(call.version);
    let action = match call.version {
        SoapVersion::V11 => String::new(),
        SoapVersion::V12 => format!("; action=\"{ACTION}\""),
    };
    let related = format!(
        "multipart/related; boundary=\"{}\"; start=\"<{}>\"",
        boundary(id),
        root_id(id)
    );
    match call.mode {
        Mode::Mtom => {
            format!("{related}; type=\"application/xop+xml\"; start-info=\"{media}\"{action}")
        }
        Mode::Swa => format!("{related}; type=\"{media}\"{action}"),
        Mode::Inline => format!("{media}; charset=UTF-8{action}"),
    }
}

/// The media type of the root part.
fn root_type(call: &Call) -> String {
    let media = media_type(call.version);
    match call.mode {
        Mode::Mtom => format!("application/xop+xml; charset=UTF-8; type=\"{media}\""),
        Mode::Swa | Mode::Inline => format!("{media}; charset=UTF-8"),
    }
}

fn boundary(id: &str) -> String {
    format!("MIMEBoundary_{id}")
}

fn root_id(id: &str) -> String {
    format!("root-{id}@muster")
}

fn file_type(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => "text/csv",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

/// A reader that fails if the file no longer has the announced length.
struct Exactly<R> {
    source: R,
    /// Bytes left to read; `None` if the length was not announced.
    left: Option<u64>,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(left) = &mut self.left {
            let changed = || Err(io::Error::other("the file changed while it was being sent"));
            match left.checked_sub(count as u64) {
                None => return changed(),
                Some(rest) if count == 0 && rest > 0 && !buffer.is_empty() => return changed(),
                Some(rest) => *left = rest,
            }
        }
        Ok(count)
    }
}

/// Bytes encoded at a time: a multiple of three.
const PIECE: usize = 48 * 1024;

/// Encodes the bytes of a reader as base64 (RFC 4648 §4), in one line.
struct Base64Reader<R> {
    source: R,
    bytes: Vec<u8>,
    encoded: String,
    /// The unread part of `encoded`.
    start: usize,
    at_end: bool,
}

impl<R: Read> Base64Reader<R> {
    fn new(source: R) -> Self {
        Base64Reader {
            source,
            bytes: vec![0; PIECE],
            encoded: String::new(),
            start: 0,
            at_end: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut filled = 0;
        while let Some(space) = self
            .bytes
            .get_mut(filled..)
            .filter(|space| !space.is_empty())
        {
            match self.source.read(space) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.encoded.clear();
        self.start = 0;
        let bytes = self.bytes.get(..filled).unwrap_or_default();
        STANDARD.encode_string(bytes, &mut self.encoded);
        Ok(())
    }
}

impl<R: Read> Read for Base64Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.encoded.len() && !self.at_end {
            self.fill()?;
        }
        let mut unread = self
            .encoded
            .as_bytes()
            .get(self.start..)
            .unwrap_or_default();
        let count = unread.read(buffer)?;
        self.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(mode: Mode, version: SoapVersion, file: &str) -> Call {
        Call {
            version,
            mode,
            domain: Some("SALES".into()),
            file_name: "a<b>.csv".into(),
            size: Some(file.len() as u64),
            default_password: Some("Se<ret-Pass-1".into()),
        }
    }

    #[test]
    fn content_length_matches_the_body_and_shown_text_hides_passwords() {
        for mode in [Mode::Mtom, Mode::Swa, Mode::Inline] {
            for version in [SoapVersion::V11, SoapVersion::V12] {
                for length in [0, 1, 2, 3, PIECE - 1, PIECE, PIECE + 1, 100_001] {
                    let file = "x".repeat(length);
                    let message = Message::new(&call(mode, version, &file)).unwrap();
                    let mut body = String::new();
                    let mut reader = message.body(file.as_bytes());
                    reader.read_to_string(&mut body).unwrap();
                    assert_eq!(message.length, Some(body.len() as u64));
                    assert!(body.contains("Se&lt;ret-Pass-1"));
                    let shown = message.shown();
                    assert!(shown.contains(&format!("… {length} bytes")), "{shown}");
                    assert!(!shown.contains("ret-Pass"), "{shown}");
                    assert!(shown.contains("<xsd:defaultPassword>***</xsd:defaultPassword>"));
                }
            }
        }
    }

    #[test]
    fn base64_is_independent_of_read_sizes() {
        struct Trickle<'t>(&'t [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(7);
                self.0.read(&mut buffer[..most])
            }
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(2 * PIECE + 5).collect();
        let mut encoded = String::new();
        let mut reader = Base64Reader::new(Trickle(&bytes));
        reader.read_to_string(&mut encoded).unwrap();
        assert_eq!(encoded, STANDARD.encode(&bytes));
    }

    #[test]
    fn file_that_changes_while_sent_is_an_error() {
        for size in [2, 4] {
            let mut file = Exactly {
                source: &b"abc"[..],
                left: Some(size),
            };
            let read = file.read_to_end(&mut Vec::new());
            assert!(read.unwrap_err().to_string().contains("changed"));
        }
    }

    #[test]
    fn control_character_is_refused_without_quoting_the_value() {
        let mut call = call(Mode::Mtom, SoapVersion::V11, "");
        call.default_password = Some("pass\u{1}word".into());
        let error = Message::new(&call).err().unwrap().to_string();
        assert!(
            error.contains("control character") && !error.contains("word\u{1}"),
            "{error}"
        );
        assert!(!error.contains("pass\u{1}"), "{error}");
    }
}

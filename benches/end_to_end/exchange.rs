//! Sends the requests, at less cost than that of the server.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The password of the operator `admin`.
pub const PASSWORD: &str = "correct horse battery staple";

const BOUNDARY: &str = "end-to-end";

/// The path of the original service.
const USER_ADMIN: &str = "/services/UserAdmin";

/// The path of Muster's own service.
const USER_IMPORT: &str = "/services/UserImport";

/// A request that imports users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// `bulkImportUsers` with a CSV file as an MTOM attachment.
    Mtom,
    /// The same with a workbook.
    MtomXlsx,
    /// The same with the file in the envelope, in base64.
    Inline,
    /// The same with the file in a SOAP-with-Attachments part.
    Swa,
    /// `importUsers` with the same attachment, which updates existing users.
    MtomUpdate,
    /// `POST /scim/v2/Bulk`.
    ScimBulk,
    /// `POST /scim2/Bulk`.
    Scim2Bulk,
}

impl Exchange {
    /// Sends the data of `file` and returns the response, head and body.
    ///
    /// # Errors
    /// The file or the connection failed.
    pub fn send(self, address: &str, file: &Path) -> io::Result<String> {
        match self {
            Exchange::Mtom => {
                let envelope = bulk_import_users("users.csv");
                soap(address, USER_ADMIN, envelope, Attachment::Mtom, file)
            }
            Exchange::MtomXlsx => {
                let envelope = bulk_import_users("users.xlsx");
                soap(address, USER_ADMIN, envelope, Attachment::Mtom, file)
            }
            Exchange::Swa => {
                let envelope = bulk_import_users("users.csv");
                soap(address, USER_ADMIN, envelope, Attachment::Swa, file)
            }
            Exchange::Inline => inline(address, file),
            Exchange::MtomUpdate => {
                soap(address, USER_IMPORT, import_users(), Attachment::Mtom, file)
            }
            Exchange::ScimBulk => bulk(address, "/scim/v2/Bulk", file),
            Exchange::Scim2Bulk => bulk(address, "/scim2/Bulk", file),
        }
    }
}

/// Sends a SCIM Bulk request.
fn bulk(address: &str, path: &str, file: &Path) -> io::Result<String> {
    let file = &mut File::open(file)?;
    post(address, path, "application/scim+json", ["", ""], file)
}

/// How a file is attached to an envelope.
#[derive(Clone, Copy)]
enum Attachment {
    Mtom,
    Swa,
}

/// The envelope before and after the content of the element with the file.
type Envelope = [String; 2];

/// The envelope of `bulkImportUsers`.
fn bulk_import_users(file_name: &str) -> Envelope {
    [
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
             <soapenv:Body><bulkImportUsers xmlns=\"http://org.apache.axis2/xsd\"><fileName>\
             {file_name}</fileName><defaultPassword>Initial-Pass-1</defaultPassword><handler>"
        ),
        "</handler></bulkImportUsers></soapenv:Body></soapenv:Envelope>".to_owned(),
    ]
}

/// A message with an envelope and a file.
struct Framed {
    content_type: String,
    before: String,
    after: String,
}

/// The envelope of `importUsers`, with the option to update existing users.
fn import_users() -> Envelope {
    [
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <importUsers xmlns=\"urn:muster:user-import:1\"><fileName>users.csv</fileName>\
         <defaultPassword>Initial-Pass-1</defaultPassword><conflict>update</conflict><file>"
            .to_owned(),
        "</file></importUsers></soapenv:Body></soapenv:Envelope>".to_owned(),
    ]
}

fn frame([before, after]: Envelope, attachment: Attachment) -> Framed {
    let (handler, root, types) = match attachment {
        Attachment::Mtom => (
            "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" \
             href=\"cid:file\"/>",
            "application/xop+xml; charset=UTF-8; type=\"text/xml\"",
            "type=\"application/xop+xml\"; start-info=\"text/xml\"",
        ),
        Attachment::Swa => ("cid:file", "text/xml; charset=UTF-8", "type=\"text/xml\""),
    };
    let before = format!(
        "--{BOUNDARY}\r\nContent-Type: {root}\r\nContent-ID: <root>\r\n\r\n{before}{handler}{after}\
         \r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <file>\r\n\r\n"
    );
    Framed {
        content_type: format!(
            "multipart/related; {types}; start=\"<root>\"; boundary=\"{BOUNDARY}\""
        ),
        before,
        after: format!("\r\n--{BOUNDARY}--\r\n"),
    }
}

fn soap(
    address: &str,
    service: &str,
    envelope: Envelope,
    attachment: Attachment,
    file: &Path,
) -> io::Result<String> {
    let framed = frame(envelope, attachment);
    post(
        address,
        service,
        &framed.content_type,
        [&framed.before, &framed.after],
        &mut File::open(file)?,
    )
}

/// A complete request with a small CSV file as an MTOM attachment, on a persistent connection.
pub fn small_request(address: &str, file: &str) -> String {
    let Framed {
        content_type,
        before,
        after,
    } = frame(bulk_import_users("users.csv"), Attachment::Mtom);
    let length = before.len() + file.len() + after.len();
    let head = head(
        address,
        USER_ADMIN,
        &content_type,
        "keep-alive",
        length as u64,
    );
    [head, before, file.to_owned(), after].concat()
}

/// The file is encoded as base64 before anything is sent, so that the encoding is not measured.
fn inline(address: &str, file: &Path) -> io::Result<String> {
    let mut encoded = tempfile::tempfile()?;
    let mut plain = File::open(file)?;
    // Groups of three bytes, so that the encoded pieces can be concatenated.
    let mut piece = vec![0; 3 * 64 * 1024];
    loop {
        let mut length = 0;
        while let Some(space) = piece.get_mut(length..).filter(|space| !space.is_empty()) {
            match plain.read(space)? {
                0 => break,
                count => length += count,
            }
        }
        if length == 0 {
            break;
        }
        encoded.write_all(
            STANDARD
                .encode(piece.get(..length).unwrap_or_default())
                .as_bytes(),
        )?;
    }
    encoded.seek(SeekFrom::Start(0))?;
    let [before, after] = bulk_import_users("users.csv");
    post(
        address,
        USER_ADMIN,
        "text/xml; charset=UTF-8",
        [&before, &after],
        &mut encoded,
    )
}

/// POSTs a file, with text before and after it. `io::copy` from a file to a socket lets the kernel move the bytes, so
/// that the client costs almost nothing.
fn post(
    address: &str,
    path: &str,
    content_type: &str,
    [before, after]: [&str; 2],
    file: &mut File,
) -> io::Result<String> {
    let length = before.len() as u64 + file.metadata()?.len() + after.len() as u64;
    let head = head(address, path, content_type, "close", length);
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(before.as_bytes())?;
    io::copy(file, &mut stream)?;
    stream.write_all(after.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The head of a request; `connection` is the field `Connection`.
fn head(address: &str, path: &str, content_type: &str, connection: &str, length: u64) -> String {
    let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n\
         Authorization: Basic {credentials}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

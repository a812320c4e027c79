//! What is sent, and how: the client costs less than the server.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The password of the operator `admin`.
pub const PASSWORD: &str = "correct horse battery staple";

const BOUNDARY: &str = "end-to-end";

/// A request that brings users in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// `bulkImportUsers` with a CSV file as an MTOM attachment.
    MtomImport,
    /// `POST /scim/v2/Bulk`.
    ScimBulk,
}

impl Exchange {
    /// Sends the data of `file` and answers what comes back, head and body.
    ///
    /// # Errors
    /// The file or the connection failed.
    pub fn send(self, address: &str, file: &Path) -> io::Result<String> {
        match self {
            Exchange::MtomImport => mtom_import(address, file),
            Exchange::ScimBulk => post(
                address,
                "/scim/v2/Bulk",
                "application/scim+json",
                ["", ""],
                file,
            ),
        }
    }
}

fn mtom_import(address: &str, file: &Path) -> io::Result<String> {
    let envelope = "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
        <soapenv:Body><bulkImportUsers xmlns=\"http://org.apache.axis2/xsd\"><fileName>users.csv\
        </fileName><handler><xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" \
        href=\"cid:file\"/></handler><defaultPassword>Initial-Pass-1</defaultPassword>\
        </bulkImportUsers></soapenv:Body></soapenv:Envelope>";
    let before = format!(
        "--{BOUNDARY}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n\
         Content-ID: <root>\r\n\r\n{envelope}\r\n--{BOUNDARY}\r\nContent-Type: text/csv\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <file>\r\n\r\n"
    );
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    post(
        address,
        "/services/UserAdmin",
        &format!(
            "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; \
             start-info=\"text/xml\"; boundary=\"{BOUNDARY}\""
        ),
        [&before, &after],
        file,
    )
}

/// A POST of a file, with something before and after it. `io::copy` from a file to a socket lets the
/// kernel move the bytes, so that the client costs next to nothing.
fn post(
    address: &str,
    path: &str,
    content_type: &str,
    [before, after]: [&str; 2],
    file: &Path,
) -> io::Result<String> {
    let mut file = File::open(file)?;
    let length = before.len() as u64 + file.metadata()?.len() + after.len() as u64;
    let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: Basic {credentials}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(before.as_bytes())?;
    io::copy(&mut file, &mut stream)?;
    stream.write_all(after.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

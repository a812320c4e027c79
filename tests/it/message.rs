//! Messages as clients write them, for tests that vary one thing about them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::app::{admin, envelope};

/// A file with one good row, whose user gets the default password.
pub const KIM: &str = "UserName,Password,Claims\nkim,,\n";

/// The namespace of SOAP 1.1.
pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The namespace of SOAP 1.2.
pub const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// The default password of these messages.
pub const DEFAULT_PASSWORD: &str = "Initial-Pass-1";

/// Encodes a file for the handler.
pub fn base64(file: &str) -> String {
    STANDARD.encode(file)
}

/// The parameters of a good call: `handler` is the content of that element.
pub fn parameters(handler: &str) -> String {
    format!(
        "<fileName>users.csv</fileName><handler>{handler}</handler>\
         <defaultPassword>{DEFAULT_PASSWORD}</defaultPassword>"
    )
}

/// A SOAP 1.1 envelope of a good call: `handler` is the content of that element.
pub fn call(handler: &str) -> String {
    envelope(&parameters(handler))
}

/// The same envelope in SOAP 1.2.
pub fn in_soap_12(envelope: &str) -> String {
    envelope.replace(SOAP_11, SOAP_12)
}

/// An `xop:Include` of the part with this Content-ID.
pub fn include(id: &str) -> String {
    format!("<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:{id}\"/>")
}

/// A multipart body with the boundary `b1`; each part is its header lines and its content.
pub fn parts(parts: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (headers, content) in parts {
        let headers = headers.replace('\n', "\r\n");
        body.push_str(&format!("--b1\r\n{headers}\r\n\r\n{content}\r\n"));
    }
    body + "--b1--\r\n"
}

/// The bytes of a POST by the operator admin; `headers` are further header lines, each with its line end.
pub fn request(content_type: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = head(
        content_type,
        &format!("Content-Length: {}\r\n{headers}", body.len()),
    );
    [head.as_bytes(), body].concat()
}

/// The same in chunks of at most `size` bytes, ended by the last chunk.
pub fn chunked(content_type: &str, headers: &str, body: &[u8], size: usize) -> Vec<u8> {
    let head = head(
        content_type,
        &format!("Transfer-Encoding: chunked\r\n{headers}"),
    );
    let mut bytes = head.into_bytes();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// The head of a POST by the operator admin, including its empty line.
pub fn head(content_type: &str, headers: &str) -> String {
    format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {content_type}\r\n{headers}\r\n",
        admin()
    )
}

/// A form of these fields; a field named `NAME|FILENAME` is a file.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        let name = match name.split_once('|') {
            Some((name, file)) => {
                format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: text/csv")
            }
            None => format!("name=\"{name}\""),
        };
        body.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n"
        ));
    }
    body + "--b--\r\n"
}

/// The media type of [`form`].
pub const FORM: &str = "multipart/form-data; boundary=b";

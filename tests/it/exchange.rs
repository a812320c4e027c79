//! Raw requests of clients, and raw responses.

use std::io::Read;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The password of the operator `admin`.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// The `Authorization` of the operator admin.
pub fn admin() -> String {
    basic("admin", ADMIN_PASSWORD)
}

/// HTTP Basic for a name and a password.
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// Reads one response with a Content-Length, or up to the end of the connection.
    pub fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        let (head, body_start) = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                if !head.starts_with("HTTP/1.1 100") {
                    break (head, end + 4);
                }
                bytes.drain(..end + 4);
                continue;
            }
            let count = stream.read(&mut buffer).expect("an answer in time");
            assert!(
                count > 0,
                "closed without an answer: {:?}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&buffer[..count]);
        };
        let (status, headers) = Response::parse_head(&head);
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: Option<usize> = length.map(|(_, value)| value.parse().expect("a length"));
        let mut body = bytes.split_off(body_start);
        while length.is_none_or(|length| body.len() < length) {
            let count = stream
                .read(&mut buffer)
                .expect("the rest of the answer in time");
            if count == 0 {
                break;
            }
            body.extend_from_slice(&buffer[..count]);
        }
        let body = String::from_utf8(body).expect("the answer is UTF-8");
        Response {
            status,
            headers,
            body,
        }
    }

    /// Parses the response after which a connection was closed.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let (status, headers) = Response::parse_head(head);
        Response {
            status,
            headers,
            body: body.into(),
        }
    }

    fn parse_head(head: &str) -> (u16, Vec<(String, String)>) {
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .expect("a status line");
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        (status.parse().expect("a status"), headers.collect())
    }

    /// The value of a header field; its name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text of the first element with this local name; the body must be well-formed.
    pub fn element(&self, local: &str) -> Option<String> {
        let document = roxmltree::Document::parse(&self.body).expect("a well-formed answer");
        let element = document
            .descendants()
            .find(|node| node.tag_name().name() == local)?;
        Some(element.text().unwrap_or_default().to_owned())
    }

    /// The stable code in the fault's detail.
    pub fn rule(&self) -> String {
        self.element("code")
            .unwrap_or_else(|| panic!("no code of ours in {}", self.body))
    }

    /// `faultstring` of SOAP 1.1 or the reason's text of SOAP 1.2.
    pub fn fault_text(&self) -> String {
        self.element("faultstring")
            .or_else(|| self.element("Text"))
            .unwrap_or_else(|| panic!("no fault in {}", self.body))
    }
}

/// The body of a call with the file as inline base64.
pub fn inline(file: &str) -> String {
    let handler = STANDARD.encode(file);
    envelope(&format!(
        "<fileName>users.csv</fileName><handler>{handler}</handler>\
         <defaultPassword>Initial-Pass-1</defaultPassword>"
    ))
}

/// A SOAP 1.1 envelope around the parameters of `bulkImportUsers`.
pub fn envelope(parameters: &str) -> String {
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <soapenv:Body><bulkImportUsers xmlns=\"http://org.apache.axis2/xsd\">{parameters}\
         </bulkImportUsers></soapenv:Body></soapenv:Envelope>"
    )
}

/// The media type of [`multipart`].
pub const RELATED: &str = "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; \
     start-info=\"text/xml\"; boundary=\"b1\"";

/// An MTOM message: the envelope with an `xop:Include`, then the file.
pub fn multipart(file: &str) -> String {
    let envelope = envelope(
        "<fileName>users.csv</fileName><handler><xop:Include \
         xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:file@test\"/></handler>\
         <defaultPassword>Initial-Pass-1</defaultPassword>",
    );
    format!(
        "--b1\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\r\n\
         Content-ID: <root>\r\n\r\n{envelope}\r\n--b1\r\nContent-Type: text/csv\r\n\
         Content-Transfer-Encoding: binary\r\nContent-ID: <file@test>\r\n\r\n{file}\r\n--b1--\r\n"
    )
}

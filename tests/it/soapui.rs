//! The SoapUI project in `fixtures/soapui/`: it names what the server has, and its requests, sent as SoapUI
//! 5.7 sends them, get the responses that its assertions require.
//!
//! SoapUI itself is not run. [`Request::message`] builds messages as SoapUI's published sources do: an
//! attachment whose part is the handler's `cid:` is inserted as base64, or with MTOM as an `xop:Include`; any
//! other attachment is sent with its own Content-ID; text that is not ASCII is quoted-printable with CRLF
//! line ends.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use roxmltree::{Document, Node};

use crate::app::{ADMIN_PASSWORD, Response, TestApp, basic};

/// The XML namespace of SoapUI projects.
const CONFIG: &str = "http://eviware.com/soapui/config";

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";

fn project() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/soapui/muster-soapui-project.xml"
    );
    std::fs::read_to_string(path).expect("the project file")
}

/// Returns the child elements with this name.
fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children()
        .filter(move |child| child.has_tag_name((CONFIG, name)))
}

/// Returns the text of the child element with this name.
fn text<'a>(node: Node<'a, 'a>, name: &'static str) -> &'a str {
    let child = children(node, name).next();
    let child = child.unwrap_or_else(|| panic!("no {name} in {:?}", node.tag_name()));
    child.text().unwrap_or_default()
}

/// A request of the project or of one of its test cases.
struct Request<'a> {
    node: Node<'a, 'a>,
    interface: &'a str,
    operation: &'a str,
    properties: &'a BTreeMap<String, String>,
}

/// Returns the project's properties, with the address of this server.
fn properties(project: &Document, server: &TestApp) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> = children(project.root_element(), "properties")
        .flat_map(|list| children(list, "property"))
        .map(|property| {
            (
                text(property, "name").into(),
                text(property, "value").into(),
            )
        })
        .collect();
    for (name, value) in [
        ("server", format!("http://{}", server.address())),
        ("password", ADMIN_PASSWORD.to_owned()),
    ] {
        let known = properties.insert(name.into(), value);
        assert!(known.is_some(), "the project has a property {name}");
    }
    properties
}

fn requests<'a>(
    project: &'a Document,
    properties: &'a BTreeMap<String, String>,
) -> Vec<Request<'a>> {
    let all = project.descendants().filter_map(|node| {
        let (interface, operation) = if node.has_tag_name((CONFIG, "call")) {
            let operation = node.parent_element()?;
            let interface = operation.parent_element()?;
            (interface.attribute("name")?, operation.attribute("name")?)
        } else if node.has_tag_name((CONFIG, "config")) {
            (text(node, "interface"), text(node, "operation"))
        } else {
            return None;
        };
        let is_step = node.has_tag_name((CONFIG, "config"));
        let node = if is_step {
            children(node, "request").next()?
        } else {
            node
        };
        Some(Request {
            node,
            interface,
            operation,
            properties,
        })
    });
    all.collect()
}

/// An attachment from the project file.
struct Attachment<'a> {
    name: &'a str,
    content_type: &'a str,
    content_id: &'a str,
    part: &'a str,
    content: Vec<u8>,
}

impl Request<'_> {
    fn name(&self) -> &str {
        self.node.attribute("name").expect("a name")
    }

    /// Replaces the project's properties in a text.
    fn expand(&self, text: &str) -> String {
        let mut expanded = text.to_owned();
        for (name, value) in self.properties {
            expanded = expanded.replace(&format!("${{#Project#{name}}}"), value);
        }
        assert!(!expanded.contains("${"), "an unknown property: {expanded}");
        expanded
    }

    /// Returns the path part of the endpoint.
    fn path(&self) -> String {
        let endpoint = self.expand(text(self.node, "endpoint"));
        let path = endpoint.strip_prefix(&self.properties["server"]);
        path.expect("the endpoint begins with the server's address")
            .to_owned()
    }

    fn has_setting(&self, name: &str) -> bool {
        children(self.node, "settings")
            .flat_map(|settings| children(settings, "setting"))
            .any(|setting| setting.attribute("id") == Some(name) && setting.text() == Some("true"))
    }

    fn attachment(&self) -> Option<Attachment<'_>> {
        let node = children(self.node, "attachment").next()?;
        let zip = STANDARD.decode(text(node, "data")).expect("base64");
        let attachment = Attachment {
            name: text(node, "name"),
            content_type: text(node, "contentType"),
            content_id: text(node, "contentId"),
            part: text(node, "part"),
            content: only_file_of(&zip),
        };
        let size: usize = text(node, "size").parse().expect("a number");
        assert_eq!(attachment.content.len(), size);
        Some(attachment)
    }

    /// Returns Content-Type and body as SoapUI builds them.
    fn message(&self) -> (String, String) {
        let envelope = self.expand(text(self.node, "request"));
        let bare = || ("text/xml;charset=UTF-8".to_owned(), envelope.clone());
        let Some(attachment) = self.attachment() else {
            return bare();
        };
        let reference = format!("cid:{}", attachment.part);
        let is_mtom = self.has_setting("WsdlSettings@enable-mtom");
        let is_meant = !attachment.part.is_empty() && envelope.contains(&format!(">{reference}<"));
        if is_meant && !is_mtom {
            let content = STANDARD.encode(&attachment.content);
            let (content_type, envelope) = bare();
            return (content_type, envelope.replace(&reference, &content));
        }
        let (kind, information, envelope) = if is_mtom {
            assert!(is_meant, "{}: nothing to include", self.name());
            let include = format!(
                "<inc:Include href=\"{reference}\" \
                 xmlns:inc=\"http://www.w3.org/2004/08/xop/include\"/>"
            );
            let envelope = envelope.replace(&reference, &include);
            ("application/xop+xml", "start-info=\"text/xml\"; ", envelope)
        } else {
            ("text/xml", "", envelope)
        };
        let boundary = "----=_Part_0_1167116739.1795288586333";
        let content_type = format!(
            "multipart/related; type=\"{kind}\"; start=\"<rootpart@soapui.org>\"; \
             {information}boundary=\"{boundary}\""
        );
        let body = format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}; charset=UTF-8\r\n\
             Content-Transfer-Encoding: 8bit\r\nContent-ID: <rootpart@soapui.org>\r\n\r\n\
             {envelope}\r\n--{boundary}\r\n{}\r\n--{boundary}--",
            attachment.as_part()
        );
        (content_type, body)
    }
}

impl Attachment<'_> {
    fn as_part(&self) -> String {
        let Attachment {
            name,
            content_type,
            content_id,
            ..
        } = self;
        let text = str::from_utf8(&self.content).expect("text");
        let (charset, encoding, text) = match text.is_ascii() {
            true => ("us-ascii", "7bit", text.to_owned()),
            false => ("UTF-8", "quoted-printable", quoted_printable(text)),
        };
        format!(
            "Content-Type: {content_type}; charset={charset}; name={name}\r\n\
             Content-Transfer-Encoding: {encoding}\r\nContent-ID: <{content_id}>\r\n\
             Content-Disposition: attachment; name=\"{name}\"\r\n\r\n{text}"
        )
    }
}

fn quoted_printable(text: &str) -> String {
    let mut encoded = String::new();
    let mut column = 0;
    for byte in text.bytes() {
        let piece = match byte {
            b'\n' => "\r\n".to_owned(),
            b'=' | 0x80.. => format!("={byte:02X}"),
            _ => char::from(byte).to_string(),
        };
        if byte != b'\n' && column + piece.len() > 75 {
            encoded.push_str("=\r\n");
            column = 0;
        }
        column = if byte == b'\n' {
            0
        } else {
            column + piece.len()
        };
        encoded.push_str(&piece);
    }
    encoded
}

/// Returns the only file of a ZIP archive; SoapUI keeps attachments this way.
fn only_file_of(zip: &[u8]) -> Vec<u8> {
    let number = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    assert_eq!((&zip[..4], number(8)), (&b"PK\x03\x04"[..], 8), "deflated");
    let content = &zip[30 + number(26) + number(28)..];
    let mut file = Vec::new();
    let mut decoder = DeflateDecoder::new(content);
    decoder.read_to_end(&mut file).expect("it can be inflated");
    file
}

/// Checks an assertion; an error says what is wrong.
fn check(assertion: Node<'_, '_>, response: &Response) -> Result<(), String> {
    let answer = Document::parse(&response.body).map_err(|error| error.to_string())?;
    let has = |name: &str| {
        answer
            .descendants()
            .any(|node| node.tag_name().name() == name)
    };
    let field = |name: &str| {
        let found = assertion
            .descendants()
            .find(|node| node.tag_name().name() == name);
        found.and_then(|node| node.text()).unwrap_or_default()
    };
    let (found, wanted) = match assertion.attribute("type") {
        Some("SOAP Response") => (has("Envelope").to_string(), "true".to_owned()),
        Some("SOAP Fault Assertion") => (has("Fault").to_string(), "false".to_owned()),
        Some("Not SOAP Fault Assertion") => (has("Fault").to_string(), "true".to_owned()),
        Some("Valid HTTP Status Codes") => (response.status.to_string(), field("codes").into()),
        Some("XPath Match") => (select(field("path"), &answer), field("content").into()),
        other => return Err(format!("no such assertion is known here: {other:?}")),
    };
    let holds = match wanted.strip_suffix('*') {
        Some(start) if field("allowWildcards") == "true" => found.starts_with(start),
        _ => found == wanted,
    };
    match holds {
        true => Ok(()),
        false => Err(format!("{found:?} and not {wanted:?}")),
    }
}

/// Evaluates the XPath expressions that the project uses: `//p:a/p:b/text()` and `count(//p:a)`.
fn select(path: &str, answer: &Document) -> String {
    let mut namespaces = BTreeMap::from([("", None)]);
    let mut expression = "";
    for line in path.lines() {
        match line.strip_prefix("declare namespace ") {
            Some(declaration) => {
                let (prefix, name) = declaration.split_once('=').expect("a declaration");
                let name = name.trim_matches(|c| matches!(c, '\'' | ';'));
                namespaces.insert(prefix, Some(name));
            }
            None => expression = line,
        }
    }
    let counted = expression
        .strip_prefix("count(")
        .and_then(|inner| inner.strip_suffix(')'));
    let steps = counted.or_else(|| expression.strip_suffix("/text()"));
    let steps = steps.and_then(|steps| steps.strip_prefix("//"));
    let mut nodes: Vec<Node> = answer.descendants().collect();
    for (position, step) in steps.expect("a known expression").split('/').enumerate() {
        let (prefix, local) = step.split_once(':').unwrap_or(("", step));
        if position > 0 {
            nodes = nodes.iter().flat_map(|node| node.children()).collect();
        }
        nodes.retain(|node| {
            let name = node.tag_name();
            node.is_element() && (name.namespace(), name.name()) == (namespaces[prefix], local)
        });
    }
    match counted {
        Some(_) => nodes.len().to_string(),
        None => nodes.iter().filter_map(|node| node.text()).collect(),
    }
}

#[test]
fn project_matches_the_wsdl_and_endpoint_of_the_server() {
    let server = TestApp::start();
    let project = project();
    let project = Document::parse(&project).expect("a well-formed project");
    let wsdl = server.get("/services/UserAdmin?wsdl").body;
    let wsdl = Document::parse(&wsdl).expect("a well-formed WSDL");
    let target = wsdl.root_element().attribute("targetNamespace");
    let properties = properties(&project, &server);
    let requests = requests(&project, &properties);
    assert_eq!(requests.len(), 8);
    for interface in children(project.root_element(), "interface") {
        let name = interface.attribute("name").expect("a name");
        let expected = format!("{{{}}}{name}", target.expect("a target namespace"));
        assert_eq!(interface.attribute("bindingName"), Some(&*expected));
        let definition = interface.attribute("definition").expect("a definition");
        assert!(definition.ends_with("/services/UserAdmin?wsdl"));
    }
    for request in &requests {
        let binding = wsdl.descendants().find(|node| {
            node.has_tag_name((WSDL, "binding"))
                && node.attribute("name") == Some(request.interface)
        });
        let operation = binding.expect("the binding").children().find(|node| {
            node.has_tag_name((WSDL, "operation"))
                && node.attribute("name") == Some(request.operation)
        });
        assert!(operation.is_some(), "{}", request.operation);
        // The endpoint exists and requires authentication.
        let unauthenticated = server.post_as(&request.path(), None, "text/xml", &[], b"");
        assert_eq!(unauthenticated.status, 401, "{}", request.name());
    }
}

#[test]
fn assertions_of_the_project_hold() {
    let server = TestApp::start();
    let project = project();
    let project = Document::parse(&project).expect("a well-formed project");
    let properties = properties(&project, &server);
    let mut checked = 0;
    for request in requests(&project, &properties) {
        let assertions: Vec<_> = children(request.node, "assertion").collect();
        if assertions.is_empty() {
            continue;
        }
        let credentials = children(request.node, "credentials").next();
        let credentials = credentials.expect("credentials");
        assert_eq!(text(credentials, "preemptive"), "true");
        let authorization = basic(
            &request.expand(text(credentials, "username")),
            &request.expand(text(credentials, "password")),
        );
        let (content_type, body) = request.message();
        let action = ["SOAPAction: \"urn:bulkImportUsers\""];
        let response = server.post_as(
            &request.path(),
            Some(&authorization),
            &content_type,
            &action,
            body.as_bytes(),
        );
        for assertion in assertions {
            let name = assertion.attribute("name");
            let held = check(assertion, &response);
            assert_eq!(
                held,
                Ok(()),
                "{}, {name:?}: {}",
                request.name(),
                response.body
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 23);
    let names = [
        "inline.ines",
        "inline.lars",
        "mime.max",
        "mime.zoe",
        "mtom.mia",
        "mtom.tom",
    ];
    assert_eq!(server.user_names(), names);
    let zoe = server.users().swap_remove(3);
    assert_eq!(zoe.given_name.as_deref(), Some("Zo\u{eb}"));
    assert!(server.has_password("mtom.tom", "Welcome-2-Muster"));
}

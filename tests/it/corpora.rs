//! Sends third-party SOAP envelopes and MIME messages to the running server.
//!
//! `MUSTER_CORPORA` names the folder that contains them ([`crate::material`]). None of
//! these messages is a call of `bulkImportUsers`, so every one must be refused as the sender's mistake, with a
//! readable fault, and nothing may be stored. Then the root of a MIME message is replaced by a call that refers to
//! one of its other parts. The parts were determined with Python's `email` package (3.11) and are in
//! `corpora_parts.tsv`: numbers, names, sizes and digests.
//!
//! The W3C's collection of SOAP 1.2 requests, as included in Axis2, has replies: [`COLLECTION`] states for each
//! request which part of its reply applies to this server.

use std::io::Read;
use std::path::{Path, PathBuf};

use muster::wire::media_type::MediaType;
use muster::wire::mime::{MimeLimits, Multipart};
use muster::wire::transfer::TransferReader;
use ring::digest::{SHA256, digest};
use roxmltree::Document;

use crate::app::{Response, TestApp};
use crate::material;
use crate::message::{KIM, SOAP_11, SOAP_12, base64, call, in_soap_12, include};

/// The folder.
fn corpora() -> PathBuf {
    material::folder("MUSTER_CORPORA")
}

/// The files with one of these extensions, by their paths in the folder.
fn files(folder: &Path, endings: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("it is in there");
            let name = name.to_str().expect("names are UTF-8").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

fn documents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    files(folder, &[".xml", ".xsd", ".wsdl"])
}

/// A MIME message: its boundary, and its bytes.
struct Message {
    name: String,
    boundary: String,
    bytes: Vec<u8>,
}

impl Message {
    fn content_type(&self, kind: &str) -> String {
        format!(
            "multipart/related; boundary=\"{}\"; type=\"{kind}\"",
            self.boundary
        )
    }

    /// The message with another root, which is its first part.
    fn with_root(&self, root: &str) -> Vec<u8> {
        let find = |text: &[u8], from: usize| {
            let windows = self.bytes[from..].windows(text.len());
            windows
                .clone()
                .position(|window| window == text)
                .map(|at| from + at)
        };
        let start = find(b"\r\n\r\n", 0).expect("an empty line") + 4;
        let delimiter = format!("\r\n--{}", self.boundary);
        let end = find(delimiter.as_bytes(), start).expect("a second part");
        [&self.bytes[..start], root.as_bytes(), &self.bytes[end..]].concat()
    }
}

/// The messages, which have no HTTP head; the boundary is taken from their first line.
fn messages(folder: &Path) -> Vec<Message> {
    let files = files(folder, &[".msg", ".bin", ".txt"]).into_iter();
    let messages = files.filter_map(|(name, bytes)| {
        let first = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let boundary = std::str::from_utf8(first.strip_prefix(b"--")?).ok()?;
        Some(Message {
            boundary: boundary.to_owned(),
            name,
            bytes,
        })
    });
    messages.collect()
}

/// A part as read by the reference parser.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    content_id: String,
    bytes: usize,
    sha256: String,
}

/// The parts of the message of this name, from the table.
fn reference_parts(name: &str) -> Vec<Part> {
    let rows = include_str!("corpora_parts.tsv").lines().skip(1);
    let rows = rows.map(|row| row.split('\t').collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|cells| cells[0] == name).collect();
    for (position, cells) in rows.iter().enumerate() {
        assert_eq!(cells[1], rows.len().to_string(), "{name}");
        assert_eq!(cells[2], (position + 1).to_string(), "{name}");
    }
    let parts = rows.iter().map(|cells| Part {
        content_id: cells[3].to_owned(),
        bytes: cells[4].parse().expect("a number"),
        sha256: cells[5].to_owned(),
    });
    parts.collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The fault's code and its subcode, without their prefixes.
fn fault_codes(response: &Response) -> Vec<String> {
    let document = Document::parse(&response.body).expect("a well-formed answer");
    let codes = document.descendants().filter(|node| {
        let parent = node.parent_element().map(|parent| parent.tag_name().name());
        match node.tag_name().name() {
            "faultcode" => true,
            "Value" => matches!(parent, Some("Code" | "Subcode")),
            _ => false,
        }
    });
    let codes = codes.filter_map(|node| node.text()?.rsplit(':').next());
    codes.map(str::to_owned).collect()
}

/// The defect of the response to a message that is not one of our calls.
fn unlike_a_refusal(response: &Response) -> Option<String> {
    let status = response.status;
    if !matches!(status, 400 | 500) {
        return Some(format!("status {status}"));
    }
    if let Err(error) = Document::parse(&response.body) {
        return Some(format!("status {status}, not well-formed: {error}"));
    }
    let codes = fault_codes(response);
    match codes.first().map(String::as_str) {
        Some("Client" | "Sender" | "MustUnderstand" | "VersionMismatch") => None,
        other => Some(format!(
            "status {status}, code {other:?}: {}",
            response.body
        )),
    }
}

/// Sends the messages, and lists those that were not refused as expected.
fn all_refused(what: &str, sent: impl IntoIterator<Item = (String, String, Vec<u8>)>) {
    let server = TestApp::start();
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, content_type, body) in sent {
        let response = server.post(&content_type, &body);
        count += 1;
        if let Some(reason) = unlike_a_refusal(&response) {
            wrong.push(format!("{name} as {content_type}: {reason}"));
        }
        if !server.users().is_empty() {
            wrong.push(format!("{name} as {content_type}: something was stored"));
            break;
        }
    }
    eprintln!("{count} {what} sent");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn unchanged_documents_are_refused() {
    let folder = corpora();
    let kinds = [
        "text/xml",
        "application/soap+xml",
        "text/xml; charset=iso-8859-1",
    ];
    let sent = documents(&folder)
        .into_iter()
        .flat_map(|(name, bytes)| kinds.map(|kind| (name.clone(), kind.to_owned(), bytes.clone())));
    all_refused("documents as they are", sent);
}

#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn documents_inside_an_envelope_are_refused() {
    let folder = corpora();
    let sent = documents(&folder).into_iter().flat_map(|(name, bytes)| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The prolog of a document is not allowed inside another document.
        let root = Document::parse(&text).map(|document| document.root_element().range());
        let text = root.map_or_else(|_| text.clone(), |range| text[range].to_owned());
        let body =
            format!("<s:Envelope xmlns:s=\"{SOAP_12}\"><s:Body>{text}</s:Body></s:Envelope>");
        [
            (
                name.clone(),
                "text/xml".to_owned(),
                call(&text).into_bytes(),
            ),
            (name, "application/soap+xml".to_owned(), body.into_bytes()),
        ]
    });
    all_refused("documents as an operation and as a handler", sent);
}

#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn unchanged_messages_are_refused() {
    let folder = corpora();
    let sent = messages(&folder).into_iter().flat_map(|message| {
        ["text/xml", "application/xop+xml", "application/soap+xml"].map(|kind| {
            (
                message.name.clone(),
                message.content_type(kind),
                message.bytes.clone(),
            )
        })
    });
    all_refused("messages as they are", sent);
}

#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn messages_have_the_parts_of_the_reference_parser() {
    let folder = corpora();
    let messages = messages(&folder);
    assert_eq!(messages.len(), 8);
    let mut count = 0;
    for message in &messages {
        let media_type = MediaType::parse(&message.content_type("text/xml")).expect("a media type");
        let boundary = media_type.boundary().expect("a boundary");
        let mut reader = Multipart::new(&message.bytes[..], boundary, MimeLimits::default());
        let mut parts = Vec::new();
        while let Some(header) = reader.next_part().expect("a good message") {
            let mut content = Vec::new();
            TransferReader::new(&mut reader, header.transfer_encoding)
                .read_to_end(&mut content)
                .expect("a good part");
            parts.push(Part {
                content_id: header.content_id.unwrap_or_default(),
                bytes: content.len(),
                sha256: sha256(&content),
            });
        }
        assert_eq!(parts, reference_parts(&message.name), "{}", message.name);
        count += parts.len();
    }
    eprintln!("{count} parts of {} messages read", messages.len());
}

/// The file arrives as the reference parser reads it. None of them is a list of users, so nothing is stored. (One
/// is a single line, which counts as the header of a file without rows.)
#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn messages_whose_root_is_our_call() {
    let folder = corpora();
    let (mut sent, mut whole, mut wrong) = (0, 0, Vec::new());
    for message in messages(&folder) {
        for part in reference_parts(&message.name).iter().skip(1) {
            for handler in [
                include(&part.content_id),
                format!("cid:{}", part.content_id),
            ] {
                let in_11 = call(&handler);
                let in_12 = in_soap_12(&in_11);
                for (root, kind) in [(in_11, "text/xml"), (in_12, "application/soap+xml")] {
                    let server = TestApp::start();
                    let body = message.with_root(&root);
                    let response = server.post(&message.content_type(kind), &body);
                    sent += 1;
                    let mut say = |what: String| {
                        wrong.push(format!("{}, {handler}, {kind}: {what}", message.name));
                    };
                    match (response.status, unlike_a_refusal(&response)) {
                        (200, _) | (_, None) => {}
                        (_, Some(reason)) => say(reason),
                    }
                    if response.body.contains("IMP-MIME") {
                        say(format!("the part was not found: {}", response.body));
                    }
                    if !server.users().is_empty() {
                        say(format!("{} users were stored", server.users().len()));
                    }
                    match server.last_import().map(|import| import.sha256) {
                        None => say("no import began".to_owned()),
                        Some(Some(sha256)) if sha256 != part.sha256 => say("another file".into()),
                        Some(Some(_)) => whole += 1,
                        // Refused before its end was read.
                        Some(None) => {}
                    }
                }
            }
        }
    }
    eprintln!("{sent} messages with our call as root, {whole} files read to their end");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The part of a reply in the collection that applies to this server.
enum Applies {
    /// The fault's code, or its code and subcode. If the request's Body is empty, our call with that header must
    /// get the same fault.
    Fault(&'static [&'static str]),
    /// No fault: our call with that header is executed. (The collection's service echoes its own header block,
    /// which is not supported here, and accepts an empty Body.)
    Carried,
    /// Nothing, for this reason.
    Not(&'static str),
}

use Applies::{Carried, Fault, Not};

const RELAYED: &str = "a message routed through the collection's intermediaries, A to B to C";
const OWN_BLOCK: &str = "a header block of the collection's own service must be understood";
const OWN_OPERATION: &str = "an operation of the collection's own service";

/// The requests of the collection, by the number in their names.
const COLLECTION: [(&str, Applies); 54] = [
    ("T1", Carried),
    ("T2", Carried),
    ("T3", Carried),
    ("T4", Carried),
    ("T5", Carried),
    ("T6_A", Not(RELAYED)),
    ("T6_B", Not(RELAYED)),
    ("T7_A", Not("not well-formed: Ignore is closed by echoOk")),
    ("T7_B", Not(RELAYED)),
    ("T8_A", Not("not well-formed: Ignore is closed by echoOk")),
    ("T8_B", Not(RELAYED)),
    ("T9_A", Not(RELAYED)),
    ("T9_B", Not(RELAYED)),
    ("T10", Carried),
    ("T11", Carried),
    ("T12", Fault(&["MustUnderstand"])),
    ("T13", Fault(&["MustUnderstand"])),
    ("T14", Fault(&["Sender"])),
    ("T15", Carried),
    (
        "T16",
        Not(
            "addressed to the role C, which the collection's service acts in and this one does not",
        ),
    ),
    ("T17_A", Fault(&["MustUnderstand"])),
    ("T18_A", Carried),
    ("T18_B", Carried),
    ("T19", Carried),
    ("T20", Not(RELAYED)),
    (
        "T21_A",
        Not("addressed to the role B, which the collection's intermediary acts in"),
    ),
    ("T22", Not(OWN_BLOCK)),
    ("T23", Fault(&["Sender"])),
    ("T24", Fault(&["VersionMismatch"])),
    ("T25", Fault(&["Sender"])),
    (
        "T26",
        Not("processing instructions are refused, as SOAP 1.2 part 1 §5 lets a receiver do"),
    ),
    ("T29", Carried),
    ("T30", Fault(&["VersionMismatch"])),
    ("T31", Not(OWN_OPERATION)),
    ("T32", Not(OWN_BLOCK)),
    ("T33", Fault(&["Sender", "ProcedureNotPresent"])),
    ("T34", Carried),
    ("T35", Fault(&["MustUnderstand"])),
    ("T36", Fault(&["MustUnderstand"])),
    ("T37", Carried),
    ("T38_1", Carried),
    ("T38_2", Not(OWN_BLOCK)),
    ("T39", Fault(&["Sender"])),
    ("T40", Carried),
    ("T62_A", Not(RELAYED)),
    ("T62_B", Not(OWN_BLOCK)),
    ("T63", Not(OWN_BLOCK)),
    ("T66", Carried),
    ("T67", Carried),
    ("T68", Carried),
    ("T69", Fault(&["Sender"])),
    ("T74", Carried),
    ("T75", Not(OWN_BLOCK)),
    ("T78", Carried),
];

/// The request with our call in its Body, for a user of this name; `None` if its Body is not empty.
fn with_call(request: &str, user: &str) -> Option<String> {
    let (before, rest) = request.split_once("<env:Body>")?;
    let (content, after) = rest.split_once("</env:Body>")?;
    if !content.trim().is_empty() {
        return None;
    }
    let call = call(&base64(&KIM.replace("kim", user)));
    let start = call.find("<bulkImportUsers")?;
    let end = call.find("</soapenv:Body>")?;
    Some(format!(
        "{before}<env:Body>{}</env:Body>{after}",
        &call[start..end]
    ))
}

/// The defect of this fault: its codes, its status, or its header.
fn unlike_the_reply(response: &Response, codes: &[&str]) -> Option<String> {
    let found = fault_codes(response);
    if found != codes {
        return Some(format!("{found:?} and not {codes:?}"));
    }
    let status = if codes[0] == "Sender" { 400 } else { 500 };
    if response.status != status {
        return Some(format!("status {}", response.status));
    }
    let document = Document::parse(&response.body).expect("a well-formed answer");
    let qnames: Vec<_> = document
        .descendants()
        .filter(|node| {
            matches!(
                node.tag_name().name(),
                "NotUnderstood" | "SupportedEnvelope"
            )
        })
        .filter_map(|node| {
            let (prefix, local) = node.attribute("qname")?.split_once(':')?;
            Some((node.lookup_namespace_uri(Some(prefix))?, local))
        })
        .collect();
    let expected: &[_] = match codes[0] {
        "MustUnderstand" => &[("http://example.org/ts-tests", "Unknown")],
        "VersionMismatch" => &[(SOAP_12, "Envelope"), (SOAP_11, "Envelope")],
        _ => &[],
    };
    (qnames != expected).then(|| format!("names {qnames:?} and not {expected:?}"))
}

#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn soap_12_collection() {
    let folder = corpora();
    let requests: Vec<_> = files(&folder, &[".xml"])
        .into_iter()
        .filter(|(name, _)| name.contains("SOAP12Testing/RequestMessages/"))
        .collect();
    assert_eq!(requests.len(), COLLECTION.len());
    let server = TestApp::start();
    let (mut faults, mut carried) = (0, Vec::new());
    let mut wrong = Vec::new();
    for (name, bytes) in &requests {
        let number = name
            .rsplit("Req")
            .next()
            .and_then(|name| name.strip_suffix(".xml"));
        let number = number.expect("a number");
        let request = std::str::from_utf8(bytes).expect("UTF-8");
        let entry = COLLECTION.iter().find(|(known, _)| *known == number);
        let (_, applies) = entry.unwrap_or_else(|| panic!("{number} is in the table"));
        let user = number.to_lowercase().replace('_', ".");
        let called = with_call(request, &user);
        match applies {
            Not(reason) => eprintln!("{number} does not apply: {reason}"),
            Carried => {
                let called = called.expect("an empty Body");
                let response = server.post("application/soap+xml", called.as_bytes());
                if response.status != 200 {
                    wrong.push(format!("{number}: not carried out: {}", response.body));
                }
                carried.push(user);
            }
            Fault(codes) => {
                let bodies = [
                    ("as it is", Some(request.to_owned())),
                    ("with a call", called),
                ];
                for (form, body) in bodies {
                    let Some(body) = body else { continue };
                    let response = server.post("application/soap+xml", body.as_bytes());
                    faults += 1;
                    if let Some(reason) = unlike_the_reply(&response, codes) {
                        wrong.push(format!(
                            "{number} {form}: status {}: {reason}",
                            response.status
                        ));
                    }
                }
            }
        }
    }
    eprintln!(
        "{faults} faults as in the replies, {} calls executed",
        carried.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    carried.sort();
    assert_eq!(server.user_names(), carried);
}

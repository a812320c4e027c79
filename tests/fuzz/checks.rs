//! Invariants that hold for every input: one function for each fuzz target.
//!
//! The targets in `fuzz_targets/` call these, and so does `tests/it/twins.rs`, with inputs that are created without a
//! fuzzer. An input is one byte that determines the size of the pieces in which the rest arrives, then the rest; a
//! media type has no such byte, because it never arrives in pieces.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use muster::formats::csv::{Conventions, CsvRows};
use muster::formats::delimiter::Delimiter;
use muster::formats::open::{KnownColumns, Options, open};
use muster::formats::settings::Settings;
use muster::formats::workbook_memory::WorkbookMemory;
use muster::http::soap::charset::to_utf8;
use muster::http::soap::envelope as soap_envelope;
use muster::http::soap::fault::Fault;
use muster::http::soap::file_element::FileContent;
use muster::http::soap::operation::UserAdminOperation;
use muster::http::soap::parameters::Parameters;
use muster::http::soap::version::SoapVersion;
use muster::http::soap::xml::{Element, XmlEvent, XmlLimits, XmlReader};
use muster::scim::check::{Leniency, check_document};
use muster::scim::error::ScimError;
use muster::scim::evaluate::matches;
use muster::scim::filter::Filter;
use muster::scim::json::{StrictValue, parse};
use muster::scim::patch::parse_patch;
use muster::scim::patch_apply::apply;
use muster::scim::patch_path::PatchPath;
use muster::scim::schema::Schemas;
use muster::wire::base64::{Base64Push, Base64Reader};
use muster::wire::decoder::Decoder;
use muster::wire::error::WireError;
use muster::wire::media_type::MediaType;
use muster::wire::mime::{MimeLimits, Multipart};
use muster::wire::part_header::PartHeader;
use muster::wire::spool::SpoolSettings;
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

/// The boundary of a message whose first line is not one.
const BOUNDARY: &str = "b1";

/// A reader that returns at most this many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.1);
        self.0.read(&mut into[..count])
    }
}

/// The size of the pieces, and the data that arrives in them.
fn in_pieces(input: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((usize::from(first % 64) + 1, rest))
}

/// A multipart message: a line with its boundary, then the body.
///
/// The parts or the error are the same for all sizes of pieces; an unread part does not hide the parts after it; contents
/// are in the order of the parts, and contain no delimiter.
pub fn multipart(input: &[u8]) {
    let Some((piece, rest)) = in_pieces(input) else {
        return;
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, message) = rest.split_at(end.unwrap_or(rest.len()));
    let boundary = usable(line).unwrap_or(BOUNDARY);
    let message = message.strip_prefix(b"\n").unwrap_or_default();
    for limits in [MimeLimits::default(), tight()] {
        let whole = parts(message, boundary, usize::MAX, &limits);
        assert_eq!(parts(message, boundary, piece, &limits), whole);
        assert_eq!(parts(message, boundary, 1, &limits), whole);
        let Ok(whole) = whole else { continue };
        let headers: Vec<_> = whole.iter().map(|(header, _)| header.clone()).collect();
        assert_eq!(unread(message, boundary, piece, &limits), Ok(headers));
        let mut rest = message;
        for (_, content) in &whole {
            let at = find(rest, content).expect("the content is in the message");
            rest = &rest[at + content.len()..];
            assert!(!has_delimiter(content, boundary), "a delimiter is content");
        }
    }
}

/// Limits that small messages reach.
fn tight() -> MimeLimits {
    MimeLimits {
        parts: 3,
        header_bytes: 200,
        headers: 4,
        preamble_bytes: 40,
    }
}

fn usable(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?;
    let media_type = MediaType::parse(&format!("multipart/related; boundary=\"{line}\"")).ok()?;
    let is_same = media_type.boundary().ok()? == line;
    is_same.then_some(line)
}

type Parts = Vec<(PartHeader, Vec<u8>)>;

fn parts(
    message: &[u8],
    boundary: &str,
    piece: usize,
    limits: &MimeLimits,
) -> Result<Parts, String> {
    let mut message = Multipart::new(Pieces(message, piece), boundary, limits.clone());
    let mut parts = Vec::new();
    while let Some(header) = message.next_part().map_err(describe)? {
        let mut content = Vec::new();
        message
            .read_to_end(&mut content)
            .map_err(|error| describe(WireError::from_io(error)))?;
        parts.push((header, content));
    }
    Ok(parts)
}

/// The headers of all parts, without reading their content.
fn unread(
    message: &[u8],
    boundary: &str,
    piece: usize,
    limits: &MimeLimits,
) -> Result<Vec<PartHeader>, String> {
    let mut message = Multipart::new(Pieces(message, piece), boundary, limits.clone());
    let mut headers = Vec::new();
    while let Some(header) = message.next_part().map_err(describe)? {
        headers.push(header);
    }
    Ok(headers)
}

fn describe(error: WireError) -> String {
    format!("{}: {error}", error.code())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted.is_empty() {
        true => Some(0),
        false => text
            .windows(wanted.len())
            .position(|window| window == wanted),
    }
}

/// Whether a line of this content is a delimiter. The last line may keep its carriage return.
fn has_delimiter(content: &[u8], boundary: &str) -> bool {
    let mut lines = content.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = match lines.peek() {
            Some(_) => line.strip_suffix(b"\r").unwrap_or(line),
            None => line,
        };
        let blanks = line
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b'\t'));
        let line = &line[..line.len() - blanks.count()];
        if let Some(rest) = line.strip_prefix(format!("--{boundary}").as_bytes())
            && (rest.is_empty() || rest == b"--")
        {
            return true;
        }
    }
    false
}

/// A Content-Type.
///
/// A parsed value is parsed again identically if it is written with all values quoted; a correctly quoted boundary is
/// found, whatever precedes or follows it.
pub fn media_type(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(parsed) = MediaType::parse(&text) {
        assert_eq!(parsed.essence, parsed.essence.to_ascii_lowercase());
        assert!(parsed.essence.contains('/'));
        let mut written = parsed.essence.clone();
        let mut expected = parsed.clone();
        for (name, value) in &mut expected.params {
            value.retain(|c| !matches!(c, '\r' | '\n'));
            written.push_str(&format!("; {name}=\"{}\"", escaped(value)));
        }
        assert_eq!(MediaType::parse(&written).ok(), Some(expected));
        if let Ok(boundary) = parsed.boundary() {
            let unfolded = text.replace(['\r', '\n'], "");
            assert!((1..=70).contains(&boundary.len()) && unfolded.contains(boundary));
        }
    }
    if text.to_ascii_lowercase().contains("boundary") {
        return;
    }
    let quoted = escaped(&text);
    let unquoted = text.replace('"', "'");
    for text in [
        format!("multipart/related; boundary=\"==b 1/+==\"; {text}"),
        format!("multipart/related; x=\"{quoted}\"; boundary=\"==b 1/+==\""),
        format!("multipart/related; {unquoted}; boundary=\"==b 1/+==\""),
        format!("multipart/related;boundary = \"==b 1/+==\";y={unquoted};z=\"{quoted}\""),
    ] {
        let parsed = MediaType::parse(&text).expect("a media type");
        assert_eq!(parsed.boundary().ok(), Some("==b 1/+=="), "{text}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Base64 text.
///
/// The result is the same for all sizes of pieces, and equal to that of the `base64` crate for the text without white
/// space, with or without padding.
pub fn base64(input: &[u8]) {
    let Some((piece, text)) = in_pieces(input) else {
        return;
    };
    let whole = decoded(text, usize::MAX);
    assert_eq!(decoded(text, piece), whole);
    if let Err((offset, _)) = whole {
        assert!(offset <= text.len() as u64);
    }
    let mut symbols = text.to_vec();
    symbols.retain(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let reference = STANDARD
        .decode(&symbols)
        .or_else(|_| STANDARD_NO_PAD.decode(&symbols));
    assert_eq!(whole.as_ref().ok(), reference.as_ref().ok());
    let mut content = Vec::new();
    let read = Base64Reader::new(Pieces(text, piece)).read_to_end(&mut content);
    match whole {
        Ok(whole) => assert_eq!((read.ok(), content), (Some(whole.len()), whole)),
        Err(_) => assert!(read.is_err()),
    }
}

fn decoded(text: &[u8], piece: usize) -> Result<Vec<u8>, (u64, &'static str)> {
    let mut decoder = Base64Push::default();
    let mut out = Vec::new();
    let mut pieces = text.chunks(piece);
    let pushed = pieces.try_for_each(|piece| decoder.push(piece, &mut out));
    match pushed.and_then(|()| decoder.finish(&mut out)) {
        Ok(()) => Ok(out),
        Err(WireError::Base64 { offset, what }) => Err((offset, what)),
        Err(other) => panic!("not a base64 error: {other}"),
    }
}

/// A CSV file.
///
/// The rows or the error are the same for all sizes of pieces; line numbers do not decrease; the rows of an accepted
/// file are those of the `csv` crate. (This is not checked for files with a byte-order mark after empty lines or after
/// another one, or with rows that are not CSV.)
pub fn csv(input: &[u8]) {
    let Some((piece, file)) = in_pieces(input) else {
        return;
    };
    let whole = rows(file, usize::MAX);
    assert_eq!(rows(file, piece), whole);
    assert_eq!(rows(file, 1), whole);
    let Ok(rows) = whole else { return };
    let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
    assert!(lines.is_sorted(), "{lines:?}");
    let most = file.iter().filter(|byte| matches!(byte, b'\n' | b'\r'));
    assert!(
        lines.iter().all(|line| *line >= 1)
            && *lines.last().unwrap_or(&1) <= most.count() as u64 + 1
    );
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let text = file.strip_prefix(MARK).unwrap_or(file);
    let lines = text
        .iter()
        .take_while(|byte| matches!(byte, b'\n' | b'\r'))
        .count();
    if text[lines..].starts_with(MARK) || !is_csv(file) {
        return;
    }
    let mut reference = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file);
    let expected: Vec<_> = reference
        .byte_records()
        .map(|record| {
            let record = record.expect("a record of any length");
            record
                .iter()
                .enumerate()
                .map(|(position, field)| {
                    let field = std::str::from_utf8(field).map_err(|_| position)?;
                    Ok(field.to_owned())
                })
                .collect::<Fields>()
        })
        .collect();
    let found: Vec<_> = rows.into_iter().map(|(_, fields)| fields).collect();
    assert_eq!(found, expected);
}

/// Whether all rows are CSV, and text up to the end of the file.
fn is_csv(file: &[u8]) -> bool {
    let mut reader = CsvRows::new(file, Some(Delimiter::Comma));
    let mut all = !file.contains(&0x1a);
    while let Ok(Some(row)) = reader.next_row() {
        all &= row.flaw().is_none();
    }
    all && reader.conventions() == Conventions::default()
}

/// A file of any format: text in any charset, or a workbook.
///
/// The rows and the properties of the file, or the error, are the same for all sizes of pieces. Line numbers increase,
/// except in xlsx workbooks, which contain their own row numbers.
pub fn file(input: &[u8]) {
    let Some((piece, file)) = in_pieces(input) else {
        return;
    };
    let whole = opened(file, usize::MAX);
    assert_eq!(opened(file, piece), whole);
    if let Ok((_, rows)) = &whole {
        assert!(rows.iter().is_sorted_by_key(|(line, _)| *line) || file.starts_with(b"PK"));
    }
}

type Opened = (String, Vec<(u64, Fields)>);

fn opened(file: &[u8], piece: usize) -> Result<Opened, String> {
    // Small enough to stay in memory, so no folder is needed.
    let spool = SpoolSettings {
        folder: "nowhere".into(),
        limit: 64 * 1024,
    };
    let settings = Settings {
        workbook_inflated_bytes: 1024 * 1024,
        workbook_memory_bytes: 4 * 1024 * 1024,
        ..Settings::default()
    };
    let options = Options {
        charset: None,
        columns: KnownColumns(&|name| name == "username"),
        called: None,
        settings: &settings,
        spool: &spool,
        memory: &WorkbookMemory::new(&settings),
        sheet: None,
    };
    let describe =
        |error: muster::formats::error::FormatError| format!("{}: {error}", error.code());
    let mut opened = open(Pieces(file, piece), &options).map_err(describe)?;
    let mut rows = opened.rows().map_err(describe)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next_row().map_err(describe)? {
        let fields = row
            .text()
            .map(|row| row.iter().map(str::to_owned).collect())
            .map_err(|field| field.position);
        all.push((row.line(), fields));
    }
    Ok((rows.detected().to_string(), all))
}

/// The fields of a row, or the index of the first one that is not UTF-8.
type Fields = Result<Vec<String>, usize>;

fn rows(file: &[u8], piece: usize) -> Result<Vec<(u64, Fields)>, String> {
    let mut reader = CsvRows::new(Pieces(file, piece), Some(Delimiter::Comma));
    let mut rows = Vec::new();
    loop {
        match reader.next_row() {
            Ok(None) => return Ok(rows),
            Ok(Some(row)) => {
                let fields = row
                    .text()
                    .map(|row| row.iter().map(str::to_owned).collect())
                    .map_err(|field| field.position);
                rows.push((row.line(), fields));
            }
            Err(error) => return Err(format!("{}: {error}", error.code())),
        }
    }
}

/// An envelope.
///
/// The events, the call or the error are the same for all sizes of pieces; another parser reads the same from an
/// accepted document; and an accepted call is in an accepted document.
pub fn envelope(input: &[u8]) {
    let Some((piece, document)) = in_pieces(input) else {
        return;
    };
    let whole = events(document, usize::MAX);
    assert_same(events(document, piece), &whole);
    if let Ok(whole) = &whole {
        let mut text = String::new();
        let (mut utf8, _) = to_utf8(document, None).expect("it was read before");
        utf8.read_to_string(&mut text).expect("it was read before");
        assert_eq!(whole, &reference_events(&text));
    }
    let called = call(document, usize::MAX);
    assert_same(call(document, piece), &called);
    if called.is_ok() {
        assert!(whole.is_ok());
    }
}

/// Checks equality. Two things may depend on the pieces: the amount that was read before an undecodable character, and
/// so which other error is found; and the position at which a truncated document ends.
fn assert_same<T: PartialEq + std::fmt::Debug>(
    found: Result<T, String>,
    expected: &Result<T, String>,
) {
    let is_charset = |text: &String| {
        ["IMP-XML-IO", "IMP-CHARSET"]
            .iter()
            .any(|code| text.starts_with(code))
    };
    match (&found, expected) {
        (Err(found), Err(expected)) if is_charset(found) || is_charset(expected) => {}
        (Err(found), Err(expected)) if found.starts_with("IMP-XML-UNCLOSED") => {
            assert_eq!(without_place(found), without_place(expected));
        }
        _ => assert_eq!(&found, expected),
    }
}

fn without_place(text: &str) -> (&str, &str) {
    let (before, after) = text.split_once("line ").unwrap_or((text, ""));
    (before, after.split_once(": ").map_or("", |(_, what)| what))
}

/// An event, with its text joined.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// Namespace and name, and the attributes in order.
    Start(String, String, Vec<(String, String, String)>),
    Text(String),
    End,
}

fn push_text(events: &mut Vec<Event>, piece: &str) {
    match events.last_mut() {
        Some(Event::Text(text)) => text.push_str(piece),
        _ => events.push(Event::Text(piece.to_owned())),
    }
}

fn events(document: &[u8], piece: usize) -> Result<Vec<Event>, String> {
    let (source, declared) =
        to_utf8(Pieces(document, piece), None).map_err(|fault| fault.rule.to_owned())?;
    let mut xml = XmlReader::with_declared_encoding(source, XmlLimits::default(), declared);
    let mut events = Vec::new();
    loop {
        match xml.next() {
            Ok(XmlEvent::Start(element)) => events.push(start(element)),
            Ok(XmlEvent::Text(text)) => push_text(&mut events, text),
            Ok(XmlEvent::End) => events.push(Event::End),
            Ok(XmlEvent::Eof) => return Ok(events),
            Err(error) => return Err(format!("{}: {error}", error.code())),
        }
    }
}

fn start(element: Element) -> Event {
    let namespace = |namespace: Option<std::sync::Arc<str>>| {
        namespace.as_deref().unwrap_or_default().to_owned()
    };
    let mut attributes: Vec<_> = element
        .attributes
        .into_iter()
        .map(|attribute| {
            (
                namespace(attribute.namespace),
                attribute.local,
                attribute.value,
            )
        })
        .collect();
    attributes.sort();
    Event::Start(namespace(element.namespace), element.local, attributes)
}

fn reference_events(text: &str) -> Vec<Event> {
    let document = roxmltree::Document::parse(text)
        .unwrap_or_else(|error| panic!("accepted here, but refused by roxmltree: {error}"));
    let mut events = Vec::new();
    push_reference(document.root_element(), &mut events);
    events
}

fn push_reference(element: roxmltree::Node<'_, '_>, events: &mut Vec<Event>) {
    let mut attributes: Vec<_> = element
        .attributes()
        .map(|attribute| {
            (
                attribute.namespace().unwrap_or_default().to_owned(),
                attribute.name().to_owned(),
                attribute.value().to_owned(),
            )
        })
        .collect();
    attributes.sort();
    let name = element.tag_name();
    events.push(Event::Start(
        name.namespace().unwrap_or_default().to_owned(),
        name.name().to_owned(),
        attributes,
    ));
    for child in element.children() {
        match child.text() {
            _ if child.is_element() => push_reference(child, events),
            Some(text) if child.is_text() && !text.is_empty() => push_text(events, text),
            _ => {}
        }
    }
    events.push(Event::End);
}

/// The content of a call.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    version: SoapVersion,
    operation: &'static str,
    domain: Option<String>,
    file_name: Option<String>,
    default_password: Option<String>,
    handler: Option<Vec<u8>>,
}

fn call(document: &[u8], piece: usize) -> Result<Call, String> {
    let spool = SpoolSettings {
        folder: std::env::temp_dir(),
        limit: 1024 * 1024,
    };
    let (source, declared) =
        to_utf8(Pieces(document, piece), None).map_err(|fault| fault.rule.to_owned())?;
    let mut xml = XmlReader::with_declared_encoding(source, XmlLimits::default(), declared);
    let mut version = SoapVersion::V11;
    let read = soap_envelope::read(&mut xml, &mut version, |_, element, xml| {
        let (_, entry) = UserAdminOperation::TABLE.find(element)?;
        Ok((entry.name, Parameters::read(entry, xml, &spool)?))
    });
    let (operation, mut parameters) = read.map_err(|fault| faulted(&fault))?;
    let handler = match parameters.take_file("handler").content {
        FileContent::Absent => None,
        FileContent::Nil => Some(b"nil".to_vec()),
        FileContent::Empty => Some(Vec::new()),
        FileContent::Reference(reference) => Some(reference.into_bytes()),
        FileContent::Inline(spool) => {
            let mut content = Vec::new();
            let mut reader = spool.into_reader().expect("the spool is read back");
            reader.read_to_end(&mut content).expect("it is in memory");
            Some(content)
        }
    };
    let text = |name| parameters.text(name).map(str::to_owned);
    Ok(Call {
        version,
        operation,
        domain: text("userStoreDomain"),
        file_name: text("fileName"),
        default_password: text("defaultPassword"),
        handler,
    })
}

fn faulted(fault: &Fault) -> String {
    format!("{}: {}", fault.rule, fault.message)
}

/// A filter, or the path of a PATCH.
///
/// It is either refused with status 400, or written in a form that is parsed as the same again; an error is at most a
/// few lines long. Every filter can be evaluated on a document.
pub fn scim_filter(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let schemas = Schemas::new(["gender"]);
    let document = serde_json::json!({
        "id": "7",
        "userName": "Kim",
        "active": true,
        "emails": [{"value": "kim@example.com", "type": "work", "primary": true}, {"value": null}],
        "meta": {"created": "2026-01-01T00:00:00Z"},
    });
    for resource_type in [&schemas.user, &schemas.group] {
        match Filter::parse(text, resource_type) {
            Ok(filter) => {
                let written = filter.to_string();
                // Canonical names may be longer than those of the client.
                if written.len() <= muster::scim::filter_parser::MAX_LENGTH {
                    assert_eq!(Filter::parse(&written, resource_type), Ok(filter.clone()));
                }
                let document = document.as_object().expect("an object");
                let negated = Filter::Not(Box::new(filter.clone()));
                assert_ne!(matches(&filter, document), matches(&negated, document));
            }
            Err(error) => assert!(error.status == 400 && error.detail.len() < 1_000),
        }
        match PatchPath::parse(text, resource_type) {
            Ok(path) => {
                let written = path.to_string();
                if written.len() <= muster::scim::filter_parser::MAX_LENGTH {
                    assert_eq!(PatchPath::parse(&written, resource_type), Ok(path));
                }
            }
            Err(error) => assert!(error.status == 400 && error.detail.len() < 1_000),
        }
    }
}

/// A SCIM resource and a PATCH message, in this order.
///
/// The values are those that serde_json reads; a checked document does not change if it is checked again, also after the
/// message was applied; a refused message changes nothing; errors are short.
pub fn patch(input: &[u8]) {
    match parse(input) {
        Ok(value) => {
            let bytes = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
            let other: Value = serde_json::from_slice(bytes).expect("serde_json reads it too");
            assert_eq!(value, other);
        }
        Err(error) => refusal(&error),
    }
    let mut reader = serde_json::Deserializer::from_slice(input);
    let mut next = || StrictValue::default().deserialize(&mut reader);
    let (Ok(resource), Ok(message)) = (next(), next()) else {
        return;
    };
    let schemas = Schemas::new(["shoeSize"]);
    let lenient = Leniency {
        schemas_required: false,
    };
    for resource_type in [&schemas.user, &schemas.group] {
        let before = match check_document(resource.clone(), resource_type, lenient) {
            Ok(document) => document,
            Err(error) => {
                refusal(&error);
                continue;
            }
        };
        let check = |document: &Map<String, Value>| {
            let again = check_document(document.clone().into(), resource_type, lenient);
            assert_eq!(again.as_ref(), Ok(document));
        };
        check(&before);
        let patch = match parse_patch(message.clone(), resource_type, lenient) {
            Ok(patch) => patch,
            Err(error) => {
                refusal(&error);
                continue;
            }
        };
        let mut after = before.clone();
        match apply(&patch, &mut after, resource_type) {
            Ok(changed) => assert_eq!(changed, after != before),
            Err(error) => {
                refusal(&error);
                assert_eq!(after, before);
            }
        }
        check(&after);
    }
}

fn refusal(error: &ScimError) {
    assert!(matches!(error.status, 400 | 413), "{error:?}");
    let text = &error.detail;
    assert!(
        text.len() < 1_000 && !text.contains(char::is_control),
        "{error:?}"
    );
}

//! Bad input gets a fault with one of our codes and a message, nothing is stored, and the next request is served.
//! If an upload breaks off after complete batches were written, the fault has the exact number of stored rows, and
//! sending the file again completes the import.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use muster::users::import_record::{ImportRecord, ImportState};

use crate::app::{Options, RELATED, Response, TestApp, envelope, inline, multipart};
use crate::message::{
    KIM, base64, call, chunked, head, in_soap_12, include, parameters, parts, request,
};

/// Name, media type and body of a message, and the code of the rule that it violates.
type Case = (&'static str, &'static str, Vec<u8>, &'static str);

/// Sends every message to one server. Each is refused as the client's fault, with nothing stored; then a good
/// message is served.
#[track_caller]
fn assert_refused(cases: Vec<Case>) {
    let server = TestApp::start();
    for (name, content_type, body, rule) in cases {
        let sent = Instant::now();
        let response = server.post(content_type, &body);
        assert_is_clients_fault(name, &response, rule);
        assert!(
            sent.elapsed() < Duration::from_secs(2),
            "{name}: {:?}",
            sent.elapsed()
        );
        assert_eq!(server.user_names(), [""; 0], "{name}");
    }
    assert_serves(&server, "kim");
}

#[track_caller]
fn assert_is_clients_fault(name: &str, response: &Response, rule: &str) {
    assert_eq!(response.status, 500, "{name}: {}", response.body);
    assert_eq!(response.rule(), rule, "{name}: {}", response.body);
    let code = response.element("faultcode");
    assert_eq!(
        code.as_deref(),
        Some("soapenv:Client"),
        "{name}: {}",
        response.body
    );
    let sentence = response.fault_text();
    let complete = sentence.ends_with('.') || sentence.starts_with("namespace mismatch require ");
    assert!(complete && sentence.len() > 20, "{name}: {sentence}");
    assert_eq!(
        response.element("rowsStored").as_deref(),
        Some("0"),
        "{name}"
    );
}

/// A good message creates the user `name`.
#[track_caller]
fn assert_serves(server: &TestApp, name: &str) {
    let file = format!("UserName,Password,Claims\n{name},,\n");
    let response = server.post(RELATED, multipart(&file).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(server.user_names().contains(&name.to_owned()));
}

/// A message in `text/xml`.
fn xml(name: &'static str, body: impl Into<Vec<u8>>, rule: &'static str) -> Case {
    (name, "text/xml", body.into(), rule)
}

/// A message in `multipart/related` with the boundary `b1` and the root part `root`.
fn related(name: &'static str, body: String, rule: &'static str) -> Case {
    (name, RELATED, body.into_bytes(), rule)
}

#[test]
fn documents_that_are_not_an_envelope() {
    let good = inline(KIM);
    let body_end = "</soapenv:Body>";
    assert_refused(vec![
        xml("no body", "", "IMP-XML-EMPTY"),
        xml("white space", "  \r\n ", "IMP-XML-EMPTY"),
        xml("not XML", "hello", "IMP-XML-MALFORMED"),
        xml("JSON", "{\"a\": 1}", "IMP-XML-MALFORMED"),
        xml("a DTD", format!("<!DOCTYPE a>{good}"), "IMP-XML-DTD"),
        xml(
            "an external entity",
            format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{good}"),
            "IMP-XML-DTD",
        ),
        xml(
            "a processing instruction",
            format!("<?x y?>{good}"),
            "IMP-XML-PI",
        ),
        xml(
            "a processing instruction in the Body",
            good.replace(body_end, &format!("<?x?>{body_end}")),
            "IMP-XML-PI",
        ),
        xml("two roots", format!("{good}{good}"), "IMP-XML-ROOTS"),
        xml(
            "text after the root",
            format!("{good} and so on"),
            "IMP-XML-ROOTS",
        ),
        xml(
            "cut in the middle",
            &good[..good.len() / 2],
            "IMP-XML-UNCLOSED",
        ),
        xml(
            "cut at its end",
            &good[..good.len() - 1],
            "IMP-XML-UNCLOSED",
        ),
        xml(
            "an element left open",
            good.replace("</defaultPassword>", ""),
            "IMP-XML-MALFORMED",
        ),
        xml("a root of another kind", "<html/>", "IMP-SOAP-ENVELOPE"),
        xml(
            "no Body",
            good.replace("soapenv:Body", "soapenv:Other"),
            "IMP-SOAP-ENVELOPE",
        ),
        xml(
            "nothing in the envelope",
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"/>",
            "IMP-SOAP-BODY",
        ),
        xml(
            "nothing in the Body",
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body/></e:Envelope>",
            "IMP-SOAP-BODY",
        ),
        xml(
            "two Bodies",
            good.replace("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>"),
            "IMP-SOAP-ENVELOPE",
        ),
        xml(
            "a Header after the Body",
            good.replace("</soapenv:Body>", "</soapenv:Body><soapenv:Header/>"),
            "IMP-SOAP-ENVELOPE",
        ),
        xml(
            "text in the Body",
            good.replace(body_end, &format!("x{body_end}")),
            "IMP-SOAP-TEXT",
        ),
    ]);
}

#[test]
fn hostile_xml() {
    let good = inline(KIM);
    let name = |text: &str| good.replace("users.csv", text);
    let attributes = |count| {
        (0..count)
            .map(|n| format!(" a{n}=\"\""))
            .collect::<String>()
    };
    let namespaces: String = (0..2_000)
        .map(|n| format!(" xmlns:n{n}=\"urn:x\""))
        .collect();
    let tag = |inside: &str| good.replace("<fileName>", &format!("<fileName{inside}>"));
    let header = format!("<soapenv:Header>{}", "<a>".repeat(100_000));
    let deep = good.replace("<soapenv:Body>", &header);
    let mut ill_formed = name("\u{1}\u{1}").into_bytes();
    let at = ill_formed
        .windows(2)
        .position(|two| two == b"\x01\x01")
        .unwrap();
    ill_formed[at..at + 2].copy_from_slice(b"\xc0\xae");
    let latin1 = format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?>{good}");
    assert_refused(vec![
        xml(
            "an entity without a DTD",
            name("&foo;.csv"),
            "IMP-XML-ENTITY",
        ),
        xml("NUL by reference", name("&#0;.csv"), "IMP-XML-CHAR"),
        xml(
            "a surrogate by reference",
            name("&#xD800;.csv"),
            "IMP-XML-CHAR",
        ),
        xml("NUL", name("\0.csv"), "IMP-XML-CHAR"),
        xml("ill-formed UTF-8", ill_formed, "IMP-XML-ENCODING"),
        xml("UTF-7", latin1, "IMP-XML-ENCODING"),
        xml("100,000 levels", deep, "IMP-XML-DEPTH"),
        xml(
            "2,000 attributes",
            tag(&attributes(2_000)),
            "IMP-XML-ATTRIBUTES",
        ),
        xml(
            "80,000 attributes",
            tag(&attributes(80_000)),
            "IMP-XML-TOKEN",
        ),
        xml("2,000 namespaces", tag(&namespaces), "IMP-XML-ATTRIBUTES"),
        xml(
            "a huge name",
            format!("<{}/>", "a".repeat(1 << 20)),
            "IMP-XML-TOKEN",
        ),
        xml(
            "a tag without end",
            format!("<a b=\"{}", "x".repeat(1 << 20)),
            "IMP-XML-TOKEN",
        ),
        xml(
            "an attribute twice",
            tag(" a=\"\" a=\"\""),
            "IMP-XML-MALFORMED",
        ),
        xml("an unbound prefix", tag(" x:a=\"\""), "IMP-XML-NAMESPACE"),
    ]);
}

#[test]
fn operations_and_parameters_that_do_not_exist() {
    let good = inline(KIM);
    let operation = "<bulkImportUsers xmlns=\"http://org.apache.axis2/xsd\">";
    let include =
        "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/>";
    let add = |parameter: &str| envelope(&format!("{}{parameter}", parameters(&base64(KIM))));
    assert_refused(vec![
        xml(
            "a foreign namespace",
            good.replace("http://org.apache.axis2/xsd", "urn:other"),
            "IMP-SOAP-NAMESPACE",
        ),
        xml(
            "no namespace",
            good.replace(" xmlns=\"http://org.apache.axis2/xsd\"", ""),
            "IMP-SOAP-NAMESPACE",
        ),
        xml(
            "another operation",
            good.replace("bulkImportUsers", "expireUser"),
            "IMP-SOAP-OPERATION",
        ),
        xml(
            "two operations",
            good.replace("</soapenv:Body>", "<deleteUser/></soapenv:Body>"),
            "IMP-SOAP-BODY",
        ),
        xml(
            "parameters without the operation",
            good.replace(operation, "")
                .replace("</bulkImportUsers>", ""),
            "IMP-SOAP-OPERATION",
        ),
        xml(
            "a parameter twice",
            add("<fileName>b.csv</fileName>"),
            "IMP-SOAP-PARAMETER",
        ),
        xml(
            "an unknown parameter",
            add("<dryRun>true</dryRun>"),
            "IMP-SOAP-PARAMETER",
        ),
        xml("XInclude", add(include), "IMP-SOAP-PARAMETER"),
        xml(
            "an element in a value",
            good.replace("users.csv", "<b/>"),
            "IMP-SOAP-PARAMETER",
        ),
        xml(
            "an endless value",
            good.replace("users.csv", &"a".repeat(1 << 20)),
            "IMP-SOAP-PARAMETER",
        ),
        xml("text between parameters", add("users"), "IMP-SOAP-TEXT"),
        xml(
            "an unknown domain",
            add("<userStoreDomain>NOWHERE</userStoreDomain>"),
            "IMP-DOMAIN",
        ),
        xml(
            "no fileName",
            good.replace("<fileName>users.csv</fileName>", ""),
            "IMP-FILE-NAME",
        ),
        xml(
            "an empty fileName",
            good.replace("users.csv", " "),
            "IMP-FILE-NAME",
        ),
        xml(
            "a text file",
            good.replace("users.csv", "users.txt"),
            "IMP-FILE-FORMAT",
        ),
        xml(
            "text that is called a workbook",
            good.replace("users.csv", "users.xlsx"),
            "IMP-FILE-FORMAT",
        ),
        xml(
            "no extension",
            good.replace("users.csv", "users"),
            "IMP-FILE-FORMAT",
        ),
    ]);
}

#[test]
fn handlers_without_a_file() {
    let nil = "<handler xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>";
    let without = |handler: &str| {
        envelope(&parameters("@").replace("<handler>@</handler>", handler)).into_bytes()
    };
    let other = "<xop:Include xmlns:xop=\"urn:other\" href=\"cid:file@test\"/>";
    let child = "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:a\"><b/></xop:Include>";
    let no_href = "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\"/>";
    let mut cases = vec![
        xml("no handler", without(""), "IMP-HANDLER-ABSENT"),
        xml("nil", without(nil), "IMP-HANDLER-NIL"),
        xml("empty", call(""), "IMP-HANDLER-EMPTY"),
        xml("white space", call(" \n "), "IMP-HANDLER-EMPTY"),
        xml("a comment", call("<!-- file -->"), "IMP-HANDLER-EMPTY"),
        xml("an empty file", call(&base64("\n")), "IMP-FILE-EMPTY"),
        xml(
            "the documented cid:133299223356",
            call("cid:133299223356"),
            "IMP-MIME-CID",
        ),
        xml(
            "an Include without attachments",
            call(&include("file@test")),
            "IMP-MIME-CID",
        ),
        xml("base64 rubbish", call("this is not base64!"), "IMP-BASE64"),
        xml("the file's own text", call(KIM), "IMP-BASE64"),
        xml(
            "the file's own text with claims",
            call("UserName,Password,Claims\nann,S3cret-1,http://wso2.org/claims/country=FR\n"),
            "IMP-BASE64",
        ),
        xml("base64 without its end", call("VXNlc"), "IMP-BASE64"),
        xml("base64 after its padding", call("QQ==QQ=="), "IMP-BASE64"),
        xml(
            "an Include of no namespace we know",
            call(other),
            "IMP-XOP-INCLUDE",
        ),
        xml("an Include with a child", call(child), "IMP-XOP-INCLUDE"),
        xml("an Include without href", call(no_href), "IMP-XOP-INCLUDE"),
        xml(
            "an Include and text",
            call(&format!("{}QUJD", include("a"))),
            "IMP-XOP-INCLUDE",
        ),
        xml(
            "two Includes",
            call(&include("a").repeat(2)),
            "IMP-XOP-INCLUDE",
        ),
    ];
    for href in [
        "http://127.0.0.1:9/",
        "https://127.0.0.1:9/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:text/csv,UserName",
        "users.csv",
        "",
    ] {
        let included = include("@").replace("cid:@", href);
        cases.push(xml(
            "an Include of something else",
            call(&included),
            "IMP-XOP-HREF",
        ));
        if href.contains(':') {
            cases.push(xml("the same as text", call(href), "IMP-XOP-HREF"));
        }
    }
    assert_refused(cases);
}

const ROOT: &str = "Content-Type: application/xop+xml\nContent-ID: <root>";
const FILE: &str = "Content-Type: text/csv\nContent-ID: <file@test>";

#[test]
fn multipart_messages_that_cannot_be_read() {
    let good = multipart(KIM);
    let root = call(&include("file@test"));
    let before_end = good.len() - "--b1--\r\n".len();
    let header = format!("{FILE}\nX-Long: {}", "x".repeat(1 << 20));
    let headers: String = (0..10_000).map(|n| format!("\nX-{n}: y")).collect();
    let encoded = |encoding: &str, content: &str| {
        let file = format!("{FILE}\nContent-Transfer-Encoding: {encoding}");
        parts(&[(ROOT, &root), (&file, content)])
    };
    let inner = "Content-Type: multipart/mixed; boundary=b2\nContent-ID: <file@test>";
    let mut cases = vec![
        related(
            "no closing delimiter",
            good[..before_end].to_owned(),
            "IMP-MIME-TRUNCATED",
        ),
        related(
            "cut in the file",
            good[..before_end - 8].to_owned(),
            "IMP-MIME-TRUNCATED",
        ),
        related(
            "cut in the closing delimiter",
            good[..good.len() - 5].to_owned(),
            "IMP-MIME-TRUNCATED",
        ),
        related("nothing", String::new(), "IMP-MIME-TRUNCATED"),
        related(
            "another boundary",
            good.replace("--b1", "--b2"),
            "IMP-MIME-TRUNCATED",
        ),
        related("no parts", "--b1--\r\n".into(), "IMP-MIME-ROOT"),
        related(
            "a Content-ID twice",
            parts(&[(ROOT, &root), (FILE, KIM), (FILE, "UserName\nlee\n")]),
            "IMP-MIME-DUPCID",
        ),
        related(
            "a Content-ID twice, before the root",
            parts(&[(FILE, KIM), (FILE, "UserName\nlee\n"), (ROOT, &root)]),
            "IMP-MIME-DUPCID",
        ),
        related(
            "a dangling cid:",
            parts(&[(ROOT, &call(&include("other@test"))), (FILE, KIM)]),
            "IMP-MIME-CID",
        ),
        related(
            "a Content-ID in other letters",
            parts(&[(ROOT, &call(&include("FILE@test"))), (FILE, KIM)]),
            "IMP-MIME-CID",
        ),
        related(
            "a cid: of the root itself",
            parts(&[(ROOT, &call(&include("root"))), (FILE, KIM)]),
            "IMP-MIME-CID",
        ),
        related(
            "an empty cid:",
            parts(&[(ROOT, &call("cid:")), (FILE, KIM)]),
            "IMP-MIME-CID",
        ),
        related(
            "a part without Content-ID",
            parts(&[(ROOT, &root), ("X: y", KIM)]),
            "IMP-MIME-CID",
        ),
        related(
            "an empty part",
            parts(&[(ROOT, &root), (FILE, "")]),
            "IMP-FILE-EMPTY",
        ),
        related("no root part", parts(&[(FILE, KIM)]), "IMP-MIME-ROOT"),
        related(
            "a header line of 1 MiB",
            parts(&[(ROOT, &root), (&header, KIM)]),
            "IMP-MIME-HEADER",
        ),
        related(
            "10,000 header lines",
            parts(&[(ROOT, &root), (&format!("{FILE}{headers}"), KIM)]),
            "IMP-MIME-HEADER",
        ),
        related(
            "a header line without colon",
            parts(&[(ROOT, &root), ("file", KIM)]),
            "IMP-MIME-HEADER",
        ),
        related(
            "100,000 parts",
            "--b1\r\n\r\n\r\n".repeat(100_000),
            "IMP-MIME-PARTS",
        ),
        related(
            "a multipart within",
            parts(&[(ROOT, &root), (inner, KIM)]),
            "IMP-MIME-NESTED",
        ),
        related(
            "an unknown encoding",
            encoded("x-uuencode", KIM),
            "IMP-MIME-ENCODING",
        ),
        related(
            "a part of base64 rubbish",
            encoded("base64", KIM),
            "IMP-BASE64",
        ),
        related(
            "a bad line of quoted-printable",
            encoded("quoted-printable", "a=xyz"),
            "IMP-QUOTED-PRINTABLE",
        ),
        related(
            "a root that is not XML",
            parts(&[(ROOT, "root"), (FILE, KIM)]),
            "IMP-XML-MALFORMED",
        ),
    ];
    for content_type in [
        "multipart/related; type=\"text/xml\"",
        "multipart/related; boundary=\"\"",
        "multipart/related; boundary=b1; boundary=b1",
        "multipart/related; boundary=b\u{e9}",
    ] {
        cases.push((
            "no usable boundary",
            content_type,
            good.clone().into(),
            "IMP-MIME-BOUNDARY",
        ));
    }
    let without = "multipart/related; type=application/xop+xml";
    let prefaces = [
        "MIME-Version: 1.0\r\n\r\n".to_owned(),
        "MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n".into(),
        "Content-Type: multipart/mixed; boundary=b1\r\n\r\n".into(),
        "Content-Type: multipart/related; boundary=\"b\u{e9}\"\r\n\r\n".into(),
        "Content-Type: multipart/related; boundary=b1".into(),
        format!("X: {}\r\nContent-Type: {RELATED}\r\n\r\n", "x".repeat(4096)),
        "X: y\r\n".repeat(100_000),
        "x".repeat(1_000_000),
    ];
    for preface in prefaces {
        let body = [preface.as_bytes(), good.as_ref()].concat();
        cases.push(("no boundary", without, body, "IMP-MIME-BOUNDARY"));
    }
    assert_refused(cases);
}

#[test]
fn unsupported_media_types() {
    let good = inline(KIM).into_bytes();
    let types = [
        "application/json",
        "text/csv",
        "text/plain",
        "application/dime",
        "multipart/form-data; boundary=b1",
        "xml",
    ];
    let cases =
        types.map(|content_type| ("a media type", content_type, good.clone(), "IMP-MEDIA-TYPE"));
    assert_refused(cases.into());

    let server = TestApp::start();
    let bytes = request("@", "", &good);
    let without = String::from_utf8(bytes)
        .unwrap()
        .replace("Content-Type: @\r\n", "");
    let response = server.send(without.as_bytes());
    assert_is_clients_fault("no media type", &response, "IMP-MEDIA-TYPE");
    let response = server.send(&request("text/xml", "Content-Encoding: br\r\n", &good));
    assert_is_clients_fault("an unknown coding", &response, "IMP-HTTP-ENCODING");
    let response = server.send(&request("text/xml", "Content-Encoding: gzip\r\n", &good));
    assert_is_clients_fault("not gzip", &response, "IMP-INFLATE");
    assert_eq!(server.user_names(), [""; 0]);
    assert_serves(&server, "kim");
}

#[test]
fn soap_12_faults_of_the_sender_have_status_400() {
    let server = TestApp::start();
    let cases = [
        (in_soap_12(&call("")), "IMP-HANDLER-EMPTY"),
        (in_soap_12(&call("cid:133299223356")), "IMP-MIME-CID"),
        (
            in_soap_12(&inline(KIM)).replace("bulkImportUsers", "other"),
            "IMP-SOAP-OPERATION",
        ),
        (String::new(), "IMP-XML-EMPTY"),
    ];
    for (body, rule) in cases {
        let response = server.post("application/soap+xml", body.as_bytes());
        assert_eq!(response.status, 400, "{rule}");
        assert_eq!(response.rule(), rule);
        assert_eq!(
            response.element("Value").as_deref(),
            Some("soapenv:Sender"),
            "{rule}"
        );
    }
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn unknown_envelope_versions_and_header_blocks() {
    let server = TestApp::start();
    let good = inline(KIM);
    let security = "<soapenv:Header><x:Lock xmlns:x=\"urn:x\" soapenv:mustUnderstand=\"1\"/>\
        </soapenv:Header><soapenv:Body>";
    let other = "http://schemas.xmlsoap.org/soap/envelope\"";
    let cases = [
        (
            "text/xml",
            good.replace("http://schemas.xmlsoap.org/soap/envelope/\"", other),
            "soapenv:VersionMismatch",
        ),
        (
            "text/xml",
            good.replace("<soapenv:Body>", security),
            "soapenv:MustUnderstand",
        ),
    ];
    for (content_type, body, code) in cases {
        let response = server.post(content_type, body.as_bytes());
        assert_eq!(response.status, 500, "{code}");
        assert_eq!(response.element("faultcode").as_deref(), Some(code));
        let response = server.post("application/soap+xml", in_soap_12(&body).as_bytes());
        assert_eq!(response.status, 500, "{code}");
        assert_eq!(response.element("Value").as_deref(), Some(code));
    }
    assert_eq!(server.user_names(), [""; 0]);
    let optional = security.replace("\"1\"", "\"0\"");
    let response = server.post(
        "text/xml",
        good.replace("<soapenv:Body>", &optional).as_bytes(),
    );
    assert_eq!(response.status, 200, "{}", response.body);
}

#[test]
fn body_above_the_limit() {
    let server = TestApp::start_with(|options| {
        options.http.body_limit_bytes = 8 * 1024;
        options.app.spool_limit = 8 * 1024;
    });
    let rows: String = (0..2_000).map(|n| format!("user{n},,\n")).collect();
    let file = format!("UserName,Password,Claims\n{rows}");
    let message = multipart(&file);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(inline(&file).as_bytes()).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 8 * 1024);
    let early = parts(&[(FILE, &file), (ROOT, &call(&include("file@test")))]);
    let cases = [
        ("announced", request(RELATED, "", &message)),
        ("in chunks", chunked(RELATED, "", message.as_bytes(), 1_000)),
        ("inline", request("text/xml", "", inline(&file))),
        ("before the envelope", request(RELATED, "", early)),
        (
            "compressed",
            request("text/xml", "Content-Encoding: gzip\r\n", &bomb),
        ),
    ];
    for (name, bytes) in cases {
        let response = server.send(&bytes);
        assert_is_clients_fault(name, &response, "IMP-HTTP-TOO-LARGE");
        assert_eq!(server.user_names(), [""; 0], "{name}");
    }
    assert_serves(&server, "kim");
}

#[test]
fn caller_far_above_the_limit_still_gets_the_response() {
    let server = TestApp::start_with(|options| options.http.body_limit_bytes = 8 * 1024);
    let body = multipart(&"x".repeat(8 * 1024 * 1024));
    let response = server.send(&request(RELATED, "", body));
    assert_is_clients_fault("8 MiB", &response, "IMP-HTTP-TOO-LARGE");
    assert_serves(&server, "kim");
}

#[test]
fn body_shorter_than_announced_on_an_open_connection() {
    let server = TestApp::start_with(|options| options.http.idle_seconds = 1);
    let (message, bare) = (multipart(KIM), inline(KIM));
    let cases = [
        (
            "multipart, cut in the file",
            RELATED,
            &message[..message.len() - 20],
        ),
        ("multipart, whole", RELATED, message.as_str()),
        ("envelope, cut", "text/xml", &bare[..bare.len() - 20]),
        ("envelope, whole", "text/xml", bare.as_str()),
        ("nothing", "text/xml", ""),
    ];
    for (name, content_type, sent) in cases {
        let mut stream = server.connect();
        let head = head(
            content_type,
            &format!("Content-Length: {}\r\n", sent.len() + 100),
        );
        stream
            .write_all(&[head.as_bytes(), sent.as_bytes()].concat())
            .unwrap();
        let waiting = Instant::now();
        let response = Response::read(&mut stream);
        assert!(
            waiting.elapsed() < Duration::from_secs(4),
            "{name}: {:?}",
            waiting.elapsed()
        );
        assert_is_clients_fault(name, &response, "IMP-HTTP-STALLED");
        assert_eq!(response.header("connection"), Some("close"), "{name}");
        assert_eq!(server.user_names(), [""; 0], "{name}");
    }
    assert_serves(&server, "kim");
}

#[test]
fn unfinished_head_times_out() {
    let server = TestApp::start_with(|options| options.http.idle_seconds = 1);
    let mut stream = server.connect();
    stream
        .write_all(b"POST /services/UserAdmin HTTP/1.1\r\nHost: te")
        .unwrap();
    let waiting = Instant::now();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(
        waiting.elapsed() < Duration::from_secs(6),
        "{:?}",
        waiting.elapsed()
    );
    assert_serves(&server, "kim");
}

#[test]
fn body_shorter_than_announced_on_a_closed_connection() {
    let server = TestApp::start();
    let (message, bare) = (multipart(KIM), inline(KIM));
    let last_chunk_missing = chunked(RELATED, "", message.as_bytes(), 100);
    let last_chunk_missing = &last_chunk_missing[..last_chunk_missing.len() - 5];
    let announced = |content_type: &str, sent: &str| {
        let head = head(
            content_type,
            &format!("Content-Length: {}\r\n", sent.len() + 100),
        );
        [head.as_bytes(), sent.as_bytes()].concat()
    };
    let cases = [
        announced(RELATED, &message[..message.len() - 20]),
        announced(RELATED, &message),
        announced("text/xml", &bare[..bare.len() - 20]),
        announced("text/xml", &bare),
        last_chunk_missing.to_vec(),
    ];
    for bytes in cases {
        let mut stream = server.connect();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Whether the response still arrives depends on the connection; it is closed at once.
        let waiting = Instant::now();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(
            waiting.elapsed() < Duration::from_secs(3),
            "{:?}",
            waiting.elapsed()
        );
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 200 "), "{answer}");
        assert_eq!(server.user_names(), [""; 0]);
    }
    assert_serves(&server, "kim");
}

/// Rows of the large file.
const ROWS: usize = 2_000;

fn large_file() -> String {
    let rows: String = (0..ROWS).map(|n| format!("user{n:05},,\n")).collect();
    format!("UserName,Password,Claims\n{rows}")
}

/// Batches of 100 rows, so that part of a large file is written before its end is read.
fn small_batches(options: &mut Options) {
    options.http.idle_seconds = 1;
    options.app.import.first_batch_users = 100;
    options.app.import.batch_users = 100;
}

/// The newest import, once it has ended.
fn ended_import(server: &TestApp) -> ImportRecord {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match server.last_import() {
            Some(import) if import.state != ImportState::Running => return import,
            _ if Instant::now() > until => panic!("the import does not end"),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Some rows are stored, all counts agree, and sending the whole file completes the import.
#[track_caller]
fn assert_interrupted_and_completed_by_sending_again(server: &TestApp) -> (usize, ImportRecord) {
    let import = ended_import(server);
    assert_eq!(import.state, ImportState::Interrupted);
    let stored = server.user_names().len();
    assert!(stored > 0 && stored < ROWS, "{stored}");
    assert_eq!(import.counters.created, stored as u64);
    assert_eq!(import.counters.total, stored as u64);
    assert!(import.finished_at.is_some());
    let response = server.post(RELATED, multipart(&large_file()).as_bytes());
    assert_eq!(server.user_names().len(), ROWS, "{}", response.body);
    let again = ended_import(server);
    assert_eq!(again.state, ImportState::Completed);
    assert_eq!(again.counters.created, (ROWS - stored) as u64);
    assert_eq!(again.counters.duplicate, stored as u64);
    (stored, import)
}

#[test]
fn truncated_large_upload_reports_the_number_of_stored_rows() {
    let message = multipart(&large_file());
    let cut = &message[..message.len() / 2];
    let stalled = head(RELATED, &format!("Content-Length: {}\r\n", message.len()));
    let cases = [
        (
            "no closing delimiter",
            request(RELATED, "", cut),
            "IMP-MIME-TRUNCATED",
        ),
        (
            "stalled",
            [stalled.as_bytes(), cut.as_bytes()].concat(),
            "IMP-HTTP-STALLED",
        ),
        (
            "the whole file, no closing delimiter",
            request(RELATED, "", &message[..message.len() - 10]),
            "IMP-MIME-TRUNCATED",
        ),
    ];
    for (name, bytes, rule) in cases {
        let server = TestApp::start_with(small_batches);
        let response = server.send(&bytes);
        assert_eq!(response.status, 500, "{name}");
        assert_eq!(response.rule(), rule, "{name}");
        assert_eq!(
            response.element("faultcode").as_deref(),
            Some("soapenv:Client"),
            "{name}"
        );
        let (stored, import) = assert_interrupted_and_completed_by_sending_again(&server);
        assert_eq!(
            response.element("rowsStored"),
            Some(stored.to_string()),
            "{name}"
        );
        assert_eq!(
            response.element("import"),
            Some(import.id.to_string()),
            "{name}"
        );
        assert_eq!(
            response.element("state").as_deref(),
            Some("interrupted"),
            "{name}"
        );
        let sentence = format!(
            "{stored} users are stored and import {} is interrupted; sending the complete file again \
             completes it.",
            import.id
        );
        assert!(
            response.fault_text().ends_with(&sentence),
            "{name}: {}",
            response.fault_text()
        );
    }
}

#[test]
fn connection_closed_during_a_large_upload() {
    let server = TestApp::start_with(small_batches);
    let message = multipart(&large_file());
    let mut stream = server.connect();
    let head = head(RELATED, &format!("Content-Length: {}\r\n", message.len()));
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .write_all(&message.as_bytes()[..message.len() / 2])
        .unwrap();
    drop(stream);
    assert_interrupted_and_completed_by_sending_again(&server);
}

#[test]
fn connection_closed_during_a_small_upload() {
    let server = TestApp::start();
    for bytes in [
        head("text/xml", "Content-Length: 1000\r\n"),
        head(RELATED, "Content-Length: 1000\r\n") + &multipart(KIM)[..100],
        head(RELATED, "Content-Length: 1000\r\n") + &multipart(KIM),
        head(RELATED, "Transfer-Encoding: chunked\r\n") + "5\r\n--b1",
        "POST /services/UserAdmin HTTP/1.1\r\n".into(),
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        drop(stream);
    }
    assert_serves(&server, "kim");
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn garbage_within_a_large_file_reports_the_number_of_stored_rows() {
    let server = TestApp::start_with(small_batches);
    let file = large_file().replace("user01000,", "\"user01000,");
    let response = server.post(RELATED, multipart(&file).as_bytes());
    assert_eq!(response.rule(), "IMP-CSV-QUOTE", "{}", response.body);
    let import = ended_import(&server);
    assert_eq!(import.state, ImportState::Failed);
    let stored = server.user_names().len();
    assert_eq!(import.counters.created, stored as u64);
    assert_eq!(response.element("rowsStored"), Some(stored.to_string()));
    assert!(
        response.fault_text().contains("line 1002"),
        "{}",
        response.fault_text()
    );
}

#[test]
fn every_prefix_of_a_good_message_is_refused() {
    let server = TestApp::start_with(|options| options.http.idle_seconds = 20);
    let (message, bare) = (multipart(KIM), inline(KIM));
    for (content_type, whole) in [(RELATED, message), ("text/xml", bare)] {
        let mut stream = server.connect();
        // The line end after the last delimiter is optional, and so is the CRLF of the last two dashes.
        let needed = whole.trim_end().len();
        for end in (0..needed).step_by(3) {
            let sent = request(content_type, "", &whole.as_bytes()[..end]);
            if stream.write_all(&sent).is_err() {
                stream = server.connect();
                stream.write_all(&sent).unwrap();
            }
            let response = Response::read(&mut stream);
            assert_eq!(response.status, 500, "{end}: {}", response.body);
            assert!(response.rule().starts_with("IMP-"), "{end}");
            if response.header("connection") == Some("close") {
                stream = server.connect();
            }
        }
    }
    assert_eq!(server.user_names(), [""; 0]);
    assert_serves(&server, "kim");
}

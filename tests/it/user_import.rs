//! `UserImport`, our own service: its operations in both SOAP versions, the file inline and as an attachment
//! in both directions, and access to imports.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::http::soap::namespace::USER_IMPORT;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_record::ImportState;
use muster::users::operator::Role;

use crate::app::{ADMIN_PASSWORD, Options, RELATED, Response, TestApp, admin, basic};
use crate::message::{SOAP_11, SOAP_12, base64, in_soap_12, include, parts};

const PATH: &str = "/services/UserImport";

/// The namespace of the service's declared fault.
const FAULT: &str = "urn:muster:soap:fault:1";

/// Two valid rows and one with white space in its name.
const MIXED: &str = "username,password,country\nkim,,SE\nlee ann,Spring-Meadow-42,NO\nlou,,FI\n";

/// A SOAP 1.1 envelope around `content` in the element `operation`.
fn envelope(operation: &str, content: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{USER_IMPORT}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    )
}

fn call_as(server: &TestApp, authorization: &str, operation: &str, content: &str) -> Response {
    let body = envelope(operation, content);
    server.post_as(PATH, Some(authorization), "text/xml", &[], body.as_bytes())
}

fn call(server: &TestApp, operation: &str, content: &str) -> Response {
    call_as(server, &admin(), operation, content)
}

/// The parameters of an import of this file, followed by `more`.
fn import(file: &str, more: &str) -> String {
    format!(
        "<x:file>{}</x:file><x:fileName>users.csv</x:fileName>\
         <x:defaultPassword>Initial-Pass-1</x:defaultPassword>{more}",
        base64(file)
    )
}

fn id(id: &str) -> String {
    format!("<x:id>{id}</x:id>")
}

/// Returns the texts of all elements named `local` in a successful response of `operation`.
#[track_caller]
fn texts(response: &Response, operation: &str, local: &str) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.body);
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let name = format!("{operation}Response");
    let answer = document
        .descendants()
        .find(|it| it.has_tag_name((USER_IMPORT, name.as_str())))
        .unwrap_or_else(|| panic!("no {name} in {}", response.body));
    answer
        .descendants()
        .filter(|it| it.has_tag_name((USER_IMPORT, local)))
        .map(|it| it.text().unwrap_or_default().to_owned())
        .collect()
}

#[track_caller]
fn text(response: &Response, operation: &str, local: &str) -> String {
    let mut found = texts(response, operation, local);
    assert_eq!(found.len(), 1, "{local} in {}", response.body);
    found.remove(0)
}

/// Returns the counts of total, created, updated, unchanged, duplicate, failed and skipped rows.
#[track_caller]
fn counters(response: &Response, operation: &str) -> [u64; 7] {
    [
        "total",
        "created",
        "updated",
        "unchanged",
        "duplicate",
        "failed",
        "skipped",
    ]
    .map(|name| text(response, operation, name).parse().expect("a number"))
}

/// Returns code and message of a fault, whose detail must contain exactly the declared entry.
#[track_caller]
fn fault(response: &Response) -> (String, String) {
    assert!(response.status >= 400, "{}", response.body);
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let detail = document
        .descendants()
        .find(|it| matches!(it.tag_name().name(), "detail" | "Detail"))
        .expect("a detail");
    let entries: Vec<_> = detail.children().collect();
    assert_eq!(entries.len(), 1, "{}", response.body);
    assert!(entries[0].has_tag_name((FAULT, "importFault")));
    let order: Vec<_> = entries[0]
        .children()
        .map(|it| it.tag_name().name())
        .collect();
    let declared = [
        "code",
        "message",
        "rowsStored",
        "import",
        "state",
        "problems",
        "generatedPasswords",
    ];
    let (id, rest) = order.split_last().expect("there are elements");
    assert_eq!(*id, "requestId", "{order:?}");
    assert!(rest == &declared[..rest.len()], "{order:?}");
    let message = response.element("message").expect("a message");
    assert_eq!(response.fault_text(), message);
    (response.rule(), message)
}

#[track_caller]
fn imported(server: &TestApp, file: &str) -> String {
    let response = call(server, "importUsers", &import(file, ""));
    text(&response, "importUsers", "id")
}

/// Returns the envelope and the file of a response in two parts.
#[track_caller]
fn two_parts(response: &Response) -> (String, String) {
    let content_type = response.header("content-type").expect("a media type");
    let parameter = |name: &str| {
        let (_, rest) = content_type.split_once(&format!("{name}=\"")).expect(name);
        rest.split('"').next().expect("a value").to_owned()
    };
    assert!(content_type.starts_with("multipart/related; "));
    assert_eq!(parameter("; type"), "application/xop+xml");
    let delimiter = format!("--{}\r\n", parameter("boundary"));
    let end = format!("\r\n--{}--\r\n", parameter("boundary"));
    let body = response
        .body
        .strip_prefix(&delimiter)
        .expect("a first part");
    let body = body.strip_suffix(&end).expect("a closing delimiter");
    let (root, file) = body
        .split_once(&format!("\r\n{delimiter}"))
        .expect("two parts");
    let (root_head, root) = root.split_once("\r\n\r\n").expect("a head");
    let (file_head, file) = file.split_once("\r\n\r\n").expect("a head");
    assert!(root_head.contains(&format!("Content-ID: {}", parameter("start"))));
    assert!(root_head.contains(&format!("type=\"{}\"", parameter("start-info"))));
    let (_, cid) = file_head.split_once("Content-ID: <").expect("a Content-ID");
    let href = format!("href=\"cid:{}\"", cid.trim_end_matches('>'));
    assert!(root.contains(&href), "{root}");
    (root.to_owned(), file.to_owned())
}

#[test]
fn report_is_returned_whatever_the_outcome_of_the_rows() {
    let server = TestApp::start();
    let response = call(&server, "importUsers", &import(MIXED, ""));
    assert_eq!(counters(&response, "importUsers"), [3, 2, 0, 0, 0, 1, 0]);
    let field = |name| text(&response, "importUsers", name);
    assert_eq!(field("state"), "completed");
    assert_eq!(field("domain"), "PRIMARY");
    assert_eq!(field("fileName"), "users.csv");
    assert_eq!(field("sha256").len(), 64);
    assert_eq!(field("conflict"), "skip");
    assert_eq!(field("kind"), "csv");
    assert_eq!(field("charset"), "UTF-8");
    assert_eq!(field("delimiter"), "comma");
    assert_eq!(field("problemsTotal"), "1");
    assert_eq!(
        ["line", "column", "severity", "code", "userName"].map(field),
        ["3", "username", "failed", "name-white-space", "lee ann"]
    );
    assert_eq!(server.user_names(), ["kim", "lou"]);
    assert!(server.has_password("kim", "Initial-Pass-1"));
    assert!(response.header("muster-import").is_some());
    // Rows that exist already do not cause a fault either.
    let again = call(&server, "importUsers", &import(MIXED, ""));
    assert_eq!(counters(&again, "importUsers"), [3, 0, 0, 0, 2, 1, 0]);
}

#[test]
fn every_operation_responds_in_both_soap_versions() {
    let server = TestApp::start();
    for version in [SOAP_11, SOAP_12] {
        let send = |operation: &str, content: &str| {
            let body = envelope(operation, content).replace(SOAP_11, version);
            let kind = match version {
                SOAP_11 => "text/xml",
                _ => "application/soap+xml",
            };
            let response = server.post_as(PATH, Some(&admin()), kind, &[], body.as_bytes());
            let expected = format!("{kind}; charset=utf-8");
            assert_eq!(response.header("content-type"), Some(expected.as_str()));
            assert!(response.body.contains(version), "{}", response.body);
            response
        };
        let preview = send("previewImport", &import(MIXED, ""));
        assert_eq!(counters(&preview, "previewImport"), [3, 2, 0, 0, 0, 1, 0]);
        assert_eq!(server.user_names(), [""; 0]);
        let done = send("importUsers", &import(MIXED, ""));
        let import = text(&done, "importUsers", "id");
        let record = send("getImport", &id(&import));
        assert_eq!(text(&record, "getImport", "state"), "completed");
        assert_eq!(text(&record, "getImport", "operator"), "admin");
        assert_eq!(text(&record, "getImport", "door"), "soap");
        assert_eq!(counters(&record, "getImport"), [3, 2, 0, 0, 0, 1, 0]);
        let page = send("listProblems", &id(&import));
        assert_eq!(text(&page, "listProblems", "code"), "name-white-space");
        let rejects = send("getRejectFile", &id(&import));
        assert_eq!(text(&rejects, "getRejectFile", "rows"), "1");
        let cancelled = send("cancelImport", &id(&import));
        assert_eq!(text(&cancelled, "cancelImport", "outcome"), "tooLate");
        assert_eq!(text(&cancelled, "cancelImport", "state"), "completed");
        let undone = send("undoImport", &id(&import));
        assert_eq!(text(&undone, "undoImport", "removed"), "2");
        let gone = send("undoImport", &id(&import));
        assert_eq!(fault(&gone).0, "IMP-IMPORT-UNDONE");
        assert_eq!(gone.status, if version == SOAP_11 { 500 } else { 400 });
    }
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn file_may_be_an_attachment_and_parameters_in_any_order() {
    let server = TestApp::start();
    let content = format!(
        "<x:idempotencyKey>k-1</x:idempotencyKey><x:fileName>users.csv</x:fileName><x:file>{}</x:file>\
         <x:conflict> update </x:conflict><x:domain>SALES</x:domain>\
         <x:defaultPassword>Initial-Pass-1</x:defaultPassword>",
        include("file@test")
    );
    for (start_info, translate) in [("text/xml", false), ("application/soap+xml", true)] {
        let mut root = envelope("importUsers", &content);
        if translate {
            root = in_soap_12(&root);
        }
        let head =
            format!("Content-Type: application/xop+xml; type=\"{start_info}\"\nContent-ID: <root>");
        let file = "Content-Type: text/csv\nContent-ID: <file@test>";
        let body = parts(&[(&head, &root), (file, MIXED)]);
        let related = RELATED.replace("text/xml", start_info);
        let response = server.post_as(PATH, Some(&admin()), &related, &[], body.as_bytes());
        assert_eq!(counters(&response, "importUsers"), [3, 2, 0, 0, 0, 1, 0]);
        assert_eq!(text(&response, "importUsers", "domain"), "SALES");
        assert_eq!(text(&response, "importUsers", "conflict"), "update");
    }
    // The second call repeats the first: it has the same key.
    let imports = server.app.store.imports(DEFAULT_ORGANIZATION, 10);
    assert_eq!(imports.expect("the store works").len(), 1);
}

#[test]
fn import_options_take_effect() {
    let server = TestApp::start();
    imported(&server, "username,password,country\nkim,,SE\nlou,,\n");
    let changed = "username,password,country\nkim,,NO\nlou,,FI\n";
    let run = |more: &str| {
        let response = call(&server, "importUsers", &import(changed, more));
        counters(&response, "importUsers")
    };
    assert_eq!(run("<x:conflict>skip</x:conflict>"), [2, 0, 0, 0, 2, 0, 0]);
    assert_eq!(run("<x:conflict>fail</x:conflict>"), [2, 0, 0, 0, 0, 2, 0]);
    let dry = "<x:conflict>update</x:conflict><x:dryRun>1</x:dryRun>";
    assert_eq!(run(dry), [2, 0, 2, 0, 0, 0, 0]);
    assert_eq!(run("<x:conflict>fill</x:conflict>"), [2, 0, 1, 1, 0, 0, 0]);
    assert_eq!(
        run("<x:conflict>update</x:conflict>"),
        [2, 0, 1, 1, 0, 0, 0]
    );

    let unclean = "<x:validateFirst>true</x:validateFirst>";
    let response = call(&server, "importUsers", &import(MIXED, unclean));
    let (code, sentence) = fault(&response);
    assert_eq!(code, "IMP-NOT-CLEAN");
    assert!(sentence.contains("1 rows have problems"), "{sentence}");
    assert_eq!(response.element("state").as_deref(), Some("failed"));
    let record = call(
        &server,
        "getImport",
        &id(&response.element("import").expect("an id")),
    );
    assert_eq!(text(&record, "getImport", "state"), "failed");
    assert!(text(&record, "getImport", "reason").contains("problems"));

    let stop = "<x:stopAfter>1</x:stopAfter>";
    let response = call(&server, "importUsers", &import(MIXED, stop));
    assert_eq!(fault(&response).0, "IMP-TOO-MANY-PROBLEMS");
    assert!(
        response.body.contains("<m:problem line=\"3\""),
        "{}",
        response.body
    );
}

#[test]
fn preview_shows_columns_and_rows_and_stores_nothing() {
    let server = TestApp::start();
    let file = "username,password,_note\nkim,Spring-Meadow-42,x\nlee ann,,y\n";
    let response = call(&server, "previewImport", &import(file, ""));
    let all = |name| texts(&response, "previewImport", name);
    assert_eq!(all("dryRun"), ["true"]);
    assert_eq!(all("name"), ["username", "password", "_note"]);
    assert_eq!(all("standsFor").len(), 2);
    assert_eq!(all("cell"), ["kim", "", "x", "lee ann", "", "y"]);
    assert!(!response.body.contains("Spring-Meadow-42"));
    assert_eq!(server.user_names(), [""; 0]);
    let unknown = call(&server, "getImport", &id(&all("id")[0]));
    assert_eq!(fault(&unknown).0, "IMP-IMPORT-UNKNOWN");
    // The key of a dry run is free for the import.
    for dry in ["true", "false", "true"] {
        let more = format!("<x:idempotencyKey>k</x:idempotencyKey><x:dryRun>{dry}</x:dryRun>");
        let response = call(&server, "importUsers", &import(file, &more));
        let made = server.users().len() as u64;
        let expected = match dry {
            "true" => [2, 1 - made, 0, 0, made, 1, 0],
            _ => [2, 1, 0, 0, 0, 1, 0],
        };
        assert_eq!(counters(&response, "importUsers"), expected, "{dry}");
    }
    // A preference that cannot be honored is ignored (RFC 7240 §2).
    let body = envelope("previewImport", &import(file, ""));
    let prefer = ["Prefer: respond-async"];
    let response = server.post_as(PATH, Some(&admin()), "text/xml", &prefer, body.as_bytes());
    assert_eq!(text(&response, "previewImport", "state"), "completed");
}

#[test]
fn invalid_parameters_are_refused_with_a_reason() {
    let server = TestApp::start();
    for (more, word) in [
        ("<x:dryRun>yes</x:dryRun>", "dryRun"),
        ("<x:dryRun/>", "dryRun"),
        ("<x:validateFirst>?</x:validateFirst>", "validateFirst"),
        ("<x:respondAsync>2</x:respondAsync>", "respondAsync"),
        ("<x:stopAfter>-1</x:stopAfter>", "stopAfter"),
        ("<x:stopAfter>0</x:stopAfter>", "1 or more"),
        (
            "<x:conflict>replace</x:conflict>",
            "skip, update, fill or fail",
        ),
        ("<x:conflict/>", "skip, update, fill or fail"),
        (
            "<x:handler/>",
            "Unknown parameter handler; importUsers has file, fileName,",
        ),
        ("<x:fileName>b.csv</x:fileName>", "occurs twice"),
    ] {
        let response = call(&server, "importUsers", &import(MIXED, more));
        let (code, sentence) = fault(&response);
        assert_eq!(code, "IMP-SOAP-PARAMETER", "{more}");
        assert!(sentence.contains(word), "{more}: {sentence}");
        assert!(
            response.body.contains("<faultcode>soapenv:Client<"),
            "{}",
            response.body
        );
    }
    let refused = |content: &str| fault(&call(&server, "importUsers", content));
    let nothing = "<x:fileName>users.csv</x:fileName>";
    let (code, sentence) = refused(nothing);
    assert_eq!(code, "IMP-HANDLER-ABSENT");
    assert!(
        sentence.contains("The parameter file is missing"),
        "{sentence}"
    );
    assert_eq!(
        refused(&format!("<x:file/>{nothing}")).0,
        "IMP-HANDLER-EMPTY"
    );
    let raw = format!("<x:file>kim,secret:,\n</x:file>{nothing}");
    assert!(
        refused(&raw)
            .1
            .starts_with("The file contains text that is neither")
    );
    assert_eq!(refused("<x:file>a2lt</x:file>").0, "IMP-FILE-NAME");
    assert_eq!(
        refused("<x:file>a2lt</x:file><x:fileName>a.txt</x:fileName>").0,
        "IMP-FILE-FORMAT"
    );
    let (code, _) = refused(&import(MIXED, "<x:domain>HR</x:domain>"));
    assert_eq!(code, "IMP-DOMAIN");
    let (code, sentence) = fault(&call(&server, "getImport", &id("4711")));
    assert_eq!(code, "IMP-SOAP-PARAMETER");
    assert!(sentence.contains("the id of an import"), "{sentence}");
    let (code, sentence) = fault(&call(&server, "bulkImportUsers", ""));
    assert_eq!(code, "IMP-SOAP-OPERATION");
    assert!(
        sentence.contains("importUsers, previewImport, getImport"),
        "{sentence}"
    );
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn problems_are_listed_in_pages() {
    let server = TestApp::start_with(|options| {
        options.app.import.keep_findings = 5;
        options.app.import.report_findings = 3;
    });
    let rows: String = (0..7).map(|number| format!("a {number},,\n")).collect();
    let import = imported(&server, &format!("username,password,country\n{rows}"));
    let page = |more: &str| call(&server, "listProblems", &format!("{}{more}", id(&import)));
    let lines = |more: &str| texts(&page(more), "listProblems", "line");
    assert_eq!(text(&page(""), "listProblems", "total"), "7");
    assert_eq!(text(&page(""), "listProblems", "kept"), "5");
    assert_eq!(lines(""), ["2", "3", "4"]);
    assert_eq!(lines("<x:skip>3</x:skip>"), ["5", "6"]);
    assert_eq!(lines("<x:limit>1</x:limit><x:skip>1</x:skip>"), ["3"]);
    assert_eq!(lines("<x:limit>0</x:limit>"), [""; 0]);
    let far = u64::MAX;
    assert_eq!(lines(&format!("<x:skip>{far}</x:skip>")), [""; 0]);
    assert_eq!(lines(&format!("<x:limit>{far}</x:limit>")).len(), 3);
    assert_eq!(fault(&page("<x:skip>-1</x:skip>")).0, "IMP-SOAP-PARAMETER");
}

#[test]
fn reject_file_is_returned_inline_or_attached_and_can_be_corrected_and_sent_again() {
    let server = TestApp::start();
    let import_id = imported(&server, MIXED);
    let inline = call(&server, "getRejectFile", &id(&import_id));
    let encoded = text(&inline, "getRejectFile", "file");
    let file = String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("UTF-8");
    assert!(file.starts_with("username,password,country,_line,_code,_message\r\n"));
    assert!(file.contains("lee ann,,NO,3,name-white-space,"), "{file}");
    assert!(!file.contains("Spring-Meadow-42"));
    assert_eq!(
        text(&inline, "getRejectFile", "fileName"),
        "users-rejects.csv"
    );

    let asked = format!("{}<x:asAttachment>true</x:asAttachment>", id(&import_id));
    let (root, attached) = two_parts(&call(&server, "getRejectFile", &asked));
    assert_eq!(attached, file);
    assert!(root.contains("<ns:rows>1</ns:rows>"), "{root}");

    // The response has the form of the request, unless a parameter says otherwise.
    let mtom = |content: &str| {
        let root = in_soap_12(&envelope("getRejectFile", content));
        let head =
            "Content-Type: application/xop+xml; type=\"application/soap+xml\"\nContent-ID: <root>";
        let related = RELATED.replace("text/xml", "application/soap+xml");
        let body = parts(&[(head, &root)]);
        server.post_as(PATH, Some(&admin()), &related, &[], body.as_bytes())
    };
    let response = mtom(&id(&import_id));
    let (root, attached) = two_parts(&response);
    assert_eq!(attached, file);
    assert!(root.contains(SOAP_12));
    let content_type = response.header("content-type").expect("a media type");
    assert!(content_type.contains("start-info=\"application/soap+xml\""));
    let response = mtom(&format!(
        "{}<x:asAttachment>false</x:asAttachment>",
        id(&import_id)
    ));
    assert_eq!(
        STANDARD
            .decode(text(&response, "getRejectFile", "file"))
            .expect("base64"),
        file.as_bytes()
    );

    let corrected = file.replace("lee ann", "lee.ann");
    let response = call(&server, "importUsers", &import(&corrected, ""));
    assert_eq!(counters(&response, "importUsers"), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(server.user_names(), ["kim", "lee.ann", "lou"]);
}

#[test]
fn large_reject_file_is_complete_inline_and_attached() {
    let server = TestApp::start();
    let padding = "x".repeat(400);
    let rows: String = (0..2_000).map(|n| format!("a {n},,{padding}\n")).collect();
    let import = imported(&server, &format!("username,password,country\n{rows}"));
    let inline = call(&server, "getRejectFile", &id(&import));
    let file = STANDARD
        .decode(text(&inline, "getRejectFile", "file"))
        .expect("base64");
    let asked = format!("{}<x:asAttachment>1</x:asAttachment>", id(&import));
    let (_, attached) = two_parts(&call(&server, "getRejectFile", &asked));
    assert!(file.len() > 800_000 && file == attached.as_bytes());
    assert_eq!(attached.lines().count(), 2_001);
}

#[test]
fn reused_key_with_another_default_password_is_refused() {
    let server = TestApp::start();
    for (number, file, more) in [
        (1, MIXED, ""),
        (2, "username,password\nmax,Spring-Meadow-42\n", ""),
        (
            3,
            "username,password\nzoe,\n",
            "<x:respondAsync>true</x:respondAsync>",
        ),
    ] {
        let send = |password: &str| {
            let password = match password {
                "" => String::new(),
                password => format!("<x:defaultPassword>{password}</x:defaultPassword>"),
            };
            let more = format!("{more}<x:idempotencyKey>p-{number}</x:idempotencyKey>");
            let message = import(file, &more).replace(
                "<x:defaultPassword>Initial-Pass-1</x:defaultPassword>",
                &password,
            );
            call(&server, "importUsers", &message)
        };
        let first = text(&send("First-Password-1"), "importUsers", "id");
        let end = Instant::now() + Duration::from_secs(20);
        while text(
            &call(&server, "getImport", &id(&first)),
            "getImport",
            "state",
        ) != "completed"
        {
            assert!(Instant::now() < end, "the import does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        for other in ["Second-Password-2", "first-password-1", ""] {
            let (code, message) = fault(&send(other));
            assert_eq!(code, "IMP-KEY-REUSED", "{number} {other:?}: {message}");
            assert!(!message.contains("Password-1"), "{message}");
        }
        assert_eq!(text(&send("First-Password-1"), "importUsers", "id"), first);
    }
}

#[test]
fn queued_import_can_be_polled_until_it_has_completed() {
    let server = TestApp::start();
    let more = "<x:respondAsync>true</x:respondAsync><x:idempotencyKey>k-9</x:idempotencyKey>";
    let response = call(&server, "importUsers", &import(MIXED, more));
    assert_eq!(text(&response, "importUsers", "state"), "queued");
    let import_id = text(&response, "importUsers", "id");
    let end = Instant::now() + Duration::from_secs(20);
    let record = loop {
        let record = call(&server, "getImport", &id(&import_id));
        if text(&record, "getImport", "state") == "completed" {
            break record;
        }
        assert!(Instant::now() < end, "{}", record.body);
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(counters(&record, "getImport"), [3, 2, 0, 0, 0, 1, 0]);
    assert_eq!(text(&record, "getImport", "idempotencyKey"), "k-9");
    assert!(text(&record, "getImport", "finishedAt").ends_with('Z'));
    // A repeated call returns the same import.
    let again = call(
        &server,
        "importUsers",
        &import(MIXED, "<x:idempotencyKey>k-9</x:idempotencyKey>"),
    );
    assert_eq!(text(&again, "importUsers", "id"), import_id);
    let other = import(
        "username,password,country\nzoe,,\n",
        "<x:idempotencyKey>k-9</x:idempotencyKey>",
    );
    assert_eq!(
        fault(&call(&server, "importUsers", &other)).0,
        "IMP-KEY-REUSED"
    );
    let dry = import(
        MIXED,
        "<x:respondAsync>true</x:respondAsync><x:dryRun>true</x:dryRun>",
    );
    assert_eq!(fault(&call(&server, "importUsers", &dry)).0, "IMP-QUEUE");
}

/// A server that runs one queued import at a time, and needs some seconds for a thousand passwords.
fn busy() -> TestApp {
    TestApp::start_with(|options: &mut Options| {
        options.app.import.workers = 1;
        options.app.passwords.passes = 3;
        options.app.passwords.memory_kib = 7 * 1024;
    })
}

#[test]
fn import_can_be_cancelled_while_queued_and_while_running() {
    let server = busy();
    let rows: String = (0..1_000)
        .map(|n| format!("u{n},Spring-Meadow-{n},\n"))
        .collect();
    let slow = format!("username,password,country\n{rows}");
    let more = "<x:respondAsync>true</x:respondAsync>";
    let first = call(&server, "importUsers", &import(&slow, more));
    let first = text(&first, "importUsers", "id");
    let second = call(&server, "importUsers", &import(MIXED, more));
    let second = text(&second, "importUsers", "id");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let record = call(&server, "getImport", &id(&first));
        if text(&record, "getImport", "state") == "running"
            && !texts(&record, "getImport", "rowsPerSecond").is_empty()
        {
            break;
        }
        assert!(Instant::now() < end, "{}", record.body);
        std::thread::sleep(Duration::from_millis(20));
    }
    let running = fault(&call(&server, "undoImport", &id(&first)));
    assert_eq!(running.0, "IMP-IMPORT-RUNNING");
    let cancelled = call(&server, "cancelImport", &id(&second));
    assert_eq!(text(&cancelled, "cancelImport", "outcome"), "beforeItBegan");
    assert_eq!(text(&cancelled, "cancelImport", "state"), "cancelled");
    let asked = call(&server, "cancelImport", &id(&first));
    assert_eq!(text(&asked, "cancelImport", "outcome"), "asked");
    let end = Instant::now() + Duration::from_secs(60);
    while server.last_import().is_none_or(|_| {
        let record = call(&server, "getImport", &id(&first));
        text(&record, "getImport", "state") != ImportState::Cancelled.as_str()
    }) {
        assert!(Instant::now() < end, "it was not cancelled");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn undo_leaves_users_changed_since_the_import() {
    let server = TestApp::start();
    let first = imported(&server, "username,password,country\nkim,,SE\nlou,,SE\n");
    let more = "<x:conflict>update</x:conflict>";
    let changed = import("username,password,country\nkim,,NO\n", more);
    let second = call(&server, "importUsers", &changed);
    let second = text(&second, "importUsers", "id");
    let undone = call(&server, "undoImport", &id(&first));
    let field = |name| text(&undone, "undoImport", name);
    assert_eq!(
        ["removed", "restored", "leftTotal"].map(field),
        ["1", "0", "1"]
    );
    assert_eq!(
        ["userName", "reason"].map(field),
        ["kim", "changed since the import"]
    );
    let undone = call(&server, "undoImport", &id(&second));
    assert_eq!(text(&undone, "undoImport", "restored"), "1");
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn access_is_limited_by_role_and_organization() {
    let server = TestApp::start();
    let import_id = imported(&server, MIXED);
    for (name, role) in [("importer", Role::Import), ("reader", Role::Read)] {
        server.add_operator(name, role);
    }
    server.add_organization("elsewhere");
    server.add_operator_of("elsewhere", "stranger", Role::Admin);
    let as_caller = |name: &str, operation: &str| {
        let content = match operation {
            "importUsers" | "previewImport" => import(MIXED, ""),
            _ => id(&import_id),
        };
        call_as(&server, &basic(name, ADMIN_PASSWORD), operation, &content)
    };
    for reading in ["getImport", "listProblems", "getRejectFile"] {
        for name in ["reader", "importer"] {
            assert_eq!(as_caller(name, reading).status, 200, "{name} {reading}");
        }
        let (code, _) = fault(&as_caller("stranger", reading));
        assert_eq!(code, "IMP-IMPORT-UNKNOWN", "{reading}");
    }
    for changing in ["importUsers", "previewImport", "cancelImport", "undoImport"] {
        let response = as_caller("reader", changing);
        assert_eq!(fault(&response).0, "IMP-ACCESS-RIGHT", "{changing}");
        assert!(
            response.body.contains("<faultcode>soapenv:Client<"),
            "{}",
            response.body
        );
    }
    for changing in ["cancelImport", "undoImport"] {
        assert_eq!(
            fault(&as_caller("stranger", changing)).0,
            "IMP-IMPORT-UNKNOWN"
        );
        let (code, sentence) = fault(&as_caller("importer", changing));
        assert_eq!(code, "IMP-ACCESS-RIGHT");
        assert!(
            sentence.contains("belongs to another operator"),
            "{sentence}"
        );
    }
    assert_eq!(server.users().len(), 2);
    let own = as_caller("importer", "importUsers");
    let own = id(&text(&own, "importUsers", "id"));
    let importer = basic("importer", ADMIN_PASSWORD);
    let undone = call_as(&server, &importer, "undoImport", &own);
    assert_eq!(text(&undone, "undoImport", "removed"), "0");

    let wrong = call_as(&server, &basic("admin", "no"), "getImport", &id(&import_id));
    assert_eq!(fault(&wrong).0, "IMP-ACCESS-CREDENTIALS");
    let body = envelope("getImport", &id(&import_id));
    let unauthenticated = server.post_as(PATH, None, "text/xml", &[], body.as_bytes());
    assert_eq!(unauthenticated.status, 401);
}

#[test]
fn ws_addressing_responses_have_the_declared_actions() {
    let server = TestApp::start();
    let import_id = imported(&server, MIXED);
    let ask = |id_of_it: &str| {
        let header = "<e:Header><wsa:MessageID xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">m-1\
                      </wsa:MessageID></e:Header><e:Body>";
        let body = envelope("getImport", &id(id_of_it)).replace("<e:Body>", header);
        server.post_as(PATH, Some(&admin()), "text/xml", &[], body.as_bytes())
    };
    let action = |response: &Response| response.element("Action").expect("an action");
    let response = ask(&import_id);
    assert_eq!(
        action(&response),
        format!("{USER_IMPORT}:getImportResponse")
    );
    assert_eq!(response.element("RelatesTo").as_deref(), Some("m-1"));
    let unknown = ask("01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f");
    assert_eq!(action(&unknown), format!("{USER_IMPORT}:getImportFault"));
}

/// The parameters of an import without a default password.
fn without_default(file: &str, more: &str) -> String {
    let file = base64(file);
    format!("<x:file>{file}</x:file><x:fileName>users.csv</x:fileName>{more}")
}

/// Returns user name and password of each line after the header.
fn passwords_of(csv: &str) -> Vec<(String, String)> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("userName,password"));
    let pair = |line: &str| {
        let (name, password) = line.split_once(',').expect("two cells");
        (name.to_owned(), password.to_owned())
    };
    lines.map(pair).collect()
}

#[test]
fn generated_passwords_are_reported_once() {
    let server = TestApp::start();
    let file = "username,password\nkim,\nlee,Spring-Meadow-42\nb ob,\n";
    let more = "<generatePasswords>true</generatePasswords>";
    let response = call(&server, "importUsers", &without_default(file, more));
    let passwords = passwords_of(&text(&response, "importUsers", "generatedPasswords"));
    assert_eq!(
        passwords.len(),
        1,
        "only those of users created without one"
    );
    let (name, password) = &passwords[0];
    assert_eq!(name, "kim");
    assert!(server.has_password("kim", password) && password.len() == 20);
    let kim = &server.users()[0];
    assert!(kim.must_change_password);
    let record = call(
        &server,
        "getImport",
        &id(&text(&response, "importUsers", "id")),
    );
    assert!(
        !record.body.contains(password.as_str()),
        "reported only once"
    );

    let again = call(&server, "importUsers", &without_default(file, more));
    assert!(!again.body.contains("generatedPasswords"), "{}", again.body);
    let with_key = format!("{more}<idempotencyKey>k</idempotencyKey>");
    let refused = call(&server, "importUsers", &without_default(file, &with_key));
    assert_eq!(fault(&refused).0, "IMP-KEY");
    let both = format!("{more}<defaultPassword>Initial-Pass-1</defaultPassword>");
    let refused = call(&server, "importUsers", &without_default(file, &both));
    assert_eq!(fault(&refused).0, "IMP-SOAP-PARAMETER");
    let waits = format!("{more}<respondAsync>true</respondAsync>");
    let refused = call(&server, "importUsers", &without_default(file, &waits));
    assert_eq!(fault(&refused).0, "IMP-QUEUE");
}

#[test]
fn generated_passwords_of_an_import_that_ended_early_are_reported_too() {
    let server = TestApp::start_with(|options| {
        options.app.import.first_batch_users = 1;
        options.app.import.batch_users = 1;
    });
    let file = "username,password\nkim,\nlee,\nb ob,\nzoe,\n";
    let more = "<generatePasswords>true</generatePasswords><stopAfter>1</stopAfter>";
    let response = call(&server, "importUsers", &without_default(file, more));
    assert_eq!(fault(&response).0, "IMP-TOO-MANY-PROBLEMS");
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let csv = document
        .descendants()
        .find(|it| it.tag_name().name() == "generatedPasswords")
        .and_then(|it| it.text())
        .expect("passwords");
    let passwords = passwords_of(csv);
    assert_eq!(passwords.len(), 2);
    for (name, password) in passwords {
        assert!(server.has_password(&name, &password), "{name}");
    }
}

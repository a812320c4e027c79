//! REST: imports as resources, their events, and the OpenAPI document, checked against all answers.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use muster::http::rest::routes::{ROUTES, Route};
use muster::users::channel::Channel;
use muster::users::import_record::ImportState;
use muster::users::operator::Role;
use muster::users::problem::Severity;
use serde_json::{Value, json};

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic};
use crate::message::{FORM, form};

const IMPORTS: &str = "/api/v1/imports";

const PASSWORD: &str = "Initial-Pass-1";

/// One valid row, its duplicate, and one that breaks a rule.
const FILE: &str = "UserName,Password,Claims\nkim,,\nkim,,\n\"b ob\",Own-Secret-99,\n";

fn post_form(server: &TestApp, path: &str, headers: &[&str], fields: &[(&str, &str)]) -> Response {
    server.post_as(path, Some(&admin()), FORM, headers, form(fields).as_bytes())
}

/// Imports `file` with the default password.
fn import(server: &TestApp, headers: &[&str], file: &str) -> Response {
    let fields = [("defaultPassword", PASSWORD), ("file|users.csv", file)];
    post_form(server, IMPORTS, headers, &fields)
}

/// Imports `file` as the body itself.
fn raw(server: &TestApp, query: &str, headers: &[&str], file: &[u8]) -> Response {
    let password = format!("Muster-Default-Password: {PASSWORD}");
    let headers = [headers, &[password.as_str()]].concat();
    let path = format!("{IMPORTS}{query}");
    server.post_as(&path, Some(&admin()), "text/csv", &headers, file)
}

/// Calls with credentials and no body; chunks of the answer are joined.
fn call(server: &TestApp, method: &str, path: &str, authorization: &str) -> Response {
    call_with(
        server,
        method,
        path,
        &[&format!("Authorization: {authorization}")],
    )
}

fn call_with(server: &TestApp, method: &str, path: &str, headers: &[&str]) -> Response {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    let mut response = server.send(request.as_bytes());
    if response.header("transfer-encoding") == Some("chunked") {
        response.body = whole(&response.body).expect("the last chunk");
    }
    response
}

/// The content of chunks (RFC 9112 §7.1); `None` without the last chunk.
fn whole(chunks: &str) -> Option<String> {
    let (mut rest, mut content) = (chunks, String::new());
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(content);
        }
        content.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
}

/// Gets this path as the operator admin.
pub fn get(server: &TestApp, path: &str) -> Response {
    call(server, "GET", path, &admin())
}

fn json(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("no JSON: {response:?}"))
}

/// Asserts that the answer is a problem, and returns its status and code.
fn problem(response: &Response) -> (u16, String) {
    let media_type = response.header("content-type");
    assert_eq!(media_type, Some("application/problem+json"), "{response:?}");
    let body = json(response);
    assert_eq!(body["status"], response.status, "{body}");
    (response.status, body["code"].as_str().unwrap().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn id_of(response: &Response) -> String {
    let body = json(response);
    let id = body.get("import").or(body.get("id")).unwrap();
    id.as_str().unwrap().to_owned()
}

/// Waits for the end of an import and returns its record.
fn ended(server: &TestApp, id: &str) -> Value {
    let start = Instant::now();
    loop {
        let record = json(&get(server, &format!("{IMPORTS}/{id}")));
        if record["finishedAt"] != Value::Null {
            return record;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{record}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_form_is_imported_and_its_report_has_the_result_of_each_row() {
    let server = TestApp::start();
    let response = import(&server, &[], FILE);
    assert_eq!(response.status, 201, "{}", response.body);
    let id = id_of(&response);
    let location = format!("{IMPORTS}/{id}");
    assert_eq!(response.header("location"), Some(location.as_str()));
    let report = json(&response);
    let counted = ["total", "created", "duplicate", "failed"].map(|name| report[name].as_u64());
    assert_eq!(counted, [Some(3), Some(1), Some(1), Some(1)]);
    assert!(!response.body.contains("Own-Secret-99"));
    assert_eq!(server.user_names(), ["kim"]);
    assert!(server.has_password("kim", PASSWORD));

    let record = json(&get(&server, &location));
    assert_eq!(
        (&record["door"], &record["state"]),
        (&json!("rest"), &json!("completed"))
    );
    let problems = format!("{location}/problems");
    let first = json(&get(&server, &format!("{problems}?limit=1")));
    assert_eq!((&first["total"], &first["next"]), (&json!(2), &json!(1)));
    let second = json(&get(&server, &format!("{problems}?limit=1&skip=1")));
    assert_eq!(
        (
            second["problems"].as_array().unwrap().len(),
            second.get("next")
        ),
        (1, None)
    );

    let rejects = get(&server, &format!("{location}/rejects"));
    let attachment = format!("attachment; filename=\"rejects-{id}.csv\"");
    assert_eq!(
        rejects.header("content-disposition"),
        Some(attachment.as_str())
    );
    assert!(
        rejects
            .body
            .starts_with("UserName,Password,Claims,_line,_code,_message\r\n")
    );
    assert!(rejects.body.contains("b ob,,") && !rejects.body.contains("Own-Secret"));
    let mended = rejects.body.replace("b ob", "bob");
    let again = import(&server, &[], &mended);
    assert_eq!(json(&again)["created"], 1, "{}", again.body);
    assert_eq!(server.user_names(), ["bob", "kim"]);
}

#[test]
fn fields_may_follow_the_file() {
    let server = TestApp::start();
    let fields = [
        ("file|users.csv", FILE),
        ("dryRun", "true"),
        ("defaultPassword", PASSWORD),
    ];
    let response = post_form(&server, IMPORTS, &[], &fields);
    assert_eq!(
        (response.status, response.header("location")),
        (200, None),
        "{}",
        response.body
    );
    let report = json(&response);
    assert_eq!(
        (&report["created"], &report["options"]["dryRun"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(server.user_names(), [""; 0]);

    let fields = [("file|users.csv", FILE), ("defaultPassword", PASSWORD)];
    let response = post_form(&server, "/api/v1/imports/preview", &[], &fields);
    let preview = &json(&response)["preview"];
    assert_eq!(
        preview["columns"][0]["standsFor"], "userName",
        "{}",
        response.body
    );
    assert_eq!(preview["rows"][2]["cells"], json!(["b ob", "", ""]));
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn the_file_may_be_the_body_and_compressed() {
    let server = TestApp::start();
    let response = raw(
        &server,
        "?domain=sales&fileName=a.csv",
        &[],
        FILE.as_bytes(),
    );
    assert_eq!(response.status, 201, "{}", response.body);
    let report = json(&response);
    assert_eq!(
        (&report["domain"], &report["fileName"]),
        (&json!("SALES"), &json!("a.csv"))
    );
    assert!(server.has_password("SALES/kim", PASSWORD));

    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed
        .write_all(b"UserName,Password,Claims\nlee,,\n")
        .unwrap();
    let packed = packed.finish().unwrap();
    let response = raw(
        &server,
        "?conflict=fail",
        &["Content-Encoding: gzip"],
        &packed,
    );
    assert_eq!(json(&response)["created"], 1, "{}", response.body);
    let failed = raw(
        &server,
        "?conflict=fail",
        &["Content-Encoding: gzip"],
        &packed,
    );
    assert_eq!((failed.status, &json(&failed)["failed"]), (201, &json!(1)));

    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["username", "password"]).unwrap();
    sheet.write_row(1, 0, ["max", "Spring-Meadow-42"]).unwrap();
    let book = book.save_to_buffer().unwrap();
    let media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let response = server.post_as(IMPORTS, Some(&admin()), media_type, &[], &book);
    assert_eq!(json(&response)["file"]["kind"], "xlsx", "{}", response.body);
    assert!(server.has_password("max", "Spring-Meadow-42"));
}

#[test]
fn invalid_parameters_are_refused_by_name_and_store_nothing() {
    let server = TestApp::start();
    let file = ("file|users.csv", FILE);
    let long = "x".repeat(100_000);
    type Fields<'f> = Vec<(&'f str, &'f str)>;
    let cases: Vec<(Fields<'_>, &str, &str)> = vec![
        (
            vec![("defaultPassword", PASSWORD)],
            "IMP-FILE-MISSING",
            "`file`",
        ),
        (vec![], "IMP-FILE-MISSING", "`file`"),
        (vec![file, file], "IMP-PARAMETER", "\"file\" occurs twice"),
        (
            vec![("domain", "A"), ("domain", "B"), file],
            "IMP-PARAMETER",
            "\"domain\" occurs twice",
        ),
        (
            vec![("dry-run", "true"), file],
            "IMP-PARAMETER",
            "\"dry-run\"",
        ),
        (vec![file, ("colour", "red")], "IMP-PARAMETER", "\"colour\""),
        (
            vec![("dryRun", "yes"), file],
            "IMP-PARAMETER",
            "true or false",
        ),
        (
            vec![("conflict", "merge"), file],
            "IMP-PARAMETER",
            "skip, update, fill or fail",
        ),
        (
            vec![file, ("stopAfter", "-3")],
            "IMP-PARAMETER",
            "stopAfter",
        ),
        (
            vec![("domain", "nowhere"), file],
            "IMP-DOMAIN",
            "\"nowhere\"",
        ),
        (vec![("domain", &long), file], "IMP-FIELD", "8192"),
        (vec![("domain", "\u{0}"), file], "IMP-DOMAIN", "domain"),
        (
            vec![("file|users.docx", FILE)],
            "IMP-FILE-FORMAT",
            "users.docx",
        ),
        (
            vec![("fileName", "a.pdf"), file],
            "IMP-FILE-FORMAT",
            "a.pdf",
        ),
        (
            vec![(long.as_str(), "x"), file],
            "IMP-MIME-HEADER",
            "too long",
        ),
    ];
    for (fields, code, expected) in cases {
        let response = post_form(&server, IMPORTS, &[], &fields);
        assert_eq!(problem(&response), refused(400, code), "{}", response.body);
        let detail = json(&response)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expected), "{expected}: {detail}");
    }
    let empty = post_form(&server, IMPORTS, &[], &[("file|users.csv", "")]);
    assert_eq!(problem(&empty), refused(422, "IMP-FILE-EMPTY"));
    let pdf = post_form(&server, IMPORTS, &[], &[("file|users.csv", "%PDF-1.7")]);
    assert_eq!(problem(&pdf), refused(422, "IMP-FILE-FORMAT"));
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn unknown_media_types_queries_and_addresses_are_refused() {
    let server = TestApp::start();
    let send = |path: &str, media_type: &str, headers: &[&str]| {
        let response = server.post_as(path, Some(&admin()), media_type, headers, FILE.as_bytes());
        problem(&response)
    };
    for media_type in [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "x",
    ] {
        assert_eq!(
            send(IMPORTS, media_type, &[]),
            refused(415, "IMP-MEDIA-TYPE"),
            "{media_type}"
        );
    }
    let no_boundary = send(IMPORTS, "multipart/form-data", &[]);
    assert_eq!(no_boundary, refused(400, "IMP-MIME-BOUNDARY"));
    let other_boundary = send(IMPORTS, "multipart/form-data; boundary=other", &[]);
    assert_eq!(other_boundary, refused(400, "IMP-MIME-BOUNDARY"));
    let encoded = send(IMPORTS, "text/csv", &["Content-Encoding: br"]);
    assert_eq!(encoded, refused(415, "IMP-HTTP-ENCODING"));
    let odd = send(IMPORTS, "text/csv", &["Expect: magic"]);
    assert_eq!(odd, refused(417, "IMP-HTTP-EXPECT"));
    let mixed = send("/api/v1/imports?domain=SALES", FORM, &[]);
    assert_eq!(mixed, refused(400, "IMP-PARAMETER"));
    let secret = server.post_as(
        "/api/v1/imports?defaultPassword=Hidden-Word-7",
        Some(&admin()),
        "text/csv",
        &[],
        FILE.as_bytes(),
    );
    assert_eq!(problem(&secret), refused(400, "IMP-PARAMETER"));
    assert!(!secret.body.contains("Hidden-Word-7"));

    for path in [
        "/api/v1/imports?page=2",
        "/api/v1/imports?limit=0",
        "/api/v1/imports?cursor=x",
    ] {
        assert_eq!(
            problem(&get(&server, path)),
            refused(400, "IMP-PARAMETER"),
            "{path}"
        );
    }
    let id = id_of(&import(&server, &[], FILE));
    let braced = format!("/api/v1/imports/%7B{id}%7D");
    for path in [
        "/api/v1/imports/x",
        "/api/v1/imports/..%2f..%2fetc",
        &braced,
    ] {
        assert_eq!(
            problem(&get(&server, path)),
            refused(404, "IMP-IMPORT-UNKNOWN"),
            "{path}"
        );
    }
    for path in [
        "/api/v1/imports/",
        "/api/v1",
        "/api",
        "/api/v2/imports",
        "/api/v1/users",
    ] {
        assert_eq!(
            problem(&get(&server, path)),
            refused(404, "IMP-HTTP-NOT-FOUND"),
            "{path}"
        );
    }
    let other = call(&server, "DELETE", "/api/v1/imports", &admin());
    assert_eq!(problem(&other), refused(405, "IMP-HTTP-METHOD"));
    assert_eq!(other.header("allow"), Some("POST, GET"));
    let preview = get(&server, "/api/v1/imports/preview");
    assert_eq!(
        (preview.status, preview.header("allow")),
        (405, Some("POST"))
    );
}

#[test]
fn a_file_name_is_only_a_label() {
    let server = TestApp::start();
    let fields = [
        ("defaultPassword", PASSWORD),
        ("file|../../etc/passwd.csv", FILE),
    ];
    let response = post_form(&server, IMPORTS, &[], &fields);
    assert_eq!(
        json(&response)["fileName"],
        "passwd.csv",
        "{}",
        response.body
    );
}

#[test]
fn a_truncated_upload_is_never_accepted_as_complete() {
    let server = TestApp::start();
    let whole = form(&[("defaultPassword", PASSWORD), ("file|users.csv", FILE)]);
    let cut = whole.strip_suffix("--b--\r\n").unwrap();
    let response = server.post_as(IMPORTS, Some(&admin()), FORM, &[], cut.as_bytes());
    assert_eq!(problem(&response), refused(400, "IMP-MIME-TRUNCATED"));
    // A complete form, but shorter than its `Content-Length`.
    let short = |media_type: &str, body: &str| {
        let head = format!(
            "POST {IMPORTS} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: {media_type}\
             \r\nContent-Length: {}\r\n\r\n",
            admin(),
            body.len() + 10
        );
        let mut stream = server.connect();
        stream
            .write_all(&[head.as_bytes(), body.as_bytes()].concat())
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    for (media_type, body) in [(FORM, whole.as_str()), ("text/csv", FILE)] {
        let answer = short(media_type, body);
        assert!(
            answer.is_empty() || answer.contains("IMP-HTTP-TRUNCATED"),
            "{answer}"
        );
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(server.user_names(), [""; 0], "{media_type}");
    }
    let record = server.last_import().unwrap();
    assert_eq!(record.state.as_str(), "interrupted");
    let nested = server.post_as(IMPORTS, Some(&admin()), FORM, &[], b"--b\r\nX");
    assert_eq!(problem(&nested).0, 400);
}

#[test]
fn bodies_that_are_too_large_are_refused_before_they_are_sent() {
    let server = TestApp::start_with(|options| {
        options.http.body_limit_bytes = 2_000;
        options.app.spool_limit = 500;
    });
    let large = FILE.repeat(100);
    let response = raw(&server, "", &[], large.as_bytes());
    assert_eq!(problem(&response), refused(413, "IMP-HTTP-TOO-LARGE"));
    let response = import(&server, &[], &FILE.repeat(12));
    assert_eq!(problem(&response), refused(413, "IMP-SPOOL-FULL"));

    let ask = |authorization: &str, length: usize| {
        let mut stream = server.connect();
        let head = format!(
            "POST {IMPORTS} HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\nContent-Type: \
             text/csv\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        String::from_utf8_lossy(&first).into_owned()
    };
    assert_eq!(ask(&admin(), 1_000), "HTTP/1.1 100");
    assert_eq!(ask(&admin(), 3_000), "HTTP/1.1 413");
    assert_eq!(ask(&basic("admin", "wrong"), 1_000), "HTTP/1.1 401");
}

#[test]
fn a_key_makes_a_call_safe_to_repeat() {
    let server = TestApp::start();
    let key = ["Idempotency-Key: \"monday\""];
    let first = import(&server, &key, FILE);
    let again = import(&server, &key, FILE);
    assert_eq!((first.status, again.status), (201, 200), "{}", again.body);
    assert_eq!(id_of(&first), id_of(&again));
    assert_eq!(json(&again)["created"], 1);
    let other = import(&server, &key, "UserName,Password,Claims\nlee,,\n");
    assert_eq!(problem(&other), refused(422, "IMP-KEY-REUSED"));
    assert_eq!(json(&other)["id"], json!(id_of(&first)));
    let empty = import(&server, &["Idempotency-Key: \"\""], FILE);
    assert_eq!(problem(&empty), refused(400, "IMP-KEY"));
    let undone = call(
        &server,
        "POST",
        &format!("{IMPORTS}/{}/undo", id_of(&first)),
        &admin(),
    );
    assert_eq!(json(&undone)["removed"], 1, "{}", undone.body);
    assert_eq!(
        problem(&import(&server, &key, FILE)),
        refused(409, "IMP-EARLIER-CALL")
    );
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn validate_first_and_stop_after_end_an_import_with_their_own_problems() {
    let server = TestApp::start();
    let clean = raw(&server, "?validateFirst=true", &[], FILE.as_bytes());
    assert_eq!(problem(&clean), refused(422, "IMP-NOT-CLEAN"));
    let body = json(&clean);
    assert_eq!(
        (&body["report"]["failed"], &body["report"]["created"]),
        (&json!(1), &json!(0))
    );
    let bad = "UserName,Password,Claims\na b,,\nc d,,\ne,,\n";
    let stopped = raw(&server, "?stopAfter=1", &[], bad.as_bytes());
    assert_eq!(problem(&stopped), refused(422, "IMP-TOO-MANY-PROBLEMS"));
    let id = id_of(&stopped);
    let cancel = call(&server, "POST", &format!("{IMPORTS}/{id}/cancel"), &admin());
    assert_eq!(problem(&cancel), refused(409, "IMP-IMPORT-ENDED"));
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn each_operation_requires_its_role_and_organizations_see_only_their_own_imports() {
    let server = TestApp::start();
    let id = id_of(&import(&server, &[], FILE));
    server.add_operator("reader", Role::Read);
    server.add_operator("importer", Role::Import);
    server.add_organization("elsewhere");
    server.add_operator_of("elsewhere", "stranger", Role::Admin);
    for route in &ROUTES {
        let path = route.path.replace("{id}", &id);
        let method = route.method.as_str();
        let status = |authorization: &str| {
            let response = call(&server, method, &path, authorization);
            (response.status, response.body)
        };
        let Some(right) = route.right else { continue };
        for (name, role) in [("reader", Role::Read), ("importer", Role::Import)] {
            let (found, body) = status(&basic(name, ADMIN_PASSWORD));
            // The import belongs to an administrator: only administrators may cancel or undo it.
            let anothers = path.ends_with("/cancel") || path.ends_with("/undo");
            assert_eq!(
                found == 403,
                !role.includes(right) || anothers,
                "{method} {path} as {name}: {body}"
            );
        }
        assert_eq!(status(&basic("admin", "wrong")).0, 401, "{path}");
        assert_eq!(status("Bearer x").0, 401, "{path}");
        assert_eq!(call_with(&server, method, &path, &[]).status, 401, "{path}");
        if route.path.contains("{id}") {
            let (found, body) = status(&basic("stranger", ADMIN_PASSWORD));
            assert_eq!(found, 404, "{method} {path}: {body}");
        }
    }
    let others = call(&server, "GET", IMPORTS, &basic("stranger", ADMIN_PASSWORD));
    assert_eq!(json(&others), json!({ "imports": [] }));
    let anonymous = call_with(&server, "GET", IMPORTS, &[]);
    let challenge = anonymous.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic "), "{challenge}");
}

#[test]
fn a_page_of_another_site_cannot_start_an_import() {
    let server = TestApp::start();
    let login = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><login \
        xmlns=\"http://authentication.services.core.carbon.wso2.org\"><username>admin</username>\
        <password>correct horse battery staple</password><remoteAddress>x</remoteAddress></login>\
        </e:Body></e:Envelope>";
    let path = "/services/AuthenticationAdmin";
    let response = server.post_as(path, None, "text/xml", &[], login.as_bytes());
    let cookie = response.header("set-cookie").expect("a session");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let fields = form(&[("defaultPassword", PASSWORD), ("file|users.csv", FILE)]);
    let send = |authorization: Option<&str>, headers: &[&str]| {
        server.post_as(IMPORTS, authorization, FORM, headers, fields.as_bytes())
    };
    let own = "Muster-Request: 1";
    let admin = admin();
    for (authorization, headers) in [
        (None, vec![cookie.as_str()]),
        (None, vec![&cookie, own, "Sec-Fetch-Site: cross-site"]),
        (None, vec![&cookie, own, "Origin: https://evil.example"]),
        (Some(admin.as_str()), vec!["Sec-Fetch-Site: same-site"]),
        (Some(admin.as_str()), vec!["Origin: null"]),
    ] {
        let response = send(authorization, &headers);
        assert_eq!(
            problem(&response),
            refused(403, "IMP-CROSS-SITE"),
            "{headers:?}"
        );
    }
    assert_eq!(server.user_names(), [""; 0]);
    let same = send(
        None,
        &[
            &cookie,
            own,
            "Origin: http://test",
            "Sec-Fetch-Site: same-origin",
        ],
    );
    assert_eq!(same.status, 201, "{}", same.body);
    let list = call_with(&server, "GET", IMPORTS, &[&cookie]);
    assert_eq!(list.status, 200, "{}", list.body);
}

#[test]
fn an_import_may_be_queued_and_its_events_report_the_end() {
    let server = TestApp::start();
    let response = import(&server, &["Prefer: respond-async"], FILE);
    assert_eq!(response.status, 202, "{}", response.body);
    assert_eq!(response.header("preference-applied"), Some("respond-async"));
    assert_eq!(json(&response)["state"], "queued");
    let id = id_of(&response);
    let events = get(&server, &format!("{IMPORTS}/{id}/events"));
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let last = events.body.trim_end().rsplit("\n\n").next().unwrap();
    let lines: Vec<&str> = last.lines().collect();
    assert_eq!(&lines[..2], ["event: end", "id: end"], "{}", events.body);
    let record: Value = serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        (&record["state"], &record["created"]),
        (&json!("completed"), &json!(1))
    );
    let authorization = format!("Authorization: {}", admin());
    let path = format!("{IMPORTS}/{id}/events");
    let again = call_with(
        &server,
        "GET",
        &path,
        &[&authorization, "Last-Event-ID: end"],
    );
    assert_eq!((again.status, again.body.as_str()), (204, ""));

    let fields = [
        ("file|users.csv", FILE),
        ("dryRun", "true"),
        ("defaultPassword", PASSWORD),
    ];
    let dry = post_form(&server, IMPORTS, &["Prefer: respond-async"], &fields);
    assert_eq!(dry.status, 200, "a preference may be ignored: {}", dry.body);
}

/// A connection with the beginning of an upload; the caller sends the rest.
fn begin_upload(server: &TestApp, headers: &str, length: usize, rows: &str) -> TcpStream {
    let head = format!(
        "POST {IMPORTS} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: text/csv\r\n\
         Muster-Default-Password: {PASSWORD}\r\n{headers}Content-Length: {length}\r\n\r\n",
        admin()
    );
    let mut stream = server.connect();
    stream
        .write_all(&[head.as_bytes(), rows.as_bytes()].concat())
        .unwrap();
    stream
}

/// Waits for a running import and returns its record.
fn running(server: &TestApp) -> Value {
    let start = Instant::now();
    loop {
        let list = json(&get(server, IMPORTS));
        let running = |import: &&Value| import["state"] == "running" && import["created"] != 0;
        if let Some(import) = list["imports"].as_array().unwrap().iter().find(running) {
            return import.clone();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn rows(count: usize) -> String {
    let mut file = "UserName,Password,Claims\n".to_owned();
    (0..count).for_each(|number| file.push_str(&format!("user{number},,\n")));
    file
}

fn small_batches() -> TestApp {
    TestApp::start_with(|options| {
        options.app.import.first_batch_users = 10;
        options.app.import.batch_users = 10;
        options.http.idle_seconds = 20;
    })
}

#[test]
fn a_running_import_reports_its_progress_and_can_be_cancelled() {
    let server = small_batches();
    let file = rows(20_000);
    let (begun, rest) = file.split_at(file.len() / 2);
    let key = "Idempotency-Key: slow\r\n";
    let mut upload = begin_upload(&server, key, file.len(), begun);
    let import = running(&server);
    assert!(import["progress"]["rowsPerSecond"].is_u64(), "{import}");
    let id = import["id"].as_str().unwrap();
    validate(&document(&server), "Import", &import);

    let undo = call(&server, "POST", &format!("{IMPORTS}/{id}/undo"), &admin());
    assert_eq!(problem(&undo), refused(409, "IMP-IMPORT-RUNNING"));
    let mut events = server.connect();
    let listen = format!(
        "GET {IMPORTS}/{id}/events HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\
         \r\n\r\n",
        admin()
    );
    events.write_all(listen.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    let cancel = call(&server, "POST", &format!("{IMPORTS}/{id}/cancel"), &admin());
    assert_eq!(cancel.status, 202, "{}", cancel.body);
    upload.write_all(rest.as_bytes()).unwrap();
    let answer = Response::read(&mut upload);
    assert_eq!(problem(&answer), refused(409, "IMP-CANCELLED"));
    assert_eq!(json(&answer)["id"], id);
    let mut text = String::new();
    events.read_to_string(&mut text).unwrap();
    assert!(text.contains("event: progress\ndata: {"), "{text}");
    assert!(
        text.contains("\"rowsPerSecond\":") && text.contains("event: end\n"),
        "{text}"
    );
    assert_eq!(ended(&server, id)["state"], "cancelled");
    let undo = call(&server, "POST", &format!("{IMPORTS}/{id}/undo"), &admin());
    assert_eq!(undo.status, 200, "{}", undo.body);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn the_key_of_a_running_import_is_a_conflict() {
    let server = small_batches();
    let file = rows(20_000);
    let (begun, rest) = file.split_at(file.len() / 2);
    let key = "Idempotency-Key: slow";
    let mut upload = begin_upload(&server, &format!("{key}\r\n"), file.len(), begun);
    running(&server);
    let meanwhile = raw(&server, "", &[key], file.as_bytes());
    assert_eq!(problem(&meanwhile), refused(409, "IMP-EARLIER-CALL"));
    assert_eq!(meanwhile.header("retry-after"), Some("5"));
    let patient = raw(
        &server,
        "",
        &[key, "Prefer: respond-async"],
        file.as_bytes(),
    );
    assert_eq!(
        (patient.status, &json(&patient)["state"]),
        (202, &json!("running"))
    );
    upload.write_all(rest.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut upload).status, 201);
    let after = raw(&server, "", &[key], file.as_bytes());
    assert_eq!(
        (after.status, &json(&after)["created"]),
        (200, &json!(20_000))
    );
}

#[test]
fn event_streams_are_limited_and_end_when_the_server_stops() {
    let mut server = small_batches();
    let file = rows(20_000);
    let upload = begin_upload(&server, "", file.len(), &file[..file.len() / 2]);
    let id = running(&server)["id"].as_str().unwrap().to_owned();
    let listen = format!(
        "GET {IMPORTS}/{id}/events HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\r\n",
        admin()
    );
    let mut first = [0; 12];
    let listeners: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = server.connect();
            stream.write_all(listen.as_bytes()).unwrap();
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200", "{number}");
            stream
        })
        .collect();
    let one_more = get(&server, &format!("{IMPORTS}/{id}/events"));
    assert_eq!(problem(&one_more), refused(503, "IMP-BUSY"));
    assert_eq!(one_more.header("retry-after"), Some("5"));
    drop(upload);
    let start = Instant::now();
    server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(15));
    for mut stream in listeners {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("0\r\n\r\n"), "{text}");
    }
}

#[test]
fn a_page_links_to_the_next_one() {
    for url in ["sqlite:muster.db", "memory:"] {
        page_through(&TestApp::start_with(|options| {
            options.app.store.url = url.into()
        }));
    }
}

fn page_through(server: &TestApp) {
    let mut made: Vec<String> = (0..5).map(|_| id_of(&import(server, &[], FILE))).collect();
    made.reverse();
    for (path, entries, at_least) in [(IMPORTS, "imports", 5), ("/api/v1/audit", "entries", 5)] {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = json(&get(server, &format!("{path}?limit=2{next}")));
            let ids = page[entries].as_array().unwrap().iter();
            seen.extend(ids.map(|entry| entry["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert!(
            seen.len() >= at_least && seen.is_sorted_by(|a, b| a > b),
            "{seen:?}"
        );
        if entries == "imports" {
            assert_eq!(seen, made);
        }
    }
}

#[test]
fn list_of_imports_is_filtered_page_by_page() {
    let server = TestApp::start();
    let good: Vec<String> = (0..3)
        .map(|number| {
            let file = format!("username,password\nann{number},Autumn-Forest-9\n");
            id_of(&import(&server, &[], &file))
        })
        .collect();
    let list = |query: &str| {
        let page = get(&server, &format!("{IMPORTS}?{query}"));
        assert_eq!(page.status, 200, "{}", page.body);
        let page = json(&page);
        let ids = page["imports"].as_array().unwrap().iter();
        let ids: Vec<String> = ids
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        (ids, page["next"].as_str().map(str::to_owned))
    };
    let newest_first: Vec<String> = good.iter().rev().cloned().collect();
    assert_eq!(list("state=completed&channel=rest").0, newest_first);
    assert_eq!(
        list("operator=ADMIN&since=2020-01-01&fileName=USERS").0,
        newest_first
    );
    for none in [
        "state=failed",
        "channel=portal",
        "operator=kim",
        "fileName=zzz",
        "until=2020-01-01",
        "since=2999-01-01T00:00:00Z",
    ] {
        assert_eq!(list(none), (Vec::new(), None), "{none}");
    }
    let (first, next) = list("state=completed&limit=2");
    assert_eq!(first, newest_first[..2]);
    let (second, next) = list(&format!("state=completed&limit=2&cursor={}", next.unwrap()));
    assert_eq!((second.as_slice(), next), (&newest_first[2..], None));
    let response = get(&server, &format!("{IMPORTS}?state=done"));
    assert_eq!(problem(&response), refused(400, "IMP-PARAMETER"));
}

fn document(server: &TestApp) -> Value {
    let response = server.get("/api/v1/openapi.json");
    assert_eq!(
        response.status, 200,
        "the document is public: {}",
        response.body
    );
    json(&response)
}

#[test]
fn the_document_describes_exactly_the_routes() {
    let server = TestApp::start();
    let document = document(&server);
    assert_eq!(
        document["servers"][0]["url"],
        format!("http://{}", server.address())
    );
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let named = |place: &str| -> BTreeSet<String> {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let those = parameters.filter(|parameter| parameter["in"] == place);
                those
                    .map(|it| it["name"].as_str().unwrap().to_owned())
                    .collect()
            };
            let same = |route: &&Route| {
                route.path == path.as_str() && route.method.as_str().eq_ignore_ascii_case(method)
            };
            let route = ROUTES.iter().find(same).expect("a route");
            let known = route
                .parameters
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            assert_eq!(named("query"), known, "{method} {path}");
            assert_eq!(named("path").len(), path.matches('{').count(), "{path}");
            assert_eq!(
                operation.get("security").is_some(),
                route.right.is_none(),
                "{path}"
            );
            let form = &operation["requestBody"]["content"]["multipart/form-data"]["schema"];
            if let Some(fields) = form["properties"].as_object() {
                let own = ["defaultPassword", "file"];
                let expected: BTreeSet<&str> =
                    route.parameters.iter().copied().chain(own).collect();
                assert_eq!(
                    fields.keys().map(String::as_str).collect::<BTreeSet<_>>(),
                    expected
                );
            }
        }
    }
    let routes = ROUTES
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned()));
    assert_eq!(described, routes.collect());

    let id = id_of(&import(&server, &[], FILE));
    for (method, path) in described {
        let response = call(&server, &method, &path.replace("{id}", &id), &admin());
        assert!(
            !matches!(response.status, 404 | 405),
            "{method} {path}: {}",
            response.body
        );
    }
}

/// Asserts that `value` matches the schema of the document, without members that it does not name.
fn validate(document: &Value, schema: &str, value: &Value) {
    let mut components = document["components"].clone();
    forbid_others(&mut components["schemas"]);
    let schema =
        json!({ "$ref": format!("#/components/schemas/{schema}"), "components": components });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}

fn forbid_others(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && members.get("type") == Some(&json!("object")) {
                members.insert("additionalProperties".into(), json!(false));
            }
            members.values_mut().for_each(forbid_others);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_others),
        _ => {}
    }
}

#[test]
fn every_answer_matches_the_document() {
    let server = TestApp::start();
    let document = document(&server);
    let checked = |method: &str, path: &str, response: &Response| {
        let operation = &document["paths"][path][method];
        let mut described = &operation["responses"][response.status.to_string()];
        if let Some(name) = described["$ref"].as_str() {
            described = &document["components"]["responses"][name.rsplit('/').next().unwrap()];
        }
        assert!(
            described.is_object(),
            "{method} {path}: {} is not described",
            response.status
        );
        let media_type = response.header("content-type").unwrap();
        let schema = described["content"][media_type]["schema"]["$ref"].as_str();
        let schema = schema.unwrap_or_else(|| panic!("{method} {path}: {media_type}"));
        validate(
            &document,
            schema.rsplit('/').next().unwrap(),
            &json(response),
        );
        response.status
    };
    let post = |response: &Response| checked("post", IMPORTS, response);
    let imported = import(&server, &["Idempotency-Key: k"], FILE);
    assert_eq!(post(&imported), 201);
    assert_eq!(post(&import(&server, &["Idempotency-Key: k"], FILE)), 200);
    assert_eq!(
        post(&import(&server, &["Idempotency-Key: k"], "UserName\nx\n")),
        422
    );
    let queued = import(&server, &["Prefer: respond-async"], FILE);
    assert_eq!(post(&queued), 202);
    assert_eq!(
        post(&raw(&server, "?validateFirst=true", &[], FILE.as_bytes())),
        422
    );
    assert_eq!(
        post(&raw(&server, "?dryRun=true", &[], FILE.as_bytes())),
        200
    );
    assert_eq!(post(&raw(&server, "?x=1", &[], FILE.as_bytes())), 400);
    let preview = post_form(
        &server,
        "/api/v1/imports/preview",
        &[],
        &[("file|users.csv", FILE), ("defaultPassword", PASSWORD)],
    );
    assert_eq!(checked("post", "/api/v1/imports/preview", &preview), 200);

    ended(&server, &id_of(&queued));
    let id = id_of(&imported);
    let here = |path: &str| path.replace("{id}", &id);
    for path in [
        IMPORTS,
        "/api/v1/imports/{id}",
        "/api/v1/imports/{id}/problems",
        "/api/v1/audit",
    ] {
        assert_eq!(checked("get", path, &get(&server, &here(path))), 200);
    }
    let undo = "/api/v1/imports/{id}/undo";
    for status in [200, 409] {
        assert_eq!(
            checked("post", undo, &call(&server, "POST", &here(undo), &admin())),
            status
        );
    }
    assert_eq!(
        checked("get", "/api/v1/audit", &get(&server, "/api/v1/audit")),
        200
    );
    let cancel = "/api/v1/imports/{id}/cancel";
    assert_eq!(
        checked(
            "post",
            cancel,
            &call(&server, "POST", &here(cancel), &admin())
        ),
        409
    );
    for (path, status) in [("x", 404), ("x/problems", 404)] {
        let response = get(&server, &format!("{IMPORTS}/{path}"));
        let described = format!("{IMPORTS}/{}", path.replace('x', "{id}"));
        assert_eq!(checked("get", &described, &response), status);
    }
    assert_eq!(
        checked("get", IMPORTS, &call_with(&server, "GET", IMPORTS, &[])),
        401
    );
}

#[test]
fn generated_passwords_are_only_in_the_report() {
    let server = TestApp::start();
    let file = "username,password\nkim,\nlee,Spring-Meadow-42\n";
    let fields = [("generatePasswords", "true"), ("file|users.csv", file)];
    let report = json(&post_form(&server, IMPORTS, &[], &fields));
    let csv = report["generatedPasswords"].as_str().expect("a file");
    let (header, row) = csv.trim_end().split_once("\r\n").expect("two lines");
    assert_eq!(header, "userName,password");
    let password = row.strip_prefix("kim,").expect("kim alone");
    assert!(server.has_password("kim", password));
    let id = report["id"].as_str().expect("an id");
    let record = get(&server, &format!("{IMPORTS}/{id}"));
    assert!(
        !record.body.contains(password),
        "the password is reported once"
    );
    let refusal = |headers: &[&str], more: (&str, &str)| {
        let fields = [
            ("generatePasswords", "true"),
            more,
            ("file|users.csv", file),
        ];
        problem(&post_form(&server, IMPORTS, headers, &fields))
    };
    let both = refusal(&[], ("defaultPassword", PASSWORD));
    assert_eq!(both, refused(400, "IMP-PARAMETER"));
    let named = refusal(&["Idempotency-Key: k"], ("conflict", "skip"));
    assert_eq!(named, refused(400, "IMP-KEY"));
}

#[test]
fn the_key_of_a_call_that_is_still_arriving_is_a_conflict() {
    let server = TestApp::start();
    let key = "Idempotency-Key: slow";
    // More than is read before the import starts, and without a row.
    let beginning = format!("UserName,Password,Claims{}", ",".repeat(80_000));
    let upload = begin_upload(&server, &format!("{key}\r\n"), 100_000, &beginning);
    let start = Instant::now();
    while !server.app.jobs.is_coming_in("default", "slow") {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the first call has arrived"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let repeated = import(&server, &[key], FILE);
    assert_eq!(
        problem(&repeated),
        refused(409, "IMP-EARLIER-CALL"),
        "{}",
        repeated.body
    );
    assert_eq!(repeated.header("retry-after"), Some("1"));
    let other = import(&server, &["Idempotency-Key: another"], FILE);
    assert_eq!(other.status, 201, "{}", other.body);
    drop(upload);
}

#[test]
fn a_key_with_another_default_password_is_refused_over_rest() {
    let server = TestApp::start();
    let all_have_one = "UserName,Password,Claims\nlee,Spring-Meadow-42,\n";
    for (number, file, queued) in [(1, FILE, false), (2, all_have_one, false), (3, FILE, true)] {
        let key = format!("Idempotency-Key: k{number}");
        let send = |password: &str| {
            let mut fields = vec![("file|users.csv", file), ("conflict", "update")];
            if !password.is_empty() {
                fields.push(("defaultPassword", password));
            }
            let mut headers = vec![key.as_str()];
            headers.extend(queued.then_some("Prefer: respond-async"));
            post_form(&server, IMPORTS, &headers, &fields)
        };
        let first = send("First-Password-1");
        let id = id_of(&first);
        if queued {
            assert_eq!(first.status, 202, "{}", first.body);
            ended(&server, &id);
        } else {
            assert_eq!(first.status, 201, "{}", first.body);
        }
        let again = send("First-Password-1");
        assert_eq!(
            (again.status, id_of(&again)),
            (200, id.clone()),
            "{}",
            again.body
        );
        for other in ["Second-Password-2", "first-password-1", "short", ""] {
            let response = send(other);
            assert_eq!(
                problem(&response),
                refused(422, "IMP-KEY-REUSED"),
                "{number} {other:?}"
            );
            assert_eq!(json(&response)["id"], json!(id));
            assert!(!response.body.contains("Password-1"), "{}", response.body);
        }
        assert_eq!(id_of(&send("First-Password-1")), id);
    }
    // The first call has no default password, the second has one.
    let key = ["Idempotency-Key: none"];
    let plain = |password: Option<&str>| {
        let mut fields = vec![("file|users.csv", all_have_one), ("conflict", "update")];
        fields.extend(password.map(|password| ("defaultPassword", password)));
        post_form(&server, IMPORTS, &key, &fields)
    };
    assert_eq!(plain(None).status, 201);
    assert_eq!(
        problem(&plain(Some("First-Password-1"))),
        refused(422, "IMP-KEY-REUSED")
    );
    assert_eq!(plain(None).status, 200);
    // No stored file contains the password.
    let data = server.folder.path().join("data");
    for entry in std::fs::read_dir(data).unwrap().flatten() {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes
                .windows(16)
                .any(|window| window == b"First-Password-1");
            assert!(!found, "{:?}", entry.path());
        }
    }
}

#[test]
fn forms_are_accepted_as_clients_write_them() {
    let server = TestApp::start();
    let workbook = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/users.xlsx")).ok();
    let mut number = 0;
    let mut send = |disposition: &str, media_type: &str, content: Option<&[u8]>| {
        number += 1;
        let rows = format!("UserName,Password,Claims\nuser{number},Spring-Meadow-42,\n");
        let media_type = match media_type {
            "" => String::new(),
            media_type => format!("Content-Type: {media_type}\r\n"),
        };
        let head =
            format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n{media_type}\r\n");
        let body = [
            head.as_bytes(),
            content.unwrap_or(rows.as_bytes()),
            b"\r\n--b--\r\n",
        ]
        .concat();
        server.post_as(IMPORTS, Some(&admin()), FORM, &[], &body)
    };
    for (disposition, media_type, name) in [
        // .NET's HttpClient.
        (
            "name=file; filename=\"=?utf-8?B?QmVuw7x0emVyLmNzdg==?=\"; filename*=utf-8''Ben%C3%BCtzer.csv",
            "text/csv",
            "Benützer.csv",
        ),
        (
            "name=file; filename=users.csv; filename*=utf-8''users.csv",
            "text/csv",
            "users.csv",
        ),
        (
            "name=\"=?utf-8?B?ZmlsZQ==?=\"; filename=\"a.csv\"",
            "",
            "a.csv",
        ),
        // A script's Blob; a browser's file with the media type of another program; a browser's escapes.
        ("name=\"file\"; filename=\"blob\"", "text/csv", "blob.csv"),
        (
            "name=\"file\"; filename=\"blob\"",
            "application/octet-stream",
            "blob.csv",
        ),
        (
            "name=\"file\"; filename=\"blob\"",
            "application/vnd.ms-excel",
            "blob.csv",
        ),
        (
            "name=\"file\"; filename=\"users.txt\"",
            "text/plain",
            "users.txt.csv",
        ),
        (
            "name=\"file\"; filename=\"a%22b.csv\"",
            "text/csv",
            "a\"b.csv",
        ),
        (
            "name=\"file\"; filename=\"Ben%C3%BCtzer.csv\"",
            "text/csv",
            "Benützer.csv",
        ),
        ("name=\"file\"", "", "users.csv"),
    ] {
        let response = send(disposition, media_type, None);
        assert_eq!(response.status, 201, "{disposition}: {}", response.body);
        assert_eq!(json(&response)["fileName"], name, "{disposition}");
        assert_eq!(
            json(&response)["created"],
            1,
            "{disposition}: {}",
            response.body
        );
    }
    if let Some(workbook) = workbook {
        let response = send(
            "name=\"file\"; filename=\"blob\"",
            "text/csv",
            Some(&workbook),
        );
        assert_eq!(response.status, 201, "{}", response.body);
        assert_eq!(json(&response)["fileName"], "blob.xlsx");
    }
    let pdf = send(
        "name=\"file\"; filename=\"blob\"",
        "text/csv",
        Some(b"%PDF-1.7"),
    );
    assert_eq!(problem(&pdf), refused(422, "IMP-FILE-FORMAT"));
    let named = send("name=\"file\"; filename=\"users.pdf\"", "text/csv", None);
    assert_eq!(problem(&named), refused(400, "IMP-FILE-FORMAT"));
}

#[test]
fn the_id_of_an_import_has_the_same_name_in_every_answer() {
    let server = TestApp::start();
    let key = ["Idempotency-Key: one"];
    let report = import(&server, &key, FILE);
    let id = json(&report)["id"]
        .as_str()
        .expect("the report's id")
        .to_owned();
    let path = format!("{IMPORTS}/{id}");
    let answers = [
        json(&report),
        json(&import(&server, &key, FILE)),
        json(&get(&server, &path)),
        json(&get(&server, IMPORTS))["imports"][0].clone(),
        json(&import(&server, &key, "UserName,Password,Claims\nlee,,\n")),
        json(&call(&server, "POST", &format!("{path}/undo"), &admin())),
        json(&call(&server, "POST", &format!("{path}/undo"), &admin())),
        json(&import(&server, &key, FILE)),
    ];
    for answer in answers {
        assert_eq!(answer["id"], id.as_str(), "{answer}");
        // Some answers also have the former name, with the same value.
        assert!(
            answer.get("import").is_none_or(|old| *old == answer["id"]),
            "{answer}"
        );
    }
    let document = json(&get(&server, "/api/v1/openapi.json"));
    for schema in ["Report", "Import", "Undo", "ProblemDetails"] {
        let schema = &document["components"]["schemas"][schema];
        let text = schema.to_string();
        assert!(text.contains("\"id\":{"), "{text}");
        let old = &schema["properties"]["import"];
        assert!(old.is_null() || old["deprecated"] == true, "{text}");
    }
}

#[test]
fn the_document_lists_every_channel_state_and_severity() {
    let server = TestApp::start();
    let document = document(&server);
    let schemas = &document["components"]["schemas"];
    let channels = json!(Channel::ALL.map(Channel::as_str));
    for schema in ["Import", "AuditEntry"] {
        assert_eq!(schemas[schema]["properties"]["door"]["enum"], channels);
    }
    let states = json!(ImportState::ALL.map(ImportState::as_str));
    assert_eq!(schemas["Import"]["properties"]["state"]["enum"], states);
    let severities = json!(Severity::ALL.map(Severity::as_str));
    let severity = &schemas["Problem"]["properties"]["severity"];
    assert_eq!(severity["enum"], severities);
}

#[test]
fn skip_accepts_every_number_up_to_the_largest() {
    let server = TestApp::start();
    let id = id_of(&import(&server, &[], FILE));
    let problems = |skip: &str| get(&server, &format!("{IMPORTS}/{id}/problems?skip={skip}"));
    for skip in ["4294967296", "5000000000", "9223372036854775807"] {
        let page = problems(skip);
        assert_eq!(page.status, 200, "{skip}: {}", page.body);
        assert_eq!(json(&page)["problems"], json!([]));
    }
    for skip in ["9223372036854775808", "99999999999999999999999", "-1", "x"] {
        let response = problems(skip);
        assert_eq!(problem(&response), refused(400, "IMP-PARAMETER"), "{skip}");
        let detail = json(&response)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("from 0 to 9223372036854775807"), "{detail}");
    }
}

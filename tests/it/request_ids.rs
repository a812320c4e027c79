//! Every request has an id, which is in its answer, its faults and problem details, its log lines and its audit
//! entries.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::app::{RELATED, Response, TestApp, admin, basic, inline, multipart};
use crate::message::KIM;
use crate::process::{ADMIN_PASSWORD, Home, Serving};

/// A request with these fields.
fn request(server: &TestApp, method: &str, path: &str, fields: &str, body: &str) -> Response {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    server.send(request.as_bytes())
}

/// The id of an answer.
#[track_caller]
fn id(response: &Response) -> String {
    let mut ids = response
        .headers
        .iter()
        .filter(|(name, _)| name == "x-request-id");
    let (_, id) = ids.next().unwrap_or_else(|| panic!("no id: {response:?}"));
    assert!(ids.next().is_none(), "{response:?}");
    id.clone()
}

#[test]
fn every_answer_has_the_id_of_the_request_or_a_new_one() {
    let server = TestApp::start();
    let credentials = format!("Authorization: {}\r\n", admin());
    let soap = format!("{credentials}Content-Type: text/xml\r\n");
    let file = format!("{credentials}Content-Type: text/csv\r\n");
    let expects = format!("{file}Expect: 100-continue\r\n");
    let requests = [
        ("GET", "/healthz", "", ""),
        ("GET", "/nowhere", "", ""),
        ("GET", "/services/UserAdmin?wsdl", "", ""),
        ("POST", "/services/UserAdmin", "", ""),
        ("POST", "/services/UserAdmin", &soap, "<a/>"),
        ("GET", "/api/v1/imports", "", ""),
        ("GET", "/api/v1/imports", &credentials, ""),
        ("POST", "/api/v1/imports", &file, "nonsense"),
        ("POST", "/api/v1/nowhere", &expects, "abc"),
        ("POST", "/api/v1/imports?nonsense=1", &expects, "abc"),
        ("GET", "/scim/v2/Users", "", ""),
        ("GET", "/scim/v2/ServiceProviderConfig", "", ""),
        ("GET", "/scim2/Users/none", &credentials, ""),
    ];
    for (method, path, fields, body) in requests {
        let own = request(&server, method, path, fields, body);
        assert_eq!(id(&own).len(), 36, "{method} {path}");
        let given = format!("{fields}X-Request-Id: trace-4711\r\n");
        let with = request(&server, method, path, &given, body);
        assert_eq!(id(&with), "trace-4711", "{method} {path}");
        let evil = format!("{fields}X-Request-Id: <script>\r\n");
        let replaced = request(&server, method, path, &evil, body);
        assert_eq!(id(&replaced).len(), 36, "{method} {path}");
    }
}

#[test]
fn faults_and_problem_details_have_the_id() {
    let server = TestApp::start();
    let fields = format!("Authorization: {}\r\nX-Request-Id: trace-4711\r\n", admin());
    for path in ["/services/UserAdmin", "/services/UserImport"] {
        let soap = format!("{fields}Content-Type: text/xml\r\n");
        let fault = request(&server, "POST", path, &soap, "<a/>");
        let element = "<m:requestId>trace-4711</m:requestId>";
        assert!(fault.body.contains(element), "{}", fault.body);
    }
    // Also in the fault of a call that is refused by its head.
    let wrong =
        "Authorization: Basic YTpi\r\nX-Request-Id: trace-4711\r\nContent-Type: text/xml\r\n";
    let fault = request(&server, "POST", "/services/UserAdmin", wrong, &inline(KIM));
    assert!(
        fault.body.contains("<m:requestId>trace-4711</m:requestId>"),
        "{}",
        fault.body
    );
    let problem = request(&server, "GET", "/api/v1/imports/none", &fields, "");
    let problem: serde_json::Value = serde_json::from_str(&problem.body).expect("JSON");
    assert_eq!(problem["requestId"], "trace-4711", "{problem}");
}

#[test]
fn log_lines_of_a_request_have_its_id_on_every_thread() {
    let home = Home::with_settings("[import]\nunsorted_rows = 1000\nsorted_rows = 1000\n");
    let server = Serving::start(&home);
    let credentials = basic("admin", ADMIN_PASSWORD);
    let file = "username,title\n,x\n".to_owned();
    let calls = [
        (
            "small-call",
            "UserAdmin",
            RELATED,
            multipart("username\nkim\n"),
        ),
        ("a-fault", "UserAdmin", "text/xml", "<a/>".to_owned()),
        ("inline-call", "UserAdmin", "text/xml", inline(&file)),
    ];
    for (id, service, content_type, body) in &calls {
        let head = format!(
            "POST /services/{service} HTTP/1.1\r\nHost: test\r\nAuthorization: {credentials}\r\n\
             X-Request-Id: {id}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = server.connect();
        stream
            .write_all(&[head.as_bytes(), body.as_bytes()].concat())
            .expect("the server reads");
        Response::read(&mut stream);
        let until = Instant::now() + Duration::from_secs(10);
        while !server
            .log()
            .lines()
            .any(|line| line.contains(&format!("request{{id=\"{id}\"}}")))
        {
            assert!(Instant::now() < until, "{id}: {}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    server.stop();
}

#[test]
fn audit_entries_have_the_id_of_their_request() {
    let server = TestApp::start();
    let fields = |id: &str, media_type: &str| {
        format!(
            "Authorization: {}\r\nX-Request-Id: {id}\r\nContent-Type: {media_type}\r\n",
            admin()
        )
    };
    let soap = fields("by-soap", "text/xml");
    request(
        &server,
        "POST",
        "/services/UserAdmin",
        &soap,
        &inline("username\nkim\n"),
    );
    let rest = format!(
        "{}Muster-Default-Password: Initial-Pass-1\r\n",
        fields("by-rest", "text/csv")
    );
    request(&server, "POST", "/api/v1/imports", &rest, "username\nlee\n");
    let user = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"joe"}"#;
    let scim = fields("by-scim", "application/scim+json");
    request(&server, "POST", "/scim/v2/Users", &scim, user);
    let token = crate::security::call_as_text("admin", crate::app::ADMIN_PASSWORD);
    let envelope = "X-Request-Id: by-token\r\nContent-Type: text/xml\r\n";
    request(&server, "POST", "/services/UserAdmin", envelope, &token);
    let wrong = "Authorization: Basic YTpi\r\nX-Request-Id: by-failed\r\n";
    request(&server, "GET", "/api/v1/imports", wrong, "");
    let until = Instant::now() + Duration::from_secs(10);
    let expected = ["by-failed", "by-rest", "by-scim", "by-soap", "by-token"];
    loop {
        let audit = request(
            &server,
            "GET",
            "/api/v1/audit",
            &fields("look", "text/plain"),
            "",
        );
        let audit: serde_json::Value = serde_json::from_str(&audit.body).expect("JSON");
        let entries = audit["entries"].as_array().expect("a list");
        let mut ids: Vec<&str> = entries
            .iter()
            .filter_map(|it| it["requestId"].as_str())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if ids == expected {
            break;
        }
        // A separate thread writes the entries of failed logins.
        assert!(Instant::now() < until, "{ids:?}: {audit:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

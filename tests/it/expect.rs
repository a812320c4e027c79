//! `Expect: 100-continue` (RFC 9110 §10.1.1): a request that its head already decides gets its response instead of
//! 100, and the body is not requested.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::app::{RELATED, Response, TestApp, admin, basic, inline, multipart};
use crate::message::{KIM, base64, call};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// A head that announces a body of this length and expects 100.
fn head(authorization: Option<&str>, content_type: &str, length: usize) -> String {
    let authorization =
        authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\n{authorization}Content-Type: \
         {content_type}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    )
}

/// The same with chunked encoding, without any chunk.
fn in_chunks(head: &str) -> String {
    let lines = head.split("\r\n").map(|line| match line {
        line if line.starts_with("Content-Length") => "Transfer-Encoding: chunked",
        line => line,
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

fn read_continue(stream: &mut TcpStream) {
    let mut interim = [0; CONTINUE.len()];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(std::str::from_utf8(&interim), Ok(CONTINUE));
}

/// The response to the head alone, after which the connection must be closed soon.
fn only_answer(server: &TestApp, head: &str) -> Response {
    let mut stream = server.connect();
    let start = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{head}");
    assert!(!all.contains(CONTINUE), "{all}");
    assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{all}");
    let response = Response::parse(&all);
    assert_eq!(response.header("connection"), Some("close"), "{all}");
    response
}

#[test]
fn wrong_credentials_are_refused_before_the_body() {
    let server = TestApp::start();
    let cases = [
        (basic("admin", "wrong"), "IMP-ACCESS-CREDENTIALS"),
        (basic("unknown", "wrong"), "IMP-ACCESS-CREDENTIALS"),
        ("Bearer abc".into(), "IMP-ACCESS-CREDENTIALS"),
        ("Digest abc".into(), "IMP-ACCESS-SCHEME"),
        (
            format!(
                "{}\r\nAuthorization: {}",
                admin(),
                basic("unknown", "wrong")
            ),
            "IMP-ACCESS-CREDENTIALS",
        ),
    ];
    for (authorization, rule) in cases {
        let head = head(Some(&authorization), RELATED, 1_000_000);
        for head in [in_chunks(&head), head] {
            let response = only_answer(&server, &head);
            assert_eq!(response.status, 500, "{head}");
            assert_eq!(response.rule(), rule, "{head}");
            let code = response.element("faultcode");
            assert_eq!(code.as_deref(), Some("axis2ns1:50977"), "{head}");
        }
    }
}

#[test]
fn announced_body_can_be_refused() {
    let server = TestApp::start_with(|options| options.http.body_limit_bytes = 1_000);
    let admin = admin();
    let response = only_answer(&server, &head(Some(&admin), RELATED, 1_001));
    assert_eq!(
        (response.status, response.rule().as_str()),
        (500, "IMP-HTTP-TOO-LARGE")
    );
    // No caller may send a body of this size.
    let response = only_answer(&server, &head(None, "application/soap+xml", 1_001));
    assert_eq!(
        (response.status, response.rule().as_str()),
        (400, "IMP-HTTP-TOO-LARGE")
    );
    let response = only_answer(&server, &head(Some(&admin), "application/dime", 1_000));
    assert_eq!(
        (response.status, response.rule().as_str()),
        (500, "IMP-MEDIA-TYPE")
    );
    let mut stream = server.connect();
    let at_the_limit = head(Some(&admin), RELATED, 1_000);
    stream.write_all(at_the_limit.as_bytes()).unwrap();
    read_continue(&mut stream);
}

#[test]
fn challenge_precedes_the_body_unless_the_envelope_may_have_credentials() {
    let server = TestApp::start();
    for authorization in [None, Some("Basic"), Some("Basic !")] {
        let head = head(authorization, "application/octet-stream", 1_000);
        for head in [in_chunks(&head), head] {
            let response = only_answer(&server, &head);
            assert_eq!(response.status, 401);
            assert!(response.body.starts_with("The request has no credentials"));
            let challenge = response.header("www-authenticate");
            assert_eq!(challenge, Some("Basic realm=\"Muster\""));
        }
    }
    let body = inline(KIM);
    let mut stream = server.connect();
    let waiting = head(None, "text/xml", body.len());
    stream.write_all(waiting.as_bytes()).unwrap();
    read_continue(&mut stream);
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).status, 401);
    // The connection can be used for the second attempt.
    let again = head(Some(&admin()), "text/xml", body.len());
    stream.write_all(again.as_bytes()).unwrap();
    read_continue(&mut stream);
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).status, 200);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn caller_with_credentials_in_the_envelope_gets_100() {
    let server = TestApp::start();
    let security = format!(
        "<soapenv:Header><wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/\
         oasis-200401-wss-wssecurity-secext-1.0.xsd\"><wsse:UsernameToken><wsse:Username>admin\
         </wsse:Username><wsse:Password>{}</wsse:Password></wsse:UsernameToken></wsse:Security>\
         </soapenv:Header><soapenv:Body>",
        crate::app::ADMIN_PASSWORD
    );
    let body = inline(KIM).replacen("<soapenv:Body>", &security, 1);
    let mut stream = server.connect();
    let waiting = head(None, "text/xml", body.len());
    stream.write_all(waiting.as_bytes()).unwrap();
    read_continue(&mut stream);
    stream.write_all(body.as_bytes()).unwrap();
    let response = Response::read(&mut stream);
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn connection_serves_consecutive_clients_that_expect_100() {
    // Nothing is cached: the decision belongs to the request.
    let server = TestApp::start_with(|options| options.app.passwords.remember_seconds = 0);
    let mut stream = server.connect();
    for name in ["kim", "lee"] {
        let body = multipart(&format!("UserName,Password,Claims\n{name},,\n"));
        let waiting = head(Some(&admin()), RELATED, body.len());
        stream.write_all(waiting.as_bytes()).unwrap();
        read_continue(&mut stream);
        stream.write_all(body.as_bytes()).unwrap();
        assert_eq!(Response::read(&mut stream).status, 200);
    }
    assert_eq!(server.user_names(), ["kim", "lee"]);
}

#[test]
fn client_that_does_not_wait_gets_the_same_responses() {
    let server = TestApp::start();
    let body = inline(KIM);
    let send = |authorization: &str| {
        let head = head(Some(authorization), "text/xml", body.len());
        server.send(&[head.as_bytes(), body.as_bytes()].concat())
    };
    let refused = send(&basic("admin", "wrong"));
    assert_eq!(refused.rule(), "IMP-ACCESS-CREDENTIALS");
    assert_eq!(send(&admin()).status, 200);
}

#[test]
fn other_expectations_are_refused() {
    let server = TestApp::start();
    let body = call(&base64(KIM));
    let send = |version: &str, expect: &str| {
        let head = head(Some(&admin()), "text/xml", body.len())
            .replace("HTTP/1.1", version)
            .replace("100-continue", expect);
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        String::from_utf8_lossy(&first[9..]).into_owned()
    };
    assert_eq!(send("HTTP/1.1", "something-else"), "417");
    assert_eq!(send("HTTP/1.1", "100-continue, something-else"), "417");
    assert_eq!(send("HTTP/1.1", "x=\"100-continue\""), "417");
    assert_eq!(server.user_names(), [""; 0]);
    assert_eq!(send("HTTP/1.1", "100-Continue"), "100");
    // HTTP/1.0 has no interim responses, and its expectations are ignored (RFC 9110 §10.1.1).
    for (version, expect) in [
        ("HTTP/1.1", ""),
        ("HTTP/1.0", "100-continue"),
        ("HTTP/1.0", "something-else"),
    ] {
        let status = send(version, expect);
        // The user may exist already.
        assert!(
            matches!(status.as_str(), "200" | "500"),
            "{expect}: {status}"
        );
    }
    let waiting = head(Some(&admin()), "text/xml", 1_000).replace("100-c", "100-continue, c");
    assert_eq!(only_answer(&server, &waiting).status, 417);
}

#[test]
fn endless_chunked_body_does_not_keep_the_connection_open() {
    let server = TestApp::start();
    for target in ["POST /nowhere", "GET /healthz", "PUT /services/UserAdmin"] {
        let mut stream = server.connect();
        let head =
            format!("{target} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx");
        stream.write_all(head.as_bytes()).unwrap();
        let start = Instant::now();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert!(all.contains("Connection: close"), "{target}: {all}");
        assert!(start.elapsed() < Duration::from_secs(4), "{target}");
    }
}

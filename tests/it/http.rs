//! HTTP/1.1 for all front ends (RFC 9112): chunked framing, the last request of a connection, the case of
//! field names, unknown addresses.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::app::{RELATED, Response, TestApp, admin, inline, multipart};
use crate::message::{KIM, chunked};

/// The routes that take a body: path, media type and a body that creates the user kim.
fn uploads() -> [(&'static str, &'static str, String); 5] {
    let user =
        "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"kim\"}";
    let bulk = format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"],\"Operations\":[{{\
         \"method\":\"POST\",\"path\":\"/Users\",\"bulkId\":\"a\",\"data\":{user}}}]}}"
    );
    [
        ("/services/UserAdmin", "text/xml", inline(KIM)),
        ("/services/UserAdmin", RELATED, multipart(KIM)),
        (
            "/api/v1/imports",
            "text/csv",
            "username,password\nkim,Meadow-Lark-77\n".into(),
        ),
        ("/scim/v2/Users", "application/scim+json", user.into()),
        ("/scim/v2/Bulk", "application/scim+json", bulk),
    ]
}

fn head(path: &str, content_type: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: {content_type}\r\n",
        admin()
    )
}

/// Sends these bytes; the answer is everything that the server sends until it closes the connection.
fn send_and_read_all(server: &TestApp, bytes: &[u8]) -> String {
    let mut stream = server.connect();
    stream.write_all(bytes).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    String::from_utf8(all).unwrap()
}

#[test]
fn every_protocol_answers_a_malformed_chunk_with_400() {
    for (path, content_type, body) in uploads() {
        let server = TestApp::start();
        let head = head(path, content_type) + "Transfer-Encoding: chunked\r\n\r\n";
        let half = body.len() / 2;
        let (first, rest) = body.split_at(half);
        let first = format!("{:x}\r\n{first}\r\n", first.len());
        for (bad, what) in [
            (
                format!("{:x} \r\n{rest}\r\n0\r\n\r\n", rest.len()),
                "a blank follows the size",
            ),
            (
                format!("{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len() - 1),
                "longer than its size",
            ),
            (
                format!("0x{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()),
                "size of a chunk",
            ),
            (
                format!("!{rest}\r\n0\r\n\r\n"),
                "does not begin with its size",
            ),
            (
                format!("{:x}\r\n{rest}\r\n0\r\nA: b\x01\r\n\r\n", rest.len()),
                "trailer after the last chunk",
            ),
        ] {
            let all = send_and_read_all(&server, format!("{head}{first}{bad}").as_bytes());
            let response = Response::parse(&all);
            assert_eq!(response.status, 400, "{path} {what}: {all}");
            assert!(response.body.contains(what), "{path} {what}: {all}");
            assert!(response.body.contains("offset"), "{path} {what}: {all}");
            if path.starts_with("/services") || path.starts_with("/api") {
                assert!(response.body.contains("IMP-HTTP-CHUNK"), "{path}: {all}");
            }
            assert_eq!(
                response.header("connection"),
                Some("close"),
                "{path}: {all}"
            );
        }
        assert!(server.user_names().is_empty(), "{path}");
        let good = format!(
            "{head}{first}{:x};a=\"b\"\r\n{rest}\r\n0\r\nA: b\r\n\r\n",
            rest.len()
        );
        let good = good.replacen("Host: test", "Host: test\r\nConnection: close", 1);
        let answer = Response::parse(&send_and_read_all(&server, good.as_bytes()));
        assert!(answer.status < 300, "{path}: {}", answer.body);
        assert_eq!(server.user_names(), ["kim"], "{path}");
    }
}

/// A request that needs no body is refused, too, when its body is malformed.
#[test]
fn a_malformed_chunk_prevents_changes_that_need_no_body() {
    let server = TestApp::start();
    let import = server.post_as(
        "/api/v1/imports",
        Some(&admin()),
        "text/csv",
        &[],
        b"username,password\nlee,Meadow-Lark-77\n",
    );
    let import: serde_json::Value = serde_json::from_str(&import.body).unwrap();
    let undo = format!("/api/v1/imports/{}/undo", import["id"].as_str().unwrap());
    let cancel = undo.replace("/undo", "/cancel");
    let [kim, own] = ["kim", "admin"].map(|name| crate::scim::make_user(&server, name));
    let group = crate::scim::make_group(&server, "crew", &[]);
    let requests = [
        ("POST", undo, 200),
        ("POST", cancel, 409),
        ("DELETE", format!("/scim/v2/Users/{kim}"), 204),
        ("DELETE", format!("/scim2/Groups/{group}"), 204),
        ("DELETE", "/scim/v2/Me".to_owned(), 204),
    ];
    let send = |method: &str, path: &str, chunks: &str| {
        let message = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunks}",
            admin()
        );
        Response::parse(&send_and_read_all(&server, message.as_bytes())).status
    };
    for (method, path, _) in &requests {
        for chunks in [
            "5 \r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "4\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\r\nA: b\u{1}\r\n\r\n",
        ] {
            assert_eq!(
                send(method, path, chunks),
                400,
                "{method} {path} {chunks:?}"
            );
        }
    }
    let users = server.users();
    assert_eq!(server.user_names(), ["admin", "kim", "lee"]);
    assert!(users.iter().any(|user| user.id.to_string() == own));
    for (method, path, status) in &requests {
        let good = "5\r\nhello\r\n0\r\n\r\n";
        assert_eq!(send(method, path, good), *status, "{method} {path}");
    }
    assert!(server.user_names().is_empty());
}

#[test]
fn a_client_that_keeps_sending_after_a_malformed_chunk_can_read_the_answer() {
    let server = TestApp::start();
    let head = head("/api/v1/imports", "text/csv") + "Transfer-Encoding: chunked\r\n\r\n";
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"10 \r\n").unwrap();
    // Far more than the socket buffers of both ends hold.
    let _ = stream.write_all(&b"x".repeat(8 * 1024 * 1024));
    assert_eq!(Response::read(&mut stream).status, 400);
}

#[test]
fn chunk_extensions_and_trailers_count_towards_the_body_limit() {
    let server = TestApp::start_with(|options| options.http.body_limit_bytes = 20_000);
    for (path, content_type, body) in uploads() {
        let head = head(path, content_type) + "Transfer-Encoding: chunked\r\n\r\n";
        let start = format!("{head}{:x}", body.len());
        let padding = "x".repeat(30_000);
        for message in [
            format!("{start};a={padding}\r\n{body}\r\n0\r\n\r\n"),
            format!("{start}\r\n{body}\r\n0\r\nA: {padding}\r\n\r\n"),
        ] {
            let response = Response::parse(&send_and_read_all(&server, message.as_bytes()));
            let expected = if path.starts_with("/services") {
                500
            } else {
                413
            };
            assert_eq!(response.status, expected, "{path}: {}", response.body);
            let matches = ["larger than", "more than", "exceeds the"]
                .map(|text| response.body.contains(text));
            assert!(matches.contains(&true), "{}", response.body);
        }
    }
    assert!(server.user_names().is_empty());
}

#[test]
fn requests_after_the_last_one_of_a_connection_are_ignored() {
    let server = TestApp::start();
    let import = |name: &str, version: &str, connection: &str| {
        let file = format!("username,password\n{name},Meadow-Lark-77\n");
        format!(
            "POST /api/v1/imports HTTP/{version}\r\nHost: test\r\nAuthorization: {}\r\n\
             Content-Type: text/csv\r\n{connection}Content-Length: {}\r\n\r\n{file}",
            admin(),
            file.len()
        )
    };
    for (number, (version, connection)) in [
        ("1.1", "Connection: close\r\n"),
        ("1.1", "Connection: Keep-Alive, Close\r\n"),
        ("1.0", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let (last, after) = (format!("last{number}"), format!("after{number}"));
        let messages = import(&last, version, connection) + &import(&after, "1.1", "");
        let all = send_and_read_all(&server, messages.as_bytes());
        assert_eq!(all.matches("HTTP/1.").count(), 1, "{all}");
        // A request that arrives later is not answered either.
        let mut stream = server.connect();
        let late = import(&format!("late{number}"), version, connection);
        stream.write_all(late.as_bytes()).unwrap();
        assert!(Response::read(&mut stream).status < 300);
        let _ = stream.write_all(import(&after, "1.1", "").as_bytes());
        let mut rest = String::new();
        let _ = stream.read_to_string(&mut rest);
        assert!(!rest.contains("HTTP/1."), "{rest}");
    }
    // With `Connection: keep-alive`, an HTTP/1.0 connection stays open.
    let messages = import("one", "1.0", "Connection: keep-alive\r\n") + &import("two", "1.0", "");
    let all = send_and_read_all(&server, messages.as_bytes());
    assert_eq!(all.matches("HTTP/1.").count(), 2, "{all}");
    assert_eq!(
        server.user_names(),
        [
            "last0", "last1", "last2", "late0", "late1", "late2", "one", "two"
        ]
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestApp::start();
    let one = chunked("text/xml", "", inline(KIM).as_bytes(), 100);
    let list = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    let last = "GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let all = send_and_read_all(&server, &[&one, list.as_bytes(), last.as_bytes()].concat());
    let places = ["bulkImportUsersResponse", "ok\n", "ready\n"].map(|text| all.find(text).unwrap());
    assert!(places.is_sorted(), "{all}");
}

#[test]
fn field_names_are_sent_in_title_case() {
    let server = TestApp::start();
    for (path, content_type, body) in uploads() {
        for authorization in [admin(), crate::app::basic("admin", "wrong")] {
            let message = format!(
                "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\n\
                 Content-Type: {content_type}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            for message in [
                message.replace("Content-Length", "Expect: 100-continue\r\nContent-Length"),
                message,
            ] {
                let all = send_and_read_all(&server, message.as_bytes());
                let all = all.replace("HTTP/1.1 100 Continue\r\n\r\n", "");
                let (head, _) = all.split_once("\r\n\r\n").unwrap();
                assert!(head.contains("\r\nContent-Type: "), "{head}");
                for line in head.lines().skip(1) {
                    let (name, _) = line.split_once(':').unwrap();
                    let words = name.split('-');
                    let is_title = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase());
                    assert!(words.clone().all(is_title), "{line}");
                }
            }
        }
    }
}

#[test]
fn unknown_addresses_list_what_exists() {
    let server = TestApp::start();
    for (method, path, status, text) in [
        ("GET", "/nowhere", 404, "/services/UserAdmin"),
        (
            "POST",
            "/services/UserAdmn",
            404,
            "There is no service at this address",
        ),
        ("GET", "/services", 404, "/services/UserImport"),
        ("GET", "/services/", 404, "/services/UserImport"),
        (
            "POST",
            "/favicon.ico",
            404,
            "There is no resource at this address",
        ),
        ("PUT", "/services/UserAdmin", 405, "send requests with POST"),
        (
            "DELETE",
            "/services/UserAdmin/",
            405,
            "send requests with POST",
        ),
        ("GET", "/services/UserAdmin", 405, "?wsdl"),
    ] {
        let message =
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        let response = server.send(message.as_bytes());
        assert_eq!(response.status, status, "{method} {path}");
        assert!(
            response.body.contains(text),
            "{method} {path}: {}",
            response.body
        );
        let media_type = response.header("content-type");
        assert_eq!(media_type, Some("text/plain; charset=utf-8"), "{path}");
    }
}

#[test]
fn unknown_addresses_are_answered_before_the_body_is_sent() {
    let server = TestApp::start();
    for (method, path, status) in [
        ("POST", "/nowhere", 404),
        ("POST", "/services/UserAdmn", 404),
        ("PUT", "/services/UserAdmin", 405),
        ("POST", "/api/v1/import", 404),
        ("POST", "/api/v2/imports", 404),
        ("PUT", "/api/v1/imports", 405),
        ("PATCH", "/api/v1/imports/preview", 405),
        ("POST", "/scim/v2/Nothing", 404),
        ("DELETE", "/scim/v2/Users", 405),
        ("PUT", "/scim2/Bulk", 405),
        ("PUT", "/t/carbon.super/scim2/Bulk", 405),
        ("POST", "/o/default/scim2/Nothing", 404),
        ("POST", "/t/default/scim/v2/Users", 404),
        ("POST", "/t/default/Users", 404),
        ("POST", "/scim", 404),
        ("POST", "/scim/v1/Users", 404),
        ("POST", "/scim2x/Users", 404),
        ("POST", "/healthz", 404),
        ("PUT", "/readyz", 404),
        ("GET", "/healthz/more", 404),
    ] {
        let message = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: text/csv\r\n\
             Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
            admin()
        );
        let start = Instant::now();
        let all = send_and_read_all(&server, message.as_bytes());
        assert!(start.elapsed() < Duration::from_secs(4), "{method} {path}");
        assert!(!all.contains("100 Continue"), "{method} {path}: {all}");
        let response = Response::parse(&all);
        assert_eq!(response.status, status, "{method} {path}: {all}");
        assert_eq!(
            response.header("connection"),
            Some("close"),
            "{method} {path}"
        );
    }
}

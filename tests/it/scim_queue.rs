//! Queued Bulk requests (RFC 9967), repeated requests, and a busy server.

use std::io::Write;
use std::time::{Duration, Instant};

use muster::users::operator::Role;
use serde_json::{Value, json};

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic};
use crate::scim::{MOUNTS, ask, ask_with, bulk, document, refused, scim_error, send, user};

const ASYNC: &str = "Prefer: respond-async";

/// A Bulk message that creates these users.
fn users(prefix: &str, count: usize) -> Value {
    let operations = (0..count).map(|number| {
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(),
               "data": user(&format!("{prefix}{number}"), json!({}))})
    });
    bulk(operations.collect())
}

/// Returns the path of a queued request.
#[track_caller]
fn path_of(response: &Response) -> String {
    assert_eq!(
        (response.status, response.body.as_str()),
        (202, ""),
        "{response:?}"
    );
    assert_eq!(response.header("preference-applied"), Some("respond-async"));
    let (location, id) = (response.header("location"), response.header("set-txn"));
    let (location, id) = (location.expect("where"), id.expect("its name"));
    assert!(location.starts_with("http") && location.ends_with(&format!("/Bulk/{id}")));
    let at = location.find("/scim").expect("the address");
    location[at..].to_owned()
}

/// Waits until the request has completed and returns its result.
#[track_caller]
fn completed(server: &TestApp, path: &str) -> Value {
    let started = Instant::now();
    loop {
        let response = ask(server, "GET", path, &Value::Null);
        if response.status == 200 {
            return document(&response);
        }
        assert_eq!(path_of(&response), path);
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn rfc_9967_request_is_queued_and_its_result_fetched_later() {
    let server = TestApp::start();
    for (mount, status) in MOUNTS.into_iter().zip([json!("201"), json!({"code": 201})]) {
        let path = format!("{mount}/Bulk");
        let prefix = if mount == "/scim2" { "kim" } else { "lee" };
        let response = ask_with(&server, "POST", &path, &[ASYNC], &users(prefix, 20));
        let place = path_of(&response);
        let done = completed(&server, &place);
        let operations = done["Operations"].as_array().unwrap();
        assert_eq!(operations.len(), 20);
        assert!(operations.iter().all(|it| it["status"] == status), "{done}");
        let head = ask(&server, "HEAD", &place, &Value::Null);
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let unauthenticated = send(&server, "GET", &place, &[], "");
        assert_eq!(refused(&unauthenticated), scim_error(401, ""));
    }
    assert_eq!(server.user_names().len(), 40);
    for id in ["7", "018f0000-0000-7000-8000-000000000000", "%00"] {
        let response = ask(&server, "GET", &format!("/scim/v2/Bulk/{id}"), &Value::Null);
        assert_eq!(refused(&response), scim_error(404, ""));
    }
    // An invalid request is refused at once.
    let response = ask_with(&server, "POST", "/scim/v2/Bulk", &[ASYNC], &json!({}));
    assert_eq!(refused(&response), scim_error(400, "invalidSyntax"));
    let many: Vec<Value> = (0..1001).map(|_| json!({})).collect();
    let response = ask_with(
        &server,
        "POST",
        "/scim/v2/Bulk",
        &[ASYNC],
        &bulk(json!(many)),
    );
    assert_eq!(refused(&response), scim_error(413, ""));
}

#[test]
fn item_29_queued_request_has_the_rights_of_its_caller_only() {
    let server = TestApp::start();
    for (name, role) in [("reader", Role::Read), ("importer", Role::Import)] {
        server.add_operator(name, role);
    }
    let mut message = users("kim", 1);
    let delete = json!({"method": "DELETE", "path": "/Users/bulkId:0"});
    message["Operations"].as_array_mut().unwrap().push(delete);
    for (name, role) in [("reader", Role::Read), ("importer", Role::Import)] {
        for caller in [
            basic(name, ADMIN_PASSWORD),
            server.bearer("admin", role, None),
        ] {
            let caller = format!("Authorization: {caller}\r\nContent-Type: application/json");
            let response = send(
                &server,
                "POST",
                "/scim/v2/Bulk",
                &[&caller, ASYNC],
                message.to_string(),
            );
            if role == Role::Read {
                assert_eq!(refused(&response), scim_error(403, ""));
                continue;
            }
            let done = completed(&server, &path_of(&response));
            let statuses: Vec<_> = done["Operations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["status"].clone())
                .collect();
            assert!(
                [json!(["201", "403"]), json!(["409", "409"])].contains(&json!(statuses)),
                "{done}"
            );
        }
    }
    assert_eq!(server.user_names(), ["kim0"]);
}

#[test]
fn repeated_request_with_the_same_key_gets_the_same_response() {
    let server = TestApp::start();
    for (prefer, mount) in [(&[][..], "/scim/v2"), (&[ASYNC][..], "/scim2")] {
        let path = format!("{mount}/Bulk");
        let key = format!("Idempotency-Key: \"monday{}\"", prefer.len());
        let headers = [&[key.as_str()], prefer].concat();
        let message = users(if prefer.is_empty() { "kim" } else { "lee" }, 3);
        let first = ask_with(&server, "POST", &path, &headers, &message);
        let again = ask_with(&server, "POST", &path, &headers, &message);
        assert_eq!(first.status, again.status, "{}", again.body);
        match prefer {
            [] => assert_eq!(first.body, again.body),
            _ => {
                assert_eq!(first.header("location"), again.header("location"));
                completed(&server, &path_of(&again));
            }
        }
        let other = ask_with(&server, "POST", &path, &headers, &users("other", 1));
        assert_eq!(refused(&other), scim_error(409, ""));
    }
    assert_eq!(server.user_names().len(), 6);
    for key in ["", &"a".repeat(300), "a b"] {
        let key = format!("Idempotency-Key: {key}");
        let response = ask_with(&server, "POST", "/scim/v2/Bulk", &[&key], &users("x", 1));
        assert!([200, 400].contains(&response.status), "{key}: {response:?}");
    }
}

#[test]
fn item_84_busy_server_answers_503_with_retry_after() {
    let server = TestApp::start_with(|options| {
        options.app.import.slots = 1;
        options.http.slot_seconds = 0;
    });
    let large = users("kim", 900);
    let text = large.to_string();
    assert!(text.len() > 80_000, "{}", text.len());
    let mut held = server.connect();
    let head = format!(
        "POST /scim/v2/Bulk HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        admin(),
        text.len()
    );
    let (first, rest) = text.split_at(70_000);
    held.write_all(&[head.as_bytes(), first.as_bytes()].concat())
        .expect("the server reads");
    // The slot is taken when the first bytes arrive, a moment after they were sent.
    std::thread::sleep(Duration::from_millis(300));
    for mount in MOUNTS {
        let path = format!("{mount}/Bulk");
        let response = ask(&server, "POST", &path, &large);
        assert_eq!(refused(&response), scim_error(429, ""));
        assert_eq!(response.header("retry-after"), Some("5"));
        // A small request needs no slot.
        let small = ask(&server, "POST", &path, &users(&mount.replace('/', "-"), 1));
        assert_eq!(small.status, 200, "{}", small.body);
    }
    held.write_all(rest.as_bytes()).expect("the server reads");
    assert_eq!(Response::read(&mut held).status, 200);
    let after = ask(&server, "POST", "/scim/v2/Bulk", &users("lee", 900));
    assert_eq!(after.status, 200);
    assert_eq!(server.user_names().len(), 1_800 + MOUNTS.len());
}

//! SCIM messages that are not valid: each is refused with its code and a sentence, and nothing of it is
//! stored.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, admin};
use crate::scim::{
    BULK, MOUNTS, answer, ask, ask_with, bulk, document, get, make_user, patch, refused,
    scim_error, send, user,
};

/// Posts these bytes as the operator admin.
fn post(server: &TestApp, path: &str, body: impl AsRef<[u8]>) -> Response {
    post_with(server, path, &[], body)
}

fn post_with(server: &TestApp, path: &str, more: &[&str], body: impl AsRef<[u8]>) -> Response {
    let admin = format!("Authorization: {}", admin());
    let headers = [
        &[admin.as_str(), "Content-Type: application/scim+json"],
        more,
    ]
    .concat();
    send(server, "POST", path, &headers, body)
}

#[test]
fn items_6_38_body_that_is_not_json_is_refused_everywhere() {
    let server = TestApp::start();
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        format!("{{\"schemas\":[\"{BULK}\"],\"userName\":{open}1{close}}}")
    };
    let texts = [
        "".to_owned(),
        "  ".into(),
        "{".into(),
        "nonsense".into(),
        "{\"userName\":\"kim\"} {}".into(),
        "{\"userName\":\"kim\",}".into(),
        "{\"userName\":\"\\ud800\"}".into(),
        "{\"userName\":\"a\nb\"}".into(),
        "{\"userName\":\"kim\",\"USERNAME\":\"lee\"}".into(),
        "{\"name\":{\"givenName\":\"a\",\"GivenName\":\"b\"}}".into(),
        "{\"userName\":1e999}".into(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
    ];
    for mount in MOUNTS {
        for path in ["/Users", "/Groups", "/.search", "/Users/.search"] {
            for text in &texts {
                let response = post(&server, &format!("{mount}{path}"), text);
                let start: String = text.chars().take(50).collect();
                assert_eq!(
                    refused(&response),
                    scim_error(400, "invalidSyntax"),
                    "{path} {start}"
                );
            }
        }
        for text in [
            "",
            "{",
            "[]",
            "null",
            "7",
            "\"x\"",
            "{} {}",
            "{\"schemas\":1}",
        ] {
            let response = post(&server, &format!("{mount}/Bulk"), text);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidSyntax"),
                "{text}"
            );
        }
    }
    // Attribute names have no case, so a name given twice is ambiguous.
    for text in [
        format!("{{\"schemas\":[\"{BULK}\"],\"Operations\":[],\"OPERATIONS\":[]}}"),
        format!("{{\"schemas\":[\"{BULK}\"],\"Schemas\":[],\"Operations\":[]}}"),
        format!(
            "{{\"schemas\":[\"{BULK}\"],\"failOnErrors\":1,\"failonerrors\":2,\"Operations\":[]}}"
        ),
        format!(
            "{{\"schemas\":[\"{BULK}\"],\"Operations\":[{{\"method\":\"POST\",\"Method\":\"PUT\"}}]}}"
        ),
        format!("{{\"schemas\":[\"{BULK}\"],\"Operations\":[{{\"data\":{{}},\"DATA\":{{}}}}]}}"),
    ] {
        let response = post(&server, "/scim/v2/Bulk", &text);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidSyntax"),
            "{text}"
        );
    }
    let bytes = b"{\"userName\":\"\xff\"}";
    assert_eq!(
        refused(&post(&server, "/scim/v2/Users", bytes)),
        scim_error(400, "invalidSyntax")
    );
    assert_eq!(server.user_names(), [""; 0]);
}

/// An error inside the data of one operation concerns that operation alone.
#[test]
fn items_6_16_invalid_data_in_bulk_fails_its_operation_and_broken_json_the_request() {
    let server = TestApp::start();
    let brackets = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (number, data) in [
        brackets.as_str(),
        "{\"schemas\":[],\"userName\":\"a\",\"username\":\"b\"}",
        "{\"userName\":\"\\ud800\"}",
        "[]",
        "\"bulkId:x\"",
    ]
    .into_iter()
    .enumerate()
    {
        let message = format!(
            "{{\"schemas\":[\"{BULK}\"],\"Operations\":[{{\"method\":\"POST\",\"path\":\"/Users\",\
             \"bulkId\":\"a\",\"data\":{data}}},{{\"method\":\"POST\",\"path\":\"/Users\",\"bulkId\":\
             \"b\",\"data\":{}}}]}}",
            user(&format!("user{number}"), json!({}))
        );
        let response = post(&server, "/scim/v2/Bulk", message);
        let operations = document(&response)["Operations"].clone();
        assert!(["400", "409"].contains(&operations[0]["status"].as_str().unwrap()));
        crate::scim::error_of(&operations[0]["response"]);
        assert_eq!(operations[1]["status"], "201", "{operations}");
    }
    for broken in ["{\"schemas\":", "\"unended", "{]", "nul"] {
        let message = format!(
            "{{\"schemas\":[\"{BULK}\"],\"Operations\":[{{\"method\":\"POST\",\"path\":\"/Users\",\
             \"bulkId\":\"a\",\"data\":{broken}}}]}}"
        );
        let response = post(&server, "/scim/v2/Bulk", message);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidSyntax"),
            "{broken}"
        );
    }
    assert_eq!(server.user_names().len(), 5);
}

#[test]
fn items_38_47_values_of_the_wrong_type_are_refused() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let before = get(&server, &format!("/scim/v2/Users/{kim}"));
    let enterprise = crate::scim::ENTERPRISE;
    for (name, value) in [
        ("displayName", json!(7)),
        ("displayName", json!(["a"])),
        ("displayName", json!({"value": "a"})),
        ("displayName", json!("a\u{0}b")),
        ("active", json!("maybe")),
        ("active", json!(1)),
        ("name", json!("Kim")),
        ("name", json!([{"givenName": "Kim"}])),
        ("profileUrl", json!("not a uri")),
        ("emails", json!([{"value": 7}])),
        ("emails", json!([{"value": "a@b", "primary": "x"}])),
        ("emails", json!([7])),
        ("photos", json!([{"value": "white space"}])),
        ("x509Certificates", json!([{"value": "*"}])),
        (enterprise, json!("x")),
        (enterprise, json!({"employeeNumber": 7})),
        (enterprise, json!({"manager": {"value": 7}})),
        ("password", json!(["Spring-Meadow-42"])),
        ("displayName", json!("a".repeat(70_000))),
    ] {
        let mut message = user("lee", json!({}));
        message[name] = value.clone();
        let answers = [
            ask(&server, "POST", "/scim/v2/Users", &message),
            ask(&server, "PUT", &format!("/scim2/Users/{kim}"), &message),
            ask(
                &server,
                "PATCH",
                &format!("/scim/v2/Users/{kim}"),
                &patch(json!([{"op": "replace", "path": name, "value": value}])),
            ),
        ];
        for response in answers {
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidValue"),
                "{name} {value}"
            );
            assert!(!response.body.contains("Spring-Meadow"));
        }
    }
    assert_eq!(get(&server, &format!("/scim/v2/Users/{kim}")), before);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn items_37_38_39_wrong_schemas_are_refused_and_unknown_attributes_ignored() {
    let server = TestApp::start();
    for mount in MOUNTS {
        for schemas in [
            json!("urn"),
            json!(["urn:x"]),
            json!([crate::scim::GROUP]),
            json!([crate::scim::USER, crate::scim::USER]),
            json!([7]),
        ] {
            let mut message = user("kim", json!({}));
            message["schemas"] = schemas;
            let response = ask(&server, "POST", &format!("{mount}/Users"), &message);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidValue"),
                "{message}"
            );
        }
    }
    for schemas in [json!(null), json!([])] {
        let mut message = user("kim", json!({}));
        message["schemas"] = schemas;
        let response = ask(&server, "POST", "/scim/v2/Users", &message);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidValue"),
            "{message}"
        );
    }
    let message = user(
        "kim",
        json!({
            "favouriteColour": "green-marker", "__proto__": {"a": "green-marker"},
            "urn:example:Car": {"a": "green-marker"}, "name": {"givenName": "Kim", "x": "green-marker"},
            "id": "green-marker", "meta": {"location": "green-marker"},
            "groups": [{"value": "green-marker"}],
        }),
    );
    let made = crate::scim::make(&server, "/scim/v2/Users", &message);
    assert!(!made.to_string().contains("green-marker"), "{made}");
    let stored = serde_json::to_string(&server.users()).unwrap();
    assert!(!stored.contains("green-marker"), "{stored}");
}

#[test]
fn items_3_4_26_body_over_the_limit_answers_413() {
    let server = TestApp::start();
    let (bulk, one) = (
        "maxPayloadSize (1048576)",
        "the limit of 1048576 bytes for one resource",
    );
    let large = user("kim", json!({"displayName": "a".repeat(1_100_000)})).to_string();
    for (path, limit) in [
        ("/scim/v2/Users", one),
        ("/scim2/Groups", one),
        ("/scim/v2/.search", one),
        ("/scim/v2/Bulk", bulk),
        ("/scim2/Bulk", bulk),
    ] {
        let response = post(&server, path, &large);
        assert_eq!(refused(&response), scim_error(413, ""), "{path}");
        assert!(response.body.contains(limit), "{}", response.body);
        // Without Content-Length the size is known only after the body has arrived.
        let mut stream = server.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: \
             application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            admin()
        );
        stream.write_all(head.as_bytes()).unwrap();
        for piece in large.as_bytes().chunks(50_000) {
            let _ = stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes());
            let _ = stream.write_all(piece);
            let _ = stream.write_all(b"\r\n");
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        let response = answer(&mut stream);
        assert_eq!(
            refused(&response),
            scim_error(413, ""),
            "{path} {}",
            response.body
        );
    }
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn items_3_16_million_empty_operations_answer_413() {
    let server = TestApp::start_with(|options| {
        options.app.scim.max_payload_bytes = 64 * 1024 * 1024;
    });
    let started = Instant::now();
    for operation in [
        "{}",
        "{\"method\":\"POST\",\"path\":\"/Users\",\"data\":{}}",
    ] {
        let operations = vec![operation; 1_000_000].join(",");
        let message = format!("{{\"schemas\":[\"{BULK}\"],\"Operations\":[{operations}]}}");
        let response = post(&server, "/scim/v2/Bulk", message);
        assert_eq!(refused(&response), scim_error(413, ""));
        assert!(
            response.body.contains("maxOperations (1000)"),
            "{}",
            response.body
        );
    }
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(server.last_import(), None);
}

#[test]
fn items_4_73_gzip_is_accepted_and_decompression_is_limited() {
    let server = TestApp::start();
    let gzip = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let kim = gzip(user("kim", json!({})).to_string().as_bytes());
    let made = post_with(&server, "/scim/v2/Users", &["Content-Encoding: gzip"], &kim);
    assert_eq!(made.status, 201, "{}", made.body);
    let bomb = gzip(&vec![b' '; 100_000_000]);
    assert!(bomb.len() < 1_000_000);
    for path in ["/scim/v2/Users", "/scim/v2/Bulk", "/scim/v2/Users/.search"] {
        let started = Instant::now();
        let response = post_with(&server, path, &["Content-Encoding: gzip"], &bomb);
        assert_eq!(
            refused(&response),
            scim_error(413, ""),
            "{path}: {}",
            response.body
        );
        assert!(started.elapsed() < Duration::from_secs(5));
        let cut = post_with(
            &server,
            path,
            &["Content-Encoding: gzip"],
            &kim[..kim.len() - 12],
        );
        assert_eq!(refused(&cut).0, 400, "{path}");
        for other in ["br", "gzip, gzip", "zstd"] {
            let field = format!("Content-Encoding: {other}");
            let response = post_with(&server, path, &[&field], &kim);
            assert_eq!(refused(&response), scim_error(415, ""), "{path} {other}");
        }
    }
    assert_eq!(server.user_names(), ["kim"]);
}

/// Sends every prefix of a request, as if the client had disconnected there.
#[test]
fn items_6_16_truncated_request_changes_nothing() {
    let server = TestApp::start();
    let message = bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user("kim", json!({}))},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("lee", json!({}))},
    ]))
    .to_string();
    for end in 0..message.len() {
        let response = post(&server, "/scim/v2/Bulk", &message[..end]);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidSyntax"),
            "{}",
            &message[..end]
        );
        if end % 8 == 0 {
            // The same prefix, announced with the length of the whole message.
            let mut stream = server.connect();
            let head = format!(
                "POST /scim/v2/Bulk HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: \
                 application/json\r\nContent-Length: {}\r\n\r\n{}",
                admin(),
                message.len(),
                &message[..end]
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut rest = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
            assert!(!rest.starts_with(b"HTTP/1.1 2"), "{end}");
        }
    }
    assert_eq!(server.user_names(), [""; 0]);
    assert_eq!(server.last_import(), None);
    assert_eq!(post(&server, "/scim/v2/Bulk", &message).status, 200);
    assert_eq!(server.user_names(), ["kim", "lee"]);
}

#[test]
fn items_43_64_invalid_filters_are_refused() {
    let server = TestApp::start();
    make_user(&server, "kim");
    let long = format!("title eq \"{}\"", "a".repeat(100_000));
    let nested = format!("{}title pr{}", "(".repeat(5_000), ")".repeat(5_000));
    let chain = vec!["title pr"; 4_000].join(" or ");
    let back = format!("title eq \"{}", "\\\"".repeat(4_000));
    for filter in [
        "password eq \"x\"",
        "password pr",
        "userName eq \"kim\" or password sw \"a\"",
        "active gt true",
        "nothing eq 1",
        "userName",
        "userName eq",
        "userName eq kim",
        "userName like \"k\"",
        "(userName pr",
        "emails[type eq \"work\"",
        "not userName pr",
        "userName eq \"k\" and",
        "meta.created gt \"yesterday\"",
        &long,
        &nested,
        &chain,
        &back,
    ] {
        let message = json!({"schemas": [crate::scim::SEARCH], "filter": filter});
        let started = Instant::now();
        let start: String = filter.chars().take(60).collect();
        for path in ["/scim/v2/Users/.search", "/scim/v2/.search"] {
            let response = ask(&server, "POST", path, &message);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidFilter"),
                "{path} {start}"
            );
        }
        if filter.len() < 10_000 {
            let path = format!("/scim/v2/Users?filter={}", crate::scim::escaped(filter));
            let response = ask(&server, "GET", &path, &Value::Null);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidFilter"),
                "{start}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(3), "{start}");
    }
    for sort in ["password", "nothing", "name", "emails.nothing"] {
        let path = format!("/scim/v2/Users?sortBy={sort}");
        let response = ask(&server, "GET", &path, &Value::Null);
        assert_eq!(refused(&response).0, 400, "{sort}: {}", response.body);
    }
    for query in ["count=x", "startIndex=x", "sortOrder=up", "cursor=x"] {
        let path = format!("/scim/v2/Users?{query}");
        let response = ask(&server, "GET", &path, &Value::Null);
        assert_eq!(refused(&response).0, 400, "{query}");
    }
    let filtered = ask_with(
        &server,
        "GET",
        "/scim/v2/Schemas?filter=a",
        &[],
        &Value::Null,
    );
    assert_eq!(refused(&filtered), scim_error(403, ""));
}

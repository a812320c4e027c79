//! Authentication by HTTP Basic, which is checked before any row is read.

use std::io::Write;
use std::time::{Duration, Instant};

use muster::users::operator::Role;

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic, inline};
use crate::message::{KIM, SOAP_11, in_soap_12};

const SERVICE: &str = "/services/UserAdmin";

/// Calls with a good message and this `Authorization`.
fn call_as(server: &TestApp, authorization: Option<&str>) -> Response {
    server.post_as(
        SERVICE,
        authorization,
        "text/xml",
        &[],
        inline(KIM).as_bytes(),
    )
}

#[track_caller]
fn assert_nothing_happened(server: &TestApp) {
    assert_eq!(server.user_names(), [""; 0]);
    assert_eq!(server.last_import(), None);
}

#[test]
fn missing_credentials_get_the_basic_challenge() {
    let server = TestApp::start();
    let fields = [
        None,
        Some("Basic"),
        Some("Basic "),
        Some("Basic !!!!"),
        // No colon, no name, no password.
        Some("Basic YWRtaW4="),
        Some("Basic OnNlY3JldA=="),
        Some("Basic YWRtaW46"),
    ];
    for field in fields {
        let response = call_as(&server, field);
        assert_eq!(response.status, 401, "{field:?}");
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, Some("Basic realm=\"Muster\""), "{field:?}");
        assert!(response.body.starts_with("The request has no credentials"));
    }
    assert_nothing_happened(&server);
}

#[test]
fn challenge_keeps_the_connection_open_for_a_retry() {
    let server = TestApp::start();
    let mut stream = server.connect();
    let body = inline(KIM);
    for (authorization, status) in [(String::new(), 401), (admin(), 200)] {
        let field = match authorization.as_str() {
            "" => String::new(),
            value => format!("Authorization: {value}\r\n"),
        };
        let request = format!(
            "POST {SERVICE} HTTP/1.1\r\nHost: test\r\n{field}Content-Type: text/xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(Response::read(&mut stream).status, status);
    }
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn wrong_credentials_get_the_originals_fault_50977() {
    let server = TestApp::start();
    let wrong = "Access Denied. Authentication failed - Invalid credentials provided.";
    let login = "Access Denied. Please login first.";
    let two = format!("{}\r\nAuthorization: {}", admin(), basic("admin", "other"));
    let twice = format!("{0}\r\nAuthorization: {0}", admin());
    let cases = [
        (
            "wrong password",
            basic("admin", "wrong"),
            wrong,
            "IMP-ACCESS-CREDENTIALS",
        ),
        (
            "unknown operator",
            basic("unknown", ADMIN_PASSWORD),
            wrong,
            "IMP-ACCESS-CREDENTIALS",
        ),
        ("two fields", two, wrong, "IMP-ACCESS-CREDENTIALS"),
        ("one field twice", twice, wrong, "IMP-ACCESS-CREDENTIALS"),
        (
            "another scheme",
            "Digest abcdef".into(),
            login,
            "IMP-ACCESS-SCHEME",
        ),
        (
            "an invalid token",
            "Bearer abcdef".into(),
            wrong,
            "IMP-ACCESS-CREDENTIALS",
        ),
    ];
    for (name, authorization, text, rule) in cases {
        let response = call_as(&server, Some(&authorization));
        assert_eq!(response.status, 500, "{name}");
        assert_eq!(response.fault_text(), text, "{name}");
        assert_eq!(response.rule(), rule, "{name}");
        assert_code(&response, "faultcode", "50977", SOAP_11);
    }
    assert_nothing_happened(&server);
}

#[test]
fn missing_right_gets_the_originals_fault_50978() {
    let server = TestApp::start();
    server.add_operator("auditor", Role::Read);
    let response = call_as(&server, Some(&basic("auditor", ADMIN_PASSWORD)));
    assert_eq!(response.status, 500);
    assert_eq!(response.fault_text(), "Access Denied.");
    assert_eq!(response.rule(), "IMP-ACCESS-RIGHT");
    assert_code(&response, "faultcode", "50978", SOAP_11);
    assert_nothing_happened(&server);
}

#[test]
fn soap_12_subcode_is_a_name_and_the_number_is_in_the_detail() {
    let server = TestApp::start();
    server.add_operator("auditor", Role::Read);
    let wrong = (basic("admin", "wrong"), "IMP-ACCESS-CREDENTIALS", "50977");
    let reader = (
        basic("auditor", ADMIN_PASSWORD),
        "IMP-ACCESS-RIGHT",
        "50978",
    );
    for (authorization, rule, number) in [wrong, reader] {
        let call = in_soap_12(&inline(KIM));
        let response = server.post_as(
            SERVICE,
            Some(&authorization),
            "application/soap+xml",
            &[],
            call.as_bytes(),
        );
        let soap_xml = Some("application/soap+xml; charset=utf-8");
        assert_eq!(response.header("content-type"), soap_xml);
        assert_eq!(response.element("Value").as_deref(), Some("soapenv:Sender"));
        assert_code(&response, "Subcode", rule, "urn:muster:soap:fault:1");
        assert_eq!(response.rule(), rule);
        assert_eq!(response.element("number").as_deref(), Some(number));
    }
    assert_nothing_happened(&server);
}

/// The code is this one, with a prefix that is bound to the namespace.
fn assert_code(response: &Response, element: &str, code: &str, namespace: &str) {
    let document = roxmltree::Document::parse(&response.body).unwrap();
    let found = document
        .descendants()
        .find(|node| node.tag_name().name() == element)
        .unwrap();
    let value = found.first_element_child().unwrap_or(found);
    let (prefix, local) = value.text().unwrap().split_once(':').unwrap();
    assert_eq!(local, code);
    assert_eq!(value.lookup_namespace_uri(Some(prefix)), Some(namespace));
}

#[test]
fn role_import_may_import() {
    for role in [Role::Import, Role::Admin] {
        let server = TestApp::start();
        server.add_operator("importer", role);
        let response = call_as(&server, Some(&basic("importer", ADMIN_PASSWORD)));
        assert_eq!(response.status, 200, "{}", response.body);
        assert_eq!(server.last_import().unwrap().operator, "importer");
    }
}

#[test]
fn removed_or_changed_operator_is_refused_at_once() {
    let server = TestApp::start();
    let store = server.app.store.as_ref();
    for change in ["removed", "changed"] {
        server.add_operator("importer", Role::Import);
        let credentials = basic("importer", ADMIN_PASSWORD);
        let empty = |status| {
            let response =
                server.post_as(SERVICE, Some(&credentials), "text/xml", &[], b"<nothing/>");
            assert_eq!(response.status, status);
            response.rule()
        };
        // Cached by the first call.
        assert_eq!(empty(500), "IMP-SOAP-ENVELOPE");
        assert_eq!(empty(500), "IMP-SOAP-ENVELOPE");
        let changed = match change {
            "removed" => {
                store.remove_operator("importer", &crate::stores::by(), crate::stores::NOW)
            }
            _ => {
                let hash = server.app.pool.hash("another-password".into()).unwrap();
                store.set_operator_password(
                    "importer",
                    &hash,
                    &crate::stores::by(),
                    crate::stores::NOW,
                )
            }
        };
        assert!(changed.unwrap());
        assert_eq!(empty(500), "IMP-ACCESS-CREDENTIALS", "{change}");
    }
    assert_nothing_happened(&server);
}

#[test]
fn verified_credential_is_cached() {
    let server = TestApp::start_with(|options| {
        options.app.passwords.memory_kib = 128 * 1024;
        options.app.passwords.passes = 6;
    });
    let time = || {
        let started = Instant::now();
        let response = server.post_as(SERVICE, Some(&admin()), "text/xml", &[], b"<nothing/>");
        assert_eq!(response.rule(), "IMP-SOAP-ENVELOPE");
        started.elapsed()
    };
    let first = time();
    // The fastest of three, because other tests use the machine, too.
    let later = [time(), time(), time()].into_iter().min().unwrap();
    assert!(
        first > Duration::from_millis(50),
        "the hash costs nothing: {first:?}"
    );
    assert!(later * 5 < first, "first {first:?}, later {later:?}");
}

#[test]
fn wrong_password_is_never_cached_as_right() {
    let server = TestApp::start();
    for _ in 0..2 {
        assert_eq!(call_as(&server, Some(&basic("admin", "wrong"))).status, 500);
    }
    assert_nothing_happened(&server);
    assert_eq!(call_as(&server, Some(&admin())).status, 200);
    let response = call_as(&server, Some(&basic("admin", "wrong")));
    assert_eq!(response.rule(), "IMP-ACCESS-CREDENTIALS");
}

#[test]
fn non_ascii_password_is_accepted_in_both_charsets() {
    let server = TestApp::start();
    let hash = server.app.pool.hash("pässwörter".into()).unwrap();
    server.add_operator("importer", Role::Import);
    assert!(
        server
            .app
            .store
            .set_operator_password("importer", &hash, &crate::stores::by(), crate::stores::NOW)
            .unwrap()
    );
    let latin1 = "Basic aW1wb3J0ZXI6cORzc3f2cnRlcg==";
    for authorization in [basic("importer", "pässwörter").as_str(), latin1] {
        let response = server.post_as(SERVICE, Some(authorization), "text/xml", &[], b"<nothing/>");
        assert_eq!(response.rule(), "IMP-SOAP-ENVELOPE");
    }
}

#[test]
fn wsdl_and_health_pages_need_no_credentials() {
    let server = TestApp::start();
    for path in ["/healthz", "/readyz", "/services/UserAdmin?wsdl"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/healthz").body, "ok\n");
    assert_eq!(server.get("/readyz").body, "ready\n");
    assert_eq!(server.get("/").status, 303, "it leads to the portal");
    assert_eq!(server.get(SERVICE).status, 405);
}

//! WS-Security UsernameToken: credentials in the SOAP envelope.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use muster::http::soap::security_settings::DigestCaller;
use muster::users::operator::Role;

use crate::app::{ADMIN_PASSWORD, RELATED, Response, TestApp, envelope, multipart};
use crate::message::{KIM, base64, in_soap_12, include, parameters, parts};

const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

/// The secret of the operator `esb`, who may send password digests.
const SECRET: &str = "a secret kept in settings";

fn server() -> TestApp {
    let server = TestApp::start_with(|options| {
        options.soap.security.digest_callers.push(DigestCaller {
            name: "esb".into(),
            secret: Some(SECRET.into()),
            secret_file: None,
        });
    });
    server.add_operator("esb", Role::Import);
    server
}

fn now(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// A valid call after a Security header with this content.
fn call_with(content: &str, must_understand: &str) -> String {
    let call = envelope(&parameters(&base64(KIM)));
    let header = format!(
        "<soapenv:Header><wsse:Security xmlns:wsse=\"{WSSE}\" xmlns:wsu=\"{WSU}\" {must_understand}>\
         {content}</wsse:Security></soapenv:Header><soapenv:Body>"
    );
    call.replacen("<soapenv:Body>", &header, 1)
}

fn text_token(name: &str, password: &str) -> String {
    format!(
        "<wsse:UsernameToken><wsse:Username>{name}</wsse:Username>\
         <wsse:Password Type=\"{PROFILE}#PasswordText\">{password}</wsse:Password>\
         </wsse:UsernameToken>"
    )
}

fn digest_token(name: &str, secret: &str, nonce: &[u8], created: &str) -> String {
    let mut sum = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    sum.update(nonce);
    sum.update(created.as_bytes());
    sum.update(secret.as_bytes());
    let digest = STANDARD.encode(sum.finish());
    let nonce = STANDARD.encode(nonce);
    format!(
        "<wsse:UsernameToken><wsse:Username>{name}</wsse:Username>\
         <wsse:Password Type=\"{PROFILE}#PasswordDigest\">{digest}</wsse:Password>\
         <wsse:Nonce>{nonce}</wsse:Nonce><wsu:Created>{created}</wsu:Created></wsse:UsernameToken>"
    )
}

/// A valid call with user name and plain-text password in its header.
pub fn call_as_text(name: &str, password: &str) -> String {
    call_with(&text_token(name, password), "")
}

fn post(server: &TestApp, body: &str) -> Response {
    server.post_as(
        "/services/UserAdmin",
        None,
        "text/xml",
        &["X-Request-Id: one"],
        body.as_bytes(),
    )
}

#[test]
fn plain_text_password_authenticates_the_caller() {
    for must_understand in [
        "",
        "soapenv:mustUnderstand=\"1\"",
        "soapenv:mustUnderstand=\"true\"",
    ] {
        let server = server();
        let timestamp = format!(
            "<wsu:Timestamp><wsu:Created>{}</wsu:Created><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>",
            now(-1),
            now(300)
        );
        let content = timestamp + &text_token("admin", ADMIN_PASSWORD);
        let response = post(&server, &call_with(&content, must_understand));
        assert_eq!(response.status, 200, "{must_understand}: {}", response.body);
        assert_eq!(server.user_names(), ["kim"]);
        assert_eq!(server.last_import().unwrap().operator, "admin");
    }
}

#[test]
fn digest_authenticates_an_operator_whose_secret_is_in_the_settings() {
    let server = server();
    let token = digest_token("esb", SECRET, b"nonce 1", &now(0));
    let response = post(&server, &call_with(&token, "soapenv:mustUnderstand=\"1\""));
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.last_import().unwrap().operator, "esb");

    let again = post(&server, &call_with(&token, ""));
    assert_eq!(
        (again.status, again.rule().as_str()),
        (500, "IMP-WSSE-REPLAY")
    );

    let wrong = digest_token("esb", "another secret", b"nonce 2", &now(0));
    let response = post(&server, &call_with(&wrong, ""));
    assert!(response.body.contains("50977"), "{}", response.body);

    let hashed = digest_token("admin", ADMIN_PASSWORD, b"nonce 3", &now(0));
    let response = post(&server, &call_with(&hashed, ""));
    assert_eq!(response.rule(), "IMP-WSSE-DIGEST");
    assert!(
        response.fault_text().contains("digest_callers"),
        "{}",
        response.fault_text()
    );
}

#[test]
fn stale_future_and_expired_headers_are_refused() {
    let server = server();
    let token = text_token("admin", ADMIN_PASSWORD);
    for (case, content) in [
        ("old", digest_token("esb", SECRET, b"n1", &now(-602))),
        ("future", digest_token("esb", SECRET, b"n2", &now(310))),
        (
            "unreadable",
            digest_token("esb", SECRET, b"n3", "yesterday"),
        ),
        (
            "expired",
            format!(
                "<wsu:Timestamp><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>{token}",
                now(-302)
            ),
        ),
        (
            "an old timestamp with a fresh token",
            format!(
                "<wsu:Timestamp><wsu:Created>{}</wsu:Created></wsu:Timestamp>{}",
                now(-602),
                digest_token("esb", SECRET, b"n4", &now(0))
            ),
        ),
    ] {
        let response = post(&server, &call_with(&content, ""));
        assert_eq!(response.rule(), "IMP-WSSE-STALE", "{case}");
    }
    assert!(server.user_names().is_empty());
}

#[test]
fn clock_skew_is_tolerated_in_both_directions() {
    let server = server();
    let token = text_token("admin", ADMIN_PASSWORD);
    let contents = [
        digest_token("esb", SECRET, b"n1", &now(-590)),
        digest_token("esb", SECRET, b"n2", &now(290)),
        format!(
            "<wsu:Timestamp><wsu:Created>{}</wsu:Created><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>{token}",
            now(-590),
            now(-290)
        ),
    ];
    let statuses = contents
        .iter()
        .map(|content| post(&server, &call_with(content, "")).status);
    // The first call creates the user; the others find it as a duplicate.
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 500, 500]);
    let replayed = post(&server, &call_with(&contents[1], ""));
    assert_eq!(replayed.rule(), "IMP-WSSE-REPLAY");
    let strict = TestApp::start_with(|options| options.soap.security.clock_skew_seconds = 5);
    let ahead = format!(
        "<wsu:Timestamp><wsu:Created>{}</wsu:Created></wsu:Timestamp>{token}",
        now(20)
    );
    assert_eq!(
        post(&strict, &call_with(&ahead, "")).rule(),
        "IMP-WSSE-STALE"
    );
}

#[test]
fn freshness_and_replay_checks_can_be_disabled() {
    let server = TestApp::start_with(|options| {
        options.soap.security.max_age_seconds = 0;
        options.soap.security.digest_callers.push(DigestCaller {
            name: "admin".into(),
            secret: Some(SECRET.into()),
            secret_file: None,
        });
    });
    let token = digest_token("admin", SECRET, b"n", "2001-01-01T00:00:00Z");
    assert_eq!(post(&server, &call_with(&token, "")).status, 200);
    let again = post(&server, &call_with(&token, ""));
    assert!(
        again.fault_text().contains("Duplicate Count : 1."),
        "{}",
        again.body
    );
}

#[test]
fn wrong_password_is_the_originals_fault_and_two_credentials_are_refused() {
    let server = server();
    let response = post(&server, &call_with(&text_token("admin", "wrong"), ""));
    assert!(
        response.body.contains(":50977</faultcode>"),
        "{}",
        response.body
    );
    let response = post(
        &server,
        &in_soap_12(&call_with(&text_token("nobody", "wrong"), "")),
    );
    assert_eq!(
        (response.status, response.rule().as_str()),
        (400, "IMP-ACCESS-CREDENTIALS")
    );
    let two = text_token("admin", ADMIN_PASSWORD).repeat(2);
    assert_eq!(
        post(&server, &call_with(&two, "")).rule(),
        "IMP-WSSE-TOKENS"
    );
    assert!(server.user_names().is_empty());
}

#[test]
fn missing_credentials_answer_401_whatever_else_is_wrong() {
    let server = server();
    let call = envelope(&parameters(&base64(KIM)));
    let no_token = call_with("", "");
    for (case, content_type, body) in [
        ("a valid call", "text/xml", call.as_str()),
        ("a header without a token", "text/xml", &no_token),
        ("no XML", "text/xml", "hello"),
        ("another media type", "text/plain", "hello"),
        ("MTOM", RELATED, &multipart(KIM)),
    ] {
        let response = server.post_as(
            "/services/UserAdmin",
            None,
            content_type,
            &[],
            body.as_bytes(),
        );
        assert_eq!(response.status, 401, "{case}");
        assert!(response.body.starts_with("The request has no credentials"));
        assert!(
            response
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic realm="),
            "{case}"
        );
    }
    assert!(server.user_names().is_empty() && server.last_import().is_none());
}

#[test]
fn plain_text_and_digest_credentials_may_name_an_organization() {
    let server = server();
    for organization in ["acme", "beta"] {
        server.add_organization(organization);
    }
    server.add_operator_of("acme", "esb@acme", Role::Import);
    let post = |token: &str| post(&server, &call_with(token, ""));
    let wrong = post(&text_token("esb@nowhere", ADMIN_PASSWORD));
    assert_eq!(wrong.rule(), "IMP-ACCESS-CREDENTIALS");
    let unknown_organization = digest_token("esb@nowhere", SECRET, b"nonce 1", &now(0));
    assert_eq!(post(&unknown_organization).body, wrong.body);
    // An operator whose whole name this is has a different secret.
    let other = digest_token("esb@acme", SECRET, b"nonce 2", &now(0));
    assert_eq!(post(&other).rule(), "IMP-WSSE-DIGEST");
    assert!(
        server
            .app
            .store
            .remove_operator("esb@acme", &crate::stores::by(), crate::stores::NOW)
            .unwrap()
    );
    let good = [
        digest_token("esb@Acme", SECRET, b"nonce 3", &now(0)),
        text_token("esb@beta", ADMIN_PASSWORD),
    ];
    for (token, organization) in good.iter().zip(["acme", "beta"]) {
        let response = post(token);
        assert_eq!(response.status, 200, "{}", response.body);
        let names = crate::stores::names(server.app.store.as_ref(), organization, None);
        assert_eq!(names, ["kim"], "{organization}");
    }
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn envelope_of_an_unauthenticated_caller_must_come_first_and_early() {
    let server = server();
    let xop = "Content-Type: application/xop+xml; type=\"text/xml\"\nContent-ID: <root>";
    let csv = "Content-Type: text/csv\nContent-ID: <file@test>";
    let root = call_with(&text_token("admin", ADMIN_PASSWORD), "")
        .replace(&base64(KIM), &include("file@test"));
    let post =
        |body: &str| server.post_as("/services/UserAdmin", None, RELATED, &[], body.as_bytes());
    assert_eq!(
        post(&parts(&[(csv, KIM), (xop, &root)])).status,
        401,
        "an attachment comes first"
    );
    let late = root.replacen(
        "<soapenv:Header>",
        &format!("<soapenv:Header><x>{}</x>", " ".repeat(1 << 20)),
        1,
    );
    assert_eq!(
        post(&parts(&[(xop, &late), (csv, KIM)])).status,
        401,
        "the token is too late"
    );
    assert!(server.user_names().is_empty());
    let response = post(&parts(&[(xop, &root), (csv, KIM)]));
    assert_eq!(response.status, 200, "{}", response.body);
}

#[test]
fn long_file_after_the_token_is_not_limited() {
    let server = server();
    let rows: String = (0..40_000)
        .map(|n| format!("long{n},Passw0rd-{n}x,\n"))
        .collect();
    let file = format!("UserName,Password,Claims\n{}", &rows[..20_000]);
    let padded = file.trim_end_matches(|c| c != '\n').to_owned() + &"\n".repeat(2 << 20);
    let call = call_with(&text_token("admin", ADMIN_PASSWORD), "");
    let call = call.replace(&base64(KIM), &base64(&padded));
    assert!(call.len() > 2 << 20);
    let response = post(&server, &call);
    assert_eq!(response.status, 200, "{}", response.body);
}

#[test]
fn connection_stays_usable_after_the_challenge() {
    let server = server();
    let body = envelope(&parameters(&base64(KIM)));
    let mut stream = server.connect();
    let head = |authorization: &str| {
        format!(
            "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\n{authorization}Content-Type: text/xml\
             \r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    stream.write_all(head("").as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).status, 401);
    let authorization = format!("Authorization: {}\r\n", crate::app::admin());
    stream.write_all(head(&authorization).as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).status, 200);
}

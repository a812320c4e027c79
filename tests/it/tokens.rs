//! Bearer tokens (RFC 6750): on every channel that takes credentials, and managed at the terminal.

use std::io::Write;
use std::time::{Duration, Instant};

use muster::users::operator::Role;

use crate::app::{Response, TestApp, admin, basic, inline};
use crate::message::KIM;
use crate::process::{Home, Serving};

const SERVICE: &str = "/services/UserAdmin";

const IMPORTS: &str = "/api/v1/imports";

fn get(server: &TestApp, path: &str, authorization: &str) -> Response {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n"
    );
    server.send(request.as_bytes())
}

/// Returns all `WWW-Authenticate` fields in their order.
fn challenges(response: &Response) -> Vec<&str> {
    let fields = response.headers.iter();
    fields
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value.as_str())
        .collect()
}

#[test]
fn token_authenticates_its_operator_over_soap_and_rest() {
    let server = TestApp::start();
    server.add_operator("esb", Role::Admin);
    let token = server.bearer("ESB", Role::Import, None);
    let body = inline(KIM);
    let response = server.post_as(SERVICE, Some(&token), "text/xml", &[], body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.last_import().expect("an import").operator, "esb");
    assert_eq!(get(&server, IMPORTS, &token).status, 200);
    let lower = token.replace("Bearer ", "bearer  ");
    assert_eq!(get(&server, IMPORTS, &lower).status, 200);
    // The token has the role import, even if its operator has a higher one.
    let audit = get(&server, "/api/v1/audit", &token);
    assert_eq!(audit.status, 403, "{}", audit.body);
    let reader = server.bearer("esb", Role::Read, None);
    let refused = server.post_as(SERVICE, Some(&reader), "text/xml", &[], body.as_bytes());
    assert_eq!(refused.rule(), "IMP-ACCESS-RIGHT");
}

#[test]
fn token_never_grants_more_than_its_operator_has() {
    let server = TestApp::start();
    server.add_operator("reader", Role::Read);
    server.add_organization("acme");
    server.add_operator_of("acme", "ann", Role::Read);
    let more = server.bearer("reader", Role::Admin, None);
    assert_eq!(get(&server, IMPORTS, &more).status, 200);
    assert_eq!(get(&server, "/api/v1/audit", &more).status, 403);
    let elsewhere = server.bearer("ann", Role::Read, Some("default"));
    assert_eq!(get(&server, IMPORTS, &elsewhere).status, 401);
}

#[test]
fn response_401_names_both_schemes_and_reports_an_invalid_token() {
    let server = TestApp::start();
    let basic_field = "Basic realm=\"Muster\", charset=\"UTF-8\"";
    for authorization in ["Digest x", "Basic", "Bearer", &basic("admin", "wrong")] {
        let refused = get(&server, IMPORTS, authorization);
        assert_eq!(refused.status, 401, "{authorization}");
        assert_eq!(
            challenges(&refused),
            [basic_field, "Bearer realm=\"Muster\""],
            "{authorization}"
        );
    }
    for token in ["x", "muster_x y", "muster_AAAA", &"A".repeat(4_000)] {
        let refused = get(&server, IMPORTS, &format!("Bearer {token}"));
        assert_eq!(refused.status, 401, "{token}");
        let fields = challenges(&refused);
        assert_eq!((fields.len(), fields[0]), (2, basic_field));
        assert!(
            fields[1].starts_with("Bearer realm=\"Muster\", error=\"invalid_token\""),
            "{fields:?}"
        );
        assert!(refused.body.contains("IMP-ACCESS-TOKEN"), "{refused:?}");
        assert!(!refused.body.contains(token) || token == "x", "{refused:?}");
    }
    // SOAP sends only the one field that its old clients know.
    let refused = server.post_as(SERVICE, None, "text/xml", &[], inline(KIM).as_bytes());
    assert_eq!(challenges(&refused), ["Basic realm=\"Muster\""]);
}

#[test]
fn token_in_the_url_or_beside_a_password_is_refused() {
    let server = TestApp::start();
    let token = server.bearer("admin", Role::Admin, None);
    let text = token.trim_start_matches("Bearer ");
    let path = format!("{IMPORTS}?access_token={text}");
    assert_eq!(server.get(&path).status, 401);
    assert_eq!(get(&server, &path, &admin()).status, 400);
    let both = format!("{token}\r\nAuthorization: {}", admin());
    assert_eq!(get(&server, IMPORTS, &both).status, 401);
}

/// Returns the token and its id from the output of `add`.
fn made(output: &str) -> (String, String) {
    let mut lines = output.lines();
    let token = lines.next().expect("a line");
    let token = token
        .strip_prefix("Token (shown only once): ")
        .expect("the token");
    let id = lines.next().expect("another line");
    let id = id.strip_prefix("Its id is ").expect("its id");
    (token.to_owned(), id[..36].to_owned())
}

fn add(home: &Home, arguments: &[&str]) -> (String, String) {
    let command = [&["operator", "token", "add"], arguments].concat();
    made(&home.run(&command).ended(0).out)
}

#[test]
fn terminal_adds_lists_and_revokes_tokens_beside_a_running_server() {
    let home = Home::new();
    let server = Serving::start(&home);
    home.run(&["operator", "add", "Esb", "--role", "import"])
        .ended(0);
    let status = |token: &str| {
        let mut stream = server.connect();
        let request = format!(
            "GET {IMPORTS} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .expect("the request is sent");
        Response::read(&mut stream).status
    };
    let (token, id) = add(&home, &["esb", "--days", "30"]);
    assert_eq!((token.len(), token.starts_with("muster_")), (50, true));
    assert_eq!(status(&token), 200);
    let (reading, other) = add(&home, &["esb", "--role", "read", "--expires", "2099-12-31"]);

    let list = home
        .run(&["operator", "token", "list", "ESB", "--json"])
        .ended(0);
    assert!(!list.out.contains("muster_"), "{list:?}");
    let list = list.json_lines();
    assert_eq!(list[0]["id"], id.as_str());
    assert_eq!(list[1]["role"], "read");
    assert_eq!(list[1]["expiresAt"], "2100-01-01T00:00:00.000Z");
    let shown = home.run(&["operator", "token", "list"]).ended(0);
    assert!(shown.out.contains(&id) && shown.out.contains(&other));
    let files = std::fs::read_dir(home.data()).expect("the data directory");
    for file in files.flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).expect("a file");
        let found = bytes
            .windows(token.len())
            .any(|window| window == token.as_bytes());
        assert!(!found, "{:?} has the token in it", file.path());
    }

    home.run(&["operator", "token", "revoke", &id]).ended(0);
    assert_eq!((status(&token), status(&reading)), (401, 200));
    let again = home.run(&["operator", "token", "revoke", &id]).ended(1);
    assert!(again.err.contains("there is no token"), "{again:?}");
    home.run(&["operator", "remove", "esb"]).ended(0);
    assert_eq!(status(&reading), 401);
    let none = home.run(&["operator", "token", "list"]).ended(0);
    assert_eq!(none.out, "no tokens\n");
    server.stop();
}

#[test]
fn token_expires() {
    let server = TestApp::start();
    let store = &server.app.store;
    let token = server.bearer("admin", Role::Read, None);
    let kept = store.tokens(None).expect("works").remove(0);
    let secret = muster::passwords::secret::Secret::from(token.trim_start_matches("Bearer "));
    let gate = &server.app.gate;
    let last = muster::clock::Moment(kept.expires_at.0 - 1);
    assert!(gate.bearer(&secret, last).expect("works").is_some());
    assert_eq!(gate.bearer(&secret, kept.expires_at), Ok(None));
}

#[test]
fn invalid_token_options_are_refused_with_a_reason() {
    let home = Home::new();
    home.write("users.csv", "username\nann\n");
    home.run_with_input(
        &["import", "users.csv", "--default-password-stdin"],
        "Initial-Pass-1\n",
    )
    .ended(0);
    home.run(&["organization", "add", "acme"]).ended(0);
    home.run(&["organization", "add", "beta"]).ended(0);
    let bound = ["operator", "add", "ann", "--role", "import"];
    home.run(&[&bound[..], &["--organization", "ACME"]].concat())
        .ended(0);
    let refused = |arguments: &[&str], reason: &str| {
        let command = [&["operator", "token", "add"], arguments].concat();
        let refused = home.run(&command).ended(1);
        assert!(refused.err.contains(reason), "{refused:?}");
        assert!(!refused.out.contains("muster_"), "{refused:?}");
    };
    refused(&["bob"], "there is no operator bob");
    refused(
        &["ann", "--role", "admin"],
        "cannot have more rights: admin",
    );
    refused(
        &["ann", "--organization", "beta"],
        "is restricted to the organization acme",
    );
    refused(&["ann", "--organization", "gamma"], "no organization gamma");
    refused(&["ann", "--expires", "2020-01-31"], "is in the past");
    refused(&["ann", "--expires", "2027-02-30"], "2027-02-30");
    refused(&["ann", "--days", "0"], "1..=3650");
    let add = home
        .run(&["operator", "token", "add", "ann", "--organization", "Acme"])
        .ended(0);
    let (_, id) = made(&add.out);
    let list = home.run(&["operator", "token", "list", "--json"]).ended(0);
    let list = list.json_lines();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (&list[0]["id"], &list[0]["organization"], &list[0]["role"]),
        (&id.into(), &"acme".into(), &"import".into())
    );
}

#[test]
fn token_authentication_computes_no_password_hash() {
    let server = TestApp::start_with(|options| {
        options.app.passwords.memory_kib = 128 * 1024;
        options.app.passwords.passes = 6;
    });
    let time = |authorization: &str, expected| {
        let started = Instant::now();
        assert_eq!(get(&server, IMPORTS, authorization).status, expected);
        started.elapsed()
    };
    let hash = time(&basic("admin", "wrong"), 401);
    assert!(hash > Duration::from_millis(50), "{hash:?}");
    let token = server.bearer("admin", Role::Read, None);
    // The fastest of three, because other tests use the machine too.
    let quick = |authorization: &str, expected| {
        let times = [(); 3].map(|()| time(authorization, expected));
        times.into_iter().min().expect("three")
    };
    assert!(quick(&token, 200) * 5 < hash);
    assert!(quick("Bearer muster_nothing", 401) * 5 < hash);
}

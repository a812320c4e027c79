//! Access to SCIM, and what is decided by the request's head alone: paths, methods, media types,
//! expectations.

use std::io::{Read, Write};
use std::time::Duration;

use muster::http::scim::mount::Mount;
use muster::http::scim::routes::{Operation, ROUTES, Route};
use muster::users::operator::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic};
use crate::process::{Home, Serving};
use crate::scim::{
    MOUNTS, SEARCH, answer, ask, ask_with, bulk, get, make_group, make_user, patch, refused,
    scim_error, send, user,
};

/// A message that the route accepts, so that only the caller can be the reason for a refusal.
fn message(route: &Route) -> String {
    match route.operation {
        Operation::Search(_) => json!({ "schemas": [SEARCH] }),
        Operation::Bulk => bulk(json!([])),
        Operation::Patch(_) => patch(json!([{"op": "add", "path": "externalId", "value": "x"}])),
        _ => Value::Null,
    }
    .to_string()
}

fn path(mount: Mount, route: &Route) -> String {
    let id = Uuid::nil().to_string();
    format!("{}{}", mount.path(), route.path.replace("{id}", &id))
}

fn call(server: &TestApp, mount: Mount, route: &Route, caller: Option<&str>) -> Response {
    let field = caller.map(|caller| format!("Authorization: {caller}"));
    let media_type = "Content-Type: application/scim+json";
    let headers: Vec<&str> = field.as_deref().into_iter().chain([media_type]).collect();
    let method = route.method.as_str();
    send(
        server,
        method,
        &path(mount, route),
        &headers,
        message(route),
    )
}

/// Returns the status of a refusal, which must be a SCIM error; Zuora's calls have an error format of their
/// own.
#[track_caller]
fn status_of(route: &Route, response: &Response) -> u16 {
    match route.operation {
        Operation::ZuoraCreate | Operation::ZuoraUpdate => response.status,
        _ => refused(response).0,
    }
}

#[test]
fn items_29_72_74_every_route_authenticates_and_authorizes_the_caller() {
    let server = TestApp::start_with(|options| {
        options.app.access.login_failures_per_account = 1_000;
        options.app.access.login_failures_per_address = 1_000;
    });
    for (name, role) in [("reader", Role::Read), ("importer", Role::Import)] {
        server.add_operator(name, role);
    }
    let revoked = server.bearer("admin", Role::Admin, None);
    let id = server.app.store.tokens(Some("admin")).unwrap()[0].id;
    assert_eq!(
        server
            .app
            .store
            .remove_token(id, &crate::stores::by(), crate::stores::NOW),
        Ok(true)
    );
    let invalid_callers = [
        None,
        Some("Basic"),
        Some("Basic !!!!"),
        Some("Digest x"),
        Some("Bearer x"),
        Some(revoked.as_str()),
    ]
    .map(|caller| caller.map(str::to_owned));
    let wrong = [basic("admin", "wrong"), basic("nobody", ADMIN_PASSWORD)].map(Some);
    let two = format!("{}\r\nAuthorization: {}", admin(), admin());
    let invalid_callers: Vec<_> = invalid_callers
        .into_iter()
        .chain(wrong)
        .chain([Some(two)])
        .collect();
    for mount in Mount::ALL {
        // Zuora's calls have an error format of their own: see `zuora_access.rs`.
        for route in ROUTES.iter().filter(|route| !route.operation.is_zuora()) {
            for invalid in &invalid_callers {
                let response = call(&server, mount, route, invalid.as_deref());
                let place = format!("{} {invalid:?}", path(mount, route));
                if route.right.is_none() {
                    assert_eq!(response.status, 200, "{place}");
                    continue;
                }
                assert_eq!(status_of(route, &response), 401, "{place}");
                let asked = response.headers.iter();
                let asked: Vec<_> = asked
                    .filter(|(name, _)| name == "www-authenticate")
                    .map(|(_, value)| value.as_str())
                    .collect();
                let schemes = asked.join(", ");
                let token = invalid
                    .as_deref()
                    .is_some_and(|it| it.starts_with("Bearer"));
                assert!(
                    token || schemes.contains("Basic realm="),
                    "{place}: {schemes}"
                );
                assert!(schemes.contains("Bearer"), "{place}: {schemes}");
            }
            for (name, role) in [("reader", Role::Read), ("importer", Role::Import)] {
                let tokens = [
                    server.bearer("admin", role, None),
                    basic(name, ADMIN_PASSWORD),
                ];
                for caller in tokens {
                    let response = call(&server, mount, route, Some(&caller));
                    let may = route.right.is_none_or(|right| role.includes(right));
                    let place = format!("{} {} {name}", route.method, path(mount, route));
                    match may {
                        true => assert!(![401, 403].contains(&response.status), "{place}"),
                        false => assert_eq!(status_of(route, &response), 403, "{place}"),
                    }
                }
            }
        }
    }
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn item_74_session_cookie_does_not_authenticate() {
    let server = TestApp::start();
    let login = format!(
        "<e:Envelope xmlns:e=\"{}\"><e:Body><x:login xmlns:x=\"http://authentication.services.core.\
         carbon.wso2.org\"><x:username>admin</x:username><x:password>{ADMIN_PASSWORD}</x:password>\
         </x:login></e:Body></e:Envelope>",
        crate::message::SOAP_11
    );
    let path = "/services/AuthenticationAdmin";
    let response = server.post_as(path, None, "text/xml", &[], login.as_bytes());
    let cookie = response.header("set-cookie").expect("a session");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let headers = [cookie.as_str(), "Muster-Request: 1"];
    let response = send(&server, "GET", "/scim/v2/Users", &headers, "");
    assert_eq!(refused(&response), scim_error(401, ""));
}

#[test]
fn items_29_43_rights_of_administrators_are_refused_to_others_everywhere() {
    let server = TestApp::start();
    server.add_operator("importer", Role::Import);
    let kim = make_user(&server, "kim");
    let admins = get(&server, "/scim/v2/Groups?filter=displayName+eq+%22admin%22");
    let admins = admins["Resources"][0]["id"]
        .as_str()
        .expect("there")
        .to_owned();
    let importer = format!(
        "Authorization: {}\r\nContent-Type: application/scim+json",
        basic("importer", ADMIN_PASSWORD)
    );
    let password =
        patch(json!([{"op": "replace", "path": "password", "value": "Spring-Meadow-42"}]));
    let join = patch(json!([{"op": "add", "path": "members", "value": [{"value": kim}]}]));
    let (user_path, group_path) = (format!("/Users/{kim}"), format!("/Groups/{admins}"));
    for (path, message) in [(&user_path, &password), (&group_path, &join)] {
        let target = format!("/scim/v2{path}");
        let response = send(&server, "PATCH", &target, &[&importer], message.to_string());
        assert_eq!(refused(&response), scim_error(403, ""), "{path}");
        let message = bulk(json!([
            {"method": "PATCH", "path": path, "data": message},
            {"method": "DELETE", "path": path},
        ]));
        let response = send(
            &server,
            "POST",
            "/scim/v2/Bulk",
            &[&importer],
            message.to_string(),
        );
        let operations = crate::scim::document(&response)["Operations"].clone();
        for operation in operations.as_array().unwrap() {
            assert_eq!(operation["status"], "403", "{operation}");
        }
    }
    assert_eq!(server.users()[0].roles, [""; 0]);
}

#[test]
fn items_31_72_80_81_unknown_paths_answer_404_and_wrong_methods_405() {
    let server = TestApp::start();
    for (method, path, status) in [
        ("GET", "/scim/v2", 404),
        ("GET", "/scim/v2/", 404),
        ("GET", "/scim/v2//Users", 404),
        ("GET", "/scim/v2/users", 404),
        ("GET", "/scim/v2/%2e%2e/Users", 404),
        ("GET", "/scim/v2/../Users", 404),
        ("GET", "/scim/v2/Users/%00", 404),
        ("GET", "/scim/v2/Users/%ff%fe", 404),
        ("GET", "/scim/v2/Users/%zz", 404),
        ("GET", "/scim/v2/Users/..%2f..%2fetc", 404),
        ("GET", "/scim/v2/Users/bulkId:x", 404),
        ("GET", "/scim/v2/Schemas/urn:x", 404),
        ("GET", "/scim/v2/ResourceTypes/Role", 404),
        ("GET", "/scim/v1/Users", 404),
        ("GET", "/scim/Users", 404),
        ("GET", "/scim2x/Users", 404),
        ("GET", "/scim2/v2/Roles", 404),
        ("GET", "/scim/v2/Bulk", 405),
        ("PUT", "/scim/v2/Bulk", 405),
        ("DELETE", "/scim2/Bulk", 405),
        ("DELETE", "/scim/v2/Users", 405),
        ("PUT", "/scim/v2/Users", 405),
        ("POST", "/scim/v2/Users/1", 405),
        ("POST", "/scim/v2/Schemas", 405),
        ("PUT", "/scim/v2/ServiceProviderConfig", 405),
        ("DELETE", "/scim2/ResourceTypes/User", 405),
        ("POST", "/scim/v2/Me", 405),
        ("OPTIONS", "/scim/v2/Users", 405),
        ("TRACE", "/scim/v2/Users", 405),
        ("PROPFIND", "/scim/v2/Users", 405),
    ] {
        let response = ask(&server, method, path, &Value::Null);
        if path.starts_with("/scim2x") {
            assert_eq!(response.status, 404);
            continue;
        }
        assert_eq!(refused(&response).0, status, "{method} {path}");
        assert_eq!(response.header("allow").is_some(), status == 405);
    }
    assert_eq!(
        refused(&ask(&server, "GET", "/scim/v1/Users", &Value::Null)).1,
        "invalidVers"
    );
    for path in ["/scim/v2/Users/", "/scim2/Groups/", "/scim/v2/Schemas/"] {
        get(&server, path);
    }
}

#[test]
fn item_85_head_is_get_without_a_body_and_method_overrides_are_ignored() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    for mount in MOUNTS {
        let path = format!("{mount}/Users/{kim}");
        let shown = ask(&server, "GET", &path, &Value::Null);
        let head = ask(&server, "HEAD", &path, &Value::Null);
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        for name in ["etag", "location", "content-type", "content-length"] {
            assert_eq!(head.header(name), shown.header(name), "{name}");
        }
        for field in [
            "X-HTTP-Method-Override: DELETE",
            "X-Method-Override: DELETE",
        ] {
            let response = ask_with(&server, "GET", &path, &[field], &Value::Null);
            assert_eq!(response.status, 200);
            let posted = ask_with(&server, "POST", &path, &[field], &Value::Null);
            assert_eq!(posted.status, 405);
        }
    }
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn item_73_wrong_content_type_answers_415_and_wrong_accept_406() {
    let server = TestApp::start();
    let path = "/scim/v2/Users";
    let admin = format!("Authorization: {}", admin());
    let post = |fields: &[&str], name: &str| {
        let headers = [&[admin.as_str()], fields].concat();
        send(
            &server,
            "POST",
            path,
            &headers,
            user(name, json!({})).to_string(),
        )
    };
    for (number, field) in [
        "Content-Type: application/scim+json; charset=utf-8",
        "Content-Type: application/json",
        "Content-Type: Application/JSON;charset=UTF-8",
    ]
    .into_iter()
    .enumerate()
    {
        let response = post(&[field], &format!("user{number}"));
        assert_eq!(response.status, 201, "{field}: {}", response.body);
        assert_eq!(
            response.header("content-type"),
            Some("application/scim+json")
        );
    }
    for other in [
        "text/xml",
        "text/plain",
        "application/x-www-form-urlencoded",
        "nonsense",
    ] {
        let field = format!("Content-Type: {other}");
        assert_eq!(
            refused(&post(&[&field], "no")),
            scim_error(415, ""),
            "{other}"
        );
    }
    // A browser never adds a bearer token itself, so a request with one may omit the media type.
    assert_eq!(refused(&post(&["X-None: 1"], "no")), scim_error(415, ""));
    let token = format!(
        "Authorization: {}",
        server.bearer("admin", Role::Admin, None)
    );
    let message = user("bare", json!({})).to_string();
    let response = send(&server, "POST", path, &[&token], message);
    assert_eq!(response.status, 201, "{}", response.body);
    for (accept, status) in [
        ("*/*", 200),
        ("application/json", 200),
        ("text/html, application/scim+json;q=0.5", 200),
        ("text/html", 406),
        ("application/xml", 406),
    ] {
        let field = format!("Accept: {accept}");
        let response = ask_with(&server, "GET", path, &[&field], &Value::Null);
        assert_eq!(response.status, status, "{accept}");
        if status == 406 {
            assert_eq!(refused(&response), scim_error(406, ""));
        }
    }
    assert_eq!(server.user_names().len(), 4);
}

/// A browser adds stored Basic credentials to requests that a page of another site makes it send.
#[test]
fn cross_site_pages_change_nothing_with_stored_credentials() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let media_type = "Content-Type: application/scim+json";
    let changes: Vec<(Mount, &Route)> = Mount::ALL
        .into_iter()
        .flat_map(|mount| ROUTES.iter().map(move |route| (mount, route)))
        .filter(|(mount, route)| route.only.is_none_or(|only| only == *mount))
        .filter(|(_, route)| route.method != "GET")
        .collect();
    assert!(changes.iter().any(|(_, route)| route.operation.is_zuora()));
    let basic = format!("Authorization: {}", admin());
    let token = format!(
        "Authorization: {}",
        server.bearer("admin", Role::Admin, None)
    );
    for (mount, route) in changes {
        let target = path(mount, route).replace(&Uuid::nil().to_string(), &kim);
        let method = route.method.as_str();
        for cross_site in [
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Origin: https://evil.example",
            "Origin: null",
        ] {
            let response = send(
                &server,
                method,
                &target,
                &[&basic, media_type, cross_site],
                message(route),
            );
            assert_eq!(
                status_of(route, &response),
                403,
                "{method} {target} {cross_site}"
            );
        }
        for same_origin in ["Sec-Fetch-Site: same-origin", "Origin: http://test"] {
            let missing = path(mount, route);
            let response = send(
                &server,
                method,
                &missing,
                &[&basic, media_type, same_origin],
                message(route),
            );
            assert_ne!(response.status, 403, "{method} {missing} {same_origin}");
        }
        let cross_site = "Origin: https://evil.example";
        let missing = path(mount, route);
        let response = send(
            &server,
            method,
            &missing,
            &[&token, media_type, cross_site],
            message(route),
        );
        assert_ne!(response.status, 403, "{method} {missing}");
    }
    // Without a media type, which a page can send without a preflight request, and without those header
    // fields.
    let message = bulk(json!([{"method": "DELETE", "path": format!("/Users/{kim}")}])).to_string();
    for path in ["/scim/v2/Bulk", "/scim2/Bulk"] {
        let response = send(&server, "POST", path, &[&basic], &message);
        assert_eq!(refused(&response), scim_error(415, ""), "{path}");
    }
    assert_eq!(
        send(&server, "POST", "/scim/v2/Users/bulk", &[&basic], "[]").status,
        415
    );
    let listed = send(
        &server,
        "GET",
        "/scim/v2/Users",
        &[&basic, "Origin: https://evil.example"],
        "",
    );
    assert_eq!(listed.status, 200);
    assert_eq!(server.user_names(), ["kim"]);
}

/// A request that its head rules out is refused before `100 Continue`; a valid one gets `100 Continue`.
#[test]
fn item_29_request_refused_by_its_head_gets_no_100_continue() {
    let server = TestApp::start();
    server.add_operator("reader", Role::Read);
    let message = user("kim", json!({})).to_string();
    let expect = |caller: &str, length: usize, media_type: &str| {
        let mut stream = server.connect();
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: test\r\nAuthorization: {caller}\r\nContent-Type: \
             {media_type}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let json = "application/scim+json";
    for (caller, length, media_type, status) in [
        (basic("admin", "wrong"), message.len(), json, 401),
        ("Bearer x".into(), message.len(), json, 401),
        (basic("reader", ADMIN_PASSWORD), message.len(), json, 403),
        (admin(), message.len(), "text/xml", 415),
        (admin(), 2_000_000, json, 413),
    ] {
        let mut stream = expect(&caller, length, media_type);
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        let line = String::from_utf8_lossy(&first).into_owned();
        assert_eq!(line, format!("HTTP/1.1 {status}"));
    }
    let mut stream = expect(&admin(), message.len(), json);
    let mut first = [0; 25];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(message.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).status, 201);
    let other = ask_with(
        &server,
        "GET",
        "/scim/v2/Users",
        &["Expect: miracles"],
        &Value::Null,
    );
    assert_eq!(refused(&other), scim_error(417, ""));
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn stalled_body_is_answered_and_changes_nothing() {
    let server = TestApp::start_with(|options| options.http.idle_seconds = 1);
    let mut stream = server.connect();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nContent-Type: \
         application/json\r\nContent-Length: 100\r\n\r\n{{\"schemas\":",
        admin()
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(refused(&answer(&mut stream)), scim_error(408, ""));
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn locations_use_the_address_that_the_caller_can_reach() {
    let kim = |server: &TestApp, host: &str, mount: &str| {
        let id = make_user(server, "kim");
        make_group(server, "crew", &[&id]);
        let request = |method: &str, path: &str, body: &Value| {
            let body = body.to_string();
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: {}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                admin(),
                body.len()
            );
            crate::scim::dechunked(server.send(head.as_bytes()))
        };
        let shown = request("GET", &format!("{mount}/Users/{id}"), &Value::Null);
        let user = crate::scim::document(&shown);
        let location = user["meta"]["location"].as_str().unwrap().to_owned();
        assert_eq!(shown.header("location"), Some(location.as_str()));
        let base = location
            .strip_suffix(&format!("{mount}/Users/{id}"))
            .unwrap()
            .to_owned();
        let group = user["groups"][0]["$ref"].as_str().unwrap();
        assert!(
            group.starts_with(&format!("{base}{mount}/Groups/")),
            "{group}"
        );
        let message = bulk(json!([{"method": "DELETE", "path": format!("/Users/{id}")}]));
        let answer = crate::scim::document(&request("POST", &format!("{mount}/Bulk"), &message));
        assert_eq!(answer["Operations"][0]["location"], location.as_str());
        let document = server.send(
            format!(
                "GET /api/v1/openapi.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        assert!(
            document.body.contains(&format!("\"{base}\"")),
            "{}",
            &document.body[..300]
        );
        base
    };
    for mount in MOUNTS {
        let server = TestApp::start_with(|options| {
            options.http.hosts = vec!["users.example.com".into(), "10.0.0.7:9763".into()];
        });
        let listener = format!("http://{}", server.address());
        assert_eq!(
            kim(&server, "users.example.com", mount),
            "http://users.example.com"
        );
        let server =
            TestApp::start_with(|options| options.http.hosts = vec!["10.0.0.7:9763".into()]);
        assert_eq!(kim(&server, "10.0.0.7:9763", mount), "http://10.0.0.7:9763");
        let server =
            TestApp::start_with(|options| options.http.hosts = vec!["users.example.com".into()]);
        let own = format!("http://{}", server.address());
        assert_eq!(kim(&server, "evil.example", mount), own);
        assert_ne!(own, listener);
        let server = TestApp::start();
        let own = format!("http://{}", server.address());
        assert_eq!(kim(&server, "users.example.com", mount), own);
        let server = TestApp::start_with(|options| {
            options.http.hosts = vec!["users.example.com".into()];
            options.http.public_url = Some("https://public.example/".into());
        });
        assert_eq!(
            kim(&server, "users.example.com", mount),
            "https://public.example"
        );
    }
}

#[test]
fn startup_warns_of_unreachable_locations() {
    let warned = |address: &str, settings: &str| {
        let home = Home::with_settings(settings);
        let mut command = home.command(&["serve", "--http", address, "--https", "off"]);
        command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
        let server = Serving::spawn(command);
        let log = server.log();
        server.stop();
        log.contains("listens on all addresses") && log.contains("server.public_url")
    };
    let hosts = "\n[server]\nhosts = [\"users.example.com\"]\n";
    assert!(warned("0.0.0.0:0", ""));
    assert!(!warned("127.0.0.1:0", ""));
    assert!(!warned("0.0.0.0:0", hosts));
}

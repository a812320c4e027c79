//! Zuora's bulk calls from outside: the users they create, their responses, and what they refuse.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use muster::http::soap::namespace::AXIS2;
use muster::users::channel::Channel;
use muster::users::import_record::ImportState;
use muster::users::operator::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{ADMIN_PASSWORD, Options, Response, TestApp, admin, basic};
use crate::message::SOAP_11;

pub const BULK: &str = "/scim/v2/Users/bulk";

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub const EXTENSION: &str = "urn:zuora:scim:schemas:1.0:UserExtension";

/// All fields that the vendor's page lists for a request.
const WHOLE: &str = r#"[{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:zuora:scim:schemas:1.0:UserExtension"],
  "name": {"givenName": "Kim", "familyName": "Example", "formatted": "Kim B. Example"},
  "emails": [{"value": "kim@example.com", "type": "work", "primary": true}],
  "roles": [{"value": "2", "display": "Standard User"}, {"value": "7", "display": null}],
  "userName": "kim@example.com",
  "preferredLanguage": "en",
  "locale": "en-US",
  "urn:zuora:scim:schemas:1.0:UserExtension": {
    "schemas": ["urn:zuora:scim:schemas:1.0:UserExtension"],
    "organizationId": "Default"
  }
}]"#;

/// Sends a request with these header lines.
pub fn ask(server: &TestApp, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Response {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    server.send(&[head.as_bytes(), body].concat())
}

fn call(server: &TestApp, method: &str, headers: &[&str], body: &str) -> Response {
    let authorization = format!("Authorization: {}", admin());
    let mut lines = vec![authorization.as_str(), "Content-Type: application/json"];
    lines.extend_from_slice(headers);
    ask(server, method, BULK, &lines, body.as_bytes())
}

pub fn post(server: &TestApp, body: &str) -> Response {
    call(server, "POST", &[], body)
}

fn get(server: &TestApp, path: &str) -> Value {
    let authorization = format!("Authorization: {}", admin());
    let response = ask(server, "GET", path, &[&authorization], b"");
    assert_eq!(response.status, 200, "{}", response.body);
    json(&response)
}

pub fn json(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("not JSON: {response:?}"))
}

fn resources(response: &Response) -> Vec<Value> {
    assert!(matches!(response.status, 200 | 201), "{}", response.body);
    json(response)["resources"].as_array().unwrap().clone()
}

/// Returns status, `scimType` and detail of a SCIM error, which has these members and no others.
#[track_caller]
pub fn refused(response: &Response) -> (u16, Option<String>, String) {
    let body = json(response);
    assert_eq!(body["schemas"], json!([ERROR]), "{body}");
    assert_eq!(body["status"], response.status.to_string());
    let scim_type = body["scimType"].as_str().map(str::to_owned);
    assert_eq!(
        body.as_object().unwrap().len(),
        3 + usize::from(scim_type.is_some())
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
    (
        response.status,
        scim_type,
        body["detail"].as_str().unwrap().to_owned(),
    )
}

fn users(names: &[&str]) -> String {
    let users = names.iter().map(
        |name| json!({"userName": name, "emails": [{"value": format!("{name}@example.com")}]}),
    );
    Value::from_iter(users).to_string()
}

fn is_urns(value: &Value) -> bool {
    value.as_array().is_some_and(|urns| {
        !urns.is_empty()
            && urns
                .iter()
                .all(|urn| urn.as_str().is_some_and(|urn| urn.starts_with("urn:")))
    })
}

#[test]
fn every_documented_field_is_in_the_response() {
    let server = TestApp::start();
    let response = post(&server, WHOLE);
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.header("content-type"), Some("application/json"));
    let body = json(&response);
    let mut members: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "externalId",
            "id",
            "itemsPerPage",
            "meta",
            "resources",
            "schemas",
            "startIndex",
            "totalResults"
        ]
    );
    assert_eq!(body["schemas"], json!([LIST]));
    assert!(body["id"].is_null() && body["externalId"].is_null() && body["meta"].is_null());
    assert_eq!(
        (
            &body["totalResults"],
            &body["startIndex"],
            &body["itemsPerPage"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    let user = &body["resources"][0];
    assert_eq!(user["schemas"], json!([USER, EXTENSION]));
    let id = user["id"].as_str().unwrap();
    assert!(Uuid::try_parse(id).is_ok());
    let meta = user["meta"].as_object().unwrap();
    assert_eq!(meta.len(), 3, "{meta:?}");
    assert!(meta["created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(meta["resourceType"], "User");
    let base = format!("http://{}/scim/v2", server.address());
    assert_eq!(meta["location"], format!("{base}/Users/{id}"));
    assert_eq!(
        user["name"],
        json!({"formatted": "Kim B. Example", "familyName": "Example", "givenName": "Kim"})
    );
    assert_eq!(user["userName"], "kim@example.com");
    assert_eq!(user["externalId"], "kim@example.com");
    assert_eq!(user["displayName"], "Kim B. Example");
    assert_eq!(user["preferredLanguage"], "en");
    assert_eq!(user["locale"], "en-US");
    assert_eq!(user["active"], true);
    assert_eq!(
        user["emails"],
        json!([{"value": "kim@example.com", "display": "kim@example.com", "type": "work", "primary": true}])
    );
    assert_eq!(
        user["roles"],
        json!([{"value": "2", "display": "Standard User"}, {"value": "7", "display": "7"}])
    );
    assert_eq!(
        user[EXTENSION],
        json!({
            "schemas": [EXTENSION], "organizationId": "default", "status": "ACTIVE",
            "ssoEnabled": true, "region": "EU",
        })
    );
}

#[test]
fn other_channels_show_the_same_user() {
    let server = TestApp::start();
    let mut shown = resources(&post(&server, WHOLE)).remove(0);
    let id = shown["id"].as_str().unwrap().to_owned();
    let mut single = get(&server, &format!("/scim/v2/Users/{id}"));
    for user in [&mut shown, &mut single] {
        assert!(user.as_object_mut().unwrap().remove("meta").is_some());
    }
    assert_eq!(shown, single);
    for filter in [
        "displayName+eq+%22kim+b.+example%22",
        "externalId+eq+%22kim@example.com%22",
        "emails.display+eq+%22kim@example.com%22",
        "roles.display+eq+%227%22",
        "urn:zuora:scim:schemas:1.0:UserExtension:status+eq+%22ACTIVE%22",
    ] {
        let found = get(&server, &format!("/scim/v2/Users?filter={filter}"));
        assert_eq!(found["totalResults"], 1, "{filter}");
        assert_eq!(found["Resources"][0]["emails"], single["emails"]);
    }
    let envelope = format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:listUsers xmlns:x=\"{AXIS2}\"><x:filter>*</x:filter>\
         <x:limit>10</x:limit></x:listUsers></e:Body></e:Envelope>"
    );
    let listed = server.post("text/xml", envelope.as_bytes());
    assert_eq!(
        listed.element("return").as_deref(),
        Some("kim@example.com"),
        "{}",
        listed.body
    );
}

#[test]
fn users_may_omit_nearly_everything() {
    let server = TestApp::start();
    let response = post(
        &server,
        r#"{"userName":"lee","emails":[{"value":"lee@example.com"}]}"#,
    );
    let lee = resources(&response).remove(0);
    assert_eq!(lee["externalId"], "lee");
    assert_eq!(lee[EXTENSION]["schemas"], json!([EXTENSION]));
    assert!(is_urns(&lee["schemas"]));
    assert_eq!((lee.get("name"), lee.get("displayName")), (None, None));
    // Attribute names and sub-attributes in any case, and the extension by the whole URN of its attribute.
    let body = r#"[
        {"USERNAME":"b","Emails":[{"Value":"b@x"}],"externalid":"E-2","name":{"GivenName":"Bo"}},
        {"userName":"a","emails":[{"value":"a@x"}],"name":{"givenName":"Ann","familyName":"Lee"},
         "urn:zuora:scim:schemas:1.0:UserExtension:organizationId":"DEFAULT",
         "urn:zuora:scim:schemas:1.0:UserExtension":
            {"schemas":["urn:x:y"],"status":"INACTIVE","ssoEnabled":false,"region":"US"}}
    ]"#;
    let authorization = format!("Authorization: {}", admin());
    let headers = [
        authorization.as_str(),
        "Content-Type: application/scim+json; charset=utf-8",
    ];
    let response = ask(&server, "POST", BULK, &headers, body.as_bytes());
    let made = resources(&response);
    assert_eq!(
        (&made[0]["userName"], &made[1]["userName"]),
        (&json!("b"), &json!("a"))
    );
    assert_eq!(
        (&made[0]["externalId"], &made[0]["displayName"]),
        (&json!("E-2"), &json!("Bo"))
    );
    assert_eq!(made[1]["name"]["formatted"], "Ann Lee");
    assert_eq!(made[1]["displayName"], "Ann Lee");
    assert_eq!(
        made[1][EXTENSION],
        json!({
            "schemas": ["urn:x:y"], "organizationId": "default", "status": "ACTIVE",
            "ssoEnabled": true, "region": "EU",
        })
    );
    assert_eq!(server.user_names(), ["a", "b", "lee"]);
}

#[test]
fn refused_call_stores_nothing() {
    let server = TestApp::start();
    assert_eq!(post(&server, &users(&["kim"])).status, 200);
    let before = server.last_import().unwrap().id;
    let value = Some("invalidValue".to_owned());
    let unique = Some("uniqueness".to_owned());
    for (body, expected, words) in [
        (
            users(&["a", "b", "KIM"]),
            (409, unique.clone()),
            "Index 2, userName KIM: ",
        ),
        (
            users(&["a", "b", "A"]),
            (409, unique),
            "Index 2, userName A: ",
        ),
        (
            r#"[{"userName":"a","emails":[{"value":"a@x"}]},{"userName":"b"}]"#.into(),
            (400, value.clone()),
            "Index 1, userName b: emails is missing",
        ),
        (
            r#"[{"userName":"a","emails":[{"type":"work"}]}]"#.into(),
            (400, value.clone()),
            "Index 0, userName a: emails is missing",
        ),
        (
            r#"[{"userName":"a","emails":[{"value":"a@x"}]},{"emails":[{"value":"b@x"}]}]"#.into(),
            (400, value.clone()),
            "Index 1: userName is missing",
        ),
        (
            users(&["a", "b c/"]),
            (400, value.clone()),
            "Index 1, userName b c/: ",
        ),
        (
            r#"[{"userName":"a","emails":[{"value":"a@x"}],"active":"perhaps"}]"#.into(),
            (400, value.clone()),
            "Index 0, userName a: active",
        ),
        ("[]".into(), (400, value.clone()), "at least one user"),
        ("7".into(), (400, value.clone()), "not an array of users"),
        (
            r#"[{"userName":"a","emails":[{"value":"a@x"}]},7]"#.into(),
            (400, value),
            "Index 1: a user must be a JSON object.",
        ),
        (
            "[{]".into(),
            (400, Some("invalidSyntax".into())),
            "not valid JSON",
        ),
        (
            String::new(),
            (400, Some("invalidSyntax".into())),
            "no body",
        ),
    ] {
        let (status, scim_type, detail) = refused(&post(&server, &body));
        assert_eq!((status, scim_type), expected, "{body}: {detail}");
        assert!(detail.contains(words), "{detail}");
        assert_eq!(server.user_names(), ["kim"], "{body}");
        assert_eq!(server.last_import().unwrap().id, before, "{body}");
    }
}

#[test]
fn limits_are_enforced_before_anything_is_written() {
    let server = TestApp::start_with(|options| {
        options.app.scim.max_operations = 2;
        options.app.scim.max_payload_bytes = 600;
    });
    let (status, _, detail) = refused(&post(&server, &users(&["a", "b", "c"])));
    assert_eq!(status, 413);
    assert!(detail.contains("maxOperations (2)"), "{detail}");
    let long = users(&["a", &"b".repeat(600)]);
    let authorization = format!("Authorization: {}", admin());
    let chunks = |body: &[u8]| {
        let head = format!(
            "POST {BULK} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{authorization}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        );
        server.send(&[head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat())
    };
    let pack = |text: &str| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let zipped = |body: &[u8]| {
        let headers = [
            authorization.as_str(),
            "Content-Type: application/json",
            "Content-Encoding: gzip",
        ];
        ask(&server, "POST", BULK, &headers, body)
    };
    for response in [
        post(&server, &long),
        chunks(long.as_bytes()),
        zipped(&pack(&long)),
    ] {
        let (status, _, detail) = refused(&response);
        assert_eq!(status, 413);
        assert!(detail.contains("maxPayloadSize (600)"), "{detail}");
    }
    assert_eq!(server.user_names(), [""; 0]);
    assert_eq!(zipped(&pack(&users(&["a"]))).status, 200);
    assert_eq!(chunks(users(&["b"]).as_bytes()).status, 200);
    assert_eq!(server.user_names(), ["a", "b"]);
}

#[test]
fn call_is_an_import_that_can_be_undone() {
    let server = TestApp::start();
    let response = post(&server, &users(&["a", "b"]));
    let import = response.header("muster-import").unwrap();
    let record = server.last_import().unwrap();
    assert!(
        import.contains(&record.id.to_string()) && import.contains("created=2"),
        "{import}"
    );
    assert_eq!(
        (record.channel, record.state),
        (Channel::Scim, ImportState::Completed)
    );
    assert_eq!((record.counters.total, record.counters.created), (2, 2));
    assert_eq!(record.file_name, "scim/v2/Users/bulk");
    assert_eq!(server.users()[0].created_by, Some(record.id));
    let authorization = format!("Authorization: {}", admin());
    let undo = format!("/api/v1/imports/{}/undo", record.id);
    let undone = ask(&server, "POST", &undo, &[&authorization], b"");
    assert_eq!(json(&undone)["removed"], 2, "{}", undone.body);
    assert_eq!(server.user_names(), [""; 0]);
}

/// A server on a folder that is kept after the server stops.
fn server_on(folder: &Path, change: impl FnOnce(&mut Options)) -> TestApp {
    TestApp::start_with(|options| {
        options.app.store.data = folder.join("data");
        change(options);
    })
}

/// Waits for the lock; a server that has stopped may not have released it yet.
fn wait_for_the_lock(folder: &Path) {
    let lock = File::open(folder.join("data/muster.lock")).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while lock.try_lock().is_err() {
        assert!(Instant::now() < until, "the server has not stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn repeated_key_gets_the_first_response_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server_on(folder.path(), |_| {});
    let key = ["Idempotency-Key: monday"];
    // A refused call has not used up the key.
    assert_eq!(call(&server, "POST", &key, "[]").status, 400);
    assert_eq!(
        call(&server, "POST", &key, r#"[{"userName":"x"}]"#).status,
        400
    );
    let first = resources(&call(&server, "POST", &key, WHOLE));
    let id = first[0]["id"].as_str().unwrap().to_owned();
    let patch = format!(r#"{{"id":"{id}","userName":"kim2","emails":[{{"value":"new@x"}}]}}"#);
    assert_eq!(call(&server, "PATCH", &[], &patch).status, 200);
    assert_eq!(resources(&call(&server, "POST", &key, WHOLE)), first);
    let other = call(&server, "POST", &key, &users(&["other"]));
    assert_eq!(refused(&other).0, 409);
    // The same text sent to the other call is a different request.
    assert_eq!(call(&server, "PATCH", &key, WHOLE).status, 400);
    let body = format!("[{patch}]");
    assert_eq!(refused(&call(&server, "PATCH", &key, &body)).0, 409);
    server.stop().unwrap();
    drop(server);
    wait_for_the_lock(folder.path());
    let server = server_on(folder.path(), |_| {});
    let again = resources(&call(&server, "POST", &key, WHOLE));
    assert_eq!(again, first);
    assert_eq!(server.user_names(), ["kim2"]);
    let long = format!("Idempotency-Key: {}", "k".repeat(256));
    let (status, _, detail) = refused(&call(&server, "POST", &[&long], &users(&["a"])));
    assert!(status == 400 && detail.contains("255"), "{detail}");
    let most = format!("Idempotency-Key: {}", "k".repeat(255));
    assert_eq!(call(&server, "POST", &[&most], &users(&["a"])).status, 200);
}

#[test]
fn settings_determine_status_region_and_login() {
    let server = TestApp::start_with(|options| {
        options.app.scim.zuora_created_status = 201;
        options.app.scim.zuora_region = "US".into();
        options.app.scim.zuora_sso_enabled = false;
    });
    let response = post(
        &server,
        r#"[{"userName":"a","emails":[{"value":"a@x"}]},
            {"userName":"b","emails":[{"value":"b@x"}],"password":"Spring-Meadow-42"},
            {"userName":"c","emails":[{"value":"c@x"}],"active":false}]"#,
    );
    assert_eq!(response.status, 201, "{}", response.body);
    let made = resources(&response);
    let status = |user: &Value| user[EXTENSION]["status"].as_str().unwrap().to_owned();
    let all: Vec<String> = made.iter().map(status).collect();
    assert_eq!(all, ["NEW", "ACTIVE", "INACTIVE"]);
    assert_eq!(made[0][EXTENSION]["ssoEnabled"], false);
    assert_eq!(made[0][EXTENSION]["region"], "US");
    let new = "urn:zuora:scim:schemas:1.0:UserExtension:status+eq+%22NEW%22";
    let found = get(&server, &format!("/scim/v2/Users?filter={new}"));
    assert_eq!(
        (&found["totalResults"], &found["Resources"][0]["userName"]),
        (&json!(1), &json!("a"))
    );
    assert!(server.has_password("b", "Spring-Meadow-42"));
    assert!(!response.body.contains("Spring-Meadow-42"));
}

#[test]
fn array_replaces_whole_users() {
    let server = TestApp::start();
    let made = resources(&post(
        &server,
        r#"[{"userName":"a","emails":[{"value":"a@x"}],"title":"Dr","externalId":"E-1","active":false,
             "name":{"givenName":"Ann","familyName":"Old"}},
            {"userName":"b","emails":[{"value":"b@x"}]}]"#,
    ));
    let id = |number: usize| made[number]["id"].as_str().unwrap().to_owned();
    let (a, b) = (id(0), id(1));
    let body = format!(
        r#"[{{"id":"{b}","userName":"b","emails":[{{"value":"bee@x"}}]}},
            {{"id":"{a}","userName":"anna","emails":[{{"value":"a@x"}}],
              "name":{{"givenName":"Ann","familyName":"New"}}}}]"#
    );
    let response = call(&server, "PATCH", &[], &body);
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(json(&response)["schemas"], json!([LIST]));
    let changed = resources(&response);
    assert_eq!(
        changed[0]["emails"],
        json!([{"value": "bee@x", "display": "bee@x"}])
    );
    assert_eq!(changed[1]["userName"], "anna");
    assert_eq!(changed[1]["displayName"], "Ann New");
    // An omitted attribute is removed, except for what Zuora's format cannot express.
    assert_eq!(changed[1].get("title"), None);
    assert_eq!(changed[1]["externalId"], "E-1");
    assert_eq!(
        (&changed[1]["active"], &changed[1][EXTENSION]["status"]),
        (&json!(false), &json!("INACTIVE"))
    );
    let record = server.last_import().unwrap();
    assert_eq!((record.counters.total, record.counters.updated), (2, 2));
    assert!(
        response
            .header("muster-import")
            .unwrap()
            .contains("updated=2")
    );

    let minimal = call(&server, "PATCH", &["Prefer: return=minimal"], &body);
    assert_eq!((minimal.status, minimal.body.as_str()), (204, ""));
    assert_eq!(minimal.header("preference-applied"), Some("return=minimal"));
    assert_eq!(server.last_import().unwrap().counters.unchanged, 2);

    let unknown = Uuid::now_v7();
    let email = r#""emails":[{"value":"z@x"}]"#;
    for (body, status, words) in [
        (
            format!(
                r#"[{{"id":"{a}","userName":"z",{email}}},{{"id":"{unknown}","userName":"y",{email}}}]"#
            ),
            404,
            format!("Index 1, id {unknown}, userName y: There is no user"),
        ),
        (
            format!(r#"[{{"id":"x","userName":"z",{email}}}]"#),
            404,
            "Index 0, id x".into(),
        ),
        (
            format!(r#"[{{"userName":"z",{email}}}]"#),
            400,
            "id is missing".into(),
        ),
        (
            format!(
                r#"[{{"id":"{a}","userName":"z",{email}}},{{"id":"{a}","userName":"y",{email}}}]"#
            ),
            400,
            "Index 1, id".into(),
        ),
        (
            format!(
                r#"[{{"id":"{a}","userName":"z",{email}}},{{"id":"{b}","userName":"z",{email}}}]"#
            ),
            409,
            "at index 0".into(),
        ),
        (
            format!(r#"[{{"id":"{a}","userName":"B",{email}}}]"#),
            409,
            "Index 0".into(),
        ),
        (
            format!(r#"[{{"id":"{a}","userName":"SALES/z",{email}}}]"#),
            400,
            "cannot be moved".into(),
        ),
        (
            format!(r#"[{{"id":"{a}","userName":"z"}}]"#),
            400,
            "emails is missing".into(),
        ),
    ] {
        let (answered, _, detail) = refused(&call(&server, "PATCH", &[], &body));
        assert_eq!(answered, status, "{body}: {detail}");
        assert!(detail.contains(&words), "{detail}");
        assert_eq!(server.user_names(), ["anna", "b"]);
    }
    assert_eq!(server.last_import().unwrap().counters.unchanged, 2);
}

#[test]
fn patch_and_put_keep_the_read_only_extension() {
    let server = TestApp::start();
    let id = resources(&post(&server, WHOLE))[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/scim/v2/Users/{id}");
    let authorization = format!("Authorization: {}", admin());
    let headers = [
        authorization.as_str(),
        "Content-Type: application/scim+json",
    ];
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":
        [{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@x"}]}"#;
    let patched = json(&ask(&server, "PATCH", &path, &headers, patch.as_bytes()));
    assert_eq!(
        patched["emails"],
        json!([{"value": "new@x", "display": "new@x", "type": "work", "primary": true}])
    );
    let put = format!(r#"{{"schemas":["{USER}"],"userName":"kim"}}"#);
    let replaced = json(&ask(&server, "PUT", &path, &headers, put.as_bytes()));
    assert_eq!(
        replaced[EXTENSION],
        json!({"organizationId": "default", "status": "ACTIVE", "ssoEnabled": true, "region": "EU"})
    );
}

#[test]
fn only_administrators_set_passwords_of_existing_users() {
    let server = TestApp::start();
    server.add_operator("ivy", Role::Import);
    let id = resources(&post(&server, &users(&["a"])))[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = format!(
        r#"[{{"id":"{id}","userName":"a","emails":[{{"value":"a@x"}}],"password":"Spring-Meadow-42"}}]"#
    );
    let ivy = format!("Authorization: {}", basic("ivy", ADMIN_PASSWORD));
    let headers = [ivy.as_str(), "Content-Type: application/json"];
    let response = ask(&server, "PATCH", BULK, &headers, body.as_bytes());
    assert_eq!(
        (response.status, &json(&response)["error"]),
        (403, &json!("Forbidden"))
    );
    let plain = body.replace(r#","password":"Spring-Meadow-42""#, "");
    assert_eq!(
        ask(&server, "PATCH", BULK, &headers, plain.as_bytes()).status,
        200
    );
    assert_eq!(call(&server, "PATCH", &[], &body).status, 200);
    assert!(server.has_password("a", "Spring-Meadow-42"));
}

//! Zuora's bulk calls: authentication, authorization, the organization, and how other failures are reported.

use muster::users::operator::Role;
use serde_json::{Value, json};

use crate::app::{ADMIN_PASSWORD, Response, TestApp, admin, basic};
use crate::zuora::{BULK, EXTENSION, ask, json, post, refused};

const KIM: &str = r#"[{"userName":"kim","emails":[{"value":"kim@x"}]}]"#;

fn call(server: &TestApp, method: &str, authorization: &str, body: &str) -> Response {
    let authorization = format!("Authorization: {authorization}");
    let headers = [authorization.as_str(), "Content-Type: application/json"];
    ask(server, method, BULK, &headers, body.as_bytes())
}

#[track_caller]
fn is_forbidden(response: &Response) -> String {
    assert_eq!(response.status, 403, "{}", response.body);
    assert_eq!(response.header("content-type"), Some("application/json"));
    let mut body = json(response);
    let members = body.as_object_mut().unwrap();
    let message = members.remove("message").unwrap();
    let timestamp = members.remove("timestamp").unwrap();
    assert!(
        timestamp.as_str().unwrap().ends_with('Z') && timestamp.as_str().unwrap().contains('T')
    );
    assert_eq!(
        body,
        json!({"status": 403, "error": "Forbidden", "path": BULK})
    );
    message.as_str().unwrap().to_owned()
}

#[test]
fn missing_or_wrong_credentials_answer_401_in_zuoras_format() {
    let server = TestApp::start();
    for method in ["POST", "PATCH"] {
        for (authorization, code) in [
            (None, "invalid_credentials"),
            (Some("Basic !".to_owned()), "invalid_credentials"),
            (Some("Digest x".to_owned()), "invalid_credentials"),
            (Some(basic("admin", "wrong")), "invalid_credentials"),
            (Some("Bearer abc".to_owned()), "invalid_token"),
        ] {
            let line = authorization.map(|value| format!("Authorization: {value}"));
            let lines: Vec<&str> = line.iter().map(String::as_str).collect();
            let response = ask(&server, method, BULK, &lines, KIM.as_bytes());
            assert_eq!(response.status, 401);
            assert_eq!(response.header("content-type"), Some("application/json"));
            let challenges: Vec<&str> = response
                .headers
                .iter()
                .filter(|(name, _)| name == "www-authenticate")
                .map(|(_, value)| value.split(' ').next().unwrap())
                .collect();
            assert_eq!(challenges, ["Basic", "Bearer"]);
            let mut body = json(&response);
            let reason = body["reasons"][0].as_object_mut().unwrap();
            assert!(reason.remove("message").unwrap().is_string());
            assert_eq!(body, json!({"success": false, "reasons": [{"code": code}]}));
        }
    }
    let asked = format!(
        "POST {BULK} HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    );
    assert_eq!(json(&server.send(asked.as_bytes()))["success"], false);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn role_read_is_refused() {
    let server = TestApp::start();
    server.add_operator("rita", Role::Read);
    for method in ["POST", "PATCH"] {
        let response = call(&server, method, &basic("rita", ADMIN_PASSWORD), KIM);
        assert!(is_forbidden(&response).contains("role import"));
    }
    server.add_operator("ivy", Role::Import);
    let token = server.bearer("ivy", Role::Import, None);
    assert_eq!(call(&server, "POST", &token, KIM).status, 200);
    let reader = server.bearer("admin", Role::Read, None);
    is_forbidden(&call(&server, "POST", &reader, KIM));
}

fn names(server: &TestApp, organization: &str) -> Vec<String> {
    let users = server
        .app
        .store
        .users(organization, None, None, 100)
        .unwrap();
    users.into_iter().map(|user| user.user_name).collect()
}

fn user_of(name: &str, organization: Option<&str>) -> Value {
    let mut user = json!({"userName": name, "emails": [{"value": "a@x"}]});
    if let Some(organization) = organization {
        user[EXTENSION] = json!({"organizationId": organization});
    }
    user
}

#[test]
fn users_are_created_in_the_organization_of_the_call() {
    let server = TestApp::start();
    for name in ["acme", "Beta"] {
        server.add_organization(name);
    }
    server.add_operator_of("acme", "ann", Role::Import);
    let ann = basic("ann", ADMIN_PASSWORD);
    let one = |name, organization| Value::from(vec![user_of(name, organization)]).to_string();
    let post = |caller: &str, body: &str| call(&server, "POST", caller, body);
    let organization = |response: &Response| {
        assert_eq!(response.status, 200, "{}", response.body);
        json(response)["resources"][0][EXTENSION]["organizationId"].clone()
    };
    assert_eq!(organization(&post(&ann, &one("a", None))), "acme");
    assert_eq!(organization(&post(&ann, &one("b", Some("ACME")))), "acme");
    assert_eq!(organization(&post(&ann, &one("c", Some("acme")))), "acme");
    for caller in [
        ann.clone(),
        server.bearer("ann", Role::Import, None),
        // These callers have named the organization they act in.
        basic("admin@acme", ADMIN_PASSWORD),
        server.bearer("admin", Role::Admin, Some("acme")),
    ] {
        // An unknown organization is refused with the same message, so that callers do not learn which ones
        // exist.
        for other in ["beta", "default", "nowhere"] {
            let message = is_forbidden(&post(&caller, &one("x", Some(other))));
            assert_eq!(
                message,
                format!(
                    "Index 0, userName x: organizationId: you act in the organization acme and may not \
                     store users in {other}; remove it, or call with credentials of that organization."
                )
            );
        }
    }
    let (status, scim_type, detail) = refused(&post(&admin(), &one("x", Some("nowhere"))));
    assert_eq!((status, scim_type), (404, None));
    assert!(
        detail.contains("there is no organization nowhere"),
        "{detail}"
    );
    // An operator of all organizations may name any of them.
    assert_eq!(
        organization(&post(&admin(), &one("d", Some("BETA")))),
        "Beta"
    );
    assert_eq!(
        organization(&post(
            &server.bearer("admin", Role::Admin, None),
            &one("e", Some("acme"))
        )),
        "acme"
    );
    assert_eq!(organization(&post(&admin(), &one("f", None))), "default");
    let mixed = |users: Vec<Value>| refused(&post(&admin(), &Value::from(users).to_string()));
    for users in [
        vec![user_of("x", Some("acme")), user_of("y", Some("beta"))],
        vec![user_of("x", None), user_of("y", Some("beta"))],
    ] {
        let (status, scim_type, detail) = mixed(users);
        assert_eq!((status, scim_type.as_deref()), (400, Some("invalidValue")));
        assert!(
            detail.contains("send one request per organization"),
            "{detail}"
        );
    }
    let same = Value::from(vec![user_of("g", None), user_of("h", Some("Acme"))]).to_string();
    assert_eq!(post(&ann, &same).status, 200);
    assert_eq!(
        refused(&post(
            &admin(),
            r#"[{"userName":"x","urn:zuora:scim:schemas:1.0:UserExtension":{"organizationId":7}}]"#
        ))
        .0,
        400
    );
    assert_eq!(names(&server, "acme"), ["a", "b", "c", "e", "g", "h"]);
    assert_eq!(names(&server, "Beta"), ["d"]);
    assert_eq!(server.user_names(), ["f"]);
}

#[test]
fn users_of_another_organization_cannot_be_changed() {
    let server = TestApp::start();
    server.add_organization("acme");
    server.add_operator_of("acme", "ann", Role::Admin);
    let made = json(&post(&server, KIM));
    let id = made["resources"][0]["id"].as_str().unwrap();
    let mut user = user_of("stolen", None);
    user["id"] = id.into();
    let ann = basic("ann", ADMIN_PASSWORD);
    let body = Value::from(vec![user.clone()]).to_string();
    assert_eq!(refused(&call(&server, "PATCH", &ann, &body)).0, 404);
    user[EXTENSION] = json!({"organizationId": "default"});
    is_forbidden(&call(
        &server,
        "PATCH",
        &ann,
        &Value::from(vec![user.clone()]).to_string(),
    ));
    user[EXTENSION] = json!({"organizationId": "acme"});
    let moved = call(
        &server,
        "PATCH",
        &admin(),
        &Value::from(vec![user]).to_string(),
    );
    assert_eq!(refused(&moved).0, 404);
    assert_eq!(server.user_names(), ["kim"]);
    // A key belongs to one organization.
    let authorization = format!("Authorization: {ann}");
    let key = [
        authorization.as_str(),
        "Content-Type: application/json",
        "Idempotency-Key: k",
    ];
    let admins = format!("Authorization: {}", admin());
    let keyed = [
        admins.as_str(),
        "Content-Type: application/json",
        "Idempotency-Key: k",
    ];
    let lee = KIM.replace("kim", "lee");
    assert_eq!(
        ask(&server, "POST", BULK, &keyed, lee.as_bytes()).status,
        200
    );
    assert_eq!(ask(&server, "POST", BULK, &key, KIM.as_bytes()).status, 200);
    assert_eq!(names(&server, "acme"), ["kim"]);
}

#[test]
fn zuora_track_id_is_returned_if_it_is_valid() {
    let server = TestApp::start();
    let authorization = format!("Authorization: {}", admin());
    let track = |id: &str, body: &str, authorization: &str| {
        let field = format!("Zuora-Track-Id: {id}");
        let headers = [
            authorization,
            "Content-Type: application/json",
            field.as_str(),
        ];
        let response = ask(&server, "POST", BULK, &headers, body.as_bytes());
        response.header("zuora-track-id").map(str::to_owned)
    };
    let id = "t".repeat(64);
    for (body, authorization) in [
        (KIM, authorization.as_str()),
        ("[]", &authorization),
        (KIM, "X: y"),
    ] {
        assert_eq!(
            track(&id, body, authorization).as_deref(),
            Some(id.as_str())
        );
    }
    assert_eq!(track(&"t".repeat(65), "[]", &authorization), None);
    assert_eq!(track("ä", "[]", &authorization), None);
}

#[test]
fn calls_exist_only_on_the_mount_of_the_rfcs() {
    let server = TestApp::start();
    let authorization = format!("Authorization: {}", admin());
    let headers = [authorization.as_str(), "Content-Type: application/json"];
    for method in ["POST", "PATCH", "GET", "PUT", "DELETE"] {
        let response = ask(
            &server,
            method,
            "/scim2/Users/bulk",
            &headers,
            KIM.as_bytes(),
        );
        assert_eq!(response.status, 404, "{method}");
        assert_eq!(json(&response)["status"], "404");
    }
    let response = ask(&server, "GET", BULK, &headers, b"");
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("POST, PATCH"))
    );
    let csv = ask(
        &server,
        "POST",
        BULK,
        &[&authorization, "Content-Type: text/csv"],
        b"x",
    );
    assert_eq!(refused(&csv).0, 415);
    let accept = [
        authorization.as_str(),
        "Content-Type: application/json",
        "Accept: text/html",
    ];
    assert_eq!(
        refused(&ask(&server, "POST", BULK, &accept, KIM.as_bytes())).0,
        406
    );
    assert_eq!(server.user_names(), [""; 0]);
}

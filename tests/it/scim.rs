//! A client for both SCIM mounts, used by the modules whose names begin with `scim`. Numbers in the names of
//! their tests are those of the items in `docs/scim.md`.

use std::net::TcpStream;

use serde_json::{Value, json};

use crate::app::{Response, TestApp, admin};

/// Both mounts.
pub const MOUNTS: [&str; 2] = ["/scim/v2", "/scim2"];

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const CUSTOM: &str = "urn:scim:schemas:extension:custom:User";
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
pub const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
pub const BULK_ANSWER: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Sends a request with these header lines and this body, and decodes a chunked response.
pub fn send(
    server: &TestApp,
    method: &str,
    path: &str,
    headers: &[&str],
    body: impl AsRef<[u8]>,
) -> Response {
    let body = body.as_ref();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    dechunked(server.send(&[head.as_bytes(), body].concat()))
}

/// Reads the response on a connection that a test has written to.
pub fn answer(stream: &mut TcpStream) -> Response {
    dechunked(Response::read(stream))
}

/// Decodes a chunked response (RFC 9112 §7.1).
pub fn dechunked(mut response: Response) -> Response {
    if response.header("transfer-encoding") == Some("chunked") {
        let (mut rest, mut content) = (response.body.as_str(), String::new());
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            content.push_str(&after[..size]);
            rest = &after[size + 2..];
        }
        response.body = content;
    }
    response
}

/// Sends a request as the operator admin with additional header lines.
pub fn ask_with(
    server: &TestApp,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &Value,
) -> Response {
    let credentials = format!("Authorization: {}", admin());
    let media_type = "Content-Type: application/scim+json";
    let headers = [&[credentials.as_str(), media_type], headers].concat();
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    send(server, method, path, &headers, body)
}

/// Sends a request as the operator admin.
pub fn ask(server: &TestApp, method: &str, path: &str, body: &Value) -> Response {
    ask_with(server, method, path, &[], body)
}

/// Fetches the document at `path`.
#[track_caller]
pub fn get(server: &TestApp, path: &str) -> Value {
    let response = ask(server, "GET", path, &Value::Null);
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    document(&response)
}

/// Parses the body of a SCIM response.
#[track_caller]
pub fn document(response: &Response) -> Value {
    let media_type = response.header("content-type");
    assert_eq!(media_type, Some("application/scim+json"), "{response:?}");
    serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("not JSON: {response:?}"))
}

/// Creates a resource and returns it; `Location` must be its `meta.location` (items 33 and 48).
#[track_caller]
pub fn make(server: &TestApp, path: &str, body: &Value) -> Value {
    let response = ask(server, "POST", path, body);
    assert_eq!(response.status, 201, "{}", response.body);
    let made = document(&response);
    let location = made["meta"]["location"].as_str().expect("a location");
    assert_eq!(response.header("location"), Some(location));
    assert_eq!(response.header("etag"), made["meta"]["version"].as_str());
    made
}

/// Creates a user with this name on the mount of the RFCs and returns the id.
#[track_caller]
pub fn make_user(server: &TestApp, name: &str) -> String {
    let made = make(server, "/scim/v2/Users", &user(name, json!({})));
    id(&made)
}

/// Creates a group with these members and returns the id.
#[track_caller]
pub fn make_group(server: &TestApp, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let group = json!({"schemas": [GROUP], "displayName": name, "members": members});
    id(&make(server, "/scim/v2/Groups", &group))
}

/// A user's document.
pub fn user(name: &str, more: Value) -> Value {
    let mut user = json!({"schemas": [USER], "userName": name});
    let more = more.as_object().expect("an object").clone();
    user.as_object_mut().expect("an object").extend(more);
    user
}

/// A PATCH message.
pub fn patch(operations: Value) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// A Bulk message.
pub fn bulk(operations: Value) -> Value {
    json!({"schemas": [BULK], "Operations": operations})
}

pub fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("an id").to_owned()
}

/// Returns status and `scimType` of a SCIM error, which must have a `detail` (items 13 and 72).
#[track_caller]
pub fn refused(response: &Response) -> (u16, String) {
    let error = document(response);
    let (status, keyword) = error_of(&error);
    assert_eq!(status, response.status, "{error}");
    (status, keyword)
}

/// Does the same for an error inside another message.
#[track_caller]
pub fn error_of(error: &Value) -> (u16, String) {
    assert_eq!(error["schemas"], json!([ERROR]), "{error}");
    let status = error["status"].as_str().expect("the status as a string");
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.len() > 10, "{error}");
    let keyword = error["scimType"].as_str().unwrap_or_default();
    (status.parse().expect("a status"), keyword.to_owned())
}

pub fn scim_error(status: u16, keyword: &str) -> (u16, String) {
    (status, keyword.to_owned())
}

/// Returns the names in a list, in the order of the list.
#[track_caller]
pub fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().expect("Resources");
    let name = |resource: &Value| {
        let name = resource.get("userName").or(resource.get("displayName"));
        name.and_then(Value::as_str).expect("a name").to_owned()
    };
    resources.iter().map(name).collect()
}

/// Percent-encodes a text for a query.
pub fn escaped(text: &str) -> String {
    let bytes = text.bytes();
    bytes
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

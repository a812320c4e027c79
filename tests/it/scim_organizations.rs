//! SCIM requests that name resources of another organization; called by the first test of
//! [`organizations`](crate::organizations).

use std::io::{Read, Write};

use muster::http::scim::mount::Mount;
use muster::http::scim::routes::{Me, Operation, Route};
use muster::users::operator::Role;
use muster::users::resources::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{ADMIN_PASSWORD, TestApp, basic};
use crate::organizations::{Caller, MARKER, Request, Two};
use crate::scim::{ENTERPRISE, SEARCH, bulk, escaped, patch, user};

/// The other organization's resources and requests.
#[derive(Default)]
pub struct Theirs {
    pub user: String,
    pub group: String,
    /// Its group `admin`.
    pub admins: String,
    /// The id of its Bulk request with a key, which was queued and has completed.
    pub bulk: String,
    /// Cursors of its lists of users and of groups.
    pub cursors: [String; 2],
}

impl Theirs {
    /// Creates them.
    pub fn new(two: &Two, them: &Caller) -> Self {
        let ask = |method: &str, path: &str, headers: &[&str], body: Value| {
            let response = two.ask(them, &asked(method, path.to_owned(), headers, &body));
            assert!((200..300).contains(&response.status), "{response:?}");
            response
        };
        let id = |response: &crate::app::Response| {
            let document: Value = serde_json::from_str(&response.body).expect("JSON");
            document["id"].as_str().expect("an id").to_owned()
        };
        let name = format!("{MARKER}-scim");
        let more = json!({"title": MARKER, "externalId": MARKER});
        let user = id(&ask("POST", "/scim/v2/Users", &[], user(&name, more)));
        let group = json!({"schemas": [crate::scim::GROUP], "displayName": name,
                           "members": [{"value": user}]});
        let group = id(&ask("POST", "/scim/v2/Groups", &[], group));
        let made = bulk(
            json!([{"method": "POST", "path": "/Users", "bulkId": MARKER,
                                "data": crate::scim::user(&format!("{MARKER}-bulk"), json!({}))}]),
        );
        let headers = ["Prefer: respond-async", "Idempotency-Key: beta-scim"];
        let queued = ask("POST", "/scim/v2/Bulk", &headers, made);
        let bulk = queued.header("set-txn").expect("an id").to_owned();
        let place = asked("GET", format!("/scim/v2/Bulk/{bulk}"), &[], &Value::Null);
        while two.ask(them, &place).status == 202 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let list = ask(
            "GET",
            "/scim/v2/Groups?filter=displayName+eq+%22admin%22",
            &[],
            Value::Null,
        );
        let list: Value = serde_json::from_str(&list.body).expect("JSON");
        let admins = list["Resources"][0]["id"]
            .as_str()
            .expect("there")
            .to_owned();
        let cursors = ["Users", "Groups"].map(|kind| {
            let list = ask(
                "GET",
                &format!("/scim/v2/{kind}?cursor&count=1"),
                &[],
                Value::Null,
            );
            let list: Value = serde_json::from_str(&list.body).expect("JSON");
            list["nextCursor"]
                .as_str()
                .expect("another page")
                .to_owned()
        });
        Theirs {
            user,
            group,
            admins,
            bulk,
            cursors,
        }
    }
}

fn asked(method: &str, path: String, headers: &[&str], body: &Value) -> Request {
    Request {
        method: method.into(),
        path,
        headers: headers.iter().map(|&line| line.to_owned()).collect(),
        media_type: "application/scim+json",
        body: match body {
            Value::Null => String::new(),
            body => body.to_string(),
        },
    }
}

/// Filters that match its resources, where `ID` is the id of one of them.
fn filters(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &[
            "id eq \"ID\"",
            "groups.value eq \"ID\"",
            "groups[value eq \"ID\"]",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"ID\"",
            "meta.location ew \"ID\"",
        ],
        Kind::Group => &[
            "id eq \"ID\"",
            "members.value eq \"ID\"",
            "members[value eq \"ID\"]",
        ],
    }
}

/// Names its resources in every way that a SCIM route allows.
pub fn scim(two: &Two, caller: &Caller, mount: Mount, route: &Route) {
    let nobodys = Uuid::now_v7().to_string();
    let (method, base) = (route.method.as_str(), mount.path());
    let path = format!("{base}{}", route.path);
    let at = |id: &str| path.replace("{id}", id);
    let theirs = |kind: Kind| match kind {
        Kind::User => &two.scim.user,
        Kind::Group => &two.scim.group,
    };
    let ids = [&two.scim.user, &two.scim.group];
    let same = |theirs: &str, body: &dyn Fn(&str) -> Value| {
        two.same(caller, theirs, &nobodys, |id| {
            asked(method, at(id), &[], &body(id))
        });
    };
    let naming = |id: &str, kind: Kind| match kind {
        Kind::User => user(
            &format!("mine-{}", Uuid::now_v7()),
            json!({ENTERPRISE: {"manager": {"value": id}}}),
        ),
        Kind::Group => json!({"schemas": [crate::scim::GROUP], "displayName":
            format!("mine-{}", Uuid::now_v7()), "members": [{"value": id}]}),
    };
    match route.operation {
        Operation::List(kind) => {
            let list = two.blind(
                caller,
                &asked(method, format!("{path}?count=1000"), &[], &Value::Null),
            );
            let list: Value = serde_json::from_str(&list.body).expect("JSON");
            assert!(!list.to_string().contains(theirs(kind).as_str()));
            for id in ids {
                for filter in filters(kind) {
                    two.same(caller, id, &nobodys, |id| {
                        let filter = escaped(&filter.replace("ID", id));
                        asked(method, format!("{path}?filter={filter}"), &[], &Value::Null)
                    });
                }
            }
            let [users, groups] = &two.scim.cursors;
            let cursor = if kind == Kind::User { users } else { groups };
            two.same(caller, cursor, "x.y", |cursor| {
                asked(
                    method,
                    format!("{path}?count=1&cursor={cursor}"),
                    &[],
                    &Value::Null,
                )
            });
        }
        Operation::Search(kind) => {
            let filter = format!("id pr and not (id eq \"{nobodys}\")");
            let all = json!({"schemas": [SEARCH], "count": 1000, "filter": filter});
            two.blind(caller, &asked(method, path.clone(), &[], &all));
            for id in ids {
                for filter in filters(kind.unwrap_or(Kind::User)) {
                    same(
                        id,
                        &|id| json!({"schemas": [SEARCH], "filter": filter.replace("ID", id)}),
                    );
                }
            }
            same(
                &two.scim.cursors[0],
                &|cursor| json!({"schemas": [SEARCH], "count": 1, "cursor": cursor}),
            );
        }
        Operation::Create(kind) => {
            // A name that is used there is free here, and a resource of theirs cannot be referred to.
            let twin = format!("scim-twin-{}", Uuid::now_v7());
            let message = match kind {
                Kind::User => user(&twin, json!({})),
                Kind::Group => json!({"schemas": [crate::scim::GROUP], "displayName": twin}),
            };
            two.blind(caller, &asked(method, path.clone(), &[], &message));
            for id in ids {
                let mine = naming("ID", kind);
                same(id, &|id| {
                    serde_json::from_str(&mine.to_string().replace("ID", id)).expect("JSON")
                });
            }
        }
        Operation::Get(_) | Operation::Delete(_) => {
            ids.iter().for_each(|id| same(id, &|_| Value::Null))
        }
        Operation::Replace(kind) => {
            let mine = naming(&nobodys, kind);
            ids.iter().for_each(|id| same(id, &|_| mine.clone()));
        }
        Operation::Patch(_) => {
            let message = patch(json!([{"op": "replace", "path": "externalId", "value": "ours"}]));
            ids.iter().for_each(|id| same(id, &|_| message.clone()));
            same(&two.scim.admins, &|_| {
                patch(json!([{"op": "remove", "path": "members"}]))
            });
        }
        Operation::Bulk => {
            for id in ids {
                for kind in ["Users", "Groups"] {
                    same(id, &|id| {
                        let path = format!("/{kind}/{id}");
                        bulk(json!([
                            {"method": "DELETE", "path": path},
                            {"method": "PUT", "path": path, "data": user("ours", json!({}))},
                            {"method": "PATCH", "path": path, "data": patch(json!([
                                {"op": "add", "path": "externalId", "value": "ours"}]))},
                            {"method": "POST", "path": "/Groups", "bulkId": "a", "data": naming(id, Kind::Group)},
                            {"method": "POST", "path": "/Users", "bulkId": "b", "data": naming(id, Kind::User)},
                        ]))
                    });
                }
            }
            // A bulkId of theirs refers to nothing here, and a key of theirs is free.
            same(MARKER, &|name| {
                bulk(json!([{"method": "DELETE", "path": format!("/Users/bulkId:{name}")}]))
            });
            // Here the key belongs to requests to one mount.
            if mount == Mount::Rfc {
                let key = ["Idempotency-Key: beta-scim"];
                let nothing = bulk(json!([]));
                two.blind(caller, &asked(method, path.clone(), &key, &nothing));
            }
        }
        Operation::GetBulk => {
            for id in [&two.scim.bulk, &two.ended, &two.queued] {
                same(id, &|_| Value::Null);
            }
        }
        Operation::Me(Me::Get) => {
            let response = two.ask(caller, &asked(method, path.clone(), &[], &Value::Null));
            assert!(!response.body.contains(MARKER), "{response:?}");
        }
        // These requests can name only the caller.
        Operation::Me(Me::Replace | Me::Patch | Me::Delete) => {}
        Operation::ZuoraCreate => {
            for id in ids {
                let mine = json!([naming("ID", Kind::User)]).to_string();
                same(id, &|id| {
                    serde_json::from_str(&mine.replace("ID", id)).expect("JSON")
                });
            }
        }
        Operation::ZuoraUpdate => {
            for id in ids {
                same(id, &|id| json!([user("ours", json!({"id": id}))]));
            }
        }
        Operation::ServiceProviderConfig | Operation::ResourceTypes | Operation::Schemas => {
            let path = path.replace("/{id}", "");
            two.blind(caller, &asked(method, path, &[], &Value::Null));
        }
    }
}

/// WSO2's paths for tenants and organizations.
#[test]
fn tenant_and_organization_paths_select_the_organization() {
    let server = TestApp::start();
    for name in ["acme", "Beta"] {
        server.add_organization(name);
    }
    server.add_operator_of("acme", "ann", Role::Admin);
    let call = |caller: &str, method: &str, path: &str, body: &Value| {
        let caller = format!("Authorization: {caller}\r\nContent-Type: application/json");
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        crate::scim::send(&server, method, path, &[&caller], body)
    };
    let ann = basic("ann", ADMIN_PASSWORD);
    let admin = crate::app::admin();
    let token = server.bearer("admin", Role::Admin, None);
    let at_beta = basic("admin@beta", ADMIN_PASSWORD);
    for (number, (caller, path)) in [
        (&ann, "/t/acme/scim2"),
        (&ann, "/o/ACME/scim2"),
        (&admin, "/t/acme/scim2"),
        (&token, "/o/acme/scim2"),
    ]
    .into_iter()
    .enumerate()
    {
        let response = call(
            caller,
            "POST",
            &format!("{path}/Users"),
            &json!({"userName": format!("u{number}")}),
        );
        assert_eq!(response.status, 201, "{path}: {}", response.body);
        let made = crate::scim::document(&response);
        let place = made["meta"]["location"].as_str().unwrap();
        assert!(place.contains(&format!("{path}/Users/")), "{place}");
        let place = &place[place.find(path).unwrap()..];
        assert_eq!(call(caller, "GET", place, &Value::Null).status, 200);
        let message = json!({"Operations": [
            {"method": "POST", "path": format!("{path}/Users"), "bulkId": "b", "data": {"userName": format!("b{number}")}},
        ]});
        let response = call(caller, "POST", &format!("{path}/Bulk"), &message);
        let answer = crate::scim::document(&response);
        assert_eq!(answer["Operations"][0]["status"]["code"], 201, "{answer}");
        let location = answer["Operations"][0]["location"].as_str().unwrap();
        assert!(location.contains(&format!("{path}/Users/")), "{location}");
    }
    let response = call(
        &at_beta,
        "POST",
        "/t/beta/scim2/Users",
        &json!({"userName": "bea"}),
    );
    assert_eq!(response.status, 201, "{}", response.body);
    for path in ["/t/carbon.super/scim2", "/t/default/scim2"] {
        let response = call(&admin, "GET", &format!("{path}/Users"), &Value::Null);
        assert_eq!(
            crate::scim::document(&response)["totalResults"],
            0,
            "{path}"
        );
    }
    let names = |organization: &str| -> Vec<String> {
        let users = server
            .app
            .store
            .users(organization, None, None, 100)
            .unwrap();
        users.into_iter().map(|user| user.user_name).collect()
    };
    assert_eq!(
        names("acme"),
        ["b0", "b1", "b2", "b3", "u0", "u1", "u2", "u3"]
    );
    assert_eq!(names("Beta"), ["bea"]);
    // A caller of a single organization does not learn which others exist.
    for (caller, own) in [(&ann, "acme"), (&at_beta, "Beta")] {
        let refusals = [
            "default",
            "carbon.super",
            "nowhere",
            if own == "acme" { "beta" } else { "acme" },
        ]
        .map(|other| {
            let response = call(
                caller,
                "GET",
                &format!("/t/{other}/scim2/Users"),
                &Value::Null,
            );
            assert_eq!(
                crate::scim::refused(&response),
                crate::scim::scim_error(403, ""),
                "{other}"
            );
            response.body.replace(other, "OTHER")
        });
        assert!(
            refusals.iter().all(|text| *text == refusals[0]),
            "{refusals:?}"
        );
    }
    let response = call(&admin, "GET", "/t/nowhere/scim2/Users", &Value::Null);
    assert_eq!(
        crate::scim::refused(&response),
        crate::scim::scim_error(404, "")
    );
    // Without credentials only the configuration is returned, the same for every name.
    for name in ["acme", "nowhere"] {
        let path = format!("/t/{name}/scim2");
        assert_eq!(server.get(&format!("{path}/Users")).status, 401);
        assert_eq!(
            server.get(&format!("{path}/ServiceProviderConfig")).status,
            200
        );
    }
    for path in [
        "/t/acme/scim/v2/Users",
        "/t/acme/scim2x/Users",
        "/t/scim2/Users",
        "/t/acme/scim2/nothing",
    ] {
        assert_eq!(
            call(&admin, "GET", path, &Value::Null).status,
            404,
            "{path}"
        );
    }
}

/// A client that waits for `100 Continue` receives it at every path that takes a message.
#[test]
fn waiting_clients_get_100_continue_at_every_path() {
    let server = TestApp::start();
    server.add_organization("acme");
    for (number, prefix) in [
        "/scim/v2",
        "/scim2",
        "/t/acme/scim2",
        "/o/ACME/scim2",
        "/t/carbon.super/scim2",
        "/o/default/scim2",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("u{number}");
        let made = json!({"method": "POST", "path": "/Users", "bulkId": "b", "data": user(&name, json!({}))});
        for (path, message, status) in [
            ("Bulk", bulk(json!([made])), 200),
            ("Users", user(&format!("{name}-alone"), json!({})), 201),
        ] {
            let body = message.to_string();
            let mut stream = server.connect();
            let head = format!(
                "POST {prefix}/{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\nContent-Type: \
                 application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
                crate::app::admin(),
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            let mut first = [0; 25];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n", "{prefix}/{path}");
            stream.write_all(body.as_bytes()).unwrap();
            let response = crate::scim::answer(&mut stream);
            assert_eq!(
                response.status, status,
                "{prefix}/{path}: {}",
                response.body
            );
        }
    }
}

/// An operation whose path names an organization other than that of the request fails alone.
#[test]
fn bulk_paths_of_another_organization_fail() {
    let server = TestApp::start();
    for name in ["acme", "beta"] {
        server.add_organization(name);
    }
    server.add_operator_of("acme", "ann", Role::Admin);
    let ann = basic("ann", ADMIN_PASSWORD);
    let admin = crate::app::admin();
    let mut number = 0;
    let mut status = |caller: &str, at: &str, path: &str, queued: bool| {
        number += 1;
        let name = format!("u{number}");
        let message = json!({"Operations": [
            {"method": "POST", "path": path, "bulkId": "a", "data": {"userName": name}},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": format!("{name}-own")}},
        ]});
        let caller = format!("Authorization: {caller}");
        let json = "Content-Type: application/json";
        let mut headers = vec![caller.as_str(), json];
        if queued {
            headers.push("Prefer: respond-async");
        }
        let mut response = crate::scim::send(
            &server,
            "POST",
            &format!("{at}/Bulk"),
            &headers,
            message.to_string(),
        );
        while response.status == 202 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let place = match response.header("location") {
                Some(location) => {
                    location[location.find(at).expect("below the address")..].to_owned()
                }
                None => panic!("{response:?}"),
            };
            response = crate::scim::send(&server, "GET", &place, &[&caller], "");
        }
        assert_eq!(response.status, 200, "{}", response.body);
        let answer = crate::scim::document(&response);
        let operations = &answer["Operations"];
        assert_eq!(operations[1]["status"]["code"], 201, "{answer}");
        operations[0]["status"]["code"].as_u64().expect("a code")
    };
    for queued in [false, true] {
        for (caller, at, path, code) in [
            (&ann, "/t/acme/scim2", "/t/acme/scim2/Users", 201),
            (&ann, "/t/acme/scim2", "/o/ACME/scim2/Users", 201),
            (&ann, "/t/acme/scim2", "/scim2/Users", 201),
            (&ann, "/scim2", "/t/acme/scim2/Users", 201),
            (&ann, "/t/acme/scim2", "/t/beta/scim2/Users", 404),
            (&ann, "/t/acme/scim2", "/t/carbon.super/scim2/Users", 404),
            (&ann, "/scim2", "/o/default/scim2/Users", 404),
            (&admin, "/t/acme/scim2", "/o/Acme/scim2/Users", 201),
            (&admin, "/t/acme/scim2", "/t/beta/scim2/Users", 404),
            (&admin, "/t/acme/scim2", "/o/nowhere/scim2/Users", 404),
            (&admin, "/t/acme/scim2", "/t/carbon.super/scim2/Users", 404),
            (&admin, "/scim2", "/t/carbon.super/scim2/Users", 201),
            (&admin, "/scim2", "/t/DEFAULT/scim2/Users", 201),
            (&admin, "/scim2", "/t/acme/scim2/Users", 404),
        ] {
            assert_eq!(
                status(caller, at, path, queued),
                code,
                "{at} {path}, queued {queued}"
            );
        }
    }
    // If an organization has that name, the name means that organization, not the default one.
    server.add_organization("carbon.super");
    let path = "/t/carbon.super/scim2/Users";
    assert_eq!(status(&admin, "/scim2", path, false), 404);
    assert_eq!(status(&admin, "/t/carbon.super/scim2", path, false), 201);
    let users = |organization: &str| {
        let users = server.app.store.users(organization, None, None, 100);
        users.unwrap().len()
    };
    assert_eq!(
        ["acme", "beta", "default", "carbon.super"].map(users),
        [32, 0, 11, 2]
    );
}

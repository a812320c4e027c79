//! What of another organization can be named over SCIM; called from the first test of
//! [`organizations`](crate::organizations).

use muster::http::scim::mount::Mount;
use muster::http::scim::routes::{Me, Operation, Route};
use muster::users::resources::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::organizations::{Asked, Caller, MARKER, Two};
use crate::scim::{ENTERPRISE, SEARCH, bulk, escaped, patch, user};

/// Their resources and requests.
#[derive(Default)]
pub struct Theirs {
    pub user: String,
    pub group: String,
    /// Their group `admin`.
    pub admins: String,
    /// A Bulk request of theirs with a key, which was put aside and is done.
    pub bulk: String,
    /// Cursors of their lists, of users and of groups.
    pub cursors: [String; 2],
}

impl Theirs {
    /// Makes them.
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

fn asked(method: &str, path: String, headers: &[&str], body: &Value) -> Asked {
    Asked {
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

/// Filters that find what they have, when `ID` is the id of it.
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

/// What of theirs can be named at a route of SCIM.
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
            // A name of theirs is free with us, and what they have cannot be referred to.
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
            // A bulkId of theirs is nobody's, and a key of theirs is free.
            same(MARKER, &|name| {
                bulk(json!([{"method": "DELETE", "path": format!("/Users/bulkId:{name}")}]))
            });
            // With us it stands for what is sent to one address.
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
        // Nobody but the caller can be named.
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

//! Undoing a Bulk request on both stores: groups, memberships and removed users are restored, or the response
//! lists those that are not.

use muster::clock::Moment;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, admin};
use crate::scim::{
    ENTERPRISE, ask, bulk, document, get, id, make, make_group, make_user, patch, user,
};

fn servers() -> [TestApp; 2] {
    [
        TestApp::start(),
        TestApp::start_with(|options| options.app.store.url = "memory:".into()),
    ]
}

/// Returns the id of the import that a request was recorded as.
fn import_of(response: &Response) -> String {
    let field = response.header("muster-import").expect("an import");
    let id = field.split(['"', ',', ';']).find(|part| part.len() == 36);
    id.expect("its id").to_owned()
}

/// Carries out the operations, all of which must succeed, and returns the id of the import.
#[track_caller]
fn done(server: &TestApp, operations: Value) -> String {
    let response = ask(server, "POST", "/scim/v2/Bulk", &bulk(operations));
    let answer = document(&response);
    for operation in answer["Operations"].as_array().expect("results") {
        let status = operation["status"].as_str().expect("a status");
        assert!(status.starts_with('2'), "{operation}");
    }
    import_of(&response)
}

#[track_caller]
fn undo(server: &TestApp, import: &str) -> Value {
    let path = format!("/api/v1/imports/{import}/undo");
    let caller = format!("Authorization: {}", admin());
    let response = crate::scim::send(server, "POST", &path, &[&caller], "");
    assert_eq!(response.status, 200, "{}", response.body);
    serde_json::from_str(&response.body).expect("JSON")
}

/// Returns all users and groups without their times of change.
fn everything(server: &TestApp) -> Value {
    let mut all = Vec::new();
    for path in [
        "/scim/v2/Users",
        "/scim/v2/Groups?attributes=displayName,externalId,members.value,members.display",
    ] {
        let mut list = get(server, path)["Resources"].clone();
        for resource in list.as_array_mut().expect("a list") {
            if let Some(meta) = resource.get_mut("meta") {
                meta.as_object_mut()
                    .expect("an object")
                    .retain(|name, _| name == "created");
            }
            if let Some(Value::Array(members)) = resource.get_mut("members") {
                members.sort_by_key(Value::to_string);
            }
        }
        all.push(list);
    }
    all.into()
}

fn delete(path: &str, id: &str) -> Value {
    json!({"method": "DELETE", "path": format!("/{path}/{id}")})
}

fn change(path: &str, id: &str, operations: Value) -> Value {
    json!({"method": "PATCH", "path": format!("/{path}/{id}"), "data": patch(operations)})
}

fn post(path: &str, name: &str, data: Value) -> Value {
    json!({"method": "POST", "path": format!("/{path}"), "bulkId": name, "data": data})
}

fn group(name: &str, members: Value) -> Value {
    json!({"schemas": [crate::scim::GROUP], "displayName": name, "members": members})
}

#[test]
fn undo_restores_everything_that_a_bulk_request_changed() {
    for server in servers() {
        let kim = make(
            &server,
            "/scim/v2/Users",
            &user("kim", json!({"title": "before"})),
        );
        let kim = id(&kim);
        let lee = make(
            &server,
            "/scim/v2/Users",
            &user(
                "lee",
                json!({
                    "password": "Spring-Meadow-42", "externalId": "L-1", "emails": [{"value": "lee@example.com"}],
                    ENTERPRISE: {"manager": {"value": kim}},
                }),
            ),
        );
        let lee = id(&lee);
        let sue = make_user(&server, "SALES/sue");
        let inner = make_group(&server, "inner", &[&lee]);
        let crew = make_group(&server, "crew", &[&kim, &lee, &inner]);
        let gone = make_group(&server, "gone", &[&kim, &inner]);
        let holder = make_group(&server, "holder", &[&gone]);
        let team = make_group(&server, "SALES/team", &[&sue]);
        let before = everything(&server);
        for operations in [
            // A user and memberships of that user.
            json!([
                delete("Users", &lee),
                change(
                    "Users",
                    &kim,
                    json!([{"op": "replace", "path": "title", "value": "after"}])
                ),
                change(
                    "Groups",
                    &crew,
                    json!([
                        {"op": "replace", "path": "displayName", "value": "renamed"},
                        {"op": "remove", "path": "members"},
                    ])
                ),
            ]),
            // A group that has groups as members and is a member itself; its members change before and after.
            json!([
                change(
                    "Groups",
                    &gone,
                    json!([{"op": "add", "path": "members", "value": [{"value": lee}]}])
                ),
                delete("Groups", &gone),
                delete("Groups", &inner),
                delete("Users", &kim),
            ]),
            // Names that pass from one user to another, and users that are changed before they are removed.
            json!([
                change(
                    "Users",
                    &lee,
                    json!([{"op": "replace", "path": "title", "value": "x"}])
                ),
                change(
                    "Users",
                    &lee,
                    json!([{"op": "replace", "path": "userName", "value": "leo"}])
                ),
                delete("Users", &lee),
                post("Users", "new", user("lee", json!({"title": "another one"}))),
                change(
                    "Groups",
                    &crew,
                    json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:new"}]}])
                ),
                delete("Users", &kim),
                change(
                    "Users",
                    &sue,
                    json!([{"op": "replace", "path": "userName", "value": "SALES/susan"}])
                ),
            ]),
            json!([
                change(
                    "Users",
                    &lee,
                    json!([{"op": "replace", "path": "userName", "value": "max"}])
                ),
                delete("Users", &kim),
                change(
                    "Users",
                    &lee,
                    json!([{"op": "replace", "path": "userName", "value": "kim"}])
                ),
                delete("Groups", &crew),
                post("Groups", "crew", group("crew", json!([{"value": lee}]))),
            ]),
            // Groups that are created, changed, and removed again.
            json!([
                post("Groups", "a", group("new", json!([{"value": lee}, {"value": "bulkId:u"}]))),
                post("Users", "u", user("new", json!({}))),
                post("Groups", "b", group("newer", json!([{"value": "bulkId:a"}, {"value": crew}]))),
                change("Groups", "bulkId:a", json!([
                    {"op": "replace", "path": "displayName", "value": "newest"},
                    {"op": "replace", "path": "externalId", "value": "N-1"},
                    {"op": "add", "path": "members", "value": [{"value": kim}]},
                ])),
                delete("Groups", "bulkId:b"),
                post("Groups", "c", group("newer", json!([{"value": "bulkId:a"}]))),
                delete("Users", "bulkId:u"),
                {"method": "PUT", "path": format!("/Groups/{holder}"), "data": group("held", json!([{"value": inner}]))},
            ]),
            // The same memberships added and removed repeatedly.
            json!([
                change(
                    "Groups",
                    &team,
                    json!([{"op": "remove", "path": format!("members[value eq \"{sue}\"]")}])
                ),
                change(
                    "Groups",
                    &team,
                    json!([{"op": "add", "path": "members", "value": [{"value": sue}]}])
                ),
                change(
                    "Groups",
                    &team,
                    json!([{"op": "remove", "path": "members"}])
                ),
                change(
                    "Groups",
                    &team,
                    json!([{"op": "add", "path": "members", "value": [{"value": sue}]}])
                ),
                delete("Users", &sue),
            ]),
        ] {
            let import = done(&server, operations.clone());
            assert_ne!(everything(&server), before, "{operations}");
            let undone = undo(&server, &import);
            assert_eq!(undone["leftTotal"], 0, "{operations}: {undone}");
            assert_eq!(everything(&server), before, "{operations}");
            assert!(server.has_password("lee", "Spring-Meadow-42"));
        }
        let undone = undo(
            &server,
            &done(
                &server,
                json!([
                    delete("Users", &lee),
                    delete("Groups", &crew),
                    post("Groups", "x", group("x", json!([]))),
                    post("Users", "y", user("y", json!({}))),
                ]),
            ),
        );
        let counts =
            ["removed", "restored", "groups", "leftTotal"].map(|name| undone[name].clone());
        // The groups are crew, x, and inner, which has its member again.
        assert_eq!(counts, [json!(1), json!(1), json!(3), json!(0)], "{undone}");
    }
}

#[test]
fn undo_lists_what_it_cannot_restore() {
    for server in servers() {
        let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
        let crew = make_group(&server, "crew", &[&kim]);
        let tour = make_group(&server, "tour", &[&kim, &lee]);
        let gone = make_group(&server, "gone", &[]);
        let import = done(
            &server,
            json!([
                change(
                    "Groups",
                    &crew,
                    json!([{"op": "replace", "path": "displayName", "value": "renamed"}])
                ),
                change(
                    "Groups",
                    &tour,
                    json!([{"op": "replace", "path": "displayName", "value": "trip"}])
                ),
                post("Groups", "g", group("made", json!([{"value": kim}]))),
                delete("Users", &lee),
                delete("Groups", &gone),
            ]),
        );
        let made = get(&server, "/scim/v2/Groups?filter=displayName+eq+%22made%22");
        let made = id(&made["Resources"][0]);
        // Other resources take the names meanwhile.
        let another = make_user(&server, "LEE");
        make_group(&server, "Gone", &[]);
        make_group(&server, "tour", &[]);
        for (group, operation) in [
            (
                &crew,
                json!({"op": "replace", "path": "displayName", "value": "theirs"}),
            ),
            (
                &made,
                json!({"op": "add", "path": "members", "value": [{"value": another}]}),
            ),
        ] {
            let path = format!("/scim/v2/Groups/{group}");
            assert_eq!(
                ask(&server, "PATCH", &path, &patch(json!([operation]))).status,
                200
            );
        }
        let undone = undo(&server, &import);
        let mut left: Vec<(String, String)> = undone["left"]
            .as_array()
            .unwrap()
            .iter()
            .map(|left| {
                let name = left.get("group").or(left.get("userName")).expect("a name");
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(name), text(&left["reason"]))
            })
            .collect();
        left.sort();
        let taken = "its name before the import is now taken";
        let touched = "changed since the import";
        let expected = [
            ("gone", taken),
            ("lee", taken),
            ("made", touched),
            ("theirs", touched),
            ("trip", taken),
        ];
        assert_eq!(
            left,
            expected.map(|(name, why)| (name.to_owned(), why.to_owned())),
            "{undone}"
        );
        assert_eq!(undone["leftTotal"], 5, "{undone}");
        assert!(
            get(&server, &format!("/scim/v2/Groups/{made}"))["members"]
                .to_string()
                .contains(&another)
        );
    }
}

/// Returns name and reason of everything that an undo lists, sorted by name; the total must match.
#[track_caller]
fn listed(undone: &Value) -> Vec<(String, String)> {
    let left = undone["left"].as_array().unwrap();
    assert_eq!(undone["leftTotal"], left.len(), "{undone}");
    let mut left: Vec<(String, String)> = left
        .iter()
        .map(|left| {
            let name = left.get("group").or(left.get("userName")).expect("a name");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(name), text(&left["reason"]))
        })
        .collect();
    left.sort();
    left
}

fn title(title: &str) -> Value {
    json!([{"op": "replace", "path": "title", "value": title}])
}

fn add(user: &str) -> Value {
    json!([{"op": "add", "path": "members", "value": [{"value": user}]}])
}

fn rename(name: &str) -> Value {
    json!([{"op": "replace", "path": "displayName", "value": name}])
}

/// Undoing a later import restores what it removed as the earlier import had left it; undoing the earlier one
/// first reports this.
#[test]
fn undo_lists_resources_removed_since_the_import() {
    let gone = |names: &[&str]| -> Vec<(String, String)> {
        let reason = "removed since the import";
        let both = names
            .iter()
            .map(|name| ((*name).to_owned(), reason.to_owned()));
        both.collect()
    };
    for server in servers() {
        let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
        let crew = make_group(&server, "crew", &[&kim]);
        let tour = make_group(&server, "tour", &[&lee]);
        let before = everything(&server);
        let remove_lee = json!([{"op": "remove", "path": format!("members[value eq \"{lee}\"]")}]);
        for (first, second, left) in [
            (
                json!([change("Users", &lee, title("x"))]),
                json!([delete("Users", &lee)]),
                vec!["lee"],
            ),
            (
                json!([change("Groups", &crew, rename("r"))]),
                json!([delete("Groups", &crew)]),
                vec!["r"],
            ),
            (
                json!([change("Groups", &crew, add(&lee))]),
                json!([delete("Groups", &crew)]),
                vec!["crew"],
            ),
            (
                json!([change("Groups", &crew, add(&lee))]),
                json!([delete("Users", &lee)]),
                vec!["lee"],
            ),
            (
                json!([change("Groups", &tour, remove_lee)]),
                json!([delete("Groups", &tour)]),
                vec!["tour"],
            ),
            (
                json!([delete("Users", &lee)]),
                json!([delete("Groups", &tour)]),
                vec!["tour"],
            ),
            (
                json!([delete("Groups", &tour)]),
                json!([delete("Users", &lee)]),
                vec!["lee"],
            ),
            (
                json!([
                    change("Users", &lee, title("x")),
                    change("Groups", &crew, add(&lee))
                ]),
                json!([delete("Users", &lee), delete("Groups", &crew)]),
                vec!["crew", "lee"],
            ),
        ] {
            let first = done(&server, first);
            let second = done(&server, second);
            let undone = undo(&server, &first);
            assert_eq!(listed(&undone), gone(&left), "{undone}");
            undo(&server, &second);
            // Undo the rest by hand.
            for (path, id, operations) in [
                ("Users", &lee, json!([{"op": "remove", "path": "title"}])),
                ("Groups", &crew, rename("crew")),
                (
                    "Groups",
                    &crew,
                    json!([{"op": "replace", "path": "members", "value": [{"value": kim}]}]),
                ),
                (
                    "Groups",
                    &tour,
                    json!([{"op": "replace", "path": "members", "value": [{"value": lee}]}]),
                ),
            ] {
                let path = format!("/scim/v2/{path}/{id}");
                let response = ask(&server, "PATCH", &path, &patch(operations));
                assert_eq!(response.status, 200, "{}", response.body);
            }
            assert_eq!(everything(&server), before);
        }
        // In the reverse order nothing is left over.
        let first = done(&server, json!([change("Users", &lee, title("x"))]));
        let second = done(&server, json!([delete("Users", &lee)]));
        for import in [second, first] {
            assert_eq!(undo(&server, &import)["leftTotal"], 0);
        }
        assert_eq!(everything(&server), before);
        // What the import itself created is gone for good, unless another import can restore it.
        let made = |server: &TestApp| {
            let import = done(
                server,
                json!([
                    post("Users", "n", user("new", json!({}))),
                    post("Groups", "g", group("made", json!([{"value": "bulkId:n"}]))),
                ]),
            );
            let found = |path: &str| id(&get(server, path)["Resources"][0]);
            let user = found("/scim/v2/Users?filter=userName+eq+%22new%22");
            let group = found("/scim/v2/Groups?filter=displayName+eq+%22made%22");
            (import, user, group)
        };
        let (import, user, group) = made(&server);
        for path in [format!("Users/{user}"), format!("Groups/{group}")] {
            let path = format!("/scim/v2/{path}");
            assert_eq!(ask(&server, "DELETE", &path, &Value::Null).status, 204);
        }
        assert_eq!(undo(&server, &import)["leftTotal"], 0);
        assert_eq!(everything(&server), before);
        let (import, user, group) = made(&server);
        let second = done(
            &server,
            json!([delete("Groups", &group), delete("Users", &user)]),
        );
        assert_eq!(listed(&undo(&server, &import)), gone(&["made", "new"]));
        undo(&server, &second);
        assert_ne!(everything(&server), before);
    }
}

/// A user that was removed by hand after a file had changed it.
#[test]
fn undo_lists_users_of_a_file_that_were_removed_since() {
    for server in servers() {
        let kim = make_user(&server, "kim");
        make_user(&server, "lee");
        let caller = format!("Authorization: {}", admin());
        let response = crate::scim::send(
            &server,
            "POST",
            "/api/v1/imports?conflict=update",
            &[&caller, "Content-Type: text/csv"],
            "username,familyname\nkim,One\nlee,Two\n",
        );
        assert!((200..300).contains(&response.status), "{}", response.body);
        let report: Value = serde_json::from_str(&response.body).unwrap();
        let path = format!("/scim/v2/Users/{kim}");
        assert_eq!(ask(&server, "DELETE", &path, &Value::Null).status, 204);
        let undone = undo(&server, report["id"].as_str().unwrap());
        assert_eq!(undone["restored"], 1, "{undone}");
        let expected = ("kim".to_owned(), "removed since the import".to_owned());
        assert_eq!(listed(&undone), [expected]);
    }
}

/// A group that the import created and that was changed since is kept whole.
#[test]
fn created_group_that_was_changed_since_keeps_its_members() {
    for server in servers() {
        let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
        for (number, (operations, left)) in [
            (rename("theirs"), true),
            (
                json!([{"op": "replace", "path": "externalId", "value": "T-1"}]),
                true,
            ),
            (add(&lee), true),
            (json!([{"op": "remove", "path": "members"}]), false),
            (
                json!([{"op": "add", "path": "externalId", "value": "M-1"}]),
                false,
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let import = done(
                &server,
                json!([
                    post("Groups", "g", group(&format!("made{number}"), json!([]))),
                    change("Groups", "bulkId:g", add(&kim)),
                    change("Groups", "bulkId:g", rename(&format!("made{number}b"))),
                    change(
                        "Groups",
                        "bulkId:g",
                        json!([{"op": "add", "path": "externalId", "value": "M-1"}])
                    ),
                ]),
            );
            let filter = format!("/scim/v2/Groups?filter=displayName+eq+%22made{number}b%22");
            let made = format!(
                "/scim/v2/Groups/{}",
                id(&get(&server, &filter)["Resources"][0])
            );
            assert_eq!(ask(&server, "PATCH", &made, &patch(operations)).status, 200);
            let changed = get(&server, &made);
            let undone = undo(&server, &import);
            match left {
                true => {
                    let name = changed["displayName"].as_str().unwrap().to_owned();
                    let expected = (name, "changed since the import".to_owned());
                    assert_eq!(listed(&undone), [expected]);
                    assert_eq!(get(&server, &made), changed);
                }
                false => {
                    assert_eq!(undone["leftTotal"], 0, "{undone}");
                    assert_eq!(ask(&server, "GET", &made, &Value::Null).status, 404);
                }
            }
        }
    }
}

/// A membership is the same one even if it was ended and begun again since.
#[test]
fn memberships_are_restored_even_if_changed_since() {
    for server in servers() {
        let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
        let crew = make_group(&server, "crew", &[&kim]);
        let before = everything(&server);
        let remove =
            |user: &str| json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
        let operations = json!([
            change("Groups", &crew, add(&lee)),
            change("Groups", &crew, remove(&kim))
        ]);
        let import = done(&server, operations);
        let path = format!("/scim/v2/Groups/{crew}");
        for operations in [remove(&lee), add(&lee), add(&kim), remove(&kim)] {
            assert_eq!(ask(&server, "PATCH", &path, &patch(operations)).status, 200);
        }
        assert_eq!(undo(&server, &import)["leftTotal"], 0);
        assert_eq!(everything(&server), before);
    }
}

#[test]
fn undo_lists_by_name_what_is_no_longer_kept() {
    for server in servers() {
        let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
        let crew = make_group(&server, "crew", &[&kim]);
        let import = done(
            &server,
            json!([
                change(
                    "Groups",
                    &crew,
                    json!([
                        {"op": "add", "path": "members", "value": [{"value": lee}]},
                        {"op": "replace", "path": "displayName", "value": "renamed"},
                    ])
                ),
                delete("Users", &lee),
                post("Users", "new", user("new", json!({}))),
            ]),
        );
        let forgotten = server
            .app
            .store
            .forget_images(Moment(i64::MAX))
            .expect("works");
        assert!(forgotten >= 2, "{forgotten}");
        let undone = undo(&server, &import);
        let names: Vec<&str> = undone["left"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|left| left.get("group").or(left.get("userName"))?.as_str())
            .collect();
        assert!(
            names.contains(&"lee") && names.contains(&"renamed"),
            "{undone}"
        );
        assert_eq!(undone["removed"], 1, "{undone}");
        assert_ne!(undone["leftTotal"], 0, "{undone}");
    }
}

#[test]
fn failed_operations_leave_nothing_to_undo() {
    for server in servers() {
        let kim = make_user(&server, "kim");
        let crew = make_group(&server, "crew", &[&kim]);
        let before = everything(&server);
        // The group refers to a user that cannot be created: both fail, and what was done meanwhile is taken
        // back.
        let response = ask(
            &server,
            "POST",
            "/scim/v2/Bulk",
            &bulk(json!([
                post(
                    "Groups",
                    "g",
                    group("new", json!([{"value": "bulkId:x"}, {"value": kim}]))
                ),
                change(
                    "Groups",
                    &crew,
                    json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:x"}]}])
                ),
                post("Users", "x", user("kim", json!({}))),
            ])),
        );
        for operation in document(&response)["Operations"].as_array().unwrap() {
            assert_eq!(operation["status"], "409", "{operation}");
        }
        assert_eq!(everything(&server), before);
        let undone = undo(&server, &import_of(&response));
        let counts =
            ["removed", "restored", "groups", "leftTotal"].map(|name| undone[name].clone());
        assert_eq!(counts, [json!(0), json!(0), json!(0), json!(0)], "{undone}");
        assert_eq!(everything(&server), before);
    }
}

//! Versions of resources (RFC 7644 §3.14): conditions with every method, in Bulk, and with two concurrent
//! clients.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::scim::{
    ask, ask_with, bulk, document, get, make, make_group, make_user, patch, refused, scim_error,
    user,
};

fn title(text: &str) -> Value {
    patch(json!([{"op": "replace", "path": "title", "value": text}]))
}

fn version(server: &TestApp, path: &str) -> String {
    let response = ask(server, "GET", path, &Value::Null);
    let tag = response.header("etag").expect("a version").to_owned();
    assert_eq!(document(&response)["meta"]["version"], tag.as_str());
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    tag
}

#[test]
fn item_75_if_match_and_if_none_match_work_with_every_method() {
    let server = TestApp::start();
    let (kim, tour) = (make_user(&server, "kim"), make_group(&server, "tour", &[]));
    for (path, put, change) in [
        (
            format!("/scim/v2/Users/{kim}"),
            user("kim", json!({"title": "a"})),
            title("b"),
        ),
        (
            format!("/scim2/Groups/{tour}"),
            json!({"schemas": [crate::scim::GROUP], "displayName": "tours"}),
            patch(json!([{"op": "replace", "path": "displayName", "value": "guides"}])),
        ),
    ] {
        let old = version(&server, &path);
        let with = |method: &str, field: &str, body: &Value| {
            ask_with(&server, method, &path, &[field], body)
        };
        let same = with("GET", &format!("If-None-Match: {old}"), &Value::Null);
        assert_eq!((same.status, same.body.as_str()), (304, ""));
        assert_eq!(same.header("etag"), Some(old.as_str()));
        assert_eq!(with("GET", "If-None-Match: *", &Value::Null).status, 304);
        assert_eq!(
            with("GET", "If-None-Match: W/\"x\"", &Value::Null).status,
            200
        );
        for (method, body) in [("PUT", &put), ("PATCH", &change), ("DELETE", &Value::Null)] {
            let response = with(method, "If-Match: W/\"x\"", body);
            assert_eq!(refused(&response), scim_error(412, ""), "{method}");
            let response = with(method, &format!("If-None-Match: {old}"), body);
            assert_eq!(refused(&response), scim_error(412, ""), "{method}");
            let response = with(method, "If-None-Match: *", body);
            assert_eq!(refused(&response), scim_error(412, ""), "{method}");
        }
        let response = with("GET", "If-Match: W/\"x\"", &Value::Null);
        assert_eq!(refused(&response), scim_error(412, ""));
        assert_eq!(version(&server, &path), old);
        let put = with("PUT", &format!("If-Match: W/\"x\", {old}"), &put);
        assert_eq!(put.status, 200, "{}", put.body);
        let stale = with("PATCH", &format!("If-Match: {old}"), &change);
        assert_eq!(refused(&stale), scim_error(412, ""));
        let now = version(&server, &path);
        assert_ne!(now, old);
        assert_eq!(put.header("etag"), Some(now.as_str()));
        assert_eq!(with("PATCH", "If-Match: *", &change).status, 200);
        let now = version(&server, &path);
        assert_eq!(
            with("DELETE", &format!("If-Match: {now}"), &Value::Null).status,
            204
        );
        assert_eq!(
            refused(&with("DELETE", "If-Match: *", &Value::Null)),
            scim_error(404, "")
        );
    }
}

#[test]
fn item_27_bulk_operations_check_versions() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let path = format!("/Users/{kim}");
    let old = version(&server, &format!("/scim/v2{path}"));
    let step = |method: &str, version: &str, data: Value| json!({"method": method, "path": path, "version": version, "data": data});
    let message = bulk(json!([
        step("PATCH", "W/\"x\"", title("no")),
        step("PATCH", &old, title("one")),
        step("PUT", &old, user("kim", json!({"title": "no"}))),
        step("DELETE", &old, Value::Null),
        {"method": "PATCH", "path": path, "data": title("two")},
    ]));
    let response = ask(&server, "POST", "/scim/v2/Bulk", &message);
    let answer = document(&response);
    let statuses: Vec<_> = answer["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["status"])
        .collect();
    assert_eq!(statuses, ["412", "200", "412", "412", "200"]);
    let (one, two) = (
        &answer["Operations"][1]["version"],
        &answer["Operations"][4]["version"],
    );
    assert_ne!(one, two);
    assert_ne!(one, old.as_str());
    assert_eq!(
        version(&server, &format!("/scim/v2{path}")),
        two.as_str().unwrap()
    );
    let response = ask(
        &server,
        "POST",
        "/scim2/Bulk",
        &bulk(json!([step("DELETE", &old, Value::Null)])),
    );
    assert_eq!(document(&response)["Operations"][0]["status"]["code"], 412);
}

#[test]
fn items_34_35_56_version_changes_only_with_the_resource() {
    let server = TestApp::start();
    let made = make(
        &server,
        "/scim/v2/Users",
        &user(
            "kim",
            json!({"title": "a", "emails": [{"value": "a@b.c", "type": "work"}]}),
        ),
    );
    assert_eq!(made["meta"]["created"], made["meta"]["lastModified"]);
    let path = format!("/scim/v2/Users/{}", crate::scim::id(&made));
    let old = version(&server, &path);
    for nothing in [
        title("a"),
        patch(
            json!([{"op": "add", "path": "emails", "value": [{"value": "a@b.c", "type": "work"}]}]),
        ),
        patch(json!([{"op": "remove", "path": "nickName"}])),
    ] {
        assert_eq!(ask(&server, "PATCH", &path, &nothing).status, 200);
        assert_eq!(version(&server, &path), old, "{nothing}");
    }
    let mut seen = vec![old];
    for number in 0..50 {
        assert_eq!(
            ask(&server, "PATCH", &path, &title(&number.to_string())).status,
            200
        );
        let now = version(&server, &path);
        assert!(!seen.contains(&now), "{now}");
        seen.push(now);
    }
    let changed = get(&server, &path);
    assert_eq!(changed["meta"]["created"], made["meta"]["created"]);
    assert_ne!(
        changed["meta"]["lastModified"],
        made["meta"]["lastModified"]
    );
    // Membership changes the version of the group, and is shown with the user.
    let group = make_group(&server, "tour", &[]);
    let group = format!("/scim/v2/Groups/{group}");
    let before = version(&server, &group);
    let join = patch(
        json!([{"op": "add", "path": "members", "value": [{"value": crate::scim::id(&made)}]}]),
    );
    assert_eq!(ask(&server, "PATCH", &group, &join).status, 200);
    assert_ne!(version(&server, &group), before);
}

#[test]
fn item_75_only_one_of_two_concurrent_clients_succeeds() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let path = format!("/scim/v2/Users/{kim}");
    for round in 0..10 {
        let condition = format!("If-Match: {}", version(&server, &path));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4)
                .map(|client| {
                    let (server, path, condition) = (&server, &path, &condition);
                    scope.spawn(move || {
                        let message = title(&format!("{round} {client}"));
                        ask_with(server, "PATCH", path, &[condition], &message).status
                    })
                })
                .collect();
            clients.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 412).count(),
            3,
            "{statuses:?}"
        );
    }
}

/// Watches the versions of a resource, which must change with each change of the resource.
struct Watched<'s> {
    server: &'s TestApp,
    path: String,
    tag: String,
}

impl<'s> Watched<'s> {
    fn new(server: &'s TestApp, path: String) -> Self {
        let tag = version(server, &path);
        Watched { server, path, tag }
    }

    #[track_caller]
    fn has_changed(&mut self, why: &str) {
        let old = format!("If-None-Match: {}", self.tag);
        let response = ask_with(self.server, "GET", &self.path, &[&old], &Value::Null);
        assert_eq!(response.status, 200, "{why}");
        let old = format!("If-Match: {}", self.tag);
        let change = patch(json!([{"op": "add", "path": "externalId", "value": "never"}]));
        let stale = ask_with(self.server, "PATCH", &self.path, &[&old], &change);
        assert_eq!(refused(&stale), scim_error(412, ""), "{why}");
        let now = version(self.server, &self.path);
        assert_ne!(now, self.tag, "{why}");
        assert_eq!(
            version(self.server, &self.path),
            now,
            "{why}: the version stays until the next change"
        );
        let same = format!("If-None-Match: {now}");
        let response = ask_with(self.server, "GET", &self.path, &[&same], &Value::Null);
        assert_eq!(response.status, 304, "{why}");
        self.tag = now;
    }
}

#[test]
fn item_75_version_of_a_group_follows_its_members_and_of_a_user_its_groups() {
    for url in ["", "memory:"] {
        let server = TestApp::start_with(|options| {
            if !url.is_empty() {
                options.app.store.url = url.into();
            }
        });
        let [kim, lee, max, sue] =
            ["kim", "lee", "max", "sue"].map(|name| make_user(&server, name));
        let inner = make_group(&server, "inner", &[]);
        let other = make_group(&server, "other", &[]);
        let group = make_group(&server, "crew", &[&kim, &lee, &max, &inner, &other]);
        let mut crew = Watched::new(&server, format!("/scim/v2/Groups/{group}"));
        let scim = |method: &str, path: &str, body: &Value| {
            let response = ask(&server, method, &format!("/scim/v2{path}"), body);
            assert!(response.status < 300, "{method} {path}: {}", response.body);
            response
        };
        scim("DELETE", &format!("/Users/{kim}"), &Value::Null);
        crew.has_changed("a member is removed");
        let name = patch(json!([{"op": "replace", "path": "userName", "value": "leonie"}]));
        scim("PATCH", &format!("/Users/{lee}"), &name);
        crew.has_changed("a member is renamed");
        let name = patch(json!([{"op": "replace", "path": "displayName", "value": "within"}]));
        scim("PATCH", &format!("/Groups/{inner}"), &name);
        crew.has_changed("a group in it is renamed");
        scim("DELETE", &format!("/Groups/{inner}"), &Value::Null);
        crew.has_changed("a group in it is removed");
        // Changes over SOAP and by files.
        let soap = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><deleteUser \
            xmlns=\"http://org.apache.axis2/xsd\"><userName>max</userName></deleteUser></e:Body></e:Envelope>";
        let response = server.post("text/xml", soap.as_bytes());
        assert_eq!(response.status, 200, "{}", response.body);
        crew.has_changed("a member is removed by SOAP");
        let file = |query: &str, rows: &str| {
            let path = format!("/api/v1/imports{query}");
            let admin = crate::app::admin();
            let password = ["Muster-Default-Password: Initial-Pass-1"];
            let response =
                server.post_as(&path, Some(&admin), "text/csv", &password, rows.as_bytes());
            assert_eq!(response.status, 201, "{}", response.body);
            let report: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(report["failed"], 0, "{report}");
            let field = response.header("muster-import").unwrap().to_owned();
            field
                .split(['"', ',', ';'])
                .find(|part| part.len() == 36)
                .unwrap()
                .to_owned()
        };
        let import = file("", "UserName,Role\nann,crew\n");
        crew.has_changed("a row of a file adds a member");
        let update = file("?conflict=update", "UserName,Role\nsue,crew\n");
        crew.has_changed("a row of a file changes a user's roles");
        let undo = |import: &str| {
            let path = format!("/api/v1/imports/{import}/undo");
            let response = server.post_as(&path, Some(&crate::app::admin()), "text/csv", &[], b"");
            assert_eq!(response.status, 200, "{}", response.body);
        };
        undo(&update);
        crew.has_changed("the change is undone");
        undo(&import);
        crew.has_changed("the added member is undone");

        let mut sue = Watched::new(&server, format!("/scim/v2/Users/{sue}"));
        let first = sue.tag.clone();
        let sue_id = sue.path.rsplit('/').next().unwrap().to_owned();
        let join = patch(json!([{"op": "add", "path": "members", "value": [{"value": sue_id}]}]));
        scim("PATCH", &format!("/Groups/{group}"), &join);
        sue.has_changed("the user is added to a group");
        crew.has_changed("the group gets a member");
        let joined = sue.tag.clone();
        scim("PATCH", &format!("/Groups/{other}"), &join);
        sue.has_changed("the user is added to another group");
        let name = patch(json!([{"op": "replace", "path": "displayName", "value": "others"}]));
        scim("PATCH", &format!("/Groups/{other}"), &name);
        sue.has_changed("that group is renamed");
        scim("DELETE", &format!("/Groups/{other}"), &Value::Null);
        sue.has_changed("that group is removed");
        assert_eq!(sue.tag, joined, "the state is as before");
        let leave = patch(json!([{"op": "remove", "path": "members"}]));
        let response = scim("PATCH", &format!("/Groups/{group}"), &leave);
        sue.has_changed("the user is in no group any more");
        assert_eq!(sue.tag, first);
        assert_eq!(
            response.header("etag"),
            Some(version(&server, &crew.path).as_str())
        );
        // A list returns the same version, and a filter finds the user by it.
        let filter = crate::scim::escaped(&format!("meta.version eq {}", json!(sue.tag)));
        let list = get(&server, &format!("/scim/v2/Users?filter={filter}"));
        assert_eq!(list["totalResults"], 1, "{list}");
        let message = bulk(json!([
            {"method": "PATCH", "path": format!("/Users/{sue_id}"), "data": title("x")},
            {"method": "PATCH", "path": format!("/Groups/{group}"), "data": join},
        ]));
        let answer = document(&ask(&server, "POST", "/scim/v2/Bulk", &message));
        for (operation, path) in [(0, &sue.path), (1, &crew.path)] {
            let now = version(&server, path);
            assert_eq!(
                answer["Operations"][operation]["version"],
                now.as_str(),
                "{answer}"
            );
        }
    }
}

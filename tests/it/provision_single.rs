//! Operations on single users and groups, and what the terminal shows of them.

use muster::app::App;
use muster::clock::{Clock, Moment};
use muster::provision::bulk_job::BulkCall;
use muster::provision::operation::{Act, Effect};
use muster::scim::error::ErrorType;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::documents::resource;
use muster::users::operator::Role;
use muster::users::options::ConflictPolicy;
use muster::users::resources::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::Options;
use crate::provision::{
    ENTERPRISE, Fixture, USER, authority, bulk_body, call, each, folder, group, id_of, patch, post,
    post_below, refused, statuses, user,
};

#[test]
fn users_are_created_replaced_patched_and_deleted() {
    each(|app| {
        let id = app.made(
            Kind::User,
            json!({
                "schemas": [USER], "userName": "Kim", "externalId": "x1", "password": "Pass-word-1",
                "name": {"givenName": "Kim", "familyName": "Lee"},
                "emails": [{"value": "kim@x.org", "type": "work", "primary": true}]
            }),
        );
        let first = app.shown(Kind::User, id).expect("the resource exists");
        assert_eq!(first["meta"]["created"], first["meta"]["lastModified"]);
        assert!(!first.contains_key("password"));
        assert_eq!(first["emails"][0]["type"], "work");

        // The same values again change nothing, with PUT and with PATCH.
        let mut same = first.clone();
        same.remove("meta");
        let done = app
            .put(Kind::User, id, same.into())
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        let no_op = json!([{"op": "replace", "path": "name.givenName", "value": "Kim"}]);
        let done = app
            .patched(Kind::User, id, no_op)
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        assert_eq!(app.shown(Kind::User, id).as_ref(), Some(&first));

        let mut last = done.changed.expect("a version");
        for title in ["a", "b", "c"] {
            let change = json!([{"op": "add", "path": "title", "value": title}]);
            let done = app
                .patched(Kind::User, id, change)
                .expect("the request succeeds");
            let changed = done.changed.expect("a version");
            assert!(changed > last, "{}", app.name);
            last = changed;
        }
        let stale = resource::version(Moment(1));
        let patch_title = Act::Patch(patch(&json!([{"op": "remove", "path": "title"}])));
        let done = app.act(
            Role::Admin,
            Kind::User,
            id,
            patch_title.clone(),
            Some(&stale),
        );
        assert_eq!(refused(done), (412, None));
        let fresh = resource::version(last);
        let done = app.act(Role::Admin, Kind::User, id, patch_title, Some(&fresh));
        assert_eq!(done.expect("the request succeeds").effect, Effect::Updated);
        let done = app.act(Role::Admin, Kind::User, id, Act::Delete, Some(&stale));
        assert_eq!(refused(done), (412, None));

        // PUT clears the attributes that it leaves out.
        app.put(Kind::User, id, user("KIM"))
            .expect("the same name in another case");
        let now = app.shown(Kind::User, id).expect("the resource exists");
        assert_eq!(now["userName"], "KIM");
        for gone in ["name", "emails", "externalId"] {
            assert!(!now.contains_key(gone), "{gone}");
        }
        app.put(Kind::User, id, user("kay")).expect("a new name");
        assert_eq!(app.user_id("kim"), None);
        assert_eq!(app.user_id("KAY"), Some(id));

        assert_eq!(app.delete(Kind::User, id).expect("gone").status(), 204);
        assert_eq!(refused(app.delete(Kind::User, id)), (404, None));
        assert_eq!(refused(app.put(Kind::User, id, user("x"))), (404, None));
        let no_op = json!([{"op": "remove", "path": "title"}]);
        assert_eq!(refused(app.patched(Kind::User, id, no_op)), (404, None));
        assert_eq!(app.shown(Kind::User, id), None);
        app.made(Kind::User, user("kay"));
    });
}

#[test]
fn names_are_unique_in_each_user_store() {
    each(|app| {
        let uniqueness = (409, Some(ErrorType::Uniqueness));
        let wrong = (400, Some(ErrorType::InvalidValue));
        let create = |document| {
            let act = Act::Create(document);
            app.act(Role::Import, Kind::User, Uuid::now_v7(), act, None)
        };
        let kim = app.made(Kind::User, user("kim"));
        let lee = app.made(Kind::User, user("lee"));
        for taken in ["kim", "KIM", "PRIMARY/Kim", "primary/kim"] {
            assert_eq!(refused(create(user(taken))), uniqueness, "{taken}");
            let renamed = app.put(Kind::User, lee, user(taken));
            assert_eq!(refused(renamed), uniqueness, "{taken}");
        }
        for bad in ["", " ", "a  b", "nosuch/kim", "ki\u{7}m"] {
            assert_eq!(refused(create(user(bad))), wrong, "{bad:?}");
        }
        let sales = app.made(Kind::User, user("sales/kim"));
        assert_eq!(app.at(Kind::User, sales, "/userName"), "SALES/kim");
        assert_eq!(app.user_id("SALES/kim"), Some(sales));
        assert_eq!(refused(create(user("SALES/KIM"))), uniqueness);
        let moved = app.put(Kind::User, sales, user("kam"));
        assert_eq!(refused(moved), (400, Some(ErrorType::Mutability)));
        assert_eq!(app.at(Kind::User, kim, "/userName"), "kim");

        let guides = app.made(Kind::Group, group("guides", &[]));
        let make = |name: &str| {
            let act = Act::Create(group(name, &[]));
            app.act(Role::Admin, Kind::Group, Uuid::now_v7(), act, None)
        };
        assert_eq!(refused(make("GUIDES")), uniqueness);
        assert_eq!(refused(make("Admin")), uniqueness);
        assert_eq!(refused(make("Internal/everyone")), wrong);
        make("nosuch/x").expect("a name with a slash, where there is no such user store");
        make("SALES/guides").expect("another user store");
        let strangers = group("guides", &[&sales.to_string()]);
        assert_eq!(refused(app.put(Kind::Group, guides, strangers)), wrong);
    });
}

#[test]
fn passwords_follow_the_rules_and_only_administrators_change_them() {
    each(|app| {
        let with = |name: &str, password: &str| json!({"schemas": [USER], "userName": name, "password": password});
        let create = |role, document| {
            app.act(
                role,
                Kind::User,
                Uuid::now_v7(),
                Act::Create(document),
                None,
            )
        };
        let wrong = (400, Some(ErrorType::InvalidValue));
        assert_eq!(refused(create(Role::Admin, with("a", "abc"))), wrong);
        assert_eq!(refused(create(Role::Read, user("a"))), (403, None));
        let hash = |name: &str| {
            let stored = app
                .app
                .store
                .password(DEFAULT_ORGANIZATION, "PRIMARY", name);
            stored.expect("the store works").map(|stored| stored.hash)
        };
        create(Role::Import, with("kim", "Pass-word-1")).expect("made");
        let pool = &app.app.pool;
        assert!(pool.verify("Pass-word-1".into(), hash("kim")).unwrap());
        app.made(Kind::User, user("lee"));
        assert_eq!(hash("lee"), None);
        assert!(!pool.verify("".into(), hash("lee")).unwrap());
        // A hash from another system is stored unchanged.
        let foreign = "$2b$04$abcdefghijklmnopqrstuuJ6KQ8fGfPQBHg2GRnFkVhVRwS6p0n4K";
        create(Role::Import, with("foreign", foreign)).expect("made");
        assert_eq!(hash("foreign").as_deref(), Some(foreign));

        let kim = app.user_id("kim").expect("kim");
        let patch_password = Act::Patch(patch(
            &json!([{"op": "replace", "path": "password", "value": "Pass-word-2"}]),
        ));
        let put_password = Act::Replace(with("kim", "Pass-word-3"));
        for act in [patch_password.clone(), put_password] {
            let done = app.act(Role::Import, Kind::User, kim, act, None);
            assert_eq!(refused(done), (403, None));
        }
        assert!(pool.verify("Pass-word-1".into(), hash("kim")).unwrap());
        let done = app.act(Role::Admin, Kind::User, kim, patch_password, None);
        assert_eq!(done.expect("changed").effect, Effect::Updated);
        assert!(pool.verify("Pass-word-2".into(), hash("kim")).unwrap());
        let updates = app.audit("user.update");
        assert_eq!(
            updates,
            [json!(["PRIMARY/kim", {"attributes": ["password"]}])]
        );
        let done = app.act(Role::Import, Kind::User, kim, Act::Delete, None);
        assert_eq!(refused(done), (403, None));
    });
}

#[test]
fn groups_are_created_replaced_patched_and_deleted() {
    each(|app| {
        let [kim, lee, kay] = ["kim", "lee", "kay"].map(|name| app.made(Kind::User, user(name)));
        let [k, l, y] = [kim, lee, kay].map(|id| id.to_string());
        let id = app.made(Kind::Group, group("guides", &[&k, &l]));
        let first = app.shown(Kind::Group, id).expect("the resource exists");
        assert_eq!(first["meta"]["created"], first["meta"]["lastModified"]);
        assert_eq!(first["members"].as_array().map(Vec::len), Some(2));
        assert_eq!(app.at(Kind::User, kim, "/groups/0/display"), "guides");

        let mut same = first.clone();
        same.remove("meta");
        let done = app
            .put(Kind::Group, id, same.into())
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        let again = json!([{"op": "add", "path": "members", "value": [{"value": k}]}]);
        let done = app
            .patched(Kind::Group, id, again)
            .expect("the request succeeds");
        assert_eq!(done.effect, Effect::Unchanged);
        assert_eq!(app.shown(Kind::Group, id).as_ref(), Some(&first));

        let mut last = done.changed.expect("a version");
        let path = format!("members[value eq \"{k}\"]");
        for change in [
            json!({"op": "add", "path": "members", "value": [{"value": y, "type": "User"}]}),
            json!({"op": "remove", "path": path}),
            json!({"op": "replace", "path": "displayName", "value": "Guides"}),
            json!({"op": "replace", "path": "members", "value": [{"value": k}]}),
            json!({"op": "remove", "path": "members"}),
            json!({"op": "add", "value": {"externalId": "g", "members": [{"value": l}]}}),
        ] {
            let done = app.patched(Kind::Group, id, json!([change]));
            let done = done.unwrap_or_else(|error| panic!("{change}: {error}"));
            assert_eq!(done.effect, Effect::Updated, "{change}");
            let changed = done.changed.expect("a version");
            assert!(changed > last, "{change}");
            last = changed;
        }
        assert_eq!(
            app.groups(&[id]),
            [("Guides".into(), vec!["lee".to_owned()])]
        );

        let wrong = (400, Some(ErrorType::InvalidValue));
        let missing = Uuid::now_v7().to_string();
        for ids in [[missing.as_str()], [&id.to_string()]] {
            let refusal = app.put(Kind::Group, id, group("Guides", &ids));
            assert_eq!(refused(refusal), wrong, "{ids:?}");
        }
        let two = json!([
            {"op": "remove", "path": "members"},
            {"op": "add", "path": "members", "value": [{"value": missing}]}
        ]);
        assert_eq!(refused(app.patched(Kind::Group, id, two)), wrong);
        assert_eq!(
            app.groups(&[id]),
            [("Guides".into(), vec!["lee".to_owned()])]
        );
        let of_groups = app.made(Kind::Group, group("all", &[&id.to_string()]));
        let import = |act| app.act(Role::Import, Kind::Group, id, act, None);
        assert_eq!(refused(import(Act::Delete)), (403, None));
        assert_eq!(refused(import(Act::Replace(group("x", &[])))), (403, None));
        import(Act::Replace(group("Guides", &[])))
            .map(drop)
            .expect_err("its externalId");

        app.delete(Kind::Group, id)
            .expect("the resource is deleted");
        assert_eq!(refused(app.delete(Kind::Group, id)), (404, None));
        assert_eq!(app.at(Kind::Group, of_groups, "/members"), Value::Null);
        app.delete(Kind::User, kim)
            .expect("the resource is deleted");
    });
}

#[test]
fn only_administrators_change_the_group_of_administrators() {
    each(|app| {
        let kim = app.made(Kind::User, user("kim")).to_string();
        app.import(ConflictPolicy::Skip, "username,roles\nroot,admin\n");
        let root = app.user_id("root").expect("root");
        let admins = app.at(Kind::User, root, "/groups/0/value");
        let admins: Uuid = admins
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("an id");
        let join = Act::Patch(patch(
            &json!([{"op": "add", "path": "members", "value": [{"value": kim}]}]),
        ));
        let import = app.act(Role::Import, Kind::Group, admins, join.clone(), None);
        assert_eq!(refused(import), (403, None));
        let put = Act::Replace(group("admin", &[&kim]));
        let import = app.act(Role::Import, Kind::Group, admins, put, None);
        assert_eq!(refused(import), (403, None));
        app.act(Role::Admin, Kind::Group, admins, join, None)
            .expect("an administrator may");
        let leave = Act::Replace(group("admin", &[]));
        let import = app.act(Role::Import, Kind::Group, admins, leave, None);
        assert_eq!(refused(import), (403, None));
        let mutability = (400, Some(ErrorType::Mutability));
        let renamed = app.put(Kind::Group, admins, group("x", &[]));
        assert_eq!(refused(renamed), mutability);
        assert_eq!(refused(app.delete(Kind::Group, admins)), mutability);
        let forward = app.bulk_as(
            &BulkCall {
                authority: authority(Role::Import),
                ..call(None)
            },
            &bulk_body(&json!([
                {"method": "PATCH", "path": format!("/Groups/{admins}"), "data": patch(&json!([
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:e"}]}]))},
                post("e", "eve"),
            ])),
        );
        assert_eq!(statuses(&forward.expect("done")), [403, 201]);
        assert_eq!(app.at(Kind::Group, admins, "/members/2"), Value::Null);
    });
}

#[test]
fn a_user_cannot_become_their_own_manager() {
    each(|app| {
        let below = |name: &str, manager: &str| {
            json!({
                "schemas": [USER, ENTERPRISE], "userName": name,
                ENTERPRISE: {"manager": {"value": manager}}
            })
        };
        let pointer = format!("/{ENTERPRISE}/manager/value");
        let a = app.made(Kind::User, user("a"));
        let b = app.made(Kind::User, below("b", &a.to_string()));
        let c = app.made(Kind::User, below("c", &b.to_string()));
        assert_eq!(app.at(Kind::User, c, &pointer), b.to_string());
        for manager in [a, b, c] {
            let refusal = app.put(Kind::User, a, below("a", &manager.to_string()));
            assert_eq!(refused(refusal), (400, Some(ErrorType::InvalidValue)));
        }
        let missing = Uuid::now_v7().to_string();
        let refusal = app.put(Kind::User, a, below("a", &missing));
        assert_eq!(refused(refusal), (400, Some(ErrorType::InvalidValue)));
        for name in ["kim", "SALES/kim", "4711"] {
            app.put(Kind::User, a, below("a", name)).expect("a name");
            assert_eq!(app.at(Kind::User, a, &pointer), name);
        }
        // Circles within one request are resolved, and a user below a circle is not part of it.
        let answer = app.bulk(json!([
            post_below("x", "x", "bulkId:z"),
            post_below("y", "y", "bulkId:x"),
            post_below("z", "z", "bulkId:y"),
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201]);
        let [x, y, z] = [0, 1, 2].map(|at| id_of(&answer.outcomes[at]));
        assert_eq!(app.at(Kind::User, x, &pointer), z.to_string());
        assert_eq!(app.at(Kind::User, z, &pointer), y.to_string());
        app.put(Kind::User, c, below("c", &x.to_string()))
            .expect("c is not part of the circle");
        let own = app.bulk(json!([post_below("q", "q", "bulkId:q")]));
        assert_eq!(statuses(&own), [400]);
        assert_eq!(app.user_id("q"), None);
    });
}

#[test]
fn values_from_files_and_changes_by_clients_are_kept_together() {
    each(|app| {
        let csv = "username,givenname,emailaddress,http://wso2.org/claims/mobile,\
                   http://wso2.org/claims/phoneNumbers.work,http://wso2.org/claims/region,\
                   http://wso2.org/claims/country,http://wso2.org/claims/dob,\
                   http://wso2.org/claims/active\n\
                   kim,Kim,kim@x.org,1,2,BW,DE,2000-01-01,TRUE\n";
        let counted = app.import(ConflictPolicy::Skip, csv);
        assert_eq!(counted.created, 1, "{counted:?}");
        let kim = app.user_id("kim").expect("kim");
        let shown = |pointer: &str| app.at(Kind::User, kim, pointer);
        assert_eq!(
            shown("/phoneNumbers"),
            json!([{"value": "1", "type": "mobile"}, {"value": "2", "type": "work"}])
        );
        let attributes = |app: &Fixture| {
            let user = app.app.store.user(DEFAULT_ORGANIZATION, "PRIMARY", "kim");
            user.expect("the store works").expect("kim").attributes
        };
        let before = attributes(app);
        let title = json!([{"op": "add", "path": "title", "value": "Dr"}]);
        app.patched(Kind::User, kim, title).expect("done");
        let mut expected = before.clone();
        expected.insert("title".into(), "Dr".into());
        assert_eq!(attributes(app), expected, "{}", app.name);
        app.patched(
            Kind::User,
            kim,
            json!([
                {"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "22"},
                {"op": "add", "path": "phoneNumbers", "value": [
                    {"value": "3", "type": "mobile", "display": "old"}]},
                {"op": "replace", "path": "addresses", "value": [
                    {"region": "BY", "country": "DE", "type": "work"}]},
                {"op": "replace", "path": "emails", "value": [
                    {"value": "kim@y.org", "type": "work", "primary": true},
                    {"value": "kim@z.org", "type": "work"}]},
            ]),
        )
        .expect("done");
        let csv = "username,emailaddress,http://wso2.org/claims/phoneNumbers.work,\
                   http://wso2.org/claims/region,http://wso2.org/claims/mobile\n\
                   kim,kim@new.org,222,HE,11\n";
        assert_eq!(app.import(ConflictPolicy::Update, csv).updated, 1);
        assert_eq!(
            shown("/phoneNumbers"),
            json!([
                {"value": "11", "type": "mobile"},
                {"value": "222", "type": "work"},
                {"value": "3", "type": "mobile", "display": "old"}
            ])
        );
        assert_eq!(
            shown("/addresses"),
            json!([{"region": "HE", "country": "DE", "type": "work"}])
        );
        assert_eq!(
            shown("/emails"),
            json!([
                {"value": "kim@new.org", "type": "work", "primary": true},
                {"value": "kim@z.org", "type": "work"}
            ])
        );
        assert_eq!(shown("/title"), "Dr");
        assert_eq!(shown("/name/givenName"), "Kim");
        assert_eq!(shown("/active"), true);
    });
}

/// The example of WSO2's documentation: the first user becomes the manager of the second.

#[test]
fn the_terminal_shows_lists_and_exports_the_values_that_a_file_can_hold() {
    let home = crate::process::Home::new();
    let mut options = Options::new(&home.path("."));
    options.app.store.data = home.data();
    let app = App::build(&options.app, Clock::system()).expect("the app is built");
    let (name, folder) = ("sqlite", folder());
    let app = Fixture { name, app, folder };
    app.made(
        Kind::User,
        json!({
            "schemas": [USER], "userName": "kim", "title": "Dr",
            "emails": [{"value": "kim@x.org", "type": "work", "primary": true}],
            "phoneNumbers": [
                {"value": "1", "type": "mobile", "display": "one"}, {"value": "2", "type": "mobile"}]
        }),
    );
    app.made(Kind::User, user("lee"));
    drop(app);
    let export = home.run(&["users", "export"]).ended(0);
    assert_eq!(
        export.out,
        "username,givenname,familyname,emailaddress,roles,mobile,title\r\n\
         kim,,,kim@x.org,,1,Dr\r\nlee,,,,,,\r\n"
    );
    assert!(
        export.err.contains(
            "1 user has values that a file of rows cannot represent; they are left out: emails, phoneNumbers"
        ),
        "{}",
        export.err
    );
    let show = home.run(&["users", "show", "kim"]).ended(0).out;
    assert!(
        show.contains("1 (display one, type mobile); 2 (type mobile)"),
        "{show}"
    );
    assert!(show.contains("kim@x.org (primary, type work)"), "{show}");
    let list = home.run(&["users", "list"]).ended(0).out;
    assert!(!list.contains("scim:"), "{list}");
}

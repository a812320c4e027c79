//! Bulk requests: references, failures, limits, rights and undo.

use muster::provision::bulk_job::BulkCall;
use muster::provision::plan::Strictness;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_record::Counters;
use muster::users::operator::Role;
use muster::users::resources::Kind;
use serde_json::{Value, json};

use crate::app::Options;
use crate::provision::{
    BULK, ENTERPRISE, USER, authority, bulk_body, call, each, each_with, group, group_ids, id_of,
    names, patch, post, post_below, post_group, refused_request, statuses, user,
};

#[test]
fn the_documented_bulk_request_succeeds() {
    each(|app| {
        let body = json!({
            "failOnErrors": 1,
            "schemas": [BULK],
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {
                    "schemas": [USER], "userName": "Kris", "password": "krispass"}},
                {"method": "POST", "path": "/Users", "bulkId": "ytrewq", "data": {
                    "schemas": [USER, ENTERPRISE], "userName": "Jesse", "password": "jessepass",
                    ENTERPRISE: {"employeeNumber": "11250", "manager": {"value": "bulkId:qwerty"}}}}
            ]
        });
        let answer = app
            .bulk_as(&call(None), &body)
            .expect("the request succeeds");
        app.check(&answer);
        assert_eq!(statuses(&answer), [201, 201]);
        let [kris, jesse] = [0, 1].map(|at| id_of(&answer.outcomes[at]));
        let pointer = format!("/{ENTERPRISE}/manager/value");
        assert_eq!(app.at(Kind::User, jesse, &pointer), kris.to_string());
        assert_eq!(answer.outcomes[0].bulk_id.as_deref(), Some("qwerty"));
        let version = answer.outcomes[1].version.clone();
        assert_eq!(
            app.at(Kind::User, jesse, "/meta/version").as_str(),
            version.as_deref()
        );
    });
}

#[test]
fn references_may_point_backward_forward_and_in_circles() {
    each(|app| {
        let answer = app.bulk(json!([
            post_group("all", "all", &["bulkId:guides", "bulkId:late", "bulkId:early"]),
            post("early", "early"),
            post_group("guides", "guides", &["bulkId:all", "bulkId:early"]),
            {"method": "PATCH", "path": "/Users/bulkId:early", "data": patch(&json!([
                {"op": "add", "path": format!("{ENTERPRISE}:manager"),
                 "value": {"value": "bulkId:late"}}]))},
            {"method": "PATCH", "path": "/Groups/bulkId:guides", "data": patch(&json!([
                {"op": "remove", "path": "members[value eq \"bulkId:early\"]"},
                {"op": "add", "path": "members", "value": [{"value": "bulkId:late"}]}]))},
            post("late", "late"),
            {"method": "PUT", "path": "Users/bulkId:late", "data": user("later")},
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201, 200, 200, 201, 200]);
        let ids = group_ids(&answer);
        assert_eq!(
            app.groups(&ids),
            [
                ("all".into(), names(&["early", "guides", "later"])),
                ("guides".into(), names(&["all", "later"]))
            ]
        );
        let [early, late] = [1, 5].map(|at| id_of(&answer.outcomes[at]));
        let pointer = format!("/{ENTERPRISE}/manager/value");
        assert_eq!(app.at(Kind::User, early, &pointer), late.to_string());
        // The last reported versions are the current ones.
        for (kind, at) in [
            (Kind::Group, 0),
            (Kind::User, 3),
            (Kind::Group, 4),
            (Kind::User, 6),
        ] {
            let outcome = &answer.outcomes[at];
            let version = outcome.version.clone();
            let now = app.at(kind, id_of(outcome), "/meta/version");
            assert_eq!(now.as_str(), version.as_deref(), "{at}");
        }
        assert_eq!(answer.record.counters.created, 4);
        assert_eq!(answer.record.counters.updated, 3);
    });
}

#[test]
fn forward_references_can_be_removed_before_they_are_resolved() {
    each(|app| {
        let answer = app.bulk(json!([
            post_group("put", "put", &["bulkId:u"]),
            {"method": "PUT", "path": "/Groups/bulkId:put", "data": group("put", &[])},
            post_group("renamed", "renamed", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:renamed", "data": patch(&json!([
                {"op": "replace", "path": "displayName", "value": "other"}]))},
            post_group("filtered", "filtered", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:filtered", "data": patch(&json!([
                {"op": "remove", "path": "members[type eq \"User\"]"}]))},
            post_group("removed", "removed", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:removed", "data": patch(&json!([
                {"op": "remove", "path": "members[value eq \"bulkId:u\"]"}]))},
            post_group("deleted", "deleted", &["bulkId:u"]),
            {"method": "DELETE", "path": "/Groups/bulkId:deleted"},
            {"method": "PUT", "path": "/Users/bulkId:u", "data": user("x")},
            post("u", "u"),
            {"method": "DELETE", "path": "/Users/bulkId:u"},
            post_group("after", "after", &["bulkId:u"]),
            post_below("below", "below", "bulkId:u"),
        ]));
        let expected = [
            201, 200, 201, 200, 201, 200, 201, 200, 201, 204, 404, 201, 204, 400, 400,
        ];
        assert_eq!(statuses(&answer), expected, "{:?}", answer.outcomes);
        let none: Vec<String> = Vec::new();
        let ids = group_ids(&answer);
        let now: Vec<_> = ["filtered", "other", "put", "removed"]
            .map(|name| (name.to_owned(), none.clone()))
            .into();
        assert_eq!(app.groups(&ids), now);
        // If the user is not deleted, only the renamed group has the member.
        let answer = app.bulk(json!([
            post_group("a", "a2", &["bulkId:u"]),
            {"method": "PATCH", "path": "/Groups/bulkId:a", "data": patch(&json!([
                {"op": "replace", "path": "displayName", "value": "a3"}]))},
            post_group("b", "b2", &["bulkId:u"]),
            {"method": "PUT", "path": "/Groups/bulkId:b", "data": group("b2", &[])},
            post("u", "u"),
        ]));
        assert_eq!(statuses(&answer), [201, 200, 201, 200, 201]);
        assert_eq!(
            app.groups(&group_ids(&answer)),
            [("a3".into(), names(&["u"])), ("b2".into(), none)]
        );
    });
}

#[test]
fn only_operations_that_refer_to_a_failed_one_fail_with_it() {
    each(|app| {
        app.made(Kind::User, user("taken"));
        let answer = app.bulk(json!([
            post_below("a", "a", "bulkId:b"),
            post_below("b", "b", "bulkId:c"),
            post_below("c", "c", "bulkId:bad"),
            post("good", "good"),
            post_group("g", "g", &["bulkId:good", "bulkId:a"]),
            post_group("h", "h", &["bulkId:good"]),
            {"method": "PATCH", "path": "/Users/bulkId:c", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            post("bad", "TAKEN"),
            {"method": "DELETE", "path": "/Users/bulkId:bad"},
            post_below("n", "n", "bulkId:missing"),
            post("last", "last"),
        ]));
        let expected = [409, 409, 409, 201, 409, 201, 409, 409, 409, 409, 201];
        assert_eq!(statuses(&answer), expected, "{:?}", answer.outcomes);
        assert_eq!(app.names(), ["good", "last", "taken"]);
        let ids = group_ids(&answer);
        assert_eq!(app.groups(&ids), [("h".into(), names(&["good"]))]);
        let Counters {
            created,
            duplicate,
            failed,
            ..
        } = answer.record.counters;
        assert_eq!((created, duplicate, failed), (3, 1, 7));
        let findings = app
            .app
            .store
            .findings(DEFAULT_ORGANIZATION, answer.record.id, 0, 100);
        let lines: Vec<u64> = findings
            .expect("the store works")
            .iter()
            .map(|it| it.line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 5, 7, 8, 9, 10]);
        // A failed POST has no location, a failed PATCH has one.
        assert_eq!(answer.outcomes[0].resource, None);
        assert!(answer.outcomes[6].resource.is_some());
    });
}

#[test]
fn long_chains_and_large_groups_with_a_failure_fail_without_delay() {
    each_with(
        |options| options.app.scim.max_operations = 10_000,
        |app| {
            let mut operations: Vec<Value> = (0..400)
                .map(|at| {
                    post_below(
                        &at.to_string(),
                        &format!("c{at}"),
                        &format!("bulkId:{}", at + 1),
                    )
                })
                .collect();
            operations.push(post("400", "no\tname"));
            let refs: Vec<String> = (0..1_500).map(|at| format!("bulkId:u{at}")).collect();
            let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
            operations.push(post_group("large", "large", &refs));
            operations.push(post_group("part", "part", &refs[..700]));
            for at in 0..1_500 {
                let name = if at == 1_200 {
                    "no\tname".into()
                } else {
                    format!("u{at}")
                };
                operations.push(post(&format!("u{at}"), &name));
            }
            let answer = app.bulk(operations.into());
            let statuses = statuses(&answer);
            assert!(statuses[..400].iter().all(|status| *status == 409));
            assert_eq!(statuses[400..403], [400, 409, 201]);
            let good = statuses[403..].iter().filter(|status| **status == 201);
            assert_eq!((good.count(), app.names().len()), (1_499, 1_499));
            let ids = group_ids(&answer);
            assert_eq!(app.groups(&ids)[0].1.len(), 700);
        },
    );
}

#[test]
fn fail_on_errors_ends_a_request_after_that_many_failures() {
    each(|app| {
        let run = |most: Value, operations: &Value| {
            let mut body = bulk_body(operations);
            body["failOnErrors"] = most;
            let answer = app
                .bulk_as(&call(None), &body)
                .expect("the request succeeds");
            app.check(&answer);
            for name in app.names() {
                let id = app.user_id(&name).expect("a user");
                app.delete(Kind::User, id).expect("the resource is deleted");
            }
            (statuses(&answer), answer.record.counters.skipped)
        };
        let plain = json!([
            post("a", "a"),
            post("b", "A"),
            post("c", "c"),
            post("d", "C"),
            post("e", "e")
        ]);
        assert_eq!(run(json!(1), &plain), (vec![201, 409], 3));
        assert_eq!(run(json!(2), &plain), (vec![201, 409, 201, 409], 1));
        for most in [json!(0), Value::Null, json!(3)] {
            assert_eq!(run(most, &plain), (vec![201, 409, 201, 409, 201], 0));
        }
        let forward = json!([
            post("first", "first"),
            post_below("a", "a", "bulkId:late"),
            post("b", "no\tname"),
            post("late", "late"),
        ]);
        // The stop prevents its reference from being resolved; the failure that stops the request is reported.
        assert_eq!(run(json!(1), &forward), (vec![201, 409, 400], 1));
        assert_eq!(run(json!(2), &forward), (vec![201, 201, 400, 201], 0));
        let last = json!([post("a", "a"), post("b", "A")]);
        assert_eq!(run(json!(1), &last), (vec![201, 409], 0));
        assert_eq!(run(json!(1), &json!([])), (vec![], 0));
    });
}

#[test]
fn invalid_operations_fail_alone_or_refuse_the_request() {
    let tiny = |options: &mut Options| {
        options.app.scim.max_operations = 4;
        options.app.scim.max_payload_bytes = 2_000;
    };
    each_with(tiny, |app| {
        let strict = BulkCall {
            strictness: Strictness::Request,
            ..call(None)
        };
        for (operation, status) in [
            (
                json!({"method": "POST", "path": "/Users", "data": user("x")}),
                400,
            ),
            (
                json!({"path": "/Users", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (
                json!({"method": "POST", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (post("good", "x"), 400),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": 7, "data": user("x")}),
                400,
            ),
        ] {
            let body = bulk_body(&json!([post("good", "good"), operation]));
            let refusal = refused_request(app.bulk_as(&strict, &body));
            assert_eq!(refusal.status, 400, "{body}");
            let queued = app
                .app
                .provisioner
                .queue_bulk(&strict, body.to_string().as_bytes());
            assert_eq!(refused_request(queued).status, 400, "{body}");
            assert!(app.names().is_empty(), "{body}");
            let answer = app.bulk_as(&call(None), &body).expect("one by one");
            assert_eq!(statuses(&answer), [201, status], "{body}");
            app.delete(Kind::User, id_of(&answer.outcomes[0]))
                .expect("gone");
        }
        for (operation, status) in [
            (
                json!({"method": "post", "path": "/Users", "bulkId": "x", "data": user("x")}),
                400,
            ),
            (json!({"method": "GET", "path": "/Users/1"}), 400),
            (
                json!({"method": "POST", "path": "/Bulk", "bulkId": "x", "data": {}}),
                400,
            ),
            (
                json!({"method": "POST", "path": "/Roles", "bulkId": "x", "data": {}}),
                404,
            ),
            (
                json!({"method": "POST", "path": "/v2/Users", "bulkId": "x", "data": {}}),
                404,
            ),
            (
                json!({"method": "POST", "path": "/Users/1", "bulkId": "x", "data": {}}),
                400,
            ),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": "x"}),
                400,
            ),
            (json!({"method": "DELETE", "path": "/Users"}), 400),
            (json!({"method": "DELETE", "path": "/Users/"}), 400),
            (json!({"method": "DELETE", "path": "/Users/1"}), 404),
            (
                json!({"method": "PATCH", "path": "/Users/bulkId:none", "data": {}}),
                409,
            ),
            (
                json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "x"}}),
                400,
            ),
        ] {
            for call in [&strict, &call(None)] {
                let body = bulk_body(&json!([operation]));
                let answer = app.bulk_as(call, &body).expect("it fails alone");
                assert_eq!(statuses(&answer), [status], "{body}");
            }
        }
        let many: Value = (0..5).map(|at| post(&at.to_string(), "x")).collect();
        let refusal = refused_request(app.bulk_as(&call(None), &bulk_body(&many)));
        assert_eq!(refusal.status, 413);
        assert!(refusal.detail.contains("maxOperations (4)"), "{refusal}");
        let long = bulk_body(&json!([post("x", &"x".repeat(3_000))]));
        for result in [
            app.bulk_as(&call(None), &long).map(drop),
            app.app
                .provisioner
                .queue_bulk(&call(None), long.to_string().as_bytes())
                .map(drop),
        ] {
            let refusal = refused_request(result);
            assert_eq!(refusal.status, 413);
            assert!(
                refusal.detail.contains("maxPayloadSize (2000)"),
                "{refusal}"
            );
        }
        assert_eq!((app.names().len(), app.uploads()), (0, 0));
    });
}

#[test]
fn each_operation_is_authorised_like_a_single_call() {
    each(|app| {
        let kim = app.made(Kind::User, user("kim"));
        let operations = bulk_body(&json!([
            post("a", "a"),
            post_group("g", "g", &[]),
            {"method": "DELETE", "path": format!("/Users/{kim}")},
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "password", "value": "Pass-word-9"}]))},
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
        ]));
        let as_role = |role| BulkCall {
            authority: authority(role),
            ..call(None)
        };
        let read = app
            .bulk_as(&as_role(Role::Read), &operations)
            .expect("done");
        assert_eq!(statuses(&read), [403; 5]);
        let body = operations.to_string();
        let queued = app
            .app
            .provisioner
            .queue_bulk(&as_role(Role::Read), body.as_bytes());
        assert_eq!(refused_request(queued).status, 403);
        let import = app
            .bulk_as(&as_role(Role::Import), &operations)
            .expect("done");
        assert_eq!(statuses(&import), [201, 403, 403, 403, 200]);
    });
}

#[test]
fn one_request_can_create_change_and_delete_a_resource() {
    each(|app| {
        let old = app.made(Kind::User, user("kim"));
        let answer = app.bulk(json!([
            {"method": "DELETE", "path": format!("/Users/{old}")},
            post("new", "KIM"),
            {"method": "PATCH", "path": "/Users/bulkId:new", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            {"method": "PATCH", "path": "/Users/bulkId:new", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "x"}]))},
            {"method": "DELETE", "path": "/Users/bulkId:new"},
            post("newest", "Kim"),
        ]));
        assert_eq!(statuses(&answer), [204, 201, 200, 200, 204, 201]);
        assert_eq!(app.user_id("kim"), Some(id_of(&answer.outcomes[5])));
        assert!(answer.outcomes[1].changed < answer.outcomes[2].changed);
        assert_eq!(answer.outcomes[2].changed, answer.outcomes[3].changed);
        let Counters {
            created,
            updated,
            unchanged,
            ..
        } = answer.record.counters;
        assert_eq!((created, updated, unchanged), (2, 3, 1));
    });
}

#[test]
fn a_bulk_request_can_be_undone_and_the_audit_names_only_attributes() {
    each(|app| {
        let kim = app.made(Kind::User, user("SALES/kim"));
        let lee = app.made(Kind::User, user("lee"));
        let before = app.shown(Kind::User, kim).expect("kim");
        let answer = app.bulk(json!([
            post("a", "SALES/made"),
            post("b", "made"),
            post_group("g", "g", &["bulkId:b"]),
            {"method": "PATCH", "path": format!("/Users/{kim}"), "data": patch(&json!([
                {"op": "add", "path": "title", "value": "secret-title"},
                {"op": "replace", "path": "userName", "value": "SALES/kam"}]))},
            {"method": "DELETE", "path": format!("/Users/{lee}")},
            {"method": "PATCH", "path": "/Users/bulkId:b", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "secret-title"}]))},
        ]));
        assert_eq!(statuses(&answer), [201, 201, 201, 200, 204, 200]);
        let all = app
            .app
            .store
            .audit(DEFAULT_ORGANIZATION, None, 1_000)
            .expect("the store works");
        let all = serde_json::to_string(&all).expect("JSON");
        assert!(!all.contains("secret-title"), "{all}");
        assert_eq!(
            app.audit("user.update")[0],
            json!(["SALES/kim", {"attributes": ["title", "userName"]}])
        );
        assert_eq!(app.audit("import.begin").len(), 1, "{all}");
        let undone = app
            .app
            .jobs
            .undo(&authority(Role::Admin).actor, answer.record.id);
        let undone = undone.expect("it is undone");
        assert_eq!((undone.removed, undone.restored), (2, 2), "{undone:?}");
        assert_eq!((undone.groups, undone.left_total), (1, 0), "{undone:?}");
        let mut now = app.shown(Kind::User, kim).expect("kim");
        let mut before = before;
        now.remove("meta");
        before.remove("meta");
        assert_eq!(now, before);
        let mut names = app.names();
        names.sort_unstable();
        assert_eq!(names, ["kim", "lee"]);
    });
}

//! Bulk on the mount of the RFCs (RFC 7644 §3.7): order, references, limits, and failures of single
//! operations.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::scim::{
    BULK, BULK_ANSWER, ENTERPRISE, GROUP, ask, bulk, document, error_of, get, id, make, make_group,
    make_user, names, patch, refused, scim_error, user,
};

/// Sends a Bulk request and returns the results.
#[track_caller]
fn run(server: &TestApp, message: &Value) -> Vec<Value> {
    let response = ask(server, "POST", "/scim/v2/Bulk", message);
    assert_eq!(response.status, 200, "{}", response.body);
    let answer = document(&response);
    assert_eq!(answer["schemas"], json!([BULK_ANSWER]));
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    answer["Operations"].as_array().expect("Operations").clone()
}

/// Returns the statuses of the results; each failure must have an error (item 13).
#[track_caller]
fn statuses(operations: &[Value]) -> Vec<&str> {
    let status = |operation: &Value| {
        let status = operation["status"].as_str().expect("text");
        match status.starts_with('2') {
            true => assert_eq!(operation.get("response"), None),
            false => assert_eq!(error_of(&operation["response"]).0.to_string(), status),
        }
    };
    operations.iter().for_each(status);
    let statuses = operations.iter();
    statuses.map(|it| it["status"].as_str().unwrap()).collect()
}

fn made_id(operation: &Value) -> String {
    let location = operation["location"].as_str().expect("a location");
    location.rsplit('/').next().expect("an id").to_owned()
}

fn post(bulk_id: &str, data: Value) -> Value {
    let path = if data["displayName"].is_string() && data["userName"].is_null() {
        "/Groups"
    } else {
        "/Users"
    };
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn group(name: &str, members: Value) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

fn managed(name: &str, manager: &str) -> Value {
    user(name, json!({ENTERPRISE: {"manager": {"value": manager}}}))
}

#[test]
fn items_1_2_service_provider_config_names_the_bulk_limits() {
    let server = TestApp::start();
    let config = get(&server, "/scim/v2/ServiceProviderConfig");
    let limits = json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1048576});
    assert_eq!(config["bulk"], limits);
}

#[test]
fn items_7_to_15_results_follow_the_order_of_the_request() {
    let server = TestApp::start();
    let (old, gone) = (make_user(&server, "old"), make_user(&server, "gone"));
    let operations = run(
        &server,
        &bulk(json!([
            {"method": "PUT", "path": format!("/Users/{old}"), "data": user("older", json!({}))},
            post("q", user("kim", json!({}))),
            {"method": "PATCH", "path": format!("Users/{old}"), "bulkId": "mine",
             "data": patch(json!([{"op": "add", "path": "title", "value": "Dr."}]))},
            {"method": "DELETE", "path": format!("/Users/{gone}")},
            {"method": "DELETE", "path": format!("/Users/{gone}")},
            post("again", user("KIM", json!({}))),
        ])),
    );
    assert_eq!(
        statuses(&operations),
        ["200", "201", "200", "204", "404", "409"]
    );
    let methods: Vec<_> = operations
        .iter()
        .map(|it| it["method"].as_str().unwrap())
        .collect();
    assert_eq!(
        methods,
        ["PUT", "POST", "PATCH", "DELETE", "DELETE", "POST"]
    );
    for (number, operation) in operations.iter().enumerate() {
        let location = operation["location"].as_str().unwrap_or_default();
        assert_eq!(location.starts_with("http://"), number != 5, "{operation}");
        assert_eq!(
            operation.get("version").is_some(),
            number < 3,
            "{operation}"
        );
    }
    assert_eq!(operations[1]["bulkId"], "q");
    assert_eq!(operations[2]["bulkId"], "mine");
    assert_eq!(error_of(&operations[5]["response"]).1, "uniqueness");
    let older = get(&server, &format!("/scim/v2/Users/{old}"));
    assert_eq!(older["title"], "Dr.");
    assert_eq!(older["meta"]["version"], operations[2]["version"]);
    assert_eq!(server.user_names(), ["kim", "older"]);
}

#[test]
fn items_14_15_16_fail_on_errors_ends_the_request_at_that_many_failures() {
    let server = TestApp::start();
    let message = |most: Value, prefix: &str| {
        let bad =
            json!({"method": "POST", "path": "/Users", "bulkId": format!("{prefix}x"), "data": {}});
        let other =
            json!({"method": "POST", "path": "/Users", "bulkId": format!("{prefix}y"), "data": 7});
        json!({"schemas": [BULK], "failOnErrors": most, "Operations": [
            post("a", user(&format!("{prefix}a"), json!({}))), bad,
            post("b", user(&format!("{prefix}b"), json!({}))), other,
            post("c", user(&format!("{prefix}c"), json!({}))),
        ]})
    };
    for (number, (most, count)) in [
        (json!(1), 2),
        (json!(2), 4),
        (json!(3), 5),
        (json!(0), 5),
        (json!(null), 5),
    ]
    .into_iter()
    .enumerate()
    {
        let operations = run(&server, &message(most.clone(), &number.to_string()));
        assert_eq!(operations.len(), count, "{most}");
        assert_eq!(
            statuses(&operations),
            ["201", "400", "201", "400", "201"][..count]
        );
    }
    assert_eq!(
        server.user_names(),
        [
            "0a", "1a", "1b", "2a", "2b", "2c", "3a", "3b", "3c", "4a", "4b", "4c"
        ]
    );
    for wrong in [json!(-1), json!(1.5), json!("1"), json!([])] {
        let response = ask(&server, "POST", "/scim/v2/Bulk", &message(wrong, "w"));
        assert_eq!(refused(&response), scim_error(400, "invalidValue"));
    }
}

#[test]
fn items_17_18_19_22_references_to_earlier_and_later_operations_and_circles_resolve() {
    let server = TestApp::start();
    let operations = run(
        &server,
        &bulk(json!([
            post("g", group("tour", json!([{"value": "bulkId:kim"}, {"value": "bulkId:lee"}]))),
            post("kim", managed("kim", "bulkId:lee")),
            post("lee", managed("lee", "bulkId:kim")),
            post("max", managed("max", "bulkId:kim")),
            {"method": "PATCH", "path": "/Groups/bulkId:g", "data": patch(json!([
                {"op": "add", "path": "members", "value": [{"value": "bulkId:max"}]},
                {"op": "remove", "path": "members[value eq \"bulkId:lee\"]"},
            ]))},
            {"method": "PUT", "path": "/Users/bulkId:max", "data": managed("maxine", "bulkId:lee")},
            {"method": "PATCH", "path": "/Users/bulkId:lee", "data": patch(json!([
                {"op": "add", "value": {format!("{ENTERPRISE}:manager"): {"value": "bulkId:max"}}},
            ]))},
        ])),
    );
    // The last operation closes a circle among users that exist by then.
    assert_eq!(
        statuses(&operations)[..6],
        ["201", "201", "201", "201", "200", "200"]
    );
    let [kim, lee, max] = [1, 2, 3].map(|at| made_id(&operations[at]));
    let manager = |id: &str| {
        let user = get(&server, &format!("/scim/v2/Users/{id}"));
        user[ENTERPRISE]["manager"]["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!((manager(&kim), manager(&max)), (lee.clone(), lee));
    let group = get(
        &server,
        &format!("/scim/v2/Groups/{}", made_id(&operations[0])),
    );
    let mut members: Vec<_> = group["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["value"].clone())
        .collect();
    members.sort_by_key(Value::to_string);
    let mut expected = vec![json!(kim), json!(max)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(members, expected);
    assert_eq!(group["meta"]["version"], operations[4]["version"]);
    let stored = serde_json::to_string(&server.users()).unwrap();
    assert!(!stored.contains("bulkId"), "{stored}");
}

#[test]
fn items_16_21_operation_that_refers_to_a_failed_one_fails() {
    let server = TestApp::start();
    let operations = run(
        &server,
        &bulk(json!([
            post("g", group("tour", json!([{"value": "bulkId:bad"}]))),
            post("kim", managed("kim", "bulkId:nobody")),
            post("bad", user("b ad/x/y", json!({"active": "perhaps"}))),
            post("lee", managed("lee", "bulkId:bad")),
            post("max", user("max", json!({}))),
            {"method": "DELETE", "path": "/Users/bulkId:bad"},
            {"method": "DELETE", "path": "/Users/bulkId:nobody"},
        ])),
    );
    assert_eq!(
        statuses(&operations),
        ["409", "409", "400", "409", "201", "409", "409"]
    );
    assert_eq!(server.user_names(), ["max"]);
    let groups = get(&server, "/scim/v2/Groups");
    assert_eq!(names(&groups), ["admin"]);
}

#[test]
fn items_23_25_26_32_malformed_operation_fails_alone() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let one = format!("/Users/{kim}");
    for (operation, status, keyword) in [
        (json!({}), 400, "invalidSyntax"),
        (json!({"path": "/Users"}), 400, "invalidSyntax"),
        (json!({"method": "POST"}), 400, "invalidSyntax"),
        (json!({"method": 7, "path": "/Users"}), 400, "invalidValue"),
        (
            json!({"method": "post", "path": "/Users", "bulkId": "a", "data": {}}),
            400,
            "invalidSyntax",
        ),
        (json!({"method": "GET", "path": one}), 400, "invalidSyntax"),
        (
            json!({"method": "TRACE", "path": one}),
            400,
            "invalidSyntax",
        ),
        (
            json!({"method": "POST", "path": "/Users", "data": user("a", json!({}))}),
            400,
            "invalidValue",
        ),
        (
            json!({"method": "POST", "path": "/Users", "bulkId": "", "data": {}}),
            400,
            "invalidValue",
        ),
        (
            json!({"method": "POST", "path": "/Users", "bulkId": "a"}),
            400,
            "invalidValue",
        ),
        (
            json!({"method": "POST", "path": one, "bulkId": "a", "data": user("a", json!({}))}),
            400,
            "invalidPath",
        ),
        (json!({"method": "PUT", "path": one}), 400, "invalidValue"),
        (
            json!({"method": "PATCH", "path": one, "data": null}),
            400,
            "invalidValue",
        ),
        (
            json!({"method": "DELETE", "path": "/Users"}),
            400,
            "invalidPath",
        ),
        (
            json!({"method": "DELETE", "path": "/Users/"}),
            400,
            "invalidPath",
        ),
        (
            json!({"method": "POST", "path": "/Bulk", "bulkId": "a", "data": bulk(json!([]))}),
            400,
            "invalidPath",
        ),
        (
            json!({"method": "POST", "path": "/Roles", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "/v2/Users", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "/scim/v2/Users", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "//Users", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "http://test/scim/v2/Users", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "/Me", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "POST", "path": "/Schemas", "bulkId": "a", "data": {}}),
            404,
            "",
        ),
        (
            json!({"method": "DELETE", "path": format!("{one}?x=1")}),
            404,
            "",
        ),
        (
            json!({"method": "DELETE", "path": format!("{one}/x")}),
            404,
            "",
        ),
        (
            json!({"method": "DELETE", "path": "/Users/../Users"}),
            404,
            "",
        ),
        (json!({"method": "DELETE", "path": "/Users/7"}), 404, ""),
        (json!({"method": "DELETE", "path": "/Users/%00"}), 404, ""),
        (
            json!({"method": "DELETE", "path": format!("/Groups/{kim}")}),
            404,
            "",
        ),
    ] {
        let operations = run(&server, &bulk(json!([operation])));
        let [answer] = operations.as_slice() else {
            panic!("exactly one result")
        };
        assert_eq!(
            error_of(&answer["response"]),
            scim_error(status, keyword),
            "{operation}"
        );
        assert_eq!(answer["status"], status.to_string(), "{operation}");
    }
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn item_11_every_result_except_of_a_failed_post_has_a_location() {
    let server = TestApp::start();
    let operations = run(
        &server,
        &bulk(json!([
            {"method": "DELETE", "path": "/Users/7"},
            {"method": "PUT", "path": "/Groups/a b%c", "data": {}},
            {"method": "PATCH", "path": "/Users/018f0000-0000-7000-8000-000000000000", "data": {}},
            {"method": "DELETE", "path": "/Users/bulkId:nobody"},
        ])),
    );
    let ends = [
        "/Users/7",
        "/Groups/a%20b%25c",
        "/Users/018f0000-0000-7000-8000-000000000000",
        "/Users/bulkId:nobody",
    ];
    for (operation, end) in operations.iter().zip(ends) {
        let location = operation["location"].as_str().expect("a location");
        assert!(
            location.starts_with("http://") && location.ends_with(end),
            "{location}"
        );
    }
}

#[test]
fn items_5_24_invalid_bulk_message_is_refused_as_a_whole() {
    let server = TestApp::start();
    let kim = post("a", user("kim", json!({})));
    for message in [
        json!({"Operations": [kim]}),
        json!({"schemas": [BULK]}),
        json!({"schemas": [BULK], "Operations": null}),
        json!({"schemas": [BULK], "Operations": {}}),
        json!({"schemas": [BULK], "Operations": [[]]}),
        json!({"schemas": [BULK], "Operations": [null]}),
        json!({"schemas": "x", "Operations": [kim]}),
        json!({"schemas": [BULK_ANSWER], "Operations": [kim]}),
        json!({"schemas": [BULK, BULK_ANSWER], "Operations": [kim]}),
    ] {
        let response = ask(&server, "POST", "/scim/v2/Bulk", &message);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidSyntax"),
            "{message}"
        );
    }
    assert_eq!(server.user_names(), [""; 0]);
    let twice = json!([kim, post("a", user("lee", json!({})))]);
    let operations = run(&server, &bulk(twice));
    assert_eq!(statuses(&operations), ["201", "400"]);
}

#[test]
fn items_20_30_operations_take_effect_in_the_order_of_the_request() {
    let server = TestApp::start();
    let operations = run(
        &server,
        &bulk(json!([
            post("a", user("kim", json!({}))),
            {"method": "DELETE", "path": "/Users/bulkId:a"},
            post("b", user("Kim", json!({}))),
            post("c", user("kIM", json!({}))),
            {"method": "PATCH", "path": "/Users/bulkId:b",
             "data": patch(json!([{"op": "replace", "path": "userName", "value": "lee"}]))},
            post("d", user("KIM", json!({}))),
        ])),
    );
    assert_eq!(
        statuses(&operations),
        ["201", "204", "201", "409", "200", "201"]
    );
    assert_eq!(server.user_names(), ["KIM", "lee"]);
}

#[test]
fn items_45_46_54_thousand_operations_on_one_group_all_take_effect() {
    let server = TestApp::start();
    let mut operations: Vec<Value> = (0..999)
        .map(|number| {
            post(
                &format!("u{number}"),
                user(&format!("user{number:03}"), json!({})),
            )
        })
        .collect();
    let members: Vec<Value> = (0..999)
        .map(|number| json!({"value": format!("bulkId:u{number}")}))
        .collect();
    operations.insert(0, post("g", group("all", json!(members))));
    let operations = run(&server, &bulk(json!(operations)));
    assert!(statuses(&operations).iter().all(|status| *status == "201"));
    let group = get(
        &server,
        &format!("/scim/v2/Groups/{}", made_id(&operations[0])),
    );
    assert_eq!(group["members"].as_array().unwrap().len(), 999);
    assert_eq!(group["meta"]["version"], operations[0]["version"]);
    let more: Vec<Value> = (0..1001).map(|_| json!({})).collect();
    let response = ask(&server, "POST", "/scim/v2/Bulk", &bulk(json!(more)));
    assert_eq!(refused(&response), scim_error(413, ""));
}

#[test]
fn item_46_unknown_members_are_refused_and_impossible_ones_left_out_by_patch() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let group_id = make_group(&server, "tour", &[&kim]);
    let path = format!("/scim/v2/Groups/{group_id}");
    for member in [
        json!({"value": group_id}),
        json!({"value": kim, "type": "Group"}),
        json!({"value": uuid::Uuid::nil()}),
    ] {
        let message = patch(json!([{"op": "add", "path": "members", "value": [member]}]));
        let response = ask(&server, "PATCH", &path, &message);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidValue"),
            "{member}"
        );
    }
    // A member whose id cannot exist here is left out by PATCH, which reports it; other methods refuse it.
    let impossible = json!([{"value": "7"}]);
    let message = patch(json!([{"op": "add", "path": "members", "value": impossible}]));
    let response = ask(&server, "PATCH", &path, &message);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("muster-left-out"), Some("members=1"));
    let in_bulk =
        json!([{"method": "PATCH", "path": format!("/Groups/{group_id}"), "data": message}]);
    assert_eq!(statuses(&run(&server, &bulk(in_bulk))), ["400"]);
    assert_eq!(id(&get(&server, &path)), group_id);
    assert_eq!(get(&server, &path)["members"].as_array().unwrap().len(), 1);
    // The same with every method: alone, together with a valid member, and together with other changes.
    let both = json!([{"value": "7"}, {"value": kim}]);
    for (method, target, message) in [
        ("POST", "/scim/v2/Groups", group("other", both.clone())),
        ("PUT", path.as_str(), group("tour", both.clone())),
        (
            "PATCH",
            &path,
            patch(json!([{"op": "replace", "path": "members", "value": both}])),
        ),
        (
            "PATCH",
            &path,
            patch(json!([
                {"op": "replace", "path": "displayName", "value": "tours"},
                {"op": "add", "path": "members", "value": both},
            ])),
        ),
    ] {
        let response = ask(&server, method, target, &message);
        assert!(
            [200, 201].contains(&response.status),
            "{method}: {}",
            response.body
        );
        assert_eq!(
            response.header("muster-left-out"),
            Some("members=1"),
            "{method}"
        );
        let members = crate::scim::document(&response)["members"].clone();
        assert_eq!(members.as_array().unwrap().len(), 1, "{method}: {members}");
        let impossible = message
            .to_string()
            .replace("\"7\"", &format!("\"{}\"", uuid::Uuid::nil()));
        let message: Value = serde_json::from_str(&impossible).unwrap();
        let response = ask(&server, method, target, &message);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidValue"),
            "{method}"
        );
    }
    for (method, target, data) in [
        ("POST", "/Groups".to_owned(), group("third", both.clone())),
        ("PUT", format!("/Groups/{group_id}"), group("tours", both)),
    ] {
        let in_bulk = json!([{"method": method, "path": target, "bulkId": "b", "data": data}]);
        assert_eq!(statuses(&run(&server, &bulk(in_bulk))), ["400"], "{method}");
    }
}

/// A member without a value is left out and counted, like a member whose id cannot exist here.
#[test]
fn members_without_a_value_are_left_out_and_counted() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let group_id = make_group(&server, "tour", &[&kim]);
    let path = format!("/scim/v2/Groups/{group_id}");
    for (number, nothing) in [
        json!({"display": "x"}),
        json!({}),
        json!({"value": ""}),
        json!({"value": null, "display": "Kim"}),
    ]
    .into_iter()
    .enumerate()
    {
        let both = json!([nothing, {"value": kim}]);
        let add = |value: &Value| patch(json!([{"op": "add", "path": "members", "value": value}]));
        let replace =
            |value: &Value| patch(json!([{"op": "replace", "path": "members", "value": value}]));
        let named = json!([
            {"op": "replace", "path": "externalId", "value": format!("x{number}")},
            {"op": "add", "path": "members", "value": both},
        ]);
        for (method, target, message) in [
            (
                "POST",
                "/scim/v2/Groups",
                group(&format!("other{number}"), both.clone()),
            ),
            ("PUT", path.as_str(), group("tour", both.clone())),
            ("PATCH", &path, add(&both)),
            ("PATCH", &path, add(&nothing)),
            // The existing member is not replaced.
            ("PATCH", &path, replace(&json!([nothing]))),
            ("PATCH", &path, patch(named.clone())),
            (
                "PATCH",
                &path,
                patch(json!([{"op": "add", "value": {"members": both}}])),
            ),
        ] {
            let response = ask(&server, method, target, &message);
            assert!(
                [200, 201].contains(&response.status),
                "{method} {message}: {}",
                response.body
            );
            let left_out = response.header("muster-left-out");
            assert_eq!(left_out, Some("members=1"), "{method} {message}");
            let members = crate::scim::document(&response)["members"].clone();
            assert_eq!(members.as_array().unwrap().len(), 1, "{method}: {members}");
        }
        let in_bulk = json!([
            {"method": "POST", "path": "/Groups", "bulkId": "b", "data": group("third", both.clone())},
            {"method": "PUT", "path": format!("/Groups/{group_id}"), "data": group("tour", both.clone())},
            {"method": "PATCH", "path": format!("/Groups/{group_id}"), "data": add(&both)},
        ]);
        let done = run(&server, &bulk(in_bulk));
        assert_eq!(statuses(&done), ["400", "400", "400"], "{nothing}");
    }
    // `null` is not an element.
    let message = patch(json!([{"op": "add", "path": "members", "value": [null]}]));
    let response = ask(&server, "PATCH", &path, &message);
    assert_eq!(
        (response.status, response.header("muster-left-out")),
        (200, None)
    );
}

/// Outside of Bulk, `bulkId:` refers to nothing; the request is refused and the text is never stored.
#[test]
fn bulk_id_references_outside_of_bulk_are_refused() {
    let server = TestApp::start();
    let kim = make_user(&server, "kim");
    let crew = make_group(&server, "crew", &[&kim]);
    let manager = json!({ENTERPRISE: {"manager": {"value": "bulkId:x"}}});
    let schemas = [crate::scim::USER, ENTERPRISE];
    let with_manager = |name: &str| {
        let mut user = user(name, manager.clone());
        user["schemas"] = json!(schemas);
        user
    };
    let before = get(&server, &format!("/scim/v2/Users/{kim}"));
    for mount in crate::scim::MOUNTS {
        let (user, group) = (
            format!("{mount}/Users/{kim}"),
            format!("{mount}/Groups/{crew}"),
        );
        for (method, path, message) in [
            ("POST", format!("{mount}/Users"), with_manager("lee")),
            ("PUT", user.clone(), with_manager("kim")),
            (
                "PATCH",
                user.clone(),
                patch(json!([{"op": "add", "value": manager}])),
            ),
            (
                "PATCH",
                user,
                patch(
                    json!([{"op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": "bulkId:x"}]),
                ),
            ),
            (
                "POST",
                format!("{mount}/Groups"),
                self::group("new", json!([{"value": "bulkId:x"}])),
            ),
            (
                "PUT",
                group.clone(),
                self::group("crew", json!([{"value": "bulkId:x"}])),
            ),
            (
                "PATCH",
                group.clone(),
                patch(json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:x"}]}])),
            ),
            (
                "PATCH",
                group,
                patch(json!([{"op": "remove", "path": "members[value eq \"bulkId:x\"]"}])),
            ),
        ] {
            let response = ask(&server, method, &path, &message);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidValue"),
                "{method} {path} {message}"
            );
            assert!(response.body.contains("bulkId:x"), "{}", response.body);
        }
    }
    let zuora = json!([with_manager("max")]);
    let response = ask(&server, "POST", "/scim/v2/Users/bulk", &zuora);
    assert!(response.status >= 400, "{}", response.body);
    assert_eq!(server.user_names(), ["kim"]);
    assert_eq!(get(&server, &format!("/scim/v2/Users/{kim}")), before);
    // Inside a longer text it is not a reference.
    let prose = user("lee", json!({"title": "about bulkId:x, in prose"}));
    make(&server, "/scim/v2/Users", &prose);
}

#[test]
fn item_15_failure_that_ends_a_request_is_reported_despite_forward_references() {
    let server = TestApp::start();
    make_user(&server, "taken");
    let taken = || {
        post(
            "taken",
            json!({"schemas": [crate::scim::USER], "userName": "taken"}),
        )
    };
    let plain = |name: &str| {
        post(
            name,
            json!({"schemas": [crate::scim::USER], "userName": name}),
        )
    };
    let crew = |reference: &str| {
        post(
            "g",
            group("crew", json!([{"value": format!("bulkId:{reference}")}])),
        )
    };
    let run_limited = |most: u64, operations: Value| {
        let mut message = bulk(operations);
        message["failOnErrors"] = most.into();
        run(&server, &message)
    };
    for operations in [
        // References to an operation after the failure, and to the failed operation itself.
        json!([crew("late"), taken(), plain("late"), plain("later")]),
        json!([crew("taken"), taken(), plain("late")]),
        json!([
            crew("late"),
            post("h", group("others", json!([{"value": "bulkId:g"}]))),
            taken(),
            plain("late")
        ]),
    ] {
        let results = run_limited(1, operations.clone());
        let last = results.last().unwrap();
        assert_eq!(last["response"]["scimType"], "uniqueness", "{results:?}");
        assert_eq!(
            results.len(),
            operations
                .as_array()
                .unwrap()
                .iter()
                .position(|it| *it == taken())
                .unwrap()
                + 1
        );
        for before in &results[..results.len() - 1] {
            assert_eq!(before["status"], "409", "{results:?}");
            assert!(
                before["response"]["detail"]
                    .as_str()
                    .unwrap()
                    .contains("cannot be resolved")
            );
        }
        assert_eq!(server.user_names(), ["taken"]);
        assert_eq!(get(&server, "/scim/v2/Groups")["totalResults"], 1);
    }
    // If the failure itself follows from a reference that cannot be resolved, the first failure counts: the
    // group has the name that the second one wants only while it exists.
    let results = run_limited(
        1,
        json!([
            crew("late"),
            post("again", group("crew", json!([]))),
            plain("late"),
        ]),
    );
    assert_eq!(statuses(&results), ["409"], "{results:?}");
    // If more failures are allowed, all are reported and the rest is carried out.
    let results = run_limited(3, json!([crew("taken"), taken(), plain("done")]));
    assert_eq!(statuses(&results), ["409", "409", "201"], "{results:?}");
}

#[test]
fn item_22_path_may_refer_to_a_resource_of_an_earlier_operation() {
    let server = TestApp::start();
    let title = patch(json!([{"op": "add", "path": "title", "value": "Dr."}]));
    let results = run(
        &server,
        &bulk(json!([
            {"method": "PATCH", "path": "/Users/bulkId:late", "data": title},
            {"method": "DELETE", "path": "/Users/bulkId:late"},
            {"method": "PUT", "path": "/Users/bulkId:late", "data": {"schemas": [crate::scim::USER], "userName": "x"}},
            post("late", json!({"schemas": [crate::scim::USER], "userName": "late"})),
            {"method": "PATCH", "path": "/Users/bulkId:late", "data": title},
            {"method": "PATCH", "path": "/Users/bulkId:nobody", "data": title},
        ])),
    );
    assert_eq!(
        statuses(&results),
        ["404", "404", "404", "201", "200", "409"],
        "{results:?}"
    );
}

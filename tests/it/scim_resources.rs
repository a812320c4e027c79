//! Single users and groups: creating, reading, replacing, patching.

use muster::users::operator::Role;
use serde_json::{Value, json};

use crate::app::{ADMIN_PASSWORD, TestApp, basic};
use crate::scim::{
    CUSTOM, ENTERPRISE, MOUNTS, USER, ask, document, get, id, make, make_group, make_user, patch,
    refused, scim_error, send, user,
};

#[test]
fn items_33_34_37_39_40_41_48_50_user_is_returned_as_it_was_sent() {
    let server = TestApp::start();
    for mount in MOUNTS {
        let name = format!("Kim{}", mount.len());
        let made = make(
            &server,
            &format!("{mount}/Users"),
            &json!({
                "SCHEMAS": [USER, ENTERPRISE], "USERNAME": name, "ExternalID": "A-1",
                "name": {"GIVENNAME": "Kim", "familyName": "Doe", "formatted": null},
                "emails": [{"value": "Kim@Example.com", "type": "Work", "primary": true}],
                "ims": [], "nickName": null, "id": "mine", "meta": {"resourceType": "Car"},
                ENTERPRISE: {"Department": "IT"}, "password": "Spring-Meadow-42",
            }),
        );
        let location = made["meta"]["location"].as_str().unwrap().to_owned();
        assert!(location.ends_with(&format!("{mount}/Users/{}", id(&made))));
        let mut shown = made.clone();
        let meta = shown.as_object_mut().unwrap().remove("meta").unwrap();
        assert_eq!(meta["created"], meta["lastModified"]);
        assert_eq!(meta["resourceType"], "User");
        let expected = json!({
            "schemas": [USER, ENTERPRISE], "id": id(&made), "userName": name, "externalId": "A-1",
            "active": true, "name": {"givenName": "Kim", "familyName": "Doe"},
            "emails": [{"value": "Kim@Example.com", "type": "Work", "primary": true}],
            ENTERPRISE: {"department": "IT"},
        });
        // Address types that files have too are spelled as in files.
        let lower = expected.to_string().to_lowercase();
        assert_eq!(shown.to_string().to_lowercase(), lower);
        assert_eq!(shown["emails"][0]["value"], "Kim@Example.com");
        let path = format!("{mount}/Users/{}", id(&made));
        let response = ask(&server, "GET", &path, &Value::Null);
        assert_eq!(document(&response), made);
        assert_eq!(response.header("content-location"), Some(location.as_str()));
        assert!(!id(&made).contains("bulkId") && id(&made) != "mine");
    }
}

#[test]
fn items_30_36_44_49_names_are_unique_in_any_case() {
    let server = TestApp::start();
    make_user(&server, "Straße");
    make_group(&server, "Tour", &[]);
    for name in ["STRAẞE", "straße", "Straße"] {
        let response = ask(&server, "POST", "/scim/v2/Users", &user(name, json!({})));
        assert_eq!(refused(&response), scim_error(409, "uniqueness"), "{name}");
    }
    let group = json!({"schemas": [crate::scim::GROUP], "displayName": "TOUR"});
    let response = ask(&server, "POST", "/scim/v2/Groups", &group);
    assert_eq!(refused(&response), scim_error(409, "uniqueness"));
    let lee = make_user(&server, "lee");
    let rename = patch(json!([{"op": "replace", "path": "userName", "value": "straße"}]));
    let path = format!("/scim/v2/Users/{lee}");
    assert_eq!(
        refused(&ask(&server, "PATCH", &path, &rename)),
        scim_error(409, "uniqueness")
    );
    let put = ask(&server, "PUT", &path, &user("STRAẞE", json!({})));
    assert_eq!(refused(&put), scim_error(409, "uniqueness"));
    assert_eq!(get(&server, &path)["userName"], "lee");
}

#[test]
fn items_43_51_52_put_replaces_all_attributes_and_creates_nothing() {
    let server = TestApp::start();
    let kim = make(
        &server,
        "/scim/v2/Users",
        &user(
            "kim",
            json!({"title": "a", "active": false, "password": "Spring-Meadow-42"}),
        ),
    );
    let path = format!("/scim/v2/Users/{}", id(&kim));
    let put = ask(
        &server,
        "PUT",
        &path,
        &user("kim", json!({"id": "x", "nickName": "k"})),
    );
    assert_eq!(put.status, 200);
    let after = document(&put);
    assert_eq!(
        (&after["nickName"], after.get("title")),
        (&json!("k"), None)
    );
    assert_eq!(after["active"], true, "what is left out has its default");
    assert_eq!(after["id"], kim["id"]);
    assert!(
        server.has_password("kim", "Spring-Meadow-42"),
        "PUT without a password keeps it"
    );
    let none = format!("/scim/v2/Users/{}", uuid::Uuid::now_v7());
    assert_eq!(
        refused(&ask(&server, "PUT", &none, &user("max", json!({})))),
        scim_error(404, "")
    );
    for message in [
        json!({"schemas": [USER]}),
        json!({"schemas": [USER], "userName": ""}),
    ] {
        assert_eq!(
            refused(&ask(&server, "PUT", &path, &message)),
            scim_error(400, "invalidValue")
        );
    }
    let moved = ask(&server, "PUT", &path, &user("SALES/kim", json!({})));
    assert_eq!(refused(&moved), scim_error(400, "mutability"));
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn items_42_53_to_59_patch_adds_replaces_and_removes_values() {
    let server = TestApp::start();
    let lee = make_user(&server, "lee");
    let kim = make(
        &server,
        "/scim/v2/Users",
        &user(
            "kim",
            json!({"emails": [{"value": "w@x.y", "type": "work", "primary": true}]}),
        ),
    );
    let path = format!("/scim/v2/Users/{}", id(&kim));
    let change = |operations: Value| ask(&server, "PATCH", &path, &patch(operations));
    let before = get(&server, &path);
    for (operations, keyword) in [
        (json!([{"op": "add", "path": "title"}]), "invalidValue"),
        (json!([{"op": "remove"}]), "noTarget"),
        (json!([{"op": "remove", "path": "userName"}]), "mutability"),
        (
            json!([{"op": "replace", "path": "id", "value": "x"}]),
            "mutability",
        ),
        (
            json!([{"op": "replace", "path": "meta.created", "value": "x"}]),
            "mutability",
        ),
        (
            json!([{"op": "add", "path": "groups", "value": [{"value": "x"}]}]),
            "mutability",
        ),
        (
            json!([{"op": "replace", "path": "nothing", "value": "x"}]),
            "invalidPath",
        ),
        (
            json!([{"op": "replace", "path": "name.nothing", "value": "x"}]),
            "invalidPath",
        ),
        (
            json!([{"op": "replace", "path": "emails[", "value": "x"}]),
            "invalidPath",
        ),
        (
            json!([{"op": "replace", "path": "urn:x:title", "value": "x"}]),
            "invalidPath",
        ),
        (
            json!([{"op": "replace", "path": "emails[value eq \"no@x.y\"].display", "value": "x"}]),
            "noTarget",
        ),
        (
            json!([{"op": "merge", "path": "title", "value": "x"}]),
            "invalidSyntax",
        ),
        (
            json!([{"op": "add", "path": "title", "value": "x"}, {"op": "remove", "path": "userName"}]),
            "mutability",
        ),
        (json!([]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
    ] {
        let response = change(operations.clone());
        let (status, actual) = refused(&response);
        assert_eq!(status, 400, "{operations}");
        let syntax = keyword == "invalidSyntax" && actual == "invalidValue";
        assert!(actual == keyword || syntax, "{operations}: {actual}");
        assert_eq!(get(&server, &path), before, "{operations}");
    }
    let done = change(json!([
        {"op": "Add", "path": "emails", "value": [{"value": "h@x.y", "type": "home", "primary": "True"}]},
        {"op": "Replace", "value": {"active": "False", "name.givenName": "Kim",
            format!("{ENTERPRISE}:manager"): lee}},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@x.y"},
        // Entra ID expects that the element is created.
        {"op": "replace", "path": "emails[type eq \"other\"].value", "value": "o@x.y"},
    ]));
    assert_eq!(done.status, 200, "{}", done.body);
    let after = document(&done);
    assert_eq!(after["active"], false);
    assert_eq!(after["name"], json!({"givenName": "Kim"}));
    assert_eq!(after[ENTERPRISE]["manager"]["value"], lee.as_str());
    let emails = after["emails"].as_array().unwrap();
    let primary: Vec<_> = emails.iter().filter(|it| it["primary"] == true).collect();
    assert_eq!(primary.len(), 1, "{after}");
    assert_eq!(primary[0]["value"], "h@x.y");
    for value in ["new@x.y", "o@x.y"] {
        assert!(emails.iter().any(|it| it["value"] == value), "{after}");
    }
}

#[test]
fn managers_must_be_users_and_must_not_form_a_circle() {
    let server = TestApp::start();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| make_user(&server, name));
    let manage = |of: &str, manager: &str| {
        let message = patch(json!([
            {"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": {"value": manager}},
        ]));
        ask(&server, "PATCH", &format!("/scim/v2/Users/{of}"), &message)
    };
    assert_eq!(manage(&bob, &ann).status, 200);
    assert_eq!(manage(&eve, &bob).status, 200);
    let unknown = uuid::Uuid::now_v7().to_string();
    for (of, manager) in [(&ann, &ann), (&ann, &bob), (&ann, &eve), (&ann, &unknown)] {
        assert_eq!(
            refused(&manage(of, manager)),
            scim_error(400, "invalidValue")
        );
    }
    let circle = user("ann", json!({ENTERPRISE: {"manager": {"value": eve}}}));
    let put = ask(&server, "PUT", &format!("/scim2/Users/{ann}"), &circle);
    assert_eq!(refused(&put), scim_error(400, "invalidValue"));
    assert_eq!(
        get(&server, &format!("/scim/v2/Users/{ann}")).get(ENTERPRISE),
        None
    );
}

#[test]
fn items_76_to_79_86_discovery_describes_what_is_served() {
    let server = TestApp::start();
    for mount in MOUNTS {
        let open = send(
            &server,
            "GET",
            &format!("{mount}/ServiceProviderConfig"),
            &[],
            "",
        );
        assert_eq!(open.status, 200);
        let config = document(&open);
        assert_eq!(config["authenticationSchemes"].as_array().unwrap().len(), 2);
        let types = get(&server, &format!("{mount}/ResourceTypes"));
        let schemas = get(&server, &format!("{mount}/Schemas?count=1&startIndex=2"));
        assert_eq!(
            schemas["totalResults"],
            schemas["Resources"].as_array().unwrap().len()
        );
        let urns: Vec<_> = schemas["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(id)
            .collect();
        assert!(urns.iter().all(|urn| !urn.contains(":api:messages:")));
        assert!(urns.contains(&CUSTOM.to_owned()));
        for one in types["Resources"].as_array().unwrap() {
            let shown = get(&server, &format!("{mount}/ResourceTypes/{}", id(one)));
            assert_eq!(&shown, one);
            assert!(urns.contains(&one["schema"].as_str().unwrap().to_owned()));
            for extension in one["schemaExtensions"].as_array().unwrap() {
                assert!(urns.contains(&extension["schema"].as_str().unwrap().to_owned()));
            }
        }
        for urn in urns {
            let schema = get(&server, &format!("{mount}/Schemas/{urn}"));
            for attribute in schema["attributes"].as_array().unwrap() {
                for member in [
                    "name",
                    "type",
                    "multiValued",
                    "required",
                    "caseExact",
                    "mutability",
                    "returned",
                    "uniqueness",
                    "description",
                ] {
                    assert!(attribute.get(member).is_some(), "{urn} {attribute}");
                }
            }
        }
    }
}

#[test]
fn item_82_me_is_the_user_with_the_name_of_the_caller() {
    let server = TestApp::start();
    server.add_operator("kim", Role::Import);
    let caller = format!(
        "Authorization: {}\r\nContent-Type: application/json",
        basic("kim", ADMIN_PASSWORD)
    );
    let unknown = send(&server, "GET", "/scim/v2/Me", &[&caller], "");
    assert_eq!(refused(&unknown), scim_error(404, ""));
    let kim = make_user(&server, "kim");
    let me = send(&server, "GET", "/scim/v2/Me", &[&caller], "");
    assert_eq!(me.status, 200);
    assert!(
        me.header("location")
            .is_some_and(|at| at.ends_with(&format!("/Users/{kim}")))
    );
    let change = patch(json!([{"op": "add", "path": "title", "value": "Dr."}])).to_string();
    let changed = send(&server, "PATCH", "/scim2/Me", &[&caller], change);
    assert_eq!(document(&changed)["title"], "Dr.");
    let gone = send(&server, "DELETE", "/scim/v2/Me", &[&caller], "");
    assert_eq!(refused(&gone), scim_error(403, ""));
}

/// No response contains a secret.
#[test]
fn item_43_passwords_are_never_returned() {
    let server = TestApp::start();
    let secret = "Marker-Secret-42";
    let made = ask(
        &server,
        "POST",
        "/scim/v2/Users?attributes=password,userName",
        &user("kim", json!({"password": secret})),
    );
    assert_eq!(made.status, 201);
    let path = format!("/scim/v2/Users/{}", id(&document(&made)));
    let answers = [
        made,
        ask(
            &server,
            "GET",
            &format!("{path}?attributes=password"),
            &Value::Null,
        ),
        ask(
            &server,
            "PATCH",
            &path,
            &patch(json!([{"op": "replace", "path": "password", "value": "Marker-Secret-43"}])),
        ),
        ask(
            &server,
            "PUT",
            &path,
            &user("kim", json!({"password": "Marker-Secret-44"})),
        ),
        ask(
            &server,
            "PATCH",
            &path,
            &patch(
                json!([{"op": "replace", "path": "password", "value": {"x": "Marker-Secret-45"}}]),
            ),
        ),
        ask(
            &server,
            "POST",
            "/scim/v2/Users",
            &user("kim", json!({"password": "Marker-Secret-46"})),
        ),
    ];
    for response in answers {
        assert!(
            !response.body.contains("Marker-Secret"),
            "{}",
            response.body
        );
        assert!(!response.body.contains("\"password\""), "{}", response.body);
    }
    assert!(server.has_password("kim", "Marker-Secret-44"));
    let audit = server
        .app
        .store
        .audit(muster::users::built_in::DEFAULT_ORGANIZATION, None, 100)
        .unwrap();
    let audit = serde_json::to_string(&audit).unwrap();
    assert!(!audit.contains("Marker-Secret") && audit.contains("user.update"));
}

/// Okta and Entra ID push groups and users under the names they have; the original allows no such names.
#[test]
fn names_with_spaces_and_slashes_are_accepted_from_directories() {
    let server = TestApp::start();
    let kim = make(
        &server,
        "/scim/v2/Users",
        &user("Kim  Jackson".replace("  ", " ").as_str(), json!({})),
    );
    assert_eq!(kim["userName"], "Kim Jackson");
    let kim = crate::scim::id(&kim);
    let crew = make(
        &server,
        "/scim/v2/Groups",
        &json!({
            "schemas": [crate::scim::GROUP], "displayName": "Research/EMEA/north", "members": [{"value": kim}],
        }),
    );
    assert_eq!(crew["displayName"], "Research/EMEA/north");
    // The text before the slash is a user store if there is one of that name.
    let team = make_group(&server, "sales/team", &[]);
    let team = get(&server, &format!("/scim/v2/Groups/{team}"));
    assert_eq!(team["displayName"], "SALES/team");
    let found = |path: &str, filter: &str| {
        crate::scim::names(&get(
            &server,
            &format!("{path}?filter={}", crate::scim::escaped(filter)),
        ))
    };
    assert_eq!(
        found("/scim/v2/Users", "userName eq \"KIM JACKSON\""),
        ["Kim Jackson"]
    );
    let crew = crate::scim::id(&crew);
    assert_eq!(
        found("/scim/v2/Groups", "displayName eq \"research/emea/NORTH\""),
        ["Research/EMEA/north"]
    );
    let (user_path, group_path) = (format!("/Users/{kim}"), format!("/Groups/{crew}"));
    for (method, path, message) in [
        ("PUT", &user_path, user("Kim A. Jackson", json!({}))),
        (
            "PATCH",
            &user_path,
            patch(json!([{"op": "replace", "path": "userName", "value": "Kim Smith"}])),
        ),
        (
            "PUT",
            &group_path,
            json!({"schemas": [crate::scim::GROUP], "displayName": "R&D/Labs", "members": [{"value": kim}]}),
        ),
        (
            "PATCH",
            &group_path,
            patch(json!([{"op": "replace", "value": {"displayName": "A/B"}}])),
        ),
    ] {
        let response = ask(&server, method, &format!("/scim/v2{path}"), &message);
        assert_eq!(response.status, 200, "{method} {path}: {}", response.body);
    }
    let message = crate::scim::bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user("Lee Ann", json!({}))},
        {"method": "POST", "path": "/Groups", "bulkId": "b",
         "data": {"schemas": [crate::scim::GROUP], "displayName": "C/D", "members": [{"value": "bulkId:a"}]}},
    ]));
    let answer = document(&ask(&server, "POST", "/scim/v2/Bulk", &message));
    for operation in answer["Operations"].as_array().unwrap() {
        assert_eq!(operation["status"], "201", "{operation}");
    }
    for bad in [" kim", "kim ", "kim  lee", "kim\tlee", "nostore/kim"] {
        let response = ask(&server, "POST", "/scim/v2/Users", &user(bad, json!({})));
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidValue"),
            "{bad:?}"
        );
        assert!(!response.body.contains("one word"), "{}", response.body);
        let is_named = response.body.contains("separated by single blanks");
        assert_eq!(
            is_named,
            bad.contains("kim") && !bad.contains('/'),
            "{}",
            response.body
        );
    }
    for (bad, why) in [
        ("Internal/x", "not groups"),
        ("A/", "it ends with /"),
        ("A/B/", "it ends with /"),
        (" ", "it is empty"),
        ("A /", "it ends with /"),
    ] {
        let group = json!({"schemas": [crate::scim::GROUP], "displayName": bad});
        let response = ask(&server, "POST", "/scim/v2/Groups", &group);
        assert_eq!(
            refused(&response),
            scim_error(400, "invalidValue"),
            "{bad:?}"
        );
        assert!(response.body.contains(why), "{bad:?}: {}", response.body);
    }
    // The other mount keeps the original's rules for names, but other attributes of such resources can be
    // changed.
    let response = ask(&server, "POST", "/scim2/Users", &user("Max Moe", json!({})));
    assert_eq!(refused(&response), scim_error(400, "invalidValue"));
    let group = json!({"displayName": "E/F"});
    let response = ask(&server, "POST", "/scim2/Groups", &group);
    assert_eq!(refused(&response), scim_error(400, "invalidValue"));
    for (path, value) in [
        (&user_path, json!({"title": "Dr."})),
        (&group_path, json!({"externalId": "x"})),
    ] {
        let change = patch(json!([{"op": "add", "value": value}]));
        let response = ask(&server, "PATCH", &format!("/scim2{path}"), &change);
        assert_eq!(response.status, 200, "{path}: {}", response.body);
    }
    assert_eq!(
        get(&server, &format!("/scim2{group_path}"))["displayName"],
        "A/B"
    );
    assert_eq!(
        get(&server, &format!("/scim2{user_path}"))["userName"],
        "Kim Smith"
    );
}

#[test]
fn json_passwords_keep_leading_and_trailing_spaces() {
    let server = TestApp::start();
    for (number, password) in [
        " Spring Meadow 42 ",
        "\u{a0}Spring-Meadow-42\u{200b}",
        "\tSpring-42\t",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("user{number}");
        let body = user(&name, json!({"password": password}));
        make(&server, "/scim/v2/Users", &body);
        assert!(server.has_password(&name, password), "{password:?}");
        assert!(!server.has_password(&name, password.trim()), "{password:?}");
    }
}

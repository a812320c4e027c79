//! Requests of WSO2 Identity Server's clients to `/scim2`, and the responses they rely on.

use serde_json::{Value, json};

use crate::app::{TestApp, admin};
use crate::material;
use crate::scim::{
    BULK, CUSTOM, ENTERPRISE, SEARCH, ask, bulk, document, error_of, get, id, make, make_group,
    make_user, names, patch, refused, scim_error, send, user,
};

/// The sample request of the vendor's documentation, unchanged.
const SAMPLE: &str = r#"{"failOnErrors":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method": "POST","path": "/Users","bulkId": "qwerty","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName": "Kris","password":"krispass"}},{"method": "POST","path": "/Users","bulkId":"ytrewq","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"Jesse","password":"jessepass","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber": "11250","manager": {"value": "bulkId:qwerty"}}}}]}"#;

/// Parses the document that `response` contains as a string.
#[track_caller]
fn inner(response: &Value) -> Value {
    let text = response
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {response}"));
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn items_9_12_17_documented_sample_gets_the_documented_response() {
    let server = TestApp::start();
    let admin = format!("Authorization: {}", admin());
    let headers = [admin.as_str(), "Content-Type:application/scim+json"];
    let response = send(&server, "POST", "/scim2/Bulk", &headers, SAMPLE);
    assert_eq!(response.status, 200, "{}", response.body);
    let users = server.users();
    let of = |name: &str| {
        let user = users.iter().find(|user| user.user_name == name);
        user.expect("made").id.to_string()
    };
    let (kris, jesse) = (of("Kris"), of("Jesse"));
    let base = format!("http://{}/scim2", server.address());
    let shown = document(&response);
    let location = shown["Operations"][0]["location"].as_str().unwrap();
    let base = location
        .strip_suffix(&format!("/Users/{kris}"))
        .unwrap_or(&base);
    assert!(
        base.starts_with("http") && base.ends_with("/scim2"),
        "{base}"
    );
    assert_eq!(
        response.body,
        format!(
            r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[{{"bulkId":"qwerty","method":"POST","location":"{base}/Users/{kris}","status":{{"code":201}}}},{{"bulkId":"ytrewq","method":"POST","location":"{base}/Users/{jesse}","status":{{"code":201}}}}]}}"#
        )
    );
    let manager = get(&server, &format!("/scim2/Users/{jesse}"))[ENTERPRISE]["manager"].clone();
    assert_eq!(manager["value"], kris.as_str());
    assert!(server.has_password("Kris", "krispass") && server.has_password("Jesse", "jessepass"));
}

/// The product's integration test sends these files and expects these codes inside a response with status
/// 200.
#[test]
#[ignore = "needs MUSTER_CORPORA"]
fn items_7_12_32_files_of_the_products_integration_test_get_the_expected_codes() {
    let folder = material::folder("MUSTER_CORPORA").join(
        "wso2-product-is/modules/integration/tests-integration/tests-backend/src/test/resources/bulk/\
         requests",
    );
    let server = TestApp::start();
    let send = |name: &str, id: &str| {
        let text = std::fs::read_to_string(folder.join(name)).expect("the file is there");
        let message = serde_json::from_str(&text.replace("{{id}}", id)).expect("JSON");
        let response = ask(&server, "POST", "/scim2/Bulk", &message);
        assert_eq!(response.status, 200, "{name}: {}", response.body);
        let answer = document(&response);
        let [operation] = answer["Operations"].as_array().unwrap().as_slice() else {
            panic!("one result: {answer}")
        };
        operation.clone()
    };
    for kind in ["user", "group"] {
        let made = send(&format!("{kind}/add.json"), "");
        assert_eq!(made["status"], json!({"code": 201}), "{made}");
        let location = made["location"].as_str().unwrap();
        let id = location.rsplit('/').next().unwrap();
        for (file, code) in [("replace", 200), ("patch", 200), ("delete", 204)] {
            let done = send(&format!("{kind}/{file}.json"), id);
            assert_eq!(
                done["status"],
                json!({"code": code}),
                "{kind} {file}: {done}"
            );
            assert_eq!(done["location"], location, "{done}");
        }
        let response = ask(
            &server,
            "GET",
            location
                .split_once("/scim2")
                .map(|(_, rest)| format!("/scim2{rest}"))
                .unwrap()
                .as_str(),
            &Value::Null,
        );
        assert_eq!(response.status, 404);
    }
    for file in ["add", "replace", "patch", "delete"] {
        let refused = send(&format!("role/{file}.json"), "7");
        assert_eq!(refused["status"]["code"], 404, "{refused}");
        let description = refused["status"]["description"].as_str().unwrap();
        let error = inner(&refused["response"]);
        assert_eq!(error["detail"], description);
        error_of(&error);
    }
}

#[test]
fn items_23_24_malformed_operation_refuses_the_whole_request() {
    let server = TestApp::start();
    let good =
        json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": user("kim", json!({}))});
    for (bad, keyword) in [
        (
            json!({"method": "POST", "path": "/Users", "data": {"userName": "lee"}}),
            "invalidValue",
        ),
        (
            json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "lee"}}),
            "invalidValue",
        ),
        (json!({"path": "/Users", "bulkId": "b"}), "invalidSyntax"),
        (json!({"method": "POST", "bulkId": "b"}), "invalidSyntax"),
    ] {
        let message = json!({"schemas": [BULK], "Operations": [good, bad]});
        let response = ask(&server, "POST", "/scim2/Bulk", &message);
        assert_eq!(refused(&response), scim_error(400, keyword), "{bad}");
    }
    assert_eq!(server.user_names(), [""; 0]);
    // The documentation's template has an empty list of schemas.
    let message = json!({"failOnErrors": 1, "schemas": [], "Operations": [good]});
    assert_eq!(ask(&server, "POST", "/scim2/Bulk", &message).status, 200);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn item_39_wso2_extension_is_an_alias_of_the_custom_one() {
    let server = TestApp::start();
    let wso2 = "urn:scim:wso2:schema";
    for (number, path) in ["/scim2/Users", "/scim/v2/Users"].into_iter().enumerate() {
        let message = json!({
            "schemas": [crate::scim::USER, wso2, ENTERPRISE, CUSTOM],
            "userName": format!("kim{number}"),
            wso2: {"accountLocked": true, "preferredChannel": "EMAIL", "noSuchClaim": "x"},
            ENTERPRISE: {"department": "IT", "askPassword": "true"},
        });
        let made = make(&server, path, &message);
        let claims = json!({"accountLocked": "true", "preferredChannel": "EMAIL"});
        assert_eq!(made[CUSTOM], claims, "{made}");
        assert_eq!(made.get(wso2), None);
        assert_eq!(made[ENTERPRISE], json!({"department": "IT"}));
        let one = format!("{path}/{}", id(&made));
        let message = patch(json!([
            {"op": "replace", "path": format!("{wso2}:preferredChannel"), "value": "SMS"},
            {"op": "add", "value": {wso2: {"gender": "f"}}},
            {"op": "remove", "path": format!("{wso2}:accountLocked")},
        ]));
        let changed = ask(&server, "PATCH", &one, &message);
        assert_eq!(changed.status, 200, "{}", changed.body);
        let claims = json!({"gender": "f", "preferredChannel": "SMS"});
        assert_eq!(document(&changed)[CUSTOM], claims);
        let filter = crate::scim::escaped(&format!("{wso2}:preferredChannel eq \"SMS\""));
        let list = get(
            &server,
            &format!("{path}?filter={filter}&attributes={wso2}:gender"),
        );
        assert_eq!(
            list["Resources"][0][CUSTOM],
            json!({"gender": "f"}),
            "{list}"
        );
        assert_eq!(ask(&server, "DELETE", &one, &Value::Null).status, 204);
    }
    let twice = json!({"schemas": [crate::scim::USER, wso2, wso2], "userName": "lee"});
    let response = ask(&server, "POST", "/scim2/Users", &twice);
    assert_eq!(refused(&response), scim_error(400, "invalidValue"));
    let urns = get(&server, "/scim2/Schemas").to_string();
    assert!(urns.contains(CUSTOM) && !urns.contains(wso2));
}

#[test]
fn items_12_13_failures_have_the_code_and_the_reason() {
    let server = TestApp::start();
    make_user(&server, "kim");
    let tour = make_group(&server, "tour", &[]);
    let message = json!({"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "kim"}},
        {"method": "PATCH", "path": format!("/Groups/{tour}"), "bulkId": "b", "data": {"Operations": []}},
        {"method": "GET", "path": "/Users/7"},
    ]});
    let response = ask(&server, "POST", "/scim2/Bulk", &message);
    let operations = document(&response)["Operations"].clone();
    for (operation, code) in operations.as_array().unwrap().iter().zip([409, 400, 400]) {
        assert_eq!(operation["status"]["code"], code);
        let error = inner(&operation["response"]);
        assert_eq!(operation["status"]["description"], error["detail"]);
    }
}

#[test]
fn schemas_may_be_empty_missing_or_those_of_roles_with_every_method() {
    let server = TestApp::start();
    let role = "urn:ietf:params:scim:schemas:core:2.0:Role";
    let forms = [None, Some(json!([])), Some(json!([role]))];
    let with = |schemas: &Option<Value>, message: Value| {
        let mut message = message;
        if let Some(schemas) = schemas {
            message["schemas"] = schemas.clone();
        }
        message
    };
    for (number, schemas) in forms.iter().enumerate() {
        // The documentation's sample, with other names for each request.
        let kim = with(
            schemas,
            json!({
                "name": {"familyName": "jackson", "givenName": "kim"},
                "userName": format!("kim{number}"), "password": "kimwso2",
                "emails": [
                    {"primary": true, "value": "kim.jackson@gmail.com", "type": "home"},
                    {"value": "kim_j@wso2.com", "type": "work"},
                ],
            }),
        );
        let kim = make(&server, "/scim2/Users", &kim);
        let path = format!("/scim2/Users/{}", id(&kim));
        let crew = json!({
            "displayName": format!("PRIMARY/crew{number}"),
            "members": [{"value": kim["id"], "display": "kim"}],
        });
        let crew = make(&server, "/scim2/Groups", &with(schemas, crew));
        let group = format!("/scim2/Groups/{}", id(&crew));
        let title = json!([{"op": "add", "value": {"nickName": "shaggy"}}]);
        let name = format!("kim{number}");
        for (method, path, message) in [
            ("PUT", &path, json!({"userName": name, "title": "Dr."})),
            ("PATCH", &path, json!({"Operations": title})),
            (
                "PUT",
                &group,
                json!({"displayName": format!("crew{number}")}),
            ),
            (
                "PATCH",
                &group,
                json!({"Operations": [
                    {"op": "add", "path": "members", "value": [{"value": kim["id"]}]},
                ]}),
            ),
            (
                "POST",
                &"/scim2/Users/.search".to_owned(),
                json!({"filter": "userName sw kim"}),
            ),
            (
                "POST",
                &"/scim2/Groups/.search".to_owned(),
                json!({"startIndex": 1}),
            ),
            ("POST", &"/scim2/.search".to_owned(), json!({"count": 1})),
            (
                "POST",
                &"/scim2/Bulk".to_owned(),
                json!({"Operations": [
                    {"method": "PATCH", "path": path["/scim2".len()..],
                     "data": with(schemas, json!({"Operations": title}))},
                    {"method": "PUT", "path": group["/scim2".len()..],
                     "data": with(schemas, json!({"displayName": format!("crew{number}")}))},
                    {"method": "POST", "path": "/Users", "bulkId": "b",
                     "data": with(schemas, json!({"userName": format!("lee{number}")}))},
                ]}),
            ),
        ] {
            let message = with(schemas, message);
            let response = ask(&server, method, path, &message);
            assert_eq!(
                response.status, 200,
                "{method} {path} {message}: {}",
                response.body
            );
            if path.ends_with("Bulk") {
                for operation in document(&response)["Operations"].as_array().unwrap() {
                    let code = operation["status"]["code"].as_u64().unwrap();
                    assert!((200..300).contains(&code), "{operation}");
                }
            }
            // The mount of the RFCs requires schemas; a Bulk request may have an empty list there.
            if path.ends_with("Bulk") && *schemas == Some(json!([])) {
                continue;
            }
            let strict = path.replace("/scim2", "/scim/v2");
            let response = ask(&server, method, &strict, &message);
            assert_eq!(refused(&response).0, 400, "{method} {strict} {message}");
        }
        assert_eq!(get(&server, &path)["nickName"], "shaggy");
    }
    let me = ask(
        &server,
        "PATCH",
        "/scim2/Me",
        &json!({"Operations": [{"op": "remove", "path": "title"}]}),
    );
    assert_eq!(
        me.status, 404,
        "no user is called admin; all else is valid: {}",
        me.body
    );
}

#[test]
fn filters_may_omit_quotation_marks() {
    let server = TestApp::start();
    let lee = make_user(&server, "lee");
    let kim = make(
        &server,
        "/scim2/Users",
        &user(
            "kim",
            json!({
                "active": true, "title": "42", "emails": [{"value": "kim@example.com", "type": "work"}],
                ENTERPRISE: {"manager": {"value": lee}, "department": "true"},
            }),
        ),
    );
    make_group(&server, "crew", &[&id(&kim), &lee]);
    let asked = |path: &str, filter: &str| {
        let filter = crate::scim::escaped(filter);
        ask(
            &server,
            "GET",
            &format!("{path}?filter={filter}"),
            &Value::Null,
        )
    };
    for filter in [
        "userName Eq kim",
        "userName eq kim and emails.value ew example.com",
        "not (userName eq lee)",
        "emails[type eq work and value sw kim]",
        "emails[type eq work].value eq kim@example.com",
        "title eq 42",
        &format!("{ENTERPRISE}:department eq true"),
        &format!("{ENTERPRISE}:manager.value eq {lee}"),
        "userName eq kim and active eq true",
        "userName eq kim and active eq True",
        "userName eq kim and meta.created gt 2020-01-01T00:00:00Z",
        "(userName eq kim)",
        "userName eq \"kim\"",
        "userName eq kim and nickName eq null",
    ] {
        let response = asked("/scim2/Users", filter);
        assert_eq!(response.status, 200, "{filter}: {}", response.body);
        assert_eq!(names(&document(&response)), ["kim"], "{filter}");
    }
    let response = asked("/scim2/Groups", "displayName eq crew");
    assert_eq!(names(&document(&response)), ["crew"]);
    let group = id(&document(&response)["Resources"][0]);
    for filter in [
        "userName eq kim",
        "emails[type eq work].value eq kim@example.com",
    ] {
        assert_eq!(
            refused(&asked("/scim/v2/Users", filter)),
            scim_error(400, "invalidFilter")
        );
    }
    assert_eq!(
        refused(&asked("/scim2/Users", "userName eq")),
        scim_error(400, "invalidFilter")
    );
    // The same in PATCH paths.
    let leave =
        json!({"Operations": [{"op": "remove", "path": format!("members[value eq {lee}]")}]});
    let response = ask(&server, "PATCH", &format!("/scim2/Groups/{group}"), &leave);
    assert_eq!(response.status, 200, "{}", response.body);
    let members = get(&server, &format!("/scim2/Groups/{group}"))["members"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
}

#[test]
fn lists_may_be_limited_to_a_user_store() {
    for url in ["", "memory:"] {
        let server = TestApp::start_with(|options| {
            if !url.is_empty() {
                options.app.store.url = url.into();
            }
        });
        for name in ["kim", "SALES/sue", "SALES/sam"] {
            make_user(&server, name);
        }
        for name in ["crew", "SALES/team"] {
            make_group(&server, name, &[]);
        }
        let found = |path: &str| names(&get(&server, path));
        assert_eq!(
            found("/scim2/Users?domain=SALES&sortBy=userName"),
            ["SALES/sam", "SALES/sue"]
        );
        assert_eq!(
            found("/scim2/Users?domain=sales&filter=userName+ew+sam"),
            ["SALES/sam"]
        );
        assert_eq!(found("/scim2/Users?Domain=PRIMARY"), ["kim"]);
        assert_eq!(found("/scim2/Groups?domain=SALES"), ["SALES/team"]);
        assert_eq!(found("/scim2/Users?domain=").len(), 3);
        // In a list limited to one user store, names need no user store and may begin with PRIMARY.
        let members = [id_of(&server, "SALES/sue")];
        let sales = make_group(&server, "SALES/crew", &[&members[0]]);
        let kim = id_of(&server, "kim");
        let patched = ask(
            &server,
            "PATCH",
            &format!("/scim2/Groups/{}", group_id(&server, "crew")),
            &patch(json!([{"op": "add", "path": "members", "value": [{"value": kim}]}])),
        );
        assert_eq!(patched.status, 200, "{}", patched.body);
        let sam = vec!["SALES/sam"];
        let sue = vec!["SALES/sue"];
        for (query, expected) in [
            ("Users?domain=SALES&filter=userName+eq+sam", sam.clone()),
            (
                "Users?domain=sales&filter=userName+Eq+%22SAM%22",
                sam.clone(),
            ),
            (
                "Users?domain=SALES&filter=userName+eq+SALES/sam",
                sam.clone(),
            ),
            ("Users?domain=SALES&filter=userName+sw+sa", sam.clone()),
            ("Users?domain=SALES&filter=userName+ne+sue", sam.clone()),
            (
                "Users?domain=SALES&filter=not+(userName+eq+sue)",
                sam.clone(),
            ),
            ("Users?domain=SALES&filter=userName+eq+PRIMARY/kim", vec![]),
            ("Users?domain=SALES&filter=userName+eq+kim", vec![]),
            ("Users?domain=PRIMARY&filter=userName+eq+kim", vec!["kim"]),
            ("Users?filter=userName+eq+PRIMARY/kim", vec!["kim"]),
            ("Users?filter=userName+sw+primary/", vec!["kim"]),
            (
                "Users?filter=userName+ne+PRIMARY/kim+and+userName+ew+m",
                sam,
            ),
            (
                "Users?domain=SALES&filter=userName+eq+sue+and+groups+eq+crew",
                sue.clone(),
            ),
            ("Users?domain=SALES&filter=groups+eq+CREW", sue.clone()),
            ("Users?filter=groups+eq+SALES/crew", sue.clone()),
            (&format!("Users?filter=groups+eq+{sales}"), sue),
            ("Users?filter=groups+eq+crew", vec!["kim"]),
            ("Users?filter=groups+eq+PRIMARY/crew", vec!["kim"]),
            ("Users?filter=groups+sw+cr", vec!["kim"]),
            (
                "Users?domain=SALES&filter=groups+ne+crew",
                vec!["SALES/sam"],
            ),
            (
                "Groups?domain=SALES&filter=displayName+eq+team",
                vec!["SALES/team"],
            ),
            (
                "Groups?domain=SALES&filter=displayName+sw+t",
                vec!["SALES/team"],
            ),
            ("Groups?filter=displayName+eq+PRIMARY/crew", vec!["crew"]),
        ] {
            assert_eq!(found(&format!("/scim2/{query}")), expected, "{url} {query}");
        }
        let message = json!({"domain": "SALES", "filter": "userName eq sam"});
        let searched = document(&ask(&server, "POST", "/scim2/Users/.search", &message));
        assert_eq!(names(&searched), ["SALES/sam"]);
        assert_eq!(
            found("/scim/v2/Users?filter=userName+eq+%22PRIMARY/kim%22"),
            [""; 0]
        );
        let response = ask(
            &server,
            "DELETE",
            &format!("/scim2/Groups/{sales}"),
            &Value::Null,
        );
        assert_eq!(response.status, 204);
        let page = get(&server, "/scim2/Users?domain=SALES&count=1&cursor=");
        assert_eq!(page["totalResults"], 2);
        let next = page["nextCursor"].as_str().unwrap();
        let rest = get(
            &server,
            &format!("/scim2/Users?domain=SALES&count=1&cursor={next}"),
        );
        assert_eq!(rest["Resources"].as_array().map(Vec::len), Some(1));
        let other = format!("/scim2/Users?domain=PRIMARY&count=1&cursor={next}");
        assert_eq!(
            refused(&ask(&server, "GET", &other, &Value::Null)),
            scim_error(400, "invalidCursor")
        );
        // The search in the documentation.
        let search = |path: &str| {
            let message = json!({
                "schemas": [SEARCH], "attributes": ["userName"], "filter": "userName sw SALES/s",
                "domain": "SALES", "startIndex": 1, "count": 10,
            });
            document(&ask(&server, "POST", path, &message))["totalResults"].clone()
        };
        assert_eq!(search("/scim2/Users/.search"), 2);
        let message = json!({"domain": "SALES"});
        let all = document(&ask(&server, "POST", "/scim2/.search", &message));
        assert_eq!(all["totalResults"], 3, "{all}");
        for path in ["/scim2/Users?domain=NOSUCH", "/scim2/Groups?domain=NOSUCH"] {
            let response = ask(&server, "GET", path, &Value::Null);
            assert_eq!(
                refused(&response),
                scim_error(400, "invalidValue"),
                "{path}"
            );
            assert!(response.body.contains("NOSUCH"), "{}", response.body);
        }
        // On the mount of the RFCs the parameter is unknown and ignored.
        assert_eq!(found("/scim/v2/Users?domain=NOSUCH").len(), 3);
    }
}

/// Returns the id of the user with this name.
#[track_caller]
fn id_of(server: &TestApp, name: &str) -> String {
    let list = get(server, &format!("/scim2/Users?filter=userName+eq+{name}"));
    id(&list["Resources"][0])
}

/// Returns the id of the group with this name.
#[track_caller]
fn group_id(server: &TestApp, name: &str) -> String {
    let list = get(
        server,
        &format!("/scim2/Groups?filter=displayName+eq+{name}"),
    );
    id(&list["Resources"][0])
}

#[test]
fn bulk_accepts_the_mount_in_paths_and_data_as_a_string() {
    let server = TestApp::start();
    let lee = make_user(&server, "lee");
    let title = |title: &str| json!({"Operations": [{"op": "replace", "value": {"title": title}}]});
    let operations = json!([
        {"method": "POST", "path": "/scim2/Users", "bulkId": "a", "data": "{\"userName\": \"kim\"}"},
        {"method": "POST", "path": "scim2/Groups", "bulkId": "b",
         "data": "{\"displayName\": \"crew\", \"members\": [{\"value\": \"bulkId:a\"}]}"},
        {"method": "PATCH", "path": format!("/scim2/Users/{lee}"), "data": title("one").to_string()},
        {"method": "PATCH", "path": format!("/t/carbon.super/scim2/Users/{lee}"), "data": title("two")},
        {"method": "PATCH", "path": "/scim2/Users/bulkId:a", "data": title("three")},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": "no JSON"},
        {"method": "POST", "path": "/scim/v2/Users", "bulkId": "d", "data": {"userName": "max"}},
    ]);
    let response = ask(&server, "POST", "/scim2/Bulk", &bulk(operations.clone()));
    let answer = document(&response);
    let codes: Vec<u64> = answer["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation["status"]["code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [201, 201, 200, 200, 200, 400, 404], "{answer}");
    let shown = get(
        &server,
        "/scim2/Groups?filter=displayName+eq+crew&attributes=members.display",
    );
    assert_eq!(
        shown["Resources"][0]["members"][0]["display"], "kim",
        "{shown}"
    );
    assert_eq!(get(&server, &format!("/scim2/Users/{lee}"))["title"], "two");
    assert_eq!(
        get(&server, "/scim2/Users?filter=title+eq+three")["totalResults"],
        1
    );
    // The same for a queued request, but not on the mount of the RFCs.
    let queued = json!({"Operations": [
        {"method": "POST", "path": "/scim2/Users", "bulkId": "a", "data": "{\"userName\": \"max\"}"},
    ]});
    let response = crate::scim::ask_with(
        &server,
        "POST",
        "/scim2/Bulk",
        &["Prefer: respond-async"],
        &queued,
    );
    assert_eq!(response.status, 202, "{}", response.body);
    let place = response.header("location").unwrap().to_owned();
    let place = &place[place.find("/scim2").unwrap()..];
    let done = loop {
        let response = ask(&server, "GET", place, &Value::Null);
        if response.status == 200 {
            break document(&response);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(done["Operations"][0]["status"]["code"], 201, "{done}");
    let response = ask(&server, "POST", "/scim/v2/Bulk", &bulk(operations));
    for operation in document(&response)["Operations"].as_array().unwrap() {
        let status = operation["status"].as_str().unwrap();
        assert!(status.starts_with('4'), "{operation}");
    }
}

/// A 201 with its user, and an error, in each configurable form.
#[test]
fn bulk_responses_have_the_configured_form() {
    for form in ["documented", "string", "object"] {
        let server = TestApp::start_with(|options| {
            options.app.scim = toml::from_str(&format!("wso2_bulk_response = '{form}'")).unwrap();
        });
        let make = |name: &str, id: &str| {
            json!({"method": "POST", "path": "/Users", "bulkId": id, "data": user(name, json!({
                "title": "first", ENTERPRISE: {"manager": {"value": "bulkId:b"}},
            }))})
        };
        let message = bulk(json!([
            make("kim", "a"),
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("lee", json!({}))},
            make("kim", "c"),
            {"method": "PATCH", "path": "/Users/bulkId:a",
             "data": patch(json!([{"op": "replace", "path": "title", "value": "second"}]))},
            {"method": "DELETE", "path": "/Users/bulkId:b"},
        ]));
        let check = |answer: &Value| {
            let [made, _, failed, changed, gone] =
                answer["Operations"].as_array().unwrap().as_slice()
            else {
                panic!("five results: {answer}")
            };
            assert_eq!(gone.get("response"), None);
            let error = match form {
                "object" => failed["response"].clone(),
                _ => inner(&failed["response"]),
            };
            assert_eq!(error_of(&error), scim_error(409, "uniqueness"));
            if form != "string" {
                assert_eq!(
                    (made.get("response"), changed.get("response")),
                    (None, None)
                );
                return;
            }
            let (made, changed) = (inner(&made["response"]), inner(&changed["response"]));
            assert_eq!(
                (&made["userName"], &made["title"]),
                (&json!("kim"), &json!("first"))
            );
            assert_eq!(changed["title"], "second");
            let location = answer["Operations"][0]["location"].as_str().unwrap();
            assert_eq!(made["meta"]["location"], location);
            let manager = &made[ENTERPRISE]["manager"]["$ref"];
            assert!(
                manager.as_str().unwrap().starts_with("http://"),
                "{manager}"
            );
            assert_eq!(made.get("password"), None);
        };
        let key = "Idempotency-Key: monday";
        for _ in 0..2 {
            let response = crate::scim::ask_with(&server, "POST", "/scim2/Bulk", &[key], &message);
            assert_eq!(response.status, 200, "{}", response.body);
            check(&document(&response));
        }
        // The mount of the RFCs has one form.
        let message = bulk(json!([make("kim", "a")]));
        let response = ask(&server, "POST", "/scim/v2/Bulk", &message);
        let failed = document(&response)["Operations"][0].clone();
        error_of(&failed["response"]);
    }
    let wrong = toml::from_str::<muster::provision::settings::Settings>("wso2_bulk_response = 'x'");
    assert!(wrong.is_err());
}

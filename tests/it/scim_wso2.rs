//! What clients of WSO2 Identity Server send to `/scim2`, and what they count on.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::{TestApp, admin};
use crate::scim::{
    BULK, CUSTOM, ENTERPRISE, ask, document, error_of, get, id, make, make_group, make_user, patch,
    refused, send, told, user,
};

/// The sample of the vendor's documentation, to the letter.
const SAMPLE: &str = r#"{"failOnErrors":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method": "POST","path": "/Users","bulkId": "qwerty","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName": "Kris","password":"krispass"}},{"method": "POST","path": "/Users","bulkId":"ytrewq","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"Jesse","password":"jessepass","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber": "11250","manager": {"value": "bulkId:qwerty"}}}}]}"#;

#[test]
fn items_9_12_17_the_documented_sample_has_the_documented_answer() {
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

/// The product's integration test sends these files and expects these codes inside of 200.
#[test]
fn items_7_12_32_the_files_of_the_products_own_test() {
    let Some(folder) = std::env::var_os("MUSTER_CORPORA") else {
        eprintln!("MUSTER_CORPORA is not set: no file of the product was sent");
        return;
    };
    let folder = Path::new(&folder).join(
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
        assert_eq!(refused["response"]["detail"], description);
        error_of(&refused["response"]);
    }
}

#[test]
fn items_23_24_a_broken_frame_refuses_the_whole_request() {
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
        assert_eq!(refused(&response), told(400, keyword), "{bad}");
    }
    assert_eq!(server.user_names(), [""; 0]);
    // The documentation's template has an empty list of schemas.
    let message = json!({"failOnErrors": 1, "schemas": [], "Operations": [good]});
    assert_eq!(ask(&server, "POST", "/scim2/Bulk", &message).status, 200);
    assert_eq!(server.user_names(), ["kim"]);
}

#[test]
fn item_39_the_extension_of_wso2_is_another_name_of_the_custom_one() {
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
    assert_eq!(refused(&response), told(400, "invalidValue"));
    let urns = get(&server, "/scim2/Schemas").to_string();
    assert!(urns.contains(CUSTOM) && !urns.contains(wso2));
}

#[test]
fn items_12_13_failures_have_the_number_and_the_reason() {
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
        assert_eq!(
            operation["status"]["description"],
            operation["response"]["detail"]
        );
    }
}

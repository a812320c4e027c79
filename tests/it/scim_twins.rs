//! SCIM and SOAP share their users: what is written over one is read over the other.

use muster::http::soap::namespace::AXIS2;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, inline};
use crate::message::SOAP_11;
use crate::scim::{
    CUSTOM, ENTERPRISE, ask, escaped, get, id, make, make_group, make_user, names, patch, user,
};

fn soap(server: &TestApp, operation: &str, content: &str) -> Response {
    let body = format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{AXIS2}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    );
    let response = server.post("text/xml", body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    response
}

fn texts(response: &Response, local: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(&response.body).expect("well-formed");
    let named = document
        .descendants()
        .filter(|it| it.tag_name().name() == local);
    named
        .map(|it| it.text().unwrap_or_default().to_owned())
        .collect()
}

fn import(server: &TestApp, file: &str) {
    let response = server.post("text/xml", inline(file).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
}

/// Finds the user with this name.
fn found(server: &TestApp, name: &str) -> Value {
    let filter = escaped(&format!("userName eq \"{name}\""));
    let list = get(server, &format!("/scim/v2/Users?filter={filter}"));
    assert_eq!(list["totalResults"], 1, "{name}: {list}");
    list["Resources"][0].clone()
}

#[test]
fn claims_of_an_import_are_scim_attributes() {
    let server = TestApp::start();
    let claims = [
        "emailaddress=kim@example.com",
        "givenname=Kim",
        "lastname=Doe",
        "mobile=+49 170",
        "telephone=+49 30",
        "country=DE",
        "locality=Berlin",
        "department=IT",
        "title=Dr.",
        "gender=f",
        "nickname=K",
    ]
    .map(|claim| format!("http://wso2.org/claims/{claim}"))
    .join(",");
    import(
        &server,
        &format!("UserName,Password,Claims\nkim,,{claims}\n"),
    );
    let kim = found(&server, "kim");
    assert_eq!(
        kim["name"],
        json!({"familyName": "Doe", "givenName": "Kim"}),
        "{kim}"
    );
    assert_eq!(kim["emails"][0]["value"], "kim@example.com");
    let phones = kim["phoneNumbers"].as_array().expect("two");
    let numbers: Vec<_> = phones
        .iter()
        .map(|it| it["value"].as_str().unwrap())
        .collect();
    assert!(
        numbers.contains(&"+49 170") && numbers.contains(&"+49 30"),
        "{kim}"
    );
    let address = &kim["addresses"][0];
    assert_eq!(
        (&address["country"], &address["locality"]),
        (&json!("DE"), &json!("Berlin")),
        "{kim}"
    );
    assert_eq!(kim[ENTERPRISE], json!({"department": "IT"}));
    assert_eq!(kim[CUSTOM], json!({"gender": "f"}));
    assert_eq!(
        (&kim["title"], &kim["nickName"]),
        (&json!("Dr."), &json!("K"))
    );
    // A later file changes the columns it has and keeps other changes made over SCIM.
    let one = format!("/scim/v2/Users/{}", id(&kim));
    let change = patch(json!([
        {"op": "replace", "path": "title", "value": "Prof."},
        {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "HR"},
        {"op": "add", "path": "emails", "value": [{"value": "kim@home.example", "type": "home"}]},
    ]));
    assert_eq!(ask(&server, "PATCH", &one, &change).status, 200);
    let form = [
        ("defaultPassword", "Initial-Pass-1"),
        ("conflict", "update"),
        (
            "file|a.csv",
            "username,givenname,http://wso2.org/claims/department\nkim,Kimberly,Law\n",
        ),
    ];
    let body = crate::message::form(&form);
    let path = "/api/v1/imports";
    let response = server.post_as(
        path,
        Some(&crate::app::admin()),
        crate::message::FORM,
        &[],
        body.as_bytes(),
    );
    assert!(response.body.contains("\"updated\":1"), "{}", response.body);
    let kim = get(&server, &one);
    assert_eq!(kim["name"]["givenName"], "Kimberly");
    assert_eq!(kim["title"], "Prof.");
    assert_eq!(kim[ENTERPRISE]["department"], "Law");
    let emails: Vec<_> = kim["emails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["value"].clone())
        .collect();
    assert_eq!(emails.len(), 2, "{kim}");
}

#[test]
fn roles_are_scim_groups() {
    let server = TestApp::start();
    let (kim, lee) = (make_user(&server, "kim"), make_user(&server, "lee"));
    soap(
        &server,
        "addRole",
        "<x:roleName>tour</x:roleName><x:userList>kim</x:userList>",
    );
    let groups = get(&server, "/scim/v2/Groups?sortBy=displayName");
    assert_eq!(names(&groups), ["admin", "tour"]);
    let tour = &groups["Resources"][1];
    assert_eq!(tour["members"][0]["value"], kim.as_str());
    assert_eq!(
        get(&server, &format!("/scim/v2/Users/{kim}"))["groups"][0]["display"],
        "tour"
    );
    let join = patch(json!([{"op": "add", "path": "members", "value": [{"value": lee}]}]));
    assert_eq!(
        ask(
            &server,
            "PATCH",
            &format!("/scim2/Groups/{}", id(tour)),
            &join
        )
        .status,
        200
    );
    make_group(&server, "guides", &[&lee]);
    let roles = soap(&server, "getRolesOfUser", "<x:userName>lee</x:userName>");
    for role in ["tour", "guides"] {
        assert!(
            texts(&roles, "itemName").contains(&role.to_owned()),
            "{}",
            roles.body
        );
    }
    let all = soap(
        &server,
        "getAllRolesNames",
        "<x:filter>*</x:filter><x:limit>10</x:limit>",
    );
    assert!(
        texts(&all, "itemName").contains(&"guides".to_owned()),
        "{}",
        all.body
    );
    import(&server, "username,roles\nmax,guides\n");
    let guides = get(
        &server,
        "/scim/v2/Groups?filter=displayName+eq+%22guides%22",
    );
    assert_eq!(
        guides["Resources"][0]["members"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn users_added_and_removed_over_one_protocol_are_so_over_the_other() {
    let server = TestApp::start();
    let kim = make(
        &server,
        "/scim2/Users",
        &user("kim", json!({"password": "Spring-Meadow-42"})),
    );
    make_user(&server, "SALES/dora");
    let list = soap(
        &server,
        "listUsers",
        "<x:filter>*</x:filter><x:limit>10</x:limit>",
    );
    assert_eq!(texts(&list, "return"), ["kim", "SALES/dora"]);
    assert!(server.has_password("kim", "Spring-Meadow-42"));
    soap(&server, "deleteUser", "<x:userName>kim</x:userName>");
    let gone = ask(
        &server,
        "GET",
        &format!("/scim/v2/Users/{}", id(&kim)),
        &Value::Null,
    );
    assert_eq!(gone.status, 404);
    soap(
        &server,
        "addUser",
        "<x:userName>lou</x:userName><x:password>Spring-Meadow-42</x:password>",
    );
    let lou = id(&found(&server, "lou"));
    assert_eq!(
        ask(
            &server,
            "DELETE",
            &format!("/scim/v2/Users/{lou}"),
            &Value::Null
        )
        .status,
        204
    );
    let list = soap(
        &server,
        "listUsers",
        "<x:filter>*</x:filter><x:limit>10</x:limit>",
    );
    assert_eq!(texts(&list, "return"), ["SALES/dora"]);
}

//! Lists over SCIM on both stores: filters, order, pages, and the attributes returned.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::scim::{
    ENTERPRISE, GROUP, SEARCH, USER, ask, document, escaped, get, make, make_group, make_user,
    names, patch, user,
};

/// Starts a server on each store.
fn servers() -> [TestApp; 2] {
    [
        TestApp::start(),
        TestApp::start_with(|options| options.app.store.url = "memory:".into()),
    ]
}

/// Creates four users; returns the ids of ann and of the group `tour`, which has the members ann and bob.
fn fill(server: &TestApp) -> (String, String) {
    let ann = make(
        server,
        "/scim/v2/Users",
        &user(
            "Ann",
            json!({
                "externalId": "E-1", "title": "Guide", "name": {"givenName": "Ann", "familyName": "Öz"},
                "emails": [
                    {"value": "ann@work.example", "type": "work", "primary": true},
                    {"value": "ann@home.example", "type": "home"},
                ],
                "phoneNumbers": [{"value": "+49 1", "type": "mobile"}],
                ENTERPRISE: {"department": "IT", "employeeNumber": "7"},
            }),
        ),
    );
    let ann = crate::scim::id(&ann);
    let bob = user(
        "bob",
        json!({
            "externalId": "e-1", "title": "guide", "active": false,
            "name": {"givenName": "Bob", "familyName": "Ax"},
            "emails": [{"value": "bob@work.example", "type": "work"}],
            ENTERPRISE: {"manager": {"value": ann}},
        }),
    );
    let bob = crate::scim::id(&make(server, "/scim/v2/Users", &bob));
    make(
        server,
        "/scim/v2/Users",
        &user("carl_%", json!({"title": "50% \"x\" \\ y"})),
    );
    make(
        server,
        "/scim/v2/Users",
        &user("SALES/dora", json!({"nickName": ""})),
    );
    let tour = make_group(server, "tour", &[&ann, &bob]);
    (ann, tour)
}

#[test]
fn items_49_61_63_70_filters_find_exactly_the_matching_users() {
    for server in servers() {
        let (ann, tour) = fill(&server);
        let all = ["Ann", "bob", "carl_%", "SALES/dora"];
        for (filter, expected) in [
            ("userName eq \"ANN\"", &["Ann"][..]),
            ("USERNAME Eq \"ann\"", &["Ann"]),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ann\"",
                &["Ann"],
            ),
            ("userName eq \"sales/DORA\"", &["SALES/dora"]),
            ("userName eq \"dora\"", &[]),
            ("userName ne \"ann\"", &all[1..]),
            ("userName sw \"A\"", &["Ann"]),
            ("userName ew \"N\"", &["Ann"]),
            ("userName co \"o\"", &["bob", "SALES/dora"]),
            ("userName co \"_%\"", &["carl_%"]),
            ("userName co \"%\"", &["carl_%"]),
            ("userName sw \"_\"", &[]),
            ("userName gt \"bob\"", &["carl_%", "SALES/dora"]),
            ("userName ge \"bob\"", &["bob", "carl_%", "SALES/dora"]),
            ("userName lt \"bob\"", &["Ann"]),
            ("userName le \"bob\"", &["Ann", "bob"]),
            ("userName pr", &all),
            ("id pr", &all),
            ("id eq \"ANN\"", &["Ann"]),
            ("id eq \"7\"", &[]),
            ("externalId eq \"E-1\"", &["Ann"]),
            ("externalId eq \"e-1\"", &["bob"]),
            ("externalId eq \"E-2\"", &[]),
            ("title eq \"guide\"", &["Ann", "bob"]),
            ("title eq \"50% \\\"x\\\" \\\\ y\"", &["carl_%"]),
            ("title co \"\\\"X\\\"\"", &["carl_%"]),
            ("title pr", &["Ann", "bob", "carl_%"]),
            ("not (title pr)", &["SALES/dora"]),
            ("title eq null", &["SALES/dora"]),
            ("title ne null", &["Ann", "bob", "carl_%"]),
            ("nickName pr", &[]),
            ("active eq true", &["Ann", "carl_%", "SALES/dora"]),
            ("active eq false", &["bob"]),
            ("active ne true", &["bob"]),
            ("name.familyName eq \"öz\"", &["Ann"]),
            ("name.familyName eq \"o\\u0308z\"", &["Ann"]),
            ("name.givenName pr", &["Ann", "bob"]),
            ("emails eq \"ANN@home.example\"", &["Ann"]),
            ("emails.value ew \"work.example\"", &["Ann", "bob"]),
            ("emails.type eq \"home\"", &["Ann"]),
            ("emails[type eq \"work\"]", &["Ann", "bob"]),
            ("emails[type eq \"work\" and value sw \"ann\"]", &["Ann"]),
            ("emails[type eq \"home\" and value co \"work\"]", &[]),
            ("emails[type eq \"work\" and primary eq true]", &["Ann"]),
            ("emails[not (type eq \"work\")]", &["Ann"]),
            ("not (emails[type eq \"work\"])", &["carl_%", "SALES/dora"]),
            ("emails pr", &["Ann", "bob"]),
            ("phoneNumbers.value eq \"+49 1\"", &["Ann"]),
            ("phoneNumbers[type eq \"mobile\"]", &["Ann"]),
            ("groups.value eq \"TOUR\"", &["Ann", "bob"]),
            ("groups[value eq \"TOUR\"]", &["Ann", "bob"]),
            ("groups.display eq \"Tour\"", &["Ann", "bob"]),
            ("groups pr", &["Ann", "bob"]),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"it\"",
                &["Ann"],
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"ANN\"",
                &["bob"],
            ),
            ("meta.created gt \"2020-01-01T00:00:00Z\"", &all),
            ("meta.lastModified lt \"2020-01-01T00:00:00+01:00\"", &[]),
            ("meta.resourceType eq \"User\"", &all),
            ("meta.resourceType eq \"Group\"", &[]),
            (
                "schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
                &["Ann", "bob"],
            ),
            (
                "userName eq \"ann\" or userName eq \"bob\" and active eq true",
                &["Ann"],
            ),
            (
                "(userName eq \"ann\" or userName eq \"bob\") and active eq false",
                &["bob"],
            ),
            (
                "not (userName eq \"ann\" or userName eq \"bob\")",
                &["carl_%", "SALES/dora"],
            ),
            ("title pr AND NOT (active EQ true)", &["bob"]),
        ] {
            let ids = filter
                .replace("id eq \"ANN\"", &format!("id eq \"{ann}\""))
                .replace(
                    "manager.value eq \"ANN\"",
                    &format!("manager.value eq \"{ann}\""),
                )
                .replace("\"TOUR\"", &format!("\"{tour}\""));
            let path = format!("/scim/v2/Users?sortBy=userName&filter={}", escaped(&ids));
            let response = ask(&server, "GET", &path, &Value::Null);
            assert_eq!(response.status, 200, "{filter}: {}", response.body);
            let list = document(&response);
            assert_eq!(names(&list), expected, "{filter}");
            assert_eq!(list["totalResults"], expected.len(), "{filter}");
            let message = json!({"schemas": [SEARCH], "filter": ids, "sortBy": "userName"});
            let searched = document(&ask(&server, "POST", "/scim2/Users/.search", &message));
            assert_eq!(names(&searched), expected, "{filter}");
        }
        for (filter, expected) in [
            ("displayName eq \"TOUR\"", &["tour"][..]),
            ("members.value eq \"ANN\"", &["tour"]),
            ("members[value eq \"ANN\"]", &["tour"]),
            ("members[value eq \"ANN\" and type eq \"User\"]", &["tour"]),
            ("members[value eq \"ANN\" and type eq \"Group\"]", &[]),
            ("members.value eq \"7\"", &[]),
            ("members pr", &["tour"]),
            ("externalId pr", &[]),
            ("displayName sw \"a\"", &["admin"]),
        ] {
            let filter = filter.replace("ANN", &ann);
            let path = format!("/scim/v2/Groups?filter={}", escaped(&filter));
            assert_eq!(names(&get(&server, &path)), expected, "{filter}");
        }
    }
}

#[test]
fn item_66_lists_are_sorted_by_any_attribute_in_both_directions() {
    for server in servers() {
        fill(&server);
        let sorted = |query: &str| names(&get(&server, &format!("/scim/v2/Users?{query}")));
        assert_eq!(
            sorted("sortBy=userName"),
            ["Ann", "bob", "carl_%", "SALES/dora"]
        );
        assert_eq!(
            sorted("sortBy=username&sortOrder=descending"),
            ["SALES/dora", "carl_%", "bob", "Ann"]
        );
        // Resources without a value come last in ascending order and first in descending order.
        let up = sorted("sortBy=name.familyName");
        assert_eq!(up[..2], ["bob", "Ann"]);
        let down = sorted("sortBy=name.familyName&sortOrder=descending");
        assert_eq!(down[2..], ["Ann", "bob"]);
        assert_eq!(
            sorted("sortBy=emails&sortOrder=ascending")[..2],
            ["Ann", "bob"]
        );
        assert_eq!(
            sorted("sortBy=meta.created"),
            ["Ann", "bob", "carl_%", "SALES/dora"]
        );
        assert_eq!(
            sorted(&format!("sortBy={ENTERPRISE}:employeeNumber"))[0],
            "Ann"
        );
        assert_eq!(sorted("sortBy=active&sortOrder=ascending")[0], "bob");
    }
}

#[test]
fn items_61_62_start_index_and_count_select_a_page() {
    for server in servers() {
        fill(&server);
        for (query, start, shown) in [
            ("", 1, 4),
            ("startIndex=2&count=2", 2, 2),
            ("startIndex=0&count=3", 1, 3),
            ("startIndex=-5", 1, 4),
            ("startIndex=4", 4, 1),
            ("startIndex=5", 5, 0),
            ("startIndex=9223372036854775807", 9223372036854775807_u64, 0),
            ("count=0", 1, 0),
            ("count=-1", 1, 0),
            ("count=9223372036854775807", 1, 4),
        ] {
            let list = get(&server, &format!("/scim/v2/Users?sortBy=userName&{query}"));
            assert_eq!(list["totalResults"], 4, "{query}");
            assert_eq!(
                (&list["startIndex"], &list["itemsPerPage"]),
                (&json!(start), &json!(shown)),
                "{query}"
            );
            assert_eq!(names(&list).len(), shown, "{query}");
            assert_eq!(list.get("nextCursor"), None);
        }
    }
}

#[test]
fn item_67_attributes_and_excluded_attributes_select_what_is_returned() {
    let server = TestApp::start();
    let (ann, tour) = fill(&server);
    let one = format!("/scim/v2/Users/{ann}");
    let keys = |document: &Value| {
        let mut keys: Vec<_> = document.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (query, expected) in [
        ("attributes=userName", &["id", "schemas", "userName"][..]),
        (
            "attributes=emails.value,USERNAME",
            &["emails", "id", "schemas", "userName"],
        ),
        ("attributes=password", &["id", "schemas"]),
        ("attributes=nothing", &["id", "schemas"]),
        (
            "excludedAttributes=id,schemas,emails,name,phoneNumbers,meta,groups,active,title,externalId",
            &["id", "schemas", ENTERPRISE, "userName"],
        ),
    ] {
        let shown = get(&server, &format!("{one}?{query}"));
        assert_eq!(keys(&shown), expected, "{query}");
        let list = get(
            &server,
            &format!("/scim/v2/Users?filter=id+eq+%22{ann}%22&{query}"),
        );
        assert_eq!(list["Resources"][0], shown, "{query}");
        let message = patch(json!([{"op": "add", "path": "title", "value": "Guide"}]));
        let patched = document(&ask(&server, "PATCH", &format!("{one}?{query}"), &message));
        assert_eq!(patched, shown, "{query}");
    }
    let both = ask(
        &server,
        "GET",
        &format!("{one}?attributes=a&excludedAttributes=b"),
        &Value::Null,
    );
    assert_eq!(both.status, 400);
    let path = "/scim/v2/Users?attributes=userName";
    let made = make_shown(&server, path, &user("eve", json!({"title": "x"})));
    assert_eq!(keys(&made), ["id", "schemas", "userName"]);
    let path = format!(
        "/scim/v2/Users/{}?excludedAttributes=title,meta",
        crate::scim::id(&made)
    );
    let put = document(&ask(
        &server,
        "PUT",
        &path,
        &user("eve", json!({"title": "y", "nickName": "e"})),
    ));
    assert_eq!(
        keys(&put),
        ["active", "id", "nickName", "schemas", "userName"]
    );
    let group = get(
        &server,
        &format!("/scim/v2/Groups/{tour}?excludedAttributes=members"),
    );
    assert_eq!(keys(&group), ["displayName", "id", "meta", "schemas"]);
    let search = json!({"schemas": [SEARCH], "attributes": ["displayName", "members.value"], "filter": "displayName eq \"tour\""});
    let found = document(&ask(&server, "POST", "/scim/v2/Groups/.search", &search));
    assert_eq!(
        keys(&found["Resources"][0]),
        ["displayName", "id", "members", "schemas"]
    );
}

fn make_shown(server: &TestApp, path: &str, message: &Value) -> Value {
    let response = ask(server, "POST", path, message);
    assert_eq!(response.status, 201, "{}", response.body);
    assert!(
        response
            .header("location")
            .is_some_and(|at| at.contains("/Users/"))
    );
    document(&response)
}

#[test]
fn item_68_root_search_finds_users_and_groups() {
    for server in servers() {
        fill(&server);
        let search = |more: Value| {
            let mut message = json!({"schemas": [SEARCH]});
            message
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let response = ask(&server, "POST", "/scim/v2/.search", &message);
            assert_eq!(response.status, 200, "{}", response.body);
            document(&response)
        };
        let all = search(json!({}));
        assert_eq!(all["totalResults"], 6, "four users, tour and admin");
        let kinds: Vec<_> = all["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["schemas"][0].clone())
            .collect();
        assert_eq!(kinds, [USER, USER, USER, USER, GROUP, GROUP]);
        let mut paged = Vec::new();
        for start in [1, 3, 5, 7] {
            let page = search(json!({"startIndex": start, "count": 2, "sortBy": "id"}));
            assert_eq!(page["totalResults"], 6);
            paged.extend(
                page["Resources"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|it| it["id"].to_string()),
            );
        }
        let count = paged.len();
        paged.sort();
        paged.dedup();
        assert_eq!((count, paged.len()), (6, 6));
        assert_eq!(
            search(json!({"filter": "userName eq \"ann\""}))["totalResults"],
            1
        );
        assert_eq!(search(json!({"filter": "members pr"}))["totalResults"], 1);
        assert_eq!(
            search(json!({"filter": "meta.resourceType eq \"Group\""}))["totalResults"],
            2
        );
        assert_eq!(search(json!({"count": 0}))["totalResults"], 6);
    }
}

#[test]
fn item_60_deleted_user_is_found_nowhere() {
    for server in servers() {
        let (ann, tour) = fill(&server);
        let one = format!("/scim/v2/Users/{ann}");
        assert_eq!(ask(&server, "DELETE", &one, &Value::Null).status, 204);
        for method in ["GET", "DELETE"] {
            assert_eq!(ask(&server, method, &one, &Value::Null).status, 404);
        }
        let group = get(&server, &format!("/scim/v2/Groups/{tour}"));
        assert_eq!(group["members"].as_array().unwrap().len(), 1);
        let path = format!("/scim/v2/Groups?filter=members.value+eq+%22{ann}%22");
        assert_eq!(get(&server, &path)["totalResults"], 0);
        assert_ne!(make_user(&server, "ANN"), ann);
    }
}

/// Entra ID and AWS send such filters, which are outside the grammar of RFC 7644 §3.4.2.2.
#[test]
fn item_63_filters_take_value_paths_with_a_sub_attribute_and_names_of_managers() {
    for server in servers() {
        let (ann, tour) = fill(&server);
        let manager = format!("{ENTERPRISE}:manager");
        for (filter, expected) in [
            (
                "emails[type eq \"work\"].value eq \"ANN@work.example\"",
                &["Ann"][..],
            ),
            (
                "emails[type eq \"home\"].value eq \"ann@work.example\"",
                &[],
            ),
            (
                "EMAILS[Type Eq \"WORK\"].Value EW \"work.example\"",
                &["Ann", "bob"],
            ),
            (
                "emails[type eq \"work\" or type eq \"home\"].value sw \"ann@home\"",
                &["Ann"],
            ),
            ("emails[type eq \"work\"].primary eq true", &["Ann"]),
            ("emails[type eq \"home\"].value pr", &["Ann"]),
            ("emails[type eq \"home\"].primary pr", &[]),
            (
                "emails[type eq \"home\"].value eq null",
                &["bob", "carl_%", "SALES/dora"],
            ),
            ("emails[type eq \"home\"].value ne null", &["Ann"]),
            (
                "emails[type eq \"work\"].value ne \"ann@work.example\"",
                &["bob", "carl_%", "SALES/dora"],
            ),
            (
                "phoneNumbers[type eq \"mobile\"].value eq \"+49 1\"",
                &["Ann"],
            ),
            ("phoneNumbers[type eq \"work\"].value eq \"+49 1\"", &[]),
            (
                "groups[display eq \"tour\"].value eq \"TOUR\"",
                &["Ann", "bob"],
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"home\"].value co \"ann\"",
                &["Ann"],
            ),
            (
                "title eq \"guide\" and emails[type eq \"home\"].value pr and not (active eq false)",
                &["Ann"],
            ),
            ("manager eq \"ANN\"", &["bob"]),
            ("manager.value eq \"ANN\"", &["bob"]),
            ("MANAGER", &["bob"]),
            ("MANAGER.value eq \"ANN\"", &["bob"]),
            ("manager eq \"7\"", &[]),
            ("manager pr", &["bob"]),
            ("department eq \"it\"", &["Ann"]),
        ] {
            let filter = match filter.strip_prefix("MANAGER") {
                Some("") => format!("{manager} eq \"ANN\""),
                Some(rest) => format!("{manager}{rest}"),
                None => filter.to_owned(),
            };
            let filter = filter.replace("\"ANN\"", &format!("\"{ann}\""));
            let filter = filter.replace("\"TOUR\"", &format!("\"{tour}\""));
            for mount in crate::scim::MOUNTS {
                let list = get(
                    &server,
                    &format!("{mount}/Users?filter={}", escaped(&filter)),
                );
                let mut found = names(&list);
                found.sort_by_key(|name| name.to_lowercase());
                let mut expected = expected.to_vec();
                expected.sort_by_key(|name| name.to_lowercase());
                assert_eq!(found, expected, "{filter}");
            }
        }
        let bob = get(
            &server,
            &format!("/scim/v2/Users?filter={}", escaped("userName eq \"bob\"")),
        );
        let bob = crate::scim::id(&bob["Resources"][0]);
        let both = escaped(&format!("id eq \"{bob}\" and manager eq \"{ann}\""));
        assert_eq!(
            names(&get(&server, &format!("/scim/v2/Users?filter={both}"))),
            ["bob"]
        );
        let members = escaped(&format!("members[value eq \"{ann}\"].type eq \"User\""));
        assert_eq!(
            names(&get(&server, &format!("/scim/v2/Groups?filter={members}"))),
            ["tour"]
        );
        for wrong in [
            "emails[type eq \"work\"] .value eq \"a\"",
            "emails[type eq \"work\"].nosuch eq \"a\"",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\"].value eq",
            "emails[type eq \"work\"]. eq \"a\"",
            "emails[type eq \"work\"]value eq \"a\"",
            "emails[type eq \"work\"].value[type pr]",
            "addresses[type eq \"work\"] eq \"a\"",
            "name eq \"a\"",
            "manager.nosuch eq \"a\"",
        ] {
            let path = format!("/scim/v2/Users?filter={}", escaped(wrong));
            let response = ask(&server, "GET", &path, &Value::Null);
            assert_eq!(
                crate::scim::refused(&response),
                crate::scim::scim_error(400, "invalidFilter"),
                "{wrong}"
            );
        }
    }
}

//! Tests of PATCH from the message to the document: the cases of RFC 7644 §3.5.2 with our own data, messages of Entra
//! ID and Okta, hostile messages, and random messages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::scim::check::{Leniency, check_document};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::member_changes::{MemberChange, member_changes};
use crate::scim::patch::{PATCH_OP, parse_patch};
use crate::scim::patch_apply::apply;
use crate::scim::schema::{CUSTOM, ENTERPRISE, ResourceType, Schemas, USER};

/// The patched document, and whether it has changed.
fn patched(
    document: &Value,
    operations: Value,
    resource_type: &ResourceType,
) -> Result<(Value, bool), ScimError> {
    let message = json!({"schemas": [PATCH_OP], "Operations": operations});
    let patch = parse_patch(message, resource_type, Leniency::default())?;
    let before = document.as_object().unwrap().clone();
    let mut after = before.clone();
    match apply(&patch, &mut after, resource_type) {
        Ok(changed) => {
            assert_eq!(changed, after != before);
            Ok((Value::Object(after), changed))
        }
        Err(error) => {
            assert_eq!(
                after, before,
                "a failed patch leaves the document unchanged"
            );
            Err(error)
        }
    }
}

/// Applies operations to the user kim; `expected` is null if nothing changes.
#[track_caller]
fn user(given: Value, operations: Value, expected: Value) {
    let with_name = |mut document: Value| {
        let object = document.as_object_mut().unwrap();
        object.entry("userName").or_insert(json!("kim"));
        document
    };
    let (given, expected) = (with_name(given), with_name(expected));
    let schemas = Schemas::new(["shoeSize"]);
    let (after, _) = patched(&given, operations, &schemas.user).unwrap();
    assert_eq!(after, expected);
}

#[track_caller]
fn group(given: Value, operations: Value, expected: Value) {
    let document = |members: Value| match members {
        Value::Null => json!({"displayName": "Climbers"}),
        members => json!({"displayName": "Climbers", "members": members}),
    };
    let schemas = Schemas::new([]);
    let (after, _) = patched(&document(given), operations, &schemas.group).unwrap();
    assert_eq!(after, document(expected));
}

#[track_caller]
fn refused(given: Value, operations: Value, scim_type: ErrorType) -> String {
    let mut given = given;
    given["userName"] = json!("kim");
    let error = patched(&given, operations, &Schemas::new([]).user).unwrap_err();
    assert_eq!(error.scim_type, Some(scim_type), "{error}");
    assert_eq!(error.status, 400);
    error.detail
}

// RFC 7644 §3.5.2.1: add.

#[test]
fn member_is_added_once() {
    let add = json!([{"op": "add", "path": "members", "value": [
        {"value": "u2", "$ref": "../Users/u2", "display": "Lee"}
    ]}]);
    let both = json!([{"value": "u1"}, {"value": "u2", "$ref": "../Users/u2"}]);
    group(json!([{"value": "u1"}]), add.clone(), both.clone());
    group(both.clone(), add, both);
}

#[test]
fn attributes_are_added_without_a_path() {
    user(
        json!({"emails": [{"value": "kim@example.org", "type": "work"}], "title": "Ms."}),
        json!([{"op": "add", "value": {
            "emails": [{"value": "kim@home.example", "type": "home"}],
            "nickName": "K", "title": "Dr."
        }}]),
        json!({
            "emails": [
                {"value": "kim@example.org", "type": "work"},
                {"value": "kim@home.example", "type": "home"}
            ],
            "nickName": "K", "title": "Dr."
        }),
    );
}

#[test]
fn adding_to_an_object_keeps_its_other_parts() {
    let name = json!({"name": {"givenName": "Kim", "familyName": "Doe"}});
    for operation in [
        json!({"op": "add", "path": "name", "value": {"familyName": "Roe"}}),
        json!({"op": "replace", "path": "name", "value": {"familyName": "Roe"}}),
        json!({"op": "add", "path": "name.familyName", "value": "Roe"}),
    ] {
        let expected = json!({"name": {"givenName": "Kim", "familyName": "Roe"}});
        user(name.clone(), json!([operation]), expected);
    }
    let whole = json!([{"op": "add", "path": "name.givenName", "value": "Kim"}]);
    user(json!({}), whole, json!({"name": {"givenName": "Kim"}}));
}

#[test]
fn existing_values_are_no_change() {
    let given = json!({
        "userName": "kim", "active": true, "name": {"givenName": "Kim"},
        "emails": [{"value": "kim@example.org", "type": "work", "primary": true}],
        ENTERPRISE: {"manager": {"value": "u9", "$ref": "../Users/u9"}}
    });
    let schemas = Schemas::new([]);
    for operation in [
        json!({"op": "add", "path": "emails", "value": [{"value": "KIM@example.org", "type": "work"}]}),
        json!({"op": "add", "path": "emails", "value": "kim@example.org"}),
        json!({"op": "add", "value": {"name": {"givenName": "Kim"}, "title": null}}),
        json!({"op": "replace", "path": "active", "value": "True"}),
        json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "kim@example.org"}),
        json!({"op": "add", "path": "emails[primary eq true].primary", "value": true}),
        json!({"op": "replace", "path": "name", "value": {}}),
        json!({"op": "replace", "path": "name", "value": {"shoeSize": 43}}),
        json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": "u9"}),
        json!({"op": "remove", "path": "title"}),
        json!({"op": "remove", "path": "emails[type eq \"home\"]"}),
        json!({"op": "remove", "path": "emails[type eq \"home\"].display"}),
        json!({"op": "remove", "path": "name.familyName"}),
        json!({"op": "remove", "path": "phoneNumbers", "value": ["1"]}),
        json!({"op": "remove", "path": CUSTOM}),
        json!({"op": "replace", "path": "schemas", "value": [USER]}),
    ] {
        let (after, changed) = patched(&given, json!([operation]), &schemas.user).unwrap();
        assert_eq!(after, given, "{operation}");
        assert!(!changed);
    }
    let there_and_back = json!([
        {"op": "add", "path": "title", "value": "Dr."},
        {"op": "remove", "path": "title"}
    ]);
    let (_, changed) = patched(&given, there_and_back, &schemas.user).unwrap();
    assert!(!changed);
}

// RFC 7644 §3.5.2.2: remove.

#[test]
fn members_are_removed_single_or_all() {
    let two = json!([{"value": "u1", "type": "User"}, {"value": "g1", "type": "Group"}]);
    let one = json!([{"value": "u1", "type": "User"}]);
    for operation in [
        json!({"op": "remove", "path": "members[value eq \"g1\"]"}),
        json!({"op": "remove", "path": "members[type eq \"group\"]"}),
        json!({"op": "remove", "path": "members[type eq \"Group\" and value ne \"u1\"]"}),
        json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "g1"}]}),
        json!({"op": "remove", "path": "members", "value": ["g1", "g2"]}),
    ] {
        group(two.clone(), json!([operation]), one.clone());
    }
    for operation in [
        json!({"op": "remove", "path": "members"}),
        json!({"op": "replace", "path": "members", "value": []}),
        json!({"op": "remove", "path": "members[value pr]"}),
    ] {
        group(two.clone(), json!([operation]), json!(null));
    }
    let nothing = json!([{"op": "remove", "path": "members", "value": []}]);
    group(two.clone(), nothing, two.clone());
    // The reader of the document drops the empty reference and keeps the other members.
    let mut more = two.clone();
    more.as_array_mut().unwrap().push(json!({"value": ""}));
    for operation in [
        json!({"op": "replace", "path": "members", "value": [{"display": "Lee"}]}),
        json!({"op": "replace", "value": {"members": [{"display": "Lee"}, {}]}}),
    ] {
        group(two.clone(), json!([operation]), more.clone());
    }
}

#[test]
fn selected_elements_or_their_parts_are_removed() {
    let emails = json!({"emails": [
        {"value": "kim@example.org", "type": "work", "display": "Kim"},
        {"value": "kim@example.com", "type": "work", "display": "Kim"},
        {"value": "kim@example.org", "type": "home"}
    ]});
    let filter = "emails[type eq \"work\" and value ew \"example.org\"]";
    user(
        emails.clone(),
        json!([{"op": "remove", "path": filter}]),
        json!({"emails": [
            {"value": "kim@example.com", "type": "work", "display": "Kim"},
            {"value": "kim@example.org", "type": "home"}
        ]}),
    );
    user(
        emails.clone(),
        json!([{"op": "remove", "path": format!("{filter}.display")}]),
        json!({"emails": [
            {"value": "kim@example.org", "type": "work"},
            {"value": "kim@example.com", "type": "work", "display": "Kim"},
            {"value": "kim@example.org", "type": "home"}
        ]}),
    );
    let all = json!([{"op": "remove", "path": "emails[value co \"@\"]"}]);
    user(emails, all, json!({}));
    user(
        json!({"roles": [{"value": "admin"}]}),
        json!([{"op": "remove", "path": "roles.value"}]),
        json!({}),
    );
}

#[test]
fn empty_objects_and_extensions_are_removed() {
    let given = json!({"name": {"givenName": "Kim"}, ENTERPRISE: {"department": "IT"}});
    user(
        given.clone(),
        json!([
            {"op": "remove", "path": "name.givenName"},
            {"op": "remove", "path": format!("{ENTERPRISE}:department")}
        ]),
        json!({}),
    );
    for operation in [
        json!({"op": "remove", "path": ENTERPRISE}),
        json!({"op": "replace", "path": ENTERPRISE, "value": null}),
    ] {
        let expected = json!({"name": {"givenName": "Kim"}});
        user(given.clone(), json!([operation]), expected);
    }
}

// RFC 7644 §3.5.2.3: replace.

#[test]
fn all_elements_are_replaced() {
    group(
        json!([{"value": "u1"}, {"value": "u2"}]),
        json!([{"op": "replace", "path": "members", "value": [{"value": "u3"}, {"value": "u3"}]}]),
        json!([{"value": "u3"}]),
    );
}

#[test]
fn matching_elements_are_replaced_completely_or_in_part() {
    let given = json!({"addresses": [
        {"type": "work", "streetAddress": "Main Street 1", "locality": "Bern", "primary": true},
        {"type": "home", "locality": "Basel"}
    ]});
    user(
        given.clone(),
        json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": {
            "locality": "Chur", "postalCode": "7000"
        }}]),
        json!({"addresses": [
            {"type": "work", "locality": "Chur", "postalCode": "7000"},
            {"type": "home", "locality": "Basel"}
        ]}),
    );
    user(
        given.clone(),
        json!([{"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "Lane 2"}]),
        json!({"addresses": [
            {"type": "work", "streetAddress": "Lane 2", "locality": "Bern", "primary": true},
            {"type": "home", "locality": "Basel"}
        ]}),
    );
    user(
        given,
        json!([{"op": "add", "path": "addresses[type eq \"home\"]", "value": [{"country": "CH"}]}]),
        json!({"addresses": [
            {"type": "work", "streetAddress": "Main Street 1", "locality": "Bern", "primary": true},
            {"type": "home", "locality": "Basel", "country": "CH"}
        ]}),
    );
}

#[test]
fn null_removes() {
    user(
        json!({"title": "Dr.", "name": {"givenName": "Kim", "familyName": "Doe"}, "roles": [{"value": "a"}]}),
        json!([{"op": "replace", "value": {
            "title": null, "roles": null, "name": {"GivenName": null, "middleName": "J"}
        }}]),
        json!({"name": {"familyName": "Doe", "middleName": "J"}}),
    );
}

#[test]
fn filter_without_a_match_is_no_target_unless_it_describes_an_element() {
    let work = json!({"emails": [{"value": "kim@example.org", "type": "work"}]});
    for path in [
        "emails[type sw \"h\"].value",
        "emails[type eq \"home\" or type eq \"other\"].value",
        "emails[not (type eq \"work\")]",
        "emails[type eq \"home\" and type eq \"other\"].value",
        "emails[type eq \"home\"].type",
    ] {
        for op in ["add", "replace"] {
            let operations = json!([{"op": op, "path": path, "value": "kim@home.example"}]);
            let detail = refused(work.clone(), operations, ErrorType::NoTarget);
            assert!(
                detail.starts_with("Operations[0]: No element of emails"),
                "{detail}"
            );
        }
    }
}

#[test]
fn element_selected_by_value_must_exist_to_be_replaced() {
    let work = json!({"emails": [{"value": "kim@example.org", "type": "work"}]});
    let path = "emails[value eq \"absent@example.org\"].type";
    let replace = json!([{"op": "replace", "path": path, "value": "home"}]);
    let detail = refused(work.clone(), replace, ErrorType::NoTarget);
    assert!(detail.contains("Add the element first."), "{detail}");
    user(
        work,
        json!([{"op": "add", "path": path, "value": "home"}]),
        json!({"emails": [
            {"value": "kim@example.org", "type": "work"},
            {"value": "absent@example.org", "type": "home"}
        ]}),
    );
}

#[test]
fn new_primary_element_replaces_the_old_one() {
    let given = json!({"emails": [
        {"value": "a@example.org", "type": "work", "primary": true},
        {"value": "b@example.org", "type": "home"}
    ]});
    let expected = json!({"emails": [
        {"value": "a@example.org", "type": "work", "primary": false},
        {"value": "b@example.org", "type": "home", "primary": true}
    ]});
    for operation in [
        json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
        json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"primary": true}}),
        json!({"op": "add", "path": "emails", "value": {"value": "b@example.org", "primary": true}}),
        json!({"op": "replace", "path": "emails[type eq \"home\"]", "value": {
            "value": "b@example.org", "primary": true
        }}),
    ] {
        user(given.clone(), json!([operation]), expected.clone());
    }
    let both = json!([{"op": "replace", "path": "emails.primary", "value": true}]);
    refused(given, both, ErrorType::InvalidValue);
}

#[test]
fn all_operations_are_applied_or_none() {
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Dr."},
        {"op": "replace", "path": "emails[type sw \"w\"].value", "value": "x"}
    ]);
    let detail = refused(json!({"title": "Ms."}), operations, ErrorType::NoTarget);
    assert!(detail.starts_with("Operations[1]: "), "{detail}");
    let empty = json!([{"op": "replace", "path": "userName", "value": ""}]);
    refused(json!({}), empty, ErrorType::InvalidValue);
}

#[test]
fn value_of_a_member_cannot_be_changed() {
    let schemas = Schemas::new([]);
    let given = json!({"displayName": "a", "members": [{"value": "u1", "type": "User"}]});
    let replace = |value: Value| {
        let path = "members[value eq \"u1\"]";
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        patched(&given, operations, &schemas.group)
    };
    let refused = replace(json!({"value": "u2", "type": "User"})).unwrap_err();
    assert_eq!(refused.scim_type, Some(ErrorType::Mutability));
    let (_, changed) = replace(json!({"value": "u1", "type": "User"})).unwrap();
    assert!(!changed);
}

// Messages of clients.

#[test]
fn entra_id_creates_elements_by_replacing_their_parts() {
    user(
        json!({"emails": [{"value": "a@example.org", "type": "home", "primary": true}]}),
        json!([
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@example.org"},
            {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+41 31 000 00 00"},
            {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Bern"},
            {"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "CH"},
            {"op": "Replace", "path": "roles[primary eq true and type eq \"app\"].value", "value": "admin"}
        ]),
        json!({
            "emails": [
                {"value": "a@example.org", "type": "home", "primary": true},
                {"value": "b@example.org", "type": "work"}
            ],
            "phoneNumbers": [{"value": "+41 31 000 00 00", "type": "mobile"}],
            "addresses": [{"type": "work", "locality": "Bern", "country": "CH"}],
            "roles": [{"value": "admin", "type": "app", "primary": true}]
        }),
    );
}

#[test]
fn entra_id_writes_paths_as_names_and_booleans_as_words() {
    user(
        json!({"active": true, "name": {"givenName": "Kim"}}),
        json!([{"op": "Replace", "value": {
            "active": "False",
            "name.familyName": "Doe",
            "emails[type eq \"work\"].value": "kim@example.org",
            format!("{ENTERPRISE}:department"): "IT",
            format!("{USER}:title"): "Dr.",
            format!("{CUSTOM}:shoeSize"): "43"
        }}]),
        json!({
            "active": false, "title": "Dr.",
            "name": {"givenName": "Kim", "familyName": "Doe"},
            "emails": [{"value": "kim@example.org", "type": "work"}],
            ENTERPRISE: {"department": "IT"}, CUSTOM: {"shoeSize": "43"}
        }),
    );
}

#[test]
fn manager_is_an_id_or_an_object_and_loses_an_outdated_ref() {
    let path = format!("{ENTERPRISE}:manager");
    for (path, value) in [
        (path.clone(), json!("u2")),
        (path.clone(), json!({"value": "u2", "displayName": "Lee"})),
        (format!("{path}.value"), json!("u2")),
        (ENTERPRISE.to_owned(), json!({"manager": "u2"})),
        (ENTERPRISE.to_owned(), json!({"manager.value": "u2"})),
    ] {
        user(
            json!({ENTERPRISE: {"manager": {"value": "u1", "$ref": "../Users/u1"}}}),
            json!([{"op": "Replace", "path": path, "value": value}]),
            json!({ENTERPRISE: {"manager": {"value": "u2"}}}),
        );
    }
    user(
        json!({ENTERPRISE: {"manager": {"value": "u1"}, "division": "D"}}),
        json!([{"op": "Remove", "path": path}]),
        json!({ENTERPRISE: {"division": "D"}}),
    );
}

#[test]
fn extension_is_changed_by_its_urn() {
    for operation in [
        json!({"op": "add", "value": {ENTERPRISE: {"DEPARTMENT": "IT"}}}),
        json!({"op": "replace", "path": ENTERPRISE, "value": {"department": "IT", "desk": 7}}),
    ] {
        user(
            json!({ENTERPRISE: {"division": "D", "department": "HR"}}),
            json!([operation]),
            json!({ENTERPRISE: {"division": "D", "department": "IT"}}),
        );
    }
}

#[test]
fn id_in_a_value_from_okta_is_ignored() {
    let schemas = Schemas::new([]);
    let given = json!({"displayName": "Climbers", "members": [{"value": "u1"}]});
    let operations = json!([{"op": "replace", "value": {"id": "g1", "displayName": "Runners"}}]);
    let (after, changed) = patched(&given, operations, &schemas.group).unwrap();
    assert!(changed);
    assert_eq!(after["displayName"], "Runners");
    user(
        json!({"active": true}),
        json!([{"op": "replace", "value": {"active": false}}]),
        json!({"active": false}),
    );
}

#[test]
fn new_password_is_in_the_document_for_the_caller_to_remove() {
    user(
        json!({}),
        json!([{"op": "replace", "path": "password", "value": "Secret-1"}]),
        json!({"password": "Secret-1"}),
    );
}

// Hostile and random messages.

#[test]
fn work_of_a_message_is_limited() {
    let roles: Vec<_> = (0..30_000)
        .map(|n| json!({"value": format!("r{n}")}))
        .collect();
    let given = json!({"userName": "kim", "roles": roles});
    let filter = vec!["value eq \"x\""; 300].join(" or ");
    let operation = json!({"op": "remove", "path": format!("roles[{filter}]")});
    let schemas = Schemas::new([]);
    let error = patched(&given, json!(vec![operation; 900]), &schemas.user).unwrap_err();
    assert_eq!(error.status, 413);
    assert_eq!(
        error.detail,
        "Operations[0]: roles has 30000 elements, too many for this number of operations in one message. \
         Send fewer operations, or several messages."
    );
    let brackets = format!("emails[{}", "(".repeat(100_000));
    for path in [brackets, "a.".repeat(50_000), "urn:".repeat(50_000)] {
        let operation = json!({"op": "add", "path": path, "value": "x"});
        let error = patched(&given, json!([operation]), &schemas.user).unwrap_err();
        assert_eq!(error.scim_type, Some(ErrorType::InvalidPath));
        assert!(error.detail.len() < 400, "{}", error.detail);
    }
}

/// A reproducible pseudorandom generator (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn one<'o, T>(&mut self, of: &'o [T]) -> &'o T {
        &of[self.below(of.len())]
    }

    fn path(&mut self, attributes: &[&str]) -> String {
        let subs = [
            "value",
            "type",
            "primary",
            "display",
            "$ref",
            "givenName",
            "locality",
        ];
        let mut path = (*self.one(attributes)).to_owned();
        if self.below(3) == 0 {
            let filters = [
                "type eq \"work\"",
                "value eq \"u1\"",
                "primary eq true",
                "type eq \"home\" and primary eq false",
                "value co \"u\"",
                "not (type pr)",
                "type eq \"work\" or value eq \"U2\"",
                "display eq \"d\"",
            ];
            path = format!("{path}[{}]", self.one(&filters));
        }
        if self.below(3) == 0 {
            path = format!("{path}.{}", self.one(&subs));
        }
        path
    }

    fn value(&mut self, depth: usize, attributes: &[&str]) -> Value {
        let below = match depth {
            0 => 10,
            _ => 14,
        };
        match self.below(below) {
            0 => json!(null),
            1 => json!(true),
            2 => json!("False"),
            3 => json!(7),
            4 => json!(""),
            5..=9 => json!(*self.one(&["u1", "U1", "u2", "work", "home", "Zg=="])),
            10 | 11 => (0..self.below(4))
                .map(|_| self.value(depth - 1, attributes))
                .collect(),
            _ => {
                let names = [
                    "value",
                    "type",
                    "primary",
                    "display",
                    "$ref",
                    "givenName",
                    "x",
                ];
                let object = (0..self.below(4)).map(|_| {
                    let name = match self.below(4) {
                        0 => self.path(attributes),
                        _ => (*self.one(&names)).to_owned(),
                    };
                    (name, self.value(depth - 1, attributes))
                });
                Value::Object(object.collect())
            }
        }
    }
}

fn members_of(document: &Value) -> BTreeSet<String> {
    let members = document["members"].as_array();
    ids_of(members.map(Vec::as_slice).unwrap_or_default())
}

fn ids_of(members: &[Value]) -> BTreeSet<String> {
    let id = |member: &Value| member["value"].as_str().map(str::to_owned);
    members.iter().filter_map(id).collect()
}

/// The members after a message that only changes members.
fn members_by_their_changes(
    document: &Value,
    operations: &Value,
    resource_type: &ResourceType,
) -> Option<BTreeSet<String>> {
    let message = json!({"schemas": [PATCH_OP], "Operations": operations});
    let patch = parse_patch(message, resource_type, Leniency::default()).unwrap();
    let mut members = members_of(document);
    for change in member_changes(&patch)? {
        match change {
            MemberChange::Add(come) => members.extend(ids_of(&come)),
            MemberChange::Remove(ids) => members.retain(|id| !ids.contains(id)),
            MemberChange::ReplaceAll(come) => members = ids_of(&come),
        }
    }
    Some(members)
}

#[test]
fn every_patch_leaves_a_canonical_document() {
    let schemas = Schemas::new(["shoeSize"]);
    let manager = format!("{ENTERPRISE}:manager");
    let user_paths = [
        "userName",
        "title",
        "active",
        "name",
        "emails",
        "roles",
        "addresses",
        "x509Certificates",
        "photos",
        "password",
        "groups",
        "id",
        "schemas",
        ENTERPRISE,
        &manager,
        CUSTOM,
        "nosuch",
        "urn:zuora:scim:schemas:1.0:UserExtension:schemas",
    ];
    let group_paths = [
        "displayName",
        "members",
        "members",
        "members",
        "externalId",
        "meta",
    ];
    let start_user = json!({"userName": "kim", "emails": [{"value": "u1", "type": "work"}]});
    let start_group = json!({"displayName": "a", "members": [{"value": "u1", "type": "User"}]});
    let lenient = Leniency {
        schemas_required: false,
    };
    let mut random = Random(20_260_729);
    let (mut applied, mut changes, mut told_apart) = (0, 0, 0);
    for (resource_type, paths, start) in [
        (&schemas.user, &user_paths[..], start_user),
        (&schemas.group, &group_paths[..], start_group),
    ] {
        let mut document = start.clone();
        for round in 0..20_000 {
            if round % 50 == 0 {
                document = start.clone();
            }
            let operations: Value = (0..=random.below(2))
                .map(|_| {
                    let op = *random.one(&["add", "Add", "replace", "remove"]);
                    let mut operation = json!({ "op": op });
                    if random.below(4) > 0 {
                        operation["path"] = json!(random.path(paths));
                    }
                    if op != "remove" || random.below(4) == 0 {
                        operation["value"] = random.value(3, paths);
                    }
                    operation
                })
                .collect();
            let Ok((after, changed)) = patched(&document, operations.clone(), resource_type) else {
                continue;
            };
            if let Some(members) = members_by_their_changes(&document, &operations, resource_type) {
                assert_eq!(members, members_of(&after), "{document} {operations}");
                told_apart += 1;
            }
            let again = check_document(after.clone(), resource_type, lenient);
            assert_eq!(
                again.map(Value::Object),
                Ok(after.clone()),
                "{document} {operations}"
            );
            document = after;
            applied += 1;
            changes += usize::from(changed);
        }
    }
    let counts = [applied, changes, told_apart];
    assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
}

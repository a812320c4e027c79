//! Users that are locked, disabled or without a password, over every channel; and claims under the names of other
//! dialects.

use serde_json::{Value, json};

use crate::app::{TestApp, inline};
use crate::process::Home;
use crate::scim::{CUSTOM, ask, document, id, make, patch, user};

const PASSWORD: &str = "Spring-Meadow-42";

/// The output of `check-password`, and its exit code.
fn check(home: &Home, name: &str, password: &str) -> (String, Option<i32>) {
    let done = home.run_with_input(&["users", "check-password", name], password);
    (done.out.trim_end().to_owned(), done.code)
}

fn locked() -> (String, Option<i32>) {
    ("locked".to_owned(), Some(4))
}

fn right() -> (String, Option<i32>) {
    ("right".to_owned(), Some(0))
}

#[test]
fn user_locked_or_disabled_by_a_file_is_locked_whatever_the_password() {
    let home = Home::new();
    home.write(
        "headed.csv",
        &format!(
            "username,password,accountLocked,Disabled,active\n\
             ann,{PASSWORD},true,,\nbob,{PASSWORD},,Yes,\ncid,{PASSWORD},0,no,ON\ndan,{PASSWORD},,,No\n\
             eve,{PASSWORD},,,\n"
        ),
    );
    home.run(&["import", "headed.csv"]).ended(0);
    home.write(
        "original.csv",
        &format!(
            "UserName,Password,Claims\n\
             fay,{PASSWORD},http://wso2.org/claims/identity/accountLocked=TRUE\n\
             gil,{PASSWORD},http://wso2.org/claims/identity/accountDisabled=1\n\
             hal,{PASSWORD},http://wso2.org/claims/identity/accountLocked=off\n"
        ),
    );
    home.run(&["import", "original.csv"]).ended(0);
    for name in ["ann", "bob", "dan", "fay", "gil"] {
        assert_eq!(check(&home, name, PASSWORD), locked(), "{name}");
        assert_eq!(check(&home, name, "Wrong-Meadow-42"), locked(), "{name}");
    }
    for name in ["cid", "eve", "hal"] {
        assert_eq!(check(&home, name, PASSWORD), right(), "{name}");
    }
    home.write(
        "unlock.csv",
        "username,locked,disabled\nann,false,\nbob,,\\N\n",
    );
    let update = ["import", "unlock.csv", "--conflict", "update"];
    home.run(&update).ended(0);
    assert_eq!(check(&home, "ann", PASSWORD), right());
    assert_eq!(check(&home, "bob", PASSWORD), right());
}

#[test]
fn invalid_boolean_fails_the_row_and_is_not_quoted() {
    let server = TestApp::start();
    let file = "username,password,accountLocked,accountDisabled\n\
                ann,,maybe-Secret-1,\nbob,,,2\ncid,,yes,\n";
    let response = server.post("text/xml", inline(file).as_bytes());
    assert!(
        !response.body.contains("maybe-Secret-1"),
        "{}",
        response.body
    );
    assert_eq!(server.user_names(), ["cid"]);
    assert_eq!(
        server.findings(),
        [
            (2, "accountLocked".into(), "truth-word".into()),
            (3, "accountDisabled".into(), "truth-word".into()),
        ]
    );
}

#[test]
fn scim_reads_and_sets_the_account_state_of_files() {
    let server = TestApp::start();
    let file = "username,accountLocked,accountDisabled,title\n\
                ann,true,,a\nbob,,true,b\ncid,false,,c\n";
    server.post("text/xml", inline(file).as_bytes());
    let list = |filter: &str| {
        let search = json!({"schemas": [crate::scim::SEARCH], "filter": filter});
        let answer = document(&ask(&server, "POST", "/scim/v2/Users/.search", &search));
        answer["Resources"].as_array().cloned().unwrap_or_default()
    };
    let of = |name: &str| list(&format!("userName eq \"{name}\"")).remove(0);
    let names = |filter: &str| -> Vec<Value> {
        list(filter)
            .iter()
            .map(|it| it["userName"].clone())
            .collect()
    };
    assert_eq!(names("active eq false"), ["ann", "bob"]);
    assert_eq!(names("active eq true"), ["cid"]);
    let patched = |name: &str, operation: Value| {
        let path = format!("/scim/v2/Users/{}", id(&of(name)));
        let response = ask(&server, "PATCH", &path, &patch(json!([operation])));
        assert!(matches!(response.status, 200 | 204), "{}", response.body);
        of(name)
    };
    let set = |path: &str, value: Value| json!({"op": "replace", "path": path, "value": value});

    // Another change keeps the lock and adds nothing else.
    let ann = patched("ann", set("title", json!("x")));
    assert_eq!(
        (&ann["active"], &ann[CUSTOM]["accountLocked"]),
        (&json!(false), &json!("true"))
    );
    let ann = patched(
        "ann",
        set(&format!("{CUSTOM}:accountLocked"), json!("false")),
    );
    assert_eq!(ann["active"], true);

    // Activating the user removes the lock.
    let bob = patched("bob", set("active", json!(true)));
    assert_eq!(
        (&bob["active"], &bob[CUSTOM]["accountDisabled"]),
        (&json!(true), &json!("false"))
    );
    let cid = patched("cid", set("active", json!(false)));
    assert_eq!(cid["active"], false);
    let cid = server.app.store.user("default", "PRIMARY", "cid");
    let cid = cid.expect("the store works").expect("the user");
    assert!(muster::users::account_state::is_locked(&cid.attributes));

    let made = make(
        &server,
        "/scim/v2/Users",
        &user("dan", json!({CUSTOM: {"accountLocked": "YES"}})),
    );
    assert_eq!(
        (&made["active"], &made[CUSTOM]["accountLocked"]),
        (&json!(false), &json!("true"))
    );
    let bad = user("eve", json!({CUSTOM: {"accountDisabled": "maybe"}}));
    assert_eq!(ask(&server, "POST", "/scim/v2/Users", &bad).status, 400);
}

#[test]
fn replacement_with_only_active_false_keeps_a_user_locked() {
    let server = TestApp::start();
    server.post("text/xml", inline("username,locked\nann,true\n").as_bytes());
    let ann = server.users().remove(0);
    let path = format!("/scim/v2/Users/{}", ann.id);
    let put = ask(
        &server,
        "PUT",
        &path,
        &user("ann", json!({"active": false})),
    );
    assert_eq!(document(&put)["active"], false);
    let ann = server.users().remove(0);
    assert!(muster::users::account_state::is_locked(&ann.attributes));
}

#[test]
fn user_with_ask_password_has_no_password_until_one_is_set() {
    let home = Home::new();
    home.write(
        "users.csv",
        "UserName,Password,Claims\n\
         ann,,http://wso2.org/claims/identity/askPassword=true\n\
         bob,Some-Dummy-1234,http://wso2.org/claims/identity/askPassword=true\n\
         cid,,http://wso2.org/claims/identity/askPassword=false\n",
    );
    let import = ["import", "users.csv", "--json"];
    let report = home.run(&import).ended(2).json();
    assert_eq!(
        (&report["created"], &report["failed"]),
        (&json!(2), &json!(1))
    );
    let import = ["import", "users.csv", "--default-password-stdin", "--json"];
    let report = home
        .run_with_input(&import, "Initial-Pass-1")
        .ended(2)
        .json();
    assert_eq!(
        (&report["created"], &report["duplicate"]),
        (&json!(1), &json!(2))
    );
    for password in ["", "Initial-Pass-1", "true"] {
        assert_eq!(check(&home, "ann", password), ("wrong".to_owned(), Some(1)));
    }
    assert_eq!(check(&home, "bob", "Some-Dummy-1234"), right());
    assert_eq!(check(&home, "cid", "Initial-Pass-1"), right());
    let users = home.run(&["users", "list", "--json"]).ended(0).json_lines();
    let state: Vec<_> = users
        .iter()
        .map(|it| (it["hasPassword"].clone(), it["mustChangePassword"].clone()))
        .collect();
    let expected = [(false, false), (true, true), (true, true)];
    assert_eq!(state, expected.map(|(has, must)| (json!(has), json!(must))));
    let shown = home.run(&["users", "list"]).ended(0).out;
    assert!(
        shown
            .lines()
            .any(|line| line.contains("ann") && line.contains("none")),
        "{shown}"
    );
    let initial = home.run(&["users", "initial-passwords"]).ended(0).out;
    assert!(!initial.contains("ann"), "{initial}");

    home.write("later.csv", &format!("username,password\nann,{PASSWORD}\n"));
    home.run(&["import", "later.csv", "--conflict", "update"])
        .ended(0);
    assert_eq!(check(&home, "ann", PASSWORD), right());
}

#[test]
fn account_state_survives_an_export() {
    let home = Home::new();
    home.write(
        "users.csv",
        &format!(
            "username,password,locked,disabled,askPassword,active\n\
             ann,{PASSWORD},Yes,,,\nbob,{PASSWORD},,1,,\ncid,,,,true,\ndan,{PASSWORD},no,0,,off\n"
        ),
    );
    home.run(&["import", "users.csv"]).ended(0);
    let file = home.run(&["users", "export"]).ended(0).out;
    home.write("export.csv", &file);
    let update = ["import", "export.csv", "--conflict", "update", "--json"];
    let report = home.run(&update).ended(0).json();
    assert_eq!(report["unchanged"], 4, "{report}");
    let other = Home::new();
    other.write("export.csv", &file);
    let import = ["import", "export.csv", "--default-password-stdin"];
    other.run_with_input(&import, "Initial-Pass-1").ended(0);
    assert_eq!(other.run(&["users", "export"]).ended(0).out, file);
    for name in ["ann", "bob", "dan"] {
        assert_eq!(check(&other, name, "Initial-Pass-1"), locked(), "{name}");
    }
    assert_eq!(check(&other, "cid", "Initial-Pass-1").0, "wrong");
}

#[test]
fn claims_of_other_dialects_are_accepted_and_server_claims_ignored() {
    let server = TestApp::start();
    let file = "UserName,Password,Claims\n\
        ann,,http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname=Ann,\
        http://axschema.org/namePerson/last=Lee,urn:scim:schemas:core:1.0:phoneNumbers.mobile=123,\
        http://wso2.org/claims/userid=7,http://wso2.org/claims/created=2020\n\
        bob,,http://wso2.org/claims/userid=8,urn:scim:schemas:core:1.0:meta.lastModified=2020,\
        http://wso2.org/claims/resourceType=User\n";
    let response = server.post("text/xml", inline(file).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    let users = server.users();
    let ann = &users[0];
    assert_eq!(ann.given_name.as_deref(), Some("Ann"));
    assert_eq!(ann.family_name.as_deref(), Some("Lee"));
    assert_eq!(
        Value::from(ann.attributes.clone()),
        json!({"mobile": "123"})
    );
    assert!(users[1].attributes.is_empty());
    let lines: Vec<_> = server
        .findings()
        .into_iter()
        .map(|it| (it.0, it.2))
        .collect();
    let warning = |line| (line, "claim-set-by-server".to_owned());
    assert_eq!(lines, [warning(2), warning(2), warning(3), warning(3)]);
}

#[test]
fn server_claims_stored_by_an_earlier_version_stay_readable() {
    let server = TestApp::start();
    let body = user("ann", json!({CUSTOM: {"created": "2020"}}));
    let made = make(&server, "/scim/v2/Users", &body);
    let path = format!("/scim/v2/Users/{}", id(&made));
    assert_eq!(crate::scim::get(&server, &path)[CUSTOM]["created"], "2020");
    let again = user("ann", json!({CUSTOM: {"created": "2020"}, "title": "x"}));
    assert_eq!(ask(&server, "PUT", &path, &again).status, 200);
}

//! Who may set the password of an existing user: one rule for every channel and operation that can carry a
//! password, every role, and both values of `[access] importers_set_passwords`.

use muster::import::request::ImportRequest;
use muster::passwords::rules::Fitness;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::candidate::{CheckedPassword, CheckedUser};
use muster::users::import_record::{Counters, ImportState};
use muster::users::operator::Role;
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::password_right::PasswordRight;
use muster::users::step::{ImportStep, Outcome};
use serde_json::{Value, json};

use crate::app::{ADMIN_PASSWORD, Response, TestApp, basic};
use crate::jobs::{folder, new_app, ran, record, request};
use crate::message::{FORM, base64, form};
use crate::process::Home;
use crate::scim::{bulk, id, make, patch, send, user};
use crate::stores::{
    DOMAIN, ORGANIZATION, TestStore, batch_of, checked, every_store, first, new_import, write,
};

const OLD: &str = "Winter-Harbour-7";
const NEW: &str = "Summer-Meadow-42";

/// A hash of [`NEW`] from another system (`{SSHA}`), which is stored unchanged.
const HASH: &str = "{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk";

/// The effect of a call on one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The password is set.
    Set,
    /// The row's other cells are applied, and the row has the problem `password-not-allowed`.
    OthersApplied,
    /// The operation is refused with the code or status of a missing right, and nothing is changed.
    Refused,
}

/// How a call can carry a password for an existing user.
#[derive(Debug, Clone, Copy)]
enum Way {
    RestBody,
    RestForm,
    RestQueued,
    RestChecked,
    SoapUserImport,
    SoapChangePassword,
    ScimPut(&'static str),
    ScimPatch(&'static str),
    ScimBulkPut(&'static str),
    ScimBulkPatch(&'static str),
    ScimQueued,
    Zuora,
}

const WAYS: [Way; 16] = [
    Way::RestBody,
    Way::RestForm,
    Way::RestQueued,
    Way::RestChecked,
    Way::SoapUserImport,
    Way::SoapChangePassword,
    Way::ScimPut("/scim/v2"),
    Way::ScimPut("/scim2"),
    Way::ScimPatch("/scim/v2"),
    Way::ScimPatch("/scim2"),
    Way::ScimBulkPut("/scim/v2"),
    Way::ScimBulkPut("/scim2"),
    Way::ScimBulkPatch("/scim/v2"),
    Way::ScimBulkPatch("/scim2"),
    Way::ScimQueued,
    Way::Zuora,
];

impl Way {
    /// Whether the call imports a file.
    fn is_file(self) -> bool {
        matches!(
            self,
            Way::RestBody
                | Way::RestForm
                | Way::RestQueued
                | Way::RestChecked
                | Way::SoapUserImport
        )
    }
}

fn expected(way: Way, role: Role, importers: bool, of_admin: bool) -> Effect {
    let may = match role {
        Role::Admin => true,
        Role::Import => importers && !of_admin,
        Role::Read => false,
    };
    match (may, role) {
        (true, _) => Effect::Set,
        (false, Role::Import) if way.is_file() => Effect::OthersApplied,
        (false, _) => Effect::Refused,
    }
}

/// Creates a user with this name, the password [`OLD`], and the role `admin` or none; returns the id.
fn make_kim(server: &TestApp, name: &str, is_admin: bool) -> String {
    let made = make(
        server,
        "/scim/v2/Users",
        &user(name, json!({"password": OLD})),
    );
    let id = id(&made);
    if is_admin {
        let csv = format!("username,role\n{name},admin\n");
        let csv = csv.as_bytes();
        let path = "/api/v1/imports?conflict=update";
        let done = server.post_as(
            path,
            Some(&basic("admin", ADMIN_PASSWORD)),
            "text/csv",
            &[],
            csv,
        );
        assert_eq!(done.status, 201, "{}", done.body);
    }
    id
}

fn wait_for_end(server: &TestApp) {
    for _ in 0..2_000 {
        let import = server.last_import().expect("there is an import");
        if import.state.is_final() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("the import does not end");
}

/// Tries to set the password and the title of the user `name`.
fn attempt(
    server: &TestApp,
    way: Way,
    who: &str,
    (name, id): (&str, &str),
    password: &str,
) -> Response {
    let caller = basic(who, ADMIN_PASSWORD);
    let csv = format!("username,password,title\n{name},{password},Dr\n");
    let rest = |query: &str, headers: &[&str]| {
        let path = format!("/api/v1/imports?conflict=update{query}");
        server.post_as(&path, Some(&caller), "text/csv", headers, csv.as_bytes())
    };
    let soap = |service: &str, namespace: &str, operation: &str, content: &str| {
        let body = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
             <{operation} xmlns=\"{namespace}\">{content}</{operation}></e:Body></e:Envelope>"
        );
        server.post_as(service, Some(&caller), "text/xml", &[], body.as_bytes())
    };
    let scim = |method: &str, path: &str, headers: &[&str], body: &Value| {
        let credentials = format!("Authorization: {caller}");
        let media_type = "Content-Type: application/scim+json";
        let headers = [&[credentials.as_str(), media_type], headers].concat();
        send(server, method, path, &headers, body.to_string())
    };
    let put = || user(name, json!({"password": password, "title": "Dr"}));
    let patched = || {
        patch(json!([
            {"op": "replace", "path": "title", "value": "Dr"},
            {"op": "replace", "path": "password", "value": password},
        ]))
    };
    let in_bulk = |method: &str, data: Value| {
        bulk(json!([{"method": method, "path": format!("/Users/{id}"), "data": data}]))
    };
    match way {
        Way::RestBody => rest("", &[]),
        Way::RestChecked => rest("&validateFirst=true", &[]),
        Way::RestQueued => {
            let response = rest("", &["Prefer: respond-async"]);
            if response.status == 202 {
                wait_for_end(server);
            }
            response
        }
        Way::RestForm => {
            let fields = [("conflict", "update"), ("file|users.csv", csv.as_str())];
            let body = form(&fields);
            let path = "/api/v1/imports";
            server.post_as(path, Some(&caller), FORM, &[], body.as_bytes())
        }
        Way::SoapUserImport => {
            let content = format!(
                "<file>{}</file><fileName>users.csv</fileName><conflict>update</conflict>",
                base64(&csv)
            );
            let namespace = muster::http::soap::namespace::USER_IMPORT;
            soap("/services/UserImport", namespace, "importUsers", &content)
        }
        Way::SoapChangePassword => {
            let content =
                format!("<userName>{name}</userName><newPassword>{password}</newPassword>");
            let namespace = "http://org.apache.axis2/xsd";
            soap("/services/UserAdmin", namespace, "changePassword", &content)
        }
        Way::ScimPut(mount) => scim("PUT", &format!("{mount}/Users/{id}"), &[], &put()),
        Way::ScimPatch(mount) => scim("PATCH", &format!("{mount}/Users/{id}"), &[], &patched()),
        Way::ScimBulkPut(mount) => scim(
            "POST",
            &format!("{mount}/Bulk"),
            &[],
            &in_bulk("PUT", put()),
        ),
        Way::ScimBulkPatch(mount) => {
            let body = in_bulk("PATCH", patched());
            scim("POST", &format!("{mount}/Bulk"), &[], &body)
        }
        Way::ScimQueued => {
            let body = in_bulk("PATCH", patched());
            let response = scim("POST", "/scim/v2/Bulk", &["Prefer: respond-async"], &body);
            if response.status == 202 {
                wait_for_end(server);
            }
            response
        }
        Way::Zuora => {
            let body = json!([{
                "id": id, "userName": name, "emails": [{"value": "kim@example.com"}],
                "title": "Dr", "password": password,
            }]);
            let credentials = format!("Authorization: {caller}");
            let headers = [credentials.as_str(), "Content-Type: application/json"];
            send(
                server,
                "PATCH",
                crate::zuora::BULK,
                &headers,
                body.to_string(),
            )
        }
    }
}

fn title(server: &TestApp, name: &str) -> Option<Value> {
    let users = server.users();
    let found = users.iter().find(|user| user.user_name == name);
    found.expect("the user").attributes.get("title").cloned()
}

/// The effect of the attempt, from its answer and from the store.
#[track_caller]
fn effect(server: &TestApp, way: Way, name: &str, response: &Response, password: &str) -> Effect {
    let case = format!("{way:?}: {} {}", response.status, response.body);
    assert!(!response.body.contains(password), "{case}");
    if server.has_password(name, password) {
        return Effect::Set;
    }
    assert!(server.has_password(name, OLD), "{case}");
    if way.is_file() && (200..300).contains(&response.status) {
        assert_eq!(title(server, name), Some(json!("Dr")), "{case}");
        let findings = server.last_findings();
        let found: Vec<_> = findings
            .iter()
            .map(|it| (it.line, it.column.as_deref(), it.code.as_ref()))
            .collect();
        assert_eq!(
            found,
            [(2, Some("password"), "password-not-allowed")],
            "{case}"
        );
        let import = server.last_import().expect("an import");
        assert_eq!(import.warnings, 1, "{case}");
        assert_eq!(
            (import.counters.updated, import.counters.failed),
            (1, 0),
            "{case}"
        );
        return Effect::OthersApplied;
    }
    assert_eq!(title(server, name), None, "nothing is applied: {case}");
    let reported = match way {
        Way::ScimBulkPut(_) | Way::ScimBulkPatch(_) => response.body.contains("403"),
        Way::ScimQueued => {
            response.status == 202 && server.last_findings()[0].message.contains("role admin")
                || response.status == 403
        }
        Way::SoapChangePassword | Way::SoapUserImport => response.body.contains("IMP-ACCESS-RIGHT"),
        _ => response.status == 403,
    };
    assert!(reported, "{case}");
    Effect::Refused
}

#[test]
fn one_rule_applies_to_every_channel_operation_and_role() {
    for importers in [false, true] {
        let server = TestApp::start_with(|options| {
            options.app.access.importers_set_passwords = importers;
        });
        server.add_operator("ivy", Role::Import);
        server.add_operator("rita", Role::Read);
        let mut number = 0;
        for way in WAYS {
            for (who, role) in [
                ("admin", Role::Admin),
                ("ivy", Role::Import),
                ("rita", Role::Read),
            ] {
                for of_admin in [false, true] {
                    number += 1;
                    let name = format!("kim{number}");
                    let id = make_kim(&server, &name, of_admin);
                    let response = attempt(&server, way, who, (&name, &id), NEW);
                    let case =
                        format!("{way:?}, {role:?}, importers {importers}, of an admin {of_admin}");
                    let outcome = effect(&server, way, &name, &response, NEW);
                    assert_eq!(outcome, expected(way, role, importers, of_admin), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_token_has_only_the_rights_of_its_role() {
    let server = TestApp::start();
    make_kim(&server, "kim", false);
    let token = server.bearer("admin", Role::Import, None);
    let csv = format!("username,password\nkim,{NEW}\n");
    let path = "/api/v1/imports?conflict=update";
    let response = server.post_as(path, Some(&token), "text/csv", &[], csv.as_bytes());
    assert_eq!(response.status, 201, "{}", response.body);
    assert!(server.has_password("kim", OLD));
    assert_eq!(server.findings()[0].2, "password-not-allowed");
    assert_eq!(server.last_import().unwrap().counters.unchanged, 1);
}

/// The findings of a file with `conflict=update` by an importer.
fn by_importer(server: &TestApp, csv: &str, query: &str) -> Vec<(u64, String, String)> {
    let path = format!("/api/v1/imports?conflict=update{query}");
    let ivy = basic("ivy", ADMIN_PASSWORD);
    let headers = ["Muster-Default-Password: Initial-Pass-1"];
    let response = server.post_as(&path, Some(&ivy), "text/csv", &headers, csv.as_bytes());
    assert!(response.status < 300, "{}", response.body);
    let report: Value = serde_json::from_str(&response.body).expect("a report");
    let findings = report["findings"].as_array().expect("findings").iter();
    findings
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            (it["line"].as_u64().unwrap(), text("column"), text("code"))
        })
        .collect()
}

fn not_allowed(line: u64) -> (u64, String, String) {
    (line, "password".into(), "password-not-allowed".into())
}

#[test]
fn hashes_and_the_current_password_are_refused_in_the_same_way() {
    let server = TestApp::start();
    server.add_operator("ivy", Role::Import);
    make_kim(&server, "kim", false);
    for password in [NEW, OLD, HASH] {
        let csv = format!("username,password\nkim,{password}\n");
        assert_eq!(
            by_importer(&server, &csv, ""),
            [not_allowed(2)],
            "{password}"
        );
        assert_eq!(
            by_importer(&server, &csv, "&dryRun=true"),
            [not_allowed(2)],
            "{password}"
        );
        assert!(server.has_password("kim", OLD));
    }
}

#[test]
fn an_importer_cannot_remove_the_role_admin() {
    let server = TestApp::start_with(|options| {
        options.app.access.importers_set_passwords = true;
    });
    server.add_operator("ivy", Role::Import);
    let admins = |name: &str| {
        let users = server.users();
        let kim = users.iter().find(|user| user.user_name == name);
        kim.expect("the user is there")
            .roles
            .iter()
            .any(|role| role == "admin")
    };
    make_kim(&server, "kim", true);
    // Another role or no role, with a password; the whole row is refused.
    for csv in [
        format!("username,role,title,password\nkim,Internal/everyone,Dr,{NEW}\n"),
        format!("username,role,title,password\nkim,\\N,Dr,{NEW}\n"),
    ] {
        for query in ["&dryRun=true", ""] {
            let found = by_importer(&server, &csv, query);
            assert_eq!(
                found,
                [(2, "roles".to_owned(), "role-not-yours-to-take".to_owned())],
                "{csv} {query}"
            );
            assert!(admins("kim"), "{csv} {query}");
            assert!(server.has_password("kim", OLD), "{csv} {query}");
            assert_eq!(title(&server, "kim"), None, "{csv} {query}");
        }
    }
    // Rows that do not change the roles are applied.
    assert_eq!(by_importer(&server, "username,title\nkim,Dr\n", ""), []);
    assert_eq!(title(&server, "kim"), Some(json!("Dr")));
    let path = "/api/v1/imports?conflict=update";
    let admin = basic("admin", ADMIN_PASSWORD);
    let csv = b"username,role\nkim,\\N\n";
    let done = server.post_as(path, Some(&admin), "text/csv", &[], csv);
    assert_eq!(done.status, 201, "{}", done.body);
    assert!(!admins("kim"), "an administrator may remove it");
}

#[test]
fn new_users_and_rows_without_a_password_are_not_affected() {
    let server = TestApp::start();
    server.add_operator("ivy", Role::Import);
    make_kim(&server, "kim", false);
    // The default password applies only to new users.
    assert_eq!(by_importer(&server, "username,title\nkim,Dr\n", ""), []);
    assert!(server.has_password("kim", OLD));
    let csv = format!("username,password\nlee,{NEW}\nlou,\nlee,{OLD}\n");
    let found = by_importer(&server, &csv, "&dryRun=true");
    assert_eq!(found, [not_allowed(4)], "the user of the second row exists");
    assert_eq!(by_importer(&server, &csv, ""), [not_allowed(4)]);
    assert!(server.has_password("lee", NEW));
    assert!(server.has_password("lou", "Initial-Pass-1"));
    // Without `conflict=update`, a password cell of an existing user is not an attempt to set it.
    let path = "/api/v1/imports?conflict=fill";
    let ivy = basic("ivy", ADMIN_PASSWORD);
    let csv = format!("username,password\nlee,{OLD}\n");
    let response = server.post_as(path, Some(&ivy), "text/csv", &[], csv.as_bytes());
    assert_eq!(response.status, 201);
    assert_eq!(
        (server.findings(), server.has_password("lee", NEW)),
        (vec![], true)
    );
}

#[test]
fn an_import_queued_across_a_restart_has_the_rights_of_its_caller() {
    for (by_admin, setting, is_set) in [
        (true, false, true),
        (false, false, false),
        (false, true, true),
    ] {
        let folder = folder();
        let ask = |app: &muster::app::App, csv: &str, conflict| ImportRequest {
            may_grant_admin: by_admin,
            default_password: None,
            options: ImportOptions {
                conflict,
                ..ImportOptions::default()
            },
            ..request(app, Some(csv))
        };
        let (id, csv) = {
            let app = new_app(&folder, |_| {});
            let first = format!("username,password\nkim,{OLD}\n");
            ran(app
                .jobs
                .run(ask(&app, "first", ConflictPolicy::Skip), first.as_bytes()));
            let csv = format!("username,password\nkim,{NEW}\n");
            let queued = app
                .jobs
                .queue(ask(&app, "second", ConflictPolicy::Update), csv.as_bytes());
            match queued {
                Ok(muster::import::jobs::Ended::Recorded(record)) => (record.id, csv),
                other => panic!("{other:?}"),
            }
        };
        assert!(csv.contains(NEW));
        let app = new_app(&folder, |options| {
            options.app.access.importers_set_passwords = setting;
        });
        let app = std::sync::Arc::new(app);
        app.jobs.begin().expect("the queue starts");
        while !record(&app, id).state.is_final() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let ended = record(&app, id);
        assert_eq!(ended.state, ImportState::Completed);
        let (updated, unchanged, warnings) = match is_set {
            true => (1, 0, 0),
            false => (0, 1, 1),
        };
        let expected = Counters {
            total: 1,
            updated,
            unchanged,
            ..Counters::default()
        };
        assert_eq!(
            (ended.counters, ended.warnings),
            (expected, warnings),
            "{by_admin} {setting}"
        );
        let hash = app
            .store
            .password(DEFAULT_ORGANIZATION, "PRIMARY", "kim")
            .unwrap()
            .unwrap();
        let password = if is_set { NEW } else { OLD };
        let verified = app.pool.verify(password.into(), Some(hash.hash));
        assert!(verified.expect("there is memory"));
    }
}

#[test]
fn the_terminal_acts_as_an_admin() {
    let home = Home::new();
    home.write(
        "first.csv",
        &format!("username,password,role\nkim,{OLD},admin\n"),
    );
    home.run(&["import", "first.csv"]).ended(0);
    home.write("second.csv", &format!("username,password\nkim,{NEW}\n"));
    home.run(&["import", "second.csv", "--conflict", "update"])
        .ended(0);
    let check = |password| home.run_with_input(&["users", "check-password", "kim"], password);
    check(NEW).ended(0);
}

#[test]
fn every_store_enforces_the_rule() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let hash = || {
            let found = store.password(ORGANIZATION, DOMAIN, "kim");
            found.expect("the store works").map(|it| it.hash)
        };
        let own = |title| CheckedUser {
            password: CheckedPassword::Own("x", Fitness::Permanent),
            attributes: vec![("title", title)],
            ..checked(2, "kim")
        };
        write(
            store,
            first(new_import(), batch_of(&[own("Ms")], &["$old$"])),
        );
        for (right, dry_run, title, expected, after) in [
            (
                PasswordRight::None,
                true,
                "Ms",
                Outcome::UnchangedWithoutPassword,
                "$old$",
            ),
            (
                PasswordRight::None,
                true,
                "Dr",
                Outcome::UpdatedWithoutPassword,
                "$old$",
            ),
            (
                PasswordRight::None,
                false,
                "Ms",
                Outcome::UnchangedWithoutPassword,
                "$old$",
            ),
            (
                PasswordRight::None,
                false,
                "Dr",
                Outcome::UpdatedWithoutPassword,
                "$old$",
            ),
            (
                PasswordRight::ExceptAdmins,
                true,
                "Dr",
                Outcome::Updated,
                "$old$",
            ),
            (
                PasswordRight::ExceptAdmins,
                false,
                "Dr",
                Outcome::Updated,
                "$new$",
            ),
        ] {
            let import = new_import();
            let step = ImportStep {
                conflict: ConflictPolicy::Update,
                password_right: right,
                dry_run,
                ..first(import, batch_of(&[own(title)], &["$new$"]))
            };
            let outcomes = write(store, step);
            assert_eq!(outcomes, [expected], "{name}: {right:?} {dry_run} {title}");
            assert_eq!(
                hash().as_deref(),
                Some(after),
                "{name}: {right:?} {dry_run}"
            );
        }
    }
}

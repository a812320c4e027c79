//! An import whose rows were all stored can have warnings: every channel counts them in its response, and the
//! import record lists them.

use muster::http::soap::namespace::USER_IMPORT;
use muster::users::problem::Severity;
use serde_json::Value;

use crate::app::{RELATED, Response, TestApp, admin, inline, multipart};
use crate::message::{FORM, SOAP_11, base64, form};
use crate::process::Home;

/// Two valid rows; the first names a user store other than the import's.
const ONE: &str = "username,country\nSALES/kim,SE\nlou,FI\n";

/// The same without a warning.
const NONE: &str = "username,country\nkim,SE\nlou,FI\n";

/// A file whose charset must be guessed, with a prefix that is dropped: two warnings.
const TWO: &[u8] = b"username,familyname\nSALES/kim,M\xfcller\nlou,Gr\xfcn\nmia,Sch\xe4fer\n";

/// Returns `name` of the field `Muster-Import`.
#[track_caller]
fn member<'r>(response: &'r Response, name: &str) -> &'r str {
    let field = response.header("muster-import");
    let field = field.unwrap_or_else(|| panic!("no field Muster-Import: {response:?}"));
    let mut members = field.split(", ").filter_map(|it| it.split_once('='));
    let found = members.find(|(found, _)| *found == name);
    found.unwrap_or_else(|| panic!("no {name}: {field}")).1
}

fn user_import(server: &TestApp, operation: &str, content: &str) -> Response {
    let body = format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{USER_IMPORT}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    );
    let path = "/services/UserImport";
    server.post_as(path, Some(&admin()), "text/xml", &[], body.as_bytes())
}

fn upload(file: &str, more: &str) -> String {
    format!(
        "<x:file>{}</x:file><x:fileName>users.csv</x:fileName>\
         <x:defaultPassword>Initial-Pass-1</x:defaultPassword>{more}",
        base64(file)
    )
}

/// Asserts that the response counts one warning and the import record lists it.
#[track_caller]
fn has_one(server: &TestApp, response: &Response) {
    assert!(
        matches!(response.status, 200 | 201),
        "a success: {response:?}"
    );
    assert_eq!(member(response, "warnings"), "1");
    assert_eq!(member(response, "total"), "2");
    assert_eq!(member(response, "created"), "2");
    let record = server.last_import().expect("a record");
    assert_eq!((record.findings, record.warnings), (1, 1));
    assert_eq!(record.counters.total, 2, "warnings do not count as rows");
    let found = server.last_findings();
    assert_eq!(
        (found[0].line, found[0].severity),
        (2, Severity::Warning),
        "{found:?}"
    );
}

#[test]
fn soap_success_counts_warnings() {
    for multipart_body in [false, true] {
        let server = TestApp::start();
        let response = match multipart_body {
            true => server.post(RELATED, multipart(ONE).as_bytes()),
            false => server.post("text/xml", inline(ONE).as_bytes()),
        };
        has_one(&server, &response);
        assert!(
            !response.body.contains("Fault"),
            "the original's response to a success: {}",
            response.body
        );
    }
    let server = TestApp::start();
    let response = server.post("text/xml", inline(NONE).as_bytes());
    assert_eq!(member(&response, "warnings"), "0");
}

#[test]
fn soap_fault_counts_warnings_separately_from_failed_rows() {
    let server = TestApp::start();
    let file = format!("{ONE}a b,NO\n");
    let response = server.post("text/xml", inline(&file).as_bytes());
    assert_eq!(response.status, 500);
    assert_eq!(
        (member(&response, "warnings"), member(&response, "failed")),
        ("1", "1")
    );
}

#[test]
fn user_import_counts_warnings_in_its_field_its_report_and_its_record() {
    let server = TestApp::start();
    let response = user_import(&server, "importUsers", &upload(ONE, ""));
    has_one(&server, &response);
    assert_eq!(response.element("warnings").as_deref(), Some("1"));
    let id = response.element("id").expect("an id");
    let record = user_import(&server, "getImport", &format!("<x:id>{id}</x:id>"));
    assert_eq!(record.element("warnings").as_deref(), Some("1"));
    let listed = user_import(&server, "listProblems", &format!("<x:id>{id}</x:id>"));
    assert_eq!(listed.element("severity").as_deref(), Some("warning"));
    assert_eq!(listed.element("line").as_deref(), Some("2"));

    let dry = upload(ONE, "<x:dryRun>true</x:dryRun>");
    let response = user_import(&server, "importUsers", &dry);
    assert_eq!(member(&response, "warnings"), "1", "{response:?}");
    assert_eq!(response.element("warnings").as_deref(), Some("1"));
}

#[test]
fn rest_counts_warnings_in_its_field_its_report_and_its_record() {
    let fields = [("defaultPassword", "Initial-Pass-1"), ("file|u.csv", ONE)];
    let post = |server: &TestApp, path: &str, headers: &[&str]| {
        let body = form(&fields);
        server.post_as(path, Some(&admin()), FORM, headers, body.as_bytes())
    };
    let server = TestApp::start();
    let preview = post(&server, "/api/v1/imports/preview", &[]);
    assert_eq!(preview.status, 200);
    assert_eq!(member(&preview, "warnings"), "1");
    let key = ["Idempotency-Key: k"];
    let made = post(&server, "/api/v1/imports", &key);
    assert_eq!(made.status, 201);
    has_one(&server, &made);
    let again = post(&server, "/api/v1/imports", &key);
    assert_eq!(again.status, 200, "the import is the same");
    has_one(&server, &again);
    for response in [&preview, &made, &again] {
        let report: Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(report["warnings"], 1, "{report}");
    }
    let record = serde_json::to_value(server.last_import().expect("a record")).expect("JSON");
    assert_eq!(record["warnings"], 1, "{record}");
    let queued = post(&server, "/api/v1/imports", &["Prefer: respond-async"]);
    assert_eq!((queued.status, member(&queued, "warnings")), (202, "0"));
    let refused = post(&server, "/api/v1/imports?stopAfter=0", &[]);
    assert_eq!(refused.header("muster-import"), None, "no import began");
}

#[test]
fn warnings_about_the_whole_file_are_counted() {
    let server = TestApp::start();
    let password = ["Muster-Default-Password: Initial-Pass-1"];
    let path = "/api/v1/imports";
    let response = server.post_as(path, Some(&admin()), "text/csv", &password, TWO);
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(member(&response, "warnings"), "2");
    let codes: Vec<String> = server.findings().into_iter().map(|it| it.2).collect();
    assert_eq!(codes, ["charset-guessed", "domain-prefix-dropped"]);
}

#[test]
fn warnings_over_the_limit_are_counted() {
    let server = TestApp::start_with(|options| {
        options.app.import.keep_findings = 3;
        options.app.import.report_findings = 2;
        options.app.import.first_batch_users = 4;
        options.app.import.batch_users = 4;
    });
    let rows: String = (0..10).map(|row| format!("SALES/u{row}\n")).collect();
    let file = format!("username\n{rows}");
    let response = server.post("text/xml", inline(&file).as_bytes());
    assert_eq!(member(&response, "warnings"), "10");
    let record = server.last_import().expect("a record");
    assert_eq!((record.findings, record.warnings), (10, 10));
    assert_eq!(server.last_findings().len(), 3);
}

#[test]
fn terminal_prints_the_number_of_warnings_after_the_rows() {
    let home = Home::with_settings("[domains.SALES]\n");
    home.write("users.csv", ONE);
    let import = ["import", "users.csv", "--default-password-stdin"];
    let done = home.run_with_input(&import, "Initial-Pass-1").ended(0);
    assert!(
        done.out.contains("2 rows: 2 created; 1 warning"),
        "{done:?}"
    );
    let listed = home.run(&["imports", "list"]).ended(0);
    assert!(listed.out.contains("2 created; 1"), "{listed:?}");
    let import = ["import", "users.csv", "--json", "--dry-run"];
    assert_eq!(home.run(&import).json()["warnings"], 1);
}

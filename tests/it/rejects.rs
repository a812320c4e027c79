//! The reject file over every channel: it has every rejected row, or its last line, a header field and the report
//! say that rows are missing; corrected and sent again, each cell keeps its value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::http::soap::namespace::USER_IMPORT;
use muster::users::import_record::ImportRecord;
use muster::users::user::User;
use serde_json::Value;

use crate::app::{Response, TestApp, admin, inline};
use crate::message::{FORM, SOAP_11, base64, form};
use crate::process::Home;
use crate::rest::get;

const PASSWORD: &str = "Initial-Pass-1";

/// More than the number of findings that are kept.
const MANY: usize = 12_000;

/// A file whose rows all have a name with white space in it.
fn bad_rows(count: usize) -> String {
    let rows: String = (0..count).map(|row| format!("u {row},,t{row}\n")).collect();
    format!("username,password,title\n{rows}")
}

fn post(server: &TestApp, path: &str, fields: &[(&str, &str)], file: &str) -> Response {
    let own = [("defaultPassword", PASSWORD), ("file|users.csv", file)];
    let body = form(&[fields, &own].concat());
    server.post_as(path, Some(&admin()), FORM, &[], body.as_bytes())
}

fn import(server: &TestApp, fields: &[(&str, &str)], file: &str) -> Response {
    post(server, "/api/v1/imports", fields, file)
}

fn json(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("no JSON: {response:?}"))
}

fn last(server: &TestApp) -> ImportRecord {
    server.last_import().expect("a record")
}

/// The reject file over REST, and the field `Muster-Rejects`.
fn rest_file(server: &TestApp, record: &ImportRecord) -> (String, String) {
    let path = format!("/api/v1/imports/{}/rejects", record.id);
    let response = get(server, &path);
    assert_eq!(response.status, 200, "{response:?}");
    let field = response.header("muster-rejects").expect("the field");
    (response.body.clone(), field.to_owned())
}

fn user_import(server: &TestApp, operation: &str, content: &str) -> Response {
    let body = format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><x:{operation} xmlns:x=\"{USER_IMPORT}\">{content}\
         </x:{operation}></e:Body></e:Envelope>"
    );
    let path = "/services/UserImport";
    server.post_as(path, Some(&admin()), "text/xml", &[], body.as_bytes())
}

/// The same over SOAP, and the elements `rows` and `total`.
fn soap_file(server: &TestApp, record: &ImportRecord) -> (String, String, [String; 2]) {
    let id = format!("<x:id>{}</x:id>", record.id);
    let response = user_import(server, "getRejectFile", &id);
    assert_eq!(response.status, 200, "{response:?}");
    let field = response.header("muster-rejects").expect("the field");
    let file = STANDARD.decode(response.element("file").expect("a file"));
    let file = String::from_utf8(file.expect("base64")).expect("UTF-8");
    let counts = ["rows", "total"].map(|name| response.element(name).expect("a count"));
    (file, field.to_owned(), counts)
}

fn upload(file: &str, more: &str) -> String {
    format!(
        "<x:file>{}</x:file><x:fileName>users.csv</x:fileName>\
         <x:defaultPassword>{PASSWORD}</x:defaultPassword>{more}",
        base64(file)
    )
}

fn rows_of(file: &str) -> usize {
    file.lines().count() - 1
}

#[test]
fn the_file_has_every_rejected_row_beyond_the_limit_of_findings() {
    let server = TestApp::start();
    let response = import(&server, &[], &bad_rows(MANY));
    assert_eq!(response.status, 201);
    let report = json(&response);
    assert_eq!(report["rejectsTotal"], MANY, "{}", report["failed"]);
    assert_eq!(report["rejectsKept"], MANY);
    assert_eq!(report["findingsTotal"], MANY);
    let record = last(&server);
    assert_eq!(record.findings, MANY as u64);
    assert_eq!(
        server.last_findings().len(),
        10_000,
        "the findings have their own limit"
    );
    let (file, field) = rest_file(&server, &record);
    assert_eq!(field, format!("total={MANY}, kept={MANY}"));
    assert_eq!(rows_of(&file), MANY);
    for (row, line) in file.lines().skip(1).enumerate() {
        let expected = format!("u {row},,t{row},{},name-white-space,", row + 2);
        assert!(line.starts_with(&expected), "{line}");
    }
    let (same, field, counts) = soap_file(&server, &record);
    assert_eq!(same, file);
    assert_eq!(field, format!("total={MANY}, kept={MANY}"));
    assert_eq!(counts, [MANY.to_string(), MANY.to_string()]);
}

#[test]
fn an_incomplete_file_is_reported_everywhere() {
    let server = TestApp::start_with(|options| options.app.import.keep_rejects_bytes = 20_000);
    let response = import(&server, &[], &bad_rows(MANY));
    let report = json(&response);
    assert_eq!(report["rejectsTotal"], MANY);
    let kept = report["rejectsKept"].as_u64().expect("a number") as usize;
    assert!((100..MANY).contains(&kept), "{kept}");
    let record = last(&server);
    let stored = serde_json::to_value(&record).expect("JSON");
    assert_eq!(stored["rejectsTotal"], MANY);
    assert_eq!(stored["rejectsKept"], kept);

    let (file, field) = rest_file(&server, &record);
    assert_eq!(field, format!("total={MANY}, kept={kept}"));
    assert_eq!(rows_of(&file), kept + 1);
    let end = file.lines().last().expect("a line");
    let missing = MANY - kept;
    assert!(
        end.starts_with(&format!(",,,,rejects-incomplete,\"{missing} more rows")),
        "{end}"
    );
    assert!(end.contains("import.keep_rejects_bytes"), "{end}");
    let (same, field, counts) = soap_file(&server, &record);
    assert_eq!(same, file);
    assert_eq!(field, format!("total={MANY}, kept={kept}"));
    assert_eq!(counts, [kept.to_string(), MANY.to_string()]);
    let id = format!("<x:id>{}</x:id>", record.id);
    let shown = user_import(&server, "getImport", &id);
    assert_eq!(shown.element("rejectsTotal"), Some(MANY.to_string()));
    assert_eq!(shown.element("rejectsKept"), Some(kept.to_string()));

    // Corrected and sent again, the last line does not count as a row.
    let corrected = file.replace("\r\nu ", "\r\nu");
    let again = json(&import(&server, &[], &corrected));
    assert_eq!(again["total"], kept, "{again}");
    assert_eq!(
        (&again["created"], &again["failed"]),
        (&kept.into(), &0.into())
    );
    let corrected = corrected.replace("\r\nu", "\r\nv");
    let again = server.post("text/xml", inline(&corrected).as_bytes());
    assert_eq!(again.status, 200, "{again:?}");
    let corrected = corrected.replace("\r\nv", "\r\nw");
    let again = user_import(&server, "importUsers", &upload(&corrected, ""));
    assert_eq!(again.element("total"), Some(kept.to_string()));
    assert_eq!(again.element("rejectsTotal").as_deref(), Some("0"));
}

#[test]
fn a_limit_of_zero_keeps_no_rows_and_the_file_reports_it() {
    let server = TestApp::start_with(|options| options.app.import.keep_rejects_bytes = 0);
    import(&server, &[], &bad_rows(3));
    let (file, field) = rest_file(&server, &last(&server));
    assert_eq!(field, "total=3, kept=0");
    assert_eq!(rows_of(&file), 1, "{file}");
    assert!(file.contains(",rejects-incomplete,\"3 more rows"), "{file}");
}

#[test]
fn a_failed_validation_keeps_every_rejected_row_and_counts_every_finding() {
    let server = TestApp::start_with(|options| {
        options.app.import.first_batch_users = 1_000;
        options.app.import.batch_users = 2_000;
    });
    let file = format!("{}kim,,\n", bad_rows(MANY));
    let response = import(&server, &[("validateFirst", "true")], &file);
    assert_eq!(response.status, 422, "{}", response.status);
    let record = last(&server);
    assert_eq!(
        (record.counters.failed, record.counters.created),
        (MANY as u64, 0)
    );
    assert_eq!(record.findings, MANY as u64);
    assert_eq!(
        (record.rejected.total, record.rejected.kept),
        (MANY as u64, MANY as u64)
    );
    let report = &json(&response)["report"];
    assert_eq!(report["rejectsTotal"], MANY, "{}", report["failed"]);
    assert_eq!(report["findingsTotal"], MANY);
    let (file, _) = rest_file(&server, &record);
    assert_eq!(rows_of(&file), MANY);
    assert!(
        file.starts_with("username,password,title,_line"),
        "{}",
        &file[..60]
    );
    let lines = file.lines().skip(1);
    let numbers: Vec<usize> = lines
        .map(|line| {
            line.split(',')
                .nth(3)
                .expect("a cell")
                .parse()
                .expect("a line")
        })
        .collect();
    assert!(numbers.iter().copied().eq(2..MANY + 2));
}

#[test]
fn a_dry_run_reports_that_its_list_is_truncated() {
    let server = TestApp::start_with(|options| options.app.import.report_findings = 7);
    let report = json(&post(
        &server,
        "/api/v1/imports/preview",
        &[],
        &bad_rows(50),
    ));
    assert_eq!(report["rejects"].as_array().map(Vec::len), Some(7));
    assert_eq!(
        (&report["rejectsTotal"], &report["rejectsKept"]),
        (&50.into(), &7.into())
    );
    assert_eq!(report["findingsTotal"], 50);
    let dry = user_import(&server, "previewImport", &upload(&bad_rows(50), ""));
    assert_eq!(dry.element("rejectsTotal").as_deref(), Some("50"));
    assert_eq!(dry.element("rejectsKept").as_deref(), Some("7"));

    let home = Home::with_settings("[import]\nreport_findings = 7\n");
    home.write("users.csv", &bad_rows(50));
    let import = ["import", "users.csv", "--dry-run", "--reject-file", "r.csv"];
    let done = home.run(&import).ended(2);
    assert!(
        done.out
            .contains("7 rejected rows in r.csv; 43 more are not in it, because of the limit import.report_findings"),
        "{done:?}"
    );
    let file = std::fs::read_to_string(home.path("r.csv")).expect("a file");
    let end = file.lines().last().expect("a line");
    assert!(end.contains("rejects-incomplete,\"43 more rows"), "{end}");
}

#[test]
fn the_terminal_reports_missing_rows_and_ignores_the_last_line_of_the_file() {
    let home = Home::with_settings("[import]\nkeep_rejects_bytes = 3000\n");
    home.write("users.csv", &bad_rows(2_000));
    let import = ["import", "users.csv", "--json", "--reject-file", "r.csv"];
    let report = home.run(&import).ended(2).json();
    let kept = report["rejectsKept"].as_u64().expect("a number");
    assert!((1..2_000).contains(&kept), "{report}");
    let id = report["id"].as_str().expect("an id");
    let written = home.run(&["imports", "rejects", id, "other.csv"]).ended(0);
    let missing = 2_000 - kept;
    let note = format!(
        "{kept} rejected rows in other.csv; {missing} more are not in it, because of the limit import.keep_rejects_bytes"
    );
    assert!(written.out.contains(&note), "{written:?}");
    let file = std::fs::read_to_string(home.path("r.csv")).expect("a file");
    assert_eq!(rows_of(&file) as u64, kept + 1);
    home.write("mended.csv", &file.replace("\r\nu ", "\r\nu"));
    let import = ["import", "mended.csv", "--json", "--default-password-stdin"];
    let again = home.run_with_input(&import, PASSWORD).ended(0).json();
    assert_eq!(
        (again["total"].as_u64(), again["created"].as_u64()),
        (Some(kept), Some(kept))
    );
}

/// Cells that spreadsheets would evaluate, and cells that look as if they were protected from that.
const CELLS: &[&str] = &[
    "=1+1",
    "'=1+1",
    "''=1+1",
    "'''=1",
    "+49 30 1234",
    "'+49 30 1234",
    "''+49",
    "-",
    "'-",
    "-1",
    "@x",
    "'@x",
    "'",
    "''",
    "'''",
    "'a",
    "''a",
    "a'=b",
    "it's",
    "' =x",
    "O'Neill",
    "a=b",
    "'\u{e9}",
    "x,y",
    "say \"hi\"",
    "'\"=1\"",
    "two\nlines",
    "'=two\nlines",
    "a;b|c",
    "|x",
    "\u{2212}1",
    "=",
    "'=",
    "+",
    "'+",
    "0123",
    "'0123",
];

/// A file with one user for each of the cells; `name` makes the names.
fn table(name: impl Fn(usize) -> String) -> String {
    let mut file = String::from("username,password,title,nickname\n");
    for (number, cell) in CELLS.iter().enumerate() {
        let quoted = format!("\"{}\"", cell.replace('"', "\"\""));
        file.push_str(&format!("\"{}\",,{quoted},{quoted}\n", name(number)));
    }
    file
}

fn attributes(users: Vec<User>) -> Vec<(String, Value)> {
    let mut all: Vec<_> = users
        .into_iter()
        .map(|user| (user.user_name, Value::Object(user.attributes)))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn cells_keep_their_values_over_rest_and_soap() {
    let direct = TestApp::start();
    import(&direct, &[], &table(|number| format!("u{number}")));
    let expected = attributes(direct.users());
    assert_eq!(expected.len(), CELLS.len());
    for (name, value) in &expected {
        let number: usize = name[1..].parse().expect("a number");
        assert_eq!(value["title"], CELLS[number], "{name}");
    }
    for channel in ["rest", "soap", "user-import"] {
        let server = TestApp::start();
        import(&server, &[], &table(|number| format!("u {number}")));
        let (file, _) = rest_file(&server, &last(&server));
        // Rejected, sent again unchanged, and rejected again: no cell grows.
        import(&server, &[], &file);
        let (twice, _) = rest_file(&server, &last(&server));
        let cells = |file: &str| -> Vec<String> {
            let line = |line: &str| line.split(",name-white-space,").next().map(str::to_owned);
            file.lines().filter_map(line).collect()
        };
        assert_eq!(cells(&twice).len(), cells(&file).len());
        let corrected = twice.replace("\r\nu ", "\r\nu").replace("\nu ", "\nu");
        let response = match channel {
            "rest" => import(&server, &[], &corrected),
            "soap" => server.post("text/xml", inline(&corrected).as_bytes()),
            _ => user_import(&server, "importUsers", &upload(&corrected, "")),
        };
        assert!(matches!(response.status, 200 | 201), "{response:?}");
        assert_eq!(attributes(server.users()), expected, "{channel}");
    }
}

#[test]
fn cells_keep_their_values_at_the_terminal() {
    let home = Home::new();
    home.write("users.csv", &table(|number| format!("u {number}")));
    home.run(&["import", "users.csv", "--reject-file", "r.csv"])
        .ended(2);
    let file = std::fs::read_to_string(home.path("r.csv")).expect("a file");
    home.write("mended.csv", &file.replace("\r\nu ", "\r\nu"));
    home.run_with_input(
        &["import", "mended.csv", "--default-password-stdin"],
        PASSWORD,
    )
    .ended(0);
    for user in home.run(&["users", "list", "--json"]).ended(0).json_lines() {
        let name = user["userName"].as_str().expect("a name");
        let number: usize = name[1..].parse().expect("a number");
        assert_eq!(user["attributes"]["title"], CELLS[number], "{name}");
        assert_eq!(user["attributes"]["nickname"], CELLS[number], "{name}");
    }
}

#[test]
fn surplus_cells_are_kept_in_the_reject_file() {
    let claim = "http://wso2.org/claims/country=FR";
    for channel in ["rest", "soap", "user-import"] {
        let server = TestApp::start();
        let send = |file: &str| match channel {
            "rest" => import(&server, &[], file),
            "soap" => server.post("text/xml", inline(file).as_bytes()),
            _ => user_import(&server, "importUsers", &upload(file, "")),
        };
        let table =
            format!("username,title\nu 1,Dr,{claim}\nu2,a,b\nu3,\"Mira\" Falk\nu4,\"a, b\" c\n");
        send(&table);
        assert_eq!(server.user_names(), [""; 0], "{channel}");
        let (file, _) = rest_file(&server, &last(&server));
        assert!(file.contains(",_extra1,"), "{file}");
        assert!(file.contains("\"\"\"Mira\"\" Falk\""), "{channel}: {file}");
        // Sent again unchanged, the surplus cells are still surplus.
        send(&file);
        let codes: Vec<String> = server.findings().into_iter().map(|it| it.2).collect();
        assert!(
            codes.iter().filter(|code| *code == "field-count").count() >= 2,
            "{channel}: {codes:?}"
        );
        assert_eq!(server.user_names(), ["u3"], "{channel}");
        let (twice, _) = rest_file(&server, &last(&server));
        let corrected = twice.replace("\r\nu 1", "\r\nu1");
        send(&corrected);
        let users = server.users();
        let user = users.iter().find(|it| it.user_name == "u1");
        let user = user.unwrap_or_else(|| panic!("{channel}: {corrected}"));
        assert_eq!(user.attributes["country"], "FR", "{channel}");
        assert_eq!(user.attributes["title"], "Dr", "{channel}");
        let third = users.iter().find(|it| it.user_name == "u3");
        assert_eq!(
            third.expect("the user exists").attributes["title"],
            "\"Mira\" Falk"
        );
        assert_eq!(users.len(), 2, "{channel}: {users:?}");
    }
}

#[test]
fn a_row_quoted_as_one_cell_is_rejected_and_its_password_is_not_kept() {
    let server = TestApp::start();
    let table = "UserName,Password,Claims\n\"mira,Meadow-Lark-77,\"\n\"otto,otto@example.com\",,\n";
    let answer = server.post("text/xml", inline(table).as_bytes());
    assert!(!answer.body.contains("Meadow-Lark-77"), "{}", answer.body);
    let (file, _) = rest_file(&server, &last(&server));
    assert!(!file.contains("Meadow-Lark-77"), "{file}");
    assert!(file.contains("\"mira,…\""), "{file}");
    import(&server, &[], &file);
    assert_eq!(server.user_names(), [""; 0]);
    let codes: Vec<String> = server.findings().into_iter().map(|it| it.2).collect();
    assert_eq!(codes, ["field-count"; 2]);
}

#[test]
fn rows_with_ambiguous_quotation_marks_are_kept_without_their_passwords() {
    let server = TestApp::start();
    for table in [
        "UserName,Password,Claims\n\"Falk, \"M\"\",Meadow-Lark-77,http://wso2.org/claims/country=FR\n",
        "UserName,Password,Claims\n\"Falk, \"M\"\",summertime\n",
        "username,title,password\nmira,\"Dr, \"x\" y\",Meadow-Lark-77\n",
        "username,title,password,country\nmira,\"Dr, \"x\" y\",Meadow-Lark-77\n",
        "username,password\nmira,\"Meadow\"-Lark-77\n",
    ] {
        import(&server, &[], table);
        let codes: Vec<String> = server.findings().into_iter().map(|it| it.2).collect();
        assert_eq!(codes, ["csv-quotes"], "{table}");
        let (file, _) = rest_file(&server, &last(&server));
        for secret in ["Lark-77", "summertime"] {
            assert!(!file.contains(secret), "{table}: {file}");
        }
        // Sent again unchanged, the remaining cells create no user.
        let before = server.user_names();
        import(&server, &[], &file);
        let names = server.user_names();
        assert!(names == before || names == ["mira"], "{table}: {names:?}");
    }
}

#[test]
fn a_password_entered_in_the_reject_file_is_used_unchanged() {
    let server = TestApp::start();
    import(
        &server,
        &[],
        "username,password,title\nu 1,Spring-Meadow-42,=1\n",
    );
    let (file, _) = rest_file(&server, &last(&server));
    let corrected = file.replace("u 1,,", "u1,'=Harvest-Moon-7,");
    assert_ne!(corrected, file);
    assert_eq!(import(&server, &[], &corrected).status, 201);
    assert!(server.has_password("u1", "'=Harvest-Moon-7"));
    assert_eq!(server.users()[0].attributes["title"], "=1");
}

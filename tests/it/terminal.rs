//! The commands of the terminal, run as a user runs them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::process::{Home, finish, users_csv};

/// Three valid rows, one with its own password; the columns in no particular order.
const CLEAN: &str = "country,username,password,givenname,familyname,emailaddress\n\
    SE,Ann,Spring-Meadow-42,Ann,Almeida,ann@example.com\n\
    ,bob,,Bob,,\n\
    FR,zoë,,Zoë,Dubois,\n";

/// A valid row, a name with a space, a short password, a duplicate, and a row without a name.
const MIXED: &str = "username,password\n\
    carl,Autumn-Forest-9\n\
    carl jones,\n\
    dora,abc\n\
    CARL,\n\
    ,nobody-at-all\n";

const DEFAULT: &str = "Initial-Pass-1";

/// A home folder in which the valid file was imported.
fn with_users() -> Home {
    let home = Home::new();
    home.write("clean.csv", CLEAN);
    let import = ["import", "clean.csv", "--default-password-stdin"];
    home.run_with_input(&import, DEFAULT).ended(0);
    home
}

fn keys(value: &serde_json::Value) -> BTreeSet<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn clean_import_exits_with_0_and_prints_its_counts() {
    let home = Home::new();
    home.write("clean.csv", CLEAN);
    let file = home.write("default.txt", &format!("{DEFAULT}\r\nnot this\n"));
    let file = file.to_str().expect("UTF-8");
    let done = home.run(&["import", "clean.csv", "--default-password-file", file]);
    let done = done.ended(0);
    assert!(done.out.contains("3 rows: 3 created"), "{done:?}");
    assert!(done.out.contains("completed"), "{done:?}");
    assert!(done.err.is_empty(), "{done:?}");
    let check = |name, password| home.run_with_input(&["users", "check-password", name], password);
    check("bob", DEFAULT).ended(0);
    check("Ann", "Spring-Meadow-42").ended(0);
    check("Ann", DEFAULT).ended(1);
}

#[test]
fn import_with_invalid_rows_exits_with_2_and_names_each_of_them() {
    let home = Home::new();
    home.write("mixed.csv", MIXED);
    let done = home.run_with_input(
        &["import", "mixed.csv", "--default-password-stdin"],
        DEFAULT,
    );
    let done = done.ended(2);
    let counts = "5 rows: 1 created, 1 duplicate, 3 failed";
    assert!(done.out.contains(counts), "{done:?}");
    for word in [
        "name-white-space",
        "password-rule",
        "duplicate-in-file",
        "name-missing",
    ] {
        assert!(done.out.contains(word), "{word}: {}", done.out);
    }
    for secret in ["Autumn-Forest-9", "nobody-at-all", DEFAULT] {
        assert!(!done.out.contains(secret) && !done.err.contains(secret));
    }
}

#[test]
fn import_report_as_json_has_the_documented_keys() {
    let home = Home::new();
    home.write("mixed.csv", MIXED);
    let import = ["import", "mixed.csv", "--json", "--default-password-stdin"];
    let done = home.run_with_input(&import, DEFAULT).ended(2);
    assert_eq!(done.out.lines().count(), 1);
    let report = done.json();
    let expected = [
        ("total", 5),
        ("created", 1),
        ("updated", 0),
        ("unchanged", 0),
        ("duplicate", 1),
        ("failed", 3),
        ("skipped", 0),
        ("findingsTotal", 4),
    ];
    for (key, value) in expected {
        assert_eq!(report[key], value, "{key}: {report}");
    }
    assert_eq!(report["state"], "completed");
    assert_eq!(report["domain"], "PRIMARY");
    assert_eq!(report["fileName"], "mixed.csv");
    assert_eq!(report["options"]["dryRun"], false);
    assert_eq!(report["sha256"].as_str().expect("a digest").len(), 64);
    let findings = report["findings"].as_array().expect("a list");
    let seen: Vec<_> = findings
        .iter()
        .map(|finding| (finding["line"].as_u64(), finding["code"].as_str()))
        .collect();
    let expected = [
        (Some(3), Some("name-white-space")),
        (Some(4), Some("password-rule")),
        (Some(5), Some("duplicate-in-file")),
        (Some(6), Some("name-missing")),
    ];
    assert_eq!(seen, expected, "{report}");
    for finding in findings {
        assert!(!finding["message"].as_str().expect("a message").is_empty());
    }
}

#[test]
fn import_that_fails_as_a_whole_exits_with_1_and_says_why() {
    let home = Home::new();
    home.write("clean.csv", CLEAN);
    home.write("mixed.csv", "username,password;email;country\nann\n");
    home.write("text.xlsx", "username,password\nann,x\n");
    home.write("empty.csv", "");
    let refused = |arguments: &[&str], words: &[&str]| {
        let done = home.run(arguments).ended(1);
        for word in words {
            assert!(done.err.contains(word), "{word}: {done:?}");
        }
        assert!(done.err.starts_with("muster: "), "{done:?}");
        assert!(!done.err.contains("panicked"), "{done:?}");
    };
    refused(&["import", "nosuch.csv"], &["cannot open nosuch.csv"]);
    refused(&["import", "."], &["folder"]);
    refused(
        &["import", "mixed.csv"],
        &["files.delimiter", "Nothing is stored"],
    );
    refused(
        &["import", "text.xlsx"],
        &["ends in .xlsx but the file is text", "Nothing is stored"],
    );
    refused(&["import", "empty.csv"], &["empty"]);
    let foreign = ["import", "clean.csv", "--domain", "HR"];
    refused(&foreign, &["HR", "PRIMARY"]);
    let no_file = ["import", "clean.csv", "--default-password-file", "nosuch"];
    refused(&no_file, &["nosuch"]);
    assert!(
        home.run(&["users", "list", "--json"])
            .ended(0)
            .out
            .is_empty()
    );
}

#[test]
fn rows_without_a_password_are_reported() {
    let home = Home::new();
    home.write("clean.csv", CLEAN);
    let done = home.run(&["import", "clean.csv"]).ended(2);
    assert!(done.out.contains("3 rows: 1 created, 2 failed"), "{done:?}");
    assert!(done.out.contains("password-missing"), "{done:?}");
}

#[test]
fn users_are_created_in_the_named_domain_in_any_case() {
    let home = Home::with_settings("[domains.SALES]\nuser_name_rule = '[a-z]+'\n");
    home.write(
        "users.csv",
        "username,password\nann,Spring-Meadow-42\nBOB,Spring-Meadow-42\n",
    );
    let done = home
        .run(&["import", "users.csv", "--domain", "sales"])
        .ended(2);
    assert!(done.out.contains("name-pattern"), "{done:?}");
    home.run(&["import", "users.csv"]).ended(0);
    let list = |arguments: &[&str]| home.run(arguments).ended(0).json_lines();
    assert_eq!(list(&["users", "list", "--json"]).len(), 3);
    let sales = list(&["users", "list", "--json", "--domain", "Sales"]);
    assert_eq!(sales.len(), 1);
    assert_eq!(sales[0]["domain"], "SALES");
    let shown = home.run(&["users", "show", "ann", "--domain", "sales", "--json"]);
    assert_eq!(shown.ended(0).json()["domain"], "SALES");
    home.run(&["users", "show", "bob", "--domain", "SALES"])
        .ended(1);
    let refused = home.run(&["users", "list", "--domain", "HR"]).ended(1);
    assert!(refused.err.contains("PRIMARY, SALES"), "{refused:?}");
}

#[test]
fn dry_run_reports_the_same_and_writes_nothing() {
    let home = with_users();
    home.write(
        "mixed.csv",
        &format!("{MIXED}ann,\nerin,Winter-Harbour-3\n"),
    );
    let dry = [
        "import",
        "mixed.csv",
        "--dry-run",
        "--json",
        "--default-password-stdin",
    ];
    let report = home.run_with_input(&dry, DEFAULT).ended(2).json();
    assert_eq!(report["options"]["dryRun"], true);
    assert_eq!(report["preview"]["columns"][0]["standsFor"], "userName");
    assert_eq!(report["created"], 2);
    assert_eq!(report["duplicate"], 2);
    assert_eq!(report["failed"], 3);
    let users = home.run(&["users", "list", "--json"]).ended(0);
    assert_eq!(users.json_lines().len(), 3);
    assert_eq!(
        home.run(&["imports", "list", "--json"]).json_lines().len(),
        1
    );
    let dry_run = home.run_with_input(
        &[
            "import",
            "mixed.csv",
            "--dry-run",
            "--default-password-stdin",
        ],
        DEFAULT,
    );
    let dry_run = dry_run.ended(2);
    assert!(
        dry_run.out.contains("dry run, nothing written"),
        "{dry_run:?}"
    );
    let import = ["import", "mixed.csv", "--json", "--default-password-stdin"];
    let real = home.run_with_input(&import, DEFAULT).ended(2).json();
    for counter in ["total", "created", "duplicate", "failed", "skipped"] {
        assert_eq!(real[counter], report[counter], "{counter}");
    }
}

#[test]
fn users_as_json_have_the_documented_keys() {
    let home = with_users();
    let list = home.run(&["users", "list", "--json"]).ended(0).json_lines();
    let documented = BTreeSet::from([
        "id",
        "userName",
        "domain",
        "organization",
        "givenName",
        "familyName",
        "email",
        "attributes",
        "mustChangePassword",
        "hasPassword",
        "passwordSetAt",
        "createdBy",
        "createdAt",
    ]);
    for user in &list {
        assert_eq!(keys(user), documented, "{user}");
    }
    let names: Vec<_> = list.iter().map(|user| user["userName"].as_str()).collect();
    assert_eq!(names, [Some("Ann"), Some("bob"), Some("zoë")]);
    let ann = home
        .run(&["users", "show", "aNN", "--json"])
        .ended(0)
        .json();
    assert_eq!(ann, list[0]);
    assert_eq!(ann["givenName"], "Ann");
    assert_eq!(ann["familyName"], "Almeida");
    assert_eq!(ann["email"], "ann@example.com");
    assert_eq!(ann["attributes"], serde_json::json!({"country": "SE"}));
    assert_eq!(ann["mustChangePassword"], false);
    assert_eq!(list[1]["mustChangePassword"], true);
    assert_eq!(list[1]["familyName"], serde_json::Value::Null);
    let imports = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(ann["createdBy"], imports[0]["id"]);
}

#[test]
fn users_as_text_show_the_main_fields() {
    let home = with_users();
    let list = home.run(&["users", "list"]).ended(0);
    for word in ["Ann", "zoë", "country=SE", "must be changed", "stays"] {
        assert!(list.out.contains(word), "{word}: {}", list.out);
    }
    let shown = home.run(&["users", "show", "ZOË"]).ended(0);
    assert!(
        shown.out.contains("Dubois") && shown.out.contains("FR"),
        "{shown:?}"
    );
    let unknown = home.run(&["users", "show", "nobody"]).ended(1);
    assert!(unknown.err.contains("no user nobody"), "{unknown:?}");
}

#[test]
fn password_check_sets_the_exit_code() {
    let home = with_users();
    let check = |name, input| home.run_with_input(&["users", "check-password", name], input);
    assert_eq!(check("BOB", "Initial-Pass-1\n").ended(0).out, "right\n");
    assert_eq!(check("bob", "initial-pass-1\n").ended(1).out, "wrong\n");
    check("zoë", DEFAULT).ended(0);
    check("ann", "Spring-Meadow-42\r\n").ended(0);
    check("ann", "Spring-Meadow-42 ").ended(1);
    check("ann", "").ended(1);
    let unknown = check("nobody", DEFAULT).ended(1);
    assert!(unknown.err.contains("no user"), "{unknown:?}");
}

#[test]
fn imports_are_listed_and_shown() {
    let home = with_users();
    home.write("mixed.csv", MIXED);
    home.run_with_input(
        &["import", "mixed.csv", "--default-password-stdin"],
        DEFAULT,
    )
    .ended(2);
    let list = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    let files: Vec<_> = list
        .iter()
        .map(|record| record["fileName"].as_str())
        .collect();
    assert_eq!(
        files,
        [Some("mixed.csv"), Some("clean.csv")],
        "newest first"
    );
    let expected = BTreeSet::from([
        "id",
        "organization",
        "domain",
        "door",
        "operator",
        "fileName",
        "sha256",
        "state",
        "reason",
        "total",
        "created",
        "updated",
        "unchanged",
        "duplicate",
        "failed",
        "skipped",
        "warnings",
        "rejectsTotal",
        "rejectsKept",
        "options",
        "findings",
        "activeAt",
        "startedAt",
        "finishedAt",
    ]);
    assert_eq!(keys(&list[0]), expected, "and no hash");
    assert_eq!(list[0]["door"], "terminal");
    assert_eq!(list[0]["findings"], 4);
    let id = list[0]["id"].as_str().expect("an id");
    let shown = home.run(&["imports", "show", id, "--json"]).ended(0).json();
    let findings = shown["findingsKept"].as_array().expect("a list");
    assert_eq!(findings.len(), 4);
    assert_eq!(findings[0]["line"], 3);
    assert_eq!(findings[0]["userName"], "carl jones");
    let table = home.run(&["imports", "list"]).ended(0);
    assert!(
        table.out.contains(id) && table.out.contains("completed"),
        "{table:?}"
    );
    let shown = home.run(&["imports", "show", id]).ended(0);
    assert!(shown.out.contains("name-white-space"), "{shown:?}");
    let missing = "01890a5d-ac96-774b-bcce-b302099a8057";
    let unknown = home.run(&["imports", "show", missing]).ended(1);
    assert!(unknown.err.contains(missing), "{unknown:?}");
}

#[test]
fn operators_can_be_added_listed_given_passwords_and_removed() {
    let home = with_users();
    let add = [
        "operator",
        "add",
        "Esb",
        "--role",
        "import",
        "--password-stdin",
    ];
    home.run_with_input(&add, "Quiet-River-7\n").ended(0);
    let file = home.write("password.txt", "Loud-Ocean-8\n");
    let file = file.to_str().expect("UTF-8");
    home.run(&["organization", "add", "acme"]).ended(0);
    let add = [
        "operator",
        "add",
        "audit",
        "--role",
        "read",
        "--organization",
        "acme",
    ];
    home.run(&[&add[..], &["--password-file", file]].concat())
        .ended(0);
    let made_up = home
        .run(&["operator", "add", "boss", "--role", "admin"])
        .ended(0);
    assert!(made_up.out.contains("(shown only once): "), "{made_up:?}");
    let list = home
        .run(&["operator", "list", "--json"])
        .ended(0)
        .json_lines();
    let expected = [
        serde_json::json!({"name": "audit", "role": "read", "organization": "acme"}),
        serde_json::json!({"name": "boss", "role": "admin", "organization": null}),
        serde_json::json!({"name": "Esb", "role": "import", "organization": null}),
    ];
    assert_eq!(list, expected, "by name, without hashes");
    assert!(
        home.run(&["operator", "list"])
            .ended(0)
            .out
            .contains("audit")
    );

    let taken = home
        .run(&["operator", "add", "ESB", "--role", "read"])
        .ended(1);
    assert!(taken.err.contains("already"), "{taken:?}");
    let weak = home.run_with_input(&["operator", "password", "esb", "--password-stdin"], "pw");
    let weak = weak.ended(0);
    assert!(weak.err.contains("weak"), "{weak:?}");
    let empty = home.run_with_input(&["operator", "password", "esb", "--password-stdin"], "");
    assert!(empty.ended(1).err.contains("empty"));
    home.run(&["operator", "password", "nobody"]).ended(1);
    home.run(&["operator", "remove", "eSB"]).ended(0);
    let gone = home.run(&["operator", "remove", "esb"]).ended(1);
    assert!(gone.err.contains("no operator"), "{gone:?}");
    assert_eq!(
        home.run(&["operator", "list", "--json"]).json_lines().len(),
        2
    );
    let blank = home
        .run(&["operator", "add", "a b", "--role", "read"])
        .ended(1);
    assert!(blank.err.contains("white space"), "{blank:?}");
}

#[test]
fn demo_shows_request_response_report_and_users_and_leaves_no_file() {
    let home = Home::new();
    let temporary = home.path("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut command = home.bare_command(&["demo"]);
    command.env("TMPDIR", &temporary);
    let demo = finish(command, "").ended(0);
    for word in [
        "request",
        "answer",
        "report",
        "users",
        "/services/UserAdmin",
        "zoë",
    ] {
        assert!(demo.out.contains(word), "{word}: {}", demo.out);
    }
    assert!(!demo.out.contains("Spring-Meadow-42"), "{}", demo.out);
    assert!(demo.err.is_empty(), "{}", demo.err);
    let left = std::fs::read_dir(&temporary).expect("a folder").count();
    assert_eq!(left, 0, "no file remains");
}

#[test]
fn unknown_settings_are_refused_by_name() {
    let home = Home::new();
    let path = home.write("wrong.toml", "[server]\nhtpp = 'x'\n");
    let path = path.to_str().expect("UTF-8");
    for command in [&["serve"][..], &["users", "list"], &["import", "x.csv"]] {
        let refused = finish(
            home.bare_command(&[command, &["--config", path]].concat()),
            "",
        );
        let refused = refused.ended(1);
        assert!(refused.err.contains("htpp"), "{refused:?}");
        assert!(refused.err.contains("wrong.toml"), "{refused:?}");
    }
    for name in ["MUSTER_SERVER_HTPP", "MUSTER_NONSENSE"] {
        let mut command = home.command(&["users", "list"]);
        command.env(name, "x");
        let refused = finish(command, "").ended(1);
        assert!(refused.err.contains(name), "{refused:?}");
    }
    let missing = home.bare_command(&["users", "list", "--config", "nosuch.toml"]);
    assert!(finish(missing, "").ended(1).err.contains("nosuch.toml"));
    home.write("settings.toml", "[passwords]\npasses = 0\n");
    home.write("clean.csv", CLEAN);
    let refused = home.run(&["import", "clean.csv"]).ended(1);
    assert!(refused.err.contains("passwords.passes"), "{refused:?}");
}

#[test]
fn flags_override_variables_and_variables_override_the_file() {
    let home = Home::new();
    home.write("clean.csv", "username,password\nann,Spring-Meadow-42\n");
    home.write(
        "muster.toml",
        "[store]\ndata = 'from-file'\n[passwords]\nmemory_kib = 1024\npasses = 1\n",
    );
    let import = ["import", "clean.csv"];
    finish(home.bare_command(&import), "").ended(0);
    assert!(home.path("from-file/muster.db").exists());
    let mut command = home.bare_command(&import);
    command.env("MUSTER_STORE_DATA", "from-variable");
    finish(command, "").ended(0);
    assert!(home.path("from-variable/muster.db").exists());
    let mut command = home.bare_command(&[&import[..], &["--data", "from-flag"]].concat());
    command.env("MUSTER_STORE_DATA", "from-variable");
    finish(command, "").ended(0);
    assert!(home.path("from-flag/muster.db").exists());
}

#[test]
fn closed_output_pipe_is_not_an_error() {
    let home = Home::new();
    home.write("many.csv", &users_csv(5_000, 7_919));
    home.run_with_input(&["import", "many.csv", "--default-password-stdin"], DEFAULT)
        .ended(0);
    let mut command = home.command(&["users", "list", "--json"]);
    command.stdin(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    assert!(line.contains("user000000"), "{line}");
    drop(out);
    let mut err = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut err).expect("UTF-8");
    let status = child.wait().expect("the process exits");
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    let all = home.run(&["users", "list", "--json"]).ended(0);
    assert_eq!(all.json_lines().len(), 5_000, "all pages");
}

#[test]
fn missing_store_is_named_and_not_created() {
    let home = Home::new();
    for command in [
        &["users", "list"][..],
        &["users", "show", "ann"],
        &["imports", "list"],
        &["operator", "list"],
        &["operator", "add", "esb", "--role", "import"],
    ] {
        let refused = home.run(command).ended(1);
        assert!(refused.err.contains("there is no store at"), "{refused:?}");
        assert!(refused.err.contains(&home.data().display().to_string()));
    }
    assert!(!home.data().exists());
}

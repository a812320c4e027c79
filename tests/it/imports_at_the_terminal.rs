//! Commands on imports at the terminal: reject files, idempotency keys, cancel, undo, the audit, and the
//! roles that rows may name.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Home, Serving, database, finish, mtom_around, users_csv};

/// One good row and three with problems.
const MIXED: &str = "username,password,country\ncarl,Autumn-Forest-9,SE\ncarl jones,Autumn-Forest-8,FR\n\
    dora,abc,=1+1\n+emil,Autumn-Forest-7,\n,without-a-name,\n";

fn import(home: &Home, more: &[&str]) -> crate::process::Finished {
    home.run(&[&["import", "users.csv"], more].concat())
}

fn newest(home: &Home) -> serde_json::Value {
    let list = home.run(&["imports", "list", "--json"]).ended(0);
    list.json_lines().remove(0)
}

fn id(record: &serde_json::Value) -> &str {
    record["id"].as_str().expect("an id")
}

#[test]
fn a_corrected_reject_file_imports_the_rows_that_were_not_stored() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    let done = import(&home, &["--reject-file", "rejects.csv"]).ended(2);
    assert!(
        done.out.contains("3 rejected rows in rejects.csv"),
        "{done:?}"
    );
    let path = home.path("rejects.csv");
    let rejects = std::fs::read_to_string(&path).expect("a file");
    assert!(rejects.starts_with("username,password,country,_line,_code,_message\r\n"));
    assert!(
        rejects.contains("carl jones,,FR,3,name-white-space,"),
        "{rejects}"
    );
    assert!(
        rejects.contains("dora,,\"'=1+1\",4,password-rule,"),
        "{rejects}"
    );
    assert!(
        !rejects.contains("Autumn") && !rejects.contains("abc"),
        "{rejects}"
    );
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = import(&home, &["--reject-file", "rejects.csv"]).ended(1);
    assert!(again.err.contains("rejects.csv") && again.err.contains("not overwritten"));
    assert_eq!(
        home.run(&["imports", "list", "--json"]).json_lines().len(),
        1
    );

    let corrected = rejects
        .replace("carl jones,", "carl.jones,")
        .replace("\r\n,,,", "\r\nhanna,,,");
    home.write("users.csv", &corrected);
    let default = home.write("default", "Initial-Pass-1");
    let default = default.to_str().expect("UTF-8");
    let more = [
        "--reject-file",
        "none.csv",
        "--default-password-file",
        default,
    ];
    import(&home, &more).ended(0);
    assert!(!home.path("none.csv").exists(), "nothing was rejected");
    let dora = home
        .run(&["users", "show", "dora", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        dora["attributes"]["country"], "=1+1",
        "without the protecting mark"
    );
}

#[test]
fn a_dry_run_shows_the_columns_and_first_rows_and_writes_rejects_too() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    let done = import(&home, &["--dry-run", "--reject-file", "rejects.csv"]).ended(2);
    for word in [
        "read as",
        "userName",
        "attribute country",
        "carl jones",
        "dry run",
    ] {
        assert!(done.out.contains(word), "{word}: {}", done.out);
    }
    for secret in ["Autumn", "without-a-name"] {
        assert!(!done.out.contains(secret), "{}", done.out);
    }
    let rejects = std::fs::read_to_string(home.path("rejects.csv")).expect("a file");
    assert!(
        rejects.starts_with("username,password,country,_line"),
        "{rejects}"
    );
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    assert!(home.run(&["imports", "list", "--json"]).out.is_empty());
}

#[test]
fn validate_first_with_bad_rows_stores_nothing_and_writes_the_reject_file() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    let done = import(&home, &["--validate-first", "--reject-file", "rejects.csv"]).ended(1);
    assert!(done.err.contains("3 rows have problems"), "{done:?}");
    let rejects = std::fs::read_to_string(home.path("rejects.csv")).expect("a file");
    assert!(
        rejects.starts_with("username,password,country,_line"),
        "{rejects}"
    );
    assert!(home.run(&["users", "list", "--json"]).out.is_empty());
}

#[test]
fn an_import_that_stops_early_exits_with_2_if_rows_were_stored_and_with_1_otherwise() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 1\n");
    home.write(
        "users.csv",
        "username,password\nann,Spring-Meadow-42\na b,x\nbob,Spring-Meadow-42\n",
    );
    let stopped = import(&home, &["--stop-after", "1"]).ended(2);
    assert!(stopped.err.contains("stopped after 1 rows"), "{stopped:?}");
    assert!(stopped.out.contains("1 created, 1 failed"), "{stopped:?}");
    home.write("users.csv", "username,password\na b,x\n");
    import(&home, &["--stop-after", "1"]).ended(1);
}

#[test]
fn a_repeated_key_returns_the_first_report() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    let first = import(&home, &["--key", "night 1", "--json"])
        .ended(2)
        .json();
    let second = import(&home, &["--key", "night 1", "--json"])
        .ended(2)
        .json();
    for counter in ["id", "total", "created", "failed", "skipped", "state"] {
        assert_eq!(first[counter], second[counter], "{counter}");
    }
    let repeated = import(&home, &["--key", "night 1"]).ended(2);
    assert!(
        repeated
            .out
            .contains("an import with the key night 1 ran at"),
        "{repeated:?}"
    );
    let shown = home.run(&["imports", "show", id(&newest(&home))]).ended(0);
    assert!(shown.out.contains("key       night 1"), "{shown:?}");
    assert!(shown.out.contains("options   --conflict skip"), "{shown:?}");
    home.write("users.csv", "username,password\nother,Spring-Meadow-42\n");
    let reused = import(&home, &["--key", "night 1"]).ended(1);
    assert!(
        reused.err.contains("use another key for a new call"),
        "{reused:?}"
    );
}

#[test]
fn a_key_with_another_default_password_is_refused_at_the_terminal() {
    let home = Home::new();
    for (number, file) in [
        (1, "username,password\nkim,\n"),
        (2, "username,password\nlee,Spring-Meadow-42\n"),
    ] {
        home.write("users.csv", file);
        let key = format!("night {number}");
        let run = |password: Option<&str>| {
            let mut arguments = vec!["--key", key.as_str(), "--json"];
            if let Some(password) = password {
                home.write("password", password);
                arguments.extend(["--default-password-file", "password"]);
            }
            import(&home, &arguments)
        };
        let first = run(Some("First-Password-1")).ended(0).json();
        for other in [Some("Second-Password-2"), Some("first-password-1"), None] {
            let reused = run(other).ended(1);
            assert!(
                reused.err.contains("use another key for a new call"),
                "{reused:?}"
            );
            assert!(!reused.err.contains("Password-1"), "{reused:?}");
        }
        let again = run(Some("First-Password-1")).ended(0).json();
        assert_eq!(again["id"], first["id"]);
    }
}

#[test]
fn findings_are_paged() {
    let home = Home::new();
    let rows: String = (0..7)
        .map(|number| format!("a {number},Spring-Meadow-42\n"))
        .collect();
    home.write("users.csv", &format!("username,password\n{rows}"));
    import(&home, &[]).ended(2);
    let import = newest(&home);
    let show = |more: &[&str]| home.run(&[&["imports", "show", id(&import)], more].concat());
    let page = show(&["--limit", "3"]).ended(0);
    assert!(
        page.out.contains("a 2") && !page.out.contains("a 3"),
        "{page:?}"
    );
    assert!(
        page.out.contains("4 more problems; use --skip 3"),
        "{page:?}"
    );
    let page = show(&["--skip", "3", "--limit", "9"]).ended(0);
    assert!(
        page.out.contains("a 6") && !page.out.contains("a 2"),
        "{page:?}"
    );
    assert!(!page.out.contains("more problems"), "{page:?}");
}

#[test]
fn the_reject_file_of_an_earlier_import_can_be_written_later() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    import(&home, &[]).ended(2);
    let import = newest(&home);
    let printed = home.run(&["imports", "rejects", id(&import)]).ended(0);
    assert_eq!(printed.out.lines().count(), 4, "{printed:?}");
    let written = home
        .run(&["imports", "rejects", id(&import), "out.csv"])
        .ended(0);
    assert!(
        written.out.contains("3 rejected rows in out.csv"),
        "{written:?}"
    );
    let file = std::fs::read_to_string(home.path("out.csv")).expect("a file");
    assert_eq!(file, printed.out);
    home.run(&["imports", "rejects", id(&import), "out.csv"])
        .ended(1);
}

#[test]
fn an_undo_reverts_users_that_were_not_changed_since() {
    let home = Home::new();
    home.write(
        "users.csv",
        "username,password,country\nann,Spring-Meadow-42,SE\nbob,Spring-Meadow-42,\n",
    );
    import(&home, &[]).ended(0);
    let first = newest(&home);
    home.write("users.csv", "username,country\nann,FR\n");
    let updated = import(&home, &["--conflict", "update"]).ended(0);
    assert!(updated.out.contains("1 updated"), "{updated:?}");
    let undone = home
        .run(&["imports", "undo", id(&first), "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&undone["removed"], &undone["leftTotal"]),
        (&1.into(), &1.into())
    );
    let again = home.run(&["imports", "undo", id(&first)]).ended(1);
    assert!(again.err.contains("already undone"), "{again:?}");
    let second = newest(&home);
    let undone = home.run(&["imports", "undo", id(&second)]).ended(0);
    assert!(undone.out.contains("1 restored"), "{undone:?}");
    let ann = home
        .run(&["users", "show", "ann", "--json"])
        .ended(0)
        .json();
    assert_eq!(ann["attributes"]["country"], "SE");
    let audit = home
        .run(&["audit", "--json", "--import", id(&first)])
        .ended(0);
    let actions: Vec<String> = audit
        .json_lines()
        .iter()
        .map(|it| it["action"].to_string())
        .collect();
    assert_eq!(actions, ["\"import.undo\"", "\"import.end\""]);
    let table = home.run(&["audit", "--limit", "1"]).ended(0);
    assert!(
        table.out.contains("import.undo") && table.out.contains("restored 1"),
        "{table:?}"
    );
    assert!(table.out.contains("the newest 1"), "{table:?}");
}

#[test]
fn roles_are_added_listed_and_assigned() {
    let home = Home::new();
    home.write("users.csv", "username,password\nann,Spring-Meadow-42\n");
    import(&home, &[]).ended(0);
    home.run(&["role", "add", "Sales: north", "--member", "ANN"])
        .ended(0);
    home.run(&["role", "add", "Internal/agent"]).ended(0);
    let taken = home.run(&["role", "add", "sales: north"]).ended(1);
    assert!(taken.err.contains("exists already"), "{taken:?}");
    let unknown = home
        .run(&["role", "add", "x", "--member", "nosuchuser"])
        .ended(1);
    assert!(unknown.err.contains("nosuchuser"), "{unknown:?}");
    let list = home.run(&["role", "list", "--json"]).ended(0).json_lines();
    let names: Vec<_> = list
        .iter()
        .filter_map(|role| role["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Sales: north",
            "admin",
            "Internal/agent",
            "Internal/everyone"
        ]
    );
    assert!(
        home.run(&["role", "list"])
            .ended(0)
            .out
            .contains("Sales: north")
    );
    home.write(
        "users.csv",
        "username,password,roles\nbob,Spring-Meadow-42,\"\"\"sales: north\"\":Internal/agent\"\n",
    );
    import(&home, &[]).ended(0);
    let bob = home
        .run(&["users", "show", "bob", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        bob["roles"],
        serde_json::json!(["Internal/agent", "Sales: north"])
    );
    let audit = home.run(&["audit"]).ended(0);
    assert!(audit.out.contains("PRIMARY/Sales: north"), "{audit:?}");
}

/// The number of stored users; `None` without a database.
fn stored(home: &Home) -> Option<i64> {
    let database = home
        .data()
        .join("muster.db")
        .exists()
        .then(|| database(&home.data()))?;
    let row = database.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
    row.ok()
}

/// Starts an import from a pipe and waits until some batches are written. Returns the process, its input, and
/// the remaining rows.
fn import_under_way(home: &Home) -> (Child, File, String) {
    let pipe = home.path("users.csv");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    home.write("default", "Initial-Pass-1");
    let mut command = home.command(&["import", "users.csv", "--default-password-file", "default"]);
    let child = command.stdin(Stdio::null()).spawn();
    let child = child.expect("the binary starts");
    let mut writer = File::options()
        .write(true)
        .open(&pipe)
        .expect("the peer reads");
    let csv = users_csv(2_000, 7_919);
    let (before, after) = csv.split_at(csv.len() / 2);
    writer.write_all(before.as_bytes()).expect("the peer reads");
    let until = Instant::now() + Duration::from_secs(60);
    while stored(home).is_none_or(|stored| stored < 100) {
        assert!(Instant::now() < until, "the import does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    (child, writer, after.to_owned())
}

#[test]
fn ctrl_c_stops_an_import_after_a_batch_and_reports_what_is_stored() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 50\nbatch_users = 50\n");
    let (mut child, mut writer, after) = import_under_way(&home);
    let process = Pid::from_raw(i32::try_from(child.id()).expect("an id")).expect("an id");
    kill_process(process, Signal::INT).expect("the process runs");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    err.read_line(&mut said).expect("UTF-8");
    assert!(said.contains("stopping after the current batch"), "{said}");
    // The import may be blocked in a read; send the remaining rows.
    let _ = writer.write_all(after.as_bytes());
    drop(writer);
    while err.read_line(&mut said).expect("UTF-8") > 0 {}
    assert!(
        said.contains("cancelled") && said.contains("muster imports undo"),
        "{said}"
    );
    let status = child.wait().expect("the process ends");
    assert_eq!(status.code(), Some(2), "some rows are stored: {said}");
    let record = newest(&home);
    assert_eq!(record["state"], "cancelled");
    assert_eq!(record["created"], stored(&home).expect("a count"));
    home.run(&["imports", "undo", id(&record)]).ended(0);
    assert_eq!(stored(&home), Some(0));
}

#[test]
fn an_import_of_another_terminal_can_be_cancelled() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 50\nbatch_users = 50\n");
    let (mut child, mut writer, _) = import_under_way(&home);
    let record = newest(&home);
    home.run(&["imports", "cancel", id(&record)]).ended(0);
    let until = Instant::now() + Duration::from_secs(60);
    while newest(&home)["state"] == "running" {
        assert!(Instant::now() < until, "the import does not stop");
        // Keep sending rows until the import stops.
        let _ = writer.write_all(b"unused-username,,,,,\n");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(writer);
    assert_eq!(newest(&home)["state"], "cancelled");
    assert_eq!(child.wait().expect("the process ends").code(), Some(2));
}

#[test]
fn an_import_of_the_server_can_be_cancelled_at_the_terminal() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 10\n");
    let server = Serving::start(&home);
    let mut stream = server.connect();
    let csv = users_csv(3_000, 7_919);
    let (head, _) = mtom_around(csv.len() * 2);
    stream.write_all(head.as_bytes()).expect("the peer reads");
    stream.write_all(csv.as_bytes()).expect("the peer reads");
    let until = Instant::now() + Duration::from_secs(30);
    let running = || {
        let list = home.run(&["imports", "list", "--json"]).ended(0);
        list.json_lines()
            .into_iter()
            .find(|record| record["state"] == "running")
    };
    let record = loop {
        assert!(Instant::now() < until, "the import does not start");
        if let Some(record) = running() {
            break record;
        }
    };
    let refused = home.run(&["imports", "undo", id(&record)]).ended(1);
    assert!(refused.err.contains("is still running"), "{refused:?}");
    let asked = home.run(&["imports", "cancel", id(&record)]).ended(0);
    assert!(asked.out.contains("asked to stop"), "{asked:?}");
    // Keep sending rows until the import stops.
    let row = "unused-username,,,,,\n";
    while running().is_some() {
        assert!(Instant::now() < until, "the import does not stop");
        if stream.write_all(row.as_bytes()).is_err() {
            break;
        }
    }
    let record = newest(&home);
    assert_eq!(record["state"], "cancelled", "{record}");
    let late = home.run(&["imports", "cancel", id(&record)]).ended(1);
    assert!(late.err.contains("already ended: cancelled"), "{late:?}");
    let audit = home.run(&["audit", "--json"]).ended(0);
    assert!(audit.out.contains("import.cancel"), "{audit:?}");
    server.stop();
    let again = finish(home.command(&["imports", "cancel", "nonsense"]), "");
    again.ended(1);
}

#[test]
fn mended_cells_are_shown_if_there_are_some() {
    let home = Home::new();
    home.write("users.csv", MIXED);
    import(&home, &[]).ended(2);
    let record = newest(&home);
    assert_eq!(record.get("mended"), None, "{record}");
    let show = || home.run(&["imports", "show", id(&record)]).ended(0).out;
    assert!(!show().contains("mended"));
    let db = rusqlite::Connection::open(home.data().join("muster.db")).unwrap();
    assert_eq!(db.execute("UPDATE imports SET mended = 2", []), Ok(1));
    assert!(show().contains("\nmended    2 cells were changed before the import\n"));
    assert_eq!(newest(&home)["mended"], 2);
}

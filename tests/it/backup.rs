//! A backup of the store during an import, and its restoration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::process::{Home, Serving, database, send_over, users_csv};

/// For every import: its id, its state, its counters, and the users that it created.
fn imports(connection: &rusqlite::Connection) -> Vec<(String, i64, i64)> {
    let sql =
        "SELECT state, created, (SELECT count(*) FROM users WHERE created_in = imports.number)
        FROM imports ORDER BY id";
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn backup_during_an_import_is_a_state_between_two_batches() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 100\nbatch_users = 100\n");
    let server = Serving::start(&home);
    let csv = users_csv(20_000, 7_919);
    let mut stream = server.connect();
    let sender = std::thread::spawn(move || {
        // The server may be stopped before everything is sent.
        let _ = send_over(&mut stream, &csv, Duration::from_secs(8), 0);
        crate::app::Response::read(&mut stream)
    });
    let until = Instant::now() + Duration::from_secs(60);
    let created = || -> i64 {
        let count = "SELECT coalesce(sum(created), 0) FROM imports";
        let row = database(&home.data()).query_row(count, [], |row| row.get(0));
        row.unwrap_or(0)
    };
    let mut copies = Vec::new();
    let mut last = 0;
    while copies.len() < 5 {
        assert!(Instant::now() < until, "the import does not continue");
        if created() <= last {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let name = format!("copy{}.db", copies.len());
        let done = home.run(&["backup", &name]).ended(0);
        assert!(done.out.contains(&name), "{done:?}");
        let copy = rusqlite::Connection::open(home.path(&name)).expect("a database");
        let found = imports(&copy);
        let [(state, counted, users)] = found.as_slice() else {
            panic!("one import: {found:?}");
        };
        assert_eq!((state.as_str(), counted), ("running", users));
        assert!(*counted > last, "{counted}");
        last = *counted;
        copies.push(name);
    }
    assert_eq!(sender.join().expect("no panic").status, 200);
    server.stop();

    let mode = fs::metadata(home.path("copy0.db"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&["backup", "copy0.db"]).ended(1);
    assert!(again.err.contains("not overwritten"), "{again:?}");

    let restored = Home::new();
    fs::create_dir(restored.data()).expect("a folder");
    fs::copy(home.path("copy2.db"), restored.data().join("muster.db")).expect("a copy");
    let before = imports(&database(&restored.data()));
    let server = Serving::start(&restored);
    let list = restored
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(list[0]["state"], "interrupted");
    assert_eq!(list[0]["created"], before[0].1);
    let users = restored
        .run(&["users", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(i64::try_from(users.len()).expect("small"), before[0].1);
    let mut stream = server.connect();
    send_over(&mut stream, &users_csv(20_000, 7_919), Duration::ZERO, 0).expect("it is read");
    crate::app::Response::read(&mut stream);
    let list = restored
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    let total = list[0]["created"].as_i64().expect("a count") + before[0].1;
    assert_eq!(total, 20_000, "sending the file again completes it");
    server.stop();
}

#[test]
fn failed_backup_is_reported_and_leaves_no_file() {
    let home = Home::with_settings("[store]\nurl = 'memory:'\n");
    let refused = home.run(&["backup", "copy.db"]).ended(1);
    assert!(
        refused.err.contains("memory:") && refused.err.contains("store.url"),
        "{refused:?}"
    );
    assert!(!home.path("copy.db").exists());
    let home = Home::new();
    let refused = home.run(&["backup", "copy.db"]).ended(1);
    assert!(refused.err.contains("there is no store at"), "{refused:?}");
    assert!(!home.path("copy.db").exists());
}

//! The n-th system call of an import kills the process or fails: confirmed rows are stored exactly once, and the same call
//! with the same key imports the whole file.

use std::io::{Read, Write};
use std::path::Path;

use crate::app::basic;
use crate::chosen::{Chosen, number};
use crate::fault::{DEFAULT_PASSWORD, Injection, ready, upload};
use crate::process::{ADMIN_PASSWORD, Home, Serving, database, users_csv};

const ROWS: usize = 3_000;

/// Many small commits, so that faults hit one.
const SETTINGS: &str = "[import]\nfirst_batch_users = 200\nbatch_users = 400\n";

/// System calls of an import that change something, with the approximate maximum number of such calls per thread.
const CALLS: [(&str, u64); 5] = [
    ("pwrite64", 220),
    ("fdatasync,fsync", 14),
    ("ftruncate", 3),
    ("unlink,unlinkat", 3),
    ("sendto,writev,write", 6),
];

const KEY: &str = "Idempotency-Key: \"trial\"\r\n";

/// The status of an upload whose server may be killed in the meantime.
fn try_upload(server: &Serving, csv: &str) -> Option<u16> {
    let mut stream = std::net::TcpStream::connect(server.http()).ok()?;
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .ok()?;
    write!(
        stream,
        "POST /api/v1/imports HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n{KEY}\
         {DEFAULT_PASSWORD}Content-Type: text/csv\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        basic("admin", ADMIN_PASSWORD),
        csv.len()
    )
    .ok()?;
    stream.write_all(csv.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// The number of users, after checking that the database is consistent and that the counters match the rows.
pub fn users(data: &Path, what: &str) -> usize {
    let db = database(data);
    let text =
        |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).expect("an answer") };
    assert_eq!(text("PRAGMA integrity_check"), "ok", "{what}");
    let count = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).expect("a count") };
    let wrong = count(
        "WITH made AS (SELECT created_in, count(*) AS users FROM users GROUP BY created_in)
         SELECT count(*) FROM imports LEFT JOIN made ON created_in = number
         WHERE created <> coalesce(users, 0)
             OR total <> created + updated + unchanged + duplicate + failed + skipped",
    );
    assert_eq!(wrong, 0, "counters do not match the rows; {what}");
    usize::try_from(count("SELECT count(*) FROM users")).expect("a count")
}

/// Sends the file again with the same key until it is complete, with each row stored once.
fn complete(server: &Serving, home: &Home, csv: &str, what: &str) {
    let mut last = None;
    for _ in 0..30 {
        last = try_upload(server, csv);
        if matches!(last, Some(200 | 201)) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(
        matches!(last, Some(200 | 201)),
        "{last:?}; {what}\n{}",
        server.log()
    );
    assert_eq!(users(&home.data(), what), ROWS, "{what}");
}

#[test]
fn kill_at_any_system_call_loses_and_duplicates_nothing() {
    let mut chosen = Chosen::new();
    let csv = users_csv(ROWS, 7_919);
    let (mut killed, mut confirmed) = (0, 0);
    let trials = number("TRIAL_COUNT").unwrap_or(60);
    for trial in 0..trials {
        let home = Home::with_settings(SETTINGS);
        let server = Serving::start(&home);
        let (call, most) = CALLS[usize::try_from(trial % CALLS.len() as u64).expect("small")];
        let n = 1 + chosen.below(most);
        let what = format!("{call} {n}, trial {trial}");
        let expression = format!("{call}:signal=KILL:when={n}");
        let Some(injection) = Injection::into(&server, &expression) else {
            return;
        };
        let answer = try_upload(&server, &csv);
        drop(injection);
        // It may already be killed.
        drop(server);
        killed += u64::from(answer.is_none());
        let server = Serving::start(&home);
        let there = users(&home.data(), &what);
        if matches!(answer, Some(200 | 201)) {
            confirmed += 1;
            assert_eq!(there, ROWS, "confirmed rows are lost; {what}");
        }
        complete(&server, &home, &csv, &what);
        server.stop();
    }
    eprintln!("{trials} trials, {killed} without a response, {confirmed} confirmed before the end");
    assert!(
        killed * 4 >= trials,
        "only {killed} of {trials} kills hit a running import"
    );
}

#[test]
fn failing_system_call_is_reported_and_the_process_continues() {
    let mut chosen = Chosen::new();
    let csv = users_csv(ROWS, 7_919);
    let trials = number("TRIAL_COUNT").unwrap_or(60);
    let mut refused = 0;
    for trial in 0..trials {
        let home = Home::with_settings(SETTINGS);
        let server = Serving::start(&home);
        let (call, most) = CALLS[usize::try_from(trial % 3).expect("small")];
        let n = 1 + chosen.below(most);
        let error = chosen.one_of(&["EIO", "ENOSPC", "EINTR", "EDQUOT"]);
        let what = format!("{call} {n} {error}, trial {trial}");
        let expression = format!("{call}:error={error}:when={n}");
        let Some(injection) = Injection::into(&server, &expression) else {
            return;
        };
        let answer = try_upload(&server, &csv);
        drop(injection);
        assert!(answer.is_some(), "no response; {what}\n{}", server.log());
        let log = server.log();
        assert!(!log.contains("panicked"), "{what}\n{log}");
        refused += u64::from(!matches!(answer, Some(200 | 201)));
        ready(&server, 200);
        if matches!(answer, Some(200 | 201)) {
            assert_eq!(users(&home.data(), &what), ROWS, "{what}");
        }
        complete(&server, &home, &csv, &what);
        // A later write succeeds.
        assert_eq!(
            upload(&server, "", "", "username\nlater\n").status,
            201,
            "{what}"
        );
        server.stop();
    }
    eprintln!("{trials} trials, {refused} reported a failure");
}

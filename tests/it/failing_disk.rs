//! A disk that does not confirm a write: the response says that the outcome is unknown, the store is reopened
//! before the next write, and the same call with the same key determines the outcome.

use crate::app::Response;
use crate::fault::{Injection, code, logged, ready, upload};
use crate::process::{Home, Serving, database};

const KEY: &str = "Idempotency-Key: \"one\"\r\n";
const CSV: &str = "username,givenname\nann,Ann\nbob,Bob\n";

fn names(home: &Home) -> Vec<String> {
    let db = database(&home.data());
    let mut query = db
        .prepare("SELECT user_name FROM people ORDER BY user_name")
        .expect("a query");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("names")
}

fn summary(response: &Response) -> (u16, String, bool) {
    let retry = response.header("retry-after").is_some();
    (response.status, code(response), retry)
}

#[test]
fn failed_sync_is_reported_as_uncertain_and_the_same_call_settles_it() {
    let home = Home::new();
    let server = Serving::start(&home);
    assert_eq!(upload(&server, "", "", "username\nfirst\n").status, 201);
    // The first two syncs of every thread, which include the first attempts to reopen the store.
    let Some(injection) = Injection::into(&server, "fsync,fdatasync:error=EIO:when=1..2") else {
        return;
    };
    let uncertain = upload(&server, "", KEY, CSV);
    assert_eq!(
        summary(&uncertain),
        (503, "IMP-STORE-UNCERTAIN".into(), true),
        "{}\n{}",
        uncertain.body,
        server.log()
    );
    assert!(uncertain.body.contains("same key"), "{}", uncertain.body);
    logged(&server, "the store has been reopened");
    drop(injection);
    ready(&server, 200);
    let again = upload(&server, "", KEY, CSV);
    assert!(
        matches!(again.status, 200 | 201),
        "{} {}",
        again.status,
        again.body
    );
    assert_eq!(names(&home), ["ann", "bob", "first"]);
    server.stop();
}

#[test]
fn store_that_cannot_be_reopened_is_not_ready_and_accepts_no_write() {
    let home = Home::new();
    let server = Serving::start(&home);
    assert_eq!(upload(&server, "", "", "username\nfirst\n").status, 201);
    let Some(injection) = Injection::into(&server, "fsync,fdatasync:error=EIO") else {
        return;
    };
    let uncertain = upload(&server, "", KEY, CSV);
    assert_eq!(
        code(&uncertain),
        "IMP-STORE-UNCERTAIN",
        "{}",
        uncertain.body
    );
    ready(&server, 503);
    let refused = upload(&server, "", "", "username\nlate\n");
    assert_eq!(refused.status, 503, "{}", refused.body);
    // After a kill here, the row may be stored or not; the same call finds out.
    drop(injection);
    server.kill();
    let server = Serving::start(&home);
    ready(&server, 200);
    let again = upload(&server, "", KEY, CSV);
    assert!(
        matches!(again.status, 200 | 201),
        "{} {}",
        again.status,
        again.body
    );
    let names = names(&home);
    assert!(names.contains(&"ann".to_owned()) && names.contains(&"bob".to_owned()));
    server.stop();
}

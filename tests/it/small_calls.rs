//! Small calls: each is durable before its response, and none holds a thread while its commit is pending.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_record::ImportState;
use rusqlite::Connection;

use crate::app::{RELATED, Response, TestApp, admin, multipart};

/// A file with these user names and no passwords.
fn file(names: &[String]) -> String {
    let mut file = "username,givenname\r\n".to_owned();
    for name in names {
        file.push_str(&format!("{name},Ann\r\n"));
    }
    file
}

fn named(names: &[&str]) -> String {
    file(
        &names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    )
}

/// The call as it is sent on a persistent connection.
fn request(file: &str) -> Vec<u8> {
    let body = multipart(file);
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {RELATED}\r\nContent-Length: {}\r\n\r\n",
        admin(),
        body.len()
    );
    [head, body].concat().into_bytes()
}

fn begin(server: &TestApp, file: &str) -> TcpStream {
    let mut stream = server.connect();
    stream.write_all(&request(file)).expect("the server reads");
    stream
}

/// Opens the database from outside the server.
fn database(server: &TestApp) -> Connection {
    Connection::open(server.folder.path().join("data/muster.db")).expect("the database is there")
}

/// Blocks every commit until it is dropped.
fn hold_commits(server: &TestApp) -> Connection {
    let database = database(server);
    database.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    database
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn under_way(server: &TestApp) -> usize {
    server.app.jobs.under_way().len()
}

#[test]
fn concurrent_calls_are_durable_before_their_responses() {
    const CALLERS: usize = 48;
    const CALLS: usize = 4;
    let server = TestApp::start();
    let database = database(&server);
    let stored = |name: &str| {
        let count = "SELECT count(*) FROM users WHERE name_key = ?1";
        database
            .query_row(count, [name], |row| row.get::<_, i64>(0))
            .expect("the database can be read")
    };
    let mut callers: Vec<TcpStream> = (0..CALLERS).map(|_| server.connect()).collect();
    for call in 0..CALLS {
        let name = |caller: usize| format!("u-{caller}-{call}");
        for (caller, stream) in callers.iter_mut().enumerate() {
            let users = ["a", "b", "c"].map(|user| format!("{}{user}", name(caller)));
            stream
                .write_all(&request(&file(&users)))
                .expect("the server reads");
        }
        for (caller, stream) in callers.iter_mut().enumerate() {
            let answer = Response::read(stream);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let import = answer.header("muster-import").expect("the import is named");
            assert!(import.contains("created=3,"), "{import}");
            assert_eq!(stored(&format!("{}c", name(caller))), 1);
        }
    }
    let imports = server
        .app
        .store
        .imports(DEFAULT_ORGANIZATION, 1_000)
        .expect("works");
    assert_eq!(imports.len(), CALLERS * CALLS);
    for import in imports {
        assert_eq!(
            (import.state, import.counters.created),
            (ImportState::Completed, 3)
        );
        assert!(import.finished_at.is_some() && import.sha256.is_some());
    }
    assert_eq!(under_way(&server), 0);
}

#[test]
fn plain_passwords_are_hashed() {
    let server = TestApp::start();
    for name in ["new", "known"] {
        let answer = Response::read(&mut begin(&server, &named(&[name])));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(server.has_password(name, "Initial-Pass-1"));
    }
    let own = "username,password\r\nown,Battery-Staple-7\r\nwithout,\r\n";
    let answer = Response::read(&mut begin(&server, own));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(server.has_password("own", "Battery-Staple-7"));
    assert!(server.has_password("without", "Initial-Pass-1"));
}

#[test]
fn roles_of_a_row_are_given_to_its_user() {
    let server = TestApp::start();
    let file = "username,role\r\nann,admin\r\nbob,\r\ncid,nosuch\r\n";
    let answer = Response::read(&mut begin(&server, file));
    assert_eq!(answer.status, 500, "{}", answer.body);
    let users = server
        .users()
        .into_iter()
        .map(|user| (user.user_name, user.roles));
    let expected = [
        ("ann".to_owned(), vec!["admin".to_owned()]),
        ("bob".to_owned(), vec![]),
    ];
    assert_eq!(users.collect::<Vec<_>>(), expected);
    assert_eq!(server.findings()[0].2, "role-unknown");
}

#[test]
fn small_file_is_one_batch() {
    let server = TestApp::start_with(|options| {
        options.app.import.first_batch_users = 1;
        options.app.import.batch_passwords = 1;
    });
    let file = "username,password\r\nann,Battery-Staple-7\r\nbob,Battery-Staple-8\r\ncid,\r\n";
    let answer = Response::read(&mut begin(&server, file));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.user_names(), ["ann", "bob", "cid"]);
}

#[test]
fn client_that_disconnects_during_the_commit_leaves_a_complete_import() {
    let server = TestApp::start();
    let lock = hold_commits(&server);
    let stream = begin(&server, &named(&["ann", "bob", "cid"]));
    until("the import is under way", || under_way(&server) == 1);
    drop(stream);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        (under_way(&server), server.last_import().is_none()),
        (1, true)
    );
    drop(lock);
    until("the import has ended", || under_way(&server) == 0);
    let import = server.last_import().expect("the import");
    assert_eq!(
        (import.state, import.counters.created),
        (ImportState::Completed, 3)
    );
    assert_eq!(server.user_names(), ["ann", "bob", "cid"]);
}

#[test]
fn client_that_disconnects_within_a_small_body_leaves_an_interrupted_import() {
    let server = TestApp::start();
    let whole = request(&named(&["ann", "bob", "cid"]));
    let mut stream = server.connect();
    stream
        .write_all(&whole[..whole.len() - 20])
        .expect("the server reads");
    drop(stream);
    until("the import has a record", || server.last_import().is_some());
    let import = server.last_import().expect("the import");
    assert_eq!(
        (import.state, import.counters.created),
        (ImportState::Interrupted, 0)
    );
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn small_calls_need_no_slot() {
    let server = TestApp::start_with(|options| options.app.import.slots = 1);
    let lock = hold_commits(&server);
    let mut calls: Vec<TcpStream> = (0..5)
        .map(|number| begin(&server, &named(&[&format!("user{number}")])))
        .collect();
    until("all are under way", || under_way(&server) == 5);
    drop(lock);
    for call in &mut calls {
        assert_eq!(Response::read(call).status, 200);
    }
}

#[test]
fn failed_commit_is_reported_and_stores_nothing() {
    let server = TestApp::start_with(|options| options.app.import.slots = 1);
    let database = database(&server);
    database
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .expect("a trigger");
    let refused = Response::read(&mut begin(&server, &named(&["ann"])));
    assert_eq!(
        (refused.status, refused.rule().as_str()),
        (500, "IMP-STORE")
    );
    assert_eq!((under_way(&server), server.user_names().len()), (0, 0));
    database
        .execute_batch("DROP TRIGGER refuse")
        .expect("the trigger is removed");
    let after = Response::read(&mut begin(&server, &named(&["ann"])));
    assert_eq!(after.status, 200, "{}", after.body);
}

#[test]
fn stopping_server_answers_the_call_whose_commit_is_pending() {
    let mut server = TestApp::start();
    let lock = hold_commits(&server);
    let mut stream = begin(&server, &named(&["ann"]));
    until("the import is under way", || under_way(&server) == 1);
    // By now its row has been read, also on a busy machine, and its commit waits for the lock.
    std::thread::sleep(Duration::from_millis(500));
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    server.stop().expect("the server stops");
    release.join().expect("the thread does not panic");
    let answer = Response::read(&mut stream);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.user_names(), ["ann"]);
}

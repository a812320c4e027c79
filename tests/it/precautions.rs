//! File modes, files that are not stores, reloading of certificates, core dumps, and the audit of operators,
//! tokens and failed logins, with the real binary.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use muster::clock::Moment;
use muster::users::import_record::ImportState;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use serde_json::Value;

use crate::app::{Response, basic, inline};
use crate::jobs::{file, folder, new_app, record, recorded, request, uploads};
use crate::lifecycle::over_tls;
use crate::message::KIM;
use crate::process::{ADMIN_PASSWORD, Home, Serving, finish};

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("a file");
    metadata.permissions().mode() & 0o777
}

/// `folder` and every file and directory in it.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => all.extend(all_below(&path)),
            false => all.push(path),
        }
    }
    all
}

/// The command with the umask 000.
fn with_open_umask(command: &Command) -> Command {
    let mut open = Command::new("sh");
    open.args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    if let Some(folder) = command.get_current_dir() {
        open.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => open.env(name, value),
            None => open.env_remove(name),
        };
    }
    open
}

fn https_command(home: &Home) -> Command {
    let mut command = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
    command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
    command
}

fn post(server: &Serving, path: &str, authorization: &str, body: &str) -> Response {
    let mut stream = server.connect();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\n\
         Prefer: respond-async\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
    Response::read(&mut stream)
}

#[test]
fn files_are_private_to_their_owner_whatever_the_umask() {
    let home = Home::new();
    // An existing directory that is open to all users.
    fs::create_dir(home.data()).expect("a folder");
    fs::set_permissions(home.data(), Permissions::from_mode(0o777)).expect("its mode");
    let server = Serving::spawn(with_open_umask(&https_command(&home)));
    let csv = "username,password\nkim,Spring-Meadow-42\n";
    let admin = basic("admin", ADMIN_PASSWORD);
    assert_eq!(post(&server, "/api/v1/imports", &admin, csv).status, 202);
    let files = |expected: &[&str]| {
        let all = all_below(&home.data());
        for name in expected {
            let is_it = |path: &PathBuf| path.file_name().is_some_and(|it| it == *name);
            assert!(all.iter().any(is_it), "{name} in {all:?}");
        }
        all.into_iter().skip(1)
    };
    let names = [
        "muster.db",
        "muster.db-wal",
        "muster.db-shm",
        "muster.lock",
        "tls-key.pem",
        "tls-certificate.pem",
    ];
    for path in files(&names) {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    assert!(
        server
            .log()
            .contains("is open to every user of this machine (mode 777)"),
        "{}",
        server.log()
    );
    let backup = home.command(&["backup", "copy.db"]);
    finish(with_open_umask(&backup), "").ended(0);
    assert_eq!(mode(&home.path("copy.db")), 0o600);
    server.stop();
    // Modes that were widened are restricted again.
    for name in ["muster.db", "muster.lock", "tls-key.pem"] {
        fs::set_permissions(home.data().join(name), Permissions::from_mode(0o666))
            .expect("the mode is set");
    }
    let server = Serving::spawn(https_command(&home));
    for path in files(&names) {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    server.stop();
}

/// Whether the server answers `/healthz`.
fn is_healthy(server: &Serving) -> bool {
    let mut stream = TcpStream::connect(server.http()).expect("the server listens");
    let request = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
    Response::read(&mut stream).status == 200
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sighup_does_not_stop_a_server_without_https() {
    let home = Home::new();
    let server = Serving::start(&home);
    for _ in 0..3 {
        server.signal(Signal::HUP);
    }
    wait_for("the log", || server.log().contains("HTTPS is off"));
    assert!(is_healthy(&server));
    server.stop();
}

/// Writes a certificate for `localhost` and its key; it expires on this day.
fn write_certificate(home: &Home, end: (i32, u8, u8)) -> PathBuf {
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(end.0, end.1, end.2);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    home.write("key.pem", &key.serialize_pem());
    let key_file = home.path("key.pem");
    fs::set_permissions(key_file, Permissions::from_mode(0o600)).expect("its mode");
    home.write("chain.pem", &certificate.pem())
}

#[test]
fn a_certificate_is_reloaded_on_sighup_and_when_its_files_change() {
    let home =
        Home::with_settings("[server]\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n");
    let chain = write_certificate(&home, (2090, 1, 1));
    let server = Serving::spawn(https_command(&home));
    let health = "GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    // Only a client that trusts the certificate gets an answer.
    let served = |server: &Serving| {
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            over_tls(server, &chain, "localhost", health)
        }));
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    };
    assert!(served(&server));
    write_certificate(&home, (2091, 1, 1));
    server.signal(Signal::HUP);
    wait_for("the reload at the signal", || served(&server));
    // A new key alone does not match the certificate, so the previous pair stays in use.
    let before = fs::read(home.path("key.pem")).expect("the key");
    home.write(
        "key.pem",
        &KeyPair::generate().expect("a key").serialize_pem(),
    );
    server.signal(Signal::HUP);
    wait_for("the log", || server.log().contains("was not reloaded"));
    assert!(served(&server));
    fs::write(home.path("key.pem"), before).expect("the file can be written");
    // Without a signal.
    write_certificate(&home, (2092, 1, 1));
    wait_for("the reload without a signal", || served(&server));
    server.stop();
}

#[test]
fn expired_certificates_and_open_file_modes_are_reported() {
    let home =
        Home::with_settings("[server]\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n");
    write_certificate(&home, (2024, 2, 29));
    fs::set_permissions(home.path("key.pem"), Permissions::from_mode(0o644)).expect("its mode");
    fs::create_dir(home.data()).expect("a folder");
    fs::set_permissions(home.data(), Permissions::from_mode(0o755)).expect("its mode");
    let checked = home.run(&["check-config"]).ended(0);
    let parts = [
        "chain.pem expired on 2024-02-29T00:00:00.000Z",
        "key.pem can be read by every user of this machine (mode 644)",
        "is open to every user of this machine (mode 755)",
    ];
    for part in parts {
        assert!(checked.out.contains(part), "{part}: {}", checked.out);
    }
    let server = Serving::spawn(https_command(&home));
    for part in parts {
        wait_for(part, || server.log().contains(part));
    }
    server.stop();
    // The self-signed certificate is renewed, not reported.
    let home = Home::new();
    let server = Serving::spawn(https_command(&home));
    server.stop();
    let checked = home.run(&["check-config"]).ended(0);
    assert!(!checked.out.contains("Warning"), "{}", checked.out);
}

#[test]
fn files_that_are_not_stores_are_reported_and_nothing_starts() {
    let home = Home::new();
    home.write("users.csv", "username,password\nkim,Spring-Meadow-42\n");
    home.run(&["import", "users.csv"]).ended(0);
    let whole = fs::read(home.data().join("muster.db")).expect("the store");
    let at_version = |version: i64| {
        let path = home.path("other.db");
        fs::write(&path, &whole).expect("a copy");
        let db = rusqlite::Connection::open(&path).expect("the database opens");
        db.pragma_update(None, "user_version", version)
            .expect("the version is set");
        drop(db);
        fs::read(path).expect("the file exists")
    };
    let other = {
        let path = home.path("songs.db");
        let db = rusqlite::Connection::open(&path).expect("the database opens");
        db.execute_batch("CREATE TABLE songs (title TEXT)")
            .expect("the table is created");
        drop(db);
        fs::read(path).expect("the file exists")
    };
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty", Vec::new(), "is empty (0 bytes)"),
        (
            "text",
            b"username,password\nkim,geheim\n".to_vec(),
            "is not an SQLite database",
        ),
        ("other", other, "another application"),
        ("cut", whole[..whole.len() / 2].to_vec(), "is damaged"),
        ("newer", at_version(4_711), "schema version 4711"),
        ("impossible", at_version(-1), "schema version -1"),
        ("version 0", at_version(0), "another application"),
    ];
    for (name, bytes, part) in cases {
        fs::write(home.data().join("muster.db"), &bytes).expect("the file can be written");
        for command in [
            &["serve", "--http", "127.0.0.1:0", "--https", "off"][..],
            &["import", "users.csv"],
            &["users", "list"],
            &["operator", "list"],
            &["check-config"],
        ] {
            let done = home.run(command).ended(1);
            assert!(done.err.contains(part), "{name}, {command:?}: {}", done.err);
            assert!(!done.err.contains("geheim"), "{name}: {}", done.err);
            let now = fs::read(home.data().join("muster.db")).expect("the file exists");
            assert!(now == bytes, "{name}, {command:?}: the file was changed");
            for end in ["-wal", "-shm", ".new"] {
                let beside = home.data().join(format!("muster.db{end}"));
                assert!(
                    !beside.exists(),
                    "{name}, {command:?}: {}",
                    beside.display()
                );
            }
        }
    }
    fs::write(home.data().join("muster.db"), &whole).expect("the file can be written");
    let listed = home.run(&["users", "list", "--json"]).ended(0);
    assert_eq!(listed.json_lines().len(), 1);
}

#[test]
fn core_dumps_are_disabled() {
    let home = Home::new();
    let server = Serving::start(&home);
    let id = server.id();
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).expect("Linux");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let values: Vec<&str> = core.expect("a limit").split_whitespace().skip(4).collect();
    assert_eq!(values[..2], ["0", "0"]);
    // The files in /proc of a process that is not dumpable belong to root.
    use std::os::unix::fs::MetadataExt;
    let environment = fs::metadata(format!("/proc/{id}/environ")).expect("Linux");
    assert_eq!(environment.uid(), 0);
    server.stop();
}

#[test]
fn uploads_queued_for_too_long_are_deleted_and_their_imports_end() {
    let folder = folder();
    let app = std::sync::Arc::new(new_app(&folder, |options| {
        options.app.import.upload_hours = 2;
    }));
    // The queue has not started.
    let waiting = recorded(
        app.jobs
            .queue(request(&app, None), file("ann", 3).as_bytes()),
    );
    assert_eq!(uploads(&app).len(), 1);
    let hours = |hours: i64| Moment(app.clock.now().0 + hours * 3_600_000_000);
    app.jobs.forget_old_uploads(hours(1));
    assert_eq!(uploads(&app).len(), 1);
    app.jobs.forget_old_uploads(hours(3));
    assert_eq!(uploads(&app), [""; 0].map(PathBuf::from));
    let ended = record(&app, waiting.id);
    assert_eq!(ended.state, ImportState::Failed);
    assert!(
        ended
            .reason
            .expect("a reason")
            .contains("import.upload_hours")
    );
    // The worker does not find the deleted upload.
    app.jobs.begin().expect("the queue starts");
    let next = recorded(
        app.jobs
            .queue(request(&app, None), file("bob", 3).as_bytes()),
    );
    wait_for("the next one", || record(&app, next.id).state.is_final());
    wait_for("its upload to be deleted", || uploads(&app).is_empty());
}

/// The audit entries whose action has this prefix, oldest first.
fn entries(home: &Home, organization: &str, action: &str) -> Vec<Value> {
    let listed = home
        .run(&["audit", "--json", "--organization", organization])
        .ended(0);
    let mut found: Vec<Value> = listed
        .json_lines()
        .into_iter()
        .filter(|entry| {
            entry["action"]
                .as_str()
                .is_some_and(|it| it.starts_with(action))
        })
        .collect();
    found.reverse();
    found
}

#[test]
fn changes_of_operators_and_tokens_are_audited() {
    let home = Home::new();
    let server = Serving::start(&home);
    home.run(&["organization", "add", "acme"]).ended(0);
    home.run(&["operator", "add", "ann", "--role", "import"])
        .ended(0);
    home.run(&["operator", "password", "ANN"]).ended(0);
    let made = home
        .run(&["operator", "token", "add", "ann", "--role", "read"])
        .ended(0);
    let secret = made
        .out
        .lines()
        .next()
        .expect("the token")
        .rsplit(' ')
        .next()
        .expect("a token");
    let tokens = home
        .run(&["operator", "token", "list", "--json"])
        .ended(0)
        .json_lines();
    let id = tokens[0]["id"].as_str().expect("an id").to_owned();
    home.run(&["operator", "token", "revoke", &id]).ended(0);
    home.run(&["operator", "token", "revoke", &id]).ended(1);
    home.run(&["operator", "remove", "ann"]).ended(0);
    home.run(&["operator", "remove", "ann"]).ended(1);
    home.run(&[
        "operator",
        "add",
        "eve",
        "--role",
        "admin",
        "--organization",
        "acme",
    ])
    .ended(0);
    server.stop();
    let audited = |organization: &str, action: &str| -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = entries(&home, organization, action).into_iter();
        found
            .map(|it| {
                (
                    text(&it["action"]),
                    text(&it["operator"]),
                    text(&it["target"]),
                )
            })
            .collect()
    };
    let by_terminal =
        |action: &str, target: &str| (action.into(), "terminal".into(), target.into());
    assert_eq!(
        audited("default", "operator."),
        [
            by_terminal("operator.add", "admin"),
            by_terminal("operator.add", "ann"),
            by_terminal("operator.password", "ann"),
            by_terminal("operator.remove", "ann"),
        ]
    );
    let expected = [
        by_terminal("token.add", "ann"),
        by_terminal("token.remove", "ann"),
    ];
    assert_eq!(audited("default", "token."), expected);
    assert_eq!(
        audited("acme", "operator."),
        [by_terminal("operator.add", "eve")]
    );
    let token = &entries(&home, "default", "token.add")[0]["details"];
    assert_eq!(
        (&token["token"], &token["role"]),
        (&id.into(), &"read".into())
    );
    let all = home.run(&["audit", "--json"]).ended(0).out;
    assert!(!all.contains(secret) && !all.contains("argon2"), "{all}");
}

#[test]
fn failed_logins_are_audited_and_a_flood_is_only_counted() {
    const WRONG: &str = "Wrong-Harbour-7";
    // Without limits on logins, all attempts fall into one minute.
    let home = Home::with_settings(
        "[access]\nlogin_failures_per_account = 1000\nlogin_failures_per_address = 1000\n",
    );
    let server = Serving::start(&home);
    let csv = "username\nkim\n";
    // Over each channel, with each method.
    let rest = "/api/v1/imports";
    assert_eq!(post(&server, rest, &basic("admin", WRONG), csv).status, 401);
    assert_eq!(post(&server, rest, "Bearer muster_none", csv).status, 401);
    assert_eq!(
        post(&server, "/scim/v2/Users", &basic("admin", WRONG), "{}").status,
        401
    );
    let soap = |path: &str, authorization: Option<String>, body: &str| {
        let mut stream = server.connect();
        let field = authorization.map_or(String::new(), |it| format!("Authorization: {it}\r\n"));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\n{field}Content-Type: text/xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        Response::read(&mut stream)
    };
    let service = "/services/UserAdmin";
    soap(service, Some(basic("admin", WRONG)), &inline(KIM));
    let token = format!(
        "<e:Header xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><w:Security xmlns:w=\"{}\">\
         <w:UsernameToken><w:Username>admin</w:Username><w:Password>{WRONG}</w:Password>\
         </w:UsernameToken></w:Security></e:Header><soapenv:Body",
        muster::http::soap::security::WSSE
    );
    let with_token = inline(KIM).replacen("<soapenv:Body", &token, 1);
    assert!(soap(service, None, &with_token).body.contains("50977"));
    let login = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <login xmlns=\"http://authentication.services.core.carbon.wso2.org\"><username>admin</username>\
         <password>{WRONG}</password><remoteAddress>1.2.3.4</remoteAddress></login></e:Body></e:Envelope>"
    );
    let answer = soap("/services/AuthenticationAdmin", None, &login);
    assert!(answer.body.contains(">false<"), "{}", answer.body);
    // Unknown names, one of them a password in the wrong place; more than the entries of one minute.
    let odd = "Kp9#vTz!qW37";
    assert_eq!(post(&server, rest, &basic(odd, WRONG), csv).status, 401);
    for number in 0..10 {
        let name = format!("stranger{number}");
        assert_eq!(post(&server, rest, &basic(&name, WRONG), csv).status, 401);
    }
    // A successful login has no entry.
    assert_eq!(
        post(&server, rest, &basic("admin", ADMIN_PASSWORD), csv).status,
        202
    );
    server.stop();
    let found = entries(&home, "default", "login.failed");
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let of = |channel: &str, method: &str| {
        found.iter().any(|it| {
            text(it, "door") == channel
                && text(it, "operator") == if method == "bearer" { "" } else { "admin" }
                && text(&it["details"], "method") == method
                && text(&it["details"], "address") == "127.0.0.1"
        })
    };
    for (channel, method) in [
        ("rest", "basic"),
        ("rest", "bearer"),
        ("scim", "basic"),
        ("soap", "basic"),
        ("soap", "usernameToken"),
        ("soap", "login"),
    ] {
        assert!(of(channel, method), "{channel} {method}: {found:?}");
    }
    let strangers = found.iter().filter(|it| {
        it["details"]["knownOperator"] == false && it["details"]["method"].is_string()
    });
    // Five, including the one without a name.
    assert_eq!(strangers.count(), 5, "{found:?}");
    let further: Vec<_> = found
        .iter()
        .filter_map(|it| it["details"]["furtherAttempts"].as_u64())
        .collect();
    assert_eq!(further, [7], "{found:?}");
    let all = home.run(&["audit", "--json"]).ended(0).out;
    assert!(!all.contains(WRONG) && !all.contains(odd), "{all}");
}

//! The life of a server process: addresses, certificate, health, a single writer, and an orderly stop during an
//! upload.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::app::{RELATED, Response, basic, multipart};
use crate::process::{
    ADMIN_PASSWORD, Home, Serving, database, finish, mtom_around, send_over, users_csv,
};

/// The longest that a stop may take, whatever clients do.
const GRACE: Duration = Duration::from_secs(25);

const SMALL: &str = "username,givenname\nann,Ann\nbob,Bob\n";

/// Posts a small MTOM call.
fn post(server: &Serving, name: &str, password: &str, file: &str) -> Response {
    let body = multipart(file);
    let mut stream = server.connect();
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {RELATED}\r\nContent-Length: {}\r\n\r\n",
        basic(name, password),
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the server reads");
    stream.write_all(body.as_bytes()).expect("the server reads");
    Response::read(&mut stream)
}

fn get(server: &Serving, path: &str) -> Response {
    let mut stream = server.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").expect("the server reads");
    Response::read(&mut stream)
}

/// One exchange over HTTPS with a client that trusts only this certificate.
pub fn over_tls(server: &Serving, certificate: &Path, name: &str, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_file(certificate).expect("a certificate");
    roots.add(own).expect("a certificate to trust");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the defaults")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(server.https()).expect("the server listens");
    let mut stream = StreamOwned::new(client, socket);
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn https_server(home: &Home) -> Serving {
    let mut command = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
    command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
    Serving::spawn(command)
}

#[test]
fn the_server_prints_its_addresses_and_is_healthy() {
    let home = Home::new();
    let server = https_server(&home);
    let said = &server.said;
    assert!(said.contains(&format!("http://{}/services/UserAdmin", server.http())));
    assert!(said.contains(&format!(
        "https://{}/services/UserAdmin?wsdl",
        server.https()
    )));
    assert!(said.contains(&home.data().display().to_string()), "{said}");
    assert!(!said.contains(ADMIN_PASSWORD), "{said}");
    assert_eq!(get(&server, "/healthz").body, "ok\n");
    let ready = get(&server, "/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    assert_eq!(get(&server, "/services/UserAdmin?wsdl").status, 200);
    server.stop();
}

#[test]
fn https_keeps_the_certificate_made_at_the_first_start() {
    let home = Home::new();
    let server = https_server(&home);
    let (certificate, key) = (
        home.data().join("tls-certificate.pem"),
        home.data().join("tls-key.pem"),
    );
    let health = "GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    for name in ["localhost", "127.0.0.1"] {
        let answer = over_tls(&server, &certificate, name, health);
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        assert!(answer.ends_with("ok\n"), "{name}: {answer}");
    }
    let body = multipart(SMALL);
    let call = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
         Authorization: {}\r\nContent-Type: {RELATED}\r\nContent-Length: {}\r\n\r\n{body}",
        basic("admin", ADMIN_PASSWORD),
        body.len()
    );
    let answer = over_tls(&server, &certificate, "localhost", &call);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let waiting = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {RELATED}\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
        basic("admin", "wrong"),
    );
    let answer = over_tls(&server, &certificate, "localhost", &waiting);
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("Connection: close"), "{answer}");
    let wsdl = "GET /services/UserAdmin?wsdl HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let wsdl = over_tls(&server, &certificate, "localhost", wsdl);
    let address = format!("https://{}/services/UserAdmin", server.https());
    assert!(
        wsdl.contains(&address),
        "the address of this listener: {wsdl}"
    );
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&home.data()), 0o700);
    let before = fs::read(&certificate).expect("a file");
    server.stop();

    let server = https_server(&home);
    assert_eq!(fs::read(&certificate).expect("a file"), before);
    let answer = over_tls(&server, &certificate, "localhost", health);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop();
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let home = Home::new();
    let server = Serving::start(&home);
    assert_eq!(post(&server, "admin", ADMIN_PASSWORD, SMALL).status, 200);

    let second = home.run(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    let refused = second.ended(1);
    assert!(refused.out.is_empty(), "{refused:?}");
    assert!(refused.err.contains("another muster"), "{refused:?}");
    assert!(refused.err.contains(&home.data().display().to_string()));
    home.write("more.csv", "username,password\ncarl,Spring-Meadow-42\n");
    let refused = home.run(&["import", "more.csv"]).ended(1);
    assert!(refused.err.contains("another muster"), "{refused:?}");

    let users = home.run(&["users", "list", "--json"]).ended(0);
    assert_eq!(users.json_lines().len(), 2);
    home.run(&["users", "show", "ANN"]).ended(0);
    let check = ["users", "check-password", "ann"];
    home.run_with_input(&check, "Initial-Pass-1\n").ended(0);
    let imports = home.run(&["imports", "list", "--json"]).ended(0);
    assert_eq!(imports.json_lines()[0]["state"], "completed");
    home.run(&["operator", "list"]).ended(0);
    assert_eq!(get(&server, "/readyz").status, 200);
    server.stop();
    home.run(&["import", "more.csv"]).ended(0);
}

#[test]
fn operator_changes_at_the_terminal_apply_to_the_next_call() {
    let home = Home::new();
    let server = Serving::start(&home);
    let status = |name, password, file: &str| post(&server, name, password, file).status;
    assert_eq!(status("admin", ADMIN_PASSWORD, SMALL), 200);
    let add = [
        "operator",
        "add",
        "esb",
        "--role",
        "import",
        "--password-stdin",
    ];
    home.run_with_input(&add, "Quiet-River-7\n").ended(0);
    assert_eq!(status("esb", "Quiet-River-7", "username\ncarl\n"), 200);
    let change = ["operator", "password", "ESB", "--password-stdin"];
    home.run_with_input(&change, "Loud-Ocean-8\n").ended(0);
    let old = post(&server, "esb", "Quiet-River-7", "username\ndora\n");
    assert_eq!(old.status, 500);
    assert!(old.body.contains("50977"), "{}", old.body);
    assert_eq!(status("esb", "Loud-Ocean-8", "username\ndora\n"), 200);
    home.run(&["operator", "remove", "esb"]).ended(0);
    let gone = post(&server, "esb", "Loud-Ocean-8", "username\nemil\n");
    assert!(gone.body.contains("50977"), "{}", gone.body);
    server.stop();
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let home = Home::new();
    for (http, https, key) in [
        (address.as_str(), "off", "server.http"),
        ("off", address.as_str(), "server.https"),
    ] {
        let refused = home
            .run(&["serve", "--http", http, "--https", https])
            .ended(1);
        assert!(refused.err.contains(&address), "{refused:?}");
        assert!(refused.err.contains(key), "{refused:?}");
        assert!(!refused.out.contains("is ready"), "{refused:?}");
    }
}

#[test]
fn an_idle_server_stops_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::new();
        let server = Serving::start(&home);
        let address = server.http();
        server.signal(signal);
        let (code, time) = server.wait(GRACE);
        assert_eq!(code, Some(0), "{signal:?}");
        assert!(time < Duration::from_secs(3), "{signal:?} took {time:?}");
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
    }
}

#[test]
fn idle_connections_do_not_delay_the_stop() {
    let home = Home::new();
    let server = Serving::start(&home);
    let mut stream = server.connect();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").expect("the server reads");
    assert_eq!(Response::read(&mut stream).status, 200);
    let _silent = server.connect();
    server.signal(Signal::TERM);
    let (code, time) = server.wait(Duration::from_secs(60));
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(8), "it took {time:?}");
}

/// Starts an upload with `sender`, stops the server in the middle of it, and checks what was stored.
fn stop_in_the_middle(signal: Signal, sender: fn(&mut TcpStream, &str)) {
    const ROWS: usize = 40_000;
    let home = Home::with_settings("[import]\nbatch_users = 1000\n");
    let server = Serving::start(&home);
    let address = server.http();
    let csv = users_csv(ROWS, 7_919);
    let mut stream = server.connect();
    let file = csv.clone();
    let mut reading = stream.try_clone().expect("a second handle");
    let client = std::thread::spawn(move || sender(&mut stream, &file));
    let until = Instant::now() + Duration::from_secs(60);
    let begun = || -> Option<i64> {
        let sql = "SELECT created FROM imports WHERE state = 'running'";
        database(&home.data())
            .query_row(sql, [], |row| row.get(0))
            .ok()
    };
    while begun().is_none_or(|created| created < 3_000) {
        assert!(Instant::now() < until, "the import does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    server.signal(signal);
    let answer = Response::read(&mut reading);
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(answer.body.contains("IMP-STOPPING"), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("5"));
    drop(reading);
    let (code, time) = server.wait(GRACE);
    assert_eq!(code, Some(0), "{signal:?}");
    client.join().expect("no panic");
    assert!(time < GRACE, "{time:?}");
    assert!(TcpStream::connect(address).is_err(), "the port is closed");

    let (state, reason, total, created, users): (String, String, i64, i64, i64) =
        database(&home.data())
            .query_row(
                "SELECT state, reason, total, created, (SELECT count(*) FROM users) FROM imports",
                [],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                    ))
                },
            )
            .expect("one import");
    assert_eq!(state, "interrupted");
    assert!(reason.contains("stopping"), "{reason}");
    assert_eq!((total, created), (users, users));
    assert!((3_000..40_000).contains(&users), "{users}");
    let stored = format!("{users} users are stored");
    assert!(answer.body.contains(&stored), "{stored}: {}", answer.body);

    let server = Serving::start(&home);
    let mut stream = server.connect();
    send_over(&mut stream, &csv, Duration::ZERO, 0).expect("the server reads the file");
    Response::read(&mut stream);
    let all: i64 = database(&home.data())
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(all, 40_000, "sending the file again completes it");
    server.stop();
}

/// Keeps sending until the server closes the connection.
fn send_steadily(stream: &mut TcpStream, csv: &str) {
    // A server that has answered may close before all is sent.
    let _ = send_over(stream, csv, Duration::from_secs(15), 1_000);
}

/// Sends half of the file and then nothing, with the connection open.
fn send_half(stream: &mut TcpStream, csv: &str) {
    let half = csv.len() / 2;
    send_over(stream, csv, Duration::ZERO, half).expect("the server reads one half");
    // The server closes the connection.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut byte = [0];
    let _ = stream.peek(&mut byte);
}

#[test]
fn sigterm_during_an_upload_commits_the_rows_counted_so_far() {
    stop_in_the_middle(Signal::TERM, send_steadily);
}

#[test]
fn ctrl_c_during_a_stalled_upload_commits_the_rows_counted_so_far() {
    stop_in_the_middle(Signal::INT, send_half);
}

#[test]
fn a_second_signal_stops_the_server_at_once_and_the_next_start_cleans_up() {
    let home = Home::with_settings("[import]\nfirst_batch_users = 10\n");
    let server = Serving::start(&home);
    let mut stream = server.connect();
    let csv = users_csv(5_000, 7_919);
    let (before, _) = mtom_around(csv.len() * 2);
    stream
        .write_all(before.as_bytes())
        .expect("the server reads");
    stream.write_all(csv.as_bytes()).expect("the server reads");
    let running = || {
        let list = home.run(&["imports", "list", "--json"]).ended(0);
        list.out.contains("\"running\"")
    };
    let until = Instant::now() + Duration::from_secs(30);
    while !running() {
        assert!(Instant::now() < until, "the import does not start");
    }
    server.signal(Signal::TERM);
    while !server.log().contains("stopping") {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    server.signal(Signal::TERM);
    let (code, time) = server.wait(GRACE);
    assert_eq!(code, Some(130));
    assert!(time < Duration::from_secs(3), "{time:?}");
    let server = Serving::start(&home);
    let list = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["state"], "interrupted");
    let users = home.run(&["users", "list", "--json"]).ended(0);
    assert_eq!(list[0]["created"], users.json_lines().len());
    server.stop();
}

#[test]
fn the_generated_password_of_the_first_operator_is_shown_once() {
    let home = Home::new();
    let arguments = ["serve", "--http", "127.0.0.1:0", "--https", "off"];
    let server = Serving::spawn(home.command(&arguments));
    let (_, rest) = server.said.split_once("Password: ").expect("a password");
    let password = rest.lines().next().expect("a line").to_owned();
    assert_eq!(password.len(), 20);
    assert_eq!(post(&server, "admin", &password, SMALL).status, 200);
    assert!(!server.log().contains(&password));
    server.stop();
    let server = Serving::spawn(home.command(&arguments));
    assert!(!server.said.contains("password"), "{}", server.said);
    let again = post(&server, "admin", &password, "username\ncarl\n");
    assert_eq!(again.status, 200, "the password is kept");
    server.stop();
}

#[test]
fn the_first_operators_password_comes_from_a_variable_or_a_file() {
    let arguments = ["serve", "--http", "127.0.0.1:0", "--https", "off"];
    let home = Home::new();
    let file = home.write("password.txt", "pw\nanything else\n");
    let mut command = home.command(&arguments);
    command.env("MUSTER_ADMIN_PASSWORD_FILE", &file);
    let server = Serving::spawn(command);
    assert_eq!(
        post(&server, "admin", "pw", SMALL).status,
        200,
        "a password of any length is accepted"
    );
    assert!(
        server.log().contains("weak"),
        "a warning is logged: {}",
        server.log()
    );
    server.stop();

    let home = Home::new();
    let server = Serving::start(&home);
    assert!(server.said.contains("configured"), "{}", server.said);
    assert!(!server.log().contains("weak"), "{}", server.log());
    assert_eq!(post(&server, "admin", ADMIN_PASSWORD, SMALL).status, 200);
    assert_eq!(
        post(&server, "ADMIN", ADMIN_PASSWORD, "username\nx1\n").status,
        200
    );
    server.stop();

    let home = Home::new();
    let mut command = home.command(&arguments);
    command.env("MUSTER_ADMIN_PASSWORD", "one");
    command.env("MUSTER_ADMIN_PASSWORD_FILE", &file);
    let refused = finish(command, "").ended(1);
    assert!(refused.err.contains("not both"), "{refused:?}");
}

#[test]
fn malformed_heads_are_logged_with_the_peer_at_a_limited_rate() {
    let home = Home::with_settings("[log]\nlevel = \"debug\"\n");
    let server = Serving::start(&home);
    for number in 0..60 {
        let mut stream = server.connect();
        let head = match number % 3 {
            0 => "GET / HTTP/1.1\r\nHost test\r\n\r\n",
            1 => "GET / HTTP/1.1\r\n\r\n",
            _ => "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        };
        stream.write_all(head.as_bytes()).expect("the server reads");
        assert_eq!(Response::read(&mut stream).status, 400, "{head}");
    }
    let log = || -> Vec<String> {
        let lines = server.log();
        let malformed = lines.lines().filter(|line| line.contains("is malformed"));
        malformed.map(str::to_owned).collect()
    };
    let until = Instant::now() + Duration::from_secs(10);
    while log().is_empty() {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let lines = log();
    // At most five a second; the machine may be slow.
    assert!(lines.len() < 60, "{lines:?}");
    for line in &lines {
        assert!(
            line.contains("DEBUG") && line.contains("127.0.0.1:"),
            "{line}"
        );
    }
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.stop();
}

/// A Kubernetes Service named `muster` defines such variables in every pod.
#[test]
fn foreign_variables_do_not_prevent_the_start() {
    let home = Home::new();
    let serving = ["serve", "--http", "127.0.0.1:0", "--https", "off"];
    let mut command = home.command(&serving);
    command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
    for (name, value) in [
        ("MUSTER_SERVICE_HOST", "10.96.0.12"),
        ("MUSTER_SERVICE_PORT", "9763"),
        ("MUSTER_PORT", "tcp://10.96.0.12:9763"),
        ("MUSTER_PORT_9763_TCP", "tcp://10.96.0.12:9763"),
        ("MUSTER_PORT_9763_TCP_ADDR", "10.96.0.12"),
        ("MUSTER_HOME", "/srv/muster"),
        ("MUSTER_SEVER_HTTP", "x"),
    ] {
        command.env(name, value);
    }
    let server = Serving::spawn(command);
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(
        warnings[0].contains("MUSTER_HOME, MUSTER_SEVER_HTTP are not settings"),
        "{log}"
    );
    assert!(!log.contains("SERVICE_HOST"), "{log}");
    server.stop();
    let mut command = home.command(&["users", "list"]);
    command
        .env("MUSTER_HOME", "/srv/muster")
        .env("MUSTER_PORT", "tcp://10.96.0.12:9763");
    let said = finish(command, "");
    assert!(
        said.err
            .contains("warning: the variable MUSTER_HOME is not a setting"),
        "{said:?}"
    );
    let mut command = home.command(&serving);
    command.env("MUSTER_SERVER_HTPP", "x");
    let refused = finish(command, "").ended(1);
    assert!(refused.err.contains("MUSTER_SERVER_HTPP"), "{refused:?}");
}

//! Replays captured requests of real SOAP clients.
//!
//! `MUSTER_CAPTURES` names the folder that contains them ([`crate::material`]). In that folder, `expected.json` states
//! the payload of each file. Only the target and the credentials of a request are changed.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use muster::http::soap::security_settings::DigestCaller;
use muster::pattern::Pattern;

use crate::app::{Response, TestApp, admin};
use crate::material;

/// The clients whose requests must all work.
const PROMISED: [&str; 4] = ["zeep", "node-soap", "php-soapclient", "derived-soapui"];

/// Requests that do not refer to their only attachment; a setting allows this.
const UNREFERENCED: [&str; 3] = [
    "gsoap-2.8.124/swa-no-ref.http",
    "gsoap-2.8.124/swa-no-ref-desc.http",
    "gsoap-2.8.124/swa-odd-boundary.http",
];

/// Its default password is the letter `x`, which the rule for initial passwords refuses by default.
const ANY_PASSWORD: &str = "node-soap-1.13.0/mtom-gzip.http";

/// A recorded request.
struct Capture {
    name: String,
    bytes: Vec<u8>,
    expected: Expected,
    /// Whether its credentials, admin and admin, are in a WS-Security header.
    in_envelope: bool,
}

/// The expected result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// `users.csv`: alice and bob are stored, the third row is reported.
    Users,
    /// The same with two additional lines that look like delimiters.
    UsersAndLookalikes,
    /// `users-utf8.csv`: three users.
    Utf8,
    /// `users-5mb.csv`: every row of it is counted.
    FiveMegabytes,
    /// A fault; nothing is stored.
    Refused,
    /// A fault after the timeout for the rest of the body.
    Incomplete,
}

/// All captures of the folder.
fn captures() -> Vec<Capture> {
    let folder = material::folder("MUSTER_CAPTURES");
    let read = |name: &str| {
        std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let list: serde_json::Value =
        serde_json::from_slice(&read("expected.json")).expect("expected.json is JSON");
    let mut captures = Vec::new();
    for (name, entry) in list.as_object().expect("an object") {
        let in_envelope = entry["auth"].to_string().contains("WSSE");
        let expected = expected(name, entry);
        let mut bytes = read(name);
        if name.ends_with(".gz") {
            bytes = gunzip(&bytes);
        }
        captures.push(Capture {
            name: name.clone(),
            bytes,
            expected,
            in_envelope,
        });
        let raw = name.replace(".http", ".chunked.raw");
        if raw != *name && folder.join(&raw).exists() {
            captures.push(Capture {
                bytes: read(&raw),
                name: raw,
                expected,
                in_envelope,
            });
        }
    }
    captures
}

fn expected(name: &str, entry: &serde_json::Value) -> Expected {
    let note = entry["note"].as_str().unwrap_or_default();
    let negative = note.contains("negative") || note.contains("fault or 415");
    match entry["payload"].as_str().expect("a payload") {
        _ if name.contains("INCOMPLETE") => Expected::Incomplete,
        _ if negative => Expected::Refused,
        "users.csv" => Expected::Users,
        "users.csv + extra lines" => Expected::UsersAndLookalikes,
        "users-5mb.csv" => Expected::FiveMegabytes,
        payload if payload.starts_with("users-utf8.csv") => Expected::Utf8,
        _ => Expected::Refused,
    }
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    decoder.read_to_end(&mut unpacked).expect("it is gzip");
    unpacked
}

impl Capture {
    /// The bytes to send: with our target and credentials, and with a length if the chunked framing is missing.
    fn request(&self) -> Vec<u8> {
        let end = self
            .bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        let (head, body) = self.bytes.split_at(end.expect("a head") + 4);
        let head = std::str::from_utf8(head).expect("an ASCII head");
        let is_raw = self.name.ends_with(".raw");
        let mut lines = head.trim_end().split("\r\n");
        let version = lines.next().and_then(|line| line.rsplit(' ').next());
        let mut request = format!(
            "POST /services/UserAdmin {}\r\n",
            version.expect("a version")
        );
        if !self.in_envelope {
            request.push_str(&format!("Authorization: {}\r\n", admin()));
        }
        for line in lines {
            let field = line
                .split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            match field.as_str() {
                "authorization" => {}
                "transfer-encoding" if !is_raw => {
                    request.push_str(&format!("Content-Length: {}\r\n", body.len()));
                }
                _ => request.push_str(&format!("{line}\r\n")),
            }
        }
        request.push_str("\r\n");
        [request.as_bytes(), body].concat()
    }

    /// Sends the capture to a new server; the error is the reason that the result is not as expected.
    fn replay(&self) -> Result<(), String> {
        let server = TestApp::start_with(|options| {
            options.http.idle_seconds = 2;
            let unreferenced = UNREFERENCED.contains(&self.name.as_str());
            options.soap.take_unreferenced_attachment = unreferenced;
            if self.expected == Expected::FiveMegabytes {
                // Rows with their own passwords fail, because hashing all of them takes minutes.
                options.app.passwords.min_length = 100;
                options.app.passwords.initial_rule = Pattern::new("Default1!").expect("a literal");
            }
            // The recorded timestamps are old.
            options.soap.security.max_age_seconds = 0;
            options.soap.security.digest_callers.push(DigestCaller {
                name: "admin".into(),
                secret: Some("admin".into()),
                secret_file: None,
            });
            if self.name == ANY_PASSWORD {
                options.app.passwords.initial_rule = Pattern::new(r"\S+").expect("a literal");
            }
        });
        if self.in_envelope {
            let hash = server.app.pool.hash("admin".into()).expect("a hash");
            let changed = server.app.store.set_operator_password(
                "admin",
                &hash,
                &crate::stores::by(),
                crate::stores::NOW,
            );
            assert!(changed.expect("the store works"));
        }
        let mut stream = server.connect();
        let sent = Instant::now();
        let _ = stream.write_all(&self.request());
        let response = Response::read(&mut stream);
        match self.expected {
            Expected::Users => {
                stored(&server, &response, &["alice", "bob"])?;
                third_row_is_reported(&server, &response)
            }
            Expected::UsersAndLookalikes => {
                // Without the blank before the other one, it is a name, too.
                stored(&server, &response, &["--b1", "--b1x", "alice", "bob"])?;
                same("fault", response.fault_text(), summary(4, 1))
            }
            Expected::Utf8 => {
                stored(&server, &response, &["alice", "bob", "zübeyde"])?;
                same("status", response.status, 200)?;
                let users = server.users();
                same("given name", users[0].given_name.as_deref(), Some("Alíce"))?;
                same(
                    "family name",
                    users[2].family_name.as_deref(),
                    Some("Şimşek"),
                )
            }
            Expected::FiveMegabytes => {
                same("fault", response.fault_text(), summary(45_035, 22_518))?;
                same("users", server.user_names().len(), 45_035)
            }
            Expected::Refused => refused(&server, &response),
            Expected::Incomplete => {
                refused(&server, &response)?;
                same("in time", sent.elapsed() < Duration::from_secs(4), true)
            }
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found:?} instead of {expected:?}")),
    }
}

/// The users are stored; alice has her own password, bob the default one.
fn stored(server: &TestApp, response: &Response, names: &[&str]) -> Result<(), String> {
    let found = server.user_names();
    if found != names {
        return Err(format!(
            "stored {found:?} instead of {names:?}; response: {}",
            response.body
        ));
    }
    same(
        "alice's password",
        server.has_password("alice", "Passw0rd!"),
        true,
    )?;
    // The variant depends on the client's script.
    let default = ["Default1!", "admin", "x"]
        .iter()
        .any(|text| server.has_password("bob", text));
    same("bob's password", default, true)
}

fn summary(success: u32, failed: u32) -> String {
    format!(
        "Bulk User Import was completed with Errors. Success count : {success},  Failed Count : \
         {failed}, Duplicate Count : 0."
    )
}

/// The third row's name has a space, and its claim cell two values.
fn third_row_is_reported(server: &TestApp, response: &Response) -> Result<(), String> {
    same("status", response.status, 500)?;
    same("fault", response.fault_text(), summary(2, 1))?;
    let findings: Vec<_> = server
        .findings()
        .into_iter()
        .filter(|(_, _, code)| code != "default-password-weak")
        .collect();
    let expected = [
        (4, "Claims".to_owned(), "claim-format".to_owned()),
        (4, "UserName".to_owned(), "name-white-space".to_owned()),
    ];
    same("findings", findings, expected.into())
}

fn refused(server: &TestApp, response: &Response) -> Result<(), String> {
    same("stored", server.user_names(), Vec::new())?;
    same("status", matches!(response.status, 400 | 500), true)?;
    same("rule", response.rule().starts_with("IMP-"), true)
}

/// Replays the captures that `wanted` selects, and lists all failures.
fn replay(wanted: impl Fn(&Capture) -> bool) {
    let captures: Vec<Capture> = captures().into_iter().filter(wanted).collect();
    let mut wrong = Vec::new();
    for capture in &captures {
        if let Err(reason) = capture.replay() {
            wrong.push(format!("{}: {reason}", capture.name));
        }
    }
    assert!(!captures.is_empty(), "the folder has no such request");
    eprintln!("{} captured requests replayed", captures.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_promised(capture: &Capture) -> bool {
    PROMISED
        .iter()
        .any(|client| capture.name.starts_with(client))
}

fn is_quick(capture: &Capture) -> bool {
    !matches!(
        capture.expected,
        Expected::FiveMegabytes | Expected::Incomplete
    )
}

#[test]
#[ignore = "needs MUSTER_CAPTURES"]
fn promised_clients_work() {
    replay(|capture| is_promised(capture) && is_quick(capture));
}

#[test]
#[ignore = "needs MUSTER_CAPTURES"]
fn other_clients_work() {
    replay(|capture| !is_promised(capture) && is_quick(capture));
}

#[test]
#[ignore = "needs MUSTER_CAPTURES"]
fn client_that_announces_more_than_it_sends_gets_a_response() {
    replay(|capture| capture.expected == Expected::Incomplete);
}

#[test]
#[ignore = "needs MUSTER_CAPTURES"]
fn five_megabytes_arrive_completely() {
    replay(|capture| capture.expected == Expected::FiveMegabytes);
}

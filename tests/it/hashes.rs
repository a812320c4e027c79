//! Password columns that hold something other than passwords: over each channel the text of a hash never
//! works as a password, and passwords that merely resemble a hash do.

use serde_json::Value;

use rust_xlsxwriter::Workbook;

use crate::app::{TestApp, admin, inline};
use crate::channels::{Bench, Channel, Upload};
use crate::process::Home;

/// The lines of a fixture, without its comment.
fn lines(text: &'static str) -> Vec<&'static str> {
    text.lines()
        .filter(|line| !line.starts_with("# "))
        .collect()
}

fn hashes() -> Vec<&'static str> {
    lines(include_str!("../../fixtures/passwords/hashes.txt"))
}

fn masks() -> Vec<&'static str> {
    lines(include_str!("../../fixtures/passwords/masks.txt"))
}

fn clear() -> Vec<&'static str> {
    lines(include_str!("../../fixtures/passwords/clear.txt"))
}

/// A file whose users are named by their number.
fn file(passwords: &[impl AsRef<str>]) -> String {
    let mut csv = "username,password\n".to_owned();
    for (number, password) in passwords.iter().enumerate() {
        let quoted = password.as_ref().replace('"', "\"\"");
        csv.push_str(&format!("user{number},\"{quoted}\"\n"));
    }
    csv
}

/// The same as a workbook.
fn workbook(passwords: &[&str]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let mut put = |row: usize, column: u16, text: &str| {
        let row = u32::try_from(row).expect("a row");
        sheet.write_string(row, column, text).expect("a cell");
    };
    put(0, 0, "username");
    put(0, 1, "password");
    for (number, password) in passwords.iter().enumerate() {
        put(number + 1, 0, &format!("user{number}"));
        put(number + 1, 1, password);
    }
    workbook.save_to_buffer().expect("a workbook")
}

/// The two files that hold these passwords, with their names.
fn files(passwords: &[&str]) -> [(&'static str, Vec<u8>); 2] {
    [
        ("users.csv", file(passwords).into_bytes()),
        ("users.xlsx", workbook(passwords)),
    ]
}

/// Those of the passwords with which the users of [`file`] can log in.
fn logging_in(server: &TestApp, passwords: &[&str]) -> Vec<String> {
    let names = server.user_names();
    let numbered = passwords.iter().enumerate();
    numbered
        .filter(|(number, password)| {
            let name = format!("user{number}");
            names.contains(&name) && server.has_password(&name, password)
        })
        .map(|(_, password)| (*password).to_owned())
        .collect()
}

/// Sends a file as the body of a REST call.
fn rest(server: &TestApp, query: &str, csv: &str) -> crate::app::Response {
    let path = format!("/api/v1/imports{query}");
    server.post_as(&path, Some(&admin()), "text/csv", &[], csv.as_bytes())
}

/// Twenty-five digests without the name of a scheme.
fn digests() -> Vec<String> {
    let digit = |it: u32| char::from_digit(it % 16, 16).expect("a digit");
    let digest = |user: u32| {
        (0..32)
            .map(|place| digit(user * 7 + place * place * 5 + place / 3))
            .collect()
    };
    (0..25).map(digest).collect()
}

#[test]
fn the_text_of_a_hash_is_never_a_password_over_soap() {
    let server = TestApp::start();
    let answer = server.post("text/xml", inline(&file(&hashes())).as_bytes());
    assert_eq!(answer.rule(), "IMP-ROWS", "{}", answer.body);
    assert_eq!(logging_in(&server, &hashes()), [""; 0]);
    for problem in server.last_findings() {
        let code = problem.code.as_ref();
        assert!(
            [
                "password-hash-scheme",
                "password-hash-form",
                "password-unusable"
            ]
            .contains(&code),
            "{problem:?}"
        );
        for hash in hashes() {
            assert!(
                hash.len() < 12 || !problem.message.contains(hash),
                "{problem:?}"
            );
        }
    }
}

#[test]
fn the_text_of_a_hash_is_never_a_password_over_rest() {
    let server = TestApp::start();
    let answer = rest(&server, "?conflict=update", &file(&hashes()));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(logging_in(&server, &hashes()), [""; 0]);
}

#[test]
fn the_text_of_a_hash_is_never_a_password_at_the_terminal() {
    let home = Home::new();
    home.write("users.csv", &file(&hashes()));
    let done = home.run(&["import", "users.csv", "--json"]).ended(2);
    let failed = done.json()["failed"].as_u64().expect("a number") as usize;
    assert!(failed >= 100, "{failed}");
    let list = home.run(&["users", "list", "--json"]).ended(0).json_lines();
    assert_eq!(list.len(), hashes().len() - failed);
    for user in list {
        let name = user["userName"].as_str().expect("a name");
        let number: usize = name.trim_start_matches("user").parse().expect("a number");
        let check = ["users", "check-password", name];
        home.run_with_input(&check, hashes()[number]).ended(1);
    }
}

#[test]
fn the_text_of_a_hash_is_never_a_password_over_the_other_channels_or_in_workbooks() {
    for channel in [
        Channel::SoapMtom,
        Channel::SoapSwa,
        Channel::UserImport,
        Channel::RestForm,
    ] {
        let bench = Bench::start(channel);
        for (name, bytes) in files(&hashes()) {
            let outcome = bench.import(&Upload::new(name, &bytes));
            let stored = outcome.user_names();
            assert!(stored.len() < 40, "{channel:?}, {name}: {stored:?}");
            assert_eq!(
                stored.len() as u64 + outcome.counters.failed,
                hashes().len() as u64,
                "{channel:?}, {name}"
            );
            for (number, hash) in hashes().into_iter().enumerate() {
                let user = format!("user{number}");
                let logs_in = || bench.check_password(&outcome.organization, &user, hash);
                assert!(
                    !stored.contains(&user.as_str()) || !logs_in(),
                    "{channel:?}, {name}: {hash}"
                );
                assert!(
                    hash.len() < 12 || !outcome.answer.contains(hash),
                    "{channel:?}, {name}: {hash}"
                );
            }
        }
    }
}

#[test]
fn a_mask_is_never_a_password_over_any_channel_or_in_workbooks() {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        for (name, bytes) in files(&masks()) {
            let outcome = bench.import(&Upload::new(name, &bytes));
            assert_eq!(outcome.user_names(), [""; 0], "{channel:?}, {name}");
            let codes = outcome.codes();
            assert_eq!(codes.len(), masks().len(), "{channel:?}, {name}: {codes:?}");
            assert!(
                codes.iter().all(|(_, code)| *code == "password-masked"),
                "{codes:?}"
            );
        }
    }
}

#[test]
fn bullets_of_every_charset_are_masks() {
    for (charset, bytes) in [
        ("windows-1252", &b"\x95"[..]),
        ("the Macintosh's", b"\xa5"),
        ("Shift_JIS", b"\x81\x9c"),
        ("UTF-8", "•".as_bytes()),
    ] {
        let mut file = b"username,password\nkim,".to_vec();
        file.extend(bytes.repeat(8));
        file.extend(b"\nlee,Meadow-Lark-77\n");
        let bench = Bench::start(Channel::RestBody);
        let outcome = bench.import(&Upload::new("users.csv", &file));
        assert_eq!(outcome.user_names(), ["lee"], "{charset}: {outcome:?}");
        assert_eq!(outcome.counters.failed, 1, "{charset}: {outcome:?}");
    }
}

#[test]
fn a_column_of_named_digests_stores_nothing() {
    let named: Vec<String> = digests().iter().map(|it| format!("md5-{it}")).collect();
    let server = TestApp::start();
    assert_eq!(rest(&server, "", &file(&named)).status, 201);
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn passwords_with_the_characters_of_hashes_are_accepted() {
    let server = TestApp::start_with(|options| {
        // The fixture is accepted without the check for common passwords, and below with it.
        options.app.passwords.refuse_common = false;
    });
    let csv = file(&clear());
    let answer = server.post("text/xml", inline(&csv).as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(logging_in(&server, &clear()), clear());
    let other = TestApp::start();
    assert_eq!(rest(&other, "", &csv).status, 201);
    assert_eq!(logging_in(&other, &clear()), clear());
}

#[test]
fn a_column_of_digests_is_refused_and_nothing_is_stored() {
    let server = TestApp::start_with(|options| {
        options.app.import.first_batch_users = 1;
        options.app.import.batch_users = 3;
        options.app.import.batch_passwords = 2;
    });
    let csv = file(&digests());
    let answer = server.post("text/xml", inline(&csv).as_bytes());
    assert_eq!(answer.rule(), "IMP-PASSWORD-COLUMN", "{}", answer.body);
    assert!(
        answer.body.contains("password-column-is-digests"),
        "{}",
        answer.body
    );
    assert!(
        answer.fault_text().contains("Nothing is stored."),
        "{}",
        answer.body
    );
    let found = server.findings();
    assert_eq!(
        found,
        [(0, String::new(), "password-column-is-digests".to_owned())]
    );
    assert_eq!(
        server.last_import().expect("a record").state.as_str(),
        "failed"
    );
    for query in [
        "",
        "?dryRun=true",
        "?validateFirst=true",
        "?conflict=update",
    ] {
        let answer = rest(&server, query, &csv);
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
        let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(problem["code"], "IMP-PASSWORD-COLUMN", "{query}");
    }
    assert_eq!(server.user_names(), [""; 0]);
    let home = Home::new();
    home.write("users.csv", &csv);
    let done = home.run(&["import", "users.csv"]).ended(1);
    assert!(done.err.contains("recognise_hashes"), "{done:?}");
}

#[test]
fn rows_before_the_first_digest_are_undone() {
    let server = TestApp::start_with(|options| {
        options.app.import.first_batch_users = 2;
        options.app.import.batch_users = 2;
    });
    let mut passwords = vec![String::new(); 40];
    passwords.extend(digests());
    let answer = server.post("text/xml", inline(&file(&passwords)).as_bytes());
    assert_eq!(answer.rule(), "IMP-PASSWORD-COLUMN", "{}", answer.body);
    assert!(
        answer
            .fault_text()
            .contains("Nothing from this import remains"),
        "{}",
        answer.body
    );
    assert_eq!(server.user_names(), [""; 0]);
}

#[test]
fn a_single_digest_is_accepted_with_a_warning_and_must_be_changed() {
    let server = TestApp::start();
    let digest = digests()[0].clone();
    let csv = file(&[digest.as_str(), "Meadow-Lark-77"]);
    let answer = server.post("text/xml", inline(&csv).as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let warned = (
        2,
        "password".to_owned(),
        "password-looks-like-digest".to_owned(),
    );
    assert_eq!(server.findings(), [warned]);
    assert!(server.has_password("user0", &digest));
    let must: Vec<bool> = server
        .users()
        .iter()
        .map(|it| it.must_change_password)
        .collect();
    assert_eq!(must, [true, false]);
}

#[test]
fn clear_text_files_are_accepted_unchanged_and_stored_hashes_still_verify() {
    let hash = "$2b$04$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32";
    let server = TestApp::start_with(|options| options.app.passwords.recognise_hashes = false);
    let mut passwords = digests();
    passwords.push(hash.to_owned());
    let csv = file(&passwords);
    let answer = server.post("text/xml", inline(&csv).as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.findings(), []);
    let all: Vec<&str> = passwords.iter().map(String::as_str).collect();
    assert_eq!(logging_in(&server, &all), all);
    // A stored hash is a hash, whatever the setting says.
    assert!(
        server
            .app
            .pool
            .verify("Grüße-von-4711".into(), Some(hash.to_owned()))
            .unwrap()
    );
}

#[test]
fn a_mask_never_replaces_a_password() {
    let server = TestApp::start();
    let before = file(&["Meadow-Lark-77", "Meadow-Lark-78", "Meadow-Lark-79"]);
    assert_eq!(rest(&server, "", &before).status, 201);
    let masked = file(&["********", "••••••••", "[hidden]"]);
    for conflict in ["update", "fill", "skip"] {
        let answer = rest(&server, &format!("?conflict={conflict}"), &masked);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let found = server.findings();
        let codes: Vec<&str> = found.iter().map(|(_, _, code)| code.as_str()).collect();
        assert_eq!(codes, ["password-masked"; 3], "{conflict}");
    }
    for (number, password) in ["Meadow-Lark-77", "Meadow-Lark-78", "Meadow-Lark-79"]
        .iter()
        .enumerate()
    {
        assert!(server.has_password(&format!("user{number}"), password));
    }
}

#[test]
fn a_password_column_found_by_position_may_hold_only_passwords() {
    let server = TestApp::start();
    let claims = "http://wso2.org/claims";
    let csv = format!(
        "\n\
         ann,Meadow-Lark-77,{claims}/emailaddress=ann@example.com\n\
         bob,bob@example.com,{claims}/emailaddress=bob@example.com\n\
         carl,carl@example.org\n\
         dora,Switzerland,{claims}/country=Switzerland\n\
         erin-marie,erin-marie,{claims}/country=Switzerland\n\
         finn,P@ssw0rd-77\n"
    );
    let answer = server.post("text/xml", inline(&csv).as_bytes());
    assert_eq!(answer.rule(), "IMP-ROWS", "{}", answer.body);
    let found = server.findings();
    let codes: Vec<(u64, &str)> = found.iter().map(|it| (it.0, it.2.as_str())).collect();
    for expected in [
        (3, "password-is-email-address"),
        (4, "password-is-email-address"),
        (5, "password-is-other-cell"),
        (6, "password-is-user-name"),
    ] {
        assert!(
            codes.contains(&expected),
            "{expected:?} is missing in {codes:?}"
        );
    }
    assert_eq!(server.user_names(), ["ann", "erin-marie", "finn"]);
    let must: Vec<bool> = server
        .users()
        .iter()
        .map(|it| it.must_change_password)
        .collect();
    assert_eq!(must, [false, true, false]);
    // A column that the header names as the password is taken literally.
    let named = "username,password,country\nbob,bob@example.com,Norway\ngeorge-v,george-v,FR\n";
    assert_eq!(rest(&server, "", named).status, 201);
    assert!(server.has_password("bob", "bob@example.com"));
    assert!(server.has_password("george-v", "george-v"));
}

#[test]
fn a_single_password_change_follows_the_same_rules() {
    let server = TestApp::start();
    assert_eq!(rest(&server, "", &file(&["Meadow-Lark-77"])).status, 201);
    let soap = |operation: &str, content: String| {
        let body = format!(
            "<e:Envelope xmlns:e=\"{}\"><e:Body><{operation} xmlns=\"http://org.apache.axis2/xsd\">{content}\
             </{operation}></e:Body></e:Envelope>",
            crate::message::SOAP_11
        );
        server.post("text/xml", body.as_bytes())
    };
    let digest = digests()[0].clone();
    for (number, hash) in hashes().into_iter().enumerate() {
        let text = hash.replace('&', "&amp;").replace('<', "&lt;");
        let change = format!("<userName>user0</userName><newPassword>{text}</newPassword>");
        assert_eq!(soap("changePassword", change).status, 500, "{hash}");
        let name = format!("single{number}");
        let add = format!("<userName>{name}</userName><password>{text}</password>");
        let made = soap("addUser", add).status == 200;
        assert!(!made || !server.has_password(&name, hash), "{hash}");
    }
    for mask in ["********", "[hidden]"] {
        let change = format!("<userName>user0</userName><newPassword>{mask}</newPassword>");
        assert_eq!(soap("changePassword", change).status, 500, "{mask}");
    }
    assert!(server.has_password("user0", "Meadow-Lark-77"));
    let change = format!("<userName>user0</userName><newPassword>{digest}</newPassword>");
    assert_eq!(soap("changePassword", change).status, 200);
    let user = server
        .users()
        .into_iter()
        .find(|it| it.user_name == "user0");
    assert!(user.expect("the user exists").must_change_password);
}

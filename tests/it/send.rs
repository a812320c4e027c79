//! `muster send` against our own server, in every mode and SOAP version, over HTTP and HTTPS.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::process::{ADMIN_PASSWORD, Finished, Home, Serving, finish};

const DEFAULT: &str = "Initial-<Pass>-1";

fn server(home: &Home) -> Serving {
    home.write("password", &format!("{ADMIN_PASSWORD}\n"));
    home.write("default", DEFAULT);
    let mut command = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
    command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
    Serving::spawn(command)
}

fn send(home: &Home, url: &str, more: &[&str]) -> Finished {
    let fixed = ["send", "users.csv", "--url", url, "--user", "admin"];
    let password = match more.contains(&"--password-stdin") {
        true => &[][..],
        false => &["--password-file", "password"],
    };
    let mut command = home.bare_command(&[&fixed[..], password, more].concat());
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    finish(command, &format!("{ADMIN_PASSWORD}\n"))
}

#[test]
fn every_mode_works_in_both_versions_over_http_and_https() {
    let home = Home::with_settings("[domains.SALES]\n");
    let server = server(&home);
    let (http, https) = (
        format!("http://{}", server.http()),
        format!("https://{}/services/UserAdmin", server.https()),
    );
    let certificate = home.data().join("tls-certificate.pem");
    let certificate = certificate.to_str().expect("UTF-8");
    let mut number = 0;
    for mode in ["mtom", "swa", "inline"] {
        for soap in ["1.1", "1.2"] {
            for (url, trust) in [(&http, &[][..]), (&https, &["--ca", certificate])] {
                number += 1;
                let csv =
                    format!("username,givenname\nann{number},Zoë\nbob{number},\"two\nlines\"\n");
                home.write("users.csv", &csv);
                let call = [
                    "--mode",
                    mode,
                    "--soap",
                    soap,
                    "--domain",
                    "sales",
                    "--file-name",
                    "a & b.csv",
                    "--default-password-file",
                    "default",
                ];
                let done = send(&home, url, &[&call[..], trust].concat()).ended(0);
                assert!(
                    done.out.contains("2 created"),
                    "{mode} {soap} {url}: {done:?}"
                );
                assert!(done.err.is_empty(), "{done:?}");
                let user = format!("bob{number}");
                let check = ["users", "check-password", &user, "--domain", "sales"];
                home.run_with_input(&check, DEFAULT).ended(0);
            }
        }
    }
    let users = home
        .run(&["users", "list", "--json", "--domain", "sales"])
        .ended(0)
        .json_lines();
    assert_eq!(users.len(), 2 * number);
    let ann = &users[0];
    assert_eq!(ann["givenName"], "Zoë");
    let imports = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(imports[0]["fileName"], "a & b.csv");

    let untrusted = send(&home, &https, &[]).ended(1);
    assert!(untrusted.err.contains("--ca FILE"), "{untrusted:?}");
    home.write("users.csv", "username,password\nlast,Spring-Meadow-42\n");
    send(&home, &https, &["--insecure"]).ended(0);
    home.write("not.pem", "nothing\n");
    let empty = send(&home, &https, &["--ca", "not.pem"]).ended(1);
    assert!(
        empty.err.contains("not.pem holds no certificate"),
        "{empty:?}"
    );
    server.stop();
}

#[test]
fn failed_rows_are_listed_and_set_the_exit_code() {
    let home = Home::new();
    let server = server(&home);
    let url = format!("http://{}", server.http());
    home.write(
        "users.csv",
        "username,password\ncarl,Autumn-Forest-9\ncarl jones,x\nCARL,Autumn-Forest-9\n",
    );
    for soap in ["1.1", "1.2"] {
        let done = send(&home, &url, &["--soap", soap]).ended(2);
        for word in [
            "completed with Errors",
            "name-white-space",
            "carl jones",
            "duplicate",
            "HTTP 500",
        ] {
            assert!(done.out.contains(word), "{soap} {word}: {done:?}");
        }
    }
    let bad = send(&home, &url, &["--file-name", "users.pdf"]).ended(1);
    assert!(bad.out.contains("fault"), "{bad:?}");
    let unknown_domain = send(&home, &url, &["--domain", "HR"]).ended(1);
    assert!(unknown_domain.out.contains("PRIMARY"), "{unknown_domain:?}");
    home.write("password", "wrong");
    let refused = send(&home, &url, &[]).ended(1);
    assert!(refused.out.contains("50977"), "{refused:?}");
    let unreachable = send(&home, "http://127.0.0.1:1/x", &[]).ended(1);
    assert!(unreachable.err.contains("127.0.0.1:1"), "{unreachable:?}");
    send(&home, "127.0.0.1", &[]).ended(1);
    server.stop();
}

#[test]
fn verbose_output_hides_passwords() {
    let home = Home::new();
    let server = server(&home);
    let url = format!("http://{}", server.http());
    home.write(
        "users.csv",
        "username,password\nann,Spring-Meadow-42\nbob,\nbob,\n",
    );
    for (mode, soap, words) in [
        (
            "mtom",
            "1.1",
            [
                "xop:Include",
                "soapaction: \"urn:bulkImportUsers\"",
                "start-info=\"text/xml\"",
            ],
        ),
        (
            "swa",
            "1.2",
            [
                "cid:file-",
                "action=\"urn:bulkImportUsers\"",
                "type=\"application/soap+xml\"",
            ],
        ),
        (
            "inline",
            "1.1",
            [
                "bytes as base64",
                "content-type: text/xml; charset=UTF-8",
                "content-length: ",
            ],
        ),
    ] {
        let call = [
            "-v",
            "--mode",
            mode,
            "--soap",
            soap,
            "--default-password-file",
            "default",
        ];
        let done = send(&home, &url, &call).ended(2);
        for word in words {
            assert!(done.err.contains(word), "{word}: {}", done.err);
        }
        for word in [
            "> POST /services/UserAdmin HTTP/1.1",
            "authorization: Basic ***",
            "… ",
            "< HTTP/1.1 500",
            "muster-import:",
        ] {
            assert!(done.err.contains(word), "{word}: {}", done.err);
        }
        assert!(done.err.contains("defaultPassword>***<"), "{}", done.err);
        for secret in ["Initial-", "Spring-Meadow", ADMIN_PASSWORD, "admin:"] {
            assert!(
                !done.err.contains(secret) && !done.out.contains(secret),
                "{secret}: {done:?}"
            );
        }
        let basic = crate::app::basic("admin", ADMIN_PASSWORD);
        assert!(!done.err.contains(&basic), "{}", done.err);
    }
    send(
        &home,
        &url,
        &["--password-stdin", "--default-password-file", "default"],
    )
    .ended(2);
    server.stop();
}

#[test]
fn large_file_is_sent_completely_in_each_mode() {
    let home = Home::new();
    let server = server(&home);
    let url = format!("http://{}", server.http());
    let csv = crate::process::users_csv(30_000, 7_919);
    home.write("users.csv", &csv);
    for (round, mode) in ["inline", "mtom", "swa"].into_iter().enumerate() {
        let more = ["--mode", mode, "--default-password-file", "default"];
        let done = send(&home, &url, &more).ended(if round == 0 { 0 } else { 2 });
        let word = if round == 0 {
            "30000 created"
        } else {
            "30000 duplicate"
        };
        assert!(
            done.out.contains(word),
            "{mode}: {}",
            done.out.lines().next().unwrap_or("")
        );
    }
    let imports = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    let digests: Vec<_> = imports.iter().map(|import| &import["sha256"]).collect();
    assert!(
        digests.iter().all(|digest| *digest == digests[0]),
        "the same bytes"
    );
    server.stop();
}

/// Answers one request with these bytes after its head has arrived.
fn other_server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!(
        "http://{}/axis2/services/UserAdmin",
        listener.local_addr().expect("an address")
    );
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n")
            && stream.read(&mut byte).expect("a head can be read") > 0
        {
            head.push(byte[0]);
        }
        stream
            .write_all(answer.as_bytes())
            .expect("the rest can be read");
        String::from_utf8(head).expect("ASCII")
    });
    (url, thread)
}

#[test]
fn responses_of_other_servers_are_reported() {
    let home = Home::new();
    home.write("users.csv", "username\nann\n");
    home.write("password", ADMIN_PASSWORD);
    let (url, thread) =
        other_server("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    send(&home, &url, &[]).ended(0);
    let head = thread
        .join()
        .expect("the thread does not panic")
        .to_lowercase();
    assert!(
        head.starts_with("post /axis2/services/useradmin http/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("expect: 100-continue\r\n") && head.contains("content-length: "),
        "{head}"
    );

    let (url, thread) = other_server(
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let moved = send(&home, &url, &[]).ended(1);
    assert!(moved.out.contains("https://elsewhere/x"), "{moved:?}");
    thread.join().expect("the thread does not panic");

    let (url, thread) = other_server(
        "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: JSESSIONID=geheim\r\nContent-Length: 6\r\n\
         Connection: close\r\n\r\n<html>",
    );
    let refused = send(&home, &url, &["-v"]).ended(1);
    assert!(refused.out.contains("rejected this name"), "{refused:?}");
    assert!(!refused.err.contains("geheim"), "{refused:?}");
    thread.join().expect("the thread does not panic");
}

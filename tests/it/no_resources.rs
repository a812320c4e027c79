//! A machine without memory, threads or random bytes to spare: callers are told to come back, and nothing else.

use std::fs;

use crate::app::Response;
use crate::fault::{Injection, ask, limit, logged, ready, upload};
use crate::process::{ADMIN_PASSWORD, Home, Serving};

fn told(response: &Response) -> (u16, bool) {
    (response.status, response.header("retry-after").is_some())
}

#[test]
fn a_password_that_cannot_be_verified_for_lack_of_memory_is_not_called_wrong() {
    let home = Home::new();
    // One verification takes more than will be left.
    home.write(
        "settings.toml",
        "[passwords]\nmemory_kib = 262144\npasses = 1\nremember_seconds = 1\n",
    );
    let server = Serving::start(&home);
    assert_eq!(upload(&server, "", "", "username\nann\n").status, 201);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let size = status.lines().find(|line| line.starts_with("VmSize:"));
    let size: u64 = size
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("a number");
    if !limit(&server, &format!("--as={}:", (size + 100_000) * 1024)) {
        return;
    }
    let refused = ask(&server, "GET /api/v1/imports", "", b"");
    assert_eq!(
        told(&refused),
        (503, true),
        "{}\n{}",
        refused.body,
        server.log()
    );
    logged(&server, "could not be hashed or verified");
    assert!(limit(&server, "--as=unlimited:"));
    assert_eq!(ask(&server, "GET /api/v1/imports", "", b"").status, 200);
    server.stop();
}

#[test]
fn a_thread_that_cannot_be_started_is_told_and_later_one_is() {
    let home = Home::new();
    let server = Serving::start(&home);
    // The workers have begun; none of them has needed a thread.
    for _ in 0..8 {
        assert_eq!(ask(&server, "GET /healthz", "", b"").status, 200);
    }
    let Some(injection) = Injection::into(&server, "clone,clone3:error=EAGAIN") else {
        return;
    };
    // Without a body, which a server that refuses it need not read.
    let refused = ask(&server, "GET /api/v1/imports", "", b"");
    assert_eq!(
        told(&refused),
        (503, true),
        "{}\n{}",
        refused.body,
        server.log()
    );
    logged(&server, "a thread could not be started");
    drop(injection);
    ready(&server, 200);
    assert_eq!(upload(&server, "", "", "username\nann\n").status, 201);
    server.stop();
}

#[test]
fn a_session_is_not_opened_without_random_bytes_and_the_caller_is_told() {
    let home = Home::new();
    let server = Serving::start(&home);
    let login = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <login xmlns=\"http://authentication.services.core.carbon.wso2.org\">\
         <username>admin</username><password>{ADMIN_PASSWORD}</password>\
         <remoteAddress>localhost</remoteAddress></login></s:Body></s:Envelope>"
    );
    let fields = "Content-Type: text/xml\r\nSOAPAction: \"urn:login\"\r\n";
    // Threads that have begun have their random numbers for the collections of Rust's library.
    for _ in 0..8 {
        let opened = ask(
            &server,
            "POST /services/AuthenticationAdmin",
            fields,
            login.as_bytes(),
        );
        assert_eq!(opened.status, 200, "{}", opened.body);
    }
    let Some(injection) = Injection::into(&server, "getrandom:error=EIO") else {
        return;
    };
    let refused = ask(
        &server,
        "POST /services/AuthenticationAdmin",
        fields,
        login.as_bytes(),
    );
    assert_eq!(
        refused.rule(),
        "IMP-RESOURCES",
        "{}\n{}",
        refused.body,
        server.log()
    );
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(injection);
    let opened = ask(
        &server,
        "POST /services/AuthenticationAdmin",
        fields,
        login.as_bytes(),
    );
    assert_eq!(opened.status, 200, "{}", opened.body);
    server.stop();
}

#[test]
fn a_new_thread_without_random_bytes_answers_503() {
    let home = Home::new();
    let server = Serving::start(&home);
    // No request has needed a thread of the pool yet.
    for _ in 0..8 {
        assert_eq!(ask(&server, "GET /healthz", "", b"").status, 200);
    }
    let Some(injection) = Injection::into(&server, "getrandom:error=EIO") else {
        return;
    };
    let refused = ask(&server, "GET /api/v1/imports", "", b"");
    assert_eq!(
        told(&refused),
        (503, true),
        "{}\n{}",
        refused.body,
        server.log()
    );
    logged(&server, "no random bytes");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    drop(injection);
    assert_eq!(ask(&server, "GET /api/v1/imports", "", b"").status, 200);
    server.stop();
}

//! A machine short of memory, threads or random bytes: callers are asked to try again later, with `Retry-After`.

use std::fs;

use crate::app::Response;
use crate::fault::{Injection, ask, limit, logged, ready, upload};
use crate::process::{ADMIN_PASSWORD, Home, Serving};

fn status_and_retry(response: &Response) -> (u16, bool) {
    (response.status, response.header("retry-after").is_some())
}

#[test]
fn a_lack_of_memory_for_a_verification_is_answered_503_and_not_401() {
    let home = Home::new();
    // One verification needs more memory than the limit leaves.
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
        status_and_retry(&refused),
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

/// The first request that needs a thread of the pool, while these system calls fail, gets 503 and this log line; the
/// next one after that is served. Returns the log.
fn check_first_thread(failing: &str, log: &str) -> String {
    let home = Home::new();
    let server = Serving::start(&home);
    // The workers run; none of them has needed a further thread.
    for _ in 0..8 {
        assert_eq!(ask(&server, "GET /healthz", "", b"").status, 200);
    }
    let Some(injection) = Injection::into(&server, failing) else {
        return String::new();
    };
    // Without a body, since a server that refuses the request need not read it.
    let refused = ask(&server, "GET /api/v1/imports", "", b"");
    assert_eq!(
        status_and_retry(&refused),
        (503, true),
        "{}\n{}",
        refused.body,
        server.log()
    );
    logged(&server, log);
    drop(injection);
    ready(&server, 200);
    assert_eq!(upload(&server, "", "", "username\nann\n").status, 201);
    let log = server.log();
    server.stop();
    log
}

#[test]
fn a_thread_that_cannot_be_started_is_answered_503_until_it_can() {
    check_first_thread("clone,clone3:error=EAGAIN", "a thread could not be started");
}

#[test]
fn a_new_thread_without_random_bytes_answers_503() {
    let log = check_first_thread("getrandom:error=EIO", "no random bytes");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_login_without_random_bytes_is_refused_with_retry_after() {
    let home = Home::new();
    let server = Serving::start(&home);
    let login = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <login xmlns=\"http://authentication.services.core.carbon.wso2.org\">\
         <username>admin</username><password>{ADMIN_PASSWORD}</password>\
         <remoteAddress>localhost</remoteAddress></login></s:Body></s:Envelope>"
    );
    let fields = "Content-Type: text/xml\r\nSOAPAction: \"urn:login\"\r\n";
    // Running threads already have the random keys of the standard library's hash maps.
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

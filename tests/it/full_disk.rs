//! A full disk: it is reported, no confirmed data is lost, and work continues once there is free space.

use std::time::{Duration, Instant};

use crate::fault::{SmallDisk, ask, code, ready, upload};
use crate::process::{Home, users_csv};

/// Some free space is required for the server to be ready.
const SETTINGS: &str = "[store]\nmin_free_bytes = 1000000\n[import]\nfirst_batch_users = 200\n\
    batch_users = 500\n";

#[test]
fn full_disk_is_reported_everywhere_and_used_again_once_space_is_free() {
    let home = Home::with_settings(SETTINGS);
    let Some(disk) = SmallDisk::start(&home, 128) else {
        return;
    };
    let server = &disk.server;
    ready(server, 200);
    assert_eq!(upload(server, "", "", "username\nann\n").status, 201);
    disk.fill_but(0);
    let said = ready(server, 503);
    assert!(said.contains("the disk is full"), "{said}");
    let csv = users_csv(20_000, 7_919);
    let summary = |response: &crate::app::Response| {
        (
            response.status,
            code(response),
            response.header("retry-after").is_some(),
        )
    };
    let full = (507, "IMP-STORE-FULL".to_owned(), true);
    // The store.
    assert_eq!(summary(&upload(server, "", "", &csv)), full);
    // Folders for waiting files: the queue, and files that are read twice.
    let queued = upload(server, "", "Prefer: respond-async\r\n", &csv);
    assert_eq!(summary(&queued), full, "{}", queued.body);
    let first = upload(server, "validateFirst=true", "", &csv);
    assert_eq!(summary(&first), full, "{}", first.body);
    // SOAP reports it in the fault.
    let body = crate::app::inline(&csv);
    let fields = "Content-Type: text/xml\r\nSOAPAction: \"urn:bulkImportUsers\"\r\n";
    let fault = ask(server, "POST /services/UserAdmin", fields, body.as_bytes());
    assert_eq!(fault.rule(), "IMP-STORE-FULL");
    // Reading continues.
    let seen = ask(
        server,
        "GET /scim/v2/Users?filter=userName%20eq%20%22ann%22",
        "",
        b"",
    );
    assert!(seen.body.contains("\"totalResults\":1"), "{}", seen.body);
    disk.free_space();
    ready(server, 200);
    assert_eq!(upload(server, "", "", &csv).status, 201);
    disk.server.stop();
}

#[test]
fn queued_import_continues_after_a_full_disk() {
    let home = Home::with_settings(SETTINGS);
    let Some(disk) = SmallDisk::start(&home, 128) else {
        return;
    };
    let server = &disk.server;
    assert_eq!(upload(server, "", "", "username\nann\n").status, 201);
    let rows = 30_000;
    let csv = users_csv(rows, 7_919);
    // There is enough space for the upload, but not for its users.
    disk.fill_but(csv.len() as u64 + 2_000_000);
    let queued = upload(server, "", "Prefer: respond-async\r\n", &csv);
    assert_eq!(queued.status, 202, "{}", queued.body);
    let record: serde_json::Value = serde_json::from_str(&queued.body).expect("JSON");
    let id = record["id"].as_str().expect("an id").to_owned();
    let state = || {
        let found = ask(server, &format!("GET /api/v1/imports/{id}"), "", b"");
        let record: serde_json::Value = serde_json::from_str(&found.body).expect("JSON");
        (
            record["state"].as_str().unwrap_or_default().to_owned(),
            record["total"].clone(),
        )
    };
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(
                Instant::now() < until,
                "{what}: {:?}\n{}",
                state(),
                server.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait("it meets the full disk", &|| {
        server.log().contains("a queued import is tried again")
            || server
                .log()
                .contains("a queued import could not be started")
    });
    assert_ne!(state().0, "completed");
    disk.free_space();
    wait("it continues", &|| state().0 == "completed");
    assert_eq!(state().1, rows);
    let found = ask(server, "GET /scim/v2/Users?count=0", "", b"");
    let total = format!("\"totalResults\":{}", rows + 1);
    assert!(found.body.contains(&total), "{}", found.body);
    disk.server.stop();
}

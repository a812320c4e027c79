//! Memory of a server process: limited while the worst accepted requests arrive at once, and released
//! afterwards. `tests/trials` does the same with 64 requests of every kind.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rust_xlsxwriter::Workbook;

use crate::app::Response;
use crate::fault::{DEFAULT_PASSWORD, ask, memory, memory_down_to, upload};
use crate::process::{Home, Serving, users_csv};

pub const MIB: u64 = 1024 * 1024;

/// How long the release of memory may take.
const RELEASE_TIME: Duration = Duration::from_secs(60);

/// A compressed file of rows without names, 65 kB each.
pub fn bad_rows(rows: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed
        .write_all(b"username,givenname,familyname\n")
        .expect("memory");
    let cell = "x".repeat(32_500);
    for _ in 0..rows {
        writeln!(packed, ",{cell},{cell}").expect("memory");
    }
    packed.finish().expect("memory")
}

/// A workbook with so many bytes of text in a small file.
pub fn workbook(bytes: usize) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "username").expect("a cell");
    sheet.write_string(0, 1, "givenname").expect("a cell");
    let text = "y".repeat(30_000);
    for row in 0..bytes / text.len() {
        let number = u32::try_from(row + 1).expect("a small number");
        let name = format!("user{row}");
        sheet.write_string(number, 0, &name).expect("a cell");
        // Each text is different, so that none is shared.
        let text = format!("{row} {text}");
        sheet.write_string(number, 1, &text).expect("a cell");
    }
    workbook.save_to_buffer().expect("a workbook")
}

/// Uploads a compressed file or a workbook.
pub fn send(server: &Serving, query: &str, file: &[u8]) -> Response {
    let fields = match file.starts_with(b"PK") {
        true => {
            "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet\r\n"
        }
        false => "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n",
    };
    ask(
        server,
        &format!("POST /api/v1/imports?{query}"),
        &format!("{DEFAULT_PASSWORD}{fields}"),
        file,
    )
}

/// Makes the same call from so many clients at once. Returns the statuses, and the peak of memory above the use
/// before the calls.
pub fn at_once(
    server: &Serving,
    clients: usize,
    call: impl Fn(usize) -> Response + Sync,
) -> (Vec<u16>, u64) {
    let (before, _) = memory(server);
    let mut statuses: Vec<u16> = std::thread::scope(|threads| {
        let started: Vec<_> = (0..clients)
            .map(|client| {
                let call = &call;
                threads.spawn(move || call(client).status)
            })
            .collect();
        started
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    statuses.sort_unstable();
    let (_, peak) = memory(server);
    (statuses, peak.saturating_sub(before))
}

/// Asserts that the process uses little more memory than before.
#[track_caller]
pub fn assert_released(server: &Serving, before: u64, what: &str) {
    let now = memory_down_to(server, before + 64 * MIB, RELEASE_TIME);
    let (now, before) = (now / MIB, before / MIB);
    assert!(now <= before + 64, "{what}: {now} MiB, and {before} before");
}

#[test]
fn rejected_rows_are_limited_in_bytes_and_release_their_memory() {
    let home = Home::new();
    let server = Serving::start(&home);
    upload(&server, "", "", "username\nann\n");
    let (idle, _) = memory(&server);
    let file = bad_rows(250);
    for query in ["", "dryRun=true", "validateFirst=true"] {
        let (statuses, peak) = at_once(&server, 4, |_| send(&server, query, &file));
        eprintln!("{query}: {statuses:?}, {} MiB", peak / MIB);
        assert!(statuses.iter().all(|it| *it < 500), "{statuses:?}");
        assert!(peak <= 64 * MIB, "{query}: {} MiB", peak / MIB);
    }
    assert_released(&server, idle, "rejected rows");
    server.stop();
}

#[test]
fn the_report_of_a_dry_run_is_limited_in_bytes() {
    let home = Home::new();
    let server = Serving::start(&home);
    let report = send(&server, "dryRun=true", &bad_rows(200));
    assert_eq!(report.status, 200);
    assert!(report.body.len() < 3_000_000, "{} bytes", report.body.len());
    let report: serde_json::Value = serde_json::from_str(&report.body).expect("JSON");
    assert_eq!(report["failed"], 200);
    assert!(
        report["rejects"]
            .as_array()
            .is_some_and(|it| it.len() < 200)
    );
    server.stop();
}

#[test]
fn all_workbooks_together_stay_within_their_memory_limit() {
    let home = Home::with_settings("[files]\nworkbooks_memory_bytes = 67108864\n");
    let server = Serving::start(&home);
    upload(&server, "", "", "username\nann\n");
    let (idle, _) = memory(&server);
    let file = workbook(12_000_000);
    let (statuses, peak) = at_once(&server, 6, |_| send(&server, "dryRun=true", &file));
    eprintln!(
        "{statuses:?}, {} MiB, a file of {} bytes",
        peak / MIB,
        file.len()
    );
    assert_eq!(statuses, [200; 6]);
    assert!(peak <= 128 * MIB, "{} MiB", peak / MIB);
    assert_released(&server, idle, "workbooks");
    server.stop();
}

#[test]
fn a_workbook_that_waits_too_long_for_memory_is_answered_503_with_retry_after() {
    let home = Home::with_settings(
        "[files]\nworkbooks_memory_bytes = 16777216\nworkbook_wait_seconds = 0\n",
    );
    let server = Serving::start(&home);
    let file = workbook(6_000_000);
    let answers: Vec<Response> = std::thread::scope(|threads| {
        let started: Vec<_> = (0..6)
            .map(|_| threads.spawn(|| send(&server, "dryRun=true", &file)))
            .collect();
        started
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    let busy = answers.iter().filter(|it| it.status == 503);
    let busy: Vec<&Response> = busy.collect();
    assert!(!busy.is_empty(), "none had to wait");
    for answer in busy {
        assert_eq!(crate::fault::code(answer), "IMP-BUSY", "{}", answer.body);
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(send(&server, "dryRun=true", &file).status, 200);
    server.stop();
}

#[test]
fn read_connections_stay_within_their_limit() {
    let home = Home::with_settings("[store]\nread_connections = 8\n");
    let server = Serving::start(&home);
    assert_eq!(upload(&server, "", "", &users_csv(5_000, 7)).status, 201);
    let open = || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("a process");
        let links = files.flatten().map(|it| std::fs::read_link(it.path()));
        let of_store = links.filter(|it| it.as_ref().is_ok_and(|it| it.ends_with("muster.db")));
        of_store.count()
    };
    let before = open();
    for _ in 0..2 {
        let (statuses, _) = at_once(&server, 100, |client| {
            let name = format!("user{client:06}");
            let path = format!("GET /scim/v2/Users?filter=userName%20eq%20%22{name}%22");
            ask(&server, &path, "", b"")
        });
        assert_eq!(statuses, [200; 100]);
        assert!(open() <= before + 8, "{} connections", open());
    }
    server.stop();
}

#[test]
fn scans_above_the_limit_are_answered_429_with_retry_after() {
    let home = Home::with_settings("[store]\nscans = 1\n");
    let server = Serving::start(&home);
    assert_eq!(upload(&server, "", "", &users_csv(20_000, 7)).status, 201);
    // This filter has to read every document.
    let scan = "GET /scim/v2/Users?count=1&filter=emails%5Btype%20eq%20%22home%22%5D";
    let answers: Vec<Response> = std::thread::scope(|threads| {
        let started: Vec<_> = (0..16)
            .map(|_| threads.spawn(|| ask(&server, scan, "", b"")))
            .collect();
        started
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect()
    });
    let refused = answers.iter().filter(|it| it.status == 429);
    let refused: Vec<&Response> = refused.collect();
    assert!(!refused.is_empty(), "no scan exceeded the limit");
    assert!(refused.iter().all(|it| it.header("retry-after").is_some()));
    assert!(answers.iter().any(|it| it.status == 200));
    // A query for one user by name does not wait for scans.
    let one = "GET /scim/v2/Users?filter=userName%20eq%20%22user000001%22";
    assert_eq!(ask(&server, one, "", b"").status, 200);
    server.stop();
}

//! 64 concurrent requests of the most expensive kinds that are accepted: memory stays bounded and is released.

use std::fmt::Write;

use crate::app::{Response, inline, multipart};
use crate::fault::{ask, memory, upload};
use crate::peaks::{MIB, assert_released, at_once, bad_rows, send, workbook};
use crate::process::{Home, Serving, users_csv};

const CLIENTS: usize = 64;

/// Maximum resident memory.
const PEAK: u64 = 512 * MIB;

/// A server with some users, whose timeouts are long enough for this machine.
fn server(home: &Home) -> (Serving, u64) {
    let server = Serving::start(home);
    assert_eq!(
        upload(&server, "", "", &users_csv(20_000, 7_919)).status,
        201
    );
    std::thread::sleep(std::time::Duration::from_secs(12));
    let (idle, _) = memory(&server);
    (server, idle)
}

/// Runs `call` from 64 clients and checks the memory.
fn trial(name: &str, call: impl Fn(&Serving, usize) -> Response + Sync) {
    let home = Home::with_settings("[files]\nworkbook_wait_seconds = 5\n");
    let (server, idle) = server(&home);
    let (mut statuses, _) = at_once(&server, CLIENTS, |client| call(&server, client));
    let (now, peak) = memory(&server);
    statuses.dedup();
    eprintln!(
        "{name}: statuses {statuses:?}, idle {} MiB, peak {} MiB, at the end {} MiB",
        idle / MIB,
        peak / MIB,
        now / MIB
    );
    assert!(peak <= PEAK, "{name}: {} MiB", peak / MIB);
    assert_released(&server, idle, name);
    let (now, _) = memory(&server);
    eprintln!("{name}: later {} MiB", now / MIB);
    server.stop();
}

#[test]
fn compressed_files_of_bad_rows() {
    let file = bad_rows(1_000);
    trial("bad rows", |server, _| send(server, "", &file));
    trial("bad rows, dry run", |server, _| {
        send(server, "dryRun=true", &file)
    });
    trial("bad rows, checked first", |server, _| {
        send(server, "validateFirst=true", &file)
    });
}

#[test]
fn rows_with_a_thousand_bad_cells() {
    let mut csv = String::from("username");
    (0..1_000).for_each(|column| write!(csv, ",http://wso2.org/claims/c{column}").expect("text"));
    csv.push('\n');
    for row in 0..300 {
        write!(csv, "user{row}").expect("text");
        (0..1_000).for_each(|_| csv.push_str(",#N/A"));
        csv.push('\n');
    }
    trial("bad cells", |server, _| {
        upload(server, "dryRun=true", "", &csv)
    });
}

#[test]
fn headers_with_a_thousand_long_columns() {
    let mut csv = String::from("username");
    (0..1_000).for_each(|column| write!(csv, ",_{column}{}", "x".repeat(1_000)).expect("text"));
    csv.push('\n');
    for row in 0..2_000 {
        write!(csv, "user{row}").expect("text");
        (0..1_000).for_each(|_| csv.push(','));
        csv.push('\n');
    }
    trial("long headers", |server, _| {
        upload(server, "dryRun=true", "", &csv)
    });
}

#[test]
fn large_workbooks() {
    let file = workbook(40_000_000);
    trial("workbooks", |server, _| send(server, "dryRun=true", &file));
}

#[test]
fn large_files_of_good_rows() {
    let csv = users_csv(60_000, 7_919);
    trial("good rows", |server, _| {
        upload(server, "dryRun=true", "", &csv)
    });
    trial("good rows, MTOM", |server, _| {
        let body = multipart(&csv);
        let fields = format!("Content-Type: {}\r\n", crate::app::RELATED);
        ask(server, "POST /services/UserAdmin", &fields, body.as_bytes())
    });
    trial("good rows, inline", |server, _| {
        let body = inline(&csv);
        let fields = "Content-Type: text/xml\r\n";
        ask(server, "POST /services/UserAdmin", fields, body.as_bytes())
    });
}

#[test]
fn pages_and_scans() {
    trial("pages", |server, _| {
        ask(server, "GET /scim/v2/Users?count=1000", "", b"")
    });
    trial("scans", |server, _| {
        let scan = "GET /scim/v2/Users?count=1000&filter=not%20(userName%20co%20%22zz%22)";
        ask(server, scan, "", b"")
    });
    trial("names by SOAP", |server, _| {
        let body = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
                    <listUsers xmlns=\"http://org.apache.axis2/xsd\"><filter>*1*</filter>\
                    <limit>-1</limit></listUsers></s:Body></s:Envelope>";
        ask(
            server,
            "POST /services/UserAdmin",
            "Content-Type: text/xml\r\n",
            body.as_bytes(),
        )
    });
}

#[test]
fn bulk_requests() {
    let mut operations = Vec::new();
    for number in 0..1_000 {
        operations.push(serde_json::json!({
            "method": "POST", "path": "/Users", "bulkId": number.to_string(),
            "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": format!("bulk{number}"),
                "nickName": "n".repeat(600),
            }
        }));
    }
    let body = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    })
    .to_string();
    trial("bulk", |server, _| {
        let fields = "Content-Type: application/scim+json\r\n";
        ask(server, "POST /scim/v2/Bulk", fields, body.as_bytes())
    });
}

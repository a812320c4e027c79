//! Clear-text passwords are nowhere except in transit: not in the log, the database, its write-ahead log, the
//! spool folder, reports, reject files, the audit, or an answer.

use std::path::Path;
use std::time::{Duration, Instant};

use muster::app::App;
use muster::clock::Clock;
use muster::import::reject_file;
use muster::users::built_in::DEFAULT_ORGANIZATION;

use crate::app::{Options, RELATED, Response, basic};
use crate::message::{SOAP_11, base64};
use crate::process::{ADMIN_PASSWORD, Home, Serving};

/// Enough rows for a file to be in transit when the connection breaks off.
const FILLING: usize = 3_000;

/// The default password, that of a valid row, and that of the rows that fail; different in each run.
struct Markers([String; 3]);

impl Markers {
    fn new(run: &str) -> Self {
        Markers(["Dflt", "Own", "Fail"].map(|kind| format!("Mk{kind}-{run}-Xq7")))
    }

    /// A file with the third password in every place where a row can fail.
    fn csv(&self, run: &str) -> String {
        let [_, own, fail] = &self.0;
        let mut csv = format!(
            "username,givenname,password,roles,country\n\
             {run}-default,,,,\n\
             {run}-own,,{own},,\n\
             {run} blank,,{fail},,\n\
             {run}-role,,{fail},nosuch,\n\
             {run}-few,{fail},,\n\
             {run}-fewer,{fail}\n\
             {run}-many,,,{fail},\n\
             {run}-more,,,{fail},,x\n\
             {run}-claim,,{fail},,http://wso2.org/claims/givenname=a=b\n\
             {run}-hash,,$argon2id${fail},,\n"
        );
        for row in 0..FILLING {
            csv.push_str(&format!("{run}-{row},Given,,,\"a country, far away\"\n"));
        }
        csv
    }

    #[track_caller]
    fn are_not_in(&self, bytes: &[u8], place: &str) {
        for marker in &self.0 {
            for form in [marker.clone(), base64(marker)] {
                let form = form.trim_end_matches('=').as_bytes();
                let found = bytes.windows(form.len()).position(|it| it == form);
                let around = found.map(|at| {
                    let near = at.saturating_sub(200)..(at + 100).min(bytes.len());
                    String::from_utf8_lossy(&bytes[near]).into_owned()
                });
                assert_eq!(around, None, "{marker} in {place}");
            }
        }
    }
}

fn envelope(markers: &Markers, name: &str, handler: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><bulkImportUsers \
         xmlns=\"http://org.apache.axis2/xsd\"><fileName>{name}</fileName><handler>{handler}\
         </handler><defaultPassword>{}</defaultPassword></bulkImportUsers></e:Body></e:Envelope>",
        markers.0[0]
    )
}

fn mtom(markers: &Markers, file: &str) -> String {
    let include = crate::message::include("file@test");
    let envelope = envelope(markers, "users.csv", &include);
    crate::message::parts(&[
        (
            "Content-Type: application/xop+xml; charset=UTF-8; type=\"text/xml\"\nContent-ID: <root>",
            &envelope,
        ),
        ("Content-Type: text/csv\nContent-ID: <file@test>", file),
    ])
}

/// The bytes of a call as the operator admin.
fn call(content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    call_at("/services/UserAdmin", content_type, headers, body)
}

/// The same for this path.
fn call_at(path: &str, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {content_type}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        basic("admin", ADMIN_PASSWORD),
        body.len()
    )
    .into_bytes()
}

fn send(server: &Serving, bytes: &[u8]) -> Response {
    use std::io::Write;
    let mut stream = server.connect();
    stream.write_all(bytes).expect("the server reads");
    Response::read(&mut stream)
}

fn files_below(folder: &Path, all: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files_below(&path, all),
            false => all.push(path),
        }
    }
}

#[test]
fn no_clear_text_password_is_left_anywhere() {
    let home = Home::with_settings(
        "[import]\nfirst_batch_users = 100\nbatch_users = 500\n[log]\nlevel = \"trace\"\n",
    );
    // The log has its most detailed level.
    let mut command = home.command(&["serve", "--http", "127.0.0.1:0", "--https", "off"]);
    command.env("MUSTER_ADMIN_PASSWORD", ADMIN_PASSWORD);
    let server = Serving::spawn(command);
    let mut all: Vec<(Markers, String)> = Vec::new();
    let mut keep = |markers: Markers, answer: Response| {
        let answer = format!("{answer:?}");
        markers.are_not_in(answer.as_bytes(), "an answer");
        all.push((markers, answer));
    };
    let run = |run: &str| (Markers::new(run), Markers::new(run).csv(run));

    let (markers, csv) = run("mtom");
    let answer = send(&server, &call(RELATED, "", &mtom(&markers, &csv)));
    assert_eq!(answer.rule(), "IMP-ROWS", "{}", answer.body);
    assert!(
        answer
            .fault_text()
            .contains("Success count : 3002,  Failed Count : 8"),
        "{}",
        answer.body
    );
    keep(markers, answer);

    let (markers, csv) = run("inline");
    let body = envelope(&markers, "users.csv", &base64(&csv));
    let answer = send(&server, &call("text/xml", "", &body));
    assert_eq!(answer.rule(), "IMP-ROWS", "{}", answer.body);
    keep(markers, answer);

    let (markers, csv) = run("queue");
    let body = mtom(&markers, &csv);
    let answer = send(&server, &call(RELATED, "Prefer: respond-async\r\n", &body));
    assert_eq!(answer.status, 200, "{}", answer.body);
    keep(markers, answer);

    // The REST channel: a form, the file as the body, a preview, and a password in a wrong place.
    let (markers, csv) = run("form");
    for path in ["/api/v1/imports/preview", "/api/v1/imports"] {
        let body =
            crate::message::form(&[("file|users.csv", &csv), ("defaultPassword", &markers.0[0])]);
        let answer = send(&server, &call_at(path, crate::message::FORM, "", &body));
        assert!(answer.body.contains("\"failed\":8"), "{}", answer.body);
        markers.are_not_in(format!("{answer:?}").as_bytes(), "an answer to a form");
    }
    all.push((markers, String::new()));
    let (markers, csv) = run("body");
    let password = format!("Muster-Default-Password: {}\r\n", markers.0[0]);
    let path = "/api/v1/imports";
    let answer = send(&server, &call_at(path, "text/csv", &password, &csv));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let refused = format!("{path}?defaultPassword={}", markers.0[0]);
    let refused = send(&server, &call_at(&refused, "text/csv", "", &csv));
    assert_eq!(refused.status, 400, "{}", refused.body);
    for answer in [answer, refused] {
        markers.are_not_in(format!("{answer:?}").as_bytes(), "an answer about a body");
    }
    all.push((markers, String::new()));

    // The service UserImport with the file inline, without and with validation first.
    let (markers, csv) = run("service");
    for first in ["false", "true"] {
        let body = format!(
            "<e:Envelope xmlns:e=\"{SOAP_11}\"><e:Body><importUsers \
             xmlns=\"urn:muster:user-import:1\"><file>{}</file><fileName>users.csv</fileName>\
             <defaultPassword>{}</defaultPassword><validateFirst>{first}</validateFirst>\
             </importUsers></e:Body></e:Envelope>",
            base64(&csv),
            markers.0[0]
        );
        let path = "/services/UserImport";
        let answer = send(&server, &call_at(path, "text/xml", "", &body));
        assert!(
            answer.body.contains("name-white-space") || first == "true",
            "{}",
            answer.body
        );
        markers.are_not_in(format!("{answer:?}").as_bytes(), "an answer of UserImport");
    }
    all.push((markers, String::new()));

    // A header line with a password in place of a column name.
    let (markers, csv) = run("header");
    for header in [
        format!("{},username,country", markers.0[2]),
        format!("username,{},country", markers.0[2]),
        markers.0[2].clone(),
    ] {
        let csv = csv.replacen("username,givenname,password,roles,country", &header, 1);
        let csv = csv.lines().take(1).collect::<String>() + "\nx,y,z\n";
        let answer = send(&server, &call(RELATED, "", &mtom(&markers, &csv)));
        let shown = format!("{answer:?}");
        markers.are_not_in(shown.as_bytes(), "the answer about a header");
    }

    // A call that breaks off within the file, and an invalid file name.
    let (markers, csv) = run("cut");
    let bytes = call(RELATED, "", &mtom(&markers, &csv));
    {
        use std::io::Write;
        let mut stream = server.connect();
        let most = bytes.len() - 2_000;
        stream.write_all(&bytes[..most]).expect("the server reads");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("a socket option");
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut text);
        markers.are_not_in(&text, "the answer to the truncated call");
    }
    all.push((markers, String::new()));
    let (markers, csv) = run("name");
    let body = envelope(&markers, "users.exe", &base64(&csv));
    let answer = send(&server, &call("text/xml", "", &body));
    assert_eq!(answer.rule(), "IMP-FILE-FORMAT");
    markers.are_not_in(format!("{answer:?}").as_bytes(), "an answer");
    all.push((markers, String::new()));

    let until = Instant::now() + Duration::from_secs(60);
    let waits = || {
        let list = home
            .run(&["imports", "list", "--json"])
            .ended(0)
            .json_lines();
        list.iter()
            .any(|it| it["state"] == "queued" || it["state"] == "running")
    };
    while waits() {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let look = |all: &[(Markers, String)], when: &str| {
        let mut files = Vec::new();
        files_below(&home.data(), &mut files);
        assert!(files.iter().any(|it| it.ends_with("muster.db")));
        for file in files {
            let bytes = std::fs::read(&file).expect("a file");
            for (markers, _) in all {
                markers.are_not_in(&bytes, &format!("{} {when}", file.display()));
            }
        }
    };
    look(&all, "while the server runs");
    let log = {
        let log = server.log();
        assert!(log.contains("import ended"), "{log}");
        log
    };
    for (markers, _) in &all {
        markers.are_not_in(log.as_bytes(), "the log");
    }
    server.stop();

    let (markers, csv) = run("terminal");
    home.write("terminal.csv", &csv);
    let import = [
        "import",
        "terminal.csv",
        "--json",
        "--default-password-stdin",
    ];
    let done = home.run_with_input(&import, &markers.0[0]).ended(2);
    for (text, place) in [(&done.out, "the report"), (&done.err, "the terminal")] {
        markers.are_not_in(text.as_bytes(), place);
    }
    all.push((markers, String::new()));
    look(&all, "after the end");

    // Everything that is kept about these imports, as it is displayed.
    let options = Options::new(home.data().parent().expect("a folder"));
    let app = App::build(&options.app, Clock::system()).expect("the app is built");
    let imports = app
        .store
        .imports(DEFAULT_ORGANIZATION, 100)
        .expect("the store works");
    assert!(imports.len() >= 5, "{}", imports.len());
    let mut rejected = 0;
    for import in &imports {
        let findings = app
            .store
            .findings(DEFAULT_ORGANIZATION, import.id, 0, 10_000);
        let mut kept =
            serde_json::to_vec(&(import, findings.expect("the store works"))).expect("JSON");
        rejected +=
            reject_file::write(app.store.as_ref(), import, &mut kept).expect("the store works");
        for (markers, _) in &all {
            markers.are_not_in(&kept, "what is kept about an import");
        }
    }
    assert!(rejected >= 8 * 7, "rows were rejected: {rejected}");
    let audit = app
        .store
        .audit(DEFAULT_ORGANIZATION, None, 1_000)
        .expect("the store works");
    assert!(!audit.is_empty());
    let audit = serde_json::to_vec(&audit).expect("JSON");
    for (markers, _) in &all {
        markers.are_not_in(&audit, "the audit");
    }
    // The markers are indeed the passwords of the users.
    for (run, password) in [("queue-own", 1), ("queue-default", 0)] {
        let stored = app.store.password(DEFAULT_ORGANIZATION, "PRIMARY", run);
        let hash = stored.expect("the store works").expect("a password").hash;
        let marker = Markers::new("queue").0[password].clone();
        assert!(
            app.pool.verify(marker.as_str().into(), Some(hash)).unwrap(),
            "{run}"
        );
    }
}

//! Imports as jobs: idempotency keys, the queue, cancelling, limits, and resuming after an interruption.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use muster::app::App;
use muster::clock::{Clock, Moment};
use muster::import::edits::Edits;
use muster::import::error::ImportError;
use muster::import::job_error::JobError;
use muster::import::jobs::{Cancelled, Ended};
use muster::import::reject_file;
use muster::import::report::Report;
use muster::import::request::ImportRequest;
use muster::import::selection::Selection;
use muster::users::actor::Actor;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::import_id::ImportId;
use muster::users::import_record::{ImportRecord, ImportState};
use muster::users::operator::Role;
use muster::users::options::{ConflictPolicy, ImportOptions};
use tempfile::TempDir;

use crate::app::{
    ADMIN_PASSWORD, Options, RELATED, Response, TestApp, admin, basic, inline, multipart,
};
use crate::message::DEFAULT_PASSWORD;
use crate::process::users_csv;
use crate::stores;

const PATIENCE: Duration = Duration::from_secs(60);

/// An app without a server; its queue does not start until [`Jobs::begin`].
pub fn new_app(folder: &TempDir, change: impl FnOnce(&mut Options)) -> App {
    let mut options = Options::new(folder.path());
    // Many small batches.
    options.app.import.first_batch_users = 10;
    options.app.import.batch_users = 50;
    change(&mut options);
    App::build(&options.app, Clock::system()).expect("the app is built")
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn request(app: &App, key: Option<&str>) -> ImportRequest {
    ImportRequest {
        organization: DEFAULT_ORGANIZATION.into(),
        domain: app.domains.find(None).expect("PRIMARY"),
        channel: Channel::Rest,
        operator: "admin".into(),
        may_grant_admin: true,
        request_id: None,
        file_name: "users.csv".into(),
        default_password: Some(DEFAULT_PASSWORD.into()),
        generated_passwords: None,
        options: ImportOptions::default(),
        key: key.map(str::to_owned),
        selection: Selection::All,
        edits: Edits::default(),
        keep: None,
    }
}

/// Rows named `NAME0000` and so on.
fn rows(name: &str, numbers: std::ops::Range<usize>) -> String {
    let mut csv = String::new();
    for number in numbers {
        writeln!(csv, "{name}{number:04},").expect("a string accepts every write");
    }
    csv
}

/// The first line of [`wide`] rows.
const WIDE: &str = "username,password,title\n";

/// Rows so wide that the first ones are processed before the last ones arrive.
fn wide(name: &str, numbers: std::ops::Range<usize>) -> String {
    let title = "x".repeat(8_000);
    let mut csv = String::new();
    for number in numbers {
        writeln!(csv, "{name}{number:04},,{title}").expect("a string accepts every write");
    }
    csv
}

pub fn file(name: &str, count: usize) -> String {
    format!("username,password\n{}", rows(name, 0..count))
}

#[track_caller]
pub fn ran(ended: Result<Ended, JobError>) -> Report {
    match ended {
        Ok(Ended::Ran(report)) => *report,
        other => panic!("the import did not run: {other:?}"),
    }
}

#[track_caller]
pub fn recorded(ended: Result<Ended, JobError>) -> ImportRecord {
    match ended {
        Ok(Ended::Recorded(record)) => *record,
        other => panic!("there is no record: {other:?}"),
    }
}

pub fn record(app: &App, id: ImportId) -> ImportRecord {
    let found = app.store.import(DEFAULT_ORGANIZATION, id);
    found.expect("the store works").expect("there is a record")
}

fn users(app: &App) -> usize {
    let all = app.store.users(DEFAULT_ORGANIZATION, None, None, 1_000_000);
    all.expect("the store works").len()
}

pub fn uploads(app: &App) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(&app.spool.folder).expect("the spool folder");
    folder.map(|it| it.expect("an entry").path()).collect()
}

#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
pub fn wait_for_end(app: &App, id: ImportId) -> ImportRecord {
    wait_for("the import ends", || {
        Some(record(app, id)).filter(|it| it.state.is_final())
    })
}

fn eve() -> Actor {
    Actor {
        operator: "eve".into(),
        ..stores::actor(DEFAULT_ORGANIZATION)
    }
}

/// A file that arrives in pieces.
struct Pieces {
    pieces: Receiver<io::Result<Vec<u8>>>,
    rest: Vec<u8>,
}

fn pieces() -> (Sender<io::Result<Vec<u8>>>, Pieces) {
    let (sender, pieces) = channel();
    let rest = Vec::new();
    (sender, Pieces { pieces, rest })
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.pieces.recv() {
                Ok(piece) => self.rest = piece?,
                Err(_) => return Ok(0),
            }
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

/// A file that breaks off after these bytes.
fn cut(text: &str) -> impl Read + use<> {
    struct Cut;
    impl Read for Cut {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            use muster::wire::error::WireError;
            Err(WireError::HttpTruncated { received: 1 }.into())
        }
    }
    io::Cursor::new(text.to_owned().into_bytes()).chain(Cut)
}

/// Runs an import whose file breaks off, and returns its record.
#[track_caller]
pub fn interrupted(app: &App, request: ImportRequest, text: &str) -> ImportRecord {
    match app.jobs.run(request, cut(text)) {
        Err(JobError::Import(failure)) => {
            assert_eq!(failure.report.state, ImportState::Interrupted);
            record(app, failure.report.import)
        }
        other => panic!("the import was not interrupted: {other:?}"),
    }
}

#[test]
fn a_repeated_key_returns_the_same_import() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let csv = file("ann", 25);
    let first = ran(app.jobs.run(request(&app, Some("k")), csv.as_bytes()));
    assert_eq!(first.counters.created, 25);
    let again = recorded(app.jobs.run(request(&app, Some("k")), csv.as_bytes()));
    assert_eq!((again.id, again.counters), (first.import, first.counters));
    assert_eq!(again.state, ImportState::Completed);
    let waiting = recorded(app.jobs.queue(request(&app, Some("k")), csv.as_bytes()));
    assert_eq!(
        waiting.id, first.import,
        "the key also applies to queued calls"
    );

    let reused = |request, csv: &str| match app.jobs.run(request, csv.as_bytes()) {
        Err(error @ JobError::KeyReused { .. }) => {
            assert!(error.to_string().contains(&first.import.to_string()));
        }
        other => panic!("{other:?}"),
    };
    reused(request(&app, Some("k")), &file("ann", 24));
    reused(request(&app, Some("k")), &file("bob", 25));
    let other_options = ImportRequest {
        options: ImportOptions {
            conflict: ConflictPolicy::Update,
            ..ImportOptions::default()
        },
        ..request(&app, Some("k"))
    };
    reused(other_options, &csv);
    let elsewhere = ImportRequest {
        domain: app.domains.find(Some("SALES")).expect("SALES"),
        ..request(&app, Some("k"))
    };
    reused(elsewhere, &csv);
    // With another key it is a new import.
    let new = ran(app.jobs.run(request(&app, Some("K")), csv.as_bytes()));
    assert_eq!((new.counters.created, new.counters.duplicate), (0, 25));
    assert_eq!(users(&app), 25);
    assert_eq!(uploads(&app), Vec::<std::path::PathBuf>::new());
    for key in ["", "a\nb", &"k".repeat(256)] {
        let refused = app.jobs.run(request(&app, Some(key)), csv.as_bytes());
        assert!(matches!(refused, Err(JobError::Key)), "{key:?}");
    }
}

#[test]
fn an_interrupted_import_resumes_after_its_last_durable_row() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    // Bad rows and rows without a name must be counted only once, too.
    let whole = format!(
        "{WIDE}{},,\nbad name,,\n{}last one,,\n{}",
        wide("ann", 0..30),
        wide("ann", 30..60),
        wide("ann", 60..75),
    );
    let middle = whole.find("ann0055").expect("the middle");
    let seen = interrupted(&app, request(&app, Some("k")), &whole[..middle]);
    let created = seen.counters.created;
    assert!((30..55).contains(&created), "{created}");
    let before = seen.counters;
    // A different file does not resume it: other rows, fewer rows, other column names.
    let other = whole.replacen("ann0003", "eve0003", 1);
    let fewer: String = whole.lines().take(12).map(|it| format!("{it}\n")).collect();
    let renamed = whole.replacen("title", "country", 1);
    for other in [other, fewer, renamed] {
        let refused = app.jobs.run(request(&app, Some("k")), other.as_bytes());
        assert!(
            matches!(refused, Err(JobError::KeyReused { .. })),
            "{refused:?}"
        );
        let now = record(&app, seen.id);
        assert_eq!(
            (now.state, now.counters),
            (ImportState::Interrupted, before)
        );
    }
    let report = ran(app.jobs.run(request(&app, Some("k")), whole.as_bytes()));
    assert_eq!(report.import, seen.id);
    let c = report.counters;
    assert_eq!(
        (c.total, c.created, c.failed, c.skipped, c.duplicate),
        (78, 75, 2, 1, 0)
    );
    let now = record(&app, seen.id);
    assert_eq!((now.state, now.counters), (ImportState::Completed, c));
    let rejects = stores::rejects_of(app.store.as_ref(), DEFAULT_ORGANIZATION, seen.id);
    let lines: Vec<_> = rejects.iter().map(|it| it.line).collect();
    assert_eq!(lines, [33, 64]);
    let findings = app.store.findings(DEFAULT_ORGANIZATION, seen.id, 0, 100);
    let weak = |code: &str| {
        let found = findings.as_ref().expect("the store works").iter();
        found.filter(|it| it.code == code).count()
    };
    assert_eq!(
        (findings.as_ref().map(Vec::len), weak("name-white-space")),
        (Ok(2), 2)
    );
    let again = recorded(app.jobs.run(request(&app, Some("k")), whole.as_bytes()));
    assert_eq!((again.id, again.counters), (seen.id, c));
    // The rows of both runs have the default password of the import.
    for name in ["ann0000", "ann0074"] {
        let password = app.store.password(DEFAULT_ORGANIZATION, "PRIMARY", name);
        let hash = password.expect("the store works").expect("a password").hash;
        assert!(
            app.pool
                .verify(DEFAULT_PASSWORD.into(), Some(hash))
                .unwrap()
        );
    }
}

#[test]
fn a_resumed_import_has_only_the_rights_of_the_caller_who_resumes_it() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    // The first and the last user get the role admin.
    let mut whole = format!(
        "username,password,title,role\n{}",
        wide("ann", 0..60).replace("x\n", "x,\n")
    );
    whole = whole.replacen("x,\n", "x,admin\n", 1) + "zoe,,,admin\n";
    let middle = whole.find("ann0050").expect("the middle");
    let seen = interrupted(&app, request(&app, Some("k")), &whole[..middle]);
    let c = seen.counters;
    assert!(
        c.created >= 10 && c.failed == 0,
        "the first caller is an administrator: {c:?}"
    );
    let lesser = ImportRequest {
        may_grant_admin: false,
        request_id: None,
        ..request(&app, Some("k"))
    };
    let report = ran(app.jobs.run(lesser, whole.as_bytes()));
    assert_eq!(report.counters.failed, 1, "{report:?}");
    assert_eq!(report.findings[0].code, "role-not-yours-to-give");
}

#[test]
fn an_import_whose_end_was_not_recorded_can_be_resumed_or_cancelled() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    // The process that ran it has written nothing for a long time; it no longer exists.
    let id = stores::new_import();
    let lost = |key: &str, id, active_at| {
        let mut begin = stores::first(id, stores::batch(&[]));
        begin.at = active_at;
        if let Some(record) = &mut begin.begin {
            record.key = Some(key.into());
            // As for the default password of `request`; with a different one it would be another request.
            record.default_password_note = Some("stays".into());
        }
        stores::write(app.store.as_ref(), begin);
    };
    lost("k", id, Moment(1_000_000));
    let csv = file("ann", 5);
    let report = ran(app.jobs.run(request(&app, Some("k")), csv.as_bytes()));
    assert_eq!((report.import, report.counters.created), (id, 5));
    // An import that was active a moment ago may still be running.
    let id = stores::new_import();
    lost("l", id, app.clock.now());
    let seen = recorded(app.jobs.run(request(&app, Some("l")), csv.as_bytes()));
    assert_eq!((seen.id, seen.state), (id, ImportState::Running));
    assert!(matches!(
        app.jobs.undo(&eve(), id),
        Err(JobError::StillRunning(_))
    ));
    // A lost import can be cancelled and undone.
    let id = stores::new_import();
    lost("m", id, Moment(1_000_000));
    let cancelled = app.jobs.cancel(&eve(), id).expect("it can be cancelled");
    assert_eq!(cancelled, Cancelled::BeforeItBegan);
    assert_eq!(record(&app, id).state, ImportState::Cancelled);
    app.jobs.undo(&eve(), id).expect("it can be undone");
    assert!(matches!(
        app.jobs.undo(&eve(), id),
        Err(JobError::AlreadyUndone(_))
    ));
}

#[test]
fn the_queue_runs_in_order_and_deletes_its_uploads() {
    let folder = folder();
    let app = new_app(&folder, |options| {
        options.app.import.workers = 1;
        options.app.import.queue = 4;
    });
    let queue = |name: &str, key| {
        let csv = file(name, 120);
        recorded(app.jobs.queue(request(&app, key), csv.as_bytes()))
    };
    let (one, two) = (queue("ann", None), queue("bob", Some("k")));
    assert_eq!(one.state, ImportState::Queued);
    let (three, four) = (queue("carl", None), queue("ann", None));
    let full = app.jobs.queue(request(&app, None), &b"username\nx\n"[..]);
    assert!(
        matches!(full, Err(JobError::Busy { seconds: 60 })),
        "{full:?}"
    );
    assert_eq!(queue("bob", Some("k")).id, two.id, "a repeated call");
    assert_eq!(users(&app), 0);
    let waiting = uploads(&app);
    assert_eq!(waiting.len(), 4, "one each: {waiting:?}");
    for path in &waiting {
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }
    let cancelled = app.jobs.cancel(&eve(), three.id);
    assert_eq!(
        cancelled.expect("the store works"),
        Cancelled::BeforeItBegan
    );
    let again = app.jobs.cancel(&eve(), three.id);
    assert_eq!(again.expect("the store works"), Cancelled::TooLate);
    assert_eq!(uploads(&app).len(), 3, "its upload is deleted at once");

    app.jobs.begin().expect("the queue starts");
    let last = wait_for_end(&app, four.id);
    assert_eq!((last.counters.duplicate, last.counters.created), (120, 0));
    let (one, two) = (record(&app, one.id), record(&app, two.id));
    for done in [&one, &two] {
        assert_eq!(done.state, ImportState::Completed);
        assert_eq!(done.counters.created, 120);
    }
    assert!(one.finished_at < two.finished_at && two.finished_at < last.finished_at);
    assert_eq!(record(&app, three.id).state, ImportState::Cancelled);
    assert_eq!(users(&app), 240);
    wait_for("the uploads are deleted", || {
        uploads(&app).is_empty().then_some(())
    });
    let entries = app.store.audit(DEFAULT_ORGANIZATION, None, 100);
    let ended_by_eve = entries.expect("the store works").into_iter().find(|it| {
        it.import == Some(three.id) && it.action == "import.end" && it.operator == "eve"
    });
    assert!(ended_by_eve.is_some());
    let refused = |request: ImportRequest| {
        let refused = app.jobs.queue(request, &b"username\nx\n"[..]);
        assert!(
            matches!(refused, Err(JobError::NotQueued { .. })),
            "{refused:?}"
        );
    };
    refused(ImportRequest {
        options: ImportOptions {
            dry_run: true,
            ..ImportOptions::default()
        },
        ..request(&app, None)
    });
}

#[test]
fn a_running_import_is_cancelled_after_a_batch_and_reports_what_is_stored() {
    let folder = folder();
    let app = Arc::new(new_app(&folder, |_| {}));
    let (sender, source) = pieces();
    let call = {
        let app = Arc::clone(&app);
        std::thread::spawn(move || app.jobs.run(request(&app, Some("k")), source))
    };
    let send = |text: String| sender.send(Ok(text.into_bytes())).expect("the peer reads");
    send(format!("{WIDE}{}", wide("ann", 0..60)));
    let id = wait_for("the first rows", || {
        let found = app.store.import_by_key(DEFAULT_ORGANIZATION, "k");
        let id = found.expect("the store works").map(|it| it.id)?;
        let progress = app.jobs.progress(DEFAULT_ORGANIZATION, id)?;
        (progress.counters.created > 0).then_some(id)
    });
    assert!(matches!(
        app.jobs.undo(&eve(), id),
        Err(JobError::StillRunning(_))
    ));
    assert_eq!(app.jobs.progress("acme", id), None);
    assert!(matches!(
        app.jobs.cancel(&stores::actor("acme"), id),
        Err(JobError::NoSuchImport(_))
    ));
    assert_eq!(
        app.jobs.cancel(&eve(), id).expect("the store works"),
        Cancelled::Asked
    );
    // The import may have stopped reading.
    let _ = sender.send(Ok(wide("bob", 0..200).into_bytes()));
    let ended = call.join().expect("no panic");
    let Err(JobError::Import(failure)) = ended else {
        panic!("{ended:?}");
    };
    assert!(matches!(failure.error, ImportError::Cancelled));
    let seen = record(&app, id);
    assert_eq!(seen.state, ImportState::Cancelled);
    assert_eq!(seen.counters, failure.report.counters);
    assert_eq!(seen.counters.created as usize, users(&app));
    assert!(seen.counters.created < 130, "{:?}", seen.counters);
    let message = failure.to_string();
    assert!(
        message.contains(&format!("{} users are stored", seen.counters.created)),
        "{message}"
    );
    assert_eq!(app.jobs.progress(DEFAULT_ORGANIZATION, id), None);
    assert_eq!(
        app.jobs.cancel(&eve(), id).expect("the store works"),
        Cancelled::TooLate
    );
    let newest = app
        .store
        .audit(DEFAULT_ORGANIZATION, None, 1)
        .expect("the store works");
    assert_eq!(
        (newest[0].operator.as_str(), newest[0].import),
        ("eve", Some(id))
    );
    let undone = app.jobs.undo(&eve(), id).expect("it can be undone");
    assert_eq!((undone.removed, users(&app)), (seen.counters.created, 0));
}

#[test]
fn a_large_queued_import_is_cancelled_while_it_runs() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    app.jobs.begin().expect("the queue starts");
    let csv = users_csv(100_000, 7_919);
    let id = recorded(app.jobs.queue(request(&app, None), csv.as_bytes())).id;
    wait_for("the first rows", || {
        let progress = app.jobs.progress(DEFAULT_ORGANIZATION, id)?;
        (progress.counters.created > 0).then_some(())
    });
    assert_eq!(
        app.jobs.cancel(&eve(), id).expect("the store works"),
        Cancelled::Asked
    );
    let seen = wait_for_end(&app, id);
    assert_eq!(seen.state, ImportState::Cancelled);
    assert_eq!(seen.counters.created as usize, users(&app));
    assert!(seen.counters.created < 100_000);
    wait_for("the upload is deleted", || {
        uploads(&app).is_empty().then_some(())
    });
}

/// Asserts that the next server completes a queued import that a stop interrupted.
fn stopped_in_the_middle(options: ImportOptions) {
    const ROWS: usize = 20_000;
    let folder = folder();
    let app = new_app(&folder, |_| {});
    app.jobs.begin().expect("the queue starts");
    // Rows that are counted but not stored reveal a wrong count.
    let csv = users_csv(ROWS, 7_919).replacen("\nuser", "\n,,,,,\nuser", 50);
    let request = ImportRequest {
        options: options.clone(),
        ..request(&app, None)
    };
    let id = recorded(app.jobs.queue(request, csv.as_bytes())).id;
    wait_for("it runs", || {
        (record(&app, id).state == ImportState::Running).then_some(())
    });
    std::thread::sleep(Duration::from_millis(60));
    app.stop();
    let cut = wait_for_end(&app, id);
    assert_eq!(cut.state, ImportState::Interrupted, "{options:?}");
    assert_eq!(
        uploads(&app).len(),
        1,
        "the upload is kept for the next start"
    );
    drop(app);
    let app = new_app(&folder, |_| {});
    app.jobs.begin().expect("the queue starts");
    let done = wait_for("it completes", || {
        Some(record(&app, id)).filter(|it| it.state == ImportState::Completed)
    });
    let c = done.counters;
    assert_eq!(
        (c.created as usize, c.skipped, c.total as usize, c.duplicate),
        (ROWS, 50, ROWS + 50, 0),
        "{options:?}, cut at {:?}",
        cut.counters
    );
    assert_eq!(users(&app), ROWS);
    wait_for("the upload is deleted", || {
        uploads(&app).is_empty().then_some(())
    });
}

#[test]
fn a_queued_import_interrupted_by_a_stop_is_completed_after_the_next_start() {
    stopped_in_the_middle(ImportOptions::default());
}

#[test]
fn a_stop_during_validation_loses_no_row() {
    stopped_in_the_middle(ImportOptions {
        validate_first: true,
        ..ImportOptions::default()
    });
}

#[test]
fn a_queued_import_without_its_upload_fails_with_the_reason() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let id = recorded(
        app.jobs
            .queue(request(&app, None), file("ann", 5).as_bytes()),
    )
    .id;
    std::fs::remove_file(&uploads(&app)[0]).expect("an upload");
    drop(app);
    let app = new_app(&folder, |_| {});
    app.jobs.begin().expect("the queue starts");
    let seen = wait_for_end(&app, id);
    assert_eq!(seen.state, ImportState::Failed);
    assert_eq!(seen.reason.as_deref(), Some("the upload no longer exists"));
}

#[test]
fn validate_first_stores_nothing_of_a_file_with_bad_rows_and_its_reject_file_can_be_corrected() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let csv = format!(
        "username,password,country\n{}bad name,,SE\nann0003,abc,\nlast,,FR\n",
        rows("ann", 0..30).replace(",\n", ",,\n")
    );
    let validate = |app: &App| ImportRequest {
        options: ImportOptions {
            validate_first: true,
            ..ImportOptions::default()
        },
        ..request(app, None)
    };
    let refused = app.jobs.run(validate(&app), csv.as_bytes());
    let Err(JobError::Import(failure)) = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(failure.error, ImportError::NotClean { failed: 2 }));
    assert_eq!(users(&app), 0);
    let seen = record(&app, failure.report.import);
    let c = seen.counters;
    assert_eq!(
        (seen.state, c.created, c.failed),
        (ImportState::Failed, 0, 2)
    );
    let mut out = Vec::new();
    reject_file::write(app.store.as_ref(), &seen, &mut out).expect("the reject file is written");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        text.starts_with("username,password,country,_line,_code,_message\r\n"),
        "{text}"
    );
    assert!(text.contains("bad name,,SE,32,name-white-space,"), "{text}");
    assert!(text.contains("ann0003,,,33,password-rule,"), "{text}");
    assert!(!text.contains("abc"), "{text}");
    let corrected = text
        .replace("bad name", "goodname")
        .replace("ann0003", "ann9999");
    let report = ran(app.jobs.run(validate(&app), corrected.as_bytes()));
    assert_eq!((report.counters.created, report.counters.failed), (2, 0));
}

/// Starts an import that blocks in its first read until the sender is dropped.
fn held(
    app: &Arc<App>,
    key: Option<&'static str>,
) -> (JoinHandle<Result<Ended, JobError>>, Sender<()>) {
    struct BlockingReader(Sender<()>, Receiver<()>);
    impl Read for BlockingReader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            // Only the first message has a receiver.
            let _ = self.0.send(());
            let _ = self.1.recv();
            Ok(0)
        }
    }
    let ((begun, begins), (release, released)) = (channel(), channel());
    let app = Arc::clone(app);
    let call = std::thread::spawn(move || {
        app.jobs
            .run(request(&app, key), BlockingReader(begun, released))
    });
    begins.recv().expect("the peer reads");
    (call, release)
}

#[test]
fn a_repeated_call_before_the_first_has_a_record_is_answered_busy() {
    let folder = folder();
    let app = Arc::new(new_app(&folder, |_| {}));
    let (call, release) = held(&app, Some("k"));
    let csv = file("ann", 3);
    for repeated in [
        app.jobs.run(request(&app, Some("k")), csv.as_bytes()),
        app.jobs.queue(request(&app, Some("k")), csv.as_bytes()),
    ] {
        assert!(
            matches!(repeated, Err(JobError::Busy { seconds: 1 })),
            "{repeated:?}"
        );
    }
    let other = ran(app.jobs.run(request(&app, Some("l")), csv.as_bytes()));
    assert_eq!(other.counters.created, 3);
    drop(release);
    assert!(call.join().expect("no panic").is_err(), "an empty file");
    let repeated = recorded(app.jobs.run(request(&app, Some("k")), csv.as_bytes()));
    assert_eq!(repeated.state, ImportState::Failed);
}

// The tests below use the SOAP channel.

/// The id and the state from the field `Muster-Import`.
#[track_caller]
fn import_of(response: &Response) -> (String, String) {
    let field = response.header("muster-import");
    let field = field.unwrap_or_else(|| panic!("no import: {}", response.body));
    let part = |key: &str| {
        let parts = &mut field.split(", ");
        let found = parts.find_map(|it| it.strip_prefix(key)?.strip_prefix('='));
        found.expect("the key").trim_matches('"').to_owned()
    };
    (part("id"), part("state"))
}

fn post_with(server: &TestApp, headers: &[&str], body: &str) -> Response {
    let path = "/services/UserAdmin";
    server.post_as(path, Some(&admin()), RELATED, headers, body.as_bytes())
}

fn small_batches(options: &mut Options) {
    options.app.import.first_batch_users = 10;
    options.app.import.batch_users = 50;
}

#[test]
fn a_repeated_idempotency_key_returns_the_first_answer() {
    let server = TestApp::start();
    let key = ["Idempotency-Key: \"a-key\""];
    let body = multipart(&file("ann", 5));
    let first = post_with(&server, &key, &body);
    assert_eq!(first.status, 200, "{}", first.body);
    let again = post_with(&server, &key, &body);
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(import_of(&again), import_of(&first));
    assert_eq!(again.header("muster-import"), first.header("muster-import"));
    let other = post_with(&server, &key, &multipart(&file("bob", 5)));
    assert_eq!(
        (other.status, other.rule().as_str()),
        (500, "IMP-KEY-REUSED")
    );
    assert_eq!(server.user_names().len(), 5);
    assert_eq!(
        server
            .app
            .store
            .imports("default", 9)
            .expect("the store works")
            .len(),
        1
    );
    // The fault of an import with bad rows is repeated.
    let key = ["Idempotency-Key: other"];
    let body = multipart(&file("ann", 6));
    let first = post_with(&server, &key, &body);
    assert_eq!(first.rule(), "IMP-ROWS");
    let again = post_with(&server, &key, &body);
    assert_eq!(again.fault_text(), first.fault_text());
    assert_eq!(import_of(&again), import_of(&first));
    let too_long = format!("Idempotency-Key: {}", "k".repeat(256));
    assert_eq!(post_with(&server, &[&too_long], &body).rule(), "IMP-KEY");
}

/// As over REST: keys from the field and from the message id, a file whose rows need the default password and one
/// whose rows do not.
#[test]
fn a_key_with_another_default_password_is_refused_over_soap() {
    let server = TestApp::start();
    let own = "UserName,Password,Claims\nown,Spring-Meadow-42,\n".to_owned();
    for (number, rows, by_message_id) in [
        (1, file("ann", 3), false),
        (2, own.clone(), false),
        (3, file("bob", 3), true),
    ] {
        let send = |password: &str| {
            let password = match password {
                "" => String::new(),
                password => format!("<defaultPassword>{password}</defaultPassword>"),
            };
            let body = inline(&rows).replace(
                "<defaultPassword>Initial-Pass-1</defaultPassword>",
                &password,
            );
            match by_message_id {
                false => {
                    let key = format!("Idempotency-Key: p{number}");
                    server.post_as(
                        "/services/UserAdmin",
                        Some(&admin()),
                        "text/xml",
                        &[&key],
                        body.as_bytes(),
                    )
                }
                true => {
                    let header = format!(
                        "<soapenv:Header><wsa:MessageID \
                         xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">urn:p{number}</wsa:MessageID>\
                         </soapenv:Header><soapenv:Body>"
                    );
                    let body = body.replacen("<soapenv:Body>", &header, 1);
                    server.post("text/xml", body.as_bytes())
                }
            }
        };
        let first = send("First-Password-1");
        assert_eq!(first.status, 200, "{}", first.body);
        for other in ["Second-Password-2", "first-password-1", ""] {
            let response = send(other);
            assert_eq!(response.rule(), "IMP-KEY-REUSED", "{number} {other:?}");
            assert!(!response.body.contains("Password-1"), "{}", response.body);
        }
        let again = send("First-Password-1");
        assert_eq!((again.status, import_of(&again)), (200, import_of(&first)));
    }
    // The first call has no default password, the second has one.
    let key = ["Idempotency-Key: none"];
    let send = |password: &str| {
        let body = inline(&own.replace("own", "max")).replace(
            "<defaultPassword>Initial-Pass-1</defaultPassword>",
            password,
        );
        server.post_as(
            "/services/UserAdmin",
            Some(&admin()),
            "text/xml",
            &key,
            body.as_bytes(),
        )
    };
    assert_eq!(send("").status, 200);
    let with_one = send("<defaultPassword>First-Password-1</defaultPassword>");
    assert_eq!(with_one.rule(), "IMP-KEY-REUSED");
    assert_eq!(send("").status, 200);
}

#[test]
fn a_valid_message_id_is_used_as_the_key() {
    let server = TestApp::start();
    let call = |id: &str, name: &str| {
        let header = format!(
            "<soapenv:Header><wsa:MessageID \
             xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">{id}</wsa:MessageID>\
             </soapenv:Header><soapenv:Body>"
        );
        let body = inline(&file(name, 3)).replacen("<soapenv:Body>", &header, 1);
        server.post("text/xml", body.as_bytes())
    };
    let first = call("urn:uuid:1", "ann");
    assert_eq!(first.status, 200, "{}", first.body);
    let again = call(" urn:uuid:1\n", "ann");
    assert_eq!((again.status, import_of(&again)), (200, import_of(&first)));
    assert_eq!(call("urn:uuid:1", "bob").rule(), "IMP-KEY-REUSED");
    assert_eq!(call("urn:uuid:2", "bob").status, 200);
    for odd in [String::new(), "x".repeat(300)] {
        let response = call(&odd, "bob");
        assert_eq!(response.rule(), "IMP-ROWS", "a new import of duplicates");
    }
    assert_eq!(server.user_names().len(), 6);
}

#[test]
fn a_repeated_call_while_the_first_runs_is_answered_with_retry_after() {
    let server = TestApp::start_with(small_batches);
    let body = multipart(&format!("{WIDE}{}", wide("ann", 0..80)));
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {RELATED}\r\nIdempotency-Key: k\r\nContent-Length: {}\r\n\r\n",
        admin(),
        body.len()
    );
    let late = body.find("ann0060").expect("a row");
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).expect("the peer reads");
    stream
        .write_all(&body.as_bytes()[..late])
        .expect("the peer reads");
    let key = ["Idempotency-Key: k"];
    wait_for("the first batch", || {
        let found = server.app.store.import_by_key("default", "k");
        found
            .expect("the store works")
            .filter(|it| it.counters.created > 0)
    });
    let refused = post_with(&server, &key, &body);
    assert_eq!(
        (refused.status, refused.rule().as_str()),
        (500, "IMP-EARLIER-CALL")
    );
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(import_of(&refused).1, "running");
    stream
        .write_all(&body.as_bytes()[late..])
        .expect("the peer reads");
    let done = Response::read(&mut stream);
    assert_eq!(done.status, 200, "{}", done.body);
    let again = post_with(&server, &key, &body);
    assert_eq!((again.status, import_of(&again)), (200, import_of(&done)));
    assert_eq!(import_of(&refused).0, import_of(&done).0);
    assert_eq!(server.user_names().len(), 80);
}

#[test]
fn a_truncated_upload_is_completed_by_sending_the_whole_file() {
    let server = TestApp::start_with(small_batches);
    let body = multipart(&format!("{WIDE}{}", wide("ann", 0..200)));
    let head = format!(
        "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
         Content-Type: {RELATED}\r\nIdempotency-Key: k\r\nContent-Length: {}\r\n\r\n",
        admin(),
        body.len()
    );
    let middle = body.find("ann0150").expect("a row");
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).expect("the peer reads");
    stream
        .write_all(&body.as_bytes()[..middle])
        .expect("the peer reads");
    drop(stream);
    let cut = wait_for("it is interrupted", || {
        let found = server.app.store.import_by_key("default", "k");
        let found = found.expect("the store works");
        found.filter(|it| it.state == ImportState::Interrupted)
    });
    assert!(cut.counters.created > 0 && cut.counters.created < 150);
    let whole = post_with(&server, &["Idempotency-Key: k"], &body);
    assert_eq!(whole.status, 200, "{}", whole.body);
    let state = "completed".to_owned();
    assert_eq!(import_of(&whole), (cut.id.to_string(), state));
    let done = server.last_import().expect("the import");
    assert_eq!((done.counters.created, done.counters.duplicate), (200, 0));
    assert_eq!(server.user_names().len(), 200);
}

#[test]
fn respond_async_is_answered_at_once_and_the_import_still_runs() {
    let server = TestApp::start();
    let headers = ["Prefer: wait=10, Respond-Async", "Idempotency-Key: k"];
    let body = multipart(&file("ann", 500));
    let response = post_with(&server, &headers, &body);
    assert_eq!(response.status, 200, "{}", response.body);
    let (id, state) = import_of(&response);
    assert_eq!(state, "queued");
    let done = wait_for("it completes", || {
        let last = server.last_import();
        last.filter(|it| it.state == ImportState::Completed)
    });
    assert_eq!((done.id.to_string(), done.counters.created), (id, 500));
    assert!(server.has_password("ann0499", DEFAULT_PASSWORD));
    wait_for("the upload is deleted", || {
        uploads(&server.app).is_empty().then_some(())
    });
    let again = post_with(&server, &headers, &body);
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(import_of(&again).1, "completed");
}

#[test]
fn a_small_call_does_not_wait_for_a_large_import() {
    let server = TestApp::start();
    let large = multipart(&users_csv(300_000, 7_919));
    let queued = post_with(&server, &["Prefer: respond-async"], &large);
    let id = import_of(&queued).0;
    let id = server.last_import().filter(|it| it.id.to_string() == id);
    let id = id.expect("the import").id;
    let created = || {
        let progress = server.app.jobs.progress(DEFAULT_ORGANIZATION, id)?;
        Some(progress.counters.created).filter(|it| *it > 0)
    };
    wait_for("it is under way", created);
    let began = Instant::now();
    let small = post_with(&server, &[], &multipart(&file("ann", 10)));
    let took = began.elapsed();
    assert_eq!(small.status, 200, "{}", small.body);
    let large = record(&server.app, id);
    assert_eq!(large.state, ImportState::Running, "after {took:?}");
    assert!(large.counters.created < 300_000);
    let cancelled = server.app.jobs.cancel(&eve(), id);
    assert_eq!(cancelled.expect("the store works"), Cancelled::Asked);
}

#[test]
fn sixteen_concurrent_calls_create_overlapping_names_once_without_lock_errors() {
    const CALLS: usize = 16;
    const ROWS: usize = 300;
    // On a disk, where a commit takes time.
    let disk = folder();
    let server = TestApp::start_with(|options| {
        small_batches(options);
        options.app.store.data = disk.path().join("data");
    });
    server.add_operator("other", Role::Import);
    let calls: Vec<_> = (0..CALLS)
        .map(|call| {
            let csv = format!(
                "username,password\n{}",
                rows("ann", call * 50..call * 50 + ROWS)
            );
            let body = multipart(&csv);
            let request = format!(
                "POST /services/UserAdmin HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\n\
                 Content-Type: {RELATED}\r\nContent-Length: {}\r\n\r\n{body}",
                basic("other", ADMIN_PASSWORD),
                body.len()
            );
            let mut stream = server.connect();
            std::thread::spawn(move || {
                stream
                    .write_all(request.as_bytes())
                    .expect("the peer reads");
                Response::read(&mut stream)
            })
        })
        .collect();
    // Meanwhile, other calls change users.
    let by = eve();
    for turn in 0..50_u32 {
        let name = format!("ann{:04}", turn * 7);
        let deleted = server
            .app
            .store
            .delete_user(&by, "SALES", &name, server.app.clock.now());
        assert_eq!(deleted, Ok(false));
    }
    for call in calls {
        let response = call.join().expect("no panic");
        let clean = response.status == 200;
        assert!(clean || response.rule() == "IMP-ROWS", "{}", response.body);
    }
    let distinct = (CALLS - 1) * 50 + ROWS;
    assert_eq!(server.user_names().len(), distinct);
    let imports = server.app.store.imports(DEFAULT_ORGANIZATION, 100);
    let imports = imports.expect("the store works");
    assert_eq!(imports.len(), CALLS);
    let mut created = 0;
    for import in imports {
        let c = import.counters;
        assert_eq!(import.state, ImportState::Completed);
        assert_eq!((c.total as usize, c.failed), (ROWS, 0));
        assert_eq!(c.created + c.duplicate, c.total);
        created += c.created as usize;
    }
    assert_eq!(created, distinct);
}

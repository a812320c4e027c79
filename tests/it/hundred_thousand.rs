//! A file of 100,000 rows, one in a hundred bad, in typical use: it is imported, its reject file is sent
//! again unchanged and then corrected, it is imported a second time, and it updates its own users.

use std::collections::BTreeMap;
use std::fmt::Write;

use muster::app::App;
use muster::clock::Clock;
use muster::import::edits::Edits;
use muster::import::jobs::Ended;
use muster::import::reject_file;
use muster::import::report::Report;
use muster::import::request::ImportRequest;
use muster::import::selection::Selection;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::import_id::ImportId;
use muster::users::options::{ConflictPolicy, ImportOptions};

use crate::app::Options;

const ROWS: usize = 100_000;

/// The faults of every hundredth row, in turn.
const BAD: [&str; 8] = [
    "name-white-space",
    "password-rule",
    "role-unknown",
    "field-count",
    "not-utf8",
    "password-hash-form",
    "name-invisible-character",
    "role-not-yours-to-give",
];

struct Table {
    csv: Vec<u8>,
    /// Line and code of each bad row.
    bad: BTreeMap<u64, &'static str>,
    /// The corrections to the reject file: the cell of a bad row, and its correct content.
    repairs: Vec<(String, String)>,
}

/// The file. Every seventh row has a quoted line break, some bad rows included.
fn table() -> Table {
    let mut table = Table {
        // The byte-order mark declares UTF-8: without it the invalid byte would decide the charset.
        csv: "\u{feff}username,password,title,roles\n".into(),
        bad: BTreeMap::new(),
        repairs: Vec::new(),
    };
    let (mut line, mut bad) = (2_u64, 0);
    for row in 0..ROWS {
        let title = if row % 7 == 0 {
            format!("\"first\nand, second {row}\"")
        } else {
            format!("title {row}")
        };
        let mut name = format!("user{row:06}");
        let (mut password, mut roles, mut end) = (String::new(), String::new(), "\n");
        let mut raw = Vec::new();
        if row % 100 == 63 {
            let code = BAD[bad % BAD.len()];
            bad += 1;
            let right = name.clone();
            match code {
                "name-white-space" => name = format!("us er{row:06}"),
                "password-rule" => password = "abc".into(),
                "role-unknown" => roles = format!("nosuch{row}"),
                "field-count" => end = ",surplus\n",
                "not-utf8" => raw = b"\xff".to_vec(),
                "password-hash-form" => password = "$2b$broken".into(),
                "name-invisible-character" => name = format!("user\u{7}{row:06}"),
                _ => roles = "admin".into(),
            }
            table.bad.insert(line, code);
            table
                .repairs
                .push((format!("{name},"), format!("{right},")));
            if code == "field-count" {
                table.repairs.push((",surplus,".into(), ",,".into()));
            }
            if !roles.is_empty() {
                table.repairs.push((format!(",{roles},"), ",,".into()));
            }
        }
        let mut text = String::new();
        // The invalid byte is within the quotation marks.
        let bare = title.strip_suffix('"').unwrap_or(&title);
        let mark = if bare == title { "" } else { "\"" };
        write!(text, "{name},{password},{bare}").expect("a vector accepts every write");
        table.csv.extend(text.as_bytes());
        table.csv.extend(raw);
        table.csv.extend(format!("{mark},{roles}{end}").as_bytes());
        line += 1 + u64::from(row % 7 == 0);
    }
    table
}

fn import(app: &App, options: ImportOptions, csv: &[u8]) -> Report {
    let request = ImportRequest {
        organization: DEFAULT_ORGANIZATION.into(),
        domain: app.domains.find(None).expect("PRIMARY"),
        channel: Channel::Rest,
        operator: "ops".into(),
        may_grant_admin: false,
        request_id: None,
        file_name: "users.csv".into(),
        default_password: Some("Initial-Pass-1".into()),
        generated_passwords: None,
        options,
        key: None,
        selection: Selection::All,
        edits: Edits::default(),
        keep: None,
    };
    match app.jobs.run(request, csv) {
        Ok(Ended::Ran(report)) => *report,
        other => panic!("{other:?}"),
    }
}

fn rejects_of(app: &App, id: ImportId) -> String {
    let record = app
        .store
        .import(DEFAULT_ORGANIZATION, id)
        .expect("the store works");
    let mut out = Vec::new();
    let record = record.expect("the import");
    reject_file::write(app.store.as_ref(), &record, &mut out).expect("it is written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_hundred_thousand_rows_of_which_one_percent_is_bad() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = Options::new(folder.path());
    // Most rows are sorted, and problems still have the line numbers of the file.
    options.app.import.unsorted_rows = 15_000;
    options.app.import.sorted_rows = 40_000;
    let app = App::build(&options.app, Clock::system()).expect("the app is built");
    let table = table();
    let bad = table.bad.len() as u64;
    assert_eq!(bad, ROWS as u64 / 100);

    let first = import(&app, ImportOptions::default(), &table.csv);
    let c = first.counters;
    let good = ROWS as u64 - bad;
    assert_eq!((c.total, c.created, c.failed), (ROWS as u64, good, bad));
    let found = app
        .store
        .findings(DEFAULT_ORGANIZATION, first.import, 0, 100_000);
    let found = found.expect("the store works").into_iter();
    let found: BTreeMap<u64, String> = found
        .filter(|it| it.line > 0 && it.code != "default-password-weak")
        .map(|it| (it.line, it.code.into_owned()))
        .collect();
    let expected: BTreeMap<u64, String> = table
        .bad
        .iter()
        .map(|(line, code)| (*line, (*code).to_owned()))
        .collect();
    assert_eq!(found, expected, "each bad row with its line");

    let rejects = rejects_of(&app, first.import);
    assert!(
        rejects.starts_with("username,password,title,roles,_extra1,_line,_code,_message\r\n"),
        "{}",
        &rejects[..200]
    );
    assert!(!rejects.contains("$2b$broken") && !rejects.contains(",abc,"));
    let again = import(&app, ImportOptions::default(), rejects.as_bytes());
    // The reject file has blank passwords and no invalid byte, so these rows are valid now.
    let c = again.counters;
    assert_eq!(
        c.total, bad,
        "the unchanged reject file, line breaks included"
    );
    let failed = bad / 8 * 5;
    assert_eq!((c.created, c.failed), (bad - failed, failed));
    let mut corrected = rejects_of(&app, again.import);
    for (wrong, right) in &table.repairs {
        corrected = corrected.replace(wrong, right);
    }
    let last = import(&app, ImportOptions::default(), corrected.as_bytes());
    let c = last.counters;
    assert_eq!(
        (c.total, c.created, c.failed),
        (failed, failed, 0),
        "{:?}",
        last.findings
    );
    let all = app.store.users(DEFAULT_ORGANIZATION, None, None, ROWS * 2);
    let all = all.expect("the store works");
    assert_eq!(all.len(), ROWS);
    let title = |row: usize| &all[row].attributes["title"];
    assert_eq!(title(63), "first\nand, second 63", "of a corrected row");
    assert_eq!(title(64), "title 64");

    let second = import(&app, ImportOptions::default(), &table.csv);
    let c = second.counters;
    assert_eq!((c.created, c.duplicate, c.failed), (0, good, bad));

    let update = ImportOptions {
        conflict: ConflictPolicy::Update,
        ..ImportOptions::default()
    };
    let same = import(&app, update, &table.csv);
    let c = same.counters;
    assert_eq!(
        (c.unchanged, c.updated, c.created, c.failed),
        (good, 0, 0, bad)
    );
    let undone = app.store.undo(
        DEFAULT_ORGANIZATION,
        first.import,
        &crate::stores::actor(DEFAULT_ORGANIZATION),
        app.clock.now(),
    );
    let undone = undone.expect("the store works").expect("it has ended");
    assert_eq!((undone.removed, undone.left_total), (good, 0));
}

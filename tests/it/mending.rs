//! Rows that are corrected before their import: single rows checked again, cells with new values, and changes to all
//! cells with one problem. The file stays as it was sent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;

use muster::app::App;
use muster::import::edits::{Edits, Mend, MendAction};
use muster::import::job_error::JobError;
use muster::import::report::Report;
use muster::import::request::{ImportRequest, ReportLimits};
use muster::import::selection::Selection;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_record::ImportState;
use muster::users::options::{ColumnMap, ConflictPolicy, ImportOptions};
use muster::users::user::User;
use rust_xlsxwriter::{Formula, Workbook};

use crate::jobs::{
    folder, interrupted, new_app, ran, record, recorded, request, uploads, wait_for_end,
};
use crate::stores::rejects_of;

fn cells(edits: &[(u64, usize, &str)]) -> Edits {
    let mut cells: BTreeMap<u64, BTreeMap<usize, String>> = BTreeMap::new();
    for (line, position, value) in edits {
        let row = cells.entry(*line).or_default();
        row.insert(*position, (*value).to_owned());
    }
    Edits {
        cells,
        mends: Vec::new(),
    }
}

fn mends(mends: &[(&str, usize, MendAction)]) -> Edits {
    let mend = |(code, column, action): &(&str, usize, MendAction)| Mend {
        code: (*code).to_owned(),
        column: *column,
        action: action.clone(),
    };
    Edits {
        cells: BTreeMap::new(),
        mends: mends.iter().map(mend).collect(),
    }
}

fn set(value: &str) -> MendAction {
    MendAction::Set(value.to_owned())
}

/// Text files are read as UTF-8.
fn edited(app: &App, edits: &Edits) -> ImportRequest {
    let mut wanted = request(app, None);
    wanted.options.forced_charset = Some("utf-8".into());
    wanted.edits = edits.clone();
    wanted
}

fn dry(app: &App, edits: &Edits) -> ImportRequest {
    let mut wanted = edited(app, edits);
    wanted.options.dry_run = true;
    wanted
}

fn checked(app: &App, lines: &[u64], file: &[u8], edits: &Edits) -> Report {
    let selection = Selection::Lines(lines.iter().copied().collect());
    ran(app.jobs.run(
        ImportRequest {
            selection,
            ..dry(app, edits)
        },
        file,
    ))
}

fn user(app: &App, name: &str) -> Option<User> {
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 10_000);
    let mut users = users.expect("the store works").into_iter();
    users.find(|user| user.user_name == name)
}

fn email(app: &App, name: &str) -> Option<String> {
    user(app, name)?.email
}

/// Line and code of each finding.
fn found(report: &Report) -> Vec<String> {
    let findings = report.findings.iter();
    findings
        .map(|it| format!("{} {}", it.line, it.code))
        .collect()
}

const FILE: &str = "username,emailaddress,password\n\
    kim,kim@example.com,\n\
    le e,lee@example.com,\n\
    mia,mia at example.com,\n\
    lou,LOU@EXAMPLE.COM,abc\n\
    kim,,\n";

#[test]
fn dry_run_of_single_lines_checks_and_counts_only_them() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let none = Edits::default();
    ran(app.jobs.run(request(&app, None), &b"username\nlou\n"[..]));
    let whole = ran(app.jobs.run(dry(&app, &none), FILE.as_bytes()));
    let all = [
        "3 name-white-space",
        "4 email-form",
        "5 password-rule",
        "6 duplicate-in-file",
    ];
    assert_eq!(found(&whole), all);
    for (lines, expected, created) in [
        (&[3][..], &all[..1], 0),
        (&[4, 2], &all[1..2], 1),
        (&[2, 6], &all[3..], 1),
        (&[], &[], 0),
        (&[1, 99], &[], 0),
    ] {
        let report = checked(&app, lines, FILE.as_bytes(), &none);
        assert_eq!(found(&report), expected, "{lines:?}");
        let c = report.counters;
        assert_eq!(c.created, created, "{lines:?}");
        assert_eq!(c.total, created + expected.len() as u64, "{lines:?}");
        assert_eq!(report.sha256, None, "the file was not read to its end");
        let details = report
            .findings
            .iter()
            .all(|it| whole.findings.contains(it) || it.line == 6);
        assert!(details, "the findings are those of the whole file");
    }
    // What the store says, and the new value of a cell.
    let report = checked(&app, &[5], FILE.as_bytes(), &cells(&[(5, 2, "")]));
    assert_eq!(found(&report), ["5 duplicate-in-store"]);
    let report = checked(&app, &[3], FILE.as_bytes(), &cells(&[(3, 0, "lee")]));
    assert_eq!((report.counters.created, report.mended), (1, 1));
    // What follows the last of the lines is not read.
    let broken = format!("{FILE}\"pat,,\n");
    let report = checked(&app, &[3], broken.as_bytes(), &none);
    assert_eq!(found(&report), all[..1]);
    assert!(app.jobs.run(dry(&app, &none), broken.as_bytes()).is_err());
    // An import has all rows.
    let some = ImportRequest {
        selection: Selection::Lines([2].into()),
        ..request(&app, None)
    };
    let refused = app
        .jobs
        .run(some, FILE.as_bytes())
        .expect_err("it is refused");
    assert_eq!(refused.code(), "IMP-SELECTION");
    assert_eq!(user(&app, "kim"), None);
}

#[test]
fn edited_cells_are_imported_and_counted_and_the_file_keeps_its_digest() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let plain = ran(app.jobs.run(dry(&app, &Edits::default()), FILE.as_bytes()));
    let edits = cells(&[
        (3, 0, "lee"),
        (4, 1, "mia@example.com"),
        (5, 2, "Autumn-Forest-9"),
        // Unchanged, in the header line, and in a line that does not exist.
        (2, 0, "kim"),
        (1, 0, "login"),
        (77, 0, "x"),
        // Beyond the end of the row: a surplus cell.
        (6, 3, "x"),
    ]);
    let check = ran(app.jobs.run(dry(&app, &edits), FILE.as_bytes()));
    assert_eq!(found(&check), ["6 field-count"]);
    assert_eq!(check.mended, 4);
    let report = ran(app.jobs.run(edited(&app, &edits), FILE.as_bytes()));
    assert_eq!((report.counters.created, report.counters.failed), (4, 1));
    assert_eq!((report.mended, &report.sha256), (4, &plain.sha256));
    assert_eq!(email(&app, "mia").as_deref(), Some("mia@example.com"));
    assert!(user(&app, "lee").is_some() && user(&app, "lou").is_some());
    let kept = record(&app, report.import);
    assert_eq!((kept.mended, kept.sha256), (4, plain.sha256.clone()));
    let audit = app
        .store
        .audit(DEFAULT_ORGANIZATION, None, 10)
        .expect("the store works");
    let end = audit
        .iter()
        .find(|it| it.action == "import.end" && it.import == Some(kept.id));
    assert_eq!(end.expect("an entry").details["mended"], 4);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["mended"], 4);
    assert!(
        serde_json::to_value(&plain)
            .unwrap()
            .get("mended")
            .is_none()
    );
    // The reject file has the new cells, without the password.
    let edits = cells(&[(3, 0, "l ee"), (3, 2, "Autumn-Forest-9")]);
    let report = ran(app.jobs.run(edited(&app, &edits), FILE.as_bytes()));
    let rejects = rejects_of(app.store.as_ref(), DEFAULT_ORGANIZATION, report.import);
    assert_eq!(rejects[0].cells, ["l ee", "lee@example.com", ""]);
}

#[test]
fn cells_without_text_can_be_edited() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let with = |file: &[u8], edits: &[(u64, usize, &str)]| {
        found(&ran(app.jobs.run(dry(&app, &cells(edits)), file)))
    };
    let bytes = b"username,title\nkim,\xc3\x28\n\xc3\x28,x\xff\n\"lee\" x,y\n";
    assert_eq!(
        with(bytes, &[]),
        ["2 not-utf8", "3 not-utf8", "4 csv-quotes"]
    );
    let some = [(2, 1, "t"), (3, 0, "mia"), (4, 1, "y")];
    assert_eq!(with(bytes, &some), ["3 not-utf8", "4 csv-quotes"]);
    let all = [(2, 1, "t"), (3, 0, "mia"), (3, 1, ""), (4, 0, "lee")];
    assert_eq!(with(bytes, &all), Vec::<String>::new());
    // Two errors in one row of a workbook: the second one is not lost when the first is replaced.
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet
        .write_row(0, 0, ["username", "title", "country"])
        .unwrap();
    sheet.write(1, 0, "kim").unwrap();
    for column in [1, 2] {
        let error = Formula::new("=NA()").set_result("#N/A");
        sheet.write(1, column, error).unwrap();
    }
    let file = workbook.save_to_buffer().unwrap();
    let in_workbook = |edits: &[(u64, usize, &str)]| {
        let mut wanted = dry(&app, &cells(edits));
        wanted.file_name = "users.xlsx".into();
        ran(app.jobs.run(wanted, &file[..]))
    };
    let report = in_workbook(&[]);
    assert_eq!(
        (found(&report), &report.rejects[0].cells[..]),
        (
            vec!["2 cell-error".to_owned()],
            &["kim", "", ""].map(String::from)[..]
        )
    );
    let report = in_workbook(&[(2, 1, "Boss")]);
    assert_eq!(found(&report), ["2 cell-error"]);
    assert_eq!(report.findings[0].column.as_deref(), Some("country"));
    assert_eq!(report.rejects[0].cells, ["kim", "Boss", ""]);
    let report = in_workbook(&[(2, 1, "Boss"), (2, 2, "")]);
    assert_eq!((report.counters.created, report.mended), (1, 2));
}

#[test]
fn mends_are_applied_where_the_check_of_a_row_finds_their_problem() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let edits = mends(&[
        ("email-form", 1, MendAction::Clear),
        ("name-white-space", 0, set("lee")),
        ("password-rule", 2, set("Autumn-Forest-9")),
        // Another column, and a problem that no row has.
        ("email-form", 2, set("never")),
        ("name-empty", 0, set("never")),
    ]);
    let check = ran(app.jobs.run(dry(&app, &edits), FILE.as_bytes()));
    assert_eq!(found(&check), ["6 duplicate-in-file"]);
    let report = ran(app.jobs.run(edited(&app, &edits), FILE.as_bytes()));
    assert_eq!((report.counters.created, report.mended), (4, 3));
    assert_eq!(record(&app, report.import).mended, 3);
    assert_eq!(email(&app, "mia"), None);
    assert_eq!(email(&app, "lou").as_deref(), Some("LOU@EXAMPLE.COM"));
    assert!(user(&app, "lee").is_some());
    // After an edit of the cell, for each action, and once for each row.
    let file = "username,locked,title\nann,YE\u{200b}S ,x\nbob,JA,x\ncid,JA,x\ndan,no,x\n";
    for (action, value, failed, mended) in [
        (MendAction::Trim, "maybe\u{feff}", 2, 1),
        (MendAction::LowerCase, "JA", 3, 3),
        (MendAction::Clear, "JA", 0, 3),
        (set("yes"), "JA", 0, 3),
        (set("perhaps"), "JA", 3, 3),
    ] {
        let mut edits = mends(&[("truth-word", 1, action.clone())]);
        edits.cells.clone_from(&cells(&[(3, 1, value)]).cells);
        let report = ran(app.jobs.run(dry(&app, &edits), file.as_bytes()));
        assert!(
            found(&report).iter().all(|it| it.ends_with("truth-word")),
            "{report:?}"
        );
        let seen = (report.counters.failed, report.mended);
        // Trimming makes `YES` of the first, and has no effect on the others.
        let expected = match action {
            MendAction::Trim => (2, 2),
            _ => (failed, mended),
        };
        assert_eq!(seen, expected, "{action:?}");
    }
    // Warnings can be mended, and are not reported then.
    let file = "username,password\nann, Autumn-Forest-9 \n";
    let edits = mends(&[("password-trimmed", 1, MendAction::Trim)]);
    let report = ran(app.jobs.run(dry(&app, &edits), file.as_bytes()));
    assert_eq!((found(&report), report.mended), (Vec::new(), 1));
    // A cell that is not text.
    let edits = mends(&[("not-utf8", 1, set("t")), ("not-utf8", 0, set("eve"))]);
    let file = b"username,title\nkim,\xc3\x28\n\xc3\x28,x\xff\n";
    let report = ran(app.jobs.run(edited(&app, &edits), &file[..]));
    let c = report.counters;
    assert_eq!((c.created, c.duplicate, report.mended), (1, 1, 3));
    assert!(user(&app, "eve").is_some());
}

#[test]
fn claim_among_several_is_not_taken_for_another() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let file = "UserName,Password,Claims\n\
        ann,,http://wso2.org/claims/country=SE,nonsense\n\
        bob,,nonsense\n\
        cid,,,nonsense\n";
    for (column, left) in [
        (2, vec!["2 claim-format", "4 claim-format"]),
        (3, vec!["2 claim-format", "3 claim-format"]),
    ] {
        let edits = mends(&[("claim-format", column, MendAction::Clear)]);
        let report = ran(app.jobs.run(dry(&app, &edits), file.as_bytes()));
        assert_eq!(found(&report), left);
        let position = |line: u64| {
            let finding = report.findings.iter().find(|it| it.line == line);
            finding.and_then(|finding| report.position(finding))
        };
        assert_eq!(position(2), None, "two claims");
        if column == 2 {
            assert_eq!(position(4), Some(3));
        } else {
            assert_eq!(position(3), Some(2));
        }
    }
}

/// Rows in which names occur twice after they are changed.
fn many() -> (String, Edits) {
    let mut file = String::from("username,title,password\n");
    let mut changes = Vec::new();
    for number in 0..600_u64 {
        let row = match number % 5 {
            0 => format!("bad user{number},t{number},\n"),
            1 => format!("user{number},t{number},abc\n"),
            _ => format!("user{number},t{number},\n"),
        };
        file += &row;
        // The name of an earlier or a later row.
        if number % 7 == 0 {
            let other = (number * 13) % 600;
            changes.push((number + 2, 0, format!("USER{other}")));
        }
    }
    let changes: Vec<_> = changes
        .iter()
        .map(|(line, position, value)| (*line, *position, value.as_str()))
        .collect();
    (file, cells(&changes))
}

/// What an import left: counters, findings, and all users with their titles.
fn left(app: &App, report: &Report) -> String {
    let mut left = format!("{:?} {}\n", report.counters, report.mended);
    for finding in &report.findings {
        writeln!(left, "{finding:?}").unwrap();
    }
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 10_000);
    for user in users.expect("the store works") {
        writeln!(left, "{} {:?}", user.user_name, user.attributes).unwrap();
    }
    left.replace(&report.import.to_string(), "ID")
}

#[test]
fn sorted_rows_are_changed_like_unsorted_ones() {
    let (file, edits) = many();
    for more in [
        Vec::new(),
        vec![Mend {
            code: "password-rule".into(),
            column: 2,
            action: MendAction::Clear,
        }],
        // Names that change while rows are judged.
        vec![Mend {
            code: "name-white-space".into(),
            column: 0,
            action: set("user3"),
        }],
    ] {
        let mut edits = edits.clone();
        edits.mends = more;
        for conflict in [ConflictPolicy::Skip, ConflictPolicy::Update] {
            let results = [20, 100_000].map(|unsorted| {
                let folder = folder();
                let app = new_app(&folder, |options| {
                    options.app.import.unsorted_rows = unsorted;
                    options.app.import.sorted_rows = 150;
                });
                let mut wanted = edited(&app, &edits);
                wanted.options.conflict = conflict;
                let report = ran(app.jobs.run(wanted, file.as_bytes()));
                assert!(report.mended >= 80, "{}", report.mended);
                left(&app, &report)
            });
            let [sorted, unsorted] = results;
            assert_eq!(sorted, unsorted, "{:?}, {conflict:?}", edits.mends);
        }
    }
}

#[test]
fn validate_first_checks_and_imports_the_changed_rows() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let file = "username,emailaddress\nkim,nonsense\nl ee,\n";
    let validate = |edits: &Edits| {
        let mut wanted = edited(&app, edits);
        wanted.options.validate_first = true;
        app.jobs.run(wanted, file.as_bytes())
    };
    let mut edits = mends(&[("email-form", 1, MendAction::Clear)]);
    let refused = validate(&edits).expect_err("a row has a problem");
    assert_eq!(refused.code(), "IMP-NOT-CLEAN");
    edits.cells.clone_from(&cells(&[(3, 0, "lee")]).cells);
    let report = ran(validate(&edits));
    assert_eq!((report.counters.created, report.mended), (2, 2));
    assert_eq!(record(&app, report.import).mended, 2);
}

#[test]
fn queued_import_keeps_its_changes_over_a_restart_and_never_runs_without_them() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let mut edits = cells(&[(3, 0, "lee"), (4, 1, "mia@example.com")]);
    edits
        .mends
        .clone_from(&mends(&[("password-rule", 2, set("Autumn-Forest-9"))]).mends);
    let queue = |edits: &Edits| recorded(app.jobs.queue(edited(&app, edits), FILE.as_bytes())).id;
    let (good, damaged) = (queue(&edits), queue(&edits));
    let files = uploads(&app);
    assert_eq!(files.len(), 4);
    for file in &files {
        let mode = std::fs::metadata(file)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
    let path = |id| app.spool.folder.join(format!("{id}.edits"));
    let text = std::fs::read_to_string(path(damaged)).expect("the changes");
    std::fs::write(path(damaged), &text[..text.len() - 3]).expect("writes");
    // Left by a process that was killed before it had stored the upload.
    let orphan = muster::users::import_id::ImportId(app.importer.clock.new_id());
    std::fs::write(path(orphan), &text).expect("writes");
    drop(app);
    let app = new_app(&folder, |_| {});
    app.jobs.begin().expect("the queue starts");
    let end = wait_for_end(&app, good);
    assert_eq!(
        (end.state, end.counters.created, end.mended),
        (ImportState::Completed, 4, 3)
    );
    let end = wait_for_end(&app, damaged);
    assert_eq!((end.state, end.counters.total), (ImportState::Failed, 0));
    let reason = end.reason.expect("a reason");
    assert!(
        reason.contains("damaged") && !reason.contains("Autumn"),
        "{reason}"
    );
    crate::jobs::wait_for("the files are deleted", || {
        uploads(&app).is_empty().then_some(())
    });
    assert!(user(&app, "lee").is_some() && user(&app, "le e").is_none());
}

#[test]
fn a_key_and_changes_exclude_each_other() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let with = || ImportRequest {
        key: Some("k".into()),
        ..edited(&app, &cells(&[(2, 0, "x")]))
    };
    for refused in [
        app.jobs.run(with(), FILE.as_bytes()),
        app.jobs.queue(with(), FILE.as_bytes()),
    ] {
        let error = refused.expect_err("it is refused");
        assert!(matches!(error, JobError::KeyAndEdits), "{error:?}");
        assert_eq!(error.code(), "IMP-KEY");
    }
    assert!(uploads(&app).is_empty());
    // Without changes, an interrupted import is continued as ever.
    let seen = interrupted(&app, request(&app, Some("k")), "username\nkim\n");
    assert_eq!(seen.mended, 0);
}

#[test]
fn dry_run_with_limits_counts_all_findings_by_kind_and_places_those_that_it_keeps() {
    let folder = folder();
    let app = new_app(&folder, |options| {
        // More than one step, each with more findings than are kept.
        options.app.import.batch_users = 100;
        options.app.import.keep_findings = 7;
    });
    let mut file = String::from("Login,Mail,Kennwort,roles\n");
    for number in 0..900 {
        let row = match number % 9 {
            0 => format!("user{number},nonsense,,\n"),
            1 => format!("user{number},,abc,\n"),
            2 => format!("user{number},,,nosuch\n"),
            3 => "user4,,,\n".to_owned(),
            5 => format!("user{number},, Autumn-Forest-9,\n"),
            6 => "stored,,,\n".to_owned(),
            _ => format!("user{number},,,\n"),
        };
        file += &row;
    }
    ran(app
        .jobs
        .run(request(&app, None), &b"username\nstored\n"[..]));
    let limits = ReportLimits {
        findings: 250,
        bytes: 10 * 1024 * 1024,
    };
    let with = |keep: Option<ReportLimits>| {
        let mut map = ColumnMap::default();
        map.add("kennwort=password").unwrap();
        let wanted = ImportRequest {
            keep,
            options: ImportOptions {
                dry_run: true,
                map,
                ..ImportOptions::default()
            },
            ..request(&app, None)
        };
        ran(app.jobs.run(wanted, file.as_bytes()))
    };
    let report = with(Some(limits));
    let kinds: Vec<_> = report
        .kinds
        .iter()
        .map(|kind| {
            let column = kind.column.as_deref().unwrap_or_default();
            format!(
                "{} {column} {:?} {} {}",
                kind.code,
                kind.position,
                kind.severity.as_str(),
                kind.count
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "email-form Mail Some(1) failed 100",
            "password-rule Kennwort Some(2) failed 100",
            "role-unknown roles Some(3) failed 100",
            "duplicate-in-file userName Some(0) duplicate 100",
            "duplicate-in-store userName Some(0) duplicate 100",
            "password-trimmed Kennwort Some(2) warning 100",
        ]
    );
    let sum: u64 = report.kinds.iter().map(|kind| kind.count).sum();
    assert_eq!((sum, report.other_kinds), (report.findings_total, 0));
    assert_eq!(report.findings.len(), 250);
    assert_eq!(report.passwords_to_hash, 100);
    for finding in &report.findings {
        let position = report.position(finding).expect("a column");
        let row = report.rejected_row(finding.line);
        let value = row.map(|row| row.cells[position].as_str());
        match finding.code.as_ref() {
            "email-form" => assert_eq!(value, Some("nonsense")),
            "role-unknown" => assert_eq!(value, Some("nosuch")),
            // Passwords are in no report, only their shapes.
            "password-rule" => assert_eq!(value, Some("3 characters: letters")),
            _ => assert_eq!(value, None, "the row is not rejected"),
        }
    }
    assert!(!format!("{report:?}").contains("Autumn"));
    // Without limits, nothing is counted by kind.
    let plain = with(None);
    assert!(plain.kinds.is_empty());
    assert_eq!(plain.findings_total, report.findings_total);
}

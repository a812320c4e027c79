//! Rows of a large file are sorted by name in stretches: the result of an import is the same as in the order
//! of the file, and an import that was interrupted within a stretch resumes there.

use std::fmt::Write;

use muster::app::App;
use muster::import::job_error::JobError;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_record::{ImportState, Stretch};
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::problem::Problem;
use tempfile::TempDir;

use crate::app::Options;
use crate::crash::Random;
use crate::jobs::{folder, interrupted, new_app, ran, record, request, uploads};
use crate::process::users_csv;
use crate::stores::rejects_of;

/// An app that sorts from row 20 on.
fn sorting(folder: &TempDir) -> App {
    new_app(folder, |options| {
        options.app.import.unsorted_rows = 20;
        options.app.import.sorted_rows = 150;
    })
}

/// An app that writes rows in the order of the file.
fn plain(folder: &TempDir) -> App {
    new_app(folder, |options: &mut Options| {
        options.app.import.sorted_rows = 0;
    })
}

/// A table in which names occur several times in different spellings, with rows that are invalid in various
/// ways.
fn table(random: &mut Random, rows: usize) -> String {
    let mut csv = String::from("country,username,givenname,roles\n");
    let mut below = |bound: usize| (random.fraction() * bound as f64) as usize;
    for row in 0..rows {
        let number = below(rows);
        let name = match below(12) {
            0 => format!("USER{number}"),
            1 => format!("primary/user{number}"),
            2 => format!("elsewhere/User{number}"),
            3 => format!("J\u{f6}rg{number}"),
            4 => format!("jo\u{308}rg{number}"),
            5 => String::new(),
            6 => format!("us er{number}"),
            7 => format!("\"user{number}\""),
            _ => format!("user{number}"),
        };
        let (given, roles) = (format!("Given{row}"), ["", "", "", "nosuch"][below(4)]);
        match below(20) {
            0 => csv.push_str("\n  \n"),
            1 => {
                writeln!(csv, "SE,{name},\"of two\nlines\",").expect("writing to a string succeeds")
            }
            2 => writeln!(csv, "SE,{name},surplus,,,1").expect("writing to a string succeeds"),
            _ => writeln!(csv, "SE,{name},{given},{roles}").expect("writing to a string succeeds"),
        }
    }
    csv
}

/// Returns everything that an import stores and reports, without its ids and times.
fn results_of(app: &App, file: &str, conflict: ConflictPolicy) -> Vec<String> {
    let earlier = app.store.imports(DEFAULT_ORGANIZATION, 1).expect("works");
    let options = ImportOptions {
        conflict,
        ..ImportOptions::default()
    };
    let mut wanted = request(app, None);
    wanted.options = options;
    let report = ran(app.jobs.run(wanted, file.as_bytes()));
    let id = report.import;
    let mut left = vec![format!("{:?}", report.counters)];
    let described = |finding: &Problem| {
        let mut described = format!("{finding:?}");
        for import in &earlier {
            described = described.replace(&import.id.to_string(), "the earlier one");
        }
        described
    };
    left.extend(report.findings.iter().map(described));
    let kept = app.store.findings(DEFAULT_ORGANIZATION, id, 0, 10_000);
    left.extend(kept.expect("works").iter().map(described));
    let rejects = rejects_of(app.store.as_ref(), DEFAULT_ORGANIZATION, id);
    left.extend(rejects.iter().map(|it| format!("{it:?}")));
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 10_000);
    left.extend(users.expect("works").iter().map(|user| {
        let (name, given) = (&user.user_name, &user.given_name);
        format!("{name} {given:?} {:?}", user.attributes)
    }));
    left
}

#[test]
fn sorted_import_has_the_same_result_as_an_unsorted_one() {
    for (number, policy) in ConflictPolicy::ALL.into_iter().cycle().take(12).enumerate() {
        let mut random = Random(number as u64 + 1);
        let (before, file) = (table(&mut random, 60), table(&mut random, 900));
        let (one, other) = (folder(), folder());
        let (sorting, plain) = (sorting(&one), plain(&other));
        for app in [&sorting, &plain] {
            results_of(app, &before, ConflictPolicy::Skip);
        }
        let sorted = results_of(&sorting, &file, policy);
        let unsorted = results_of(&plain, &file, policy);
        assert!(sorted.len() > 500, "{}", sorted.len());
        for (a, b) in sorted.iter().zip(&unsorted) {
            assert_eq!(a, b, "table {number}, {policy:?}");
        }
        assert_eq!(sorted.len(), unsorted.len(), "table {number}, {policy:?}");
        assert!(uploads(&sorting).is_empty(), "no temporary file remains");
    }
}

#[test]
fn interrupted_import_resumes_within_its_stretch() {
    let whole = users_csv(400, 171);
    let lines = |count: usize| -> String { whole.split_inclusive('\n').take(count).collect() };
    let folder = folder();
    let app = new_app(&folder, |options| {
        options.app.import.unsorted_rows = 20;
        options.app.import.sorted_rows = 150;
        options.app.import.batch_users = 7;
        options.app.import.first_batch_users = 7;
    });
    // Stretches are rows 20 to 40, 80, 160, 310 and the rest; the file ends in the fourth.
    let seen = interrupted(&app, request(&app, Some("k")), &lines(1 + 250));
    assert_eq!(
        seen.counters.total, 154,
        "complete batches of complete stretches"
    );
    assert_eq!(seen.stretch, Some(Stretch { from: 80, to: 160 }));
    drop(app);
    // Apps with other settings resume it: the interrupted stretch is sorted as before.
    for sorted_rows in [0, 33] {
        let app = new_app(&folder, |options| {
            options.app.import.unsorted_rows = 1;
            options.app.import.sorted_rows = sorted_rows;
        });
        // Row 85 belongs to the stretch and is not among the rows already written.
        let other = whole.replacen(&lines(86)[lines(85).len()..], "eve,,,,,\n", 1);
        for wrong in [other.as_str(), &lines(1 + 159)] {
            let refused = app.jobs.run(request(&app, Some("k")), wrong.as_bytes());
            assert!(
                matches!(refused, Err(JobError::KeyReused { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(record(&app, seen.id).counters, seen.counters);
    }
    let app = new_app(&folder, |options| options.app.import.sorted_rows = 0);
    let report = ran(app.jobs.run(request(&app, Some("k")), whole.as_bytes()));
    let c = report.counters;
    assert_eq!((c.total, c.created, c.duplicate), (400, 400, 0));
    let now = record(&app, seen.id);
    assert_eq!((now.state, now.counters), (ImportState::Completed, c));
    let last = now.stretch.expect("the last stretch is recorded");
    assert!(last.to - last.from >= 80, "it has many rows: {last:?}");
    let all = app.store.users(DEFAULT_ORGANIZATION, None, None, 1_000);
    assert_eq!(all.expect("works").len(), 400);
}

#[test]
fn failure_of_temporary_files_is_reported_and_the_same_call_resumes() {
    let whole = users_csv(5_000, 1_171);
    let folder = folder();
    let app = sorting(&folder);
    // A small stretch stays in memory, so the rows are made wide.
    let wide = whole.replace(",SE\n", &format!(",{}\n", "x".repeat(5_000)));
    std::fs::remove_dir(&app.spool.folder).expect("the folder is empty");
    let failed = app.jobs.run(request(&app, Some("k")), wide.as_bytes());
    let Err(JobError::Import(failure)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(failure.error.code(), "IMP-SORTING");
    assert!(failure.error.to_string().contains("temporary files"));
    assert_eq!(failure.report.state, ImportState::Interrupted);
    assert!(failure.report.counters.created < 1_000);
    std::fs::create_dir(&app.spool.folder).expect("a folder");
    let c = ran(app.jobs.run(request(&app, Some("k")), wide.as_bytes())).counters;
    assert_eq!((c.total, c.created, c.duplicate), (5_000, 5_000, 0));
}

//! The rows of a large file are sorted by name in stretches: what an import comes to is the same as in the
//! order of the file, and one that stopped within a stretch goes on there.

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

/// One that writes rows as they come.
fn plain(folder: &TempDir) -> App {
    new_app(folder, |options: &mut Options| {
        options.app.import.sorted_rows = 0;
    })
}

/// A table in which names meet each other in several spellings, with rows that are bad in several ways.
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
            1 => writeln!(csv, "SE,{name},\"of two\nlines\",").expect("it takes everything"),
            2 => writeln!(csv, "SE,{name},surplus,,,1").expect("it takes everything"),
            _ => writeln!(csv, "SE,{name},{given},{roles}").expect("it takes everything"),
        }
    }
    csv
}

/// Everything that an import leaves behind, without its ids and moments.
fn left_behind(app: &App, file: &str, conflict: ConflictPolicy) -> Vec<String> {
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
    let told = |finding: &Problem| {
        let mut told = format!("{finding:?}");
        for import in &earlier {
            told = told.replace(&import.id.to_string(), "the earlier one");
        }
        told
    };
    left.extend(report.findings.iter().map(told));
    let kept = app.store.findings(DEFAULT_ORGANIZATION, id, 0, 10_000);
    left.extend(kept.expect("works").iter().map(told));
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
fn sorted_rows_come_to_what_rows_in_the_order_of_the_file_come_to() {
    for (number, policy) in ConflictPolicy::ALL.into_iter().cycle().take(12).enumerate() {
        let mut random = Random(number as u64 + 1);
        let (before, file) = (table(&mut random, 60), table(&mut random, 900));
        let (one, other) = (folder(), folder());
        let (sorting, plain) = (sorting(&one), plain(&other));
        for app in [&sorting, &plain] {
            left_behind(app, &before, ConflictPolicy::Skip);
        }
        let sorted = left_behind(&sorting, &file, policy);
        let unsorted = left_behind(&plain, &file, policy);
        assert!(sorted.len() > 500, "{}", sorted.len());
        for (a, b) in sorted.iter().zip(&unsorted) {
            assert_eq!(a, b, "table {number}, {policy:?}");
        }
        assert_eq!(sorted.len(), unsorted.len(), "table {number}, {policy:?}");
        assert!(uploads(&sorting).is_empty(), "nothing stays aside");
    }
}

#[test]
fn an_import_goes_on_within_the_stretch_in_which_it_stopped() {
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
    assert_eq!(seen.counters.total, 154, "whole batches of whole stretches");
    assert_eq!(seen.stretch, Some(Stretch { from: 80, to: 160 }));
    drop(app);
    // Others go on, with other settings: the one stretch is sorted as it was.
    for sorted_rows in [0, 33] {
        let app = new_app(&folder, |options| {
            options.app.import.unsorted_rows = 1;
            options.app.import.sorted_rows = sorted_rows;
        });
        // Row 85 is of the stretch, and is not among the rows before.
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
    let last = now.stretch.expect("it ends with a stretch");
    assert!(last.to - last.from >= 80, "of many rows: {last:?}");
    let all = app.store.users(DEFAULT_ORGANIZATION, None, None, 1_000);
    assert_eq!(all.expect("works").len(), 400);
}

#[test]
fn rows_that_cannot_be_put_aside_are_told_and_the_same_call_goes_on() {
    let whole = users_csv(5_000, 1_171);
    let folder = folder();
    let app = sorting(&folder);
    // The rows of a stretch stay in memory while they are few.
    let wide = whole.replace(",SE\n", &format!(",{}\n", "x".repeat(5_000)));
    std::fs::remove_dir(&app.spool.folder).expect("it is empty");
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

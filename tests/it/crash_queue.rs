//! Queued imports survive a killed process: the next start continues them, until each row was processed once and the
//! counters match.
//!
//! 20 kills at random times, or the number in `CRASH_KILLS`; `CRASH_SEED` repeats the times of an earlier run.

use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime};

use muster::app::App;
use muster::clock::Clock;
use muster::import::edits::Edits;
use muster::import::jobs::Ended;
use muster::import::request::ImportRequest;
use muster::import::selection::Selection;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::options::{ConflictPolicy, ImportOptions};

use crate::app::Options;
use crate::crash::Random;
use crate::process::{Home, Serving, database, users_csv};

/// Many small commits, so that a kill hits one, and rows that are sorted in runs, so that it hits one of those.
const SETTINGS: &str = "[import]\nfirst_batch_users = 100\nbatch_users = 300\nbatch_passwords = 40\n\
    unsorted_rows = 350\nsorted_rows = 10000\n";

/// Initial maximum lifetime of a server; slower imports get more.
const LIFE: Duration = Duration::from_millis(700);

/// A kind of import, and what is checked when it is complete.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// All users get the default password.
    Default,
    /// All users have their own passwords.
    Own,
    /// All users exist and are updated.
    Update,
    /// Like the first, after a check of the whole file.
    ValidateFirst,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Default, Kind::Own, Kind::Update, Kind::ValidateFirst];

    fn rows(self) -> usize {
        match self {
            Kind::Default | Kind::ValidateFirst => 30_000,
            Kind::Own => 1_500,
            Kind::Update => 8_000,
        }
    }

    fn csv(self) -> String {
        let rows = self.rows();
        match self {
            Kind::Default | Kind::ValidateFirst => users_csv(rows, 7_919),
            Kind::Own => {
                let mut csv = String::from("username,password\n");
                for row in 0..rows {
                    writeln!(csv, "user{row:06},Own-Word-{row}").expect("it takes everything");
                }
                csv
            }
            Kind::Update => users_csv(rows, 7_919).replace("@example.com", "@example.org"),
        }
    }

    fn options(self) -> ImportOptions {
        ImportOptions {
            conflict: match self {
                Kind::Update => ConflictPolicy::Update,
                _ => ConflictPolicy::Skip,
            },
            validate_first: self == Kind::ValidateFirst,
            ..ImportOptions::default()
        }
    }
}

/// Queues the import for a server that is not running yet.
fn queue_import(home: &Home, kind: Kind) {
    let folder = home.data();
    let mut options = Options::new(folder.parent().expect("a folder"));
    options.app.domains = Default::default();
    let app = App::build(&options.app, Clock::system()).expect("the app is built");
    let request = |options| ImportRequest {
        organization: DEFAULT_ORGANIZATION.into(),
        domain: app.domains.find(None).expect("PRIMARY"),
        channel: Channel::Rest,
        operator: "admin".into(),
        may_grant_admin: true,
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
    if kind == Kind::Update {
        let before = users_csv(kind.rows(), 7_919);
        let made = app
            .jobs
            .run(request(ImportOptions::default()), before.as_bytes());
        assert!(matches!(made, Ok(Ended::Ran(_))), "{made:?}");
    }
    let queued = app
        .jobs
        .queue(request(kind.options()), kind.csv().as_bytes());
    assert!(matches!(queued, Ok(Ended::Recorded(_))), "{queued:?}");
}

/// Whether the newest import is complete; also checks the invariants.
fn is_complete(home: &Home, what: &str) -> bool {
    let db = database(&home.data());
    let count = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).expect("a count") };
    let wrong = count(
        "WITH made AS (SELECT created_in, count(*) AS users FROM users GROUP BY created_in),
             changed AS (SELECT modified_in, count(*) AS users FROM users GROUP BY modified_in)
         SELECT count(*) FROM imports
             LEFT JOIN made ON created_in = number LEFT JOIN changed ON modified_in = number
         WHERE created <> coalesce(made.users, 0) OR updated <> coalesce(changed.users, 0)
             OR total <> created + updated + unchanged + duplicate + failed + skipped",
    );
    assert_eq!(wrong, 0, "counters match the rows; {what}");
    let last = "FROM imports ORDER BY id DESC LIMIT 1";
    let state: String = db
        .query_row(&format!("SELECT state {last}"), [], |row| row.get(0))
        .expect("a state");
    assert!(
        ["queued", "running", "interrupted", "completed"].contains(&state.as_str()),
        "{state}; {what}"
    );
    state == "completed"
}

fn check_complete(home: &Home, kind: Kind, what: &str) {
    let db = database(&home.data());
    let sound: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok", "{what}");
    let rows = i64::try_from(kind.rows()).expect("a small number");
    let seen: [i64; 4] = db
        .query_row(
            "SELECT total, created, updated, (SELECT count(*) FROM users)
             FROM imports ORDER BY id DESC LIMIT 1",
            [],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]),
        )
        .expect("an import");
    let updated = if kind == Kind::Update { rows } else { 0 };
    assert_eq!(seen, [rows, rows - updated, updated, rows], "{what}");
    let count = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).expect("a count") };
    if kind == Kind::Update {
        let images = count("SELECT count(*) FROM before_images");
        let old = count("SELECT count(*) FROM users WHERE email NOT LIKE '%@example.org'");
        assert_eq!((images, old), (rows, 0), "{what}");
    }
    let own = count("SELECT count(*) FROM users WHERE password_hash IS NOT NULL");
    assert_eq!(own, if kind == Kind::Own { rows } else { 0 }, "{what}");
    let none = count(
        "SELECT count(*) FROM people u LEFT JOIN imports i
             ON i.number = u.created_in
         WHERE coalesce(u.password_hash, i.default_password_hash) IS NULL",
    );
    assert_eq!(none, 0, "users without any password; {what}");
    let begun = count("SELECT count(*) FROM audit WHERE action = 'import.end'");
    let expected = if kind == Kind::Update { 2 } else { 1 };
    assert_eq!(begun, expected, "end entries in the audit log; {what}");
}

fn number(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => otherwise(),
    }
}

#[test]
fn queue_is_completed_despite_repeated_kills() {
    let seed = number("CRASH_SEED", || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |time| u64::from(time.subsec_nanos()))
    });
    let most = number("CRASH_KILLS", || 20);
    eprintln!("CRASH_SEED={seed} CRASH_KILLS={most}");
    let mut random = Random(seed);
    let (mut kills, mut in_the_middle, mut imports) = (0, 0, 0);
    while kills < most {
        let kind = Kind::ALL[imports % Kind::ALL.len()];
        imports += 1;
        let home = Home::with_settings(SETTINGS);
        queue_import(&home, kind);
        let what = |kills| format!("CRASH_SEED={seed}, {kind:?}, kill {kills}");
        // A limited number of kills each, so that every kind is tested.
        let mut left = 5;
        while left > 0 && kills < most {
            let server = Serving::start(&home);
            let moment = LIFE.mul_f64(random.fraction());
            std::thread::sleep(moment);
            let before = is_complete(&home, &what(kills));
            server.kill();
            if before {
                break;
            }
            (kills, left) = (kills + 1, left - 1);
            let (rows, complete) = {
                let complete = is_complete(&home, &what(kills));
                let db = database(&home.data());
                let sql = "SELECT total FROM imports ORDER BY id DESC LIMIT 1";
                let rows: i64 = db.query_row(sql, [], |row| row.get(0)).expect("a count");
                (rows, complete)
            };
            in_the_middle += u64::from(rows > 0 && !complete);
        }
        let server = Serving::start(&home);
        let until = Instant::now() + Duration::from_secs(60);
        while !is_complete(&home, &what(kills)) {
            assert!(Instant::now() < until, "{}\n{}", what(kills), server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        check_complete(&home, kind, &what(kills));
        server.stop();
        let spool = std::fs::read_dir(home.data().join("spool")).expect("the spool folder");
        assert_eq!(spool.count(), 0, "no upload is left; {}", what(kills));
    }
    eprintln!("{kills} kills, {in_the_middle} between two batches, {imports} imports");
    assert!(
        in_the_middle * 4 >= kills,
        "only {in_the_middle} of {kills} kills hit a running import"
    );
}

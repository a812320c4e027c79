//! A process that is killed loses no data that it confirmed, and stores nothing else: 20 kills at random times in an
//! import of 200,000 rows.
//!
//! The client sends the file over a fixed time and holds back its last piece, so that the import is running at the
//! time of the kill. `CRASH_SEED` repeats the times of an earlier run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::Response;
use crate::process::{Home, Serving, database, send_over, users_csv};

const ROWS: usize = 200_000;

/// Imports are killed in rounds; each round has a new store, and ends with a complete import.
const ROUNDS: [(&str, usize); 4] = [
    ("", 5),
    // Many small commits, so that a kill hits one.
    ("[import]\nbatch_users = 2000\n", 5),
    ("", 5),
    ("[import]\nbatch_users = 500\nkeep_findings = 100\n", 5),
];

/// Duration of the client's upload.
const SENDING: Duration = Duration::from_millis(2_000);

#[test]
fn after_twenty_kills_counters_match_the_rows_and_the_database_is_consistent() {
    let seed = match std::env::var("CRASH_SEED") {
        Ok(seed) => seed.parse().expect("CRASH_SEED is a number"),
        Err(_) => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(1, |time| u64::from(time.subsec_nanos())),
    };
    eprintln!("CRASH_SEED={seed}");
    let mut random = Random(seed);
    let csv = Arc::new(users_csv(ROWS, 7_919));
    let mut cut_in_the_middle = 0;
    for (settings, kills) in ROUNDS {
        let home = Home::with_settings(settings);
        let mut server = Serving::start(&home);
        for kill in 1..=kills {
            let moment = SENDING.mul_f64(random.fraction());
            let mut stream = server.connect();
            let file = Arc::clone(&csv);
            let client = std::thread::spawn(move || {
                // It ends with the connection.
                let _ = send_over(&mut stream, &file, SENDING, 1_000);
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            });
            std::thread::sleep(moment);
            server.kill();
            client.join().expect("no panic");
            server = Serving::start(&home);
            let what = format!("CRASH_SEED={seed}, kill {kill} after {moment:?}, {settings:?}");
            let interrupted = check(&home.data(), &what);
            cut_in_the_middle += u64::from(interrupted);
        }
        let mut stream = server.connect();
        send_over(&mut stream, &csv, Duration::ZERO, 0).expect("the server takes the file");
        let response = Response::read(&mut stream);
        check(&home.data(), "after the whole file");
        let (total, users): (i64, i64) = database(&home.data())
            .query_row(
                "SELECT (SELECT total FROM imports WHERE state = 'completed'),
                     (SELECT count(*) FROM users)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("one import is completed");
        let rows = i64::try_from(ROWS).expect("a small number");
        assert_eq!((total, users), (rows, rows), "{}", response.body);
        server.stop();
    }
    assert!(
        cut_in_the_middle >= 10,
        "only {cut_in_the_middle} of 20 kills came after the first commit"
    );
}

/// Checks the invariants after a restart; returns whether the newest import had written rows.
fn check(data: &Path, what: &str) -> bool {
    let db = database(data);
    let sound: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok", "{what}");
    let zero = |question: &str, sql: &str| {
        let count: i64 = db.query_row(sql, [], |row| row.get(0)).expect("a count");
        assert_eq!(count, 0, "{question}; {what}");
    };
    zero(
        "imports that are still in the state running",
        "SELECT count(*) FROM imports WHERE state = 'running'",
    );
    zero(
        "imports whose counter differs from the number of their users",
        "WITH made AS (SELECT created_in, count(*) AS users FROM users GROUP BY created_in)
         SELECT count(*) FROM imports FULL JOIN made ON created_in = number
         WHERE created IS NOT coalesce(users, 0)",
    );
    zero(
        "imports whose total differs from the sum of the others",
        "SELECT count(*) FROM imports
         WHERE total <> created + updated + unchanged + duplicate + failed + skipped",
    );
    zero(
        "imports that count problems other than duplicates",
        "SELECT count(*) FROM imports WHERE findings <> duplicate",
    );
    zero(
        "imports with a wrong number of stored problems",
        "SELECT count(*) FROM imports i WHERE
             (SELECT count(*) FROM findings f WHERE f.import = i.id)
             NOT IN (min(findings, 100), min(findings, 10000))",
    );
    zero(
        "users without any password",
        "SELECT count(*) FROM people u LEFT JOIN imports i
             ON i.organization = u.organization AND i.id = u.created_by
         WHERE coalesce(u.password_hash, i.default_password_hash) IS NULL",
    );
    let interrupted: Option<bool> = db
        .query_row(
            "SELECT state = 'interrupted' FROM imports ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .ok();
    interrupted.unwrap_or(false)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    /// At least 0 and less than 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

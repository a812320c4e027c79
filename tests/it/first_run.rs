//! The one-time code that sets the first operator's password.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use muster::access::first_operator::{self, FirstOperator, NAME};
use muster::access::first_run::{Claimed, FirstRun};
use muster::access::gate::Caller;
use muster::clock::Moment;
use muster::passwords::hashing::HashPool;
use muster::passwords::rules::Settings;
use muster::passwords::secret::Secret;
use muster::stores::memory::MemoryStore;
use muster::users::channel::Channel;
use muster::users::operator::OperatorStore;
use muster::users::store::Store;

const NOW: Moment = Moment(1_000_000);

/// Microseconds in a week.
const WEEK: i64 = 7 * 24 * 3_600_000_000;

struct Installation {
    folder: tempfile::TempDir,
    store: MemoryStore,
    pool: HashPool,
    rules: Settings,
    first_run: FirstRun,
    code: Secret,
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = Settings {
            memory_kib: 8,
            passes: 1,
            ..Settings::default()
        };
        let (store, pool) = (MemoryStore::default(), HashPool::start(&rules, 1).unwrap());
        let made = first_operator::ensure(&store, &pool, None, NOW).unwrap();
        assert!(matches!(made, FirstOperator::Generated(_)));
        let hash = store.operator(NAME).unwrap().unwrap().password_hash;
        let first_run = FirstRun::new(folder.path());
        let code = first_run.create(&hash, NOW).unwrap();
        Installation {
            folder,
            store,
            pool,
            rules,
            first_run,
            code,
        }
    }

    fn claim(&self, code: &Secret, password: &str, now: Moment) -> Claimed {
        let by = Caller::terminal("default").actor(Channel::Portal);
        let means = (&self.store as &dyn Store, &self.pool, &self.rules);
        let password = Secret::from(password);
        self.first_run
            .claim(means, code, password, &by, now)
            .unwrap()
    }
}

#[test]
fn the_code_sets_the_password_once() {
    let new = Installation::new();
    let file = new.folder.path().join("first-run.json");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(new.code.expose()));
    let wrong = new.claim(&"another".into(), "Copper-Kettle-31", NOW);
    assert!(matches!(wrong, Claimed::WrongCode));
    let weak = new.claim(&new.code, "short", NOW);
    assert!(matches!(weak, Claimed::Weak(_)));
    let padded = Secret::new(format!(" {} ", new.code.expose()));
    assert!(matches!(
        new.claim(&padded, "Copper-Kettle-31", NOW),
        Claimed::Done
    ));
    let hash = new.store.operator(NAME).unwrap().unwrap().password_hash;
    assert!(
        new.pool
            .verify("Copper-Kettle-31".into(), Some(hash))
            .unwrap()
    );
    let again = new.claim(&new.code, "Copper-Kettle-32", NOW);
    assert!(matches!(again, Claimed::WrongCode));
    assert!(!new.first_run.is_open(&new.store, NOW).unwrap() && !file.exists());
}

#[test]
fn the_code_ends_with_the_password_and_after_a_week() {
    let new = Installation::new();
    let week = Moment(NOW.0 + WEEK);
    assert!(
        new.first_run
            .is_open(&new.store, Moment(week.0 - 1))
            .unwrap()
    );
    assert!(!new.first_run.is_open(&new.store, week).unwrap());
    assert!(matches!(
        new.claim(&new.code, "Copper-Kettle-31", week),
        Claimed::WrongCode
    ));
    let by = Caller::terminal("default").actor(Channel::Terminal);
    let hash = new.pool.hash("Harbour-Light-17".into()).unwrap();
    new.store
        .set_operator_password(NAME, &hash, &by, NOW)
        .unwrap();
    assert!(!new.first_run.is_open(&new.store, NOW).unwrap());
    assert!(matches!(
        new.claim(&new.code, "Copper-Kettle-31", NOW),
        Claimed::WrongCode
    ));
}

//! The one-time code that sets the first operator's password.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

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

use crate::process::{Home, Serving};

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

    fn file(&self) -> PathBuf {
        self.folder.path().join("first-run.json")
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
    let file = new.file();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = fs::read_to_string(&file).unwrap();
    let generated = new.store.operator(NAME).unwrap().unwrap().password_hash;
    assert!(!kept.contains(new.code.expose()) && !kept.contains(&generated));
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
fn the_code_ends_after_a_week() {
    let new = Installation::new();
    let week = Moment(NOW.0 + WEEK);
    let open = |now| new.first_run.is_open(&new.store, now).unwrap();
    assert!(open(Moment(week.0 - 1)));
    assert!(matches!(
        new.claim(&new.code, "Copper-Kettle-31", week),
        Claimed::WrongCode
    ));
    assert!(!open(week) && !new.file().exists());
}

#[test]
fn the_code_ends_when_the_password_is_set_in_another_way() {
    let new = Installation::new();
    let by = Caller::terminal("default").actor(Channel::Terminal);
    let hash = new.pool.hash("Harbour-Light-17".into()).unwrap();
    new.store
        .set_operator_password(NAME, &hash, &by, NOW)
        .unwrap();
    assert!(matches!(
        new.claim(&new.code, "Copper-Kettle-31", NOW),
        Claimed::WrongCode
    ));
    assert!(!new.first_run.is_open(&new.store, NOW).unwrap() && !new.file().exists());
}

#[test]
fn the_code_survives_a_restart_and_is_accepted_as_people_type_it() {
    let new = Installation::new();
    let code = new.code.expose();
    let groups: Vec<&str> = code.split('-').collect();
    assert!(
        groups.len() == 7 && groups.iter().all(|it| it.len() == 4),
        "{code}"
    );
    let other = new.first_run.create("$hash$", NOW).unwrap();
    assert_ne!(other.expose(), code);

    let new = Installation::new();
    let restarted = Installation {
        first_run: FirstRun::new(new.folder.path()),
        ..new
    };
    let typed = restarted.code.expose().to_lowercase().replace('-', " ");
    let typed = Secret::new(typed.replace('0', "o").replace('1', "l"));
    assert!(matches!(
        restarted.claim(&typed, "Copper-Kettle-31", NOW),
        Claimed::Done
    ));
}

#[test]
fn the_code_is_used_once_by_calls_at_the_same_time() {
    let new = Installation::new();
    let passwords = ["Copper-Kettle-31", "Copper-Kettle-32", "Copper-Kettle-33"];
    let done: Vec<&str> = std::thread::scope(|scope| {
        let calls = passwords.map(|password| {
            let new = &new;
            scope.spawn(move || match new.claim(&new.code, password, NOW) {
                Claimed::Done => Some(password),
                _ => None,
            })
        });
        let ended = calls.map(|call| call.join().unwrap());
        ended.into_iter().flatten().collect()
    });
    let [password] = done[..] else {
        panic!("{done:?}")
    };
    let hash = new.store.operator(NAME).unwrap().unwrap().password_hash;
    assert!(new.pool.verify(password.into(), Some(hash)).unwrap());
}

#[test]
fn a_damaged_file_is_no_code() {
    let new = Installation::new();
    fs::write(new.file(), "{").unwrap();
    assert!(!new.first_run.is_open(&new.store, NOW).unwrap());
    assert!(matches!(
        new.claim(&new.code, "Copper-Kettle-31", NOW),
        Claimed::WrongCode
    ));
}

#[test]
fn server_prints_the_link_only_at_a_first_start_without_a_configured_password() {
    let home = Home::new();
    let start = || {
        let arguments = ["serve", "--http", "127.0.0.1:0", "--https", "off"];
        Serving::spawn(home.command(&arguments)).said.clone()
    };
    let said = start();
    let (_, code) = said
        .split_once("/portal/first-run#")
        .expect("a link with the code");
    let code = code.lines().next().expect("a code");
    assert_eq!(code.split('-').count(), 7, "{code}");
    let kept = fs::read_to_string(home.data().join("first-run.json")).unwrap();
    assert!(!kept.contains(code));
    assert!(!start().contains("first-run"), "the second start");

    let configured = Home::new();
    let server = Serving::start(&configured);
    assert!(!server.said.contains("first-run"), "{}", server.said);
    assert!(!configured.data().join("first-run.json").exists());
}

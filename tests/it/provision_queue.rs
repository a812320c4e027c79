//! Bulk requests with a key, in the queue, across restarts and interruptions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster::import::job_error::JobError;
use muster::import::jobs::Cancelled;
use muster::provision::bulk_job::{BulkAnswer, BulkCall};
use muster::provision::error::ProvisionError;
use muster::provision::outcome::OperationOutcome;
use muster::scim::check::Leniency;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::import_id::ImportId;
use muster::users::import_record::{ImportRecord, ImportState};
use muster::users::operator::Role;
use muster::users::resources::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::provision::{
    Fixture, authority, bulk_body, call, check_sum, each, each_with, id_of, large, many, open,
    post, post_group, sqlite, statuses,
};

#[test]
fn a_request_with_a_key_runs_once() {
    let mut app = sqlite(large);
    let body = bulk_body(&json!([
        post("a", "a"),
        post("b", "A"),
        post_group("g", "g", &["bulkId:a"])
    ]));
    let first = app.bulk_as(&call(Some("k")), &body).expect("done");
    assert_eq!(statuses(&first), [201, 409, 201]);
    app.delete(Kind::User, id_of(&first.outcomes[0]))
        .expect("gone");
    for round in 0..2 {
        let again = app
            .bulk_as(&call(Some("k")), &body)
            .expect("the same answer");
        assert_eq!(
            (&again.outcomes, &again.record),
            (&first.outcomes, &first.record)
        );
        assert!(app.names().is_empty());
        let other = app.bulk_as(&call(Some("k")), &many(1));
        assert!(
            matches!(other, Err(ProvisionError::Job(JobError::KeyReused { .. }))),
            "{other:?}"
        );
        let queued = app
            .app
            .provisioner
            .queue_bulk(&call(Some("k")), body.to_string().as_bytes());
        assert_eq!(queued.expect("the same record").id, first.record.id);
        assert_eq!((app.names().len(), app.uploads()), (0, 0));
        if round == 0 {
            app = reopened(app);
        }
    }
    // Several at once: one runs the request, the others get its answer or `Busy`.
    let body = many(200);
    let app = Arc::new(app);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (app, body) = (Arc::clone(&app), body.clone());
            std::thread::spawn(move || match app.bulk_as(&call(Some("many")), &body) {
                Ok(answer) => Some(answer.outcomes),
                Err(ProvisionError::Job(JobError::Busy { .. })) => None,
                Err(error) => panic!("{error}"),
            })
        })
        .collect();
    let answers: Vec<_> = threads
        .into_iter()
        .filter_map(|thread| thread.join().expect("no panic"))
        .collect();
    assert!(!answers.is_empty());
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.len() == 200)
    );
    assert_eq!(app.names().len(), 200);
}

/// Stops the app and builds another one in its folder.
fn reopened(app: Fixture) -> Fixture {
    let Fixture { name, app, folder } = app;
    drop(app);
    let app = open(&folder, "sqlite:muster.db", large);
    Fixture { name, app, folder }
}

impl Fixture {
    #[track_caller]
    fn wait_for(&self, id: ImportId) -> BulkAnswer {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.app.provisioner.bulk_answer(DEFAULT_ORGANIZATION, id);
            let answer = found.expect("the store works").expect("there is a record");
            // The upload is deleted just after the end.
            if answer.record.state.is_final() && self.uploads() == 0 {
                return answer;
            }
            assert!(Instant::now() < until, "timed out: {:?}", answer.record);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn queue(&self, call: &BulkCall, body: &Value) -> ImportRecord {
        let queued = self
            .app
            .provisioner
            .queue_bulk(call, body.to_string().as_bytes());
        queued.expect("the request is queued")
    }
}

#[test]
fn a_queued_request_runs_when_the_queue_starts() {
    each_with(large, |app| {
        let body = many(3_000);
        let record = app.queue(&call(Some("k")), &body);
        assert_eq!(record.state, ImportState::Queued);
        let waiting = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        assert!(
            waiting
                .expect("the store works")
                .expect("a record")
                .outcomes
                .is_empty()
        );
        let busy = app.bulk_as(&call(Some("k")), &body);
        assert!(
            matches!(busy, Err(ProvisionError::Job(JobError::Busy { .. }))),
            "{busy:?}"
        );
        app.app.jobs.begin().expect("the queue starts");
        let answer = app.wait_for(record.id);
        assert_eq!(answer.record.state, ImportState::Completed);
        assert_eq!(answer.record.counters.created, 3_000);
        check_sum(&answer.record.counters);
        assert!(answer.outcomes.iter().all(|outcome| outcome.status == 201));
        let ids: HashMap<String, Uuid> = (0..)
            .zip(&answer.outcomes)
            .map(|(at, outcome)| (format!("u{at:05}"), id_of(outcome)))
            .collect();
        assert_eq!(ids.len(), 3_000);
        assert!(ids.iter().all(|(name, id)| app.user_id(name) == Some(*id)));
        let again = app.bulk_as(&call(Some("k")), &body).expect("the answer");
        assert_eq!(again.outcomes, answer.outcomes);
    });
}

#[test]
fn a_queued_request_keeps_its_leniency() {
    each(|app| {
        let body = bulk_body(&json!([
            {"method": "POST", "path": "/Users", "bulkId": "x", "data": {"userName": "x"}}]));
        let lenient = BulkCall {
            leniency: Leniency {
                schemas_required: false,
            },
            ..call(None)
        };
        let strict = app.queue(&call(None), &body);
        app.app.jobs.begin().expect("the queue starts");
        assert_eq!(statuses(&app.wait_for(strict.id)), [400]);
        let record = app.queue(&lenient, &body);
        assert_eq!(statuses(&app.wait_for(record.id)), [201]);
    });
}

#[test]
fn a_restart_during_a_request_loses_and_repeats_nothing() {
    const COUNT: usize = 20_000;
    let mut app = sqlite(large);
    let record = app.queue(&call(None), &many(COUNT));
    let mut seen: Vec<OperationOutcome> = Vec::new();
    let mut interruptions = 0;
    loop {
        app.app.jobs.begin().expect("the queue starts");
        // Each restart reads the whole request again; a few are enough, and the last run completes it.
        if interruptions == 5 {
            break;
        }
        let from = seen.len();
        let until = Instant::now() + Duration::from_secs(60);
        let completed = loop {
            let now = app.record(record.id);
            let completed = now.state == ImportState::Completed;
            if completed || now.counters.total as usize > from {
                break completed;
            }
            // Until a worker claims the request, it has the state of the last run: queued or interrupted. Only a
            // run that made progress is stopped, or this loop would never end.
            assert!(Instant::now() < until, "timed out: {now:?}");
            std::thread::sleep(Duration::from_millis(1));
        };
        if completed {
            break;
        }
        app = reopened(app);
        let answer = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        let answer = answer.expect("the store works").expect("a record");
        check_sum(&answer.record.counters);
        assert_eq!(answer.record.counters.total as usize, answer.outcomes.len());
        assert_eq!(app.names().len(), answer.outcomes.len());
        assert_eq!(
            answer.outcomes[..from],
            seen[..],
            "earlier outcomes are kept"
        );
        seen = answer.outcomes;
        if answer.record.state == ImportState::Completed {
            break;
        }
        assert_eq!(answer.record.state, ImportState::Interrupted);
        interruptions += 1;
    }
    assert!(interruptions > 2, "{interruptions}");
    let answer = app.wait_for(record.id);
    assert_eq!(answer.record.counters.created as usize, COUNT);
    assert_eq!((app.names().len(), app.uploads()), (COUNT, 0));
    assert!(answer.outcomes.iter().all(|outcome| outcome.status == 201));
    assert_eq!(app.user_id("u00000"), Some(id_of(&answer.outcomes[0])));
}

#[test]
fn a_request_can_be_cancelled_before_and_while_it_runs() {
    let app = sqlite(large);
    let eve = authority(Role::Admin).actor;
    let before = app.queue(&call(None), &many(10));
    let cancelled = app
        .app
        .jobs
        .cancel(&eve, before.id)
        .expect("the store works");
    assert_eq!(cancelled, Cancelled::BeforeItBegan);
    assert_eq!((app.names().len(), app.uploads()), (0, 0));
    let record = app.queue(&call(None), &many(50_000));
    app.app.jobs.begin().expect("the queue starts");
    let until = Instant::now() + Duration::from_secs(60);
    while app.record(record.id).counters.total == 0 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(
        app.app
            .jobs
            .cancel(&eve, record.id)
            .expect("the store works"),
        Cancelled::Asked
    );
    let answer = app.wait_for(record.id);
    assert_eq!(answer.record.state, ImportState::Cancelled);
    check_sum(&answer.record.counters);
    let done = answer.outcomes.len();
    assert!((1..50_000).contains(&done), "{done}");
    assert_eq!(answer.record.counters.total as usize, done);
    assert_eq!(app.names().len(), done);
}

#[test]
fn a_request_interrupted_by_a_store_failure_keeps_its_outcomes_and_can_be_resumed() {
    let app = sqlite(large);
    let data = app.folder.path().join("data");
    let poison = |sql: &str| {
        let raw = rusqlite::Connection::open(data.join("muster.db")).expect("the file");
        raw.execute_batch(sql).expect("SQL");
    };
    let poisoned = "CREATE TRIGGER poison BEFORE INSERT ON users WHEN NEW.name_key = 'u02500'
                    BEGIN SELECT RAISE(FAIL, 'poisoned'); END";
    poison(poisoned);
    let failed = app.bulk_as(&call(Some("k")), &many(4_000));
    assert!(
        matches!(failed, Err(ProvisionError::Store(_))),
        "{failed:?}"
    );
    let record = app.app.store.import_by_key(DEFAULT_ORGANIZATION, "k");
    let record = record.expect("the store works").expect("a record");
    assert_eq!(record.state, ImportState::Interrupted);
    assert_eq!(
        (record.counters.total, record.counters.created),
        (2_000, 2_000)
    );
    assert_eq!(app.names().len(), 2_000);
    let outcomes = || {
        let found = app
            .app
            .provisioner
            .bulk_answer(DEFAULT_ORGANIZATION, record.id);
        found.expect("the store works").expect("a record").outcomes
    };
    let before = outcomes();
    assert_eq!(before.len(), 2_000);
    poison("DROP TRIGGER poison");
    let answer = app
        .bulk_as(&call(Some("k")), &many(4_000))
        .expect("the request is resumed");
    app.check(&answer);
    assert_eq!(answer.record.id, record.id);
    assert_eq!((answer.outcomes.len(), app.names().len()), (4_000, 4_000));
    assert_eq!(answer.outcomes[..2_000], before[..]);
    assert_eq!(answer.record.counters.created, 4_000);
    assert_eq!(outcomes(), answer.outcomes);
    // A queued request waits for the next start.
    poison(&poisoned.replace("u02500", "w"));
    let waiting = app.queue(&call(Some("w")), &bulk_body(&json!([post("w", "w")])));
    app.app.jobs.begin().expect("the queue starts");
    let until = Instant::now() + Duration::from_secs(60);
    while app.record(waiting.id).state != ImportState::Interrupted {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(app.uploads(), 1);
    poison("DROP TRIGGER poison");
    let app = reopened(app);
    app.app.jobs.begin().expect("the queue starts");
    assert_eq!(statuses(&app.wait_for(waiting.id)), [201]);
}

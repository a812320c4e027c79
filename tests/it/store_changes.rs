//! What every store must guarantee for changes to existing users, rejected rows, jobs, undo and the audit
//! log.

use muster::clock::Moment;
use muster::passwords::rules::Fitness;
use muster::users::actor::Actor;
use muster::users::batch::{CheckedUsers, NewUsers};
use muster::users::candidate::{CheckedPassword, CheckedUser};
use muster::users::channel::Channel;
use muster::users::import_id::ImportId;
use muster::users::import_record::{Counters, ImportRecord, ImportState};
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::reject::Reject;
use muster::users::reject_block::RejectCursor;
use muster::users::step::{Finish, ImportStep, Outcome, Written};
use muster::users::store::{NewPassword, NewRole, RoleAdded, Store};
use muster::users::undo::{GONE, NO_IMAGE, TOUCHED, Undone};
use muster::users::user::User;
use uuid::Uuid;

use crate::stores::{
    DOMAIN, ORGANIZATION, TestStore, actor, add_organization, batch, checked, completed,
    every_store, failed, findings_of, first, names, new_import, record, record_of, rejects_of,
    step, write,
};

/// Users with their cells, and the hashes of those with their own password.
fn rows(users: &[CheckedUser<'_>], hash: &str) -> NewUsers {
    let mut gathered = CheckedUsers::default();
    for user in users {
        let cells = serde_json::json!([user.name.as_str(), ""]).to_string();
        gathered.push(user, Some(&cells));
    }
    let (positions, _) = gathered.take_passwords();
    let hashes = vec![hash.to_owned(); positions.len()];
    let mut users = NewUsers::default();
    gathered.move_into(&mut users, &positions, &hashes, Uuid::now_v7);
    users
}

/// Runs a whole import under a policy, with one step for each of `batches`.
#[track_caller]
fn import(
    store: &dyn Store,
    conflict: ConflictPolicy,
    batches: Vec<NewUsers>,
) -> (ImportId, Vec<Outcome>) {
    let (id, written) = run(store, conflict, false, batches);
    (id, written.into_iter().flat_map(|it| it.outcomes).collect())
}

#[track_caller]
fn run(
    store: &dyn Store,
    conflict: ConflictPolicy,
    dry_run: bool,
    batches: Vec<NewUsers>,
) -> (ImportId, Vec<Written>) {
    let (id, last) = (new_import(), batches.len() - 1);
    let mut all = Vec::new();
    for (number, users) in batches.into_iter().enumerate() {
        let mut next = match number {
            0 => first(id, users),
            _ => step(id, users),
        };
        next.conflict = conflict;
        next.dry_run = dry_run;
        if let Some(begin) = &mut next.begin {
            begin.options = ImportOptions {
                conflict,
                dry_run,
                ..ImportOptions::default()
            };
        }
        next.finish = if number == last { completed() } else { None };
        all.push(store.submit(next).wait().expect("the step is written"));
    }
    (id, all)
}

fn user(store: &dyn Store, name: &str) -> User {
    let found = store
        .user(ORGANIZATION, DOMAIN, name)
        .expect("the store works");
    found.unwrap_or_else(|| panic!("there is a user {name}"))
}

fn hash(store: &dyn Store, name: &str) -> Option<(String, bool)> {
    let found = store
        .password(ORGANIZATION, DOMAIN, name)
        .expect("the store works");
    found.map(|it| (it.hash, it.must_change))
}

fn own(fitness: Fitness) -> CheckedPassword<'static> {
    CheckedPassword::Own("x", fitness)
}

/// Kim as stored before each test of a policy.
fn kim() -> CheckedUser<'static> {
    CheckedUser {
        given_name: Some("Kim"),
        email: Some("kim@example.com"),
        attributes: vec![("country", "FR"), ("title", "Dr")],
        roles: "admin".into(),
        password: own(Fitness::Permanent),
        ..checked(2, "kim")
    }
}

/// The row for kim in the second import.
fn other_kim() -> CheckedUser<'static> {
    CheckedUser {
        family_name: Some("Lee"),
        email: Some("lee@example.com"),
        attributes: vec![("country", "DE"), ("mobile", "1")],
        cleared: vec!["title", "name.givenName", "roles"],
        password: own(Fitness::InitialOnly),
        ..checked(7, "KIM")
    }
}

fn profile(user: &User) -> String {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".into());
    let attributes = serde_json::to_string(&user.attributes).expect("JSON");
    let (given, family, email) = (&user.given_name, &user.family_name, &user.email);
    format!(
        "{} {} {} {attributes} {:?}",
        text(given),
        text(family),
        text(email),
        user.roles
    )
}

#[test]
fn each_conflict_policy_handles_an_existing_user_as_documented() {
    let kept = r#"Kim - kim@example.com {"country":"FR","title":"Dr"} ["admin"]"#;
    for policy in ConflictPolicy::ALL {
        for TestStore { name, store, .. } in every_store() {
            let store = store.as_ref();
            let (one, _) = import(store, ConflictPolicy::Skip, vec![rows(&[kim()], "$one$")]);
            let before = user(store, "kim");
            assert_eq!(profile(&before), kept, "{name}");
            let (two, outcomes) = import(store, policy, vec![rows(&[other_kim()], "$two$")]);
            let (outcome, seen, password) = match policy {
                ConflictPolicy::Skip => (Outcome::Duplicate, kept, ("$one$", false)),
                ConflictPolicy::Fail => (Outcome::Exists, kept, ("$one$", false)),
                ConflictPolicy::Update => (
                    Outcome::Updated,
                    r#"- Lee lee@example.com {"country":"DE","mobile":"1"} []"#,
                    ("$two$", true),
                ),
                ConflictPolicy::Fill => (
                    Outcome::Updated,
                    r#"Kim Lee kim@example.com {"country":"FR","mobile":"1","title":"Dr"} ["admin"]"#,
                    ("$one$", false),
                ),
            };
            let what = format!("{name}, {policy:?}");
            assert_eq!(outcomes, [outcome], "{what}");
            let after = user(store, "kim");
            assert_eq!(profile(&after), seen, "{what}");
            assert_eq!((after.id, after.user_name.as_str()), (before.id, "kim"));
            assert_eq!(after.created_by, Some(one), "{what}");
            let password = (password.0.to_owned(), password.1);
            assert_eq!(hash(store, "kim"), Some(password), "{what}");
            let counted = record_of(store, two).counters;
            let counters = match policy {
                ConflictPolicy::Skip => (0, 1, 0),
                ConflictPolicy::Fail => (0, 0, 1),
                _ => (1, 0, 0),
            };
            let seen = (counted.updated, counted.duplicate, counted.failed);
            assert_eq!((seen, counted.total), (counters, 1), "{what}");
        }
    }
}

#[test]
fn password_is_replaced_only_by_one_in_the_row() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let people = |password| [checked(2, "ann")].map(|it| CheckedUser { password, ..it });
        let given = rows(&people(own(Fitness::Permanent)), "$one$");
        import(store, ConflictPolicy::Skip, vec![given]);
        let again = |password| {
            let given = rows(&people(password), "$two$");
            import(store, ConflictPolicy::Update, vec![given]).1
        };
        let one = Some(("$one$".to_owned(), false));
        for password in [
            CheckedPassword::Default,
            CheckedPassword::Missing,
            CheckedPassword::MadeUp("x"),
        ] {
            assert_eq!(
                again(password),
                [Outcome::Unchanged],
                "{name}: {password:?}"
            );
            assert_eq!(hash(store, "ann"), one, "{name}: {password:?}");
        }
        assert_eq!(again(own(Fitness::InitialOnly)), [Outcome::Updated]);
        assert_eq!(hash(store, "ann"), Some(("$two$".into(), true)), "{name}");
        let ann = user(store, "ann");
        assert_eq!(ann.password_set_at, Moment(2_000_000), "{name}");
        assert_eq!(
            again(CheckedPassword::Hashed("{SSHA}x")),
            [Outcome::Updated]
        );
        assert_eq!(
            hash(store, "ann"),
            Some(("{SSHA}x".into(), false)),
            "{name}"
        );
        // A generated password for a new user is stored.
        let new = CheckedUser {
            password: CheckedPassword::MadeUp("x"),
            ..checked(3, "new")
        };
        import(store, ConflictPolicy::Update, vec![rows(&[new], "$made$")]);
        assert_eq!(hash(store, "new"), Some(("$made$".into(), true)), "{name}");
    }
}

#[test]
fn repeated_row_is_unchanged_and_recorded_nowhere() {
    for policy in [ConflictPolicy::Update, ConflictPolicy::Fill] {
        for TestStore { name, store, .. } in every_store() {
            let store = store.as_ref();
            let same = || CheckedUser {
                password: CheckedPassword::Default,
                ..kim()
            };
            let (one, _) = import(store, policy, vec![rows(&[same()], "")]);
            let (two, outcomes) = import(store, policy, vec![rows(&[same()], "")]);
            assert_eq!(outcomes, [Outcome::Unchanged], "{name}");
            assert_eq!(record_of(store, two).counters.unchanged, 1, "{name}");
            let undone = undo(store, two);
            assert_eq!(undone, Undone::default(), "{name}: nothing to undo");
            assert_eq!(
                undo(store, one).removed,
                1,
                "{name}: nothing has changed it since"
            );
        }
    }
}

#[test]
fn rows_of_one_user_apply_in_order_within_a_batch_and_across_batches() {
    let row = |line, email| CheckedUser {
        email: Some(email),
        password: CheckedPassword::Default,
        ..checked(line, "kim")
    };
    for policy in ConflictPolicy::ALL {
        for TestStore { name, store, .. } in every_store() {
            let store = store.as_ref();
            let batches = || {
                vec![
                    rows(&[row(2, "a@x"), row(3, "b@x"), row(4, "b@x")], ""),
                    rows(&[row(5, "b@x"), row(6, "c@x")], ""),
                ]
            };
            let (_, written) = run(store, policy, true, batches());
            let dry: Vec<_> = written.into_iter().flat_map(|it| it.outcomes).collect();
            let expected = match policy {
                ConflictPolicy::Skip => vec![
                    Outcome::Created,
                    Outcome::Duplicate,
                    Outcome::Duplicate,
                    Outcome::Duplicate,
                    Outcome::Duplicate,
                ],
                ConflictPolicy::Fail => [vec![Outcome::Created], vec![Outcome::Exists; 4]].concat(),
                ConflictPolicy::Update => vec![
                    Outcome::Created,
                    Outcome::Updated,
                    Outcome::Unchanged,
                    Outcome::Unchanged,
                    Outcome::Updated,
                ],
                ConflictPolicy::Fill => {
                    [vec![Outcome::Created], vec![Outcome::Unchanged; 4]].concat()
                }
            };
            assert_eq!(dry, expected, "{name}, {policy:?}, dry");
            assert!(names(store, ORGANIZATION, None).is_empty(), "{name}");
            let (id, outcomes) = import(store, policy, batches());
            assert_eq!(outcomes, expected, "{name}, {policy:?}");
            let last = if policy == ConflictPolicy::Update {
                "c@x"
            } else {
                "a@x"
            };
            let email = user(store, "kim").email;
            assert_eq!(email.as_deref(), Some(last), "{name}, {policy:?}");
            // Rows created and changed by the import itself count as its own.
            assert_eq!(undo(store, id).removed, 1, "{name}, {policy:?}");
        }
    }
}

#[test]
fn batch_has_the_same_result_as_its_rows_one_by_one() {
    let names: Vec<String> = (0..90).map(|number| format!("user{number}")).collect();
    let emails = ["a@x", "b@x"];
    let mut seed = 7_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % bound
    };
    for policy in ConflictPolicy::ALL {
        // The first third exists, and each user occurs about three times.
        let before: Vec<_> = names[..30].iter().zip(2..).collect();
        let before = || {
            let users = before.iter().map(|(name, line)| CheckedUser {
                email: Some("a@x"),
                password: CheckedPassword::Default,
                ..checked(*line, name)
            });
            rows(&users.collect::<Vec<_>>(), "")
        };
        let after: Vec<_> = (2..302)
            .map(|line| CheckedUser {
                email: Some(emails[below(2)]).filter(|_| below(4) > 0),
                attributes: [("title", emails[below(2)])][below(2)..].to_vec(),
                roles: ["", "", "admin", "everyone"][below(4)].into(),
                password: match below(8) {
                    0 => CheckedPassword::Missing,
                    1 => CheckedPassword::Hashed("{SSHA}x"),
                    _ => CheckedPassword::Default,
                },
                ..checked(line, &names[below(90)])
            })
            .collect();
        let mut seen = Vec::new();
        for together in [after.len(), 1, 7] {
            for TestStore { name, store, .. } in every_store() {
                let store = store.as_ref();
                import(store, ConflictPolicy::Skip, vec![before()]);
                let batches = after
                    .chunks(together)
                    .map(|users| rows(users, ""))
                    .collect();
                let (id, outcomes) = import(store, policy, batches);
                let stored = store.users(ORGANIZATION, None, None, 1_000).expect("works");
                let stored: Vec<_> = stored
                    .iter()
                    .map(|it| {
                        format!(
                            "{} {} {:?}",
                            it.user_name,
                            profile(it),
                            hash(store, &it.user_name)
                        )
                    })
                    .collect();
                let found = findings_of(store, id);
                let found: Vec<_> = found
                    .iter()
                    .map(|it| (it.line, it.code.to_string()))
                    .collect();
                assert!(outcomes.contains(&Outcome::Created), "{name}");
                seen.push((outcomes, stored, found));
            }
        }
        for other in &seen[1..] {
            assert_eq!(&seen[0], other, "{policy:?}");
        }
    }
}

#[test]
fn row_without_a_password_can_change_a_user_but_not_create_one() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        import(store, ConflictPolicy::Skip, vec![batch(&[(2, "ann")])]);
        let missing = |line, name| CheckedUser {
            email: Some("new@x"),
            password: CheckedPassword::Missing,
            ..checked(line, name)
        };
        let given = || {
            rows(
                &[missing(2, "ann"), missing(3, "bob"), checked(4, "bob")],
                "",
            )
        };
        let expected = [Outcome::Updated, Outcome::PasswordMissing, Outcome::Created];
        let (_, dry) = run(store, ConflictPolicy::Update, true, vec![given()]);
        assert_eq!(dry[0].outcomes, expected, "{name}");
        let (id, outcomes) = import(store, ConflictPolicy::Update, vec![given()]);
        assert_eq!(outcomes, expected, "{name}");
        let rejects = rejects_of(store, ORGANIZATION, id);
        assert_eq!(rejects.len(), 1, "{name}");
        assert_eq!(
            (rejects[0].line, rejects[0].code.as_str()),
            (3, "password-missing"),
            "{name}"
        );
        assert_eq!(rejects[0].cells, ["bob", ""], "{name}");
        assert_eq!(user(store, "bob").email, None, "{name}: from the third row");
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        usize::try_from(z % bound as u64).expect("the number fits")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A table with few names, so that they repeat.
    fn table(&mut self, rows: usize, missing: bool) -> Vec<CheckedUser<'static>> {
        const NAMES: [&str; 6] = ["ann", "bob", "carl", "Dora", "DORA", "eve"];
        let mut all = Vec::new();
        for line in 0..rows as u64 {
            let some = |random: &mut Random, from: [&'static str; 3]| {
                Some(random.pick(&from)).filter(|it| !it.is_empty())
            };
            let name = self.pick(&NAMES);
            let mut attributes = Vec::new();
            for attribute in ["country", "title"] {
                if let Some(value) = some(self, ["", "1", "2"]) {
                    attributes.push((attribute, value));
                }
            }
            let cleared = match self.below(4) {
                0 => vec!["emails", "title"],
                1 => vec!["roles"],
                _ => Vec::new(),
            };
            let password = match self.below(4) {
                0 => own(Fitness::Permanent),
                1 if missing => CheckedPassword::Missing,
                _ => CheckedPassword::Default,
            };
            all.push(CheckedUser {
                given_name: some(self, ["", "G", "H"]),
                email: some(self, ["", "a@x", "b@x"]),
                attributes,
                cleared,
                roles: self.pick(&["", "admin", "Internal/everyone\nadmin"]).into(),
                password,
                ..checked(line + 2, name)
            });
        }
        all
    }
}

/// Returns outcomes without the import they name, because a dry run has its own id.
fn outcomes(written: Vec<Written>, id: ImportId) -> Vec<String> {
    let all = written.into_iter().flat_map(|it| it.outcomes);
    all.map(|it| format!("{it:?}").replace(&id.to_string(), "this"))
        .collect()
}

#[test]
fn dry_run_reports_what_the_import_then_does_for_any_table() {
    let mut seen = [0_u32; 6];
    for seed in 0..60 {
        let policy = ConflictPolicy::ALL[seed % 4];
        let mut per_store: Vec<Vec<String>> = Vec::new();
        for TestStore { name, store, .. } in every_store() {
            let store = store.as_ref();
            let mut random = Random(seed as u64);
            let before = random.table(4, false);
            let missing = policy.changes_users();
            let tables: Vec<_> = (0..3).map(|_| random.table(7, missing)).collect();
            import(store, ConflictPolicy::Skip, vec![rows(&before, "$before$")]);
            let all = || store.users(ORGANIZATION, None, None, 100).expect("works");
            let batches = || tables.iter().map(|it| rows(it, "$own$")).collect();
            let users = all();
            let audit = store.audit(ORGANIZATION, None, 100).expect("works");
            let (id, dry) = run(store, policy, true, batches());
            assert_eq!(all(), users, "{name}, {seed}: a dry run writes no user");
            let after = store.audit(ORGANIZATION, None, 100).expect("works");
            assert_eq!(after, audit, "{name}, {seed}: nor an audit entry");
            assert_eq!(store.import(ORGANIZATION, id), Ok(None), "{name}");
            let (tallies, dry) = (counters(&dry), outcomes(dry, id));
            let (id, written) = run(store, policy, false, batches());
            assert_eq!(tallies, counters(&written), "{name}, {policy:?}, {seed}");
            assert_eq!(record_of(store, id).counters, tallies, "{name}, {seed}");
            let written = outcomes(written, id);
            assert_eq!(dry, written, "{name}, {policy:?}, seed {seed}");
            for outcome in &written {
                let kinds = ["Cre", "Upd", "Unc", "Dup", "Exi", "Pas"];
                let kind = kinds.iter().position(|it| outcome.starts_with(it));
                seen[kind.expect("a known outcome")] += 1;
            }
            // Both stores end with the same users.
            let profiles = all().iter().map(profile).collect();
            per_store.push(profiles);
        }
        assert_eq!(per_store[0], per_store[1], "{policy:?}, seed {seed}");
    }
    assert!(
        seen.iter().all(|it| *it > 5),
        "every outcome occurs: {seen:?}"
    );
}

fn counters(written: &[Written]) -> Counters {
    let mut all = Counters::default();
    written.iter().for_each(|it| all.add(&it.tally.counters));
    all
}

#[test]
fn rejected_rows_are_kept_by_line_up_to_the_limit() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        import(store, ConflictPolicy::Skip, vec![batch(&[(2, "ann")])]);
        let reject = |line: u64| Reject {
            line,
            cells: vec![format!("cell, \"{line}\"\n"), String::new()],
            code: "password-rule".into(),
            message: "too short".into(),
        };
        let id = new_import();
        let step_of = |mut step: ImportStep, lines: &[u64]| {
            step.conflict = ConflictPolicy::Fail;
            step.counted = Counters {
                total: lines.len() as u64,
                failed: lines.len() as u64,
                ..Counters::default()
            };
            step.findings = lines.iter().map(|line| failed(*line)).collect();
            step.rejects = lines.iter().map(|line| reject(*line)).collect();
            step.keep_findings = 4;
            step.header = Some(vec!["username".into(), "password".into()]);
            step
        };
        let conflicting = rows(&[checked(3, "ann"), checked(8, "new")], "");
        write(store, step_of(first(id, conflicting), &[2, 9]));
        // Sorted rows: a later step has line numbers between those of an earlier one.
        write(store, step_of(step(id, NewUsers::default()), &[7, 4, 5]));
        let kept = rejects_of(store, ORGANIZATION, id);
        let lines: Vec<_> = kept.iter().map(|it| it.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 7, 9], "{name}");
        assert_eq!(kept[0], reject(2), "{name}");
        assert_eq!(kept[1].cells, ["ann", ""], "{name}");
        assert_eq!(kept[1].code, "user-exists", "{name}: {:?}", kept[1]);
        let seen = record_of(store, id);
        assert_eq!((seen.counters.failed, seen.findings), (6, 6), "{name}");
        assert_eq!(seen.header, ["username", "password"], "{name}");
        let rejected = seen.rejected;
        assert_eq!((rejected.total, rejected.kept), (6, 6), "{name}");
        assert_eq!(rejected.width, 2, "{name}");
        assert!(rejects_of(store, "acme", id).is_empty(), "{name}");

        let page = |cursor, limit| {
            let page = store.rejects(ORGANIZATION, id, cursor, limit);
            let page = page.expect("the store works");
            let lines: Vec<_> = page.rows.iter().map(|it| it.line).collect();
            (lines, page.next)
        };
        let (lines, next) = page(RejectCursor::of(&rejected), 4);
        assert_eq!(lines, [2, 3, 4, 5], "{name}: a page");
        // Rows rejected after the first page was read are not listed.
        let mut full = step_of(step(id, NewUsers::default()), &[6, 10]);
        full.keep_rejects_bytes = rejected.bytes + 70;
        write(store, full);
        let (lines, next) = page(next.expect("a next page"), 4);
        assert_eq!((lines, next), (vec![7, 9], None), "{name}: the last page");
        let rejected = record_of(store, id).rejected;
        assert_eq!(
            (rejected.total, rejected.kept),
            (8, 6),
            "{name}: over the limit"
        );
        write(store, step_of(step(id, NewUsers::default()), &[11]));
        let rejected = record_of(store, id).rejected;
        assert_eq!(
            (rejected.total, rejected.kept),
            (9, 6),
            "{name}: the first ones are kept"
        );
        assert_eq!(rejects_of(store, ORGANIZATION, id).len(), 6, "{name}");
    }
}

#[test]
fn idempotency_key_belongs_to_one_import_of_its_organization() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        add_organization(store, "acme");
        let keyed = |organization: &str, key: &str| {
            let id = new_import();
            let mut only = first(id, batch(&[(2, "ann")]));
            only.organization = organization.into();
            if let Some(record) = &mut only.begin {
                record.organization = organization.into();
                record.key = Some(key.into());
            }
            (id, store.submit(only).wait().is_ok())
        };
        let (one, written) = keyed(ORGANIZATION, "k1");
        assert!(written, "{name}");
        let (twin, written) = keyed(ORGANIZATION, "k1");
        assert!(!written, "{name}: the key is taken");
        assert_eq!(store.import(ORGANIZATION, twin), Ok(None), "{name}");
        let (two, written) = keyed("acme", "k1");
        assert!(written, "{name}: another organization's key");
        let third = ImportRecord {
            key: Some("k1".into()),
            ..record(new_import())
        };
        assert!(store.add_import(&third).is_err(), "{name}");
        let found = |organization, key| {
            let found = store.import_by_key(organization, key).expect("works");
            found.map(|it| it.id)
        };
        assert_eq!(found(ORGANIZATION, "k1"), Some(one), "{name}");
        assert_eq!(found("acme", "k1"), Some(two), "{name}");
        assert_eq!(found(ORGANIZATION, "K1"), None, "{name}");
    }
}

#[test]
fn queued_import_is_claimed_once_and_ended_once() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let queued = || ImportRecord {
            state: ImportState::Queued,
            sha256: Some("cd".repeat(32)),
            default_password_hash: Some("$default$".into()),
            default_password_note: Some("stays".into()),
            may_grant_admin: true,
            key: None,
            options: ImportOptions {
                conflict: ConflictPolicy::Fill,
                stop_after: Some(3),
                ..ImportOptions::default()
            },
            ..record(new_import())
        };
        let (one, two, three) = (queued(), queued(), queued());
        for each in [&one, &two, &three] {
            store.add_import(each).expect("the import is stored");
        }
        assert_eq!(record_of(store, one.id), one, "{name}: it is unchanged");
        let waiting = || -> Vec<_> {
            let found = store.unfinished().expect("works");
            found.into_iter().map(|it| it.id).collect()
        };
        assert_eq!(waiting(), [one.id, two.id, three.id], "{name}: in order");

        let taken = store.claim(ORGANIZATION, one.id, Moment(5_000_000));
        let taken = taken.expect("works").expect("it waited");
        assert_eq!(taken.state, ImportState::Running, "{name}");
        assert_eq!(taken.active_at, Moment(5_000_000), "{name}");
        assert_eq!(taken.sha256, one.sha256, "{name}");
        let again = store.claim(ORGANIZATION, one.id, Moment(6_000_000));
        assert_eq!(again, Ok(None), "{name}: it is already claimed");
        assert_eq!(waiting(), [two.id, three.id], "{name}");
        assert_eq!(
            store.claim("acme", two.id, Moment(6_000_000)),
            Ok(None),
            "{name}"
        );

        let beat = |id| store.still_running(ORGANIZATION, id, Moment(7_000_000));
        beat(one.id).expect("works");
        beat(two.id).expect("works");
        assert_eq!(record_of(store, one.id).active_at, Moment(7_000_000));
        assert_eq!(record_of(store, two.id).active_at, one.active_at, "{name}");

        // The import is interrupted after its first row, and is claimed again.
        let mut cut = step(one.id, batch(&[(2, "ann")]));
        cut.rows_sha256 = Some("ef".repeat(32));
        write(store, cut);
        let mut end = step(one.id, NewUsers::default());
        end.finish = Some(Finish {
            state: ImportState::Interrupted,
            reason: Some("cut".into()),
            sha256: None,
            by: None,
        });
        write(store, end);
        let seen = record_of(store, one.id);
        assert_eq!(seen.reason.as_deref(), Some("cut"), "{name}");
        assert_eq!(seen.sha256, one.sha256, "{name}: the digest is kept");
        let taken = store.claim(ORGANIZATION, one.id, Moment(8_000_000));
        let taken = taken.expect("works").expect("it was interrupted");
        assert_eq!(
            (taken.counters.total, taken.reason, taken.finished_at),
            (1, None, None),
            "{name}"
        );
        assert_eq!(taken.rows_sha256, Some("ef".repeat(32)), "{name}");

        let finish = Finish {
            state: ImportState::Cancelled,
            reason: Some("stopped".into()),
            sha256: None,
            by: None,
        };
        let eve = Actor {
            operator: "eve".into(),
            ..actor(ORGANIZATION)
        };
        let end = |id| store.end_import(ORGANIZATION, id, &eve, &finish, Moment(9_000_000));
        assert_eq!(end(two.id), Ok(true), "{name}");
        assert_eq!(end(two.id), Ok(false), "{name}: it has already ended");
        assert_eq!(end(new_import()), Ok(false), "{name}");
        let seen = record_of(store, two.id);
        let expected = ImportRecord {
            state: ImportState::Cancelled,
            reason: Some("stopped".into()),
            finished_at: Some(Moment(9_000_000)),
            active_at: Moment(9_000_000),
            ..two.clone()
        };
        assert_eq!(seen, expected, "{name}");
        let newest = store.audit(ORGANIZATION, None, 1).expect("works");
        assert_eq!(
            (newest[0].operator.as_str(), newest[0].import),
            ("eve", Some(two.id)),
            "{name}: the operator that ended it"
        );
        assert_eq!(
            store.claim(ORGANIZATION, two.id, Moment(9_500_000)),
            Ok(None)
        );
        assert_eq!(waiting(), [three.id], "{name}");
    }
}

#[track_caller]
fn undo(store: &dyn Store, id: ImportId) -> Undone {
    let undone = store.undo(ORGANIZATION, id, &actor(ORGANIZATION), Moment(20_000_000));
    undone.expect("the store works").expect("it has ended")
}

fn left(undone: &Undone) -> Vec<(&str, &str)> {
    let mut left: Vec<_> = undone
        .left
        .iter()
        .map(|it| (it.user_name.as_str(), it.reason))
        .collect();
    left.sort();
    left
}

#[test]
fn undo_removes_created_users_unless_they_were_changed_since() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let with_role = |line, name| CheckedUser {
            roles: "admin".into(),
            ..checked(line, name)
        };
        let given = rows(
            &[
                with_role(2, "gone"),
                checked(3, "password"),
                checked(4, "import"),
                checked(5, "rehashed"),
                checked(6, "deleted"),
                checked(7, "role"),
            ],
            "",
        );
        let (one, _) = import(store, ConflictPolicy::Skip, vec![given]);
        let other = import(store, ConflictPolicy::Skip, vec![batch(&[(2, "other")])]).0;
        let set = |who, by: Option<Actor>| {
            let password = NewPassword {
                hash: "$new$".into(),
                must_change: false,
                set_at: Moment(3_000_000),
                replacing: None,
                by,
            };
            let set = store.set_password(ORGANIZATION, DOMAIN, who, &password);
            assert!(set.expect("works"), "{name}");
        };
        set("password", Some(actor(ORGANIZATION)));
        set("rehashed", None);
        let changed = CheckedUser {
            email: Some("new@x"),
            ..checked(2, "import")
        };
        import(store, ConflictPolicy::Update, vec![rows(&[changed], "")]);
        let by = actor(ORGANIZATION);
        let deleted = store.delete_user(&by, DOMAIN, "deleted", Moment(3_000_000));
        assert_eq!(deleted, Ok(true), "{name}");
        let role = NewRole {
            organization: ORGANIZATION.into(),
            domain: DOMAIN.into(),
            name: "Sales".into(),
            members: vec![(DOMAIN.into(), "role".into())],
            permissions: Vec::new(),
            by: by.clone(),
            at: Moment(3_000_000),
        };
        assert_eq!(store.add_role(&role), Ok(RoleAdded::Added), "{name}");

        let undone = undo(store, one);
        assert_eq!((undone.removed, undone.restored), (2, 0), "{name}");
        let expected = [
            ("import", TOUCHED),
            ("password", TOUCHED),
            ("role", TOUCHED),
        ];
        assert_eq!(left(&undone), expected, "{name}");
        assert_eq!(undone.left_total, 3, "{name}");
        let rest = names(store, ORGANIZATION, None);
        assert_eq!(rest, ["import", "other", "password", "role"], "{name}");
        let seen = record_of(store, one);
        assert_eq!(seen.state, ImportState::Undone, "{name}");
        assert_eq!(seen.reason, Some(undone.sentence()), "{name}");
        assert_eq!(seen.counters.created, 6, "{name}: its counters stay");
        // A new user with that name has nothing of the removed one.
        import(store, ConflictPolicy::Skip, vec![batch(&[(2, "gone")])]);
        assert!(user(store, "gone").roles.is_empty(), "{name}");
        assert_eq!(undo(store, other).removed, 1, "{name}");
    }
}

#[test]
fn undo_restores_changed_users_with_roles_and_password() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let by_default = CheckedUser {
            password: CheckedPassword::Default,
            ..checked(3, "lee")
        };
        let mut begin = first(
            new_import(),
            rows(&[kim(), by_default, checked(4, "max")], "$one$"),
        );
        begin.default_password_hash = Some("$default$".into());
        begin.finish = completed();
        write(store, begin);
        let before = (user(store, "kim"), user(store, "lee"), user(store, "max"));
        let lee = || CheckedUser {
            email: Some("l@x"),
            password: own(Fitness::Permanent),
            ..checked(8, "lee")
        };
        let max = || CheckedUser {
            email: Some("m@x"),
            ..checked(9, "max")
        };
        let given = vec![
            rows(&[other_kim(), lee(), checked(9, "new")], "$two$"),
            // Changed twice: the first saved state counts.
            rows(
                &[
                    CheckedUser {
                        email: Some("third@x"),
                        ..checked(10, "kim")
                    },
                    max(),
                ],
                "",
            ),
        ];
        let (two, _) = import(store, ConflictPolicy::Update, given);
        // Another import after it changes one of the users.
        let again = CheckedUser {
            email: Some("later@x"),
            ..checked(2, "max")
        };
        let (three, _) = import(store, ConflictPolicy::Update, vec![rows(&[again], "")]);

        let undone = undo(store, two);
        assert_eq!((undone.removed, undone.restored), (1, 2), "{name}");
        assert_eq!(left(&undone), [("max", TOUCHED)], "{name}");
        assert_eq!(user(store, "kim"), before.0, "{name}");
        assert_eq!(user(store, "lee"), before.1, "{name}");
        assert_eq!(hash(store, "kim"), Some(("$one$".into(), false)), "{name}");
        assert_eq!(
            hash(store, "lee"),
            Some(("$default$".into(), true)),
            "{name}"
        );
        // Undoing in reverse order would have restored the original state.
        assert_eq!(undo(store, three).restored, 1, "{name}");
        let email = user(store, "max").email;
        assert_eq!(email.as_deref(), Some("m@x"), "{name}");
    }
}

#[test]
fn imports_undone_in_reverse_order_restore_the_original_state() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        import(store, ConflictPolicy::Skip, vec![rows(&[kim()], "$one$")]);
        let before = user(store, "kim");
        let (two, _) = import(
            store,
            ConflictPolicy::Update,
            vec![rows(&[other_kim()], "$two$")],
        );
        let middle = user(store, "kim");
        let (three, _) = import(
            store,
            ConflictPolicy::Update,
            vec![rows(&[kim()], "$three$")],
        );
        assert_eq!(undo(store, three).restored, 1, "{name}");
        assert_eq!(user(store, "kim"), middle, "{name}");
        assert_eq!(undo(store, two).restored, 1, "{name}");
        assert_eq!(user(store, "kim"), before, "{name}");
        assert_eq!(hash(store, "kim"), Some(("$one$".into(), false)), "{name}");
    }
}

#[test]
fn undo_leaves_and_reports_what_it_cannot_restore() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let people = ["ann", "bob", "carl", "dora"];
        let made: Vec<_> = people.iter().map(|it| checked(2, it)).collect();
        import(store, ConflictPolicy::Skip, vec![rows(&made, "")]);
        let changed = |who| CheckedUser {
            email: Some("new@x"),
            ..checked(2, who)
        };
        // Two batches; only the saved states of the first are old enough to be removed.
        let id = new_import();
        let mut old = first(id, rows(&[changed("ann")], ""));
        old.conflict = ConflictPolicy::Update;
        write(store, old);
        let rest = [changed("bob"), changed("carl"), changed("dora")];
        let mut new = step(id, rows(&rest, ""));
        new.conflict = ConflictPolicy::Update;
        new.at = Moment(9_000_000);
        new.finish = completed();
        write(store, new);
        assert_eq!(store.forget_images(Moment(9_000_000)), Ok(1), "{name}");
        assert_eq!(store.forget_images(Moment(9_000_000)), Ok(0), "{name}");
        let by = actor(ORGANIZATION);
        for gone in ["bob", "carl"] {
            let gone = store.delete_user(&by, DOMAIN, gone, Moment(9_500_000));
            assert_eq!(gone, Ok(true), "{name}");
        }
        import(store, ConflictPolicy::Skip, vec![batch(&[(2, "carl")])]);
        let undone = undo(store, id);
        assert_eq!((undone.removed, undone.restored), (0, 1), "{name}");
        let gone = [("ann", NO_IMAGE), ("bob", GONE), ("carl", GONE)];
        assert_eq!(left(&undone), gone, "{name}");
        let email = |who| user(store, who).email;
        assert_eq!(email("ann").as_deref(), Some("new@x"), "{name}");
        assert_eq!((email("carl"), email("dora")), (None, None), "{name}");
        assert_eq!(
            names(store, ORGANIZATION, None),
            ["ann", "carl", "dora"],
            "{name}: a deleted user is not restored"
        );
    }
}

#[test]
fn running_imports_and_those_of_other_organizations_are_not_undone() {
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let running = new_import();
        write(store, first(running, batch(&[(2, "ann")])));
        let by = actor(ORGANIZATION);
        let undo = |organization, id| store.undo(organization, id, &by, Moment(3_000_000));
        assert_eq!(undo(ORGANIZATION, running), Ok(None), "{name}");
        assert_eq!(undo("acme", running), Ok(None), "{name}");
        assert_eq!(undo(ORGANIZATION, new_import()), Ok(None), "{name}");
        assert_eq!(names(store, ORGANIZATION, None), ["ann"], "{name}");
    }
}

#[test]
fn audit_log_lists_actions_newest_first_and_never_values() {
    const SECRETS: [&str; 4] = ["$own$", "$new$", "secret@x", "Mx-Given"];
    for TestStore { name, store, .. } in every_store() {
        let store = store.as_ref();
        let given = || CheckedUser {
            given_name: Some("Mx-Given"),
            email: Some("secret@x"),
            password: own(Fitness::Permanent),
            ..checked(2, "ann")
        };
        let one = new_import();
        write(store, first(one, rows(&[given()], "$own$")));
        let mut end = step(one, NewUsers::default());
        end.finish = Some(Finish {
            by: Some(Actor {
                operator: "eve".into(),
                channel: Channel::Terminal,
                ..actor(ORGANIZATION)
            }),
            ..completed().expect("it ends")
        });
        write(store, end);
        let by = actor(ORGANIZATION);
        let password = NewPassword {
            hash: "$new$".into(),
            must_change: false,
            set_at: Moment(3_000_000),
            replacing: None,
            by: Some(by.clone()),
        };
        let set = |who, password: &NewPassword| {
            let set = store.set_password(ORGANIZATION, DOMAIN, who, password);
            set.expect("works")
        };
        assert!(set("ann", &password), "{name}");
        assert!(!set("nobody", &password), "{name}");
        // The same password with a new hash is not an action of an operator.
        let rehashed = NewPassword {
            by: None,
            ..password
        };
        assert!(set("ann", &rehashed), "{name}");
        let deleted = store.delete_user(&by, DOMAIN, "ann", Moment(4_000_000));
        assert_eq!(deleted, Ok(true), "{name}");
        let unknown = store.delete_user(&by, DOMAIN, "nobody", Moment(4_000_000));
        assert_eq!(unknown, Ok(false), "{name}");
        undo(store, one);

        let entries = store.audit(ORGANIZATION, None, 100).expect("works");
        let seen: Vec<_> = entries
            .iter()
            .map(|it| {
                let target = it.target.as_deref().unwrap_or("-");
                format!(
                    "{} {} {} {target}",
                    it.action,
                    it.operator,
                    it.channel.as_str()
                )
            })
            .collect();
        let expected = [
            "import.undo admin soap -",
            "user.delete admin soap PRIMARY/ann",
            "user.password admin soap PRIMARY/ann",
            "import.end eve terminal -",
            "import.begin admin soap -",
        ];
        assert_eq!(seen, expected, "{name}");
        let imports: Vec<_> = entries.iter().filter_map(|it| it.import).collect();
        assert_eq!(imports, [one; 3], "{name}");
        let end = &entries[3].details;
        assert_eq!(end["counters"]["created"], 1, "{name}");
        assert_eq!(end["state"], "completed", "{name}");
        assert_eq!(entries[0].details["removed"], 0, "{name}");
        assert!(entries.windows(2).all(|it| it[0].id > it[1].id), "{name}");
        let mut paged = Vec::new();
        let mut before = None;
        loop {
            let page = store.audit(ORGANIZATION, before, 2).expect("works");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 2, "{name}");
            before = Some(last.id);
            paged.extend(page);
        }
        assert_eq!(paged, entries, "{name}: pages join");
        let text = serde_json::to_string(&entries).expect("JSON");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{name}: {secret} in {text}");
        }
        assert!(store.audit("acme", None, 10).expect("works").is_empty());
        assert!(findings_of(store, one).is_empty(), "{name}");
    }
}

#[test]
fn failed_step_leaves_no_audit_entry() {
    for TestStore { name, store, .. } in every_store() {
        let lost = store.submit(step(new_import(), batch(&[(2, "ann")])));
        assert!(lost.wait().is_err(), "{name}");
        let audit = store.audit(ORGANIZATION, None, 10).expect("works");
        assert!(audit.is_empty(), "{name}");
    }
}

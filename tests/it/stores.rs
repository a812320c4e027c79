//! What every store must guarantee: one test suite, run on each store.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster::clock::Moment;
use muster::passwords::rules::Fitness;
use muster::stores::{self, Access, Settings};
use muster::users::actor::Actor;
use muster::users::batch::{CheckedUsers, NewUsers};
use muster::users::candidate::{CheckedPassword, CheckedUser};
use muster::users::channel::Channel;
use muster::users::import_id::ImportId;
use muster::users::import_record::{Counters, ImportRecord, ImportState, RejectedRows};
use muster::users::name::{UserName, lookup_key};
use muster::users::name_pattern::NamePattern;
use muster::users::operator::{Operator, Role};
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::organization::Organization;
use muster::users::password_right::PasswordRight;
use muster::users::problem::{Owner, Problem, Severity};
use muster::users::reject::Reject;
use muster::users::reject_block::RejectCursor;
use muster::users::resources::ResourceQuery;
use muster::users::step::{Finish, Found, ImportStep, Outcome};
use muster::users::store::{NewPassword, NewRole, RoleAdded, Store, UserCursor};
use tempfile::TempDir;
use uuid::Uuid;

pub const ORGANIZATION: &str = "default";
pub const DOMAIN: &str = "PRIMARY";

/// A fresh store with its name; its folder is removed when it is dropped.
pub struct TestStore {
    pub name: &'static str,
    pub store: Arc<dyn Store>,
    _folder: TempDir,
}

/// Opens a fresh store of each kind.
pub fn every_store() -> Vec<TestStore> {
    let open = |(name, url): (&'static str, &str)| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings {
            data: folder.path().into(),
            url: url.into(),
            ..Settings::default()
        };
        let store = stores::open(&settings, Access::Write);
        TestStore {
            name,
            store: store.expect("a fresh store opens"),
            _folder: folder,
        }
    };
    [("sqlite", "sqlite:muster.db"), ("memory", "memory:")]
        .map(open)
        .into()
}

/// An actor of this organization.
pub fn actor(organization: &str) -> Actor {
    Actor {
        organization: organization.into(),
        operator: "admin".into(),
        channel: Channel::Soap,
        request_id: None,
    }
}

/// The actor that adds and removes operators and tokens.
pub fn by() -> Actor {
    actor(ORGANIZATION)
}

/// The time of these actions.
pub const NOW: Moment = Moment(5_000_000);

/// Adds an organization.
#[track_caller]
pub fn add_organization(store: &dyn Store, name: &str) {
    let organization = Organization {
        name: name.into(),
        created_at: Moment(1_000_000),
    };
    let added = store.add_organization(&organization, &actor(ORGANIZATION));
    assert_eq!(added, Ok(true), "{name}");
}

pub fn new_import() -> ImportId {
    ImportId(Uuid::now_v7())
}

pub fn record(import: ImportId) -> ImportRecord {
    ImportRecord {
        id: import,
        organization: ORGANIZATION.into(),
        domain: DOMAIN.into(),
        channel: Channel::Soap,
        operator: "admin".into(),
        file_name: "users.csv".into(),
        sha256: None,
        state: ImportState::Running,
        reason: None,
        counters: Counters::default(),
        options: ImportOptions::default(),
        key: None,
        active_at: Moment(1_000_000),
        header: Vec::new(),
        rows_sha256: None,
        stretch: None,
        may_grant_admin: false,
        request_id: None,
        default_password_note: None,
        findings: 0,
        warnings: 0,
        mended: 0,
        rejected: RejectedRows::default(),
        started_at: Moment(1_000_000),
        finished_at: None,
        default_password_hash: None,
    }
}

pub fn checked(line: u64, name: &str) -> CheckedUser<'_> {
    CheckedUser {
        line,
        name: UserName::parse(name, None).expect("a good name"),
        given_name: None,
        family_name: None,
        email: None,
        external_id: None,
        attributes: Vec::new(),
        cleared: Vec::new(),
        roles: "".into(),
        password: CheckedPassword::Default,
    }
}

pub fn batch_of(users: &[CheckedUser<'_>], hashes: &[&str]) -> NewUsers {
    let mut gathered = CheckedUsers::default();
    for user in users {
        gathered.push(user, None);
    }
    let (positions, _) = gathered.take_passwords();
    let hashes: Vec<String> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
    let mut users = NewUsers::default();
    gathered.move_into(&mut users, &positions, &hashes, Uuid::now_v7);
    users
}

/// Users who get the default password, given as line and name.
pub fn batch(rows: &[(u64, &str)]) -> NewUsers {
    let users: Vec<_> = rows
        .iter()
        .map(|(line, name)| checked(*line, name))
        .collect();
    batch_of(&users, &[])
}

/// A step in the middle of an import.
pub fn step(import: ImportId, users: NewUsers) -> ImportStep {
    ImportStep {
        import,
        organization: ORGANIZATION.into(),
        domain: DOMAIN.into(),
        begin: None,
        header: None,
        conflict: ConflictPolicy::Skip,
        password_right: PasswordRight::All,
        more_found: Found::default(),
        mended: 0,
        rejects: Vec::new(),
        packed: None,
        keep_rejects_bytes: 1_000_000,
        rows_sha256: None,
        stretch: None,
        users,
        counted: Counters::default(),
        findings: Vec::new(),
        keep_findings: 100,
        default_password_hash: None,
        finish: None,
        at: Moment(2_000_000),
        dry_run: false,
        count_kinds: false,
    }
}

/// The first step of an import.
pub fn first(import: ImportId, users: NewUsers) -> ImportStep {
    ImportStep {
        begin: Some(record(import)),
        ..step(import, users)
    }
}

pub fn completed() -> Option<Finish> {
    Some(Finish {
        state: ImportState::Completed,
        reason: None,
        sha256: Some("ab".repeat(32)),
        by: None,
    })
}

/// Submits a step and waits for it.
#[track_caller]
pub fn write(store: &dyn Store, step: ImportStep) -> Vec<Outcome> {
    let written = store.submit(step).wait().expect("the step is written");
    written.outcomes
}

pub fn record_of(store: &dyn Store, import: ImportId) -> ImportRecord {
    let found = store.import(ORGANIZATION, import).expect("the store works");
    found.expect("the import exists")
}

pub fn findings_of(store: &dyn Store, import: ImportId) -> Vec<Problem> {
    let found = store.findings(ORGANIZATION, import, 0, 1_000);
    found.expect("the store works")
}

/// Returns all rejected rows that are kept of an import, by line.
pub fn rejects_of(store: &dyn Store, organization: &str, import: ImportId) -> Vec<Reject> {
    let mut rows = Vec::new();
    let mut cursor = Some(RejectCursor::all());
    while let Some(from) = cursor {
        let page = store.rejects(organization, import, from, 1_000);
        let mut page = page.expect("the store works");
        rows.append(&mut page.rows);
        cursor = page.next;
    }
    rows
}

pub fn names(store: &dyn Store, organization: &str, domain: Option<&str>) -> Vec<String> {
    let users = store.users(organization, domain, None, 100_000);
    let users = users.expect("the store works");
    users.into_iter().map(|user| user.user_name).collect()
}

pub fn failed(line: u64) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        std::borrow::Cow::Borrowed("password"),
        "password-rule",
        "too short",
    )
}

#[test]
fn outcomes_follow_the_order_of_the_file_and_the_first_row_of_a_name_wins() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let rows = [(2, "zoe"), (3, "Adam"), (4, "ZOE"), (5, "bob"), (6, "adam")];
        let outcomes = write(store.as_ref(), first(import, batch(&rows)));
        let expected = [
            Outcome::Created,
            Outcome::Created,
            Outcome::Duplicate,
            Outcome::Created,
            Outcome::Duplicate,
        ];
        assert_eq!(outcomes, expected, "{name}");
        let outcomes = write(
            store.as_ref(),
            step(import, batch(&[(7, "Bob"), (8, "eve")])),
        );
        assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Created], "{name}");
        assert_eq!(
            names(store.as_ref(), ORGANIZATION, None),
            ["Adam", "bob", "eve", "zoe"],
            "{name}: as spelled in the first row, by key"
        );
    }
}

#[test]
fn duplicate_names_the_import_and_line_that_created_the_user() {
    for TestStore { name, store, .. } in every_store() {
        let (one, two) = (new_import(), new_import());
        write(store.as_ref(), first(one, batch(&[(2, "ann"), (9, "bob")])));
        let outcomes = write(
            store.as_ref(),
            first(two, batch(&[(2, "BOB"), (3, "carl")])),
        );
        assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Created], "{name}");
        let found = findings_of(store.as_ref(), two);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(
            found[0],
            Problem::duplicate(
                2,
                "BOB",
                &Owner {
                    import: Some(one),
                    line: Some(9)
                },
                two
            ),
            "{name}"
        );
        assert_eq!(found[0].code, "duplicate-in-store", "{name}");
        let bob = store.user(ORGANIZATION, DOMAIN, "bob").expect("works");
        assert_eq!(bob.expect("bob").created_by, Some(one), "{name}");
    }
}

#[test]
fn user_is_returned_as_it_was_written() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let full = CheckedUser {
            given_name: Some("Zoë"),
            family_name: Some("O'Neil"),
            email: Some("zoe@example.com"),
            attributes: vec![("country", "FR"), ("title", "\"Dr\"\n")],
            roles: "admin\nInternal/everyone".into(),
            password: CheckedPassword::Own("x", Fitness::Permanent),
            ..checked(2, "Zoë")
        };
        let bare = checked(3, "bare");
        write(
            store.as_ref(),
            first(import, batch_of(&[full, bare], &["$own$"])),
        );
        let zoe = store
            .user(ORGANIZATION, DOMAIN, "ZOE\u{308}")
            .expect("works");
        let mut zoe = zoe.unwrap_or_else(|| panic!("{name}: found in any case and form"));
        assert_eq!(zoe.id.get_version_num(), 7, "{name}");
        zoe.roles.sort();
        let seen = serde_json::to_value(&zoe).expect("JSON");
        let expected = serde_json::json!({
            "id": zoe.id.to_string(),
            "userName": "Zoë",
            "domain": DOMAIN,
            "organization": ORGANIZATION,
            "givenName": "Zoë",
            "familyName": "O'Neil",
            "email": "zoe@example.com",
            "attributes": {"country": "FR", "title": "\"Dr\"\n"},
            "hasPassword": true,
            "mustChangePassword": false,
            "passwordSetAt": "1970-01-01T00:00:02.000Z",
            "createdBy": import.to_string(),
            "createdAt": "1970-01-01T00:00:02.000Z",
            "roles": ["Internal/everyone", "admin"],
        });
        assert_eq!(seen, expected, "{name}");
        let bare = store.user(ORGANIZATION, DOMAIN, "bare").expect("works");
        let bare = bare.expect("there");
        assert_eq!((bare.given_name, bare.email), (None, None), "{name}");
        assert!(
            bare.attributes.is_empty() && bare.roles.is_empty(),
            "{name}"
        );
        assert!(bare.must_change_password, "{name}");
        let unknown = store.user(ORGANIZATION, DOMAIN, "nobody").expect("works");
        assert_eq!(unknown, None, "{name}");
    }
}

#[test]
fn import_record_is_exact_after_every_step() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let mut begin = first(import, batch(&[(2, "ann"), (4, "Ann"), (5, "bob")]));
        begin.counted = Counters {
            total: 2,
            failed: 1,
            skipped: 1,
            ..Counters::default()
        };
        begin.findings = vec![failed(3)];
        write(store.as_ref(), begin);
        let seen = record_of(store.as_ref(), import);
        assert_eq!(seen.state, ImportState::Running, "{name}");
        assert_eq!(
            seen.counters,
            Counters {
                total: 5,
                created: 2,
                duplicate: 1,
                failed: 1,
                skipped: 1,
                ..Counters::default()
            },
            "{name}"
        );
        assert_eq!((seen.findings, seen.finished_at), (2, None), "{name}");

        let mut last = step(import, batch(&[(9, "BOB"), (10, "carl")]));
        last.counted = Counters {
            total: 1,
            failed: 1,
            ..Counters::default()
        };
        last.findings = vec![failed(8)];
        last.finish = completed();
        last.at = Moment(5_000_000);
        write(store.as_ref(), last);
        let seen = record_of(store.as_ref(), import);
        let expected = ImportRecord {
            state: ImportState::Completed,
            sha256: Some("ab".repeat(32)),
            counters: Counters {
                total: 8,
                created: 3,
                duplicate: 2,
                failed: 2,
                skipped: 1,
                ..Counters::default()
            },
            findings: 4,
            active_at: Moment(5_000_000),
            finished_at: Some(Moment(5_000_000)),
            ..record(import)
        };
        assert_eq!(seen, expected, "{name}");
        let found = findings_of(store.as_ref(), import);
        let found: Vec<_> = found.iter().map(|f| (f.line, f.code.as_ref())).collect();
        let expected = [
            (3, "password-rule"),
            (4, "duplicate-in-file"),
            (8, "password-rule"),
            (9, "duplicate-in-file"),
        ];
        assert_eq!(found, expected, "{name}: by line within a step");
        let page = store.findings(ORGANIZATION, import, 1, 2).expect("works");
        let page: Vec<_> = page.iter().map(|finding| finding.line).collect();
        assert_eq!(page, [4, 8], "{name}: a page");
    }
}

#[test]
fn mended_cells_are_counted_with_their_rows_and_audited_at_the_end() {
    for TestStore { name, store, .. } in every_store() {
        let mended = |step: ImportStep, mended| ImportStep { mended, ..step };
        let import = new_import();
        let begin = first(import, batch(&[(2, "ann")]));
        write(store.as_ref(), mended(begin, 2));
        write(
            store.as_ref(),
            mended(step(import, batch(&[(3, "bob")])), 0),
        );
        let seen = record_of(store.as_ref(), import);
        assert_eq!(seen.mended, 2, "{name}: {seen:?}");
        let mut last = mended(step(import, NewUsers::default()), 1);
        last.finish = completed();
        write(store.as_ref(), last);
        let seen = record_of(store.as_ref(), import);
        assert_eq!(seen.mended, 3, "{name}");
        assert_eq!(serde_json::to_value(&seen).unwrap()["mended"], 3, "{name}");
        let ends = |import| {
            let entries = store.audit(ORGANIZATION, None, 100).expect("works");
            let of_it = entries.into_iter().filter(|it| it.import == Some(import));
            let of_it: Vec<_> = of_it.collect();
            let found = store.audit_of_import(ORGANIZATION, import, 100);
            assert_eq!(found, Ok(of_it.clone()), "{name}");
            let newest = store.audit_of_import(ORGANIZATION, import, 1);
            assert_eq!(newest.expect("works").as_slice(), &of_it[..1], "{name}");
            let elsewhere = store.audit_of_import("elsewhere", import, 100);
            assert_eq!(elsewhere, Ok(Vec::new()), "{name}");
            of_it
                .into_iter()
                .find(|it| it.action == "import.end")
                .expect("ended")
        };
        assert_eq!(ends(import).details["mended"], 3, "{name}");

        let plain = new_import();
        let mut only = first(plain, batch(&[(2, "cleo")]));
        only.finish = completed();
        write(store.as_ref(), only);
        let seen = record_of(store.as_ref(), plain);
        assert_eq!(seen.mended, 0, "{name}");
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json.get("mended"), None, "{name}: only if there are some");
        assert_eq!(ends(plain).details.get("mended"), None, "{name}");
    }
}

#[test]
fn findings_over_the_limit_are_counted_but_not_kept() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let with_findings = |mut step: ImportStep, lines: std::ops::Range<u64>| {
            let count = lines.end - lines.start;
            step.counted.total = count;
            step.counted.failed = count;
            step.findings = lines.map(failed).collect();
            step.keep_findings = 4;
            step
        };
        let begin = first(import, NewUsers::default());
        write(store.as_ref(), with_findings(begin, 2..5));
        let users = batch(&[(8, "ann"), (9, "ANN")]);
        write(store.as_ref(), with_findings(step(import, users), 5..8));
        let more = step(import, NewUsers::default());
        write(store.as_ref(), with_findings(more, 10..13));
        let seen = record_of(store.as_ref(), import);
        assert_eq!(seen.findings, 10, "{name}");
        assert_eq!(
            (seen.counters.total, seen.counters.failed),
            (11, 9),
            "{name}"
        );
        let kept = findings_of(store.as_ref(), import);
        let kept: Vec<_> = kept.iter().map(|finding| finding.line).collect();
        assert_eq!(kept, [2, 3, 4, 5], "{name}");
    }
}

#[test]
fn import_can_begin_and_end_in_one_step() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let mut only = first(import, batch(&[(2, "ann")]));
        only.finish = completed();
        assert_eq!(write(store.as_ref(), only), [Outcome::Created], "{name}");
        let seen = record_of(store.as_ref(), import);
        assert_eq!(seen.state, ImportState::Completed, "{name}");
        assert_eq!(seen.counters.created, 1, "{name}");

        let empty = new_import();
        let mut only = first(empty, NewUsers::default());
        only.finish = Some(Finish {
            state: ImportState::Failed,
            reason: Some("The file is empty.".into()),
            sha256: None,
            by: None,
        });
        assert!(write(store.as_ref(), only).is_empty(), "{name}");
        let seen = record_of(store.as_ref(), empty);
        assert_eq!(seen.state, ImportState::Failed, "{name}");
        assert_eq!(seen.reason.as_deref(), Some("The file is empty."), "{name}");
        let newest = store.imports(ORGANIZATION, 10).expect("works");
        let newest: Vec<_> = newest.iter().map(|record| record.id).collect();
        assert_eq!(newest, [empty, import], "{name}: newest first");
        let newest = store.imports(ORGANIZATION, 1).expect("works");
        assert_eq!(newest.len(), 1, "{name}");
    }
}

#[test]
fn failed_step_writes_nothing_and_does_not_affect_others() {
    for TestStore { name, store, .. } in every_store() {
        let (unknown, good) = (new_import(), new_import());
        let lost = store.submit(step(unknown, batch(&[(2, "ann")])));
        let kept = store.submit(first(good, batch(&[(2, "bob")])));
        assert!(lost.wait().is_err(), "{name}: the import never began");
        assert!(kept.wait().is_ok(), "{name}");
        assert_eq!(names(store.as_ref(), ORGANIZATION, None), ["bob"], "{name}");
        let record = store.import(ORGANIZATION, unknown).expect("works");
        assert_eq!(record, None, "{name}");
    }
}

#[test]
fn dry_run_writes_nothing_and_finds_every_duplicate() {
    for TestStore { name, store, .. } in every_store() {
        let (real, dry) = (new_import(), new_import());
        write(store.as_ref(), first(real, batch(&[(2, "ann")])));
        let rehearse = |step: ImportStep| {
            let step = ImportStep {
                dry_run: true,
                ..step
            };
            store.submit(step).wait().expect("the dry run succeeds")
        };
        let duplicate = |line, user_name, (import, first)| {
            let owner = Owner {
                import: Some(import),
                line: Some(first),
            };
            Problem::duplicate(line, user_name, &owner, dry)
        };
        let rows = [(2, "bob"), (3, "ANN"), (4, "Bob")];
        let seen = rehearse(first(dry, batch(&rows)));
        assert_eq!(
            seen.outcomes,
            [Outcome::Created, Outcome::Duplicate, Outcome::Duplicate],
            "{name}: in the store and in the batch"
        );
        assert_eq!(
            seen.tally.findings,
            [
                duplicate(3, "ANN", (real, 2)),
                duplicate(4, "Bob", (dry, 2))
            ],
            "{name}"
        );
        let mut last = step(dry, batch(&[(5, "carl"), (6, "bob")]));
        last.default_password_hash = Some("$never$".into());
        last.counted.total = 1;
        last.findings = vec![failed(7)];
        last.finish = completed();
        let seen = rehearse(last);
        assert_eq!(
            seen.outcomes,
            [Outcome::Created, Outcome::Duplicate],
            "{name}: in an earlier step"
        );
        assert_eq!(
            seen.tally.findings,
            [duplicate(6, "bob", (dry, 2)), failed(7)],
            "{name}"
        );
        assert_eq!(names(store.as_ref(), ORGANIZATION, None), ["ann"], "{name}");
        let imports = store.imports(ORGANIZATION, 10).expect("works");
        assert_eq!(imports.len(), 1, "{name}: no record of it");
        assert!(findings_of(store.as_ref(), dry).is_empty(), "{name}");
        let again = rehearse(first(new_import(), batch(&[(2, "bob"), (3, "carl")])));
        assert_eq!(
            again.outcomes,
            [Outcome::Created; 2],
            "{name}: it leaves nothing"
        );
        let outcomes = write(store.as_ref(), first(new_import(), batch(&[(2, "bob")])));
        assert_eq!(outcomes, [Outcome::Created], "{name}");
    }
}

fn all_resources() -> ResourceQuery<'static> {
    ResourceQuery {
        limit: 100,
        ..ResourceQuery::default()
    }
}

#[test]
fn user_has_its_own_password_or_the_default_one_of_its_import() {
    for TestStore { name, store, .. } in every_store() {
        let (one, two) = (new_import(), new_import());
        let own = CheckedUser {
            password: CheckedPassword::Own("x", Fitness::InitialOnly),
            ..checked(3, "own")
        };
        let users = batch_of(&[checked(2, "early"), own], &["$own$"]);
        let mut begin = first(one, users);
        begin.default_password_hash = Some("$first$".into());
        write(store.as_ref(), begin);
        // The hash came with the first step; later steps do not repeat it.
        write(store.as_ref(), step(one, batch(&[(4, "late")])));
        // An import whose second batch is the first to need the default password.
        write(store.as_ref(), first(two, NewUsers::default()));
        let mut later = step(two, batch(&[(2, "other"), (3, "EARLY")]));
        later.default_password_hash = Some("$second$".into());
        write(store.as_ref(), later);

        let hash = |user: &str| {
            let found = store.password(ORGANIZATION, DOMAIN, user);
            found.expect("the store works").map(|found| found.hash)
        };
        assert_eq!(hash("EARLY").as_deref(), Some("$first$"), "{name}");
        assert_eq!(hash("late").as_deref(), Some("$first$"), "{name}");
        assert_eq!(hash("own").as_deref(), Some("$own$"), "{name}");
        assert_eq!(hash("other").as_deref(), Some("$second$"), "{name}");
        assert_eq!(hash("nobody"), None, "{name}");
        let own = store.user(ORGANIZATION, DOMAIN, "own").expect("works");
        assert!(own.expect("own").must_change_password, "{name}");
        let all = store
            .find_users(ORGANIZATION, &all_resources())
            .expect("works");
        assert_eq!(all.total, 4, "{name}");
        assert!(
            all.resources.iter().all(|user| user.user.has_password),
            "{name}"
        );
    }
}

#[test]
fn pages_of_users_join_without_a_gap() {
    for TestStore { name, store, .. } in every_store() {
        let rows: Vec<(u64, String)> = (0..25).map(|n| (n + 2, format!("User{n:02}"))).collect();
        let rows: Vec<(u64, &str)> = rows.iter().map(|(l, n)| (*l, n.as_str())).collect();
        write(store.as_ref(), first(new_import(), batch(&rows)));
        let sales = new_import();
        let mut in_sales = first(sales, batch(&[(2, "user00"), (3, "zed")]));
        in_sales.domain = "SALES".into();
        write(store.as_ref(), in_sales);

        let mut seen = Vec::new();
        let mut after: Option<UserCursor> = None;
        loop {
            let page = store.users(ORGANIZATION, None, after.as_ref(), 10);
            let page = page.expect("the store works");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 10, "{name}");
            after = Some(UserCursor {
                domain: last.domain.clone(),
                key: lookup_key(&last.user_name),
            });
            seen.extend(
                page.into_iter()
                    .map(|u| (u.domain, lookup_key(&u.user_name))),
            );
        }
        assert_eq!(seen.len(), 27, "{name}");
        assert!(seen.is_sorted(), "{name}: by domain and key");
        assert_eq!(seen[25], ("SALES".into(), "user00".into()), "{name}");
        let cursor = UserCursor {
            domain: DOMAIN.into(),
            key: "user23".into(),
        };
        let rest = store.users(ORGANIZATION, Some(DOMAIN), Some(&cursor), 10);
        let rest = rest.expect("the store works");
        assert_eq!(rest.len(), 1, "{name}: after the cursor, in that domain");
    }
}

#[test]
fn domains_and_organizations_are_separate() {
    for TestStore { name, store, .. } in every_store() {
        add_organization(store.as_ref(), "acme");
        let places = [
            ("default", "PRIMARY"),
            ("default", "SALES"),
            ("acme", "PRIMARY"),
        ];
        let mut imports = Vec::new();
        for (organization, domain) in places {
            let import = new_import();
            let mut only = first(import, batch(&[(2, "ann"), (3, domain)]));
            only.organization = organization.into();
            only.domain = domain.into();
            only.begin = Some(ImportRecord {
                organization: organization.into(),
                domain: domain.into(),
                ..record(import)
            });
            only.counted = Counters {
                total: 1,
                failed: 1,
                ..Counters::default()
            };
            only.findings = vec![failed(4)];
            only.default_password_hash = Some(format!("${organization}{domain}$"));
            let outcomes = write(store.as_ref(), only);
            assert_eq!(outcomes, [Outcome::Created; 2], "{name}");
            imports.push(import);
        }
        assert_eq!(names(store.as_ref(), "default", None).len(), 4, "{name}");
        assert_eq!(
            names(store.as_ref(), "acme", None),
            ["ann", "PRIMARY"],
            "{name}"
        );
        let sales = names(store.as_ref(), "default", Some("SALES"));
        assert_eq!(sales, ["ann", "SALES"], "{name}");
        let hash = store
            .password("acme", "PRIMARY", "ann")
            .expect("works")
            .expect("there");
        assert_eq!(hash.hash, "$acmePRIMARY$", "{name}");
        assert_eq!(store.user("acme", "SALES", "ann").expect("works"), None);
        assert_eq!(store.import("acme", imports[0]).expect("works"), None);
        assert!(store.import("acme", imports[2]).expect("works").is_some());
        let foreign = store.findings("acme", imports[0], 0, 10).expect("works");
        assert!(foreign.is_empty(), "{name}");
        assert_eq!(store.imports("acme", 10).expect("works").len(), 1, "{name}");
        assert_eq!(
            store.imports("default", 10).expect("works").len(),
            2,
            "{name}"
        );
        assert!(store.imports("nobody", 10).expect("works").is_empty());
    }
}

#[test]
fn assignable_roles_depend_on_the_domain() {
    for TestStore { name, store, .. } in every_store() {
        let roles = |domain| {
            let mut roles = store.roles(ORGANIZATION, domain).expect("works");
            roles.sort();
            roles
        };
        assert_eq!(roles("PRIMARY"), ["Internal/everyone", "admin"], "{name}");
        assert_eq!(roles("SALES"), ["Internal/everyone"], "{name}");
        store.ready().expect("a store open for writing is ready");
    }
}

#[test]
fn operators_are_added_changed_and_removed_by_name_in_any_case() {
    for TestStore { name, store, .. } in every_store() {
        add_organization(store.as_ref(), "acme");
        let operator = |name: &str, role| Operator {
            name: name.into(),
            role,
            organization: None,
            password_hash: "$one$".into(),
            created_at: Moment(1_000_000),
        };
        let ops = operator("Ops", Role::Import);
        let zoe = Operator {
            organization: Some("acme".into()),
            ..operator("Zoë", Role::Read)
        };
        assert!(store.operators().expect("works").is_empty(), "{name}");
        assert_eq!(
            store.add_operator(&zoe, &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.add_operator(&ops, &crate::stores::by()),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.add_operator(&operator("oPS", Role::Admin), &crate::stores::by()),
            Ok(false),
            "{name}: the name is taken, and nothing changes"
        );
        assert_eq!(store.operator("OPS"), Ok(Some(ops.clone())), "{name}");
        assert_eq!(
            store.operator("ZOE\u{308}"),
            Ok(Some(zoe.clone())),
            "{name}"
        );
        assert_eq!(store.operators(), Ok(vec![ops, zoe]), "{name}: by name");
        assert_eq!(
            store.set_operator_password("OPS", "$two$", &crate::stores::by(), crate::stores::NOW),
            Ok(true)
        );
        assert_eq!(
            store.set_operator_password(
                "nobody",
                "$two$",
                &crate::stores::by(),
                crate::stores::NOW
            ),
            Ok(false)
        );
        let changed = store.operator("Ops").expect("works").expect("there");
        assert_eq!(changed.password_hash, "$two$", "{name}");
        assert_eq!(changed.role, Role::Import, "{name}");
        assert_eq!(
            store.remove_operator("zOË", &crate::stores::by(), crate::stores::NOW),
            Ok(true),
            "{name}"
        );
        assert_eq!(
            store.remove_operator("zoë", &crate::stores::by(), crate::stores::NOW),
            Ok(false),
            "{name}"
        );
        assert_eq!(store.operator("zoë"), Ok(None), "{name}");
        assert_eq!(store.operators().expect("works").len(), 1, "{name}");
    }
}

#[test]
fn abandoned_imports_are_closed_and_finished_ones_unchanged() {
    for TestStore { name, store, .. } in every_store() {
        let (running, done) = (new_import(), new_import());
        write(store.as_ref(), first(running, batch(&[(2, "ann")])));
        let mut only = first(done, batch(&[(2, "bob")]));
        only.finish = completed();
        write(store.as_ref(), only);
        let done_before = record_of(store.as_ref(), done);
        assert_eq!(store.close_abandoned(Moment(9_000_000)), Ok(1), "{name}");
        assert_eq!(store.close_abandoned(Moment(9_500_000)), Ok(0), "{name}");
        let closed = record_of(store.as_ref(), running);
        assert_eq!(closed.state, ImportState::Interrupted, "{name}");
        assert_eq!(closed.finished_at, Some(Moment(9_000_000)), "{name}");
        assert_eq!(closed.counters.created, 1, "{name}");
        assert!(
            closed
                .reason
                .is_some_and(|reason| reason.contains("send the file again")),
            "{name}: the reason says what to do"
        );
        assert_eq!(record_of(store.as_ref(), done), done_before, "{name}");
    }
}

#[test]
fn concurrent_imports_create_each_name_once() {
    const THREADS: u64 = 16;
    const BATCHES: u64 = 5;
    const ROWS: u64 = 40;
    const NAMES: u64 = 300;
    for TestStore { name, store, .. } in every_store() {
        let run = |thread: u64| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                let import = new_import();
                let mut pending = Vec::new();
                for number in 0..BATCHES {
                    let rows: Vec<(u64, String)> = (0..ROWS)
                        .map(|row| {
                            let line = number * ROWS + row + 2;
                            (line, format!("name{:03}", (line * 7 + thread * 13) % NAMES))
                        })
                        .collect();
                    let rows: Vec<_> = rows.iter().map(|(l, n)| (*l, n.as_str())).collect();
                    let mut next = step(import, batch(&rows));
                    next.keep_findings = 10_000;
                    if number == 0 {
                        next.begin = Some(record(import));
                    }
                    if number + 1 == BATCHES {
                        next.finish = completed();
                    }
                    // Two pending steps at a time, as an import has them.
                    pending.push(store.submit(next));
                    if pending.len() == 2 {
                        pending.remove(0).wait().expect("the step is written");
                    }
                }
                for rest in pending {
                    rest.wait().expect("the step is written");
                }
                import
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        let imports: Vec<ImportId> = threads
            .into_iter()
            .map(|thread| thread.join().expect("the thread does not panic"))
            .collect();
        let users = store
            .users(ORGANIZATION, None, None, 10_000)
            .expect("works");
        assert_eq!(users.len() as u64, NAMES, "{name}: each name once");
        let mut made: BTreeMap<ImportId, u64> = BTreeMap::new();
        for user in &users {
            *made.entry(user.created_by.expect("an import")).or_default() += 1;
        }
        for import in imports {
            let seen = record_of(store.as_ref(), import);
            let created = made.get(&import).copied().unwrap_or_default();
            assert_eq!(seen.state, ImportState::Completed, "{name}");
            assert_eq!(seen.counters.total, BATCHES * ROWS, "{name}");
            assert_eq!(seen.counters.created, created, "{name}");
            assert_eq!(seen.counters.duplicate, seen.findings, "{name}");
            assert_eq!(created + seen.counters.duplicate, BATCHES * ROWS, "{name}");
        }
    }
}

#[test]
fn sqlite_store_opened_beside_the_writer_reads_and_writes_operators_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings {
        data: folder.path().into(),
        ..Settings::default()
    };
    let missing = stores::open(&settings, Access::Beside).expect_err("the store does not exist");
    assert!(missing.to_string().contains("there is no store at"));
    let writer = stores::open(&settings, Access::Write).expect("a fresh store");
    let beside = stores::open(&settings, Access::Beside).expect("a second process");
    let import = new_import();
    write(writer.as_ref(), first(import, batch(&[(2, "ann")])));
    assert_eq!(names(beside.as_ref(), ORGANIZATION, None), ["ann"]);
    assert!(
        beside
            .submit(first(new_import(), batch(&[(2, "bob")])))
            .wait()
            .is_err()
    );
    assert!(beside.ready().is_err() && beside.close_abandoned(Moment(1)).is_err());
    let ops = Operator {
        name: "ops".into(),
        role: Role::Read,
        organization: None,
        password_hash: "$one$".into(),
        created_at: Moment(1),
    };
    assert_eq!(beside.add_operator(&ops, &crate::stores::by()), Ok(true));
    assert_eq!(
        writer.operator("ops"),
        Ok(Some(ops)),
        "the writer sees it at once"
    );
    drop((writer, beside));
    let again = stores::open(&settings, Access::Write).expect("the store opens again");
    assert_eq!(names(again.as_ref(), ORGANIZATION, None), ["ann"]);
}

#[test]
fn unknown_kind_of_store_is_refused_by_name() {
    let settings = Settings {
        url: "ldap://example.com".into(),
        ..Settings::default()
    };
    let refused = stores::open(&settings, Access::Write).expect_err("an unknown kind of store");
    let text = refused.to_string();
    assert!(text.contains("ldap") && text.contains("sqlite"), "{text}");
}

#[test]
fn names_are_found_by_wildcard_within_their_domain() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let rows = [(2, "Zoë"), (3, "bulkUser1"), (4, "bulkUser2"), (5, "alice")];
        write(store.as_ref(), first(import, batch(&rows)));
        let other = new_import();
        let mut elsewhere = first(other, batch(&[(2, "bulkUser9")]));
        elsewhere.domain = "SALES".into();
        if let Some(record) = &mut elsewhere.begin {
            record.domain = "SALES".into();
        }
        write(store.as_ref(), elsewhere);
        let names = |domain, pattern, limit| {
            store
                .user_names(ORGANIZATION, domain, &NamePattern::new(pattern), limit)
                .expect("works")
        };
        assert_eq!(
            names(DOMAIN, "bulkuser*", 10),
            ["bulkUser1", "bulkUser2"],
            "{name}"
        );
        assert_eq!(names(DOMAIN, "*", 2), ["alice", "bulkUser1"], "{name}");
        assert_eq!(names(DOMAIN, "z?Ë", 10), ["Zoë"], "{name}");
        assert_eq!(names(DOMAIN, "*2", 10), ["bulkUser2"], "{name}");
        assert_eq!(names("SALES", "*", 10), ["bulkUser9"], "{name}");
        let of_acme = store.user_names("acme", DOMAIN, &NamePattern::new("*"), 10);
        assert!(of_acme.expect("works").is_empty(), "{name}");
    }
}

#[test]
fn deleted_user_is_removed_with_every_membership() {
    for TestStore { name, store, .. } in every_store() {
        let alice = || CheckedUser {
            roles: "admin".into(),
            ..checked(2, "alice")
        };
        write(
            store.as_ref(),
            first(new_import(), batch_of(&[alice()], &[])),
        );
        let delete = |organization, who| {
            store
                .delete_user(&actor(organization), DOMAIN, who, Moment(3))
                .expect("works")
        };
        assert!(
            !delete("acme", "alice"),
            "{name}: not another organization's"
        );
        assert!(delete(ORGANIZATION, "ALICE"), "{name}");
        assert!(!delete(ORGANIZATION, "alice"), "{name}");
        write(store.as_ref(), first(new_import(), batch(&[(2, "alice")])));
        let again = store
            .user(ORGANIZATION, DOMAIN, "alice")
            .expect("works")
            .expect("there");
        assert!(again.roles.is_empty(), "{name}: {:?}", again.roles);
    }
}

#[test]
fn new_password_replaces_the_default_one() {
    for TestStore { name, store, .. } in every_store() {
        let import = new_import();
        let mut step = first(import, batch(&[(2, "alice")]));
        step.default_password_hash = Some("$default$".into());
        write(store.as_ref(), step);
        let password = NewPassword {
            hash: "$own$".into(),
            must_change: false,
            set_at: Moment(7_000_000),
            replacing: None,
            by: Some(actor(ORGANIZATION)),
        };
        let set = |who| {
            store
                .set_password(ORGANIZATION, DOMAIN, who, &password)
                .expect("works")
        };
        assert!(set("Alice"), "{name}");
        assert!(!set("nobody"), "{name}");
        let hash = store
            .password(ORGANIZATION, DOMAIN, "alice")
            .expect("works")
            .expect("there");
        assert_eq!(hash.hash, "$own$", "{name}");
        assert_eq!((hash.must_change, hash.set_at), (false, Moment(7_000_000)));
        let alice = store
            .user(ORGANIZATION, DOMAIN, "alice")
            .expect("works")
            .expect("there");
        assert!(!alice.must_change_password, "{name}");
        assert_eq!(alice.password_set_at, Moment(7_000_000), "{name}");
    }
}

#[test]
fn password_is_replaced_only_if_it_is_still_the_one_seen() {
    for TestStore { name, store, .. } in every_store() {
        let imported = CheckedUser {
            password: CheckedPassword::Hashed("{SSHA}x"),
            ..checked(3, "bob")
        };
        let mut step = first(new_import(), batch_of(&[checked(2, "ann"), imported], &[]));
        step.default_password_hash = Some("$default$".into());
        write(store.as_ref(), step);
        let set = |who, seen: &str, hash: &str| {
            let password = NewPassword {
                hash: hash.into(),
                must_change: false,
                set_at: Moment(7_000_000),
                replacing: Some(seen.into()),
                by: Some(actor(ORGANIZATION)),
            };
            let set = store.set_password(ORGANIZATION, DOMAIN, who, &password);
            set.expect("works")
        };
        let hash = |who| {
            let found = store.password(ORGANIZATION, DOMAIN, who).expect("works");
            found.expect("there").hash
        };
        assert!(!set("bob", "{SSHA}y", "$no$"), "{name}");
        assert_eq!(hash("bob"), "{SSHA}x", "{name}: stored unchanged");
        assert!(set("BOB", "{SSHA}x", "$yes$"), "{name}");
        assert!(!set("bob", "{SSHA}x", "$late$"), "{name}");
        assert_eq!(hash("bob"), "$yes$", "{name}");
        assert!(!set("ann", "$other$", "$no$"), "{name}");
        assert!(
            set("ann", "$default$", "$own$"),
            "{name}: the password of the import counts"
        );
        assert_eq!(hash("ann"), "$own$", "{name}");
        assert!(!set("nobody", "$own$", "$no$"), "{name}");
    }
}

#[test]
fn initial_passwords_are_listed_by_age_and_in_pages() {
    for TestStore { name, store, .. } in every_store() {
        let stays = CheckedUser {
            password: CheckedPassword::Own("x", Fitness::Permanent),
            ..checked(2, "anna")
        };
        let rows = [
            checked(3, "zoe"),
            checked(4, "bob"),
            stays,
            checked(5, "carl"),
        ];
        let mut old = first(new_import(), batch_of(&rows, &["$own$"]));
        old.default_password_hash = Some("$default$".into());
        write(store.as_ref(), old);
        let mut new = first(new_import(), batch(&[(2, "dora")]));
        new.at = Moment(3_000_000);
        write(store.as_ref(), new);
        let mut elsewhere = first(new_import(), batch(&[(2, "eve")]));
        elsewhere.domain = "SALES".into();
        write(store.as_ref(), elsewhere);
        let again = NewPassword {
            hash: "$again$".into(),
            must_change: true,
            set_at: Moment(4_000_000),
            replacing: None,
            by: Some(actor(ORGANIZATION)),
        };
        let set = store.set_password(ORGANIZATION, DOMAIN, "carl", &again);
        assert!(set.expect("works"), "{name}");
        let list = |domain, before: Option<i64>, after: Option<&UserCursor>, limit| {
            let before = before.map(Moment);
            let found = store.initial_passwords(ORGANIZATION, domain, before, after, limit);
            let names = found.expect("works").into_iter().map(|user| user.user_name);
            names.collect::<Vec<_>>()
        };
        let all = ["bob", "carl", "dora", "zoe", "eve"];
        assert_eq!(list(None, None, None, 10), all, "{name}");
        assert_eq!(list(Some("SALES"), None, None, 10), ["eve"], "{name}");
        let old = list(Some(DOMAIN), Some(3_000_000), None, 10);
        assert_eq!(old, ["bob", "zoe"], "{name}");
        let cursor = UserCursor {
            domain: DOMAIN.into(),
            key: "bob".into(),
        };
        assert_eq!(
            list(None, None, Some(&cursor), 2),
            ["carl", "dora"],
            "{name}"
        );
        let others = store.initial_passwords("acme", None, None, None, 10);
        assert!(others.expect("works").is_empty(), "{name}");
    }
}

#[test]
fn role_is_created_with_all_its_members_or_not_at_all() {
    for TestStore { name, store, .. } in every_store() {
        write(store.as_ref(), first(new_import(), batch(&[(2, "alice")])));
        let role = |role: &str, members: &[&str]| NewRole {
            organization: ORGANIZATION.into(),
            domain: DOMAIN.into(),
            name: role.into(),
            members: members
                .iter()
                .map(|who| (DOMAIN.to_owned(), (*who).to_owned()))
                .collect(),
            permissions: vec!["/permission/admin/login".into()],
            by: actor(ORGANIZATION),
            at: Moment(3),
        };
        let add = |wanted: NewRole| store.add_role(&wanted).expect("works");
        let missing = add(role("Sales", &["alice", "nobody"]));
        assert_eq!(missing, RoleAdded::NoSuchUser("nobody".into()), "{name}");
        let roles = || store.roles(ORGANIZATION, DOMAIN).expect("works");
        assert_eq!(roles().len(), 2, "{name}");
        assert_eq!(add(role("Sales", &["ALICE"])), RoleAdded::Added, "{name}");
        assert_eq!(add(role("sales", &[])), RoleAdded::Taken, "{name}");
        assert!(roles().contains(&"Sales".to_owned()), "{name}");
        let alice = store
            .user(ORGANIZATION, DOMAIN, "alice")
            .expect("works")
            .expect("there");
        assert_eq!(alice.roles, ["Sales"], "{name}");
        let elsewhere = store.roles(ORGANIZATION, "SALES").expect("works");
        assert_eq!(elsewhere, ["Internal/everyone"], "{name}");
    }
}

#[test]
fn cancel_request_reaches_the_running_import() {
    for TestStore { name, store, .. } in every_store() {
        let (import, by) = (new_import(), actor(ORGANIZATION));
        let request_cancel = |at| store.request_cancel(ORGANIZATION, import, &by, Moment(at));
        let beat = |at| store.still_running(ORGANIZATION, import, Moment(at));
        assert_eq!(
            request_cancel(1),
            Ok(false),
            "{name}: the import does not exist"
        );
        let begin = ImportStep {
            begin: Some(record(import)),
            ..step(import, batch(&[(2, "ann")]))
        };
        write(store.as_ref(), begin);
        assert_eq!(beat(2), Ok(false), "{name}");
        assert_eq!(request_cancel(3), Ok(true), "{name}");
        assert_eq!(beat(4), Ok(true), "{name}");
        assert_eq!(store.close_abandoned(Moment(5)), Ok(1), "{name}");
        assert_eq!(beat(6), Ok(false), "{name}: it is not running");
        assert_eq!(request_cancel(7), Ok(false), "{name}: it is not running");
        let taken = store.claim(ORGANIZATION, import, Moment(8));
        assert!(taken.expect("the store works").is_some(), "{name}");
        assert_eq!(
            beat(9),
            Ok(false),
            "{name}: the request concerned the earlier run"
        );
        let audit = store.audit(ORGANIZATION, None, 1).expect("the store works");
        assert_eq!(audit[0].action, "import.cancel", "{name}");
    }
}

//! What a page needs before an import: how the beginning of a file is read, with options that can be changed until
//! it is read correctly.

use muster::access::gate::Caller;
use muster::app::App;
use muster::clock::Clock;
use muster::import::job_error::JobError;
use muster::import::report::Report;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::options::{ConflictPolicy, ImportOptions};
use muster::users::store::NewRole;

use crate::jobs::{folder, new_app, ran, request};

/// Imports `file` with these options; `change` changes the request further.
fn import(app: &App, file: &[u8], options: ImportOptions) -> Result<Report, JobError> {
    let mut wanted = request(app, None);
    wanted.options = options;
    app.jobs.run(wanted, file).map(|ended| ran(Ok(ended)))
}

fn family_name(app: &App, name: &str) -> Option<String> {
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 100);
    let mut users = users.expect("the store works").into_iter();
    users.find(|user| user.user_name == name)?.family_name
}

fn roles(app: &App, name: &str) -> Vec<String> {
    let users = app.store.users(DEFAULT_ORGANIZATION, None, None, 100);
    let mut users = users.expect("the store works").into_iter();
    let found = users.find(|user| user.user_name == name);
    let mut roles = found.expect("the user exists").roles;
    roles.sort();
    roles
}

#[test]
fn charset_and_delimiter_can_be_forced_for_one_import() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    // By itself, the file is read as windows-1252 with commas.
    let file = b"username;familyname,x\nkim;M\x81ller\n";
    let options = ImportOptions {
        forced_charset: Some("cp850".into()),
        delimiter: Some(";".into()),
        ..ImportOptions::default()
    };
    let mut mapped = options.clone();
    mapped.map.add("familyname,x=familyname").unwrap();
    let report = import(&app, file, mapped.clone()).expect("the file is read");
    assert_eq!(report.counters.created, 1, "{report:?}");
    assert_eq!(family_name(&app, "kim").as_deref(), Some("M\u{fc}ller"));
    assert_eq!(report.options, mapped, "the report has the options");
    let read = report.file.expect("the file was opened").to_string();
    assert_eq!(read, "csv, IBM850 (set), semicolons");
    // A charset that a Content-Type states is only a hint.
    let utf8 = "username;familyname\nlee;M\u{fc}ller\n".as_bytes();
    let both = |forced: Option<&str>| ImportOptions {
        charset: Some("windows-1251".into()),
        forced_charset: forced.map(str::to_owned),
        conflict: ConflictPolicy::Update,
        ..ImportOptions::default()
    };
    import(&app, utf8, both(None)).expect("the file is read");
    assert_eq!(family_name(&app, "lee").as_deref(), Some("M\u{fc}ller"));
    import(&app, utf8, both(Some("windows-1252"))).expect("the file is read");
    let garbled = family_name(&app, "lee");
    assert_eq!(garbled.as_deref(), Some("M\u{c3}\u{bc}ller"));
}

#[test]
fn unknown_charset_or_delimiter_is_refused_with_its_name() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    for (charset, delimiter, code) in [
        (Some("latin-nine"), None, "IMP-FILE-CHARSET"),
        (None, Some("xx"), "IMP-CSV-DELIMITER"),
    ] {
        let options = ImportOptions {
            forced_charset: charset.map(str::to_owned),
            delimiter: delimiter.map(str::to_owned),
            ..ImportOptions::default()
        };
        let error = import(&app, b"username\nkim\n", options).expect_err("it is refused");
        assert_eq!(error.code(), code);
        let named = charset.or(delimiter).unwrap();
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!(family_name(&app, "kim"), None, "nothing was stored");
}

#[test]
fn every_user_of_an_import_gets_its_roles() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    for role in ["clerk", "guest", "old"] {
        let added = app.store.add_role(&NewRole {
            organization: DEFAULT_ORGANIZATION.into(),
            domain: "PRIMARY".into(),
            name: role.into(),
            members: Vec::new(),
            permissions: Vec::new(),
            by: Caller::terminal(DEFAULT_ORGANIZATION).actor(Channel::Terminal),
            at: Clock::system().now(),
        });
        added.expect("the role is created");
    }
    let with = |roles: &[&str], conflict| ImportOptions {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        conflict,
        ..ImportOptions::default()
    };
    let file = b"username,roles\nkim,\nlee,old\nmia,clerk:old\n";
    let report = import(&app, file, with(&["Clerk", "guest"], ConflictPolicy::Skip));
    assert_eq!(report.expect("it runs").counters.created, 3);
    assert_eq!(roles(&app, "kim"), ["clerk", "guest"]);
    assert_eq!(roles(&app, "lee"), ["clerk", "guest", "old"]);
    assert_eq!(roles(&app, "mia"), ["clerk", "guest", "old"]);
    // As roles of a row: filled only where a user has none, and replaced by an update.
    let file = b"username,roles\nkim,\nlee,\\N\n";
    let report = import(&app, file, with(&["old"], ConflictPolicy::Fill));
    assert_eq!(report.expect("it runs").counters.unchanged, 2);
    let report = import(&app, file, with(&["old"], ConflictPolicy::Update));
    assert_eq!(report.expect("it runs").counters.updated, 2);
    assert_eq!(roles(&app, "kim"), ["old"]);
    assert_eq!(roles(&app, "lee"), ["old"]);
    // The rights are those of a row.
    let mut wanted = request(&app, None);
    wanted.may_grant_admin = false;
    wanted.options = with(&["admin", "nosuch"], ConflictPolicy::Skip);
    let report = ran(app.jobs.run(wanted, &b"username\npat\n"[..]));
    let found = report.findings.iter();
    let codes: Vec<&str> = found.map(|it| it.code.as_ref()).collect();
    assert_eq!(codes, ["role-not-yours-to-give", "role-unknown"]);
    assert_eq!(report.counters.failed, 1);
}

#[test]
fn repeated_key_with_other_reading_options_is_another_request() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let with = |delimiter: &str| {
        let mut wanted = request(&app, Some("k"));
        wanted.options.delimiter = Some(delimiter.into());
        wanted
    };
    let file = b"username;familyname\nkim;Lee\n";
    let first = ran(app.jobs.run(with("semicolon"), &file[..]));
    assert_eq!(first.counters.created, 1);
    let other = app.jobs.run(with("tab"), &file[..]);
    assert!(
        matches!(other, Err(JobError::KeyReused { .. })),
        "{other:?}"
    );
}

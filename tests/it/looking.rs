//! What a page needs before an import: how the beginning of a file is read, with options that can be changed until
//! it is read correctly.

use muster::access::gate::Caller;
use muster::app::App;
use muster::clock::Clock;
use muster::import::job_error::JobError;
use muster::import::look::{Look, LookColumn, LookFailure, choices};
use muster::import::report::Report;
use muster::users::built_in::DEFAULT_ORGANIZATION;
use muster::users::channel::Channel;
use muster::users::options::{ConflictPolicy, HeaderLine, ImportOptions};
use muster::users::store::NewRole;
use rust_xlsxwriter::Workbook;

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

fn looked(app: &App, file: &[u8], options: &ImportOptions) -> Look {
    let look = app.importer.look(file, "users.csv", options);
    look.unwrap_or_else(|failure| panic!("{failure}"))
}

fn named(name: &str, file: &[u8], options: &ImportOptions) -> Result<Look, LookFailure> {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    app.importer.look(file, name, options)
}

fn map(entries: &[&str]) -> ImportOptions {
    let mut options = ImportOptions::default();
    for entry in entries {
        options.map.add(entry).expect("a valid entry");
    }
    options
}

/// Each column as `heading=meaning`; a `-` for one that is ignored, a `?` for one that is not understood, and a `*`
/// after one that has passwords.
fn columns(look: &Look) -> Vec<String> {
    let described = |column: &LookColumn| {
        let meaning = match (&column.meaning, column.ignored) {
            (Some(meaning), false) => meaning,
            (None, true) => "-",
            (None, false) => "?",
            (Some(_), true) => panic!("{column:?}"),
        };
        assert_eq!(column.label.is_some(), column.meaning.is_some());
        let star = if column.password { "*" } else { "" };
        format!("{}={meaning}{star}", column.heading)
    };
    let all = look.columns.iter().enumerate();
    let all = all.inspect(|(number, column)| assert_eq!(column.position, *number));
    all.map(|(_, column)| described(column)).collect()
}

fn cells(look: &Look) -> Vec<Vec<&str>> {
    let rows = look.rows.iter();
    rows.map(|row| row.cells.iter().map(String::as_str).collect())
        .collect()
}

#[test]
fn beginning_of_a_file_is_shown_without_its_passwords() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let file = b"Staff\n\nusername;password;First Name;_note;roles\n\
        kim;Spring-Meadow-42;Kim;x;\n\
        lee;$2b$04$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32;Lee;x;a\n\
        mia;;Kim;;Autumn-Forest-9\n";
    let options = ImportOptions {
        header: HeaderLine::Line(3),
        // The title above shows no delimiter.
        delimiter: Some(";".into()),
        ..ImportOptions::default()
    };
    let look = looked(&app, file, &options);
    assert_eq!(look.error, None);
    assert_eq!(look.header_line, Some(3));
    assert_eq!(look.detected.to_string(), "csv, UTF-8, semicolons");
    assert_eq!(
        columns(&look),
        [
            "username=username",
            "password=password*",
            "First Name=givenname",
            "_note=-",
            "roles=roles"
        ]
    );
    assert_eq!(
        cells(&look),
        [
            [
                "kim",
                "16 characters: letters, digits and signs",
                "Kim",
                "x",
                ""
            ],
            ["lee", "hash: bcrypt", "Lee", "x", "a"],
            // The password is in a column of names.
            [
                "mia",
                "empty",
                "Kim",
                "",
                "15 characters: letters, digits and signs"
            ],
        ]
    );
    assert_eq!(look.rows[0].line, 4);
    let samples = |position: usize| look.columns[position].samples.join("|");
    assert_eq!(samples(0), "kim|lee|mia");
    assert_eq!(
        samples(1),
        "16 characters: letters, digits and signs|hash: bcrypt"
    );
    assert_eq!(samples(2), "Kim|Lee");
    assert!(!format!("{look:?}").contains("Meadow"));
    assert!(
        app.store
            .imports(DEFAULT_ORGANIZATION, 1)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn header_line_that_is_refused_still_has_columns_and_rows() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let file = b"username,Kontakt,Kennwort,Ext.,Old\n\
        kim,kim@example.com,Spring-Meadow-42,1234,{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk\n";
    let look = looked(&app, file, &ImportOptions::default());
    let error = look.error.as_ref().expect("the header is refused");
    assert_eq!(error.code, "IMP-CSV-HEADER");
    assert!(error.message.contains("Ext."), "{error:?}");
    assert_eq!(look.header_line, Some(1));
    let expected = [
        "username=username",
        "Kontakt=?",
        "Kennwort=?*",
        "Ext.=?",
        "Old=?*",
    ];
    assert_eq!(columns(&look), expected);
    let shape = "16 characters: letters, digits and signs";
    let row = ["kim", "kim@example.com", shape, "1234", "hash: ssha"];
    assert_eq!(cells(&look), [row]);
    // With a map for a part of the columns, then for all of them.
    let part = looked(&app, file, &map(&["2=emailaddress", "Ext.=_"]));
    assert!(part.error.is_some());
    let expected = [
        "username=username",
        "Kontakt=emailaddress",
        "Kennwort=?*",
        "Ext.=-",
        "Old=?*",
    ];
    assert_eq!(columns(&part), expected);
    let all = ["2=emailaddress", "Ext.=_", "kennwort=password", "5=_"];
    let whole = looked(&app, file, &map(&all));
    assert_eq!(whole.error, None);
    assert_eq!(
        columns(&whole)[2..],
        ["Kennwort=password*", "Ext.=-", "Old=-*"]
    );
    assert_eq!(cells(&whole), [row]);
}

#[test]
fn every_error_of_the_header_line_is_shown_with_the_columns() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let file = b"username,mail,email\nkim,a@example.com,b@example.com\n";
    for (options, words, found) in [
        // Two columns are mapped to one field.
        (
            map(&[]),
            "columns \"mail\" and \"email\" of the header line are both read as \"E-mail address\"",
            &[
                "username=username",
                "mail=emailaddress",
                "email=emailaddress",
            ][..],
        ),
        (
            map(&["mail=_", "email=username"]),
            "columns \"username\" and \"email\" of the header line are both read as \"User name\"",
            &["username=username", "mail=-", "email=username"],
        ),
        (
            map(&["username=title"]),
            "no user name column",
            &["username=title", "mail=emailaddress", "email=emailaddress"],
        ),
        (
            map(&["username=title", "mail=_"]),
            "no user name column",
            &["username=title", "mail=-", "email=emailaddress"],
        ),
        (
            map(&["mail=_", "phone=_"]),
            "\"phone\", which the header line does not have",
            &["username=username", "mail=-", "email=emailaddress"],
        ),
        (
            map(&["mail=colour"]),
            "\"colour\", which is not a column",
            &[
                "username=username",
                "mail=emailaddress",
                "email=emailaddress",
            ],
        ),
        (
            ImportOptions {
                header: HeaderLine::Line(9),
                ..map(&["mail=_"])
            },
            "Line 9 was given as the header line",
            &["username=username", "mail=-", "email=emailaddress"],
        ),
        (
            ImportOptions {
                header: HeaderLine::None,
                ..map(&["2=emailaddress", "3=_"])
            },
            "no user name column",
            &["=?", "=emailaddress", "=-"],
        ),
    ] {
        let look = looked(&app, file, &options);
        let error = look.error.as_ref().map(|error| error.message.as_str());
        let error = error.unwrap_or_else(|| panic!("{words}: {look:?}"));
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(columns(&look), found, "{words}");
        let rows = if options.header == HeaderLine::None {
            2
        } else {
            1
        };
        assert_eq!(look.rows.len(), rows, "{words}");
        // An import refuses it with the same sentence.
        let refused = import(&app, file, options).expect_err("it is refused");
        assert!(
            refused.to_string().starts_with(error),
            "{refused} / {error}"
        );
    }
    let fine = looked(&app, file, &map(&["mail=emails.work"]));
    assert_eq!(fine.error, None);
}

#[test]
fn line_that_may_be_a_user_is_not_shown_as_headings() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    // The title is not the header line; the next one is more probable.
    let titled = b"All staff\n\nBenutzername,Kennwort,Telefon 1\nkim,Spring-Meadow-42,123\n";
    let look = looked(&app, titled, &ImportOptions::default());
    assert!(look.error.is_some());
    assert_eq!(look.header_line, Some(3));
    let expected = ["Benutzername=?", "Kennwort=?*", "Telefon 1=?"];
    assert_eq!(columns(&look), expected);
    // Without a header line, passwords are not headings.
    let bare = b"Kim Lee,Spring-Meadow-42,x\nMia Lou,Autumn-Forest-9,y\n";
    let look = looked(&app, bare, &ImportOptions::default());
    assert!(look.error.is_some(), "{look:?}");
    let shown = format!("{look:?}");
    assert!(
        !shown.contains("Meadow") && !shown.contains("Forest"),
        "{shown}"
    );
    let none = ImportOptions {
        header: HeaderLine::None,
        ..ImportOptions::default()
    };
    let look = looked(&app, bare, &none);
    assert_eq!((look.error.as_ref(), look.header_line), (None, None));
    assert_eq!(columns(&look), ["=username", "=password*", "=claims"]);
    assert_eq!(look.rows.len(), 2);
    // A row of the original dialect that is wider than its header line.
    let original = b"UserName,Password,Claims\n\
        kim,Spring-Meadow-42,http://wso2.org/claims/country=SE,http://wso2.org/claims/role=x\n";
    let look = looked(&app, original, &ImportOptions::default());
    let expected = [
        "UserName=username",
        "Password=password*",
        "Claims=claims",
        "=claims",
    ];
    assert_eq!(columns(&look), expected);
}

#[test]
fn what_cannot_be_read_can_be_read_with_other_options() {
    let default = ImportOptions::default();
    let failure = |name: &str, file: &[u8], options: &ImportOptions| {
        let failure = named(name, file, options).expect_err("nothing can be read");
        assert!(failure.to_string().len() > 20, "{failure}");
        (failure.code(), failure.sheets)
    };
    assert_eq!(
        failure("users.csv", b"", &default),
        ("IMP-FILE-EMPTY", Vec::new())
    );
    assert_eq!(failure("users.csv", b"\n\n", &default).0, "IMP-FILE-EMPTY");
    assert_eq!(
        failure("users.csv", b"%PDF-1.7", &default).0,
        "IMP-FILE-FORMAT"
    );
    let unclear = b"username,a;b;c\nx\n";
    assert_eq!(
        failure("users.csv", unclear, &default).0,
        "IMP-CSV-DELIMITER"
    );
    let forced = ImportOptions {
        delimiter: Some(";".into()),
        ..default.clone()
    };
    assert_eq!(
        named("users.csv", unclear, &forced).unwrap().columns.len(),
        3
    );
    let unknown = ImportOptions {
        forced_charset: Some("latin-nine".into()),
        ..default.clone()
    };
    assert_eq!(
        failure("users.csv", b"username\nkim\n", &unknown).0,
        "IMP-FILE-CHARSET"
    );
    // A header that is not text in the charset: its columns are shown all the same.
    let dos = b"username,Stra\xe1e\nkim,Gr\x81ner Weg\n";
    let wrong = ImportOptions {
        forced_charset: Some("utf-8".into()),
        ..default.clone()
    };
    let look = named("users.csv", dos, &wrong).unwrap();
    assert_eq!(
        look.error.as_ref().map(|it| it.code),
        Some("IMP-FILE-CHARSET")
    );
    assert_eq!(columns(&look), ["username=username", "Stra\u{fffd}e=?"]);
    let right = ImportOptions {
        forced_charset: Some("cp850".into()),
        ..default.clone()
    };
    let look = named("users.csv", dos, &right).unwrap();
    assert_eq!(columns(&look), ["username=username", "Stra\u{df}e=?"]);
    assert_eq!(cells(&look), [["kim", "Gr\u{fc}ner Weg"]]);
}

#[test]
fn sheets_of_a_workbook_can_be_chosen() {
    let mut workbook = Workbook::new();
    for (name, heading) in [("Guests", ""), ("Staff", "username"), ("Old", "Badge")] {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap();
        if !heading.is_empty() {
            sheet.write(0, 0, heading).unwrap();
            sheet.write(1, 0, "kim").unwrap();
            sheet.write(2, 1, 4711).unwrap();
        }
    }
    let file = workbook.save_to_buffer().unwrap();
    let names = ["Guests", "Staff", "Old"];
    let sheet = |name: &str| ImportOptions {
        sheet: Some(name.into()),
        ..ImportOptions::default()
    };
    let empty = named("users.xlsx", &file, &ImportOptions::default()).unwrap_err();
    assert_eq!(
        (empty.code(), &empty.sheets[..]),
        ("IMP-FILE-EMPTY", &names.map(String::from)[..])
    );
    let unknown = named("users.xlsx", &file, &sheet("Users")).unwrap_err();
    assert_eq!(
        (unknown.code(), unknown.sheets),
        ("IMP-WORKBOOK", empty.sheets)
    );
    let staff = named("users.xlsx", &file, &sheet("staff")).unwrap();
    assert_eq!(staff.sheets, names);
    assert_eq!(staff.detected.sheet.as_deref(), Some("Staff"));
    assert_eq!(columns(&staff), ["username=username", "=?"]);
    assert_eq!(cells(&staff), [vec!["kim"], vec!["", "4711"]]);
    let old = named("users.xlsx", &file, &sheet("Old")).unwrap();
    let error = old.error.expect("the header is refused").message;
    assert!(error.contains("in the sheet \"Old\""), "{error}");
    let damaged = named("users.xlsx", &file[..file.len() / 2], &sheet("Old")).unwrap_err();
    assert_eq!(damaged.code(), "IMP-WORKBOOK");
}

#[test]
fn rows_and_cells_are_limited() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let mut file = String::from("username,title\n");
    for number in 0..100 {
        file += &format!("user{number},{}\n", "x".repeat(300));
    }
    let look = looked(&app, file.as_bytes(), &ImportOptions::default());
    assert_eq!(look.rows.len(), 20);
    assert_eq!(look.columns[0].samples, ["user0", "user1", "user2"]);
    let cell = &look.rows[19].cells[1];
    assert_eq!(
        (cell.chars().count(), cell.ends_with('\u{2026}')),
        (201, true)
    );
}

#[test]
fn every_choice_of_a_column_is_accepted_by_a_map() {
    let folder = folder();
    let app = new_app(&folder, |_| {});
    let all = choices(&app.importer.claims);
    let values: Vec<&str> = all.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(values[..2], ["username", "password"]);
    assert!(values.contains(&"stateorprovince") && values.len() > 60);
    for choice in &all {
        let (first, file) = match choice.value.as_str() {
            "username" => (None, &b"x,y\nkim,\n"[..]),
            _ => (Some("y=username"), &b"x,y\n,kim\n"[..]),
        };
        let entry = format!("x={}", choice.value);
        let rest = first.unwrap_or("y=_");
        let look = looked(&app, file, &map(&[&entry, rest]));
        assert_eq!(look.error, None, "{choice:?}");
        assert_eq!(
            look.columns[0].meaning.as_deref(),
            Some(choice.value.as_str())
        );
        assert_eq!(
            look.columns[0].label.as_deref(),
            Some(choice.label.as_str())
        );
    }
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

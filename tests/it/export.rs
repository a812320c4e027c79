//! Exports users to a file and imports them again.

use std::os::unix::fs::PermissionsExt;

use crate::process::{Home, users_csv};

const DEFAULT: &str = "Initial-Pass-1";

/// Reproducible random numbers, enough for a thousand unusual users.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }
}

/// Pieces of values.
const PIECES: [&str; 24] = [
    "=", "+", "-", "@", "'", "\"", ",", ";", "\t", "\n", "\r\n", "\r", " ", "a", "é", "ß", "😀",
    "\\N", "\\x", "|", ":", "/", "=1+1", "e\u{301}",
];

fn value(dice: &mut Dice) -> String {
    let length = dice.roll(6);
    let text: String = (0..length).map(|_| dice.pick(&PIECES)).collect();
    // Such a cell clears a field.
    match text.as_str() {
        "\\N" => String::new(),
        _ => text,
    }
}

fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

const ROLES: [&str; 6] = ["admin", "a:b", "say \"hi\"", "Internal/x", "b/c", "Zoë"];

/// A file of users with all kinds of content in cells.
fn odd_users(count: usize) -> String {
    let mut dice = Dice(4_711);
    let mut csv = String::from(
        "country,username,givenname,familyname,emailaddress,roles,title,identity/emailVerified,mobile\r\n",
    );
    let names = [
        "kim",
        "=cmd",
        "+1",
        "'quoted",
        "@at",
        "\"q\"",
        "zoë",
        "a,b",
        "PRIMARY/x/y",
        "\\N",
        "😀",
    ];
    for number in 0..count {
        let name = format!("{}{number}", dice.pick(&names));
        let mut roles = Vec::new();
        for _ in 0..dice.roll(3) {
            roles.push(match dice.pick(&ROLES) {
                "b/c" => "PRIMARY/b/c",
                role => role,
            });
        }
        let roles = muster::users::role_cell::join(roles);
        let cells = [
            value(&mut dice),
            name,
            value(&mut dice),
            value(&mut dice),
            match dice.roll(3) {
                0 => String::new(),
                _ => format!("e{number}@x.org"),
            },
            roles,
            value(&mut dice),
            value(&mut dice),
            value(&mut dice),
        ];
        let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
        csv.push_str(&cells.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// A home with the roles of [`odd_users`].
fn with_roles() -> Home {
    let home = Home::new();
    home.write("first.csv", "username,password\nfirst,Spring-Meadow-42\n");
    home.run(&["import", "first.csv"]).ended(0);
    for role in ROLES.iter().filter(|role| **role != "admin") {
        let name = match *role {
            "b/c" => "PRIMARY/b/c",
            role => role,
        };
        home.run(&["role", "add", name]).ended(0);
    }
    home
}

fn exported(home: &Home) -> String {
    home.run(&["users", "export"]).ended(0).out
}

#[test]
fn exported_users_are_imported_unchanged() {
    let home = with_roles();
    home.write("odd.csv", &odd_users(1_500));
    let import = ["import", "odd.csv", "--default-password-stdin", "--json"];
    let report = home.run_with_input(&import, DEFAULT).ended(0).json();
    assert_eq!(report["created"], 1_500, "{report}");
    let file = exported(&home);
    assert!(file.starts_with(
        "username,givenname,familyname,emailaddress,roles,country,identity/emailVerified,mobile,title\r\n"
    ));
    home.write("export.csv", &file);
    let update = ["import", "export.csv", "--conflict", "update", "--json"];
    let report = home.run(&update).ended(0).json();
    assert_eq!(
        (&report["unchanged"], &report["total"]),
        (&1_501.into(), &1_501.into())
    );
    assert_eq!(report["findingsTotal"], 0, "{report}");

    let other = with_roles();
    other.write("export.csv", &file);
    let import = [
        "import",
        "export.csv",
        "--conflict",
        "update",
        "--default-password-stdin",
        "--json",
    ];
    let report = other.run_with_input(&import, DEFAULT).ended(0).json();
    assert_eq!(report["created"], 1_500, "{report}");
    assert_eq!(exported(&other), file);
}

#[test]
fn one_domain_is_exported_to_a_new_file() {
    let home = Home::with_settings("[domains.SALES]\n");
    home.write(
        "users.csv",
        "username,password,title\nann,Spring-Meadow-42,=HYPERLINK(x)\n",
    );
    home.run(&["import", "users.csv", "--domain", "sales"])
        .ended(0);
    home.write("more.csv", &users_csv(2_500, 7_919));
    home.run_with_input(&["import", "more.csv", "--default-password-stdin"], DEFAULT)
        .ended(0);
    let done = home.run(&[
        "users",
        "export",
        "--domain",
        "sales",
        "--format",
        "csv",
        "sales.csv",
    ]);
    assert!(done.ended(0).out.contains("1 user in sales.csv"));
    let file = std::fs::read_to_string(home.path("sales.csv")).expect("a file");
    assert_eq!(
        file,
        "username,givenname,familyname,emailaddress,roles,title\r\nann,,,,,=HYPERLINK(x)\r\n"
    );
    let mode = std::fs::metadata(home.path("sales.csv"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&["users", "export", "sales.csv"]).ended(1);
    assert!(again.err.contains("not overwritten"), "{again:?}");
    let defused = home
        .run(&["users", "export", "--domain", "sales", "--for-spreadsheet"])
        .ended(0);
    assert!(
        defused.out.contains(",\"'=HYPERLINK(x)\"\r\n"),
        "{defused:?}"
    );
    assert_eq!(
        exported(&home).lines().count(),
        2_501,
        "all pages, and no other domain"
    );
}

#[test]
fn columns_that_an_import_would_not_recognize_are_reported() {
    let home = Home::with_settings("[claims]\n'http://example.com/badge' = 'badge'\n");
    home.write(
        "users.csv",
        "username,password,badge\nann,Spring-Meadow-42,7\n",
    );
    home.run(&["import", "users.csv"]).ended(0);
    assert_eq!(home.run(&["users", "export"]).ended(0).err, "");
    home.write("settings.toml", "");
    let warned = home.run(&["users", "export"]).ended(0);
    assert!(
        warned.err.contains("badge") && warned.err.contains("[claims]"),
        "{warned:?}"
    );
    assert!(warned.out.contains("ann,,,,,7\r\n"), "{warned:?}");
}

//! Passwords at the terminal: hashes that cannot be imported, initial passwords and their expiry, and generated
//! passwords.

use crate::process::{Home, users_csv};

const DEFAULT: &str = "Initial-Pass-1";

fn database(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.data().join("muster.db")).expect("the store is there")
}

fn hash_of(home: &Home, name: &str) -> String {
    let query = "SELECT password_hash FROM users WHERE name_key = ?1";
    let found = database(home).query_row(query, [name], |row| row.get(0));
    found.expect("there is such a user")
}

/// Makes every password of the store older.
fn age(home: &Home, hours: i64) {
    let changed = database(home).execute(
        "UPDATE users SET created_at = created_at - ?1, password_at = password_at - ?1",
        [hours * 3_600_000_000],
    );
    changed.expect("the store can be written to");
}

#[test]
fn a_hash_that_cannot_be_imported_is_reported_without_quoting_it() {
    let home = Home::with_settings("hash_schemes = ['bcrypt', 'ssha512']\n");
    home.write(
        "hashes.csv",
        "username,password\n\
         one,{SSHA}JcnhbGjfZGv+82onMyiWmALBzsMB/jhieXRlcw==\n\
         two,$2b$31$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32\n\
         three,$2b$-Secret-Words\n\
         four,{SMD5}89qFEwnDnYHwOKzOpUuPPlJK6V0=\n\
         five,$2b$04$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32\n",
    );
    let done = home.run(&["import", "hashes.csv", "--json"]).ended(2);
    let report = done.json();
    assert_eq!(
        (&report["created"], &report["failed"]),
        (&1.into(), &4.into())
    );
    let expected = [
        (
            "password-hash-scheme",
            "the scheme ssha, which passwords.hash_schemes does not allow",
        ),
        ("password-hash-form", "its cost must be between 4 and 16"),
        (
            "password-hash-form",
            "a password in the clear may not begin like that",
        ),
        (
            "password-hash-scheme",
            "the scheme smd5, which cannot be verified here",
        ),
    ];
    let findings = report["findings"].as_array().expect("a list");
    for (finding, (code, words)) in findings.iter().zip(expected) {
        assert_eq!(finding["code"], code, "{finding}");
        let message = finding["message"].as_str().expect("a sentence");
        assert!(message.contains(words), "{finding}");
    }
    for secret in ["JcnhbGjf", "U/ajJ0QT", "Secret-Words", "89qFEwnD"] {
        assert!(!done.out.contains(secret) && !done.err.contains(secret));
    }
    home.write("settings.toml", "[passwords]\nhash_schemes = ['md5']\n");
    let refused = home.run(&["import", "hashes.csv"]).ended(1);
    assert!(
        refused.err.contains("unknown scheme \"md5\""),
        "{refused:?}"
    );
}

#[test]
fn initial_passwords_are_listed_and_expire() {
    let home = Home::new();
    home.write(
        "users.csv",
        "username,password\nann,Spring-Meadow-42\nbob,\ncarl,short\n",
    );
    let import = ["import", "users.csv", "--default-password-stdin"];
    home.run_with_input(&import, DEFAULT).ended(0);
    let list = |more: &[&str]| {
        let done = home.run(&[&["users", "initial-passwords", "--json"], more].concat());
        done.ended(0).json_lines()
    };
    let check = |name, password| home.run_with_input(&["users", "check-password", name], password);
    let initial = list(&[]);
    let names: Vec<_> = initial.iter().map(|user| &user["userName"]).collect();
    assert_eq!(names, ["bob", "carl"]);
    assert_eq!(
        (&initial[0]["domain"], &initial[0]["expired"]),
        (&"PRIMARY".into(), &false.into())
    );
    let imports = home
        .run(&["imports", "list", "--json"])
        .ended(0)
        .json_lines();
    assert_eq!(initial[0]["createdBy"], imports[0]["id"]);
    assert!(list(&["--expired"]).is_empty());
    check("bob", DEFAULT).ended(0);

    age(&home, 25);
    assert_eq!(list(&["--expired", "--domain", "primary"]).len(), 2);
    assert_eq!(list(&[])[1]["expired"], true);
    assert_eq!(check("bob", DEFAULT).ended(3).out, "expired\n");
    assert_eq!(check("carl", "short").ended(3).out, "expired\n");
    assert_eq!(check("bob", "something else").ended(1).out, "wrong\n");
    check("ann", "Spring-Meadow-42").ended(0);
    let table = home.run(&["users", "initial-passwords"]).ended(0);
    assert!(
        table.out.contains("carl") && table.out.contains("yes"),
        "{table:?}"
    );

    home.write(
        "settings.toml",
        "[passwords]\nmemory_kib = 1024\npasses = 1\ninitial_hours = 0\n",
    );
    check("bob", DEFAULT).ended(0);
    assert!(list(&["--expired"]).is_empty(), "never");
    assert_eq!(list(&[]).len(), 2);
}

#[test]
fn the_list_of_initial_passwords_reads_all_pages() {
    let home = Home::new();
    let none = home.write("none.csv", "username,password\nann,Spring-Meadow-42\n");
    home.run(&["import", none.to_str().expect("UTF-8")])
        .ended(0);
    let list = home.run(&["users", "initial-passwords"]).ended(0);
    assert_eq!(list.out, "no initial passwords\n");
    home.write("many.csv", &users_csv(2_500, 7_919));
    home.run_with_input(&["import", "many.csv", "--default-password-stdin"], DEFAULT)
        .ended(0);
    let list = home.run(&["users", "initial-passwords", "--json"]).ended(0);
    assert_eq!(list.json_lines().len(), 2_500);
}

#[test]
fn a_stronger_setting_renews_our_own_hashes_and_keeps_their_age() {
    let home = Home::new();
    home.write("users.csv", "username,password\nann,short\nbob,\n");
    let import = ["import", "users.csv", "--default-password-stdin"];
    home.run_with_input(&import, DEFAULT).ended(0);
    age(&home, 23);
    let before = home
        .run(&["users", "show", "ann", "--json"])
        .ended(0)
        .json();
    home.write(
        "settings.toml",
        "[passwords]\nmemory_kib = 2048\npasses = 1\n",
    );
    for (name, password) in [("ann", "short"), ("bob", DEFAULT)] {
        home.run_with_input(&["users", "check-password", name], password)
            .ended(0);
        assert!(
            hash_of(&home, name).starts_with("$argon2id$v=19$m=2048,"),
            "{name}"
        );
        home.run_with_input(&["users", "check-password", name], password)
            .ended(0);
    }
    let after = home
        .run(&["users", "show", "ann", "--json"])
        .ended(0)
        .json();
    assert_eq!(after, before, "still an initial password of the same age");
}

#[test]
fn generated_passwords_are_written_once_for_the_created_users() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with_settings("[import]\nfirst_batch_users = 2\nbatch_passwords = 2\n");
    home.write("taken.csv", "username,password\nbob,Spring-Meadow-42\n");
    home.run(&["import", "taken.csv"]).ended(0);
    home.write(
        "users.csv",
        "username,password\nann,\nBOB,\ncarl,Autumn-Forest-9\n@dora,\nann,\neve jones,\nfay,\n",
    );
    let import = ["import", "users.csv", "--generate-passwords", "made.csv"];
    let done = home.run(&import).ended(2);
    assert!(
        done.out
            .contains("7 rows: 4 created, 2 duplicate, 1 failed"),
        "{done:?}"
    );
    assert!(done.out.contains("passwords in made.csv"), "{done:?}");
    let path = home.path("made.csv");
    let mode = std::fs::metadata(&path)
        .expect("the file exists")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let made = std::fs::read_to_string(&path).expect("UTF-8");
    let mut lines = made.lines();
    assert_eq!(lines.next(), Some("userName,password"));
    let rows: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(',').expect("two"))
        .collect();
    let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["ann", "\"'@dora\"", "fay"]);
    let bytes = |name: &str| std::fs::read(home.data().join(name)).unwrap_or_default();
    let stored = [bytes("muster.db"), bytes("muster.db-wal")].concat();
    for (name, password) in rows {
        assert_eq!(password.len(), 20);
        let name = name.trim_matches(['"', '\'']);
        let check = home.run_with_input(&["users", "check-password", name], password);
        check.ended(0);
        assert!(!done.out.contains(password) && !done.err.contains(password));
        let found = stored
            .windows(20)
            .any(|window| window == password.as_bytes());
        assert!(!found, "{name}");
    }
    let initial = home.run(&["users", "initial-passwords", "--json"]).ended(0);
    assert_eq!(initial.json_lines().len(), 3);

    let refused = home.run(&import).ended(1);
    assert!(
        refused.err.contains("cannot create") && refused.err.contains("made.csv"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).expect("UTF-8"), made);
    let again = ["import", "users.csv", "--generate-passwords", "again.csv"];
    let done = home.run(&again).ended(2);
    assert!(!done.out.contains("passwords in"), "{done:?}");
    assert!(
        !home.path("again.csv").exists(),
        "no password was generated"
    );
    for other in [&["--dry-run"][..], &["--default-password-stdin"]] {
        home.run(&[&again[..], other].concat()).ended(1);
        assert!(!home.path("again.csv").exists());
    }
}

//! Imported password hashes: every scheme in every notation, over SOAP and at the terminal, and the SQL
//! statements and the table of `docs/passwords.md`.

use std::collections::BTreeSet;
use std::fmt::Write;

use muster::passwords::hash_schemes;
use muster::passwords::rules::Settings;
use muster::users::built_in::{DEFAULT_ORGANIZATION, PRIMARY_DOMAIN};
use muster::users::password_check::{PasswordChecker, Verdict};

use crate::app::{RELATED, TestApp, multipart};
use crate::process::Home;

/// The password of every hash in the fixture.
const PASSWORD: &str = "Grüße-von-4711";

/// The prefix of the hashes that Muster makes.
const OWN: &str = "$argon2id$v=19$";

/// A file of users whose passwords are hashed, as (name, hash).
fn csv<'h>(users: impl IntoIterator<Item = (String, &'h str)>) -> String {
    let mut csv = "username,password\n".to_owned();
    for (name, hash) in users {
        let cell = hash.replace('"', "\"\"");
        writeln!(csv, "{name},\"{cell}\"").unwrap();
    }
    csv
}

/// Scheme and hash of every line of the fixture.
fn hashes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let table = include_str!("../../fixtures/passwords/hashes.tsv");
    table.lines().map(|line| line.split_once('\t').unwrap())
}

fn check(home: &Home, name: &str, password: &str) -> String {
    let done = home.run_with_input(&["users", "check-password", name], password);
    done.out.trim().to_owned()
}

fn stored(home: &Home, name: &str) -> String {
    let store = rusqlite::Connection::open(home.data().join("muster.db")).unwrap();
    let query = "SELECT password_hash FROM users WHERE name_key = ?1";
    store.query_row(query, [name], |row| row.get(0)).unwrap()
}

#[test]
fn every_hash_notation_is_accepted_over_soap_and_rehashed_with_argon2id_at_the_first_login() {
    let server = TestApp::start();
    let users: Vec<_> = (0..).map(|n| format!("user-{n}")).zip(hashes()).collect();
    let file = csv(users.iter().map(|(name, (_, hash))| (name.clone(), *hash)));
    let response = server.post(RELATED, multipart(&file).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(server.user_names().len(), users.len());
    let store = server.app.store.as_ref();
    let settings = Settings::default();
    let checker = PasswordChecker {
        store,
        pool: &server.app.pool,
        settings: &settings,
    };
    for (name, (_, hash)) in &users {
        let stored = || {
            let found = store.password(DEFAULT_ORGANIZATION, PRIMARY_DOMAIN, name);
            found.unwrap().unwrap().hash
        };
        let check = |password: &str| {
            let now = server.app.clock.now();
            let found = checker.check(
                DEFAULT_ORGANIZATION,
                PRIMARY_DOMAIN,
                name,
                password.into(),
                now,
            );
            found.unwrap()
        };
        assert_eq!(stored(), *hash, "stored unchanged");
        for wrong in [hash, "Gruesse-von-4711"] {
            assert_eq!(check(wrong), Verdict::Wrong, "{hash}");
        }
        assert_eq!(stored(), *hash, "a wrong password changes nothing");
        assert_eq!(check(PASSWORD), Verdict::Right, "{hash}");
        let now = stored();
        assert!(now.starts_with(OWN), "{hash}");
        assert_eq!(check(PASSWORD), Verdict::Right, "{hash}");
        assert_eq!(check(hash), Verdict::Wrong, "{hash}");
        assert_eq!(stored(), now, "rehashed only once");
    }
}

#[test]
fn every_hash_scheme_is_imported_and_verified_at_the_terminal() {
    let home = Home::new();
    // The last hash of each scheme, in another notation than the first.
    let users: Vec<_> = hash_schemes::names()
        .map(|name| {
            hashes()
                .filter(|(scheme, _)| *scheme == name)
                .last()
                .unwrap()
        })
        .collect();
    let file = csv(users
        .iter()
        .map(|(scheme, hash)| ((*scheme).to_owned(), *hash)));
    home.write("hashes.csv", &file);
    let done = home.run(&["import", "hashes.csv"]).ended(0);
    assert!(
        done.out.contains(&format!("{} created", users.len())),
        "{done:?}"
    );
    for (scheme, hash) in &users {
        assert_eq!(stored(&home, scheme), *hash, "stored unchanged");
        assert_eq!(check(&home, scheme, hash), "wrong", "{scheme}");
        assert_eq!(check(&home, scheme, PASSWORD), "right", "{scheme}");
        let now = stored(&home, scheme);
        assert!(now.starts_with(OWN), "{scheme}: {now}");
    }
    let shown = home
        .run(&["users", "show", "ssha", "--json"])
        .ended(0)
        .json();
    assert_eq!(shown["mustChangePassword"], false);
}

#[test]
fn an_argon2id_hash_of_sufficient_cost_is_not_rehashed() {
    let home = Home::new();
    let hash = "$argon2id$v=19$m=1024,t=2,p=4$S50D6CDWVBEgdB3k$+BG/0bcyOS7APtpCYJOcvW69JRcJUAI9";
    home.write("hashes.csv", &csv([("kim".to_owned(), hash)]));
    home.run(&["import", "hashes.csv"]).ended(0);
    assert_eq!(check(&home, "kim", PASSWORD), "right");
    assert_eq!(stored(&home, "kim"), hash);
}

/// The text of `docs/passwords.md`.
fn documentation() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/passwords.md");
    std::fs::read_to_string(path).expect("docs/passwords.md exists")
}

#[test]
fn the_documentation_has_a_row_for_every_scheme() {
    let text = documentation();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<_> = cells
        .flat_map(|cell| cell.split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    let names: BTreeSet<_> = hash_schemes::names().collect();
    assert_eq!(documented, names);
}

/// The SQL statements of the documentation that read `table`.
fn statements(table: &str) -> Vec<String> {
    let text = documentation();
    let blocks = text.split("```sql\n").skip(1);
    let statements = blocks.filter_map(|block| block.split("```").next());
    let ours = statements.filter(|statement| statement.contains(table));
    ours.map(str::to_owned).collect()
}

/// The rows of `statement`, whose columns are those of an import file.
fn query_rows(database: &rusqlite::Connection, statement: &str) -> Vec<(String, String)> {
    let mut query = database.prepare(statement).unwrap();
    assert!(
        query.column_names().eq(["username", "password"]),
        "the header"
    );
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    found.unwrap().map(Result::unwrap).collect()
}

/// A store into which these users were imported.
fn imported(rows: &[(String, String)]) -> Home {
    let home = Home::new();
    let users = rows
        .iter()
        .map(|(name, cell)| (name.clone(), cell.as_str()));
    home.write("users.csv", &csv(users));
    home.run(&["import", "users.csv"]).ended(0);
    home
}

#[test]
fn the_statements_for_wso2s_user_stores_make_cells_that_verify() {
    // For each kind of store: the scheme in the statement, the salt, the digest, and the password.
    let kinds = [
        (
            "{WSO2-SHA256}",
            Some("AAECAwQFBgcICQoLDA0ODw=="),
            "TNpkWi+Mupa8+Yo0bAF5vrWTp7to5t9wtkd+AAbC6W4=",
            PASSWORD,
        ),
        (
            "{WSO2-PBKDF2-SHA256}",
            Some("GzgyTT0M0TSvgMaXZEbD1Q=="),
            "KV/l28Zm91sx/xWleyWClooPfcb1PNZ5nA0OOXFiYGE=",
            "nisho123",
        ),
        (
            "{WSO2-BCRYPT}",
            None,
            "JDJiJDA0JHpjUHhwbXQ5b1Z3L3lhdEVaenlubXVZbzdyOXlwRVBWSHR3dUtKV3dGSkYyR3paUWdFdTRl",
            PASSWORD,
        ),
    ];
    let statements = statements("UM_USER");
    assert_eq!(statements.len(), kinds.len());
    for (statement, (word, salt, digest, password)) in statements.iter().zip(kinds) {
        assert!(statement.contains(word), "{statement}");
        let original = rusqlite::Connection::open_in_memory().unwrap();
        original
            .execute_batch(
                "CREATE TABLE UM_USER (UM_ID INTEGER, UM_USER_NAME TEXT, UM_USER_PASSWORD TEXT,
                 UM_SALT_VALUE TEXT, UM_REQUIRE_CHANGE BOOLEAN, UM_CHANGED_TIME TIMESTAMP,
                 UM_TENANT_ID INTEGER)",
            )
            .unwrap();
        for (name, tenant) in [("kim", -1234), ("other", 7)] {
            let row = (name, digest, salt, tenant);
            let insert = "INSERT INTO UM_USER (UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, UM_TENANT_ID) \
                          VALUES (?1, ?2, ?3, ?4)";
            original.execute(insert, row).unwrap();
        }
        let rows = query_rows(&original, statement);
        assert_eq!(rows.len(), 1, "only those of one tenant");
        let home = imported(&rows);
        assert_eq!(check(&home, "kim", digest), "wrong", "{word}");
        assert_eq!(check(&home, "kim", password), "right", "{word}");
    }
}

#[test]
fn the_statement_for_keycloak_makes_cells_that_verify() {
    let statements = statements("user_entity");
    assert_eq!(statements.len(), 1);
    let original = rusqlite::Connection::open_in_memory().unwrap();
    original
        .execute_batch(
            r#"CREATE TABLE user_entity (id TEXT, username TEXT);
            CREATE TABLE credential (user_id TEXT, type TEXT, secret_data TEXT, credential_data TEXT);
            INSERT INTO user_entity VALUES ('1', 'kim'), ('2', 'lee');
            INSERT INTO credential VALUES ('1', 'otp', '{"value":"x"}', '{"digits":6}'),
            ('1', 'password',
             '{"value":"i6vrjlory+79cSW6fN0IK/LvLj7KMFVvalcHfo5W42w=","salt":"AwQFBgcICQoLDA0ODxAREg==","additionalParameters":{}}',
             '{"hashIterations":900,"algorithm":"pbkdf2-sha256","additionalParameters":{}}'),
            ('2', 'password',
             '{"value":"q3OxoW/PF9rtR6BRjo20hEtvgLS+LMNfxt5FciD8cGA=","salt":"AwQFBgcICQoLDA0ODxAREg==","additionalParameters":{}}',
             '{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["1024"],"type":["id"],"version":["1.3"],"parallelism":["2"]}}');"#,
        )
        .unwrap();
    let rows = query_rows(&original, &statements[0]);
    assert_eq!(rows.len(), 2, "passwords only");
    let home = imported(&rows);
    for (name, cell) in &rows {
        assert_eq!(check(&home, name, cell), "wrong", "{name}");
        assert_eq!(check(&home, name, PASSWORD), "right", "{name}");
    }
}

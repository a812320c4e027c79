//! Migration to schema 4: the keys of names are lower case ([`lookup_key`]); before, they were case
//! foldings.
//!
//! Both are the same for names in ASCII. Different keys stay different, because lower-casing
//! distinguishes everything that case folding does (a test in `users/name.rs`).

use rusqlite::{Connection, params};

use crate::users::name::lookup_key;

/// Rows read at a time, so that memory does not depend on the number of users.
const PAGE: i64 = 10_000;

/// Recomputes the keys of all names that are not ASCII: users, roles, operators and their tokens.
/// Names of organizations are ASCII. One pass over the users; only those with such a name are
/// written.
pub(super) fn recompute(db: &Connection) -> rusqlite::Result<()> {
    users(db)?;
    roles(db)?;
    operators(db)
}

fn users(db: &Connection) -> rusqlite::Result<()> {
    // `user_name` is null if the name is its own key.
    let mut page = db.prepare(
        "SELECT rowid, coalesce(user_name, name_key) AS name FROM users
         WHERE rowid > ?1 AND length(name) <> octet_length(name) ORDER BY rowid LIMIT ?2",
    )?;
    let mut update = db.prepare(
        "UPDATE OR IGNORE users SET name_key = ?2, user_name = nullif(?3, ?2) WHERE rowid = ?1",
    )?;
    // Users whose new key belongs to another user.
    let mut waiting: Vec<(i64, String)> = Vec::new();
    let mut after = i64::MIN;
    loop {
        let rows: Vec<(i64, String)> = page
            .query_map(params![after, PAGE], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (row, name) in rows {
            if update.execute(params![row, lookup_key(&name), name])? == 0 {
                waiting.push((row, name));
            }
        }
    }
    // It may have been the other user's old key.
    loop {
        let before = waiting.len();
        let mut still = Vec::new();
        for (row, name) in waiting {
            if update.execute(params![row, lookup_key(&name), name])? == 0 {
                still.push((row, name));
            }
        }
        waiting = still;
        if waiting.len() == before {
            break;
        }
    }
    if !waiting.is_empty() {
        let users = waiting.len();
        tracing::warn!(
            users,
            "some users keep the old key of their name, because another user has the new one"
        );
    }
    Ok(())
}

fn roles(db: &Connection) -> rusqlite::Result<()> {
    let mut all = db.prepare(
        "SELECT organization, domain, name FROM roles WHERE length(name) <> octet_length(name)",
    )?;
    let found: Vec<(String, String, String)> = all
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut update = db.prepare(
        "UPDATE roles SET name_key = ?4 WHERE organization = ?1 AND domain = ?2 AND name = ?3",
    )?;
    for (organization, domain, name) in &found {
        update.execute(params![organization, domain, name, lookup_key(name)])?;
    }
    Ok(())
}

fn operators(db: &Connection) -> rusqlite::Result<()> {
    let mut all = db
        .prepare("SELECT name_key, name FROM operators WHERE length(name) <> octet_length(name)")?;
    let found: Vec<(String, String)> = all
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (before, name) in &found {
        let key = lookup_key(name);
        db.execute(
            "UPDATE operators SET name_key = ?2 WHERE name_key = ?1",
            [before, &key],
        )?;
        db.execute(
            "UPDATE tokens SET operator = ?2 WHERE operator = ?1",
            [before, &key],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::stores::sqlite::connection::open_writing;
    use crate::stores::sqlite::migrations::make_version;
    use crate::stores::sqlite::spaces::find_or_create;
    use crate::stores::sqlite::{Bounds, SqliteStore};
    use crate::users::name::sorting_key;
    use crate::users::operator::OperatorStore;
    use crate::users::store::UserStore;
    use uuid::Uuid;

    /// A store of schema 1, with content written by `fill`.
    fn old_store(path: &Path, fill: impl FnOnce(&Connection)) {
        std::fs::File::create(path).unwrap();
        let mut db = open_writing(path).unwrap();
        make_version(&mut db, 1);
        fill(&db);
    }

    /// As schema 1 wrote it.
    fn add_user(db: &Connection, domain: &str, name: &str) {
        let key = sorting_key(name);
        db.execute(
            "INSERT INTO users (space, name_key, id, user_name, email, must_change, created_at)
             VALUES (?1, ?2, ?3, nullif(?4, ?2), ?5, 0, 0)",
            params![
                find_or_create(db, "default", domain).unwrap(),
                key,
                Uuid::now_v7(),
                name,
                format!("of {name}"),
            ],
        )
        .unwrap();
    }

    const NAMES: [&str; 9] = [
        "Straße",
        "plain",
        "Mixed.Case",
        "josé",
        "ÅSA",
        "ﬁona",
        "ᎠᎡ",
        "νικος",
        "İnci",
    ];

    #[test]
    fn users_of_an_old_store_are_found_by_new_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        old_store(&path, |db| {
            for name in NAMES {
                add_user(db, "PRIMARY", name);
                add_user(db, "SALES", name);
            }
            let old: String = db
                .query_row(
                    "SELECT max(name_key) FROM users WHERE user_name = 'Straße'",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(old, "strasse");
        });
        let store = SqliteStore::open(&path, Bounds::default()).unwrap();
        let user = |name: &str| store.user("default", "PRIMARY", name).unwrap();
        for name in NAMES {
            for asked in [name.to_owned(), name.to_lowercase()] {
                let found = user(&asked).unwrap_or_else(|| panic!("{asked}"));
                assert_eq!(found.user_name, name);
                assert_eq!(found.email.unwrap(), format!("of {name}"));
            }
        }
        assert_eq!(user("STRAẞE").unwrap().user_name, "Straße");
        assert_eq!(user("ΝΙΚΟΣ").unwrap().user_name, "νικος");
        assert!(user("strasse").is_none() && user("fiona").is_none());
        let listed = store.users("default", Some("SALES"), None, 100).unwrap();
        let mut listed: Vec<&str> = listed.iter().map(|user| user.user_name.as_str()).collect();
        listed.sort_unstable();
        let mut all = NAMES;
        all.sort_unstable();
        assert_eq!(listed, all);
        store
            .change(|db| {
                add_user(db, "PRIMARY", "Strasse");
                Ok(())
            })
            .unwrap();
        assert_eq!(user("STRASSE").unwrap().user_name, "Strasse");
        assert_eq!(user("straße").unwrap().user_name, "Straße");
    }

    /// Case folding distinguished orders of marks that are equivalent.
    #[test]
    fn store_opens_even_if_two_names_now_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        let pair = ["\u{386}\u{300}\u{345}", "\u{1fb4}\u{300}"];
        old_store(&path, |db| {
            for name in pair {
                add_user(db, "PRIMARY", name);
            }
        });
        let store = SqliteStore::open(&path, Bounds::default()).unwrap();
        assert_eq!(store.users("default", None, None, 100).unwrap().len(), 2);
        assert!(store.user("default", "PRIMARY", pair[0]).unwrap().is_some());
    }

    #[test]
    fn roles_operators_and_tokens_are_found_by_new_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        old_store(&path, |db| {
            db.execute_batch(
                "INSERT INTO roles (organization, domain, name, name_key, id, created_at)
                     VALUES ('default', 'PRIMARY', 'Großkunden', 'grosskunden', x'01', 0);
                 INSERT INTO operators (name_key, name, role, password_hash, created_at)
                     VALUES ('weiss', 'Weiß', 'read', '-', 0), ('ann', 'Ann', 'read', '-', 0);
                 INSERT INTO tokens (digest, id, operator, role, created_at, expires_at)
                     VALUES (x'01', x'01', 'weiss', 'read', 0, 0), (x'02', x'02', 'ann', 'read', 0, 0)",
            )
            .unwrap();
        });
        let store = SqliteStore::open(&path, Bounds::default()).unwrap();
        assert_eq!(store.operator("WEIẞ").unwrap().unwrap().name, "Weiß");
        assert_eq!(store.operator("ANN").unwrap().unwrap().name, "Ann");
        assert!(store.operator("weiss").unwrap().is_none());
        let keys = |sql: &str| -> Vec<String> {
            store
                .read(|db| db.prepare(sql)?.query_map([], |row| row.get(0))?.collect())
                .unwrap()
        };
        assert_eq!(
            keys("SELECT operator FROM tokens ORDER BY operator"),
            ["ann", "weiß"]
        );
        assert_eq!(
            keys("SELECT name_key FROM roles WHERE name = 'Großkunden'"),
            ["großkunden"]
        );
    }

    #[test]
    fn large_store_is_migrated_in_one_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        old_store(&path, |db| {
            db.execute_batch(
                "INSERT INTO spaces (id, organization, domain) VALUES (1, 'default', 'PRIMARY');
                 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)
                 INSERT INTO users (space, name_key, id, user_name, must_change, created_at)
                     SELECT 1, printf('user%06d', i) || iif(i % 4, '', 'ss'),
                         CAST(printf('%016d', i) AS BLOB),
                         iif(i % 4, NULL, printf('User%06dß', i)), 0, 0 FROM n",
            )
            .unwrap();
        });
        let started = Instant::now();
        let store = SqliteStore::open(&path, Bounds::default()).unwrap();
        let took = started.elapsed();
        let user = |name: &str| store.user("default", "PRIMARY", name).unwrap().is_some();
        assert!(user("user199996ß") && user("user199999") && !user("user199996ss"));
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}

//! Spaces: each user store of each organization has a small number, which is the first part of its
//! users' keys. A number compares quickly and takes one byte of a key, instead of two names.
//!
//! The view `people` has the users with both names, for queries; writes find their rows with the
//! conditions here.

use rusqlite::{Connection, OptionalExtension};

/// Selects users of the organization `?1`.
pub(super) const IN_ORGANIZATION: &str =
    "space IN (SELECT s.id FROM spaces s WHERE s.organization = ?1)";

/// Selects users of the user store `?2` of the organization `?1`.
pub(super) const IN_DOMAIN: &str =
    "space = (SELECT s.id FROM spaces s WHERE s.organization = ?1 AND s.domain = ?2)";

/// The space of a user store, created with its first user.
pub(super) fn find_or_create(
    db: &Connection,
    organization: &str,
    domain: &str,
) -> rusqlite::Result<i64> {
    let found = db
        .prepare_cached("SELECT id FROM spaces WHERE organization = ?1 AND domain = ?2")?
        .query_row([organization, domain], |row| row.get(0))
        .optional()?;
    match found {
        Some(space) => Ok(space),
        None => db
            .prepare_cached(
                "INSERT INTO spaces (organization, domain) VALUES (?1, ?2) RETURNING id",
            )?
            .query_row([organization, domain], |row| row.get(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::migrations::migrate;
    use crate::stores::sqlite::users::LISTED;

    #[test]
    fn a_space_is_made_once() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let first = find_or_create(&db, "o", "PRIMARY").unwrap();
        assert_ne!(find_or_create(&db, "o", "SALES").unwrap(), first);
        assert_ne!(find_or_create(&db, "p", "PRIMARY").unwrap(), first);
        assert_eq!(find_or_create(&db, "o", "PRIMARY").unwrap(), first);
    }

    #[test]
    fn users_are_found_by_their_keys() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let everybody = "SELECT count(*) FROM people WHERE organization = ?1";
        let listed = format!("SELECT email {LISTED} ORDER BY domain, name_key LIMIT 10");
        for (statement, by) in [
            (
                "SELECT email FROM people WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
                "(space=? AND name_key=?)",
            ),
            (
                "SELECT email FROM people WHERE organization = ?1 AND id = ?2",
                "(space=? AND id=?)",
            ),
            (
                "SELECT user_name FROM people
                 WHERE organization = ?1 AND domain = ?2 AND name_key >= ?3 ORDER BY name_key",
                "(space=? AND name_key>?)",
            ),
            (&listed, "(space=? AND name_key>?)"),
            (everybody, "(space=?)"),
            (
                &format!("UPDATE users SET email = NULL WHERE {IN_ORGANIZATION} AND id = ?2"),
                "(space=? AND id=?)",
            ),
            (
                &format!("DELETE FROM users WHERE {IN_DOMAIN} AND name_key = ?3"),
                "(space=? AND name_key=?)",
            ),
        ] {
            let mut plan = db
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let steps = plan.raw_query().mapped(|row| row.get::<_, String>(3));
            let steps = steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ");
            let is_narrow =
                steps.contains(by) && !steps.contains("SCAN") && !steps.contains("TEMP");
            assert!(is_narrow, "{statement}: {steps}");
        }
    }
}

//! The versions of the schema, and the migrations between them.

use rusqlite::Connection;

use crate::stores::sqlite::connection::{add_functions, from_sqlite};
use crate::stores::sqlite::groups::add_built_in_roles;
use crate::stores::sqlite::name_keys;
use crate::stores::sqlite::rejects::pack_rows;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::store_error::StoreError;

/// A migration to the next version: SQL statements, and then the steps that need code.
struct Migration {
    sql: &'static str,
    then: fn(&Connection) -> rusqlite::Result<()>,
}

/// One entry per version, in order; a released entry never changes.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("schema_1.sql"),
        then: |db| add_built_in_roles(db, DEFAULT_ORGANIZATION),
    },
    Migration {
        sql: include_str!("schema_2.sql"),
        then: nothing,
    },
    Migration {
        sql: include_str!("schema_3.sql"),
        then: pack_rows,
    },
    // Keys of names are lower case; before, they were case foldings.
    Migration {
        sql: "",
        then: name_keys::recompute,
    },
    Migration {
        sql: include_str!("schema_5.sql"),
        then: nothing,
    },
    Migration {
        sql: include_str!("schema_6.sql"),
        then: nothing,
    },
    Migration {
        sql: include_str!("schema_7.sql"),
        then: add_keys_of_imports,
    },
];

/// Fills the columns by which lists of imports are filtered.
fn add_keys_of_imports(db: &Connection) -> rusqlite::Result<()> {
    add_functions(db)?;
    db.execute(
        "UPDATE imports SET operator_key = muster_caseless(operator),
             file_key = muster_caseless(file_name)",
        [],
    )
    .map(drop)
}

fn nothing(_: &Connection) -> rusqlite::Result<()> {
    Ok(())
}

/// Migrates the schema to the newest version, each version in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, MIGRATIONS.len())
}

fn migrate_to(connection: &mut Connection, versions: usize) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > newest() {
        return Err(StoreError::NewerSchema {
            found,
            known: newest(),
        });
    }
    let pending = MIGRATIONS.iter().zip(1u32..).take(versions);
    for (migration, version) in pending.skip(found as usize) {
        let transaction = connection.transaction().map_err(from_sqlite)?;
        transaction
            .execute_batch(migration.sql)
            .and_then(|()| (migration.then)(&transaction))
            .and_then(|()| transaction.pragma_update(None, "user_version", version))
            .map_err(from_sqlite)?;
        transaction.commit().map_err(from_sqlite)?;
        tracing::info!(version, "store schema migrated");
    }
    Ok(())
}

/// Checks that the schema has exactly the newest version.
pub(super) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, newest());
    match found {
        _ if found == known => Ok(()),
        _ if found > known => Err(StoreError::NewerSchema { found, known }),
        _ => Err(StoreError::Failed(format!(
            "the store has schema version {found} and {known} is needed; start the server once \
             to migrate it"
        ))),
    }
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(from_sqlite)
}

pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// A database of an earlier version, for tests of the migrations after it.
#[cfg(test)]
pub(super) fn make_version(connection: &mut Connection, version: usize) {
    migrate_to(connection, version).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::rejects::read;
    use crate::users::import_id::ImportId;
    use crate::users::reject_block::RejectCursor;

    /// A database of an earlier version, with an import in it.
    fn earlier(versions: usize) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_to(&mut connection, versions).unwrap();
        connection
            .execute_batch(include_str!(
                "../../../fixtures/stores/schema_1_content.sql"
            ))
            .unwrap();
        connection
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        check_version(&connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(
            migrate(&mut connection),
            Err(StoreError::NewerSchema {
                found: 99,
                known: newest()
            })
        );
    }

    #[test]
    fn failed_migration_leaves_the_previous_version() {
        let mut connection = earlier(1);
        // The column that the second version adds already exists.
        connection
            .execute_batch("ALTER TABLE imports ADD COLUMN warnings TEXT")
            .unwrap();
        assert!(migrate(&mut connection).is_err());
        assert_eq!(version(&connection), Ok(1));
        assert!(connection.is_autocommit());
    }

    #[test]
    fn undo_of_an_old_scim_import_reports_unrecorded_changes() {
        let mut connection = earlier(1);
        migrate_to(&mut connection, 4).unwrap();
        // Only created users; changed something; created something other than a user; already
        // undone.
        for (number, channel, state, created, updated) in [
            (101, "scim", "completed", 0, 0),
            (102, "scim", "completed", 0, 1),
            (103, "scim", "completed", 1, 0),
            (104, "scim", "undone", 1, 1),
            (105, "rest", "completed", 1, 1),
        ] {
            connection
                .execute(
                    "INSERT INTO imports (number, organization, id, domain, door, operator, file_name,
                         state, total, created, updated, unchanged, duplicate, failed, skipped, findings,
                         started_at, options, may_grant_admin, active_at)
                     VALUES (?1, 'default', randomblob(16), 'PRIMARY', ?2, 'admin', 'scim/v2/Bulk', ?3, 1,
                         ?4, ?5, 0, 0, 0, 0, 0, 7, '{}', 1, 7)",
                    rusqlite::params![number, channel, state, created, updated],
                )
                .unwrap();
        }
        migrate(&mut connection).unwrap();
        let mut noted = connection
            .prepare(
                "SELECT i.number, d.deed FROM deeds d
                 JOIN imports i ON i.organization = d.organization AND i.id = d.import
                 ORDER BY i.number",
            )
            .unwrap();
        let noted: Vec<(i64, String)> = noted
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        let unknown = serde_json::to_string(&crate::users::undo_steps::UndoStep::Unknown).unwrap();
        assert_eq!(noted, [(102, unknown.clone()), (103, unknown)]);
    }

    #[test]
    fn imports_of_earlier_versions_can_be_filtered_and_have_no_mended_cells() {
        for versions in [1, 6] {
            let mut connection = earlier(1);
            migrate_to(&mut connection, versions).unwrap();
            let renamed = "UPDATE imports SET operator = 'Zoë', file_name = 'ÜBER.csv'
                           WHERE file_name = 'mixed.csv'";
            assert_eq!(connection.execute(renamed, []), Ok(1));
            migrate(&mut connection).unwrap();
            let mut imports = connection
                .prepare("SELECT file_key, operator_key, mended FROM imports ORDER BY file_key")
                .unwrap();
            let found: Vec<(String, String, i64)> = imports
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            let expected = [("clean.csv", "admin", 0), ("über.csv", "zoë", 0)]
                .map(|(file, operator, mended)| (file.to_owned(), operator.to_owned(), mended));
            assert_eq!(found, expected, "from version {versions}");
        }
    }

    #[test]
    fn schema_1_keeps_rejected_rows_and_counts_warnings() {
        let mut connection = earlier(1);
        migrate(&mut connection).unwrap();
        check_version(&connection).unwrap();
        let mut imports = connection
            .prepare(
                "SELECT file_name, warnings, rejects_total, rejects_kept, rejects_width FROM imports
                 ORDER BY file_name",
            )
            .unwrap();
        let counted: Vec<(String, [i64; 4])> = imports
            .query_map([], |row| {
                let counts = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
                Ok((row.get(0)?, counts))
            })
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        let expected = [("clean.csv", [0; 4]), ("mixed.csv", [2, 3, 2, 4])];
        assert_eq!(counted, expected.map(|(name, n)| (name.to_owned(), n)));
        let import = "01989e3a-7c51-7c4e-9d6b-000000000002".parse().unwrap();
        let cursor = RejectCursor::all();
        let page = read(&connection, "default", ImportId(import), cursor, 10).unwrap();
        let rows: Vec<_> = page
            .rows
            .iter()
            .map(|row| (row.line, row.cells.join("|"), row.code.as_str()))
            .collect();
        let expected = [
            (4, "a b||\"=1\"".to_owned(), "name-white-space"),
            (5, "c d||Dr.|more".to_owned(), "name-white-space"),
        ];
        assert_eq!(rows, expected);
        let old_table = connection.prepare("SELECT * FROM rejects");
        assert!(old_table.is_err(), "it is gone");
    }
}

//! Organizations in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::groups::add_built_in_roles;
use crate::stores::sqlite::step::unsigned;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::organization::{
    Belongings, NoSuchOrganization, Organization, OrganizationRemoved, OrganizationStore, key,
};
use crate::users::store_error::StoreError;

/// Tables whose rows are removed with an organization. An organization with users, operators or
/// tokens cannot be removed, so their tables are not listed; a test compares this with the schema.
const DEPENDENT_TABLES: [&str; 12] = [
    "spaces",
    "roles",
    "role_members",
    "role_groups",
    "imports",
    "operation_results",
    "reject_blocks",
    "before_images",
    "deeds",
    "findings",
    "column_maps",
    "audit",
];

impl OrganizationStore for SqliteStore {
    fn organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT name, created_at FROM organizations WHERE name_key = ?1")?
                .query_row([key(name)], organization)
                .optional()
        })
    }

    fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.read(|db| {
            db.prepare_cached("SELECT name, created_at FROM organizations ORDER BY name_key")?
                .query_map([], organization)?
                .collect()
        })
    }

    fn add_organization(
        &self,
        organization: &Organization,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let name = &organization.name;
            let added = db.execute(
                "INSERT INTO organizations (name_key, name, created_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
                params![key(name), name, organization.created_at.0],
            )?;
            if added == 0 {
                return Ok(false);
            }
            add_built_in_roles(db, name)?;
            let entry =
                AuditEntry::of_organization("organization.add", name, by, organization.created_at);
            note(db, &entry)?;
            Ok(true)
        })
    }

    fn remove_organization(
        &self,
        name: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<OrganizationRemoved, StoreError> {
        self.change(|db| {
            let found: Option<String> = db
                .query_row(
                    "SELECT name FROM organizations WHERE name_key = ?1",
                    [key(name)],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(name) = found else {
                return Ok(OrganizationRemoved::Unknown);
            };
            if name == DEFAULT_ORGANIZATION {
                return Ok(OrganizationRemoved::TheDefault);
            }
            let belongings = belongings(db, &name)?;
            if !belongings.is_empty() {
                return Ok(OrganizationRemoved::HasStill(belongings));
            }
            for table in DEPENDENT_TABLES {
                db.execute(
                    &format!("DELETE FROM {table} WHERE organization = ?1"),
                    [&name],
                )?;
            }
            db.execute("DELETE FROM organizations WHERE name = ?1", [&name])?;
            let entry = AuditEntry::of_organization("organization.remove", &name, by, at);
            note(db, &entry)?;
            Ok(OrganizationRemoved::Removed)
        })
    }
}

fn belongings(db: &Connection, name: &str) -> rusqlite::Result<Belongings> {
    let count = |table: &str, further: &str| {
        db.query_row(
            &format!("SELECT count(*) FROM {table} WHERE organization = ?1 {further}"),
            [name],
            |row| row.get(0).map(unsigned),
        )
    };
    Ok(Belongings {
        users: count("people", "")?,
        imports: count("imports", "AND state IN ('queued', 'running')")?,
        operators: count("operators", "")?,
        tokens: count("tokens", "")?,
    })
}

/// Refuses writes into an organization that does not exist; it may have been removed after a call
/// began.
pub(super) fn require(db: &Connection, name: &str) -> rusqlite::Result<()> {
    let there = db
        .prepare_cached("SELECT 1 FROM organizations WHERE name = ?1")?
        .exists([name])?;
    match there {
        true => Ok(()),
        false => {
            let missing = NoSuchOrganization(name.to_owned());
            Err(rusqlite::Error::ToSqlConversionFailure(missing.into()))
        }
    }
}

fn organization(row: &Row<'_>) -> rusqlite::Result<Organization> {
    Ok(Organization {
        name: row.get(0)?,
        created_at: Moment(row.get(1)?),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn removal_covers_every_table_with_an_organization() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::stores::sqlite::migrations::migrate(&mut db).unwrap();
        let mut query = db
            .prepare(
                "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND c.name = 'organization'",
            )
            .unwrap();
        let found = query.query_map([], |row| row.get(0)).unwrap();
        let found: BTreeSet<String> = found.map(Result::unwrap).collect();
        let keep_it = ["operators", "tokens"];
        let known = DEPENDENT_TABLES.iter().chain(&keep_it);
        assert_eq!(found, known.map(|table| (*table).to_owned()).collect());
    }
}

//! Operators in SQLite.

use rusqlite::{OptionalExtension, Row, params};

use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::organizations::require;
use crate::users::actor::Actor;
use crate::users::name::lookup_key;
use crate::users::operator::{Operator, OperatorStore, Role};
use crate::users::store_error::StoreError;

const COLUMNS: &str = "name, role, organization, password_hash, created_at";

impl OperatorStore for SqliteStore {
    fn operator(&self, name: &str) -> Result<Option<Operator>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM operators WHERE name_key = ?1"
            ))?
            .query_row([lookup_key(name)], operator)
            .optional()
        })
    }

    fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM operators ORDER BY name_key"
            ))?
            .query_map([], operator)?
            .collect()
        })
    }

    fn add_operator(&self, operator: &Operator, by: &Actor) -> Result<bool, StoreError> {
        self.change(|db| {
            if let Some(organization) = &operator.organization {
                require(db, organization)?;
            }
            let added = db.execute(
                "INSERT INTO operators (name_key, name, role, organization, password_hash, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                params![
                    lookup_key(&operator.name),
                    operator.name,
                    operator.role.as_str(),
                    operator.organization,
                    operator.password_hash,
                    operator.created_at.0,
                ],
            )?;
            if added == 1 {
                note(db, &operator.entry("operator.add", by, operator.created_at))?;
            }
            Ok(added == 1)
        })
    }

    fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let changed = db
                .prepare_cached(&format!(
                    "UPDATE operators SET password_hash = ?2 WHERE name_key = ?1 RETURNING {COLUMNS}"
                ))?
                .query_row([lookup_key(name).as_str(), password_hash], operator)
                .optional()?;
            if let Some(operator) = &changed {
                note(db, &operator.entry("operator.password", by, at))?;
            }
            Ok(changed.is_some())
        })
    }

    fn remove_operator(&self, name: &str, by: &Actor, at: Moment) -> Result<bool, StoreError> {
        self.change(|db| {
            let key = lookup_key(name);
            db.execute("DELETE FROM tokens WHERE operator = ?1", [&key])?;
            let removed = db
                .prepare_cached(&format!(
                    "DELETE FROM operators WHERE name_key = ?1 RETURNING {COLUMNS}"
                ))?
                .query_row([&key], operator)
                .optional()?;
            if let Some(operator) = &removed {
                note(db, &operator.entry("operator.remove", by, at))?;
            }
            Ok(removed.is_some())
        })
    }
}

/// Reads an operator from the first five columns.
pub(super) fn operator(row: &Row<'_>) -> rusqlite::Result<Operator> {
    let role: String = row.get(1)?;
    Ok(Operator {
        name: row.get(0)?,
        role: Role::parse(&role).ok_or(rusqlite::Error::InvalidQuery)?,
        organization: row.get(2)?,
        password_hash: row.get(3)?,
        created_at: Moment(row.get(4)?),
    })
}

//! Users and roles in SQLite; passing steps to the writer.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::members::touch_groups_of;
use crate::stores::sqlite::organizations::require;
use crate::stores::sqlite::spaces::{IN_DOMAIN, IN_ORGANIZATION};
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::name::lookup_key;
use crate::users::name_pattern::NamePattern;
use crate::users::role_name::ROLE_SEPARATOR;
use crate::users::step::{ImportStep, PendingStep};
use crate::users::store::{NewPassword, NewRole, RoleAdded, StoredPassword, UserCursor, UserStore};
use crate::users::store_error::StoreError;
use crate::users::user::User;

/// The columns that [`user`] reads, in a query where `u` is the user.
pub(super) const USER_COLUMNS: &str =
    "id, user_name, domain, organization, given_name, family_name, email,
    attributes, must_change, created_by,
    (SELECT group_concat(role, char(10)) FROM role_members m WHERE m.organization = u.organization
        AND m.domain = u.domain AND m.user_id = u.id),
    coalesce(password_at, created_at), external_id, created_at, modified_at,
    u.password_hash IS NOT NULL OR EXISTS (SELECT 1 FROM imports i WHERE i.number = u.created_in
        AND u.must_change AND i.default_password_hash IS NOT NULL)";

/// The users of an organization, or of one of its domains, after a domain and name key, for an
/// order that an index provides.
pub(super) const LISTED: &str =
    "FROM people u WHERE organization = ?1 AND (?2 IS NULL OR domain = ?2)
    AND domain >= ?3 AND name_key > iif(domain = ?3, ?4, '')";

/// The hash of a user's password, in a query in which `u` is the user. If the password is initial
/// and has no hash, it is the default of the import that created the user.
const PASSWORD_HASH: &str = "coalesce(u.password_hash, (SELECT i.default_password_hash
    FROM imports i WHERE i.number = u.created_in AND u.must_change))";

impl UserStore for SqliteStore {
    fn submit(&self, step: ImportStep) -> PendingStep {
        match &self.writer {
            Some(writer) => writer.submit(step),
            // The sender is dropped, so that waiting returns `Closed`.
            None => PendingStep::channel().1,
        }
    }

    fn user(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<User>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {USER_COLUMNS} FROM people u
                 WHERE organization = ?1 AND domain = ?2 AND name_key = ?3"
            ))?
            .query_row(params![organization, domain, lookup_key(name)], user)
            .optional()
        })
    }

    fn users(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let (after_domain, after_key) = after.map_or(("", ""), |cursor| {
            (cursor.domain.as_str(), cursor.key.as_str())
        });
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {USER_COLUMNS} {LISTED}
                 ORDER BY domain, name_key LIMIT ?5"
            ))?
            .query_map(
                params![organization, domain, after_domain, after_key, i64_of(limit)],
                user,
            )?
            .collect()
        })
    }

    fn initial_passwords(
        &self,
        organization: &str,
        domain: Option<&str>,
        set_before: Option<Moment>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let (after_domain, after_key) = after.map_or(("", ""), |cursor| {
            (cursor.domain.as_str(), cursor.key.as_str())
        });
        self.scan(|db| {
            db.prepare_cached(&format!(
                "SELECT {USER_COLUMNS} {LISTED}
                     AND must_change AND coalesce(password_at, created_at) < ?5
                 ORDER BY domain, name_key LIMIT ?6"
            ))?
            .query_map(
                params![
                    organization,
                    domain,
                    after_domain,
                    after_key,
                    set_before.map_or(i64::MAX, |moment| moment.0),
                    i64_of(limit)
                ],
                user,
            )?
            .collect()
        })
    }

    fn user_names(
        &self,
        organization: &str,
        domain: &str,
        pattern: &NamePattern,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let find = |db: &Connection| {
            let mut query = db.prepare_cached(
                "SELECT name_key, user_name FROM people
                 WHERE organization = ?1 AND domain = ?2 AND name_key >= ?3 ORDER BY name_key",
            )?;
            let mut rows = query.query(params![organization, domain, pattern.prefix()])?;
            let mut names = Vec::new();
            while names.len() < limit
                && let Some(row) = rows.next()?
            {
                let key = row.get_ref(0)?.as_str()?;
                if !key.starts_with(pattern.prefix()) {
                    break;
                }
                if pattern.matches(key) {
                    names.push(row.get(1)?);
                }
            }
            Ok(names)
        };
        match pattern.is_one_name() {
            true => self.read(find),
            false => self.scan(find),
        }
    }

    fn delete_user(
        &self,
        by: &Actor,
        domain: &str,
        name: &str,
        at: Moment,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let (organization, key) = (by.organization.as_str(), lookup_key(name));
            let id: Option<uuid::Uuid> = db
                .prepare_cached(&format!(
                    "DELETE FROM users WHERE {IN_DOMAIN} AND name_key = ?3 RETURNING id"
                ))?
                .query_row(params![organization, domain, key], |row| row.get(0))
                .optional()?;
            if let Some(id) = id {
                touch_groups_of(db, organization, domain, id, at)?;
                db.execute(
                    "DELETE FROM role_members
                     WHERE organization = ?1 AND domain = ?2 AND user_id = ?3",
                    params![organization, domain, id],
                )?;
                note(
                    db,
                    &AuditEntry::new(by, "user.delete", at).about(domain, name),
                )?;
            }
            Ok(id.is_some())
        })
    }

    fn set_password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        password: &NewPassword,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let changed = db.execute(
                &format!(
                    "UPDATE users AS u
                     SET password_hash = ?4, must_change = ?5, password_at = ?6,
                         modified_in = iif(?8, NULL, modified_in),
                         modified_at = iif(?8, max(?6, coalesce(modified_at, created_at) + 1),
                             modified_at)
                     WHERE {IN_DOMAIN} AND name_key = ?3
                         AND (?7 IS NULL OR {PASSWORD_HASH} = ?7)"
                ),
                params![
                    organization,
                    domain,
                    lookup_key(name),
                    password.hash,
                    password.must_change,
                    password.set_at.0,
                    password.replacing,
                    password.by.is_some(),
                ],
            )?;
            if let (Some(by), 1) = (&password.by, changed) {
                let entry = AuditEntry::new(by, "user.password", password.set_at);
                note(db, &entry.about(domain, name))?;
            }
            Ok(changed == 1)
        })
    }

    fn password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<StoredPassword>, StoreError> {
        let found = self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {PASSWORD_HASH}, must_change, coalesce(password_at, created_at)
                 FROM people u WHERE organization = ?1 AND domain = ?2 AND name_key = ?3"
            ))?
            .query_row(params![organization, domain, lookup_key(name)], |row| {
                let hash: Option<String> = row.get(0)?;
                let (must_change, set_at) = (row.get(1)?, Moment(row.get(2)?));
                Ok(hash.map(|hash| StoredPassword {
                    hash,
                    must_change,
                    set_at,
                }))
            })
            .optional()
        })?;
        Ok(found.flatten())
    }

    fn roles(&self, organization: &str, domain: &str) -> Result<Vec<String>, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT name FROM roles WHERE organization = ?1 AND domain IN (?2, 'INTERNAL')
                 ORDER BY name",
            )?
            .query_map([organization, domain], |row| row.get(0))?
            .collect()
        })
    }

    fn add_role(&self, role: &NewRole) -> Result<RoleAdded, StoreError> {
        self.change(|db| {
            require(db, &role.organization)?;
            let mut ids = Vec::new();
            for (domain, name) in &role.members {
                let id: Option<uuid::Uuid> = db
                    .prepare_cached(
                        "SELECT id FROM people
                         WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
                    )?
                    .query_row(
                        params![role.organization, domain, lookup_key(name)],
                        |row| row.get(0),
                    )
                    .optional()?;
                match id {
                    Some(id) => ids.push((domain, id)),
                    None => return Ok(RoleAdded::NoSuchUser(name.clone())),
                }
            }
            let permissions = serde_json::Value::from(role.permissions.as_slice()).to_string();
            let taken = db
                .prepare_cached(
                    "SELECT 1 FROM roles WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
                )?
                .exists(params![
                    role.organization,
                    role.domain,
                    lookup_key(&role.name)
                ])?;
            if taken {
                return Ok(RoleAdded::Taken);
            }
            db.execute(
                "INSERT INTO roles (organization, domain, name, name_key, id, permissions, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    role.organization,
                    role.domain,
                    role.name,
                    lookup_key(&role.name),
                    Uuid::now_v7(),
                    permissions,
                    role.at.0,
                ],
            )?;
            for (domain, id) in ids {
                db.execute(
                    "INSERT INTO role_members (organization, domain, user_id, role)
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                    params![role.organization, domain, id, role.name],
                )?;
                db.execute(
                    &format!(
                        "UPDATE users SET modified_in = NULL,
                             modified_at = max(?3, coalesce(modified_at, created_at) + 1)
                         WHERE {IN_ORGANIZATION} AND id = ?2"
                    ),
                    params![role.organization, id, role.at.0],
                )?;
            }
            let entry = AuditEntry::new(&role.by, "role.add", role.at);
            note(db, &entry.about(&role.domain, &role.name))?;
            Ok(RoleAdded::Added)
        })
    }

    fn ready(&self) -> Result<(), StoreError> {
        if self.writer.is_none() {
            return Err(StoreError::Closed);
        }
        if self.writing.needs_recovery() {
            return Err(StoreError::Recovering);
        }
        self.read(|db| db.query_row("SELECT count(*) FROM operators", [], |_| Ok(())))
    }
}

/// Reads a user.
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let attributes: Option<String> = row.get(7)?;
    let attributes = match attributes {
        Some(json) => serde_json::from_str(&json).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, error.into())
        })?,
        None => serde_json::Map::new(),
    };
    let roles: Option<String> = row.get(10)?;
    Ok(User {
        id: row.get(0)?,
        user_name: row.get(1)?,
        domain: row.get(2)?,
        organization: row.get(3)?,
        given_name: row.get(4)?,
        family_name: row.get(5)?,
        email: row.get(6)?,
        external_id: row.get(12)?,
        attributes,
        has_password: row.get(15)?,
        must_change_password: row.get(8)?,
        created_by: row.get::<_, Option<uuid::Uuid>>(9)?.map(ImportId),
        roles: roles
            .map(|all| all.split(ROLE_SEPARATOR).map(str::to_owned).collect())
            .unwrap_or_default(),
        password_set_at: Moment(row.get(11)?),
        created_at: Moment(row.get(13)?),
        modified_at: row.get::<_, Option<i64>>(14)?.map(Moment),
    })
}

pub(super) fn i64_of(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

//! The dry run: the same queries for the same keys, but only a temporary table is written, so that
//! later rows of a file meet the users that earlier ones would have created.

use rusqlite::{Connection, OptionalExtension, params};

use crate::stores::sqlite::change::find;
use crate::stores::sqlite::step::{owner, set, signed, unsigned};
use crate::users::batch::NewUser;
use crate::users::import_id::ImportId;
use crate::users::merge::Profile;
use crate::users::options::ConflictPolicy;
use crate::users::problem::Owner;
use crate::users::step::{ImportStep, Outcome, RowPassword};

const TABLE: &str = "
    CREATE TEMP TABLE IF NOT EXISTS rehearsed (
        import   BLOB    NOT NULL,
        name_key TEXT    NOT NULL,
        line     INTEGER,           -- null: the user is in the store
        profile  TEXT,              -- where users are changed: what it would be now
        PRIMARY KEY (import, name_key)
    ) STRICT, WITHOUT ROWID";

/// The outcome for each user.
pub(super) fn rehearse(db: &Connection, step: &ImportStep) -> rusqlite::Result<Vec<Outcome>> {
    db.execute_batch(TABLE)?;
    let mut outcomes = vec![Outcome::Created; step.users.len()];
    for user in step.users.sorted() {
        let outcome = match step.conflict.changes_users() {
            true => try_change(db, step, &user)?,
            false => try_insert(db, step, &user)?,
        };
        set(&mut outcomes, user.position, outcome);
    }
    Ok(outcomes)
}

/// Removes the data of an import.
pub(super) fn forget(db: &Connection, import: ImportId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM rehearsed WHERE import = ?1")?
        .execute([import.0])?;
    Ok(())
}

/// The row that created, or would have created, the user with this name key.
pub(super) fn rehearsed_owner(
    db: &Connection,
    step: &ImportStep,
    key: &str,
) -> rusqlite::Result<Owner> {
    if let Some((owner, _)) = owner(db, step, key).optional()? {
        return Ok(owner);
    }
    db.prepare_cached("SELECT line FROM rehearsed WHERE import = ?1 AND name_key = ?2")?
        .query_row(params![step.import.0, key], |row| {
            Ok(Owner {
                import: Some(step.import),
                line: row.get::<_, Option<i64>>(0)?.map(unsigned),
            })
        })
}

fn try_insert(db: &Connection, step: &ImportStep, user: &NewUser<'_>) -> rusqlite::Result<Outcome> {
    if owner(db, step, user.key).optional()?.is_none() {
        let added = db
            .prepare_cached(
                "INSERT INTO rehearsed (import, name_key, line) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![step.import.0, user.key, signed(user.line)])?;
        if added == 1 {
            return Ok(Outcome::Created);
        }
    }
    Ok(match step.conflict {
        ConflictPolicy::Fail => Outcome::Exists,
        _ => Outcome::Duplicate,
    })
}

fn try_change(db: &Connection, step: &ImportStep, user: &NewUser<'_>) -> rusqlite::Result<Outcome> {
    let noted: Option<String> = db
        .prepare_cached("SELECT profile FROM rehearsed WHERE import = ?1 AND name_key = ?2")?
        .query_row(params![step.import.0, user.key], |row| row.get(0))
        .optional()?;
    let now = match noted {
        Some(json) => Some(serde_json::from_str(&json).map_err(corrupt)?),
        None => {
            find(db, &step.organization, &step.domain, user.key)?.map(|stored| stored.image.profile)
        }
    };
    let (outcome, profile) = match now {
        None if user.password_missing => return Ok(Outcome::PasswordMissing),
        None => (Outcome::Created, Profile::of(user)),
        Some(profile) => {
            let given = step.password_of(user, &profile);
            match step.profile_after(user, &profile) {
                Ok(Some(after)) => (Outcome::for_existing(true, given), after),
                Ok(None) if given == RowPassword::Set => {
                    (Outcome::for_existing(false, given), profile)
                }
                Ok(None) => return Ok(Outcome::for_existing(false, given)),
                Err(refused) => return Ok(refused),
            }
        }
    };
    let json = serde_json::to_string(&profile).map_err(corrupt)?;
    db.prepare_cached(
        "INSERT INTO rehearsed (import, name_key, profile) VALUES (?1, ?2, ?3)
         ON CONFLICT (import, name_key) DO UPDATE SET profile = ?3",
    )?
    .execute(params![step.import.0, user.key, json])?;
    Ok(outcome)
}

fn corrupt(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

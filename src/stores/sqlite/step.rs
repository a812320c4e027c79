//! One step of an import, inside a transaction: record, users, roles, counters, findings.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::stores::sqlite::change::change;
use crate::stores::sqlite::ledger::write_record;
use crate::stores::sqlite::rehearsal::rehearse;
use crate::stores::sqlite::spaces::find_or_make;
use crate::users::batch::NewUser;
use crate::users::import_record::ImportId;
use crate::users::options::ConflictPolicy;
use crate::users::policy::ROLE_SEPARATOR;
use crate::users::problem::Owner;
use crate::users::store::{ImportStep, Outcome, Tally};

/// Writes the step; the caller commits.
pub(super) fn apply(db: &Connection, step: &ImportStep) -> rusqlite::Result<(Vec<Outcome>, Tally)> {
    if step.dry_run {
        let outcomes = rehearse(db, step)?;
        let tally = step.tally(&outcomes);
        return Ok((outcomes, tally));
    }
    let outcomes = write_users(db, step)?;
    let tally = step.tally(&outcomes);
    write_record(db, step, &tally)?;
    Ok((outcomes, tally))
}

fn write_users(db: &Connection, step: &ImportStep) -> rusqlite::Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Created; step.users.len()];
    if step.users.is_empty() {
        return Ok(outcomes);
    }
    let space = find_or_make(db, &step.organization, &step.domain)?;
    let mut insert = db.prepare_cached(
        "INSERT INTO users (space, created_by, created_at, name_key, id, user_name, given_name,
             family_name, email, external_id, attributes, password_hash, must_change, created_line)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (space, name_key) DO NOTHING",
    )?;
    // What all rows have in common stays bound.
    insert.raw_bind_parameter(1, space)?;
    insert.raw_bind_parameter(2, step.import.0)?;
    insert.raw_bind_parameter(3, step.at.0)?;
    for user in step.users.sorted() {
        if user.password_missing {
            // Only somebody who exists can do without one.
            let outcome = change(db, step, &user)?;
            set(&mut outcomes, user.position, outcome);
            continue;
        }
        insert.raw_bind_parameter(4, user.key)?;
        insert.raw_bind_parameter(5, user.id)?;
        insert.raw_bind_parameter(6, Some(user.name).filter(|name| *name != user.key))?;
        insert.raw_bind_parameter(7, user.given_name)?;
        insert.raw_bind_parameter(8, user.family_name)?;
        insert.raw_bind_parameter(9, user.email)?;
        insert.raw_bind_parameter(10, user.external_id)?;
        insert.raw_bind_parameter(11, user.attributes)?;
        insert.raw_bind_parameter(12, user.password_hash)?;
        insert.raw_bind_parameter(13, user.must_change)?;
        insert.raw_bind_parameter(14, signed(user.line))?;
        let made = insert.raw_execute()?;
        if made == 0 {
            let outcome = meet(db, step, &user)?;
            set(&mut outcomes, user.position, outcome);
        } else if let Some(roles) = user.roles {
            give_roles(db, step, &user, roles)?;
        }
    }
    Ok(outcomes)
}

/// What becomes of a row whose user exists.
fn meet(db: &Connection, step: &ImportStep, user: &NewUser<'_>) -> rusqlite::Result<Outcome> {
    match step.conflict {
        ConflictPolicy::Skip => Ok(Outcome::Duplicate(owner(db, step, user.key)?)),
        ConflictPolicy::Fail => Ok(Outcome::Exists),
        ConflictPolicy::Update | ConflictPolicy::Fill => change(db, step, user),
    }
}

/// Which row made the user with this name key.
pub(super) fn owner(db: &Connection, step: &ImportStep, key: &str) -> rusqlite::Result<Owner> {
    db.prepare_cached(
        "SELECT created_by, created_line FROM people
         WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
    )?
    .query_row(params![step.organization, step.domain, key], |row| {
        Ok(Owner {
            import: row.get::<_, Option<Uuid>>(0)?.map(ImportId),
            line: row.get::<_, Option<i64>>(1)?.map(unsigned),
        })
    })
}

fn give_roles(
    db: &Connection,
    step: &ImportStep,
    user: &NewUser<'_>,
    roles: &str,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    for role in roles.split(ROLE_SEPARATOR) {
        insert.execute(params![step.organization, step.domain, user.id, role])?;
    }
    Ok(())
}

pub(super) fn set(outcomes: &mut [Outcome], position: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(position) {
        *place = outcome;
    }
}

/// SQLite's integers are signed; lines and counts stay far below the half of the range.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

//! One step of an import, inside a transaction: record, users, roles, counters, findings.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::stores::sqlite::ledger::{next_number, remaining_capacity, write_record};
use crate::stores::sqlite::rehearsal::{forget, rehearse, rehearsed_owner};
use crate::stores::sqlite::rows::{MAX_USERS, Rows};
use crate::stores::sqlite::spaces::find_or_create;
use crate::users::batch::NewUser;
use crate::users::import_id::ImportId;
use crate::users::import_record::RejectedRows;
use crate::users::problem::Owner;
use crate::users::step::{Capacity, ImportStep, Outcome, Tally};

/// Writes the step; the caller commits.
pub(super) fn apply(db: &Connection, step: &ImportStep) -> rusqlite::Result<(Vec<Outcome>, Tally)> {
    if step.dry_run {
        let outcomes = rehearse(db, step)?;
        let capacity = step.remaining_capacity(0, &RejectedRows::default());
        let tally = step.tally(&outcomes, capacity, |key| rehearsed_owner(db, step, key))?;
        if step.finish.is_some() {
            forget(db, step.import)?;
        }
        return Ok((outcomes, tally));
    }
    let number = match step.begin {
        Some(_) => next_number(db)?,
        None => number_of(db, &step.organization, step.import)?,
    };
    let outcomes = write_users(db, step, number)?;
    let capacity = match step.is_quiet(&outcomes) {
        true => Capacity::default(),
        false => remaining_capacity(db, step)?,
    };
    let tally = step.tally(&outcomes, capacity, |key| {
        owner(db, step, key).map(|(owner, made_in)| match made_in == Some(number) {
            // Its record may not be written yet.
            true => Owner {
                import: Some(step.import),
                ..owner
            },
            false => owner,
        })
    })?;
    write_record(db, step, number, &tally)?;
    Ok((outcomes, tally))
}

fn write_users(db: &Connection, step: &ImportStep, number: i64) -> rusqlite::Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Created; step.users.len()];
    if step.users.is_empty() {
        return Ok(outcomes);
    }
    let space = find_or_create(db, &step.organization, &step.domain)?;
    let mut rows = Rows::new(db, step, space, number);
    let mut record_outcome =
        |user: &NewUser<'_>, outcome| set(&mut outcomes, user.position, outcome);
    let mut together: Vec<NewUser<'_>> = Vec::with_capacity(MAX_USERS);
    for user in step.users.sorted() {
        let is_alike = |other: &NewUser<'_>| other.password_missing == user.password_missing;
        if together.len() == MAX_USERS || !together.last().is_none_or(is_alike) {
            rows.write(&together, &mut record_outcome)?;
            together.clear();
        }
        together.push(user);
    }
    rows.write(&together, &mut record_outcome)?;
    rows.finish()?;
    Ok(outcomes)
}

/// The number of an import.
pub(super) fn number_of(
    db: &Connection,
    organization: &str,
    import: ImportId,
) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT number FROM imports WHERE organization = ?1 AND id = ?2")?
        .query_row(params![organization, import.0], |row| row.get(0))
}

/// The row that created the user with this name key, and the number of its import.
pub(super) fn owner(
    db: &Connection,
    step: &ImportStep,
    key: &str,
) -> rusqlite::Result<(Owner, Option<i64>)> {
    db.prepare_cached(
        "SELECT created_by, created_line, created_in FROM people
         WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
    )?
    .query_row(params![step.organization, step.domain, key], |row| {
        let owner = Owner {
            import: row.get::<_, Option<Uuid>>(0)?.map(ImportId),
            line: row.get::<_, Option<i64>>(1)?.map(unsigned),
        };
        Ok((owner, row.get(2)?))
    })
}

pub(super) fn set(outcomes: &mut [Outcome], position: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(position) {
        *place = outcome;
    }
}

/// SQLite's integers are signed; lines and counts stay far below the maximum.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

//! One step of an import, inside a transaction: record, users, roles, counters, findings.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::users::batch::NewUser;
use crate::users::import_record::{Counters, ImportId, ImportRecord};
use crate::users::policy::ROLE_SEPARATOR;
use crate::users::problem::{Owner, Problem};
use crate::users::store::{ImportStep, Outcome};

/// Keys that rows of a dry run would have taken, so that later rows of the same file meet them.
pub(super) const REHEARSAL_TABLE: &str = "
    CREATE TEMP TABLE IF NOT EXISTS rehearsed (
        import   BLOB    NOT NULL,
        name_key TEXT    NOT NULL,
        line     INTEGER NOT NULL,
        PRIMARY KEY (import, name_key)
    ) STRICT, WITHOUT ROWID";

/// Writes the step; the caller commits.
pub(super) fn apply(db: &Connection, step: &ImportStep) -> rusqlite::Result<Vec<Outcome>> {
    if step.dry_run {
        return rehearse(db, step);
    }
    if let Some(record) = &step.begin {
        insert_record(db, record)?;
    }
    if let Some(hash) = &step.default_password_hash {
        db.prepare_cached(
            "UPDATE imports SET default_password_hash = ?3 WHERE organization = ?1 AND id = ?2",
        )?
        .execute(params![step.organization, step.import.0, hash])?;
    }
    let outcomes = write_users(db, step)?;
    let (counters, findings) = step.tally(&outcomes);
    update_record(db, step, &counters, &findings)?;
    Ok(outcomes)
}

fn write_users(db: &Connection, step: &ImportStep) -> rusqlite::Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Created; step.users.len()];
    if step.users.is_empty() {
        return Ok(outcomes);
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO users (organization, domain, name_key, id, user_name, given_name, family_name,
             email, attributes, password_hash, initial_of, must_change, created_by, created_line,
             created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (organization, domain, name_key) DO NOTHING",
    )?;
    for user in step.users.sorted() {
        let initial_of = user.password_hash.is_none().then_some(step.import.0);
        let made = insert.execute(params![
            step.organization,
            step.domain,
            user.key,
            user.id,
            user.name,
            user.given_name,
            user.family_name,
            user.email,
            user.attributes,
            user.password_hash,
            initial_of,
            user.must_change,
            step.import.0,
            signed(user.line),
            step.at.0,
        ])?;
        if made == 0 {
            let owner = owner(db, step, user.key)?;
            set(&mut outcomes, user.position, Outcome::Duplicate(owner));
        } else if let Some(roles) = user.roles {
            give_roles(db, step, &user, roles)?;
        }
    }
    Ok(outcomes)
}

fn owner(db: &Connection, step: &ImportStep, key: &str) -> rusqlite::Result<Owner> {
    db.prepare_cached(
        "SELECT created_by, created_line FROM users
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

fn insert_record(db: &Connection, record: &ImportRecord) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO imports (organization, id, domain, door, operator, file_name, state, total,
             created, updated, unchanged, duplicate, failed, skipped, findings, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, 0, 0, ?8)",
    )?
    .execute(params![
        record.organization,
        record.id.0,
        record.domain,
        record.door.as_str(),
        record.operator,
        record.file_name,
        record.state.as_str(),
        record.started_at.0,
    ])?;
    Ok(())
}

fn update_record(
    db: &Connection,
    step: &ImportStep,
    counted: &Counters,
    findings: &[Problem],
) -> rusqlite::Result<()> {
    let found = i64::try_from(findings.len()).unwrap_or(i64::MAX);
    let finish = step.finish.as_ref();
    let after: i64 = db
        .prepare_cached(
            "UPDATE imports SET total = total + ?3, created = created + ?4, updated = updated + ?5,
                 unchanged = unchanged + ?6, duplicate = duplicate + ?7, failed = failed + ?8,
                 skipped = skipped + ?9, findings = findings + ?10,
                 state = coalesce(?11, state), reason = ?12, sha256 = ?13, finished_at = ?14
             WHERE organization = ?1 AND id = ?2
             RETURNING findings",
        )?
        .query_row(
            params![
                step.organization,
                step.import.0,
                signed(counted.total),
                signed(counted.created),
                signed(counted.updated),
                signed(counted.unchanged),
                signed(counted.duplicate),
                signed(counted.failed),
                signed(counted.skipped),
                found,
                finish.map(|finish| finish.state.as_str()),
                finish.and_then(|finish| finish.reason.as_deref()),
                finish.and_then(|finish| finish.sha256.as_deref()),
                finish.map(|_| step.at.0),
            ],
            |row| row.get(0),
        )?;
    let room = signed(step.keep_findings)
        .saturating_sub(after - found)
        .max(0);
    keep(
        db,
        step,
        after - found,
        findings
            .iter()
            .take(usize::try_from(room).unwrap_or(usize::MAX)),
    )
}

fn keep<'p>(
    db: &Connection,
    step: &ImportStep,
    first: i64,
    findings: impl Iterator<Item = &'p Problem>,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO findings (organization, import, number, line, column_name, severity, code,
             message, user_name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (problem, number) in findings.zip(first..) {
        insert.execute(params![
            step.organization,
            step.import.0,
            number,
            signed(problem.line),
            problem.column.as_deref(),
            problem.severity.as_str(),
            problem.code.as_ref(),
            problem.message,
            problem.user_name,
        ])?;
    }
    Ok(())
}

/// The same question to the same keys, with nothing written but a note in a temporary table.
fn rehearse(db: &Connection, step: &ImportStep) -> rusqlite::Result<Vec<Outcome>> {
    db.execute_batch(REHEARSAL_TABLE)?;
    let mut outcomes = vec![Outcome::Created; step.users.len()];
    let mut insert = db.prepare_cached(
        "INSERT INTO rehearsed (import, name_key, line) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for user in step.users.sorted() {
        let outcome = if let Some(owner) = owner(db, step, user.key).optional()? {
            Outcome::Duplicate(owner)
        } else if insert.execute(params![step.import.0, user.key, signed(user.line)])? == 0 {
            let line: i64 = db
                .prepare_cached("SELECT line FROM rehearsed WHERE import = ?1 AND name_key = ?2")?
                .query_row(params![step.import.0, user.key], |row| row.get(0))?;
            Outcome::Duplicate(Owner {
                import: Some(step.import),
                line: Some(unsigned(line)),
            })
        } else {
            continue;
        };
        set(&mut outcomes, user.position, outcome);
    }
    if step.finish.is_some() {
        db.prepare_cached("DELETE FROM rehearsed WHERE import = ?1")?
            .execute([step.import.0])?;
    }
    Ok(outcomes)
}

fn set(outcomes: &mut [Outcome], position: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(position) {
        *place = outcome;
    }
}

/// SQLite's integers are signed; lines and counts stay far below the half of the range.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

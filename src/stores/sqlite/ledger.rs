//! Imports, findings and the audit, in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caseless::caseless;
use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::audit::{self, note};
use crate::stores::sqlite::connection::{from_sqlite, open_writing};
use crate::stores::sqlite::organizations::require;
use crate::stores::sqlite::rejects;
use crate::stores::sqlite::step::{signed, unsigned};
use crate::stores::sqlite::undo;
use crate::stores::sqlite::undo_steps;
use crate::stores::sqlite::users::i64_of;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::channel::Channel;
use crate::users::import_filter::ImportFilter;
use crate::users::import_id::ImportId;
use crate::users::import_record::ABANDONED;
use crate::users::import_record::{Counters, ImportRecord, ImportState, RejectedRows, Stretch};
use crate::users::problem::{Problem, Severity};
use crate::users::reject_block::{RejectCursor, RejectPage};
use crate::users::step::{Capacity, Finish, ImportStep, Tally};
use crate::users::store::ImportLedger;
use crate::users::store_error::StoreError;
use crate::users::undo::Undone;

const COLUMNS: &str = "id, organization, domain, door, operator, file_name, sha256, state,
    reason, total, created, updated, unchanged, duplicate, failed, skipped, findings, started_at,
    finished_at, default_password_hash, default_password_note, options, idempotency_key, rows_sha256,
    header, may_grant_admin, active_at, stretch_from, stretch_to, warnings,
    rejects_total, rejects_kept, rejects_bytes, rejects_width, mended";

/// The numbers of the imports in a list. Everything is decided by the index, whose entries are a fraction of the size
/// of the records, so that a filter that few of very many imports match is fast too.
const LISTED: &str = "SELECT number FROM imports INDEXED BY imports_listed
    WHERE organization = ?1 AND id < ?2 AND (?3 IS NULL OR state = ?3)
        AND (?4 IS NULL OR door = ?4)
        AND (?5 IS NULL OR started_at >= ?5) AND (?6 IS NULL OR started_at < ?6)
        AND (?7 IS NULL OR operator_key = ?7) AND (?8 IS NULL OR instr(file_key, ?8) > 0)
    ORDER BY id DESC LIMIT ?9";

impl ImportLedger for SqliteStore {
    fn import(&self, organization: &str, id: ImportId) -> Result<Option<ImportRecord>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM imports WHERE organization = ?1 AND id = ?2"
            ))?
            .query_row(params![organization, id.0], record)
            .optional()
        })
    }

    fn find_imports(
        &self,
        organization: &str,
        filter: &ImportFilter,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, StoreError> {
        // Every id is less than the maximum.
        let before = before.map_or(uuid::Uuid::max(), |before| before.0);
        let caseless = |text: &String| caseless(text).into_owned();
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM imports WHERE number IN ({LISTED}) ORDER BY id DESC"
            ))?
            .query_map(
                params![
                    organization,
                    before,
                    filter.state.map(ImportState::as_str),
                    filter.channel.map(Channel::as_str),
                    filter.since.map(|since| since.0),
                    filter.until.map(|until| until.0),
                    filter.operator.as_ref().map(caseless),
                    filter.file_name.as_ref().map(caseless),
                    i64_of(limit)
                ],
                record,
            )?
            .collect()
        })
    }

    fn findings(
        &self,
        organization: &str,
        id: ImportId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT line, column_name, severity, code, message, user_name FROM findings
                 WHERE organization = ?1 AND import = ?2 ORDER BY line, number LIMIT ?4 OFFSET ?3",
            )?
            .query_map(
                params![organization, id.0, i64_of(skip), i64_of(limit)],
                problem,
            )?
            .collect()
        })
    }

    fn import_by_key(
        &self,
        organization: &str,
        key: &str,
    ) -> Result<Option<ImportRecord>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM imports WHERE organization = ?1 AND idempotency_key = ?2"
            ))?
            .query_row([organization, key], record)
            .optional()
        })
    }

    fn add_import(&self, record: &ImportRecord) -> Result<(), StoreError> {
        self.change(|db| {
            insert_record(db, next_number(db)?, record)?;
            note(db, &AuditEntry::import_begun(record))
        })
    }

    fn claim(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<Option<ImportRecord>, StoreError> {
        self.change(|db| {
            db.query_row(
                &format!(
                    "UPDATE imports SET state = 'running', reason = NULL, finished_at = NULL,
                         active_at = ?3, cancel_requested_at = NULL
                     WHERE organization = ?1 AND id = ?2 AND state IN ('queued', 'interrupted')
                     RETURNING {COLUMNS}"
                ),
                params![organization, id.0, at.0],
                record,
            )
            .optional()
        })
    }

    fn still_running(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let requested = db
                .query_row(
                    "UPDATE imports SET active_at = ?3
                     WHERE organization = ?1 AND id = ?2 AND state = 'running'
                     RETURNING cancel_requested_at IS NOT NULL",
                    params![organization, id.0, at.0],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(requested.unwrap_or(false))
        })
    }

    fn request_cancel(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let requested = db.execute(
                "UPDATE imports SET cancel_requested_at = ?3
                 WHERE organization = ?1 AND id = ?2 AND state = 'running'",
                params![organization, id.0, at.0],
            )? > 0;
            if requested {
                note(db, &AuditEntry::cancel_requested(id, by, at))?;
            }
            Ok(requested)
        })
    }

    fn end_import(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        finish: &Finish,
        at: Moment,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            let ended = db
                .query_row(
                    &format!(
                        "UPDATE imports SET state = ?3, reason = ?4, finished_at = ?5,
                             active_at = ?5
                         WHERE organization = ?1 AND id = ?2
                             AND state IN ('queued', 'running', 'interrupted')
                         RETURNING {COLUMNS}"
                    ),
                    params![
                        organization,
                        id.0,
                        finish.state.as_str(),
                        finish.reason,
                        at.0
                    ],
                    record,
                )
                .optional()?;
            if let Some(record) = &ended {
                note(db, &AuditEntry::import_ended(record, by, at))?;
            }
            Ok(ended.is_some())
        })
    }

    fn unfinished(&self) -> Result<Vec<ImportRecord>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM imports WHERE state IN ('queued', 'interrupted') ORDER BY id"
            ))?
            .query_map([], record)?
            .collect()
        })
    }

    fn rejects(
        &self,
        organization: &str,
        id: ImportId,
        cursor: RejectCursor,
        limit: usize,
    ) -> Result<RejectPage, StoreError> {
        self.read(|db| rejects::read(db, organization, id, cursor, limit))
    }

    fn undo(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<Option<Undone>, StoreError> {
        self.in_transaction(|db| undo::undo(db, organization, id, by, at))
    }

    fn forget_images(&self, before: Moment) -> Result<usize, StoreError> {
        self.change(|db| {
            let images = db.execute("DELETE FROM before_images WHERE taken_at < ?1", [before.0])?;
            Ok(images + undo_steps::forget(db, before)?)
        })
    }

    fn audit(
        &self,
        organization: &str,
        before: Option<uuid::Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {} FROM audit WHERE organization = ?1 AND (?2 IS NULL OR id < ?2)
                 ORDER BY id DESC LIMIT ?3",
                audit::COLUMNS
            ))?
            .query_map(params![organization, before, i64_of(limit)], audit::entry)?
            .collect()
        })
    }

    fn audit_of_import(
        &self,
        organization: &str,
        id: ImportId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT {} FROM audit WHERE organization = ?1 AND import = ?2
                 ORDER BY id DESC LIMIT ?3",
                audit::COLUMNS
            ))?
            .query_map(params![organization, id.0, i64_of(limit)], audit::entry)?
            .collect()
        })
    }

    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError> {
        if self.writer.is_none() {
            return Err(StoreError::Closed);
        }
        let connection = open_writing(&self.path)?;
        connection
            .execute(
                "UPDATE imports SET state = 'interrupted', finished_at = ?1, reason = ?2
                 WHERE state = 'running'",
                params![at.0, ABANDONED],
            )
            .map_err(from_sqlite)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<ImportRecord> {
    let (channel, state): (String, String) = (row.get(3)?, row.get(7)?);
    let count = |index| {
        row.get::<_, i64>(index)
            .map(|n| u64::try_from(n).unwrap_or_default())
    };
    Ok(ImportRecord {
        id: ImportId(row.get(0)?),
        organization: row.get(1)?,
        domain: row.get(2)?,
        channel: Channel::parse(&channel).ok_or(rusqlite::Error::InvalidQuery)?,
        operator: row.get(4)?,
        file_name: row.get(5)?,
        sha256: row.get(6)?,
        state: ImportState::parse(&state).ok_or(rusqlite::Error::InvalidQuery)?,
        reason: row.get(8)?,
        counters: Counters {
            total: count(9)?,
            created: count(10)?,
            updated: count(11)?,
            unchanged: count(12)?,
            duplicate: count(13)?,
            failed: count(14)?,
            skipped: count(15)?,
        },
        options: from_json(row, 21)?.unwrap_or_default(),
        key: row.get(22)?,
        rows_sha256: row.get(23)?,
        stretch: stretch(row.get(27)?, row.get(28)?),
        request_id: None,
        header: from_json(row, 24)?.unwrap_or_default(),
        may_grant_admin: row.get(25)?,
        active_at: Moment(row.get(26)?),
        default_password_note: row.get(20)?,
        findings: count(16)?,
        warnings: count(29)?,
        rejected: RejectedRows {
            total: count(30)?,
            kept: count(31)?,
            bytes: count(32)?,
            width: count(33)?,
        },
        mended: count(34)?,
        started_at: Moment(row.get(17)?),
        finished_at: row.get::<_, Option<i64>>(18)?.map(Moment),
        default_password_hash: row.get(19)?,
    })
}

fn stretch(from: Option<i64>, to: Option<i64>) -> Option<Stretch> {
    Some(Stretch {
        from: unsigned(from?),
        to: unsigned(to?),
    })
}

fn problem(row: &Row<'_>) -> rusqlite::Result<Problem> {
    let severity: String = row.get(2)?;
    Ok(Problem {
        line: row
            .get::<_, i64>(0)
            .map(|line| u64::try_from(line).unwrap_or_default())?,
        column: row.get::<_, Option<String>>(1)?.map(Into::into),
        severity: Severity::parse(&severity).ok_or(rusqlite::Error::InvalidQuery)?,
        code: row.get::<_, String>(3)?.into(),
        message: row.get(4)?,
        user_name: row.get(5)?,
    })
}

/// Writes a new record unchanged, under this number.
fn insert_record(db: &Connection, number: i64, record: &ImportRecord) -> rusqlite::Result<()> {
    require(db, &record.organization)?;
    let counted = &record.counters;
    let header = (!record.header.is_empty()).then_some(&record.header);
    db.prepare_cached(
        "INSERT INTO imports (organization, id, domain, door, operator, file_name, state, total,
             created, updated, unchanged, duplicate, failed, skipped, findings, started_at,
             default_password_hash, default_password_note, options, idempotency_key,
             may_grant_admin, active_at, sha256, reason, finished_at, rows_sha256, header,
             number, stretch_from, stretch_to, warnings, rejects_total, rejects_kept, rejects_bytes,
             rejects_width, mended, operator_key, file_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
             ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31,
             ?32, ?33, ?34, ?35, ?36, ?37, ?38)",
    )?
    .execute(params![
        record.organization,
        record.id.0,
        record.domain,
        record.channel.as_str(),
        record.operator,
        record.file_name,
        record.state.as_str(),
        signed(counted.total),
        signed(counted.created),
        signed(counted.updated),
        signed(counted.unchanged),
        signed(counted.duplicate),
        signed(counted.failed),
        signed(counted.skipped),
        signed(record.findings),
        record.started_at.0,
        record.default_password_hash,
        record.default_password_note,
        json(&record.options)?,
        record.key,
        record.may_grant_admin,
        record.active_at.0,
        record.sha256,
        record.reason,
        record.finished_at.map(|at| at.0),
        record.rows_sha256,
        header.map(json).transpose()?,
        number,
        record.stretch.map(|it| signed(it.from)),
        record.stretch.map(|it| signed(it.to)),
        signed(record.warnings),
        signed(record.rejected.total),
        signed(record.rejected.kept),
        signed(record.rejected.bytes),
        signed(record.rejected.width),
        signed(record.mended),
        caseless(&record.operator),
        caseless(&record.file_name),
    ])?;
    Ok(())
}

/// The remaining capacity for findings and rejected rows of a step.
pub(super) fn remaining_capacity(db: &Connection, step: &ImportStep) -> rusqlite::Result<Capacity> {
    if step.begin.is_some() {
        return Ok(step.remaining_capacity(0, &RejectedRows::default()));
    }
    db.prepare_cached(
        "SELECT findings, rejects_total, rejects_kept, rejects_bytes FROM imports
         WHERE organization = ?1 AND id = ?2",
    )?
    .query_row(params![step.organization, step.import.0], |row| {
        let rejected = RejectedRows {
            total: unsigned(row.get(1)?),
            kept: unsigned(row.get(2)?),
            bytes: unsigned(row.get(3)?),
            width: 0,
        };
        Ok(step.remaining_capacity(unsigned(row.get(0)?), &rejected))
    })
}

/// The number for the record of a new import.
pub(super) fn next_number(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM imports")?
        .query_row([], |row| row.get(0))
}

/// Writes the results of a step to the record (created under this number by the first step), with
/// findings, rejected rows and audit entries.
pub(super) fn write_record(
    db: &Connection,
    step: &ImportStep,
    number: i64,
    tally: &Tally,
) -> rusqlite::Result<()> {
    let after = match &step.begin {
        Some(begun) => {
            let mut record = begun.clone();
            step.count_into(&mut record, tally);
            insert_record(db, number, &record)?;
            record
        }
        None => update_record(db, step, tally)?,
    };
    let before = after.findings - tally.found;
    keep_findings(db, step, signed(before), &tally.findings)?;
    let before = after.rejected.kept - tally.rejected.kept;
    rejects::keep(db, step, before, tally)?;
    match (&step.begin, &step.finish) {
        (_, Some(finish)) => {
            let by = finish.by.clone().unwrap_or_else(|| after.actor());
            note(db, &AuditEntry::import_ended(&after, &by, step.at))
        }
        (Some(begun), None) => note(db, &AuditEntry::import_begun(begun)),
        (None, None) => Ok(()),
    }
}

/// Adds the results of a step; returns the updated record.
fn update_record(
    db: &Connection,
    step: &ImportStep,
    tally: &Tally,
) -> rusqlite::Result<ImportRecord> {
    let (counted, finish) = (&tally.counters, step.finish.as_ref());
    db.prepare_cached(&format!(
        "UPDATE imports SET total = total + ?3, created = created + ?4, updated = updated + ?5,
             unchanged = unchanged + ?6, duplicate = duplicate + ?7, failed = failed + ?8,
             skipped = skipped + ?9, findings = findings + ?10,
             state = coalesce(?11, state), reason = ?12, sha256 = coalesce(?13, sha256),
             finished_at = ?14, active_at = ?15, rows_sha256 = coalesce(?16, rows_sha256),
             header = coalesce(?17, header),
             default_password_hash = coalesce(?18, default_password_hash),
             stretch_from = coalesce(?19, stretch_from), stretch_to = coalesce(?20, stretch_to),
             warnings = warnings + ?21, rejects_total = rejects_total + ?22,
             rejects_kept = rejects_kept + ?23, rejects_bytes = rejects_bytes + ?24,
             rejects_width = max(rejects_width, ?25), mended = mended + ?26
         WHERE organization = ?1 AND id = ?2
         RETURNING {COLUMNS}"
    ))?
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
            signed(tally.found),
            finish.map(|finish| finish.state.as_str()),
            finish.and_then(|finish| finish.reason.as_deref()),
            finish.and_then(|finish| finish.sha256.as_deref()),
            finish.map(|_| step.at.0),
            step.at.0,
            step.rows_sha256,
            step.header.as_ref().map(json).transpose()?,
            step.default_password_hash,
            step.stretch.map(|it| signed(it.from)),
            step.stretch.map(|it| signed(it.to)),
            signed(tally.warnings),
            signed(tally.rejected.total),
            signed(tally.rejected.kept),
            signed(tally.rejected.bytes),
            signed(tally.rejected.width),
            signed(step.mended),
        ],
        record,
    )
}

/// The value as JSON text.
pub(super) fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn keep_findings(
    db: &Connection,
    step: &ImportStep,
    first: i64,
    findings: &[Problem],
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO findings (organization, import, number, line, column_name, severity, code,
             message, user_name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (problem, number) in findings.iter().zip(first..) {
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

/// The value of a column with JSON text; none for NULL.
pub(super) fn from_json<T: DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<T>> {
    let json: Option<String> = row.get(index)?;
    json.map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                index,
                rusqlite::types::Type::Text,
                error.into(),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::migrations::migrate;

    #[test]
    fn lists_of_imports_are_decided_by_their_index_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {LISTED}")).unwrap();
        let none = [None::<i64>; 9];
        let steps = plan.query_map(rusqlite::params_from_iter(none), |row| row.get(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let index = "SEARCH imports USING COVERING INDEX imports_listed (organization=? AND id<?)";
        assert_eq!(steps, [index]);
    }
}

//! The audit in SQLite.

use rusqlite::{Connection, Row, params};

use crate::clock::Moment;
use crate::stores::sqlite::ledger::json;
use crate::users::audit::AuditEntry;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;

/// Writes an entry; the caller commits it together with the action.
pub(super) fn note(db: &Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO audit (organization, id, at, operator, door, action, import, target, details,
             request_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        entry.organization,
        entry.id,
        entry.at.0,
        entry.operator,
        entry.channel.as_str(),
        entry.action,
        entry.import.map(|import| import.0),
        entry.target,
        json(&entry.details)?,
        entry.request_id,
    ])?;
    Ok(())
}

/// The columns that [`entry`] reads.
pub(super) const COLUMNS: &str =
    "id, at, organization, operator, door, action, import, target, details, request_id";

/// Reads an entry.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let (channel, details): (String, String) = (row.get(4)?, row.get(8)?);
    Ok(AuditEntry {
        id: row.get(0)?,
        at: Moment(row.get(1)?),
        organization: row.get(2)?,
        operator: row.get(3)?,
        channel: Channel::parse(&channel).ok_or(rusqlite::Error::InvalidQuery)?,
        action: row.get(5)?,
        import: row.get::<_, Option<uuid::Uuid>>(6)?.map(ImportId),
        target: row.get(7)?,
        request_id: row.get(9)?,
        details: serde_json::from_str(&details).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(8, rusqlite::types::Type::Text, error.into())
        })?,
    })
}

//! The record of an import, the same for all channels.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::options::ImportOptions;
use crate::words::parsed_words;

/// The state of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// The file has arrived and waits for its turn.
    Queued,
    /// Rows are being read and written.
    Running,
    /// Every row of the file was processed.
    Completed,
    /// The upload or the server stopped in the middle; the counters show the progress.
    Interrupted,
    /// The file could not be read to its end, or had too many problems; the counters show the
    /// progress.
    Failed,
    /// A caller stopped it; the counters show the progress.
    Cancelled,
    /// Its changes were undone.
    Undone,
}

parsed_words!(ImportState {
    Queued => "queued",
    Running => "running",
    Completed => "completed",
    Interrupted => "interrupted",
    Failed => "failed",
    Cancelled => "cancelled",
    Undone => "undone",
});

impl ImportState {
    /// Whether the state can no longer change on its own.
    pub fn is_final(self) -> bool {
        !matches!(self, ImportState::Queued | ImportState::Running)
    }
}

/// The longest time, in microseconds, that a running import may go without a heartbeat. The process
/// that runs it writes one every ten seconds and with every batch.
pub const LEASE: i64 = 60_000_000;

impl ImportRecord {
    /// The state to show at the moment `now`: an import recorded as running whose last heartbeat is
    /// older than [`LEASE`] was interrupted before its end could be written.
    pub fn shown_state(&self, now: Moment) -> ImportState {
        let silent = now.0.saturating_sub(self.active_at.0) > LEASE;
        match self.state {
            ImportState::Running if silent => ImportState::Interrupted,
            state => state,
        }
    }

    /// The record to show at the moment `now`.
    #[must_use]
    pub fn shown(self, now: Moment) -> Self {
        let state = self.shown_state(now);
        let reason = match state == self.state {
            true => self.reason,
            false => Some(ABANDONED.into()),
        };
        ImportRecord {
            state,
            reason,
            ..self
        }
    }

    /// The value of the field `Muster-Import`.
    pub fn dictionary(&self) -> String {
        dictionary(self.id, self.state, &self.counters, self.warnings)
    }

    /// The operator that requested it.
    pub fn actor(&self) -> Actor {
        Actor {
            organization: self.organization.clone(),
            operator: self.operator.clone(),
            channel: self.channel,
            request_id: self.request_id.clone(),
        }
    }
}

/// A range of the rows of a file that are processed in the order of their names. Rows are counted
/// from 0 after the header, without blank lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first row.
    pub from: u64,
    /// The first row after the range.
    pub to: u64,
}

/// Row counts by outcome. `total` is always the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Rows processed; the header and empty lines do not count.
    pub total: u64,
    /// Users created.
    pub created: u64,
    /// Users changed.
    pub updated: u64,
    /// Users that already matched the row.
    pub unchanged: u64,
    /// Rows whose user already exists; nothing was changed.
    pub duplicate: u64,
    /// Rows with a problem; nothing of them was stored.
    pub failed: u64,
    /// Rows without a user name.
    pub skipped: u64,
}

impl Counters {
    /// Adds the counts of another part of the same import.
    pub fn add(&mut self, other: &Counters) {
        self.total += other.total;
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.duplicate += other.duplicate;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Whether every row had its intended effect.
    pub fn clean(&self) -> bool {
        self.failed == 0 && self.duplicate == 0
    }
}

/// How many rows of an import were rejected, and how much of them is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RejectedRows {
    /// All rejected rows.
    #[serde(rename = "rejectsTotal")]
    pub total: u64,
    /// Those that are kept: the first ones, up to the limit.
    #[serde(rename = "rejectsKept")]
    pub kept: u64,
    /// Packed size of the kept rows, in bytes.
    #[serde(skip)]
    pub bytes: u64,
    /// The number of cells of the longest kept row.
    #[serde(skip)]
    pub width: u64,
}

impl RejectedRows {
    /// Adds the counts of another part of the same import.
    pub fn add(&mut self, other: &RejectedRows) {
        self.total += other.total;
        self.kept += other.kept;
        self.bytes += other.bytes;
        self.width = self.width.max(other.width);
    }

    /// How many are not kept.
    pub fn missing(&self) -> u64 {
        self.total.saturating_sub(self.kept)
    }

    /// The counts as a dictionary (RFC 9651 §3.2): the field `Muster-Rejects`.
    pub fn dictionary(&self) -> String {
        format!("total={}, kept={}", self.total, self.kept)
    }
}

/// Serializes an import's id twice into an object (`flatten`): as `id`, the name used everywhere,
/// and as `import`, the earlier name in reports and undos.
///
/// # Errors
/// The serializer's.
pub fn named<S: serde::Serializer>(id: &ImportId, serializer: S) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_map(Some(2))?;
    members.serialize_entry("id", id)?;
    members.serialize_entry("import", id)?;
    members.end()
}

/// An import's id, state, counters and number of warnings as a dictionary (RFC 9651 §3.2): the field
/// `Muster-Import`.
pub fn dictionary(id: ImportId, state: ImportState, counters: &Counters, warnings: u64) -> String {
    let c = counters;
    format!(
        "id=\"{id}\", state={}, total={}, created={}, updated={}, unchanged={}, duplicate={}, failed={}, \
         skipped={}, warnings={warnings}",
        state.as_str(),
        c.total,
        c.created,
        c.updated,
        c.unchanged,
        c.duplicate,
        c.failed,
        c.skipped
    )
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportRecord {
    /// Its id.
    pub id: ImportId,
    /// The organization it belongs to.
    pub organization: String,
    /// The domain that its users belong to.
    pub domain: String,
    /// The channel it came through.
    #[serde(rename = "door")]
    pub channel: Channel,
    /// The operator that requested it.
    pub operator: String,
    /// The file's name as given by the caller: a label, never a path.
    pub file_name: String,
    /// SHA-256 of the file (FIPS 180-4), in hexadecimal; known once the file was read to its end.
    pub sha256: Option<String>,
    /// Its state.
    pub state: ImportState,
    /// Why it ended early.
    pub reason: Option<String>,
    /// Row counts, exact at every moment.
    #[serde(flatten)]
    pub counters: Counters,
    /// Its options.
    pub options: ImportOptions,
    /// The caller's key, by which a repeated call finds this import (`Idempotency-Key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// All findings; those over the limit were counted but not kept.
    pub findings: u64,
    /// How many findings are warnings. This does not count rows: a stored row may have several.
    pub warnings: u64,
    /// Cells that the operator changed before the import; the rows were imported with the changes,
    /// while `sha256` is that of the file as it was sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub mended: u64,
    /// Counts of rejected rows, and of those that are kept.
    #[serde(flatten)]
    pub rejected: RejectedRows,
    /// When it began.
    pub started_at: Moment,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// The last heartbeat of the process that runs it.
    pub active_at: Moment,
    /// Names of the file's columns, repeated in the reject file.
    #[serde(skip)]
    pub header: Vec<String>,
    /// SHA-256 of the rows processed so far, if the import has a key.
    #[serde(skip)]
    pub rows_sha256: Option<String>,
    /// The range of sorted rows that contains the last processed row.
    #[serde(skip)]
    pub stretch: Option<Stretch>,
    /// The id of the request that runs it, for the audit; not stored with the import.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Whether its rows may give the administrators' role and set the passwords of existing users:
    /// an administrator requested it.
    #[serde(skip)]
    pub may_grant_admin: bool,
    /// The fitness of its default password: `stays`, `initial`, or the rule it breaks; none: there
    /// is no default password.
    #[serde(skip)]
    pub default_password_note: Option<String>,
    /// Hash of the default password, for users who still have it.
    #[serde(skip)]
    pub default_password_hash: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The reason for the end of an import that no process can still be running.
pub const ABANDONED: &str = "the server stopped in the middle; send the file again to complete it";

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn states_and_channels_are_parsed_from_their_names() {
        for state in ImportState::ALL {
            assert_eq!(ImportState::parse(state.as_str()), Some(state));
        }
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.as_str()), Some(channel));
            let json = serde_json::to_value(channel).unwrap();
            assert_eq!(json, channel.as_str(), "one word for JSON and for stores");
        }
        assert_eq!(ImportState::parse("lost"), None);
    }

    #[test]
    fn response_field_lists_warnings_after_the_rows() {
        let counters = Counters {
            total: 3,
            created: 3,
            ..Counters::default()
        };
        let id = ImportId(Uuid::nil());
        assert_eq!(
            dictionary(id, ImportState::Completed, &counters, 2),
            "id=\"00000000-0000-0000-0000-000000000000\", state=completed, total=3, created=3, updated=0, \
             unchanged=0, duplicate=0, failed=0, skipped=0, warnings=2"
        );
    }

    #[test]
    fn import_without_a_recent_heartbeat_is_shown_as_interrupted() {
        let record = ImportRecord {
            id: ImportId(Uuid::nil()),
            organization: "default".into(),
            domain: "PRIMARY".into(),
            channel: Channel::Soap,
            operator: "admin".into(),
            file_name: "users.csv".into(),
            sha256: None,
            state: ImportState::Running,
            reason: None,
            counters: Counters::default(),
            options: ImportOptions::default(),
            key: None,
            findings: 0,
            warnings: 0,
            mended: 0,
            rejected: RejectedRows::default(),
            started_at: Moment(0),
            finished_at: None,
            active_at: Moment(1_000_000),
            header: Vec::new(),
            rows_sha256: None,
            stretch: None,
            request_id: None,
            may_grant_admin: false,
            default_password_note: None,
            default_password_hash: None,
        };
        let last = Moment(record.active_at.0 + LEASE);
        assert_eq!(record.clone().shown(last), record);
        let late = record.clone().shown(Moment(last.0 + 1));
        assert_eq!(late.state, ImportState::Interrupted);
        assert!(
            late.reason
                .is_some_and(|why| why.contains("send the file again"))
        );
        for state in ImportState::ALL {
            let other = ImportRecord {
                state,
                ..record.clone()
            };
            let running = state == ImportState::Running;
            let shown = other.shown_state(Moment(i64::MAX));
            assert_eq!(shown != state, running, "{state:?}");
        }
    }
}

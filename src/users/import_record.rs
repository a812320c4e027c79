//! What is kept of every import, whichever channel it came through.

use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::options::ImportOptions;

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// Its file is there, and its turn has not come.
    Queued,
    /// Rows are being read and written.
    Running,
    /// Every row of the file has been dealt with.
    Completed,
    /// The upload or the server stopped in the middle; the counters say how far it came.
    Interrupted,
    /// The file could not be read to its end, or had too many problems; the counters say how far it
    /// came.
    Failed,
    /// Somebody stopped it; the counters say how far it came.
    Cancelled,
    /// What it did was taken back.
    Undone,
}

impl ImportState {
    /// Every state.
    pub const ALL: [ImportState; 7] = [
        ImportState::Queued,
        ImportState::Running,
        ImportState::Completed,
        ImportState::Interrupted,
        ImportState::Failed,
        ImportState::Cancelled,
        ImportState::Undone,
    ];

    /// Whether nothing more will happen to it by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, ImportState::Queued | ImportState::Running)
    }

    /// The word used in reports and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportState::Queued => "queued",
            ImportState::Running => "running",
            ImportState::Completed => "completed",
            ImportState::Interrupted => "interrupted",
            ImportState::Failed => "failed",
            ImportState::Cancelled => "cancelled",
            ImportState::Undone => "undone",
        }
    }

    /// The state that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        ImportState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// For how long a running import may give no sign of life, in microseconds: whoever runs one gives
/// a sign every ten seconds, and with every batch.
pub const LEASE: i64 = 60_000_000;

impl ImportRecord {
    /// The state to be shown at the moment `now`: an import that says it is running though nobody has
    /// given a sign of life for longer than [`LEASE`] was interrupted, and its end was not written.
    pub fn shown_state(&self, now: Moment) -> ImportState {
        let silent = now.0.saturating_sub(self.active_at.0) > LEASE;
        match self.state {
            ImportState::Running if silent => ImportState::Interrupted,
            state => state,
        }
    }

    /// The record as it is to be shown at the moment `now`, whoever reads it.
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

    /// The field `Muster-Import`.
    pub fn dictionary(&self) -> String {
        dictionary(self.id, self.state, &self.counters, self.warnings)
    }

    /// Whose doing it is.
    pub fn actor(&self) -> Actor {
        Actor {
            organization: self.organization.clone(),
            operator: self.operator.clone(),
            channel: self.channel,
            request_id: self.request_id.clone(),
        }
    }
}

/// Rows of a file that are dealt with in the order of their names, counted from 0 behind the header, without
/// blank lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first one.
    pub from: u64,
    /// The first one behind them.
    pub to: u64,
}

/// What became of the rows. `total` is always the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Rows dealt with; the header and empty lines are none.
    pub total: u64,
    /// Users that were made.
    pub created: u64,
    /// Users that were changed.
    pub updated: u64,
    /// Users that were already as the row has them.
    pub unchanged: u64,
    /// Rows whose user exists already; nothing was changed.
    pub duplicate: u64,
    /// Rows with a problem; nothing was stored of them.
    pub failed: u64,
    /// Rows without a user name.
    pub skipped: u64,
}

impl Counters {
    /// Adds what another part of the same import counted.
    pub fn add(&mut self, other: &Counters) {
        self.total += other.total;
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.duplicate += other.duplicate;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Whether every row did what it was meant to.
    pub fn clean(&self) -> bool {
        self.failed == 0 && self.duplicate == 0
    }
}

/// How many rows of an import were rejected, and what is kept of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RejectedRows {
    /// All of them.
    #[serde(rename = "rejectsTotal")]
    pub total: u64,
    /// Those that are kept: the first ones, as far as there was room.
    #[serde(rename = "rejectsKept")]
    pub kept: u64,
    /// Bytes that are kept, packed.
    #[serde(skip)]
    pub bytes: u64,
    /// Cells of the longest row that is kept.
    #[serde(skip)]
    pub width: u64,
}

impl RejectedRows {
    /// Adds those of another part of the same import.
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

/// Writes an import's id as the member `id`, which it is called everywhere, and as `import`, which it was called in
/// reports and undos before; into an object, by `flatten`.
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
    /// The domain its users went to.
    pub domain: String,
    /// The channel it came through.
    #[serde(rename = "door")]
    pub channel: Channel,
    /// Who asked for it.
    pub operator: String,
    /// The file's name as the caller gave it: a label, never a path.
    pub file_name: String,
    /// SHA-256 of the file (FIPS 180-4), in hexadecimal; known when its end was read.
    pub sha256: Option<String>,
    /// Where it stands.
    pub state: ImportState,
    /// Why it ended early.
    pub reason: Option<String>,
    /// What became of the rows, exact at every moment.
    #[serde(flatten)]
    pub counters: Counters,
    /// How it goes about its rows.
    pub options: ImportOptions,
    /// What the caller named it by, so that the same call again finds it (`Idempotency-Key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Findings in all; those beyond the bound were counted and not kept.
    pub findings: u64,
    /// How many of them are warnings. They are no counter of rows: a row that was stored may have several.
    pub warnings: u64,
    /// Rows that were rejected, and how many of them are kept.
    #[serde(flatten)]
    pub rejected: RejectedRows,
    /// When it began.
    pub started_at: Moment,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// The last sign of life of whoever runs it.
    pub active_at: Moment,
    /// Names of the file's columns, as the reject file repeats them.
    #[serde(skip)]
    pub header: Vec<String>,
    /// SHA-256 of the rows dealt with so far, where it has a key.
    #[serde(skip)]
    pub rows_sha256: Option<String>,
    /// The stretch of sorted rows that the last row dealt with is of.
    #[serde(skip)]
    pub stretch: Option<Stretch>,
    /// The id of the request that runs it, for the audit; it is not stored with the import.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Whether its rows may give the administrators' role and set the passwords of users who exist: an admin
    /// asked for it.
    #[serde(skip)]
    pub may_grant_admin: bool,
    /// What its default password is fit for: `stays`, `initial`, or the rule it breaks; none: it has
    /// none.
    #[serde(skip)]
    pub default_password_note: Option<String>,
    /// Hash of the default password, for the users who still have it.
    #[serde(skip)]
    pub default_password_hash: Option<String>,
}

/// Why an import ended that nobody can be running any more.
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
        assert_eq!(Channel::parse("soap"), Some(Channel::Soap));
        assert_eq!(Channel::parse("scim"), Some(Channel::Scim));
        assert_eq!(ImportState::parse("lost"), None);
    }

    #[test]
    fn the_field_of_an_answer_counts_warnings_behind_the_rows() {
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
    fn nobody_is_told_that_an_import_runs_which_has_given_no_sign_of_life() {
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

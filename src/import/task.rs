//! An import that is ready to run: its record, its rules, and the state of an earlier run.

use std::sync::Arc;

use crate::clock::Clock;
use crate::import::default_password::DefaultPassword;
use crate::import::edits::Edits;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::request::{ImportRequest, ReportLimits};
use crate::import::selection::Selection;
use crate::passwords::rules;
use crate::users::domains::Domain;
use crate::users::import_id::ImportId;
use crate::users::import_record::{Counters, ImportRecord, ImportState, RejectedRows};

/// One run of one import.
#[derive(Debug)]
pub struct Task {
    pub(super) record: ImportRecord,
    pub(super) domain: Domain,
    pub(super) default: DefaultPassword,
    pub(super) generated: Option<GeneratedPasswords>,
    /// Whether rows without a password get a generated one.
    pub(super) generate_passwords: bool,
    /// Whether the record is already in the store.
    pub(super) recorded: bool,
    /// Whether the file is one batch regardless of its content.
    pub(super) one_batch: bool,
    /// The rows that are checked.
    pub(super) selection: Selection,
    /// Changes to cells.
    pub(super) edits: Arc<Edits>,
    /// Limits of the report of a dry run.
    pub(super) keep: Option<ReportLimits>,
}

impl Task {
    /// A new import.
    pub fn new(request: ImportRequest, clock: &Clock, rules: &rules::Settings) -> Self {
        let default = DefaultPassword::new(request.default_password, rules);
        let now = clock.now();
        let record = ImportRecord {
            id: ImportId(clock.new_id()),
            organization: request.organization,
            domain: request.domain.name.clone(),
            channel: request.channel,
            operator: request.operator,
            file_name: label(&request.file_name),
            sha256: None,
            state: ImportState::Running,
            reason: None,
            counters: Counters::default(),
            options: request.options,
            key: request.key,
            findings: 0,
            warnings: 0,
            mended: 0,
            rejected: RejectedRows::default(),
            started_at: now,
            finished_at: None,
            active_at: now,
            header: Vec::new(),
            rows_sha256: None,
            stretch: None,
            request_id: request.request_id,
            may_grant_admin: request.may_grant_admin,
            default_password_note: default.note(),
            default_password_hash: None,
        };
        Task {
            record,
            domain: request.domain,
            default,
            generate_passwords: request.generated_passwords.is_some(),
            generated: request.generated_passwords,
            recorded: false,
            one_batch: false,
            selection: request.selection,
            edits: Arc::new(request.edits),
            keep: request.keep,
        }
    }

    /// A stored import that continues after the rows that it has processed.
    pub fn resume(record: ImportRecord, domain: Domain, default: DefaultPassword) -> Self {
        Task {
            record,
            domain,
            default,
            generated: None,
            generate_passwords: false,
            recorded: true,
            one_batch: false,
            selection: Selection::All,
            edits: Arc::default(),
            keep: None,
        }
    }

    /// The same import with changes to the cells of its file.
    pub(super) fn with_edits(self, edits: Edits) -> Self {
        Task {
            edits: Arc::new(edits),
            ..self
        }
    }

    /// The same import as a separate dry run.
    pub(super) fn rehearsal(&self) -> Self {
        let mut record = self.record.clone();
        record.options.dry_run = true;
        Task {
            record,
            domain: self.domain.clone(),
            default: self.default.rehearsed(),
            generated: None,
            generate_passwords: self.generate_passwords,
            recorded: false,
            one_batch: false,
            selection: Selection::All,
            edits: Arc::clone(&self.edits),
            keep: None,
        }
    }

    /// The same import with this id.
    pub(super) fn with_id(mut self, id: ImportId) -> Self {
        self.record.id = id;
        self
    }

    /// The same import for a small and complete file: nothing is submitted before its end.
    pub(super) fn in_one_batch(self) -> Self {
        Task {
            one_batch: true,
            ..self
        }
    }

    /// The id of the import.
    pub fn id(&self) -> ImportId {
        self.record.id
    }

    /// The record at the beginning of this run.
    pub fn record(&self) -> &ImportRecord {
        &self.record
    }
}

/// A file name as it is stored: the last path segment, without control characters, at most 255 characters.
fn label(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars()
        .filter(|character| !character.is_control())
        .take(255)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_is_reduced_to_a_label() {
        assert_eq!(label("../../etc/passwd"), "passwd");
        assert_eq!(label(r"C:\users\a.csv"), "a.csv");
        assert_eq!(label("a\u{0}\nb.csv"), "ab.csv");
    }
}

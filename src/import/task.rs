//! An import that is about to run: its record, its rules, and what it takes up from before.

use crate::clock::Clock;
use crate::import::default_password::DefaultPassword;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::request::ImportRequest;
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
    /// Whether a row without a password gets one that is made up.
    pub(super) generate_passwords: bool,
    /// Whether the record is in the store already.
    pub(super) recorded: bool,
    /// Whether the file is one batch, whatever is in it.
    pub(super) one_batch: bool,
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
        }
    }

    /// An import that is in the store, to be gone on with behind the rows that it has dealt with.
    pub fn resume(record: ImportRecord, domain: Domain, default: DefaultPassword) -> Self {
        Task {
            record,
            domain,
            default,
            generated: None,
            generate_passwords: false,
            recorded: true,
            one_batch: false,
        }
    }

    /// The same import as a dry run of its own.
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
        }
    }

    /// The same import of a file that is small and all there, so that nothing of it is handed over before
    /// its end.
    pub(super) fn in_one_batch(self) -> Self {
        Task {
            one_batch: true,
            ..self
        }
    }

    /// Its id.
    pub fn id(&self) -> ImportId {
        self.record.id
    }

    /// Its record, as it is at the beginning of this run.
    pub fn record(&self) -> &ImportRecord {
        &self.record
    }
}

/// A file name as it is kept: its last segment, no controls, at most 255 characters.
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
    fn a_file_name_is_a_label() {
        assert_eq!(label("../../etc/passwd"), "passwd");
        assert_eq!(label(r"C:\users\a.csv"), "a.csv");
        assert_eq!(label("a\u{0}\nb.csv"), "ab.csv");
    }
}

//! One step of an import: the data passed to a store, and the result.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::batch::NewUser;
use crate::users::batch::NewUsers;
use crate::users::import_id::ImportId;
use crate::users::import_record::Counters;
use crate::users::import_record::ImportRecord;
use crate::users::import_record::ImportState;
use crate::users::import_record::RejectedRows;
use crate::users::import_record::Stretch;
use crate::users::kinds::Kinds;
use crate::users::merge::Profile;
use crate::users::options::ConflictPolicy;
use crate::users::password_right::PasswordRight;
use crate::users::password_right::has_admin_role;
use crate::users::problem::Owner;
use crate::users::problem::Problem;
use crate::users::problem::warnings;
use crate::users::reject::Reject;
use crate::users::reject_block::PackedRejects;
use crate::users::reject_block::Packing;
use crate::users::reject_block::RejectBlock;
use crate::users::store_error::StoreError;

/// One step of an import: a batch and its bookkeeping, written atomically.
#[derive(Debug)]
pub struct ImportStep {
    /// The import.
    pub import: ImportId,
    /// The organization of its users.
    pub organization: String,
    /// The domain of its users.
    pub domain: String,
    /// The record, with the first step.
    pub begin: Option<ImportRecord>,
    /// Names of the file's columns, with the first step after the header line.
    pub header: Option<Vec<String>>,
    /// What happens to existing users.
    pub conflict: ConflictPolicy,
    /// The existing users that may get the password of their row.
    pub password_right: PasswordRight,
    /// The users to write.
    pub users: NewUsers,
    /// Counters of the rows that did not reach the store.
    pub counted: Counters,
    /// Findings on those rows.
    pub findings: Vec<Problem>,
    /// Further findings, which are only counted.
    pub more_found: Found,
    /// Cells of the rows of this step that the operator changed before the import.
    pub mended: u64,
    /// Those rows, if they were rejected.
    pub rejects: Vec<Reject>,
    /// Rejected rows that are already packed, with the first step.
    pub packed: Option<Arc<dyn PackedRejects>>,
    /// The limit on findings stored for the whole import.
    pub keep_findings: u64,
    /// The limit on packed rejected rows stored for the whole import, in bytes.
    pub keep_rejects_bytes: u64,
    /// SHA-256 of the rows up to the end of this step, if the import has a key.
    pub rows_sha256: Option<String>,
    /// The range of sorted rows that contains its last row.
    pub stretch: Option<Stretch>,
    /// The default password's hash, once a user needs it.
    pub default_password_hash: Option<String>,
    /// The end of the import, with the last step.
    pub finish: Option<Finish>,
    /// The time of the step.
    pub at: Moment,
    /// Dry run: everything is checked against the store, and nothing is written.
    pub dry_run: bool,
    /// Whether the findings are counted by kind, those over the capacity included.
    pub count_kinds: bool,
}

impl ImportStep {
    /// A step without users: only counters and findings, if any.
    pub fn without_users(
        import: ImportId,
        organization: &str,
        domain: &str,
        keep_findings: u64,
        at: Moment,
    ) -> Self {
        ImportStep {
            import,
            organization: organization.to_owned(),
            domain: domain.to_owned(),
            begin: None,
            header: None,
            conflict: ConflictPolicy::Fail,
            password_right: PasswordRight::None,
            users: NewUsers::default(),
            counted: Counters::default(),
            findings: Vec::new(),
            more_found: Found::default(),
            mended: 0,
            rejects: Vec::new(),
            packed: None,
            keep_findings,
            keep_rejects_bytes: 0,
            rows_sha256: None,
            stretch: None,
            default_password_hash: None,
            finish: None,
            at,
            dry_run: false,
            count_kinds: false,
        }
    }

    /// The capacity left after this many findings and these rejected rows of the same import.
    pub fn remaining_capacity(&self, findings: u64, rejected: &RejectedRows) -> Capacity {
        let left = self.keep_findings.saturating_sub(findings);
        Capacity {
            findings: usize::try_from(left).unwrap_or(usize::MAX),
            reject_bytes: match rejected.missing() {
                0 => self.keep_rejects_bytes.saturating_sub(rejected.bytes),
                // The first ones are kept.
                _ => 0,
            },
        }
    }

    /// What happens to the row's password if its user exists with this profile.
    pub fn password_of(&self, row: &NewUser<'_>, before: &Profile) -> RowPassword {
        if !row.own_password || self.conflict != ConflictPolicy::Update {
            return RowPassword::None;
        }
        match self
            .password_right
            .allows(before.roles.iter().map(String::as_str))
        {
            true => RowPassword::Set,
            false => RowPassword::Refused,
        }
    }

    /// The profile after `row` of an existing user with this profile; none if the row changes
    /// nothing.
    ///
    /// # Errors
    /// [`Outcome::AdminRoleKept`]: the row would remove the role `admin` from the user, which only
    /// an operator with that role may do. Otherwise an importer could first remove the role from a
    /// user and then set their password.
    pub fn profile_after(
        &self,
        row: &NewUser<'_>,
        before: &Profile,
    ) -> Result<Option<Profile>, Outcome> {
        let after = before.after(row, self.conflict);
        if self.password_right == PasswordRight::All {
            return Ok(after);
        }
        let loses_admin = after
            .as_ref()
            .is_some_and(|after| has_admin_role(&before.roles) && !has_admin_role(&after.roles));
        match loses_admin {
            true => Err(Outcome::AdminRoleKept),
            false => Ok(after),
        }
    }

    /// Whether the step, with these `outcomes` of its users, affects only the counters.
    pub fn is_quiet(&self, outcomes: &[Outcome]) -> bool {
        self.findings.is_empty()
            && self.rejects.is_empty()
            && self.packed.is_none()
            && outcomes.iter().all(|outcome| outcome.is_quiet())
    }

    /// The totals of the step with these `outcomes` of its users. `owner` returns the row that
    /// created the user with a name key; it is called for at most `capacity` findings, or for
    /// all if they are counted by kind.
    ///
    /// # Errors
    /// Errors of `owner`.
    pub fn tally<E>(
        &self,
        outcomes: &[Outcome],
        capacity: Capacity,
        mut owner: impl FnMut(&str) -> Result<Owner, E>,
    ) -> Result<Tally, E> {
        let mut tally = Tally {
            counters: self.counted,
            found: self.findings.len() as u64 + self.more_found.findings,
            warnings: warnings(&self.findings) + self.more_found.warnings,
            findings: first(&self.findings, capacity.findings, |finding| finding.line),
            ..Tally::default()
        };
        if self.count_kinds {
            self.findings.iter().for_each(|it| tally.kinds.add(it));
        }
        tally.counters.total += outcomes.len() as u64;
        let mut findings = capacity.findings;
        let mut rejects: Vec<Cow<'_, Reject>> = self.rejects.iter().map(Cow::Borrowed).collect();
        for (position, outcome) in outcomes.iter().enumerate() {
            tally.count(*outcome);
            if outcome.is_quiet() {
                continue;
            }
            tally.found += 1;
            let rejected = outcome.is_failure();
            tally.warnings += u64::from(outcome.lacks_the_password());
            if findings == 0 && !rejected && !self.count_kinds {
                continue;
            }
            let Some(user) = self.users.get(position) else {
                continue;
            };
            let finding = match outcome {
                Outcome::Duplicate => {
                    Problem::duplicate(user.line, user.name, &owner(user.key)?, self.import)
                }
                Outcome::Exists => Problem::exists(user.line, user.name),
                Outcome::UpdatedWithoutPassword | Outcome::UnchangedWithoutPassword => {
                    Problem::password_not_allowed(user.line, user.name)
                }
                Outcome::AdminRoleKept => Problem::admin_role_kept(user.line, user.name),
                _ => Problem::no_password(user.line, user.name),
            };
            if self.count_kinds {
                tally.kinds.add(&finding);
            }
            if rejected {
                rejects.push(Cow::Owned(Reject::of(&user, &finding)));
            }
            if findings > 0 {
                findings -= 1;
                tally.findings.push(finding);
            }
        }
        tally.findings.sort_by_key(|finding| finding.line);
        tally.findings.truncate(capacity.findings);
        rejects.sort_by_key(|reject| reject.line);
        let mut packing = Packing::new(capacity.reject_bytes);
        rejects.iter().for_each(|reject| packing.add(reject));
        (tally.rejects, tally.rejected) = packing.finish();
        if let Some(packed) = &self.packed {
            tally.rejected.add(&packed.counted());
        }
        Ok(tally)
    }

    /// Updates the import's record with the `tally` of this step.
    pub fn count_into(&self, record: &mut ImportRecord, tally: &Tally) {
        record.counters.add(&tally.counters);
        record.findings += tally.found;
        record.warnings += tally.warnings;
        record.mended += self.mended;
        record.rejected.add(&tally.rejected);
        record.active_at = self.at;
        if let Some(header) = &self.header {
            record.header.clone_from(header);
        }
        if self.rows_sha256.is_some() {
            record.rows_sha256.clone_from(&self.rows_sha256);
        }
        record.stretch = self.stretch.or(record.stretch);
        if self.default_password_hash.is_some() {
            record
                .default_password_hash
                .clone_from(&self.default_password_hash);
        }
        if let Some(finish) = &self.finish {
            record.state = finish.state;
            record.reason.clone_from(&finish.reason);
            if finish.sha256.is_some() {
                record.sha256.clone_from(&finish.sha256);
            }
            record.finished_at = Some(self.at);
        }
    }
}

/// The first `capacity` items by line.
fn first<T: Clone>(all: &[T], capacity: usize, line: impl Fn(&T) -> u64) -> Vec<T> {
    let mut all: Vec<&T> = all.iter().collect();
    all.sort_by_key(|it| line(it));
    all.into_iter().take(capacity).cloned().collect()
}

/// Counts of findings that are not in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// All findings.
    pub findings: u64,
    /// How many of them are warnings.
    pub warnings: u64,
}

/// The remaining capacity of an import for findings and rejected rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capacity {
    /// Findings.
    pub findings: usize,
    /// Bytes of packed rejected rows.
    pub reject_bytes: u64,
}

/// The totals of a step.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Row counts.
    pub counters: Counters,
    /// The number of findings.
    pub found: u64,
    /// How many of them are warnings.
    pub warnings: u64,
    /// The findings, by line, up to the capacity.
    pub findings: Vec<Problem>,
    /// Counts of rejected rows, including those that were already packed.
    pub rejected: RejectedRows,
    /// All findings by kind, if they are counted.
    pub kinds: Kinds,
    /// The rejected rows, by line, up to the capacity; without those that were already packed.
    pub rejects: Vec<RejectBlock>,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        let counters = &mut self.counters;
        let count = match outcome {
            Outcome::Created => &mut counters.created,
            Outcome::Updated | Outcome::UpdatedWithoutPassword => &mut counters.updated,
            Outcome::Unchanged | Outcome::UnchangedWithoutPassword => &mut counters.unchanged,
            Outcome::Duplicate => &mut counters.duplicate,
            Outcome::Exists | Outcome::PasswordMissing | Outcome::AdminRoleKept => {
                &mut counters.failed
            }
        };
        *count += 1;
    }
}

/// The end of an import.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The final state.
    pub state: ImportState,
    /// The reason, if it ended early.
    pub reason: Option<String>,
    /// SHA-256 of the file, in hexadecimal, if it was read to its end.
    pub sha256: Option<String>,
    /// The caller who ended it, if not the one who requested it.
    pub by: Option<Actor>,
}

/// The outcome for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Created.
    Created,
    /// Existed, and was changed.
    Updated,
    /// Existed, and already matched the row.
    Unchanged,
    /// Existed, and was changed, except for the row's password, which the caller may not set.
    UpdatedWithoutPassword,
    /// Existed, and already matched the row, except for its password, which the caller may not set.
    UnchangedWithoutPassword,
    /// The name is taken; nothing was changed.
    Duplicate,
    /// The user exists, which is a failure in this import.
    Exists,
    /// The user does not exist, and there is no password.
    PasswordMissing,
    /// The row would remove the user's role `admin`, which the caller may not do; nothing was
    /// changed.
    AdminRoleKept,
}

impl Outcome {
    /// Whether the outcome causes no finding.
    fn is_quiet(self) -> bool {
        matches!(
            self,
            Outcome::Created | Outcome::Updated | Outcome::Unchanged
        )
    }

    /// Whether the row was not stored.
    fn is_failure(self) -> bool {
        matches!(
            self,
            Outcome::Exists | Outcome::PasswordMissing | Outcome::AdminRoleKept
        )
    }

    /// Whether the row was stored without its password.
    fn lacks_the_password(self) -> bool {
        matches!(
            self,
            Outcome::UpdatedWithoutPassword | Outcome::UnchangedWithoutPassword
        )
    }

    /// The outcome for an existing user; `changed` excludes the password.
    pub fn for_existing(changed: bool, password: RowPassword) -> Self {
        match (password, changed) {
            (RowPassword::Set, _) | (RowPassword::None, true) => Outcome::Updated,
            (RowPassword::None, false) => Outcome::Unchanged,
            (RowPassword::Refused, true) => Outcome::UpdatedWithoutPassword,
            (RowPassword::Refused, false) => Outcome::UnchangedWithoutPassword,
        }
    }

    /// Whether an existing user was changed.
    pub fn is_change(self) -> bool {
        matches!(self, Outcome::Updated | Outcome::UpdatedWithoutPassword)
    }
}

/// What happens to a row's password if its user exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPassword {
    /// The row gives none, or the import does not replace passwords.
    None,
    /// It is set.
    Set,
    /// The caller may not set it. This does not depend on the user's current password, so that a
    /// caller cannot test passwords.
    Refused,
}

/// A durable step.
#[derive(Debug)]
pub struct Written {
    /// The outcome for each user, in the order of the file.
    pub outcomes: Vec<Outcome>,
    /// The totals of the step.
    pub tally: Tally,
    /// The batch, so that its memory can be reused.
    pub users: NewUsers,
}

/// A step that is being written.
#[derive(Debug)]
pub struct PendingStep(oneshot::Receiver<Result<Written, StoreError>>);

impl PendingStep {
    /// A step whose result will be sent through the sender.
    pub fn channel() -> (oneshot::Sender<Result<Written, StoreError>>, PendingStep) {
        let (sender, receiver) = oneshot::channel();
        (sender, PendingStep(receiver))
    }

    /// Blocks the thread until the step is durable.
    ///
    /// # Errors
    /// The step failed, and nothing of it is stored.
    pub fn wait(self) -> Result<Written, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The same, asynchronously.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub async fn durable(self) -> Result<Written, StoreError> {
        self.0.await.unwrap_or(Err(StoreError::Closed))
    }
}

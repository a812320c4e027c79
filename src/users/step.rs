//! One step of an import: what a store is given at once, and what comes of it.

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
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One step of an import: a batch and what belongs to it, written together or not at all.
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
    /// Names of the file's columns, with the first step behind the header line.
    pub header: Option<Vec<String>>,
    /// What becomes of users who exist already.
    pub conflict: ConflictPolicy,
    /// Which of the users who exist may get the password of their row.
    pub password_right: PasswordRight,
    /// The users to write.
    pub users: NewUsers,
    /// What became of the rows that did not get as far as the store.
    pub counted: Counters,
    /// What was found about those rows.
    pub findings: Vec<Problem>,
    /// What was found beside that and is only counted.
    pub more_found: Found,
    /// Those rows.
    pub rejects: Vec<Reject>,
    /// Rejected rows that were packed before, with the first step.
    pub packed: Option<Arc<dyn PackedRejects>>,
    /// How many findings are kept of the whole import.
    pub keep_findings: u64,
    /// How many bytes of rejected rows, packed, are kept of the whole import.
    pub keep_rejects_bytes: u64,
    /// SHA-256 of the rows up to the end of this step, where the import has a key.
    pub rows_sha256: Option<String>,
    /// The stretch of sorted rows that its last row is of.
    pub stretch: Option<Stretch>,
    /// The default password's hash, once a user needs it.
    pub default_password_hash: Option<String>,
    /// How the import ended, with the last step.
    pub finish: Option<Finish>,
    /// The moment of the step.
    pub at: Moment,
    /// Everything is checked against the store, and nothing is written.
    pub dry_run: bool,
}

impl ImportStep {
    /// A step that has no users in it: only counters and findings, if that.
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
        }
    }

    /// What there is room for behind so many findings and these rejected rows of the same import.
    pub fn room(&self, findings: u64, rejected: &RejectedRows) -> Room {
        let left = self.keep_findings.saturating_sub(findings);
        Room {
            findings: usize::try_from(left).unwrap_or(usize::MAX),
            reject_bytes: match rejected.missing() {
                0 => self.keep_rejects_bytes.saturating_sub(rejected.bytes),
                // What is kept are the first ones.
                _ => 0,
            },
        }
    }

    /// What becomes of the row's password, where its user exists and has this profile.
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

    /// What `row` makes of its user, who exists and has this profile; none when the row changes nothing of it.
    ///
    /// # Errors
    /// [`Outcome::AdminRoleKept`]: the row would take the role `admin` from the user, and only an operator with
    /// that role may do so. Otherwise an importer could first make somebody an ordinary user, and then set
    /// their password.
    pub fn profile_after(
        &self,
        row: &NewUser<'_>,
        before: &Profile,
    ) -> Result<Option<Profile>, Outcome> {
        let after = before.after(row, self.conflict);
        let loses_admin = after
            .as_ref()
            .is_some_and(|after| has_admin_role(&before.roles) && !has_admin_role(&after.roles));
        match loses_admin && self.password_right != PasswordRight::All {
            true => Err(Outcome::AdminRoleKept),
            false => Ok(after),
        }
    }

    /// Whether there is nothing to be told of the step but its counters, when its users met these
    /// `outcomes`.
    pub fn is_quiet(&self, outcomes: &[Outcome]) -> bool {
        self.findings.is_empty()
            && self.rejects.is_empty()
            && self.packed.is_none()
            && outcomes.iter().all(|outcome| outcome.is_quiet())
    }

    /// What the step comes to when its users met these `outcomes`. `owner` tells which row made the user
    /// with a name key; it is asked for what there is `room` for, and no more.
    ///
    /// # Errors
    /// Those of `owner`.
    pub fn tally<E>(
        &self,
        outcomes: &[Outcome],
        room: Room,
        mut owner: impl FnMut(&str) -> Result<Owner, E>,
    ) -> Result<Tally, E> {
        let mut tally = Tally {
            counters: self.counted,
            found: self.findings.len() as u64 + self.more_found.findings,
            warnings: warnings(&self.findings) + self.more_found.warnings,
            findings: first(&self.findings, room.findings, |finding| finding.line),
            ..Tally::default()
        };
        tally.counters.total += outcomes.len() as u64;
        let mut findings = room.findings;
        let mut rejects: Vec<Cow<'_, Reject>> = self.rejects.iter().map(Cow::Borrowed).collect();
        for (position, outcome) in outcomes.iter().enumerate() {
            tally.count(*outcome);
            if outcome.is_quiet() {
                continue;
            }
            tally.found += 1;
            let rejected = outcome.is_failure();
            tally.warnings += u64::from(outcome.lacks_the_password());
            if findings == 0 && !rejected {
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
            if rejected {
                rejects.push(Cow::Owned(Reject::of(&user, &finding)));
            }
            if findings > 0 {
                findings -= 1;
                tally.findings.push(finding);
            }
        }
        tally.findings.sort_by_key(|finding| finding.line);
        tally.findings.truncate(room.findings);
        rejects.sort_by_key(|reject| reject.line);
        let mut packing = Packing::new(room.reject_bytes);
        rejects.iter().for_each(|reject| packing.add(reject));
        (tally.rejects, tally.rejected) = packing.finish();
        if let Some(packed) = &self.packed {
            tally.rejected.add(&packed.counted());
        }
        Ok(tally)
    }

    /// Brings the import's record to where it is behind this step, which came to `tally`.
    pub fn count_into(&self, record: &mut ImportRecord, tally: &Tally) {
        record.counters.add(&tally.counters);
        record.findings += tally.found;
        record.warnings += tally.warnings;
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

/// The first `room` of them by line.
fn first<T: Clone>(all: &[T], room: usize, line: impl Fn(&T) -> u64) -> Vec<T> {
    let mut all: Vec<&T> = all.iter().collect();
    all.sort_by_key(|it| line(it));
    all.into_iter().take(room).cloned().collect()
}

/// How many findings there were, where they themselves are not at hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// All of them.
    pub findings: u64,
    /// How many of them are warnings.
    pub warnings: u64,
}

/// How many more findings, and how much of rejected rows, is kept of an import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Room {
    /// Findings.
    pub findings: usize,
    /// Bytes of rejected rows, packed.
    pub reject_bytes: u64,
}

/// What a step comes to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// What became of its rows.
    pub counters: Counters,
    /// How much was found.
    pub found: u64,
    /// How much of it are warnings.
    pub warnings: u64,
    /// What was found, by line, as far as there was room.
    pub findings: Vec<Problem>,
    /// How many rows were rejected, those that were packed before among them.
    pub rejected: RejectedRows,
    /// The rows that were rejected, by line, as far as there was room; without those packed before.
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

/// How an import ended.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The state it ended in.
    pub state: ImportState,
    /// Why, where it ended early.
    pub reason: Option<String>,
    /// SHA-256 of the file, in hexadecimal, where its end was read.
    pub sha256: Option<String>,
    /// Who ended it, where it was not whoever asked for it.
    pub by: Option<Actor>,
}

/// What became of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Created,
    /// It existed, and was changed.
    Updated,
    /// It existed, as the row has it.
    Unchanged,
    /// It existed, and was changed, all but for the row's password, which the caller may not set.
    UpdatedWithoutPassword,
    /// It existed, as the row has it, all but for the row's password, which the caller may not set.
    UnchangedWithoutPassword,
    /// Its name is taken; nothing was changed.
    Duplicate,
    /// It exists, and that is a failure here.
    Exists,
    /// It does not exist, and there is no password for it.
    PasswordMissing,
    /// The row would take the role `admin` from it, which the caller may not; nothing was changed.
    AdminRoleKept,
}

impl Outcome {
    /// Whether there is nothing to be said about it.
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

    /// The outcome of a row whose user exists and was changed or not, by this password or anything else.
    pub fn met(changed: bool, password: RowPassword) -> Self {
        match (password, changed) {
            (RowPassword::Set, _) | (RowPassword::None, true) => Outcome::Updated,
            (RowPassword::None, false) => Outcome::Unchanged,
            (RowPassword::Refused, true) => Outcome::UpdatedWithoutPassword,
            (RowPassword::Refused, false) => Outcome::UnchangedWithoutPassword,
        }
    }

    /// Whether the user existed and was changed.
    pub fn is_change(self) -> bool {
        matches!(self, Outcome::Updated | Outcome::UpdatedWithoutPassword)
    }
}

/// What becomes of a row's password, where its user exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPassword {
    /// The row gives none, or rows do not replace passwords in this import.
    None,
    /// It is set.
    Set,
    /// The caller may not set it. Whether the user has this very password makes no difference, so that trying
    /// tells nothing about it.
    Refused,
}

/// A step that is durable.
#[derive(Debug)]
pub struct Written {
    /// What became of each user, in the order of the file.
    pub outcomes: Vec<Outcome>,
    /// What the step came to.
    pub tally: Tally,
    /// The batch, to use its memory again.
    pub users: NewUsers,
}

/// A step on its way to the disk.
#[derive(Debug)]
pub struct PendingStep(oneshot::Receiver<Result<Written, StoreError>>);

impl PendingStep {
    /// A step that will be answered through the sender.
    pub fn channel() -> (oneshot::Sender<Result<Written, StoreError>>, PendingStep) {
        let (sender, receiver) = oneshot::channel();
        (sender, PendingStep(receiver))
    }

    /// Holds the thread until the step is durable.
    ///
    /// # Errors
    /// The step was not written, and nothing of it is in the store.
    pub fn wait(self) -> Result<Written, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The same without a thread that is held.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub async fn durable(self) -> Result<Written, StoreError> {
        self.0.await.unwrap_or(Err(StoreError::Closed))
    }
}

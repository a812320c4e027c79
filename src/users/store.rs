//! The port that every user store stands behind, and what crosses it.
//!
//! Blocking and object-safe. Rows go in as batches; what an import counted is written in the same
//! transaction as the rows it counted, so that after a crash the record is exact.

use std::sync::mpsc;

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::batch::NewUsers;
use crate::users::import_record::{Counters, ImportId, ImportRecord, ImportState};
use crate::users::name_pattern::NamePattern;
use crate::users::operator::OperatorStore;
use crate::users::problem::{Owner, Problem};
use crate::users::store_error::StoreError;

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
    /// The users to write, none of which replaces one that exists.
    pub users: NewUsers,
    /// What became of the rows that did not get as far as the store.
    pub counted: Counters,
    /// What was found about those rows.
    pub findings: Vec<Problem>,
    /// How many findings are kept of the whole import.
    pub keep_findings: u64,
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
    /// What the step comes to when its users met these `outcomes`: the counters of the step, and its
    /// findings with the duplicates among them, by line.
    pub fn tally(&self, outcomes: &[Outcome]) -> (Counters, Vec<Problem>) {
        tally(
            self.import,
            self.counted,
            self.findings.clone(),
            &self.users,
            outcomes,
        )
    }
}

/// What a step comes to: `counted` and `findings` are those of the rows that did not get as far as the
/// store, `outcomes` those of `users`.
pub fn tally(
    import: ImportId,
    mut counted: Counters,
    mut findings: Vec<Problem>,
    users: &NewUsers,
    outcomes: &[Outcome],
) -> (Counters, Vec<Problem>) {
    for (position, outcome) in outcomes.iter().enumerate() {
        counted.total += 1;
        match outcome {
            Outcome::Created => counted.created += 1,
            Outcome::Duplicate(owner) => {
                counted.duplicate += 1;
                if let Some(user) = users.get(position) {
                    findings.push(Problem::duplicate(user.line, user.name, owner, import));
                }
            }
        }
    }
    findings.sort_by_key(|finding| finding.line);
    (counted, findings)
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
}

/// What became of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Created,
    /// Its name is taken, by the user that this row made.
    Duplicate(Owner),
}

/// A step that is durable.
#[derive(Debug)]
pub struct Written {
    /// What became of each user, in the order of the file.
    pub outcomes: Vec<Outcome>,
    /// The batch, to use its memory again.
    pub users: NewUsers,
}

/// A step on its way to the disk.
#[derive(Debug)]
pub struct PendingStep(mpsc::Receiver<Result<Written, StoreError>>);

impl PendingStep {
    /// A step that will be answered through the sender.
    pub fn channel() -> (mpsc::SyncSender<Result<Written, StoreError>>, PendingStep) {
        let (sender, receiver) = mpsc::sync_channel(1);
        (sender, PendingStep(receiver))
    }

    /// Waits until the step is durable.
    ///
    /// # Errors
    /// The step was not written, and nothing of it is in the store.
    pub fn wait(self) -> Result<Written, StoreError> {
        self.0.recv().unwrap_or(Err(StoreError::Closed))
    }
}

/// A user as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// UUID version 7.
    pub id: Uuid,
    /// The name as it is shown.
    pub user_name: String,
    /// The user store's name.
    pub domain: String,
    /// The organization.
    pub organization: String,
    /// SCIM `name.givenName`.
    pub given_name: Option<String>,
    /// SCIM `name.familyName`.
    pub family_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Everything else, by attribute name.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Whether the password has to be changed at the first login.
    pub must_change_password: bool,
    /// When the user got the password.
    pub password_set_at: Moment,
    /// The import that made the user.
    pub created_by: Option<ImportId>,
    /// Names of the user's roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Where a page of users begins: behind this domain and name key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCursor {
    /// The domain of the last user seen.
    pub domain: String,
    /// The name key of the last user seen.
    pub key: String,
}

/// A password that is to replace a user's own.
#[derive(Clone)]
pub struct NewPassword {
    /// PHC string.
    pub hash: String,
    /// Whether it has to be changed at the first login.
    pub must_change: bool,
    /// Since when the user has it.
    pub set_at: Moment,
    /// The hash that it may replace, and no other; none: whatever is there.
    pub replacing: Option<String>,
}

/// A password as it is stored.
#[derive(Clone)]
pub struct StoredPassword {
    /// The user's own hash, or that of the import whose default password the user still has.
    pub hash: String,
    /// Whether it has to be changed at the first login: it is an initial one.
    pub must_change: bool,
    /// Since when the user has it.
    pub set_at: Moment,
}

/// A role that is to be made, and who is to have it from the beginning.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// The organization.
    pub organization: String,
    /// The domain whose users can have it; [`INTERNAL_DOMAIN`](crate::users::INTERNAL_DOMAIN): all.
    pub domain: String,
    /// The name; unique in its domain, in any case.
    pub name: String,
    /// Domain and name of the users who get it.
    pub members: Vec<(String, String)>,
    /// Kept as they came; nothing here depends on them.
    pub permissions: Vec<String>,
}

/// What became of a new role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleAdded {
    /// It was made, and its members have it.
    Added,
    /// There is one of that name; nothing was changed.
    Taken,
    /// One who was to have it does not exist; nothing was changed.
    NoSuchUser(String),
}

/// Keeps users, and takes the steps of imports.
pub trait UserStore: Send + Sync {
    /// Hands a step over; it is durable when the answer has been waited for. Steps of one import are
    /// written in the order in which they were handed over.
    fn submit(&self, step: ImportStep) -> PendingStep;

    /// The user called `name`, in any case.
    ///
    /// # Errors
    /// The store failed.
    fn user(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<User>, StoreError>;

    /// At most `limit` users behind `after`, by domain and name key.
    ///
    /// # Errors
    /// The store failed.
    fn users(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;

    /// At most `limit` names that match, by name key.
    ///
    /// # Errors
    /// The store failed.
    fn user_names(
        &self,
        organization: &str,
        domain: &str,
        pattern: &NamePattern,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// Removes a user and their memberships; false when there is no such user.
    ///
    /// # Errors
    /// The store failed.
    fn delete_user(&self, organization: &str, domain: &str, name: &str)
    -> Result<bool, StoreError>;

    /// At most `limit` users behind `after` whose password is an initial one, by domain and name key;
    /// with `set_before`, of those only who have had it since before that moment.
    ///
    /// # Errors
    /// The store failed.
    fn initial_passwords(
        &self,
        organization: &str,
        domain: Option<&str>,
        set_before: Option<Moment>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;

    /// Gives a user a password; false when there is no such user, or when the hash that was to be
    /// replaced is no longer there.
    ///
    /// # Errors
    /// The store failed.
    fn set_password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        password: &NewPassword,
    ) -> Result<bool, StoreError>;

    /// What is stored of a user's password.
    ///
    /// # Errors
    /// The store failed.
    fn password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<StoredPassword>, StoreError>;

    /// Names of the roles that users of the domain can have.
    ///
    /// # Errors
    /// The store failed.
    fn roles(&self, organization: &str, domain: &str) -> Result<Vec<String>, StoreError>;

    /// Makes a role and gives it to its members, all of it or nothing.
    ///
    /// # Errors
    /// The store failed.
    fn add_role(&self, role: &NewRole) -> Result<RoleAdded, StoreError>;

    /// Whether the store can be written to now.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> Result<(), StoreError>;
}

/// Why an import ended that nobody can be running any more.
pub const ABANDONED: &str = "the server stopped in the middle; send the file again to complete it";

/// Keeps the records of imports.
pub trait ImportLedger: Send + Sync {
    /// The import with this id.
    ///
    /// # Errors
    /// The store failed.
    fn import(&self, organization: &str, id: ImportId) -> Result<Option<ImportRecord>, StoreError>;

    /// The newest imports, newest first.
    ///
    /// # Errors
    /// The store failed.
    fn imports(&self, organization: &str, limit: usize) -> Result<Vec<ImportRecord>, StoreError>;

    /// Findings that were kept, in the order in which they were made; `skip` of them left out.
    ///
    /// # Errors
    /// The store failed.
    fn findings(
        &self,
        organization: &str,
        id: ImportId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError>;

    /// Marks every import that still says it is running as interrupted, when nobody can be running
    /// it; answers how many there were.
    ///
    /// # Errors
    /// The store failed.
    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError>;
}

/// All that a store does.
pub trait Store: UserStore + ImportLedger + OperatorStore + std::fmt::Debug {}

impl<S: UserStore + ImportLedger + OperatorStore + std::fmt::Debug> Store for S {}

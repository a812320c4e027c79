//! The port that every user store stands behind, and what crosses it.
//!
//! Blocking and object-safe. Rows go in as batches; what an import counted is written in the same
//! transaction as the rows it counted, so that after a crash the record is exact.

use crate::users::step::Finish;
use crate::users::step::ImportStep;
use crate::users::step::PendingStep;
use crate::users::user::User;

use uuid::Uuid;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::backup::Backup;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;
use crate::users::name_pattern::NamePattern;
use crate::users::operator::OperatorStore;
use crate::users::organization::OrganizationStore;
use crate::users::problem::Problem;
use crate::users::reject_block::{RejectCursor, RejectPage};
use crate::users::resources::ResourceStore;
use crate::users::store_error::StoreError;
use crate::users::token::TokenStore;
use crate::users::undo::Undone;

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
    /// Who gives it; none: it is the same password, hashed anew.
    pub by: Option<Actor>,
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
    /// The domain whose users can have it; [`INTERNAL_DOMAIN`](crate::users::built_in::INTERNAL_DOMAIN): all.
    pub domain: String,
    /// The name; unique in its domain, in any case.
    pub name: String,
    /// Domain and name of the users who get it.
    pub members: Vec<(String, String)>,
    /// Kept as they came; nothing here depends on them.
    pub permissions: Vec<String>,
    /// Who makes it.
    pub by: Actor,
    /// When.
    pub at: Moment,
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
    fn delete_user(
        &self,
        by: &Actor,
        domain: &str,
        name: &str,
        at: Moment,
    ) -> Result<bool, StoreError>;

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

    /// The same, of those only that are older than the import `before`, where one is named.
    ///
    /// # Errors
    /// The store failed.
    fn imports_before(
        &self,
        organization: &str,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, StoreError>;

    /// Findings that were kept, by line; `skip` of them left out.
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

    /// The import that a caller named by `key`.
    ///
    /// # Errors
    /// The store failed.
    fn import_by_key(
        &self,
        organization: &str,
        key: &str,
    ) -> Result<Option<ImportRecord>, StoreError>;

    /// Keeps a record of an import whose turn has not come.
    ///
    /// # Errors
    /// The store failed.
    fn add_import(&self, record: &ImportRecord) -> Result<(), StoreError>;

    /// Marks a queued or interrupted import as running; none when it is neither.
    ///
    /// # Errors
    /// The store failed.
    fn claim(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<Option<ImportRecord>, StoreError>;

    /// Notes that somebody still runs the import; answers whether somebody beside them wants it to
    /// stop.
    ///
    /// # Errors
    /// The store failed.
    fn still_running(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<bool, StoreError>;

    /// Asks whoever runs the import to stop it; false when nobody does. They notice at their next
    /// sign of life.
    ///
    /// # Errors
    /// The store failed.
    fn request_cancel(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError>;

    /// Ends an import that nobody runs; false when it has ended already.
    ///
    /// # Errors
    /// The store failed.
    fn end_import(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        finish: &Finish,
        at: Moment,
    ) -> Result<bool, StoreError>;

    /// Imports of all organizations that are queued or interrupted, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn unfinished(&self) -> Result<Vec<ImportRecord>, StoreError>;

    /// At most `limit` of the rejected rows that the cursor asks for, by line; fewer where they are large.
    ///
    /// # Errors
    /// The store failed.
    fn rejects(
        &self,
        organization: &str,
        id: ImportId,
        cursor: RejectCursor,
        limit: usize,
    ) -> Result<RejectPage, StoreError>;

    /// Takes back what an import did, of users whom nobody has changed since: those it made are
    /// removed, those it changed are as before. All of it in one transaction; none when there is no
    /// such import, or it still runs.
    ///
    /// # Errors
    /// The store failed.
    fn undo(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<Option<Undone>, StoreError>;

    /// Forgets what users were before changes that are older than `before`; answers how many.
    ///
    /// # Errors
    /// The store failed.
    fn forget_images(&self, before: Moment) -> Result<usize, StoreError>;

    /// What was done, newest first; only what is older than the entry `before`, where one is named.
    ///
    /// # Errors
    /// The store failed.
    fn audit(
        &self,
        organization: &str,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Marks every import that still says it is running as interrupted, when nobody can be running
    /// it; answers how many there were.
    ///
    /// # Errors
    /// The store failed.
    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError>;
}

/// All that a store does.
pub trait Store:
    UserStore
    + ResourceStore
    + ImportLedger
    + OperatorStore
    + TokenStore
    + OrganizationStore
    + Backup
    + std::fmt::Debug
{
}

impl<S> Store for S where
    S: UserStore
        + ResourceStore
        + ImportLedger
        + OperatorStore
        + TokenStore
        + OrganizationStore
        + Backup
        + std::fmt::Debug
{
}

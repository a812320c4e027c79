//! The ports of user stores, and the types that they exchange with the rest of the app.
//!
//! Blocking and object-safe. Rows are written in batches. An import's counters are written in the
//! same transaction as the rows they count, so that the record is exact even after a crash.

use uuid::Uuid;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::backup::Backup;
use crate::users::column_maps::ColumnMapStore;
use crate::users::import_filter::ImportFilter;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;
use crate::users::name_pattern::NamePattern;
use crate::users::operator::OperatorStore;
use crate::users::organization::OrganizationStore;
use crate::users::problem::Problem;
use crate::users::reject_block::{RejectCursor, RejectPage};
use crate::users::resources::ResourceStore;
use crate::users::step::Finish;
use crate::users::step::ImportStep;
use crate::users::step::PendingStep;
use crate::users::store_error::StoreError;
use crate::users::token::TokenStore;
use crate::users::undo::Undone;
use crate::users::user::User;

/// Where a page of users begins: after this domain and name key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCursor {
    /// The domain of the last user seen.
    pub domain: String,
    /// The name key of the last user seen.
    pub key: String,
}

/// A new password for an existing user.
#[derive(Clone)]
pub struct NewPassword {
    /// PHC string of the hash.
    pub hash: String,
    /// Whether the password has to be changed at the first login.
    pub must_change: bool,
    /// When it was set.
    pub set_at: Moment,
    /// The hash that it may replace; none: any hash.
    pub replacing: Option<String>,
    /// The actor; none: the same password with a new hash.
    pub by: Option<Actor>,
}

/// A stored password.
#[derive(Clone)]
pub struct StoredPassword {
    /// The user's own hash, or that of the import whose default password the user still has.
    pub hash: String,
    /// Whether it is an initial password, which has to be changed at the first login.
    pub must_change: bool,
    /// When it was set.
    pub set_at: Moment,
}

/// A new role and its first members.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// The organization.
    pub organization: String,
    /// The domain whose users can have it;
    /// [`INTERNAL_DOMAIN`](crate::users::built_in::INTERNAL_DOMAIN): all domains.
    pub domain: String,
    /// The name, unique in its domain, case-insensitively.
    pub name: String,
    /// Domain and name of its users.
    pub members: Vec<(String, String)>,
    /// Stored unchanged; Muster does not use them.
    pub permissions: Vec<String>,
    /// The actor.
    pub by: Actor,
    /// The time.
    pub at: Moment,
}

/// The result of adding a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleAdded {
    /// Added, with its members.
    Added,
    /// The name is taken; nothing was changed.
    Taken,
    /// One of the members does not exist; nothing was changed.
    NoSuchUser(String),
}

/// Stores users, and writes the steps of imports.
pub trait UserStore: Send + Sync {
    /// Submits a step; it is durable once waiting for the result has succeeded. Steps of one import
    /// are written in the order of submission.
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

    /// At most `limit` users after `after`, by domain and name key.
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

    /// Removes a user and their memberships; false if the user does not exist.
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

    /// At most `limit` users after `after` with an initial password, by domain and name key; with
    /// `set_before`, only those whose password was set before that moment.
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

    /// Sets a user's password; false if the user does not exist, or the hash to be replaced has
    /// changed.
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

    /// The stored password of a user.
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

    /// Creates a role and gives it to its members, atomically.
    ///
    /// # Errors
    /// The store failed.
    fn add_role(&self, role: &NewRole) -> Result<RoleAdded, StoreError>;

    /// Checks that the store is writable.
    ///
    /// # Errors
    /// Why it is not.
    fn ready(&self) -> Result<(), StoreError>;
}

/// Stores the records of imports.
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
    fn imports(&self, organization: &str, limit: usize) -> Result<Vec<ImportRecord>, StoreError> {
        self.find_imports(organization, &ImportFilter::default(), None, limit)
    }

    /// At most `limit` imports that match `filter`, newest first; only those older than `before`, if
    /// given.
    ///
    /// # Errors
    /// The store failed.
    fn find_imports(
        &self,
        organization: &str,
        filter: &ImportFilter,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, StoreError>;

    /// Stored findings, by line, after skipping `skip` of them.
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

    /// The import with this caller's `key`.
    ///
    /// # Errors
    /// The store failed.
    fn import_by_key(
        &self,
        organization: &str,
        key: &str,
    ) -> Result<Option<ImportRecord>, StoreError>;

    /// Stores the record of a queued import.
    ///
    /// # Errors
    /// The store failed.
    fn add_import(&self, record: &ImportRecord) -> Result<(), StoreError>;

    /// Marks a queued or interrupted import as running; none if it is neither.
    ///
    /// # Errors
    /// The store failed.
    fn claim(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<Option<ImportRecord>, StoreError>;

    /// Writes a heartbeat for a running import; returns whether its cancellation was requested.
    ///
    /// # Errors
    /// The store failed.
    fn still_running(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<bool, StoreError>;

    /// Requests the cancellation of a running import; false if it is not running. The process that
    /// runs it notices at the next heartbeat.
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

    /// Ends an import that is not running; false if it has already ended.
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

    /// At most `limit` of the rejected rows selected by the cursor, by line; fewer if they are
    /// large.
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

    /// Undoes an import, except for users changed by others since: users it created are removed,
    /// users it changed are restored. All in one transaction; none if there is no such import, or
    /// it is still running.
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

    /// Removes user images from changes older than `before`; returns how many.
    ///
    /// # Errors
    /// The store failed.
    fn forget_images(&self, before: Moment) -> Result<usize, StoreError>;

    /// Audit entries, newest first; only those older than the entry `before`, if given.
    ///
    /// # Errors
    /// The store failed.
    fn audit(
        &self,
        organization: &str,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// The audit entries of one import, newest first.
    ///
    /// # Errors
    /// The store failed.
    fn audit_of_import(
        &self,
        organization: &str,
        id: ImportId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Marks every import recorded as running as interrupted, when no process can be running it;
    /// returns how many.
    ///
    /// # Errors
    /// The store failed.
    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError>;
}

/// The complete interface of a store.
pub trait Store:
    UserStore
    + ResourceStore
    + ImportLedger
    + OperatorStore
    + TokenStore
    + OrganizationStore
    + ColumnMapStore
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
        + ColumnMapStore
        + Backup
        + std::fmt::Debug
{
}

//! The port for reading and changing single users and groups, in any order, several changes per
//! transaction.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Moment;
use crate::scim::evaluate::SortValue;
use crate::scim::filter::Filter;
use crate::scim::path::AttributePath;
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::step::ImportStep;
use crate::users::store_error::StoreError;
use crate::users::user::User;

/// A group that a user is a direct member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRef {
    /// The group's id.
    pub id: Uuid,
    /// Its domain.
    pub domain: String,
    /// The name without the domain.
    pub name: String,
}

/// A user, and the groups they are a direct member of.
#[derive(Debug, Clone, PartialEq)]
pub struct UserResource {
    /// The user.
    pub user: User,
    /// The groups, by name.
    pub groups: Vec<GroupRef>,
}

/// A group: a role that belongs to a user store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// UUID version 7.
    pub id: Uuid,
    /// The organization.
    pub organization: String,
    /// The user store's name.
    pub domain: String,
    /// The name without the domain.
    pub name: String,
    /// The client's own identifier.
    pub external_id: Option<String>,
    /// The time of creation.
    pub created_at: Moment,
    /// When it or its members were last changed; none: never.
    pub modified_at: Option<Moment>,
}

/// Whether a resource is a user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
}

/// A user or group that is a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The kind of the member.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// Its domain.
    pub domain: String,
    /// The name without the domain.
    pub name: String,
}

impl Member {
    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        size_of::<Member>() + self.domain.len() + self.name.len()
    }
}

/// A group and its members; the members are empty if they were not requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupResource {
    /// The group.
    pub group: Group,
    /// Its direct members, users first, by id.
    pub members: Vec<Member>,
}

/// All fields of a user that a client can set, besides the password.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserContent {
    /// The user store's name.
    pub domain: String,
    /// The display form of the name, without the domain; already checked.
    pub user_name: String,
    /// The client's own identifier.
    pub external_id: Option<String>,
    /// SCIM `name.givenName`.
    pub given_name: Option<String>,
    /// SCIM `name.familyName`.
    pub family_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Everything else, by attribute name.
    pub attributes: Map<String, Value>,
}

/// A password that is already hashed.
#[derive(Clone)]
pub struct HashedPassword {
    /// The hash, in any scheme.
    pub hash: String,
    /// Whether the password has to be changed at the first login.
    pub must_change: bool,
}

/// The import that creates or changes a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The import.
    pub import: ImportId,
    /// The number of the operation in the import, from 1; for a file, the line.
    pub line: u64,
}

/// The result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Done; the time of the change, which is later than that of the previous change.
    Made(Moment),
    /// The name belongs to another resource; nothing was changed.
    Taken,
    /// There is no such resource.
    Gone,
}

/// The result of changing a group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MembersChanged {
    /// The number of members added or removed.
    pub count: usize,
    /// The time of the change, which is later than that of the group's previous change; none:
    /// nothing changed.
    pub at: Option<Moment>,
}

/// The order of resources: by the value at a path, those without a value last (first, when
/// descending), then by id (RFC 7644 §3.4.2.3).
#[derive(Debug, Clone, Copy)]
pub struct Order<'q> {
    /// The path.
    pub path: &'q AttributePath,
    /// Descending order.
    pub descending: bool,
}

/// Where a page begins: after the resource with this sort value and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyset {
    /// The sort value in its comparable form; none: the resource has none, or the order is by id.
    pub value: Option<SortValue>,
    /// The id.
    pub id: Uuid,
}

/// Selects resources.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceQuery<'q> {
    /// The user store, by its upper-case name; none: all of them.
    pub domain: Option<&'q str>,
    /// The filter; none: all resources.
    pub filter: Option<&'q Filter>,
    /// The order; none: by id.
    pub order: Option<Order<'q>>,
    /// Only resources after this one.
    pub after: Option<&'q Keyset>,
    /// The number of resources to skip.
    pub skip: usize,
    /// The largest number of resources to return.
    pub limit: usize,
}

impl ResourceQuery<'_> {
    /// Whether the filter or order uses the core attribute `name`; documents to be tested must then
    /// contain it.
    pub fn mentions(&self, name: &str) -> bool {
        let by_order = |order: Order<'_>| order.path.extension.is_none() && order.path.name == name;
        self.filter.is_some_and(|filter| filter.mentions(name)) || self.order.is_some_and(by_order)
    }
}

/// A page of resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// The resources of the page.
    pub resources: Vec<T>,
    /// The number of matches on all pages.
    pub total: u64,
    /// The start of the next page, if there is one.
    pub next: Option<Keyset>,
}

/// The body of one transaction. A store may run it again from the beginning after a conflict with
/// another transaction.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn Resources) -> Result<(), StoreError>;

/// Reads users and groups, and changes them in transactions.
pub trait ResourceStore: Send + Sync {
    /// The user with this id.
    ///
    /// # Errors
    /// The store failed.
    fn user_resource(
        &self,
        organization: &str,
        id: Uuid,
    ) -> Result<Option<UserResource>, StoreError>;

    /// Users of all domains that match the query.
    ///
    /// # Errors
    /// The store failed.
    fn find_users(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError>;

    /// The group with this id, with its members if requested.
    ///
    /// # Errors
    /// The store failed.
    fn group_resource(
        &self,
        organization: &str,
        id: Uuid,
        with_members: bool,
    ) -> Result<Option<GroupResource>, StoreError>;

    /// Groups of all domains that match the query, with their members if requested. Roles without a
    /// user store are not groups.
    ///
    /// # Errors
    /// The store failed.
    fn find_groups(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
        with_members: bool,
    ) -> Result<Found<GroupResource>, StoreError>;

    /// The stored results of an import's operations, in order, from number `from`.
    ///
    /// # Errors
    /// The store failed.
    fn operation_results(
        &self,
        organization: &str,
        import: ImportId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// Runs `work` in one transaction, which is durable on return; if it fails, nothing is stored.
    ///
    /// # Errors
    /// The store failed, or `work` returned an error.
    fn transact(&self, organization: &str, work: Work<'_>) -> Result<(), StoreError>;
}

/// One organization's users and groups inside a transaction.
pub trait Resources {
    /// Sets the import that makes the following changes. From then on, its changes to groups and
    /// memberships, and the users it removes, are recorded so that they can be undone
    /// (`users/undo_steps.rs`).
    fn act_for(&mut self, import: Option<ImportId>);

    /// The user with this id, as seen by this transaction.
    ///
    /// # Errors
    /// The store failed.
    fn user(&mut self, id: Uuid) -> Result<Option<UserResource>, StoreError>;

    /// The id of the user called `name`, in any case.
    ///
    /// # Errors
    /// The store failed.
    fn user_id(&mut self, domain: &str, name: &str) -> Result<Option<Uuid>, StoreError>;

    /// Creates a user; without a password, no one can log in as the user. The first version has the
    /// time `at`.
    ///
    /// # Errors
    /// The store failed.
    fn add_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError>;

    /// Replaces the user's fields with `content`; without a password the old one is kept. A change
    /// by an import can be undone. The domain must be the user's own. If the name changes, the
    /// groups that show it change too.
    ///
    /// # Errors
    /// The store failed.
    fn change_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError>;

    /// Removes a user and their memberships, so that their groups change; false if the user does
    /// not exist.
    ///
    /// # Errors
    /// The store failed.
    fn delete_user(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError>;

    /// The group with this id, with its members if requested.
    ///
    /// # Errors
    /// The store failed.
    fn group(&mut self, id: Uuid, with_members: bool) -> Result<Option<GroupResource>, StoreError>;

    /// The kind, domain and name of the resource with this id.
    ///
    /// # Errors
    /// The store failed.
    fn member(&mut self, id: Uuid) -> Result<Option<Member>, StoreError>;

    /// Creates a group with these members, which must exist; its name is unique in its domain,
    /// case-insensitively.
    ///
    /// # Errors
    /// The store failed.
    fn add_group(
        &mut self,
        id: Uuid,
        domain: &str,
        name: &str,
        external_id: Option<&str>,
        members: &[Member],
        at: Moment,
    ) -> Result<Change, StoreError>;

    /// Sets the name and identifier of a group; its members are kept. If the name changes, the
    /// groups that contain it change too.
    ///
    /// # Errors
    /// The store failed.
    fn change_group(
        &mut self,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
        at: Moment,
    ) -> Result<Change, StoreError>;

    /// Removes a group and its memberships, so that the groups that contain it change; false if it
    /// does not exist.
    ///
    /// # Errors
    /// The store failed.
    fn delete_group(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError>;

    /// Adds members; counts those that were not members already. They must exist, and users must be
    /// in the group's domain. The users themselves do not change.
    ///
    /// # Errors
    /// The store failed.
    fn add_members(
        &mut self,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> Result<MembersChanged, StoreError>;

    /// Removes members; counts those that were members.
    ///
    /// # Errors
    /// The store failed.
    fn remove_members(
        &mut self,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> Result<MembersChanged, StoreError>;

    /// Removes all members; counts them.
    ///
    /// # Errors
    /// The store failed.
    fn clear_members(&mut self, group: Uuid, at: Moment) -> Result<MembersChanged, StoreError>;

    /// Writes an audit entry.
    ///
    /// # Errors
    /// The store failed.
    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Writes a step of an import without users: its record, counters, findings and end.
    ///
    /// # Errors
    /// The store failed.
    fn step(&mut self, step: &ImportStep) -> Result<(), StoreError>;

    /// Stores the result of an operation of an import, a JSON object; it replaces an earlier result
    /// with the same number.
    ///
    /// # Errors
    /// The store failed.
    fn keep_result(
        &mut self,
        import: ImportId,
        number: u64,
        result: &str,
    ) -> Result<(), StoreError>;

    /// Runs `work` in a savepoint and keeps its changes only if it returns true. Savepoints may be
    /// nested.
    ///
    /// # Errors
    /// The store failed.
    fn attempt(
        &mut self,
        work: &mut dyn FnMut(&mut dyn Resources) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError>;
}

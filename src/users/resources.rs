//! The port through which users and groups are looked up and changed one by one, whatever order and
//! mixture a caller wants: several changes in one transaction.

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
    /// Its name, without the domain.
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
    /// The name, without the domain.
    pub name: String,
    /// The client's own identifier.
    pub external_id: Option<String>,
    /// When it was made.
    pub created_at: Moment,
    /// When it or its members were changed last; none: never.
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
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// Its domain.
    pub domain: String,
    /// Its name, without the domain.
    pub name: String,
}

impl Member {
    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        size_of::<Member>() + self.domain.len() + self.name.len()
    }
}

/// A group and its members; the members are left empty where they were not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupResource {
    /// The group.
    pub group: Group,
    /// Its direct members, users first, by id.
    pub members: Vec<Member>,
}

/// All that a client can say of a user, besides the password.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserContent {
    /// The user store's name.
    pub domain: String,
    /// The name as it is shown, without the domain; checked by the rules already.
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

/// A password, hashed already.
#[derive(Clone)]
pub struct HashedPassword {
    /// The hash, of any scheme.
    pub hash: String,
    /// Whether it has to be changed at the first login.
    pub must_change: bool,
}

/// On whose behalf a user is made or changed, where it is an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The import.
    pub import: ImportId,
    /// The number of the operation in it, from 1; the line of a file.
    pub line: u64,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is as it was to be, since this moment, which is later than that of the change before.
    Made(Moment),
    /// Another one has the name; nothing was changed.
    Taken,
    /// There is no such resource.
    Gone,
}

/// What became of a group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MembersChanged {
    /// How many came in or went.
    pub count: usize,
    /// Since when the group has them, which is later than its change before; none: nothing changed.
    pub at: Option<Moment>,
}

/// In which order resources come: by the value at a path, those without one last (first, when
/// descending), and by id among equals (RFC 7644 §3.4.2.3).
#[derive(Debug, Clone, Copy)]
pub struct Order<'q> {
    /// The path.
    pub path: &'q AttributePath,
    /// The greatest first.
    pub descending: bool,
}

/// Where a page begins: behind the resource with this sort value and id.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyset {
    /// The sort value as it is compared; none: it has none, or the order is by id.
    pub value: Option<SortValue>,
    /// The id.
    pub id: Uuid,
}

/// Which resources are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceQuery<'q> {
    /// Those of this user store, by its upper-case name; none: of all.
    pub domain: Option<&'q str>,
    /// Those that match; none: all.
    pub filter: Option<&'q Filter>,
    /// Their order; none: by id.
    pub order: Option<Order<'q>>,
    /// Only those behind this one.
    pub after: Option<&'q Keyset>,
    /// Of those, so many are left out.
    pub skip: usize,
    /// And no more than so many are given.
    pub limit: usize,
}

impl ResourceQuery<'_> {
    /// Whether the core attribute `name` has a say in what is found; a document that is tried has to have
    /// it.
    pub fn mentions(&self, name: &str) -> bool {
        let by_order = |order: Order<'_>| order.path.extension.is_none() && order.path.name == name;
        self.filter.is_some_and(|filter| filter.mentions(name)) || self.order.is_some_and(by_order)
    }
}

/// A page of resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// The page.
    pub resources: Vec<T>,
    /// How many match, on all pages.
    pub total: u64,
    /// Where the next page begins, when there are more.
    pub next: Option<Keyset>,
}

/// What one transaction does. A store may run it again from the beginning when it met another one.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn Resources) -> Result<(), StoreError>;

/// Looks users and groups up, and changes them in transactions.
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

    /// Users of all domains that match.
    ///
    /// # Errors
    /// The store failed.
    fn find_users(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError>;

    /// The group with this id, with its members where they are wanted.
    ///
    /// # Errors
    /// The store failed.
    fn group_resource(
        &self,
        organization: &str,
        id: Uuid,
        with_members: bool,
    ) -> Result<Option<GroupResource>, StoreError>;

    /// Groups of all domains that match, with their members where they are wanted. Roles that belong
    /// to no user store are no groups.
    ///
    /// # Errors
    /// The store failed.
    fn find_groups(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
        with_members: bool,
    ) -> Result<Found<GroupResource>, StoreError>;

    /// Results of an import's operations that were kept, in their order, from the one numbered `from`.
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

    /// Does `work` in one transaction, which is durable when this returns; nothing of it is stored
    /// when it fails.
    ///
    /// # Errors
    /// The store failed, or `work` did.
    fn transact(&self, organization: &str, work: Work<'_>) -> Result<(), StoreError>;
}

/// One organization's users and groups inside a transaction.
pub trait Resources {
    /// Says for which import the changes that follow are made: what it does to groups and to memberships, and whom
    /// it removes, is kept from now on, so that it can be taken back (`users/undo steps.rs`).
    fn act_for(&mut self, import: Option<ImportId>);

    /// The user with this id, as this transaction has left them.
    ///
    /// # Errors
    /// The store failed.
    fn user(&mut self, id: Uuid) -> Result<Option<UserResource>, StoreError>;

    /// The id of the user called `name`, in any case.
    ///
    /// # Errors
    /// The store failed.
    fn user_id(&mut self, domain: &str, name: &str) -> Result<Option<Uuid>, StoreError>;

    /// Makes a user; without a password nobody can log in as them. Their first version is of `at`.
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

    /// Makes a user look like `content`; without a password they keep theirs. Where an import does
    /// it, it can be taken back. The domain is the one that the user is in; with another name the groups change
    /// that show it.
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

    /// Removes a user and their memberships, so that the groups they were in change; false when there is none.
    ///
    /// # Errors
    /// The store failed.
    fn delete_user(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError>;

    /// The group with this id, with its members where they are wanted.
    ///
    /// # Errors
    /// The store failed.
    fn group(&mut self, id: Uuid, with_members: bool) -> Result<Option<GroupResource>, StoreError>;

    /// What the resource with this id is, and its domain and name.
    ///
    /// # Errors
    /// The store failed.
    fn member(&mut self, id: Uuid) -> Result<Option<Member>, StoreError>;

    /// Makes a group with these members, who exist; its name is unique in its domain, in any case.
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

    /// Gives a group this name and identifier; its members stay. With another name the groups change that it is
    /// in.
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

    /// Removes a group and its memberships, so that the groups it was in change; false when there is none.
    ///
    /// # Errors
    /// The store failed.
    fn delete_group(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError>;

    /// Takes members in; counts those that were not in already. They exist, users are of the group's
    /// domain. Users do not change by it.
    ///
    /// # Errors
    /// The store failed.
    fn add_members(
        &mut self,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> Result<MembersChanged, StoreError>;

    /// Lets members go; counts those that were in.
    ///
    /// # Errors
    /// The store failed.
    fn remove_members(
        &mut self,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> Result<MembersChanged, StoreError>;

    /// Lets all members go; counts them.
    ///
    /// # Errors
    /// The store failed.
    fn clear_members(&mut self, group: Uuid, at: Moment) -> Result<MembersChanged, StoreError>;

    /// Writes an entry of the audit.
    ///
    /// # Errors
    /// The store failed.
    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Writes a step of an import whose users are not in it: its record, its counters, its findings,
    /// its end.
    ///
    /// # Errors
    /// The store failed.
    fn step(&mut self, step: &ImportStep) -> Result<(), StoreError>;

    /// Keeps the result of an operation of an import, a JSON object; of one number the last.
    ///
    /// # Errors
    /// The store failed.
    fn keep_result(
        &mut self,
        import: ImportId,
        number: u64,
        result: &str,
    ) -> Result<(), StoreError>;

    /// Does `work`, and keeps what it did only when it answers true. Attempts may be made within one
    /// another.
    ///
    /// # Errors
    /// The store failed.
    fn attempt(
        &mut self,
        work: &mut dyn FnMut(&mut dyn Resources) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError>;
}

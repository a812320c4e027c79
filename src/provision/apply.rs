//! Executes prepared operations inside a transaction. All checks run before the first write, so
//! that a refused operation changes nothing.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use crate::clock::Moment;
use crate::provision::error::ProvisionError;
use crate::provision::operation::Act;
use crate::provision::operation::Operation;
use crate::provision::operation::{Done, Effect, Resource, not_found};
use crate::provision::plan::Made;
use crate::provision::prepare::{Prepared, PreparedAct};
use crate::provision::provisioner::Provisioner;
use crate::provision::references;
use crate::provision::rights::Authority;
use crate::provision::rights::allowed;
use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::documents::resource;
use crate::users::operator::Role;
use crate::users::resources::{GroupRef, Kind, Origin, Resources};
use crate::users::store_error::StoreError;

/// The store's result, or the reason why the operation was refused.
pub(super) type Applied<T> = Result<Result<T, ScimError>, StoreError>;

/// Returns the refusal to the caller; nothing has been written yet.
macro_rules! accept {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal.into())),
        }
    };
}
pub(super) use accept;

/// The context of operations.
pub(super) struct Executor<'a> {
    pub provisioner: &'a Provisioner,
    pub by: &'a Actor,
    pub role: Role,
    pub at: Moment,
    /// The import, for a request with many operations.
    pub origin: Option<Origin>,
    /// Whether the caller wants the resulting resource.
    pub wanted: bool,
    /// Whether the response to a Bulk request contains the resulting resources.
    pub shown: bool,
    /// The number of members left out because their ids cannot exist on this server.
    pub members_left_out: usize,
    /// Resources that other operations of the same request create.
    pub made: &'a Made,
    /// The position of the current operation.
    pub position: usize,
    /// Groups that resources still to be created will be members of, with the operation that
    /// requested it, by the member's id.
    pub pending: HashMap<Uuid, Vec<(Uuid, usize)>>,
    /// Whether the operation changed the entity tags of other resources: a group's tag depends on
    /// its members, and a user's on their groups.
    pub touches_others: bool,
}

impl Provisioner {
    /// Executes one operation in its own transaction. Blocking.
    ///
    /// # Errors
    /// The operation is refused, or the store failed.
    pub fn carry_out(
        &self,
        authority: &Authority,
        operation: Operation,
        leniency: Leniency,
    ) -> Result<Done, ProvisionError> {
        allowed(&operation, authority)?;
        if let Act::Create(message) | Act::Replace(message) | Act::Patch(message) = &operation.act {
            references::refuse(message)?;
        }
        let prepared = self
            .prepare([Ok(operation)], leniency)?
            .pop()
            .ok_or_else(|| ScimError::new(500, "The operation was lost."))??;
        let made = Made::new();
        let mut result = None;
        self.store
            .transact(&authority.actor.organization, &mut |tx| {
                let at = self.clock.now();
                let mut executor = Executor {
                    wanted: true,
                    ..Executor::new(self, authority, at, &made)
                };
                result = Some(executor.apply(tx, &prepared)?);
                Ok(())
            })?;
        let done = result.ok_or_else(|| ScimError::new(500, "The operation was lost."))?;
        Ok(done?)
    }
}

impl<'a> Executor<'a> {
    /// An executor of one transaction, which shows no resource and belongs to no import.
    pub fn new(
        provisioner: &'a Provisioner,
        authority: &'a Authority,
        at: Moment,
        made: &'a Made,
    ) -> Self {
        Executor {
            provisioner,
            by: &authority.actor,
            role: authority.role,
            at,
            origin: None,
            wanted: false,
            shown: false,
            members_left_out: 0,
            made,
            position: 0,
            pending: HashMap::new(),
            touches_others: false,
        }
    }
}

impl Executor<'_> {
    /// Executes one operation.
    pub fn apply(&mut self, tx: &mut dyn Resources, prepared: &Prepared) -> Applied<Done> {
        let Prepared {
            id, precondition, ..
        } = prepared;
        tx.act_for(self.origin.map(|origin| origin.import));
        let is_delete = matches!(prepared.act, PreparedAct::Delete);
        self.touches_others |= is_delete || prepared.kind == Kind::Group;
        match &prepared.act {
            PreparedAct::CreateUser(draft) => self.create_user(tx, *id, draft),
            PreparedAct::ReplaceUser(draft) => self.replace_user(tx, *id, precondition, draft),
            PreparedAct::PatchUser(patch, passwords) => {
                let leniency = prepared.leniency;
                self.patch_user(tx, *id, precondition, (patch, leniency), passwords)
            }
            PreparedAct::CreateGroup(draft) => self.create_group(tx, *id, draft),
            PreparedAct::ReplaceGroup(draft) => self.replace_group(tx, *id, precondition, draft),
            PreparedAct::PatchGroup(patch) => {
                self.patch_group(tx, *id, precondition, (patch, prepared.leniency))
            }
            PreparedAct::Delete => match prepared.kind {
                Kind::User => self.delete_user(tx, *id, precondition),
                Kind::Group => self.delete_group(tx, *id, precondition),
            },
        }
    }

    /// The kind of resource that a later operation of the same request creates with this id, if
    /// any.
    pub(super) fn promised(&self, id: Uuid) -> Option<Kind> {
        let (kind, position) = self.made.get(&id)?;
        (*position > self.position).then_some(*kind)
    }

    /// The result of the operation, with the current resource if requested; `groups` are those of a
    /// user.
    pub(super) fn done(
        &self,
        tx: &mut dyn Resources,
        effect: Effect,
        (kind, id): (Kind, Uuid),
        changed: Moment,
        groups: &[GroupRef],
    ) -> Applied<Done> {
        let resource = match (self.wanted || self.shown, kind) {
            (false, _) => None,
            (true, Kind::User) => tx.user(id)?.map(|user| Resource::User(Box::new(user))),
            (true, Kind::Group) => tx
                .group(id, true)?
                .map(|group| Resource::Group(Box::new(group))),
        };
        Ok(Ok(Done {
            effect,
            kind,
            id,
            changed: Some(changed),
            version: Some(resource::version_of(changed, groups)),
            resource,
            members_left_out: self.members_left_out,
        }))
    }

    /// The error for a resource that was removed between two queries.
    pub(super) fn not_found(kind: Kind, id: Uuid) -> ScimError {
        not_found(kind, &id.to_string())
    }

    /// Writes an audit entry with the action and the names of the changed attributes, never their
    /// values.
    pub(super) fn note<'n>(
        &self,
        tx: &mut dyn Resources,
        action: &str,
        domain: &str,
        name: &str,
        attributes: impl Iterator<Item = &'n str>,
    ) -> Result<(), StoreError> {
        let attributes: Vec<&str> = attributes.collect();
        let mut entry = AuditEntry::new(self.by, action, self.at).about(domain, name);
        entry.import = self.origin.map(|origin| origin.import);
        if !attributes.is_empty() {
            entry.details = json!({ "attributes": attributes });
        }
        tx.note(&entry)
    }

    /// Refuses `what` unless the caller is an administrator.
    pub(super) fn admin_only(&self, what: &str) -> Result<(), ScimError> {
        match self.role {
            Role::Admin => Ok(()),
            _ => Err(ScimError::new(
                403,
                format!("Only an operator with the role admin may {what}."),
            )),
        }
    }
}

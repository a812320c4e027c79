//! Prepared operations inside a transaction: everything is looked at before anything is written, so
//! that what is refused has left no trace.

use crate::provision::error::ProvisionError;
use crate::provision::operation::Act;
use crate::provision::operation::Operation;
use crate::provision::references;
use crate::provision::rights::Authority;
use crate::provision::rights::allowed;
use crate::scim::check::Leniency;
use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use crate::clock::Moment;
use crate::provision::operation::{Done, Effect, Resource, not_found};
use crate::provision::plan::Made;
use crate::provision::prepare::{Prepared, PreparedAct};
use crate::provision::provisioner::Provisioner;
use crate::scim::error::ScimError;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::documents::resource;
use crate::users::operator::Role;
use crate::users::resources::{GroupRef, Kind, Origin, Resources};
use crate::users::store_error::StoreError;

/// What the store answered, or why the operation was refused.
pub(super) type Applied<T> = Result<Result<T, ScimError>, StoreError>;

/// Gives the refusal back to the caller, who asked the store for nothing since.
macro_rules! agreed {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal.into())),
        }
    };
}
pub(super) use agreed;

/// What operations are carried out with.
pub(super) struct Executor<'a> {
    pub provisioner: &'a Provisioner,
    pub by: &'a Actor,
    pub role: Role,
    pub at: Moment,
    /// The import, of a request with many operations.
    pub origin: Option<Origin>,
    /// Whether the caller wants to know what became of the resource.
    pub wanted: bool,
    /// Whether what became of each resource is shown in the answer to a Bulk request.
    pub shown: bool,
    /// How many members were left out, because their ids are none that anybody here can have.
    pub members_left_out: usize,
    /// Resources that the operations of the same request make, now or later.
    pub made: &'a Made,
    /// The operation that is carried out.
    pub position: usize,
    /// Groups that those are to be members of once they are made, and the operation that said so, by
    /// the member's id.
    pub pending: HashMap<Uuid, Vec<(Uuid, usize)>>,
    /// Whether something was done that changes the entity tags of other resources: a group's follows its members,
    /// and a user's their groups.
    pub touches_others: bool,
}

impl Provisioner {
    /// Carries out one operation in a transaction of its own. Blocking.
    ///
    /// # Errors
    /// It is refused, or the store failed.
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
                let mut hand = Executor {
                    provisioner: self,
                    by: &authority.actor,
                    role: authority.role,
                    at: self.clock.now(),
                    origin: None,
                    wanted: true,
                    shown: false,
                    members_left_out: 0,
                    made: &made,
                    position: 0,
                    pending: HashMap::new(),
                    touches_others: false,
                };
                result = Some(hand.apply(tx, &prepared)?);
                Ok(())
            })?;
        let done = result.ok_or_else(|| ScimError::new(500, "The operation was lost."))?;
        Ok(done?)
    }
}

impl Executor<'_> {
    /// Carries one operation out.
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

    /// What a later operation of the same request makes with this id; none: no one does.
    pub(super) fn promised(&self, id: Uuid) -> Option<Kind> {
        let (kind, position) = self.made.get(&id)?;
        (*position > self.position).then_some(*kind)
    }

    /// What the operation did, with the resource as it is now where it is wanted; `groups` are those of a user.
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

    /// What is answered when the resource went away between two looks at it.
    pub(super) fn gone(kind: Kind, id: Uuid) -> ScimError {
        not_found(kind, &id.to_string())
    }

    /// Writes into the audit what was done, and to which attributes; never what they are.
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

    /// Only an administrator may do `what`.
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

//! Groups: create, replace, patch, delete.

use uuid::Uuid;

use crate::clock::Moment;
use crate::provision::apply::{Applied, Executor, accept};
use crate::provision::members::leaving;
use crate::provision::operation::{Done, Effect, Precondition};
use crate::provision::prepare::{GroupDraft, Name, group_of, text_of};
use crate::provision::rights::is_admin_group;
use crate::scim::check::Leniency;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::member_changes::member_changes;
use crate::scim::patch::Patch;
use crate::scim::patch_apply;
use crate::users::documents::resource;
use crate::users::resources::{Change, Group, GroupResource, Kind, Resources};

impl Executor<'_> {
    pub(super) fn create_group(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        draft: &GroupDraft,
    ) -> Applied<Done> {
        let Name { domain, name } = &draft.name;
        let named = accept!(self.named(tx, id, domain, &draft.members)?);
        let external_id = draft.external_id.as_deref();
        match tx.add_group(id, domain, name, external_id, &named.existing, self.at)? {
            Change::Made(at) => {
                self.expect(id, &named.promised);
                let attributes = ["displayName"]
                    .into_iter()
                    .chain(draft.external_id.as_ref().map(|_| "externalId"))
                    .chain((!named.is_empty()).then_some("members"));
                self.note(tx, "group.create", domain, name, attributes)?;
                self.done(tx, Effect::Created, (Kind::Group, id), at, &[])
            }
            Change::Taken => Ok(Err(taken(&draft.name))),
            Change::Gone => Ok(Err(Self::not_found(Kind::Group, id))),
        }
    }

    pub(super) fn replace_group(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
        draft: &GroupDraft,
    ) -> Applied<Done> {
        let Some(stored) = tx.group(id, true)? else {
            return Ok(Err(Self::not_found(Kind::Group, id)));
        };
        accept!(precondition.check(changed(&stored.group)));
        self.put_group(tx, &stored, draft)
    }

    pub(super) fn patch_group(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
        (patch, leniency): (&Patch, Leniency),
    ) -> Applied<Done> {
        // A group may have very many members; most patches concern only a few of them.
        let changes = member_changes(patch);
        let Some(stored) = tx.group(id, changes.is_none())? else {
            return Ok(Err(Self::not_found(Kind::Group, id)));
        };
        accept!(precondition.check(changed(&stored.group)));
        if let Some(changes) = changes {
            return self.change_members(tx, &stored.group, &changes);
        }
        let mut after = resource::group(&stored, "");
        self.show_promised(id, &mut after);
        accept!(patch_apply::apply(
            patch,
            &mut after,
            &self.provisioner.schemas.group
        ));
        let group = &stored.group;
        let name = match text_of(&after, "displayName") {
            same if same == resource::qualified(&group.domain, &group.name) => Name {
                domain: group.domain.clone(),
                name: group.name.clone(),
            },
            new => accept!(self.provisioner.group_name(new, leniency)),
        };
        let draft = group_of(&mut after, name);
        self.put_group(tx, &stored, &draft)
    }

    pub(super) fn delete_group(
        &mut self,
        tx: &mut dyn Resources,
        id: Uuid,
        precondition: &Precondition,
    ) -> Applied<Done> {
        let Some(stored) = tx.group(id, false)? else {
            return Ok(Err(Self::not_found(Kind::Group, id)));
        };
        let group = &stored.group;
        accept!(precondition.check(changed(group)));
        accept!(not_built_in(group));
        if !tx.delete_group(id, self.at)? {
            return Ok(Err(Self::not_found(Kind::Group, id)));
        }
        self.note(
            tx,
            "group.delete",
            &group.domain,
            &group.name,
            [].into_iter(),
        )?;
        Ok(Ok(Done {
            effect: Effect::Deleted,
            kind: Kind::Group,
            id,
            changed: None,
            version: None,
            resource: None,
            members_left_out: 0,
        }))
    }

    fn put_group(
        &mut self,
        tx: &mut dyn Resources,
        stored: &GroupResource,
        draft: &GroupDraft,
    ) -> Applied<Done> {
        let group = &stored.group;
        let Name { domain, name } = &draft.name;
        if *domain != group.domain {
            return Ok(Err(ScimError::of(
                ErrorType::Mutability,
                format!(
                    "displayName: the group belongs to the user store {} and cannot be moved; \
                     give a name of that store.",
                    group.domain
                ),
            )));
        }
        let differs = *name != group.name || draft.external_id != group.external_id;
        if differs {
            accept!(self.admin_only("rename a group"));
            accept!(not_built_in(group));
        }
        let named = accept!(self.named(tx, group.id, domain, &draft.members)?);
        let leaving = leaving(&stored.members, &named.existing);
        if !leaving.is_empty() {
            accept!(self.may_change_members(group));
        }
        let mut at = None;
        if differs {
            let external_id = draft.external_id.as_deref();
            match tx.change_group(group.id, name, external_id, self.at)? {
                Change::Made(moment) => at = Some(moment),
                Change::Taken => return Ok(Err(taken(&draft.name))),
                Change::Gone => return Ok(Err(Self::not_found(Kind::Group, group.id))),
            }
        }
        let left = match leaving.is_empty() {
            true => None,
            false => tx.remove_members(group.id, &leaving, self.at)?.at,
        };
        self.forget_all(group.id);
        let joined = self.take_in(tx, group.id, &named)?;
        let members = joined.or(left);
        let mut attributes = Vec::new();
        if *name != group.name {
            attributes.push("displayName");
        }
        if draft.external_id != group.external_id {
            attributes.push("externalId");
        }
        if members.is_some() || !named.promised.is_empty() {
            attributes.push("members");
        }
        self.finish(tx, group, members.or(at), &attributes)
    }

    pub(super) fn finish(
        &mut self,
        tx: &mut dyn Resources,
        group: &Group,
        at: Option<Moment>,
        attributes: &[&str],
    ) -> Applied<Done> {
        let at = at.unwrap_or_else(|| changed(group));
        if attributes.is_empty() {
            return self.done(tx, Effect::Unchanged, (Kind::Group, group.id), at, &[]);
        }
        let names = attributes.iter().copied();
        self.note(tx, "group.update", &group.domain, &group.name, names)?;
        self.done(tx, Effect::Updated, (Kind::Group, group.id), at, &[])
    }
}

fn not_built_in(group: &Group) -> Result<(), ScimError> {
    match is_admin_group(group) {
        true => Err(ScimError::of(
            ErrorType::Mutability,
            "The group admin is built in: it cannot be renamed or deleted.",
        )),
        false => Ok(()),
    }
}

/// When the group or its members were last changed.
pub(super) fn changed(group: &Group) -> Moment {
    group.modified_at.unwrap_or(group.created_at)
}

fn taken(name: &Name) -> ScimError {
    ScimError::of(
        ErrorType::Uniqueness,
        format!(
            "Group with the name: {} already exists in the system.",
            resource::qualified(&name.domain, &name.name)
        ),
    )
}

//! A transaction: changes are applied to the maps at once, and the journal can roll them back.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::Content;
use crate::stores::memory::groups::StoredRole;
use crate::stores::memory::journal::Before;
use crate::stores::memory::stored_user::{Image, Removed, StoredUndoStep, StoredUser};
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::name::lookup_key;
use crate::users::resources::{
    Change, GroupResource, HashedPassword, Kind, Member, MembersChanged, Origin, Resources,
    UserContent, UserResource,
};
use crate::users::step::ImportStep;
use crate::users::store_error::StoreError;
use crate::users::undo_steps::{RemovedByAnother, RestoreResult, UndoStep, UndoTransaction};
use crate::users::user::User;

/// One organization's users and groups. The creator begins and ends the transaction.
pub(super) struct Transaction<'t> {
    pub content: &'t mut Content,
    pub organization: &'t str,
    /// The import that makes the changes.
    pub import: Option<ImportId>,
    /// The data removed by the import being undone, by step number.
    pub removed: BTreeMap<u64, Removed>,
    /// The import being undone.
    pub undone: Option<ImportId>,
}

impl<'t> Transaction<'t> {
    /// An active transaction, not yet on behalf of an import.
    pub(super) fn new(content: &'t mut Content, organization: &'t str) -> Self {
        Transaction {
            content,
            organization,
            import: None,
            removed: BTreeMap::new(),
            undone: None,
        }
    }

    /// Records an undo step, if an import makes the changes.
    fn keep(&mut self, undo_step: UndoStep, removed: Option<Removed>, at: Moment) {
        if let Some(import) = self.import {
            let kept = StoredUndoStep {
                undo_step,
                removed,
                at,
            };
            self.content.keep_undo_step(import, kept);
        }
    }

    /// The ids of a group's members.
    fn members_of(&self, group: Uuid) -> Vec<Uuid> {
        let found = self.content.role(self.organization, group);
        let found = found.map(|(_, role)| self.content.with_members(role, true));
        let members = found.map(|found| found.members).unwrap_or_default();
        members.into_iter().map(|member| member.id).collect()
    }

    /// Changes a group's members, and records which were added and removed.
    fn change_members(
        &mut self,
        group: Uuid,
        at: Moment,
        change: impl FnOnce(&mut Content, &str) -> MembersChanged,
    ) -> MembersChanged {
        if self.import.is_none() {
            return change(self.content, self.organization);
        }
        let before = self.members_of(group);
        let changed = change(self.content, self.organization);
        self.keep_members(group, &before, at);
        changed
    }

    fn keep_members(&mut self, id: Uuid, before: &[Uuid], at: Moment) {
        let after = self.members_of(id);
        let name = match self.content.role(self.organization, id) {
            Some((_, role)) => role.group.name.clone(),
            None => return,
        };
        let without = |all: &[Uuid], others: &[Uuid]| -> Vec<Uuid> {
            let kept = all.iter().filter(|id| !others.contains(id));
            kept.copied().collect()
        };
        let (new, gone) = (without(&after, before), without(before, &after));
        if !new.is_empty() {
            let name = name.clone();
            let members = new;
            self.keep(UndoStep::MembersAdded { id, name, members }, None, at);
        }
        if !gone.is_empty() {
            let members = gone;
            self.keep(UndoStep::MembersRemoved { id, name, members }, None, at);
        }
    }
}

impl UndoTransaction for Transaction<'_> {
    fn restore_removed(&mut self, number: u64) -> Result<RestoreResult, StoreError> {
        Ok(match self.removed.remove(&number) {
            Some(Removed::User(kept)) => {
                let user = &kept.user;
                let key = (
                    self.organization.to_owned(),
                    user.domain.clone(),
                    lookup_key(&user.user_name),
                );
                if self.content.users.contains_key(&key) {
                    return Ok(RestoreResult::NameTaken);
                }
                let mut kept = *kept;
                // Memberships are restored one by one.
                kept.user.roles.clear();
                self.content.set_user(key, Some(kept));
                RestoreResult::Yes
            }
            Some(Removed::Role(role)) => {
                let group = &role.group;
                let key = (
                    self.organization.to_owned(),
                    group.domain.clone(),
                    lookup_key(&group.name),
                );
                if self.content.roles.contains_key(&key) {
                    return Ok(RestoreResult::NameTaken);
                }
                self.content
                    .set_role(key, Some(StoredRole::new(group.clone())));
                RestoreResult::Yes
            }
            None => RestoreResult::NotKept,
        })
    }

    fn removed_by_others(
        &mut self,
        ids: &HashSet<Uuid>,
    ) -> Result<Vec<RemovedByAnother>, StoreError> {
        let mut found = Vec::new();
        let here = |import: ImportId| (self.organization.to_owned(), import);
        let others = self.content.undo_steps.iter().filter(|(import, _)| {
            Some(**import) != self.undone && self.content.imports.contains_key(&here(**import))
        });
        for kept in others.flat_map(|(_, undo_steps)| undo_steps) {
            let (id, kind, name, own) = match (&kept.undo_step, &kept.removed) {
                (UndoStep::UserRemoved { id, name, .. }, Some(Removed::User(user))) => {
                    let made_by = user.user.created_by;
                    let own = made_by.is_some() && made_by == self.undone;
                    (*id, Kind::User, name, own)
                }
                (UndoStep::GroupRemoved { id, name, .. }, _) => (*id, Kind::Group, name, false),
                _ => continue,
            };
            if own || ids.contains(&id) {
                let name = name.clone();
                found.push(RemovedByAnother { id, kind, name });
            }
        }
        found.sort_by_key(|removed| removed.id);
        Ok(found)
    }
}

impl Content {
    /// The user with this id.
    pub(super) fn by_id(&self, organization: &str, id: Uuid) -> Option<&StoredUser> {
        let key = self.user_keys.get(&(organization.to_owned(), id))?;
        self.users.get(key)
    }
}

impl Resources for Transaction<'_> {
    fn act_for(&mut self, import: Option<ImportId>) {
        self.import = import;
    }

    fn user(&mut self, id: Uuid) -> Result<Option<UserResource>, StoreError> {
        let found = self.content.by_id(self.organization, id);
        Ok(found.map(|kept| self.content.with_groups(&kept.user)))
    }

    fn user_id(&mut self, domain: &str, name: &str) -> Result<Option<Uuid>, StoreError> {
        let place = (self.organization.to_owned(), domain.to_owned());
        let found = self
            .content
            .users
            .get(&(place.0, place.1, lookup_key(name)));
        Ok(found.map(|kept| kept.user.id))
    }

    fn add_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let key = (
            self.organization.to_owned(),
            content.domain.clone(),
            lookup_key(&content.user_name),
        );
        if self.content.users.contains_key(&key) {
            return Ok(Change::Taken);
        }
        let mut user = User {
            id,
            user_name: String::new(),
            domain: content.domain.clone(),
            organization: self.organization.to_owned(),
            given_name: None,
            family_name: None,
            email: None,
            external_id: None,
            attributes: serde_json::Map::new(),
            has_password: password.is_some(),
            must_change_password: password.is_some_and(|password| password.must_change),
            password_set_at: at,
            created_by: origin.map(|origin| origin.import),
            created_at: at,
            modified_at: None,
            roles: Vec::new(),
        };
        fill(&mut user, content);
        let kept = StoredUser {
            user,
            password_hash: password.map(|password| password.hash.clone()),
            line: origin.map(|origin| origin.line),
            modified: None,
        };
        self.content.set_user(key, Some(kept));
        Ok(Change::Made(at))
    }

    fn change_user(
        &mut self,
        id: Uuid,
        content: &UserContent,
        password: Option<&HashedPassword>,
        origin: Option<Origin>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let Some(before) = self.content.by_id(self.organization, id).cloned() else {
            return Ok(Change::Gone);
        };
        let place = (self.organization.to_owned(), before.user.domain.clone());
        let old_key = (
            place.0.clone(),
            place.1.clone(),
            lookup_key(&before.user.user_name),
        );
        let new_key = (place.0, place.1, lookup_key(&content.user_name));
        if new_key != old_key && self.content.users.contains_key(&new_key) {
            return Ok(Change::Taken);
        }
        let mut kept = before.clone();
        fill(&mut kept.user, content);
        let moment = kept.touch(origin.map(|origin| origin.import), at);
        if let Some(password) = password {
            kept.password_hash = Some(password.hash.clone());
            kept.user.has_password = true;
            kept.user.must_change_password = password.must_change;
            kept.user.password_set_at = moment;
        }
        let renamed = kept.user.user_name != before.user.user_name;
        // A user created by the same import needs no image: undoing the import removes it.
        let import = origin.map(|origin| origin.import);
        if let Some(import) = import.filter(|import| before.user.created_by != Some(*import)) {
            let image = Image {
                kept: before,
                taken_at: at,
                single: true,
            };
            self.content.keep_image(import, image);
        }
        if renamed {
            self.content.touch_groups_of(&old_key, moment);
        }
        self.content.set_user(old_key, None);
        self.content.set_user(new_key, Some(kept));
        Ok(Change::Made(moment))
    }

    fn delete_user(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError> {
        let key = self
            .content
            .user_keys
            .get(&(self.organization.to_owned(), id));
        let Some(key) = key.cloned() else {
            return Ok(false);
        };
        let kept = self.content.users.get(&key).cloned();
        // A user created by the same import is removed by an undo anyway.
        if let Some(kept) = kept.filter(|kept| kept.user.created_by != self.import) {
            let groups = self.content.with_groups(&kept.user).groups;
            let groups = groups.into_iter().map(|group| group.id).collect();
            let name = kept.user.user_name.clone();
            let removed = Some(Removed::User(Box::new(kept)));
            self.keep(UndoStep::UserRemoved { id, name, groups }, removed, at);
        }
        self.content.touch_groups_of(&key, at);
        self.content.set_user(key, None);
        Ok(true)
    }

    fn group(&mut self, id: Uuid, with_members: bool) -> Result<Option<GroupResource>, StoreError> {
        let found = self.content.role(self.organization, id);
        Ok(found.map(|(_, role)| self.content.with_members(role, with_members)))
    }

    fn member(&mut self, id: Uuid) -> Result<Option<Member>, StoreError> {
        let user = self.content.by_id(self.organization, id);
        let user = user.map(|kept| Member {
            kind: Kind::User,
            id,
            domain: kept.user.domain.clone(),
            name: kept.user.user_name.clone(),
        });
        Ok(user.or_else(|| self.content.group_member(self.organization, id)))
    }

    fn add_group(
        &mut self,
        id: Uuid,
        domain: &str,
        name: &str,
        external_id: Option<&str>,
        members: &[Member],
        at: Moment,
    ) -> Result<Change, StoreError> {
        let organization = self.organization;
        let made = self
            .content
            .add_group(organization, id, domain, name, external_id, at);
        if let Change::Made(_) = made {
            self.content.add_first_members(organization, id, members);
            let undo_step = UndoStep::GroupMade {
                id,
                name: name.to_owned(),
                external_id: external_id.map(str::to_owned),
            };
            self.keep(undo_step, None, at);
            if self.import.is_some() {
                self.keep_members(id, &[], at);
            }
        }
        Ok(made)
    }

    fn change_group(
        &mut self,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
        at: Moment,
    ) -> Result<Change, StoreError> {
        let organization = self.organization;
        let before = self.content.role(organization, id);
        let before = before.map(|(_, role)| role.group.clone());
        let changed = self
            .content
            .change_group(organization, id, name, external_id, at);
        if let (Change::Made(_), Some(before)) = (changed, before) {
            let undo_step = UndoStep::GroupChanged {
                id,
                name: name.to_owned(),
                external_id: external_id.map(str::to_owned),
                name_before: before.name,
                external_id_before: before.external_id,
            };
            self.keep(undo_step, None, at);
        }
        Ok(changed)
    }

    fn delete_group(&mut self, id: Uuid, at: Moment) -> Result<bool, StoreError> {
        let found = self.content.role(self.organization, id);
        if let Some(role) = found.map(|(_, role)| role.clone()) {
            let undo_step = UndoStep::GroupRemoved {
                id,
                name: role.group.name.clone(),
                members: self.members_of(id),
                holders: self.content.holders_of(self.organization, id),
            };
            self.keep(undo_step, Some(Removed::Role(Box::new(role))), at);
        }
        Ok(self.content.delete_group(self.organization, id, at))
    }

    fn add_members(
        &mut self,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        Ok(self.change_members(group, at, |content, organization| {
            content.add_members(organization, group, members, at)
        }))
    }

    fn remove_members(
        &mut self,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> Result<MembersChanged, StoreError> {
        Ok(self.change_members(group, at, |content, organization| {
            content.remove_members(organization, group, members, at)
        }))
    }

    fn clear_members(&mut self, group: Uuid, at: Moment) -> Result<MembersChanged, StoreError> {
        Ok(self.change_members(group, at, |content, organization| {
            content.clear_members(organization, group, at)
        }))
    }

    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.content
            .remember(|content| Before::Audit(content.audit.len()));
        self.content.audit.push(entry.clone());
        Ok(())
    }

    fn step(&mut self, step: &ImportStep) -> Result<(), StoreError> {
        self.content.apply(step).map(drop)
    }

    fn keep_result(
        &mut self,
        import: ImportId,
        number: u64,
        result: &str,
    ) -> Result<(), StoreError> {
        let key = (self.organization.to_owned(), import, number);
        let before = self.content.results.insert(key.clone(), result.to_owned());
        self.content.remember(|_| Before::Result(key, before));
        Ok(())
    }

    fn attempt(
        &mut self,
        work: &mut dyn FnMut(&mut dyn Resources) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let mark = self.content.mark();
        let kept = work(self);
        if kept != Ok(true) {
            self.content.rollback_to(mark);
        }
        kept
    }
}

fn fill(user: &mut User, content: &UserContent) {
    user.user_name.clone_from(&content.user_name);
    user.external_id.clone_from(&content.external_id);
    user.given_name.clone_from(&content.given_name);
    user.family_name.clone_from(&content.family_name);
    user.email.clone_from(&content.email);
    user.attributes.clone_from(&content.attributes);
}

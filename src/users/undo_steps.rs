//! Undo log of an import: what it did to groups, to memberships, and to the users it removed,
//! recorded in order and undone in reverse order.
//!
//! Changes to users who still exist are stored as images by the stores, and are undone first.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::resources::{Change, Group, Kind, Resources};
use crate::users::store_error::StoreError;
use crate::users::undo::{GONE, NAME_TAKEN, NO_IMAGE, NOT_KEPT, TOUCHED, Undone};

/// One recorded action of an import. Every variant but [`UndoStep::Unknown`] has the name of the
/// object concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UndoStep {
    /// It created this group.
    GroupMade {
        /// The group's id.
        id: Uuid,
        /// The name without the domain.
        name: String,
        /// The client's own identifier.
        external_id: Option<String>,
    },
    /// It changed the name or identifier of this group.
    GroupChanged {
        /// The group's id.
        id: Uuid,
        /// The new name.
        name: String,
        /// The new identifier.
        external_id: Option<String>,
        /// The old name.
        name_before: String,
        /// The old identifier.
        external_id_before: Option<String>,
    },
    /// It removed this group; the store keeps the rest of the group's data.
    GroupRemoved {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Ids of its direct members.
        members: Vec<Uuid>,
        /// Ids of the groups that contained it.
        holders: Vec<Uuid>,
    },
    /// It added these members to the group.
    MembersAdded {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Their ids.
        members: Vec<Uuid>,
    },
    /// It removed these members.
    MembersRemoved {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Their ids.
        members: Vec<Uuid>,
    },
    /// It removed this user; the store keeps all of the user's data.
    UserRemoved {
        /// The user's id.
        id: Uuid,
        /// The name without the domain.
        name: String,
        /// Ids of the groups that the user was in.
        groups: Vec<Uuid>,
    },
    /// It changed this group, and the details are no longer stored.
    ForgottenGroup {
        /// The group's name.
        name: String,
    },
    /// It removed this user, and the user's data is no longer stored.
    ForgottenUser {
        /// The user's name.
        name: String,
    },
    /// It may have done something that the server version of that time did not record.
    Unknown,
}

impl UndoStep {
    /// The step reduced to the name, once the details are no longer stored.
    #[must_use]
    pub fn forgotten(&self) -> UndoStep {
        match self {
            UndoStep::GroupMade { name, .. }
            | UndoStep::GroupChanged { name, .. }
            | UndoStep::GroupRemoved { name, .. }
            | UndoStep::MembersAdded { name, .. }
            | UndoStep::MembersRemoved { name, .. }
            | UndoStep::ForgottenGroup { name } => UndoStep::ForgottenGroup { name: name.clone() },
            UndoStep::UserRemoved { name, .. } | UndoStep::ForgottenUser { name } => {
                UndoStep::ForgottenUser { name: name.clone() }
            }
            UndoStep::Unknown => UndoStep::Unknown,
        }
    }

    /// The group that it changed, unless it removed the group.
    fn changed_group(&self) -> Option<Uuid> {
        match self {
            UndoStep::GroupMade { id, .. }
            | UndoStep::GroupChanged { id, .. }
            | UndoStep::MembersAdded { id, .. }
            | UndoStep::MembersRemoved { id, .. } => Some(*id),
            UndoStep::GroupRemoved { .. }
            | UndoStep::UserRemoved { .. }
            | UndoStep::ForgottenGroup { .. }
            | UndoStep::ForgottenUser { .. }
            | UndoStep::Unknown => None,
        }
    }

    /// The ids of all users and groups involved.
    fn ids(&self) -> Vec<Uuid> {
        match self {
            UndoStep::GroupMade { id, .. } | UndoStep::GroupChanged { id, .. } => vec![*id],
            UndoStep::GroupRemoved {
                id,
                members,
                holders,
                ..
            } => [&[*id][..], members, holders].concat(),
            UndoStep::MembersAdded { id, members, .. }
            | UndoStep::MembersRemoved { id, members, .. } => [&[*id][..], members].concat(),
            UndoStep::UserRemoved { id, groups, .. } => [&[*id][..], groups].concat(),
            UndoStep::ForgottenGroup { .. }
            | UndoStep::ForgottenUser { .. }
            | UndoStep::Unknown => Vec::new(),
        }
    }
}

/// A user or group that another import removed; undoing that import restores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedByAnother {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: Kind,
    /// The name without the domain.
    pub name: String,
}

/// The result of restoring a user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreResult {
    /// Restored, without memberships.
    Yes,
    /// Another one has its name.
    NameTaken,
    /// Its data is no longer stored.
    NotKept,
}

/// A transaction that undoes an import.
pub trait UndoTransaction: Resources {
    /// Restores the user or group removed by the undo step with this number.
    ///
    /// # Errors
    /// The store failed.
    fn restore_removed(&mut self, number: u64) -> Result<RestoreResult, StoreError>;

    /// The users and groups with these ids whose data is kept because other imports removed them,
    /// and the users that this import created and another one removed.
    ///
    /// # Errors
    /// The store failed.
    fn removed_by_others(
        &mut self,
        ids: &HashSet<Uuid>,
    ) -> Result<Vec<RemovedByAnother>, StoreError>;
}

/// Undoes the steps of an import, the last one first, and reports those that cannot be undone;
/// `listed` are users that are already reported.
///
/// Later changes by others are kept. A group, user or member that others removed since is not
/// restored; it is reported if the import had changed it, or if undoing another import can restore
/// it as this import had left it. Memberships are undone regardless of changes in between.
///
/// # Errors
/// The store failed.
pub fn undo_recorded_steps(
    tx: &mut dyn UndoTransaction,
    undo_steps: Vec<(u64, UndoStep)>,
    listed: HashSet<Uuid>,
    at: Moment,
    undone: &mut Undone,
) -> Result<(), StoreError> {
    let made: HashSet<Uuid> = undo_steps
        .iter()
        .filter_map(|(_, undo_step)| match undo_step {
            UndoStep::GroupMade { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let ids = undo_steps
        .iter()
        .flat_map(|(_, undo_step)| undo_step.ids())
        .collect();
    let as_left = as_left(&undo_steps);
    let mut taking = UndoRun {
        tx,
        at,
        undone,
        made,
        groups: HashSet::new(),
        left: listed,
    };
    taking.report_removed_by_others(&ids)?;
    let kept = taking.report_changed(as_left)?;
    for (number, undo_step) in undo_steps.into_iter().rev() {
        // What it created and removed itself existed neither before nor exists now.
        if matches!(&undo_step, UndoStep::GroupRemoved { id, .. } if taking.made.contains(id)) {
            continue;
        }
        if undo_step
            .changed_group()
            .is_some_and(|id| kept.contains(&id))
        {
            continue;
        }
        taking.apply(number, undo_step)?;
    }
    let UndoRun { groups, left, .. } = taking;
    undone.groups += groups.difference(&left).count() as u64;
    Ok(())
}

/// A group created by an import, as the import left it.
struct MadeGroup {
    name: String,
    external_id: Option<String>,
    members: HashSet<Uuid>,
}

/// The groups that an import created and did not remove, as it left them.
fn as_left(undo_steps: &[(u64, UndoStep)]) -> BTreeMap<Uuid, MadeGroup> {
    let mut groups: BTreeMap<Uuid, MadeGroup> = BTreeMap::new();
    for (_, undo_step) in undo_steps {
        match undo_step {
            UndoStep::GroupMade {
                id,
                name,
                external_id,
            } => {
                let group = MadeGroup {
                    name: name.clone(),
                    external_id: external_id.clone(),
                    members: HashSet::new(),
                };
                groups.insert(*id, group);
            }
            UndoStep::GroupChanged {
                id,
                name,
                external_id,
                ..
            } => {
                if let Some(group) = groups.get_mut(id) {
                    group.name.clone_from(name);
                    group.external_id.clone_from(external_id);
                }
            }
            UndoStep::GroupRemoved { id, .. } => drop(groups.remove(id)),
            UndoStep::MembersAdded { id, members, .. } => {
                if let Some(group) = groups.get_mut(id) {
                    group.members.extend(members);
                }
            }
            UndoStep::MembersRemoved { id, members, .. } => {
                if let Some(group) = groups.get_mut(id) {
                    group.members.retain(|member| !members.contains(member));
                }
            }
            UndoStep::UserRemoved { .. }
            | UndoStep::ForgottenGroup { .. }
            | UndoStep::ForgottenUser { .. }
            | UndoStep::Unknown => {}
        }
    }
    groups
}

struct UndoRun<'t> {
    tx: &'t mut dyn UndoTransaction,
    at: Moment,
    undone: &'t mut Undone,
    /// Groups that the import created.
    made: HashSet<Uuid>,
    /// Groups of which something was undone.
    groups: HashSet<Uuid>,
    /// Groups of which something was not undone, and removed users.
    left: HashSet<Uuid>,
}

impl UndoRun<'_> {
    fn apply(&mut self, number: u64, undo_step: UndoStep) -> Result<(), StoreError> {
        match undo_step {
            UndoStep::GroupMade {
                id,
                name,
                external_id,
            } => self.remove_created_group(id, &name, external_id.as_deref()),
            UndoStep::GroupChanged {
                id,
                name,
                external_id,
                name_before,
                external_id_before,
            } => {
                let Some(group) = self.group(id)? else {
                    self.report_missing(id, &name);
                    return Ok(());
                };
                if group.name != name || group.external_id != external_id {
                    self.leave(id, &group.name, TOUCHED);
                    return Ok(());
                }
                let before = external_id_before.as_deref();
                match self.tx.change_group(id, &name_before, before, self.at)? {
                    Change::Made(_) => drop(self.groups.insert(id)),
                    Change::Taken => self.leave(id, &name, NAME_TAKEN),
                    Change::Gone => self.report_missing(id, &name),
                }
                Ok(())
            }
            UndoStep::GroupRemoved {
                id,
                name,
                members,
                holders,
            } => match self.tx.restore_removed(number)? {
                RestoreResult::Yes => {
                    self.groups.insert(id);
                    self.restore_members(id, &members)?;
                    for holder in holders {
                        self.restore_members(holder, &[id])?;
                    }
                    Ok(())
                }
                RestoreResult::NameTaken => {
                    self.leave(id, &name, NAME_TAKEN);
                    Ok(())
                }
                RestoreResult::NotKept => {
                    self.leave(id, &name, NO_IMAGE);
                    Ok(())
                }
            },
            UndoStep::MembersAdded { id, name, .. } | UndoStep::MembersRemoved { id, name, .. }
                if self.group(id)?.is_none() =>
            {
                self.report_missing(id, &name);
                Ok(())
            }
            UndoStep::MembersAdded { id, members, .. } => {
                if self.tx.remove_members(id, &members, self.at)?.count > 0 {
                    self.groups.insert(id);
                }
                Ok(())
            }
            UndoStep::MembersRemoved { id, members, .. } => self.restore_members(id, &members),
            UndoStep::UserRemoved { name, groups, .. } if groups.is_empty() => {
                self.user(number, &name).map(drop)
            }
            UndoStep::UserRemoved { id, name, groups } => {
                if self.user(number, &name)? {
                    for group in groups {
                        self.restore_members(group, &[id])?;
                    }
                }
                Ok(())
            }
            UndoStep::ForgottenGroup { name } => {
                self.undone.leave_group(&name, NO_IMAGE);
                Ok(())
            }
            UndoStep::ForgottenUser { name } => {
                self.undone.leave(&name, NO_IMAGE);
                Ok(())
            }
            UndoStep::Unknown => {
                self.undone.leave_unknown(NOT_KEPT);
                Ok(())
            }
        }
    }

    fn group(&mut self, id: Uuid) -> Result<Option<Group>, StoreError> {
        let found = self.tx.group(id, false)?;
        Ok(found.map(|found| found.group))
    }

    fn leave(&mut self, id: Uuid, name: &str, reason: &'static str) {
        if self.left.insert(id) {
            self.undone.leave_group(name, reason);
        }
    }

    /// Reports a group that no longer exists, unless the import itself had created it.
    fn report_missing(&mut self, id: Uuid, name: &str) {
        if !self.made.contains(&id) {
            self.leave(id, name, GONE);
        }
    }

    /// Reports what undoing another import will restore, with this import's changes to it.
    fn report_removed_by_others(&mut self, ids: &HashSet<Uuid>) -> Result<(), StoreError> {
        for removed in self.tx.removed_by_others(ids)? {
            match removed.kind {
                Kind::Group => self.leave(removed.id, &removed.name, GONE),
                Kind::User if self.left.insert(removed.id) => {
                    self.undone.leave(&removed.name, GONE);
                }
                Kind::User => {}
            }
        }
        Ok(())
    }

    /// Reports the groups that the import created and others have changed since; these are kept,
    /// and returned.
    fn report_changed(
        &mut self,
        made: BTreeMap<Uuid, MadeGroup>,
    ) -> Result<HashSet<Uuid>, StoreError> {
        let mut kept = HashSet::new();
        for (id, made) in made {
            let Some(found) = self.tx.group(id, true)? else {
                continue;
            };
            let own = found.group.name == made.name
                && found.group.external_id == made.external_id
                && found
                    .members
                    .iter()
                    .all(|member| made.members.contains(&member.id));
            if !own {
                self.leave(id, &found.group.name, TOUCHED);
                kept.insert(id);
            }
        }
        Ok(kept)
    }

    /// Removes a group that the import created, if it is as the import left it.
    fn remove_created_group(
        &mut self,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(found) = self.tx.group(id, true)? else {
            return Ok(());
        };
        let group = &found.group;
        // Its own members are already removed, so the remaining ones were added by others.
        let own = found.members.is_empty()
            && group.name == name
            && group.external_id.as_deref() == external_id;
        match own {
            true => {
                self.tx.delete_group(id, self.at)?;
                self.groups.insert(id);
            }
            false => self.leave(id, &group.name, TOUCHED),
        }
        Ok(())
    }

    /// Adds those members that still exist, if the group exists.
    fn restore_members(&mut self, group: Uuid, ids: &[Uuid]) -> Result<(), StoreError> {
        if self.group(group)?.is_none() {
            return Ok(());
        }
        let mut members = Vec::with_capacity(ids.len());
        for id in ids {
            members.extend(self.tx.member(*id)?);
        }
        if self.tx.add_members(group, &members, self.at)?.count > 0 {
            self.groups.insert(group);
        }
        Ok(())
    }

    /// Restores a user; false if that is not possible.
    fn user(&mut self, number: u64, name: &str) -> Result<bool, StoreError> {
        match self.tx.restore_removed(number)? {
            RestoreResult::Yes => {
                self.undone.restored += 1;
                return Ok(true);
            }
            RestoreResult::NameTaken => self.undone.leave(name, NAME_TAKEN),
            RestoreResult::NotKept => self.undone.leave(name, NO_IMAGE),
        }
        Ok(false)
    }
}

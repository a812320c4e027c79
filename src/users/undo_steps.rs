//! What an import did to groups, to memberships, and to users whom it removed: kept in the order in which it was
//! done, and taken back in the opposite order.
//!
//! What it did to users who are still there is kept as images by the stores, and taken back before.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::resources::{Change, Group, Kind, Resources};
use crate::users::store_error::StoreError;
use crate::users::undo::{GONE, NAME_TAKEN, NO_IMAGE, NOT_KEPT, TOUCHED, Undone};

/// Something that an import did. Every one but [`UndoStep::Unknown`] has the name of what it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UndoStep {
    /// It made this group.
    GroupMade {
        /// The group's id.
        id: Uuid,
        /// Its name, without the domain.
        name: String,
        /// The client's own identifier.
        external_id: Option<String>,
    },
    /// It gave this group another name or identifier.
    GroupChanged {
        /// The group's id.
        id: Uuid,
        /// Its name since.
        name: String,
        /// Its identifier since.
        external_id: Option<String>,
        /// Its name before.
        name_before: String,
        /// Its identifier before.
        external_id_before: Option<String>,
    },
    /// It removed this group; the store keeps the rest of it.
    GroupRemoved {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Ids of its direct members.
        members: Vec<Uuid>,
        /// Ids of the groups that it was in.
        holders: Vec<Uuid>,
    },
    /// It took these members into the group.
    MembersAdded {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Their ids.
        members: Vec<Uuid>,
    },
    /// It let these members go.
    MembersRemoved {
        /// The group's id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Their ids.
        members: Vec<Uuid>,
    },
    /// It removed this user; the store keeps all of them.
    UserRemoved {
        /// The user's id.
        id: Uuid,
        /// The name, without the domain.
        name: String,
        /// Ids of the groups that they were in.
        groups: Vec<Uuid>,
    },
    /// It did something to this group, and it is no longer kept what.
    ForgottenGroup {
        /// The group's name.
        name: String,
    },
    /// It removed this user, and it is no longer kept who that was.
    ForgottenUser {
        /// The user's name.
        name: String,
    },
    /// It may have done something that the version of the server did not keep which carried it out.
    Unknown,
}

impl UndoStep {
    /// What is left of it when it is no longer kept what it was.
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

    /// The group that it was done to, unless that was removed.
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

    /// The ids of all users and groups that it has to do with.
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

/// A user or a group that another import has removed, and that comes back when that one is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedByAnother {
    /// Its id.
    pub id: Uuid,
    /// Which of the two it was.
    pub kind: Kind,
    /// Its name, without the domain.
    pub name: String,
}

/// What became of a user or group that was to be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroughtBack {
    /// It is there again, without memberships.
    Yes,
    /// Another one has its name.
    NameTaken,
    /// What it was is not kept.
    NotKept,
}

/// A transaction in which an import is taken back.
pub trait Undoing: Resources {
    /// Brings back the user or group whose removal has this number among the import's undo steps.
    ///
    /// # Errors
    /// The store failed.
    fn bring_back(&mut self, number: u64) -> Result<BroughtBack, StoreError>;

    /// The users and groups with these ids that other imports have removed and keep, and the users whom the import
    /// had made and another one keeps.
    ///
    /// # Errors
    /// The store failed.
    fn removed_by_others(
        &mut self,
        ids: &HashSet<Uuid>,
    ) -> Result<Vec<RemovedByAnother>, StoreError>;
}

/// Takes the undo steps of an import back, the last one first, and tells of those that cannot be; `listed` are users of
/// whom that is told already.
///
/// What somebody has changed since stays as they left it. A group, user or member that somebody else has removed
/// since is not brought back; it is told of where the import had changed it, or where undoing another import can
/// bring it back as this import had left it. Memberships are taken back whoever has changed them in between.
///
/// # Errors
/// The store failed.
pub fn take_back(
    tx: &mut dyn Undoing,
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
    let mut taking = Taking {
        tx,
        at,
        undone,
        made,
        groups: HashSet::new(),
        left: listed,
    };
    taking.leave_what_others_removed(&ids)?;
    let kept = taking.leave_changed(as_left)?;
    for (number, undo_step) in undo_steps.into_iter().rev() {
        // What it made and removed itself was not there before and is not there now.
        if matches!(&undo_step, UndoStep::GroupRemoved { id, .. } if taking.made.contains(id)) {
            continue;
        }
        if undo_step
            .changed_group()
            .is_some_and(|id| kept.contains(&id))
        {
            continue;
        }
        taking.one(number, undo_step)?;
    }
    let Taking { groups, left, .. } = taking;
    undone.groups += groups.difference(&left).count() as u64;
    Ok(())
}

/// A group that an import made, as it left it.
struct MadeGroup {
    name: String,
    external_id: Option<String>,
    members: HashSet<Uuid>,
}

/// The groups that an import made and did not remove, as it left them.
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

struct Taking<'t> {
    tx: &'t mut dyn Undoing,
    at: Moment,
    undone: &'t mut Undone,
    /// Groups that the import made.
    made: HashSet<Uuid>,
    /// Groups of which something was taken back.
    groups: HashSet<Uuid>,
    /// Groups of which something was not, and users who are gone.
    left: HashSet<Uuid>,
}

impl Taking<'_> {
    fn one(&mut self, number: u64, undo_step: UndoStep) -> Result<(), StoreError> {
        match undo_step {
            UndoStep::GroupMade {
                id,
                name,
                external_id,
            } => self.unmake(id, &name, external_id.as_deref()),
            UndoStep::GroupChanged {
                id,
                name,
                external_id,
                name_before,
                external_id_before,
            } => {
                let Some(group) = self.group(id)? else {
                    self.gone(id, &name);
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
                    Change::Gone => self.gone(id, &name),
                }
                Ok(())
            }
            UndoStep::GroupRemoved {
                id,
                name,
                members,
                holders,
            } => match self.tx.bring_back(number)? {
                BroughtBack::Yes => {
                    self.groups.insert(id);
                    self.let_in(id, &members)?;
                    for holder in holders {
                        self.let_in(holder, &[id])?;
                    }
                    Ok(())
                }
                BroughtBack::NameTaken => {
                    self.leave(id, &name, NAME_TAKEN);
                    Ok(())
                }
                BroughtBack::NotKept => {
                    self.leave(id, &name, NO_IMAGE);
                    Ok(())
                }
            },
            UndoStep::MembersAdded { id, name, .. } | UndoStep::MembersRemoved { id, name, .. }
                if self.group(id)?.is_none() =>
            {
                self.gone(id, &name);
                Ok(())
            }
            UndoStep::MembersAdded { id, members, .. } => {
                if self.tx.remove_members(id, &members, self.at)?.count > 0 {
                    self.groups.insert(id);
                }
                Ok(())
            }
            UndoStep::MembersRemoved { id, members, .. } => self.let_in(id, &members),
            UndoStep::UserRemoved { name, groups, .. } if groups.is_empty() => {
                self.user(number, &name).map(drop)
            }
            UndoStep::UserRemoved { id, name, groups } => {
                if self.user(number, &name)? {
                    for group in groups {
                        self.let_in(group, &[id])?;
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
                self.undone.leave_something(NOT_KEPT);
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

    /// Tells of a group that is there no longer, unless the import itself had made it.
    fn gone(&mut self, id: Uuid, name: &str) {
        if !self.made.contains(&id) {
            self.leave(id, name, GONE);
        }
    }

    /// Tells of what comes back when another import is taken back, with what this one did to it.
    fn leave_what_others_removed(&mut self, ids: &HashSet<Uuid>) -> Result<(), StoreError> {
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

    /// Tells of the groups that the import made and others have changed since: these stay whole, and are answered.
    fn leave_changed(
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

    /// Removes a group that the import made, if it is as the import left it.
    fn unmake(
        &mut self,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(found) = self.tx.group(id, true)? else {
            return Ok(());
        };
        let group = &found.group;
        // Its own members are gone by now, so that others have taken in those who are there.
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

    /// Takes those of the members in who are there, if the group is.
    fn let_in(&mut self, group: Uuid, ids: &[Uuid]) -> Result<(), StoreError> {
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

    /// Brings a user back; false when that cannot be.
    fn user(&mut self, number: u64, name: &str) -> Result<bool, StoreError> {
        match self.tx.bring_back(number)? {
            BroughtBack::Yes => {
                self.undone.restored += 1;
                return Ok(true);
            }
            BroughtBack::NameTaken => self.undone.leave(name, NAME_TAKEN),
            BroughtBack::NotKept => self.undone.leave(name, NO_IMAGE),
        }
        Ok(false)
    }
}

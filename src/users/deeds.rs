//! What an import did to groups, to memberships, and to users whom it removed: kept in the order in which it was
//! done, and taken back in the opposite order.
//!
//! What it did to users who are still there is kept as images by the stores, and taken back before.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::resources::{Change, Group, Resources};
use crate::users::store_error::StoreError;
use crate::users::undo::{NAME_TAKEN, NO_IMAGE, NOT_KEPT, TOUCHED, Undone};

/// Something that an import did. Every one but [`Deed::Unknown`] has the name of what it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Deed {
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

impl Deed {
    /// What is left of it when it is no longer kept what it was.
    #[must_use]
    pub fn forgotten(&self) -> Deed {
        match self {
            Deed::GroupMade { name, .. }
            | Deed::GroupChanged { name, .. }
            | Deed::GroupRemoved { name, .. }
            | Deed::MembersAdded { name, .. }
            | Deed::MembersRemoved { name, .. }
            | Deed::ForgottenGroup { name } => Deed::ForgottenGroup { name: name.clone() },
            Deed::UserRemoved { name, .. } | Deed::ForgottenUser { name } => {
                Deed::ForgottenUser { name: name.clone() }
            }
            Deed::Unknown => Deed::Unknown,
        }
    }
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
    /// Brings back the user or group whose removal has this number among the import's deeds.
    ///
    /// # Errors
    /// The store failed.
    fn bring_back(&mut self, number: u64) -> Result<BroughtBack, StoreError>;
}

/// Takes the deeds of an import back, the last one first, and tells of those that cannot be.
///
/// What somebody has changed since stays as they left it. A group, user or member who is gone since by somebody
/// else's doing is not brought back.
///
/// # Errors
/// The store failed.
pub fn take_back(
    tx: &mut dyn Undoing,
    deeds: Vec<(u64, Deed)>,
    at: Moment,
    undone: &mut Undone,
) -> Result<(), StoreError> {
    let made: HashSet<Uuid> = deeds
        .iter()
        .filter_map(|(_, deed)| match deed {
            Deed::GroupMade { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let mut taking = Taking {
        tx,
        at,
        undone,
        groups: HashSet::new(),
        left: HashSet::new(),
    };
    for (number, deed) in deeds.into_iter().rev() {
        // What it made and removed itself was not there before and is not there now.
        if matches!(&deed, Deed::GroupRemoved { id, .. } if made.contains(id)) {
            continue;
        }
        taking.one(number, deed)?;
    }
    let Taking { groups, left, .. } = taking;
    undone.groups += groups.difference(&left).count() as u64;
    Ok(())
}

struct Taking<'t> {
    tx: &'t mut dyn Undoing,
    at: Moment,
    undone: &'t mut Undone,
    /// Groups of which something was taken back.
    groups: HashSet<Uuid>,
    /// Groups of which something was not.
    left: HashSet<Uuid>,
}

impl Taking<'_> {
    fn one(&mut self, number: u64, deed: Deed) -> Result<(), StoreError> {
        match deed {
            Deed::GroupMade {
                id,
                name,
                external_id,
            } => self.unmake(id, &name, external_id.as_deref()),
            Deed::GroupChanged {
                id,
                name,
                external_id,
                name_before,
                external_id_before,
            } => {
                let Some(group) = self.group(id)? else {
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
                    Change::Gone => {}
                }
                Ok(())
            }
            Deed::GroupRemoved {
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
            Deed::MembersAdded { id, members, .. } => {
                if self.tx.remove_members(id, &members, self.at)?.count > 0 {
                    self.groups.insert(id);
                }
                Ok(())
            }
            Deed::MembersRemoved { id, members, .. } => self.let_in(id, &members),
            Deed::UserRemoved { name, groups, .. } if groups.is_empty() => {
                self.user(number, &name).map(drop)
            }
            Deed::UserRemoved { id, name, groups } => {
                if self.user(number, &name)? {
                    for group in groups {
                        self.let_in(group, &[id])?;
                    }
                }
                Ok(())
            }
            Deed::ForgottenGroup { name } => {
                self.undone.leave_group(&name, NO_IMAGE);
                Ok(())
            }
            Deed::ForgottenUser { name } => {
                self.undone.leave(&name, NO_IMAGE);
                Ok(())
            }
            Deed::Unknown => {
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

//! Roles, including groups, which are the roles of a user store.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::{Content, Key};
use crate::users::built_in::{INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use crate::users::name::lookup_key;
use crate::users::resources::{
    Change, Group, GroupRef, GroupResource, Kind, Member, MembersChanged, UserResource,
};
use crate::users::role_name::{ADMIN_ROLE, EVERYONE_ROLE};
use crate::users::user::User;

/// A role. Its users are not listed here: they name the role.
#[derive(Debug, Clone)]
pub(super) struct StoredRole {
    pub group: Group,
    /// Ids of the groups that are members.
    pub groups: BTreeSet<Uuid>,
}

impl StoredRole {
    /// A role without members.
    pub(super) fn new(group: Group) -> Self {
        StoredRole {
            group,
            groups: BTreeSet::new(),
        }
    }

    /// Marks it as changed, later than the previous change; returns the time.
    fn touch(&mut self, at: Moment) -> Moment {
        let before = self.group.modified_at.unwrap_or(self.group.created_at);
        let moment = at.later_than(before);
        self.group.modified_at = Some(moment);
        moment
    }
}

impl Content {
    /// Adds the built-in roles to an organization.
    pub(super) fn add_built_in_roles(&mut self, organization: &str) {
        for (domain, name) in [
            (INTERNAL_DOMAIN, EVERYONE_ROLE),
            (PRIMARY_DOMAIN, ADMIN_ROLE),
        ] {
            let id = Uuid::now_v7();
            // The id contains the time, in milliseconds.
            let (seconds, nanoseconds) = id.get_timestamp().map_or((0, 0), |it| it.to_unix());
            let at = i64::try_from(seconds).unwrap_or_default() * 1_000_000
                + i64::from(nanoseconds / 1_000);
            self.add_group(organization, id, domain, name, None, Moment(at));
        }
    }

    /// The role with this id, if it is a group.
    pub(super) fn role(&self, organization: &str, id: Uuid) -> Option<(&Key, &StoredRole)> {
        let key = self.role_keys.get(&(organization.to_owned(), id))?;
        let role = self.roles.get(key)?;
        (role.group.domain != INTERNAL_DOMAIN).then_some((key, role))
    }

    /// All groups.
    pub(super) fn groups(&self, organization: &str) -> impl Iterator<Item = &StoredRole> {
        let own =
            move |(key, _): &(&Key, &StoredRole)| key.0 == organization && key.1 != INTERNAL_DOMAIN;
        self.roles.iter().filter(own).map(|(_, role)| role)
    }

    /// A user with their groups.
    pub(super) fn with_groups(&self, user: &User) -> UserResource {
        let group = |name: &String| {
            let place = (user.organization.clone(), user.domain.clone());
            let role = self.roles.get(&(place.0, place.1, lookup_key(name)))?;
            let group = &role.group;
            let own = group.name == *name && group.domain != INTERNAL_DOMAIN;
            own.then(|| GroupRef {
                id: group.id,
                domain: group.domain.clone(),
                name: group.name.clone(),
            })
        };
        let mut groups: Vec<GroupRef> = user.roles.iter().filter_map(group).collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        UserResource {
            user: user.clone(),
            groups,
        }
    }

    /// A group with its members, if requested.
    pub(super) fn with_members(&self, role: &StoredRole, with_members: bool) -> GroupResource {
        let group = role.group.clone();
        let mut members = Vec::new();
        if with_members {
            let users = self.users_of(&group).map(|user| Member {
                kind: Kind::User,
                id: user.id,
                domain: user.domain.clone(),
                name: user.user_name.clone(),
            });
            members.extend(users);
            members.sort_by_key(|member| member.id);
            let nested = role.groups.iter();
            members.extend(nested.filter_map(|id| self.group_member(&group.organization, *id)));
        }
        GroupResource { group, members }
    }

    fn users_of(&self, group: &Group) -> impl Iterator<Item = &User> {
        self.users_after(&group.organization, Some(&group.domain), None)
            .filter(|user| user.roles.contains(&group.name))
    }

    /// The group with this id, as a member.
    pub(super) fn group_member(&self, organization: &str, id: Uuid) -> Option<Member> {
        let (_, role) = self.role(organization, id)?;
        Some(Member {
            kind: Kind::Group,
            id,
            domain: role.group.domain.clone(),
            name: role.group.name.clone(),
        })
    }

    /// Creates a group.
    pub(super) fn add_group(
        &mut self,
        organization: &str,
        id: Uuid,
        domain: &str,
        name: &str,
        external_id: Option<&str>,
        at: Moment,
    ) -> Change {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        if self.roles.contains_key(&key) {
            return Change::Taken;
        }
        let group = Group {
            id,
            organization: organization.to_owned(),
            domain: domain.to_owned(),
            name: name.to_owned(),
            external_id: external_id.map(str::to_owned),
            created_at: at,
            modified_at: None,
        };
        self.set_role(key, Some(StoredRole::new(group)));
        Change::Made(at)
    }

    /// Renames a group or changes its identifier.
    pub(super) fn change_group(
        &mut self,
        organization: &str,
        id: Uuid,
        name: &str,
        external_id: Option<&str>,
        at: Moment,
    ) -> Change {
        let Some((key, role)) = self.role(organization, id) else {
            return Change::Gone;
        };
        let (key, mut role) = (key.clone(), role.clone());
        let new_key = (key.0.clone(), key.1.clone(), lookup_key(name));
        if new_key != key && self.roles.contains_key(&new_key) {
            return Change::Taken;
        }
        if role.group.name != name {
            self.each_user_of(&role.group, &mut |roles, at| {
                if let Some(place) = roles.get_mut(at) {
                    name.clone_into(place);
                }
            });
        }
        name.clone_into(&mut role.group.name);
        role.group.external_id = external_id.map(str::to_owned);
        let moment = role.touch(at);
        let renamed = self
            .roles
            .get(&key)
            .is_some_and(|before| before.group.name != name);
        self.set_role(key, None);
        self.set_role(new_key, Some(role));
        if renamed {
            self.touch_holders_of(organization, id, moment);
        }
        Change::Made(moment)
    }

    /// Removes a group, its memberships and those of its members.
    pub(super) fn delete_group(&mut self, organization: &str, id: Uuid, at: Moment) -> bool {
        let Some((key, role)) = self.role(organization, id) else {
            return false;
        };
        let (key, group) = (key.clone(), role.group.clone());
        self.each_user_of(&group, &mut |roles, at| drop(roles.remove(at)));
        let holders: Vec<Key> = self
            .roles
            .iter()
            .filter(|(place, role)| place.0 == organization && role.groups.contains(&id))
            .map(|(place, _)| place.clone())
            .collect();
        for holder in holders {
            if let Some(mut role) = self.roles.get(&holder).cloned() {
                role.groups.remove(&id);
                role.touch(at);
                self.set_role(holder, Some(role));
            }
        }
        self.set_role(key, None);
        true
    }

    /// Marks the groups of these names as changed, later than their previous changes.
    pub(super) fn touch_groups<'n>(
        &mut self,
        organization: &str,
        domain: &str,
        names: impl Iterator<Item = &'n String>,
        at: Moment,
    ) {
        for name in names {
            let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
            if let Some(mut role) = self.roles.get(&key).cloned() {
                role.touch(at);
                self.set_role(key, Some(role));
            }
        }
    }

    /// Marks the direct groups of the user with this key as changed.
    pub(super) fn touch_groups_of(&mut self, user: &Key, at: Moment) {
        if let Some(kept) = self.users.get(user) {
            let roles = kept.user.roles.clone();
            self.touch_groups(&user.0, &user.1, roles.iter(), at);
        }
    }

    /// Ids of the groups that this group is a direct member of.
    pub(super) fn holders_of(&self, organization: &str, group: Uuid) -> Vec<Uuid> {
        let holders = self
            .roles
            .iter()
            .filter(|(place, role)| place.0 == organization && role.groups.contains(&group));
        holders.map(|(_, role)| role.group.id).collect()
    }

    /// Marks the groups that this group is a direct member of as changed.
    fn touch_holders_of(&mut self, organization: &str, group: Uuid, at: Moment) {
        let holders: Vec<Key> = self
            .roles
            .iter()
            .filter(|(place, role)| place.0 == organization && role.groups.contains(&group))
            .map(|(place, _)| place.clone())
            .collect();
        for holder in holders {
            if let Some(mut role) = self.roles.get(&holder).cloned() {
                role.touch(at);
                self.set_role(holder, Some(role));
            }
        }
    }

    /// Adds members.
    pub(super) fn add_members(
        &mut self,
        organization: &str,
        group: Uuid,
        members: &[Member],
        at: Moment,
    ) -> MembersChanged {
        self.change_members(organization, group, at, |content, role| {
            content.enter_all(role, members)
        })
    }

    /// Adds the first members of a new group, which does not count as a change.
    pub(super) fn add_first_members(
        &mut self,
        organization: &str,
        group: Uuid,
        members: &[Member],
    ) {
        if let Some((key, role)) = self.role(organization, group) {
            let (key, mut role) = (key.clone(), role.clone());
            self.enter_all(&mut role, members);
            self.set_role(key, Some(role));
        }
    }

    fn enter_all(&mut self, role: &mut StoredRole, members: &[Member]) -> usize {
        let mut count = 0;
        for member in members {
            let new = match member.kind {
                Kind::User => self.enter(&role.group, member.id),
                Kind::Group => role.groups.insert(member.id),
            };
            count += usize::from(new);
        }
        count
    }

    /// Removes members.
    pub(super) fn remove_members(
        &mut self,
        organization: &str,
        group: Uuid,
        members: &[Uuid],
        at: Moment,
    ) -> MembersChanged {
        self.change_members(organization, group, at, |content, role| {
            let mut count = 0;
            for id in members {
                let was_in = role.groups.remove(id) || content.leave(&role.group, *id);
                count += usize::from(was_in);
            }
            count
        })
    }

    /// Removes all members.
    pub(super) fn clear_members(
        &mut self,
        organization: &str,
        group: Uuid,
        at: Moment,
    ) -> MembersChanged {
        self.change_members(organization, group, at, |content, role| {
            let nested = std::mem::take(&mut role.groups).len();
            let users = content.each_user_of(&role.group, &mut |roles, at| drop(roles.remove(at)));
            users + nested
        })
    }

    fn change_members(
        &mut self,
        organization: &str,
        group: Uuid,
        at: Moment,
        change: impl FnOnce(&mut Content, &mut StoredRole) -> usize,
    ) -> MembersChanged {
        let Some((key, role)) = self.role(organization, group) else {
            return MembersChanged::default();
        };
        let (key, mut role) = (key.clone(), role.clone());
        let count = change(self, &mut role);
        if count == 0 {
            return MembersChanged::default();
        }
        let moment = role.touch(at);
        self.set_role(key, Some(role));
        MembersChanged {
            count,
            at: Some(moment),
        }
    }

    fn enter(&mut self, group: &Group, user: Uuid) -> bool {
        self.change_roles(group, user, |roles| {
            let new = !roles.contains(&group.name);
            if new {
                roles.push(group.name.clone());
            }
            new
        })
    }

    fn leave(&mut self, group: &Group, user: Uuid) -> bool {
        self.change_roles(group, user, |roles| {
            let before = roles.len();
            roles.retain(|name| *name != group.name);
            roles.len() < before
        })
    }

    fn change_roles(
        &mut self,
        group: &Group,
        user: Uuid,
        change: impl FnOnce(&mut Vec<String>) -> bool,
    ) -> bool {
        let id = (group.organization.clone(), user);
        let Some(key) = self.user_keys.get(&id).cloned() else {
            return false;
        };
        let Some(mut kept) = self.users.get(&key).cloned() else {
            return false;
        };
        let changed = key.1 == group.domain && change(&mut kept.user.roles);
        if changed {
            self.set_user(key, Some(kept));
        }
        changed
    }

    /// Changes the role names of each user in the group, at the group's position among them;
    /// returns the number of users.
    fn each_user_of(
        &mut self,
        group: &Group,
        change: &mut dyn FnMut(&mut Vec<String>, usize),
    ) -> usize {
        let ids: Vec<Uuid> = self.users_of(group).map(|user| user.id).collect();
        for id in &ids {
            self.change_roles(group, *id, |roles| {
                if let Some(at) = roles.iter().position(|name| *name == group.name) {
                    change(roles, at);
                }
                true
            });
        }
        ids.len()
    }
}

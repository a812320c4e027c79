//! Reading and changing users, singly and by page; steps of imports.

use std::ops::Bound;

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::groups::StoredRole;
use crate::stores::memory::{Content, Key, MemoryStore};
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::built_in::INTERNAL_DOMAIN;
use crate::users::name::lookup_key;
use crate::users::name_pattern::NamePattern;
use crate::users::resources::Group;
use crate::users::step::{ImportStep, PendingStep, Written};
use crate::users::store::{NewPassword, NewRole, RoleAdded, StoredPassword, UserCursor, UserStore};
use crate::users::store_error::StoreError;
use crate::users::user::User;

impl UserStore for MemoryStore {
    fn submit(&self, step: ImportStep) -> PendingStep {
        let (reply, pending) = PendingStep::channel();
        let written = self
            .content()
            .apply(&step)
            .map(|(outcomes, tally)| Written {
                outcomes,
                tally,
                users: step.users,
            });
        // The receiver is in `pending`, and the channel has capacity for one result.
        let _ = reply.send(written);
        pending
    }

    fn user(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<User>, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        Ok(self.content().users.get(&key).map(|kept| kept.user.clone()))
    }

    fn users(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let content = self.content();
        let found = content.users_after(organization, domain, after);
        Ok(found.take(limit).cloned().collect())
    }

    fn initial_passwords(
        &self,
        organization: &str,
        domain: Option<&str>,
        set_before: Option<Moment>,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let content = self.content();
        let found = content
            .users_after(organization, domain, after)
            .filter(|user| user.must_change_password)
            .filter(|user| set_before.is_none_or(|moment| user.password_set_at < moment));
        Ok(found.take(limit).cloned().collect())
    }

    fn user_names(
        &self,
        organization: &str,
        domain: &str,
        pattern: &NamePattern,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = (
            organization.to_owned(),
            domain.to_owned(),
            pattern.prefix().to_owned(),
        );
        let content = self.content();
        let found = content
            .users
            .range(from..)
            .take_while(|((owner, place, key), _)| {
                owner == organization && place == domain && key.starts_with(pattern.prefix())
            })
            .filter(|((_, _, key), _)| pattern.matches(key))
            .take(limit)
            .map(|(_, kept)| kept.user.user_name.clone());
        Ok(found.collect())
    }

    fn delete_user(
        &self,
        by: &Actor,
        domain: &str,
        name: &str,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let key = (by.organization.clone(), domain.to_owned(), lookup_key(name));
        let mut content = self.content();
        let found = content.users.contains_key(&key);
        if found {
            content.touch_groups_of(&key, at);
            content.set_user(key, None);
            let entry = AuditEntry::new(by, "user.delete", at);
            content.audit.push(entry.about(domain, name));
        }
        Ok(found)
    }

    fn set_password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
        password: &NewPassword,
    ) -> Result<bool, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        let mut content = self.content();
        let stored = content.password(&key).map(|stored| stored.hash);
        if password.replacing.is_some() && password.replacing != stored {
            return Ok(false);
        }
        match content.users.get_mut(&key) {
            Some(kept) => {
                kept.password_hash = Some(password.hash.clone());
                kept.user.has_password = true;
                kept.user.must_change_password = password.must_change;
                kept.user.password_set_at = password.set_at;
                if let Some(by) = &password.by {
                    kept.touch(None, password.set_at);
                    let entry = AuditEntry::new(by, "user.password", password.set_at);
                    content.audit.push(entry.about(domain, name));
                }
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn password(
        &self,
        organization: &str,
        domain: &str,
        name: &str,
    ) -> Result<Option<StoredPassword>, StoreError> {
        let key = (organization.to_owned(), domain.to_owned(), lookup_key(name));
        Ok(self.content().password(&key))
    }

    fn roles(&self, organization: &str, domain: &str) -> Result<Vec<String>, StoreError> {
        let content = self.content();
        let own = content.roles.iter().filter(|((owner, place, _), _)| {
            owner == organization && (place == domain || place == INTERNAL_DOMAIN)
        });
        let mut names: Vec<String> = own.map(|(_, role)| role.group.name.clone()).collect();
        names.sort();
        Ok(names)
    }

    fn add_role(&self, role: &NewRole) -> Result<RoleAdded, StoreError> {
        let mut content = self.content();
        content.require(&role.organization)?;
        let mut keys = Vec::new();
        for (domain, name) in &role.members {
            let key = (role.organization.clone(), domain.clone(), lookup_key(name));
            if !content.users.contains_key(&key) {
                return Ok(RoleAdded::NoSuchUser(name.clone()));
            }
            keys.push(key);
        }
        let role_key = (
            role.organization.clone(),
            role.domain.clone(),
            lookup_key(&role.name),
        );
        if content.roles.contains_key(&role_key) {
            return Ok(RoleAdded::Taken);
        }
        let group = Group {
            id: Uuid::now_v7(),
            organization: role.organization.clone(),
            domain: role.domain.clone(),
            name: role.name.clone(),
            external_id: None,
            created_at: role.at,
            modified_at: None,
        };
        content.set_role(role_key, Some(StoredRole::new(group)));
        for key in keys {
            if let Some(kept) = content.users.get_mut(&key) {
                kept.user.roles.push(role.name.clone());
                kept.touch(None, role.at);
            }
        }
        let entry = AuditEntry::new(&role.by, "role.add", role.at);
        content.audit.push(entry.about(&role.domain, &role.name));
        Ok(RoleAdded::Added)
    }

    fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Content {
    /// Users after the cursor, by domain and name key.
    pub(super) fn users_after(
        &self,
        organization: &str,
        domain: Option<&str>,
        after: Option<&UserCursor>,
    ) -> impl Iterator<Item = &User> {
        let from = match after {
            Some(cursor) => Bound::Excluded((
                organization.to_owned(),
                cursor.domain.clone(),
                cursor.key.clone(),
            )),
            None => Bound::Included((organization.to_owned(), String::new(), String::new())),
        };
        self.users
            .range((from, Bound::Unbounded))
            .take_while(move |((owner, _, _), _)| owner == organization)
            .filter(move |((_, place, _), _)| domain.is_none_or(|domain| domain == place))
            .map(|(_, kept)| &kept.user)
    }

    pub(super) fn password(&self, key: &Key) -> Option<StoredPassword> {
        let kept = self.users.get(key)?;
        let default = || {
            let by = kept
                .user
                .created_by
                .filter(|_| kept.user.must_change_password);
            let import = (key.0.clone(), by?);
            self.imports.get(&import)?.default_password_hash.clone()
        };
        Some(StoredPassword {
            hash: kept.password_hash.clone().or_else(default)?,
            must_change: kept.user.must_change_password,
            set_at: kept.user.password_set_at,
        })
    }
}

//! Queries and changes of single users and roles. Names may be qualified: `DOMAIN/name`.

use std::sync::Arc;

use crate::admin::error::AdminError;
use crate::clock::Clock;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules::{self, Fitness};
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::built_in::{INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use crate::users::domains::Domains;
use crate::users::name::lookup_key;
use crate::users::name_pattern::NamePattern;
use crate::users::operator::Role;
use crate::users::password_right::PasswordRight;
use crate::users::role_name;
use crate::users::store::{NewPassword, NewRole, RoleAdded, Store};
use crate::users::user::User;

/// Administers the users of a store.
#[derive(Debug)]
pub struct Administration {
    /// Stores users and roles.
    pub store: Arc<dyn Store>,
    /// Hashes passwords.
    pub pool: Arc<HashPool>,
    /// The password rules.
    pub passwords: rules::Settings,
    /// `[access] importers_set_passwords`.
    pub importers_set_passwords: bool,
    /// The domains.
    pub domains: Domains,
    /// Source of time and ids.
    pub clock: Clock,
}

/// Unqualified names of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainNames {
    /// The domain.
    pub domain: String,
    /// The names, in the order of their keys.
    pub names: Vec<String>,
    /// Whether there are more names than the limit.
    pub more: bool,
}

impl DomainNames {
    /// The names as callers use them: unqualified in `PRIMARY`, otherwise prefixed with their domain.
    pub fn qualified(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| match self.domain.as_str() {
            PRIMARY_DOMAIN => name.clone(),
            domain => format!("{domain}/{name}"),
        })
    }
}

impl Administration {
    /// Names that match `filter` (`*` any characters, `?` one character; blank: all), at most `limit` per
    /// domain. `DOMAIN/filter` searches only that domain. `PRIMARY` comes first.
    ///
    /// # Errors
    /// The domain does not exist, or the store failed.
    pub fn find_users(
        &self,
        organization: &str,
        filter: &str,
        limit: usize,
    ) -> Result<Vec<DomainNames>, AdminError> {
        let (domains, filter) = self.domains_of(filter)?;
        let pattern = NamePattern::new(filter);
        let find = |domain: String| {
            let mut names =
                self.store
                    .user_names(organization, &domain, &pattern, limit.saturating_add(1))?;
            let more = names.len() > limit;
            names.truncate(limit);
            Ok(DomainNames {
                domain,
                names,
                more,
            })
        };
        domains.into_iter().map(find).collect()
    }

    /// Role names that match `filter`, as in [`find_users`](Self::find_users). Roles that belong to no domain
    /// come last, as the domain `INTERNAL`.
    ///
    /// # Errors
    /// The domain does not exist, or the store failed.
    pub fn find_roles(
        &self,
        organization: &str,
        filter: &str,
        limit: usize,
    ) -> Result<Vec<DomainNames>, AdminError> {
        let hybrid = role_name::is_hybrid;
        let (domains, pattern) = match hybrid(filter) {
            true => (Vec::new(), NamePattern::new(filter)),
            false => {
                let (domains, filter) = self.domains_of(filter)?;
                (domains, NamePattern::new(filter))
            }
        };
        let one_domain = domains.len() == 1 && filter.contains('/');
        let matching = |domain: &str, wanted: &dyn Fn(&str) -> bool| {
            let all = self.store.roles(organization, domain)?;
            let mut names: Vec<String> = all.into_iter().filter(|name| wanted(name)).collect();
            let more = names.len() > limit;
            names.truncate(limit);
            Ok::<_, AdminError>(DomainNames {
                domain: domain.to_owned(),
                names,
                more,
            })
        };
        let mut found = Vec::new();
        for domain in &domains {
            found.push(matching(domain, &|name| {
                !hybrid(name) && pattern.matches(&lookup_key(name))
            })?);
        }
        if !one_domain {
            found.push(matching(INTERNAL_DOMAIN, &|name| {
                let bare = name.split_once('/').map_or(name, |(_, bare)| bare);
                hybrid(name)
                    && (pattern.matches(&lookup_key(name)) || pattern.matches(&lookup_key(bare)))
            })?);
        }
        Ok(found)
    }

    /// The user with this name.
    ///
    /// # Errors
    /// There is no such user, or the store failed.
    pub fn user(&self, organization: &str, name: &str) -> Result<User, AdminError> {
        let (domain, bare) = self.domains.split(name)?;
        self.store
            .user(organization, &domain.name, bare)?
            .ok_or_else(|| no_such_user(bare, &domain.name))
    }

    /// Whether a user with this name exists; false if the domain does not exist.
    ///
    /// # Errors
    /// The store failed.
    pub fn exists(&self, organization: &str, name: &str) -> Result<bool, AdminError> {
        match self.user(organization, name) {
            Ok(_) => Ok(true),
            Err(AdminError::NoSuchUser { .. } | AdminError::Domain(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the user with this name.
    ///
    /// # Errors
    /// There is no such user, or the store failed.
    pub fn delete_user(&self, by: &Actor, name: &str) -> Result<(), AdminError> {
        let (domain, bare) = self.domains.split(name)?;
        let at = self.clock.now();
        match self.store.delete_user(by, &domain.name, bare, at)? {
            true => Ok(()),
            false => Err(no_such_user(bare, &domain.name)),
        }
    }

    /// Sets a password chosen by a caller with this role. A password that can only be an initial one has to
    /// be changed at the first login.
    ///
    /// # Errors
    /// The role does not allow it, there is no such user, the password breaks a rule, or the store failed.
    pub fn set_password(
        &self,
        by: &Actor,
        role: Role,
        name: &str,
        password: Secret,
    ) -> Result<(), AdminError> {
        let right = PasswordRight::of(role, self.importers_set_passwords);
        if right == PasswordRight::None {
            return Err(AdminError::NotAllowed);
        }
        let (domain, bare) = self.domains.split(name)?;
        let user = self.user(&by.organization, name)?;
        if !right.allows(user.roles.iter().map(String::as_str)) {
            return Err(AdminError::NotAllowed);
        }
        let fitness = self.passwords.judge(password.expose())?;
        let password = NewPassword {
            hash: self.pool.hash(password)?,
            must_change: fitness == Fitness::InitialOnly,
            set_at: self.clock.now(),
            replacing: None,
            by: Some(by.clone()),
        };
        let changed = self
            .store
            .set_password(&by.organization, &domain.name, bare, &password)?;
        match changed {
            true => Ok(()),
            false => Err(no_such_user(bare, &domain.name)),
        }
    }

    /// Creates the role `name` (`DOMAIN/name`, or `Internal/name` for a role without a domain) and assigns it
    /// to `members`, atomically.
    ///
    /// # Errors
    /// The name exists or is invalid, a member does not exist, or the store failed.
    pub fn add_role(
        &self,
        by: &Actor,
        name: &str,
        members: &[String],
        permissions: Vec<String>,
    ) -> Result<(), AdminError> {
        let name = &*role_name::spelled(name);
        let (domain, bare) = match role_name::is_hybrid(name) {
            true => (INTERNAL_DOMAIN.to_owned(), name),
            false => {
                let (domain, bare) = self.domains.split(name)?;
                (domain.name, bare)
            }
        };
        role_name::check(bare).map_err(AdminError::RoleName)?;
        let mut qualified = Vec::with_capacity(members.len());
        for member in members {
            let (domain, bare) = self.domains.split(member)?;
            qualified.push((domain.name, bare.to_owned()));
        }
        let role = NewRole {
            organization: by.organization.clone(),
            domain: domain.clone(),
            name: bare.to_owned(),
            members: qualified,
            permissions,
            by: by.clone(),
            at: self.clock.now(),
        };
        match self.store.add_role(&role)? {
            RoleAdded::Added => Ok(()),
            RoleAdded::Taken => Err(AdminError::RoleTaken(name.to_owned())),
            RoleAdded::NoSuchUser(member) => Err(no_such_user(&member, &domain)),
        }
    }

    /// The domains that a filter searches, `PRIMARY` first, and the filter without its domain.
    fn domains_of<'f>(&self, filter: &'f str) -> Result<(Vec<String>, &'f str), AdminError> {
        if filter
            .split_once('/')
            .is_some_and(|(domain, _)| !domain.trim().is_empty())
        {
            let (domain, filter) = self.domains.split(filter)?;
            return Ok((vec![domain.name], filter));
        }
        let mut names: Vec<String> = self
            .domains
            .names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        names.sort_by_key(|name| name != PRIMARY_DOMAIN);
        Ok((names, filter))
    }
}

fn no_such_user(name: &str, domain: &str) -> AdminError {
    AdminError::NoSuchUser {
        name: name.to_owned(),
        domain: domain.to_owned(),
    }
}

//! Organizations in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Moment;
use crate::stores::memory::{Content, MemoryStore};
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::import_id::ImportId;
use crate::users::organization::{
    Belongings, NoSuchOrganization, Organization, OrganizationRemoved, OrganizationStore, key,
};
use crate::users::store_error::StoreError;

/// The default organization.
pub(super) fn first() -> BTreeMap<String, Organization> {
    let default = Organization {
        name: DEFAULT_ORGANIZATION.to_owned(),
        created_at: Moment(0),
    };
    BTreeMap::from([(key(&default.name), default)])
}

impl OrganizationStore for MemoryStore {
    fn organization(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        Ok(self.content().organizations.get(&key(name)).cloned())
    }

    fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        Ok(self.content().organizations.values().cloned().collect())
    }

    fn add_organization(
        &self,
        organization: &Organization,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let (name, key) = (&organization.name, key(&organization.name));
        if content.organizations.contains_key(&key) {
            return Ok(false);
        }
        content.organizations.insert(key, organization.clone());
        content.add_built_in_roles(name);
        let at = organization.created_at;
        let entry = AuditEntry::of_organization("organization.add", name, by, at);
        content.audit.push(entry);
        Ok(true)
    }

    fn remove_organization(
        &self,
        name: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<OrganizationRemoved, StoreError> {
        let mut content = self.content();
        let Some(found) = content.organizations.get(&key(name)) else {
            return Ok(OrganizationRemoved::Unknown);
        };
        let name = found.name.clone();
        if name == DEFAULT_ORGANIZATION {
            return Ok(OrganizationRemoved::TheDefault);
        }
        let belongings = content.belongings(&name);
        if !belongings.is_empty() {
            return Ok(OrganizationRemoved::HasStill(belongings));
        }
        content.forget(&name);
        let entry = AuditEntry::of_organization("organization.remove", &name, by, at);
        content.audit.push(entry);
        Ok(OrganizationRemoved::Removed)
    }
}

impl Content {
    /// Refuses writes into an organization that does not exist.
    pub(super) fn require(&self, name: &str) -> Result<(), StoreError> {
        let found = self.organizations.get(&key(name));
        match found.is_some_and(|found| found.name == name) {
            true => Ok(()),
            false => Err(NoSuchOrganization(name.to_owned()).into()),
        }
    }

    fn belongings(&self, name: &str) -> Belongings {
        let bound = |organization: &Option<String>| organization.as_deref() == Some(name);
        let imports = self.imports.values();
        Belongings {
            users: self.users.keys().filter(|key| key.0 == name).count() as u64,
            imports: imports
                .filter(|record| record.organization == name && !record.state.is_final())
                .count() as u64,
            operators: self
                .operators
                .values()
                .filter(|operator| bound(&operator.organization))
                .count() as u64,
            tokens: self
                .tokens
                .values()
                .filter(|token| bound(&token.organization))
                .count() as u64,
        }
    }

    fn forget(&mut self, name: &str) {
        let own = self.imports.keys().filter(|key| key.0 == name);
        let imports: BTreeSet<ImportId> = own.map(|(_, id)| *id).collect();
        self.organizations.remove(&key(name));
        self.roles.retain(|(owner, _, _), _| owner != name);
        self.role_keys.retain(|(owner, _), _| owner != name);
        self.results.retain(|(owner, _, _), _| owner != name);
        self.imports.retain(|(owner, _), _| owner != name);
        self.column_maps.retain(|(owner, _), _| owner != name);
        self.findings.retain(|id, _| !imports.contains(id));
        self.rejects.retain(|id, _| !imports.contains(id));
        self.images.retain(|id, _| !imports.contains(id));
        self.undo_steps.retain(|id, _| !imports.contains(id));
        self.cancel_requested.retain(|(owner, _)| owner != name);
        self.audit.retain(|entry| entry.organization != name);
    }
}

//! Users and groups, singly and in bulk: read, create, change, remove.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Clock;
use crate::import::jobs::Jobs;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules;
use crate::provision::error::ProvisionError;
use crate::provision::operation::{Resource, not_found};
use crate::provision::settings::Settings;
use crate::scim::schema::Schemas;
use crate::users::domains::Domains;
use crate::users::resources::{Found, GroupResource, Kind, ResourceQuery, UserResource};
use crate::users::store::Store;

/// Manages the users and groups of a store.
pub struct Provisioner {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Hashes passwords.
    pub pool: Arc<HashPool>,
    /// The rules for passwords.
    pub passwords: rules::Settings,
    /// `[access] importers_set_passwords`.
    pub importers_set_passwords: bool,
    /// The domains.
    pub domains: Domains,
    /// The SCIM schemas.
    pub schemas: Schemas,
    /// Time and ids.
    pub clock: Clock,
    /// How many findings are stored for a request with many operations.
    pub keep_findings: u64,
    /// Limits on such requests.
    pub settings: Settings,
    /// Running and queued requests.
    pub jobs: Arc<Jobs>,
}

impl Provisioner {
    /// The resource with this id.
    ///
    /// # Errors
    /// There is no such resource, or the store failed.
    pub fn resource(
        &self,
        organization: &str,
        kind: Kind,
        id: &str,
        with_members: bool,
    ) -> Result<Resource, ProvisionError> {
        let uuid = Uuid::try_parse(id).map_err(|_| not_found(kind, id))?;
        let found = match kind {
            Kind::User => self
                .store
                .user_resource(organization, uuid)?
                .map(|user| Resource::User(Box::new(user))),
            Kind::Group => self
                .store
                .group_resource(organization, uuid, with_members)?
                .map(|group| Resource::Group(Box::new(group))),
        };
        Ok(found.ok_or_else(|| not_found(kind, id))?)
    }

    /// Users that match.
    ///
    /// # Errors
    /// The store failed.
    pub fn find_users(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, ProvisionError> {
        Ok(self.store.find_users(organization, query)?)
    }

    /// Groups that match.
    ///
    /// # Errors
    /// The store failed.
    pub fn find_groups(
        &self,
        organization: &str,
        query: &ResourceQuery<'_>,
        with_members: bool,
    ) -> Result<Found<GroupResource>, ProvisionError> {
        Ok(self.store.find_groups(organization, query, with_members)?)
    }
}

impl std::fmt::Debug for Provisioner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provisioner")
    }
}

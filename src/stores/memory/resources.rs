//! Looking users and groups up, and changing them in transactions.

use uuid::Uuid;

use crate::stores::memory::MemoryStore;
use crate::users::import_record::ImportId;
use crate::users::resources::{
    Found, GroupResource, ResourceQuery, ResourceStore, UserResource, Work,
};
use crate::users::store_error::StoreError;

const LATER: &str = "the store memory: has no single users and groups yet";

impl ResourceStore for MemoryStore {
    fn user_resource(&self, _: &str, _: Uuid) -> Result<Option<UserResource>, StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }

    fn find_users(
        &self,
        _: &str,
        _: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }

    fn group_resource(
        &self,
        _: &str,
        _: Uuid,
        _: bool,
    ) -> Result<Option<GroupResource>, StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }

    fn find_groups(
        &self,
        _: &str,
        _: &ResourceQuery<'_>,
        _: bool,
    ) -> Result<Found<GroupResource>, StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }

    fn operation_results(
        &self,
        _: &str,
        _: ImportId,
        _: u64,
        _: usize,
    ) -> Result<Vec<String>, StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }

    fn transact(&self, _: &str, _: Work<'_>) -> Result<(), StoreError> {
        Err(StoreError::Failed(LATER.into()))
    }
}

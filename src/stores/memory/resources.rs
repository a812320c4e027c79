//! Looking users and groups up, and the way into a transaction.

use uuid::Uuid;

use crate::stores::memory::MemoryStore;
use crate::stores::memory::transaction::Transaction;
use crate::users::import_record::ImportId;
use crate::users::resources::{
    Found, GroupResource, ResourceQuery, ResourceStore, UserResource, Work,
};
use crate::users::store_error::StoreError;

impl ResourceStore for MemoryStore {
    fn user_resource(
        &self,
        organization: &str,
        id: Uuid,
    ) -> Result<Option<UserResource>, StoreError> {
        let content = self.content();
        let found = content.by_id(organization, id);
        Ok(found.map(|kept| content.with_groups(&kept.user)))
    }

    fn find_users(
        &self,
        _organization: &str,
        _query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError> {
        Err(StoreError::Failed("users cannot be searched yet".into()))
    }

    fn group_resource(
        &self,
        organization: &str,
        id: Uuid,
        with_members: bool,
    ) -> Result<Option<GroupResource>, StoreError> {
        let content = self.content();
        let found = content.role(organization, id);
        Ok(found.map(|(_, role)| content.with_members(role, with_members)))
    }

    fn find_groups(
        &self,
        _organization: &str,
        _query: &ResourceQuery<'_>,
        _with_members: bool,
    ) -> Result<Found<GroupResource>, StoreError> {
        Err(StoreError::Failed("groups cannot be searched yet".into()))
    }

    fn operation_results(
        &self,
        organization: &str,
        import: ImportId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let content = self.content();
        let of = |number| (organization.to_owned(), import, number);
        let found = content.results.range(of(from)..=of(u64::MAX));
        Ok(found
            .take(limit)
            .map(|(_, result)| result.clone())
            .collect())
    }

    fn transact(&self, organization: &str, work: Work<'_>) -> Result<(), StoreError> {
        let mut content = self.content();
        content.begin_transaction();
        let done = work(&mut Transaction {
            content: &mut content,
            organization,
        });
        content.end_transaction(done.is_ok());
        done
    }
}

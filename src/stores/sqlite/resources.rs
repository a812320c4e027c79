//! Looking users and groups up by id or by what they are like, and the way into a transaction.

use rusqlite::params;
use uuid::Uuid;

use crate::stores::sqlite::step::signed;
use crate::stores::sqlite::transaction::Transaction;
use crate::stores::sqlite::users::i64_of;
use crate::stores::sqlite::{SqliteStore, groups, single};
use crate::users::import_record::ImportId;
use crate::users::resources::{
    Found, GroupResource, ResourceQuery, ResourceStore, UserResource, Work,
};
use crate::users::store_error::StoreError;

impl ResourceStore for SqliteStore {
    fn user_resource(
        &self,
        organization: &str,
        id: Uuid,
    ) -> Result<Option<UserResource>, StoreError> {
        self.read_together(|db| single::read(db, organization, id))
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
        self.read_together(|db| groups::read(db, organization, id, with_members))
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
        self.read(|db| {
            db.prepare_cached(
                "SELECT result FROM operation_results
                 WHERE organization = ?1 AND import = ?2 AND number >= ?3 ORDER BY number LIMIT ?4",
            )?
            .query_map(
                params![organization, import.0, signed(from), i64_of(limit)],
                |row| row.get(0),
            )?
            .collect()
        })
    }

    fn transact(&self, organization: &str, work: Work<'_>) -> Result<(), StoreError> {
        self.in_transaction(|db| work(&mut Transaction { db, organization }))
    }
}

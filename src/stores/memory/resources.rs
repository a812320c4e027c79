//! Reading users and groups, and starting a transaction.

use uuid::Uuid;

use crate::scim::document::Document;
use crate::scim::evaluate::{matches, sort_value};
use crate::stores::memory::MemoryStore;
use crate::stores::memory::transaction::Transaction;
use crate::users::documents::resource;
use crate::users::import_id::ImportId;
use crate::users::page::{Page, by_id};
use crate::users::resources::{
    Found, GroupResource, Keyset, ResourceQuery, ResourceStore, UserResource, Work,
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
        organization: &str,
        query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError> {
        let content = self.content();
        let keys = content
            .users_after(organization, query.domain, None)
            .filter_map(|user| {
                let document = resource::user(&content.with_groups(user), "");
                key(query, user.id, &document)
            })
            .collect();
        let page = Page::of(keys, query);
        Ok(found(page, |id| {
            let kept = content.by_id(organization, id)?;
            Some(content.with_groups(&kept.user))
        }))
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
        organization: &str,
        query: &ResourceQuery<'_>,
        with_members: bool,
    ) -> Result<Found<GroupResource>, StoreError> {
        let (content, members_asked) = (self.content(), query.mentions("members"));
        let keys = content
            .groups(organization)
            .filter(|role| {
                query
                    .domain
                    .is_none_or(|domain| domain == role.group.domain)
            })
            .filter_map(|role| {
                let document = resource::group(&content.with_members(role, members_asked), "");
                key(query, role.group.id, &document)
            })
            .collect();
        let page = Page::of(keys, query);
        Ok(found(page, |id| {
            let (_, role) = content.role(organization, id)?;
            Some(content.with_members(role, with_members))
        }))
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
        content.require(organization)?;
        content.begin_transaction();
        let done = work(&mut Transaction::new(&mut content, organization));
        content.end_transaction(done.is_ok());
        done
    }
}

/// The sort key of a resource, if it matches.
fn key(query: &ResourceQuery<'_>, id: Uuid, document: &Document) -> Option<Keyset> {
    let order = query.order.filter(|order| !by_id(Some(*order)));
    query
        .filter
        .is_none_or(|filter| matches(filter, document))
        .then(|| Keyset {
            value: order.and_then(|order| sort_value(order.path, document)),
            id,
        })
}

fn found<T>(page: Page, read: impl Fn(Uuid) -> Option<T>) -> Found<T> {
    Found {
        resources: page.keys.iter().filter_map(|key| read(key.id)).collect(),
        total: page.total,
        next: page.next,
    }
}

//! Reading users and groups by id or filter, and starting a transaction.

use rusqlite::params;
use uuid::Uuid;

use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::filter::Table;
use crate::stores::sqlite::groups::groups_of;
use crate::stores::sqlite::organizations::require;
use crate::stores::sqlite::search::Search;
use crate::stores::sqlite::step::signed;
use crate::stores::sqlite::transaction::Transaction;
use crate::stores::sqlite::users::{USER_COLUMNS, i64_of, user};
use crate::stores::sqlite::{SqliteStore, groups, single};
use crate::users::documents::resource;
use crate::users::import_id::ImportId;
use crate::users::page::Page;
use crate::users::resources::{
    Found, GroupResource, Member, ResourceQuery, ResourceStore, UserResource, Work,
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
        organization: &str,
        query: &ResourceQuery<'_>,
    ) -> Result<Found<UserResource>, StoreError> {
        // The entity tag depends on the groups.
        let with_groups = query.mentions("groups") || query.mentions("meta");
        let search = Search {
            table: Table::Users,
            organization,
            query,
            columns: USER_COLUMNS,
        };
        let _scan = self.scan_unless(search.is_lookup())?;
        self.read_together(|db| {
            let page = search.page(db, |row| {
                let user = user(row)?;
                let groups = match with_groups {
                    true => groups_of(db, &user)?,
                    false => Vec::new(),
                };
                let id = user.id;
                let resource = UserResource { user, groups };
                Ok((id, resource::user(&resource, "")))
            })?;
            let size = |it: &UserResource| it.user.size();
            found(page, |id| single::read(db, organization, id), size)
        })
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
        organization: &str,
        query: &ResourceQuery<'_>,
        with_members: bool,
    ) -> Result<Found<GroupResource>, StoreError> {
        let members_asked = query.mentions("members");
        let search = Search {
            table: Table::Groups,
            organization,
            query,
            columns: groups::GROUP_COLUMNS,
        };
        let _scan = self.scan_unless(search.is_lookup())?;
        self.read_together(|db| {
            let page = search.page(db, |row| {
                let group = groups::resource(db, groups::group(row)?, members_asked)?;
                Ok((group.group.id, resource::group(&group, "")))
            })?;
            let size = |it: &GroupResource| -> usize { it.members.iter().map(Member::size).sum() };
            found(
                page,
                |id| groups::read(db, organization, id, with_members),
                size,
            )
        })
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
        self.in_transaction(|db| {
            require(db, organization).map_err(from_sqlite)?;
            work(&mut Transaction::new(db, organization))
        })
    }
}

/// Size limit of a page, in bytes: documents take several times as much memory.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Loads the resources of a page up to the size limit; the next page begins after the last one.
fn found<T>(
    page: Page,
    mut read: impl FnMut(Uuid) -> rusqlite::Result<Option<T>>,
    size: impl Fn(&T) -> usize,
) -> rusqlite::Result<Found<T>> {
    let mut resources = Vec::with_capacity(page.keys.len());
    let mut bytes = 0;
    let mut next = page.next;
    let last = page.keys.len().saturating_sub(1);
    for (position, key) in page.keys.into_iter().enumerate() {
        let resource = read(key.id)?;
        bytes += resource.as_ref().map_or(0, &size);
        resources.extend(resource);
        if bytes >= PAGE_BYTES && position < last {
            next = Some(key);
            break;
        }
    }
    Ok(Found {
        resources,
        total: page.total,
        next,
    })
}

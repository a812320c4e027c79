//! Column maps in memory.

use std::cmp::Reverse;

use crate::clock::Moment;
use crate::stores::memory::MemoryStore;
use crate::users::column_maps::{ColumnMapStore, KEPT_COLUMN_MAPS};
use crate::users::options::ColumnMap;
use crate::users::store_error::StoreError;

impl ColumnMapStore for MemoryStore {
    fn column_map(
        &self,
        organization: &str,
        header_key: &str,
    ) -> Result<Option<ColumnMap>, StoreError> {
        let key = (organization.to_owned(), header_key.to_owned());
        Ok(self
            .content()
            .column_maps
            .get(&key)
            .map(|(map, _)| map.clone()))
    }

    fn keep_column_map(
        &self,
        organization: &str,
        header_key: &str,
        map: &ColumnMap,
        at: Moment,
    ) -> Result<(), StoreError> {
        let mut content = self.content();
        content.require(organization)?;
        let key = (organization.to_owned(), header_key.to_owned());
        content.column_maps.insert(key, (map.clone(), at));
        let own = content
            .column_maps
            .iter()
            .filter(|((owner, _), _)| owner == organization);
        let mut by_use: Vec<_> = own
            .map(|((_, key), (_, used))| (key != header_key, Reverse(*used), key.clone()))
            .collect();
        by_use.sort();
        for (_, _, key) in by_use.into_iter().skip(KEPT_COLUMN_MAPS) {
            content.column_maps.remove(&(organization.to_owned(), key));
        }
        Ok(())
    }
}

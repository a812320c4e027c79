//! Column maps in SQLite.

use rusqlite::{OptionalExtension, params};

use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::ledger::{from_json, json};
use crate::stores::sqlite::organizations::require;
use crate::users::column_maps::{ColumnMapStore, KEPT_COLUMN_MAPS};
use crate::users::options::ColumnMap;
use crate::users::store_error::StoreError;

impl ColumnMapStore for SqliteStore {
    fn column_map(
        &self,
        organization: &str,
        header_key: &str,
    ) -> Result<Option<ColumnMap>, StoreError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT map FROM column_maps WHERE organization = ?1 AND header_key = ?2",
            )?
            .query_row([organization, header_key], |row| from_json(row, 0))
            .optional()
            .map(Option::flatten)
        })
    }

    fn keep_column_map(
        &self,
        organization: &str,
        header_key: &str,
        map: &ColumnMap,
        at: Moment,
    ) -> Result<(), StoreError> {
        self.change(|db| {
            require(db, organization)?;
            db.execute(
                "INSERT INTO column_maps (organization, header_key, map, used_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET map = excluded.map, used_at = excluded.used_at",
                params![organization, header_key, json(map)?, at.0],
            )?;
            // The new one stays, even if the clock went back.
            db.execute(
                &format!(
                    "DELETE FROM column_maps WHERE organization = ?1 AND header_key IN (
                         SELECT header_key FROM column_maps WHERE organization = ?1
                         ORDER BY header_key = ?2 DESC, used_at DESC, header_key
                         LIMIT -1 OFFSET {KEPT_COLUMN_MAPS})"
                ),
                [organization, header_key],
            )?;
            Ok(())
        })
    }
}

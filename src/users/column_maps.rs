//! Column maps that are kept, so that a file with the same headings need not be mapped again.

use crate::clock::Moment;
use crate::users::options::ColumnMap;
use crate::users::store_error::StoreError;

/// How many maps are kept for one organization; beyond that, the ones that were used the longest time ago are removed.
pub const KEPT_COLUMN_MAPS: usize = 1_000;

/// Stores column maps, each for one organization and one key of headings. The caller computes the key: a SHA-256 of
/// the headings in hexadecimal.
pub trait ColumnMapStore: Send + Sync {
    /// The map that was kept for these headings.
    ///
    /// # Errors
    /// The store failed.
    fn column_map(
        &self,
        organization: &str,
        header_key: &str,
    ) -> Result<Option<ColumnMap>, StoreError>;

    /// Keeps a map, used at `at`, in place of an earlier one for the same headings. Removes the map that was used the
    /// longest time ago if there are more than [`KEPT_COLUMN_MAPS`].
    ///
    /// # Errors
    /// The store failed, or there is no such organization.
    fn keep_column_map(
        &self,
        organization: &str,
        header_key: &str,
        map: &ColumnMap,
        at: Moment,
    ) -> Result<(), StoreError>;
}

//! Where users are kept: one file or folder a store, chosen by the scheme of its address.

pub mod sqlite;
pub mod memory;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// `[store]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The data directory: the store, the certificate, temporary files.
    pub data: PathBuf,
    /// The store's address: `sqlite:FILE` (relative to the data directory) or `memory:`.
    pub url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            data: "muster-data".into(),
            url: "sqlite:muster.db".into(),
        }
    }
}

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To write imports to it: one process at a time.
    Write,
    /// Beside the process that writes.
    Beside,
}

type Opener = fn(address: &str, data: &Path, access: Access) -> Result<Arc<dyn Store>, StoreError>;

/// Every kind of store, by the scheme of its address.
const STORES: &[(&str, Opener)] = &[("sqlite", open_sqlite), ("memory", open_memory)];

/// Opens the store that the settings name.
///
/// # Errors
/// The scheme is unknown, or the store cannot be opened.
pub fn open(settings: &Settings, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    let (open, address) = opener(settings)?;
    open(address, &settings.data, access)
}

impl Settings {
    /// Whether there is a store of this kind; it is not opened.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), StoreError> {
        opener(self).map(drop)
    }
}

fn opener(settings: &Settings) -> Result<(Opener, &str), StoreError> {
    let (scheme, address) = settings.url.split_once(':').unwrap_or((&settings.url, ""));
    match STORES.iter().find(|(name, _)| *name == scheme) {
        Some((_, open)) => Ok((*open, address)),
        None => {
            let known: Vec<&str> = STORES.iter().map(|(name, _)| *name).collect();
            Err(StoreError::Failed(format!(
                "store.url: there is no store {scheme:?}; known: {}",
                known.join(", ")
            )))
        }
    }
}

fn open_sqlite(address: &str, data: &Path, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    let path = data.join(address);
    match access {
        Access::Write => Ok(Arc::new(sqlite::SqliteStore::open(&path)?)),
        Access::Beside if !path.exists() => Err(StoreError::Failed(format!(
            "there is no store at {}; `muster serve` or `muster import` makes one",
            path.display()
        ))),
        Access::Beside => Ok(Arc::new(sqlite::SqliteStore::open_beside(&path)?)),
    }
}

fn open_memory(_: &str, _: &Path, _: Access) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(memory::MemoryStore::default()))
}

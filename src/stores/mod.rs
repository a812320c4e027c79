//! Where users are kept: one file or folder a store, chosen by the scheme of its address.

pub mod disk;
pub mod sqlite;
pub mod memory;

use std::path::PathBuf;
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
    /// Connections that read at the same time; further queries wait for one of them.
    pub read_connections: usize,
    /// Searches that read all users of an organization at the same time; a further one is told to come back.
    pub scans: usize,
    /// The server is not ready while fewer bytes than these are free on the disk of the data directory; 0: free
    /// bytes are not looked at.
    pub min_free_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            data: "muster-data".into(),
            url: "sqlite:muster.db".into(),
            read_connections: 24,
            scans: 4,
            min_free_bytes: 64 * 1024 * 1024,
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

type Opener =
    fn(address: &str, settings: &Settings, access: Access) -> Result<Arc<dyn Store>, StoreError>;

/// Every kind of store, by the scheme of its address.
const STORES: &[(&str, Opener)] = &[("sqlite", open_sqlite), ("memory", open_memory)];

/// Opens the store that the settings name.
///
/// # Errors
/// The scheme is unknown, or the store cannot be opened.
pub fn open(settings: &Settings, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    settings.check()?;
    let (open, address) = opener(settings)?;
    open(address, settings, access)
}

impl Settings {
    /// Whether there is a store of this kind; it is not opened.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), StoreError> {
        for (key, value) in [
            ("read_connections", self.read_connections),
            ("scans", self.scans),
        ] {
            if !(1..=1_000).contains(&value) {
                let message = format!("store.{key} has to lie between 1 and 1000");
                return Err(StoreError::Failed(message));
            }
        }
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

fn open_sqlite(
    address: &str,
    settings: &Settings,
    access: Access,
) -> Result<Arc<dyn Store>, StoreError> {
    let path = settings.data.join(address);
    let bounds = sqlite::Bounds {
        connections: settings.read_connections,
        scans: settings.scans,
    };
    match access {
        Access::Write => Ok(Arc::new(sqlite::SqliteStore::open(&path, bounds)?)),
        Access::Beside if !path.exists() => Err(StoreError::Failed(format!(
            "there is no store at {}; `muster serve` or `muster import` makes one",
            path.display()
        ))),
        Access::Beside => Ok(Arc::new(sqlite::SqliteStore::open_beside(&path, bounds)?)),
    }
}

fn open_memory(_: &str, _: &Settings, _: Access) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(memory::MemoryStore::default()))
}

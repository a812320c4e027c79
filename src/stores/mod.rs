//! User stores: one file or folder per kind, chosen by the scheme of the store's address.

pub mod disk;
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
    /// The number of concurrent reading connections; further queries wait for one of them.
    pub read_connections: usize,
    /// The number of concurrent searches that read all users of an organization; further ones are
    /// refused with a time to retry.
    pub scans: usize,
    /// The server is not ready if the disk of the data directory has fewer free bytes than this; 0
    /// disables the check.
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
    /// For writing imports: one process at a time.
    Write,
    /// In addition to the process that writes imports.
    Beside,
}

type Opener =
    fn(address: &str, settings: &Settings, access: Access) -> Result<Arc<dyn Store>, StoreError>;

/// A kind of store.
struct Kind {
    /// The scheme of its address.
    scheme: &'static str,
    /// Opens a store.
    open: Opener,
    /// Checks that the store is usable, without changing it.
    check: fn(address: &str, data: &Path) -> Result<(), StoreError>,
}

/// Every kind of store.
const STORES: &[Kind] = &[
    Kind {
        scheme: "sqlite",
        open: open_sqlite,
        check: |address, data| sqlite::SqliteStore::inspect(&data.join(address)).map(drop),
    },
    Kind {
        scheme: "memory",
        open: open_memory,
        check: |_, _| Ok(()),
    },
];

/// Opens the store that the settings name.
///
/// # Errors
/// The scheme is unknown, or the store cannot be opened.
pub fn open(settings: &Settings, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    settings.check()?;
    let (kind, address) = kind(settings)?;
    (kind.open)(address, settings, access)
}

impl Settings {
    /// Checks that the kind of store exists, and that an existing store is usable, without changing
    /// it.
    ///
    /// # Errors
    /// A sentence that names the key or the file.
    pub fn check(&self) -> Result<(), StoreError> {
        for (key, value) in [
            ("read_connections", self.read_connections),
            ("scans", self.scans),
        ] {
            if !(1..=1_000).contains(&value) {
                let message = format!("store.{key} must be between 1 and 1000");
                return Err(StoreError::Failed(message));
            }
        }
        let (kind, address) = kind(self)?;
        (kind.check)(address, &self.data)
    }
}

fn kind(settings: &Settings) -> Result<(&'static Kind, &str), StoreError> {
    let (scheme, address) = settings.url.split_once(':').unwrap_or((&settings.url, ""));
    match STORES.iter().find(|kind| kind.scheme == scheme) {
        Some(kind) => Ok((kind, address)),
        None => {
            let known: Vec<&str> = STORES.iter().map(|kind| kind.scheme).collect();
            Err(StoreError::Failed(format!(
                "store.url: unknown store {scheme:?}; known: {}",
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
            "there is no store at {}; `muster serve` or `muster import` creates one",
            path.display()
        ))),
        Access::Beside => Ok(Arc::new(sqlite::SqliteStore::open_beside(&path, bounds)?)),
    }
}

fn open_memory(_: &str, _: &Settings, _: Access) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(memory::MemoryStore::default()))
}

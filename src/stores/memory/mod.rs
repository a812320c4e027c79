//! Users in memory, lost when the process ends: for tests and trials.
//!
//! It gives the same guarantees as the other stores and passes the same contract suite.

mod stored_user;
mod users;
mod steps;
mod resources;
mod transaction;
mod groups;
mod journal;
mod ledger;
mod undo;
mod operators;
mod tokens;
mod organizations;
mod column_maps;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::groups::StoredRole;
use crate::stores::memory::journal::Before;
use crate::stores::memory::stored_user::{Image, StoredUndoStep, StoredUser};
use crate::users::audit::AuditEntry;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportRecord;
use crate::users::merge::Profile;
use crate::users::operator::Operator;
use crate::users::options::ColumnMap;
use crate::users::organization::Organization;
use crate::users::problem::{Owner, Problem};
use crate::users::reject_block::RejectBlock;
use crate::users::token::{Token, TokenDigest};

/// Organization, domain and name key.
type Key = (String, String, String);

/// Keeps everything in maps protected by one lock.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Content>);

#[derive(Debug)]
struct Content {
    roles: BTreeMap<Key, StoredRole>,
    /// By organization and id.
    role_keys: HashMap<(String, Uuid), Key>,
    users: BTreeMap<Key, StoredUser>,
    /// By organization and id.
    user_keys: HashMap<(String, Uuid), Key>,
    imports: BTreeMap<(String, ImportId), ImportRecord>,
    findings: HashMap<ImportId, Vec<Problem>>,
    /// With the number of each block's first row.
    rejects: HashMap<ImportId, Vec<(u64, RejectBlock)>>,
    results: BTreeMap<(String, ImportId, u64), String>,
    /// By the user's id.
    images: HashMap<ImportId, BTreeMap<Uuid, Image>>,
    /// In chronological order.
    undo_steps: HashMap<ImportId, Vec<StoredUndoStep>>,
    audit: Vec<AuditEntry>,
    /// Running imports that a caller wants to stop.
    cancel_requested: BTreeSet<(String, ImportId)>,
    operators: BTreeMap<String, Operator>,
    tokens: BTreeMap<TokenDigest, Token>,
    /// By key.
    organizations: BTreeMap<String, Organization>,
    /// By organization and key of the headings; with the time of the last use.
    column_maps: BTreeMap<(String, String), (ColumnMap, Moment)>,
    rehearsed: HashMap<ImportId, HashMap<String, (Owner, Profile)>>,
    /// The journal of the active transaction.
    journal: Option<Vec<Before>>,
}

impl Default for Content {
    fn default() -> Self {
        let mut content = Content {
            roles: BTreeMap::new(),
            role_keys: HashMap::new(),
            users: BTreeMap::new(),
            user_keys: HashMap::new(),
            imports: BTreeMap::new(),
            findings: HashMap::new(),
            rejects: HashMap::new(),
            results: BTreeMap::new(),
            images: HashMap::new(),
            undo_steps: HashMap::new(),
            audit: Vec::new(),
            cancel_requested: BTreeSet::new(),
            operators: BTreeMap::new(),
            tokens: BTreeMap::new(),
            organizations: organizations::first(),
            column_maps: BTreeMap::new(),
            rehearsed: HashMap::new(),
            journal: None,
        };
        content.add_built_in_roles(DEFAULT_ORGANIZATION);
        content
    }
}

impl MemoryStore {
    fn content(&self) -> MutexGuard<'_, Content> {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The previous holder may have panicked in the middle of a transaction.
        content.end_transaction(false);
        content
    }
}

//! The imports of this process, as all its threads see them: keys, current records and cancellation.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use crate::clock::Moment;
use crate::import::ended::{Cancelled, Ended};
use crate::import::error::ImportError;
use crate::import::heartbeat::Heartbeat;
use crate::import::importer::Importer;
use crate::import::job_error::JobError;
use crate::import::keys::{KeyLookup, Keys, can_be_key};
use crate::import::operations::Operations;
use crate::import::queue::Queue;
use crate::import::registry::Registry;
use crate::import::request::ImportRequest;
use crate::import::upload::Uploads;
use crate::users::actor::Actor;
use crate::users::domains::Domains;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ABANDONED, ImportRecord, ImportState};
use crate::users::step::Finish;
use crate::users::store_error::StoreError;

/// What calls, workers and the heartbeat share.
pub(super) struct Shared {
    pub importer: Arc<Importer>,
    pub domains: Domains,
    pub uploads: Arc<Uploads>,
    pub registry: Registry,
    /// Keys of calls in progress that have no record yet.
    pub keys: Keys,
    /// Continues imports of the channel `scim`.
    pub operations: OnceLock<Weak<dyn Operations>>,
    pub queue: Arc<Queue>,
    pub heartbeat: Heartbeat,
}

impl Shared {
    /// Looks for an earlier call with the key of the request, and reserves the key.
    pub(super) fn reserve_key_of(&self, request: &ImportRequest) -> Result<KeyLookup, JobError> {
        if request.key.is_some() && request.generated_passwords.is_some() {
            return Err(JobError::KeyAndPasswords);
        }
        if request.key.is_some() && !request.edits.is_empty() {
            return Err(JobError::KeyAndEdits);
        }
        self.reserve_key(&request.organization, request.key.as_deref())
    }

    pub(super) fn reserve_key(
        &self,
        organization: &str,
        key: Option<&str>,
    ) -> Result<KeyLookup, JobError> {
        let Some(key) = key else {
            return Ok(KeyLookup::NoKey);
        };
        if !can_be_key(key) {
            return Err(JobError::Key);
        }
        let held = self.keys.reserve(organization, key);
        let found = self.importer.store.import_by_key(organization, key)?;
        match (found, held) {
            (Some(record), _) => Ok(KeyLookup::Earlier(Box::new(record))),
            (None, Some(held)) => Ok(KeyLookup::New(held)),
            // Its record does not exist yet; a retry in a moment finds it.
            (None, None) => Err(JobError::Busy { seconds: 1 }),
        }
    }

    /// The import with its current record.
    pub(super) fn recorded(&self, record: &ImportRecord) -> Result<Ended, JobError> {
        let store = &self.importer.store;
        let now = store.import(&record.organization, record.id)?;
        let now = now.ok_or(JobError::NoSuchImport(record.id))?;
        Ok(Ended::Recorded(Box::new(now)))
    }

    /// The current record. A record that is running but has had no heartbeat for too long becomes
    /// interrupted: its end could not be written.
    pub(super) fn refresh(&self, record: ImportRecord) -> Result<ImportRecord, JobError> {
        let now = self.importer.clock.now();
        let state = record.shown_state(now);
        let key = (record.organization.clone(), record.id);
        if state == record.state || self.registry.control(&key).is_some() {
            return Ok(record);
        }
        let finish = Finish {
            state,
            reason: Some(ABANDONED.into()),
            sha256: None,
            by: None,
        };
        let (store, by) = (&self.importer.store, record.actor());
        store.end_import(&record.organization, record.id, &by, &finish, now)?;
        Ok(ImportRecord {
            state,
            reason: finish.reason,
            finished_at: Some(now),
            ..record
        })
    }

    /// Marks a queued import as interrupted if its record is running but it is not: its end could not be
    /// written because the disk was full or failed.
    pub(super) fn interrupt_stale(
        &self,
        organization: &str,
        id: ImportId,
        now: Moment,
    ) -> Result<(), StoreError> {
        let store = &self.importer.store;
        let record = store.import(organization, id)?;
        let Some(record) = record.filter(|record| record.state == ImportState::Running) else {
            return Ok(());
        };
        let finish = Finish {
            state: ImportState::Interrupted,
            reason: Some(ABANDONED.into()),
            sha256: None,
            by: None,
        };
        store
            .end_import(organization, id, &record.actor(), &finish, now)
            .map(drop)
    }

    pub(super) fn cancel(&self, by: &Actor, id: ImportId) -> Result<Cancelled, JobError> {
        let store = &self.importer.store;
        let record = store
            .import(&by.organization, id)?
            .ok_or(JobError::NoSuchImport(id))?;
        let key = (by.organization.clone(), id);
        if let Some(control) = self.registry.control(&key) {
            control.cancel(by);
            return Ok(Cancelled::Asked);
        }
        let record = self.refresh(record)?;
        if !matches!(record.state, ImportState::Queued | ImportState::Interrupted) {
            return Ok(Cancelled::TooLate);
        }
        self.queue.remove(&key);
        let finish = Finish {
            state: ImportState::Cancelled,
            reason: Some(ImportError::Cancelled.to_string()),
            sha256: None,
            by: None,
        };
        let at = self.importer.clock.now();
        let ended = store.end_import(&by.organization, id, by, &finish, at)?;
        self.uploads.forget(id);
        Ok(match ended {
            true => Cancelled::BeforeItBegan,
            false => Cancelled::TooLate,
        })
    }

    pub(super) fn is_closing(&self) -> bool {
        self.importer.stopping.load(Ordering::SeqCst) || self.queue.is_closed()
    }
}

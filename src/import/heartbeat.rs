//! What is done at regular intervals while imports run: their heartbeats are recorded, cancellations by other
//! processes are looked for, and old uploads and images are removed.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::import::importer::Importer;
use crate::import::queue::Queue;
use crate::import::registry::Registry;
use crate::import::upload::Uploads;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::step::Finish;
use crate::users::store_error::StoreError;

/// Interval at which a running import records a heartbeat and checks for cancellation.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Number of heartbeats between two removals of old uploads and images.
const TIDY: u32 = 720;

/// The reason of an import whose upload waited longer than the settings allow.
const UPLOAD_TOO_OLD: &str =
    "its upload waited longer than import.upload_hours and was deleted; send the file again";

/// What the heartbeat needs of the jobs.
#[derive(Clone)]
pub(super) struct Heartbeat {
    pub importer: Arc<Importer>,
    pub uploads: Arc<Uploads>,
    pub registry: Registry,
    pub queue: Arc<Queue>,
}

impl Heartbeat {
    /// Records heartbeats until the queue is closed, and removes old data regularly.
    pub(super) fn run(&self) {
        for beat in 1_u32.. {
            if self.queue.wait_until_closed(HEARTBEAT) {
                return;
            }
            let (store, now) = (&self.importer.store, self.importer.clock.now());
            for key in self.registry.keys() {
                let (organization, id) = &key;
                match store.still_running(organization, *id, now) {
                    Ok(false) => {}
                    Ok(true) => {
                        // Only the terminal cancels from another process; the audit log names the operator.
                        let by = Actor {
                            organization: organization.clone(),
                            operator: "terminal".into(),
                            channel: Channel::Terminal,
                            request_id: None,
                        };
                        if let Some(control) = self.registry.control(&key) {
                            control.cancel(&by);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, import = %id, "a heartbeat could not be recorded");
                    }
                }
            }
            if beat % TIDY == 1 {
                self.forget_old_uploads(now);
                let kept = self.importer.settings.undo_microseconds();
                if let Err(error) = store.forget_images(Moment(now.0.saturating_sub(kept))) {
                    tracing::warn!(%error, "old images could not be removed");
                }
            }
        }
    }

    /// Deletes uploads that are too old, except those of running imports.
    pub(super) fn forget_old_uploads(&self, now: Moment) {
        let kept = self.importer.settings.upload_microseconds();
        let oldest = Moment(now.0.saturating_sub(kept));
        for id in self.uploads.older_than(oldest) {
            if self.registry.has_id(id) {
                continue;
            }
            let key = self.queue.remove_id(id);
            tracing::warn!(import = %id, "an upload was deleted because it was too old");
            self.uploads.forget(id);
            let Some((organization, _)) = key else {
                continue;
            };
            if let Err(error) = self.end_too_old(&organization, id, now) {
                tracing::error!(%error, import = %id, "the end of an import could not be recorded");
            }
        }
    }

    fn end_too_old(&self, organization: &str, id: ImportId, now: Moment) -> Result<(), StoreError> {
        match self.importer.store.import(organization, id)? {
            Some(record) => self.fail(&record, UPLOAD_TOO_OLD.into(), now),
            None => Ok(()),
        }
    }

    /// Ends an import that waited and cannot run.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn fail(
        &self,
        record: &ImportRecord,
        reason: String,
        at: Moment,
    ) -> Result<(), StoreError> {
        let finish = Finish {
            state: ImportState::Failed,
            reason: Some(reason),
            sha256: None,
            by: None,
        };
        let by = record.actor();
        let store = &self.importer.store;
        store.end_import(&record.organization, record.id, &by, &finish, at)?;
        self.uploads.forget(record.id);
        Ok(())
    }
}

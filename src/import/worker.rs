//! A worker: takes one import after the other from the queue.

use std::fs::File;
use std::sync::Weak;
use std::time::Duration;

use crate::clock::Moment;
use crate::import::default_password::DefaultPassword;
use crate::import::job_error::JobError;
use crate::import::registry::Running;
use crate::import::shared::Shared;
use crate::import::task::Task;
use crate::import::upload::UPLOAD_GONE;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};

/// Delay before a queued import is tried again after the store failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Maximum delay before a queued import is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The reason of a queued import whose changes to cells do not exist.
const EDITS_GONE: &str = "the changes to the cells of the upload no longer exist";

impl Shared {
    /// Processes the queue until the app closes.
    pub(super) fn work(&self) {
        while let Some((organization, id)) = self.queue.next(&self.importer.stopping) {
            match self.take_turn(&organization, id) {
                Ok(Turn::Ended) => {}
                Ok(Turn::Again(after)) => {
                    tracing::warn!(
                        import = %id, seconds = after.as_secs(), "a queued import is tried again"
                    );
                    self.queue.push_later((organization, id), after);
                }
                Err(error) => {
                    tracing::error!(
                        %error, import = %id, "a queued import could not be started"
                    );
                    self.queue.push_later((organization, id), AGAIN);
                }
            }
        }
    }

    fn take_turn(&self, organization: &str, id: ImportId) -> Result<Turn, JobError> {
        let now = self.importer.clock.now();
        let upload = self.uploads.open(id);
        let size = upload.as_ref().map(|(_, size)| *size);
        let Some(running) = self.registry.register((organization.to_owned(), id), size) else {
            return Ok(Turn::Ended);
        };
        self.interrupt_stale(organization, id, now)?;
        let Some(record) = self.importer.store.claim(organization, id, now)? else {
            // It has been cancelled.
            self.uploads.forget(id);
            return Ok(Turn::Ended);
        };
        if record.channel == Channel::Scim {
            return self.continue_operations(record, upload.map(|(file, _)| file), &running);
        }
        let domain = self.domains.find(Some(&record.domain));
        let (domain, file) = match (domain, upload) {
            (Ok(domain), Some((file, _))) => (domain, file),
            (Err(error), _) => return self.fail(&record, error.to_string(), now),
            (_, None) => return self.fail(&record, UPLOAD_GONE.into(), now),
        };
        let edits = match self.uploads.edits(id) {
            Ok(edits) => edits,
            Err(reason) => return self.fail(&record, reason, now),
        };
        if record.mended > 0 && edits.is_empty() {
            return self.fail(&record, EDITS_GONE.into(), now);
        }
        let default = DefaultPassword::of_record(&record);
        let task = Task::resume(record, domain, default).with_edits(edits);
        let ending = self.importer.carry_out(task, file, &running.control);
        match ending.wait() {
            // The cause has been logged.
            Err(failure) if failure.report.state == ImportState::Interrupted => {
                // Otherwise the next start continues it, or the same call.
                let passes = failure.error.retry_after().filter(|_| !self.is_closing());
                return Ok(passes.map_or(Turn::Ended, |seconds| Turn::Again(try_after(seconds))));
            }
            Ok(_) | Err(_) => self.uploads.forget(id),
        }
        Ok(Turn::Ended)
    }

    fn continue_operations(
        &self,
        record: ImportRecord,
        upload: Option<File>,
        running: &Running,
    ) -> Result<Turn, JobError> {
        let (id, now) = (record.id, self.importer.clock.now());
        let Some(upload) = upload else {
            return self.fail(&record, UPLOAD_GONE.into(), now);
        };
        let Some(operations) = self.operations.get().and_then(Weak::upgrade) else {
            // The app is shutting down; the next start continues the import.
            return Ok(Turn::Ended);
        };
        if !operations.requeue(record, upload, &running.control)? {
            self.uploads.forget(id);
        }
        Ok(Turn::Ended)
    }

    fn fail(&self, record: &ImportRecord, reason: String, at: Moment) -> Result<Turn, JobError> {
        self.heartbeat.fail(record, reason, at)?;
        Ok(Turn::Ended)
    }
}

/// The result of processing a queued import.
enum Turn {
    /// It need not be tried again.
    Ended,
    /// The failure is temporary: try again after this delay.
    Again(Duration),
}

/// Delay before a queued import is tried again, given the seconds that a caller would have to wait. Trying
/// earlier does no harm.
fn try_after(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

//! One call: its import is run now or stored for the queue, or an earlier import with the same key is returned or
//! continued.

use std::io::Read;

use crate::import::default_password::DefaultPassword;
use crate::import::ended::Ended;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::job_error::JobError;
use crate::import::keys::KeyLookup;
use crate::import::pending::Pending;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::shared::Shared;
use crate::import::task::Task;
use crate::import::upload::{UPLOAD_GONE, Uploads};
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::store_error::StoreError;

impl Shared {
    /// Imports the file now.
    pub(super) fn run(
        &self,
        request: ImportRequest,
        source: impl Read,
        prepare: impl FnOnce(Task) -> Task,
    ) -> Pending<Result<Ended, JobError>> {
        let key = match self.reserve_key_of(&request) {
            Ok(KeyLookup::NoKey) => None,
            Ok(KeyLookup::New(held)) => Some(held),
            Ok(KeyLookup::Earlier(record)) => {
                return Pending::Ended(self.again(*record, request, source));
            }
            Err(error) => return Pending::Ended(Err(error)),
        };
        let task = Task::new(request, &self.importer.clock, &self.importer.passwords);
        let mut task = prepare(task);
        let id = (task.record.organization.clone(), task.record.id);
        let Some(running) = self.registry.register(id, None) else {
            return Pending::Ended(Err(JobError::StillRunning(task.record.id)));
        };
        // The same key with another default password is another request, so its hash is kept whether used or
        // not.
        if key.is_some()
            && let Err(error) = self.importer.keep_default_password(&mut task)
        {
            return Pending::Ended(Err(early(&task, ImportError::Hash(error))));
        }
        let ending = self.importer.carry_out(task, source, &running.control);
        ending.map(move |result| {
            drop((running, key));
            Ok(Ended::Ran(Box::new(result?)))
        })
    }

    /// Stores the file; a worker imports it.
    pub(super) fn queue(
        &self,
        request: ImportRequest,
        source: impl Read,
    ) -> Result<Ended, JobError> {
        if request.generated_passwords.is_some() {
            let what = "return generated passwords";
            return Err(JobError::NotQueued { what });
        }
        if request.options.dry_run {
            return Err(JobError::NotQueued {
                what: "be a dry run",
            });
        }
        let _key = match self.reserve_key_of(&request)? {
            KeyLookup::NoKey => None,
            KeyLookup::New(held) => Some(held),
            KeyLookup::Earlier(record) => return self.again(*record, request, source),
        };
        if self.queue.len() >= self.importer.settings.queue {
            return Err(JobError::Busy { seconds: 60 });
        }
        let importer = &self.importer;
        let mut task = Task::new(request, &importer.clock, &importer.passwords);
        // Before the upload, so that no upload is without the changes to its cells.
        let sha256 = self
            .uploads
            .keep_edits(task.record.id, &task.edits)
            .and_then(|()| self.uploads.keep(task.record.id, source))
            .map_err(|wire| early(&task, ImportError::Wire(wire)))?;
        task.record.state = ImportState::Queued;
        task.record.sha256 = Some(sha256);
        // Only the hash of the default password may be stored on disk.
        let recorded = importer
            .keep_default_password(&mut task)
            .map_err(ImportError::Hash)
            .and_then(|()| Ok(importer.store.add_import(&task.record)?));
        if let Err(error) = recorded {
            self.uploads.forget(task.record.id);
            return Err(early(&task, error));
        }
        let record = task.record;
        self.queue.push((record.organization.clone(), record.id));
        Ok(Ended::Recorded(Box::new(record)))
    }

    /// Handles a repeated key: returns the earlier import, or continues it.
    fn again(
        &self,
        record: ImportRecord,
        request: ImportRequest,
        source: impl Read,
    ) -> Result<Ended, JobError> {
        let record = self.refresh(record)?;
        let reused = || JobError::KeyReused {
            key: record.key.clone().unwrap_or_default(),
            import: record.id,
        };
        let domain = &request.domain.name;
        let same_password = || {
            let given = request.default_password.as_ref();
            self.importer
                .is_default_password_of(&record, given)
                .map_err(|_| StoreError::NoResources)
        };
        if record.options != request.options || record.domain != *domain || !same_password()? {
            return Err(reused());
        }
        if record.state == ImportState::Running {
            return Ok(Ended::Recorded(Box::new(record)));
        }
        // A copy, because the content has to be known before anything is done with it.
        let copy = ImportId(self.importer.clock.new_id());
        let sha256 = self.uploads.keep(copy, source).map_err(|wire| {
            JobError::Import(ImportFailure {
                error: ImportError::Wire(wire),
                report: Box::new(Report::of_record(&record, Vec::new())),
            })
        });
        let _copy = CopyGuard(&self.uploads, copy);
        let sha256 = sha256?;
        let same = record.sha256.as_ref().is_none_or(|known| *known == sha256);
        if !same {
            return Err(reused());
        }
        if record.state != ImportState::Interrupted {
            return Ok(Ended::Recorded(Box::new(record)));
        }
        if self.uploads.has(record.id) {
            // It was queued before, so it continues in the queue.
            self.queue.push((record.organization.clone(), record.id));
            return Ok(Ended::Recorded(Box::new(record)));
        }
        let Some((file, size)) = self.uploads.open(copy) else {
            return Err(StoreError::Failed(UPLOAD_GONE.into()).into());
        };
        let key = (record.organization.clone(), record.id);
        let Some(running) = self.registry.register(key, Some(size)) else {
            return self.recorded(&record);
        };
        let now = self.importer.clock.now();
        let taken = self
            .importer
            .store
            .claim(&record.organization, record.id, now)?;
        let Some(mut taken) = taken else {
            return self.recorded(&record);
        };
        // Continuing it must not extend the rights of either caller.
        taken.may_grant_admin &= request.may_grant_admin;
        let hashed = taken.default_password_hash.is_some();
        let default = DefaultPassword::new(request.default_password, &self.importer.passwords);
        let default = if hashed {
            DefaultPassword::of_record(&taken)
        } else {
            default
        };
        let task = Task::resume(taken, request.domain, default);
        let ending = self.importer.carry_out(task, file, &running.control);
        match ending.wait() {
            Ok(report) => Ok(Ended::Ran(Box::new(report))),
            Err(failure) if matches!(failure.error, ImportError::OtherContent) => Err(reused()),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// The failure of a task that has not begun.
fn early(task: &Task, error: ImportError) -> JobError {
    JobError::Import(ImportFailure {
        error,
        report: Box::new(Report::of_record(&task.record, Vec::new())),
    })
}

/// A copy of an upload that is removed when dropped.
struct CopyGuard<'u>(&'u Uploads, ImportId);

impl Drop for CopyGuard<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

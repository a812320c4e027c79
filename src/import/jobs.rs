//! Imports as jobs: concurrency, queue, progress, cancellation, and continuation after a restart.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;

use crate::clock::Moment;
use crate::import::control::{Control, Progress};
use crate::import::heartbeat::Heartbeat;
use crate::import::importer::Importer;
use crate::import::job_error::{JobError, QueueError};
use crate::import::keys::{KeyLookup, Keys};
use crate::import::operations::Operations;
use crate::import::pending::Pending;
use crate::import::queue::Queue;
use crate::import::registry::{JobKey, Registry};
use crate::import::request::ImportRequest;
use crate::import::shared::Shared;
use crate::import::task::Task;
use crate::import::upload::{UPLOAD_GONE, Uploads};
use crate::users::actor::Actor;
use crate::users::domains::Domains;
use crate::users::import_id::ImportId;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::store_error::StoreError;
use crate::users::undo::Undone;

pub use crate::import::ended::{Cancelled, Ended};

/// All imports of this process.
pub struct Jobs {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Jobs {
    /// The imports of this process; none has begun.
    pub fn new(importer: Arc<Importer>, domains: Domains, uploads: Uploads) -> Self {
        let uploads = Arc::new(uploads);
        let (registry, queue) = (Registry::default(), Arc::new(Queue::default()));
        let heartbeat = Heartbeat {
            importer: Arc::clone(&importer),
            uploads: Arc::clone(&uploads),
            registry: registry.clone(),
            queue: Arc::clone(&queue),
        };
        let shared = Arc::new(Shared {
            importer,
            domains,
            uploads,
            registry,
            keys: Keys::default(),
            operations: OnceLock::new(),
            queue,
            heartbeat,
        });
        Jobs {
            shared,
            threads: Mutex::default(),
        }
    }

    /// Resumes the unfinished imports of an earlier process, and starts to process the queue.
    ///
    /// # Errors
    /// A sentence: the store failed, or a thread could not be started.
    pub fn begin(&self) -> Result<(), String> {
        let Shared {
            importer, uploads, ..
        } = self.shared.as_ref();
        let unfinished = importer
            .store
            .unfinished()
            .map_err(|error| error.to_string())?;
        let mut left: Vec<JobKey> = Vec::new();
        for record in unfinished {
            if uploads.has(record.id) {
                left.push((record.organization, record.id));
            } else if record.state == ImportState::Queued {
                let now = importer.clock.now();
                self.shared
                    .heartbeat
                    .fail(&record, UPLOAD_GONE.into(), now)
                    .map_err(|error| error.to_string())?;
            }
        }
        let ids: Vec<ImportId> = left.iter().map(|(_, id)| *id).collect();
        uploads.forget_all_but(&ids);
        if !left.is_empty() {
            tracing::info!(imports = left.len(), "imports of the previous run continue");
        }
        left.into_iter().for_each(|key| self.shared.queue.push(key));
        for number in 0..importer.settings.workers {
            self.spawn(format!("import-{number}"), Shared::work)?;
        }
        self.begin_beating()
    }

    /// Starts the heartbeat, which also checks for cancellation, without processing the queue: for a process
    /// that runs a single import.
    ///
    /// # Errors
    /// A sentence: the thread could not be started.
    pub fn begin_beating(&self) -> Result<(), String> {
        self.spawn("heartbeat".into(), |shared| shared.heartbeat.run())
    }

    fn spawn(&self, name: String, work: fn(&Shared)) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || work(&shared))
            .map_err(|error| error.to_string())?;
        locked(&self.threads).push(thread);
        Ok(())
    }

    /// Deletes uploads that are older than the settings allow. The heartbeat does this regularly.
    pub fn forget_old_uploads(&self, now: Moment) {
        self.shared.heartbeat.forget_old_uploads(now);
    }

    /// Imports the file read from `source` now.
    ///
    /// # Errors
    /// The key belongs to another call, or the import ended early.
    pub fn run(&self, request: ImportRequest, source: impl Read) -> Result<Ended, JobError> {
        self.run_to_commit(request, source).wait()
    }

    /// Like [`run`](Self::run), but may return while the last commit is in progress. Until the result is
    /// complete, the import is running and its key is reserved.
    pub fn run_to_commit(
        &self,
        request: ImportRequest,
        source: impl Read,
    ) -> Pending<Result<Ended, JobError>> {
        self.shared.run(request, source, |task| task)
    }

    /// The same for a small and complete file: no thread is blocked if the file is read only once and the
    /// request has no key.
    pub fn run_small_to_commit(
        &self,
        request: ImportRequest,
        source: impl Read,
    ) -> Pending<Result<Ended, JobError>> {
        self.shared.run(request, source, Task::in_one_batch)
    }

    /// Like [`run`](Self::run), for a caller that needs the id of the import before it begins.
    ///
    /// # Errors
    /// The import ended early.
    pub fn run_as(
        &self,
        id: ImportId,
        request: ImportRequest,
        source: impl Read,
    ) -> Result<Ended, JobError> {
        let with_id = |task: Task| task.with_id(id);
        self.shared.run(request, source, with_id).wait()
    }

    /// Stores the file and returns the record of the queued import.
    ///
    /// # Errors
    /// The queue is full, the key belongs to another call, or the file could not be stored.
    pub fn queue(&self, request: ImportRequest, source: impl Read) -> Result<Ended, JobError> {
        self.shared.queue(request, source)
    }

    /// Sets what runs imports that are not files of rows; to be called before [`begin`](Self::begin).
    pub fn set_operations(&self, operations: Weak<dyn Operations>) {
        // The first one set is kept.
        let _ = self.shared.operations.set(operations);
    }

    /// Runs `work` as the import `id`, which counts as running meanwhile.
    ///
    /// # Errors
    /// The import is already running.
    pub fn run_external<T>(
        &self,
        organization: &str,
        id: ImportId,
        work: impl FnOnce(&Control) -> T,
    ) -> Result<T, JobError> {
        let key = (organization.to_owned(), id);
        let running = self.shared.registry.register(key, None);
        let running = running.ok_or(JobError::StillRunning(id))?;
        Ok(work(&running.control))
    }

    /// Looks for an earlier call with this key, and reserves the key for this call.
    ///
    /// # Errors
    /// The key is invalid, a call with it is in progress, or the store failed.
    pub fn reserve_key(
        &self,
        organization: &str,
        key: Option<&str>,
    ) -> Result<KeyLookup, JobError> {
        self.shared.reserve_key(organization, key)
    }

    /// Whether a call with this key is in progress.
    pub fn is_coming_in(&self, organization: &str, key: &str) -> bool {
        self.shared.keys.contains(organization, key)
    }

    /// Whether this process is stopping: running imports end after their current transaction.
    pub fn is_stopping(&self) -> bool {
        self.shared.importer.stopping.load(Ordering::SeqCst)
    }

    /// The current record. A record that is running but has had no heartbeat for too long becomes
    /// interrupted.
    ///
    /// # Errors
    /// The store failed.
    pub fn refresh(&self, record: ImportRecord) -> Result<ImportRecord, JobError> {
        self.shared.refresh(record)
    }

    /// Claims an interrupted import; none if another process has claimed it.
    ///
    /// # Errors
    /// The store failed.
    pub fn claim(&self, record: &ImportRecord) -> Result<Option<ImportRecord>, JobError> {
        let Importer { store, clock, .. } = self.shared.importer.as_ref();
        Ok(store.claim(&record.organization, record.id, clock.now())?)
    }

    /// Puts an interrupted import back into the queue. Returns whether its upload exists.
    pub fn requeue(&self, record: &ImportRecord) -> bool {
        let there = self.shared.uploads.has(record.id);
        if there {
            let key = (record.organization.clone(), record.id);
            self.shared.queue.push(key);
        }
        there
    }

    /// Stores an upload durably and returns its SHA-256.
    ///
    /// # Errors
    /// The queue is full, or the upload could not be stored; no file is left.
    pub fn put_aside(&self, id: ImportId, source: impl Read) -> Result<String, QueueError> {
        if self.shared.queue.len() >= self.shared.importer.settings.queue {
            return Err(QueueError::Job(JobError::Busy { seconds: 60 }));
        }
        Ok(self.shared.uploads.keep(id, source)?)
    }

    /// The stored upload, if it exists.
    pub fn put_aside_file(&self, id: ImportId) -> Option<File> {
        self.shared.uploads.open(id).map(|(file, _)| file)
    }

    /// Removes an upload that is no longer needed.
    pub fn forget(&self, id: ImportId) {
        self.shared.uploads.forget(id);
    }

    /// Queues an import whose upload has been stored.
    ///
    /// # Errors
    /// The store failed; the upload has been removed.
    pub fn enqueue(&self, record: &ImportRecord) -> Result<(), StoreError> {
        if let Err(error) = self.shared.importer.store.add_import(record) {
            self.shared.uploads.forget(record.id);
            return Err(error);
        }
        let key = (record.organization.clone(), record.id);
        self.shared.queue.push(key);
        Ok(())
    }

    /// The progress of an import that runs in this process.
    pub fn progress(&self, organization: &str, id: ImportId) -> Option<Progress> {
        let key = (organization.to_owned(), id);
        Some(self.shared.registry.control(&key)?.progress())
    }

    /// The imports that run in this process, and their progress.
    pub fn under_way(&self) -> Vec<(ImportId, Progress)> {
        self.shared.registry.progress()
    }

    /// Cancels all imports that run in this process; each ends after its current batch.
    pub fn cancel_all(&self, by: &Actor) {
        self.shared.registry.cancel_all(by);
    }

    /// Cancels an import; a running one ends after its current batch.
    ///
    /// # Errors
    /// There is no such import, or the store failed.
    pub fn cancel(&self, by: &Actor, id: ImportId) -> Result<Cancelled, JobError> {
        self.shared.cancel(by, id)
    }

    /// Undoes the changes of an import to users who have not been changed since.
    ///
    /// # Errors
    /// There is no such import, it still runs, or the store failed.
    pub fn undo(&self, by: &Actor, id: ImportId) -> Result<Undone, JobError> {
        let store = &self.shared.importer.store;
        let record = store
            .import(&by.organization, id)?
            .ok_or(JobError::NoSuchImport(id))?;
        match self.shared.refresh(record)?.state {
            ImportState::Queued | ImportState::Running => Err(JobError::StillRunning(id)),
            ImportState::Undone => Err(JobError::AlreadyUndone(id)),
            _ => {
                let at = self.shared.importer.clock.now();
                let undone = store
                    .undo(&by.organization, id, by, at)?
                    .ok_or(JobError::StillRunning(id))?;
                // The import cannot be continued.
                self.shared.uploads.forget(id);
                Ok(undone)
            }
        }
    }
}

impl Jobs {
    /// Ends running imports after their current batch, and waits for them. Requests hold the jobs too, so
    /// dropping them is not enough.
    pub fn close(&self) {
        self.shared.importer.stopping.store(true, Ordering::SeqCst);
        self.shared.queue.close();
        let threads: Vec<JoinHandle<()>> = locked(&self.threads).drain(..).collect();
        for thread in threads {
            // A panic of a worker has already been reported.
            let _ = thread.join();
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Imports as jobs: concurrency, queue, progress, cancellation, and continuation after a restart.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Moment;
use crate::import::control::{Control, Progress};
use crate::import::default_password::DefaultPassword;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::heartbeat::Heartbeat;
use crate::import::importer::Importer;
use crate::import::job_error::{JobError, QueueError};
use crate::import::keys::{HeldKey, Keys, can_be_key};
use crate::import::pending::Pending;
use crate::import::queue::Queue;
use crate::import::registry::{JobKey, Registry, Running};
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::task::Task;
use crate::import::upload::Uploads;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::domains::Domains;
use crate::users::import_id::ImportId;
use crate::users::import_record::ABANDONED;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::step::Finish;
use crate::users::store_error::StoreError;
use crate::users::undo::Undone;

/// Delay before a queued import is tried again after the store failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Maximum delay before a queued import is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The reason of a queued import whose upload does not exist.
const UPLOAD_GONE: &str = "the upload no longer exists";

/// The reason of a queued import whose changes to cells do not exist.
const EDITS_GONE: &str = "the changes to the cells of the upload no longer exist";

/// Runs imports whose uploads are not files of rows. The implementation knows how far an earlier run of an
/// import got.
pub trait Operations: Send + Sync {
    /// Continues a queued import to its end. Returns whether the upload is still needed because the import
    /// was interrupted.
    ///
    /// # Errors
    /// The store failed.
    fn requeue(
        &self,
        record: ImportRecord,
        upload: File,
        control: &Control,
    ) -> Result<bool, StoreError>;
}

/// All imports of this process.
pub struct Jobs {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    importer: Arc<Importer>,
    domains: Domains,
    uploads: Arc<Uploads>,
    registry: Registry,
    /// Keys of calls in progress that have no record yet.
    keys: Keys,
    /// Continues imports of the channel [`Channel::Scim`].
    operations: OnceLock<Weak<dyn Operations>>,
    queue: Arc<Queue>,
    heartbeat: Heartbeat,
}

/// The result of a call.
#[derive(Debug)]
pub enum Ended {
    /// The import ran to its end.
    Ran(Box<Report>),
    /// The import is queued, or an earlier call had the same key: the record of the import.
    Recorded(Box<ImportRecord>),
}

/// The result of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The import had not begun, and will not.
    BeforeItBegan,
    /// The import ends after its current batch.
    Asked,
    /// The import had already ended.
    TooLate,
}

/// The result of reserving a key.
#[derive(Debug)]
pub enum KeyLookup {
    /// The call has no key.
    NoKey,
    /// The key is new and reserved while this value exists.
    New(HeldKey),
    /// An earlier call had the key.
    Earlier(Box<ImportRecord>),
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

    fn spawn(&self, name: String, work: fn(&Arc<Shared>)) -> Result<(), String> {
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

impl Shared {
    fn run(
        self: &Arc<Self>,
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

    /// Handles a repeated key: returns the earlier import, or continues it.
    fn again(
        self: &Arc<Self>,
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

    fn queue(
        self: &Arc<Self>,
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

    /// The import with its current record.
    fn recorded(&self, record: &ImportRecord) -> Result<Ended, JobError> {
        let store = &self.importer.store;
        let now = store.import(&record.organization, record.id)?;
        let now = now.ok_or(JobError::NoSuchImport(record.id))?;
        Ok(Ended::Recorded(Box::new(now)))
    }

    /// The current record. A record that is running but has had no heartbeat for too long becomes
    /// interrupted: its end could not be written.
    fn refresh(&self, record: ImportRecord) -> Result<ImportRecord, JobError> {
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

    /// Looks for an earlier call with the key of the request, and reserves the key.
    fn reserve_key_of(self: &Arc<Self>, request: &ImportRequest) -> Result<KeyLookup, JobError> {
        if request.key.is_some() && request.generated_passwords.is_some() {
            return Err(JobError::KeyAndPasswords);
        }
        if request.key.is_some() && !request.edits.is_empty() {
            return Err(JobError::KeyAndEdits);
        }
        self.reserve_key(&request.organization, request.key.as_deref())
    }

    fn reserve_key(
        self: &Arc<Self>,
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

    /// Processes the queue until the app closes.
    fn work(self: &Arc<Self>) {
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

    fn take_turn(self: &Arc<Self>, organization: &str, id: ImportId) -> Result<Turn, JobError> {
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

    /// Marks a queued import as interrupted if its record is running but it is not: its end could not be
    /// written because the disk was full or failed.
    fn interrupt_stale(
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

    fn is_closing(&self) -> bool {
        self.importer.stopping.load(Ordering::SeqCst) || self.queue.is_closed()
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

    fn cancel(&self, by: &Actor, id: ImportId) -> Result<Cancelled, JobError> {
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
}

/// The failure of a task that has not begun.
fn early(task: &Task, error: ImportError) -> JobError {
    JobError::Import(ImportFailure {
        error,
        report: Box::new(Report::of_record(&task.record, Vec::new())),
    })
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

/// A copy of an upload that is removed when dropped.
struct CopyGuard<'u>(&'u Uploads, ImportId);

impl Drop for CopyGuard<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Imports as jobs: how many run at once, which of them wait, how far each is, how one is stopped,
//! and how one goes on after a restart.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::import::control::{Control, Progress};
use crate::import::default_password::DefaultPassword;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::importer::Importer;
use crate::import::pending::Pending;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::task::Task;
use crate::import::upload::Uploads;
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::domains::{Domains, UnknownDomain};
use crate::users::import_id::ImportId;
use crate::users::import_record::ABANDONED;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::step::Finish;
use crate::users::store_error::StoreError;
use crate::users::undo::Undone;
use crate::wire::error::WireError;

/// How often a running import gives a sign of life, and learns whether it is to stop.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often images are looked through that are no longer kept.
const TIDY: u32 = 720;

/// The longest key, in bytes.
const KEY_LIMIT: usize = 255;

/// After how long an import of the queue is tried again that the store would not take up.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest time after which an import of the queue is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why an import of the queue cannot go on.
const UPLOAD_GONE: &str = "the upload is gone";

/// Why an import ends whose upload waited longer than the settings allow.
const UPLOAD_TOO_OLD: &str =
    "its upload waited longer than import.upload_hours and was deleted; send the file again";

/// An import and the organization it belongs to.
type JobKey = (String, ImportId);

/// What carries out imports whose uploads are no files of rows. It knows by itself what was done of
/// one before.
pub trait Operations: Send + Sync {
    /// Goes on with an import of the queue, to its end. Answers whether the upload is still needed:
    /// the import was interrupted.
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
    uploads: Uploads,
    running: Mutex<HashMap<JobKey, Arc<Control>>>,
    /// Keys of calls that are under way and have no record yet.
    keys: Mutex<HashSet<(String, String)>>,
    /// Those who know what to do with imports that came through the channel [`Channel::Scim`].
    operations: OnceLock<Weak<dyn Operations>>,
    waiting: Mutex<VecDeque<JobKey>>,
    /// Imports of the queue that met a failure which passes, and when they are tried again.
    later: Mutex<Vec<(Instant, JobKey)>>,
    wake: Condvar,
    closed: AtomicBool,
}

/// What became of a call.
#[derive(Debug)]
pub enum Ended {
    /// The import ran to its end.
    Ran(Box<Report>),
    /// It waits for its turn, or the same call came before: this is how its import stands.
    Recorded(Box<ImportRecord>),
}

/// Why a job did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It began, and ended early.
    #[error(transparent)]
    Import(#[from] ImportFailure),
    /// As many imports as may run at once are running, or wait; or a call with the same key has come
    /// and has no record yet.
    #[error(
        "As many imports are under way as may be at once, or this very one is just coming in; send the \
         file again in {seconds} s."
    )]
    Busy {
        /// When to come back.
        seconds: u64,
    },
    /// The key names an import of other content.
    #[error(
        "The key {key:?} belongs to import {import}, whose file or options were other ones; give a \
         new call a key of its own."
    )]
    KeyReused {
        /// The key.
        key: String,
        /// The import that has it.
        import: ImportId,
    },
    /// The key is too long, or empty.
    #[error("A key has 1 to {KEY_LIMIT} bytes of visible text.")]
    Key,
    /// What is told once cannot be told again to the same key.
    #[error(
        "Passwords that are made up are told once, so such a call cannot have a key; leave one of them \
         out."
    )]
    KeyAndPasswords,
    /// It cannot wait in the queue.
    #[error(
        "An import that waits for its turn cannot {what}; leave that out, or let it run at once."
    )]
    NotQueued {
        /// What it cannot do.
        what: &'static str,
    },
    /// There is no such import.
    #[error("There is no import {0}.")]
    NoSuchImport(ImportId),
    /// It still runs.
    #[error("Import {0} is still under way; cancel it first.")]
    StillRunning(ImportId),
    /// It was taken back before.
    #[error("Import {0} was undone before.")]
    AlreadyUndone(ImportId),
    /// Its domain is no longer there.
    #[error(transparent)]
    Domain(#[from] UnknownDomain),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobError {
    /// The stable code of this failure.
    pub fn code(&self) -> &'static str {
        match self {
            JobError::Import(failure) => failure.error.code(),
            JobError::Busy { .. } => "IMP-BUSY",
            JobError::KeyReused { .. } => "IMP-KEY-REUSED",
            JobError::Key | JobError::KeyAndPasswords => "IMP-KEY",
            JobError::NotQueued { .. } => "IMP-QUEUE",
            JobError::NoSuchImport(_) => "IMP-IMPORT-UNKNOWN",
            JobError::StillRunning(_) => "IMP-IMPORT-RUNNING",
            JobError::AlreadyUndone(_) => "IMP-IMPORT-UNDONE",
            JobError::Domain(_) => "IMP-DOMAIN",
            JobError::Store(_) => "IMP-STORE",
        }
    }
}

/// What a wish to cancel came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and will not.
    BeforeItBegan,
    /// It ends behind the batch it is at.
    Asked,
    /// It had ended already.
    TooLate,
}

/// Whether an import can be named by this text.
pub fn can_be_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_LIMIT && !text.chars().any(char::is_control)
}

impl Jobs {
    /// The imports of this process, none of which has begun.
    pub fn new(importer: Arc<Importer>, domains: Domains, uploads: Uploads) -> Self {
        let shared = Arc::new(Shared {
            importer,
            domains,
            uploads,
            running: Mutex::default(),
            keys: Mutex::default(),
            operations: OnceLock::new(),
            waiting: Mutex::default(),
            later: Mutex::default(),
            wake: Condvar::new(),
            closed: AtomicBool::new(false),
        });
        Jobs {
            shared,
            threads: Mutex::default(),
        }
    }

    /// Takes up what an earlier process left, and begins to work through the queue.
    ///
    /// # Errors
    /// A sentence: the store failed, or no thread could be started.
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
                    .fail(&record, UPLOAD_GONE.into(), now)
                    .map_err(|error| error.to_string())?;
            }
        }
        let ids: Vec<ImportId> = left.iter().map(|(_, id)| *id).collect();
        uploads.forget_all_but(&ids);
        if !left.is_empty() {
            tracing::info!(imports = left.len(), "imports of the last run go on");
        }
        locked(&self.shared.waiting).extend(left);
        for number in 0..importer.settings.workers {
            self.spawn(format!("import-{number}"), Shared::work)?;
        }
        self.begin_beating()
    }

    /// Gives signs of life from now on and hears wishes to cancel, and leaves the queue alone: for a
    /// process that is there for one import.
    ///
    /// # Errors
    /// A sentence: no thread could be started.
    pub fn begin_beating(&self) -> Result<(), String> {
        self.spawn("heartbeat".into(), Shared::beat)
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

    /// Deletes uploads that were put aside longer ago than the settings allow; it is done now and then by itself.
    pub fn forget_old_uploads(&self, now: Moment) {
        self.shared.forget_old_uploads(now);
    }

    /// Imports the file that `source` gives, now.
    ///
    /// # Errors
    /// The key belongs to another call, or the import ended early.
    pub fn run(&self, request: ImportRequest, source: impl Read) -> Result<Ended, JobError> {
        self.run_to_commit(request, source).wait()
    }

    /// The same, to where the end may hang on a commit. The import is under way until its end has come, and its key
    /// is taken.
    pub fn run_to_commit(
        &self,
        request: ImportRequest,
        source: impl Read,
    ) -> Pending<Result<Ended, JobError>> {
        self.shared.run(request, source, |task| task)
    }

    /// The same for a file that is small and all there: the thread is not held, if the file is read only once
    /// and the request has no key.
    pub fn run_small_to_commit(
        &self,
        request: ImportRequest,
        source: impl Read,
    ) -> Pending<Result<Ended, JobError>> {
        self.shared.run(request, source, Task::in_one_batch)
    }

    /// Puts the file aside and answers the record of an import whose turn will come.
    ///
    /// # Errors
    /// The queue is full, the key belongs to another call, or the file could not be put aside.
    pub fn queue(&self, request: ImportRequest, source: impl Read) -> Result<Ended, JobError> {
        self.shared.queue(request, source)
    }

    /// Says who carries out imports that are no files of rows; before [`begin`](Self::begin).
    pub fn set_operations(&self, operations: Weak<dyn Operations>) {
        // Whoever came first stays.
        let _ = self.shared.operations.set(operations);
    }

    /// Runs `work` as the import `id`, which is under way as long as it runs.
    ///
    /// # Errors
    /// It is under way already.
    pub fn run_external<T>(
        &self,
        organization: &str,
        id: ImportId,
        work: impl FnOnce(&Control) -> T,
    ) -> Result<T, JobError> {
        let running = self.shared.register((organization.to_owned(), id), None);
        let running = running.ok_or(JobError::StillRunning(id))?;
        Ok(work(&running.control))
    }

    /// Looks whether a call with this key came before, and keeps others from using it meanwhile.
    ///
    /// # Errors
    /// It cannot be a key, such a call is just coming in, or the store failed.
    pub fn reserve_key(&self, organization: &str, key: Option<&str>) -> Result<Met, JobError> {
        self.shared.reserve_key(organization, key)
    }

    /// Whether a call holds this key at the moment.
    pub fn is_coming_in(&self, organization: &str, key: &str) -> bool {
        let held = (organization.to_owned(), key.to_owned());
        locked(&self.shared.keys).contains(&held)
    }

    /// Whether this process is about to end: what runs ends behind the transaction it is at.
    pub fn is_stopping(&self) -> bool {
        self.shared.importer.stopping.load(Ordering::SeqCst)
    }

    /// The record as it is; one that says it runs, though nobody has run it for long, is interrupted.
    ///
    /// # Errors
    /// The store failed.
    pub fn refresh(&self, record: ImportRecord) -> Result<ImportRecord, JobError> {
        self.shared.refresh(record)
    }

    /// Takes an interrupted import up; none when somebody else has done so.
    ///
    /// # Errors
    /// The store failed.
    pub fn claim(&self, record: &ImportRecord) -> Result<Option<ImportRecord>, JobError> {
        let Importer { store, clock, .. } = self.shared.importer.as_ref();
        Ok(store.claim(&record.organization, record.id, clock.now())?)
    }

    /// Puts an interrupted import back into the queue; answers whether its upload is there.
    pub fn requeue(&self, record: &ImportRecord) -> bool {
        let there = self.shared.uploads.has(record.id);
        if there {
            self.shared
                .put_in_line((record.organization.clone(), record.id));
        }
        there
    }

    /// Puts an upload aside durably; answers its SHA-256.
    ///
    /// # Errors
    /// The queue is full, or the upload could not be put aside: nothing is left of it.
    pub fn put_aside(&self, id: ImportId, source: impl Read) -> Result<String, QueueError> {
        if locked(&self.shared.waiting).len() >= self.shared.importer.settings.queue {
            return Err(QueueError::Job(JobError::Busy { seconds: 60 }));
        }
        Ok(self.shared.uploads.keep(id, source)?)
    }

    /// The upload that was put aside, if it is there.
    pub fn put_aside_file(&self, id: ImportId) -> Option<File> {
        self.shared.uploads.open(id).map(|(file, _)| file)
    }

    /// Removes an upload that will not be needed.
    pub fn forget(&self, id: ImportId) {
        self.shared.uploads.forget(id);
    }

    /// Puts an import whose upload was put aside into the queue.
    ///
    /// # Errors
    /// The store failed; the upload is gone.
    pub fn enqueue(&self, record: &ImportRecord) -> Result<(), StoreError> {
        if let Err(error) = self.shared.importer.store.add_import(record) {
            self.shared.uploads.forget(record.id);
            return Err(error);
        }
        self.shared
            .put_in_line((record.organization.clone(), record.id));
        Ok(())
    }

    /// How far an import is that runs in this process.
    pub fn progress(&self, organization: &str, id: ImportId) -> Option<Progress> {
        let running = locked(&self.shared.running);
        let control = running.get(&(organization.to_owned(), id))?;
        Some(control.progress())
    }

    /// The imports that run in this process, and how far each is.
    pub fn under_way(&self) -> Vec<(ImportId, Progress)> {
        let running = locked(&self.shared.running);
        let one = |((_, id), control): (&JobKey, &Arc<Control>)| (*id, control.progress());
        running.iter().map(one).collect()
    }

    /// Stops whatever runs in this process, each import behind the batch it is at.
    pub fn cancel_all(&self, by: &Actor) {
        for control in locked(&self.shared.running).values() {
            control.cancel(by);
        }
    }

    /// Stops an import behind the batch it is at.
    ///
    /// # Errors
    /// There is no such import, or the store failed.
    pub fn cancel(&self, by: &Actor, id: ImportId) -> Result<Cancelled, JobError> {
        self.shared.cancel(by, id)
    }

    /// Takes back what an import did, of users whom nobody has changed since.
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
                // Nobody goes on with it any more.
                self.shared.uploads.forget(id);
                Ok(undone)
            }
        }
    }
}

impl Jobs {
    /// Ends what runs, each import behind the batch it is at, and waits for its end. Those who carry
    /// requests out hold the jobs themselves, so that nobody can rely on the jobs being dropped.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.importer.stopping.store(true, Ordering::SeqCst);
        // Taking the lock makes sure that no worker is between its check and its wait.
        drop(locked(&self.shared.waiting));
        self.shared.wake.notify_all();
        let threads: Vec<JoinHandle<()>> = locked(&self.threads).drain(..).collect();
        for thread in threads {
            // A worker that panicked has been reported by then.
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
        batches: impl FnOnce(Task) -> Task,
    ) -> Pending<Result<Ended, JobError>> {
        let key = match self.reserve_key_of(&request) {
            Ok(Met::Nobody) => None,
            Ok(Met::New(held)) => Some(held),
            Ok(Met::Earlier(record)) => {
                return Pending::Ended(self.again(*record, request, source));
            }
            Err(error) => return Pending::Ended(Err(error)),
        };
        let mut task = Task::new(request, &self.importer.clock, &self.importer.passwords);
        let id = (task.record.organization.clone(), task.record.id);
        let Some(running) = self.register(id, None) else {
            return Pending::Ended(Err(JobError::StillRunning(task.record.id)));
        };
        // The same key with another default password is another request, so its hash is kept, used or not.
        if key.is_some()
            && let Err(error) = self.importer.keep_default_password(&mut task)
        {
            return Pending::Ended(Err(early(&task, ImportError::Hash(error))));
        }
        let ending = self
            .importer
            .carry_out(batches(task), source, &running.control);
        ending.map(move |result| {
            drop((running, key));
            Ok(Ended::Ran(Box::new(result?)))
        })
    }

    /// The same key again: the earlier import is the answer, or is gone on with.
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
            // It came through the queue, and goes on there.
            self.put_in_line((record.organization.clone(), record.id));
            return Ok(Ended::Recorded(Box::new(record)));
        }
        let Some((file, size)) = self.uploads.open(copy) else {
            return Err(StoreError::Failed(UPLOAD_GONE.into()).into());
        };
        let key = (record.organization.clone(), record.id);
        let Some(running) = self.register(key, Some(size)) else {
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
        // Whoever goes on with it gives no more away than both may.
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
            let what = "hand out generated passwords";
            return Err(JobError::NotQueued { what });
        }
        if request.options.dry_run {
            return Err(JobError::NotQueued {
                what: "be a dry run",
            });
        }
        let _key = match self.reserve_key_of(&request)? {
            Met::Nobody => None,
            Met::New(held) => Some(held),
            Met::Earlier(record) => return self.again(*record, request, source),
        };
        let most = self.importer.settings.queue;
        if locked(&self.waiting).len() >= most {
            return Err(JobError::Busy { seconds: 60 });
        }
        let importer = &self.importer;
        let mut task = Task::new(request, &importer.clock, &importer.passwords);
        let sha256 = self
            .uploads
            .keep(task.record.id, source)
            .map_err(|wire| early(&task, ImportError::Wire(wire)))?;
        task.record.state = ImportState::Queued;
        task.record.sha256 = Some(sha256);
        // Only the hash may wait on the disk.
        let recorded = importer
            .keep_default_password(&mut task)
            .map_err(ImportError::Hash)
            .and_then(|()| Ok(importer.store.add_import(&task.record)?));
        if let Err(error) = recorded {
            self.uploads.forget(task.record.id);
            return Err(early(&task, error));
        }
        let record = task.record;
        self.put_in_line((record.organization.clone(), record.id));
        Ok(Ended::Recorded(Box::new(record)))
    }

    /// Puts an import at the end of the queue, if it is not in it.
    fn put_in_line(&self, key: JobKey) {
        let mut waiting = locked(&self.waiting);
        if !waiting.contains(&key) {
            waiting.push_back(key);
        }
        drop(waiting);
        // All, because whoever gives the signs of life waits here too.
        self.wake.notify_all();
    }

    /// Puts an import into the queue when so much time has gone by.
    fn put_in_line_later(&self, key: JobKey, after: Duration) {
        locked(&self.later).push((Instant::now() + after, key));
    }

    /// The import as its record is now.
    fn recorded(&self, record: &ImportRecord) -> Result<Ended, JobError> {
        let store = &self.importer.store;
        let now = store.import(&record.organization, record.id)?;
        let now = now.ok_or(JobError::NoSuchImport(record.id))?;
        Ok(Ended::Recorded(Box::new(now)))
    }

    /// The record; one that says it runs, though nobody has run it for long, is interrupted: its end
    /// could not be written when it came.
    fn refresh(&self, record: ImportRecord) -> Result<ImportRecord, JobError> {
        let now = self.importer.clock.now();
        let state = record.shown_state(now);
        let key = (record.organization.clone(), record.id);
        if state == record.state || locked(&self.running).contains_key(&key) {
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

    /// Looks whether the key was used before, and keeps others from using it meanwhile.
    fn reserve_key_of(self: &Arc<Self>, request: &ImportRequest) -> Result<Met, JobError> {
        if request.key.is_some() && request.generated_passwords.is_some() {
            return Err(JobError::KeyAndPasswords);
        }
        self.reserve_key(&request.organization, request.key.as_deref())
    }

    fn reserve_key(
        self: &Arc<Self>,
        organization: &str,
        key: Option<&str>,
    ) -> Result<Met, JobError> {
        let Some(key) = key else {
            return Ok(Met::Nobody);
        };
        if !can_be_key(key) {
            return Err(JobError::Key);
        }
        let held = (organization.to_owned(), key.to_owned());
        let free = locked(&self.keys).insert(held.clone());
        let held = free.then(|| HeldKey {
            shared: Arc::clone(self),
            held,
        });
        let found = self.importer.store.import_by_key(organization, key)?;
        match (found, held) {
            (Some(record), _) => Ok(Met::Earlier(Box::new(record))),
            (None, Some(held)) => Ok(Met::New(held)),
            // Its record is not there yet: whoever asks again in a moment finds it.
            (None, None) => Err(JobError::Busy { seconds: 1 }),
        }
    }

    /// Says that an import runs here, from before its record does until after its record does no
    /// longer; none when it runs here already.
    fn register(self: &Arc<Self>, key: JobKey, size: Option<u64>) -> Option<Running> {
        let mut running = locked(&self.running);
        if running.contains_key(&key) {
            return None;
        }
        let control = Arc::new(Control::new(size));
        running.insert(key.clone(), Arc::clone(&control));
        drop(running);
        Some(Running {
            shared: Arc::clone(self),
            key,
            control,
        })
    }

    /// Works through the queue until the app closes.
    fn work(self: &Arc<Self>) {
        while let Some((organization, id)) = self.next() {
            match self.take_turn(&organization, id) {
                Ok(Turn::Ended) => {}
                Ok(Turn::Again(after)) => {
                    tracing::warn!(
                        import = %id, seconds = after.as_secs(), "an import of the queue is tried again"
                    );
                    self.put_in_line_later((organization, id), after);
                }
                Err(error) => {
                    tracing::error!(
                        %error, import = %id, "an import of the queue could not be taken up"
                    );
                    self.put_in_line_later((organization, id), AGAIN);
                }
            }
        }
    }

    fn next(&self) -> Option<JobKey> {
        let mut waiting = locked(&self.waiting);
        loop {
            let closing =
                self.importer.stopping.load(Ordering::SeqCst) || self.closed.load(Ordering::SeqCst);
            if closing {
                return None;
            }
            let now = Instant::now();
            locked(&self.later).retain(|(moment, key)| {
                let is_due = *moment <= now;
                if is_due && !waiting.contains(key) {
                    waiting.push_back(key.clone());
                }
                !is_due
            });
            match waiting.pop_front() {
                Some(key) => return Some(key),
                None => {
                    waiting = self
                        .wake
                        .wait_timeout(waiting, Duration::from_secs(1))
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
    }

    fn take_turn(self: &Arc<Self>, organization: &str, id: ImportId) -> Result<Turn, JobError> {
        let now = self.importer.clock.now();
        let upload = self.uploads.open(id);
        let size = upload.as_ref().map(|(_, size)| *size);
        let Some(running) = self.register((organization.to_owned(), id), size) else {
            return Ok(Turn::Ended);
        };
        self.interrupt_stale(organization, id, now)?;
        let Some(record) = self.importer.store.claim(organization, id, now)? else {
            // It was cancelled meanwhile.
            self.uploads.forget(id);
            return Ok(Turn::Ended);
        };
        if record.channel == Channel::Scim {
            return self.go_on_with_operations(record, upload.map(|(file, _)| file), &running);
        }
        let domain = self.domains.find(Some(&record.domain));
        let (domain, file) = match (domain, upload) {
            (Ok(domain), Some((file, _))) => (domain, file),
            (Err(error), _) => return self.fail(&record, error.to_string(), now),
            (_, None) => return self.fail(&record, UPLOAD_GONE.into(), now),
        };
        let default = DefaultPassword::of_record(&record);
        let task = Task::resume(record, domain, default);
        let ending = self.importer.carry_out(task, file, &running.control);
        match ending.wait() {
            // What stopped it has been logged.
            Err(failure) if failure.report.state == ImportState::Interrupted => {
                // Otherwise the next start goes on with it, or the same call.
                let passes = failure.error.retry_after().filter(|_| !self.is_closing());
                return Ok(passes.map_or(Turn::Ended, |seconds| Turn::Again(try_after(seconds))));
            }
            Ok(_) | Err(_) => self.uploads.forget(id),
        }
        Ok(Turn::Ended)
    }

    /// An import of the queue that says it runs, and does not: its end could not be written, because the disk was
    /// full or failed. It is interrupted.
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
        self.importer.stopping.load(Ordering::SeqCst) || self.closed.load(Ordering::SeqCst)
    }

    fn go_on_with_operations(
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
            // The app is being taken down: the next start goes on with it.
            return Ok(Turn::Ended);
        };
        if !operations.requeue(record, upload, &running.control)? {
            self.uploads.forget(id);
        }
        Ok(Turn::Ended)
    }

    fn fail(&self, record: &ImportRecord, reason: String, at: Moment) -> Result<Turn, JobError> {
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
        Ok(Turn::Ended)
    }

    fn cancel(&self, by: &Actor, id: ImportId) -> Result<Cancelled, JobError> {
        let store = &self.importer.store;
        let record = store
            .import(&by.organization, id)?
            .ok_or(JobError::NoSuchImport(id))?;
        let key = (by.organization.clone(), id);
        if let Some(control) = locked(&self.running).get(&key) {
            control.cancel(by);
            return Ok(Cancelled::Asked);
        }
        let record = self.refresh(record)?;
        if !matches!(record.state, ImportState::Queued | ImportState::Interrupted) {
            return Ok(Cancelled::TooLate);
        }
        locked(&self.waiting).retain(|waiting| *waiting != key);
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

    /// Deletes uploads that were put aside too long ago, but for those of imports that run.
    fn forget_old_uploads(&self, now: Moment) {
        let kept = self.importer.settings.upload_microseconds();
        for id in self.uploads.older_than(Moment(now.0.saturating_sub(kept))) {
            if locked(&self.running)
                .keys()
                .any(|(_, running)| *running == id)
            {
                continue;
            }
            let mut waiting = locked(&self.waiting);
            let place = waiting.iter().position(|(_, waiting)| *waiting == id);
            let key = place.and_then(|place| waiting.remove(place));
            drop(waiting);
            tracing::warn!(import = %id, "an upload was deleted, because it was put aside too long ago");
            self.uploads.forget(id);
            let Some((organization, _)) = key else {
                continue;
            };
            let record = self.importer.store.import(&organization, id);
            let ended = record
                .map_err(JobError::from)
                .and_then(|record| match record {
                    Some(record) => self.fail(&record, UPLOAD_TOO_OLD.into(), now).map(drop),
                    None => Ok(()),
                });
            if let Err(error) = ended {
                tracing::error!(%error, import = %id, "the end of an import could not be recorded");
            }
        }
    }

    /// Gives signs of life of whatever runs, and tidies up now and then.
    fn beat(self: &Arc<Self>) {
        for beat in 1_u32.. {
            let closing = locked(&self.waiting);
            let (closing, _) = self
                .wake
                .wait_timeout_while(closing, HEARTBEAT, |_| !self.closed.load(Ordering::SeqCst))
                .unwrap_or_else(PoisonError::into_inner);
            drop(closing);
            if self.closed.load(Ordering::SeqCst) {
                return;
            }
            let running: Vec<JobKey> = locked(&self.running).keys().cloned().collect();
            let (store, now) = (&self.importer.store, self.importer.clock.now());
            for (organization, id) in running {
                match store.still_running(&organization, id, now) {
                    Ok(false) => {}
                    Ok(true) => {
                        // Only the terminal asks beside the process; the audit has who it was.
                        let by = Actor {
                            organization: organization.clone(),
                            operator: "terminal".into(),
                            channel: Channel::Terminal,
                            request_id: None,
                        };
                        if let Some(control) = locked(&self.running).get(&(organization, id)) {
                            control.cancel(&by);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, import = %id, "no sign of life could be given");
                    }
                }
            }
            if beat % TIDY == 1 {
                self.forget_old_uploads(now);
                let kept = self.importer.settings.undo_microseconds();
                if let Err(error) = store.forget_images(Moment(now.0.saturating_sub(kept))) {
                    tracing::warn!(%error, "images that are too old could not be removed");
                }
            }
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

/// What the key of a call is.
#[derive(Debug)]
pub enum Met {
    /// There is none.
    Nobody,
    /// It is new, and this caller's for as long as the value is kept.
    New(HeldKey),
    /// A call had it before.
    Earlier(Box<ImportRecord>),
}

/// Why an upload could not be put aside.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The app is full.
    #[error(transparent)]
    Job(#[from] JobError),
    /// It did not come to its end, is too large, or the disk is full.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A key that nobody else may use for the moment.
pub struct HeldKey {
    shared: Arc<Shared>,
    held: (String, String),
}

impl std::fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldKey")
    }
}

impl Drop for HeldKey {
    fn drop(&mut self) {
        locked(&self.shared.keys).remove(&self.held);
    }
}

/// What a turn of an import of the queue came to.
enum Turn {
    /// It need not be tried again.
    Ended,
    /// What stopped it passes: it is tried again after so much time.
    Again(Duration),
}

/// When an import of the queue is tried again of which a caller would be told to come back after so many seconds:
/// nothing is lost by looking sooner.
fn try_after(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

/// An import that runs here.
struct Running {
    shared: Arc<Shared>,
    key: JobKey,
    control: Arc<Control>,
}

impl Drop for Running {
    fn drop(&mut self) {
        locked(&self.shared.running).remove(&self.key);
    }
}

/// A copy of an upload that goes when it is no longer looked at.
struct CopyGuard<'u>(&'u Uploads, ImportId);

impl Drop for CopyGuard<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Builds the objects that exist once per process: store, hash workers, gate, importer.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::access::failed_logins::FailedLogins;
use crate::access::first_run::FirstRun;
use crate::access::gate::Gate;
use crate::admin::administration::Administration;
use crate::clock::Clock;
use crate::file_mode::{PRIVATE, make_private};
use crate::formats;
use crate::formats::workbook_memory::WorkbookMemory;
use crate::import::default_password::DefaultPasswordHasher;
use crate::import::importer::Importer;
use crate::import::jobs::Jobs;
use crate::import::memory::BatchMemory;
use crate::import::upload::Uploads;
use crate::passwords::hashing::HashPool;
use crate::passwords::rules;
use crate::provision;
use crate::provision::provisioner::Provisioner;
use crate::scim::schema::Schemas;
use crate::stores::disk::DiskWatch;
use crate::stores::{self, Access};
use crate::users::claims::{self, ClaimTable};
use crate::users::documents::claim_paths;
use crate::users::domains::{self, Domains};
use crate::users::store::Store;
use crate::wire::spool::SpoolSettings;

/// Folder below the data directory for temporary files.
const SPOOL_FOLDER: &str = "spool";

/// Lock file, held by the one process that may write to the data directory.
const LOCK_FILE: &str = "muster.lock";

/// The settings that an app is built from.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Maximum size of a spooled attachment, in bytes.
    pub spool_limit: u64,
    /// `[store]`.
    pub store: stores::Settings,
    /// `[access]`.
    pub access: crate::access::settings::Settings,
    /// `[passwords]`.
    pub passwords: rules::Settings,
    /// `[import]`.
    pub import: crate::import::settings::Settings,
    /// `[files]`.
    pub files: formats::settings::Settings,
    /// `[domains]`.
    pub domains: domains::Settings,
    /// `[claims]`.
    pub claims: claims::Settings,
    /// `[scim]`.
    pub scim: provision::settings::Settings,
}

/// The running app.
#[derive(Debug)]
pub struct App {
    /// The store of users, imports and operators.
    pub store: Arc<dyn Store>,
    /// The worker threads that hash passwords.
    pub pool: Arc<HashPool>,
    /// Authentication and access control.
    pub gate: Gate,
    /// Failed logins that are queued for the audit log.
    pub failed_logins: FailedLogins,
    /// The importer.
    pub importer: Arc<Importer>,
    /// The imports of this process.
    pub jobs: Arc<Jobs>,
    /// Users and groups as resources, single and in bulk.
    pub provisioner: Arc<Provisioner>,
    /// Administration of single users and roles.
    pub admin: Administration,
    /// The names of the user stores (domains).
    pub domains: Domains,
    /// The password policy.
    pub passwords: rules::Settings,
    /// The folder for attachments that must be stored before they can be read.
    pub spool: SpoolSettings,
    /// The disk that holds the data directory.
    pub disk: DiskWatch,
    /// The one-time code by which a browser sets the first operator's password.
    pub first_run: FirstRun,
    /// Time and ids.
    pub clock: Clock,
    stopping: Arc<AtomicBool>,
    /// Releases the lock when the app is dropped.
    _lock: File,
}

impl App {
    /// Builds the app in the data directory, which only one process at a time may use.
    ///
    /// # Errors
    /// A message: the directory is in use, the store cannot be opened, or a setting is invalid.
    pub fn build(settings: &AppSettings, clock: Clock) -> Result<Self, String> {
        settings.passwords.check()?;
        settings.import.check()?;
        settings.files.check()?;
        settings.scim.check()?;
        make_folder(&settings.store.data)?;
        let lock = lock(&settings.store.data)?;
        let spool = SpoolSettings {
            folder: settings.store.data.join(SPOOL_FOLDER),
            limit: settings.spool_limit,
        };
        make_folder(&spool.folder)?;
        let store =
            stores::open(&settings.store, Access::Write).map_err(|error| error.to_string())?;
        // The process that ran them held the lock and has released it.
        let abandoned = store
            .close_abandoned(clock.now())
            .map_err(|error| error.to_string())?;
        if abandoned > 0 {
            tracing::warn!(
                imports = abandoned,
                "imports were interrupted when the last run ended"
            );
        }
        let pool = start_pool(&settings.passwords)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let no_random = |_| "the machine's random source failed".to_owned();
        let importer = Importer {
            store: Arc::clone(&store),
            pool: Arc::clone(&pool),
            default_hasher: DefaultPasswordHasher::new(Arc::clone(&pool), &settings.passwords)
                .map(Arc::new)
                .map_err(no_random)?,
            passwords: settings.passwords.clone(),
            importers_set_passwords: settings.access.importers_set_passwords,
            claims: ClaimTable::new(&settings.claims),
            settings: Arc::new(settings.import.clone()),
            memory: BatchMemory::new(settings.import.memory_bytes),
            files: settings.files.clone(),
            workbooks: WorkbookMemory::new(&settings.files),
            spool: spool.clone(),
            clock: clock.clone(),
            stopping: Arc::clone(&stopping),
        };
        let gate = Gate::new(
            Arc::clone(&store),
            Arc::clone(&pool),
            &settings.passwords,
            &settings.access,
        )
        .map_err(no_random)?;
        let failed_logins = FailedLogins::start(Arc::clone(&store), clock.clone())?;
        let domains = Domains::new(&settings.domains);
        let importer = Arc::new(importer);
        let uploads = Uploads::new(&spool.folder, spool.limit);
        let jobs = Arc::new(Jobs::new(Arc::clone(&importer), domains.clone(), uploads));
        let provisioner = Arc::new(Provisioner {
            store: Arc::clone(&store),
            pool: Arc::clone(&pool),
            passwords: settings.passwords.clone(),
            importers_set_passwords: settings.access.importers_set_passwords,
            domains: domains.clone(),
            schemas: Schemas::new(claim_paths::custom_names(&importer.claims)),
            clock: clock.clone(),
            keep_findings: settings.import.keep_findings,
            settings: settings.scim.clone(),
            jobs: Arc::clone(&jobs),
        });
        // Weak, because the jobs refer to these as well.
        let known: Weak<Provisioner> = Arc::downgrade(&provisioner);
        jobs.set_operations(known);
        let admin = Administration {
            store: Arc::clone(&store),
            pool: Arc::clone(&pool),
            passwords: settings.passwords.clone(),
            importers_set_passwords: settings.access.importers_set_passwords,
            domains: domains.clone(),
            clock: clock.clone(),
        };
        Ok(App {
            store,
            pool,
            gate,
            failed_logins,
            importer,
            jobs,
            provisioner,
            admin,
            domains,
            passwords: settings.passwords.clone(),
            disk: DiskWatch::new(
                vec![settings.store.data.clone(), spool.folder.clone()],
                settings.store.min_free_bytes,
            ),
            first_run: FirstRun::new(&settings.store.data),
            spool,
            clock,
            stopping,
            _lock: lock,
        })
    }

    /// Asks running imports to end after their current batch.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the app is closing.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl App {
    /// Stops the background work and waits for it to end. Requests in progress hold a reference to the app, so the
    /// end of the process cannot rely on the app being dropped.
    pub fn close(&self) {
        self.jobs.close();
        self.failed_logins.close();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // The background work must end before the lock is released.
        self.close();
    }
}

/// Starts one worker per core.
///
/// # Errors
/// libsodium does not start, or refuses the cost.
pub fn start_pool(settings: &rules::Settings) -> Result<Arc<HashPool>, String> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HashPool::start(settings, cores)
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

/// Creates a folder that only the owner may read.
///
/// # Errors
/// A sentence: it cannot be created.
pub fn make_folder(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("cannot create the folder {}: {error}", path.display()))
}

fn lock(data: &Path) -> Result<File, String> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = data.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(&path)
        .and_then(|file| make_private(&path).map(|()| file))
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(format!(
            "another muster process is using the data directory {}; stop it first, or name another \
             directory with --data",
            data.display()
        )),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(format!("cannot lock {}: {error}", path.display()))
        }
    }
}

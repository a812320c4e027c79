//! Argon2id (RFC 9106) by libsodium, on a few workers with fair scheduling. The same workers verify hashes of other
//! schemes.
//!
//! At most one hash per core runs at a time, which also limits the memory. The workers alternate between single
//! passwords and files, so that neither a file of a million passwords nor many logins can delay the other, and take
//! one item from each file in turn.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use libsodium_rs::crypto_pwhash::argon2id;
use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::hash_schemes;
use crate::passwords::rules::Settings;
use crate::passwords::secret::Secret;

/// Size of a digest, in bytes.
const DIGEST: usize = 32;

/// The worker threads.
pub struct HashPool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    decoy: String,
}

impl HashPool {
    /// Starts `workers` threads that hash with the cost in `settings`.
    ///
    /// # Errors
    /// libsodium does not start or refuses the cost, or a thread cannot be started.
    pub fn start(settings: &Settings, workers: usize) -> Result<Self, HashError> {
        libsodium_rs::ensure_init().map_err(|error| HashError(error.to_string()))?;
        let cost = Cost {
            passes: settings.passes.into(),
            memory: settings.memory_kib as usize * 1024,
        };
        let decoy = hash(&Secret::from("password of no user"), cost)?;
        let shared = Arc::new(Shared {
            cost,
            queue: Mutex::default(),
            work: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut pool = HashPool {
            shared,
            workers: Vec::new(),
            decoy,
        };
        for number in 0..workers.max(1) {
            let shared = Arc::clone(&pool.shared);
            let worker = std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.run())
                .map_err(|error| HashError(error.to_string()))?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// The number of hashes that can be computed at the same time.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Hashes each secret with a new salt. The hashes (PHC strings) are in the order of the secrets.
    ///
    /// # Errors
    /// libsodium could not allocate memory.
    pub fn hash_all(&self, secrets: Vec<Secret>) -> Result<Vec<String>, HashError> {
        let tasks = secrets.into_iter().map(Task::Hash).collect();
        self.run(tasks)?
            .into_iter()
            .map(|done| match done {
                Done::Hash(hash) => Ok(hash),
                Done::Verified(_) => Err(HashError("the result is not a hash".into())),
            })
            .collect()
    }

    /// Hashes one secret.
    ///
    /// # Errors
    /// libsodium could not allocate memory.
    pub fn hash(&self, secret: Secret) -> Result<String, HashError> {
        self.hash_all(vec![secret])?
            .pop()
            .ok_or_else(|| HashError("there is no result".into()))
    }

    /// Whether `secret` is the password of the hash `stored`, whatever its scheme. If `stored` is `None`, the same
    /// time is spent, so that an unknown name cannot be distinguished from a wrong password; the result is false.
    ///
    /// # Errors
    /// Not enough memory to verify the password.
    pub fn verify(&self, secret: Secret, stored: Option<String>) -> Result<bool, HashError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let done = self.run(vec![Task::Verify(secret, stored)])?;
        Ok(known && matches!(done.as_slice(), [Done::Verified(true)]))
    }

    /// Whether `stored` is at least as strong as a hash that this pool would compute today.
    pub fn is_current(&self, stored: &str) -> bool {
        let Cost { passes, memory } = self.shared.cost;
        hash_schemes::is_current(stored, memory as u64 / 1024, passes)
    }

    fn run(&self, tasks: Vec<Task>) -> Result<Vec<Done>, HashError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let job = Arc::new(Job::new(tasks));
        locked(&self.shared.queue).push(Arc::clone(&job));
        self.shared.work.notify_all();
        job.wait()
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Taking the lock ensures that no worker is between its check and its wait.
        drop(locked(&self.shared.queue));
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has nothing to clean up.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for HashPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashPool")
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

/// Hashing failed for a reason unrelated to the password.
#[derive(Debug, Clone, thiserror::Error)]
#[error("The password hash function failed: {0}.")]
pub struct HashError(String);

#[derive(Clone, Copy)]
struct Cost {
    passes: u64,
    memory: usize,
}

enum Task {
    Hash(Secret),
    Verify(Secret, String),
}

enum Done {
    Hash(String),
    Verified(bool),
}

struct Shared {
    cost: Cost,
    queue: Mutex<Queue>,
    work: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn run(&self) {
        while let Some((job, index)) = self.next() {
            let done = match job.tasks.get(index) {
                Some(Task::Hash(secret)) => hash(secret, self.cost).map(Done::Hash),
                Some(Task::Verify(secret, stored)) => {
                    hash_schemes::is_password_of(stored, secret.expose().as_bytes())
                        .map(Done::Verified)
                        .map_err(|error| HashError(error.to_string()))
                }
                None => continue,
            };
            if let Err(error) = &done {
                tracing::error!(%error, "a password could not be hashed or verified");
            }
            job.store(index, done);
        }
    }

    /// Takes one item of the next job, and moves the job to the end of the queue.
    fn next(&self) -> Option<(Arc<Job>, usize)> {
        let mut queue = locked(&self.queue);
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(job) = queue.pop() {
                let index = job.next.fetch_add(1, Ordering::Relaxed);
                if index + 1 < job.tasks.len() {
                    queue.push(Arc::clone(&job));
                }
                return Some((job, index));
            }
            queue = self
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Waiting jobs: those of one password, and those of several.
#[derive(Default)]
struct Queue {
    single: VecDeque<Arc<Job>>,
    several: VecDeque<Arc<Job>>,
    single_came_last: bool,
}

impl Queue {
    fn push(&mut self, job: Arc<Job>) {
        match job.tasks.len() {
            1 => self.single.push_back(job),
            _ => self.several.push_back(job),
        }
    }

    /// Takes the next job in turn.
    fn pop(&mut self) -> Option<Arc<Job>> {
        let single = match self.single_came_last {
            true => self.several.is_empty(),
            false => !self.single.is_empty(),
        };
        self.single_came_last = single;
        match single {
            true => self.single.pop_front(),
            false => self.several.pop_front(),
        }
    }
}

struct Job {
    tasks: Vec<Task>,
    next: AtomicUsize,
    done: Mutex<JobState>,
    finished: Condvar,
}

struct JobState {
    results: Vec<Option<Result<Done, HashError>>>,
    left: usize,
}

impl Job {
    fn new(tasks: Vec<Task>) -> Self {
        let left = tasks.len();
        let results = std::iter::repeat_with(|| None).take(left).collect();
        Job {
            tasks,
            next: AtomicUsize::new(0),
            done: Mutex::new(JobState { results, left }),
            finished: Condvar::new(),
        }
    }

    fn store(&self, index: usize, result: Result<Done, HashError>) {
        let mut state = locked(&self.done);
        if let Some(place) = state.results.get_mut(index) {
            *place = Some(result);
            state.left -= 1;
        }
        if state.left == 0 {
            self.finished.notify_all();
        }
    }

    fn wait(&self) -> Result<Vec<Done>, HashError> {
        let mut state = locked(&self.done);
        while state.left > 0 {
            state = self
                .finished
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.results.drain(..).flatten().collect()
    }
}

/// Hashes with a new salt, in libsodium's format. libsodium's own salt generation aborts the process on failure.
fn hash(secret: &Secret, cost: Cost) -> Result<String, HashError> {
    let mut salt = [0; argon2id::SALTBYTES];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| HashError("the machine's random source failed".into()))?;
    let Cost { passes, memory } = cost;
    let digest = argon2id::pwhash(DIGEST, secret.expose().as_bytes(), &salt, passes, memory)
        .map_err(|error| HashError(error.to_string()))?;
    Ok(format!(
        "$argon2id$v=19$m={},t={passes},p=1${}${}",
        memory / 1024,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(digest)
    ))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Settings {
        Settings {
            memory_kib: 1024,
            passes: 1,
            ..Settings::default()
        }
    }

    #[test]
    fn hashes_are_in_order_with_distinct_salts_and_verify() {
        let pool = HashPool::start(&cheap(), 2).unwrap();
        let hashes = pool
            .hash_all(vec!["one".into(), "two".into(), "one".into()])
            .unwrap();
        assert!(
            hashes[0].starts_with("$argon2id$v=19$m=1024,t=1,p=1$"),
            "{}",
            hashes[0]
        );
        assert_ne!(hashes[0], hashes[2]);
        assert!(pool.verify("two".into(), Some(hashes[1].clone())).unwrap());
        assert!(!pool.verify("one".into(), Some(hashes[1].clone())).unwrap());
        assert!(!pool.verify("password of no user".into(), None).unwrap());
        // libsodium accepts it as its own format.
        assert!(argon2id::pwhash_str_verify(&hashes[1], b"two"));
        assert!(pool.hash_all(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn single_passwords_and_files_alternate() {
        let job = |count: usize| {
            let tasks = std::iter::repeat_with(|| Task::Hash("x".into()));
            Arc::new(Job::new(tasks.take(count).collect()))
        };
        let mut queue = Queue::default();
        for tasks in [1, 1, 1, 20, 30] {
            queue.push(job(tasks));
        }
        let lengths = std::iter::from_fn(|| queue.pop().map(|job| job.tasks.len()));
        assert_eq!(lengths.collect::<Vec<_>>(), [1, 20, 1, 30, 1]);
    }

    #[test]
    fn single_password_does_not_wait_for_a_long_job() {
        let pool = Arc::new(HashPool::start(&cheap(), 1).unwrap());
        let long = {
            let pool = Arc::clone(&pool);
            std::thread::spawn(move || {
                pool.hash_all(vec![Secret::from("x"); 2000]).unwrap();
                std::time::Instant::now()
            })
        };
        std::thread::sleep(std::time::Duration::from_millis(20));
        pool.hash("y".into()).unwrap();
        let short_done = std::time::Instant::now();
        assert!(short_done < long.join().unwrap());
    }
}

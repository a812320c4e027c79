//! The default password of an import: hashed once, and only when a row needs it.
//!
//! A client that sends one user per call must not pay for a hash with each call, so hashes are cached for
//! some minutes. The key of the cache is a keyed digest of the password and the organization: otherwise the
//! duration of an import would show one organization whether another one uses the same default password.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::passwords::digest_memory::DigestMemory;
use crate::passwords::hashing::{HashError, HashPool};
use crate::passwords::rules::{Fitness, Settings, WeakPassword};
use crate::passwords::secret::Secret;
use crate::users::import_record::ImportRecord;

/// The note of a password that may stay.
const STAYS: &str = "stays";

/// The note of a password that must be changed at the first login.
const INITIAL: &str = "initial";

/// Number of passwords that may be cached at the same time.
const CAPACITY: usize = 1_000;

/// Hashes default passwords.
#[derive(Debug)]
pub struct DefaultPasswordHasher {
    pool: Arc<HashPool>,
    memory: DigestMemory<String>,
}

impl DefaultPasswordHasher {
    /// A hasher that caches hashes as long as the settings say.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn new(pool: Arc<HashPool>, settings: &Settings) -> Result<Self, ring::error::Unspecified> {
        let keep = Duration::from_secs(settings.remember_seconds);
        Ok(DefaultPasswordHasher {
            pool,
            memory: DigestMemory::new(keep, CAPACITY)?,
        })
    }

    /// Whether `hash` belongs to this password.
    ///
    /// # Errors
    /// There was not enough memory to verify it.
    pub fn is_of(
        &self,
        password: &Secret,
        organization: &str,
        hash: &str,
    ) -> Result<bool, HashError> {
        if self.recall(password, organization).as_deref() == Some(hash) {
            return Ok(true);
        }
        self.pool.verify(password.clone(), Some(hash.to_owned()))
    }

    fn recall(&self, password: &Secret, organization: &str) -> Option<String> {
        let parts = [organization, password.expose()];
        self.memory.recall(&parts, Instant::now())
    }

    fn hash(&self, password: &Secret, organization: &str) -> Result<String, HashError> {
        if let Some(hash) = self.recall(password, organization) {
            return Ok(hash);
        }
        let hash = self.pool.hash(password.clone())?;
        let parts = [organization, password.expose()];
        self.memory.remember(&parts, hash.clone(), Instant::now());
        Ok(hash)
    }
}

/// The default password of one import.
#[derive(Debug)]
pub struct DefaultPassword {
    secret: Option<Secret>,
    verdict: Option<Result<Fitness, WeakPassword>>,
    /// The hash, if it was cached for an earlier import.
    recalled: Option<String>,
    hashed: bool,
    warned: bool,
}

impl DefaultPassword {
    /// Judges the password; an empty one counts as none.
    pub fn new(secret: Option<Secret>, rules: &Settings) -> Self {
        let secret = secret.filter(|secret| !secret.is_empty());
        let verdict = secret.as_ref().map(|secret| rules.judge(secret.expose()));
        DefaultPassword {
            secret,
            verdict,
            recalled: None,
            hashed: false,
            warned: false,
        }
    }

    /// The default password of a stored import, with its hash if one was needed or requested.
    pub fn of_record(record: &ImportRecord) -> Self {
        let verdict = record
            .default_password_note
            .as_deref()
            .map(|note| match note {
                STAYS => Ok(Fitness::Permanent),
                INITIAL => Ok(Fitness::InitialOnly),
                broken => Err(WeakPassword::from_sentence(broken)),
            });
        DefaultPassword {
            secret: None,
            verdict,
            recalled: None,
            hashed: true,
            warned: record.counters.total > 0,
        }
    }

    /// The same for a run that hashes nothing.
    pub fn rehearsed(&self) -> Self {
        DefaultPassword {
            secret: None,
            verdict: self.verdict.clone(),
            recalled: None,
            hashed: true,
            warned: self.warned,
        }
    }

    /// What a record keeps besides the hash: how the password may be used, or the rule that it breaks.
    pub fn note(&self) -> Option<String> {
        self.verdict.as_ref().map(|verdict| match verdict {
            Ok(Fitness::Permanent) => STAYS.to_owned(),
            Ok(Fitness::InitialOnly) => INITIAL.to_owned(),
            Err(broken) => broken.to_string(),
        })
    }

    /// Some if there is a default password; an error if it breaks a rule.
    pub fn verdict(&self) -> Option<Result<(), WeakPassword>> {
        self.verdict.clone().map(|verdict| verdict.map(|_| ()))
    }

    /// Whether it may only be used as an initial password; true only once, for the warning.
    pub fn needs_weakness_warning(&mut self) -> bool {
        let warned = std::mem::replace(&mut self.warned, true);
        !warned && matches!(self.verdict, Some(Ok(Fitness::InitialOnly)))
    }

    /// Whether [`hash_once`](Self::hash_once) has nothing to compute.
    pub fn is_hashed(&mut self, hasher: &DefaultPasswordHasher, organization: &str) -> bool {
        match &self.secret {
            Some(secret) if !self.hashed => {
                self.recalled = hasher.recall(secret, organization);
                self.recalled.is_some()
            }
            _ => true,
        }
    }

    /// Its hash for this organization, at the first call only.
    ///
    /// # Errors
    /// The hash function failed.
    pub fn hash_once(
        &mut self,
        hasher: &DefaultPasswordHasher,
        organization: &str,
    ) -> Result<Option<String>, HashError> {
        match &self.secret {
            Some(secret) if !self.hashed => {
                self.hashed = true;
                match self.recalled.take() {
                    Some(hash) => Ok(Some(hash)),
                    None => hasher.hash(secret, organization).map(Some),
                }
            }
            _ => Ok(None),
        }
    }
}

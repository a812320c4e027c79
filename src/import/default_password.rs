//! The default password of an import: hashed once, and only when a row needs it.
//!
//! An ESB that sends one user a call pays for the hash once in a while, not once a call: the hash is
//! remembered for some minutes under a keyed digest of the password and the organization: how long an
//! import takes must not tell one organization what another one's default password is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::passwords::digest_memory::DigestMemory;
use crate::passwords::hashing::{HashError, HashPool};
use crate::passwords::rules::{Fitness, Settings, WeakPassword};
use crate::passwords::secret::Secret;
use crate::users::import_record::ImportRecord;

/// The note of one that may stay.
const STAYS: &str = "stays";

/// The note of one that has to be changed at the first login.
const INITIAL: &str = "initial";

/// Passwords that may be remembered at the same time.
const CAPACITY: usize = 1_000;

/// Hashes default passwords.
#[derive(Debug)]
pub struct DefaultPasswordHasher {
    pool: Arc<HashPool>,
    memory: DigestMemory<String>,
}

impl DefaultPasswordHasher {
    /// A hasher that remembers as long as the settings say.
    ///
    /// # Errors
    /// The machine's random source failed.
    pub fn new(pool: Arc<HashPool>, settings: &Settings) -> Result<Self, ring::error::Unspecified> {
        let keep = Duration::from_secs(settings.remember_seconds);
        Ok(DefaultPasswordHasher {
            pool,
            memory: DigestMemory::new(keep, CAPACITY)?,
        })
    }

    /// Whether `hash` is one of this password.
    ///
    /// # Errors
    /// There was no memory to find out.
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
    /// The hash, where it was made for an earlier import.
    recalled: Option<String>,
    hashed: bool,
    warned: bool,
}

impl DefaultPassword {
    /// Takes the password in and judges it; an empty one is none.
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

    /// That of an import which is in the store: with its hash, where one was needed or asked for.
    pub fn of_record(record: &ImportRecord) -> Self {
        let verdict = record
            .default_password_note
            .as_deref()
            .map(|note| match note {
                STAYS => Ok(Fitness::Stays),
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

    /// What a record keeps of it besides the hash: what it is fit for, or the rule it breaks.
    pub fn note(&self) -> Option<String> {
        self.verdict.as_ref().map(|verdict| match verdict {
            Ok(Fitness::Stays) => STAYS.to_owned(),
            Ok(Fitness::InitialOnly) => INITIAL.to_owned(),
            Err(broken) => broken.to_string(),
        })
    }

    /// Whether there is one, and the rule it breaks if it breaks one.
    pub fn verdict(&self) -> Option<Result<(), WeakPassword>> {
        self.verdict.clone().map(|verdict| verdict.map(|_| ()))
    }

    /// Whether it is fit only as an initial password; true once, when it is first handed out.
    pub fn hands_out_a_weak_one(&mut self) -> bool {
        let warned = std::mem::replace(&mut self.warned, true);
        !warned && matches!(self.verdict, Some(Ok(Fitness::InitialOnly)))
    }

    /// Whether nothing has to be computed for [`hash_once`](Self::hash_once).
    pub fn is_at_hand(&mut self, hasher: &DefaultPasswordHasher, organization: &str) -> bool {
        match &self.secret {
            Some(secret) if !self.hashed => {
                self.recalled = hasher.recall(secret, organization);
                self.recalled.is_some()
            }
            _ => true,
        }
    }

    /// Its hash for this organization, the first time it is asked for.
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

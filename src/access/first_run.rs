//! The one-time code by which a browser sets the first operator's password.
//!
//! It exists while the generated password of the first start is the operator's, for a week at the most. A file in the
//! data directory has its digest only.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::access::first_operator::NAME;
use crate::clock::Moment;
use crate::file_mode::create_private;
use crate::hex;
use crate::passwords::hashing::HashPool;
use crate::passwords::random_password::random_password;
use crate::passwords::rules::{Settings, WeakPassword};
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// The file in the data directory.
const FILE: &str = "first-run.json";

/// Hours after which a code is no longer valid.
const HOURS: i64 = 7 * 24;

/// Microseconds per hour.
const HOUR: i64 = 3_600_000_000;

/// The code of this data directory, if there is one.
#[derive(Debug)]
pub struct FirstRun {
    path: PathBuf,
}

/// What is kept of a code.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    /// SHA-256 of the code, in hexadecimal.
    digest: String,
    /// The end of its validity, in microseconds since 1970.
    until: i64,
    /// The hash of the generated password: another one makes the code invalid.
    password_hash: String,
}

/// The result of [`FirstRun::claim`].
#[derive(Debug)]
pub enum Claimed {
    /// The password is set, and the code is no longer valid.
    Done,
    /// The code is wrong, was used, or is no longer valid.
    WrongCode,
    /// The password breaks a rule.
    Weak(WeakPassword),
}

impl FirstRun {
    /// The code in this data directory.
    pub fn new(data: &Path) -> Self {
        FirstRun {
            path: data.join(FILE),
        }
    }

    /// Makes a code for the operator whose generated password has this hash.
    ///
    /// # Errors
    /// A sentence: the file cannot be written, or there are no random numbers.
    pub fn create(&self, password_hash: &str, now: Moment) -> Result<Secret, String> {
        let code = random_password()?;
        let stored = Stored {
            digest: digest_of(&code),
            until: now.0.saturating_add(HOURS * HOUR),
            password_hash: password_hash.to_owned(),
        };
        self.write(&stored)
            .map_err(|error| format!("cannot write {}: {error}", self.path.display()))?;
        Ok(code)
    }

    fn write(&self, stored: &Stored) -> io::Result<()> {
        self.remove()?;
        let mut file = create_private(&self.path)?;
        file.write_all(&serde_json::to_vec(stored)?)?;
        file.sync_all()
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The code, if it is still valid.
    fn stored(&self, store: &dyn Store, now: Moment) -> Result<Option<Stored>, StoreError> {
        let Ok(text) = fs::read(&self.path) else {
            return Ok(None);
        };
        let Ok(stored) = serde_json::from_slice::<Stored>(&text) else {
            return Ok(None);
        };
        let operator = store.operator(NAME)?;
        let is_first = operator.is_some_and(|it| it.password_hash == stored.password_hash);
        Ok((is_first && now.0 < stored.until).then_some(stored))
    }

    /// Whether there is a valid code.
    ///
    /// # Errors
    /// The store failed.
    pub fn is_open(&self, store: &dyn Store, now: Moment) -> Result<bool, StoreError> {
        Ok(self.stored(store, now)?.is_some())
    }

    /// Sets the first operator's password, if the code is right. Blocking.
    ///
    /// # Errors
    /// The store or the hash function failed.
    pub fn claim(
        &self,
        (store, pool, rules): (&dyn Store, &HashPool, &Settings),
        code: &Secret,
        password: Secret,
        by: &Actor,
        now: Moment,
    ) -> Result<Claimed, StoreError> {
        let given = digest_of(code);
        let right = self
            .stored(store, now)?
            .is_some_and(|stored| bool::from(given.as_bytes().ct_eq(stored.digest.as_bytes())));
        if !right {
            return Ok(Claimed::WrongCode);
        }
        if let Err(weak) = rules.check_permanent(password.expose()) {
            return Ok(Claimed::Weak(weak));
        }
        let hash = pool.hash(password)?;
        if !store.set_operator_password(NAME, &hash, by, now)? {
            return Ok(Claimed::WrongCode);
        }
        if let Err(error) = self.remove() {
            // The other password has made the code invalid.
            tracing::warn!(%error, "the file of a used code could not be removed");
        }
        Ok(Claimed::Done)
    }
}

fn digest_of(code: &Secret) -> String {
    hex::encode(digest(&SHA256, code.expose().trim().as_bytes()).as_ref())
}

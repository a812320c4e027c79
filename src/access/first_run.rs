//! The one-time code by which a browser sets the first operator's password.
//!
//! It exists while the generated password of the first start is the operator's, for a week at the most. A file in the
//! data directory has its digest only.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::access::first_operator::NAME;
use crate::clock::Moment;
use crate::file_mode::create_private;
use crate::hex;
use crate::passwords::hashing::HashPool;
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

/// The characters of a code: digits and letters without I, L, O and U (base 32 as Crockford defines it).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The groups of a code, separated by hyphens, and the characters of each: 28 characters of 5 bits.
const GROUPS: usize = 7;
const GROUP: usize = 4;

/// The code of this data directory, if there is one.
#[derive(Debug)]
pub struct FirstRun {
    path: PathBuf,
    /// Held while a code is used, so that it is used once.
    claiming: Mutex<()>,
}

/// What is kept of a code.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    /// SHA-256 of the code, in hexadecimal.
    digest: String,
    /// The end of its validity, in microseconds since 1970.
    until: i64,
    /// SHA-256 of the hash of the generated password: another password makes the code invalid.
    password_digest: String,
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
            claiming: Mutex::default(),
        }
    }

    /// Makes a code for the operator whose generated password has this hash.
    ///
    /// # Errors
    /// A sentence: the file cannot be written, or there are no random numbers.
    pub fn create(&self, password_hash: &str, now: Moment) -> Result<Secret, String> {
        let code = random_code()?;
        let stored = Stored {
            digest: digest_of(&code),
            until: now.0.saturating_add(HOURS * HOUR),
            password_digest: sha256(password_hash.as_bytes()),
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

    /// What is kept of the code, if it is still valid; otherwise the file is removed.
    fn stored(&self, store: &dyn Store, now: Moment) -> Result<Option<Stored>, StoreError> {
        let stored = match self.read() {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(None),
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "the file of the first password's code cannot be read");
                return Ok(None);
            }
        };
        let operator = store.operator(NAME)?;
        let is_first = operator
            .is_some_and(|it| sha256(it.password_hash.as_bytes()) == stored.password_digest);
        if is_first && now.0 < stored.until {
            return Ok(Some(stored));
        }
        self.remove_invalid();
        Ok(None)
    }

    fn read(&self) -> io::Result<Option<Stored>> {
        match fs::read(&self.path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the file of a code that is invalid even if the file stays.
    fn remove_invalid(&self) {
        if let Err(error) = self.remove() {
            let file = self.path.display();
            tracing::warn!(%file, %error, "the file of an invalid code cannot be removed");
        }
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
        let _claiming = self.claiming.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.remove_invalid();
        Ok(Claimed::Done)
    }
}

/// A random code, such as `7Q2M-…`: 140 bits.
fn random_code() -> Result<Secret, String> {
    let mut bytes = Zeroizing::new([0u8; GROUPS * GROUP]);
    SystemRandom::new()
        .fill(bytes.as_mut())
        .map_err(|_| "the machine's random source failed".to_owned())?;
    let mut code = String::with_capacity(GROUPS * (GROUP + 1));
    for (position, byte) in bytes.iter().enumerate() {
        if position > 0 && position % GROUP == 0 {
            code.push('-');
        }
        // 32 divides 256, so every character is equally likely.
        let sign = ALPHABET.get(usize::from(*byte) % ALPHABET.len());
        code.extend(sign.map(|sign| char::from(*sign)));
    }
    Ok(Secret::new(code))
}

/// The digest of a code as it may be typed: in any case, with other separators, with O for 0 and I or L for 1.
fn digest_of(code: &Secret) -> String {
    let mut plain = Zeroizing::new(String::with_capacity(code.expose().len()));
    plain.extend(
        code.expose()
            .chars()
            .filter(|sign| !sign.is_whitespace() && *sign != '-')
            .map(|sign| match sign.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            }),
    );
    sha256(plain.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}

//! Login sessions, identified by a random id that only the caller has.
//!
//! They are kept in memory, so they end with the process; each use extends the session. Only the digest of
//! the id is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::hex;

/// Number of sessions at the same time; a new one replaces the least recently used one.
const CAPACITY: usize = 10_000;

/// Bytes of an id.
const ID_BYTES: usize = 16;

/// The owner of a session, and the hash of the password that opened it: a new password ends the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The operator's name.
    pub name: String,
    /// PHC string of the operator's password at login.
    pub password_hash: String,
    /// The organization of the login.
    pub organization: String,
}

/// All sessions.
pub struct Sessions {
    keep: Duration,
    random: SystemRandom,
    by_digest: Mutex<HashMap<Vec<u8>, Session>>,
}

struct Session {
    holder: Holder,
    used: Instant,
}

impl Sessions {
    /// An empty set; a session ends after `keep` without use.
    pub fn new(keep: Duration) -> Self {
        Sessions {
            keep,
            random: SystemRandom::new(),
            by_digest: Mutex::default(),
        }
    }

    /// Opens a session and returns its id, 32 hexadecimal digits.
    ///
    /// # Errors
    /// The system's random number generator failed.
    pub fn open(&self, holder: Holder, now: Instant) -> Result<String, ring::error::Unspecified> {
        let mut bytes = [0u8; ID_BYTES];
        self.random.fill(&mut bytes)?;
        let id = hex::encode(&bytes);
        let mut sessions = self.locked();
        if sessions.len() >= CAPACITY {
            sessions.retain(|_, session| now.duration_since(session.used) < self.keep);
        }
        if sessions.len() >= CAPACITY {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                sessions.remove(&key);
            }
        }
        sessions.insert(key(&id), Session { holder, used: now });
        Ok(id)
    }

    /// The owner of session `id`, if it has not ended.
    pub fn find(&self, id: &str, now: Instant) -> Option<Holder> {
        let mut sessions = self.locked();
        let key = key(id);
        let session = sessions.get_mut(&key)?;
        if now.duration_since(session.used) >= self.keep {
            sessions.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.holder.clone())
    }

    /// Ends a session, if it exists.
    pub fn close(&self, id: &str) {
        self.locked().remove(&key(id));
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Session>> {
        self.by_digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn key(id: &str) -> Vec<u8> {
    digest(&SHA256, id.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder {
            name: "admin".into(),
            organization: "default".into(),
            password_hash: "$hash$".into(),
        }
    }

    #[test]
    fn use_extends_the_session() {
        let (sessions, start) = (Sessions::new(Duration::from_secs(60)), Instant::now());
        let id = sessions.open(holder(), start).unwrap();
        assert_eq!(id.len(), 32);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(sessions.find(&id, at(50)), Some(holder()));
        assert_eq!(sessions.find(&id, at(100)), Some(holder()));
        assert_eq!(sessions.find(&id, at(161)), None);
        assert_eq!(sessions.find("", start), None);
    }

    #[test]
    fn closed_session_is_removed_and_ids_differ() {
        let (sessions, now) = (Sessions::new(Duration::from_secs(60)), Instant::now());
        let (one, two) = (
            sessions.open(holder(), now).unwrap(),
            sessions.open(holder(), now).unwrap(),
        );
        assert_ne!(one, two);
        sessions.close(&one);
        assert_eq!(sessions.find(&one, now), None);
        assert_eq!(sessions.find(&two, now), Some(holder()));
    }

    #[test]
    fn least_recently_used_session_is_evicted() {
        let (sessions, start) = (Sessions::new(Duration::from_secs(60)), Instant::now());
        let first = sessions.open(holder(), start).unwrap();
        let later = start + Duration::from_secs(1);
        for _ in 1..=CAPACITY {
            sessions.open(holder(), later).unwrap();
        }
        assert_eq!(sessions.locked().len(), CAPACITY);
        assert_eq!(sessions.find(&first, later), None);
    }
}

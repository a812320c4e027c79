//! A short-lived cache of values that a secret proves, keyed by a keyed digest of the secret.
//!
//! It has two uses: verified Basic credentials (a thousand calls must not cost a thousand Argon2 computations) and
//! the hash of a default password. The key (HMAC-SHA-256, RFC 2104) is random and lives only as long as the
//! process. The secrets themselves are not stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::{hmac, rand::SystemRandom};

/// The digest of one set of parts.
type Digest = [u8; 32];

/// Values cached for a limited time under the digest of secret parts.
pub struct DigestMemory<V> {
    key: hmac::Key,
    keep: Duration,
    capacity: usize,
    entries: Mutex<HashMap<Digest, (Instant, V)>>,
}

impl<V: Clone> DigestMemory<V> {
    /// Creates a cache that keeps each value for `keep`, and at most `capacity` values.
    ///
    /// # Errors
    /// The machine's random source failed.
    pub fn new(keep: Duration, capacity: usize) -> Result<Self, ring::error::Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(DigestMemory {
            key,
            keep,
            capacity,
            entries: Mutex::new(HashMap::new()),
        })
    }

    /// The value stored for exactly these parts, if it has not expired at `now`.
    pub fn recall(&self, parts: &[&str], now: Instant) -> Option<V> {
        let digest = self.digest(parts);
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = entries.get(&digest)?;
        (now.duration_since(*since) < self.keep).then(|| value.clone())
    }

    /// Stores `value` for these parts, starting at `now`.
    pub fn remember(&self, parts: &[&str], value: V, now: Instant) {
        let digest = self.digest(parts);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity {
            entries.retain(|_, (since, _)| now.duration_since(*since) < self.keep);
        }
        if entries.len() < self.capacity {
            entries.insert(digest, (now, value));
        }
    }

    /// Each part is preceded by its length, so that `ab`,`c` and `a`,`bc` differ.
    fn digest(&self, parts: &[&str]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = Digest::default();
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        digest
    }
}

impl<V> std::fmt::Debug for DigestMemory<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestMemory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_found_by_its_parts_until_it_expires() {
        let memory = DigestMemory::new(Duration::from_secs(60), 2).unwrap();
        let start = Instant::now();
        memory.remember(&["ab", "c"], 1, start);
        assert_eq!(memory.recall(&["ab", "c"], start), Some(1));
        assert_eq!(memory.recall(&["a", "bc"], start), None);
        assert_eq!(
            memory.recall(&["ab", "c"], start + Duration::from_secs(60)),
            None
        );
    }

    #[test]
    fn full_memory_evicts_expired_values_only() {
        let memory = DigestMemory::new(Duration::from_secs(60), 2).unwrap();
        let start = Instant::now();
        memory.remember(&["a"], 1, start);
        memory.remember(&["b"], 2, start);
        memory.remember(&["c"], 3, start);
        assert_eq!(memory.recall(&["c"], start), None, "full of fresh values");
        let later = start + Duration::from_secs(61);
        memory.remember(&["c"], 3, later);
        assert_eq!(memory.recall(&["c"], later), Some(3));
    }
}

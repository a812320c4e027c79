//! Keys of calls: which calls are in progress, so that the same call is not carried out twice at a time.
//!
//! A key is reserved in this process from the beginning of its call until the record of its import is in the store,
//! which finds it from then on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::users::import_record::ImportRecord;

/// Maximum bytes of a key.
pub(super) const KEY_LIMIT: usize = 255;

/// Whether the text can be the key of an import.
pub fn can_be_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_LIMIT && !text.chars().any(char::is_control)
}

/// The keys of calls that are in progress, each with its organization.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Arc<Mutex<HashSet<(String, String)>>>);

impl Keys {
    /// Reserves a key; none if a call with it is in progress.
    pub(super) fn reserve(&self, organization: &str, key: &str) -> Option<HeldKey> {
        let held = (organization.to_owned(), key.to_owned());
        self.locked().insert(held.clone()).then(|| HeldKey {
            keys: self.clone(),
            held,
        })
    }

    /// Whether a call with this key is in progress.
    pub(super) fn contains(&self, organization: &str, key: &str) -> bool {
        let held = (organization.to_owned(), key.to_owned());
        self.locked().contains(&held)
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reserved key.
#[derive(Debug)]
pub struct HeldKey {
    keys: Keys,
    held: (String, String),
}

impl Drop for HeldKey {
    fn drop(&mut self) {
        self.keys.locked().remove(&self.held);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_reserved_once_per_organization_until_it_is_dropped() {
        let keys = Keys::default();
        let held = keys.reserve("acme", "k").expect("it is free");
        assert!(keys.reserve("acme", "k").is_none());
        assert!(keys.contains("acme", "k"));
        assert!(keys.reserve("default", "k").is_some());
        drop(held);
        assert!(!keys.contains("acme", "k"));
        assert!(keys.reserve("acme", "k").is_some());
    }

    #[test]
    fn keys_have_1_to_255_bytes_of_visible_text() {
        assert!(can_be_key("night 1"));
        assert!(can_be_key(&"k".repeat(KEY_LIMIT)));
        for text in ["", "a\tb", &"k".repeat(KEY_LIMIT + 1)] {
            assert!(!can_be_key(text), "{text:?}");
        }
    }
}

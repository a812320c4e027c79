//! Counts the memory used by the batches of all imports: accepted rows, rejected rows and findings.
//!
//! Nothing waits for memory. When the imports together use much, each submits smaller batches, so that rows
//! reach the store sooner. A single import has large batches, which are faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The change in bytes of one import's share after which it is counted again.
const GRAIN: u64 = 64 * 1024;

/// The counter of the process; clones share it.
#[derive(Debug, Clone)]
pub struct BatchMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    held: AtomicU64,
}

/// The bytes counted for one import; dropping it subtracts them.
#[derive(Debug)]
pub(super) struct Share {
    memory: BatchMemory,
    bytes: u64,
}

impl BatchMemory {
    /// A counter with a target of about this many bytes for all imports.
    pub fn new(limit: u64) -> Self {
        BatchMemory(Arc::new(Shared {
            limit,
            held: AtomicU64::new(0),
        }))
    }

    /// Whether more than half of the limit is in use.
    pub(super) fn is_scarce(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) > self.0.limit / 2
    }

    /// A share of 0 bytes.
    pub(super) fn share(&self) -> Share {
        Share {
            memory: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Sets the share to about this many bytes.
    pub(super) fn set(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        if bytes.abs_diff(self.bytes) < GRAIN {
            return;
        }
        let held = &self.memory.0.held;
        match bytes.checked_sub(self.bytes) {
            Some(more) => held.fetch_add(more, Ordering::Relaxed),
            None => held.fetch_sub(self.bytes - bytes, Ordering::Relaxed),
        };
        self.bytes = bytes;
    }

    /// Moves the bytes to a new share; this one is 0 afterwards.
    pub(super) fn hand_over(&mut self) -> Share {
        Share {
            memory: self.memory.clone(),
            bytes: std::mem::take(&mut self.bytes),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_added_and_subtracted_when_dropped() {
        const MIB: usize = 1024 * 1024;
        let memory = BatchMemory::new(10 * MIB as u64);
        let (mut one, mut two) = (memory.share(), memory.share());
        one.set(3 * MIB);
        assert!(!memory.is_scarce());
        two.set(3 * MIB);
        assert!(memory.is_scarce());
        let submitted = one.hand_over();
        one.set(2 * MIB);
        drop(one);
        assert!(memory.is_scarce());
        drop(submitted);
        assert!(!memory.is_scarce());
        two.set(10);
        assert_eq!(memory.0.held.load(Ordering::Relaxed), 10);
        drop(two);
        assert_eq!(memory.0.held.load(Ordering::Relaxed), 0);
    }
}

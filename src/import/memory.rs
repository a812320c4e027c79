//! Bytes that the batches of all imports hold: rows that passed, rows that were rejected, and what was found.
//!
//! Nothing waits here. When the imports together hold much, each hands over smaller batches, so that the store takes
//! the rows away sooner; an import alone has the large ones, which are quicker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that one import's share has to change by before it is counted anew.
const GRAIN: u64 = 64 * 1024;

/// The count for the process; clones share it.
#[derive(Debug, Clone)]
pub struct BatchMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    held: AtomicU64,
}

/// What one import holds; dropping it takes it off the count.
#[derive(Debug)]
pub(super) struct Share {
    memory: BatchMemory,
    bytes: u64,
}

impl BatchMemory {
    /// Imports together may hold about so many bytes.
    pub fn new(limit: u64) -> Self {
        BatchMemory(Arc::new(Shared {
            limit,
            held: AtomicU64::new(0),
        }))
    }

    /// Whether more than half of it is held.
    pub(super) fn is_scarce(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) > self.0.limit / 2
    }

    /// A share that holds nothing yet.
    pub(super) fn share(&self) -> Share {
        Share {
            memory: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Notes that about so many bytes are held now.
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

    /// What is held, for those who hold it from now on; here is nothing left.
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
    fn shares_are_counted_together_and_leave_nothing_behind() {
        const MIB: usize = 1024 * 1024;
        let memory = BatchMemory::new(10 * MIB as u64);
        let (mut one, mut two) = (memory.share(), memory.share());
        one.set(3 * MIB);
        assert!(!memory.is_scarce());
        two.set(3 * MIB);
        assert!(memory.is_scarce());
        let on_its_way = one.hand_over();
        one.set(2 * MIB);
        drop(one);
        assert!(memory.is_scarce());
        drop(on_its_way);
        assert!(!memory.is_scarce());
        two.set(10);
        assert_eq!(memory.0.held.load(Ordering::Relaxed), 10);
        drop(two);
        assert_eq!(memory.0.held.load(Ordering::Relaxed), 0);
    }
}

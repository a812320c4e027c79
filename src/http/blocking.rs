//! Runs work that may wait for a disk or for another thread on a blocking thread. Its log lines have the id of the
//! request that it belongs to.

use std::cell::Cell;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::web;
use ring::rand::{SecureRandom, SystemRandom};
use tracing::Span;

use crate::users::store_error::StoreError;

/// Why such work did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The system cannot start a thread for it, or has no random bytes for a new thread.
    #[error("the system has no thread or no random bytes to spare")]
    NoResources,
    /// It panicked.
    #[error("the work of a call panicked")]
    Died,
}

/// Runs `work` on a blocking thread. It starts at once, even if the result is not awaited.
///
/// # Errors
/// No thread or no random bytes are available, or the work panicked.
pub fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Failed>> {
    let span = Span::current();
    // tokio panics if the first thread of its pool cannot be started.
    let started = catch_unwind(AssertUnwindSafe(|| {
        web::block(move || {
            span.in_scope(|| {
                seed_collections()?;
                Ok(work())
            })
        })
    }));
    async {
        let started = started.map_err(|_| {
            tracing::error!("a thread could not be started");
            Failed::NoResources
        })?;
        started.await.map_err(|_| Failed::Died)?
    }
}

/// Ensures that this thread has the random keys for its `HashMap`s. The standard library requests them when the
/// thread creates its first map, and panics if the system has no random bytes.
///
/// # Errors
/// The system has no random bytes.
fn seed_collections() -> Result<(), Failed> {
    thread_local! {
        static SEEDED: Cell<bool> = const { Cell::new(false) };
    }
    if SEEDED.get() {
        return Ok(());
    }
    if SystemRandom::new().fill(&mut [0; 16]).is_err() {
        tracing::error!("the system has no random bytes for a new thread");
        return Err(Failed::NoResources);
    }
    let _ = RandomState::new();
    SEEDED.set(true);
    Ok(())
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NoResources => StoreError::NoResources,
            Failed::Died => StoreError::Failed(failed.to_string()),
        }
    }
}

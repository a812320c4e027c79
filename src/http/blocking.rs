//! Work that may wait for a disk or for another thread, on a thread of its own. Its log lines belong to the request
//! that it is done for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::web;
use tracing::Span;

use crate::users::store_error::StoreError;

/// Why such work did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The system starts no thread for it, and no other is there.
    #[error("no thread could be started")]
    NoThread,
    /// It panicked.
    #[error("the work of a call panicked")]
    Died,
}

/// Runs `work` on a blocking thread. It begins at once, whether its end is waited for or not.
///
/// # Errors
/// It did not come to its end.
pub fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Failed>> {
    let span = Span::current();
    // tokio panics where the first thread of its pool cannot be started.
    let started = catch_unwind(AssertUnwindSafe(|| web::block(move || span.in_scope(work))));
    async {
        let started = started.map_err(|_| {
            tracing::error!("a thread could not be started");
            Failed::NoThread
        })?;
        started.await.map_err(|_| Failed::Died)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NoThread => StoreError::NoResources,
            Failed::Died => StoreError::Failed(failed.to_string()),
        }
    }
}

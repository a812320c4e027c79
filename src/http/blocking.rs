//! Work that may wait for a disk, on a thread that may. Its log lines belong to the request that it is done for.

use actix_web::web;
use tracing::Span;

/// The work has ended in a panic.
#[derive(Debug, thiserror::Error)]
#[error("the work of a call panicked")]
pub struct Panicked;

/// Runs `work` on a blocking thread. It begins at once, whether its end is waited for or not.
///
/// # Errors
/// It panicked.
pub fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Panicked>> {
    let span = Span::current();
    let working = web::block(move || span.in_scope(work));
    async { working.await.map_err(|_| Panicked) }
}

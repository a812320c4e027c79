//! Work that has ended, or that ends when a commit in progress is durable.
//!
//! Nothing is left to be computed while the commit is awaited, so no thread has to be blocked: a caller that
//! can wait asynchronously takes the step and its continuation.
//!
//! It is a value and not a future, because the caller has to see what the rest needs before it goes on: `http` runs
//! [`Slow`](Pending::Slow) work on a thread of its pool, which this module does not know, and finishes a small call on
//! the thread that received it. The terminal and the queue only [`wait`](Pending::wait) and have no runtime.

use crate::users::step::{PendingStep, Written};
use crate::users::store_error::StoreError;

/// The state of the work.
pub enum Pending<T> {
    /// It has ended.
    Ended(T),
    /// The rest blocks its thread for some milliseconds or longer: passwords have to be hashed, or the reason
    /// for an early end has to be recorded.
    Slow(Box<dyn FnOnce() -> Pending<T> + Send>),
    /// Its last step is on its way to disk.
    Pending(PendingStep, Then<T>),
}

/// Computes the result from the outcome of the last step. It is quick if the step is durable; otherwise it
/// records the reason in the store and blocks its thread until that is written.
pub type Then<T> = Box<dyn FnOnce(Result<Written, StoreError>) -> T + Send>;

impl<T: 'static> Pending<T> {
    /// Blocks the thread until the end.
    pub fn wait(self) -> T {
        match self {
            Pending::Ended(end) => end,
            Pending::Slow(rest) => rest().wait(),
            Pending::Pending(step, then) => then(step.wait()),
        }
    }

    /// The same work, followed by `more`.
    pub fn map<U>(self, more: impl FnOnce(T) -> U + Send + 'static) -> Pending<U> {
        match self {
            Pending::Ended(end) => Pending::Ended(more(end)),
            Pending::Slow(rest) => Pending::Slow(Box::new(move || rest().map(more))),
            Pending::Pending(step, then) => {
                Pending::Pending(step, Box::new(move |written| more(then(written))))
            }
        }
    }
}

//! Work that has ended, or whose end hangs on a commit that is under way.
//!
//! Nothing is left to be computed while a commit is waited for, so no thread has to be held for it: whoever
//! can wait otherwise takes the step and what follows on it apart.

use crate::users::step::{PendingStep, Written};
use crate::users::store_error::StoreError;

/// What becomes of work.
pub enum Pending<T> {
    /// It has ended.
    Ended(T),
    /// The rest of it holds its thread for some milliseconds or longer: passwords are to be hashed, or it is
    /// to be recorded why the work ends early.
    Slow(Box<dyn FnOnce() -> Pending<T> + Send>),
    /// Its last step is on its way to the disk.
    Pending(PendingStep, Then<T>),
}

/// What makes the end of what became of the last step. It is quick when the step is durable; otherwise it
/// tells the store why, and holds its thread until that is written.
pub type Then<T> = Box<dyn FnOnce(Result<Written, StoreError>) -> T + Send>;

impl<T: 'static> Pending<T> {
    /// Holds the thread until the end.
    pub fn wait(self) -> T {
        match self {
            Pending::Ended(end) => end,
            Pending::Slow(rest) => rest().wait(),
            Pending::Pending(step, then) => then(step.wait()),
        }
    }

    /// The same work with `more` behind its end.
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

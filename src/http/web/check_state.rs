//! How far the check of a file is.

use std::sync::Arc;

use crate::import::control::Control;
use crate::import::report::Report;

/// The state of a check.
#[derive(Debug)]
pub enum Check {
    /// None was started, or its result no longer applies.
    None,
    /// It is running.
    Running(Arc<Control>),
    /// The file could not be checked.
    Failed {
        /// The stable code.
        code: &'static str,
        /// What is wrong and what to do.
        text: String,
    },
    /// Its result.
    Done(Box<Report>),
}

impl Check {
    /// The result, if there is one.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Check::Done(report) => Some(report),
            Check::None | Check::Running(_) | Check::Failed { .. } => None,
        }
    }

    /// Ends a running check; its result is not wanted.
    pub fn stop(&mut self) {
        if let Check::Running(control) = self {
            control.stop();
        }
        *self = Check::None;
    }
}

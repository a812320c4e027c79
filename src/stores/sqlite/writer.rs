//! The only writer thread: small steps of all imports are committed together (group commit), and
//! each result is sent once its commit is durable.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::stores::sqlite::step;
use crate::stores::sqlite::trouble::Failed;
use crate::stores::sqlite::waiting::{Request, Waiting};
use crate::stores::sqlite::writing::{Purpose, Writing};
use crate::users::step::{ImportStep, Outcome, PendingStep, Tally, Written};
use crate::users::store_error::StoreError;

/// The thread and its channel.
pub(super) struct Writer {
    /// Never full: an import submits its next step only when the last one is durable.
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(writing: Arc<Writing>) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel();
        let mut waiting = Waiting::new(inbox);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&writing, &mut waiting))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Writer {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Submits a step.
    pub(super) fn submit(&self, step: ImportStep) -> PendingStep {
        let (reply, pending) = PendingStep::channel();
        if let Some(requests) = &self.requests {
            // If the thread has ended, the sender is dropped, and waiting returns `Closed`.
            let _ = requests.send(Request { step, reply });
        }
        pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // Queued steps are still committed; a panic has already been reported.
            let _ = thread.join();
        }
    }
}

fn run(writing: &Arc<Writing>, waiting: &mut Waiting) {
    while let Some(group) = waiting.next_group() {
        let results = writing
            .run(Purpose::Batches, |connection| {
                Ok(write_all(writing, connection, &group))
            })
            .unwrap_or_else(|error: StoreError| {
                tracing::error!(%error, steps = group.len(), "nothing could be written");
                group.iter().map(|_| Err(error.clone())).collect()
            });
        send_results(group, results);
    }
    let tidied = writing.run(Purpose::Batches, |connection| {
        let tidied = connection.execute_batch("PRAGMA optimize");
        tidied.map_err(|error| StoreError::Failed(error.to_string()))
    });
    if let Err(error) = tidied {
        tracing::warn!(%error, "the store could not be optimized while closing");
    }
}

/// The result of one step.
type Applied = Result<(Vec<Outcome>, Tally), StoreError>;

/// Writes all steps in one transaction. If that fails, each is retried in its own transaction, so
/// that a failing step does not affect the others.
fn write_all(writing: &Writing, connection: &mut Connection, group: &[Request]) -> Vec<Applied> {
    match write(writing, connection, group) {
        Ok(results) => results.into_iter().map(Ok).collect(),
        Err(failed) if group.len() > 1 && !concerns_all(failed.error()) => {
            let mut alone =
                |step: &Request| write_all(writing, connection, std::slice::from_ref(step));
            group.iter().flat_map(&mut alone).collect()
        }
        Err(failed) => {
            let import = group.first().map(|first| first.step.import);
            let cause = failed.error().to_string();
            let error = StoreError::from(failed);
            let stored = match error {
                StoreError::Uncertain => "it is not known whether it is stored",
                _ => "nothing of it is stored",
            };
            tracing::error!(
                error = cause,
                ?import,
                steps = group.len(),
                "a commit failed; {stored}"
            );
            group.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

fn send_results(group: Vec<Request>, results: Vec<Applied>) {
    for (request, result) in group.into_iter().zip(results) {
        let written = result.map(|(outcomes, tally)| Written {
            outcomes,
            tally,
            users: request.step.users,
        });
        // A caller that has gone away does not need the result; its rows are stored and counted.
        let _ = request.reply.send(written);
    }
}

fn write(
    writing: &Writing,
    connection: &mut Connection,
    group: &[Request],
) -> Result<Vec<(Vec<Outcome>, Tally)>, Failed> {
    writing.commit(connection, |transaction| {
        let apply = |request: &Request| step::apply(transaction, &request.step);
        group.iter().map(apply).collect()
    })
}

/// Whether every step would fail with this error.
fn concerns_all(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase, OutOfMemory, SystemIoFailure,
    };
    matches!(
        error.sqlite_error_code(),
        Some(
            DatabaseBusy
                | DatabaseCorrupt
                | DiskFull
                | NotADatabase
                | OutOfMemory
                | SystemIoFailure
        )
    )
}

//! The one writer thread: small steps of all imports are committed together (group commit), and each is
//! answered when the commit that holds it is on the disk.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::step;
use crate::stores::sqlite::turns::Turns;
use crate::stores::sqlite::waiting::{Request, Waiting};
use crate::users::store::{ImportStep, Outcome, PendingStep, Tally, Written};
use crate::users::store_error::StoreError;

/// The thread and the way to it.
pub(super) struct Writer {
    /// There is always room: an import hands its next step over when the last one is durable.
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with a connection to a database whose schema is up to date.
    pub(super) fn start(mut connection: Connection, turns: Arc<Turns>) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel();
        let mut waiting = Waiting::new(inbox);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&mut connection, &mut waiting, &turns))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Writer {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Hands a step over.
    pub(super) fn submit(&self, step: ImportStep) -> PendingStep {
        let (reply, pending) = PendingStep::channel();
        if let Some(requests) = &self.requests {
            // When the thread is gone the reply is dropped, and waiting answers `Closed`.
            let _ = requests.send(Request { step, reply });
        }
        pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // What is queued is still committed; a panic has been reported by then.
            let _ = thread.join();
        }
    }
}

fn run(connection: &mut Connection, waiting: &mut Waiting, turns: &Turns) {
    while let Some(group) = waiting.next_group() {
        let turn = turns.wait();
        let results = write_all(connection, &group);
        drop(turn);
        answer(group, results);
    }
    if let Err(error) = connection.execute_batch("PRAGMA optimize") {
        tracing::warn!(%error, "the store could not be tidied while closing");
    }
}

/// What became of one step.
type Applied = Result<(Vec<Outcome>, Tally), StoreError>;

/// Writes all steps in one transaction. When that fails, each gets one of its own, so that a step that
/// cannot be written leaves the others alone.
fn write_all(connection: &mut Connection, group: &[Request]) -> Vec<Applied> {
    match write(connection, group) {
        Ok(results) => results.into_iter().map(Ok).collect(),
        Err(error) if group.len() > 1 && !concerns_all(&error) => {
            let alone = |step| write_all(connection, std::slice::from_ref(step));
            group.iter().flat_map(alone).collect()
        }
        Err(error) => {
            let import = group.first().map(|first| first.step.import);
            tracing::error!(
                %error, ?import, steps = group.len(), "a commit failed; nothing of it is stored"
            );
            let error = from_sqlite(error);
            group.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

fn answer(group: Vec<Request>, results: Vec<Applied>) {
    for (request, result) in group.into_iter().zip(results) {
        let written = result.map(|(outcomes, tally)| Written {
            outcomes,
            tally,
            users: request.step.users,
        });
        // A caller that has gone no longer needs the answer; its rows are stored and counted.
        let _ = request.reply.send(written);
    }
}

fn write(
    connection: &mut Connection,
    group: &[Request],
) -> rusqlite::Result<Vec<(Vec<Outcome>, Tally)>> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let results = group
        .iter()
        .map(|request| step::apply(&transaction, &request.step))
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(results)
}

/// Whether no step can be written, whichever comes first.
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

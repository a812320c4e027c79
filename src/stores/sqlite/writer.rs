//! The one writer thread: waiting steps of all imports are committed together (group commit), and
//! each is answered when the commit that holds it is on the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::stores::sqlite::connection::{from_sqlite, migrate, open_writing};
use crate::stores::sqlite::step;
use crate::stores::sqlite::turns::Turns;
use crate::users::store::{ImportStep, Outcome, PendingStep, Tally, Written};
use crate::users::store_error::StoreError;

/// Users of one commit; a step that is larger gets a commit of its own.
const COMMIT_USERS: usize = 50_000;

/// Steps of one commit.
const COMMIT_STEPS: usize = 256;

/// Steps that may wait before `submit` blocks: the store's own share of the backpressure.
const WAITING_STEPS: usize = 256;

struct Request {
    step: ImportStep,
    reply: SyncSender<Result<Written, StoreError>>,
}

/// The thread and the way to it.
pub(super) struct Writer {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the database for writing, brings its schema up to date and starts the thread.
    pub(super) fn start(path: &Path, turns: Arc<Turns>) -> Result<Self, StoreError> {
        let mut connection = open_writing(path)?;
        migrate(&mut connection)?;
        let (requests, inbox) = mpsc::sync_channel(WAITING_STEPS);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&mut connection, &inbox, &turns))
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

fn run(connection: &mut Connection, inbox: &Receiver<Request>, turns: &Turns) {
    while let Ok(first) = inbox.recv() {
        let mut users = first.step.users.len();
        let mut group = vec![first];
        while users < COMMIT_USERS && group.len() < COMMIT_STEPS {
            let Ok(next) = inbox.try_recv() else { break };
            users += next.step.users.len();
            group.push(next);
        }
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

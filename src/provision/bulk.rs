//! Executes a Bulk request: in the order of the request, many operations per transaction, each of
//! them atomic.

use std::collections::HashMap;
use std::ops::Range;

use crate::clock::Moment;
use crate::import::control::Control;
use crate::import::error::ImportError;
use crate::passwords::hashing::HashError;
use crate::provision::bulk_run::Run;
use crate::provision::bulk_transaction::BulkTransaction;
use crate::provision::hashed_operation::HashedOperation;
use crate::users::import_record::ImportState;
use crate::users::problem::warnings;
use crate::users::step::{Finish, ImportStep};
use crate::users::store_error::StoreError;

/// Operations per transaction, unless more have to be done together.
const TRANSACTION: usize = 1_000;

/// How far a request was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// Completely.
    Completed,
    /// Until the server was stopped; the record still says that it is running.
    Stopping,
}

impl Run<'_> {
    /// Executes the rest of the request. Blocking.
    ///
    /// # Errors
    /// The store failed; the transactions before it are stored, with their outcomes.
    pub fn carry_out(&mut self, control: &Control) -> Result<RunEnd, StoreError> {
        control.resume(self.record.counters);
        let mut units = self.plan.units(self.outcomes.len()).into_iter().peekable();
        loop {
            if self.provisioner.jobs.is_stopping() {
                return Ok(RunEnd::Stopping);
            }
            let cancelled = control.is_cancelled();
            let mut together: Vec<Range<usize>> = Vec::new();
            let mut count = 0;
            while !self.stopped()
                && !cancelled
                && let Some(unit) =
                    units.next_if(|unit| count == 0 || count + unit.len() <= TRANSACTION)
            {
                count += unit.len();
                together.push(unit);
            }
            let last = units.peek().is_none() || self.stopped() || cancelled;
            let end = last.then(|| self.finish(cancelled, control));
            self.transaction(&together, end)?;
            control.durable(self.record.counters);
            if last {
                return Ok(RunEnd::Completed);
            }
            // The limit on errors may just have been reached.
            if self.stopped() {
                self.transaction(&[], Some(self.finish(false, control)))?;
                return Ok(RunEnd::Completed);
            }
        }
    }

    /// Whether the limit on failed operations has been reached.
    fn stopped(&self) -> bool {
        self.plan
            .fail_on_errors
            .is_some_and(|most| self.errors >= most)
    }

    fn finish(&self, cancelled: bool, control: &Control) -> Finish {
        Finish {
            state: match cancelled {
                true => ImportState::Cancelled,
                false => ImportState::Completed,
            },
            reason: cancelled.then(|| ImportError::Cancelled.to_string()),
            sha256: None,
            by: control.cancelled_by(),
        }
    }

    /// Executes some units and writes their results in the same transaction.
    fn transaction(
        &mut self,
        units: &[Range<usize>],
        finish: Option<Finish>,
    ) -> Result<(), StoreError> {
        let range = match (units.first(), units.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => self.outcomes.len()..self.outcomes.len(),
        };
        let prepared = self
            .ready(&range)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        let at = self.provisioner.clock.now();
        let begin = (!self.recorded).then(|| self.record.clone());
        let already = self.outcomes.len();
        let mut part = BulkTransaction::default();
        let (run, errors) = (&*self, self.errors);
        self.provisioner
            .store
            .transact(&self.record.organization, &mut |tx| {
                part = BulkTransaction::after_errors(errors);
                let begun = ImportStep {
                    begin: begin.clone(),
                    ..run.step(at)
                };
                tx.step(&begun)?;
                for unit in units {
                    if !part.is_full(run) {
                        part.unit(tx, run, unit.clone(), &prepared, at)?;
                    }
                }
                part.update_versions(tx)?;
                if run.keep {
                    for (position, outcome) in (already as u64..).zip(&part.outcomes) {
                        tx.keep_result(run.record.id, position, &outcome.to_json())?;
                    }
                }
                if part.is_full(run) && finish.is_some() {
                    let done = already + part.outcomes.len();
                    part.skipped = run.plan.operations.len().saturating_sub(done) as u64;
                }
                tx.step(&ImportStep {
                    counted: part.counters(),
                    findings: part.findings(already),
                    finish: finish.clone(),
                    ..run.step(at)
                })
            })?;
        self.recorded = true;
        self.errors = part.errors;
        self.record.counters.add(&part.counters());
        let findings = part.findings(already);
        self.record.findings += findings.len() as u64;
        self.record.warnings += warnings(&findings);
        self.record.active_at = at;
        self.outcomes.append(&mut part.outcomes);
        if let Some(finish) = finish {
            self.record.state = finish.state;
            self.record.reason = finish.reason;
            self.record.finished_at = Some(at);
        }
        Ok(())
    }

    /// Prepares the operations of a transaction; their passwords are hashed before it begins.
    fn ready(&self, range: &Range<usize>) -> Result<HashedOperation, HashError> {
        let operations = |range: Range<usize>| range.map(|position| self.operation(position));
        if range.len() <= TRANSACTION {
            let prepared = self
                .provisioner
                .prepare(operations(range.clone()), self.leniency)?;
            let first = range.start;
            return Ok(HashedOperation::Prepared { first, prepared });
        }
        let mut hashes = HashMap::new();
        for start in range.clone().step_by(TRANSACTION) {
            let end = range.end.min(start + TRANSACTION);
            let hashed = self
                .provisioner
                .hashes(operations(start..end), self.leniency)?;
            let hashed = (start..end).zip(hashed);
            hashes.extend(hashed.filter(|(_, hashes)| !hashes.is_empty()));
        }
        Ok(HashedOperation::Hashed(hashes))
    }

    fn step(&self, at: Moment) -> ImportStep {
        ImportStep::without_users(
            self.record.id,
            &self.record.organization,
            &self.record.domain,
            self.provisioner.keep_findings,
            at,
        )
    }
}

//! A Bulk request carried out: in the order of the request, many operations to a transaction, each of
//! them whole or not at all.

use std::collections::HashMap;
use std::ops::Range;

use uuid::Uuid;

use crate::clock::Moment;
use crate::import::control::Control;
use crate::import::error::ImportError;
use crate::provision::apply::{Applied, Hand};
use crate::provision::operation::{Done, Effect, Operation};
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::{Plan, unresolved};
use crate::provision::prepare::Prepared;
use crate::provision::provisioner::{Authority, Provisioner};
use crate::users::hashing::HashError;
use crate::users::import_record::{Counters, ImportRecord, ImportState};
use crate::users::operator::Role;
use crate::users::problem::{Problem, Severity};
use crate::users::resources::{HashedPassword, Kind, Origin, Resources};
use crate::users::scim::check::Leniency;
use crate::users::scim::error::{ErrorType, ScimError};
use crate::users::store::{Finish, ImportStep};
use crate::users::store_error::StoreError;

/// Operations of one transaction, unless they have to be done together.
const TRANSACTION: usize = 1_000;

/// How often operations that refer to each other are tried anew without those that cannot be kept.
const ROUNDS: usize = 16;

/// How far a request was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// To its end.
    Through,
    /// Up to where the server was told to stop; the record says that it runs.
    Stopping,
}

/// What a request came to, and what is still to be written of it.
pub(super) struct Run<'a> {
    pub provisioner: &'a Provisioner,
    pub authority: &'a Authority,
    pub leniency: Leniency,
    pub plan: Plan,
    pub record: ImportRecord,
    /// Whether the record is in the store already.
    pub recorded: bool,
    /// Whether the outcomes are kept for whoever asks later.
    pub keep: bool,
    /// The outcomes so far, in the order of the request.
    pub outcomes: Vec<OperationOutcome>,
    pub errors: u64,
}

impl Run<'_> {
    /// Carries the request out from where it stands. Blocking.
    ///
    /// # Errors
    /// The store failed: what the transactions before did is stored, and so are their outcomes.
    pub fn carry_out(&mut self, control: &Control) -> Result<Ran, StoreError> {
        control.resume(self.record.counters);
        let mut units = self.plan.units(self.outcomes.len()).into_iter().peekable();
        loop {
            if self.provisioner.jobs.is_stopping() {
                return Ok(Ran::Stopping);
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
                return Ok(Ran::Through);
            }
            // The limit on errors may have been reached just now.
            if self.stopped() {
                self.transaction(&[], Some(self.finish(false, control)))?;
                return Ok(Ran::Through);
            }
        }
    }

    /// Whether as many operations have failed as may.
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

    /// Carries out some units and writes what they came to, all of it together.
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
        let mut part = Part::default();
        let (run, errors) = (&*self, self.errors);
        self.provisioner
            .store
            .transact(&self.record.organization, &mut |tx| {
                part = Part {
                    errors,
                    ..Part::default()
                };
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
        self.record.findings += part.findings(already).len() as u64;
        self.record.active_at = at;
        self.outcomes.append(&mut part.outcomes);
        if let Some(finish) = finish {
            self.record.state = finish.state;
            self.record.reason = finish.reason;
            self.record.finished_at = Some(at);
        }
        Ok(())
    }

    /// Makes the operations of a transaction ready, with their passwords hashed before it begins.
    fn ready(&self, range: &Range<usize>) -> Result<Ready, HashError> {
        let operations = |range: Range<usize>| range.map(|position| self.operation(position));
        if range.len() <= TRANSACTION {
            let prepared = self
                .provisioner
                .prepare(operations(range.clone()), self.leniency)?;
            let first = range.start;
            return Ok(Ready::Prepared { first, prepared });
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
        Ok(Ready::Hashed(hashes))
    }

    /// The operation at this position, if the caller may do it.
    fn operation(&self, position: usize) -> Result<Operation, ScimError> {
        let operation = self.plan.operation(position)?;
        allowed(&operation, self.authority)?;
        Ok(operation)
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

/// Whether the caller may do this, which is asked of each operation as of a request of its own.
///
/// # Errors
/// 403.
pub(super) fn allowed(operation: &Operation, authority: &Authority) -> Result<(), ScimError> {
    check_role(authority, operation.right())
}

/// Whether the caller has this role.
///
/// # Errors
/// 403.
pub(super) fn check_role(authority: &Authority, needed: Role) -> Result<(), ScimError> {
    if authority.role.includes(needed) {
        return Ok(());
    }
    Err(ScimError::new(
        403,
        format!(
            "Operation is not permitted. You do not have permissions to make this request: it needs \
             the role {}.",
            needed.as_str()
        ),
    ))
}

/// The operations of one transaction.
enum Ready {
    /// All of them, from this position on.
    Prepared {
        first: usize,
        prepared: Vec<Result<Prepared, ScimError>>,
    },
    /// They belong together and are too many to be kept: only the hashes of their passwords are there.
    Hashed(HashMap<usize, Vec<HashedPassword>>),
}

impl Ready {
    /// Carries out the operation at this position.
    fn apply(
        &self,
        hand: &mut Hand<'_>,
        tx: &mut dyn Resources,
        run: &Run<'_>,
        position: usize,
    ) -> Applied<Done> {
        match self {
            Ready::Prepared { first, prepared } => {
                match prepared.get(position.saturating_sub(*first)) {
                    Some(Ok(prepared)) => hand.apply(tx, prepared),
                    Some(Err(error)) => Ok(Err(error.clone())),
                    None => Ok(Err(ScimError::new(500, "The operation is not there."))),
                }
            }
            Ready::Hashed(hashes) => {
                let hashes = hashes.get(&position).cloned().unwrap_or_default();
                let prepared = run.operation(position).and_then(|operation| {
                    run.provisioner
                        .prepare_with(operation, run.leniency, hashes)
                });
                match prepared {
                    Ok(prepared) => hand.apply(tx, &prepared),
                    Err(error) => Ok(Err(error)),
                }
            }
        }
    }
}

/// How many operations came to what.
pub(super) fn count(outcomes: &[OperationOutcome], effects: &[Option<Effect>]) -> Counters {
    let mut counters = Counters {
        total: outcomes.len() as u64,
        ..Counters::default()
    };
    for (outcome, effect) in outcomes.iter().zip(effects) {
        let unique = |error: &ScimError| error.scim_type == Some(ErrorType::Uniqueness);
        let count = match (effect, &outcome.error) {
            (Some(Effect::Created), _) => &mut counters.created,
            (Some(Effect::Updated | Effect::Deleted), _) => &mut counters.updated,
            (Some(Effect::Unchanged), _) => &mut counters.unchanged,
            (None, Some(error)) if unique(error) => &mut counters.duplicate,
            (None, _) => &mut counters.failed,
        };
        *count += 1;
    }
    counters
}

/// What one transaction did.
#[derive(Default)]
struct Part {
    outcomes: Vec<OperationOutcome>,
    effects: Vec<Option<Effect>>,
    errors: u64,
    /// Operations behind the last error that was to be borne.
    skipped: u64,
}

impl Part {
    fn is_full(&self, run: &Run<'_>) -> bool {
        run.plan
            .fail_on_errors
            .is_some_and(|most| self.errors >= most)
    }

    fn push(&mut self, outcome: OperationOutcome, effect: Option<Effect>) {
        self.errors += u64::from(outcome.error.is_some());
        self.outcomes.push(outcome);
        self.effects.push(effect);
    }

    /// Carries out operations that have to be done together.
    ///
    /// One that refers to a later one is carried out as if that one were there already. If it turns out
    /// that it never will be, all of them are taken back and tried again without the one that referred
    /// to it, so that the outcome is that of doing them in their order.
    fn unit(
        &mut self,
        tx: &mut dyn Resources,
        run: &Run<'_>,
        unit: Range<usize>,
        prepared: &Ready,
        at: Moment,
    ) -> Result<(), StoreError> {
        let forward = |position: usize| {
            let planned = run.plan.operations.get(position);
            let refers_to = planned.map(|planned| planned.refers_to.as_slice());
            refers_to
                .unwrap_or_default()
                .iter()
                .any(|other| *other >= position)
        };
        if unit.len() == 1 && !forward(unit.start) {
            let mut attempt = Attempt::new(run, self, at);
            attempt.one(tx, unit.start, prepared)?;
            let (outcome, effect) = attempt.last();
            self.push(outcome, effect);
            return Ok(());
        }
        let mut broken: HashMap<usize, ScimError> = HashMap::new();
        for round in 1.. {
            if round > ROUNDS {
                // Chains that break link by link: nothing that looks ahead is kept.
                let hopeless = unit.clone().filter(|position| forward(*position));
                for position in hopeless {
                    broken.entry(position).or_insert_with(|| ScimError {
                        status: 409,
                        scim_type: Some(ErrorType::InvalidValue),
                        detail: "The references of this operation to later ones could not be \
                                     resolved; send what it refers to first."
                            .into(),
                    });
                }
            }
            let mut found: HashMap<usize, ScimError> = HashMap::new();
            let mut kept = None;
            let whole = tx.attempt(&mut |tx| {
                let mut attempt = Attempt::new(run, self, at);
                attempt.broken = broken.clone();
                for position in unit.clone() {
                    if attempt.is_full() {
                        break;
                    }
                    attempt.one(tx, position, prepared)?;
                }
                found = attempt.broken_promises(unit.clone());
                let holds = found.is_empty();
                kept = Some((attempt.outcomes, attempt.effects));
                Ok(holds)
            })?;
            if whole {
                let (outcomes, effects) = kept.unwrap_or_default();
                for (outcome, effect) in outcomes.into_iter().zip(effects) {
                    self.push(outcome, effect);
                }
                return Ok(());
            }
            broken.extend(found);
        }
        Ok(())
    }

    fn counters(&self) -> Counters {
        Counters {
            skipped: self.skipped,
            total: self.outcomes.len() as u64 + self.skipped,
            ..count(&self.outcomes, &self.effects)
        }
    }

    /// What is told of the operations that failed; the line is the number of the operation, from 1.
    fn findings(&self, already: usize) -> Vec<Problem> {
        let numbered = (already as u64 + 1..).zip(&self.outcomes);
        numbered
            .filter_map(|(line, outcome)| {
                let error = outcome.error.as_ref()?;
                let (severity, code) = match error.scim_type {
                    Some(ErrorType::Uniqueness) => (Severity::Duplicate, "uniqueness"),
                    Some(kind) => (Severity::Failed, kind.as_str()),
                    None => (Severity::Failed, "scim"),
                };
                Some(Problem::new(severity, line, None, code, &error.detail))
            })
            .collect()
    }
}

/// Operations that may have to be taken back.
struct Attempt<'a> {
    run: &'a Run<'a>,
    hand: Hand<'a>,
    /// Position of the first of this transaction's outcomes.
    first: usize,
    /// Outcomes of this transaction before these.
    before: &'a [OperationOutcome],
    errors: u64,
    outcomes: Vec<OperationOutcome>,
    effects: Vec<Option<Effect>>,
    /// Operations that cannot be kept, and why.
    broken: HashMap<usize, ScimError>,
    /// What is wrong with memberships whose member came later, by the operation that said so.
    unfit: HashMap<usize, ScimError>,
    /// Where the newest of these outcomes stands that is about a group.
    newest: HashMap<Uuid, usize>,
}

impl<'a> Attempt<'a> {
    fn new(run: &'a Run<'a>, part: &'a Part, at: Moment) -> Self {
        Attempt {
            run,
            hand: Hand {
                provisioner: run.provisioner,
                by: &run.authority.actor,
                role: run.authority.role,
                at,
                origin: None,
                wanted: false,
                members_left_out: 0,
                made: &run.plan.made,
                position: 0,
                pending: HashMap::new(),
            },
            first: run.outcomes.len(),
            before: &part.outcomes,
            errors: part.errors,
            outcomes: Vec::new(),
            effects: Vec::new(),
            broken: HashMap::new(),
            unfit: HashMap::new(),
            newest: HashMap::new(),
        }
    }

    fn is_full(&self) -> bool {
        let most = self.run.plan.fail_on_errors;
        most.is_some_and(|most| self.errors >= most)
    }

    fn last(mut self) -> (OperationOutcome, Option<Effect>) {
        let effect = self.effects.pop().flatten();
        let outcome = self.outcomes.pop();
        (outcome.unwrap_or_default(), effect)
    }

    /// How the operation at `position` ended; none: it has not been its turn.
    fn failed(&self, position: usize) -> Option<bool> {
        let (run, before) = (&self.run.outcomes, self.before);
        let outcome = match position.checked_sub(self.first) {
            None => run.get(position),
            Some(at) => match at.checked_sub(before.len()) {
                None => before.get(at),
                Some(at) => self.outcomes.get(at),
            },
        };
        outcome.map(|outcome| outcome.error.is_some())
    }

    fn one(
        &mut self,
        tx: &mut dyn Resources,
        position: usize,
        prepared: &Ready,
    ) -> Result<(), StoreError> {
        let run = self.run;
        let Some(planned) = run.plan.operations.get(position) else {
            return Ok(());
        };
        self.hand.position = position;
        let lost = planned
            .refers_to
            .iter()
            .find(|other| self.failed(**other) == Some(true));
        let refused = self
            .broken
            .get(&position)
            .cloned()
            .or_else(|| lost.map(|other| unresolved(&self.name(*other))));
        let result: Result<Done, ScimError> = match refused {
            Some(error) => Err(error),
            None => {
                self.hand.origin = Some(Origin {
                    import: run.record.id,
                    line: position as u64 + 1,
                });
                prepared.apply(&mut self.hand, tx, run, position)?
            }
        };
        if let Ok(done) = &result {
            if done.kind == Kind::Group {
                self.newest.insert(done.id, self.outcomes.len());
            }
            if done.effect == Effect::Created {
                let kept = self.hand.keep_promise(tx, done.id)?;
                self.unfit.extend(kept.unfit);
                self.tell_version(&kept.changed);
            }
        }
        self.errors += u64::from(result.is_err());
        self.effects
            .push(result.as_ref().ok().map(|done| done.effect));
        self.outcomes.push(OperationOutcome::of(planned, result));
        Ok(())
    }

    /// A group whose promised members have come is another version than the one it was told to be.
    fn tell_version(&mut self, changed: &[(Uuid, Moment)]) {
        for (group, at) in changed {
            let newest = self.newest.get(group);
            let outcome = newest.and_then(|at| self.outcomes.get_mut(*at));
            if let Some(outcome) = outcome.filter(|outcome| outcome.changed.is_some()) {
                outcome.changed = Some(*at);
            }
        }
    }

    fn name(&self, position: usize) -> String {
        let planned = self.run.plan.operations.get(position);
        planned
            .and_then(|planned| planned.bulk_id.clone())
            .unwrap_or_default()
    }

    /// Operations that were carried out and refer to what is not there after all, directly and through
    /// others.
    fn broken_promises(&self, unit: Range<usize>) -> HashMap<usize, ScimError> {
        let mut broken: HashMap<usize, ScimError> = HashMap::new();
        let mut referring: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut lost = Vec::new();
        for position in unit {
            let Some(planned) = self.run.plan.operations.get(position) else {
                continue;
            };
            if self.failed(position) != Some(false) {
                lost.push(position);
            }
            if let Some(error) = self.unfit.get(&position) {
                broken.insert(position, error.clone());
                lost.push(position);
            }
            for other in &planned.refers_to {
                referring.entry(*other).or_default().push(position);
            }
        }
        while let Some(other) = lost.pop() {
            for position in referring.remove(&other).unwrap_or_default() {
                if self.failed(position) == Some(false) && !broken.contains_key(&position) {
                    broken.insert(position, unresolved(&self.name(other)));
                    lost.push(position);
                }
            }
        }
        broken
    }
}

//! Operations of a Bulk request that may have to be rolled back: one that refers to a later
//! operation is executed as if that one had succeeded.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::clock::Moment;
use crate::provision::apply::Executor;
use crate::provision::bulk_run::Run;
use crate::provision::hashed_operation::HashedOperation;
use crate::provision::operation::{Done, Effect};
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::unresolved;
use crate::scim::error::ScimError;
use crate::users::resources::{Origin, Resources};
use crate::users::store_error::StoreError;

/// Operations that may have to be rolled back.
pub(super) struct ForwardAttempt<'a> {
    run: &'a Run<'a>,
    executor: Executor<'a>,
    /// Position of the first of this transaction's outcomes.
    first: usize,
    /// Earlier outcomes of this transaction.
    before: &'a [OperationOutcome],
    errors: u64,
    pub outcomes: Vec<OperationOutcome>,
    pub effects: Vec<Option<Effect>>,
    /// Operations that cannot succeed, with the errors.
    pub broken: HashMap<usize, ScimError>,
    /// Those of them that fail only because the request ends before, or with the failure of, the
    /// operation they refer to. They are caused by that failure, and do not count as the failure
    /// that ends the request.
    pub follow: HashSet<usize>,
    /// Errors of memberships whose member was created later, by the operation that requested the
    /// membership.
    unfit: HashMap<usize, ScimError>,
}

impl<'a> ForwardAttempt<'a> {
    /// Operations after those of `before`, of which `errors` have failed so far.
    pub fn new(run: &'a Run<'a>, before: &'a [OperationOutcome], errors: u64, at: Moment) -> Self {
        ForwardAttempt {
            run,
            executor: Executor {
                shown: run.show,
                ..Executor::new(run.provisioner, run.authority, at, &run.plan.made)
            },
            first: run.outcomes.len(),
            before,
            errors,
            outcomes: Vec::new(),
            effects: Vec::new(),
            broken: HashMap::new(),
            follow: HashSet::new(),
            unfit: HashMap::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        let most = self.run.plan.fail_on_errors;
        most.is_some_and(|most| self.errors >= most)
    }

    /// Whether the entity tags of other resources were changed.
    pub fn touches_others(&self) -> bool {
        self.executor.touches_others
    }

    pub fn last(mut self) -> (OperationOutcome, Option<Effect>) {
        let effect = self.effects.pop().flatten();
        let outcome = self.outcomes.pop();
        (outcome.unwrap_or_default(), effect)
    }

    /// Whether the operation at `position` failed; none: it has not been executed yet.
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

    pub fn one(
        &mut self,
        tx: &mut dyn Resources,
        position: usize,
        prepared: &HashedOperation,
    ) -> Result<(), StoreError> {
        let run = self.run;
        let Some(planned) = run.plan.operations.get(position) else {
            return Ok(());
        };
        self.executor.position = position;
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
                self.executor.origin = Some(Origin {
                    import: run.record.id,
                    line: position as u64 + 1,
                });
                prepared.apply(&mut self.executor, tx, run, position)?
            }
        };
        if let Ok(done) = &result
            && done.effect == Effect::Created
        {
            let kept = self.executor.add_to_expecting_groups(tx, done.id)?;
            self.unfit.extend(kept.unfit);
        }
        self.errors += u64::from(result.is_err() && !self.follow.contains(&position));
        self.effects
            .push(result.as_ref().ok().map(|done| done.effect));
        self.outcomes.push(OperationOutcome::of(planned, result));
        Ok(())
    }

    fn name(&self, position: usize) -> String {
        let planned = self.run.plan.operations.get(position);
        planned
            .and_then(|planned| planned.bulk_id.clone())
            .unwrap_or_default()
    }

    /// Executed operations that refer, directly or indirectly, to resources that were not created
    /// in the end.
    pub fn broken_references(&self, unit: Range<usize>) -> HashMap<usize, ScimError> {
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

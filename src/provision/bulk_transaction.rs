//! One transaction of a Bulk request: executes units of operations and collects the results.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::clock::Moment;
use crate::provision::bulk_run::Run;
use crate::provision::forward_references::ForwardAttempt;
use crate::provision::groups::changed;
use crate::provision::hashed_operation::HashedOperation;
use crate::provision::operation::Effect;
use crate::provision::outcome::OperationOutcome;
use crate::scim::error::{ErrorType, ScimError};
use crate::users::documents::resource;
use crate::users::import_record::Counters;
use crate::users::problem::{Problem, Severity};
use crate::users::resources::{Kind, Resources};
use crate::users::store_error::StoreError;

/// How often operations that refer to each other are retried without those that cannot succeed.
const ROUNDS: usize = 16;

/// Counts operations by outcome.
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

/// The results of one transaction.
#[derive(Default)]
pub(super) struct BulkTransaction {
    pub outcomes: Vec<OperationOutcome>,
    effects: Vec<Option<Effect>>,
    pub errors: u64,
    /// The number of operations after the last tolerated error.
    pub skipped: u64,
    /// Whether the entity tags of other resources were changed.
    touches_others: bool,
}

impl BulkTransaction {
    /// An empty transaction, after this many errors.
    pub fn after_errors(errors: u64) -> Self {
        BulkTransaction {
            errors,
            ..BulkTransaction::default()
        }
    }

    pub fn is_full(&self, run: &Run<'_>) -> bool {
        run.plan
            .fail_on_errors
            .is_some_and(|most| self.errors >= most)
    }

    fn push(&mut self, outcome: OperationOutcome, effect: Option<Effect>) {
        self.errors += u64::from(outcome.error.is_some());
        self.outcomes.push(outcome);
        self.effects.push(effect);
    }

    /// Executes operations that have to be done together.
    ///
    /// An operation that refers to a later one is executed as if the later one had succeeded. If
    /// that one then fails, all of them are rolled back and retried without the operation that
    /// referred to it, so that the outcome is the same as executing them in order.
    pub fn unit(
        &mut self,
        tx: &mut dyn Resources,
        run: &Run<'_>,
        unit: Range<usize>,
        prepared: &HashedOperation,
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
            let mut attempt = ForwardAttempt::new(run, &self.outcomes, self.errors, at);
            attempt.one(tx, unit.start, prepared)?;
            let touches_others = attempt.touches_others();
            let (outcome, effect) = attempt.last();
            self.touches_others |= touches_others;
            self.push(outcome, effect);
            return Ok(());
        }
        let mut broken: HashMap<usize, ScimError> = HashMap::new();
        let mut follow: HashSet<usize> = HashSet::new();
        for round in 1.. {
            if round > ROUNDS {
                // Chains that fail link by link: nothing that refers to later operations is kept.
                let unresolvable = unit.clone().filter(|position| forward(*position));
                for position in unresolvable {
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
            let (mut kept, mut touches_others, mut ended) = (None, false, false);
            let whole = tx.attempt(&mut |tx| {
                let mut attempt = ForwardAttempt::new(run, &self.outcomes, self.errors, at);
                attempt.broken = broken.clone();
                attempt.follow = follow.clone();
                for position in unit.clone() {
                    if attempt.is_full() {
                        break;
                    }
                    attempt.one(tx, position, prepared)?;
                }
                found = attempt.broken_references(unit.clone());
                ended = attempt.is_full();
                // Failures that follow from the early end of the request must count.
                let holds = found.is_empty() && (ended || follow.is_empty());
                touches_others = attempt.touches_others();
                kept = Some((attempt.outcomes, attempt.effects));
                Ok(holds)
            })?;
            if whole {
                self.touches_others |= touches_others;
                let (outcomes, effects) = kept.unwrap_or_default();
                for (outcome, effect) in outcomes.into_iter().zip(effects) {
                    self.push(outcome, effect);
                }
                return Ok(());
            }
            match ended {
                // The request ends with this failure, which must be reported; the others are
                // reported too.
                true => follow.extend(found.keys()),
                false => follow.clear(),
            }
            broken.extend(found);
        }
        Ok(())
    }

    /// Updates the last reported entity tag of each resource to the one at the end of the
    /// transaction: later operations may have changed it indirectly.
    pub fn update_versions(&mut self, tx: &mut dyn Resources) -> Result<(), StoreError> {
        if !self.touches_others {
            return Ok(());
        }
        let mut updated = HashSet::new();
        for outcome in self.outcomes.iter_mut().rev() {
            let Some((kind, id)) = outcome.resource.filter(|_| outcome.version.is_some()) else {
                continue;
            };
            if !updated.insert(id) {
                continue;
            }
            match kind {
                Kind::User => {
                    if let Some(user) = tx.user(id)? {
                        outcome.version = Some(resource::user_version(&user));
                    }
                }
                Kind::Group => {
                    if let Some(found) = tx.group(id, false)? {
                        outcome.changed = Some(changed(&found.group));
                        outcome.version = Some(resource::group_version(&found.group));
                    }
                }
            }
        }
        Ok(())
    }

    pub fn counters(&self) -> Counters {
        Counters {
            skipped: self.skipped,
            total: self.outcomes.len() as u64 + self.skipped,
            ..count(&self.outcomes, &self.effects)
        }
    }

    /// Findings for the failed operations; the line is the number of the operation, from 1.
    pub fn findings(&self, already: usize) -> Vec<Problem> {
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

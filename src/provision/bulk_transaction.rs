//! What one transaction of a Bulk request does: unit by unit, and what came of it.

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

/// How often operations that refer to each other are tried anew without those that cannot be kept.
const ROUNDS: usize = 16;

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
pub(super) struct BulkTransaction {
    pub outcomes: Vec<OperationOutcome>,
    effects: Vec<Option<Effect>>,
    pub errors: u64,
    /// Operations behind the last error that was to be borne.
    pub skipped: u64,
    /// Whether something was done that changes the entity tags of other resources.
    touches_others: bool,
}

impl BulkTransaction {
    /// Nothing done yet, behind so many errors.
    pub fn behind(errors: u64) -> Self {
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

    /// Carries out operations that have to be done together.
    ///
    /// One that refers to a later one is carried out as if that one were there already. If it turns out
    /// that it never will be, all of them are taken back and tried again without the one that referred
    /// to it, so that the outcome is that of doing them in their order.
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
                found = attempt.broken_promises(unit.clone());
                ended = attempt.is_full();
                // What was to follow from an end that has not come has to count.
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
                // The request ends with this failure, which is to be told; those are told beside it.
                true => follow.extend(found.keys()),
                false => follow.clear(),
            }
            broken.extend(found);
        }
        Ok(())
    }

    /// Makes the entity tag that is told last of each resource the one that it has when the transaction ends: a
    /// later operation may have changed it without being about that resource.
    pub fn tell_versions(&mut self, tx: &mut dyn Resources) -> Result<(), StoreError> {
        if !self.touches_others {
            return Ok(());
        }
        let mut told = HashSet::new();
        for outcome in self.outcomes.iter_mut().rev() {
            let Some((kind, id)) = outcome.resource.filter(|_| outcome.version.is_some()) else {
                continue;
            };
            if !told.insert(id) {
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

    /// What is told of the operations that failed; the line is the number of the operation, from 1.
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

//! Executes many operations atomically, as one import in one transaction.

use std::collections::{HashMap, HashSet};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::clock::Moment;
use crate::hex;
use crate::import::job_error::JobError;
use crate::import::keys::KeyLookup;
use crate::provision::apply::Executor;
use crate::provision::bulk_job::{BulkAnswer, BulkCall, is_same, reused};
use crate::provision::bulk_transaction::count;
use crate::provision::error::ProvisionError;
use crate::provision::operation::{Act, Done, Effect, Operation, Resource};
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::Made;
use crate::provision::prepare::{Prepared, PreparedAct, UserDraft};
use crate::provision::provisioner::Provisioner;
use crate::provision::references;
use crate::provision::rights::allowed;
use crate::scim::document::Document;
use crate::scim::error::{ErrorType, ScimError};
use crate::users::documents::resource::qualified;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::name::lookup_key;
use crate::users::resources::{Origin, Resources};
use crate::users::step::{Finish, ImportStep};
use crate::users::store_error::StoreError;

/// A request whose operations succeed or fail together.
pub struct AtomicBulk<'c> {
    /// The sender and the idempotency key.
    pub call: BulkCall,
    /// The request body, which distinguishes requests with the same key.
    pub body: &'c [u8],
    /// Requirements on each created or replaced user, and what is added to them.
    pub complete: &'c dyn Fn(&mut Document) -> Result<(), ScimError>,
    /// Attributes that a replaced user keeps if the document lacks them.
    pub keeps: &'static [&'static str],
    /// How a created resource is shown to the caller.
    pub show: &'c dyn Fn(&Resource) -> Value,
}

/// The result of an atomic request.
#[derive(Debug)]
pub enum AtomicOutcome {
    /// All operations were executed.
    Done(Box<BulkAnswer>),
    /// Nothing was changed, because the operation at this position failed.
    Refused {
        /// The position, from 0.
        position: usize,
        /// The error.
        error: ScimError,
    },
}

/// An operation that prevents the others from being executed: its position and error.
type Obstacle = (usize, ScimError);

impl Provisioner {
    /// Executes all operations, or none. The same request with the same key again returns the first
    /// result; a refused request stores nothing, so its key stays free. Blocking.
    ///
    /// # Errors
    /// The key belongs to another request, the server is busy, or the store failed.
    pub fn all_or_nothing(
        &self,
        whole: &AtomicBulk<'_>,
        operations: Vec<Operation>,
    ) -> Result<AtomicOutcome, ProvisionError> {
        let call = &whole.call;
        let organization = &call.authority.actor.organization;
        let sha256 = hex::encode(digest(&SHA256, whole.body).as_ref());
        let held = self.jobs.reserve_key(organization, call.key.as_deref())?;
        if let KeyLookup::Earlier(earlier) = &held {
            return self.replay(call, earlier, &sha256);
        }
        let prepared = match self.prepare_all(whole, operations)? {
            Ok(prepared) => prepared,
            Err((position, error)) => return Ok(AtomicOutcome::Refused { position, error }),
        };
        let record = ImportRecord {
            sha256: Some(sha256),
            ..self.record(call)
        };
        let id = record.id;
        let written = self.jobs.run_external(organization, id, |_| {
            self.write_all(whole, record, &prepared)
        })?;
        Ok(written?)
    }

    fn replay(
        &self,
        call: &BulkCall,
        earlier: &ImportRecord,
        sha256: &str,
    ) -> Result<AtomicOutcome, ProvisionError> {
        if !is_same(call, earlier, sha256) {
            return Err(reused(call, earlier).into());
        }
        if !earlier.state.is_final() {
            return Err(JobError::Busy { seconds: 5 }.into());
        }
        let outcomes = self.outcomes(&earlier.organization, earlier.id)?;
        Ok(AtomicOutcome::Done(Box::new(BulkAnswer {
            record: earlier.clone(),
            outcomes,
        })))
    }

    /// All checks that do not need the store.
    fn prepare_all(
        &self,
        whole: &AtomicBulk<'_>,
        operations: Vec<Operation>,
    ) -> Result<Result<Vec<Prepared>, Obstacle>, ProvisionError> {
        let AtomicBulk { call, .. } = whole;
        let operations = operations.into_iter().map(|operation| {
            allowed(&operation, &call.authority)?;
            if let Act::Create(message) | Act::Replace(message) | Act::Patch(message) =
                &operation.act
            {
                references::refuse(message)?;
            }
            Ok(operation)
        });
        let mut ready = Vec::new();
        for (position, prepared) in self
            .prepare(operations, call.leniency)?
            .into_iter()
            .enumerate()
        {
            let completed = prepared.and_then(|mut prepared| {
                if let Some(draft) = draft_of(&mut prepared) {
                    (whole.complete)(&mut draft.document)?;
                    draft.keeps = whole.keeps;
                }
                Ok(prepared)
            });
            match completed {
                Ok(prepared) => ready.push(prepared),
                Err(error) => return Ok(Err((position, error))),
            }
        }
        Ok(match find_duplicate(&mut ready) {
            Some(obstacle) => Err(obstacle),
            None => Ok(ready),
        })
    }

    fn write_all(
        &self,
        whole: &AtomicBulk<'_>,
        mut record: ImportRecord,
        prepared: &[Prepared],
    ) -> Result<AtomicOutcome, StoreError> {
        let at = self.clock.now();
        let (id, organization, domain) = (record.id, &record.organization, &record.domain);
        let step = || ImportStep::without_users(id, organization, domain, self.keep_findings, at);
        let finish = Finish {
            state: ImportState::Completed,
            reason: None,
            sha256: None,
            by: None,
        };
        let mut written = Ok((Vec::new(), Vec::new()));
        self.store.transact(organization, &mut |tx| {
            // If the transaction is rolled back, so is the record.
            tx.attempt(&mut |tx| {
                tx.step(&ImportStep {
                    begin: Some(record.clone()),
                    ..step()
                })?;
                written = self.apply_all(whole, &record, prepared, (tx, at))?;
                let Ok((outcomes, effects)) = &written else {
                    return Ok(false);
                };
                if whole.call.key.is_some() {
                    for (number, outcome) in (0..).zip(outcomes) {
                        tx.keep_result(id, number, &outcome.to_json())?;
                    }
                }
                tx.step(&ImportStep {
                    counted: count(outcomes, effects),
                    finish: Some(finish.clone()),
                    ..step()
                })?;
                Ok(true)
            })
            .map(drop)
        })?;
        Ok(match written {
            Err((position, error)) => AtomicOutcome::Refused { position, error },
            Ok((outcomes, effects)) => {
                record.counters = count(&outcomes, &effects);
                record.state = finish.state;
                record.active_at = at;
                record.finished_at = Some(at);
                AtomicOutcome::Done(Box::new(BulkAnswer { record, outcomes }))
            }
        })
    }

    fn apply_all(
        &self,
        whole: &AtomicBulk<'_>,
        record: &ImportRecord,
        prepared: &[Prepared],
        (tx, at): (&mut dyn Resources, Moment),
    ) -> Result<Result<Results, Obstacle>, StoreError> {
        let made = Made::new();
        let authority = &whole.call.authority;
        let mut executor = Executor {
            wanted: true,
            ..Executor::new(self, authority, at, &made)
        };
        let (mut outcomes, mut effects) = (Vec::new(), Vec::new());
        for (position, prepared) in prepared.iter().enumerate() {
            executor.position = position;
            executor.origin = Some(Origin {
                import: record.id,
                line: position as u64 + 1,
            });
            match executor.apply(tx, prepared)? {
                Ok(done) => {
                    effects.push(Some(done.effect));
                    outcomes.push(outcome(&prepared.act, &done, whole.show));
                }
                Err(error) => return Ok(Err((position, error))),
            }
        }
        Ok(Ok((outcomes, effects)))
    }
}

/// The results of the operations.
type Results = (Vec<OperationOutcome>, Vec<Option<Effect>>);

fn outcome(act: &PreparedAct, done: &Done, show: &dyn Fn(&Resource) -> Value) -> OperationOutcome {
    let method = match act {
        PreparedAct::CreateUser(_) | PreparedAct::CreateGroup(_) => "POST",
        PreparedAct::ReplaceUser(_) | PreparedAct::ReplaceGroup(_) => "PUT",
        PreparedAct::PatchUser(..) | PreparedAct::PatchGroup(_) => "PATCH",
        PreparedAct::Delete => "DELETE",
    };
    OperationOutcome {
        method: method.to_owned(),
        status: done.status(),
        resource: Some((done.kind, done.id)),
        changed: done.changed,
        version: done.version.clone(),
        document: done.resource.as_ref().map(show),
        ..OperationOutcome::default()
    }
}

fn draft_of(prepared: &mut Prepared) -> Option<&mut UserDraft> {
    match &mut prepared.act {
        PreparedAct::CreateUser(draft) | PreparedAct::ReplaceUser(draft) => Some(draft),
        _ => None,
    }
}

/// The first operation on the same resource as an earlier one, or that gives a user the same name
/// as an earlier one: such a pair is contradictory, whatever is stored.
fn find_duplicate(prepared: &mut [Prepared]) -> Option<Obstacle> {
    let mut ids = HashSet::new();
    let mut names = HashMap::new();
    for (position, prepared) in prepared.iter_mut().enumerate() {
        if !ids.insert(prepared.id) {
            let error = ScimError::value(format!(
                "The id {} appears twice in the request; send each user once.",
                prepared.id
            ));
            return Some((position, error));
        }
        let Some(draft) = draft_of(prepared) else {
            continue;
        };
        let name = &draft.name;
        let key = (name.domain.clone(), lookup_key(&name.name));
        if let Some(first) = names.insert(key, position) {
            let error = ScimError::of(
                ErrorType::Uniqueness,
                format!(
                    "User with the name: {} appears twice in the request, first at index \
                     {first}; send each user once.",
                    qualified(&name.domain, &name.name)
                ),
            );
            return Some((position, error));
        }
    }
    None
}

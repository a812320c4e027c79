//! A Bulk request as an import: its record, its key, its turn in the queue, and what became of its
//! operations, for whoever asks later.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use uuid::Uuid;

use crate::import::control::Control;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::fingerprint::Fingerprint;
use crate::import::job_error::{JobError, QueueError};
use crate::import::jobs::{KeyLookup, Operations};
use crate::import::report::Report;
use crate::provision::bulk::Ran;
use crate::provision::bulk_request::{BulkRequest, payload_too_large, unread};
use crate::provision::bulk_run::Run;
use crate::provision::error::ProvisionError;
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::{Plan, Strictness};
use crate::provision::provisioner::Provisioner;
use crate::provision::rights::Authority;
use crate::provision::rights::check_role;
use crate::provision::settings::BulkResponse;
use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::channel::Channel;
use crate::users::import_id::ImportId;
use crate::users::import_record::{Counters, ImportRecord, ImportState, RejectedRows};
use crate::users::operator::Role;
use crate::users::options::ImportOptions;
use crate::users::organization::names_in_path;
use crate::users::step::Finish;
use crate::users::store_error::StoreError;

/// Results that are fetched at once.
const PAGE: usize = 1_000;

/// A Bulk request that came in.
#[derive(Debug, Clone)]
pub struct BulkCall {
    /// Who sends it.
    pub authority: Authority,
    /// What is done about operations whose frame is broken.
    pub strictness: Strictness,
    /// What its documents may leave out.
    pub leniency: Leniency,
    /// What the caller names it by, so that the same request again finds it.
    pub key: Option<String>,
    /// What it is called in the record.
    pub label: &'static str,
}

/// What became of a Bulk request.
#[derive(Debug)]
pub struct BulkAnswer {
    /// Its record.
    pub record: ImportRecord,
    /// What became of the operations that were carried out, in their order.
    pub outcomes: Vec<OperationOutcome>,
}

impl Provisioner {
    /// Carries out the Bulk request that `source` gives. Blocking.
    ///
    /// # Errors
    /// It is refused as a whole, or the store failed.
    pub fn bulk(&self, call: &BulkCall, source: impl Read) -> Result<BulkAnswer, ProvisionError> {
        let organization = &call.authority.actor.organization;
        let held = self.jobs.reserve_key(organization, call.key.as_deref())?;
        // What the earlier call did is told only to one that is the same to the letter.
        let known = match held {
            KeyLookup::Earlier(ref record) => Some(record.as_ref().clone()),
            KeyLookup::NoKey | KeyLookup::New(_) => None,
        };
        let control = Control::new(None);
        let mut source = Fingerprint::new(source, &control);
        let limits = self.settings.bulk_limits();
        let names = self.names_in_path(organization, call.leniency)?;
        let request = BulkRequest::read_as(&mut source, limits, call.leniency, &names)?;
        let sha256 = source.hex();
        if let Some(record) = known {
            return self.again(call, record, &sha256, request);
        }
        let plan = Plan::of(request, call.strictness, &self.clock, &HashMap::new())?;
        let record = ImportRecord {
            sha256: Some(sha256),
            ..self.record(call)
        };
        let id = record.id;
        let run = Run {
            provisioner: self,
            authority: &call.authority,
            leniency: call.leniency,
            plan,
            record,
            recorded: false,
            keep: call.key.is_some(),
            show: self.shows(call.leniency),
            outcomes: Vec::new(),
            errors: 0,
        };
        self.jobs
            .run_external(organization, id, |control| self.answer(run, control))?
    }

    /// Carries a request out for a caller who waits.
    fn answer(&self, mut run: Run<'_>, control: &Control) -> Result<BulkAnswer, ProvisionError> {
        match run.carry_out(control) {
            Ok(Ran::Through) => Ok(BulkAnswer {
                record: run.record,
                outcomes: run.outcomes,
            }),
            Ok(Ran::Stopping) => {
                let error = ImportError::Stopping;
                self.interrupted(&run.record, run.recorded, &error.to_string());
                let record = ImportRecord {
                    state: ImportState::Interrupted,
                    ..run.record
                };
                let report = Box::new(Report::of_record(&record, Vec::new()));
                Err(JobError::Import(ImportFailure { error, report }).into())
            }
            Err(error) => {
                self.interrupted(&run.record, run.recorded, &error.to_string());
                Err(error.into())
            }
        }
    }

    /// Puts a Bulk request aside until its turn comes; answers its record. Blocking.
    ///
    /// # Errors
    /// It is refused as a whole, the queue is full, or the store failed.
    pub fn queue_bulk(
        &self,
        call: &BulkCall,
        source: impl Read,
    ) -> Result<ImportRecord, ProvisionError> {
        // Whoever may change nothing now may not have it done later either.
        check_role(&call.authority, Role::Import)?;
        let organization = &call.authority.actor.organization;
        let held = self.jobs.reserve_key(organization, call.key.as_deref())?;
        let mut record = self.record(call);
        let limit = self.settings.max_payload_bytes;
        // One byte more tells a body that is too long from one that just fits.
        let kept = self.jobs.put_aside(record.id, source.take(limit + 1));
        let sha256 = kept.map_err(|error| match error {
            QueueError::Job(error) => ProvisionError::Job(error),
            QueueError::Wire(error) => unread(&error, limit, payload_too_large).into(),
        })?;
        let names = self.names_in_path(organization, call.leniency);
        let checked = names
            .map_err(ProvisionError::from)
            .and_then(|names| Ok(self.check_aside(record.id, call, &names)?));
        if let (Ok(()), KeyLookup::Earlier(earlier)) = (&checked, &held) {
            self.jobs.forget(record.id);
            if !is_same(call, earlier, &sha256) {
                return Err(reused(call, earlier).into());
            }
            let earlier = self.jobs.refresh(earlier.as_ref().clone())?;
            if earlier.state == ImportState::Interrupted {
                self.jobs.requeue(&earlier);
            }
            return Ok(earlier);
        }
        if let Err(error) = checked {
            self.jobs.forget(record.id);
            return Err(error);
        }
        record.sha256 = Some(sha256);
        record.state = ImportState::Queued;
        self.jobs.enqueue(&record)?;
        Ok(record)
    }

    /// What became of the operations of a Bulk request that was queued, or has a key; none when there
    /// is no such request.
    ///
    /// # Errors
    /// The store failed.
    pub fn bulk_answer(
        &self,
        organization: &str,
        id: ImportId,
    ) -> Result<Option<BulkAnswer>, ProvisionError> {
        let record = self.store.import(organization, id)?;
        let Some(record) = record.filter(|record| record.channel == Channel::Scim) else {
            return Ok(None);
        };
        let outcomes = self.outcomes(organization, id)?;
        Ok(Some(BulkAnswer {
            record: record.shown(self.clock.now()),
            outcomes,
        }))
    }

    pub(super) fn outcomes(
        &self,
        organization: &str,
        id: ImportId,
    ) -> Result<Vec<OperationOutcome>, StoreError> {
        let mut outcomes = Vec::new();
        loop {
            let from = outcomes.len() as u64;
            let page = self.store.operation_results(organization, id, from, PAGE)?;
            let full = page.len() == PAGE;
            for json in &page {
                let outcome = OperationOutcome::from_json(json).ok_or_else(|| {
                    StoreError::Failed("the result of an operation cannot be read".into())
                })?;
                outcomes.push(outcome);
            }
            if !full {
                return Ok(outcomes);
            }
        }
    }

    /// The same request again: what the earlier one came to is the answer, or it is gone on with.
    fn again(
        &self,
        call: &BulkCall,
        record: ImportRecord,
        sha256: &str,
        request: BulkRequest,
    ) -> Result<BulkAnswer, ProvisionError> {
        if !is_same(call, &record, sha256) {
            return Err(reused(call, &record).into());
        }
        let busy = JobError::Busy { seconds: 5 };
        let record = self.jobs.refresh(record)?;
        let organization = record.organization.clone();
        if !record.state.is_final() {
            return Err(busy.into());
        }
        if record.state != ImportState::Interrupted {
            let outcomes = self.outcomes(&organization, record.id)?;
            return Ok(BulkAnswer { record, outcomes });
        }
        if self.jobs.requeue(&record) {
            // It came through the queue, and goes on there.
            return Err(busy.into());
        }
        self.jobs
            .run_external(&organization, record.id, |control| {
                let Some(record) = self.jobs.claim(&record)? else {
                    return Err(busy.into());
                };
                // Whoever goes on with it gives no more away than both may.
                let both_may = record.may_grant_admin || call.authority.role != Role::Admin;
                let authority = Authority {
                    role: if both_may {
                        call.authority.role
                    } else {
                        Role::Import
                    },
                    actor: record.actor(),
                };
                let run = self.resumed(&authority, record, request, call.leniency)?;
                self.answer(run, control)
            })?
    }

    /// A request that was carried out in part, from where it stands.
    fn resumed<'a>(
        &'a self,
        authority: &'a Authority,
        record: ImportRecord,
        request: BulkRequest,
        leniency: Leniency,
    ) -> Result<Run<'a>, ProvisionError> {
        let outcomes = self.outcomes(&record.organization, record.id)?;
        let made = outcomes.iter().enumerate().filter_map(|(at, outcome)| {
            let made = outcome.method == "POST" && outcome.error.is_none();
            let (_, id) = outcome.resource.filter(|_| made)?;
            Some((at, id))
        });
        let known: HashMap<usize, Uuid> = made.collect();
        // Where more was asked of frames, that was done when it came.
        let plan = Plan::of(request, Strictness::Operation, &self.clock, &known)?;
        let errors = outcomes.iter().filter(|outcome| outcome.error.is_some());
        Ok(Run {
            provisioner: self,
            authority,
            leniency,
            errors: errors.count() as u64,
            plan,
            recorded: true,
            keep: true,
            show: self.shows(leniency),
            outcomes,
            record,
        })
    }

    /// Whether the answer has the resources that were made or changed.
    fn shows(&self, leniency: Leniency) -> bool {
        !leniency.schemas_required && self.settings.wso2_bulk_response == BulkResponse::String
    }

    /// The names under which paths of a request in this dialect may lead to its organization.
    fn names_in_path(
        &self,
        organization: &str,
        leniency: Leniency,
    ) -> Result<Vec<String>, StoreError> {
        match leniency.schemas_required {
            true => Ok(Vec::new()),
            false => names_in_path(self.store.as_ref(), organization),
        }
    }

    fn check_aside(
        &self,
        id: ImportId,
        call: &BulkCall,
        organization: &[String],
    ) -> Result<(), ScimError> {
        let gone = || ScimError::new(500, "The request was put aside and is gone; send it again.");
        let file = self.jobs.put_aside_file(id).ok_or_else(gone)?;
        let limits = self.settings.bulk_limits();
        let request = BulkRequest::read_as(file, limits, call.leniency, organization)?;
        Plan::of(request, call.strictness, &self.clock, &HashMap::new()).map(|_| ())
    }

    pub(super) fn record(&self, call: &BulkCall) -> ImportRecord {
        let now = self.clock.now();
        let Authority { actor, role } = &call.authority;
        ImportRecord {
            id: ImportId(self.clock.new_id()),
            organization: actor.organization.clone(),
            domain: PRIMARY_DOMAIN.into(),
            channel: actor.channel,
            operator: actor.operator.clone(),
            file_name: call.label.into(),
            sha256: None,
            state: ImportState::Running,
            reason: None,
            counters: Counters::default(),
            options: ImportOptions {
                schemas_optional: !call.leniency.schemas_required,
                ..ImportOptions::default()
            },
            key: call.key.clone(),
            findings: 0,
            warnings: 0,
            rejected: RejectedRows::default(),
            started_at: now,
            finished_at: None,
            active_at: now,
            header: Vec::new(),
            rows_sha256: None,
            stretch: None,
            request_id: actor.request_id.clone(),
            may_grant_admin: *role == Role::Admin,
            default_password_note: None,
            default_password_hash: None,
        }
    }

    /// Notes that it ended in the middle, if the store takes that much.
    fn interrupted(&self, record: &ImportRecord, recorded: bool, reason: &str) {
        tracing::error!(reason, import = %record.id, "a bulk request was interrupted");
        if !recorded {
            return;
        }
        let finish = Finish {
            state: ImportState::Interrupted,
            reason: Some(reason.to_owned()),
            sha256: None,
            by: None,
        };
        let ended = self.store.end_import(
            &record.organization,
            record.id,
            &record.actor(),
            &finish,
            self.clock.now(),
        );
        if let Err(error) = ended {
            // The record says so by itself once nobody has given a sign of life for long enough.
            tracing::error!(%error, import = %record.id, "its end could not be written");
        }
    }
}

impl Operations for Provisioner {
    fn requeue(
        &self,
        record: ImportRecord,
        upload: File,
        control: &Control,
    ) -> Result<bool, StoreError> {
        let taken = record.clone();
        let why = match self.go_on_queued(record, upload, control) {
            Ok(Ran::Through) => return Ok(false),
            Ok(Ran::Stopping) => ImportError::Stopping.to_string(),
            Err(ProvisionError::Refused(error)) => {
                let finish = Finish {
                    state: ImportState::Failed,
                    reason: Some(error.detail),
                    sha256: None,
                    by: None,
                };
                let (by, now) = (taken.actor(), self.clock.now());
                self.store
                    .end_import(&taken.organization, taken.id, &by, &finish, now)?;
                return Ok(false);
            }
            Err(ProvisionError::Store(error) | ProvisionError::Job(JobError::Store(error)))
                if error.passes() =>
            {
                self.interrupted(&taken, true, &error.to_string());
                // It is tried again.
                return Err(error);
            }
            Err(error) => error.to_string(),
        };
        // The next start goes on with it, or the same call.
        self.interrupted(&taken, true, &why);
        Ok(true)
    }
}

impl Provisioner {
    fn go_on_queued(
        &self,
        record: ImportRecord,
        upload: File,
        control: &Control,
    ) -> Result<Ran, ProvisionError> {
        let leniency = Leniency {
            schemas_required: !record.options.schemas_optional,
        };
        let limits = self.settings.bulk_limits();
        let names = self.names_in_path(&record.organization, leniency)?;
        let request = BulkRequest::read_as(upload, limits, leniency, &names)?;
        // Whoever sent it may do no more than they may by now.
        let authority = Authority {
            role: self.role_of(&record)?,
            actor: record.actor(),
        };
        let mut run = self.resumed(&authority, record, request, leniency)?;
        Ok(run.carry_out(control)?)
    }

    /// The role of the operator who sent a request that waited, as it is now: somebody who has been
    /// removed meanwhile may still bring users in, as they might when they sent it, and no more.
    fn role_of(&self, record: &ImportRecord) -> Result<Role, StoreError> {
        let operator = self.store.operator(&record.operator)?;
        Ok(match operator.map(|operator| operator.role) {
            Some(Role::Admin) if record.may_grant_admin => Role::Admin,
            Some(Role::Read) => Role::Read,
            Some(Role::Admin | Role::Import) | None => Role::Import,
        })
    }
}

/// Whether the earlier request is the same to the letter, came to the same address, and was to be read
/// in the same way.
pub(super) fn is_same(call: &BulkCall, earlier: &ImportRecord, sha256: &str) -> bool {
    earlier.channel == Channel::Scim
        && earlier.file_name == call.label
        && earlier.sha256.as_deref() == Some(sha256)
        && earlier.options.schemas_optional != call.leniency.schemas_required
}

pub(super) fn reused(call: &BulkCall, record: &ImportRecord) -> JobError {
    JobError::KeyReused {
        key: call.key.clone().unwrap_or_default(),
        import: record.id,
    }
}

//! A Bulk request as an import: its record, key and place in the queue, and the stored outcomes of
//! its operations.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use uuid::Uuid;

use crate::import::control::Control;
use crate::import::error::{ImportError, ImportFailure};
use crate::import::fingerprint::Fingerprint;
use crate::import::job_error::{JobError, QueueError};
use crate::import::keys::KeyLookup;
use crate::import::operations::Operations;
use crate::import::report::Report;
use crate::provision::bulk::RunEnd;
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

/// Number of results read from the store at a time.
const PAGE: usize = 1_000;

/// A Bulk request.
#[derive(Debug, Clone)]
pub struct BulkCall {
    /// The sender.
    pub authority: Authority,
    /// How operations with invalid frames are treated.
    pub strictness: Strictness,
    /// What its documents may omit.
    pub leniency: Leniency,
    /// The caller's key, by which a repeated request finds this one.
    pub key: Option<String>,
    /// The file name in the record.
    pub label: &'static str,
}

/// The result of a Bulk request.
#[derive(Debug)]
pub struct BulkAnswer {
    /// Its record.
    pub record: ImportRecord,
    /// The outcomes of the executed operations, in order.
    pub outcomes: Vec<OperationOutcome>,
}

impl Provisioner {
    /// Executes the Bulk request read from `source`. Blocking.
    ///
    /// # Errors
    /// The whole request is refused, or the store failed.
    pub fn bulk(&self, call: &BulkCall, source: impl Read) -> Result<BulkAnswer, ProvisionError> {
        let organization = &call.authority.actor.organization;
        let held = self.jobs.reserve_key(organization, call.key.as_deref())?;
        // The results of the earlier call are only shown to an identical one.
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
            return self.repeat(call, record, &sha256, request);
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

    /// Executes a request while the caller waits.
    fn answer(&self, mut run: Run<'_>, control: &Control) -> Result<BulkAnswer, ProvisionError> {
        match run.carry_out(control) {
            Ok(RunEnd::Completed) => Ok(BulkAnswer {
                record: run.record,
                outcomes: run.outcomes,
            }),
            Ok(RunEnd::Stopping) => {
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

    /// Queues a Bulk request and returns its record. Blocking.
    ///
    /// # Errors
    /// The whole request is refused, the queue is full, or the store failed.
    pub fn queue_bulk(
        &self,
        call: &BulkCall,
        source: impl Read,
    ) -> Result<ImportRecord, ProvisionError> {
        // A caller who may not change anything now may not queue changes either.
        check_role(&call.authority, Role::Import)?;
        let organization = &call.authority.actor.organization;
        let held = self.jobs.reserve_key(organization, call.key.as_deref())?;
        let mut record = self.record(call);
        let limit = self.settings.max_payload_bytes;
        // One extra byte distinguishes a body that is too long from one that just fits.
        let kept = self.jobs.put_aside(record.id, source.take(limit + 1));
        let sha256 = kept.map_err(|error| match error {
            QueueError::Job(error) => ProvisionError::Job(error),
            QueueError::Wire(error) => unread(&error, limit, payload_too_large).into(),
        })?;
        let names = self.names_in_path(organization, call.leniency);
        let checked = names
            .map_err(ProvisionError::from)
            .and_then(|names| Ok(self.check_queued(record.id, call, &names)?));
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

    /// The outcomes of a Bulk request that was queued, or has a key; none if there is no such
    /// request.
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

    /// The same request again: returns the earlier result, or continues the earlier request.
    fn repeat(
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
            // It was queued, and continues in the queue.
            return Err(busy.into());
        }
        self.jobs
            .run_external(&organization, record.id, |control| {
                let Some(record) = self.jobs.claim(&record)? else {
                    return Err(busy.into());
                };
                // The continuation grants only what both callers may grant.
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

    /// A partly executed request, at the point where it stopped.
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
        // Stricter checks of frames were done when the request arrived.
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

    /// Whether the response contains the created or changed resources.
    fn shows(&self, leniency: Leniency) -> bool {
        !leniency.schemas_required && self.settings.wso2_bulk_response == BulkResponse::String
    }

    /// The names under which paths of a request in this dialect may refer to its organization.
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

    fn check_queued(
        &self,
        id: ImportId,
        call: &BulkCall,
        organization: &[String],
    ) -> Result<(), ScimError> {
        let missing =
            || ScimError::new(500, "The queued request is no longer there; send it again.");
        let file = self.jobs.put_aside_file(id).ok_or_else(missing)?;
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
            mended: 0,
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

    /// Records that the request was interrupted, if the store permits it.
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
            // Without this write, the record is shown as interrupted once the heartbeat is too old.
            tracing::error!(%error, import = %record.id, "the end of the request could not be \
             recorded");
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
        let why = match self.resume_queued(record, upload, control) {
            Ok(RunEnd::Completed) => return Ok(false),
            Ok(RunEnd::Stopping) => ImportError::Stopping.to_string(),
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
                if error.is_transient() =>
            {
                self.interrupted(&taken, true, &error.to_string());
                // It will be retried.
                return Err(error);
            }
            Err(error) => error.to_string(),
        };
        // The next start continues it, or the same call.
        self.interrupted(&taken, true, &why);
        Ok(true)
    }
}

impl Provisioner {
    fn resume_queued(
        &self,
        record: ImportRecord,
        upload: File,
        control: &Control,
    ) -> Result<RunEnd, ProvisionError> {
        let leniency = Leniency {
            schemas_required: !record.options.schemas_optional,
        };
        let limits = self.settings.bulk_limits();
        let names = self.names_in_path(&record.organization, leniency)?;
        let request = BulkRequest::read_as(upload, limits, leniency, &names)?;
        // The sender has no more rights than they have now.
        let authority = Authority {
            role: self.role_of(&record)?,
            actor: record.actor(),
        };
        let mut run = self.resumed(&authority, record, request, leniency)?;
        Ok(run.carry_out(control)?)
    }

    /// The current role of the operator who sent a queued request. If the operator was removed in
    /// the meantime, the request keeps the right to import users, which it had when it was sent,
    /// and no other.
    fn role_of(&self, record: &ImportRecord) -> Result<Role, StoreError> {
        let operator = self.store.operator(&record.operator)?;
        Ok(match operator.map(|operator| operator.role) {
            Some(Role::Admin) if record.may_grant_admin => Role::Admin,
            Some(Role::Read) => Role::Read,
            Some(Role::Admin | Role::Import) | None => Role::Import,
        })
    }
}

/// Whether the earlier request has exactly the same body, address and interpretation.
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

//! Zuora's bulk calls: an array of users, of which all are created or replaced, or none.

use std::io::Read;

use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::intake;
use crate::http::scim::answer::Answer;
use crate::http::scim::call::Call;
use crate::http::scim::error::{self, Failure};
use crate::http::scim::message;
use crate::http::scim::zuora_answer;
use crate::http::scim::zuora_user::{
    Change, ORGANIZATION_ID, add_derived, at, member, organization_id, users_of,
};
use crate::provision::all_or_nothing::{AtomicBulk, AtomicOutcome};
use crate::provision::bulk_job::{BulkAnswer, BulkCall};
use crate::provision::bulk_request::payload_too_large;
use crate::provision::operation::{Act, Operation, Precondition, not_found};
use crate::provision::plan::Strictness;
use crate::provision::rights::Authority;
use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::scim::json;
use crate::users::organization::canonical;
use crate::users::resources::Kind;

impl Call<'_> {
    /// Creates or replaces the users of the array, all or none.
    pub(super) fn zuora(&self, change: Change, body: impl Read) -> Result<Answer, Failure> {
        let settings = &self.app.provisioner.settings;
        let encoding = self.content_encoding.as_deref();
        let body = message::text(
            encoding,
            body,
            settings.max_payload_bytes,
            payload_too_large,
        )?;
        let users = users_of(json::parse(&body)?, settings.max_operations)?;
        let authority = self.authority_over(&users)?;
        let mut operations = Vec::with_capacity(users.len());
        for (index, user) in users.iter().enumerate() {
            let operation = self.operation(change, user);
            operations.push(operation.map_err(|error| at(index, user, error))?);
        }
        let bulk = AtomicBulk {
            call: BulkCall {
                authority,
                strictness: Strictness::Request,
                leniency: Leniency {
                    schemas_required: false,
                },
                key: intake::idempotency_key(self.headers),
                label: change.label(),
            },
            body: &body,
            complete: &|document| add_derived(document, change, settings),
            keeps: change.keeps(),
            show: &|resource| zuora_answer::user(self.document(resource)),
        };
        match self.app.provisioner.all_or_nothing(&bulk, operations)? {
            AtomicOutcome::Done(done) => Ok(self.zuora_done(change, *done)),
            AtomicOutcome::Refused { position, error } => Err(match users.get(position) {
                Some(user) => at(position, user, error).into(),
                None => error.into(),
            }),
        }
    }

    fn zuora_done(&self, change: Change, done: BulkAnswer) -> Answer {
        let record = &done.record;
        let import = record.dictionary();
        let minimal = change == Change::Update && intake::prefers(self.headers, "return=minimal");
        let answer = if minimal {
            let answer = Answer {
                status: StatusCode::NO_CONTENT,
                ..Answer::default()
            };
            answer.with("preference-applied", "return=minimal")
        } else {
            let settings = &self.app.provisioner.settings;
            let status = match (change, settings.zuora_created_status) {
                (Change::Create, 201) => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            let shown = done.outcomes.into_iter();
            let resources = shown.filter_map(|outcome| outcome.document).collect();
            Answer::of(status, zuora_answer::list(resources))
        };
        answer.with("muster-import", import)
    }

    fn operation(&self, change: Change, user: &Map<String, Value>) -> Result<Operation, ScimError> {
        let data = Value::Object(user.clone());
        let (id, act) = match change {
            Change::Create => (self.app.clock.new_id(), Act::Create(data)),
            Change::Update => {
                let id = member(user, "id").and_then(Value::as_str).ok_or_else(|| {
                    ScimError::value("id is missing: send the user's id as text.")
                })?;
                let uuid = Uuid::try_parse(id).map_err(|_| not_found(Kind::User, id))?;
                (uuid, Act::Replace(data))
            }
        };
        Ok(Operation {
            kind: Kind::User,
            id,
            act,
            precondition: Precondition::default(),
        })
    }

    /// The caller's authority in the organization that the users name.
    fn authority_over(&self, users: &[Map<String, Value>]) -> Result<Authority, Failure> {
        let authority = self.authority()?;
        let own = &authority.actor.organization;
        let mut agreed: Option<String> = None;
        for (index, user) in users.iter().enumerate() {
            let named = organization_id(user, self.resource_type(Kind::User));
            let named = named.map_err(|error| at(index, user, error))?;
            let organization = match named {
                None => own.clone(),
                Some(name) => self.organization(name).map_err(|failure| Failure {
                    error: at(index, user, failure.error),
                    ..failure
                })?,
            };
            if let Some(first) = &agreed
                && *first != organization
            {
                let error = ScimError::value(format!(
                    "{ORGANIZATION_ID}: this user belongs to {organization}, earlier ones to {first}. All \
                     users of a request are stored or none, which is possible in one organization only; send one \
                     request per organization."
                ));
                return Err(at(index, user, error).into());
            }
            agreed = Some(organization);
        }
        let mut authority = authority.clone();
        if let Some(organization) = agreed {
            authority.actor.organization = organization;
        }
        Ok(authority)
    }

    /// The organization with this name, if the caller may act in it.
    fn organization(&self, name: &str) -> Result<String, Failure> {
        let found =
            canonical(self.app.store.as_ref(), name).map_err(|error| error::store(&error))?;
        let own = &self.authority()?.actor.organization;
        match found {
            Some(organization) if organization == *own || self.anywhere => Ok(organization),
            None if self.anywhere => Err(Failure::new(
                StatusCode::NOT_FOUND,
                format!("{ORGANIZATION_ID}: there is no organization {name}; use an existing one."),
            )),
            // The answer does not reveal to other callers whether the organization exists.
            Some(_) | None => Err(Failure::new(
                StatusCode::FORBIDDEN,
                format!(
                    "{ORGANIZATION_ID}: you act in the organization {own} and may not store users in \
                     {name}; remove it, or call with credentials of that organization."
                ),
            )),
        }
    }
}

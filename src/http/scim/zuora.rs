//! Many users at once as Zuora's API has it: an array of users, made or replaced all together or not at
//! all.
//!
//! What Zuora fills in is stored as if the caller had sent it (`externalId`, `name.formatted`,
//! `displayName`, the extension), so that every other door sees the same user; see
//! `users/scim/zuora.rs` for what is told anew each time.

use std::io::Read;

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::http::intake;
use crate::http::scim::answer::Answer;
use crate::http::scim::endpoint::Call;
use crate::http::scim::error::{self, Failure};
use crate::http::scim::message;
use crate::http::scim::zuora_answer;
use crate::provision::bulk_job::{BulkAnswer, BulkCall};
use crate::provision::bulk_request::too_many_operations;
use crate::provision::operation::{Act, Operation, Precondition, not_found};
use crate::provision::plan::Strictness;
use crate::provision::provisioner::Authority;
use crate::provision::settings::Settings;
use crate::provision::whole::{Whole, WholeCall};
use crate::users::import_record::dictionary;
use crate::users::organization::canonical;
use crate::users::resources::Kind;
use crate::users::scim::check::Leniency;
use crate::users::scim::document::{Document, Named, get, named, put};
use crate::users::scim::error::{ErrorType, ScimError};
use crate::users::scim::json;
use crate::users::scim::schema::{ResourceType, ZUORA};
use crate::users::scim::zuora::{REGION, SSO_ENABLED};

/// The organization that a user is of.
const ORGANIZATION_ID: &str = "organizationId";

/// What is done to the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// They are made.
    Create,
    /// Those with their ids are replaced.
    Update,
}

impl Change {
    /// What the call is called in the record of its import.
    fn label(self) -> &'static str {
        match self {
            Change::Create => "scim/v2/Users/bulk",
            Change::Update => "scim/v2/Users/bulk (update)",
        }
    }

    /// What a user who is replaced keeps when the array says nothing of it: Zuora's documents have no
    /// `active`, and nobody who was shut out comes back by a change of name.
    fn keeps(self) -> &'static [&'static str] {
        match self {
            Change::Create => &[],
            Change::Update => &["active", "externalId"],
        }
    }
}

impl Call<'_> {
    /// Makes or replaces the users of the array, all or none.
    pub(super) fn zuora(&self, change: Change, body: impl Read) -> Result<Answer, Failure> {
        let settings = &self.app.provisioner.settings;
        let encoding = self.content_encoding.as_deref();
        let body = message::text(encoding, body, settings.max_payload_bytes)?;
        let users = users_of(json::parse(&body)?, settings.max_operations)?;
        let authority = self.authority_over(&users)?;
        let mut operations = Vec::with_capacity(users.len());
        for (index, user) in users.iter().enumerate() {
            let operation = self.operation(change, user);
            operations.push(operation.map_err(|error| at(index, user, error))?);
        }
        let whole = WholeCall {
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
            complete: &|document| complete(document, change, settings),
            keeps: change.keeps(),
            show: &|resource| zuora_answer::user(self.document(resource)),
        };
        match self.app.provisioner.all_or_nothing(&whole, operations)? {
            Whole::Done(done) => Ok(self.zuora_done(change, *done)),
            Whole::Refused { position, error } => Err(match users.get(position) {
                Some(user) => at(position, user, error).into(),
                None => error.into(),
            }),
        }
    }

    fn zuora_done(&self, change: Change, done: BulkAnswer) -> Answer {
        let record = &done.record;
        let import = dictionary(record.id, record.state, &record.counters);
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
                    ScimError::value("id is missing: give the id that the user got, as text.")
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

    /// The caller in the organization that the users name.
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
                    "{ORGANIZATION_ID}: the user belongs to {organization} and those before to {first}. \
                     The users of a request are made all or none, which can be done in one organization \
                     only; send a request for each."
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

    /// The organization that `name` means, where the caller may act in it.
    fn organization(&self, name: &str) -> Result<String, Failure> {
        let found =
            canonical(self.app.store.as_ref(), name).map_err(|error| error::store(&error))?;
        let own = &self.authority()?.actor.organization;
        match found {
            None => Err(Failure::new(
                StatusCode::NOT_FOUND,
                format!(
                    "{ORGANIZATION_ID}: there is no organization {name}; name one that is there."
                ),
            )),
            Some(organization) if organization == *own || self.anywhere => Ok(organization),
            Some(_) => Err(Failure::new(
                StatusCode::FORBIDDEN,
                format!(
                    "{ORGANIZATION_ID}: you act in the organization {own} and may not bring users into \
                     {name}; leave it out, or call with credentials of that organization."
                ),
            )),
        }
    }
}

/// The users of a message: an array of them, or one.
fn users_of(message: Value, most: usize) -> Result<Vec<Map<String, Value>>, ScimError> {
    let given = match message {
        Value::Array(given) => given,
        one @ Value::Object(_) => vec![one],
        _ => {
            return Err(ScimError::value(
                "The message is no array of users; send a JSON array of user objects.",
            ));
        }
    };
    if given.is_empty() {
        return Err(ScimError::value(
            "The array is empty; send at least one user.",
        ));
    }
    if given.len() > most {
        return Err(too_many_operations(most));
    }
    let users = given
        .into_iter()
        .enumerate()
        .map(|(index, user)| match user {
            Value::Object(user) => Ok(user),
            _ => Err(ScimError::value(format!(
                "Index {index}: a user must be a JSON object."
            ))),
        });
    users.collect()
}

/// What is wrong with the user at `index`, said so that the caller finds them.
fn at(index: usize, user: &Map<String, Value>, error: ScimError) -> ScimError {
    let text = |name: &str| member(user, name).and_then(Value::as_str);
    let mut place = format!("Index {index}");
    for name in ["id", "userName"] {
        if let Some(value) = text(name) {
            place.push_str(&format!(", {name} {value}"));
        }
    }
    // To a user of an array, whatever is wrong with them is a value of the message.
    let scim_type = match error.scim_type {
        Some(ErrorType::InvalidSyntax) => Some(ErrorType::InvalidValue),
        other => other,
    };
    ScimError {
        scim_type,
        detail: format!("{place}: {}", error.detail),
        ..error
    }
}

/// The member called `name`, in any case.
fn member<'u>(object: &'u Map<String, Value>, name: &str) -> Option<&'u Value> {
    let mut members = object.iter();
    let found = members.find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// The organization that a user names, in the extension or by the whole URN of the attribute.
fn organization_id<'u>(
    user: &'u Map<String, Value>,
    resource_type: &ResourceType,
) -> Result<Option<&'u str>, ScimError> {
    for (name, value) in user {
        let given = match named(name, resource_type) {
            Some(Named::Extension(schema)) if schema.id == ZUORA => value
                .as_object()
                .and_then(|inner| member(inner, ORGANIZATION_ID)),
            Some(Named::Attribute(Some(ZUORA), attribute)) if attribute.name == ORGANIZATION_ID => {
                Some(value)
            }
            _ => None,
        };
        match given {
            None | Some(Value::Null) => {}
            Some(Value::String(name)) => return Ok(Some(name)),
            Some(_) => {
                return Err(ScimError::value(format!(
                    "{ZUORA}:{ORGANIZATION_ID} must be text: the name of an organization."
                )));
            }
        }
    }
    Ok(None)
}

/// Asks for an e-mail address, and adds what Zuora fills in.
fn complete(document: &mut Document, change: Change, settings: &Settings) -> Result<(), ScimError> {
    let list = document.get("emails").and_then(Value::as_array);
    let mut addresses = list
        .into_iter()
        .flatten()
        .filter_map(|email| email.get("value")?.as_str());
    if !addresses.any(|address| !address.trim().is_empty()) {
        return Err(ScimError::value(
            "emails is missing: a user must have at least one e-mail address, as \
             [{\"value\": \"…\"}].",
        ));
    }
    if change == Change::Create
        && !document.contains_key("externalId")
        && let Some(name) = document.get("userName").cloned()
    {
        document.insert("externalId".to_owned(), name);
    }
    if let Some(Value::Object(name)) = document.get_mut("name") {
        let part = |sub: &str| name.get(sub).and_then(Value::as_str);
        let parts: Vec<&str> = ["givenName", "familyName"]
            .into_iter()
            .filter_map(part)
            .collect();
        if !name.contains_key("formatted") && !parts.is_empty() {
            let formatted = parts.join(" ");
            name.insert("formatted".to_owned(), formatted.into());
        }
        let formatted = name.get("formatted").cloned();
        if !document.contains_key("displayName") {
            document.extend(formatted.map(|formatted| ("displayName".to_owned(), formatted)));
        }
    }
    if get(document, Some(ZUORA), "schemas").is_none() {
        put(document, Some(ZUORA), "schemas", json!([ZUORA]));
    }
    put(
        document,
        Some(ZUORA),
        SSO_ENABLED,
        settings.zuora_sso_enabled.into(),
    );
    put(
        document,
        Some(ZUORA),
        REGION,
        settings.zuora_region.as_str().into(),
    );
    Ok(())
}

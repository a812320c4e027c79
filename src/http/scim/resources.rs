//! Single users and groups: returned, created, replaced, modified, deleted (RFC 7644 §3.3 to §3.6).

use actix_web::http::StatusCode;
use actix_web::http::header;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::intake;
use crate::http::scim::answer::Answer;
use crate::http::scim::call::Call;
use crate::http::scim::error::{self, Failure};
use crate::http::scim::list_request::ListRequest;
use crate::provision::operation::{
    Act, Done, Operation, Precondition, Resource, matches_tag, not_found,
};
use crate::scim::error::ScimError;
use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::resources::Kind;

impl Call<'_> {
    /// The resource type of this kind.
    pub(super) fn resource_type(&self, kind: Kind) -> &ResourceType {
        let schemas = &self.app.provisioner.schemas;
        match kind {
            Kind::User => &schemas.user,
            Kind::Group => &schemas.group,
        }
    }

    fn projection(&self, kind: Kind) -> Result<Projection<'_>, ScimError> {
        let request = ListRequest::of_query(self.query)?;
        Projection::of(
            &request.attributes.unwrap_or_default(),
            &request.excluded_attributes.unwrap_or_default(),
            self.resource_type(kind),
        )
    }

    /// A resource as a document.
    pub(super) fn document(&self, resource: &Resource) -> Map<String, Value> {
        resource.document(&self.base)
    }

    /// Returns a resource.
    pub(super) fn get(&self, kind: Kind, id: &str) -> Result<Answer, Failure> {
        let projection = self.projection(kind)?;
        let members = projection.shows("members");
        let organization = &self.authority()?.actor.organization;
        let provisioner = &self.app.provisioner;
        let resource = provisioner.resource(organization, kind, id, members)?;
        let mut document = self.document(&resource);
        let (version, location) = head(&document);
        if let Some(field) = intake::field(self.headers, &header::IF_MATCH)
            && !matches_tag(&field, &version)
        {
            return Err(ScimError::new(
                412,
                format!("The resource was changed; its version is {version}."),
            )
            .into());
        }
        if let Some(field) = intake::field(self.headers, &header::IF_NONE_MATCH)
            && matches_tag(&field, &version)
        {
            let answer = Answer {
                status: StatusCode::NOT_MODIFIED,
                ..Answer::default()
            };
            return Ok(answer.with("etag", version));
        }
        projection.apply(&mut document);
        Ok(Answer::of(StatusCode::OK, document.into())
            .with("etag", version)
            .with("content-location", location.clone())
            .with("location", location))
    }

    /// Creates a resource.
    pub(super) fn create(&self, kind: Kind, message: Value) -> Result<Answer, Failure> {
        let id = self.app.clock.new_id();
        self.run(kind, id, Act::Create(message))
    }

    /// Changes or deletes an existing resource.
    pub(super) fn change(&self, kind: Kind, id: &str, act: Act) -> Result<Answer, Failure> {
        let uuid = Uuid::try_parse(id).map_err(|_| not_found(kind, id))?;
        self.run(kind, uuid, act)
    }

    fn run(&self, kind: Kind, id: Uuid, act: Act) -> Result<Answer, Failure> {
        let projection = self.projection(kind)?;
        let if_match = intake::field(self.headers, &header::IF_MATCH);
        let if_none_match = intake::field(self.headers, &header::IF_NONE_MATCH);
        let operation = Operation {
            kind,
            id,
            act,
            precondition: Precondition::parse(if_match.as_deref()).unless(if_none_match),
        };
        let provisioner = &self.app.provisioner;
        let done = provisioner.carry_out(self.authority()?, operation, self.mount.leniency())?;
        Ok(self.done(&done, &projection))
    }

    fn done(&self, done: &Done, projection: &Projection<'_>) -> Answer {
        let status = StatusCode::from_u16(done.status()).unwrap_or_default();
        let Some(resource) = &done.resource else {
            return Answer {
                status: StatusCode::NO_CONTENT,
                ..Answer::default()
            };
        };
        let mut document = self.document(resource);
        let (version, location) = head(&document);
        projection.apply(&mut document);
        let answer = Answer::of(status, document.into())
            .with("etag", version)
            .with("location", location);
        match done.members_left_out {
            0 => answer,
            // A dictionary (RFC 9651 §3.2).
            count => answer.with("muster-left-out", format!("members={count}")),
        }
    }

    /// Returns or changes the user with the caller's name in the user store `PRIMARY`.
    pub(super) fn me(&self, act: Option<Act>) -> Result<Answer, Failure> {
        let actor = &self.authority()?.actor;
        let user = self
            .app
            .store
            .user(&actor.organization, PRIMARY_DOMAIN, &actor.operator)
            .map_err(|error| error::store(&error))?;
        let Some(user) = user else {
            return Err(ScimError::new(
                404,
                format!(
                    "There is no user with the name of the operator {}, so /Me does not exist; use \
                     /Users/ID.",
                    actor.operator
                ),
            )
            .into());
        };
        let id = user.id.to_string();
        match act {
            None => self.get(Kind::User, &id),
            Some(act) => self.change(Kind::User, &id, act),
        }
    }
}

/// The entity tag and the address of a document.
fn head(document: &Map<String, Value>) -> (String, String) {
    let meta = document.get("meta");
    let text = |name: &str| {
        let value = meta.and_then(|meta| meta.get(name)?.as_str());
        value.unwrap_or_default().to_owned()
    };
    (text("version"), text("location"))
}

//! Discovery (RFC 7644 §4): the server's configuration, resource types and schemas.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::scim::answer::Answer;
use crate::http::scim::call::Call;
use crate::http::scim::error::Failure;
use crate::http::scim::list_request::parameters;
use crate::http::scim::listing::message;
use crate::scim::error::ScimError;
use crate::scim::schema::{Attribute, ResourceType, Schema, Type};

/// URN of the configuration (RFC 7643 §5).
const CONFIGURATION: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// URN of a resource type (RFC 7643 §6).
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// URN of a schema (RFC 7643 §7).
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

impl Call<'_> {
    /// The server's capabilities.
    pub(super) fn configuration(&self) -> Answer {
        let settings = &self.app.provisioner.settings;
        let supported = |is: bool| json!({ "supported": is });
        let body = json!({
            "schemas": [CONFIGURATION],
            "patch": supported(true),
            "bulk": {
                "supported": true,
                "maxOperations": settings.max_operations,
                "maxPayloadSize": settings.max_payload_bytes,
            },
            "filter": { "supported": true, "maxResults": settings.max_page_size },
            "changePassword": supported(true),
            "sort": supported(true),
            "etag": supported(true),
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": settings.page_size,
                "maxPageSize": settings.max_page_size,
                "cursorTimeout": settings.cursor_seconds,
            },
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Bearer token",
                    "description": "A token created with muster operator token add",
                    "specUri": "https://www.rfc-editor.org/info/rfc6750",
                    "primary": true,
                },
                {
                    "type": "httpbasic",
                    "name": "HTTP Basic",
                    "description": "Name and password of an operator",
                    "specUri": "https://www.rfc-editor.org/info/rfc7617",
                },
            ],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": format!("{}/ServiceProviderConfig", self.base),
            },
        });
        Answer::of(StatusCode::OK, body)
    }

    /// The resource types, or the one with the name `id`.
    pub(super) fn resource_types(&self, id: Option<&str>) -> Result<Answer, Failure> {
        let all = self.types().into_iter();
        let documents = all.map(|one| (one.name, self.resource_type_document(one)));
        self.choose(documents.collect(), id, "resource type")
    }

    /// The schemas, or the one with the URN `id`.
    pub(super) fn schemas(&self, id: Option<&str>) -> Result<Answer, Failure> {
        let schemas = self
            .types()
            .into_iter()
            .flat_map(|one| std::iter::once(&one.schema).chain(&one.extensions));
        let documents = schemas.map(|schema| (schema.id, self.schema_document(schema)));
        self.choose(documents.collect(), id, "schema")
    }

    fn types(&self) -> [&ResourceType; 2] {
        let schemas = &self.app.provisioner.schemas;
        [&schemas.user, &schemas.group]
    }

    fn choose(
        &self,
        documents: Vec<(&str, Value)>,
        id: Option<&str>,
        what: &str,
    ) -> Result<Answer, Failure> {
        // Ignoring a filter could suggest that a missing entry does not exist (RFC 7644 §4).
        let request = parameters(self.query)?;
        if request
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("filter"))
        {
            return Err(ScimError::new(
                403,
                "Resource types and schemas cannot be filtered; remove the filter.",
            )
            .into());
        }
        let Some(id) = id else {
            let documents: Vec<Value> = documents.into_iter().map(|(_, one)| one).collect();
            let mut body = message(documents.len() as u64, documents);
            body.insert("startIndex".into(), 1.into());
            return Ok(Answer::of(StatusCode::OK, body.into()));
        };
        let found = documents
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(id));
        match found {
            Some((_, document)) => Ok(Answer::of(StatusCode::OK, document)),
            None => Err(ScimError::new(404, format!("There is no {what} {id:?}.")).into()),
        }
    }

    fn resource_type_document(&self, one: &ResourceType) -> Value {
        let extensions = one
            .extensions
            .iter()
            .map(|schema| json!({ "schema": schema.id, "required": false }));
        json!({
            "schemas": [RESOURCE_TYPE],
            "id": one.name,
            "name": one.name,
            "endpoint": one.endpoint,
            "description": one.description,
            "schema": one.schema.id,
            "schemaExtensions": extensions.collect::<Vec<Value>>(),
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{}/ResourceTypes/{}", self.base, one.name),
            },
        })
    }

    fn schema_document(&self, schema: &Schema) -> Value {
        json!({
            "schemas": [SCHEMA],
            "id": schema.id,
            "name": schema.name,
            "description": schema.description,
            "attributes": schema.attributes.iter().map(attribute).collect::<Vec<Value>>(),
            "meta": {
                "resourceType": "Schema",
                "location": format!("{}/Schemas/{}", self.base, schema.id),
            },
        })
    }
}

fn attribute(one: &Attribute) -> Value {
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
    put("name", one.name.as_ref().into());
    put("type", one.kind.as_str().into());
    put("multiValued", one.multi_valued.into());
    put("description", one.description.as_ref().into());
    put("required", one.required.into());
    put("caseExact", one.case_exact.into());
    put("mutability", one.mutability.as_str().into());
    put("returned", one.returned.as_str().into());
    put("uniqueness", one.uniqueness.as_str().into());
    if !one.canonical_values.is_empty() {
        put("canonicalValues", one.canonical_values.into());
    }
    if one.kind == Type::Reference {
        put("referenceTypes", one.reference_types.into());
    }
    if !one.sub_attributes.is_empty() {
        put(
            "subAttributes",
            one.sub_attributes.iter().map(attribute).collect(),
        );
    }
    document.into()
}

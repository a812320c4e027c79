//! The answers of Zuora's calls: its list with `resources` in lower case, its 401, and the 403 of the framework
//! that it uses. Every other failure is a SCIM error.

use actix_web::http::header::HeaderMap;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Map, Value, json};

use crate::clock::Moment;
use crate::http::challenge::Challenge;
use crate::http::intake::{self, Body};
use crate::http::scim::answer::{self, Answer};
use crate::http::scim::error::Failure;
use crate::http::scim::message::LIST_RESPONSE;

/// The media type of Zuora's answers.
const MEDIA_TYPE: &str = "application/json";

/// The path of the calls in a 403.
const PATH: &str = "/scim/v2/Users/bulk";

/// The field with the caller's id for an exchange.
const TRACK_ID: &str = "zuora-track-id";

/// Maximum length of that id, in characters.
const TRACK_ID_LIMIT: usize = 64;

/// The members of Zuora's `meta`, which has no version.
const META: [&str; 3] = ["created", "resourceType", "location"];

/// A user in Zuora's format.
pub(super) fn user(mut document: Map<String, Value>) -> Value {
    if let Some(Value::Object(meta)) = document.get_mut("meta") {
        meta.retain(|name, _| META.contains(&name.as_str()));
    }
    document.into()
}

/// The list of users that a call stored.
pub(super) fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "id": null,
        "externalId": null,
        "meta": null,
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "resources": resources,
    })
}

/// The HTTP response.
pub(super) fn respond(answer: Answer, headers: &HeaderMap, body: Body) -> HttpResponse {
    let answer = match track_id(headers) {
        Some(id) => answer.with(TRACK_ID, id),
        None => answer,
    };
    answer.respond_as(MEDIA_TYPE, headers, body)
}

/// The response for a failure at this moment.
pub(super) fn failure(
    failure: &Failure,
    at: Moment,
    headers: &HeaderMap,
    body: Body,
) -> HttpResponse {
    let mut response: HttpResponseBuilder = answer::failure_head(failure, headers, body);
    if let Some(id) = track_id(headers) {
        response.insert_header((TRACK_ID, id));
    }
    response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
    response.body(failure_body(failure, at).to_string())
}

fn failure_body(failure: &Failure, at: Moment) -> Value {
    let detail = failure.error.detail.as_str();
    match StatusCode::from_u16(failure.error.status) {
        Ok(StatusCode::UNAUTHORIZED) => {
            let code = match failure.challenge {
                Some(Challenge::InvalidToken) => "invalid_token",
                Some(Challenge::Credentials) | None => "invalid_credentials",
            };
            json!({"success": false, "reasons": [{"code": code, "message": detail}]})
        }
        Ok(StatusCode::FORBIDDEN) => json!({
            "timestamp": at.to_rfc3339(),
            "status": 403,
            "error": "Forbidden",
            "message": detail,
            "path": PATH,
        }),
        _ => failure.body(),
    }
}

/// The caller's id for this exchange; ids that are too long or not ASCII are not repeated.
fn track_id(headers: &HeaderMap) -> Option<String> {
    let name = header::HeaderName::from_static(TRACK_ID);
    let id = intake::field(headers, &name)?;
    let plain = id.chars().all(|sign| matches!(sign, ' '..='~'));
    (plain && (1..=TRACK_ID_LIMIT).contains(&id.len())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::error::ScimError;

    #[test]
    fn refusals_have_the_documented_members() {
        let body = |failure: &Failure| failure_body(failure, Moment(0));
        let refused = Failure {
            challenge: Some(Challenge::InvalidToken),
            ..Failure::new(StatusCode::UNAUTHORIZED, "no")
        };
        assert_eq!(
            body(&refused),
            json!({"success": false, "reasons": [{"code": "invalid_token", "message": "no"}]})
        );
        assert_eq!(
            body(&Failure::new(StatusCode::FORBIDDEN, "no")),
            json!({
                "timestamp": "1970-01-01T00:00:00.000Z", "status": 403, "error": "Forbidden",
                "message": "no", "path": "/scim/v2/Users/bulk",
            })
        );
        assert_eq!(
            body(&ScimError::new(404, "no").into()),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404",
                "detail": "no",
            })
        );
    }
}

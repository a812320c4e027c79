//! The HTTP answer: status, header fields, JSON.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use crate::http::intake::{self, Body};
use crate::http::scim::error::Failure;

/// The media type of every answer (RFC 7644 §8.1), without a charset: some clients compare it exactly.
pub const MEDIA_TYPE: &str = "application/scim+json";

/// An answer, ready to be sent.
#[derive(Debug, Default)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// Further fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Value>,
}

impl Answer {
    /// An answer with a document.
    pub fn of(status: StatusCode, body: Value) -> Self {
        Answer {
            status,
            fields: Vec::new(),
            body: Some(body),
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The HTTP response, for a request with these header fields.
    pub fn respond(self, headers: &HeaderMap, body: Body) -> HttpResponse {
        self.respond_as(MEDIA_TYPE, headers, body)
    }

    /// The same, with another media type.
    pub fn respond_as(self, media_type: &str, headers: &HeaderMap, body: Body) -> HttpResponse {
        let mut response = start(self.status, &self.fields, headers, body);
        match self.body {
            Some(value) => response.content_type(media_type).body(value.to_string()),
            None => response.finish(),
        }
    }
}

/// The head of an answer.
pub fn start(
    status: StatusCode,
    fields: &[(&'static str, String)],
    headers: &HeaderMap,
    body: Body,
) -> HttpResponseBuilder {
    let mut response = HttpResponseBuilder::new(status);
    intake::close_if_needed(&mut response, headers, body);
    for (name, value) in fields {
        response.insert_header((*name, value.as_str()));
    }
    // The content depends on the caller.
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// The answer for a failure.
pub fn failure(failure: &Failure, headers: &HeaderMap, body: Body) -> HttpResponse {
    failure_head(failure, headers, body)
        .content_type(MEDIA_TYPE)
        .body(failure.body().to_string())
}

/// The head of the answer for a failure.
pub fn failure_head(failure: &Failure, headers: &HeaderMap, body: Body) -> HttpResponseBuilder {
    let status =
        StatusCode::from_u16(failure.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = start(status, &[], headers, body);
    if let Some(challenge) = failure.challenge {
        challenge.add_to(&mut response);
    }
    if let Some(allow) = &failure.allow {
        response.insert_header((header::ALLOW, allow.as_str()));
    }
    if let Some(seconds) = failure.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    response
}

//! The answer of a successful call: status, JSON, and the import's address.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::http::intake::{self, Body};
use crate::http::rest::fields::IMPORT_FIELD;
use crate::http::rest::problem_details::ProblemDetails;
use crate::users::import_id::ImportId;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    location: Option<String>,
    /// The field `Muster-Import`.
    import: Option<String>,
    queued: bool,
    body: String,
}

impl Answer {
    /// `value` as JSON.
    ///
    /// # Errors
    /// It cannot be serialized.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, ProblemDetails> {
        let body = serde_json::to_string(value).map_err(|error| {
            tracing::error!(%error, "an answer could not be serialized");
            ProblemDetails::internal("IMP-INTERNAL", "The answer could not be serialized.")
        })?;
        Ok(Answer {
            status,
            location: None,
            import: None,
            queued: false,
            body,
        })
    }

    /// Adds the address of its import.
    #[must_use]
    pub fn with_location(mut self, import: ImportId) -> Self {
        self.location = Some(format!("/api/v1/imports/{import}"));
        self
    }

    /// Adds the field `Muster-Import`.
    #[must_use]
    pub fn with_import(mut self, dictionary: String) -> Self {
        self.import = Some(dictionary);
        self
    }

    /// Marks the import as queued, as the caller preferred (RFC 7240 §3).
    #[must_use]
    pub fn queued(mut self) -> Self {
        self.queued = true;
        self
    }

    /// The HTTP response, for a request with these header fields.
    pub fn respond(self, headers: &HeaderMap, body: Body) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(import) = self.import {
            response.insert_header((IMPORT_FIELD, import));
        }
        if self.queued {
            response.insert_header(("Preference-Applied", "respond-async"));
        }
        intake::close_if_needed(&mut response, headers, body);
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("application/json")
            .body(self.body)
    }
}

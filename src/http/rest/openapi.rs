//! The OpenAPI 3.1 document: `openapi.json`, with the address that its readers reached the server at.
//! `tests/it/rest.rs` holds it against the routes and against real answers.

use serde_json::{Value, json};

use crate::http::rest::problem_details::ProblemDetails;

const DOCUMENT: &str = include_str!("openapi.json");

/// The document for callers who reach the server at `base_url`.
///
/// # Errors
/// The document is no JSON object.
pub fn document(base_url: &str) -> Result<Value, ProblemDetails> {
    let mut document: Value = serde_json::from_str(DOCUMENT).map_err(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be read");
        ProblemDetails::internal("IMP-INTERNAL", "The document cannot be read.")
    })?;
    if let Some(members) = document.as_object_mut() {
        members.insert("servers".into(), json!([{ "url": base_url }]));
        if let Some(info) = members.get_mut("info").and_then(Value::as_object_mut) {
            info.insert("version".into(), env!("CARGO_PKG_VERSION").into());
        }
    }
    Ok(document)
}

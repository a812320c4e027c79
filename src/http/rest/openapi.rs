//! The OpenAPI 3.1 document: `openapi.json`, with the address at which the caller reached the server.
//! `tests/it/rest.rs` compares it with the routes and with real answers.

use serde_json::{Value, json};

use crate::http::rest::problem_details::ProblemDetails;

const DOCUMENT: &str = include_str!("openapi.json");

/// The document for callers that reach the server at `base_url`.
///
/// # Errors
/// The document is not a JSON object.
pub fn document(base_url: &str) -> Result<Value, ProblemDetails> {
    let mut document: Value = serde_json::from_str(DOCUMENT).map_err(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be parsed");
        ProblemDetails::internal("IMP-INTERNAL", "The OpenAPI document cannot be parsed.")
    })?;
    if let Some(members) = document.as_object_mut() {
        members.insert("servers".into(), json!([{ "url": base_url }]));
        if let Some(info) = members.get_mut("info").and_then(Value::as_object_mut) {
            info.insert("version".into(), env!("CARGO_PKG_VERSION").into());
        }
    }
    Ok(document)
}

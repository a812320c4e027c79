//! Reads messages: decodes them, limits their size, and parses them strictly.

use std::io::{self, Read};

use serde_json::Value;

use crate::http::scim::error::Failure;
use crate::provision::bulk_request::unread;
use crate::scim::error::ScimError;
use crate::scim::json;
use crate::wiped::Wiped;
use crate::wire::error::WireError;
use crate::wire::inflate;

/// Initial capacity for a message, so that most are not reallocated.
const FIRST: usize = 16 * 1024;

/// Reads a message of at most `limit` bytes.
///
/// # Errors
/// It is too long, truncated, or not acceptable JSON.
pub fn read(encoding: Option<&str>, body: impl Read, limit: u64) -> Result<Value, Failure> {
    Ok(json::parse(&text(encoding, body, limit, too_large)?)?)
}

/// Reads to the end of a body that is not needed: a request with a broken body is not carried out.
///
/// # Errors
/// It is too long or truncated.
pub fn drain(body: impl Read, limit: u64) -> Result<(), Failure> {
    let mut body = body.take(limit.saturating_add(1));
    let read = io::copy(&mut body, &mut io::sink()).map_err(WireError::from_io);
    match read.map_err(|error| unread(&error, limit, too_large))? {
        length if length > limit => Err(too_large(limit).into()),
        _ => Ok(()),
    }
}

/// The error for a message of a single resource that is too long.
pub fn too_large(limit: u64) -> ScimError {
    ScimError::new(
        413,
        format!(
            "The body exceeds the limit of {limit} bytes for one resource or patch; split \
             the change into several requests."
        ),
    )
}

/// The text of a message of at most `limit` bytes; `too_large` is the error for a longer one.
///
/// # Errors
/// It is too long, truncated or missing.
pub fn text(
    encoding: Option<&str>,
    body: impl Read,
    limit: u64,
    too_large: fn(u64) -> ScimError,
) -> Result<Wiped, Failure> {
    let mut bytes = Wiped::with_capacity(FIRST);
    // Reading one more byte detects a body that is too long.
    inflate::decode(encoding, body, limit)
        .and_then(|body| {
            body.take(limit + 1)
                .read_to_end(&mut bytes)
                .map_err(WireError::from_io)
        })
        .map_err(|error| unread(&error, limit, too_large))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit).into());
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ScimError::syntax("The request has no body; send a JSON document.").into());
    }
    Ok(bytes)
}

/// URN of the message.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

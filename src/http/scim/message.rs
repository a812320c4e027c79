//! Messages on their way in: decoded, no longer than they may be, read strictly.

use std::io::{self, Read};

use serde_json::Value;

use crate::http::scim::error::Failure;
use crate::provision::bulk_request::unread;
use crate::scim::error::ScimError;
use crate::scim::json;
use crate::wiped::Wiped;
use crate::wire::error::WireError;
use crate::wire::inflate;

/// Room for a message at first, so that most need not be moved.
const FIRST: usize = 16 * 1024;

/// Reads a message of at most `limit` bytes.
///
/// # Errors
/// It is too long, did not come to its end, or is no JSON that can be read.
pub fn read(encoding: Option<&str>, body: impl Read, limit: u64) -> Result<Value, Failure> {
    Ok(json::parse(&text(encoding, body, limit, too_large)?)?)
}

/// Reads the body of a request that needs none, to its end: a request whose body is broken is not carried out.
///
/// # Errors
/// It is too long, or did not come to its end.
pub fn pass_over(body: impl Read, limit: u64) -> Result<(), Failure> {
    let mut body = body.take(limit.saturating_add(1));
    let read = io::copy(&mut body, &mut io::sink()).map_err(WireError::from_io);
    match read.map_err(|error| unread(&error, limit, too_large))? {
        length if length > limit => Err(too_large(limit).into()),
        _ => Ok(()),
    }
}

/// What is answered to the message of a single resource that is too long.
pub fn too_large(limit: u64) -> ScimError {
    ScimError::new(
        413,
        format!(
            "The body has more than the {limit} bytes that one resource or patch may have here; send \
             less of it at once."
        ),
    )
}

/// The text of a message of at most `limit` bytes; what is said of a longer one depends on what it is.
///
/// # Errors
/// It is too long, did not come to its end, or there is none.
pub fn text(
    encoding: Option<&str>,
    body: impl Read,
    limit: u64,
    too_large: fn(u64) -> ScimError,
) -> Result<Wiped, Failure> {
    let mut bytes = Wiped::with_capacity(FIRST);
    // One byte more tells a body that is too long from one that just fits.
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

//! Whether a request is let in, by its head alone.

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::cross_site;
use crate::http::intake;
use crate::http::login::Refused;
use crate::http::scim::error::Failure;
use crate::http::scim::message::too_large;
use crate::http::scim::place::Place;
use crate::http::scim::routes::{Operation, Route};
use crate::http::traffic::Traffic;
use crate::provision::bulk_request::payload_too_large;
use crate::users::channel::Channel;
use crate::users::operator::Role;

/// A request that is not let in.
#[derive(Debug)]
pub struct TurnedAway {
    /// The answer.
    pub failure: Failure,
    /// Nobody has said who is calling.
    pub stranger: bool,
}

/// Lets a request in, or turns it away. A session's cookie is never enough, and Basic credentials are not
/// where a page of another site caused the request: browsers add both by themselves.
///
/// # Errors
/// The answer.
pub async fn admit(
    app: &web::Data<App>,
    traffic: &Traffic,
    (place, route): (&Place, &Route),
    head: &RequestHead,
) -> Result<Option<Caller>, TurnedAway> {
    let turn_away = |failure: Failure, stranger| {
        tracing::warn!(
            status = failure.error.status,
            "a call was refused by its head"
        );
        TurnedAway { failure, stranger }
    };
    if intake::expects_the_unknown(head) {
        let failure = Failure::new(
            StatusCode::EXPECTATION_FAILED,
            "The only expectation that can be met here is 100-continue.",
        );
        return Err(turn_away(failure, true));
    }
    let caller = match route.right {
        None => None,
        Some(_) if !head.headers.contains_key(header::AUTHORIZATION) => {
            return Err(turn_away(Refused::NoCredentials.into(), true));
        }
        Some(right) => {
            let caller = intake::authenticate(app, traffic, head, Channel::Scim)
                .await
                .map_err(|refused| turn_away(refused.into(), true))?;
            if cross_site::is_forged(head) {
                let failure = Failure::new(StatusCode::FORBIDDEN, cross_site::DETAIL);
                return Err(turn_away(failure, false));
            }
            may(&caller, right).map_err(|failure| turn_away(failure, false))?;
            let entered = place.enter(app, caller);
            Some(entered.map_err(|failure| turn_away(failure, false))?)
        }
    };
    acceptable(&head.headers).map_err(|failure| turn_away(failure, false))?;
    if has_body(&head.method) {
        readable(&head.headers).map_err(|failure| turn_away(failure, false))?;
        announced(app, &head.headers, route.operation)
            .map_err(|failure| turn_away(failure, false))?;
    }
    Ok(caller)
}

/// Whether a message comes with the request.
fn has_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// Bytes that the body may have.
pub fn limit(app: &App, operation: Operation) -> u64 {
    let settings = &app.provisioner.settings;
    match operation.is_bulk() {
        true => settings.max_payload_bytes,
        false => settings.max_resource_bytes,
    }
}

fn may(caller: &Caller, right: Role) -> Result<(), Failure> {
    match caller.role.includes(right) {
        true => Ok(()),
        false => Err(Failure::new(
            StatusCode::FORBIDDEN,
            format!(
                "Operation is not permitted. You do not have permissions to make this request: it \
                 takes an operator with the role {}, and {} has the role {}.",
                right.as_str(),
                caller.name,
                caller.role.as_str()
            ),
        )),
    }
}

/// Whether the caller can read the answer (RFC 9110 §12.5.1).
fn acceptable(headers: &HeaderMap) -> Result<(), Failure> {
    let fields = headers.get_all(header::ACCEPT);
    let mut ranges = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(media_type)
        .filter(|range| !range.is_empty())
        .peekable();
    let known = |range: String| {
        matches!(
            range.as_str(),
            "*/*" | "application/*" | "application/scim+json" | "application/json"
        )
    };
    if ranges.peek().is_none() || ranges.any(known) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::NOT_ACCEPTABLE,
        "Answers are application/scim+json, which the request does not accept.",
    ))
}

/// Whether the message is one that can be read here. A page of another site can send a message without a
/// media type, and none with one of these, unless the server agrees (Fetch standard, CORS-safelisted
/// request headers); so none may be missing where a browser can have added the credentials.
fn readable(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(field) = intake::field(headers, &header::CONTENT_TYPE) else {
        return match cross_site::is_ambient(headers) {
            false => Ok(()),
            true => Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request has no Content-Type; send application/scim+json or application/json.",
            )),
        };
    };
    match media_type(&field).as_str() {
        "application/scim+json" | "application/json" => Ok(()),
        other => Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "The Content-Type {other} is not taken here; send application/scim+json or \
                 application/json."
            ),
        )),
    }
}

/// The type without its parameters, in lower case.
fn media_type(field: &str) -> String {
    let bare = field.split_once(';').map_or(field, |(bare, _)| bare);
    bare.trim().to_ascii_lowercase()
}

/// What the head says of the body's length can be refused before the body comes.
fn announced(app: &App, headers: &HeaderMap, operation: Operation) -> Result<(), Failure> {
    let length = intake::field(headers, &header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.trim().parse().ok());
    let limit = limit(app, operation);
    match length {
        Some(length) if length > limit => Err(match operation.is_bulk() {
            true => payload_too_large(limit).into(),
            false => too_large(limit).into(),
        }),
        _ => Ok(()),
    }
}

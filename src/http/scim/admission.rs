//! Accepts or rejects a request by its head alone.

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::cross_site;
use crate::http::front_end::Rejection;
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

/// A request that was accepted by its head; its body may be read.
#[derive(Debug)]
pub struct Admitted {
    /// The caller; none where anyone may ask.
    pub caller: Option<Caller>,
}

/// Accepts or rejects a request. Browsers add cookies and Basic credentials automatically, so a session's cookie
/// is never accepted, and Basic credentials are not accepted if a page of another site caused the request.
///
/// # Errors
/// The answer to send instead.
pub async fn admit(
    app: &web::Data<App>,
    traffic: &Traffic,
    (place, route): (&Place, &Route),
    head: &RequestHead,
) -> Result<Admitted, Rejection<Failure>> {
    let reject = |refusal: Failure, unauthenticated| Rejection {
        refusal,
        unauthenticated,
    };
    if intake::has_unknown_expectation(head) {
        let failure = Failure::new(
            StatusCode::EXPECTATION_FAILED,
            "The only supported expectation is 100-continue.",
        );
        return Err(reject(failure, true));
    }
    let caller = match route.right {
        None => None,
        Some(_) if !head.headers.contains_key(header::AUTHORIZATION) => {
            return Err(reject(Refused::NoCredentials.into(), true));
        }
        Some(right) => {
            let caller = intake::authenticate(app, traffic, head, Channel::Scim)
                .await
                .map_err(|refused| reject(refused.into(), true))?;
            if cross_site::is_forged(head) {
                let failure = Failure::new(StatusCode::FORBIDDEN, cross_site::DETAIL);
                return Err(reject(failure, false));
            }
            require_role(&caller, right).map_err(|failure| reject(failure, false))?;
            let entered = place.enter(app, caller);
            Some(entered.map_err(|failure| reject(failure, false))?)
        }
    };
    check_accept(&head.headers).map_err(|failure| reject(failure, false))?;
    if has_body(&head.method) {
        check_media_type(&head.headers).map_err(|failure| reject(failure, false))?;
        check_length(app, &head.headers, route.operation)
            .map_err(|failure| reject(failure, false))?;
    }
    Ok(Admitted { caller })
}

/// Whether the request has a message.
fn has_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// Maximum size of the body in bytes.
pub fn limit(app: &App, operation: Operation) -> u64 {
    let settings = &app.provisioner.settings;
    match operation.is_bulk() {
        true => settings.max_payload_bytes,
        false => settings.max_resource_bytes,
    }
}

fn require_role(caller: &Caller, right: Role) -> Result<(), Failure> {
    match caller.role.includes(right) {
        true => Ok(()),
        false => Err(Failure::new(
            StatusCode::FORBIDDEN,
            format!(
                "Operation is not permitted. You do not have permissions to make this request: it \
                 requires an operator with the role {}; {} has the role {}.",
                right.as_str(),
                caller.name,
                caller.role.as_str()
            ),
        )),
    }
}

/// Whether the caller can read the answer (RFC 9110 §12.5.1).
fn check_accept(headers: &HeaderMap) -> Result<(), Failure> {
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
        "The answer would be application/scim+json, which the request does not accept.",
    ))
}

/// Whether the message's media type is supported. A page of another site can send a message without a media type, but
/// not with one of these, unless the server agrees (Fetch standard, CORS-safelisted request headers). The media type
/// is therefore required if a browser may have added the credentials.
fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
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
                "The Content-Type {other} is not supported here; send application/scim+json or \
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

/// Rejects a body whose announced length exceeds the limit, before it is sent.
fn check_length(app: &App, headers: &HeaderMap, operation: Operation) -> Result<(), Failure> {
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

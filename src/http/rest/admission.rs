//! What is decided by a call's head, before its body is read: who the caller is, whether they have the
//! right, and whether the body's type and size are acceptable.
//!
//! A call that changes something is refused if a page of another site caused it (`http/cross_site.rs`). If
//! it has only a session's cookie, it needs a header field that a form cannot send.

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::charset::TextCharset;
use crate::http::front_end::Rejection;
use crate::http::rest::front_end::RestFrontEnd;
use crate::http::rest::parameters::Query;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::{Operation, Route};
use crate::http::{cross_site, intake};
use crate::users::channel::Channel;
use crate::users::operator::Role;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;

/// The field that proves that a program or script made the request, not a form.
pub const REQUEST_FIELD: HeaderName = HeaderName::from_static("muster-request");

/// The field with the default password if the body is the file itself.
pub const PASSWORD_FIELD: HeaderName = HeaderName::from_static("muster-default-password");

/// A call that was accepted by its head; its body may be read.
#[derive(Debug)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// The query's parameters.
    pub query: Query,
}

/// How a file is sent.
#[derive(Debug)]
pub enum Upload {
    /// As a field of a form (RFC 7578).
    Form {
        /// The boundary between the fields.
        boundary: String,
    },
    /// As the body itself.
    Raw {
        /// Its name unless the caller gives another.
        file_name: &'static str,
        /// The charset of its media type.
        charset: Option<TextCharset>,
    },
}

impl Upload {
    /// How the file is sent, according to this head.
    ///
    /// # Errors
    /// The media type cannot carry a file.
    pub fn of(headers: &HeaderMap) -> Result<Self, ProblemDetails> {
        let refuse = |found: String| {
            ProblemDetails::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                WireError::MediaType { what: "" }.code(),
                format!(
                    "{found}; send multipart/form-data with the file as a field, or the file itself as \
                     text/csv, text/tab-separated-values, application/vnd.ms-excel or \
                     application/vnd.openxmlformats-officedocument.spreadsheetml.sheet."
                ),
            )
        };
        let Some(field) = intake::field(headers, &header::CONTENT_TYPE) else {
            return Err(refuse("The request has no Content-Type".into()));
        };
        let media_type = MediaType::parse(&field)?;
        let file_name = match media_type.essence.as_str() {
            "multipart/form-data" => {
                let boundary = media_type.boundary()?.to_owned();
                return Ok(Upload::Form { boundary });
            }
            "text/csv" => "users.csv",
            "text/tab-separated-values" => "users.tsv",
            "application/vnd.ms-excel" => "users.xls",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "users.xlsx",
            other => {
                return Err(refuse(format!(
                    "The Content-Type {other} is not supported here"
                )));
            }
        };
        let charset = TextCharset::stated(Some(&media_type));
        Ok(Upload::Raw { file_name, charset })
    }
}

/// Accepts or rejects a call by its head alone.
///
/// # Errors
/// The answer to send instead.
pub async fn admit(
    app: &web::Data<App>,
    state: &RestFrontEnd,
    route: &Route,
    head: &RequestHead,
) -> Result<Admitted, Rejection<ProblemDetails>> {
    let reject = |refusal: ProblemDetails, unauthenticated| Rejection {
        refusal,
        unauthenticated,
    };
    if intake::has_unknown_expectation(head) {
        let problem = ProblemDetails::new(
            StatusCode::EXPECTATION_FAILED,
            "IMP-HTTP-EXPECT",
            "The only supported expectation is 100-continue.",
        );
        return Err(reject(problem, true));
    }
    let caller = match intake::authenticate(app, &state.traffic, head, Channel::Rest).await {
        Ok(caller) => caller,
        Err(refused) => return Err(reject(refused.into(), true)),
    };
    let reject_known = |problem| reject(problem, false);
    refuse_forged(head).map_err(reject_known)?;
    if let Some(right) = route.right {
        require_role(&caller, right).map_err(reject_known)?;
    }
    let query = Query::parse(route, head.uri.query().unwrap_or_default()).map_err(reject_known)?;
    if matches!(route.operation, Operation::Upload(_)) {
        check_announced_body(&head.headers, &query, state.body_limit).map_err(reject_known)?;
    }
    Ok(Admitted { caller, query })
}

fn require_role(caller: &Caller, right: Role) -> Result<(), ProblemDetails> {
    match caller.role.includes(right) {
        true => Ok(()),
        false => Err(ProblemDetails::new(
            StatusCode::FORBIDDEN,
            "IMP-ACCESS-RIGHT",
            format!(
                "This requires an operator with the role {}; {} has the role {}.",
                right.as_str(),
                caller.name,
                caller.role.as_str()
            ),
        )),
    }
}

/// Rejects what the head announces about the body before the body is sent.
fn check_announced_body(
    headers: &HeaderMap,
    query: &Query,
    limit: u64,
) -> Result<(), ProblemDetails> {
    let length = intake::field(headers, &header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.trim().parse().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(WireError::HttpTooLarge { limit }.into());
    }
    let has_options_outside_form = !query.is_empty() || headers.contains_key(PASSWORD_FIELD);
    match Upload::of(headers)? {
        Upload::Form { .. } if has_options_outside_form => Err(ProblemDetails::bad_request(
            "IMP-PARAMETER",
            "With multipart/form-data the options and the default password must be fields of the form; \
             remove them from the query and the header.",
        )),
        Upload::Form { .. } | Upload::Raw { .. } => Ok(()),
    }
}

fn refuse_forged(head: &RequestHead) -> Result<(), ProblemDetails> {
    let refuse = |detail: &str| {
        Err(ProblemDetails::new(
            StatusCode::FORBIDDEN,
            cross_site::CODE,
            detail,
        ))
    };
    if cross_site::is_forged(head) {
        return refuse(cross_site::DETAIL);
    }
    let only_a_cookie = !head.headers.contains_key(header::AUTHORIZATION);
    if head.method != Method::GET && only_a_cookie && !head.headers.contains_key(REQUEST_FIELD) {
        return refuse(
            "The request is authenticated only by a cookie; also send the header field Muster-Request: 1, \
             which pages of other sites cannot send.",
        );
    }
    Ok(())
}

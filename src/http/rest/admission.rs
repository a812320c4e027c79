//! What is decided by a call's head alone, before anything of its body is read: who calls, whether they
//! may, and whether what they send can be taken.
//!
//! A call that changes something is refused when a page of another site caused it (`http/cross_site.rs`),
//! and one that has nothing but a session's cookie needs a header field that no form can send.

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::charset::TextCharset;
use crate::http::rest::front_end::RestFrontEnd;
use crate::http::rest::parameters::Query;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::Route;
use crate::http::{cross_site, intake};
use crate::users::channel::Channel;
use crate::users::operator::Role;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;

/// The field that says that a program of ours or of the caller's made the request, and no form.
pub const REQUEST_FIELD: HeaderName = HeaderName::from_static("muster-request");

/// The field with the default password of a file that is the body itself.
pub const PASSWORD_FIELD: HeaderName = HeaderName::from_static("muster-default-password");

/// A call whose body may come.
#[derive(Debug)]
pub struct Admitted {
    /// Who calls.
    pub caller: Caller,
    /// What the query says.
    pub query: Query,
}

/// A call whose answer is known, whatever its body holds.
#[derive(Debug)]
pub struct TurnedAway {
    /// The answer.
    pub problem: ProblemDetails,
    /// Nobody has said, or proved, who is calling.
    pub stranger: bool,
}

/// How a file travels.
#[derive(Debug)]
pub enum Upload {
    /// As a field of a form (RFC 7578).
    Form {
        /// What stands between the fields.
        boundary: String,
    },
    /// It is the body itself.
    Raw {
        /// What it is called unless the caller says something else.
        file_name: &'static str,
        /// The charset that its media type states.
        charset: Option<TextCharset>,
    },
}

impl Upload {
    /// How the file travels that this head announces.
    ///
    /// # Errors
    /// No file travels under this media type.
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
                    "The Content-Type {other} is not taken here"
                )));
            }
        };
        let charset = TextCharset::stated(Some(&media_type));
        Ok(Upload::Raw { file_name, charset })
    }
}

/// Lets a call in or turns it away, by its head alone.
///
/// # Errors
/// The answer.
pub async fn admit(
    app: &web::Data<App>,
    state: &RestFrontEnd,
    route: &Route,
    head: &RequestHead,
) -> Result<Admitted, TurnedAway> {
    let turn_away = |problem: ProblemDetails, stranger| {
        tracing::warn!(rule = problem.code, "a call was refused by its head");
        TurnedAway { problem, stranger }
    };
    if intake::expects_the_unknown(head) {
        let problem = ProblemDetails::new(
            StatusCode::EXPECTATION_FAILED,
            "IMP-HTTP-EXPECT",
            "The only expectation that can be met here is 100-continue.",
        );
        return Err(turn_away(problem, true));
    }
    let caller = match intake::authenticate(app, &state.traffic, head, Channel::Rest).await {
        Ok(caller) => caller,
        Err(refused) => return Err(turn_away(refused.into(), true)),
    };
    let known = |problem| turn_away(problem, false);
    not_forged(head).map_err(known)?;
    if let Some(right) = route.right {
        may(&caller, right).map_err(known)?;
    }
    let query = Query::parse(route, head.uri.query().unwrap_or_default()).map_err(known)?;
    if route.operation.is_upload() {
        announced(&head.headers, &query, state.body_limit).map_err(known)?;
    }
    Ok(Admitted { caller, query })
}

fn may(caller: &Caller, right: Role) -> Result<(), ProblemDetails> {
    match caller.role.includes(right) {
        true => Ok(()),
        false => Err(ProblemDetails::new(
            StatusCode::FORBIDDEN,
            "IMP-ACCESS-RIGHT",
            format!(
                "This takes an operator with the role {}; {} has the role {}.",
                right.as_str(),
                caller.name,
                caller.role.as_str()
            ),
        )),
    }
}

/// What the head says of the body can be refused before the body comes.
fn announced(headers: &HeaderMap, query: &Query, limit: u64) -> Result<(), ProblemDetails> {
    let length = intake::field(headers, &header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.trim().parse().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(WireError::HttpTooLarge { limit }.into());
    }
    let said_elsewhere = !query.is_empty() || headers.contains_key(PASSWORD_FIELD);
    match Upload::of(headers)? {
        Upload::Form { .. } if said_elsewhere => Err(ProblemDetails::bad_request(
            "IMP-PARAMETER",
            "With multipart/form-data the options and the default password are fields of the form; \
             leave them out of the query and of the header.",
        )),
        Upload::Form { .. } | Upload::Raw { .. } => Ok(()),
    }
}

fn not_forged(head: &RequestHead) -> Result<(), ProblemDetails> {
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
            "Nothing but a cookie says who is calling; send the header field Muster-Request: 1 too, \
             which no page of another site can.",
        );
    }
    Ok(())
}

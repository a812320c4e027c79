//! The HTTP head of a call: what it says about the body, and what can be decided before the body is
//! read.
//!
//! A client that waits for `100 Continue` (RFC 9110 §10.1.1) gets this decision instead and does not
//! send its body; other clients get it after they have sent the body.

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::cross_site;
use crate::http::front_end::Rejection;
use crate::http::intake::{self, field, has_unknown_expectation};
use crate::http::login::Refused;
use crate::http::request_id;
use crate::http::soap::answer::Answer;
use crate::http::soap::fault::Fault;
use crate::http::soap::front_end::SoapFrontEnd;
use crate::http::soap::service::Service;
use crate::http::soap::version::SoapVersion;
use crate::users::channel::Channel;
use crate::wire::error::WireError;
use crate::wire::media_type::MediaType;

/// What the HTTP head says about the body.
#[derive(Debug)]
pub struct Head {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// The id of the caller's session.
    pub session: Option<String>,
    /// The caller's key for this call (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
    pub key: Option<String>,
    /// Whether the client accepts an answer before the work is done (`Prefer: respond-async`, RFC 7240 §4.1).
    pub respond_async: bool,
    /// The request's id.
    pub request_id: Option<String>,
    /// `Content-Length`; chunked bodies have none.
    pub content_length: Option<u64>,
}

/// How a message is packaged.
#[derive(Debug)]
pub enum Form {
    /// multipart/related: the envelope and its attachments.
    Related(MediaType),
    /// The envelope alone.
    Bare(MediaType),
}

impl Head {
    /// Reads the header fields.
    pub fn of(headers: &HeaderMap) -> Self {
        Head {
            content_type: field(headers, &header::CONTENT_TYPE),
            content_encoding: field(headers, &header::CONTENT_ENCODING),
            session: intake::session(headers),
            key: intake::idempotency_key(headers),
            respond_async: intake::prefers_async(headers),
            request_id: request_id::of(headers),
            content_length: field(headers, &header::CONTENT_LENGTH)
                .and_then(|length| length.trim().parse().ok()),
        }
    }

    /// The SOAP version to answer in when the message is not read.
    fn version(&self) -> SoapVersion {
        SoapVersion::guess(self.media_type().ok().flatten().as_ref())
    }

    /// How the message is packaged.
    ///
    /// # Errors
    /// The media type cannot be parsed, or cannot carry an envelope.
    fn form(&self) -> Result<Form, Fault> {
        match self.media_type()? {
            Some(related) if related.essence == "multipart/related" => Ok(Form::Related(related)),
            Some(bare) if is_envelope(&bare.essence) => Ok(Form::Bare(bare)),
            other => Err(unsupported(other.as_ref())),
        }
    }

    fn media_type(&self) -> Result<Option<MediaType>, WireError> {
        let text = self.content_type.as_deref();
        text.map(MediaType::parse).transpose()
    }
}

impl Form {
    /// The media type.
    fn media_type(&self) -> &MediaType {
        match self {
            Form::Related(media) | Form::Bare(media) => media,
        }
    }

    /// The SOAP version to answer in until the envelope has been read.
    pub fn version(&self) -> SoapVersion {
        SoapVersion::guess(Some(self.media_type()))
    }

    /// Whether the message is an XOP package, which means that its sender can read one too.
    pub fn is_mtom(&self) -> bool {
        is_package(self.media_type())
    }
}

/// A call that was accepted by its head; its body may be read.
#[derive(Debug)]
pub struct Admitted {
    /// What the head says about the body.
    pub head: Head,
    /// How the message is packaged.
    pub form: Form,
    /// The caller; if absent, the envelope must name them.
    pub caller: Option<Caller>,
}

/// Accepts or rejects a call by its head alone.
///
/// # Errors
/// The answer to send instead.
pub async fn admit(
    app: &web::Data<App>,
    state: &SoapFrontEnd,
    service: Service,
    request: &RequestHead,
) -> Result<Admitted, Rejection<Answer>> {
    let head = Head::of(&request.headers);
    let reject = |fault: Fault, unauthenticated| {
        let id = head.request_id.clone();
        Rejection {
            refusal: Answer::fault(service, head.version(), None, &fault, id, &state.settings),
            unauthenticated,
        }
    };
    if has_unknown_expectation(request) {
        return Err(Rejection {
            refusal: Answer::expectation_failed(),
            unauthenticated: true,
        });
    }
    let caller = match intake::authenticate(app, &state.traffic, request, Channel::Soap).await {
        Ok(caller) => Some(caller),
        // A WS-Security header may still name the caller.
        Err(Refused::NoCredentials) => None,
        Err(refused) => return Err(reject(refused.into(), true)),
    };
    if caller.is_some() && cross_site::is_forged(request) {
        return Err(reject(
            Fault::client(cross_site::CODE, cross_site::DETAIL),
            false,
        ));
    }
    let (unauthenticated, limit) = (caller.is_none(), state.body_limit);
    if head.content_length.is_some_and(|length| length > limit) {
        let fault = Fault::from(WireError::HttpTooLarge { limit });
        return Err(reject(fault, unauthenticated));
    }
    match head.form() {
        Ok(form) => Ok(Admitted { head, form, caller }),
        Err(fault) if !unauthenticated || !service.asks_for_credentials() => {
            Err(reject(fault, unauthenticated))
        }
        // Without an envelope, nothing else can name the caller.
        Err(_) => Err(Rejection {
            refusal: Answer::challenge(),
            unauthenticated,
        }),
    }
}

/// Whether a message with these header fields is an XOP package.
pub fn is_mtom(headers: &HeaderMap) -> bool {
    let media_type = Head::of(headers).media_type();
    media_type.is_ok_and(|it| it.as_ref().is_some_and(is_package))
}

/// Whether the media type is that of an XOP package (XOP §4.1).
fn is_package(media: &MediaType) -> bool {
    let root = media.param("type");
    media.essence == "multipart/related"
        && root.is_some_and(|root| root.eq_ignore_ascii_case("application/xop+xml"))
}

/// Whether an envelope can have this media type.
fn is_envelope(essence: &str) -> bool {
    matches!(
        essence,
        "text/xml" | "application/soap+xml" | "application/xml" | "application/xop+xml"
    )
}

fn unsupported(media_type: Option<&MediaType>) -> Fault {
    let found = match media_type {
        Some(media_type) => format!(
            "The Content-Type {} is not supported here",
            media_type.essence
        ),
        None => "The request has no Content-Type".to_owned(),
    };
    Fault::client(
        WireError::MediaType { what: "" }.code(),
        format!(
            "{found}; send text/xml, application/soap+xml, or multipart/related with the file as an \
             attachment."
        ),
    )
}

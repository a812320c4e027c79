//! The HTTP head of a call: what it says of the body, and what it decides before anything of the body
//! is read.
//!
//! A client that waits for `100 Continue` (RFC 9110 §10.1.1) is told this decision instead and keeps
//! its body; any other gets it behind what it has sent.

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::cross_site;
use crate::http::intake::{self, expects_the_unknown, field};
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

/// What the HTTP head says of the body.
#[derive(Debug)]
pub struct Head {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// The session that the call belongs to.
    pub session: Option<String>,
    /// What the caller names the call by (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
    pub key: Option<String>,
    /// Whether the answer may come before the work is done (`Prefer: respond-async`, RFC 7240 §4.1).
    pub respond_async: bool,
    /// The request's id.
    pub request_id: Option<String>,
    /// `Content-Length`; chunks announce none.
    pub content_length: Option<u64>,
}

/// How a message travels.
#[derive(Debug)]
pub enum Form {
    /// The envelope and its attachments: multipart/related.
    Related(MediaType),
    /// Nothing but the envelope.
    Bare(MediaType),
}

impl Head {
    /// What these header fields say.
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

    /// The version to answer in when the message is not read.
    fn version(&self) -> SoapVersion {
        SoapVersion::guess(self.media_type().ok().flatten().as_ref())
    }

    /// How the message travels.
    ///
    /// # Errors
    /// No envelope travels under this media type, or it cannot be read.
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

    /// The version to answer in while the envelope has not been seen.
    pub fn version(&self) -> SoapVersion {
        SoapVersion::guess(Some(self.media_type()))
    }

    /// Whether the message is an XOP package, so that its sender reads others.
    pub fn is_mtom(&self) -> bool {
        is_package(self.media_type())
    }
}

/// A call whose body may come.
#[derive(Debug)]
pub struct Admitted {
    /// What the head says of the body.
    pub head: Head,
    /// How the message travels.
    pub form: Form,
    /// Who calls; of none the envelope has to say it.
    pub caller: Option<Caller>,
}

/// A call whose answer is known, whatever its body holds.
#[derive(Debug)]
pub struct TurnedAway {
    /// The answer.
    pub answer: Answer,
    /// Nobody has said, or proved, who is calling.
    pub stranger: bool,
}

/// Lets a call in or turns it away, by its head alone.
///
/// # Errors
/// The answer.
pub async fn admit(
    app: &web::Data<App>,
    state: &SoapFrontEnd,
    service: Service,
    request: &RequestHead,
) -> Result<Admitted, TurnedAway> {
    let head = Head::of(&request.headers);
    let turn_away = |fault: Fault, stranger| {
        tracing::warn!(rule = fault.rule, "a call was refused by its head");
        let id = head.request_id.clone();
        let answer = Answer::fault(service, head.version(), None, &fault, id, &state.settings);
        TurnedAway { answer, stranger }
    };
    if expects_the_unknown(request) {
        let answer = Answer::expectation_failed();
        return Err(TurnedAway {
            answer,
            stranger: true,
        });
    }
    let caller = match intake::authenticate(app, &state.traffic, request, Channel::Soap).await {
        Ok(caller) => Some(caller),
        // The WS-Security header may still say who it is.
        Err(Refused::NoCredentials) => None,
        Err(refused) => return Err(turn_away(refused.into(), true)),
    };
    if caller.is_some() && cross_site::is_forged(request) {
        return Err(turn_away(
            Fault::client(cross_site::CODE, cross_site::DETAIL),
            false,
        ));
    }
    let (stranger, limit) = (caller.is_none(), state.body_limit);
    if head.content_length.is_some_and(|length| length > limit) {
        let fault = Fault::from(WireError::HttpTooLarge { limit });
        return Err(turn_away(fault, stranger));
    }
    match head.form() {
        Ok(form) => Ok(Admitted { head, form, caller }),
        Err(fault) if !stranger || !service.asks_for_credentials() => {
            Err(turn_away(fault, stranger))
        }
        // Without an envelope nothing is left that could say who is calling.
        Err(_) => Err(TurnedAway {
            answer: Answer::challenge(),
            stranger,
        }),
    }
}

/// Whether a message with these fields is an XOP package.
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

/// The media types that an envelope travels under.
fn is_envelope(essence: &str) -> bool {
    matches!(
        essence,
        "text/xml" | "application/soap+xml" | "application/xml" | "application/xop+xml"
    )
}

fn unsupported(media_type: Option<&MediaType>) -> Fault {
    let found = match media_type {
        Some(media_type) => format!("The Content-Type {} is not taken here", media_type.essence),
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

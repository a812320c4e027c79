//! The service's HTTP routes, and the conversion between HTTP and a [`Call`].

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use tokio::time::Instant;

use crate::access::basic::Credentials;
use crate::access::failed_logins::Method as LoginMethod;
use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking::{self, Failed};
use crate::http::front_end::{Exchange, Found, FrontEnd, Rejection, serve};
use crate::http::intake::{self, Body, Incoming, Unserved};
use crate::http::login::{self, Origin, Refused};
use crate::http::request_id;
use crate::http::soap::answer::{Answer, Content, Session};
use crate::http::soap::call::{Call, UNAUTHENTICATED_BYTES};
use crate::http::soap::fault::Fault;
use crate::http::soap::front_end::SoapFrontEnd;
use crate::http::soap::head::{self, Admitted};
use crate::http::soap::security::{Claim, Security};
use crate::http::soap::sender::Sender;
use crate::http::soap::service::Service;
use crate::http::soap::wsdl;
use crate::http::traffic::OnBehalf;
use crate::import::job_error::JobError;
use crate::users::channel::Channel;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Bytes of a message that are read before the first search for its sender.
const FIRST_BYTES: usize = 512;

/// Bytes that are parsed on the async thread: that takes less than a millisecond.
const BYTES_AT_ONCE: usize = 16 * 1024;

/// What a request is for.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The WSDL of a service.
    Description(Service),
    /// A call of a service.
    Call(Service),
}

impl FrontEnd for SoapFrontEnd {
    type Route = Target;
    /// None for a description, which anyone may read.
    type Admitted = Option<Admitted>;
    type Refusal = Answer;

    fn configure(config: &mut web::ServiceConfig) {
        config.service(web::scope("/services").default_service(web::to(serve::<Self>)));
    }

    fn route(&self, head: &RequestHead) -> Found<Target, Answer> {
        let path = head.uri.path();
        match (Service::at(path), &head.method) {
            (Some(service), &Method::POST) => Found::Route(Target::Call(service)),
            (Some(service), &Method::GET | &Method::HEAD) => {
                Found::Route(Target::Description(service))
            }
            (Some(_), _) => Found::Nothing(Answer::method_not_allowed()),
            (None, _) if is_own_path(path) => Found::Nothing(Answer::not_found()),
            (None, _) => Found::Elsewhere,
        }
    }

    async fn admit(
        &self,
        app: &web::Data<App>,
        target: &Target,
        head: &RequestHead,
    ) -> Result<Self::Admitted, Rejection<Answer>> {
        match *target {
            Target::Description(_) => Ok(None),
            Target::Call(service) => head::admit(app, self, service, head).await.map(Some),
        }
    }

    async fn run(
        exchange: Exchange<'_, Self>,
        admitted: Self::Admitted,
    ) -> Result<HttpResponse, (Answer, Body)> {
        match (*exchange.route, admitted) {
            (Target::Call(service), Some(admitted)) => run(service, exchange, admitted).await,
            (Target::Call(service) | Target::Description(service), _) => {
                describe(service, exchange).await
            }
        }
    }

    fn refuse(
        &self,
        _: &App,
        _: Option<&Target>,
        answer: Answer,
        head: &RequestHead,
        body: Body,
    ) -> HttpResponse {
        respond(answer, &head.headers, body, self)
    }

    fn rule(answer: &Answer) -> String {
        answer.rule.unwrap_or_default().to_owned()
    }
}

/// Whether the path belongs to this front end, whether or not there is a service at it.
fn is_own_path(path: &str) -> bool {
    path == "/services" || path.starts_with("/services/")
}

async fn describe(
    service: Service,
    exchange: Exchange<'_, SoapFrontEnd>,
) -> Result<HttpResponse, (Answer, Body)> {
    let body = intake::discard_body(exchange.payload, true).await;
    let query = wsdl::parse_query(exchange.request.query_string());
    let base_url = &exchange.front_end.base_url;
    match (wsdl::document(service, query, base_url), query) {
        (Some(document), _) => Ok(HttpResponse::Ok()
            .content_type("text/xml; charset=utf-8")
            .body(document)),
        (None, wsdl::Query::Schema) => Err((Answer::no_schema(), body)),
        (None, _) => Err((Answer::method_not_allowed(), body)),
    }
}

async fn run(
    service: Service,
    exchange: Exchange<'_, SoapFrontEnd>,
    Admitted { head, form, caller }: Admitted,
) -> Result<HttpResponse, (Answer, Body)> {
    let Exchange {
        app,
        front_end,
        request,
        payload,
        ..
    } = exchange;
    let version = form.version();
    let by = caller.as_ref().map(OnBehalf::from).unwrap_or_default();
    let call = Call {
        service,
        app: app.clone().into_inner(),
        state: front_end.clone().into_inner(),
        caller,
        refused: None,
        session: None,
        head,
        form,
    };
    let incoming = Incoming::new(payload, Arc::clone(&front_end.traffic), by);
    // A login names its caller in the envelope, whatever the head says.
    let answered = match call.caller.is_some() && service.asks_for_credentials() {
        true => answer(call, incoming).await,
        false => {
            let address = front_end.traffic.address_of(request.head());
            answer_unauthenticated(call, incoming, &app, address).await
        }
    };
    match answered {
        Ok((answer, body)) => Ok(respond(answer, request.headers(), body, &front_end)),
        Err(unserved) => {
            let fault = match unserved {
                Unserved::Busy { seconds } => JobError::Busy { seconds }.into(),
                Unserved::Failed(Failed::NoResources) => StoreError::NoResources.into(),
                Unserved::Failed(Failed::Died) => {
                    tracing::error!(error = %unserved, "a call's task died");
                    Fault::server("IMP-INTERNAL", "The call failed; see the server's log.")
                }
            };
            let id = request_id::of(request.headers());
            let answer = Answer::fault(service, version, None, &fault, id, &front_end.settings);
            Err((answer, Body::Unread))
        }
    }
}

/// Answers a call whose caller is known.
async fn answer(call: Call, incoming: Incoming) -> Result<(Answer, Body), Unserved> {
    let call = Arc::new(call);
    match call.is_small() {
        true => {
            let (inline, call) = (Arc::clone(&call), call);
            let at_once = move |body| inline.answer_at_once(body);
            let work = move |body| call.answer(body);
            intake::with_small_body(incoming, at_once, work).await
        }
        false => intake::with_body(incoming, move |body| call.answer(body)).await,
    }
}

/// Answers a call whose HTTP head does not name the caller: the envelope must.
async fn answer_unauthenticated(
    call: Call,
    mut incoming: Incoming,
    app: &web::Data<App>,
    address: IpAddr,
) -> Result<(Answer, Body), Unserved> {
    let traffic = Arc::clone(&call.state.traffic);
    let (slot, deadline) = traffic.unauthenticated(address).await?;
    let (mut call, sender) = find_sender(call, &mut incoming, deadline).await?;
    match sender {
        Sender::Token(security) => match caller_of(&call, &security, app, address).await {
            Ok(caller) => call.caller = Some(caller),
            Err(fault) => call.refused = Some(fault),
        },
        Sender::Login(credentials) => match session_of(&call, credentials, app, address).await {
            Ok(session) => call.session = session,
            Err(fault) => call.refused = Some(fault),
        },
        Sender::Unknown | Sender::Undecided => {}
    }
    if let Some(caller) = &call.caller {
        incoming.set_sender(caller);
        drop(slot);
        return answer(call, incoming).await;
    }
    if !call.service.asks_for_credentials() {
        intake::read_more(&mut incoming, UNAUTHENTICATED_BYTES, deadline).await;
        incoming.stop_reading(WireError::HttpTooLarge {
            limit: UNAUTHENTICATED_BYTES as u64,
        });
    }
    let call = Arc::new(call);
    intake::with_beginning(incoming, slot, move |body| call.answer(body)).await
}

/// Reads a message until its sender is known, or a size or time limit is reached.
async fn find_sender(
    call: Call,
    incoming: &mut Incoming,
    deadline: Instant,
) -> Result<(Call, Sender), Unserved> {
    let call = Arc::new(call);
    let mut max = FIRST_BYTES;
    let sender = loop {
        intake::read_more(incoming, max, deadline).await;
        let (received, whole) = (incoming.received().clone(), incoming.is_complete());
        let length = received.len();
        let sender = match length <= BYTES_AT_ONCE {
            true => Sender::of(&call, received, whole),
            false => {
                let shared = Arc::clone(&call);
                blocking::run(move || Sender::of(&shared, received, whole)).await?
            }
        };
        if !matches!(sender, Sender::Undecided) || incoming.has_ended() {
            break sender;
        }
        if length >= UNAUTHENTICATED_BYTES {
            incoming.stop_reading(WireError::HttpTooLarge {
                limit: UNAUTHENTICATED_BYTES as u64,
            });
            break sender;
        }
        max = (length + length / 2).clamp(FIRST_BYTES, UNAUTHENTICATED_BYTES);
    };
    Ok((Arc::into_inner(call).ok_or(Failed::Died)?, sender))
}

/// The caller that a WS-Security header names.
async fn caller_of(
    call: &Call,
    security: &Security,
    app: &web::Data<App>,
    address: IpAddr,
) -> Result<Caller, Fault> {
    let verifier = &call.state.verifier;
    let origin = Origin {
        channel: Channel::Soap,
        method: LoginMethod::UsernameToken,
        address,
        request_id: call.head.request_id.clone(),
    };
    let caller = match verifier.claim(security, app)? {
        Claim::Proved(caller) => origin.with_request_id(caller),
        Claim::Password(credentials) => login::by_password(app, credentials, &origin).await?,
        Claim::Wrong(name) => return Err(login::reject_wrong(app, &name, &origin).await.into()),
    };
    verifier.mark_used(security, app)?;
    Ok(caller)
}

/// The session that a login opens; none if its credentials are wrong.
async fn session_of(
    call: &Call,
    credentials: Credentials,
    app: &web::Data<App>,
    address: IpAddr,
) -> Result<Option<String>, Fault> {
    let origin = Origin {
        channel: Channel::Soap,
        method: LoginMethod::Login,
        address,
        request_id: call.head.request_id.clone(),
    };
    match login::by_password(app, credentials, &origin).await {
        Ok(caller) => Ok(app.gate.open_session(&caller)?),
        Err(Refused::Wrong) => Ok(None),
        Err(refused) => Err(refused.into()),
    }
}

fn respond(answer: Answer, headers: &HeaderMap, body: Body, state: &SoapFrontEnd) -> HttpResponse {
    let secure = state.secure;
    let answer = match state.settings.answer_mtom_with_mtom && head::is_mtom(headers) {
        true => answer.as_mtom(),
        false => answer,
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.content_type(answer.content_type);
    if status == StatusCode::UNAUTHORIZED {
        // Bearer tokens are accepted here but not advertised: SOAP clients from ten years ago read only the
        // first or the last of several challenges.
        response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"Muster\""));
    }
    if let Some(methods) = answer.allow {
        response.insert_header((header::ALLOW, methods));
    }
    if let Some(import) = answer.import {
        response.insert_header((HeaderName::from_static("muster-import"), import));
    }
    if let Some(rejects) = answer.rejects {
        response.insert_header((HeaderName::from_static("muster-rejects"), rejects));
    }
    if answer.queued {
        let applied = HeaderName::from_static("preference-applied");
        response.insert_header((applied, "respond-async"));
    }
    if let Some(seconds) = answer.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    match answer.session {
        Session::Unchanged => {}
        Session::Opened(id) => {
            response.cookie(intake::session_cookie(Some(&id), secure));
        }
        Session::Closed => {
            response.cookie(intake::session_cookie(None, secure));
        }
    }
    intake::close_if_needed(&mut response, headers, body);
    match answer.body {
        Content::Text(text) => response.body(text),
        Content::WithFile(framed) => {
            let length = framed.len();
            match framed.into_stream() {
                Ok(stream) => response.body(SizedStream::new(length, Box::pin(stream))),
                Err(error) => {
                    tracing::error!(%error, "the file of an answer could not be read back");
                    HttpResponse::InternalServerError().finish()
                }
            }
        }
    }
}

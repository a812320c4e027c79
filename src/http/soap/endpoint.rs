//! The service's HTTP routes, and the conversion between HTTP and a [`Call`].

use std::net::IpAddr;
use std::sync::Arc;

use actix_http::{ConnectionType, Request};
use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use tokio::time::Instant;

use crate::access::basic::Credentials;
use crate::access::failed_logins::Method as LoginMethod;
use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking::{self, Failed};
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
use crate::http::unread::Unread;
use crate::import::job_error::JobError;
use crate::users::channel::Channel;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Bytes of a message that are read before the first search for its sender.
const FIRST_BYTES: usize = 512;

/// Bytes that are parsed on the async thread: that takes less than a millisecond.
const BYTES_AT_ONCE: usize = 16 * 1024;

/// Registers the routes: each address of each service, with and without a final slash. Every other path below
/// `/services` gets 404.
pub fn routes(config: &mut web::ServiceConfig) {
    for service in Service::ALL {
        for path in service.paths() {
            for slash in ["", "/"] {
                let post =
                    move |request, payload, app, state| post(service, request, payload, app, state);
                let get = move |request, state| get(service, request, state);
                let resource = web::resource(format!("{path}{slash}"))
                    .route(web::post().to(post))
                    .route(web::get().to(get))
                    .default_service(web::to(other_method));
                config.service(resource);
            }
        }
    }
    config.service(web::scope("/services").default_service(web::to(not_found)));
}

/// Called when a client waits for `100 Continue`: returns the request if its body may be sent, or the final
/// answer if it is known without the body.
pub async fn before_the_body(
    app: &web::Data<App>,
    state: &SoapFrontEnd,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    let service = match (Service::at(request.path()), request.method()) {
        (Some(service), &Method::POST) => service,
        // A GET is answered at once and its body is not read.
        (Some(_), &Method::GET | &Method::HEAD) => return Ok(request),
        (Some(_), _) => return Err(close_connection(method_not_allowed(), &mut request)),
        (None, _) if is_own_path(request.path()) => {
            return Err(close_connection(not_found_response(), &mut request));
        }
        (None, _) => return Ok(request),
    };
    match head::admit(app, state, service, request.head()).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            Ok(request)
        }
        Err(rejection) => {
            let response = respond(rejection.answer, request.headers(), Body::Unread, state);
            Err(close_connection(response, &mut request))
        }
    }
}

/// Whether the path belongs to this front end, whether or not there is a service at it.
fn is_own_path(path: &str) -> bool {
    path == "/services" || path.starts_with("/services/")
}

/// The answer to a request whose body is not wanted. The client may send the body nevertheless, so the connection
/// is closed.
fn close_connection(mut response: HttpResponse, request: &mut Request) -> HttpResponse {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    let unread = Unread::new(request.take_payload(), None);
    response.map_body(|_, answer| unread.attach_to(answer))
}

async fn get(
    service: Service,
    request: HttpRequest,
    state: web::Data<SoapFrontEnd>,
) -> HttpResponse {
    let query = wsdl::parse_query(request.query_string());
    if let Some(document) = wsdl::document(service, query, &state.base_url) {
        return HttpResponse::Ok()
            .content_type("text/xml; charset=utf-8")
            .body(document);
    }
    match query {
        wsdl::Query::Schema => HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body(
                "There is no separate schema document: the WSDL at ?wsdl contains the schemas.\n",
            ),
        _ => method_not_allowed(),
    }
}

async fn other_method() -> HttpResponse {
    method_not_allowed()
}

async fn not_found() -> HttpResponse {
    not_found_response()
}

fn not_found_response() -> HttpResponse {
    let services: Vec<String> = Service::ALL
        .iter()
        .map(|service| format!("/services/{}", service.name()))
        .collect();
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body(format!(
            "There is no service at this address; the services are {}.\n",
            services.join(", ")
        ))
}

fn method_not_allowed() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, "GET, POST"))
        .content_type("text/plain; charset=utf-8")
        .body("This is a SOAP service: send requests with POST. Its WSDL is at ?wsdl.\n")
}

async fn post(
    service: Service,
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    state: web::Data<SoapFrontEnd>,
) -> HttpResponse {
    let known = request.extensions_mut().remove::<Admitted>();
    let admitted = match known {
        Some(admitted) => Ok(admitted),
        None => head::admit(&app, &state, service, request.head()).await,
    };
    let Admitted { head, form, caller } = match admitted {
        Ok(admitted) => admitted,
        Err(rejection) => {
            let body = intake::discard_body(payload, rejection.unauthenticated).await;
            return respond(rejection.answer, request.headers(), body, &state);
        }
    };
    let version = form.version();
    let by = caller.as_ref().map(OnBehalf::from).unwrap_or_default();
    let call = Call {
        service,
        app: app.clone().into_inner(),
        state: state.clone().into_inner(),
        caller,
        refused: None,
        session: None,
        head,
        form,
    };
    let incoming = Incoming::new(payload, Arc::clone(&state.traffic), by);
    // A login names its caller in the envelope, whatever the head says.
    let answered = match call.caller.is_some() && service.asks_for_credentials() {
        true => answer(call, incoming).await,
        false => {
            let address = state.traffic.address_of(request.head());
            answer_unauthenticated(call, incoming, &app, address).await
        }
    };
    match answered {
        Ok((answer, body)) => respond(answer, request.headers(), body, &state),
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
            let answer = Answer::fault(service, version, None, &fault, id, &state.settings);
            respond(answer, request.headers(), Body::Unread, &state)
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

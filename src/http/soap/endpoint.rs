//! The addresses of the service, and the way between HTTP and a [`Call`].

use crate::http::soap::front_end::SoapFrontEnd;
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
use crate::http::soap::call::{Call, STRANGERS_BYTES};
use crate::http::soap::fault::Fault;
use crate::http::soap::head::{self, Admitted};
use crate::http::soap::security::{Claim, Security};
use crate::http::soap::sender::Sender;
use crate::http::soap::service::Service;
use crate::http::soap::wsdl;
use crate::http::traffic::OnBehalf;
use crate::http::unread::Unread;
use crate::import::jobs::JobError;
use crate::users::channel::Channel;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Bytes of a message after which it is looked at for the first time, to find its sender.
const FIRST_BYTES: usize = 512;

/// Bytes that are looked at without a thread of their own: it takes less than a millisecond.
const BYTES_AT_ONCE: usize = 16 * 1024;

/// The routes: each address of each service with and without a final slash; everything else below `/services`
/// has no service.
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

/// Asked when a client waits for `100 Continue`: gives the request back if its body may come, and the
/// final answer instead if that is known without it.
pub async fn before_the_body(
    app: &web::Data<App>,
    state: &SoapFrontEnd,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    let service = match (Service::at(request.path()), request.method()) {
        (Some(service), &Method::POST) => service,
        // Whoever answers a GET does so at once and reads no body.
        (Some(_), &Method::GET | &Method::HEAD) => return Ok(request),
        (Some(_), _) => return Err(ending(method_not_allowed(), &mut request)),
        (None, _) if is_below(request.path()) => {
            return Err(ending(nothing_there(), &mut request));
        }
        (None, _) => return Ok(request),
    };
    match head::admit(app, state, service, request.head()).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            Ok(request)
        }
        Err(turned_away) => {
            let response = respond(turned_away.answer, request.headers(), Body::Unread, state);
            Err(ending(response, &mut request))
        }
    }
}

/// Whether the path belongs to this slice, with or without a service at it.
fn is_below(path: &str) -> bool {
    path == "/services" || path.starts_with("/services/")
}

/// The answer to a request whose body is not asked for. Whether it comes all the same is the client's choice: the
/// connection ends here.
fn ending(mut response: HttpResponse, request: &mut Request) -> HttpResponse {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    let unread = Unread::new(request.take_payload(), None);
    response.map_body(|_, answer| unread.kept_by(answer))
}

async fn get(
    service: Service,
    request: HttpRequest,
    state: web::Data<SoapFrontEnd>,
) -> HttpResponse {
    let asked = wsdl::asked(request.query_string());
    if let Some(document) = wsdl::document(service, asked, &state.base_url) {
        return HttpResponse::Ok()
            .content_type("text/xml; charset=utf-8")
            .body(document);
    }
    match asked {
        wsdl::Asked::Schema => HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("There is no separate schema: the schemas stand inside the WSDL, at ?wsdl.\n"),
        _ => method_not_allowed(),
    }
}

async fn other_method() -> HttpResponse {
    method_not_allowed()
}

async fn not_found() -> HttpResponse {
    nothing_there()
}

fn nothing_there() -> HttpResponse {
    let services: Vec<String> = Service::ALL
        .iter()
        .map(|service| format!("/services/{}", service.name()))
        .collect();
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body(format!(
            "There is no service at this address; there are {}.\n",
            services.join(", ")
        ))
}

fn method_not_allowed() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, "GET, POST"))
        .content_type("text/plain; charset=utf-8")
        .body("This is a SOAP service: send it requests by POST. Its description is at ?wsdl.\n")
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
        Err(turned_away) => {
            let body = intake::let_go(payload, turned_away.stranger).await;
            return respond(turned_away.answer, request.headers(), body, &state);
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
    // A login says in its envelope who logs in, whatever the head says.
    let answered = match call.caller.is_some() && service.asks_for_credentials() {
        true => answer(call, incoming).await,
        false => {
            let address = state.traffic.address_of(request.head());
            answer_stranger(call, incoming, &app, address).await
        }
    };
    match answered {
        Ok((answer, body)) => respond(answer, request.headers(), body, &state),
        Err(unserved) => {
            let fault = match unserved {
                Unserved::Busy { seconds } => JobError::Busy { seconds }.into(),
                Unserved::Failed(Failed::NoResources) => StoreError::NoResources.into(),
                Unserved::Failed(Failed::Died) => {
                    tracing::error!(error = %unserved, "a call was lost");
                    Fault::server(
                        "IMP-INTERNAL",
                        "The call failed; the server's log says why.",
                    )
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
            let (here, elsewhere) = (Arc::clone(&call), call);
            let at_once = move |body| here.answer_at_once(body);
            let work = move |body| elsewhere.answer(body);
            intake::with_small_body(incoming, at_once, work).await
        }
        false => intake::with_body(incoming, move |body| call.answer(body)).await,
    }
}

/// Answers a call whose HTTP head does not say who calls: the envelope has to say it.
async fn answer_stranger(
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
        incoming.is_of(caller);
        drop(slot);
        return answer(call, incoming).await;
    }
    if !call.service.asks_for_credentials() {
        intake::read_on(&mut incoming, STRANGERS_BYTES, deadline).await;
        incoming.cut(WireError::HttpTooLarge {
            limit: STRANGERS_BYTES as u64,
        });
    }
    let call = Arc::new(call);
    intake::with_beginning(incoming, slot, move |body| call.answer(body)).await
}

/// Reads a message until it says who sends it, or is too long or too slow for that.
async fn find_sender(
    call: Call,
    incoming: &mut Incoming,
    deadline: Instant,
) -> Result<(Call, Sender), Unserved> {
    let call = Arc::new(call);
    let mut most = FIRST_BYTES;
    let sender = loop {
        intake::read_on(incoming, most, deadline).await;
        let (received, whole) = (incoming.received().clone(), incoming.is_whole());
        let length = received.len();
        let sender = match length <= BYTES_AT_ONCE {
            true => Sender::of(&call, received, whole),
            false => {
                let here = Arc::clone(&call);
                blocking::run(move || Sender::of(&here, received, whole)).await?
            }
        };
        if !matches!(sender, Sender::Undecided) || incoming.has_ended() {
            break sender;
        }
        if length >= STRANGERS_BYTES {
            incoming.cut(WireError::HttpTooLarge {
                limit: STRANGERS_BYTES as u64,
            });
            break sender;
        }
        most = (length + length / 2).clamp(FIRST_BYTES, STRANGERS_BYTES);
    };
    Ok((Arc::into_inner(call).ok_or(Failed::Died)?, sender))
}

/// The caller whom a WS-Security header names.
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
        Claim::Proved(caller) => origin.made_by(caller),
        Claim::Password(credentials) => login::by_password(app, credentials, &origin).await?,
        Claim::Wrong(name) => return Err(login::wrong(app, &name, &origin).await.into()),
    };
    verifier.use_up(security, app)?;
    Ok(caller)
}

/// The session that a login opens; none when its credentials are wrong.
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
        // Bearer is taken here too and not asked for: SOAP clients of ten years ago take the first or the
        // last field they find for the only one.
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
    intake::close_if_asked(&mut response, headers, body);
    match answer.body {
        Content::Text(text) => response.body(text),
        Content::WithFile(framed) => {
            let length = framed.len();
            match framed.into_stream() {
                Ok(stream) => response.body(SizedStream::new(length, Box::pin(stream))),
                Err(error) => {
                    tracing::error!(%error, "a file for an answer could not be read back");
                    HttpResponse::InternalServerError().finish()
                }
            }
        }
    }
}

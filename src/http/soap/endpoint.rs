//! The addresses of the service, and the way between HTTP and a [`Call`].

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use crate::app::App;
use crate::http::intake::{self, Body, Flow, Refused, StopSignal};
use crate::http::server::Addresses;
use crate::http::soap::answer::{Answer, Session};
use crate::http::soap::call::{Call, Head};
use crate::http::soap::fault::Fault;
use crate::http::soap::security::Verifier;
use crate::http::soap::service::Service;
use crate::http::soap::settings::Settings;
use crate::http::soap::version::SoapVersion;
use crate::http::soap::wsdl;
use crate::wire::media_type::MediaType;

/// What the slice needs besides the house.
#[derive(Debug)]
pub struct State {
    /// `[soap]` of the settings.
    pub settings: Settings,
    /// Who checks WS-Security headers.
    pub verifier: Verifier,
    /// Where the server is reached.
    pub addresses: Addresses,
    /// Bytes that a body may have.
    pub body_limit: u64,
    /// For how long the next piece of a body is waited for.
    pub idle: Duration,
    /// Turns to true when the server stops.
    pub stop: StopSignal,
}

/// The routes: each address of each service with and without a final slash.
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
}

async fn get(service: Service, request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let secure = request.app_config().secure();
    let asked = wsdl::asked(request.query_string());
    let base_url = state.addresses.base_url(secure);
    if let Some(document) = wsdl::document(service, asked, &base_url) {
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
    state: web::Data<State>,
) -> HttpResponse {
    let head = Head {
        content_type: field(&request, &header::CONTENT_TYPE),
        content_encoding: field(&request, &header::CONTENT_ENCODING),
        session: intake::session(&request),
    };
    let caller = match intake::authenticate(&app, &request).await {
        Ok(caller) => Some(caller),
        // The WS-Security header may still say who it is.
        Err(Refused::NoCredentials) => None,
        Err(refused) => {
            let body = intake::let_go(payload).await;
            return refuse(&refused, &head, &state, &request, body);
        }
    };
    let flow = Flow {
        idle: state.idle,
        stop: state.stop.clone(),
        stranger: caller.is_none(),
    };
    let (house, own) = (app.clone(), state.clone());
    let answered = intake::with_body(payload, flow, move |body| {
        let call = Call {
            service,
            app: &house,
            settings: &own.settings,
            verifier: &own.verifier,
            caller,
            head: &head,
            body_limit: own.body_limit,
        };
        call.answer(body)
    });
    match answered.await {
        Ok((answer, body)) => respond(answer, &request, body),
        Err(error) => {
            tracing::error!(%error, "a call was lost");
            let fault = Fault::server(
                "IMP-INTERNAL",
                "The call failed; the server's log says why.",
            );
            let answer = Answer::fault(SoapVersion::V11, None, &fault, &state.settings);
            respond(answer, &request, Body::Unread)
        }
    }
}

/// Wrong credentials are answered by the original's fault.
fn refuse(
    refused: &Refused,
    head: &Head,
    state: &State,
    request: &HttpRequest,
    body: Body,
) -> HttpResponse {
    let fault = match refused {
        Refused::NoCredentials => return respond(Answer::challenge(), request, body),
        Refused::OtherScheme => Fault::please_login(),
        Refused::Wrong => Fault::invalid_credentials(),
        Refused::Failed(error) => Fault::from(error.clone()),
    };
    tracing::warn!(rule = fault.rule, "a caller was refused");
    let media_type = head
        .content_type
        .as_deref()
        .and_then(|text| MediaType::parse(text).ok());
    let version = SoapVersion::guess(media_type.as_ref());
    respond(
        Answer::fault(version, None, &fault, &state.settings),
        request,
        body,
    )
}

fn respond(answer: Answer, request: &HttpRequest, body: Body) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"Muster\""));
    } else {
        response.content_type(answer.content_type);
    }
    if let Some(import) = answer.import {
        response.insert_header((HeaderName::from_static("muster-import"), import));
    }
    let secure = request.app_config().secure();
    match answer.session {
        Session::Unchanged => {}
        Session::Opened(id) => {
            response.cookie(intake::session_cookie(Some(&id), secure));
        }
        Session::Closed => {
            response.cookie(intake::session_cookie(None, secure));
        }
    }
    close_if_asked(&mut response, request, body);
    response.body(answer.body)
}

/// A client that says it will close is told the same: some pool the connection all the same.
fn close_if_asked(response: &mut HttpResponseBuilder, request: &HttpRequest, body: Body) {
    let asked = field(request, &header::CONNECTION)
        .is_some_and(|field| field.to_ascii_lowercase().contains("close"));
    if asked || body == Body::Unread {
        response.force_close();
    }
}

fn field(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

//! The HTTP routes of the REST front end, and the conversion between HTTP and its operations.

use std::io;
use std::sync::Arc;

use actix_http::Request;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking::{self, Failed};
use crate::http::event_stream::{self, TooManyStreams};
use crate::http::intake::{self, Body, Incoming, Unserved};
use crate::http::reject_download;
use crate::http::rest::admission::{self, Admitted, PASSWORD_FIELD, Rejection, Upload};
use crate::http::rest::answer::Answer;
use crate::http::rest::front_end::RestFrontEnd;
use crate::http::rest::imports::Call;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::{self, Match, Operation, ROUTES, Route};
use crate::http::rest::{openapi, resources};
use crate::http::traffic::OnBehalf;
use crate::http::unread::Unread;
use crate::import::job_error::JobError;
use crate::import::pending::Pending;
use crate::passwords::secret::Secret;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

/// Registers the routes of the table; every other path below `/api` gets 404.
pub fn routes(config: &mut web::ServiceConfig) {
    let mut paths: Vec<&'static str> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        for route in ROUTES.iter().filter(|route| route.path == path) {
            let handler =
                move |request, payload, app, state| serve(route, request, payload, app, state);
            resource = resource.route(web::method(route.method.clone()).to(handler));
        }
        let other = move |request, payload| other_method(path, request, payload);
        config.service(resource.default_service(web::to(other)));
    }
    config.service(web::scope("/api").default_service(web::to(not_found)));
}

/// Called when a client waits for `100 Continue`: returns the request if its body may be sent.
///
/// # Errors
/// The final answer, if it is known without the body.
pub async fn before_the_body(
    app: &web::Data<App>,
    state: &RestFrontEnd,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    let answer = match routes::find(request.method(), request.path()) {
        // Other operations are answered at once and their body is not read.
        Match::Route(route) if !route.operation.is_upload() => return Ok(request),
        Match::Route(route) => return admit(app, state, route, request).await,
        Match::OtherMethod(path) => wrong_method(path),
        Match::NotFound if is_own_path(request.path()) => not_found_problem(),
        Match::NotFound => return Ok(request),
    };
    let response = answer.respond(request.headers(), Body::Unread);
    Err(close_connection(response, &mut request))
}

/// Whether the path belongs to this front end, whether or not there is a route for it.
fn is_own_path(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// The answer to a request whose body is not wanted. The client may send the body nevertheless, so the connection
/// is closed.
fn close_connection(response: HttpResponse, request: &mut Request) -> HttpResponse {
    let unread = Unread::new(request.take_payload(), None);
    response.map_body(|_, answer| unread.attach_to(answer))
}

async fn admit(
    app: &web::Data<App>,
    state: &RestFrontEnd,
    route: &'static Route,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    match admission::admit(app, state, route, request.head()).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            Ok(request)
        }
        Err(rejection) => {
            let response = rejection.problem.respond(request.headers(), Body::Unread);
            Err(close_connection(response, &mut request))
        }
    }
}

async fn not_found(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let body = intake::discard_body(payload, true).await;
    not_found_problem().respond(request.headers(), body)
}

fn not_found_problem() -> ProblemDetails {
    ProblemDetails::new(
        StatusCode::NOT_FOUND,
        "IMP-HTTP-NOT-FOUND",
        "There is no resource at this address; see /api/v1/openapi.json.",
    )
}

async fn other_method(
    path: &'static str,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let body = intake::discard_body(payload, true).await;
    wrong_method(path).respond(request.headers(), body)
}

fn wrong_method(path: &str) -> ProblemDetails {
    let allow = routes::allowed(path);
    ProblemDetails {
        allow: Some(allow.clone()),
        ..ProblemDetails::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "IMP-HTTP-METHOD",
            format!("This address allows {allow}."),
        )
    }
}

async fn serve(
    route: &'static Route,
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    state: web::Data<RestFrontEnd>,
) -> HttpResponse {
    let headers = request.headers();
    if route.operation == Operation::GetDocument {
        let document = openapi::document(&state.base.of(request.head()));
        return respond(
            document.and_then(|document| Answer::json(StatusCode::OK, &document)),
            headers,
            Body::Read,
        );
    }
    let known = request.extensions_mut().remove::<Admitted>();
    let admitted = match known {
        Some(admitted) => Ok(admitted),
        None => admission::admit(&app, &state, route, request.head()).await,
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(Rejection {
            problem,
            unauthenticated,
        }) => {
            let body = intake::discard_body(payload, unauthenticated).await;
            return problem.respond(headers, body);
        }
    };
    if route.operation.is_upload() {
        return upload(route, &request, payload, admitted, app, state).await;
    }
    if matches!(
        route.operation,
        Operation::CancelImport | Operation::UndoImport
    ) {
        return change(route, &request, payload, admitted.caller, (app, state)).await;
    }
    // These operations have no body.
    let body = intake::discard_body(payload, false).await;
    let import_id = request
        .match_info()
        .get("id")
        .unwrap_or_default()
        .to_owned();
    let Admitted { caller, query } = admitted;
    let answered = match route.operation {
        Operation::GetRejects | Operation::StreamEvents => {
            let store_app = app.clone();
            let found = run_blocking(move || {
                let id = resources::id(&import_id)?;
                resources::find(&store_app, &caller, id)
            });
            return match (found.await, route.operation) {
                (Ok(record), Operation::GetRejects) => reject_download::respond(&app, record),
                (Ok(record), _) => {
                    event_stream::respond(&app, &state.traffic, &state.streams, &record, headers)
                        .unwrap_or_else(|full| ProblemDetails::from(full).respond(headers, body))
                }
                (Err(problem), _) => problem.respond(headers, body),
            };
        }
        Operation::ListImports => {
            run_blocking(move || resources::list(&app, &caller, &query)).await
        }
        Operation::ListAudit => run_blocking(move || resources::audit(&app, &caller, &query)).await,
        Operation::GetImport => {
            run_blocking(move || resources::show(&app, &caller, resources::id(&import_id)?)).await
        }
        Operation::ListProblems => {
            run_blocking(move || {
                resources::problems(&app, &caller, resources::id(&import_id)?, &query)
            })
            .await
        }
        Operation::CreateImport
        | Operation::PreviewImport
        | Operation::CancelImport
        | Operation::UndoImport
        | Operation::GetDocument => Err(task_died("the call was routed to the wrong handler")),
    };
    respond(answered, headers, body)
}

/// Cancels or undoes an import. The body should be empty, but it is read: a request with a broken body is not
/// carried out.
async fn change(
    route: &'static Route,
    request: &HttpRequest,
    payload: web::Payload,
    caller: Caller,
    (app, state): (web::Data<App>, web::Data<RestFrontEnd>),
) -> HttpResponse {
    let headers = request.headers();
    let import_id = request.match_info().get("id").unwrap_or_default();
    let import_id = import_id.to_owned();
    let incoming = Incoming::new(payload, Arc::clone(&state.traffic), OnBehalf::from(&caller));
    let answered = intake::with_body(incoming, move |mut body| {
        let drained = io::copy(&mut body, &mut io::sink());
        let change = || {
            drained.map_err(WireError::from_io)?;
            let id = resources::id(&import_id)?;
            match route.operation {
                Operation::CancelImport => resources::cancel(&app, &caller, id),
                _ => resources::undo(&app, &caller, id),
            }
        };
        Pending::Ended(change())
    });
    match answered.await {
        Ok((answer, body)) => respond(answer, headers, body),
        Err(unserved) => respond(Err(unserved.into()), headers, Body::Unread),
    }
}

async fn upload(
    route: &'static Route,
    request: &HttpRequest,
    payload: web::Payload,
    admitted: Admitted,
    app: web::Data<App>,
    state: web::Data<RestFrontEnd>,
) -> HttpResponse {
    let headers = request.headers();
    let read = Upload::of(headers).and_then(|upload| Ok((upload, password(headers)?)));
    let (upload, default_password) = match read {
        Ok(read) => read,
        Err(problem) => {
            let body = intake::discard_body(payload, false).await;
            return problem.respond(headers, body);
        }
    };
    let by = OnBehalf::from(&admitted.caller);
    let incoming = Incoming::new(payload, Arc::clone(&state.traffic), by);
    let content_encoding = intake::field(headers, &header::CONTENT_ENCODING);
    let key = intake::idempotency_key(headers);
    let respond_async = intake::prefers_async(headers);
    let body_limit = state.body_limit;
    let answered = intake::with_body(incoming, move |body| {
        let call = Call {
            app: &app,
            route,
            caller: admitted.caller,
            upload,
            query: admitted.query,
            content_encoding,
            default_password,
            key,
            respond_async,
            body_limit,
        };
        Pending::Ended(call.answer(body))
    });
    match answered.await {
        Ok((answer, body)) => respond(answer, headers, body),
        Err(unserved) => respond(Err(unserved.into()), headers, Body::Unread),
    }
}

impl From<TooManyStreams> for ProblemDetails {
    fn from(full: TooManyStreams) -> Self {
        ProblemDetails {
            retry_after: Some(5),
            ..ProblemDetails::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "IMP-BUSY",
                full.to_string(),
            )
        }
    }
}

impl From<Unserved> for ProblemDetails {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Busy { seconds } => JobError::Busy { seconds }.into(),
            Unserved::Failed(failed) => unfinished(failed),
        }
    }
}

/// The default password if the body is the file itself.
fn password(headers: &HeaderMap) -> Result<Option<Secret>, ProblemDetails> {
    let Some(value) = headers.get(PASSWORD_FIELD) else {
        return Ok(None);
    };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Ok(Some(Secret::from(text))),
        Err(_) => Err(ProblemDetails::bad_request(
            "IMP-PARAMETER",
            "The header field Muster-Default-Password is not UTF-8.",
        )),
    }
}

fn respond(
    answered: Result<Answer, ProblemDetails>,
    headers: &HeaderMap,
    body: Body,
) -> HttpResponse {
    match answered {
        Ok(answer) => answer.respond(headers, body),
        Err(problem) => {
            tracing::info!(rule = problem.code, "a call was refused");
            problem.respond(headers, body)
        }
    }
}

/// Runs a query of the store on a blocking thread.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProblemDetails> + Send + 'static,
) -> Result<T, ProblemDetails> {
    match blocking::run(work).await {
        Ok(result) => result,
        Err(failed) => Err(unfinished(failed)),
    }
}

fn unfinished(failed: Failed) -> ProblemDetails {
    match failed {
        Failed::NoResources => StoreError::NoResources.into(),
        Failed::Died => task_died(&failed.to_string()),
    }
}

fn task_died(error: &str) -> ProblemDetails {
    tracing::error!(error, "a call's task died");
    ProblemDetails::internal("IMP-INTERNAL", "The call failed; see the server's log.")
}

//! Handles a request: admits it, reads it, runs it on a blocking thread and answers it.

use std::io::Read;
use std::sync::Arc;

use actix_http::Request;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::app::App;
use crate::http::intake::{self, Body, Incoming};
use crate::http::scim::admission::{self, Admitted, Rejection};
use crate::http::scim::answer::{self, Answer};
use crate::http::scim::bulk::{self, Outcome};
use crate::http::scim::call::Call;
use crate::http::scim::error::Failure;
use crate::http::scim::front_end::ScimFrontEnd;
use crate::http::scim::list_request::ListRequest;
use crate::http::scim::message;
use crate::http::scim::mount::Mount;
use crate::http::scim::place::Place;
use crate::http::scim::routes::{self, Match, Me, Operation, Route};
use crate::http::scim::zuora_answer;
use crate::http::scim::zuora_user::Change;
use crate::http::traffic::{OnBehalf, Traffic};
use crate::http::unread::Unread;
use crate::import::pending::Pending;
use crate::provision::operation::Act;
use crate::provision::rights::Authority;
use crate::scim::error::{ErrorType, ScimError};
use crate::users::channel::Channel;
use crate::wire::pipe::PipeReader;

impl Call<'_> {
    /// The caller's authority.
    pub(super) fn authority(&self) -> Result<&Authority, ScimError> {
        let unauthenticated = || ScimError::new(401, "The caller is not authenticated.");
        self.authority.as_ref().ok_or_else(unauthenticated)
    }

    fn answer(&self, route: &Route, id: Option<&str>, body: impl Read) -> Result<Done, Failure> {
        let limit = admission::limit(self.app, route.operation);
        let encoding = self.content_encoding.as_deref();
        let id = id.unwrap_or_default();
        let answer = match route.operation {
            Operation::Bulk => return Ok(Done::Bulk(self.bulk(body)?)),
            Operation::GetBulk => return Ok(Done::Bulk(self.bulk_answer(id)?)),
            Operation::List(kind) => self.list(kind, &ListRequest::of_query(self.query)?),
            Operation::Search(kind) => {
                let message = message::read(encoding, body, limit)?;
                let list = ListRequest::of_message(message, self.mount.leniency())?;
                match kind {
                    Some(kind) => self.list(kind, &list),
                    None => self.list_all(&list),
                }
            }
            Operation::Create(kind) => self.create(kind, message::read(encoding, body, limit)?),
            Operation::Get(kind) => self.get(kind, id),
            Operation::Replace(kind) => {
                let message = message::read(encoding, body, limit)?;
                self.change(kind, id, Act::Replace(message))
            }
            Operation::Patch(kind) => {
                let message = message::read(encoding, body, limit)?;
                self.change(kind, id, Act::Patch(message))
            }
            Operation::Delete(kind) => {
                message::drain(body, limit)?;
                self.change(kind, id, Act::Delete)
            }
            Operation::Me(Me::Get) => self.me(None),
            Operation::Me(Me::Delete) => {
                message::drain(body, limit)?;
                self.me(Some(Act::Delete))
            }
            Operation::Me(Me::Replace) => {
                self.me(Some(Act::Replace(message::read(encoding, body, limit)?)))
            }
            Operation::Me(Me::Patch) => {
                self.me(Some(Act::Patch(message::read(encoding, body, limit)?)))
            }
            Operation::ZuoraCreate => self.zuora(Change::Create, body),
            Operation::ZuoraUpdate => self.zuora(Change::Update, body),
            Operation::ServiceProviderConfig => Ok(self.configuration()),
            Operation::ResourceTypes => self.resource_types(Some(id).filter(|id| !id.is_empty())),
            Operation::Schemas => self.schemas(Some(id).filter(|id| !id.is_empty())),
        };
        answer.map(Done::Answer)
    }
}

/// The result of a request.
enum Done {
    Answer(Answer),
    Bulk(Outcome),
}

/// Registers both addresses; every other path below `/scim` gets 404.
pub fn routes(config: &mut web::ServiceConfig) {
    for mount in Mount::ALL {
        config.service(web::scope(mount.path()).default_service(web::to(serve)));
    }
    for before in ["/t/{organization}", "/o/{organization}"] {
        let path = format!("{before}{}", Mount::Wso2.path());
        config.service(web::scope(&path).default_service(web::to(serve)));
    }
    config.service(web::scope("/scim").default_service(web::to(serve_other_version)));
}

/// Called when a client waits for `100 Continue`: returns the request if its body may be sent.
///
/// # Errors
/// The final answer, if it is known without the body.
pub async fn before_the_body(
    app: &web::Data<App>,
    traffic: &Traffic,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    let refused = |failure: &Failure, mut request: Request| {
        let response = answer::failure(failure, request.headers(), Body::Unread);
        let unread = Unread::new(request.take_payload(), None);
        response.map_body(|_, answer| unread.attach_to(answer))
    };
    let Some(place) = Place::of(request.path()) else {
        return match is_other_version(request.path()) {
            true => Err(refused(&other_version(), request)),
            false => Ok(request),
        };
    };
    let route = match routes::find(place.mount, request.method(), &place.below) {
        Match::Route(route, _) => route,
        found => return Err(refused(&no_route(found), request)),
    };
    match admission::admit(app, traffic, (&place, route), request.head()).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            Ok(request)
        }
        // The client may send the body nevertheless, so the connection is closed.
        Err(Rejection { failure, .. }) => {
            let response = refuse(app, route, &failure, request.headers(), Body::Unread);
            let unread = Unread::new(request.take_payload(), None);
            Err(response.map_body(|_, answer| unread.attach_to(answer)))
        }
    }
}

async fn serve_other_version(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let body = intake::discard_body(payload, true).await;
    answer::failure(&other_version(), request.headers(), body)
}

/// Whether the path is below `/scim` but not below one of the addresses.
fn is_other_version(path: &str) -> bool {
    path == "/scim" || path.starts_with("/scim/")
}

fn other_version() -> Failure {
    let error = ScimError {
        status: StatusCode::NOT_FOUND.as_u16(),
        scim_type: Some(ErrorType::InvalidVers),
        detail: "This server supports SCIM 2.0, at /scim/v2 and /scim2.".into(),
    };
    error.into()
}

async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    state: web::Data<ScimFrontEnd>,
) -> HttpResponse {
    let headers = request.headers();
    let place = Place::of(request.path());
    let found = place.map(|place| {
        let found = routes::find(place.mount, request.method(), &place.below);
        (place, found)
    });
    let (place, route, id) = match found {
        Some((place, Match::Route(route, id))) => (place, route, id),
        other => {
            let found = other.map_or(Match::NotFound, |(_, found)| found);
            let body = intake::discard_body(payload, true).await;
            return answer::failure(&no_route(found), headers, body);
        }
    };
    // A client that waited for 100 Continue has been admitted already.
    let known = request.extensions_mut().remove::<Admitted>();
    let admitted = match known {
        Some(admitted) => Ok(admitted),
        None => admission::admit(&app, &state.traffic, (&place, route), request.head()).await,
    };
    let caller = match admitted {
        Ok(Admitted { caller }) => caller,
        Err(Rejection {
            failure,
            unauthenticated,
        }) => {
            let body = intake::discard_body(payload, unauthenticated).await;
            return refuse(&app, route, &failure, headers, body);
        }
    };
    let by = caller.as_ref().map(OnBehalf::from);
    let anywhere = caller.as_ref().is_some_and(|caller| caller.anywhere);
    let authority = caller.map(|caller| Authority {
        actor: caller.actor(Channel::Scim),
        role: caller.role,
    });
    let mount = place.mount;
    let base = format!("{}{}", state.base.of(request.head()), place.prefix);
    let (query, fields) = (request.query_string().to_owned(), headers.clone());
    let answered = {
        let (app, base, shared) = (app.clone(), base.clone(), state.clone());
        let work = move |body: PipeReader| {
            let call = Call {
                app: &app,
                state: &shared,
                mount,
                base,
                authority,
                anywhere,
                query: &query,
                content_encoding: intake::field(&fields, &header::CONTENT_ENCODING),
                headers: &fields,
            };
            Pending::Ended(call.answer(route, id.as_deref(), body))
        };
        match by {
            Some(by) => {
                let incoming = Incoming::new(payload, Arc::clone(&state.traffic), by);
                intake::with_body(incoming, work).await
            }
            // The body of a public operation is not read, because its sender is unknown.
            None => {
                let body = intake::discard_body(payload, true).await;
                let nothing = || work(PipeReader::complete(Bytes::new()));
                let by = OnBehalf::default();
                let answered = intake::without_body(&state.traffic, &by, nothing).await;
                answered.map(|answer| (answer, body))
            }
        }
    };
    match answered {
        Ok((Ok(Done::Answer(answer)), body)) if route.operation.is_zuora() => {
            zuora_answer::respond(answer, headers, body)
        }
        Ok((Ok(Done::Answer(answer)), body)) => answer.respond(headers, body),
        Ok((Ok(Done::Bulk(Outcome::Done(bulk))), body)) => {
            let form = app.provisioner.settings.wso2_bulk_response;
            bulk::respond((mount, form), base, *bulk, headers, body)
        }
        Ok((Ok(Done::Bulk(Outcome::Queued(record))), body)) => {
            bulk::queued(&record, &base).respond(headers, body)
        }
        Ok((Err(failure), body)) => {
            tracing::info!(status = failure.error.status, "a call was refused");
            refuse(&app, route, &failure, headers, body)
        }
        Err(unserved) => refuse(&app, route, &unserved.into(), headers, Body::Unread),
    }
}

/// The answer for a failure of this operation.
fn refuse(
    app: &App,
    route: &Route,
    failure: &Failure,
    headers: &HeaderMap,
    body: Body,
) -> HttpResponse {
    match route.operation.is_zuora() {
        true => zuora_answer::failure(failure, app.clock.now(), headers, body),
        false => answer::failure(failure, headers, body),
    }
}

/// The failure for a path without an operation.
fn no_route(found: Match) -> Failure {
    match found {
        Match::OtherMethod(allow) => Failure {
            allow: Some(allow.clone()),
            ..Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("This address allows {allow}."),
            )
        },
        Match::Route(..) | Match::NotFound => Failure::new(
            StatusCode::NOT_FOUND,
            "There is no resource at this address; see /ResourceTypes.",
        ),
    }
}

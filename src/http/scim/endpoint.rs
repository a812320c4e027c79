//! Handles a request: admits it, reads it, runs it on a blocking thread and answers it.

use std::io::Read;
use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;

use crate::app::App;
use crate::http::front_end::{Exchange, Found, FrontEnd, Rejection, serve};
use crate::http::intake::{self, Body, Incoming};
use crate::http::scim::admission::{self, Admitted};
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
use crate::http::traffic::OnBehalf;
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

/// The route of a request: what its path names, the operation, and the resource's id.
#[derive(Debug)]
pub struct Target {
    place: Place,
    route: &'static Route,
    id: Option<String>,
}

impl FrontEnd for ScimFrontEnd {
    type Route = Target;
    type Admitted = Admitted;
    type Refusal = Failure;

    fn configure(config: &mut web::ServiceConfig) {
        let mut scopes: Vec<String> = Mount::ALL.map(|mount| mount.path().to_owned()).into();
        for before in ["/t/{organization}", "/o/{organization}"] {
            scopes.push(format!("{before}{}", Mount::Wso2.path()));
        }
        // Other versions; the scopes above come first.
        scopes.push("/scim".to_owned());
        for scope in &scopes {
            config.service(web::scope(scope).default_service(web::to(serve::<Self>)));
        }
    }

    fn route(&self, head: &RequestHead) -> Found<Target, Failure> {
        let path = head.uri.path();
        let Some(place) = Place::of(path) else {
            return match is_other_version(path) {
                true => Found::Nothing(other_version()),
                false => Found::Elsewhere,
            };
        };
        match routes::find(place.mount, &head.method, &place.below) {
            Match::Route(route, id) => Found::Route(Target { place, route, id }),
            found => Found::Nothing(no_route(found)),
        }
    }

    async fn admit(
        &self,
        app: &web::Data<App>,
        Target { place, route, .. }: &Target,
        head: &RequestHead,
    ) -> Result<Admitted, Rejection<Failure>> {
        admission::admit(app, &self.traffic, (place, route), head).await
    }

    async fn run(
        exchange: Exchange<'_, Self>,
        admitted: Admitted,
    ) -> Result<HttpResponse, (Failure, Body)> {
        run(exchange, admitted).await
    }

    fn refuse(
        &self,
        app: &App,
        target: Option<&Target>,
        failure: Failure,
        head: &RequestHead,
        body: Body,
    ) -> HttpResponse {
        let headers = &head.headers;
        match target.is_some_and(|target| target.route.operation.is_zuora()) {
            true => zuora_answer::failure(&failure, app.clock.now(), headers, body),
            false => answer::failure(&failure, headers, body),
        }
    }

    fn rule(failure: &Failure) -> String {
        failure.error.status.to_string()
    }
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

async fn run(
    exchange: Exchange<'_, ScimFrontEnd>,
    Admitted { caller }: Admitted,
) -> Result<HttpResponse, (Failure, Body)> {
    let Exchange {
        app,
        front_end,
        route: Target { place, route, id },
        request,
        payload,
    } = exchange;
    let headers = request.headers();
    let by = caller.as_ref().map(OnBehalf::from);
    let anywhere = caller.as_ref().is_some_and(|caller| caller.anywhere);
    let authority = caller.map(|caller| Authority {
        actor: caller.actor(Channel::Scim),
        role: caller.role,
    });
    let (mount, route, id) = (place.mount, *route, id.clone());
    let base = format!("{}{}", front_end.base.of(request.head()), place.prefix);
    let (query, fields) = (request.query_string().to_owned(), headers.clone());
    let answered = {
        let (app, base, shared) = (app.clone(), base.clone(), front_end.clone());
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
                let incoming = Incoming::new(payload, Arc::clone(&front_end.traffic), by);
                intake::with_body(incoming, work).await
            }
            // The body of a public operation is not read, because its sender is unknown.
            None => {
                let body = intake::discard_body(payload, true).await;
                let nothing = || work(PipeReader::complete(Bytes::new()));
                let by = OnBehalf::default();
                let answered = intake::without_body(&front_end.traffic, &by, nothing).await;
                answered.map(|answer| (answer, body))
            }
        }
    };
    let (done, body) = answered.map_err(|unserved| (unserved.into(), Body::Unread))?;
    Ok(match done.map_err(|failure| (failure, body))? {
        Done::Answer(answer) if route.operation.is_zuora() => {
            zuora_answer::respond(answer, headers, body)
        }
        Done::Answer(answer) => answer.respond(headers, body),
        Done::Bulk(Outcome::Done(bulk)) => {
            let form = app.provisioner.settings.wso2_bulk_response;
            bulk::respond((mount, form), base, *bulk, headers, body)
        }
        Done::Bulk(Outcome::Queued(record)) => bulk::queued(&record, &base).respond(headers, body),
    })
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

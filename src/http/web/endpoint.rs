//! The portal in the sequence that all front ends share: the operator of the session and their right are decided by the
//! head; then the form is read and its token checked, and the work is done on a blocking thread.

use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::front_end::{Exchange, Found, FrontEnd, Rejection, serve};
use crate::http::intake::{self, Body, Incoming};
use crate::http::traffic::OnBehalf;
use crate::http::web::fields::Fields;
use crate::http::web::front_end::{PATH, WebFrontEnd};
use crate::http::web::notices::After;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::{self, Reply};
use crate::http::web::routes::{self, Match, Operation, Route};
use crate::http::web::visit::{self, SignedIn, Visit};
use crate::http::web::{
    assets, check_page, columns_page, file_page, import_pages, options_page, session_pages,
    sign_in, start, templates_for_files, upload,
};
use crate::http::{blocking, cross_site, event_stream, reject_download};
use crate::import::pending::Pending;
use crate::users::operator::Role;

/// What a request is for.
#[derive(Debug)]
pub enum Target {
    /// The root of the server.
    Root,
    /// An operation of the portal, and the variable segments of the path.
    Portal(&'static Route, Vec<String>),
    /// A page that does not exist; the operator is found nevertheless, for the page that says so.
    Missing,
}

/// Why a request is refused, and the operator for whom the page about it is.
#[derive(Debug)]
pub struct Refused {
    refusal: Refusal,
    operator: Option<SignedIn>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused {
            refusal,
            operator: None,
        }
    }
}

impl FrontEnd for WebFrontEnd {
    type Route = Target;
    type Admitted = Option<SignedIn>;
    type Refusal = Refused;

    fn configure(config: &mut web::ServiceConfig) {
        config
            .route("/", web::get().to(serve::<Self>))
            .service(web::scope(PATH).default_service(web::to(serve::<Self>)));
    }

    fn route(&self, head: &RequestHead) -> Found<Target, Refused> {
        let path = head.uri.path();
        if path == "/" && head.method == Method::GET {
            return Found::Route(Target::Root);
        }
        if !routes::is_own_path(path) {
            return Found::Elsewhere;
        }
        match routes::find(&head.method, path) {
            Match::Route(route, variables) => Found::Route(Target::Portal(route, variables)),
            Match::NotFound => Found::Route(Target::Missing),
            Match::OtherMethod(allow) => {
                let refusal = Refusal {
                    allow: Some(allow),
                    ..Refusal::new(
                        StatusCode::METHOD_NOT_ALLOWED,
                        "IMP-HTTP-METHOD",
                        "The page does not support this; go back and use its forms.",
                    )
                };
                Found::Nothing(refusal.into())
            }
        }
    }

    async fn admit(
        &self,
        app: &web::Data<App>,
        target: &Target,
        head: &RequestHead,
    ) -> Result<Option<SignedIn>, Rejection<Refused>> {
        match target {
            Target::Root => Ok(None),
            Target::Portal(Route { right, .. }, _) => admit(app, *right, head).await,
            Target::Missing => admit(app, None, head).await,
        }
        .map_err(|refused| Rejection {
            unauthenticated: refused.operator.is_none(),
            refusal: refused,
        })
    }

    async fn run(
        exchange: Exchange<'_, Self>,
        operator: Option<SignedIn>,
    ) -> Result<HttpResponse, (Refused, Body)> {
        let (route, variables) = match exchange.route {
            Target::Root => return Ok(root(exchange).await),
            Target::Portal(route, variables) => (*route, variables.clone()),
            Target::Missing => {
                let unauthenticated = operator.is_none();
                let body = intake::discard_body(exchange.payload, unauthenticated).await;
                let refusal = Refusal::not_found();
                return Err((Refused { refusal, operator }, body));
            }
        };
        let known = operator.clone();
        run(route, variables, exchange, operator)
            .await
            .map_err(|(refusal, body)| {
                let refused = Refused {
                    refusal,
                    operator: known,
                };
                (refused, body)
            })
    }

    fn refuse(
        &self,
        _: &App,
        _: Option<&Target>,
        Refused { refusal, operator }: Refused,
        head: &RequestHead,
        body: Body,
    ) -> HttpResponse {
        let headers = &head.headers;
        // A reader who has to sign in gets the form, and returns to the page afterwards.
        if refusal.sign_in && head.method.is_safe() && !reply::wants_json(headers) {
            let wanted = head
                .uri
                .path_and_query()
                .map_or("", |wanted| wanted.as_str());
            let wanted = wanted.strip_prefix(PATH).unwrap_or_default();
            let address = format!("{}/sign-in?next={}", self.base, sign_in::encoded(wanted));
            return Reply::see_other(address).respond(headers, body);
        }
        let page = visit::page(self, operator.as_ref(), "Muster", None);
        reply::refuse(refusal, page, headers, body)
    }

    fn rule(refused: &Refused) -> String {
        refused.refusal.code.to_owned()
    }
}

/// The description of the service.
#[derive(Serialize)]
struct Description {
    name: &'static str,
    version: &'static str,
    portal: String,
    soap: [&'static str; 2],
    rest: &'static str,
    openapi: &'static str,
    scim: [&'static str; 2],
    health: &'static str,
    ready: &'static str,
}

/// The root of the server: the portal for browsers, a description for programs.
async fn root(exchange: Exchange<'_, WebFrontEnd>) -> HttpResponse {
    let headers = exchange.request.headers();
    let body = intake::discard_body(exchange.payload, true).await;
    let portal = format!("{}/", exchange.front_end.base);
    let reply = match reply::wants_json(headers) {
        true => Reply::json(
            StatusCode::OK,
            &Description {
                name: "Muster",
                version: env!("CARGO_PKG_VERSION"),
                portal,
                soap: ["/services/UserAdmin?wsdl", "/services/UserImport?wsdl"],
                rest: "/api/v1",
                openapi: "/api/v1/openapi.json",
                scim: ["/scim/v2", "/scim2"],
                health: "/healthz",
                ready: "/readyz",
            },
        ),
        false => Reply::see_other(portal),
    };
    reply.respond(headers, body)
}

/// Decides by the head: the operator and their right, and whether a page of another site caused the request.
async fn admit(
    app: &web::Data<App>,
    right: Option<Role>,
    head: &RequestHead,
) -> Result<Option<SignedIn>, Refused> {
    let operator = match visit::session_secret(&head.headers) {
        None => None,
        Some(_) => {
            let (app, headers) = (app.clone(), head.headers.clone());
            let found = blocking::run(move || visit::signed_in(&app, &headers)).await;
            found.map_err(|failed| Refusal::from(intake::Unserved::Failed(failed)))??
        }
    };
    let refusal = if intake::has_unknown_expectation(head) {
        Some(Refusal::new(
            StatusCode::EXPECTATION_FAILED,
            "IMP-HTTP-EXPECT",
            "The only supported expectation is 100-continue.",
        ))
    } else if cross_site::is_forged(head) {
        Some(Refusal::new(
            StatusCode::FORBIDDEN,
            cross_site::CODE,
            cross_site::DETAIL,
        ))
    } else {
        match (right, &operator) {
            (None, _) => None,
            (Some(_), None) => Some(Refusal::not_signed_in()),
            (Some(needed), Some(signed_in)) => missing_right(&signed_in.caller, needed),
        }
    };
    match refusal {
        None => Ok(operator),
        Some(refusal) => Err(Refused { refusal, operator }),
    }
}

/// The refusal of an operator who does not have the needed role.
fn missing_right(caller: &Caller, needed: Role) -> Option<Refusal> {
    let text = format!(
        "This page needs the role {}, and you have the role {}. Ask an administrator to change it.",
        needed.as_str(),
        caller.role.as_str()
    );
    let missing = !caller.role.includes(needed);
    missing.then(|| Refusal::new(StatusCode::FORBIDDEN, "IMP-ACCESS-RIGHT", text))
}

/// Responds to an admitted request.
async fn run(
    route: &'static Route,
    variables: Vec<String>,
    exchange: Exchange<'_, WebFrontEnd>,
    operator: Option<SignedIn>,
) -> Result<HttpResponse, (Refusal, Body)> {
    let Exchange {
        app,
        front_end,
        request,
        payload,
        ..
    } = exchange;
    let headers = request.headers();
    let operation = route.operation;
    match operation {
        Operation::Home => {
            let body = intake::discard_body(payload, true).await;
            let reply = Reply::see_other(format!("{}/imports", front_end.base));
            return Ok(reply.respond(headers, body));
        }
        Operation::Asset => {
            let body = intake::discard_body(payload, true).await;
            let found = match variables.as_slice() {
                [version, name] => assets::respond(version, name),
                _ => None,
            };
            return found.ok_or_else(|| (Refusal::not_found(), body));
        }
        Operation::ShowSignIn
        | Operation::SignIn
        | Operation::ShowFirstRun
        | Operation::FirstRun => {
            return sign_in::answer(operation, request, payload, app, front_end).await;
        }
        _ => {}
    }
    let Some(operator) = operator else {
        // Signing out without a session.
        let body = intake::discard_body(payload, true).await;
        let reply = Reply::see_other(format!("{}/sign-in", front_end.base));
        return Ok(reply.respond(headers, body));
    };
    let query = match Fields::parse(request.query_string()) {
        Ok(query) => query,
        Err(refusal) => return Err((refusal, intake::discard_body(payload, false).await)),
    };
    let by = OnBehalf::from(&operator.caller);
    let mut visit = Visit {
        app: app.clone(),
        front_end: front_end.clone(),
        operator,
        variables,
        query,
        form: Fields::default(),
        notice: visit::notice(headers).unwrap_or_default(),
        json: reply::wants_json(headers),
    };
    match operation {
        Operation::Upload => return upload::answer(request, payload, visit).await,
        Operation::ImportEvents | Operation::Rejects => {
            let body = intake::discard_body(payload, false).await;
            let found = blocking::run(move || import_pages::record(&visit)).await;
            let found = found.map_err(|failed| Refusal::from(intake::Unserved::Failed(failed)));
            let record = found.flatten().map_err(|refusal| (refusal, body))?;
            if operation == Operation::Rejects {
                return Ok(reject_download::respond(&app, record));
            }
            let (traffic, streams) = (&front_end.traffic, &front_end.streams);
            return event_stream::respond(&app, traffic, streams, &record, headers)
                .map_err(|full| (busy(full.to_string()), body));
        }
        _ => {}
    }
    let (changes, has_notice) = (!route.method.is_safe(), !visit.notice.is_empty());
    let incoming = Incoming::new(payload, Arc::clone(&front_end.traffic), by);
    let working = intake::with_body(incoming, move |body| {
        let work = || {
            if changes {
                visit.form = Fields::read(body)?;
                visit.check_form()?;
            }
            carry_out(operation, &visit)
        };
        Pending::Ended(work())
    });
    let served = working.await;
    let (reply, body) = served.map_err(|unserved| (unserved.into(), Body::Unread))?;
    let reply = reply.map_err(|refusal| (refusal, body))?;
    let reply = match has_notice && reply.is_page() {
        true => reply.with_cookie(visit::notice_cookie(&front_end, None)),
        false => reply,
    };
    Ok(reply.respond(headers, body))
}

fn busy(text: String) -> Refusal {
    Refusal {
        retry_after: Some(5),
        ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "IMP-BUSY", text)
    }
}

/// Does the work of an operation, on a blocking thread.
fn carry_out(operation: Operation, visit: &Visit) -> Result<Reply, Refusal> {
    match operation {
        Operation::SignOut => sign_out(visit),
        Operation::ListSessions => session_pages::list(visit),
        Operation::RevokeSession => session_pages::revoke(visit),
        Operation::ListImports => import_pages::list(visit),
        Operation::ShowFile => file_page::show_file(visit, String::new()),
        Operation::CsvTemplate => templates_for_files::csv(visit),
        Operation::ExcelTemplate => templates_for_files::excel(visit),
        Operation::ShowColumns => columns_page::show_columns(visit),
        Operation::SetColumns => columns_page::set_columns(visit),
        Operation::ShowOptions => options_page::show_options(visit),
        Operation::SetOptions => options_page::set_options(visit),
        Operation::Estimate => options_page::estimate(visit),
        Operation::ShowCheck => check_page::show_check(visit),
        Operation::CheckProgress => check_page::check_progress(visit),
        Operation::CheckAgain => check_page::check_again(visit),
        Operation::EditCell => check_page::edit_cell(visit),
        Operation::AddMend => check_page::add_mend(visit),
        Operation::RemoveMend => check_page::remove_mend(visit),
        Operation::Run => start::run(visit),
        Operation::Discard => start::discard(visit),
        Operation::ShowImport => import_pages::show(visit),
        Operation::ImportFigures => import_pages::figures(visit),
        Operation::CancelImport => import_pages::cancel(visit),
        Operation::UndoImport => import_pages::undo(visit),
        Operation::Passwords => import_pages::passwords(visit),
        Operation::MendRejects => import_pages::mend(visit),
        Operation::Home
        | Operation::Asset
        | Operation::ShowSignIn
        | Operation::SignIn
        | Operation::ShowFirstRun
        | Operation::FirstRun
        | Operation::Upload
        | Operation::ImportEvents
        | Operation::Rejects => Err(Refusal::not_found()),
    }
}

fn sign_out(visit: &Visit) -> Result<Reply, Refusal> {
    session_pages::end(visit, &visit.operator.session.id);
    let reply = visit.see_other("/sign-in", After::SignedOut);
    Ok(reply.with_cookie(visit::session_cookie(&visit.front_end, None)))
}

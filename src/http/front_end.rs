//! What every front end does with a request, in this order: find the route, admit the caller by the head, read the
//! body, run, respond, log.
//!
//! A front end implements [`FrontEnd`] for its state, and the server mounts it. A client that waits for `100 Continue`
//! (RFC 9110 §10.1.1) gets what the head decides instead of it, and is not admitted a second time.

use std::pin::Pin;
use std::sync::Arc;

use actix_http::{ConnectionType, Request};
use actix_web::dev::RequestHead;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::http::intake::{self, Body};
use crate::http::unread::Unread;

/// A front end: one protocol. `Self` is its state for one listener.
pub trait FrontEnd: Sized + 'static {
    /// What the path and the method select.
    type Route;
    /// A request that was accepted by its head; its body may be read.
    type Admitted: 'static;
    /// Why a request is refused or fails, in the terms of the protocol.
    type Refusal;

    /// Registers [`serve`] for the paths of this front end.
    fn configure(config: &mut web::ServiceConfig);

    /// The route of a request.
    fn route(&self, head: &RequestHead) -> Found<Self::Route, Self::Refusal>;

    /// Accepts a request by its head alone.
    ///
    /// # Errors
    /// Why it is refused.
    fn admit(
        &self,
        app: &web::Data<App>,
        route: &Self::Route,
        head: &RequestHead,
    ) -> impl Future<Output = Result<Self::Admitted, Rejection<Self::Refusal>>>;

    /// Reads the body, does the work and responds.
    ///
    /// # Errors
    /// Why the request is refused or failed, and whether its body was read.
    fn run(
        exchange: Exchange<'_, Self>,
        admitted: Self::Admitted,
    ) -> impl Future<Output = Result<HttpResponse, (Self::Refusal, Body)>>;

    /// The response to a request that is refused or failed. `route` is none if it has no route.
    fn refuse(
        &self,
        app: &App,
        route: Option<&Self::Route>,
        refusal: Self::Refusal,
        head: &RequestHead,
        body: Body,
    ) -> HttpResponse;

    /// What the log says of a refusal: its stable code, or its status.
    fn rule(refusal: &Self::Refusal) -> String;
}

/// The result of looking up a route.
#[derive(Debug)]
pub enum Found<R, E> {
    /// A route.
    Route(R),
    /// The path belongs to the front end, but has no route, or not with this method.
    Nothing(E),
    /// The path does not belong to the front end.
    Elsewhere,
}

/// A request that is refused by its head.
#[derive(Debug)]
pub struct Rejection<E> {
    /// Why.
    pub refusal: E,
    /// Whether the caller is not authenticated: little of the body is then discarded.
    pub unauthenticated: bool,
}

/// An admitted request.
pub struct Exchange<'r, F: FrontEnd> {
    /// The app.
    pub app: web::Data<App>,
    /// The front end.
    pub front_end: web::Data<F>,
    /// The route.
    pub route: &'r F::Route,
    /// The request.
    pub request: &'r HttpRequest,
    /// Its body.
    pub payload: web::Payload,
}

/// A request that was admitted before its body was sent.
struct AdmittedEarlier<F: FrontEnd>(F::Admitted);

/// Serves one request.
pub async fn serve<F: FrontEnd>(
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    front_end: web::Data<F>,
) -> HttpResponse {
    let head = request.head();
    let route = match front_end.route(head) {
        Found::Route(route) => route,
        found => {
            let body = intake::discard_body(payload, true).await;
            return match found {
                Found::Nothing(refusal) => front_end.refuse(&app, None, refusal, head, body),
                _ => not_found(),
            };
        }
    };
    let earlier = request.extensions_mut().remove::<AdmittedEarlier<F>>();
    let admitted = match earlier {
        Some(AdmittedEarlier(admitted)) => Ok(admitted),
        None => admit(&app, front_end.get_ref(), &route, head).await,
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(Rejection {
            refusal,
            unauthenticated,
        }) => {
            let body = intake::discard_body(payload, unauthenticated).await;
            return front_end.refuse(&app, Some(&route), refusal, head, body);
        }
    };
    let exchange = Exchange {
        app: app.clone(),
        front_end: front_end.clone(),
        route: &route,
        request: &request,
        payload,
    };
    match F::run(exchange, admitted).await {
        Ok(response) => response,
        Err((refusal, body)) => {
            tracing::info!(rule = F::rule(&refusal), "a call was refused");
            front_end.refuse(&app, Some(&route), refusal, head, body)
        }
    }
}

async fn admit<F: FrontEnd>(
    app: &web::Data<App>,
    front_end: &F,
    route: &F::Route,
    head: &RequestHead,
) -> Result<F::Admitted, Rejection<F::Refusal>> {
    let admitted = front_end.admit(app, route, head).await;
    admitted.inspect_err(|rejection| {
        let rule = F::rule(&rejection.refusal);
        tracing::warn!(rule, "a call was rejected by its head");
    })
}

/// Called when a client waits for `100 Continue`: returns the request if its body may be sent.
///
/// # Errors
/// The final response, if it is known without the body.
async fn before_the_body<F: FrontEnd>(
    app: &web::Data<App>,
    front_end: &F,
    mut request: Request,
) -> Result<Request, HttpResponse> {
    let (route, refusal) = match front_end.route(request.head()) {
        Found::Elsewhere => return Ok(request),
        Found::Nothing(refusal) => (None, refusal),
        Found::Route(route) => match admit(app, front_end, &route, request.head()).await {
            Ok(admitted) => {
                let admitted = AdmittedEarlier::<F>(admitted);
                request.extensions_mut().insert(admitted);
                return Ok(request);
            }
            Err(rejection) => (Some(route), rejection.refusal),
        },
    };
    let (route, head) = (route.as_ref(), request.head());
    let response = front_end.refuse(app, route, refusal, head, Body::Unread);
    Err(close_connection(response, &mut request))
}

/// The response to a request whose body is not wanted. The client may send the body nevertheless, so the connection
/// is closed.
pub fn close_connection(mut response: HttpResponse, request: &mut Request) -> HttpResponse {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    let unread = Unread::new(request.take_payload(), None);
    response.map_body(|_, answer| unread.attach_to(answer))
}

/// The response for a path that belongs to no front end.
pub fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body(
            "There is no resource at this address. The SOAP services are at /services/UserAdmin and \
             /services/UserImport, REST is at /api/v1, SCIM at /scim/v2 and /scim2, the admin portal at /portal/.\n",
        )
}

/// The result of [`Mounted::before_the_body`].
pub type BeforeTheBody<'r> = Pin<Box<dyn Future<Output = Result<Request, HttpResponse>> + 'r>>;

/// A front end in a server, whatever its type.
pub trait Mounted: Send + Sync {
    /// Registers its paths and its state.
    fn configure(&self, config: &mut web::ServiceConfig);

    /// Decides before a client receives 100 Continue. A request of another front end is returned unchanged.
    fn before_the_body<'r>(
        &'r self,
        app: &'r web::Data<App>,
        request: Request,
    ) -> BeforeTheBody<'r>;

    /// Whether the path belongs to it.
    fn owns(&self, head: &RequestHead) -> bool;
}

/// Mounts a front end.
pub fn mounted<F: FrontEnd + Send + Sync>(front_end: F) -> Arc<dyn Mounted> {
    Arc::new(Mount {
        front_end: web::Data::new(front_end),
    })
}

struct Mount<F> {
    front_end: web::Data<F>,
}

impl<F: FrontEnd + Send + Sync> Mounted for Mount<F> {
    fn configure(&self, config: &mut web::ServiceConfig) {
        config.app_data(self.front_end.clone());
        F::configure(config);
    }

    fn before_the_body<'r>(
        &'r self,
        app: &'r web::Data<App>,
        request: Request,
    ) -> BeforeTheBody<'r> {
        Box::pin(before_the_body(app, self.front_end.get_ref(), request))
    }

    fn owns(&self, head: &RequestHead) -> bool {
        !matches!(self.front_end.route(head), Found::Elsewhere)
    }
}

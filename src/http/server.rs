//! The listening server: addresses, workers, limits on slow senders, and the orderly end.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService, Protocol, Request};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{
    Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::rt::net::TcpStream;
use actix_web::{App as Routes, HttpMessage, HttpResponse, web};
use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::{Instrument, Span};

use crate::app::App;
use crate::http::base_url::BaseUrl;
use crate::http::connection::{Connection, Mark};
use crate::http::connection_log::ConnectionLog;
use crate::http::settings::Settings;
use crate::http::traffic::Traffic;
use crate::http::unread::Unread;
use crate::http::{health, request_id, rest, scim, soap, tls, tls_watch};

/// Open connections of one worker; more wait in the system's queue.
const CONNECTIONS: usize = 10_000;

/// For how long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// For how long a connection whose request was not read to its end stays open for the answer.
const DISCONNECT: Duration = Duration::from_secs(1);

/// Where a running server can be reached.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Plain HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// The URL that callers are told, where one is set.
    pub public_url: Option<String>,
    /// Hosts that callers may reach the server by.
    pub hosts: Vec<String>,
}

impl Addresses {
    /// The base URL for callers of the listener that is `secure` or not.
    pub fn base_url(&self, secure: bool) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let url = |scheme: &str, address: SocketAddr| format!("{scheme}://{}", Reachable(address));
        match (secure, self.http, self.https) {
            (false, Some(http), _) | (true, Some(http), None) => url("http", http),
            (_, _, Some(https)) => url("https", https),
            (false, None, None) | (true, None, None) => "http://localhost".into(),
        }
    }
}

impl Addresses {
    /// The base URL for each caller of the listener that is `secure` or not.
    fn base(&self, secure: bool) -> BaseUrl {
        let public = self.public_url.as_deref();
        BaseUrl::new(public, secure, &self.hosts, self.base_url(secure))
    }

    /// What is wrong with the addresses that callers are told, in a sentence: a listener on all addresses is called
    /// from other machines, and `localhost` leads them to themselves.
    pub fn warning(&self) -> Option<String> {
        if self.public_url.is_some() || !self.hosts.is_empty() {
            return None;
        }
        let everywhere = [self.http, self.https]
            .into_iter()
            .flatten()
            .find(|address| address.ip().is_unspecified())?;
        Some(format!(
            "the server listens on all addresses ({everywhere}), and callers are told locations at localhost, \
             which other machines cannot reach; set server.public_url, or server.hosts to the names that callers \
             use"
        ))
    }
}

/// An address as a caller can use it: a listener on all of them is reached at `localhost`.
struct Reachable(SocketAddr);

impl fmt::Display for Reachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.ip().is_unspecified() {
            true => write!(f, "localhost:{}", self.0.port()),
            false => self.0.fmt(f),
        }
    }
}

/// Listens, calls `ready` with the addresses, serves until `stop` comes to its end, and drains.
///
/// # Errors
/// A sentence: an address is in use, the certificate cannot be used, the server failed.
pub async fn run(
    app: Arc<App>,
    settings: &Settings,
    soap_settings: &soap::Settings,
    data: &Path,
    ready: impl FnOnce(&Addresses),
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let http = listen("http", &settings.http)?;
    let https = listen("https", &settings.https)?;
    let addresses = Addresses {
        http: http.as_ref().map(|(_, address)| *address),
        https: https.as_ref().map(|(_, address)| *address),
        public_url: settings.public_url.clone(),
        hosts: settings.hosts.clone(),
    };
    if let Some(warning) = addresses.warning() {
        tracing::warn!("{warning}");
    }
    app.jobs.begin()?;
    let (stopping, stop_signal) = watch::channel(false);
    let slots = app.importer.settings.slots;
    let traffic = Arc::new(Traffic::new(settings, slots, stop_signal)?);
    let verifier = Arc::new(soap::security::Verifier::new(&soap_settings.security)?);
    let mut server = Server::build()
        .workers(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .max_concurrent_connections(CONNECTIONS)
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
    let draining = server.graceful_shutdown_signal();
    let ended = Arc::new(ConnectionLog::default());
    let listeners = rest::endpoint::listeners();
    let keep = Duration::from_secs(app.provisioner.settings.cursor_seconds);
    let cursors = scim::cursor::Cursors::new(keep)
        .map(Arc::new)
        .map_err(|_| "the machine's random source failed".to_owned())?;
    let app = web::Data::from(Arc::clone(&app));
    let services = |secure| ListenerServices {
        app: app.clone(),
        soap: web::Data::new(soap::SoapFrontEnd {
            settings: soap_settings.clone(),
            verifier: Arc::clone(&verifier),
            base_url: addresses.base_url(secure),
            secure,
            body_limit: settings.body_limit_bytes,
            traffic: Arc::clone(&traffic),
        }),
        rest: web::Data::new(rest::RestFrontEnd {
            base: addresses.base(secure),
            body_limit: settings.body_limit_bytes,
            traffic: Arc::clone(&traffic),
            listeners: Arc::clone(&listeners),
        }),
        scim: web::Data::new(scim::ScimFrontEnd {
            base: addresses.base(secure),
            traffic: Arc::clone(&traffic),
            cursors: Arc::clone(&cursors),
        }),
        idle: settings.idle(),
        draining: draining.clone(),
        ended: Arc::clone(&ended),
    };
    let broken = |error: std::io::Error| format!("the server cannot listen: {error}");
    if let Some((listener, _)) = http {
        let services = services(false);
        server = server
            .listen("http", listener, move || services.plain())
            .map_err(broken)?;
    }
    let certificates = match &https {
        Some(_) => Some(Arc::new(tls::Certificates::load(
            settings,
            data,
            app.clock.now(),
        )?)),
        None => None,
    };
    let _watch = tls_watch::start(certificates.clone(), app.clock.clone())?;
    if let (Some((listener, _)), Some(loaded)) = (https, certificates) {
        let services = services(true);
        let configuration = loaded.configuration()?;
        server = server
            .listen("https", listener, move || {
                services.secure(configuration.clone())
            })
            .map_err(broken)?;
    }
    let server = server.run();
    let handle = server.handle();
    let mut running = actix_web::rt::spawn(server);
    ready(&addresses);
    let ended = wait_for_stop(&mut running, stop).await;
    app.stop();
    // Receivers are gone only when the server is.
    let _ = stopping.send(true);
    ended?;
    handle.stop(true).await;
    match running.await {
        Ok(result) => result.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &dyn fmt::Display) -> String {
    format!("the server failed: {error}")
}

/// Waits for `stop`, and for nothing else as long as the server runs.
///
/// # Errors
/// A sentence: the server ended first. It would serve no more requests, so the process has to end, and the service
/// manager starts it again.
async fn wait_for_stop<E: fmt::Display>(
    running: &mut (impl Future<Output = Result<io::Result<()>, E>> + Unpin),
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let ended = tokio::select! {
        biased;
        () = stop => return Ok(()),
        ended = running => ended,
    };
    let reason = match ended {
        Ok(Ok(())) => "its listeners have ended".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(reason, "the server ended without being asked to");
    Err(failed(&reason))
}

/// What every worker's service behind one listener is made from.
#[derive(Clone)]
struct ListenerServices {
    app: web::Data<App>,
    soap: web::Data<soap::SoapFrontEnd>,
    rest: web::Data<rest::RestFrontEnd>,
    scim: web::Data<scim::ScimFrontEnd>,
    idle: Duration,
    draining: GracefulShutdownSignal,
    ended: Arc<ConnectionLog>,
}

/// A connection as it is handed on, with its protocol and who is at the other end.
type Incoming<S> = (Connection<S>, Protocol, Option<SocketAddr>);

type Answering = BoxServiceFactory<(), Request, ServiceResponse, actix_web::Error, ()>;
type Expecting = BoxServiceFactory<(), Request, Request, HttpResponse, ()>;

impl ListenerServices {
    /// Plain connections.
    fn plain(
        &self,
    ) -> impl ServiceFactory<
        TcpStream,
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<> {
        let limit = self.limit();
        fn_service(move |stream: TcpStream| async move {
            let peer = stream.peer_addr().ok();
            Ok((Connection::new(stream, limit), Protocol::Http1, peer))
        })
        .and_then(watched(self.service(), &self.ended))
    }

    /// Encrypted connections.
    fn secure(
        &self,
        mut configuration: ServerConfig,
    ) -> impl ServiceFactory<
        TcpStream,
        Config = (),
        Response = (),
        Error = TlsError<io::Error, DispatchError>,
        InitError = (),
    > + use<> {
        configuration.alpn_protocols.push(b"http/1.1".to_vec());
        let limit = self.limit();
        Acceptor::new(configuration)
            .map_err(TlsError::into_service_error)
            .and_then(fn_service(move |stream: TlsStream<TcpStream>| async move {
                let peer = stream.get_ref().0.peer_addr().ok();
                Ok((Connection::new(stream, limit), Protocol::Http1, peer))
            }))
            .and_then(watched(self.service(), &self.ended).map_err(TlsError::Service))
    }

    /// Bytes that a body may have, the framing of its chunks included.
    fn limit(&self) -> u64 {
        self.soap.body_limit
    }

    /// What `actix_web::HttpServer` makes of routes, and beside them the one who is asked before a
    /// client is told to go on with its body (RFC 9110 §10.1.1).
    fn service<S: 'static>(&self) -> HttpService<Connection<S>, Answering, BoxBody, Expecting> {
        let clock = self.app.clock.clone();
        let routes = Routes::new()
            .app_data(self.app.clone())
            .app_data(self.soap.clone())
            .app_data(self.rest.clone())
            .app_data(self.scim.clone())
            .configure(health::routes)
            .configure(soap::routes)
            .configure(rest::routes)
            .configure(scim::routes)
            .default_service(web::to(not_found))
            .wrap_fn(move |mut request, routes| {
                let unread =
                    Unread::new(request.take_payload(), request.conn_data::<Mark>().cloned());
                request.set_payload(unread.body());
                let id = request_id::settle(request.headers_mut(), &clock);
                let span = span(&id);
                let answer = span.in_scope(|| routes.call(request)).instrument(span);
                async move {
                    let mut answer = answer.await?.map_body(|_, answer| unread.kept_by(answer));
                    complete(answer.response_mut(), id);
                    Ok(answer)
                }
            });
        let (app, soap, rest) = (self.app.clone(), self.soap.clone(), self.rest.clone());
        let expecting = fn_service(move |request| {
            let (app, soap, rest) = (app.clone(), soap.clone(), rest.clone());
            async move {
                let mut request: Request = request;
                let id = request_id::settle(request.headers_mut(), &app.clock);
                let span = span(&id);
                let request = before_the_body(&app, &soap, &rest, request);
                request.instrument(span).await.map_err(|mut answer| {
                    complete(&mut answer, id);
                    answer
                })
            }
        });
        let draining = self.draining.clone();
        HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(self.idle)
            .client_disconnect_timeout(DISCONNECT)
            // Without it, connections that wait for their next request hold the stop up.
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .on_connect_ext(|connection: &Connection<S>, data| {
                data.insert(connection.mark());
            })
            .expect(boxed::factory(expecting))
            .finish(boxed::factory(map_config(routes, |()| {
                AppConfig::default()
            })))
    }
}

/// Asks the front ends before a client is told to go on with its body.
async fn before_the_body(
    app: &web::Data<App>,
    soap: &soap::SoapFrontEnd,
    rest: &rest::RestFrontEnd,
    request: Request,
) -> Result<Request, HttpResponse> {
    let request = soap::before_the_body(app, soap, request).await?;
    let request = rest::before_the_body(app, rest, request).await?;
    let mut request = scim::before_the_body(app, &rest.traffic, request).await?;
    if is_somewhere(request.method(), request.path()) {
        return Ok(request);
    }
    let mut response = nothing_there();
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    let unread = Unread::new(request.take_payload(), None);
    Err(response.map_body(|_, answer| unread.kept_by(answer)))
}

/// Whether a request with this method and path has a route; the front ends have refused theirs that have none.
fn is_somewhere(method: &Method, path: &str) -> bool {
    if matches!(path, "/healthz" | "/readyz") {
        return method == Method::GET;
    }
    let first = path.split('/').nth(1).unwrap_or_default();
    matches!(first, "services" | "api") || scim::place::Place::of(path).is_some()
}

async fn not_found() -> HttpResponse {
    nothing_there()
}

fn nothing_there() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body(
            "There is nothing at this address. The SOAP services are at /services/UserAdmin and \
             /services/UserImport, REST is at /api/v1, SCIM at /scim/v2 and /scim2.\n",
        )
}

/// What every log line of a request has in front.
fn span(id: &HeaderValue) -> Span {
    tracing::info_span!("request", id = id.to_str().unwrap_or_default())
}

/// Puts the request's id into the answer, and field names as servers of old write them, `Content-Type`: letter case
/// means nothing (RFC 9110 §5.1), but Apache Synapse looks for them so.
fn complete(answer: &mut HttpResponse, id: HeaderValue) {
    answer.headers_mut().insert(request_id::FIELD, id);
    answer.head_mut().set_camel_case_headers(true);
}

/// Says why connections end badly.
fn watched<F, S>(
    http: F,
    ended: &Arc<ConnectionLog>,
) -> impl ServiceFactory<Incoming<S>, Config = (), Response = (), Error = DispatchError, InitError = ()>
+ use<F, S>
where
    F: ServiceFactory<
            Incoming<S>,
            Config = (),
            Response = (),
            Error = DispatchError,
            InitError = (),
        >,
{
    let ended = Arc::clone(ended);
    apply_fn_factory(http, move |incoming: Incoming<S>, http: &F::Service| {
        let (ended, peer) = (Arc::clone(&ended), incoming.2);
        let end = http.call(incoming);
        async move { end.await.inspect_err(|error| ended.log(peer, error)) }
    })
}

fn listen(key: &str, address: &str) -> Result<Option<(TcpListener, SocketAddr)>, String> {
    if address == "off" {
        return Ok(None);
    }
    let explain = |error: std::io::Error| {
        format!("cannot listen at {address} (server.{key}): {error}; name another address or off")
    };
    let listener = TcpListener::bind(address).map_err(explain)?;
    let bound = listener.local_addr().map_err(explain)?;
    Ok(Some((listener, bound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_server_that_ends_before_it_is_stopped_is_an_error() {
        type Ended = Result<io::Result<()>, std::convert::Infallible>;
        let ends: [(Ended, &str); 2] = [
            (Ok(Ok(())), "the server failed: its listeners have ended"),
            (
                Ok(Err(io::Error::other("accept"))),
                "the server failed: accept",
            ),
        ];
        for (ended, expected) in ends {
            let mut running = std::future::ready(ended);
            let stopped = wait_for_stop(&mut running, std::future::pending());
            assert_eq!(stopped.await, Err(expected.to_owned()));
        }
        let mut running = std::future::pending::<Ended>();
        let stopped = wait_for_stop(&mut running, std::future::ready(()));
        assert_eq!(stopped.await, Ok(()));
    }

    #[test]
    fn callers_are_told_an_address_they_can_use() {
        let mut addresses = Addresses {
            http: Some("127.0.0.1:9763".parse().unwrap()),
            https: Some("0.0.0.0:9443".parse().unwrap()),
            public_url: None,
            hosts: Vec::new(),
        };
        assert_eq!(addresses.base_url(false), "http://127.0.0.1:9763");
        assert_eq!(addresses.base_url(true), "https://localhost:9443");
        addresses.public_url = Some("https://users.example.com/".into());
        assert_eq!(addresses.base_url(false), "https://users.example.com");
    }
    #[test]
    fn localhost_is_warned_of_where_other_machines_may_call() {
        let addresses = |http: &str, https: Option<&str>| Addresses {
            http: Some(http.parse().unwrap()),
            https: https.map(|https| https.parse().unwrap()),
            public_url: None,
            hosts: Vec::new(),
        };
        assert_eq!(
            addresses("127.0.0.1:9763", Some("10.0.0.7:9443")).warning(),
            None
        );
        for open in [
            addresses("0.0.0.0:9763", None),
            addresses("127.0.0.1:9763", Some("0.0.0.0:9443")),
            addresses("[::]:9763", None),
        ] {
            let warning = open.warning().unwrap();
            assert!(warning.contains("localhost") && warning.contains("server.public_url"));
            let named = Addresses {
                hosts: vec!["users.example.com".into()],
                ..open.clone()
            };
            assert_eq!(named.warning(), None);
            let public = Addresses {
                public_url: Some("https://users.example.com".into()),
                ..open
            };
            assert_eq!(public.warning(), None);
        }
    }
}

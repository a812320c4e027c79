//! The listening server: addresses, workers, limits for slow senders, and graceful shutdown.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{
    Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App as Routes, HttpMessage, HttpResponse};
use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::{Instrument, Span};

use crate::app::App;
use crate::http::base_url::BaseUrl;
use crate::http::connection::{Connection, EndReason};
use crate::http::connection_log::ConnectionLog;
use crate::http::front_end::{self, Mounted};
use crate::http::server_parts::{ForListener, Listener, ServerParts};
use crate::http::settings::Settings;
use crate::http::traffic::Traffic;
use crate::http::unread::Unread;
use crate::http::{event_stream, health, request_id, rest, scim, soap, tls, tls_watch, web};

/// Maximum open connections per worker; more wait in the system's queue.
const CONNECTIONS: usize = 10_000;

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a connection whose request was not read to its end stays open for the answer.
const DISCONNECT: Duration = Duration::from_secs(1);

/// The addresses of a running server.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Plain HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// The configured URL for callers.
    pub public_url: Option<String>,
    /// Host names by which callers may reach the server.
    pub hosts: Vec<String>,
}

impl Addresses {
    /// The base URL for callers of the HTTPS listener if `secure`, or of the HTTP listener.
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
    /// Determines the base URL for each caller of that listener.
    fn base(&self, secure: bool) -> BaseUrl {
        let public = self.public_url.as_deref();
        BaseUrl::new(public, secure, &self.hosts, self.base_url(secure))
    }

    /// A warning if the server listens on all addresses, so that it is called from other machines, but reports
    /// `localhost` as its address.
    pub fn warning(&self) -> Option<String> {
        if self.public_url.is_some() || !self.hosts.is_empty() {
            return None;
        }
        let listener = [self.http, self.https]
            .into_iter()
            .flatten()
            .find(|address| address.ip().is_unspecified())?;
        Some(format!(
            "the server listens on all addresses ({listener}), but reports locations at localhost, \
             which other machines cannot reach; set server.public_url, or server.hosts to the names that callers \
             use"
        ))
    }
}

/// An address in the form that callers can use: a listener on all addresses is reached at `localhost`.
struct Reachable(SocketAddr);

impl fmt::Display for Reachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.ip().is_unspecified() {
            true => write!(f, "localhost:{}", self.0.port()),
            false => self.0.fmt(f),
        }
    }
}

/// Listens, calls `ready` with the addresses, serves until `stop` completes, and finishes the open requests.
///
/// # Errors
/// The message for the user: an address is in use, the certificate is unusable, or the server failed.
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
    let parts = ServerParts {
        app: &app,
        settings,
        data,
        traffic,
        streams: event_stream::limit(),
    };
    let front_ends = front_ends(&parts, soap_settings)?;
    let mut server = Server::build()
        .workers(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .max_concurrent_connections(CONNECTIONS)
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
    let draining = server.graceful_shutdown_signal();
    let connection_log = Arc::new(ConnectionLog::default());
    let app = Data::from(Arc::clone(&app));
    let services = |secure| ListenerServices {
        app: app.clone(),
        front_ends: {
            let listener = Listener {
                secure,
                base_url: addresses.base_url(secure),
                base: addresses.base(secure),
            };
            front_ends.iter().map(|make| make(&listener)).collect()
        },
        body_limit: settings.body_limit_bytes,
        idle: settings.idle(),
        draining: draining.clone(),
        connection_log: Arc::clone(&connection_log),
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
    // Sending fails only if the server has already ended.
    let _ = stopping.send(true);
    ended?;
    handle.stop(true).await;
    match running.await {
        Ok(result) => result.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

/// All front ends.
fn front_ends(parts: &ServerParts<'_>, soap: &soap::Settings) -> Result<Vec<ForListener>, String> {
    Ok(vec![
        soap::mount(parts, soap)?,
        rest::mount(parts)?,
        scim::mount(parts)?,
        web::mount(parts)?,
    ])
}

fn failed(error: &dyn fmt::Display) -> String {
    format!("the server failed: {error}")
}

/// Waits for `stop` while the server runs.
///
/// # Errors
/// The message for the user: the server ended first. It would serve no more requests, so the process must exit, and
/// the service manager restarts it.
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
    tracing::error!(reason, "the server ended unexpectedly");
    Err(failed(&reason))
}

/// Everything that is needed to build the service of each worker of one listener.
#[derive(Clone)]
struct ListenerServices {
    app: Data<App>,
    front_ends: Vec<Arc<dyn Mounted>>,
    body_limit: u64,
    idle: Duration,
    draining: GracefulShutdownSignal,
    connection_log: Arc<ConnectionLog>,
}

/// A connection, its protocol and the peer's address.
type Incoming<S> = (Connection<S>, Protocol, Option<SocketAddr>);

type RouteService = BoxServiceFactory<(), Request, ServiceResponse, actix_web::Error, ()>;
type ExpectService = BoxServiceFactory<(), Request, Request, HttpResponse, ()>;

impl ListenerServices {
    /// Serves unencrypted connections.
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
        .and_then(log_errors(self.service(), &self.connection_log))
    }

    /// Serves encrypted connections.
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
            .and_then(log_errors(self.service(), &self.connection_log).map_err(TlsError::Service))
    }

    /// Maximum size of a body in bytes, including chunk framing.
    fn limit(&self) -> u64 {
        self.body_limit
    }

    /// Builds what `actix_web::HttpServer` builds from routes, and additionally the service that decides before
    /// a client receives 100 Continue (RFC 9110 §10.1.1).
    fn service<S: 'static>(
        &self,
    ) -> HttpService<Connection<S>, RouteService, BoxBody, ExpectService> {
        let clock = self.app.clock.clone();
        let routes = Routes::new()
            .app_data(self.app.clone())
            .configure(health::routes)
            .configure(|config| {
                for front_end in &self.front_ends {
                    front_end.configure(config);
                }
            })
            .default_service(actix_web::web::to(not_found))
            .wrap_fn(move |mut request, routes| {
                let unread = Unread::new(
                    request.take_payload(),
                    request.conn_data::<EndReason>().cloned(),
                );
                request.set_payload(unread.body());
                let id = request_id::ensure(request.headers_mut(), &clock);
                let span = span(&id);
                let answer = span.in_scope(|| routes.call(request)).instrument(span);
                async move {
                    let mut answer = answer.await?.map_body(|_, answer| unread.attach_to(answer));
                    finish_head(answer.response_mut(), id);
                    Ok(answer)
                }
            });
        let services = self.clone();
        let expecting = fn_service(move |request| {
            let services = services.clone();
            async move {
                let app = &services.app;
                let mut request: Request = request;
                let id = request_id::ensure(request.headers_mut(), &app.clock);
                let span = span(&id);
                let request = services.before_the_body(request);
                request.instrument(span).await.map_err(|mut answer| {
                    finish_head(&mut answer, id);
                    answer
                })
            }
        });
        let draining = self.draining.clone();
        HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(self.idle)
            .client_disconnect_timeout(DISCONNECT)
            // Without this, idle connections delay the shutdown.
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .on_connect_ext(|connection: &Connection<S>, data| {
                data.insert(connection.end_reason());
            })
            .expect(boxed::factory(expecting))
            .finish(boxed::factory(map_config(routes, |()| {
                AppConfig::default()
            })))
    }
}

impl ListenerServices {
    /// Calls the front ends before a client receives 100 Continue.
    async fn before_the_body(&self, mut request: Request) -> Result<Request, HttpResponse> {
        for front_end in &self.front_ends {
            request = front_end.before_the_body(&self.app, request).await?;
        }
        let is_known = health::owns(request.head())
            || self.front_ends.iter().any(|it| it.owns(request.head()));
        match is_known {
            true => Ok(request),
            false => Err(front_end::close_connection(
                front_end::not_found(),
                &mut request,
            )),
        }
    }
}

async fn not_found() -> HttpResponse {
    front_end::not_found()
}

/// The span that gives every log line of a request its id.
fn span(id: &HeaderValue) -> Span {
    tracing::info_span!("request", id = id.to_str().unwrap_or_default())
}

/// Sets the request's id, and writes field names in the form `Content-Type`: letter case is insignificant
/// (RFC 9110 §5.1), but Apache Synapse requires it.
fn finish_head(answer: &mut HttpResponse, id: HeaderValue) {
    answer.headers_mut().insert(request_id::FIELD, id);
    answer.head_mut().set_camel_case_headers(true);
}

/// Logs why connections ended with an error.
fn log_errors<F, S>(
    http: F,
    log: &Arc<ConnectionLog>,
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
    let log = Arc::clone(log);
    apply_fn_factory(http, move |incoming: Incoming<S>, http: &F::Service| {
        let (log, peer) = (Arc::clone(&log), incoming.2);
        let end = http.call(incoming);
        async move { end.await.inspect_err(|error| log.log(peer, error)) }
    })
}

fn listen(key: &str, address: &str) -> Result<Option<(TcpListener, SocketAddr)>, String> {
    if address == "off" {
        return Ok(None);
    }
    let explain = |error: std::io::Error| {
        format!("cannot listen at {address} (server.{key}): {error}; use another address or off")
    };
    let listener = TcpListener::bind(address).map_err(explain)?;
    let bound = listener.local_addr().map_err(explain)?;
    Ok(Some((listener, bound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
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
    fn base_url_is_reachable_by_callers() {
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
    fn listening_on_all_addresses_without_a_public_name_is_warned_about() {
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

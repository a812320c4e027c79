//! The listening server: addresses, workers, limits on slow senders, and the orderly end.

use std::fmt;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::boxed::{self, BoxServiceFactory};
use actix_service::{Service, fn_service, map_config};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::{App as Routes, HttpMessage, HttpResponse, web};
use tokio::sync::watch;

use crate::app::App;
use crate::http::settings::Settings;
use crate::http::unread::Unread;
use crate::http::{health, rest, scim, soap, tls};

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
    };
    app.jobs.begin()?;
    let (stopping, stop_signal) = watch::channel(false);
    let verifier = Arc::new(soap::security::Verifier::new(&soap_settings.security)?);
    let mut server = Server::build()
        .workers(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .max_concurrent_connections(CONNECTIONS)
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals();
    let draining = server.graceful_shutdown_signal();
    let listeners = rest::endpoint::listeners();
    let keep = Duration::from_secs(app.provisioner.settings.cursor_seconds);
    let cursors = scim::cursor::Cursors::new(keep)
        .map(Arc::new)
        .map_err(|_| "the machine's random source failed".to_owned())?;
    let house = web::Data::from(Arc::clone(&app));
    let door = |secure| Door {
        house: house.clone(),
        soap: web::Data::new(soap::State {
            settings: soap_settings.clone(),
            verifier: Arc::clone(&verifier),
            base_url: addresses.base_url(secure),
            secure,
            body_limit: settings.body_limit_bytes,
            idle: settings.idle(),
            stop: stop_signal.clone(),
        }),
        rest: web::Data::new(rest::State {
            base_url: addresses.base_url(secure),
            body_limit: settings.body_limit_bytes,
            idle: settings.idle(),
            stop: stop_signal.clone(),
            listeners: Arc::clone(&listeners),
        }),
        scim: web::Data::new(scim::State {
            base_url: addresses.base_url(secure),
            idle: settings.idle(),
            stop: stop_signal.clone(),
            cursors: Arc::clone(&cursors),
        }),
        idle: settings.idle(),
        draining: draining.clone(),
    };
    let broken = |error: std::io::Error| format!("the server cannot listen: {error}");
    if let Some((listener, _)) = http {
        let door = door(false);
        server = server
            .listen("http", listener, move || door.service().tcp())
            .map_err(broken)?;
    }
    if let Some((listener, _)) = https {
        let door = door(true);
        let configuration = tls::configuration(settings, data)?;
        server = server
            .listen("https", listener, move || {
                door.service().rustls_0_23(configuration.clone())
            })
            .map_err(broken)?;
    }
    let server = server.run();
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    ready(&addresses);
    stop.await;
    app.stop();
    // Receivers are gone only when the server is.
    let _ = stopping.send(true);
    handle.stop(true).await;
    match running.await {
        Ok(result) => result.map_err(|error| format!("the server failed: {error}")),
        Err(error) => Err(format!("the server failed: {error}")),
    }
}

/// What every worker's service behind one listener is made from.
#[derive(Clone)]
struct Door {
    house: web::Data<App>,
    soap: web::Data<soap::State>,
    rest: web::Data<rest::State>,
    scim: web::Data<scim::State>,
    idle: Duration,
    draining: GracefulShutdownSignal,
}

type Answering = BoxServiceFactory<(), Request, ServiceResponse, actix_web::Error, ()>;
type Expecting = BoxServiceFactory<(), Request, Request, HttpResponse, ()>;

impl Door {
    /// What `actix_web::HttpServer` makes of routes, and beside them the one who is asked before a
    /// client is told to go on with its body (RFC 9110 §10.1.1).
    fn service<T>(&self) -> HttpService<T, Answering, BoxBody, Expecting> {
        let routes = Routes::new()
            .app_data(self.house.clone())
            .app_data(self.soap.clone())
            .app_data(self.rest.clone())
            .app_data(self.scim.clone())
            .configure(health::routes)
            .configure(soap::routes)
            .configure(rest::routes)
            .configure(scim::routes)
            .wrap_fn(|mut request, routes| {
                let unread = Unread::new(request.take_payload());
                request.set_payload(unread.body());
                let answer = routes.call(request);
                async { Ok(answer.await?.map_body(|_, answer| unread.kept_by(answer))) }
            });
        let (house, soap, rest) = (self.house.clone(), self.soap.clone(), self.rest.clone());
        let expecting = fn_service(move |request| {
            let (house, soap, rest) = (house.clone(), soap.clone(), rest.clone());
            async move {
                let request = soap::before_the_body(&house, &soap, request).await?;
                let request = rest::before_the_body(&house, &rest, request).await?;
                scim::before_the_body(&house, request).await
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
            .expect(boxed::factory(expecting))
            .finish(boxed::factory(map_config(routes, |()| {
                AppConfig::default()
            })))
    }
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

    #[test]
    fn callers_are_told_an_address_they_can_use() {
        let mut addresses = Addresses {
            http: Some("127.0.0.1:9763".parse().unwrap()),
            https: Some("0.0.0.0:9443".parse().unwrap()),
            public_url: None,
        };
        assert_eq!(addresses.base_url(false), "http://127.0.0.1:9763");
        assert_eq!(addresses.base_url(true), "https://localhost:9443");
        addresses.public_url = Some("https://users.example.com/".into());
        assert_eq!(addresses.base_url(false), "https://users.example.com");
    }
}

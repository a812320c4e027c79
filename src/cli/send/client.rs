//! Sends the call over HTTP or HTTPS.
//!
//! The request carries `Expect: 100-continue`, so that a server that refuses the caller replies before the file is
//! sent. Redirects are not followed: the file must not go to a host that the user did not name.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::{HeaderName, HeaderValue, Request, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, SendBody};

use crate::cli::command::CliError;
use crate::cli::send::message::Message;
use crate::passwords::secret::Secret;

/// Timeout for a connection.
const CONNECT: Duration = Duration::from_secs(30);

/// Maximum size of a response, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;

/// An HTTP client.
pub(super) struct Client {
    agent: Agent,
    insecure: bool,
}

/// A response.
pub(super) struct Received {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    /// The value of a field; `name` is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// Creates a client that trusts the certificates in `ca`, or those of the system.
    pub(super) fn new(ca: Option<&Path>, insecure: bool) -> Result<Self, CliError> {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(roots(ca)?)
            .disable_verification(insecure)
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .tls_config(tls)
            .build()
            .into();
        Ok(Client { agent, insecure })
    }

    /// Builds the head of the request.
    pub(super) fn request(
        &self,
        url: &str,
        user: &str,
        password: &Secret,
        message: &Message,
    ) -> Result<Request<()>, CliError> {
        let credentials = STANDARD.encode(format!("{user}:{}", password.expose()));
        let authorization = HeaderValue::try_from(format!("Basic {credentials}"));
        let mut authorization = authorization
            .map_err(|_| CliError::from("the credentials cannot be sent".to_owned()))?;
        authorization.set_sensitive(true);
        let mut request = Request::post(url)
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, &message.content_type)
            .header(header::EXPECT, "100-continue")
            .header(header::ACCEPT, "text/xml, application/soap+xml")
            .header(
                header::USER_AGENT,
                concat!("muster/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(action) = &message.soap_action {
            request = request.header(HeaderName::from_static("soapaction"), action);
        }
        if let Some(length) = message.length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        request
            .body(())
            .map_err(|error| CliError::Message(format!("{url}: {error}")))
    }

    /// Sends the head and the body, and reads the response.
    pub(super) fn send(
        &self,
        request: Request<()>,
        mut body: impl Read,
    ) -> Result<Received, CliError> {
        let url = request.uri().to_string();
        let request = request.map(|()| SendBody::from_reader(&mut body));
        let mut response = self
            .agent
            .run(request)
            .map_err(|error| self.describe(&url, &error))?;
        let headers = response.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        });
        let headers = headers.collect();
        let status = response.status();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_vec()
            .map_err(|error| {
                format!(
                    "the response of {url} is incomplete: {error}; the import may have \
                     been completed"
                )
            })?;
        Ok(Received {
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default().to_owned(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The error, with advice.
    fn describe(&self, url: &str, error: &ureq::Error) -> CliError {
        let text = error.to_string();
        let advice = if text.contains("certificate") && !self.insecure {
            "; if the server is the right one, pass its certificate with --ca FILE"
        } else if matches!(error, ureq::Error::Io(io) if is_cut_off(io.kind())) {
            "; the server closed the connection: see its log for the reason, and its list of imports for rows \
             that were stored"
        } else {
            ""
        };
        CliError::Message(format!("{url}: {text}{advice}"))
    }
}

fn is_cut_off(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

fn roots(ca: Option<&Path>) -> Result<RootCerts, CliError> {
    let ders: Vec<CertificateDer<'static>> = match ca {
        Some(path) => {
            let shown = path.display();
            let found = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("--ca: {shown}: {error}"))?;
            if found.is_empty() {
                return Err(CliError::Message(format!(
                    "--ca: {shown} holds no certificate; name a PEM file"
                )));
            }
            found
        }
        // Unreadable certificates are not trusted; a connection that needs one fails with an error.
        None => rustls_native_certs::load_native_certs().certs,
    };
    let certificates = ders.iter().map(|der| Certificate::from_der(der).to_owned());
    Ok(RootCerts::from(certificates.collect::<Vec<_>>()))
}

/// Whether passwords would be sent unencrypted over the network.
pub(super) fn is_unencrypted(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let here = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
    uri.scheme_str() == Some("http") && !here
}

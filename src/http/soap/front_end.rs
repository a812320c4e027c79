//! The state of the SOAP front end for one listener.

use std::sync::Arc;

use crate::http::soap::security::Verifier;
use crate::http::soap::settings::Settings;
use crate::http::traffic::Traffic;

/// What the SOAP front end needs besides the app, for one listener.
#[derive(Debug)]
pub struct SoapFrontEnd {
    /// `[soap]` of the settings.
    pub settings: Settings,
    /// Checks WS-Security headers; shared by all listeners.
    pub verifier: Arc<Verifier>,
    /// The URL at which callers of this listener reach the server.
    pub base_url: String,
    /// Whether the listener speaks TLS.
    pub secure: bool,
    /// Maximum size of a body in bytes.
    pub body_limit: u64,
    /// Limits the requests in progress.
    pub traffic: Arc<Traffic>,
}

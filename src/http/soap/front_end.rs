//! What the SOAP front end of one listener is made from.

use crate::http::soap::security::Verifier;
use crate::http::soap::settings::Settings;
use crate::http::traffic::Traffic;
use std::sync::Arc;

/// What the slice needs besides the app, behind one listener.
#[derive(Debug)]
pub struct SoapFrontEnd {
    /// `[soap]` of the settings.
    pub settings: Settings,
    /// Who checks WS-Security headers, whichever listener they come through.
    pub verifier: Arc<Verifier>,
    /// Where callers of this listener reach the server.
    pub base_url: String,
    /// Whether the listener speaks TLS.
    pub secure: bool,
    /// Bytes that a body may have.
    pub body_limit: u64,
    /// What bounds the requests that are under way.
    pub traffic: Arc<Traffic>,
}

//! The state of the SOAP front end for one listener.

use std::sync::Arc;

use crate::http::front_end::mounted;
use crate::http::server_parts::{ForListener, ServerParts};
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

/// Makes the front end.
///
/// # Errors
/// The message for the user: the settings of WS-Security are invalid.
pub fn mount(parts: &ServerParts<'_>, settings: &Settings) -> Result<ForListener, String> {
    let verifier = Arc::new(Verifier::new(&settings.security)?);
    let (settings, traffic) = (settings.clone(), Arc::clone(&parts.traffic));
    let body_limit = parts.settings.body_limit_bytes;
    Ok(Box::new(move |listener| {
        mounted(SoapFrontEnd {
            settings: settings.clone(),
            verifier: Arc::clone(&verifier),
            base_url: listener.base_url.clone(),
            secure: listener.secure,
            body_limit,
            traffic: Arc::clone(&traffic),
        })
    }))
}

//! The state of the SCIM front end for one listener.

use std::sync::Arc;
use std::time::Duration;

use crate::http::base_url::BaseUrl;
use crate::http::front_end::mounted;
use crate::http::scim::cursor::Cursors;
use crate::http::server_parts::{ForListener, ServerParts};
use crate::http::traffic::Traffic;

/// What the SCIM front end needs besides the app, for one listener.
#[derive(Debug)]
pub struct ScimFrontEnd {
    /// The URL at which callers of this listener reach the server.
    pub base: BaseUrl,
    /// Limits the requests in progress.
    pub traffic: Arc<Traffic>,
    /// The cursors; shared by all listeners.
    pub cursors: Arc<Cursors>,
}

/// Makes the front end.
///
/// # Errors
/// The message for the user: there are no random numbers.
pub fn mount(parts: &ServerParts<'_>) -> Result<ForListener, String> {
    let lifetime = Duration::from_secs(parts.app.provisioner.settings.cursor_seconds);
    let cursors = Cursors::new(lifetime)
        .map(Arc::new)
        .map_err(|_| "the operating system's random number generator failed".to_owned())?;
    let traffic = Arc::clone(&parts.traffic);
    Ok(Box::new(move |listener| {
        mounted(ScimFrontEnd {
            base: listener.base.clone(),
            traffic: Arc::clone(&traffic),
            cursors: Arc::clone(&cursors),
        })
    }))
}

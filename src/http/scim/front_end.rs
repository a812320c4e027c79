//! The state of the SCIM front end for one listener.

use std::sync::Arc;

use crate::http::base_url::BaseUrl;
use crate::http::scim::cursor::Cursors;
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

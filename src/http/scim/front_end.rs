//! What the SCIM front end of one listener is made from.

use crate::http::base_url::BaseUrl;
use crate::http::scim::cursor::Cursors;
use crate::http::traffic::Traffic;
use std::sync::Arc;

/// What the slice needs besides the app, behind one listener.
#[derive(Debug)]
pub struct ScimFrontEnd {
    /// Where callers of this listener reach the server.
    pub base: BaseUrl,
    /// What bounds the requests that are under way.
    pub traffic: Arc<Traffic>,
    /// Cursors of all listeners.
    pub cursors: Arc<Cursors>,
}

//! The state of the REST front end for one listener.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::http::base_url::BaseUrl;
use crate::http::traffic::Traffic;

/// What the REST front end needs besides the app, for one listener.
#[derive(Debug)]
pub struct RestFrontEnd {
    /// The URL at which callers of this listener reach the server.
    pub base: BaseUrl,
    /// Maximum size of a body in bytes.
    pub body_limit: u64,
    /// Limits the requests in progress.
    pub traffic: Arc<Traffic>,
    /// Limits the event streams; shared by all listeners.
    pub streams: Arc<Semaphore>,
}

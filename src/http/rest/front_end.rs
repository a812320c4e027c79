//! The state of the REST front end for one listener.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::http::base_url::BaseUrl;
use crate::http::front_end::mounted;
use crate::http::server_parts::{ForListener, ServerParts};
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

/// Makes the front end.
///
/// # Errors
/// None.
pub fn mount(parts: &ServerParts<'_>) -> Result<ForListener, String> {
    let (traffic, streams) = (Arc::clone(&parts.traffic), Arc::clone(&parts.streams));
    let body_limit = parts.settings.body_limit_bytes;
    Ok(Box::new(move |listener| {
        mounted(RestFrontEnd {
            base: listener.base.clone(),
            body_limit,
            traffic: Arc::clone(&traffic),
            streams: Arc::clone(&streams),
        })
    }))
}

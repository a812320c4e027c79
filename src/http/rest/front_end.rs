//! What the REST front end of one listener is made from.

use crate::http::base_url::BaseUrl;
use crate::http::traffic::Traffic;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the slice needs besides the app, behind one listener.
#[derive(Debug)]
pub struct RestFrontEnd {
    /// Where callers of this listener reach the server.
    pub base: BaseUrl,
    /// Bytes that a body may have.
    pub body_limit: u64,
    /// What bounds the requests that are under way.
    pub traffic: Arc<Traffic>,
    /// Room for those who listen to events, whichever listener they come through.
    pub listeners: Arc<Semaphore>,
}

//! What the front ends are made from: what the server shares among all, and what each listener has of its own.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::app::App;
use crate::http::base_url::BaseUrl;
use crate::http::front_end::Mounted;
use crate::http::settings::Settings;
use crate::http::traffic::Traffic;

/// What all front ends share.
pub struct ServerParts<'s> {
    /// The app.
    pub app: &'s Arc<App>,
    /// `[server]`.
    pub settings: &'s Settings,
    /// The data directory.
    pub data: &'s Path,
    /// Limits the requests in progress.
    pub traffic: Arc<Traffic>,
    /// Limits the event streams.
    pub streams: Arc<Semaphore>,
}

/// What a listener has of its own.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Whether it speaks TLS.
    pub secure: bool,
    /// The URL of the server, if the request does not decide it.
    pub base_url: String,
    /// Determines the URL of the server for each request.
    pub base: BaseUrl,
}

/// Makes a front end for a listener. What all listeners share has been made.
pub type ForListener = Box<dyn Fn(&Listener) -> Arc<dyn Mounted>>;

//! The state of the portal for one listener.

use std::sync::Arc;

use actix_web::rt;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use crate::http::front_end::mounted;
use crate::http::server_parts::{ForListener, ServerParts};
use crate::http::traffic::Traffic;
use crate::http::web::drafts::Drafts;
use crate::http::web::estimate::HashTime;
use crate::http::web::password_files::PasswordFiles;
use crate::http::web::stored_files::{stored_files, sweep};

/// What the portal needs besides the app, for one listener.
#[derive(Debug)]
pub struct WebFrontEnd {
    /// The path below which browsers reach the portal, without a slash at the end. The server itself always serves
    /// [`PATH`]; a proxy may add something in front of it.
    pub base: String,
    /// Whether browsers reach this listener over HTTPS.
    pub secure: bool,
    /// Maximum size of an upload in bytes.
    pub body_limit: u64,
    /// Limits the requests in progress.
    pub traffic: Arc<Traffic>,
    /// Limits the event streams; shared by all front ends and listeners.
    pub streams: Arc<Semaphore>,
    /// The key of the tokens in forms before signing in; made at start.
    pub form_key: Arc<hmac::Key>,
    /// Files between their upload and their import; shared by all listeners.
    pub drafts: Arc<Drafts>,
    /// Generated passwords that have not been downloaded; shared by all listeners.
    pub password_files: Arc<PasswordFiles>,
    /// How long a password hash takes; shared by all listeners.
    pub hash_time: Arc<HashTime>,
}

/// The path of the portal on this server.
pub const PATH: &str = "/portal";

/// Makes the front end.
///
/// # Errors
/// The message for the user: a folder cannot be created.
pub fn mount(parts: &ServerParts<'_>) -> Result<ForListener, String> {
    let body_limit = parts.settings.body_limit_bytes;
    let (drafts, password_files) = stored_files(parts.app, parts.data, body_limit)?;
    rt::spawn(sweep(Arc::clone(parts.app), Arc::clone(&drafts)));
    let form_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
        .map(Arc::new)
        .map_err(|_| "the operating system's random number generator failed".to_owned())?;
    let hash_time = Arc::default();
    let (traffic, streams) = (Arc::clone(&parts.traffic), Arc::clone(&parts.streams));
    let base = parts.settings.portal_path.clone();
    let public = parts.settings.public_url.as_ref();
    let public_is_secure = public.is_some_and(|url| url.starts_with("https:"));
    Ok(Box::new(move |listener| {
        mounted(WebFrontEnd {
            base: base.clone(),
            secure: listener.secure || public_is_secure,
            body_limit,
            traffic: Arc::clone(&traffic),
            streams: Arc::clone(&streams),
            form_key: Arc::clone(&form_key),
            drafts: Arc::clone(&drafts),
            password_files: Arc::clone(&password_files),
            hash_time: Arc::clone(&hash_time),
        })
    }))
}

//! An admitted SCIM request.

use actix_web::http::header::HeaderMap;

use crate::app::App;
use crate::http::scim::front_end::ScimFrontEnd;
use crate::http::scim::mount::Mount;
use crate::provision::rights::Authority;

/// A request that was admitted.
pub(super) struct Call<'c> {
    pub app: &'c App,
    pub state: &'c ScimFrontEnd,
    pub mount: Mount,
    /// The address's URL.
    pub base: String,
    /// None if the operation is public.
    pub authority: Option<Authority>,
    /// Whether the caller may act in any organization.
    pub anywhere: bool,
    pub query: &'c str,
    pub headers: &'c HeaderMap,
    pub content_encoding: Option<String>,
}

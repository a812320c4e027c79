//! What a 401 asks for: the fields `WWW-Authenticate` (RFC 9110 §11.6.1), one for each scheme.

use actix_web::HttpResponseBuilder;
use actix_web::http::header;

/// Basic (RFC 7617 §2). It stands first, because there are clients that look at one field only.
const BASIC: &str = "Basic realm=\"Muster\", charset=\"UTF-8\"";

/// Bearer (RFC 6750 §3).
const BEARER: &str = "Bearer realm=\"Muster\"";

/// The same to somebody whose token is not one, was revoked, or is over (RFC 6750 §3.1).
const INVALID_TOKEN: &str = "Bearer realm=\"Muster\", error=\"invalid_token\", \
    error_description=\"The token is unknown, revoked or expired\"";

/// Why credentials are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// There were none, or they were wrong.
    Credentials,
    /// There was a bearer token, and it is no good.
    InvalidToken,
}

impl Challenge {
    /// Adds the fields to a 401.
    pub fn add_to(self, response: &mut HttpResponseBuilder) {
        let bearer = match self {
            Challenge::Credentials => BEARER,
            Challenge::InvalidToken => INVALID_TOKEN,
        };
        for challenge in [BASIC, bearer] {
            response.append_header((header::WWW_AUTHENTICATE, challenge));
        }
    }
}

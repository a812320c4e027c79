//! The challenge of a 401: the fields `WWW-Authenticate` (RFC 9110 §11.6.1), one for each scheme.

use actix_web::HttpResponseBuilder;
use actix_web::http::header;

/// Basic (RFC 7617 §2). It comes first, because some clients read only one field.
const BASIC: &str = "Basic realm=\"Muster\", charset=\"UTF-8\"";

/// Bearer (RFC 6750 §3).
const BEARER: &str = "Bearer realm=\"Muster\"";

/// The challenge for a token that is unknown, revoked or expired (RFC 6750 §3.1).
const INVALID_TOKEN: &str = "Bearer realm=\"Muster\", error=\"invalid_token\", \
    error_description=\"The token is unknown, revoked or expired\"";

/// The reason for a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// There were no credentials, or they were wrong.
    Credentials,
    /// The bearer token is invalid.
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

//! Detects requests that a page of another site caused in a browser (cross-site request forgery).
//!
//! A browser adds some credentials automatically: the session's cookie, and Basic credentials that it was given once
//! (RFC 7617 §2.2). These identify the owner of the browser, not the author of the request. Every front end that
//! accepts them therefore calls [`is_forged`] before it changes anything. The browser's statement of the request's
//! origin decides: `Sec-Fetch-Site` (W3C Fetch Metadata §2.3), else `Origin` (RFC 6454 §7). Other clients send
//! neither and are not affected.
//!
//! Browsers never add a bearer token automatically, so requests with one are never refused here.

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};

use crate::access::authorization::{self, Authorization};
use crate::http::base_url::host;

/// Stable code of the refusal, for front ends that have codes.
pub const CODE: &str = "IMP-CROSS-SITE";

/// The message of the refusal.
pub const DETAIL: &str = "A page of another site caused this request in a browser, which may have added stored \
    credentials to it; call from a program, from a page of this server, or with a bearer token.";

/// The request's origin: `same-origin`, `same-site`, `cross-site` or `none`.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the request would change something with credentials that a browser adds automatically, and was caused by a
/// page of another origin.
pub fn is_forged(request: &RequestHead) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method);
    !safe && is_ambient(&request.headers) && is_from_other_origin(request)
}

/// Whether a browser may have added the request's credentials automatically: any credentials except a bearer token.
pub fn is_ambient(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::AUTHORIZATION).peekable();
    fields.peek().is_none()
        || fields.any(|field| {
            let field = field.to_str().unwrap_or_default();
            !matches!(authorization::parse(field), Authorization::Bearer(_))
        })
}

fn is_from_other_origin(request: &RequestHead) -> bool {
    let headers = &request.headers;
    let mut sites = headers.get_all(SITE).peekable();
    if sites.peek().is_some() {
        let own = |site: &[u8]| matches!(site.trim_ascii(), b"same-origin" | b"none");
        return !sites.all(|site| own(site.as_bytes()));
    }
    let host = host(request).unwrap_or_default();
    headers.get_all(header::ORIGIN).any(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin
            .split_once("://")
            .map(|(_, authority)| authority.trim());
        !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn forged(method: Method, lines: &[(&str, &str)]) -> bool {
        let mut request = RequestHead::default();
        request.method = method;
        let headers = &mut request.headers;
        headers.insert(
            header::HOST,
            HeaderValue::from_static("users.example.com:9443"),
        );
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        is_forged(&request)
    }

    const BASIC: (&str, &str) = ("authorization", "Basic YTpi");

    #[test]
    fn requests_of_pages_of_other_origins_are_refused() {
        for line in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "https://users.example.com"),
            ("origin", "https://users.example.com:9443.evil.example"),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert!(forged(method.clone(), &[line]), "{line:?}");
                assert!(forged(method, &[BASIC, line]), "{line:?}");
            }
            assert!(!forged(Method::GET, &[BASIC, line]), "{line:?}");
            let bearer = ("authorization", "Bearer muster_x");
            assert!(!forged(Method::POST, &[bearer, line]), "{line:?}");
            assert!(forged(Method::POST, &[bearer, BASIC, line]), "{line:?}");
        }
        let both = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(forged(Method::POST, &both));
    }

    #[test]
    fn requests_of_programs_and_own_pages_are_served() {
        for lines in [
            &[][..],
            &[("origin", "https://users.example.com:9443")],
            &[("origin", "https://USERS.example.com:9443")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://behind.example"),
            ],
            &[("sec-fetch-site", "none")],
        ] {
            let lines = [&[BASIC], lines].concat();
            assert!(!forged(Method::POST, &lines), "{lines:?}");
        }
    }
}

//! Answers, and the header fields that every answer of the portal has.

use actix_web::body::BoxBody;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use serde::Serialize;

use crate::http::intake::{self, Body};
use crate::http::request_id;
use crate::http::web::refusal::Refusal;
use crate::http::web::views::{Failure, Page};
use crate::passwords::secret::Secret;

/// What a page may load and where it may be shown (CSP level 3): nothing from elsewhere, no inline script or style,
/// and no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An answer.
#[derive(Debug)]
pub struct Reply {
    content: Content,
    cookies: Vec<Cookie<'static>>,
}

#[derive(Debug)]
enum Content {
    /// A page with this status.
    Page(StatusCode, String),
    /// A redirection to be followed with GET (RFC 9110 §15.4.4).
    SeeOther(String),
    /// A JSON document with this status.
    Json(StatusCode, String),
    /// A file to be saved.
    File {
        name: String,
        media_type: &'static str,
        content: Vec<u8>,
    },
    /// A file with secrets, which is wiped when it has been sent.
    SecretFile { name: String, content: Secret },
}

impl Reply {
    fn new(content: Content) -> Self {
        Reply {
            content,
            cookies: Vec::new(),
        }
    }

    /// A page.
    ///
    /// # Errors
    /// The template failed.
    pub fn page(view: &impl Template) -> Result<Self, Refusal> {
        Reply::page_with(StatusCode::OK, view)
    }

    /// A page with another status than 200.
    ///
    /// # Errors
    /// The template failed.
    pub fn page_with(status: StatusCode, view: &impl Template) -> Result<Self, Refusal> {
        let text = view.render().map_err(|error| {
            tracing::error!(%error, "a page could not be made");
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "IMP-INTERNAL",
                "The server failed; its log has the cause.",
            )
        })?;
        Ok(Reply::new(Content::Page(status, text)))
    }

    /// A redirection to this address.
    pub fn see_other(address: impl Into<String>) -> Self {
        Reply::new(Content::SeeOther(address.into()))
    }

    /// A JSON document.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        // Serializing to a string fails only if a type's own code does, and none here does.
        let text = serde_json::to_string(value).unwrap_or_default();
        Reply::new(Content::Json(status, text))
    }

    /// A file to be saved under this name.
    pub fn file(name: impl Into<String>, media_type: &'static str, content: Vec<u8>) -> Self {
        Reply::new(Content::File {
            name: name.into(),
            media_type,
            content,
        })
    }

    /// A CSV file with secrets.
    pub fn secret_file(name: impl Into<String>, content: Secret) -> Self {
        Reply::new(Content::SecretFile {
            name: name.into(),
            content,
        })
    }

    /// Whether it is a page.
    pub fn is_page(&self) -> bool {
        matches!(self.content, Content::Page(..))
    }

    /// Sets a cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: Cookie<'static>) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The HTTP response, for a request with these header fields.
    pub fn respond(self, headers: &HeaderMap, body: Body) -> HttpResponse {
        let (mut response, content) = match self.content {
            Content::Page(status, text) => (
                typed(status, "text/html; charset=utf-8"),
                BoxBody::new(text),
            ),
            Content::SeeOther(address) => {
                let mut response = HttpResponse::SeeOther();
                response.insert_header((header::LOCATION, address));
                (response, BoxBody::new(()))
            }
            Content::Json(status, text) => (typed(status, "application/json"), BoxBody::new(text)),
            Content::File {
                name,
                media_type,
                content,
            } => (saved(&name, media_type), BoxBody::new(content)),
            Content::SecretFile { name, content } => (
                saved(&name, "text/csv; charset=utf-8"),
                BoxBody::new(content.expose().to_owned()),
            ),
        };
        for cookie in self.cookies {
            response.cookie(cookie);
        }
        secure(&mut response);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        intake::close_if_needed(&mut response, headers, body);
        response.body(content)
    }
}

fn typed(status: StatusCode, media_type: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponseBuilder::new(status);
    response.content_type(media_type);
    response
}

/// A file to be saved; `name` is one of the server's own.
fn saved(name: &str, media_type: &'static str) -> HttpResponseBuilder {
    let mut response = typed(StatusCode::OK, media_type);
    let disposition = format!("attachment; filename=\"{name}\"");
    response.insert_header((header::CONTENT_DISPOSITION, disposition));
    response
}

/// The fields that restrict what a browser does with the answer.
pub fn secure(response: &mut HttpResponseBuilder) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // With `no-referrer`, browsers would send `Origin: null` with the portal's own forms.
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"));
}

/// The error as JSON.
#[derive(Serialize)]
struct Members<'a> {
    error: &'a str,
    code: &'a str,
}

/// The response to a request that is refused: JSON for scripts, a page for readers.
pub fn refuse(refusal: Refusal, page: Page, headers: &HeaderMap, body: Body) -> HttpResponse {
    let Refusal {
        status,
        code,
        text,
        retry_after,
        allow,
        sign_in: _,
    } = refusal;
    let reply = if wants_json(headers) {
        let members = Members { error: &text, code };
        Reply::json(status, &members)
    } else {
        let view = Failure {
            page: Page {
                title: heading(status).to_owned(),
                ..page
            },
            status: status.as_u16(),
            heading: heading(status).to_owned(),
            text: text.clone(),
            code: code.to_owned(),
            request_id: request_id::of(headers).unwrap_or_default(),
        };
        Reply::page_with(status, &view)
            .unwrap_or_else(|_| Reply::json(status, &Members { error: &text, code }))
    };
    let mut response = reply.respond(headers, body);
    let fields = response.headers_mut();
    let retry = retry_after.map(|seconds| (header::RETRY_AFTER, seconds.to_string()));
    let allow = allow.map(|methods| (header::ALLOW, methods));
    for (name, value) in [retry, allow].into_iter().flatten() {
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            fields.insert(name, value);
        }
    }
    response
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Not possible here",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "Busy",
        status if status.is_server_error() => "The server failed",
        _ => "That did not work",
    }
}

/// Whether a script made the request and expects JSON.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.starts_with("application/json"))
}

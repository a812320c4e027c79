//! One request of an operator who has signed in, or of a visitor who has not.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::HeaderMap;
use actix_web::web;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::access::gate::Caller;
use crate::access::sessions::SessionInfo;
use crate::app::App;
use crate::hex;
use crate::http::intake;
use crate::http::request_id;
use crate::http::web::assets;
use crate::http::web::draft::Owner;
use crate::http::web::fields::Fields;
use crate::http::web::front_end::WebFrontEnd;
use crate::http::web::notices::After;
use crate::http::web::refusal::Refusal;
use crate::http::web::reply::Reply;
use crate::http::web::views::{self, Page};
use crate::users::actor::Actor;
use crate::users::channel::Channel;
use crate::users::operator::Role;

/// The name of the session's cookie.
const SESSION_COOKIE: &str = "muster-portal";

/// The name of the cookie whose value the forms before signing in repeat.
const FORM_COOKIE: &str = "muster-form";

/// The name of the cookie with the word of a message that the next page shows.
const NOTICE_COOKIE: &str = "muster-notice";

/// The operator and their session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The operator.
    pub caller: Caller,
    /// The session.
    pub session: SessionInfo,
}

/// A request with everything that a page needs.
pub struct Visit {
    /// The app.
    pub app: web::Data<App>,
    /// The portal.
    pub front_end: web::Data<WebFrontEnd>,
    /// The operator; every page whose route requires a role has one.
    pub operator: SignedIn,
    /// The variable segments of the path.
    pub variables: Vec<String>,
    /// The query.
    pub query: Fields,
    /// The form.
    pub form: Fields,
    /// The word of a message to be shown; empty: there is none.
    pub notice: String,
    /// Whether a script made the request and expects JSON.
    pub json: bool,
}

impl Visit {
    /// The page with this title.
    pub fn page(&self, title: impl Into<String>) -> Page {
        let notice = After::notice(&self.notice);
        page(&self.front_end, Some(&self.operator), title, notice)
    }

    /// The address of this path below the portal's.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.front_end.base)
    }

    /// A redirection to this path, whose page shows a message.
    pub fn see_other(&self, path: &str, after: After) -> Reply {
        let reply = Reply::see_other(self.address(path));
        reply.with_cookie(notice_cookie(&self.front_end, Some(after.word())))
    }

    /// The variable segment of the path.
    pub fn variable(&self, index: usize) -> &str {
        self.variables.get(index).map_or("", String::as_str)
    }

    /// The operator as an actor, for the audit log.
    pub fn actor(&self) -> Actor {
        self.operator.caller.actor(Channel::Portal)
    }

    /// The owner of what the operator uploads.
    pub fn owner(&self) -> Owner {
        Owner {
            organization: self.operator.caller.organization.clone(),
            operator: self.operator.caller.name.clone(),
            session: self.operator.session.id.clone(),
        }
    }

    /// Checks the token of the form.
    ///
    /// # Errors
    /// It is not the session's.
    pub fn check_form(&self) -> Result<(), Refusal> {
        check_token(self.form.get("csrf"), &self.operator.session.csrf)
    }
}

/// Compares a form's token in constant time.
///
/// # Errors
/// It is not the expected one.
pub fn check_token(given: &str, expected: &str) -> Result<(), Refusal> {
    let equal = given.as_bytes().ct_eq(expected.as_bytes());
    match bool::from(equal) && !expected.is_empty() {
        true => Ok(()),
        false => Err(Refusal::stale_form()),
    }
}

/// A page of the portal.
pub fn page(
    front_end: &WebFrontEnd,
    operator: Option<&SignedIn>,
    title: impl Into<String>,
    notice: Option<views::Notice>,
) -> Page {
    Page {
        base: front_end.base.clone(),
        assets: assets::VERSION.clone(),
        title: title.into(),
        csrf: operator.map_or_else(String::new, |it| it.session.csrf.clone()),
        operator: operator.map(|it| views::Operator {
            name: it.caller.name.clone(),
            organization: it.caller.organization.clone(),
            role: it.caller.role.as_str(),
            may_import: it.caller.role.includes(Role::Import),
        }),
        notice,
    }
}

/// The operator of the request's session; none if it has none or it has ended.
///
/// # Errors
/// The store failed.
pub fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, Refusal> {
    let Some(secret) = session_secret(headers) else {
        return Ok(None);
    };
    let found = app.gate.portal_session(&secret, app.clock.now())?;
    Ok(found.map(|(caller, session)| SignedIn {
        caller: Caller {
            request_id: request_id::of(headers),
            ..caller
        },
        session,
    }))
}

/// The secret in the session's cookie.
pub fn session_secret(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION_COOKIE)
}

/// The value of the cookie of the forms before signing in.
pub fn form_secret(headers: &HeaderMap) -> Option<String> {
    cookie(headers, FORM_COOKIE)
}

/// The token of a form before signing in, which belongs to the secret in its cookie.
pub fn form_token(front_end: &WebFrontEnd, secret: &str) -> String {
    hex::encode(hmac::sign(&front_end.form_key, secret.as_bytes()).as_ref())
}

/// The word of the message that the next page is to show.
pub fn notice(headers: &HeaderMap) -> Option<String> {
    cookie(headers, NOTICE_COOKIE)
}

/// The cookie with that word, or its removal.
pub fn notice_cookie(front_end: &WebFrontEnd, word: Option<&str>) -> Cookie<'static> {
    new_cookie(front_end, NOTICE_COOKIE, word)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    intake::cookie(headers, name).filter(|value| !value.is_empty())
}

/// The cookie of a session, or its removal.
pub fn session_cookie(front_end: &WebFrontEnd, secret: Option<&str>) -> Cookie<'static> {
    new_cookie(front_end, SESSION_COOKIE, secret)
}

/// The cookie of the forms before signing in, or its removal.
pub fn form_cookie(front_end: &WebFrontEnd, secret: Option<&str>) -> Cookie<'static> {
    new_cookie(front_end, FORM_COOKIE, secret)
}

/// A cookie that scripts cannot read, that other sites' forms do not send, and that is sent only over HTTPS if it was
/// set over HTTPS.
fn new_cookie(front_end: &WebFrontEnd, name: &'static str, value: Option<&str>) -> Cookie<'static> {
    let mut cookie = Cookie::build(name, value.unwrap_or_default().to_owned())
        .path(front_end.base.clone())
        .http_only(true)
        .secure(front_end.secure)
        .same_site(SameSite::Lax)
        .finish();
    if value.is_none() {
        cookie.make_removal();
    }
    cookie
}

//! Signing in with an operator's name and password, and setting the first operator's password.

use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::basic::Credentials;
use crate::access::failed_logins;
use crate::access::first_operator;
use crate::access::first_run::Claimed;
use crate::access::gate::Caller;
use crate::access::sessions::Client;
use crate::app::App;
use crate::http::blocking;
use crate::http::intake::{self, Body, Incoming};
use crate::http::login::{self, Origin, Refused};
use crate::http::request_id;
use crate::http::traffic::OnBehalf;
use crate::http::web::fields::Fields;
use crate::http::web::front_end::{PATH, WebFrontEnd};
use crate::http::web::notices::After;
use crate::http::web::refusal::{Refusal, sentence};
use crate::http::web::reply::Reply;
use crate::http::web::routes::{self, Match, Operation};
use crate::http::web::views::{FirstRun, SignIn};
use crate::http::web::visit;
use crate::import::pending::Pending;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::store_error::StoreError;

/// Maximum length of a name or a password that is entered.
const LONGEST: usize = 1_024;

/// Shows or receives one of the forms.
pub async fn answer(
    operation: Operation,
    request: &HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
    front_end: web::Data<WebFrontEnd>,
) -> Result<HttpResponse, (Refusal, Body)> {
    let head = request.head();
    let headers = request.headers();
    let query = match Fields::parse(request.query_string()) {
        Ok(query) => query,
        Err(refusal) => return Err((refusal, intake::discard_body(payload, true).await)),
    };
    let shows = matches!(operation, Operation::ShowSignIn | Operation::ShowFirstRun);
    let (form, body) = match shows {
        true => (Fields::default(), intake::discard_body(payload, true).await),
        false => match read_form(payload, &front_end, head).await {
            Ok(read) => read,
            Err(refusal) => return Err((refusal, Body::Unread)),
        },
    };
    let notice = visit::notice(headers).unwrap_or_default();
    let has_notice = !notice.is_empty();
    let visitor = Visitor {
        app,
        front_end,
        query,
        form,
        notice,
    };
    let answered = match operation {
        Operation::SignIn => visitor.sign_in(head).await,
        Operation::FirstRun => visitor.first_run(head).await,
        Operation::ShowFirstRun => visitor.show_first_run(StatusCode::OK, String::new()).await,
        _ => {
            let next = visitor.query.get("next").to_owned();
            visitor
                .show_sign_in(StatusCode::OK, String::new(), next, String::new())
                .await
        }
    };
    let reply = answered.map_err(|refusal| (refusal, body))?;
    let reply = match has_notice && shows {
        true => reply.with_cookie(visit::notice_cookie(&visitor.front_end, None)),
        false => reply,
    };
    Ok(reply.respond(headers, body))
}

/// Reads a form of a visitor who has not signed in: briefly, and with the limits for unknown senders.
async fn read_form(
    payload: web::Payload,
    front_end: &WebFrontEnd,
    head: &RequestHead,
) -> Result<(Fields, Body), Refusal> {
    let traffic = &front_end.traffic;
    let (slot, deadline) = traffic
        .unauthenticated(traffic.address_of(head))
        .await
        .map_err(intake::Unserved::from)?;
    let mut incoming = Incoming::new(payload, Arc::clone(traffic), OnBehalf::default());
    intake::read_more(&mut incoming, FORM_BYTES, deadline).await;
    let read = intake::with_beginning(incoming, slot, |body| Pending::Ended(Fields::read(body)));
    let (form, body) = read.await?;
    let form = form?;
    let cookie = visit::form_secret(&head.headers).unwrap_or_default();
    visit::check_token(form.get("csrf"), &visit::form_token(front_end, &cookie))?;
    Ok((form, body))
}

/// Maximum size of such a form in bytes.
pub const FORM_BYTES: usize = 16 * 1024;

/// A visitor who has not signed in.
struct Visitor {
    app: web::Data<App>,
    front_end: web::Data<WebFrontEnd>,
    query: Fields,
    form: Fields,
    /// The word of a message to be shown.
    notice: String,
}

impl Visitor {
    async fn show_sign_in(
        &self,
        status: StatusCode,
        name: String,
        next: String,
        error: String,
    ) -> Result<Reply, Refusal> {
        let secret = secret()?;
        let notice = After::notice(&self.notice);
        let mut page = visit::page(&self.front_end, None, "Sign in", notice);
        page.csrf = visit::form_token(&self.front_end, &secret);
        let app = self.app.clone();
        let first_run =
            run(move || Ok(app.first_run.is_open(app.store.as_ref(), app.clock.now())?)).await?;
        let view = SignIn {
            page,
            name,
            next: own_path(&next).to_owned(),
            error,
            first_run,
        };
        let reply = Reply::page_with(status, &view)?;
        Ok(reply.with_cookie(visit::form_cookie(&self.front_end, Some(&secret))))
    }

    async fn sign_in(&self, head: &RequestHead) -> Result<Reply, Refusal> {
        let name = self.form.get("name").trim().to_owned();
        let password = self.form.secret("password");
        let next = self.form.get("next").to_owned();
        if name.is_empty() || password.is_empty() {
            let error = "Enter a name and a password.".to_owned();
            return self
                .show_sign_in(StatusCode::BAD_REQUEST, name, next, error)
                .await;
        }
        if name.len() > LONGEST || password.expose().len() > LONGEST {
            let error = format!("Names and passwords have at most {LONGEST} bytes.");
            return self
                .show_sign_in(StatusCode::BAD_REQUEST, String::new(), next, error)
                .await;
        }
        let credentials = Credentials {
            name: name.clone(),
            password,
        };
        let origin = self.origin(head);
        let caller = match login::by_password(&self.app, credentials, &origin).await {
            Ok(caller) => caller,
            Err(refused @ (Refused::Wrong | Refused::Limited { .. })) => {
                let refusal = Refusal::from(refused);
                let reply = self
                    .show_sign_in(refusal.status, name, next, refusal.text)
                    .await?;
                return Ok(reply);
            }
            Err(other) => return Err(other.into()),
        };
        self.open_session(caller, head, &next).await
    }

    async fn open_session(
        &self,
        caller: Caller,
        head: &RequestHead,
        next: &str,
    ) -> Result<Reply, Refusal> {
        let (app, address) = (self.app.clone(), self.front_end.traffic.address_of(head));
        let agent = intake::field(&head.headers, &header::USER_AGENT).unwrap_or_default();
        let client = Client::new(address, &agent);
        let earlier = visit::session_secret(&head.headers);
        let opened = run(move || {
            // A new session gets a new secret, and the one before it ends.
            if let Some(earlier) = earlier {
                app.gate.log_out(&earlier);
            }
            Ok(app
                .gate
                .open_portal_session(&caller, client, app.clock.now())?)
        });
        let secret = opened.await?.ok_or_else(Refusal::not_signed_in)?;
        let next = match own_path(next) {
            "" => "/imports",
            path => path,
        };
        let reply = Reply::see_other(format!("{}{next}", self.front_end.base));
        let reply = reply.with_cookie(visit::form_cookie(&self.front_end, None));
        Ok(reply.with_cookie(visit::session_cookie(&self.front_end, Some(&secret))))
    }

    fn origin(&self, head: &RequestHead) -> Origin {
        Origin {
            channel: Channel::Portal,
            method: failed_logins::Method::Form,
            address: self.front_end.traffic.address_of(head),
            request_id: request_id::of(&head.headers),
        }
    }

    async fn show_first_run(&self, status: StatusCode, error: String) -> Result<Reply, Refusal> {
        let app = self.app.clone();
        let open =
            run(move || Ok(app.first_run.is_open(app.store.as_ref(), app.clock.now())?)).await?;
        if !open {
            // The fragment replaces that of the link, which has the code.
            let reply = Reply::see_other(format!("{}/sign-in#main", self.front_end.base));
            let word = After::FirstRunOver.word();
            return Ok(reply.with_cookie(visit::notice_cookie(&self.front_end, Some(word))));
        }
        let secret = secret()?;
        let mut page = visit::page(&self.front_end, None, "Set the first password", None);
        page.csrf = visit::form_token(&self.front_end, &secret);
        let view = FirstRun {
            page,
            name: first_operator::NAME.to_owned(),
            error,
            rules: self.app.passwords.permanent_rule(),
        };
        let reply = Reply::page_with(status, &view)?;
        Ok(reply.with_cookie(visit::form_cookie(&self.front_end, Some(&secret))))
    }

    async fn first_run(&self, head: &RequestHead) -> Result<Reply, Refusal> {
        let (code, password) = (self.form.secret("code"), self.form.secret("password"));
        if password.expose() != self.form.get("again") {
            let error = "The two passwords differ; enter the same one twice.".to_owned();
            return self.show_first_run(StatusCode::BAD_REQUEST, error).await;
        }
        let origin = self.origin(head);
        match self.claim(code, password, &origin).await? {
            Claimed::Done => {}
            Claimed::WrongCode => {
                let refused = login::reject_wrong(&self.app, first_operator::NAME, &origin).await;
                let error = match refused {
                    Refused::Limited { seconds } => login::limited_detail(seconds),
                    _ => "The code is wrong, was used, or has expired. The server printed it when it started for the \
                          first time; afterwards, `muster operator password admin` sets a password."
                        .to_owned(),
                };
                return self.show_first_run(StatusCode::FORBIDDEN, error).await;
            }
            Claimed::Weak(rule) => {
                let error = sentence(&rule.to_string());
                return self.show_first_run(StatusCode::BAD_REQUEST, error).await;
            }
        }
        let reply = Reply::see_other(format!("{}/sign-in", self.front_end.base));
        let word = After::PasswordSet.word();
        Ok(reply.with_cookie(visit::notice_cookie(&self.front_end, Some(word))))
    }

    async fn claim(
        &self,
        code: Secret,
        password: Secret,
        origin: &Origin,
    ) -> Result<Claimed, Refusal> {
        let app = self.app.clone();
        let by = Actor {
            organization: DEFAULT_ORGANIZATION.to_owned(),
            operator: first_operator::NAME.to_owned(),
            channel: Channel::Portal,
            request_id: origin.request_id.clone(),
        };
        run(move || {
            let means = (app.store.as_ref(), app.pool.as_ref(), &app.passwords);
            let now = app.clock.now();
            Ok(app.first_run.claim(means, &code, password, &by, now)?)
        })
        .await
    }
}

/// A random secret for the cookie of a form.
fn secret() -> Result<String, Refusal> {
    match random_password() {
        Ok(token) => Ok(token.expose().to_owned()),
        Err(error) => {
            tracing::error!(error, "a form has no secret");
            Err(StoreError::NoResources.into())
        }
    }
}

async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = blocking::run(work).await;
    done.unwrap_or_else(|failed| Err(intake::Unserved::Failed(failed).into()))
}

/// The page of the portal to which a visitor returns after signing in; empty if `text` is not the path of one.
fn own_path(text: &str) -> &str {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "/-_.?=&%+".contains(sign);
    if text.len() > 500 || !text.chars().all(plain) {
        return "";
    }
    let path = text.split('?').next().unwrap_or_default();
    match routes::find(&Method::GET, &format!("{PATH}{path}")) {
        Match::Route(..) => text,
        Match::OtherMethod(_) | Match::NotFound => "",
    }
}

/// A path in a query.
pub fn encoded(path: &str) -> String {
    utf8_percent_encode(own_path(path), NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_return_only_to_pages_of_the_portal() {
        for path in [
            "/imports",
            "/imports?state=failed&file=a%20b",
            "/drafts/0198-ab/check",
        ] {
            assert_eq!(own_path(path), path);
        }
        for other in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/api/v1/imports",
            "/drafts/0198-ab/run",
            "imports",
        ] {
            assert_eq!(own_path(other), "", "{other}");
        }
        assert_eq!(encoded("/imports"), "%2Fimports");
    }
}

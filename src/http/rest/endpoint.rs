//! The HTTP routes of the REST front end, and the conversion between HTTP and its operations.

use std::io;
use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpResponse, web};

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking::{self, Failed};
use crate::http::event_stream::{self, TooManyStreams};
use crate::http::front_end::{Exchange, Found, FrontEnd, Rejection, serve};
use crate::http::intake::{self, Body, Incoming, Unserved};
use crate::http::reject_download;
use crate::http::rest::admission::{self, Admitted, PASSWORD_FIELD, Upload};
use crate::http::rest::answer::Answer;
use crate::http::rest::front_end::RestFrontEnd;
use crate::http::rest::imports::Call;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::{
    self, ChangeOperation, Match, Operation, ReadOperation, Route, UploadOperation,
};
use crate::http::rest::{openapi, resources};
use crate::http::traffic::OnBehalf;
use crate::import::job_error::JobError;
use crate::import::pending::Pending;
use crate::passwords::secret::Secret;
use crate::users::import_record::ImportRecord;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;

impl FrontEnd for RestFrontEnd {
    type Route = (&'static Route, Option<String>);
    type Admitted = Work;
    type Refusal = ProblemDetails;

    fn configure(config: &mut web::ServiceConfig) {
        config.service(web::scope("/api").default_service(web::to(serve::<Self>)));
    }

    fn route(&self, head: &RequestHead) -> Found<Self::Route, ProblemDetails> {
        let path = head.uri.path();
        match routes::find(&head.method, path) {
            Match::Route(route, id) => Found::Route((route, id)),
            Match::OtherMethod(path) => Found::Nothing(wrong_method(path)),
            Match::NotFound if is_own_path(path) => Found::Nothing(not_found()),
            Match::NotFound => Found::Elsewhere,
        }
    }

    async fn admit(
        &self,
        app: &web::Data<App>,
        (route, _): &Self::Route,
        head: &RequestHead,
    ) -> Result<Self::Admitted, Rejection<ProblemDetails>> {
        let admit = || admission::admit(app, self, route, head);
        Ok(match route.operation {
            Operation::Upload(operation) => Work::Upload(operation, admit().await?),
            Operation::Change(operation) => Work::Change(operation, admit().await?),
            Operation::Read(operation) => Work::Read(operation, admit().await?),
            Operation::GetDocument => Work::GetDocument,
        })
    }

    async fn run(
        exchange: Exchange<'_, Self>,
        work: Work,
    ) -> Result<HttpResponse, (ProblemDetails, Body)> {
        match work {
            Work::Upload(operation, admitted) => upload(operation, exchange, admitted).await,
            Work::Change(operation, admitted) => change(operation, exchange, admitted).await,
            Work::Read(operation, admitted) => read(operation, exchange, admitted).await,
            Work::GetDocument => get_document(exchange),
        }
    }

    fn refuse(
        &self,
        _: &App,
        _: Option<&Self::Route>,
        problem: ProblemDetails,
        head: &RequestHead,
        body: Body,
    ) -> HttpResponse {
        problem.respond(&head.headers, body)
    }

    fn rule(problem: &ProblemDetails) -> String {
        problem.code.to_owned()
    }
}

/// An operation whose call was accepted by its head.
#[derive(Debug)]
pub enum Work {
    /// With a file as its body.
    Upload(UploadOperation, Admitted),
    /// On an import.
    Change(ChangeOperation, Admitted),
    /// Without a body.
    Read(ReadOperation, Admitted),
    /// The OpenAPI document, which needs no credentials.
    GetDocument,
}

/// Whether the path belongs to this front end, whether or not there is a route for it.
fn is_own_path(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

fn not_found() -> ProblemDetails {
    ProblemDetails::new(
        StatusCode::NOT_FOUND,
        "IMP-HTTP-NOT-FOUND",
        "There is no resource at this address; see /api/v1/openapi.json.",
    )
}

fn wrong_method(path: &str) -> ProblemDetails {
    let allow = routes::allowed(path);
    ProblemDetails {
        allow: Some(allow.clone()),
        ..ProblemDetails::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "IMP-HTTP-METHOD",
            format!("This address allows {allow}."),
        )
    }
}

/// The response to an operation, or why it failed and whether the body was read.
type Responded = Result<HttpResponse, (ProblemDetails, Body)>;

fn get_document(exchange: Exchange<'_, RestFrontEnd>) -> Responded {
    let base = exchange.front_end.base.of(exchange.request.head());
    let document = openapi::document(&base);
    let answer = document.and_then(|document| Answer::json(StatusCode::OK, &document));
    respond(answer, exchange.request.headers(), Body::Read)
}

/// An operation without a body that changes nothing.
async fn read(
    operation: ReadOperation,
    exchange: Exchange<'_, RestFrontEnd>,
    admitted: Admitted,
) -> Responded {
    let Exchange {
        app,
        front_end,
        route: (_, id),
        request,
        payload,
    } = exchange;
    let (headers, id) = (request.headers(), id.clone().unwrap_or_default());
    let body = intake::discard_body(payload, false).await;
    let Admitted { caller, query } = admitted;
    let answered = match operation {
        ReadOperation::ListImports => {
            run_blocking(move || resources::list(&app, &caller, &query)).await
        }
        ReadOperation::ListAudit => {
            run_blocking(move || resources::audit(&app, &caller, &query)).await
        }
        ReadOperation::ListProblems => {
            run_blocking(move || resources::problems(&app, &caller, resources::id(&id)?, &query))
                .await
        }
        ReadOperation::GetImport => {
            run_blocking(move || resources::show(&app, &caller, resources::id(&id)?)).await
        }
        ReadOperation::GetRejects => {
            let found = record(&app, caller, id).await;
            let record = found.map_err(|problem| (problem, body))?;
            return Ok(reject_download::respond(&app, record));
        }
        ReadOperation::StreamEvents => {
            let found = record(&app, caller, id).await;
            let record = found.map_err(|problem| (problem, body))?;
            let RestFrontEnd {
                traffic, streams, ..
            } = front_end.as_ref();
            return event_stream::respond(&app, traffic, streams, &record, headers)
                .map_err(|full| (full.into(), body));
        }
    };
    respond(answered, headers, body)
}

/// The record of an import.
async fn record(
    app: &web::Data<App>,
    caller: Caller,
    id: String,
) -> Result<ImportRecord, ProblemDetails> {
    let app = app.clone();
    run_blocking(move || resources::find(&app, &caller, resources::id(&id)?)).await
}

/// Cancels or undoes an import. The body should be empty, but it is read: a request with a broken body is not
/// carried out.
async fn change(
    operation: ChangeOperation,
    exchange: Exchange<'_, RestFrontEnd>,
    admitted: Admitted,
) -> Responded {
    let Exchange {
        app,
        front_end,
        route: (_, id),
        request,
        payload,
    } = exchange;
    let (caller, id) = (admitted.caller, id.clone().unwrap_or_default());
    let by = OnBehalf::from(&caller);
    let incoming = Incoming::new(payload, Arc::clone(&front_end.traffic), by);
    let answered = intake::with_body(incoming, move |mut body| {
        let drained = io::copy(&mut body, &mut io::sink());
        let change = || {
            drained.map_err(WireError::from_io)?;
            let id = resources::id(&id)?;
            match operation {
                ChangeOperation::CancelImport => resources::cancel(&app, &caller, id),
                ChangeOperation::UndoImport => resources::undo(&app, &caller, id),
            }
        };
        Pending::Ended(change())
    });
    let (answer, body) = answered.await.map_err(unserved)?;
    respond(answer, request.headers(), body)
}

async fn upload(
    operation: UploadOperation,
    exchange: Exchange<'_, RestFrontEnd>,
    admitted: Admitted,
) -> Responded {
    let Exchange {
        app,
        front_end,
        route: (route, _),
        request,
        payload,
    } = exchange;
    let (route, headers) = (*route, request.headers());
    let read = Upload::of(headers).and_then(|upload| Ok((upload, password(headers)?)));
    let (upload, default_password) = match read {
        Ok(read) => read,
        Err(problem) => return Err((problem, intake::discard_body(payload, false).await)),
    };
    let by = OnBehalf::from(&admitted.caller);
    let incoming = Incoming::new(payload, Arc::clone(&front_end.traffic), by);
    let content_encoding = intake::field(headers, &header::CONTENT_ENCODING);
    let key = intake::idempotency_key(headers);
    let respond_async = intake::prefers_async(headers);
    let body_limit = front_end.body_limit;
    let answered = intake::with_body(incoming, move |body| {
        let call = Call {
            app: &app,
            route,
            operation,
            caller: admitted.caller,
            upload,
            query: admitted.query,
            content_encoding,
            default_password,
            key,
            respond_async,
            body_limit,
        };
        Pending::Ended(call.answer(body))
    });
    let (answer, body) = answered.await.map_err(unserved)?;
    respond(answer, headers, body)
}

/// The result of work that was not done; the body was not read.
fn unserved(unserved: Unserved) -> (ProblemDetails, Body) {
    (unserved.into(), Body::Unread)
}

impl From<TooManyStreams> for ProblemDetails {
    fn from(full: TooManyStreams) -> Self {
        ProblemDetails {
            retry_after: Some(5),
            ..ProblemDetails::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "IMP-BUSY",
                full.to_string(),
            )
        }
    }
}

impl From<Unserved> for ProblemDetails {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Busy { seconds } => JobError::Busy { seconds }.into(),
            Unserved::Failed(failed) => unfinished(failed),
        }
    }
}

/// The default password if the body is the file itself.
fn password(headers: &HeaderMap) -> Result<Option<Secret>, ProblemDetails> {
    let Some(value) = headers.get(PASSWORD_FIELD) else {
        return Ok(None);
    };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Ok(Some(Secret::from(text))),
        Err(_) => Err(ProblemDetails::bad_request(
            "IMP-PARAMETER",
            "The header field Muster-Default-Password is not UTF-8.",
        )),
    }
}

fn respond(answered: Result<Answer, ProblemDetails>, headers: &HeaderMap, body: Body) -> Responded {
    match answered {
        Ok(answer) => Ok(answer.respond(headers, body)),
        Err(problem) => Err((problem, body)),
    }
}

/// Runs a query of the store on a blocking thread.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProblemDetails> + Send + 'static,
) -> Result<T, ProblemDetails> {
    match blocking::run(work).await {
        Ok(result) => result,
        Err(failed) => Err(unfinished(failed)),
    }
}

fn unfinished(failed: Failed) -> ProblemDetails {
    match failed {
        Failed::NoResources => StoreError::NoResources.into(),
        Failed::Died => task_died(&failed.to_string()),
    }
}

fn task_died(error: &str) -> ProblemDetails {
    tracing::error!(error, "a call's task died");
    ProblemDetails::internal("IMP-INTERNAL", "The call failed; see the server's log.")
}

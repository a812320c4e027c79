//! How an import comes along, as server-sent events (WHATWG HTML §9.2): `progress` about once a second
//! while something changes, then `end` with the record, and the end of the stream.
//!
//! A client that comes again behind the `end` it has seen is told by 204 to stay away, as the standard
//! has it.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::http::blocking;
use crate::http::intake::{self, Body};
use crate::http::rest::front_end::RestFrontEnd;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::traffic::StopSignal;
use crate::import::control::Progress;
use crate::users::import_id::ImportId;
use crate::users::import_record::{Counters, ImportRecord, ImportState};

/// Streams that may be open at the same time.
pub const LISTENERS: usize = 100;

/// How often the import is looked at.
const TICK: Duration = Duration::from_secs(1);

/// After how long a silence a comment is sent, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The id of the last event.
const END: &str = "end";

/// What a `progress` event tells.
#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Told {
    id: ImportId,
    state: ImportState,
    #[serde(flatten)]
    progress: Progress,
}

/// The answer.
pub fn respond(
    app: &web::Data<App>,
    state: &RestFrontEnd,
    record: &ImportRecord,
    headers: &HeaderMap,
) -> HttpResponse {
    let seen = intake::field(headers, &HeaderName::from_static("last-event-id"));
    if seen.as_deref() == Some(END) && record.state.is_final() {
        return HttpResponse::NoContent().finish();
    }
    let Ok(permit) = Semaphore::try_acquire_owned(state.listeners.clone()) else {
        let problem = ProblemDetails {
            retry_after: Some(5),
            ..ProblemDetails::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "IMP-BUSY",
                format!(
                    "{LISTENERS} callers listen to events already; ask for the import instead."
                ),
            )
        };
        return problem.respond(headers, Body::Whole);
    };
    let listener = Listener {
        app: app.clone(),
        organization: record.organization.clone(),
        id: record.id,
        stop: state.traffic.stop.clone(),
        last: None,
        spoken: Instant::now(),
        began: false,
        ended: false,
        _permit: permit,
    };
    let events = stream::unfold(listener, |mut listener| async {
        let piece = listener.next().await?;
        Some((Ok::<_, Infallible>(piece), listener))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx keeps answers back otherwise.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events)
}

/// Somebody who listens.
struct Listener {
    app: web::Data<App>,
    organization: String,
    id: ImportId,
    stop: StopSignal,
    /// What was told last.
    last: Option<Told>,
    /// When something was sent last.
    spoken: Instant,
    began: bool,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// How the import stands.
enum Look {
    Underway(Told),
    Ended(Box<ImportRecord>),
    /// It cannot be found out now.
    Unknown,
}

impl Listener {
    /// The next piece of the stream; none: it has ended.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.ended {
                return None;
            }
            if self.began && !self.tick().await {
                self.ended = true;
                return Some(Bytes::from_static(b": the server is stopping\n\n"));
            }
            self.began = true;
            match self.look().await {
                Look::Underway(told) if self.last.as_ref() != Some(&told) => {
                    let event = event("progress", None, &told);
                    self.last = Some(told);
                    self.spoken = Instant::now();
                    return Some(event);
                }
                Look::Ended(record) => {
                    self.ended = true;
                    return Some(event("end", Some(END), &record));
                }
                Look::Underway(_) | Look::Unknown if self.spoken.elapsed() >= HEARTBEAT => {
                    self.spoken = Instant::now();
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
                Look::Underway(_) | Look::Unknown => {}
            }
        }
    }

    /// Waits a little; false when the server stops.
    async fn tick(&mut self) -> bool {
        tokio::select! {
            // An error means that the server itself is gone.
            _ = self.stop.wait_for(|stopping| *stopping) => false,
            () = tokio::time::sleep(TICK) => true,
        }
    }

    async fn look(&self) -> Look {
        if let Some(progress) = self.app.jobs.progress(&self.organization, self.id) {
            return Look::Underway(Told {
                id: self.id,
                state: ImportState::Running,
                progress,
            });
        }
        let (app, organization, id) = (self.app.clone(), self.organization.clone(), self.id);
        let found = blocking::run(move || app.store.import(&organization, id)).await;
        match found {
            Ok(Ok(Some(record))) if record.state.is_final() => Look::Ended(Box::new(record)),
            Ok(Ok(Some(record))) => Look::Underway(Told {
                id: self.id,
                state: record.state,
                progress: standing(record.counters),
            }),
            Ok(Ok(None)) | Err(_) => Look::Unknown,
            Ok(Err(error)) => {
                tracing::warn!(%error, import = %id, "a listener could not be told anything");
                Look::Unknown
            }
        }
    }
}

/// Of an import that nobody runs at this moment.
fn standing(counters: Counters) -> Progress {
    Progress {
        counters,
        rows_per_second: 0,
        seconds_left: None,
    }
}

/// One event. JSON has no line breaks of its own, so it is one line of data.
fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}

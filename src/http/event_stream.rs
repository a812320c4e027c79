//! The progress of an import as server-sent events (WHATWG HTML §9.2): `progress` about once a second while
//! something changes, then `end` with the record, and the end of the stream.
//!
//! A client that reconnects after `end` gets 204, which tells it to stop, as the standard specifies.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::http::blocking;
use crate::http::intake;
use crate::http::traffic::{StopSignal, Traffic};
use crate::import::control::Progress;
use crate::users::import_id::ImportId;
use crate::users::import_record::{Counters, ImportRecord, ImportState};

/// Maximum number of open streams.
const MAX_STREAMS: usize = 100;

/// How often the import's progress is read.
const TICK: Duration = Duration::from_secs(1);

/// Interval after which a comment is sent if nothing else was, so that proxies do not close the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The id of the last event.
const END: &str = "end";

/// The data of a `progress` event.
#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct ProgressData {
    id: ImportId,
    state: ImportState,
    #[serde(flatten)]
    progress: Progress,
}

/// The limit of event streams is reached.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{MAX_STREAMS} event streams are open, which is the limit; poll the import instead.")]
pub struct TooManyStreams;

/// The limit of event streams, shared by all front ends and listeners.
pub fn limit() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_STREAMS))
}

/// Responds with the stream.
///
/// # Errors
/// Too many streams are open.
pub fn respond(
    app: &web::Data<App>,
    traffic: &Traffic,
    streams: &Arc<Semaphore>,
    record: &ImportRecord,
    headers: &HeaderMap,
) -> Result<HttpResponse, TooManyStreams> {
    let seen = intake::field(headers, &HeaderName::from_static("last-event-id"));
    if seen.as_deref() == Some(END) && record.state.is_final() {
        return Ok(HttpResponse::NoContent().finish());
    }
    let permit = Semaphore::try_acquire_owned(Arc::clone(streams)).map_err(|_| TooManyStreams)?;
    let events = EventStream {
        app: app.clone(),
        organization: record.organization.clone(),
        id: record.id,
        stop: traffic.stop.clone(),
        last: None,
        last_sent: Instant::now(),
        began: false,
        ended: false,
        _permit: permit,
    };
    let events = stream::unfold(events, |mut events| async {
        let piece = events.next().await?;
        Some((Ok::<_, Infallible>(piece), events))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Without this, nginx buffers the response.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events))
}

/// The state of one stream.
struct EventStream {
    app: web::Data<App>,
    organization: String,
    id: ImportId,
    stop: StopSignal,
    /// The last progress that was sent.
    last: Option<ProgressData>,
    /// When something was last sent.
    last_sent: Instant,
    began: bool,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// The current state of the import.
enum State {
    InProgress(ProgressData),
    Ended(Box<ImportRecord>),
    /// It could not be read.
    Unknown,
}

impl EventStream {
    /// The next piece of the stream; none at its end.
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
            match self.read_state().await {
                State::InProgress(data) if self.last.as_ref() != Some(&data) => {
                    let event = event("progress", None, &data);
                    self.last = Some(data);
                    self.last_sent = Instant::now();
                    return Some(event);
                }
                State::Ended(record) => {
                    self.ended = true;
                    return Some(event("end", Some(END), &record));
                }
                State::InProgress(_) | State::Unknown if self.last_sent.elapsed() >= HEARTBEAT => {
                    self.last_sent = Instant::now();
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
                State::InProgress(_) | State::Unknown => {}
            }
        }
    }

    /// Waits for the next tick; false if the server is stopping.
    async fn tick(&mut self) -> bool {
        tokio::select! {
            // An error means that the server has ended.
            _ = self.stop.wait_for(|stopping| *stopping) => false,
            () = tokio::time::sleep(TICK) => true,
        }
    }

    async fn read_state(&self) -> State {
        if let Some(progress) = self.app.jobs.progress(&self.organization, self.id) {
            return State::InProgress(ProgressData {
                id: self.id,
                state: ImportState::Running,
                progress,
            });
        }
        let (app, organization, id) = (self.app.clone(), self.organization.clone(), self.id);
        let found = blocking::run(move || app.store.import(&organization, id)).await;
        match found {
            Ok(Ok(Some(record))) if record.state.is_final() => State::Ended(Box::new(record)),
            Ok(Ok(Some(record))) => State::InProgress(ProgressData {
                id: self.id,
                state: record.state,
                progress: stopped_progress(record.counters),
            }),
            Ok(Ok(None)) | Err(_) => State::Unknown,
            Ok(Err(error)) => {
                tracing::warn!(%error, import = %id, "an event stream could not read its import");
                State::Unknown
            }
        }
    }
}

/// The progress of an import that is not running.
fn stopped_progress(counters: Counters) -> Progress {
    Progress {
        counters,
        rows_per_second: 0,
        seconds_left: None,
        percent: None,
    }
}

/// One event. Serialized JSON has no line breaks, so the data fits on one line.
fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}

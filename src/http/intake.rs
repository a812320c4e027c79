//! The steps shared by all front ends: authenticate the caller, and stream the body through a bounded pipe to one
//! blocking thread. Small calls need neither pipe nor thread, and no thread waits for a commit.

use std::sync::Arc;
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::RequestHead;
use actix_web::error::PayloadError;
use actix_web::http::Version;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpResponseBuilder, rt, web};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::Instrument;

use crate::access::authorization::{self, Authorization};
use crate::access::failed_logins::Method;
use crate::access::gate::Caller;
use crate::app::App;
use crate::http::blocking::{self, Failed};
use crate::http::login::{self, Origin, Refused};
use crate::http::pace::PaceMeter;
use crate::http::request_id;
use crate::http::traffic::{Busy, OnBehalf, Size, StopSignal, Traffic};
use crate::import::pending::Pending;
use crate::slots::Slot;
use crate::users::channel::Channel;
use crate::wire::error::WireError;
use crate::wire::pipe::{PipeReader, PipeWriter, pipe};

/// Limits for discarding a body whose answer is known: some clients do not read the answer before they have sent the
/// whole body.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(10);

/// Maximum size of a small body, which is read before its thread starts.
const SMALL_BYTES: usize = 64 * 1024;

/// The same for a body whose sender is unknown.
const UNAUTHENTICATED_LINGER_BYTES: u64 = 64 * 1024;
const UNAUTHENTICATED_LINGER_TIME: Duration = Duration::from_secs(2);

/// Name of the cookie with a session's id, the same as the original's.
const SESSION_COOKIE: &str = "JSESSIONID";

/// How long bodies may take to arrive once the server is stopping.
const STOPPING_GRACE: Duration = Duration::from_secs(5);

/// Authenticates the caller by the request's head alone. A token in the URL is not accepted: it would be logged
/// on the way (RFC 6750 §5.3).
///
/// # Errors
/// Why the caller is refused.
pub async fn authenticate(
    app: &web::Data<App>,
    traffic: &Traffic,
    head: &RequestHead,
    channel: Channel,
) -> Result<Caller, Refused> {
    let origin = |method| Origin {
        channel,
        method,
        address: traffic.address_of(head),
        request_id: request_id::of(&head.headers),
    };
    let headers = &head.headers;
    let fields: Vec<_> = headers.get_all(header::AUTHORIZATION).collect();
    let field = match fields.as_slice() {
        [] => return in_session(app, headers),
        [field] => field.to_str().map_err(|_| Refused::NoCredentials)?,
        // Two fields could contradict each other, so neither is used.
        _ => return Err(Refused::Wrong),
    };
    match authorization::parse(field) {
        Authorization::Basic(credentials) => {
            login::by_password(app, credentials, &origin(Method::Basic)).await
        }
        Authorization::Bearer(token) => login::by_token(app, &token, &origin(Method::Bearer)).await,
        Authorization::Incomplete => Err(Refused::NoCredentials),
        Authorization::OtherScheme => Err(Refused::OtherScheme),
    }
}

/// The caller of the request's session. A session that has ended counts as no credentials, because other
/// applications on the host may set cookies with the same name.
fn in_session(app: &App, headers: &HeaderMap) -> Result<Caller, Refused> {
    let caller = match session(headers) {
        Some(id) => app.gate.caller_in(&id).map_err(Refused::Failed)?,
        None => None,
    };
    let caller = caller.ok_or(Refused::NoCredentials)?;
    Ok(Caller {
        request_id: request_id::of(headers),
        ..caller
    })
}

/// The session's id in the request.
pub fn session(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION_COOKIE)
}

/// The value of the request's first cookie with this name. Cookie attributes that a client sends back are treated like
/// other cookies.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let fields = headers.get_all(header::COOKIE);
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| Cookie::parse(pair).ok())
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// The cookie that opens a session, or ends it if `id` is none. If it is created over HTTPS, it is sent only over
/// HTTPS; scripts cannot read it, and it is not sent with requests from other sites.
pub fn session_cookie(id: Option<&str>, secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::build(SESSION_COOKIE, id.unwrap_or_default().to_owned())
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Strict)
        .finish();
    if id.is_none() {
        cookie.make_removal();
    }
    cookie
}

/// The value of `Idempotency-Key`: a string (RFC 9651 §3.3.3), or the unquoted text that many clients send. A value
/// that is not visible ASCII is mapped to one that is not a valid key, so that it is refused and not ignored.
pub fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let text = headers
        .get("idempotency-key")?
        .to_str()
        .unwrap_or("\0")
        .trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    Some(bare.to_owned())
}

/// Whether one of the preferences is `respond-async` (RFC 7240 §4.1).
pub fn prefers_async(headers: &HeaderMap) -> bool {
    prefers(headers, "respond-async")
}

/// Whether the request has this preference (RFC 7240 §2), including its value if it has one.
pub fn prefers(headers: &HeaderMap, preference: &str) -> bool {
    let fields = headers.get_all("prefer");
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|given| {
        let given: String = given
            .chars()
            .filter(|sign| !" \t\"".contains(*sign))
            .collect();
        let (bare, _) = given.split_once(';').unwrap_or((&given, ""));
        bare.eq_ignore_ascii_case(preference)
    })
}

/// Whether the request expects something other than 100-continue, the only defined expectation. HTTP/1.0 has
/// none.
pub fn has_unknown_expectation(request: &RequestHead) -> bool {
    let known = |member: &[u8]| {
        let member = member.trim_ascii();
        member.is_empty() || member.eq_ignore_ascii_case(b"100-continue")
    };
    let mut fields = request.headers.get_all(header::EXPECT);
    request.version >= Version::HTTP_11
        && !fields.all(|field| field.as_bytes().split(|byte| *byte == b',').all(known))
}

/// The value of the first header field with this name.
pub fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Closes the connection after the answer if the body was not read to its end. A client that announces that
/// it will close gets the same answer, because some clients reuse the connection nevertheless.
pub fn close_if_needed(response: &mut HttpResponseBuilder, headers: &HeaderMap, body: Body) {
    let requested = field(headers, &header::CONNECTION)
        .is_some_and(|field| field.to_ascii_lowercase().contains("close"));
    if requested || body == Body::Unread {
        response.force_close();
    }
}

/// Whether a request's body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It was read to its end: the connection can be reused.
    Read,
    /// It was not: the connection must be closed.
    Unread,
}

/// Why an admitted request has no result.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// The work did not finish.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The limit of concurrent requests is reached, and no slot became free.
    #[error("no slot became free in time")]
    Busy {
        /// Seconds after which a retry may succeed.
        seconds: u64,
    },
}

impl From<Busy> for Unserved {
    fn from(Busy { seconds }: Busy) -> Self {
        Unserved::Busy { seconds }
    }
}

/// The body of a request that is being received.
pub struct Incoming {
    payload: web::Payload,
    traffic: Arc<Traffic>,
    by: OnBehalf,
    /// What has been received.
    received: Bytes,
    /// How it ended, once it has ended.
    end: Option<Result<(), WireError>>,
}

impl Incoming {
    /// A body of which nothing has been read.
    pub fn new(payload: web::Payload, traffic: Arc<Traffic>, by: OnBehalf) -> Self {
        Incoming {
            payload,
            traffic,
            by,
            received: Bytes::new(),
            end: None,
        }
    }

    /// What has been received.
    pub fn received(&self) -> &Bytes {
        &self.received
    }

    /// Whether it was received completely.
    pub fn is_complete(&self) -> bool {
        matches!(self.end, Some(Ok(())))
    }

    /// Whether nothing more will be read.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Sets the sender, once the received part has named them.
    pub fn set_sender(&mut self, caller: &Caller) {
        self.by = caller.into();
    }

    /// Stops reading with this error, unless the body has already ended.
    pub fn stop_reading(&mut self, reason: WireError) {
        self.end.get_or_insert(Err(reason));
    }
}

/// Runs `work` on the part of a body that was received, without reading more, in the request's `slot`.
///
/// # Errors
/// The thread died.
pub async fn with_beginning<T: Send + 'static>(
    incoming: Incoming,
    slot: Slot,
    work: impl FnOnce(PipeReader) -> Pending<T> + Send + 'static,
) -> Result<(T, Body), Unserved> {
    let Incoming {
        mut payload,
        received,
        end,
        ..
    } = incoming;
    let received_bytes = received.len() as u64;
    let (reader, body) = match end {
        Some(Ok(())) => (PipeReader::complete(received), Some(Body::Read)),
        Some(Err(error)) => (PipeReader::truncated(received, error), Some(Body::Unread)),
        None => {
            let error = WireError::HttpTruncated {
                received: received_bytes,
            };
            (PipeReader::truncated(received, error), None)
        }
    };
    let end = run_in_slot(slot, move || work(reader)).await?;
    let body = match body {
        Some(body) => body,
        None => discard(&mut payload, UNAUTHENTICATED_LINGER_BYTES).await,
    };
    Ok((end, body))
}

/// Runs `work` on a blocking thread and waits for its end. A small body is received before the thread starts; a long
/// one is streamed to it.
///
/// # Errors
/// The thread died, or no slot became free.
pub async fn with_body<T: Send + 'static>(
    mut incoming: Incoming,
    work: impl FnOnce(PipeReader) -> Pending<T> + Send + 'static,
) -> Result<(T, Body), Unserved> {
    let gathered = gather(&mut incoming, SMALL_BYTES, None).await;
    let received = std::mem::take(&mut incoming.received);
    let (reader, body) = match gathered {
        Gathered::Complete => (PipeReader::complete(received), Body::Read),
        Gathered::Failed(error) => (PipeReader::truncated(received, error), Body::Unread),
        Gathered::More => {
            let slot = match incoming
                .traffic
                .acquire_slot(Size::Long, &incoming.by)
                .await
            {
                Ok(slot) => slot,
                Err(busy) => {
                    // Some clients do not read the answer before they have sent the body.
                    discard(&mut incoming.payload, LINGER_BYTES).await;
                    return Err(busy.into());
                }
            };
            let before = received.len() as u64;
            let (writer, reader) = pipe(received);
            let working = run_in_slot(slot, move || work(reader));
            let (result, body) = tokio::join!(working, feed(incoming, before, writer));
            return result.map(|end| (end, body));
        }
    };
    let slot = incoming
        .traffic
        .acquire_slot(Size::Small, &incoming.by)
        .await?;
    let end = run_in_slot(slot, move || work(reader)).await?;
    Ok((end, body))
}

/// Receives a small body and runs `at_once` on the current thread. If that returns none because it would have to
/// wait, `work` runs on a blocking thread as in [`with_body`].
///
/// # Errors
/// The work died, or no slot became free.
pub async fn with_small_body<T: Send + 'static>(
    mut incoming: Incoming,
    at_once: impl FnOnce(Bytes) -> Option<Pending<T>> + 'static,
    work: impl FnOnce(PipeReader) -> Pending<T> + Send + 'static,
) -> Result<(T, Body), Unserved> {
    let body = match gather(&mut incoming, SMALL_BYTES, None).await {
        Gathered::Complete => incoming.received,
        Gathered::Failed(error) => {
            let slot = incoming
                .traffic
                .acquire_slot(Size::Small, &incoming.by)
                .await?;
            let reader = PipeReader::truncated(incoming.received, error);
            let end = run_in_slot(slot, move || work(reader)).await?;
            return Ok((end, Body::Unread));
        }
        Gathered::More => return with_body(incoming, work).await,
    };
    let (traffic, by) = (incoming.traffic, incoming.by);
    let working = async move {
        if let Some(pending) = at_once(body.clone()) {
            return finish(pending).await;
        }
        let slot = traffic.acquire_slot(Size::Small, &by).await?;
        run_in_slot(slot, move || work(PipeReader::complete(body))).await
    };
    let working = rt::spawn(working.in_current_span());
    let end = working.await.unwrap_or(Err(Failed::Died.into()))?;
    Ok((end, Body::Read))
}

/// Runs `work`, which needs no body, on a blocking thread.
///
/// # Errors
/// The thread died, or no slot became free.
pub async fn without_body<T: Send + 'static>(
    traffic: &Traffic,
    by: &OnBehalf,
    work: impl FnOnce() -> Pending<T> + Send + 'static,
) -> Result<T, Unserved> {
    let slot = traffic.acquire_slot(Size::Small, by).await?;
    run_in_slot(slot, work).await
}

/// Runs `work` on a blocking thread to its end and holds the slot until then, even if the caller has
/// disconnected.
async fn run_in_slot<T: Send + 'static>(
    slot: Slot,
    work: impl FnOnce() -> Pending<T> + Send + 'static,
) -> Result<T, Unserved> {
    let working = async move {
        let _slot = slot;
        finish(blocking::run(work).await?).await
    };
    let working = rt::spawn(working.in_current_span());
    working.await.unwrap_or(Err(Failed::Died.into()))
}

/// Finishes work that may wait for a commit; no thread is held meanwhile.
async fn finish<T: Send + 'static>(mut pending: Pending<T>) -> Result<T, Unserved> {
    loop {
        pending = match pending {
            Pending::Ended(end) => return Ok(end),
            Pending::Slow(rest) => blocking::run(rest).await?,
            Pending::Pending(step, then) => match step.durable().await {
                Ok(written) => return Ok(then(Ok(written))),
                // The next step uses the store too.
                failed => return Ok(blocking::run(move || then(failed)).await?),
            },
        }
    }
}

/// Reads and discards a limited part of an unwanted body, so that its sender reads the answer.
pub async fn discard_body(mut payload: web::Payload, unauthenticated: bool) -> Body {
    let max = match unauthenticated {
        true => UNAUTHENTICATED_LINGER_BYTES,
        false => LINGER_BYTES,
    };
    discard(&mut payload, max).await
}

/// How much of a body was received.
#[derive(Debug)]
enum Gathered {
    /// All of it.
    Complete,
    /// The requested length; more follows.
    More,
    /// The body failed or was cut off before its end.
    Failed(WireError),
}

/// Receives the body until it ends, `max` bytes are there, or `deadline` has passed.
pub async fn read_more(incoming: &mut Incoming, max: usize, deadline: Instant) {
    gather(incoming, max, Some(deadline)).await;
}

async fn gather(incoming: &mut Incoming, max: usize, deadline: Option<Instant>) -> Gathered {
    if incoming.end.is_none() {
        incoming.end = read_pieces(incoming, max, deadline).await;
    }
    match &mut incoming.end {
        None => Gathered::More,
        Some(Ok(())) => Gathered::Complete,
        Some(end) => {
            let received = incoming.received.len() as u64;
            let again = Err(WireError::HttpTruncated { received });
            match std::mem::replace(end, again) {
                Ok(()) => Gathered::Complete,
                Err(error) => Gathered::Failed(error),
            }
        }
    }
}

/// How the body ended; none if more follows.
async fn read_pieces(
    incoming: &mut Incoming,
    max: usize,
    deadline: Option<Instant>,
) -> Option<Result<(), WireError>> {
    let Incoming {
        payload,
        traffic,
        received,
        ..
    } = incoming;
    let mut meter = traffic.meter();
    let mut pieces = Vec::new();
    let mut length = received.len();
    let stopped = stopped(traffic.stop.clone());
    tokio::pin!(stopped);
    let end = loop {
        if length >= max {
            break None;
        }
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let received_bytes = length as u64;
        let next = tokio::select! {
            biased;
            next = next_piece(payload, &mut meter, received_bytes) => next,
            () = late => Err(WireError::HttpStalled { received: received_bytes }),
            () = &mut stopped => Err(WireError::HttpTruncated { received: received_bytes }),
        };
        match next {
            Ok(Some(piece)) => {
                length += piece.len();
                pieces.push(piece);
            }
            Ok(None) => break Some(Ok(())),
            Err(error) => break Some(Err(error)),
        }
    };
    *received = joined(std::mem::take(received), pieces);
    end
}

/// Joins the pieces; a single one is not copied.
fn joined(first: Bytes, mut pieces: Vec<Bytes>) -> Bytes {
    if !first.is_empty() {
        pieces.insert(0, first);
    }
    match pieces.as_mut_slice() {
        [] => Bytes::new(),
        [only] => std::mem::take(only),
        _ => pieces.concat().into(),
    }
}

/// Completes once the server has been stopping for longer than bodies may take.
async fn stopped(mut stop: StopSignal) {
    // An error means that the server has ended.
    let _ = stop.wait_for(|stopping| *stopping).await;
    tokio::time::sleep(STOPPING_GRACE).await;
}

/// Streams the rest of the body into the pipe.
async fn feed(incoming: Incoming, mut received: u64, writer: PipeWriter) -> Body {
    let Incoming {
        mut payload,
        traffic,
        ..
    } = incoming;
    let mut meter = traffic.meter();
    let stopped = stopped(traffic.stop.clone());
    tokio::pin!(stopped);
    loop {
        let next = tokio::select! {
            biased;
            () = writer.reader_gone() => return discard(&mut payload, LINGER_BYTES).await,
            next = next_piece(&mut payload, &mut meter, received) => next,
            () = &mut stopped => Err(WireError::HttpTruncated { received }),
        };
        match next {
            Ok(Some(piece)) => {
                received += piece.len() as u64;
                if writer.send(piece).await.is_err() {
                    return discard(&mut payload, LINGER_BYTES).await;
                }
            }
            Ok(None) => {
                writer.finish().await;
                return Body::Read;
            }
            Err(error) => {
                writer.fail(error).await;
                return Body::Unread;
            }
        }
    }
}

async fn next_piece(
    payload: &mut web::Payload,
    meter: &mut PaceMeter,
    received: u64,
) -> Result<Option<Bytes>, WireError> {
    let begun = Instant::now();
    let next = tokio::time::timeout(meter.idle(), payload.next()).await;
    match next {
        Err(_) => Err(WireError::HttpStalled { received }),
        Ok(None) => Ok(None),
        Ok(Some(Ok(piece))) => match meter.keeps_up(begun.elapsed(), piece.len()) {
            true => Ok(Some(piece)),
            false => Err(WireError::HttpStalled { received }),
        },
        Ok(Some(Err(PayloadError::Io(error)))) => Err(error
            .downcast()
            .unwrap_or(WireError::HttpTruncated { received })),
        Ok(Some(Err(_))) => Err(WireError::HttpTruncated { received }),
    }
}

async fn discard(payload: &mut web::Payload, max: u64) -> Body {
    let time = match max {
        UNAUTHENTICATED_LINGER_BYTES => UNAUTHENTICATED_LINGER_TIME,
        _ => LINGER_TIME,
    };
    let (until, mut left) = (Instant::now() + time, max);
    while let Some(time) = until.checked_duration_since(Instant::now()) {
        match tokio::time::timeout(time, payload.next()).await {
            Ok(None) => return Body::Read,
            Ok(Some(Ok(piece))) if piece.len() as u64 <= left => left -= piece.len() as u64,
            _ => return Body::Unread,
        }
    }
    Body::Unread
}

//! What every front end does first: find out who is calling, and let the body flow through a bounded
//! pipe to one blocking thread. Small calls need neither, and a commit is waited for without a thread.

use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::RequestHead;
use actix_web::error::PayloadError;
use actix_web::http::Version;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpResponseBuilder, rt, web};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{oneshot, watch};

use crate::access::authorization::{self, Authorization};
use crate::access::gate::{Caller, Recalled};
use crate::app::App;
use crate::http::challenge::Challenge;
use crate::import::ending::Ending;
use crate::users::store_error::StoreError;
use crate::wire::error::WireError;
use crate::wire::pipe::{PipeReader, PipeWriter, pipe};

/// What is read and thrown away of a body whose answer is known, so that the sender, who may not look
/// for an answer before all is sent, gets it.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(10);

/// Bytes that are read of a body whose sender is not known.
const LINGER_BYTES_OF_STRANGERS: u64 = 64 * 1024;

/// Name of the cookie that holds a session's id, as the original has it.
const SESSION_COOKIE: &str = "JSESSIONID";

/// Time that a body has to arrive in when the server stops.
const STOPPING_GRACE: Duration = Duration::from_secs(5);

/// Turns to true when the server stops.
pub type StopSignal = watch::Receiver<bool>;

/// Why a caller is not let in.
#[derive(Debug)]
pub enum Refused {
    /// No credentials, or not all of them: the caller is to send them.
    NoCredentials,
    /// Another scheme than Basic and Bearer.
    OtherScheme,
    /// The credentials are wrong.
    Wrong,
    /// The bearer token is unknown, revoked or expired.
    InvalidToken,
    /// It could not be found out.
    Failed(StoreError),
}

impl Refused {
    /// What the 401 asks for; none when it is no 401.
    pub fn challenge(&self) -> Option<Challenge> {
        match self {
            Refused::NoCredentials | Refused::OtherScheme | Refused::Wrong => {
                Some(Challenge::Credentials)
            }
            Refused::InvalidToken => Some(Challenge::InvalidToken),
            Refused::Failed(_) => None,
        }
    }
}

/// Finds out who is calling, by the header alone: a token in a URL would stand in every log on the way
/// (RFC 6750 §5.3), so none is looked for there.
///
/// # Errors
/// Why the caller is not let in.
pub async fn authenticate(app: &web::Data<App>, headers: &HeaderMap) -> Result<Caller, Refused> {
    let fields: Vec<_> = headers.get_all(header::AUTHORIZATION).collect();
    let field = match fields.as_slice() {
        [] => return in_session(app, headers),
        [field] => field.to_str().map_err(|_| Refused::NoCredentials)?,
        // Two answers to one question: whoever looks at only one of them could be fooled.
        _ => return Err(Refused::Wrong),
    };
    let credentials = match authorization::parse(field) {
        Authorization::Basic(credentials) => credentials,
        Authorization::Bearer(token) => {
            let found = app.gate.bearer(&token, app.clock.now());
            return found.map_err(Refused::Failed)?.ok_or(Refused::InvalidToken);
        }
        Authorization::Incomplete => return Err(Refused::NoCredentials),
        Authorization::OtherScheme => return Err(Refused::OtherScheme),
    };
    match app.gate.recall(&credentials).map_err(Refused::Failed)? {
        Recalled::Caller(caller) => Ok(caller),
        Recalled::Unknown(acting) => {
            let house = app.clone();
            web::block(move || house.gate.verify(&credentials, acting))
                .await
                .map_err(|error| Refused::Failed(StoreError::Failed(error.to_string())))?
                .ok_or(Refused::Wrong)
        }
    }
}

/// Whoever sends no credentials may have logged in before. A session that has ended is as none, for
/// others on the way set cookies of that name too.
fn in_session(app: &App, headers: &HeaderMap) -> Result<Caller, Refused> {
    let caller = match session(headers) {
        Some(id) => app.gate.caller_in(&id).map_err(Refused::Failed)?,
        None => None,
    };
    caller.ok_or(Refused::NoCredentials)
}

/// The session that the request says it belongs to. Attributes that a client sends back with the cookie
/// are as other cookies.
pub fn session(headers: &HeaderMap) -> Option<String> {
    let fields = headers.get_all(header::COOKIE);
    let texts = fields.filter_map(|field| field.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| Cookie::parse(pair).ok())
        .find(|cookie| cookie.name() == SESSION_COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

/// The cookie that opens a session, or ends one when `id` is none. It never leaves the encrypted
/// connection it was made on, and no script and no other site gets to it.
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

/// The value of `Idempotency-Key`: a string (RFC 9651 §3.3.3), or the bare text that many send. One that
/// is no visible ASCII becomes one that no call can have, so that it is refused and not overlooked.
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

/// Whether this is one of the preferences (RFC 7240 §2), with its value where it has one.
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

/// Whether something else is expected than 100-continue, the only expectation there is. HTTP/1.0 knows
/// of none.
pub fn expects_the_unknown(request: &RequestHead) -> bool {
    let known = |member: &[u8]| {
        let member = member.trim_ascii();
        member.is_empty() || member.eq_ignore_ascii_case(b"100-continue")
    };
    let mut fields = request.headers.get_all(header::EXPECT);
    request.version >= Version::HTTP_11
        && !fields.all(|field| field.as_bytes().split(|byte| *byte == b',').all(known))
}

/// The value of the first header field of this name.
pub fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Closes the connection behind the answer when the body was not read to its end. A client that says
/// it will close is told the same: some pool the connection all the same.
pub fn close_if_asked(response: &mut HttpResponseBuilder, headers: &HeaderMap, body: Body) {
    let asked = field(headers, &header::CONNECTION)
        .is_some_and(|field| field.to_ascii_lowercase().contains("close"));
    if asked || body == Body::Unread {
        response.force_close();
    }
}

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It was read to its end: the connection can be used again.
    Whole,
    /// It was not: the connection has to be closed.
    Unread,
}

/// A call's work has ended in a panic.
#[derive(Debug, thiserror::Error)]
#[error("the work of a call panicked")]
pub struct Died;

/// How a body is to flow.
#[derive(Debug)]
pub struct Flow {
    /// For how long the next piece is waited for.
    pub idle: Duration,
    /// Turns to true when the server stops.
    pub stop: StopSignal,
    /// Nobody has said who is calling: little is read of what nobody wants.
    pub stranger: bool,
}

/// Runs `work` on a blocking thread while the body flows to it, and waits for its end. The thread begins when
/// there is something for it to read; a small body is all there by then.
///
/// # Errors
/// The thread died.
pub async fn with_body<T: Send + 'static>(
    payload: web::Payload,
    flow: Flow,
    work: impl FnOnce(PipeReader) -> Ending<T> + Send + 'static,
) -> Result<(T, Body), Died> {
    let (writer, reader) = pipe();
    let (waiting, arrival) = oneshot::channel();
    let work = async move {
        // Nothing is sent through it: it is dropped.
        let _ = arrival.await;
        settle(blocking(move || work(reader)).await?).await
    };
    let (result, body) = tokio::join!(work, feed(payload, writer, flow, waiting));
    result.map(|end| (end, body))
}

/// Reads a small body and runs `at_once` where it is, without any other thread. Where that would have to wait
/// for something it answers none, and `work` is run on a blocking thread as by [`with_body`].
///
/// # Errors
/// The work died.
pub async fn with_small_body<T: Send + 'static>(
    mut payload: web::Payload,
    flow: Flow,
    at_once: impl FnOnce(Bytes) -> Option<Ending<T>> + 'static,
    work: impl FnOnce(PipeReader) -> Ending<T> + Send + 'static,
) -> Result<(T, Body), Died> {
    let body = match gather(&mut payload, flow).await {
        Ok(body) => body,
        Err((received, error)) => {
            let (writer, reader) = pipe();
            // There is room for both, and the reader is here.
            let _ = writer.send(received).await;
            writer.fail(error).await;
            let ending = blocking(move || work(reader)).await?;
            return settle(ending).await.map(|end| (end, Body::Unread));
        }
    };
    let working = rt::spawn(async move {
        let ending = match at_once(body.clone()) {
            Some(ending) => ending,
            None => blocking(move || work(PipeReader::whole(body))).await?,
        };
        to_the_end(ending).await
    });
    let end = working.await.unwrap_or(Err(Died))?;
    Ok((end, Body::Whole))
}

/// The end of work that may hang on a commit. No thread is held meanwhile, and it comes whether somebody still
/// waits for it or not.
async fn settle<T: Send + 'static>(ending: Ending<T>) -> Result<T, Died> {
    match ending {
        Ending::Ended(end) => Ok(end),
        ending => rt::spawn(to_the_end(ending)).await.unwrap_or(Err(Died)),
    }
}

async fn to_the_end<T: Send + 'static>(mut ending: Ending<T>) -> Result<T, Died> {
    loop {
        ending = match ending {
            Ending::Ended(end) => return Ok(end),
            Ending::Slow(rest) => blocking(rest).await?,
            Ending::Pending(step, then) => match step.durable().await {
                Ok(written) => return Ok(then(Ok(written))),
                // What is done about it goes to the store too.
                failed => return blocking(move || then(failed)).await,
            },
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Died> {
    web::block(work).await.map_err(|_| Died)
}

/// Reads some of a body that nobody wants, so that its sender gets the answer.
pub async fn let_go(mut payload: web::Payload, stranger: bool) -> Body {
    discard(&mut payload, linger_bytes(stranger)).await
}

fn linger_bytes(stranger: bool) -> u64 {
    if stranger {
        LINGER_BYTES_OF_STRANGERS
    } else {
        LINGER_BYTES
    }
}

/// A small body, or what came of it and why there is no more.
async fn gather(payload: &mut web::Payload, flow: Flow) -> Result<Bytes, (Bytes, WireError)> {
    let mut received = Bytes::new();
    let stopped = stopped(flow.stop);
    tokio::pin!(stopped);
    loop {
        let so_far = received.len() as u64;
        let next = tokio::select! {
            biased;
            next = next_piece(payload, flow.idle, so_far) => next,
            () = &mut stopped => Err(WireError::HttpTruncated { received: so_far }),
        };
        match next {
            Ok(Some(piece)) if received.is_empty() => received = piece,
            Ok(Some(piece)) => received = [received, piece].concat().into(),
            Ok(None) => return Ok(received),
            Err(error) => return Err((received, error)),
        }
    }
}

/// Ends when the server has stopped for so long that no more is waited for.
async fn stopped(mut stop: StopSignal) {
    // An error means that the server itself is gone.
    let _ = stop.wait_for(|stopping| *stopping).await;
    tokio::time::sleep(STOPPING_GRACE).await;
}

/// Lets the body flow into the pipe; `waiting` is dropped when something of it is there, or nothing will be.
async fn feed(
    mut payload: web::Payload,
    writer: PipeWriter,
    flow: Flow,
    waiting: oneshot::Sender<()>,
) -> Body {
    let mut waiting = Some(waiting);
    let Flow {
        idle,
        stop,
        stranger,
    } = flow;
    let linger = linger_bytes(stranger);
    let mut received = 0;
    let stopped = stopped(stop);
    tokio::pin!(stopped);
    loop {
        let next = tokio::select! {
            biased;
            () = writer.reader_gone() => return discard(&mut payload, linger).await,
            next = next_piece(&mut payload, idle, received) => next,
            () = &mut stopped => Err(WireError::HttpTruncated { received }),
        };
        match next {
            Ok(Some(piece)) => {
                received += piece.len() as u64;
                if writer.send(piece).await.is_err() {
                    return discard(&mut payload, linger).await;
                }
                drop(waiting.take());
            }
            Ok(None) => {
                writer.finish().await;
                return Body::Whole;
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
    idle: Duration,
    received: u64,
) -> Result<Option<Bytes>, WireError> {
    match tokio::time::timeout(idle, payload.next()).await {
        Err(_) => Err(WireError::HttpStalled { received }),
        Ok(None) => Ok(None),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(PayloadError::Io(error)))) => Err(error
            .downcast()
            .unwrap_or(WireError::HttpTruncated { received })),
        Ok(Some(Err(_))) => Err(WireError::HttpTruncated { received }),
    }
}

async fn discard(payload: &mut web::Payload, most: u64) -> Body {
    let (until, mut left) = (Instant::now() + LINGER_TIME, most);
    while let Some(time) = until.checked_duration_since(Instant::now()) {
        match tokio::time::timeout(time, payload.next()).await {
            Ok(None) => return Body::Whole,
            Ok(Some(Ok(piece))) if piece.len() as u64 <= left => left -= piece.len() as u64,
            _ => return Body::Unread,
        }
    }
    Body::Unread
}

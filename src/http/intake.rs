//! What every front end does first: find out who is calling, and let the body flow through a bounded
//! pipe to one blocking thread. Small calls need neither, and a commit is waited for without a thread.

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

/// What is read and thrown away of a body whose answer is known, so that the sender, who may not look
/// for an answer before all is sent, gets it.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(10);

/// Bytes of a body that is small: it is read before a thread begins with it.
const SMALL_BYTES: usize = 64 * 1024;

/// Bytes that are read of a body whose sender is not known.
const LINGER_BYTES_OF_STRANGERS: u64 = 64 * 1024;

/// Name of the cookie that holds a session's id, as the original has it.
const SESSION_COOKIE: &str = "JSESSIONID";

/// Time that a body has to arrive in when the server stops.
const STOPPING_GRACE: Duration = Duration::from_secs(5);

/// Finds out who is calling, by the header alone: a token in a URL would stand in every log on the way
/// (RFC 6750 §5.3), so none is looked for there.
///
/// # Errors
/// Why the caller is not let in.
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
        // Two answers to one question: whoever looks at only one of them could be fooled.
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

/// Whoever sends no credentials may have logged in before. A session that has ended is as none, for
/// others on the way set cookies of that name too.
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

/// Why a request that was let in got no answer from its work.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// The work did not come to its end.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// As many requests as may be are at work, and its turn did not come.
    #[error("no slot became free in time")]
    Busy {
        /// Seconds after which another try is worth it.
        seconds: u64,
    },
}

impl From<Busy> for Unserved {
    fn from(Busy { seconds }: Busy) -> Self {
        Unserved::Busy { seconds }
    }
}

/// A body on its way, of a request whose caller is known.
pub struct Incoming {
    payload: web::Payload,
    traffic: Arc<Traffic>,
    by: OnBehalf,
    /// What has come of it already.
    received: Bytes,
    /// How it has ended, once it has.
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

    /// What has come of it already.
    pub fn received(&self) -> &Bytes {
        &self.received
    }

    /// Whether it has ended well.
    pub fn is_whole(&self) -> bool {
        matches!(self.end, Some(Ok(())))
    }

    /// Whether nothing more of it will come.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Says who sends it, when that was found out from its beginning.
    pub fn is_of(&mut self, caller: &Caller) {
        self.by = caller.into();
    }

    /// Reads no more of it, for this reason, unless it has ended already.
    pub fn cut(&mut self, reason: WireError) {
        self.end.get_or_insert(Err(reason));
    }
}

/// Runs `work` on what has come of a body, and on no more of it, in the `slot` that the request has.
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
    let so_far = received.len() as u64;
    let (reader, body) = match end {
        Some(Ok(())) => (PipeReader::complete(received), Some(Body::Whole)),
        Some(Err(error)) => (PipeReader::truncated(received, error), Some(Body::Unread)),
        None => {
            let error = WireError::HttpTruncated { received: so_far };
            (PipeReader::truncated(received, error), None)
        }
    };
    let end = to_the_end_with(slot, move || work(reader)).await?;
    let body = match body {
        Some(body) => body,
        None => discard(&mut payload, LINGER_BYTES_OF_STRANGERS).await,
    };
    Ok((end, body))
}

/// Runs `work` on a blocking thread and waits for its end. A small body is all there when the thread begins; a long
/// one flows to it.
///
/// # Errors
/// The thread died, or its turn did not come.
pub async fn with_body<T: Send + 'static>(
    mut incoming: Incoming,
    work: impl FnOnce(PipeReader) -> Pending<T> + Send + 'static,
) -> Result<(T, Body), Unserved> {
    let gathered = gather(&mut incoming, SMALL_BYTES, None).await;
    let received = std::mem::take(&mut incoming.received);
    let (reader, body) = match gathered {
        Gathered::Whole => (PipeReader::complete(received), Body::Whole),
        Gathered::Cut(error) => (PipeReader::truncated(received, error), Body::Unread),
        Gathered::More => {
            let slot = match incoming.traffic.turn(Size::Long, &incoming.by).await {
                Ok(slot) => slot,
                Err(busy) => {
                    // So that its sender gets the answer.
                    discard(&mut incoming.payload, LINGER_BYTES).await;
                    return Err(busy.into());
                }
            };
            let before = received.len() as u64;
            let (writer, reader) = pipe(received);
            let working = to_the_end_with(slot, move || work(reader));
            let (result, body) = tokio::join!(working, feed(incoming, before, writer));
            return result.map(|end| (end, body));
        }
    };
    let slot = incoming.traffic.turn(Size::Small, &incoming.by).await?;
    let end = to_the_end_with(slot, move || work(reader)).await?;
    Ok((end, body))
}

/// Reads a small body and runs `at_once` where it is, without any other thread. Where that would have to wait
/// for something it answers none, and `work` is run on a blocking thread as by [`with_body`].
///
/// # Errors
/// The work died, or its turn did not come.
pub async fn with_small_body<T: Send + 'static>(
    mut incoming: Incoming,
    at_once: impl FnOnce(Bytes) -> Option<Pending<T>> + 'static,
    work: impl FnOnce(PipeReader) -> Pending<T> + Send + 'static,
) -> Result<(T, Body), Unserved> {
    let body = match gather(&mut incoming, SMALL_BYTES, None).await {
        Gathered::Whole => incoming.received,
        Gathered::Cut(error) => {
            let slot = incoming.traffic.turn(Size::Small, &incoming.by).await?;
            let reader = PipeReader::truncated(incoming.received, error);
            let end = to_the_end_with(slot, move || work(reader)).await?;
            return Ok((end, Body::Unread));
        }
        Gathered::More => return with_body(incoming, work).await,
    };
    let (traffic, by) = (incoming.traffic, incoming.by);
    let working = async move {
        if let Some(ending) = at_once(body.clone()) {
            return to_the_end(ending).await;
        }
        let slot = traffic.turn(Size::Small, &by).await?;
        to_the_end_with(slot, move || work(PipeReader::complete(body))).await
    };
    let working = rt::spawn(working.in_current_span());
    let end = working.await.unwrap_or(Err(Failed::Died.into()))?;
    Ok((end, Body::Whole))
}

/// Runs `work`, which needs no body, on a blocking thread.
///
/// # Errors
/// The thread died, or its turn did not come.
pub async fn without_body<T: Send + 'static>(
    traffic: &Traffic,
    by: &OnBehalf,
    work: impl FnOnce() -> Pending<T> + Send + 'static,
) -> Result<T, Unserved> {
    let slot = traffic.turn(Size::Small, by).await?;
    to_the_end_with(slot, work).await
}

/// Runs `work` on a blocking thread and carries it to its end, for which the slot is held, whether the caller still
/// waits for it or not.
async fn to_the_end_with<T: Send + 'static>(
    slot: Slot,
    work: impl FnOnce() -> Pending<T> + Send + 'static,
) -> Result<T, Unserved> {
    let working = async move {
        let _slot = slot;
        to_the_end(blocking::run(work).await?).await
    };
    let working = rt::spawn(working.in_current_span());
    working.await.unwrap_or(Err(Failed::Died.into()))
}

/// The end of work that may hang on a commit; no thread is held meanwhile.
async fn to_the_end<T: Send + 'static>(mut ending: Pending<T>) -> Result<T, Unserved> {
    loop {
        ending = match ending {
            Pending::Ended(end) => return Ok(end),
            Pending::Slow(rest) => blocking::run(rest).await?,
            Pending::Pending(step, then) => match step.durable().await {
                Ok(written) => return Ok(then(Ok(written))),
                // What is done about it goes to the store too.
                failed => return Ok(blocking::run(move || then(failed)).await?),
            },
        }
    }
}

/// Reads some of a body that nobody wants, so that its sender gets the answer.
pub async fn let_go(mut payload: web::Payload, stranger: bool) -> Body {
    let most = match stranger {
        true => LINGER_BYTES_OF_STRANGERS,
        false => LINGER_BYTES,
    };
    discard(&mut payload, most).await
}

/// How much of a body there is.
#[derive(Debug)]
enum Gathered {
    /// All of it.
    Whole,
    /// As much as was asked for, and more to come.
    More,
    /// There will be no more, though the body has not ended.
    Cut(WireError),
}

/// Reads until the body has ended or `most` bytes of it are there, and until `deadline`.
pub async fn read_on(incoming: &mut Incoming, most: usize, deadline: Instant) {
    gather(incoming, most, Some(deadline)).await;
}

async fn gather(incoming: &mut Incoming, most: usize, deadline: Option<Instant>) -> Gathered {
    if incoming.end.is_none() {
        incoming.end = read_pieces(incoming, most, deadline).await;
    }
    match &mut incoming.end {
        None => Gathered::More,
        Some(Ok(())) => Gathered::Whole,
        Some(end) => {
            let received = incoming.received.len() as u64;
            let again = Err(WireError::HttpTruncated { received });
            match std::mem::replace(end, again) {
                Ok(()) => Gathered::Whole,
                Err(error) => Gathered::Cut(error),
            }
        }
    }
}

/// How the body has ended; none: there is more.
async fn read_pieces(
    incoming: &mut Incoming,
    most: usize,
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
        if length >= most {
            break None;
        }
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let so_far = length as u64;
        let next = tokio::select! {
            biased;
            next = next_piece(payload, &mut meter, so_far) => next,
            () = late => Err(WireError::HttpStalled { received: so_far }),
            () = &mut stopped => Err(WireError::HttpTruncated { received: so_far }),
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

/// One text of these pieces; a single one is not copied.
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

/// Ends when the server has stopped for so long that no more is waited for.
async fn stopped(mut stop: StopSignal) {
    // An error means that the server itself is gone.
    let _ = stop.wait_for(|stopping| *stopping).await;
    tokio::time::sleep(STOPPING_GRACE).await;
}

/// Lets the rest of the body flow into the pipe.
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

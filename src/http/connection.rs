//! A connection whose requests are checked while they are read, so that violations that the HTTP parser ignores are
//! answered; [`Framing`] detects them. The parser sees a broken body as if the sender had closed the connection early,
//! so that the answer is still sent. The reader of the body finds the actual reason in the connection's [`EndReason`].

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::wire::error::WireError;
use crate::wire::framing::{Followed, Framing};

/// How long unwanted bytes are read and discarded after the answer, so that the connection is not reset before the
/// sender has read it (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(1);

/// Pieces that are discarded before other tasks run.
const PIECES: usize = 16;

/// Why the current body on a connection ended early, if it did.
#[derive(Debug, Clone, Default)]
pub struct EndReason(Rc<RefCell<Option<WireError>>>);

impl EndReason {
    /// Takes the reason.
    pub fn take(&self) -> Option<WireError> {
        self.0.borrow_mut().take()
    }
}

/// A connection.
pub struct Connection<S> {
    stream: S,
    framing: Framing,
    end_reason: EndReason,
    wanted: Wanted,
    /// Whether bytes were discarded, or more unwanted ones may come.
    left: bool,
    lingering: Option<Pin<Box<Sleep>>>,
}

/// How much of the remaining input is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// None: the last request is complete.
    None,
    /// None: a body is broken, and its reader sees the end of the stream.
    BodyFailed,
}

impl<S> Connection<S> {
    /// A connection whose bodies may have at most `limit` bytes, including framing.
    pub fn new(stream: S, limit: u64) -> Self {
        Connection {
            stream,
            framing: Framing::new(limit),
            end_reason: EndReason::default(),
            wanted: Wanted::All,
            left: false,
            lingering: None,
        }
    }

    /// The place where the reason is stored.
    pub fn end_reason(&self) -> EndReason {
        self.end_reason.clone()
    }
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// Reads and discards what is available; ready at the end of the stream.
    fn discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; 4 * 1024];
        for _ in 0..PIECES {
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.left = true;
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match this.wanted {
            Wanted::All => {}
            Wanted::None => return this.discard(context),
            Wanted::BodyFailed => return Poll::Ready(Ok(())),
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        let kept = match this.framing.follow(new) {
            Ok(Followed::All) => return Poll::Ready(Ok(())),
            Ok(Followed::Last(kept)) => {
                this.wanted = Wanted::None;
                kept
            }
            Err((kept, error)) => {
                *this.end_reason.0.borrow_mut() = Some(error);
                this.wanted = Wanted::BodyFailed;
                kept
            }
        };
        this.left = true;
        buffer.set_filled(before + kept);
        match (kept, this.wanted) {
            // An empty read would signal the end of the stream.
            (0, Wanted::None) => this.discard(context),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.left {
                return Poll::Ready(Ok(()));
            }
        }
        let until = this
            .lingering
            .get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        this.discard(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

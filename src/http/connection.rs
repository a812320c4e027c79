//! A connection whose requests are followed while they are read, so that what the HTTP parser would pass over in
//! silence is answered: [`Framing`] says what that is. To the parser a broken body looks as if its sender had
//! closed the connection early, so that the answer is still sent; why, whoever reads the body finds in the
//! connection's [`Mark`].

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

/// For how long bytes that are not wanted are read and thrown away behind the answer, so that the connection is
/// not reset before the sender has read it (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(1);

/// Pieces that are thrown away before others have their turn.
const PIECES: usize = 16;

/// Why the body that is being read on a connection has ended early, once it has.
#[derive(Debug, Clone, Default)]
pub struct Mark(Rc<RefCell<Option<WireError>>>);

impl Mark {
    /// Takes the reason out.
    pub fn take(&self) -> Option<WireError> {
        self.0.borrow_mut().take()
    }
}

/// A connection.
pub struct Connection<S> {
    stream: S,
    framing: Framing,
    mark: Mark,
    wanted: Wanted,
    /// Bytes were thrown away, or more may come that nobody wants.
    left: bool,
    lingering: Option<Pin<Box<Sleep>>>,
}

/// What of the rest of the connection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// Nothing: the last request is there.
    Nothing,
    /// Nothing: a body is broken, and its reader is told that there is no more.
    ConnectionLog,
}

impl<S> Connection<S> {
    /// A connection whose bodies may have `limit` bytes, framing included.
    pub fn new(stream: S, limit: u64) -> Self {
        Connection {
            stream,
            framing: Framing::new(limit),
            mark: Mark::default(),
            wanted: Wanted::All,
            left: false,
            lingering: None,
        }
    }

    /// Where the reason is found.
    pub fn mark(&self) -> Mark {
        self.mark.clone()
    }
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// Reads and throws away until nothing is there; ready at the end of the stream.
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
            Wanted::Nothing => return this.discard(context),
            Wanted::ConnectionLog => return Poll::Ready(Ok(())),
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        let kept = match this.framing.follow(new) {
            Ok(Followed::All) => return Poll::Ready(Ok(())),
            Ok(Followed::Last(kept)) => {
                this.wanted = Wanted::Nothing;
                kept
            }
            Err((kept, error)) => {
                *this.mark.0.borrow_mut() = Some(error);
                this.wanted = Wanted::ConnectionLog;
                kept
            }
        };
        this.left = true;
        buffer.set_filled(before + kept);
        match (kept, this.wanted) {
            // No bytes at all would be the end of the stream.
            (0, Wanted::Nothing) => this.discard(context),
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

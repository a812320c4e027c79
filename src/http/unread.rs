//! A request's body that nobody has read to its end, when its answer is out.
//!
//! actix-http closes the connection of such a request within a second, unless the body comes in chunks
//! and has been dropped: then it waits for the last chunk, for as long as that takes. So the body is
//! kept as long as the answer is.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use crate::http::connection::Mark;

/// A request's body, for whoever reads it and for the answer that keeps it.
#[derive(Clone)]
pub struct Unread {
    body: Rc<RefCell<Payload>>,
    mark: Option<Mark>,
}

impl Unread {
    /// Holds this body, of a request on the connection that `mark` is of.
    pub fn new(body: Payload, mark: Option<Mark>) -> Self {
        Unread {
            body: Rc::new(RefCell::new(body)),
            mark,
        }
    }

    /// The body, to be read.
    pub fn body(&self) -> Payload {
        let payload = Box::pin(self.clone());
        Payload::Stream { payload }
    }

    /// The body of an answer, which keeps the request's until it is sent.
    pub fn kept_by(self, answer: BoxBody) -> BoxBody {
        BoxBody::new(Keeping {
            answer,
            _unread: self,
        })
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut *self.body.borrow_mut()).poll_next(context);
        match next {
            // The connection knows better than the parser why there is no more.
            Poll::Ready(Some(Err(error))) => {
                let reason = self.mark.as_ref().and_then(Mark::take);
                let error = reason.map_or(error, |reason| PayloadError::Io(reason.into()));
                Poll::Ready(Some(Err(error)))
            }
            other => other,
        }
    }
}

struct Keeping {
    answer: BoxBody,
    _unread: Unread,
}

impl MessageBody for Keeping {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}

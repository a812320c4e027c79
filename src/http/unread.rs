//! Keeps a request's body that was not read to its end until its answer has been sent.
//!
//! actix-http closes the connection of such a request within a second, unless the body is chunked and was dropped:
//! then it waits for the last chunk without a limit. The body is therefore kept as long as the answer.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use crate::http::connection::EndReason;

/// A request's body, shared by its reader and by the answer that keeps it.
#[derive(Clone)]
pub struct Unread {
    body: Rc<RefCell<Payload>>,
    end_reason: Option<EndReason>,
}

impl Unread {
    /// Holds this body, of a request on the connection of `end_reason`.
    pub fn new(body: Payload, end_reason: Option<EndReason>) -> Self {
        Unread {
            body: Rc::new(RefCell::new(body)),
            end_reason,
        }
    }

    /// The body, to be read.
    pub fn body(&self) -> Payload {
        let payload = Box::pin(self.clone());
        Payload::Stream { payload }
    }

    /// The body of an answer, which keeps the request's body until it has been sent.
    pub fn attach_to(self, answer: BoxBody) -> BoxBody {
        BoxBody::new(AnswerBody {
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
            // The connection has a more precise reason than the parser.
            Poll::Ready(Some(Err(error))) => {
                let reason = self.end_reason.as_ref().and_then(EndReason::take);
                let error = reason.map_or(error, |reason| PayloadError::Io(reason.into()));
                Poll::Ready(Some(Err(error)))
            }
            other => other,
        }
    }
}

struct AnswerBody {
    answer: BoxBody,
    _unread: Unread,
}

impl MessageBody for AnswerBody {
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

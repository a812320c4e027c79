//! The bounded pipe where async ends: an asynchronous writer, a blocking reader.
//!
//! A full pipe makes the writer wait, and with it the sender: that is the whole of the backpressure.
//! A writer that goes away without [`PipeWriter::finish`] leaves a truncated body behind, never a
//! short one.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::wire::error::WireError;

/// Chunks that may wait in the pipe.
const CHUNKS: usize = 16;

enum Piece {
    Data(Bytes),
    End,
    Failure(WireError),
}

/// The asynchronous end.
#[derive(Debug)]
pub struct PipeWriter(mpsc::Sender<Piece>);

/// The blocking end.
#[derive(Debug)]
pub struct PipeReader {
    /// None: there is no more than the rest.
    pieces: Option<mpsc::Receiver<Piece>>,
    rest: Bytes,
    received: u64,
    /// Why there is no more than the rest, when that is not the whole body.
    failure: Option<WireError>,
}

/// The reader has gone; nobody wants the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderGone;

/// A new pipe, for a body that begins with what was received already.
pub fn pipe(received: Bytes) -> (PipeWriter, PipeReader) {
    let (sender, pieces) = mpsc::channel(CHUNKS);
    let reader = PipeReader {
        pieces: Some(pieces),
        ..PipeReader::whole(received)
    };
    (PipeWriter(sender), reader)
}

impl PipeReader {
    /// A body that is all there: nothing is waited for.
    pub fn whole(body: Bytes) -> Self {
        PipeReader {
            pieces: None,
            received: body.len() as u64,
            rest: body,
            failure: None,
        }
    }

    /// A body of which nothing follows `received`, because of `failure`.
    pub fn cut(received: Bytes, failure: WireError) -> Self {
        PipeReader {
            failure: Some(failure),
            ..PipeReader::whole(received)
        }
    }
}

impl PipeWriter {
    /// Passes `data` on, waiting while the pipe is full.
    ///
    /// # Errors
    /// The reader has gone.
    pub async fn send(&self, data: Bytes) -> Result<(), ReaderGone> {
        self.0.send(Piece::Data(data)).await.map_err(|_| ReaderGone)
    }

    /// Says that the body is whole.
    pub async fn finish(self) {
        // A reader that has gone does not wait for the end.
        let _ = self.0.send(Piece::End).await;
    }

    /// Says that the body will not come to its end, and why.
    pub async fn fail(self, error: WireError) {
        // A reader that has gone does not wait for the reason.
        let _ = self.0.send(Piece::Failure(error)).await;
    }

    /// Waits until the reader has gone.
    pub async fn reader_gone(&self) {
        self.0.closed().await;
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty()
            && let Some(pieces) = &mut self.pieces
        {
            match pieces.blocking_recv() {
                Some(Piece::Data(data)) => {
                    self.received += data.len() as u64;
                    self.rest = data;
                }
                Some(Piece::End) => self.pieces = None,
                Some(Piece::Failure(error)) => return Err(error.into()),
                None => {
                    return Err(WireError::HttpTruncated {
                        received: self.received,
                    }
                    .into());
                }
            }
        }
        if self.rest.is_empty()
            && let Some(failure) = &mut self.failure
        {
            // A reader that asks again is told again: this is never the end of a whole body.
            let received = self.received;
            let again = WireError::HttpTruncated { received };
            return Err(std::mem::replace(failure, again).into());
        }
        let count = self.rest.len().min(buffer.len());
        if let Some(place) = buffer.get_mut(..count) {
            self.rest.copy_to_slice(place);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut reader: PipeReader) -> Result<Vec<u8>, WireError> {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map_err(WireError::from_io)?;
        Ok(all)
    }

    #[test]
    fn data_arrives_whole_or_is_known_to_be_cut() {
        let write = |finish: bool| {
            let (writer, reader) = pipe(Bytes::new());
            let thread = std::thread::spawn(move || read_all(reader));
            actix_web::rt::System::new().block_on(async move {
                for _ in 0..100 {
                    writer.send(Bytes::from_static(b"abc")).await.unwrap();
                }
                if finish {
                    writer.finish().await;
                }
            });
            thread.join().unwrap()
        };
        assert_eq!(write(true).unwrap(), b"abc".repeat(100));
        assert_eq!(write(false).unwrap_err().code(), "IMP-HTTP-TRUNCATED");
    }

    #[test]
    fn a_body_that_was_cut_never_ends_well() {
        let stalled = WireError::HttpStalled { received: 3 };
        let mut reader = PipeReader::cut(Bytes::from_static(b"abc"), stalled);
        let mut all = Vec::new();
        let first = reader.read_to_end(&mut all).map_err(WireError::from_io);
        assert_eq!(first.unwrap_err().code(), "IMP-HTTP-STALLED");
        assert_eq!(all, b"abc");
        let again = reader.read(&mut [0; 8]).map_err(WireError::from_io);
        assert_eq!(again.unwrap_err().code(), "IMP-HTTP-TRUNCATED");
    }

    #[test]
    fn a_reader_that_goes_away_is_noticed() {
        let (writer, reader) = pipe(Bytes::new());
        drop(reader);
        let sent = actix_web::rt::System::new().block_on(writer.send(Bytes::from_static(b"a")));
        assert_eq!(sent, Err(ReaderGone));
    }
}

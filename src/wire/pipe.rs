//! The bounded pipe where async ends: an asynchronous writer and a blocking reader.
//!
//! A full pipe blocks the writer and therefore the sender; no other backpressure is needed. If the
//! writer is dropped without [`PipeWriter::finish`], the reader reports a truncated body instead of
//! an end of file.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::wire::error::WireError;

/// The number of chunks that the pipe holds.
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
    /// `None` once the body has ended and only `rest` remains.
    pieces: Option<mpsc::Receiver<Piece>>,
    rest: Bytes,
    received: u64,
    /// Why the body ends after `rest`, if it is incomplete.
    failure: Option<WireError>,
}

/// The reader was dropped and needs no more data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderGone;

/// Creates a pipe for a body that begins with the bytes received so far.
pub fn pipe(received: Bytes) -> (PipeWriter, PipeReader) {
    let (sender, pieces) = mpsc::channel(CHUNKS);
    let reader = PipeReader {
        pieces: Some(pieces),
        ..PipeReader::complete(received)
    };
    (PipeWriter(sender), reader)
}

impl PipeReader {
    /// A complete body; reading never waits.
    pub fn complete(body: Bytes) -> Self {
        PipeReader {
            pieces: None,
            received: body.len() as u64,
            rest: body,
            failure: None,
        }
    }

    /// A body that ends after `received` because of `failure`.
    pub fn truncated(received: Bytes, failure: WireError) -> Self {
        PipeReader {
            failure: Some(failure),
            ..PipeReader::complete(received)
        }
    }
}

impl PipeWriter {
    /// Sends `data`, waiting while the pipe is full.
    ///
    /// # Errors
    /// The reader was dropped.
    pub async fn send(&self, data: Bytes) -> Result<(), ReaderGone> {
        self.0.send(Piece::Data(data)).await.map_err(|_| ReaderGone)
    }

    /// Marks the body as complete.
    pub async fn finish(self) {
        // A dropped reader needs no end mark.
        let _ = self.0.send(Piece::End).await;
    }

    /// Marks the body as incomplete and gives the reason.
    pub async fn fail(self, error: WireError) {
        // A dropped reader needs no reason.
        let _ = self.0.send(Piece::Failure(error)).await;
    }

    /// Waits until the reader is dropped.
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
            // Every further read fails too: an incomplete body never looks like a complete one.
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
    fn data_arrives_complete_or_is_reported_as_truncated() {
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
    fn reading_a_truncated_body_always_ends_with_an_error() {
        let stalled = WireError::HttpStalled { received: 3 };
        let mut reader = PipeReader::truncated(Bytes::from_static(b"abc"), stalled);
        let mut all = Vec::new();
        let first = reader.read_to_end(&mut all).map_err(WireError::from_io);
        assert_eq!(first.unwrap_err().code(), "IMP-HTTP-STALLED");
        assert_eq!(all, b"abc");
        let again = reader.read(&mut [0; 8]).map_err(WireError::from_io);
        assert_eq!(again.unwrap_err().code(), "IMP-HTTP-TRUNCATED");
    }

    #[test]
    fn writer_notices_a_dropped_reader() {
        let (writer, reader) = pipe(Bytes::new());
        drop(reader);
        let sent = actix_web::rt::System::new().block_on(writer.send(Bytes::from_static(b"a")));
        assert_eq!(sent, Err(ReaderGone));
    }
}

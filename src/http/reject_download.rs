//! The reject file of an import, sent while it is written: `text/csv` (RFC 4180) as an attachment.
//!
//! If the file could not be written to its end, the response ends without the last chunk, so that a truncated
//! file is not mistaken for a complete one. The field `Muster-Rejects` has the number of rejected rows and
//! how many of them are in the file.

use std::io::{self, BufWriter, Write};

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::app::App;
use crate::http::blocking;
use crate::import::reject_file;
use crate::users::import_record::ImportRecord;

/// Bytes of one piece.
const PIECE: usize = 16 * 1024;

/// Pieces that may be buffered for a slow reader.
const PIECES: usize = 4;

/// Responds with the file.
pub fn respond(app: &web::Data<App>, record: ImportRecord) -> HttpResponse {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let name = format!("rejects-{}.csv", record.id);
    let counts = record.rejected.dictionary();
    let app = app.clone();
    // The thread is not awaited: it ends with the file, or when the client disconnects.
    drop(blocking::run(move || {
        let mut out = BufWriter::with_capacity(PIECE, Pieces(sender));
        let written = reject_file::write(app.store.as_ref(), &record, &mut out)
            .map_err(io::Error::other)
            .and_then(|_| out.flush());
        let (pieces, _) = out.into_parts();
        if let Err(error) = written {
            tracing::warn!(%error, import = %record.id, "a reject file was not sent completely");
            // Sending fails if the client has disconnected, which needs no report.
            let _ = pieces.0.blocking_send(Err(error));
        }
    }));
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header(("Muster-Rejects", counts))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(stream::poll_fn(move |context| pieces.poll_recv(context)))
}

/// The blocking end of the channel to the response.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        match self.0.blocking_send(Ok(piece)) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

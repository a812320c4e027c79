//! Compressed request bodies (RFC 9110 §8.4.1): gzip, and deflate as zlib or raw, as clients send it.
//!
//! A gzip body that does not say so is recognised by its first bytes. The end of the compressed data
//! is not the end of the message: what stands behind it is read too, so that a body shorter than
//! announced is noticed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::wire::error::WireError;
use crate::wire::limit::Limited;
use crate::wire::peek::peek;

/// The body in the clear: at most `limit` bytes of it, whatever it says of its encoding.
///
/// # Errors
/// The encoding is none of identity, gzip and deflate, or the first bytes could not be read.
pub fn decode<'r>(
    encoding: Option<&str>,
    body: impl Read + 'r,
    limit: u64,
) -> Result<Box<dyn Read + 'r>, WireError> {
    let (start, body) = peek(body, 2).map_err(WireError::from_io)?;
    let encoding = encoding.unwrap_or_default().trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" if start == b"\x1f\x8b" => {
            Ok(limited(MultiGzDecoder::new(buffered(body)), limit))
        }
        "" | "identity" => Ok(Box::new(Limited::new(body, limit))),
        "gzip" | "x-gzip" => Ok(limited(MultiGzDecoder::new(buffered(body)), limit)),
        // RFC 9110 means zlib; some clients send the bare deflate stream (its first byte is no CMF).
        "deflate" if is_zlib(&start) => Ok(limited(ZlibDecoder::new(buffered(body)), limit)),
        "deflate" => Ok(limited(DeflateDecoder::new(buffered(body)), limit)),
        _ => Err(WireError::ContentEncoding(encoding)),
    }
}

/// What decoders read from; whoever reads a body that is not compressed has a buffer of its own.
fn buffered<R: Read>(body: R) -> BufReader<R> {
    BufReader::with_capacity(64 * 1024, body)
}

/// RFC 1950 §2.2: compression method 8, and the two bytes a multiple of 31.
fn is_zlib(start: &[u8]) -> bool {
    matches!(start, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

fn limited<'r>(decoder: impl Decoder + 'r, limit: u64) -> Box<dyn Read + 'r> {
    Box::new(Limited::new(ToTheEnd(decoder), limit))
}

/// A decoder whose source can be read on.
trait Decoder: Read {
    fn rest(&mut self) -> &mut dyn BufRead;
}

macro_rules! decoders {
    ($($decoder:ident),*) => {$(
        impl<R: BufRead> Decoder for $decoder<R> {
            fn rest(&mut self) -> &mut dyn BufRead {
                self.get_mut()
            }
        }
    )*};
}

decoders!(MultiGzDecoder, ZlibDecoder, DeflateDecoder);

struct ToTheEnd<D>(D);

impl<D: Decoder> Read for ToTheEnd<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer).map_err(explain)?;
        if count == 0 && !buffer.is_empty() && !self.0.rest().fill_buf()?.is_empty() {
            return Err(
                WireError::Inflate("there is something behind the compressed data".into()).into(),
            );
        }
        Ok(count)
    }
}

/// The source's own errors pass; what the decoder says of the data is told as such.
fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            if error.get_ref().is_none_or(|inner| !inner.is::<WireError>()) =>
        {
            WireError::Inflate(error.to_string()).into()
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

    const TEXT: &[u8] = b"the same text, the same text, the same text";

    fn bytes(mut encoder: impl Read) -> Vec<u8> {
        let mut all = Vec::new();
        encoder.read_to_end(&mut all).unwrap();
        all
    }

    fn read(encoding: Option<&str>, body: &[u8], limit: u64) -> Result<Vec<u8>, &'static str> {
        let mut all = Vec::new();
        decode(encoding, body, limit)
            .and_then(|mut body| body.read_to_end(&mut all).map_err(WireError::from_io))
            .map_err(|error| error.code())?;
        Ok(all)
    }

    #[test]
    fn gzip_zlib_and_raw_deflate_are_inflated() {
        let gzip = bytes(GzEncoder::new(TEXT, Compression::default()));
        let zlib = bytes(ZlibEncoder::new(TEXT, Compression::default()));
        let raw = bytes(DeflateEncoder::new(TEXT, Compression::default()));
        assert_eq!(read(Some("gzip"), &gzip, 100).unwrap(), TEXT);
        assert_eq!(read(Some("X-Gzip"), &gzip, 100).unwrap(), TEXT);
        assert_eq!(
            read(None, &gzip, 100).unwrap(),
            TEXT,
            "recognised without its header"
        );
        assert_eq!(read(Some("deflate"), &zlib, 100).unwrap(), TEXT);
        assert_eq!(read(Some("deflate"), &raw, 100).unwrap(), TEXT);
        assert_eq!(read(None, TEXT, 100).unwrap(), TEXT);
    }

    #[test]
    fn cut_spoilt_unknown_and_oversized_bodies_are_errors() {
        let gzip = bytes(GzEncoder::new(TEXT, Compression::default()));
        for end in 1..gzip.len() {
            assert_eq!(
                read(Some("gzip"), &gzip[..end], 100),
                Err("IMP-INFLATE"),
                "{end}"
            );
        }
        assert_eq!(read(Some("gzip"), b"not gzip", 100), Err("IMP-INFLATE"));
        assert_eq!(read(Some("br"), TEXT, 100), Err("IMP-HTTP-ENCODING"));
        assert_eq!(read(Some("gzip"), &gzip, 10), Err("IMP-HTTP-TOO-LARGE"));
        let zlib = [
            bytes(ZlibEncoder::new(TEXT, Compression::default())),
            b"more".to_vec(),
        ]
        .concat();
        assert_eq!(read(Some("deflate"), &zlib, 100), Err("IMP-INFLATE"));
    }
}

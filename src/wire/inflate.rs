//! Compressed request bodies (RFC 9110 §8.4.1): gzip, and deflate as zlib or raw, as clients send it.
//!
//! A gzip body without a Content-Encoding is recognized by its first bytes. The end of the compressed
//! data is not the end of the message: the source is read to its end, so that a body shorter than
//! announced is noticed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::wire::error::WireError;
use crate::wire::limit::Limited;
use crate::wire::peek::peek;

/// The decompressed body, at most `limit` bytes, whatever its declared encoding.
///
/// # Errors
/// The encoding is not identity, gzip or deflate, or the first bytes could not be read.
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
        // RFC 9110 means zlib; some clients send a raw deflate stream, whose first byte is not a CMF.
        "deflate" if is_zlib(&start) => Ok(limited(ZlibDecoder::new(buffered(body)), limit)),
        "deflate" => Ok(limited(DeflateDecoder::new(buffered(body)), limit)),
        _ => Err(WireError::ContentEncoding(encoding)),
    }
}

/// The input buffer of a decoder; readers of uncompressed bodies have their own buffer.
fn buffered<R: Read>(body: R) -> BufReader<R> {
    BufReader::with_capacity(64 * 1024, body)
}

/// RFC 1950 §2.2: the compression method is 8, and the first two bytes are a multiple of 31.
fn is_zlib(start: &[u8]) -> bool {
    matches!(start, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

fn limited<'r>(decoder: impl Decoder + 'r, limit: u64) -> Box<dyn Read + 'r> {
    Box::new(Limited::new(RequireEnd(decoder), limit))
}

/// A decoder that gives access to its source.
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

struct RequireEnd<D>(D);

impl<D: Decoder> Read for RequireEnd<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer).map_err(explain)?;
        if count == 0 && !buffer.is_empty() && !self.0.rest().fill_buf()?.is_empty() {
            return Err(WireError::Inflate(
                "there is data after the end of the compressed data".into(),
            )
            .into());
        }
        Ok(count)
    }
}

/// Passes on the source's own errors; the decoder's errors about the data become [`WireError::Inflate`].
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
            "recognized without Content-Encoding"
        );
        assert_eq!(read(Some("deflate"), &zlib, 100).unwrap(), TEXT);
        assert_eq!(read(Some("deflate"), &raw, 100).unwrap(), TEXT);
        assert_eq!(read(None, TEXT, 100).unwrap(), TEXT);
    }

    #[test]
    fn truncated_corrupt_unknown_and_oversized_bodies_are_errors() {
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

//! A reader over a push decoder.
//!
//! Contains the trait [`Decoder`], the reader [`Decoded`], and the decoding of two hexadecimal digits,
//! which several encodings share; the encodings themselves are in `base64` and `quoted_printable`.

use std::io::{self, Read};

use crate::wiped::Wiped;
use crate::wire::error::WireError;

/// Turns encoded text, passed in pieces of any size, into bytes.
///
/// A decoder must not be used again after an error.
pub trait Decoder: Default {
    /// Decodes all complete groups and appends the result to `out`.
    ///
    /// # Errors
    /// The text is invalid; `out` may contain bytes decoded before that place.
    fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), WireError>;

    /// Decodes the pending text at the end of the input.
    ///
    /// # Errors
    /// The text ends too early.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WireError>;
}

/// A reader of the decoded bytes of a text source.
pub struct Decoded<R, D> {
    source: R,
    decoder: D,
    text: Wiped,
    bytes: Wiped,
    /// The number of `bytes` already returned.
    taken: usize,
    state: DecoderState,
}

#[derive(Debug, Clone, Copy)]
enum DecoderState {
    Reading,
    Ended,
    Failed,
}

impl<R: Read, D: Decoder> Decoded<R, D> {
    /// A reader of the decoded content of `source`.
    pub fn new(source: R) -> Self {
        const FETCH: usize = 16 * 1024;
        Decoded {
            source,
            decoder: D::default(),
            text: vec![0; FETCH].into(),
            bytes: Wiped::default(),
            taken: 0,
            state: DecoderState::Reading,
        }
    }

    /// Reads and decodes the next piece of the source.
    fn decode_next(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.taken = 0;
        let count = self.source.read(&mut self.text)?;
        let text = self.text.get(..count).unwrap_or_default();
        let decoded = if text.is_empty() {
            self.state = DecoderState::Ended;
            self.decoder.finish(&mut self.bytes)
        } else {
            self.decoder.push(text, &mut self.bytes)
        };
        if decoded.is_err() {
            self.bytes.clear();
            self.state = DecoderState::Failed;
        }
        Ok(decoded?)
    }
}

impl<R: Read, D: Decoder> Read for Decoded<R, D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.bytes.get(self.taken..).unwrap_or_default();
            match self.state {
                DecoderState::Failed => {
                    return Err(io::Error::other("reading continued after a decoding error"));
                }
                DecoderState::Reading if ready.is_empty() && !into.is_empty() => {
                    self.decode_next()?
                }
                DecoderState::Reading | DecoderState::Ended => {
                    let count = ready.read(into)?;
                    self.taken += count;
                    return Ok(count);
                }
            }
        }
    }
}

/// The byte given by two hexadecimal digits of either case, as after `=` or `%`.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Treats a dash as an error and keeps dots until the end.
    #[derive(Default)]
    struct Upper(Vec<u8>);

    impl Decoder for Upper {
        fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
            for byte in text {
                match byte {
                    b'-' => return Err(WireError::Inflate("a dash".to_owned())),
                    b'.' => self.0.push(b'!'),
                    other => out.push(other.to_ascii_uppercase()),
                }
            }
            Ok(())
        }

        fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
            out.append(&mut self.0);
            Ok(())
        }
    }

    #[test]
    fn pieces_that_decode_to_nothing_do_not_end_the_reader() {
        let source = b"a".chain(&b"."[..]).chain(&b"b"[..]);
        let mut reader = Decoded::<_, Upper>::new(source);
        let mut byte = [0];
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        assert_eq!((reader.read(&mut byte).unwrap(), byte), (1, *b"A"));
        assert_eq!((reader.read(&mut byte).unwrap(), byte), (1, *b"B"));
        assert_eq!((reader.read(&mut byte).unwrap(), byte), (1, *b"!"));
        assert_eq!(reader.read(&mut byte).unwrap(), 0);
        assert_eq!(reader.read(&mut byte).unwrap(), 0);
    }

    #[test]
    fn reading_after_an_error_fails() {
        let source = b"a-".chain(&b"b"[..]);
        let mut reader = Decoded::<_, Upper>::new(source);
        let error = WireError::from_io(reader.read(&mut [0]).unwrap_err());
        assert_eq!(error.code(), "IMP-INFLATE");
        assert!(reader.read(&mut [0]).is_err());
    }

    #[test]
    fn hexadecimal_digit_pairs_are_decoded() {
        assert_eq!(hex_pair(b'3', b'D'), Some(b'='));
        assert_eq!(hex_pair(b'f', b'F'), Some(255));
        assert_eq!(hex_pair(b'+', b'1'), None);
        assert_eq!(hex_pair(0xFF, b'0'), None);
    }
}

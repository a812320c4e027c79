//! Converts text in another charset to UTF-8 while it is read. Text that cannot be decoded is an error;
//! there are no replacement characters.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

use crate::wire::error::WireError;

const PIECE: usize = 16 * 1024;

/// Reads text in one charset and returns it in UTF-8.
pub struct Transcoded<R> {
    source: R,
    decoder: Decoder,
    charset: &'static str,
    input: Vec<u8>,
    /// The unread part of the input is `input[start..end]`.
    start: usize,
    end: usize,
    output: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    /// Reads `source` in `encoding`; a byte-order mark of that encoding is dropped.
    pub fn new(source: R, encoding: &'static Encoding) -> Self {
        Transcoded {
            source,
            decoder: encoding.new_decoder_with_bom_removal(),
            charset: encoding.name(),
            input: vec![0; PIECE],
            start: 0,
            end: 0,
            output: Vec::new(),
            given: 0,
            ended: false,
        }
    }

    fn decode_more(&mut self) -> io::Result<()> {
        if self.start == self.end {
            let read = self.source.read(&mut self.input)?;
            (self.start, self.end) = (0, read);
        }
        let last = self.start == self.end;
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        // One input byte becomes at most three bytes of UTF-8 in every supported charset.
        self.output.resize(PIECE * 3 + 16, 0);
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(input, &mut self.output, last);
        self.start += read;
        self.output.truncate(written);
        self.given = 0;
        match result {
            DecoderResult::Malformed(..) => Err(WireError::Charset {
                charset: self.charset,
            }
            .into()),
            DecoderResult::InputEmpty => {
                self.ended = last;
                Ok(())
            }
            DecoderResult::OutputFull => Ok(()),
        }
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() && !self.ended {
            self.decode_more()?;
        }
        let ready = self.output.get(self.given..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: &'static Encoding) -> Result<String, &'static str> {
        let mut text = String::new();
        Transcoded::new(bytes, encoding)
            .read_to_string(&mut text)
            .map_err(|error| WireError::from_io(error).code())?;
        Ok(text)
    }

    #[test]
    fn text_is_converted_to_utf_8() {
        let utf16: Vec<u8> = "\u{feff}Zoë 𝄞"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(&utf16, encoding_rs::UTF_16LE).unwrap(), "Zoë 𝄞");
        assert_eq!(read(b"Zo\xeb", encoding_rs::WINDOWS_1252).unwrap(), "Zoë");
        let long = b"\xeb".repeat(100_000);
        assert_eq!(
            read(&long, encoding_rs::WINDOWS_1252).unwrap(),
            "ë".repeat(100_000)
        );
    }

    #[test]
    fn undecodable_text_is_an_error() {
        assert_eq!(
            read(b"a\0b", encoding_rs::UTF_16LE),
            Err("IMP-CHARSET"),
            "half a character"
        );
        assert_eq!(
            read(b"\0\xd8a\0", encoding_rs::UTF_16LE),
            Err("IMP-CHARSET"),
            "half a surrogate pair"
        );
    }
}

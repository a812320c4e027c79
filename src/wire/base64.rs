//! Base64, as an inline file in the envelope or as the transfer encoding of a part.
//!
//! Contains [`Base64Push`], which decodes text in pieces, for instance for the reader of an XML
//! element, and [`Base64Reader`] over it. The `base64` crate decodes the alphabet; this module adds
//! streaming, white space and the offset of an error.
//!
//! Follows RFC 4648 §4 and, for white space, XML Schema `base64Binary` and RFC 2045 §6.8: blanks,
//! tabs and line ends may occur anywhere, even inside the padding. Everything else is strict: no
//! other character is skipped, nothing may follow the padding, and the unused bits of the last
//! character must be zero. Only completely missing padding is accepted. Incomplete padding and a
//! single remaining character are errors, so a truncated text is refused wherever the text itself
//! shows the truncation.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::{DecodeError, Engine};
use memchr::{memchr, memchr3_iter};

use crate::wire::decoder::{Decoded, Decoder};
use crate::wire::error::WireError;

/// A reader of decoded base64 text.
pub type Base64Reader<R> = Decoded<R, Base64Push>;

/// A base64 decoder that takes its text in pieces.
#[derive(Default)]
pub struct Base64Push {
    /// The number of bytes of text decoded so far, white space included.
    offset: u64,
    /// The characters of an incomplete group of four, each with its offset.
    group: Vec<(u64, u8)>,
    /// The padding has been seen: only white space may follow.
    padded: bool,
    /// A buffer for text without its white space.
    symbols: Vec<u8>,
}

impl Decoder for Base64Push {
    fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        const BLOCK: usize = 4096;
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            // From the padding on, characters are decoded one at a time.
            if self.padded || !self.group.is_empty() || first == b'=' {
                self.push_one(first, out)?;
                rest = after;
            } else {
                let block = rest.get(..BLOCK).unwrap_or(rest);
                let plain = memchr(b'=', block).unwrap_or(block.len());
                let (block, after) = rest.split_at(plain);
                self.push_block(block, out)?;
                rest = after;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let symbols: Vec<u8> = self.group.iter().map(|(_, symbol)| *symbol).collect();
        let offset = |index: usize| self.group.get(index).map_or(self.offset, |(at, _)| *at);
        if symbols.contains(&b'=') {
            let what = "the padding is incomplete";
            let offset = self.offset;
            return Err(WireError::Base64 { offset, what });
        }
        decode(&STANDARD_NO_PAD, &symbols, out).map_err(|(index, what)| WireError::Base64 {
            offset: offset(index),
            what,
        })?;
        self.group.clear();
        Ok(())
    }
}

impl Base64Push {
    /// Decodes one character, to complete a group or to check that nothing follows the padding.
    fn push_one(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), WireError> {
        let offset = self.offset;
        self.offset += 1;
        if is_space(byte) {
            return Ok(());
        }
        if self.padded {
            let what = "there is text after the padding";
            return Err(WireError::Base64 { offset, what });
        }
        self.group.push((offset, byte));
        if self.group.len() < 4 {
            return Ok(());
        }
        let symbols: Vec<u8> = self.group.iter().map(|(_, symbol)| *symbol).collect();
        decode(&STANDARD, &symbols, out).map_err(|(index, what)| WireError::Base64 {
            offset: self.group.get(index).map_or(offset, |(at, _)| *at),
            what,
        })?;
        self.group.clear();
        self.padded = byte == b'=';
        Ok(())
    }

    /// Decodes a block without padding at the start of a group; an incomplete last group is kept.
    fn push_block(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        // A loop without an early exit lets the compiler vectorize it.
        let spaced = block.iter().fold(false, |any, byte| any | (*byte <= b' '));
        let symbols = if spaced {
            self.symbols.clear();
            let mut start = 0;
            for end in memchr3_iter(b'\r', b'\n', b' ', block).chain([block.len()]) {
                self.symbols
                    .extend_from_slice(block.get(start..end).unwrap_or_default());
                start = end + 1;
            }
            if memchr(b'\t', &self.symbols).is_some() {
                self.symbols.retain(|symbol| *symbol != b'\t');
            }
            &self.symbols
        } else {
            block
        };
        let (groups, begun) = symbols.split_at(symbols.len() / 4 * 4);

        let start = self.offset;
        let mut places = (start..).zip(block).filter(|(_, byte)| !is_space(**byte));
        decode(&STANDARD, groups, out).map_err(|(index, what)| WireError::Base64 {
            offset: places.nth(index).map_or(start, |(offset, _)| offset),
            what,
        })?;

        self.offset += block.len() as u64;
        let backwards = block.iter().rev().zip(1u64..);
        let kept = backwards
            .filter(|(byte, _)| !is_space(**byte))
            .take(begun.len())
            .map(|(byte, back)| (self.offset - back, *byte));
        self.group.extend(kept);
        self.group.reverse();
        Ok(())
    }
}

/// The error for a character that is common in CSV files and not in base64: the file may have been sent unencoded.
pub const PLAIN_TEXT_CHARACTER: &str =
    "the character is common in plain text and not in the base64 alphabet";

/// The error for a character of base64url (RFC 4648 §5), which is also common in plain text.
pub const BASE64URL_CHARACTER: &str =
    "the character is in the base64url alphabet and not in the base64 alphabet";

/// Appends the decoded symbols; an error gives the index of the symbol.
fn decode(
    engine: &impl Engine,
    symbols: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), (usize, &'static str)> {
    let before = out.len();
    engine.decode_vec(symbols, out).map_err(|error| {
        out.truncate(before);
        match error {
            DecodeError::InvalidByte(index, b'=') => (index, "there is padding in the wrong place"),
            DecodeError::InvalidByte(
                index,
                b',' | b';' | b'|' | b'@' | b'"' | b'\'' | b'.' | b':',
            ) => (index, PLAIN_TEXT_CHARACTER),
            DecodeError::InvalidByte(index, b'-' | b'_') => (index, BASE64URL_CHARACTER),
            DecodeError::InvalidByte(index, _) => {
                (index, "the character is not in the base64 alphabet")
            }
            DecodeError::InvalidLastSymbol { offset, .. } => {
                (offset, "the unused bits of the last character are not zero")
            }
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => (
                symbols.len().saturating_sub(1),
                "the last group of characters is incomplete",
            ),
        }
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn in_pieces(text: &[u8], piece: usize) -> Result<Vec<u8>, (u64, &'static str)> {
        let mut decoder = Base64Push::default();
        let mut out = Vec::new();
        let mut pieces = text.chunks(piece);
        let pushed = pieces.try_for_each(|piece| decoder.push(piece, &mut out));
        match pushed.and_then(|()| decoder.finish(&mut out)) {
            Ok(()) => Ok(out),
            Err(WireError::Base64 { offset, what }) => Err((offset, what)),
            Err(other) => panic!("{other}"),
        }
    }

    /// Decodes the text in pieces of several sizes; the results must be equal.
    fn decoded(text: &str) -> Result<String, (u64, &'static str)> {
        let whole = in_pieces(text.as_bytes(), usize::MAX);
        for piece in [1, 2, 3, 4, 5, 7] {
            assert_eq!(in_pieces(text.as_bytes(), piece), whole, "{text:?}");
        }
        whole.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn refused_at(text: &str) -> u64 {
        decoded(text).unwrap_err().0
    }

    #[test]
    fn rfc_4648_test_vectors_are_decoded() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decoded(text).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn white_space_may_occur_anywhere() {
        for text in [
            "Zm9vYg==\n",
            "\r\n  Zm9v\r\n\tYg==\r\n",
            "Z m\t9\rv\nY g = =",
            "Zm9vY\ng=\n=",
            "Zm9vYg=\t=\r\n\r\n",
        ] {
            assert_eq!(decoded(text).as_deref(), Ok("foob"), "{text:?}");
        }
        assert_eq!(decoded(" \r\n\t").as_deref(), Ok(""));
    }

    #[test]
    fn padding_may_be_missing_but_not_incomplete() {
        assert_eq!(decoded("Zg").as_deref(), Ok("f"));
        assert_eq!(decoded("Zm8\n").as_deref(), Ok("fo"));
        assert_eq!(decoded("Zg="), Err((3, "the padding is incomplete")));
        assert_eq!(decoded("Zm9vZg=\n"), Err((8, "the padding is incomplete")));
        assert_eq!(refused_at("Zm9vY"), 4);
        assert_eq!(refused_at("Zm9v Y "), 5);
        assert_eq!(refused_at("Zh"), 1);
        assert_eq!(refused_at("Zh=="), 1);
        assert_eq!(refused_at("Zm9"), 2);
    }

    #[test]
    fn text_after_the_padding_is_refused() {
        let trailing = "there is text after the padding";
        assert_eq!(decoded("Zg== Zg=="), Err((5, trailing)));
        assert_eq!(decoded("Zm8= ="), Err((5, trailing)));
        assert_eq!(decoded("Zm9vZm8=\r\n."), Err((10, trailing)));
    }

    #[test]
    fn other_characters_are_refused_with_their_offset() {
        let alphabet = "the character is not in the base64 alphabet";
        assert_eq!(decoded("Zm9v!g=="), Err((4, alphabet)));
        assert_eq!(decoded("kim,Zm9v"), Err((3, PLAIN_TEXT_CHARACTER)));
        assert_eq!(decoded("Zm9v|g=="), Err((4, PLAIN_TEXT_CHARACTER)));
        for sign in ["-", "_"] {
            assert_eq!(
                decoded(&format!("Zm{sign}v")),
                Err((2, BASE64URL_CHARACTER))
            );
        }
        assert_eq!(decoded(" Zm9v\r\n Zm9v Zm\u{0}9"), Err((15, alphabet)));
        assert_eq!(refused_at("Zm9vY\u{c}g=="), 5);
        assert_eq!(refused_at("Zm-_"), 2);
        assert_eq!(refused_at("Zm9v\u{fc}g=="), 4);
        assert_eq!(refused_at("cid:133299223356"), 3);
        assert_eq!(refused_at("===="), 0);
        assert_eq!(refused_at("Z==="), 1);
    }

    #[test]
    fn long_text_is_decoded_with_and_without_line_ends() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| (n * 7 / 3) as u8).collect();
        let text = STANDARD.encode(&bytes);
        let lines = |width: usize, end: &str| {
            let lines = text.as_bytes().chunks(width);
            let lines = lines.map(|line| str::from_utf8(line).unwrap());
            lines.collect::<Vec<_>>().join(end)
        };
        for text in [&text, &lines(76, "\r\n"), &lines(60, "\n"), &lines(1, " ")] {
            for piece in [1, 1000, 4097, usize::MAX] {
                assert_eq!(in_pieces(text.as_bytes(), piece).as_ref(), Ok(&bytes));
            }
        }
        let mut wrong = lines(61, "\r\n").into_bytes();
        wrong[50_001] = b'*';
        for piece in [1000, 4097, usize::MAX] {
            assert_eq!(in_pieces(&wrong, piece).unwrap_err().0, 50_001);
        }
    }

    #[test]
    fn reader_returns_the_bytes_before_the_error() {
        let mut content = String::new();
        let mut reader = Base64Reader::new(&b"Zm9v\r\nYmFy"[..]);
        reader.read_to_string(&mut content).unwrap();
        assert_eq!(content, "foobar");
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);

        let source = b"Zm9v".chain(&b"Y"[..]);
        let mut reader = Base64Reader::new(source);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(WireError::from_io(error).code(), "IMP-BASE64");
        assert!(reader.read(&mut [0; 4]).is_err());
    }
}

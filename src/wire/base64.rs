//! Base64, as an inline file in the envelope or as the encoding of a part.
//!
//! Owns [`Base64Push`], which is given text in pieces, for instance by the reader of an XML element,
//! and [`Base64Reader`] over it. The alphabet itself is the `base64` crate's; here are the stream,
//! the white space and the place of an error.
//!
//! Follows RFC 4648 §4 and, for white space, XML Schema `base64Binary` and RFC 2045 §6.8: blanks,
//! tabs and line ends may stand anywhere, also inside the padding. Everything else is strict. No
//! other character is passed over, nothing follows the padding, and the bits that the last character
//! has to spare are zero. One thing is forgiven: the padding may be absent altogether. Half a
//! padding is not, nor is a single character left over, so a cut-off text is refused wherever the
//! text itself can show the cut.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::{DecodeError, Engine};
use memchr::{memchr, memchr3_iter};

use crate::wire::decoder::{Decoded, Decoder};
use crate::wire::error::WireError;

/// A reader of the bytes that a source of base64 text stands for.
pub type Base64Reader<R> = Decoded<R, Base64Push>;

/// A base64 decoder that is given its text in pieces.
#[derive(Default)]
pub struct Base64Push {
    /// How much text has been given, white space included.
    offset: u64,
    /// The characters of a group of four that is not complete, each with its offset.
    group: Vec<(u64, u8)>,
    /// The padding has been seen: only white space may follow.
    padded: bool,
    /// Room for text without its white space.
    symbols: Vec<u8>,
}

impl Decoder for Base64Push {
    fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        const BLOCK: usize = 4096;
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            // From the padding on, every character is looked at by itself.
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
    /// Takes one character, to complete a group or to see that nothing follows the padding.
    fn push_one(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), WireError> {
        let offset = self.offset;
        self.offset += 1;
        if is_space(byte) {
            return Ok(());
        }
        if self.padded {
            let what = "there is text behind the padding";
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

    /// Takes a block without padding where a group begins; what does not fill one is kept for later.
    fn push_block(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        // Looking at every byte without a way out is what lets the compiler use wide registers.
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

/// What is wrong with a sign that files of users have and base64 has not: the file itself may have been sent.
pub const SIGN_OF_TEXT: &str = "the sign is one of plain text and not in the base64 alphabet";

/// What is wrong with a sign of base64url (RFC 4648 §5), which plain text has as well.
pub const SIGN_OF_URL: &str = "the sign is one of base64url and not in the base64 alphabet";

/// Appends what the symbols stand for; an error names the symbol by its index.
fn decode(
    engine: &impl Engine,
    symbols: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), (usize, &'static str)> {
    let before = out.len();
    engine.decode_vec(symbols, out).map_err(|error| {
        out.truncate(before);
        match error {
            DecodeError::InvalidByte(index, b'=') => (index, "there is padding where none belongs"),
            DecodeError::InvalidByte(
                index,
                b',' | b';' | b'|' | b'@' | b'"' | b'\'' | b'.' | b':',
            ) => (index, SIGN_OF_TEXT),
            DecodeError::InvalidByte(index, b'-' | b'_') => (index, SIGN_OF_URL),
            DecodeError::InvalidByte(index, _) => {
                (index, "the character is not in the base64 alphabet")
            }
            DecodeError::InvalidLastSymbol { offset, .. } => (
                offset,
                "the last character is not one that an encoder writes",
            ),
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

    /// Decodes the text in pieces of several sizes, which must not make a difference.
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
    fn the_vectors_of_the_rfc() {
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
    fn white_space_may_stand_anywhere() {
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
    fn padding_may_be_absent_but_not_halved() {
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
    fn nothing_follows_the_padding() {
        let behind = "there is text behind the padding";
        assert_eq!(decoded("Zg== Zg=="), Err((5, behind)));
        assert_eq!(decoded("Zm8= ="), Err((5, behind)));
        assert_eq!(decoded("Zm9vZm8=\r\n."), Err((10, behind)));
    }

    #[test]
    fn other_characters_are_refused_with_their_place() {
        let alphabet = "the character is not in the base64 alphabet";
        assert_eq!(decoded("Zm9v!g=="), Err((4, alphabet)));
        assert_eq!(decoded("kim,Zm9v"), Err((3, SIGN_OF_TEXT)));
        assert_eq!(decoded("Zm9v|g=="), Err((4, SIGN_OF_TEXT)));
        for sign in ["-", "_"] {
            assert_eq!(decoded(&format!("Zm{sign}v")), Err((2, SIGN_OF_URL)));
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
    fn a_long_text_in_lines_and_in_one() {
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
    fn the_reader_gives_the_bytes_and_then_the_error() {
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

//! Quoted-printable, which some clients use for every text attachment.
//!
//! Contains [`QuotedPrintablePush`], which decodes text in pieces, and [`QuotedPrintableReader`] over
//! it.
//!
//! Follows RFC 2045 §6.7: white space at the end of a line is dropped, and an equals sign at the end
//! of a line joins it to the next. A line ends with CRLF or a line feed. More is accepted than the
//! RFC allows: hexadecimal digits may be in lower case, bytes that should have been escaped are
//! literal, and the last line may end with an equals sign, because its line end belongs to the
//! delimiter of the part. An equals sign followed by anything else is an error, because the text is
//! then not quoted-printable.

use crate::wire::decoder::{Decoded, Decoder, hex_pair};
use crate::wire::error::WireError;

/// A reader of decoded quoted-printable text.
pub type QuotedPrintableReader<R> = Decoded<R, QuotedPrintablePush>;

/// A quoted-printable decoder that takes its text in pieces.
#[derive(Default)]
pub struct QuotedPrintablePush {
    state: LineState,
    /// The number of bytes of text decoded so far.
    offset: u64,
    /// White space that is dropped if the line ends after it.
    blanks: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum LineState {
    #[default]
    Text,
    /// After white space that is held back.
    Blanks,
    /// After such white space and a carriage return.
    BlanksReturn,
    /// After an equals sign.
    Equals,
    /// After an equals sign and white space.
    EqualsBlanks,
    /// After an equals sign and a carriage return.
    EqualsReturn,
    /// After an equals sign and one digit.
    Digit(u8),
}

impl Decoder for QuotedPrintablePush {
    fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        let mut rest = text;
        while !rest.is_empty() {
            if let LineState::Text = self.state {
                let plain = rest
                    .iter()
                    .position(|byte| matches!(byte, b'=' | b' ' | b'\t'));
                let (plain, special) = rest.split_at(plain.unwrap_or(rest.len()));
                out.extend_from_slice(plain);
                self.offset += plain.len() as u64;
                rest = special;
            }
            if let Some((&byte, after)) = rest.split_first() {
                self.push_one(byte, out)?;
                self.offset += 1;
                rest = after;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self.state {
            LineState::Digit(_) => {
                return Err(self.refuse("the second hexadecimal digit is missing"));
            }
            LineState::BlanksReturn => out.push(b'\r'),
            LineState::Text
            | LineState::Blanks
            | LineState::Equals
            | LineState::EqualsBlanks
            | LineState::EqualsReturn => {}
        }
        self.blanks.clear();
        self.state = LineState::Text;
        Ok(())
    }
}

impl QuotedPrintablePush {
    fn push_one(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), WireError> {
        const MAX_BLANKS: usize = 1024;
        self.state = match (self.state, byte) {
            (LineState::Text | LineState::Blanks, b' ' | b'\t') => {
                if self.blanks.len() == MAX_BLANKS {
                    return Err(self.refuse("there are too many blanks in a row"));
                }
                self.blanks.push(byte);
                LineState::Blanks
            }
            (LineState::Blanks, b'\r') => LineState::BlanksReturn,
            (LineState::Blanks, b'\n') => {
                self.blanks.clear();
                out.push(b'\n');
                LineState::Text
            }
            (LineState::BlanksReturn, b'\n') => {
                self.blanks.clear();
                out.extend_from_slice(b"\r\n");
                LineState::Text
            }
            (LineState::BlanksReturn, _) => {
                out.append(&mut self.blanks);
                out.push(b'\r');
                self.state = LineState::Text;
                return self.push_one(byte, out);
            }
            (LineState::Text | LineState::Blanks, other) => {
                out.append(&mut self.blanks);
                if other == b'=' {
                    LineState::Equals
                } else {
                    out.push(other);
                    LineState::Text
                }
            }
            (LineState::Equals | LineState::EqualsBlanks | LineState::EqualsReturn, b'\n') => {
                LineState::Text
            }
            (LineState::Equals | LineState::EqualsBlanks, b'\r') => LineState::EqualsReturn,
            (LineState::Equals | LineState::EqualsBlanks, b' ' | b'\t') => LineState::EqualsBlanks,
            (LineState::Equals, digit) if digit.is_ascii_hexdigit() => LineState::Digit(digit),
            (LineState::Digit(high), low) => match hex_pair(high, low) {
                Some(byte) => {
                    out.push(byte);
                    LineState::Text
                }
                None => return Err(self.refuse("two hexadecimal digits are expected here")),
            },
            (LineState::Equals | LineState::EqualsBlanks | LineState::EqualsReturn, _) => {
                let what = "an equals sign is not followed by two digits or a line end";
                return Err(self.refuse(what));
            }
        };
        Ok(())
    }

    fn refuse(&self, what: &'static str) -> WireError {
        WireError::QuotedPrintable {
            offset: self.offset,
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Decodes the text in pieces of several sizes; the results must be equal.
    fn decoded(text: &[u8]) -> Result<Vec<u8>, u64> {
        let in_pieces = |piece| {
            let mut decoder = QuotedPrintablePush::default();
            let mut out = Vec::new();
            let mut pieces = text.chunks(piece);
            let pushed = pieces.try_for_each(|piece| decoder.push(piece, &mut out));
            match pushed.and_then(|()| decoder.finish(&mut out)) {
                Ok(()) => Ok(out),
                Err(WireError::QuotedPrintable { offset, .. }) => Err(offset),
                Err(other) => panic!("{other}"),
            }
        };
        let whole = in_pieces(usize::MAX);
        for piece in [1, 2, 3] {
            assert_eq!(in_pieces(piece), whole);
        }
        whole
    }

    #[test]
    fn text_is_decoded() {
        for (text, bytes) in [
            (&b""[..], &b""[..]),
            (b"plain, text\r\n", b"plain, text\r\n"),
            (b"a=3Db", b"a=b"),
            (b"m=C3=BCller,=c3=bc", "müller,ü".as_bytes()),
            (b"long=\r\n line", b"long line"),
            (b"long=\nline", b"longline"),
            (b"long= \t\r\nline", b"longline"),
            (b"a  \r\nb\t\nc \t", b"a\r\nb\nc"),
            (b"a  b \rc", b"a  b \rc"),
            (b"a \r\r\nb", b"a \r\r\nb"),
            (b"a \r", b"a\r"),
            (b"a =3D", b"a ="),
            (b"a=20\r\n", b"a \r\n"),
            (b"=0D=0A", b"\r\n"),
            (b"raw \xFC and \x00", b"raw \xFC and \x00"),
            (b"end=", b"end"),
            (b"end=\r", b"end"),
        ] {
            assert_eq!(
                decoded(text).as_deref(),
                Ok(bytes),
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn errors_have_their_offset() {
        assert_eq!(decoded(b"a=b,c"), Err(3));
        assert_eq!(decoded(b"a=zz"), Err(2));
        assert_eq!(decoded(b"a==3D"), Err(2));
        assert_eq!(decoded(b"a=\rb"), Err(3));
        assert_eq!(decoded(b"a= b"), Err(3));
        assert_eq!(decoded(b"a=C"), Err(3));
        assert_eq!(decoded(" ".repeat(1024).as_bytes()), Ok(Vec::new()));
        assert_eq!(decoded(" ".repeat(1025).as_bytes()), Err(1024));
    }

    #[test]
    fn reader_decodes_and_passes_errors_on() {
        let mut content = String::new();
        let mut reader = QuotedPrintableReader::new(&b"a=3Db=\r\nc"[..]);
        reader.read_to_string(&mut content).unwrap();
        assert_eq!(content, "a=bc");
        let mut reader = QuotedPrintableReader::new(&b"a=!"[..]);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(WireError::from_io(error).code(), "IMP-QUOTED-PRINTABLE");
    }
}

//! Quoted-printable, which some clients make of any text attachment.
//!
//! Owns [`QuotedPrintablePush`], which is given text in pieces, and [`QuotedPrintableReader`] over
//! it.
//!
//! Follows RFC 2045 §6.7: white space at the end of a line is dropped, an equals sign at the end of a
//! line joins it to the next, with CRLF or a line feed alone for the line end. Beyond the letter,
//! hexadecimal digits may be small, bytes that ought to have been escaped stand for themselves, and
//! the last line may end with an equals sign, its line end having gone to the delimiter of the part.
//! An equals sign followed by anything else is an error, because it shows that the text was not
//! quoted-printable at all.

use crate::wire::decoder::{Decoded, Decoder, hex_pair};
use crate::wire::error::WireError;

/// A reader of the bytes that a source of quoted-printable text stands for.
pub type QuotedPrintableReader<R> = Decoded<R, QuotedPrintablePush>;

/// A quoted-printable decoder that is given its text in pieces.
#[derive(Default)]
pub struct QuotedPrintablePush {
    state: LineState,
    /// How much text has been given.
    offset: u64,
    /// White space that is dropped if the line ends behind it.
    blanks: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum LineState {
    #[default]
    Text,
    /// Behind white space that is kept back.
    Blanks,
    /// Behind such white space and a carriage return.
    BlanksReturn,
    /// Behind an equals sign.
    Equals,
    /// Behind an equals sign and white space.
    EqualsBlanks,
    /// Behind an equals sign and a carriage return.
    EqualsReturn,
    /// Behind an equals sign and one digit.
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
            LineState::Digit(_) => return Err(self.refuse("one digit of two is missing")),
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
        const MOST_BLANKS: usize = 1024;
        self.state = match (self.state, byte) {
            (LineState::Text | LineState::Blanks, b' ' | b'\t') => {
                if self.blanks.len() == MOST_BLANKS {
                    return Err(self.refuse("there is too much white space in one place"));
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
                None => return Err(self.refuse("two hexadecimal digits belong here")),
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

    /// Decodes the text in pieces of several sizes, which must not make a difference.
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
    fn what_is_decoded() {
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
    fn what_is_refused_and_where() {
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
    fn the_reader() {
        let mut content = String::new();
        let mut reader = QuotedPrintableReader::new(&b"a=3Db=\r\nc"[..]);
        reader.read_to_string(&mut content).unwrap();
        assert_eq!(content, "a=bc");
        let mut reader = QuotedPrintableReader::new(&b"a=!"[..]);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(WireError::from_io(error).code(), "IMP-QUOTED-PRINTABLE");
    }
}

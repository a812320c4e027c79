//! Reads a part of a package as UTF-8. Nearly every part is UTF-8; UTF-16, which ECMA-376 part 2 §6.2.5 also
//! allows, and charsets named in the XML declaration are decoded while reading.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The number of bytes in which the XML declaration is searched.
const DECLARATION: usize = 256;

/// Reads a part and returns UTF-8.
pub(super) struct Utf8Part<R> {
    source: R,
    /// Read from the source and not returned yet, from `start`.
    held: Vec<u8>,
    start: usize,
    decoding: Option<Decoding>,
    is_new: bool,
}

struct Decoding {
    decoder: Decoder,
    /// Decoded and not returned yet, from `given`.
    output: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf8Part<R> {
    /// Creates a reader; nothing is read before the first call of `read`.
    pub(super) fn new(source: R) -> Self {
        Utf8Part {
            source,
            held: Vec::new(),
            start: 0,
            decoding: None,
            is_new: true,
        }
    }

    fn look(&mut self) -> io::Result<()> {
        self.is_new = false;
        let beginning = self.source.by_ref().take(DECLARATION as u64);
        { beginning }.read_to_end(&mut self.held)?;
        let Some(encoding) = encoding(&self.held) else {
            return Ok(());
        };
        self.decoding = Some(Decoding {
            decoder: encoding.new_decoder_with_bom_removal(),
            output: Vec::new(),
            given: 0,
            ended: false,
        });
        Ok(())
    }

    fn give_held(&mut self, buffer: &mut [u8]) -> usize {
        let held = self.held.get(self.start..).unwrap_or_default();
        let count = held.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), held.get(..count)) {
            to.copy_from_slice(from);
        }
        self.start += count;
        count
    }

    fn decode(&mut self) -> io::Result<()> {
        const PIECE: usize = 16 * 1024;
        if self.start >= self.held.len() {
            self.held.resize(PIECE, 0);
            let count = self.source.read(&mut self.held)?;
            self.held.truncate(count);
            self.start = 0;
        }
        let Some(decoding) = &mut self.decoding else {
            return Ok(());
        };
        decoding.ended = self.held.is_empty();
        // One byte becomes at most three bytes of UTF-8.
        decoding.output.resize(self.held.len() * 3 + 16, 0);
        let input = self.held.get(self.start..).unwrap_or_default();
        let (result, read, written, _) =
            decoding
                .decoder
                .decode_to_utf8(input, &mut decoding.output, decoding.ended);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        decoding.output.truncate(written);
        decoding.given = 0;
        self.start += read;
        Ok(())
    }
}

impl<R: Read> Read for Utf8Part<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_new {
            self.look()?;
        }
        if self.decoding.is_none() {
            return match self.start < self.held.len() {
                true => Ok(self.give_held(buffer)),
                false => self.source.read(buffer),
            };
        }
        loop {
            let Some(decoding) = &mut self.decoding else {
                return Ok(0);
            };
            let rest = decoding.output.get(decoding.given..).unwrap_or_default();
            if rest.is_empty() && !decoding.ended {
                self.decode()?;
                continue;
            }
            let count = rest.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            decoding.given += count;
            return Ok(count);
        }
    }
}

/// The charset to decode, by the first bytes (XML 1.0 appendix F); `None` for UTF-8.
fn encoding(beginning: &[u8]) -> Option<&'static Encoding> {
    match beginning {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] | [0, b'<', ..] => Some(UTF_16BE),
        [b'<', b'?', b'x', b'm', b'l', rest @ ..] => declared(rest),
        _ => None,
    }
}

/// The charset named in an ASCII XML declaration. UTF-16 cannot be right there.
fn declared(rest: &[u8]) -> Option<&'static Encoding> {
    let end = memchr::memchr(b'>', rest)?;
    let declaration = rest.get(..end)?;
    let at = memchr::memmem::find(declaration, b"encoding")?;
    let value = declaration.get(at + 8..)?.trim_ascii_start();
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let label = value.get(..memchr::memchr(*quote, value)?)?;
    let encoding = Encoding::for_label_no_replacement(label)?;
    (encoding != UTF_8 && encoding.is_ascii_compatible()).then_some(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        let mut whole = String::new();
        Utf8Part::new(bytes).read_to_string(&mut whole).unwrap();
        // Reading single bytes must give the same result.
        let mut part = Utf8Part::new(bytes);
        let mut single = Vec::new();
        let mut byte = [0];
        while part.read(&mut byte).unwrap() == 1 {
            single.push(byte[0]);
        }
        assert_eq!(single, whole.as_bytes());
        whole
    }

    #[test]
    fn utf_16_and_declared_charsets_become_utf_8() {
        let text = format!("<a>Zoë 李雷 🐟{}</a>", " long".repeat(9_000));
        let wide = |text: &str, to: fn(u16) -> [u8; 2]| {
            text.encode_utf16().flat_map(to).collect::<Vec<u8>>()
        };
        assert_eq!(read(text.as_bytes()), text);
        assert_eq!(read(&wide(&text, u16::to_le_bytes)), text);
        assert_eq!(read(&wide(&text, u16::to_be_bytes)), text);
        let marked = format!("\u{feff}{text}");
        assert_eq!(read(&wide(&marked, u16::to_le_bytes)), text);
        assert_eq!(read(&wide(&marked, u16::to_be_bytes)), text);
        let latin = b"<?xml version='1.0' encoding = 'ISO-8859-1'?><a>Zo\xeb</a>";
        assert!(read(latin).ends_with("<a>Zoë</a>"));
        assert_eq!(read(b""), "");
        let wrong = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>Zoë</a>";
        assert_eq!(read(wrong.as_bytes()), wrong);
    }
}

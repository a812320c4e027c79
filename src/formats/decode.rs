//! Text in any charset, as UTF-8, while it is read.
//!
//! A byte-order mark decides; then the setting; then the bytes themselves. As long as they are ASCII
//! there is nothing to decide, so that the decision falls at the first byte that is none, wherever in
//! the file it is, by what stands around it. Text that is UTF-8 is passed on untouched.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::formats::detected::{Charset, CharsetFrom};

/// Bytes from the first one that is not ASCII by which the charset is decided.
pub const WINDOW: usize = 64 * 1024;

/// ASCII before them that helps with the guess: letters beside an accent.
const CONTEXT: usize = 64;

/// Bytes that are decoded at once.
const PIECE: usize = 16 * 1024;

/// What stands for a sequence that is no text in its charset. It is no UTF-8 either, so that the row
/// that it is in is told from the others.
const NOT_TEXT: u8 = 0xff;

/// Reads text in any charset and gives UTF-8.
pub struct Decoded<R> {
    source: R,
    setting: Option<&'static Encoding>,
    charset: Charset,
    state: State,
    /// Read from the source and not given yet, from `start`.
    held: Vec<u8>,
    start: usize,
    /// The last bytes that were given, while all are ASCII.
    context: Vec<u8>,
}

enum State {
    /// Nothing was read.
    New,
    /// All was ASCII.
    Ascii,
    /// What is held begins with a byte that is not.
    Undecided,
    /// All that comes is passed on.
    Utf8,
    /// All that comes is decoded.
    Other(Box<Decoding>),
}

struct Decoding {
    decoder: Decoder,
    output: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    /// Reads `source`, in the charset that is set where it has no byte-order mark.
    pub fn new(source: R, setting: Option<&'static Encoding>) -> Self {
        Decoded {
            source,
            setting,
            charset: Charset {
                name: UTF_8.name(),
                from: CharsetFrom::Utf8,
            },
            state: State::New,
            held: Vec::new(),
            start: 0,
            context: Vec::new(),
        }
    }

    /// The charset, as far as it is known by what was read.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Fills what is held up to `most` bytes, or to the end of the source.
    fn hold(&mut self, most: usize) -> io::Result<()> {
        self.held.drain(..self.start);
        self.start = 0;
        let missing = most.saturating_sub(self.held.len()) as u64;
        self.source
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.held)?;
        Ok(())
    }

    /// What is held, and then what the source has.
    fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let held = self.held.get(self.start..).unwrap_or_default();
        if held.is_empty() {
            return self.source.read(buffer);
        }
        let count = copy(held, buffer);
        self.start += count;
        Ok(count)
    }

    fn begin(&mut self) -> io::Result<()> {
        const MARKS: [(&[u8], &Encoding); 3] = [
            (b"\xef\xbb\xbf", UTF_8),
            (b"\xff\xfe", UTF_16LE),
            (b"\xfe\xff", UTF_16BE),
        ];
        self.hold(3)?;
        let mark = MARKS.iter().find(|(mark, _)| self.held.starts_with(mark));
        if let Some((mark, encoding)) = mark {
            self.start = mark.len();
            self.decide(encoding, CharsetFrom::Bom);
        } else if let Some(encoding) = self.setting {
            self.decide(encoding, CharsetFrom::Setting);
        } else {
            self.state = State::Ascii;
        }
        Ok(())
    }

    fn decide(&mut self, encoding: &'static Encoding, from: CharsetFrom) {
        self.charset = Charset {
            name: encoding.name(),
            from,
        };
        self.state = if encoding == UTF_8 {
            State::Utf8
        } else {
            State::Other(Box::new(Decoding {
                decoder: encoding.new_decoder_without_bom_handling(),
                output: Vec::new(),
                given: 0,
                ended: false,
            }))
        };
    }

    /// Passes ASCII on, up to the first byte that is none.
    fn read_ascii(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read_raw(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        let ascii = match read.is_ascii() {
            true => count,
            false => read.iter().take_while(|byte| byte.is_ascii()).count(),
        };
        let (given, kept) = read.split_at_checked(ascii).unwrap_or_default();
        if !kept.is_empty() {
            let held = self.held.get(self.start..).unwrap_or_default();
            self.held = [kept, held].concat();
            self.start = 0;
            self.state = State::Undecided;
        }
        let recent = given.len().saturating_sub(CONTEXT);
        self.context.extend(given.get(recent..).unwrap_or_default());
        let old = self.context.len().saturating_sub(CONTEXT);
        self.context.drain(..old);
        Ok(ascii)
    }

    /// UTF-8, unless more of what is not ASCII is no UTF-8 than is: then the likeliest charset.
    fn look_around(&mut self) -> io::Result<()> {
        self.hold(WINDOW)?;
        let (good, bad) = sequences(&self.held, self.held.len() < WINDOW);
        if bad <= good {
            self.decide(UTF_8, CharsetFrom::Utf8);
            return Ok(());
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&self.context, false);
        detector.feed(&self.held, true);
        self.decide(
            detector.guess(None, Utf8Detection::Deny),
            CharsetFrom::Guess,
        );
        Ok(())
    }

    /// Decodes another piece.
    fn decode(&mut self) -> io::Result<()> {
        if self.start == self.held.len() {
            self.held.resize(PIECE, 0);
            let read = loop {
                match self.source.read(&mut self.held) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            };
            self.start = 0;
            self.held.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let State::Other(decoding) = &mut self.state else {
            return Ok(());
        };
        let input = self.held.get(self.start..).unwrap_or_default();
        let input = input.get(..PIECE).unwrap_or(input);
        // Three bytes for each that comes in are enough for every charset there is.
        decoding.output.resize(PIECE * 3 + 16, 0);
        decoding.given = 0;
        let last = input.is_empty();
        let (result, read, mut written) =
            decoding
                .decoder
                .decode_to_utf8_without_replacement(input, &mut decoding.output, last);
        self.start += read;
        match result {
            DecoderResult::Malformed(..) => {
                if let Some(place) = decoding.output.get_mut(written) {
                    *place = NOT_TEXT;
                    written += 1;
                }
            }
            DecoderResult::InputEmpty => decoding.ended = last,
            DecoderResult::OutputFull => {}
        }
        decoding.output.truncate(written);
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Utf8 => return self.read_raw(buffer),
                State::New => self.begin()?,
                State::Ascii => {
                    let count = self.read_ascii(buffer)?;
                    if count > 0 || matches!(self.state, State::Ascii) {
                        return Ok(count);
                    }
                }
                State::Undecided => self.look_around()?,
                State::Other(decoding) => {
                    let ready = decoding.output.get(decoding.given..).unwrap_or_default();
                    if !ready.is_empty() || decoding.ended {
                        let count = copy(ready, buffer);
                        decoding.given += count;
                        return Ok(count);
                    }
                    self.decode()?;
                }
            }
        }
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// How many characters outside ASCII are UTF-8 and how many sequences are not; one that the end cuts
/// off counts only where the text is `whole`.
fn sequences(text: &[u8], whole: bool) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for chunk in text.utf8_chunks() {
        good += chunk
            .valid()
            .chars()
            .filter(|char| !char.is_ascii())
            .count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    let last = text.utf8_chunks().last();
    let cut_off = last.is_some_and(|last| {
        std::str::from_utf8(last.invalid()).is_err_and(|error| error.error_len().is_none())
    });
    if cut_off && !whole {
        bad = bad.saturating_sub(1);
    }
    (good, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn read(
        bytes: &[u8],
        setting: Option<&'static Encoding>,
    ) -> (Vec<u8>, &'static str, CharsetFrom) {
        let read = |step| {
            let mut decoded = Decoded::new(Drip(bytes, step), setting);
            let mut text = Vec::new();
            decoded.read_to_end(&mut text).unwrap();
            (text, decoded.charset())
        };
        let whole = read(usize::MAX);
        for step in [1, 3, 1000] {
            assert_eq!(read(step), whole, "by {step}");
        }
        (whole.0, whole.1.name, whole.1.from)
    }

    fn auto(bytes: &[u8]) -> (String, &'static str, CharsetFrom) {
        let (text, name, from) = read(bytes, None);
        (String::from_utf8(text).unwrap(), name, from)
    }

    fn utf16(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn a_byte_order_mark_decides() {
        let text = "user,Zoë 𝄞\nb,ö\n";
        let marked = format!("\u{feff}{text}");
        let is = |name| (text.to_owned(), name, CharsetFrom::Bom);
        assert_eq!(auto(marked.as_bytes()), is("UTF-8"));
        assert_eq!(auto(&utf16(&marked, u16::to_le_bytes)), is("UTF-16LE"));
        assert_eq!(auto(&utf16(&marked, u16::to_be_bytes)), is("UTF-16BE"));
        let set = Some(encoding_rs::WINDOWS_1252);
        assert_eq!(read(marked.as_bytes(), set).1, "UTF-8");
    }

    #[test]
    fn utf_8_and_ascii_go_through() {
        for text in ["", "a", "a,b\n", "Zoë,ö\n", "é", "日本語\n"] {
            let is = (text.to_owned(), "UTF-8", CharsetFrom::Utf8);
            assert_eq!(auto(text.as_bytes()), is);
        }
        let long = ["x".repeat(WINDOW - 1), "日本語".repeat(WINDOW)].concat();
        assert_eq!(auto(long.as_bytes()).0, long);
        let cut_by_the_window = "日本語x".repeat(WINDOW);
        assert_eq!(auto(cut_by_the_window.as_bytes()).1, "UTF-8");
    }

    #[test]
    fn a_setting_is_obeyed() {
        let (text, name, from) = read(b"Zo\xeb", Some(encoding_rs::ISO_8859_2));
        assert_eq!(String::from_utf8(text).unwrap(), "Zoë");
        assert_eq!((name, from), ("ISO-8859-2", CharsetFrom::Setting));
        let plain = utf16("a,ö", u16::to_le_bytes);
        let (text, name, _) = read(&plain, Some(UTF_16LE));
        assert_eq!((text.as_slice(), name), ("a,ö".as_bytes(), "UTF-16LE"));
        let (text, name, from) = read(b"Zo\xeb", Some(UTF_8));
        assert_eq!((text.as_slice(), name), (&b"Zo\xeb"[..], "UTF-8"));
        assert_eq!(from, CharsetFrom::Setting);
    }

    #[test]
    fn what_is_not_utf_8_is_guessed_wherever_it_stands() {
        let is = |text: String| (text, "windows-1252", CharsetFrom::Guess);
        assert_eq!(
            auto(b"name\njos\xe9,Garc\xeda Mu\xf1oz\n"),
            is("name\njosé,García Muñoz\n".into())
        );
        let late = [b"kim,Lee\n".repeat(50_000), b"jos\xe9,M\xfcller\n".to_vec()].concat();
        let text = ["kim,Lee\n".repeat(50_000), "josé,Müller\n".into()].concat();
        assert_eq!(auto(&late), is(text));
        let greek =
            b"\xc3\xe9\xfe\xf1\xe3\xef\xf2,\xd0\xe1\xf0\xe1\xe4\xfc\xf0\xef\xf5\xeb\xef\xf2\n";
        assert_eq!(
            auto(&greek.repeat(20)).0,
            "Γιώργος,Παπαδόπουλος\n".repeat(20)
        );
    }

    #[test]
    fn one_bad_byte_among_utf_8_does_not_change_the_charset() {
        let text = ["Zoë\nÖzgür\n".as_bytes(), b"jos\xe9\n"].concat();
        let (same, name, from) = read(&text, None);
        assert_eq!((same, name, from), (text, "UTF-8", CharsetFrom::Utf8));
    }

    #[test]
    fn what_is_no_text_in_its_charset_is_marked_where_it_stands() {
        let (text, ..) = read(b"a\0\0\xd8b\0c", Some(UTF_16LE));
        assert_eq!(text, b"a\xffb\xff");
    }
}

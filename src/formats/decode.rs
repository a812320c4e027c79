//! Converts text in any charset to UTF-8 while it is read.
//!
//! The charset is decided by, in this order: a byte-order mark; the setting; the charset that the sender declares,
//! unless the text is valid UTF-8; the bytes themselves. UTF-16 is recognized by a NUL next to each ASCII letter.
//! ASCII text needs no decision, so the charset is decided at the first non-ASCII byte, wherever it is in the
//! file, by the bytes around it (`charset_guess.rs`). UTF-8 text is passed on unchanged.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use crate::formats::charset::TextCharset;
use crate::formats::charset_guess::guess;
use crate::formats::detected::{Charset, CharsetFrom};
use crate::wiped::Wiped;

/// The number of bytes, from the first non-ASCII byte on, by which the charset is decided.
pub const WINDOW: usize = 64 * 1024;

/// The number of ASCII bytes before them that are used for the guess: letters next to an accented letter.
const CONTEXT: usize = 64;

/// The number of bytes at the beginning by which UTF-16 is recognized.
const BEGINNING: usize = 1024;

/// The number of bytes decoded at once.
const PIECE: usize = 16 * 1024;

/// Replaces a sequence that is invalid in its charset. The byte is invalid in UTF-8 as well, which marks the
/// row that contains it.
const NOT_TEXT: u8 = 0xff;

/// Reads text in any charset and returns UTF-8.
pub struct Decoded<R> {
    source: R,
    setting: Option<TextCharset>,
    stated: Option<TextCharset>,
    charset: Charset,
    state: CharsetState,
    /// Read from the source and not returned yet, from `start`.
    held: Wiped,
    start: usize,
    /// The last bytes returned, while all are ASCII.
    context: Vec<u8>,
}

enum CharsetState {
    /// Nothing has been read.
    New,
    /// All bytes so far were ASCII.
    Ascii,
    /// The held bytes begin with a non-ASCII byte.
    Undecided,
    /// All further bytes are passed on.
    Utf8,
    /// All further bytes are decoded.
    Other(Box<Decoding>),
}

struct Decoding {
    conversion: Conversion,
    output: Wiped,
    given: usize,
    ended: bool,
}

enum Conversion {
    Decoder(Decoder),
    /// The characters of the bytes from 0x80 on; `None` for undefined bytes.
    Table(Box<[Option<char>; 128]>),
}

impl Conversion {
    /// In a guessed charset a control character counts as undefined: it replaces a lost letter.
    fn of(charset: TextCharset, from: CharsetFrom) -> Self {
        let is_guess = from == CharsetFrom::Guess;
        match (charset, charset.high()) {
            (TextCharset::Standard(encoding), table) if table.is_none() || !is_guess => {
                Conversion::Decoder(encoding.new_decoder_without_bom_handling())
            }
            (_, table) => {
                Conversion::Table(Box::new(table.unwrap_or(['\u{fffd}'; 128]).map(|char| {
                    let is_lost = char == '\u{fffd}' || is_guess && char.is_control();
                    (!is_lost).then_some(char)
                })))
            }
        }
    }
}

impl<R: Read> Decoded<R> {
    /// Reads `source` in the charset that is set, unless it has a byte-order mark.
    pub fn new(source: R, setting: Option<TextCharset>) -> Self {
        Decoded {
            source,
            setting,
            stated: None,
            charset: Charset {
                name: TextCharset::UTF_8.name(),
                from: CharsetFrom::Utf8,
            },
            state: CharsetState::New,
            held: Wiped::default(),
            start: 0,
            context: Vec::new(),
        }
    }

    /// Adds the charset that the sender declares.
    #[must_use]
    pub fn stated(self, stated: Option<TextCharset>) -> Self {
        Decoded { stated, ..self }
    }

    /// The charset, as far as the bytes read so far show it.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Fills the held bytes up to `max_bytes` bytes, or to the end of the source.
    fn hold(&mut self, max_bytes: usize) -> io::Result<()> {
        self.held.drain(..self.start);
        self.start = 0;
        let missing = max_bytes.saturating_sub(self.held.len()) as u64;
        self.source
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.held)?;
        Ok(())
    }

    /// Reads the held bytes first, then the source.
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
        const MARKS: [(&[u8], TextCharset); 3] = [
            (b"\xef\xbb\xbf", TextCharset::UTF_8),
            (b"\xff\xfe", TextCharset::UTF_16LE),
            (b"\xfe\xff", TextCharset::UTF_16BE),
        ];
        self.hold(BEGINNING)?;
        let mark = MARKS.iter().find(|(mark, _)| self.held.starts_with(mark));
        if let Some((mark, charset)) = mark {
            self.start = mark.len();
            self.decide(*charset, CharsetFrom::Bom);
        } else if let Some(charset) = self.setting {
            self.decide(charset, CharsetFrom::Setting);
        } else if let Some(charset) = self.stated_from_the_beginning() {
            self.decide(charset, CharsetFrom::ContentType);
        } else if let Some(charset) = utf16_without_mark(&self.held) {
            self.decide(charset, CharsetFrom::Guess);
        } else {
            self.state = CharsetState::Ascii;
        }
        Ok(())
    }

    /// The declared charset, if ASCII bytes mean something else in it and the beginning is compatible with it. UTF-16
    /// text of a table contains NULs; the other such charsets (ISO-2022-JP) use seven bits.
    fn stated_from_the_beginning(&self) -> Option<TextCharset> {
        let stated = self.stated.filter(|stated| !stated.begins_with_ascii())?;
        if [TextCharset::UTF_16LE, TextCharset::UTF_16BE].contains(&stated) {
            let by_its_nuls = utf16_without_mark(&self.held);
            return by_its_nuls.or_else(|| self.held.contains(&0).then_some(stated));
        }
        self.held.is_ascii().then_some(stated)
    }

    fn decide(&mut self, charset: TextCharset, from: CharsetFrom) {
        self.charset = Charset {
            name: charset.name(),
            from,
        };
        self.state = if charset == TextCharset::UTF_8 {
            CharsetState::Utf8
        } else {
            CharsetState::Other(Box::new(Decoding {
                conversion: Conversion::of(charset, from),
                output: Wiped::default(),
                given: 0,
                ended: false,
            }))
        };
    }

    /// Passes on ASCII, up to the first non-ASCII byte.
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
            self.held = [kept, held].concat().into();
            self.start = 0;
            self.state = CharsetState::Undecided;
        }
        let recent = given.len().saturating_sub(CONTEXT);
        self.context.extend(given.get(recent..).unwrap_or_default());
        let old = self.context.len().saturating_sub(CONTEXT);
        self.context.drain(..old);
        Ok(ascii)
    }

    /// Decides for UTF-8, unless invalid sequences outnumber valid characters; then for the most likely charset.
    fn decide_by_context(&mut self) -> io::Result<()> {
        self.hold(WINDOW)?;
        let (good, bad) = sequences(&self.held, self.held.len() < WINDOW);
        let is_chance = good <= 2 && by_chance(&self.context, &self.held);
        if let Some(stated) = self.stated.filter(|stated| stated.begins_with_ascii()) {
            // Programs declare a charset without checking the file; only UTF-8 can be verified.
            match bad == 0 && !is_chance {
                true => self.decide(TextCharset::UTF_8, CharsetFrom::Utf8),
                false => self.decide(stated, CharsetFrom::ContentType),
            }
            return Ok(());
        }
        if bad <= good && !is_chance {
            self.decide(TextCharset::UTF_8, CharsetFrom::Utf8);
            return Ok(());
        }
        let whole = self.held.len() < WINDOW;
        let charset = guess(&self.context, &self.held, whole);
        self.decide(charset, CharsetFrom::Guess);
        Ok(())
    }

    /// Decodes the next piece.
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
        let CharsetState::Other(decoding) = &mut self.state else {
            return Ok(());
        };
        let input = self.held.get(self.start..).unwrap_or_default();
        let input = input.get(..PIECE).unwrap_or(input);
        let last = input.is_empty();
        decoding.given = 0;
        self.start += match &mut decoding.conversion {
            Conversion::Decoder(decoder) => {
                let (read, ended) = decode_piece(decoder, input, last, &mut decoding.output);
                decoding.ended = ended;
                read
            }
            Conversion::Table(table) => {
                look_up(table, input, &mut decoding.output);
                decoding.ended = last;
                input.len()
            }
        };
        Ok(())
    }
}

/// Decodes a piece up to its first invalid sequence; returns the bytes read, and whether decoding is complete.
fn decode_piece(
    decoder: &mut Decoder,
    input: &[u8],
    last: bool,
    output: &mut Vec<u8>,
) -> (usize, bool) {
    // One input byte becomes at most three bytes of UTF-8 in every supported charset.
    output.resize(PIECE * 3 + 16, 0);
    let (result, read, mut written) =
        decoder.decode_to_utf8_without_replacement(input, output, last);
    let ended = matches!(result, DecoderResult::InputEmpty) && last;
    if let DecoderResult::Malformed(..) = result
        && let Some(place) = output.get_mut(written)
    {
        *place = NOT_TEXT;
        written += 1;
    }
    output.truncate(written);
    (read, ended)
}

/// Decodes a piece in a single-byte charset.
fn look_up(table: &[Option<char>; 128], input: &[u8], output: &mut Vec<u8>) {
    output.clear();
    for byte in input {
        match usize::from(*byte).checked_sub(0x80) {
            None => output.push(*byte),
            Some(place) => match table.get(place).copied().flatten() {
                Some(char) => output.extend(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => output.push(NOT_TEXT),
            },
        }
    }
}

/// Recognizes UTF-16 by the NULs at the beginning of a file: they are next to ASCII letters, so at least a quarter
/// of the characters have one on the same side, and hardly any on the other.
fn utf16_without_mark(beginning: &[u8]) -> Option<TextCharset> {
    let (pairs, _) = beginning.as_chunks::<2>();
    let nul = |side: fn(&[u8; 2]) -> u8| pairs.iter().filter(|pair| side(pair) == 0).count();
    let (first, second) = (nul(|[first, _]| *first), nul(|[_, second]| *second));
    let is_one_side =
        |many: usize, few: usize| many > 1 && many * 4 >= pairs.len() && few * 20 <= many;
    if is_one_side(second, first) {
        Some(TextCharset::UTF_16LE)
    } else if is_one_side(first, second) {
        Some(TextCharset::UTF_16BE)
    } else {
        None
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                CharsetState::Utf8 => return self.read_raw(buffer),
                CharsetState::New => self.begin()?,
                CharsetState::Ascii => {
                    let count = self.read_ascii(buffer)?;
                    if count > 0 || matches!(self.state, CharsetState::Ascii) {
                        return Ok(count);
                    }
                }
                CharsetState::Undecided => self.decide_by_context()?,
                CharsetState::Other(decoding) => {
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

/// The numbers of valid non-ASCII characters and of invalid sequences; a sequence cut off by the end counts only
/// if the text is `whole`.
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

/// Whether all non-ASCII characters belong to another alphabet and are in the middle of ASCII words: two accented
/// letters of a code page can look like one such character in UTF-8.
fn by_chance(before: &[u8], text: &[u8]) -> bool {
    // Three bytes that do not occur in a row in other charsets: a program wrote them for a lost letter.
    if memchr::memmem::find(text, "\u{fffd}".as_bytes()).is_some() {
        return false;
    }
    let text = String::from_utf8_lossy(text);
    let mut last = before.last().map_or(' ', |byte| char::from(*byte));
    let mut chars = text.chars().peekable();
    let mut all = true;
    while let Some(char) = chars.next() {
        let beside = [last, chars.peek().copied().unwrap_or(' ')];
        last = char;
        if !char.is_ascii() && char != char::REPLACEMENT_CHARACTER {
            let is_other = matches!(char, '\u{370}'..='\u{7ff}');
            all &= is_other && beside.iter().any(char::is_ascii_alphabetic);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a few bytes per read.
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

    #[test]
    fn declared_charset_is_used_unless_the_text_is_utf_8() {
        let stated = |bytes: &[u8], label: &str| {
            let stated = TextCharset::for_label(label);
            let (text, name, from) = read_as(bytes, None, stated);
            (String::from_utf8_lossy(&text).into_owned(), name, from)
        };
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let by_type = CharsetFrom::ContentType;
        for (bytes, label, text, name, from) in [
            (
                &b"kim,\x93\xfa\x96{\n"[..],
                "shift_jis",
                "kim,\u{65e5}\u{672c}\n",
                "Shift_JIS",
                by_type,
            ),
            (
                b"kim,\xc6\n",
                "windows-1251",
                "kim,\u{416}\n",
                "windows-1251",
                by_type,
            ),
            (b"kim,\x81\n", "cp850", "kim,\u{fc}\n", "IBM850", by_type),
            (
                b"kim,\x1b$BF|\x1b(B\n",
                "iso-2022-jp",
                "kim,\u{65e5}\n",
                "ISO-2022-JP",
                by_type,
            ),
            // The text is UTF-8 despite the declaration.
            (
                "kim,J\u{f6}rg\u{65e5}\n".as_bytes(),
                "windows-1251",
                "kim,J\u{f6}rg\u{65e5}\n",
                "UTF-8",
                CharsetFrom::Utf8,
            ),
            (
                "kim,\u{65e5}\u{672c}\n".as_bytes(),
                "iso-2022-jp",
                "kim,\u{65e5}\u{672c}\n",
                "UTF-8",
                CharsetFrom::Utf8,
            ),
            (
                b"\xef\xbb\xbfkim\n",
                "shift_jis",
                "kim\n",
                "UTF-8",
                CharsetFrom::Bom,
            ),
            (
                b"kim,lee\n",
                "shift_jis",
                "kim,lee\n",
                "UTF-8",
                CharsetFrom::Utf8,
            ),
            (
                b"kim,lee\n",
                "utf-16",
                "kim,lee\n",
                "UTF-8",
                CharsetFrom::Utf8,
            ),
            (
                &utf16("kim,\u{f6}\n"),
                "utf-16",
                "kim,\u{f6}\n",
                "UTF-16BE",
                by_type,
            ),
            (
                &utf16("\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5},\u{672c}\n"),
                "utf-16be",
                "\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5},\u{672c}\n",
                "UTF-16BE",
                by_type,
            ),
            // Bytes that the charset does not define are marked.
            (
                b"kim,\x81 \n",
                "shift_jis",
                "kim,\u{fffd} \n",
                "Shift_JIS",
                by_type,
            ),
        ] {
            let found = stated(bytes, label);
            assert_eq!(found, (text.to_owned(), name, from), "{label}");
        }
        // The setting takes precedence.
        let (text, ..) = read_as(
            b"\x81",
            TextCharset::for_label("cp850"),
            TextCharset::for_label("macroman"),
        );
        assert_eq!(text, "\u{fc}".as_bytes());
    }

    fn read(bytes: &[u8], setting: Option<TextCharset>) -> (Vec<u8>, &'static str, CharsetFrom) {
        read_as(bytes, setting, None)
    }

    fn read_as(
        bytes: &[u8],
        setting: Option<TextCharset>,
        stated: Option<TextCharset>,
    ) -> (Vec<u8>, &'static str, CharsetFrom) {
        let read = |step| {
            let mut decoded = Decoded::new(Drip(bytes, step), setting).stated(stated);
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
    fn byte_order_mark_takes_precedence() {
        let text = "user,Zoë 𝄞\nb,ö\n";
        let marked = format!("\u{feff}{text}");
        let is = |name| (text.to_owned(), name, CharsetFrom::Bom);
        assert_eq!(auto(marked.as_bytes()), is("UTF-8"));
        assert_eq!(auto(&utf16(&marked, u16::to_le_bytes)), is("UTF-16LE"));
        assert_eq!(auto(&utf16(&marked, u16::to_be_bytes)), is("UTF-16BE"));
        let set = TextCharset::for_label("windows-1252");
        assert_eq!(read(marked.as_bytes(), set).1, "UTF-8");
    }

    #[test]
    fn utf_8_and_ascii_are_passed_on() {
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
    fn setting_takes_precedence_over_detection() {
        let (text, name, from) = read(b"Zo\xeb", TextCharset::for_label("iso-8859-2"));
        assert_eq!(String::from_utf8(text).unwrap(), "Zoë");
        assert_eq!((name, from), ("ISO-8859-2", CharsetFrom::Setting));
        let plain = utf16("a,ö", u16::to_le_bytes);
        let (text, name, _) = read(&plain, Some(TextCharset::UTF_16LE));
        assert_eq!((text.as_slice(), name), ("a,ö".as_bytes(), "UTF-16LE"));
        let (text, name, from) = read(b"Zo\xeb", Some(TextCharset::UTF_8));
        assert_eq!((text.as_slice(), name), (&b"Zo\xeb"[..], "UTF-8"));
        assert_eq!(from, CharsetFrom::Setting);
    }

    #[test]
    fn text_that_is_not_utf_8_is_guessed_at_any_position() {
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
    fn utf_16_without_a_byte_order_mark_is_detected_by_its_nuls() {
        let text = "user,name\r\nzoë,Zoë 日本\r\nb,Ā\r\n";
        let is = |name| (text.to_owned(), name, CharsetFrom::Guess);
        assert_eq!(auto(&utf16(text, u16::to_le_bytes)), is("UTF-16LE"));
        assert_eq!(auto(&utf16(text, u16::to_be_bytes)), is("UTF-16BE"));
        let with_nul = "username,displayname\nmira,Mira\0Falk\n";
        assert_eq!(auto(with_nul.as_bytes()).1, "UTF-8");
    }

    #[test]
    fn dos_code_page_can_be_set() {
        let text = |bytes: &[u8], label: &str| {
            let (text, name, from) = read(bytes, TextCharset::for_label(label));
            assert_eq!(from, CharsetFrom::Setting);
            (String::from_utf8(text).unwrap(), name)
        };
        assert_eq!(text(b"M\x81ller", "cp850"), ("Müller".into(), "IBM850"));
        assert_eq!(
            text(b"\x99zg\x81r \xe1", "cp437"),
            ("Özgür ß".into(), "IBM437")
        );
        assert_eq!(
            text(b"M\x9fller", "macroman"),
            ("Müller".into(), "macintosh")
        );
        let long = b"M\x81ller,\n".repeat(20_000);
        assert_eq!(text(&long, "cp850").0, "Müller,\n".repeat(20_000));
        let (undefined, ..) = read(b"a\xd5b", TextCharset::for_label("cp857"));
        assert_eq!(undefined, b"a\xffb");
    }

    #[test]
    fn undefined_byte_of_the_guessed_charset_is_marked() {
        let (text, name, _) = read(b"Jos\xe9 Garc\xeda Mu\xf1oz\nx\x81y\n", None);
        assert_eq!(name, "windows-1252");
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(text, "José García Muñoz\nx\u{fffd}y\n");
    }

    #[test]
    fn letters_of_a_code_page_that_look_like_utf_8_are_kept() {
        assert_eq!(auto(b"name\n\xd6\xa4igo\n").0, "name\nÍñigo\n");
        let two = auto(b"name\n\xd6\xa4igo Pe\xa4a\n").0;
        assert_eq!(two, "name\nÍñigo Peña\n");
        for text in [
            "name\nи\n",
            "name\nИван x\n",
            "name\nZoe\u{308}\n",
            "name\nλ\n",
        ] {
            assert_eq!(auto(text.as_bytes()).1, "UTF-8", "{text:?}");
        }
    }

    #[test]
    fn one_invalid_byte_does_not_change_the_charset() {
        let text = ["Zoë\nÖzgür\n".as_bytes(), b"jos\xe9\n"].concat();
        let (same, name, from) = read(&text, None);
        assert_eq!((same, name, from), (text, "UTF-8", CharsetFrom::Utf8));
    }

    #[test]
    fn invalid_sequences_are_marked_in_place() {
        let (text, ..) = read(b"a\0\0\xd8b\0c", Some(TextCharset::UTF_16LE));
        assert_eq!(text, b"a\xffb\xff");
    }
}

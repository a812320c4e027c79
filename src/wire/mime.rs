//! Incremental reader of multipart/related messages.
//!
//! Finds the beginning and end of the parts: [`Machine`] is a parser without input or output, and
//! [`Multipart`] reads a source and returns one part after another as a reader. `delimiter` finds
//! delimiters, `part_header` interprets header fields, `transfer` decodes transfer encodings, and the
//! front end chooses the part.
//!
//! Follows RFC 2046 §5.1, and accepts the deviations of old SOAP clients: line feeds as line ends,
//! even mixed, parts without a header, blanks after a boundary, and text before the first and after
//! the last delimiter. A message without its closing delimiter is an error, never a shorter message.

use std::io::{self, BufRead, Read};

use memchr::memchr;

use crate::wiped::Wiped;
use crate::wire::cid::content_ids_collide;
use crate::wire::delimiter::{Delimiter, Found, Line};
use crate::wire::error::{WireError, excerpt};
use crate::wire::part_header::{HeaderLines, PartHeader};

/// Limits of a multipart message.
#[derive(Debug, Clone)]
pub struct MimeLimits {
    /// The maximum number of parts.
    pub parts: usize,
    /// The maximum size of the header of one part in bytes, line ends included.
    pub header_bytes: usize,
    /// The maximum number of fields in the header of one part.
    pub headers: usize,
    /// The maximum number of bytes before the first delimiter.
    pub preamble_bytes: usize,
}

impl Default for MimeLimits {
    fn default() -> Self {
        MimeLimits {
            parts: 50,
            header_bytes: 16 * 1024,
            headers: 100,
            preamble_bytes: 64 * 1024,
        }
    }
}

/// The parts of a multipart message, one after another.
///
/// [`next_part`](Self::next_part) moves to the next part; reading then returns the content of that
/// part without any decoding and ends where the part ends. [`BufRead`] returns the content without
/// another copy. After an error every later call fails as well.
pub struct Multipart<R> {
    source: R,
    source_ended: bool,
    machine: Machine,
    /// Grows with the message.
    buffer: Wiped,
    /// The maximum size of the buffer in bytes.
    max_buffer: usize,
    /// `buffer[start..end]` has been read from the source and not yet used.
    start: usize,
    end: usize,
    /// The number of bytes from `start` on that are known to be content.
    ready: usize,
    in_part: bool,
}

impl<R: Read> Multipart<R> {
    /// A message read from `source`; [`MediaType::boundary`] must have checked the boundary.
    ///
    /// [`MediaType::boundary`]: crate::wire::media_type::MediaType::boundary
    pub fn new(source: R, boundary: &str, limits: MimeLimits) -> Self {
        const FIRST: usize = 4 * 1024;
        const FETCH: usize = 64 * 1024;
        // The machine needs at most one header line or one delimiter line to decide.
        let max_buffer = limits.header_bytes.saturating_add(FETCH);
        Multipart {
            source,
            source_ended: false,
            machine: Machine::new(boundary, limits),
            buffer: vec![0; FIRST].into(),
            max_buffer,
            start: 0,
            end: 0,
            ready: 0,
            in_part: false,
        }
    }

    /// Skips the rest of the current part and reads the header of the next one.
    ///
    /// Returns `None` only after the closing delimiter and the end of the source, so that a request
    /// that is cut off after a complete message is noticed.
    ///
    /// # Errors
    /// The message is truncated or malformed, exceeds a limit, or the source failed.
    pub fn next_part(&mut self) -> Result<Option<PartHeader>, WireError> {
        loop {
            self.consume(self.ready);
            match self.advance()? {
                Event::Part(header) => {
                    self.in_part = true;
                    return Ok(Some(header));
                }
                Event::PartEnd => self.in_part = false,
                Event::End if self.source_ended => return Ok(None),
                Event::End => self.fetch()?,
                Event::Content | Event::Undecided => {}
            }
        }
    }

    /// Runs the machine up to its next event.
    fn advance(&mut self) -> Result<Event, WireError> {
        loop {
            let window = self.buffer.get(self.start..self.end).unwrap_or_default();
            let step = self.machine.step(window, self.source_ended)?;
            match step.event {
                Event::Content => {
                    self.ready = step.consumed;
                    return Ok(Event::Content);
                }
                Event::Undecided if step.consumed == 0 => self.fetch()?,
                event => {
                    self.start += step.consumed;
                    if !matches!(event, Event::Undecided) {
                        return Ok(event);
                    }
                }
            }
        }
    }

    /// Reads more bytes into the buffer, or notes the end of the source.
    fn fetch(&mut self) -> Result<(), WireError> {
        if self.end == self.buffer.len() {
            // The last read filled the buffer.
            let larger = (self.buffer.len() * 2).min(self.max_buffer);
            self.buffer.set_len_zeroed(larger);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.source.read(space) {
                Ok(0) => self.source_ended = true,
                Ok(count) => self.end += count.min(space.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(WireError::from_io(error)),
            }
            return Ok(());
        }
    }
}

impl<R: Read> BufRead for Multipart<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.in_part && self.ready == 0 {
            let event = self.advance()?;
            self.in_part = matches!(event, Event::Content);
        }
        let content = self.start..self.start + self.ready;
        Ok(self.buffer.get(content).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.ready);
        self.start += count;
        self.ready -= count;
    }
}

impl<R: Read> Read for Multipart<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// The machine's decision about the bytes at the start of its window.
#[derive(Debug)]
pub struct Step {
    /// The number of bytes consumed; the next window begins after them.
    pub consumed: usize,
    /// What the bytes are.
    pub event: Event,
}

impl Step {
    fn new(consumed: usize, event: Event) -> Step {
        Step { consumed, event }
    }
}

/// An event of the machine.
#[derive(Debug)]
pub enum Event {
    /// No event. If no bytes were consumed either, the window must grow.
    Undecided,
    /// A part begins; its header has been consumed.
    Part(PartHeader),
    /// The consumed bytes are content of the part.
    Content,
    /// The part has ended.
    PartEnd,
    /// The closing delimiter has been seen; everything after it is ignored.
    End,
}

/// The grammar of a multipart message, without input or output.
///
/// The machine stores no content: the caller passes a window of the message and advances it by the
/// number of consumed bytes. Once the window includes the end of the message, the machine always
/// decides. Refused bytes are not consumed, so the same error is returned again.
#[derive(Debug)]
pub struct Machine {
    delimiter: Delimiter,
    limits: MimeLimits,
    state: MultipartState,
    preamble_bytes: usize,
    /// The number of the current part, from 1; 0 before the first.
    part: usize,
    header: HeaderLines,
    header_bytes: usize,
    content_ids: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum MultipartState {
    Preamble,
    Header,
    Content,
    Epilogue,
}

impl Machine {
    /// A machine at the start of a message.
    pub fn new(boundary: &str, limits: MimeLimits) -> Self {
        Machine {
            delimiter: Delimiter::new(boundary),
            limits,
            state: MultipartState::Preamble,
            preamble_bytes: 0,
            part: 0,
            header: HeaderLines::default(),
            header_bytes: 0,
            content_ids: Vec::new(),
        }
    }

    /// Examines the window; `ended` means that the message ends with the window.
    ///
    /// # Errors
    /// The message is truncated or malformed, or exceeds a limit.
    pub fn step(&mut self, window: &[u8], ended: bool) -> Result<Step, WireError> {
        match self.state {
            MultipartState::Preamble => self.preamble(window, ended),
            MultipartState::Header => self.header_line(window, ended),
            MultipartState::Content => self.content(window, ended),
            MultipartState::Epilogue => Ok(Step::new(window.len(), Event::End)),
        }
    }

    fn preamble(&mut self, window: &[u8], ended: bool) -> Result<Step, WireError> {
        let found = self.find(window, ended)?;
        let skipped = match found {
            Found::Plain(plain) => plain,
            Found::Delimiter { before, .. } => before,
        };
        let total = self.preamble_bytes.saturating_add(skipped);
        if total > self.limits.preamble_bytes {
            return Err(WireError::MimeBoundary {
                what: "no line at the beginning of the body consists of it",
            });
        }
        match found {
            Found::Plain(0) if ended => Err(self.truncated()),
            Found::Plain(plain) => {
                self.preamble_bytes = total;
                Ok(Step::new(plain, Event::Undecided))
            }
            Found::Delimiter { after, closes, .. } => {
                self.pass_delimiter(closes);
                Ok(Step::new(after, Event::Undecided))
            }
        }
    }

    fn header_line(&mut self, window: &[u8], ended: bool) -> Result<Step, WireError> {
        if self.part > self.limits.parts {
            return Err(WireError::MimeParts {
                limit: self.limits.parts,
            });
        }
        let delimiter = self.delimiter.line(window, ended);
        match delimiter.map_err(|what| self.malformed(what))? {
            Line::Other => {}
            Line::Undecided => return Ok(Step::new(0, Event::Undecided)),
            // A part may end without the empty line after its header.
            Line::Delimiter { .. } => return self.begin_content(0),
        }
        let line_feed = memchr(b'\n', window);
        let length = line_feed.map_or(window.len(), |at| at + 1);
        let total = self.header_bytes.saturating_add(length);
        if total > self.limits.header_bytes {
            return Err(self.malformed("they are too long"));
        }
        let Some(line) = line_feed.and_then(|end| window.get(..end)) else {
            if ended {
                return Err(self.truncated());
            }
            return Ok(Step::new(0, Event::Undecided));
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.begin_content(length);
        }
        if let Err(what) = self.header.push(line, self.limits.headers) {
            return Err(self.malformed(what));
        }
        self.header_bytes = total;
        Ok(Step::new(length, Event::Undecided))
    }

    fn content(&mut self, window: &[u8], ended: bool) -> Result<Step, WireError> {
        match self.find(window, ended)? {
            Found::Plain(0) if ended => Err(self.truncated()),
            Found::Plain(0) => Ok(Step::new(0, Event::Undecided)),
            Found::Plain(content) => Ok(Step::new(content, Event::Content)),
            Found::Delimiter {
                before: 0,
                after,
                closes,
            } => {
                self.pass_delimiter(closes);
                Ok(Step::new(after, Event::PartEnd))
            }
            Found::Delimiter { before, .. } => Ok(Step::new(before, Event::Content)),
        }
    }

    fn pass_delimiter(&mut self, closes: bool) {
        if closes {
            self.state = MultipartState::Epilogue;
        } else {
            self.state = MultipartState::Header;
            self.part += 1;
            self.header = HeaderLines::default();
            self.header_bytes = 0;
        }
    }

    fn begin_content(&mut self, consumed: usize) -> Result<Step, WireError> {
        let header = self.header.finish(self.part)?;
        self.add_content_id(header.content_id.as_deref())?;
        self.state = MultipartState::Content;
        self.delimiter.expect_line_start();
        Ok(Step::new(consumed, Event::Part(header)))
    }

    /// If two parts have the same name, neither the first nor the last may be chosen silently.
    fn add_content_id(&mut self, content_id: Option<&str>) -> Result<(), WireError> {
        let Some(id) = content_id else {
            return Ok(());
        };
        let mut known = self.content_ids.iter();
        if known.any(|known| content_ids_collide(known, id)) {
            return Err(WireError::MimeDuplicateId {
                part: self.part,
                id: excerpt(id),
            });
        }
        self.content_ids.push(id.to_owned());
        Ok(())
    }

    fn find(&mut self, window: &[u8], ended: bool) -> Result<Found, WireError> {
        let found = self.delimiter.find(window, ended);
        found.map_err(|what| self.malformed(what))
    }

    fn truncated(&self) -> WireError {
        WireError::MimeTruncated { part: self.part }
    }

    fn malformed(&self, what: &'static str) -> WireError {
        let part = self.part;
        WireError::MimeHeader { part, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns at most this many bytes per read.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = into.len().min(self.1);
            self.0.read(&mut into[..count])
        }
    }

    type Parts = Vec<(PartHeader, Vec<u8>)>;

    fn parts_in_pieces(
        message: &[u8],
        piece: usize,
        limits: MimeLimits,
    ) -> Result<Parts, WireError> {
        let mut message = Multipart::new(Pieces(message, piece), "B", limits);
        let mut parts = Vec::new();
        while let Some(header) = message.next_part()? {
            let mut content = Vec::new();
            message
                .read_to_end(&mut content)
                .map_err(WireError::from_io)?;
            parts.push((header, content));
        }
        Ok(parts)
    }

    /// Reads the message at once, one byte at a time and three at a time; the results must be equal.
    fn parts_of(message: &[u8]) -> Result<Parts, &'static str> {
        let read = |piece| {
            let parts = parts_in_pieces(message, piece, MimeLimits::default());
            parts.map_err(|error| error.code())
        };
        let whole = read(usize::MAX);
        assert_eq!(read(1), whole);
        assert_eq!(read(3), whole);
        whole
    }

    /// The Content-ID and the content of each part.
    fn read(message: &str) -> Result<Vec<(String, String)>, &'static str> {
        let parts = parts_of(message.as_bytes())?;
        let shown = parts.into_iter().map(|(header, content)| {
            let content = String::from_utf8(content).unwrap();
            (header.content_id.unwrap_or_default(), content)
        });
        Ok(shown.collect())
    }

    fn ok_parts(parts: &[(&str, &str)]) -> Result<Vec<(String, String)>, &'static str> {
        let own = |(id, content): &(&str, &str)| ((*id).to_owned(), (*content).to_owned());
        Ok(parts.iter().map(own).collect())
    }

    const TWO: &str =
        "--B\r\nContent-ID: <a>\r\n\r\none\r\n--B\r\nContent-ID: <b>\r\n\r\ntwo\r\n--B--\r\n";

    #[test]
    fn two_parts_are_read() {
        assert_eq!(read(TWO), ok_parts(&[("a", "one"), ("b", "two")]));
    }

    #[test]
    fn text_before_the_first_delimiter_is_ignored() {
        for preamble in [
            "\r\n",
            "\n",
            "This is a multi-part message in MIME format...\r\n\r\n",
            "Date: Mon, 1 Jan 2024 00:00:00 GMT\r\nMIME-Version: 1.0\r\n\r\n",
            "see --B here\r\n",
            "see --B\r\n",
            "--Bextra\r\n",
            "--\r\n--B-\r\n--B-- x\r\n\r\r\n",
            "only a line feed\n",
        ] {
            let message = format!("{preamble}{TWO}");
            assert_eq!(
                read(&message),
                ok_parts(&[("a", "one"), ("b", "two")]),
                "{preamble:?}"
            );
        }
    }

    #[test]
    fn text_after_the_last_delimiter_is_ignored() {
        let stem = TWO.strip_suffix("\r\n").unwrap();
        for epilogue in [
            "",
            "\n",
            "\r",
            "\r\n",
            " \t",
            "  \r\n",
            "\r\nepilogue\r\n",
            "\r\n--B\r\nContent-ID: <c>\r\n\r\nthree\r\n--B--\r\n",
        ] {
            let message = format!("{stem}{epilogue}");
            assert_eq!(
                read(&message),
                ok_parts(&[("a", "one"), ("b", "two")]),
                "{epilogue:?}"
            );
        }
    }

    #[test]
    fn all_kinds_of_line_ends_are_accepted() {
        let lines = TWO.replace("\r\n", "\n");
        assert_eq!(read(&lines), ok_parts(&[("a", "one"), ("b", "two")]));
        let mixed =
            "--B\nContent-ID: <a>\r\nX: y\n\r\none\n--B\r\nContent-ID: <b>\n\ntwo\r\n--B--\n";
        assert_eq!(read(mixed), ok_parts(&[("a", "one"), ("b", "two")]));
        let between_headers = "--B\r\nContent-ID: <a>\nX: y\n\r\none\r\n--B--";
        assert_eq!(read(between_headers), ok_parts(&[("a", "one")]));
    }

    #[test]
    fn parts_without_headers_are_read() {
        assert_eq!(read("--B\r\n\r\none\r\n--B--"), ok_parts(&[("", "one")]));
        assert_eq!(
            read("--B\r\n\r\nname: value\r\n\r\ntwo\r\n--B--"),
            ok_parts(&[("", "name: value\r\n\r\ntwo")])
        );
        assert_eq!(read("--B\r\none\r\n--B--"), Err("IMP-MIME-HEADER"));
    }

    #[test]
    fn folded_headers_are_joined() {
        let folded = "--B\r\nContent-ID:\r\n <a>\r\nContent-Type : text/csv;\r\n\tname=x\r\n\r\none\r\n--B--";
        let parts = parts_of(folded.as_bytes()).unwrap();
        let (header, content) = &parts[0];
        assert_eq!(header.content_id.as_deref(), Some("a"));
        assert_eq!(header.file_name().as_deref(), Some("x"));
        assert_eq!(content, b"one");
    }

    #[test]
    fn blanks_after_the_boundary_are_ignored() {
        let message = "--B \t \r\nContent-ID: <a>\r\n\r\none\r\n--B-- \t\r\n";
        assert_eq!(read(message), ok_parts(&[("a", "one")]));
        let blanks = " ".repeat(1024);
        let message = format!("--B{blanks}\r\n\r\none\r\n--B{blanks}x\r\n--B--{blanks}");
        assert_eq!(
            read(&message),
            ok_parts(&[("", &format!("one\r\n--B{blanks}x"))])
        );
        let message = format!("--B\r\n\r\none\r\n--B{blanks} \r\n--B--");
        assert_eq!(read(&message), Err("IMP-MIME-HEADER"));
    }

    #[test]
    fn content_may_look_like_a_delimiter() {
        for content in [
            "--Bextra",
            "a\r\n--Bextra\r\nb",
            "a\r\n--B-\r\n",
            "a\r\n--B--x\r\n",
            "a\r\n--B --\r\n",
            "a\r\n --B\r\n",
            "a--B\r\n",
            "a\r--B\r\n",
            "a\r\n--\r\nb",
            "a\r\n--b\r\n",
            "\r",
            "\n",
            "\r\n",
            "\r\r\n\n\r",
            "a\r\n--B\rb",
            "ends with an empty line\r\n",
            "-",
            "--",
        ] {
            let message = format!("--B\r\n\r\n{content}\r\n--B--\r\n");
            assert_eq!(read(&message), ok_parts(&[("", content)]), "{content:?}");
        }
    }

    #[test]
    fn empty_parts_and_empty_messages_are_read() {
        assert_eq!(read("--B\r\n\r\n\r\n--B--"), ok_parts(&[("", "")]));
        assert_eq!(read("--B\r\n\r\n--B--"), ok_parts(&[("", "")]));
        assert_eq!(
            read("--B\r\nContent-ID: <a>\r\n--B--"),
            ok_parts(&[("a", "")])
        );
        assert_eq!(read("--B\r\n--B\r\n--B--"), ok_parts(&[("", ""), ("", "")]));
        assert_eq!(read("--B--\r\n"), ok_parts(&[]));
        assert_eq!(read("--B--"), ok_parts(&[]));
    }

    #[test]
    fn every_prefix_of_a_message_is_truncated() {
        let message = format!("\r\n{TWO}");
        let whole = message.len() - "\r\n".len();
        for length in 0..whole {
            let cut = read(&message[..length]);
            assert_eq!(cut, Err("IMP-MIME-TRUNCATED"), "cut at {length}");
        }
        assert!(read(&message[..whole]).is_ok());
    }

    #[test]
    fn truncation_error_repeats() {
        let mut message = Multipart::new(&b"--B\r\n\r\none"[..], "B", MimeLimits::default());
        assert!(message.next_part().unwrap().is_some());
        let mut content = Vec::new();
        let error = message.read_to_end(&mut content).unwrap_err();
        assert_eq!(content, b"one");
        assert!(WireError::from_io(error).is_truncation());
        for _ in 0..3 {
            assert!(message.read(&mut [0; 8]).is_err());
            assert_eq!(
                message.next_part().unwrap_err().code(),
                "IMP-MIME-TRUNCATED"
            );
        }
    }

    #[test]
    fn request_cut_off_after_the_message_is_an_error() {
        struct CutOff;
        impl Read for CutOff {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(WireError::HttpTruncated { received: 7 }.into())
            }
        }
        let source = TWO.as_bytes().chain(CutOff);
        let mut message = Multipart::new(source, "B", MimeLimits::default());
        assert!(message.next_part().unwrap().is_some());
        assert!(message.next_part().unwrap().is_some());
        for _ in 0..2 {
            assert_eq!(
                message.next_part().unwrap_err().code(),
                "IMP-HTTP-TRUNCATED"
            );
        }
    }

    #[test]
    fn unread_content_of_a_part_is_skipped() {
        let mut message = Multipart::new(TWO.as_bytes(), "B", MimeLimits::default());
        assert_eq!(message.read(&mut [0; 8]).unwrap(), 0);
        message.next_part().unwrap();
        assert_eq!(message.read(&mut [0; 2]).unwrap(), 2);
        message.next_part().unwrap();
        let mut content = String::new();
        message.read_to_string(&mut content).unwrap();
        assert_eq!(content, "two");
        assert_eq!(message.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(message.next_part().unwrap(), None);
        assert_eq!(message.next_part().unwrap(), None);
        assert_eq!(message.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn duplicate_ids_nested_multiparts_and_unknown_encodings_are_refused() {
        let same = TWO.replace("<b>", "<a>");
        assert_eq!(read(&same), Err("IMP-MIME-DUPCID"));
        let escaped = TWO.replace("<a>", "<a@x>").replace("<b>", "<a%40x>");
        assert_eq!(read(&escaped), Err("IMP-MIME-DUPCID"));
        assert!(read(&TWO.replace("<b>", "<A>")).is_ok());
        let nested = "--B\r\ncontent-type: Multipart/Mixed; boundary=C\r\n\r\n--C--\r\n--B--";
        assert_eq!(read(nested), Err("IMP-MIME-NESTED"));
        let encoding = "--B\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n\r\n--B--";
        assert_eq!(read(encoding), Err("IMP-MIME-ENCODING"));
    }

    #[test]
    fn limits_are_exact() {
        let limits = || MimeLimits {
            parts: 3,
            header_bytes: 30,
            headers: 2,
            preamble_bytes: 10,
        };
        let read = |message: &str| {
            let read = |piece| parts_in_pieces(message.as_bytes(), piece, limits());
            let whole = read(usize::MAX).map(|parts| parts.len());
            let whole = whole.map_err(|error| error.code());
            for piece in [1, 3] {
                let pieces = read(piece).map(|parts| parts.len());
                assert_eq!(pieces.map_err(|error| error.code()), whole);
            }
            whole
        };
        let parts = |count| "--B\r\n\r\n\r\n".repeat(count) + "--B--";
        assert_eq!(read(&parts(3)), Ok(3));
        assert_eq!(read(&parts(4)), Err("IMP-MIME-PARTS"));

        let preamble = |length| "x".repeat(length) + "\r\n--B--";
        assert_eq!(read(&preamble(10)), Ok(0));
        assert_eq!(read(&preamble(11)), Err("IMP-MIME-BOUNDARY"));

        let header = |length| format!("--B\r\na:{}\r\n\r\n\r\n--B--", "x".repeat(length));
        assert_eq!(read(&header(24)), Ok(1));
        assert_eq!(read(&header(25)), Err("IMP-MIME-HEADER"));
        assert_eq!(
            read(&format!("--B\r\na:{}", "x".repeat(1000))),
            Err("IMP-MIME-HEADER")
        );

        let headers = |count| "--B\r\n".to_owned() + &"a:b\r\n".repeat(count) + "\r\n\r\n--B--";
        assert_eq!(read(&headers(2)), Ok(1));
        assert_eq!(read(&headers(3)), Err("IMP-MIME-HEADER"));
    }

    #[test]
    fn default_limit_allows_thirty_three_headers() {
        let headers: String = (0..33).map(|n| format!("X-{n}: y\r\n")).collect();
        let message = format!("--B\r\n{headers}Content-ID: <\u{e9}>\r\n\r\none\r\n--B--");
        assert_eq!(read(&message), ok_parts(&[("\u{e9}", "one")]));
    }

    #[test]
    fn boundary_may_contain_pattern_characters() {
        for boundary in ["-", "--", "-----", "=_.+*?()", "a b", "B--"] {
            let message = format!("--{boundary}\r\n\r\n--\r\n---x\r\n--{boundary}--\r\n");
            let mut message = Multipart::new(message.as_bytes(), boundary, MimeLimits::default());
            assert!(message.next_part().unwrap().is_some());
            let mut content = String::new();
            message.read_to_string(&mut content).unwrap();
            assert_eq!(content, "--\r\n---x", "{boundary}");
            assert_eq!(message.next_part().unwrap(), None);
        }
    }

    /// Tries all contents of five pieces from which a delimiter could be assembled.
    #[test]
    fn content_without_a_delimiter_line_is_returned_unchanged() {
        const PIECES: [&str; 7] = ["\r", "\n", "--B", "-", "B", " ", "x"];
        let is_delimiter = |line: &str| {
            let line = line.trim_end_matches([' ', '\t']);
            line == "--B" || line == "--B--"
        };
        let mut tried = 0;
        for number in 0..PIECES.len().pow(5) {
            let digits = (0..5u32).map(|digit| number / PIECES.len().pow(digit) % PIECES.len());
            let content: String = digits.map(|digit| PIECES[digit]).collect();
            let message = format!("--B\r\n\r\n{content}\r\n--B--");
            // The last line ends with the delimiter's line end and may keep its carriage return.
            let mut lines: Vec<&str> = content.split('\n').collect();
            let last = lines.pop().unwrap_or_default();
            let mut lines = lines
                .iter()
                .map(|line| line.strip_suffix('\r').unwrap_or(line));
            if lines.any(is_delimiter) || is_delimiter(last) {
                continue;
            }
            assert_eq!(read(&message), ok_parts(&[("", &content)]), "{content:?}");
            tried += 1;
        }
        assert!(tried > 15_000);
    }
}

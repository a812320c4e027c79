//! Tracks where the messages of an HTTP/1.1 connection begin and end, in front of the parser that reads them:
//! RFC 9112 §6 (length of the body), §7.1 (chunks) and §9.6 (the last request).
//!
//! The parser accepts some invalid chunk framing, closes the connection without a response on a broken chunk,
//! executes requests after the last one, and allows extensions and trailers of any length. This module detects
//! these cases before the parser sees the bytes. The contents of a head are checked by the parser: a head that it
//! refuses is the last of its connection, so only valid heads must be understood here.

use memchr::memchr;

use crate::wire::error::WireError;

/// The maximum size in bytes of a head that the parser reads.
const HEAD: usize = 128 * 1024;

/// The maximum number of digits in the size of a chunk: up to 2^60 bytes.
const SIZE_DIGITS: u32 = 15;

/// Tracks the requests of one connection.
#[derive(Debug)]
pub struct Framing {
    state: FrameState,
    /// The maximum size of a body in bytes, framing included.
    limit: u64,
    /// The bytes of this body so far, framing included.
    body: u64,
    /// The line of the head that is being read.
    line: Vec<u8>,
    /// The bytes of the head so far.
    head: usize,
    request: Request,
}

/// The properties of a request that matter for framing.
#[derive(Debug, Default)]
struct Request {
    /// The request line has been seen.
    begun: bool,
    is_http_10: bool,
    chunked: bool,
    length: u64,
    keep_alive: bool,
    close: bool,
    websocket: bool,
    connect: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameState {
    /// In a head.
    Head,
    /// In a body with this many bytes left.
    Body(u64),
    /// In the size of a chunk; `digits` does not count leading zeros and is 0 before the first digit.
    Size {
        digits: u32,
        size: u64,
    },
    /// In the extensions of a chunk (RFC 9112 §7.1.1): in a quoted string, after a backslash in it.
    Extension {
        size: u64,
        quoted: bool,
        escaped: bool,
    },
    /// Before the line feed of the first line of a chunk.
    SizeLf(u64),
    /// In a chunk with this many bytes left.
    Chunk(u64),
    /// After the data of a chunk.
    ChunkCr,
    ChunkLf,
    /// At the beginning of a line of the trailer section (RFC 9112 §7.1.2).
    Trailer,
    /// In a line of the trailer section.
    TrailerLine,
    TrailerLf,
    /// Before the last line feed of a chunked body.
    EndLf,
    /// After the last request.
    Last,
    /// The connection no longer carries HTTP/1.1 messages.
    Other,
}

/// The result for a piece of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Followed {
    /// All bytes belong to requests.
    All,
    /// This many do; the rest comes after the last request of the connection.
    Last(usize),
}

impl Framing {
    /// A connection whose bodies may have at most `limit` bytes, framing included.
    pub fn new(limit: u64) -> Self {
        Framing {
            state: FrameState::Head,
            limit,
            body: 0,
            line: Vec::new(),
            head: 0,
            request: Request::default(),
        }
    }

    /// Processes the next bytes of the connection.
    ///
    /// # Errors
    /// The body breaks the chunk grammar or exceeds the limit; the error comes with the number of valid bytes.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<Followed, (usize, WireError)> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.state {
                FrameState::Other => return Ok(Followed::All),
                FrameState::Last => return Ok(Followed::Last(at)),
                FrameState::Head => at += self.read_head(rest),
                FrameState::Body(left) => {
                    at += self.pass(left, rest.len(), at, FrameState::Body)?
                }
                FrameState::Chunk(left) => {
                    at += self.pass(left, rest.len(), at, FrameState::Chunk)?
                }
                _ => {
                    let byte = rest.first().copied().unwrap_or_default();
                    self.count(1, at)?;
                    self.state = self.next(byte).map_err(|what| {
                        let offset = self.body.saturating_sub(1);
                        (at, WireError::HttpChunk { offset, what })
                    })?;
                    at += 1;
                    if self.state == FrameState::Head {
                        self.end_of_request();
                    }
                }
            }
        }
        Ok(Followed::All)
    }

    /// Counts bytes of the body.
    fn count(&mut self, count: u64, at: usize) -> Result<(), (usize, WireError)> {
        self.body += count;
        match self.body > self.limit {
            true => Err((at, WireError::HttpTooLarge { limit: self.limit })),
            false => Ok(()),
        }
    }

    /// Skips content of a body or a chunk that has `left` bytes left.
    fn pass(
        &mut self,
        left: u64,
        available: usize,
        at: usize,
        within: fn(u64) -> FrameState,
    ) -> Result<usize, (usize, WireError)> {
        let passed = left.min(available as u64);
        // An announced length has been compared with the limit already.
        if within(0) == FrameState::Chunk(0) {
            self.count(passed, at)?;
        }
        self.state = within(left - passed);
        match self.state {
            FrameState::Chunk(0) => self.state = FrameState::ChunkCr,
            FrameState::Body(0) => {
                self.state = FrameState::Head;
                self.end_of_request();
            }
            _ => {}
        }
        Ok(usize::try_from(passed).unwrap_or(available))
    }

    /// The state after one byte of framing, or what is wrong with the byte.
    fn next(&mut self, byte: u8) -> Result<FrameState, &'static str> {
        Ok(match (self.state, byte) {
            (FrameState::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits >= SIZE_DIGITS {
                    return Err("the size of a chunk has too many digits");
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                FrameState::Size {
                    // Leading zeros do not count.
                    digits: if size == 0 { 1 } else { digits + 1 },
                    size: size << 4 | u64::from(digit),
                }
            }
            (FrameState::Size { digits: 0, .. }, _) => {
                return Err("a chunk does not begin with its size in hexadecimal digits");
            }
            (FrameState::Size { size, .. }, b';') => FrameState::Extension {
                size,
                quoted: false,
                escaped: false,
            },
            (FrameState::Size { size, .. }, b'\r') => FrameState::SizeLf(size),
            (FrameState::Size { .. }, b' ' | b'\t') => {
                return Err("a blank follows the size of a chunk");
            }
            (FrameState::Size { .. }, _) => {
                return Err("the size of a chunk contains something other than hexadecimal digits");
            }
            (
                FrameState::Extension {
                    size,
                    quoted: false,
                    ..
                },
                b'\r',
            ) => FrameState::SizeLf(size),
            (FrameState::Extension { .. }, 0..=8 | 10..=31 | 127) => {
                return Err("the extension of a chunk contains a control character");
            }
            (
                FrameState::Extension {
                    size,
                    quoted,
                    escaped,
                },
                _,
            ) => FrameState::Extension {
                size,
                quoted: quoted != (byte == b'"' && !escaped),
                escaped: quoted && !escaped && byte == b'\\',
            },
            (FrameState::SizeLf(0), b'\n') => FrameState::Trailer,
            (FrameState::SizeLf(size), b'\n') => FrameState::Chunk(size),
            (FrameState::ChunkCr, b'\r') => FrameState::ChunkLf,
            (FrameState::ChunkLf, b'\n') => FrameState::Size { digits: 0, size: 0 },
            (FrameState::ChunkCr | FrameState::ChunkLf, _) => {
                return Err("a chunk is longer than its size says, or its size is wrong");
            }
            (FrameState::Trailer, b'\r') => FrameState::EndLf,
            (FrameState::TrailerLine, b'\r') => FrameState::TrailerLf,
            (FrameState::TrailerLf, b'\n') => FrameState::Trailer,
            (FrameState::EndLf, b'\n') => FrameState::Head,
            (FrameState::Trailer | FrameState::TrailerLine, 9 | 32..=126 | 128..) => {
                FrameState::TrailerLine
            }
            (FrameState::Trailer | FrameState::TrailerLine, _) => {
                return Err("the trailer after the last chunk contains a control character");
            }
            (FrameState::SizeLf(_) | FrameState::TrailerLf | FrameState::EndLf, _) => {
                return Err("a carriage return is followed by something other than a line feed");
            }
            // Not part of the framing.
            (state, _) => state,
        })
    }

    /// Reads up to one line of a head and returns the number of bytes read.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'\n', bytes).map(|end| end + 1);
        let count = end.unwrap_or(bytes.len());
        self.head += count;
        if self.head > HEAD {
            // The parser refuses it.
            self.state = FrameState::Other;
            return count;
        }
        self.line
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            self.read_line(text.strip_suffix(b"\r").unwrap_or(text));
            self.line = line;
            self.line.clear();
        }
        count
    }

    fn read_line(&mut self, line: &[u8]) {
        let request = &mut self.request;
        match (request.begun, line.is_empty()) {
            // Empty lines before a request are not part of it (RFC 9112 §2.2).
            (false, true) => {}
            (false, false) => {
                request.begun = true;
                request.is_http_10 = line.ends_with(b"HTTP/1.0");
                request.connect = line.starts_with(b"CONNECT ");
            }
            (true, false) => request.read_field(line),
            (true, true) => {
                self.body = 0;
                self.state = match request {
                    Request { chunked: true, .. } => FrameState::Size { digits: 0, size: 0 },
                    Request {
                        websocket: true, ..
                    }
                    | Request {
                        connect: true,
                        length: 0,
                        ..
                    } => FrameState::Other,
                    Request { length: 0, .. } => FrameState::Head,
                    Request { length, .. } => FrameState::Body(*length),
                };
                if self.state == FrameState::Head {
                    self.end_of_request();
                }
            }
        }
    }

    /// Ends a complete request: another one may follow, unless this was the last.
    fn end_of_request(&mut self) {
        let request = std::mem::take(&mut self.request);
        self.head = 0;
        // The capacity of the buffer is kept unless a head was very long.
        self.line.shrink_to(1024);
        if request.close || (request.is_http_10 && !request.keep_alive) {
            self.state = FrameState::Last;
        }
    }
}

impl Request {
    fn read_field(&mut self, line: &[u8]) {
        let Some(colon) = memchr(b':', line) else {
            return;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("content-length") {
            let digits = std::str::from_utf8(value).ok();
            self.length = digits.and_then(|it| it.parse().ok()).unwrap_or_default();
        } else if is("transfer-encoding") {
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if is("upgrade") {
            self.websocket |= value.eq_ignore_ascii_case(b"websocket");
        } else if is("connection") {
            for option in value.split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// Processes a connection in pieces of this length; returns the error and the number of valid bytes.
    fn follow(bytes: &str, piece: usize, limit: u64) -> Result<(Followed, usize), (usize, String)> {
        let mut framing = Framing::new(limit);
        let mut seen = 0;
        for piece in bytes.as_bytes().chunks(piece) {
            match framing.follow(piece) {
                Ok(Followed::All) => seen += piece.len(),
                Ok(Followed::Last(good)) => return Ok((Followed::Last(0), seen + good)),
                Err((good, error)) => return Err((seen + good, error.to_string())),
            }
        }
        Ok((Followed::All, seen))
    }

    fn in_all_pieces(bytes: &str, limit: u64) -> Result<(Followed, usize), (usize, String)> {
        let whole = follow(bytes, bytes.len(), limit);
        for piece in [1, 2, 3, 7] {
            assert_eq!(follow(bytes, piece, limit), whole, "{bytes:?} by {piece}");
        }
        whole
    }

    #[test]
    fn valid_requests_pass() {
        for requests in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\nGET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\0\r\nPOST / HTTP/1.1\r\nCONTENT-LENGTH: 0\r\n\r\n",
            "POST / HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\0\0anything\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nanything",
        ] {
            let whole = Ok((Followed::All, requests.len()));
            assert_eq!(in_all_pieces(requests, 100), whole, "{requests:?}");
        }
        for chunks in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00A;name;x=y;q=\"a;\\\"b\"\r\n0123456789\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
            "3;a = b\r\nabc\r\n0;last\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            let request = format!("{CHUNKED}{chunks}");
            let whole = Ok((Followed::All, request.len()));
            assert_eq!(in_all_pieces(&request, 100), whole, "{request:?}");
        }
    }

    #[test]
    fn broken_chunks_are_reported_with_their_offset() {
        for (good, bad, what) in [
            ("", "x\r\n", "does not begin with its size"),
            ("", "\r\n", "does not begin with its size"),
            ("", " 5\r\n", "does not begin with its size"),
            ("5", " \r\nhello", "a blank follows"),
            ("5", "\t;x\r\nhello", "a blank follows"),
            ("5", "g\r\n", "something other than hexadecimal"),
            ("5", "\nhello", "something other than hexadecimal"),
            ("0", "x5\r\n", "something other than hexadecimal"),
            ("fffffffffffffff", "f\r\n", "too many digits"),
            ("5\r", "hello", "carriage return"),
            ("5;a=", "\x01\r\n", "control character"),
            ("5;a=\"", "\r\n", "control character"),
            ("5\r\nhello", "!\r\n0\r\n\r\n", "longer than its size"),
            ("5\r\nhello\r", "0\r\n\r\n", "longer than its size"),
            ("5\r\nhello\r\n", "\r\n", "does not begin with its size"),
            ("0\r\nA: b", "\n\r\n", "control character"),
            ("0\r\nA: b\r", "x", "carriage return"),
            ("0\r\n\r", "x", "carriage return"),
        ] {
            let request = format!("{CHUNKED}{good}{bad}");
            let (at, error) = in_all_pieces(&request, 1_000).unwrap_err();
            assert_eq!(at, CHUNKED.len() + good.len(), "{request:?}");
            assert!(error.contains(what), "{request:?}: {error}");
            let offset = format!("offset {}", good.len());
            assert!(error.contains(&offset), "{request:?}: {error}");
        }
    }

    #[test]
    fn extensions_and_trailers_count_towards_the_limit() {
        let longest = format!("5;x={}\r\nhello\r\n0\r\n\r\n", "y".repeat(80));
        for chunks in [
            longest,
            format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", "y".repeat(79)),
            "1\r\na\r\n".repeat(15) + "0\r\n\r\n",
        ] {
            let request = format!("{CHUNKED}{chunks}");
            let length = chunks.len() as u64;
            assert!(in_all_pieces(&request, length).is_ok(), "{chunks}");
            let (_, error) = follow(&request, 1, length - 1).unwrap_err();
            assert!(error.contains("larger than the"), "{error}");
        }
        // The limit applies to each request separately.
        let two = format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\n").repeat(2);
        assert!(in_all_pieces(&two, 15).is_ok());
    }

    #[test]
    fn bytes_after_the_last_request_are_ignored() {
        let next = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
        for last in [
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nconnection: x,  CLOSE\r\n\r\n".to_owned(),
            "GET / HTTP/1.0\r\n\r\n".to_owned(),
            "POST / HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab".to_owned(),
            CHUNKED.replace("Host: a", "Connection: close") + "2\r\nab\r\n0\r\n\r\n",
        ] {
            let request = format!("{last}{next}");
            let found = Ok((Followed::Last(0), last.len()));
            let whole = follow(&request, request.len(), 100);
            assert_eq!(
                whole.map(|(_, at)| (Followed::Last(0), at)),
                found,
                "{last}"
            );
            assert_eq!(follow(&request, 1, 100), found, "{last}");
        }
    }

    #[test]
    fn oversized_head_is_left_to_the_parser() {
        let request = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD));
        assert_eq!(
            follow(&request, 4_096, 10),
            Ok((Followed::All, request.len()))
        );
    }
}

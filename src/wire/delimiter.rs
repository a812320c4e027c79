//! The lines that separate the parts of a multipart message.
//!
//! Finds the next delimiter in a window of the message and classifies a single line; `mime` decides
//! what begins or ends there. Every byte of an upload passes through here, so this code is optimized
//! for speed.
//!
//! Follows RFC 2046 §5.1.1. The line end before a delimiter belongs to the delimiter, not to the
//! content. A delimiter is a complete line: a boundary in the middle of a line, or at the start of a
//! longer one, is content.

use memchr::{memmem, memrchr};

/// The delimiter of one message, and whether the next window may begin with it.
#[derive(Debug)]
pub(crate) struct Delimiter {
    /// A line feed, two dashes and the boundary.
    finder: memmem::Finder<'static>,
    /// The window begins at the start of a line, where a delimiter needs no line end before it.
    at_line_start: bool,
}

/// The classification of a line.
pub(crate) enum Line {
    /// Not a delimiter.
    Other,
    /// The end of the line is not in the window.
    Undecided,
    /// A delimiter, the closing one if `closes`; `length` includes its line end.
    Delimiter { length: usize, closes: bool },
}

/// The result of a search in a window.
pub(crate) enum Found {
    /// No certain delimiter; this many bytes are certainly content.
    Plain(usize),
    /// The number of bytes `before` the delimiter and its line end, and the position `after` it.
    Delimiter {
        before: usize,
        after: usize,
        closes: bool,
    },
}

impl Delimiter {
    /// The delimiter for this boundary, at the start of a message.
    pub(crate) fn new(boundary: &str) -> Self {
        let delimiter = format!("\n--{boundary}");
        Delimiter {
            finder: memmem::Finder::new(delimiter.as_bytes()).into_owned(),
            at_line_start: true,
        }
    }

    /// Accepts a delimiter at the start of the next window: the line end before it was consumed.
    pub(crate) fn expect_line_start(&mut self) {
        self.at_line_start = true;
    }

    /// Finds the first delimiter in the window; `ended` means that the message ends with the window.
    ///
    /// If nothing is certain at the end of the message, the message is truncated.
    pub(crate) fn find(&mut self, window: &[u8], ended: bool) -> Result<Found, &'static str> {
        if self.at_line_start {
            match self.line(window, ended)? {
                Line::Other => self.at_line_start = false,
                Line::Undecided => return Ok(Found::Plain(0)),
                Line::Delimiter { length, closes } => {
                    return Ok(Found::Delimiter {
                        before: 0,
                        after: length,
                        closes,
                    });
                }
            }
        }
        for line_feed in self.finder.find_iter(window) {
            let (before, line) = window.split_at(line_feed);
            let before = before.strip_suffix(b"\r").unwrap_or(before).len();
            match self.line(line.get(1..).unwrap_or_default(), ended)? {
                Line::Other => {}
                Line::Undecided => return Ok(Found::Plain(before)),
                Line::Delimiter { length, closes } => {
                    return Ok(Found::Delimiter {
                        before,
                        after: line_feed + 1 + length,
                        closes,
                    });
                }
            }
        }
        Ok(Found::Plain(self.certain(window)))
    }

    /// Whether the line at the start of the window is a delimiter.
    pub(crate) fn line(&self, window: &[u8], ended: bool) -> Result<Line, &'static str> {
        const MAX_BLANKS: usize = 1024;
        let undecided = if ended { Line::Other } else { Line::Undecided };
        let dashes_and_boundary = self.finder.needle().get(1..).unwrap_or_default();
        let Some(rest) = window.strip_prefix(dashes_and_boundary) else {
            let begins_so = dashes_and_boundary.starts_with(window);
            return Ok(if begins_so { undecided } else { Line::Other });
        };
        if rest == b"-" {
            return Ok(undecided);
        }
        let closed = rest.strip_prefix(b"--");
        let closes = closed.is_some();
        let rest = closed.unwrap_or(rest);
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
        let blanks = blanks.take(MAX_BLANKS + 1).count();
        if blanks > MAX_BLANKS {
            return Err("the line of a delimiter has too many blanks");
        }
        let rest = rest.get(blanks..).unwrap_or_default();
        let line_end = match rest {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            // The closing delimiter may be the last thing in the message.
            [] | [b'\r'] if ended && closes => rest.len(),
            [] | [b'\r'] => return Ok(undecided),
            _ => return Ok(Line::Other),
        };
        Ok(Line::Delimiter {
            length: window.len() - rest.len() + line_end,
            closes,
        })
    }

    /// The number of bytes of a window without a delimiter that cannot become part of one.
    fn certain(&self, window: &[u8]) -> usize {
        let delimiter = self.finder.needle();
        let earlier = window.len().saturating_sub(delimiter.len());
        let tail = window.get(earlier..).unwrap_or_default();
        let plain = match memrchr(b'\n', tail).map(|at| tail.split_at(at)) {
            Some((plain, begun)) if delimiter.starts_with(begun) => earlier + plain.len(),
            _ => window.len(),
        };
        let plain = window.get(..plain).unwrap_or_default();
        plain.strip_suffix(b"\r").unwrap_or(plain).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content before the delimiter, what follows the delimiter, and whether it closes.
    fn found(window: &str) -> Option<(&str, &str, bool)> {
        let mut delimiter = Delimiter::new("B");
        match delimiter.find(window.as_bytes(), false).unwrap() {
            Found::Plain(_) => None,
            Found::Delimiter {
                before,
                after,
                closes,
            } => Some((&window[..before], &window[after..], closes)),
        }
    }

    fn certain(window: &str) -> &str {
        let mut delimiter = Delimiter::new("B");
        match delimiter.find(window.as_bytes(), false).unwrap() {
            Found::Plain(plain) => &window[..plain],
            Found::Delimiter { .. } => panic!("a delimiter in {window:?}"),
        }
    }

    #[test]
    fn delimiter_includes_both_of_its_line_ends() {
        assert_eq!(found("--B\r\nx"), Some(("", "x", false)));
        assert_eq!(found("--B--\nx"), Some(("", "x", true)));
        assert_eq!(found("a\r\n--B \t\r\nx"), Some(("a", "x", false)));
        assert_eq!(found("a\n--B--\r\nx"), Some(("a", "x", true)));
        assert_eq!(found("a\r\n\r\n--B\nx"), Some(("a\r\n", "x", false)));
        assert_eq!(
            found("a\r\n--Bc\r\n--B\nx"),
            Some(("a\r\n--Bc", "x", false))
        );
    }

    #[test]
    fn possible_delimiters_are_held_back() {
        for (window, plain) in [
            ("", ""),
            ("-", ""),
            ("--B", ""),
            ("--B--", ""),
            ("--B-- \r", ""),
            ("--C", "--C"),
            ("a", "a"),
            ("a\r", "a"),
            ("a\r\n", "a"),
            ("a\n--", "a"),
            ("a\r\n--B", "a"),
            ("a\r\n--B-", "a"),
            ("a\r\n--B--", "a"),
            ("a\r\n--B \t", "a"),
            ("a\r\n--B\r", "a"),
            ("a\r\n--C", "a\r\n--C"),
            ("a\r\n--B\rb", "a\r\n--B\rb"),
            ("a\r\r", "a\r"),
        ] {
            assert_eq!(certain(window), plain, "{window:?}");
        }
    }

    #[test]
    fn only_the_closing_delimiter_may_end_with_the_message() {
        let ended = |line: &str| {
            let judged = Delimiter::new("B").line(line.as_bytes(), true).unwrap();
            matches!(judged, Line::Delimiter { length, closes: true } if length == line.len())
        };
        assert!(ended("--B--") && ended("--B-- \t") && ended("--B--\r") && ended("--B--\r\n"));
        assert!(!ended("--B") && !ended("--B-") && !ended("--B\r\n") && !ended("--"));
    }
}

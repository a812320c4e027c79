//! The document as valid text: a window that moves over the source's bytes.
//!
//! Every byte passes through here once. The result is UTF-8 that contains only
//! characters allowed in XML (XML 1.0 §2.2), so the other files need not check
//! this again. The window grows only as far as callers look ahead.

use std::io::{self, Read};

use crate::wiped::{Wiped, WipedText};

use super::chars;
use super::error::{Position, XmlError, XmlErrorKind};

/// Bytes read from the source at a time: the first size and the maximum. It grows with the document.
const FIRST_READ: usize = 4 * 1024;
const READ: usize = 32 * 1024;

pub(super) struct Source<R> {
    inner: R,
    /// Bytes as received. The first `cut` of them are the beginning of a
    /// character whose remaining bytes have not arrived yet.
    raw: Wiped,
    cut: usize,
    /// Validated text. The part before `start` has been consumed.
    text: WipedText,
    start: usize,
    /// The position of `start`.
    position: Position,
    /// What follows `text`, once the source has ended or failed.
    end: Option<End>,
}

enum End {
    Finished,
    Broken(XmlErrorKind),
}

impl<R: Read> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            raw: vec![0; FIRST_READ].into(),
            cut: 0,
            text: WipedText::default(),
            start: 0,
            position: Position::START,
            end: None,
        }
    }

    /// The text ahead: at least `wanted` bytes, fewer only at the end of the
    /// document.
    pub(super) fn ahead(&mut self, wanted: usize) -> Result<&str, XmlError> {
        while self.window().len() < wanted && self.end.is_none() {
            self.read_more();
        }
        if self.window().len() < wanted
            && let Some(End::Broken(kind)) = self.end.take_if(|end| matches!(end, End::Broken(_)))
        {
            self.end = Some(End::Finished);
            return Err(self.error_at(self.window().len(), kind));
        }
        Ok(self.window())
    }

    /// The first `bytes` bytes of the text ahead, which must have been requested before.
    pub(super) fn seen(&self, bytes: usize) -> &str {
        self.window().get(..bytes).unwrap_or_default()
    }

    /// Consumes `bytes` bytes of the text ahead.
    pub(super) fn consume(&mut self, bytes: usize) {
        let consumed = self.window().get(..bytes);
        debug_assert!(consumed.is_some(), "offset {bytes} is inside a character");
        self.position = self.position.after(consumed.unwrap_or_default());
        self.start += bytes;
    }

    /// Skips the byte order mark, which is not part of the document.
    pub(super) fn skip_byte_order_mark(&mut self) -> Result<(), XmlError> {
        let mark = '\u{FEFF}';
        if self.ahead(mark.len_utf8())?.starts_with(mark) {
            self.start += mark.len_utf8();
            self.position.offset += mark.len_utf8() as u64;
        }
        Ok(())
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// An error at the current position.
    pub(super) fn error(&self, kind: XmlErrorKind) -> XmlError {
        self.error_at(0, kind)
    }

    /// An error `bytes` bytes ahead of the current position.
    pub(super) fn error_at(&self, bytes: usize, kind: XmlErrorKind) -> XmlError {
        let position = self.position.after(self.seen(bytes));
        XmlError { kind, position }
    }

    /// The number of bytes that it holds in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.raw.len() + self.text.capacity()
    }

    fn window(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    fn read_more(&mut self) {
        self.text.drain(..self.start);
        self.start = 0;
        match self.read_raw() {
            Ok(0) if self.cut == 0 => self.end = Some(End::Finished),
            Ok(0) => self.end = Some(End::Broken(XmlErrorKind::NotUtf8)),
            Ok(read) => {
                let len = self.cut + read;
                self.take_in(len);
                if len == self.raw.len() {
                    self.raw.set_len_zeroed((len * 2).min(READ));
                }
            }
            Err(error) => self.end = Some(End::Broken(XmlErrorKind::Io(error))),
        }
    }

    fn read_raw(&mut self) -> io::Result<usize> {
        let space = self.raw.get_mut(self.cut..).unwrap_or_default();
        loop {
            match self.inner.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Appends the valid part of the first `len` raw bytes to the window.
    fn take_in(&mut self, len: usize) {
        let raw = self.raw.get(..len).unwrap_or_default();
        let (text, rest) = decode(raw);
        self.cut = 0;
        if let Some((legal, (_, illegal))) =
            chars::first_illegal(text).and_then(|found| Some((text.get(..found.0)?, found)))
        {
            self.text.push_str(legal);
            self.end = Some(End::Broken(XmlErrorKind::Char(illegal.into())));
            return;
        }
        self.text.push_str(text);
        match rest {
            Rest::Cut(bytes) => {
                self.raw.copy_within(len - bytes..len, 0);
                self.cut = bytes;
            }
            Rest::Wrong => self.end = Some(End::Broken(XmlErrorKind::NotUtf8)),
        }
    }
}

/// What follows the valid part of some bytes.
enum Rest {
    /// The first bytes of a character that continues in the next read; often 0.
    Cut(usize),
    /// Bytes that are invalid, whatever follows.
    Wrong,
}

fn decode(raw: &[u8]) -> (&str, Rest) {
    let error = match str::from_utf8(raw) {
        Ok(text) => return (text, Rest::Cut(0)),
        Err(error) => error,
    };
    let good = raw.get(..error.valid_up_to()).unwrap_or_default();
    let text = str::from_utf8(good).unwrap_or_default();
    match error.error_len() {
        None => (text, Rest::Cut(raw.len() - good.len())),
        Some(_) => (text, Rest::Wrong),
    }
}

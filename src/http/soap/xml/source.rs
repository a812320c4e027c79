//! The document as legal text: a window that moves over the source's bytes.
//!
//! Every byte passes through here once and comes out as UTF-8 of characters
//! that XML allows (XML 1.0 §2.2), so that no other file has to ask again. The
//! window grows only as far as somebody asks to look ahead.

use std::io::{self, Read};

use crate::wiped::{Wiped, WipedText};

use super::chars;
use super::error::{Position, XmlError, XmlErrorKind};

/// How much is read from the source at once, at first and at the most: it grows with the document.
const FIRST_READ: usize = 4 * 1024;
const READ: usize = 32 * 1024;

pub(super) struct Source<R> {
    inner: R,
    /// Bytes as they came. The first `cut` of them are the beginning of a
    /// character whose rest has not come yet.
    raw: Wiped,
    cut: usize,
    /// What has been found good. Before `start` it has been consumed.
    text: WipedText,
    start: usize,
    /// The place of `start`.
    position: Position,
    /// What comes after `text`, once no more will be read.
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

    /// What lies ahead: at least `wanted` bytes of it, fewer only when the
    /// document has no more.
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

    /// The first so many bytes of what lies ahead, after they have been asked for.
    pub(super) fn seen(&self, bytes: usize) -> &str {
        self.window().get(..bytes).unwrap_or_default()
    }

    /// Moves on by so many bytes of what lies ahead.
    pub(super) fn consume(&mut self, bytes: usize) {
        let consumed = self.window().get(..bytes);
        debug_assert!(consumed.is_some(), "{bytes} cuts a character");
        self.position = self.position.after(consumed.unwrap_or_default());
        self.start += bytes;
    }

    /// Skips the byte order mark, which is no character of the document.
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

    /// An error here.
    pub(super) fn error(&self, kind: XmlErrorKind) -> XmlError {
        self.error_at(0, kind)
    }

    /// An error so many bytes ahead of here.
    pub(super) fn error_at(&self, bytes: usize, kind: XmlErrorKind) -> XmlError {
        let position = self.position.after(self.seen(bytes));
        XmlError { kind, position }
    }

    /// The bytes that it holds.
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

    /// Appends to the window what is good of the first `len` raw bytes.
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

/// What follows the good part of some bytes.
enum Rest {
    /// So many bytes of a character that goes on in the next read, often none.
    Cut(usize),
    /// Bytes that no next read can make right.
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

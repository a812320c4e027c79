//! Scans the tags of an XML part as it is decompressed, without names and trees, to find out how much of it a reader
//! must hold at once.
//!
//! The scanner follows quick-xml: a tag ends at the first `>` outside quotation marks, an end tag at the first `>`,
//! an instruction at `?>`. Comments, CDATA and document types, which no spreadsheet program writes there, may hide
//! tags: a part that contains one of them counts as a single item.

use memchr::{memchr, memchr3};

/// The state of the scanner.
#[derive(Debug)]
pub(super) struct Tags {
    state: TagState,
    /// The name of an end tag, as far as it has been read.
    name: Vec<u8>,
    /// The number of bytes read.
    bytes: u64,
    /// Where the last cell or text ended.
    item: u64,
    longest_item: u64,
    has_hidden: bool,
}

#[derive(Debug, Clone, Copy)]
enum TagState {
    Text,
    /// After `<`.
    Opened,
    Start,
    Quoted(u8),
    End,
    /// Whether the last byte was a question mark.
    Instruction(bool),
    /// After `<!`: nothing more is examined.
    Hidden,
}

/// End tags after which a reader releases what came before.
const ITEMS: [&[u8]; 2] = [b"c", b"si"];

impl Tags {
    /// Creates a scanner at the start of a part.
    pub(super) fn new() -> Self {
        Tags {
            state: TagState::Text,
            name: Vec::new(),
            bytes: 0,
            item: 0,
            longest_item: 0,
            has_hidden: false,
        }
    }

    /// Scans the next bytes.
    pub(super) fn read(&mut self, text: &[u8]) {
        let before = self.bytes;
        let mut rest = text;
        while let Some(first) = rest.first() {
            let at = |length: usize| before + (text.len() - rest.len() + length) as u64;
            let (state, length) = match self.state {
                TagState::Text => match memchr(b'<', rest) {
                    Some(found) => (TagState::Opened, found + 1),
                    None => (TagState::Text, rest.len()),
                },
                TagState::Opened => match first {
                    b'/' => {
                        self.name.clear();
                        (TagState::End, 1)
                    }
                    b'?' => (TagState::Instruction(false), 1),
                    b'!' => {
                        self.has_hidden = true;
                        (TagState::Hidden, rest.len())
                    }
                    _ => (TagState::Start, 0),
                },
                TagState::Start => match memchr3(b'>', b'"', b'\'', rest) {
                    Some(found) => {
                        let state = match rest.get(found) {
                            Some(b'>') | None => TagState::Text,
                            Some(quote) => TagState::Quoted(*quote),
                        };
                        (state, found + 1)
                    }
                    None => (TagState::Start, rest.len()),
                },
                TagState::Quoted(quote) => match memchr(quote, rest) {
                    Some(found) => (TagState::Start, found + 1),
                    None => (TagState::Quoted(quote), rest.len()),
                },
                TagState::End => {
                    let found = memchr(b'>', rest);
                    let end = found.unwrap_or(rest.len());
                    let space = NAME.saturating_sub(self.name.len());
                    let name = rest.get(..end.min(space)).unwrap_or_default();
                    self.name.extend(name);
                    match found {
                        Some(found) => {
                            if self.ends_item() {
                                self.longest_item = self.longest_item.max(at(found) - self.item);
                                self.item = at(found);
                            }
                            (TagState::Text, found + 1)
                        }
                        None => (TagState::End, rest.len()),
                    }
                }
                TagState::Instruction(asked) => match (asked, first) {
                    (true, b'>') => (TagState::Text, 1),
                    (_, b'?') => (TagState::Instruction(true), 1),
                    _ => (TagState::Instruction(false), 1),
                },
                TagState::Hidden => (TagState::Hidden, rest.len()),
            };
            self.state = state;
            rest = rest.get(length..).unwrap_or_default();
        }
        self.bytes += text.len() as u64;
    }

    fn ends_item(&self) -> bool {
        let name = self.name.trim_ascii_end();
        let local = name.rsplit(|byte| *byte == b':').next();
        local.is_some_and(|local| ITEMS.contains(&local))
    }

    /// The largest number of bytes from the end of one cell or text to the end of the next.
    pub(super) fn longest_item(&self) -> u64 {
        match self.has_hidden {
            true => self.bytes,
            false => self.longest_item.max(self.bytes - self.item),
        }
    }
}

/// The number of bytes of a name that are examined.
const NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest item, which must not depend on the pieces.
    fn longest(text: &str) -> u64 {
        let read = |piece: usize| {
            let mut tags = Tags::new();
            for piece in text.as_bytes().chunks(piece) {
                tags.read(piece);
            }
            assert_eq!(tags.bytes, text.len() as u64);
            tags.longest_item()
        };
        let whole = read(text.len());
        for piece in 1..text.len().min(9) {
            assert_eq!(read(piece), whole, "by {piece}");
        }
        whole
    }

    #[test]
    fn cells_and_texts_end_items() {
        assert_eq!(longest("<a/><c><v>1</v></c><c></c>"), 18);
        assert_eq!(longest("<x:si>abcdefghij</x:si ><x:si/>"), 23);
        assert_eq!(longest("<a><b></b></a>"), 14, "no item at all");
    }

    #[test]
    fn quoted_attribute_values_are_not_tags() {
        assert_eq!(longest("<c a=\"</c></c></c></c>\"/>"), 25);
        assert_eq!(longest("<c a='</c>\"</c></c></c>'/>"), 26);
        assert_eq!(longest("</x \"><c a=\"</c></c></c>\"></c>"), 29);
    }

    #[test]
    fn parts_with_hidden_tags_count_as_one_item() {
        assert_eq!(longest("<c></c><!-- </c> --><c></c>"), 27);
        assert_eq!(longest("<?xml </c> ?><c></c>"), 19);
    }
}

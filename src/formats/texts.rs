//! The shared strings of a workbook, stored in one buffer.

use std::io::BufRead;

use quick_xml::events::Event;

use crate::formats::error::FormatError;
use crate::formats::memory::Memory;
use crate::formats::xml_part::{XmlPart, attribute};

/// The memory overhead of a text in bytes, estimated generously.
const COST: u64 = 24;

/// Texts by index.
#[derive(Debug, Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    /// The text with this index, from 0.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// Appends the text that `write` writes, even if it fails.
    pub(super) fn push<T>(&mut self, write: impl FnOnce(&mut String) -> T) -> T {
        let written = write(&mut self.text);
        self.ends.push(self.text.len());
        written
    }

    /// Removes the last text.
    pub(super) fn pop(&mut self) {
        self.ends.pop();
        self.text
            .truncate(self.ends.last().copied().unwrap_or_default());
    }

    /// Reads the shared strings part of an xlsx workbook (ECMA-376 part 1 §18.4.9). The declared number of strings
    /// is ignored.
    ///
    /// # Errors
    /// The part is not valid XML, or the texts exceed the memory limit.
    pub(super) fn read<R: BufRead>(part: R, memory: &mut Memory) -> Result<Self, FormatError> {
        let mut xml = XmlPart::new(part);
        let (mut texts, mut scratch) = (Texts::default(), String::new());
        loop {
            let is_item = match xml.next()? {
                Some(Event::Start(start)) => start.local_name().as_ref() == "si",
                Some(_) => false,
                None => {
                    texts.text.shrink_to_fit();
                    texts.ends.shrink_to_fit();
                    return Ok(texts);
                }
            };
            if is_item {
                let before = texts.text.len();
                texts.push(|text| item(&mut xml, &mut scratch, text))?;
                memory.take((texts.text.len() - before) as u64 + COST)?;
            }
        }
    }
}

/// Appends the text of an element `si` or `is` that has just begun: a plain text or rich text runs, without phonetic
/// text (§18.4.8).
///
/// # Errors
/// The part is not valid XML or ends too early.
pub(super) fn item<R: BufRead>(
    xml: &mut XmlPart<R>,
    scratch: &mut String,
    text: &mut String,
) -> Result<(), FormatError> {
    enum Tag {
        /// Whether surrounding blanks are kept.
        Text(bool),
        Phonetic,
        Other,
        End,
        None,
    }
    let mut depth = 0_usize;
    loop {
        let tag = match xml.inside()? {
            Event::End(_) => Tag::End,
            Event::Start(start) => match start.local_name().as_ref() {
                "t" => {
                    let space = attribute(&start, "space");
                    Tag::Text(space.is_some_and(|value| value == "preserve"))
                }
                "rPh" => Tag::Phonetic,
                _ => Tag::Other,
            },
            _ => Tag::None,
        };
        match tag {
            Tag::Text(keeps) => {
                scratch.clear();
                xml.text(scratch)?;
                let piece = match keeps {
                    true => scratch.as_str(),
                    false => scratch.trim_matches([' ', '\t', '\r', '\n']),
                };
                push_unescaped(piece, text);
            }
            Tag::Phonetic => xml.skip()?,
            Tag::Other => depth += 1,
            Tag::End => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Ok(()),
            },
            Tag::None => {}
        }
    }
}

/// Appends text and unescapes `_x000D_` (§22.9.2.19); an unpaired surrogate becomes U+FFFD.
pub(super) fn push_unescaped(piece: &str, text: &mut String) {
    let mut rest = piece;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"_x") {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let Some(first) = escaped(from) else {
            text.push_str("_x");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        let after = from.get(ESCAPE..).unwrap_or_default();
        let second = escaped(after).filter(|unit| (0xdc00..0xe000).contains(unit));
        let pair = second.filter(|_| (0xd800..0xdc00).contains(&first));
        let units = [Some(first), pair].into_iter().flatten();
        let characters = char::decode_utf16(units);
        text.extend(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)));
        rest = match pair {
            Some(_) => after.get(ESCAPE..).unwrap_or_default(),
            None => after,
        };
    }
    text.push_str(rest);
}

/// The length of `_x000D_` in bytes.
const ESCAPE: usize = 7;

fn escaped(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("_x")?.get(..4)?;
    let ends = text.as_bytes().get(6) == Some(&b'_');
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (ends && all).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(part: &str) -> Vec<String> {
        let texts = Texts::read(part.as_bytes(), &mut Memory::new(10_000)).unwrap();
        (0..texts.ends.len())
            .map(|index| texts.get(index).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn texts_are_plain_or_rich_and_the_count_is_ignored() {
        let part = "<x:sst xmlns:x='a' uniqueCount='99999999999' count='1'><x:si><x:t>a &amp; b</x:t></x:si>\
            <x:si/><x:si><x:t/></x:si>\
            <x:si><x:r><x:rPr><x:b/></x:rPr><x:t xml:space='preserve'>Mi </x:t></x:r><x:r><x:t>ra</x:t></x:r>\
            <x:rPh sb='0' eb='1'><x:t>no</x:t></x:rPh></x:si>\
            <x:si><x:t> in \r\n</x:t></x:si><x:si><x:t xml:space='preserve'> out </x:t></x:si>\
            <x:si><x:t><![CDATA[<1>]]>&#x20AC;</x:t></x:si></x:sst>";
        let expected = ["a & b", "", "", "Mi ra", "in", " out ", "<1>€"];
        assert_eq!(read(part), expected);
        assert_eq!(read("<sst/>"), [""; 0]);
    }

    #[test]
    fn escapes_are_decoded() {
        for (escaped, expected) in [
            ("plain", "plain"),
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("_xD83D__xDC1F_", "🐟"),
            ("_xD83D_", "\u{fffd}"),
            ("_xDC1F__x0041_", "\u{fffd}A"),
            ("_x000_ _xyz _x", "_x000_ _xyz _x"),
            ("_x00é1_", "_x00é1_"),
            ("_x+041_", "_x+041_"),
        ] {
            let mut text = String::new();
            push_unescaped(escaped, &mut text);
            assert_eq!(text, expected, "{escaped}");
        }
    }

    #[test]
    fn memory_limit_is_enforced() {
        let part = format!("<sst>{}</sst>", "<si/>".repeat(1_000));
        let error = Texts::read(part.as_bytes(), &mut Memory::new(10_000)).unwrap_err();
        assert_eq!(error.code(), "IMP-WORKBOOK-SIZE");
    }
}

//! The characters of a text in any charset, each with the bytes that it takes up.

use encoding_rs::Encoding;

use crate::formats::charset::TextCharset;

/// Bytes that one character takes up at the most.
const LONGEST: usize = 4;

/// A character of a text, or bytes that are not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where its bytes begin.
    pub start: usize,
    /// How many there are.
    pub length: usize,
    /// None: the bytes are not a character of the charset.
    pub character: Option<char>,
}

/// Reads and writes characters of one charset.
pub(super) enum Units {
    Utf8,
    /// Whether the less significant byte comes first.
    Utf16(bool),
    /// One byte each; the characters of the bytes from 0x80 on.
    Table(Box<[char; 128]>),
    /// ASCII in one byte, and others in up to four.
    Several(&'static Encoding),
}

impl Units {
    /// None: in this charset a byte means one thing or another by what stood before it (ISO-2022-JP).
    pub(super) fn of(charset: TextCharset) -> Option<Self> {
        let utf = [
            (TextCharset::UTF_8, Units::Utf8),
            (TextCharset::UTF_16LE, Units::Utf16(true)),
            (TextCharset::UTF_16BE, Units::Utf16(false)),
        ];
        if let Some((_, units)) = utf.into_iter().find(|(one, _)| *one == charset) {
            return Some(units);
        }
        if let Some(table) = charset.high() {
            return Some(Units::Table(Box::new(table)));
        }
        match charset {
            TextCharset::Standard(encoding) if encoding.is_ascii_compatible() => {
                Some(Units::Several(encoding))
            }
            _ => None,
        }
    }

    /// The character at `start`; none at the end of the text.
    pub(super) fn at(&self, text: &[u8], start: usize) -> Option<Unit> {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let (length, character) = match self {
            Units::Utf8 => utf8(rest),
            Units::Utf16(is_little) => utf16(rest, *is_little),
            Units::Table(table) => {
                let byte = rest.first().copied().unwrap_or_default();
                let character = match usize::from(byte).checked_sub(0x80) {
                    None => Some(char::from(byte)),
                    Some(place) => table.get(place).copied().filter(|it| *it != '\u{fffd}'),
                };
                (1, character)
            }
            Units::Several(encoding) => several(rest, encoding),
        };
        Some(Unit {
            start,
            length,
            character,
        })
    }

    /// The bytes of a character; none where the charset does not have it.
    pub(super) fn bytes(&self, character: char) -> Option<Vec<u8>> {
        match self {
            Units::Utf8 => Some(character.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
            Units::Utf16(is_little) => {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units).iter();
                Some(match is_little {
                    true => units.flat_map(|unit| unit.to_le_bytes()).collect(),
                    false => units.flat_map(|unit| unit.to_be_bytes()).collect(),
                })
            }
            Units::Table(_) if character.is_ascii() => {
                u8::try_from(character).ok().map(|it| vec![it])
            }
            Units::Table(table) => {
                let place = table.iter().position(|it| *it == character)?;
                u8::try_from(place + 0x80).ok().map(|byte| vec![byte])
            }
            Units::Several(encoding) => {
                let mut text = [0; 4];
                let (bytes, _, lost) = encoding.encode(character.encode_utf8(&mut text));
                (!lost).then(|| bytes.into_owned())
            }
        }
    }

    /// Whether one character can stand in the place of another, which takes up as many bytes.
    pub(super) fn fits(&self, old: char, new: char) -> bool {
        match (self.bytes(old), self.bytes(new)) {
            (Some(old), Some(new)) => old.len() == new.len(),
            _ => false,
        }
    }
}

fn utf8(rest: &[u8]) -> (usize, Option<char>) {
    let window = rest.get(..LONGEST).unwrap_or(rest);
    let Some(chunk) = window.utf8_chunks().next() else {
        return (1, None);
    };
    match chunk.valid().chars().next() {
        Some(character) => (character.len_utf8(), Some(character)),
        None => (1, None),
    }
}

fn utf16(rest: &[u8], is_little: bool) -> (usize, Option<char>) {
    let unit = |place: usize| {
        let bytes: [u8; 2] = rest.get(place..place + 2)?.try_into().ok()?;
        Some(match is_little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    };
    let Some(first) = unit(0) else {
        return (1, None);
    };
    let units = std::iter::once(first).chain(unit(2));
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => (2 * character.len_utf16(), Some(character)),
        _ => (2, None),
    }
}

fn several(rest: &[u8], encoding: &'static Encoding) -> (usize, Option<char>) {
    if let Some(byte) = rest.first().filter(|byte| byte.is_ascii()) {
        return (1, Some(char::from(*byte)));
    }
    for length in 1..=LONGEST {
        let Some(piece) = rest.get(..length) else {
            break;
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(piece);
        let Some(text) = text else { continue };
        let mut characters = text.chars();
        return match (characters.next(), characters.next()) {
            (Some(one), None) => (length, Some(one)),
            // Two characters that one sequence stands for are left as they are.
            _ => (length, None),
        };
    }
    (1, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(label: &str, bytes: &[u8]) -> Vec<(usize, Option<char>)> {
        let units = Units::of(TextCharset::for_label(label).unwrap()).unwrap();
        let mut found = Vec::new();
        let mut start = 0;
        while let Some(unit) = units.at(bytes, start) {
            assert_eq!(unit.start, start);
            if let Some(character) = unit.character {
                let bytes = bytes.get(start..start + unit.length);
                assert_eq!(units.bytes(character).as_deref(), bytes, "{character:?}");
            }
            start += unit.length;
            found.push((unit.length, unit.character));
        }
        found
    }

    #[test]
    fn every_kind_of_charset_is_read_and_written() {
        let a = (1, Some('a'));
        assert_eq!(
            read("utf-8", "aé日\u{1f600}".as_bytes()),
            [a, (2, Some('é')), (3, Some('日')), (4, Some('\u{1f600}'))]
        );
        assert_eq!(
            read("utf-8", b"a\xffb\xc3"),
            [a, (1, None), (1, Some('b')), (1, None)]
        );
        assert_eq!(
            read("windows-1252", b"a\xe9\x80"),
            [a, (1, Some('é')), (1, Some('€'))]
        );
        assert_eq!(read("cp850", b"a\x81"), [a, (1, Some('ü'))]);
        assert_eq!(
            read("shift_jis", b"a\x93\xfa\xb1"),
            [a, (2, Some('日')), (1, Some('ｱ'))]
        );
        assert_eq!(
            read("gb18030", b"\x94\x39\xfc\x36a"),
            [(4, Some('\u{1f600}')), a]
        );
        assert_eq!(
            read("utf-16le", b"a\0\xe9\0\x3d\xd8\x00\xde\x00\xd8x\0y"),
            [
                (2, Some('a')),
                (2, Some('é')),
                (4, Some('\u{1f600}')),
                (2, None),
                (2, Some('x')),
                (1, None)
            ]
        );
        assert_eq!(
            read("utf-16be", b"\0a\0\xe9"),
            [(2, Some('a')), (2, Some('é'))]
        );
    }

    #[test]
    fn a_charset_that_switches_is_not_read() {
        assert!(Units::of(TextCharset::for_label("iso-2022-jp").unwrap()).is_none());
    }

    #[test]
    fn a_character_fits_where_it_takes_up_as_many_bytes() {
        let units = Units::of(TextCharset::UTF_8).unwrap();
        assert!(units.fits('a', 'z') && units.fits('д', 'ж'));
        assert!(!units.fits('a', 'é'));
        let latin = Units::of(TextCharset::for_label("windows-1252").unwrap()).unwrap();
        assert!(latin.fits('é', 'ü') && !latin.fits('é', 'ж'));
    }
}

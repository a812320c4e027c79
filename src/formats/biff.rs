//! The records of the stream of an .xls workbook (MS-XLS, BIFF8): their bounds, and the strings in them, which may
//! continue in the next record.

use crate::formats::compound::{u16_at, u32_at};

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'s> {
    /// The record type (MS-XLS 2.3).
    pub kind: u16,
    /// The content.
    pub data: &'s [u8],
    /// The stream after the record.
    pub rest: &'s [u8],
}

/// The record type CONTINUE.
const CONTINUE: u16 = 0x003c;

/// The records from the beginning of `stream`, up to the first one that is cut off.
pub(super) fn records(stream: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut stream = stream;
    std::iter::from_fn(move || {
        let record = first(stream)?;
        stream = record.rest;
        Some(record)
    })
}

fn first(stream: &[u8]) -> Option<Record<'_>> {
    let kind = u16_at(stream, 0)?;
    let length = usize::from(u16_at(stream, 2)?);
    let (data, rest) = stream.get(4..)?.split_at_checked(length)?;
    Some(Record { kind, data, rest })
}

/// Reads a record and the records that continue it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'s> {
    data: &'s [u8],
    rest: &'s [u8],
}

impl<'s> Reader<'s> {
    /// Starts at the beginning of a record.
    pub(super) fn new(record: Record<'s>) -> Self {
        Reader {
            data: record.data,
            rest: record.rest,
        }
    }

    /// Moves to the next record, if it continues this one.
    fn enter_next_record(&mut self) -> Option<()> {
        let next = first(self.rest).filter(|record| record.kind == CONTINUE)?;
        *self = Reader::new(next);
        Some(())
    }

    fn u8(&mut self) -> Option<u8> {
        while self.data.is_empty() {
            self.enter_next_record()?;
        }
        let (byte, data) = self.data.split_first()?;
        self.data = data;
        Some(*byte)
    }

    /// Reads a 16-bit number.
    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.u8()?, self.u8()?]))
    }

    /// Reads a 32-bit number.
    pub(super) fn u32(&mut self) -> Option<u32> {
        let low = self.u16()?;
        Some(u32::from(self.u16()?) << 16 | u32::from(low))
    }

    /// Skips bytes.
    pub(super) fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > self.data.len() {
            count -= self.data.len();
            self.enter_next_record()?;
        }
        self.data = self.data.get(count..)?;
        Some(())
    }

    /// Appends a string with a 16-bit length in characters, with or without formatting runs and phonetic text
    /// (MS-XLS 2.5.293 and 2.5.294).
    pub(super) fn string(&mut self, text: &mut String) -> Option<()> {
        let length = usize::from(self.u16()?);
        self.characters(length, text)
    }

    /// The same with an 8-bit length (MS-XLS 2.5.240).
    pub(super) fn short_string(&mut self, text: &mut String) -> Option<()> {
        let length = usize::from(self.u8()?);
        self.characters(length, text)
    }

    fn characters(&mut self, length: usize, text: &mut String) -> Option<()> {
        const WIDE: u8 = 0x01;
        const PHONETIC: u8 = 0x04;
        const RICH: u8 = 0x08;
        let flags = self.u8()?;
        let runs = match flags & RICH {
            0 => 0,
            _ => usize::from(self.u16()?),
        };
        let phonetic = match flags & PHONETIC {
            0 => 0,
            _ => self.u32()? as usize,
        };
        let mut wide = flags & WIDE != 0;
        let mut units = Vec::new();
        while units.len() < length {
            if self.data.is_empty() {
                self.enter_next_record()?;
                // Each record sets the width of its characters anew.
                wide = self.u8()? & WIDE != 0;
            }
            let missing = length - units.len();
            let width = if wide { 2 } else { 1 };
            let here = missing.min(self.data.len() / width);
            let (characters, data) = self.data.split_at_checked(here * width)?;
            // The record ends with half a character.
            if here == 0 {
                return None;
            }
            match wide {
                true => units.extend(
                    characters
                        .as_chunks::<2>()
                        .0
                        .iter()
                        .map(|unit| u16::from_le_bytes(*unit)),
                ),
                false => units.extend(characters.iter().map(|byte| u16::from(*byte))),
            }
            self.data = data;
        }
        text.extend(
            char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
        self.skip(runs * 4)?;
        self.skip(phonetic)
    }
}

/// The number in an RK structure (MS-XLS 2.5.217): an integer or the upper half of a float, optionally multiplied by
/// 100.
pub(super) fn rk(bytes: &[u8], at: usize) -> Option<f64> {
    let word = u32_at(bytes, at)?;
    let number = match word & 0x02 {
        0 => f64::from_bits(u64::from(word & !0x03) << 32),
        _ => f64::from(word.cast_signed() >> 2),
    };
    Some(match word & 0x01 {
        0 => number,
        _ => number / 100.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn text(stream: &[u8]) -> Option<String> {
        let mut text = String::new();
        let mut reader = Reader::new(records(stream).next()?);
        reader.string(&mut text)?;
        Some(text)
    }

    #[test]
    fn strings_are_narrow_or_wide_and_continue_in_the_next_record() {
        assert_eq!(text(&record(1, b"\x02\0\0Z\xe9")).unwrap(), "Zé");
        assert_eq!(text(&record(1, b"\x02\0\x01Z\0\xa1\x03")).unwrap(), "ZΡ");
        let parted = [
            record(1, b"\x03\0\0a"),
            record(CONTINUE, b"\x01b\0\xa1\x03"),
        ];
        assert_eq!(text(&parted.concat()).unwrap(), "abΡ");
        let rich = record(1, b"\x01\0\x08\x01\0a____");
        assert_eq!(text(&rich).unwrap(), "a");
        assert_eq!(text(&record(1, b"\x03\0\0a")), None, "cut off");
        assert_eq!(text(&record(1, b"\x03\0\x01abc")), None, "half a character");
    }

    #[test]
    fn rk_numbers_have_four_forms() {
        let number = |word: u32| rk(&word.to_le_bytes(), 0).unwrap();
        assert_eq!(number(42 << 2 | 2), 42.0);
        assert_eq!(number((-42_i32 << 2) as u32 | 2), -42.0);
        assert_eq!(number(1234 << 2 | 3), 12.34);
        assert_eq!(number(0x3ff0_0000), 1.0);
        assert_eq!(number(0x4059_0001), 1.0);
    }
}

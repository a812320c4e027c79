//! Rejected rows as they are kept: packed in blocks that a store need not look into, and read back in the
//! order of their lines.
//!
//! Rows of one step of an import are in the order of their lines, cut into blocks of some ten thousand bytes.
//! Steps of sorted rows overlap: each may have lines from anywhere in its stretch. So a page is chosen from
//! all blocks that may have a line of it, and holds a bounded number of bytes, however many blocks there are.

use std::collections::BinaryHeap;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::users::import_record::RejectedRows;
use crate::users::reject::Reject;

/// Bytes of rows that make a block.
const BLOCK: usize = 64 * 1024;

/// Bytes that a block takes beside its data.
const OVERHEAD: u64 = 64;

/// Bytes of rows on a page, unless its first row alone is larger.
const PAGE: usize = 1024 * 1024;

/// Rows in the order of their lines, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectBlock {
    /// Line of the first one.
    pub first_line: u64,
    /// Line of the last one.
    pub last_line: u64,
    /// How many there are.
    pub rows: u64,
    /// Cells of the longest one.
    pub width: u64,
    /// The rows (RFC 1951).
    pub data: Vec<u8>,
}

impl RejectBlock {
    /// How it counts towards the limit of what is kept.
    pub fn size(&self) -> u64 {
        self.data.len() as u64 + OVERHEAD
    }

    /// What it adds to the counts, being kept.
    pub fn counted(&self) -> RejectedRows {
        RejectedRows {
            total: self.rows,
            kept: self.rows,
            bytes: self.size(),
            width: self.width,
        }
    }

    /// Its rows.
    ///
    /// # Errors
    /// It is not what was packed.
    pub fn unpack(&self) -> io::Result<Vec<Reject>> {
        let bytes = self.inflate()?;
        let rows = PackedRows(&bytes).map(|row| row.and_then(|row| row.reject()));
        rows.collect()
    }

    fn inflate(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        DeflateDecoder::new(self.data.as_slice()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Blocks that were put aside, to be read as often as somebody likes.
pub trait PackedRejects: std::fmt::Debug + Send + Sync {
    /// How many rows there were, and how many of them are in the blocks.
    fn counted(&self) -> RejectedRows;

    /// The block at this place, 0 for the first one, and the place of the next; none behind the last.
    ///
    /// # Errors
    /// It cannot be read back.
    fn block_at(&self, place: u64) -> io::Result<Option<(RejectBlock, u64)>>;
}

/// Packs rows, which come in the order of their lines, as long as there is room for so many bytes. From the
/// first block on that there is no room for, rows are only counted.
#[derive(Debug)]
pub struct Packing {
    room: u64,
    full: bool,
    counted: RejectedRows,
    blocks: Vec<RejectBlock>,
    gathering: Vec<u8>,
    lines: Option<(u64, u64)>,
    rows: u64,
    width: u64,
}

impl Packing {
    /// Nothing yet, and room for so many bytes.
    pub fn new(room: u64) -> Self {
        Packing {
            room,
            full: room == 0,
            counted: RejectedRows::default(),
            blocks: Vec::new(),
            gathering: Vec::new(),
            lines: None,
            rows: 0,
            width: 0,
        }
    }

    /// Takes a row in.
    pub fn add(&mut self, reject: &Reject) {
        self.counted.total += 1;
        if self.full {
            return;
        }
        let row = encode(reject);
        put_number(&mut self.gathering, reject.line);
        put_bytes(&mut self.gathering, &row);
        let (first, _) = self.lines.unwrap_or((reject.line, reject.line));
        self.lines = Some((first, reject.line));
        self.rows += 1;
        self.width = self.width.max(reject.cells.len() as u64);
        // Smaller blocks where there is little room, so that it is used.
        let enough = u64::try_from(BLOCK).unwrap_or(u64::MAX).min(self.room);
        if self.gathering.len() as u64 >= enough {
            self.close();
        }
    }

    /// The blocks, and how many rows came.
    pub fn finish(mut self) -> (Vec<RejectBlock>, RejectedRows) {
        self.close();
        (self.blocks, self.counted)
    }

    fn close(&mut self) {
        let Some((first_line, last_line)) = self.lines.take() else {
            return;
        };
        let block = RejectBlock {
            first_line,
            last_line,
            rows: std::mem::take(&mut self.rows),
            width: std::mem::take(&mut self.width),
            data: deflate(&self.gathering),
        };
        self.gathering.clear();
        if block.size() > self.room {
            self.full = true;
            return;
        }
        self.room -= block.size();
        self.counted.add(&RejectedRows {
            total: 0,
            ..block.counted()
        });
        self.blocks.push(block);
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let mut data = written.unwrap_or_default();
    // The encoder makes room for far more than a block of rows that are alike needs.
    data.shrink_to_fit();
    data
}

/// Which rows are asked for: those behind a line, of the first ones that were rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectCursor {
    /// Line and number of the last row that was read.
    after: Option<(u64, u64)>,
    /// Rows are numbered as they were rejected, from 0; only those before this one are asked for.
    before: u64,
}

impl RejectCursor {
    /// All that were kept when the import stood so. What is rejected meanwhile is left out.
    pub fn of(rejected: &RejectedRows) -> Self {
        RejectCursor {
            after: None,
            before: rejected.kept,
        }
    }

    /// All that are kept.
    pub fn all() -> Self {
        RejectCursor {
            after: None,
            before: u64::MAX,
        }
    }

    /// Blocks whose last line is before this one have none of the rows.
    pub fn first_line(&self) -> u64 {
        self.after.map_or(0, |(line, _)| line)
    }

    /// The number of the first row that is not asked for.
    pub fn before(&self) -> u64 {
        self.before
    }
}

/// Some rejected rows, by line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RejectPage {
    /// The rows.
    pub rows: Vec<Reject>,
    /// Where the next page begins; none behind the last.
    pub next: Option<RejectCursor>,
}

/// At most `limit` of the rows that the cursor asks for. The blocks come with the numbers of their first rows,
/// in the order of their first lines; no more of them are read than are needed.
///
/// # Errors
/// Those of `blocks`; `unreadable`, when a block is not what was packed.
pub fn page<E>(
    blocks: impl IntoIterator<Item = Result<(u64, RejectBlock), E>>,
    cursor: RejectCursor,
    limit: usize,
    unreadable: impl Fn(io::Error) -> E,
) -> Result<RejectPage, E> {
    let mut chosen: BinaryHeap<Chosen> = BinaryHeap::new();
    let mut bytes = 0;
    // The first row that is left for the next page.
    let mut end: Option<(u64, u64)> = None;
    for block in blocks {
        let (first_number, block) = block?;
        if end.is_some_and(|(line, _)| block.first_line > line) {
            break;
        }
        let inflated = block.inflate().map_err(&unreadable)?;
        for (row, number) in PackedRows(&inflated).zip(first_number..) {
            let row = row.map_err(&unreadable)?;
            let place = (row.line, number);
            if number >= cursor.before
                || cursor.after.is_some_and(|after| place <= after)
                || end.is_some_and(|end| place >= end)
            {
                continue;
            }
            bytes += row.bytes.len();
            chosen.push(Chosen {
                place,
                row: row.bytes.to_vec(),
            });
            while chosen.len() > limit || (bytes > PAGE && chosen.len() > 1) {
                let Some(last) = chosen.pop() else { break };
                bytes -= last.row.len();
                end = Some(last.place);
            }
        }
    }
    let chosen = chosen.into_sorted_vec();
    let last = chosen.last().map(|row| row.place);
    let rows = chosen.iter().map(|row| {
        let (line, _) = row.place;
        PackedRow {
            line,
            bytes: &row.row,
        }
        .reject()
    });
    Ok(RejectPage {
        rows: rows.collect::<io::Result<_>>().map_err(&unreadable)?,
        next: end.and(last).map(|last| RejectCursor {
            after: Some(last),
            ..cursor
        }),
    })
}

/// A row of a page that is being chosen.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Chosen {
    /// Line and number.
    place: (u64, u64),
    row: Vec<u8>,
}

/// A row as it is packed.
struct PackedRow<'b> {
    line: u64,
    bytes: &'b [u8],
}

/// The rows of an inflated block.
struct PackedRows<'b>(&'b [u8]);

impl<'b> Iterator for PackedRows<'b> {
    type Item = io::Result<PackedRow<'b>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let row = take_number(&mut self.0).and_then(|line| {
            Some(PackedRow {
                line,
                bytes: take_bytes(&mut self.0)?,
            })
        });
        if row.is_none() {
            self.0 = &[];
        }
        Some(row.ok_or_else(spoilt))
    }
}

impl PackedRow<'_> {
    fn reject(&self) -> io::Result<Reject> {
        let mut rest = self.bytes;
        let mut read = || -> Option<Reject> {
            let mut text = || {
                let bytes = take_bytes(&mut rest)?.to_vec();
                String::from_utf8(bytes).ok()
            };
            let (code, message) = (text()?, text()?);
            let mut cells = Vec::new();
            while !rest.is_empty() {
                let bytes = take_bytes(&mut rest)?.to_vec();
                cells.push(String::from_utf8(bytes).ok()?);
            }
            Some(Reject {
                line: self.line,
                cells,
                code,
                message,
            })
        };
        read().ok_or_else(spoilt)
    }
}

fn spoilt() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a block of rejected rows is spoilt",
    )
}

/// All of a row but its line.
fn encode(reject: &Reject) -> Vec<u8> {
    let mut row = Vec::new();
    let texts = [&reject.code, &reject.message];
    for text in texts.into_iter().chain(&reject.cells) {
        put_bytes(&mut row, text.as_bytes());
    }
    row
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first.
fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn take_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_bytes<'b>(from: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(take_number(from)?).ok()?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64) -> Reject {
        Reject {
            line,
            cells: vec![format!("cell, \"{line}\"\n"), String::new(), "é".into()],
            code: "password-rule".into(),
            message: "too short".into(),
        }
    }

    fn packed(lines: impl IntoIterator<Item = u64>, room: u64) -> (Vec<RejectBlock>, RejectedRows) {
        let mut packing = Packing::new(room);
        lines
            .into_iter()
            .for_each(|line| packing.add(&reject(line)));
        packing.finish()
    }

    /// The blocks as a store has them: numbered, by first line.
    fn stored(steps: Vec<Vec<RejectBlock>>) -> Vec<(u64, RejectBlock)> {
        let mut number = 0;
        let mut all = Vec::new();
        for block in steps.into_iter().flatten() {
            let rows = block.rows;
            all.push((number, block));
            number += rows;
        }
        all.sort_by_key(|(number, block)| (block.first_line, *number));
        all
    }

    fn read_all(stored: &[(u64, RejectBlock)], from: RejectCursor, limit: usize) -> Vec<u64> {
        let (mut lines, mut cursor) = (Vec::new(), Some(from));
        while let Some(from) = cursor {
            let blocks = stored.iter().cloned().map(Ok::<_, io::Error>);
            let page = page(blocks, from, limit, |error| error).unwrap();
            assert!(page.rows.len() <= limit);
            lines.extend(page.rows.iter().map(|row| {
                assert_eq!(*row, reject(row.line));
                row.line
            }));
            cursor = page.next;
        }
        lines
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let odd = Reject {
            line: u64::MAX,
            cells: vec!["\0".repeat(70_000), String::new()],
            code: String::new(),
            message: "\u{1F600}".into(),
        };
        let mut packing = Packing::new(u64::MAX);
        packing.add(&reject(2));
        packing.add(&odd);
        let (blocks, counted) = packing.finish();
        let rows: Vec<Reject> = blocks.iter().flat_map(|it| it.unpack().unwrap()).collect();
        assert_eq!(rows, [reject(2), odd]);
        assert_eq!((counted.total, counted.kept, counted.width), (2, 2, 3));
        let sizes: u64 = blocks.iter().map(RejectBlock::size).sum();
        assert_eq!(counted.bytes, sizes);
    }

    #[test]
    fn rows_beyond_the_room_are_counted_and_the_room_is_used() {
        let (blocks, whole) = packed(2..50_002, u64::MAX);
        assert!(blocks.len() > 20, "{}", blocks.len());
        assert!(whole.bytes < 1_000_000, "packed: {}", whole.bytes);
        for room in [0, 100, 5_000, whole.bytes / 2, whole.bytes * 2] {
            let (blocks, counted) = packed(2..50_002, room);
            assert_eq!(counted.total, 50_000);
            assert_eq!(counted.kept, blocks.iter().map(|it| it.rows).sum::<u64>());
            assert!(counted.bytes <= room, "{} of {room}", counted.bytes);
            assert_eq!(counted.missing() == 0, room > whole.bytes, "{room}");
            if room >= 5_000 && room < whole.bytes {
                assert!(
                    counted.bytes > room - room / 8,
                    "{} of {room}",
                    counted.bytes
                );
            }
            let lines = read_all(&stored(vec![blocks]), RejectCursor::all(), 1_000);
            assert_eq!(lines, (2..2 + counted.kept).collect::<Vec<_>>());
        }
    }

    #[test]
    fn pages_are_by_line_however_steps_overlap() {
        // As in a stretch of sorted rows: each step has lines from everywhere.
        let steps = (0..40).map(|step| packed((0..900).map(|row| 2 + row * 40 + step), u64::MAX).0);
        let stored = stored(steps.collect());
        let all: Vec<u64> = (2..36_002).collect();
        for limit in [1_000, 7_777, 100_000] {
            assert_eq!(read_all(&stored, RejectCursor::all(), limit), all);
        }
        let two_steps = RejectedRows {
            kept: 1_800,
            ..RejectedRows::default()
        };
        let expected: Vec<u64> = all.into_iter().filter(|line| (line - 2) % 40 < 2).collect();
        let seen = read_all(&stored, RejectCursor::of(&two_steps), 500);
        assert_eq!(seen, expected, "those of later steps are left out");
    }

    #[test]
    fn a_page_has_a_bounded_number_of_bytes_and_one_row_at_least() {
        let large = |line| Reject {
            cells: vec!["x".repeat(PAGE / 3)],
            ..reject(line)
        };
        let mut packing = Packing::new(u64::MAX);
        (0..10).for_each(|line| packing.add(&large(line)));
        let stored = stored(vec![packing.finish().0]);
        let blocks = || stored.iter().cloned().map(Ok::<_, io::Error>);
        let first = page(blocks(), RejectCursor::all(), 100, |error| error).unwrap();
        assert_eq!(first.rows.len(), 2);
        let second = page(blocks(), first.next.unwrap(), 100, |error| error).unwrap();
        assert_eq!((second.rows[0].line, second.rows.len()), (2, 2));
        let mut packing = Packing::new(u64::MAX);
        packing.add(&Reject {
            cells: vec!["x".repeat(2 * PAGE)],
            ..reject(1)
        });
        packing.add(&reject(2));
        let stored: Vec<_> = super::tests::stored(vec![packing.finish().0]);
        let blocks = stored.iter().cloned().map(Ok::<_, io::Error>);
        let first = page(blocks, RejectCursor::all(), 100, |error| error).unwrap();
        assert_eq!((first.rows.len(), first.next.is_some()), (1, true));
    }

    #[test]
    fn two_rows_of_one_line_are_both_read() {
        let stored = stored(vec![packed([5, 5, 5], u64::MAX).0, packed([5], u64::MAX).0]);
        assert_eq!(read_all(&stored, RejectCursor::all(), 1), [5, 5, 5, 5]);
    }

    #[test]
    fn a_spoilt_block_is_an_error() {
        let (mut blocks, _) = packed(2..10, u64::MAX);
        let block = &mut blocks[0];
        block.data = deflate(&[1, 200, 1, 2]);
        assert!(block.unpack().is_err());
        block.data.truncate(3);
        assert!(block.unpack().is_err());
    }
}

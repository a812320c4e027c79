//! Storage format of rejected rows: packed in blocks that are opaque to a store, and read back by
//! line.
//!
//! Rows of one step of an import are sorted by line and cut into blocks of about 64 KiB. Steps of
//! sorted rows overlap: each may contain any lines of its range. So a page is selected from all
//! blocks that may contain one of its lines, and its size is bounded however many blocks there are.

use std::collections::BinaryHeap;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::users::import_record::RejectedRows;
use crate::users::reject::Reject;

/// Bytes of rows per block.
const BLOCK: usize = 64 * 1024;

/// Overhead of a block, in bytes, in addition to its data.
const OVERHEAD: u64 = 64;

/// Bytes of rows per page, unless the first row alone is larger.
const PAGE: usize = 1024 * 1024;

/// Rows sorted by line, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectBlock {
    /// Line of the first row.
    pub first_line: u64,
    /// Line of the last row.
    pub last_line: u64,
    /// The number of rows.
    pub rows: u64,
    /// The number of cells of the longest row.
    pub width: u64,
    /// The rows, deflated (RFC 1951).
    pub data: Vec<u8>,
}

impl RejectBlock {
    /// The size that counts towards the limit.
    pub fn size(&self) -> u64 {
        self.data.len() as u64 + OVERHEAD
    }

    /// What the block adds to the counts of kept rows.
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
    /// The data is corrupt.
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

/// Stored blocks, which can be read any number of times.
pub trait PackedRejects: std::fmt::Debug + Send + Sync {
    /// How many rows were rejected, and how many of them are in the blocks.
    fn counted(&self) -> RejectedRows;

    /// The block at this offset (0 for the first one) and the offset of the next; none after the
    /// last.
    ///
    /// # Errors
    /// The block cannot be read.
    fn block_at(&self, place: u64) -> io::Result<Option<(RejectBlock, u64)>>;
}

/// Packs rows, which are added by line, up to a size limit. Once a block exceeds the limit, all
/// further rows are only counted.
#[derive(Debug)]
pub struct Packing {
    capacity: u64,
    full: bool,
    counted: RejectedRows,
    blocks: Vec<RejectBlock>,
    gathering: Vec<u8>,
    lines: Option<(u64, u64)>,
    rows: u64,
    width: u64,
}

impl Packing {
    /// An empty packer with this capacity in bytes.
    pub fn new(capacity: u64) -> Self {
        Packing {
            capacity,
            full: capacity == 0,
            counted: RejectedRows::default(),
            blocks: Vec::new(),
            gathering: Vec::new(),
            lines: None,
            rows: 0,
            width: 0,
        }
    }

    /// Adds a row.
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
        // If little space is left, blocks are smaller, so that the space is used.
        let enough = u64::try_from(BLOCK).unwrap_or(u64::MAX).min(self.capacity);
        if self.gathering.len() as u64 >= enough {
            self.close();
        }
    }

    /// The blocks, and the number of rows added.
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
        if block.size() > self.capacity {
            self.full = true;
            return;
        }
        self.capacity -= block.size();
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
    // The encoder reserves far more than a block of similar rows needs.
    data.shrink_to_fit();
    data
}

/// Selects rows after a line, among the first rows that were rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectCursor {
    /// Line and number of the last row read.
    after: Option<(u64, u64)>,
    /// Rows are numbered from 0 in the order of their rejection; only those before this number are
    /// selected.
    before: u64,
}

impl RejectCursor {
    /// All rows kept when the import had these counts. Rows rejected since are left out.
    pub fn of(rejected: &RejectedRows) -> Self {
        RejectCursor {
            after: None,
            before: rejected.kept,
        }
    }

    /// All kept rows.
    pub fn all() -> Self {
        RejectCursor {
            after: None,
            before: u64::MAX,
        }
    }

    /// Blocks whose last line is before this one contain none of the selected rows.
    pub fn first_line(&self) -> u64 {
        self.after.map_or(0, |(line, _)| line)
    }

    /// The number of the first row that is not selected.
    pub fn before(&self) -> u64 {
        self.before
    }
}

/// Some rejected rows, by line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RejectPage {
    /// The rows.
    pub rows: Vec<Reject>,
    /// The cursor of the next page; none after the last.
    pub next: Option<RejectCursor>,
}

/// At most `limit` of the selected rows. The blocks come with the numbers of their first rows,
/// sorted by their first lines; no more of them are read than necessary.
///
/// # Errors
/// Errors of `blocks`; `unreadable`, if a block is corrupt.
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

/// A row selected for a page.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Chosen {
    /// Line and number.
    place: (u64, u64),
    row: Vec<u8>,
}

/// A packed row.
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
        Some(row.ok_or_else(corrupt))
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
        read().ok_or_else(corrupt)
    }
}

fn corrupt() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a block of rejected rows is corrupt",
    )
}

/// Encodes a row without its line.
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

/// LEB128: seven bits per byte, lowest first.
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

    fn packed(
        lines: impl IntoIterator<Item = u64>,
        capacity: u64,
    ) -> (Vec<RejectBlock>, RejectedRows) {
        let mut packing = Packing::new(capacity);
        lines
            .into_iter()
            .for_each(|line| packing.add(&reject(line)));
        packing.finish()
    }

    /// The blocks in the order of a store: numbered, by first line.
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
    fn packed_rows_are_unpacked_unchanged() {
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
    fn rows_over_the_limit_are_only_counted_and_the_limit_is_used_up() {
        let (blocks, whole) = packed(2..50_002, u64::MAX);
        assert!(blocks.len() > 20, "{}", blocks.len());
        assert!(whole.bytes < 1_000_000, "packed: {}", whole.bytes);
        for capacity in [0, 100, 5_000, whole.bytes / 2, whole.bytes * 2] {
            let (blocks, counted) = packed(2..50_002, capacity);
            assert_eq!(counted.total, 50_000);
            assert_eq!(counted.kept, blocks.iter().map(|it| it.rows).sum::<u64>());
            assert!(counted.bytes <= capacity, "{} of {capacity}", counted.bytes);
            assert_eq!(counted.missing() == 0, capacity > whole.bytes, "{capacity}");
            if capacity >= 5_000 && capacity < whole.bytes {
                assert!(
                    counted.bytes > capacity - capacity / 8,
                    "{} of {capacity}",
                    counted.bytes
                );
            }
            let lines = read_all(&stored(vec![blocks]), RejectCursor::all(), 1_000);
            assert_eq!(lines, (2..2 + counted.kept).collect::<Vec<_>>());
        }
    }

    #[test]
    fn pages_are_sorted_by_line_even_if_steps_overlap() {
        // As in a range of sorted rows: each step has lines from anywhere.
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
        assert_eq!(seen, expected, "rows of later steps are left out");
    }

    #[test]
    fn page_size_is_bounded_but_at_least_one_row() {
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
    fn two_rows_with_the_same_line_are_both_read() {
        let stored = stored(vec![packed([5, 5, 5], u64::MAX).0, packed([5], u64::MAX).0]);
        assert_eq!(read_all(&stored, RejectCursor::all(), 1), [5, 5, 5, 5]);
    }

    #[test]
    fn corrupt_block_is_an_error() {
        let (mut blocks, _) = packed(2..10, u64::MAX);
        let block = &mut blocks[0];
        block.data = deflate(&[1, 200, 1, 2]);
        assert!(block.unpack().is_err());
        block.data.truncate(3);
        assert!(block.unpack().is_err());
    }
}

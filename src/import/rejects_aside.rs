//! Spools the rejected rows of a check that runs before writing, until it is known whether they are kept with
//! the record. They stay packed, in a temporary file if there are many.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use crate::users::import_record::RejectedRows;
use crate::users::reject_block::{PackedRejects, RejectBlock};
use crate::wire::error::WireError;
use crate::wire::spool::{Spool, SpoolReader, SpoolSettings};

/// Numbers before the data of a block: first line, last line, rows, width, length.
const NUMBERS: usize = 5;

/// Bytes before the data of a block.
const HEAD: usize = NUMBERS * size_of::<u64>();

/// A spool of packed rejected rows.
#[derive(Debug)]
pub(super) struct RejectsAside {
    spool: Spool,
    counted: RejectedRows,
    /// Bytes of blocks that may still be kept.
    capacity: u64,
    /// Bytes of the spool that hold complete blocks.
    length: u64,
}

impl RejectsAside {
    /// An empty spool with a capacity of this many bytes.
    pub(super) fn new(settings: &SpoolSettings, capacity: u64) -> Self {
        RejectsAside {
            spool: Spool::new(settings),
            counted: RejectedRows::default(),
            capacity,
            length: 0,
        }
    }

    /// Adds the rejected rows of a step. From the first block that exceeds the capacity on, rows are only
    /// counted.
    pub(super) fn add(&mut self, rejected: &RejectedRows, blocks: &[RejectBlock]) {
        self.counted.total += rejected.total;
        for block in blocks {
            let is_open = self.capacity >= block.size();
            if !is_open || self.write(block).is_err() {
                self.capacity = 0;
                return;
            }
            self.capacity -= block.size();
            self.length = self.spool.len();
            self.counted.add(&RejectedRows {
                total: 0,
                ..block.counted()
            });
        }
        if rejected.missing() > 0 {
            self.capacity = 0;
        }
    }

    fn write(&mut self, block: &RejectBlock) -> io::Result<()> {
        let numbers = [
            block.first_line,
            block.last_line,
            block.rows,
            block.width,
            block.data.len() as u64,
        ];
        let head: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.spool.write_all(&head)?;
        self.spool.write_all(&block.data)
    }

    /// The rows that were spooled.
    ///
    /// # Errors
    /// The spool cannot be read back.
    pub(super) fn close(self) -> Result<PackedAside, WireError> {
        Ok(PackedAside {
            counted: self.counted,
            length: self.length,
            file: Mutex::new(self.spool.into_reader()?),
        })
    }
}

/// Blocks that can be read back.
#[derive(Debug)]
pub(super) struct PackedAside {
    counted: RejectedRows,
    length: u64,
    file: Mutex<SpoolReader>,
}

impl PackedRejects for PackedAside {
    fn counted(&self) -> RejectedRows {
        self.counted
    }

    fn block_at(&self, place: u64) -> io::Result<Option<(RejectBlock, u64)>> {
        if place >= self.length {
            return Ok(None);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))?;
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            let mut bytes = [0; size_of::<u64>()];
            file.read_exact(&mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        let [first_line, last_line, rows, width, length] = numbers;
        let mut data = Vec::new();
        (&mut *file).take(length).read_to_end(&mut data)?;
        let next = place + HEAD as u64 + length;
        let block = RejectBlock {
            first_line,
            last_line,
            rows,
            width,
            data,
        };
        Ok(Some((block, next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::reject::Reject;
    use crate::users::reject_block::Packing;

    fn step(lines: std::ops::Range<u64>) -> (Vec<RejectBlock>, RejectedRows) {
        let mut packing = Packing::new(u64::MAX);
        for line in lines {
            packing.add(&Reject {
                line,
                cells: vec![format!("cell {line}"); 3],
                code: "x".into(),
                message: "y".into(),
            });
        }
        packing.finish()
    }

    /// The blocks that are read back, and their counts.
    fn kept(
        steps: &[std::ops::Range<u64>],
        limit: u64,
        capacity: u64,
    ) -> (Vec<RejectBlock>, RejectedRows) {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            folder: folder.path().into(),
            limit,
        };
        let mut aside = RejectsAside::new(&settings, capacity);
        for lines in steps {
            let (blocks, rejected) = step(lines.clone());
            aside.add(&rejected, &blocks);
        }
        let kept = aside.close().unwrap();
        let mut back = Vec::new();
        let mut place = 0;
        while let Some((block, next)) = kept.block_at(place).unwrap() {
            back.push(block);
            place = next;
        }
        (back, kept.counted())
    }

    #[test]
    fn blocks_are_read_back_unchanged() {
        let steps = [2..9_000, 9_000..9_001, 9_001..30_000];
        let (back, counted) = kept(&steps, 10_000_000, u64::MAX);
        let all: Vec<RejectBlock> = steps.into_iter().flat_map(|it| step(it).0).collect();
        assert_eq!(back, all);
        assert_eq!((counted.total, counted.kept), (29_998, 29_998));
        let (back, counted) = kept(&[], 100, 100);
        assert_eq!((back.len(), counted), (0, RejectedRows::default()));
    }

    #[test]
    fn rows_over_the_capacity_are_counted() {
        let steps = [2..9_000, 9_000..9_001, 9_001..30_000];
        let size: u64 = step(2..9_000).0.iter().map(RejectBlock::size).sum();
        for (limit, capacity) in [(10_000_000, size + 10), (size + 100, u64::MAX)] {
            let (back, counted) = kept(&steps, limit, capacity);
            assert_eq!(counted.total, 29_998);
            assert_eq!(counted.kept, back.iter().map(|it| it.rows).sum::<u64>());
            assert!((8_000..29_998).contains(&counted.kept), "{counted:?}");
        }
        let (back, counted) = kept(&steps, 10, u64::MAX);
        assert_eq!((back.len(), counted.kept, counted.total), (0, 0, 29_998));
    }
}

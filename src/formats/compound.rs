//! Compound files (MS-CFB), the container of .xls workbooks and of encrypted workbooks: streams by name.
//!
//! Chains of sectors are followed no further than the length of the file, so that a cyclic chain ends, and no memory
//! is allocated on the basis of sizes that the file declares.

use std::io::{self, Read, Seek, SeekFrom};

const END_OF_CHAIN: u32 = 0xffff_fffe;
const LAST_SECTOR: u32 = 0xffff_fffa;
const HEADER: usize = 512;
const MINI_SECTOR: usize = 64;
/// Streams shorter than this are stored in the mini stream (MS-CFB 2.2).
const MINI_STREAM_BELOW: u64 = 4096;

/// The reason why a compound file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompoundError {
    /// The file violates its format.
    #[error("damaged")]
    Damaged,
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An opened compound file.
#[derive(Debug)]
pub(super) struct Compound<R> {
    source: R,
    length: u64,
    sector: usize,
    /// The successor of each sector.
    next: Vec<u32>,
    next_mini: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    start: u32,
    length: u64,
}

impl<R: Read + Seek> Compound<R> {
    /// Reads the header, the tables and the directory.
    pub(super) fn open(mut source: R) -> Result<Self, CompoundError> {
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        let mut header = [0; HEADER];
        source.read_exact(&mut header).map_err(cut_off)?;
        let sector = match u16_at(&header, 30) {
            Some(9) => 512,
            Some(12) => 4096,
            _ => return Err(CompoundError::Damaged),
        };
        let mut compound = Compound {
            source,
            length,
            sector,
            next: Vec::new(),
            next_mini: Vec::new(),
            entries: Vec::new(),
        };
        for place in compound.table_sectors(&header)? {
            let words = compound.sector(place)?;
            compound.next.extend(u32s(&words));
        }
        let directory = compound.chain(number(&header, 48)?, u64::MAX)?;
        compound.entries = directory
            .chunks_exact(128)
            .filter_map(|e| entry(e, sector))
            .collect();
        let mini = compound.chain(number(&header, 60)?, u64::MAX)?;
        compound.next_mini = u32s(&mini).collect();
        Ok(compound)
    }

    /// Whether there is a stream with this name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Reads a complete stream, if there is one with this name.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, CompoundError> {
        let Some(entry) = self.entry(name) else {
            return Ok(None);
        };
        let (start, length) = (entry.start, entry.length);
        if length > self.length {
            return Err(CompoundError::Damaged);
        }
        let mut stream = if length >= MINI_STREAM_BELOW {
            self.chain(start, length)?
        } else {
            self.mini_chain(start, length)?
        };
        if (stream.len() as u64) < length {
            return Err(CompoundError::Damaged);
        }
        stream.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(Some(stream))
    }

    /// The declared length of a stream in bytes, if there is one with this name.
    pub(super) fn length(&self, name: &str) -> Option<u64> {
        self.entry(name).map(|entry| entry.length)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        let same = |entry: &&Entry| entry.name.eq_ignore_ascii_case(name);
        self.entries.iter().find(same)
    }

    /// The sectors of the FAT: the first 109 are in the header, the others in a chain.
    fn table_sectors(&mut self, header: &[u8]) -> Result<Vec<u32>, CompoundError> {
        let most = self.sectors();
        let mut places: Vec<u32> = u32s(header.get(76..).unwrap_or_default()).collect();
        let mut link = number(header, 68)?;
        let mut links = 0;
        while link < LAST_SECTOR {
            links += 1;
            let mut words: Vec<u32> = u32s(&self.sector(link)?).collect();
            link = words.pop().unwrap_or(END_OF_CHAIN);
            places.extend(words);
            if links > most {
                return Err(CompoundError::Damaged);
            }
        }
        places.retain(|place| *place < LAST_SECTOR);
        match places.len() as u64 > most {
            true => Err(CompoundError::Damaged),
            false => Ok(places),
        }
    }

    /// The maximum number of sectors for the length of the file.
    fn sectors(&self) -> u64 {
        self.length / self.sector as u64 + 1
    }

    /// The bytes of a sector; the last one of a file may be incomplete.
    fn sector(&mut self, place: u32) -> Result<Vec<u8>, CompoundError> {
        let size = self.sector as u64;
        let start = (u64::from(place) + 1) * size;
        if start >= self.length {
            return Err(CompoundError::Damaged);
        }
        self.source.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::with_capacity(self.sector);
        self.source.by_ref().take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes of a chain of sectors, up to `wanted` bytes or the end of the chain.
    fn chain(&mut self, start: u32, wanted: u64) -> Result<Vec<u8>, CompoundError> {
        let mut bytes = Vec::new();
        let mut place = start;
        while place < LAST_SECTOR && (bytes.len() as u64) < wanted {
            bytes.extend(self.sector(place)?);
            if bytes.len() as u64 > self.length {
                return Err(CompoundError::Damaged);
            }
            place = self
                .next
                .get(place as usize)
                .copied()
                .unwrap_or(END_OF_CHAIN);
        }
        Ok(bytes)
    }

    /// The same in the mini stream, which is the stream of the first directory entry.
    fn mini_chain(&mut self, start: u32, wanted: u64) -> Result<Vec<u8>, CompoundError> {
        let root = self.entries.first().ok_or(CompoundError::Damaged)?;
        let (root_start, root_length) = (root.start, root.length);
        let mini_stream = self.chain(root_start, root_length)?;
        let mut bytes = Vec::new();
        let mut place = start;
        while place < LAST_SECTOR && (bytes.len() as u64) < wanted {
            let from = place as usize * MINI_SECTOR;
            let sector = mini_stream.get(from..).ok_or(CompoundError::Damaged)?;
            bytes.extend(sector.iter().take(MINI_SECTOR));
            if sector.is_empty() {
                return Err(CompoundError::Damaged);
            }
            place = self
                .next_mini
                .get(place as usize)
                .copied()
                .unwrap_or(END_OF_CHAIN);
        }
        Ok(bytes)
    }
}

fn entry(bytes: &[u8], sector: usize) -> Option<Entry> {
    let units = bytes.get(..64)?.as_chunks::<2>().0.iter();
    let units = units.map(|unit| u16::from_le_bytes(*unit));
    let name: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    let low = u64::from(u32_at(bytes, 120)?);
    // In files with 512-byte sectors the upper half is undefined (MS-CFB 2.6.3).
    let high = match sector {
        512 => 0,
        _ => u64::from(u32_at(bytes, 124)?),
    };
    Some(Entry {
        name: String::from_utf16_lossy(&name),
        start: u32_at(bytes, 116)?,
        length: high << 32 | low,
    })
}

fn cut_off(error: io::Error) -> CompoundError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CompoundError::Damaged,
        _ => CompoundError::Io(error),
    }
}

fn number(bytes: &[u8], at: usize) -> Result<u32, CompoundError> {
    u32_at(bytes, at).ok_or(CompoundError::Damaged)
}

fn u32s(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
}

/// The 16-bit little-endian number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The 32-bit little-endian number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Cursor;

    /// A compound file with one stream: the FAT in sector 0, the directory in sector 1, the stream in the sectors
    /// after them, padded to the length at which it is not a mini stream.
    pub(in crate::formats) fn compound(name: &str, stream: &[u8]) -> Vec<u8> {
        let mut stream = stream.to_vec();
        stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
        let sectors = stream.len() / 512;
        assert!(sectors <= 126, "the stream needs more than one FAT sector");
        let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        file.resize(HEADER, 0);
        file[26] = 3;
        file[30] = 9;
        file[32] = 6;
        file[44] = 1;
        file[48] = 1;
        file[60..64].copy_from_slice(&END_OF_CHAIN.to_le_bytes());
        file[68..72].copy_from_slice(&END_OF_CHAIN.to_le_bytes());
        file[76..].fill(0xff);
        file[76..80].fill(0);
        let mut table = vec![0xffff_fffd, END_OF_CHAIN];
        table.extend((0..sectors).map(|index| match index + 1 == sectors {
            true => END_OF_CHAIN,
            false => index as u32 + 3,
        }));
        table.resize(128, u32::MAX);
        file.extend(table.iter().flat_map(|word| word.to_le_bytes()));
        for (name, start, length) in [("Root Entry", END_OF_CHAIN, 0), (name, 2, stream.len())] {
            let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            entry.resize(116, 0);
            entry.extend(start.to_le_bytes());
            entry.extend((length as u64).to_le_bytes());
            file.extend(entry);
        }
        file.resize(HEADER + 1024, 0);
        file.extend(stream);
        file
    }

    #[test]
    fn streams_are_read_by_name() {
        let file = compound("Workbook", b"content");
        let mut opened = Compound::open(Cursor::new(&file)).unwrap();
        assert!(opened.has("WORKBOOK") && !opened.has("Book"));
        let stream = opened.read("Workbook").unwrap().unwrap();
        assert_eq!((&stream[..7], stream.len()), (&b"content"[..], 4096));
        assert!(opened.read("Book").unwrap().is_none());
    }

    #[test]
    fn cyclic_chain_is_refused() {
        let mut file = compound("Workbook", b"content");
        // The successor of the directory's sector is that sector.
        file[HEADER + 4..HEADER + 8].copy_from_slice(&1_u32.to_le_bytes());
        let error = Compound::open(Cursor::new(&file)).unwrap_err();
        assert!(matches!(error, CompoundError::Damaged));
    }

    #[test]
    fn truncated_and_modified_files_are_read_or_refused() {
        let file = compound("Workbook", b"content");
        let look = |file: &[u8]| {
            if let Ok(mut opened) = Compound::open(Cursor::new(file)) {
                let _ = opened.read("Workbook");
            }
        };
        for end in 0..file.len() {
            look(&file[..end]);
        }
        for at in 0..HEADER + 1024 {
            for value in [0, 1, 0x7f, 0xfe, 0xff] {
                let mut changed = file.clone();
                changed[at] = value;
                look(&changed);
            }
        }
    }
}

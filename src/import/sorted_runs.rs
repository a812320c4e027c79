//! Sorts any number of rows by key with an external merge sort (Knuth, The Art of Computer Programming 3,
//! §5.4). Rows are gathered in a memory buffer; a full buffer is sorted and spooled as a run. At the end the
//! runs are read in parallel and merged.

use std::cmp::Ordering;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::formats::row::{Flaw, FlawedField, Row};
use crate::wiped::Wiped;
use crate::wire::spool::{Spool, SpoolReader, SpoolSettings};

/// Bytes of rows gathered before they are spooled as a run.
const RUN_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of memory for all runs together while they are merged.
const MERGE_BYTES: usize = 1024 * 1024;

/// Minimum and maximum bytes of a run that are read at once.
const READ_BYTES: Range<usize> = 4 * 1024..64 * 1024;

/// The rows that are gathered, in file order.
pub(super) struct Gathering {
    spool: BufWriter<Spool>,
    /// The position of each run in the spool.
    runs: Vec<Range<u64>>,
    /// The records of the current run.
    records: Wiped,
    /// The first bytes of the key and the position of each record.
    places: Vec<(u64, usize)>,
    rows: u64,
    bytes: u64,
}

impl Gathering {
    /// An empty set of rows, spooled according to `settings`.
    pub(super) fn new(settings: &SpoolSettings) -> Self {
        Gathering {
            spool: BufWriter::with_capacity(READ_BYTES.end, Spool::new(settings)),
            runs: Vec::new(),
            records: Wiped::default(),
            places: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// The number of rows gathered.
    pub(super) fn len(&self) -> u64 {
        self.rows
    }

    /// The number of bytes that they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a row that is sorted by `key`.
    ///
    /// # Errors
    /// The spool is full.
    pub(super) fn push(&mut self, key: &[u8], row: &Row<'_>) -> io::Result<()> {
        self.places.push((beginning(key), self.records.len()));
        let length = append_record(&mut self.records, key, row);
        self.rows += 1;
        self.bytes += length as u64;
        match self.records.len() >= RUN_BYTES {
            true => self.spool_run(),
            false => Ok(()),
        }
    }

    fn spool_run(&mut self) -> io::Result<()> {
        let records = &self.records;
        if records.is_empty() {
            return Ok(());
        }
        let record = |place: usize| Record::first(records.get(place..).unwrap_or_default());
        // Equal keys stay in file order.
        self.places.sort_unstable_by(|(a, first), (b, second)| {
            let key = |place: &usize| record(*place).map(Record::key);
            a.cmp(b)
                .then_with(|| key(first).cmp(&key(second)))
                .then(first.cmp(second))
        });
        let start = self.runs.last().map_or(0, |run| run.end);
        for (_, place) in &self.places {
            self.spool
                .write_all(record(*place).map_or(&[], |it| it.0))?;
        }
        self.runs.push(start..start + records.len() as u64);
        self.records.clear();
        self.places.clear();
        Ok(())
    }

    /// Spools the rows that are still in memory, and frees the memory.
    ///
    /// # Errors
    /// The spool is full.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.spool_run()?;
        self.records = Wiped::default();
        self.places = Vec::new();
        self.spool.flush()
    }

    /// The rows in the order of their keys; rows with equal keys stay in file order.
    ///
    /// # Errors
    /// They could not be spooled, or could not be read back.
    pub(super) fn sort(mut self) -> io::Result<SortedRows> {
        self.close()?;
        let file = self.spool.into_inner()?.into_reader()?;
        let share = MERGE_BYTES / self.runs.len().max(1);
        let share = share.clamp(READ_BYTES.start, READ_BYTES.end);
        SortedRows::new(file, self.runs, share)
    }
}

/// Appends a record and returns its length in bytes. A record is its length, the length of the key, the
/// number of fields, the gap between fields, the flaw (two numbers), the line, the ends of the fields, the
/// key, and the row.
fn append_record(records: &mut Vec<u8>, key: &[u8], row: &Row<'_>) -> usize {
    let (bytes, ends) = (row.bytes(), row.ends());
    let length = HEAD + ends.len() * WORD + key.len() + bytes.len();
    let start = records.len();
    let (flaw, detail) = row.flaw().map_or((0, 0), flaw_words);
    for word in [length, key.len(), ends.len(), row.gap(), flaw, detail] {
        records.extend(word_of(word));
    }
    records.extend(row.line().to_le_bytes());
    records.extend(ends.iter().flat_map(|end| word_of(*end)));
    records.extend_from_slice(key);
    records.extend_from_slice(bytes);
    records.len() - start
}

/// Bytes of a number in a record, and of a line number.
const WORD: usize = size_of::<u32>();
const LINE: usize = size_of::<u64>();

/// Bytes of a record before the ends of the fields.
const HEAD: usize = 6 * WORD + LINE;

/// A flaw as two numbers of a record: its kind and field, and its detail.
fn flaw_words(flawed: FlawedField) -> (usize, usize) {
    let (kind, detail) = match flawed.flaw {
        // Invalid text is found again when the row is read, and the rows of a workbook are not sorted.
        Flaw::NotText | Flaw::Error(_) | Flaw::NoResult | Flaw::LostDigits | Flaw::NoSuchText => {
            return (0, 0);
        }
        Flaw::Quotes(lines) => (1, lines),
        Flaw::Nul => (2, 0),
        Flaw::EndMark => (3, 0),
    };
    (
        flawed.position * FLAWS + kind,
        usize::try_from(detail).unwrap_or_default(),
    )
}

/// The inverse of [`flaw_words`].
fn flaw_of((word, detail): (usize, usize)) -> Option<FlawedField> {
    let flaw = match word % FLAWS {
        1 => Flaw::Quotes(u32::try_from(detail).unwrap_or_default()),
        2 => Flaw::Nul,
        3 => Flaw::EndMark,
        _ => return None,
    };
    let position = word / FLAWS;
    Some(FlawedField { position, flaw })
}

/// An upper bound for the kinds of flaw.
const FLAWS: usize = 8;

/// A number as four bytes. No row is too long for that.
fn word_of(number: usize) -> [u8; WORD] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// The number at index `place` of these bytes.
fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let word = bytes.get(place * WORD..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*word)).ok()
}

/// The first bytes of a key as a number that sorts like them.
fn beginning(key: &[u8]) -> u64 {
    let mut first = [0; LINE];
    for (place, byte) in first.iter_mut().zip(key) {
        *place = *byte;
    }
    u64::from_be_bytes(first)
}

/// The bytes of one record.
#[derive(Clone, Copy)]
struct Record<'b>(&'b [u8]);

impl<'b> Record<'b> {
    /// The first record in these bytes; none if they do not hold all of it.
    fn first(bytes: &'b [u8]) -> Option<Self> {
        bytes.get(..number(bytes, 0)?).map(Record)
    }

    fn key(self) -> &'b [u8] {
        let (start, length) = self.key_place();
        self.0.get(start..start + length).unwrap_or_default()
    }

    /// Start and length of the key.
    fn key_place(self) -> (usize, usize) {
        let word = |place| number(self.0, place).unwrap_or_default();
        (HEAD + word(2) * WORD, word(1))
    }

    /// The row; `ends` is a buffer for the ends of its fields.
    fn row<'r>(self, ends: &'r mut Vec<usize>) -> Row<'r>
    where
        'b: 'r,
    {
        let word = |place| number(self.0, place).unwrap_or_default();
        let line = self.0.get(HEAD - LINE..).and_then(<[u8]>::first_chunk);
        let line = line.map_or(0, |line| u64::from_le_bytes(*line));
        let first = HEAD / WORD;
        ends.clear();
        ends.extend((first..first + word(2)).map(word));
        let (start, length) = self.key_place();
        let bytes = self.0.get(start + length..).unwrap_or_default();
        let row = match word(3) {
            0 => Row::new(line, bytes, ends),
            _ => Row::delimited(line, bytes, ends),
        };
        row.with_flaw(flaw_of((word(4), word(5))))
    }
}

/// Rows in the order of their keys.
pub(super) struct SortedRows {
    file: SpoolReader,
    runs: Vec<Run>,
    /// The runs that are not exhausted, as a binary heap: the run with the smallest first row comes first.
    heap: Vec<usize>,
    /// Whether the first row of the first run has already been returned.
    given: bool,
    ends: Vec<usize>,
}

/// A run that is being read.
struct Run {
    /// The part that has not been read.
    left: Range<u64>,
    bytes: Wiped,
    /// The start of the first record in `bytes`.
    start: usize,
    /// The first bytes of its key.
    beginning: u64,
}

impl SortedRows {
    fn new(mut file: SpoolReader, runs: Vec<Range<u64>>, share: usize) -> io::Result<Self> {
        let run = |left| {
            let mut run = Run {
                left,
                bytes: Wiped::with_capacity(share),
                start: 0,
                beginning: 0,
            };
            run.skip(0, &mut file)?;
            Ok(run)
        };
        let runs: Vec<Run> = runs.into_iter().map(run).collect::<io::Result<_>>()?;
        let mut sorted = SortedRows {
            file,
            // No run is empty.
            heap: (0..runs.len()).collect(),
            runs,
            given: false,
            ends: Vec::new(),
        };
        for place in (0..sorted.heap.len() / 2).rev() {
            sorted.sift_down(place);
        }
        Ok(sorted)
    }

    /// Moves to the next row; returns false if there is none.
    ///
    /// # Errors
    /// The spool could not be read.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        if std::mem::replace(&mut self.given, true) {
            let first = self.heap.first().and_then(|run| self.runs.get_mut(*run));
            let Some(run) = first else {
                return Ok(false);
            };
            let length = run.record().map_or(0, |record| record.0.len());
            if !run.skip(length, &mut self.file)? {
                self.heap.swap_remove(0);
            }
            self.sift_down(0);
        }
        Ok(!self.heap.is_empty())
    }

    /// The current row.
    pub(super) fn row(&mut self) -> Option<Row<'_>> {
        let run = self.runs.get(*self.heap.first()?)?;
        Some(run.record()?.row(&mut self.ends))
    }

    /// Restores the heap order from this index downwards.
    fn sift_down(&mut self, mut place: usize) {
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(self.heap.len());
            let Some(child) = children.min_by(|a, b| self.compare(*a, *b)) else {
                return;
            };
            if self.compare(place, child).is_lt() {
                return;
            }
            self.heap.swap(place, child);
            place = child;
        }
    }

    /// Compares the first rows of the runs at two indexes of the heap. Earlier runs have earlier rows.
    fn compare(&self, one: usize, other: usize) -> Ordering {
        let run = |place: usize| {
            let number = *self.heap.get(place)?;
            Some((number, self.runs.get(number)?))
        };
        let (Some((a, one)), Some((b, other))) = (run(one), run(other)) else {
            return Ordering::Equal;
        };
        one.beginning
            .cmp(&other.beginning)
            .then_with(|| one.key().cmp(&other.key()))
            .then(a.cmp(&b))
    }
}

impl Run {
    fn record(&self) -> Option<Record<'_>> {
        Record::first(self.bytes.get(self.start..)?)
    }

    fn key(&self) -> Option<&[u8]> {
        self.record().map(Record::key)
    }

    /// Skips this many bytes; returns false if no record is left.
    fn skip(&mut self, length: usize, file: &mut SpoolReader) -> io::Result<bool> {
        self.start += length;
        while self.record().is_none() && !self.left.is_empty() {
            self.read_more(file)?;
        }
        let first = self.key().map(beginning);
        self.beginning = first.unwrap_or_default();
        Ok(first.is_some())
    }

    /// Reads more bytes, and grows the buffer if a record is larger than it.
    fn read_more(&mut self, file: &mut SpoolReader) -> io::Result<()> {
        self.bytes.drain(..self.start);
        self.start = 0;
        if self.bytes.len() == self.bytes.capacity() {
            let more = self.bytes.len();
            self.bytes.reserve(more);
        }
        let capacity = (self.bytes.capacity() - self.bytes.len()) as u64;
        let wanted = capacity.min(self.left.end - self.left.start);
        file.seek(SeekFrom::Start(self.left.start))?;
        let count = file.take(wanted).read_to_end(&mut self.bytes)? as u64;
        if count < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left.start += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn gathering(folder: &TempDir) -> Gathering {
        Gathering::new(&SpoolSettings {
            folder: folder.path().into(),
            limit: u64::MAX,
        })
    }

    /// Keys and lines, in sorted order.
    fn sorted(rows: SortedRows) -> Vec<(String, u64)> {
        let (mut rows, mut all) = (rows, Vec::new());
        while rows.advance().unwrap() {
            let row = rows.row().unwrap().text().unwrap();
            all.push((row.get(0).unwrap().to_owned(), row.line()));
        }
        assert!(!rows.advance().unwrap() && rows.row().is_none());
        all
    }

    #[test]
    fn runs_are_merged_and_equal_keys_keep_file_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut gathering = gathering(&folder);
        let filler = "x".repeat(300);
        let mut expected = Vec::new();
        for line in 1..=30_000_u64 {
            // 2,000 names, 15 times each, that differ after their first eight bytes.
            let name = format!("username{:04}", line * 7_919 % 2_000);
            let row = [name.as_bytes(), filler.as_bytes()].concat();
            let ends = [name.len(), row.len()];
            let row = Row::new(line, &row, &ends);
            gathering.push(name.as_bytes(), &row).unwrap();
            expected.push((name, line));
        }
        assert!(gathering.runs.len() > 3 && gathering.bytes() > 9_000_000);
        assert_eq!(gathering.len(), 30_000);
        expected.sort();
        assert_eq!(sorted(gathering.sort().unwrap()), expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn rows_are_read_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let mut gathering = gathering(&folder);
        let long = "y".repeat(3 * RUN_BYTES);
        let plain = format!("b,\u{e9},{long}");
        let ends = [1, 4, plain.len()];
        let delimited = Row::delimited(7, plain.as_bytes(), &ends);
        gathering.push(b"b", &delimited).unwrap();
        gathering.push(b"", &Row::new(9, b"", &[])).unwrap();
        gathering
            .push(b"\xff", &Row::new(u64::MAX, b"ab\xff", &[1, 1, 3]))
            .unwrap();
        let mut rows = gathering.sort().unwrap();
        let mut seen = Vec::new();
        while rows.advance().unwrap() {
            let row = rows.row().unwrap();
            let fields: Vec<Vec<u8>> = row.fields().map(<[u8]>::to_vec).collect();
            seen.push((row.line(), fields));
        }
        let of = |fields: &[&[u8]]| fields.iter().map(|it| it.to_vec()).collect::<Vec<_>>();
        let expected = [
            (9, of(&[])),
            (7, of(&[b"b", "\u{e9}".as_bytes(), long.as_bytes()])),
            (u64::MAX, of(&[b"a", b"", b"b\xff"])),
        ];
        assert_eq!(seen, expected);
        let none = super::Gathering::new(&SpoolSettings {
            folder: folder.path().into(),
            limit: 0,
        });
        assert!(!none.sort().unwrap().advance().unwrap());
    }

    #[test]
    fn spool_limit_is_enforced() {
        let folder = tempfile::tempdir().unwrap();
        let mut gathering = Gathering::new(&SpoolSettings {
            folder: folder.path().into(),
            limit: 100_000,
        });
        let row = vec![b'x'; 10_000];
        let pushed =
            (1..=300).try_for_each(|line| gathering.push(b"x", &Row::new(line, &row, &[10_000])));
        assert_eq!(pushed.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}

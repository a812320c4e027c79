//! The rows of a large file in an order that a store can write quickly.
//!
//! A store keeps users by name. Names in no order each touch another page of its index, and the larger the
//! store, the more pages are read and written for a batch. So the rows of a large file are sorted by name, a
//! stretch at a time: so many rows that each page is met once for many of them. The rows before the first
//! stretch are given as they come, so that a small file waits for nothing.
//!
//! Two rows of one user stay in the order of the file, because the name they are sorted by is the one that a
//! user is unique under, or a coarser one. An import that is taken up again has to meet its rows in the order
//! of its first run: where the last stretch lay is kept with its record.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::formats::detected::Detected;
use crate::formats::kind::FileKind;
use crate::formats::open::Rows;
use crate::formats::row::Row;
use crate::import::columns::ColumnPlan;
use crate::import::error::ImportError;
use crate::import::rows_digest::RowsDigest;
use crate::import::settings::Settings;
use crate::import::sorted_runs::{Gathering, SortedRows};
use crate::users::import_record::Stretch;
use crate::wire::spool::SpoolSettings;

/// Bytes of a stretch at the most.
const STRETCH_BYTES: u64 = 256 * 1024 * 1024;

/// For how long a stretch gathers: a slow sender's rows are not kept from the store.
const GATHERING_TIME: Duration = Duration::from_secs(10);

/// How many rows are read between two looks at the clock.
const ROWS_BETWEEN_LOOKS: u64 = 64;

/// What is to be sorted, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sorting<'a> {
    pub settings: &'a Settings,
    /// Where rows are put aside while they are sorted.
    pub spool: &'a SpoolSettings,
    /// Rows that an earlier run has dealt with.
    pub done: u64,
    /// The stretch in which it stopped.
    pub resumed: Option<Stretch>,
}

impl Sorting<'_> {
    /// Digests the row of this number, from 1; behind the last one that an earlier run has read the rows have
    /// to be those that it read.
    fn check(
        &self,
        digest: &mut Option<RowsDigest>,
        row: &Row<'_>,
        number: u64,
    ) -> Result<(), ImportError> {
        let Some(digest) = digest else {
            return Ok(());
        };
        digest.add(row);
        let last = self.resumed.map_or(self.done, |stretch| stretch.to);
        match number == last && !digest.is_as_before() {
            true => Err(ImportError::OtherContent),
            false => Ok(()),
        }
    }
}

/// The rows of a file, sorted by name where that pays.
pub(super) struct OrderedRows<'r, 'f, R> {
    rows: &'r mut Rows<'f, R>,
    plan: &'r ColumnPlan<'r>,
    sorting: Sorting<'r>,
    /// Digests the rows as they are read, where the import has a key.
    digest: Option<RowsDigest>,
    /// Rows that were read of the file.
    read: u64,
    /// Rows before the first stretch.
    unsorted: u64,
    stretch: Option<Stretch>,
    sorted: Option<SortedRows>,
    /// The end of the file was read.
    over: bool,
}

impl<'r, 'f, R: Read> OrderedRows<'r, 'f, R> {
    /// The rows behind the header, of columns as `plan` says; `digest` knows the header.
    pub(super) fn new(
        rows: &'r mut Rows<'f, R>,
        plan: &'r ColumnPlan<'r>,
        sorting: Sorting<'r>,
        digest: Option<RowsDigest>,
    ) -> Self {
        // A workbook has 1,048,576 rows at the most, and is slower to read than to write in any order.
        let is_text = rows.detected().kind == FileKind::Csv;
        let unsorted = match sorting.resumed {
            Some(stretch) => stretch.from,
            None if is_text && sorting.settings.sorted_rows > 0 => sorting.settings.unsorted_rows,
            None => u64::MAX,
        };
        OrderedRows {
            rows,
            plan,
            unsorted,
            sorting,
            digest,
            read: 0,
            stretch: None,
            sorted: None,
            over: false,
        }
    }

    /// The next row; none at the end. `may_go_on` is asked while rows gather.
    ///
    /// # Errors
    /// What reading the file comes to; what `may_go_on` says; the rows could not be put aside, or are not
    /// those that an earlier run has read.
    pub(super) fn next_row(
        &mut self,
        may_go_on: impl Fn() -> Result<(), ImportError>,
    ) -> Result<Option<Row<'_>>, ImportError> {
        if self.read < self.unsorted {
            return self.next_unsorted();
        }
        while !self.advance()? {
            if self.over {
                return Ok(None);
            }
            self.gather(&may_go_on)?;
        }
        Ok(self.sorted.as_mut().and_then(SortedRows::row))
    }

    /// The stretch that the last row is of.
    pub(super) fn stretch(&self) -> Option<Stretch> {
        self.stretch
    }

    /// What the rows that were read come to: the rows so far, or those to the end of the stretch.
    pub(super) fn digest(&self) -> Option<&RowsDigest> {
        self.digest.as_ref()
    }

    /// How the file is read.
    pub(super) fn detected(&self) -> Detected {
        self.rows.detected()
    }

    fn next_unsorted(&mut self) -> Result<Option<Row<'_>>, ImportError> {
        let row = self.rows.next_row()?;
        if let Some(row) = row
            && !row.is_nothing()
        {
            self.read += 1;
            self.sorting.check(&mut self.digest, &row, self.read)?;
        }
        Ok(row)
    }

    fn advance(&mut self) -> Result<bool, ImportError> {
        match &mut self.sorted {
            Some(sorted) => sorted.advance().map_err(ImportError::Sorting),
            None => Ok(false),
        }
    }

    fn gather(
        &mut self,
        may_go_on: impl Fn() -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        self.sorted = None;
        let resumed = self.sorting.resumed.filter(|_| self.stretch.is_none());
        let most = match resumed {
            Some(stretch) => stretch.to.saturating_sub(stretch.from),
            None => self.read.clamp(1, self.sorting.settings.sorted_rows.max(1)),
        };
        let most_bytes = STRETCH_BYTES.min(self.sorting.spool.limit / 2);
        let until = Instant::now() + GATHERING_TIME;
        let is_enough = |rows: &Gathering| {
            let is_late =
                || rows.len().is_multiple_of(ROWS_BETWEEN_LOOKS) && Instant::now() >= until;
            rows.len() >= most || resumed.is_none() && (rows.bytes() >= most_bytes || is_late())
        };
        let mut gathering = Gathering::new(self.sorting.spool);
        while !is_enough(&gathering) {
            may_go_on()?;
            let Some(row) = self.rows.next_row()? else {
                self.over = true;
                break;
            };
            if !row.is_nothing() {
                let key = self.plan.name_key(&row);
                gathering.push(&key, &row).map_err(ImportError::Sorting)?;
                let read = self.read + gathering.len();
                self.sorting.check(&mut self.digest, &row, read)?;
            }
        }
        if resumed.is_some() && gathering.len() < most {
            return Err(ImportError::OtherContent);
        }
        if gathering.len() > 0 {
            let from = self.read;
            self.read += gathering.len();
            self.stretch = Some(Stretch {
                from,
                to: self.read,
            });
        }
        self.sorted = Some(gathering.sort().map_err(ImportError::Sorting)?);
        Ok(())
    }
}

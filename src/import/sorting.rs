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
use crate::import::sorted_runs::Gathering;
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

/// Where in the file a row is.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// What the rows that were read come to, where the import has a key: the rows so far, or those to the
    /// end of the stretch.
    pub digest: Option<String>,
    /// The stretch that the row is of.
    pub stretch: Option<Stretch>,
}

/// A stretch that has gathered.
pub(super) struct Gathered {
    pub rows: Gathering,
    pub place: Place,
    pub detected: Detected,
}

/// Reads a file: first rows as they come, then stretches, to be sorted by whoever takes them.
pub(super) struct Gatherer<'r, 'f, R> {
    rows: &'r mut Rows<'f, R>,
    plan: &'r ColumnPlan<'r>,
    sorting: Sorting<'r>,
    /// Digests the rows as they are read, where the import has a key.
    digest: Option<RowsDigest>,
    /// Rows that were read.
    read: u64,
    /// Rows before the first stretch.
    unsorted: u64,
    /// The end of the file was read.
    over: bool,
}

impl<'r, 'f, R: Read> Gatherer<'r, 'f, R> {
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
        Gatherer {
            rows,
            plan,
            sorting,
            digest,
            read: 0,
            unsorted,
            over: false,
        }
    }

    /// The next row before the first stretch; none behind the last of them.
    ///
    /// # Errors
    /// What reading the file comes to; the rows are not those that an earlier run has read.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, ImportError> {
        if self.read >= self.unsorted {
            return Ok(None);
        }
        let Some(row) = self.rows.next_row()? else {
            self.over = true;
            return Ok(None);
        };
        if !self.plan.is_no_row(&row) {
            self.read += 1;
            check(
                &mut self.digest,
                &row,
                self.read == self.sorting.last_known(),
            )?;
        }
        Ok(Some(row))
    }

    /// The next stretch; none at the end of the file. `may_go_on` is asked at every row.
    ///
    /// # Errors
    /// What reading the file comes to; what `may_go_on` says; the rows could not be put aside, or are not
    /// those that an earlier run has read.
    pub(super) fn next_stretch(
        &mut self,
        may_go_on: impl Fn() -> Result<(), ImportError>,
    ) -> Result<Option<Gathered>, ImportError> {
        if self.over {
            return Ok(None);
        }
        let from = self.read;
        let resumed = self.sorting.resumed.filter(|it| it.from == from);
        let most = match (resumed, self.sorting.settings.sorted_rows) {
            (Some(stretch), _) => stretch.to.saturating_sub(from),
            // It goes on with a stretch, so it ends with one, though none would begin any more.
            (None, 0) => from.max(1),
            (None, most) => from.clamp(1, most),
        };
        let most_bytes = STRETCH_BYTES.min(self.sorting.spool.limit / 2);
        let until = Instant::now() + GATHERING_TIME;
        let is_enough = |rows: &Gathering| {
            let is_late =
                || rows.len().is_multiple_of(ROWS_BETWEEN_LOOKS) && Instant::now() >= until;
            rows.len() >= most || resumed.is_none() && (rows.bytes() >= most_bytes || is_late())
        };
        let last = self.sorting.last_known();
        let mut gathering = Gathering::new(self.sorting.spool);
        while !is_enough(&gathering) {
            may_go_on()?;
            let Some(row) = self.rows.next_row()? else {
                self.over = true;
                break;
            };
            if !self.plan.is_no_row(&row) {
                let key = self.plan.name_key(&row);
                gathering.push(&key, &row).map_err(ImportError::Sorting)?;
                self.read += 1;
                check(&mut self.digest, &row, self.read == last)?;
            }
        }
        if resumed.is_some() && gathering.len() < most {
            return Err(ImportError::OtherContent);
        }
        gathering.close().map_err(ImportError::Sorting)?;
        let stretch = Stretch {
            from,
            to: self.read,
        };
        let gathered = Gathered {
            rows: gathering,
            place: Place {
                stretch: Some(stretch),
                ..self.place()
            },
            detected: self.detected(),
        };
        Ok(Some(gathered).filter(|_| self.read > from))
    }

    /// Where the last row is that came by itself.
    pub(super) fn place(&self) -> Place {
        Place {
            digest: self.digest.as_ref().map(RowsDigest::hex),
            stretch: None,
        }
    }

    /// How the file is read.
    pub(super) fn detected(&self) -> Detected {
        self.rows.detected()
    }
}

impl Sorting<'_> {
    /// The number of the last row that an earlier run has read, from 1; 0 for none.
    fn last_known(&self) -> u64 {
        self.resumed.map_or(self.done, |stretch| stretch.to)
    }
}

/// Digests a row; behind the last one that an earlier run has read the rows have to be those that it read.
fn check(digest: &mut Option<RowsDigest>, row: &Row<'_>, last: bool) -> Result<(), ImportError> {
    let Some(digest) = digest else {
        return Ok(());
    };
    digest.add(row);
    match last && !digest.is_as_before() {
        true => Err(ImportError::OtherContent),
        false => Ok(()),
    }
}

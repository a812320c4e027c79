//! Sorts the rows of a large file into an order that a store can write quickly.
//!
//! A store keeps users by name. Unsorted names each touch another page of its index, and the larger the
//! store, the more pages are read and written for a batch. Therefore the rows of a large file are sorted by
//! name in stretches, each large enough that many of its rows share a page. The rows before the first stretch
//! are processed in file order, so that a small file does not wait.
//!
//! Two rows of one user stay in file order, because the sort key is the name that identifies a user, or a
//! coarser one. A resumed import has to process its rows in the order of its first run, so the position of
//! the last stretch is kept with its record.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::formats::detected::Detected;
use crate::formats::kind::FileKind;
use crate::formats::open::Rows;
use crate::formats::row::Row;
use crate::import::columns::ColumnPlan;
use crate::import::edited_row::EditedRow;
use crate::import::edits::Edits;
use crate::import::error::ImportError;
use crate::import::rows_digest::RowsDigest;
use crate::import::settings::Settings;
use crate::import::sorted_runs::Gathering;
use crate::users::import_record::Stretch;
use crate::wire::spool::SpoolSettings;

/// Maximum bytes of a stretch.
const STRETCH_BYTES: u64 = 256 * 1024 * 1024;

/// Maximum time for gathering a stretch, so that a slow sender's rows reach the store.
const GATHERING_TIME: Duration = Duration::from_secs(10);

/// Number of rows between two reads of the clock.
const ROWS_BETWEEN_LOOKS: u64 = 64;

/// The parameters of sorting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sorting<'a> {
    pub settings: &'a Settings,
    /// Where rows are spooled while they are sorted.
    pub spool: &'a SpoolSettings,
    /// Rows that an earlier run processed.
    pub done: u64,
    /// The stretch in which the earlier run stopped.
    pub resumed: Option<Stretch>,
    /// Changes to cells, which may be names.
    pub edits: &'a Edits,
    /// Whether only some rows are read, which are not sorted.
    pub is_partial: bool,
}

/// The position of a row in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The digest of the rows so far, or to the end of the stretch, if the import has a key.
    pub digest: Option<String>,
    /// The stretch of the row.
    pub stretch: Option<Stretch>,
}

/// A stretch whose rows have been gathered.
pub(super) struct Gathered {
    pub rows: Gathering,
    pub place: Place,
    pub detected: Detected,
}

/// Reads a file: first rows in file order, then stretches, which the consumer sorts.
pub(super) struct Gatherer<'r, 'f, R> {
    rows: &'r mut Rows<'f, R>,
    plan: &'r ColumnPlan<'r>,
    sorting: Sorting<'r>,
    /// Digests the rows as they are read, if the import has a key.
    digest: Option<RowsDigest>,
    /// Number of rows read.
    read: u64,
    /// Number of rows before the first stretch.
    unsorted: u64,
    /// Whether the end of the file was reached.
    over: bool,
}

impl<'r, 'f, R: Read> Gatherer<'r, 'f, R> {
    /// The rows after the header, with columns as in `plan`; `digest` already includes the header.
    pub(super) fn new(
        rows: &'r mut Rows<'f, R>,
        plan: &'r ColumnPlan<'r>,
        sorting: Sorting<'r>,
        digest: Option<RowsDigest>,
    ) -> Self {
        // A workbook has at most 1,048,576 rows, and reading it takes longer than writing them in any order.
        let is_text = rows.detected().kind == FileKind::Csv;
        // Names that are changed while rows are judged are not known when rows are sorted.
        let changes_names = || {
            let mut mends = sorting.edits.mends.iter();
            mends.any(|mend| mend.column == plan.name_position())
        };
        let unsorted = match sorting.resumed {
            Some(stretch) => stretch.from,
            None if sorting.is_partial || changes_names() => u64::MAX,
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

    /// The next row before the first stretch; none after the last of them.
    ///
    /// # Errors
    /// The file could not be read, or the rows differ from those of an earlier run.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, ImportError> {
        if self.read >= self.unsorted {
            return Ok(None);
        }
        let Some(row) = self.rows.next_row()? else {
            self.over = true;
            return Ok(None);
        };
        if !self.plan.is_not_a_row(&row) {
            self.read += 1;
            check(
                &mut self.digest,
                &row,
                self.read == self.sorting.last_known(),
            )?;
        }
        Ok(Some(row))
    }

    /// The next stretch; none at the end of the file. `check_stop` is called for every row.
    ///
    /// # Errors
    /// The file could not be read; the error of `check_stop`; the rows could not be spooled, or differ from
    /// those of an earlier run.
    pub(super) fn next_stretch(
        &mut self,
        check_stop: impl Fn() -> Result<(), ImportError>,
    ) -> Result<Option<Gathered>, ImportError> {
        if self.over {
            return Ok(None);
        }
        let from = self.read;
        let resumed = self.sorting.resumed.filter(|it| it.from == from);
        let most = match (resumed, self.sorting.settings.sorted_rows) {
            (Some(stretch), _) => stretch.to.saturating_sub(from),
            // The run resumed a stretch, so all remaining rows are in stretches although sorting is disabled
            // now.
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
            check_stop()?;
            let Some(row) = self.rows.next_row()? else {
                self.over = true;
                break;
            };
            if !self.plan.is_not_a_row(&row) {
                let edited = match self.sorting.edits.cells.is_empty() {
                    true => None,
                    false => self.sorting.edits.apply(&row),
                };
                let named = edited.as_ref().map_or(row, EditedRow::row);
                let key = self.plan.name_key(&named);
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

    /// The position of the last row before the first stretch.
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
    /// The number of the last row that an earlier run read, from 1; 0 for none.
    fn last_known(&self) -> u64 {
        self.resumed.map_or(self.done, |stretch| stretch.to)
    }
}

/// Digests a row. After the last row of an earlier run, the digest must match that run.
fn check(digest: &mut Option<RowsDigest>, row: &Row<'_>, last: bool) -> Result<(), ImportError> {
    let Some(digest) = digest else {
        return Ok(());
    };
    digest.add(row);
    match last && !digest.matches_earlier_run() {
        true => Err(ImportError::OtherContent),
        false => Ok(()),
    }
}

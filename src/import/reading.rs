//! From the file to the batch: reads rows, judges them, and accepts or rejects them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::Builder;

use tracing::Span;

use crate::formats::cell_name::cell_name;
use crate::formats::csv::Conventions;
use crate::formats::detected::{Charset, CharsetFrom, Detected};
use crate::formats::error::{FormatError, shortened};
use crate::formats::open::{Options, Rows, open};
use crate::formats::row::{Flaw, FlawedField, Row, TextRow};
use crate::import::batching::Batching;
use crate::import::columns::ColumnPlan;
use crate::import::control::Control;
use crate::import::default_password::DefaultPassword;
use crate::import::edited_row::EditedRow;
use crate::import::edits::Edits;
use crate::import::error::ImportError;
use crate::import::header::{self, Beginning, Header, Wanted};
use crate::import::header_error::HeaderError;
use crate::import::judging::{Judged, judge, judge_row};
use crate::import::preview::Preview;
use crate::import::rows_digest::RowsDigest;
use crate::import::sorting::{Gathered, Gatherer, Place, Sorting};
use crate::users::candidate::{Candidate, CheckedPassword};
use crate::users::claims::ClaimTable;
use crate::users::kinds::Kind;
use crate::users::options::ConflictPolicy;
use crate::users::policy::Policy;
use crate::users::problem::{Problem, Severity};
use crate::users::store_error::StoreError;

/// The state of reading one file.
pub(super) struct Reading<'r> {
    pub claims: &'r ClaimTable,
    /// The caller's options for the header line.
    pub header: Wanted<'r>,
    pub policy: &'r Policy<'r>,
    pub default: &'r mut DefaultPassword,
    pub batching: &'r mut Batching,
    pub control: &'r Control,
    /// Set when the server stops.
    pub stopping: &'r AtomicBool,
    /// The import ends when this many rows have failed.
    pub stop_after: Option<u64>,
    /// Rows that an earlier run processed.
    pub skip: u64,
    /// Digests the rows if the import has a key.
    pub digest: Option<RowsDigest>,
    /// How the rows of a large file are sorted.
    pub sorting: Sorting<'r>,
    /// Whether rejected rows have the shapes of passwords: in the report of a dry run that is shown to people.
    pub shows_shapes: bool,
    /// The lines whose rows are judged; none: all.
    pub selection: Option<&'r BTreeSet<u64>>,
    /// Changes to cells.
    pub edits: &'r Edits,
    /// The columns, for changes to all cells with a problem.
    pub columns: Preview,
    /// Filled in a dry run.
    pub preview: Option<Preview>,
    /// Set after the last row is read.
    pub detected: Option<Detected>,
}

impl Reading<'_> {
    /// Reads the file to its end.
    pub(super) fn read_file(
        &mut self,
        file: impl Read,
        options: &Options<'_>,
    ) -> Result<(), ImportError> {
        let is_partial = self.skip > 0 || self.selection.is_some();
        let mut opened = open(file, options)?;
        if opened.was_wrapped() && !is_partial {
            self.batching.warn("base64-unwrapped", UNWRAPPED);
        }
        let mut rows = opened.rows()?;
        let result = self.read_rows(&mut rows);
        let found = self.detected.insert(rows.detected());
        if let Some(charset) = found.charset
            && charset.from == CharsetFrom::Guess
            && !is_partial
        {
            self.batching
                .warn("charset-guessed", &guessed_charset(charset));
        }
        if !is_partial {
            for message in quote_warnings(rows.conventions()) {
                self.batching.warn("csv-quotes", &message);
            }
        }
        result
    }

    fn read_rows(&mut self, rows: &mut Rows<'_, impl Read>) -> Result<(), ImportError> {
        rows.look_ahead(1)?;
        let Some(first) = rows.ahead().first().map(Row::text) else {
            return self.all_skipped();
        };
        let from_first_row = match first {
            Ok(first) => {
                let header = header::from_first_row(&first, self.header, self.claims);
                header.map_err(|error| error.in_sheet(rows.detected().sheet.as_deref()))?
            }
            Err(_) => None,
        };
        let header = match from_first_row {
            Some(header) => header,
            None => {
                rows.look_ahead(header::LOOK)?;
                read_header(rows, self.header, self.claims)
                    .map_err(|error| refused_header(error, rows))?
            }
        };
        let Header {
            plan,
            rows: above,
            mut warnings,
        } = header;
        let ahead = rows.ahead();
        if let Some(digest) = &mut self.digest {
            ahead.iter().take(above).for_each(|row| digest.add(row));
        }
        rows.skip_ahead(above);
        if self.skip == 0 && self.selection.is_none() {
            self.batching.findings().append(&mut warnings);
        }
        if !self.edits.mends.is_empty() {
            self.columns.columns = plan.columns();
        }
        if let Some(preview) = &mut self.preview {
            preview.columns = plan.columns();
        }
        self.batching.set_header(plan.header());
        let sheet = rows.detected().sheet.as_deref().map(shortened);
        let plan = plan.separated_by(rows.detected().delimiter);
        let plan = plan.showing_shapes(self.shows_shapes);
        let mut rows = Gatherer::new(rows, &plan, self.sorting, self.digest.take());
        while let Some(row) = rows.next_row()? {
            if plan.is_not_a_row(&row) {
                continue;
            }
            if let Some(lines) = self.selection {
                if lines.last().is_none_or(|last| row.line() > *last) {
                    break;
                }
                if !lines.contains(&row.line()) {
                    continue;
                }
            }
            if let Some(flawed) = self.read_row(&row, &plan)? {
                self.reject(flawed, rows.detected().charset);
            }
            self.check_stop(|| rows.place())?;
        }
        if self.selection.is_some() {
            return Ok(());
        }
        self.read_stretches(rows, &plan)?;
        if !plan.has_header_line() && self.batching.is_blank() {
            return Err(match sheet {
                Some(sheet) => FormatError::EmptySheet { sheet }.into(),
                None => FormatError::Empty.into(),
            });
        }
        self.all_skipped()
    }

    /// Reads rows that are sorted: while the rows of one stretch are judged, those of the next are gathered.
    fn read_stretches(
        &mut self,
        mut rows: Gatherer<'_, '_, impl Read>,
        plan: &ColumnPlan<'_>,
    ) -> Result<(), ImportError> {
        let (control, stopping) = (self.control, self.stopping);
        let Some(first) = rows.next_stretch(|| check_stop_signals(control, stopping))? else {
            return Ok(());
        };
        std::thread::scope(|threads| {
            // Taking a stretch lets the next but one start gathering.
            let (sender, stretches) = mpsc::sync_channel(0);
            let request = Span::current();
            let judge = Builder::new()
                .name("import-judge".into())
                .spawn_scoped(threads, move || {
                    let _request = request.entered();
                    std::iter::once(first)
                        .chain(stretches)
                        .try_for_each(|stretch| self.read_stretch(stretch, plan))
                })
                .map_err(|error| {
                    tracing::error!(%error, "a thread could not be started");
                    ImportError::Store(StoreError::NoResources)
                })?;
            // The judge's result is the import's result.
            let check_stop_signals = || match judge.is_finished() {
                true => Err(ImportError::Stopping),
                false => check_stop_signals(control, stopping),
            };
            let gathered = loop {
                match rows.next_stretch(check_stop_signals) {
                    Ok(Some(stretch)) => {
                        if sender.send(stretch).is_err() {
                            break Ok(());
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            drop(sender);
            match judge.join() {
                Ok(judged) => judged.and(gathered),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn read_stretch(
        &mut self,
        gathered: Gathered,
        plan: &ColumnPlan<'_>,
    ) -> Result<(), ImportError> {
        let mut rows = gathered.rows.sort().map_err(ImportError::Sorting)?;
        while rows.advance().map_err(ImportError::Sorting)? {
            let Some(row) = rows.row() else { break };
            if let Some(flawed) = self.read_row(&row, plan)? {
                self.reject(flawed, gathered.detected.charset);
            }
            self.check_stop(|| gathered.place.clone())?;
        }
        Ok(())
    }

    /// At the end of the file: checks that it has all rows that an earlier run processed.
    fn all_skipped(&self) -> Result<(), ImportError> {
        match self.skip {
            0 => Ok(()),
            _ => Err(ImportError::OtherContent),
        }
    }

    /// Judges a row unless an earlier run processed it. Returns a row that is not text.
    fn read_row(
        &mut self,
        row: &Row<'_>,
        plan: &ColumnPlan<'_>,
    ) -> Result<Option<FlawedRow>, ImportError> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(None);
        }
        if !self.edits.is_empty() {
            return self.read_edited_row(row, plan);
        }
        match row.text() {
            Ok(text) => self.judge_text(&text, plan).map(|()| None),
            Err(field) => Ok(Some(FlawedRow::new(row, field, plan))),
        }
    }

    /// The same with changes to its cells: those of its line first, then those for the problems that are found.
    fn read_edited_row(
        &mut self,
        row: &Row<'_>,
        plan: &ColumnPlan<'_>,
    ) -> Result<Option<FlawedRow>, ImportError> {
        let edits = self.edits;
        let mut edited = edits.apply(row);
        let mut used = vec![false; edits.mends.len()];
        let seen = plan.seen();
        loop {
            let current = edited.as_ref().map_or(*row, EditedRow::row);
            let next = match current.text() {
                Err(field) => {
                    let codes = codes(field.flaw);
                    let mend = edits.mend_for(&used, |mend| {
                        mend.column == field.position && codes.contains(&mend.code.as_str())
                    });
                    let Some(mend) = mend else {
                        let flawed = FlawedRow::new(&current, field, plan);
                        self.count_changes(edited.as_ref(), row);
                        return Ok(Some(flawed));
                    };
                    mend
                }
                Ok(text) => {
                    plan.forget_seen_since(seen);
                    let first = self.batching.findings().len();
                    let judged = judge_row(&text, plan, self.policy, self.batching.findings());
                    self.policy.roles.are_known()?;
                    let problems = match &judged {
                        Judged::Rejected(problems) => problems.as_slice(),
                        Judged::User(_) | Judged::Skipped(_) | Judged::Nothing => &[],
                    };
                    let columns = &self.columns;
                    let warnings = self.batching.findings().get(first..).unwrap_or_default();
                    let found = problems.iter().chain(warnings);
                    let places: Vec<(&str, usize)> = found
                        .filter_map(|finding| {
                            let position = columns.position(&Kind::of(finding))?;
                            let position = columns.position_in_row(position, text.iter())?;
                            Some((finding.code.as_ref(), position))
                        })
                        .collect();
                    let mend = edits.mend_for(&used, |mend| {
                        places.contains(&(mend.code.as_str(), mend.column))
                    });
                    let Some(mend) = mend else {
                        if let Some(preview) = &mut self.preview {
                            preview.add(text.line(), || plan.text_cells(&text));
                        }
                        let line = text.line();
                        self.take(judged, line, || plan.text_cells(&text))?;
                        self.count_changes(edited.as_ref(), row);
                        return Ok(None);
                    };
                    self.batching.findings().truncate(first);
                    mend
                }
            };
            let (number, mend) = next;
            if let Some(place) = used.get_mut(number) {
                *place = true;
            }
            let mended = mend.apply(&current);
            edited = Some(mended);
        }
    }

    fn count_changes(&mut self, edited: Option<&EditedRow>, row: &Row<'_>) {
        if let Some(edited) = edited {
            self.batching.add_mended(edited.changes(row));
        }
    }

    fn reject(&mut self, row: FlawedRow, charset: Option<Charset>) {
        let problem = flawed(row.field, row.line, row.column, charset);
        self.batching.reject([problem], row.line, row.cells);
    }

    fn judge_text(&mut self, text: &TextRow<'_>, plan: &ColumnPlan<'_>) -> Result<(), ImportError> {
        if let Some(preview) = &mut self.preview {
            preview.add(text.line(), || plan.text_cells(text));
        }
        let judged = judge_row(text, plan, self.policy, self.batching.findings());
        self.take(judged, text.line(), || plan.text_cells(text))
    }

    /// Accepts the candidate or rejects it.
    pub(super) fn judge(
        &mut self,
        candidate: Candidate<'_>,
        cells: impl Fn() -> Vec<String>,
    ) -> Result<(), ImportError> {
        let line = candidate.line;
        let judged = judge(candidate, self.policy, self.batching.findings());
        self.take(judged, line, cells)
    }

    fn take(
        &mut self,
        judged: Judged<'_>,
        line: u64,
        cells: impl Fn() -> Vec<String>,
    ) -> Result<(), ImportError> {
        self.policy.roles.are_known()?;
        match judged {
            Judged::User(user) => {
                // The store itself may have to reject these.
                let doubtful = self.policy.conflict == ConflictPolicy::Fail
                    || matches!(user.password, CheckedPassword::Missing);
                let cells = doubtful.then(|| serde_json::Value::from(cells()).to_string());
                self.batching.push(user, cells.as_deref())
            }
            Judged::Skipped(why) => {
                self.batching.skip(why);
                Ok(())
            }
            Judged::Nothing => {
                self.batching.skip_blank();
                Ok(())
            }
            Judged::Rejected(problems) => {
                self.batching.reject(problems, line, cells());
                Ok(())
            }
        }
    }

    /// Submits a full batch, and checks whether the import must end here.
    fn check_stop(&mut self, place: impl Fn() -> Place) -> Result<(), ImportError> {
        check_stop_signals(self.control, self.stopping)?;
        let limit = self.stop_after.unwrap_or(u64::MAX);
        let stop = self.batching.failed() >= limit;
        if stop || self.batching.is_full() {
            self.batching.set_place(place());
            self.batching.flush(self.default)?;
        }
        if stop || self.batching.failed() >= limit {
            self.batching.settle()?;
            return Err(ImportError::TooManyProblems { limit });
        }
        Ok(())
    }
}

/// The header of a file whose first rows have been read ahead.
pub(super) fn read_header<'t>(
    rows: &Rows<'_, impl Read>,
    wanted: Wanted<'_>,
    claims: &'t ClaimTable,
) -> Result<Header<'t>, HeaderError> {
    let beginning = Beginning {
        rows: rows.ahead().iter().map(Row::text).collect(),
        first_line_is_empty: rows.first_line_is_empty(),
        is_workbook: rows.detected().sheet.is_some(),
    };
    header::read(&beginning, wanted, claims)
}

/// The error of an import whose header line is refused.
pub(super) fn refused_header(error: HeaderError, rows: &Rows<'_, impl Read>) -> ImportError {
    let ahead = rows.ahead();
    let flawed = ahead.iter().find(|row| row.text().is_err());
    match (error, flawed) {
        (HeaderError::Flawed(field), Some(row)) => {
            header_error(field, row.line(), &rows.detected()).into()
        }
        (error, _) => ImportError::Header(error.in_sheet(rows.detected().sheet.as_deref())),
    }
}

const UNWRAPPED: &str = "the content of the file is base64 text, and the decoded content was imported; send \
                         the plain file, because a SOAP library encodes it";

/// A row with a field that is not text.
struct FlawedRow {
    line: u64,
    column: String,
    cells: Vec<String>,
    field: FlawedField,
}

impl FlawedRow {
    fn new(row: &Row<'_>, field: FlawedField, plan: &ColumnPlan<'_>) -> Self {
        FlawedRow {
            line: row.line(),
            column: plan.column_name(field.position),
            cells: plan.cells(row),
            field,
        }
    }
}

/// Checks that the import is neither cancelled nor interrupted by the server's stop.
fn check_stop_signals(control: &Control, stopping: &AtomicBool) -> Result<(), ImportError> {
    if control.is_cancelled() {
        return Err(ImportError::Cancelled);
    }
    match stopping.load(Ordering::Relaxed) {
        true => Err(ImportError::Stopping),
        false => Ok(()),
    }
}

/// The codes of the problem of a field that is not text. Which one it is may depend on the charset.
fn codes(flaw: Flaw) -> &'static [&'static str] {
    match flaw {
        Flaw::NotText => &["not-utf8", "not-text", "cell-error"],
        Flaw::Quotes(_) => &["csv-quotes"],
        Flaw::Nul => &["nul-character"],
        Flaw::EndMark => &["end-mark"],
        Flaw::Error(_) => &["cell-error"],
        Flaw::NoResult => &["formula-result"],
        Flaw::LostDigits => &["number-digits"],
        Flaw::NoSuchText => &["cell-damaged"],
    }
}

/// The problem of a row with a field that is not text.
fn flawed(field: FlawedField, line: u64, column: String, charset: Option<Charset>) -> Problem {
    let is_workbook = charset.is_none();
    let charset = charset.map_or("UTF-8", |charset| charset.name);
    let cell = cell_name(field.position, line);
    let (code, message) = match field.flaw {
        Flaw::NotText if is_workbook => (
            "cell-error",
            format!("the cell {cell} has no usable value either; enter it, or clear the cell"),
        ),
        Flaw::NotText if charset == "UTF-8" => (
            "not-utf8",
            "the field is not UTF-8 text; save the file as UTF-8".to_owned(),
        ),
        Flaw::NotText => (
            "not-text",
            format!("the field is not text in {charset}; save the file as UTF-8"),
        ),
        Flaw::Quotes(lines) => ("csv-quotes", unclear_quotes(line, lines)),
        Flaw::Nul => (
            "nul-character",
            "the field contains a NUL character (U+0000), which is not text; remove it, or export the file \
             again as text"
                .to_owned(),
        ),
        Flaw::EndMark => (
            "end-mark",
            "the field contains the DOS end-of-file character (U+001A) and the file continues after it; remove it"
                .to_owned(),
        ),
        Flaw::Error(error) => (
            "cell-error",
            format!("the cell {cell} holds the error {error}; correct its formula or clear the cell"),
        ),
        Flaw::NoResult => (
            "formula-result",
            format!(
                "the cell {cell} has a formula whose result is not in the file; open the workbook in a \
                 spreadsheet program and save it, or enter the value itself in the cell"
            ),
        ),
        Flaw::LostDigits => (
            "number-digits",
            format!(
                "the cell {cell} holds a number with more digits than a spreadsheet stores (15); \
                 format the cell as text and enter the number again"
            ),
        ),
        Flaw::NoSuchText => (
            "cell-damaged",
            format!(
                "the cell {cell} refers to a text that is not in the workbook; enter it again in a \
                 spreadsheet program"
            ),
        ),
    };
    Problem::new(Severity::Failed, line, Cow::Owned(column), code, message)
}

/// The error for a header field that is not text.
fn header_error(field: FlawedField, line: u64, detected: &Detected) -> FormatError {
    let what = match field.flaw {
        Flaw::NotText => {
            return FormatError::Charset {
                charset: "another charset than it seems to be",
            };
        }
        Flaw::Error(error) => format!("holds the error {error}"),
        Flaw::NoResult => "has a formula whose result is not in the file".to_owned(),
        Flaw::LostDigits => "holds a number with more digits than a spreadsheet stores".to_owned(),
        Flaw::NoSuchText => "refers to a text that is not in the workbook".to_owned(),
        Flaw::Quotes(_) => "has quotation marks that do not follow CSV".to_owned(),
        Flaw::Nul => "contains a NUL character".to_owned(),
        Flaw::EndMark => "contains the DOS end-of-file character".to_owned(),
    };
    FormatError::HeaderCell {
        sheet: detected.sheet.as_deref().map(shortened),
        cell: cell_name(field.position, line),
        what,
    }
}

fn unclear_quotes(line: u64, lines: u32) -> String {
    let place = match lines {
        0 | 1 => String::new(),
        more => format!(" (lines {line} to {})", line + u64::from(more) - 1),
    };
    format!(
        "the quotation marks of the row{place} can be read in more than one way; quote the whole cell and \
         double each mark inside it: \"Mira \"\"Mimi\"\" Falk\""
    )
}

/// Warnings about rows that were read by conventions other than CSV's.
fn quote_warnings(conventions: Conventions) -> impl Iterator<Item = String> {
    let sentence = |(rows, line): (u64, u64), how: &str, read: &str| {
        let plural = if rows == 1 { "row" } else { "rows" };
        (rows > 0).then(|| {
            format!(
                "in {rows} {plural} (the first is in line {line}) {how}, which is not CSV; {read}"
            )
        })
    };
    let backslashes = sentence(
        conventions.backslashes,
        "quotation marks inside cells are escaped with a backslash",
        "each was read as a mark, without the backslash",
    );
    let blanks = sentence(
        conventions.blanks,
        "a cell has blanks before its opening quotation mark",
        "the cell was read without the blanks and the marks",
    );
    backslashes.into_iter().chain(blanks)
}

fn guessed_charset(charset: Charset) -> String {
    format!(
        "the file is not UTF-8 and was read as {}, which is a guess: check names with accents, and \
         save the file as UTF-8 or set files.charset if they are wrong",
        charset.name
    )
}

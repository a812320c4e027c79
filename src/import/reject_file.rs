//! The reject file: the rows that were not stored, unchanged, with the problems of each. When the rows have
//! been corrected, the file can be imported as it is.

use std::io::{self, Write};

use crate::formats::csv_writer::CsvWriter;
use crate::import::columns::{INCOMPLETE, REJECT_COLUMNS, extra_column};
use crate::users::import_record::ImportRecord;
use crate::users::reject::Reject;
use crate::users::reject_block::RejectCursor;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// Rows read from the store at a time.
const PAGE: usize = 10_000;

/// The setting that limits what is kept of an import.
const KEPT_BY_SETTING: &str = "import.keep_rejects_bytes";

/// The setting that limits what a dry run lists.
const LISTED_BY_SETTING: &str = "import.report_findings";

/// Why a reject file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RejectFileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The destination failed.
    #[error("The reject file could not be written: {0}.")]
    Io(#[from] io::Error),
}

/// Writes the kept rejected rows of an import as CSV, UTF-8, with a header, and returns their number. If more
/// rows were rejected, the last line says so.
///
/// # Errors
/// The store or the destination failed.
pub fn write(
    store: &dyn Store,
    record: &ImportRecord,
    out: impl Write,
) -> Result<u64, RejectFileError> {
    let rejected = &record.rejected;
    let width = usize::try_from(rejected.width).unwrap_or(usize::MAX);
    let mut file = RejectFile::new(&record.header, width.max(record.header.len()), out)?;
    let mut written = 0;
    let mut cursor = Some(RejectCursor::of(rejected));
    while let Some(from) = cursor {
        let page = store.rejects(&record.organization, record.id, from, PAGE)?;
        for reject in &page.rows {
            file.add(reject)?;
        }
        written += page.rows.len() as u64;
        cursor = page.next;
    }
    file.end(rejected.total.saturating_sub(written), KEPT_BY_SETTING)?;
    Ok(written)
}

/// The same for rejected rows in memory, such as those of a dry run; `total` rows were rejected.
///
/// # Errors
/// The destination failed.
pub fn write_rejects(
    header: &[String],
    rejects: &[Reject],
    total: u64,
    out: impl Write,
) -> io::Result<()> {
    let widest = rejects
        .iter()
        .map(|it| it.cells.len())
        .fold(header.len(), usize::max);
    let mut file = RejectFile::new(header, widest, out)?;
    rejects.iter().try_for_each(|reject| file.add(reject))?;
    file.end(
        total.saturating_sub(rejects.len() as u64),
        LISTED_BY_SETTING,
    )
}

struct RejectFile<W> {
    out: CsvWriter<W>,
    /// For each column, whether it is one of the file's own.
    own: Vec<bool>,
}

impl<W: Write> RejectFile<W> {
    fn new(header: &[String], width: usize, out: W) -> io::Result<Self> {
        let own: Vec<bool> = (0..width)
            .map(|position| {
                let name = header.get(position).map(String::as_str);
                !name.is_some_and(|name| REJECT_COLUMNS.contains(&name))
            })
            .collect();
        let names: Vec<String> = (0..width)
            .map(|position| match header.get(position) {
                Some(name) => name.clone(),
                None => extra_column(header, position),
            })
            .collect();
        let mut out = CsvWriter::defused(out);
        let kept = names.iter().zip(&own).filter(|(_, own)| **own);
        let names = kept.map(|(name, _)| name.as_str());
        out.row(names.chain(REJECT_COLUMNS))?;
        Ok(RejectFile { out, own })
    }

    /// Adds a line with the number of missing rows, if any. An import of the file ignores this line.
    fn end(&mut self, missing: u64, setting: &str) -> io::Result<()> {
        if missing == 0 {
            return Ok(());
        }
        let message = format!(
            "{missing} more rows were rejected and are not in this file because of the limit {setting}; correct them in \
             the original file"
        );
        let cells = self.own.iter().filter(|own| **own).map(|_| "");
        self.out.row(cells.chain(["", INCOMPLETE, &message]))
    }

    fn add(&mut self, reject: &Reject) -> io::Result<()> {
        let line = reject.line.to_string();
        let cells = self.own.iter().enumerate().filter(|(_, own)| **own);
        let cells = cells.map(|(position, _)| {
            let cell = reject.cells.get(position);
            cell.map_or("", String::as_str)
        });
        let why = [line.as_str(), &reject.code, &reject.message];
        self.out.row(cells.chain(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(line: u64, cells: &[&str]) -> Reject {
        Reject {
            line,
            cells: cells.iter().map(|cell| (*cell).to_owned()).collect(),
            code: "name-white-space".into(),
            message: "one word".into(),
        }
    }

    fn file(header: &[&str], rejects: &[Reject]) -> String {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let mut out = Vec::new();
        write_rejects(&header, rejects, rejects.len() as u64, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_unchanged_and_have_three_more_columns() {
        let rejects = [reject(4, &["a b", "", "=1"]), reject(9, &["c d"])];
        assert_eq!(
            file(&["username", "password", "title"], &rejects),
            "username,password,title,_line,_code,_message\r\n\
             a b,,\"'=1\",4,name-white-space,one word\r\n\
             c d,,,9,name-white-space,one word\r\n"
        );
    }

    #[test]
    fn last_line_reports_missing_rows() {
        let header = ["username".to_owned(), "password".to_owned()];
        let mut out = Vec::new();
        write_rejects(&header, &[reject(4, &["a b", ""])], 2_001, &mut out).unwrap();
        let file = String::from_utf8(out).unwrap();
        assert_eq!(
            file.lines().last(),
            Some(
                ",,,rejects-incomplete,\"2000 more rows were rejected and are not in this file because of the \
                 limit import.report_findings; correct them in the original file\""
            )
        );
    }

    #[test]
    fn rejected_reject_file_has_each_column_once() {
        let header = ["username", "_line", "_code", "_message"];
        let rejects = [reject(2, &["a b", "4", "old", "old"])];
        assert_eq!(
            file(&header, &rejects),
            "username,_line,_code,_message\r\na b,2,name-white-space,one word\r\n"
        );
    }

    #[test]
    fn claim_cells_and_surplus_cells_have_column_names() {
        let rejects = [reject(2, &["a b", "", "x=1", "y=2"])];
        assert!(
            file(&["UserName", "Password", "Claims"], &rejects)
                .starts_with("UserName,Password,Claims,Claims,_line")
        );
        assert!(
            file(&["username"], &rejects).starts_with("username,_extra1,_extra2,_extra3,_line")
        );
    }
}

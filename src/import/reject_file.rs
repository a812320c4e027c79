//! The reject file: the rows that were not stored, as they came, with what is wrong with each. Mended
//! and sent again as it is, it brings the rest.

use std::io::{self, Write};

use crate::formats::csv_writer::CsvWriter;
use crate::import::columns::{REJECT_COLUMNS, extra_column};
use crate::users::import_record::ImportRecord;
use crate::users::reject::Reject;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// Rows that are read from the store at once.
const PAGE: usize = 500;

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

/// Writes the rejected rows of an import as CSV, UTF-8, with a header; answers how many there were.
/// Rows beyond the bound of what is kept (`[import] keep_findings`) are not among them.
///
/// # Errors
/// The store or the destination failed.
pub fn write(
    store: &dyn Store,
    record: &ImportRecord,
    out: impl Write,
) -> Result<u64, RejectFileError> {
    let read = |skip| store.rejects(&record.organization, record.id, skip, PAGE);
    let mut widest = record.header.len();
    let mut skip = 0;
    loop {
        let page = read(skip)?;
        widest = page
            .iter()
            .map(|it| it.cells.len())
            .fold(widest, usize::max);
        skip += page.len();
        if page.len() < PAGE {
            break;
        }
    }
    let mut file = RejectFile::new(&record.header, widest, out)?;
    let mut written = 0;
    loop {
        let page = read(written)?;
        for reject in &page {
            file.add(reject)?;
        }
        written += page.len();
        if page.len() < PAGE {
            return Ok(written as u64);
        }
    }
}

/// The same of rejects that are in memory, such as those of a dry run.
///
/// # Errors
/// The destination failed.
pub fn write_rejects(header: &[String], rejects: &[Reject], out: impl Write) -> io::Result<()> {
    let widest = rejects
        .iter()
        .map(|it| it.cells.len())
        .fold(header.len(), usize::max);
    let mut file = RejectFile::new(header, widest, out)?;
    rejects.iter().try_for_each(|reject| file.add(reject))
}

struct RejectFile<W> {
    out: CsvWriter<W>,
    /// Positions of the columns that are the file's own, of all that there are.
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
        write_rejects(&header, rejects, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_come_as_they_came_with_three_columns_more() {
        let rejects = [reject(4, &["a b", "", "=1"]), reject(9, &["c d"])];
        assert_eq!(
            file(&["username", "password", "title"], &rejects),
            "username,password,title,_line,_code,_message\r\n\
             a b,,\"'=1\",4,name-white-space,one word\r\n\
             c d,,,9,name-white-space,one word\r\n"
        );
    }

    #[test]
    fn a_reject_file_that_is_rejected_has_each_column_once() {
        let header = ["username", "_line", "_code", "_message"];
        let rejects = [reject(2, &["a b", "4", "old", "old"])];
        assert_eq!(
            file(&header, &rejects),
            "username,_line,_code,_message\r\na b,2,name-white-space,one word\r\n"
        );
    }

    #[test]
    fn claim_cells_and_surplus_cells_have_names_too() {
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

//! Writes rows as CSV (RFC 4180), with optional protection against formulas in spreadsheets.

use std::io::{self, Write};

/// Whether a spreadsheet would interpret the cell as a formula (OWASP, CSV Injection).
pub fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Whether a cell in a file for people gets a `'` in front: it is a formula, possibly after some `'`. A program that
/// removes one `'` from such cells, and from no others, restores every cell.
pub fn is_marked(cell: &str) -> bool {
    is_formula(cell.trim_start_matches('\''))
}

/// Writes rows; lines end in CRLF.
pub struct CsvWriter<W> {
    out: W,
    /// Whether formulas get a `'` in front.
    defuse: bool,
}

impl<W: Write> CsvWriter<W> {
    /// A writer that leaves cells unchanged.
    pub fn plain(out: W) -> Self {
        CsvWriter { out, defuse: false }
    }

    /// A writer for people: formulas get a `'` in front.
    pub fn defused(out: W) -> Self {
        CsvWriter { out, defuse: true }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        for (position, cell) in cells.into_iter().enumerate() {
            if position > 0 {
                self.out.write_all(b",")?;
            }
            self.cell(cell)?;
        }
        self.out.write_all(b"\r\n")
    }

    /// Flushes `out`.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Returns `out`.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn cell(&mut self, cell: &str) -> io::Result<()> {
        let mark = match self.defuse && is_marked(cell) {
            true => "'",
            false => "",
        };
        let quoted = !mark.is_empty()
            || cell.contains([',', '"', '\r', '\n', ';', '\t', '|'])
            || cell.starts_with(' ')
            || cell.ends_with(' ');
        match quoted {
            true => write!(self.out, "\"{mark}{}\"", cell.replace('"', "\"\"")),
            false => write!(self.out, "{mark}{cell}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mut writer: CsvWriter<Vec<u8>>, cells: &[&str]) -> String {
        writer.row(cells.iter().copied()).unwrap();
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn cells_are_quoted_only_if_necessary() {
        let cells = ["a", "b,c", "say \"hi\"", "two\nlines", " x", ""];
        assert_eq!(
            written(CsvWriter::plain(Vec::new()), &cells),
            "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",\" x\",\r\n"
        );
    }

    #[test]
    fn formulas_are_defused_for_people_and_unchanged_for_programs() {
        let cells = ["=1+1", "+33", "@x", "-", "a=b", "'+49", "''=1", "'a", "''"];
        assert_eq!(
            written(CsvWriter::defused(Vec::new()), &cells),
            "\"'=1+1\",\"'+33\",\"'@x\",\"'-\",a=b,\"''+49\",\"'''=1\",'a,''\r\n"
        );
        assert_eq!(
            written(CsvWriter::plain(Vec::new()), &cells),
            "=1+1,+33,@x,-,a=b,'+49,''=1,'a,''\r\n"
        );
    }
}

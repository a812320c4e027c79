//! Where passwords go that were made up for rows without one: once, to whoever asked for the import,
//! and nowhere else. Not in the report, not in the log, not in the store.

use std::io::{self, Write};

use crate::formats::csv_writer::CsvWriter;
use crate::users::secret::Secret;

/// The first line.
const HEADER: [&str; 2] = ["userName", "password"];

/// Bytes of the first line.
pub const HEADER_BYTES: u64 = "userName,password\r\n".len() as u64;

/// CSV (RFC 4180) with a line for each user that was really made, written when its row is durable.
pub struct GeneratedPasswords(CsvWriter<Box<dyn Write + Send>>);

impl GeneratedPasswords {
    /// Begins with the header.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn new(out: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut file = CsvWriter::defused(out);
        file.row(HEADER)?;
        file.flush()?;
        Ok(GeneratedPasswords(file))
    }

    /// Adds the users of one batch.
    pub(super) fn add<'u>(
        &mut self,
        users: impl Iterator<Item = (&'u str, &'u Secret)>,
    ) -> io::Result<()> {
        for (name, password) in users {
            self.0.row([name, password.expose()])?;
        }
        self.0.flush()
    }
}

impl std::fmt::Debug for GeneratedPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeneratedPasswords")
    }
}

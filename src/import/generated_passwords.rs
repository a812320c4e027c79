//! Where passwords go that were made up for rows without one: once, to whoever asked for the import,
//! and nowhere else. Not in the report, not in the log, not in the store.

use std::io::{self, Write};

use crate::users::secret::Secret;

/// The first line.
pub const HEADER: &str = "userName,password\n";

/// CSV (RFC 4180) with a line for each user that was really made, written when its row is durable.
pub struct GeneratedPasswords(Box<dyn Write + Send>);

impl GeneratedPasswords {
    /// Begins with the header.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn new(mut out: Box<dyn Write + Send>) -> io::Result<Self> {
        out.write_all(HEADER.as_bytes())?;
        out.flush()?;
        Ok(GeneratedPasswords(out))
    }

    /// Adds the users of one batch.
    pub(super) fn add<'u>(
        &mut self,
        users: impl Iterator<Item = (&'u str, &'u Secret)>,
    ) -> io::Result<()> {
        for (name, password) in users {
            let (name, password) = (cell(name), password.expose());
            writeln!(self.0, "{name},{password}")?;
        }
        self.0.flush()
    }
}

impl std::fmt::Debug for GeneratedPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeneratedPasswords")
    }
}

/// A cell in quotes. What a spreadsheet would take for a formula gets a `'` in front.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_cell_or_become_formulas() {
        assert_eq!(cell("ann"), "\"ann\"");
        assert_eq!(cell("a\",\"b"), "\"a\"\",\"\"b\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("@ann"), "\"'@ann\"");
    }
}

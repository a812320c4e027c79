//! Delivers the passwords generated for rows without one: once, to the caller of the import, and nowhere
//! else. They are not in the report's record, the log or the store.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use crate::formats::csv_writer::CsvWriter;
use crate::passwords::secret::Secret;
use crate::wiped::Wiped;

/// The header line.
const HEADER: [&str; 2] = ["userName", "password"];

/// Bytes of the header line.
pub const HEADER_BYTES: u64 = "userName,password\r\n".len() as u64;

/// CSV (RFC 4180) with a line for each user that was created, written when the row is durable.
pub struct GeneratedPasswords {
    file: CsvWriter<Box<dyn Write + Send>>,
    /// The content, if it goes into the report.
    kept: Option<SharedBuffer>,
    any: bool,
}

impl GeneratedPasswords {
    /// Starts the file with the header line.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn new(out: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut file = CsvWriter::defused(out);
        file.row(HEADER)?;
        file.flush()?;
        Ok(GeneratedPasswords {
            file,
            kept: None,
            any: false,
        })
    }

    /// Like [`new`](Self::new), for callers that get the passwords with the report.
    ///
    /// # Errors
    /// Never fails: the file is in memory.
    pub fn for_report() -> io::Result<Self> {
        let kept = SharedBuffer::default();
        Ok(GeneratedPasswords {
            kept: Some(kept.clone()),
            ..GeneratedPasswords::new(Box::new(kept))?
        })
    }

    /// Adds the users of one batch.
    pub(super) fn add<'u>(
        &mut self,
        users: impl Iterator<Item = (&'u str, &'u Secret)>,
    ) -> io::Result<()> {
        for (name, password) in users {
            self.file.row([name, password.expose()])?;
            self.any = true;
        }
        self.file.flush()
    }

    /// The file, if it goes into the report and any user got a password.
    pub(super) fn into_list(self) -> Option<PasswordList> {
        let kept = self.kept.filter(|_| self.any)?;
        let bytes = std::mem::take(&mut **kept.bytes());
        String::from_utf8(bytes)
            .ok()
            .map(Secret::new)
            .map(PasswordList)
    }
}

/// Generated passwords as returned once with a report: CSV with the columns `userName` and `password`.
#[derive(Debug, Clone)]
pub struct PasswordList(Secret);

impl PasswordList {
    /// The CSV text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Serialize for PasswordList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// A buffer that is written by one owner and read by another.
#[derive(Clone, Default)]
struct SharedBuffer(Arc<Mutex<Wiped>>);

impl SharedBuffer {
    fn bytes(&self) -> MutexGuard<'_, Wiped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.bytes();
        if kept.capacity() - kept.len() < bytes.len() {
            // Copy and wipe: growing in place would leave a copy of the passwords.
            let mut larger = Wiped::with_capacity(2 * (kept.len() + bytes.len()));
            larger.extend_from_slice(&kept);
            *kept = larger;
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for GeneratedPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeneratedPasswords")
    }
}

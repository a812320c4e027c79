//! Where passwords go that were made up for rows without one: once, to whoever asked for the import,
//! and nowhere else. Not in the report, not in the log, not in the store.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use crate::formats::csv_writer::CsvWriter;
use crate::passwords::secret::Secret;
use crate::wiped::Wiped;

/// The first line.
const HEADER: [&str; 2] = ["userName", "password"];

/// Bytes of the first line.
pub const HEADER_BYTES: u64 = "userName,password\r\n".len() as u64;

/// CSV (RFC 4180) with a line for each user that was really made, written when its row is durable.
pub struct GeneratedPasswords {
    file: CsvWriter<Box<dyn Write + Send>>,
    /// What was written, where it goes into the report.
    kept: Option<SharedBuffer>,
    any: bool,
}

impl GeneratedPasswords {
    /// Begins with the header.
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

    /// The same, for callers who get them with the report.
    ///
    /// # Errors
    /// There is none: memory takes all.
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

    /// The file, where it goes into the report and somebody got a password.
    pub(super) fn told(self) -> Option<ToldPasswords> {
        let kept = self.kept.filter(|_| self.any)?;
        let bytes = std::mem::take(&mut **kept.bytes());
        String::from_utf8(bytes)
            .ok()
            .map(Secret::new)
            .map(ToldPasswords)
    }
}

/// What a report tells its caller once, as CSV with the columns `userName` and `password`.
#[derive(Debug, Clone)]
pub struct ToldPasswords(Secret);

impl ToldPasswords {
    /// The file.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Serialize for ToldPasswords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// Memory that is written to in one place and read in another.
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
            // What moves leaves no copy.
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

//! Temporary storage for content that arrives before it can be used. Small content stays in memory;
//! larger content goes to a size-limited, unnamed temporary file with mode 0600, which disappears when
//! it is dropped or the process ends.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use tempfile::SpooledTempFile;

use crate::wire::error::WireError;

/// Bytes kept in memory before a file is created.
const IN_MEMORY: usize = 64 * 1024;

/// The folder of the spools and the largest size of one.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Folder of the temporary files.
    pub folder: PathBuf,
    /// Bytes that one spool may hold.
    pub limit: u64,
}

/// Content in temporary storage.
pub struct Spool {
    file: SpoolFile,
    limit: u64,
    length: u64,
}

impl Spool {
    /// An empty spool.
    pub fn new(settings: &SpoolSettings) -> Self {
        let file = SpoolFile(tempfile::spooled_tempfile_in(IN_MEMORY, &settings.folder));
        Spool {
            file,
            limit: settings.limit,
            length: 0,
        }
    }

    /// Stores all of `source`.
    ///
    /// # Errors
    /// The source failed, the content exceeds the limit, or the disk is full.
    pub fn fill(settings: &SpoolSettings, mut source: impl Read) -> Result<Self, WireError> {
        let mut spool = Spool::new(settings);
        io::copy(&mut source, &mut spool).map_err(WireError::from_io)?;
        Ok(spool)
    }

    /// The number of bytes stored.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The stored content, from its beginning.
    ///
    /// # Errors
    /// The file could not be read back.
    pub fn into_reader(mut self) -> Result<SpoolReader, WireError> {
        self.file
            .0
            .seek(SeekFrom::Start(0))
            .map_err(WireError::from_io)?;
        Ok(SpoolReader(self.file))
    }
}

/// The stored content, for reading in any order.
pub struct SpoolReader(SpoolFile);

/// The stored content, which may include passwords.
struct SpoolFile(SpooledTempFile);

impl Drop for SpoolFile {
    /// Overwrites the content if it is in memory.
    fn drop(&mut self) {
        if self.0.is_rolled() {
            return;
        }
        // Overwriting memory that is already allocated cannot fail.
        let length = self.0.seek(SeekFrom::End(0)).unwrap_or(0);
        let _ = self.0.seek(SeekFrom::Start(0));
        let _ = io::copy(&mut io::repeat(0).take(length), &mut self.0);
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.0.read(buffer)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.0.seek(position)
    }
}

impl std::fmt::Debug for SpoolReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SpoolReader")
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length + bytes.len() as u64 > self.limit {
            return Err(WireError::SpoolFull { limit: self.limit }.into());
        }
        let count = self.file.0.write(bytes)?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.0.flush()
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_read_back_and_the_limit_is_enforced() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            folder: folder.path().into(),
            limit: 200_000,
        };
        let content = b"0123456789".repeat(20_000);
        let spool = Spool::fill(&settings, &content[..]).unwrap();
        assert_eq!(spool.len(), 200_000);
        let mut back = Vec::new();
        spool.into_reader().unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, content);
        let full = Spool::fill(&settings, io::repeat(b'x').take(200_001)).unwrap_err();
        assert_eq!(full.code(), "IMP-SPOOL-FULL");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "the file was not removed"
        );
    }
}

//! Whether the disk of the data directory takes what is written: free bytes, and a small write of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long an answer is given again without a look at the disk.
const KEPT: Duration = Duration::from_secs(2);

/// Bytes that are written to see whether they can be.
const PROBE: &[u8] = &[0; 4096];

/// What is wrong with the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskTrouble {
    /// Too little is free.
    #[error("the disk is full: {free} bytes are free, and store.min_free_bytes asks for {least}")]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to be.
        least: u64,
    },
    /// It cannot be written to.
    #[error("the disk cannot be written to: {0}")]
    Failing(String),
}

/// Looks at the disks of some folders.
#[derive(Debug)]
pub struct DiskWatch {
    folders: Vec<PathBuf>,
    least: u64,
    last: Mutex<Option<(Instant, Result<(), DiskTrouble>)>>,
}

impl DiskWatch {
    /// A watch over the disks of these folders, of which `least` bytes have to be free.
    pub fn new(folders: Vec<PathBuf>, least: u64) -> Self {
        DiskWatch {
            folders,
            least,
            last: Mutex::default(),
        }
    }

    /// Whether something can be written. Blocking; one look answers all who ask within two seconds.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), DiskTrouble> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, found)) = last.as_ref()
            && when.elapsed() < KEPT
        {
            return found.clone();
        }
        let found = self.folders.iter().try_for_each(|folder| self.look(folder));
        *last = Some((Instant::now(), found.clone()));
        found
    }

    fn look(&self, folder: &Path) -> Result<(), DiskTrouble> {
        let failing = |error: &dyn std::fmt::Display| DiskTrouble::Failing(error.to_string());
        let least = self.least;
        if least > 0 {
            let disk = rustix::fs::statvfs(folder).map_err(|error| failing(&error))?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < least {
                return Err(DiskTrouble::Full { free, least });
            }
        }
        probe(folder).map_err(|error| failing(&error))
    }
}

/// Writes to a file without a name and has it confirmed.
fn probe(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(PROBE)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_too_few_free_bytes_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let watch = |least| DiskWatch::new(vec![folder.path().into()], least);
        assert_eq!(watch(0).check(), Ok(()));
        assert_eq!(watch(1).check(), Ok(()));
        assert!(matches!(
            watch(u64::MAX).check(),
            Err(DiskTrouble::Full { .. })
        ));
    }

    #[test]
    fn a_folder_that_is_gone_fails_and_the_answer_is_kept_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("data");
        std::fs::create_dir(&inside).unwrap();
        let watch = DiskWatch::new(vec![inside.clone()], 0);
        assert_eq!(watch.check(), Ok(()));
        std::fs::remove_dir(&inside).unwrap();
        assert_eq!(watch.check(), Ok(()));
        *watch.last.lock().unwrap() = None;
        assert!(matches!(watch.check(), Err(DiskTrouble::Failing(_))));
    }
}

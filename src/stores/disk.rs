//! Checks the disk of the data directory: free space, and a small test write.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a result is reused before the disk is checked again.
const CACHE_TIME: Duration = Duration::from_secs(2);

/// The content of the test write.
const PROBE: &[u8] = &[0; 4096];

/// A problem with the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskProblem {
    /// Too little free space.
    #[error("the disk is full: {free} bytes are free, and store.min_free_bytes asks for {least}")]
    Full {
        /// Free bytes.
        free: u64,
        /// Required free bytes.
        least: u64,
    },
    /// The disk is not writable.
    #[error("the disk cannot be written to: {0}")]
    Failing(String),
}

/// Checks the disks of some folders.
#[derive(Debug)]
pub struct DiskWatch {
    folders: Vec<PathBuf>,
    least: u64,
    last: Mutex<Option<(Instant, Result<(), DiskProblem>)>>,
}

impl DiskWatch {
    /// Checks the disks of these folders, which must have at least `least` free bytes.
    pub fn new(folders: Vec<PathBuf>, least: u64) -> Self {
        DiskWatch {
            folders,
            least,
            last: Mutex::default(),
        }
    }

    /// Checks whether the disks are writable. Blocking; a result is reused for two seconds.
    ///
    /// # Errors
    /// The problem.
    pub fn check(&self) -> Result<(), DiskProblem> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, found)) = last.as_ref()
            && when.elapsed() < CACHE_TIME
        {
            return found.clone();
        }
        let found = self
            .folders
            .iter()
            .try_for_each(|folder| self.check_folder(folder));
        *last = Some((Instant::now(), found.clone()));
        found
    }

    fn check_folder(&self, folder: &Path) -> Result<(), DiskProblem> {
        let failing = |error: &dyn std::fmt::Display| DiskProblem::Failing(error.to_string());
        let least = self.least;
        if least > 0 {
            let disk = rustix::fs::statvfs(folder).map_err(|error| failing(&error))?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < least {
                return Err(DiskProblem::Full { free, least });
            }
        }
        probe(folder).map_err(|error| failing(&error))
    }
}

/// Writes to an unnamed file and syncs it.
fn probe(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(PROBE)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_with_too_little_free_space_is_reported_as_full() {
        let folder = tempfile::tempdir().unwrap();
        let watch = |least| DiskWatch::new(vec![folder.path().into()], least);
        assert_eq!(watch(0).check(), Ok(()));
        assert_eq!(watch(1).check(), Ok(()));
        assert!(matches!(
            watch(u64::MAX).check(),
            Err(DiskProblem::Full { .. })
        ));
    }

    #[test]
    fn missing_folder_fails_and_the_result_is_cached() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("data");
        std::fs::create_dir(&inside).unwrap();
        let watch = DiskWatch::new(vec![inside.clone()], 0);
        assert_eq!(watch.check(), Ok(()));
        std::fs::remove_dir(&inside).unwrap();
        assert_eq!(watch.check(), Ok(()));
        *watch.last.lock().unwrap() = None;
        assert!(matches!(watch.check(), Err(DiskProblem::Failing(_))));
    }
}

//! Generated passwords between the import and their only download: a file per import that only its owner may read.
//! It is kept across restarts, because the passwords exist nowhere else.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::clock::Moment;
use crate::file_mode::create_private;
use crate::passwords::secret::Secret;
use crate::users::import_id::ImportId;
use crate::wiped::Wiped;

/// The files.
#[derive(Debug)]
pub struct PasswordFiles {
    folder: PathBuf,
}

impl PasswordFiles {
    /// The files in this folder, which must exist.
    pub fn new(folder: &Path) -> Self {
        let files = PasswordFiles {
            folder: folder.into(),
        };
        files.empty_taken();
        files
    }

    /// Empties the files of passwords that were being taken when an earlier process ended.
    fn empty_taken(&self) {
        let Ok(folder) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for file in folder.flatten() {
            let path = file.path();
            let is_taken = path.extension().is_some_and(|end| end == "taken");
            if is_taken
                && let Err(error) = File::options().write(true).open(&path).and_then(|file| {
                    let full = file.metadata()?.len() > 0;
                    if full { file.set_len(0) } else { Ok(()) }
                })
            {
                tracing::error!(%error, "a file of passwords could not be emptied");
            }
        }
    }

    /// A new file for the passwords of this import.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(&self, id: ImportId) -> io::Result<File> {
        create_private(&self.path(id))
    }

    /// How many passwords can be downloaded.
    pub fn count(&self, id: ImportId) -> u64 {
        let Ok(mut file) = File::open(self.path(id)) else {
            return 0;
        };
        let (mut buffer, mut lines) = (Wiped::with_capacity(64 * 1024), 0_u64);
        buffer.resize(64 * 1024, 0);
        loop {
            let count = file.read(&mut buffer).unwrap_or_default();
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
                // The first line is the header.
                return lines.saturating_sub(1);
            };
            lines += memchr::memchr_iter(b'\n', piece).count() as u64;
        }
    }

    /// The passwords, which are deleted: they can be taken once.
    ///
    /// # Errors
    /// The file cannot be read or emptied; then they are not returned.
    pub fn take(&self, id: ImportId) -> io::Result<Option<Secret>> {
        let (path, taken) = (self.path(id), self.taken(id));
        match std::fs::rename(&path, &taken) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            renamed => renamed?,
        }
        let mut bytes = Vec::new();
        let mut file = File::options().read(true).write(true).open(&taken)?;
        file.read_to_end(&mut bytes)?;
        // The empty file says when they were taken.
        file.set_len(0)?;
        file.sync_all()?;
        Secret::from_utf8(bytes)
            .map(Some)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// When the passwords of this import were taken; none: they were not.
    pub fn taken_at(&self, id: ImportId) -> Option<Moment> {
        let modified = std::fs::metadata(self.taken(id)).ok()?.modified().ok()?;
        let age = modified.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(age.as_micros()).ok().map(Moment)
    }

    fn taken(&self, id: ImportId) -> PathBuf {
        self.path(id).with_extension("taken")
    }

    /// Deletes what is kept of this import.
    pub fn forget(&self, id: ImportId) {
        for path in [self.path(id), self.taken(id)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(%error, import = %id, "a file of passwords could not be removed");
                }
                _ => {}
            }
        }
    }

    fn path(&self, id: ImportId) -> PathBuf {
        self.folder.join(format!("{id}.passwords"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn passwords_are_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = PasswordFiles::new(folder.path());
        let id = ImportId(Uuid::from_u128(7));
        assert_eq!(
            (files.count(id), files.take(id).unwrap().is_some()),
            (0, false)
        );
        let mut file = files.create(id).unwrap();
        file.write_all(b"userName,password\r\nkim,Ab12\r\n")
            .unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!((files.count(id), mode & 0o777), (1, 0o600));
        let taken = files.take(id).unwrap().unwrap();
        assert!(taken.expose().contains("kim,Ab12"));
        assert_eq!(
            (files.count(id), files.take(id).unwrap().is_some()),
            (0, false)
        );
        assert!(files.taken_at(id).is_some_and(|at| at > Moment(0)));
        let left = folder.path().join(format!("{id}.taken"));
        assert_eq!(std::fs::metadata(&left).unwrap().len(), 0);
        std::fs::write(&left, "userName,password\r\n").unwrap();
        drop(PasswordFiles::new(folder.path()));
        assert_eq!(
            std::fs::metadata(&left).unwrap().len(),
            0,
            "emptied at the next start"
        );
        files.forget(id);
        assert_eq!(files.taken_at(id), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

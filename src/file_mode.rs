//! Files that hold users, passwords or keys are readable by their owner only: mode 0600, regardless of the
//! umask and of the mode of their directory.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Read and write for the owner.
pub const PRIVATE: u32 = 0o600;

/// The mode bits for group and others.
const NOT_THE_OWNER: u32 = 0o077;

/// The mode bits for others.
const WORLD: u32 = 0o007;

/// Creates a new file with mode 0600. A file that exists is an error.
///
/// # Errors
/// The file exists, or cannot be created.
pub fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)?;
    // The umask can clear bits that the owner needs.
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    Ok(file)
}

/// Sets the mode of an existing file to 0600. A missing file is not an error and is not created.
///
/// # Errors
/// Its mode cannot be read or changed.
pub fn make_private(path: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.permissions().mode() & NOT_THE_OWNER == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(PRIVATE))
}

/// The mode of the file or directory, if it grants others any access.
pub fn open_to_the_world(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & WORLD != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_created_and_kept_with_mode_0600() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        drop(create_private(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        assert!(create_private(&path).is_err());
        for wide in [0o644, 0o666, 0o640, 0o604] {
            fs::set_permissions(&path, Permissions::from_mode(wide)).unwrap();
            let world = open_to_the_world(&path);
            assert_eq!(world, Some(wide).filter(|wide| wide & 0o007 != 0));
            make_private(&path).unwrap();
            assert_eq!(mode(&path), 0o600);
        }
        assert_eq!(open_to_the_world(&path), None);
        make_private(&folder.path().join("none")).unwrap();
    }
}

//! Files that hold users, passwords or keys are for their owner alone: mode 0600, whatever the umask or the
//! mode of their directory.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Read and write for the owner.
pub const PRIVATE: u32 = 0o600;

/// The bits of a mode that give anything to others than the owner.
const NOT_THE_OWNER: u32 = 0o077;

/// The bits that give anything to every user of the machine.
const WORLD: u32 = 0o007;

/// Makes a new file for its owner alone; one that exists is an error.
///
/// # Errors
/// It exists, or cannot be made.
pub fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)?;
    // A umask can take bits away that the owner needs.
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    Ok(file)
}

/// Takes an existing file away from everyone but its owner; a file that does not exist is left so.
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

/// The mode of the file or directory, if it gives anything to every user of the machine.
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
    fn files_are_made_and_kept_for_their_owner() {
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

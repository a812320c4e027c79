//! The database file before it is opened: created atomically, readable by its owner only, and left
//! unchanged if it is not one of our stores (SQLite, "Database File Format", §1.3 and §4).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::file_mode::{create_private, make_private};
use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::migrations::{migrate, newest};
use crate::users::store_error::StoreError;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Size of the database header, in bytes.
const HEADER: usize = 100;

/// Tables that exist in every version of our schema.
const REQUIRED_TABLES: [&str; 3] = ["users", "imports", "operators"];

const RESTORE: &str = "restore a backup, or use another store with store.url or --data";

/// Creates the database at `path` if it does not exist, and otherwise restricts its permissions to
/// the owner. Only the process that holds the lock on the data directory may call this.
///
/// # Errors
/// The file is not a store, or it cannot be created.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    if !inspect(path)? {
        make(path)?;
    }
    for file in [
        path.to_owned(),
        with_suffix(path, "-wal"),
        with_suffix(path, "-shm"),
    ] {
        if let Err(error) = make_private(&file) {
            tracing::warn!(file = %file.display(), %error, "the file's mode could not be set to 0600");
        }
    }
    Ok(())
}

/// Whether there is a database at `path`; it is checked without being changed.
///
/// # Errors
/// The file is not a store that this version can use; the message says why and what to do.
pub(super) fn inspect(path: &Path) -> Result<bool, StoreError> {
    let shown = path.display();
    let unusable = |what: String| StoreError::Unusable(format!("{shown} {what}"));
    let log = length(&with_suffix(path, "-wal"));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match log {
                None | Some(0) => Ok(false),
                Some(_) => Err(StoreError::Unusable(format!(
                    "{} exists without {shown}, to which it belongs, and may contain the users \
                     stored last; put {shown} back next to it, or move it away to start with an \
                     empty store",
                    with_suffix(path, "-wal").display()
                ))),
            };
        }
        Err(error) => return Err(unusable(format!("cannot be accessed: {error}"))),
    };
    if !metadata.is_file() {
        return Err(unusable(
            "is not a file; name another one in store.url".into(),
        ));
    }
    if metadata.len() == 0 {
        return Err(unusable(format!(
            "is empty (0 bytes), and Muster never leaves such a file: something else created or \
             emptied it; {RESTORE}, or delete it to start with an empty store"
        )));
    }
    let header = read_header(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    if !header.starts_with(MAGIC) {
        return Err(unusable(format!(
            "is not an SQLite database; it was not changed. Move it away, or {RESTORE}"
        )));
    }
    let whole = whole_length(&header);
    // While the log contains pages, the file may be shorter than its header says.
    let is_cut = |log: Option<u64>| {
        log.is_none_or(|log| log == 0) && length(path).is_some_and(|length| length < whole)
    };
    if header.len() < HEADER || (is_cut(log) && is_cut(length(&with_suffix(path, "-wal")))) {
        return Err(unusable(format!(
            "is damaged: it is shorter ({} bytes) than its header says ({whole}); {RESTORE}",
            metadata.len()
        )));
    }
    let content = read_content(path).map_err(|error| explain(&error, path))?;
    content.check(path)?;
    Ok(true)
}

/// Maps an error from the first access to a database.
fn explain(error: &rusqlite::Error, path: &Path) -> StoreError {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Unusable(format!(
            "{shown} is not an SQLite database, or is encrypted; it was not changed. Move it \
             away, or {RESTORE}"
        )),
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::Unusable(format!("{shown} is damaged ({error}); {RESTORE}"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Unusable(format!("{shown} cannot be opened: {error}")),
    }
}

/// The parts of a schema that identify its application.
pub(super) struct Content {
    version: i64,
    application: i64,
    tables: u32,
    ours: u32,
}

impl Content {
    /// Reads it.
    pub(super) fn of(db: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get(0));
        let names = REQUIRED_TABLES.map(|name| format!("'{name}'")).join(", ");
        let count = format!(
            "SELECT count(*), count(*) FILTER (WHERE name IN ({names})) FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'"
        );
        let (tables, ours) = db.query_row(&count, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Content {
            version: pragma("user_version")?,
            application: pragma("application_id")?,
            tables,
            ours,
        })
    }

    /// Checks that this version can use the database at `path`, after a migration if necessary.
    ///
    /// # Errors
    /// It belongs to another application, or has a newer or invalid version.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let shown = path.display();
        let is_empty = self.tables == 0 && self.version == 0 && self.application == 0;
        if is_empty {
            return Ok(());
        }
        if self.ours as usize != REQUIRED_TABLES.len() || self.version == 0 {
            return Err(StoreError::Unusable(format!(
                "{shown} is an SQLite database of another application; it was not changed. Name \
                 another file in store.url, or another directory with --data"
            )));
        }
        let known = newest();
        match u32::try_from(self.version) {
            Ok(found) if found > known => Err(StoreError::NewerSchema { found, known }),
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Unusable(format!(
                "{shown} has the schema version {}, which no version of Muster writes; {RESTORE}",
                self.version
            ))),
        }
    }
}

/// Reads the database without side effects: if no process has it open there is no log, and SQLite
/// must not look for one and takes no lock.
fn read_content(path: &Path) -> rusqlite::Result<Content> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = match length(&with_suffix(path, "-wal")) {
        Some(_) => Connection::open_with_flags(path, flags)?,
        None => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable_uri(path), flags)?
        }
    };
    Content::of(&db)
}

/// The path as a URI of SQLite ("URI Filenames"), with all special bytes escaped.
fn immutable_uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn read_header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)?
        .take(HEADER as u64)
        .read_to_end(&mut header)?;
    Ok(header)
}

/// The file length according to the header; 0 if the header does not give it.
fn whole_length(header: &[u8]) -> u64 {
    let word = |at: usize| {
        let bytes = header.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let page = header
        .get(16..18)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u16::from_be_bytes);
    let page = match page {
        1 => 65_536,
        size => u64::from(size),
    };
    match (word(28), word(24) == word(92)) {
        (Some(pages), true) => page * u64::from(pages),
        _ => 0,
    }
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// The path with this suffix.
fn with_suffix(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Creates the database under a temporary name, syncs it and renames it, so that a crash leaves
/// either a complete store or none.
fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| {
        StoreError::Unusable(format!("{} cannot be created: {error}", path.display()))
    };
    let new = with_suffix(path, ".new");
    for end in ["", "-wal", "-shm", "-journal"] {
        remove_if_there(&with_suffix(&new, end)).map_err(failed)?;
    }
    drop(create_private(&new).map_err(failed)?);
    let result = fill(&new).and_then(|()| {
        for end in ["-wal", "-shm"] {
            remove_if_there(&with_suffix(path, end)).map_err(failed)?;
        }
        fs::rename(&new, path)
            .and_then(|()| sync_folder(path))
            .map_err(failed)
    });
    if result.is_err() {
        // The next attempt removes it, too.
        let _ = remove_if_there(&new);
    }
    result
}

fn fill(new: &Path) -> Result<(), StoreError> {
    let mut db = Connection::open(new).map_err(from_sqlite)?;
    // Only the final sync makes it durable.
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "OFF")] {
        db.pragma_update(None, name, value).map_err(from_sqlite)?;
    }
    migrate(&mut db)?;
    db.close().map_err(|(_, error)| from_sqlite(error))?;
    let failed = |error: io::Error| StoreError::Failed(error.to_string());
    match length(&with_suffix(new, "-wal")) {
        None | Some(0) => {}
        Some(_) => return Err(StoreError::Failed("the new store was not closed".into())),
    }
    File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(failed)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn refusal(path: &Path) -> String {
        match inspect(path) {
            Err(error) => error.to_string(),
            Ok(there) => panic!("accepted: {there}"),
        }
    }

    /// The error message, after checking that the file and its folder were not changed.
    #[track_caller]
    fn refused(path: &Path) -> String {
        let state = || {
            let mut names: Vec<_> = fs::read_dir(path.parent().unwrap())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            (fs::read(path).unwrap(), names)
        };
        let before = state();
        let sentence = refusal(path);
        assert_eq!(
            prepare(path).map_err(|error| error.to_string()),
            Err(sentence.clone())
        );
        assert!(state() == before, "the file was changed");
        assert!(
            sentence.contains(&path.display().to_string()) || sentence.contains("schema version")
        );
        sentence
    }

    #[test]
    fn other_files_are_reported_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mu ster?.db");
        fs::write(&path, "").unwrap();
        assert!(refused(&path).contains("empty (0 bytes)"));
        fs::write(&path, "username,password\nkim,geheim\n").unwrap();
        let sentence = refused(&path);
        assert!(sentence.contains("is not an SQLite database") && !sentence.contains("geheim"));
        fs::write(&path, [&MAGIC[..], b"x"].concat()).unwrap();
        assert!(refused(&path).contains("damaged"));

        fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        let sql = "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('x')";
        other.execute_batch(sql).unwrap();
        drop(other);
        assert!(refused(&path).contains("another application"));
        let other = Connection::open(&path).unwrap();
        // Like our version 5, and in our journal mode.
        other.pragma_update(None, "journal_mode", "WAL").unwrap();
        other.pragma_update(None, "user_version", 5).unwrap();
        drop(other);
        assert!(refused(&path).contains("another application"));
    }

    #[test]
    fn newer_invalid_or_truncated_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        prepare(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for (version, part) in [
            (99, "version 99"),
            (-3, "version -3"),
            (0, "another application"),
        ] {
            fs::write(&path, &whole).unwrap();
            let db = Connection::open(&path).unwrap();
            db.pragma_update(None, "user_version", version).unwrap();
            drop(db);
            assert!(refused(&path).contains(part), "{version}");
        }
        for length in [50, 512, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(refused(&path).contains("damaged"), "{length}");
        }
        let mut corrupted = whole.clone();
        corrupted[100..200].fill(0xff);
        fs::write(&path, &corrupted).unwrap();
        assert!(refused(&path).contains("damaged"));
        fs::write(&path, &whole).unwrap();
        assert_eq!(inspect(&path), Ok(true));
    }

    #[test]
    fn store_is_created_atomically_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        // As after a crash.
        fs::write(folder.path().join("muster.db.new"), "half").unwrap();
        fs::write(folder.path().join("muster.db.new-wal"), "half").unwrap();
        prepare(&path).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn log_without_its_database_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        fs::write(folder.path().join("muster.db-wal"), "users").unwrap();
        assert!(refusal(&path).contains("put"));
        assert!(prepare(&path).is_err());
        assert!(!path.exists());
    }
}

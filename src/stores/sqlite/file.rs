//! The database file before it is opened: made whole or not at all, for its owner alone, and left as it is
//! when it is no store of ours (SQLite, "Database File Format", §1.3 and §4).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::file_mode::{create_private, make_private};
use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::migrations::{migrate, newest};
use crate::users::store_error::StoreError;

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Bytes of the database header.
const HEADER: usize = 100;

/// Tables that every schema of ours has.
const OURS: [&str; 3] = ["users", "imports", "operators"];

const RESTORE: &str = "put a backup in its place, or name another store with store.url or --data";

/// Makes the database at `path` if there is none, and takes one that is there away from everyone but its
/// owner. Only the process that holds the lock on the data directory may call this.
///
/// # Errors
/// What is there is no store, or it cannot be made.
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    if !inspect(path)? {
        make(path)?;
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        if let Err(error) = make_private(&file) {
            tracing::warn!(file = %file.display(), %error, "the file's mode could not be set to 0600");
        }
    }
    Ok(())
}

/// Whether there is a database at `path`, which is looked at and left as it is.
///
/// # Errors
/// What is there is no store that this version can use; the sentence says what it is and what to do.
pub(super) fn inspect(path: &Path) -> Result<bool, StoreError> {
    let shown = path.display();
    let unusable = |what: String| StoreError::Unusable(format!("{shown} {what}"));
    let log = length(&beside(path, "-wal"));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match log {
                None | Some(0) => Ok(false),
                Some(_) => Err(StoreError::Unusable(format!(
                    "{} is there without {shown}, to which it belongs, and may hold users that were \
                     stored last; put {shown} back beside it, or move it away to begin with an empty store",
                    beside(path, "-wal").display()
                ))),
            };
        }
        Err(error) => return Err(unusable(format!("cannot be looked at: {error}"))),
    };
    if !metadata.is_file() {
        return Err(unusable(
            "is not a file; name another one in store.url".into(),
        ));
    }
    if metadata.len() == 0 {
        return Err(unusable(format!(
            "is empty (0 bytes), and Muster never leaves such a file: something else made or emptied it; \
             {RESTORE}, or delete it to begin with an empty store"
        )));
    }
    let header = read_header(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    if !header.starts_with(MAGIC) {
        return Err(unusable(format!(
            "is not an SQLite database; it was left as it is. Move it away, or {RESTORE}"
        )));
    }
    let whole = whole_length(&header);
    // While the log holds pages, the file may be shorter than its header says.
    let is_cut = |log: Option<u64>| {
        log.is_none_or(|log| log == 0) && length(path).is_some_and(|length| length < whole)
    };
    if header.len() < HEADER || (is_cut(log) && is_cut(length(&beside(path, "-wal")))) {
        return Err(unusable(format!(
            "is damaged: it is shorter ({} bytes) than its header says ({whole}); {RESTORE}",
            metadata.len()
        )));
    }
    let content = look(path).map_err(|error| explain(&error, path))?;
    content.check(path)?;
    Ok(true)
}

/// What an error means that came when a database was first looked at.
fn explain(error: &rusqlite::Error, path: &Path) -> StoreError {
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Unusable(format!(
            "{shown} is not an SQLite database, or is encrypted; it was left as it is. Move it away, or \
             {RESTORE}"
        )),
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::Unusable(format!("{shown} is damaged ({error}); {RESTORE}"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Unusable(format!("{shown} cannot be opened: {error}")),
    }
}

/// What the schema of a database says of whose it is.
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
        let names = OURS.map(|name| format!("'{name}'")).join(", ");
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

    /// Whether this version can use the database at `path`, after bringing it up to date if need be.
    ///
    /// # Errors
    /// It is another application's, or of a newer or impossible version.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let shown = path.display();
        let is_empty = self.tables == 0 && self.version == 0 && self.application == 0;
        if is_empty {
            return Ok(());
        }
        if self.ours as usize != OURS.len() || self.version == 0 {
            return Err(StoreError::Unusable(format!(
                "{shown} is an SQLite database of another application; it was left as it is. Name another \
                 file in store.url, or another directory with --data"
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

/// Looks into the database without a trace: where no process has it open there is no log, and SQLite is asked
/// not to look for one and to take no lock.
fn look(path: &Path) -> rusqlite::Result<Content> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = match length(&beside(path, "-wal")) {
        Some(_) => Connection::open_with_flags(path, flags)?,
        None => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable_uri(path), flags)?
        }
    };
    Content::of(&db)
}

/// The path as a URI of SQLite ("URI Filenames"), every byte escaped that could mean something else.
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

/// The length that the header says; 0 where it does not.
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

/// The file beside the database with this at the end of its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Makes the database under another name, brings it to the disk and gives it its name then, so that a crash
/// leaves either a whole store or none.
fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| {
        StoreError::Unusable(format!("{} cannot be made: {error}", path.display()))
    };
    let new = beside(path, ".new");
    for end in ["", "-wal", "-shm", "-journal"] {
        remove_if_there(&beside(&new, end)).map_err(failed)?;
    }
    drop(create_private(&new).map_err(failed)?);
    let result = fill(&new).and_then(|()| {
        for end in ["-wal", "-shm"] {
            remove_if_there(&beside(path, end)).map_err(failed)?;
        }
        fs::rename(&new, path)
            .and_then(|()| sync_folder(path))
            .map_err(failed)
    });
    if result.is_err() {
        // It is removed by the next try as well.
        let _ = remove_if_there(&new);
    }
    result
}

fn fill(new: &Path) -> Result<(), StoreError> {
    let mut db = Connection::open(new).map_err(from_sqlite)?;
    // Durable is only what is synchronized at the end.
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "OFF")] {
        db.pragma_update(None, name, value).map_err(from_sqlite)?;
    }
    migrate(&mut db)?;
    db.close().map_err(|(_, error)| from_sqlite(error))?;
    let failed = |error: io::Error| StoreError::Failed(error.to_string());
    match length(&beside(new, "-wal")) {
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

    /// The sentence, once it is clear that looking has left the file and its folder as they were.
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
    fn what_is_no_store_is_named_and_left_alone() {
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
        // As our version 5, and in the mode of journal that ours is in.
        other.pragma_update(None, "journal_mode", "WAL").unwrap();
        other.pragma_update(None, "user_version", 5).unwrap();
        drop(other);
        assert!(refused(&path).contains("another application"));
    }

    #[test]
    fn a_store_of_a_newer_or_impossible_version_or_cut_short_is_refused() {
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
        let mut spoilt = whole.clone();
        spoilt[100..200].fill(0xff);
        fs::write(&path, &spoilt).unwrap();
        assert!(refused(&path).contains("damaged"));
        fs::write(&path, &whole).unwrap();
        assert_eq!(inspect(&path), Ok(true));
    }

    #[test]
    fn a_store_is_made_whole_for_its_owner_and_a_part_of_one_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        // As a crash leaves it.
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
    fn a_log_without_its_database_is_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.db");
        fs::write(folder.path().join("muster.db-wal"), "users").unwrap();
        assert!(refusal(&path).contains("put"));
        assert!(prepare(&path).is_err());
        assert!(!path.exists());
    }
}

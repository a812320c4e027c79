//! Uploads of queued imports: one file each, readable only by the owner, kept across restarts.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::clock::Moment;
use crate::file_mode::create_private;
use crate::hex;
use crate::import::edits::Edits;
use crate::users::import_id::ImportId;
use crate::wire::error::WireError;

/// The reason of a queued import whose upload does not exist.
pub(super) const UPLOAD_GONE: &str = "the upload no longer exists";

/// The folder of waiting uploads.
#[derive(Debug, Clone)]
pub struct Uploads {
    folder: PathBuf,
    /// Maximum size of an upload in bytes.
    limit: u64,
}

impl Uploads {
    /// Uploads in `folder`, which must exist.
    pub fn new(folder: &Path, limit: u64) -> Self {
        Uploads {
            folder: folder.into(),
            limit,
        }
    }

    fn path(&self, id: ImportId) -> PathBuf {
        self.folder.join(format!("{id}.upload"))
    }

    fn path_of_edits(&self, id: ImportId) -> PathBuf {
        self.folder.join(format!("{id}.edits"))
    }

    /// Stores changes to the cells of an upload durably, if there are any.
    ///
    /// # Errors
    /// The disk is full; no file is left.
    pub fn keep_edits(&self, id: ImportId, edits: &Edits) -> Result<(), WireError> {
        if edits.is_empty() {
            return Ok(());
        }
        let kept = self.write_edits(&self.path_of_edits(id), edits);
        if kept.is_err() {
            self.forget(id);
        }
        kept.map_err(WireError::from_io)
    }

    fn write_edits(&self, path: &Path, edits: &Edits) -> io::Result<()> {
        let json = Zeroizing::new(serde_json::to_vec(edits)?);
        let mut file = create_private(path)?;
        file.write_all(&json)?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    /// The changes to the cells of an upload; empty if there are none.
    ///
    /// # Errors
    /// A sentence: they cannot be read, or are damaged.
    pub fn edits(&self, id: ImportId) -> Result<Edits, String> {
        let json = match std::fs::read(self.path_of_edits(id)) {
            Ok(json) => Zeroizing::new(json),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Edits::default()),
            Err(error) => {
                return Err(format!(
                    "the changes to the cells of the upload cannot be read: {error}"
                ));
            }
        };
        // The parser's message may quote a value.
        serde_json::from_slice(&json)
            .map_err(|_| "the changes to the cells of the upload are damaged".to_owned())
    }

    /// Stores all of `source` durably and returns its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// The source failed, it is too large, or the disk is full; no file is left.
    pub fn keep(&self, id: ImportId, source: impl Read) -> Result<String, WireError> {
        let path = self.path(id);
        let kept = self.write(&path, source).map_err(WireError::from_io);
        if kept.is_err() {
            self.forget(id);
        }
        kept
    }

    fn write(&self, path: &Path, mut source: impl Read) -> io::Result<String> {
        let file = create_private(path)?;
        let mut out = BufWriter::new(file);
        let mut digest = Context::new(&SHA256);
        let (mut buffer, mut length) = (vec![0; 64 * 1024], 0);
        loop {
            let count = source.read(&mut buffer)?;
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            length += count as u64;
            if length > self.limit {
                return Err(WireError::SpoolFull { limit: self.limit }.into());
            }
            digest.update(piece);
            out.write_all(piece)?;
        }
        out.flush()?;
        out.get_ref().sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        Ok(hex::encode(digest.finish().as_ref()))
    }

    /// The waiting upload of this import and its size in bytes, if there is one.
    pub fn open(&self, id: ImportId) -> Option<(File, u64)> {
        let file = File::open(self.path(id)).ok()?;
        let size = file.metadata().ok()?.len();
        Some((file, size))
    }

    /// Whether this import has a waiting upload.
    pub fn has(&self, id: ImportId) -> bool {
        self.path(id).exists()
    }

    /// Removes the upload of this import, then the changes to its cells.
    pub fn forget(&self, id: ImportId) {
        for path in [self.path(id), self.path_of_edits(id)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(%error, import = %id, "an upload could not be removed");
                }
                _ => {}
            }
        }
    }

    /// The uploads that were stored before `moment`.
    pub fn older_than(&self, moment: Moment) -> Vec<ImportId> {
        let Ok(folder) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let old = folder.flatten().filter_map(|file| {
            let path = file.path();
            let id = path.file_name()?.to_str()?.strip_suffix(".upload")?;
            let id = id.parse().ok().map(ImportId)?;
            let at = file.metadata().ok()?.modified().ok()?;
            let age = at.duration_since(UNIX_EPOCH).ok()?;
            let at = i64::try_from(age.as_micros()).ok()?;
            (at < moment.0).then_some(id)
        });
        old.collect()
    }

    /// Removes all uploads except those of these imports; the others are no longer needed.
    pub fn forget_all_but(&self, wanted: &[ImportId]) {
        let Ok(folder) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let paths = wanted
            .iter()
            .flat_map(|id| [self.path(*id), self.path_of_edits(*id)]);
        let keep: Vec<PathBuf> = paths.collect();
        for file in folder.flatten() {
            let path = file.path();
            let end = path.extension();
            let is_upload = end.is_some_and(|end| end == "upload" || end == "edits");
            if is_upload
                && !keep.contains(&path)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::error!(%error, "an unused upload could not be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use uuid::Uuid;

    #[test]
    fn upload_is_private_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), 10);
        let id = ImportId(Uuid::from_u128(7));
        let sha256 = uploads.keep(id, &b"abc"[..]).unwrap();
        assert!(sha256.starts_with("ba7816bf"));
        let (mut file, size) = uploads.open(id).unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!((size, mode & 0o777), (3, 0o600));
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        uploads.forget(id);
        assert!(!uploads.has(id));
    }

    #[test]
    fn upload_over_the_limit_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), 2);
        let id = ImportId(Uuid::from_u128(7));
        let error = uploads.keep(id, &b"abc"[..]).unwrap_err();
        assert!(matches!(error, WireError::SpoolFull { limit: 2 }));
        assert!(!uploads.has(id));
    }

    #[test]
    fn older_than_compares_modification_times() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), 10);
        let id = ImportId(Uuid::from_u128(7));
        uploads.keep(id, &b"x"[..]).unwrap();
        std::fs::write(folder.path().join("other.upload"), "x").unwrap();
        assert_eq!(uploads.older_than(Moment(1_000_000)), []);
        assert_eq!(uploads.older_than(Moment(i64::MAX)), [id]);
    }

    #[test]
    fn edits_are_kept_and_removed_with_their_upload() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), 10);
        let (one, two) = (ImportId(Uuid::from_u128(1)), ImportId(Uuid::from_u128(2)));
        let edits = Edits {
            cells: [(2, [(0, "kim".to_owned())].into())].into(),
            mends: Vec::new(),
        };
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        for id in [one, two] {
            assert_eq!(uploads.edits(id), Ok(Edits::default()));
            uploads.keep_edits(id, &edits).unwrap();
            uploads.keep(id, &b"x"[..]).unwrap();
            assert_eq!(uploads.edits(id), Ok(edits.clone()));
        }
        let path = folder.path().join(format!("{one}.edits"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(uploads.older_than(Moment(i64::MAX)).len(), 2);
        uploads.forget_all_but(&[one]);
        assert_eq!((files(), uploads.edits(one)), (2, Ok(edits)));
        std::fs::write(&path, "{\"cells\":{\"2\":{\"0\":\"s3cret").unwrap();
        let damaged = uploads.edits(one).unwrap_err();
        assert!(damaged.contains("damaged") && !damaged.contains("s3cret"));
        uploads.forget(one);
        assert_eq!(files(), 0);
        uploads.keep_edits(one, &Edits::default()).unwrap();
        assert_eq!(files(), 0, "nothing is kept if there are none");
    }

    #[test]
    fn unused_uploads_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), 10);
        let (one, two) = (ImportId(Uuid::from_u128(1)), ImportId(Uuid::from_u128(2)));
        for id in [one, two] {
            uploads.keep(id, &b"x"[..]).unwrap();
        }
        uploads.forget_all_but(&[two]);
        assert!(!uploads.has(one) && uploads.has(two));
    }
}

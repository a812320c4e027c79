//! A new file with mode 0600 for the output of a command. It never overwrites an existing file, and is removed if
//! nothing was written to it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cli::command::CliError;
use crate::cli::output;

/// A file that was created for this command.
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    /// The size at which the file counts as empty.
    empty: u64,
}

impl NewFile {
    /// Creates the file; an existing file is an error.
    pub(super) fn make(path: &Path, empty: u64) -> Result<Self, CliError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| {
                let shown = output::plain(&path.to_string_lossy());
                let advice = match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        "; it already exists and is not overwritten: choose another name"
                    }
                    _ => "",
                };
                format!("cannot create {shown}: {error}{advice}")
            })?;
        Ok(NewFile {
            path: path.to_owned(),
            file,
            empty,
        })
    }

    /// A new writer to the file.
    pub(super) fn writer(&self) -> Result<BufWriter<File>, CliError> {
        let file = self.file.try_clone();
        Ok(BufWriter::new(
            file.map_err(|error| self.write_error(&error))?,
        ))
    }

    /// Writes the file and syncs it to disk.
    pub(super) fn fill<T>(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let mut out = self.writer()?;
        let result = fill(&mut out)?;
        out.flush().map_err(|error| self.write_error(&error))?;
        self.sync()?;
        Ok(result)
    }

    /// Syncs the file to disk. Returns whether it has content.
    pub(super) fn sync(&self) -> Result<bool, CliError> {
        self.file
            .sync_all()
            .map_err(|error| self.write_error(&error))?;
        Ok(self.length() > self.empty)
    }

    /// Empties the file, so that it is removed.
    pub(super) fn discard(self) -> Result<(), CliError> {
        self.file
            .set_len(0)
            .map_err(|error| self.write_error(&error))
    }

    /// Its name, escaped for the terminal.
    pub(super) fn shown(&self) -> String {
        output::plain(&self.path.to_string_lossy())
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(u64::MAX, |it| it.len())
    }

    fn write_error(&self, error: &io::Error) -> CliError {
        CliError::Message(format!("cannot write {}: {error}", self.shown()))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.length() <= self.empty {
            // An empty file that remains does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

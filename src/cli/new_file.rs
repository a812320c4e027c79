//! A file that a command writes for its owner alone: new, never written over, and gone again when
//! nothing came into it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cli::command::CliError;
use crate::cli::output;

/// A file that was made for this command.
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    /// Bytes that are in it when there is nothing in it.
    empty: u64,
}

impl NewFile {
    /// Makes it; what is there is never written over.
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
                        "; it is there already and is not written over: name another one"
                    }
                    _ => "",
                };
                format!("{shown} cannot be made: {error}{advice}")
            })?;
        Ok(NewFile {
            path: path.to_owned(),
            file,
            empty,
        })
    }

    /// A writer of its own.
    pub(super) fn writer(&self) -> Result<BufWriter<File>, CliError> {
        let file = self.file.try_clone();
        Ok(BufWriter::new(file.map_err(|error| self.told(&error))?))
    }

    /// Fills it and brings it to the disk.
    pub(super) fn fill<T>(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let mut out = self.writer()?;
        let result = fill(&mut out)?;
        out.flush().map_err(|error| self.told(&error))?;
        self.sync()?;
        Ok(result)
    }

    /// Brings it to the disk; whether there is anything in it.
    pub(super) fn sync(&self) -> Result<bool, CliError> {
        self.file.sync_all().map_err(|error| self.told(&error))?;
        Ok(self.length() > self.empty)
    }

    /// Empties it, so that it goes away.
    pub(super) fn discard(self) -> Result<(), CliError> {
        self.file.set_len(0).map_err(|error| self.told(&error))
    }

    /// Its name, for the terminal.
    pub(super) fn shown(&self) -> String {
        output::plain(&self.path.to_string_lossy())
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(u64::MAX, |it| it.len())
    }

    fn told(&self, error: &io::Error) -> CliError {
        CliError::Told(format!("{} cannot be written: {error}", self.shown()))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.length() <= self.empty {
            // A file with nothing in it that stays harms nobody.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

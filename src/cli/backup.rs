//! `muster backup`: copies the store, also while a server is running.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::new_file::NewFile;
use crate::cli::settings::Settings;
use crate::stores::{self, Access};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// New file, readable by its owner only: it contains all password hashes. To restore it, stop the
    /// server, move away the store's file and the files next to it that end in -wal and -shm, and put
    /// the backup in its place
    file: PathBuf,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let file = NewFile::make(&arguments.file, 0)?;
    if let Err(error) = store.back_up(&arguments.file) {
        file.discard()?;
        return Err(CliError::Message(format!(
            "cannot make a backup in {}: {error}",
            arguments.file.display()
        )));
    }
    file.sync()?;
    sync_folder(&arguments.file)?;
    writeln!(
        out,
        "Backed up the store, as of the last complete batch, to {} and checked its integrity.",
        file.shown()
    )?;
    writeln!(
        out,
        "The backup does not include settings, certificates and the files of waiting imports."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the file's name durable, too.
fn sync_folder(file: &Path) -> Result<(), CliError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| CliError::Message(format!("{}: {error}", folder.display())))
}

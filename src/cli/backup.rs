//! `muster backup`: a copy of the store, made while a server runs.

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
    /// A new file, which only its owner may read: it holds all password hashes. To restore it, stop
    /// the server, move the store's file and those beside it that end in -wal and -shm away, and
    /// put this one in its place
    file: PathBuf,
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let file = NewFile::make(&arguments.file, 0)?;
    if let Err(error) = store.back_up(&arguments.file) {
        file.discard()?;
        return Err(CliError::Told(format!(
            "no backup was made in {}: {error}",
            arguments.file.display()
        )));
    }
    file.sync()?;
    sync_folder(&arguments.file)?;
    writeln!(
        out,
        "The store as it was between two batches is in {}; its integrity was checked.",
        file.shown()
    )?;
    writeln!(
        out,
        "Settings, certificate and files of waiting imports are not in it."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The name of the file is durable, too.
fn sync_folder(file: &Path) -> Result<(), CliError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| CliError::Told(format!("{}: {error}", folder.display())))
}

//! What every command takes, and what it ends with.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Settings file [default: muster.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Data directory [default: ./muster-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

/// What a command ends with.
pub(super) type Outcome = Result<ExitCode, CliError>;

/// Why a command did nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// A sentence for the person at the terminal.
    #[error("{0}")]
    Told(String),
    /// Output could not be written.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
}

impl From<String> for CliError {
    fn from(sentence: String) -> Self {
        CliError::Told(sentence)
    }
}

macro_rules! told {
    ($($error:ty),*) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                CliError::Told(error.to_string())
            }
        }
    )*};
}

told!(
    crate::config::ConfigError,
    crate::users::store_error::StoreError,
    crate::passwords::hashing::HashError,
    crate::users::domains::UnknownDomain,
    crate::users::organization::NoSuchOrganization,
    crate::admin::error::AdminError
);

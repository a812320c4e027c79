//! The options and the result of every command.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// The options of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Settings file [default: muster.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Data directory [default: ./muster-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

/// The result of a command.
pub(super) type Outcome = Result<ExitCode, CliError>;

/// The reason that a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// A message for the user.
    #[error("{0}")]
    Message(String),
    /// Output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl From<String> for CliError {
    fn from(sentence: String) -> Self {
        CliError::Message(sentence)
    }
}

macro_rules! message_from {
    ($($error:ty),*) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                CliError::Message(error.to_string())
            }
        }
    )*};
}

message_from!(
    crate::config::ConfigError,
    crate::users::store_error::StoreError,
    crate::passwords::hashing::HashError,
    crate::users::domains::UnknownDomain,
    crate::users::organization::NoSuchOrganization,
    crate::admin::error::AdminError
);

//! Operators and their roles, as arguments of commands.

use crate::cli::command::CliError;
use crate::cli::output;
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArgument {
    /// Bring users in, and see what became of them
    Import,
    /// See users and imports
    Read,
    /// All of it
    Admin,
}

pub(super) fn unknown(name: &str) -> CliError {
    CliError::Told(format!("there is no operator {}", output::plain(name)))
}

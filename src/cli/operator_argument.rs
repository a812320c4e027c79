//! Operators and their roles, as arguments of commands.

use clap::ValueEnum;

use crate::cli::command::CliError;
use crate::cli::output;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArgument {
    /// May import users and read imports
    Import,
    /// May read users and imports
    Read,
    /// May do everything
    Admin,
}

pub(super) fn unknown(name: &str) -> CliError {
    CliError::Message(format!("there is no operator {}", output::plain(name)))
}

//! The terminal: one file a command. Each takes its arguments and the settings, writes to `out`, and
//! answers with an exit code.

mod command;
mod settings;
mod precautions;
mod output;
mod new_file;
mod stop_signal;
mod core_dumps;
mod demo;
mod serve;
mod import;
mod organization_option;
mod operator_argument;
mod operator;
mod token;
mod organization;
mod users;
mod export;
mod imports;
mod role;
mod audit;
mod backup;
mod send;
mod check_config;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::command::{CliError, Common};

/// Brings users in bulk into a user store: by SOAP, with the CSV as an attachment, or from here.
#[derive(Debug, Parser)]
#[command(name = "muster", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a server, one real SOAP call, the report, the users
    Demo(demo::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Import a file without a server
    Import(import::Arguments),
    /// Send a file to a server, by SOAP
    Send(send::Arguments),
    /// Who may call: add, list, remove, password, token
    #[command(subcommand)]
    Operator(operator::Command),
    /// Who has users, roles and imports of their own: add, list, remove
    #[command(subcommand)]
    Organization(organization::Command),
    /// Who was imported: list, show, check-password, initial-passwords, export
    Users(users::Arguments),
    /// What became of imports: list, show, rejects, undo, cancel
    Imports(imports::Arguments),
    /// Roles that rows may name: add, list
    Role(role::Arguments),
    /// Who did what and when
    Audit(audit::Arguments),
    /// Copy the store into a file, beside a running server
    Backup(backup::Arguments),
    /// Check the settings and show those in effect, and where each comes from; secrets are hidden
    CheckConfig,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let Arguments { common, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help is no failure, and 2 is taken: it says that some rows did not make it.
            let code = if told.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
            // Nothing is left to be done when the terminal has gone.
            let _ = told.print();
            return code;
        }
    };
    if let Err(error) = core_dumps::forbid() {
        // Nothing is left to be done when standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "muster: warning: core dumps could not be turned off: {error}"
        );
    }
    let mut out = io::stdout().lock();
    let outcome = match command {
        Command::Demo(arguments) => demo::run(&common, &arguments, &mut out),
        Command::Serve(arguments) => serve::run(&common, &arguments, &mut out),
        Command::Import(arguments) => import::run(&common, &arguments, &mut out),
        Command::Send(arguments) => send::run(&arguments, &mut out),
        Command::Operator(command) => operator::run(&common, &command, &mut out),
        Command::Organization(command) => organization::run(&common, &command, &mut out),
        Command::Users(arguments) => users::run(&common, &arguments, &mut out),
        Command::Imports(arguments) => imports::run(&common, &arguments, &mut out),
        Command::Role(arguments) => role::run(&common, &arguments, &mut out),
        Command::Audit(arguments) => audit::run(&common, &arguments, &mut out),
        Command::CheckConfig => check_config::run(&common, &mut out),
        Command::Backup(arguments) => backup::run(&common, &arguments, &mut out),
    };
    match outcome.and_then(|code| out.flush().map(|()| code).map_err(CliError::from)) {
        Ok(code) => code,
        // Somebody downstream, `head` for one, has seen enough.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Nothing is left to be done when standard error is closed too.
            let _ = writeln!(io::stderr(), "muster: {error}");
            ExitCode::FAILURE
        }
    }
}

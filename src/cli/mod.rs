//! The command line: one file per command. A command takes its arguments and the settings, writes to `out`, and
//! returns an exit code.

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
mod anonymize;
mod organization_option;
mod reading_options;
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

/// Imports users in bulk into a user store, by SOAP with a CSV attachment or from the command line.
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
    /// Run a demonstration: a server, a SOAP call, its report and the users
    Demo(demo::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Import a file without a server
    Import(import::Arguments),
    /// Write a file of the same form with other content, whose import fails in the same way
    Anonymize(anonymize::Arguments),
    /// Send a file to a server, by SOAP
    Send(send::Arguments),
    /// Manage operators, who may call the server: add, list, remove, password, token
    #[command(subcommand)]
    Operator(operator::Command),
    /// Manage organizations, each with its own users, roles and imports: add, list, remove
    #[command(subcommand)]
    Organization(organization::Command),
    /// Query users: list, show, check-password, initial-passwords, export
    Users(users::Arguments),
    /// Manage imports: list, show, rejects, undo, cancel
    Imports(imports::Arguments),
    /// Manage roles that rows may name: add, list
    Role(role::Arguments),
    /// Show the audit log
    Audit(audit::Arguments),
    /// Back up the store to a file, also while a server is running
    Backup(backup::Arguments),
    /// Check the settings, and show those in effect with the source of each; secrets are hidden
    CheckConfig,
}

/// Reads the command line and runs the command.
pub fn main() -> ExitCode {
    let Arguments { common, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help is not a failure, and 2 means that some rows failed.
            let code = if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
            // If the terminal is closed, there is nowhere to report it.
            let _ = error.print();
            return code;
        }
    };
    if let Err(error) = core_dumps::forbid() {
        // If standard error is closed, there is nowhere to report it.
        let _ = writeln!(
            io::stderr(),
            "muster: warning: cannot disable core dumps: {error}"
        );
    }
    let mut out = io::stdout().lock();
    let outcome = match command {
        Command::Demo(arguments) => demo::run(&common, &arguments, &mut out),
        Command::Serve(arguments) => serve::run(&common, &arguments, &mut out),
        Command::Import(arguments) => import::run(&common, &arguments, &mut out),
        Command::Anonymize(arguments) => anonymize::run(&common, &arguments, &mut out),
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
        // The reader of the pipe, such as `head`, has closed it.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // If standard error is closed too, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "muster: {error}");
            ExitCode::FAILURE
        }
    }
}

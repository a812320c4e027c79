//! `muster operator add|list|remove|password|token`: manages operators. Can run while a server is running; the
//! next call to the server sees the change.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::access::gate::Caller;
use crate::app::start_pool;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::operator_argument::RoleArgument;
use crate::cli::operator_argument::unknown;
use crate::cli::settings::Settings;
use crate::cli::{import, organization_option, output, token};
use crate::clock::Clock;
use crate::config;
use crate::passwords::random_password::random_password;
use crate::passwords::secret::Secret;
use crate::stores::{self, Access};
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::name::UserName;
use crate::users::operator::{Operator, Role};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an operator; without a password one is generated and shown once
    Add {
        /// The operator's name
        name: String,
        /// The operator's role
        #[arg(long, value_enum)]
        role: RoleArgument,
        /// Restrict the operator to this organization [default: all]
        #[arg(long, value_name = "O")]
        organization: Option<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the operators
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Remove an operator
    Remove {
        /// The operator's name
        name: String,
    },
    /// Set an operator's password; without one it is generated and shown once
    Password {
        /// The operator's name
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Manage bearer tokens, which programs send instead of a password: add, list, revoke
    #[command(subcommand)]
    Token(token::Command),
}

#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// File whose first line is the password
    #[arg(long, value_name = "F", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

pub(super) fn run(common: &Common, command: &Command, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let by = Caller::terminal(DEFAULT_ORGANIZATION).actor(Channel::Terminal);
    let now = Clock::system().now();
    match command {
        Command::Add {
            name,
            role,
            organization,
            password,
        } => {
            let checked = UserName::parse(name, None).map_err(|error| error.to_string())?;
            let organization = match organization {
                Some(organization) => {
                    Some(organization_option::existing(store.as_ref(), organization)?)
                }
                None => None,
            };
            let operator = Operator {
                name: checked.as_str().to_owned(),
                role: (*role).into(),
                organization,
                password_hash: hash(&settings, password, out)?,
                created_at: now,
            };
            if !store.add_operator(&operator, &by)? {
                return Err(CliError::Message(format!(
                    "the operator {name} already exists"
                )));
            }
            writeln!(out, "Added the operator {name}.")?;
        }
        Command::List { json } => {
            let operators = store.operators()?;
            if *json {
                for operator in operators {
                    let line = serde_json::to_string(&operator);
                    writeln!(out, "{}", line.map_err(|error| error.to_string())?)?;
                }
            } else {
                let mut table = output::table(&["name", "role", "organization"]);
                for operator in operators {
                    let organization = operator.organization.unwrap_or_else(|| "(all)".into());
                    table.add_row(vec![
                        operator.name,
                        operator.role.as_str().into(),
                        organization,
                    ]);
                }
                output::write_table(out, &table, "")?;
            }
        }
        Command::Remove { name } => {
            if !store.remove_operator(name, &by, now)? {
                return Err(unknown(name));
            }
            writeln!(out, "Removed the operator {name}.")?;
        }
        Command::Password { name, password } => {
            if store.operator(name)?.is_none() {
                return Err(unknown(name));
            }
            let hash = hash(&settings, password, out)?;
            if !store.set_operator_password(name, &hash, &by, now)? {
                return Err(unknown(name));
            }
            writeln!(out, "Set a new password for the operator {name}.")?;
        }
        Command::Token(command) => return token::run(store.as_ref(), command, &by, out),
    }
    Ok(ExitCode::SUCCESS)
}

/// The hash of the given password, or of a generated one, which is printed.
fn hash(
    settings: &Settings,
    source: &PasswordSource,
    out: &mut dyn Write,
) -> Result<String, CliError> {
    settings.passwords.check()?;
    let password = match (&source.password_file, source.password_stdin) {
        (Some(file), _) => config::read_secret(file)?,
        (None, true) => import::read_line(&mut io::stdin().lock())?,
        (None, false) => {
            let password = random_password()?;
            writeln!(out, "Password (shown only once): {}", password.expose())?;
            password
        }
    };
    check(settings, &password)?;
    Ok(start_pool(&settings.passwords)?.hash(password)?)
}

/// Warns about a weak password, but accepts it: the owner of the data directory decides.
fn check(settings: &Settings, password: &Secret) -> Result<(), CliError> {
    if password.is_empty() {
        return Err(CliError::Message("the password is empty".into()));
    }
    if let Err(weak) = settings.passwords.check_permanent(password.expose()) {
        writeln!(io::stderr(), "muster: this password is weak: {weak}")?;
    }
    Ok(())
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Import => Role::Import,
            RoleArgument::Read => Role::Read,
            RoleArgument::Admin => Role::Admin,
        }
    }
}

//! `muster organization add|list|remove`: manages organizations, each with its own users, roles, imports and
//! audit log. Can run while a server is running; the next call to the server sees the change.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::access::gate::Caller;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::stores::{self, Access};
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;
use crate::users::organization::{
    NoSuchOrganization, Organization, OrganizationRemoved, check_name,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an organization with the default roles
    Add {
        /// Its name: ASCII letters, digits, and . _ -; case is ignored
        name: String,
    },
    /// List the organizations
    List {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Remove an organization that has no users, running imports, operators and tokens; its roles, its
    /// imports with their reports, and its audit log are removed with it
    Remove {
        /// Its name; case is ignored
        name: String,
    },
}

pub(super) fn run(common: &Common, command: &Command, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let by = Caller::terminal(DEFAULT_ORGANIZATION).actor(Channel::Terminal);
    let now = Clock::system().now();
    match command {
        Command::Add { name } => {
            check_name(name).map_err(|error| error.to_string())?;
            let organization = Organization {
                name: name.clone(),
                created_at: now,
            };
            if !store.add_organization(&organization, &by)? {
                return Err(CliError::Message(format!(
                    "the organization {name} already exists; names are compared without case"
                )));
            }
            writeln!(out, "Added the organization {name}.")?;
        }
        Command::List { json } => {
            let organizations = store.organizations()?;
            if *json {
                for organization in organizations {
                    let line = serde_json::to_string(&organization);
                    writeln!(out, "{}", line.map_err(|error| error.to_string())?)?;
                }
            } else {
                let mut table = output::table(&["organization", "since"]);
                for organization in organizations {
                    table.add_row(vec![
                        organization.name,
                        organization.created_at.to_rfc3339(),
                    ]);
                }
                output::write_table(out, &table, "")?;
            }
        }
        Command::Remove { name } => {
            let shown = output::plain(name);
            match store.remove_organization(name, &by, now)? {
                OrganizationRemoved::Removed => {
                    writeln!(out, "Removed the organization {shown}.")?;
                }
                OrganizationRemoved::Unknown => return Err(NoSuchOrganization(shown).into()),
                OrganizationRemoved::TheDefault => {
                    return Err(CliError::Message(format!(
                        "the organization {DEFAULT_ORGANIZATION} cannot be removed"
                    )));
                }
                OrganizationRemoved::HasStill(belongings) => {
                    return Err(CliError::Message(format!(
                        "the organization {shown} still has {}; nothing was removed. Remove its \
                         users, cancel its imports, remove its operators and revoke its tokens first",
                        belongings.sentence()
                    )));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

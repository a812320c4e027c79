//! `muster organization add|list|remove`: who has users, roles, imports and an audit of their own. Works
//! beside a running server, which notices at the next call.

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
    /// Add an organization, with the roles that every one has
    Add {
        /// Its name: letters of ASCII, digits, and . _ - ; the same in any case
        name: String,
    },
    /// List the organizations
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove an organization that has no users, imports under way, operators and tokens; its roles, its
    /// imports and their reports, and its audit go with it
    Remove {
        /// Its name, in any case
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
                return Err(CliError::Told(format!(
                    "there is an organization {name} already; names are the same in any case"
                )));
            }
            writeln!(out, "The organization {name} is there now.")?;
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
                    writeln!(out, "The organization {shown} is removed.")?;
                }
                OrganizationRemoved::Unknown => return Err(NoSuchOrganization(shown).into()),
                OrganizationRemoved::TheDefault => {
                    return Err(CliError::Told(format!(
                        "the organization {DEFAULT_ORGANIZATION} is always there and cannot be removed"
                    )));
                }
                OrganizationRemoved::HasStill(belongings) => {
                    return Err(CliError::Told(format!(
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

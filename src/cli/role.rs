//! `muster role add|list`: manages the roles that rows may name. Can run while a server is running.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::access::gate::Caller;
use crate::admin::administration::Administration;
use crate::app::start_pool;
use crate::cli::command::{Common, Outcome};
use crate::cli::organization_option::OrganizationOption;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::clock::Clock;
use crate::stores::{self, Access};
use crate::users::channel::Channel;
use crate::users::domains::Domains;
use crate::users::role_name;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    within: OrganizationOption,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a role, which later imports may give to users
    Add {
        /// The role's name; one that begins with Internal/, Application/ or Workflow/ belongs to no
        /// domain
        name: String,
        /// Domain whose users may have it [default: PRIMARY]
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// User of that domain, or DOMAIN/user, that gets the role; may be repeated
        #[arg(long, value_name = "U")]
        member: Vec<String>,
    },
    /// List the roles
    List {
        /// Only names that match; * matches any characters, ? matches one
        #[arg(default_value = "")]
        filter: String,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    settings.passwords.check()?;
    let administration = Administration {
        store: stores::open(&settings.store, Access::Beside)?,
        pool: start_pool(&settings.passwords)?,
        passwords: settings.passwords.clone(),
        importers_set_passwords: settings.access.importers_set_passwords,
        domains: Domains::new(&settings.domains),
        clock: Clock::system(),
    };
    let organization = arguments.within.name(administration.store.as_ref())?;
    let by = Caller::terminal(&organization).actor(Channel::Terminal);
    match &arguments.command {
        Command::Add {
            name,
            domain,
            member,
        } => {
            let within = |name: &str| match domain {
                Some(domain) => format!("{}/{name}", domain.trim()),
                None => name.to_owned(),
            };
            let name = match role_name::is_hybrid(name) {
                true => role_name::spelled(name).into_owned(),
                false => within(name),
            };
            let members: Vec<String> = member
                .iter()
                .map(|member| match member.contains('/') {
                    true => member.clone(),
                    false => within(member),
                })
                .collect();
            administration.add_role(&by, &name, &members, Vec::new())?;
            writeln!(out, "Added the role {}.", output::plain(&name))?;
        }
        Command::List { filter, json } => {
            let found = administration.find_roles(&by.organization, filter, usize::MAX)?;
            let mut table = output::table(&["role", "domain"]);
            for domain in &found {
                for name in &domain.names {
                    if *json {
                        let role = serde_json::json!({"name": name, "domain": domain.domain});
                        writeln!(out, "{role}")?;
                    } else {
                        table.add_row(vec![output::plain(name), domain.domain.clone()]);
                    }
                }
            }
            if !json {
                output::write_table(out, &table, "")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `muster users list|show|check-password`: who was imported. Works beside a running server.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;

use crate::app::start_pool;
use crate::cli::{CliError, Common, Outcome, Settings, import, output};
use crate::stores::{self, Access};
use crate::users::DEFAULT_ORGANIZATION;
use crate::users::domains::Domains;
use crate::users::name::lookup_key;
use crate::users::store::{Store, User, UserCursor};

/// Users read from the store at once.
const PAGE: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the users
    List {
        /// Only this domain
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// One JSON object a line, all users
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    Show {
        /// The user's name, in any case
        name: String,
        /// The user's domain [default: PRIMARY]
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check a password, read from standard input: exit code 0 when it is right, 1 when it is not
    CheckPassword {
        /// The user's name, in any case
        name: String,
        /// The user's domain [default: PRIMARY]
        #[arg(long, value_name = "D")]
        domain: Option<String>,
    },
}

pub(super) fn run(common: &Common, command: &Command, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let domains = Domains::new(&settings.domains);
    match command {
        Command::List { domain, json } => {
            let domain = match domain {
                Some(name) => Some(domains.find(Some(name))?.name),
                None => None,
            };
            list(store.as_ref(), domain.as_deref(), *json, out)?;
        }
        Command::Show { name, domain, json } => {
            let domain = domains.find(domain.as_deref())?.name;
            let user = store
                .user(DEFAULT_ORGANIZATION, &domain, name)?
                .ok_or_else(|| unknown(name, &domain))?;
            if *json {
                write_json(&user, out)?;
            } else {
                show(&user, out)?;
            }
        }
        Command::CheckPassword { name, domain } => {
            let domain = domains.find(domain.as_deref())?.name;
            let stored = store.password_hash(DEFAULT_ORGANIZATION, &domain, name)?;
            if stored.is_none() {
                return Err(unknown(name, &domain));
            }
            let password = import::read_line(&mut io::stdin().lock())?;
            let right = start_pool(&settings.passwords)?.verify(password, stored);
            writeln!(out, "{}", if right { "right" } else { "wrong" })?;
            return Ok(if right {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str, domain: &str) -> CliError {
    CliError::Told(format!(
        "there is no user {} in {domain}",
        output::plain(name)
    ))
}

fn list(
    store: &dyn Store,
    domain: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut after: Option<UserCursor> = None;
    loop {
        let page = store.users(DEFAULT_ORGANIZATION, domain, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            if !json && after.is_none() {
                writeln!(out, "no users")?;
            }
            return Ok(());
        };
        after = Some(UserCursor {
            domain: last.domain.clone(),
            key: lookup_key(&last.user_name),
        });
        if json {
            page.iter().try_for_each(|user| write_json(user, out))?;
            continue;
        }
        output::write_table(out, &output::users(&page), "")?;
        if page.len() == PAGE {
            writeln!(out, "… the first {PAGE}; --json lists them all")?;
        }
        return Ok(());
    }
}

fn write_json(user: &User, out: &mut dyn Write) -> Result<(), CliError> {
    let line = serde_json::to_string(user).map_err(|error| error.to_string())?;
    Ok(writeln!(out, "{line}")?)
}

fn show(user: &User, out: &mut dyn Write) -> Result<(), CliError> {
    let none = String::new;
    let mut table = output::table(&["", ""]);
    let mut row = |name: &str, value: String| {
        table.add_row(vec![name.to_owned(), output::plain(&value)]);
    };
    row("id", user.id.to_string());
    row("userName", user.user_name.clone());
    row("domain", user.domain.clone());
    row("organization", user.organization.clone());
    row("givenName", user.given_name.clone().unwrap_or_else(none));
    row("familyName", user.family_name.clone().unwrap_or_else(none));
    row("email", user.email.clone().unwrap_or_else(none));
    for (name, value) in &user.attributes {
        row(name, value.as_str().unwrap_or_default().to_owned());
    }
    row("roles", user.roles.join(", "));
    row("mustChangePassword", user.must_change_password.to_string());
    row(
        "createdBy",
        user.created_by
            .map(|id| format!("import {id}"))
            .unwrap_or_default(),
    );
    Ok(output::write_table(out, &table, "")?)
}

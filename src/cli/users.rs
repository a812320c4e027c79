//! `muster users list|show|check-password|initial-passwords|export`: queries the users of an organization. Can run
//! while a server is running.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::Table;
use serde::Serialize;

use crate::app::start_pool;
use crate::cli::command::{CliError, Common, Outcome};
use crate::cli::organization_option::OrganizationOption;
use crate::cli::settings::Settings;
use crate::cli::{export, import, output};
use crate::clock::{Clock, Moment};
use crate::stores::{self, Access};
use crate::users::domains::Domains;
use crate::users::import_id::ImportId;
use crate::users::name::lookup_key;
use crate::users::password_check::{PasswordChecker, Verdict};
use crate::users::store::UserCursor;
use crate::users::store_error::StoreError;
use crate::users::user::User;

/// Users read from the store at a time.
const PAGE: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    within: OrganizationOption,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the users
    List {
        /// List only users of this domain
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// Print all users, one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show a user
    Show {
        /// The user's name; case is ignored
        name: String,
        /// The user's domain [default: PRIMARY]
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check a password, read from standard input. Exit code 0: right; 1: wrong; 3: right, but an initial
    /// password that has expired; 4: the user is locked, whatever the password
    CheckPassword {
        /// The user's name; case is ignored
        name: String,
        /// The user's domain [default: PRIMARY]
        #[arg(long, value_name = "D")]
        domain: Option<String>,
    },
    /// Write the users of a domain as a file that `muster import` accepts, without passwords. Importing it
    /// with `--conflict update` changes nothing where it came from; importing it into an empty store
    /// requires a default password and the roles (`muster role add`)
    Export(export::Arguments),
    /// List the users that still have an initial password, and since when
    InitialPasswords {
        /// List only users of this domain
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// List only users whose initial password has expired
        #[arg(long)]
        expired: bool,
        /// Print all users, one JSON object per line
        #[arg(long)]
        json: bool,
    },
}

/// The exit code for the right password, if it has expired.
const EXPIRED: u8 = 3;

/// The exit code for a locked user, whatever the password.
const LOCKED: u8 = 4;

pub(super) fn run(common: &Common, arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let settings = Settings::load_quietly(common)?;
    let store = stores::open(&settings.store, Access::Beside)?;
    let organization = arguments.within.name(store.as_ref())?;
    let organization = organization.as_str();
    let domains = Domains::new(&settings.domains);
    match &arguments.command {
        Command::List { domain, json } => {
            let domain = chosen(&domains, domain.as_deref())?;
            let listing = Listing {
                page: &|after| store.users(organization, domain.as_deref(), after, PAGE),
                json: &|user| serde_json::to_string(user),
                table: &output::users,
                none: "no users",
            };
            listing.write(*json, out)?;
        }
        Command::Show { name, domain, json } => {
            let domain = domains.find(domain.as_deref())?.name;
            let user = store
                .user(organization, &domain, name)?
                .ok_or_else(|| unknown(name, &domain))?;
            if *json {
                write_json(&user, out)?;
            } else {
                show(&user, out)?;
            }
        }
        Command::CheckPassword { name, domain } => {
            let domain = domains.find(domain.as_deref())?.name;
            if store.user(organization, &domain, name)?.is_none() {
                return Err(unknown(name, &domain));
            }
            let password = import::read_line(&mut io::stdin().lock())?;
            let pool = start_pool(&settings.passwords)?;
            let checker = PasswordChecker {
                store: store.as_ref(),
                pool: &pool,
                settings: &settings.passwords,
            };
            let now = Clock::system().now();
            let verdict = checker.check(organization, &domain, name, password, now)?;
            let (word, code) = match verdict {
                Verdict::Right => ("right", ExitCode::SUCCESS),
                Verdict::Expired => ("expired", ExitCode::from(EXPIRED)),
                Verdict::Wrong => ("wrong", ExitCode::FAILURE),
                Verdict::Locked => ("locked", ExitCode::from(LOCKED)),
            };
            writeln!(out, "{word}")?;
            return Ok(code);
        }
        Command::Export(arguments) => {
            return export::run(&settings, store.as_ref(), organization, arguments, out);
        }
        Command::InitialPasswords {
            domain,
            expired,
            json,
        } => {
            let domain = chosen(&domains, domain.as_deref())?;
            let domain = domain.as_deref();
            let now = Clock::system().now();
            let before = match settings.passwords.initial_deadline(now) {
                Some(deadline) if *expired => Some(deadline),
                None if *expired => Some(Moment(i64::MIN)),
                _ => None,
            };
            let over = |user: &User| {
                let rules = &settings.passwords;
                rules.initial_has_expired(user.password_set_at, now)
            };
            let listing = Listing {
                page: &|after| store.initial_passwords(organization, domain, before, after, PAGE),
                json: &|user| serde_json::to_string(&InitialPassword::of(user, over(user))),
                table: &|users| output::initial_passwords(users, &over),
                none: "no initial passwords",
            };
            listing.write(*json, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str, domain: &str) -> CliError {
    CliError::Message(format!(
        "there is no user {} in {domain}",
        output::plain(name)
    ))
}

/// The selected domain, as the settings spell it; `None` for all domains.
fn chosen(domains: &Domains, name: Option<&str>) -> Result<Option<String>, CliError> {
    match name {
        Some(_) => Ok(Some(domains.find(name)?.name)),
        None => Ok(None),
    }
}

/// A user that still has an initial password, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InitialPassword<'u> {
    user_name: &'u str,
    domain: &'u str,
    password_set_at: Moment,
    created_by: Option<ImportId>,
    expired: bool,
}

impl<'u> InitialPassword<'u> {
    fn of(user: &'u User, expired: bool) -> Self {
        InitialPassword {
            user_name: &user.user_name,
            domain: &user.domain,
            password_set_at: user.password_set_at,
            created_by: user.created_by,
            expired,
        }
    }
}

/// Returns the page after a cursor.
type Pages<'a> = dyn Fn(Option<&UserCursor>) -> Result<Vec<User>, StoreError> + 'a;

/// Lists users page by page: the first page as a table, or all pages as JSON.
struct Listing<'a> {
    page: &'a Pages<'a>,
    json: &'a dyn Fn(&User) -> serde_json::Result<String>,
    table: &'a dyn Fn(&[User]) -> Table,
    none: &'a str,
}

impl Listing<'_> {
    fn write(&self, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
        let mut after: Option<UserCursor> = None;
        loop {
            let page = (self.page)(after.as_ref())?;
            let Some(last) = page.last() else {
                if !json && after.is_none() {
                    writeln!(out, "{}", self.none)?;
                }
                return Ok(());
            };
            after = Some(UserCursor {
                domain: last.domain.clone(),
                key: lookup_key(&last.user_name),
            });
            if json {
                for user in &page {
                    let line = (self.json)(user).map_err(|error| error.to_string())?;
                    writeln!(out, "{line}")?;
                }
                continue;
            }
            output::write_table(out, &(self.table)(&page), "")?;
            if page.len() == PAGE {
                writeln!(
                    out,
                    "… only the first {PAGE} are shown; use --json to list all"
                )?;
            }
            return Ok(());
        }
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
    if let Some(external_id) = &user.external_id {
        row("externalId", external_id.clone());
    }
    for (name, value) in &user.attributes {
        row(
            &output::list_name(name),
            output::attribute(user, name, value),
        );
    }
    row("roles", user.roles.join(", "));
    row("mustChangePassword", user.must_change_password.to_string());
    row("hasPassword", user.has_password.to_string());
    row("passwordSetAt", user.password_set_at.to_rfc3339());
    row(
        "createdBy",
        user.created_by
            .map(|id| format!("import {id}"))
            .unwrap_or_default(),
    );
    row("createdAt", user.created_at.to_rfc3339());
    if let Some(at) = user.modified_at {
        row("modifiedAt", at.to_rfc3339());
    }
    Ok(output::write_table(out, &table, "")?)
}

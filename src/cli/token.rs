//! `muster operator token add|list|revoke`: bearer tokens, for programs that should not have a password. Can run
//! while a server is running; the next call to the server sees the change.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::access::bearer;
use crate::cli::command::{CliError, Outcome};
use crate::cli::operator_argument::RoleArgument;
use crate::cli::operator_argument::unknown;
use crate::cli::{organization_option, output};
use crate::clock::{Clock, Moment};
use crate::users::actor::Actor;
use crate::users::operator::Operator;
use crate::users::store::Store;
use crate::users::token::Token;

/// Default lifetime of a token, in days.
const DAYS: u32 = 365;

/// Microseconds per day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a token, which is shown once
    Add(Add),
    /// List the tokens of all operators or of one, including expired ones
    List {
        /// The operator's name
        operator: Option<String>,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; the next call with it is refused
    Revoke {
        /// The token's id, as shown by `list`
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The operator that the token belongs to
    operator: String,
    /// Role of the token, at most that of the operator [default: the operator's role]
    #[arg(long, value_enum)]
    role: Option<RoleArgument>,
    /// Organization of the token [default: the operator's; for an operator of all organizations: all, and
    /// calls with it use `default`]
    #[arg(long, value_name = "O")]
    organization: Option<String>,
    /// Last day on which the token is valid, in UTC, such as 2027-01-31
    #[arg(long, value_name = "DATE", conflicts_with = "days")]
    expires: Option<Date>,
    /// Number of days for which the token is valid [default: 365]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

pub(super) fn run(
    store: &dyn Store,
    command: &Command,
    by: &Actor,
    out: &mut dyn Write,
) -> Outcome {
    let now = Clock::system().now();
    match command {
        Command::Add(add) => {
            let operator = store
                .operator(&add.operator)?
                .ok_or_else(|| unknown(&add.operator))?;
            let token = add.token(store, &operator, now)?;
            let secret = bearer::make()?;
            if !store.add_token(&token, &bearer::digest_of(&secret), by)? {
                return Err(unknown(&add.operator));
            }
            writeln!(out, "Token (shown only once): {}", secret.expose())?;
            writeln!(
                out,
                "Its id is {}. It belongs to {}, with the role {}, in {}, and expires at {}.",
                token.id,
                output::plain(&token.operator),
                token.role.as_str(),
                token.organization.as_deref().unwrap_or("default"),
                token.expires_at.to_rfc3339()
            )?;
        }
        Command::List { operator, json } => {
            if let Some(name) = operator
                && store.operator(name)?.is_none()
            {
                return Err(unknown(name));
            }
            list(&store.tokens(operator.as_deref())?, *json, now, out)?;
        }
        Command::Revoke { id } => {
            if !store.remove_token(*id, by, now)? {
                return Err(CliError::Message(format!(
                    "there is no token {id}; use `muster operator token list` to list all tokens"
                )));
            }
            writeln!(out, "Revoked the token {id}.")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(tokens: &[Token], json: bool, now: Moment, out: &mut dyn Write) -> Result<(), CliError> {
    if json {
        for token in tokens {
            let line = serde_json::to_string(token).map_err(|error| error.to_string())?;
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    if tokens.is_empty() {
        return Ok(writeln!(out, "no tokens")?);
    }
    let mut table = output::table(&["id", "operator", "role", "organization", "expires"]);
    for token in tokens {
        let end = token.expires_at.to_rfc3339();
        table.add_row(vec![
            token.id.to_string(),
            output::plain(&token.operator),
            token.role.as_str().to_owned(),
            token.organization.clone().unwrap_or_else(|| "(all)".into()),
            match now < token.expires_at {
                true => end,
                false => format!("{end} (expired)"),
            },
        ]);
    }
    // Do not wrap the id: a wrapped id cannot be copied.
    output::keep_whole(&mut table, 0);
    Ok(output::write_table(out, &table, "")?)
}

impl Add {
    /// The requested token, if the operator may have it.
    fn token(
        &self,
        store: &dyn Store,
        operator: &Operator,
        now: Moment,
    ) -> Result<Token, CliError> {
        let name = output::plain(&operator.name);
        let role = self.role.map_or(operator.role, Into::into);
        if !operator.role.includes(role) {
            return Err(CliError::Message(format!(
                "the operator {name} has the role {}; its tokens cannot have more rights: {}",
                operator.role.as_str(),
                role.as_str()
            )));
        }
        let organization = match &self.organization {
            Some(organization) => Some(organization_option::existing(store, organization)?),
            None => operator.organization.clone(),
        };
        if let (Some(own), Some(asked)) = (&operator.organization, &organization)
            && own != asked
        {
            return Err(CliError::Message(format!(
                "the operator {name} is restricted to the organization {own} and cannot have a token for \
                 {asked}"
            )));
        }
        Ok(Token {
            id: Clock::system().new_id(),
            operator: operator.name.clone(),
            role,
            organization,
            created_at: now,
            expires_at: self.end(now)?,
        })
    }

    fn end(&self, now: Moment) -> Result<Moment, CliError> {
        let Some(day) = self.expires else {
            let days = i64::from(self.days.unwrap_or(DAYS));
            return Ok(Moment(now.0.saturating_add(days * DAY)));
        };
        let next = day.checked_add(1.day());
        let end = next.and_then(|next| next.to_zoned(TimeZone::UTC));
        let end = end.map_err(|error| format!("--expires {day} is invalid: {error}"))?;
        let end = Moment(end.timestamp().as_microsecond());
        match now < end {
            true => Ok(end),
            false => Err(CliError::Message(format!(
                "--expires {day} is in the past; use the last day on which the token is valid"
            ))),
        }
    }
}

//! `muster users export`: writes users as a file that `muster import` accepts.
//!
//! Cells are written as they are stored, because the file is for a program. Cells that a spreadsheet would run as
//! formulas are escaped only on request; importing such a file changes the values.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::command::{CliError, Outcome};
use crate::cli::new_file::NewFile;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::formats::csv_writer::CsvWriter;
use crate::users::claims::{ClaimTable, EXTERNAL_ID, Field};
use crate::users::domains::Domains;
use crate::users::name::lookup_key;
use crate::users::role_cell;
use crate::users::role_name;
use crate::users::store::{Store, UserCursor};
use crate::users::user::User;

/// Users read from the store at a time.
const PAGE: usize = 1_000;

/// The columns that every file has, and the field that each is imported as.
const COLUMNS: [(&str, Field); 5] = [
    ("username", Field::UserName),
    ("givenname", Field::GivenName),
    ("familyname", Field::FamilyName),
    ("emailaddress", Field::Email),
    ("roles", Field::Roles),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// New file, readable by its owner only [default: standard output]
    file: Option<PathBuf>,
    /// Domain (user store) whose users are written [default: PRIMARY]
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = FileFormat::Csv)]
    format: FileFormat,
    /// Put a ' before each cell that a spreadsheet would run as a formula; use this for viewing the
    /// file, not for importing it. Without it, cells are written as they are stored: do not open the
    /// file in a spreadsheet
    #[arg(long)]
    for_spreadsheet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// CSV (RFC 4180) in UTF-8
    Csv,
}

pub(super) fn run(
    settings: &Settings,
    store: &dyn Store,
    organization: &str,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Outcome {
    let FileFormat::Csv = arguments.format;
    let export = Export {
        store,
        organization,
        domain: Domains::new(&settings.domains)
            .find(arguments.domain.as_deref())?
            .name,
        claims: ClaimTable::new(&settings.claims),
        for_spreadsheet: arguments.for_spreadsheet,
    };
    match &arguments.file {
        None => {
            export.write(out)?;
        }
        Some(path) => {
            let file = NewFile::make(path, 0)?;
            let users = file.fill(|out| export.write(out))?;
            let plural = if users == 1 { "user" } else { "users" };
            writeln!(out, "{users} {plural} in {}", file.shown())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Export<'a> {
    store: &'a dyn Store,
    organization: &'a str,
    domain: String,
    claims: ClaimTable,
    for_spreadsheet: bool,
}

impl Export<'_> {
    /// Reads the users twice: first for the columns, then for the rows. Returns the number of rows.
    fn write(&self, out: &mut dyn Write) -> Result<u64, CliError> {
        let mut names = BTreeSet::new();
        // Values set through SCIM that a cell cannot represent.
        let (mut unsayable, mut of_users) = (BTreeSet::new(), 0);
        self.each_user(|user| {
            if user.external_id.is_some() && !names.contains(EXTERNAL_ID) {
                names.insert(EXTERNAL_ID.to_owned());
            }
            let mut left_out = false;
            for (name, value) in &user.attributes {
                let set = match value.is_string() {
                    true => &mut names,
                    false => &mut unsayable,
                };
                left_out |= !value.is_string();
                if !set.contains(name) {
                    set.insert(name.clone());
                }
            }
            of_users += u64::from(left_out);
            Ok(())
        })?;
        self.warn_about_columns(&names);
        warn_about_lists(&unsayable, of_users);
        let mut file = match self.for_spreadsheet {
            true => CsvWriter::defused(out),
            false => CsvWriter::plain(out),
        };
        let fixed = COLUMNS.iter().map(|(name, _)| *name);
        file.row(fixed.chain(names.iter().map(String::as_str)))?;
        let (mut written, mut misread) = (0, 0);
        self.each_user(|user| {
            let name = self.qualified_if_needed(&user.user_name);
            let roles = user.roles.iter().map(|role| self.role(role));
            let roles = role_cell::join(roles.collect::<Vec<_>>().iter().map(String::as_str));
            let text = |field: &'_ Option<String>| field.clone().unwrap_or_default();
            let fixed = [
                name,
                text(&user.given_name),
                text(&user.family_name),
                text(&user.email),
                roles,
            ];
            let attributes = names.iter().map(|name| {
                let value = user.attributes.get(name);
                let value = value.and_then(|value| value.as_str());
                let external_id = user.external_id.as_deref().filter(|_| name == EXTERNAL_ID);
                external_id.or(value).unwrap_or_default()
            });
            let cells: Vec<&str> = fixed.iter().map(String::as_str).chain(attributes).collect();
            misread += u64::from(cells.iter().skip(1).any(|cell| self.is_claim_cell(cell)));
            file.row(cells)?;
            written += 1;
            Ok(())
        })?;
        file.flush()?;
        if misread > 0 {
            warn(&format!(
                "{misread} users have a value of the form claimURI=value, which an import would read as \
                 that claim"
            ));
        }
        Ok(written)
    }

    fn each_user(
        &self,
        mut use_it: impl FnMut(&User) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut after: Option<UserCursor> = None;
        loop {
            let page =
                self.store
                    .users(self.organization, Some(&self.domain), after.as_ref(), PAGE)?;
            page.iter().try_for_each(&mut use_it)?;
            match page.last() {
                Some(last) if page.len() == PAGE => {
                    after = Some(UserCursor {
                        domain: last.domain.clone(),
                        key: lookup_key(&last.user_name),
                    });
                }
                _ => return Ok(()),
            }
        }
    }

    /// Adds the domain to a name with a `/`: an import reads the text before the first `/` as a domain.
    fn qualified_if_needed(&self, name: &str) -> String {
        match name.contains('/') {
            true => format!("{}/{name}", self.domain),
            false => name.to_owned(),
        }
    }

    /// The same for a role, unless the role belongs to no domain.
    fn role(&self, name: &str) -> String {
        match role_name::is_hybrid(name) {
            true => name.to_owned(),
            false => self.qualified_if_needed(name),
        }
    }

    /// Warns about columns that an import with these settings would not map back.
    fn warn_about_columns(&self, names: &BTreeSet<String>) {
        let fixed = COLUMNS
            .iter()
            .filter(|(name, field)| self.claims.column(name) != Some(field))
            .map(|(name, _)| *name);
        let attributes = names.iter().filter(|name| !match self.claims.column(name) {
            Some(Field::Attribute(known)) => known.as_ref() == name.as_str(),
            Some(Field::ExternalId) => name.as_str() == EXTERNAL_ID,
            _ => false,
        });
        let unknown: Vec<String> = fixed
            .chain(attributes.map(String::as_str))
            .map(output::plain)
            .collect();
        if !unknown.is_empty() {
            warn(&format!(
                "an import with these settings does not recognize these columns: {}; map \
                 them in [claims]",
                unknown.join(", ")
            ));
        }
    }

    fn is_claim_cell(&self, cell: &str) -> bool {
        cell.contains("://")
            && cell
                .split_once('=')
                .is_some_and(|(uri, _)| self.claims.claim(uri.trim()).is_some())
    }
}

/// Warns about values that are left out because a cell has one value: the first of each kind is in the file, under
/// the name of its claim; the others are not.
fn warn_about_lists(names: &BTreeSet<String>, of_users: u64) {
    if of_users == 0 {
        return;
    }
    let names: Vec<String> = names.iter().map(|name| output::list_name(name)).collect();
    let users = match of_users {
        1 => "1 user has".to_owned(),
        many => format!("{many} users have"),
    };
    warn(&format!(
        "{users} values that a file of rows cannot represent; they are left out: {}; use SCIM to read them",
        names.join(", ")
    ));
}

fn warn(sentence: &str) {
    // If standard error is closed, there is nowhere to report it.
    let _ = writeln!(io::stderr(), "muster: {sentence}");
}

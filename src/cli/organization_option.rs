//! `--organization`: the organization that a command works on.

use clap::Args;

use crate::cli::command::CliError;
use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::organization::{NoSuchOrganization, canonical};
use crate::users::store::Store;

#[derive(Debug, Args)]
pub(super) struct OrganizationOption {
    /// Organization; case is ignored [default: default]
    #[arg(long, global = true, value_name = "O")]
    organization: Option<String>,
}

impl OrganizationOption {
    /// The organization's name, as it is spelled in keys.
    pub(super) fn name(&self, store: &dyn Store) -> Result<String, CliError> {
        match &self.organization {
            Some(name) => existing(store, name),
            None => Ok(DEFAULT_ORGANIZATION.to_owned()),
        }
    }
}

/// The name of an existing organization, as it is spelled in keys.
pub(super) fn existing(store: &dyn Store, name: &str) -> Result<String, CliError> {
    let found = canonical(store, name)?;
    found.ok_or_else(|| NoSuchOrganization(crate::cli::output::plain(name)).into())
}

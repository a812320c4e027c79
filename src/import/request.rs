//! What a channel asks the core for.

use crate::import::generated_passwords::GeneratedPasswords;
use crate::passwords::secret::Secret;
use crate::users::channel::Channel;
use crate::users::domains::Domain;
use crate::users::options::ImportOptions;

/// One import, as a channel asks for it.
#[derive(Debug)]
pub struct ImportRequest {
    /// The organization the users belong to.
    pub organization: String,
    /// The domain they go to.
    pub domain: Domain,
    /// The channel.
    pub channel: Channel,
    /// Who asks.
    pub operator: String,
    /// Whether rows may give the administrators' role and set the passwords of users who exist: an admin asks.
    pub may_grant_admin: bool,
    /// The file's name: a label, never a path.
    pub file_name: String,
    /// The password of rows that have none of their own.
    pub default_password: Option<Secret>,
    /// Rows without a password get one that is made up, instead of the default one; the passwords of
    /// users who were made are written here.
    pub generated_passwords: Option<GeneratedPasswords>,
    /// How the import is to go about its rows.
    pub options: ImportOptions,
    /// The id of the request, over HTTP.
    pub request_id: Option<String>,
    /// What the caller names the import by, so that the same call again finds it.
    pub key: Option<String>,
}

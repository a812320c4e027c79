//! An import request from a channel to the import module.

use crate::import::edits::Edits;
use crate::import::generated_passwords::GeneratedPasswords;
use crate::import::selection::Selection;
use crate::passwords::secret::Secret;
use crate::users::channel::Channel;
use crate::users::domains::Domain;
use crate::users::options::ImportOptions;

/// The request for one import.
#[derive(Debug)]
pub struct ImportRequest {
    /// The organization the users belong to.
    pub organization: String,
    /// The user store (domain) that they are imported into.
    pub domain: Domain,
    /// The channel.
    pub channel: Channel,
    /// The operator.
    pub operator: String,
    /// Whether rows may assign the administrators' role and set the passwords of existing users: the operator
    /// is an admin.
    pub may_grant_admin: bool,
    /// The file's name: a label, never a path.
    pub file_name: String,
    /// The password of rows without their own.
    pub default_password: Option<Secret>,
    /// Rows without a password get a generated one instead of the default password; the passwords of created
    /// users are written here.
    pub generated_passwords: Option<GeneratedPasswords>,
    /// The options of the import.
    pub options: ImportOptions,
    /// The id of the request, over HTTP.
    pub request_id: Option<String>,
    /// The caller's key for the import, which identifies a repeated call.
    pub key: Option<String>,
    /// For a dry run: the rows that are checked.
    pub selection: Selection,
    /// Changes to cells, which are applied while the file is read. A call with a key has none.
    pub edits: Edits,
    /// For a dry run: how much its report has, and that it counts the findings by kind. None: as the settings say,
    /// and only the total.
    pub keep: Option<ReportLimits>,
}

/// Limits of the report of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportLimits {
    /// Maximum findings, and maximum rejected rows.
    pub findings: usize,
    /// Approximate maximum bytes of the findings, and of the rejected rows.
    pub bytes: usize,
}

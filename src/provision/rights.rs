//! Permissions: checked for each operation as if it were a separate request.

use crate::provision::operation::Operation;
use crate::scim::error::ScimError;
use crate::users::actor::Actor;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::operator::Role;
use crate::users::resources::Group;
use crate::users::role_name::ADMIN_ROLE;

/// Checks that the caller may execute this operation.
///
/// # Errors
/// 403.
pub(super) fn allowed(operation: &Operation, authority: &Authority) -> Result<(), ScimError> {
    check_role(authority, operation.right())
}

/// Checks that the caller has this role.
///
/// # Errors
/// 403.
pub(super) fn check_role(authority: &Authority, needed: Role) -> Result<(), ScimError> {
    if authority.role.includes(needed) {
        return Ok(());
    }
    Err(ScimError::new(
        403,
        format!(
            "Operation is not permitted. You do not have permissions to make this request: it \
             needs the role {}.",
            needed.as_str()
        ),
    ))
}

/// The caller and their rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The caller, the channel and the organization.
    pub actor: Actor,
    /// The caller's role.
    pub role: Role,
}

pub(super) fn is_admin_group(group: &Group) -> bool {
    group.domain == PRIMARY_DOMAIN && group.name == ADMIN_ROLE
}

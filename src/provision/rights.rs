//! Who may do what: asked of each operation as of a request of its own.

use crate::provision::operation::Operation;
use crate::scim::error::ScimError;
use crate::users::actor::Actor;
use crate::users::built_in::PRIMARY_DOMAIN;
use crate::users::operator::Role;
use crate::users::resources::Group;
use crate::users::role_name::ADMIN_ROLE;

/// Whether the caller may do this.
///
/// # Errors
/// 403.
pub(super) fn allowed(operation: &Operation, authority: &Authority) -> Result<(), ScimError> {
    check_role(authority, operation.right())
}

/// Whether the caller has this role.
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
            "Operation is not permitted. You do not have permissions to make this request: it needs \
             the role {}.",
            needed.as_str()
        ),
    ))
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Who, through which channel, in which organization.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}

pub(super) fn is_admins(group: &Group) -> bool {
    group.domain == PRIMARY_DOMAIN && group.name == ADMIN_ROLE
}

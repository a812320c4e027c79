//! Who may do what: asked of each operation as of a request of its own.

use crate::provision::operation::Operation;
use crate::provision::provisioner::Authority;
use crate::scim::error::ScimError;
use crate::users::operator::Role;

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

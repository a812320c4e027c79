//! Decides which passwords a caller may set. A new user may have any password that the rules allow.
//! This is about existing users, whose new password would let another person act as them.
//!
//! Every channel uses this rule: rows of files in the stores (`change`, `rehearse`), SCIM in
//! `provision`, SOAP's `changePassword` in `admin`.

use crate::users::name::lookup_key;
use crate::users::operator::Role;
use crate::users::role_name::ADMIN_ROLE;

/// The existing users whose password, or password hash, a caller may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRight {
    /// None of them.
    None,
    /// Those without the role `admin`.
    ExceptAdmins,
    /// All of them.
    All,
}

impl PasswordRight {
    /// The right of a caller with this role; `importers` is `[access] importers_set_passwords`.
    pub fn of(role: Role, importers: bool) -> Self {
        match role {
            Role::Admin => PasswordRight::All,
            Role::Import if importers => PasswordRight::ExceptAdmins,
            Role::Import | Role::Read => PasswordRight::None,
        }
    }

    /// The right of an import, whose record says whether an administrator requested it. The setting
    /// is read when the rows are written, so that a queued import gets no more than is allowed now.
    pub fn of_import(by_admin: bool, importers: bool) -> Self {
        let role = match by_admin {
            true => Role::Admin,
            false => Role::Import,
        };
        PasswordRight::of(role, importers)
    }

    /// Whether the caller may set the password of a user who has these roles.
    pub fn allows<'r>(self, roles: impl IntoIterator<Item = &'r str>) -> bool {
        match self {
            PasswordRight::None => false,
            PasswordRight::ExceptAdmins => !has_admin_role(roles),
            PasswordRight::All => true,
        }
    }
}

/// Whether these roles include `admin`.
pub fn has_admin_role<R: AsRef<str>>(roles: impl IntoIterator<Item = R>) -> bool {
    roles
        .into_iter()
        .any(|role| lookup_key(role.as_ref()) == ADMIN_ROLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_depends_on_the_role_the_setting_and_the_user() {
        for (role, importers, of_user, of_admin) in [
            (Role::Admin, false, true, true),
            (Role::Admin, true, true, true),
            (Role::Import, false, false, false),
            (Role::Import, true, true, false),
            (Role::Read, false, false, false),
            (Role::Read, true, false, false),
        ] {
            let right = PasswordRight::of(role, importers);
            let case = format!("{role:?}, {importers}");
            assert_eq!(
                right.allows(["clerk", "Internal/everyone"]),
                of_user,
                "{case}"
            );
            assert_eq!(right.allows([]), of_user, "{case}");
            assert_eq!(right.allows(["clerk", "admin"]), of_admin, "{case}");
            assert_eq!(right.allows(["Admin"]), of_admin, "{case}");
        }
    }

    #[test]
    fn an_import_has_the_right_of_the_caller_who_asked_for_it() {
        assert_eq!(PasswordRight::of_import(true, false), PasswordRight::All);
        assert_eq!(
            PasswordRight::of_import(false, true),
            PasswordRight::ExceptAdmins
        );
        assert_eq!(PasswordRight::of_import(false, false), PasswordRight::None);
    }
}

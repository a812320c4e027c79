//! The operations of each service, with the roles and parameters that they require. Each service has a type and a table
//! of its own, so a handler lists only what its service offers.

use crate::http::soap::fault::{Fault, FaultCode};
use crate::http::soap::service::Service;
use crate::http::soap::xml::Element;
use crate::quoted;
use crate::users::operator::Role;

/// An operation of [`Service::UserAdmin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAdminOperation {
    /// Imports a file of users.
    BulkImportUsers,
    /// Any operation besides the import.
    Companion(CompanionOperation),
}

/// An operation that clients of the bulk import call besides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanionOperation {
    /// Lists user names that match a wildcard.
    ListUsers,
    /// The same, as flagged names.
    ListAllUsers,
    /// Describes the user stores for the pages of the original's console.
    GetUserRealmInfo,
    /// Whether there is a domain besides `PRIMARY`.
    HasMultipleUserStores,
    /// Adds one user.
    AddUser,
    /// Deletes one user.
    DeleteUser,
    /// Sets a user's password.
    ChangePassword,
    /// Lists role names that match a wildcard.
    GetAllRolesNames,
    /// Lists roles and marks those that a user has.
    GetRolesOfUser,
    /// Adds a role.
    AddRole,
}

/// An operation of [`Service::AuthenticationAdmin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationAdminOperation {
    /// Opens a session.
    Login,
    /// Closes a session.
    Logout,
}

/// An operation of [`Service::RemoteUserStoreManager`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteUserStoreManagerOperation {
    /// Whether a user with a given name exists.
    IsExistingUser,
}

/// An operation of [`Service::UserImport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserImportOperation {
    /// Imports a file, with all options.
    ImportUsers,
    /// Reports what an import would do.
    PreviewImport,
    /// An operation on an existing import.
    Existing(ExistingImportOperation),
}

/// An operation on an existing import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingImportOperation {
    /// The record of an import.
    GetImport,
    /// The problems found in an import, page by page.
    ListProblems,
    /// The rows that were not stored, as a file.
    GetRejectFile,
    /// Cancels an import.
    CancelImport,
    /// Undoes an import.
    UndoImport,
}

/// The shape of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text, once.
    Text,
    /// Text, any number of times.
    Texts,
    /// A bean of text fields, any number of times.
    Beans,
    /// A file, once.
    File,
}

/// A parameter's name and shape.
pub type Parameter = (&'static str, Shape);

/// The fixed properties of an operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its service.
    pub service: Service,
    /// Its name.
    pub name: &'static str,
    /// The role that a caller needs; none if the operation needs no authentication.
    pub right: Option<Role>,
    /// Whether the original answers only with faults (robust-in-only), so that `[soap] success` may select
    /// 202.
    pub in_only: bool,
    /// Its parameters, in the WSDL's order.
    pub parameters: &'static [Parameter],
}

/// The operations of one service, each with its properties.
#[derive(Debug, Clone, Copy)]
pub struct Table<O: 'static> {
    service: Service,
    /// The supported operations.
    pub rows: &'static [(O, Entry)],
    /// Other operations of the original's service. They are in the WSDL, so that clients can bind, and are
    /// answered with a fault.
    not_offered: &'static [&'static str],
}

const fn of_users(name: &'static str, right: Role, parameters: &'static [Parameter]) -> Entry {
    Entry {
        service: Service::UserAdmin,
        name,
        right: Some(right),
        in_only: false,
        parameters,
    }
}

const fn of_sessions(name: &'static str, parameters: &'static [Parameter]) -> Entry {
    Entry {
        service: Service::AuthenticationAdmin,
        name,
        right: None,
        in_only: false,
        parameters,
    }
}

const fn of_imports(name: &'static str, right: Role, parameters: &'static [Parameter]) -> Entry {
    Entry {
        service: Service::UserImport,
        name,
        right: Some(right),
        in_only: false,
        parameters,
    }
}

const ID: Parameter = ("id", Shape::Text);

const LIST: &[Parameter] = &[("filter", Shape::Text), ("limit", Shape::Text)];

impl UserAdminOperation {
    /// The operations of the service.
    pub const TABLE: Table<Self> = Table {
        service: Service::UserAdmin,
        rows: &[
            (
                Self::BulkImportUsers,
                Entry {
                    in_only: true,
                    ..of_users(
                        "bulkImportUsers",
                        Role::Import,
                        &[
                            ("userStoreDomain", Shape::Text),
                            ("fileName", Shape::Text),
                            ("handler", Shape::File),
                            ("defaultPassword", Shape::Text),
                        ],
                    )
                },
            ),
            (
                Self::Companion(CompanionOperation::ListUsers),
                of_users("listUsers", Role::Read, LIST),
            ),
            (
                Self::Companion(CompanionOperation::ListAllUsers),
                of_users("listAllUsers", Role::Read, LIST),
            ),
            (
                Self::Companion(CompanionOperation::GetUserRealmInfo),
                of_users("getUserRealmInfo", Role::Read, &[]),
            ),
            (
                Self::Companion(CompanionOperation::HasMultipleUserStores),
                of_users("hasMultipleUserStores", Role::Read, &[]),
            ),
            (
                Self::Companion(CompanionOperation::AddUser),
                of_users(
                    "addUser",
                    Role::Import,
                    &[
                        ("userName", Shape::Text),
                        ("password", Shape::Text),
                        ("roles", Shape::Texts),
                        ("claims", Shape::Beans),
                        ("profileName", Shape::Text),
                    ],
                ),
            ),
            (
                Self::Companion(CompanionOperation::DeleteUser),
                of_users("deleteUser", Role::Admin, &[("userName", Shape::Text)]),
            ),
            (
                Self::Companion(CompanionOperation::ChangePassword),
                of_users(
                    "changePassword",
                    // Whose password may be changed: see `users/password_right.rs`.
                    Role::Import,
                    &[("userName", Shape::Text), ("newPassword", Shape::Text)],
                ),
            ),
            (
                Self::Companion(CompanionOperation::GetAllRolesNames),
                of_users("getAllRolesNames", Role::Read, LIST),
            ),
            (
                Self::Companion(CompanionOperation::GetRolesOfUser),
                of_users(
                    "getRolesOfUser",
                    Role::Read,
                    &[
                        ("userName", Shape::Text),
                        ("filter", Shape::Text),
                        ("limit", Shape::Text),
                    ],
                ),
            ),
            (
                Self::Companion(CompanionOperation::AddRole),
                Entry {
                    in_only: true,
                    ..of_users(
                        "addRole",
                        Role::Admin,
                        &[
                            ("roleName", Shape::Text),
                            ("userList", Shape::Texts),
                            ("permissions", Shape::Texts),
                            ("isSharedRole", Shape::Text),
                        ],
                    )
                },
            ),
        ],
        not_offered: &[
            "addInternalRole",
            "addRemoveRolesOfUser",
            "addRemoveUsersOfRole",
            "changePasswordByUser",
            "deleteRole",
            "getAllPermittedRoleNames",
            "getAllSharedRoleNames",
            "getAllUIPermissions",
            "getRolePermissions",
            "getRolesOfCurrentUser",
            "getUsersOfRole",
            "isSharedRolesEnabled",
            "listAllUsersWithPermission",
            "listUserByClaim",
            "listUserByClaimWithPermission",
            "setRoleUIPermission",
            "updateRoleName",
            "updateRolesOfUser",
            "updateUsersOfRole",
        ],
    };
}

impl AuthenticationAdminOperation {
    /// The operations of the service.
    pub const TABLE: Table<Self> = Table {
        service: Service::AuthenticationAdmin,
        rows: &[
            (
                Self::Login,
                of_sessions(
                    "login",
                    &[
                        ("username", Shape::Text),
                        ("password", Shape::Text),
                        ("remoteAddress", Shape::Text),
                    ],
                ),
            ),
            (Self::Logout, of_sessions("logout", &[])),
        ],
        not_offered: &[],
    };
}

impl RemoteUserStoreManagerOperation {
    /// The operations of the service.
    pub const TABLE: Table<Self> = Table {
        service: Service::RemoteUserStoreManager,
        rows: &[(
            Self::IsExistingUser,
            Entry {
                service: Service::RemoteUserStoreManager,
                name: "isExistingUser",
                right: Some(Role::Read),
                in_only: false,
                parameters: &[("userName", Shape::Text)],
            },
        )],
        not_offered: &[],
    };
}

impl UserImportOperation {
    /// The operations of the service.
    pub const TABLE: Table<Self> = Table {
        service: Service::UserImport,
        rows: &[
            (
                Self::ImportUsers,
                of_imports(
                    "importUsers",
                    Role::Import,
                    &[
                        ("file", Shape::File),
                        ("fileName", Shape::Text),
                        ("domain", Shape::Text),
                        ("defaultPassword", Shape::Text),
                        ("conflict", Shape::Text),
                        ("dryRun", Shape::Text),
                        ("validateFirst", Shape::Text),
                        ("stopAfter", Shape::Text),
                        ("generatePasswords", Shape::Text),
                        ("respondAsync", Shape::Text),
                        ("idempotencyKey", Shape::Text),
                        ("header", Shape::Text),
                        ("map", Shape::Texts),
                        ("sheet", Shape::Text),
                    ],
                ),
            ),
            (
                Self::PreviewImport,
                of_imports(
                    "previewImport",
                    Role::Import,
                    &[
                        ("file", Shape::File),
                        ("fileName", Shape::Text),
                        ("domain", Shape::Text),
                        ("defaultPassword", Shape::Text),
                        ("conflict", Shape::Text),
                        ("stopAfter", Shape::Text),
                        ("header", Shape::Text),
                        ("map", Shape::Texts),
                        ("sheet", Shape::Text),
                    ],
                ),
            ),
            (
                Self::Existing(ExistingImportOperation::GetImport),
                of_imports("getImport", Role::Read, &[ID]),
            ),
            (
                Self::Existing(ExistingImportOperation::ListProblems),
                of_imports(
                    "listProblems",
                    Role::Read,
                    &[ID, ("skip", Shape::Text), ("limit", Shape::Text)],
                ),
            ),
            (
                Self::Existing(ExistingImportOperation::GetRejectFile),
                of_imports(
                    "getRejectFile",
                    Role::Read,
                    &[ID, ("asAttachment", Shape::Text)],
                ),
            ),
            (
                Self::Existing(ExistingImportOperation::CancelImport),
                of_imports("cancelImport", Role::Import, &[ID]),
            ),
            (
                Self::Existing(ExistingImportOperation::UndoImport),
                of_imports("undoImport", Role::Import, &[ID]),
            ),
        ],
        not_offered: &[],
    };
}

impl Entry {
    /// The action of its answer, as in the WSDL.
    pub fn answer_action(&self) -> String {
        format!("{}{}Response", self.service.action_prefix(), self.name)
    }

    /// The action of its declared fault, as in the WSDL.
    pub fn fault_action(&self) -> String {
        let fault = match self.service {
            Service::UserImport => "Fault",
            Service::UserAdmin | Service::AuthenticationAdmin | Service::RemoteUserStoreManager => {
                "UserAdminUserAdminException"
            }
        };
        format!("{}{}{fault}", self.service.action_prefix(), self.name)
    }
}

impl<O: Copy> Table<O> {
    /// The operation named by the body's first element. SOAPAction is ignored.
    ///
    /// # Errors
    /// There is no such operation, it is not supported, or its namespace is wrong.
    pub fn find(self, element: &Element) -> Result<(O, &'static Entry), Fault> {
        let name = element.local.as_str();
        let found = self.rows.iter().find(|(_, entry)| entry.name == name);
        let offered = || {
            let names: Vec<&str> = self.rows.iter().map(|(_, entry)| entry.name).collect();
            names.join(", ")
        };
        if found.is_none() && !self.not_offered.contains(&name) {
            return Err(Fault {
                code: FaultCode::NoSuchOperation,
                ..Fault::client(
                    "IMP-SOAP-OPERATION",
                    format!(
                        "The endpoint reference (EPR) for the Operation not found is {}. This \
                         service offers {}.",
                        quoted::word(name),
                        offered()
                    ),
                )
            });
        }
        let namespace = element.namespace.as_deref().unwrap_or_default();
        if !self.service.accepts_namespace(namespace) {
            let found = match namespace {
                "" => "none".to_owned(),
                namespace => quoted::uri(namespace),
            };
            let required = self.service.namespace();
            return Err(Fault::client(
                "IMP-SOAP-NAMESPACE",
                format!("namespace mismatch require {required} found {found}"),
            ));
        }
        let found = found.map(|(operation, entry)| (*operation, entry));
        found.ok_or_else(|| Fault {
            code: FaultCode::NoSuchOperation,
            ..Fault::client(
                "IMP-SOAP-NOT-OFFERED",
                format!(
                    "The operation {name} is not supported here, and nothing was changed. This \
                         service offers {}.",
                    offered()
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_thirty_operations_of_the_original_are_known() {
        let Table {
            rows, not_offered, ..
        } = UserAdminOperation::TABLE;
        assert_eq!(rows.len() + not_offered.len(), 30);
    }
}

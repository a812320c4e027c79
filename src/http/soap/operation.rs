//! The table of operations: their services, required roles and parameters.

use crate::http::soap::fault::{Fault, FaultCode};
use crate::http::soap::service::Service;
use crate::http::soap::xml::Element;
use crate::quoted;
use crate::users::operator::Role;

/// A supported operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Imports a file of users.
    BulkImportUsers,
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
    /// Opens a session.
    Login,
    /// Closes a session.
    Logout,
    /// Whether a user with a given name exists.
    IsExistingUser,
    /// Imports a file, with all options.
    ImportUsers,
    /// Reports what an import would do.
    PreviewImport,
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
    /// The operation.
    pub operation: Operation,
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

const USERS: Service = Service::UserAdmin;

const fn entry(
    operation: Operation,
    name: &'static str,
    right: Role,
    parameters: &'static [Parameter],
) -> Entry {
    Entry {
        operation,
        service: USERS,
        name,
        right: Some(right),
        in_only: matches!(operation, Operation::BulkImportUsers | Operation::AddRole),
        parameters,
    }
}

const fn of_sessions(
    operation: Operation,
    name: &'static str,
    parameters: &'static [Parameter],
) -> Entry {
    Entry {
        operation,
        service: Service::AuthenticationAdmin,
        name,
        right: None,
        in_only: false,
        parameters,
    }
}

const fn of_imports(
    operation: Operation,
    name: &'static str,
    right: Role,
    parameters: &'static [Parameter],
) -> Entry {
    Entry {
        operation,
        service: Service::UserImport,
        name,
        right: Some(right),
        in_only: false,
        parameters,
    }
}

const ID: Parameter = ("id", Shape::Text);

const LIST: &[Parameter] = &[("filter", Shape::Text), ("limit", Shape::Text)];

const OPERATIONS: &[Entry] = &[
    entry(
        Operation::BulkImportUsers,
        "bulkImportUsers",
        Role::Import,
        &[
            ("userStoreDomain", Shape::Text),
            ("fileName", Shape::Text),
            ("handler", Shape::File),
            ("defaultPassword", Shape::Text),
        ],
    ),
    entry(Operation::ListUsers, "listUsers", Role::Read, LIST),
    entry(Operation::ListAllUsers, "listAllUsers", Role::Read, LIST),
    entry(
        Operation::GetUserRealmInfo,
        "getUserRealmInfo",
        Role::Read,
        &[],
    ),
    entry(
        Operation::HasMultipleUserStores,
        "hasMultipleUserStores",
        Role::Read,
        &[],
    ),
    entry(
        Operation::AddUser,
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
    entry(
        Operation::DeleteUser,
        "deleteUser",
        Role::Admin,
        &[("userName", Shape::Text)],
    ),
    entry(
        Operation::ChangePassword,
        "changePassword",
        // Whose password may be changed: see `users/password_right.rs`.
        Role::Import,
        &[("userName", Shape::Text), ("newPassword", Shape::Text)],
    ),
    entry(
        Operation::GetAllRolesNames,
        "getAllRolesNames",
        Role::Read,
        LIST,
    ),
    entry(
        Operation::GetRolesOfUser,
        "getRolesOfUser",
        Role::Read,
        &[
            ("userName", Shape::Text),
            ("filter", Shape::Text),
            ("limit", Shape::Text),
        ],
    ),
    entry(
        Operation::AddRole,
        "addRole",
        Role::Admin,
        &[
            ("roleName", Shape::Text),
            ("userList", Shape::Texts),
            ("permissions", Shape::Texts),
            ("isSharedRole", Shape::Text),
        ],
    ),
    of_sessions(
        Operation::Login,
        "login",
        &[
            ("username", Shape::Text),
            ("password", Shape::Text),
            ("remoteAddress", Shape::Text),
        ],
    ),
    of_sessions(Operation::Logout, "logout", &[]),
    Entry {
        operation: Operation::IsExistingUser,
        service: Service::RemoteUserStoreManager,
        name: "isExistingUser",
        right: Some(Role::Read),
        in_only: false,
        parameters: &[("userName", Shape::Text)],
    },
    of_imports(
        Operation::ImportUsers,
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
    of_imports(
        Operation::PreviewImport,
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
    of_imports(Operation::GetImport, "getImport", Role::Read, &[ID]),
    of_imports(
        Operation::ListProblems,
        "listProblems",
        Role::Read,
        &[ID, ("skip", Shape::Text), ("limit", Shape::Text)],
    ),
    of_imports(
        Operation::GetRejectFile,
        "getRejectFile",
        Role::Read,
        &[ID, ("asAttachment", Shape::Text)],
    ),
    of_imports(Operation::CancelImport, "cancelImport", Role::Import, &[ID]),
    of_imports(Operation::UndoImport, "undoImport", Role::Import, &[ID]),
];

/// Other operations of the original's `UserAdmin`. They are in the WSDL, so that clients can bind, and are answered
/// with a fault.
const NOT_OFFERED: &[&str] = &[
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
];

impl Entry {
    /// The operations of a service.
    pub fn of(service: Service) -> impl Iterator<Item = &'static Entry> {
        OPERATIONS
            .iter()
            .filter(move |entry| entry.service == service)
    }

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

    /// The operation of `service` named by the body's first element. SOAPAction is ignored.
    ///
    /// # Errors
    /// There is no such operation, it is not supported, or its namespace is wrong.
    pub fn find(service: Service, element: &Element) -> Result<&'static Entry, Fault> {
        let name = element.local.as_str();
        let own = || Entry::of(service);
        let found = own().find(|entry| entry.name == name);
        let not_offered = service == USERS && NOT_OFFERED.contains(&name);
        if found.is_none() && !not_offered {
            let offered: Vec<&str> = own().map(|entry| entry.name).collect();
            return Err(Fault {
                code: FaultCode::NoSuchOperation,
                ..Fault::client(
                    "IMP-SOAP-OPERATION",
                    format!(
                        "The endpoint reference (EPR) for the Operation not found is {}. This \
                         service offers {}.",
                        quoted::word(name),
                        offered.join(", ")
                    ),
                )
            });
        }
        let namespace = element.namespace.as_deref().unwrap_or_default();
        if !service.accepts_namespace(namespace) {
            let found = match namespace {
                "" => "none".to_owned(),
                namespace => quoted::uri(namespace),
            };
            let required = service.namespace();
            return Err(Fault::client(
                "IMP-SOAP-NAMESPACE",
                format!("namespace mismatch require {required} found {found}"),
            ));
        }
        found.ok_or_else(|| {
            let offered: Vec<&str> = own().map(|entry| entry.name).collect();
            Fault {
                code: FaultCode::NoSuchOperation,
                ..Fault::client(
                    "IMP-SOAP-NOT-OFFERED",
                    format!(
                        "The operation {name} is not supported here, and nothing was changed. This \
                         service offers {}.",
                        offered.join(", ")
                    ),
                )
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_thirty_operations_of_the_original_are_known() {
        let offered = OPERATIONS.iter().filter(|entry| entry.service == USERS);
        assert_eq!(offered.count() + NOT_OFFERED.len(), 30);
    }
}

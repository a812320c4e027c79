//! The operations: which there are, who may call them, and what parameters they have.

use crate::http::soap::fault::{Fault, FaultCode};
use crate::http::soap::service::Service;
use crate::http::soap::xml::Element;
use crate::quoted;
use crate::users::operator::Role;

/// An operation that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The import.
    BulkImportUsers,
    /// Names by wildcard.
    ListUsers,
    /// The same with flags.
    ListAllUsers,
    /// What the console's pages are built from.
    GetUserRealmInfo,
    /// Whether there is another domain than `PRIMARY`.
    HasMultipleUserStores,
    /// One user.
    AddUser,
    /// Removes one.
    DeleteUser,
    /// Gives one a password.
    ChangePassword,
    /// Role names by wildcard.
    GetAllRolesNames,
    /// Roles, and which of them a user has.
    GetRolesOfUser,
    /// A new role.
    AddRole,
    /// Opens a session.
    Login,
    /// Closes it.
    Logout,
    /// Whether there is a user of a name.
    IsExistingUser,
    /// The import with everything that it can do.
    ImportUsers,
    /// What it would do.
    PreviewImport,
    /// How an import stands.
    GetImport,
    /// What was found in it, page by page.
    ListProblems,
    /// The rows that were not stored.
    GetRejectFile,
    /// Stops one.
    CancelImport,
    /// Takes one back.
    UndoImport,
}

/// What a parameter holds.
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

/// All that is fixed about an operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The operation.
    pub operation: Operation,
    /// Its service.
    pub service: Service,
    /// Its name.
    pub name: &'static str,
    /// What a caller has to be; none: anybody may call.
    pub right: Option<Role>,
    /// Whether the original answers nothing but faults (robust-in-only), so that `[soap] success` may
    /// ask for 202.
    pub in_only: bool,
    /// Its parameters, in the order of the WSDL.
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
        // Whose password: `users/password_right.rs`.
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

/// What the original's `UserAdmin` has besides: clients made for it bind, and are told.
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

    /// The WSDL's action of its answer.
    pub fn answer_action(&self) -> String {
        format!("{}{}Response", self.service.action_prefix(), self.name)
    }

    /// The WSDL's action of the fault that it declares.
    pub fn fault_action(&self) -> String {
        let fault = match self.service {
            Service::UserImport => "Fault",
            Service::UserAdmin | Service::AuthenticationAdmin | Service::RemoteUserStoreManager => {
                "UserAdminUserAdminException"
            }
        };
        format!("{}{}{fault}", self.service.action_prefix(), self.name)
    }

    /// The operation of `service` that the body's first element names, whatever SOAPAction says.
    ///
    /// # Errors
    /// There is none, it is not offered, or its namespace is another one.
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
        if !service.takes(namespace) {
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
                        "The operation {name} is not offered here, and nothing was changed. This \
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
    fn the_originals_thirty_operations_are_all_known() {
        let offered = OPERATIONS.iter().filter(|entry| entry.service == USERS);
        assert_eq!(offered.count() + NOT_OFFERED.len(), 30);
    }
}

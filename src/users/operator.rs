//! Operators, who may call Muster; their roles, and the port that stores them.

use serde::Serialize;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::store_error::StoreError;
use crate::words::parsed_words;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Import users, and read the results of those imports.
    Import,
    /// Read users and imports.
    Read,
    /// Everything, including operators.
    Admin,
}

parsed_words!(Role {
    Import => "import",
    Read => "read",
    Admin => "admin",
});

impl Role {
    /// Whether this role includes the rights of `needed`.
    pub fn includes(self, needed: Role) -> bool {
        match self {
            Role::Admin => true,
            Role::Import => matches!(needed, Role::Import | Role::Read),
            Role::Read => needed == Role::Read,
        }
    }
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operator {
    /// The name as given.
    pub name: String,
    /// The operator's role.
    pub role: Role,
    /// The only organization the operator may act in; none means all.
    pub organization: Option<String>,
    /// PHC string of the password hash.
    #[serde(skip)]
    pub password_hash: String,
    /// The time of creation.
    #[serde(skip)]
    pub created_at: Moment,
}

impl Operator {
    /// The audit entry for creating, changing or removing this operator.
    pub fn entry(&self, action: &str, by: &Actor, at: Moment) -> AuditEntry {
        AuditEntry {
            target: Some(self.name.clone()),
            details: serde_json::json!({
                "role": self.role,
                "allOrganizations": self.organization.is_none(),
            }),
            ..AuditEntry::new(&by.within(self.organization.as_deref()), action, at)
        }
    }
}

/// Stores operators; names are unique by [`lookup_key`](crate::users::name::lookup_key).
pub trait OperatorStore: Send + Sync {
    /// The operator called `name`.
    ///
    /// # Errors
    /// The store failed.
    fn operator(&self, name: &str) -> Result<Option<Operator>, StoreError>;

    /// All operators, by name.
    ///
    /// # Errors
    /// The store failed.
    fn operators(&self) -> Result<Vec<Operator>, StoreError>;

    /// Adds an operator, with an audit entry that names `by`; false if the name is taken.
    ///
    /// # Errors
    /// The store failed.
    fn add_operator(&self, operator: &Operator, by: &Actor) -> Result<bool, StoreError>;

    /// Changes an operator's password hash, with an audit entry; false if the operator does not
    /// exist.
    ///
    /// # Errors
    /// The store failed.
    fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError>;

    /// Removes an operator and their tokens, with an audit entry; false if the operator does not
    /// exist.
    ///
    /// # Errors
    /// The store failed.
    fn remove_operator(&self, name: &str, by: &Actor, at: Moment) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_the_weaker_ones() {
        assert!(Role::Admin.includes(Role::Import));
        assert!(Role::Import.includes(Role::Read));
        assert!(!Role::Read.includes(Role::Import));
        assert!(!Role::Import.includes(Role::Admin));
        assert_eq!(Role::parse("admin"), Some(Role::Admin));
    }
}

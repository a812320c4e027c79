//! Tokens of operators: their rights, and the port that stores them. Only the SHA-256 of the text
//! that a caller sends is stored.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::operator::{Operator, Role};
use crate::users::store_error::StoreError;

/// The SHA-256 of a token's text.
pub type TokenDigest = [u8; 32];

/// A token, without the text that its holder sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The id by which it is revoked.
    pub id: Uuid,
    /// The operator it belongs to.
    pub operator: String,
    /// The holder's role, limited by the operator's own.
    pub role: Role,
    /// The only organization it is valid for; none: those of its operator.
    pub organization: Option<String>,
    /// The time of creation.
    pub created_at: Moment,
    /// The time of expiry.
    pub expires_at: Moment,
}

impl Token {
    /// The audit entry for creating or revoking the token.
    pub fn entry(&self, action: &str, by: &Actor, at: Moment) -> AuditEntry {
        AuditEntry {
            target: Some(self.operator.clone()),
            details: serde_json::json!({
                "token": self.id,
                "role": self.role,
                "allOrganizations": self.organization.is_none(),
                "expiresAt": self.expires_at,
            }),
            ..AuditEntry::new(&by.within(self.organization.as_deref()), action, at)
        }
    }

    /// The holder's effective role: never more than the operator's.
    pub fn role_with(&self, operator: &Operator) -> Role {
        match operator.role.includes(self.role) {
            true => self.role,
            false => operator.role,
        }
    }
}

/// Stores tokens.
pub trait TokenStore: Send + Sync {
    /// The token with this digest, and its operator. Tokens are removed with their operator.
    ///
    /// # Errors
    /// The store failed.
    fn token(&self, digest: &TokenDigest) -> Result<Option<(Token, Operator)>, StoreError>;

    /// The tokens of one operator or of all, oldest first, including expired ones.
    ///
    /// # Errors
    /// The store failed.
    fn tokens(&self, operator: Option<&str>) -> Result<Vec<Token>, StoreError>;

    /// Adds a token, with an audit entry that names `by`; false if the operator does not exist.
    /// Removing the operator removes the token.
    ///
    /// # Errors
    /// The store failed.
    fn add_token(
        &self,
        token: &Token,
        digest: &TokenDigest,
        by: &Actor,
    ) -> Result<bool, StoreError>;

    /// Removes a token, with an audit entry; false if there is no token with this id.
    ///
    /// # Errors
    /// The store failed.
    fn remove_token(&self, id: Uuid, by: &Actor, at: Moment) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_grants_no_more_than_the_role_of_its_operator() {
        let operator = |role| Operator {
            name: "esb".into(),
            role,
            organization: None,
            password_hash: String::new(),
            created_at: Moment(0),
        };
        let token = |role| Token {
            id: Uuid::nil(),
            operator: "esb".into(),
            role,
            organization: None,
            created_at: Moment(0),
            expires_at: Moment(1),
        };
        let cases = [
            (Role::Admin, Role::Read, Role::Read),
            (Role::Read, Role::Admin, Role::Read),
            (Role::Import, Role::Admin, Role::Import),
            (Role::Import, Role::Import, Role::Import),
        ];
        for (has, given, gives) in cases {
            assert_eq!(token(given).role_with(&operator(has)), gives);
        }
    }
}

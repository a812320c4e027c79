//! Tokens of operators: what each is good for, and the port that keeps them. The text that a caller
//! sends is never kept, only its SHA-256.

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Moment;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::operator::{Operator, Role};
use crate::users::store_error::StoreError;

/// The SHA-256 of a token's text.
pub type TokenDigest = [u8; 32];

/// A token, without what its holder sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// What it is revoked by.
    pub id: Uuid,
    /// The operator it was made for.
    pub operator: String,
    /// What its holder may do, as far as the operator may.
    pub role: Role,
    /// The one organization it is for; none: those of its operator.
    pub organization: Option<String>,
    /// When it was made.
    pub created_at: Moment,
    /// From when on it is refused.
    pub expires_at: Moment,
}

impl Token {
    /// The entry of the audit that says that the token was made or revoked.
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

    /// What its holder may do now: never more than the operator.
    pub fn role_with(&self, operator: &Operator) -> Role {
        match operator.role.includes(self.role) {
            true => self.role,
            false => operator.role,
        }
    }
}

/// Keeps tokens.
pub trait TokenStore: Send + Sync {
    /// The token of this digest with the operator it was made for, who is there as long as it is.
    ///
    /// # Errors
    /// The store failed.
    fn token(&self, digest: &TokenDigest) -> Result<Option<(Token, Operator)>, StoreError>;

    /// The tokens of one operator or of all, oldest first; those that are over too.
    ///
    /// # Errors
    /// The store failed.
    fn tokens(&self, operator: Option<&str>) -> Result<Vec<Token>, StoreError>;

    /// Adds a token, and notes in the audit by whom; false when there is no such operator. Removing the operator
    /// removes it.
    ///
    /// # Errors
    /// The store failed.
    fn add_token(
        &self,
        token: &Token,
        digest: &TokenDigest,
        by: &Actor,
    ) -> Result<bool, StoreError>;

    /// Removes a token, and notes it in the audit; false when there is none with this id.
    ///
    /// # Errors
    /// The store failed.
    fn remove_token(&self, id: Uuid, by: &Actor, at: Moment) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_no_more_than_its_operator_has() {
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

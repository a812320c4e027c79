//! Tokens in memory.

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::MemoryStore;
use crate::users::actor::Actor;
use crate::users::name::lookup_key;
use crate::users::operator::Operator;
use crate::users::store_error::StoreError;
use crate::users::token::{Token, TokenDigest, TokenStore};

impl TokenStore for MemoryStore {
    fn token(&self, digest: &TokenDigest) -> Result<Option<(Token, Operator)>, StoreError> {
        let content = self.content();
        let found = content.tokens.get(digest).and_then(|token| {
            let operator = content.operators.get(&lookup_key(&token.operator))?;
            Some((token.clone(), operator.clone()))
        });
        Ok(found)
    }

    fn tokens(&self, operator: Option<&str>) -> Result<Vec<Token>, StoreError> {
        let key = operator.map(lookup_key);
        let content = self.content();
        let own = |token: &&Token| {
            key.as_ref()
                .is_none_or(|key| lookup_key(&token.operator) == *key)
        };
        let mut tokens: Vec<Token> = content.tokens.values().filter(own).cloned().collect();
        tokens.sort_by_key(|token| (token.created_at, token.id));
        Ok(tokens)
    }

    fn add_token(
        &self,
        token: &Token,
        digest: &TokenDigest,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        if let Some(organization) = &token.organization {
            content.require(organization)?;
        }
        let Some(operator) = content.operators.get(&lookup_key(&token.operator)) else {
            return Ok(false);
        };
        let token = Token {
            operator: operator.name.clone(),
            ..token.clone()
        };
        content
            .audit
            .push(token.entry("token.add", by, token.created_at));
        content.tokens.insert(*digest, token);
        Ok(true)
    }

    fn remove_token(&self, id: Uuid, by: &Actor, at: Moment) -> Result<bool, StoreError> {
        let mut content = self.content();
        let found = content
            .tokens
            .values()
            .find(|token| token.id == id)
            .cloned();
        if let Some(token) = &found {
            content.tokens.retain(|_, token| token.id != id);
            content.audit.push(token.entry("token.remove", by, at));
        }
        Ok(found.is_some())
    }
}

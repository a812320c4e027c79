//! Operators, and the refusal of backups.

use std::path::Path;

use crate::clock::Moment;
use crate::stores::memory::MemoryStore;
use crate::users::actor::Actor;
use crate::users::backup::Backup;
use crate::users::name::lookup_key;
use crate::users::operator::{Operator, OperatorStore};
use crate::users::store_error::StoreError;
use crate::users::token::Token;

impl Backup for MemoryStore {
    fn back_up(&self, _: &Path) -> Result<(), StoreError> {
        Err(StoreError::Failed(
            "the store memory: exists only in its process and cannot be backed up; set store.url \
             to a sqlite: address"
                .into(),
        ))
    }
}

impl OperatorStore for MemoryStore {
    fn operator(&self, name: &str) -> Result<Option<Operator>, StoreError> {
        Ok(self.content().operators.get(&lookup_key(name)).cloned())
    }

    fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        Ok(self.content().operators.values().cloned().collect())
    }

    fn add_operator(&self, operator: &Operator, by: &Actor) -> Result<bool, StoreError> {
        let mut content = self.content();
        if let Some(organization) = &operator.organization {
            content.require(organization)?;
        }
        let key = lookup_key(&operator.name);
        let free = !content.operators.contains_key(&key);
        if free {
            content.operators.insert(key, operator.clone());
            let entry = operator.entry("operator.add", by, operator.created_at);
            content.audit.push(entry);
        }
        Ok(free)
    }

    fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let Some(operator) = content.operators.get_mut(&lookup_key(name)) else {
            return Ok(false);
        };
        operator.password_hash = password_hash.to_owned();
        let entry = operator.entry("operator.password", by, at);
        content.audit.push(entry);
        Ok(true)
    }

    fn remove_operator(&self, name: &str, by: &Actor, at: Moment) -> Result<bool, StoreError> {
        let mut content = self.content();
        let removed = content.operators.remove(&lookup_key(name));
        if let Some(operator) = &removed {
            let own = |token: &Token| token.operator == operator.name;
            content.tokens.retain(|_, token| !own(token));
            content
                .audit
                .push(operator.entry("operator.remove", by, at));
        }
        Ok(removed.is_some())
    }
}

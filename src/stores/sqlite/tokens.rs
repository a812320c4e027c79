//! Tokens in SQLite.

use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::SqliteStore;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::operators;
use crate::stores::sqlite::organizations::require;
use crate::users::actor::Actor;
use crate::users::name::lookup_key;
use crate::users::operator::{Operator, Role};
use crate::users::store_error::StoreError;
use crate::users::token::{Token, TokenDigest, TokenStore};

/// A token `t` and its operator `o`.
const TOKENS: &str = "SELECT o.name, o.role, o.organization, o.password_hash, o.created_at,
        t.id, t.role, t.organization, t.created_at, t.expires_at
    FROM tokens t JOIN operators o ON o.name_key = t.operator";

impl TokenStore for SqliteStore {
    fn token(&self, digest: &TokenDigest) -> Result<Option<(Token, Operator)>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!("{TOKENS} WHERE t.digest = ?1"))?
                .query_row([digest], token)
                .optional()
        })
    }

    fn tokens(&self, operator: Option<&str>) -> Result<Vec<Token>, StoreError> {
        self.read(|db| {
            db.prepare_cached(&format!(
                "{TOKENS} WHERE ?1 IS NULL OR t.operator = ?1 ORDER BY t.created_at, t.id"
            ))?
            .query_map([operator.map(lookup_key)], |row| {
                token(row).map(|(token, _)| token)
            })?
            .collect()
        })
    }

    fn add_token(
        &self,
        token: &Token,
        digest: &TokenDigest,
        by: &Actor,
    ) -> Result<bool, StoreError> {
        self.change(|db| {
            if let Some(organization) = &token.organization {
                require(db, organization)?;
            }
            let added = db.execute(
                "INSERT INTO tokens (digest, id, operator, role, organization, created_at, expires_at)
                 SELECT ?1, ?2, name_key, ?4, ?5, ?6, ?7 FROM operators WHERE name_key = ?3",
                params![
                    digest,
                    token.id,
                    lookup_key(&token.operator),
                    token.role.as_str(),
                    token.organization,
                    token.created_at.0,
                    token.expires_at.0,
                ],
            )?;
            if added == 1 {
                note(db, &token.entry("token.add", by, token.created_at))?;
            }
            Ok(added == 1)
        })
    }

    fn remove_token(&self, id: Uuid, by: &Actor, at: Moment) -> Result<bool, StoreError> {
        self.change(|db| {
            let found = db
                .prepare_cached(&format!("{TOKENS} WHERE t.id = ?1"))?
                .query_row([id], token)
                .optional()?;
            if let Some((token, _)) = &found {
                db.execute("DELETE FROM tokens WHERE id = ?1", [id])?;
                note(db, &token.entry("token.remove", by, at))?;
            }
            Ok(found.is_some())
        })
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<(Token, Operator)> {
    let operator = operators::operator(row)?;
    let role: String = row.get(6)?;
    let token = Token {
        id: row.get(5)?,
        operator: operator.name.clone(),
        role: Role::parse(&role).ok_or(rusqlite::Error::InvalidQuery)?,
        organization: row.get(7)?,
        created_at: Moment(row.get(8)?),
        expires_at: Moment(row.get(9)?),
    };
    Ok((token, operator))
}

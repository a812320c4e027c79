//! A row whose user exists already: changed as the policy says, with an image of what it was before.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::users::batch::NewUser;
use crate::users::merge::Profile;
use crate::users::options::ConflictPolicy;
use crate::users::policy::ROLE_SEPARATOR;
use crate::users::store::{ImportStep, Outcome};

/// All of a user that can be changed, and taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub profile: Profile,
    pub password_hash: Option<String>,
    pub initial_of: Option<Uuid>,
    pub must_change: bool,
    pub password_at: Option<i64>,
    pub modified_by: Option<Uuid>,
    pub modified_at: Option<i64>,
}

/// A user as it is stored, and who made it.
pub(super) struct Stored {
    pub id: Uuid,
    pub created_by: Option<Uuid>,
    pub image: Image,
}

/// The user with this name key.
pub(super) fn find(
    db: &Connection,
    organization: &str,
    domain: &str,
    key: &str,
) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(
        "SELECT id, created_by, given_name, family_name, email, attributes, password_hash, initial_of,
             must_change, password_at, modified_by, modified_at,
             (SELECT group_concat(role, char(10)) FROM role_members m
              WHERE m.organization = u.organization AND m.domain = u.domain AND m.user_id = u.id)
         FROM users u WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
    )?
    .query_row(params![organization, domain, key], |row| {
        let attributes: Option<String> = row.get(5)?;
        let attributes = match attributes {
            Some(json) => serde_json::from_str(&json).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    5,
                    rusqlite::types::Type::Text,
                    error.into(),
                )
            })?,
            None => serde_json::Map::new(),
        };
        let roles: Option<String> = row.get(12)?;
        let mut roles: Vec<String> = roles
            .map(|all| all.split(ROLE_SEPARATOR).map(str::to_owned).collect())
            .unwrap_or_default();
        roles.sort();
        Ok(Stored {
            id: row.get(0)?,
            created_by: row.get(1)?,
            image: Image {
                profile: Profile {
                    given_name: row.get(2)?,
                    family_name: row.get(3)?,
                    email: row.get(4)?,
                    attributes,
                    roles,
                },
                password_hash: row.get(6)?,
                initial_of: row.get(7)?,
                must_change: row.get(8)?,
                password_at: row.get(9)?,
                modified_by: row.get(10)?,
                modified_at: row.get(11)?,
            },
        })
    })
    .optional()
}

/// Changes the user of the row, if the row changes anything.
pub(super) fn change(
    db: &Connection,
    step: &ImportStep,
    user: &NewUser<'_>,
) -> rusqlite::Result<Outcome> {
    let Some(stored) = find(db, &step.organization, &step.domain, user.key)? else {
        return Ok(Outcome::PasswordMissing);
    };
    let before = &stored.image;
    let password = user
        .password_hash
        .filter(|_| user.own_password && step.conflict == ConflictPolicy::Update);
    let profile = match before.profile.after(user, step.conflict) {
        Some(after) => after,
        None if password.is_some() => before.profile.clone(),
        None => return Ok(Outcome::Unchanged),
    };
    // What this very import has made needs no image: taking it back removes it.
    if stored.created_by != Some(step.import.0) {
        keep_image(db, step, &stored)?;
    }
    let after = Image {
        profile,
        modified_by: Some(step.import.0),
        modified_at: Some(step.at.0),
        ..before.clone()
    };
    let after = match password {
        Some(hash) => Image {
            password_hash: Some(hash.to_owned()),
            initial_of: None,
            must_change: user.must_change,
            password_at: Some(step.at.0),
            ..after
        },
        None => after,
    };
    put(
        db,
        &step.organization,
        &step.domain,
        stored.id,
        Some(before),
        &after,
    )?;
    Ok(Outcome::Updated)
}

fn keep_image(db: &Connection, step: &ImportStep, stored: &Stored) -> rusqlite::Result<()> {
    let image = serde_json::to_string(&stored.image)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    // Of several rows of one user the first has the image.
    db.prepare_cached(
        "INSERT INTO before_images (organization, import, domain, user_id, image, taken_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        step.organization,
        step.import.0,
        step.domain,
        stored.id,
        image,
        step.at.0
    ])?;
    Ok(())
}

/// Makes the user look like `after`.
pub(super) fn put(
    db: &Connection,
    organization: &str,
    domain: &str,
    id: Uuid,
    before: Option<&Image>,
    after: &Image,
) -> rusqlite::Result<()> {
    let profile = &after.profile;
    let attributes = (!profile.attributes.is_empty())
        .then(|| serde_json::to_string(&profile.attributes))
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    db.prepare_cached(
        "UPDATE users SET given_name = ?4, family_name = ?5, email = ?6, attributes = ?7,
             password_hash = ?8, initial_of = ?9, must_change = ?10, password_at = ?11,
             modified_by = ?12, modified_at = ?13
         WHERE organization = ?1 AND domain = ?2 AND id = ?3",
    )?
    .execute(params![
        organization,
        domain,
        id,
        profile.given_name,
        profile.family_name,
        profile.email,
        attributes,
        after.password_hash,
        after.initial_of,
        after.must_change,
        after.password_at,
        after.modified_by,
        after.modified_at,
    ])?;
    if before.is_some_and(|before| before.profile.roles == profile.roles) {
        return Ok(());
    }
    db.prepare_cached(
        "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND user_id = ?3",
    )?
    .execute(params![organization, domain, id])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for role in &profile.roles {
        insert.execute(params![organization, domain, id, role])?;
    }
    Ok(())
}

//! A row whose user already exists: changed according to the policy, with an image of the previous
//! state.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::members::touch;
use crate::stores::sqlite::spaces::IN_ORGANIZATION;
use crate::users::batch::NewUser;
use crate::users::import_id::ImportId;
use crate::users::merge::Profile;
use crate::users::name::lookup_key;
use crate::users::role_name::ROLE_SEPARATOR;
use crate::users::step::{ImportStep, Outcome, RowPassword};

/// All fields of a user that can be changed, and undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    /// The name, in images taken before changes to a single user. Such a change can change the name
    /// but not the roles; rows of files can do neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The name at that time, in all other images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub profile: Profile,
    pub password_hash: Option<String>,
    pub must_change: bool,
    pub password_at: Option<i64>,
    pub modified_by: Option<Uuid>,
    pub modified_at: Option<i64>,
}

/// A stored user, and the import that created it.
pub(super) struct Stored {
    pub id: Uuid,
    pub domain: String,
    pub user_name: String,
    pub created_by: Option<Uuid>,
    pub created_at: i64,
    pub image: Image,
}

impl Stored {
    /// The time of a change made at `at`: later than that of the previous change.
    pub(super) fn changed_at(&self, at: Moment) -> Moment {
        at.later_than(Moment(self.image.modified_at.unwrap_or(self.created_at)))
    }
}

const COLUMNS: &str = "id, created_by, given_name, family_name, email, attributes, password_hash,
    must_change, password_at, modified_by, modified_at,
    (SELECT group_concat(role, char(10)) FROM role_members m
     WHERE m.organization = u.organization AND m.domain = u.domain AND m.user_id = u.id),
    external_id, domain, user_name, created_at";

/// The user with this name key.
pub(super) fn find(
    db: &Connection,
    organization: &str,
    domain: &str,
    key: &str,
) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM people u
         WHERE organization = ?1 AND domain = ?2 AND name_key = ?3"
    ))?
    .query_row(params![organization, domain, key], stored)
    .optional()
}

/// The user with this id.
pub(super) fn find_by_id(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM people u WHERE organization = ?1 AND id = ?2"
    ))?
    .query_row(params![organization, id], stored)
    .optional()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let attributes: Option<String> = row.get(5)?;
    let attributes = match attributes {
        Some(json) => serde_json::from_str(&json).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, error.into())
        })?,
        None => serde_json::Map::new(),
    };
    let roles: Option<String> = row.get(11)?;
    let mut roles: Vec<String> = roles
        .map(|all| all.split(ROLE_SEPARATOR).map(str::to_owned).collect())
        .unwrap_or_default();
    roles.sort();
    let user_name: String = row.get(14)?;
    Ok(Stored {
        id: row.get(0)?,
        domain: row.get(13)?,
        user_name: user_name.clone(),
        created_by: row.get(1)?,
        created_at: row.get(15)?,
        image: Image {
            user_name: None,
            name: Some(user_name),
            profile: Profile {
                given_name: row.get(2)?,
                family_name: row.get(3)?,
                email: row.get(4)?,
                external_id: row.get(12)?,
                attributes,
                roles,
            },
            password_hash: row.get(6)?,
            must_change: row.get(7)?,
            password_at: row.get(8)?,
            modified_by: row.get(9)?,
            modified_at: row.get(10)?,
        },
    })
}

/// Changes the user of the row, if necessary; `number` is the import's.
pub(super) fn change(
    db: &Connection,
    step: &ImportStep,
    number: i64,
    user: &NewUser<'_>,
) -> rusqlite::Result<Outcome> {
    let Some(stored) = find(db, &step.organization, &step.domain, user.key)? else {
        return Ok(Outcome::PasswordMissing);
    };
    let before = &stored.image;
    let given = step.password_of(user, &before.profile);
    let password = user.password_hash.filter(|_| given == RowPassword::Set);
    let profile = match step.profile_after(user, &before.profile) {
        Ok(Some(after)) => after,
        Ok(None) if password.is_some() => before.profile.clone(),
        Ok(None) => return Ok(Outcome::for_existing(false, given)),
        Err(refused) => return Ok(refused),
    };
    // A user created by the same import needs no image: undoing the import removes it.
    if stored.created_by != Some(step.import.0) {
        let (import, id) = (step.import, stored.id);
        keep_image(db, &step.organization, import, id, before, step.at)?;
    }
    let after = Image {
        profile,
        modified_by: Some(step.import.0),
        modified_at: Some(stored.changed_at(step.at).0),
        ..before.clone()
    };
    let after = match password {
        Some(hash) => Image {
            password_hash: Some(hash.to_owned()),
            must_change: user.must_change,
            password_at: Some(step.at.0),
            ..after
        },
        None => after,
    };
    put(db, &step.organization, stored.id, &after, Some(number))?;
    if before.profile.roles != after.profile.roles {
        let roles = &after.profile.roles;
        let before = before.profile.roles.as_slice();
        let place = (step.organization.as_str(), step.domain.as_str());
        put_roles(db, place, stored.id, (before, roles), step.at)?;
    }
    Ok(Outcome::for_existing(true, given))
}

/// Stores the state of a user before the import's first change.
pub(super) fn keep_image(
    db: &Connection,
    organization: &str,
    import: ImportId,
    id: Uuid,
    image: &Image,
    at: Moment,
) -> rusqlite::Result<()> {
    let image = serde_json::to_string(image)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    // Of several rows for one user, the first stores the image.
    db.prepare_cached(
        "INSERT INTO before_images (organization, import, user_id, image, taken_at)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![organization, import.0, id, image, at.0])?;
    Ok(())
}

/// A JSON object, or null if it is empty.
pub(super) fn attributes_json(attributes: &Map<String, Value>) -> rusqlite::Result<Option<String>> {
    (!attributes.is_empty())
        .then(|| serde_json::to_string(attributes))
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Sets all fields of the user to `after`, except name and roles; `modified_in` is the number of
/// the import that made the change.
pub(super) fn put(
    db: &Connection,
    organization: &str,
    id: Uuid,
    after: &Image,
    modified_in: Option<i64>,
) -> rusqlite::Result<()> {
    let profile = &after.profile;
    let attributes = attributes_json(&profile.attributes)?;
    db.prepare_cached(&format!(
        "UPDATE users SET external_id = ?3, given_name = ?4, family_name = ?5, email = ?6,
             attributes = ?7, password_hash = ?8, must_change = ?9, password_at = ?10,
             modified_in = ?11, modified_at = ?12
         WHERE {IN_ORGANIZATION} AND id = ?2"
    ))?
    .execute(params![
        organization,
        id,
        profile.external_id,
        profile.given_name,
        profile.family_name,
        profile.email,
        attributes,
        after.password_hash,
        after.must_change,
        after.password_at,
        modified_in,
        after.modified_at,
    ])?;
    Ok(())
}

/// Sets the user's name and key.
pub(super) fn rename(
    db: &Connection,
    organization: &str,
    id: Uuid,
    name: &str,
) -> rusqlite::Result<()> {
    db.prepare_cached(&format!(
        "UPDATE users SET user_name = nullif(?3, ?4), name_key = ?4
         WHERE {IN_ORGANIZATION} AND id = ?2"
    ))?
    .execute(params![organization, id, name, lookup_key(name)])?;
    Ok(())
}

/// Replaces the first list of roles with the second; other roles are kept. Groups that the user
/// joins or leaves are marked as changed.
pub(super) fn put_roles(
    db: &Connection,
    (organization, domain): (&str, &str),
    id: Uuid,
    (before, roles): (&[String], &[String]),
    at: Moment,
) -> rusqlite::Result<()> {
    let gone = before.iter().filter(|role| !roles.contains(role));
    let new = roles.iter().filter(|role| !before.contains(role));
    for role in gone.chain(new) {
        touch(db, organization, domain, role, at)?;
    }
    db.prepare_cached(
        "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND user_id = ?3",
    )?
    .execute(params![organization, domain, id])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for role in roles {
        insert.execute(params![organization, domain, id, role])?;
    }
    Ok(())
}

//! Single users by id, inside a transaction.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::change::{Image, attributes_json, find_by_id, keep_image, put, rename};
use crate::stores::sqlite::groups::groups_of;
use crate::stores::sqlite::members::touch_groups_of;
use crate::stores::sqlite::spaces::{IN_ORGANIZATION, find_or_create};
use crate::stores::sqlite::step::{number_of, signed};
use crate::stores::sqlite::users::{USER_COLUMNS, user};
use crate::users::merge::Profile;
use crate::users::name::lookup_key;
use crate::users::resources::{Change, HashedPassword, Origin, UserContent, UserResource};

/// The user with this id, and their groups.
pub(super) fn read(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<UserResource>> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {USER_COLUMNS} FROM people u
             WHERE organization = ?1 AND id = ?2"
        ))?
        .query_row(params![organization, id], user)
        .optional()?;
    found
        .map(|user| {
            let groups = groups_of(db, &user)?;
            Ok(UserResource { user, groups })
        })
        .transpose()
}

/// The id of the user with this name.
pub(super) fn id_of(
    db: &Connection,
    organization: &str,
    domain: &str,
    name: &str,
) -> rusqlite::Result<Option<Uuid>> {
    db.prepare_cached(
        "SELECT id FROM people WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
    )?
    .query_row(params![organization, domain, lookup_key(name)], |row| {
        row.get(0)
    })
    .optional()
}

/// Creates a user.
pub(super) fn add(
    db: &Connection,
    organization: &str,
    id: Uuid,
    content: &UserContent,
    password: Option<&HashedPassword>,
    origin: Option<Origin>,
    at: Moment,
) -> rusqlite::Result<Change> {
    let made = db
        .prepare_cached(
            "INSERT INTO users (space, name_key, id, user_name, given_name, family_name, email,
                 external_id, attributes, password_hash, must_change, created_in, created_line,
                 created_at)
             VALUES (?1, ?2, ?3, nullif(?4, ?2), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (space, name_key) DO NOTHING",
        )?
        .execute(params![
            find_or_create(db, organization, &content.domain)?,
            lookup_key(&content.user_name),
            id,
            content.user_name,
            content.given_name,
            content.family_name,
            content.email,
            content.external_id,
            attributes_json(&content.attributes)?,
            password.map(|password| password.hash.as_str()),
            password.is_some_and(|password| password.must_change),
            origin
                .map(|origin| number_of(db, organization, origin.import))
                .transpose()?,
            origin.map(|origin| signed(origin.line)),
            at.0,
        ])?;
    Ok(match made {
        0 => Change::Taken,
        _ => Change::Made(at),
    })
}

/// Replaces a user's fields with `content`.
pub(super) fn change(
    db: &Connection,
    organization: &str,
    id: Uuid,
    content: &UserContent,
    password: Option<&HashedPassword>,
    origin: Option<Origin>,
    at: Moment,
) -> rusqlite::Result<Change> {
    let Some(stored) = find_by_id(db, organization, id)? else {
        return Ok(Change::Gone);
    };
    if stored.user_name != content.user_name {
        let holder = id_of(db, organization, &stored.domain, &content.user_name)?;
        if holder.is_some_and(|holder| holder != id) {
            return Ok(Change::Taken);
        }
    }
    let (moment, made_by) = (stored.changed_at(at), stored.created_by);
    let before = Image {
        user_name: Some(stored.user_name),
        name: None,
        ..stored.image
    };
    // A user created by the same import needs no image: undoing the import removes it.
    if let Some(origin) = origin.filter(|origin| made_by != Some(origin.import.0)) {
        keep_image(db, organization, origin.import, id, &before, at)?;
    }
    let renamed = before.user_name.as_ref() != Some(&content.user_name);
    let after = Image {
        profile: Profile {
            given_name: content.given_name.clone(),
            family_name: content.family_name.clone(),
            email: content.email.clone(),
            external_id: content.external_id.clone(),
            attributes: content.attributes.clone(),
            roles: Vec::new(),
        },
        modified_by: origin.map(|origin| origin.import.0),
        modified_at: Some(moment.0),
        ..before
    };
    let after = match password {
        Some(password) => Image {
            password_hash: Some(password.hash.clone()),
            must_change: password.must_change,
            password_at: Some(moment.0),
            ..after
        },
        None => after,
    };
    let modified_in = origin
        .map(|origin| number_of(db, organization, origin.import))
        .transpose()?;
    put(db, organization, id, &after, modified_in)?;
    if renamed {
        rename(db, organization, id, &content.user_name)?;
        touch_groups_of(db, organization, &stored.domain, id, moment)?;
    }
    Ok(Change::Made(moment))
}

/// Removes a user and their memberships.
pub(super) fn delete(
    db: &Connection,
    organization: &str,
    id: Uuid,
    at: Moment,
) -> rusqlite::Result<bool> {
    let domain: Option<String> = db
        .prepare_cached(&format!(
            "DELETE FROM users WHERE {IN_ORGANIZATION} AND id = ?2
             RETURNING (SELECT s.domain FROM spaces s WHERE s.id = users.space)"
        ))?
        .query_row(params![organization, id], |row| row.get(0))
        .optional()?;
    let Some(domain) = domain else {
        return Ok(false);
    };
    touch_groups_of(db, organization, &domain, id, at)?;
    db.prepare_cached(
        "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND user_id = ?3",
    )?
    .execute(params![organization, domain, id])?;
    Ok(true)
}

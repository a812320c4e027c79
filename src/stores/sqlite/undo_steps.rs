//! Storage of an import's undo steps: changes to groups and memberships, and removed users.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::change::{Image, attributes_json, find_by_id};
use crate::stores::sqlite::spaces::find_or_create;
use crate::stores::sqlite::step::{number_of, signed, unsigned};
use crate::users::import_id::ImportId;
use crate::users::name::lookup_key;
use crate::users::resources::Kind;
use crate::users::undo_steps::{RemovedByAnother, RestoreResult, UndoStep};

/// All data of a removed user.
#[derive(Debug, Serialize, Deserialize)]
struct RemovedUser {
    id: Uuid,
    domain: String,
    user_name: String,
    image: Image,
    created_by: Option<Uuid>,
    created_line: Option<i64>,
    created_at: i64,
}

/// All data of a removed group, except its members.
#[derive(Debug, Serialize, Deserialize)]
struct RemovedGroup {
    id: Uuid,
    domain: String,
    name: String,
    external_id: Option<String>,
    permissions: Option<String>,
    created_at: i64,
    modified_at: Option<i64>,
}

/// Stores an undo step before the action; a removal includes all data. Users created by the same
/// import need no undo step: undoing the import removes them anyway.
pub(super) fn keep(
    db: &Connection,
    organization: &str,
    import: ImportId,
    undo_step: &UndoStep,
    at: Moment,
) -> rusqlite::Result<()> {
    let image = match undo_step {
        UndoStep::UserRemoved { id, .. } => {
            let Some(user) = removed_user(db, organization, *id)? else {
                return Ok(());
            };
            if user.created_by == Some(import.0) {
                return Ok(());
            }
            Some(to_json(&user)?)
        }
        UndoStep::GroupRemoved { id, .. } => removed_group(db, organization, *id)?
            .as_ref()
            .map(to_json)
            .transpose()?,
        _ => None,
    };
    db.prepare_cached(
        "INSERT INTO deeds (organization, import, number, deed, image, taken_at)
         SELECT ?1, ?2, coalesce(max(number) + 1, 0), ?3, ?4, ?5 FROM deeds
         WHERE organization = ?1 AND import = ?2",
    )?
    .execute(params![
        organization,
        import.0,
        to_json(undo_step)?,
        image,
        at.0
    ])?;
    Ok(())
}

/// The undo steps of an import, in order.
pub(super) fn of_import(
    db: &Connection,
    organization: &str,
    import: ImportId,
) -> rusqlite::Result<Vec<(u64, UndoStep)>> {
    db.prepare(
        "SELECT number, deed FROM deeds WHERE organization = ?1 AND import = ?2 ORDER BY number",
    )?
    .query_map(params![organization, import.0], |row| {
        let undo_step: String = row.get(1)?;
        Ok((unsigned(row.get(0)?), from_json(&undo_step)?))
    })?
    .collect()
}

/// Removes the undo steps of an import that has been undone.
pub(super) fn remove(
    db: &Connection,
    organization: &str,
    import: ImportId,
) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM deeds WHERE organization = ?1 AND import = ?2",
        params![organization, import.0],
    )?;
    Ok(())
}

/// Reduces undo steps older than this moment to names; returns how many were reduced.
pub(super) fn forget(db: &Connection, before: Moment) -> rusqlite::Result<usize> {
    db.execute(
        "UPDATE deeds SET image = NULL, deed = json_object(
             'did', CASE deed ->> '$.did' WHEN 'userRemoved' THEN 'forgottenUser'
                 ELSE 'forgottenGroup' END,
             'name', deed ->> '$.name')
         WHERE taken_at < ?1
             AND deed ->> '$.did' NOT IN ('forgottenUser', 'forgottenGroup', 'unknown')",
        [before.0],
    )
}

/// Restores what the undo step with this number removed, without memberships.
pub(super) fn restore_removed(
    db: &Connection,
    organization: &str,
    import: ImportId,
    number: u64,
) -> rusqlite::Result<RestoreResult> {
    let kept: Option<(String, Option<String>)> = db
        .prepare_cached(
            "SELECT deed, image FROM deeds
             WHERE organization = ?1 AND import = ?2 AND number = ?3",
        )?
        .query_row(params![organization, import.0, signed(number)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((undo_step, Some(image))) = kept else {
        return Ok(RestoreResult::NotKept);
    };
    let made = match from_json(&undo_step)? {
        UndoStep::UserRemoved { .. } => put_user(db, organization, import, from_json(&image)?)?,
        UndoStep::GroupRemoved { .. } => put_group(db, organization, &from_json(&image)?)?,
        _ => return Ok(RestoreResult::NotKept),
    };
    Ok(match made {
        0 => RestoreResult::NameTaken,
        _ => RestoreResult::Yes,
    })
}

/// The users and groups with these ids whose data is kept because other imports removed them, and
/// the users that this import created and another one removed.
pub(super) fn removed_by_others(
    db: &Connection,
    organization: &str,
    import: ImportId,
    ids: &HashSet<Uuid>,
) -> rusqlite::Result<Vec<RemovedByAnother>> {
    let mut query = db.prepare(
        "SELECT deed, coalesce(image ->> '$.created_by' = ?3, 0) FROM deeds
         WHERE organization = ?1 AND import <> ?2
             AND deed ->> '$.did' IN ('userRemoved', 'groupRemoved')
         ORDER BY import, number",
    )?;
    let mut rows = query.query(params![organization, import.0, import.0.to_string()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (undo_step, own): (String, bool) = (row.get(0)?, row.get(1)?);
        let (id, kind, name) = match from_json(&undo_step)? {
            UndoStep::UserRemoved { id, name, .. } => (id, Kind::User, name),
            UndoStep::GroupRemoved { id, name, .. } => (id, Kind::Group, name),
            _ => continue,
        };
        if own || ids.contains(&id) {
            found.push(RemovedByAnother { id, kind, name });
        }
    }
    Ok(found)
}

fn removed_user(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<RemovedUser>> {
    let Some(stored) = find_by_id(db, organization, id)? else {
        return Ok(None);
    };
    let created_line = db
        .prepare_cached("SELECT created_line FROM people WHERE organization = ?1 AND id = ?2")?
        .query_row(params![organization, id], |row| row.get(0))?;
    Ok(Some(RemovedUser {
        id,
        domain: stored.domain,
        user_name: stored.user_name,
        image: stored.image,
        created_by: stored.created_by,
        created_line,
        created_at: stored.created_at,
    }))
}

fn removed_group(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<RemovedGroup>> {
    db.prepare_cached(
        "SELECT domain, name, external_id, permissions, created_at, modified_at FROM roles
         WHERE organization = ?1 AND id = ?2",
    )?
    .query_row(params![organization, id], |row| {
        Ok(RemovedGroup {
            id,
            domain: row.get(0)?,
            name: row.get(1)?,
            external_id: row.get(2)?,
            permissions: row.get(3)?,
            created_at: row.get(4)?,
            modified_at: row.get(5)?,
        })
    })
    .optional()
}

/// Restores a user to the state before the import's first change.
fn put_user(
    db: &Connection,
    organization: &str,
    import: ImportId,
    user: RemovedUser,
) -> rusqlite::Result<usize> {
    // The import had changed the user before removing it.
    let first: Option<String> = db
        .prepare_cached(
            "SELECT image FROM before_images WHERE organization = ?1 AND import = ?2 AND user_id = ?3",
        )?
        .query_row(params![organization, import.0, user.id], |row| row.get(0))
        .optional()?;
    let image: Image = match first {
        Some(first) => from_json(&first)?,
        None => user.image,
    };
    let name = image.user_name.unwrap_or(user.user_name);
    let number = |by: Option<Uuid>| {
        let number = by.map(|by| number_of(db, organization, ImportId(by)).optional());
        number.transpose().map(Option::flatten)
    };
    db.prepare_cached(
        "INSERT INTO users (space, name_key, id, user_name, given_name, family_name, email,
             external_id, attributes, password_hash, must_change, password_at, created_in,
             created_line, created_at, modified_in, modified_at)
         VALUES (?1, ?2, ?3, nullif(?4, ?2), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
             ?17)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        find_or_create(db, organization, &user.domain)?,
        lookup_key(&name),
        user.id,
        name,
        image.profile.given_name,
        image.profile.family_name,
        image.profile.email,
        image.profile.external_id,
        attributes_json(&image.profile.attributes)?,
        image.password_hash,
        image.must_change,
        image.password_at,
        number(user.created_by)?,
        user.created_line,
        user.created_at,
        number(image.modified_by)?,
        image.modified_at,
    ])
}

fn put_group(db: &Connection, organization: &str, group: &RemovedGroup) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "INSERT INTO roles (organization, domain, name, name_key, id, external_id, permissions,
             created_at, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        organization,
        group.domain,
        group.name,
        lookup_key(&group.name),
        group.id,
        group.external_id,
        group.permissions,
        group.created_at,
        group.modified_at,
    ])
}

fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

//! Undoing an import.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::change::{Image, put, put_roles, rename};
use crate::stores::sqlite::connection::from_sqlite;
use crate::stores::sqlite::members::touch_groups_of;
use crate::stores::sqlite::spaces::IN_ORGANIZATION;
use crate::stores::sqlite::step::number_of;
use crate::stores::sqlite::transaction::Transaction;
use crate::stores::sqlite::undo_steps;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::import_id::ImportId;
use crate::users::import_record::ImportState;
use crate::users::name::lookup_key;
use crate::users::store_error::StoreError;
use crate::users::undo::{GONE, NAME_TAKEN, NO_IMAGE, Renamed, TOUCHED, Undone, blocked};
use crate::users::undo_steps::{UndoStep, undo_recorded_steps};

/// Undoes the import; none if there is no such import, or it is still running.
pub(super) fn undo(
    db: &Connection,
    organization: &str,
    id: ImportId,
    by: &Actor,
    at: Moment,
) -> Result<Option<Undone>, StoreError> {
    let Some(mut undone) = undo_users(db, organization, id, at).map_err(from_sqlite)? else {
        return Ok(None);
    };
    // Names that removed users need are free by now, as far as possible.
    let undo_steps = undo_steps::of_import(db, organization, id).map_err(from_sqlite)?;
    let gone =
        report_missing(db, organization, id, &undo_steps, &mut undone).map_err(from_sqlite)?;
    let mut transaction = Transaction {
        undone: Some(id),
        ..Transaction::new(db, organization)
    };
    undo_recorded_steps(&mut transaction, undo_steps, gone, at, &mut undone)?;
    finish(db, organization, id, &undone)
        .and_then(|()| note(db, &AuditEntry::import_undone(id, &undone, by, at)))
        .map_err(from_sqlite)?;
    Ok(Some(undone))
}

/// Marks the import as undone, and removes its undo data.
fn finish(
    db: &Connection,
    organization: &str,
    id: ImportId,
    undone: &Undone,
) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM before_images WHERE organization = ?1 AND import = ?2",
        params![organization, id.0],
    )?;
    undo_steps::remove(db, organization, id)?;
    db.execute(
        "UPDATE imports SET state = 'undone', reason = ?3 WHERE organization = ?1 AND id = ?2",
        params![organization, id.0, undone.sentence()],
    )?;
    Ok(())
}

/// Undoes changes to users who still exist; none if there is no such import, or it is still
/// running.
fn undo_users(
    db: &Connection,
    organization: &str,
    id: ImportId,
    at: Moment,
) -> rusqlite::Result<Option<Undone>> {
    let found: Option<(String, i64, i64)> = db
        .query_row(
            "SELECT state, updated, number FROM imports WHERE organization = ?1 AND id = ?2",
            params![organization, id.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((state, updated, number)) = found else {
        return Ok(None);
    };
    if !ImportState::parse(&state).is_some_and(ImportState::is_final) {
        return Ok(None);
    }
    let mut undone = Undone::default();
    // Removing created users frees names that others may need.
    remove(db, organization, number, at, &mut undone)?;
    if updated > 0 {
        report_without_image(db, organization, id, number, &mut undone)?;
    }
    restore(db, organization, id, at, &mut undone)?;
    Ok(Some(undone))
}

fn remove(
    db: &Connection,
    organization: &str,
    number: i64,
    at: Moment,
    undone: &mut Undone,
) -> rusqlite::Result<()> {
    let mut touched = db.prepare(
        "SELECT user_name FROM people WHERE organization = ?1 AND created_in = ?2
             AND modified_at IS NOT NULL AND modified_in IS NOT ?2 ORDER BY domain, name_key",
    )?;
    let mut names = touched.query(params![organization, number])?;
    while let Some(row) = names.next()? {
        undone.leave(&row.get::<_, String>(0)?, TOUCHED);
    }
    db.execute(
        "UPDATE roles SET modified_at = max(coalesce(modified_at, created_at) + 1, ?3)
         WHERE organization = ?1 AND (domain, name) IN
             (SELECT m.domain, m.role FROM role_members m JOIN people u
                  ON u.organization = m.organization AND u.domain = m.domain AND u.id = m.user_id
              WHERE m.organization = ?1 AND u.created_in = ?2
                  AND (u.modified_at IS NULL OR u.modified_in = ?2))",
        params![organization, number, at.0],
    )?;
    db.execute(
        "DELETE FROM role_members WHERE organization = ?1 AND (domain, user_id) IN
             (SELECT domain, id FROM people WHERE organization = ?1 AND created_in = ?2
              AND (modified_at IS NULL OR modified_in = ?2))",
        params![organization, number],
    )?;
    let removed = db.execute(
        &format!(
            "DELETE FROM users WHERE {IN_ORGANIZATION} AND created_in = ?2
                 AND (modified_at IS NULL OR modified_in = ?2)"
        ),
        params![organization, number],
    )?;
    undone.removed = removed as u64;
    Ok(())
}

/// Reports users that the import changed and whose images are no longer stored.
fn report_without_image(
    db: &Connection,
    organization: &str,
    id: ImportId,
    number: i64,
    undone: &mut Undone,
) -> rusqlite::Result<()> {
    let mut changed = db.prepare(
        "SELECT user_name FROM people u WHERE organization = ?1
             AND modified_in = ?3 AND created_in IS NOT ?3
             AND NOT EXISTS (SELECT 1 FROM before_images b WHERE b.organization = ?1
                 AND b.import = ?2 AND b.user_id = u.id)
         ORDER BY domain, name_key",
    )?;
    let mut names = changed.query(params![organization, id.0, number])?;
    while let Some(row) = names.next()? {
        undone.leave(&row.get::<_, String>(0)?, NO_IMAGE);
    }
    Ok(())
}

/// Reports users that the import changed and others have removed since; returns their ids.
fn report_missing(
    db: &Connection,
    organization: &str,
    id: ImportId,
    undo_steps: &[(u64, UndoStep)],
    undone: &mut Undone,
) -> rusqlite::Result<HashSet<Uuid>> {
    // Users that the import itself removed are restored.
    let own: HashSet<Uuid> = undo_steps
        .iter()
        .filter_map(|(_, undo_step)| match undo_step {
            UndoStep::UserRemoved { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let mut images = db.prepare(
        "SELECT b.user_id, coalesce(b.image ->> '$.userName', b.image ->> '$.name', '') AS name
         FROM before_images b
         WHERE b.organization = ?1 AND b.import = ?2 AND NOT EXISTS (SELECT 1 FROM people u
             WHERE u.organization = b.organization AND u.id = b.user_id)
         ORDER BY name",
    )?;
    let mut rows = images.query(params![organization, id.0])?;
    let mut gone = HashSet::new();
    while let Some(row) = rows.next()? {
        let user: Uuid = row.get(0)?;
        if !own.contains(&user) {
            undone.leave(&row.get::<_, String>(1)?, GONE);
            gone.insert(user);
        }
    }
    Ok(gone)
}

fn restore(
    db: &Connection,
    organization: &str,
    id: ImportId,
    at: Moment,
    undone: &mut Undone,
) -> rusqlite::Result<()> {
    let blocked = free_names(db, organization, id)?;
    // A removed user is not restored. CROSS keeps SQLite from scanning all users by name.
    let mut images = db.prepare(
        "SELECT b.user_id, b.image, u.user_name, u.modified_by, u.domain FROM before_images b
         CROSS JOIN people u ON u.organization = b.organization AND u.id = b.user_id
         WHERE b.organization = ?1 AND b.import = ?2 ORDER BY u.domain, u.name_key",
    )?;
    let mut rows = images.query(params![organization, id.0])?;
    while let Some(row) = rows.next()? {
        let (user, image): (Uuid, String) = (row.get(0)?, row.get(1)?);
        let (name, domain): (String, String) = (row.get(2)?, row.get(4)?);
        if row.get::<_, Option<Uuid>>(3)? != Some(id.0) {
            undone.leave(&name, TOUCHED);
            continue;
        }
        if blocked.contains(&user) {
            undone.leave(&name, NAME_TAKEN);
            continue;
        }
        let image: Image = serde_json::from_str(&image)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let modified_in = image
            .modified_by
            .map(|import| number_of(db, organization, ImportId(import)))
            .transpose()?;
        put(db, organization, user, &image, modified_in)?;
        match &image.user_name {
            Some(before) => {
                rename(db, organization, user, before)?;
                if *before != name {
                    touch_groups_of(db, organization, &domain, user, at)?;
                }
            }
            None => {
                let now = roles_of(db, organization, &domain, user)?;
                let roles = (now.as_slice(), image.profile.roles.as_slice());
                put_roles(db, (organization, &domain), user, roles, at)?;
            }
        }
        undone.restored += 1;
    }
    Ok(())
}

fn roles_of(
    db: &Connection,
    organization: &str,
    domain: &str,
    user: Uuid,
) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached(
        "SELECT role FROM role_members WHERE organization = ?1 AND domain = ?2 AND user_id = ?3",
    )?
    .query_map(params![organization, domain, user], |row| row.get(0))?
    .collect()
}

/// Frees the names of all users who get another one back, so that names can be exchanged; returns
/// the users who cannot get theirs.
fn free_names(
    db: &Connection,
    organization: &str,
    id: ImportId,
) -> rusqlite::Result<HashSet<Uuid>> {
    let mut query = db.prepare(
        "SELECT u.id, u.domain, u.name_key, b.image ->> '$.userName'
         FROM before_images b
         CROSS JOIN people u ON u.organization = b.organization AND u.id = b.user_id
         WHERE b.organization = ?1 AND b.import = ?2 AND u.modified_by = ?2
             AND b.image ->> '$.userName' IS NOT NULL",
    )?;
    let mut rows = query.query(params![organization, id.0])?;
    let mut renamed: Vec<Renamed<(String, String)>> = Vec::new();
    while let Some(row) = rows.next()? {
        let (now, before): (String, String) = (row.get(2)?, row.get(3)?);
        let before = lookup_key(&before);
        if now != before {
            renamed.push(Renamed {
                id: row.get(0)?,
                before: (row.get(1)?, before),
            });
        }
    }
    let blocked = blocked(&renamed, |(domain, key)| {
        db.prepare_cached(
            "SELECT id FROM people WHERE organization = ?1 AND domain = ?2 AND name_key = ?3",
        )?
        .query_row(params![organization, domain, key], |row| row.get(0))
        .optional()
    })?;
    // No name contains a line feed.
    let mut park = db.prepare(&format!(
        "UPDATE users SET name_key = char(10) || hex(id) WHERE {IN_ORGANIZATION} AND id = ?2"
    ))?;
    for user in renamed.iter().filter(|user| !blocked.contains(&user.id)) {
        park.execute(params![organization, user.id])?;
    }
    Ok(blocked)
}

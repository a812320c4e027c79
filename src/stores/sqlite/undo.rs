//! Taking back what an import did.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::audit::note;
use crate::stores::sqlite::change::{Image, put};
use crate::stores::sqlite::step::unsigned;
use crate::users::audit::{Actor, AuditEntry};
use crate::users::import_record::{ImportId, ImportState};
use crate::users::undo::{NO_IMAGE, TOUCHED, Undone};

/// Takes the import back; none when there is no such import, or it still runs.
pub(super) fn undo(
    db: &Connection,
    organization: &str,
    id: ImportId,
    by: &Actor,
    at: Moment,
) -> rusqlite::Result<Option<Undone>> {
    let found: Option<(String, String, i64)> = db
        .query_row(
            "SELECT state, domain, updated FROM imports WHERE organization = ?1 AND id = ?2",
            params![organization, id.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((state, domain, updated)) = found else {
        return Ok(None);
    };
    if !ImportState::parse(&state).is_some_and(ImportState::is_final) {
        return Ok(None);
    }
    let mut undone = Undone::default();
    restore(
        db,
        organization,
        &domain,
        id,
        unsigned(updated),
        &mut undone,
    )?;
    remove(db, organization, &domain, id, &mut undone)?;
    db.execute(
        "UPDATE imports SET state = 'undone', reason = ?3 WHERE organization = ?1 AND id = ?2",
        params![organization, id.0, undone.sentence()],
    )?;
    note(db, &AuditEntry::import_undone(id, &undone, by, at))?;
    Ok(Some(undone))
}

fn remove(
    db: &Connection,
    organization: &str,
    domain: &str,
    id: ImportId,
    undone: &mut Undone,
) -> rusqlite::Result<()> {
    const TOUCHED_SINCE: &str = "created_by = ?3 AND modified_at IS NOT NULL
        AND modified_by IS NOT ?3";
    let mut touched = db.prepare(&format!(
        "SELECT user_name FROM users WHERE organization = ?1 AND domain = ?2 AND {TOUCHED_SINCE}
         ORDER BY name_key"
    ))?;
    let mut names = touched.query(params![organization, domain, id.0])?;
    while let Some(row) = names.next()? {
        undone.leave(&row.get::<_, String>(0)?, TOUCHED);
    }
    db.execute(
        "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND user_id IN
             (SELECT id FROM users WHERE organization = ?1 AND domain = ?2 AND created_by = ?3
              AND (modified_at IS NULL OR modified_by = ?3))",
        params![organization, domain, id.0],
    )?;
    let removed = db.execute(
        "DELETE FROM users WHERE organization = ?1 AND domain = ?2 AND created_by = ?3
             AND (modified_at IS NULL OR modified_by = ?3)",
        params![organization, domain, id.0],
    )?;
    undone.removed = removed as u64;
    Ok(())
}

fn restore(
    db: &Connection,
    organization: &str,
    domain: &str,
    id: ImportId,
    updated: u64,
    undone: &mut Undone,
) -> rusqlite::Result<()> {
    let mut images = db.prepare(
        "SELECT b.user_id, b.image, u.user_name, u.modified_by FROM before_images b
         LEFT JOIN users u ON u.organization = b.organization AND u.domain = b.domain
             AND u.id = b.user_id
         WHERE b.organization = ?1 AND b.import = ?2 AND b.domain = ?3 ORDER BY u.name_key",
    )?;
    if updated > 0 {
        let mut changed = db.prepare(
            "SELECT user_name FROM users u WHERE organization = ?1 AND domain = ?2
                 AND modified_by = ?3 AND created_by IS NOT ?3
                 AND NOT EXISTS (SELECT 1 FROM before_images b WHERE b.organization = ?1
                     AND b.import = ?3 AND b.domain = ?2 AND b.user_id = u.id)
             ORDER BY name_key",
        )?;
        let mut names = changed.query(params![organization, domain, id.0])?;
        while let Some(row) = names.next()? {
            undone.leave(&row.get::<_, String>(0)?, NO_IMAGE);
        }
    }
    let mut rows = images.query(params![organization, id.0, domain])?;
    while let Some(row) = rows.next()? {
        let (user, image): (Uuid, String) = (row.get(0)?, row.get(1)?);
        // A user who is gone is not brought back.
        let Some(name) = row.get::<_, Option<String>>(2)? else {
            continue;
        };
        if row.get::<_, Option<Uuid>>(3)? != Some(id.0) {
            undone.leave(&name, TOUCHED);
            continue;
        }
        let image: Image = serde_json::from_str(&image)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        put(db, organization, domain, user, None, &image)?;
        undone.restored += 1;
    }
    db.execute(
        "DELETE FROM before_images WHERE organization = ?1 AND import = ?2",
        params![organization, id.0],
    )?;
    Ok(())
}

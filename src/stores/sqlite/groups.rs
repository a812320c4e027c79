//! Groups, which are the roles of a user store: by id, inside a transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::members::{members_of, touch_holders_of};
use crate::users::built_in::{INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use crate::users::name::lookup_key;
use crate::users::resources::{Change, Group, GroupRef, GroupResource};
use crate::users::role_name::{ADMIN_ROLE, EVERYONE_ROLE};
use crate::users::user::User;

/// The columns that [`group`] reads.
pub(super) const GROUP_COLUMNS: &str =
    "id, organization, domain, name, external_id, created_at, modified_at";

/// Adds the built-in roles to an organization, with new ids.
pub(super) fn add_built_in_roles(db: &Connection, organization: &str) -> rusqlite::Result<()> {
    for (domain, name) in [
        (INTERNAL_DOMAIN, EVERYONE_ROLE),
        (PRIMARY_DOMAIN, ADMIN_ROLE),
    ] {
        let id = Uuid::now_v7();
        // The id contains the time, in milliseconds.
        let (seconds, nanoseconds) = id.get_timestamp().map_or((0, 0), |it| it.to_unix());
        let at =
            i64::try_from(seconds).unwrap_or_default() * 1_000_000 + i64::from(nanoseconds / 1_000);
        insert(db, organization, id, domain, name, None, Moment(at))?;
    }
    Ok(())
}

fn insert(
    db: &Connection,
    organization: &str,
    id: Uuid,
    domain: &str,
    name: &str,
    external_id: Option<&str>,
    at: Moment,
) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "INSERT INTO roles (organization, domain, name, name_key, id, external_id, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (organization, domain, name_key) DO NOTHING",
    )?
    .execute(params![
        organization,
        domain,
        name,
        lookup_key(name),
        id,
        external_id,
        at.0
    ])
}

/// The user's direct groups, by name.
pub(super) fn groups_of(db: &Connection, user: &User) -> rusqlite::Result<Vec<GroupRef>> {
    if user.roles.is_empty() {
        return Ok(Vec::new());
    }
    db.prepare_cached(
        "SELECT r.id, r.domain, r.name FROM role_members m
         JOIN roles r ON r.organization = m.organization AND r.domain = m.domain AND r.name = m.role
         WHERE m.organization = ?1 AND m.domain = ?2 AND m.user_id = ?3 AND r.domain <> ?4
         ORDER BY r.name",
    )?
    .query_map(
        params![user.organization, user.domain, user.id, INTERNAL_DOMAIN],
        |row| {
            Ok(GroupRef {
                id: row.get(0)?,
                domain: row.get(1)?,
                name: row.get(2)?,
            })
        },
    )?
    .collect()
}

/// The group with this id.
pub(super) fn find(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<Group>> {
    db.prepare_cached(&format!(
        "SELECT {GROUP_COLUMNS} FROM roles
         WHERE organization = ?1 AND id = ?2 AND domain <> ?3"
    ))?
    .query_row(params![organization, id, INTERNAL_DOMAIN], group)
    .optional()
}

/// The group with this id, with its members if requested.
pub(super) fn read(
    db: &Connection,
    organization: &str,
    id: Uuid,
    with_members: bool,
) -> rusqlite::Result<Option<GroupResource>> {
    find(db, organization, id)?
        .map(|group| resource(db, group, with_members))
        .transpose()
}

/// A group with its members, if requested.
pub(super) fn resource(
    db: &Connection,
    group: Group,
    with_members: bool,
) -> rusqlite::Result<GroupResource> {
    let members = match with_members {
        true => members_of(db, &group)?,
        false => Vec::new(),
    };
    Ok(GroupResource { group, members })
}

/// Creates a group.
pub(super) fn add(
    db: &Connection,
    organization: &str,
    id: Uuid,
    domain: &str,
    name: &str,
    external_id: Option<&str>,
    at: Moment,
) -> rusqlite::Result<Change> {
    let made = insert(db, organization, id, domain, name, external_id, at)?;
    Ok(match made {
        0 => Change::Taken,
        _ => Change::Made(at),
    })
}

/// Renames a group or changes its identifier.
pub(super) fn change(
    db: &Connection,
    organization: &str,
    id: Uuid,
    name: &str,
    external_id: Option<&str>,
    at: Moment,
) -> rusqlite::Result<Change> {
    let Some(before) = find(db, organization, id)? else {
        return Ok(Change::Gone);
    };
    let taken = db
        .prepare_cached(
            "SELECT 1 FROM roles
             WHERE organization = ?1 AND domain = ?2 AND name_key = ?3 AND id <> ?4",
        )?
        .exists(params![organization, before.domain, lookup_key(name), id])?;
    if taken {
        return Ok(Change::Taken);
    }
    let moment = changed_at(&before, at);
    db.prepare_cached(
        "UPDATE roles SET name = ?3, name_key = ?4, external_id = ?5, modified_at = ?6
         WHERE organization = ?1 AND id = ?2",
    )?
    .execute(params![
        organization,
        id,
        name,
        lookup_key(name),
        external_id,
        moment.0
    ])?;
    if before.name != name {
        // Memberships refer to the name, as rows of files do.
        db.prepare_cached(
            "UPDATE role_members SET role = ?4
             WHERE organization = ?1 AND domain = ?2 AND role = ?3",
        )?
        .execute(params![organization, before.domain, before.name, name])?;
        touch_holders_of(db, organization, id, moment)?;
    }
    Ok(Change::Made(moment))
}

/// Removes a group, its memberships and those of its members.
pub(super) fn delete(
    db: &Connection,
    organization: &str,
    id: Uuid,
    at: Moment,
) -> rusqlite::Result<bool> {
    let Some(group) = find(db, organization, id)? else {
        return Ok(false);
    };
    touch_holders_of(db, organization, id, at)?;
    db.prepare_cached(
        "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND role = ?3",
    )?
    .execute(params![organization, group.domain, group.name])?;
    db.prepare_cached("DELETE FROM role_groups WHERE organization = ?1 AND role = ?2")?
        .execute(params![organization, id])?;
    db.prepare_cached("DELETE FROM role_groups WHERE organization = ?1 AND member = ?2")?
        .execute(params![organization, id])?;
    db.prepare_cached("DELETE FROM roles WHERE organization = ?1 AND id = ?2")?
        .execute(params![organization, id])?;
    Ok(true)
}

/// The time of a change made at `at`.
pub(super) fn changed_at(before: &Group, at: Moment) -> Moment {
    at.later_than(before.modified_at.unwrap_or(before.created_at))
}

/// Reads a group.
pub(super) fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: row.get(0)?,
        organization: row.get(1)?,
        domain: row.get(2)?,
        name: row.get(3)?,
        external_id: row.get(4)?,
        created_at: Moment(row.get(5)?),
        modified_at: row.get::<_, Option<i64>>(6)?.map(Moment),
    })
}

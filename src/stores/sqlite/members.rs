//! Members of groups: users by the role's name, as an import writes them, and groups by id.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::sqlite::groups;
use crate::users::resources::{Group, Kind, Member, MembersChanged};

/// Users first, by id.
pub(super) fn members_of(db: &Connection, group: &Group) -> rusqlite::Result<Vec<Member>> {
    let mut members: Vec<Member> = db
        .prepare_cached(
            "SELECT u.id, u.domain, u.user_name FROM role_members m
             JOIN people u ON u.organization = m.organization AND u.domain = m.domain
                 AND u.id = m.user_id
             WHERE m.organization = ?1 AND m.domain = ?2 AND m.role = ?3 ORDER BY m.user_id",
        )?
        .query_map(
            params![group.organization, group.domain, group.name],
            |row| member(row, Kind::User),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut nested = db.prepare_cached(
        "SELECT r.id, r.domain, r.name FROM role_groups g
         JOIN roles r ON r.organization = g.organization AND r.id = g.member
         WHERE g.organization = ?1 AND g.role = ?2 ORDER BY g.member",
    )?;
    let nested = nested.query_map(params![group.organization, group.id], |row| {
        member(row, Kind::Group)
    })?;
    for group in nested {
        members.push(group?);
    }
    Ok(members)
}

/// The user or group with this id, as a member.
pub(super) fn member_by_id(
    db: &Connection,
    organization: &str,
    id: Uuid,
) -> rusqlite::Result<Option<Member>> {
    let user = db
        .prepare_cached(
            "SELECT id, domain, user_name FROM people WHERE organization = ?1 AND id = ?2",
        )?
        .query_row(params![organization, id], |row| member(row, Kind::User))
        .optional()?;
    if user.is_some() {
        return Ok(user);
    }
    let group = groups::find(db, organization, id)?;
    Ok(group.map(|group| Member {
        kind: Kind::Group,
        id: group.id,
        domain: group.domain,
        name: group.name,
    }))
}

/// The result of changing a group's members, and the ids that were added or removed.
type Changed = (MembersChanged, Vec<Uuid>);

/// Adds members.
pub(super) fn add(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Member],
    at: Moment,
) -> rusqlite::Result<Changed> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(Changed::default());
    };
    let entered = enter(db, organization, &group, members)?;
    mark(db, &group, entered, at)
}

/// Adds the first members of a new group, which does not count as a change. Returns their ids.
pub(super) fn add_first(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Member],
) -> rusqlite::Result<Vec<Uuid>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    match groups::find(db, organization, group)? {
        Some(group) => enter(db, organization, &group, members),
        None => Ok(Vec::new()),
    }
}

fn enter(
    db: &Connection,
    organization: &str,
    group: &Group,
    members: &[Member],
) -> rusqlite::Result<Vec<Uuid>> {
    let mut user = db.prepare_cached(
        "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    let mut nested = db.prepare_cached(
        "INSERT INTO role_groups (organization, role, member) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )?;
    let mut entered = Vec::new();
    for member in members {
        let count = match member.kind {
            Kind::User => {
                user.execute(params![organization, group.domain, member.id, group.name])?
            }
            Kind::Group => nested.execute(params![organization, group.id, member.id])?,
        };
        if count > 0 {
            entered.push(member.id);
        }
    }
    Ok(entered)
}

/// Removes members.
pub(super) fn remove(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Uuid],
    at: Moment,
) -> rusqlite::Result<Changed> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(Changed::default());
    };
    let mut user = db.prepare_cached(
        "DELETE FROM role_members
         WHERE organization = ?1 AND domain = ?2 AND user_id = ?3 AND role = ?4",
    )?;
    let mut nested = db.prepare_cached(
        "DELETE FROM role_groups WHERE organization = ?1 AND role = ?2 AND member = ?3",
    )?;
    let mut gone = Vec::new();
    for id in members {
        let users = user.execute(params![organization, group.domain, id, group.name])?;
        if users + nested.execute(params![organization, group.id, id])? > 0 {
            gone.push(*id);
        }
    }
    mark(db, &group, gone, at)
}

/// Removes all members.
pub(super) fn clear(
    db: &Connection,
    organization: &str,
    group: Uuid,
    at: Moment,
) -> rusqlite::Result<Changed> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(Changed::default());
    };
    let ids = |row: &Row<'_>| row.get(0);
    let mut gone: Vec<Uuid> = db
        .prepare_cached(
            "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND role = ?3
             RETURNING user_id",
        )?
        .query_map(params![organization, group.domain, group.name], ids)?
        .collect::<rusqlite::Result<_>>()?;
    let nested: Vec<Uuid> = db
        .prepare_cached(
            "DELETE FROM role_groups WHERE organization = ?1 AND role = ?2 RETURNING member",
        )?
        .query_map(params![organization, group.id], ids)?
        .collect::<rusqlite::Result<_>>()?;
    gone.extend(nested);
    mark(db, &group, gone, at)
}

/// Ids of the groups that this group is a direct member of.
pub(super) fn holders_of(
    db: &Connection,
    organization: &str,
    group: Uuid,
) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached("SELECT role FROM role_groups WHERE organization = ?1 AND member = ?2")?
        .query_map(params![organization, group], |row| row.get(0))?
        .collect()
}

/// Marks the group of this name as changed, later than its previous change.
pub(super) fn touch(
    db: &Connection,
    organization: &str,
    domain: &str,
    name: &str,
    at: Moment,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE roles SET modified_at = max(coalesce(modified_at, created_at) + 1, ?4)
         WHERE organization = ?1 AND domain = ?2 AND name = ?3",
    )?
    .execute(params![organization, domain, name, at.0])?;
    Ok(())
}

/// Marks the user's direct groups as changed.
pub(super) fn touch_groups_of(
    db: &Connection,
    organization: &str,
    domain: &str,
    user: Uuid,
    at: Moment,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE roles SET modified_at = max(coalesce(modified_at, created_at) + 1, ?4)
         WHERE organization = ?1 AND domain = ?2 AND name IN
             (SELECT role FROM role_members
              WHERE organization = ?1 AND domain = ?2 AND user_id = ?3)",
    )?
    .execute(params![organization, domain, user, at.0])?;
    Ok(())
}

/// Marks the groups that this group is a direct member of as changed.
pub(super) fn touch_holders_of(
    db: &Connection,
    organization: &str,
    group: Uuid,
    at: Moment,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE roles SET modified_at = max(coalesce(modified_at, created_at) + 1, ?3)
         WHERE organization = ?1 AND id IN
             (SELECT role FROM role_groups WHERE organization = ?1 AND member = ?2)",
    )?
    .execute(params![organization, group, at.0])?;
    Ok(())
}

/// Marks the group as changed if any of its members were.
fn mark(db: &Connection, group: &Group, ids: Vec<Uuid>, at: Moment) -> rusqlite::Result<Changed> {
    if ids.is_empty() {
        return Ok(Changed::default());
    }
    let moment = groups::changed_at(group, at);
    db.prepare_cached("UPDATE roles SET modified_at = ?3 WHERE organization = ?1 AND id = ?2")?
        .execute(params![group.organization, group.id, moment.0])?;
    let changed = MembersChanged {
        count: ids.len(),
        at: Some(moment),
    };
    Ok((changed, ids))
}

fn member(row: &Row<'_>, kind: Kind) -> rusqlite::Result<Member> {
    Ok(Member {
        kind,
        id: row.get(0)?,
        domain: row.get(1)?,
        name: row.get(2)?,
    })
}

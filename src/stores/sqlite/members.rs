//! Who is in a group: users by the role's name, as an import writes them, and groups by id.

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

/// What the resource with this id is.
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

/// Takes members in.
pub(super) fn add(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Member],
    at: Moment,
) -> rusqlite::Result<MembersChanged> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(MembersChanged::default());
    };
    let count = enter(db, organization, &group, members)?;
    mark(db, &group, count, at)
}

/// Gives a group that was just made its first members: it has not changed by that.
pub(super) fn found(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Member],
) -> rusqlite::Result<()> {
    if !members.is_empty()
        && let Some(group) = groups::find(db, organization, group)?
    {
        enter(db, organization, &group, members)?;
    }
    Ok(())
}

fn enter(
    db: &Connection,
    organization: &str,
    group: &Group,
    members: &[Member],
) -> rusqlite::Result<usize> {
    let mut user = db.prepare_cached(
        "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    let mut nested = db.prepare_cached(
        "INSERT INTO role_groups (organization, role, member) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )?;
    let mut count = 0;
    for member in members {
        count += match member.kind {
            Kind::User => {
                user.execute(params![organization, group.domain, member.id, group.name])?
            }
            Kind::Group => nested.execute(params![organization, group.id, member.id])?,
        };
    }
    Ok(count)
}

/// Lets members go.
pub(super) fn remove(
    db: &Connection,
    organization: &str,
    group: Uuid,
    members: &[Uuid],
    at: Moment,
) -> rusqlite::Result<MembersChanged> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(MembersChanged::default());
    };
    let mut user = db.prepare_cached(
        "DELETE FROM role_members
         WHERE organization = ?1 AND domain = ?2 AND user_id = ?3 AND role = ?4",
    )?;
    let mut nested = db.prepare_cached(
        "DELETE FROM role_groups WHERE organization = ?1 AND role = ?2 AND member = ?3",
    )?;
    let mut count = 0;
    for id in members {
        count += user.execute(params![organization, group.domain, id, group.name])?;
        count += nested.execute(params![organization, group.id, id])?;
    }
    mark(db, &group, count, at)
}

/// Lets all members go.
pub(super) fn clear(
    db: &Connection,
    organization: &str,
    group: Uuid,
    at: Moment,
) -> rusqlite::Result<MembersChanged> {
    let Some(group) = groups::find(db, organization, group)? else {
        return Ok(MembersChanged::default());
    };
    let users = db
        .prepare_cached(
            "DELETE FROM role_members WHERE organization = ?1 AND domain = ?2 AND role = ?3",
        )?
        .execute(params![organization, group.domain, group.name])?;
    let nested = db
        .prepare_cached("DELETE FROM role_groups WHERE organization = ?1 AND role = ?2")?
        .execute(params![organization, group.id])?;
    mark(db, &group, users + nested, at)
}

/// The group has changed only when its members have.
fn mark(
    db: &Connection,
    group: &Group,
    count: usize,
    at: Moment,
) -> rusqlite::Result<MembersChanged> {
    if count == 0 {
        return Ok(MembersChanged::default());
    }
    let moment = groups::changed_at(group, at);
    db.prepare_cached("UPDATE roles SET modified_at = ?3 WHERE organization = ?1 AND id = ?2")?
        .execute(params![group.organization, group.id, moment.0])?;
    Ok(MembersChanged {
        count,
        at: Some(moment),
    })
}

fn member(row: &Row<'_>, kind: Kind) -> rusqlite::Result<Member> {
    Ok(Member {
        kind,
        id: row.get(0)?,
        domain: row.get(1)?,
        name: row.get(2)?,
    })
}

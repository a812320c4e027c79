//! Members of groups: looked up, added and removed, including members that the same request creates
//! later.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Moment;
use crate::provision::apply::{Applied, Executor, accept};
use crate::provision::operation::Done;
use crate::provision::rights::is_admin_group;
use crate::scim::error::ScimError;
use crate::scim::member_changes::MemberChange;
use crate::users::resources::{Group, Kind, Member, Resources};
use crate::users::store_error::StoreError;

/// Members named in a document: existing ones, and those that the same request creates later.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub existing: Vec<Member>,
    pub promised: Vec<Uuid>,
}

impl Named {
    pub fn is_empty(&self) -> bool {
        self.existing.is_empty() && self.promised.is_empty()
    }
}

/// The result of adding a new resource to the groups that expected it.
#[derive(Debug, Default)]
pub(super) struct MembersBefore {
    /// Positions of the operations that requested a membership that is not allowed, with the
    /// errors.
    pub unfit: Vec<(usize, ScimError)>,
}

impl Executor<'_> {
    pub(super) fn change_members(
        &mut self,
        tx: &mut dyn Resources,
        group: &Group,
        changes: &[MemberChange],
    ) -> Applied<Done> {
        // All new members are checked before any member is removed.
        let mut named = Vec::with_capacity(changes.len());
        for change in changes {
            named.push(match change {
                MemberChange::Add(elements) | MemberChange::ReplaceAll(elements) => {
                    accept!(self.named(tx, group.id, &group.domain, elements)?)
                }
                MemberChange::Remove(_) => Named::default(),
            });
        }
        accept!(self.may_change_members(group));
        let mut at = None;
        for (change, named) in changes.iter().zip(&named) {
            let now = match change {
                MemberChange::Add(_) => self.take_in(tx, group.id, named)?,
                MemberChange::Remove(ids) => {
                    let ids: Vec<Uuid> = ids
                        .iter()
                        .filter_map(|id| Uuid::try_parse(id).ok())
                        .collect();
                    for id in &ids {
                        self.forget(group.id, *id);
                    }
                    tx.remove_members(group.id, &ids, self.at)?.at
                }
                MemberChange::ReplaceAll(_) => {
                    let Some(stored) = tx.group(group.id, true)? else {
                        return Ok(Err(Self::not_found(Kind::Group, group.id)));
                    };
                    let leaving = leaving(&stored.members, &named.existing);
                    self.forget_all(group.id);
                    let left = tx.remove_members(group.id, &leaving, self.at)?.at;
                    self.take_in(tx, group.id, named)?.or(left)
                }
            };
            at = now.or(at);
        }
        let changes = at.is_some() || named.iter().any(|named| !named.promised.is_empty());
        let attributes: &[&str] = if changes { &["members"] } else { &[] };
        self.finish(tx, group, at, attributes)
    }

    /// Adds existing members, and records those still to be created.
    pub(super) fn take_in(
        &mut self,
        tx: &mut dyn Resources,
        group: Uuid,
        named: &Named,
    ) -> Result<Option<Moment>, StoreError> {
        self.expect(group, &named.promised);
        match named.existing.is_empty() {
            true => Ok(None),
            false => Ok(tx.add_members(group, &named.existing, self.at)?.at),
        }
    }

    /// Records members still to be created.
    pub(super) fn expect(&mut self, group: Uuid, promised: &[Uuid]) {
        for member in promised {
            let groups = self.pending.entry(*member).or_default();
            groups.push((group, self.position));
        }
    }

    /// Adds the members still to be created to the group's document: it is patched as if they
    /// existed.
    pub(super) fn show_promised(&self, group: Uuid, document: &mut Map<String, Value>) {
        let waiting = |groups: &[(Uuid, usize)]| groups.iter().any(|(other, _)| *other == group);
        let mut promised: Vec<Uuid> = self
            .pending
            .iter()
            .filter(|(_, groups)| waiting(groups))
            .map(|(member, _)| *member)
            .collect();
        if promised.is_empty() {
            return;
        }
        promised.sort_unstable();
        let elements = promised.iter().map(|id| {
            let kind = match self.promised(*id) {
                Some(Kind::Group) => "Group",
                _ => "User",
            };
            json!({"value": id.to_string(), "type": kind})
        });
        let members = document
            .entry("members")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(members) = members {
            members.extend(elements);
        }
    }

    /// Reads the members in a document, with the same rule for POST, PUT and PATCH.
    ///
    /// An id in this server's format has to exist. An id in another format is left out and counted,
    /// because public test suites add a member with an invented id and expect success, just as
    /// removing a member that is absent is not an error. In a Bulk request, whose response cannot
    /// mention it, such an id is refused.
    pub(super) fn named(
        &mut self,
        tx: &mut dyn Resources,
        group: Uuid,
        domain: &str,
        elements: &[Value],
    ) -> Applied<Named> {
        let mut ids = Vec::with_capacity(elements.len());
        for element in elements {
            if self.wanted && !has_our_id_format(element) {
                self.members_left_out += 1;
                continue;
            }
            let element = element.as_object();
            let text =
                |name: &str| element.and_then(|element: &Map<_, _>| element.get(name)?.as_str());
            let Some(id) = text("value").filter(|id| !id.is_empty()) else {
                return Ok(Err(ScimError::value(
                    "members: a member has no value; give the id of a user or a group.",
                )));
            };
            ids.push((id, text("type")));
        }
        self.look_up(tx, group, domain, &ids)
    }

    fn look_up(
        &self,
        tx: &mut dyn Resources,
        group: Uuid,
        domain: &str,
        ids: &[(&str, Option<&str>)],
    ) -> Applied<Named> {
        let mut named = Named::default();
        for (text, kind) in ids {
            let not_found = || {
                ScimError::value(format!(
                    "members: there is no user or group with the id {text}; leave it out, or \
                     create it first."
                ))
            };
            let Ok(id) = Uuid::try_parse(text) else {
                return Ok(Err(not_found()));
            };
            if id == group {
                return Ok(Err(ScimError::value(
                    "members: a group cannot be a member of itself.",
                )));
            }
            let Some(member) = tx.member(id)? else {
                match self.promised(id) {
                    Some(is) => {
                        accept!(fits_kind(id, is, *kind));
                        named.promised.push(id);
                    }
                    None => return Ok(Err(not_found())),
                }
                continue;
            };
            accept!(fits(&member, *kind, domain));
            named.existing.push(member);
        }
        if !named.is_empty()
            && let Some(stored) = tx.group(group, false)?
        {
            accept!(self.may_change_members(&stored.group));
        }
        Ok(Ok(named))
    }

    /// Adds a newly created resource to the groups that expected it.
    pub(super) fn add_to_expecting_groups(
        &mut self,
        tx: &mut dyn Resources,
        made: Uuid,
    ) -> Result<MembersBefore, StoreError> {
        let mut kept = MembersBefore::default();
        let Some(groups) = self.pending.remove(&made) else {
            return Ok(kept);
        };
        let Some(member) = tx.member(made)? else {
            return Ok(kept);
        };
        for (group, position) in groups {
            let Some(stored) = tx.group(group, false)? else {
                continue;
            };
            match fits(&member, None, &stored.group.domain) {
                Ok(()) => {
                    let members = std::slice::from_ref(&member);
                    tx.add_members(group, members, self.at)?;
                    self.touches_others = true;
                }
                Err(error) => kept.unfit.push((position, error)),
            }
        }
        Ok(kept)
    }

    fn forget(&mut self, group: Uuid, member: Uuid) {
        if let Some(groups) = self.pending.get_mut(&member) {
            groups.retain(|(other, _)| *other != group);
        }
    }

    pub(super) fn forget_all(&mut self, group: Uuid) {
        for groups in self.pending.values_mut() {
            groups.retain(|(other, _)| *other != group);
        }
        self.pending.retain(|_, groups| !groups.is_empty());
    }

    pub(super) fn may_change_members(&self, group: &Group) -> Result<(), ScimError> {
        match is_admin_group(group) {
            true => self.admin_only("change the members of the group admin"),
            false => Ok(()),
        }
    }
}

/// Whether the element's id has the format of this server's ids.
fn has_our_id_format(element: &Value) -> bool {
    let id = element.get("value").and_then(Value::as_str);
    id.is_none_or(|id| Uuid::try_parse(id).is_ok())
}

/// Members to be removed.
pub(super) fn leaving(members: &[Member], staying: &[Member]) -> Vec<Uuid> {
    let staying: HashSet<Uuid> = staying.iter().map(|member| member.id).collect();
    let ids = members.iter().map(|member| member.id);
    ids.filter(|id| !staying.contains(id)).collect()
}

/// Checks that a member has the type that the client gave.
fn fits_kind(id: Uuid, is: Kind, expected: Option<&str>) -> Result<(), ScimError> {
    let is = match is {
        Kind::User => "User",
        Kind::Group => "Group",
    };
    match expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(is)) {
        true => Err(ScimError::value(format!(
            "members: {id} is a {is}; correct the type, or leave it out."
        ))),
        false => Ok(()),
    }
}

/// Checks that this resource can be a member: users of the group's user store can, and any group.
fn fits(member: &Member, kind: Option<&str>, domain: &str) -> Result<(), ScimError> {
    fits_kind(member.id, member.kind, kind)?;
    if member.kind == Kind::User && member.domain != domain {
        return Err(ScimError::value(format!(
            "members: the user {} belongs to the user store {}, and the group to {domain}; a \
             group can only contain users of its own user store.",
            member.id, member.domain
        )));
    }
    Ok(())
}

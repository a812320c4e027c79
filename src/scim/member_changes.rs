//! Detects PATCH messages that only add and remove members, so that the existing members of a group, of which there
//! may be a hundred thousand, need not be read.

use serde_json::Value;

use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::patch::Patch;
use crate::scim::patch_change::{Action, Target};

/// A change of a group's members. Added members are elements, each with a `value`, because a client may state their
/// type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Add these.
    Add(Vec<Value>),
    /// Remove those with these ids, as the client wrote them; some may not be members.
    Remove(Vec<String>),
    /// Replace all members by these.
    ReplaceAll(Vec<Value>),
}

/// The changes in order; `None` if the message also does something else, or if its effect depends on the existing
/// members.
pub fn member_changes(patch: &Patch) -> Option<Vec<MemberChange>> {
    patch
        .changes
        .iter()
        .map(|change| match &change.target {
            Target::Attribute {
                attribute,
                filter,
                sub: None,
            } if attribute.extension.is_none() && attribute.name == "members" => {
                member_change(&change.action, filter.as_ref())
            }
            _ => None,
        })
        .collect()
}

fn member_change(action: &Action, filter: Option<&Filter>) -> Option<MemberChange> {
    match (action, filter) {
        (Action::Add(value), None) => Some(MemberChange::Add(named(value.as_array()?)?)),
        (Action::Replace(value), None) => Some(MemberChange::ReplaceAll(named(value.as_array()?)?)),
        (Action::Remove, None) => Some(MemberChange::ReplaceAll(Vec::new())),
        (Action::RemoveElements(removed), _) => Some(MemberChange::Remove(ids(removed)?)),
        (Action::Remove, Some(filter)) => {
            let mut ids = Vec::new();
            collect(filter, &mut ids)?;
            Some(MemberChange::Remove(ids))
        }
        (Action::Add(_) | Action::Replace(_), Some(_)) => None,
    }
}

/// The elements, if each has a `value`.
fn named(elements: &[Value]) -> Option<Vec<Value>> {
    ids(elements).map(|_| elements.to_vec())
}

fn ids(elements: &[Value]) -> Option<Vec<String>> {
    let id = |element: &Value| element.get("value")?.as_str().map(str::to_owned);
    elements.iter().map(id).collect()
}

/// Collects the ids of `value eq "id"`, or of several such comparisons joined by `or`.
fn collect(filter: &Filter, ids: &mut Vec<String>) -> Option<()> {
    match filter {
        Filter::Or(any) => any
            .iter()
            .try_for_each(|filter| collect(filter, ids).ok_or(()))
            .ok(),
        Filter::Compare(path, Operator::Equal, Operand::Text(id))
            if path.sub.as_deref() == Some("value") =>
        {
            ids.push(id.clone());
            Some(())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::check::Leniency;
    use crate::scim::patch::{PATCH_OP, parse_patch};
    use crate::scim::schema::Schemas;

    fn changes(operations: Value) -> Option<Vec<MemberChange>> {
        let message = json!({"schemas": [PATCH_OP], "Operations": operations});
        let group = Schemas::new([]).group;
        member_changes(&parse_patch(message, &group, Leniency::default()).unwrap())
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn members_are_added_and_removed_without_reading_the_others() {
        let operations = json!([
            {"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2", "type": "User"}]},
            {"op": "Add", "path": "MEMBERS", "value": "3"},
            {"op": "add", "value": {"members": [{"value": "4"}, {"value": "4"}]}},
            {"op": "remove", "path": "members[value eq \"1\"]"},
            {"op": "remove", "path": "members[value eq \"2\" or value eq \"3\"]"},
            {"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "4"}]},
            {"op": "replace", "path": "members", "value": [{"value": "5"}]},
            {"op": "remove", "path": "members"},
            {"op": "replace", "path": "members", "value": []}
        ]);
        let expected = vec![
            MemberChange::Add(vec![
                json!({"value": "1"}),
                json!({"value": "2", "type": "User"}),
            ]),
            MemberChange::Add(vec![json!({"value": "3"})]),
            MemberChange::Add(vec![json!({"value": "4"})]),
            MemberChange::Remove(ids(&["1"])),
            MemberChange::Remove(ids(&["2", "3"])),
            MemberChange::Remove(ids(&["4"])),
            MemberChange::ReplaceAll(vec![json!({"value": "5"})]),
            MemberChange::ReplaceAll(Vec::new()),
            MemberChange::ReplaceAll(Vec::new()),
        ];
        assert_eq!(changes(operations), Some(expected));
    }

    #[test]
    fn adding_or_removing_nothing_is_no_change() {
        let operations = json!([
            {"op": "add", "path": "members", "value": []},
            {"op": "remove", "path": "members", "value": []}
        ]);
        assert_eq!(changes(operations), Some(Vec::new()));
    }

    #[test]
    fn patch_that_needs_members_or_other_attributes_is_not_a_member_change() {
        for operation in [
            json!({"op": "replace", "path": "displayName", "value": "a"}),
            json!({"op": "replace", "value": {"displayName": "a", "members": []}}),
            json!({"op": "remove", "path": "members[type eq \"User\"]"}),
            json!({"op": "remove", "path": "members[not (value eq \"1\")]"}),
            json!({"op": "remove", "path": "members[value eq \"1\" and type eq \"User\"]"}),
            json!({"op": "remove", "path": "members[value sw \"1\"]"}),
            json!({"op": "add", "path": "members", "value": [{"$ref": "../Users/1"}]}),
            json!({"op": "replace", "path": "members[value eq \"1\"]", "value": {"value": "1"}}),
        ] {
            assert_eq!(changes(json!([operation])), None, "{operation}");
        }
    }
}

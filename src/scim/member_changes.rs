//! PATCH messages that add and remove members and do nothing else, so that nobody has to look at the
//! members that a group has already: it may have a hundred thousand.

use serde_json::Value;

use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::patch::Patch;
use crate::scim::patch_change::{Action, Target};

/// A change of a group's members. Those who come in are elements, each with a `value`, because a client
/// may say of what type they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// These come in.
    Add(Vec<Value>),
    /// Those with these ids go, as the client wrote them; some may not have been in.
    Remove(Vec<String>),
    /// These are the members now.
    ReplaceAll(Vec<Value>),
}

/// The changes in their order; none: the message does something else too, or what it does depends on
/// the members that there are.
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

/// The elements, each of which names somebody.
fn named(elements: &[Value]) -> Option<Vec<Value>> {
    ids(elements).map(|_| elements.to_vec())
}

fn ids(elements: &[Value]) -> Option<Vec<String>> {
    let id = |element: &Value| element.get("value")?.as_str().map(str::to_owned);
    elements.iter().map(id).collect()
}

/// The ids that `value eq "id"` names, also several joined by `or`.
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
    fn members_come_and_go_without_a_look_at_the_others() {
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
    fn nothing_to_add_or_to_remove_is_no_change() {
        let operations = json!([
            {"op": "add", "path": "members", "value": []},
            {"op": "remove", "path": "members", "value": []}
        ]);
        assert_eq!(changes(operations), Some(Vec::new()));
    }

    #[test]
    fn whatever_needs_the_members_or_another_attribute_is_none() {
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

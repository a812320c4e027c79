//! The elements of multi-valued attributes (RFC 7643 §2.4): which are equal, and which one is primary.
//!
//! Two elements are equal if their `value` and `type` are; for members of groups the `value` suffices, because it
//! cannot change. Elements without a `value`, such as addresses, are equal if they differ in nothing but `primary`.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::scim::document::Place;
use crate::scim::error::ScimError;
use crate::scim::schema::{Attribute, Mutability};

/// Merges equal elements; later ones take precedence.
///
/// # Errors
/// More than one element is primary.
pub fn unite(
    attribute: &Attribute,
    elements: Vec<Value>,
    place: Place<'_>,
) -> Result<Vec<Value>, ScimError> {
    let mut united: Vec<Value> = Vec::with_capacity(elements.len());
    let mut known = HashMap::with_capacity(elements.len());
    for element in elements {
        let at = *known
            .entry(key(attribute, &element))
            .or_insert(united.len());
        match united.get_mut(at) {
            Some(same) => merge(same, element),
            None => united.push(element),
        }
    }
    match united.iter().filter(|element| is_primary(element)).count() {
        0 | 1 => Ok(united),
        _ => Err(two_primaries(place)),
    }
}

/// Adds elements. If an equal element exists, it only gets the sub-attributes that it lacks (RFC 7644 §3.5.2.1). An
/// added element without a `type` equals any element with its `value`. A new primary element replaces the previous
/// one as primary.
pub fn add(attribute: &Attribute, elements: &mut Vec<Value>, added: Vec<Value>) {
    let mut same: HashMap<Key, usize> = HashMap::with_capacity(elements.len());
    let mut similar: HashMap<String, usize> = HashMap::new();
    for (at, element) in elements.iter().enumerate() {
        same.entry(key(attribute, element)).or_insert(at);
        if let Some(value) = value_of(attribute, element) {
            similar.entry(value).or_insert(at);
        }
    }
    let mut primary = None;
    for element in added {
        let key = key(attribute, &element);
        let found = same.get(&key).or_else(|| match &key {
            Key::Pair(value, None) => similar.get(value),
            _ => None,
        });
        let at = found.copied().unwrap_or(elements.len());
        if is_primary(&element) {
            primary = Some(at);
        }
        match elements.get_mut(at) {
            Some(same) => complete(same, element),
            None => {
                same.insert(key, at);
                elements.push(element);
            }
        }
    }
    if let Some(primary) = primary {
        only_primary(elements, primary);
    }
}

/// Removes the elements that are equal to one of `removed`. An element of `removed` without a `type` equals all
/// elements with its `value`.
pub fn remove(attribute: &Attribute, elements: &mut Vec<Value>, removed: &[Value]) {
    let keys: std::collections::HashSet<Key> = removed
        .iter()
        .map(|element| key(attribute, element))
        .collect();
    elements.retain(|element| {
        let alike = value_of(attribute, element).map(|value| Key::Pair(value, None));
        !keys.contains(&key(attribute, element)) && alike.is_none_or(|key| !keys.contains(&key))
    });
}

/// Makes this element the only primary one.
pub fn only_primary(elements: &mut [Value], primary: usize) {
    for (at, element) in elements.iter_mut().enumerate() {
        if at != primary && is_primary(element) {
            // RFC 7644 §3.5.2 requires false, not removal.
            merge(
                element,
                Value::Object(Map::from_iter([("primary".to_owned(), Value::Bool(false))])),
            );
        }
    }
}

/// Whether this element is primary.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary").and_then(Value::as_bool) == Some(true)
}

/// The error for more than one primary element.
pub fn two_primaries(place: Place<'_>) -> ScimError {
    ScimError::value(format!(
        "{place} has more than one element whose primary is true. Leave it true in one."
    ))
}

/// Merges the members of `from` into an object; any other value is replaced.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

/// Adds the members of an equal element that `element` lacks. Its value and type are kept: the other's may differ in
/// case, which is not a change.
fn complete(element: &mut Value, mut other: Value) {
    let (Value::Object(object), Value::Object(others)) = (&*element, &mut other) else {
        return;
    };
    for name in ["value", "type"] {
        if object.contains_key(name) {
            others.remove(name);
        }
    }
    merge(element, other);
}

/// The parts of an element that decide equality.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Value and type.
    Pair(String, Option<String>),
    /// The whole element.
    Whole(String),
}

fn key(attribute: &Attribute, element: &Value) -> Key {
    let Some(value) = value_of(attribute, element) else {
        let mut element = element.clone();
        if let Value::Object(object) = &mut element {
            object.remove("primary");
        }
        return Key::Whole(element.to_string());
    };
    let fixed = attribute
        .sub_attribute("value")
        .is_some_and(|value| value.mutability == Mutability::Immutable);
    let kind = match element.get("type") {
        Some(Value::String(kind)) if !fixed => Some(kind.to_lowercase()),
        _ => None,
    };
    Key::Pair(value, kind)
}

/// The value in its compared form.
fn value_of(attribute: &Attribute, element: &Value) -> Option<String> {
    let (exact, value) = match element {
        Value::Object(object) => {
            let exact = attribute.sub_attribute("value")?.case_exact;
            (exact, object.get("value")?)
        }
        simple => (attribute.case_exact, simple),
    };
    Some(match value {
        Value::String(text) if exact => text.clone(),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::Schemas;

    fn list(value: Value) -> Vec<Value> {
        value.as_array().unwrap().clone()
    }

    fn united(name: &str, elements: Value) -> Result<Value, String> {
        let schemas = Schemas::new([]);
        let attribute = schemas.user.attribute(name).unwrap();
        let united = unite(attribute, list(elements), Place::of(None, name));
        united.map(Value::Array).map_err(|error| error.detail)
    }

    fn added(elements: Value, added: Value) -> Value {
        let schemas = Schemas::new([]);
        let mut elements = list(elements);
        let emails = schemas.user.attribute("emails").unwrap();
        add(emails, &mut elements, list(added));
        Value::Array(elements)
    }

    #[test]
    fn elements_with_equal_value_and_type_are_merged() {
        let given = json!([
            {"value": "kim@example.org", "type": "work"},
            {"value": "kim@example.org", "type": "home"},
            {"value": "KIM@example.org", "type": "Work", "primary": true},
            {"value": "kim@example.org"}
        ]);
        let expected = json!([
            {"value": "KIM@example.org", "type": "Work", "primary": true},
            {"value": "kim@example.org", "type": "home"},
            {"value": "kim@example.org"}
        ]);
        assert_eq!(united("emails", given), Ok(expected));
    }

    #[test]
    fn case_sensitive_values_are_not_merged() {
        let two = json!([{"value": "Zg=="}, {"value": "zg=="}]);
        assert_eq!(united("x509Certificates", two.clone()), Ok(two));
    }

    #[test]
    fn identical_addresses_are_merged() {
        let given = json!([
            {"locality": "Bern", "type": "work"},
            {"locality": "Basel", "type": "work"},
            {"locality": "Bern", "type": "work", "primary": true}
        ]);
        let expected = json!([
            {"locality": "Bern", "type": "work", "primary": true},
            {"locality": "Basel", "type": "work"}
        ]);
        assert_eq!(united("addresses", given), Ok(expected));
    }

    #[test]
    fn only_one_element_may_be_primary() {
        let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
        assert_eq!(
            united("emails", two),
            Err(
                "emails has more than one element whose primary is true. Leave it true in one."
                    .into()
            )
        );
        let one = json!([{"value": "a", "primary": true}, {"value": "b", "primary": false}]);
        assert_eq!(united("emails", one.clone()), Ok(one));
    }

    #[test]
    fn existing_elements_are_not_added_again() {
        let before = json!([{"value": "a", "type": "work", "display": "A"}, {"value": "b"}]);
        for there in [
            json!([{"value": "A", "type": "WORK"}]),
            json!([{"value": "b"}]),
        ] {
            assert_eq!(added(before.clone(), there), before);
        }
        assert_eq!(
            added(before.clone(), json!([{"value": "a", "primary": true}])),
            json!([{"value": "a", "type": "work", "display": "A", "primary": true}, {"value": "b"}])
        );
        assert_eq!(
            added(
                json!([{"value": "a"}]),
                json!([{"value": "a", "type": "home"}])
            ),
            json!([{"value": "a"}, {"value": "a", "type": "home"}])
        );
    }

    #[test]
    fn new_primary_element_replaces_the_old_one() {
        let before = json!([{"value": "a", "primary": true}]);
        assert_eq!(
            added(before, json!([{"value": "b", "primary": true}])),
            json!([{"value": "a", "primary": false}, {"value": "b", "primary": true}])
        );
    }

    #[test]
    fn members_are_compared_by_value_only() {
        let schemas = Schemas::new([]);
        let members = schemas.group.attribute("members").unwrap();
        let mut elements = vec![json!({"value": "1", "type": "User"}), json!({"value": "2"})];
        add(
            members,
            &mut elements,
            list(json!([{"value": "1"}, {"value": "2", "type": "User"}])),
        );
        let expected = [
            json!({"value": "1", "type": "User"}),
            json!({"value": "2", "type": "User"}),
        ];
        assert_eq!(elements, expected);
        remove(
            members,
            &mut elements,
            &[json!({"value": "2"}), json!({"value": "3"})],
        );
        assert_eq!(elements, [json!({"value": "1", "type": "User"})]);
    }

    #[test]
    fn element_without_a_type_removes_all_with_its_value() {
        let schemas = Schemas::new([]);
        let emails = schemas.user.attribute("emails").unwrap();
        let all = json!([{"value": "a", "type": "work"}, {"value": "a"}, {"value": "b"}]);
        let mut elements = list(all.clone());
        remove(emails, &mut elements, &[json!({"value": "A"})]);
        assert_eq!(elements, [json!({"value": "b"})]);
        let mut elements = list(all);
        remove(
            emails,
            &mut elements,
            &[json!({"value": "a", "type": "Work"})],
        );
        assert_eq!(elements, [json!({"value": "a"}), json!({"value": "b"})]);
    }
}

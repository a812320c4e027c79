//! Applies PATCH messages to canonical documents (RFC 7644 §3.5.2.1 to §3.5.2.3).
//!
//! Where the RFC says that there is no target, Entra ID expects one: adding to or replacing
//! `emails[type eq "work"].value` creates the element if there is none. This is done if the filter describes the
//! element by `eq` alone; otherwise the error is `noTarget`. Removing something that does not exist is not an error
//! and not a change: the resource is in the requested state.

use serde_json::{Map, Value};

use crate::scim::check::{check_replacement, check_required};
use crate::scim::document::{Document, Place, put, take};
use crate::scim::element_filter::{described, terms};
use crate::scim::elements::{add, is_primary, merge, only_primary, remove, two_primaries, unite};
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::evaluate::element_matches;
use crate::scim::filter::Filter;
use crate::scim::patch::Patch;
use crate::scim::patch_change::{Action, Change, Target};
use crate::scim::schema::{Attribute, Mutability, ResourceType};
use crate::scim::values::check_element;

/// Maximum work of a message: elements times the terms of the filter that they are compared with, summed over all
/// operations. A thousand operations on a thousand elements are far below it; what a hostile client can put into one
/// request is far above it.
pub const MAX_STEPS: usize = 5_000_000;

/// Applies a message to a document of the type that it was parsed for. Returns whether the document has changed. Either
/// all operations are applied, or none.
///
/// # Errors
/// An operation cannot be applied. The document is then unchanged.
pub fn apply(
    patch: &Patch,
    document: &mut Document,
    resource_type: &ResourceType,
) -> Result<bool, ScimError> {
    let mut after = document.clone();
    let mut steps = 0;
    for change in &patch.changes {
        apply_one(change, &mut after, resource_type, &mut steps).map_err(|error| ScimError {
            detail: format!("Operations[{}]: {}", change.operation, error.detail),
            ..error
        })?;
    }
    check_required(&after, resource_type)?;
    check_replacement(document, &mut after, resource_type)?;
    let is_changed = after != *document;
    *document = after;
    Ok(is_changed)
}

fn apply_one(
    change: &Change,
    document: &mut Document,
    resource_type: &ResourceType,
    steps: &mut usize,
) -> Result<(), ScimError> {
    let (path, filter, sub) = match &change.target {
        Target::Extension(urn) => {
            document.remove(*urn);
            return Ok(());
        }
        Target::Attribute {
            attribute,
            filter,
            sub,
        } => (attribute, filter.as_ref(), sub.as_deref()),
    };
    // A path was resolved for this type, so the attribute exists.
    let Some(attribute) = path.attribute(resource_type) else {
        return Ok(());
    };
    let place = Place::of(path.extension, &attribute.name);
    let old = take(document, path.extension, &attribute.name);
    let new = if attribute.multi_valued {
        let elements = match old {
            Some(Value::Array(elements)) => elements,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        *steps += elements.len().saturating_mul(1 + filter.map_or(0, terms));
        if *steps > MAX_STEPS {
            return Err(ScimError::new(
                413,
                format!(
                    "{place} has {} elements, too many for this number of operations in one message. Send \
                     fewer operations, or several messages.",
                    elements.len()
                ),
            ));
        }
        let elements = Elements {
            attribute,
            place,
            elements,
        };
        let elements = elements.change(&change.action, filter, sub)?;
        (!elements.is_empty()).then_some(Value::Array(elements))
    } else {
        change_one(old, &change.action, sub)
    };
    if let Some(new) = new {
        put(document, path.extension, &attribute.name, new);
    }
    Ok(())
}

/// The new value of a single-valued attribute.
fn change_one(old: Option<Value>, action: &Action, sub: Option<&str>) -> Option<Value> {
    match (action, sub) {
        (Action::Add(value) | Action::Replace(value), None) => match (old, value) {
            (Some(Value::Object(old)), Value::Object(new)) => Some(change_object(old, new.clone())),
            _ => Some(value.clone()),
        },
        (Action::Add(value) | Action::Replace(value), Some(sub)) => {
            let old = match old {
                Some(Value::Object(old)) => old,
                _ => Map::new(),
            };
            Some(change_object(old, part(sub, value)))
        }
        (Action::Remove | Action::RemoveElements(_), None) => None,
        (Action::Remove | Action::RemoveElements(_), Some(sub)) => {
            let mut old = old?;
            old.as_object_mut()?.remove(sub);
            (old != Value::Object(Map::new())).then_some(old)
        }
    }
}

fn part(sub: &str, value: &Value) -> Map<String, Value> {
    Map::from_iter([(sub.to_owned(), value.clone())])
}

/// The sub-attributes of `new` replace those of `old`. With another `value`, the old `$ref` would point to the wrong
/// resource, so it is removed unless it is given, too.
fn change_object(mut old: Map<String, Value>, new: Map<String, Value>) -> Value {
    if new
        .get("value")
        .is_some_and(|value| old.get("value") != Some(value))
    {
        old.remove("$ref");
    }
    old.extend(new);
    Value::Object(old)
}

/// A multi-valued attribute.
struct Elements<'e> {
    attribute: &'e Attribute,
    place: Place<'e>,
    elements: Vec<Value>,
}

impl Elements<'_> {
    fn change(
        mut self,
        action: &Action,
        filter: Option<&Filter>,
        sub: Option<&str>,
    ) -> Result<Vec<Value>, ScimError> {
        match (action, filter, sub) {
            (Action::Add(value), None, None) => {
                add(self.attribute, &mut self.elements, list(value));
            }
            (Action::Replace(value), None, None) => self.elements = list(value),
            (Action::Remove, None, None) => self.elements.clear(),
            (Action::RemoveElements(removed), ..) => {
                remove(self.attribute, &mut self.elements, removed);
            }
            (Action::Remove, filter, None) => {
                self.elements.retain(|element| {
                    !filter.is_none_or(|filter| element_matches(filter, element))
                });
            }
            (Action::Remove, filter, Some(sub)) => {
                for element in &mut self.elements {
                    let is_meant = filter.is_none_or(|filter| element_matches(filter, element));
                    if let (true, Value::Object(object)) = (is_meant, element) {
                        object.remove(sub);
                    }
                }
                self.elements
                    .retain(|element| element != &Value::Object(Map::new()));
                return unite(self.attribute, self.elements, self.place);
            }
            (Action::Add(value), filter, sub) => return self.set(value, false, filter, sub),
            (Action::Replace(value), filter, sub) => return self.set(value, true, filter, sub),
        }
        Ok(self.elements)
    }

    /// Sets a sub-attribute of the matching elements, or the sub-attributes in `value`. Replaces whole elements if that
    /// is requested (RFC 7644 §3.5.2.3).
    fn set(
        mut self,
        value: &Value,
        is_replaced: bool,
        filter: Option<&Filter>,
        sub: Option<&str>,
    ) -> Result<Vec<Value>, ScimError> {
        let new = match sub {
            Some(sub) => Value::Object(part(sub, value)),
            None => value.clone(),
        };
        let mut met = Vec::new();
        for (at, element) in self.elements.iter_mut().enumerate() {
            if !filter.is_none_or(|filter| element_matches(filter, element)) {
                continue;
            }
            met.push(at);
            let changed = match is_replaced && sub.is_none() {
                // Keeps the values that the filter requires, if the client did not repeat them.
                true => completed(filter, &new).unwrap_or_else(|| new.clone()),
                false => {
                    let mut changed = element.clone();
                    merge(&mut changed, new.clone());
                    changed
                }
            };
            check_immutable(self.attribute, element, &changed, self.place)?;
            *element = changed;
        }
        let Some(first) = met.first().copied() else {
            return self.make(filter, &new, is_replaced);
        };
        if is_primary(&new) {
            match met.len() {
                1 => only_primary(&mut self.elements, first),
                _ => return Err(two_primaries(self.place)),
            }
        }
        unite(self.attribute, self.elements, self.place)
    }

    /// Adds an element that the filter matches. Some clients replace the work address of a user that has none; but to
    /// replace part of an element that is identified by its value, the element must exist (RFC 7644 §3.5.2.3).
    fn make(
        mut self,
        filter: Option<&Filter>,
        new: &Value,
        is_replaced: bool,
    ) -> Result<Vec<Value>, ScimError> {
        let no_target = || {
            ScimError::of(
                ErrorType::NoTarget,
                format!(
                    "No element of {} matches the filter of the path, and the filter does not define \
                     a new element by eq alone. Add the element first.",
                    self.place
                ),
            )
        };
        let is_named = filter
            .and_then(described)
            .is_some_and(|element| element.contains_key("value"));
        if is_replaced && is_named {
            return Err(ScimError::of(
                ErrorType::NoTarget,
                format!(
                    "{} has no element with the value that the path names. Add the element first.",
                    self.place
                ),
            ));
        }
        let made = completed(filter, new).ok_or_else(no_target)?;
        let made = check_element(self.attribute, made, self.place)?.ok_or_else(no_target)?;
        if !filter.is_none_or(|filter| element_matches(filter, &made)) {
            return Err(no_target());
        }
        add(self.attribute, &mut self.elements, vec![made]);
        Ok(self.elements)
    }
}

/// `new`, completed with the values that the filter requires; `None` if the filter does not describe an element.
fn completed(filter: Option<&Filter>, new: &Value) -> Option<Value> {
    let mut made = match filter {
        Some(filter) => Value::Object(described(filter)?),
        None => Value::Object(Map::new()),
    };
    merge(&mut made, new.clone());
    Some(made)
}

/// Elements may be added and removed; immutable sub-attributes of an existing element must not change.
fn check_immutable(
    attribute: &Attribute,
    before: &Value,
    after: &Value,
    place: Place<'_>,
) -> Result<(), ScimError> {
    for sub in &attribute.sub_attributes {
        let is_fixed = sub.mutability == Mutability::Immutable;
        let old = before.get(&*sub.name);
        if is_fixed && old.is_some() && after.get(&*sub.name) != old {
            return Err(ScimError::of(
                ErrorType::Mutability,
                format!(
                    "{} cannot be changed. Remove the element and add another one.",
                    place.part(&sub.name)
                ),
            ));
        }
    }
    Ok(())
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) => elements.clone(),
        one => vec![one.clone()],
    }
}

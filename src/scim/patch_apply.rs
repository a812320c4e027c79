//! PATCH messages applied to canonical documents (RFC 7644 §3.5.2.1 to §3.5.2.3).
//!
//! Where the RFC says that there is no target, Entra ID expects one: adding to or replacing
//! `emails[type eq "work"].value` makes the element when there is none. That is done when the filter
//! says by `eq` alone what the element has to look like; otherwise the answer is `noTarget`. Removing
//! what is not there is no mistake and no change: the resource is as the client wants it.

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

/// How much a message may ask for: elements, times the terms of the filter that they are held against,
/// of all operations together. A thousand operations on a thousand elements are far below, and what a
/// hostile client can put into one request is far above.
pub const MAX_STEPS: usize = 5_000_000;

/// Applies a message to a document of the type that it was read for; answers whether the document is
/// another one now. All operations are done, or none.
///
/// # Errors
/// An operation cannot be done to this document, which is as it was then.
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
    // A path was resolved for this type, so the attribute is there.
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
                    "{place} has {} elements, too many for all these operations in one message. Send \
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

/// What an attribute with one value has afterwards.
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

/// The sub-attributes of `new` take the place of those of `old`. Another `value` makes the old `$ref`
/// point to the wrong resource, so that one goes unless it is given too.
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

/// An attribute with many values.
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

    /// Sets one sub-attribute of the elements that match, or those that `value` has. Whole elements are
    /// replaced by it when that is asked for (RFC 7644 §3.5.2.3).
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
                // What the filter asks for stays, where the client did not repeat it.
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

    /// Adds an element that the filter matches. Some clients replace the work address of a user who has
    /// none; but whoever replaces something of an element that they name by its value looks for one that
    /// has to be there (RFC 7644 §3.5.2.3).
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
                    "No element of {} matches the filter of the path, which does not say by eq alone \
                     what a new one would be. Add the element first.",
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

/// An element that looks as the filter wants it where `new` says nothing; none: the filter does not say
/// how that is.
fn completed(filter: Option<&Filter>, new: &Value) -> Option<Value> {
    let mut made = match filter {
        Some(filter) => Value::Object(described(filter)?),
        None => Value::Object(Map::new()),
    };
    merge(&mut made, new.clone());
    Some(made)
}

/// Elements are added and removed; what is immutable in one stays while it is there.
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

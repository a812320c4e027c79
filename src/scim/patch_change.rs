//! The effect of one PATCH operation on one attribute, as far as it does not depend on the resource: whether it is
//! permitted, and with which value.

use serde_json::{Map, Value};

use crate::scim::document::Place;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter::Filter;
use crate::scim::path::AttributePath;
use crate::scim::schema::{Attribute, Mutability, ResourceType, Type};
use crate::scim::values::{check_element, check_value, names_nothing};

/// A single change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The number of its operation, starting at 0.
    pub operation: usize,
    /// What is changed.
    pub target: Target,
    /// How it is changed.
    pub action: Action,
}

/// The target of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// All attributes of the extension with this URN.
    Extension(&'static str),
    /// An attribute or part of it.
    Attribute {
        /// The attribute.
        attribute: AttributePath,
        /// The elements to change; `None` for all.
        filter: Option<Filter>,
        /// The sub-attribute; `None` for the whole attribute.
        sub: Option<String>,
    },
}

/// The action of a change. Values are checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Add the value.
    Add(Value),
    /// Replace by the value.
    Replace(Value),
    /// Remove the target.
    Remove,
    /// Remove the elements that are equal to one of these.
    RemoveElements(Vec<Value>),
}

/// The operation in the message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// `add`
    Add,
    /// `replace`
    Replace,
    /// `remove`
    Remove,
}

/// The changes that an operation on an attribute makes: none, one or several.
///
/// # Errors
/// It is not permitted for any resource.
pub fn changes(
    op: Op,
    target: Target,
    value: Option<Value>,
    resource_type: &ResourceType,
) -> Result<Vec<(Target, Action)>, ScimError> {
    let Some(aim) = Aim::of(&target, resource_type) else {
        // `schemas` is computed from the resource, so it cannot be changed.
        return match op {
            Op::Remove => Err(fixed("schemas")),
            Op::Add | Op::Replace => Ok(Vec::new()),
        };
    };
    if aim.is_set_by_server() {
        return Err(fixed(&aim.place_of_part.to_string()));
    }
    let mut removals = match (op, &value) {
        (Op::Replace, Some(Value::Object(members))) if aim.is_merged() => aim.nulls(members),
        _ => Vec::new(),
    };
    let action = match op {
        Op::Remove => aim.removal(value)?,
        Op::Add | Op::Replace => aim.setting(op, value.unwrap_or_default())?,
    };
    if let Some(action) = action {
        aim.check_mutability(&action)?;
        removals.push((target, action));
    }
    Ok(removals)
}

/// Whether only the server sets the target.
pub fn is_set_by_server(target: &Target, resource_type: &ResourceType) -> bool {
    Aim::of(target, resource_type).is_some_and(|aim| aim.is_set_by_server())
}

fn fixed(place: &str) -> ScimError {
    ScimError::of(
        ErrorType::Mutability,
        format!("{place} is set by the server only. Leave the operation out."),
    )
}

/// A target with its schema.
struct Aim<'a> {
    path: &'a AttributePath,
    attribute: &'a Attribute,
    part: Option<&'a Attribute>,
    has_filter: bool,
    place: Place<'a>,
    place_of_part: Place<'a>,
}

impl<'a> Aim<'a> {
    /// `None` for an extension, or for `schemas`, which belongs to no schema.
    fn of(target: &'a Target, resource_type: &'a ResourceType) -> Option<Self> {
        let Target::Attribute {
            attribute: path,
            filter,
            sub,
        } = target
        else {
            return None;
        };
        let attribute = path.attribute(resource_type)?;
        let part = sub.as_deref().and_then(|sub| attribute.sub_attribute(sub));
        let place = Place::of(path.extension, &attribute.name);
        Some(Aim {
            path,
            attribute,
            part,
            has_filter: filter.is_some(),
            place,
            place_of_part: part.map_or(place, |part| place.part(&part.name)),
        })
    }

    fn is_set_by_server(&self) -> bool {
        let is_fixed = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
        is_fixed(self.attribute) || self.part.is_some_and(is_fixed)
    }

    /// Whether it is an object that keeps the sub-attributes that are missing in a value.
    fn is_merged(&self) -> bool {
        !self.attribute.multi_valued && self.part.is_none() && self.attribute.kind == Type::Complex
    }

    /// In an object that replaces some sub-attributes, `null` removes a sub-attribute.
    fn nulls(&self, members: &Map<String, Value>) -> Vec<(Target, Action)> {
        let nulls = members.iter().filter(|(_, value)| value.is_null());
        nulls
            .filter_map(|(name, _)| self.attribute.sub_attribute(name))
            .filter(|part| part.mutability != Mutability::ReadOnly)
            .map(|part| {
                let target = Target::Attribute {
                    attribute: self.path.clone(),
                    filter: None,
                    sub: Some(part.name.clone().into_owned()),
                };
                (target, Action::Remove)
            })
            .collect()
    }

    fn removal(&self, value: Option<Value>) -> Result<Option<Action>, ScimError> {
        let has_elements = self.attribute.multi_valued && !self.has_filter && self.part.is_none();
        match value {
            // Entra ID names the members to remove this way.
            Some(value) if has_elements && !value.is_null() => {
                Ok(match check_value(self.attribute, value, self.place)? {
                    Some(Value::Array(elements)) => Some(Action::RemoveElements(elements)),
                    _ => None,
                })
            }
            _ => Ok(Some(Action::Remove)),
        }
    }

    fn setting(&self, op: Op, value: Value) -> Result<Option<Action>, ScimError> {
        let is_empty = match &value {
            Value::Null => true,
            Value::Array(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty() && !self.is_merged(),
            _ => false,
        };
        let checked = match self.part {
            Some(part) => check_value(part, value, self.place_of_part)?,
            None if self.has_filter => check_element(self.attribute, only(value), self.place)?,
            None => check_value(self.attribute, value, self.place)?,
        };
        Ok(match (op, checked) {
            (Op::Add, Some(value)) => Some(Action::Add(value)),
            // Elements without a valid reference do not replace the existing members.
            (_, Some(value))
                if !is_empty && self.part.is_none() && names_nothing(self.attribute, &value) =>
            {
                Some(Action::Add(value))
            }
            (_, Some(value)) if is_empty && names_nothing(self.attribute, &value) => {
                Some(Action::Remove)
            }
            (_, Some(value)) => Some(Action::Replace(value)),
            // Setting an empty value is a removal. A value with only unknown attributes has no effect; for example,
            // it must not empty a group.
            (Op::Replace, None) if is_empty => Some(Action::Remove),
            (_, None) => None,
        })
    }

    fn check_mutability(&self, action: &Action) -> Result<(), ScimError> {
        let meant = self.part.unwrap_or(self.attribute);
        if matches!(action, Action::Remove) && meant.required && !self.has_filter {
            return Err(ScimError::of(
                ErrorType::Mutability,
                format!(
                    "{} is required and cannot be removed. Replace it.",
                    self.place_of_part
                ),
            ));
        }
        let is_fixed = |part: &Attribute| part.mutability == Mutability::Immutable;
        if self.attribute.multi_valued && self.part.is_some_and(is_fixed) {
            return Err(ScimError::of(
                ErrorType::Mutability,
                format!(
                    "{} cannot be changed. Remove the element and add another one.",
                    self.place_of_part
                ),
            ));
        }
        Ok(())
    }
}

/// The element of an array that has exactly one, for paths that lead to elements.
fn only(value: Value) -> Value {
    match value {
        Value::Array(mut elements) if elements.len() == 1 => elements.pop().unwrap_or_default(),
        other => other,
    }
}

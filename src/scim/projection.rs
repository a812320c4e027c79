//! Selects the attributes of a response (RFC 7644 §3.9): `attributes` and `excludedAttributes`.
//!
//! Attributes that are always returned (RFC 7643 §7) and `schemas` are kept; those that are never returned are
//! removed. Names of attributes that do not exist are ignored, because clients send the same list to different
//! kinds of servers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::scim::error::ScimError;
use crate::scim::path::{AttributePath, SCHEMAS};
use crate::scim::schema::{Attribute, ResourceType, Returned};

/// The attributes of a resource to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection<'t> {
    resource_type: &'t ResourceType,
    choice: Choice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    /// The defaults of the schemas.
    Default,
    /// Only these.
    Only(Names),
    /// All but these.
    Without(Names),
}

/// Attributes by the URN of their extension.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Names(BTreeMap<Option<&'static str>, Extent>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Extent {
    /// All attributes of the extension.
    Whole,
    /// Some attributes; an attribute without a list of sub-attributes is complete.
    Some(BTreeMap<String, BTreeSet<String>>),
}

impl<'t> Projection<'t> {
    /// The default attributes of this type.
    pub fn default_of(resource_type: &'t ResourceType) -> Self {
        Projection {
            resource_type,
            choice: Choice::Default,
        }
    }

    /// Parses the two query parameters, each a list with commas; a blank one counts as missing.
    ///
    /// # Errors
    /// `invalidValue`: both are given, which RFC 7644 §3.9 forbids.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &'t ResourceType,
    ) -> Result<Self, ScimError> {
        let names = |list: Option<&'_ str>| -> Vec<String> {
            list.unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect()
        };
        Projection::of(&names(attributes), &names(excluded), resource_type)
    }

    /// The projection for the lists of a search request (RFC 7644 §3.4.3).
    ///
    /// # Errors
    /// Same as [`parse`](Self::parse).
    pub fn of(
        attributes: &[String],
        excluded: &[String],
        resource_type: &'t ResourceType,
    ) -> Result<Self, ScimError> {
        let is_given = |names: &[String]| names.iter().any(|name| !name.trim().is_empty());
        let choice = match (is_given(attributes), is_given(excluded)) {
            (true, true) => {
                return Err(ScimError::value(
                    "attributes and excludedAttributes exclude each other; send only one of them.",
                ));
            }
            (true, false) => Choice::Only(Names::of(attributes, resource_type)),
            (false, true) => Choice::Without(Names::of(excluded, resource_type)),
            (false, false) => Choice::Default,
        };
        Ok(Projection {
            resource_type,
            choice,
        })
    }

    /// Whether any part of the core attribute `name`, in the schema's spelling, may be returned. Otherwise it need
    /// not be read.
    pub fn shows(&self, name: &str) -> bool {
        let Some(attribute) = self.resource_type.attribute(name) else {
            return false;
        };
        self.of_attribute(None, attribute) != Part::Nothing
    }

    /// Removes everything from a document that is not to be returned.
    pub fn apply(&self, document: &mut Map<String, Value>) {
        document.retain(|name, value| {
            if name == SCHEMAS {
                return true;
            }
            let Some(schema) = self.resource_type.extension(name) else {
                let attribute = self.resource_type.attribute(name);
                return attribute
                    .is_some_and(|attribute| self.of_attribute(None, attribute).leave(value));
            };
            let Value::Object(members) = value else {
                return false;
            };
            members.retain(|name, value| {
                let attribute = schema.attribute(name);
                attribute.is_some_and(|attribute| {
                    self.of_attribute(Some(schema.id), attribute).leave(value)
                })
            });
            !members.is_empty()
        });
    }

    /// The part of an attribute that is returned.
    fn of_attribute<'s>(
        &'s self,
        extension: Option<&'static str>,
        attribute: &'s Attribute,
    ) -> Part<'s> {
        match attribute.returned {
            Returned::Always => return Part::All(attribute),
            Returned::Never => return Part::Nothing,
            Returned::Default | Returned::Request => {}
        }
        let by_default = attribute.returned == Returned::Default;
        match &self.choice {
            Choice::Default if by_default => Part::All(attribute),
            Choice::Default => Part::Nothing,
            Choice::Only(names) => match names.find(extension, &attribute.name) {
                Found::Nothing => Part::Nothing,
                Found::Whole => Part::All(attribute),
                Found::Subs(subs) => Part::Only(attribute, subs),
            },
            Choice::Without(_) if !by_default => Part::Nothing,
            Choice::Without(names) => match names.find(extension, &attribute.name) {
                Found::Nothing => Part::All(attribute),
                Found::Whole => Part::Nothing,
                Found::Subs(subs) => Part::Without(attribute, subs),
            },
        }
    }
}

impl Names {
    fn of(list: &[String], resource_type: &ResourceType) -> Self {
        let mut names = Names::default();
        for name in list {
            let name = name.trim();
            if let Some(schema) = resource_type.extension(name) {
                names.0.insert(Some(schema.id), Extent::Whole);
            } else if let Ok(path) = AttributePath::parse(name, resource_type) {
                names.add(path);
            }
        }
        names
    }

    fn add(&mut self, path: AttributePath) {
        let extent = self
            .0
            .entry(path.extension)
            .or_insert_with(|| Extent::Some(BTreeMap::new()));
        let Extent::Some(attributes) = extent else {
            return;
        };
        let known = attributes.contains_key(&path.name);
        let subs = attributes.entry(path.name).or_default();
        match path.sub {
            // An attribute that is already complete stays complete.
            Some(sub) if !known || !subs.is_empty() => {
                subs.insert(sub);
            }
            Some(_) => {}
            None => subs.clear(),
        }
    }

    fn find(&self, extension: Option<&'static str>, name: &str) -> Found<'_> {
        match self.0.get(&extension) {
            None => Found::Nothing,
            Some(Extent::Whole) => Found::Whole,
            Some(Extent::Some(attributes)) => match attributes.get(name) {
                None => Found::Nothing,
                Some(subs) if subs.is_empty() => Found::Whole,
                Some(subs) => Found::Subs(subs),
            },
        }
    }
}

/// The entry of a list for an attribute.
enum Found<'n> {
    Nothing,
    Whole,
    Subs(&'n BTreeSet<String>),
}

/// The part of an attribute that is returned.
#[derive(PartialEq)]
enum Part<'p> {
    Nothing,
    All(&'p Attribute),
    Only(&'p Attribute, &'p BTreeSet<String>),
    Without(&'p Attribute, &'p BTreeSet<String>),
}

impl Part<'_> {
    /// Removes everything else from `value`; returns false if nothing is left.
    fn leave(&self, value: &mut Value) -> bool {
        match value {
            _ if *self == Part::Nothing => false,
            Value::Array(elements) => {
                elements.retain_mut(|element| self.leave(element));
                !elements.is_empty() || matches!(self, Part::All(_))
            }
            Value::Object(members) => {
                members.retain(|name, _| self.has(name));
                !members.is_empty() || matches!(self, Part::All(_))
            }
            _ => true,
        }
    }

    fn has(&self, sub: &str) -> bool {
        let (Part::All(attribute) | Part::Only(attribute, _) | Part::Without(attribute, _)) = self
        else {
            return false;
        };
        let returned = attribute.sub_attribute(sub).map(|found| found.returned);
        match (returned, self) {
            (Some(Returned::Always), _) => true,
            (Some(Returned::Never) | None, _) => false,
            (Some(_), Part::Only(_, subs)) => subs.contains(sub),
            (Some(Returned::Request), _) => false,
            (Some(Returned::Default), Part::Without(_, subs)) => !subs.contains(sub),
            (Some(Returned::Default), _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    fn project(attributes: Option<&str>, excluded: Option<&str>) -> Vec<String> {
        let user = Schemas::new(["gender"]).user;
        let mut document = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "id": "7",
            "userName": "kim",
            "password": "secret",
            "name": {"familyName": "K", "givenName": "Kim"},
            "emails": [{"value": "a@x", "type": "work"}, {"type": "home"}],
            "groups": [],
            "meta": {"created": "2026-01-01T00:00:00Z"},
            ENTERPRISE: {"department": "Sales", "manager": {"value": "8", "displayName": "Lee"}},
        });
        let projection = Projection::parse(attributes, excluded, &user).unwrap();
        let members = document.as_object_mut().unwrap();
        projection.apply(members);
        assert!(members.remove("schemas").is_some());
        assert_eq!(members.remove("id"), Some(json!("7")));
        members
            .iter()
            .map(|(name, value)| format!("{} {value}", name.rsplit(':').nth(1).unwrap_or(name)))
            .collect()
    }

    #[test]
    fn attributes_adds_to_what_is_always_returned() {
        let only = |list: &str| project(Some(list), None);
        assert_eq!(only("userName"), ["userName \"kim\""]);
        assert_eq!(
            only(" USERNAME ,nosuch,name.familyname"),
            ["name {\"familyName\":\"K\"}", "userName \"kim\""]
        );
        assert_eq!(
            only("name.familyName,name,name.givenName"),
            ["name {\"familyName\":\"K\",\"givenName\":\"Kim\"}"]
        );
        assert_eq!(only("emails.value"), ["emails [{\"value\":\"a@x\"}]"]);
        assert_eq!(only("groups"), ["groups []"]);
        assert_eq!(only("nosuch"), Vec::<String>::new());
        assert_eq!(only("password,id"), Vec::<String>::new());
        assert_eq!(
            only(&format!("{ENTERPRISE}:manager.value")),
            ["2.0 {\"manager\":{\"value\":\"8\"}}"]
        );
        assert_eq!(
            only(&format!("{ENTERPRISE}:manager.value,{ENTERPRISE}")),
            [
                "2.0 {\"department\":\"Sales\",\"manager\":{\"displayName\":\"Lee\",\"value\":\"8\"}}"
            ]
        );
        assert_eq!(
            only("urn:ietf:params:scim:schemas:core:2.0:User:userName"),
            ["userName \"kim\""]
        );
    }

    #[test]
    fn excluded_attributes_are_not_returned() {
        let without = |list: &str| project(None, Some(list));
        assert_eq!(
            without(&format!(
                "id,schemas,meta,emails,groups,nosuch,{ENTERPRISE}"
            )),
            [
                "name {\"familyName\":\"K\",\"givenName\":\"Kim\"}",
                "userName \"kim\""
            ]
        );
        assert_eq!(
            without(&format!(
                "meta.created,emails.type,groups,name.givenName,{ENTERPRISE}:manager"
            )),
            [
                "emails [{\"value\":\"a@x\"}]",
                "name {\"familyName\":\"K\"}",
                "2.0 {\"department\":\"Sales\"}",
                "userName \"kim\"",
            ]
        );
    }

    #[test]
    fn all_attributes_but_secrets_are_returned_by_default() {
        for (attributes, excluded) in [(None, None), (Some(""), Some(" , "))] {
            let shown = project(attributes, excluded);
            assert_eq!(shown.len(), 6, "{shown:?}");
            assert!(!shown.concat().contains("secret"));
        }
    }

    #[test]
    fn lists_exclude_each_other() {
        let user = Schemas::new([]).user;
        assert_eq!(
            Projection::parse(Some("id"), Some("name"), &user),
            Err(ScimError::value(
                "attributes and excludedAttributes exclude each other; send only one of them."
            ))
        );
    }

    #[test]
    fn attribute_that_is_not_returned_need_not_be_read() {
        let group = Schemas::new([]).group;
        let shows = |attributes, excluded| {
            Projection::parse(attributes, excluded, &group)
                .unwrap()
                .shows("members")
        };
        assert!(shows(None, None));
        assert!(shows(Some("members.value"), None));
        assert!(shows(None, Some("members.display")));
        assert!(!shows(Some("displayName"), None));
        assert!(!shows(None, Some("members")));
        assert!(Projection::default_of(&group).shows("members"));
    }
}

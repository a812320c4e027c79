//! Canonical documents: a resource as an object with the schemas' spelling of names.
//!
//! Core attributes are at the top level, those of an extension in an object under its URN. Attributes without a value
//! are absent: there is no `null`, no empty array, no empty object. `schemas` is absent, too, because it is computed
//! when the resource is written.

use std::fmt;

use serde_json::{Map, Value};

use crate::scim::schema::{Attribute, ResourceType, Schema};

/// A resource, by attribute name.
pub type Document = Map<String, Value>;

/// The value of an attribute.
pub fn get<'d>(document: &'d Document, extension: Option<&str>, name: &str) -> Option<&'d Value> {
    match extension {
        None => document.get(name),
        Some(urn) => document.get(urn)?.as_object()?.get(name),
    }
}

/// Removes an attribute and returns its value.
pub fn take(document: &mut Document, extension: Option<&str>, name: &str) -> Option<Value> {
    let Some(urn) = extension else {
        return document.remove(name);
    };
    let inner = document.get_mut(urn)?.as_object_mut()?;
    let value = inner.remove(name);
    if inner.is_empty() {
        document.remove(urn);
    }
    value
}

/// Sets the value of an attribute.
pub fn put(document: &mut Document, extension: Option<&str>, name: &str, value: Value) {
    let Some(urn) = extension else {
        document.insert(name.to_owned(), value);
        return;
    };
    let inner = document
        .entry(urn)
        .or_insert_with(|| Value::Object(Map::new()));
    match inner {
        Value::Object(inner) => {
            inner.insert(name.to_owned(), value);
        }
        other => *other = Value::Object(Map::from_iter([(name.to_owned(), value)])),
    }
}

/// What a member name of a document refers to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Named<'t> {
    /// An attribute, of the extension with this URN or of the core schema.
    Attribute(Option<&'static str>, &'t Attribute),
    /// An extension: the object with its attributes.
    Extension(&'t Schema),
}

/// Looks up a name, without case: `userName`, the URN of an extension, or the URN of a schema, a colon and an
/// attribute (RFC 7644 §3.10), which some clients use in whole documents.
pub fn named<'t>(name: &str, resource_type: &'t ResourceType) -> Option<Named<'t>> {
    if let Some(attribute) = resource_type.attribute(name) {
        return Some(Named::Attribute(None, attribute));
    }
    if let Some(schema) = resource_type.extension(name) {
        return Some(Named::Extension(schema));
    }
    if let Some(name) = after_urn(name, resource_type.schema.id) {
        let attribute = resource_type.schema.attribute(name)?;
        return Some(Named::Attribute(None, attribute));
    }
    resource_type.extensions.iter().find_map(|schema| {
        let name = schema.urns().find_map(|urn| after_urn(name, urn))?;
        let attribute = schema.attribute(name)?;
        Some(Named::Attribute(Some(schema.id), attribute))
    })
}

fn after_urn<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    let (prefix, rest) = name.split_at_checked(urn.len())?;
    match prefix.eq_ignore_ascii_case(urn) {
        true => rest.strip_prefix(':'),
        false => None,
    }
}

/// Every attribute of a resource type, with the URN of its extension.
pub fn attributes(
    resource_type: &ResourceType,
) -> impl Iterator<Item = (Option<&'static str>, &Attribute)> {
    let core = resource_type.schema.attributes.iter();
    let core = core.chain(&resource_type.common);
    let extensions = resource_type.extensions.iter().flat_map(|schema| {
        let attributes = schema.attributes.iter();
        attributes.map(|attribute| (Some(schema.id), attribute))
    });
    core.map(|attribute| (None, attribute)).chain(extensions)
}

/// The location of a value in a document, as it is shown in messages: `emails[0].value`.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    extension: Option<&'p str>,
    name: &'p str,
    element: Option<usize>,
    sub: Option<&'p str>,
}

impl<'p> Place<'p> {
    /// An attribute.
    pub fn of(extension: Option<&'p str>, name: &'p str) -> Self {
        Place {
            extension,
            name,
            element: None,
            sub: None,
        }
    }

    /// Whether it is in the extension with this URN.
    pub fn is_of(self, urn: &str) -> bool {
        self.extension == Some(urn)
    }

    /// The location of an element; `number` starts at 0.
    pub fn element(self, number: usize) -> Self {
        Place {
            element: Some(number),
            ..self
        }
    }

    /// The location of a sub-attribute.
    pub fn part(self, name: &'p str) -> Self {
        Place {
            sub: Some(name),
            ..self
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(self.name)?;
        if let Some(number) = self.element {
            write!(f, "[{number}]")?;
        }
        match self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    #[test]
    fn values_are_set_and_removed_in_the_object_of_their_schema() {
        let mut document = Document::new();
        put(&mut document, None, "userName", json!("kim"));
        put(&mut document, Some(ENTERPRISE), "department", json!("IT"));
        assert_eq!(
            json!(document),
            json!({"userName": "kim", ENTERPRISE: {"department": "IT"}})
        );
        let department = get(&document, Some(ENTERPRISE), "department");
        assert_eq!(department, Some(&json!("IT")));
        assert_eq!(
            take(&mut document, Some(ENTERPRISE), "department"),
            Some(json!("IT"))
        );
        assert_eq!(take(&mut document, Some(ENTERPRISE), "department"), None);
        assert_eq!(json!(document), json!({"userName": "kim"}));
    }

    #[test]
    fn names_are_looked_up_with_and_without_urn() {
        let schemas = Schemas::new(["http://example.org/claims/shoe"]);
        let found = |name: &str| match named(name, &schemas.user) {
            Some(Named::Attribute(extension, attribute)) => {
                Place::of(extension, &attribute.name).to_string()
            }
            Some(Named::Extension(schema)) => schema.id.to_owned(),
            None => String::new(),
        };
        let enterprise = ENTERPRISE.to_uppercase();
        assert_eq!(found("username"), "userName");
        assert_eq!(
            found("urn:ietf:params:scim:schemas:core:2.0:user:USERNAME"),
            "userName"
        );
        assert_eq!(found(&enterprise), ENTERPRISE);
        assert_eq!(
            found(&format!("{enterprise}:Department")),
            format!("{ENTERPRISE}:department")
        );
        let claim = "urn:scim:schemas:extension:custom:User:http://example.org/claims/shoe";
        assert_eq!(found(claim), claim);
        for nothing in ["", "é", "userName ", "name.givenName", "department", "urn:"] {
            assert_eq!(found(nothing), "", "{nothing}");
        }
        assert_eq!(found(&format!("{ENTERPRISE}:shoe")), "");
    }

    #[test]
    fn locations_are_written_as_paths() {
        let place = Place::of(None, "emails").element(2).part("value");
        assert_eq!(place.to_string(), "emails[2].value");
        let place = Place::of(Some("urn:a"), "manager").part("value");
        assert_eq!(place.to_string(), "urn:a:manager.value");
    }
}

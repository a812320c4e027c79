//! Attribute paths (RFC 7644 §3.10): `[URN:]name[.sub]`, resolved against the schemas.

use std::fmt;
use std::slice;

use serde_json::{Map, Value};

use crate::scim::schema::{Attribute, ENTERPRISE, ResourceType, Type};

/// The attribute that lists a resource's schemas (RFC 7643 §3); it belongs to no schema.
pub const SCHEMAS: &str = "schemas";

/// Maximum length of an unknown name in a message, in characters.
const SHOWN: usize = 60;

/// A path to an attribute of a resource type, in the schema's spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// URN of the extension; `None` for the core schema and the common attributes.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub name: String,
    /// The sub-attribute, if there is one.
    pub sub: Option<String>,
    /// The type of the values.
    pub kind: Type,
    /// Whether text is compared case-sensitively.
    pub case_exact: bool,
    /// Whether the attribute (not the sub-attribute) is multi-valued.
    pub multi_valued: bool,
}

impl AttributePath {
    /// Resolves `text` for resources of this type. The URN of the core schema is optional, the URN of an extension
    /// is required.
    ///
    /// # Errors
    /// A message: it is malformed, or the attribute does not exist.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, String> {
        let (extension, rest) = split_urn(text, resource_type)?;
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        for name in [Some(name), sub].into_iter().flatten() {
            if !is_name(name) {
                return Err(format!(
                    "{} is not an attribute path; write name, name.sub or URN:name.sub",
                    shown(text)
                ));
            }
        }
        if extension.is_none() && name.eq_ignore_ascii_case(SCHEMAS) {
            return match sub {
                None => Ok(schemas()),
                Some(_) => Err(format!("{SCHEMAS} has no sub-attributes")),
            };
        }
        let attribute = match extension {
            Some(urn) => resource_type
                .extension(urn)
                .and_then(|schema| schema.attribute(name)),
            None => resource_type.attribute(name),
        };
        let attribute = attribute.ok_or_else(|| {
            let of = extension.unwrap_or(resource_type.schema.id);
            format!("there is no attribute {} in {of}", shown(name))
        })?;
        let path = AttributePath::of(extension, attribute);
        match sub {
            Some(sub) => path.with_sub(attribute, sub),
            None => Ok(path),
        }
    }

    /// The same for filters, where an attribute of the enterprise extension that the core schema does not have may
    /// be used without its URN: clients send `manager eq "…"`.
    ///
    /// # Errors
    /// Same as [`AttributePath::parse`].
    pub fn parse_bare(text: &str, resource_type: &ResourceType) -> Result<Self, String> {
        AttributePath::parse(text, resource_type).or_else(|refused| {
            let bare = !text.contains(':') && resource_type.extension(ENTERPRISE).is_some();
            match bare {
                true => AttributePath::parse(&format!("{ENTERPRISE}:{text}"), resource_type)
                    .map_err(|_| refused),
                false => Err(refused),
            }
        })
    }

    /// The path to `attribute`, of the extension with this URN or of the core schema.
    pub fn of(extension: Option<&'static str>, attribute: &Attribute) -> Self {
        AttributePath {
            extension,
            name: attribute.name.clone().into_owned(),
            sub: None,
            kind: attribute.kind,
            case_exact: attribute.case_exact,
            multi_valued: attribute.multi_valued,
        }
    }

    /// The path to the sub-attribute `sub` of this path.
    ///
    /// # Errors
    /// A message: it does not exist, or the path is that of a sub-attribute.
    pub fn child(&self, sub: &str, resource_type: &ResourceType) -> Result<Self, String> {
        match self.attribute(resource_type) {
            Some(attribute) if self.sub.is_none() => self.clone().with_sub(attribute, sub),
            _ => Err(format!("{self} has no sub-attributes")),
        }
    }

    /// The schema's definition of the attribute, not the sub-attribute; `None` for `schemas`.
    pub fn attribute<'t>(&self, resource_type: &'t ResourceType) -> Option<&'t Attribute> {
        match self.extension {
            Some(urn) => resource_type.extension(urn)?.attribute(&self.name),
            None => resource_type.attribute(&self.name),
        }
    }

    /// The schema's definition of the sub-attribute or attribute; `None` for `schemas`.
    pub fn target<'t>(&self, resource_type: &'t ResourceType) -> Option<&'t Attribute> {
        let attribute = self.attribute(resource_type)?;
        match &self.sub {
            Some(sub) => attribute.sub_attribute(sub),
            None => Some(attribute),
        }
    }

    /// The path without its sub-attribute.
    #[must_use]
    pub fn parent(&self, resource_type: &ResourceType) -> Self {
        match self.attribute(resource_type) {
            Some(attribute) => AttributePath::of(self.extension, attribute),
            None => self.clone(),
        }
    }

    /// The path whose values are compared for this one: `value` of a complex attribute that has one (RFC 7644
    /// §3.4.2.2 requires it for multi-valued ones, and clients send `manager eq "…"`), otherwise the path itself.
    #[must_use]
    pub fn compared(self, resource_type: &ResourceType) -> Self {
        if self.kind == Type::Complex
            && let Ok(value) = self.child("value", resource_type)
        {
            return value;
        }
        self
    }

    /// The values in a document with the schemas' spelling of names: without nulls, and with the elements of arrays
    /// one by one.
    pub fn values<'d>(&self, document: &'d Map<String, Value>) -> Vec<&'d Value> {
        let top = self.top(document);
        match &self.sub {
            None => top.collect(),
            Some(sub) => top
                .filter_map(|element| element.get(sub))
                .flat_map(elements)
                .collect(),
        }
    }

    /// The values of the attribute, ignoring the sub-attribute.
    pub fn top<'d>(
        &self,
        document: &'d Map<String, Value>,
    ) -> impl Iterator<Item = &'d Value> + use<'d> {
        let holder = match self.extension {
            Some(urn) => document.get(urn).and_then(Value::as_object),
            None => Some(document),
        };
        holder
            .and_then(|holder| holder.get(&self.name))
            .into_iter()
            .flat_map(elements)
    }

    fn with_sub(self, attribute: &Attribute, sub: &str) -> Result<Self, String> {
        let Some(found) = attribute.sub_attribute(sub) else {
            return Err(if attribute.sub_attributes.is_empty() {
                format!("{self} has no sub-attributes")
            } else {
                format!("there is no sub-attribute {} of {self}", shown(sub))
            });
        };
        Ok(AttributePath {
            sub: Some(found.name.clone().into_owned()),
            kind: found.kind,
            case_exact: found.case_exact,
            ..self
        })
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// Splits a path into its extension and the text after its URN, or after that of the core schema.
///
/// # Errors
/// A message: it begins with another URN.
pub(super) fn split_urn<'t>(
    text: &'t str,
    resource_type: &ResourceType,
) -> Result<(Option<&'static str>, &'t str), String> {
    if !text.contains(':') {
        return Ok((None, text));
    }
    let after = |urn: &str| -> Option<&'t str> {
        let (front, rest) = text.split_at_checked(urn.len())?;
        front
            .eq_ignore_ascii_case(urn)
            .then_some(rest)?
            .strip_prefix(':')
    };
    if let Some(rest) = after(resource_type.schema.id) {
        return Ok((None, rest));
    }
    resource_type
        .extensions
        .iter()
        .find_map(|schema| Some((Some(schema.id), schema.urns().find_map(after)?)))
        .ok_or_else(|| {
            format!(
                "{} does not begin with the URN of a schema of {}, or nothing follows it",
                shown(text),
                resource_type.name
            )
        })
}

/// The beginning of a caller's text, in quotation marks.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// Whether `text` is an attribute name (RFC 7643 §2.1), or `$ref`.
fn is_name(text: &str) -> bool {
    let letters = text.strip_prefix('$').unwrap_or(text);
    letters.starts_with(|first: char| first.is_ascii_alphabetic())
        && letters
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn schemas() -> AttributePath {
    AttributePath {
        extension: None,
        name: SCHEMAS.to_owned(),
        sub: None,
        kind: Type::Reference,
        case_exact: true,
        multi_valued: true,
    }
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    let all = match value {
        Value::Array(elements) => elements.as_slice(),
        single => slice::from_ref(single),
    };
    all.iter().filter(|element| !element.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    fn path(text: &str) -> Result<AttributePath, String> {
        AttributePath::parse(text, &Schemas::new(["gender"]).user)
    }

    #[test]
    fn names_are_found_in_any_case_and_get_the_spelling_of_the_schema() {
        for (text, shown) in [
            ("USERNAME", "userName"),
            ("Name.FAMILYNAME", "name.familyName"),
            ("emails", "emails"),
            ("emails.Value", "emails.value"),
            ("groups.$REF", "groups.$ref"),
            ("SCHEMAS", "schemas"),
            ("meta.lastmodified", "meta.lastModified"),
            (
                "URN:ietf:params:scim:schemas:core:2.0:user:name.givenName",
                "name.givenName",
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:MANAGER.value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            ),
            (
                "urn:scim:schemas:extension:custom:user:Gender",
                "urn:scim:schemas:extension:custom:User:gender",
            ),
        ] {
            assert_eq!(path(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn unknown_attribute_is_refused() {
        for (text, sentence) in [
            (
                "",
                "\"\" is not an attribute path; write name, name.sub or URN:name.sub",
            ),
            (
                "name.familyName.x",
                "\"name.familyName.x\" is not an attribute path; write name, name.sub or URN:name.sub",
            ),
            (
                "nickname2",
                "there is no attribute \"nickname2\" in urn:ietf:params:scim:schemas:core:2.0:User",
            ),
            (
                "department",
                "there is no attribute \"department\" in urn:ietf:params:scim:schemas:core:2.0:User",
            ),
            ("userName.value", "userName has no sub-attributes"),
            ("schemas.value", "schemas has no sub-attributes"),
            (
                "emails.street",
                "there is no sub-attribute \"street\" of emails",
            ),
            (
                "urn:x:y",
                "\"urn:x:y\" does not begin with the URN of a schema of User, or nothing follows it",
            ),
            (
                ENTERPRISE,
                "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\" does not begin with the \
                 URN of a schema of User, or nothing follows it",
            ),
        ] {
            assert_eq!(path(text), Err(sentence.to_owned()));
        }
        let long = path(&"x".repeat(9000)).unwrap_err();
        assert!(long.len() < 200, "{long}");
        assert!(path("é:userName").is_err());
    }

    #[test]
    fn values_are_found_in_a_document() {
        let document = json!({
            "userName": "kim",
            "nickName": null,
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"department": "Sales", "manager": {"value": "7"}},
        });
        let values = |text: &str| {
            let found = path(text).unwrap();
            json!(found.values(document.as_object().unwrap()))
        };
        assert_eq!(values("userName"), json!(["kim"]));
        assert_eq!(values("nickName"), json!([]));
        assert_eq!(values("emails.value"), json!(["a@x", "b@x"]));
        assert_eq!(values("emails.type"), json!(["work"]));
        assert_eq!(values("name.familyName"), json!([]));
        assert_eq!(values(&format!("{ENTERPRISE}:manager.value")), json!(["7"]));
        assert_eq!(values(&format!("{ENTERPRISE}:division")), json!([]));
    }
}

//! The path to an attribute (RFC 7644 §3.10): `[URN:]name[.sub]`, resolved against the schemas.

use crate::users::scim::schema::{ResourceType, Type};

/// A path that leads to an attribute of a resource type; names are spelled as the schema spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// URN of the extension; none: the core schema or what every resource has.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub name: String,
    /// The sub-attribute, where one is named.
    pub sub: Option<String>,
    /// What values are there.
    pub kind: Type,
    /// Whether text there is compared with regard to case.
    pub case_exact: bool,
    /// Whether the attribute (not the sub-attribute) has many values.
    pub multi_valued: bool,
}

impl AttributePath {
    /// Resolves `text` for resources of this type.
    ///
    /// # Errors
    /// A sentence: it is no path, or leads nowhere.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, String> {
        let _ = (text, resource_type);
        Err(String::new())
    }
}

//! Paths of PATCH operations (RFC 7644 §3.5.2 figure 7): an attribute, some of its elements, a sub-attribute, or a
//! whole extension.

use std::fmt;

use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter::Filter;
use crate::scim::filter_parser::{Parser, Quotes};
use crate::scim::filter_tokens::Token;
use crate::scim::path::AttributePath;
use crate::scim::schema::ResourceType;

/// The target of a PATCH operation.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one per operation, and it is rarely moved"
)]
pub enum PatchPath {
    /// All attributes of the extension with this URN.
    Extension(&'static str),
    /// An attribute or part of it.
    Attribute {
        /// The attribute, without a sub-attribute.
        attribute: AttributePath,
        /// The elements that are selected; `None` for all. Paths in the filter are complete (`emails.type`).
        filter: Option<Filter>,
        /// The path to the sub-attribute, if there is one: `emails.value`.
        sub: Option<AttributePath>,
    },
}

impl PatchPath {
    /// Parses a path for resources of this type.
    ///
    /// # Errors
    /// `invalidPath`: it is malformed, or refers to something that does not exist.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        PatchPath::parse_with(text, resource_type, Quotes::Required)
    }

    /// The same, with optional quotation marks around text in brackets.
    ///
    /// # Errors
    /// Same as [`PatchPath::parse`].
    pub fn parse_with(
        text: &str,
        resource_type: &ResourceType,
        quotes: Quotes,
    ) -> Result<Self, ScimError> {
        if let Some(schema) = resource_type.extension(text) {
            return Ok(PatchPath::Extension(schema.id));
        }
        let mut parser = Parser::new(text, resource_type, ErrorType::InvalidPath, quotes)?;
        let first = parser.advance()?;
        let Token::Word(word) = first.token else {
            return Err(parser.fail(first.at, "expected an attribute"));
        };
        let path = AttributePath::parse(word, resource_type)
            .map_err(|sentence| parser.fail(first.at, &sentence))?;
        let attribute = path.parent(resource_type);
        let mut sub = path.sub.is_some().then(|| path.clone());
        let mut filter = None;
        if parser.peek().token == Token::OpenBracket && !parser.peek().spaced {
            filter = Some(parser.element(&path)?);
            let following = parser.peek().clone();
            if let (Token::Word(word), false) = (&following.token, following.spaced) {
                let name = word
                    .strip_prefix('.')
                    .ok_or_else(|| parser.fail(following.at, EXPECTED_SUB))?;
                let found = attribute.child(name, resource_type);
                sub = Some(found.map_err(|sentence| parser.fail(following.at, &sentence))?);
                parser.advance()?;
            }
        }
        let end = parser.peek();
        if end.token != Token::End {
            return Err(parser.fail(end.at, "expected the end"));
        }
        Ok(PatchPath::Attribute {
            attribute,
            filter,
            sub,
        })
    }
}

const EXPECTED_SUB: &str = "expected a point and a sub-attribute, or the end";

/// SCIM syntax, with canonical names.
impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchPath::Extension(urn) => f.write_str(urn),
            PatchPath::Attribute {
                attribute,
                filter,
                sub,
            } => {
                write!(f, "{attribute}")?;
                if let Some(filter) = filter {
                    filter.in_brackets(f)?;
                }
                match sub.as_ref().and_then(|path| path.sub.as_ref()) {
                    Some(sub) => write!(f, ".{sub}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::{ENTERPRISE, Schemas};

    fn read(text: &str) -> Result<String, String> {
        let schemas = Schemas::new([]);
        let resource_type = match text.starts_with("members") {
            true => &schemas.group,
            false => &schemas.user,
        };
        match PatchPath::parse(text, resource_type) {
            Ok(path) => {
                let written = path.to_string();
                assert_eq!(PatchPath::parse(&written, resource_type), Ok(path));
                Ok(written)
            }
            Err(error) => {
                assert_eq!(error.status, 400);
                assert_eq!(error.scim_type, Some(ErrorType::InvalidPath));
                Err(error.detail)
            }
        }
    }

    #[test]
    fn examples_of_the_rfc_are_parsed() {
        for text in [
            "members",
            "name.familyName",
            "password",
            "addresses[type eq \"work\"]",
            "members[value eq \"2819c223-7f76-453a-919d-413861904646\"]",
            "members[value eq \"2819c223\"].display",
            "emails[type eq \"work\" and (primary eq true or not (value pr))].value",
            "emails.value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            ENTERPRISE,
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(
            read("EMAILS[Type Eq \"work\"].VALUE").as_deref(),
            Ok("emails[type eq \"work\"].value")
        );
        assert_eq!(read(&ENTERPRISE.to_uppercase()).as_deref(), Ok(ENTERPRISE));
    }

    #[test]
    fn parts_of_a_path_are_resolved() {
        let user = Schemas::new([]).user;
        let path = |text| AttributePath::parse(text, &user).unwrap();
        assert_eq!(
            PatchPath::parse("emails[type eq \"work\"].value", &user),
            Ok(PatchPath::Attribute {
                attribute: path("emails"),
                filter: Some(Filter::parse("emails.type eq \"work\"", &user).unwrap()),
                sub: Some(path("emails.value")),
            })
        );
        assert_eq!(
            PatchPath::parse("name.givenName", &user),
            Ok(PatchPath::Attribute {
                attribute: path("name"),
                filter: None,
                sub: Some(path("name.givenName")),
            })
        );
    }

    #[test]
    fn malformed_path_is_refused_with_its_position() {
        for (text, sentence) in [
            ("", "1: expected an attribute"),
            ("(title)", "1: expected an attribute"),
            ("title ", ""),
            ("title eq \"a\"", "7: expected the end"),
            (
                "name[givenName pr]",
                "5: brackets follow only multi-valued complex attributes, not name",
            ),
            ("emails[]", "8: expected an attribute, not or ("),
            ("emails[type eq \"a\"", "19: expected ], and or or"),
            (
                "emails[type pr]value",
                "16: expected a point and a sub-attribute, or the end",
            ),
            (
                "emails[type pr].street",
                "16: there is no sub-attribute \"street\" of emails",
            ),
            ("emails[type pr] .value", "17: expected the end"),
            ("emails[type pr].value x", "23: expected the end"),
            (
                "nosuch",
                "1: there is no attribute \"nosuch\" in urn:ietf:params:scim:schemas:core:2.0:User",
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "1: \"urn:ietf:params:scim:schemas:core:2.0:User\" does not begin with the URN of a schema of \
                 User, or nothing follows it",
            ),
        ] {
            match sentence {
                "" => assert_eq!(read(text).as_deref(), Ok(text.trim())),
                _ => assert_eq!(
                    read(text),
                    Err(format!("The path is wrong at character {sentence}."))
                ),
            }
        }
        assert!(read(&"emails[".repeat(1000)).is_err());
    }
}

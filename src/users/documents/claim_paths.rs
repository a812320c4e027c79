//! Maps claims, which are stored under flat names, to their paths in SCIM, and back.
//!
//! A user's `attributes` are an object of strings by claim name ([`crate::users::claims`]). Claims
//! with one value are listed in `SINGULAR`; those that belong to a multi-valued attribute are only
//! recognized here and assembled elsewhere; all others are attributes of the extension [`CUSTOM`].

use crate::scim::attribute_names::ACTIVE;
use crate::scim::attribute_names::IDENTITY;
use crate::scim::path::AttributePath;
use crate::scim::schema::{CUSTOM, ENTERPRISE};
use crate::users::claims::{ClaimTable, identity_claim};

/// Claims with one value: flat name, extension, attribute, sub-attribute.
type Singular = (
    &'static str,
    Option<&'static str>,
    &'static str,
    Option<&'static str>,
);

/// The table.
const SINGULAR: &[Singular] = &[
    (ACTIVE, None, "active", None),
    ("displayName", None, "displayName", None),
    ("nickname", None, "nickName", None),
    ("title", None, "title", None),
    ("userType", None, "userType", None),
    ("preferredLanguage", None, "preferredLanguage", None),
    ("local", None, "locale", None),
    ("timeZone", None, "timezone", None),
    ("profileUrl", None, "profileUrl", None),
    ("formattedName", None, "name", Some("formatted")),
    ("middleName", None, "name", Some("middleName")),
    ("honorificPrefix", None, "name", Some("honorificPrefix")),
    ("honorificSuffix", None, "name", Some("honorificSuffix")),
    ("employeeNumber", Some(ENTERPRISE), "employeeNumber", None),
    ("costCenter", Some(ENTERPRISE), "costCenter", None),
    ("organization", Some(ENTERPRISE), "organization", None),
    ("division", Some(ENTERPRISE), "division", None),
    ("department", Some(ENTERPRISE), "department", None),
    ("manager", Some(ENTERPRISE), "manager", Some("value")),
];

/// Claims that belong to a multi-valued attribute.
const PLURAL: &[&str] = &[
    "addresses",
    "country",
    "emails.home",
    "emails.other",
    "emails.work",
    "entitlements",
    "im",
    "locality",
    "mobile",
    "otherphone",
    "photos",
    "photourl",
    "postalcode",
    "region",
    "stateorprovince",
    "streetaddress",
    "telephone",
    "thumbnail",
    "x509Certificates",
];

/// Name prefixes of further such claims.
const PLURAL_FAMILIES: &[&str] = &["addresses.", "phoneNumbers."];

/// The place of a claim in SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'f> {
    /// A singular attribute, or a sub-attribute of one.
    Singular {
        /// URN of the extension; none: the core schema.
        extension: Option<&'static str>,
        /// The attribute.
        name: &'f str,
        /// The sub-attribute.
        sub: Option<&'static str>,
    },
    /// An element of a multi-valued attribute, or a part of one.
    Plural,
}

/// The place of the claim that is stored as `flat`.
pub fn scim_place(flat: &str) -> Place<'_> {
    if let Some((_, extension, name, sub)) = SINGULAR.iter().find(|row| row.0 == flat) {
        return Place::Singular {
            extension: *extension,
            name,
            sub: *sub,
        };
    }
    let of_family = PLURAL_FAMILIES
        .iter()
        .any(|family| flat.starts_with(family));
    if of_family || PLURAL.contains(&flat) {
        return Place::Plural;
    }
    Place::Singular {
        extension: Some(CUSTOM),
        name: flat.strip_prefix(IDENTITY).unwrap_or(flat),
        sub: None,
    }
}

/// The name under which the value at `path` is stored among a user's attributes, if it is one
/// claim.
pub fn flat_name(path: &AttributePath) -> Option<&str> {
    flat(path.extension, &path.name, path.sub.as_deref())
}

/// The same for an attribute of an extension or of the core schema, or for a sub-attribute.
pub fn flat<'n>(
    extension: Option<&str>,
    attribute: &'n str,
    sub_attribute: Option<&str>,
) -> Option<&'n str> {
    if extension == Some(CUSTOM) {
        return Some(identity_claim(attribute).unwrap_or(attribute));
    }
    SINGULAR
        .iter()
        .find(|(_, of, name, sub)| *of == extension && *name == attribute && *sub == sub_attribute)
        .map(|row| row.0)
}

/// The attributes of the extension [`CUSTOM`], sorted.
pub fn custom_names(claims: &ClaimTable) -> Vec<&str> {
    let mut names: Vec<&str> = claims
        .attributes()
        .into_iter()
        .filter_map(|flat| match scim_place(flat) {
            Place::Singular {
                extension: Some(CUSTOM),
                name,
                ..
            } => Some(name),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::Schemas;
    use crate::users::claims::Settings;

    fn schemas() -> Schemas {
        let table = ClaimTable::new(&Settings::default());
        Schemas::new(custom_names(&table))
    }

    #[test]
    fn flat_name_of_a_singular_claim_is_the_inverse_of_its_place() {
        let schemas = schemas();
        let table = ClaimTable::new(&Settings::default());
        let mut singular = 0;
        for flat in table.attributes() {
            let Place::Singular {
                extension,
                name,
                sub,
            } = scim_place(flat)
            else {
                continue;
            };
            singular += 1;
            let urn = extension.map(|urn| format!("{urn}:")).unwrap_or_default();
            let sub = sub.map(|sub| format!(".{sub}")).unwrap_or_default();
            let text = format!("{urn}{name}{sub}");
            let path = AttributePath::parse(&text, &schemas.user).unwrap();
            assert_eq!(path.to_string(), text);
            assert_eq!(flat_name(&path), Some(flat), "{text}");
        }
        assert_eq!(singular, 40);
    }

    #[test]
    fn multi_valued_and_custom_claims_are_recognized() {
        for flat in ["emails.work", "mobile", "phoneNumbers.fax", "addresses.x"] {
            assert_eq!(scim_place(flat), Place::Plural, "{flat}");
        }
        assert_eq!(
            scim_place("identity/accountLocked"),
            Place::Singular {
                extension: Some(CUSTOM),
                name: "accountLocked",
                sub: None
            }
        );
        let schemas = schemas();
        let flat = |text| {
            let path = AttributePath::parse(text, &schemas.user).unwrap();
            flat_name(&path).map(str::to_owned)
        };
        assert_eq!(flat("locale").as_deref(), Some("local"));
        for text in ["name", "name.givenName", "emails", "emails.value", "id"] {
            assert_eq!(flat(text), None, "{text}");
        }
    }

    #[test]
    fn the_custom_extension_has_the_other_claims() {
        let settings: Settings =
            toml::from_str("'http://example.com/badge' = 'badge'\n'http://x/d' = 'department'")
                .unwrap();
        assert_eq!(
            custom_names(&ClaimTable::new(&settings)),
            [
                "accountDisabled",
                "accountLocked",
                "askPassword",
                "badge",
                "created",
                "dob",
                "emailVerified",
                "extendedDisplayName",
                "extendedExternalId",
                "extendedRef",
                "fullname",
                "gender",
                "gtalk",
                "location",
                "modified",
                "phoneNumbers",
                "phoneVerified",
                "preferredChannel",
                "resourceType",
                "skype",
                "url",
                "verifyEmail",
            ]
        );
    }
}

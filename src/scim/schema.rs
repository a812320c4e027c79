//! Schemas and resource types of SCIM (RFC 7643 §6 and §7): the attributes and their characteristics.
//!
//! The tables of the core and enterprise schemas follow RFC 7643 §4 and §8.7. The `type` of values is not restricted to
//! canonical values, except for the members of groups.

use std::borrow::Cow;

use crate::scim::attribute_names::IDENTITY;
use crate::scim::attribute_names::{ASK_PASSWORD, DISABLED, LOCKED};

/// URN of the core User (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// URN of the core Group (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// URN of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// URN of Zuora's extension.
pub const ZUORA: &str = "urn:zuora:scim:schemas:1.0:UserExtension";

/// URN of WSO2's extension with the claims that have no attribute in the other schemas.
pub const CUSTOM: &str = "urn:scim:schemas:extension:custom:User";

/// URN of the extension for system claims in WSO2 Identity Server 5.11 and later. Its clients send it to every
/// endpoint, so it is an alias of [`CUSTOM`]; responses never contain it.
pub const WSO2: &str = "urn:scim:wso2:schema";

/// The type of an attribute's values (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// A number.
    Decimal,
    /// A number without a fraction.
    Integer,
    /// `xsd:dateTime`.
    DateTime,
    /// Base64 (RFC 4648 §4 or §5).
    Binary,
    /// A URI.
    Reference,
    /// Sub-attributes.
    Complex,
}

impl Type {
    /// The name in RFC 7643 §7.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Boolean => "boolean",
            Type::Decimal => "decimal",
            Type::Integer => "integer",
            Type::DateTime => "dateTime",
            Type::Binary => "binary",
            Type::Reference => "reference",
            Type::Complex => "complex",
        }
    }
}

/// Who may change an attribute (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only the server.
    ReadOnly,
    /// The client.
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client; it is never returned.
    WriteOnly,
}

impl Mutability {
    /// The name in RFC 7643 §7.
    pub fn as_str(self) -> &'static str {
        match self {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        }
    }
}

/// When an attribute is returned (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Always.
    Always,
    /// Never.
    Never,
    /// By default.
    Default,
    /// On request.
    Request,
}

impl Returned {
    /// The name in RFC 7643 §7.
    pub fn as_str(self) -> &'static str {
        match self {
            Returned::Always => "always",
            Returned::Never => "never",
            Returned::Default => "default",
            Returned::Request => "request",
        }
    }
}

/// The scope in which a value is unique (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// Not unique.
    None,
    /// Unique on this server.
    Server,
    /// Unique globally.
    Global,
}

impl Uniqueness {
    /// The name in RFC 7643 §7.
    pub fn as_str(self) -> &'static str {
        match self {
            Uniqueness::None => "none",
            Uniqueness::Server => "server",
            Uniqueness::Global => "global",
        }
    }
}

/// An attribute or a sub-attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name; it is compared without case.
    pub name: Cow<'static, str>,
    /// A short description.
    pub description: Cow<'static, str>,
    /// The type of its values.
    pub kind: Type,
    /// Whether it is multi-valued.
    pub multi_valued: bool,
    /// Whether it is required.
    pub required: bool,
    /// Whether text is compared case-sensitively.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// The scope in which it is unique.
    pub uniqueness: Uniqueness,
    /// The types that a reference may point to.
    pub reference_types: &'static [&'static str],
    /// Recommended values, if any (RFC 7643 §7).
    pub canonical_values: &'static [&'static str],
    /// The sub-attributes of a complex attribute.
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    fn new(name: &'static str, kind: Type, description: &'static str) -> Self {
        Attribute {
            name: Cow::Borrowed(name),
            description: Cow::Borrowed(description),
            kind,
            multi_valued: false,
            required: false,
            case_exact: matches!(kind, Type::Binary | Type::Reference | Type::DateTime),
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: &[],
            canonical_values: &[],
            sub_attributes: Vec::new(),
        }
    }

    fn string(name: &'static str, description: &'static str) -> Self {
        Attribute::new(name, Type::String, description)
    }

    fn boolean(name: &'static str, description: &'static str) -> Self {
        Attribute::new(name, Type::Boolean, description)
    }

    fn reference(
        name: &'static str,
        targets: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Attribute {
            reference_types: targets,
            ..Attribute::new(name, Type::Reference, description)
        }
    }

    fn complex(
        name: &'static str,
        description: &'static str,
        sub_attributes: Vec<Attribute>,
    ) -> Self {
        Attribute {
            sub_attributes,
            ..Attribute::new(name, Type::Complex, description)
        }
    }

    fn many(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    fn required(mut self) -> Self {
        self.required = true;
        self
    }

    fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    /// The sub-attribute `name`, in any case.
    pub fn sub_attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.sub_attributes, name)
    }
}

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Other URNs that clients may use for it.
    pub also: &'static [&'static str],
    /// Its display name.
    pub name: &'static str,
    /// A short description.
    pub description: &'static str,
    /// Its attributes, without the common ones.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// All its URNs, the main one first.
    pub fn urns(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.id).chain(self.also.iter().copied())
    }

    /// The attribute `name`, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// A resource type: a core schema, its extensions, and its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// `User` or `Group`: its id and its name.
    pub name: &'static str,
    /// The path of its endpoint below the base URL.
    pub endpoint: &'static str,
    /// A short description.
    pub description: &'static str,
    /// The core schema.
    pub schema: Schema,
    /// Extensions that a resource may have; none is required.
    pub extensions: Vec<Schema>,
    /// `id`, `externalId` and `meta`, the common attributes (RFC 7643 §3.1).
    pub common: Vec<Attribute>,
}

impl ResourceType {
    /// The attribute `name` of the core schema or of the common attributes.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.schema
            .attribute(name)
            .or_else(|| find(&self.common, name))
    }

    /// The extension with this URN, in any case (RFC 8141 §3.1 has further rules, which no client uses).
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions
            .iter()
            .find(|schema| schema.urns().any(|known| known.eq_ignore_ascii_case(urn)))
    }
}

/// All resource types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemas {
    /// Users.
    pub user: ResourceType,
    /// Groups.
    pub group: ResourceType,
}

impl Schemas {
    /// The schemas, with `custom` claims in the extension [`CUSTOM`].
    pub fn new<'n>(custom: impl IntoIterator<Item = &'n str>) -> Self {
        let custom = Schema {
            id: CUSTOM,
            also: &[WSO2],
            name: "Custom User",
            description: "Claims that have no place in the other schemas",
            attributes: custom
                .into_iter()
                .map(|name| Attribute {
                    name: Cow::Owned(name.to_owned()),
                    description: Cow::Owned(format!("The claim {name}")),
                    canonical_values: match is_truth(name) {
                        true => &["true", "false"],
                        false => &[],
                    },
                    ..Attribute::string("", "")
                })
                .collect(),
        };
        Schemas {
            user: ResourceType {
                name: "User",
                endpoint: "/Users",
                description: "User accounts",
                schema: user(),
                extensions: vec![enterprise(), custom, zuora()],
                common: common(),
            },
            group: ResourceType {
                name: "Group",
                endpoint: "/Groups",
                description: "Groups of users and of other groups",
                schema: group(),
                extensions: Vec::new(),
                common: common(),
            },
        }
    }
}

/// Whether the attribute of this name in the extension [`CUSTOM`] must be true or false.
fn is_truth(name: &str) -> bool {
    [LOCKED, DISABLED, ASK_PASSWORD]
        .iter()
        .any(|claim| claim.strip_prefix(IDENTITY).unwrap_or(claim) == name)
}

fn common() -> Vec<Attribute> {
    let time = |name, description| Attribute::new(name, Type::DateTime, description).read_only();
    vec![
        Attribute {
            returned: Returned::Always,
            uniqueness: Uniqueness::Server,
            ..Attribute::string("id", "The identifier assigned by the server")
                .exact()
                .read_only()
        },
        Attribute::string("externalId", "The identifier assigned by the client").exact(),
        Attribute::complex(
            "meta",
            "Metadata of the resource",
            vec![
                Attribute::string("resourceType", "The resource type")
                    .exact()
                    .read_only(),
                time("created", "When it was created"),
                time("lastModified", "When it was last changed"),
                Attribute::reference("location", &["uri"], "Where it is").read_only(),
                Attribute::string("version", "Its entity tag")
                    .exact()
                    .read_only(),
            ],
        )
        .read_only(),
    ]
}

/// `value`, `display`, `type` and `primary` (RFC 7643 §2.4).
fn plural(value: Attribute) -> Vec<Attribute> {
    vec![
        value,
        Attribute::string("display", "The display text"),
        Attribute::string("type", "What it is used for, such as work or home"),
        Attribute::boolean("primary", "Whether it is the preferred one"),
    ]
}

fn user() -> Schema {
    let text = |description| Attribute::string("value", description);
    Schema {
        id: USER,
        also: &[],
        name: "User",
        description: "User account",
        attributes: vec![
            Attribute {
                uniqueness: Uniqueness::Server,
                ..Attribute::string(
                    "userName",
                    "The login name; after the name of the user store and a / unless the store is PRIMARY",
                )
                .required()
            },
            Attribute::complex(
                "name",
                "The parts of the user's name",
                vec![
                    Attribute::string("formatted", "The full name for display"),
                    Attribute::string("familyName", "The family name"),
                    Attribute::string("givenName", "The given name"),
                    Attribute::string("middleName", "The middle names"),
                    Attribute::string("honorificPrefix", "Titles in front of the name"),
                    Attribute::string("honorificSuffix", "Suffixes after the name"),
                ],
            ),
            Attribute::string("displayName", "The display name"),
            Attribute::string("nickName", "The nickname"),
            Attribute::reference("profileUrl", &["external"], "The user's page"),
            Attribute::string("title", "The title at work"),
            Attribute::string("userType", "The relation to the organization"),
            Attribute::string("preferredLanguage", "Language tags, as in Accept-Language"),
            Attribute::string("locale", "The language tag of numbers, times and currency"),
            Attribute::string("timezone", "A name of the time zone database"),
            Attribute::boolean("active", "Whether the user may log in"),
            Attribute {
                mutability: Mutability::WriteOnly,
                returned: Returned::Never,
                ..Attribute::string("password", "The password in the clear, or a hash of it").exact()
            },
            Attribute::complex(
                "emails",
                "E-mail addresses",
                plural(text("The address")),
            )
            .many(),
            Attribute::complex(
                "phoneNumbers",
                "Telephone numbers",
                plural(text("The number")),
            )
            .many(),
            Attribute::complex("ims", "Instant messaging addresses", plural(text("The address"))).many(),
            Attribute::complex(
                "photos",
                "Pictures of the user",
                plural(Attribute::reference("value", &["external"], "The URL")),
            )
            .many(),
            Attribute::complex(
                "addresses",
                "Postal addresses",
                vec![
                    Attribute::string("formatted", "The full address for display"),
                    Attribute::string("streetAddress", "Street and number"),
                    Attribute::string("locality", "The city"),
                    Attribute::string("region", "The state or region"),
                    Attribute::string("postalCode", "The postal code"),
                    Attribute::string("country", "The country"),
                    Attribute::string("type", "What it is used for, such as work or home"),
                    Attribute::boolean("primary", "Whether it is the preferred one"),
                ],
            )
            .many(),
            Attribute::complex(
                "groups",
                "The groups that the user is a member of",
                vec![
                    Attribute::string("value", "The group's id").exact().read_only(),
                    Attribute::reference("$ref", &["Group"], "Where the group is").read_only(),
                    Attribute::string("display", "The group's name").read_only(),
                    Attribute::string("type", "direct").read_only(),
                ],
            )
            .many()
            .read_only(),
            Attribute::complex(
                "entitlements",
                "What the user is entitled to",
                plural(text("The entitlement")),
            )
            .many(),
            Attribute::complex("roles", "The user's roles", plural(text("The role"))).many(),
            Attribute::complex(
                "x509Certificates",
                "Certificates",
                plural(Attribute::new("value", Type::Binary, "DER in base64")),
            )
            .many(),
        ],
    }
}

fn group() -> Schema {
    Schema {
        id: GROUP,
        also: &[],
        name: "Group",
        description: "Group",
        attributes: vec![
            Attribute {
                uniqueness: Uniqueness::Server,
                ..Attribute::string(
                    "displayName",
                    "The name; after the name of the user store and a / unless the store is PRIMARY",
                )
                .required()
            },
            Attribute::complex(
                "members",
                "Users and groups in it",
                vec![
                    Attribute::string("value", "The member's id")
                        .exact()
                        .immutable(),
                    Attribute::reference("$ref", &["User", "Group"], "Where the member is")
                        .immutable(),
                    // The type must be the actual one of the member.
                    Attribute {
                        canonical_values: &["User", "Group"],
                        ..Attribute::string("type", "User or Group").immutable()
                    },
                    // Returned on request only, so that a response has a member as the client sent it.
                    Attribute {
                        returned: Returned::Request,
                        ..Attribute::string("display", "The member's name").read_only()
                    },
                ],
            )
            .many(),
        ],
    }
}

fn enterprise() -> Schema {
    Schema {
        id: ENTERPRISE,
        also: &[],
        name: "Enterprise User",
        description: "Attributes of users in an enterprise",
        attributes: vec![
            Attribute::string("employeeNumber", "The number of the employee"),
            Attribute::string("costCenter", "The cost center"),
            Attribute::string("organization", "The organization"),
            Attribute::string("division", "The division"),
            Attribute::string("department", "The department"),
            Attribute::complex(
                "manager",
                "The user's manager",
                vec![
                    Attribute::string("value", "The manager's id").exact(),
                    Attribute::reference("$ref", &["User"], "Where the manager is"),
                    Attribute::string("displayName", "The manager's name").read_only(),
                ],
            ),
        ],
    }
}

fn zuora() -> Schema {
    let read_only = |name, description| Attribute::string(name, description).read_only();
    Schema {
        id: ZUORA,
        also: &[],
        name: "Zuora User",
        description: "Attributes of users in Zuora",
        attributes: vec![
            Attribute::reference("schemas", &["uri"], "URNs of further schemas").many(),
            read_only(
                "organizationId",
                "The organization that the user belongs to",
            ),
            read_only("status", "NEW, ACTIVE or INACTIVE"),
            Attribute::boolean(
                "ssoEnabled",
                "Whether the user logs in through single sign-on",
            )
            .read_only(),
            read_only("region", "The region of the user's data"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_in_any_case() {
        let schemas = Schemas::new(["gender"]);
        let user = &schemas.user;
        assert_eq!(user.attribute("USERNAME").unwrap().name, "userName");
        assert_eq!(user.attribute("Meta").unwrap().kind, Type::Complex);
        let emails = user.attribute("emails").unwrap();
        assert_eq!(emails.sub_attribute("Type").unwrap().name, "type");
        let custom = user.extension(&CUSTOM.to_uppercase()).unwrap();
        assert_eq!(custom.attribute("Gender").unwrap().name, "gender");
        assert!(schemas.group.attribute("userName").is_none());
    }

    #[test]
    fn true_and_false_are_canonical_where_others_are_refused() {
        let schemas = Schemas::new(["gender", "accountLocked", "askPassword"]);
        let custom = schemas.user.extension(CUSTOM).unwrap();
        let advised = |name| custom.attribute(name).unwrap().canonical_values;
        assert_eq!(advised("accountLocked"), ["true", "false"]);
        assert_eq!(advised("askPassword"), ["true", "false"]);
        assert!(advised("gender").is_empty());
    }
}

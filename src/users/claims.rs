//! The only table that maps claim URIs and column names to fields of a user.
//!
//! It covers WSO2's local claims (`http://wso2.org/claims/…`), SCIM's core attributes (RFC 7643
//! §4.1) and common column headings. Settings may add claims.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scim::attribute_names::{ASK_PASSWORD, DISABLED, IDENTITY, LOCKED};
use crate::users::claim_dialects::{META, aliases};

/// The dialect of WSO2's own claims.
pub const WSO2_DIALECT: &str = "http://wso2.org/claims/";

/// SCIM's core user schema (RFC 7643 §8.7.1), as a prefix of attribute names.
const SCIM_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:user:";

/// WSO2's local name of the claim for [`Field::ExternalId`].
pub const EXTERNAL_ID: &str = "externalid";

/// `[claims]` of the settings: claim URI to the name of the attribute that stores its value. Names
/// have to be ones that SCIM can show: attribute names, and the names of built-in claims.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(try_from = "HashMap<String, String>")]
pub struct Settings(HashMap<String, String>);

impl TryFrom<HashMap<String, String>> for Settings {
    type Error = String;

    fn try_from(claims: HashMap<String, String>) -> Result<Self, String> {
        let mut sorted: Vec<(&String, &String)> = claims.iter().collect();
        sorted.sort();
        // SCIM compares names case-insensitively, and shows identity claims without their
        // prefix.
        let folded = |name: &str| {
            let shown = name.strip_prefix(IDENTITY).unwrap_or(name);
            shown.to_ascii_lowercase()
        };
        let mut taken: HashMap<String, &str> = ATTRIBUTES
            .iter()
            .chain([&EXTERNAL_ID])
            .map(|name| (folded(name), *name))
            .collect();
        for (uri, name) in sorted {
            if !ATTRIBUTES.contains(&name.as_str()) && !is_attribute_name(name) {
                return Err(format!(
                    "{uri:?} is to be kept as {name:?}, which is not an attribute name; begin it \
                     with a letter A to Z, followed by letters, digits, - and _"
                ));
            }
            let other = *taken.entry(folded(name)).or_insert(name);
            if other != name {
                return Err(format!(
                    "{uri:?} is to be kept as {name:?}, which SCIM cannot tell from {other:?}; choose \
                     another attribute name, or that one"
                ));
            }
        }
        Ok(Settings(claims))
    }
}

/// Whether `name` is a valid name of a SCIM attribute (RFC 7643 §2.1).
fn is_attribute_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The meaning of a column or a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The login name.
    UserName,
    /// The password, in plain text.
    Password,
    /// SCIM `name.givenName`.
    GivenName,
    /// SCIM `name.familyName`.
    FamilyName,
    /// SCIM `emails`, the primary one.
    Email,
    /// SCIM `externalId`: the user's identifier in another system.
    ExternalId,
    /// Role names, separated by `:`.
    Roles,
    /// Role names, separated by `|`: the column of WSO2's console.
    Groups,
    /// Cells of the form `claimURI=value`: WSO2's `Claims` column and all columns after it.
    ClaimCells,
    /// Any other attribute, stored under this name.
    Attribute(Cow<'static, str>),
    /// A value that the server sets itself (this one of [`SET_BY_SERVER`]); it is ignored.
    SetByServer(&'static str),
}

impl Field {
    /// A column name of the field, by which a map names it.
    pub fn column_name(&self) -> &str {
        match self {
            Field::UserName => "username",
            Field::Password => "password",
            Field::GivenName => "givenname",
            Field::FamilyName => "familyname",
            Field::Email => "emailaddress",
            Field::ExternalId => EXTERNAL_ID,
            Field::Roles => "roles",
            Field::Groups => "groups",
            Field::ClaimCells => "claims",
            Field::Attribute(name) => name,
            Field::SetByServer(name) => name,
        }
    }
}

/// Local names of the claims that the server sets. Earlier versions stored some of them as
/// attributes of that name, which SCIM still shows.
pub const SET_BY_SERVER: [&str; 5] = ["userid", "created", "modified", "resourceType", META];

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::UserName => f.write_str("userName"),
            Field::Password => f.write_str("password"),
            Field::GivenName => f.write_str("name.givenName"),
            Field::FamilyName => f.write_str("name.familyName"),
            Field::Email => f.write_str("emails"),
            Field::ExternalId => f.write_str("externalId"),
            Field::Roles | Field::Groups => f.write_str("roles"),
            Field::ClaimCells => f.write_str("claimURI=value"),
            Field::Attribute(name) => write!(f, "attribute {name}"),
            Field::SetByServer(name) => write!(f, "set by the server, ignored: {name}"),
        }
    }
}

/// Names of WSO2's local claims, relative to the dialect, that are stored as attributes of the same
/// name.
const ATTRIBUTES: &[&str] = &[
    "active",
    "addresses",
    "addresses.formatted",
    "addresses.locality",
    "country",
    "created",
    "costCenter",
    "department",
    "displayName",
    "division",
    "dob",
    "employeeNumber",
    "emails.home",
    "emails.other",
    "emails.work",
    "entitlements",
    "extendedDisplayName",
    "extendedExternalId",
    "extendedRef",
    "formattedName",
    "fullname",
    "gender",
    "gtalk",
    "honorificPrefix",
    "honorificSuffix",
    "im",
    "local",
    "locality",
    "location",
    "manager",
    "middleName",
    "mobile",
    "modified",
    "nickname",
    "organization",
    "otherphone",
    "phoneNumbers",
    "phoneNumbers.fax",
    "phoneNumbers.home",
    "phoneNumbers.other",
    "phoneNumbers.pager",
    "phoneNumbers.work",
    "photos",
    "photourl",
    "postalcode",
    "preferredLanguage",
    "profileUrl",
    "region",
    "resourceType",
    "skype",
    "stateorprovince",
    "streetaddress",
    "telephone",
    "thumbnail",
    "timeZone",
    "title",
    "url",
    "userType",
    "x509Certificates",
    "identity/accountDisabled",
    "identity/accountLocked",
    "identity/askPassword",
    "identity/emailVerified",
    "identity/phoneVerified",
    "identity/preferredChannel",
    "identity/verifyEmail",
];

/// Common column headings, besides the claims' own names; compared without case, blanks, hyphens
/// and underscores.
const COLUMN_NAMES: &[(&str, Field)] = &[
    ("username", Field::UserName),
    ("user", Field::UserName),
    ("login", Field::UserName),
    ("loginname", Field::UserName),
    ("password", Field::Password),
    ("pass", Field::Password),
    ("pwd", Field::Password),
    ("initialpassword", Field::Password),
    ("givenname", Field::GivenName),
    ("firstname", Field::GivenName),
    ("forename", Field::GivenName),
    ("name.givenname", Field::GivenName),
    ("familyname", Field::FamilyName),
    ("lastname", Field::FamilyName),
    ("surname", Field::FamilyName),
    ("sn", Field::FamilyName),
    ("name.familyname", Field::FamilyName),
    ("email", Field::Email),
    ("emailaddress", Field::Email),
    ("mail", Field::Email),
    ("emails", Field::Email),
    ("emails.value", Field::Email),
    ("group", Field::Groups),
    ("groups", Field::Groups),
    ("role", Field::Roles),
    ("roles", Field::Roles),
    ("claim", Field::ClaimCells),
    ("claims", Field::ClaimCells),
    ("state", Field::Attribute(Cow::Borrowed("stateorprovince"))),
    ("street", Field::Attribute(Cow::Borrowed("streetaddress"))),
    ("city", Field::Attribute(Cow::Borrowed("locality"))),
    ("zip", Field::Attribute(Cow::Borrowed("postalcode"))),
    ("phone", Field::Attribute(Cow::Borrowed("telephone"))),
    ("phonenumber", Field::Attribute(Cow::Borrowed("telephone"))),
    ("mobilephone", Field::Attribute(Cow::Borrowed("mobile"))),
    ("accountlocked", Field::Attribute(Cow::Borrowed(LOCKED))),
    ("locked", Field::Attribute(Cow::Borrowed(LOCKED))),
    ("accountdisabled", Field::Attribute(Cow::Borrowed(DISABLED))),
    ("disabled", Field::Attribute(Cow::Borrowed(DISABLED))),
    ("askpassword", Field::Attribute(Cow::Borrowed(ASK_PASSWORD))),
];

/// The table.
#[derive(Debug, Clone)]
pub struct ClaimTable {
    by_uri: HashMap<String, Field>,
    /// The URIs of WSO2's other dialects.
    aliases: HashMap<String, Field>,
    by_column: HashMap<String, Field>,
    /// The names in the settings, sorted.
    configured: Vec<String>,
}

impl ClaimTable {
    /// The built-in claims and those of the settings.
    pub fn new(settings: &Settings) -> Self {
        let mut table = ClaimTable {
            by_uri: HashMap::new(),
            aliases: HashMap::new(),
            by_column: HashMap::new(),
            configured: settings.0.values().cloned().collect(),
        };
        table.configured.sort();
        table.configured.dedup();
        for name in ATTRIBUTES {
            table.add_claim(name, Field::Attribute(Cow::Borrowed(name)));
        }
        table.add_claim("username", Field::UserName);
        table.add_claim("givenname", Field::GivenName);
        table.add_claim("lastname", Field::FamilyName);
        table.add_claim("emailaddress", Field::Email);
        table.add_claim(EXTERNAL_ID, Field::ExternalId);
        table.add_claim("role", Field::Roles);
        table.add_claim("roles", Field::Roles);
        for name in SET_BY_SERVER {
            table.add_claim(name, Field::SetByServer(name));
        }
        table.by_uri.remove(&format!("{WSO2_DIALECT}{META}"));
        table.by_column.remove(META);
        for (name, field) in COLUMN_NAMES {
            table.by_column.insert((*name).to_owned(), field.clone());
        }
        table.add_aliases();
        for (uri, name) in &settings.0 {
            let field = match name.as_str() {
                EXTERNAL_ID => Field::ExternalId,
                _ => Field::Attribute(Cow::Owned(name.clone())),
            };
            table.by_uri.insert(uri.clone(), field.clone());
            table.by_column.insert(fold_column(name), field);
        }
        table
    }

    /// The field of the claim `uri`; URIs are compared exactly.
    pub fn claim(&self, uri: &str) -> Option<&Field> {
        self.by_uri.get(uri).or_else(|| self.aliases.get(uri))
    }

    /// All claim URIs of WSO2's own dialect and of the settings, sorted.
    pub fn uris(&self) -> Vec<String> {
        let mut uris: Vec<String> = self.by_uri.keys().cloned().collect();
        uris.sort();
        uris
    }

    /// The names under which claims are stored as attributes, sorted.
    pub fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .by_uri
            .values()
            .filter_map(|field| match field {
                Field::Attribute(name) => Some(name.as_ref()),
                _ => None,
            })
            // Includes attributes that existing users may still have.
            .chain(ATTRIBUTES.iter().copied())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The field of a column headed `name`: a name or a claim URI, in any case.
    pub fn column(&self, name: &str) -> Option<&Field> {
        self.by_column.get(&fold_column(name))
    }

    /// The fields that a column can be mapped to by their [name](Field::column_name), in the order of a menu: names
    /// and password first, then attributes.
    pub fn targets(&self) -> Vec<&Field> {
        const FIRST: [Field; 9] = [
            Field::UserName,
            Field::Password,
            Field::GivenName,
            Field::FamilyName,
            Field::Email,
            Field::ExternalId,
            Field::Roles,
            Field::Groups,
            Field::ClaimCells,
        ];
        let is_reachable = |field: &&Field| self.column(field.column_name()) == Some(field);
        let first = FIRST
            .iter()
            .filter_map(|field| self.column(field.column_name()));
        let is_attribute = |field: &&Field| matches!(field, Field::Attribute(_));
        let mut attributes: Vec<&Field> = self.by_column.values().filter(is_attribute).collect();
        attributes.sort_by_key(|field| field.column_name());
        attributes.dedup();
        first.chain(attributes).filter(is_reachable).collect()
    }

    /// The names of the claims that the settings add, sorted.
    pub fn configured(&self) -> &[String] {
        &self.configured
    }

    /// The column names, for error messages that list them.
    pub fn column_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .by_column
            .keys()
            .map(String::as_str)
            .filter(|name| !name.contains(['/', ':']))
            .collect();
        names.sort_unstable();
        names
    }

    /// A URI is also accepted as the heading of its claim's column.
    fn add_aliases(&mut self) {
        for (uri, local) in aliases() {
            let field = match local {
                META => Some(Field::SetByServer(META)),
                local => self.by_uri.get(&format!("{WSO2_DIALECT}{local}")).cloned(),
            };
            let Some(field) = field else { continue };
            self.by_column
                .entry(fold_column(&uri))
                .or_insert_with(|| field.clone());
            self.aliases.insert(uri, field);
        }
    }

    fn add_claim(&mut self, name: &str, field: Field) {
        self.by_uri
            .insert(format!("{WSO2_DIALECT}{name}"), field.clone());
        self.by_column.insert(fold_column(name), field);
    }
}

/// The built-in claim whose name is [`IDENTITY`] followed by `name`.
pub fn identity_claim(name: &str) -> Option<&'static str> {
    ATTRIBUTES
        .iter()
        .find(|claim| claim.strip_prefix(IDENTITY) == Some(name))
        .copied()
}

/// Column names are compared without case, dialect prefix, blanks, hyphens and underscores.
fn fold_column(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    let local = lower
        .strip_prefix(WSO2_DIALECT)
        .or_else(|| lower.strip_prefix(SCIM_USER))
        .unwrap_or(&lower);
    if local.contains(':') {
        return local.to_owned();
    }
    local
        .chars()
        .filter(|character| !matches!(character, ' ' | '-' | '_' | '\u{a0}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ClaimTable {
        let settings = Settings(HashMap::from([(
            "http://example.com/claims/badge".to_owned(),
            "badge".to_owned(),
        )]));
        ClaimTable::new(&settings)
    }

    #[test]
    fn columns_are_known_by_name_or_claim_uri_in_any_case() {
        let table = table();
        for name in [
            "givenname",
            "GivenName",
            "First Name",
            "first_name",
            "FirstName",
            "http://wso2.org/claims/givenname",
            "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
        ] {
            assert_eq!(table.column(name), Some(&Field::GivenName), "{name}");
        }
        assert_eq!(table.column("e-mail"), Some(&Field::Email));
        assert_eq!(table.column("externalId"), Some(&Field::ExternalId));
        assert_eq!(
            table.column("Country"),
            Some(&Field::Attribute("country".into()))
        );
        assert_eq!(
            table.column("Badge"),
            Some(&Field::Attribute("badge".into()))
        );
        assert_eq!(table.column("favourite colour"), None);
    }

    #[test]
    fn targets_are_the_fields_that_a_column_can_be_mapped_to() {
        let table = table();
        let names: Vec<&str> = table.targets().iter().map(|it| it.column_name()).collect();
        assert_eq!(names[..3], ["username", "password", "givenname"]);
        for name in [
            "emailaddress",
            "externalid",
            "groups",
            "badge",
            "identity/accountLocked",
        ] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(!names.contains(&"created"), "the server sets it");
        for field in table.targets() {
            assert_eq!(table.column(field.column_name()), Some(field));
        }
    }

    #[test]
    fn settings_accept_only_attribute_names_that_scim_can_show() {
        let read =
            |text| toml::from_str::<Settings>(text).map_err(|error| error.message().to_owned());
        assert!(read("'http://x/b' = 'Badge_no-2'\n'http://x/d' = 'department'").is_ok());
        assert!(read("'http://x/l' = 'identity/accountLocked'").is_ok());
        assert!(read("'http://x/b' = 'badge'\n'http://y/b' = 'badge'").is_ok());
        for (text, sentence) in [
            (
                "'http://x/c' = 'favourite colour'",
                "\"http://x/c\" is to be kept as \"favourite colour\", which is not an attribute \
                 name; begin it with a letter A to Z, followed by letters, digits, - and _",
            ),
            (
                "'http://x/2' = '2nd'",
                "\"http://x/2\" is to be kept as \"2nd\", which is not an attribute name; begin \
                 it with a letter A to Z, followed by letters, digits, - and _",
            ),
            (
                "'http://x/g' = 'Gender'",
                "\"http://x/g\" is to be kept as \"Gender\", which SCIM cannot tell from \"gender\"; choose \
                 another attribute name, or that one",
            ),
            (
                "'http://x/l' = 'accountLocked'",
                "\"http://x/l\" is to be kept as \"accountLocked\", which SCIM cannot tell from \
                 \"identity/accountLocked\"; choose another attribute name, or that one",
            ),
        ] {
            assert_eq!(read(text).err().as_deref(), Some(sentence));
        }
    }

    #[test]
    fn every_uri_of_the_other_dialects_maps_to_a_claim() {
        let table = table();
        for (uri, local) in aliases() {
            let expected = match local {
                META => Some(&Field::SetByServer(META)),
                local => table.claim(&format!("{WSO2_DIALECT}{local}")),
            };
            assert!(expected.is_some(), "{uri}: {local}");
            assert_eq!(table.claim(&uri), expected, "{uri}");
            assert_eq!(table.column(&uri.to_uppercase()), expected, "{uri}");
            assert!(!table.uris().contains(&uri), "{uri}");
        }
        assert!(table.column_names().iter().all(|name| !name.contains(':')));
    }

    #[test]
    fn server_set_claims_are_known_but_not_attributes() {
        let table = table();
        for (column, name) in [
            ("userid", "userid"),
            ("User-Id", "userid"),
            ("Created", "created"),
            ("http://wso2.org/claims/modified", "modified"),
            ("resourcetype", "resourceType"),
            ("urn:scim:schemas:core:1.0:meta.location", META),
        ] {
            assert_eq!(
                table.column(column),
                Some(&Field::SetByServer(name)),
                "{column}"
            );
        }
        assert_eq!(table.column(META), None);
        assert!(
            table.attributes().contains(&"created"),
            "a user may have it from an earlier version"
        );
        let own: Settings = toml::from_str("'http://wso2.org/claims/created' = 'created'").unwrap();
        assert_eq!(
            ClaimTable::new(&own).claim("http://wso2.org/claims/created"),
            Some(&Field::Attribute("created".into()))
        );
    }

    #[test]
    fn the_state_of_an_account_has_short_names() {
        let table = table();
        for (column, attribute) in [
            ("accountLocked", LOCKED),
            ("account locked", LOCKED),
            ("Locked", LOCKED),
            ("identity/accountLocked", LOCKED),
            ("AccountDisabled", DISABLED),
            ("disabled", DISABLED),
            ("http://wso2.org/claims/identity/askPassword", ASK_PASSWORD),
            ("ask_password", ASK_PASSWORD),
        ] {
            let expected = Field::Attribute(attribute.into());
            assert_eq!(table.column(column), Some(&expected), "{column}");
        }
    }

    #[test]
    fn claims_are_known_by_their_exact_uri() {
        let table = table();
        assert_eq!(
            table.claim("http://wso2.org/claims/lastname"),
            Some(&Field::FamilyName)
        );
        assert_eq!(
            table.claim("http://example.com/claims/badge"),
            Some(&Field::Attribute("badge".into()))
        );
        assert_eq!(table.claim("http://wso2.org/claims/nosuch"), None);
        assert_eq!(table.claim("lastname"), None);
    }
}

//! Maps SCIM attributes to columns and expressions.
//!
//! Expressions are used in a query in which `u` is the row of `people`, or `r` the row of `roles`.
//! All names are constants; input from outside is always bound.

use crate::scim::attribute_names::ACTIVE;
use crate::scim::path::AttributePath;
use crate::users::documents::claim_paths::flat_name;

/// The table that a filter applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stores::sqlite) enum Table {
    /// Rows of `people`, called `u`.
    Users,
    /// Rows of `roles`, called `r`, that are groups.
    Groups,
}

/// The location of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    /// The column `id`.
    Id(&'static str),
    /// A name prefixed with its domain: the domain's column, and that of the name's key.
    Name(&'static str, &'static str),
    /// A text column.
    Column(&'static str),
    /// One of a user's attributes, under this name.
    Attribute(String),
    /// A moment in microseconds, which documents show in milliseconds.
    Moment(&'static str),
    /// Whether the user may log in.
    Active,
    /// The same value for all rows.
    Constant(&'static str),
    /// Somewhere in a user's attributes, unchanged, or in this column.
    Somewhere(Option<&'static str>),
    /// Ids of a user's groups.
    GroupsOfUser,
    /// Names of those groups, prefixed with their domains.
    GroupNamesOfUser,
    /// Ids of a group's members.
    Members,
}

/// The location of the value at `path`, if SQL can access it.
pub(super) fn field(path: &AttributePath, table: Table) -> Option<Field> {
    if table == Table::Users
        && let Some(flat) = flat_name(path)
    {
        return Some(match flat {
            ACTIVE => Field::Active,
            flat => Field::Attribute(flat.to_owned()),
        });
    }
    if path.extension.is_some() {
        return None;
    }
    let name = (path.name.as_str(), path.sub.as_deref());
    match table {
        Table::Users => user_field(name),
        Table::Groups => group_field(name),
    }
}

fn user_field(name: (&str, Option<&str>)) -> Option<Field> {
    Some(match name {
        ("id", None) => Field::Id("u.id"),
        ("userName", None) => Field::Name("u.domain", "u.name_key"),
        ("externalId", None) => Field::Column("u.external_id"),
        ("name", Some("givenName")) => Field::Column("u.given_name"),
        ("name", Some("familyName")) => Field::Column("u.family_name"),
        ("meta", Some("created")) => Field::Moment("u.created_at"),
        ("meta", Some("lastModified")) => Field::Moment("coalesce(u.modified_at, u.created_at)"),
        ("meta", Some("resourceType")) => Field::Constant("User"),
        ("emails", Some("value")) => Field::Somewhere(Some("u.email")),
        (
            "phoneNumbers" | "ims" | "photos" | "entitlements" | "roles" | "x509Certificates",
            Some("value"),
        ) => Field::Somewhere(None),
        ("groups", Some("value")) => Field::GroupsOfUser,
        ("groups", Some("display")) => Field::GroupNamesOfUser,
        _ => return None,
    })
}

fn group_field(name: (&str, Option<&str>)) -> Option<Field> {
    Some(match name {
        ("id", None) => Field::Id("r.id"),
        ("displayName", None) => Field::Name("r.domain", "r.name_key"),
        ("externalId", None) => Field::Column("r.external_id"),
        ("meta", Some("created")) => Field::Moment("r.created_at"),
        ("meta", Some("lastModified")) => Field::Moment("coalesce(r.modified_at, r.created_at)"),
        ("meta", Some("resourceType")) => Field::Constant("Group"),
        ("members", Some("value")) => Field::Members,
        _ => return None,
    })
}

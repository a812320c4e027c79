//! Filters (RFC 7644 §3.4.2.2).

use crate::users::scim::path::AttributePath;

/// A filter whose paths are resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them match.
    And(Vec<Filter>),
    /// One of them matches.
    Or(Vec<Filter>),
    /// It does not match.
    Not(Box<Filter>),
    /// There is a value, and it is not empty.
    Present(AttributePath),
    /// One of the values compares.
    Compare(AttributePath, Operator, Operand),
    /// One element of a multi-valued complex attribute matches: `emails[type eq "work"]`. The paths in
    /// the filter are whole ones (`emails.type`).
    Element(AttributePath, Box<Filter>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A moment, microseconds since 1970-01-01T00:00:00Z.
    Moment(i64),
    /// `null`: as if there were no value.
    Null,
}

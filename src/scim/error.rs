//! SCIM errors (RFC 7644 §3.12).

use crate::words::parsed_words;

/// The detail error keyword (RFC 7644 table 9; RFC 9865 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The filter is malformed, or compares values that cannot be compared.
    InvalidFilter,
    /// There are more results than the server returns.
    TooMany,
    /// Another resource has the same value.
    Uniqueness,
    /// The attribute cannot be changed.
    Mutability,
    /// The message is malformed.
    InvalidSyntax,
    /// The path of a PATCH is malformed or refers to an unknown attribute.
    InvalidPath,
    /// The path of a PATCH selects no value.
    NoTarget,
    /// A value is missing or invalid.
    InvalidValue,
    /// The protocol version is not supported.
    InvalidVers,
    /// The query contains data that must not be in a URL.
    Sensitive,
    /// The cursor was not issued by this server.
    InvalidCursor,
    /// The cursor has expired.
    ExpiredCursor,
    /// The count differs from the one that the cursor was issued for.
    InvalidCount,
}

parsed_words!(ErrorType {
    InvalidFilter => "invalidFilter",
    TooMany => "tooMany",
    Uniqueness => "uniqueness",
    Mutability => "mutability",
    InvalidSyntax => "invalidSyntax",
    InvalidPath => "invalidPath",
    NoTarget => "noTarget",
    InvalidValue => "invalidValue",
    InvalidVers => "invalidVers",
    Sensitive => "sensitive",
    InvalidCursor => "invalidCursor",
    ExpiredCursor => "expiredCursor",
    InvalidCount => "invalidCount",
});

/// An error: the status of the response, the keyword, and a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status code.
    pub status: u16,
    /// The keyword, if there is one.
    pub scim_type: Option<ErrorType>,
    /// What is wrong, where, and how to correct it.
    pub detail: String,
}

impl ScimError {
    /// An error without a keyword.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        ScimError {
            status,
            scim_type: None,
            detail: detail.into(),
        }
    }

    /// An error in the client's message: 409 for uniqueness, otherwise 400.
    pub fn of(scim_type: ErrorType, detail: impl Into<String>) -> Self {
        let status = match scim_type {
            ErrorType::Uniqueness => 409,
            _ => 400,
        };
        ScimError {
            status,
            scim_type: Some(scim_type),
            detail: detail.into(),
        }
    }

    /// A value is missing or invalid.
    pub fn value(detail: impl Into<String>) -> Self {
        ScimError::of(ErrorType::InvalidValue, detail)
    }

    /// The message is malformed.
    pub fn syntax(detail: impl Into<String>) -> Self {
        ScimError::of(ErrorType::InvalidSyntax, detail)
    }
}

//! What SCIM answers when something cannot be done (RFC 7644 §3.12).

/// A keyword that says what is wrong (RFC 7644 table 9; RFC 9865 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The filter cannot be read, or compares what cannot be compared.
    InvalidFilter,
    /// There are more results than the server is willing to give.
    TooMany,
    /// Another resource has the value.
    Uniqueness,
    /// The attribute cannot be changed.
    Mutability,
    /// The message cannot be read.
    InvalidSyntax,
    /// The path of a PATCH cannot be read or names nothing.
    InvalidPath,
    /// The path of a PATCH selects nothing.
    NoTarget,
    /// A value is missing or cannot be one.
    InvalidValue,
    /// The protocol's version is not supported.
    InvalidVers,
    /// What was asked for must not stand in a URL.
    Sensitive,
    /// The cursor is none of this server's.
    InvalidCursor,
    /// The cursor was this server's, for a while.
    ExpiredCursor,
    /// The count is not the one that the cursor began with.
    InvalidCount,
}

impl ErrorType {
    /// Every type.
    pub const ALL: [ErrorType; 13] = [
        ErrorType::InvalidFilter,
        ErrorType::TooMany,
        ErrorType::Uniqueness,
        ErrorType::Mutability,
        ErrorType::InvalidSyntax,
        ErrorType::InvalidPath,
        ErrorType::NoTarget,
        ErrorType::InvalidValue,
        ErrorType::InvalidVers,
        ErrorType::Sensitive,
        ErrorType::InvalidCursor,
        ErrorType::ExpiredCursor,
        ErrorType::InvalidCount,
    ];

    /// The type that a keyword stands for.
    pub fn parse(keyword: &str) -> Option<Self> {
        ErrorType::ALL
            .into_iter()
            .find(|kind| kind.as_str() == keyword)
    }

    /// The keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorType::InvalidFilter => "invalidFilter",
            ErrorType::TooMany => "tooMany",
            ErrorType::Uniqueness => "uniqueness",
            ErrorType::Mutability => "mutability",
            ErrorType::InvalidSyntax => "invalidSyntax",
            ErrorType::InvalidPath => "invalidPath",
            ErrorType::NoTarget => "noTarget",
            ErrorType::InvalidValue => "invalidValue",
            ErrorType::InvalidVers => "invalidVers",
            ErrorType::Sensitive => "sensitive",
            ErrorType::InvalidCursor => "invalidCursor",
            ErrorType::ExpiredCursor => "expiredCursor",
            ErrorType::InvalidCount => "invalidCount",
        }
    }
}

/// Why something cannot be done: the status of an answer, the keyword, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status code.
    pub status: u16,
    /// The keyword, where there is one.
    pub scim_type: Option<ErrorType>,
    /// What is wrong, where, and what to do.
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

    /// An error of the client's message: 409 for uniqueness, otherwise 400.
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

    /// A value is missing or cannot be one.
    pub fn value(detail: impl Into<String>) -> Self {
        ScimError::of(ErrorType::InvalidValue, detail)
    }

    /// The message cannot be read.
    pub fn syntax(detail: impl Into<String>) -> Self {
        ScimError::of(ErrorType::InvalidSyntax, detail)
    }
}

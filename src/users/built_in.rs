//! Names of built-in objects.

/// The organization that everything belongs to unless another is named.
pub const DEFAULT_ORGANIZATION: &str = "default";

/// The domain of roles without a user store, whose names begin with `Internal/`.
pub const INTERNAL_DOMAIN: &str = "INTERNAL";

/// The user store that is used if a request names none (WSO2's primary user store).
pub const PRIMARY_DOMAIN: &str = "PRIMARY";

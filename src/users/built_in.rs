//! Names that are always there.

/// The organization that everything belongs to until another is named.
pub const DEFAULT_ORGANIZATION: &str = "default";

/// The domain of roles that belong to no user store, whose names begin with `Internal/`.
pub const INTERNAL_DOMAIN: &str = "INTERNAL";

/// The user store that is meant when a request names none (WSO2's primary user store).
pub const PRIMARY_DOMAIN: &str = "PRIMARY";

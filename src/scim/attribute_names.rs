//! Names of attributes that both the schemas and the rules for users refer to.

/// The attribute that says whether a user may log in; SCIM's `active`.
pub const ACTIVE: &str = "active";

/// The attribute of WSO2's claim that an account is locked.
pub const LOCKED: &str = "identity/accountLocked";

/// The attribute of WSO2's claim that an account is disabled.
pub const DISABLED: &str = "identity/accountDisabled";

/// The attribute of WSO2's claim that the user chooses the password.
pub const ASK_PASSWORD: &str = "identity/askPassword";

/// What WSO2 calls its claims on the state of an account, below [`WSO2_DIALECT`].
pub const IDENTITY: &str = "identity/";

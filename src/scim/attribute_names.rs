//! Attribute names that the schemas and the rules for users share.

/// The attribute that determines whether a user may log in; SCIM's `active`.
pub const ACTIVE: &str = "active";

/// The attribute of WSO2's claim for locked accounts.
pub const LOCKED: &str = "identity/accountLocked";

/// The attribute of WSO2's claim for disabled accounts.
pub const DISABLED: &str = "identity/accountDisabled";

/// The attribute of WSO2's claim that lets the user choose the password.
pub const ASK_PASSWORD: &str = "identity/askPassword";

/// WSO2's prefix of claims about the state of an account, below the dialect of WSO2.
pub const IDENTITY: &str = "identity/";

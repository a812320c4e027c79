//! Passwords: secrets in memory, the rules that a new password follows, the schemes of hashes that are
//! verified, and the pool that computes them.
//!
//! Nothing here knows of users or stores.

pub mod secret;
pub mod random_password;
pub mod password_masks;
pub mod rules;
pub mod hash_schemes;
pub mod hashing;
pub mod digest_memory;

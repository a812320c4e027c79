//! Passwords: secrets in memory, the password policy, the hash schemes that can be verified, and the pool that
//! computes hashes.
//!
//! Nothing here depends on users or stores.

pub mod secret;
pub mod random_password;
pub mod password_masks;
pub mod password_shape;
pub mod rules;
pub mod hash_schemes;
pub mod hashing;
pub mod digest_memory;

//! The text of a bearer token (RFC 6750): how it is created, and the digest that is stored.
//!
//! A token is long and random, so a plain SHA-256 is enough: its text cannot be found by trying.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::secret::Secret;
use crate::users::token::TokenDigest;

/// The prefix of every token. It shows what a leaked token belongs to.
const PREFIX: &str = "muster_";

/// Random bytes of a token.
const BYTES: usize = 32;

/// A new token: 256 random bits.
///
/// # Errors
/// A sentence: the system's random number generator failed.
pub fn make() -> Result<Secret, String> {
    let mut bytes = [0u8; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system's random number generator failed".to_owned())?;
    Ok(Secret::new(format!(
        "{PREFIX}{}",
        URL_SAFE_NO_PAD.encode(bytes)
    )))
}

/// The digest that is stored for a token and used to find it.
pub fn digest_of(token: &Secret) -> TokenDigest {
    let mut found = TokenDigest::default();
    let sum = digest(&SHA256, token.expose().as_bytes());
    for (to, from) in found.iter_mut().zip(sum.as_ref()) {
        *to = *from;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn tokens_differ_and_have_the_prefix() {
        let (one, two) = (make().unwrap(), make().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert!(one.expose().starts_with("muster_"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(one.expose().bytes().all(plain), "needs no escaping");
    }

    #[test]
    fn stored_digest_is_sha_256() {
        assert_eq!(
            hex::encode(&digest_of(&Secret::from("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

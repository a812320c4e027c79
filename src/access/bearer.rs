//! The text of a bearer token (RFC 6750): how it is made, and what of it is kept.
//!
//! It is random and long, so a plain SHA-256 is enough to keep: nobody finds a text for it by trying.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::secret::Secret;
use crate::users::token::TokenDigest;

/// What every token begins with, so that whoever finds one somewhere knows what it is.
const PREFIX: &str = "muster_";

/// Random bytes of a token.
const BYTES: usize = 32;

/// A new token: 256 random bits.
///
/// # Errors
/// A sentence: the machine's random source failed.
pub fn make() -> Result<Secret, String> {
    let mut bytes = [0u8; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the machine's random source failed".to_owned())?;
    Ok(Secret::new(format!(
        "{PREFIX}{}",
        URL_SAFE_NO_PAD.encode(bytes)
    )))
}

/// What is kept of a token, and what it is found by.
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
    fn tokens_differ_and_say_what_they_are() {
        let (one, two) = (make().unwrap(), make().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert!(one.expose().starts_with("muster_"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(one.expose().bytes().all(plain), "nothing to be escaped");
    }

    #[test]
    fn what_is_kept_is_the_sha_256() {
        assert_eq!(
            hex::encode(&digest_of(&Secret::from("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

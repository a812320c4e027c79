//! Passwords that are made up: for the first operator, and for users who are to have one of their own.

use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::secret::Secret;

/// Characters of a made-up password: no two that look alike.
const ALPHABET: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

const LENGTH: usize = 20;

/// A password of 20 characters out of 56: 116 bits.
///
/// # Errors
/// The machine's random source failed.
pub fn random_password() -> Result<Secret, String> {
    let random = SystemRandom::new();
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let mut bytes = [0u8; 32];
        random
            .fill(&mut bytes)
            .map_err(|_| "the machine's random source failed".to_owned())?;
        // Bytes above the last whole multiple of 56 would favour the first letters.
        let fair = bytes.iter().filter(|byte| usize::from(**byte) < 224);
        let letters = fair.filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
        password.extend(
            letters
                .map(|letter| char::from(*letter))
                .take(LENGTH - password.len()),
        );
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_differ_and_keep_to_their_alphabet() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 20);
        assert!(one.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}

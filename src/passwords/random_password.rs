//! Random passwords, for the first operator and for users without a password.

use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::secret::Secret;

/// The characters of a random password, without characters that look alike.
const ALPHABET: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

const LENGTH: usize = 20;

/// A random password of 20 characters out of 56: 116 bits.
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
        // Bytes above the last multiple of 56 would favor the first letters.
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
    fn random_passwords_differ_and_use_only_the_alphabet() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 20);
        assert!(one.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}

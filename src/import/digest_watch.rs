//! Detects a password column that holds digests without a scheme name, by the first passwords of the file. No
//! row is written while all passwords seen so far are digests of one length.

use crate::import::error::ImportError;
use crate::passwords::hash_schemes::digest_form::DigestForms;
use crate::users::candidate::CheckedPassword;

/// The number of passwords that decide.
const PASSWORDS_TO_DECIDE: u32 = 20;

/// What is known about the passwords of a file.
#[derive(Debug)]
pub(super) struct DigestWatch {
    seen: u32,
    /// The digest forms that all passwords seen so far have in common.
    common: DigestForms,
}

impl DigestWatch {
    /// A watch that has seen no row.
    pub(super) fn new() -> Self {
        DigestWatch {
            seen: 0,
            common: DigestForms::ANY,
        }
    }

    /// A watch that is finished or disabled.
    pub(super) fn decided() -> Self {
        DigestWatch {
            seen: PASSWORDS_TO_DECIDE,
            common: DigestForms::NONE,
        }
    }

    /// Examines the password of an accepted row.
    ///
    /// # Errors
    /// All of the first [`PASSWORDS_TO_DECIDE`] passwords are digests of one length.
    pub(super) fn look(&mut self, password: &CheckedPassword<'_>) -> Result<(), ImportError> {
        let CheckedPassword::Own(own, _) = password else {
            return Ok(());
        };
        if self.common.is_none() {
            return Ok(());
        }
        self.seen += 1;
        self.common = self.common.and(DigestForms::of(own.trim()));
        match self.seen >= PASSWORDS_TO_DECIDE && !self.common.is_none() {
            true => Err(ImportError::PasswordColumn),
            false => Ok(()),
        }
    }

    /// Whether all passwords seen so far are digests, but too few to decide.
    pub(super) fn suspects(&self) -> bool {
        self.seen > 0 && !self.common.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::rules::Fitness;

    fn watch(passwords: impl IntoIterator<Item = String>) -> (bool, DigestWatch) {
        let mut watch = DigestWatch::new();
        let mut look = |own: String| {
            watch
                .look(&CheckedPassword::Own(&own, Fitness::Permanent))
                .is_err()
        };
        let refused = passwords.into_iter().any(&mut look);
        (refused, watch)
    }

    fn digests(number: u128) -> impl Iterator<Item = String> {
        (1..=number).map(|it| {
            format!(
                "{:032x}",
                it.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            )
        })
    }

    #[test]
    fn file_with_twenty_digests_of_one_length_is_refused() {
        assert!(watch(digests(20)).0);
        let (refused, undecided) = watch(digests(19));
        assert!(!refused && undecided.suspects());
    }

    #[test]
    fn one_plain_password_among_digests_accepts_the_file() {
        let mixed = digests(7)
            .chain(["Meadow-Lark-77".to_owned()])
            .chain(digests(40));
        let (refused, watch) = watch(mixed);
        assert!(!refused && !watch.suspects());
    }

    #[test]
    fn rows_without_their_own_password_are_not_counted() {
        let mut watch = DigestWatch::new();
        for own in digests(19) {
            assert!(watch.look(&CheckedPassword::Default).is_ok());
            assert!(watch.look(&CheckedPassword::Hashed("$2b$…")).is_ok());
            assert!(
                watch
                    .look(&CheckedPassword::Own(&own, Fitness::Permanent))
                    .is_ok()
            );
        }
        assert!(watch.suspects());
        assert!(!DigestWatch::new().suspects() && !DigestWatch::decided().suspects());
    }
}

//! Whether a file's password column holds digests without the name of a scheme: looked at are its first
//! passwords. While all of them are digests of one length, nothing of the file is written.

use crate::import::error::ImportError;
use crate::passwords::hash_schemes::digest_form::DigestForms;
use crate::users::candidate::CheckedPassword;

/// So many passwords of their own decide.
const DECIDING: u32 = 20;

/// What is known of a file's passwords.
#[derive(Debug)]
pub(super) struct DigestWatch {
    seen: u32,
    /// What all those seen have in common.
    common: DigestForms,
}

impl DigestWatch {
    /// Before the first row.
    pub(super) fn new() -> Self {
        DigestWatch {
            seen: 0,
            common: DigestForms::ANY,
        }
    }

    /// Nothing is looked for (any more).
    pub(super) fn decided() -> Self {
        DigestWatch {
            seen: DECIDING,
            common: DigestForms::NONE,
        }
    }

    /// Looks at the password of a row that passed.
    ///
    /// # Errors
    /// It was the last one that was needed to refuse the file.
    pub(super) fn look(&mut self, password: &CheckedPassword<'_>) -> Result<(), ImportError> {
        let CheckedPassword::Own(own, _) = password else {
            return Ok(());
        };
        if self.common.is_none() {
            return Ok(());
        }
        self.seen += 1;
        self.common = self.common.and(DigestForms::of(own.trim()));
        match self.seen >= DECIDING && !self.common.is_none() {
            true => Err(ImportError::PasswordColumn),
            false => Ok(()),
        }
    }

    /// Whether all that were seen are digests and there are too few to decide.
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
                .look(&CheckedPassword::Own(&own, Fitness::Stays))
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
    fn twenty_digests_of_one_length_refuse_the_file() {
        assert!(watch(digests(20)).0);
        let (refused, undecided) = watch(digests(19));
        assert!(!refused && undecided.suspects());
    }

    #[test]
    fn one_password_among_them_decides() {
        let mixed = digests(7)
            .chain(["Meadow-Lark-77".to_owned()])
            .chain(digests(40));
        let (refused, watch) = watch(mixed);
        assert!(!refused && !watch.suspects());
    }

    #[test]
    fn rows_without_a_password_of_their_own_do_not_count() {
        let mut watch = DigestWatch::new();
        for own in digests(19) {
            assert!(watch.look(&CheckedPassword::Default).is_ok());
            assert!(watch.look(&CheckedPassword::Hashed("$2b$…")).is_ok());
            assert!(
                watch
                    .look(&CheckedPassword::Own(&own, Fitness::Stays))
                    .is_ok()
            );
        }
        assert!(watch.suspects());
        assert!(!DigestWatch::new().suspects() && !DigestWatch::decided().suspects());
    }
}

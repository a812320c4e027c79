//! Classifies a password cell: a plain-text password, a hash made by another system, or a
//! placeholder that is not a password.

use crate::passwords::hash_schemes::Recognised;
use crate::passwords::password_masks;
use crate::passwords::rules::{Fitness, Settings};
use crate::users::candidate::{Candidate, CheckedPassword};
use crate::users::name::split_domain;

/// The code and the message of a problem or a warning.
pub type Finding = (&'static str, String);

/// Checks `own`, which is not blank, as the password of `candidate`. The result may include a
/// warning.
///
/// # Errors
/// Why it is refused; the message never contains the cell's text.
pub fn judge<'r>(
    own: &'r str,
    candidate: &Candidate<'_>,
    rules: &Settings,
) -> Result<(CheckedPassword<'r>, Option<Finding>), Finding> {
    if let Some(hash) = rules.recognise(own.trim()) {
        return check_hash(hash, rules).map(|()| (CheckedPassword::Hashed(own.trim()), None));
    }
    if password_masks::is_mask(own) {
        return Err((
            "password-masked",
            "the password is masked, as in exports that hide passwords; give the password \
             itself, or leave the cell empty"
                .into(),
        ));
    }
    let mut warning = None;
    if candidate.by_position {
        warning = check_position(own.trim(), candidate)?;
    }
    if rules.is_bare_digest(own) {
        warning = Some((
            "password-looks-like-digest",
            "the password looks like the digest of one; it was taken as a password in the clear, \
             and the user has to change it at the first login"
                .into(),
        ));
    }
    match rules.judge(own) {
        Ok(fitness) => {
            let fitness = if warning.is_some() {
                Fitness::InitialOnly
            } else {
                fitness
            };
            Ok((CheckedPassword::Own(own, fitness), warning))
        }
        Err(weak) => Err(("password-rule", weak.to_string())),
    }
}

/// Checks whether a text that looks like a hash may be stored as one. It is never taken for a
/// plain-text password: then a leaked hash would work as the password, and the user's real password
/// would not.
fn check_hash(hash: Recognised<'_>, rules: &Settings) -> Result<(), Finding> {
    const SCHEME: &str = "password-hash-scheme";
    const ADVICE: &str = "give a password in the clear, or none";
    let hash = match hash {
        Recognised::Known(hash) => hash,
        Recognised::Foreign(name) => {
            return Err((
                SCHEME,
                format!(
                    "the password begins like a hash of the scheme {name}, which cannot be verified here; \
                     {ADVICE}"
                ),
            ));
        }
        Recognised::Unnamed => {
            return Err((
                SCHEME,
                format!(
                    "the password looks like a hash of an unknown scheme; {ADVICE}. If the file \
                     holds passwords in the clear, set passwords.recognise_hashes to false"
                ),
            ));
        }
        Recognised::Locked => {
            return Err((
                SCHEME,
                format!(
                    "the password is a hash that is marked as locked; remove the mark if the \
                     user may log in, or {ADVICE}"
                ),
            ));
        }
        Recognised::Unusable => {
            return Err((
                "password-unusable",
                format!(
                    "the password marks an account that cannot log in with a password; {ADVICE}"
                ),
            ));
        }
    };
    let scheme = hash.scheme();
    if !rules.hash_schemes.allows(scheme) {
        return Err((
            SCHEME,
            format!(
                "the password is a hash of the scheme {scheme}, which passwords.hash_schemes does not allow"
            ),
        ));
    }
    hash.check().map_err(|error| {
        (
            "password-hash-form",
            format!(
                "the password begins like a hash of the scheme {scheme}, but {error}; a password in the \
                 clear may not begin like that"
            ),
        )
    })
}

/// Checks a password whose column was not named: it may be some other value.
fn check_position(own: &str, candidate: &Candidate<'_>) -> Result<Option<Finding>, Finding> {
    const ADVICE: &str = "name the columns in a header line, such as `username,email`";
    let same = |other: &str| own.eq_ignore_ascii_case(other.trim());
    let (_, bare) = split_domain(candidate.user_name);
    if same(bare) || same(candidate.user_name) {
        return Ok(Some((
            "password-is-user-name",
            "the password is the user name; it was accepted, and the user has to change it at \
             the first login"
                .into(),
        )));
    }
    if is_email_address(own) {
        return Err((
            "password-is-email-address",
            format!("the password column contains an e-mail address; {ADVICE}"),
        ));
    }
    let parts = [
        candidate.given_name,
        candidate.family_name,
        candidate.email,
        candidate.external_id,
        candidate.roles,
        candidate.groups,
    ];
    let attributes = candidate.attributes.iter().map(|(_, value)| *value);
    if parts.into_iter().flatten().chain(attributes).any(same) {
        return Err((
            "password-is-other-cell",
            format!("the password column contains another value of the row; {ADVICE}"),
        ));
    }
    Ok(None)
}

/// One `@` followed by the labels of a domain, the last one of letters only: `P@ssw0rd` and
/// `Sun@Sea.77` are passwords.
fn is_email_address(text: &str) -> bool {
    let text = text.trim_start_matches("mailto:").trim_matches(['<', '>']);
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((host, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let label =
        |it: &str| !it.is_empty() && it.chars().all(|sign| sign.is_alphanumeric() || sign == '-');
    let is_local = |it: char| it.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(it);
    !local.is_empty()
        && local.chars().all(is_local)
        && host.split('.').all(label)
        && top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        own: &str,
        candidate: Candidate<'_>,
    ) -> Result<(Fitness, &'static str), &'static str> {
        match judge(own, &candidate, &Settings::default()) {
            Ok((CheckedPassword::Own(_, fitness), warning)) => {
                Ok((fitness, warning.map_or("", |(code, _)| code)))
            }
            Ok(_) => Ok((Fitness::Permanent, "hash")),
            Err((code, message)) => {
                assert!(!message.contains(own), "{message}");
                Err(code)
            }
        }
    }

    fn by_position() -> Candidate<'static> {
        Candidate {
            user_name: "mira",
            by_position: true,
            ..Candidate::default()
        }
    }

    #[test]
    fn by_position_an_address_or_another_cell_is_refused_as_password() {
        for address in [
            "mira@example.com",
            "Mira.Sand@Mail.Example.ORG",
            "mira@beispiel-straße.de",
            "mailto:mira@example.com",
            "<mira@example.com>",
        ] {
            let found = judged(address, by_position());
            assert_eq!(found, Err("password-is-email-address"), "{address}");
            let headed = judged(address, Candidate::default());
            assert_eq!(headed, Ok((Fitness::Permanent, "")), "{address}");
        }
        for password in [
            "P@ssw0rd-77",
            "Sun@Sea.77",
            "a@b@c.example",
            "@example.com",
            "Meadow@Lark",
        ] {
            let found = judged(password, by_position());
            assert_eq!(found, Ok((Fitness::Permanent, "")), "{password}");
        }
        let other = Candidate {
            given_name: Some("Miranda-Maria"),
            attributes: vec![("country", "Switzerland")],
            ..by_position()
        };
        let other_cell = Err("password-is-other-cell");
        assert_eq!(judged("miranda-maria", other), other_cell);
        let attribute = Candidate {
            attributes: vec![("country", "Switzerland")],
            ..by_position()
        };
        assert_eq!(judged("Switzerland", attribute), other_cell);
    }

    #[test]
    fn by_position_the_user_name_is_accepted_as_initial_password() {
        let named = |user_name| Candidate {
            user_name,
            ..by_position()
        };
        let warned = Ok((Fitness::InitialOnly, "password-is-user-name"));
        assert_eq!(judged("mira-sandberg", named("mira-sandberg")), warned);
        assert_eq!(
            judged("Mira-Sandberg", named("PRIMARY/mira-sandberg")),
            warned
        );
        let address = named("mira@example.com");
        assert_eq!(judged("mira@example.com", address), warned);
        assert_eq!(
            judged("mira", named("mira")),
            Err("password-rule"),
            "four characters"
        );
        let headed = Candidate {
            by_position: false,
            ..named("mira-sandberg")
        };
        assert_eq!(
            judged("mira-sandberg", headed),
            Ok((Fitness::Permanent, ""))
        );
    }

    #[test]
    fn a_mask_is_a_problem_and_a_digest_a_warning() {
        let plain = |own| judged(own, Candidate::default());
        assert_eq!(plain("********"), Err("password-masked"));
        assert_eq!(plain("[hidden]"), Err("password-masked"));
        let digest = Ok((Fitness::InitialOnly, "password-looks-like-digest"));
        assert_eq!(plain("5f4dcc3b5aa765d61d8327deb882cf99"), digest);
        assert_eq!(plain("X03MO1qnZdYdgyfeuILPmQ=="), digest);
        assert_eq!(plain("Meadow-Lark-77"), Ok((Fitness::Permanent, "")));
    }

    #[test]
    fn without_recognition_everything_but_a_mask_is_plain_text() {
        let rules = Settings {
            recognise_hashes: false,
            ..Settings::default()
        };
        for own in [
            "$2b$04$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32",
            "{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk",
            "5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            let (password, warning) = judge(own, &Candidate::default(), &rules).unwrap();
            assert!(
                matches!(password, CheckedPassword::Own(_, Fitness::Permanent)),
                "{own}"
            );
            assert!(warning.is_none());
            assert_eq!(rules.judge(own), Ok(Fitness::Permanent));
        }
        assert!(judge("********", &Candidate::default(), &rules).is_err());
    }
}

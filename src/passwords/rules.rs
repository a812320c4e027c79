//! The password policy.
//!
//! It has two rules. An **initial** password is one that an administrator hands out; the rule is WSO2's
//! (`^[\S]{5,30}$`), so that its documented sample works. A **permanent** password has 8 to 256 characters and is
//! not a common one. A password that satisfies only the initial rule is accepted, and must be changed at the first
//! login.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::passwords::hash_schemes::digest_form;
use crate::passwords::hash_schemes::{self, Recognised};
use crate::passwords::password_masks;
use crate::pattern::Pattern;
use crate::quoted;

/// `[passwords]` of the settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Memory of one Argon2id hash, in KiB (RFC 9106 §3.1, m).
    pub memory_kib: u32,
    /// Passes of one Argon2id hash (RFC 9106 §3.1, t).
    pub passes: u32,
    /// The pattern that an initial password must match completely.
    pub initial_rule: Pattern,
    /// Minimum length of a permanent password, in characters.
    pub min_length: usize,
    /// Maximum length of any password, in characters.
    pub max_length: usize,
    /// Whether well-known passwords are refused as permanent passwords.
    pub refuse_common: bool,
    /// Schemes whose hashes are accepted in the password column.
    pub hash_schemes: HashSchemes,
    /// Whether text that looks like a hash is treated as one; otherwise every text is a plain password.
    pub recognise_hashes: bool,
    /// Lifetime of an initial password, in hours; 0: unlimited.
    pub initial_hours: u32,
    /// How long a verified credential, or the hash of a default password, is cached, in seconds.
    pub remember_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            memory_kib: 7 * 1024,
            passes: 5,
            initial_rule: Pattern::new(r"^[\S]{5,30}$").expect("a literal that compiles"),
            min_length: 8,
            max_length: 256,
            refuse_common: true,
            hash_schemes: HashSchemes::default(),
            recognise_hashes: true,
            initial_hours: 24,
            remember_seconds: 300,
        }
    }
}

impl Settings {
    /// Checks that the numbers are in range.
    ///
    /// # Errors
    /// A message that names the key and the range.
    pub fn check(&self) -> Result<(), String> {
        if !(1024..=1024 * 1024).contains(&self.memory_kib) {
            return Err("passwords.memory_kib must be between 1024 and 1048576".into());
        }
        if !(1..=64).contains(&self.passes) {
            return Err("passwords.passes must be between 1 and 64".into());
        }
        if self.min_length > self.max_length || self.max_length > 4096 {
            return Err(
                "passwords.min_length must not exceed passwords.max_length, which must not exceed 4096"
                    .into(),
            );
        }
        self.hash_schemes.check()
    }

    /// Initial passwords that were set before this time have expired; `None` if they never expire.
    pub fn initial_deadline(&self, now: Moment) -> Option<Moment> {
        (self.initial_hours > 0).then(|| now.minus_hours(self.initial_hours))
    }

    /// Whether an initial password that was set at `set_at` has expired.
    pub fn initial_has_expired(&self, set_at: Moment, now: Moment) -> bool {
        self.initial_deadline(now)
            .is_some_and(|deadline| set_at < deadline)
    }

    /// Checks which rules `password` satisfies.
    ///
    /// # Errors
    /// The rule that it breaks. The message never contains the password.
    pub fn judge(&self, password: &str) -> Result<Fitness, WeakPassword> {
        if password_masks::is_mask(password) {
            Err(WeakPassword(
                "it is a mask and not a password; use the password itself".into(),
            ))
        } else if self.recognise(password).is_some() {
            Err(WeakPassword(
                "it looks like a password hash; use the plain password".into(),
            ))
        } else if self.is_bare_digest(password) && password.len() <= self.max_length {
            Ok(Fitness::InitialOnly)
        } else if self.check_permanent(password).is_ok() {
            Ok(Fitness::Permanent)
        } else if self.initial_rule.matches(password) {
            Ok(Fitness::InitialOnly)
        } else {
            Err(WeakPassword(self.initial_rule_message()))
        }
    }

    /// What kind of hash `password` looks like, if any and if hashes are recognised.
    pub fn recognise<'t>(&self, password: &'t str) -> Option<Recognised<'t>> {
        match self.recognise_hashes {
            true => hash_schemes::recognise(password),
            false => None,
        }
    }

    /// Whether `password` looks like a digest without the name of a scheme, and hashes are recognised.
    pub fn is_bare_digest(&self, password: &str) -> bool {
        self.recognise_hashes && digest_form::is_bare_digest(password)
    }

    /// Checks that `password` can be permanent: for operators, and for users who choose their own.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_permanent(&self, password: &str) -> Result<(), WeakPassword> {
        let length = password.chars().count();
        if length < self.min_length || length > self.max_length {
            let (min, max) = (self.min_length, self.max_length);
            return Err(WeakPassword(format!(
                "a permanent password has {min} to {max} characters"
            )));
        }
        if self.refuse_common && is_common(password) {
            return Err(WeakPassword(
                "this is one of the most common passwords; choose another".into(),
            ));
        }
        Ok(())
    }

    /// The rules of [`check_permanent`](Self::check_permanent) as a sentence.
    pub fn permanent_rule(&self) -> String {
        let (min, max) = (self.min_length, self.max_length);
        let common = match self.refuse_common {
            true => ", and is not one of the most common passwords",
            false => "",
        };
        format!("The password has {min} to {max} characters{common}.")
    }

    fn initial_rule_message(&self) -> String {
        let rule = self.initial_rule.as_str();
        if rule == r"^[\S]{5,30}$" {
            "an initial password has 5 to 30 characters and no white space".into()
        } else {
            format!("an initial password must match {rule}")
        }
    }
}

/// The schemes whose hashes are accepted: a list of names, or one text with commas.
///
/// All of them by default. Each of them uses a salt; hashes with a single round are replaced by Argon2id when the
/// user first logs in.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(from = "SchemeList")]
pub struct HashSchemes(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum SchemeList {
    List(Vec<String>),
    Text(String),
}

impl From<SchemeList> for HashSchemes {
    fn from(names: SchemeList) -> Self {
        HashSchemes(match names {
            SchemeList::List(names) => names,
            SchemeList::Text(text) => {
                let names = text.split(',').map(str::trim);
                let some = names.filter(|name| !name.is_empty());
                some.map(str::to_owned).collect()
            }
        })
    }
}

impl Default for HashSchemes {
    fn default() -> Self {
        HashSchemes(hash_schemes::names().map(str::to_owned).collect())
    }
}

impl HashSchemes {
    /// Whether hashes of the scheme `name` are accepted.
    pub fn allows(&self, name: &str) -> bool {
        self.0.iter().any(|allowed| allowed == name)
    }

    fn check(&self) -> Result<(), String> {
        let known: Vec<_> = hash_schemes::names().collect();
        match self.0.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(format!(
                "passwords.hash_schemes: unknown scheme {unknown:?}; the schemes are {}",
                known.join(", ")
            )),
        }
    }
}

/// What a password may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// Permanent password.
    Permanent,
    /// Must be changed at the first login.
    InitialOnly,
}

/// The rule that a password broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WeakPassword(String);

impl WeakPassword {
    /// Restores the broken rule from a record.
    pub fn from_sentence(sentence: &str) -> Self {
        WeakPassword(sentence.to_owned())
    }
}

/// The most common passwords of eight or more characters, in lower case.
const COMMON: &[&str] = &[
    "000000000",
    "00000000",
    "0123456789",
    "11111111",
    "111111111",
    "1111111111",
    "11223344",
    "112233445566",
    "12121212",
    "12341234",
    "12344321",
    "123123123",
    "12345678",
    "123456789",
    "1234567890",
    "123456789a",
    "123454321",
    "123qweasd",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "1qazxsw2",
    "22222222",
    "55555555",
    "66666666",
    "87654321",
    "88888888",
    "987654321",
    "9876543210",
    "99999999",
    "a1234567",
    "a12345678",
    "a123456789",
    "aa123456",
    "aa12345678",
    "aaaaaaaa",
    "abc12345",
    "abc123456",
    "abcd1234",
    "abcdefgh",
    "access14",
    "administrator",
    "admin123",
    "admin1234",
    "adminadmin",
    "alexander",
    "asdasdasd",
    "asdf1234",
    "asdfasdf",
    "asdfghjkl",
    "asdfghjk",
    "baseball",
    "basketball",
    "butterfly",
    "changeme",
    "changeme1",
    "charlie1",
    "chocolate",
    "computer",
    "corvette",
    "danielle",
    "dragon123",
    "einstein",
    "elephant",
    "football",
    "football1",
    "hello123",
    "hellohello",
    "iloveyou",
    "iloveyou1",
    "internet",
    "jennifer",
    "jordan23",
    "letmein1",
    "liverpool",
    "login123",
    "master123",
    "maverick",
    "michelle",
    "midnight",
    "mustang1",
    "nicholas",
    "p@ssw0rd",
    "p@ssword",
    "pa$$w0rd",
    "pass1234",
    "passw0rd",
    "passw0rd1",
    "password",
    "password!",
    "password1",
    "password1!",
    "password12",
    "password123",
    "password1234",
    "princess",
    "princess1",
    "q1w2e3r4",
    "q1w2e3r4t5",
    "qazwsxedc",
    "qwer1234",
    "qwerasdf",
    "qwerty12",
    "qwerty123",
    "qwerty1234",
    "qwertyui",
    "qwertyuiop",
    "qwertzui",
    "qwertzuiop",
    "samantha",
    "samsung1",
    "secret123",
    "starwars",
    "startrek",
    "sunshine",
    "sunshine1",
    "superman",
    "superman1",
    "superstar",
    "test1234",
    "testtest",
    "trustno1",
    "victoria",
    "welcome1",
    "welcome1!",
    "welcome123",
    "whatever",
    "zaq12wsx",
    "zxcvbnm1",
    "zxcvbnm,",
];

/// The best-known passwords, in lower case: a password that is one of them may not stay.
pub fn common() -> &'static [&'static str] {
    COMMON
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    COMMON.contains(&lower.as_str())
}

/// Whether a text in place of a name looks like a password: one word with a digit, and with letters of both cases
/// or punctuation. Such a text is never quoted in a message, even though some real names are then not quoted either.
pub fn looks_like_password(text: &str) -> bool {
    quoted::looks_like_password(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_permanent_initial_or_refused() {
        let rules = Settings::default();
        assert_eq!(rules.judge("Passw0rd!x9"), Ok(Fitness::Permanent));
        assert_eq!(
            rules.judge("correct horse battery staple, and longer"),
            Ok(Fitness::Permanent)
        );
        assert_eq!(rules.judge("admin"), Ok(Fitness::InitialOnly));
        assert_eq!(
            rules.judge("Password1"),
            Ok(Fitness::InitialOnly),
            "a common password cannot be permanent"
        );
        assert_eq!(
            rules.judge("four").unwrap_err().to_string(),
            "an initial password has 5 to 30 characters and no white space"
        );
        assert!(rules.judge(&"x".repeat(257)).is_err());
        assert!(rules.judge("a b c").is_err(), "white space in a short one");
    }

    #[test]
    fn schemes_are_a_list_or_a_text_of_known_names() {
        let read = |toml: &str| toml::from_str::<Settings>(toml).unwrap();
        let settings = read("hash_schemes = ['bcrypt', 'ssha']");
        assert!(settings.hash_schemes.allows("ssha") && !settings.hash_schemes.allows("scrypt"));
        assert!(
            read("hash_schemes = 'bcrypt, scrypt'")
                .hash_schemes
                .allows("scrypt")
        );
        assert!(read("hash_schemes = ''").check().is_ok());
        assert!(read("").hash_schemes.allows("wso2-sha256"));
        let error = read("hash_schemes = 'md5'").check().unwrap_err();
        assert!(
            error.contains("\"md5\"") && error.contains("bcrypt, scrypt"),
            "{error}"
        );
    }

    #[test]
    fn initial_password_expires_after_its_hours_or_never() {
        const HOUR: i64 = 3_600_000_000;
        let mut rules = Settings::default();
        assert!(!rules.initial_has_expired(Moment(0), Moment(24 * HOUR)));
        assert!(rules.initial_has_expired(Moment(0), Moment(24 * HOUR + 1)));
        rules.initial_hours = 0;
        assert!(!rules.initial_has_expired(Moment(0), Moment(i64::MAX)));
    }

    #[test]
    fn hash_is_not_a_password() {
        assert!(
            Settings::default()
                .judge("{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk")
                .is_err()
        );
    }

    #[test]
    fn lengths_count_characters() {
        assert!(Settings::default().check_permanent("ünïcödé!").is_ok());
        assert!(Settings::default().check_permanent("ünïcödé").is_err());
    }

    #[test]
    fn passwords_are_distinguished_from_names() {
        for text in ["Secret1x", "pass-word-1", "Pass123"] {
            assert!(looks_like_password(text), "{text}");
        }
        for text in [
            "O'Neil-Smith",
            "Zoë",
            "nosuch",
            "Internal/everyone",
            "role1234",
            "a b1-C",
        ] {
            assert!(!looks_like_password(text), "{text}");
        }
    }
}

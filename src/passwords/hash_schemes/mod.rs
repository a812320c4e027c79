//! Hashes from other systems: recognised by their prefix, checked for form, and verified as they are. A scheme is
//! one file and its rows in the table. `recognition` detects text that looks like a hash of any other scheme.
//!
//! The form and its bounds are checked strictly before anything is stored, because the hash itself determines the
//! cost of its verification: beyond the bounds, it could take minutes or gigabytes. Messages never contain any of
//! the text.

pub mod form;
pub mod digest_form;
mod foreign_names;
mod recognition;
mod crypt64;
mod argon2;
mod bcrypt;
mod wordpress;
mod scrypt;
mod yescrypt;
mod pbkdf2;
mod django;
mod werkzeug;
mod spring;
mod directory;
mod pkcs5s2;
mod aspnet;
mod keycloak;
mod sha_crypt;
mod phpass;
mod md5_crypt;
mod salted_sha;
mod shiro;
mod wso2;

use crate::passwords::hash_schemes::form::{FormError, NoMemory};
use crate::passwords::hash_schemes::pbkdf2::{Sha1, Sha256, Sha512};
use crate::passwords::hash_schemes::recognition::Appearance;

/// A hash scheme, or one of its formats.
struct Scheme {
    /// The name in the settings. Rows with the same name are adjacent.
    name: &'static str,
    /// The prefixes of its hashes, in any case; empty if only the whole text identifies the hash.
    prefixes: &'static [&'static str],
    /// Whether the whole text, which has one of the prefixes, is a hash of this scheme, well-formed or not.
    is_like: fn(&str) -> bool,
    /// Checks the text after the prefix.
    check: Check,
    /// Verifies the whole hash; also gets the text after the prefix, and the password.
    verify: Verify,
}

type Check = fn(&str) -> Result<(), FormError>;
type Verify = fn(&str, &str, &[u8]) -> bool;

impl Scheme {
    /// A scheme that is recognised by its prefix.
    const fn new(
        name: &'static str,
        prefixes: &'static [&'static str],
        check: Check,
        verify: Verify,
    ) -> Self {
        Scheme {
            name,
            prefixes,
            is_like: |_| true,
            check,
            verify,
        }
    }

    /// The same where a password could have such a prefix, too.
    const fn when(mut self, is_like: fn(&str) -> bool) -> Self {
        self.is_like = is_like;
        self
    }
}

/// The scheme of Muster's own hashes.
const OWN: &str = "argon2id";

#[rustfmt::skip]
const SCHEMES: &[Scheme] = &[
    Scheme::new(OWN, &["$argon2id$"], argon2::check, argon2::verify_id),
    Scheme::new("argon2i", &["$argon2i$"], argon2::check, argon2::verify_i),
    Scheme::new("bcrypt", bcrypt::PREFIXES, bcrypt::check, bcrypt::verify),
    Scheme::new("bcrypt", &["{WSO2-BCRYPT}"], wso2::check_bcrypt, wso2::verify_bcrypt),
    Scheme::new("bcrypt-sha256", &["bcrypt_sha256$"], django::check_bcrypt, django::verify_bcrypt),
    Scheme::new("wordpress-bcrypt", &["$wp$2y$"], bcrypt::check, wordpress::verify),
    Scheme::new("scrypt", &["$scrypt$"], scrypt::check, scrypt::verify),
    Scheme::new("scrypt", &["scrypt$"], django::check_scrypt, django::verify_scrypt).when(django::is_like_scrypt),
    Scheme::new("scrypt", &["scrypt:"], werkzeug::check_scrypt, werkzeug::verify_scrypt).when(werkzeug::is_like),
    Scheme::new("scrypt", spring::SCRYPT, spring::check_scrypt, spring::verify_scrypt),
    Scheme::new("yescrypt", &["$y$"], yescrypt::check, yescrypt::verify),
    Scheme::new("pbkdf2-sha512", &["$pbkdf2-sha512$"], pbkdf2::check, pbkdf2::verify::<Sha512>),
    Scheme::new("pbkdf2-sha512", &["pbkdf2:sha512:"], werkzeug::check_pbkdf2::<Sha512>, werkzeug::verify_pbkdf2::<Sha512>).when(werkzeug::is_like),
    Scheme::new("pbkdf2-sha512", &["{PBKDF2-SHA512}"], directory::check::<Sha512>, directory::verify::<Sha512>),
    Scheme::new("pbkdf2-sha256", &["$pbkdf2-sha256$"], pbkdf2::check, pbkdf2::verify::<Sha256>),
    Scheme::new("pbkdf2-sha256", &["pbkdf2_sha256$"], django::check_pbkdf2::<Sha256>, django::verify_pbkdf2::<Sha256>),
    Scheme::new("pbkdf2-sha256", &["pbkdf2:sha256:"], werkzeug::check_pbkdf2::<Sha256>, werkzeug::verify_pbkdf2::<Sha256>).when(werkzeug::is_like),
    Scheme::new("pbkdf2-sha256", &["{PBKDF2-SHA256}"], directory::check::<Sha256>, directory::verify::<Sha256>),
    Scheme::new("pbkdf2-sha256", &["{PBKDF2_SHA256}"], directory::check_older, directory::verify_older),
    Scheme::new("pbkdf2-sha256", &["{pbkdf2@SpringSecurity_v5_8}"], spring::check_pbkdf2, spring::verify_pbkdf2),
    Scheme::new("pbkdf2-sha1", &["$pbkdf2$", "$pbkdf2-sha1$"], pbkdf2::check, pbkdf2::verify::<Sha1>),
    Scheme::new("pbkdf2-sha1", &["pbkdf2_sha1$"], django::check_pbkdf2::<Sha1>, django::verify_pbkdf2::<Sha1>),
    Scheme::new("pbkdf2-sha1", &["pbkdf2:sha1:"], werkzeug::check_pbkdf2::<Sha1>, werkzeug::verify_pbkdf2::<Sha1>).when(werkzeug::is_like),
    Scheme::new("pbkdf2-sha1", &["{PBKDF2-SHA1}"], directory::check::<Sha1>, directory::verify::<Sha1>),
    Scheme::new("pbkdf2-sha1", &["{PBKDF2}"], directory::check_any, directory::verify_any),
    Scheme::new("pkcs5s2", &["{PKCS5S2}"], pkcs5s2::check, pkcs5s2::verify),
    Scheme::new("wso2-pbkdf2", &["{WSO2-PBKDF2-SHA512}"], wso2::check_pbkdf2, wso2::verify_pbkdf2::<Sha512>),
    Scheme::new("wso2-pbkdf2", &["{WSO2-PBKDF2-SHA256}"], wso2::check_pbkdf2, wso2::verify_pbkdf2::<Sha256>),
    Scheme::new("wso2-pbkdf2", &["{WSO2-PBKDF2-SHA1}"], wso2::check_pbkdf2, wso2::verify_pbkdf2::<Sha1>),
    Scheme::new("aspnet-identity", &[""], aspnet::check, aspnet::verify).when(aspnet::is_like),
    Scheme::new("keycloak", &[""], keycloak::check, keycloak::verify).when(keycloak::is_like),
    Scheme::new("sha512-crypt", &["$6$"], sha_crypt::check_512, sha_crypt::verify),
    Scheme::new("sha256-crypt", &["$5$"], sha_crypt::check_256, sha_crypt::verify),
    Scheme::new("drupal7", &["$S$", "U$S$"], phpass::check_drupal, phpass::verify_drupal).when(phpass::is_like_drupal),
    Scheme::new("phpass", &["$P$", "$H$"], phpass::check, phpass::verify).when(phpass::is_like),
    Scheme::new("md5-crypt", &["$1$"], md5_crypt::check, md5_crypt::verify),
    Scheme::new("apr1", &["$apr1$"], md5_crypt::check, md5_crypt::verify_apr1),
    Scheme::new("shiro1", &["$shiro1$"], shiro::check, shiro::verify),
    Scheme::new("ssha512", &["{SSHA512}", "{SSHA-512}"], salted_sha::check_ssha512, salted_sha::verify_ssha512),
    Scheme::new("ssha384", &["{SSHA384}", "{SSHA-384}"], salted_sha::check_ssha384, salted_sha::verify_ssha384),
    Scheme::new("ssha256", &["{SSHA256}", "{SSHA-256}"], salted_sha::check_ssha256, salted_sha::verify_ssha256),
    Scheme::new("ssha", &["{SSHA}"], salted_sha::check_ssha, salted_sha::verify_ssha),
    Scheme::new("wso2-sha256", &["{WSO2-SHA256}"], wso2::check_sha256, wso2::verify_sha256),
];

/// Prefixes that OpenLDAP, Dovecot, Spring Security and Django write before a hash that is complete without them.
const WRAPPERS: &[&str] = &[
    "{CRYPT}",
    "{SHA512-CRYPT}",
    "{SHA256-CRYPT}",
    "{MD5-CRYPT}",
    "{BLF-CRYPT}",
    "{ARGON2ID}",
    "{ARGON2I}",
    "{ARGON2}",
    "{argon2@SpringSecurity_v5_8}",
    "{BCRYPT}",
    "argon2",
    "bcrypt$",
];

/// A text that looks like a hash.
#[derive(Clone, Copy)]
pub enum Recognised<'t> {
    /// A hash of a supported scheme, if its form is right.
    Known(KnownHash<'t>),
    /// A hash of the named scheme, which is not supported.
    Foreign(&'static str),
    /// A hash of an unknown scheme.
    Unnamed,
    /// A hash with a lock before it.
    Locked,
    /// The mark of an account without a usable password.
    Unusable,
}

/// A text that begins like a hash of a supported scheme.
#[derive(Clone, Copy)]
pub struct KnownHash<'t> {
    scheme: &'static Scheme,
    prefix: &'static str,
    /// The text without a wrapper.
    text: &'t str,
    /// The text without the prefix.
    rest: &'t str,
}

impl KnownHash<'_> {
    /// The name of its scheme in the settings.
    pub fn scheme(&self) -> &'static str {
        self.scheme.name
    }

    /// Checks that it can be verified, within the bounds.
    ///
    /// # Errors
    /// The defect of its form, or the bound that it exceeds.
    pub fn check(&self) -> Result<(), FormError> {
        // Names in braces are case-insensitive (RFC 3112 §2.1), the others are not.
        if self.prefix.starts_with('$') && !self.text.starts_with(self.prefix) {
            return Err(FormError::Shape(self.prefix));
        }
        (self.scheme.check)(self.rest)
    }

    /// Whether `password` is its password. Hashes beyond the bounds are not tried, except those of our own scheme,
    /// whose cost is controlled by the settings.
    fn verify(&self, password: &[u8]) -> Result<bool, NoMemory> {
        match self.scheme.name {
            OWN => argon2::try_verify_id(self.text, self.rest, password),
            _ if self.check().is_err() => Ok(false),
            "argon2i" => argon2::try_verify_i(self.text, self.rest, password),
            _ => Ok((self.scheme.verify)(self.text, self.rest, password)),
        }
    }
}

/// Classifies `text`; `None` if it does not look like a hash.
pub fn recognise(text: &str) -> Option<Recognised<'_>> {
    if recognition::is_ordinary(text) {
        return None;
    }
    if let Some(known) = verifiable(text) {
        return Some(Recognised::Known(known));
    }
    recognition::appearance(text).map(|it| match it {
        Appearance::Like(name) => Recognised::Foreign(name),
        Appearance::LikeAny => Recognised::Unnamed,
        Appearance::Locked => Recognised::Locked,
        Appearance::Unusable => Recognised::Unusable,
    })
}

/// Parses `text` as a hash of a supported scheme, alone or wrapped.
fn verifiable(text: &str) -> Option<KnownHash<'_>> {
    let known = prefixed(text);
    known.or_else(|| {
        // These could also surround a plain password.
        let inner = recognition::unwrapped(text)?;
        prefixed(inner).filter(|hash| hash.check().is_ok())
    })
}

/// The same for a text that begins with the hash, or with a prefix before it.
fn prefixed(text: &str) -> Option<KnownHash<'_>> {
    known(text).or_else(|| {
        let mut inner = WRAPPERS
            .iter()
            .filter_map(|prefix| after_prefix(text, prefix));
        inner.find_map(|inner| known(inner).filter(|_| inner.starts_with('$')))
    })
}

/// Whether `password` is the password of `stored`, whatever its scheme.
///
/// # Errors
/// Not enough memory to verify the password.
pub(super) fn is_password_of(stored: &str, password: &[u8]) -> Result<bool, NoMemory> {
    verifiable(stored).map_or(Ok(false), |hash| hash.verify(password))
}

#[cfg(test)]
fn verify(stored: &str, password: &[u8]) -> bool {
    is_password_of(stored, password).unwrap()
}

/// Whether `stored` is a hash of Muster's own scheme with at least this memory (KiB) and this work.
pub(super) fn is_current(stored: &str, memory_kib: u64, passes: u64) -> bool {
    let Some(cost) = after_prefix(stored, "$argon2id$").and_then(argon2::cost) else {
        return false;
    };
    cost.memory >= memory_kib
        && cost.memory.saturating_mul(cost.passes) >= memory_kib.saturating_mul(passes)
}

/// The names of all schemes, the strongest first.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    SCHEMES.iter().filter_map(move |scheme| {
        let new = scheme.name != last;
        last = scheme.name;
        new.then_some(scheme.name)
    })
}

fn known(text: &str) -> Option<KnownHash<'_>> {
    SCHEMES.iter().find_map(|scheme| {
        scheme.prefixes.iter().find_map(|prefix| {
            let rest = after_prefix(text, prefix)?;
            (scheme.is_like)(text).then_some(KnownHash {
                scheme,
                prefix,
                text,
                rest,
            })
        })
    })
}

/// The text after `prefix`, which is compared without case.
fn after_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod vectors;
#[cfg(test)]
mod tests;

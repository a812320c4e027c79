//! Password hashes that were made elsewhere: known by how they begin, checked for form, verified as
//! they are. One table; a scheme is a file and a row in it. What looks like a hash of any other scheme is
//! told by `recognition`.
//!
//! The form is checked strictly and with bounds, before anything is stored, because a hash says itself
//! how much work its verification is: over the bounds it could take minutes or gigabytes. No message
//! here holds any of the text.

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
use crate::passwords::hash_schemes::recognition::Looks;

/// A way to hash passwords, or one of the ways to write it.
struct Scheme {
    /// What the settings call it. More than one row may have the same name; they stand together.
    name: &'static str,
    /// How its hashes begin, in any case; an empty one when only all of the text tells.
    prefixes: &'static [&'static str],
    /// Whether the whole text, which has one of the prefixes, is one of its hashes, right or broken.
    is_like: fn(&str) -> bool,
    /// Takes what stands behind the prefix.
    check: Check,
    /// Takes the whole hash, what stands behind the prefix, and the password.
    verify: Verify,
}

type Check = fn(&str) -> Result<(), FormError>;
type Verify = fn(&str, &str, &[u8]) -> bool;

impl Scheme {
    /// A scheme whose hashes are known by their prefix.
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

    /// The same where a password could have such a prefix too.
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

/// What OpenLDAP, Dovecot, Spring Security and Django write in front of a hash that is complete without it.
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

/// What a text is that looks like a hash.
#[derive(Clone, Copy)]
pub enum Recognised<'t> {
    /// A hash of a scheme that is verified here, if its form is right.
    Known(KnownHash<'t>),
    /// One of a scheme that is not; its name.
    Foreign(&'static str),
    /// One of a scheme without a name.
    Unnamed,
    /// One that a lock stands before.
    Locked,
    /// The mark of an account without a usable password.
    Unusable,
}

/// A text that begins like a hash of a scheme that is verified here.
#[derive(Clone, Copy)]
pub struct KnownHash<'t> {
    scheme: &'static Scheme,
    prefix: &'static str,
    /// Without a wrapper.
    text: &'t str,
    /// Without the prefix.
    rest: &'t str,
}

impl KnownHash<'_> {
    /// What the settings call its scheme.
    pub fn scheme(&self) -> &'static str {
        self.scheme.name
    }

    /// Whether it can be verified, and without harm.
    ///
    /// # Errors
    /// What is wrong with its form, or which bound it breaks.
    pub fn check(&self) -> Result<(), FormError> {
        // Names in braces may be written in any case (RFC 3112 §2.1), the others not.
        if self.prefix.starts_with('$') && !self.text.starts_with(self.prefix) {
            return Err(FormError::Shape(self.prefix));
        }
        (self.scheme.check)(self.rest)
    }

    /// Whether `password` is the one behind it. Nothing beyond the bounds is tried, but for hashes of
    /// our own scheme: what they cost is the settings' affair.
    fn verify(&self, password: &[u8]) -> Result<bool, NoMemory> {
        match self.scheme.name {
            OWN => argon2::try_verify_id(self.text, self.rest, password),
            _ if self.check().is_err() => Ok(false),
            "argon2i" => argon2::try_verify_i(self.text, self.rest, password),
            _ => Ok((self.scheme.verify)(self.text, self.rest, password)),
        }
    }
}

/// What `text` looks like; none when it does not look like a hash at all.
pub fn recognise(text: &str) -> Option<Recognised<'_>> {
    if recognition::is_ordinary(text) {
        return None;
    }
    if let Some(known) = verifiable(text) {
        return Some(Recognised::Known(known));
    }
    recognition::looks(text).map(|it| match it {
        Looks::Like(name) => Recognised::Foreign(name),
        Looks::LikeAny => Recognised::Unnamed,
        Looks::Locked => Recognised::Locked,
        Looks::Unusable => Recognised::Unusable,
    })
}

/// The hash of one of our schemes that `text` is, by itself or with something around it.
fn verifiable(text: &str) -> Option<KnownHash<'_>> {
    let known = prefixed(text);
    known.or_else(|| {
        // These could stand around a password in the clear as well.
        let inner = recognition::unwrapped(text)?;
        prefixed(inner).filter(|hash| hash.check().is_ok())
    })
}

/// The same of a text that begins with the hash, or with a wrapper in front of it.
fn prefixed(text: &str) -> Option<KnownHash<'_>> {
    known(text).or_else(|| {
        let mut inner = WRAPPERS.iter().filter_map(|prefix| behind(text, prefix));
        inner.find_map(|inner| known(inner).filter(|_| inner.starts_with('$')))
    })
}

/// Whether `password` is the one behind `stored`, whatever its scheme.
///
/// # Errors
/// There was no memory to find out.
pub(super) fn is_password_of(stored: &str, password: &[u8]) -> Result<bool, NoMemory> {
    verifiable(stored).map_or(Ok(false), |hash| hash.verify(password))
}

#[cfg(test)]
fn verify(stored: &str, password: &[u8]) -> bool {
    is_password_of(stored, password).unwrap()
}

/// Whether `stored` is a hash as Muster makes them, with at least the memory (KiB) and at least the
/// work of these settings.
pub(super) fn is_current(stored: &str, memory_kib: u64, passes: u64) -> bool {
    let Some(cost) = behind(stored, "$argon2id$").and_then(argon2::cost) else {
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
            let rest = behind(text, prefix)?;
            (scheme.is_like)(text).then_some(KnownHash {
                scheme,
                prefix,
                text,
                rest,
            })
        })
    })
}

/// What stands behind `prefix`, which may be written in any case.
fn behind<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod vectors;
#[cfg(test)]
mod tests;

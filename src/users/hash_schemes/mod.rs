//! Password hashes that were made elsewhere: known by how they begin, checked for form, verified as
//! they are. One table; a scheme is a file and a row in it.
//!
//! The form is checked strictly and with bounds, before anything is stored, because a hash says itself
//! how much work its verification is: over the bounds it could take minutes or gigabytes. No message
//! here holds any of the text.

pub mod form;
mod argon2;
mod bcrypt;
mod pbkdf2;
mod scrypt;
mod sha_crypt;
mod salted_sha;

use crate::users::hash_schemes::form::FormError;

/// A way to hash passwords.
struct Scheme {
    /// What the settings call it. More than one row may have the same name.
    name: &'static str,
    /// How its hashes begin, in any case.
    prefixes: &'static [&'static str],
    /// Takes what stands behind the prefix.
    check: fn(&str) -> Result<(), FormError>,
    /// Takes the whole hash, what stands behind the prefix, and the password.
    verify: fn(&str, &str, &[u8]) -> bool,
}

/// The scheme of Muster's own hashes.
const OWN: &str = "argon2id";

#[rustfmt::skip]
const SCHEMES: &[Scheme] = &[
    Scheme { name: OWN, prefixes: &["$argon2id$"], check: argon2::check, verify: argon2::verify_id },
    Scheme { name: "argon2i", prefixes: &["$argon2i$"], check: argon2::check, verify: argon2::verify_i },
    Scheme { name: "bcrypt", prefixes: &["$2a$", "$2b$", "$2y$"], check: bcrypt::check, verify: bcrypt::verify },
    Scheme { name: "scrypt", prefixes: &["$scrypt$"], check: scrypt::check, verify: scrypt::verify },
    Scheme { name: "pbkdf2-sha256", prefixes: &["$pbkdf2-sha256$"], check: pbkdf2::check, verify: pbkdf2::verify_sha256 },
    Scheme { name: "pbkdf2-sha256", prefixes: &["pbkdf2_sha256$"], check: pbkdf2::check_django, verify: pbkdf2::verify_django },
    Scheme { name: "pbkdf2-sha512", prefixes: &["$pbkdf2-sha512$"], check: pbkdf2::check, verify: pbkdf2::verify_sha512 },
    Scheme { name: "sha256-crypt", prefixes: &["$5$"], check: sha_crypt::check_256, verify: sha_crypt::verify },
    Scheme { name: "sha512-crypt", prefixes: &["$6$"], check: sha_crypt::check_512, verify: sha_crypt::verify },
    Scheme { name: "ssha", prefixes: &["{SSHA}"], check: salted_sha::check_ssha, verify: salted_sha::verify_ssha },
    Scheme { name: "ssha256", prefixes: &["{SSHA256}"], check: salted_sha::check_ssha256, verify: salted_sha::verify_ssha256 },
    Scheme { name: "ssha512", prefixes: &["{SSHA512}"], check: salted_sha::check_ssha512, verify: salted_sha::verify_ssha512 },
    Scheme { name: "wso2-sha256", prefixes: &["{WSO2-SHA256}"], check: salted_sha::check_wso2, verify: salted_sha::verify_wso2 },
];

/// What OpenLDAP, Spring Security and Django write in front of a hash that is complete without it.
const WRAPPERS: &[&str] = &["{CRYPT}", "{ARGON2}", "{BCRYPT}", "argon2", "bcrypt$"];

/// Beginnings of hashes that cannot be verified here: without a salt, or too weak or too rare. They
/// are known all the same, so that none is taken for a password.
const FOREIGN: &[(&str, &str)] = &[
    ("$1$", "md5-crypt"),
    ("$apr1$", "apr1"),
    ("$2x$", "2x bcrypt"),
    ("$argon2d$", "argon2d"),
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$7$", "scrypt-crypt"),
    ("$sha1$", "sha1-crypt"),
    ("$pbkdf2$", "pbkdf2-sha1"),
    ("$pbkdf2-sha1$", "pbkdf2-sha1"),
    ("$bcrypt-sha256$", "bcrypt-sha256"),
    ("pbkdf2_sha1$", "pbkdf2-sha1"),
    ("bcrypt_sha256$", "bcrypt-sha256"),
    ("{SHA}", "sha"),
    ("{SHA256}", "sha256"),
    ("{SHA512}", "sha512"),
    ("{MD5}", "md5"),
    ("{SMD5}", "smd5"),
    ("{CRYPT}", "crypt"),
    ("{PBKDF2}", "pbkdf2-sha1"),
    ("{PBKDF2-", "pbkdf2 of a directory"),
    ("{PBKDF2_", "pbkdf2 of a directory"),
];

/// What a text is that begins like a hash.
#[derive(Clone, Copy)]
pub enum Recognised<'t> {
    /// A hash of a scheme that is verified here, if its form is right.
    Known(KnownHash<'t>),
    /// One of a scheme that is not; its name.
    Foreign(&'static str),
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
    fn verify(&self, password: &[u8]) -> bool {
        (self.scheme.name == OWN || self.check().is_ok())
            && (self.scheme.verify)(self.text, self.rest, password)
    }
}

/// What `text` begins like; none when it does not look like a hash at all.
pub fn recognise(text: &str) -> Option<Recognised<'_>> {
    // Most passwords are not looked at any closer.
    if !matches!(text.as_bytes().first()?, b'$' | b'{' | b'a' | b'b' | b'p') {
        return None;
    }
    if let Some(known) = known(text) {
        return Some(Recognised::Known(known));
    }
    let mut unwrapped = WRAPPERS.iter().filter_map(|prefix| behind(text, prefix));
    if let Some(known) = unwrapped.find_map(|inner| known(inner).filter(|_| inner.starts_with('$')))
    {
        return Some(Recognised::Known(known));
    }
    let mut foreign = FOREIGN.iter();
    let named = foreign.find(|(prefix, _)| behind(text, prefix).is_some());
    match named {
        Some((_, name)) => Some(Recognised::Foreign(name)),
        None => is_phpass(text).then_some(Recognised::Foreign("phpass")),
    }
}

/// Whether `password` is the one behind `stored`, whatever its scheme.
pub(super) fn verify(stored: &str, password: &[u8]) -> bool {
    match recognise(stored) {
        Some(Recognised::Known(hash)) => hash.verify(password),
        Some(Recognised::Foreign(_)) | None => false,
    }
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
            Some(KnownHash {
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

/// phpass, as WordPress and others keep it. `$P$` alone could begin a password, so all of it counts.
fn is_phpass(text: &str) -> bool {
    (text.starts_with("$P$") || text.starts_with("$H$"))
        && text.len() == 34
        && text
            .bytes()
            .skip(3)
            .all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
}

#[cfg(test)]
mod tests;

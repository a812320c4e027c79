//! The WS-Security header: a UsernameToken (OASIS UsernameToken Profile 1.0 and 1.1, §3.1) with the
//! password as text or as a digest, and a Timestamp (WS-Security 1.0 §10).
//!
//! Checking a digest needs the password in plain text, and operators' passwords are stored hashed. Digests are
//! therefore only for callers whose secret is in the settings.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::{digest, hmac, rand::SystemRandom};

use crate::access::acting::Acting;
use crate::access::basic::Credentials;
use crate::access::gate::Caller;
use crate::app::App;
use crate::config;
use crate::http::soap::elements::{next_child, read_text, skip};
use crate::http::soap::fault::Fault;
use crate::http::soap::security_settings::Settings;
use crate::http::soap::xml::{Element, XmlReader};
use crate::passwords::secret::Secret;
use crate::users::name::lookup_key;

/// Namespace of the header block and the token.
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// Namespace of `Created`, `Expires` and `Timestamp`.
const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// Suffix of the `Type` attribute of a password digest.
const DIGEST: &str = "#PasswordDigest";

/// Maximum number of remembered nonces; while all of them are fresh, new ones are refused.
const NONCES: usize = 100_000;

/// The contents of the header block.
#[derive(Debug, Clone, Default)]
pub struct Security {
    token: Option<UsernameToken>,
    created: Option<String>,
    expires: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct UsernameToken {
    name: String,
    password: Option<Secret>,
    is_digest: bool,
    nonce: Option<String>,
    created: Option<String>,
}

/// Reads the block that has just begun.
///
/// # Errors
/// It is not well-formed, or contains two tokens.
pub fn read<R: Read>(xml: &mut XmlReader<R>) -> Result<Security, Fault> {
    let mut security = Security::default();
    while let Some(child) = next_child(xml, "Security")? {
        if child.is(WSSE, "UsernameToken") {
            if security.token.is_some() {
                return Err(refuse(
                    "IMP-WSSE-TOKENS",
                    "The Security header has two UsernameTokens.",
                ));
            }
            security.token = Some(read_token(xml)?);
        } else if child.is(WSU, "Timestamp") {
            while let Some(moment) = next_child(xml, "Timestamp")? {
                let text = read_text(xml, "Timestamp")?;
                match moment.local.as_str() {
                    "Created" => security.created = Some(text),
                    "Expires" => security.expires = Some(text),
                    _ => {}
                }
            }
        } else {
            // Signatures and certificates are not supported and prove nothing here.
            skip(xml)?;
        }
    }
    Ok(security)
}

fn read_token<R: Read>(xml: &mut XmlReader<R>) -> Result<UsernameToken, Fault> {
    let mut token = UsernameToken::default();
    while let Some(child) = next_child(xml, "UsernameToken")? {
        let text = read_text(xml, "UsernameToken")?;
        match child.local.as_str() {
            "Username" => token.name = text.trim().to_owned(),
            "Password" => {
                token.is_digest = is_digest(&child);
                token.password = Some(Secret::new(text));
            }
            "Nonce" => token.nonce = Some(text.trim().to_owned()),
            "Created" => token.created = Some(text),
            _ => {}
        }
    }
    Ok(token)
}

fn is_digest(password: &Element) -> bool {
    password
        .attribute(None, "Type")
        .is_some_and(|kind| kind.trim().ends_with(DIGEST))
}

/// What a header proves.
#[derive(Debug)]
pub enum Claim {
    /// The digest is right and names this caller.
    Proved(Caller),
    /// Nothing yet: the password must be verified.
    Password(Credentials),
    /// The digest for this name is wrong.
    Wrong(String),
}

/// Checks tokens.
#[derive(Debug)]
pub struct Verifier {
    max_age: i64,
    skew: i64,
    secrets: HashMap<String, Secret>,
    nonces: Mutex<HashMap<String, Timestamp>>,
    comparison: hmac::Key,
}

impl Verifier {
    /// Creates a verifier with the secrets named in the settings.
    ///
    /// # Errors
    /// The message for the user: a secret's file cannot be read, or a caller has no secret.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let mut secrets = HashMap::new();
        for caller in &settings.digest_callers {
            let name = &caller.name;
            let secret = match (&caller.secret, &caller.secret_file) {
                (Some(secret), None) => secret.clone(),
                (None, Some(file)) => {
                    config::read_secret(file).map_err(|error| error.to_string())?
                }
                _ => {
                    return Err(format!(
                        "soap.security.digest_callers: {name} needs one of secret and secret_file"
                    ));
                }
            };
            if secret.is_empty() {
                return Err(format!(
                    "soap.security.digest_callers: the secret of {name} is empty"
                ));
            }
            secrets.insert(lookup_key(name), secret);
        }
        let comparison = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "the operating system's random number generator failed".to_owned())?;
        let max_age = i64::from(settings.max_age_seconds);
        Ok(Verifier {
            max_age,
            skew: i64::from(settings.clock_skew_seconds),
            secrets,
            nonces: Mutex::default(),
            comparison,
        })
    }

    /// The claim of a fresh header; a digest is checked here, a password is not.
    ///
    /// # Errors
    /// There is no token, or it is stale or cannot be checked.
    pub fn claim(&self, security: &Security, app: &App) -> Result<Claim, Fault> {
        let Some(token) = &security.token else {
            return Err(Fault::no_credentials());
        };
        let (Some(password), false) = (&token.password, token.name.is_empty()) else {
            return Err(Fault::invalid_credentials());
        };
        self.check_freshness(security, token, now(app)?)?;
        match token.is_digest {
            true => self.check_digest(token, password, app),
            false => Ok(Claim::Password(Credentials {
                name: token.name.clone(),
                password: password.clone(),
            })),
        }
    }

    /// Records that the header's token was used. Call it only for a valid token, so that other senders cannot
    /// fill the memory.
    ///
    /// # Errors
    /// It was used before.
    pub fn mark_used(&self, security: &Security, app: &App) -> Result<(), Fault> {
        match &security.token {
            Some(token) => self.use_nonce(token, now(app)?),
            None => Ok(()),
        }
    }

    /// Checks every time in the header: `Created` of the token and of the Timestamp must not be older than the
    /// maximum age, and `Expires` of the Timestamp must not have passed, each allowing for the clock skew.
    fn check_freshness(
        &self,
        security: &Security,
        token: &UsernameToken,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.max_age == 0 {
            return Ok(());
        }
        for created in [&token.created, &security.created].into_iter().flatten() {
            let age = now.duration_since(moment(created)?).as_secs();
            if age > self.max_age + self.skew || age < -self.skew {
                return Err(refuse(
                    "IMP-WSSE-STALE",
                    "The security header was created too long ago, or in the future. Check the \
                     sender's clock and send a new one.",
                ));
            }
        }
        let Some(expires) = &security.expires else {
            return Ok(());
        };
        match now.duration_since(moment(expires)?).as_secs() > self.skew {
            true => Err(refuse(
                "IMP-WSSE-STALE",
                "The security header has expired. Check the sender's clock and send a new one.",
            )),
            false => Ok(()),
        }
    }

    /// `Password_Digest = Base64(SHA-1(nonce + created + password))`, UsernameToken Profile §3.1.
    fn check_digest(
        &self,
        token: &UsernameToken,
        password: &Secret,
        app: &App,
    ) -> Result<Claim, Fault> {
        let acting = Acting::find(app.store.as_ref(), &token.name)?;
        // A name that does not belong to an operator, or to none who may act there, gets the same answer as any
        // other name, so that the answer does not reveal who may.
        let name = match &acting {
            Some(acting) => acting.operator.name.as_str(),
            None => token
                .name
                .rsplit_once('@')
                .map_or(token.name.as_str(), |(name, _)| name),
        };
        let Some(secret) = self.secrets.get(&lookup_key(name)) else {
            return Err(refuse(
                "IMP-WSSE-DIGEST",
                "Password digests are not possible for this caller: passwords are kept hashed. Send \
                 PasswordText or HTTP Basic over HTTPS, or have the caller's secret put into \
                 [[soap.security.digest_callers]] of the settings.",
            ));
        };
        let (Some(nonce), Some(created)) = (&token.nonce, &token.created) else {
            return Err(refuse(
                "IMP-WSSE-DIGEST",
                "A password digest needs a Nonce and a Created element.",
            ));
        };
        let nonce = STANDARD.decode(nonce).map_err(|_| {
            refuse(
                "IMP-WSSE-DIGEST",
                "The Nonce of the UsernameToken is not valid base64.",
            )
        })?;
        let mut sum = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        sum.update(&nonce);
        sum.update(created.as_bytes());
        sum.update(secret.expose().as_bytes());
        let expected = STANDARD.encode(sum.finish());
        let given = password.expose().trim();
        Ok(match acting {
            Some(acting) if self.same(&expected, given) => Claim::Proved(Caller::new(acting)),
            _ => Claim::Wrong(token.name.clone()),
        })
    }

    /// Compares in constant time.
    fn same(&self, expected: &str, given: &str) -> bool {
        let tag = hmac::sign(&self.comparison, expected.as_bytes());
        hmac::verify(&self.comparison, given.as_bytes(), tag.as_ref()).is_ok()
    }

    fn use_nonce(&self, token: &UsernameToken, now: Timestamp) -> Result<(), Fault> {
        let (Some(nonce), true) = (&token.nonce, self.max_age > 0) else {
            return Ok(());
        };
        let key = format!("{nonce} {}", token.created.as_deref().unwrap_or_default());
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.len() >= NONCES {
            // A nonce created in the future stays fresh the longest.
            let keep = self.max_age + 2 * self.skew;
            nonces.retain(|_, used| now.duration_since(*used).as_secs() <= keep);
        }
        if nonces.contains_key(&key) || nonces.len() >= NONCES {
            return Err(refuse(
                "IMP-WSSE-REPLAY",
                "This UsernameToken was used before; make a new Nonce for every request.",
            ));
        }
        nonces.insert(key, now);
        Ok(())
    }
}

fn now(app: &App) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(app.clock.now().0)
        .map_err(|error| Fault::server("IMP-INTERNAL", error.to_string()))
}

fn moment(text: &str) -> Result<Timestamp, Fault> {
    text.trim().parse().map_err(|_| {
        refuse(
            "IMP-WSSE-STALE",
            "A time in the security header cannot be read; write it as 2026-11-22T10:00:00Z.",
        )
    })
}

fn refuse(rule: &'static str, message: &str) -> Fault {
    Fault::client(rule, message)
}

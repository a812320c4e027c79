//! The WS-Security header: a UsernameToken (OASIS UsernameToken Profile 1.0 and 1.1, §3.1) with the
//! password as text or as a digest, and a Timestamp (WS-Security 1.0 §10).
//!
//! A digest can only be checked by somebody who has the password in the clear, and operators' passwords
//! are kept hashed: digests are for callers whose secret stands in the settings.

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

/// End of the `Type` of a password that is a digest.
const DIGEST: &str = "#PasswordDigest";

/// Nonces that are remembered at the most; when they are all fresh, new ones are refused.
const NONCES: usize = 100_000;

/// What the header block says.
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
/// It is not well-formed, or holds two tokens.
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
            // Signatures and certificates are not offered, and prove nothing here.
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
    /// A right digest of this caller.
    Proved(Caller),
    /// Nothing yet: the password has to be verified.
    Password(Credentials),
    /// The digest is wrong, of somebody with this name.
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
    /// A verifier with the secrets that the settings name.
    ///
    /// # Errors
    /// A sentence: a secret's file cannot be read, or a caller has none.
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
            .map_err(|_| "the machine's random source failed".to_owned())?;
        let max_age = i64::from(settings.max_age_seconds);
        Ok(Verifier {
            max_age,
            skew: i64::from(settings.clock_skew_seconds),
            secrets,
            nonces: Mutex::default(),
            comparison,
        })
    }

    /// Who the header says is calling, if it is fresh; a digest is checked here, a password is not.
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

    /// Notes that the header's token was used. Only one that is true is worth remembering: others must not be able to
    /// fill the memory.
    ///
    /// # Errors
    /// It was used before.
    pub fn use_up(&self, security: &Security, app: &App) -> Result<(), Fault> {
        match &security.token {
            Some(token) => self.use_nonce(token, now(app)?),
            None => Ok(()),
        }
    }

    /// Every time that the header names counts: `Created` of the token and of the Timestamp may be as old as a
    /// header may be, and `Expires` of the Timestamp may not be over, each with the clock's skew on top.
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
        // Of a name that means nobody, or nobody who may act there, it is still told in one way whether
        // digests are possible, so that this does not tell who may.
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
                "A password digest needs a Nonce and a Created element beside it.",
            ));
        };
        let nonce = STANDARD.decode(nonce).map_err(|_| {
            refuse(
                "IMP-WSSE-DIGEST",
                "The Nonce of the UsernameToken is no base64.",
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

    /// Compares in a time that does not depend on where the two differ.
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
            // One that was made in the future is fresh for the longest.
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

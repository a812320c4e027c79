//! Keycloak's password credential, the JSON in the export of a realm: `credentialData` with algorithm and rounds,
//! `secretData` with salt and digest, each an object or a string that contains one. Before Keycloak 8, one object
//! had all fields (`hashedSaltedValue`).

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::passwords::hash_schemes::argon2;
use crate::passwords::hash_schemes::form::{Bytes, FormError};
use crate::passwords::hash_schemes::pbkdf2::{Hash, Sha1, Sha256, Sha512, rounds_within};

const SHAPE: FormError = FormError::Shape(
    "one password credential of Keycloak in JSON: secretData with value and salt in base64, and \
     credentialData with hashIterations and an algorithm, which is pbkdf2, pbkdf2-sha256, \
     pbkdf2-sha512 or argon2 (of type id or i, version 1.3)",
);

/// Maximum length of a credential, in characters.
const LENGTH: usize = 4_096;

/// A credential; other fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<'j> {
    #[serde(rename = "type")]
    kind: Option<Cow<'j, str>>,
    #[serde(borrow)]
    secret_data: Option<&'j RawValue>,
    #[serde(borrow)]
    credential_data: Option<&'j RawValue>,
    // Before version 8.
    hashed_salted_value: Option<String>,
    salt: Option<String>,
    hash_iterations: Option<u64>,
    algorithm: Option<String>,
}

#[derive(Deserialize)]
struct SecretData {
    value: String,
    salt: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u64,
    algorithm: String,
    #[serde(default)]
    additional_parameters: HashMap<String, Vec<String>>,
}

/// A hash in one of Keycloak's formats.
enum Parsed {
    Sha1(Hash),
    Sha256(Hash),
    Sha512(Hash),
    /// As PHC strings.
    Argon2id(String),
    Argon2i(String),
}

/// Whether `text` is such a JSON object, or an array with one.
pub(super) fn is_like(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has = |word: &str| memmem::find(bytes, word.as_bytes()).is_some();
    matches!(bytes.first(), Some(b'{' | b'['))
        && has("\"")
        && (has("secretData") || has("credentialData") || has("hashedSaltedValue"))
}

pub(super) fn check(text: &str) -> Result<(), FormError> {
    parse(text).map(|_| ())
}

pub(super) fn verify(text: &str, _: &str, password: &[u8]) -> bool {
    match parse(text) {
        Ok(Parsed::Sha1(hash)) => hash.matches::<Sha1>(password),
        Ok(Parsed::Sha256(hash)) => hash.matches::<Sha256>(password),
        Ok(Parsed::Sha512(hash)) => hash.matches::<Sha512>(password),
        Ok(Parsed::Argon2id(phc)) => argon2::verify_id(&phc, "", password),
        Ok(Parsed::Argon2i(phc)) => argon2::verify_i(&phc, "", password),
        Err(_) => false,
    }
}

fn parse(text: &str) -> Result<Parsed, FormError> {
    let (data, secret) = read(text).ok_or(SHAPE)?;
    if data.algorithm == "argon2" {
        return argon2(&data, &secret);
    }
    let hash = Hash {
        rounds: rounds_within(data.hash_iterations)?,
        salt: Bytes::decode(&secret.salt, &STANDARD, (8, 128)).ok_or(SHAPE)?,
        digest: Bytes::decode(&secret.value, &STANDARD, (16, 64)).ok_or(SHAPE)?,
    };
    match data.algorithm.as_str() {
        "pbkdf2" => Ok(Parsed::Sha1(hash)),
        "pbkdf2-sha256" => Ok(Parsed::Sha256(hash)),
        "pbkdf2-sha512" => Ok(Parsed::Sha512(hash)),
        _ => Err(SHAPE),
    }
}

/// Both parts of the credential in `text`.
fn read(text: &str) -> Option<(CredentialData, SecretData)> {
    if text.len() > LENGTH || !text.ends_with(['}', ']']) {
        return None;
    }
    let credential: Credential<'_> = match text.starts_with('[') {
        false => serde_json::from_str(text).ok()?,
        true => {
            let [only]: [Credential<'_>; 1] = serde_json::from_str(text).ok()?;
            only
        }
    };
    if credential.kind.is_some_and(|kind| kind != "password") {
        return None;
    }
    match (credential.credential_data, credential.secret_data) {
        (Some(data), Some(secret)) => Some((nested(data)?, nested(secret)?)),
        (None, None) => {
            let data = CredentialData {
                hash_iterations: credential.hash_iterations?,
                algorithm: credential.algorithm?,
                additional_parameters: HashMap::new(),
            };
            let (value, salt) = (credential.hashed_salted_value?, credential.salt?);
            Some((data, SecretData { value, salt }))
        }
        (Some(_), None) | (None, Some(_)) => None,
    }
}

/// Parses `raw`: an object, or a string that contains one.
fn nested<T: for<'d> Deserialize<'d>>(raw: &RawValue) -> Option<T> {
    let text = raw.get();
    if !text.starts_with('"') {
        return serde_json::from_str(text).ok();
    }
    let inner: String = serde_json::from_str(text).ok()?;
    serde_json::from_str(&inner).ok()
}

fn argon2(data: &CredentialData, secret: &SecretData) -> Result<Parsed, FormError> {
    let parameter = |name: &str| {
        let values = data.additional_parameters.get(name)?;
        values.first().map(String::as_str)
    };
    let word = |name| parameter(name).ok_or(SHAPE);
    if word("version")? != "1.3" {
        return Err(SHAPE);
    }
    let plain = |text: &str| {
        let decoded = STANDARD.decode(text).map_err(|_| SHAPE)?;
        Ok(STANDARD_NO_PAD.encode(decoded))
    };
    let rest = format!(
        "v=19$m={},t={},p={}${}${}",
        word("memory")?,
        data.hash_iterations,
        parameter("parallelism").unwrap_or("1"),
        plain(&secret.salt)?,
        plain(&secret.value)?,
    );
    argon2::check(&rest)?;
    match word("type")? {
        "id" => Ok(Parsed::Argon2id(format!("$argon2id${rest}"))),
        "i" => Ok(Parsed::Argon2i(format!("$argon2i${rest}"))),
        _ => Err(SHAPE),
    }
}

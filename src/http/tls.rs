//! HTTPS by rustls: a certificate from PEM files, or a self-signed one made at the first start.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::http::settings::Settings;

/// Names of the files made at the first start, in the data directory.
const CERTIFICATE_FILE: &str = "tls-certificate.pem";
const KEY_FILE: &str = "tls-key.pem";

/// The configuration of the HTTPS listener.
///
/// # Errors
/// A sentence: a file cannot be read or written, or holds no certificate or key.
pub fn configuration(settings: &Settings, data: &Path) -> Result<ServerConfig, String> {
    let (certificate, key) = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => made_at_the_first_start(data)?,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!("{} holds no certificate", certificate.display()));
    }
    let private = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| format!("{}: {error}", key.display()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))
}

/// Whether the certificate and key that are there can be used; none is made.
///
/// # Errors
/// As [`configuration`].
pub fn check(settings: &Settings, data: &Path) -> Result<(), String> {
    let made = [CERTIFICATE_FILE, KEY_FILE];
    let there = made.iter().all(|name| data.join(name).exists());
    match settings.tls_certificate.is_some() || there {
        true => configuration(settings, data).map(drop),
        false => Ok(()),
    }
}

fn made_at_the_first_start(data: &Path) -> Result<(PathBuf, PathBuf), String> {
    let (certificate, key) = (data.join(CERTIFICATE_FILE), data.join(KEY_FILE));
    if !(certificate.exists() && key.exists()) {
        let names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        write_private(&key, &signing_key.serialize_pem())?;
        write_private(&certificate, &cert.pem())?;
    }
    Ok((certificate, key))
}

fn write_private(path: &Path, text: &str) -> Result<(), String> {
    let written = fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_used_again() {
        let folder = tempfile::tempdir().unwrap();
        configuration(&Settings::default(), folder.path()).unwrap();
        let first = fs::read(folder.path().join(CERTIFICATE_FILE)).unwrap();
        configuration(&Settings::default(), folder.path()).unwrap();
        assert_eq!(
            fs::read(folder.path().join(CERTIFICATE_FILE)).unwrap(),
            first
        );
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.pem");
        fs::write(&path, "").unwrap();
        let settings = Settings {
            tls_certificate: Some(path.clone()),
            tls_key: Some(path),
            ..Settings::default()
        };
        assert!(
            configuration(&settings, folder.path())
                .unwrap_err()
                .contains("empty.pem")
        );
    }
}

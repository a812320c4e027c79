//! HTTPS with rustls: a certificate from PEM files, or a self-signed one; both are reloaded while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::clock::Moment;
use crate::file_mode::open_to_the_world;
use crate::http::certificate::Certificate;
use crate::http::self_signed;
use crate::http::settings::Settings;

/// The current certificate of the HTTPS listener.
pub struct Certificates {
    settings: Settings,
    data: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// The state of the files when they were last checked.
    checked: Mutex<Stamps>,
}

/// Modification time and size of the two files.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificates {
    /// Reads the files named in the settings, or the self-signed ones, which are created if they are missing
    /// and renewed if they expire soon.
    ///
    /// # Errors
    /// The message for the user: a file cannot be read or written, or contains no certificate or key.
    pub fn load(settings: &Settings, data: &Path, now: Moment) -> Result<Self, String> {
        let files = files(settings, data, now)?;
        let checked = stamps(&files);
        Ok(Certificates {
            settings: settings.clone(),
            data: data.to_owned(),
            current: RwLock::new(Arc::new(read(&files)?)),
            checked: Mutex::new(checked),
        })
    }

    /// The configuration of the listener, which always uses the current certificate.
    ///
    /// # Errors
    /// rustls has no cipher suites, which does not happen.
    pub fn configuration(self: &Arc<Self>) -> Result<ServerConfig, String> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        Ok(ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(resolver))
    }

    /// Reads the files again; if they are unusable, the current certificate stays in use.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self, now: Moment) -> Result<(), String> {
        let files = files(&self.settings, &self.data, now)?;
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&files);
        let read = Arc::new(read(&files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Reloads if a file has changed since the last check; returns whether it did. Unusable files are tried again
    /// when they change again.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload_if_changed(&self, now: Moment) -> Result<bool, String> {
        let stamps = stamps(&names(&self.settings, &self.data));
        let checked = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        match stamps == checked {
            true => Ok(false),
            false => self.reload(now).map(|()| true),
        }
    }

    /// Warnings about the current certificates.
    pub fn warnings(&self, now: Moment) -> Vec<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (file, _) = names(&self.settings, &self.data);
        warnings_of(&current.cert, &file, now)
    }

    /// Renews the self-signed certificate if it expires soon; returns whether it did.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn renew(&self, now: Moment) -> Result<bool, String> {
        files(&self.settings, &self.data, now)?;
        self.reload_if_changed(now)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

/// Whether the existing certificate and key are usable; none is created.
///
/// # Errors
/// As [`Certificates::load`].
pub fn check(settings: &Settings, data: &Path) -> Result<(), String> {
    match existing_files(settings, data) {
        Some(files) => read(&files).map(drop),
        None => Ok(()),
    }
}

/// Warnings about existing certificates that have expired or expire soon. The self-signed one is renewed
/// automatically and not reported.
pub fn warnings(settings: &Settings, data: &Path, now: Moment) -> Vec<String> {
    let Some((certificate, _)) = existing_files(settings, data) else {
        return Vec::new();
    };
    let chain = CertificateDer::pem_file_iter(&certificate);
    let chain: Vec<_> = chain.into_iter().flatten().flatten().collect();
    let is_ours = |der: &CertificateDer<'_>| Certificate::read(der).is_some_and(|it| it.is_ours);
    if settings.tls_certificate.is_none() && chain.first().is_some_and(is_ours) {
        return Vec::new();
    }
    warnings_of(&chain, &certificate, now)
}

/// A warning if every user of the machine may read the private key.
pub fn key_warning(settings: &Settings, data: &Path) -> Option<String> {
    let (_, key) = existing_files(settings, data)?;
    let mode = open_to_the_world(&key)?;
    Some(format!(
        "the private key {} can be read by every user of this machine (mode {mode:o}); chmod 600 it",
        key.display()
    ))
}

fn warnings_of(chain: &[CertificateDer<'_>], file: &Path, now: Moment) -> Vec<String> {
    let read = chain.iter().enumerate();
    read.filter_map(|(index, der)| {
        let warning = Certificate::read(der)?.warning(now)?;
        let which = match index {
            0 => "the certificate in".to_owned(),
            index => format!("certificate {} of the chain in", index + 1),
        };
        Some(format!("{which} {} {warning}", file.display()))
    })
    .collect()
}

/// The paths of the files.
fn names(settings: &Settings, data: &Path) -> (PathBuf, PathBuf) {
    match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => (
            data.join(self_signed::CERTIFICATE_FILE),
            data.join(self_signed::KEY_FILE),
        ),
    }
}

/// The paths of the files, if the settings name them or self-signed ones exist.
fn existing_files(settings: &Settings, data: &Path) -> Option<(PathBuf, PathBuf)> {
    let names = names(settings, data);
    let exist = names.0.exists() && names.1.exists();
    (settings.tls_certificate.is_some() || exist).then_some(names)
}

/// The paths of the files, after the self-signed ones have been created or renewed.
fn files(settings: &Settings, data: &Path, now: Moment) -> Result<(PathBuf, PathBuf), String> {
    match settings.tls_certificate.is_some() && settings.tls_key.is_some() {
        true => Ok(names(settings, data)),
        false => self_signed::ensure(settings, data, now),
    }
}

fn stamps(files: &(PathBuf, PathBuf)) -> Stamps {
    [&files.0, &files.1].map(|file| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read((certificate, key): &(PathBuf, PathBuf)) -> Result<CertifiedKey, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!("{} contains no certificate", certificate.display()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    CertifiedKey::from_der(chain, private, &provider())
        .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn now() -> Moment {
        Moment(jiff::Timestamp::now().as_microsecond())
    }

    /// Writes a certificate that expires on this day, and its key.
    fn write(folder: &Path, end: (i32, u8, u8)) -> Settings {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(end.0, end.1, end.2);
        let key = KeyPair::generate().unwrap();
        let (certificate_file, key_file) = (folder.join("chain.pem"), folder.join("key.pem"));
        fs::write(&certificate_file, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        Settings {
            tls_certificate: Some(certificate_file),
            tls_key: Some(key_file),
            ..Settings::default()
        }
    }

    fn served(certificates: &Certificates) -> Vec<u8> {
        let current = certificates.current.read().unwrap();
        current.cert[0].to_vec()
    }

    #[test]
    fn the_self_signed_certificate_is_created_once_and_reused() {
        let folder = tempfile::tempdir().unwrap();
        let load = || Certificates::load(&Settings::default(), folder.path(), now()).unwrap();
        let first = served(&load());
        assert_eq!(served(&load()), first);
        assert!(Arc::new(load()).configuration().is_ok());
        assert!(load().warnings(now()).is_empty());
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
        let error = Certificates::load(&settings, folder.path(), now()).unwrap_err();
        assert!(error.contains("empty.pem"));
    }

    #[test]
    fn changed_files_are_reloaded_and_unusable_ones_are_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let settings = write(folder.path(), (2100, 1, 1));
        let certificates = Certificates::load(&settings, folder.path(), now()).unwrap();
        let first = served(&certificates);
        assert_eq!(certificates.reload_if_changed(now()), Ok(false));
        // A key that does not match its certificate, as while the two files are being replaced.
        let key = fs::read(folder.path().join("key.pem")).unwrap();
        fs::write(
            folder.path().join("key.pem"),
            KeyPair::generate().unwrap().serialize_pem() + "\n",
        )
        .unwrap();
        assert!(certificates.reload_if_changed(now()).is_err());
        assert_eq!(
            certificates.reload_if_changed(now()),
            Ok(false),
            "reported once"
        );
        assert_eq!(served(&certificates), first);
        fs::write(folder.path().join("key.pem"), key).unwrap();
        write(folder.path(), (2101, 1, 1));
        assert_eq!(certificates.reload_if_changed(now()), Ok(true));
        assert_ne!(served(&certificates), first);
        assert_eq!(certificates.reload(now()), Ok(()));
    }

    #[test]
    fn expiry_and_a_world_readable_key_are_reported() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let settings = write(folder.path(), (2021, 1, 1));
        let key = settings.tls_key.clone().unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let found = warnings(&settings, folder.path(), now());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("chain.pem expired on 2021-01-01"),
            "{found:?}"
        );
        let open = key_warning(&settings, folder.path()).unwrap();
        assert!(
            open.contains("key.pem") && open.contains("mode 644"),
            "{open}"
        );
        let certificates = Certificates::load(&settings, folder.path(), now()).unwrap();
        assert_eq!(certificates.warnings(now()), found);
        assert!(warnings(&Settings::default(), folder.path(), now()).is_empty());
    }
}

//! The self-signed certificate that Muster creates if the settings name none: for the machine's names and the
//! loopback addresses, valid for at most 825 days, renewed before it expires with the same key.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::clock::Moment;
use crate::file_mode::{PRIVATE, make_private};
use crate::http::certificate::{Certificate, DAY, OUR_NAME, SOON_DAYS};
use crate::http::settings::Settings;

/// Names of the files in the data directory.
pub(super) const CERTIFICATE_FILE: &str = "tls-certificate.pem";
pub(super) const KEY_FILE: &str = "tls-key.pem";

/// Maximum validity in days: Apple's clients reject any certificate with more.
const MAX_DAYS: i64 = 825;

/// Validity of a new one in days, one of them before its creation, to allow for clock differences.
const DAYS: i64 = MAX_DAYS - 1;

/// Ensures that there is a certificate that does not expire soon; returns the paths of the certificate and its key.
/// Files with those names that Muster did not create are left unchanged.
///
/// # Errors
/// The message for the user: a file cannot be written.
pub(super) fn ensure(
    settings: &Settings,
    data: &Path,
    now: Moment,
) -> Result<(PathBuf, PathBuf), String> {
    let (certificate, key) = (data.join(CERTIFICATE_FILE), data.join(KEY_FILE));
    make_private(&key).map_err(|error| format!("{}: {error}", key.display()))?;
    if !(certificate.exists() && key.exists()) {
        make(settings, &certificate, &key, None, now)?;
    } else if must_be_renewed(&certificate, now) {
        let kept = fs::read_to_string(&key).ok();
        let kept = kept.and_then(|text| KeyPair::from_pem(&text).ok());
        make(settings, &certificate, &key, kept, now)?;
        tracing::warn!(
            certificate = %certificate.display(),
            "the self-signed certificate was renewed with the same key; clients that trust the certificate itself \
             need the new one"
        );
    }
    Ok((certificate, key))
}

/// Whether Muster created the certificate and it expires soon, or an earlier version created it without an expiry.
fn must_be_renewed(certificate: &Path, now: Moment) -> bool {
    let der = CertificateDer::from_pem_file(certificate).ok();
    let Some(found) = der.and_then(|der| Certificate::read(&der)) else {
        return false;
    };
    found.is_ours && (found.not_after.0 - now.0 < SOON_DAYS * DAY || found.days() > MAX_DAYS)
}

fn make(
    settings: &Settings,
    certificate: &Path,
    key: &Path,
    kept: Option<KeyPair>,
    now: Moment,
) -> Result<(), String> {
    let failed = |error: rcgen::Error| format!("the certificate could not be created: {error}");
    let is_kept = kept.is_some();
    let pair = match kept {
        Some(pair) => pair,
        None => KeyPair::generate().map_err(failed)?,
    };
    let host = host_name();
    let mut params = CertificateParams::default();
    let own = match &host {
        Some(host) => format!("{OUR_NAME} on {host}"),
        None => OUR_NAME.to_owned(),
    };
    // X.520 limits the length of a common name.
    let own: String = own.chars().take(64).collect();
    params.distinguished_name.push(DnType::CommonName, own);
    params.subject_alt_names = names(settings, host.as_deref())
        .into_iter()
        .filter_map(|name| match name.parse() {
            Ok(address) => Some(SanType::IpAddress(address)),
            Err(_) => Ia5String::try_from(name).ok().map(SanType::DnsName),
        })
        .collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (year, month, day) = date(Moment(now.0 - DAY))?;
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(Moment(now.0 + (DAYS - 1) * DAY))?;
    params.not_after = date_time_ymd(year, month, day);
    let made = params.self_signed(&pair).map_err(failed)?;
    if !is_kept {
        write(key, &pair.serialize_pem())?;
    }
    write(certificate, &made.pem())
}

/// Year, month and day in UTC.
fn date(moment: Moment) -> Result<(i32, u8, u8), String> {
    let timestamp = Timestamp::from_microsecond(moment.0).map_err(|error| error.to_string())?;
    let date = timestamp.to_zoned(TimeZone::UTC).date();
    let part = |value: i8| u8::try_from(value).map_err(|error| error.to_string());
    Ok((
        i32::from(date.year()),
        part(date.month())?,
        part(date.day())?,
    ))
}

/// The names by which the server is reached: the loopback's, the machine's, and those in the settings.
fn names(settings: &Settings, host: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let mut add = |name: &str| {
        let name = name.to_ascii_lowercase();
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    };
    if let Some(host) = host {
        add(host);
        if let Some((first, _)) = host.split_once('.') {
            add(first);
        }
    }
    let public = settings.public_url.as_deref();
    let public = public.and_then(|url| url.split_once("://")?.1.split('/').next());
    for place in settings.hosts.iter().map(String::as_str).chain(public) {
        add(without_port(place));
    }
    names
}

/// The host in `host:port`, `[address]:port`, or either without a port.
fn without_port(place: &str) -> &str {
    match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => match place.rsplit_once(':') {
            Some((host, _)) if !host.contains(':') => host,
            _ => place,
        },
    }
}

/// Whether a certificate may contain it: an address, or a name of letters, digits, hyphens and underscores.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.parse::<std::net::IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(is_label))
}

fn host_name() -> Option<String> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok()?.to_owned();
    is_name(&name).then_some(name)
}

/// Writes the file atomically, readable only by its owner.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written = fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(PRIVATE)
        .open(&new)
        .and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(PRIVATE))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Moment {
        let timestamp: Timestamp = "2026-12-01T07:30:00Z".parse().unwrap();
        Moment(timestamp.as_microsecond())
    }

    fn read(path: &Path) -> Certificate {
        Certificate::read(&CertificateDer::from_pem_file(path).unwrap()).unwrap()
    }

    #[test]
    fn certificate_is_private_valid_for_at_most_825_days_and_reused() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let (certificate, key) = ensure(&settings, folder.path(), now()).unwrap();
        let made = read(&certificate);
        assert!(made.is_ours);
        assert!((800..=825).contains(&made.days()), "{}", made.days());
        assert!(made.not_before <= now() && made.warning(now()).is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&certificate), mode(&key)), (0o600, 0o600));
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        let before = fs::read(&certificate).unwrap();
        ensure(&settings, folder.path(), Moment(now().0 + 700 * DAY)).unwrap();
        assert_eq!(
            (fs::read(&certificate).unwrap(), mode(&key)),
            (before, 0o600)
        );
    }

    #[test]
    fn certificate_is_renewed_before_expiry_with_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let (certificate, key) = ensure(&settings, folder.path(), now()).unwrap();
        let old_key = fs::read(&key).unwrap();
        let later = Moment(now().0 + 800 * DAY);
        ensure(&settings, folder.path(), later).unwrap();
        let renewed = read(&certificate);
        assert!(renewed.warning(later).is_none() && renewed.not_after > later);
        assert_eq!(fs::read(&key).unwrap(), old_key);
    }

    #[test]
    fn certificate_of_an_earlier_version_is_renewed_and_a_users_own_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let earlier = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (
            folder.path().join(CERTIFICATE_FILE),
            folder.path().join(KEY_FILE),
        );
        fs::write(&certificate, earlier.cert.pem()).unwrap();
        fs::write(&key, earlier.signing_key.serialize_pem()).unwrap();
        ensure(&Settings::default(), folder.path(), now()).unwrap();
        assert!(read(&certificate).days() <= 825);

        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "users.example.com");
        let text = params.self_signed(&earlier.signing_key).unwrap().pem();
        fs::write(&certificate, &text).unwrap();
        ensure(&Settings::default(), folder.path(), now()).unwrap();
        assert_eq!(fs::read_to_string(&certificate).unwrap(), text);
    }

    #[test]
    fn certificate_names_the_loopback_the_machine_and_the_configured_hosts() {
        let settings = Settings {
            public_url: Some("https://Users.example.com:8443/muster".into()),
            hosts: vec![
                "10.0.0.7:9443".into(),
                "[fd00::7]:9443".into(),
                "alias".into(),
            ],
            ..Settings::default()
        };
        assert_eq!(
            names(&settings, Some("node7.example.com")),
            [
                "localhost",
                "127.0.0.1",
                "::1",
                "node7.example.com",
                "node7",
                "10.0.0.7",
                "fd00::7",
                "alias",
                "users.example.com"
            ]
        );
        let folder = tempfile::tempdir().unwrap();
        let (certificate, _) = ensure(&settings, folder.path(), now()).unwrap();
        let der = CertificateDer::from_pem_file(certificate).unwrap();
        let has = |name: &[u8]| der.windows(name.len()).any(|part| part == name);
        assert!(has(b"users.example.com") && has(b"alias") && has(&[10, 0, 0, 7]));
        if let Some(host) = host_name() {
            assert!(has(host.to_ascii_lowercase().as_bytes()), "{host}");
        }
        for odd in ["", "a b", "ä", "a..b", "-".repeat(64).as_str()] {
            assert!(!is_name(odd), "{odd}");
        }
    }
}

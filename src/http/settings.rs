//! The `[server]` section of the settings.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::http::base_url::is_host;
use crate::http::client_address::ClientAddress;
use crate::http::pace::Pace;

/// Addresses, certificate and limits of the server.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of plain HTTP, or `off`. HTTP sends credentials unencrypted, so the default is the loopback
    /// address.
    pub http: String,
    /// Address of HTTPS, or `off`.
    pub https: String,
    /// The URL at which callers reach the server, such as `https://users.example.com`; it is used in the WSDL and in
    /// locations. Without it, `hosts` apply, then the address at which the server listens.
    pub public_url: Option<String>,
    /// Hosts, with or without a port, by which callers reach the server: locations use the host that a request
    /// names if it is one of these. Other hosts are not trusted and not repeated.
    pub hosts: Vec<String>,
    /// The path at which browsers reach the admin portal, without a slash at the end. The server itself always has it at
    /// `/portal`; a proxy may add something in front of it.
    pub portal_path: String,
    /// PEM file of the certificate chain; without it one is created at the first start.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Maximum size of a request body in bytes, both as sent and after decompression.
    pub body_limit_bytes: u64,
    /// Seconds to wait for a request head, or for the next piece of a body.
    pub idle_seconds: u64,
    /// Bytes of a request body that must arrive in each `pace_seconds` that the server waits for it; 0 disables the
    /// limit.
    pub pace_bytes: u64,
    /// Seconds of waiting in which `pace_bytes` must arrive.
    pub pace_seconds: u64,
    /// Seconds that a request waits for a slot when all are in use.
    pub slot_seconds: u64,
    /// Maximum number of concurrent requests with small bodies. `import.slots` limits those with long ones.
    pub small_requests: usize,
    /// Maximum number of concurrent requests that are read before their sender is known from the envelope.
    pub unauthenticated_requests: usize,
    /// Maximum number of those from one address.
    pub unauthenticated_requests_per_address: usize,
    /// Seconds in which such a request must name its sender.
    pub unauthenticated_seconds: u64,
    /// Addresses and networks of proxies whose `Forwarded` or `X-Forwarded-For` is trusted to name the client's
    /// address.
    pub trusted_proxies: Vec<String>,
    /// Seconds that open requests may take when the server stops.
    pub shutdown_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            http: "127.0.0.1:9763".into(),
            https: "0.0.0.0:9443".into(),
            public_url: None,
            hosts: Vec::new(),
            portal_path: "/portal".into(),
            tls_certificate: None,
            tls_key: None,
            body_limit_bytes: 1024 * 1024 * 1024,
            idle_seconds: 30,
            pace_bytes: 10 * 1024,
            pace_seconds: 30,
            slot_seconds: 30,
            small_requests: 128,
            unauthenticated_requests: 128,
            unauthenticated_requests_per_address: 32,
            unauthenticated_seconds: 10,
            trusted_proxies: Vec::new(),
            shutdown_seconds: 30,
        }
    }
}

impl Settings {
    /// Validates the settings.
    ///
    /// # Errors
    /// The message for the user, which names the key.
    pub fn check(&self) -> Result<(), String> {
        for (key, address) in [("http", &self.http), ("https", &self.https)] {
            if address != "off" && address.to_socket_addrs().is_err() {
                return Err(format!(
                    "server.{key}: {address:?} is not an address; use one such as 127.0.0.1:9763, or off"
                ));
            }
        }
        if self.http == "off" && self.https == "off" {
            return Err(
                "server.http and server.https are both off; set at least one of them".into(),
            );
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(
                "server.tls_certificate and server.tls_key belong together; set both".into(),
            );
        }
        let path = self.portal_path.strip_prefix('/').unwrap_or_default();
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "/-._~".contains(sign);
        if path.is_empty() || path.ends_with('/') || path.contains("//") || !path.chars().all(plain)
        {
            return Err(format!(
                "server.portal_path is {:?}; it must begin with / and not end with it, such as /portal",
                self.portal_path
            ));
        }
        if let Some(url) = &self.public_url {
            let rest = url
                .strip_prefix("https://")
                .or_else(|| url.strip_prefix("http://"));
            let plain = |rest: &str| {
                !rest.is_empty() && !rest.contains(['"', '<', '>', '&', ' ', '?', '#'])
            };
            if !rest.is_some_and(plain) {
                return Err(format!(
                    "server.public_url: {url:?} is not a URL; use one such as https://users.example.com"
                ));
            }
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            return Err(format!(
                "server.hosts: {host:?} is not a host; use names such as users.example.com, or with a port \
                 users.example.com:9443"
            ));
        }
        let positive = [
            ("idle_seconds", self.idle_seconds),
            ("body_limit_bytes", self.body_limit_bytes),
            ("pace_seconds", self.pace_seconds),
            ("unauthenticated_seconds", self.unauthenticated_seconds),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("server.{key} must be positive"));
        }
        let counts = [
            ("small_requests", self.small_requests),
            ("unauthenticated_requests", self.unauthenticated_requests),
            (
                "unauthenticated_requests_per_address",
                self.unauthenticated_requests_per_address,
            ),
        ];
        if let Some((key, _)) = counts
            .iter()
            .find(|(_, value)| !(1..=10_000).contains(value))
        {
            return Err(format!("server.{key} must be between 1 and 10000"));
        }
        ClientAddress::new(&self.trusted_proxies).map(drop)
    }

    /// How long to wait for the next piece of a request.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// The minimum pace of bodies.
    pub fn pace(&self) -> Pace {
        Pace {
            idle: self.idle(),
            bytes: self.pace_bytes,
            window: Duration::from_secs(self.pace_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_settings_are_named() {
        let refusal = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err()
        };
        assert!(Settings::default().check().is_ok());
        assert!(refusal(|s| s.http = "nowhere".into()).starts_with("server.http"));
        assert!(refusal(|s| s.tls_key = Some("k".into())).contains("belong together"));
        assert!(refusal(|s| s.public_url = Some("example.com".into())).contains("public_url"));
        assert!(refusal(|s| s.pace_seconds = 0).contains("server.pace_seconds"));
        assert!(refusal(|s| s.small_requests = 0).contains("server.small_requests"));
        assert!(refusal(|s| s.trusted_proxies = vec!["x".into()]).contains("trusted_proxies"));
        assert!(refusal(|s| s.hosts = vec!["https://a.example".into()]).contains("server.hosts"));
        assert!(refusal(|s| (s.http, s.https) = ("off".into(), "off".into())).contains("both off"));
    }
}

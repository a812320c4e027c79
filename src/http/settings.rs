//! `[server]` of the settings.

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
    /// Address of plain HTTP, or `off`. Credentials travel in the clear, so it is the loopback
    /// address until another one is named.
    pub http: String,
    /// Address of HTTPS, or `off`.
    pub https: String,
    /// How callers reach the server, such as `https://users.example.com`; it goes into the WSDL and into locations.
    /// Without it `hosts` are asked, then the address is used at which the server listens.
    pub public_url: Option<String>,
    /// Hosts, with or without a port, by which callers reach the server: a request that names one of them is told
    /// locations with it. Any other name is the client's word alone, and is not repeated.
    pub hosts: Vec<String>,
    /// PEM file of the certificate chain; without it one is made at the first start.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Bytes that a request body may have, as it is sent and inflated where it is compressed.
    pub body_limit_bytes: u64,
    /// Seconds for which a request head, or the next piece of a body, is waited for.
    pub idle_seconds: u64,
    /// Bytes that a request body has to bring in each `pace_seconds` that the server waits for it; 0: any pace will
    /// do.
    pub pace_bytes: u64,
    /// Seconds of waiting in which `pace_bytes` have to come.
    pub pace_seconds: u64,
    /// Seconds that a request waits for its turn when as many as may work at once are at work.
    pub slot_seconds: u64,
    /// Requests with small bodies that work at the same time. Those with long ones have `import.slots`.
    pub small_requests: usize,
    /// Requests that are read at the same time before their sender is known: the envelope is to say who it is.
    pub unauthenticated_requests: usize,
    /// How many of them may come from one address.
    pub unauthenticated_requests_per_address: usize,
    /// Seconds in which such a request has to say who its sender is.
    pub unauthenticated_seconds: u64,
    /// Addresses and networks of proxies that are believed when they say, by `Forwarded` or `X-Forwarded-For`, where
    /// a request came from.
    pub trusted_proxies: Vec<String>,
    /// Seconds that requests have to end in when the server stops.
    pub shutdown_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            http: "127.0.0.1:9763".into(),
            https: "0.0.0.0:9443".into(),
            public_url: None,
            hosts: Vec::new(),
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
    /// Whether the settings can be used at all.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        for (key, address) in [("http", &self.http), ("https", &self.https)] {
            if address != "off" && address.to_socket_addrs().is_err() {
                return Err(format!(
                    "server.{key}: {address:?} is no address; write one such as 127.0.0.1:9763, or off"
                ));
            }
        }
        if self.http == "off" && self.https == "off" {
            return Err("server.http and server.https are both off; nobody could call".into());
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(
                "server.tls_certificate and server.tls_key belong together; name both".into(),
            );
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
                    "server.public_url: {url:?} is no URL; write one such as https://users.example.com"
                ));
            }
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            return Err(format!(
                "server.hosts: {host:?} is no host; write names such as users.example.com, or with a port \
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
            return Err(format!("server.{key} has to be positive"));
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
            return Err(format!("server.{key} has to lie between 1 and 10000"));
        }
        ClientAddress::new(&self.trusted_proxies).map(drop)
    }

    /// For how long the next piece of a request is waited for.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// The pace that bodies have to keep.
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
    fn settings_that_cannot_work_are_named() {
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

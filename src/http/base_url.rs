//! The base URL in the locations that a caller gets: one at which they can reach the server.
//!
//! It is the configured `public_url`; else the host that the request names (RFC 9110 §7.2), if it is in the
//! configured list; else the address at which the server listens. Other hosts are not repeated: they are chosen by
//! the client, and answers may be cached and passed on to others.

use std::net::SocketAddr;

use actix_web::dev::RequestHead;
use actix_web::http::header;

/// Determines the base URL for each request of one listener.
#[derive(Debug, Clone)]
pub struct BaseUrl {
    /// The configured URL, used for every request.
    public: Option<String>,
    scheme: &'static str,
    /// Hosts, with or without a port, in lower case.
    hosts: Vec<String>,
    /// Used for requests to any other host.
    listener: String,
}

impl BaseUrl {
    /// The base URLs of a listener: `public` is used for every request if it is set; else `listener` is used if the
    /// request's host is not one of `hosts`.
    pub fn new(public: Option<&str>, secure: bool, hosts: &[String], listener: String) -> Self {
        BaseUrl {
            public: public.map(|url| url.trim_end_matches('/').to_owned()),
            scheme: if secure { "https" } else { "http" },
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            listener,
        }
    }

    /// The base URL for the sender of this request, without a trailing slash.
    pub fn of(&self, request: &RequestHead) -> String {
        if let Some(public) = &self.public {
            return public.clone();
        }
        let host = host(request).map(|host| host.to_ascii_lowercase());
        match host.filter(|host| self.is_known(host)) {
            Some(host) => format!("{}://{host}", self.scheme),
            None => self.listener.clone(),
        }
    }

    /// Whether the host is in the list; an entry without a port matches any port.
    fn is_known(&self, host: &str) -> bool {
        let of_any_port = |known: &String| {
            let port = host
                .strip_prefix(known.as_str())
                .and_then(|rest| rest.strip_prefix(':'));
            port.is_some_and(|port| port.parse::<u16>().is_ok())
        };
        self.hosts
            .iter()
            .any(|known| known == host || of_any_port(known))
    }
}

/// The host to which the request is sent, with its port if it has one: `Host`, or `:authority` in HTTP/2
/// (RFC 9113 §8.3.1).
pub fn host(request: &RequestHead) -> Option<&str> {
    match request.headers.get(header::HOST) {
        Some(host) => host.to_str().ok().map(str::trim),
        None => request.uri.authority().map(|authority| authority.as_str()),
    }
}

/// Whether `text` is a valid entry of the list: a name, an IPv4 address, or an IPv6 address in brackets, with or
/// without a port (RFC 3986 §3.2.2).
pub fn is_host(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    if let Some(address) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let of_name = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.' | '_');
    !name.is_empty()
        && name.chars().all(of_name)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(public: Option<&str>, hosts: &[&str], host: &str) -> String {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let base = BaseUrl::new(public, true, &hosts, "https://127.0.0.1:9443".into());
        let mut request = RequestHead::default();
        if !host.is_empty() {
            request
                .headers
                .insert(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        base.of(&request)
    }

    #[test]
    fn public_url_precedes_known_hosts_and_these_the_listener() {
        let listener = "https://127.0.0.1:9443";
        let public = Some("https://users.example.com/");
        assert_eq!(
            of(public, &["a.example"], "a.example"),
            "https://users.example.com"
        );
        let hosts = ["a.example", "b.example:8443", "[::1]"];
        for (host, expected) in [
            ("a.example", "https://a.example"),
            ("A.Example:9443", "https://a.example:9443"),
            ("b.example:8443", "https://b.example:8443"),
            ("[::1]:9443", "https://[::1]:9443"),
            ("b.example", listener),
            ("b.example:9443", listener),
            ("a.example.evil", listener),
            ("a.example:9443.evil", listener),
            ("a.example:", listener),
            ("a.example:9443/x", listener),
            ("evil.example", listener),
            ("", listener),
        ] {
            assert_eq!(of(None, &hosts, host), expected, "{host}");
        }
        assert_eq!(of(None, &[], "a.example"), listener);
    }

    #[test]
    fn entries_are_hosts() {
        for good in [
            "a.example",
            "a.example:9443",
            "10.0.0.7",
            "10.0.0.7:1",
            "[::1]",
            "[::1]:9443",
            "db_1",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "https://a.example",
            "a.example/",
            "a b",
            "a:x",
            "a:1:2",
            "*.example",
            "[x]",
            "::1",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}

//! The client's address: the peer of the connection, or, if that is a proxy that the settings trust, the address that
//! the proxy reports (`Forwarded`, RFC 7239; `X-Forwarded-For`).
//!
//! Each proxy appends the address of its peer, so the list is read from its end: the last address that does not belong
//! to a trusted proxy is the client's. Anything before it may have been written by the client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::dev::RequestHead;
use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Determines client addresses.
#[derive(Debug, Clone)]
pub struct ClientAddress {
    trusted: Vec<IpNet>,
}

impl ClientAddress {
    /// Trusts these addresses (`192.0.2.1`) and networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// The message for the user: an entry is invalid.
    pub fn new(trusted: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
                format!(
                    "server.trusted_proxies: {text:?} is not an address; use one such as 192.0.2.1, or a network \
                     such as 10.0.0.0/8"
                )
            })
        };
        let trusted = trusted.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(ClientAddress { trusted })
    }

    /// The client's address; a connection without one counts as local.
    pub fn of(&self, head: &RequestHead) -> IpAddr {
        let peer = head
            .peer_addr
            .map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.ip());
        self.read_fields(peer, &head.headers)
    }

    fn read_fields(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) {
            return peer;
        }
        let named = match headers.contains_key("forwarded") {
            true => values(headers, "forwarded")
                .rev()
                .map(forwarded_for)
                .collect(),
            false => values(headers, "x-forwarded-for")
                .rev()
                .map(|value| node(&value))
                .collect::<Vec<_>>(),
        };
        let mut nearest = peer;
        for address in named {
            // An unreadable entry hides the client, so the proxy that passed it on counts as the client.
            let Some(address) = address else {
                return nearest;
            };
            nearest = address;
            if !self.is_trusted(address) {
                return address;
            }
        }
        nearest
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// The members of a list that may be split over several fields (RFC 9110 §5.3).
fn values(headers: &HeaderMap, name: &'static str) -> impl DoubleEndedIterator<Item = String> {
    let fields = headers.get_all(HeaderName::from_static(name));
    let members: Vec<String> = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|member| member.trim().to_owned())
        .filter(|member| !member.is_empty())
        .collect();
    members.into_iter()
}

/// The `for` parameter of an element of `Forwarded` (RFC 7239 §5.2).
fn forwarded_for(element: String) -> Option<IpAddr> {
    let parameter = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim().to_owned())
    })?;
    node(&parameter)
}

/// A node (RFC 7239 §6): an address, with or without a port, with or without quotation marks.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn from(peer: &str, fields: &[(&'static str, &str)], trusted: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(|&text| text.to_owned()).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let addresses = ClientAddress::new(&trusted).unwrap();
        addresses
            .read_fields(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn forwarding_fields_of_untrusted_peers_are_ignored() {
        let fields = [
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.8"),
        ];
        assert_eq!(from("192.0.2.1", &fields, &[]), "192.0.2.1");
        assert_eq!(from("192.0.2.1", &fields, &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxy_is_the_client() {
        let trusted = ["10.0.0.0/8", "::1"];
        let of = |name, value| from("10.0.0.1", &[(name, value)], &trusted);
        assert_eq!(
            of("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
            "198.51.100.7"
        );
        assert_eq!(
            of("x-forwarded-for", "198.51.100.7, 10.1.1.1"),
            "198.51.100.7"
        );
        assert_eq!(of("x-forwarded-for", "10.2.2.2"), "10.2.2.2");
        assert_eq!(
            of("forwarded", "for=198.51.100.7;proto=https, for=10.1.1.1"),
            "198.51.100.7"
        );
        assert_eq!(
            of("forwarded", "proto=http;For=\"[2001:db8::1]:4711\""),
            "2001:db8::1"
        );
        let both = [
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=198.51.100.7:80"),
        ];
        assert_eq!(from("::1", &both, &trusted), "198.51.100.7");
    }

    #[test]
    fn an_unreadable_entry_counts_as_the_proxy_that_sent_it() {
        let of = |name, value| from("10.0.0.1", &[(name, value)], &["10.0.0.0/8"]);
        assert_eq!(of("forwarded", "for=unknown"), "10.0.0.1");
        assert_eq!(of("forwarded", "for=_hidden, for=10.3.3.3"), "10.3.3.3");
        assert_eq!(of("x-forwarded-for", "1.2.3.4, evil"), "10.0.0.1");
    }

    #[test]
    fn an_invalid_address_is_named() {
        let error = ClientAddress::new(&["proxy.example".into()]).unwrap_err();
        assert!(
            error.contains("server.trusted_proxies: \"proxy.example\""),
            "{error}"
        );
    }
}

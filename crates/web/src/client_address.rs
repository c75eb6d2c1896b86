//! Client addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, Request};
use ipnet::IpNet;

use crate::problem::Problem;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A trusted proxy or network, such as `10.0.0.7` or `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

/// Not an address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is an IP address, optionally with a prefix length")]
pub struct InvalidNetwork;

impl FromStr for ProxyNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network = text.parse::<IpNet>();
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = network.or_else(|_| address());
        network.map(Self).map_err(|_| InvalidNetwork)
    }
}

/// Proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone)]
pub struct TrustedProxies(Arc<[ProxyNetwork]>);

impl TrustedProxies {
    /// Trusts these networks.
    #[must_use]
    pub fn new(networks: Vec<ProxyNetwork>) -> Self {
        Self(networks.into())
    }

    pub(crate) fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

/// The unit of fairness: an IPv4 address or an IPv6 /64, which one client usually owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn from_address(address: IpAddr) -> Self {
        const PREFIX: u128 = !(u64::MAX as u128);
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & PREFIX).into(),
            address => address,
        })
    }

    pub(crate) fn from_request<B>(request: &Request<B>, trusted: &TrustedProxies) -> Self {
        let peer = peer(request.extensions());
        Self::from_address(client(peer, request.headers(), trusted))
    }
}

/// The client's address: the peer or, behind trusted proxies, the last address in
/// `X-Forwarded-For` that is not one of them; addresses before it are unverified.
///
/// Ignores `Forwarded`: a proxy that writes one header passes the other through.
pub struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress
where
    TrustedProxies: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let trusted = TrustedProxies::from_ref(state);
        let peer = peer(&parts.extensions);
        Ok(Self(client(peer, &parts.headers, &trusted)))
    }
}

/// Unknown peers share one bucket.
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    peer.map_or(unknown, |ConnectInfo(peer)| peer.ip().to_canonical())
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    let mut forwarded = forwarded_addresses(headers);
    while trusted.include(client) {
        match forwarded.next().flatten() {
            Some(address) => client = address,
            // Unreadable: the proxy is the best known address.
            None => break,
        }
    }
    client
}

/// Nearest first.
fn forwarded_addresses(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',').map(address))
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().ok();
    let address = bare.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()));
    address.map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::{Network, ProxyNetwork, TrustedProxies, X_FORWARDED_FOR, client};

    /// With trusted proxies `10.0.0.0/8` and `::1`.
    fn seen(peer: &str, lines: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "::1"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = TrustedProxies::new(proxies.to_vec());
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_strangers_word_counts_for_nothing() {
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn a_proxys_last_word_counts_and_what_clients_wrote_before_it_does_not() {
        for lines in [
            &["203.0.113.9"][..],
            &["198.51.100.1, 203.0.113.9"],
            &["198.51.100.1", "203.0.113.9"],
            &["198.51.100.1, 203.0.113.9:4711, 10.2.3.4"],
            &["nonsense,203.0.113.9 , ::1"],
            &["10.9.9.9, ::ffff:203.0.113.9"],
        ] {
            assert_eq!(seen("10.0.0.1", lines), "203.0.113.9", "{lines:?}");
        }
        assert_eq!(seen("::1", &["[2001:db8::1]:80"]), "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_last_proxy_that_can() {
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[""]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(seen("10.0.0.1", &["unknown, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn a_network_is_an_address_perhaps_with_a_prefix() {
        for text in ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"] {
            assert!(text.parse::<ProxyNetwork>().is_ok(), "{text}");
        }
        for text in ["", "*", "10.0.0.0/33", "proxy", "10.0.0.1:80"] {
            assert!(text.parse::<ProxyNetwork>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_count_together() {
        let of = |text: &str| Network::from_address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}

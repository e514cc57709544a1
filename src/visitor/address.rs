//! Which address a request comes from and by which scheme, seen through proxies that are trusted,
//! and only those.

use crate::text::elements_from_last;
use arc_swap::{ArcSwap, Guard};
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

type Parse = fn(&[u8]) -> Option<IpAddr>;

/// Where proxies tell, the most usual first.
static LISTS: [(HeaderName, Parse); 3] = [
    (HeaderName::from_static("x-forwarded-for"), parse_address),
    (HeaderName::from_static("forwarded"), parse_forwarded),
    (HeaderName::from_static("cf-connecting-ip"), parse_address),
];

static SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Networks of trusted proxies, the same for all who hold a clone; may change at any time.
#[derive(Debug, Clone)]
pub struct Trusted(Arc<ArcSwap<Vec<IpNet>>>);

impl Trusted {
    pub fn now(&self) -> Guard<Arc<Vec<IpNet>>> {
        self.0.load()
    }

    pub fn replace(&self, networks: Vec<IpNet>) {
        self.0.store(Arc::new(networks));
    }
}

impl From<Vec<IpNet>> for Trusted {
    fn from(networks: Vec<IpNet>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(networks)))
    }
}

/// The client's address: the peer's, unless the peer is a trusted proxy. Then the last address
/// in `X-Forwarded-For` that is no trusted proxy itself (what stands before it, the client may
/// have written), else the same of `Forwarded` (RFC 7239), else `CF-Connecting-IP`. They are lists
/// as RFC 9110 §5.6.1 has them: see [`elements_from_last`].
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    for (name, parse) in &LISTS {
        let mut nearest = None;
        for hop in headers.get_all(name).iter().rev().flat_map(elements_from_last) {
            // A hop that is no address ends what can be believed.
            let Some(address) = parse(hop) else { break };
            nearest = Some(address);
            if !is_trusted(&address) {
                break;
            }
        }
        if let Some(address) = nearest {
            return address;
        }
    }
    peer
}

/// The visitor's address as a program tells it that is believed: the first in `X-Forwarded-For`.
pub fn told_address(headers: &HeaderMap) -> Option<IpAddr> {
    let hops = headers.get_all(&LISTS[0].0).iter().rev().flat_map(elements_from_last);
    hops.last().and_then(parse_address)
}

/// Whether what a peer says about the request it forwards is to be believed.
pub fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&peer.to_canonical()))
}

/// Whether a visitor came by HTTPS: as a trusted proxy says, which may have taken TLS away, else as
/// the connection is.
pub fn came_by_https(
    encrypted: bool,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> bool {
    let told = headers.get(&SCHEME).filter(|_| peer.is_some_and(|peer| is_trusted(peer, trusted)));
    told.map_or(encrypted, |scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// The network one household has: an IPv4 address, an IPv6 /64.
pub fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

/// An address, perhaps with a port, in brackets, in quotes.
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim_ascii();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let bare = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let address = text.parse().ok().or_else(bare);
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())).map(|a| a.to_canonical())
}

/// The `for=` of one element of a `Forwarded` header.
fn parse_forwarded(element: &[u8]) -> Option<IpAddr> {
    element.split(|byte| *byte == b';').find_map(|pair| {
        let (name, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| parse_address(&value[1..]))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn address(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn the_scheme_is_a_trusted_proxys_to_tell() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let [proxy, other] = ["10.0.0.1", "192.0.2.1"].map(|a| Some(a.parse().unwrap()));
        for (encrypted, peer, told, https) in [
            (false, proxy, Some("https"), true),
            (false, proxy, Some("HTTPS"), true),
            (true, proxy, Some("http"), false),
            (true, proxy, None, true),
            (false, other, Some("https"), false),
            (true, other, Some("http"), true),
            (false, None, Some("https"), false),
        ] {
            let mut headers = HeaderMap::new();
            told.into_iter().for_each(|told| drop(headers.insert(&SCHEME, told.parse().unwrap())));
            assert_eq!(
                came_by_https(encrypted, peer, &headers, &trusted),
                https,
                "{peer:?} {told:?}"
            );
        }
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        let spoof = [
            ("x-forwarded-for", "198.51.100.9"),
            ("forwarded", "for=198.51.100.9"),
            ("cf-connecting-ip", "198.51.100.9"),
        ];
        assert_eq!(address("192.0.2.1", &spoof, &[]), "192.0.2.1");
        assert_eq!(address("192.0.2.1", &spoof, &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(address("10.1.1.1", &spoof, &["10.0.0.0/8"]), "198.51.100.9");
    }

    #[test]
    fn the_last_untrusted_hop_counts() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        let hops = |list| address("10.0.0.1", &[("x-forwarded-for", list)], &trusted);
        assert_eq!(hops("1.1.1.1, 198.51.100.9, 10.0.0.7"), "198.51.100.9");
        assert_eq!(hops("10.0.0.9, 10.0.0.7"), "10.0.0.9");
        assert_eq!(hops("198.51.100.9:4711"), "198.51.100.9");
        assert_eq!(hops("[2001:db8::1]:4711, fd00::1"), "2001:db8::1");
        assert_eq!(hops("::ffff:198.51.100.9"), "198.51.100.9");
        assert_eq!(hops("198.51.100.9, unknown"), "10.0.0.1");
        assert_eq!(hops(""), "10.0.0.1");
        assert_eq!(hops("203.0.113.5,"), "203.0.113.5");
        assert_eq!(hops(", 203.0.113.5 ,,10.0.0.7,\t,"), "203.0.113.5");
        assert_eq!(hops("1.1.1.1, \"203.0.113.5:80\", \"[fd00::1]\""), "203.0.113.5");
        assert_eq!(hops("é\", 203.0.113.5"), "203.0.113.5");
    }

    #[test]
    fn forwarded_and_cloudflare_are_read_where_there_is_no_x_forwarded_for() {
        let of =
            |headers: &[(&'static str, &str)]| address("127.0.0.1", headers, &["127.0.0.1/32"]);
        let forwarded = "for=192.0.2.60;proto=http, For=\"[2001:db8::9]:80\"";
        assert_eq!(of(&[("forwarded", forwarded)]), "2001:db8::9");
        let listed = "for=192.0.2.60, by=\"a;b,c\"; FOR = \"203.0.113.5\" ,,";
        assert_eq!(of(&[("forwarded", listed)]), "203.0.113.5");
        assert_eq!(of(&[("cf-connecting-ip", "203.0.113.5")]), "203.0.113.5");
    }
}

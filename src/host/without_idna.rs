//! In the place of `idna`: names as they are sent, in ASCII.

use std::net::Ipv6Addr;

/// A host in its one form, an IPv6 address in brackets; `None`: it is none, or has to be written as
/// `xn--…`.
pub fn parsed(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let host = host.to_ascii_lowercase();
    (!host.is_empty() && super::is_plain(&host)).then_some(host)
}

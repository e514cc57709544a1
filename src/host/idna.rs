//! Hosts as browsers read them (WHATWG URL), letters beyond ASCII by IDNA. Its tables are large, so
//! they can be left out: the feature `idna`.

use url::Host;

/// A host in its one form, an IPv6 address in brackets; `None`: it is none.
pub fn parsed(host: &str) -> Option<String> {
    Host::parse(host).ok().map(|host| host.to_string())
}

//! The one form in which hosts are compared, whoever wrote them: a `Host` header, a referrer, an
//! origin, the settings.
//!
//! Lower case, without port and without the dot that may end a name; letters beyond ASCII as IDNA
//! has them (`xn--…`), an IPv6 address in its shortest form and in brackets. `www.` is a part of a
//! name like any other; only where a site's own links are told from others' it is set aside.

#[cfg_attr(not(feature = "idna"), path = "host/without_idna.rs")]
mod idna;
#[cfg(all(test, feature = "idna"))]
#[path = "host/without_idna.rs"]
mod without_idna;

use crate::text;
use http::{HeaderMap, Uri, header};
use std::borrow::Cow;

pub use idna::parsed;

/// A host, perhaps with a port, as compared. What is no host at all is compared as it is, in lower
/// case. Nothing is allocated for a name that is plain already.
pub fn plain(authority: &str) -> Cow<'_, str> {
    let host = authority.trim_ascii();
    let end = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => colon,
        _ => host.len(),
    };
    let host = host[..end].strip_suffix('.').unwrap_or(&host[..end]);
    if is_plain(host) {
        return host.into();
    }
    parsed(host).unwrap_or_else(|| host.to_ascii_lowercase()).into()
}

/// The same, as a header has it.
pub fn plain_bytes(authority: &[u8]) -> Cow<'_, str> {
    match text::lenient(authority) {
        Cow::Borrowed(text) => plain(text),
        Cow::Owned(text) => plain(&text).into_owned().into(),
    }
}

/// The host a request is for: HTTP/1 says it in `Host`, HTTP/2 in the URI.
pub fn of<'r>(fields: &'r HeaderMap, uri: &'r Uri) -> Option<Cow<'r, str>> {
    match fields.get(header::HOST) {
        Some(host) => Some(plain_bytes(host.as_bytes())),
        None => uri.authority().map(|authority| plain(authority.as_str())),
    }
}

/// Whether all that a request says of its host is the same: each `Host`, and the URI.
pub fn is_clear(fields: &HeaderMap, uri: &Uri) -> bool {
    let host = of(fields, uri);
    let mut all = fields.get_all(header::HOST).iter().map(|host| plain_bytes(host.as_bytes()));
    let target = uri.authority().map(|authority| plain(authority.as_str()));
    all.all(|other| Some(&other) == host.as_ref())
        && target.is_none_or(|t| Some(&t) == host.as_ref())
}

/// Whether a text has only characters that plain names have.
pub fn is_plain(host: &str) -> bool {
    host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'))
}

/// Of a plain host, what is compared of a link: whether it leads to the site itself.
pub fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// Whether a link from one host to the other stays on the site. Both are plain.
pub fn is_same(one: &str, other: &str) -> bool {
    without_www(one) == without_www(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (written, host) in [
            ("example.org", "example.org"),
            ("EXAMPLE.org.", "example.org"),
            (" example.org.:8080 ", "example.org"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
            ("XN--MNCHEN-3YA.example:443", "xn--mnchen-3ya.example"),
            ("www.example.org", "www.example.org"),
            ("a_b.example.org", "a_b.example.org"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[2001:DB8:0::1]:80", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("<Script>", "<script>"),
            (".", ""),
            ("", ""),
        ] {
            assert_eq!(plain(written), host, "{written}");
            assert_eq!(plain(host), host, "it stays as it is");
        }
        assert!(matches!(plain("example.org.:8080"), Cow::Borrowed(_)));
    }

    /// What browsers send is the same with and without IDNA.
    #[cfg(feature = "idna")]
    #[test]
    fn hosts_in_ascii_need_no_tables() {
        for host in [
            "example.org",
            "EXAMPLE.org",
            "XN--MNCHEN-3YA.example",
            "a_b.example.org",
            "127.0.0.1",
            "[2001:DB8:0::1]",
            "[::1]",
            "[::g]",
            "::1",
            "<Script>",
            "a b",
            "a:80",
            "",
        ] {
            assert_eq!(without_idna::parsed(host), idna::parsed(host), "{host}");
        }
        assert_eq!(without_idna::parsed("MÜNCHEN.example"), None);
    }

    #[cfg(feature = "idna")]
    #[test]
    fn letters_beyond_ascii_are_read_as_browsers_read_them() {
        assert_eq!(plain_bytes(b"M\xdcNCHEN.example"), "xn--mnchen-3ya.example");
    }
}

//! Header fields that end at the proxy: those of one connection, and what a stranger says of who
//! asked.
//!
//! A website believes `X-Forwarded-For` and its like, for it cannot know who wrote them. So whoever
//! is no trusted proxy may say none of it, in no spelling that a website could take for it.

use crate::visitor::address::is_trusted;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use ipnet::IpNet;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};
use std::io::Write;
use std::net::IpAddr;

/// Names those that a request came through (RFC 8586). Not `Via`: nginx compresses nothing for who
/// sends that.
static LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// This proxy in it.
const HOP: &str = "headcount";
/// More than one in a row may be meant.
const MOST_TIMES: usize = 5;

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Turns a request that came by HTTP/2 into what it would be by HTTP/1.1, so that a website cannot
/// tell which it was: one line of cookies (RFC 9113 §8.2.3), one host, and none of the fields that
/// Pingora leaves in.
///
/// # Errors
/// Pingora's, of fields that it does not take; none is expected.
pub fn level(request: &mut RequestHeader) -> Result<()> {
    let cookies = request.headers.get_all(header::COOKIE);
    if cookies.iter().nth(1).is_some() {
        let cookies: Vec<&[u8]> = cookies.iter().map(HeaderValue::as_bytes).collect();
        let cookies = HeaderValue::from_maybe_shared(Bytes::from(cookies.join(&b"; "[..])));
        if let Ok(cookies) = cookies {
            request.insert_header(header::COOKIE, cookies)?;
        }
    }
    if let Some(authority) = request.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str());
        if let Ok(host) = host {
            request.insert_header(header::HOST, host)?;
        }
    }
    for name in [&header::PROXY_AUTHORIZATION, &header::TRAILER] {
        request.remove_header(name);
    }
    Ok(())
}

/// Takes out of a final answer what speaks of the website's connection (RFC 9110 §7.6.1), and gives
/// it the version of the visitor's. Pingora does the same for requests, and writes `Connection`.
/// `trailers`: whether they are passed on.
pub fn end_connection(response: &mut ResponseHeader, trailers: bool) {
    response.set_version(Version::HTTP_11);
    let named: Vec<HeaderName> = (response.headers.get_all(header::CONNECTION).iter())
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !is_needed(name))
        .collect();
    for name in &named {
        response.remove_header(name);
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION] {
        response.remove_header(name);
    }
    if !trailers {
        response.remove_header(&header::TRAILER);
    }
    // 426 must say to what (RFC 9110 §15.5.22).
    if response.status != StatusCode::UPGRADE_REQUIRED {
        response.remove_header(&header::UPGRADE);
    }
}

/// Whether a field stays although `Connection` may name it: it says where the body ends, or is
/// dealt with by itself.
fn is_needed(name: &HeaderName) -> bool {
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE]
        .contains(name)
}

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Tells the website who asked, for what, and how. What the peer itself says of it is passed on
/// only if the peer is a trusted proxy.
pub fn forward(
    request: &mut RequestHeader,
    scheme: &'static str,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
) -> Result<()> {
    pass_through(request)?;
    let believed = peer.is_some_and(|p| is_trusted(p, trusted));
    if !believed {
        let claims = request.headers.keys().filter(|name| is_claim(name.as_str()));
        // Empty, and so not allocated, unless somebody tries.
        let claims: Vec<HeaderName> = claims.cloned().collect();
        for name in &claims {
            request.remove_header(name);
        }
    }
    if let Some(peer) = peer {
        let mut hops: Vec<u8> = Vec::with_capacity(64);
        if believed {
            for value in request.headers.get_all(&FOR) {
                hops.extend_from_slice(value.as_bytes());
                hops.extend_from_slice(b", ");
            }
        }
        write_address(&mut hops, peer.to_canonical());
        if let Ok(hops) = HeaderValue::from_maybe_shared(Bytes::from(hops)) {
            request.insert_header(FOR.as_str(), hops)?;
        }
    }
    if !(believed && request.headers.contains_key(&PROTO)) {
        request.insert_header(PROTO.as_str(), HeaderValue::from_static(scheme))?;
    }
    if !(believed && request.headers.contains_key(&HOST)) {
        match request.headers.get(header::HOST).cloned() {
            Some(host) => request.insert_header(HOST.as_str(), host)?,
            None => {
                request.remove_header(&HOST);
            }
        }
    }
    Ok(())
}

/// Adds this proxy to those that the request came through, which is how one that goes in circles is
/// found.
fn pass_through(request: &mut RequestHeader) -> Result<()> {
    let passed = request.headers.get_all(&LOOP).iter();
    let here = passed.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let times = here.filter(|hop| hop.trim_ascii() == HOP.as_bytes()).count();
    if times >= MOST_TIMES {
        let loops = ErrorType::HTTPStatus(StatusCode::LOOP_DETECTED.as_u16());
        return Error::e_explain(loops, "the request came through here before");
    }
    request.append_header(LOOP.as_str(), HeaderValue::from_static(HOP)).map(drop)
}

/// What tells a website the visitor's address, scheme or host, beside all that begins with
/// `X-Forwarded`: the fields of proxies and content delivery networks.
const CLAIMS: [&str; 22] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-visitor",
    "client-ip",
    "cloudfront-forwarded-proto",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-original-host",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-ip",
    "x-scheme",
    "x-url-scheme",
];

/// Whether a field, its name in lower case, claims to know who asked. Many websites do not tell `_`
/// from `-` in names (RFC 3875 §4.1.18).
fn is_claim(name: &str) -> bool {
    let alike = |name: &[u8], claim: &[u8]| {
        name.len() == claim.len()
            && name.iter().zip(claim).all(|(a, b)| a == b || (*a == b'_' && *b == b'-'))
    };
    const PREFIX: &[u8] = b"x-forwarded";
    let name = name.as_bytes();
    // Most names begin otherwise.
    matches!(name.first(), Some(b'c' | b'f' | b't' | b'x'))
        && (name.get(..PREFIX.len()).is_some_and(|start| alike(start, PREFIX))
            || CLAIMS.iter().any(|claim| alike(name, claim.as_bytes())))
}

/// As `{}` has it, which takes longer than all else that is done for the header.
fn write_address(to: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to a vector cannot fail.
        let _ = write!(to, "{address}");
        return;
    };
    for (i, octet) in address.octets().into_iter().enumerate() {
        to.extend_from_slice(if i > 0 { b"." } else { b"" });
        to.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &http::HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_of_the_websites_connection_ends_here() {
        let ended = |status, fields: &[(&'static str, &str)]| {
            let mut response = ResponseHeader::build(status, None).unwrap();
            response.set_version(Version::HTTP_10);
            for (name, value) in fields {
                response.append_header(*name, *value).unwrap();
            }
            end_connection(&mut response, false);
            assert_eq!(response.version, Version::HTTP_11);
            response.remove_header(&header::CONNECTION);
            names(&response.headers).join(" ")
        };
        let page = [("content-type", "text/html"), ("content-length", "1")];
        assert_eq!(ended(200, &page), "content-length content-type");
        let hop = [
            ("connection", "close, X-Hop,, \"odd\""),
            ("connection", "content-length,x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("trailer", "x-sum"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
            ("x-hop", "2"),
            ("x-other", "3"),
        ];
        assert_eq!(ended(200, &[&hop[..], &page].concat()), "content-length content-type");
        assert_eq!(ended(426, &[("connection", "upgrade"), ("upgrade", "h2c")]), "upgrade");
    }

    #[test]
    fn a_stranger_says_nothing_of_who_asked() {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        let claims = CLAIMS.iter().map(|claim| claim.to_string());
        let spelled = claims.chain(CLAIMS.iter().map(|claim| claim.replace('-', "_"))).chain([
            "x-forwarded-port".to_owned(),
            "X_Forwarded_For".to_owned(),
            "x-forwarded".to_owned(),
        ]);
        for name in spelled {
            request.append_header(name, "1").unwrap();
        }
        for name in ["x-forward", "x-real", "cookie", "client-ipx", "x-requested-with", "host"] {
            request.append_header(name, "1").unwrap();
        }
        let mut trusted = request.clone();
        forward(&mut request, "http", Some("192.0.2.7".parse().unwrap()), &[]).unwrap();
        let left = "cdn-loop client-ipx cookie host x-forward x-forwarded-for x-forwarded-host \
                    x-forwarded-proto x-real x-requested-with";
        assert_eq!(names(&request.headers).join(" "), left);

        let before = trusted.headers.keys_len();
        let networks = ["10.0.0.0/8".parse().unwrap()];
        forward(&mut trusted, "http", Some("10.0.0.1".parse().unwrap()), &networks).unwrap();
        assert_eq!(trusted.headers.keys_len(), before + 4, "a trusted proxy's are kept");
    }

    #[test]
    fn a_request_that_goes_in_circles_is_stopped() {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.append_header("cdn-loop", "other; v=1, headcount").unwrap();
        for _ in 1..MOST_TIMES {
            forward(&mut request, "http", None, &[]).unwrap();
        }
        let error = forward(&mut request, "http", None, &[]).unwrap_err();
        assert_eq!(error.etype(), &ErrorType::HTTPStatus(508));
    }

    fn forwarded(peer: &str, sent: &[(&'static str, &str)], trusted: &[&str]) -> [String; 3] {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.insert_header("host", "example.org").unwrap();
        for (name, value) in sent {
            request.append_header(*name, *value).unwrap();
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        forward(&mut request, "http", Some(peer.parse().unwrap()), &trusted).unwrap();
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map(|name| {
            let all = request.headers.get_all(name);
            all.iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>().join("|")
        })
    }

    #[test]
    fn a_visitors_own_claims_are_replaced() {
        let claims = [
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ];
        assert_eq!(forwarded("192.0.2.7", &claims, &[]), ["192.0.2.7", "http", "example.org"]);
    }

    #[test]
    fn a_trusted_proxys_are_kept_and_added_to() {
        let claims = [
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "10.0.0.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "www.example.org"),
        ];
        assert_eq!(
            forwarded("::ffff:10.0.0.1", &claims, &["10.0.0.0/8"]),
            ["198.51.100.1, 10.0.0.9, 10.0.0.1", "https", "www.example.org"]
        );
    }
}

//! The head of a request over HTTP/2, judged by the rules of one over HTTP/1.1: that is what most
//! websites get of it.
//!
//! What HTTP/2 itself forbids is refused below Pingora, and what makes no request line by Pingora.
//! Both let pass what HTTP/1.1 forbids alone, or what only [`head`](super::head) refuses.

use super::head::{MAX_FIELDS, Refused, is_host};
use http::{Method, header};
use pingora::http::RequestHeader;

/// # Errors
/// The status to answer with.
pub fn judge(request: &RequestHeader) -> Result<(), Refused> {
    let fields = &request.headers;
    if fields.len() > MAX_FIELDS {
        return Err(Refused(431));
    }
    let uri = &request.uri;
    let host = uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = host.or_else(|| fields.get(header::HOST).map(|host| host.as_bytes()));
    let web = uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https"));
    // RFC 9113 §8.3.1: a path, or the server as a whole.
    let target = match request.method {
        Method::CONNECT => return Err(Refused(405)),
        Method::OPTIONS if uri.path() == "*" => true,
        _ => request.raw_path().starts_with(b"/"),
    };
    // RFC 9110 §8.6 lets identical repeats pass: HTTP/1.1 has them refused.
    let twice = |name| fields.get_all(name).iter().nth(1).is_some();
    let again = [header::CONTENT_LENGTH, header::EXPECT].into_iter().any(twice);
    let host = host.is_none_or(is_host);
    if host && web && target && !again { Ok(()) } else { Err(Refused(400)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, uri: &str, fields: &[(&'static str, &str)]) -> u16 {
        let mut request = RequestHeader::build(method, b"/", None).unwrap();
        request.set_uri(uri.parse().unwrap());
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        judge(&request).map_or_else(|refused| refused.0, |()| 200)
    }

    #[test]
    fn the_rules_are_those_of_http_1() {
        let length = ("content-length", "3");
        for (method, uri, fields, expected) in [
            ("GET", "https://example.org/a?b", &[][..], 200),
            ("POST", "http://example.org:8080/a", &[length], 200),
            ("GET", "/a", &[("host", "[::1]:80")], 200),
            ("OPTIONS", "*", &[("host", "example.org")], 200),
            ("GET", "*", &[("host", "example.org")], 400),
            ("POST", "https://example.org/a", &[length, length], 400),
            ("GET", "https://a,b/a", &[], 400),
            ("GET", "/a", &[("host", "a, b")], 400),
            ("GET", "/a", &[("host", "a:b")], 400),
            ("POST", "/a", &[("host", "a"), ("expect", "x"), ("expect", "x")], 400),
            ("GET", "ftp://example.org/a", &[], 400),
            ("GET", "https://example.org/a", &[("x-a", "1"); MAX_FIELDS], 200),
            ("GET", "https://example.org/a", &[("x-a", "1"); MAX_FIELDS + 1], 431),
        ] {
            assert_eq!(status(method, uri, fields), expected, "{method} {uri} {fields:?}");
        }
    }
}

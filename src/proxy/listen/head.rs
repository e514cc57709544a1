//! The head of a request, judged before Pingora sees it.
//!
//! Two parsers that understand one request differently are how requests are smuggled, so whatever
//! could be read in two ways is refused here, as nginx refuses it. Pingora 0.9.1 accepts a
//! `Content-Length` beside a `Transfer-Encoding`, repeats of either, and targets that begin with
//! no slash; it refuses bytes in targets that websites have always been sent.

use super::framing::Framing;
use bytes::{BufMut, Bytes, BytesMut};
use std::mem::MaybeUninit;

/// Header lines of one request; Pingora's own constant.
pub const MAX_FIELDS: usize = 256;

/// A request that is not forwarded, by the status that says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub u16);

const MALFORMED: Refused = Refused(400);
const TOO_MANY_FIELDS: Refused = Refused(431);
const UNKNOWN_CODING: Refused = Refused(501);
const UNKNOWN_VERSION: Refused = Refused(505);

/// Another protocol that the client asks for on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    No,
    WebSocket,
    Other,
}

/// What the rest of the connection has to know of a head.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub framing: Framing,
    pub upgrade: Upgrade,
    /// The target for the website, where it is not the one in the head that Pingora reads: it has
    /// bytes above ASCII, which Pingora's parser does not take.
    pub raw_target: Option<Bytes>,
}

/// Where the head ends, if all of it is there: one past its empty line. `from`: how much of it was
/// searched before.
pub fn end(bytes: &[u8], from: usize) -> Option<usize> {
    // An empty line may have begun before `from`.
    let from = from.saturating_sub(3);
    memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| from + at + 1).find_map(|next| match bytes
        [next..]
    {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// How many bytes of empty lines stand before a request line (RFC 9112 §2.2 allows them).
pub fn blank_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Judges a whole head. Where its target has bytes that Pingora does not take, the head is written
/// anew with them encoded.
///
/// # Errors
/// The status to answer with; the connection ends.
pub fn judge(head: &mut BytesMut) -> Result<Head, Refused> {
    let line_end = memchr::memchr(b'\n', head).ok_or(MALFORMED)?;
    let line = head[..line_end].strip_suffix(b"\r").unwrap_or(&head[..line_end]);
    let (method, rest) = split_at_space(line).ok_or(MALFORMED)?;
    let (target, version) = split_at_space(rest).ok_or(MALFORMED)?;
    let http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(UNKNOWN_VERSION);
        }
        _ => return Err(MALFORMED),
    };
    check_target(method, target)?;
    let mut raw_target = None;
    if target.iter().any(|&byte| is_unusual(byte)) {
        let start = method.len() + 1;
        let range = start..start + target.len();
        if !target.is_ascii() {
            raw_target = Some(encoded(target, false).freeze());
        }
        let target = encoded(target, true);
        let mut written = BytesMut::with_capacity(head.len() - range.len() + target.len());
        written.put_slice(&head[..range.start]);
        written.put_slice(&target);
        written.put_slice(&head[range.end..]);
        *head = written;
    }
    let (framing, upgrade) = check_fields(head, http_10)?;
    Ok(Head { framing, upgrade, raw_target })
}

/// Splits at the first space. A second one beside it stays, and is refused later.
fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// RFC 9112 §3.2: a path, `*` of OPTIONS, or a whole URL. What Pingora does not forward at all
/// (CONNECT) is left to it.
fn check_target(method: &[u8], target: &[u8]) -> Result<(), Refused> {
    let known = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ if method == b"CONNECT" => return Err(Refused(405)),
        _ => is_url(target),
    };
    let controls = target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f);
    if known && !controls { Ok(()) } else { Err(MALFORMED) }
}

/// Whether a target is `http://…` or `https://…`.
fn is_url(target: &[u8]) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
            && target.len() > scheme.len()
    })
}

/// Whether a byte may have to be encoded.
fn is_unusual(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'`' | b'"') || !byte.is_ascii()
}

/// What `http::Uri` (1.x) does not take in a path or in a query. Browsers encode these; other
/// clients do not, and nginx passes them on.
fn must_be_encoded(byte: u8, in_query: bool) -> bool {
    match byte {
        b'<' | b'>' => true,
        b'`' => !in_query,
        b'"' => in_query,
        _ => false,
    }
}

/// A target as Pingora takes it; without `bytes`, what is not ASCII stays.
fn encoded(target: &[u8], bytes: bool) -> BytesMut {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let mut to = BytesMut::with_capacity(target.len() * 3);
    for (at, &byte) in target.iter().enumerate() {
        if must_be_encoded(byte, at > query) || (bytes && !byte.is_ascii()) {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            to.put_slice(&[b'%', DIGITS[high], DIGITS[low]]);
        } else {
            to.put_u8(byte);
        }
    }
    to
}

/// What must be clear of the fields: how long the body is, for whom the request is, and whether it
/// asks for an upgrade.
fn check_fields(head: &[u8], http_10: bool) -> Result<(Framing, Upgrade), Refused> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut fields) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(MALFORMED),
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_MANY_FIELDS),
        Err(_) => return Err(MALFORMED),
    }
    let (mut length, mut chunked, mut host, mut upgrade) = (None, false, false, Upgrade::No);
    let mut expects = false;
    for field in request.headers.iter() {
        let (name, value) = (field.name, field.value);
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if host || !is_host(value) {
                    return Err(MALFORMED);
                }
                host = true;
            }
            // A website that takes the first waits for what one that takes the last has not asked
            // for.
            6 if name.eq_ignore_ascii_case("expect") && std::mem::replace(&mut expects, true) => {
                return Err(MALFORMED);
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                // RFC 9110 §8.6 lets identical repeats pass; nginx does not, nor do we.
                if length.is_some() {
                    return Err(MALFORMED);
                }
                length = Some(content_length(value).ok_or(MALFORMED)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if chunked || http_10 {
                    return Err(MALFORMED);
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(UNKNOWN_CODING);
                }
                chunked = true;
            }
            7 if name.eq_ignore_ascii_case("upgrade") && !http_10 => {
                let websocket = value.eq_ignore_ascii_case(b"websocket");
                upgrade = if websocket { Upgrade::WebSocket } else { Upgrade::Other };
            }
            _ => {}
        }
    }
    if !(host || http_10) {
        return Err(MALFORMED);
    }
    match (length, chunked) {
        (Some(_), true) => Err(MALFORMED),
        (None, true) => Ok((Framing::chunked(), upgrade)),
        (length, false) => Ok((Framing::length(length.unwrap_or(0)), upgrade)),
    }
}

/// Digits and nothing else: `+1`, `1,1` and the like are read in more than one way.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok().filter(|length| *length <= i64::MAX as u64)
}

/// Whether a text is a host, perhaps with a port (RFC 9112 §3.2), or empty: what some would cut off
/// behind its colon is nothing but a port.
pub fn is_host(text: &[u8]) -> bool {
    let (name, port) = match text {
        // An address of IPv6 has colons of its own.
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) => rest.split_at(end + 1),
            None => return false,
        },
        _ => text.split_at(memchr::memchr(b':', text).unwrap_or(text.len())),
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => !name.is_empty() && is_port(digits),
        _ => false,
    };
    is_port && !name.windows(2).any(|two| two == b"..") && name.iter().all(|b| may_be_in_host(*b))
}

/// RFC 3986 §3.2.3 lets a port be empty.
fn is_port(digits: &[u8]) -> bool {
    let number = digits.iter().try_fold(0_u32, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    });
    number.is_some_and(|number| number <= u32::from(u16::MAX))
}

/// No control, no space, and nothing that would end a host or begin one within a URL.
fn may_be_in_host(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | 0x7f | b'/' | b'\\' | b'@' | b'?' | b'#' | b'"' | b'<' | b'>' | b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(head: &str) -> Result<Head, u16> {
        judge(&mut BytesMut::from(head)).map_err(|refused| refused.0)
    }

    fn status(head: &str) -> u16 {
        judged(head).err().unwrap_or(200)
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
        assert_eq!(end(head, 0), Some(27));
        for searched in 0..27 {
            assert_eq!(end(head, searched), Some(27), "{searched}");
            assert_eq!(end(&head[..searched], 0), None, "{searched}");
        }
        assert_eq!(end(b"GET / HTTP/1.1\nHost: a\n\nbody", 0), Some(24));
        assert_eq!(end(b"GET / HTTP/1.1\nHost: a\n\r\nbody", 0), Some(25));
    }

    #[test]
    fn bodies_are_framed_in_one_way() {
        let framed = |fields: &str| {
            judged(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).map(|head| head.framing)
        };
        assert_eq!(framed(""), Ok(Framing::length(0)));
        assert_eq!(framed("Content-Length: 12\r\n"), Ok(Framing::length(12)));
        assert_eq!(framed("Transfer-Encoding: chunked\r\n"), Ok(Framing::chunked()));
        assert_eq!(framed("TRANSFER-encoding:Chunked\r\n"), Ok(Framing::chunked()));
        for refused in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 9223372036854775808\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length : 1\r\n",
            "Transfer-Encoding : chunked\r\n",
            "X: a\r\n Transfer-Encoding: chunked\r\n",
            "X: a\0b\r\n",
            "X: a\rb\r\n",
        ] {
            assert_eq!(framed(refused), Err(400), "{refused:?}");
        }
        for unknown in ["gzip, chunked", "chunked, gzip", "identity", "xchunked", "\"chunked\""] {
            assert_eq!(framed(&format!("Transfer-Encoding: {unknown}\r\n")), Err(501), "{unknown}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(status(old), 400);
    }

    #[test]
    fn targets_are_of_a_known_form() {
        for (target, expected) in [
            ("/", 200),
            ("//a", 200),
            ("/?a=@b", 200),
            ("http://example.org/a", 200),
            ("HTTPS://example.org", 200),
            ("*", 400),
            ("a", 400),
            ("@evil/a", 400),
            ("?a", 400),
            ("ftp://example.org/", 400),
            ("http:/a", 400),
            ("http://", 400),
            ("/a b", 400),
            ("/a\tb", 400),
            ("/a\u{7f}", 400),
            ("", 400),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: example.org\r\n\r\n");
            assert_eq!(status(&head), expected, "{target:?}");
        }
        assert_eq!(status("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        assert_eq!(status("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 405);
    }

    #[test]
    fn versions_and_hosts() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\n\r\n", 200),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 200),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nExpect: x\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
            ("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /\r\nHost: a\r\n\r\n", 400),
            ("GET\r\nHost: a\r\n\r\n", 400),
            (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("G\u{7f}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ] {
            assert_eq!(status(head), expected, "{head:?}");
        }
        let many = |n| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n));
        assert_eq!(status(&many(MAX_FIELDS - 1)), 200);
        assert_eq!(status(&many(MAX_FIELDS)), 431);
    }

    #[test]
    fn hosts_have_a_port_or_none() {
        for host in
            ["", "a", "a:", "a:80", "a:00065535", "a.b.", "_a", "[::1]", "[::1]:80", "caf\u{e9}"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for none in [
            ":80",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:-1",
            "a:+80",
            "a:0x50",
            "a:99999999999",
            "a:80 ",
            "a..",
            "a..b",
            "[::1",
            "[::1]a",
            "[::1]:a",
            "::1",
            "a b",
            "a/b",
            "a@b",
            "a,b",
        ] {
            assert!(!is_host(none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn what_a_uri_takes_is_left_alone() {
        for byte in (b'!'..=b'~').filter(|byte| !matches!(byte, b'?' | b'#')) {
            for (in_query, start) in [(false, "/a"), (true, "/a?b")] {
                let target = format!("{start}{}", char::from(byte));
                let taken = target.parse::<http::uri::PathAndQuery>().is_ok();
                assert_eq!(must_be_encoded(byte, in_query), !taken, "{target}");
                assert!(taken || is_unusual(byte), "{target}");
            }
        }
    }

    #[test]
    fn what_pingora_does_not_take_in_a_target_is_encoded() {
        let written = |target: &[u8]| {
            let mut head = BytesMut::new();
            head.extend_from_slice(b"GET ");
            head.extend_from_slice(target);
            head.extend_from_slice(b" HTTP/1.1\r\nHost: a\r\n\r\n");
            let judged = judge(&mut head).unwrap();
            let line = String::from_utf8(head.to_vec()).unwrap();
            let target = line.split(' ').nth(1).unwrap().to_owned();
            (target, judged.raw_target.map(|target| target.to_vec()))
        };
        assert_eq!(written(b"/a%3c?b"), ("/a%3c?b".to_owned(), None));
        assert_eq!(written(b"/<a>`\"?{b}|`\""), ("/%3Ca%3E%60\"?{b}|`%22".to_owned(), None));
        assert_eq!(
            written(b"/caf\xe9<?q=\xfc"),
            ("/caf%E9%3C?q=%FC".to_owned(), Some(b"/caf\xe9%3C?q=\xfc".to_vec()))
        );
    }
}

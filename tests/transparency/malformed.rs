//! Requests that are malformed, or nearly: the proxy answers them as nginx does, and the website
//! never gets one that it could read in another way than the client meant it.
//!
//! A real nginx stands beside the proxy, each in front of a website that takes whatever it is
//! given. Both are sent the same bytes. Compared are the status of the first answer, and the
//! requests that reached the website whole. Where the proxy decides otherwise than nginx, the table
//! says so, with the reason; a decision that no longer differs fails the test.

use crate::common::nginx::Nginx;
use crate::common::process::Proxy;
use crate::common::wire::{Origin, Wire};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub struct Case {
    pub name: &'static str,
    pub request: Vec<u8>,
    /// Where nginx decides otherwise: our verdict, and why.
    differs: Option<(Verdict, &'static str)>,
}

// Why we decide otherwise than nginx 1.22.
const LINE: &str = "nginx takes a bare LF for the end of a line of chunked framing, where RFC 9112 §7.1 \
                    wants CRLF: a website that does not would find another request in the same \
                    bytes (§11.2)";
const CONTROL: &str = "no part of a request may have control characters (RFC 9110 §5.5)";
const SPACES: &str = "exactly one space stands between the words of a request line (RFC 9112 §3)";
const SPACE: &str = "a tab is white space too (RFC 9110 §5.6.3)";
const THEIRS: &str = "it can be read in one way only, so the website decides about it";
const VERSION: &str = "only HTTP/1.0 and HTTP/1.1 are answered";
const SIZE: &str = "431 is the status for this; nginx answers the same limit with others";
const NAME: &str = "it is no field (RFC 9110 §5.1); nginx forwards the request without it";

impl Case {
    fn differs(mut self, status: u16, reached: &[&str], why: &'static str) -> Self {
        let reached = reached.iter().map(ToString::to_string).collect();
        self.differs = Some((Verdict { status, reached }, why));
        self
    }
}

/// Each character is one byte.
fn raw(name: &'static str, request: &str) -> Case {
    let request = request.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect();
    Case { name, request, differs: None }
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A request with these fields and this body, behind which another may hide.
fn post(name: &'static str, fields: &str, body: &str) -> Case {
    raw(name, &format!("POST /a HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}{HIDDEN}"))
}

/// A chunked body.
fn chunks(name: &'static str, body: &str) -> Case {
    post(name, "Transfer-Encoding: chunked\r\n", body)
}

/// A request line.
fn line(name: &'static str, line: &str) -> Case {
    raw(name, &format!("{line}\r\nHost: localhost\r\n\r\n"))
}

/// Fields of a request, `Host` too.
fn fields(name: &'static str, fields: &str) -> Case {
    raw(name, &format!("GET /a HTTP/1.1\r\n{fields}\r\n"))
}

fn framing() -> Vec<Case> {
    let size = "0\r\n\r\n";
    vec![
        post("a length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", size),
        post("chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", size),
        post("one length twice", "Content-Length: 1\r\nContent-Length: 1\r\n", "x"),
        post("two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"),
        post("a list of lengths", "Content-Length: 1, 1\r\n", "x"),
        post("a length with a sign", "Content-Length: +1\r\n", "x"),
        post("a negative length", "Content-Length: -1\r\n", "x"),
        post("a hexadecimal length", "Content-Length: 0x1\r\n", "x"),
        post("no length", "Content-Length:\r\n", ""),
        post("a length in two words", "Content-Length: 1 1\r\n", "x"),
        post("a length that overflows", "Content-Length: 18446744073709551617\r\n", "x"),
        post("a length beyond 63 bits", "Content-Length: 9223372036854775808\r\n", "x"),
        post("a length with white space around", "Content-Length: \t1 \t\r\n", "x").differs(
            200,
            &["POST /a x", "GET /hidden"],
            SPACE,
        ),
        post("a length before a space and a colon", "Content-Length : 1\r\n", "x"),
        post("a length on a folded line", "X: a\r\n Content-Length: 1\r\n", "x"),
        post("gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", size),
        post("chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n", size),
        post("identity", "Transfer-Encoding: identity\r\n", ""),
        post("xchunked", "Transfer-Encoding: xchunked\r\n", size),
        post("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n", size),
        post("chunked with a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n", size).differs(
            400,
            &[],
            "no field's value may have a vertical tab (RFC 9110 §5.5)",
        ),
        post("chunked with white space around", "Transfer-Encoding: \tchunked \t\r\n", size)
            .differs(200, &["POST /a", "GET /hidden"], SPACE),
        post("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", size),
        post(
            "chunked and identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            size,
        ),
        post("chunked before a space and a colon", "Transfer-Encoding : chunked\r\n", size),
        post("chunked on a folded line", "Transfer-Encoding:\r\n chunked\r\n", size),
        post(
            "chunked with an underscore",
            "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
            size,
        ),
        raw(
            "chunked in HTTP/1.0",
            &format!("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{size}{HIDDEN}"),
        ),
        raw(
            "a body that GET does not expect",
            &format!(
                "GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            ),
        ),
    ]
}

fn bodies() -> Vec<Case> {
    vec![
        chunks("a chunk extension", "3;a=\"b\"\r\nabc\r\n0\r\n\r\n"),
        chunks("LF after a size", "3\nabc\r\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("LF in an extension", "3;a\nabc\r\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
        chunks("NUL in an extension", "3;a\0b\r\nabc\r\n0\r\n\r\n").differs(400, &[], CONTROL),
        chunks("an empty size", "\r\n0\r\n\r\n"),
        chunks("an extension without a size", ";a\r\n0\r\n\r\n"),
        chunks("a space before a size", " 3\r\nabc\r\n0\r\n\r\n"),
        chunks("a space after a size", "3 \r\nabc\r\n0\r\n\r\n"),
        chunks("a size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
        chunks("a negative size", "-3\r\nabc\r\n0\r\n\r\n"),
        chunks("a size that is none", "g\r\nabc\r\n0\r\n\r\n"),
        chunks("a size that overflows", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with many zeros", "00000000000000000003\r\nabc\r\n0\r\n\r\n").differs(
            400,
            &[],
            "Pingora takes no size of more than 16 digits, which no client sends",
        ),
        chunks("more than its size", "3\r\nabcd\r\n0\r\n\r\n"),
        chunks("no line end after a chunk", "3\r\nabc0\r\n\r\n"),
        chunks("LF after a chunk", "3\r\nabc\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("LF at the end", "3\r\nabc\r\n0\r\n\n").differs(400, &[], LINE),
        chunks("a trailer", "3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n"),
        chunks("a trailer that is a length", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
        chunks("a trailer that ends with LF", "3\r\nabc\r\n0\r\nX-A: 1\n\r\n").differs(
            400,
            &[],
            LINE,
        ),
        chunks("a trailer with NUL", "3\r\nabc\r\n0\r\nX-A: \0\r\n\r\n").differs(400, &[], CONTROL),
    ]
}

fn lines() -> Vec<Case> {
    let long = "a".repeat(100_000);
    vec![
        line("a target with an @", "GET @evil/a HTTP/1.1"),
        line("a target without a slash", "GET a HTTP/1.1"),
        line("a target that is a query", "GET ?a HTTP/1.1"),
        line("two spaces before a target", "GET  /a HTTP/1.1").differs(400, &[], SPACES),
        line("two spaces after a target", "GET /a  HTTP/1.1").differs(400, &[], SPACES),
        line("a tab before a target", "GET\t/a HTTP/1.1"),
        line("a space in a target", "GET /a b HTTP/1.1"),
        line("a tab in a target", "GET /a\tb HTTP/1.1"),
        line("a control in a target", "GET /a\u{1}b HTTP/1.1"),
        line("DEL in a target", "GET /a\u{7f} HTTP/1.1"),
        line("NUL in a target", "GET /a\0 HTTP/1.1"),
        line("CR in a target", "GET /a\rb HTTP/1.1"),
        line("a target above the root", "GET /../../etc/passwd HTTP/1.1").differs(
            200,
            &["GET /../../etc/passwd"],
            THEIRS,
        ),
        line("an encoded NUL", "GET /a%00b HTTP/1.1").differs(200, &["GET /a%00b"], THEIRS),
        line("a broken escape", "GET /a%zz HTTP/1.1").differs(200, &["GET /a%zz"], THEIRS),
        line("a URL without a host", "GET http:/// HTTP/1.1"),
        line("a URL with one slash", "GET http:/a HTTP/1.1"),
        line("a URL of FTP", "GET ftp://localhost/a HTTP/1.1").differs(
            400,
            &[],
            "a website is not asked over FTP",
        ),
        line("a URL with a user", "GET http://user@localhost/a HTTP/1.1"),
        line("a URL of another host", "GET http://evil.example/a HTTP/1.1").differs(
            400,
            &[],
            "the website could take the host from the URL or from the field",
        ),
        line("* of GET", "GET * HTTP/1.1"),
        line("a tunnel", "CONNECT localhost:80 HTTP/1.1").differs(
            405,
            &[],
            "it is well-formed, and 405 says that it is not for a website",
        ),
        line("a trace", "TRACE /a HTTP/1.1").differs(200, &["TRACE /a"], THEIRS),
        line("a method in lower case", "get /a HTTP/1.1").differs(200, &["get /a"], THEIRS),
        line("a method that is none", "GE(T /a HTTP/1.1"),
        line("no target", "GET HTTP/1.1"),
        line("one word", "GET"),
        line("a space first", " GET /a HTTP/1.1"),
        line("a space last", "GET /a HTTP/1.1 ").differs(400, &[], SPACES),
        line("a word too many", "GET /a HTTP/1.1 b"),
        line("no version", "GET /a").differs(400, &[], VERSION),
        line("HTTP/1.2", "GET /a HTTP/1.2").differs(505, &[], VERSION),
        line("HTTP/2.0", "GET /a HTTP/2.0"),
        line("HTTP/9.9", "GET /a HTTP/9.9"),
        line("HTTP/1", "GET /a HTTP/1"),
        line("HTTP/1.10", "GET /a HTTP/1.10").differs(400, &[], VERSION),
        line("HTTP/01.1", "GET /a HTTP/01.1"),
        line("a version in lower case", "GET /a http/1.1"),
        line("another protocol", "GET /a ICY/1.1"),
        line("a target of 100 KB", &format!("GET /{long} HTTP/1.1")).differs(431, &[], SIZE),
        raw("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n"),
    ]
}

fn headers() -> Vec<Case> {
    const HOST: &str = "Host: localhost\r\n";
    let with = |name, more: &str| fields(name, &format!("{HOST}{more}"));
    let long = "a".repeat(100_000);
    vec![
        fields("no host", ""),
        fields("an empty host", "Host:\r\n").differs(
            200,
            &["GET /a"],
            "RFC 9112 §3.2 lets it be empty",
        ),
        fields("two hosts", "Host: localhost\r\nHost: evil.example\r\n"),
        fields("one host twice", "Host: localhost\r\nHost: localhost\r\n"),
        fields("a host with a path", "Host: localhost/a\r\n"),
        fields("a host with a user", "Host: user@localhost\r\n").differs(
            400,
            &[],
            "it is no host (RFC 9112 §3.2)",
        ),
        fields("a host with a space", "Host: local host\r\n"),
        fields("a host with NUL", "Host: local\0host\r\n"),
        fields("a list of hosts", "Host: localhost, evil.example\r\n"),
        fields("a host with a port that is none", "Host: localhost:a\r\n"),
        fields("a host before a space and a colon", "Host : localhost\r\n"),
        fields("a space before the first field", " Host: localhost\r\nHost: localhost\r\n"),
        with("a space before a colon", "X-A : 1\r\n"),
        with("a folded line", "X-A: 1\r\n 2\r\n"),
        with("a name with a space", "X A: 1\r\n"),
        with("a name in Latin-1", "X-\u{e9}: 1\r\n").differs(400, &[], NAME),
        with("a name with NUL", "X-\0: 1\r\n"),
        with("no name", ": 1\r\n"),
        with("no colon", "X-A\r\n").differs(400, &[], NAME),
        with("NUL in a value", "X-A: a\0b\r\n"),
        with("CR in a value", "X-A: a\rb\r\n"),
        with("a control in a value", "X-A: a\u{1}b\r\n").differs(400, &[], CONTROL),
        with("LF at the end of a field", "X-A: 1\nX-B: 2\r\n"),
        with("300 fields", &"X-A: 1\r\n".repeat(300)).differs(
            431,
            &[],
            "Pingora takes 256 fields at most",
        ),
        with("a field of 100 KB", &format!("X-A: {long}\r\n")).differs(431, &[], SIZE),
        with("a connection's field that is the host", "Connection: Host\r\n").differs(
            400,
            &[],
            "without its host the website would not know for whom the request is",
        ),
    ]
}

pub fn cases() -> Vec<Case> {
    [framing(), bodies(), lines(), headers()].into_iter().flatten().collect()
}

#[test]
fn what_is_malformed_is_answered_as_nginx_answers() {
    let (behind_nginx, behind_us) = (Website::start(), Website::start());
    let nginx = Nginx::before(&behind_nginx.origin.url());
    let proxy = Proxy::start(&behind_us.origin.url(), &[]);
    let cases = cases();
    let mut faults = Vec::new();
    for case in &cases {
        let theirs = behind_nginx.verdict(([127, 0, 0, 1], nginx.port).into(), &case.request);
        let ours = behind_us.verdict(proxy.site, &case.request);
        assert!(ours.status == 200 || ours.reached.is_empty(), "{}: {ours:?}", case.name);
        let fault = match &case.differs {
            None if ours == theirs => continue,
            None => format!("{ours:?}, and with nginx {theirs:?}"),
            Some((_, why)) if ours == theirs => format!("no difference any more: {why}"),
            Some((expected, _)) if ours == *expected => continue,
            Some((expected, why)) => format!("{ours:?}, and not {expected:?}: {why}"),
        };
        faults.push(format!("{}: {fault}", case.name));
    }
    assert!(faults.is_empty(), "of {}:\n{}", cases.len(), faults.join("\n"));
}

/// What became of a request.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// 0: closed without an answer; 9: an answer without a head, as of HTTP/0.9.
    status: u16,
    /// Method, target and body of the requests that reached the website whole.
    pub reached: Vec<String>,
}

/// A website that takes whatever it is given, and records it. It answers with method and target.
pub struct Website {
    pub origin: Origin,
    whole: Arc<Mutex<Vec<String>>>,
}

impl Website {
    pub fn start() -> Self {
        let whole: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = whole.clone();
        let origin = Origin::start(move |wire, request| {
            if wire.body(request, false).is_err() {
                return false;
            }
            let words = [request.method(), request.target(), &request.text()].join(" ");
            record.lock().unwrap().push(words.trim_end().to_owned());
            let asked = [request.method(), request.target()].join(" ");
            wire.reply("200 OK", "", asked.as_bytes());
            true
        });
        Self { origin, whole }
    }

    /// What it was asked so far, whole: method and target.
    pub fn asked(&self) -> Vec<String> {
        let whole = self.whole.lock().unwrap();
        whole.iter().map(|words| words.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    /// Sends a request to what stands in front of it.
    pub fn verdict(&self, at: SocketAddr, request: &[u8]) -> Verdict {
        let mut wire = Wire::connect(at);
        // It may be refused before all of it was taken.
        let _ = wire.try_send(request);
        let _ = wire.try_send("GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let head = wire.head().ok().flatten().unwrap_or_default();
        let status = match head.start.starts_with("HTTP/") {
            true => head.status(),
            false if head.start.is_empty() => 0,
            false => 9,
        };
        // All of it has been judged once the connection is over.
        wire.rest();
        let mut reached = std::mem::take(&mut *self.whole.lock().unwrap());
        reached.retain(|words| !words.contains("/end"));
        Verdict { status, reached }
    }
}

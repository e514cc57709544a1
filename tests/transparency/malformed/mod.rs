//! Requests that are malformed, or nearly: the proxy answers them as nginx does, and the website
//! never gets one that it could read in another way than the client meant it.
//!
//! A real nginx stands beside the proxy, each in front of a website that takes whatever it is
//! given. Both are sent the same bytes. Compared are the status of the first answer, and the
//! requests that reached the website whole. Where the proxy decides otherwise than nginx, the table
//! says so, with the reason; a decision that no longer differs fails the test.

mod desync;
mod framing;
mod heads;

use crate::common::nginx::Nginx;
use crate::common::process::Proxy;
use crate::common::wire::{Origin, PATIENCE, Wire};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Case {
    pub name: &'static str,
    pub request: Vec<u8>,
    /// Where nginx decides otherwise: our verdict, and why.
    differs: Option<(Verdict, &'static str)>,
    /// More would have to come: the client ends instead.
    unfinished: bool,
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
const BOUNDED: &str = "what nobody reads of a body's framing is bounded";
const LENGTH: &str = "how long a body may be, the website decides";
const OPTION: &str = "an option of a connection is a token, and names no field that the website must have \
                      (RFC 9110 §7.6.1)";
const WHOLE: &str = "a target goes on as it came; that its host is the one of the field is certain";
const TWO_HOSTS: &str = "the website could take the host from the URL or from the field";
const NO_HOST: &str = "it is no host with a port (RFC 9112 §3.2)";
const NAME: &str = "it is no field (RFC 9110 §5.1); nginx forwards the request without it";

impl Case {
    fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// Sends it as it is, and a request that ends the connection.
    pub fn send(&self, to: SocketAddr) -> Wire {
        let stream = TcpStream::connect(to).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut wire = Wire::over(stream.try_clone().unwrap());
        // It may be refused before all of it was taken.
        let _ = wire.try_send(&self.request);
        let _ = wire.try_send("GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if self.unfinished {
            let _ = stream.shutdown(Shutdown::Write);
        }
        wire
    }

    fn differs(mut self, status: u16, reached: &[&str], why: &'static str) -> Self {
        let reached = reached.iter().map(ToString::to_string).collect();
        self.differs = Some((Verdict { status, reached }, why));
        self
    }
}

/// Each character is one byte.
fn raw(name: &'static str, request: &str) -> Case {
    let request = request.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect();
    Case { name, request, differs: None, unfinished: false }
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

pub fn cases() -> Vec<Case> {
    let all = [
        framing::framing(),
        framing::bodies(),
        heads::lines(),
        heads::headers(),
        desync::lengths(),
        desync::codings(),
        desync::chunking(),
        desync::connections(),
        desync::targets(),
        desync::names(),
    ];
    all.into_iter().flatten().collect()
}

#[test]
fn what_is_malformed_is_answered_as_nginx_answers() {
    let (behind_nginx, behind_us) = (Website::start(), Website::start());
    let nginx = Nginx::before(&behind_nginx.origin.url());
    let proxy = Proxy::start(&behind_us.origin.url(), &[]);
    let cases = cases();
    let mut faults = Vec::new();
    for case in &cases {
        let theirs = behind_nginx.verdict(([127, 0, 0, 1], nginx.port).into(), case);
        let ours = behind_us.verdict(proxy.site, case);
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
    pub fn verdict(&self, at: SocketAddr, case: &Case) -> Verdict {
        let mut wire = case.send(at);
        let mut head = wire.head().ok().flatten().unwrap_or_default();
        while (100..200).contains(&head.status()) && head.status() != 101 {
            head = wire.head().ok().flatten().unwrap_or_default();
        }
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

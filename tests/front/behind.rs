//! Behind a proxy or a load balancer: HTTP/2 without TLS, and PROXY headers.

use crate::clients::{Front, PAGE, Website, curl};
use crate::common::headcount::{Headcount, SITE};
use crate::common::http::FIREFOX;
use crate::common::ports::{free_address, free_port};
use crate::common::wait_for;
use crate::frames::{END_STREAM, Frames, HEADERS, SETTINGS, frame, headers, usual};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BROWSER: [&str; 6] =
    ["-A", FIREFOX, "-H", "Sec-Fetch-Dest: document", "-H", "Accept: text/html"];

#[test]
fn http2_needs_no_tls() {
    let website = Website::start();
    let port = free_port().to_string();
    let listen = format!("127.0.0.1:{port}");
    let own = ["--h2c-listen", &listen, "--flush-interval", "100ms", "--limits-header-time", "1s"];
    let headcount = Headcount::start(&website.url, &own);
    let url = format!("http://{SITE}:{port}");
    let ask = |path: &str| {
        let prior = [&["--http2-prior-knowledge"], &BROWSER[..]].concat();
        curl(&format!("{url}{path}"), &prior)
    };
    let page = ask("/");
    assert_eq!((page.version.as_str(), page.status, page.text()), ("2", 200, PAGE));
    assert!(ask("/echo").text().contains("x-forwarded-proto: http\n"));
    wait_for("the view", || (headcount.total("pageviews") == 1).then_some(()));
    // Who never begins is let go.
    for begun in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut silent = TcpStream::connect(&listen).unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        silent.write_all(begun).unwrap();
        let began = Instant::now();
        // Its own settings may have come.
        let mut told = Vec::new();
        silent.read_to_end(&mut told).unwrap();
        let waited = began.elapsed();
        assert!(
            waited > Duration::from_millis(800) && waited < Duration::from_secs(9),
            "{waited:?}"
        );
    }
    assert_eq!(ask("/").status, 200);
}

/// What the website hears of who asked, through a connection that begins like this.
fn heard(port: u16, begin: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("GET /echo HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&[begin, request.as_bytes()].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let line = |line: &str| line.strip_prefix("x-forwarded-for: ").map(str::to_owned);
    answer.lines().find_map(line).unwrap_or_default()
}

#[test]
fn proxy_headers_of_trusted_proxies_are_read() {
    let website = Website::start();
    let trusted = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1"];
    let front = Front::start(&website, &[&trusted[..], &["--limits-header-time", "1s"]].concat());
    let port = front.headcount.site().port();
    assert_eq!(heard(port, b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n"), "203.0.113.9");
    let six = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\
                \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\x00\x50";
    assert_eq!(heard(port, six), "2001:db8::7");
    // For itself: a health check.
    assert_eq!(heard(port, b"PROXY UNKNOWN\r\n"), "127.0.0.1");
    // A stranger's word is no proxy's, whoever brought it.
    let claims = b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\
                   X-Forwarded-For: 198.51.100.1\r\n\r\n";
    assert_eq!(heard(port, claims), "203.0.113.9");
    let missing = || front.headcount.metric("headcount_proxy_headers_missing_total");
    let before = missing();
    for wrong in [&b""[..], b"PROXY TCP4 nobody\r\n", b"PROXY TCP4 "] {
        assert_eq!(heard(port, wrong), "", "{}", wrong.escape_ascii());
    }
    assert_eq!(missing() - before, 3);
    // In front of TLS as well.
    let page = front.curl("/echo", &["--haproxy-protocol", "--http2"]);
    assert_eq!((page.version.as_str(), page.status), ("2", 200), "{page:?}");
    assert!(page.text().contains("x-forwarded-for: 127.0.0.1\n"), "{}", page.text());
}

#[test]
fn strangers_are_read_as_they_come() {
    let website = Website::start();
    let own = ["--proxy-protocol", "--trusted-proxies", "192.0.2.1"];
    let headcount = Headcount::start(&website.url, &own);
    let port = headcount.site().port();
    assert_eq!(heard(port, b""), "127.0.0.1");
    let mut stream = TcpStream::connect(headcount.site()).unwrap();
    let header = b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n";
    stream.write_all(&[&header[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
}

/// What is new in each answer stays out of the table of fields that both sides keep: it would push
/// out what is not, and be compared with all before it.
#[test]
fn a_views_id_is_kept_in_no_table_of_http_2() {
    let website = Website::start();
    let listen = free_address();
    let own = ["--h2c-listen", &listen.to_string(), "--flush-interval", "100ms"];
    let headcount = Headcount::start(&website.url, &own);
    let mut frames = Frames::connect(listen);
    // With the usual table.
    frames.send(&frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0])).unwrap();
    let page = [usual("GET", "/"), vec![("user-agent", FIREFOX), ("accept", "text/html")]].concat();
    for stream in [1, 3, 5] {
        frames.send(&headers(stream, END_STREAM, &page)).unwrap();
        let fields = loop {
            let (kind, _, of, payload) = frames.read().unwrap();
            if (kind, of) == (HEADERS, stream) {
                break payload;
            }
        };
        // A literal that is never to be in a table (RFC 7541 §6.2.3), with its name.
        let kinds = kinds(&fields);
        assert_eq!(kinds.iter().filter(|kind| **kind == 0x10).count(), 1, "{kinds:x?}");
    }
    wait_for("the views", || (headcount.total("pageviews") == 3).then_some(()));
}

/// The first byte of each field of a block (RFC 7541 §6).
fn kinds(block: &[u8]) -> Vec<u8> {
    let (mut at, mut kinds) = (0, Vec::new());
    let integer = |at: &mut usize, bits: u32| {
        let most = (1usize << bits) - 1;
        let mut value = usize::from(block[*at]) & most;
        *at += 1;
        let mut shift = 0;
        while value >= most && shift < 28 {
            let byte = usize::from(block[*at]);
            value += (byte & 127) << shift;
            (*at, shift) = (*at + 1, shift + 7);
            if byte < 128 {
                break;
            }
        }
        value
    };
    while at < block.len() {
        let kind = block[at];
        kinds.push(kind);
        let bits = match kind {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let name = integer(&mut at, bits);
        let texts = match kind {
            0x80.. | 0x20..=0x3f => 0,
            _ if name == 0 => 2,
            _ => 1,
        };
        for _ in 0..texts {
            let length = integer(&mut at, 7);
            at += length;
        }
    }
    kinds
}

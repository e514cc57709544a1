//! What happens under Pingora: targets and framing as websites get them, requests that are refused,
//! answers that come slowly.

use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Message, NAVIGATION, Origin, PATIENCE, Wire, get};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc;

/// Sends bytes as they are; the answer's head and body.
fn raw(to: SocketAddr, request: &[u8]) -> Message {
    let mut wire = Wire::connect(to);
    wire.send(request);
    wire.answer("GET")
}

/// First lines as the website gets them, byte for byte.
fn targets_seen(targets: &[&[u8]]) -> Vec<Vec<u8>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(&format!("http://{}", listener.local_addr().unwrap()), &[]);
    let website = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut head) = (Vec::new(), Vec::new());
        let mut byte = [0];
        while stream.read(&mut byte).is_ok_and(|read| read > 0) {
            head.push(byte[0]);
            if head.ends_with(b"\r\n\r\n") {
                let line = head.split(|byte| *byte == b'\r').next().unwrap().to_vec();
                seen.push(line.split(|byte| *byte == b' ').nth(1).unwrap().to_vec());
                head.clear();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
        }
        seen
    });
    let mut wire = Wire::connect(proxy.site);
    for target in targets {
        wire.send([b"GET ", *target, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat());
        assert_eq!(wire.answer("GET").status(), 200, "{}", target.escape_ascii());
    }
    drop((wire, proxy));
    website.join().unwrap()
}

#[test]
fn unusual_targets_are_served() {
    let same: [&[u8]; 6] =
        [b"/caf\xe9", b"/caf\xc3\xa9?q=\xfc", b"/a?q=\xff\xfe", b"/\"a\"", b"/a?`", b"/{a}|^\\"];
    assert_eq!(targets_seen(&same), same);
    let encoded: [(&[u8], &[u8]); 4] = [
        (b"/<a>", b"/%3Ca%3E"),
        (b"/a`b", b"/a%60b"),
        (b"/a?\"<b>\"", b"/a?%22%3Cb%3E%22"),
        (b"/<\xe9>", b"/%3C\xe9%3E"),
    ];
    let (sent, seen): (Vec<&[u8]>, Vec<&[u8]>) = encoded.into_iter().unzip();
    assert_eq!(targets_seen(&sent), seen);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let origin = Origin::start(|wire, request| {
        let _ = wire.body(request, false);
        wire.reply("200 OK", "Content-Type: text/html\r\n", b"page");
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let host = "Host: localhost\r\n";
    let chunked = format!("{host}Transfer-Encoding: chunked\r\n");
    for (request, status) in [
        (format!("POST / HTTP/1.1\r\n{chunked}Content-Length: 3\r\n\r\n0\r\n\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400),
        (format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n"), 501),
        (format!("GET @evil/a HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET a HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{chunked}\r\n3;a\nabc\r\n0\r\n\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{chunked}\r\n\r\n0\r\n\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{chunked}\r\n3\r\nabcd\r\n0\r\n\r\n"), 400),
        (format!("GET / HTTP/2.0\r\n{host}\r\n"), 505),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("CONNECT localhost:80 HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(70_000)), 431),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(300)), 431),
    ] {
        let shown: String = request.chars().take(90).collect();
        let answer = raw(proxy.site, request.as_bytes());
        assert_eq!(answer.status(), status, "{shown:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
        assert_eq!(answer.header("server"), None, "{shown:?}");
        assert!(answer.text().contains("<h1>"), "our own page: {shown:?}: {}", answer.text());
    }
    // Of a body that turns out to be malformed, the head has been forwarded; of the others nothing.
    let chunked = |request: &Message| request.header("transfer-encoding").is_some();
    assert!(origin.seen().iter().all(chunked), "{:?}", origin.seen());
    assert_eq!(get(proxy.site, "/", NAVIGATION).status(), 200);
    assert!(proxy.metric("headcount_requests_total{code=\"400\"}") >= 7.0);
}

#[test]
fn what_follows_a_request_is_the_next_one() {
    let origin = Origin::start(|wire, request| {
        wire.body(request, false).unwrap();
        let said = format!("{} {}", request.target(), request.text());
        wire.reply("200 OK", "Content-Type: text/plain\r\n", said.as_bytes());
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let requests = "\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n\r\n\
         GET /4 HTTP/1.1\nHost: a\n\nGET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let said = ["/1 ", "/2 abc", "/3 abc", "/4 ", "/5 "];
    // All at once, and in pieces of every small size.
    for size in [requests.len(), 1, 2, 3, 7, 50] {
        let mut stream = TcpStream::connect(proxy.site).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Wire::over(stream.try_clone().unwrap());
        let pieces: Vec<Vec<u8>> = requests.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let sender = std::thread::spawn(move || {
            for piece in pieces {
                stream.write_all(&piece).unwrap();
            }
        });
        let answers = said.map(|_| wire.answer("GET").text());
        assert_eq!(answers, said, "in pieces of {size}");
        sender.join().unwrap();
    }
}

/// What the website has sent is passed on, also where more of the answer is to come.
#[test]
fn slow_answers_are_passed_on_as_they_come() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 40\r\n\r\n");
        for _ in 0..4 {
            let _ = gone.lock().unwrap().recv_timeout(PATIENCE);
            wire.send("ten bytes.");
        }
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{NAVIGATION}\r\n"));
    // Nothing more is sent until what came before has arrived.
    assert_eq!(wire.head().unwrap().unwrap().status(), 200);
    for _ in 0..4 {
        go.send(()).unwrap();
        assert_eq!(wire.bytes(10).unwrap(), b"ten bytes.");
    }
}

/// A head that does not come to its end is answered for, however its bytes are spread.
#[test]
fn slow_heads_have_a_deadline() {
    let origin = Origin::page(b"page");
    let proxy = Proxy::start(&origin.url(), &["--limits-header-time", "500ms"]);
    let stream = TcpStream::connect(proxy.site).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let writer = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut writer = writer;
        for byte in
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: ".bytes().chain(std::iter::repeat(b'x'))
        {
            if writer.write_all(&[byte]).is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    assert_eq!(Wire::over(stream).answer("GET").status(), 408);
    assert!(origin.seen().is_empty());
}

/// An idle connection is answered once more after SIGTERM, and told that this was the last time.
#[test]
fn an_idle_connection_is_answered_once_more() {
    let origin = Origin::page(b"page");
    let mut proxy = Proxy::start(&origin.url(), &[]);
    let mut idle = Wire::connect(proxy.site);
    let first = idle.ask("GET", "/", NAVIGATION);
    assert_eq!((first.status(), first.header("connection")), (200, Some("keep-alive")));
    proxy.terminate();
    wait_for("no new connection is taken", || TcpStream::connect(proxy.site).is_err());
    let last = idle.ask("GET", "/", NAVIGATION);
    assert_eq!((last.status(), last.header("connection")), (200, Some("close")));
    assert_eq!(idle.rest(), b"");
    assert!(proxy.ended().success());
}

/// An answer whose body looks like the head of an upgrade is an answer.
#[test]
fn a_body_is_no_upgrade() {
    let origin = Origin::start(|wire, request| {
        if request.target() == "/101" {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
            wire.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n".repeat(2_000).split_at(40_000).0);
        } else {
            wire.reply("200 OK", "", request.target().as_bytes());
        }
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    for _ in 0..5 {
        let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
        wire.send(format!("GET /101 HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n{next}"));
        assert_eq!(wire.answer("GET").body.len(), 40_000);
        assert_eq!(wire.answer("GET").text(), "/next");
    }
}

/// One address has a share of the connections; a trusted proxy, through which many come, has all.
#[test]
fn connections_are_bounded() {
    let origin = Origin::page(b"page");
    let flags = ["--limits-connections", "4", "--limits-connections-per-address", "3"];
    let open = |proxy: &Proxy| {
        let mut wire = Wire::connect(proxy.site);
        let _ = wire.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = wire.head().ok().flatten()?;
        wire.bytes(4).unwrap();
        assert_eq!(answer.status(), 200);
        Some(wire)
    };

    let proxy = Proxy::start(&origin.url(), &flags);
    let mut wires: Vec<Wire> = (0..3).map(|_| open(&proxy).expect("a connection")).collect();
    assert!(open(&proxy).is_none(), "one more than its share");
    assert_eq!(proxy.metric("headcount_connections_refused_total"), 1.0);
    wires.pop();
    wait_for("the place is free", || open(&proxy).is_some());

    let trusted = [&flags[..], &["--trusted-proxies", "127.0.0.0/8"]].concat();
    let proxy = Proxy::start(&origin.url(), &trusted);
    let mut wires: Vec<Wire> = (0..4).map(|_| open(&proxy).expect("a connection")).collect();
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| open(&proxy).is_some());
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!waiting.is_finished(), "it waits for a place");
        wires.pop();
        waiting.join().unwrap()
    });
    assert!(waiting, "it is answered when one is free");
}

/// A WebSocket that outlasts `timeouts.shutdown` is told that the server goes away.
#[test]
fn websockets_are_closed_with_a_frame() {
    let origin = Origin::start(|wire, _| {
        let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        wire.send(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n"));
        wire.send(b"\x81\x05hello");
        wire.rest();
        false
    });
    let mut proxy = Proxy::start(&origin.url(), &["--timeouts-shutdown", "300ms"]);
    let mut wire = Wire::connect(proxy.site);
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    assert_eq!(wire.ask("GET", "/socket", upgrade).status(), 101);
    assert_eq!(wire.bytes(7).unwrap(), b"\x81\x05hello");
    proxy.terminate();
    assert_eq!(wire.rest(), [0x88, 2, 0x03, 0xe9]);
    drop(wire);
    assert!(proxy.ended().success());
    let cut = proxy.log().iter().any(|line| line.contains("will be cut"));
    assert!(!cut, "{:?}", proxy.log());
}

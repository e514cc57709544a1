//! Bodies pass as they are, while they are being sent.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Origin, PATIENCE, Wire, get, visit};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1 << 20;

/// Bytes that repeat nowhere near: a piece lost, doubled or moved shows.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn every_methods_body_goes_both_ways() {
    let origin = Origin::start(|wire, request| {
        wire.body(request, false).unwrap();
        let head =
            format!("X-Method: {}\r\nX-Length: {}\r\n", request.method(), request.body.len());
        match request.header("x-answer") {
            _ if request.method() == "HEAD" => {
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n{head}\r\n"));
            }
            Some("chunked") => {
                wire.send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{head}\r\n"));
                for piece in request.body.chunks(10_000) {
                    wire.send(format!("{:X};an=extension\r\n", piece.len()));
                    wire.send(piece);
                    wire.send("\r\n");
                }
                wire.send("0\r\n\r\n");
            }
            _ => wire.reply("200 OK", &head, &request.body),
        }
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "REPORT"] {
        for answer in ["fixed", "chunked"] {
            // With a length.
            let body = if method == "GET" { Vec::new() } else { noise(70_001) };
            let length =
                if body.is_empty() { String::new() } else { "Content-Length: 70001\r\n".into() };
            wire.send(format!(
                "{method} /x HTTP/1.1\r\nHost: localhost\r\nX-Answer: {answer}\r\n{length}\r\n"
            ));
            wire.send(&body);
            let got = wire.answer(method);
            assert_eq!(got.status(), 200, "{method}");
            assert_eq!(got.header("x-method"), Some(method));
            assert_eq!(got.header("x-length"), Some(body.len().to_string().as_str()), "{method}");
            if method == "HEAD" {
                assert_eq!(got.header("content-length"), Some("4096"));
                continue;
            }
            assert!(got.body == body, "{method} {answer}: {} bytes", got.body.len());
            assert_eq!(got.header("transfer-encoding").is_some(), answer == "chunked");

            // In chunks.
            if matches!(method, "GET" | "OPTIONS") {
                continue;
            }
            wire.send(format!(
                "{method} /x HTTP/1.1\r\nHost: localhost\r\nX-Answer: {answer}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n"
            ));
            for piece in body.chunks(9_999) {
                wire.send(format!("{:x}\r\n", piece.len()));
                wire.send(piece);
                wire.send("\r\n");
            }
            wire.send("0\r\n\r\n");
            assert!(wire.answer(method).body == body, "{method} in chunks");
        }
    }
    assert_eq!(proxy.total("pageviews"), 0, "none of it is a page");
}

/// Watches how much memory the proxy takes at most while `work` runs.
fn growth(proxy: &Proxy, work: impl FnOnce()) -> u64 {
    let before = proxy.memory();
    let most = AtomicU64::new(before);
    let (working, worked) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let most = &most;
        // Until the other end of the channel goes, also with a panic.
        scope.spawn(move || {
            while worked.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                most.fetch_max(proxy.memory(), Ordering::SeqCst);
            }
        });
        let _working = working;
        work();
    });
    most.into_inner() - before
}

#[test]
fn large_bodies_are_streamed() {
    let body = Arc::new(noise(20 * MEGABYTE));
    let (arrived, arrival) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let whole = body.clone();
    let origin = Origin::start(move |wire, request| {
        if request.target() == "/small" {
            wire.reply("200 OK", "", b"small");
        } else if request.method() == "PUT" {
            let mut got = wire.bytes(1).unwrap();
            arrived.send(()).unwrap();
            got.extend(wire.bytes(whole.len() - 1).unwrap());
            wire.reply("200 OK", "", if got == *whole { b"same" } else { b"different" });
        } else {
            let length = whole.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            wire.send(&whole[..MEGABYTE]);
            // Only once the client has nearly all of that.
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            wire.send(&whole[MEGABYTE..]);
        }
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    // What every first request takes, such as the tables of user agents, is not a body's.
    Wire::connect(proxy.site).ask("GET", "/small", "");
    let grown = growth(&proxy, || {
        let mut up = Wire::connect(proxy.site);
        let length = body.len();
        up.send(format!("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"));
        up.send(&body[..MEGABYTE]);
        arrival.recv_timeout(PATIENCE).expect("the website has the first byte");
        up.send(&body[MEGABYTE..]);
        assert_eq!(up.answer("PUT").text(), "same");

        let mut down = Wire::connect(proxy.site);
        down.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = down.head().unwrap().unwrap();
        assert_eq!(head.header("content-length"), Some(length.to_string().as_str()));
        // Of what the website has sent so far, hardly anything waits for more.
        let come = MEGABYTE - 16 * 1_024;
        assert!(down.bytes(come).unwrap() == body[..come]);
        go.send(()).unwrap();
        assert!(down.bytes(length - come).unwrap() == body[come..]);
    });
    assert!(grown < 15 * MEGABYTE as u64, "it took {grown} bytes");
}

#[test]
fn coded_bodies_and_trailers() {
    let coded = noise(5_000);
    let sent = coded.clone();
    let origin = Origin::start(move |wire, request| {
        match request.target() {
            "/coded" => {
                let headers = "Content-Type: text/html\r\nContent-Encoding: gzip\r\nVary: \
                               Accept-Encoding\r\n";
                wire.reply("200 OK", headers, &sent);
            }
            _ => {
                wire.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
                );
                wire.send("4\r\nbody\r\n0\r\nX-Sum: 17\r\n\r\n");
            }
        }
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    let got = get(proxy.site, "/coded", "Accept-Encoding: gzip, br\r\n");
    assert_eq!(got.header("content-encoding"), Some("gzip"));
    assert!(got.body == coded);
    assert_eq!(origin.last().header("accept-encoding"), Some("gzip, br"));

    // The body around them is whole; Pingora does not pass HTTP/1 trailers on.
    let mut wire = Wire::connect(proxy.site);
    for _ in 0..2 {
        let got = wire.ask("GET", "/trailers", "TE: trailers\r\n");
        assert_eq!((got.status(), got.body.as_slice()), (200, &b"body"[..]));
    }
}

#[test]
fn server_sent_events_arrive_one_by_one() {
    let (next, wanted) = mpsc::channel::<()>();
    let wanted = std::sync::Mutex::new(wanted);
    let origin = Origin::start(move |wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for i in 0..5 {
            let event = format!("data: {i}\n\n");
            wire.send(format!("{:x}\r\n{event}\r\n", event.len()));
            wanted.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        wire.send("0\r\n\r\n");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    let mut wire = Wire::connect(proxy.site);
    wire.send("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(wire.head().unwrap().unwrap().status(), 200);
    for i in 0..5 {
        // The next is sent only once this one is here.
        let sent = Instant::now();
        assert_eq!(wire.chunk().unwrap().unwrap(), format!("data: {i}\n\n").as_bytes());
        assert!(sent.elapsed() < Duration::from_secs(2));
        next.send(()).unwrap();
    }
    assert_eq!(wire.chunk().unwrap(), None);
}

/// RFC 9110 §10.1.1: the body is sent once the website wants it, or not at all.
#[test]
fn continue_is_the_websites_to_say() {
    let origin = Origin::start(|wire, request| {
        assert_eq!(request.header("expect"), Some("100-continue"));
        if request.target() == "/no" {
            wire.reply("403 Forbidden", "Connection: close\r\n", b"no");
            return false;
        }
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        wire.body(request, false).unwrap();
        wire.reply("200 OK", "", &request.body);
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let head = |target| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\
             Expect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = Wire::connect(proxy.site);
    wire.send(head("/yes"));
    assert_eq!(wire.head().unwrap().unwrap().status(), 100);
    wire.send("hello");
    assert_eq!(wire.answer("POST").text(), "hello");

    let mut wire = Wire::connect(proxy.site);
    wire.send(head("/no"));
    let refused = wire.answer("POST");
    assert_eq!((refused.status(), refused.text().as_str()), (403, "no"));
}

#[test]
fn a_websocket_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_close() || socket.send(message).is_err() {
                break;
            }
        }
    });
    let proxy = Proxy::start(&format!("http://{address}"), &["--inject"]);
    let stream = TcpStream::connect(proxy.site).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut socket, response) =
        tungstenite::client(format!("ws://{}/chat", proxy.site), stream).unwrap();
    assert_eq!(response.status(), 101);
    for length in [0, 1, 125, 126, 65_536, 300_000] {
        let message = tungstenite::Message::binary(noise(length));
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{length} bytes");
    }
    socket.send("text too".into()).unwrap();
    assert_eq!(socket.read().unwrap().into_text().unwrap().as_str(), "text too");
    socket.close(None).unwrap();
    wait_for("it is closed", || socket.read().is_err());
    assert_eq!(proxy.total("pageviews"), 0);
}

/// The sooner a website agrees to an upgrade, the more it is on its own: nothing that is under way
/// from the request may be taken for the end of what it was upgraded to.
#[test]
fn an_upgrade_agreed_to_at_once_stays_open() {
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                          Upgrade: websocket\r\n\r\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.sock");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    // Agrees before it has heard what to, which is as soon as can be.
    fn echo(mut wire: Wire) {
        wire.send(AGREED);
        let _ = wire.head();
        for _ in 0..3 {
            match wire.bytes(5) {
                Ok(said) => wire.send(said),
                Err(_) => return,
            }
        }
    }
    std::thread::spawn(move || {
        while let Ok((stream, _)) = tcp.accept() {
            echo(Wire::over(stream));
        }
    });
    std::thread::spawn(move || {
        while let Ok((stream, _)) = unix.accept() {
            echo(Wire::over(stream));
        }
    });
    for upstream in [format!("http://{address}"), format!("unix:{}", path.display())] {
        let proxy = Proxy::start(&upstream, &[]);
        for time in 1..=20 {
            let mut wire = Wire::connect(proxy.site);
            let agreed = wire.ask("GET", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
            assert_eq!(agreed.status(), 101);
            for _ in 0..3 {
                wire.send("hello");
                let echo = wire.bytes(5);
                assert_eq!(echo.expect("an echo"), b"hello", "{upstream}, time {time}");
            }
            assert!(wire.rest().is_empty());
        }
    }
}

#[test]
fn an_upgrade_may_be_refused_and_the_website_away() {
    let origin = Origin::start(|wire, _| {
        wire.reply("426 Upgrade Required", "Content-Type: text/plain\r\n", b"not so");
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    assert_eq!(visit(proxy.site, "/").status(), 426);
    for _ in 0..3 {
        let refused = Wire::connect(proxy.site).ask("GET", "/", upgrade);
        assert_eq!((refused.status(), refused.text().as_str()), (426, "not so"));
    }
    assert_eq!(visit(proxy.site, "/").status(), 426);
    assert_eq!(origin.accepted(), 4, "one for both visits, one for each upgrade");

    let nobody = Proxy::start(&format!("http://{}", free_address()), &[]);
    assert_eq!(Wire::connect(nobody.site).ask("GET", "/", upgrade).status(), 502);
}

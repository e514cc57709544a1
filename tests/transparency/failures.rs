//! Who failed, and for how long anybody is waited for; requests that go in circles.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, get};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const EVENTS: &str = "Accept: text/event-stream\r\n";

#[test]
fn a_client_that_stalls_in_its_upload_is_told_so() {
    let origin = Origin::start(|wire, request| {
        if wire.body(request, false).is_ok() {
            wire.reply("200 OK", "", b"well");
        }
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "1s"]);
    for framing in ["Content-Length: 9\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"] {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{framing}"));
        assert_eq!(wire.answer("POST").status(), 408, "{framing:?}");
    }
    let blamed: Vec<String> = proxy.log().into_iter().filter(|l| l.contains("WARN")).collect();
    assert!(blamed.is_empty(), "{blamed:?}");
}

#[test]
fn a_website_that_fails_is_told_how() {
    let many: String = (0..300).map(|i| format!("X-Many-{i}: {i}\r\n")).collect();
    let origin = Origin::start(move |wire, _| {
        wire.reply("200 OK", &many, b"");
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    assert_eq!(get(proxy.site, "/", NAVIGATION).status(), 502);
    wait_for("the limit is named", || proxy.log().iter().any(|l| l.contains("more than 256")));
    assert!(!proxy.log().iter().any(|l| l.contains("cannot be reached")), "{:?}", proxy.log());
}

/// An answer that may be silent for long has a timeout of its own; until it is there, the usual one
/// holds.
#[test]
fn streams_may_be_silent() {
    let origin = Origin::start(|wire, request| {
        match request.target() {
            "/mute" => drop(wire.rest()),
            "/chat" => {
                wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
                wire.send("Upgrade: websocket\r\n\r\n");
                let said = wire.bytes(5).unwrap_or_default();
                let _ = wire.try_send(said);
            }
            _ => {
                wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
                // Three times as long as the timeout of answers.
                std::thread::sleep(Duration::from_millis(900));
                let _ = wire.try_send("data: 2\n\n");
            }
        }
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "300ms"]);
    let events = Wire::connect(proxy.site).ask("GET", "/events", EVENTS);
    assert_eq!(events.text(), "data: 1\n\ndata: 2\n\n");

    let mut wire = Wire::connect(proxy.site);
    assert_eq!(wire.ask("GET", "/chat", UPGRADE).status(), 101);
    std::thread::sleep(Duration::from_millis(900));
    wire.send("hello");
    assert_eq!(wire.bytes(5).expect("it is still open"), b"hello");

    for fields in [UPGRADE, EVENTS] {
        let asked = Instant::now();
        assert_eq!(Wire::connect(proxy.site).ask("GET", "/mute", fields).status(), 504);
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }
}

#[test]
fn a_website_that_is_the_proxy_itself_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let site = free_address();
    let port = site.port();
    for upstream in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"] {
        let upstream = format!("http://{upstream}:{port}");
        let (code, lines) = refused(command(&dir, &upstream, site, free_address(), &[]));
        assert_eq!(code, Some(2), "{upstream}: {lines:?}");
        assert!(matches!(&lines[..], [line] if line.contains("upstream")), "{lines:?}");
    }
    // Where the numbers are read is no website either.
    let (code, lines) =
        refused(command(&dir, &format!("http://{site}"), free_address(), site, &[]));
    assert_eq!((code, lines.len()), (Some(2), 1), "{lines:?}");
    let everywhere = ([0, 0, 0, 0], port).into();
    let upstream = format!("http://127.0.0.1:{port}");
    let (code, _) = refused(command(&dir, &upstream, everywhere, free_address(), &[]));
    assert_eq!(code, Some(2));
}

/// Through others, nobody can see it at the start.
#[test]
fn a_request_that_goes_in_circles_is_stopped() {
    // A port in which the second will listen.
    let second = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = second.local_addr().unwrap();
    let first = Proxy::start(&format!("http://{address}"), &[]);
    let back = first.site;
    std::thread::spawn(move || {
        for client in second.incoming() {
            let client = client.unwrap();
            std::thread::spawn(move || {
                let website = std::net::TcpStream::connect(back).unwrap();
                let (mut from, mut to) =
                    (client.try_clone().unwrap(), website.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (mut from, mut to) = (website, client);
                let _ = std::io::copy(&mut from, &mut to);
            });
        }
    });
    let answer = get(first.site, "/", NAVIGATION);
    assert_eq!(answer.status(), 508);
    assert!(answer.text().contains("<h1>Loop detected"), "{}", answer.text());
}

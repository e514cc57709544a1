//! Who failed, and for how long anybody is waited for; requests that go in circles.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, get};
use nix::sys::signal::Signal;
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
    // Many of each: with two timeouts of the same length, chance says which ends first.
    std::thread::scope(|scope| {
        for (framing, piece) in
            [("Content-Length: 9", "x"), ("Transfer-Encoding: chunked", "1\r\nx\r\n")].repeat(8)
        {
            let mut wire = Wire::connect(proxy.site);
            scope.spawn(move || {
                wire.send(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"));
                for _ in 0..2 {
                    std::thread::sleep(Duration::from_millis(400));
                    wire.send(piece);
                }
                assert_eq!(wire.answer("POST").status(), 408, "{framing:?}");
            });
        }
    });
    let blamed: Vec<String> = proxy.log().into_iter().filter(|l| l.contains("WARN")).collect();
    assert!(blamed.is_empty(), "{blamed:?}");
}

/// A visitor and the log are told the same, and each kind of failure is, whatever failed before.
#[test]
fn a_website_that_fails_is_told_how() {
    let many: String = (0..300).map(|i| format!("X-Many-{i}: {i}\r\n")).collect();
    let origin = Origin::start(move |wire, request| {
        match request.target() {
            "/many" => wire.reply("200 OK", &many, b""),
            "/malformed" => wire.send("HTTP/1.1 200 OK\r\nno field\r\n\r\n"),
            "/mute" => drop(wire.rest()),
            _ => {}
        }
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "300ms"]);
    for (path, status, told, logged) in [
        ("/many", 502, "more than 256 header fields", "more than 256 header fields"),
        ("/malformed", 502, "could not be understood", "is malformed"),
        ("/gone", 502, "cannot be reached right now", "broke the connection off"),
        ("/mute", 504, "took too long to answer", "did not answer in time"),
    ] {
        let answer = get(proxy.site, path, NAVIGATION);
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.text().contains(told), "{path}: {}", answer.text());
        let lines = || proxy.log().iter().filter(|l| l.contains(logged)).count();
        wait_for(logged, || lines() > 0);
        // Not for every visitor.
        assert_eq!(get(proxy.site, path, NAVIGATION).status(), status, "{path}");
        assert_eq!(lines(), 1, "{path}: {:?}", proxy.log());
    }
    assert!(!proxy.log().iter().any(|l| l.contains("cannot be reached")), "{:?}", proxy.log());
}

/// An event stream or a WebSocket may be silent for long, however it is asked for; until it is
/// there, and for every other answer, the usual timeout holds.
#[test]
fn streams_may_be_silent() {
    // Three times as long as the timeout of answers.
    const SILENCE: Duration = Duration::from_millis(900);
    let origin = Origin::start(|wire, request| {
        let says = |wire: &mut Wire, fields: &str| {
            let kept = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
            wire.send(format!("{kept}Content-Type: {fields}\r\n\r\n3\r\n1\n\n\r\n"));
            std::thread::sleep(SILENCE);
            wire.try_send("3\r\n2\n\n\r\n0\r\n\r\n").is_ok()
        };
        match request.target() {
            "/mute" => drop(wire.rest()),
            "/chat" => {
                wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
                wire.send("Upgrade: websocket\r\n\r\n");
                let said = wire.bytes(5).unwrap_or_default();
                let _ = wire.try_send(said);
            }
            "/page" => {
                wire.reply("200 OK", "", b"well");
                return true;
            }
            "/late" => {
                wire.send("HTTP/1.1 103 Early Hints\r\n\r\n");
                std::thread::sleep(SILENCE);
                let _ = wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
            "/html" => return says(wire, "text/html"),
            _ => return says(wire, "Text/Event-Stream; charset=utf-8"),
        }
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "300ms"]);
    // Also on connections, of either side, that have carried other answers before.
    let mut wire = Wire::connect(proxy.site);
    for fields in ["", EVENTS, "Accept: */*\r\n"] {
        assert_eq!(wire.ask("GET", "/page", "").status(), 200);
        assert_eq!(wire.ask("GET", "/events", fields).text(), "1\n\n2\n\n", "{fields:?}");
        assert_eq!(wire.ask("GET", "/page", "").status(), 200);
    }
    assert_eq!(wire.ask("GET", "/mute", "").status(), 504, "one that was a stream before");
    assert_eq!(Wire::connect(proxy.site).ask("GET", "/late", "").status(), 504);
    let logged = |text: &str| proxy.log().iter().filter(|l| l.contains(text)).count();
    wait_for("the website is named", || logged("the website did not answer in time") == 1);

    for fields in ["", EVENTS] {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET /html HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        let asked = Instant::now();
        let got = String::from_utf8(wire.rest()).unwrap();
        assert!(got.contains("3\r\n1\n\n\r\n") && !got.contains("2\n\n"), "{got:?}");
        assert!(!got.ends_with("0\r\n\r\n"), "a part that says it is whole: {got:?}");
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }

    let mut wire = Wire::connect(proxy.site);
    assert_eq!(wire.ask("GET", "/chat", UPGRADE).status(), 101);
    std::thread::sleep(SILENCE);
    wire.send("hello");
    assert_eq!(wire.bytes(5).expect("it is still open"), b"hello");

    for fields in [UPGRADE, EVENTS] {
        let asked = Instant::now();
        assert_eq!(Wire::connect(proxy.site).ask("GET", "/mute", fields).status(), 504);
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }
}

/// The timeout is for the next bytes, of an answer or of an upload, also where the rewriter of
/// pages holds them back, in the middle of a tag.
#[test]
fn what_comes_slowly_is_waited_for() {
    const PAUSE: Duration = Duration::from_millis(400);
    let origin = Origin::start(|wire, request| {
        if request.method() == "POST" {
            if wire.body(request, false).is_ok() {
                wire.reply("200 OK", "", &request.body);
            }
            return false;
        }
        let html = "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n";
        wire.send(format!("HTTP/1.1 200 OK\r\n{html}\r\nb\r\n<a title='x\r\n"));
        for piece in ["1\r\ny\r\n", "1\r\ny\r\n", "1\r\ny\r\n", "1\r\ny\r\n", "2\r\n'>\r\n"] {
            std::thread::sleep(PAUSE);
            if wire.try_send(piece).is_err() {
                return false;
            }
        }
        wire.try_send("0\r\n\r\n").is_ok()
    });
    let slow = ["--timeouts-read", "1s", "--limits-upload-rate", "1B", "--inject=true"];
    let proxy = Proxy::start(&origin.url(), &slow);
    let answer = Wire::connect(proxy.site).ask("GET", "/", NAVIGATION);
    assert!(answer.text().ends_with("<a title='xyyyy'>"), "{}", answer.text());

    let mut wire = Wire::connect(proxy.site);
    wire.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n");
    for byte in ["a", "b", "c", "d", "e"] {
        std::thread::sleep(PAUSE);
        wire.send(byte);
    }
    assert_eq!(wire.answer("POST").text(), "abcde");
}

/// While the process stood still, nobody could see that the website answered.
#[test]
fn a_pause_of_the_process_is_no_silence() {
    let origin = Origin::start(|wire, _| {
        std::thread::sleep(Duration::from_millis(500));
        wire.reply("200 OK", "", b"well");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "1s"]);
    let mut wires: Vec<Wire> = (0..20).map(|_| Wire::connect(proxy.site)).collect();
    for wire in &mut wires {
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    std::thread::sleep(Duration::from_millis(250));
    proxy.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1500));
    proxy.signal(Signal::SIGCONT);
    let answers: Vec<u16> = wires.iter_mut().map(|wire| wire.answer("GET").status()).collect();
    assert_eq!(answers, [200; 20]);
}

/// For `timeouts.stream`, and then nobody is blamed who has not failed.
#[test]
fn streams_may_not_be_silent_for_ever() {
    let origin = Origin::start(|wire, request| {
        match request.target() {
            "/chat" => {
                wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
                wire.send("Upgrade: websocket\r\n\r\n");
            }
            _ => wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        }
        drop(wire.rest());
        false
    });
    let timeouts = ["--timeouts-read", "10s", "--timeouts-stream", "500ms"];
    let proxy = Proxy::start(&origin.url(), &timeouts);
    let mut chat = Wire::connect(proxy.site);
    assert_eq!(chat.ask("GET", "/chat", UPGRADE).status(), 101);
    assert_eq!(chat.rest(), b"");
    let lines = |text: &str| proxy.log().iter().filter(|l| l.contains(text)).count();
    wait_for("it is told", || lines("neither side") == 1);
    assert_eq!(lines("the website"), 0, "{:?}", proxy.log());

    let mut events = Wire::connect(proxy.site);
    events.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let got = String::from_utf8(events.rest()).unwrap();
    assert!(got.starts_with("HTTP/1.1 200 "), "{got:?}");
    wait_for("the website is named", || lines("the website did not answer in time") == 1);
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

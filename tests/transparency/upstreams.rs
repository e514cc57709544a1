//! Websites of every kind, and those that fail; clients that fail; the end of the proxy.

use crate::common::headcount::Headcount;
use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, wait_for};
use crate::common::wire::{Message, NAVIGATION, Origin, PATIENCE, Wire, get, self_signed, visit};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

/// A short page that says what is wrong, and that nobody may keep.
fn assert_error_page(answer: &crate::common::wire::Message, status: u16) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.text().contains("<h1>") && answer.body.len() < 1_000, "{}", answer.text());
}

#[test]
fn a_website_behind_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.sock");
    let origin = Origin::unix(&path, |wire, _| {
        wire.reply("200 OK", "Content-Type: text/html\r\n", b"from a socket");
        true
    });
    let proxy = Proxy::start(&format!("unix:{}", path.display()), &[]);
    for _ in 0..20 {
        assert_eq!(visit(proxy.site, "/").text(), "from a socket");
    }
    assert!(origin.accepted() <= 2, "{} connections", origin.accepted());
    wait_for("they are counted", || proxy.total("pageviews") == 20);
}

#[test]
fn a_website_behind_tls() {
    let (config, certificate) = self_signed("localhost");
    let origin = Origin::tls(config, |wire, _| {
        wire.reply("200 OK", "Content-Type: text/html\r\n", b"from afar");
        true
    });
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate).unwrap();
    let ca = ca.to_str().unwrap();
    let port = origin.address.port();
    let by_name = format!("https://localhost:{port}");
    let by_address = format!("https://127.0.0.1:{port}");
    for (upstream, flags, status) in [
        (&by_name, &[][..], 502),
        (&by_name, &["--upstream-tls-ca", ca], 200),
        (&by_name, &["--upstream-tls-verify=false"], 200),
        // Trusted, but for another name.
        (&by_address, &["--upstream-tls-ca", ca], 502),
        (&by_address, &["--upstream-tls-ca", ca, "--upstream-tls-sni", "localhost"], 200),
    ] {
        let proxy = Proxy::start(upstream, flags);
        let answer = visit(proxy.site, "/");
        if status == 200 {
            assert_eq!((answer.status(), answer.text().as_str()), (200, "from afar"), "{flags:?}");
        } else {
            assert_error_page(&answer, status);
        }
    }
}

#[test]
fn a_website_that_is_down() {
    let proxy = Proxy::start(&format!("http://{}", free_address()), &[]);
    for _ in 0..5 {
        let asked = Instant::now();
        assert_error_page(&visit(proxy.site, "/"), 502);
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
    let head = Wire::connect(proxy.site).ask("HEAD", "/", NAVIGATION);
    assert_eq!((head.status(), head.body.len()), (502, 0));
    assert_eq!(Wire::connect(proxy.site).post("/", "", &[b'x'; 100_000]).status(), 502);
    let said = || proxy.log().iter().filter(|l| l.contains("cannot be reached")).count();
    // It is read from a pipe, in its own time.
    wait_for("it is said", || said() > 0);
    assert_eq!(said(), 1, "one line, not one for each visitor: {:?}", proxy.log());
}

#[test]
fn a_website_that_never_answers() {
    let origin = Origin::start(|wire, request| {
        if request.target() == "/mute" {
            wire.rest();
            return false;
        }
        wire.reply("200 OK", "", b"well");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--timeouts-read", "1s"]);
    let asked = Instant::now();
    assert_error_page(&visit(proxy.site, "/mute"), 504);
    let took = asked.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert_eq!(get(proxy.site, "/", "").text(), "well");
    wait_for("it is an error", || {
        let errors = proxy.stats(
            "breakdown?period=7d&include_today=true&property=error:status&metrics=pageviews",
        );
        errors["results"][0]["status"].as_str() == Some("504")
            || errors["results"][0]["status"].as_i64() == Some(504)
    });
}

/// Its machine is there and its program takes nobody in: the system drops what asks for a
/// connection, as a firewall does, once as many wait as were allowed to.
#[test]
fn a_website_that_accepts_no_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _inside = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "it takes them all in");
    }
    let proxy = Proxy::start(&format!("http://{address}"), &["--timeouts-connect", "1s"]);
    let asked = Instant::now();
    assert_error_page(&visit(proxy.site, "/"), 504);
    let took = asked.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_millis(1_900)).contains(&took), "{took:?}");
    let asked = Instant::now();
    assert_eq!(Wire::connect(proxy.site).post("/", "", &[b'x'; 100_000]).status(), 504);
    let took = asked.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_millis(1_900)).contains(&took), "{took:?}");
}

#[test]
fn a_website_that_dies_in_the_middle() {
    let origin = Origin::start(|wire, request| {
        match request.target() {
            "/length" => wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
            "/chunks" => {
                wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                wire.send("9\r\nonly this\r\n");
            }
            "/head" => wire.send("HTTP/1.1 200 OK\r\nContent-Le"),
            "/nonsense" => wire.send("SSH-2.0-OpenSSH_9.9\r\n"),
            _ => {
                wire.reply("200 OK", "", b"well");
                return true;
            }
        }
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    for _ in 0..3 {
        for target in ["/length", "/chunks"] {
            let mut wire = Wire::connect(proxy.site);
            wire.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            let mut head = wire.head().unwrap().unwrap();
            assert_eq!(head.status(), 200);
            // The client must see that something is missing.
            wire.body(&mut head, true).expect_err("it is cut");
            assert!(b"only this".starts_with(&head.body), "{}", head.text());
        }
        assert_error_page(&visit(proxy.site, "/head"), 502);
        assert_error_page(&visit(proxy.site, "/nonsense"), 502);
        assert_eq!(get(proxy.site, "/", "").text(), "well");
    }
}

#[test]
fn a_slow_client_holds_up_nobody() {
    let body = vec![b'x'; 8 << 20];
    let origin = Origin::start(move |wire, request| {
        let body = if request.target() == "/large" { &body[..] } else { b"small" };
        wire.reply("200 OK", "", body);
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--threads", "1"]);
    // They have their heads and a byte, and take no more for now.
    let mut slow: Vec<Wire> = (0..20).map(|_| Wire::connect(proxy.site)).collect();
    for wire in &mut slow {
        wire.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wire.head().unwrap().unwrap();
        wire.bytes(1).unwrap();
    }
    let asked = Instant::now();
    for _ in 0..50 {
        assert_eq!(get(proxy.site, "/", "").text(), "small");
    }
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(proxy.memory() < 150 << 20, "{} bytes", proxy.memory());
    for mut wire in slow {
        assert_eq!(wire.bytes((8 << 20) - 1).unwrap().len(), (8 << 20) - 1, "it gets all of it");
    }
}

/// Reads until the other end closes; how long that took.
fn closed_after(stream: &mut TcpStream) -> Duration {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("it is still open"),
        _ => begun.elapsed(),
    }
}

#[test]
fn clients_that_stall_are_let_go() {
    let origin = Origin::start(|wire, request| {
        if wire.body(request, false).is_ok() {
            wire.reply("200 OK", "", b"well");
        }
        true
    });
    let flags = ["--timeouts-idle", "1s", "--timeouts-read", "1s", "--limits-header-time", "1s"];
    let proxy = Proxy::start(&origin.url(), &flags);
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut some = [0; 4_096];
        assert!(stream.read(&mut some).unwrap() > 0);
    };
    // Between two requests, in the middle of a head, in the middle of a body.
    for sent in
        ["", "GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"]
    {
        let mut stream = TcpStream::connect(proxy.site).unwrap();
        ask(&mut stream);
        stream.write_all(sent.as_bytes()).unwrap();
        let took = closed_after(&mut stream);
        assert!(took < Duration::from_secs(10), "{sent:?}: {took:?}");
    }
    assert_eq!(get(proxy.site, "/", "").text(), "well");
}

/// What is under way when the program is asked to stop is finished, and counted.
#[test]
fn stopping_lets_answers_finish() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |wire, _| {
        wire.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        wire.send("5\r\nfirst\r\n");
        let _ = gone.lock().unwrap().recv_timeout(PATIENCE);
        let _ = wire.try_send("5\r\n half\r\n0\r\n\r\n");
        true
    });
    let mut proxy = Proxy::start(&origin.url(), &["--flush-interval", "1h"]);
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{NAVIGATION}\r\n"));
    assert_eq!(wire.head().unwrap().unwrap().status(), 200);
    assert_eq!(wire.chunk().unwrap().unwrap(), b"first");
    proxy.terminate();
    wait_for("no new connection is taken", || TcpStream::connect(proxy.site).is_err());
    go.send(()).unwrap();
    assert_eq!(wire.chunk().unwrap().unwrap(), b" half");
    assert_eq!(wire.chunk().unwrap(), None);
    let asked = Instant::now();
    assert!(proxy.ended().success());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(proxy.log().iter().any(|line| line.ends_with("stopped")), "{:?}", proxy.log());
}

/// Whoever is let in is not cut by a signal that comes at once, however long the system takes to
/// have signals heard.
#[test]
fn signals_are_heard_before_anybody_is_let_in() {
    let mut headcount = Headcount::prepare("http://127.0.0.1:9", &[]);
    let calls = ["-e", "trace=rt_sigaction", "-e", "inject=rt_sigaction:delay_enter=200000"];
    headcount.wrap(&[&["strace", "-D", "-f", "-o", "/dev/null"], &calls[..]].concat());
    headcount.start_again();
    headcount.signal(Signal::SIGHUP);
    headcount.term();
    assert!(headcount.log().trim_end().ends_with("stopped"), "{}", headcount.log());
}

/// Whoever is let in is answered, however early: a port is not listened on only to see if it is
/// free.
#[test]
fn the_first_visitor_is_served() {
    let origin = Origin::start(|wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome");
        true
    });
    let calls = ["-e", "trace=listen", "-e", "inject=listen:delay_exit=200000"];
    let (answer, _) = traced(&origin, &calls);
    assert_eq!(answer.text(), "welcome");
}

/// Head and body of a usual page are one call to the system, and one packet where that may be.
#[test]
fn a_usual_page_leaves_in_one_piece() {
    static PAGE: [u8; 10_240] = [b'x'; 10_240];
    let (answer, calls) = traced(&Origin::page(&PAGE), &["-e", "trace=/^(send|write)"]);
    assert!(answer.body == PAGE);
    let lengths = calls.lines().filter(|call| call.contains("\"HTTP/1.1 200 OK")).map(|call| {
        let length = call.split("..., ").nth(1).and_then(|rest| rest.split(',').next());
        length.and_then(|l| l.parse().ok()).unwrap_or_else(|| panic!("{call}"))
    });
    let lengths: Vec<usize> = lengths.collect();
    assert!(matches!(lengths[..], [length] if length > PAGE.len()), "{lengths:?}: {calls}");
}

/// What a website behind the proxy answers to the first connection that is taken, and the calls of
/// the proxy to the system until then, as `strace` tells them.
fn traced(origin: &Origin, options: &[&str]) -> (Message, String) {
    let (dir, site) = (tempfile::tempdir().unwrap(), free_address());
    let calls = dir.path().join("calls");
    let inner = command(&dir, &origin.url(), site, free_address(), &[]);
    let mut process = Command::new("strace")
        .args(["-D", "-f", "-o"])
        .arg(&calls)
        .args(options)
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(&dir)
        .spawn()
        .unwrap();
    let answer = std::panic::catch_unwind(|| {
        wait_for("a connection is taken", || TcpStream::connect(site).is_ok());
        get(site, "/", "")
    });
    process.kill().unwrap();
    process.wait().unwrap();
    let told = || std::fs::read_to_string(&calls).unwrap();
    wait_for("all calls are told", || told().contains("+++ killed"));
    (answer.unwrap(), told())
}

/// Whoever takes longer than `timeouts.shutdown` is cut, and the log says so.
#[test]
fn stopping_waits_no_longer_than_it_is_told() {
    let origin = Origin::start(|wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        wire.rest();
        false
    });
    let mut proxy = Proxy::start(&origin.url(), &["--timeouts-shutdown", "1s"]);
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{NAVIGATION}\r\n"));
    assert_eq!(wire.head().unwrap().unwrap().status(), 200);
    let asked = Instant::now();
    proxy.terminate();
    assert!(proxy.ended().success());
    let took = asked.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(6)).contains(&took), "{took:?}");
    assert_eq!(wire.chunk().unwrap().unwrap(), b"first");
    wire.chunk().expect_err("it is cut");
    assert!(proxy.log().iter().any(|l| l.contains("1 requests are still running")));
}

//! Requests that are not what they should be.

use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, get, visit};

fn website() -> Origin {
    Origin::start(|wire, request| {
        if wire.body(request, false).is_err() {
            return false;
        }
        let name = format!("{} {}", request.method(), request.target());
        wire.reply("200 OK", "Content-Type: text/html\r\n", name.as_bytes());
        true
    })
}

#[test]
fn an_unknown_host_is_forwarded_and_not_counted() {
    let origin = website();
    let proxy = Proxy::start(&origin.url(), &["--hosts", "www.example.org,example.org"]);
    let ask = |host: &str, target: &str| {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{NAVIGATION}\r\n"));
        wire.answer("GET")
    };
    for host in
        ["evil.example", "www.example.org.evil.example", "127.0.0.1", "", "xwww.example.org"]
    {
        let page = ask(host, "/");
        assert_eq!((page.status(), page.text().as_str()), (200, "GET /"), "{host}");
        assert_eq!(page.view(), None, "{host}");
        // What is ours elsewhere is the website's here.
        assert_eq!(ask(host, "/headcount.js").text(), "GET /headcount.js");
    }
    for host in ["www.example.org", "EXAMPLE.org:8080", "Example.Org"] {
        assert!(ask(host, "/").view().is_some(), "{host}");
    }
    wait_for("only its own hosts count", || proxy.total("pageviews") >= 3);
    assert_eq!(proxy.total("pageviews"), 3);
    let sites = proxy
        .stats("breakdown?period=7d&include_today=true&property=event:hostname&metrics=pageviews");
    assert!(!sites.to_string().contains("evil"), "{sites}");
}

#[test]
fn http_1_0_is_answered() {
    let origin = website();
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET /old HTTP/1.0\r\n{NAVIGATION}\r\n"));
    assert_eq!(wire.answer("GET").text(), "GET /old");
    assert_eq!(wire.rest(), b"", "and the connection is closed");
    wait_for("it is counted", || proxy.total("pageviews") == 1);
}

/// RFC 9112 §9.3.2: answers come in order.
#[test]
fn a_pipeline_gets_its_answers_in_order() {
    let origin = website();
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    for round in 0..20 {
        let head = |method: &str, i: usize, more: &str| {
            format!("{method} /{round}/{i} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
        };
        let post = head("POST", 1, "Content-Length: 4\r\n");
        wire.send(format!(
            "{}{post}body{}",
            head("GET", 0, NAVIGATION),
            head("GET", 2, NAVIGATION)
        ));
        for (method, i) in [("GET", 0), ("POST", 1), ("GET", 2)] {
            assert_eq!(wire.answer(method).text(), format!("{method} /{round}/{i}"));
        }
    }
    wait_for("each page is counted", || proxy.total("pageviews") == 40);
}

#[test]
fn what_is_no_request_is_refused() {
    let origin = website();
    let proxy = Proxy::start(&origin.url(), &[]);
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(2 << 20));
    for (name, request) in [
        ("one word", "GET\r\n\r\n"),
        ("another protocol", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n"),
        ("another version", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"),
        ("a NUL in a header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"),
        ("a space before the colon", "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        ),
        ("a length that is none", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("too large", &huge),
    ] {
        let mut wire = Wire::connect(proxy.site);
        // It may close before it has taken everything.
        let _ = wire.try_send(request);
        let answer = wire.rest();
        let text = String::from_utf8_lossy(&answer);
        // As nginx: 505 to a version that it does not know, 4xx to all else.
        let refusal = if name == "another version" { "HTTP/1.1 505 " } else { "HTTP/1.1 4" };
        let refused = text.is_empty() || text.starts_with(refusal);
        let forwarded = origin.seen().len();
        assert!(refused, "{name}: {text}");
        assert_eq!(forwarded, 0, "{name} does not reach the website");
    }
    // A tunnel is nothing a website has.
    let mut wire = Wire::connect(proxy.site);
    wire.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert_eq!(wire.answer("GET").status(), 405);
    assert_eq!(visit(proxy.site, "/").text(), "GET /");
    let noise = proxy.log().len();
    assert!(noise < 10, "lines are not the attacker's to write: {:?}", proxy.log());
}

/// RFC 9112 §6.1: with both framings a request may hide another. The website must see one.
#[test]
fn no_request_hides_in_another() {
    let origin = website();
    let proxy = Proxy::start(&origin.url(), &[]);
    for request in [
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n\
         0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: \
         identity\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut wire = Wire::connect(proxy.site);
        let _ = wire.try_send(request);
        if let Ok(Some(mut answer)) = wire.head() {
            let _ = wire.body(&mut answer, true);
        }
        // Behind the client's back, on a connection of another's: never.
        assert_eq!(get(proxy.site, "/next", "").text(), "GET /next");
        for seen in origin.seen() {
            if seen.target() == "/hidden" {
                // Only as what it is to the proxy too: the connection's next request.
                assert!(seen.header("x-forwarded-for").is_some(), "{seen:?}");
            }
        }
    }
}

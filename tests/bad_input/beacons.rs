//! Beacons that are not what they should be.

use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Message, NAVIGATION, Origin, Wire, beacon, visit};
use serde_json::{Value, json};

fn start(flags: &[&str]) -> (Origin, Proxy) {
    let origin = Origin::page(b"page");
    let proxy = Proxy::start(&origin.url(), flags);
    (origin, proxy)
}

fn refused(answer: &Message, status: u16) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    let reason = answer.text();
    assert!(!reason.is_empty() && reason.len() < 300 && !reason.contains('\n'), "{reason}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn what_is_malformed_is_refused_with_a_reason() {
    let (origin, proxy) = start(&[]);
    let deep = "[".repeat(30_000);
    let deep_object = "{\"type\":".repeat(5_000);
    for (body, reason) in [
        (&b""[..], "not JSON"),
        (b"{", "not JSON"),
        (b"null", "neither an array"),
        (b"\"pageview\"", "neither an array"),
        (b"[1]", "event 0"),
        (b"[[]]", "event 0"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[{\"type\":\"pageview\",\"pathname\":\"/\xc3\x28\"}]", "not JSON"),
        (b"{\"type\":\"pageview\"}", "pathname"),
        (b"{\"type\":1,\"pathname\":\"/\"}", "event 0"),
        (b"{\"type\":\"pageview\",\"pathname\":[\"/\"]}", "event 0"),
        (b"{\"type\":\"pageview\",\"pathname\":\"elsewhere\"}", "elsewhere"),
        (b"{\"type\":\"nonsense\",\"pathname\":\"/\"}", "nonsense"),
        (b"{\"type\":\"engagement\",\"pathname\":\"/\",\"value\":-1}", "engagement"),
        (b"{\"type\":\"event\",\"pathname\":\"/\",\"name\":\"  \"}", "name"),
        (b"{\"type\":\"pageview\",\"pathname\":\"/\"}\0", "not JSON"),
        (deep.as_bytes(), "event 0: not an object"),
        (deep_object.as_bytes(), "event 0: invalid type"),
    ] {
        let answer = beacon(proxy.site, body, "");
        refused(&answer, 400);
        assert!(answer.text().contains(reason), "{reason}: {}", answer.text());
    }
    assert!(origin.seen().is_empty(), "none of it is the website's");
    assert!(proxy.metric("headcount_events_dropped_total{reason=\"malformed\"}") >= 18.0);
    assert_eq!(proxy.total("pageviews"), 0);

    // What is valid beside it counts.
    let mixed = json!([
        {"type": "pageview", "pathname": "/a", "n": 1},
        {"type": "pageview"},
        {"type": "pageview", "pathname": "/b\u{0}\u{1f}", "n": 2, "unknown": {"x": [1]}},
        7,
        {"type": "pageview", "pathname": "/a", "n": 3},
    ]);
    refused(&beacon(proxy.site, mixed.to_string().as_bytes(), ""), 400);
    wait_for("three of five count", || proxy.total("pageviews") == 3);
    let pages =
        proxy.stats("breakdown?period=7d&include_today=true&property=event:page&metrics=pageviews");
    assert_eq!(
        pages["results"],
        json!([{"page": "/a", "pageviews": 2}, {"page": "/b%00%1F", "pageviews": 1}])
    );
    // Something odd in what may be odd is no reason to refuse.
    let odd = json!({"type": "pageview", "pathname": "/a", "n": {"x": 1}, "timestamp": 5,
                     "view": "\u{202e}", "referrer": "::", "screen": "wide", "title": "t"});
    assert_eq!(beacon(proxy.site, odd.to_string().as_bytes(), "").status(), 202);
    wait_for("it counts", || proxy.total("pageviews") == 4);
}

#[test]
fn a_hundred_events_are_the_most() {
    let (_origin, proxy) = start(&[]);
    let events = |count: usize| {
        let events: Vec<Value> =
            (0..count).map(|i| json!({"type": "pageview", "pathname": "/", "n": i})).collect();
        serde_json::to_vec(&events).unwrap()
    };
    assert_eq!(beacon(proxy.site, &events(0), "").status(), 202);
    let answer = beacon(proxy.site, &events(101), "");
    refused(&answer, 400);
    assert!(answer.text().contains("101"), "{}", answer.text());
    wait_for("a hundred count", || proxy.total("pageviews") == 100);
}

#[test]
fn what_is_too_large_is_refused_unread() {
    let (_origin, proxy) = start(&[]);
    let body = vec![b' '; 64 * 1024 + 1];
    refused(&beacon(proxy.site, &body, ""), 413);
    let mut exact = br#"{"type":"pageview","pathname":"/"}"#.to_vec();
    exact.resize(64 * 1024, b' ');
    assert_eq!(beacon(proxy.site, &exact, "").status(), 202);

    // By its announcement alone.
    let mut wire = Wire::connect(proxy.site);
    wire.send("POST /api/track HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n");
    refused(&wire.answer("POST"), 413);

    // Without one, once it is.
    let mut wire = Wire::connect(proxy.site);
    wire.send("POST /api/track HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..33 {
        let chunk = [b"800\r\n".as_slice(), &[b' '; 2_048], b"\r\n"].concat();
        if wire.try_send(chunk).is_err() {
            break;
        }
    }
    refused(&wire.answer("POST"), 413);
    assert_eq!(visit(proxy.site, "/").text(), "page");
}

#[test]
fn only_the_site_itself_may_send_them() {
    let (_origin, proxy) = start(&[]);
    let event = br#"{"type":"pageview","pathname":"/"}"#;
    let send = |headers: &str| {
        let mut wire = Wire::connect(proxy.site);
        wire.post("/api/track", &format!("{NAVIGATION}{headers}"), event)
    };
    for foreign in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: http://localhost.evil.example\r\n",
        "Origin: null\r\n",
        "Origin: localhost\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: https://shop.evil.example\r\n",
        // Only a trusted proxy may say what the host was.
        "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n",
    ] {
        refused(&send(foreign), 403);
    }
    let own = [
        "",
        "Sec-Fetch-Site: same-origin\r\n",
        "Origin: http://localhost:8080\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: https://LOCALHOST\r\n",
    ];
    for own in own {
        assert_eq!(send(own).status(), 202, "{own}");
    }
    wait_for("its own count", || proxy.total("pageviews") == own.len() as i64);
}

#[test]
fn other_methods_are_refused() {
    let (origin, proxy) = start(&[]);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let answer = Wire::connect(proxy.site).ask(method, "/api/track", "");
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        let script =
            Wire::connect(proxy.site).ask("POST", "/headcount.js", "Content-Length: 0\r\n");
        assert_eq!((script.status(), script.header("allow")), (405, Some("GET, HEAD")));
    }
    assert!(origin.seen().is_empty());
}

#[test]
fn too_many_are_refused_and_counted_as_dropped() {
    let (_origin, proxy) = start(&["--limits-beacons-per-minute", "20"]);
    let event = br#"{"type":"pageview","pathname":"/"}"#;
    let statuses: Vec<u16> = (0..60).map(|_| beacon(proxy.site, event, "").status()).collect();
    let taken = statuses.iter().filter(|s| **s == 202).count();
    assert!(statuses.iter().all(|s| matches!(s, 202 | 429)), "{statuses:?}");
    // A minute may turn meanwhile; then there is room for as many again.
    assert!((20..=40).contains(&taken), "{taken}");
    let dropped = proxy.metric("headcount_events_dropped_total{reason=\"rate_limited\"}");
    assert_eq!(dropped as usize, 60 - taken);
    refused(
        &{
            let many: Vec<Value> =
                (0..50).map(|_| json!({"type": "pageview", "pathname": "/"})).collect();
            beacon(proxy.site, &serde_json::to_vec(&many).unwrap(), "")
        },
        429,
    );
    wait_for("what was taken counts", || proxy.total("pageviews") == taken as i64);
    assert_eq!(visit(proxy.site, "/").status(), 200, "pages are not limited");
}

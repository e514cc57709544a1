//! Request and response heads pass as they are, over connections that are kept.

use crate::common::process::Proxy;
use crate::common::wire::{NAVIGATION, Origin, Wire, get};
use std::collections::BTreeSet;

/// Header lines, lower-case names, without some.
fn lines(headers: &[(String, String)], without: &[&str]) -> BTreeSet<String> {
    let kept = headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v));
    kept.filter(|(n, _)| !without.contains(&n.as_str())).map(|(n, v)| format!("{n}: {v}")).collect()
}

#[test]
fn targets_reach_the_website_byte_for_byte() {
    let origin = Origin::page(b"page");
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    for target in [
        "/",
        "/a%2Fb%2fc",
        "//double//slashes/",
        "/%E2%82%AC/%e2%82%ac",
        "/%C3%28/not-utf8",
        "/a;v=1.2/b,c",
        "/a/./b/../c",
        "/%2e%2e/%00",
        "/~user/(x)/!$&'*+=:@",
        "/?",
        "/a?b=c&b=d&&e",
        "/a?q=a+b%20c%2B&r=%26",
        "/a?url=http://b/c?d=e",
        "/a?x[]=1&y={z}|^`",
        "/%zz%",
        "*",
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        assert_eq!(wire.ask(method, target, "").status(), 200, "{target}");
        assert_eq!(origin.last().target(), target);
    }
    let long = format!("/{}?{}", "p".repeat(4_000), "q".repeat(4_000));
    assert_eq!(wire.ask("GET", &long, "").status(), 200);
    assert_eq!(origin.last().target(), long);
}

#[test]
fn headers_pass_as_they_are() {
    let origin = Origin::start(|wire, request| {
        let big = "b".repeat(16_000);
        let page = request.target() == "/page";
        let kind = if page { "text/html" } else { "image/png" };
        let headers = format!(
            "Content-Type: {kind}\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; HttpOnly\r\n\
             Set-Cookie: c=3\r\nServer-Timing: db;dur=5\r\nX-Big: {big}\r\nServer: mine\r\n\
             Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nETag: \"x\"\r\nVary: Cookie\r\n\
             Content-Security-Policy: default-src 'self'\r\nX-Empty:\r\n"
        );
        wire.reply("200 Quite Fine", &headers, b"body");
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let big = "c".repeat(20_000);
    let asked = format!(
        "{NAVIGATION}Cookie: session=1; theme=dark\r\nAccept-Language: de, en;q=0.5\r\n\
         X-Custom: one\r\nX-Custom: two\r\nX-Big: {big}\r\nAuthorization: Basic YTpi\r\n\
         Referer: https://elsewhere.example/\r\nX-Empty:\r\n"
    );
    for target in ["/page", "/image"] {
        let got = Wire::connect(proxy.site).ask("GET", target, &asked);
        let seen = origin.last();
        let forwarded = ["cdn-loop", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        let sent = format!("Host: localhost\r\n{asked}");
        let sent: Vec<(String, String)> = sent
            .lines()
            .filter_map(|l| l.split_once(':'))
            .map(|(n, v)| (n.to_owned(), v.trim().to_owned()))
            .collect();
        assert_eq!(lines(&seen.headers, &forwarded), lines(&sent, &[]), "{target}");
        assert_eq!(seen.all("x-custom"), ["one", "two"]);

        let theirs = get(origin.address, target, "");
        assert_eq!(got.all("set-cookie"), theirs.all("set-cookie"), "in their order");
        // A page's view id is the one thing added, beside the website's own entries.
        let added = if target == "/page" { "server-timing" } else { "" };
        // Pingora writes the date itself.
        let without = [added, "connection", "date"];
        assert_eq!(lines(&got.headers, &without), lines(&theirs.headers, &without), "{target}");
        assert_eq!(got.all("server-timing")[0], "db;dur=5");
        assert_eq!(got.view().is_some(), target == "/page");
        assert_eq!(got.body, b"body");
    }
}

#[test]
fn the_website_is_told_who_asks() {
    let origin = Origin::page(b"page");
    let claims = "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: www.example.org\r\n";
    let told = |proxy: &Proxy, headers: &str| {
        assert_eq!(get(proxy.site, "/", headers).status(), 200);
        let seen = origin.last();
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]
            .map(|name| seen.all(name).join("|"))
    };
    let proxy = Proxy::start(&origin.url(), &[]);
    assert_eq!(told(&proxy, ""), ["127.0.0.1", "http", "localhost"]);
    assert_eq!(told(&proxy, claims), ["127.0.0.1", "http", "localhost"], "a lie");

    let proxy = Proxy::start(&origin.url(), &["--trusted-proxies", "127.0.0.0/8"]);
    assert_eq!(told(&proxy, ""), ["127.0.0.1", "http", "localhost"]);
    let known = ["198.51.100.7, 127.0.0.1", "https", "www.example.org"];
    assert_eq!(told(&proxy, claims), known, "a proxy's word");
}

#[test]
fn connections_are_kept_on_both_sides() {
    // It reads bodies first: an answer that comes sooner ends the connection.
    let origin = Origin::start(|wire, request| {
        wire.body(request, false).unwrap();
        wire.reply("200 OK", "Content-Type: text/html\r\n", b"page");
        true
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let mut wire = Wire::connect(proxy.site);
    for i in 0..200 {
        assert_eq!(wire.ask("GET", &format!("/{i}"), NAVIGATION).status(), 200);
    }
    assert_eq!(wire.post("/form", "", b"x").status(), 200);
    assert_eq!(wire.ask("GET", "/headcount.js", "").status(), 200);
    assert_eq!(wire.post("/api/track", NAVIGATION, b"[]").status(), 202);
    assert_eq!(wire.post("/api/track", NAVIGATION, b"nonsense").status(), 400);
    assert_eq!(wire.ask("GET", "/last", "").status(), 200);
    assert_eq!(origin.seen().len(), 202);
    // One for each of the two threads, and one to spare.
    assert!(origin.accepted() <= 3, "{} connections", origin.accepted());
}

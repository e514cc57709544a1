//! What is not counted, because the settings say so.

use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, beacon, visit};

#[test]
fn what_is_excluded_is_forwarded_and_not_counted() {
    let site = Origin::start(|wire, request| {
        let status = if request.target().ends_with("none") { "404 Not Found" } else { "200 OK" };
        wire.reply(status, "Content-Type: text/html\r\n", b"page");
        true
    });
    let flags = [
        ["--exclude-pages", "/admin*,/caf\u{e9}"],
        ["--exclude-hosts", "staging.example.org,*.preview.example.org"],
        ["--exclude-addresses", "203.0.113.0/24"],
        ["--exclude-countries", "US"],
        ["--trusted-proxies", "127.0.0.1"],
    ];
    let proxy = Proxy::start(&site.url(), &flags.concat());
    let ask = |target: &str, host: &str, more: &str| {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{NAVIGATION}{more}\r\n"));
        wire.answer("GET")
    };
    let bot = "User-Agent: Googlebot/2.1\r\nAccept: text/html\r\n";
    assert!(visit(proxy.site, "/").view().is_some());
    for (target, host, more) in [
        ("/admin", "a.example", ""),
        ("/%61dmin/x?a=b", "a.example", ""),
        ("/caf%C3%A9", "a.example", ""),
        ("/admin/none", "a.example", ""),
        ("/", "Staging.example.org:8080", ""),
        ("/", "a.b.preview.example.org", ""),
        ("/", "a.example", "X-Forwarded-For: 203.0.113.9\r\n"),
        ("/", "a.example", "X-Forwarded-For: 8.8.8.8\r\n"),
    ] {
        let answer = ask(target, host, more);
        assert_eq!(
            (answer.text().as_str(), answer.view()),
            ("page", None),
            "{target} {host} {more}"
        );
    }
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET /admin HTTP/1.1\r\nHost: a.example\r\n{bot}\r\n"));
    assert_eq!(wire.answer("GET").text(), "page");
    for (page, more) in [
        ("/admin/y", ""),
        ("/%61dmin", ""),
        ("/b", "X-Forwarded-For: 203.0.113.9\r\n"),
        ("/b", "X-Forwarded-For: 8.8.8.8\r\n"),
        ("/c", ""),
    ] {
        let event =
            format!("{{\"type\":\"pageview\",\"pathname\":\"{page}\",\"nav\":\"history\"}}");
        assert_eq!(beacon(proxy.site, event.as_bytes(), more).status(), 202, "{page} {more}");
    }
    // Counted after all that, as the page of the beacon.
    assert!(ask("/last", "a.example", "X-Forwarded-For: 81.2.69.142\r\n").view().is_some());
    wait_for("the last is counted", || proxy.total("pageviews") >= 3);
    assert_eq!(proxy.total("pageviews"), 3);
    let rows = |property: &str| {
        let question = "breakdown?period=7d&include_today=true&metrics=pageviews&property=";
        proxy.stats(&format!("{question}{property}"))["results"].as_array().unwrap().clone()
    };
    let mut pages: Vec<String> =
        rows("event:page").iter().map(|row| row["page"].as_str().unwrap().to_owned()).collect();
    pages.sort();
    assert_eq!(pages, ["/", "/c", "/last"]);
    assert_eq!((rows("bot:name").len(), rows("error:page").len()), (0, 0));
}

//! Names that strangers choose: bounded in number and length, harmless where people see them.

use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Origin, Wire, beacon, visit};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const REQUESTS: usize = 10_000;
const ROWS: usize = 300;

fn rows(proxy: &Proxy, property: &str) -> Vec<(String, i64)> {
    let name = property.rsplit(':').next().unwrap();
    let question = format!(
        "breakdown?period=7d&include_today=true&property={property}&metrics=pageviews&limit=1000"
    );
    let answer = proxy.stats(&question);
    let row = |row: &Value| {
        let name = row[name].as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
        (name, row["pageviews"].as_i64().unwrap())
    };
    answer["results"].as_array().unwrap().iter().map(row).collect()
}

/// Every request with a path, a host, a referrer, a campaign and a user agent of its own; half of
/// them as bots.
#[test]
fn ten_thousand_invented_names_stay_bounded() {
    let origin = Origin::page(b"page");
    let limit = ROWS.to_string();
    let proxy = Proxy::start(&origin.url(), &["--limits-rows-per-dimension", &limit]);
    visit(proxy.site, "/");
    let before = proxy.memory();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let site = proxy.site;
            scope.spawn(move || {
                let mut wire = Wire::connect(site);
                for i in (worker..REQUESTS).step_by(4) {
                    let agent = match i % 2 {
                        0 => format!("Mozilla/5.0 (X11; Linux x86_64; rv:{i}.0) Firefox/{i}.0"),
                        _ => format!("Invented{i}Bot/1.0 (+https://bot{i}.example/)"),
                    };
                    wire.send(format!(
                        "GET /p{i}?utm_source=u{i}&utm_campaign=c{i} HTTP/1.1\r\nHost: h{i}.example\r\n\
                         User-Agent: {agent}\r\nReferer: https://r{i}.example/\r\n\
                         Accept: text/html\r\nSec-Fetch-Dest: document\r\n\
                         Sec-Fetch-Mode: navigate\r\n\r\n"
                    ));
                    assert_eq!(wire.answer("GET").status(), 200);
                }
            });
        }
    });
    let pageviews = (REQUESTS / 2 + 1) as i64;
    wait_for("all is counted", || proxy.metric("headcount_unflushed_events") == 0.0);
    assert_eq!(proxy.total("pageviews"), pageviews);
    for property in
        ["event:page", "event:hostname", "visit:source", "visit:utm_campaign", "bot:name"]
    {
        let rows = rows(&proxy, property);
        let sum: i64 = rows.iter().map(|(_, n)| n).sum();
        // Two shards, each with its own rows, and a few that are earned beyond.
        assert!(rows.len() <= 2 * ROWS + ROWS, "{property}: {} rows", rows.len());
        assert!(rows.iter().any(|(name, _)| name == "(other)"), "{property}");
        let all = if property == "bot:name" { REQUESTS as i64 / 2 } else { pageviews };
        let all = if property == "visit:utm_campaign" { all - 1 } else { all };
        assert_eq!(sum, all, "{property}: sums are kept");
    }
    let grown = proxy.memory().saturating_sub(before);
    assert!(grown < 100 << 20, "it took {grown} bytes");
    // A true page is still found afterwards: nothing is kept by who came first.
    for _ in 0..300 {
        visit(proxy.site, "/the-true-top");
    }
    wait_for("the busiest page has its row", || {
        rows(&proxy, "event:page").iter().any(|(name, n)| name == "/the-true-top" && *n >= 200)
    });
}

#[test]
fn what_strangers_write_is_bounded_and_escaped() {
    let origin = Origin::page(b"page");
    let proxy = Proxy::start(&origin.url(), &[]);
    let html = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;";
    let hostile = [
        format!("/{html}"),
        "/\u{202e}gnp.exe\u{2066}".to_owned(),
        "/a\u{0}b\u{7}c\u{1b}[31md\r\ne\u{1f}f\u{7f}".to_owned(),
        "/visits\u{1f}pageviews\u{1f}999".to_owned(),
        format!("/{}", "long".repeat(5_000)),
        "/__proto__/constructor".to_owned(),
        "/\u{1f600}/日本語".to_owned(),
    ];
    for pathname in &hostile {
        let event = json!([
            {"type": "pageview", "pathname": pathname, "referrer": format!("https://{html}/"),
             "screen": html, "title": html},
            {"type": "event", "pathname": pathname, "name": html, "props": {html: html}},
        ]);
        assert_eq!(beacon(proxy.site, event.to_string().as_bytes(), "").status(), 202);
    }
    let mut wire = Wire::connect(proxy.site);
    let quoted = utf8_percent_encode(html, NON_ALPHANUMERIC);
    wire.send(format!(
        "GET /x?utm_source={quoted}&utm_campaign=%3Cscript%3Ealert(3)%3C/script%3E HTTP/1.1\r\n\
         Host: localhost\r\nUser-Agent: {html}Bot/1.0\r\nReferer: {html}\r\n\
         Accept-Language: {html}\r\nAccept: text/html\r\n\r\n"
    ));
    assert_eq!(wire.answer("GET").status(), 200);
    wait_for("all is counted", || {
        proxy.total("pageviews") == hostile.len() as i64
            && proxy.metric("headcount_unflushed_events") == 0.0
    });

    let pages = rows(&proxy, "event:page");
    for (name, _) in &pages {
        assert!(name.len() <= 1_024, "{} bytes", name.len());
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
    assert!(pages.iter().any(|(name, _)| name == "(other)"), "the long one");
    let escaped = "/a%00b%07c%1B%5B31md%0D%0Ae%1Ff%7F";
    assert!(pages.iter().any(|(name, n)| name == escaped && *n == 1), "{pages:?}");
    let total: i64 = pages.iter().map(|(_, n)| n).sum();
    assert_eq!(total, hostile.len() as i64, "no name counts for more than itself");

    let admin = |path: &str| {
        reqwest::blocking::get(format!("http://{}{path}", proxy.admin)).unwrap().text().unwrap()
    };
    let filter =
        reqwest::Url::parse_with_params("http://x/", [("filters", format!("event:page==/{html}"))]);
    let filtered = format!("/?{}", filter.unwrap().query().unwrap());
    for path in ["/", "/?period=7d", &filtered] {
        let page = admin(path);
        for raw in ["<script>alert", "<img src=x", "onerror=alert(2)>\""] {
            assert!(!page.contains(raw), "{path}: {raw}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}: it is shown as text");
    }
    assert!(!admin("/metrics").contains("alert("), "names strangers chose are no labels");
}

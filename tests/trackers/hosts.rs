//! Pages of the site's other hosts send here too, with the browser's leave; strangers' do not.

use crate::common::http::Headers;
use crate::stage::{Rule, hold};
use crate::tell::SCRIPT;
use serde_json::json;

const SET: &[&str] = &[
    "--event-apis",
    "plausible,umami,goatcounter",
    "--hosts",
    "docs.example.org,www.other.example,*.example.org",
];

const PATHS: [&str; 5] = ["/api/event", "/api/send", "/api/batch", "/count", "/api/track"];

fn from(origin: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("Origin", origin),
        ("Content-Type", "text/plain"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "cors"),
    ]
}

#[test]
fn other_hosts_of_the_site_and_strangers() {
    hold(&[
        Rule {
            says: "a browser that asks first is told who may send, and how",
            settings: SET,
            happens: |site| {
                for path in PATHS {
                    let asked: Headers = &[
                        ("Access-Control-Request-Method", "POST"),
                        ("Access-Control-Request-Headers", "content-type,x-umami-cache"),
                    ];
                    let origin = "https://www.other.example";
                    let answer = site.send("OPTIONS", path, &[&from(origin), asked].concat(), b"");
                    assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
                    let header = |name| answer.header(name).unwrap_or_default();
                    assert_eq!(header("access-control-allow-origin"), origin, "{path}");
                    assert!(header("access-control-allow-methods").contains("POST"), "{path}");
                    assert_eq!(
                        header("access-control-allow-headers"),
                        "content-type,x-umami-cache"
                    );
                    assert_eq!(header("vary"), "Origin");
                    let stranger = [&from("https://example.net"), asked].concat();
                    let answer = site.send("OPTIONS", path, &stranger, b"");
                    assert_eq!(answer.status, 403, "{path}");
                    assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
                }
            },
            looks_at: &[],
            counts: "",
        },
        Rule {
            says: "a page of another host counts there, and its script may read the answer",
            settings: SET,
            happens: |site| {
                let origin = "https://www.other.example";
                let page = format!("{origin}/x");
                let body = json!({ "n": "pageview", "u": page, "d": "other.example" }).to_string();
                let answer = site.send("POST", "/api/event", &from(origin), body.as_bytes());
                assert_eq!(answer.status, 202);
                assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
                let picture: Headers =
                    &[("Referer", "https://blog.example.org/"), ("Sec-Fetch-Site", "same-site")];
                assert_eq!(site.send("GET", "/count?p=/y", picture, b"").status, 200);
            },
            looks_at: &["hostname"],
            counts: "total: browser 2, unverified 2, visitors 1
                     page /x: browser 1, unverified 1, visitors 1
                     page /y: browser 1, unverified 1, visitors 1
                     hostname www.other.example: browser 2, unverified 2, visitors 1",
        },
        Rule {
            says: "a stranger's page is refused, by script and by picture",
            settings: SET,
            happens: |site| {
                let body = json!({ "n": "pageview", "u": "https://docs.example.org/", "d": "x" });
                let body = body.to_string();
                let stranger = from("https://example.net");
                for path in PATHS {
                    let answer = site.send("POST", path, &stranger, body.as_bytes());
                    assert_eq!(answer.status, 403, "{path}");
                }
                for headers in [
                    &[("Referer", "https://example.net/"), ("Sec-Fetch-Site", "cross-site")][..],
                    &[("Sec-Fetch-Site", "cross-site")],
                ] {
                    assert_eq!(site.send("GET", "/count?p=/", headers, b"").status, 403);
                }
                assert_eq!(site.send("PUT", "/api/event", SCRIPT, b"").status, 405);
                assert_eq!(site.send("GET", "/api/send", SCRIPT, b"").status, 405);
            },
            looks_at: &[],
            counts: "",
        },
    ]);
}

//! What beacons add to what the server saw.

use crate::common::http::{ACCEPT_PAGE, CHROME, NAVIGATION, PREFETCH};
use crate::stage::{PAGE, Rule, hold};
use chrono::{DateTime, TimeDelta};
use headcount::clock::Clock;
use serde_json::json;

/// A browser's clock that is so far ahead.
fn ahead(seconds: i64) -> String {
    let now = DateTime::from_timestamp_millis(Clock::system().now()).unwrap();
    (now + TimeDelta::seconds(seconds)).to_rfc3339()
}

#[test]
fn pageviews() {
    hold(&[
        Rule {
            says: "a fresh id confirms its view: no second pageview; a retry adds nothing",
            settings: &[],
            happens: |site| {
                let event =
                    json!({ "type": "pageview", "pathname": "/a", "n": 7, "view": site.open("/a") });
                site.tell_exactly(&event);
                site.tell_exactly(&event);
            },
            looks_at: &["visits"],
            counts: "total: confirmed 1, confirmed_visitors 1, server 1, visitors 1, visits 1
                     page /a: confirmed 1, confirmed_visitors 1, server 1, visitors 1, visits 1",
        },
        Rule {
            says: "an id used before, a step back: from the visitor's own cache; another visitor's \
                   id: from a cache in front; a history navigation: a page of its own",
            settings: &[],
            happens: |site| {
                let id = site.open("/a");
                site.tell(json!({ "view": id }));
                site.tell(json!({ "view": id }));
                site.tell(json!({ "view": id, "nav": "bfcache" }));
                site.tell(json!({ "view": id, "nav": "history", "pathname": "/b" }));
                site.come_as(CHROME);
                site.tell(json!({ "view": id }));
            },
            looks_at: &[],
            counts: "total: browser 4, confirmed 1, confirmed_visitors 1, server 1, visitors 2
                     page /a: browser 3, confirmed 1, confirmed_visitors 1, server 1, visitors 2
                     page /b: browser 1, visitors 1
                     cached same visitor: browser 2
                     cached other visitor: browser 1",
        },
        Rule {
            says: "without an id: matched by visitor and path, also by a clock that is ahead; else \
                   unverified",
            settings: &[],
            happens: |site| {
                site.open("/a");
                site.tell(json!({ "timestamp": ahead(200) }));
                site.tell(json!({ "view": "forged" }));
                site.tell(json!({ "pathname": "/b" }));
            },
            looks_at: &[],
            counts: "total: browser 2, confirmed 1, confirmed_visitors 1, server 1, unverified 2, visitors 1
                     page /a: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     page /b: browser 1, unverified 1, visitors 1",
        },
        Rule {
            says: "a page fetched ahead and then shown: one pageview, of server and browser",
            settings: &[],
            happens: |site| {
                let id = site.get("/a", PREFETCH, PAGE).view_id();
                site.tell(json!({ "view": id, "nav": "prerender" }));
            },
            looks_at: &[],
            counts: "prefetch /a: responses 1, seen 1
                     total: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, server 1, visitors 1",
        },
        Rule {
            says: "an error's beacon confirms it, in all its rows; never a pageview, however often",
            settings: &[],
            happens: |site| {
                let id = site.get("/a", NAVIGATION, "404 | content-type: text/html").view_id();
                site.tell(json!({ "view": id }));
                site.tell(json!({ "view": id }));
                site.tell(json!({ "view": id, "nav": "bfcache" }));
            },
            looks_at: &[],
            counts: "error_page /a: responses 1, seen 1
                     error_status 404: responses 1, seen 1
                     error_link /a |: responses 1, seen 1",
        },
        Rule {
            says: "how an error page is read, clicked and timed is of no page; what is done there is",
            settings: &[],
            happens: |site| {
                let id = site.get("/a", NAVIGATION, "404 | content-type: text/html").view_id();
                let mut tell = |mut event: serde_json::Value| {
                    event["view"] = json!(id);
                    site.tell(event);
                };
                tell(json!({}));
                tell(json!({ "type": "engagement", "value": 900, "props": { "scroll": 76 } }));
                tell(json!({ "type": "click", "screen": "390x844", "props": { "x": 1, "y": 1 } }));
                tell(json!({ "type": "vital", "name": "LCP", "value": 1000 }));
                tell(json!({ "type": "event", "name": "Lost" }));
                // An application that takes over shows another page in the same document.
                tell(json!({ "nav": "history", "pathname": "/b" }));
                tell(json!({ "type": "engagement", "value": 700, "pathname": "/b" }));
            },
            looks_at: &[],
            counts: "total: browser 1, engagement 700, events 1, visitors 1
                     page /a: events 1
                     page /b: browser 1, engagement 700, visitors 1
                     event Lost: events 1, visitors 1
                     error_page /a: responses 1, seen 1
                     error_status 404: responses 1, seen 1
                     error_link /a |: responses 1, seen 1",
        },
        Rule {
            says: "the answer to a POST is a view once its beacon says so; a frame's never is",
            settings: &[],
            happens: |site| {
                let id = site.ask("POST", "/a", NAVIGATION, PAGE).view_id();
                site.tell(json!({ "view": id }));
                let frame = [ACCEPT_PAGE, ("Sec-Fetch-Dest", "iframe")];
                let id = site.get("/b", &frame, PAGE).view_id();
                site.tell(json!({ "view": id, "pathname": "/b" }));
            },
            looks_at: &[],
            counts: "total: browser 1, visitors 1
                     page /a: browser 1, visitors 1",
        },
        Rule {
            says: "a route after the # is a page, and its load confirms the document",
            settings: &[],
            happens: |site| {
                let id = site.open("/a");
                site.tell(json!({ "view": id, "pathname": "/a?x=1#/inbox" }));
                site.open("/a");
                site.tell(json!({ "pathname": "/a#/inbox" }));
            },
            looks_at: &[],
            counts: "total: confirmed 2, confirmed_visitors 1, server 2, visitors 1
                     page /a: confirmed 2, confirmed_visitors 1, server 2, visitors 1",
        },
    ]);
}

#[test]
fn events() {
    hold(&[
        Rule {
            says: "a custom event ends a bounce, with its properties and what it is worth",
            settings: &[],
            happens: |site| {
                site.open("/a");
                let props = json!({ "plan": "pro", "seats": 3, "list": [1] });
                let event =
                    json!({ "type": "event", "name": "Signup", "props": props, "value": 9.5 });
                site.tell(event.clone());
                site.tell(event);
            },
            looks_at: &["visits", "bounces"],
            counts: "total: events 2, revenue 19000, server 1, visitors 1, visits 1
                     page /a: events 2, revenue 19000, server 1, visitors 1, visits 1
                     event Signup: events 2, revenue 19000, visitors 1
                     event_property Signup | plan | pro: events 2, visitors 1
                     event_property Signup | seats | 3: events 2, visitors 1",
        },
        Rule {
            says: "links away and to files have rows of their own",
            settings: &[],
            happens: |site| {
                site.open("/a");
                site.tell(json!({ "type": "outbound", "name": "https://example.com/x" }));
                site.tell(json!({ "type": "download", "name": "/a.pdf" }));
            },
            looks_at: &["bounces"],
            counts: "total: events 2, server 1, visitors 1
                     page /a: events 2, server 1, visitors 1
                     event Outbound link: events 1, visitors 1
                     event File download: events 1, visitors 1
                     outbound https://example.com/x: events 1, visitors 1
                     file /a.pdf: events 1, visitors 1",
        },
        Rule {
            says: "attention adds up; of each view the deepest counts",
            settings: &[],
            happens: |site| {
                let view = site.open("/a");
                let at = |millis: u32, scroll: u32| {
                    json!({ "type": "engagement", "value": millis, "view": view,
                        "screen": "390x844", "props": { "scroll": scroll } })
                };
                let (first, second, third) = (at(1_500, 34), at(500, 71), at(500, 20));
                site.tell(first);
                site.tell(second);
                site.tell(third);
                let again = site.open("/a");
                site.tell(json!({ "type": "engagement", "value": 100, "view": again,
                    "screen": "390x844", "props": { "scroll": 10 } }));
            },
            looks_at: &["bounces"],
            counts: "total: engagement 2600, scroll_depth 81, scroll_views 2, server 2, visitors 1
                     page /a: engagement 2600, scroll_depth 81, scroll_views 2, server 2, visitors 1
                     scroll_map Below 576 px | 8 | /a: events 1
                     scroll_map Below 576 px | 1 | /a: events 1",
        },
        Rule {
            says: "a click falls into a cell of the page's grid, and ends no bounce",
            settings: &[],
            happens: |site| {
                site.open("/a");
                for (x, y) in [(0, 0), (50, 250), (100, 99_999)] {
                    let place = json!({ "x": x, "y": y });
                    site.tell(json!({ "type": "click", "screen": "390x844", "props": place }));
                }
            },
            looks_at: &["bounces"],
            counts: "total: bounces 1, server 1, visitors 1
                     page /a: server 1, visitors 1
                     click_map Below 576 px | 0 | 0 | /a: events 1
                     click_map Below 576 px | 20 | 100 | /a: events 1
                     click_map Below 576 px | 39 | 999 | /a: events 1",
        },
        Rule {
            says: "the page's outline comes with a click, and is counted by page and class of screen",
            settings: &[],
            happens: |site| {
                site.open("/a");
                for boxes in [
                    json!([["header", [0, 0, 100, 5]], ["p", [10, 10, 50, 5]]]),
                    json!([["p", [10, 10, 50, 5.2]], ["header", [-3, 0, 140, 4.9]]]),
                    json!([]),
                ] {
                    let click = json!({ "x": 1, "y": 1, "boxes": boxes });
                    site.tell(json!({ "type": "click", "screen": "390x844", "props": click }));
                }
            },
            looks_at: &["bounces"],
            counts: "total: bounces 1, server 1, visitors 1
                     page /a: server 1, visitors 1
                     click_map Below 576 px | 0 | 0 | /a: events 3
                     outline Below 576 px | AGfAoAAACtEUAEAC | /a: events 2",
        },
        Rule {
            says: "web vitals are times of the page and of all",
            settings: &[],
            happens: |site| {
                site.tell(json!({ "type": "vital", "name": "LCP", "value": 1000 }));
                site.tell(json!({ "type": "vital", "name": "CLS", "value": 0 }));
            },
            looks_at: &["timing"],
            counts: "timing LCP | 145 | /a: events 1
                     timing LCP | 145 |: events 1
                     timing CLS | 0 | /a: events 1
                     timing CLS | 0 |: events 1",
        },
    ]);
}

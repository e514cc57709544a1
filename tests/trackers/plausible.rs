//! Plausible's events API.

use crate::stage::{Rule, hold};
use crate::tell::SCRIPT;
use serde_json::json;

const SET: &[&str] = &["--event-apis", "plausible", "--currency", "EUR"];

#[test]
fn what_its_script_sends() {
    hold(&[
        Rule {
            says: "a pageview confirms the server's view; without one it is unverified",
            settings: SET,
            happens: |site| {
                site.open("/a");
                site.plausible("/a?utm_source=x", json!({ "w": 1200 }));
                site.plausible("/pushed", json!({ "h": 0 }));
            },
            looks_at: &["screen"],
            counts: "total: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /pushed: browser 1, unverified 1, visitors 1
                     screen 992 to 1439 px: confirmed 1, server 1, visitors 1",
        },
        Rule {
            says: "a program's pageview, in the words of the documentation",
            settings: SET,
            happens: |site| {
                site.open("/a");
                let said = json!({ "name": "pageview", "url": "http://docs.example.org/a",
                    "domain": "docs.example.org", "screen_width": 1666 });
                let answer = site.send("POST", "/api/event", &[], said.to_string().as_bytes());
                assert_eq!(answer.status, 202);
            },
            looks_at: &["screen"],
            counts: "total: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     screen 1440 px and above: confirmed 1, server 1, visitors 1",
        },
        Rule {
            says: "a route behind # is a page where the script says so",
            settings: SET,
            happens: |site| {
                site.open("/app");
                site.plausible("/app#login", json!({ "h": 1 }));
                site.plausible("/app#there", json!({}));
            },
            looks_at: &[],
            counts: "total: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     page /app: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1",
        },
        Rule {
            says: "events, with properties and revenue in the site's currency; attention; links",
            settings: SET,
            happens: |site| {
                site.open("/a");
                site.plausible("/a", json!({}));
                let buy = json!({ "plan": "pro" });
                site.plausible("/a", json!({ "n": "Buy", "p": buy,
                    "$": { "currency": "EUR", "amount": 9.5 } }));
                site.plausible("/a", json!({ "n": "Buy", "p": buy.to_string(),
                    "$": { "currency": "USD", "amount": 100 } }));
                site.plausible("/a", json!({ "n": "engagement", "e": 4000, "sd": 60 }));
                site.plausible("/a", json!({ "n": "engagement", "e": 1000, "sd": 80 }));
                site.plausible("/a", json!({ "n": "Outbound Link: Click",
                    "p": { "url": "https://example.com/x?secret=1" } }));
                site.plausible("/a", json!({ "n": "File Download",
                    "p": { "url": "http://docs.example.org/f.pdf" } }));
            },
            looks_at: &["bounces", "visits"],
            counts: "total: confirmed 1, confirmed_visitors 1, engagement 5000, events 4, revenue 9500, scroll_depth 80, scroll_views 1, server 1, visitors 1, visits 1
                     page /a: confirmed 1, confirmed_visitors 1, engagement 5000, events 4, revenue 9500, scroll_depth 80, scroll_views 1, server 1, visitors 1, visits 1
                     event Buy: events 2, revenue 9500, visitors 1
                     event Outbound link: events 1, visitors 1
                     event File download: events 1, visitors 1
                     event_property Buy | plan | pro: events 2, visitors 1
                     outbound https://example.com/x: events 1, visitors 1
                     file /f.pdf: events 1, visitors 1",
        },
        Rule {
            says: "an event that is not interactive ends no bounce",
            settings: SET,
            happens: |site| {
                site.open("/a");
                site.plausible("/a", json!({ "n": "Shown", "i": false }));
            },
            looks_at: &["bounces"],
            counts: "total: bounces 1, events 1, server 1, visitors 1
                     page /a: events 1, server 1, visitors 1
                     event Shown: events 1, visitors 1",
        },
    ]);
}

#[test]
fn what_is_dropped_says_so() {
    hold(&[Rule {
        says: "a machine's beacons and those of pages that are left out are taken and not counted",
        settings: &["--event-apis", "plausible", "--exclude-pages", "/admin*"],
        happens: |site| {
            let tell = |site: &crate::stage::Stage, path: &str| {
                let url = format!("http://docs.example.org{path}");
                let body = json!({ "name": "pageview", "url": url, "domain": "any" }).to_string();
                let answer = site.send("POST", "/api/event", SCRIPT, body.as_bytes());
                assert_eq!((answer.status, &*answer.text()), (202, "ok"));
                assert_eq!(answer.header("x-plausible-dropped"), Some("1"));
            };
            tell(site, "/admin/x");
            site.come_as("curl/8.12.1");
            tell(site, "/a");
        },
        looks_at: &[],
        counts: "bot_name curl: beacons 1
                 bot_class Library or tool: beacons 1
                 bot_proof curl | claimed: beacons 1",
    }]);
}

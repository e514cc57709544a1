//! Goals, funnels, and what an owner sets.

use crate::common::http::{self, BEACON, CHROME, GOOGLEBOT, NAVIGATION};
use crate::stage::{PAGE, Rule, hold};
use serde_json::json;

#[test]
fn goals_and_funnels() {
    hold(&[
        Rule {
            says: "a goal is a page that fits, or an event; conversions, visitors, revenue",
            settings: &["--goals", "Pricing = page /pricing*,Signup = event Signup"],
            happens: |site| {
                let id = site.open("/pricing/team");
                site.tell(json!({ "view": id, "pathname": "/pricing/team" }));
                site.open("/pricing");
                site.tell(json!({ "type": "event", "name": "Signup", "value": 5 }));
                site.tell(json!({ "type": "event", "name": "Other" }));
            },
            looks_at: &[],
            counts: "goal Pricing: events 2, visitors 1
                     goal Signup: events 1, revenue 5000, visitors 1
                     event Signup: events 1, revenue 5000, visitors 1
                     event Other: events 1, visitors 1
                     page /pricing/team: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /pricing: server 1, visitors 1
                     page /a: events 2, revenue 5000
                     total: confirmed 1, confirmed_visitors 1, events 2, revenue 5000, server 2, visitors 1",
        },
        Rule {
            says: "a funnel counts visits by the steps they took in order",
            settings: &["--funnels", "Buy = page /cart > page /pay > event Purchase"],
            happens: |site| {
                site.open("/cart");
                site.open("/a");
                site.open("/pay");
                site.open("/cart");
                site.come_as(CHROME);
                site.open("/pay");
                site.open("/cart");
                site.tell(json!({ "type": "event", "name": "Purchase" }));
            },
            looks_at: &["visits"],
            counts: "funnel_step Buy | 1: visits 2
                     funnel_step Buy | 2: visits 1
                     event Purchase: events 1, visitors 1
                     page /a: events 1, server 1, visitors 1, visits 1
                     page /cart: server 3, visitors 2, visits 2
                     page /pay: server 2, visitors 2, visits 2
                     total: events 1, server 6, visitors 2, visits 2",
        },
    ]);
}

#[test]
fn opting_out() {
    hold(&[Rule {
        says: "who asks not to be counted is not; and is again, once they like",
        settings: &[],
        happens: |site| {
            let page = site.get("/headcount/opt-out", NAVIGATION, PAGE);
            assert!(page.text().contains("Do not count my visits"), "{}", page.text());
            let press = |site: &crate::stage::Stage, answer: &str, headers: http::Headers| {
                site.ask("POST", &format!("/headcount/opt-out?{answer}"), headers, PAGE)
            };
            let elsewhere = [("Sec-Fetch-Site", "cross-site")];
            assert_eq!(press(site, "out", &elsewhere).status, 403);
            let out = press(site, "out", BEACON);
            assert_eq!((out.status, out.header("location")), (303, Some("/headcount/opt-out")));
            let cookie = out.header("set-cookie").unwrap();
            assert!(cookie.starts_with("headcount_optout=1; Path=/; Max-Age=3"), "{cookie}");
            assert!(press(site, "in", BEACON).header("set-cookie").unwrap().contains("Max-Age=0"));

            site.open("/a");
            site.with("Cookie", "session=x; headcount_optout=1");
            let page = site.get("/headcount/opt-out", NAVIGATION, PAGE);
            assert!(page.text().contains("are not counted"), "{}", page.text());
            assert_eq!(site.get("/a", NAVIGATION, PAGE).view_id(), None);
            site.get("/b", NAVIGATION, "404 | content-type: text/html");
            site.get("/a.pdf", NAVIGATION, "200 | content-type: application/pdf");
            site.get("/feed", NAVIGATION, "200 | content-type: application/rss+xml");
            site.tell(json!({}));
        },
        looks_at: &[],
        counts: "total: server 1, visitors 1
                 page /a: server 1, visitors 1",
    }]);
}

#[test]
fn settings() {
    hold(&[
        Rule {
            says: "kept parameters tell pages apart, for responses and beacons alike",
            settings: &["--keep-query", "id,page"],
            happens: |site| {
                let id = site.open("/a?x=1&id=7");
                site.tell(json!({ "view": id, "pathname": "/a?x=1&id=7" }));
                site.open("/a?utm_source=x&page=2&id=7");
                site.open("/a?x=1");
            },
            looks_at: &[],
            counts: "total: confirmed 1, confirmed_visitors 1, server 3, visitors 1
                     page /a?id=7: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /a?page=2&id=7: server 1, visitors 1
                     page /a: server 1, visitors 1",
        },
        Rule {
            says: "a trusted proxy tells where its clients are; who is not trusted doesn't",
            settings: &[
                "--trusted-proxies",
                "127.0.0.1",
                "--place-headers",
                "CF-IPCountry,CF-Region,CF-IPCity",
            ],
            happens: |site| {
                site.with("X-Forwarded-For", "192.0.2.1");
                site.with("CF-IPCountry", "NZ");
                site.with("CF-IPCity", "Wellington");
                site.open("/a");
            },
            looks_at: &["country", "region", "city"],
            counts: "total: server 1, visitors 1
                     page /a: server 1, visitors 1
                     city Wellington: server 1, visitors 1
                     country NZ: server 1, visitors 1",
        },
        Rule {
            says: "another source or campaign begins a visit, where that is wanted",
            settings: &["--new-visit-on-source"],
            happens: |site| {
                let from = |referrer| [NAVIGATION, &[("Referer", referrer)]].concat();
                site.open("/a");
                site.get("/a", &from("https://www.google.com/"), PAGE);
                site.open("/a");
                site.get("/a", &from("https://www.google.com/"), PAGE);
                site.get("/a?utm_campaign=spring", &from("https://www.google.com/"), PAGE);
            },
            looks_at: &["visits", "source"],
            counts: "total: server 5, visitors 1, visits 3
                     page /a: server 5, visitors 1, visits 3
                     source Direct / None: server 1, visitors 1, visits 1
                     source Google: server 4, visitors 1, visits 2",
        },
        Rule {
            says: "who claims to be a crawler and comes from elsewhere makes a false claim",
            settings: &["--crawler-ranges", CRAWLERS],
            happens: |site| {
                site.come_as(GOOGLEBOT);
                site.open("/a");
            },
            looks_at: &[],
            counts: "bot_name claims to be Googlebot, isn't: responses 1
                     bot_class False claim: responses 1
                     bot_proof claims to be Googlebot, isn't | refuted: responses 1
                     bot_page /a: responses 1
                     bot_status 200: responses 1",
        },
    ]);
}

/// Googlebot's addresses, as its owner published them once.
const CRAWLERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules/crawlers.json");

//! What the proxy sees by itself.

use crate::common::http::{ACCEPT_PAGE, ASSET, GOOGLEBOT, GPTBOT, NAVIGATION, PREFETCH};
use crate::common::wait_for;
use crate::stage::{PAGE, Rule, Stage, hold};
use headcount::model::row::Kind;
use serde_json::json;

const FEEDLY: &str = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers; )";
const FEEDLY_LATER: &str = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; )";
const CHATGPT_USER: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; \
                            ChatGPT-User/1.0; +https://openai.com/bot";

#[test]
fn pages() {
    hold(&[
        Rule {
            says: "HTML to a navigation is a pageview, seen by the server",
            settings: &[],
            happens: |site| drop(site.open("/a?secret=1")),
            looks_at: &["visits", "bounces", "visit_views", "bytes", "entry_page", "exit_page"],
            counts: "total: bounces 1, bytes 11, server 1, visit_views 1, visitors 1, visits 1
                     page /a: bytes 11, server 1, visitors 1, visits 1
                     entry_page /a: bounces 1, server 1, visit_views 1, visitors 1, visits 1
                     exit_page /a: bounces 1, visit_views 1, visitors 1, visits 1",
        },
        Rule {
            says: "what was sent of a page counts, whatever its head says of it",
            settings: &[],
            happens: |site| {
                site.get("/unmeasured", NAVIGATION, "200 | content-type: text/html | unmeasured");
                site.get_cut_short("/short");
            },
            looks_at: &["bytes"],
            counts: "total: bytes 22, server 2, visitors 1
                     page /short: bytes 11, server 1, visitors 1
                     page /unmeasured: bytes 11, server 1, visitors 1",
        },
        Rule {
            says: "the tag is sent too",
            settings: &["--inject"],
            happens: |site| {
                site.get("/a", NAVIGATION, PAGE);
            },
            looks_at: &["bytes"],
            counts: "total: bytes 54, server 1, visitors 1
                     page /a: bytes 54, server 1, visitors 1",
        },
        Rule {
            says: "a 304 to a navigation is one too, unless the path says it is no page",
            settings: &[],
            happens: |site| {
                site.get("/a", NAVIGATION, "304");
                site.get("/a.pdf", NAVIGATION, "304");
                site.get("/a.png", ASSET, "304");
            },
            looks_at: &[],
            counts: "total: server 1, visitors 1
                     page /a: server 1, visitors 1",
        },
        Rule {
            says: "assets, redirects, HEAD, no content, parts, frames, fragments: not a pageview",
            settings: &[],
            happens: |site| {
                site.get("/a.png", ASSET, "200 | content-type: image/png");
                site.get("/a", NAVIGATION, "302 | location: /b");
                site.ask("HEAD", "/a", NAVIGATION, PAGE);
                site.ask("POST", "/a", NAVIGATION, PAGE);
                site.get("/a", NAVIGATION, "204 | content-type: text/html");
                let part = "206 | content-type: text/html | content-range: bytes 0-10/11";
                site.get("/a", NAVIGATION, part);
                for dest in ["iframe", "empty"] {
                    site.get("/a", &[ACCEPT_PAGE, ("Sec-Fetch-Dest", dest)], PAGE);
                }
                site.get("/a", &[ACCEPT_PAGE, ("X-Requested-With", "XMLHttpRequest")], PAGE);
            },
            looks_at: &[],
            counts: "",
        },
        Rule {
            says: "without Sec-Fetch headers Accept decides",
            settings: &[],
            happens: |site| {
                site.get("/a", &[ACCEPT_PAGE], PAGE);
                site.get("/b", &[("Accept", "*/*")], PAGE);
            },
            looks_at: &[],
            counts: "total: server 1, visitors 1
                     page /a: server 1, visitors 1",
        },
        Rule {
            says: "Turbo and htmx swap pages: a navigation, while no script tells of it",
            settings: &[],
            happens: |site| {
                let turbo = [ACCEPT_PAGE, ("Sec-Fetch-Dest", "empty"), ("X-Turbo-Request-Id", "1")];
                let htmx = [ACCEPT_PAGE, ("Sec-Fetch-Dest", "empty"), ("HX-Boosted", "true")];
                site.get("/a", &turbo, PAGE);
                site.get("/b", &htmx, PAGE);
                let frame = [turbo[0], turbo[1], turbo[2], ("Turbo-Frame", "comments")];
                site.get("/c", &frame, PAGE);
                site.tell(json!({ "type": "engagement", "value": 0 }));
                site.get("/d", &turbo, PAGE);
            },
            looks_at: &[],
            counts: "total: server 2, visitors 1
                     page /a: server 1, visitors 1
                     page /b: server 1, visitors 1",
        },
        Rule {
            says: "who asks not to be followed counts, without visitor or visit",
            settings: &[],
            happens: |site| {
                site.with("Sec-GPC", "1");
                site.open("/a");
            },
            looks_at: &["visits"],
            counts: "total: server 1
                     page /a: server 1",
        },
    ]);
}

#[test]
fn what_is_no_pageview() {
    hold(&[
        Rule {
            says: "a page fetched ahead is pending, also one that is missing",
            settings: &[],
            happens: |site| {
                site.get("/a", PREFETCH, PAGE);
                site.get("/b", PREFETCH, "404 | content-type: text/html");
                site.get("/c", &[ACCEPT_PAGE, ("X-Moz", "prefetch")], PAGE);
            },
            looks_at: &["bytes"],
            counts: "prefetch /a: bytes 11, responses 1
                     prefetch /b: bytes 11, responses 1
                     prefetch /c: bytes 11, responses 1",
        },
        Rule {
            says: "HTML 404, 410, 5xx to a navigation: an error, by where its link was",
            settings: &[],
            happens: |site| {
                let from = |referrer| [NAVIGATION, &[("Referer", referrer)]].concat();
                let gone = "404 | content-type: text/html";
                site.get("/gone", NAVIGATION, gone);
                site.get("/gone", &from("https://www.example.com/links?q=1#x"), gone);
                site.get("/gone", &from("http://docs.example.org/own?q=1"), gone);
                site.get("/old", NAVIGATION, "410 | content-type: text/html");
                site.get("/ill", NAVIGATION, "503 | content-type: text/html");
                site.get("/no", NAVIGATION, "403 | content-type: text/html");
                site.get("/no.png", ASSET, "404 | content-type: text/html");
            },
            looks_at: &[],
            counts: "error_page /gone: responses 3
                     error_page /old: responses 1
                     error_page /ill: responses 1
                     error_status 404: responses 3
                     error_status 410: responses 1
                     error_status 503: responses 1
                     error_link /gone |: responses 1
                     error_link /gone | www.example.com/links: responses 1
                     error_link /gone | /own: responses 1
                     error_link /old |: responses 1
                     error_link /ill |: responses 1",
        },
        Rule {
            says: "files that people save are downloads",
            settings: &[],
            happens: |site| {
                site.get("/a.pdf", NAVIGATION, "200 | content-type: application/pdf");
                let named = "200 | content-type: text/html | content-disposition: attachment";
                site.get("/b", NAVIGATION, named);
            },
            looks_at: &["bytes"],
            counts: "download /a.pdf: bytes 11, complete 1, responses 1
                     download /b: bytes 11, complete 1, responses 1",
        },
        Rule {
            says: "feeds, by their readers, with the most subscribers a reader names on a day",
            settings: &[],
            happens: |site| {
                let rss = "200 | content-type: application/rss+xml";
                site.get("/feed", NAVIGATION, rss);
                for (agent, answer) in [(FEEDLY, rss), (FEEDLY_LATER, "304"), (FEEDLY, rss)] {
                    site.come_as(agent);
                    site.get("/feed", &[], answer);
                }
            },
            looks_at: &[],
            counts: "feed /feed | (browser): responses 1
                     feed /feed | Feedly: responses 3, subscribers 15
                     bot_name Feedly: responses 3
                     bot_class Feed reader: responses 3
                     bot_proof Feedly | claimed: responses 3
                     bot_page /feed: responses 3
                     bot_status 200: responses 2
                     bot_status 304: responses 1",
        },
    ]);
}

#[test]
fn machines() {
    hold(&[
        Rule {
            says: "a bot, by its own word, and its beacons: never a pageview",
            settings: &[],
            happens: |site| {
                site.come_as(GOOGLEBOT);
                site.open("/a");
                site.get("/b", NAVIGATION, "404 | content-type: text/html");
                site.tell(json!({}));
            },
            looks_at: &[],
            counts: "bot_name Googlebot: beacons 1, responses 2
                     bot_class Search engine: beacons 1, responses 2
                     bot_proof Googlebot | claimed, address not listed: beacons 1, responses 2
                     bot_page /a: responses 1
                     bot_page /b: responses 1
                     bot_status 200: responses 1
                     bot_status 404: responses 1",
        },
        Rule {
            says: "pages that AI reads, and visits that it sends",
            settings: &[],
            happens: |site| {
                let text = "200 | content-type: text/plain";
                site.come_as(GPTBOT);
                site.open("/a");
                site.get("/robots.txt", &[], text);
                site.get("/b", &[], "404 | content-type: text/html");
                site.come_as(CHATGPT_USER);
                site.open("/a");
                site.come_as(crate::common::http::CHROME);
                let sent = [NAVIGATION, &[("Referer", "https://chatgpt.com/")]].concat();
                site.get("/a", &sent, PAGE);
                site.open("/b");
            },
            looks_at: &[],
            counts: "ai_page training | /a: responses 1
                     ai_page assistant | /a: responses 1
                     ai_page referral | /a: responses 1
                     bot_name GPTBot: responses 3
                     bot_name ChatGPT-User: responses 1
                     bot_class AI training: responses 3
                     bot_class AI assistant: responses 1
                     bot_proof GPTBot | claimed, address not listed: responses 3
                     bot_proof ChatGPT-User | claimed, address not listed: responses 1
                     bot_rules GPTBot | allowed: responses 1
                     bot_rules ChatGPT-User | allowed: responses 1
                     bot_page /a: responses 2
                     bot_page /b: responses 1
                     bot_page /robots.txt: responses 1
                     bot_status 200: responses 3
                     bot_status 404: responses 1
                     total: server 2, visitors 1
                     page /a: server 1, visitors 1
                     page /b: server 1, visitors 1",
        },
        Rule {
            says: "30 views in a minute that no script confirms: suspected, and still counted",
            settings: &[],
            happens: |site| {
                let id = site.open("/a");
                site.tell(json!({ "view": id }));
                (0..31).for_each(|_| drop(site.open("/a")));
            },
            looks_at: &["visits", "bounces", "visit_views"],
            counts: "suspected yes: confirmed 1, confirmed_visitors 1, server 32, visit_views 32, visitors 1, visits 1
                     total: confirmed 1, confirmed_visitors 1, server 32, visit_views 32, visitors 1, visits 1
                     page /a: confirmed 1, confirmed_visitors 1, server 32, visitors 1, visits 1",
        },
        Rule {
            says: "29 are not, nor are 40 that are confirmed",
            settings: &[],
            happens: |site| {
                (0..29).for_each(|_| drop(site.open("/a")));
                site.come_as(crate::common::http::CHROME);
                for _ in 0..40 {
                    let id = site.open("/a");
                    site.tell(json!({ "view": id }));
                }
            },
            looks_at: &[],
            counts: "total: confirmed 40, confirmed_visitors 1, server 69, visitors 2
                     page /a: confirmed 40, confirmed_visitors 1, server 69, visitors 2",
        },
    ]);
}

#[test]
fn what_is_sent_beyond_a_head_belongs_to_its_view() {
    let mut site = Stage::set(&[]);
    let unmeasured = format!("{PAGE} | unmeasured");
    // A page's end is a row of its own, perhaps a flush later.
    let rows = |site: &Stage, count: usize| {
        wait_for("all rows", || Some(site.people()).filter(|rows| rows.len() == count))
    };
    for (path, so_far) in [("/a", 2), ("/b", 4)] {
        site.get(path, NAVIGATION, &unmeasured);
        rows(&site, so_far);
    }
    site.with("Sec-GPC", "1");
    site.get("/c", NAVIGATION, &unmeasured);
    let rows = rows(&site, 6);
    let told: Vec<_> = rows.iter().map(|row| (row.kind, &*row.page, row.numbers[0])).collect();
    let expected = ["/a", "/b", "/c"].map(|page| [(Kind::View, page, 0), (Kind::Sent, page, 11)]);
    assert_eq!(told, expected.concat());
    for pair in rows.chunks(2) {
        assert_eq!((pair[0].of.visitor, pair[0].of.visit), (pair[1].of.visitor, pair[1].of.visit));
        assert_eq!(pair[0].view, pair[1].view);
        let followed = &*pair[0].page != "/c";
        assert_eq!((pair[0].of.visitor.is_some(), pair[0].of.visit != 0), (followed, followed));
    }
}

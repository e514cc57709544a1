//! Several trackers on a page, ours among them: every view, click and reading counts once, whoever
//! tells of it first; events of the site's own count each time.

use crate::stage::{Rule, Stage, hold};
use crate::tell::ALL;
use serde_json::json;

/// Every tracker tells of a page that was opened: ours first, or last.
fn all_tell(site: &mut Stage, path: &str, ours_first: bool) {
    let view = site.open(path);
    let ours = json!({ "view": view, "pathname": path });
    if ours_first {
        site.tell(ours.clone());
    }
    site.plausible(path, json!({}));
    site.umami(path, json!({}));
    site.goatcounter(path, &format!("p={path}"));
    if !ours_first {
        site.tell(ours);
    }
}

#[test]
fn every_view_counts_once() {
    hold(&[
        Rule {
            says: "in whatever order they tell, again and again",
            settings: ALL,
            happens: |site| {
                for ours_first in [true, false, true, true, false] {
                    all_tell(site, "/a", ours_first);
                }
                all_tell(site, "/b", false);
            },
            looks_at: &["visits", "bounces"],
            counts: "total: confirmed 6, confirmed_visitors 1, server 6, visitors 1, visits 1
                     page /a: confirmed 5, confirmed_visitors 1, server 5, visitors 1, visits 1
                     page /b: confirmed 1, confirmed_visitors 1, server 1, visitors 1, visits 1",
        },
        Rule {
            says: "navigations within a document, to and fro; a return from the cache",
            settings: ALL,
            happens: |site| {
                all_tell(site, "/a", true);
                for (path, ours_first) in [("/b", true), ("/a", false), ("/b", false), ("/a", true)] {
                    let ours = json!({ "pathname": path, "nav": "history" });
                    if ours_first {
                        site.tell(ours.clone());
                    }
                    site.plausible(path, json!({}));
                    site.umami(path, json!({}));
                    if !ours_first {
                        site.tell(ours);
                    }
                }
                site.plausible("/a", json!({}));
                site.tell(json!({ "pathname": "/a", "nav": "bfcache" }));
            },
            looks_at: &[],
            counts: "total: browser 5, confirmed 1, confirmed_visitors 1, server 1, unverified 3, visitors 1
                     page /a: browser 3, confirmed 1, confirmed_visitors 1, server 1, unverified 2, visitors 1
                     page /b: browser 2, unverified 1, visitors 1",
        },
        Rule {
            says: "a page from the visitor's cache: its id was used before",
            settings: ALL,
            happens: |site| {
                let view = site.open("/a");
                site.tell(json!({ "view": view }));
                site.plausible("/a", json!({}));
                for ours_first in [true, false] {
                    if !ours_first {
                        site.plausible("/a", json!({}));
                    }
                    site.tell(json!({ "view": view }));
                    if ours_first {
                        site.plausible("/a", json!({}));
                    }
                }
            },
            looks_at: &[],
            counts: "total: browser 2, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     page /a: browser 2, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     cached same visitor: browser 1",
        },
        Rule {
            says: "an error page is no view, whoever tells of it",
            settings: ALL,
            happens: |site| {
                for ours_first in [true, false] {
                    let page = site.get(
                        "/gone",
                        crate::common::http::NAVIGATION,
                        "404 | content-type: text/html",
                    );
                    let ours = json!({ "pathname": "/gone", "view": page.view_id() });
                    if ours_first {
                        site.tell(ours.clone());
                    }
                    site.plausible("/gone", json!({}));
                    site.umami("/gone", json!({}));
                    if !ours_first {
                        site.tell(ours);
                    }
                }
            },
            looks_at: &[],
            counts: "error_link /gone |: responses 2, seen 2
                     error_page /gone: responses 2, seen 2
                     error_status 404: responses 2, seen 2",
        },
        Rule {
            says: "another visitor's views are others",
            settings: ALL,
            happens: |site| {
                all_tell(site, "/a", true);
                site.come_as(crate::common::http::CHROME);
                all_tell(site, "/a", false);
            },
            looks_at: &[],
            counts: "total: confirmed 2, confirmed_visitors 2, server 2, visitors 2
                     page /a: confirmed 2, confirmed_visitors 2, server 2, visitors 2",
        },
        Rule {
            says: "also of who asks not to be followed, and is no visitor",
            settings: ALL,
            happens: |site| {
                site.with("Sec-GPC", "1");
                all_tell(site, "/a", true);
                all_tell(site, "/a", false);
                site.plausible("/pushed", json!({}));
                site.umami("/pushed", json!({}));
            },
            looks_at: &[],
            counts: "total: browser 1, confirmed 2, server 2, unverified 1
                     page /a: confirmed 2, server 2
                     page /pushed: browser 1, unverified 1",
        },
    ]);
}

#[test]
fn what_is_told_beside_views() {
    hold(&[
        Rule {
            says: "a click on a link once, attention from one of them, events of the site's own \
                   each time",
            settings: ALL,
            happens: |site| {
                all_tell(site, "/a", true);
                let link = "https://example.com/x";
                let out = json!({ "type": "outbound", "name": link });
                let theirs = json!({ "n": "Outbound Link: Click", "p": { "url": link } });
                site.tell(out.clone());
                site.plausible("/a", theirs.clone());
                site.plausible("/a", theirs);
                site.tell(out);
                site.tell(json!({ "type": "download", "name": "/f.pdf" }));
                let file = json!({ "url": "http://docs.example.org/f.pdf" });
                site.plausible("/a", json!({ "n": "File Download", "p": file }));
                site.plausible("/a", json!({ "n": "engagement", "e": 4000, "sd": 50 }));
                site.tell(json!({ "type": "engagement", "value": 4100, "props": { "scroll": 51 } }));
                site.plausible("/a", json!({ "n": "engagement", "e": 1000, "sd": 50 }));
                site.tell(json!({ "type": "event", "name": "Signup" }));
                site.plausible("/a", json!({ "n": "Signup" }));
                site.umami("/a", json!({ "name": "Signup" }));
                site.goatcounter("/a", "p=Signup&e=true");
            },
            looks_at: &[],
            counts: "total: confirmed 1, confirmed_visitors 1, engagement 5000, events 7, scroll_depth 50, scroll_views 1, server 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, engagement 5000, events 7, scroll_depth 50, scroll_views 1, server 1, visitors 1
                     event Outbound link: events 2, visitors 1
                     event File download: events 1, visitors 1
                     event Signup: events 4, visitors 1
                     outbound https://example.com/x: events 2, visitors 1
                     file /f.pdf: events 1, visitors 1",
        },
        Rule {
            says: "the same tracker twice on a page is two, as it was there",
            settings: ALL,
            happens: |site| {
                site.open("/a");
                site.plausible("/a", json!({}));
                site.plausible("/a", json!({}));
            },
            looks_at: &[],
            counts: "total: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1
                     page /a: browser 1, confirmed 1, confirmed_visitors 1, server 1, unverified 1, visitors 1",
        },
    ]);
}

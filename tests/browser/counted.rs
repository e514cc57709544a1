//! A short visit with everything in it, and one by a machine, for both stores.
//!
//! - three loads, a step back, a `pushState` and, with JavaScript off, two loads: 7 pageviews, of
//!   which the server alone saw two, both saw three, the browser alone saw two
//! - that is one visitor, in one visit; also when the browser starts anew with nothing remembered
//! - a bare headless browser is a bot, by name and class, and its views and beacons are none
//! - to the browser no beacon has failed

use crate::browser::Browser;
use crate::common::pause;
use crate::common::redis::RedisServer;
use crate::program::Headcount;
use crate::site::Site;
use crate::stage::{Counted, counted};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn seven_pageviews_in_sqlite() {
    seven_pageviews("sqlite:counts.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_pageviews_in_redis() {
    let redis = RedisServer::start();
    seven_pageviews(&redis.url()).await;
}

async fn seven_pageviews(store: &str) {
    let browser = Browser::visitor().await;
    let site = Site::start().await;
    let headcount = Headcount::start(&site.url(), store, &[]);
    let run = async |script| browser.execute(script, vec![]).await.unwrap();

    for page in ["/one", "/two", "/three"] {
        browser.goto(&headcount.url(page)).await.unwrap();
        until_counted(&headcount, page, [0, 1, 0]).await;
    }
    run("window.kept = 1").await;
    browser.back().await.unwrap();
    until_counted(&headcount, "/two", [0, 1, 1]).await;
    assert_eq!(site.asked("/two").len(), 1, "came from the back/forward cache");
    run("history.pushState({}, '', '/pushed')").await;
    until_counted(&headcount, "/pushed", [0, 0, 1]).await;

    // Leaves by the settings, so that what the last page still sends comes before.
    browser.goto("about:blank").await.unwrap();
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    for page in ["/four", "/five"] {
        browser.goto(&headcount.url(page)).await.unwrap();
    }
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;

    let expected = Counted::new(
        &[
            ("/one", [0, 1, 0]),
            ("/two", [0, 1, 1]),
            ("/three", [0, 1, 0]),
            ("/pushed", [0, 0, 1]),
            ("/four", [1, 0, 0]),
            ("/five", [1, 0, 0]),
        ],
        0,
    );
    assert_eq!(counted(&headcount, &[]).await, expected);
    let evidence = headcount.rows("visit:evidence", ["pageviews"]).await;
    let evidence: Vec<_> = evidence.iter().map(|(name, [n])| (name.as_str(), *n)).collect();
    assert_eq!(evidence, [("browser only", 2), ("confirmed", 3), ("server only", 2)]);
    for (metric, n) in [("pageviews", 7), ("visitors", 1), ("visits", 1), ("bounce_rate", 0)] {
        assert_eq!(headcount.total(metric).await, n, "{metric}");
    }
    assert_eq!(headcount.rows("visit:browser", ["visitors"]).await["Chrome"], [1]);

    // A fresh profile, which could be told apart only by a cookie: the same visitor.
    drop(browser);
    let browser = Browser::visitor().await;
    browser.goto(&headcount.url("/six")).await.unwrap();
    until_counted(&headcount, "/six", [0, 1, 0]).await;
    assert_eq!(headcount.total("visitors").await, 1);
    assert_eq!(site.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_headless_browser_is_a_bot_in_sqlite() {
    a_bare_headless_browser_is_a_bot("sqlite:counts.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_headless_browser_is_a_bot_in_redis() {
    let redis = RedisServer::start();
    a_bare_headless_browser_is_a_bot(&redis.url()).await;
}

async fn a_bare_headless_browser_is_a_bot(store: &str) {
    let browser = Browser::reader().await;
    let site = Site::start().await;
    let headcount = Headcount::start(&site.url(), store, &[]);

    for page in ["/one", "/two"] {
        let before = headcount.sample("headcount_beacons_total").await;
        browser.goto(&headcount.url(page)).await.unwrap();
        // The script runs in it as well, and is heard.
        let deadline = Instant::now() + Duration::from_secs(20);
        while headcount.sample("headcount_beacons_total").await == before {
            assert!(Instant::now() < deadline, "no beacon from {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(counted(&headcount, &[]).await, Counted::new(&[], 0));
    let names = headcount.rows("bot:name", ["pageviews"]).await;
    let classes = headcount.rows("bot:class", ["pageviews"]).await;
    let pages = headcount.rows("bot:page", ["pageviews"]).await;
    assert_eq!((pages["/one"], pages["/two"]), ([1], [1]));
    // All that it was answered counts here, whatever it is.
    let responses: i64 = pages.values().flatten().sum();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [("HeadlessChrome".to_owned(), [responses])]);
    assert_eq!(
        classes.into_iter().collect::<Vec<_>>(),
        [("Headless browser".to_owned(), [responses])]
    );
    assert_eq!(headcount.total("visitors").await, 0);

    // The same browser with a person's agent is a person.
    let agent = browser.execute("return navigator.userAgent", vec![]).await.unwrap();
    let agent = agent.as_str().unwrap().replace("HeadlessChrome", "Chrome");
    browser.devtools("Network.setUserAgentOverride", json!({ "userAgent": agent })).await;
    browser.goto(&headcount.url("/three")).await.unwrap();
    until_counted(&headcount, "/three", [0, 1, 0]).await;
    assert_eq!(headcount.total("visitors").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_beacon_fails_for_the_browser() {
    let browser = Browser::visitor_noting_requests().await;
    let site = Site::start().await;
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &[]);
    for page in ["/one", "/two"] {
        browser.goto(&headcount.url(page)).await.unwrap();
        until_counted(&headcount, page, [0, 1, 0]).await;
    }
    let sent = browser.requests().await;
    let beacons: Vec<_> = sent.iter().filter(|(url, _)| url.ends_with("/api/track")).collect();
    assert!(beacons.len() >= 2, "{sent:?}");
    assert!(beacons.iter().all(|(_, failed)| failed.is_none()), "{beacons:?}");
}

/// Waits until a page's row says server only, confirmed, browser only.
async fn until_counted(headcount: &Headcount, page: &str, expected: [i64; 3]) {
    let begun = Instant::now();
    loop {
        let counted = counted(headcount, &[]).await.pages.remove(page);
        if counted == Some(expected) {
            return;
        }
        let late = begun.elapsed() > Duration::from_secs(20);
        assert!(!late, "{page}: {counted:?}, not {expected:?}");
        tokio::time::sleep(pause(begun)).await;
    }
}

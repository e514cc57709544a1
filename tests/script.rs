//! The first-party script in a real browser: what it tells of a visit, exactly.
//!
//! - loads, links, back/forward cache, prerendering, frames, the opt-out cookie
//! - single-page navigation by the history API and by hash, and what is no navigation
//! - outbound links, downloads, forms, custom events, clicks, attention, scroll depth, vitals
//! - a refused beacon goes again, once; a hidden tab has told everything
//! - all of it under a strict content security policy, without an error
//!
//! Each test has a small website of its own that records beacons; every event's `n` is checked to
//! be its own.

#[path = "common/browser.rs"]
mod browser;
#[path = "common/site.rs"]
mod site;

use browser::Browser;
use fantoccini::Locator;
use headcount::capture::script::ScriptOptions;
use serde_json::{Value, json};
use site::{Site, without_engagement};
use std::sync::atomic::Ordering;

async fn click(browser: &Browser, selector: &str) {
    browser.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

async fn run(browser: &Browser, script: &str) -> Value {
    browser.execute(script, vec![]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_documents() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions::default()).await;

    browser.goto(&site.url("/one?utm_source=letter&x=%20#top")).await.unwrap();
    site.until_told(1).await;
    click(&browser, "#next").await;
    site.until_told(2).await;
    assert_eq!(run(&browser, "return window.kept = 1").await, 1);
    browser.back().await.unwrap();
    site.until_told(3).await;
    browser.forward().await.unwrap();
    let events = site.until_told(4).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "came from the back/forward cache");

    let first = &events[0];
    assert_eq!(first["view"], "id/one");
    assert_eq!(first["title"], Value::Null, "what is said is not told");
    assert_eq!(first["referrer"], "");
    let size = run(&browser, "return innerWidth + 'x' + innerHeight").await;
    assert_eq!(first["screen"], size);
    chrono::DateTime::parse_from_rfc3339(first["timestamp"].as_str().unwrap()).unwrap();
    let views = without_engagement(&events);
    assert_eq!(views[1]["referrer"], site.url("/one?utm_source=letter&x=%20"));
    assert_eq!(views[2]["view"], "id/one");
    site.check(
        &browser,
        [
            json!(["pageview", "/one?utm_source=letter&x=%20", "load"]),
            json!(["pageview", "/next?secret=1", "load"]),
            json!(["pageview", "/one", "bfcache"]),
            json!(["pageview", "/next", "bfcache"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_single_page_applications() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions::default()).await;

    // A framework rewrites its own address before the document is complete.
    browser.goto(&site.url("/rewritten?utm_source=a")).await.unwrap();
    browser.goto(&site.url("/app")).await.unwrap();
    run(
        &browser,
        "history.pushState({}, '', '/app/a?q=1');
         history.pushState({}, '', '/app/a?q=2');
         history.pushState({}, '', '#part');
         history.replaceState({}, '', '/app/a?q=3');
         history.replaceState({}, '', '/app/b');
         history.pushState({}, '', '/app/c');",
    )
    .await;
    run(&browser, "history.back()").await;
    let events = site.until_told(6).await;
    let mut pushed = events.iter().filter(|event| event["nav"] == "history");
    assert!(pushed.all(|event| event["view"] == "id/app"));
    site.check(
        &browser,
        [
            json!(["pageview", "/rewritten?utm_source=a", "load"]),
            json!(["pageview", "/app", "load"]),
            json!(["pageview", "/app/a", "history"]),
            json!(["pageview", "/app/b", "history"]),
            json!(["pageview", "/app/c", "history"]),
            json!(["pageview", "/app/b", "history"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_routed_by_hash() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions { hash: true, ..Default::default() }).await;

    browser.goto(&site.url("/app?utm_source=a#/start")).await.unwrap();
    run(&browser, "location.hash = '#/a'").await;
    site.until_told(2).await;
    run(&browser, "history.pushState({}, '', '#/b'); history.pushState({}, '', '?x#/b')").await;
    site.until_told(3).await;
    run(&browser, "history.back(); history.back()").await;
    site.until_told(4).await;
    site.check(
        &browser,
        [
            json!(["pageview", "/app?utm_source=a#/start", "load"]),
            json!(["pageview", "/app#/a", "history"]),
            json!(["pageview", "/app#/b", "history"]),
            json!(["pageview", "/app#/a", "history"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_on_a_page() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions {
        forms: true,
        clicks: true,
        scroll: true,
        vitals: true,
        ..Default::default()
    })
    .await;

    browser.goto(&site.url("/page")).await.unwrap();
    click(&browser, "#file").await;
    click(&browser, "#like").await;
    run(&browser, "headcount('Signup', {props: {plan: 'free'}, value: 1}); headcount('Bare')")
        .await;
    let position = run(
        &browser,
        "var box = document.getElementById('like').getBoundingClientRect();
         return [(box.x + box.width / 2) / innerWidth * 100,
                 (box.y + box.height / 2) / innerWidth * 100]",
    )
    .await;
    // The tab goes to the background: all of it is told, with the page still open.
    let page = browser.window().await.unwrap();
    let other = browser.new_window(true).await.unwrap();
    browser.switch_to_window(other.handle).await.unwrap();
    let named = |name: &'static str| move |event: &Value| event["name"] == name;
    let events = site.until(|events| events.iter().any(named("TTFB"))).await;
    browser.switch_to_window(page).await.unwrap();

    let one = |such: &dyn Fn(&Value) -> bool| {
        let mut found = events.iter().filter(|event| such(event));
        let first = found.next().unwrap_or_else(|| panic!("none in {events:#?}")).clone();
        assert!(found.next().is_none(), "two in {events:#?}");
        first
    };
    assert_eq!(one(&named("/file.pdf"))["type"], "download");
    let like = one(&named("Like"));
    assert_eq!(
        (&like["type"], &like["props"], &like["value"]),
        (&json!("event"), &json!({"plan": "pro"}), &json!(9.5))
    );
    let signup = one(&named("Signup"));
    assert_eq!((&signup["props"], &signup["value"]), (&json!({"plan": "free"}), &json!(1)));
    assert_eq!(one(&named("Bare"))["props"], Value::Null);
    let clicks: Vec<_> = events.iter().filter(|event| event["type"] == "click").collect();
    assert_eq!(clicks.len(), 2);
    for axis in 0..2 {
        let (told, real) = (&clicks[1]["props"][["x", "y"][axis]], &position[axis]);
        let off = told.as_f64().unwrap() - real.as_f64().unwrap();
        assert!(off.abs() <= 1.0, "{axis}: {told} for {real}");
    }
    for vital in ["TTFB", "LCP"] {
        assert!(one(&named(vital))["value"].as_f64().unwrap() > 0.0, "{vital}");
    }
    assert_eq!(one(&|event| event["type"] == "engagement")["props"]["scroll"], 100);

    click(&browser, "#submit").await;
    let events = site.until(|events| events.iter().any(named("Form submit"))).await;
    let form = events.iter().find(|event| event["name"] == "Form submit").unwrap();
    assert_eq!((&form["pathname"], &form["props"]["form"]), (&json!("/page"), &json!("letter")));
    click(&browser, "#away").await;
    let away = format!("http://localhost:{}/away", site.port);
    let events = site.until(|events| events.iter().any(|event| event["name"] == away)).await;
    let away = events.iter().find(|event| event["name"] == away).unwrap();
    assert_eq!((&away["type"], &away["pathname"]), (&json!("outbound"), &json!("/sent")));

    // Called by the page before the script was there.
    browser.goto(&site.url("/early")).await.unwrap();
    run(&browser, "history.pushState({}, '', '/later')").await;
    let events = site.until(|events| events.iter().any(named("Early"))).await;
    let early = events.iter().find(|event| event["name"] == "Early").unwrap();
    assert_eq!((&early["pathname"], &early["value"]), (&json!("/early"), &json!(2)));
    site.told(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_and_how_far_it_went() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions { scroll: true, ..Default::default() }).await;

    browser.goto(&site.url("/tall")).await.unwrap();
    site.until_told(1).await;
    let real = browser
        .execute_async(
            "var done = arguments[0], start = performance.now();
             scrollTo(0, 2000);
             setTimeout(function () {
               scrollTo(0, 0);
               done({
                 depth: (2000 + innerHeight) / document.documentElement.scrollHeight * 100,
                 time: performance.now() - start,
               });
             }, 2000);",
            vec![],
        )
        .await
        .unwrap();
    let left = std::time::Instant::now();
    browser.goto("about:blank").await.unwrap();
    let slack = left.elapsed().as_millis() as f64;
    let events =
        site.until(|events| events.iter().any(|event| event["type"] == "engagement")).await;
    let told: Vec<_> = events.iter().filter(|event| event["type"] == "engagement").collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let (time, least) = (told[0]["value"].as_f64().unwrap(), real["time"].as_f64().unwrap());
    // Before it: until the beacon came and the first command went. After: until the page was left.
    assert!(time >= least && time <= least * 1.1 + slack + 300.0, "{time} for {least} + {slack}");
    let (depth, went) = (&told[0]["props"]["scroll"], real["depth"].as_f64().unwrap());
    assert!((depth.as_f64().unwrap() - went).abs() <= 2.0, "{depth} for {went}");
    site.told(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_beacon_goes_again() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions::default()).await;

    // By the script's own clock, within 20 s.
    site.seen.refuse.store(1, Ordering::SeqCst);
    browser.goto(&site.url("/app")).await.unwrap();
    site.until_told(1).await;
    assert_eq!(site.seen.refuse.load(Ordering::SeqCst), 0);

    // With the next page, or by the clock if that is faster than the bad news.
    site.seen.refuse.store(1, Ordering::SeqCst);
    run(&browser, "history.pushState({}, '', '/app/a')").await;
    site.until(|_| site.seen.refuse.load(Ordering::SeqCst) == 0).await;
    run(&browser, "history.pushState({}, '', '/app/b')").await;
    site.until_told(3).await;
    site.check(
        &browser,
        [
            json!(["pageview", "/app", "load"]),
            json!(["pageview", "/app/a", "history"]),
            json!(["pageview", "/app/b", "history"]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prerendered_page_counts_when_it_is_shown() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions::default()).await;

    browser.goto(&site.url("/from")).await.unwrap();
    let prerendered = |_: &[Value]| {
        site.seen.documents.lock().unwrap().iter().any(|(path, purpose)| {
            path == "/soon" && purpose.as_deref() == Some("prefetch;prerender")
        })
    };
    site.until(prerendered).await;
    click(&browser, "#soon").await;
    let events = site.until_told(2).await;
    assert_eq!(without_engagement(&events)[1]["view"], "id/soon");
    site.check(
        &browser,
        [json!(["pageview", "/from", "load"]), json!(["pageview", "/soon", "prerender"])],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_those_who_opted_out_are_silent() {
    let browser = Browser::visitor().await;
    let site = Site::new(ScriptOptions::default()).await;

    browser.goto(&site.url("/frames")).await.unwrap();
    site.until(|_| site.seen.documents.lock().unwrap().iter().any(|(path, _)| path == "/framed"))
        .await;
    browser.goto(&site.url("/page")).await.unwrap();
    run(&browser, "document.cookie = 'a=b'; document.cookie = 'headcount_optout=1; path=/'").await;
    browser.goto(&site.url("/silent")).await.unwrap();
    // The function is there all the same, so that the site's own code works.
    run(&browser, "headcount('Never'); history.pushState({}, '', '/never')").await;
    click(&browser, "#like").await;
    run(&browser, "document.cookie = 'headcount_optout=; path=/; max-age=0'").await;
    site.check(
        &browser,
        [json!(["pageview", "/frames", "load"]), json!(["pageview", "/page", "load"])],
    )
    .await;
}

//! How long and how far a page was read.
//!
//! - attention within 10 % of what the test gave, time in another tab left out; the program's sum
//!   is that of the beacons
//! - depth within 2 % of where the page was scrolled to; also of a tab closed while it scrolls
//! - with everything the script can do switched on, web vitals come, nobody complains

use crate::stage::{Counted, Ids, Stage};
use serde_json::Value;
use std::time::Duration;

/// Where a page stands, in percent of its height: the lower end of what is visible.
pub const DEPTH: &str =
    "return (pageYOffset + innerHeight) / document.documentElement.scrollHeight * 100";

/// Notes how long the page is in front, from when scripts ran: what the test gave it, without the
/// time that its own commands take.
pub const WITNESS: &str = "
    var since = performance.getEntriesByType('navigation')[0].domInteractive, read = 0;
    function turn() {
      if (document.hidden) read += performance.now() - since;
      else since = performance.now();
    }
    document.addEventListener('visibilitychange', turn);
    addEventListener('pagehide', function () {
      if (!document.hidden) read += performance.now() - since;
      sessionStorage.read = read;
      document.removeEventListener('visibilitychange', turn);
    });";

#[tokio::test(flavor = "multi_thread")]
async fn attention_by_ids() {
    attention(Ids::Shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_by_visitor_and_path() {
    attention(Ids::Hidden).await;
}

async fn attention(ids: Ids) {
    let all = ["--script-scroll", "--script-clicks", "--script-forms", "--script-vitals"];
    let stage = Stage::set(ids, &all).await;
    let page = stage.browser.window().await.unwrap();

    stage.show("/tall/read").await;
    stage.run(WITNESS).await;
    stage.run("scrollTo(0, document.documentElement.scrollHeight * .6)").await;
    let depth = stage.run(DEPTH).await.as_f64().unwrap();
    read_for(Duration::from_secs(3)).await;
    stage.run("scrollTo(0, 0)").await;

    // Another tab is in front for longer than the tolerance.
    let other = stage.browser.new_window(true).await.unwrap();
    stage.browser.switch_to_window(other.handle).await.unwrap();
    stage.browser.devtools("Page.bringToFront", serde_json::json!({})).await;
    let told = || stage.relay.events("engagement", "/tall/read");
    stage.until(|| told().len() == 1, "the page is hidden").await;
    read_for(Duration::from_secs(3)).await;
    stage.browser.close_window().await.unwrap();
    stage.browser.switch_to_window(page.clone()).await.unwrap();
    stage.browser.devtools("Page.bringToFront", serde_json::json!({})).await;
    read_for(Duration::from_secs(2)).await;
    stage.show("/next").await;
    stage.until(|| told().len() == 2, "the page is left").await;
    let read: f64 = stage.run("return +sessionStorage.read").await.as_f64().unwrap();
    assert!(read > 4_500.0 && read < 7_500.0, "the test itself: {read}");

    let close = |told: f64, real: f64, share: f64| (told - real).abs() <= share * real;
    let time: f64 = told().iter().map(|event| event["value"].as_f64().unwrap()).sum();
    assert!(close(time, read, 0.1), "{time} ms for {read}");
    for event in told() {
        assert!(close(scroll(&event), depth, 0.02), "{} for {depth}", scroll(&event));
    }

    // Closed while it scrolls.
    let other = stage.browser.new_window(true).await.unwrap();
    stage.browser.switch_to_window(other.handle).await.unwrap();
    stage.browser.devtools("Page.bringToFront", serde_json::json!({})).await;
    stage.show("/tall/closed").await;
    stage.run("setInterval(function () { scrollBy(0, 2) }, 20)").await;
    let least = stage.run(DEPTH).await.as_f64().unwrap() + 1.0;
    let mut depth = 0.0;
    while depth < least {
        depth = stage.run(DEPTH).await.as_f64().unwrap();
    }
    stage.browser.close_window().await.unwrap();
    stage.browser.switch_to_window(page).await.unwrap();
    let closed = || stage.relay.events("engagement", "/tall/closed");
    stage.until(|| closed().len() == 1, "the tab is closed").await;
    let told = scroll(&closed()[0]);
    assert!(told >= depth - 1.0 && told <= depth * 1.02 + 1.0, "{told} for {depth}");

    let expected = Counted::new(
        &[("/tall/read", [0, 1, 0]), ("/next", [0, 1, 0]), ("/tall/closed", [0, 1, 0])],
        0,
    );
    assert_eq!(stage.counted().await, expected);
    let stored = stored_engagement(&stage, "/tall/read");
    assert!((stored - time).abs() <= 2.0, "{stored} stored for {time}");
    let vitals = stage.relay.events("vital", "/tall/read");
    for vital in ["TTFB", "LCP"] {
        let named = vitals.iter().filter(|event| event["name"] == vital);
        assert_eq!(named.count(), 1, "{vital} in {vitals:?}");
    }
    assert_eq!(stage.browser.console().await, Vec::<String>::new());
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}

fn scroll(event: &Value) -> f64 {
    event["props"]["scroll"].as_f64().unwrap()
}

/// Lets time pass: here it is what the test gives, not what it waits for.
async fn read_for(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Milliseconds of attention that a page has in the store; the Stats API tells their average.
fn stored_engagement(stage: &Stage, page: &str) -> f64 {
    let file = stage.headcount.dir.path().join("counts.db");
    let store = rusqlite::Connection::open(file).unwrap();
    let sum = "SELECT count FROM counts \
               WHERE dimension = 'page' AND value = ? AND metric = 'engagement'";
    store.query_row(sum, [page], |row| row.get(0)).unwrap()
}

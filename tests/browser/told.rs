//! What the script tells beside views, from a real browser to the Stats API.
//!
//! - a custom event with a property and a value, a link away, clicks in their cells
//! - attention within 10 % and depth within 2 % of what the test gave
//! - TTFB, LCP, INP and CLS, beside the time the website took for the same view

use crate::attention::{DEPTH, WITNESS};
use crate::stage::{Ids, Stage};
use serde_json::{Value, json};
use std::time::Duration;

const PAGE: &str = "/tall/shop";

/// A button and a link come late and push the page down; both are slow to answer, and nobody is
/// led away.
const SHOP: &str = "
    var button = document.createElement('button'), link = document.createElement('a');
    button.id = 'buy';
    button.textContent = 'Buy';
    button.dataset.headcount = 'Purchase';
    button.dataset.headcountPlan = 'pro';
    button.dataset.headcountValue = '9.5';
    link.id = 'away';
    link.textContent = 'Away';
    link.href = 'http://localhost:1/away?secret=1';
    document.body.prepend(button, link);
    addEventListener('click', function (event) {
      event.preventDefault();
      for (var end = performance.now() + 150; performance.now() < end;);
    });
    window.shifted = 0;
    new PerformanceObserver(function (list) {
      window.shifted += list.getEntries().length;
    }).observe({ type: 'layout-shift', buffered: true });";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_tells_is_in_the_stats_api() {
    let all = ["--script-scroll", "--script-clicks", "--script-vitals"];
    let stage = Stage::set(Ids::Shown, &all).await;
    stage.show(PAGE).await;
    stage.run(WITNESS).await;
    stage.run(SHOP).await;
    while stage.run("return shifted").await == 0 {}
    stage.click("#buy").await;
    stage.click("#away").await;
    stage.run("scrollTo(0, document.documentElement.scrollHeight * .6)").await;
    let depth = stage.run(DEPTH).await.as_f64().unwrap();
    // What the test gives, not what it waits for.
    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.show("/next").await;
    let read = stage.run("return +sessionStorage.read").await.as_f64().unwrap() / 1_000.0;
    let vitals = || stage.relay.events("vital", PAGE);
    stage.until(|| vitals().iter().any(|event| event["name"] == "INP"), "vitals").await;
    stage.headcount.settle().await;

    let stats = async |question: &str| {
        let of_today = if question.contains('?') { "&period=day" } else { "?period=day" };
        stage.headcount.stats(&format!("{question}{of_today}")).await
    };
    for (question, expected) in [
        (
            "breakdown?property=event:name&metrics=conversions,visitors,total_revenue",
            json!([
                { "name": "Outbound Link: Click", "conversions": 1, "visitors": 1, "total_revenue": 0.0 },
                { "name": "Purchase", "conversions": 1, "visitors": 1, "total_revenue": 9.5 },
                { "name": "pageview", "conversions": 0, "visitors": 1, "total_revenue": 0.0 },
            ]),
        ),
        (
            "breakdown?property=event:props:plan&metrics=conversions",
            json!([{ "plan": "pro", "conversions": 1 }]),
        ),
        (
            "breakdown?property=event:outbound_link&metrics=conversions",
            json!([{ "outbound_link": "http://localhost:1/away", "conversions": 1 }]),
        ),
    ] {
        assert_eq!(stats(question).await, expected, "{question}");
    }

    let metrics = "metrics=scroll_depth,time_on_page,bytes";
    let page = stats(&format!("breakdown?property=event:page&{metrics}")).await;
    let page = page.as_array().unwrap().iter().find(|row| row["page"] == PAGE).unwrap().clone();
    let of = |metric: &str| page[metric].as_f64().unwrap();
    assert!((of("scroll_depth") - depth).abs() <= 2.0, "{page} for {depth} %");
    // Told in whole seconds.
    assert!((of("time_on_page") - read).abs() <= 0.1 * read + 0.5, "{page} for {read} s");
    assert!(of("bytes") > 5_000.0, "{page}");

    let speed = stats(&format!("timings?page={PAGE}")).await["timings"].take();
    let p50 = |name: &str| speed[name]["p50"].as_f64().unwrap_or_else(|| panic!("{name}: {speed}"));
    assert!(p50("origin") <= p50("TTFB") && p50("TTFB") <= p50("LCP"), "{speed}");
    assert!((140.0..2_000.0).contains(&p50("INP")), "{speed}");
    assert!((0.0..1.0).contains(&p50("CLS")) && p50("CLS") > 0.0, "{speed}");

    let clicks = stats(&format!("heatmap?page={PAGE}&kind=click")).await;
    assert_eq!(clicks["total"], 2, "{clicks}");
    let scrolls = stats(&format!("heatmap?page={PAGE}&kind=scroll")).await;
    let reached = |tenth: usize| scrolls["depths"][tenth - 1]["views"].clone();
    let deepest = (depth / 10.0).ceil() as usize;
    assert_eq!((reached(deepest), reached(deepest + 1)), (Value::from(1), Value::from(0)));
    assert_eq!(stage.site.complaints(), Vec::<String>::new());
}

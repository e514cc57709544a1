//! The overview, used by a browser.
//!
//! - every tile shows its number, which is the API's and what was sent, and has the chart follow it
//! - each step is read out under the pointer, under the keys and under a finger
//! - the last half hour follows what happens
//! - the first key leads past the menus; on paper there are numbers only
//! - evidence, comparisons, steps and topics open without JavaScript

use crate::browser::Browser;
use crate::dashboard::{press, run, stage, until, visit};
use crate::program::Headcount;
use fantoccini::Locator;
use serde_json::{Value, json};

/// Who opens which pages: three visitors, five views, two bounces.
const VISITS: [(&str, &[&str]); 3] =
    [("192.0.2.1", &["/a"]), ("192.0.2.2", &["/a", "/b", "/a"]), ("192.0.2.3", &["/b"])];

async fn visited() -> (Browser, Headcount) {
    let (browser, headcount) = stage().await;
    for (address, pages) in VISITS {
        for page in pages {
            visit(&headcount, address, page).await;
        }
    }
    headcount.settle().await;
    (browser, headcount)
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_choose_what_the_chart_shows() {
    let (browser, headcount) = visited().await;
    let metrics = "visitors,visits,pageviews,views_per_visit,bounce_rate";
    let answer = headcount.stats(&format!("aggregate?period=day&metrics={metrics}")).await;
    let expected = json!({ "visitors": 3, "visits": 3, "pageviews": 5, "views_per_visit": 1.67,
        "bounce_rate": 67 });
    for (metric, value) in expected.as_object().unwrap() {
        assert_eq!(answer[metric]["value"], *value, "{metric}");
    }
    let tiles = "return [...document.querySelectorAll('.tile')].slice(0, 5).map((tile) =>
        [tile.querySelector('.name').textContent, tile.querySelector('.figure').textContent])";
    let shown = json!([
        ["Unique visitors", "3"],
        ["Visits", "3"],
        ["Pageviews", "5"],
        ["Views per visit", "1.67"],
        ["Bounce rate", "67%"]
    ]);
    // What the chart says of the whole day: of a sum all steps, of a rate the one that has any.
    let chart = "const values = [...document.querySelectorAll('.step')]
            .map((step) => step.querySelector('.n').textContent).filter((n) => n !== '–' && n !== '0');
        return [document.querySelector('.plot').getAttribute('aria-label').split(' over time')[0],
            document.querySelector('.tile[aria-current] .name').textContent,
            [...new Set(values)].slice(-1)[0]]";
    for javascript in [true, false] {
        let off = json!({ "value": !javascript });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        browser.goto(&headcount.admin_url("/")).await.unwrap();
        until(&browser, tiles, shown.clone()).await;
        for tile in shown.as_array().unwrap().iter().rev() {
            let (name, value) = (tile[0].as_str().unwrap(), &tile[1]);
            let link = format!("//a[contains(@class, 'tile')][span[text()='{name}']]");
            press(&browser, Locator::XPath(&link)).await;
            until(&browser, chart, json!([name, name, value])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_read_out_by_pointer_keys_and_finger() {
    let (browser, headcount) = visited().await;
    browser.goto(&headcount.admin_url("/?period=7d&metric=pageviews")).await.unwrap();
    let steps = "return document.querySelectorAll('.step').length";
    assert_eq!(run(&browser, steps).await, 8);
    // What is told, of which steps.
    let told = "return [...document.querySelectorAll('.step')].flatMap((step, nth) =>
        getComputedStyle(step.querySelector('.tip')).opacity === '1'
            ? [[nth, step.querySelector('.n').textContent]] : [])";
    assert_eq!(run(&browser, told).await, json!([]));

    let middle = async |nth: usize| {
        let script = format!(
            "const {{ x, y, width, height }} = document.querySelectorAll('.step > rect')[{nth}]
                .getBoundingClientRect(); return [x + width / 2, y + height / 2]"
        );
        let at = run(&browser, &script).await;
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    };
    let (x, y) = middle(7).await;
    let moved = json!({ "type": "mouseMoved", "x": x, "y": y });
    browser.devtools("Input.dispatchMouseEvent", moved).await;
    until(&browser, told, json!([[7, "5"]])).await;
    let away = json!({ "type": "mouseMoved", "x": 1, "y": 1 });
    browser.devtools("Input.dispatchMouseEvent", away).await;
    until(&browser, told, json!([])).await;

    // By keys: one stop for the whole chart, arrows within it.
    run(&browser, "document.querySelector('.beside .tabs a:last-child').focus()").await;
    let key = async |key: &str| {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key });
            browser.devtools("Input.dispatchKeyEvent", event).await;
        }
    };
    key("Tab").await;
    until(&browser, told, json!([[7, "5"]])).await;
    key("ArrowLeft").await;
    until(&browser, told, json!([[6, "0"]])).await;
    key("Home").await;
    until(&browser, told, json!([[0, "0"]])).await;
    key("End").await;
    until(&browser, told, json!([[7, "5"]])).await;
    let label = run(&browser, "return document.activeElement.getAttribute('aria-label')").await;
    assert!(label.as_str().unwrap().ends_with(", so far: Pageviews 5"), "{label}");
    key("Tab").await;
    until(&browser, told, json!([])).await;

    browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
    for (nth, views) in [(7, "5"), (3, "0")] {
        let (x, y) = middle(nth).await;
        let finger = json!([{ "x": x, "y": y }]);
        let down = json!({ "type": "touchStart", "touchPoints": finger });
        browser.devtools("Input.dispatchTouchEvent", down).await;
        let up = json!({ "type": "touchEnd", "touchPoints": [] });
        browser.devtools("Input.dispatchTouchEvent", up).await;
        until(&browser, told, json!([[nth, views]])).await;
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_does_so_without_javascript() {
    let (browser, headcount) = visited().await;
    let off = json!({ "value": true });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
    browser.goto(&headcount.admin_url("/?period=30d")).await.unwrap();
    let parts = "return [...document.querySelectorAll('.evidence dd .figure')]
        .filter((part) => part.checkVisibility()).map((part) => part.textContent)";
    assert_eq!(run(&browser, parts).await, json!([]), "a quiet line");
    press(&browser, Locator::Css("#evidence > summary")).await;
    until(&browser, parts, json!(["5", "0", "0", "0"])).await;

    let chosen =
        "return [...document.querySelectorAll('.beside [aria-current], #compare > summary')]
        .map((link) => link.textContent)";
    press(&browser, Locator::LinkText("Weeks")).await;
    until(&browser, chosen, json!(["Compare: Period before", "Weeks"])).await;
    press(&browser, Locator::Css("#compare > summary")).await;
    press(&browser, Locator::LinkText("Year before")).await;
    until(&browser, chosen, json!(["Compare: Year before", "Weeks"])).await;
    press(&browser, Locator::Css("#custom > summary")).await;
    press(&browser, Locator::LinkText("All time")).await;
    let today = "return [...document.querySelectorAll('.step .n')].map((n) => n.textContent)";
    until(&browser, today, json!(["3"])).await;

    for (topic, card) in
        [("Bots and AI", "bots"), ("Errors", "errors"), ("Files and feeds", "files")]
    {
        press(&browser, Locator::LinkText(topic)).await;
        let title = format!("return !!document.querySelector('#{card}-title')");
        until(&browser, &title, Value::Bool(true)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn realtime_shows_what_happens_as_it_happens() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/?topic=realtime")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    let tiles = "return [...document.querySelectorAll('.tile .figure')].map((n) => n.textContent)";
    until(&browser, tiles, json!(["1", "1", "1"])).await;
    // The stream begins when its connection stands.
    until(&browser, "return document.getElementById('current').textContent", json!("1")).await;
    let hostile = "/%3Cimg%20src=x%20onerror=alert(1)%3E%E2%80%AE";
    visit(&headcount, "192.0.2.2", "/late").await;
    visit(&headcount, "192.0.2.2", hostile).await;
    let stream = "return [...document.querySelectorAll('#stream bdi')].map((n) => n.textContent)";
    until(&browser, stream, json!([hostile, "/late"])).await;
    until(&browser, tiles, json!(["2", "2", "3"])).await;
    let steps =
        "return [...document.querySelectorAll('.step .n')].map((n) => Number(n.textContent))
        .reduce((a, b) => a + b)";
    press(&browser, Locator::XPath("//a[span[text()='Pageviews']]")).await;
    until(&browser, steps, json!(3)).await;
    assert_eq!(run(&browser, stream).await, json!([hostile, "/late"]), "a refresh keeps it");
    assert_eq!(run(&browser, "return window.kept").await, 1);
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn menus_are_skipped_by_keys_and_left_out_on_paper() {
    let (browser, headcount) = visited().await;
    browser.goto(&headcount.admin_url("/?period=30d")).await.unwrap();
    for key in ["Tab", "Enter"] {
        let down = json!({ "type": "keyDown", "key": key, "code": key, "text": "\r" });
        let up = json!({ "type": "keyUp", "key": key, "code": key });
        browser.devtools("Input.dispatchKeyEvent", down).await;
        browser.devtools("Input.dispatchKeyEvent", up).await;
    }
    until(&browser, "return document.activeElement.localName", json!("main")).await;

    let print = json!({ "media": "print" });
    browser.devtools("Emulation.setEmulatedMedia", print).await;
    // As wide as a sheet between its margins.
    let sheet = json!({ "width": 740, "height": 1_000, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", sheet).await;
    let seen = "const seen = (of) => [...document.querySelectorAll(of)].filter((e) => e.checkVisibility()).length;
        return [seen('.tile'), seen('.chart'), seen('#pages tbody tr'),
            seen('nav, summary, .more, .skip, form'),
            document.documentElement.scrollWidth > document.documentElement.clientWidth]";
    until(&browser, seen, json!([6, 1, 2, 0, false])).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

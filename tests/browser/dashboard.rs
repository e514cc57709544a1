//! The dashboard, followed by a browser.
//!
//! - numbers and the count of current visitors follow what happens, on the same document
//! - links change the page in place, and the way back works; a row filters, its chip ends that
//! - without JavaScript the same links work
//! - not a word on the console, whatever the theme and the width; nothing is wider than the screen

use crate::browser::Browser;
use crate::program::Headcount;
use crate::site::Site;
use fantoccini::Locator;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Firefox on Windows.
const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0";

#[tokio::test(flavor = "multi_thread")]
async fn follows_what_happens() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;

    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    let current = "return document.getElementById('current').textContent";
    let tiles = "return [...document.querySelectorAll('.totals div')].slice(0, 3)
                   .map(tile => tile.querySelector('dt').textContent + ' '
                     + tile.querySelector('.figure').textContent)";
    until(&browser, current, json!("1")).await;
    until(&browser, tiles, json!(["Unique visitors 1", "Visits 1", "Pageviews 1"])).await;

    visit(&headcount, "192.0.2.2", "/late").await;
    visit(&headcount, "192.0.2.3", "/late").await;
    visit(&headcount, "192.0.2.3", "/latest").await;
    until(&browser, current, json!("3")).await;
    until(&browser, tiles, json!(["Unique visitors 3", "Visits 3", "Pageviews 4"])).await;
    let pages = "return [...document.querySelectorAll('#pages tbody th')]
                   .map(row => row.textContent.trim())";
    until(&browser, pages, json!(["/late", "/early", "/latest"])).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_work_in_place_and_without_javascript() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    visit(&headcount, "192.0.2.2", "/b").await;
    headcount.settle().await;

    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    click(&browser, "7d").await;
    let period = "return document.querySelector('.periods [aria-current]').textContent";
    until(&browser, period, json!("7d")).await;
    click(&browser, "/b").await;
    let chip = "var chip = document.querySelector('.chip'); return chip && chip.innerText";
    let chosen = "return (document.querySelector('.chip span') || {}).textContent || ''";
    until(&browser, chosen, json!("is /b")).await;
    browser.back().await.unwrap();
    until(&browser, chip, Value::Null).await;
    assert_eq!(run(&browser, period).await, "7d");
    browser.back().await.unwrap();
    until(&browser, period, json!("Today")).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(browser.console().await, Vec::<String>::new());

    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    click(&browser, "7d").await;
    click(&browser, "/b").await;
    let address = browser.current_url().await.unwrap();
    let asked: Vec<_> = address.query_pairs().into_owned().collect();
    assert_eq!(asked, [("period", "7d"), ("page", "/b")].map(|(k, v)| (k.into(), v.into())));
    let source = browser.source().await.unwrap();
    assert!(source.contains("is /b"), "the chip is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn fits_every_screen_without_a_complaint() {
    let (browser, headcount) = stage().await;
    let long = format!("/{}", "a-long-path/".repeat(20));
    for (i, page) in ["/", &long, "/docs"].iter().enumerate() {
        visit(&headcount, &format!("192.0.2.{i}"), page).await;
    }
    headcount.settle().await;

    for theme in ["light", "dark"] {
        for width in [320, 390, 768, 1280, 1920] {
            browser.look(theme, width).await;
            for period in ["day", "30d", "12mo"] {
                let path = format!("/?period={period}&compare=previous_period");
                browser.goto(&headcount.admin_url(&path)).await.unwrap();
                let beyond = "var page = document.documentElement;
                     return [innerWidth, page.scrollWidth - page.clientWidth]";
                assert_eq!(run(&browser, beyond).await, json!([width, 0]), "{theme}, {period}");
            }
        }
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// A browser, and the program that believes what it is told of addresses.
pub async fn stage() -> (Browser, Headcount) {
    let browser = Browser::start().await;
    let site = Site::start().await;
    let more = ["--trusted-proxies", "127.0.0.1"];
    (browser, Headcount::start(&site.url(), "sqlite:counts.db", &more))
}

/// Opens a page of the site as a browser at an address would that runs no script.
pub async fn visit(headcount: &Headcount, address: &str, page: &str) {
    let request = reqwest::Client::new()
        .get(headcount.url(page))
        .header("user-agent", AGENT)
        .header("accept", "text/html")
        .header("x-forwarded-for", address);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

pub async fn run(browser: &Browser, script: &str) -> Value {
    browser.execute(script, vec![]).await.unwrap()
}

/// Clicks a link. The page may be refreshed between finding and clicking: then the link is found
/// anew.
async fn click(browser: &Browser, link: &str) {
    for _ in 0..10 {
        let found = browser.find(Locator::LinkText(link)).await.unwrap();
        match found.click().await {
            Ok(()) => return,
            Err(error) if error.is_stale_element_reference() => {}
            Err(error) => panic!("{link}: {error}"),
        }
    }
    panic!("{link} never stands still");
}

/// Waits until a script returns what is expected.
pub async fn until(browser: &Browser, script: &str, expected: Value) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = run(browser, script).await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{found}, not {expected}, from {script}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

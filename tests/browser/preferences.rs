//! What people choose about the dashboard besides numbers.
//!
//! - keys lead to periods, parts and the filter; not from a field, and not where they are off
//! - light or dark as chosen, on every page and in every browser session, with and without script
//! - a country on the map filters as its row does

use crate::browser::Browser;
use crate::dashboard::{press, run, stage, until, visit_from};
use crate::program::Headcount;
use crate::site::Site;
use fantoccini::Locator;
use serde_json::{Value, json};

const PERIOD: &str = "return document.querySelector('.periods [aria-current]')?.textContent";

async fn type_key(browser: &Browser, key: &str) {
    let script = "const from = document.activeElement ?? document.body;
        const options = { key: arguments[0], bubbles: true, cancelable: true };
        from.dispatchEvent(new KeyboardEvent('keydown', options))";
    browser.execute(script, vec![json!(key)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lead_to_what_is_opened_most() {
    let (browser, headcount) = stage().await;
    visit_from(&headcount, "192.0.2.1", None, "/a").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    for (key, period) in [
        ("w", "7d"),
        ("t", "30d"),
        ("m", "Month"),
        ("y", "12mo"),
        ("a", "All time"),
        ("d", "Today"),
    ] {
        type_key(&browser, key).await;
        until(&browser, PERIOD, json!(period)).await;
    }
    let address = "return new URLSearchParams(location.search).get('date') !== null";
    type_key(&browser, "ArrowLeft").await;
    until(&browser, address, json!(true)).await;
    let topic = "return document.querySelector('.sections [aria-current]').textContent";
    type_key(&browser, "r").await;
    until(&browser, topic, json!("Realtime")).await;
    type_key(&browser, "o").await;
    until(&browser, topic, json!("Overview")).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");

    // In a field a letter is a letter.
    type_key(&browser, "f").await;
    until(&browser, "return document.querySelector('#filter').open", json!(true)).await;
    run(&browser, "document.querySelector('#filter [name=value]').focus()").await;
    let before = run(&browser, PERIOD).await;
    type_key(&browser, "y").await;
    assert_eq!(run(&browser, PERIOD).await, before);
    // Off is off, for the next page too.
    run(&browser, "document.activeElement.blur(); document.querySelector('#keys-on').click()")
        .await;
    type_key(&browser, "y").await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    type_key(&browser, "y").await;
    type_key(&browser, "?").await;
    let seen = "return [document.querySelector('.periods [aria-current]').textContent,
        document.querySelector('#keys').open, document.querySelector('#keys-on').checked]";
    assert_eq!(run(&browser, seen).await, json!(["Today", false, false]));
    run(&browser, "document.querySelector('#keys-on').click()").await;
    type_key(&browser, "?").await;
    until(&browser, "return document.querySelector('#keys').open", json!(true)).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_as_chosen() {
    let (browser, headcount) = stage().await;
    let paper = "return getComputedStyle(document.body).backgroundColor";
    let (light, dark) = (json!("rgb(246, 247, 251)"), json!("rgb(14, 17, 27)"));
    for script in [true, false] {
        let off = json!({ "value": !script });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        for system in ["light", "dark"] {
            browser.look(system, 1280).await;
            let of_system = if system == "dark" { &dark } else { &light };
            browser.goto(&headcount.admin_url("/?period=7d")).await.unwrap();
            until(&browser, paper, of_system.clone()).await;
            for (theme, colour) in [("dark", &dark), ("light", &light), ("auto", of_system)] {
                let button = format!(".theme [value={theme}]");
                press(&browser, Locator::Css(&button)).await;
                until(&browser, paper, colour.clone()).await;
                let marked = "const inks = [...document.querySelectorAll('.theme button')]
                    .map((b) => [b.value, getComputedStyle(b).color]);
                return inks.filter(([, ink]) => inks.filter((b) => b[1] === ink).length === 1)
                    .map(([value]) => value)";
                until(&browser, marked, json!([theme])).await;
                let search = run(&browser, "return location.search").await;
                assert_eq!(search, "?period=7d", "the page stays");
            }
        }
    }
    press(&browser, Locator::Css(".theme [value=dark]")).await;
    until(&browser, paper, dark.clone()).await;
    // What cannot be shown is dark as well.
    browser.goto(&headcount.admin_url("/?period=fortnight")).await.unwrap();
    until(&browser, paper, dark).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_on_the_map_filters() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let more = ["--trusted-proxies", "127.0.0.1", "--place-headers", "CF-IPCountry"];
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &more);
    // Singapore is a dot.
    for (nth, country) in ["DE", "DE", "DE", "FR", "SG"].iter().enumerate() {
        visit_from(&headcount, &format!("192.0.2.{nth}"), Some(country), "/a").await;
    }
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    let shown = "return [...document.querySelectorAll('.world a')].map((a) => {
        const { width, height } = a.getBBox();
        return [a.textContent.trim().replace(/^\\S+ /u, ''), width > 0 && height > 0] })";
    let expected = json!([
        ["Germany · Visitors: 3", true],
        ["France · Visitors: 1", true],
        ["Singapore · Visitors: 1", true]
    ]);
    until(&browser, shown, expected).await;
    press(&browser, Locator::Css(".world a[href*='country%3D%3DDE']")).await;
    let total = "return document.querySelector('.totals .figure').textContent";
    until(&browser, total, json!("3")).await;
    let chips = "return [...document.querySelectorAll('.chip')].length";
    assert_eq!(run(&browser, chips).await, Value::from(1));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

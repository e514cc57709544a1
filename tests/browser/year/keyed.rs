//! Without a pointer: from the skip link to a filter, along the chart, to a card's own page and
//! back, by keys alone. On paper: two sheets, whichever of the two sizes. And how much a browser
//! fetches: the first time, and to renew the numbers.

use super::shown::Checked;
use super::written::is_count;
use super::{SITE, Stage, address, until_in};
use crate::browser::Browser;
use crate::dashboard::{run, until};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::{Value, json};

/// As many stops as nobody wants between two things.
const STOPS: usize = 150;

/// Bytes of the overview with all that belongs to it.
const MOST: i64 = 80_000;

async fn key(browser: &Browser, key: char) {
    let keys = KeyActions::new("keys".to_owned())
        .then(KeyAction::Down { value: key })
        .then(KeyAction::Up { value: key });
    browser.perform_actions(keys).await.unwrap();
}

async fn write(browser: &Browser, text: &str) {
    for letter in text.chars() {
        key(browser, letter).await;
    }
}

/// From stop to stop until one is there.
async fn tab_to(browser: &Browser, what: &str) {
    let there = "return document.activeElement.matches(arguments[0])";
    for _ in 0..STOPS {
        key(browser, Key::Tab.into()).await;
        if browser.execute(there, vec![what.into()]).await.unwrap() == true {
            return;
        }
    }
    let stopped = run(browser, "return document.activeElement.outerHTML.slice(0, 300)").await;
    panic!("{what} is not among the next {STOPS} stops; the last is {stopped}");
}

async fn enter(browser: &Browser) {
    key(browser, Key::Enter.into()).await;
}

pub async fn by_keys_alone(stage: &Stage) -> Checked {
    let browser = &stage.browser;
    browser.goto(&stage.headcount.admin_url("/")).await.unwrap();
    tab_to(browser, &format!(".sites a.card[href*='site_id={SITE}']")).await;
    enter(browser).await;
    until_in(browser, "period=30d").await;

    // Past the menus, to the filter, and a value into its form.
    browser.goto(&address(browser).await).await.unwrap();
    key(browser, Key::Tab.into()).await;
    let skip = "return document.activeElement.matches('.skip')";
    assert_eq!(run(browser, skip).await, true, "the first stop leads past the menus");
    enter(browser).await;
    until(browser, "return document.activeElement.localName", json!("main")).await;
    tab_to(browser, "#filter > summary").await;
    key(browser, ' ').await;
    until(browser, "return document.querySelector('#filter').open", json!(true)).await;
    tab_to(browser, "#filter [name=property]").await;
    write(browser, "Dev").await;
    let chosen = "return document.querySelector('#filter [name=property]').value";
    until(browser, chosen, json!("visit:device")).await;
    tab_to(browser, "#filter [name=value]").await;
    write(browser, "Mobile").await;
    enter(browser).await;
    until(browser, "return document.querySelectorAll('.chip').length", json!(1)).await;

    // To the views of the chart, and two days back from today.
    tab_to(browser, ".tile[href*='metric=pageviews']").await;
    enter(browser).await;
    until_in(browser, "metric=pageviews").await;
    tab_to(browser, ".step").await;
    for _ in 0..2 {
        key(browser, Key::Left.into()).await;
    }
    let at = "const step = document.activeElement; return [step.dataset.at,
        getComputedStyle(step.querySelector('.tip')).opacity,
        step.querySelector('.tip text.n').textContent]";
    let day = stage.last.pred_opt().unwrap();
    let seen = run(browser, at).await;
    assert_eq!((&seen[0], &seen[1]), (&json!(day.to_string()), &json!("1")));
    let views = stage.rows((day, day)).filter(|row| {
        row.is_view() && super::exported::plain(&["visit:device==Mobile".into()]).unwrap()(row)
    });
    let views = views.count();
    assert!(is_count(seen[2].as_str().unwrap(), views as f64), "{seen}, counted {views}");

    // To a card's own page, back, and the filter away.
    tab_to(browser, "#pages .more").await;
    enter(browser).await;
    until_in(browser, "details=pages").await;
    tab_to(browser, ".details tbody a").await;
    run(browser, "document.body.tabIndex = -1; document.body.focus()").await;
    tab_to(browser, ".details .beside .take a:last-child").await;
    enter(browser).await;
    until(browser, "return document.querySelectorAll('.details').length", json!(0)).await;
    run(browser, "document.body.tabIndex = -1; document.body.focus()").await;
    tab_to(browser, ".chip a").await;
    enter(browser).await;
    until(browser, "return document.querySelectorAll('.chip').length", json!(0)).await;
    Checked { told: 0, counted: 1 }
}

pub async fn on_paper(stage: &Stage) -> Checked {
    stage.show(stage.first, stage.last).await;
    // In inches.
    for (paper, width, height) in [("A4", 8.27, 11.69), ("Letter", 8.5, 11.0)] {
        let paper_is = json!({ "paperWidth": width, "paperHeight": height });
        let printed = stage.browser.devtools("Page.printToPDF", paper_is).await;
        let sheets = "return atob(arguments[0]).match(/\\/Type\\s*\\/Page(?![a-z])/gi).length";
        let sheets = stage.browser.execute(sheets, vec![printed["data"].clone()]).await.unwrap();
        let sheets = sheets.as_u64().unwrap();
        println!("{paper}: {sheets} sheets");
        assert!((1..=2).contains(&sheets), "{paper}: {sheets} sheets");
    }
    Checked { told: 0, counted: 2 }
}

pub async fn small_and_at_once(stage: &Stage) -> Checked {
    let browser = &stage.browser;
    stage.show(stage.first, stage.last).await;
    browser.goto(&address(browser).await).await.unwrap();
    let fetched = "return [...performance.getEntriesByType('navigation'),
            ...performance.getEntriesByType('resource')]
        .map((entry) => [entry.name, entry.initiatorType, entry.encodedBodySize, entry.decodedBodySize])";
    let seen = run(browser, fetched).await;
    let all = seen.as_array().unwrap();
    let size: i64 = all.iter().map(|entry| entry[2].as_i64().unwrap()).sum();
    println!("the overview takes {size} bytes in {} answers", all.len());
    assert!(all.len() > 3, "style, script and map are among it: {seen}");
    assert!((1..=MOST).contains(&size), "{size} bytes: {seen}");
    let page = &all[0];
    assert!(page[2].as_i64() < page[3].as_i64(), "the page is compressed: {page}");

    // Renewed by one request, which is for the page itself; and so when a link is followed.
    let since = "return performance.getEntriesByType('resource')
        .filter((entry) => entry.initiatorType !== 'eventsource')
        .map((entry) => [entry.initiatorType, entry.name])";
    run(browser, "performance.clearResourceTimings()").await;
    let begun = std::time::Instant::now();
    let fetched = loop {
        let seen = run(browser, since).await;
        if seen != json!([]) || begun.elapsed() > std::time::Duration::from_secs(20) {
            break seen;
        }
    };
    assert_eq!(fetched, json!([["fetch", address(browser).await]]));
    run(browser, "performance.clearResourceTimings()").await;
    stage.click("#pages tbody tr:first-child th a").await;
    let fetched = run(browser, since).await;
    let shown = address(browser).await;
    let strange = fetched.as_array().unwrap().iter().filter(|entry: &&Value| entry[1] != shown);
    assert!(fetched != json!([]) && strange.count() <= 1, "{fetched} for {shown}");
    stage.click(".chip a").await;
    Checked { told: 0, counted: 3 }
}

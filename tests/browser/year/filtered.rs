//! Filters, by clicks: a row of each kind of card, several together, chips and what takes them
//! away, the form with each operator and several values, a segment that is saved, shown and
//! deleted. After each of them all that is on the screen is compared.

use super::shown::{Checked, check, filters_of};
use super::written::is_count;
use super::{SITE, Stage, address, follow, texts};
use crate::browser::Browser;
use crate::dashboard::{press, run, until};
use crate::program::TOKEN;
use chrono::Days;
use fantoccini::Locator;
use serde_json::json;

/// Links of rows: of each card of the overview, of the map, of evidence.
const ROWS: [&str; 8] = [
    "#pages tbody tr:first-child th a",
    "#sources tbody tr:nth-child(2) th a",
    "#places tbody tr:first-child th a",
    "#places svg.world > a[href*='DE']",
    "#devices tbody tr:first-child th a",
    "#events tbody tr:first-child th a",
    "#goals tbody tr:nth-child(2) th a",
    "#evidence dl div:nth-child(2) a",
];

/// Of topics: of the link to each, and a row.
const TOPICS: [(&str, &str); 4] = [
    ("bots", "#bots tbody tr:first-child th a"),
    ("bots", "#fetched tbody tr:first-child th a"),
    ("errors", "#errors tbody tr:first-child th a"),
    ("files", "#files tbody tr:first-child th a"),
];

const CHIPS: &str = "return document.querySelectorAll('.chip').length";

/// Clicks a row, and makes sure that what it is about is what is filtered by, beside what was before.
async fn row(stage: &Stage, link: &str) -> Checked {
    let read = "const link = document.querySelector(arguments[0]);
        return new URL(link.getAttribute('href'), location).href";
    let leads = stage.browser.execute(read, vec![link.into()]).await.unwrap();
    let leads = filters_of(leads.as_str().unwrap());
    let before = filters_of(&address(&stage.browser).await);
    stage.click(link).await;
    let filters = filters_of(&address(&stage.browser).await);
    assert_eq!(filters, leads, "{link}");
    assert_eq!((filters.len(), &filters[..before.len()]), (before.len() + 1, &before[..]));
    assert_eq!(run(&stage.browser, CHIPS).await, filters.len(), "{link}");
    stage.check().await
}

async fn take_away(stage: &Stage, nth: usize) {
    stage.click(&format!(".chip:nth-child({nth}) a")).await;
}

pub async fn by_rows(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    let all = run(&stage.browser, ALL).await;
    for link in ROWS {
        if link.starts_with("#evidence") {
            stage.open("#evidence").await;
        }
        checked += row(stage, link).await;
        take_away(stage, 1).await;
        assert_eq!(run(&stage.browser, ALL).await, all, "{link}: it is as it was before");
    }
    for (topic, link) in TOPICS {
        stage.click(&format!(".sections a.wide[href*='topic={topic}']")).await;
        checked += stage.check().await;
        checked += row(stage, link).await;
        take_away(stage, 1).await;
        stage.click(".sections a[data-key=o]").await;
    }

    // Together, and the one in the middle taken away, then all.
    checked += row(stage, ROWS[2]).await;
    checked += row(stage, ROWS[0]).await;
    checked += row(stage, ROWS[4]).await;
    take_away(stage, 2).await;
    assert_eq!(filters_of(&address(&stage.browser).await).len(), 2);
    checked += stage.check().await;
    stage.click(".clear").await;
    assert_eq!(run(&stage.browser, ALL).await, all);
    assert_eq!(run(&stage.browser, CHIPS).await, 0);
    checked
}

const ALL: &str =
    "return [...document.querySelectorAll('.tile .figure')].map((n) => n.textContent)";

/// Fills the form in as somebody would, and sends it.
pub async fn add(browser: &Browser, property: &str, operator: &str, value: &str) {
    super::open(browser, "#filter").await;
    for (field, chosen) in [("property", property), ("operator", operator)] {
        let option = format!("#filter [name={field}] option[value='{chosen}']");
        browser.find(Locator::Css(&option)).await.unwrap().click().await.unwrap();
    }
    let field = browser.find(Locator::Css("#filter [name=value]")).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(value).await.unwrap();
    follow(browser, "#filter form button:not(.suggest)").await;
}

pub async fn by_the_form(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    let forms: [(&str, &str, &str, &str); 8] = [
        ("event:page", "is", "/cakes|/breads", "event:page==/cakes|/breads"),
        ("visit:device", "is_not", "Desktop|Tablet", "visit:device!=Desktop|Tablet"),
        ("event:page", "contains", "recipe|order", "event:page=@recipe|order"),
        ("visit:source", "contains_not", "oo|Direct", "visit:source!@oo|Direct"),
        ("visit:browser", "matches", "^(Saf|Fire)", "visit:browser=~^(Saf|Fire)"),
        (
            "visit:entry_page",
            "matches_not",
            "^/(journal|recipes)",
            "visit:entry_page!~^/(journal|recipes)",
        ),
        ("visit:channel", "is", "Organic Search", "visit:channel==Organic Search"),
        ("visit:os", "is_not", "iOS", "visit:os!=iOS"),
    ];
    for (property, operator, value, meant) in forms {
        add(&stage.browser, property, operator, value).await;
        assert_eq!(run(&stage.browser, CHIPS).await, 1, "{meant}");
        let views = stage.check().await;
        // What it means is written down here: the address may not say otherwise.
        let is = super::exported::plain(&[meant.to_owned()]).unwrap();
        let n = stage.rows.iter().filter(|row| row.is_view() && is(row)).count();
        let shown = texts(&run(&stage.browser, ALL).await);
        assert!(n > 0 && is_count(&shown[2], n as f64), "{meant}: {shown:?}, counted {n}");
        checked += views;
        take_away(stage, 1).await;
    }
    // Two by the form, and a row of what they leave.
    add(&stage.browser, "visit:device", "is", "Mobile").await;
    add(&stage.browser, "event:page", "contains_not", "order").await;
    checked += row(stage, ROWS[2]).await;
    stage.click(".clear").await;
    checked
}

pub async fn by_a_segment(stage: &Stage) -> Checked {
    let name = "Phones \"from\" <search> & co";
    stage.show(stage.last - Days::new(6), stage.last).await;
    add(&stage.browser, "visit:device", "is", "Mobile").await;
    add(&stage.browser, "visit:channel", "contains", "Search|Social").await;
    let mut checked = stage.check().await;
    let filtered = run(&stage.browser, ALL).await;
    save(&stage.browser, name).await;
    let chips = "return [...document.querySelectorAll('.chip span')].map((it) => it.textContent)";
    assert_eq!(run(&stage.browser, chips).await, json!([name]));
    assert_eq!(run(&stage.browser, ALL).await, filtered, "as what it was made of");
    let inside = ["visit:device==Mobile", "visit:channel=@Search|Social"].map(str::to_owned);
    checked += check(stage, &stage.browser, &inside).await;
    // With a row beside it.
    stage.click(ROWS[2]).await;
    assert_eq!(run(&stage.browser, CHIPS).await, 2);
    checked += check(stage, &stage.browser, &inside).await;
    stage.click(".clear").await;
    assert_eq!(run(&stage.browser, CHIPS).await, 0);
    checked += stage.check().await;
    // It is there to be chosen, until it is deleted.
    stage.open("#segments").await;
    stage.click("#segments ul a").await;
    assert_eq!(run(&stage.browser, ALL).await, filtered);
    stage.open("#segments").await;
    press(&stage.browser, Locator::Css("#segments form[action='/segments/forget'] button")).await;
    until(&stage.browser, CHIPS, json!(0)).await;
    let path = format!("/api/v1/sites/segments?site_id={SITE}");
    let get = reqwest::Client::new().get(stage.headcount.admin_url(&path)).bearer_auth(TOKEN);
    let kept = get.send().await.unwrap().text().await.unwrap();
    assert!(!kept.contains("Phones"), "{kept}");
    checked
}

/// Saves what is filtered by as a segment, which is shown then.
pub async fn save(browser: &Browser, name: &str) {
    super::open(browser, "#segments").await;
    let field = browser.find(Locator::Css("#segments [name=name]")).await.unwrap();
    field.send_keys(name).await.unwrap();
    follow(browser, "#segments form[action='/segments/keep'] button").await;
}

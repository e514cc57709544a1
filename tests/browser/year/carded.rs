//! A card's own page: all metrics as the API has them, sorted both ways, searched, by the hundred;
//! and its files, CSV and JSON, which say what the screen says, in its order.

use super::exported::condition;
use super::shown::{Checked, filters_of};
use super::written::{same, unit};
use super::{Stage, texts};
use crate::dashboard::{press, run, until};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Links to cards' own pages; of the first the API is asked, too.
const CARDS: [&str; 6] = ["pages", "sources", "places", "devices", "events", "goals"];

/// Pages that are not there, and more than stand on one page.
const MISSING: usize = 110;

pub async fn details(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    for card in CARDS {
        stage.click(&format!("#{card} .more")).await;
        if ["pages", "sources", "places", "devices"].contains(&card) {
            checked += stage.check().await;
        }
        checked += files(stage).await;
        stage.click(".details .beside .take a:last-child").await;
    }

    // Sorted by another column, the other way, and searched.
    stage.click("#pages .more").await;
    let column = "return [...document.querySelectorAll('.details tbody td:nth-child(3)')]
        .map((cell) => Number(cell.textContent.replace(/[^0-9.]/g, '')))";
    let numbers = |seen: &Value| -> Vec<f64> {
        seen.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    };
    stage.click(".details thead th:nth-child(3) a").await;
    let falling = numbers(&run(&stage.browser, column).await);
    assert!(falling.len() > 5 && falling.is_sorted_by(|a, b| a >= b), "{falling:?}");
    checked += files(stage).await;
    stage.click(".details thead th:nth-child(3) a").await;
    let rising = numbers(&run(&stage.browser, column).await);
    assert!(rising.is_sorted() && rising.len() == falling.len(), "{rising:?}");
    checked += files(stage).await;
    stage.click(".details thead th:first-child a").await;
    let names =
        "return [...document.querySelectorAll('.details tbody th a')].map((it) => it.title)";
    let all = texts(&run(&stage.browser, names).await);
    assert!(all.is_sorted(), "{all:?}");
    let search = stage.browser.find(Locator::Css(".search input[type=search]")).await.unwrap();
    search.send_keys("RECIPE").await.unwrap();
    stage.click(".search button").await;
    let found = texts(&run(&stage.browser, names).await);
    let expected: Vec<String> = all.into_iter().filter(|page| page.contains("recipe")).collect();
    assert!(found == expected && found.len() > 1, "{found:?}, not {expected:?}");
    checked += files(stage).await;
    checked += stage.check().await;
    stage.click(".details .beside .take a:last-child").await;
    checked
}

/// Both files, against all rows that are shown.
async fn files(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    let seen = "return [[...document.querySelectorAll('.details thead th a')].map((head) =>
            new URL(head.getAttribute('href'), location).searchParams.get('sort')),
        [...document.querySelectorAll('.details tbody tr')].map((row) =>
            [new URL(row.querySelector('th a').getAttribute('href'), location).href,
                ...[...row.querySelectorAll('td')].map((cell) => cell.textContent.trim())]),
        document.querySelectorAll('.details nav.pages').length]";
    let seen = run(&stage.browser, seen).await;
    assert_eq!(seen[2], 0, "all of it is on one page");
    let heads = texts(&seen[0]);
    let rows: Vec<Vec<String>> = seen[1].as_array().unwrap().iter().map(texts).collect();
    let fetch = "const done = arguments[arguments.length - 1];
        fetch(document.querySelector(`.details .take a[href*='details.${arguments[0]}']`).href)
            .then((answer) => answer.text()).then(done)";
    let file = async |format: &str| {
        let text = stage.browser.execute_async(fetch, vec![format.into()]).await.unwrap();
        text.as_str().unwrap().to_owned()
    };
    let (lines, json) = (file("csv").await, file("json").await);
    let mut reader = csv::Reader::from_reader(lines.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let json: Value = serde_json::from_str(&json).unwrap();
    let results = json["results"].as_array().unwrap();
    assert_eq!((lines.len(), results.len()), (rows.len(), rows.len()));
    assert!(!rows.is_empty());
    for ((row, line), result) in rows.iter().zip(&lines).zip(results) {
        let filters = filters_of(&row[0]);
        let value = condition(filters.last().unwrap()).2;
        assert_eq!((value, &result["dimensions"]), (&line[0], &json!([value])));
        for (metric, shown) in heads[1..].iter().zip(&row[1..]) {
            let nth = columns.iter().position(|own| own == metric).unwrap();
            let place = format!("{value}: {metric}");
            let written = match &line[nth] {
                "" => Value::Null,
                number => json!(number.parse::<f64>().unwrap()),
            };
            same(unit(metric), shown, &written, &place);
            same(unit(metric), shown, &result["metrics"][nth - 1], &place);
            let both = (written.as_f64(), result["metrics"][nth - 1].as_f64());
            assert_eq!(both.0, both.1, "{place}");
            checked.told += 2;
        }
    }
    checked
}

/// Links that lead nowhere, of which there are more than a page has.
pub async fn the_next_hundred(stage: &Stage) -> Checked {
    let client = reqwest::Client::new();
    let missing: BTreeSet<String> = (1..=MISSING).map(|n| format!("/nowhere/{n}")).collect();
    for page in &missing {
        let get = client.get(stage.headcount.url(page)).header("accept", "text/html").header(
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0",
        );
        assert_eq!(get.send().await.unwrap().status(), 404);
    }
    stage.show(stage.last, stage.last).await;
    stage.click(".periods a[data-key=d]").await;
    stage.click(".sections a.wide[href*='topic=errors']").await;
    stage.click("#errors .more").await;
    let search = stage.browser.find(Locator::Css(".search input[type=search]")).await.unwrap();
    search.send_keys("/nowhere/").await.unwrap();
    stage.click(".search button").await;
    // They come as they are flushed.
    let count = "return document.querySelectorAll('.details tbody tr').length";
    let pages = "return [document.querySelectorAll('.details tbody tr').length,
        document.querySelector('.details .beside .quiet').textContent.match(/[0-9,]+/g)?.pop()]";
    until(&stage.browser, pages, json!([100, MISSING.to_string()])).await;
    let rows = "return [...document.querySelectorAll('.details tbody tr')].map((row) =>
        [row.querySelector('a').title, row.querySelector('td').textContent])";
    let mut seen = BTreeSet::new();
    for (step, n) in [("next", 100), ("prev", 10), ("next", 100)] {
        assert_eq!(run(&stage.browser, count).await, n);
        for row in run(&stage.browser, rows).await.as_array().unwrap() {
            let row = texts(row);
            assert_eq!(row[1], "1", "{row:?}");
            seen.insert(row[0].clone());
        }
        stage.click(&format!(".pages a[rel={step}]")).await;
    }
    assert_eq!(seen, missing);
    press(&stage.browser, Locator::Css(".details .beside .take a:last-child")).await;
    until(&stage.browser, "return document.querySelectorAll('.details').length", json!(0)).await;
    stage.click(".sections a[data-key=o]").await;
    Checked { told: 0, counted: 2 * MISSING }
}

//! Cards as files: every card that a page draws has its CSV and its JSON, and so has all of the
//! page; their numbers are those that are shown, and those that were sent.

use super::insight::filled;
use super::port::{Port, today};
use crate::model::rollup::{Dimension, Metric as Stored};
use regex::Regex;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What a page's cards are to say of what was sent: card, beginning of the row, metric, value.
type Told = (&'static str, &'static str, &'static str, f64);

/// Every kind of page, where days were counted.
const COUNTED: [(&str, &[Told]); 7] = [
    (
        "/?period=7d&compare=none",
        &[
            ("totals", "visitors", "value", 200.0),
            ("totals", "pageviews", "value", 560.0),
            ("totals", "visitors", "percent_confirmed", 0.0),
            ("chart", "2026-11-24", "visitors", 200.0),
            ("chart", "2026-11-23", "pageviews", 0.0),
            ("evidence", "server only", "pageviews", 100.0),
            ("evidence", "confirmed", "pageviews", 400.0),
            ("evidence", "browser only", "pageviews", 60.0),
            ("unconfirmed", "Firefox", "server_pageviews", 100.0),
            ("caches", "same visitor", "pageviews", 30.0),
            ("pages", "/p", "visitors", 150.0),
            ("pages", "/p", "bytes", 12_345_678.0),
            ("events", "Signup", "events", 12.0),
            ("goals", "Signup", "visitors", 10.0),
            ("goals", "Pricing", "visitors", 0.0),
            ("funnel:Checkout", "1 · ", "visits", 80.0),
            ("funnel:Checkout", "3 · ", "visits", 12.0),
            ("funnel:Checkout", "3 · ", "percent_of_previous", 40.0),
        ],
    ),
    ("/?period=7d&metric=pageviews", &[("totals", "visitors", "value", 200.0)]),
    (
        "/?topic=bots&period=day",
        &[
            ("ai-makers", "OpenAI", "training", 4.0),
            ("ai", "/p", "training", 11.0),
            ("ai", "/p", "visits", 2.0),
            ("bots", "GPTBot", "pageviews", 4.0),
            ("suspected", "yes", "visitors", 3.0),
        ],
    ),
    (
        "/?topic=errors&period=day",
        &[("errors", "/p", "pageviews", 7.0), ("links", "/p", "confirmed_pageviews", 4.0)],
    ),
    (
        "/?topic=speed&period=day",
        &[
            ("speed", "LCP", "views", 100.0),
            ("speed", "CLS", "p99", 0.0),
            ("slowest", "/p", "lcp_views", 100.0),
            ("slowest", "/p", "origin_views", 100.0),
        ],
    ),
    (
        "/?topic=files&period=day",
        &[
            ("files", "/p", "aborted", 2.0),
            ("feeds", "/feed.xml", "subscribers", 42.0),
            ("prefetches", "/p", "pageviews", 8.0),
        ],
    ),
    (
        "/?page=/p&period=7d",
        &[
            ("clicks", "desktop · 4 · 3", "clicks", 7.0),
            ("clicks", "mobile · 4 · 3", "clicks", 2.0),
            ("scrolls", "desktop · 2", "views", 100.0),
            ("scrolls", "desktop · 10", "views", 70.0),
            ("around", "visits_ended", "value", 60.0),
            ("around", "percent_read_to_the_end", "value", 70.0),
            ("speed", "LCP", "views", 100.0),
            ("broken", "w", "pageviews", 5.0),
        ],
    ),
];

/// And where single visits are kept.
const KEPT: [(&str, &[Told]); 3] = [
    ("/?topic=realtime", &[("pages", "/p", "visitors", 1.0), ("totals", "visits", "value", 2.0)]),
    (
        "/?page=/p&period=7d",
        &[("journeys", "before · 1 · ", "visits", 1.0), ("places", "DE", "visitors", 1.0)],
    ),
    (
        "/?filters=visit:country%3D%3DDE&period=day",
        &[("totals", "visitors", "value", 1.0), ("pages", "/p", "visitors", 1.0)],
    ),
];

/// A port that has counted everything of a page.
async fn counted(page: &str, word: &str) -> Port {
    let port = filled(page, word).await;
    let fields = [(Dimension::BotName, "GPTBot", Stored::Responses, 4)];
    port.store.add("example.org", today(), &fields);
    port
}

/// A port that has kept visits: one of a page, one of another.
async fn kept(page: &str) -> Port {
    let port = Port::local().await;
    let german: &[(Dimension, &str)] = &[(Dimension::Country, "DE")];
    let french: &[(Dimension, &str)] = &[(Dimension::Country, "FR")];
    // What happens at this very instant is not yet of the past half hour.
    let views = [("/now", &[][..]), (page, german), ("/other", french)];
    port.store.view("example.org", today(), &views);
    port
}

/// Cards of a page, each as it is drawn.
fn cards(page: &str) -> Vec<&str> {
    let sections = page.split("<section").skip(1).map(|rest| rest.split("</section>").next());
    let is_card = |of: &&str| {
        let class = of.split("class=\"").nth(1).and_then(|rest| rest.split('"').next());
        let of_card = |class: &str| class.split(' ').any(|one| one == "card" || one == "sheet");
        class.is_some_and(of_card) && !of.contains("id=\"happens\"")
    };
    sections.flatten().filter(is_card).collect()
}

/// Where links of a card to its files lead.
fn files(card: &str, format: &str) -> Vec<String> {
    let link = Regex::new(&format!(r#"href="([^"]*details\.{format}\?[^"]*)""#)).unwrap();
    link.captures_iter(card).map(|of| of[1].replace("&amp;", "&")).collect()
}

/// The card that an address of a file is about.
fn key(link: &str) -> String {
    let query = link.split('?').nth(1).unwrap();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(name, value)| (name == "details").then(|| value.into_owned())).unwrap()
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut file = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    file.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// First numbers of the rows that a card shows, where these are whole.
fn first_numbers(card: &str) -> Vec<Option<i64>> {
    let Some(body) = card.split("<tbody>").nth(1) else { return Vec::new() };
    let tag = Regex::new("<[^>]*>").unwrap();
    let first = |row: &str| {
        let cell = row.split("<td>").nth(1)?.split("</td>").next()?;
        tag.replace_all(cell, "").replace(',', "").parse().ok()
    };
    body.split("</tr>").filter(|row| row.contains("<td>")).map(first).collect()
}

#[tokio::test]
async fn every_card_has_its_files_and_all_of_them_together() {
    let (counted, kept) = (counted("/p", "w").await, kept("/p").await);
    let pages = COUNTED.iter().map(|page| (&counted, page));
    let mut seen = BTreeSet::new();
    for (port, (path, told)) in pages.chain(KEPT.iter().map(|page| (&kept, page))) {
        let (status, page) = port.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let query = path.split_once('?').unwrap().1;
        let (status, all) = port.json(&format!("/details.json?{query}")).await;
        assert_eq!(status, 200, "{path}: {all}");
        let drawn = cards(&page);
        assert!(!drawn.is_empty(), "{path}: {page}");
        for card in drawn {
            let (tables, documents) = (files(card, "csv"), files(card, "json"));
            assert!(!tables.is_empty() && tables.len() == documents.len(), "{path}: {card}");
            for (table, document) in tables.iter().zip(&documents) {
                let card_key = key(table);
                assert_eq!(card_key, key(document));
                let (status, told) = port.json(document).await;
                assert_eq!(status, 200, "{document}: {told}");
                let (status, text) = port.get(table).await;
                assert_eq!(status, 200, "{table}: {text}");
                is_the_same(&records(&text), &told);
                assert_eq!(all["cards"][&card_key], told, "{path}: {card_key} in all");
                let results = told["results"].as_array().unwrap();
                let shown = first_numbers(card);
                assert!(shown.len() <= results.len() || card_key == "totals", "{path}: {card_key}");
                // The slowest pages show another percentile first, the chart's table one metric.
                let is_other = ["slowest", "totals", "chart"].contains(&&*card_key);
                for (row, number) in results.iter().zip(shown).filter(|_| !is_other) {
                    if let Some(number) = number {
                        assert_eq!(row["metrics"][0], number, "{path}: {card_key}: {row}");
                    }
                }
                // And a page of its own.
                let (status, own) = port.get(&table.replace("/details.csv", "/")).await;
                assert!(status == 200 && own.contains("id=\"details-title\""), "{table}: {own}");
                seen.insert(card_key);
            }
        }
        let (_, text) = port.get(&format!("/details.csv?{query}")).await;
        let lines = records(&text);
        assert_eq!(lines[0], ["card", "row", "metric", "value"]);
        for (card, row, metric, value) in *told {
            let is_it = |line: &&Vec<String>| {
                line[0] == *card && line[1].starts_with(row) && line[2] == *metric
            };
            let line = lines.iter().find(is_it);
            let line = line.unwrap_or_else(|| panic!("{path}: {card}, {row}, {metric} in {text}"));
            assert_eq!(line[3].parse::<f64>().unwrap(), *value, "{path}: {line:?}");
        }
        // At the foot of the page.
        let foot = page.rsplit("<footer>").next().unwrap();
        assert_eq!((files(foot, "csv").len(), files(foot, "json").len()), (1, 1), "{foot}");
        assert!(!files(foot, "csv")[0].contains("details="), "{foot}");
    }
    for card in ["totals", "evidence", "goals", "ai", "slowest", "journeys", "clicks", "around"] {
        assert!(seen.contains(card), "{card} was drawn nowhere: {seen:?}");
    }
    let (status, why) = counted.json("/details.json?details=journeys").await;
    assert!(status == 400 && why["error"].as_str().unwrap().contains("`page` is missing"), "{why}");
}

/// A file's lines are a document's rows.
fn is_the_same(lines: &[Vec<String>], told: &Json) {
    let texts = |list: &Json| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let head = [texts(&told["query"]["dimensions"]), texts(&told["query"]["metrics"])].concat();
    assert_eq!(lines[0], head);
    let results = told["results"].as_array().unwrap();
    assert_eq!(lines.len() - 1, results.len());
    for (line, row) in lines[1..].iter().zip(results) {
        let names = texts(&row["dimensions"]);
        assert_eq!(line[..names.len()], names);
        for (cell, number) in line[names.len()..].iter().zip(row["metrics"].as_array().unwrap()) {
            assert_eq!(cell.parse::<f64>().ok(), number.as_f64(), "{line:?}, {row}");
        }
    }
}

#[tokio::test]
async fn what_is_compared_and_chosen_on_a_page_is_in_its_files() {
    let port = counted("/p", "w").await;
    for (ago, n) in [(1, 200), (2, 50)] {
        let day = today() - chrono::Days::new(ago);
        port.store.add("example.org", day, &[(Dimension::Total, "", Stored::Visitors, n)]);
    }
    let before = "2026-11-22";
    let totals = "/details.json?details=totals&period=day&date=2026-11-23";
    let (_, told) = port.json(&format!("{totals}&compare=previous_period")).await;
    for (nth, number) in [200, 50, 300].into_iter().enumerate() {
        assert_eq!(told["results"][0]["metrics"][nth], number, "{told}");
    }
    assert_eq!(told["query"]["compared_with"][0], before);
    let (_, told) = port.json(&format!("{totals}&compare=none")).await;
    assert_eq!(told["results"][0]["metrics"][1], Json::Null);
    let chart = "/details.json?details=chart&period=custom&interval=day";
    let dates = "date=2026-11-23,2026-11-24&compare=custom&compare_date=2026-11-22,2026-11-23";
    let (_, told) = port.json(&format!("{chart}&{dates}")).await;
    assert_eq!(told["query"]["dimensions"], serde_json::json!(["time:day", "compared_with"]));
    assert_eq!(told["results"][0]["dimensions"][1], before, "{told}");
    assert_eq!(told["results"][1]["dimensions"][1], "2026-11-23", "{told}");
    let place = told["query"]["metrics"].as_array().unwrap();
    let place = place.iter().position(|metric| metric == "before_visitors").unwrap();
    assert_eq!(told["results"][0]["metrics"][place], 50);
    // Searched and sorted is what is taken away alone, and not all of it.
    let search = "search=nothing-is-called-so&details=pages&period=day";
    let (_, told) = port.json(&format!("/details.json?{search}")).await;
    assert_eq!(told["results"].as_array().unwrap().len(), 0);
    let (_, page) = port.get(&format!("/?{search}")).await;
    let foot = page.rsplit("<footer>").next().unwrap();
    assert!(!files(foot, "json")[0].contains("search="), "{foot}");
    // Days that are not there yet are in no file.
    let (_, told) = port.json("/details.json?details=chart&period=month&compare=none").await;
    assert_eq!(told["results"].as_array().unwrap().len(), 24);
}

#[tokio::test]
async fn programs_get_all_of_a_page_where_people_see_it() {
    let port = counted("/p", "w").await;
    let ask = async |path: &str, accept: &str| {
        let answer = port.request(path).header("accept", accept).send().await.unwrap();
        let vary = answer.headers().get_all("vary").iter();
        let vary: Vec<String> = vary.map(|value| value.to_str().unwrap().to_lowercase()).collect();
        assert!(vary.concat().contains("accept"), "{path}: {vary:?}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for query in ["period=7d", "topic=bots&period=day", "topic=speed", "page=/p", ""] {
        let (status, told) = ask(&format!("/?{query}"), "application/json").await;
        let (_, file) = port.get(&format!("/details.json?{query}")).await;
        assert_eq!((status, &told), (200, &file), "{query}");
        assert!(told.starts_with("{\"cards\":{\""), "{told}");
        // A browser names both, as does a person's script.
        let (_, page) = ask(&format!("/?{query}"), "text/html,application/json;q=0.9").await;
        assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    }
    let (status, why) = ask("/?period=fortnight", "application/json").await;
    assert!(status == 400 && why.starts_with("{\"error\":"), "{why}");
    // People get what was read last, programs never what may be out of date.
    port.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ask("/?period=7d", "text/html").await.0, 200);
    let (status, why) = ask("/?period=7d", "application/json").await;
    assert!(status == 503 && why.starts_with("{\"error\":"), "{why}");
    assert_eq!(port.get("/details.csv?period=7d").await.0, 503);
}

#[tokio::test]
async fn no_name_is_a_formula_in_any_file() {
    let (page, word) = ("=1+1", "=cmd|' /C calc'!A0");
    let (counted, kept) = (counted(page, word).await, kept(page).await);
    let pages = COUNTED.iter().map(|(path, _)| (&counted, path));
    let mut hostile = 0;
    for (port, path) in pages.chain(KEPT.iter().map(|(path, _)| (&kept, path))) {
        let query = path.split_once('?').unwrap().1.replace("page=/p", "page=%3D1%2B1");
        let (_, html) = port.get(&format!("/?{query}")).await;
        let all = format!("/details.csv?{query}");
        for link in cards(&html).into_iter().flat_map(|card| files(card, "csv")).chain([all]) {
            let (_, text) = port.get(&link).await;
            for cell in records(&text).concat() {
                let is_formula = cell.starts_with(['=', '+', '-', '@', '\t']);
                assert!(!is_formula || cell.parse::<f64>().is_ok(), "{link}: {cell:?}");
                hostile += usize::from(cell.contains("=1+1") || cell.contains("=cmd"));
            }
        }
    }
    assert!(hostile > 20, "{hostile}");
    let funnel = counted.request("/details.csv?details=funnel:Checkout&period=day").send().await;
    let name = funnel.unwrap().headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(name, r#"attachment; filename="funnel-Checkout_2026-11-24_2026-11-24.csv""#);
}

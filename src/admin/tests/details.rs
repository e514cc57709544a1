//! A card's own page: its rows are the API's and what was counted, whatever they are searched and
//! sorted by, and as files, which no spreadsheet takes for formulas.

use super::port::{NOW, Port, today};
use crate::clock::MINUTE;
use crate::language::Language::{self, English, German, Spanish};
use crate::model::BotClass;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::row::Flags;
use iso_currency::Currency;
use regex::Regex;
use serde_json::{Value as Json, json};

const PAGES: usize = 250;

/// Pages `/page/1` to `/page/250` with as many views each, and countries.
async fn counted() -> Port {
    let port = Port::local().await;
    let names: Vec<String> = (1..=PAGES).map(|n| format!("/page/{n}")).collect();
    let views = (PAGES * (PAGES + 1)) as i64;
    let mut fields = vec![
        (Dimension::Total, "", Stored::Visitors, 1_000),
        (Dimension::Total, "", Stored::Server, views),
    ];
    for (n, page) in (1..).zip(&names) {
        fields.push((Dimension::Page, page.as_str(), Stored::Visitors, n));
        fields.push((Dimension::Page, page, Stored::Server, 2 * n));
        fields.push((Dimension::Page, page, Stored::Confirmed, n));
        fields.push((Dimension::EntryPage, page, Stored::Visits, 100));
        fields.push((Dimension::EntryPage, page, Stored::Bounces, n % 100));
    }
    fields.push((Dimension::Country, "DE", Stored::Visitors, 7));
    fields.push((Dimension::Device, "Mobile", Stored::Visitors, 7));
    fields.push((Dimension::Channel, "Organic Search", Stored::Visitors, 7));
    fields.push((Dimension::Language, "fr", Stored::Visitors, 7));
    fields.push((Dimension::BotClass, "Search engine", Stored::Responses, 7));
    fields.push((Dimension::Total, "", Stored::Confirmed, 7));
    port.store.add("example.org", today(), &fields);
    port
}

/// Names and figures of the rows of a page.
pub(super) fn rows(page: &str) -> Vec<Vec<String>> {
    let body = page.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
    let tag = Regex::new("<[^>]*>").unwrap();
    let cells = |row: &str| {
        let cells = row.split("</th>").flat_map(|part| part.split("</td>"));
        let texts = cells.map(|cell| tag.replace_all(cell, "").trim().to_owned());
        texts.filter(|text| !text.is_empty()).collect()
    };
    body.unwrap_or_default()
        .split("</tr>")
        .map(cells)
        .filter(|row: &Vec<_>| !row.is_empty())
        .collect()
}

fn names(page: &str) -> Vec<String> {
    rows(page).into_iter().map(|row| row[0].clone()).collect()
}

#[tokio::test]
async fn rows_are_searched_sorted_and_shown_by_the_page() {
    let port = counted().await;
    let (_, page) = port.get("/?details=pages").await;
    let (first, last) = (names(&page)[0].clone(), names(&page)[99].clone());
    assert_eq!(
        (names(&page).len(), first.as_str(), last.as_str()),
        (100, "/page/250", "/page/151")
    );
    assert!(page.contains("1–100 of 250") && page.contains("Page 1 of 3"), "{page}");
    let next = Regex::new(r#"rel="next" href="([^"]*)""#).unwrap();
    let link = next.captures(&page).unwrap()[1].replace("&amp;", "&");
    let (_, page) = port.get(&link).await;
    assert_eq!(names(&page)[0], "/page/150");
    let (_, page) = port.get("/?details=pages&at=3").await;
    assert_eq!((names(&page).len(), names(&page)[49].as_str()), (50, "/page/1"));
    assert!(!page.contains(r#"rel="next""#));
    let (_, page) = port.get("/?details=pages&at=1000").await;
    assert_eq!(names(&page).len(), 50, "the last page there is");

    let (_, page) = port.get("/?details=pages&search=GE/24").await;
    assert_eq!(names(&page).len(), 11, "24 and 240 to 249");
    let (_, page) = port.get("/?details=pages&search=24&sort=visitors&order=asc").await;
    assert_eq!(names(&page)[..3], ["/page/24", "/page/124", "/page/224"]);
    let (_, page) = port.get("/?details=pages&sort=bounce_rate").await;
    assert_eq!(names(&page)[..3], ["/page/199", "/page/99", "/page/198"]);
    let (_, page) = port.get("/?details=pages&sort=name").await;
    assert_eq!(names(&page)[..3], ["/page/1", "/page/10", "/page/100"]);
    assert!(page.contains(r#"<th scope="col" aria-sort="ascending">"#));
    let (_, page) = port.get("/?details=places&search=germ").await;
    assert_eq!(rows(&page)[0][..2], ["🇩🇪 Germany", "7"], "by the name that is shown");
    for (card, typed, row) in [
        ("places", "deutschl", "🇩🇪 Deutschland"),
        ("places", "DE", "🇩🇪 Deutschland"),
        ("devices", "smart", "Smartphone"),
        ("sources&sources=visit:channel", "organische", "Organische Suche"),
        ("places&places=visit:language", "franz", "Französisch"),
        ("bots&bots=bot:class", "suchmasch", "Suchmaschine"),
        ("evidence", "bestätigt", "Bestätigt"),
        ("totals", "besucher", "Eindeutige Besucher"),
    ] {
        let path = format!("/?details={card}&search={typed}");
        let (_, page) = port.get_in(Language::German, &path).await;
        assert_eq!(names(&page)[0], row, "{card}: {page}");
    }
    // Other choices keep the search, and begin with the first row.
    let (_, page) = port.get("/?details=pages&search=1&at=2").await;
    let week = Regex::new(r#"href="([^"]*period=7d[^"]*)""#).unwrap();
    let link = &week.captures(&page).unwrap()[1];
    assert!(link.contains("search=1") && !link.contains("at=2"), "{link}");

    for (path, names) in [
        ("/?details=page", "did you mean `pages`?"),
        ("/?details=pages&sort=subscribers", "sorted by a column that they do not have"),
        ("/?details=bots&filters=visit:country%3D%3DDE", "take a filter away"),
    ] {
        let (status, page) = port.get(path).await;
        assert!(status == 400 && page.contains(names), "{path}: {page}");
    }
}

#[tokio::test]
async fn every_number_is_the_apis() {
    let port = counted().await;
    let (_, file) = port.json("/details.json?details=pages&period=day").await;
    let question = json!({
        "metrics": file["query"]["metrics"],
        "date_range": "day",
        "dimensions": ["event:page"],
        "pagination": { "limit": 10_000 },
    });
    let (status, answer) = port.query(&question).await;
    assert_eq!(status, 200, "{answer}");
    let sorted = |answer: &Json| {
        let mut rows = answer["results"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["dimensions"][0].as_str().unwrap().to_owned());
        rows
    };
    // Money is told with a currency, of which this site has none.
    let money: Vec<usize> = (0..)
        .zip(file["query"]["metrics"].as_array().unwrap())
        .filter(|(_, metric)| metric.as_str().unwrap().ends_with("revenue"))
        .map(|(nth, _)| nth)
        .collect();
    let (ours, theirs) = (sorted(&file), sorted(&answer));
    assert_eq!((ours.len(), theirs.len()), (PAGES, PAGES));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours["dimensions"], theirs["dimensions"]);
        for (nth, value) in ours["metrics"].as_array().unwrap().iter().enumerate() {
            if !money.contains(&nth) {
                assert_eq!(*value, theirs["metrics"][nth], "{ours}, {}", file["query"]);
            }
        }
    }
    // And what was counted: of the last page of the alphabet.
    let of = |metric: &str| {
        let metrics = file["query"]["metrics"].as_array().unwrap();
        let nth = metrics.iter().position(|known| known == metric).unwrap();
        ours.last().unwrap()["metrics"][nth].clone()
    };
    assert_eq!(ours.last().unwrap()["dimensions"][0], "/page/99");
    for (metric, value) in
        [("visitors", 99), ("pageviews", 198), ("confirmed_pageviews", 99), ("bounce_rate", 99)]
    {
        assert_eq!(of(metric), value, "{metric}");
    }
    // The page shows the same.
    let (_, page) = port.get("/?details=pages&period=day&search=/page/99").await;
    assert_eq!(rows(&page)[0][..3], ["/page/99", "99", "198"]);
}

#[tokio::test]
async fn no_cell_of_a_file_is_a_formula() {
    let port = Port::local().await;
    let hostile = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "＝1",
        "'=1",
        "\n=1",
        "\"quoted\", and\nbroken",
        "</script><b>",
        "\u{202e}fdp",
    ];
    let fields = hostile.map(|name| (Dimension::UtmTerm, name, Stored::Visitors, 3));
    port.store.add("example.org", today(), &fields);
    let path = "details=sources&sources=visit:utm_term&sort=name";
    let answer = port.request(&format!("/details.csv?{path}")).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(name, r#"attachment; filename="sources_2026-11-24_2026-11-24.csv""#);
    let text = answer.text().await.unwrap();
    let mut file = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(&file.headers().unwrap()[0], "visit:utm_term");
    let read: Vec<String> = file.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(read.len(), hostile.len());
    for name in hostile {
        let is_formula = name.starts_with(['=', '+', '-', '@', '\t', '＝', '\'', '\n']);
        let expected = if is_formula { format!("'{name}") } else { name.to_owned() };
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
    let (_, file) = port.json(&format!("/details.json?{path}")).await;
    let told: Vec<&str> = file["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["dimensions"][0].as_str().unwrap())
        .collect();
    assert!(hostile.iter().all(|name| told.contains(name)), "as they are: {told:?}");
    let (_, page) = port.get(&format!("/?{path}")).await;
    assert!(!page.contains("<b>") && page.contains("&lt;/script&gt;&lt;b&gt;"), "{page}");
}

/// A page about robots tells of people as well, whose event rows are kept apart from theirs.
#[tokio::test]
async fn the_last_hours_are_told_by_the_rows_of_whom_each_card_is_about() {
    let port = Port::local().await;
    let suspected = [(Dimension::Network, "Data centre"), (Dimension::Suspected, "yes")];
    let views: [(&str, &[_]); 3] = [("/", &suspected), ("/a", &suspected[..1]), ("/", &[])];
    port.store.view("example.org", today(), &views);
    let robot = ("Googlebot", BotClass::Search, "/", Flags::default());
    let reader = ("GPTBot", BotClass::AiTraining, "/a", Flags::READ);
    port.store.fetch("example.org", today(), &[robot, reader, robot, reader, robot]);
    let counted = [(BotClass::Search, 3), (BotClass::AiTraining, 2)]
        .map(|(class, n)| (Dimension::BotClass, class.as_str(), Stored::Responses, n));
    port.store.add("example.org", today(), &counted);
    port.clock.set(NOW + MINUTE);
    let expected = [
        ("suspected", json!([["no", 2], ["yes", 1]])),
        ("networks", json!([["Data centre", 2]])),
        ("bots", json!([["Googlebot", 3], ["GPTBot", 2]])),
        ("ai-makers", json!([["OpenAI (ChatGPT)", 2]])),
    ];
    for more in ["", "&topic=bots", "&suggest=true&property=bot:name"] {
        for (card, rows) in &expected {
            let path = format!("/details.json?details={card}&period=24h{more}");
            let (_, told) = port.json(&path).await;
            let found = told["results"].as_array().unwrap().iter();
            let found: Vec<_> =
                found.map(|row| json!([row["dimensions"][0], row["metrics"][0]])).collect();
            assert_eq!(json!(found), *rows, "{path}: {told}");
        }
    }
    // All of them together.
    let (_, all) = port.json("/details.json?topic=bots&period=24h").await;
    for (card, rows) in &expected {
        let found = all["cards"][card]["results"].as_array().unwrap().iter();
        let found: Vec<_> =
            found.map(|row| json!([row["dimensions"][0], row["metrics"][0]])).collect();
        assert_eq!(json!(found), *rows, "{card}: {all}");
    }
    let (_, page) = port.get("/?topic=bots&period=24h").await;
    for (card, figures) in
        [("suspected", ["2", "1"]), ("networks", ["2", "100%"]), ("bots", ["3", "2"])]
    {
        let card = page.split(&format!(r#"<section class="card" id="{card}""#)).nth(1).unwrap();
        let body = card.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        for figure in figures {
            assert!(body.contains(&format!("<td>{figure}</td>")), "{figure}: {body}");
        }
    }
    // What is typed is suggested from its own rows, too.
    let (_, page) = port.get("/?details=suspected&period=24h&suggest=true&property=bot:name").await;
    assert!(page.contains(r#"<option value="Googlebot">"#), "{page}");
}

#[tokio::test]
async fn money_is_told_in_the_currency_of_the_site() {
    let amount = 12_345_678_i64;
    let fields = [
        (Dimension::Total, "", Stored::Events, 4),
        (Dimension::Total, "", Stored::Revenue, amount),
        (Dimension::Event, "Order", Stored::Events, 4),
        (Dimension::Event, "Order", Stored::Visitors, 3),
        (Dimension::Event, "Order", Stored::Revenue, amount),
        (Dimension::Goal, "Signup", Stored::Events, 4),
        (Dimension::Goal, "Signup", Stored::Visitors, 3),
        (Dimension::Goal, "Signup", Stored::Revenue, 1_500),
    ];
    let euros = Port::selling(Currency::EUR).await;
    let plain = Port::local().await;
    for port in [&euros, &plain] {
        port.store.add("example.org", today(), &fields);
    }
    let tile = "/?filters=event:name%3D%3DOrder&metric=total_revenue";
    for (say, path, with, without) in [
        (English, "/", "<td>€12,346</td>", "<td>12,346</td>"),
        (English, "/", "<td>€1.50</td>", "<td>1.50</td>"),
        (German, "/", "<td>12.346\u{a0}€</td>", "<td>12.346</td>"),
        (German, "/", "<td>1,50\u{a0}€</td>", "<td>1,50</td>"),
        (Spanish, "/", "<td>12.346\u{a0}€</td>", "<td>12.346</td>"),
        // In full, and the average.
        (English, "/?details=events", "<td>€12,345.68</td>", "<td>12,345.68</td>"),
        (German, "/?details=events", "<td>12.345,68\u{a0}€</td>", "<td>12.345,68</td>"),
        (German, "/?details=events", "<td>3.086,42\u{a0}€</td>", "<td>3.086,42</td>"),
        (German, "/?details=goals", "<td>1,50\u{a0}€</td>", "<td>1,50</td>"),
        // A tile, and the chart.
        (German, tile, r#"class="figure">12.346"#, r#"class="figure">12.346<"#),
    ] {
        let path = format!("{path}{}period=day", if path.contains('?') { "&" } else { "?" });
        let (_, page) = euros.get_in(say, &path).await;
        assert!(page.contains(with), "{path}: no {with} in {page}");
        let (_, page) = plain.get_in(say, &path).await;
        assert!(page.contains(without) && !page.contains('€'), "{path}: no {without} in {page}");
    }
    // Files hold numbers.
    let (_, file) = euros.get("/details.csv?details=events&period=day").await;
    assert!(file.contains(",12345.678,") && !file.contains('€'), "{file}");
}

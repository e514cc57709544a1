//! The demo's history on screen, in both stores: the tiles, every number of every card and of a
//! card's own page, whatever is filtered, are what the API says and what a plain count of the
//! exported event rows gives.
//!
//! `make test` has two weeks of it, `make year` the whole year.

use crate::browser::Browser;
use crate::common::redis::RedisServer;
use crate::dashboard::run;
use crate::program::{Headcount, TOKEN};
use chrono::{DateTime, Days, NaiveDate};
use headcount::clock::Clock;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use url::Url;

fn days() -> u64 {
    if std::env::var_os("YEAR").is_some() { 365 } else { 14 }
}

/// What is asked for, beside the time: filters, and what the cards show.
const VIEWS: [&str; 12] = [
    "",
    "filters=visit:country%3D%3DDE",
    "filters=event:page%3D%3D/cakes",
    "filters=visit:country%3D%3DDE%7CUS;visit:device!%3DDesktop&pages=visit:entry_page",
    "filters=event:page%3D@recipes;visit:channel%3D%3DOrganic+Search&devices=visit:os",
    "filters=visit:source%3D~^Goo;visit:browser!%3DSafari&sources=visit:source&pages=reading",
    "filters=event:goal%3D%3DOrder&pages=visit:exit_page&devices=visit:browser",
    "pages=visit:exit_page&sources=visit:utm_campaign&devices=visit:browser",
    "pages=visit:entry_page&sources=visit:source&devices=visit:os",
    "pages=reading&filters=visit:device%3D%3DMobile",
    "details=pages&sort=pageviews&filters=visit:country%3D%3DUS",
    "details=sources&sources=visit:source",
];

/// How much is on the screen at least, of all views together.
const NUMBERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn all_numbers_of_the_demo_in_sqlite() {
    all_numbers("sqlite:headcount.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_numbers_of_the_demo_in_redis() {
    let redis = RedisServer::start();
    all_numbers(&redis.url()).await;
}

async fn all_numbers(store: &str) {
    let headcount = Headcount::demo_of(days(), store);
    // Today goes on.
    let now = DateTime::from_timestamp_millis(Clock::system().now()).unwrap();
    let last = now.date_naive() - Days::new(1);
    let first = last - Days::new(days() - 2);
    let period = format!("period=custom&date={first},{last}");
    let rows = rows(&headcount, first, last).await;
    let browser = Browser::reader().await;
    let (mut told, mut counted) = (0, 0);
    for view in VIEWS {
        browser.goto(&headcount.admin_url(&format!("/?{period}&{view}"))).await.unwrap();
        let seen = run(&browser, SEEN).await;
        let seen: Seen = serde_json::from_value(seen).unwrap();
        let filters = filters_of(&format!("http://h/?{view}"));
        let tiles: Vec<_> = seen.tiles.iter().map(|(name, _)| column(name)).collect();
        if !tiles.is_empty() {
            let asked =
                format!("aggregate?{period}&{}&metrics={}", filter(&filters), metrics(&tiles));
            let answer = headcount.stats(&asked).await;
            for ((name, metric, unit), (_, shown)) in tiles.iter().zip(&seen.tiles) {
                same(*unit, shown, &answer[*metric]["value"], &format!("{view}: {name}"));
                told += 1;
                if let Some(matches) = plain(&filters).filter(|_| *name == "Pageviews") {
                    let views = rows.iter().filter(|row| row.is_view() && matches(row)).count();
                    assert!(
                        is_count(shown, views as f64),
                        "{view}: {shown} views, counted {views}"
                    );
                    counted += 1;
                }
            }
        }
        for card in &seen.cards {
            let of_card = check_card(&headcount, &rows, &period, view, &filters, card).await;
            told += of_card.0;
            counted += of_card.1;
        }
    }
    // A page's own view tells its hours, and those of the day before, as a filter does.
    let hours = "return [...document.querySelectorAll('#numbers tbody tr')]
        .map((row) => [...row.children].map((cell) => cell.textContent))";
    let mut seen = Vec::new();
    for shown in ["page=/", "filters=event:page%3D%3D/"] {
        let day = format!("/?period=day&date={last}&interval=hour&{shown}");
        browser.goto(&headcount.admin_url(&day)).await.unwrap();
        seen.push(run(&browser, hours).await);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].as_array().unwrap().len(), 24);
    println!(
        "{store}: {told} numbers as the API has them, {counted} counted from {} rows",
        rows.len()
    );
    assert!(told > NUMBERS && counted > NUMBERS / 5, "{told} and {counted} numbers on the screen");
}

/// Compares a card's rows; gives how many numbers the API knew, and how many were counted.
async fn check_card(
    headcount: &Headcount,
    rows: &[Row],
    period: &str,
    view: &str,
    filters: &[String],
    card: &Card,
) -> (usize, usize) {
    let Some(first) = card.rows.first() else { return (0, 0) };
    let own = filters_of(&first.link);
    let property = condition(own.last().unwrap()).0.to_owned();
    let mut columns: Vec<_> = card.columns.iter().skip(1).map(|name| column(name)).collect();
    if card.id != "goals" {
        // Of those in the row who reached the goal that is filtered by.
        let rates = columns.iter_mut().filter(|own| own.0 == "Rate");
        rates.for_each(|own| own.1 = "group_conversion_rate");
    }
    let asked = format!(
        "breakdown?{period}&property={property}&limit=1000&{}&metrics={}",
        filter(filters),
        metrics(&columns)
    );
    let answer = headcount.stats(&asked).await;
    let key = property.split(':').next_back().unwrap();
    let (mut told, mut counted) = (0, 0);
    for shown in &card.rows {
        let own = filters_of(&shown.link);
        let value = condition(own.last().unwrap()).2;
        let place = format!("{view}: {}, {property} {value}", card.id);
        let found = answer.as_array().unwrap().iter().find(|row| row[key] == named(value));
        // Goals are there before anybody reaches them.
        let Some(found) = found else {
            let nothing = shown.cells.iter().all(|cell| ["0", "0%", "–"].contains(&&**cell));
            assert!(property == "event:goal" && nothing, "{place} is not in {answer}");
            continue;
        };
        for ((name, metric, unit), text) in columns.iter().zip(&shown.cells) {
            same(*unit, text, &found[*metric], &format!("{place}: {name}"));
            told += 1;
            let plain = |own: &Row| match *name {
                "Views" => own.is_view(),
                // A visit that goes on after midnight is of its first day.
                "Visits" => own.is_view() && own.flags().any(|flag| flag == "begins"),
                "Served" => own.is_view() && own.flags().any(|flag| flag == "server"),
                _ => false,
            };
            // The last page is known once all of a visit is, and a page's visits began elsewhere.
            let of_all = !["visit:exit_page", "event:goal", "event:name"].contains(&&*property);
            let of_visits = *name == "Visits"
                && (property == "event:page" || filters.iter().any(|f| f.starts_with("event:")));
            let is_plain = ["Views", "Visits", "Served"].contains(name) && of_all && !of_visits;
            if let Some(matches) = self::plain(&[filters, &own[own.len() - 1..]].concat())
                && is_plain
            {
                let number = rows.iter().filter(|row| plain(row) && matches(row)).count();
                assert!(is_count(text, number as f64), "{place}: {name} {text}, counted {number}");
                counted += 1;
            }
        }
    }
    (told, counted)
}

/// What is on a page.
#[derive(Debug, Deserialize)]
struct Seen {
    tiles: Vec<(String, String)>,
    cards: Vec<Card>,
}

#[derive(Debug, Deserialize)]
struct Card {
    id: String,
    columns: Vec<String>,
    rows: Vec<Shown>,
}

/// A row that filters.
#[derive(Debug, Deserialize)]
struct Shown {
    link: String,
    cells: Vec<String>,
}

const SEEN: &str = "
    const text = (of) => of.textContent.replace(/[↑↓]/, '').trim();
    const cards = [...document.querySelectorAll('.card[id], .details')].map((card) => ({
        id: card.id || 'details',
        columns: [...card.querySelectorAll('thead th')].map(text),
        rows: [...card.querySelectorAll('tbody tr')]
            .filter((row) => row.querySelector('th a')?.href.includes('filters='))
            .map((row) => ({
                link: row.querySelector('th a').href,
                cells: [...row.querySelectorAll('td')].map(text),
            })),
    }));
    const tiles = [...document.querySelectorAll('.tile')].map((tile) =>
        [text(tile.querySelector('.name')), text(tile.querySelector('.figure'))]);
    return { tiles, cards };";

/// How a number is written.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Count,
    Decimal,
    Percent,
    Time,
    Bytes,
    Money,
}

type Column = (&'static str, &'static str, Unit);

/// Tiles and columns by their names.
const COLUMNS: [Column; 27] = [
    ("Unique visitors", "visitors", Unit::Count),
    ("Pageviews", "pageviews", Unit::Count),
    ("Conversion rate", "conversion_rate", Unit::Percent),
    ("Visitors", "visitors", Unit::Count),
    ("Visits", "visits", Unit::Count),
    ("Views", "pageviews", Unit::Count),
    ("Events", "conversions", Unit::Count),
    ("Total", "conversions", Unit::Count),
    ("Served", "server_pageviews", Unit::Count),
    ("Confirmed", "confirmed_pageviews", Unit::Count),
    ("Browser only", "browser_pageviews", Unit::Count),
    ("Confirmed visitors", "confirmed_visitors", Unit::Count),
    ("Views per visit", "views_per_visit", Unit::Decimal),
    ("Unconfirmed", "blind_spot", Unit::Percent),
    ("Bounce", "bounce_rate", Unit::Percent),
    ("Bounce rate", "bounce_rate", Unit::Percent),
    ("Exit rate", "exit_rate", Unit::Percent),
    ("Rate", "conversion_rate", Unit::Percent),
    ("Of all visitors", "percentage", Unit::Percent),
    ("Scroll", "scroll_depth", Unit::Percent),
    ("Scroll depth", "scroll_depth", Unit::Percent),
    ("Time", "time_on_page", Unit::Time),
    ("Time on page", "time_on_page", Unit::Time),
    ("Visit duration", "visit_duration", Unit::Time),
    ("Sent", "bytes", Unit::Bytes),
    ("Revenue", "total_revenue", Unit::Money),
    ("Average revenue", "average_revenue", Unit::Money),
];

fn column(name: &str) -> Column {
    *COLUMNS.iter().find(|own| own.0 == name).unwrap_or_else(|| panic!("what is {name}?"))
}

fn metrics(columns: &[Column]) -> String {
    columns.iter().map(|own| own.1).collect::<Vec<_>>().join(",")
}

/// The conditions of a link, each as it stands there.
fn filters_of(link: &str) -> Vec<String> {
    let link = Url::parse(link).unwrap();
    let filters = link.query_pairs().find(|(key, _)| key == "filters");
    filters.map_or(Vec::new(), |(_, all)| all.split(';').map(str::to_owned).collect())
}

fn filter(filters: &[String]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("filters", &filters.join(";"))
        .finish()
}

/// Property, operator and value.
fn condition(filter: &str) -> (&str, &str, &str) {
    let operators = ["==", "!=", "=@", "=~"];
    let at = |operator: &&str| filter.find(operator).map(|at| (at, operator.len()));
    let (at, length) = operators.iter().filter_map(at).min().unwrap();
    (&filter[..at], &filter[at..at + length], &filter[at + length..])
}

/// Names that the API has as Plausible has them.
fn named(value: &str) -> &str {
    match value {
        "macOS" => "Mac",
        "Edge" => "Microsoft Edge",
        "File download" => "File Download",
        "Outbound link" => "Outbound Link: Click",
        same => same,
    }
}

/// Whether a number of the API is shown so.
#[track_caller]
fn same(unit: Unit, shown: &str, told: &Value, what: &str) {
    let Some(number) = told.as_f64() else {
        assert!(told.is_null() && shown == "–", "{what}: {shown} for {told}");
        return;
    };
    let plain = |text: &str| text.replace(',', "").parse::<f64>().unwrap_or(f64::NAN);
    let is_same = match unit {
        Unit::Count => is_count(shown, number),
        Unit::Decimal => (plain(shown) - number).abs() <= 0.005_1,
        Unit::Percent => (plain(shown.trim_end_matches('%')) - number).abs() <= 0.5,
        Unit::Time => {
            let part = |of: &str| match of.split_at(of.len() - 1) {
                (hours, "h") => plain(hours) * 3_600.0,
                (minutes, "m") => plain(minutes) * 60.0,
                (seconds, _) => plain(seconds),
            };
            // Rows of days gone by know whole seconds, the roll-ups that may answer instead know more.
            (shown.split(' ').map(part).sum::<f64>() - number).abs() <= 1.0
        }
        Unit::Bytes => {
            let (digits, unit) = shown.split_once(' ').unwrap();
            let units = ["B", "kB", "MB", "GB"];
            let power = units.iter().position(|own| *own == unit).unwrap();
            let size = 1_000_f64.powi(power as i32);
            (plain(digits) * size - number).abs() <= size / 2.0
        }
        // Large sums are told in whole units.
        Unit::Money => {
            let step = if shown.contains('.') { 0.005_1 } else { 0.5 };
            (plain(shown) - number).abs() <= step
        }
    };
    assert!(is_same, "{what}: {shown} for {number}");
}

/// A count is written out, or from a hundred thousand on in thousands.
fn is_count(shown: &str, number: f64) -> bool {
    let plain = |text: &str| text.replace(',', "").parse::<f64>().unwrap_or(f64::NAN);
    match shown.strip_suffix('k') {
        Some(thousands) => number >= 100_000.0 && (plain(thousands) * 1e3 - number).abs() <= 500.0,
        None => plain(shown) == number,
    }
}

/// An event row, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    flags: Option<String>,
    page: Option<String>,
    entry_page: Option<String>,
    source: Option<String>,
    channel: Option<String>,
    utm_campaign: Option<String>,
    country: Option<String>,
    device: Option<String>,
    browser: Option<String>,
    os: Option<String>,
}

impl Row {
    fn is_view(&self) -> bool {
        self.kind == "view"
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        self.flags.iter().flat_map(|flags| flags.split(' '))
    }

    fn value(&self, property: &str) -> Option<&str> {
        let value = match property {
            "event:page" => &self.page,
            "visit:entry_page" => &self.entry_page,
            "visit:source" => &self.source,
            "visit:channel" => &self.channel,
            "visit:utm_campaign" => &self.utm_campaign,
            "visit:country" => &self.country,
            "visit:device" => &self.device,
            "visit:browser" => &self.browser,
            "visit:os" => &self.os,
            other => panic!("{other} is not counted here"),
        };
        value.as_deref()
    }
}

/// Which rows filters keep; `None`: it takes more than the row to know.
fn plain(filters: &[String]) -> Option<impl Fn(&Row) -> bool> {
    let all = filters.to_vec();
    if all.iter().any(|filter| ["event:goal", "event:name"].contains(&condition(filter).0)) {
        return None;
    }
    Some(move |row: &Row| {
        all.iter().all(|filter| {
            let (property, operator, value) = condition(filter);
            let own = row.value(property).unwrap_or_default();
            let values: HashSet<_> = value.split('|').collect();
            match operator {
                "==" => values.contains(own),
                "!=" => !values.contains(own),
                "=@" => own.contains(value),
                _ => own.starts_with(value.trim_start_matches('^')),
            }
        })
    })
}

async fn rows(headcount: &Headcount, first: NaiveDate, last: NaiveDate) -> Vec<Row> {
    let path = format!("/api/v1/export?date_from={first}&date_to={last}&format=ndjson");
    let get = reqwest::Client::new().get(headcount.admin_url(&path)).bearer_auth(TOKEN);
    let text = get.send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

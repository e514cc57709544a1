//! Exported event rows, and what a naive loop over them counts: visitors, views, visits, bounces,
//! durations, steps of a funnel. Of the program it shares only how the store keeps whose rows are:
//! an export has nothing by which visitors are recognised.

use crate::program::{Headcount, TOKEN};
use chrono::{DateTime, Days, NaiveDate};
use headcount::model::VisitorHash;
use headcount::model::row::RowsOf;
use headcount::store::{self, Upkeep};
use once_cell::sync::Lazy;
use regex::Regex;
use serde::{Deserialize, Deserializer};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Days that are asked for at a time: a year's rows are half a gigabyte of text.
const AT_ONCE: u64 = 20;

/// Kept once for all rows.
type Word = &'static str;

/// An event row, as far as it is needed. What it has not is empty, or 0.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// Milliseconds.
    #[serde(deserialize_with = "time")]
    pub time: i64,
    pub day: NaiveDate,
    #[serde(deserialize_with = "word")]
    pub kind: Word,
    #[serde(deserialize_with = "word")]
    flags: Word,
    visit: Option<u32>,
    view: Option<u32>,
    #[serde(deserialize_with = "word")]
    pub page: Word,
    #[serde(deserialize_with = "word")]
    entry_page: Word,
    #[serde(deserialize_with = "word")]
    source: Word,
    #[serde(deserialize_with = "word")]
    pub channel: Word,
    #[serde(deserialize_with = "word")]
    utm_campaign: Word,
    #[serde(deserialize_with = "word")]
    country: Word,
    #[serde(deserialize_with = "word")]
    device: Word,
    #[serde(deserialize_with = "word")]
    browser: Word,
    #[serde(deserialize_with = "word")]
    os: Word,
    #[serde(deserialize_with = "word")]
    pub screen: Word,
    #[serde(deserialize_with = "word")]
    pub name: Word,
    #[serde(deserialize_with = "word")]
    pub bot_class: Word,
    pub depth: Option<u32>,
    #[serde(skip)]
    visitor: Option<VisitorHash>,
}

/// The few texts there are, each once.
fn word<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
    static WORDS: Lazy<Mutex<HashSet<&'static str>>> = Lazy::new(Mutex::default);
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    let mut words = WORDS.lock().unwrap();
    Ok(words.get(&*text).copied().unwrap_or_else(|| {
        let kept: &'static str = text.leak();
        words.insert(kept);
        kept
    }))
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let text = String::deserialize(from)?;
    let time = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
    Ok(time.timestamp_millis())
}

/// Which visit of which day.
pub type Visit = (NaiveDate, u32);

impl Row {
    pub fn is_view(&self) -> bool {
        self.kind == "view"
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|own| own == flag)
    }

    /// A visit begins with it: one that goes on after midnight is of its first day.
    pub fn begins(&self) -> bool {
        self.is_view() && self.has("begins")
    }

    pub fn of_visit(&self) -> Option<Visit> {
        Some((self.day, self.visit?))
    }

    /// Whose it is: a visitor is another on each day.
    pub fn of_visitor(&self) -> Option<(NaiveDate, VisitorHash)> {
        Some((self.day, self.visitor?))
    }

    /// Which of the views of a visit it is about.
    pub fn of_view(&self) -> Option<(Visit, u32)> {
        Some((self.of_visit()?, self.view?))
    }

    /// What a bot got, a page that is missing, a file that was taken.
    pub fn is_response(&self) -> bool {
        match self.kind {
            "bot" | "error" => self.has("answered"),
            "download" => self.has("begins"),
            _ => false,
        }
    }

    /// A view of its visit: on the visit's first day one after midnight is an activity.
    fn tells_view(&self) -> bool {
        self.is_view() || self.has("viewed")
    }

    /// Ends a bounce.
    fn is_interactive(&self) -> bool {
        let acts = ["event", "outbound", "file"].contains(&self.kind) && !self.has("passive");
        acts || self.has("interactive")
    }

    /// `None`: it is not counted here.
    fn value(&self, property: &str) -> Option<&'static str> {
        let of = |kind: &str, value| Some(if self.kind == kind { value } else { "" });
        match property {
            "event:page" => Some(self.page),
            "visit:entry_page" => Some(self.entry_page),
            "visit:source" => Some(self.source),
            "visit:channel" => Some(self.channel),
            "visit:utm_campaign" => Some(self.utm_campaign),
            "visit:country" => Some(self.country),
            "visit:device" => Some(self.device),
            "visit:browser" => Some(self.browser),
            "visit:os" => Some(self.os),
            "bot:name" => of("bot", self.name),
            "bot:page" => of("bot", self.page),
            "bot:class" => of("bot", self.bot_class),
            "error:page" => of("error", self.page),
            "download:path" => of("download", self.page),
            _ => None,
        }
    }
}

/// Property, operator and value.
pub fn condition(filter: &str) -> (&str, &str, &str) {
    let operators = ["==", "!=", "=@", "!@", "=~", "!~"];
    let at = |operator: &&str| filter.find(operator).map(|at| (at, operator.len()));
    let (at, length) = operators.iter().filter_map(at).min().unwrap();
    (&filter[..at], &filter[at..at + length], &filter[at + length..])
}

/// Whether a row is kept.
type Keeps = Box<dyn Fn(&Row) -> bool>;

/// Which rows filters keep; `None`: it takes more than the row to know.
pub fn plain(filters: &[String]) -> Option<impl Fn(&Row) -> bool + use<>> {
    let is = |filter: &String| -> Option<Keeps> {
        let (property, operator, value) = condition(filter);
        let (property, value) = (property.to_owned(), value.to_owned());
        let known = ["event:page", "visit:entry_page", "visit:source", "visit:channel"];
        let also = ["visit:utm_campaign", "visit:country", "visit:device", "visit:browser"];
        let last = ["visit:os", "bot:name", "bot:page", "bot:class", "error:page", "download:path"];
        if ![&known[..], &also, &last].concat().contains(&&*property) {
            return None;
        }
        let values: Vec<String> = value.split('|').map(str::to_owned).collect();
        let own = move |row: &Row| row.value(&property).unwrap_or_default();
        Some(match operator {
            "==" => Box::new(move |row| values.iter().any(|value| value == own(row))),
            "!=" => Box::new(move |row| values.iter().all(|value| value != own(row))),
            "=@" => Box::new(move |row| values.iter().any(|value| own(row).contains(value))),
            "!@" => Box::new(move |row| !values.iter().any(|value| own(row).contains(value))),
            _ => {
                let (pattern, is) =
                    (Regex::new(&value.replace("\\|", "|")).unwrap(), operator == "=~");
                Box::new(move |row| pattern.is_match(own(row)) == is)
            }
        })
    };
    let all = filters.iter().map(is).collect::<Option<Vec<_>>>()?;
    Some(move |row: &Row| all.iter().all(|is| is(row)))
}

/// Visits with a row that was asked for, and all that happened in them.
#[derive(Debug, Default)]
pub struct Visits {
    pub visits: f64,
    pub views: f64,
    pub bounces: f64,
    pub seconds: f64,
}

impl Visits {
    pub fn of<'r>(rows: impl Iterator<Item = &'r Row>, is: impl Fn(&Row) -> bool) -> Self {
        #[derive(Default)]
        struct One {
            is: bool,
            begins: bool,
            views: u32,
            interactive: bool,
            times: Option<(i64, i64)>,
        }
        let mut all: HashMap<Visit, One> = HashMap::new();
        for row in rows {
            let Some(visit) = row.of_visit() else { continue };
            let one = all.entry(visit).or_default();
            one.is |= row.tells_view() && is(row);
            one.begins |= row.begins();
            one.views += u32::from(row.tells_view());
            one.interactive |= row.is_interactive();
            if ["confirm", "vital", "sent"].contains(&row.kind) {
                continue;
            }
            let (first, last) = one.times.unwrap_or((row.time, row.time));
            one.times = Some((first.min(row.time), last.max(row.time)));
        }
        let mut sum = Self::default();
        // One that goes on after midnight counts on its first day.
        for one in all.values().filter(|one| one.is && one.begins) {
            let (first, last) = one.times.unwrap_or_default();
            sum.visits += 1.0;
            sum.views += f64::from(one.views);
            sum.bounces += f64::from(u8::from(one.views == 1 && !one.interactive));
            sum.seconds += (last - first) as f64 / 1_000.0;
        }
        sum
    }
}

/// Rows by visit, each in the order of time.
pub fn by_visit<'r>(rows: impl Iterator<Item = &'r Row>) -> HashMap<Visit, Vec<&'r Row>> {
    let mut all: HashMap<Visit, Vec<&Row>> = HashMap::new();
    for row in rows {
        let Some(visit) = row.of_visit() else { continue };
        all.entry(visit).or_default().push(row);
    }
    all
}

/// How many visitors there are in rows.
pub fn visitors<'r>(rows: impl Iterator<Item = &'r Row>) -> usize {
    rows.filter_map(Row::of_visitor).collect::<HashSet<_>>().len()
}

/// All rows of days that are over, and whose they are.
pub async fn rows_of_visitors(
    headcount: &Headcount,
    store: &str,
    site: &str,
    (first, last): (NaiveDate, NaiveDate),
) -> Vec<Row> {
    let store = store::open(&store.parse().unwrap(), headcount.dir.path()).unwrap();
    let mut all = Vec::new();
    let mut from = first;
    while from <= last {
        let to = last.min(from + Days::new(AT_ONCE - 1));
        let days = || from.iter_days().take_while(|day| *day <= to);
        // In between blocks may be merged, and then rows stand in another order.
        for attempt in 1.. {
            let mut part = rows(headcount, site, from, to).await;
            if recognise(&mut part, &*store, site, days()).await {
                all.append(&mut part);
                break;
            }
            assert!(attempt < 3, "exported are not the rows that are stored, {from} to {to}");
        }
        from = to + Days::new(1);
    }
    all
}

/// All rows of days, few of these at a time.
pub async fn rows(
    headcount: &Headcount,
    site: &str,
    first: NaiveDate,
    last: NaiveDate,
) -> Vec<Row> {
    let path =
        format!("/api/v1/export?site_id={site}&date_from={first}&date_to={last}&format=ndjson");
    let get = reqwest::Client::new().get(headcount.admin_url(&path)).bearer_auth(TOKEN);
    let answer = get.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str::<Row>(line).unwrap()).collect()
}

/// Whether the stored rows are the same, one by one. Those say whose they are.
async fn recognise(
    rows: &mut [Row],
    store: &dyn Upkeep,
    site: &str,
    days: impl Iterator<Item = NaiveDate>,
) -> bool {
    let mut rows = rows.iter_mut();
    for day in days {
        for of in RowsOf::ALL {
            for packed in store.rows(site, day, of).await.unwrap().blocks {
                for stored in packed.block().unwrap().rows() {
                    let is_same = |row: &Row| {
                        (row.day, row.time, row.page) == (day, stored.at, &*stored.page)
                            && row.kind == stored.kind.as_str()
                    };
                    match rows.next() {
                        Some(row) if is_same(row) => row.visitor = stored.of.visitor,
                        _ => return false,
                    }
                }
            }
        }
    }
    rows.next().is_none()
}

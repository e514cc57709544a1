//! Answers from event rows against what the roll-ups hold: random traffic is aggregated, and for
//! every property, value and metric that a roll-up's row knows, the rows of the day say the same.
//! Two and three properties at once are compared with a plain count over the rows.

mod common {
    pub mod handed;
    pub mod traffic;
}

use common::handed::Handed;
use common::traffic::Traffic;
use headcount::aggregate::{Limits, Shard};
use headcount::model::DayCounts;
use headcount::model::rollup::Metric::{
    Beacons, Bounces, Browser, Bytes, Complete, Confirmed, ConfirmedVisitors, Duration, Engagement,
    Events, Responses, Revenue, ScrollDepth, ScrollViews, Seen, Server, Subscribers, Unverified,
    VisitViews, Visitors, Visits,
};
use headcount::model::rollup::{Dimension, Metric, PART, Row};
use headcount::model::row::{EventRow, Flags, Kind, RowsOf};
use headcount::model::site::{Day, Site};
use headcount::report::scan::{Asked, By, DayRows, Expr, Groups, Wanted, funnel, scan};
use headcount::report::{Days, Interval, Property, Query, Range, Rows};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct Played {
    site: Site,
    counts: BTreeMap<Day, DayCounts>,
    rows: BTreeMap<Day, Vec<EventRow>>,
    days: BTreeMap<Day, [Arc<DayRows>; 2]>,
}

fn play(seed: u64, length: usize) -> Played {
    let traffic = Traffic::new(seed, length);
    let limits = Limits { visitors: 100_000, rows: 10_000 };
    let mut shard = Shard::new(Arc::new(vec![traffic.site.clone()]), limits);
    let mut handed = Handed::new(&traffic.site, limits.visitors);
    let mut windows = BTreeMap::new();
    for (i, (_, hit)) in traffic.hits.iter().cloned().enumerate() {
        shard.apply(handed.hand(hit));
        if i % 41 == 40 || i + 1 == traffic.hits.len() {
            for ((_, day), window) in shard.seal() {
                windows.entry(day).or_insert_with(Vec::new).push(window);
            }
        }
    }
    let (mut counts, mut rows, mut days) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (day, windows) in windows {
        let (mut people, mut others) = (Vec::new(), Vec::new());
        let of_day: &mut DayCounts = counts.entry(day).or_default();
        let all: &mut Vec<EventRow> = rows.entry(day).or_default();
        for window in windows {
            for ((dimension, value), row) in &window.rows {
                of_day.add_row(*dimension, value, row);
            }
            all.extend(window.people.rows().chain(window.others.rows()));
            people.extend(window.people.into_packed().map(|packed| packed.block().unwrap()));
            others.extend(window.others.into_packed().map(|packed| packed.block().unwrap()));
        }
        days.insert(day, [people, others].map(|blocks| Arc::new(DayRows::new(blocks))));
    }
    Played { site: traffic.site, counts, rows, days }
}

fn property(name: &str) -> Property {
    Property::parse(name).unwrap()
}

const VIEWS: &[Metric] = &[Server, Confirmed, Browser, Unverified, Visitors, ConfirmedVisitors];
const VISIT: &[Metric] = &[Visits, Bounces, Duration, VisitViews];
const ON_PAGE: &[Metric] = &[Visits, Bytes, Events, Revenue, Engagement, ScrollViews, ScrollDepth];

/// What roll-ups know of a property's rows.
fn known(name: &str) -> Vec<Metric> {
    let sets: &[&[Metric]] = match name {
        "event:page" => &[VIEWS, ON_PAGE],
        "visit:exit_page" => &[VISIT, &[Visitors]],
        "visit:screen" => &[&[Server, Confirmed, Browser, Unverified, Visitors]],
        "event:name" | "event:goal" => &[&[Events, Visitors, Revenue]],
        "event:outbound_link" | "event:file" => &[&[Events, Visitors]],
        "bot:name" | "bot:class" | "bot:identity" => &[&[Responses, Beacons]],
        "bot:page" | "bot:status" => &[&[Responses]],
        "error:page" | "error:status" | "error:link" => &[&[Responses, Seen]],
        "prefetch:page" => &[&[Responses, Seen, Bytes]],
        "download:path" => &[&[Responses, Complete, Bytes]],
        "visit:cached" => &[&[Browser]],
        // A confirmation that comes after suspicion fell stays out of the roll-up.
        "visit:suspected" => &[&[Server, Browser, Unverified, Visitors], VISIT],
        _ => &[VIEWS, VISIT],
    };
    sets.concat()
}

const PROPERTIES: [(&str, Dimension); 37] = [
    ("event:page", Dimension::Page),
    ("event:hostname", Dimension::Hostname),
    ("event:name", Dimension::Event),
    ("event:goal", Dimension::Goal),
    ("event:outbound_link", Dimension::Outbound),
    ("event:file", Dimension::File),
    ("visit:entry_page", Dimension::EntryPage),
    ("visit:exit_page", Dimension::ExitPage),
    ("visit:source", Dimension::Source),
    ("visit:referrer", Dimension::Referrer),
    ("visit:channel", Dimension::Channel),
    ("visit:utm_source", Dimension::UtmSource),
    ("visit:utm_medium", Dimension::UtmMedium),
    ("visit:utm_campaign", Dimension::UtmCampaign),
    ("visit:utm_content", Dimension::UtmContent),
    ("visit:utm_term", Dimension::UtmTerm),
    ("visit:country", Dimension::Country),
    ("visit:region", Dimension::Region),
    ("visit:city", Dimension::City),
    ("visit:device", Dimension::Device),
    ("visit:browser", Dimension::Browser),
    ("visit:os", Dimension::Os),
    ("visit:screen", Dimension::Screen),
    ("visit:language", Dimension::Language),
    ("visit:cached", Dimension::Cached),
    ("visit:suspected", Dimension::Suspected),
    ("bot:name", Dimension::BotName),
    ("bot:class", Dimension::BotClass),
    ("bot:page", Dimension::BotPage),
    ("bot:status", Dimension::BotStatus),
    ("bot:identity", Dimension::BotProof),
    ("error:page", Dimension::ErrorPage),
    ("error:status", Dimension::ErrorStatus),
    ("error:link", Dimension::ErrorLink),
    ("download:path", Dimension::Download),
    ("prefetch:page", Dimension::Prefetch),
    ("feed:path", Dimension::Feed),
];

fn range(played: &Played) -> Range {
    let days = &played.days;
    Range { first: *days.keys().next().unwrap(), last: *days.keys().last().unwrap() }
}

fn ask(played: &Played, day: Day, asked: &Asked) -> Groups {
    let [people, others] = &played.days[&day];
    let rows = if asked.of() == RowsOf::People { people } else { others };
    let asked = std::slice::from_ref(asked);
    scan(&played.site, range(played), [(day, &**rows)], asked).pop().unwrap()
}

/// The roll-up's rows by the names that the API has for their values.
fn of_rollup(counts: &DayCounts, name: &str, dimension: Dimension) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (value, row) in counts.rows(dimension) {
        let value = match (name, value) {
            ("feed:path", value) => value.split(PART).next().unwrap(),
            ("event:name", "Outbound link") => "Outbound Link: Click",
            ("event:name", "File download") => "File Download",
            ("visit:os", "macOS") => "Mac",
            ("visit:browser" | "visit:os" | "visit:device", "(unknown)") => "(not set)",
            ("visit:browser", "Edge") => "Microsoft Edge",
            (_, value) => value,
        };
        rows.entry(value.to_owned()).or_default().merge(&row);
    }
    rows
}

fn rows_and_rollups_agree(seed: u64, length: usize) -> Result<(), TestCaseError> {
    let played = play(seed, length);
    for (day, counts) in &played.counts {
        for (name, dimension) in PROPERTIES {
            let by = vec![By::Property(property(name))];
            let groups = ask(&played, *day, &Asked { by, ..Asked::default() });
            let rollup = of_rollup(counts, name, dimension);
            let mut metrics = known(name);
            if name == "feed:path" {
                metrics = vec![Responses, Subscribers];
            }
            let mut values: BTreeSet<&str> = rollup.keys().map(String::as_str).collect();
            values.extend(groups.keys().map(|key| &*key[0]));
            // Pageviews are events to the API, and no rows of the roll-up.
            values.remove("pageview");
            // Nor are visits that are not suspected.
            if name == "visit:suspected" {
                values.remove("no");
            }
            for value in values {
                let stored = rollup.get(value).copied().unwrap_or_default();
                let told = groups.get(&vec![Arc::from(value)]).copied().unwrap_or_default();
                for metric in &metrics {
                    prop_assert_eq!(
                        told.get(*metric),
                        stored.get(*metric),
                        "{} of {} {:?} on {}: rows, roll-up",
                        metric.as_str(),
                        name,
                        value,
                        day
                    );
                }
            }
        }
        let everything = ask(&played, *day, &Asked::default());
        let told = everything.get(&vec![]).copied().unwrap_or_default();
        let stored = counts.row(Dimension::Total, "");
        for metric in [VIEWS, VISIT, &ON_PAGE[1..]].concat() {
            prop_assert_eq!(told.get(metric), stored.get(metric), "{} on {}", metric.as_str(), day);
        }
        by_hours_agree(&played, *day, counts)?;
        for of in &played.site.funnels {
            let told = funnel(&played.site, [&*played.days[day][0]], &of.steps, None);
            let step = |nth: usize| format!("{}{PART}{}", of.name, nth + 1);
            let stored: Vec<i64> = (0..of.steps.len())
                .map(|nth| counts.row(Dimension::FunnelStep, &step(nth)).get(Visits))
                .collect();
            prop_assert_eq!(told, stored, "the funnel {} on {}: rows, roll-up", of.name, day);
        }
        for (of, rows) in RowsOf::ALL.iter().zip(&played.days[day]) {
            prop_assert!(rows.covers(*of, counts), "{:?} of {}", of, day);
        }
    }
    Ok(())
}

fn by_hours_agree(played: &Played, day: Day, counts: &DayCounts) -> Result<(), TestCaseError> {
    let groups =
        ask(played, day, &Asked { by: vec![By::Time(Interval::Hour)], ..Asked::default() });
    let mut hours: BTreeMap<String, Row> = BTreeMap::new();
    for (slot, row) in counts.rows(Dimension::Slot) {
        let at = slot.parse::<i64>().unwrap() * headcount::model::rollup::SLOT;
        hours.entry(format!("{day} {:02}:00:00", played.site.hour(at))).or_default().merge(&row);
    }
    hours.retain(|_, row| *row != Row::default());
    let metrics = [VIEWS, VISIT, &ON_PAGE[1..]].concat();
    for hour in hours.keys().cloned().chain(groups.keys().map(|key| key[0].to_string())) {
        let told = groups.get(&vec![Arc::from(&*hour)]).copied().unwrap_or_default();
        let stored = hours.get(&hour).copied().unwrap_or_default();
        for metric in &metrics {
            let (told, stored) = (told.get(*metric), stored.get(*metric));
            prop_assert_eq!(told, stored, "{} at {}: rows, roll-up", metric.as_str(), hour);
        }
    }
    Ok(())
}

/// A trait of a row's visit.
fn of(row: &EventRow, dimension: Dimension) -> Option<&str> {
    row.of.traits.get(dimension)
}

/// Pages that are viewed by visits of a browser and a channel, counted plainly: views, visitors,
/// visits that began on the day.
fn plain_count(rows: &[EventRow]) -> BTreeMap<[String; 3], (i64, i64, i64)> {
    type Sets = (i64, BTreeSet<String>, BTreeSet<u64>);
    let begun: BTreeSet<u64> = rows
        .iter()
        .filter(|row| row.kind == Kind::View && row.flags.has(Flags::BEGINS))
        .map(|row| row.of.visit)
        .collect();
    let mut groups: BTreeMap<[String; 3], Sets> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == Kind::View) {
        let (Some(browser), Some(channel)) =
            (of(row, Dimension::Browser), of(row, Dimension::Channel))
        else {
            continue;
        };
        let key = [row.page.to_string(), browser.to_owned(), channel.to_owned()];
        let (views, visitors, visits) = groups.entry(key).or_default();
        *views += 1;
        visitors.extend(row.of.visitor.map(|visitor| visitor.to_string()));
        visits.extend(Some(row.of.visit).filter(|visit| begun.contains(visit)));
    }
    let sizes =
        |(views, visitors, visits): Sets| (views, visitors.len() as i64, visits.len() as i64);
    groups.into_iter().map(|(key, sets)| (key, sizes(sets))).collect()
}

/// As the API names browsers.
fn browser_name(stored: &str) -> &str {
    match stored {
        "Edge" => "Microsoft Edge",
        "(unknown)" => "(not set)",
        "DuckDuckGo" => "DuckDuckGo Privacy Browser",
        "Chrome (in-app)" => "Mobile App",
        stored => stored,
    }
}

fn three_at_once_are_counted_plainly(seed: u64, length: usize) -> Result<(), TestCaseError> {
    let played = play(seed, length);
    let names = ["event:page", "visit:browser", "visit:channel"];
    let by: Vec<By> = names.iter().map(|name| By::Property(property(name))).collect();
    for (day, rows) in &played.rows {
        let groups = ask(&played, *day, &Asked { by: by.clone(), ..Asked::default() });
        let told = |row: &Row| (row.pageviews(), row.get(Visitors), row.get(Visits));
        let mut told: BTreeMap<Vec<String>, _> = groups
            .iter()
            .map(|(key, row)| (key.iter().map(|v| v.to_string()).collect(), told(row)))
            .collect();
        // A page on which something was done that was never viewed.
        told.retain(|_, (views, ..)| *views != 0);
        let expected: BTreeMap<Vec<String>, _> = plain_count(rows)
            .into_iter()
            .map(|([page, browser, channel], counts)| {
                (vec![page, browser_name(&browser).to_owned(), channel], counts)
            })
            .collect();
        prop_assert_eq!(told, expected);
    }
    Ok(())
}

/// Pages, told apart, of visitors that the filter lets through, against a plain loop.
fn filters_nest(seed: u64, length: usize) -> Result<(), TestCaseError> {
    let played = play(seed, length);
    let has = |name: &str, value: &str| Expr::Has(property(name), vec![Wanted::whole(value, true)]);
    let page = |part: &str| Expr::Has(property("event:page"), vec![Wanted::containing(part, true)]);
    // (Google or not a page with an "a") and whoever has seen "/" on that day.
    let filter = Expr::All(vec![
        Expr::Any(vec![has("visit:source", "Google"), Expr::Not(Box::new(page("a")))]),
        Expr::HasDone(Box::new(has("event:page", "/"))),
    ]);
    for (day, rows) in &played.rows {
        let asked = Asked { filter: Some(filter.clone()), ..Asked::default() };
        let told = ask(&played, *day, &asked).get(&vec![]).copied().unwrap_or_default();
        let people = || rows.iter().filter(|row| row.kind != Kind::Activity);
        let people = || people().filter(|row| (row.kind as u8) < Kind::Bot as u8);
        let seen: BTreeSet<_> =
            people().filter(|row| *row.page == *"/").filter_map(|row| row.of.visitor).collect();
        let lets = |row: &&EventRow| {
            (of(row, Dimension::Source) == Some("Google") || !row.page.contains('a'))
                && row.of.visitor.is_some_and(|visitor| seen.contains(&visitor))
        };
        let views: Vec<_> = people().filter(lets).filter(|row| row.kind == Kind::View).collect();
        let visitors: BTreeSet<_> = views.iter().filter_map(|row| row.of.visitor).collect();
        prop_assert_eq!(told.pageviews(), views.len() as i64);
        prop_assert_eq!(told.get(Visitors), visitors.len() as i64);
        let events = people().filter(lets);
        let events =
            events.filter(|row| matches!(row.kind, Kind::Event | Kind::Outbound | Kind::File));
        prop_assert_eq!(told.get(Events), events.count() as i64);
    }
    Ok(())
}

/// Events by their names, pageviews among them: the API's answers from roll-ups, and from rows,
/// which alone know of visits. All of them at once, and each by a filter.
fn events_are_told_alike(seed: u64, length: usize) -> Result<(), TestCaseError> {
    let played = play(seed, length);
    let range = range(&played);
    let days: Days =
        played.counts.iter().map(|(day, counts)| (*day, Arc::new(counts.clone()))).collect();
    let people = played.days.iter().map(|(day, [people, _])| (*day, people.clone()));
    let rows = Rows { days: people.collect(), covered_from: None };
    let now = played.site.day_start(range.last + chrono::Days::new(1));
    let ask = |metrics: &[&str], more: (&str, Json)| {
        let dates = [range.first, range.last].map(|day| day.to_string());
        let mut question = json!({ "date_range": dates, "metrics": metrics });
        question[more.0] = more.1;
        let query = Query::read(&question, &played.site, now).unwrap();
        query.answer(&played.site, &days, Some(&rows)).unwrap()
    };
    let table = |answer: &Json| -> BTreeMap<String, Vec<Json>> {
        let line = |line: &Json| {
            let metrics = line["metrics"].as_array().unwrap();
            (line["dimensions"].to_string(), metrics[..2].to_vec())
        };
        answer["results"].as_array().unwrap().iter().map(line).collect()
    };
    let both = |more: (&str, Json)| {
        let by_rollups = ask(&["visitors", "events"], more.clone());
        let by_rows = ask(&["visitors", "events", "visits"], more);
        prop_assert_eq!(&by_rollups["meta"]["source"], "rollups");
        prop_assert_eq!(&by_rows["meta"]["source"], "rows");
        prop_assert_eq!(table(&by_rollups), table(&by_rows));
        Ok(table(&by_rollups))
    };
    for name in both(("dimensions", json!(["event:name"])))?.into_keys() {
        let name: Json = serde_json::from_str(&name).unwrap();
        both(("filters", json!([["is", "event:name", name]])))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_say_what_rollups_say(seed: u64, length in 1..200_usize) {
        rows_and_rollups_agree(seed, length)?;
    }

    #[test]
    fn pageviews_are_events_of_one_name(seed: u64, length in 1..200_usize) {
        events_are_told_alike(seed, length)?;
    }

    #[test]
    fn three_properties_at_once(seed: u64, length in 1..200_usize) {
        three_at_once_are_counted_plainly(seed, length)?;
    }

    #[test]
    fn filters_of_filters(seed: u64, length in 1..200_usize) {
        filters_nest(seed, length)?;
    }
}

#[test]
fn days_add_up() {
    let played = play(7, 2_000);
    let days = played.days.iter().map(|(day, [people, _])| (*day, &**people));
    let all = scan(&played.site, range(&played), days, &[Asked::default()]).remove(0);
    let views = |counts: &DayCounts| counts.row(Dimension::Total, "").pageviews();
    let expected: i64 = played.counts.values().map(views).sum();
    assert!(expected > 200, "{expected} views are too few to tell");
    assert_eq!(all[&vec![]].pageviews(), expected);
}

//! Answers against plain computations of the same thing, over random rows on random days.

mod compared;
mod parts;

use super::answer::named_breakdown;
use super::property::parts_of;
use super::*;
use crate::clock::{HOUR, Millis};
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric as Stored, SLOT, slot};
use crate::model::site::{Day, Site};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn site(zone: &str) -> Site {
    Site {
        name: "example.org".into(),
        hosts: Vec::new(),
        timezone: zone.parse().unwrap(),
        ..Site::default()
    }
}

/// What is stored, as a plain list: day, dimension, value, metric, count.
type Entry = (Day, Dimension, String, Stored, i64);

fn days(entries: &[Entry]) -> Days {
    let mut days: BTreeMap<Day, DayCounts> = BTreeMap::new();
    for (day, dimension, value, metric, count) in entries {
        days.entry(*day).or_default().add(*dimension, value, *metric, *count);
    }
    days.into_iter().map(|(day, counts)| (day, Arc::new(counts))).collect()
}

/// 2026-11-24, 14:30 UTC.
const NOW: Millis = 1_795_530_600_000;

fn ask(
    read: impl Fn(&dyn Fn(&str) -> Option<&'static str>, &Site, Millis) -> Result<Question, Invalid>,
    params: &[(&'static str, &'static str)],
) -> Result<Question, Invalid> {
    let params: HashMap<_, _> = params.iter().copied().collect();
    let goals = vec!["Signup = event Signup".parse().unwrap()];
    read(&|name| params.get(name).copied(), &Site { goals, ..site("UTC") }, NOW)
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let dimension = prop::sample::select(vec![
        (Dimension::Total, ""),
        (Dimension::Page, "/"),
        (Dimension::Page, "/a"),
        (Dimension::Page, "/a/b"),
        (Dimension::Country, "DE"),
        (Dimension::BotName, "Googlebot"),
    ]);
    let metric = prop::sample::select(Stored::ALL.to_vec());
    let entry = (0u64..70, dimension, metric, 1i64..50).prop_map(
        |(offset, (dimension, value), metric, count)| {
            (
                day("2027-12-20") + chrono::Days::new(offset),
                dimension,
                value.to_owned(),
                metric,
                count,
            )
        },
    );
    prop::collection::vec(entry, 0..200)
}

fn ranges() -> impl Strategy<Value = Range> {
    (0u64..70, 0u64..70).prop_map(|(a, b)| {
        let day = |n| day("2027-12-20") + chrono::Days::new(n);
        Range { first: day(a.min(b)), last: day(a.max(b)) }
    })
}

/// The sum of what was stored for a metric, the slow way.
fn sum(
    entries: &[Entry],
    range: Range,
    row: impl Fn(Dimension, &str) -> bool,
    metrics: &[Stored],
) -> i64 {
    entries
        .iter()
        .filter(|(day, dimension, value, metric, _)| {
            *day >= range.first
                && *day <= range.last
                && row(*dimension, value)
                && metrics.contains(metric)
        })
        .map(|(.., count)| count)
        .sum()
}

fn of(n: i64, visits: i64, unit: f64) -> Value {
    if visits > 0 {
        Value::Count((n as f64 / visits as f64 * unit).round() as i64)
    } else {
        Value::Unknown
    }
}

proptest! {
    #[test]
    fn aggregates_are_sums(entries in entries(), range in ranges()) {
        let days = days(&entries);
        let all = |dimension: Dimension, _: &str| dimension == Dimension::Total;
        let n = |range, metrics: &[Stored]| sum(&entries, range, all, metrics);
        let visits = n(range, &[Stored::Visits]);
        let expected = [
            (Metric::Visitors, Value::Count(n(range, &[Stored::Visitors]))),
            (Metric::Visits, Value::Count(visits)),
            (Metric::Pageviews, Value::Count(n(range, &[Stored::Server, Stored::Browser]))),
            (Metric::Events,
                Value::Count(n(range, &[Stored::Server, Stored::Browser, Stored::Events]))),
            (Metric::ServerPageviews, Value::Count(n(range, &[Stored::Server]))),
            (Metric::ConfirmedPageviews, Value::Count(n(range, &[Stored::Confirmed]))),
            (Metric::BrowserPageviews, Value::Count(n(range, &[Stored::Browser]))),
            (Metric::ConfirmedVisitors, Value::Count(n(range, &[Stored::ConfirmedVisitors]))),
            (Metric::BounceRate, of(n(range, &[Stored::Bounces]), visits, 100.0)),
            (Metric::VisitDuration, of(n(range, &[Stored::Duration]), visits, 0.001)),
        ];
        let metrics = expected.map(|(metric, _)| metric);
        let before = Range {
            first: range.first - chrono::Days::new(range.len() as u64),
            last: range.first - chrono::Days::new(1),
        };
        let sums_before = sums(&days, before, None);
        let answers = aggregate(&days, range, &metrics, None, Some(&sums_before));
        for (answer, (metric, value)) in answers.iter().zip(expected) {
            prop_assert_eq!(answer.metric, metric);
            prop_assert_eq!(answer.value, value, "{:?}", metric);
        }
        let (before, now) = (n(before, &[Stored::Visitors]), n(range, &[Stored::Visitors]));
        let change = match (before, now) {
            (0, 0) => 0,
            (0, _) => 100,
            _ => ((now - before) as f64 * 100.0 / before as f64).round() as i64,
        };
        prop_assert_eq!(answers[0].change, Some(change));
    }

    #[test]
    fn filters_let_through_what_they_say(entries in entries(), range in ranges()) {
        let days = days(&entries);
        type Matches = fn(&str) -> bool;
        let pages = |matches: Matches| {
            sum(
                &entries,
                range,
                |dimension, value| dimension == Dimension::Page && matches(value),
                &[Stored::Server, Stored::Browser],
            )
        };
        let cases: [(&str, Matches); 4] = [
            ("event:page==/a", |v| v == "/a"),
            ("event:page!=/a", |v| v != "/a"),
            ("event:page==/a*", |v| v.starts_with("/a")),
            ("event:page==/|/a/b", |v| v == "/" || v == "/a/b"),
        ];
        for (text, matches) in cases {
            let filter = Filter::parse(text).unwrap();
            let answer = aggregate(&days, range, &[Metric::Pageviews], filter.as_ref(), None);
            prop_assert_eq!(answer[0].value, Value::Count(pages(matches)), "{}", text);
        }
        let filter = Filter::parse("bot:name==Googlebot").unwrap();
        let answer = aggregate(&days, range, &[Metric::Pageviews, Metric::Visits], filter.as_ref(), None);
        let responses =
            sum(&entries, range, |d, _| d == Dimension::BotName, &[Stored::Responses]);
        prop_assert_eq!(answer[0].value, Value::Count(responses));
        prop_assert_eq!(answer[1].value, Value::Unknown);
    }

    #[test]
    fn a_series_has_every_day_and_adds_up(entries in entries(), range in ranges()) {
        let days = days(&entries);
        let site = site("Europe/Berlin");
        let total = |dimension, _: &str| dimension == Dimension::Total;
        let series = timeseries(&days, &site, range, Interval::Day, None);
        prop_assert_eq!(series.len() as i64, range.len());
        let mut expected_day = range.first;
        for bucket in &series {
            prop_assert_eq!(bucket.start.date(), expected_day);
            let one = Range { first: expected_day, last: expected_day };
            prop_assert_eq!(
                bucket.sums.row.pageviews(),
                sum(&entries, one, total, &[Stored::Server, Stored::Browser])
            );
            expected_day = expected_day.succ_opt().unwrap();
        }
        let months = timeseries(&days, &site, range, Interval::Month, None);
        prop_assert_eq!(
            months.iter().map(|b| b.sums.row.get(Stored::Visitors)).sum::<i64>(),
            sum(&entries, range, total, &[Stored::Visitors])
        );
        prop_assert!(months.iter().all(|b| b.start.format("%d %T").to_string() == "01 00:00:00"));
        prop_assert!(months.windows(2).all(|pair| pair[0].start < pair[1].start));
    }

    #[test]
    fn a_breakdown_has_every_row_largest_first(entries in entries(), range in ranges()) {
        let days = days(&entries);
        let page = Property::parse("event:page").unwrap();
        let rows = breakdown(&days, &Site::default(), range, &page, &[Metric::Pageviews, Metric::Visitors], None);
        let mut expected: Vec<(i64, String, i64)> = ["/", "/a", "/a/b"]
            .into_iter()
            .map(|page| {
                let row = |dimension, value: &str| dimension == Dimension::Page && value == page;
                let views = sum(&entries, range, row, &[Stored::Server, Stored::Browser]);
                let visitors = sum(&entries, range, row, &[Stored::Visitors]);
                (-views, page.to_owned(), visitors)
            })
            .filter(|(views, _, visitors)| *views != 0 || *visitors != 0)
            .collect();
        expected.sort();
        let rows: Vec<(i64, String, i64)> = rows
            .into_iter()
            .map(|slice| match slice.metrics.as_slice() {
                [Value::Count(views), Value::Count(visitors)] => (-views, slice.value, *visitors),
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(rows, expected);
    }
}

/// One pageview in every quarter of an hour of a day: every local hour that exists has four, one
/// that a clock repeats has eight, one that it skips has no row.
#[test]
fn hours_are_the_sites_own() {
    for (zone, date, hours, four, odd) in [
        ("UTC", "2026-11-24", 24, 24, ""),
        ("Asia/Kathmandu", "2026-11-24", 24, 24, ""),
        ("Europe/Berlin", "2026-03-29", 23, 23, ""),
        ("Europe/Berlin", "2026-10-25", 24, 23, "2026-10-25 02:00:00 8"),
        ("America/Sao_Paulo", "2018-11-04", 23, 23, ""),
        ("Asia/Beirut", "2021-03-28", 23, 23, ""),
        ("America/Sao_Paulo", "2018-02-17", 24, 23, "2018-02-17 23:00:00 8"),
        ("Australia/Lord_Howe", "2026-10-04", 24, 23, "2026-10-04 02:00:00 2"),
        ("Australia/Lord_Howe", "2026-04-05", 24, 23, "2026-04-05 01:00:00 6"),
    ] {
        let (site, date) = (site(zone), day(date));
        let noon = date.and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp_millis();
        let entries: Vec<Entry> = (slot(noon - 48 * HOUR)..slot(noon + 48 * HOUR))
            .filter(|slot| site.day(slot * SLOT) == date)
            .map(|slot| (date, Dimension::Slot, slot.to_string(), Stored::Server, 1))
            .collect();
        let range = Range { first: date, last: date };
        let series = timeseries(&days(&entries), &site, range, Interval::Hour, None);
        assert_eq!(series.len(), hours, "{zone} {date}");
        let (even, rest): (Vec<_>, Vec<_>) =
            series.iter().partition(|bucket| bucket.sums.row.pageviews() == 4);
        assert_eq!(even.len(), four, "{zone} {date}");
        let rest: Vec<String> = rest
            .iter()
            .map(|bucket| format!("{} {}", bucket.start, bucket.sums.row.pageviews()))
            .collect();
        assert_eq!(rest.join(""), odd, "{zone} {date}");
        assert!(series.windows(2).all(|pair| pair[0].start < pair[1].start));
    }
}

fn small() -> Days {
    let [morning, night] = [28, 16].map(|ago| slot(NOW - ago * HOUR).to_string());
    let at = |date, dimension, value: &str, metric, n| {
        (day(date), dimension, value.to_owned(), metric, n)
    };
    days(&[
        at("2026-11-24", Dimension::Total, "", Stored::Server, 5),
        at("2026-11-24", Dimension::Total, "", Stored::Confirmed, 3),
        at("2026-11-24", Dimension::Total, "", Stored::Browser, 2),
        at("2026-11-24", Dimension::Total, "", Stored::Unverified, 1),
        at("2026-11-24", Dimension::Total, "", Stored::Visitors, 3),
        at("2026-11-24", Dimension::Total, "", Stored::Visits, 3),
        at("2026-11-24", Dimension::Total, "", Stored::VisitViews, 7),
        at("2026-11-24", Dimension::Total, "", Stored::Bounces, 1),
        at("2026-11-24", Dimension::Total, "", Stored::Duration, 125_400),
        at("2026-11-23", Dimension::Total, "", Stored::Visitors, 2),
        at("2026-11-24", Dimension::Page, "/", Stored::Visitors, 3),
        at("2026-11-24", Dimension::Page, "/b", Stored::Visitors, 1),
        at("2026-11-24", Dimension::Page, "/a", Stored::Visitors, 1),
        at("2026-11-24", Dimension::Slot, "1994976", Stored::Visitors, 3),
        // Yesterday one came in the morning, and one at night.
        at("2026-11-23", Dimension::Slot, &morning, Stored::Visitors, 1),
        at("2026-11-23", Dimension::FirstSeen, &morning, Stored::Visitors, 1),
        at("2026-11-23", Dimension::FirstSeen, &night, Stored::Visitors, 1),
        // An exit page that moved on.
        at("2026-11-24", Dimension::ExitPage, "/", Stored::Visits, 0),
        at("2026-11-24", Dimension::ExitPage, "/b", Stored::Visits, 1),
        at("2026-11-24", Dimension::BotName, "Googlebot", Stored::Responses, 2),
        at("2026-11-24", Dimension::ErrorPage, "/old", Stored::Responses, 2),
        at("2026-11-24", Dimension::ErrorPage, "/old", Stored::Seen, 1),
    ])
}

fn said(question: &Question) -> Json {
    answer(question, &site("UTC"), &small()).unwrap()["results"].clone()
}

#[test]
fn answers_have_the_shapes_of_the_stats_api() {
    let aggregate =
        |params: &[_]| said(&ask(|p, s, n| Question::aggregate(p, s, n), params).unwrap());
    assert_eq!(aggregate(&[]), json!({ "visitors": { "value": 2 } }));

    let today = |params: &[_]| [params, &[("include_today", "true")]].concat();
    let aggregate =
        |params: &[_]| said(&ask(|p, s, n| Question::aggregate(p, s, n), &today(params)).unwrap());
    let series =
        |params: &[_]| said(&ask(|p, s, n| Question::timeseries(p, s, n), &today(params)).unwrap());
    let rows =
        |params: &[_]| said(&ask(|p, s, n| Question::breakdown(p, s, n), &today(params)).unwrap());
    assert_eq!(aggregate(&[]), json!({ "visitors": { "value": 5 } }));
    assert_eq!(
        aggregate(&[
            ("period", "day"),
            ("metrics", "visitors,views_per_visit,bounce_rate,visit_duration,events"),
            ("compare", "previous_period"),
        ]),
        json!({
            "visitors": { "value": 3, "change": 200 },
            "views_per_visit": { "value": 2.33, "change": null },
            "bounce_rate": { "value": 33, "change": null },
            "visit_duration": { "value": 42, "change": null },
            "events": { "value": 7, "change": 100 },
        })
    );
    assert_eq!(
        series(&[
            ("period", "custom"),
            ("date", "2026-11-23,2026-11-25"),
            ("metrics", "visitors,bounce_rate")
        ]),
        json!([
            { "date": "2026-11-23", "visitors": 2, "bounce_rate": null },
            { "date": "2026-11-24", "visitors": 3, "bounce_rate": 33 },
            { "date": "2026-11-25", "visitors": 0, "bounce_rate": null },
        ])
    );
    assert_eq!(series(&[("period", "6mo")])[5], json!({ "date": "2026-11-01", "visitors": 5 }));
    assert_eq!(series(&[("period", "6mo"), ("interval", "date")]).as_array().unwrap().len(), 183);
    assert_eq!(
        series(&[("period", "day")])[23],
        json!({ "date": "2026-11-24 23:00:00", "visitors": 0 })
    );
    assert_eq!(
        rows(&[("period", "day"), ("property", "event:page")]),
        json!([
            { "page": "/", "visitors": 3 },
            { "page": "/a", "visitors": 1 },
            { "page": "/b", "visitors": 1 },
        ])
    );
    assert_eq!(
        rows(&[("property", "event:page"), ("limit", "2"), ("page", "2")]),
        json!([{ "page": "/b", "visitors": 1 }])
    );
    assert_eq!(
        rows(&[("property", "event:page"), ("filters", "event:page!=/")]).as_array().unwrap().len(),
        2
    );
    assert_eq!(
        rows(&[("property", "visit:exit_page"), ("metrics", "visits")]),
        json!([{ "exit_page": "/b", "visits": 1 }])
    );
    assert_eq!(
        rows(&[("property", "visit:evidence"), ("metrics", "pageviews,visitors")]),
        json!([
            { "evidence": "confirmed", "pageviews": 3, "visitors": null },
            { "evidence": "server only", "pageviews": 2, "visitors": null },
            { "evidence": "browser only", "pageviews": 1, "visitors": null },
            { "evidence": "unverified", "pageviews": 1, "visitors": null },
        ])
    );
    assert_eq!(rows(&[("property", "bot:name")]), json!([{ "name": "Googlebot", "pageviews": 2 }]));
    assert_eq!(
        rows(&[("property", "error:page"), ("metrics", "pageviews,confirmed_pageviews")]),
        json!([{ "page": "/old", "pageviews": 2, "confirmed_pageviews": 1 }])
    );
    assert_eq!(
        aggregate(&[("filters", "visit:evidence==confirmed|server only")]),
        json!({ "pageviews": { "value": 5 } })
    );
}

#[test]
fn questions_that_cannot_be_answered_are_refused_by_name() {
    type Read =
        fn(&dyn Fn(&str) -> Option<&'static str>, &Site, Millis) -> Result<Question, Invalid>;
    type Params = &'static [(&'static str, &'static str)];
    let aggregate: Read = |p, s, n| Question::aggregate(p, s, n);
    let series: Read = |p, s, n| Question::timeseries(p, s, n);
    let rows: Read = |p, s, n| Question::breakdown(p, s, n);
    let cases: [(Read, Params, &str); 18] = [
        (aggregate, &[("period", "decade")], "`decade`"),
        (aggregate, &[("metrics", "visitors,clicks")], "`clicks`"),
        (aggregate, &[("compare", "last_year")], "`last_year`"),
        (aggregate, &[("date", "tomorrow")], "`tomorrow`"),
        (aggregate, &[("filters", "visit:mood==good")], "`visit:mood`"),
        (series, &[("interval", "week")], "`week`"),
        (series, &[("period", "day"), ("filters", "event:page==/")], "`event:page`"),
        (rows, &[], "`property`"),
        (rows, &[("property", "event:mood")], "`event:mood`"),
        (rows, &[("property", "event:page"), ("filters", "visit:country==DE")], "`visit:country`"),
        (rows, &[("property", "event:page"), ("limit", "1001")], "`1001`"),
        (rows, &[("property", "event:page"), ("page", "0")], "`0`"),
        (aggregate, &[("metrics", "visitor")], "did you mean `visitors`?"),
        (aggregate, &[("include_today", "yes")], "`yes`"),
        (aggregate, &[("with_imported", "1")], "`1`"),
        (aggregate, &[("filters", "event:goal==Sginup")], "did you mean `Signup`?"),
        (aggregate, &[("filters", "event:goal!=Pricing")], "unknown goal `Pricing`"),
        (aggregate, &[("filters", "event:page==/|/a")], "`visitors` cannot be added up"),
    ];
    for (read, params, names) in cases {
        let error = ask(read, params).unwrap_err().to_string();
        assert!(error.contains(names) && !error.contains('\n'), "{error} lacks {names}");
    }
}

#[test]
fn a_comparison_needs_the_days_before_too() {
    let params = [("period", "7d"), ("compare", "previous_period")];
    let question = ask(|p, s, n| Question::aggregate(p, s, n), &params).unwrap();
    assert_eq!(question.days(), Range { first: day("2026-11-10"), last: day("2026-11-23") });
}

/// Days that were added up before tell every property as each of them does, also what does not add
/// up: subscribers, and who is not suspected.
#[test]
fn sums_of_days_change_no_breakdown() {
    let of_day = |date: &str, n: i64| {
        let at =
            |dimension, value: &str, metric, n| (day(date), dimension, value.to_owned(), metric, n);
        let feed = crate::model::rollup::join(["/feed", "Reader"]);
        let mut entries = vec![
            at(Dimension::Total, "", Stored::Server, 9 * n),
            at(Dimension::Total, "", Stored::Visitors, 4 * n),
            at(Dimension::Suspected, "yes", Stored::Server, 2 * n),
            at(Dimension::Feed, &feed, Stored::Responses, n),
            at(Dimension::Feed, &feed, Stored::Subscribers, n),
        ];
        for dimension in Dimension::ALL.iter().copied().filter(|d| parts_of(*d) == 1) {
            entries.push(at(dimension, "some", Stored::Server, n));
            entries.push(at(dimension, "some", Stored::Responses, n));
        }
        entries
    };
    let dates = ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"];
    let all: Vec<Entry> = dates.iter().zip([3, 7, 1, 2]).flat_map(|(d, n)| of_day(d, n)).collect();
    let plain = days(&all);
    let range = Range { first: day(dates[0]), last: day(dates[3]) };
    let mut summed = plain.clone();
    let over = Range { last: day(dates[2]), ..range };
    summed.use_sum(Arc::new(DaySum::of_days(&plain, over)));
    let metrics = [Metric::Pageviews, Metric::Visitors, Metric::Subscribers, Metric::Events];
    let mut told = 0;
    for property in Property::names().map(|name| Property::parse(name).unwrap()) {
        let of = |days| named_breakdown(days, &Site::default(), range, &property, &metrics, None);
        assert_eq!(of(&summed), of(&plain), "{}", property.as_str());
        told += of(&plain).len();
    }
    assert!(told > 20, "{told} values are too few to tell");
}

//! Filtered answers against a naive count: random traffic is aggregated, asked about through every
//! kind of filter, and compared with the lists of the model, in which each visitor and each visit
//! is there once. A number that is told is the right one; what a sum of rows cannot tell is `null`.

mod common {
    pub mod handed;
    // `aggregate` compares all of its counts.
    #[allow(dead_code)]
    pub mod model;
    pub mod traffic;
}

use common::handed::Handed;
use common::model::Model;
use common::model::counts::Truth;
use common::traffic::Traffic;
use headcount::aggregate::{Limits, Shard};
use headcount::model::DayCounts;
use headcount::model::rollup::Dimension;
use headcount::report::{
    Days, Filter, Interval, Metric, Property, Range, Value, aggregate, breakdown, timeseries,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

struct Played {
    traffic: Traffic,
    model: Model,
    days: Days,
    range: Range,
}

fn play(seed: u64, length: usize) -> Played {
    let traffic = Traffic::new(seed, length);
    let limits = Limits { visitors: 100_000, rows: 10_000 };
    let mut shard = Shard::new(Arc::new(vec![traffic.site.clone()]), limits);
    let mut handed = Handed::new(&traffic.site, limits.visitors);
    let mut model = Model::new(traffic.site.clone());
    for (client, hit) in traffic.hits.iter().cloned() {
        model.apply(client, &hit);
        shard.apply(handed.hand(hit));
    }
    let mut days: BTreeMap<_, DayCounts> = BTreeMap::new();
    for ((_, day), window) in shard.seal() {
        let counts = days.entry(day).or_default();
        for ((dimension, value), row) in &window.rows {
            counts.add_row(*dimension, value, row);
        }
    }
    let (first, last) = (*days.keys().next().unwrap(), *days.keys().last().unwrap());
    let days = days.into_iter().map(|(day, counts)| (day, Arc::new(counts))).collect();
    Played { traffic, model, days, range: Range { first, last } }
}

fn property(name: &str) -> Property {
    Property::parse(name).unwrap()
}

/// A filter in the API's words, and the same by hand.
type Case = (&'static str, &'static str, fn(&str) -> bool);

const PAGES: [Case; 7] = [
    ("==/a", "one", |v| v == "/a"),
    ("==/**", "many", |v| v.starts_with('/')),
    ("==/a|/b", "many", |v| v == "/a" || v == "/b"),
    ("!=/", "many", |v| v != "/"),
    ("!=/|/a", "many", |v| v != "/" && v != "/a"),
    ("==/docs/*", "many", |v| v.starts_with("/docs/")),
    ("==/nowhere", "one", |v| v == "/nowhere"),
];

const SOURCES: [Case; 4] = [
    ("==Google", "one", |v| v == "Google"),
    ("==Google|ChatGPT", "many", |v| v == "Google" || v == "ChatGPT"),
    ("!=Google", "many", |v| v != "Google"),
    ("!=Google|ChatGPT", "many", |v| v != "Google" && v != "ChatGPT"),
];

const CAMPAIGNS: [Case; 3] = [
    ("==spring", "one", |v| v == "spring"),
    ("!=spring", "many", |v| v != "spring"),
    ("!=autumn", "many", |v| v != "autumn"),
];

const EVENTS: [Case; 3] = [
    ("==Signup", "one", |v| v == "Signup"),
    ("==Signup|Purchase", "many", |v| v == "Signup" || v == "Purchase"),
    ("!=Signup", "many", |v| v != "Signup"),
];

fn count(n: usize) -> Value {
    Value::Count(n as i64)
}

fn ratio(unit: f64, n: i64, of: usize) -> Value {
    if of == 0 {
        Value::Unknown
    } else {
        Value::Count((n as f64 / of as f64 * unit).round() as i64)
    }
}

/// What is right, by metric.
fn truth(of: &Truth) -> [(Metric, Value); 6] {
    [
        (Metric::Visitors, count(of.visitors)),
        (Metric::Visits, count(of.visits)),
        (Metric::Pageviews, count(of.views)),
        (Metric::BounceRate, ratio(100.0, of.bounces as i64, of.visits)),
        (Metric::VisitDuration, ratio(0.001, of.duration, of.visits)),
        (Metric::Conversions, count(of.events)),
    ]
}

/// Asks for everything under a filter. `told` are metrics that have to be told.
fn ask(played: &Played, name: &str, case: &Case, dimension: Dimension, told: &[Metric]) {
    let (text, _, takes) = case;
    let text = format!("{name}{text}");
    let filter = Filter::parse(&text).unwrap();
    let right = truth(&played.model.matching(dimension, takes));
    let metrics = right.map(|(metric, _)| metric);
    let answers = aggregate(&played.days, played.range, &metrics, filter.as_ref(), None);
    for (answer, (metric, right)) in answers.iter().zip(right) {
        let of_entries = metric == Metric::BounceRate && dimension == Dimension::Page;
        let expected = match told.contains(&metric) {
            true => right,
            false => Value::Unknown,
        };
        // A page's bounces are those of the visits that entered by it.
        if !of_entries {
            assert_eq!(answer.value, expected, "{text} {}", metric.as_str());
        }
    }
    // By days, too: never a number that a whole answer has not.
    let of_days = timeseries(
        &played.days,
        &played.traffic.site,
        played.range,
        Interval::Day,
        filter.as_ref(),
    );
    for bucket in &of_days {
        for metric in metrics.iter().filter(|metric| !told.contains(metric)) {
            let value = metric.of(&bucket.sums, filter.as_ref().map(Filter::property));
            if !(*metric == Metric::BounceRate && dimension == Dimension::Page) {
                assert_eq!(value, Value::Unknown, "{text} {} of a day", metric.as_str());
            }
        }
    }
}

fn compare(seed: u64, length: usize) {
    let played = play(seed, length);
    use Metric::{BounceRate, Conversions, Pageviews, VisitDuration, Visitors, Visits};
    for case in &PAGES {
        let one = case.1 == "one";
        // Revenue and events of a page are its own.
        let told: &[Metric] = if one { &[Visitors, Visits, Pageviews] } else { &[Pageviews] };
        let told = [told, &[Conversions]].concat();
        ask(&played, "event:page", case, Dimension::Page, &told);
        let told: &[Metric] = if one {
            &[Visitors, Visits, Pageviews, BounceRate, VisitDuration]
        } else {
            &[Visits, Pageviews, BounceRate, VisitDuration]
        };
        ask(&played, "visit:entry_page", case, Dimension::EntryPage, told);
        let told: &[Metric] = if one {
            &[Visitors, Visits, BounceRate, VisitDuration]
        } else {
            &[Visits, BounceRate, VisitDuration]
        };
        ask(&played, "visit:exit_page", case, Dimension::ExitPage, told);
    }
    let of_visits = |one| -> &[Metric] {
        match one {
            true => &[Visitors, Visits, Pageviews, BounceRate, VisitDuration],
            false => &[Visits, Pageviews, BounceRate, VisitDuration],
        }
    };
    for case in &SOURCES {
        ask(&played, "visit:source", case, Dimension::Source, of_visits(case.1 == "one"));
    }
    for case in &CAMPAIGNS {
        ask(
            &played,
            "visit:utm_campaign",
            case,
            Dimension::UtmCampaign,
            of_visits(case.1 == "one"),
        );
    }
    for case in &EVENTS {
        let told: &[Metric] =
            if case.1 == "one" { &[Visitors, Conversions] } else { &[Conversions] };
        ask(&played, "event:name", case, Dimension::Event, told);
    }
    // Somebody who reaches two goals is one visitor, and a page may be two goals at once.
    let goals = Filter::parse("event:goal==Signup|A").unwrap();
    let metrics =
        [Metric::Visitors, Metric::Conversions, Metric::ConversionRate, Metric::TotalRevenue];
    for answer in aggregate(&played.days, played.range, &metrics, goals.as_ref(), None) {
        assert_eq!(answer.value, Value::Unknown, "{}", answer.metric.as_str());
    }
    // Rows of a property's values that several events had.
    let plans = breakdown(
        &played.days,
        &played.traffic.site,
        played.range,
        &property("event:props:plan"),
        &[Metric::Events, Metric::Visitors, Metric::TotalRevenue],
        None,
    );
    for slice in plans {
        let of = |value: &str| {
            let mut parts = value.split('\u{1e}').skip(1);
            parts.next() == Some("plan") && parts.next() == Some(&slice.value)
        };
        let right = played.model.matching(Dimension::EventProperty, of);
        assert_eq!(slice.metrics, [count(right.events), Value::Unknown, Value::Unknown]);
    }
    let signups = Filter::parse("event:name==Signup").unwrap();
    let plans = breakdown(
        &played.days,
        &played.traffic.site,
        played.range,
        &property("event:props:plan"),
        &[Metric::Events, Metric::Visitors],
        signups.as_ref(),
    );
    for slice in plans {
        let row = format!("Signup\u{1e}plan\u{1e}{}", slice.value);
        let right = played.model.matching(Dimension::EventProperty, |value| value == row);
        assert_eq!(slice.metrics, [count(right.events), count(right.visitors)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filtered_answers_are_right_or_null(seed: u64, length in 20..400_usize) {
        compare(seed, length);
    }
}

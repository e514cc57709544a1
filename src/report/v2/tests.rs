//! Version 2: its times, what it is compared with, its shapes.

use super::*;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::report::Period;
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// 2026-11-24, 15:30 in Berlin, a Tuesday.
const NOW: Millis = 1_795_530_600_000;

fn site() -> Site {
    Site {
        name: "example.org".into(),
        timezone: chrono_tz::Europe::Berlin,
        goals: ["Buy = event Buy", "Thanks = page /thanks"].map(|g| g.parse().unwrap()).into(),
        currency: Some(iso_currency::Currency::EUR),
        ..Site::default()
    }
}

fn asked(body: &Json) -> Result<Query, Invalid> {
    let mut question = json!({ "metrics": ["visitors"], "date_range": "7d" });
    question.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    Query::read(&question, &site(), NOW)
}

fn days(entries: &[(&str, Dimension, &str, Stored, i64)]) -> Days {
    let mut days: BTreeMap<Day, DayCounts> = BTreeMap::new();
    for (day, dimension, value, metric, n) in entries {
        let counts = days.entry(day.parse().unwrap()).or_default();
        counts.add(*dimension, value, *metric, *n);
    }
    days.into_iter().map(|(day, counts)| (day, Arc::new(counts))).collect()
}

fn visitors(of: &[(&str, i64)]) -> Days {
    let entry = |(day, n): &(&'static str, i64)| (*day, Dimension::Total, "", Stored::Visitors, *n);
    let of: Vec<(&'static str, i64)> =
        of.iter().map(|(day, n)| (&*Box::leak((*day).to_owned().into_boxed_str()), *n)).collect();
    days(&of.iter().map(entry).collect::<Vec<_>>())
}

fn answer(body: &Json, days: &Days) -> Json {
    asked(body).unwrap().answer(&site(), days, None).unwrap()
}

#[test]
fn every_documented_time_is_read_and_repeated() {
    for (date_range, first, last) in [
        (json!("day"), "2026-11-24T00:00:00+01:00", "2026-11-24T23:59:59+01:00"),
        (json!("7d"), "2026-11-17T00:00:00+01:00", "2026-11-23T23:59:59+01:00"),
        (json!("28d"), "2026-10-27T00:00:00+01:00", "2026-11-23T23:59:59+01:00"),
        (json!("30d"), "2026-10-25T00:00:00+02:00", "2026-11-23T23:59:59+01:00"),
        (json!("91d"), "2026-08-25T00:00:00+02:00", "2026-11-23T23:59:59+01:00"),
        (json!("month"), "2026-11-01T00:00:00+01:00", "2026-11-24T23:59:59+01:00"),
        (json!("6mo"), "2026-05-01T00:00:00+02:00", "2026-10-31T23:59:59+01:00"),
        (json!("12mo"), "2025-11-01T00:00:00+01:00", "2026-10-31T23:59:59+01:00"),
        (json!("year"), "2026-01-01T00:00:00+01:00", "2026-11-24T23:59:59+01:00"),
        // Since the first day of which there are counts.
        (json!("all"), "2025-03-02T00:00:00+01:00", "2026-11-24T23:59:59+01:00"),
        (
            json!(["2026-08-01", "2026-08-15"]),
            "2026-08-01T00:00:00+02:00",
            "2026-08-15T23:59:59+02:00",
        ),
        // Whole days, said in instants of another offset.
        (
            json!(["2026-08-01T00:00:00+02:00", "2026-08-02T21:59:59Z"]),
            "2026-08-01T00:00:00+02:00",
            "2026-08-02T23:59:59+02:00",
        ),
    ] {
        let days = visitors(&[("2025-03-02", 1)]);
        let answer = answer(&json!({ "date_range": date_range }), &days);
        assert_eq!(answer["query"]["date_range"], json!([first, last]), "{date_range}");
    }
    for (date_range, names) in [
        (json!(["2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"]), "ends before it begins"),
        (json!(["2026-11-02T00:00:00Z", "2026-11-03"]), "`2026-11-03`"),
        (json!(["2026-11-02T00:00:00", "2026-11-03T00:00:00Z"]), "`2026-11-02T00:00:00`"),
        (json!("custom"), "list of two dates"),
        (json!("30m"), "`30m`"),
        (json!(7), "list of two dates"),
    ] {
        let error = asked(&json!({ "date_range": date_range })).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
}

#[test]
fn time_takes_the_step_that_suits_its_length() {
    for (date_range, step) in [
        (json!("day"), "time:hour"),
        (json!(["2026-11-01", "2026-11-02"]), "time:hour"),
        (json!("7d"), "time:day"),
        (json!("30d"), "time:day"),
        (json!("91d"), "time:week"),
        (json!("year"), "time:week"),
        (json!("all"), "time:month"),
    ] {
        let body = json!({ "date_range": date_range, "dimensions": ["time"],
            "order_by": [["time", "desc"]] });
        let answer = answer(&body, &Days::new());
        assert_eq!(answer["query"]["dimensions"], json!([step]), "{date_range}");
        assert_eq!(answer["query"]["order_by"], json!([[step, "desc"]]), "{date_range}");
    }
}

#[test]
fn weeks_begin_on_monday_or_with_the_range() {
    let days =
        visitors(&[("2026-11-04", 1), ("2026-11-08", 2), ("2026-11-09", 4), ("2026-11-15", 8)]);
    let body = json!({ "date_range": ["2026-11-04", "2026-11-20"], "dimensions": ["time:week"],
        "include": { "time_labels": true } });
    let answer = answer(&body, &days);
    assert_eq!(
        answer["results"],
        json!([{ "dimensions": ["2026-11-04"], "metrics": [3] },
            { "dimensions": ["2026-11-09"], "metrics": [12] }])
    );
    assert_eq!(answer["meta"]["time_labels"], json!(["2026-11-04", "2026-11-09", "2026-11-16"]));
}

#[test]
fn comparisons_say_with_what() {
    let days = |comparisons: Json, date_range: Json| {
        let body = json!({ "date_range": date_range, "include": { "comparisons": comparisons } });
        let against = asked(&body).unwrap().against.unwrap();
        let Range { first, last } = against.span.range;
        format!("{first}..{last}{}", if against.until.is_some() { " in part" } else { "" })
    };
    let previous = json!({ "mode": "previous_period" });
    let same_weekday = json!({ "mode": "previous_period", "match_day_of_week": true });
    let year = json!({ "mode": "year_over_year" });
    let year_same_weekday = json!({ "mode": "year_over_year", "match_day_of_week": true });
    let custom = json!({ "mode": "custom", "date_range": ["2026-01-01", "2026-01-31"] });
    for (comparisons, date_range, expected) in [
        (&previous, json!("7d"), "2026-11-10..2026-11-16"),
        (&previous, json!("day"), "2026-11-23..2026-11-23 in part"),
        (&previous, json!("month"), "2026-10-01..2026-10-24 in part"),
        (&previous, json!(["2026-10-01", "2026-10-31"]), "2026-09-01..2026-09-30"),
        (&same_weekday, json!("day"), "2026-11-17..2026-11-17 in part"),
        (&same_weekday, json!("30d"), "2026-09-27..2026-10-26"),
        (&year, json!("7d"), "2025-11-17..2025-11-23"),
        (&year, json!("year"), "2025-01-01..2025-11-24 in part"),
        (&year, json!(["2024-02-29", "2024-02-29"]), "2023-02-28..2023-02-28"),
        (&year_same_weekday, json!("7d"), "2025-11-18..2025-11-24"),
        (&custom, json!("7d"), "2026-01-01..2026-01-31"),
    ] {
        assert_eq!(
            days(comparisons.clone(), date_range.clone()),
            expected,
            "{comparisons} {date_range}"
        );
    }
    for (comparisons, names) in [
        (json!({}), "previous_period"),
        (json!({ "mode": "last" }), "previous_period"),
        (json!({ "mode": "custom" }), "`date_range`"),
        (json!({ "mode": "custom", "date_range": ["2026-01-02", "2026-01-01"] }), "after the last"),
        (json!({ "mode": "year_over_year", "date_range": [] }), "custom"),
        (json!({ "mode": "year_over_year", "match": true }), "`match`"),
        (json!([]), "`comparisons`"),
    ] {
        let error = asked(&json!({ "include": { "comparisons": comparisons } })).unwrap_err();
        assert!(error.to_string().contains(names), "{error}");
    }
}

#[test]
fn weekdays_are_matched_without_an_overlap_where_that_is_wanted() {
    let site = site();
    let range = |mode, weekdays, of: Range| {
        Comparison { mode, weekdays }.before((Period::Custom, of), &site, NOW).range
    };
    for mode in [ComparisonMode::PreviousPeriod, ComparisonMode::YearOverYear] {
        for (len, ago) in (1..=365).flat_map(|len| [(len, 0), (len, 1), (len, 5), (len, 33)]) {
            let last = site.day(NOW) - chrono::Days::new(ago);
            let of = Range { first: last - chrono::Days::new(len - 1), last };
            let apart = range(mode, Weekdays::Apart, of);
            assert!(apart.last < of.first, "{of:?} {apart:?}");
            assert_eq!(apart.first.weekday(), of.first.weekday(), "{of:?} {apart:?}");
            let plain = range(mode, Weekdays::AsTheyFall, of);
            let moved = (apart.first - plain.first).num_days();
            assert!(moved.abs() < 7, "no further than it takes: {of:?} {moved}");
        }
    }
    // Days of one's own are the same ones if somebody wants that.
    let of = Range::parse("2026-11-01,2026-11-10").unwrap();
    let own = Range::parse("2026-11-04,2026-11-12").unwrap();
    let moved = range(ComparisonMode::Custom(own), Weekdays::Apart, of);
    assert_eq!(moved, Range::parse("2026-11-01,2026-11-09").unwrap());
    let later = Range::parse("2026-11-11,2026-11-12").unwrap();
    let moved = range(ComparisonMode::Custom(later), Weekdays::Apart, of);
    assert_eq!(moved, Range::parse("2026-11-15,2026-11-16").unwrap());
}

#[test]
fn compared_rows_stand_beside_each_other() {
    let days = visitors(&[("2026-11-14", 10), ("2026-11-16", 2), ("2026-11-21", 15)]);
    let body = json!({ "include": { "comparisons": { "mode": "previous_period" } } });
    let all = answer(&body, &days);
    assert_eq!(
        all["results"],
        json!([{ "dimensions": [], "metrics": [15],
            "comparison": { "dimensions": [], "metrics": [12], "change": [25] } }])
    );
    assert_eq!(
        all["meta"]["comparison_date_range"],
        json!(["2026-11-10T00:00:00+01:00", "2026-11-16T23:59:59+01:00"])
    );
    let body = json!({ "dimensions": ["time:day"],
        "include": { "comparisons": { "mode": "previous_period" } } });
    let by_day = answer(&body, &days);
    let rows = by_day["results"].as_array().unwrap();
    assert_eq!(rows.len(), 7, "also days without anything");
    assert_eq!(
        rows[4],
        json!({ "dimensions": ["2026-11-21"], "metrics": [15],
            "comparison": { "dimensions": ["2026-11-14"], "metrics": [10], "change": [50] } })
    );
    assert_eq!(
        rows[6]["comparison"],
        json!({ "dimensions": ["2026-11-16"], "metrics": [2], "change": [-100] })
    );
    // Of yesterday until now a break-down knows nothing.
    let days = self::days(&[
        ("2026-11-24", Dimension::Browser, "Firefox", Stored::Visitors, 3),
        ("2026-11-23", Dimension::Browser, "Firefox", Stored::Visitors, 9),
    ]);
    let body = json!({ "date_range": "day", "dimensions": ["visit:browser"],
        "include": { "comparisons": { "mode": "previous_period" } } });
    assert_eq!(
        answer(&body, &days)["results"],
        json!([{ "dimensions": ["Firefox"], "metrics": [3],
            "comparison": { "dimensions": ["Firefox"], "metrics": [null], "change": [null] } }])
    );
}

#[test]
fn revenue_is_an_object_with_its_currency() {
    let days = days(&[
        ("2026-11-23", Dimension::Goal, "Buy", Stored::Revenue, 1_234_500),
        ("2026-11-23", Dimension::Goal, "Buy", Stored::Events, 10),
        ("2026-11-23", Dimension::Goal, "Thanks", Stored::Events, 7),
    ]);
    let body = json!({ "metrics": ["total_revenue", "average_revenue", "events"], "dimensions": ["event:goal"],
        "order_by": [["event:goal", "asc"]] });
    let told = answer(&body, &days);
    assert_eq!(
        told["results"],
        json!([
            { "dimensions": ["Buy"], "metrics": [
                { "value": 1234.5, "currency": "EUR", "short": "€1.2K", "long": "€1,234.50" },
                { "value": 123.45, "currency": "EUR", "short": "€123.45", "long": "€123.45" },
                10,
            ] },
            { "dimensions": ["Thanks"], "metrics": [null, null, 7] },
        ])
    );
    assert_eq!(told["meta"], json!({ "source": "rollups" }));
    let mut question = body.clone();
    question["date_range"] = json!("7d");
    let without = Site { currency: None, ..site() };
    let answer =
        Query::read(&question, &without, NOW).unwrap().answer(&without, &days, None).unwrap();
    assert_eq!(answer["results"][0]["metrics"], json!([null, null, 10]));
    assert_eq!(answer["meta"]["metric_warnings"]["total_revenue"]["code"], "no_currency");
}

#[test]
fn nothing_is_imported_and_the_answer_says_so() {
    let answer = answer(&json!({ "include": { "imports": true } }), &Days::new());
    assert_eq!(
        answer["meta"],
        json!({ "source": "rollups", "imports_included": false,
            "imports_skip_reason": "no_imported_data" })
    );
}

#[test]
fn names_of_places_and_hosts_are_dimensions() {
    let days = days(&[
        ("2026-11-23", Dimension::Country, "DE", Stored::Visitors, 3),
        ("2026-11-23", Dimension::Region, "DE-BE", Stored::Visitors, 2),
        ("2026-11-23", Dimension::City, "Berlin", Stored::Visitors, 1),
        ("2026-11-23", Dimension::Hostname, "example.org", Stored::Visitors, 4),
    ]);
    for (dimension, value, n) in [
        ("visit:country", "DE", 3),
        ("visit:country_name", "Germany", 3),
        ("visit:region", "DE-BE", 2),
        ("visit:region_name", "Berlin", 2),
        ("visit:city_name", "Berlin", 1),
        ("visit:entry_page_hostname", "example.org", 4),
    ] {
        let all = json!({ "dimensions": [dimension] });
        let row = json!([{ "dimensions": [value], "metrics": [n] }]);
        assert_eq!(answer(&all, &days)["results"], row, "{dimension}");
        let filtered =
            json!({ "filters": [["is", dimension, [value]]], "dimensions": [dimension] });
        assert_eq!(answer(&filtered, &days)["results"], row, "{dimension}");
    }
    let error = asked(&json!({ "dimensions": ["visit:exit_page_hostname"] })).unwrap_err();
    assert!(error.to_string().contains("visit:entry_page_hostname"), "{error}");
}

/// Two regions of one name: visits add up, and who was in both would count twice.
#[test]
fn regions_of_one_name_are_not_added_up() {
    let name = |code| crate::report::countries::region(code);
    let (a, b) = ("BW-CE", "GH-CP");
    assert_eq!((name(a), name(b)), (Some("Central"), Some("Central")));
    let days = days(&[
        ("2026-11-23", Dimension::Region, a, Stored::Visitors, 2),
        ("2026-11-23", Dimension::Region, b, Stored::Visitors, 3),
        ("2026-11-23", Dimension::Region, a, Stored::Server, 5),
        ("2026-11-23", Dimension::Region, b, Stored::Server, 6),
    ]);
    let body = json!({ "metrics": ["visitors", "pageviews"], "dimensions": ["visit:region_name"] });
    assert_eq!(
        answer(&body, &days)["results"],
        json!([{ "dimensions": ["Central"], "metrics": [null, 11] }])
    );
}

#[test]
fn a_goal_converts_a_share_of_all_visitors() {
    let days = days(&[
        ("2026-11-23", Dimension::Total, "", Stored::Visitors, 200),
        ("2026-11-23", Dimension::Goal, "Buy", Stored::Visitors, 3),
    ]);
    let metrics = json!(["conversion_rate", "group_conversion_rate"]);
    let body = json!({ "metrics": metrics, "dimensions": ["event:goal"] });
    assert_eq!(answer(&body, &days)["results"][0]["metrics"], json!([1.5, 1.5]));
    let error = asked(&json!({ "metrics": ["group_conversion_rate"] })).unwrap_err();
    assert!(error.to_string().contains("`group_conversion_rate`"), "{error}");
}

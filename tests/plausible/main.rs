//! The questions that Plausible documents for version 2 of its Stats API, as data, each with the
//! numbers that a small site's rows give: `examples.json`.
//!
//! The site is described in [`site`], by visits that anybody can count.

#[path = "../common/mod.rs"]
mod common;

mod process;
mod site;

use headcount::report::{Days, Query, Rows, Segments, Sequence};
use serde_json::{Value as Json, json};

fn examples() -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("examples.json")).unwrap();
    all.as_array().unwrap().clone()
}

fn answer(question: &Json, rows: &Rows) -> Json {
    let site = site::site();
    let query = Query::read(question, &site, site::NOW).unwrap();
    query.answer(&site, &Days::new(), Some(rows)).unwrap_or_else(|e| panic!("{question}: {e}"))
}

/// From rows, also where roll-ups would tell it: these know no alternatives.
fn by_rows(question: &Json) -> Json {
    let mut question = question.clone();
    let filters = question["filters"].as_array().cloned().unwrap_or_default();
    let mut segments = Segments::default();
    segments.put("Germans", vec![json!(["is", "visit:country", ["DE"]])]).unwrap();
    segments.put("Estonians", vec![json!(["is", "visit:country", ["EE"]])]).unwrap();
    let filters: Vec<Json> = filters.iter().map(|f| segments.expand(f).unwrap()).collect();
    let of = json!(["is", "visit:language", ["xx"]]);
    let any = json!(["or", [["not", of], of]]);
    question["filters"] = [vec![any], filters].concat().into();
    answer(&question, &site::rows())
}

#[test]
fn every_documented_question_is_answered() {
    let examples = examples();
    assert_eq!(examples.len(), 16);
    for example in examples {
        let name = example["name"].as_str().unwrap();
        let answer = by_rows(&example["query"]);
        assert_eq!(answer["results"], example["results"], "{name}");
        let mut meta = example.get("meta").cloned().unwrap_or(json!({}));
        meta["source"] = "rows".into();
        assert_eq!(answer["meta"], meta, "{name}");
        // The question is repeated, with its time in instants and with its order.
        let query = answer["query"].as_object().unwrap();
        let keys = [
            "site_id",
            "metrics",
            "date_range",
            "filters",
            "dimensions",
            "order_by",
            "include",
            "pagination",
        ];
        assert!(keys.iter().all(|key| query.contains_key(*key)), "{name}: {query:?}");
        assert_eq!(query["metrics"], example["query"]["metrics"], "{name}");
        assert_eq!(query["date_range"], example["date_range"], "{name}");
        let of = |key: &str, default: Json| example["query"].get(key).cloned().unwrap_or(default);
        assert_eq!(query["dimensions"], of("dimensions", json!([])), "{name}");
        assert_eq!(query["include"], of("include", json!({})), "{name}");
    }
}

/// Asks about the order of what visits did.
fn sequence(
    read: fn(
        &Json,
        &headcount::model::site::Site,
        i64,
    ) -> Result<Sequence, headcount::report::Invalid>,
    question: Json,
    rows: &Rows,
) -> Result<Json, String> {
    let mut body = json!({ "date_range": "all" });
    body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    let question = read(&body, &site::site(), site::NOW).map_err(|e| e.to_string())?;
    question.answer(&site::site(), rows).map_err(|e| e.to_string())
}

#[test]
fn journeys_funnels_and_times_are_those_of_the_visits() {
    let ask = |read: fn(&_, &_, _) -> _, question| sequence(read, question, &site::rows()).unwrap();
    let journeys = ask(Sequence::journeys, json!({ "page": "/pricing" }));
    assert_eq!(
        journeys["results"],
        json!({ "page": "/pricing", "visits": 3, "entries": 1, "exits": 3,
            "before": [{ "page": "/", "visits": 2, "entries": 2 }], "after": [] })
    );
    let of_docs = json!({ "page": "/docs/a", "filters": [["is", "visit:country", ["EE"]]] });
    assert_eq!(
        ask(Sequence::journeys, of_docs)["results"],
        json!({ "page": "/docs/a", "visits": 2, "entries": 2, "exits": 1, "before": [],
            "after": [{ "page": "/docs/b", "visits": 1, "exits": 1 }] })
    );
    let step = |label: &str, visits: i64, of_all: f64, of_previous: f64| json!({ "label": label, "visits": visits, "of_all": of_all, "of_previous": of_previous });
    let steps = ["page /pricing", "event Signup", "event Purchase"];
    assert_eq!(
        ask(Sequence::funnel, json!({ "steps": steps }))["results"],
        json!({ "name": null, "conversion_rate": 33.3, "steps": [
            step("/pricing", 3, 100.0, 100.0),
            step("Signup", 2, 66.7, 66.7),
            step("Purchase", 1, 33.3, 50.0),
        ] })
    );
    // Three visitors signed up, one and two minutes after their first view.
    assert_eq!(
        ask(Sequence::time_to_goal, json!({ "goal": "Signup" }))["results"],
        json!({ "goal": "Signup", "visitors": 3,
            "seconds": { "p25": 60, "median": 60, "p75": 120, "p90": 120 } })
    );
    let none = json!({ "goal": "Signup", "date_range": ["2026-11-20", "2026-11-23"] });
    assert_eq!(
        ask(Sequence::time_to_goal, none)["results"]["seconds"],
        json!({ "p25": null, "median": null, "p75": null, "p90": null })
    );
}

#[test]
fn sequences_that_make_no_sense_are_refused() {
    let rows = Rows { covered_from: Some("2026-11-20".parse().unwrap()), ..site::rows() };
    let error = |read: fn(&_, &_, _) -> _, question| sequence(read, question, &rows).unwrap_err();
    let journeys = |question| error(Sequence::journeys, question);
    for (question, names) in [
        (json!({}), "`page` is missing"),
        (json!({ "page": "/", "limit": 0 }), "invalid limit `0`"),
        (json!({ "page": "/", "limit": 101 }), "from 1 to 100"),
        (json!({ "page": "/", "metrics": ["visitors"] }), "`metrics`"),
        (json!({ "page": "/", "date_range": "24h" }), "whole days"),
        (json!({ "page": "/", "filters": [["is", "bot:name", ["x"]]] }), "events and visits only"),
        (json!({ "page": "/", "include": { "comparisons": {} } }), "`comparisons`"),
        (json!({ "page": "/" }), "kept from 2026-11-20 on"),
    ] {
        let line = journeys(question);
        assert!(line.contains(names), "{line}");
    }
    let partial = json!({ "page": "/", "include": { "partial": true } });
    let told = sequence(Sequence::journeys, partial, &rows).unwrap();
    assert_eq!(told["meta"], json!({ "partial_from": "2026-11-20" }));
    assert_eq!(told["results"]["visits"], 4);
    for (question, names) in [
        (json!({}), "`name` or `steps`"),
        (json!({ "steps": ["page /a"] }), "there are 1 steps"),
        (json!({ "steps": ["page /a", "click b"] }), "neither"),
        (json!({ "steps": ["page /a", 7] }), "a step is a text"),
        (json!({ "name": "Buy" }), "unknown funnel `Buy`"),
        (json!({ "name": "Buy", "steps": [] }), "not both"),
    ] {
        let line = error(Sequence::funnel, question);
        assert!(line.contains(names), "{line}");
    }
    let line = error(Sequence::time_to_goal, json!({ "goal": "Signap" }));
    assert!(line.contains("unknown goal `Signap`; did you mean `Signup`?"), "{line}");
}

/// Rows are kept for some time only, and nothing is told of what they do not cover.
#[test]
fn what_rows_do_not_cover_is_refused_or_marked() {
    let site = site::site();
    let rows = Rows { covered_from: Some("2026-11-20".parse().unwrap()), ..site::rows() };
    let mut question = json!({ "metrics": ["visitors"], "date_range": "7d",
        "dimensions": ["visit:country_name", "visit:city_name"] });
    let ask = |question: &Json| {
        let query = Query::read(question, &site, site::NOW).unwrap();
        query.answer(&site, &Days::new(), Some(&rows))
    };
    let error = ask(&question).unwrap_err().to_string();
    assert!(error.contains("2026-11-20") && error.contains("include.partial"), "{error}");
    question["include"] = json!({ "partial": true });
    let partial = ask(&question).unwrap();
    assert_eq!(partial["meta"], json!({ "source": "rows", "partial_from": "2026-11-20" }));
    assert_eq!(partial["query"]["date_range"][0], "2026-11-20T00:00:00+01:00");
    assert_eq!(
        partial["results"],
        json!([{ "dimensions": ["Germany", "Berlin"], "metrics": [2] },
            { "dimensions": ["Estonia", "Tallinn"], "metrics": [1] },
            { "dimensions": ["Germany", "(not set)"], "metrics": [1] }])
    );
    question["date_range"] = json!(["2026-11-21", "2026-11-23"]);
    assert_eq!(ask(&question).unwrap()["meta"], json!({ "source": "rows" }));
    // What they would be compared with is not known then.
    question["include"] = json!({ "comparisons": { "mode": "previous_period" } });
    let compared = ask(&question).unwrap();
    let row = &compared["results"][0]["comparison"];
    assert_eq!((&row["metrics"], &row["change"]), (&json!([null]), &json!([null])));
}

#[test]
fn parts_of_days_and_comparisons_are_exact() {
    let rows = site::rows();
    for (date_range, dimensions, expected) in [
        // Nobody else came between 15:00 and 16:00.
        (
            json!(["2026-11-23T15:00:00+01:00", "2026-11-23T15:59:59+01:00"]),
            json!([]),
            json!([{ "dimensions": [], "metrics": [1, 2] }]),
        ),
        (
            json!(["2026-11-23T14:30:00Z", "2026-11-23T15:29:59Z"]),
            json!(["time:hour"]),
            json!([{ "dimensions": ["2026-11-23 16:00:00"], "metrics": [1, 1] }]),
        ),
        (json!("24h"), json!([]), json!([{ "dimensions": [], "metrics": [3, 4] }])),
        (json!("realtime"), json!([]), json!([{ "dimensions": [], "metrics": [1, 1] }])),
    ] {
        let question = json!({ "metrics": ["visitors", "pageviews"], "date_range": date_range,
            "dimensions": dimensions });
        assert_eq!(answer(&question, &rows)["results"], expected, "{date_range}");
    }
    let question = json!({ "metrics": ["visitors"], "date_range": "day",
        "dimensions": ["visit:country_name", "visit:city_name"],
        "include": { "comparisons": { "mode": "previous_period" } } });
    assert_eq!(
        answer(&question, &rows)["results"],
        // The evening of the day before is not compared with.
        json!([{ "dimensions": ["Germany", "Berlin"], "metrics": [2], "comparison":
            { "dimensions": ["Germany", "Berlin"], "metrics": [1], "change": [100] } }])
    );
}

#[test]
fn rates_are_measured_against_the_right_visitors() {
    let rows = site::rows();
    let question = json!({ "metrics": ["visitors", "conversion_rate", "group_conversion_rate"],
        "date_range": "7d", "dimensions": ["visit:country_name"],
        "filters": [["is", "event:goal", ["Signup"]]] });
    let answer = answer(&question, &rows);
    // Of 8 visitors 3 signed up; both of 3 Estonians, and one of 4 Germans.
    assert_eq!(
        answer["results"],
        json!([{ "dimensions": ["Estonia"], "metrics": [2, 25.0, 66.67] },
            { "dimensions": ["Germany"], "metrics": [1, 12.5, 25.0] }])
    );
}

#[test]
fn wrong_filters_are_named() {
    for (filter, names) in [
        (json!(["is", "event:page"]), "a filter is like"),
        (json!(["has_done", ["is", "visit:os", ["Mac"]]]), "only events are done"),
        (json!(["has_done", ["has_not_done", ["is", "event:page", ["/"]]]]), "cannot be nested"),
        (json!(["matches", "event:page", ["("]]), "invalid regular expression"),
        (json!(["matches", "event:page", ["a"], { "case_sensitive": false }]), "case_sensitive"),
        (json!(["is", "event:page", ["a"], { "case": false }]), "case_sensitive"),
        (json!(["like", "event:page", ["a"]]), "unknown operator of a filter `like`"),
        (json!(["contains", "event:goal", [1]]), "text"),
        (json!(["or", [["is", "event:goal", ["Sing up"]]]]), "unknown goal `Sing up`"),
        (json!(["is", "visit:mood", ["a"]]), "unknown property `visit:mood`"),
    ] {
        let question = json!({ "metrics": ["visitors"], "date_range": "7d", "filters": [filter] });
        let error = Query::read(&question, &site::site(), site::NOW).unwrap_err().to_string();
        assert!(error.contains(names), "{filter}: {error}");
    }
}

//! The Stats API: shapes, and what is said of questions that cannot be answered.

use super::port::{NOW, Port, today};
use crate::admin::Auth;
use crate::model::rollup::{Dimension, Metric as Stored, OTHER, slot};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;

async fn filled() -> Port {
    let port = Port::local().await;
    let yesterday = today().pred_opt().unwrap();
    let [morning, night] = [28, 16].map(|ago| slot(NOW - ago * 3_600_000).to_string());
    port.store.add(
        "example.org",
        yesterday,
        &[
            (Dimension::Total, "", Stored::Visitors, 2),
            (Dimension::Slot, &morning, Stored::Visitors, 1),
            (Dimension::FirstSeen, &morning, Stored::Visitors, 1),
            (Dimension::FirstSeen, &night, Stored::Visitors, 1),
        ],
    );
    port.store.add(
        "example.org",
        today(),
        &[
            (Dimension::Total, "", Stored::Visitors, 3),
            (Dimension::Total, "", Stored::Server, 4),
            (Dimension::Total, "", Stored::Browser, 1),
            (Dimension::Slot, &slot(NOW).to_string(), Stored::Visitors, 3),
            (Dimension::Page, "/", Stored::Visitors, 3),
            (Dimension::Page, "/a b", Stored::Visitors, 1),
            (Dimension::BotName, "Googlebot", Stored::Responses, 2),
        ],
    );
    port
}

#[tokio::test]
async fn answers_look_like_plausibles() {
    let port = filled().await;
    let ok = async |path: &str| {
        let (status, body) = port.json(&format!("/api/v1/stats/{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    assert_eq!(ok("realtime/visitors?site_id=example.org").await, json!(3));
    assert_eq!(ok("aggregate").await, json!({ "results": { "visitors": { "value": 2 } } }));
    assert_eq!(
        ok("aggregate?include_today=true&with_imported=true").await,
        json!({ "results": { "visitors": { "value": 5 } } })
    );
    assert_eq!(
        ok("aggregate?period=day&metrics=visitors,pageviews&compare=previous_period").await,
        json!({ "results": {
            // Yesterday by this time there was one.
            "visitors": { "value": 3, "change": 200 },
            "pageviews": { "value": 5, "change": 100 },
        } })
    );
    assert_eq!(
        ok("timeseries?period=custom&date=2026-11-22,2026-11-24").await,
        json!({ "results": [
            { "date": "2026-11-22", "visitors": 0 },
            { "date": "2026-11-23", "visitors": 2 },
            { "date": "2026-11-24", "visitors": 3 },
        ] })
    );
    // 14:30 UTC is 15:30 in Berlin.
    assert_eq!(
        ok("timeseries?period=day").await["results"][15],
        json!({ "date": "2026-11-24 15:00:00", "visitors": 3 })
    );
    assert_eq!(
        ok("breakdown?period=day&property=event:page&filters=event:page%3D%3D%2Fa+b").await,
        json!({ "results": [{ "page": "/a b", "visitors": 1 }] })
    );
    assert_eq!(
        ok("breakdown?period=day&property=bot:name&metrics=pageviews").await,
        json!({ "results": [{ "name": "Googlebot", "pageviews": 2 }] })
    );
}

#[tokio::test]
async fn values_are_named_as_plausible_names_them() {
    use Dimension::{Browser, BrowserVersion, Event, Os};
    let port = Port::local().await;
    port.store.add(
        "example.org",
        today(),
        &[
            (Os, "macOS", Stored::Visitors, 2),
            (Os, "Windows", Stored::Visitors, 3),
            (Browser, "Edge", Stored::Visitors, 1),
            (BrowserVersion, "Chrome 155", Stored::Visitors, 3),
            (BrowserVersion, "Edge 155", Stored::Visitors, 1),
            (BrowserVersion, "Firefox 153", Stored::Visitors, 1),
            (Event, "Outbound link", Stored::Events, 4),
            (Event, "Outbound link", Stored::Visitors, 2),
        ],
    );
    let results = async |question: &str| {
        let (status, mut body) = port.json(&format!("/api/v1/stats/{question}&period=day")).await;
        assert_eq!(status, 200, "{question}: {body}");
        body["results"].take()
    };
    for (question, expected) in [
        (
            "breakdown?property=visit:browser_version",
            json!([{ "browser_version": "155", "visitors": 4 }, { "browser_version": "153", "visitors": 1 }]),
        ),
        (
            "breakdown?property=visit:os",
            json!([{ "os": "Windows", "visitors": 3 }, { "os": "Mac", "visitors": 2 }]),
        ),
        (
            "breakdown?property=visit:browser",
            json!([{ "browser": "Microsoft Edge", "visitors": 1 }]),
        ),
        (
            "breakdown?property=event:name&metrics=visitors,events",
            json!([{ "name": "Outbound Link: Click", "visitors": 2, "events": 4 }]),
        ),
        ("aggregate?filters=visit:os%3D%3DMac", json!({ "visitors": { "value": 2 } })),
        ("aggregate?filters=visit:os%3D%3DmacOS", json!({ "visitors": { "value": 2 } })),
        ("aggregate?filters=visit:browser_version%3D%3D155", json!({ "visitors": { "value": 4 } })),
        (
            "aggregate?filters=visit:browser_version%3D%3DChrome+155",
            json!({ "visitors": { "value": 3 } }),
        ),
        (
            "aggregate?filters=event:name%3D%3DOutbound+Link:+Click",
            json!({ "visitors": { "value": 2 } }),
        ),
    ] {
        assert_eq!(results(question).await, expected, "{question}");
    }
    let query = json!({ "metrics": ["visitors"], "date_range": "day",
        "dimensions": ["visit:browser_version"] });
    let (_, answer) = port.query(&query).await;
    assert_eq!(answer["results"][0], json!({ "dimensions": ["155"], "metrics": [4] }));
    // The dashboard has names that say more.
    let (_, page) = port.get("/?devices=visit:browser_version").await;
    assert!(page.contains(">Chrome 155<"));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let port = filled().await;
    for (path, status, names) in [
        ("aggregate?site_id=other.example", 401, "`other.example`"),
        ("realtime/visitors?site_id=", 401, "``"),
        ("aggregate?period=fortnight", 400, "`fortnight`"),
        ("aggregate?metrics=mood", 400, "`mood`"),
        ("timeseries?date=2026-02-30", 400, "`2026-02-30`"),
        ("timeseries?interval=%FF", 400, "interval"),
        ("breakdown", 400, "`property`"),
        ("breakdown?property=event:mood", 400, "`event:mood`"),
        ("breakdown?period=day&property=event:page&filters=visit:os%3D%3DiOS", 400, "`visit:os`"),
        ("aggregate?perod=7d", 400, "unknown parameter `perod`; did you mean `period`?"),
        ("aggregate?compare=year", 400, "`year`"),
        ("aggregate?compare=", 400, "invalid compare ``"),
        ("aggregate?include_today=", 400, "invalid include_today ``"),
        ("aggregate?format=csv", 400, "unknown parameter `format`"),
        ("timeseries?lang=de", 400, "unknown parameter `lang`"),
        ("timeseries?compare=previous_period", 400, "`compare`"),
        ("breakdown?property=event:page&offset=3", 400, "`offset`"),
        ("realtime/visitors?perid=day", 400, "`perid`"),
        ("aggregate?a%0Ab=1", 400, "unknown parameter"),
        ("aggregate?filters=event:goal%3D%3DNope", 400, "unknown goal `Nope`"),
        ("nothing", 404, "nothing here"),
    ] {
        let (got, body) = port.json(&format!("/api/v1/stats/{path}")).await;
        assert_eq!(got, status, "{path}: {body}");
        let line = body["error"].as_str().unwrap();
        assert!(line.contains(names) && !line.contains('\n'), "{path}: {line}");
    }
}

#[tokio::test]
async fn with_several_sites_one_has_to_be_named() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    port.store.add("b.example", today(), &[(Dimension::Total, "", Stored::Visitors, 7)]);
    let (status, body) = port.json("/api/v1/stats/aggregate").await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("`site_id`"));
    // A name that is none must not pass for a name that is left out.
    let question = json!({ "site_id": {}, "metrics": ["visitors"], "date_range": "day" });
    let (status, body) = port.query(&question).await;
    assert_eq!((status, &body["error"]), (400, &"invalid site_id `{}`: it is a text".into()));
    let (_, body) = port.json("/api/v1/stats/aggregate?period=day&site_id=b.example").await;
    assert_eq!(body["results"]["visitors"]["value"], 7);
    let (_, body) = port.json("/api/v1/stats/aggregate?period=day&site_id=a.example").await;
    assert_eq!(body["results"]["visitors"]["value"], 0);
}

#[tokio::test]
async fn only_days_that_changed_are_read_again() {
    let port = filled().await;
    let read = || port.store.days_read.load(Relaxed);
    let visitors = async || port.json("/api/v1/stats/aggregate?period=12mo").await.1;
    visitors().await;
    assert_eq!(read(), 2, "of a year, the days that have counts");
    visitors().await;
    assert_eq!(read(), 2, "nothing changed");
    port.store.add("example.org", today(), &[(Dimension::Total, "", Stored::Visitors, 1)]);
    assert_eq!(visitors().await["results"]["visitors"]["value"], 6);
    assert_eq!(read(), 3, "one day changed");
}

#[tokio::test]
async fn a_store_that_is_down_is_said_to_be() {
    let port = filled().await;
    port.store.down.store(true, Relaxed);
    let (status, body) = port.json("/api/v1/stats/aggregate").await;
    assert_eq!((status, &body["error"]), (503, &json!("memory: is unreachable: it is down")));
    let (status, page) = port.get("/").await;
    assert_eq!(status, 503);
    assert!(page.contains("memory: is unreachable"));
    let (status, line) = port.get("/readyz").await;
    // Open to all: it does not say which store, or where.
    assert_eq!((status.as_u16(), line.as_str()), (503, "the store is unreachable"));
    let (status, line) = port.get("/healthz").await;
    assert_eq!((status.as_u16(), line.as_str()), (200, "ok"));
}

#[tokio::test]
async fn a_month_whose_days_are_gone_still_answers() {
    let port = Port::local().await;
    let september = "2026-09".parse().unwrap();
    for (day, n) in [("2026-09-01", 1), ("2026-09-30", 2), ("2026-10-01", 4)] {
        let rows = [
            (Dimension::Total, "", Stored::Visitors, n),
            (Dimension::Page, "/old", Stored::Visitors, n),
        ];
        port.store.add("example.org", day.parse().unwrap(), &rows);
    }
    let ask = async || {
        let mut answers = Vec::new();
        for question in [
            "aggregate?period=12mo",
            "breakdown?property=event:page&period=12mo",
            "timeseries?period=12mo",
            "aggregate?period=custom&date=2026-09-30,2026-10-01",
            "timeseries?period=custom&date=2026-09-30,2026-10-01",
        ] {
            let (status, body) = port.json(&format!("/api/v1/stats/{question}")).await;
            assert_eq!(status, 200, "{question}: {body}");
            answers.push(body);
        }
        answers
    };
    let before = ask().await;
    assert_eq!(before[1], json!({ "results": [{ "page": "/old", "visitors": 7 }] }));
    port.store.freeze("example.org", september);
    assert_eq!(ask().await, before);
    // What else is known of the month is told of the month, and not of its first day.
    let ask = async |question: &str| port.json(&format!("/api/v1/stats/{question}")).await;
    let filtered = "filters=event:page==/old&metrics=visitors";
    let (_, months) = ask(&format!("timeseries?period=12mo&{filtered}")).await;
    let months = months["results"].as_array().unwrap().clone();
    assert_eq!(months[9], json!({ "date": "2026-09-01", "visitors": 3 }));
    let (_, days) = ask(&format!(
        "timeseries?period=custom&date=2026-09-01,2026-10-01&interval=day&{filtered}"
    ))
    .await;
    let days = days["results"].as_array().unwrap().clone();
    assert_eq!(days[0], json!({ "date": "2026-09-01", "visitors": null }));
    assert_eq!(days[30], json!({ "date": "2026-10-01", "visitors": 4 }));
    let query = |range: serde_json::Value, dimension: &str| {
        json!({ "site_id": "example.org", "metrics": ["visitors"], "date_range": range,
                "dimensions": [dimension], "filters": [["is", "event:page", ["/old"]]] })
    };
    let whole = json!(["2026-09-01", "2026-09-30"]);
    let (_, days) = port.query(&query(whole, "time:day")).await;
    assert_eq!(days["results"][0], json!({ "dimensions": ["2026-09-01"], "metrics": [null] }));
    // Of a part of the month only totals are known.
    let part = json!(["2026-09-30", "2026-10-01"]);
    let (status, refused) = port.query(&query(part, "event:page")).await;
    assert_eq!(status, 400, "{refused}");
    let part = "period=custom&date=2026-09-30,2026-10-01";
    for question in [
        format!("/api/v1/stats/aggregate?{part}&filters=event:page==/old"),
        format!("/api/v1/stats/heatmap?{part}&page=/old"),
        format!("/api/v1/stats/timings?{part}"),
    ] {
        let (status, refused) = port.json(&question).await;
        assert_eq!(status, 400, "{question}: {refused}");
    }
    let (status, page) = port.get(&format!("/?{part}")).await;
    assert_eq!(status, 200);
    assert!(page.contains("Of 30 Sep 2026 only totals are left"), "{page}");
    let part =
        "/api/v1/stats/breakdown?property=event:page&period=custom&date=2026-09-30,2026-10-01";
    let (status, refused) = port.json(part).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains("2026-09-30"), "{refused}");
}

/// Values beyond the busiest are counted together, and a pattern may match some of them.
#[tokio::test]
async fn a_sum_that_may_miss_values_is_not_told() {
    let port = Port::local().await;
    let rows = |more: &[(Dimension, &'static str, Stored, i64)]| {
        let kept = [
            (Dimension::Total, "", Stored::Server, 10),
            (Dimension::Page, "/a", Stored::Server, 2),
            (Dimension::Page, "/b", Stored::Server, 3),
        ];
        [&kept, more].concat()
    };
    let (first, second) = ("2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap());
    let other = (Dimension::Page, OTHER, Stored::Server, 5);
    port.store.add("example.org", first, &rows(&[]));
    port.store.add("example.org", second, &rows(&[other]));
    let ask = async |question: &str| {
        let path = format!("/api/v1/stats/{question}&metrics=pageviews&period=custom&date=");
        (
            port.json(&format!("{path}2026-11-01,2026-11-01")).await,
            port.json(&format!("{path}2026-11-01,2026-11-02")).await,
        )
    };
    for filter in ["event:page==/**", "event:page==/a|/b*", "event:page!=/b*"] {
        let (told, refused) = ask(&format!("aggregate?filters={filter}")).await;
        assert_eq!((told.0, refused.0), (200, 400), "{filter}");
        assert!(told.1["results"]["pageviews"]["value"].is_i64(), "{}", told.1);
        let why = refused.1["error"].as_str().unwrap();
        assert!(why.contains("2026-11-02") && why.contains("(other)"), "{why}");
        let (_, series) = ask(&format!("timeseries?filters={filter}")).await;
        let series = series.1["results"].as_array().unwrap().clone();
        assert!(series[0]["pageviews"].is_i64(), "{series:?}");
        assert_eq!(series[1]["pageviews"], json!(null), "{filter}");
    }
    // Whatever a value is called, it matches; and single ones are what their rows are.
    for (filter, expected) in [("event:page==**", 15), ("event:page==/a|/b", 10)] {
        let (_, (_, told)) = ask(&format!("aggregate?filters={filter}")).await;
        assert_eq!(told["results"]["pageviews"]["value"], expected, "{filter}");
    }
    let (_, (_, rows)) = ask("breakdown?property=event:page&filters=event:page==/b*").await;
    assert_eq!(rows["results"], json!([{ "page": "/b", "pageviews": 6 }]));
    let contains = json!({ "site_id": "example.org", "metrics": ["pageviews"], "dimensions": [],
        "date_range": ["2026-11-01", "2026-11-02"], "filters": [["contains", "event:page", ["b"]]] });
    let (status, refused) = port.query(&contains).await;
    assert_eq!(status, 400, "{refused}");
}

#[tokio::test]
async fn on_a_budget_the_store_is_asked_sparingly() {
    let auth = Auth::new(None, &[]).unwrap();
    let port = Port::within(auth, &["example.org"], Some(30_000)).await;
    let add = |day, n| {
        port.store.add("example.org", day, &[(Dimension::Total, "", Stored::Visitors, n)]);
    };
    let visitors = async || {
        let (_, body) = port.json("/api/v1/stats/aggregate?period=30d&include_today=true").await;
        body["results"]["visitors"]["value"].as_i64().unwrap()
    };
    let asked = || port.store.versions_asked.swap(0, Relaxed);
    let old = today() - chrono::Days::new(20);
    add(today(), 1);
    add(old, 10);
    assert_eq!((visitors().await, asked()), (11, 31));
    // Told a moment ago.
    add(today(), 1);
    assert_eq!((visitors().await, asked()), (11, 0));
    // After a flush's time only the last days are asked for.
    port.clock.set(NOW + 30 * 60_000);
    add(old, 10);
    assert_eq!((visitors().await, asked()), (12, 3));
    port.clock.set(NOW + 7 * 3_600_000);
    assert_eq!((visitors().await, asked()), (22, 31));

    // The share is spent: what is held is shown, and nothing fails.
    for day in "2024-01-01".parse::<crate::model::site::Day>().unwrap().iter_days().take(400) {
        let path = format!("/api/v1/stats/aggregate?period=day&date={day}");
        assert_eq!(port.json(&path).await.0, 200);
    }
    assert!(asked() < 400);
    add(today(), 5);
    assert_eq!((visitors().await, asked()), (22, 0));
    port.clock.set(NOW + 31 * 3_600_000);
    assert!(visitors().await > 22);

    let (_, metrics) = port.get("/metrics").await;
    assert!(metrics.contains("headcount_store_commands_budget 30000"), "{metrics}");
    assert!(metrics.contains("headcount_store_commands_projected "), "{metrics}");
    let (_, page) = port.get("/").await;
    assert!(page.contains("in 30 days at this pace, of"), "{page}");
}

/// Two properties at once are told by event rows, where these tell all that was counted.
#[tokio::test]
async fn what_rollups_do_not_tell_is_told_by_rows() {
    use Dimension::{Country, Source};
    let port = Port::local().await;
    let views: [(&str, &[(Dimension, &str)]); 3] = [
        ("/", &[(Country, "DE"), (Source, "Google")]),
        ("/a", &[(Country, "DE"), (Source, "Twitter")]),
        ("/a", &[(Country, "EE"), (Source, "Twitter")]),
    ];
    port.store.view("example.org", today(), &views);
    let question = json!({ "metrics": ["visitors"], "date_range": "day",
        "dimensions": ["event:page", "visit:country_name"],
        "filters": [["or", [["is", "visit:source", ["Twitter"]], ["is", "event:page", ["/b"]]]]] });
    let (status, answer) = port.query(&question).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["results"],
        json!([{ "dimensions": ["/a", "Estonia"], "metrics": [1] },
            { "dimensions": ["/a", "Germany"], "metrics": [1] }])
    );
    assert_eq!(answer["meta"], json!({ "source": "rows" }));

    // One view more was counted than there are rows of: nothing is told as if it were all.
    port.store.add("example.org", today(), &[(Dimension::Total, "", Stored::Server, 1)]);
    let (status, refused) = port.query(&question).await;
    assert_eq!(status, 400, "{refused}");
    let line = refused["error"].as_str().unwrap();
    assert!(line.contains("one dimension") && line.contains("there are none"), "{line}");
    let yesterday = today().pred_opt().unwrap();
    port.store.add("example.org", yesterday, &[(Dimension::Total, "", Stored::Server, 1)]);
    port.store.view("example.org", today(), &[]);
    let mut two_days = question.clone();
    two_days["date_range"] = json!([yesterday, today()]);
    let (_, refused) = port.query(&two_days).await;
    assert!(refused["error"].as_str().unwrap().contains("there are none"), "{refused}");
}

/// The same in version 1, in its shapes.
#[tokio::test]
async fn version_one_is_told_by_rows_as_well() {
    use Dimension::{Country, Source};
    let port = Port::local().await;
    let views: [(&str, &[(Dimension, &str)]); 3] = [
        ("/", &[(Country, "DE"), (Source, "Google")]),
        ("/a", &[(Country, "DE"), (Source, "Twitter")]),
        ("/a/b", &[(Country, "EE"), (Source, "Twitter")]),
    ];
    port.store.view("example.org", today(), &views);
    let yesterday = today().pred_opt().unwrap();
    port.store.view("example.org", yesterday, &views[1..2]);
    for (question, expected) in [
        (
            "breakdown?period=day&property=event:page&filters=visit:country%3D%3DDE",
            json!([{ "page": "/", "visitors": 1 }, { "page": "/a", "visitors": 1 }]),
        ),
        (
            "breakdown?period=day&property=event:page&filters=visit:country%3D%3DDE&limit=1&page=2",
            json!([{ "page": "/a", "visitors": 1 }]),
        ),
        (
            "aggregate?period=day&metrics=visitors,pageviews,total_revenue\
             &filters=event:page%3D%3D/a*;visit:country!%3DEE",
            json!({ "visitors": { "value": 1 }, "pageviews": { "value": 1 },
                "total_revenue": { "value": 0.0 } }),
        ),
        // A pattern of one property, of which roll-ups know the views and not the visitors.
        (
            "aggregate?period=day&metrics=visitors,pageviews&filters=event:page%3D%3D/a*",
            json!({ "visitors": { "value": 2 }, "pageviews": { "value": 2 } }),
        ),
        (
            "aggregate?period=day&metrics=visitors&compare=previous_period\
             &filters=event:page%3D%3D/a;visit:source%3D%3DTwitter",
            // Today is compared with yesterday until now, and yesterday's view came later.
            json!({ "visitors": { "value": 1, "change": 100 } }),
        ),
        (
            "timeseries?period=custom&date=2026-11-22,2026-11-24\
             &filters=visit:country%3D%3DDE;visit:source%3D%3DTwitter",
            json!([{ "date": "2026-11-22", "visitors": 0 }, { "date": "2026-11-23", "visitors": 1 },
                { "date": "2026-11-24", "visitors": 1 }]),
        ),
    ] {
        let (status, body) = port.json(&format!("/api/v1/stats/{question}")).await;
        assert_eq!((status, &body), (200, &json!({ "results": expected })), "{question}");
    }
}

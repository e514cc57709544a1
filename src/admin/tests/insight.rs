//! What only we count, over real HTTP: v2's shape, heat maps, timings, funnels; and how the
//! dashboard shows them, whatever values it is given.

use super::port::{Port, today};

use crate::model::rollup::{Dimension, GRID_ROWS, Metric as Stored, join};
use crate::model::sketch::bucket;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

type Field = (Dimension, String, Stored, i64);

fn field(dimension: Dimension, value: impl Into<String>, metric: Stored, n: i64) -> Field {
    (dimension, value.into(), metric, n)
}

/// A site with something of everything; `page` and `word` stand where visitors choose them.
pub(super) fn everything(page: &str, word: &str) -> Vec<Field> {
    use Dimension as D;
    use Stored as S;
    let mut fields = vec![
        field(D::Total, "", S::Visitors, 200),
        field(D::Total, "", S::Visits, 240),
        field(D::Total, "", S::Server, 500),
        field(D::Total, "", S::Confirmed, 400),
        field(D::Total, "", S::Browser, 60),
        field(D::Page, page, S::Visitors, 150),
        field(D::Page, page, S::Visits, 160),
        field(D::Page, page, S::Server, 200),
        field(D::Page, page, S::Confirmed, 140),
        field(D::Page, page, S::Browser, 40),
        // 80 s over 160 visits, of which 3 in 4 views are known to the browser: 120.
        field(D::Page, page, S::Engagement, 4_800_000),
        field(D::Page, page, S::ScrollViews, 100),
        field(D::Page, page, S::ScrollDepth, 6_340),
        field(D::Page, page, S::Bytes, 12_345_678),
        field(D::ExitPage, page, S::Visits, 60),
        field(D::EntryPage, page, S::Visits, 90),
        field(D::Browser, "Firefox", S::Server, 100),
        field(D::Browser, "Firefox", S::Confirmed, 55),
        field(D::Browser, "Chrome", S::Server, 400),
        field(D::Browser, "Chrome", S::Confirmed, 345),
        field(D::Country, "DE", S::Server, 400),
        field(D::Country, "DE", S::Confirmed, 300),
        field(D::Event, "Signup", S::Events, 12),
        field(D::Event, "Signup", S::Visitors, 10),
        field(D::Event, "Signup", S::Revenue, 99_500),
        field(D::EventProperty, join(["Signup", "plan", word]), S::Events, 9),
        field(D::EventProperty, join(["Signup", "plan", "free"]), S::Events, 3),
        field(D::EventProperty, join(["Trial", "plan", "free"]), S::Events, 4),
        field(D::EventProperty, join(["Signup", word, "x"]), S::Events, 1),
        field(D::Outbound, word, S::Events, 5),
        field(D::File, word, S::Events, 6),
        field(D::Goal, "Signup", S::Visitors, 10),
        field(D::Goal, "Signup", S::Events, 12),
        field(D::Goal, "Signup", S::Revenue, 99_500),
        field(D::FunnelStep, join(["Checkout", "1"]), S::Visits, 80),
        field(D::FunnelStep, join(["Checkout", "2"]), S::Visits, 30),
        field(D::FunnelStep, join(["Checkout", "3"]), S::Visits, 12),
        field(D::ErrorPage, page, S::Responses, 7),
        field(D::ErrorLink, join([page, word]), S::Responses, 5),
        field(D::ErrorLink, join([page, word]), S::Seen, 4),
        field(D::ErrorLink, join([page, ""]), S::Responses, 2),
        field(D::Feed, join(["/feed.xml", word]), S::Responses, 20),
        field(D::Feed, join(["/feed.xml", word]), S::Subscribers, 40),
        field(D::Feed, join(["/feed.xml", "Feedly"]), S::Subscribers, 2),
        field(D::Download, page, S::Responses, 9),
        field(D::Download, page, S::Complete, 7),
        field(D::Prefetch, page, S::Responses, 8),
        field(D::Prefetch, page, S::Seen, 6),
        field(D::Cached, "same visitor", S::Browser, 30),
        field(D::Suspected, "yes", S::Visitors, 3),
        field(D::Suspected, "yes", S::Server, 90),
        field(D::AiPage, join(["training", page]), S::Responses, 11),
        field(D::AiPage, join(["assistant", page]), S::Responses, 6),
        field(D::AiPage, join(["referral", page]), S::Responses, 2),
    ];
    let click = |screen: &str, column: u32, row: u32, n| {
        let value = join([screen, &column.to_string(), &row.to_string(), page]);
        field(D::ClickMap, value, S::Events, n)
    };
    fields.extend([click("desktop", 3, 4, 7), click("desktop", 39, 9_999, 1)]);
    fields.extend([click("mobile", 3, 4, 2), click("mobile", 40, 4, 5), click(word, 1, 1, 1)]);
    // Two told of one layout, one of another; a third is none.
    for (layout, n) in [("AKfAoAAACtCUADAF", 2), ("AMfAoAAAC", 1), ("AKfzzAAAC", 50), (word, 9)] {
        fields.push(field(D::Outline, join(["desktop", layout, page]), S::Events, n));
    }
    for (tenth, n) in [(2, 10), (5, 20), (10, 70)] {
        let value = join(["desktop", &tenth.to_string(), page]);
        fields.push(field(D::ScrollMap, value, S::Events, n));
    }
    for (what, of, n) in [
        ("origin", 40.0, 95),
        ("origin", 900.0, 5),
        ("LCP", 3_000.0, 100),
        ("CLS", 0.0, 100),
        ("INP", 700.0, 50),
        (word, 1.0, 1),
    ] {
        for of_page in [page, ""] {
            let value = join([what, &bucket(of).to_string(), of_page]);
            fields.push(field(D::Timing, value, S::Events, n));
        }
    }
    fields
}

pub(super) async fn filled(page: &str, word: &str) -> Port {
    let port = Port::local().await;
    let fields = everything(page, word);
    let fields: Vec<_> = fields.iter().map(|(d, v, m, n)| (*d, v.as_str(), *m, *n)).collect();
    port.store.add("example.org", today(), &fields);
    port
}

/// Results of today.
async fn results(port: &Port, path: &str) -> Json {
    let path = format!("{path}{}period=day", if path.contains('?') { '&' } else { '?' });
    let (status, body) = port.json(&format!("/api/v1/stats/{path}")).await;
    assert_eq!(status, 200, "{path}: {body}");
    body["results"].clone()
}

#[tokio::test]
async fn new_metrics_and_properties() {
    let port = filled("/a", "pro").await;
    for (path, expected) in [
        (
            "breakdown?property=event:page&metrics=time_on_page,scroll_depth,bytes,blind_spot",
            json!([{ "page": "/a", "time_on_page": 40, "scroll_depth": 63, "bytes": 12_345_678,
                "blind_spot": 30.0 }]),
        ),
        (
            "breakdown?property=visit:exit_page&metrics=visits,exit_rate",
            json!([{ "exit_page": "/a", "visits": 60, "exit_rate": 25.0 }]),
        ),
        (
            "breakdown?property=event:goal&metrics=conversions,conversion_rate,total_revenue,average_revenue",
            json!([{ "goal": "Signup", "conversions": 12, "conversion_rate": 5.0,
                "total_revenue": 99.5, "average_revenue": 8.292 }]),
        ),
        (
            "aggregate?filters=event:goal%3D%3DSignup&metrics=events,conversion_rate",
            json!({ "events": { "value": 12 }, "conversion_rate": { "value": 5.0 } }),
        ),
        (
            "breakdown?property=event:props:plan&metrics=events",
            json!([{ "plan": "pro", "events": 9 }, { "plan": "free", "events": 7 }]),
        ),
        (
            "breakdown?property=event:props:plan&metrics=events&filters=event:goal%3D%3DTried",
            json!([{ "plan": "free", "events": 4 }]),
        ),
        (
            "breakdown?property=event:name&metrics=events&filters=event:props:plan%3D%3Dfree",
            json!([{ "name": "Trial", "events": 4 }, { "name": "Signup", "events": 3 }]),
        ),
        (
            "breakdown?property=error:link&metrics=pageviews,confirmed_pageviews",
            json!([{ "link": "/a", "referrer": "pro", "pageviews": 5, "confirmed_pageviews": 4 },
                { "link": "/a", "referrer": "", "pageviews": 2, "confirmed_pageviews": 0 }]),
        ),
        (
            "breakdown?property=error:page&filters=error:referrer%3D%3Dpro",
            json!([{ "page": "/a", "pageviews": 5 }]),
        ),
        (
            "breakdown?property=feed:path&metrics=subscribers,pageviews",
            json!([{ "path": "/feed.xml", "subscribers": 42, "pageviews": 20 }]),
        ),
        (
            "breakdown?property=download:path&metrics=complete,aborted",
            json!([{ "path": "/a", "complete": 7, "aborted": 2 }]),
        ),
        (
            "breakdown?property=ai:page&filters=ai:purpose%3D%3Dtraining",
            json!([{ "page": "/a", "pageviews": 11 }]),
        ),
        (
            "breakdown?property=visit:suspected&metrics=visitors,pageviews",
            json!([{ "suspected": "no", "visitors": 197, "pageviews": 470 },
                { "suspected": "yes", "visitors": 3, "pageviews": 90 }]),
        ),
        ("aggregate?filters=visit:suspected!%3Dyes", json!({ "visitors": { "value": 197 } })),
        ("breakdown?property=visit:cached", json!([{ "cached": "same visitor", "pageviews": 30 }])),
    ] {
        assert_eq!(results(&port, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn heat_maps_timings_and_funnels() {
    let port = filled("/a", "huge").await;
    let map = results(&port, "heatmap?page=/a&screen=desktop").await;
    assert_eq!(map["total"], 8);
    assert_eq!(
        map["cells"],
        json!([{ "column": 3, "row": 4, "count": 7 },
            { "column": 39, "row": GRID_ROWS - 1, "count": 1 }])
    );
    assert_eq!(map["screens"][0], json!({ "screen": "desktop", "count": 8 }));
    let thing = |part, row, column, rows, columns| json!({ "part": part, "column": column, "row": row, "columns": columns, "rows": rows });
    let outline =
        json!({ "rows": 10, "things": [thing("frame", 0, 0, 2, 40), thing("text", 3, 2, 5, 20)] });
    assert_eq!(map["outline"], outline);
    let scrolls = results(&port, "heatmap?page=/a&screen=desktop&kind=scroll").await;
    assert_eq!(scrolls["outline"], outline);
    for none in ["page=/a", "page=/a&screen=mobile", "page=/b&screen=desktop"] {
        let map = results(&port, &format!("heatmap?{none}")).await;
        assert_eq!(map["outline"], Json::Null, "{none}");
    }
    let all = results(&port, "heatmap?page=/a&kind=click").await;
    assert_eq!(all["total"], 11, "column 40 of 40 is none");
    assert_eq!(results(&port, "heatmap?page=/b").await["cells"], json!([]));
    let map = results(&port, "heatmap?page=/a&kind=scroll").await;
    let percent: Vec<_> =
        map["depths"].as_array().unwrap().iter().map(|d| d["percent"].as_f64().unwrap()).collect();
    assert_eq!(percent, [100.0, 100.0, 90.0, 90.0, 90.0, 70.0, 70.0, 70.0, 70.0, 70.0]);

    let speed = results(&port, "timings").await;
    let close = |value: &Json, to: f64| (value.as_f64().unwrap() / to - 1.0).abs() < 0.05;
    let timings = &speed["timings"];
    assert!(close(&timings["origin"]["p50"], 40.0) && close(&timings["origin"]["p99"], 900.0));
    assert_eq!(timings["origin"]["rating"], Json::Null);
    assert_eq!(timings["LCP"]["rating"], "needs improvement");
    assert_eq!(timings["INP"]["rating"], "poor");
    assert_eq!(
        timings["CLS"],
        json!({ "p50": 0.0, "p75": 0.0, "p95": 0.0, "p99": 0.0,
        "count": 100, "rating": "good" })
    );
    assert_eq!(speed["slowest"][0]["page"], "/a");
    assert_eq!(results(&port, "timings?page=/b").await["timings"], json!({}));

    let funnel = results(&port, "funnel?name=Checkout").await;
    assert_eq!(funnel["conversion_rate"], 15.0);
    assert_eq!(
        funnel["steps"][1],
        json!({ "label": "/checkout", "visits": 30, "of_all": 37.5, "of_previous": 37.5 })
    );
    for (path, names) in [
        ("heatmap", "`page`"),
        ("heatmap?page=/&kind=move", "`move`"),
        ("timings?metric=FID", "`FID`"),
        ("funnel", "`name`"),
        ("funnel?name=Nope", "`Nope`"),
        ("funnel?name=Chekout", "did you mean `Checkout`?"),
        ("funnel?name=Checkout&page=/a", "unknown parameter `page`"),
        ("heatmap?page=/a&knd=click", "did you mean `kind`?"),
        ("timings?perod=7d", "did you mean `period`?"),
    ] {
        let (status, body) = port.json(&format!("/api/v1/stats/{path}")).await;
        assert_eq!(status, 400, "{path}");
        assert!(body["error"].as_str().unwrap().contains(names), "{path}: {body}");
    }
}

#[tokio::test]
async fn version_two_answers_what_can_be_told() {
    let port = filled("/a", "pro").await;
    let (status, answer) = port
        .query(&json!({
            "site_id": "example.org", "metrics": ["pageviews", "blind_spot"], "date_range": "7d",
            "dimensions": ["visit:browser"], "order_by": [["blind_spot", "desc"]],
            "filters": [["is_not", "visit:browser", ["Safari"]]],
            "include": { "total_rows": true, "today": true }, "pagination": { "limit": 1 },
        }))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"], json!([{ "dimensions": ["Firefox"], "metrics": [100, 45.0] }]));
    assert_eq!(answer["meta"], json!({ "source": "rollups", "total_rows": 2 }));
    assert_eq!(
        answer["query"]["date_range"],
        json!(["2026-11-17T00:00:00+01:00", "2026-11-24T23:59:59+01:00"])
    );
    assert_eq!(answer["query"]["pagination"], json!({ "limit": 1, "offset": 0 }));

    for (asked, expected) in [
        (json!({}), json!([{ "dimensions": [], "metrics": [200] }])),
        (
            json!({ "dimensions": ["time:day"] }),
            json!([{ "dimensions": ["2026-11-24"], "metrics": [200] }]),
        ),
        (
            json!({ "metrics": ["pageviews", "visitors"], "filters": [["contains", "event:page", ["a"]]] }),
            json!([{ "dimensions": [], "metrics": [240, null] }]),
        ),
        (
            json!({ "metrics": ["pageviews"], "filters": [["not", ["is", "event:page", ["/a"]]]] }),
            json!([{ "dimensions": [], "metrics": [0] }]),
        ),
        (
            json!({ "dimensions": ["event:props:plan"], "metrics": ["events"],
                "filters": [["and", [["is", "event:name", ["Trial"]]]]] }),
            json!([{ "dimensions": ["free"], "metrics": [4] }]),
        ),
        (
            json!({ "date_range": ["2026-11-01", "2026-11-23"] }),
            json!([{ "dimensions": [], "metrics": [0] }]),
        ),
    ] {
        let mut body = json!({ "metrics": ["visitors"], "date_range": "day" });
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let (status, answer) = port.query(&body).await;
        assert_eq!((status, &answer["results"]), (200, &expected), "{body}");
    }
    let labels = json!({ "metrics": ["visitors"], "date_range": "7d", "dimensions": ["time"],
        "include": { "time_labels": true } });
    assert_eq!(port.query(&labels).await.1["meta"]["time_labels"].as_array().unwrap().len(), 7);

    for (asked, names) in [
        (json!({ "metrics": [] }), "`metrics`"),
        (json!({ "metrics": ["mood"] }), "`mood`"),
        (json!({ "date_range": "fortnight" }), "`fortnight`"),
        (json!({ "date_range": ["2026-11-24T00:00:00Z", "2026-11-24T12:00:00Z"] }), "whole days"),
        (json!({ "date_range": null }), "`date_range`"),
        (json!({ "dimensions": ["visit:os", "visit:browser"] }), "one dimension"),
        (json!({ "dimensions": ["time:minute"] }), "`time:minute`"),
        (json!({ "filters": [["matches", "event:page", ["a"]]] }), "is_not"),
        (json!({ "filters": [["is", "event:page", [1]]] }), "text"),
        (
            json!({ "filters": [["or", [["is", "event:page", ["/a"]], ["is", "event:page", ["/b"]]]]] }),
            "alternatives",
        ),
        (
            json!({ "dimensions": ["visit:os"], "filters": [["is", "event:page", ["/a"]]] }),
            "`visit:os` and `event:page`",
        ),
        (json!({ "order_by": [["visits", "desc"]] }), "`visits`"),
        (json!({ "pagination": { "limit": 0 } }), "limit"),
        (json!({ "include": { "time_labels": true } }), "time dimension"),
        (json!({ "cohort": 1 }), "`cohort`"),
        (json!({ "metric": ["visitors"] }), "did you mean `metrics`?"),
        (json!({ "include": { "todya": true } }), "did you mean `today`?"),
        (json!({ "filters": [["is", "event:goal", ["Sign up"]]] }), "did you mean `Signup`?"),
        (
            json!({ "metrics": ["events"], "dimensions": ["event:props:plan"],
                "filters": [["is", "event:goal", ["Pricing"]]] }),
            "`Pricing` is a page",
        ),
        (
            json!({ "filters": [["is_not", "event:page", ["/"]]] }),
            "`visitors` cannot be added up over several values of `event:page`",
        ),
        (
            json!({ "metrics": ["visits"], "dimensions": ["visit:evidence"] }),
            "`visits` is not known of `visit:evidence`",
        ),
    ] {
        let mut body = json!({ "metrics": ["visitors"], "date_range": "day" });
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let (status, answer) = port.query(&body).await;
        let line = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        assert!(line.contains(names) && !line.contains('\n'), "{body}: {line}");
    }
    let (status, _) = port.query(&json!({ "site_id": "other.example" })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_dashboard_shows_all_of_it() {
    let port = filled("/a", "pro").await;
    let (_, page) = port.get("/").await;
    for text in [
        "Goals",
        "Pricing",
        "99.50",
        "15% get through",
        "62% leave here",
        "Views not confirmed by the script",
        "Views from caches",
        "Without suspected robots",
    ] {
        assert!(page.contains(text), "no {text}");
    }
    let (_, speed) = port.get("/?topic=speed").await;
    assert!(speed.contains("needs improvement") && speed.contains("Slowest pages"));
    let (_, bots) = port.get("/?topic=bots").await;
    assert!(bots.contains("Pages that AI reads") && bots.contains("behaves like a robot"));
    let (_, page) = port.get("/?page=/a").await;
    for text in
        ["8 clicks on a grid", "Around it", "Time on page", ">40s<", "Broken links to it", "25%"]
    {
        assert!(page.contains(text), "no {text}");
    }
    let (_, page) = port.get("/?page=/a&heat=scroll").await;
    assert!(page.contains("70% reached the middle") || page.contains("90% reached the middle"));
    let (_, page) = port.get("/?events=event:props:plan").await;
    assert!(page.contains(">pro<") && page.contains(">free<"));
    // A site that has none of it shows no empty frames for it.
    let bare = Port::open(crate::admin::Auth::new(None, &[]).unwrap(), &["example.org"]).await;
    bare.store.add("example.org", today(), &[(Dimension::Total, "", Stored::Server, 1)]);
    let (_, page) = bare.get("/").await;
    assert!(!page.contains(r#"id="caches""#));
}

#[tokio::test]
async fn hostile_parts_are_only_text() {
    let hostile = "\"><script>alert(1)</script>";
    let port = filled(hostile, hostile).await;
    let page = form_urlencoded::byte_serialize(hostile.as_bytes()).collect::<String>();
    for path in [
        "/".to_owned(),
        format!("/?page={page}"),
        format!("/?page={page}&heat=scroll&screen={page}"),
        format!("/?page={page}&screen={page}"),
        format!("/?events=event:props:{page}"),
        "/?topic=errors".to_owned(),
        "/?topic=files&feeds=feed:reader".to_owned(),
    ] {
        let (status, shown) = port.get(&path).await;
        assert_eq!(status, 200, "{path}");
        assert!(shown.contains("&lt;script&gt;alert(1)"), "{path}: not shown at all");
        assert!(!shown.contains("<script>"), "{path}");
    }
}

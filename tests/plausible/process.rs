//! The same on the wire: the real binary, its stores, and requests of visitors from two countries.

use crate::common::headcount::Headcount;
use crate::common::http::{self, FIREFOX, NAVIGATION};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use serde_json::{Value as Json, json};

/// Country, and pages in the order in which they are seen; each a visitor of their own.
const VISITORS: [(&str, &[&str]); 4] =
    [("DE", &["/", "/pricing"]), ("DE", &["/pricing"]), ("EE", &["/"]), ("EE", &["/", "/docs"])];

fn told(store: &str) {
    let load = Load::new();
    let headcount = Headcount::start(
        &load.url(),
        &[
            "--store",
            store,
            "--flush-interval",
            "100ms",
            "--trusted-proxies",
            "127.0.0.1",
            "--place-headers",
            "CF-IPCountry",
        ],
    );
    for (nth, (country, pages)) in VISITORS.iter().enumerate() {
        let address = format!("203.0.113.{nth}");
        let own = [
            ("Host", "localhost"),
            ("User-Agent", FIREFOX),
            ("X-Forwarded-For", address.as_str()),
            ("CF-IPCountry", country),
        ];
        for page in *pages {
            let answer = http::get(headcount.site(), page, &[NAVIGATION, &own[..]].concat());
            assert_eq!(answer.status, 200);
        }
    }
    wait_for("all views", || (headcount.total("pageviews") == 6).then_some(()));
    let send = |method: &str, path: &str, body: Json| -> (u16, Json) {
        let headers = [("Host", "localhost"), ("Content-Type", "application/json")];
        let body = body.to_string();
        let answer = http::send(headcount.admin(), method, path, &headers, body.as_bytes());
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    };
    let ask = |question: Json| send("POST", "/api/v2/query", question);
    for (question, results) in [
        (
            json!({ "dimensions": ["event:page", "visit:country_name"] }),
            json!([
                { "dimensions": ["/", "Estonia"], "metrics": [2] },
                { "dimensions": ["/pricing", "Germany"], "metrics": [2] },
                { "dimensions": ["/", "Germany"], "metrics": [1] },
                { "dimensions": ["/docs", "Estonia"], "metrics": [1] },
            ]),
        ),
        (
            json!({ "filters": [["is", "event:page", ["/", "/pricing"]]] }),
            json!([{ "dimensions": [], "metrics": [4] }]),
        ),
        (
            json!({ "filters": [["is", "event:page", ["/"]],
                ["has_not_done", ["matches", "event:page", ["^/(docs|pricing)$"]]]] }),
            json!([{ "dimensions": [], "metrics": [1] }]),
        ),
        (json!({ "date_range": "realtime" }), json!([{ "dimensions": [], "metrics": [4] }])),
    ] {
        let mut body = json!({ "metrics": ["visitors"], "date_range": "day" });
        body.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
        let (status, answer) = ask(body);
        assert_eq!((status, &answer["results"]), (200, &results), "{question}: {answer}");
        assert_eq!(answer["meta"], json!({ "source": "rows" }), "{question}");
    }
    let (_, all) = ask(json!({ "metrics": ["visitors", "pageviews"], "date_range": "day" }));
    assert_eq!(all["results"], json!([{ "dimensions": [], "metrics": [4, 6] }]));
    assert_eq!(all["meta"], json!({ "source": "rollups" }));
    let one = headcount.stats("breakdown?period=day&property=event:page&filters=visit:country==EE");
    assert_eq!(one, json!([{ "page": "/", "visitors": 2 }, { "page": "/docs", "visitors": 1 }]));

    let segments = "/api/v1/sites/segments";
    let filters = json!([["is", "visit:country", ["EE"]], ["is", "event:page", ["/docs"]]]);
    let readers = json!({ "id": 1, "name": "Readers", "filters": filters });
    let put = send("PUT", segments, json!({ "name": "Readers", "filters": filters }));
    assert_eq!(put, (200, readers.clone()));
    assert_eq!(send("GET", segments, Json::Null), (200, json!({ "segments": [readers] })));
    for wanted in [json!(1), json!("Readers")] {
        let question = json!({ "metrics": ["visitors"], "date_range": "day",
            "filters": [["not", ["is", "segment", [wanted]]]] });
        let (_, answer) = ask(question);
        assert_eq!(answer["results"][0]["metrics"], json!([4]), "{answer}");
        let question = json!({ "metrics": ["visitors", "pageviews"], "date_range": "day",
            "filters": [["is", "segment", [wanted]]] });
        let (_, answer) = ask(question);
        assert_eq!(answer["results"][0]["metrics"], json!([1, 1]), "{answer}");
    }
    for (body, names) in [
        (json!({ "name": "Bad", "filters": [["is", "event:pag", ["/"]]] }), "event:page"),
        (json!({ "name": "Bad" }), "`filters`"),
        (json!({ "name": "Bad", "filters": [["is", "segment", [1]]] }), "made of segments"),
        (json!({ "name": "Bad", "filters": filters, "public": true }), "`public`"),
    ] {
        let (status, answer) = send("PUT", segments, body);
        let line = answer["error"].as_str().unwrap();
        assert!(status == 400 && line.contains(names), "{status} {line}");
    }
    let through = json!({ "date_range": "day", "page": "/", "filters": [["is", "visit:country", ["EE", "DE"]]] });
    let (_, answer) = send("POST", "/api/v2/journeys", through);
    let page = |page: &str| json!({ "page": page, "visits": 1, "exits": 1 });
    assert_eq!(
        answer["results"],
        json!({ "page": "/", "visits": 3, "entries": 3, "exits": 1, "before": [],
            "after": [page("/docs"), page("/pricing")] })
    );
    let funnel = json!({ "date_range": "day", "steps": ["page /", "page /docs"],
        "filters": [["is", "segment", ["Readers"]]] });
    let (_, answer) = send("POST", "/api/v2/funnel", funnel);
    let visits = |nth: usize| answer["results"]["steps"][nth]["visits"].clone();
    assert_eq!((visits(0), visits(1)), (json!(1), json!(1)), "{answer}");
    let gone = send("DELETE", "/api/v1/sites/segments/1", Json::Null);
    assert_eq!(gone, (200, json!({ "deleted": true })));
    let (status, _) = send("DELETE", "/api/v1/sites/segments/1", Json::Null);
    assert_eq!(status, 404);
    let (status, answer) = ask(json!({ "metrics": ["visitors"], "date_range": "day",
        "filters": [["is", "segment", [1]]] }));
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("unknown segment `1`"));
}

#[test]
fn rows_of_sqlite_are_asked() {
    told("sqlite:headcount.db");
}

#[test]
fn rows_of_redis_are_asked() {
    let redis = RedisServer::start();
    told(&redis.url());
}

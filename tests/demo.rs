//! The demo: its website holds together, and its sample visitors are what they pretend to be.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use headcount::clock::Clock;
use headcount::demo::{self, history::Past, traffic::Pace};
use headcount::model::site::Site;
use headcount::store;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn listen(router: Router) -> url::Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base.parse().unwrap()
}

#[tokio::test]
async fn every_link_answers_but_the_broken_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(demo::serve(listener));
    let client = reqwest::Client::new();
    let mut open = vec!["/".to_owned()];
    let mut seen: BTreeMap<String, (u16, String)> = BTreeMap::new();
    while let Some(path) = open.pop() {
        if seen.contains_key(&path) {
            continue;
        }
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        if kind.starts_with("text/html") {
            let html = String::from_utf8(body.to_vec()).unwrap();
            assert!(html.contains("demo website"), "{path} says what it is");
            assert!(html.contains("<head>"), "{path}");
            for attribute in ["href=\"", "src=\""] {
                let links =
                    html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
                open.extend(links.filter(|link| link.starts_with('/')).map(str::to_owned));
            }
        }
        seen.insert(path, (status, kind));
    }
    let pages = seen.values().filter(|(_, kind)| kind.starts_with("text/html")).count();
    assert!(pages >= 13, "a dozen and the broken one: {seen:#?}");
    let broken: Vec<_> = seen.iter().filter(|(_, (status, _))| *status != 200).collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!((broken[0].0.as_str(), broken[0].1.0), ("/specials", 404));
    assert_eq!(seen["/menu.pdf"].1, "application/pdf");
    assert_eq!(seen["/feed.xml"].1, "application/atom+xml");
}

#[tokio::test]
async fn pages_can_be_revalidated() {
    let base = listen(demo::site()).await;
    let client = reqwest::Client::new();
    let url = base.join("/breads").unwrap();
    let first = client.get(url.clone()).send().await.unwrap();
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    let date = first.headers()["last-modified"].to_str().unwrap().to_owned();
    let length = first.content_length();
    for (name, value, status) in [
        ("if-none-match", etag.clone(), 304),
        ("if-none-match", format!("\"other\", W/{etag}"), 304),
        ("if-none-match", "*".to_owned(), 304),
        ("if-none-match", "\"other\"".to_owned(), 200),
        ("if-modified-since", date, 304),
        ("if-modified-since", "Mon, 01 Sep 2024 06:30:00 GMT".to_owned(), 200),
    ] {
        let again = client.get(url.clone()).header(name, &value).send().await.unwrap();
        assert_eq!(again.status(), status, "{name}: {value}");
        assert_eq!(again.headers()["etag"], etag);
    }
    let head = client.head(url.clone()).send().await.unwrap();
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), length.unwrap().to_string());
    assert_eq!(client.post(url).send().await.unwrap().status(), 405);
}

/// A request as it came, and the answer's status.
struct Seen {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    status: StatusCode,
    /// View id given out with the answer.
    view: Option<String>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What a proxy with headcount does as far as visitors can tell: gives out view ids, takes beacons.
async fn record(
    State(seen): State<Arc<Mutex<Vec<Seen>>>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap().to_vec();
    let mut response = match parts.uri.path() {
        "/api/track" => StatusCode::ACCEPTED.into_response(),
        _ => next.run(Request::from_parts(parts.clone(), Body::empty())).await,
    };
    let mut seen = seen.lock().unwrap();
    let view = format!("view-{}", seen.len());
    let timing = format!("hc;desc=\"{view}\"").parse().unwrap();
    response.headers_mut().insert("server-timing", timing);
    seen.push(Seen {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body,
        status: response.status(),
        view: Some(view),
    });
    response
}

async fn sample(seed: u64, burst: usize) -> (url::Url, Vec<Seen>) {
    let seen = Arc::default();
    let router = demo::site().layer(from_fn_with_state(Arc::clone(&seen), record));
    let base = listen(router).await;
    let zero = Duration::ZERO;
    let pace = Pace { burst, burst_pause: zero, interval: None, pause: zero };
    demo::traffic(base.clone(), "/api/track", seed, Clock::system(), pace).await;
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (base, seen)
}

#[tokio::test]
async fn sample_visitors_are_like_people_and_machines() {
    let (base, seen) = sample(1, 300).await;
    let host = base.as_str().trim_start_matches("http://").trim_end_matches('/');
    assert!(seen.iter().all(|request| request.header("host") == host));
    assert!(seen.iter().all(|request| !request.header("x-forwarded-for").is_empty()));

    let has = |what: &str, such: &dyn Fn(&Seen) -> bool| {
        assert!(seen.iter().any(such), "nobody: {what}");
    };
    has("a page not modified", &|r| r.status == 304);
    has("the broken link", &|r| r.status == 404 && r.target == "/specials");
    has("a download", &|r| r.target == "/menu.pdf");
    has("a prefetch", &|r| r.header("sec-purpose") == "prefetch");
    has("a campaign", &|r| r.target.contains("utm_source=newsletter"));
    has("a search engine's visitor", &|r| r.header("referer") == "https://www.google.com/");
    has("an assistant's visitor", &|r| r.header("referer") == "https://chatgpt.com/");
    for agent in ["Googlebot", "GPTBot", "curl", "iPhone", "Firefox", "Android"] {
        has(agent, &|r| r.header("user-agent").contains(agent));
    }
    has("a monitor", &|r| r.method == Method::HEAD);
    let countries: BTreeSet<_> =
        seen.iter().filter_map(|r| iptocc::country_code(r.header("x-forwarded-for"))).collect();
    assert!(countries.len() > 10, "{countries:?}");

    // Beacons are the script's: of views that were given out, to the same visitor.
    let beacons: Vec<_> = seen.iter().filter(|r| r.target == "/api/track").collect();
    let mut numbers = HashSet::new();
    let mut kinds = BTreeSet::new();
    for beacon in beacons {
        assert_eq!(beacon.header("content-type"), "application/json");
        assert_eq!(beacon.header("origin"), base.as_str().trim_end_matches('/'));
        for event in serde_json::from_slice::<Vec<Value>>(&beacon.body).unwrap() {
            assert!(numbers.insert(event["n"].as_u64().unwrap()));
            let view = event["view"].as_str().map(str::to_owned);
            let page = seen.iter().find(|r| r.view == view).unwrap();
            assert_eq!(page.header("x-forwarded-for"), beacon.header("x-forwarded-for"));
            assert_eq!(page.header("user-agent"), beacon.header("user-agent"));
            if event["nav"] == "load" {
                assert_eq!(page.target, event["pathname"].as_str().unwrap());
            }
            kinds.insert(format!("{}{}", event["type"], event["nav"]));
        }
    }
    let expected = [
        "\"click\"null",
        "\"download\"null",
        "\"engagement\"null",
        "\"event\"null",
        "\"outbound\"null",
        "\"pageview\"\"bfcache\"",
        "\"pageview\"\"history\"",
        "\"pageview\"\"load\"",
        "\"vital\"null",
    ];
    assert_eq!(kinds, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn the_seed_decides_what_they_do() {
    let requests = async |seed| {
        let (_, seen) = sample(seed, 20).await;
        let mut requests: Vec<_> = seen
            .iter()
            .map(|r| format!("{} {} {}", r.header("x-forwarded-for"), r.method, r.target))
            .collect();
        requests.sort();
        requests
    };
    let first = requests(7).await;
    assert_eq!(first, requests(7).await);
    assert_ne!(first, requests(8).await);
}

/// 2026-11-28 14:30 in Berlin, a Saturday.
const AFTERNOON: i64 = 1_795_872_600_000;

/// Sums of counts in a SQLite file, by day.
fn stored(file: &Path, dimension: &str, value: &str, metric: &str) -> BTreeMap<String, i64> {
    let database = rusqlite::Connection::open(file).unwrap();
    let of = "dimension = ? AND value = ? AND metric = ?";
    let all = format!("SELECT day, SUM(count) FROM daily WHERE {of} GROUP BY day");
    let mut all = database.prepare(&all).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    all.query_map([dimension, value, metric], row).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn days_gone_by_are_counted_as_they_were_made_up() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("counts.db");
    let url = format!("sqlite:{}", file.display()).parse().unwrap();
    let store = store::open(&url, dir.path()).unwrap();
    let site = Site { name: "demo".into(), timezone: Tz::Europe__Berlin, ..Site::default() };
    let mut past = Past::new(vec![site].into(), "127.0.0.1", AFTERNOON, 1).unwrap();
    let made_up = past.write(store.as_ref(), 50, AFTERNOON).await.unwrap().unwrap();

    let views = stored(&file, "total", "", "server");
    let days: Vec<&str> = views.keys().map(String::as_str).collect();
    assert_eq!((days[0], days[49], days.len()), ("2026-10-10", "2026-11-28", 50));
    assert_eq!(views.values().sum::<i64>() as u64, made_up.views);
    assert!(made_up.views > 5_000, "{made_up:?}");
    let orders = stored(&file, "event", "Order", "events");
    assert_eq!(orders.values().sum::<i64>() as u64, made_up.orders);
    assert!(made_up.orders > 50, "{made_up:?}");
    // Sundays are quiet, today is not over, and the robots came when they did.
    assert!(views["2026-11-22"] < views["2026-11-21"] * 7 / 10, "{views:?}");
    assert!(views["2026-11-28"] < views["2026-11-21"] * 8 / 10, "{views:?}");
    let slot = |at: i64| stored(&file, "slot", &(at / 900_000).to_string(), "server");
    assert!((1..40).any(|ago| !slot(AFTERNOON - ago * 900_000).is_empty()));
    assert!((1..40).all(|later| slot(AFTERNOON + later * 900_000).is_empty()));
    let robots = stored(&file, "bot_name", "Googlebot", "responses");
    assert!(robots["2026-10-19"] > robots["2026-10-12"] * 8, "{robots:?}");
    // Some are seen by the script, in most of their views; some come twice a day.
    let confirmed: i64 = stored(&file, "total", "", "confirmed").values().sum();
    assert!((60..90).contains(&(confirmed * 100 / made_up.views as i64)), "{confirmed}");
    let [visits, visitors] = ["visits", "visitors"]
        .map(|metric| stored(&file, "total", "", metric).values().sum::<i64>());
    assert!(visits > visitors * 105 / 100, "{visits} of {visitors}");
    assert!(stored(&file, "country", "DE", "visitors").values().sum::<i64>() > visitors / 10);

    // Once is enough.
    assert_eq!(past.write(store.as_ref(), 50, AFTERNOON).await.unwrap(), None);
    assert_eq!(stored(&file, "total", "", "server"), views);
}

//! The demo: its websites hold together, and their sample visitors are what they pretend to be.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use headcount::clock::Clock;
use headcount::config::{Config, Settings};
use headcount::demo::history::{Past, Summary};
use headcount::demo::traffic::{Door, Pace};
use headcount::demo::website::Website;
use headcount::demo::{self, BAKERY, HANDBOOK, WEBSITES};
use headcount::model::rollup::Dimension;
use headcount::model::row::{Kind, RowsOf};
use headcount::model::site::Site;
use headcount::store;
use headcount::visitor::Places;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
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
    for (website, broken, files) in [
        (&BAKERY, "/specials", [("/menu.pdf", "pdf"), ("/feed.xml", "atom+xml")]),
        (&HANDBOOK, "/dough/shaping", [("/cards.pdf", "pdf"), ("/changes.xml", "atom+xml")]),
    ] {
        let seen = all_of(website).await;
        let pages = seen.values().filter(|(_, kind)| kind.starts_with("text/html")).count();
        assert!(pages >= 13, "a dozen and the broken one: {seen:#?}");
        let not_there: Vec<_> = seen.iter().filter(|(_, (status, _))| *status != 200).collect();
        assert_eq!(not_there.len(), 1, "{not_there:?}");
        assert_eq!((not_there[0].0.as_str(), not_there[0].1.0), (broken, 404));
        for (path, kind) in files {
            assert_eq!(seen[path].1, format!("application/{kind}"));
        }
    }
}

/// Status and media type of all that links lead to.
async fn all_of(website: &'static Website) -> BTreeMap<String, (u16, String)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(website.serve(listener));
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
            assert!(html.contains("headcount's demo"), "{path} says what it is");
            assert!(html.contains("<head>"), "{path}");
            for attribute in ["href=\"", "src=\""] {
                let links =
                    html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap());
                open.extend(links.filter(|link| link.starts_with('/')).map(str::to_owned));
            }
        }
        seen.insert(path, (status, kind));
    }
    seen
}

#[tokio::test]
async fn pages_can_be_revalidated() {
    let base = listen(BAKERY.site()).await;
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

/// What visitors of a website asked for that they know as `demo.test`.
async fn sample(website: &'static Website, seed: u64, burst: usize) -> Vec<Seen> {
    let seen = Arc::default();
    let router = website.site().layer(from_fn_with_state(Arc::clone(&seen), record));
    let address = listen(router).await.socket_addrs(|| None).unwrap()[0];
    let zero = Duration::ZERO;
    let pace = Pace { burst, burst_pause: zero, interval: None, pause: zero };
    let door = Door { address, host: "demo.test".into(), track: "/api/track".into() };
    demo::traffic(website, door, seed, Clock::system(), pace).await;
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test]
async fn sample_visitors_are_like_people_and_machines() {
    for (website, broken, file, machines) in [
        (&BAKERY, "/specials", "/menu.pdf", "Googlebot GPTBot curl"),
        (&HANDBOOK, "/dough/shaping", "/cards.pdf", "Googlebot GPTBot ClaudeBot"),
    ] {
        let seen = sample(website, 1, 300).await;
        assert!(seen.iter().all(|request| request.header("host") == "demo.test"));
        assert!(seen.iter().all(|request| !request.header("x-forwarded-for").is_empty()));

        let has = |what: &str, such: &dyn Fn(&Seen) -> bool| {
            assert!(seen.iter().any(such), "nobody: {what}");
        };
        has("a page not modified", &|r| r.status == 304);
        has("the broken link", &|r| r.status == 404 && r.target == broken);
        has("a download", &|r| r.target == file);
        has("a prefetch", &|r| r.header("sec-purpose") == "prefetch");
        has("a campaign", &|r| r.target.contains("utm_medium=email"));
        has("a search engine's visitor", &|r| r.header("referer") == "https://www.google.com/");
        has("an assistant's visitor", &|r| r.header("referer") == "https://chatgpt.com/");
        for agent in machines.split(' ').chain(["iPhone", "Firefox", "Android"]) {
            has(agent, &|r| r.header("user-agent").contains(agent));
        }
        let countries: BTreeSet<_> =
            seen.iter().filter_map(|r| iptocc::country_code(r.header("x-forwarded-for"))).collect();
        assert!(countries.len() > 10, "{countries:?}");
        scripts_tell_what_was_seen(&seen, std::ptr::eq(website, &BAKERY));
    }
    let seen = sample(&BAKERY, 1, 300).await;
    assert!(seen.iter().any(|r| r.method == Method::HEAD), "a monitor");
}

/// Beacons are the script's: of views that were given out, to the same visitor.
fn scripts_tell_what_was_seen(seen: &[Seen], steps: bool) {
    let beacons: Vec<_> = seen.iter().filter(|r| r.target == "/api/track").collect();
    let mut numbers = HashSet::new();
    let mut kinds = BTreeSet::new();
    for beacon in beacons {
        assert_eq!(beacon.header("content-type"), "text/plain;charset=UTF-8");
        assert_eq!(beacon.header("origin"), "http://demo.test");
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
    let expected = expected.into_iter().filter(|kind| steps || !kind.contains("history"));
    assert_eq!(kinds, expected.map(str::to_owned).collect());
}

#[tokio::test]
async fn the_seed_decides_what_they_do() {
    let requests = async |seed| {
        let seen = sample(&BAKERY, seed, 20).await;
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

/// Sums of a site's counts in a SQLite file, by day.
fn stored(
    file: &Path,
    site: &str,
    dimension: &str,
    value: &str,
    metric: &str,
) -> BTreeMap<String, i64> {
    let database = rusqlite::Connection::open(file).unwrap();
    let of = "site = ? AND dimension = ? AND value = ? AND metric = ?";
    let all = format!("SELECT day, SUM(count) FROM daily WHERE {of} GROUP BY day");
    let mut all = database.prepare(&all).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    all.query_map([site, dimension, value, metric], row).unwrap().map(Result::unwrap).collect()
}

/// The same for all values like this, in their order and over all days.
fn stored_like(file: &Path, site: &str, dimension: &str, like: &str, metric: &str) -> Vec<i64> {
    let database = rusqlite::Connection::open(file).unwrap();
    let of = "site = ? AND dimension = ? AND value LIKE ? AND metric = ?";
    let all = format!("SELECT SUM(count) FROM daily WHERE {of} GROUP BY value ORDER BY value");
    let mut all = database.prepare(&all).unwrap();
    let sums = all.query_map([site, dimension, like, metric], |row| row.get(0)).unwrap();
    sums.map(Result::unwrap).collect()
}

#[tokio::test]
async fn days_gone_by_are_counted_as_they_were_made_up() {
    let (_dir, file, [made_up, _]) = fifty_days().await;
    let views = stored(&file, "demo", "total", "", "server");
    let days: Vec<&str> = views.keys().map(String::as_str).collect();
    assert_eq!((days[0], days[49], days.len()), ("2026-10-10", "2026-11-28", 50));
    assert_eq!(views.values().sum::<i64>() as u64, made_up.views);
    assert!(made_up.views > 5_000, "{made_up:?}");
    let deeds: i64 = ["Order", "Sign-up"]
        .iter()
        .flat_map(|name| stored(&file, "demo", "event", name, "events").into_values())
        .sum();
    assert_eq!(deeds as u64, made_up.deeds);
    assert!(made_up.deeds > 50, "{made_up:?}");
    // Sundays are quiet, today is not over, and the robots came when they did.
    assert!(views["2026-11-22"] < views["2026-11-21"] * 7 / 10, "{views:?}");
    assert!(views["2026-11-28"] < views["2026-11-21"] * 8 / 10, "{views:?}");
    let slot = |at: i64| stored(&file, "demo", "slot", &(at / 900_000).to_string(), "server");
    assert!((1..40).any(|ago| !slot(AFTERNOON - ago * 900_000).is_empty()));
    assert!((1..40).all(|later| slot(AFTERNOON + later * 900_000).is_empty()));
    let robots = stored(&file, "demo", "bot_name", "Googlebot", "responses");
    assert!(robots["2026-10-19"] > robots["2026-10-12"] * 8, "{robots:?}");
    // Some are seen by the script, in most of their views; some come twice a day.
    let confirmed: i64 = stored(&file, "demo", "total", "", "confirmed").values().sum();
    assert!((60..90).contains(&(confirmed * 100 / made_up.views as i64)), "{confirmed}");
    let [visits, visitors] = ["visits", "visitors"]
        .map(|metric| stored(&file, "demo", "total", "", metric).values().sum::<i64>());
    assert!(visits > visitors * 105 / 100, "{visits} of {visitors}");
    assert!(
        stored(&file, "demo", "country", "DE", "visitors").values().sum::<i64>() > visitors / 10
    );
}

#[tokio::test]
async fn each_site_has_a_past_of_its_own() {
    let (_dir, file, [bakery, handbook]) = fifty_days().await;
    let sum = |site, dimension, value, metric| {
        stored(&file, site, dimension, value, metric).values().sum::<i64>() as u64
    };
    assert_eq!(sum("demo", "total", "", "server"), bakery.views);
    assert_eq!(sum("handbook", "total", "", "server"), handbook.views);
    assert!(handbook.views > 1_000 && handbook.views < bakery.views * 4 / 5, "{handbook:?}");
    assert_eq!(sum("handbook", "event", "Helpful", "events"), handbook.deeds);
    assert!(handbook.deeds > 50, "{handbook:?}");
    // Neither has what is the other's.
    for (site, other, page) in
        [("demo", "handbook", "/breads/brioche"), ("handbook", "demo", "/starter/rescue")]
    {
        assert!(sum(site, "page", page, "server") > 100, "{page}");
        assert_eq!(sum(other, "page", page, "server"), 0, "{page}");
    }
    assert_eq!(sum("handbook", "event", "Order", "events"), 0);
    // Sunday is when people bake at home, and most of them are elsewhere.
    let days = stored(&file, "handbook", "total", "", "server");
    assert!(days["2026-11-22"] > days["2026-11-18"] * 3 / 2, "{days:?}");
    let from = |country| sum("handbook", "country", country, "visitors");
    assert!(from("US") > 3 * from("DE") && from("JP") > 0 && from("BR") > 0);
    // In its own time zone the day has not come so far: 8:30 in New York.
    let slot = |ago: i64| {
        stored(&file, "handbook", "slot", &((AFTERNOON / 900_000) - ago).to_string(), "server")
    };
    assert!((1..40).flat_map(slot).any(|(day, _)| day == "2026-11-28"));
    // A year of them is made up in seconds, and stays far below what is kept of rows at most.
    for past in [bakery, handbook] {
        assert!(past.views * 365 / 50 < 120_000 && past.rows * 365 / 50 < 500_000, "{past:?}");
    }
}

#[tokio::test]
async fn goals_are_reached_and_pages_differ_in_it() {
    let (dir, file, [bakery, _]) = fifty_days().await;
    // The handbook's course is read to its end by some, and by fewer from step to step.
    let steps = stored_like(&file, "handbook", "funnel_step", "First loaf%", "visits");
    assert!(steps.len() == 4 && steps.is_sorted_by(|a, b| a > b) && steps[3] > 5, "{steps:?}");
    let orders = stored_like(&file, "demo", "funnel_step", "Ordering%", "visits");
    assert!(orders.len() == 3 && orders[2] > 50, "{orders:?}");
    // Of some robots it is known that they are what they say.
    let proven =
        stored_like(&file, "demo", "bot_proof", "Googlebot%published address", "responses");
    assert!(proven.len() == 1 && proven[0] > 100, "{proven:?}");
    let revenue: i64 = stored(&file, "demo", "event", "Order", "revenue").values().sum();
    assert!(revenue > 50 * 6_500, "{revenue}");

    // Which page brought most sign-ups from Germany?
    let url = format!("sqlite:{}", file.display()).parse().unwrap();
    let store = store::open(&url, dir.path()).unwrap();
    let (mut from_germany, mut all) = (BTreeMap::<String, u64>::new(), 0);
    for day in stored(&file, "demo", "event", "Sign-up", "events").keys() {
        let rows = store.rows("demo", day.parse().unwrap(), RowsOf::People).await.unwrap();
        for row in
            rows.blocks.iter().flat_map(|packed| packed.block().unwrap().rows().collect::<Vec<_>>())
        {
            if row.kind != Kind::Event || &*row.name != "Sign-up" {
                continue;
            }
            all += 1;
            if row.of.traits.get(Dimension::Country) == Some("DE") {
                *from_germany.entry(row.page.to_string()).or_default() += 1;
            }
        }
    }
    let events: i64 = stored(&file, "demo", "event", "Sign-up", "events").values().sum();
    let orders: i64 = stored(&file, "demo", "event", "Order", "events").values().sum();
    assert_eq!((events, (events + orders) as u64), (all, bakery.deeds));
    let first = from_germany.remove("/recipes/starter").unwrap_or_default();
    assert!(first > 10 && from_germany.len() > 1, "{first}, {from_germany:?}");
    assert!(from_germany.values().all(|other| other * 2 < first), "{first}, {from_germany:?}");
}

/// A file with fifty days of both websites, and what was made up for them.
async fn fifty_days() -> (tempfile::TempDir, PathBuf, [Summary; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("counts.db");
    let url = format!("sqlite:{}", file.display()).parse().unwrap();
    let store = store::open(&url, dir.path()).unwrap();
    let config = Config::for_demo(&Settings::demo_defaults()).unwrap();
    let site =
        |(place, timezone): (usize, Tz)| Site { timezone, ..config.sites[place].site.clone() };
    let sites = [(0, Tz::Europe__Berlin), (1, Tz::America__New_York)].map(site);
    let sites: Arc<Vec<Site>> = Arc::new(sites.into());
    let places = Arc::new(Places::open(&[]).unwrap());
    let mut made_up = [Summary::default(); 2];
    for place in [0, 1] {
        let (website, here) = (WEBSITES[place], (sites.clone(), place));
        let mut past = Past::new(website, here, "127.0.0.1", places.clone(), AFTERNOON, 1);
        // As the demo does it: the nearest first, the others while it runs.
        for ago in [0..30, 30..50] {
            let part = past.write(store.as_ref(), ago, AFTERNOON).await.unwrap().unwrap();
            let Summary { views, deeds, rows } = &mut made_up[place];
            (*views, *deeds, *rows) = (*views + part.views, *deeds + part.deeds, *rows + part.rows);
        }
        // Once is enough.
        let name = &*sites[place].name;
        let views = stored(&file, name, "total", "", "server");
        assert_eq!(past.write(store.as_ref(), 0..50, AFTERNOON).await.unwrap(), None);
        assert_eq!(stored(&file, name, "total", "", "server"), views);
    }
    (dir, file, made_up)
}

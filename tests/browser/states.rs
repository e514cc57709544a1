//! What the dashboard shows where it cannot show the numbers of now, and how that ends.
//!
//! - a site begins: what to do next; programs alone do not end that, the first view does
//! - a time without views; a page that is being loaded; a question that cannot be answered
//! - the store is away: the last numbers with their time, or why there are none; or it takes nothing
//! - nobody is signed in any more; not theirs to see
//!
//! Each has a heading and a status of its own, and is JSON for programs. What passes by itself
//! leaves by itself, with JavaScript and without. On both stores, where these make a difference.

use crate::browser::Browser;
use crate::common::redis::RedisServer;
use crate::dashboard::{press, run, until, visit};
use crate::program::{Headcount, TOKEN};
use crate::site::Site;
use argon2::{Argon2, PasswordHasher};
use fantoccini::Locator;
use serde_json::{Value, json};

const TRUSTED: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];
const STATUS: &str = "return performance.getEntriesByType('navigation')[0].responseStatus";
const HEADING: &str = "return (document.querySelector('h1') || {}).textContent";
const STALE: &str = "return document.getElementById('stale').textContent";
const VIEWS: &str = "return document.querySelectorAll('.totals .figure')[2]?.textContent";
const FIRST_START: &str = "return document.querySelector('#first-start h2')?.textContent ?? null";

async fn script(browser: &Browser, runs: bool) {
    let off = json!({ "value": !runs });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
}

async fn go(browser: &Browser, headcount: &Headcount, path: &str) {
    browser.goto(&headcount.admin_url(path)).await.unwrap();
}

/// A page that says why there is nothing else: its status and its heading.
async fn refused(browser: &Browser, headcount: &Headcount, path: &str) -> (Value, Value, String) {
    go(browser, headcount, path).await;
    let why = run(browser, "return document.getElementById('why').textContent").await;
    let heading = run(browser, HEADING).await;
    (run(browser, STATUS).await, heading, why.as_str().unwrap().to_owned())
}

/// The same as a program is told: the status, and the line.
async fn told(headcount: &Headcount, path: &str, token: Option<&str>) -> (u16, String) {
    let mut request = reqwest::Client::new().get(headcount.admin_url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.header("accept", "application/json").send().await.unwrap();
    let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].clone());
    assert_eq!(kind, "application/json", "{path}");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"], "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_begins_in_sqlite() {
    begins("sqlite:counts.db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_begins_in_redis() {
    begins(&RedisServer::start().url()).await;
}

async fn begins(store: &str) {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), store, &TRUSTED);
    go(&browser, &headcount, "/").await;
    run(&browser, "window.kept = 1").await;
    assert_eq!(run(&browser, STATUS).await, 200);
    until(&browser, FIRST_START, json!("Waiting for the first pageview")).await;
    let entrance = "return document.querySelector('#first-start a').href";
    assert_eq!(run(&browser, entrance).await, headcount.url("/"));
    // Links into the documentation lead somewhere.
    let links =
        "return [...document.querySelectorAll('#first-start a')].slice(1).map((a) => a.href)";
    let links: Vec<String> = serde_json::from_value(run(&browser, links).await).unwrap();
    assert_eq!(links.len(), 2);
    for link in links {
        assert_eq!(reqwest::get(&link).await.unwrap().status(), 200, "{link}");
    }

    // A monitor is no visitor.
    let monitor = reqwest::Client::new().get(headcount.url("/")).header("user-agent", "curl/8.9.1");
    monitor.send().await.unwrap();
    let programs = "return /programs so far: 1\\./.test(document.body.textContent)";
    until(&browser, programs, json!(true)).await;
    assert_eq!(run(&browser, FIRST_START).await, "Waiting for the first pageview");

    visit(&headcount, "192.0.2.1", "/early").await;
    until(&browser, VIEWS, json!("1")).await;
    until(&browser, FIRST_START, Value::Null).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(headcount.total("pageviews").await, 1);

    // A time without views is another matter.
    go(&browser, &headcount, "/?period=day&date=2020-02-02").await;
    let nothing = "return document.querySelector('.nothing h2').textContent";
    assert_eq!(run(&browser, nothing).await, "No pageviews in this period");
    assert_eq!(run(&browser, STATUS).await, 200);
    let past = headcount.stats("aggregate?period=day&date=2020-02-02&metrics=pageviews").await;
    assert_eq!(past["pageviews"]["value"], 0);
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_view_is_shown_without_javascript_too() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &TRUSTED);
    script(&browser, false).await;
    go(&browser, &headcount, "/").await;
    until(&browser, FIRST_START, json!("Waiting for the first pageview")).await;
    visit(&headcount, "192.0.2.1", "/early").await;
    until(&browser, VIEWS, json!("1")).await;
    until(&browser, FIRST_START, Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_says_that_it_loads() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &TRUSTED);
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    go(&browser, &headcount, "/").await;
    let loads = "return [document.getElementById('busy').textContent,
        document.getElementById('view').ariaBusy, location.search]";
    assert_eq!(run(&browser, loads).await, json!(["", null, ""]));
    headcount.freeze();
    run(&browser, "document.querySelector('.periods a[href*=\"7d\"]').click()").await;
    until(&browser, loads, json!(["Loading …", "true", ""])).await;
    assert_eq!(run(&browser, VIEWS).await, "1", "the numbers stay");
    headcount.thaw();
    until(&browser, loads, json!(["", null, "?period=7d"])).await;
    assert_eq!(run(&browser, STALE).await, "");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_says_why() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &TRUSTED);
    let (unclear, nothing) = ("That cannot be shown", "There is nothing here");
    for (path, status, heading, said, line) in [
        ("/?period=fortnight", 400, unclear, "`fortnight`", "`fortnight`"),
        ("/?perod=7d", 400, unclear, "`perod`", "`perod`"),
        ("/?first=2026-02-30&last=2026-03-01", 400, unclear, "“2026-02-30”", "`2026-02-30`"),
        ("/?details=nothing", 400, unclear, "`nothing`", "`nothing`"),
        ("/settings/nothing", 400, unclear, "`nothing`", "`nothing`"),
        ("/no/such/page", 404, nothing, "No page has this address.", "there is nothing here"),
        ("/share/none", 404, nothing, "link", "link"),
    ] {
        let (shown, title, why) = refused(&browser, &headcount, path).await;
        assert_eq!((shown, title), (json!(status), json!(heading)), "{path}");
        assert!(why.contains(said), "{path}: {why}");
        let (of_program, why) = told(&headcount, path, None).await;
        assert_eq!(of_program, status, "{path}");
        assert!(why.contains(line), "{path}: {why}");
    }
    // What is a program's stays one's, whoever asks.
    let api = reqwest::Client::new().get(headcount.admin_url("/api/v1/stats/aggregate?period=x"));
    let answer = api.header("accept", "text/html").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"] == "application/json"),
        (400, true)
    );
    // Under a name that is not this machine's it answers nobody without credentials.
    browser.goto(&format!("http://other.localhost:{}/", headcount.admin)).await.unwrap();
    assert_eq!(run(&browser, STATUS).await, 403);
    assert_eq!(run(&browser, HEADING).await, "This is not yours to see");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_leaves_the_last_numbers() {
    let mut redis = RedisServer::start_durable();
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), &redis.url(), &TRUSTED);
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    // Seen once; what was not is not known.
    go(&browser, &headcount, "/?period=7d").await;
    until(&browser, VIEWS, json!("1")).await;

    for runs in [true, false] {
        redis.kill();
        script(&browser, runs).await;
        // Opened anew, not only left open.
        go(&browser, &headcount, "/?period=7d").await;
        assert_eq!(run(&browser, VIEWS).await, "1");
        assert_eq!(run(&browser, STATUS).await, 200);
        let stale = run(&browser, STALE).await.as_str().unwrap().to_owned();
        let read = run(&browser, "return document.getElementById('read').textContent").await;
        let of = format!("Not up to date: these are the numbers of {}.", read.as_str().unwrap());
        assert!(stale.starts_with(&of), "{stale}");
        let (status, heading, why) = refused(&browser, &headcount, "/?period=30d").await;
        assert_eq!((status, heading), (json!(503), json!("The counts are out of reach")));
        assert_eq!(why, "The store cannot be read");
        let detail = run(&browser, "return document.getElementById('detail').textContent").await;
        // Programs are told no numbers that may be wrong by now.
        for path in ["/api/v1/stats/aggregate?period=7d", "/?period=30d"] {
            let (status, line) = told(&headcount, path, None).await;
            assert_eq!((status, json!(line)), (503, detail.clone()), "{path}");
        }
        go(&browser, &headcount, "/?period=7d").await;
        redis.restart();
        until(&browser, STALE, json!("")).await;
        until(&browser, VIEWS, json!("1")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_nothing_is_told_and_comes_back() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &TRUSTED);
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;
    go(&browser, &headcount, "/").await;
    until(&browser, VIEWS, json!("1")).await;
    // Somebody else writes for a long time.
    let file = rusqlite::Connection::open(headcount.dir.path().join("counts.db")).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    visit(&headcount, "192.0.2.2", "/late").await;
    let behind = "return document.getElementById('stale').textContent.includes('counted since')";
    until(&browser, behind, json!(true)).await;
    assert_eq!(run(&browser, VIEWS).await, "1", "the numbers stay");
    file.execute_batch("COMMIT").unwrap();
    until(&browser, VIEWS, json!("2")).await;
    until(&browser, STALE, json!("")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_is_led_to_the_door() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let hash = Argon2::default().hash_password(b"open sesame").unwrap().to_string();
    let more = [&TRUSTED[..], &["--admin-auth-password-hash", &hash, "--admin-auth-tokens", TOKEN]]
        .concat();
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &more);
    go(&browser, &headcount, "/?period=7d").await;
    assert_eq!(run(&browser, HEADING).await, "Sign in");
    assert_eq!(run(&browser, "return location.pathname").await, "/login");
    for path in ["/", "/?period=7d", "/settings/goals", "/api/v1/stats/aggregate"] {
        let (status, line) = told(&headcount, path, None).await;
        assert_eq!(status, 401, "{path}");
        assert!(line.contains("Authorization: Bearer TOKEN"), "{line}");
    }
    // A program with a token changes nothing that is people's.
    let (status, _) = told(&headcount, "/?period=x", Some(TOKEN)).await;
    assert_eq!(status, 400);

    let password = browser.find(Locator::Css("#password")).await.unwrap();
    password.send_keys("open sesame").await.unwrap();
    press(&browser, Locator::Css("form button[type=submit]")).await;
    until(&browser, "return !!document.getElementById('view')", json!(true)).await;
    // Signed out elsewhere: the page that was left open leads to the door by itself.
    run(&browser, "fetch('/logout', { method: 'POST' })").await;
    until(&browser, "return location.pathname", json!("/login")).await;
    until(&browser, HEADING, json!("Sign in")).await;
}

//! Pages that keep the tracker they had: as its publisher has it (put beside the compiled tests by
//! `.ci/trackers`, which `make test` runs), or by its snippet with our script in its manner; each
//! alone, and beside the tag of our own.
//!
//! - loads, a page again, navigations within a document to and fro, a page from the browser's cache:
//!   each view once
//! - an event with properties and revenue, an element marked as one, a link away: once each
//! - one visitor, one visit; no script fails
//! - attention, from one of those that tell of it

mod snippets;

use crate::attention::WITNESS;
use crate::browser::Browser;
use crate::common::pause;
use crate::program::Headcount;
use crate::stage::counted;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use fantoccini::Locator;
use snippets::{
    ALL, AS_GOATCOUNTER, AS_MANUAL_PLAUSIBLE, AS_NEW_PLAUSIBLE, AS_PLAUSIBLE, AS_UMAMI,
    BARBAPAPAZES, GOATCOUNTER, GOATCOUNTERS_OWN, PLAUSIBLE, PLAUSIBLE_TRACKER, Tracker, UMAMI,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../trackers");

/// How long anything may take that should be done at once.
const PATIENCE: Duration = Duration::from_secs(90);

/// The website; gives its port. `/TRACKER/PAGE` is a page with that tracker, `/TRACKER/kept…` one
/// that the browser keeps. Scripts of trackers are those that `make test` installs, and the one that
/// `GOATCOUNTER_SCRIPT` names.
async fn website() -> u16 {
    let script = |text: String| ([(header::CONTENT_TYPE, "text/javascript")], text).into_response();
    let file = async move |Path(path): Path<String>| -> Response {
        let file = std::path::Path::new(FOLDER).join(&path);
        // Packages name their own files without what they end in.
        let file = if file.is_file() { file } else { format!("{}.js", file.display()).into() };
        let text = std::fs::read_to_string(&file);
        script(text.unwrap_or_else(|e| panic!("{path}: `make test` installs trackers ({e})")))
    };
    let goatcounters_own = async move || -> Response {
        let file = std::env::var("GOATCOUNTER_SCRIPT").expect("it names the script");
        script(std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}")))
    };
    let router = Router::new()
        .route("/npm/{*path}", get(file))
        .route("/goatcounters-own.js", get(goatcounters_own))
        .route("/favicon.ico", get(async || axum::http::StatusCode::NO_CONTENT))
        .fallback(page);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = router.layer(axum::Extension(port));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn page(
    axum::Extension(port): axum::Extension<u16>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let host = headers[header::HOST].to_str().unwrap();
    let name = uri.path().split('/').nth(1).unwrap_or_default();
    let head = ALL.iter().find(|tracker| tracker.name == name).map_or("", |tracker| tracker.head);
    let page = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Page</title>{}</head>\
         <body><p>Page</p>\
         <button id=marked class=\"plausible-event-name=Sign+up plausible-event-plan=basic\" \
         data-umami-event=\"Sign up\" data-umami-event-plan=basic \
         data-goatcounter-click=\"Sign up\">sign up</button>\
         <a id=out href=http://other.test:{port}/landing?secret=1>away</a></body></html>",
        head.replace("HOST", host)
    );
    let kept = if uri.path().contains("kept") { "max-age=600" } else { "no-cache" };
    ([(header::CACHE_CONTROL, kept)], Html(page)).into_response()
}

/// A browser on the site, and what must have been counted so far.
struct Scene {
    tracker: &'static Tracker,
    browser: Browser,
    headcount: Headcount,
    expected: BTreeMap<String, [i64; 3]>,
    /// Navigations of the document that is shown.
    navigations: usize,
}

impl Scene {
    async fn set(tracker: &'static Tracker, beside: bool) -> Self {
        let names = "--host-resolver-rules=MAP *.test 127.0.0.1";
        // Some trackers do not count browsers that say they are driven.
        let person = "--disable-blink-features=AutomationControlled";
        let browser = Browser::visitor_with(&[names, person]).await;
        let upstream = format!("http://127.0.0.1:{}", website().await);
        let more = ["--event-apis", "plausible,umami,goatcounter", "--currency", "EUR"];
        // Alone, links away are told of by what the tracker itself does.
        let headcount = match beside {
            true => Headcount::start(&upstream, "sqlite:counts.db", &more),
            false => Headcount::start_bare(&upstream, "sqlite:counts.db", &more),
        };
        Self { tracker, browser, headcount, expected: BTreeMap::new(), navigations: 0 }
    }

    fn path(&self, page: &str) -> String {
        format!("/{}/{page}", self.tracker.name)
    }

    /// Opens a page; the website answers it, or the browser's cache does.
    async fn open(&mut self, page: &str, from_cache: bool) {
        let path = self.path(page);
        let url = format!("http://site.test:{}{path}", self.headcount.port);
        self.browser.goto(&url).await.unwrap();
        self.expected.entry(path).or_default()[if from_cache { 2 } else { 1 }] += 1;
        self.navigations = 1;
        self.until_told().await;
        self.until_counted().await;
    }

    /// Goes to a page within the document.
    async fn push(&mut self, page: &str) {
        let path = self.path(page);
        let script = format!("history.pushState({{}}, '', '{path}');{}", self.tracker.pushed);
        self.browser.execute(&script, vec![]).await.unwrap();
        self.expected.entry(path).or_default()[2] += 1;
        self.navigations += 1;
        self.until_told().await;
        self.until_counted().await;
    }

    /// Until the tracker has told of where it is, and has been answered.
    async fn until_told(&self) {
        let Some(sends) = self.tracker.sends_late else { return };
        let script = "return performance.getEntriesByType('resource')
            .filter((sent) => sent.name.endsWith(arguments[0]) && sent.responseEnd > 0).length";
        let begun = Instant::now();
        loop {
            let told = self.browser.execute(script, vec![sends.into()]).await.unwrap();
            if told == self.navigations {
                return;
            }
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{}: told {told} times, not {}", self.tracker.name, self.navigations);
            tokio::time::sleep(pause(begun)).await;
        }
    }

    async fn until_counted(&self) {
        let begun = Instant::now();
        loop {
            let metrics = ["server_pageviews", "confirmed_pageviews", "browser_pageviews"];
            let rows = self.headcount.rows("event:page", metrics).await.into_iter();
            let row = |(page, [server, confirmed, browser]): (String, [i64; 3])| {
                (page, [server - confirmed, confirmed, browser])
            };
            let counted: BTreeMap<_, _> = rows.map(row).collect();
            if counted == self.expected {
                return;
            }
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{}: {counted:?}, not {:?}", self.tracker.name, self.expected);
            tokio::time::sleep(pause(begun)).await;
        }
    }

    /// Seconds that a page was read, by view.
    async fn time_on(&self, page: &str) -> f64 {
        let question = "breakdown?period=day&property=event:page&metrics=time_on_page";
        let rows = self.headcount.stats(question).await;
        let row = rows.as_array().unwrap().iter().find(|row| row["page"] == page);
        row.and_then(|row| row["time_on_page"].as_f64()).unwrap_or_default()
    }

    async fn until_events(&self, name: &str, expected: Option<[i64; 2]>) {
        let begun = Instant::now();
        loop {
            let rows = self.headcount.rows("event:name", ["conversions", "visitors"]).await;
            let counted = rows.get(name).copied();
            if counted == expected {
                return;
            }
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{}: {name}: {counted:?}, not {expected:?}", self.tracker.name);
            tokio::time::sleep(pause(begun)).await;
        }
    }
}

async fn counts(tracker: &'static Tracker, beside: bool) {
    let mut scene = Scene::set(tracker, beside).await;
    scene.open("one", false).await;
    scene.open("two", false).await;
    scene.push("three").await;
    scene.push("two").await;
    scene.open("two", false).await;
    scene.open("kept", false).await;
    scene.open("one", false).await;
    scene.open("kept", true).await;
    scene.browser.execute("buy()", vec![]).await.unwrap();
    scene.browser.find(Locator::Css("#marked")).await.unwrap().click().await.unwrap();
    scene.browser.find(Locator::Css("#out")).await.unwrap().click().await.unwrap();
    // Some follow the link themselves, a moment later: they would take over the next navigation.
    let begun = Instant::now();
    while !scene.browser.current_url().await.unwrap().as_str().contains("/landing") {
        assert!(begun.elapsed() < PATIENCE, "{}: the link is not followed", tracker.name);
        tokio::time::sleep(pause(begun)).await;
    }
    // What is sent on leaving comes before the next page's.
    scene.open("last", false).await;

    scene.until_events("Buy", Some([1, 1])).await;
    // What a page says before the script is there.
    let early = tracker.head.contains("'Early'").then_some([2, 1]);
    scene.until_events("Early", early).await;
    let outbound = tracker.outbound || tracker.own || beside;
    scene.until_events("Outbound Link: Click", outbound.then_some([1, 1])).await;
    let (properties, worth) = tracker.tells;
    let (marked, marked_properties) = tracker.marks;
    scene.until_events("Sign up", marked.then_some([1, 1])).await;
    if properties || marked_properties {
        let rows = scene.headcount.rows("event:props:plan", ["conversions", "visitors"]).await;
        for (plan, told) in [("pro", properties), ("basic", marked_properties)] {
            let told = told.then_some(&[1, 1]);
            assert_eq!(rows.get(plan), told, "{}: {rows:?}", tracker.name);
        }
    }
    let question = "breakdown?period=day&property=event:name&metrics=total_revenue";
    let rows = scene.headcount.stats(question).await;
    let bought = rows.as_array().unwrap().iter().find(|row| row["name"] == "Buy");
    let revenue = bought.and_then(|row| row["total_revenue"].as_f64());
    assert_eq!(revenue, worth.then_some(9.5), "{}", tracker.name);
    for (metric, n) in [("pageviews", 9), ("visitors", 1), ("visits", 1)] {
        assert_eq!(scene.headcount.total(metric).await, n, "{}: {metric}", tracker.name);
    }
    // Without an id: a tracker that is not ours, and what the server has not seen.
    let counted = counted(&scene.headcount, &[]).await;
    assert_eq!(counted.pages, scene.expected, "{}", tracker.name);
    if !beside {
        let unverified = if tracker.own { 0 } else { 3 };
        assert_eq!(counted.unverified, unverified, "{}", tracker.name);
    }
    let console = scene.browser.console().await;
    let failed: Vec<_> = console.iter().filter(|line| line.contains("Uncaught")).collect();
    assert!(failed.is_empty(), "{}: {failed:?}", tracker.name);
}

/// Both trackers tell how long a page was read; one of them is believed.
async fn reads(beside: bool) {
    let mut scene = Scene::set(&PLAUSIBLE, beside).await;
    scene.open("one", false).await;
    scene.browser.execute(WITNESS, vec![]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    scene.open("two", false).await;
    let read = scene.browser.execute("return +sessionStorage.read", vec![]).await.unwrap();
    let read = read.as_f64().unwrap() / 1_000.0;
    assert!(read > 3.5, "the test itself: {read}");

    let (page, begun) = (scene.path("one"), Instant::now());
    loop {
        let told = scene.time_on(&page).await;
        if (told - read).abs() <= 0.1 * read + 0.5 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{told} s for {read}");
        tokio::time::sleep(pause(begun)).await;
    }
    // What is told later of the same reading adds nothing.
    scene.open("last", false).await;
    let told = scene.time_on(&page).await;
    assert!((told - read).abs() <= 0.1 * read + 0.5, "{told} s for {read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_from_plausible_alone() {
    reads(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_beside_our_tag_counts_once() {
    reads(true).await;
}

macro_rules! each {
    ($($(#[$attribute:meta])* $test:ident: $tracker:expr, $beside:expr;)*) => {
        $(
            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                counts(&$tracker, $beside).await;
            }
        )*
    };
}

each! {
    plausible_alone: PLAUSIBLE, false;
    plausible_beside_our_tag: PLAUSIBLE, true;
    plausible_tracker_alone: PLAUSIBLE_TRACKER, false;
    plausible_tracker_beside_our_tag: PLAUSIBLE_TRACKER, true;
    barbapapazes_alone: BARBAPAPAZES, false;
    barbapapazes_beside_our_tag: BARBAPAPAZES, true;
    umami_alone: UMAMI, false;
    umami_beside_our_tag: UMAMI, true;
    goatcounter_alone: GOATCOUNTER, false;
    goatcounter_beside_our_tag: GOATCOUNTER, true;
    #[ignore = "needs GoatCounter's own script: make trackers"]
    goatcounters_own_alone: GOATCOUNTERS_OWN, false;
    #[ignore = "needs GoatCounter's own script: make trackers"]
    goatcounters_own_beside_our_tag: GOATCOUNTERS_OWN, true;
    our_script_as_plausible_alone: AS_PLAUSIBLE, false;
    our_script_as_plausible_beside_our_tag: AS_PLAUSIBLE, true;
    our_script_as_new_plausible_alone: AS_NEW_PLAUSIBLE, false;
    our_script_as_new_plausible_beside_our_tag: AS_NEW_PLAUSIBLE, true;
    our_script_as_manual_plausible_alone: AS_MANUAL_PLAUSIBLE, false;
    our_script_as_manual_plausible_beside_our_tag: AS_MANUAL_PLAUSIBLE, true;
    our_script_as_umami_alone: AS_UMAMI, false;
    our_script_as_umami_beside_our_tag: AS_UMAMI, true;
    our_script_as_goatcounter_alone: AS_GOATCOUNTER, false;
    our_script_as_goatcounter_beside_our_tag: AS_GOATCOUNTER, true;
}
